//! Models as rules: the right numbers from good files, and a named refusal of every bad one.

#[path = "neural/declared.rs"]
mod declared;
#[path = "neural/domain.rs"]
mod domain;
#[path = "neural/fixture.rs"]
mod fixture;
#[path = "neural/forms.rs"]
mod forms;
#[path = "neural/kinds.rs"]
mod kinds;
#[path = "neural/operators.rs"]
mod operators;
#[path = "neural/page.rs"]
mod page;

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
        signals,
        noise,
        dead: &vec![false; rows],
        dt: model.signature().clock,
        ..Batch::default()
    };
    model.apply(&batch, &mut out).unwrap();
    out
}

#[test]
fn a_cell_model_gives_the_numbers_of_its_network_in_the_units_of_the_dictionary() {
    let (network, model) = (cell_network(), load(&good_cell()).unwrap());
    let signature = model.signature();
    assert_eq!(signature.subject, Subject::Cell { types: vec![1] });
    assert_eq!(signature.clock, 6.0);
    let signals: Vec<usize> = signature.reads.iter().map(|read| read.signal).collect();
    assert_eq!(signals, [0, 4, 2]);
    assert_eq!(signature.writes[0].kind, Kind::Rate);
    assert_eq!(signature.writes[1].kind, Kind::Rate);
    assert_eq!(
        signature.writes[2].kind,
        Kind::Parameter {
            relaxation: Some(12.0)
        }
    );
    assert_eq!(signature.writes[2].target, Target::Behavior(2));
    assert_eq!(
        signature.writes[3].target,
        Target::Readout("readout:stress".into())
    );

    let signals = columns(2500, &CELL);
    let out = apply(&model, &signals, &[]);
    assert_eq!(out.failed, []);
    for row in 0..2500 {
        let kilopascal = signals[0][row] * 0.133_322_387_415;
        let y = forward(
            &network,
            &[kilopascal, signals[1][row] / 60.0, signals[2][row]],
        );
        let wanted = [
            y[0] / 60.0,
            -(1.0 - y[1] / 100.0).ln() / 60.0,
            y[2] / 60.0,
            y[3],
        ];
        // f32 inside against f64 here: a few of its roundings of numbers of this size.
        let sizes = [1e-3, 1e-3, 1.0, 1.0];
        for ((column, wanted), size) in out.columns.iter().zip(wanted).zip(sizes) {
            assert!(
                (column[row] - wanted).abs() < 2e-6 * size,
                "{} {wanted}",
                column[row]
            );
        }
    }
}

#[test]
fn a_dyad_model_gives_hits_and_pair_events() {
    let (network, model) = (dyad_network(), load(&good_dyad()).unwrap());
    let signature = model.signature();
    assert_eq!(signature.subject, Subject::Dyad { a: 0, b: 1 });
    assert_eq!(signature.clock, 0.1);
    let sides: Vec<Side> = signature.reads.iter().map(|read| read.side).collect();
    assert_eq!(sides, [Side::A, Side::B, Side::Pair]);
    assert_eq!(signature.writes[0].side, Side::B);
    assert_eq!(signature.writes[0].kind, Kind::Hit { size: 1.0 });
    assert_eq!(signature.writes[0].target, Target::PairBehavior(0));
    assert_eq!(signature.writes[1].side, Side::Pair);
    assert_eq!(signature.writes[1].target, Target::PairBehavior(1));

    let signals = columns(700, &DYAD);
    let out = apply(&model, &signals, &[]);
    for row in 0..700 {
        let x: Vec<f64> = signals.iter().map(|column| column[row]).collect();
        for (column, wanted) in out.columns.iter().zip(forward(&network, &x)) {
            assert!((column[row] / wanted - 1.0).abs() < 2e-5);
        }
    }
    let lines = model.describe().join("\n");
    for part in [
        "fixture 1.2.3",
        "CD8 T cell → tumor",
        "rten 0.27.0",
        "contact age in min, trained on 0 to 120",
        "hit on tumor (b) as hit in 1/min, hits of size 1",
        "every 0.1 min",
    ] {
        assert!(lines.contains(part), "`{part}` is not in:\n{lines}");
    }
    let provenance = model.provenance();
    assert_eq!(provenance.model.as_deref(), Some("fixture 1.2.3"));
    assert_eq!(provenance.sha256.len(), 64);
    assert_eq!(provenance.engine, "rten 0.27.0, rows bitwise");
}

#[test]
fn the_example_of_the_contract_loads() {
    let spec = json!({"form":"dyad","acts_on":{"a":"CD8 T cell","b":"tumor"},
        "inputs":[{"tensor":"e","col":0,"name":"contact_age","unit":"min","lo":0,"hi":120,"mean":11.2,"std":14.0}],
        "outputs":[{"tensor":"hit","name":"hit","on":"b","kind":"rate","unit":"1/min","size":1,"reduce":"sum","uncertainty":{"ens":"hit.ens","k":5}},
                   {"tensor":"detach","name":"detach","on":"pair","kind":"rate","unit":"1/min"}],
        "dt":{"trained":1,"min":0.1,"max":6,"unit":"min"}, "noise":{"dist":"normal","lanes":0}});
    let network = Mlp::new(
        &[(0.0, 120.0)],
        &[4],
        Activation::Tanh,
        &[Link::Exp, Link::Exp],
        1,
    );
    let plain = without(spec.clone(), "/outputs/0/uncertainty");
    let mut model = write(&network, &plain);
    expect(
        &with_spec(model.clone(), spec.clone()),
        "E-CONTRACT",
        "hit.ens",
    );
    let graph = model.graph.as_mut().unwrap();
    graph
        .node
        .push(Node::new("Concat", &["hit", "hit", "hit", "hit", "hit"], "hit.ens").with("axis", 1));
    graph
        .output
        .push(ValueInfo::floats("hit.ens", &[None, Some(5)], "n_pairs"));
    let mut model = with_spec(model, spec.clone());
    expect(&model, "E-GOLDEN", "no array for the output `hit.ens`");
    seal(&mut model, &golden_rows(&fixture::spec(&spec), 64)).unwrap();
    let loaded = load(&model).unwrap();
    assert_eq!(loaded.signature().writes[0].kind, Kind::Hit { size: 1.0 });
}

#[test]
fn the_example_of_the_documentation_loads() {
    // Written by the Python program in docs/models.md; its golden rows come from the reference
    // evaluator of the package `onnx`.
    let bytes = include_bytes!("neural/hypoxia.onnx");
    let model = Model::from_bytes(bytes, &binding(), &vocabulary()).unwrap();
    assert_eq!(model.provenance().model.as_deref(), Some("hypoxia 1.0.0"));
    let page = include_str!("../../docs/models.md");
    for op in rules::neural::check::OPERATORS {
        assert!(page.contains(op), "docs/models.md does not list {op}");
    }
}

#[test]
fn the_same_bits_come_for_any_number_of_threads() {
    let model = Arc::new(load(&good_cell()).unwrap());
    let signals = columns(5000, &CELL);
    let bits = |threads: usize| -> Vec<Vec<u64>> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let out = pool.install(|| apply(&model, &signals, &[]));
        let column = |column: &Vec<f64>| column.iter().map(|value| value.to_bits()).collect();
        out.columns.iter().map(column).collect()
    };
    let one = bits(1);
    for threads in [2, 3, 8] {
        assert_eq!(one, bits(threads), "{threads} threads");
    }
}

#[test]
fn a_bitwise_model_gives_a_row_the_same_bits_in_any_batch() {
    let model = load(&good_cell()).unwrap();
    assert_eq!(model.row_class(), RowClass::Bitwise);
    let signals = columns(1500, &CELL);
    let whole = apply(&model, &signals, &[]);
    for rows in [1, 2, 3, 15, 16, 17, 100, 1023, 1025] {
        let part: Vec<Vec<f64>> = signals
            .iter()
            .map(|column| column[1500 - rows..].to_vec())
            .collect();
        let part = apply(&model, &part, &[]);
        for (whole, part) in whole.columns.iter().zip(&part.columns) {
            assert_eq!(&whole[1500 - rows..], part, "{rows} rows");
        }
    }
}

#[test]
fn an_empty_batch_is_nothing_to_do() {
    let model = load(&good_cell()).unwrap();
    let out = apply(&model, &[vec![], vec![], vec![]], &[]);
    assert!(out.columns.iter().all(Vec::is_empty) && out.failed.is_empty());
}

#[test]
fn rows_that_fail_fail_alone() {
    let model = load(&good_cell()).unwrap();
    let mut signals = columns(50, &CELL);
    let good = apply(&model, &signals, &[]);
    signals[0][7] = f64::NAN;
    signals[2][9] = 1e39; // beyond f32
    let out = apply(&model, &signals, &[]);
    let rows: Vec<usize> = out.failed.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, [7, 9]);
    assert!(
        out.failed[0].1.contains("E-NONFINITE") && out.failed[0].1.contains("oxygen = NaN kPa"),
        "{}",
        out.failed[0].1
    );
    for (good, column) in good.columns.iter().zip(&out.columns) {
        for row in (0..50).filter(|row| ![7, 9].contains(row)) {
            assert_eq!(good[row], column[row]);
        }
    }

    // log(x − 1): no number below an oxygen of 1, where none of the golden rows is.
    let spec = changed(small_spec("rate"), "/inputs/0/lo", json!(2));
    let model = load(&small(
        &[
            Node::new("Sub", &["x", "one"], "s"),
            Node::new("Log", &["s"], "y"),
        ],
        spec,
    ))
    .unwrap();
    let out = apply(&model, &[vec![3.0, 0.5, 4.0]], &[]);
    assert_eq!(out.failed.len(), 1);
    assert_eq!(out.failed[0].0, 1);
    assert!(
        out.failed[0].1.contains("E-NONFINITE") && out.failed[0].1.contains("output `apoptosis`"),
        "{}",
        out.failed[0].1
    );
    assert!((out.columns[0][2] - 3f64.ln()).abs() < 1e-6);
}

#[test]
fn a_probability_of_one_or_more_fails_its_row() {
    let spec = changed(small_spec("probability"), "/outputs/0/per", json!("30 min"));
    let spec = changed(spec, "/inputs/0/hi", json!(0.9));
    let model = load(&small(&[Node::new("Identity", &["x"], "y")], spec)).unwrap();
    let out = apply(&model, &[vec![0.5, 1.0, -0.25, 0.0]], &[]);
    let rows: Vec<usize> = out.failed.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, [1, 2]);
    assert!(out.failed[0].1.contains("E-RANGE"));
    assert!((out.columns[0][0] - 2f64.ln() / 30.0).abs() < 1e-9);
    assert_eq!(out.columns[0][3], 0.0);
}

#[test]
fn nothing_of_the_dead_can_fail() {
    let model = load(&good_cell()).unwrap();
    let signals = [vec![f64::NAN, 1.0], vec![1.0, 1.0], vec![1.0, 1.0]];
    let mut out = Outputs::default();
    out.reset(4, 2);
    let batch = Batch {
        rows: 2,
        signals: &signals,
        noise: &[],
        dead: &[true, false],
        dt: 6.0,
        ..Batch::default()
    };
    model.apply(&batch, &mut out).unwrap();
    assert_eq!(out.failed, []);
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
fn noise_and_time_step_reach_the_graph() {
    let spec = changed(
        small_spec("rate"),
        "/noise",
        json!({"dist": "uniform", "lanes": 1}),
    );
    let mut model = bare(
        &[
            Node::new("Add", &["x", "noise"], "s"),
            Node::new("Mul", &["s", "dt"], "y"),
        ],
        spec.clone(),
    );
    let input = &mut model.graph.as_mut().unwrap().input;
    input.push(ValueInfo::floats("noise", &[None, Some(1)], "n"));
    input.push(ValueInfo::floats("dt", &[Some(1)], ""));
    seal(&mut model, &golden_rows(&fixture::spec(&spec), 64)).unwrap();
    let model = load(&model).unwrap();
    let wanted = Noise {
        distribution: rules::Distribution::Uniform,
        lanes: 1,
    };
    assert_eq!(model.signature().noise, Some(wanted));
    let out = apply(&model, &[vec![0.5, 0.25]], &[0.25, 0.5]);
    assert_eq!(out.columns[0], [4.5, 4.5]);
}

#[test]
fn changes_and_clocks_are_bound() {
    let volume = |kind: &str, unit: &str, per: serde_json::Value| {
        let mut spec = small_spec(kind);
        spec["outputs"][0] =
            json!({"tensor": "y", "name": "target_volume", "kind": kind, "unit": unit});
        if !per.is_null() {
            spec["outputs"][0]["per"] = per;
        }
        small(&[Node::new("Identity", &["x"], "y")], spec)
    };
    let kind =
        |model: &proto::Model| load(model).map(|model| model.signature().writes[0].kind.clone());
    assert_eq!(
        kind(&volume("delta", "fL", json!("step"))),
        Ok(Kind::Delta { per: None })
    );
    assert_eq!(
        kind(&volume("delta", "fL", json!("min"))),
        Ok(Kind::Delta { per: Some(1.0) })
    );
    assert_eq!(
        kind(&volume("delta", "fL", json!(12))),
        Ok(Kind::Delta { per: Some(12.0) })
    );
    assert_eq!(
        kind(&volume("delta", "fL", json!("1 h"))),
        Ok(Kind::Delta { per: Some(60.0) })
    );
    let derivative = volume("derivative", "pL/h", json!(null));
    let model = load(&derivative).unwrap();
    assert_eq!(
        model.signature().writes[0].kind,
        Kind::Delta { per: Some(1.0) }
    );
    let value = apply(&model, &[vec![0.5]], &[]).columns[0][0];
    assert!((value - 0.5 * 1000.0 / 60.0).abs() < 1e-9);

    let bound = |clock: f64, model: &proto::Model| {
        let mut binding = binding();
        binding.clock = Some(clock);
        binding.combine = Some(Combine::Sum);
        Model::from_bytes(&model.encode_to_vec(), &binding, &vocabulary())
    };
    let model = bound(12.0, &derivative).ok().unwrap();
    assert_eq!(model.signature().clock, 12.0);
    assert_eq!(model.signature().combine, Some(Combine::Sum));
    for (clock, model, part) in [
        (66.0, &derivative, "good for 1 to 60 min"),
        (7.0, &derivative, "no multiple of the phenotype step"),
        (
            12.0,
            &volume("delta", "fL", json!("step")),
            "holds only for the step trained with, 6 min",
        ),
    ] {
        let fault = bound(clock, model).err().unwrap();
        assert_eq!(fault.code, "E-DT");
        assert!(fault.message.contains(part), "{fault}");
    }
}

#[test]
fn an_empty_file_is_called_empty() {
    let fault = Model::from_bytes(&[], &binding(), &vocabulary())
        .err()
        .unwrap();
    assert_eq!(fault.to_string(), "E-CONTRACT: the file is empty");
}

#[test]
fn the_file_is_checked_before_an_engine_sees_it() {
    let spoil = |change: &dyn Fn(&mut proto::Model)| {
        let mut model = good_cell();
        change(&mut model);
        model
    };
    let first = |model: &mut proto::Model, change: &dyn Fn(&mut Node)| {
        change(&mut model.graph.as_mut().unwrap().node[0])
    };
    for version in [15, 22] {
        expect(
            &spoil(&|model| model.opset_import[0].version = Some(version)),
            "E-OPSET",
            "opset",
        );
    }
    expect(
        &spoil(&|model| model.opset_import.clear()),
        "E-OPSET",
        "opset 18",
    );
    expect(
        &spoil(&|model| model.ir_version = Some(11)),
        "E-OPSET",
        "ir_version 11",
    );
    expect(
        &spoil(&|model| model.functions.push(vec![])),
        "E-OP",
        "functions",
    );
    expect(
        &spoil(&|model| model.training_info.push(vec![])),
        "E-CONTRACT",
        "training",
    );
    expect(
        &spoil(&|model| {
            model
                .graph
                .as_mut()
                .unwrap()
                .sparse_initializer
                .push(vec![])
        }),
        "E-CONTRACT",
        "sparse",
    );
    expect(
        &spoil(&|model| first(model, &|node| node.domain = Some("com.microsoft".into()))),
        "E-OP",
        "com.microsoft",
    );
    for op in ["If", "Loop", "Scan"] {
        expect(
            &spoil(&|model| first(model, &|node| node.op_type = Some(op.into()))),
            "E-OP",
            op,
        );
    }
    expect(
        &spoil(&|model| first(model, &|node| node.op_type = Some("Frobnicate".into()))),
        "E-OP",
        "node 0: `Frobnicate`",
    );
    for op in [
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Bernoulli",
        "Multinomial",
    ] {
        expect(
            &spoil(&|model| first(model, &|node| node.op_type = Some(op.into()))),
            "E-RANDOM-OP",
            "`noise`",
        );
    }
    let graph = proto::Attribute {
        name: Some("body".into()),
        g: Some(vec![]),
        ..Default::default()
    };
    expect(
        &spoil(&|model| first(model, &|node| node.attribute.push(graph.clone()))),
        "E-OP",
        "`body`",
    );
    expect(
        &spoil(&|model| {
            let weights = &mut model.graph.as_mut().unwrap().initializer[0];
            weights.data_location = Some(1);
        }),
        "E-CONTRACT",
        "external_data=False",
    );
    expect(
        &spoil(&|model| model.graph.as_mut().unwrap().initializer[0].dims = vec![-1, 3]),
        "E-CONTRACT",
        "shape",
    );
    let huge = Tensor::ints("shape", &[1 << 40, 1]);
    expect(
        &spoil(&|model| model.graph.as_mut().unwrap().initializer.push(huge.clone())),
        "E-OP",
        "memory",
    );

    let dropout = |flag: &[u8]| {
        let mut node = Node::new("Dropout", &["x", "", "training"], "y");
        node.name = Some("drop".into());
        let mut model = bare(&[node], small_spec("rate"));
        model.graph.as_mut().unwrap().initializer.push(Tensor {
            data_type: Some(9),
            name: Some("training".into()),
            raw_data: Some(flag.to_vec()),
            ..Default::default()
        });
        model
    };
    expect(
        &dropout(&[1]),
        "E-RANDOM-OP",
        "node 0 `drop`: `Dropout (in training mode)`",
    );
    let mut quiet = dropout(&[0]);
    seal(
        &mut quiet,
        &golden_rows(&fixture::spec(&small_spec("rate")), 64),
    )
    .unwrap();
    assert!(load(&quiet).is_ok());
}

#[test]
fn the_metadata_are_read_strictly() {
    let cell = || (good_cell(), cell_spec());
    let (mut model, spec) = cell();
    model.metadata_props.clear();
    expect(&model, "E-CONTRACT", "no metadata key `milieu.contract`");
    let (mut model, _) = cell();
    model.set_metadata("milieu.contract", "2".into());
    expect(&model, "E-CONTRACT", "version `2`");
    model.set_metadata("milieu.contract", "1".into());
    model.set_metadata("milieu.gold", "".into());
    expect(&model, "E-CONTRACT", "unknown key `milieu.gold`");
    let (mut model, _) = cell();
    model.set_metadata("milieu.spec", "{".into());
    expect(&model, "E-CONTRACT", "not JSON");
    let (mut model, _) = cell();
    model.set_metadata("milieu.card", "[]".into());
    expect(&model, "E-CONTRACT", "milieu.card");

    let cases = [
        (
            "/form",
            json!("blob"),
            "form: unknown variant `blob`, expected one of `cell`, `dyad`, `graph`",
        ),
        ("/form", json!("graph"), "form `graph` wants `messages`"),
        (
            "/colour",
            json!(1),
            "unknown field `colour`, expected one of `form`",
        ),
        (
            "/hops",
            json!(2),
            "`hops` is for form `graph`, and this is `cell`",
        ),
        ("/sees", json!(["tumor"]), "`sees` is for form `graph`"),
        (
            "/acts_on",
            json!({"a": "tumor", "b": "tumor"}),
            "form `cell` wants",
        ),
        (
            "/inputs/0/colour",
            json!(1),
            "inputs[0] `oxygen`: colour: unknown field `colour`",
        ),
        ("/inputs/0/tensor", json!("b"), "signals enter by `x`"),
        ("/inputs/0/col", json!(1), "named twice"),
        ("/inputs/0/col", json!(3), "none numbered 3"),
        ("/inputs/0/lo", json!(9), "lo 9 and hi 8"),
        (
            "/inputs/0/frame",
            json!("gradient"),
            "inputs[0] `oxygen`: frame: ",
        ),
        (
            "/outputs/0/kind",
            json!("guess"),
            "outputs[0] `apoptosis`: kind: unknown variant `guess`",
        ),
        (
            "/outputs/0/kind",
            json!("logits"),
            "`col` is not for kind `logits`",
        ),
        ("/outputs/0/size", json!(1), "a hit lands on"),
        ("/outputs/0/tau", json!(1), "`tau` is not for kind `rate`"),
        ("/outputs/0/per", json!(1), "`per` is not for kind `rate`"),
        (
            "/outputs/0/on",
            json!("a"),
            "`on` is for forms `dyad` and `division`",
        ),
        (
            "/outputs/0/reduce",
            json!("sum"),
            "`reduce` is for what a dyad does",
        ),
        ("/outputs/2/tau", json!(-1), "tau -1"),
        ("/outputs/1/per", json!(0), "per 0 must be"),
        (
            "/outputs/1/per",
            json!("step"),
            "a probability belongs to minutes",
        ),
        ("/dt/min", json!(7), "min ≤ trained"),
    ];
    for (pointer, value, part) in cases {
        expect(
            &with_spec(good_cell(), changed(spec.clone(), pointer, value)),
            "E-CONTRACT",
            part,
        );
    }
    for (pointer, part) in [
        ("/form", "missing field `form`"),
        ("/dt", "`dt` is missing"),
        ("/outputs/0/kind", "missing field `kind`"),
        ("/outputs/0/unit", "`unit` is missing: kind `rate` needs it"),
        ("/outputs/1/per", "`per` is missing"),
        ("/outputs/1/col", "needs its `col`"),
        ("/inputs/2/hi", "missing field `hi`"),
    ] {
        expect(
            &with_spec(good_cell(), without(spec.clone(), pointer)),
            "E-CONTRACT",
            part,
        );
    }
    let dyad = [
        ("/outputs/0/size", "`size` is missing"),
        ("/outputs/0/reduce", "`reduce` is missing"),
        ("/outputs/0/on", "`on` must be"),
    ];
    for (pointer, part) in dyad {
        expect(
            &with_spec(good_dyad(), without(dyad_spec(), pointer)),
            "E-CONTRACT",
            part,
        );
    }
    let mean = changed(dyad_spec(), "/outputs/0/reduce", json!("mean"));
    expect(
        &with_spec(good_dyad(), mean),
        "E-CONTRACT",
        "events are drawn for each pair: only `reduce`: \"sum\"",
    );
}

#[test]
fn tensors_must_be_those_of_the_spec() {
    let with_input = |info: ValueInfo| {
        let mut model = good_cell();
        model.graph.as_mut().unwrap().input[0] = info;
        model
    };
    expect(
        &with_input(ValueInfo::floats("x", &[Some(32), Some(3)], "")),
        "E-SHAPE",
        "is [32, 3], expected [symbolic, 3]; the first axis counts rows",
    );
    expect(
        &with_input(ValueInfo::floats("x", &[None, Some(4)], "n")),
        "E-SHAPE",
        "is [n, 4], expected [symbolic, 3]",
    );
    expect(
        &with_input(ValueInfo::floats("x", &[None], "n")),
        "E-SHAPE",
        "is [n]",
    );
    let mut wide = ValueInfo::floats("x", &[None, Some(3)], "n");
    wide.r#type
        .as_mut()
        .unwrap()
        .tensor
        .as_mut()
        .unwrap()
        .elem_type = Some(11);
    expect(
        &with_input(wide),
        "E-DTYPE",
        "input `x` is float64, expected float32",
    );
    expect(
        &with_input(ValueInfo {
            name: Some("x".into()),
            r#type: None,
        }),
        "E-DTYPE",
        "not a tensor",
    );
    expect(
        &with_input(ValueInfo::floats("y", &[None, Some(3)], "n")),
        "E-CONTRACT",
        "the graph reads `y`",
    );
    for (name, part) in [
        ("z", "no latent state that enters"),
        ("cond", "may add x, cond"),
    ] {
        let mut model = good_cell();
        model
            .graph
            .as_mut()
            .unwrap()
            .input
            .push(ValueInfo::floats(name, &[None, Some(3)], "n"));
        expect(&model, "E-CONTRACT", part);
    }
    let mut model = good_cell();
    model
        .graph
        .as_mut()
        .unwrap()
        .input
        .push(ValueInfo::floats("noise", &[None, Some(3)], "n"));
    expect(&model, "E-CONTRACT", "declares no lanes");
    let mut model = good_cell();
    model
        .graph
        .as_mut()
        .unwrap()
        .input
        .push(ValueInfo::floats("dt", &[Some(2)], "n"));
    expect(&model, "E-SHAPE", "expected [1]");
    let mut model = good_cell();
    model.graph.as_mut().unwrap().output[0] = ValueInfo::floats("rates", &[Some(1), Some(2)], "");
    expect(&model, "E-SHAPE", "output `rates` is [1, 2]");
    let mut model = good_cell();
    model.graph.as_mut().unwrap().output.remove(1);
    expect(&model, "E-CONTRACT", "output tensor `speed`");

    // Shapes that only a run shows: weights that do not fit, and an output narrower than promised.
    let mut model = good_cell();
    model.graph.as_mut().unwrap().initializer[2].dims = vec![16, 3];
    expect(&model, "E-ENGINE", "");
    let unknown = ValueInfo {
        name: Some("y".into()),
        r#type: Some(proto::Type {
            tensor: Some(proto::TensorType {
                elem_type: Some(1),
                shape: None,
            }),
        }),
    };
    let mut model = small(&[Node::new("Identity", &["x"], "y")], small_spec("rate"));
    let graph = model.graph.as_mut().unwrap();
    graph.output[0] = unknown;
    graph.node[0] = Node::new("Concat", &["x", "x"], "y").with("axis", 1);
    expect(
        &model,
        "E-SHAPE",
        "output `y` has the shape [64, 2], expected [64, 1]",
    );
}

#[test]
fn names_and_units_are_those_of_the_scenario() {
    let spec = cell_spec();
    for (pointer, value, code, part) in [
        (
            "/acts_on",
            json!("tumour"),
            "E-TYPE",
            "did you mean `tumor`? known cell types: CD8 T cell, macrophage, tumor",
        ),
        (
            "/acts_on",
            json!(["tumor", "neuron"]),
            "E-TYPE",
            "unknown cell type `neuron`",
        ),
        (
            "/inputs/0/name",
            json!("oxigen"),
            "E-SIGNAL",
            "inputs[0] `oxigen`: unknown signal `oxigen`\n  did you mean `oxygen`",
        ),
        (
            "/outputs/0/name",
            json!("apoptosys"),
            "E-SIGNAL",
            "did you mean `apoptosis`",
        ),
        ("/inputs/0/unit", json!("µM"), "E-UNIT", "`µM` is a"),
        (
            "/inputs/0/unit",
            json!("furlong"),
            "E-UNIT",
            "unknown unit `furlong`; write `mmHg`, or a multiple",
        ),
        (
            "/outputs/0/unit",
            json!("damage"),
            "E-UNIT",
            "unknown unit `damage`; write `1/min`, or a multiple",
        ),
        (
            "/outputs/0/kind",
            json!("parameter"),
            "E-CONTRACT",
            "`apoptosis` is an event, which is drawn and not set; declare the kind `rate`",
        ),
        (
            "/outputs/2",
            json!({"tensor": "speed", "name": "migration speed", "kind": "rate", "unit": "1/min"}),
            "E-CONTRACT",
            "`migration speed` is not an event that could have a rate",
        ),
        ("/outputs/0/unit", json!("µm"), "E-UNIT", "such as `1/min`"),
        ("/outputs/1/unit", json!("1/min"), "E-UNIT", "pure number"),
        ("/outputs/1/per", json!("3 µm"), "E-UNIT", "per: "),
        ("/dt/unit", json!("µm"), "E-UNIT", "dt: "),
        (
            "/outputs/1/name",
            json!("apoptosis"),
            "E-CONFLICT",
            "writes this twice",
        ),
        (
            "/outputs/0/name",
            json!("oxygen secretion"),
            "E-CONTRACT",
            "declare the kind `parameter`",
        ),
        ("/dt/max", json!(5), "E-CONTRACT", "trained"),
    ] {
        expect(
            &with_spec(good_cell(), changed(spec.clone(), pointer, value)),
            code,
            part,
        );
    }
    let short = changed(changed(spec, "/dt/max", json!(5)), "/dt/trained", json!(5));
    expect(
        &with_spec(good_cell(), short),
        "E-DT",
        "would run every 6 min",
    );
    let pair = changed(dyad_spec(), "/inputs/2/name", json!("contact edge"));
    expect(
        &with_spec(good_dyad(), pair),
        "E-SIGNAL",
        "known signals: contact age, gap, hits",
    );
    let event = changed(dyad_spec(), "/outputs/1/name", json!("apoptosis"));
    expect(
        &with_spec(good_dyad(), event),
        "E-SIGNAL",
        "known behaviors: detach, hit",
    );
}

#[test]
fn golden_rows_are_wanted_and_reproduced() {
    let mut model = good_cell();
    model
        .metadata_props
        .retain(|property| property.key() != contract::KEY_GOLDEN);
    expect(
        &model,
        "E-GOLDEN",
        "at least 64 golden rows are part of every model",
    );

    let golden = |change: &dyn Fn(&mut Arrays)| {
        let mut model = good_cell();
        let mut arrays = Arrays::read(model.metadata(contract::KEY_GOLDEN).unwrap()).unwrap();
        change(&mut arrays);
        model.set_metadata(contract::KEY_GOLDEN, arrays.write());
        model
    };
    assert!(load(&golden(&|_| ())).is_ok());
    for name in ["x", "rates", "atol", "rtol"] {
        expect(
            &golden(&|arrays| drop(arrays.0.remove(name))),
            "E-GOLDEN",
            &format!("`{name}`"),
        );
    }
    expect(
        &golden(&|arrays| {
            for name in ["x", "rates", "speed", "note"] {
                let array = arrays.0.get_mut(name).unwrap();
                let width = array.shape[1];
                array.shape[0] = 63;
                array.data.truncate(63 * width);
            }
        }),
        "E-GOLDEN",
        "63 rows; at least 64",
    );
    expect(
        &golden(&|arrays| arrays.0.get_mut("atol").unwrap().data[0] = 1.0),
        "E-GOLDEN",
        "prove nothing",
    );
    expect(
        &golden(&|arrays| arrays.0.get_mut("rtol").unwrap().data[0] = 0.1),
        "E-GOLDEN",
        "prove nothing",
    );
    expect(
        &golden(&|arrays| arrays.0.get_mut("speed").unwrap().data[3] = f32::NAN),
        "E-GOLDEN",
        "not finite",
    );
    expect(
        &golden(&|arrays| {
            let stray = arrays.0["x"].clone();
            arrays.0.insert("xs".into(), stray);
        }),
        "E-GOLDEN",
        "`xs` is no tensor",
    );
    expect(
        &golden(&|arrays| arrays.0.get_mut("speed").unwrap().data[17] += 0.01),
        "E-GOLDEN",
        "output `speed`, row 17, column 0: made",
    );

    let mut drifted = good_cell();
    let weights = &mut drifted.graph.as_mut().unwrap().initializer[4];
    let raw = weights.raw_data.as_mut().unwrap();
    let weight = f32::from_le_bytes(raw[..4].try_into().unwrap()) * 1.001;
    raw[..4].copy_from_slice(&weight.to_le_bytes());
    expect(&drifted, "E-GOLDEN", "difference");
    for text in ["%%%", "AAAA"] {
        let mut model = good_cell();
        model.set_metadata(contract::KEY_GOLDEN, text.into());
        expect(&model, "E-GOLDEN", "not");
    }
}

#[test]
fn models_that_mix_rows_are_refused() {
    let nodes: [(&str, Vec<Node>); 4] = [
        (
            "mean over the rows",
            vec![
                Node::new("ReduceMean", &["x", "axis_0"], "m"),
                Node::new("Add", &["x", "m"], "y"),
            ],
        ),
        (
            "softmax over the rows",
            vec![Node::new("Softmax", &["x"], "y").with("axis", 0)],
        ),
        (
            "a thousandth of a percent of the mean",
            vec![
                Node::new("ReduceMean", &["x", "axis_0"], "m"),
                Node::new("Mul", &["m", "tiny"], "t"),
                Node::new("Add", &["x", "t"], "y"),
            ],
        ),
        (
            "the greatest of the rows",
            vec![
                Node::new("ReduceMax", &["x", "axis_0"], "m"),
                Node::new("Sub", &["x", "m"], "y"),
            ],
        ),
    ];
    for (what, nodes) in nodes {
        let model = small(&nodes, small_spec("rate"));
        let fault = refused(&model);
        assert_eq!(fault.code, "E-ROWS", "{what}: {fault}");
    }
}

#[test]
fn the_hash_is_checked_if_pinned() {
    let bytes = good_cell().encode_to_vec();
    let mut binding = binding();
    binding.sha256 = Some("sha256:00".into());
    let fault = Model::from_bytes(&bytes, &binding, &vocabulary())
        .err()
        .unwrap();
    assert_eq!(fault.code, "E-HASH");
    let hash = load(&good_cell()).unwrap().provenance().sha256;
    binding.sha256 = Some(format!("sha256:{}", hash.to_uppercase()));
    assert!(Model::from_bytes(&bytes, &binding, &vocabulary()).is_ok());
}

#[test]
fn files_are_found_and_errors_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut binding = binding();
    binding.file = folder.path().join("none.onnx");
    let error = Model::load(&binding, &vocabulary()).err().unwrap();
    assert!(matches!(error, Error::File { .. }), "{error}");
    std::fs::write(&binding.file, b"").unwrap();
    let error = Model::load(&binding, &vocabulary()).err().unwrap();
    assert!(error.to_string().contains("none.onnx: E-"), "{error}");
    std::fs::write(&binding.file, good_dyad().encode_to_vec()).unwrap();
    assert!(Model::load(&binding, &vocabulary()).is_ok());
    // Sparse, so it takes no room; too large to be read all the same.
    let file = std::fs::File::create(&binding.file).unwrap();
    file.set_len((256 << 20) + 1).unwrap();
    let error = Model::load(&binding, &vocabulary()).err().unwrap();
    assert!(
        error
            .to_string()
            .contains("E-CONTRACT: the file has 268435457 bytes"),
        "{error}"
    );
}

/// Never a panic; what loads all the same has passed its golden rows.
fn survives(bytes: &[u8]) -> bool {
    Model::from_bytes(bytes, &binding(), &vocabulary()).is_ok()
}

#[test]
fn damaged_files_are_errors_and_never_panics() {
    assert!(!survives(b""));
    assert!(!survives(b"not a model at all"));
    let noise: Vec<u8> = (0..4096)
        .map(|at| (256.0 * mlp::uniform(4, at)) as u8)
        .collect();
    assert!(!survives(&noise));
    let bytes = good_dyad().encode_to_vec();
    for length in (0..bytes.len()).step_by(bytes.len() / 200) {
        assert!(
            !survives(&bytes[..length]),
            "cut to {length} of {}",
            bytes.len()
        );
    }
    let mut spoiled = bytes.clone();
    for flip in 0..1500u64 {
        let bit = (mlp::uniform(11, flip) * (bytes.len() * 8) as f64) as usize;
        spoiled[bit / 8] ^= 1 << (bit % 8);
        survives(&spoiled);
        spoiled[bit / 8] = bytes[bit / 8];
    }
    // The head of the file, where the structure is, bit by bit.
    for bit in 0..8 * 400 {
        spoiled[bit / 8] ^= 1 << (bit % 8);
        survives(&spoiled);
        spoiled[bit / 8] = bytes[bit / 8];
    }
}

#[test]
fn a_missing_onnx_runtime_is_an_error() {
    let mut binding = binding();
    binding.engine = Engine::OnnxRuntime(Some("no/such/libonnxruntime.so".into()));
    let fault = Model::from_bytes(&good_cell().encode_to_vec(), &binding, &vocabulary())
        .err()
        .unwrap();
    assert_eq!(fault.code, "E-ENGINE");
    assert!(fault.message.contains("no ONNX Runtime library at"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("libonnxruntime.so");
    std::fs::write(&file, b"no library").unwrap();
    binding.engine = Engine::OnnxRuntime(Some(file));
    let fault = Model::from_bytes(&good_cell().encode_to_vec(), &binding, &vocabulary())
        .err()
        .unwrap();
    assert_eq!(fault.code, "E-ENGINE");
}

#[test]
fn onnx_runtime_by_its_name_is_what_the_environment_names() {
    if find_onnx_runtime().is_some() {
        eprintln!("skipped: ORT_DYLIB_PATH is set, so nothing is missing");
        return;
    }
    let mut binding = binding();
    binding.engine = Engine::OnnxRuntime(None);
    let fault = Model::from_bytes(&good_cell().encode_to_vec(), &binding, &vocabulary())
        .err()
        .unwrap();
    assert_eq!(fault.code, "E-ENGINE");
    let way_out = "set ORT_DYLIB_PATH, or name the library: engine = \"/path/libonnxruntime.so\"";
    assert!(fault.message.contains(way_out), "{}", fault.message);
}

#[test]
fn onnx_runtime_agrees_with_the_embedded_engine() {
    if find_onnx_runtime().is_none() {
        eprintln!("skipped: ONNX Runtime (ORT_DYLIB_PATH is not set)");
        return;
    }
    let mut binding = binding();
    binding.engine = Engine::OnnxRuntime(None);
    for (model, ranges) in [(good_cell(), CELL), (good_dyad(), DYAD)] {
        let native = Model::from_bytes(&model.encode_to_vec(), &binding, &vocabulary())
            .ok()
            .unwrap();
        let embedded = load(&model).unwrap();
        let signals = columns(5000, &ranges);
        let (a, b) = (
            apply(&native, &signals, &[]),
            apply(&embedded, &signals, &[]),
        );
        let mut worst = 0.0f64;
        for (a, b) in a.columns.iter().zip(&b.columns) {
            for (a, b) in a.iter().zip(b) {
                worst = worst.max((a - b).abs());
            }
        }
        eprintln!(
            "{}: largest difference {worst:e}",
            native.provenance().engine
        );
        assert!(
            native
                .provenance()
                .engine
                .starts_with("ONNX Runtime (libonnxruntime.so")
        );
        assert!(worst <= 1e-6);
        let alone = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        assert_eq!(
            alone.install(|| apply(&native, &signals, &[])).columns,
            a.columns
        );
        let fault = |bytes: &[u8]| Model::from_bytes(bytes, &binding, &vocabulary()).err();
        let mut broken = model.clone();
        broken.graph.as_mut().unwrap().initializer[2].dims = vec![16, 3];
        assert_eq!(fault(&broken.encode_to_vec()).unwrap().code, "E-ENGINE");
    }
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
