//! Operators whose rows stand on another axis or that look numbers up, on both engines.

use prost::Message;
use rules::neural::make::{golden_rows, seal};
use rules::neural::proto::{Attribute, Node, Tensor};
use rules::neural::{Model, find_onnx_runtime, proto};
use rules::{Binding, Engine};
use serde_json::{Value, json};

use super::fixture::*;

fn engines() -> Vec<Engine> {
    let mut engines = vec![Engine::Embedded];
    match find_onnx_runtime() {
        Some(library) => engines.push(Engine::OnnxRuntime(Some(library))),
        None => eprintln!("skipped: ONNX Runtime (ORT_DYLIB_PATH is not set)"),
    }
    engines
}

fn spec(outputs: Value) -> Value {
    json!({"form": "cell", "acts_on": "tumor",
        "inputs": [{"tensor": "x", "col": 0, "name": "pressure", "unit": "1", "lo": 0, "hi": 2}],
        "latents": [{"space": "mood/2", "tensor": "z", "lo": -1, "hi": 1}],
        "outputs": outputs,
        "dt": {"trained": 6, "min": 6, "max": 6, "unit": "min"}})
}

const WEIGHTS: [f32; 8] = [0.5, -0.25, 0.75, 1.0, -0.5, 0.3, -0.8, 0.6];

/// A network that remembers: of rank 3, with the rows on the second axis.
fn recurrent(op: &str, gates: usize) -> proto::Model {
    let spec = spec(json!([{"tensor": "z1", "kind": "latent_next", "space": "mood/2"}]));
    let mut cell =
        Node::new(op, &["series", "w", "r", "b", "", "before"], "").with("hidden_size", 2);
    if op == "GRU" {
        cell = cell.with("linear_before_reset", 1);
    }
    cell.output = vec![String::new(), "after".into()];
    let nodes = [
        Node::new("Unsqueeze", &["x", "first"], "series"),
        Node::new("Unsqueeze", &["z", "first"], "before"),
        cell,
        Node::new("Squeeze", &["after", "first"], "z1"),
    ];
    let mut model = unsealed(&spec, &nodes, &[]);
    let constants = &mut model.graph.as_mut().unwrap().initializer;
    constants.push(Tensor::ints("first", &[0]));
    constants.push(Tensor::floats(
        "w",
        &[1, gates * 2, 1],
        &WEIGHTS[..gates * 2],
    ));
    let r: Vec<f32> = (0..gates * 4).map(recurrence).collect();
    constants.push(Tensor::floats("r", &[1, gates * 2, 2], &r));
    constants.push(Tensor::floats("b", &[1, gates * 4], &vec![0.0; gates * 4]));
    seal(&mut model, &golden_rows(&super::fixture::spec(&spec), 64)).unwrap();
    model
}

fn recurrence(at: usize) -> f32 {
    0.5 - at as f32 / 16.0
}

/// What the gate `gate` sums for unit `unit`: the input's part and the state's.
fn sums(gate: usize, unit: usize, x: f64, z: [f64; 2]) -> (f64, f64) {
    let row = gate * 2 + unit;
    let weight = |at: usize| f64::from(recurrence(row * 2 + at));
    (
        f64::from(WEIGHTS[row]) * x,
        weight(0) * z[0] + weight(1) * z[1],
    )
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn answers(model: &proto::Model, signals: &[Vec<f64>]) -> Vec<Vec<Vec<f64>>> {
    let answer = |engine: Engine| {
        let binding = Binding {
            engine,
            ..binding()
        };
        let model = Model::from_bytes(&model.encode_to_vec(), &binding, &vocabulary());
        told(&model.unwrap_or_else(|fault| panic!("{fault}")), signals).columns
    };
    engines().into_iter().map(answer).collect()
}

#[test]
fn gated_recurrent_units_and_lstm_cells_step_as_onnx_defines_them() {
    let signals = [vec![0.5, 1.5], vec![0.25, -0.5], vec![-0.75, 0.9]];
    let rows: Vec<(f64, [f64; 2])> = (0..2)
        .map(|row| (signals[0][row], [signals[1][row], signals[2][row]]))
        .collect();
    for columns in answers(&recurrent("GRU", 3), &signals) {
        for (row, &(x, z)) in rows.iter().enumerate() {
            for unit in 0..2 {
                let gate = |gate: usize| {
                    let (input, state) = sums(gate, unit, x, z);
                    sigmoid(input + state)
                };
                let (input, state) = sums(2, unit, x, z);
                let new = (input + gate(1) * state).tanh();
                let wanted = (1.0 - gate(0)) * new + gate(0) * z[unit];
                assert!((columns[unit][row] - wanted).abs() < 1e-6);
            }
        }
    }
    for columns in answers(&recurrent("LSTM", 4), &signals) {
        for (row, &(x, z)) in rows.iter().enumerate() {
            for unit in 0..2 {
                let sum = |gate: usize| {
                    let (input, state) = sums(gate, unit, x, z);
                    input + state
                };
                // Gates stand in the order input, output, forget, cell; the cell starts at 0.
                let wanted = sigmoid(sum(1)) * (sigmoid(sum(0)) * sum(3).tanh()).tanh();
                assert!((columns[unit][row] - wanted).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn numbers_are_looked_up_row_by_row() {
    let spec = spec(json!([{"tensor": "y", "name": "most", "kind": "readout", "unit": "1"}]));
    let nodes = [
        Node::new("Concat", &["x", "z"], "all").with("axis", 1),
        Node::new("ArgMax", &["all"], "at")
            .with("axis", 1)
            .with("keepdims", 1),
        Node::new("GatherND", &["all", "at"], "flat").with("batch_dims", 1),
        Node::new("Unsqueeze", &["flat", "last"], "y"),
    ];
    let mut model = unsealed(&spec, &nodes, &[]);
    let graph = model.graph.as_mut().unwrap();
    graph.initializer.push(Tensor::ints("last", &[1]));
    seal(&mut model, &golden_rows(&super::fixture::spec(&spec), 64)).unwrap();
    for columns in answers(
        &model,
        &[vec![0.5, 1.5], vec![0.75, -0.5], vec![-0.75, 0.5]],
    ) {
        assert_eq!(columns[0], [0.75, 1.5]);
    }
}

#[test]
fn a_recurrence_along_the_rows_is_refused() {
    // Without the batch axis in its place, each row is a step of one series.
    let mut model = recurrent("GRU", 3);
    let graph = model.graph.as_mut().unwrap();
    graph.initializer[0] = Tensor::ints("first", &[1]);
    graph.node[2].input.truncate(4);
    graph.node[2].output = vec!["series_after".into()];
    graph.node[3] = Node::new("Squeeze", &["series_after", "inner"], "z1");
    graph.initializer.push(Tensor::ints("inner", &[1, 2]));
    let direction = Attribute {
        name: Some("direction".into()),
        s: Some(b"forward".to_vec()),
        kind: Some(3),
        ..Default::default()
    };
    graph.node[2].attribute.push(direction);
    let spec =
        super::operators::spec(json!([{"tensor": "z1", "kind": "latent_next", "space": "mood/2"}]));
    seal(&mut model, &golden_rows(&super::fixture::spec(&spec), 64)).unwrap();
    expect(&model, "E-ROWS", "rows must not depend on each other");
}
