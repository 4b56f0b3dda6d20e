//! Projects of PhysiCell as scenarios: what their settings come to, and what is said of those
//! that are broken or cannot be imported whole.

use std::path::{Path, PathBuf};

use sim::import::{Effect, import, read};
use sim::scenario::problem::Problem;
use toml::{Table, Value};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/physicell")
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// The scenario of a fixture, as TOML has it.
fn imported(name: &str) -> Table {
    let imported = import(&folder().join(name), &folder(), false);
    let imported = imported.unwrap_or_else(|problems| panic!("{}", lines(&problems)));
    imported.text.parse().unwrap()
}

/// The value at a path whose steps are parted by `/`.
fn at<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    let mut steps = path.split('/');
    let first = table.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))
}

fn expect(table: &Table, entries: &[(&str, &str)]) {
    for (path, wanted) in entries {
        let found = at(table, path).map_or("nothing".into(), ToString::to_string);
        assert_eq!(found, *wanted, "{path}");
    }
}

/// Each broken file beside the messages it must get, which stand in a file of the same name.
#[test]
fn broken_settings_are_told_what_is_wrong_where_and_the_way_out() {
    let bad = folder().join("bad");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&bad)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|text| text == "xml"))
        .collect();
    files.sort();
    assert!(files.len() >= 28, "only {} files", files.len());
    let mut different = Vec::new();
    for file in files {
        let found = match import(&file, &bad, false) {
            Ok(_) => "nothing is wrong".to_owned(),
            Err(problems) => lines(&problems),
        };
        let found = found.replace(&format!("{}/", bad.display()), "");
        let expected = std::fs::read_to_string(file.with_extension("txt")).unwrap_or_default();
        if found != expected.trim_end() {
            different.push(format!("--- {}\n{found}", file.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn a_small_project_reads_as_a_person_would_write_it() {
    let text = import(&folder().join("plain.xml"), &folder(), false)
        .unwrap()
        .text;
    assert_eq!(
        text,
        std::fs::read_to_string(folder().join("plain.toml")).unwrap()
    );
}

#[test]
fn faces_count_once_some_substrate_has_its_boundary_enabled() {
    let closed = imported("plain.xml");
    expect(&closed, &[("substrates/oxygen/boundary", "nothing")]);
    let open = imported("gated.xml");
    expect(
        &open,
        &[
            ("substrates/oxygen/boundary", "{ x_min = \"25 mmHg\" }"),
            ("substrates/food/boundary", "{ all = 3 }"),
        ],
    );
}

#[test]
fn definitions_take_from_others_what_physicell_lets_them_take() {
    let scenario = imported("inherits.xml");
    let names: Vec<&String> = scenario["cell_types"].as_table().unwrap().keys().collect();
    assert_eq!(names.len(), 3);
    // Rates come along with the model, flags of fixed phases do not, and only a parent that is
    // named passes on motility, exchange and interactions.
    expect(
        &scenario,
        &[
            ("cell_types/default/cycle/fixed", "[\"S\", \"G2\"]"),
            ("cell_types/T cell/cycle/fixed", "nothing"),
            ("cell_types/T cell/cycle/durations/S", "\"8 h\""),
            ("cell_types/default/motility/enabled", "nothing"),
            ("cell_types/T cell/motility/enabled", "false"),
            ("cell_types/T cell/motility/speed", "\"2 µm/min\""),
            ("cell_types/T cell/motility/away_from", "nothing"),
            ("cell_types/heir/motility/enabled", "nothing"),
            // Once on, simple chemotaxis stays on; its substrate and direction change.
            ("cell_types/heir/motility/toward", "\"food\""),
            ("cell_types/default/motility/away_from", "\"oxygen\""),
            ("cell_types/T cell/exchange", "nothing"),
            (
                "cell_types/heir/exchange/oxygen/uptake_rate",
                "\"10 1/min\"",
            ),
            // The mechanics of the first definition go to all.
            (
                "cell_types/T cell/mechanics/adhesion_affinities/T cell",
                "0.5",
            ),
            ("cell_types/heir/custom/load/conserved", "true"),
            ("cell_types/heir/asymmetric_division/T cell", "0.3"),
            ("cell_types/default/asymmetric_division", "nothing"),
        ],
    );
}

#[test]
fn the_death_models_are_one_for_all_types_and_the_last_word_counts() {
    let scenario = imported("inherits.xml");
    for kind in ["default", "T cell", "heir"] {
        let at = |key: &str| format!("cell_types/{kind}/apoptosis/{key}");
        expect(
            &scenario,
            &[(&at("duration"), "\"400 min\""), (&at("fixed"), "false")],
        );
    }
    expect(
        &scenario,
        &[
            ("cell_types/default/apoptosis/rate", "\"2e-5 1/min\""),
            ("cell_types/heir/apoptosis/rate", "\"2e-5 1/min\""),
            ("cell_types/T cell/apoptosis/rate", "\"3e-5 1/min\""),
            // The first definition starts from parameters that are those of neither model.
            (
                "cell_types/default/necrosis/unlysed_fluid_change_rate",
                "\"0.05 1/min\"",
            ),
            ("cell_types/default/necrosis/calcification_rate", "0"),
            (
                "cell_types/default/necrosis/nuclear_change_rate",
                "\"0.002 1/min\"",
            ),
        ],
    );
}

#[test]
fn what_is_not_stated_of_interactions_is_nothing() {
    let scenario = imported("inherits.xml");
    expect(
        &scenario,
        &[
            (
                "cell_types/default/interactions/phagocytose_apoptotic",
                "\"0.1 1/min\"",
            ),
            (
                "cell_types/default/interactions/phagocytose_necrotic",
                "\"0.2 1/min\"",
            ),
            (
                "cell_types/default/interactions/phagocytose_other_dead",
                "\"0.1 1/min\"",
            ),
            (
                "cell_types/T cell/interactions/attack/default",
                "\"0.1 1/min\"",
            ),
            ("cell_types/T cell/interactions/attack_damage_rate", "0"),
            ("cell_types/T cell/interactions/attack_duration", "0"),
            // No cell becomes what it is.
            (
                "cell_types/T cell/transformations",
                "{ heir = \"0.01 1/min\" }",
            ),
        ],
    );
}

/// a = c ((1 − s/2)/(1 − s/2f))², with c = 10, s = 1.5 and f = 1.25.
#[test]
fn adhesion_balances_repulsion_at_the_equilibrium_distance() {
    let scenario = imported("inherits.xml");
    let stated = at(&scenario, "cell_types/default/mechanics/adhesion").unwrap();
    let stated = stated.as_str().unwrap().strip_suffix(" µm/min").unwrap();
    let adhesion: f64 = stated.parse().unwrap();
    // Three roundings of a sixteenth digit.
    assert!((adhesion / 3.90625 - 1.0).abs() < 1e-15, "{adhesion}");
}

#[test]
fn distributions_and_random_cells_are_stated_by_type() {
    let scenario = imported("inherits.xml");
    expect(
        &scenario,
        &[
            (
                "cell_types/T cell/initial/volume/distribution",
                "\"log10-normal\"",
            ),
            ("cell_types/T cell/initial/volume/min", "500"),
            ("cell_types/T cell/initial/volume/check_base", "false"),
            ("cell_types/T cell/initial/migration speed/max", "4"),
            ("cells/heir at random/count", "4"),
        ],
    );
}

#[test]
fn what_custom_code_reads_is_refused_or_left_out_with_a_note() {
    let file = folder().join("bad/parameter.xml");
    assert!(import(&file, &folder(), false).is_err());
    let imported = import(&file, &folder(), true).unwrap();
    let differing = |item: &&sim::import::Ignored| item.effect == Effect::Differs;
    let differing: Vec<_> = imported.ignored.iter().filter(differing).collect();
    let [item] = differing[..] else {
        panic!("{differing:?}");
    };
    assert_eq!(item.element, "user_parameters/tumor_radius");
    assert!(imported.text.contains("user_parameters/tumor_radius"));
    let scenario = read(&file, &[], None, true).unwrap();
    assert!(
        scenario
            .notes
            .iter()
            .any(|note| note.contains("results differ"))
    );
}

/// Not by the parser, which does not recurse, nor by what walks over its elements.
#[test]
fn neither_depth_nor_size_brings_the_reader_down() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("deep.xml");
    let deep = "<a>".repeat(200_000) + &"</a>".repeat(200_000);
    let text = format!("<PhysiCell_settings>{deep}</PhysiCell_settings>");
    std::fs::write(&file, text).unwrap();
    let problems = import(&file, home.path(), false).unwrap_err();
    assert!(
        lines(&problems).contains("there is no <domain>"),
        "{}",
        lines(&problems)
    );
    std::fs::File::create(&file)
        .unwrap()
        .set_len(17_000_000)
        .unwrap();
    let problems = import(&file, home.path(), false).unwrap_err();
    assert!(
        lines(&problems).contains("bytes are too many"),
        "{}",
        lines(&problems)
    );
}

#[test]
fn a_project_in_memory_is_the_scenario_that_import_writes() {
    for name in ["plain.xml", "gated.xml", "inherits.xml"] {
        let home = tempfile::tempdir().unwrap();
        let file = folder().join(name);
        let written = home.path().join("scenario.toml");
        let imported = import(&file, home.path(), false).unwrap();
        std::fs::write(&written, imported.text).unwrap();
        let here = read(&file, &[], None, false).unwrap();
        let there = sim::scenario::parse::read(&written, &[], None);
        let mut there = there.unwrap_or_else(|problems| panic!("{}", lines(&problems)));
        there.file = here.file.clone();
        let json = |scenario| serde_json::to_string(scenario).unwrap();
        assert_eq!(json(&here), json(&there), "{name}");
    }
}

/// Every project whose figures were measured by running PhysiCell.
#[test]
fn measured_projects_are_read() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/physicell");
    if !shared.is_dir() {
        eprintln!("skipped: there is no {}", shared.display());
        return;
    }
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut waiting = vec![shared];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // PhysiCell itself refuses a table of densities without a header.
                if !path.ends_with("ic_headerless") {
                    waiting.push(path);
                }
            } else if path
                .file_name()
                .is_some_and(|name| name == "PhysiCell_settings.xml")
            {
                count += 1;
                if let Err(problems) = read(&path, &[], None, false) {
                    wrong.push(lines(&problems));
                }
            }
        }
    }
    assert!(count > 20, "only {count} projects");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
