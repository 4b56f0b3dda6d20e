//! Every form of model: when it is called, whom it reads and writes, and its golden rows.

use prost::Message;
use rules::neural::proto::{Dim, Node, Shape, TensorType, Type, ValueInfo};
use rules::neural::trials::{Outcome, trials};
use rules::neural::{make, proto};
use rules::{Batch, Edges, Engine, Kind, Occasion, Outputs, Reduce, Rule, Side, Target};
use serde_json::{Value, json};

use super::fixture::*;

fn pressure(tensor: &str) -> Value {
    json!({"tensor": tensor, "col": 0, "name": "pressure", "unit": "1", "lo": 0, "hi": 2})
}

fn moods() -> Value {
    json!([{"space": "mood/2", "inherit": {"noise": 0.1}}])
}

fn encoder() -> Value {
    json!({"form": "encoder", "acts_on": "tumor", "inputs": [pressure("x")], "latents": moods(),
           "outputs": [{"tensor": "z0", "kind": "latent_next", "space": "mood/2"}]})
}

fn twice(output: &str) -> [Node; 1] {
    [Node::new("Concat", &["x", "x"], output).with("axis", 1)]
}

#[test]
fn decoders_come_first_and_give_readouts_alone() {
    let spec = json!({"form": "decoder", "acts_on": "tumor", "inputs": [pressure("x"), pressure("cond")],
        "outputs": [{"tensor": "y", "name": "exhaustion", "kind": "readout", "unit": "1"}]});
    let nodes = [Node::new("Add", &["x", "cond"], "y")];
    let good = assembled(&spec, &nodes, &[]);
    let model = load(&good).unwrap();
    assert_eq!(model.signature().occasion, Occasion::Decoding);
    assert_eq!(
        model.signature().writes[0].target,
        Target::Readout("readout:exhaustion".into())
    );
    assert_eq!(told(&model, &[vec![0.5], vec![1.0]]).columns[0], [1.5]);
    let rate = json!({"tensor": "y", "name": "apoptosis", "kind": "rate", "unit": "1/min"});
    expect(
        &with_spec(good, changed(spec, "/outputs/0", rate)),
        "E-CONTRACT",
        "a decoder changes nothing",
    );
}

#[test]
fn encoders_are_called_when_a_cell_enters_and_have_no_clock() {
    let good = assembled(&encoder(), &twice("z0"), &[]);
    let model = load(&good).unwrap();
    assert_eq!(model.signature().occasion, Occasion::Entry);
    assert_eq!(
        model.signature().writes[1].kind,
        Kind::Parameter { relaxation: None }
    );
    let mut binding = binding();
    binding.clock = Some(6.0);
    let fault = rules::neural::Model::from_bytes(&good.encode_to_vec(), &binding, &vocabulary());
    assert_eq!(fault.err().unwrap().code, "E-DT");
    let reads_dt = [
        Node::new("Mul", &["x", "dt"], "s"),
        Node::new("Concat", &["s", "s"], "z0").with("axis", 1),
    ];
    expect(
        &unsealed(&encoder(), &reads_dt, &[]),
        "E-CONTRACT",
        "the graph reads `dt`, but milieu.spec has none",
    );
}

#[test]
fn divisions_write_either_child() {
    let outputs = json!([
        {"tensor": "za", "kind": "latent_next", "space": "mood/2", "on": "child_a"},
        {"tensor": "zb", "kind": "latent_next", "space": "mood/2", "on": "child_b"},
        {"tensor": "g", "name": "custom:grit", "kind": "parameter", "unit": "1", "on": "child_b"}]);
    let spec = changed(
        changed(encoder(), "/form", json!("division")),
        "/outputs",
        outputs,
    );
    let nodes = [twice("za"), twice("zb"), [Node::new("Neg", &["x"], "g")]].concat();
    let good = assembled(&spec, &nodes, &[]);
    let model = load(&good).unwrap();
    assert_eq!(model.signature().occasion, Occasion::Division);
    let sides: Vec<Side> = model
        .signature()
        .writes
        .iter()
        .map(|write| write.side)
        .collect();
    assert_eq!(
        sides,
        [
            Side::ChildA,
            Side::ChildA,
            Side::ChildB,
            Side::ChildB,
            Side::ChildB
        ]
    );
    for (pointer, value, part) in [
        (
            "/outputs/0/on",
            json!("a"),
            "`on` must be \"child_a\" or \"child_b\"",
        ),
        (
            "/outputs/2/name",
            json!("migration speed"),
            "`migration speed` is no custom number",
        ),
    ] {
        let spec = changed(
            changed(spec.clone(), pointer, value),
            "/outputs/2/unit",
            json!("µm/min"),
        );
        expect(&with_spec(good.clone(), spec), "E-CONTRACT", part);
    }
}

#[test]
fn pairs_reduce_changes_of_their_cells() {
    let delta = |reduce: &str| {
        let mut spec = dyad_spec();
        spec["outputs"] = json!([{"tensor": "d", "name": "custom:grit", "on": "a", "kind": "delta",
            "unit": "1", "per": "min", "reduce": reduce},
            {"tensor": "r", "name": "grip", "on": "pair", "kind": "readout", "unit": "1"}]);
        let nodes = [
            Node::new("Neg", &["a"], "d"),
            Node::new("Add", &["b", "e"], "r"),
        ];
        load(&assembled(&spec, &nodes, &[])).unwrap()
    };
    for (name, reduce) in [
        ("sum", Reduce::Sum),
        ("mean", Reduce::Mean),
        ("max", Reduce::Max),
    ] {
        let model = delta(name);
        assert_eq!(model.signature().writes[0].reduce, reduce);
        assert_eq!(model.signature().writes[0].side, Side::A);
    }
    // What belongs to a pair is kept with its acting cell.
    let readout = &delta("sum").signature().writes[1].clone();
    assert_eq!((readout.side, readout.reduce), (Side::A, Reduce::Mean));
    let mut spec = dyad_spec();
    spec["outputs"][1] = json!({"tensor": "detach", "name": "migration speed", "on": "a",
        "kind": "parameter", "unit": "µm/min", "reduce": "sum"});
    expect(
        &with_spec(good_dyad(), spec),
        "E-CONTRACT",
        "many pairs cannot set one cell's number",
    );
}

fn parts() -> proto::Model {
    let spec = json!({"form": "graph", "acts_on": "tumor", "sees": ["macrophage"],
        "inputs": [pressure("a"), pressure("x")],
        "messages": {"tensor": "message", "into": "m", "reduce": "sum"},
        "outputs": [{"tensor": "y", "name": "migration speed", "kind": "parameter", "unit": "µm/min"}],
        "dt": {"trained": 6, "min": 1, "max": 60, "unit": "min"}});
    let nodes = [
        Node::new("Mul", &["a", "two"], "message"),
        Node::new("Add", &["x", "m"], "y"),
    ];
    let mut model = unsealed(&spec, &nodes, &[("two", &[2.0])]);
    let graph = model.graph.as_mut().unwrap();
    graph
        .input
        .push(ValueInfo::floats("m", &[None, Some(1)], "n"));
    graph
        .output
        .push(ValueInfo::floats("message", &[None, Some(1)], "m"));
    make::seal(&mut model, &make::golden_rows(&self::spec(&spec), 64)).unwrap();
    model
}

/// Three nodes: 0 → 1, 2 → 1 and 1 → 2, then a call.
fn three(model: &rules::neural::Model, of_edges: bool) -> Outputs {
    let x = vec![0.5, 1.0, 1.5];
    let signals = if of_edges {
        vec![x.clone(), x]
    } else {
        vec![x]
    };
    let mut out = Outputs::default();
    out.reset(1, 3);
    let batch = Batch {
        rows: 3,
        signals: &rules::lent(&signals),
        dead: &[false; 3],
        edges: Edges {
            from: &[0, 2, 1],
            to: &[1, 1, 2],
        },
        dt: 6.0,
        ..Batch::default()
    };
    model.apply(&batch, &mut out).unwrap();
    out
}

#[test]
fn graphs_in_two_parts_pass_messages() {
    let model = load(&parts()).unwrap();
    let signature = model.signature();
    assert_eq!(signature.graph.as_ref().unwrap().sees, [2]);
    assert_eq!(signature.reads[0].side, Side::A);
    assert_eq!(three(&model, true).columns[0], [0.5, 5.0, 3.5]);
    let mut arrays =
        rules::neural::golden::Arrays::read(parts().metadata("milieu.golden").unwrap()).unwrap();
    arrays.0.get_mut("message").unwrap().data[5] += 0.1;
    let mut broken = parts();
    broken.set_metadata("milieu.golden", arrays.write());
    expect(&broken, "E-GOLDEN", "output `message`, row 5");
}

#[test]
fn graphs_in_one_part_are_called_with_their_edges() {
    let spec = json!({"form": "graph", "acts_on": "tumor", "inputs": [pressure("x")], "hops": 1,
        "outputs": [{"tensor": "y", "name": "migration speed", "kind": "parameter", "unit": "µm/min"}],
        "dt": {"trained": 6, "min": 1, "max": 60, "unit": "min"}});
    let mut scatter = Node::new("ScatterElements", &["x", "place", "sent"], "y").with("axis", 0);
    scatter.attribute.push(proto::Attribute {
        name: Some("reduction".into()),
        s: Some(b"add".to_vec()),
        kind: Some(3),
        ..Default::default()
    });
    let nodes = [
        Node::new("Gather", &["x", "src"], "sent").with("axis", 0),
        Node::new("Unsqueeze", &["dst", "last"], "place"),
        scatter,
    ];
    let mut model = unsealed(&spec, &nodes, &[]);
    let graph = model.graph.as_mut().unwrap();
    graph.initializer.push(proto::Tensor::ints("last", &[1]));
    for name in ["src", "dst"] {
        let dim = vec![Dim {
            value: None,
            param: Some("m".into()),
        }];
        graph.input.push(ValueInfo {
            name: Some(name.into()),
            r#type: Some(Type {
                tensor: Some(TensorType {
                    elem_type: Some(proto::INT64),
                    shape: Some(Shape { dim }),
                }),
            }),
        });
    }
    make::seal(&mut model, &make::golden_rows(&self::spec(&spec), 64)).unwrap();
    let loaded = load(&model).unwrap();
    assert_eq!(three(&loaded, false).columns[0], [0.5, 3.0, 2.5]);
    let mut floats = model.clone();
    floats.graph.as_mut().unwrap().input[1] = ValueInfo::floats("src", &[None], "m");
    expect(&floats, "E-DTYPE", "input `src` is float32, expected int64");
}

#[test]
fn a_model_is_tried_without_a_scenario() {
    let all = trials(&good_cell().encode_to_vec(), &Engine::Embedded);
    let found = |title: &str| match &all
        .iter()
        .find(|trial| trial.title == title)
        .unwrap()
        .outcome
    {
        Outcome::Passed(found) => found.clone(),
        other => panic!("{title}: {other:?}"),
    };
    assert_eq!(found("versions"), "opset 18, ir_version 10");
    assert_eq!(found("card"), "fixture 1.2.3");
    assert!(found("golden rows").starts_with("96 rows, atol "));
    assert!(found("rows").starts_with("bitwise"));
    let operators = found("operators");
    assert!(
        operators.contains("Gemm") && operators.contains("Tanh"),
        "{operators}"
    );
    let none = trials(b"no", &Engine::Embedded);
    assert!(matches!(&none[0].outcome, Outcome::Failed(fault) if fault.code == "E-CONTRACT"));
}

#[test]
fn half_steps_are_compared_with_whole_ones() {
    // dz = −0.1/min · z, and z after dt: two halves are not a whole. z − dt is.
    let spec = |kind: &str| {
        let mut output = json!({"tensor": "z1", "kind": kind, "space": "mood/2"});
        if kind == "latent_delta" {
            output["per"] = json!("min");
        }
        json!({"form": "cell", "acts_on": "tumor", "inputs": [], "outputs": [output],
            "latents": [{"space": "mood/2", "tensor": "z", "lo": 1, "hi": 2}],
            "dt": {"trained": 6, "min": 1, "max": 60, "unit": "min"}})
    };
    let semigroup = |spec: &Value, nodes: &[Node]| {
        let model = assembled(spec, nodes, &[("rate", &[-0.1]), ("nothing", &[0.0])]);
        let all = trials(&model.encode_to_vec(), &Engine::Embedded);
        all.into_iter()
            .find(|trial| trial.title == "half steps")
            .map(|trial| match trial.outcome {
                Outcome::Passed(found) => found.split(' ').next().unwrap().parse::<f64>().unwrap(),
                other => panic!("{other:?}"),
            })
    };
    let exact = semigroup(
        &spec("latent_next"),
        &[Node::new("Sub", &["z", "dt"], "z1")],
    );
    assert!(exact.unwrap() < 1e-6, "{exact:?}");
    let nodes = [
        Node::new("Mul", &["dt", "nothing"], "still"),
        Node::new("Mul", &["z", "rate"], "fall"),
        Node::new("Add", &["fall", "still"], "z1"),
    ];
    // (1 − 0.3)² − (1 − 0.6) = 0.09 of z, and 0.4 z is the largest number.
    let euler = semigroup(&spec("latent_delta"), &nodes).unwrap();
    // Two digits are told.
    assert!((euler - 0.09 / 0.4).abs() <= 0.0051, "{euler}");
    let deaf = semigroup(
        &spec("latent_next"),
        &[Node::new("Mul", &["z", "rate"], "z1")],
    );
    assert_eq!(deaf, None);
}
