//! Small graph models with weights of a hash, and the same arithmetic by hand in `f64`.

use prost::Message;
use rules::neural::contract::Spec;
use rules::neural::graph::Call;
use rules::neural::make::{golden_rows, seal};
use rules::neural::proto::{
    self, Attribute, Dim, Graph, Node, Shape, Tensor, TensorType, Type, ValueInfo,
};
use rules::neural::{Fault, Model};
use rules::{Binding, Dictionary, Engine, Entry, Reduce, Unit, Vocabulary};
use serde_json::{Value, json};

/// Signals of a node.
pub const X: usize = 2;
/// Signals of an edge.
pub const E: usize = 1;
/// Numbers in a message, and in what a node remembers.
pub const MESSAGE: usize = 3;
/// Outputs.
pub const Y: usize = 2;

fn weights(seed: u64, rows: usize, columns: usize) -> Vec<f32> {
    let number = |at| (rules::neural::mlp::uniform(seed, at) - 0.5) as f32;
    (0..(rows * columns) as u64).map(number).collect()
}

/// values · weights
fn times(values: &[f64], seed: u64, columns: usize) -> Vec<f64> {
    let weights = weights(seed, values.len(), columns);
    let column = |to: usize| {
        let term = |(from, value): (usize, &f64)| value * f64::from(weights[from * columns + to]);
        values.iter().enumerate().map(term).sum()
    };
    (0..columns).map(column).collect()
}

fn tanh(values: Vec<f64>) -> Vec<f64> {
    values.into_iter().map(f64::tanh).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}

fn vector(name: &str, kind: i32, axis: &str) -> ValueInfo {
    let dim = Dim {
        value: None,
        param: Some(axis.to_owned()),
    };
    ValueInfo {
        name: Some(name.to_owned()),
        r#type: Some(Type {
            tensor: Some(TensorType {
                elem_type: Some(kind),
                shape: Some(Shape { dim: vec![dim] }),
            }),
        }),
    }
}

fn matrix(name: &str, width: usize, axis: &str) -> ValueInfo {
    ValueInfo::floats(name, &[None, Some(width)], axis)
}

fn weight(name: &str, seed: u64, rows: usize, columns: usize) -> Tensor {
    Tensor::floats(name, &[rows, columns], &weights(seed, rows, columns))
}

fn text(mut node: Node, name: &str, value: &str) -> Node {
    node.attribute.push(Attribute {
        name: Some(name.to_owned()),
        s: Some(value.as_bytes().to_vec()),
        kind: Some(3),
        ..Attribute::default()
    });
    node
}

fn model(graph: Graph) -> proto::Model {
    proto::Model {
        ir_version: Some(9),
        graph: Some(graph),
        opset_import: vec![proto::OperatorSet {
            domain: None,
            version: Some(18),
        }],
        ..proto::Model::default()
    }
}

/// message = tanh([a b e] W₁), y = [x m] W₂; both halves use the constant `one`.
pub fn edge_and_node() -> proto::Model {
    model(Graph {
        node: vec![
            Node::new("Concat", &["a", "b", "e"], "joined_edge").with("axis", 1),
            Node::new("Concat", &["x", "m"], "joined_node").with("axis", 1),
            Node::new("MatMul", &["joined_edge", "w_1"], "sum_edge"),
            Node::new("Tanh", &["sum_edge"], "bent"),
            Node::new("Mul", &["bent", "one"], "message"),
            Node::new("MatMul", &["joined_node", "w_2"], "sum_node"),
            Node::new("Mul", &["sum_node", "one"], "y"),
        ],
        initializer: vec![
            weight("w_1", 11, 2 * X + E, MESSAGE),
            weight("w_2", 12, X + MESSAGE, Y),
            Tensor::floats("one", &[], &[1.0]),
        ],
        input: vec![
            matrix("a", X, "m_edges"),
            matrix("b", X, "m_edges"),
            matrix("e", E, "m_edges"),
            matrix("x", X, "n_cells"),
            matrix("m", MESSAGE, "n_cells"),
        ],
        output: vec![
            matrix("message", MESSAGE, "m_edges"),
            matrix("y", Y, "n_cells"),
        ],
        ..Graph::default()
    })
}

/// The same by hand, [node][Y].
pub fn edge_and_node_by_hand(
    from: &[u32],
    to: &[u32],
    x: &[f32],
    e: &[f32],
    reduce: Reduce,
) -> Vec<f64> {
    let (x, e) = (wide(x), wide(e));
    let of = |node: usize| &x[node * X..(node + 1) * X];
    let mut y = Vec::new();
    for node in 0..x.len() / X {
        let mut messages: Vec<Vec<f64>> = Vec::new();
        for edge in (0..to.len()).filter(|&edge| to[edge] as usize == node) {
            let joined = [
                of(from[edge] as usize),
                of(node),
                &e[edge * E..(edge + 1) * E],
            ];
            messages.push(tanh(times(&joined.concat(), 11, MESSAGE)));
        }
        let lane = |lane: usize| {
            let lanes = messages.iter().map(|message| message[lane]);
            match reduce {
                _ if messages.is_empty() => 0.0,
                Reduce::Sum => lanes.sum(),
                Reduce::Mean => lanes.sum::<f64>() / messages.len() as f64,
                Reduce::Max => lanes.fold(f64::NEG_INFINITY, f64::max),
            }
        };
        let received: Vec<f64> = (0..MESSAGE).map(lane).collect();
        y.extend(times(&[of(node), &received].concat(), 12, Y));
    }
    y
}

/// How an exporter writes a sum over edges: `scatter_add` of PyTorch Geometric becomes the one,
/// `index_put` with accumulation the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scatter {
    Elements,
    Nd,
}

/// h = (x · active) W₀; `hops` times h = tanh(h W₂ + Σ tanh(h_src W₁ + e W₃)); y = h W₄.
pub fn one_graph(scatter: Scatter, hops: usize) -> proto::Model {
    let mut graph = Graph {
        node: vec![
            Node::new("Cast", &["active"], "flag").with("to", i64::from(proto::FLOAT)),
            Node::new("Unsqueeze", &["flag", "axis_1"], "flags"),
            Node::new("Mul", &["x", "flags"], "x_active"),
            Node::new("MatMul", &["x_active", "w_0"], "h_0"),
            Node::new("Unsqueeze", &["dst", "axis_1"], "ends"),
            Node::new("MatMul", &["e", "w_3"], "of_edge"),
        ],
        initializer: vec![
            weight("w_0", 20, X, MESSAGE),
            weight("w_1", 21, MESSAGE, MESSAGE),
            weight("w_2", 22, MESSAGE, MESSAGE),
            weight("w_3", 23, E, MESSAGE),
            weight("w_4", 24, MESSAGE, Y),
            Tensor::ints("axis_1", &[1]),
            Tensor::floats("zero", &[], &[0.0]),
        ],
        input: vec![
            matrix("x", X, "n_cells"),
            matrix("e", E, "m_edges"),
            vector("src", proto::INT64, "m_edges"),
            vector("dst", proto::INT64, "m_edges"),
            vector("active", proto::BOOL, "n_cells"),
        ],
        output: vec![matrix("y", Y, "n_cells")],
        ..Graph::default()
    };
    for hop in 0..hops {
        let name = |what: &str| format!("{what}_{hop}");
        let h = name("h");
        let next = format!("h_{}", hop + 1);
        let mut node = |op: &str, inputs: &[&str], output: &str| {
            graph.node.push(Node::new(op, inputs, output));
        };
        node("Gather", &[&h, "src"], &name("h_src"));
        node("MatMul", &[&name("h_src"), "w_1"], &name("sent"));
        node("Add", &[&name("sent"), "of_edge"], &name("felt"));
        node("Tanh", &[&name("felt")], &name("message"));
        node("Shape", &[&h], &name("shape"));
        node("Expand", &["zero", &name("shape")], &name("zeros"));
        let sum = match scatter {
            Scatter::Elements => {
                node("Shape", &[&name("message")], &name("shape_m"));
                node("Expand", &["ends", &name("shape_m")], &name("places"));
                ["zeros", "places", "message"].map(name)
            }
            Scatter::Nd => [name("zeros"), "ends".into(), name("message")],
        };
        let op = match scatter {
            Scatter::Elements => "ScatterElements",
            Scatter::Nd => "ScatterND",
        };
        let inputs = [&*sum[0], &*sum[1], &*sum[2]];
        node("MatMul", &[&h, "w_2"], &name("kept"));
        let scattered = text(
            Node::new(op, &inputs, &name("received")),
            "reduction",
            "add",
        );
        graph.node.push(scattered);
        let inputs = [name("kept"), name("received")];
        graph
            .node
            .push(Node::new("Add", &[&inputs[0], &inputs[1]], &name("both")));
        graph.node.push(Node::new("Tanh", &[&name("both")], &next));
    }
    graph
        .node
        .push(Node::new("MatMul", &[&format!("h_{hops}"), "w_4"], "y"));
    model(graph)
}

/// The same by hand, [node][Y].
pub fn one_graph_by_hand(call: &Call, hops: usize) -> Vec<f64> {
    let (x, e) = (wide(&call.tensors[0]), wide(&call.e));
    let first = |node: usize| {
        let flag = f64::from(u8::from(call.active[node]));
        let x: Vec<f64> = x[node * X..(node + 1) * X]
            .iter()
            .map(|x| x * flag)
            .collect();
        times(&x, 20, MESSAGE)
    };
    let mut h: Vec<Vec<f64>> = (0..call.nodes).map(first).collect();
    for _ in 0..hops {
        let step = |node: usize| {
            let mut sum = times(&h[node], 22, MESSAGE);
            for edge in (0..call.to.len()).filter(|&edge| call.to[edge] == node as i64) {
                let sent = times(&h[call.from[edge] as usize], 21, MESSAGE);
                let of_edge = times(&e[edge * E..(edge + 1) * E], 23, MESSAGE);
                for (sum, (a, b)) in sum.iter_mut().zip(sent.iter().zip(&of_edge)) {
                    *sum += (a + b).tanh();
                }
            }
            tanh(sum)
        };
        h = (0..call.nodes).map(step).collect();
    }
    h.iter().flat_map(|h| times(h, 24, Y)).collect()
}

/// A model that subtracts the mean over all nodes.
pub fn over_all_nodes() -> proto::Model {
    let mut made = one_graph(Scatter::Elements, 1);
    let graph = made.graph.as_mut().unwrap();
    graph.node.pop();
    graph.initializer.push(Tensor::ints("axis_0", &[0]));
    graph
        .node
        .push(Node::new("ReduceMean", &["h_1", "axis_0"], "mean"));
    graph
        .node
        .push(Node::new("Sub", &["h_1", "mean"], "centered"));
    graph
        .node
        .push(Node::new("MatMul", &["centered", "w_4"], "y"));
    made
}

/// A model in which the last message of each node is the one that counts.
pub fn by_place_among_edges() -> proto::Model {
    let mut made = one_graph(Scatter::Nd, 1);
    let nodes = &mut made.graph.as_mut().unwrap().node;
    let scatter = nodes
        .iter_mut()
        .find(|node| node.op_type() == "ScatterND")
        .unwrap();
    scatter.attribute.clear();
    made
}

fn dictionary(what: &'static str, entries: &[(&str, &str)]) -> Dictionary {
    let mut dictionary = Dictionary::new(what);
    for &(name, unit) in entries {
        dictionary.add(Entry {
            name: name.to_owned(),
            synonyms: Vec::new(),
            unit: Unit::parse(unit).unwrap(),
            is_event_rate: false,
            range: rules::dictionary::ANY,
        });
    }
    dictionary
}

/// Two types, two signals of cells, one of pairs, and two behaviors.
pub fn vocabulary() -> Vocabulary {
    Vocabulary {
        types: vec!["tumor".into(), "macrophage".into()],
        signals: dictionary("signal", &[("damage", "1"), ("pressure", "1")]),
        pair_signals: dictionary("signal", &[("gap", "µm")]),
        behaviors: dictionary(
            "behavior",
            &[("migration speed", "µm/min"), ("target volume", "µm^3")],
        ),
        pair_behaviors: dictionary("behavior", &[]),
        base: vec![vec![0.0; 2]; 2],
        phenotype_step: 6.0,
        mechanics_step: 0.1,
    }
}

/// A model file of these nodes and edges: what it reads within ±1, and how messages pass.
pub fn sealed(mut model: proto::Model, tensors: &[&str], shape: &Value) -> proto::Model {
    let input = |tensor: &str, col: usize, name: &str, unit: &str| json!({"tensor": tensor, "col": col, "name": name, "unit": unit, "lo": -1, "hi": 1});
    let mut inputs = Vec::new();
    for tensor in tensors {
        match *tensor {
            "e" => inputs.push(input("e", 0, "gap", "µm")),
            cell => inputs.extend([
                input(cell, 0, "damage", "1"),
                input(cell, 1, "pressure", "1"),
            ]),
        }
    }
    let output = |col: usize, name: &str, unit: &str| json!({"tensor": "y", "col": col, "name": name, "kind": "parameter", "unit": unit});
    let mut spec = json!({
        "form": "graph", "acts_on": "tumor", "sees": ["macrophage"], "inputs": inputs,
        "outputs": [output(0, "migration speed", "µm/min"), output(1, "target volume", "µm^3")],
        "dt": {"trained": 6, "min": 1, "max": 60, "unit": "min"}
    });
    for (key, value) in shape.as_object().unwrap() {
        spec[key] = value.clone();
    }
    model.set_metadata("milieu.contract", "1".into());
    model.set_metadata("milieu.spec", spec.to_string());
    let rows = golden_rows(&Spec::from_json(spec).unwrap(), 64);
    seal(&mut model, &rows).unwrap();
    model
}

/// The sealed model of [`edge_and_node`].
pub fn in_halves(reduce: &str) -> proto::Model {
    let messages = json!({"messages": {"tensor": "message", "into": "m", "reduce": reduce}});
    sealed(edge_and_node(), &["a", "b", "e", "x"], &messages)
}

/// The sealed model of [`one_graph`].
pub fn in_one(scatter: Scatter, hops: usize) -> proto::Model {
    sealed(
        one_graph(scatter, hops),
        &["x", "e"],
        &json!({"hops": hops}),
    )
}

pub fn load(model: &proto::Model, engine: &Engine) -> Result<Model, Fault> {
    let binding = Binding {
        name: "learned".into(),
        file: "model.onnx".into(),
        clock: None,
        combine: None,
        sha256: None,
        engine: engine.clone(),
        adoption: rules::Adoption::default(),
    };
    Model::from_bytes(&model.encode_to_vec(), &binding, &vocabulary())
}
