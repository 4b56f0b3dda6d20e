//! What `milieu check` prints, every number resolved, and `milieu signals`, every name.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

const SCENARIO: &str = r#"duration = "60 min"

[domain]
dimensions = 2
size = [200, 200]
wall_repulsion = 40

[clocks]
diffusion = 0.1

[substrates.oxygen]
unit = "mmHg"
diffusion_coefficient = "1000 µm^2/min"

[cell_types.tumor]
interactions = { immunogenicity = { "T cell" = 0.25 } }
necrosis = { calcification_rate = 0.007 }
custom = { PD-L1 = 1.0 }

[cell_types."T cell"]
mechanics = { attachment_elastic_constant = 0.03 }
motility = { speed = 4, chemotaxis = { oxygen = 1 }, normalize_each_gradient = true }
interactions = { attack = { tumor = 0.1 } }

[cells.first]
type = "tumor"
count = 3

[contacts]
memory = "5 h"

[outputs]
interval = "30 min"
write = ["cells"]
cell_columns = ["pressure"]

[readouts.kills]
measure = "kills per cell and day"
effectors = ["T cell"]
target = "tumor"
published = [2, 16]
source = "somebody"
"#;

/// What `milieu check` prints on this scenario, with these further arguments.
#[track_caller]
fn check(arguments: &[&str]) -> String {
    said("check", arguments)
}

/// What a command prints on this scenario.
#[track_caller]
fn said(command: &str, arguments: &[&str]) -> String {
    let home: TempDir = tempfile::tempdir().unwrap();
    fs::write(home.path().join("scenario.toml"), SCENARIO).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_milieu"))
        .args([command, "."])
        .args(arguments)
        .current_dir(home.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{complaint}");
    said
}

#[test]
fn every_number_of_the_scenario_is_printed() {
    let said = check(&[]);
    for line in [
        "walls       push back with 40 µm/min",
        "contacts    remembered for 300 min",
        "            cells with pressure",
        "    immunogenicity to T cell: 0.25",
        "    changes: fluid 0.0111667 and after bursting 8.33333e-4, cytoplasm 5.33333e-5, \
         nucleus 2.16667e-4, calcification 0.007 1/min; bursts at 2 times its volume",
        "  custom:PD-L1 = 1",
        "    changes: fluid 0.05, cytoplasm 0.0045, nucleus 0.0055, calcification 0 1/min",
        "    each gradient counts by its direction alone",
        "  attacks         last 30 min and deal 1 damage/min; their bond 0.03 1/min",
        "  (`milieu signals` lists every name that rules may use)",
        "  kills: kills per cell and day, target tumor, effectors T cell; published 2 to 16 1/d per cell (somebody)",
    ] {
        assert!(said.lines().any(|it| it == line), "no `{line}` in\n{said}");
    }
    let last = said.lines().last().unwrap();
    assert!(
        last.ends_with("as long as the tissue keeps its size"),
        "{last}"
    );
}

#[test]
fn names_are_listed_with_unit_and_synonyms() {
    let said = said("signals", &[]);
    assert!(
        said.starts_with("cell types\n  tumor, T cell\n\nsignals\n"),
        "{said}"
    );
    for (title, name, unit) in [
        ("signals", "oxygen", "mmHg"),
        ("signals", "contact with tumor", ""),
        ("signals", "custom:PD-L1", ""),
        ("behaviors", "migration speed", "µm/min"),
        (
            "signals of a pair in contact (A on B)",
            "contact age",
            "min",
        ),
        ("behaviors of a pair in contact (A on B)", "hit", ""),
    ] {
        let group = said
            .split("\n\n")
            .find(|it| it.starts_with(&format!("{title}\n")));
        let group = group.unwrap_or_else(|| panic!("no {title} in\n{said}"));
        let line = group.lines().find(|it| it.trim().starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in\n{group}"));
        assert!(line.contains(unit), "{line}");
    }
    assert!(said.contains("  also: "), "{said}");
    assert!(said.lines().all(|it| it.trim_end() == it), "{said}");
}

/// What nothing in Milieu brings about yet still has a name: the rules of PhysiCell's projects
/// speak of it.
#[test]
fn names_without_an_effect_are_listed_for_either_semantics() {
    for semantics in ["milieu", "physicell-1.14"] {
        let setting = format!("semantics={semantics}");
        let said = said("signals", &["--set", &setting]);
        let group = |title: &str| {
            let mut groups = said.split("\n\n");
            let group = groups.find(|it| it.starts_with(&format!("{title}\n")));
            group
                .unwrap_or_else(|| panic!("no {title} in\n{said}"))
                .to_owned()
        };
        let (signals, behaviors) = (group("signals"), group("behaviors"));
        for (group, name) in [
            (&signals, "contact with basement membrane"),
            (&signals, "contact with BM"),
            (&signals, "contact with other dead cell"),
            (&signals, "contact with other dead cells"),
            (&behaviors, "cell-BM adhesion"),
            (&behaviors, "cell-BM repulsion"),
            (&behaviors, "phagocytose other dead cell"),
            (&behaviors, "phagocytosis of other dead cells"),
        ] {
            let is_there = group.lines().any(|line| {
                let (first, also) = line.split_once("also: ").unwrap_or((line, ""));
                first.trim().starts_with(&format!("{name}  "))
                    || also.split(", ").any(|synonym| synonym == name)
            });
            assert!(is_there, "no `{name}` in\n{group}");
        }
    }
}
