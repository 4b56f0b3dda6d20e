//! Rules over the graph of contacts, in a tissue: what they are called with, and models of form
//! `graph` as a user binds them.

mod common;

use std::fs;
use std::sync::{Arc, Mutex};

use common::{advance, bound, column, folder, ghost, lattice, near, plane};
use prost::Message;
use rules::neural::contract::Spec;
use rules::neural::make::{golden_rows, seal};
use rules::neural::proto::{
    Attribute, Graph as OnnxGraph, INT64, Model, Node, OperatorSet, Tensor, ValueInfo,
};
use rules::{
    Batch, Error, Graph, Kind, Occasion, Outputs, Provenance, Read, Reduce, Rule, Side, Signature,
    Subject, Target, Vocabulary, Write,
};
use serde_json::json;
use sim::plan::{Bound, bind};
use sim::scenario::parse;
use sim::simulation::Simulation;

/// Three cells of a in a row that touch, one of b at their end, one of c beyond it, and one of a far
/// away. Radius 8.41 µm, so that 12 µm apart they touch and 24 µm apart they do not.
const ROW: &str = r#"
[cells.b]
type = "b"
at = [[24, 0]]
[cells.a]
type = "a"
at = [[-12, 0], [0, 0], [12, 0], [150, 0]]
[cells.c]
type = "c"
at = [[36, 0]]
[outputs]
cell_columns = ["migration speed"]
"#;

/// What one call was about.
#[derive(Debug, Clone, Default, PartialEq)]
struct Called {
    types: Vec<bool>,
    volumes: Vec<f64>,
    edges: Vec<(u32, u32)>,
    ages: Vec<f64>,
    gaps: Vec<f64>,
    contacts: Vec<f64>,
}

/// A rule that keeps what it is called with, and sets the speed of a node to 1 + the number of
/// edges that reach it.
struct Probe {
    signature: Signature,
    calls: Arc<Mutex<Vec<Called>>>,
}

impl Probe {
    fn new(vocabulary: &Vocabulary, about: usize, sees: Vec<usize>) -> Probe {
        let pair = |name: &str| Read {
            side: Side::Pair,
            signal: vocabulary.pair_signals.find(name).unwrap(),
        };
        let volume = Read {
            side: Side::A,
            signal: vocabulary.signals.find("volume").unwrap(),
        };
        let speed = vocabulary.behaviors.find("migration speed").unwrap();
        Probe {
            signature: Signature {
                source: "probe".into(),
                subject: Subject::Cell { types: vec![about] },
                occasion: Occasion::Clock,
                graph: Some(Graph { sees }),
                reads: vec![volume, pair("contact age"), pair("gap"), pair("contacts")],
                writes: vec![Write {
                    side: Side::Cell,
                    target: Target::Behavior(speed),
                    kind: Kind::Parameter { relaxation: None },
                    applies_to_dead: false,
                    reduce: Reduce::Sum,
                }],
                clock: vocabulary.phenotype_step,
                noise: None,
                combine: None,
            },
            calls: Arc::default(),
        }
    }
}

impl Rule for Probe {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        let edges = batch.edges.from.iter().zip(batch.edges.to);
        let [volumes, ages, gaps, contacts] = [0, 1, 2, 3].map(|at| batch.signals[at].to_vec());
        self.calls.lock().unwrap().push(Called {
            types: batch.dead.to_vec(),
            volumes,
            edges: edges.map(|(&from, &to)| (from, to)).collect(),
            ages,
            gaps,
            contacts,
        });
        out.columns[0].fill(1.0);
        for &to in batch.edges.to {
            out.columns[0][to as usize] += 1.0;
        }
        Ok(())
    }

    fn describe(&self) -> Vec<String> {
        Vec::new()
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            name: "probe".into(),
            file: "probe".into(),
            sha256: String::new(),
            engine: "probe".into(),
            model: None,
        }
    }
}

/// A simulation of `ROW` with a probe that is about a, and what it was called with.
fn row(sees: Vec<usize>) -> (Simulation, Arc<Mutex<Vec<Called>>>) {
    let types =
        ["a", "b", "c"].map(|name| ghost(name, "motility = { speed = 0.5, enabled = false }"));
    let text = plane(400.0, [0.1, 0.1, 1.0], &(types.concat() + ROW));
    let Bound {
        plan,
        mut rules,
        sites,
    } = bound(&[("scenario.toml", &text)]).unwrap();
    let probe = Probe::new(&plan.table.vocabulary, 0, sees);
    let calls = Arc::clone(&probe.calls);
    rules.push(Box::new(probe));
    (
        Simulation::new(Bound { plan, rules, sites }, 1).unwrap(),
        calls,
    )
}

#[test]
fn nodes_are_the_live_cells_acted_on_and_seen_and_edges_lead_both_ways_between_those_that_touch() {
    let (mut simulation, calls) = row(vec![1]);
    advance(&mut simulation, 4.0);
    let calls = calls.lock().unwrap();
    let called = calls.last().unwrap();
    // Nodes by (type, rank): four of a, of which three touch in a row, then b; c is not there.
    assert_eq!(called.types, [false, false, false, false, true]);
    let mut sorted = called.edges.clone();
    sorted.sort_by_key(|&(from, to)| (to, from));
    assert_eq!(called.edges, sorted);
    let mut degrees = [0; 5];
    for &(from, to) in &called.edges {
        degrees[to as usize] += 1;
        assert!(called.edges.contains(&(to, from)), "both directions");
        assert_ne!(from, to);
    }
    assert_eq!(called.edges.len(), 6);
    assert_eq!(degrees[4], 1, "b touches one cell");
    let mut of_a = degrees[..4].to_vec();
    of_a.sort_unstable();
    assert_eq!(of_a, [0, 1, 2, 2]);
    // 2494 µm³ is the volume of a cell of 8.41 µm; 12 µm apart they overlap by 4.83 µm.
    assert!(called.volumes.iter().all(|&volume| volume == 2494.0));
    let gap = 12.0 - 2.0 * (3.0 * 2494.0 / (4.0 * std::f64::consts::PI)).cbrt();
    assert!(called.gaps.iter().all(|found| (found - gap).abs() < 1e-9));
    // They have touched since the first of the mechanics steps, of 0.1 min.
    assert!(
        called.ages.iter().all(|age| (2.0..4.0).contains(age)),
        "{:?}",
        called.ages
    );
    assert!(called.contacts.iter().all(|&count| count == 1.0));
}

#[test]
fn only_the_types_a_rule_is_about_are_written() {
    let (mut simulation, calls) = row(vec![1, 2]);
    advance(&mut simulation, 4.0);
    assert_eq!(calls.lock().unwrap().last().unwrap().edges.len(), 8);
    let speeds = column(&mut simulation, 0);
    let kinds = simulation.table().cell_type;
    for (kind, speed) in kinds.iter().zip(&speeds) {
        match kind {
            0 => assert!([1.0, 2.0, 3.0].contains(speed), "{speed}"),
            _ => assert_eq!(*speed, 0.5, "only seen"),
        }
    }
}

/// A model of form `graph` that sets the migration speed of a, in µm/min, to the sum of the
/// overlaps (µm) with the cells of a and b it touches: in two parts, or as one graph.
fn overlaps(in_parts: bool) -> Vec<u8> {
    let column = |name: &str, axis| ValueInfo::floats(name, &[None, Some(1)], axis);
    let input = |tensor: &str, name: &str, unit: &str| json!({"tensor": tensor, "col": 0, "name": name, "unit": unit, "lo": -20, "hi": 3000});
    let (nodes, inputs, shape) = if in_parts {
        let nodes = vec![
            Node::new("Neg", &["e"], "overlap"),
            Node::new("Sub", &["x", "x"], "nothing"),
            Node::new("Add", &["nothing", "m"], "y"),
        ];
        let inputs = [("e", "edges"), ("x", "cells"), ("m", "cells")];
        let messages = json!({"tensor": "overlap", "into": "m", "reduce": "sum"});
        (nodes, inputs.to_vec(), ("messages", messages))
    } else {
        let mut scatter = Node::new("ScatterND", &["nothing", "ends", "overlap"], "y");
        scatter.attribute.push(Attribute {
            name: Some("reduction".into()),
            s: Some(b"add".to_vec()),
            kind: Some(3),
            ..Attribute::default()
        });
        let nodes = vec![
            Node::new("Neg", &["e"], "overlap"),
            Node::new("Sub", &["x", "x"], "nothing"),
            Node::new("Unsqueeze", &["dst", "one"], "ends"),
            scatter,
        ];
        (
            nodes,
            vec![("e", "edges"), ("x", "cells")],
            ("hops", json!(1)),
        )
    };
    let mut input_tensors: Vec<ValueInfo> = inputs
        .iter()
        .map(|&(name, axis)| column(name, axis))
        .collect();
    if !in_parts {
        for name in ["src", "dst"] {
            let mut ends = ValueInfo::floats(name, &[None], "edges");
            let tensor = ends.r#type.as_mut().and_then(|kind| kind.tensor.as_mut());
            tensor.unwrap().elem_type = Some(INT64);
            input_tensors.push(ends);
        }
    }
    let mut outputs = vec![column("y", "cells")];
    if in_parts {
        outputs.push(column("overlap", "edges"));
    }
    let mut model = Model {
        ir_version: Some(10),
        graph: Some(OnnxGraph {
            node: nodes,
            initializer: vec![Tensor::ints("one", &[1])],
            input: input_tensors,
            output: outputs,
            ..OnnxGraph::default()
        }),
        opset_import: vec![OperatorSet {
            domain: None,
            version: Some(18),
        }],
        ..Model::default()
    };
    let (key, value) = shape;
    let spec = json!({
        "form": "graph", "acts_on": "a", "sees": ["b"],
        "inputs": [input("e", "gap", "µm"), input("x", "volume", "µm^3")],
        "outputs": [{"tensor": "y", "name": "migration speed", "kind": "parameter",
                     "unit": "µm/min"}],
        "dt": {"trained": 1, "min": 0.1, "max": 10, "unit": "min"},
        key: value,
    });
    model.set_metadata("milieu.contract", "1".into());
    model.set_metadata("milieu.spec", spec.to_string());
    let rows = golden_rows(&Spec::from_json(spec).unwrap(), 64);
    seal(&mut model, &rows).unwrap();
    model.encode_to_vec()
}

/// The simulation of a scenario whose rules are `model.onnx`.
fn learned(text: &str, model: &[u8], threads: usize) -> Simulation {
    let folder = folder(&[("scenario.toml", text)]);
    fs::write(folder.path().join("model.onnx"), model).unwrap();
    let scenario = parse::read(folder.path(), &[], None).unwrap();
    Simulation::new(bind(scenario).unwrap(), threads).unwrap()
}

/// Overlaps (µm) of each cell of a with cells of a and b, by the positions of all.
fn overlaps_by_hand(simulation: &mut Simulation) -> Vec<f64> {
    let table = simulation.table();
    let overlap = |one: usize, other: usize| {
        let [p, q] = [one, other].map(|at| table.position[at]);
        let squared: f64 = (0..3).map(|axis| (p[axis] - q[axis]).powi(2)).sum();
        (table.radius[one] + table.radius[other] - squared.sqrt()).max(0.0)
    };
    let cells = 0..table.id.len();
    let of_a = cells.clone().filter(|&cell| table.cell_type[cell] == 0);
    of_a.map(|cell| {
        let others = cells
            .clone()
            .filter(|&other| other != cell && table.cell_type[other] < 2);
        others.map(|other| overlap(cell, other)).sum()
    })
    .collect()
}

#[test]
fn a_model_of_either_shape_hears_of_the_cells_that_touch() {
    let types = ["a", "b", "c"].map(|name| ghost(name, "motility = { enabled = false }"));
    let rules = "[rules]\nlearned = \"model.onnx\"\n";
    let text = plane(400.0, [0.1, 0.1, 1.0], &(types.concat() + ROW + rules));
    for in_parts in [true, false] {
        let mut simulation = learned(&text, &overlaps(in_parts), 1);
        advance(&mut simulation, 3.0);
        let speeds = column(&mut simulation, 0);
        let kinds = simulation.table().cell_type;
        let of_a: Vec<f64> = (0..speeds.len())
            .filter(|&cell| kinds[cell] == 0)
            .map(|cell| speeds[cell])
            .collect();
        let wanted = overlaps_by_hand(&mut simulation);
        assert_eq!(wanted.iter().filter(|&&overlap| overlap > 0.0).count(), 3);
        for (speed, wanted) in of_a.iter().zip(&wanted) {
            near(*speed, *wanted, 1e-5); // f32 inside
        }
    }
}

#[test]
fn a_graph_rule_gives_the_same_bits_for_any_number_of_threads() {
    let moving = "motility = { speed = 1, persistence_time = \"5 min\" }\n";
    let types = ["a", "b", "c"].map(|name| format!("[cell_types.{name}]\n{moving}"));
    let cells = lattice("a", 40, 11.0, [0.0; 2]) + &lattice("b", 10, 30.0, [5.0, 5.0]);
    // What the model calls a speed may be negative, and is then held at 0.
    let rest = "[rules]\nlearned = { file = \"model.onnx\", max_clamped = 1 }\n\
                [outputs]\ncell_columns = [\"migration speed\"]\n";
    let text = plane(600.0, [0.1, 0.1, 1.0], &(types.concat() + &cells + rest));
    for in_parts in [true, false] {
        let model = overlaps(in_parts);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| {
                let mut simulation = learned(&text, &model, threads);
                advance(&mut simulation, 5.0);
                let table = simulation.table();
                let places = table.position.iter().flatten();
                let values = places.chain(&table.extra[0].values);
                values.map(|value| value.to_bits()).collect::<Vec<u64>>()
            })
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            assert!(run(threads) == one, "{threads} threads");
        }
    }
}
