//! Learned rules: a call of a model, rows in to rows out. The network is the 32-64-64-8 of the
//! engine comparison that chose the embedded engine.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use prost::Message;
use rules::neural::contract::Spec;
use rules::neural::make::{Activation, Link, Mlp, golden_rows, seal, write_onnx};
use rules::neural::mlp::uniform;
use rules::neural::proto::{self, Node, Tensor, ValueInfo};
use rules::neural::{Model, find_onnx_runtime};
use rules::{Batch, Binding, Dictionary, Edges, Engine, Entry, Outputs, Rule, Unit, Vocabulary};
use serde_json::{Value, json};

const INPUTS: usize = 32;
const OUTPUTS: usize = 8;

fn dictionary(what: &'static str, stem: &str, count: usize, unit: &str) -> Dictionary {
    let mut dictionary = Dictionary::new(what);
    for at in 0..count {
        dictionary.add(Entry {
            name: format!("{stem} {at}"),
            synonyms: Vec::new(),
            unit: Unit::parse(unit).unwrap(),
            is_event_rate: true,
            range: rules::dictionary::ANY,
        });
    }
    dictionary
}

fn vocabulary() -> Vocabulary {
    Vocabulary {
        types: vec!["tumor".into()],
        signals: dictionary("signal", "signal", INPUTS, "1"),
        pair_signals: Dictionary::new("signal"),
        behaviors: dictionary("behavior", "behavior", OUTPUTS, "1/min"),
        pair_behaviors: Dictionary::new("behavior"),
        base: vec![vec![0.0; OUTPUTS]],
        phenotype_step: 6.0,
        mechanics_step: 0.1,
    }
}

fn file() -> Vec<u8> {
    let input = |at| json!({"tensor": "x", "col": at, "name": format!("signal {at}"), "unit": "1", "lo": 0, "hi": 1});
    let output = |at| json!({"tensor": "y", "col": at, "name": format!("behavior {at}"), "kind": "rate", "unit": "1/min"});
    let spec = json!({
        "form": "cell", "acts_on": "tumor",
        "inputs": (0..INPUTS).map(input).collect::<Vec<Value>>(),
        "outputs": (0..OUTPUTS).map(output).collect::<Vec<Value>>(),
        "dt": {"trained": 6, "min": 1, "max": 60, "unit": "min"}
    });
    let spec = Spec::from_json(spec).unwrap();
    let ranges = [(0.0, 1.0); INPUTS];
    let network = Mlp::new(
        &ranges,
        &[64, 64],
        Activation::Relu,
        &[Link::Exp; OUTPUTS],
        1,
    );
    write_onnx(
        &network,
        &spec,
        &golden_rows(&spec, 96),
        &json!({"name": "bench"}),
    )
    .unwrap()
}

fn binding(engine: Engine) -> Binding {
    Binding {
        name: "bench".into(),
        file: "bench.onnx".into(),
        clock: None,
        combine: None,
        sha256: None,
        engine,
        adoption: rules::Adoption::default(),
    }
}

fn calls(criterion: &mut Criterion, name: &str, engine: Engine) {
    let binding = binding(engine);
    let (file, vocabulary) = (file(), vocabulary());
    let load = || Model::from_bytes(&file, &binding, &vocabulary).unwrap();
    let model = load();
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        for rows in [1usize, 64, 4096, 100_000] {
            let column = |at| {
                (0..rows)
                    .map(|row| ((row * 7 + at) % 97) as f64 / 97.0)
                    .collect()
            };
            let signals: Vec<Vec<f64>> = (0..INPUTS).map(column).collect();
            let batch = Batch {
                rows,
                signals: &rules::lent(&signals),
                noise: &[],
                dead: &vec![false; rows],
                dt: 6.0,
                ..Batch::default()
            };
            let mut out = Outputs::default();
            let label = match threads {
                1 => format!("neural/{name}/{rows} rows"),
                _ => format!("neural/{name}/{rows} rows, {threads} threads"),
            };
            criterion.bench_function(&label, |bencher| {
                bencher.iter(|| {
                    out.reset(OUTPUTS, rows);
                    pool.install(|| model.apply(black_box(&batch), &mut out))
                        .unwrap();
                });
            });
        }
    }
    criterion.bench_function(&format!("neural/{name}/load"), |bencher| {
        bencher.iter_batched(|| (), |()| load(), BatchSize::PerIteration);
    });
}

/// A model of edges and nodes: messages of 16 numbers from 2 × 8 signals, one output.
fn graph_file() -> Vec<u8> {
    let weights = |name: &str, rows: usize, columns: usize| {
        let number = |at| (uniform(3, at) - 0.5) as f32;
        let numbers: Vec<f32> = (0..(rows * columns) as u64).map(number).collect();
        Tensor::floats(name, &[rows, columns], &numbers)
    };
    let matrix = |name: &str, width, axis| ValueInfo::floats(name, &[None, Some(width)], axis);
    let input = |tensor: &str, at: usize| json!({"tensor": tensor, "col": at, "name": format!("signal {at}"), "unit": "1", "lo": 0, "hi": 1});
    let inputs = ["a", "b", "x"].map(|tensor| (0..8).map(move |at| input(tensor, at)));
    let spec = json!({
        "form": "graph", "acts_on": "tumor",
        "inputs": inputs.into_iter().flatten().collect::<Vec<Value>>(),
        "messages": {"tensor": "message", "into": "m", "reduce": "sum"},
        "outputs": [{"tensor": "y", "name": "behavior 0", "kind": "rate", "unit": "1/min"}],
        "dt": {"trained": 6, "min": 1, "max": 60, "unit": "min"}
    });
    let mut model = proto::Model {
        ir_version: Some(10),
        graph: Some(proto::Graph {
            node: vec![
                Node::new("Concat", &["a", "b"], "ends").with("axis", 1),
                Node::new("MatMul", &["ends", "w_1"], "sum"),
                Node::new("Tanh", &["sum"], "message"),
                Node::new("Concat", &["x", "m"], "heard").with("axis", 1),
                Node::new("MatMul", &["heard", "w_2"], "log_y"),
                Node::new("Sigmoid", &["log_y"], "y"),
            ],
            initializer: vec![weights("w_1", 16, 16), weights("w_2", 24, 1)],
            input: vec![
                matrix("a", 8, "edges"),
                matrix("b", 8, "edges"),
                matrix("x", 8, "cells"),
                matrix("m", 16, "cells"),
            ],
            output: vec![matrix("message", 16, "edges"), matrix("y", 1, "cells")],
            ..proto::Graph::default()
        }),
        opset_import: vec![proto::OperatorSet {
            domain: None,
            version: Some(18),
        }],
        ..proto::Model::default()
    };
    model.set_metadata("milieu.contract", "1".into());
    model.set_metadata("milieu.spec", spec.to_string());
    seal(
        &mut model,
        &golden_rows(&Spec::from_json(spec).unwrap(), 64),
    )
    .unwrap();
    model.encode_to_vec()
}

/// 100 000 nodes in a ring, each of which touches its 12 nearest: 1.2 million edges.
fn graph_calls(criterion: &mut Criterion, name: &str, engine: Engine) {
    const NODES: u32 = 100_000;
    let model = Model::from_bytes(&graph_file(), &binding(engine), &vocabulary()).unwrap();
    let (mut from, mut to) = (Vec::new(), Vec::new());
    for node in 0..NODES {
        let mut near: Vec<u32> = (1..=6)
            .flat_map(|step| [(node + step) % NODES, (node + NODES - step) % NODES])
            .collect();
        near.sort_unstable();
        to.extend(near.iter().map(|_| node));
        from.extend(near);
    }
    let column = |at| (0..NODES).map(move |node| f64::from((node * 7 + at) % 97) / 97.0);
    let signals: Vec<Vec<f64>> = (0..24).map(|at| column(at).collect()).collect();
    let batch = Batch {
        rows: NODES as usize,
        signals: &rules::lent(&signals),
        dead: &vec![false; NODES as usize],
        edges: Edges {
            from: &from,
            to: &to,
        },
        dt: 6.0,
        ..Batch::default()
    };
    let mut out = Outputs::default();
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let label = match threads {
            1 => format!("neural/{name}/graph of {NODES} nodes"),
            _ => format!("neural/{name}/graph of {NODES} nodes, {threads} threads"),
        };
        criterion.bench_function(&label, |bencher| {
            bencher.iter(|| {
                out.reset(1, batch.rows);
                pool.install(|| model.apply(black_box(&batch), &mut out))
                    .unwrap();
            });
        });
    }
}

fn neural(criterion: &mut Criterion) {
    calls(criterion, "rten", Engine::Embedded);
    graph_calls(criterion, "rten", Engine::Embedded);
    match find_onnx_runtime() {
        Some(library) => {
            let engine = Engine::OnnxRuntime(Some(library));
            calls(criterion, "ort", engine.clone());
            graph_calls(criterion, "ort", engine);
        }
        None => eprintln!("skipped: ONNX Runtime (ORT_DYLIB_PATH is not set)"),
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = neural
}
criterion_main!(benches);
