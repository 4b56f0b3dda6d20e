//! The shipped study: its model is what its maker makes, the learned law stands in for the written
//! one, and its steps are short enough.

#[path = "../scenarios/tumor_immune/make_killing.rs"]
mod make_killing;

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;
use rules::neural::proto;
use sim::output::EventKind;
use sim::plan::bind;
use sim::scenario::parse;
use sim::simulation::Simulation;

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// A model without its golden rows: those are the embedded engine's, which may round otherwise on
/// another family of processors, and are checked with their tolerance whenever the file is loaded.
fn without_golden(bytes: &[u8]) -> proto::Model {
    let mut model = proto::Model::decode(bytes).unwrap();
    model.set_metadata("milieu.golden", String::new());
    model
}

#[test]
fn the_shipped_model_is_what_its_maker_makes() {
    let shipped = fs::read(scenarios().join("tumor_immune/killing.onnx")).unwrap();
    assert!(
        without_golden(&make_killing::model()) == without_golden(&shipped),
        "killing.onnx is stale: run `cargo run --release --example make_killing`"
    );
}

/// Kills in a run of a scenario.
fn kills(scenario: &Path, seed: u64, settings: &[&str]) -> f64 {
    // Later than that the small tumor is nearly gone, and kills count its cells and not its killers.
    let mut overrides = vec![format!("seed={seed}"), "duration=\"1.5 d\"".into()];
    overrides.extend(settings.iter().map(|&text| text.to_owned()));
    let scenario = parse::read(scenario, &overrides, None).unwrap();
    let end = scenario.end_tick();
    let mut simulation = Simulation::new(bind(scenario).unwrap(), 1).unwrap();
    while simulation.tick() < end {
        simulation.step().unwrap();
    }
    let kills = simulation.events().iter();
    kills.filter(|event| event.kind == EventKind::Kill).count() as f64
}

/// Mean and standard deviation of kills over seeds, two runs at a time.
fn over_seeds(scenario: &Path, seeds: u64, settings: &[&str]) -> (f64, f64) {
    let half = |odd: u64| -> Vec<f64> {
        let chosen = (1..=seeds).filter(|seed| seed % 2 == odd);
        chosen.map(|seed| kills(scenario, seed, settings)).collect()
    };
    let counts = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        [half(0), other.join().unwrap()].concat()
    });
    let n = counts.len() as f64;
    let mean = counts.iter().sum::<f64>() / n;
    let squares: f64 = counts
        .iter()
        .map(|count| (count - mean) * (count - mean))
        .sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// How many seeds: the standard error of a difference of two means is then 0.4 deviations, so that
/// a shift of a whole one would be seen.
const SEEDS: u64 = 12;

#[test]
fn halving_all_steps_and_clocks_moves_kills_by_less_than_seeds_do() {
    let whole = scenarios().join("tumor_immune_small");
    let folder = tempfile::tempdir().unwrap();
    let rules = scenarios().join("tumor_immune");
    let sentences = fs::read_to_string(rules.join("behavior.rules")).unwrap();
    assert!(sentences.contains("every 0.5 min"));
    let halved = sentences.replace("every 0.5 min", "every 0.25 min");
    fs::write(folder.path().join("behavior.rules"), halved).unwrap();
    fs::write(
        folder.path().join("scenario.toml"),
        format!(
            r#"
extends = "{}"
[clocks]
diffusion = "0.01 min"
mechanics = "0.05 min"
phenotype = "3 min"
[rules]
behavior = "behavior.rules"
killing = {{ file = "{}", clock = "0.1 min" }}
"#,
            whole.display(),
            rules.join("killing.onnx").display()
        ),
    )
    .unwrap();
    let (mean, deviation) = over_seeds(&whole, SEEDS, &[]);
    let (finer, _) = over_seeds(folder.path(), SEEDS, &[]);
    println!("kills {mean} ± {deviation}; with steps halved {finer}");
    assert!(mean > 20.0, "too few kills to tell: {mean}");
    assert!((finer - mean).abs() < deviation);
}

#[test]
fn the_learned_law_kills_like_the_written_one() {
    let scenario = scenarios().join("tumor_immune_small");
    let (learned, deviation) = over_seeds(&scenario, SEEDS, &[]);
    let written = scenarios().join("tumor_immune/killing.rules");
    let swap = format!("rules.killing.file={:?}", written.display().to_string());
    let (written, _) = over_seeds(&scenario, SEEDS, &[&swap]);
    println!("kills learned {learned} ± {deviation}, written {written}");
    assert!((learned - written).abs() < deviation);
}
