//! Models as rules: the right numbers from good files, and a named refusal of every bad one.

#[path = "neural/declared.rs"]
mod declared;
#[path = "neural/domain.rs"]
mod domain;
#[path = "neural/engines.rs"]
mod engines;
#[path = "neural/files.rs"]
mod files;
#[path = "neural/fixture.rs"]
mod fixture;
#[path = "neural/forms.rs"]
mod forms;
#[path = "neural/golden.rs"]
mod golden;
#[path = "neural/kinds.rs"]
mod kinds;
#[path = "neural/metadata.rs"]
mod metadata;
#[path = "neural/operators.rs"]
mod operators;
#[path = "neural/page.rs"]
mod page;
#[path = "neural/rows.rs"]
mod rows;

use std::sync::Arc;

use fixture::*;
use prost::Message;
use rules::neural::contract;
use rules::neural::golden::Arrays;
use rules::neural::make::{Activation, Link, Mlp, distill, golden_rows, seal, write_onnx};
use rules::neural::proto::{self, Node, Tensor, ValueInfo};
use rules::neural::{Model, RowClass, find_onnx_runtime, mlp};
use rules::{Batch, Combine, Engine, Error, Kind, Noise, Outputs, Rule, Side, Subject, Target};
use serde_json::json;

/// The network in `f64`, written down once more.
fn forward(network: &Mlp, x: &[f64]) -> Vec<f64> {
    let columns = x.iter().zip(&network.shift).zip(&network.scale);
    let mut values: Vec<f64> = columns
        .map(|((x, &shift), &scale)| (x - f64::from(shift)) * f64::from(scale))
        .collect();
    for (at, layer) in network.layers.iter().enumerate() {
        values = (0..layer.outputs)
            .map(|to| {
                let from = |from: usize| {
                    values[from] * f64::from(layer.weights[from * layer.outputs + to])
                };
                f64::from(layer.bias[to]) + (0..layer.inputs).map(from).sum::<f64>()
            })
            .map(|z| match network.activation {
                _ if at + 1 == network.layers.len() => z,
                Activation::Tanh => z.tanh(),
                Activation::Relu => z.max(0.0),
            })
            .collect();
    }
    let linked = values
        .iter()
        .zip(&network.links)
        .map(|(&z, link)| match link {
            Link::Identity => z,
            Link::Exp => z.exp(),
            Link::Sigmoid => 1.0 / (1.0 + (-z).exp()),
        });
    linked
        .zip(&network.gain)
        .map(|(y, &gain)| y * f64::from(gain))
        .collect()
}

/// Columns of `rows` numbers within the ranges, by a hash.
fn columns(rows: usize, ranges: &[(f64, f64)]) -> Vec<Vec<f64>> {
    let column = |(at, &(lo, hi)): (usize, &(f64, f64))| {
        let number = |row: usize| lo + (hi - lo) * mlp::uniform(9, (row * 16 + at) as u64);
        (0..rows).map(number).collect()
    };
    ranges.iter().enumerate().map(column).collect()
}

/// Ranges of the cell model in the dictionary's units: mmHg, min, 1.
const CELL: [(f64, f64); 3] = [(0.0, 60.0), (0.0, 2880.0), (0.0, 2.0)];
const DYAD: [(f64, f64); 3] = [(0.0, 1.0), (0.0, 8.0), (0.0, 120.0)];

fn apply(model: &Model, signals: &[Vec<f64>], noise: &[f32]) -> Outputs {
    let rows = signals[0].len();
    let mut out = Outputs::default();
    out.reset(model.signature().writes.len(), rows);
    let batch = Batch {
        rows,
        signals: &rules::lent(signals),
        noise,
        dead: &vec![false; rows],
        dt: model.signature().clock,
        ..Batch::default()
    };
    model.apply(&batch, &mut out).unwrap();
    out
}

/// A graph from one input `x` [n, 1] to `y` [n, 1], with constants to build from.
fn small(nodes: &[Node], spec: serde_json::Value) -> proto::Model {
    let mut model = bare(nodes, spec.clone());
    let rows = golden_rows(&fixture::spec(&spec), 64);
    seal(&mut model, &rows).unwrap();
    model
}

fn bare(nodes: &[Node], spec: serde_json::Value) -> proto::Model {
    let mut model = proto::Model {
        ir_version: Some(8),
        opset_import: vec![proto::OperatorSet {
            domain: None,
            version: Some(18),
        }],
        graph: Some(proto::Graph {
            node: nodes.to_vec(),
            initializer: vec![
                Tensor::floats("one", &[1, 1], &[1.0]),
                Tensor::floats("tiny", &[1, 1], &[1e-5]),
                Tensor::ints("axis_0", &[0]),
            ],
            input: vec![ValueInfo::floats("x", &[None, Some(1)], "n")],
            output: vec![ValueInfo::floats("y", &[None, Some(1)], "n")],
            ..Default::default()
        }),
        ..Default::default()
    };
    model.set_metadata(contract::KEY_CONTRACT, "1".into());
    model.set_metadata(contract::KEY_SPEC, spec.to_string());
    model
}

fn small_spec(kind: &str) -> serde_json::Value {
    json!({
        "form": "cell", "acts_on": ["tumor", "macrophage"],
        "inputs": [{"tensor": "x", "col": 0, "name": "pressure", "unit": "1", "lo": 0, "hi": 2}],
        "outputs": [{"tensor": "y", "name": "apoptosis", "kind": kind, "unit": if kind == "probability" { "1" } else { "1/min" }}],
        "dt": {"trained": 6, "min": 1, "max": 60, "unit": "min"}
    })
}

#[test]
fn a_killing_rule_is_learned_to_within_two_percent() {
    // Hits ripen with the contact and are held back by PD-1 bound to PD-L1.
    let teacher = |x: &[f64]| {
        let (bound, age) = (x[0] * x[1], x[2]);
        let ramp = (age / 30.0).min(1.0);
        vec![0.1 * ramp * (1.0 - 0.8 * bound / (bound + 2.0))]
    };
    let (network, report) = distill(teacher, &DYAD, &[24, 24], 300, 1);
    assert!(report.mean_relative_error < 0.02, "{report:?}");
    let mut spec = dyad_spec();
    spec["outputs"].as_array_mut().unwrap().truncate(1);
    let spec = fixture::spec(&spec);
    let bytes = write_onnx(
        &network,
        &spec,
        &golden_rows(&spec, 96),
        &json!({"name": "killing"}),
    )
    .unwrap();
    let again = write_onnx(
        &network,
        &spec,
        &golden_rows(&spec, 96),
        &json!({"name": "killing"}),
    )
    .unwrap();
    assert_eq!(bytes, again);
    let model = Model::from_bytes(&bytes, &binding(), &vocabulary()).unwrap();
    let out = apply(&model, &[vec![0.5], vec![2.0], vec![60.0]], &[]);
    assert!((out.columns[0][0] / teacher(&[0.5, 2.0, 60.0])[0] - 1.0).abs() < 0.04);
}
