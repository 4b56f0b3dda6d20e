//! What PhysiCell's users read PhysiCell's output with reads ours, and finds what is in our own files.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::bound;
use sim::output::Writers;
use sim::output::record::{Record, Status};
use sim::plan::Bound;
use sim::run::{Run, run};
use sim::simulation::Simulation;
use tempfile::TempDir;

/// Two types, of which one goes through a cycle of four phases and dies in both ways, and the
/// other hunts it; two substrates.
fn hunt(domain: &str, size: &str) -> Bound {
    let scenario = format!(
        r#"
        name = "hunt"
        duration = "150 min"
        seed = 3
        [domain]
        {domain}
        voxel = "20 µm"
        [clocks]
        phenotype = "1 min"
        diffusion = "0.1 min"
        [substrates.oxygen]
        unit = "mmHg"
        diffusion_coefficient = "1000 µm^2/min"
        decay_rate = "0.1 1/min"
        initial = "38 mmHg"
        boundary = {{ x_min = "38 mmHg" }}
        [substrates.CCL_5]
        unit = "pM"
        diffusion_coefficient = "100 µm^2/min"
        decay_rate = "0.05 1/min"
        [cell_types."tumor & co"]
        cycle = {{ model = "flow cytometry separated", rates = {{ "G0/G1" = 0.02, S = 0.03, G2 = 0.05, M = 0.07 }} }}
        apoptosis = {{ rate = "0.002 1/min", duration = "60 min" }}
        necrosis = {{ rate = "0.001 1/min", unlysed_fluid_change_rate = 0.1 }}
        exchange = {{ oxygen = {{ uptake_rate = 2 }}, CCL_5 = {{ secretion_rate = 0.5, secretion_target = "10 pM", export_rate = 1.5 }} }}
        damage = {{ rate = "0.001 1/min", repair_rate = "0.01 1/min" }}
        custom = {{ PD-L1 = 0.25 }}
        [cell_types.killer]
        volume = {{ radius = "5 µm" }}
        mechanics = {{ adhesion = 0.1, relative_maximum_adhesion_distance = 1.5, adhesion_affinities = {{ "tumor & co" = 0.3 }} }}
        motility = {{ speed = "2 µm/min", persistence_time = "4 min", bias = 0.5, chemotaxis = {{ CCL_5 = -1 }} }}
        transformations = {{ "tumor & co" = "0.0001 1/min" }}
        interactions = {{ attack = {{ "tumor & co" = 0.1 }}, attack_damage_rate = 0.2, attack_duration = "20 min", phagocytose_apoptotic = 0.01 }}
        custom = {{ PD-L1 = 0.75 }}
        [cells.nodule]
        type = "tumor & co"
        count = 40
        {size}
        [cells.killers]
        type = "killer"
        count = 10
        {size}
        [rules]
        rules = "rules.rules"
        [outputs]
        interval = "50 min"
        write = ["cells", "fields", "physicell"]
        cell_columns = ["volume", "pressure", "damage", "damage delivered", "total attack time", "time in phase",
          "attacking", "oxygen", "CCL_5", "cycle entry", "exit from cycle phase 1", "exit from cycle phase 2",
          "exit from cycle phase 3", "apoptosis", "necrosis", "migration speed", "migration bias",
          "migration persistence time", "chemotactic response to CCL_5", "oxygen secretion", "oxygen uptake",
          "CCL_5 secretion", "CCL_5 secretion target", "CCL_5 export", "cell-cell adhesion", "cell-cell repulsion",
          "relative maximum adhesion distance", "attack tumor & co", "attack damage rate", "attack duration",
          "immunogenicity to killer", "transform to tumor & co", "phagocytose apoptotic cell", "damage rate",
          "damage repair rate", "custom:PD-L1"]
        "#
    );
    let rules = "tumor & co: oxygen increases cycle entry from 0.02 towards 0.06 1/min, half-max 20 mmHg, Hill power 4\n\
                 killer: contact with live tumor & co decreases migration speed from 2 towards 0.5 µm/min, half-max 0.5, Hill power 4\n";
    bound(&[("scenario.toml", &scenario), ("rules.rules", rules)]).unwrap()
}

fn flat() -> Bound {
    let disc = "disc = { radius = \"60 µm\" }";
    hunt("dimensions = 2\nsize = [\"160 µm\", \"200 µm\"]", disc)
}

fn deep() -> Bound {
    let ball = "box = { min = [-40, -40, -30], max = [40, 40, 30] }";
    hunt(
        "dimensions = 3\nsize = [\"120 µm\", \"100 µm\", \"80 µm\"]",
        ball,
    )
}

/// Runs to the end; the folder of the results.
fn ran(bound: Bound) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let scenario = bound.plan.scenario.clone();
    let writers = Writers::open(&scenario, folder.path()).unwrap();
    let simulation = Simulation::new(bound, 1).unwrap();
    let record = Record::new(&scenario, "00".repeat(32));
    let begun = Run::new(simulation, writers, record, None);
    let outcome = run(begun, folder.path(), |_| true);
    assert_eq!(outcome.status, Status::Done, "{:?}", outcome.error);
    folder
}

/// Runs `tests/multicellds.py`, unless Python or its packages are missing.
fn python(arguments: &[&Path]) {
    let python = std::env::var("MILIEU_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let modules = "import anndata, pandas, pcdl, pyarrow, scipy, zarr";
    let found = Command::new(&python).args(["-c", modules]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} cannot `{modules}`");
        return;
    }
    let output = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/multicellds.py"))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success() && said.contains("read everything"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn pcdl_finds_what_is_in_our_own_files() {
    let (flat, deep) = (ran(flat()), ran(deep()));
    python(&[flat.path(), deep.path()]);
}

#[test]
fn matrices_are_of_matlab_s_level_4_and_as_large_as_they_say() {
    let folder = ran(flat());
    let folder = folder.path().join("physicell");
    let columns = |name: &str, file: &str| {
        let bytes = fs::read(folder.join(file)).unwrap();
        let header: Vec<u32> = bytes[..20]
            .chunks_exact(4)
            .map(|it| u32::from_le_bytes(it.try_into().unwrap()))
            .collect();
        let [0, rows, columns, 0, length] = header[..] else {
            panic!("{file}: {header:?}");
        };
        let data = 20 + length as usize;
        assert_eq!(&bytes[20..data], format!("{name}\0").as_bytes(), "{file}");
        assert_eq!(bytes.len() - data, 8 * (rows * columns) as usize, "{file}");
        [rows, columns]
    };
    assert_eq!(columns("mesh", "initial_mesh0.mat"), [4, 80]);
    for base in ["initial", "output00000003", "final"] {
        let file = format!("{base}_microenvironment0.mat");
        assert_eq!(columns("multiscale_microenvironment", &file), [6, 80]);
        // 71 rows of any scenario, 8 for each substrate, 7 for each type, and a custom number.
        let [rows, _] = columns("cells", &format!("{base}_cells.mat"));
        assert_eq!(rows, 71 + 8 * 2 + 7 * 2 + 1);
    }
}

#[test]
fn cells_are_numbered_as_the_scenario_places_them() {
    let folder = ran(flat());
    let folder = folder.path().join("physicell");
    let bytes = fs::read(folder.join("initial_cells.mat")).unwrap();
    let header = 20 + "cells\0".len();
    let values: Vec<f64> = bytes[header..]
        .chunks_exact(8)
        .map(|it| f64::from_le_bytes(it.try_into().unwrap()))
        .collect();
    let cells: Vec<&[f64]> = values.chunks_exact(71 + 8 * 2 + 7 * 2 + 1).collect();
    let numbers: Vec<f64> = cells.iter().map(|it| it[0]).collect();
    assert_eq!(numbers, (0..50).map(f64::from).collect::<Vec<_>>());
    // The nodule's forty cells, then the ten killers; ids would mix them.
    let types: Vec<f64> = cells.iter().map(|it| it[5]).collect();
    assert_eq!(types, [vec![0.0; 40], vec![1.0; 10]].concat());
    let map = fs::read_to_string(folder.join("cell_ids.csv")).unwrap();
    let mut lines = map.lines();
    assert_eq!(lines.next(), Some("number,id"));
    for (number, line) in lines.enumerate() {
        assert!(line.starts_with(&format!("{number},")), "{line}");
    }
    assert!(map.lines().count() > 51, "nobody was born");
}

/// The lines of a frame's XML that name substrates, types and the rows of cells.
fn named(xml: &str) -> Vec<&str> {
    let lines = xml.lines().map(str::trim);
    let kinds = ["<variable name=", "<type ID=", "<label "];
    lines
        .filter(|line| kinds.iter().any(|kind| line.starts_with(kind)))
        .collect()
}

#[test]
fn labels_are_those_that_physicell_saved() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/physicell/unit/output_format/out/output00000000.xml");
    let Ok(sample) = fs::read_to_string(&sample) else {
        println!("skipped: {} is not there", sample.display());
        return;
    };
    let mut text = "duration = 0.1\n[domain]\ndimensions = 2\nsize = [60, 60]\n\
                    [outputs]\ninterval = 0.1\nwrite = [\"physicell\"]\n"
        .to_owned();
    for substrate in [
        "doxorubicin",
        "apoptotic debris",
        "necrotic debris",
        "pro-inflammatory factor",
        "anti-inflammatory factor",
    ] {
        text += &format!("[substrates.\"{substrate}\"]\ndiffusion_coefficient = 1\n");
    }
    for cell_type in [
        "tumor cell",
        "macrophage",
        "fast T cell",
        "slow T cell",
        "effector T cell",
        "exhausted T cell",
    ] {
        text += &format!("[cell_types.\"{cell_type}\"]\ncustom = {{ sample = 1 }}\n");
    }
    let folder = ran(bound(&[("scenario.toml", &text)]).unwrap());
    let ours = folder.path().join("physicell/output00000000.xml");
    let ours = fs::read_to_string(ours).unwrap();
    assert_eq!(named(&ours), named(&sample));
    assert!(named(&ours).len() > 80);
}
