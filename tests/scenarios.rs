//! Every folder in `scenarios/` binds, and runs a few steps.

use std::fs;
use std::path::{Path, PathBuf};

use sim::output::Writers;
use sim::plan::bind;
use sim::scenario::parse;
use sim::simulation::Simulation;

fn folders() -> Vec<PathBuf> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = fs::read_dir(home)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

#[test]
fn every_scenario_binds_and_steps() {
    let folders = folders();
    assert!(!folders.is_empty());
    for folder in folders {
        let name = folder.display();
        let scenario = parse::read(&folder, &[], None)
            .unwrap_or_else(|problems| panic!("{name}: {}", problems[0]));
        Writers::check(&scenario.outputs.write).unwrap_or_else(|error| panic!("{name}: {error}"));
        let bound = bind(scenario).unwrap_or_else(|message| panic!("{name}: {message}"));
        let mut simulation =
            Simulation::new(bound, 2).unwrap_or_else(|message| panic!("{name}: {message}"));
        assert!(simulation.cells() > 0 || !simulation.plan().scenario.arrivals.is_empty());
        // One step of each clock, and one mechanics step more.
        let clocks = simulation.plan().scenario.clocks.clone();
        let ticks = clocks.phenotype_ticks() + clocks.mechanics_ticks();
        for _ in 0..ticks {
            simulation
                .step()
                .unwrap_or_else(|message| panic!("{name}: {message}"));
        }
        let densities = simulation.tissue().densities();
        assert!(
            densities
                .iter()
                .all(|density| density.is_finite() && *density >= 0.0)
        );
        let cells = simulation.table();
        assert!(cells.position.iter().flatten().all(|x| x.is_finite()));
        assert!(
            cells
                .radius
                .iter()
                .all(|radius| *radius > 0.0 && radius.is_finite())
        );
    }
}

#[test]
fn the_small_tumor_has_the_biology_of_the_large_one() {
    let biology = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("scenarios")
            .join(name);
        let scenario = parse::read(&folder, &[], None)
            .unwrap_or_else(|problems| panic!("{name}: {}", problems[0]));
        let rules = scenario.rules.iter().map(|source| {
            let file = source.binding.file.canonicalize().unwrap();
            format!("{}: {}", source.name, file.display())
        });
        let rules: Vec<String> = rules.collect();
        let same = (
            &scenario.cell_types,
            &scenario.substrates,
            &scenario.clocks,
            &scenario.readouts,
            rules,
        );
        serde_json::to_value(same).unwrap()
    };
    assert_eq!(biology("tumor_immune_small"), biology("tumor_immune"));
}
