//! Learned rules: a call of a model, rows in to rows out. The network is the 32-64-64-8 of the
//! engine comparison that chose the embedded engine.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use rules::neural::contract::Spec;
use rules::neural::make::{Activation, Link, Mlp, golden_rows, write_onnx};
use rules::neural::{Model, find_onnx_runtime};
use rules::{Batch, Binding, Dictionary, Engine, Entry, Outputs, Rule, Unit, Vocabulary};
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

fn calls(criterion: &mut Criterion, name: &str, engine: Engine) {
    let binding = Binding {
        name: "bench".into(),
        file: "bench.onnx".into(),
        clock: None,
        combine: None,
        sha256: None,
        engine,
        adoption: rules::Adoption::default(),
    };
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
                signals: &signals,
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

fn neural(criterion: &mut Criterion) {
    calls(criterion, "rten", Engine::Embedded);
    match find_onnx_runtime() {
        Some(library) => calls(criterion, "ort", Engine::OnnxRuntime(Some(library))),
        None => eprintln!("skipped: ONNX Runtime (ORT_DYLIB_PATH is not set)"),
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = neural
}
criterion_main!(benches);
