//! Latent vectors as ordinary state of cells: named, read, written, inherited, shown.

use std::collections::HashMap;
use std::fs;

use rules::{Declared, Inherit};
use sim::output::{CellTable, EventKind};
use sim::plan::{Bound, bind, latents::Latents};
use sim::scenario::{Scenario, parse};
use sim::simulation::Simulation;
use tempfile::TempDir;

/// The scenario of a folder that holds these files, and the folder.
fn scenario(files: &[(&str, &str)]) -> (Scenario, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let read = parse::read(folder.path(), &[], None);
    (
        read.unwrap_or_else(|problems| panic!("{problems:?}")),
        folder,
    )
}

fn bound(files: &[(&str, &str)]) -> Result<Bound, String> {
    let (scenario, _folder) = scenario(files);
    bind(scenario)
}

fn simulation(files: &[(&str, &str)], threads: usize) -> Simulation {
    Simulation::new(bound(files).unwrap(), threads).unwrap()
}

fn run(simulation: &mut Simulation, minutes: f64) {
    while simulation.time() < minutes {
        simulation.step().unwrap();
    }
}

fn refusal(files: &[(&str, &str)]) -> String {
    match bound(files) {
        Ok(_) => panic!("nothing was refused"),
        Err(message) => message,
    }
}

/// The column of this name, by cell.
fn column<'a>(table: &'a CellTable, name: &str) -> &'a [f64] {
    let mut columns = table.extra.iter();
    let column = columns.find(|column| column.name == name);
    &column.unwrap_or_else(|| panic!("no column {name}")).values
}

const BOX: &str = r#"duration = "60 min"
clocks = { diffusion = 0.1, mechanics = 0.1, phenotype = 6 }
domain = { dimensions = 2, size = [400, 400] }
"#;

#[test]
fn written_rules_read_and_write_components_by_name() {
    let text = format!(
        r#"{BOX}
[cell_types."T cell"]
custom = {{ signal = 3 }}
[cell_types.tumor]
[cells.killers]
type = "T cell"
at = [[0, 0]]
[cells.nodule]
type = "tumor"
at = [[100, 0]]
[latents."fate times two/2"]
initial = [1, 0]
types = ["T cell"]
[rules]
fate = "fate.rules"
[outputs]
cell_columns = ["latent:fate times two/2", "migration speed"]
"#
    );
    // 3 / (3 + 1) of the way towards 4; then the component itself, 3, at half-max 3.
    let rules = r#"T cell: custom:signal increases "latent:fate times two/2:1" towards 4, half-max 1, Hill power 1
T cell: "latent:fate times two/2:1" increases migration speed towards 8 µm/min, half-max 3, Hill power 1
"#;
    let mut simulation = simulation(&[("scenario.toml", &text), ("fate.rules", rules)], 1);
    run(&mut simulation, 6.0);
    let table = simulation.table();
    let at = |kind: u16| table.cell_type.iter().position(|&of| of == kind).unwrap();
    let (killer, tumor) = (at(0), at(1));
    let second = column(&table, "latent:fate times two/2:1");
    assert_eq!(second[killer], 3.0);
    assert_eq!(column(&table, "latent:fate times two/2:0")[killer], 1.0);
    assert!(second[tumor].is_nan(), "a tumor cell has no such vector");
    // All reads come before any write: the speed is that of the initial 0.
    assert_eq!(column(&table, "migration speed")[killer], 0.0);
    run(&mut simulation, 12.0);
    let table = simulation.table();
    assert_eq!(column(&table, "migration speed")[killer], 4.0);
}

#[test]
fn components_are_held_in_32_bits() {
    let text = format!(
        r#"{BOX}
[cell_types.tumor]
[cells.nodule]
type = "tumor"
file = "cells.csv"
[latents."dose/1"]
types = ["tumor"]
[outputs]
cell_columns = ["latent:dose/1:0"]
"#
    );
    let cells = "x,y,latent:dose/1:0\n0,0,0.1\n50,0,\n";
    let mut simulation = simulation(&[("scenario.toml", &text), ("cells.csv", cells)], 1);
    let table = simulation.table();
    let mut stated = column(&table, "latent:dose/1:0").to_vec();
    stated.sort_by(f64::total_cmp);
    assert_eq!(stated, [0.0, f64::from(0.1f32)]);
}

/// Four hundred cells that all divide at 30 min, with a vector of each way to inherit.
fn dividing(noise: f64) -> String {
    format!(
        r#"seed = 11
duration = "60 min"
clocks = {{ diffusion = 0.1, mechanics = 6, phenotype = 6 }}
domain = {{ dimensions = 2, size = [2000, 2000] }}
[cell_types.stem.cycle]
model = "custom"
phases = [{{ name = "all", duration = "30 min", fixed = true, divides = true }}]
[cells.first]
type = "stem"
count = 400
[latents."whole/2"]
initial = [1.5, -2]
types = ["stem"]
[latents."amount/2"]
inherit = "split"
initial = [3, 0.7]
types = ["stem"]
[latents."loose/3"]
inherit = {{ noise = {noise} }}
initial = 10
types = ["stem"]
[outputs]
cell_columns = ["latent:whole/2", "latent:amount/2", "latent:loose/3"]
"#
    )
}

#[test]
fn daughters_get_what_their_space_says() {
    let text = dividing(0.25);
    let mut simulation = simulation(&[("scenario.toml", &text)], 2);
    run(&mut simulation, 33.0);
    let table = simulation.table();
    assert_eq!(table.id.len(), 800, "every cell has divided once");
    for (name, value) in [
        ("latent:whole/2:0", 1.5f32),
        ("latent:whole/2:1", -2.0),
        ("latent:amount/2:0", 1.5),
        ("latent:amount/2:1", 0.35),
    ] {
        assert!(
            column(&table, name)
                .iter()
                .all(|&of| of == f64::from(value)),
            "{name}"
        );
    }
    // 800 independent normal deviates a component: the mean within 5 standard errors of 10, the
    // variance within 5 of σ² (variance of the sample's variance 2σ⁴/n), and no correlation of
    // components, nor of the two children of one mother.
    let sigma = 0.25;
    let columns: Vec<&[f64]> = (0..3)
        .map(|at| column(&table, &format!("latent:loose/3:{at}")))
        .collect();
    let n = 800.0;
    let covariance = |pairs: &mut dyn Iterator<Item = (f64, f64)>| {
        let products: Vec<f64> = pairs.map(|(a, b)| (a - 10.0) * (b - 10.0)).collect();
        products.iter().sum::<f64>() / products.len() as f64
    };
    for values in &columns {
        let mean = values.iter().sum::<f64>() / n;
        assert!((mean - 10.0).abs() < 5.0 * sigma / n.sqrt(), "mean {mean}");
        let variance = covariance(&mut values.iter().map(|&value| (value, value)));
        let bound = 5.0 * sigma * sigma * (2.0 / n).sqrt();
        assert!(
            (variance - sigma * sigma).abs() < bound,
            "variance {variance}"
        );
    }
    let bound = 5.0 * sigma * sigma / n.sqrt();
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let (a, b) = (columns[a].iter(), columns[b].iter());
        let between = covariance(&mut a.zip(b).map(|(a, b)| (*a, *b)));
        assert!(between.abs() < bound, "covariance of components {between}");
    }
    let row: HashMap<u64, usize> = table.id.iter().copied().zip(0..).collect();
    let events = simulation.events().iter();
    let mut sisters = events
        .filter(|event| event.kind == EventKind::Division)
        .map(|event| (row[&event.cell], row[&event.partner.unwrap()]))
        .map(|(a, b)| (columns[0][a], columns[0][b]));
    let between = covariance(&mut sisters);
    let bound = bound * 2f64.sqrt();
    assert!(between.abs() < bound, "covariance of sisters {between}");
}

#[test]
fn split_vectors_are_conserved_through_divisions() {
    let text = dividing(0.0);
    let mut simulation = simulation(&[("scenario.toml", &text)], 1);
    let total = |simulation: &mut Simulation| {
        let table = simulation.table();
        column(&table, "latent:amount/2:1").iter().sum::<f64>()
    };
    let before = total(&mut simulation);
    run(&mut simulation, 60.0);
    assert_eq!(simulation.cells(), 1600);
    let after = total(&mut simulation);
    assert!(
        (after / before - 1.0).abs() < 1e-6,
        "{before} became {after}"
    );
    // Noise of no size is a copy.
    let table = simulation.table();
    assert!(
        column(&table, "latent:loose/3:2")
            .iter()
            .all(|&of| of == 10.0)
    );
}

#[test]
fn a_cell_keeps_its_vector_in_a_type_that_has_the_space_too() {
    let text = format!(
        r#"{BOX}
[cell_types.naive]
transformations = {{ effector = 1e6 }}
[cell_types.effector]
[cells.first]
type = "naive"
file = "cells.csv"
[latents."fate/2"]
initial = 1
types = ["naive", "effector"]
[latents."lost/1"]
initial = 2
types = ["naive"]
[latents."found/1"]
initial = 3
types = ["effector"]
[outputs]
cell_columns = ["latent:fate/2", "latent:lost/1", "latent:found/1"]
"#
    );
    let cells = "x,y,latent:fate/2:1,latent:lost/1:0\n0,0,7,8\n";
    let mut simulation = simulation(&[("scenario.toml", &text), ("cells.csv", cells)], 1);
    run(&mut simulation, 6.0);
    let table = simulation.table();
    assert_eq!(table.cell_type, [1], "the cell has become an effector");
    assert_eq!(column(&table, "latent:fate/2:0"), [1.0]);
    assert_eq!(column(&table, "latent:fate/2:1"), [7.0]);
    assert_eq!(column(&table, "latent:found/1:0"), [3.0]);
    assert!(column(&table, "latent:lost/1:0")[0].is_nan());
}

#[test]
fn what_a_cell_absorbs_adds_to_its_amounts_alone() {
    let text = format!(
        r#"{BOX}
[cell_types.macrophage]
interactions = {{ phagocytose = {{ tumor = 1e6 }} }}
[cell_types.tumor]
mechanics = {{ repulsion = 0 }}
[cells.eaters]
type = "macrophage"
at = [[0, 0]]
[cells.prey]
type = "tumor"
at = [[10, 0]]
[latents."amount/1"]
inherit = "split"
initial = 4
types = ["macrophage", "tumor"]
[latents."fate/1"]
initial = 5
types = ["macrophage", "tumor"]
[outputs]
cell_columns = ["latent:amount/1", "latent:fate/1"]
"#
    );
    let mut simulation = simulation(&[("scenario.toml", &text)], 1);
    run(&mut simulation, 1.0);
    let table = simulation.table();
    assert_eq!(table.id.len(), 1, "the tumor cell is eaten");
    assert_eq!(column(&table, "latent:amount/1:0"), [8.0]);
    assert_eq!(column(&table, "latent:fate/1:0"), [5.0]);
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let text = dividing(0.25);
    let bits = |threads: usize| {
        let mut simulation = simulation(&[("scenario.toml", &text)], threads);
        run(&mut simulation, 45.0);
        let table = simulation.table();
        let columns = table.extra.iter();
        let bits = columns.flat_map(|column| column.values.iter().map(|value| value.to_bits()));
        (table.id.clone(), bits.collect::<Vec<u64>>())
    };
    let one = bits(1);
    for threads in [2, 3, 8] {
        assert!(one == bits(threads), "{threads} threads");
    }
}

#[test]
fn a_name_that_a_type_does_not_have_is_refused_with_a_way_out() {
    let text = format!(
        r#"{BOX}
[cell_types.naive]
[cell_types.tumor]
[latents."fate/2"]
types = ["naive"]
[rules]
fate = "fate.rules"
"#
    );
    let rules =
        "tumor: latent:fate/2:0 increases migration speed towards 8, half-max 3, Hill power 1\n";
    let said = refusal(&[("scenario.toml", &text), ("fate.rules", rules)]);
    assert_eq!(
        said,
        "rules `fate` speak of `latent:fate/2:0` of `tumor`, which has no such number\n  \
         give it the space in the scenario: [latents.\"fate/2\"] types = [\"tumor\"]"
    );
    let rules =
        "naive: latent:fate/2:2 increases migration speed towards 8, half-max 3, Hill power 1\n";
    let said = refusal(&[("scenario.toml", &text), ("fate.rules", rules)]);
    assert!(said.contains("did you mean `latent:fate/2:"), "{said}");
    let text = format!("{BOX}[cell_types.naive]\n[latents.\"fate/2\"]\n");
    let said = refusal(&[("scenario.toml", &text)]);
    assert!(
        said.starts_with("E-SPACE: latents.\"fate/2\": no model declares"),
        "{said}"
    );
}

#[test]
fn models_that_disagree_about_a_space_are_refused_until_the_scenario_settles_it() {
    let space = |inherit: Inherit, initial: f32| rules::LatentSpace {
        id: "fate/2".into(),
        width: 2,
        inherit,
        initial: vec![initial; 2],
        types: vec!["naive".into()],
    };
    let declared = |spaces: &[rules::LatentSpace]| Declared {
        spaces: spaces.to_vec(),
        recorded: Vec::new(),
    };
    let (open, _) = scenario(&[("scenario.toml", &format!("{BOX}[cell_types.naive]\n"))]);
    let agreed = declared(&[space(Inherit::Copy, 0.5), space(Inherit::Copy, 0.5)]);
    let latents = Latents::new(&open, &agreed).unwrap();
    assert_eq!(latents.new_cell(0).as_ref(), [0.5, 0.5]);
    let disagree = declared(&[space(Inherit::Copy, 0.5), space(Inherit::Split, 0.25)]);
    let said = Latents::new(&open, &disagree).unwrap_err();
    assert_eq!(
        said,
        "E-SPACE: two models say differently what the `inherit` of the space `fate/2` is\n  \
         settle it in the scenario: [latents.\"fate/2\"] inherit = \"copy\""
    );
    let settling = |words: &str| {
        let text = format!("{BOX}[cell_types.naive]\n[latents.\"fate/2\"]\n{words}\n");
        Latents::new(&scenario(&[("scenario.toml", &text)]).0, &disagree)
    };
    let said = settling("inherit = \"split\"").unwrap_err();
    assert!(said.contains("`initial`"), "{said}");
    let latents = settling("inherit = \"split\"\ninitial = 7").unwrap();
    assert_eq!(latents.spaces[0].inherit, Inherit::Split);
    assert_eq!(latents.new_cell(0).as_ref(), [7.0, 7.0]);
    // The scenario cannot settle what the representation is.
    let mut wide = space(Inherit::Copy, 0.5);
    wide.width = 3;
    let said = Latents::new(&open, &declared(&[space(Inherit::Copy, 0.5), wide])).unwrap_err();
    assert!(said.contains("`width`"), "{said}");
}
