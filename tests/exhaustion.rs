//! T cells that tire: the models are what their makers make, and learned laws stand in for the
//! written ones.

#[path = "../scenarios/exhaustion/make_models.rs"]
mod make_models;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use prost::Message;
use rules::neural::proto;
use sim::output::EventKind;
use sim::plan::bind;
use sim::scenario::parse;
use sim::simulation::Simulation;

fn scenario() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/exhaustion")
}

/// A model without its golden rows: those are the embedded engine's, which may round otherwise on
/// another family of processors, and are checked with their tolerance whenever the file is loaded.
fn without_golden(bytes: &[u8]) -> proto::Model {
    let mut model = proto::Model::decode(bytes).unwrap();
    model.set_metadata("milieu.golden", String::new());
    model
}

#[test]
fn the_shipped_models_are_what_their_maker_makes() {
    for (name, made) in make_models::models() {
        let shipped = fs::read(scenario().join(name)).unwrap();
        assert!(
            without_golden(&made) == without_golden(&shipped),
            "{name} is stale: run `cargo run --release --example make_exhaustion_models`"
        );
        assert!(shipped.len() < 100_000, "{name}");
    }
}

/// Kills on each of three days, summed over four seeds.
fn kills(settings: &[&str]) -> [f64; 3] {
    let mut days = [0.0; 3];
    let run = |seed: u64| -> Vec<f64> {
        let mut overrides = vec![format!("seed={seed}")];
        overrides.extend(settings.iter().map(|&text| text.to_owned()));
        let scenario = parse::read(&scenario(), &overrides, None).unwrap();
        let end = scenario.end_tick();
        let mut simulation = Simulation::new(bind(scenario).unwrap(), 1).unwrap();
        while simulation.tick() < end {
            simulation.step().unwrap();
        }
        let events = simulation.events().iter();
        let kills = events.filter(|event| event.kind == EventKind::Kill);
        kills.map(|event| event.time).collect()
    };
    let times = std::thread::scope(|scope| {
        let other = scope.spawn(|| [run(3), run(4)].concat());
        [run(1), run(2), other.join().unwrap()].concat()
    });
    for time in times {
        days[((time / 1440.0) as usize).min(2)] += 1.0;
    }
    days
}

/// The part by which two sums over four seeds may differ by chance. A run has 229 kills, with a
/// standard deviation of 13 (eight seeds): 3 % of a sum, 4 % of a difference of two sums.
const CHANCE: f64 = 0.15;

fn sum(days: [f64; 3]) -> f64 {
    days.iter().sum()
}

/// One setting for each rule: the same law, written.
const WRITTEN: [&str; 2] = [
    "rules.exhaustion.file=exhaustion.rules",
    "rules.killing.file=killing.rules",
];

#[test]
fn the_learned_laws_kill_like_the_written_ones_and_exhaustion_is_seen() {
    let learned = kills(&[]);
    let written = kills(&WRITTEN);
    let tireless = kills(&["rules.exhaustion=false"]);
    println!("kills a day: learned {learned:?}, written {written:?}, tireless {tireless:?}");
    assert!((sum(learned) / sum(written) - 1.0).abs() < CHANCE);
    // By the third day a T cell that tires hits less than one that does not, although it has left
    // more cells to hit.
    assert!(learned[2] < (1.0 - CHANCE) * tireless[2]);
}

#[test]
fn the_scripts_for_pytorch_make_models_that_kill_like_the_written_laws() {
    let Some(python) = env::var_os("MILIEU_TORCH_PYTHON") else {
        eprintln!("skipped: PyTorch (MILIEU_TORCH_PYTHON does not name a Python that has it)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let made = ["exhaustion", "killing"].map(|rule| {
        let file = folder.path().join(format!("{rule}.onnx"));
        let mut script = Command::new(&python);
        script.arg(scenario().join(format!("export_{rule}.py")));
        assert!(script.arg(&file).status().unwrap().success());
        format!("rules.{rule}.file={}", file.display())
    });
    let learned = kills(&[&made[0], &made[1]]);
    let written = kills(&WRITTEN);
    println!("kills a day: learned with PyTorch {learned:?}, written {written:?}");
    assert!((sum(learned) / sum(written) - 1.0).abs() < CHANCE);
}

#[test]
fn both_engines_reproduce_the_golden_rows() {
    if env::var_os("ORT_DYLIB_PATH").is_none() {
        eprintln!("skipped: ONNX Runtime (ORT_DYLIB_PATH is not set)");
        return;
    }
    for engine in ["embedded", "onnxruntime"] {
        let settings =
            ["exhaustion", "killing"].map(|rule| format!("rules.{rule}.engine={engine}"));
        bind(parse::read(&scenario(), &settings, None).unwrap()).unwrap();
    }
}
