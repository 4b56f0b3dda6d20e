//! Makes `killing.onnx`, the learned form of `killing.rules`: a small network that is taught how
//! often a T cell hits the tumor cell it touches.
//!
//! ```text
//! cargo run --release --example make_killing
//! ```
//!
//! The teacher is the written law itself, so that the two can be compared; a model trained on
//! recorded contacts takes its place without a change to anything but the file.

use rules::neural::{
    contract::Spec,
    make::{distill, golden_rows, write_onnx},
};
use serde_json::json;

/// Hits per min on a fresh target by a T cell without a brake.
const FREE_RATE: f64 = 0.2;

/// Contact age of half effect, min: a conjugate forms before the first hit.
const HALF_AGE: f64 = 5.0;

/// PD-1 × PD-L1 of half effect.
const HALF_BRAKE: f64 = 4.0;

/// The law of `killing.rules`: own PD-1, target's PD-L1, contact age (min) → hits, 1/min.
pub fn teacher(signals: &[f64]) -> Vec<f64> {
    let [free_pd1, pd_l1, age] = [signals[0], signals[1], signals[2]];
    let ramp = (age / HALF_AGE) * (age / HALF_AGE);
    let brake = (free_pd1 * pd_l1 / HALF_BRAKE) * (free_pd1 * pd_l1 / HALF_BRAKE);
    vec![FREE_RATE * ramp / (1.0 + ramp) / (1.0 + brake)]
}

/// The file, as bytes.
pub fn model() -> Vec<u8> {
    let ranges = [(0.0, 1.0), (0.0, 8.0), (0.0, 60.0)];
    let (network, report) = distill(teacher, &ranges, &[24, 24], 400, 1);
    let input = |tensor: &str, name: &str, unit: &str, (lo, hi): (f64, f64)| {
        let (mean, std) = (0.5 * (lo + hi), (hi - lo) / 12f64.sqrt());
        json!({"tensor": tensor, "col": 0, "name": name, "unit": unit, "lo": lo, "hi": hi, "mean": mean, "std": std})
    };
    let spec = Spec::from_json(json!({
        "form": "dyad",
        "acts_on": {"a": "CD8 T cell", "b": "tumor"},
        "inputs": [
            input("a", "custom:PD-1", "1", ranges[0]),
            input("b", "custom:PD-L1", "1", ranges[1]),
            input("e", "contact age", "min", ranges[2]),
        ],
        "outputs": [{
            "tensor": "hit", "name": "hit", "on": "b", "kind": "hit", "unit": "1/min", "size": 1, "reduce": "sum"
        }],
        "dt": {"trained": 0.2, "min": 0.1, "max": 6, "unit": "min"},
    }))
    .expect("the spec keeps the contract");
    let card = json!({
        "name": "CD8 T cell hits",
        "version": "1.0.1",
        "authors": "Milieu",
        "license": "MIT",
        "intended_use": "scenarios/tumor_immune: how often a CD8 T cell hits the tumor cell it touches",
        "data": "distilled from the law in killing.rules by make_killing.rs; no data of any person",
        "metrics": {
            "mean relative error": report.mean_relative_error,
            "max absolute error, 1/min": report.max_absolute_error,
            "held-out rows": report.rows,
        },
        "known_failures": "outside the stated ranges it answers as at their edge",
    });
    write_onnx(&network, &spec, &golden_rows(&spec, 96), &card).expect("network and spec fit")
}

#[allow(
    dead_code,
    reason = "the test that remakes the model uses this file as a module"
)]
fn main() -> std::io::Result<()> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/scenarios/tumor_immune/killing.onnx"
    );
    std::fs::write(path, model())?;
    println!("{path}");
    Ok(())
}
