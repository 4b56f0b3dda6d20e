//! A small scenario's vocabulary, a good cell model and a good dyad model, and ways to spoil them.

use std::path::PathBuf;

use prost::Message;
use rules::neural::contract::{self, Spec};
use rules::neural::make::{Link, Mlp, golden_rows, seal, write_onnx};
use rules::neural::proto::{Node, ValueInfo};
use rules::neural::{Fault, Model, mlp, proto};
use rules::{Batch, Binding, Dictionary, Engine, Entry, Outputs, Rule, Unit, Vocabulary};
use serde_json::{Value, json};

fn dictionary(what: &'static str, entries: &[(&str, &str, bool)]) -> Dictionary {
    let mut dictionary = Dictionary::new(what);
    for &(name, unit, is_event_rate) in entries {
        dictionary.add(Entry {
            name: name.to_owned(),
            synonyms: Vec::new(),
            unit: Unit::parse(unit).unwrap(),
            is_event_rate,
            range: rules::dictionary::ANY,
        });
    }
    dictionary
}

pub fn vocabulary() -> Vocabulary {
    let behaviors = [
        ("apoptosis", "1/min", true),
        ("cycle entry", "1/min", true),
        ("migration speed", "µm/min", false),
        ("oxygen secretion", "1/min", false),
        ("target volume", "µm^3", false),
        ("transform to macrophage", "1/min", true),
        ("custom:grit", "1", false),
        ("latent:mood/2:0", "1", false),
        ("latent:mood/2:1", "1", false),
    ];
    Vocabulary {
        types: ["CD8 T cell", "tumor", "macrophage"]
            .map(str::to_owned)
            .to_vec(),
        signals: dictionary(
            "signal",
            &[
                ("oxygen", "mmHg", false),
                ("oxygen gradient x", "mmHg/µm", false),
                ("pressure", "1", false),
                ("volume", "µm^3", false),
                ("age", "min", false),
                ("custom:PD-1", "1", false),
                ("custom:PD-L1", "1", false),
                ("custom:grit", "1", false),
                ("latent:mood/2:0", "1", false),
                ("latent:mood/2:1", "1", false),
            ],
        ),
        pair_signals: dictionary(
            "signal",
            &[
                ("contact age", "min", false),
                ("gap", "µm", false),
                ("hits", "1", false),
            ],
        ),
        behaviors: dictionary("behavior", &behaviors),
        pair_behaviors: dictionary(
            "behavior",
            &[("hit", "1/min", true), ("detach", "1/min", true)],
        ),
        base: vec![vec![0.0; behaviors.len()]; 3],
        phenotype_step: 6.0,
        mechanics_step: 0.1,
    }
}

pub fn binding() -> Binding {
    Binding {
        name: "learned".into(),
        file: PathBuf::from("model.onnx"),
        clock: None,
        combine: None,
        sha256: None,
        engine: Engine::Embedded,
        adoption: rules::Adoption::default(),
    }
}

pub fn load(model: &proto::Model) -> Result<Model, Fault> {
    Model::from_bytes(&model.encode_to_vec(), &binding(), &vocabulary())
}

/// The fault of a model that must not load.
pub fn refused(model: &proto::Model) -> Fault {
    match load(model) {
        Ok(_) => panic!("the model loads"),
        Err(fault) => fault,
    }
}

#[track_caller]
pub fn expect(model: &proto::Model, code: &str, part: &str) {
    let fault = refused(model);
    assert_eq!(fault.code, code, "{fault}");
    assert!(fault.message.contains(part), "`{part}` is not in: {fault}");
}

pub fn cell_spec() -> Value {
    json!({
        "form": "cell",
        "acts_on": "tumor",
        "inputs": [
            {"tensor": "x", "col": 0, "name": "oxygen", "unit": "kPa", "lo": 0, "hi": 8},
            {"tensor": "x", "col": 1, "name": "age", "unit": "h", "lo": 0, "hi": 48,
             "transform": "none", "mean": 20.0, "std": 9.0},
            {"tensor": "x", "col": 2, "name": "pressure", "unit": "1", "lo": 0, "hi": 2}
        ],
        "outputs": [
            {"tensor": "rates", "col": 0, "name": "apoptosis", "kind": "rate", "unit": "1/h"},
            {"tensor": "rates", "col": 1, "name": "cycle entry", "kind": "probability", "unit": "%", "per": 60},
            {"tensor": "speed", "name": "migration speed", "kind": "parameter", "unit": "µm/h", "tau": 12},
            {"tensor": "note", "name": "stress", "kind": "readout", "unit": "1"}
        ],
        "dt": {"trained": 6, "min": 1, "max": 60, "unit": "min"}
    })
}

pub fn dyad_spec() -> Value {
    json!({
        "form": "dyad",
        "acts_on": {"a": "CD8 T cell", "b": "tumor"},
        "inputs": [
            {"tensor": "a", "col": 0, "name": "custom:PD-1", "unit": "1", "lo": 0, "hi": 1},
            {"tensor": "b", "col": 0, "name": "custom:PD-L1", "unit": "1", "lo": 0, "hi": 8},
            {"tensor": "e", "col": 0, "name": "contact_age", "unit": "min", "lo": 0, "hi": 120}
        ],
        "outputs": [
            {"tensor": "hit", "name": "hit", "on": "b", "kind": "hit", "unit": "1/min", "size": 1, "reduce": "sum"},
            {"tensor": "detach", "name": "detach", "on": "pair", "kind": "rate", "unit": "1/min"}
        ],
        "dt": {"trained": 0.1, "min": 0.1, "max": 6, "unit": "min"}
    })
}

pub fn spec(json: &Value) -> Spec {
    Spec::from_json(json.clone()).unwrap()
}

/// A network with weights of a hash: what it says means nothing, and is always the same.
pub fn cell_network() -> Mlp {
    let links = [Link::Exp, Link::Exp, Link::Identity, Link::Sigmoid];
    let ranges = [(0.0, 8.0), (0.0, 48.0), (0.0, 2.0)];
    let mut network = Mlp::new(&ranges, &[16, 9], mlp::Activation::Tanh, &links, 5);
    network.gain = vec![0.02, 3.0, 40.0, 1.0];
    network
}

pub fn dyad_network() -> Mlp {
    let ranges = [(0.0, 1.0), (0.0, 8.0), (0.0, 120.0)];
    Mlp::new(
        &ranges,
        &[12],
        mlp::Activation::Relu,
        &[Link::Exp, Link::Exp],
        6,
    )
}

pub fn write(network: &Mlp, json: &Value) -> proto::Model {
    let spec = spec(json);
    let card = json!({"name": "fixture", "version": "1.2.3"});
    let bytes = write_onnx(network, &spec, &golden_rows(&spec, 96), &card).unwrap();
    proto::Model::decode(&bytes[..]).unwrap()
}

pub fn good_cell() -> proto::Model {
    write(&cell_network(), &cell_spec())
}

pub fn good_dyad() -> proto::Model {
    write(&dyad_network(), &dyad_spec())
}

/// A model of these nodes, with the tensors its spec names, and its golden rows.
pub fn assembled(spec: &Value, nodes: &[Node], constants: &[(&str, &[f32])]) -> proto::Model {
    let mut model = unsealed(spec, nodes, constants);
    let rows = golden_rows(&self::spec(spec), 64);
    seal(&mut model, &rows).unwrap_or_else(|fault| panic!("{fault}"));
    model
}

/// Likewise without golden rows. A constant is a row.
pub fn unsealed(spec: &Value, nodes: &[Node], constants: &[(&str, &[f32])]) -> proto::Model {
    let known = self::spec(spec);
    let column =
        |(name, width): (String, usize), axis| ValueInfo::floats(&name, &[None, Some(width)], axis);
    let is_edge = |name: &str| known.messages.is_some() && ["a", "b", "e"].contains(&name);
    let mut input: Vec<ValueInfo> = known
        .input_tensors()
        .into_iter()
        .map(|tensor| {
            let axis = if is_edge(&tensor.0) { "m" } else { "n" };
            column(tensor, axis)
        })
        .collect();
    if known.lanes() > 0 {
        input.push(column(("noise".into(), known.lanes()), "n"));
    }
    if nodes
        .iter()
        .any(|node| node.input.iter().any(|name| name == "dt"))
    {
        input.push(ValueInfo::floats("dt", &[Some(1)], ""));
    }
    let outputs = known.output_tensors().unwrap().into_iter();
    let tensor =
        |(name, values): &(&str, &[f32])| proto::Tensor::floats(name, &[1, values.len()], values);
    let mut model = proto::Model {
        ir_version: Some(8),
        opset_import: vec![proto::OperatorSet {
            domain: None,
            version: Some(18),
        }],
        graph: Some(proto::Graph {
            node: nodes.to_vec(),
            initializer: constants.iter().map(tensor).collect(),
            input,
            output: outputs.map(|output| column(output, "n")).collect(),
            ..Default::default()
        }),
        ..Default::default()
    };
    model.set_metadata(contract::KEY_CONTRACT, "1".into());
    model.set_metadata(contract::KEY_SPEC, spec.to_string());
    model
}

/// Binds with the scenario's word on how to take it up.
pub fn adopted(model: &proto::Model, adoption: rules::Adoption) -> Result<Model, Fault> {
    let binding = Binding {
        adoption,
        ..binding()
    };
    Model::from_bytes(&model.encode_to_vec(), &binding, &vocabulary())
}

/// Applies a model with these reads, a minute's clock and the member 0.5.
pub fn told(model: &Model, signals: &[Vec<f64>]) -> Outputs {
    let rows = signals[0].len();
    let mut out = Outputs::default();
    out.reset(model.signature().writes.len(), rows);
    let batch = Batch {
        rows,
        signals: &rules::lent(signals),
        dead: &vec![false; rows],
        types: &vec![1; rows],
        dt: model.signature().clock,
        member: 0.5,
        ..Batch::default()
    };
    model.apply(&batch, &mut out).unwrap();
    out
}

/// The model with another spec; its golden rows stay.
pub fn with_spec(mut model: proto::Model, spec: Value) -> proto::Model {
    model.set_metadata(contract::KEY_SPEC, spec.to_string());
    model
}

/// `spec` with the value at a JSON pointer replaced, or put there.
pub fn changed(mut spec: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = spec.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        Value::Object(object) => drop(object.insert(key.to_owned(), value)),
        _ => panic!("nothing to put `{key}` into"),
    }
    spec
}

/// `spec` without the value at a JSON pointer.
pub fn without(mut spec: Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = spec.pointer_mut(parent).unwrap();
    parent.as_object_mut().unwrap().shift_remove(key).unwrap();
    spec
}
