//! Makes `exhaustion.onnx` and `killing.onnx` without PyTorch, for tests that run everywhere.
//! `export_exhaustion.py` and `export_killing.py` make models of the same contract with it.
//!
//! ```text
//! cargo run --release --example make_exhaustion_models
//! ```
//!
//! The teachers are the written laws, so that the two can be compared; a model trained on recorded
//! cells takes its place without a change to anything but the file.

mod make_exhaustion;

use rules::neural::{
    contract::Spec,
    make::{distill, golden_rows, write_onnx},
};
use serde_json::{Value, json};

/// Hits per min on a target by a fresh T cell with a ripe conjugate.
const FREE_RATE: f64 = 0.2;

/// Contact age of half effect, min: a conjugate forms before the first hit.
const HALF_AGE: f64 = 5.0;

/// Exhaustion of half effect.
const HALF_EXHAUSTION: f64 = 0.5;

/// The law of `killing.rules`: own exhaustion, contact age (min), hits so far → hits, 1/min.
pub fn hits(signals: &[f64]) -> Vec<f64> {
    let [exhaustion, age, hits] = [signals[0], signals[1], signals[2]];
    let ripe = (age / HALF_AGE) * (age / HALF_AGE) + hits;
    let brake = (exhaustion / HALF_EXHAUSTION) * (exhaustion / HALF_EXHAUSTION);
    vec![FREE_RATE * ripe / (1.0 + ripe) / (1.0 + brake)]
}

fn input(tensor: &str, col: usize, name: &str, unit: &str, (lo, hi): (f64, f64)) -> Value {
    json!({"tensor": tensor, "col": col, "name": name, "unit": unit, "lo": lo, "hi": hi})
}

/// `killing.onnx`, as bytes.
pub fn killing() -> Vec<u8> {
    let ranges = [(0.0, 1.0), (0.0, 120.0), (0.0, 24.0)];
    let (network, report) = distill(hits, &ranges, &[24, 24], 400, 1);
    let spec = Spec::from_json(json!({
        "form": "dyad",
        "acts_on": {"a": "CD8 T cell", "b": "tumor"},
        "inputs": [
            input("a", 0, "custom:exhaustion", "1", ranges[0]),
            input("e", 0, "contact age", "min", ranges[1]),
            input("e", 1, "hits", "1", ranges[2]),
        ],
        "outputs": [{
            "tensor": "hit", "name": "hit", "on": "b", "kind": "hit", "unit": "1/min", "size": 1, "reduce": "sum"
        }],
        "dt": {"trained": 0.2, "min": 0.1, "max": 6, "unit": "min"},
    }))
    .expect("the spec keeps the contract");
    let card = json!({
        "name": "hits of a tiring CD8 T cell",
        "version": "1.0.0",
        "authors": "Milieu",
        "license": "MIT",
        "intended_use": "scenarios/exhaustion: how often a CD8 T cell hits the tumor cell it touches",
        "data": "none: distilled from the law in killing.rules by make_models.rs",
        "metrics": {
            "mean relative error": report.mean_relative_error,
            "max absolute error, 1/min": report.max_absolute_error,
            "held-out rows": report.rows,
        },
        "known_failures": "outside the stated ranges it answers as at their edge",
    });
    write_onnx(&network, &spec, &golden_rows(&spec, 96), &card).expect("network and spec fit")
}

/// Every model of this folder: file name, bytes.
pub fn models() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("exhaustion.onnx", make_exhaustion::exhaustion()),
        ("killing.onnx", killing()),
    ]
}

#[allow(
    dead_code,
    reason = "the test that remakes the models uses this file as a module"
)]
fn main() -> std::io::Result<()> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/exhaustion");
    for (name, bytes) in models() {
        std::fs::write(format!("{folder}/{name}"), bytes)?;
        println!("{folder}/{name}");
    }
    Ok(())
}
