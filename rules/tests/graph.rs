//! Models of form `graph`: messages between nodes against sums by hand, in both shapes and on
//! both engines.

#[path = "graph/models.rs"]
mod models;

use models::*;
use rules::neural::graph::{Answer, Ask, Call, Halves, Messages, Whole, edges, locality};
use rules::neural::{Fault, Model, RowClass, find_onnx_runtime, proto};
use rules::{Batch, Edges, Engine, Error, Graph, Outputs, Reduce, Rule, Side, Subject, Tiers};
use serde_json::json;

/// The embedded engine, and ONNX Runtime where there is one.
fn engines() -> Vec<Engine> {
    let mut engines = vec![Engine::Embedded];
    match find_onnx_runtime() {
        Some(library) => engines.push(Engine::OnnxRuntime(Some(library))),
        None => eprintln!("skipped for ONNX Runtime: ORT_DYLIB_PATH is not set"),
    }
    engines
}

fn column(name: &str, width: usize) -> (String, usize) {
    (name.to_owned(), width)
}

/// Numbers of nodes and edges by a hash, within ±1.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let number = |at| (2.0 * rules::neural::mlp::uniform(seed, at) - 1.0) as f32;
    (0..count as u64).map(number).collect()
}

/// A graph with nodes of many contacts, of one and of none, every edge in both directions.
struct Contacts {
    nodes: usize,
    from: Vec<u32>,
    to: Vec<u32>,
}

impl Contacts {
    fn new(nodes: usize, pairs: impl Iterator<Item = (u32, u32)>) -> Contacts {
        let mut both: Vec<(u32, u32)> = pairs.flat_map(|(a, b)| [(a, b), (b, a)]).collect();
        both.sort_unstable();
        both.dedup();
        Contacts {
            nodes,
            to: both.iter().map(|edge| edge.0).collect(),
            from: both.iter().map(|edge| edge.1).collect(),
        }
    }

    /// Node 0 touches many, the last nodes none; more edges than fit one call of an engine.
    fn tangled(nodes: u32) -> Contacts {
        let linked = nodes - 3;
        let star = (1..linked / 2).map(|node| (0, node));
        let ring = (1..linked).map(|node| (node - 1, node));
        let chords = (0..linked).map(move |node| (node, (node * 7 + 3) % linked));
        let pairs = star.chain(ring).chain(chords).filter(|(a, b)| a != b);
        Contacts::new(nodes as usize, pairs)
    }

    fn edges(&self) -> Edges<'_> {
        Edges {
            from: &self.from,
            to: &self.to,
        }
    }
}

fn halves(reduce: Reduce, engine: &Engine) -> Result<Halves, Fault> {
    open_halves(&edge_and_node(), reduce, engine)
}

fn open_halves(model: &proto::Model, reduce: Reduce, engine: &Engine) -> Result<Halves, Fault> {
    let admitted = rules::neural::check::admit(model)?;
    let messages = Messages {
        tensor: "message",
        into: "m",
        width: MESSAGE,
        reduce,
    };
    let of_edges = vec![column("a", X), column("b", X), column("e", E)];
    let outputs = vec![column("y", Y)];
    Halves::open(
        &admitted,
        engine,
        of_edges,
        vec![column("x", X)],
        &messages,
        outputs,
    )
}

/// What is asked of both shapes: signals of nodes and edges.
struct Signals {
    x: Vec<f32>,
    e: Vec<f32>,
}

impl Signals {
    fn of(contacts: &Contacts) -> Signals {
        Signals {
            x: numbers(1, contacts.nodes * X),
            e: numbers(2, contacts.to.len() * E),
        }
    }
}

fn ask(halves: &Halves, contacts: &Contacts, signals: &Signals) -> Vec<f32> {
    let node = |at: usize| &signals.x[at * X..(at + 1) * X];
    let fill_edges = |first: usize, count: usize, tensors: &mut [Vec<f32>]| {
        for edge in first..first + count {
            tensors[0].extend(node(contacts.from[edge] as usize));
            tensors[1].extend(node(contacts.to[edge] as usize));
            tensors[2].extend(&signals.e[edge * E..(edge + 1) * E]);
        }
    };
    let fill_nodes = |first: usize, count: usize, tensors: &mut [Vec<f32>]| {
        tensors[0].extend(&signals.x[first * X..(first + count) * X]);
    };
    let Answer { chunks, lost } = halves
        .run(&Ask {
            nodes: contacts.nodes,
            edges: contacts.edges(),
            active: &vec![true; contacts.nodes],
            dt: 6.0,
            fill_nodes: &fill_nodes,
            fill_edges: &fill_edges,
        })
        .unwrap();
    assert_eq!(lost, vec![false; contacts.nodes]);
    chunks
        .into_iter()
        .flat_map(|mut chunk| chunk.remove(0))
        .collect()
}

#[track_caller]
fn assert_near(made: &[f32], wanted: &[f64], tolerance: f64) {
    assert_eq!(made.len(), wanted.len());
    for (at, (&made, &wanted)) in made.iter().zip(wanted).enumerate() {
        let difference = (f64::from(made) - wanted).abs();
        assert!(
            difference <= tolerance * wanted.abs().max(1.0),
            "{at}: {made} and {wanted}"
        );
    }
}

#[test]
fn nodes_receive_the_sum_the_mean_and_the_greatest_of_the_messages_that_reach_them() {
    let contacts = Contacts::tangled(1500);
    assert!(contacts.to.len() > 3000, "several calls of the engine");
    let signals = Signals::of(&contacts);
    for engine in engines() {
        for reduce in [Reduce::Sum, Reduce::Mean, Reduce::Max] {
            let made = ask(&halves(reduce, &engine).unwrap(), &contacts, &signals);
            let wanted =
                edge_and_node_by_hand(&contacts.from, &contacts.to, &signals.x, &signals.e, reduce);
            // f32 inside against f64 here; node 0 adds up some 800 messages.
            assert_near(&made, &wanted, 3e-5);
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let contacts = Contacts::tangled(2600);
    let signals = Signals::of(&contacts);
    let halves = halves(Reduce::Sum, &Engine::Embedded).unwrap();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| ask(&halves, &contacts, &signals))
    };
    let one = with(1);
    for threads in [2, 3, 8] {
        assert!(with(threads) == one, "{threads} threads");
    }
}

#[test]
fn a_part_that_reads_what_is_the_others_is_refused() {
    let fault = |model: &proto::Model| {
        let fault = open_halves(model, Reduce::Sum, &Engine::Embedded)
            .err()
            .unwrap();
        assert_eq!(fault.code, "E-CONTRACT", "{fault}");
        fault.message
    };
    let renamed = |from: &str, to: &str, node: &str| {
        let mut model = edge_and_node();
        let graph = model.graph.as_mut().unwrap();
        let found = graph
            .node
            .iter_mut()
            .find(|found| found.output[0] == node)
            .unwrap();
        let input = found.input.iter_mut().find(|input| *input == from).unwrap();
        *input = to.to_owned();
        model
    };
    let message = fault(&renamed("a", "x", "joined_edge"));
    assert!(
        message.starts_with("`message` is made of the input `x`"),
        "{message}"
    );
    let message = fault(&renamed("x", "b", "joined_node"));
    assert!(
        message.starts_with("`y` is made of the input `b`"),
        "{message}"
    );
    // A shared piece is no constant either: here the node part reads the message itself.
    let message = fault(&renamed("m", "message", "joined_node"));
    assert!(message.starts_with("`y` is made of the input"), "{message}");
}

fn whole(scatter: Scatter, hops: usize, engine: &Engine) -> Whole {
    open_whole(&one_graph(scatter, hops), engine).unwrap()
}

fn open_whole(model: &proto::Model, engine: &Engine) -> Result<Whole, Fault> {
    let admitted = rules::neural::check::admit(model)?;
    let outputs = vec![column("y", Y)];
    Whole::open(&admitted, engine, vec![column("x", X)], Some(E), outputs)
}

fn call(contacts: &Contacts) -> Call {
    let signals = Signals::of(contacts);
    Call {
        nodes: contacts.nodes,
        tensors: vec![signals.x],
        e: signals.e,
        from: contacts.from.iter().map(|&node| node.into()).collect(),
        to: contacts.to.iter().map(|&node| node.into()).collect(),
        active: (0..contacts.nodes).map(|node| node % 3 != 0).collect(),
        dt: 6.0,
    }
}

fn examine(whole: &Whole, hops: usize) -> Result<RowClass, Fault> {
    let (of_nodes, of_edges) = ([(-1.0, 1.0); X], [(-1.0, 1.0); E]);
    locality::examine(whole, hops, 6.0, &[of_nodes.to_vec()], &of_edges)
}

#[test]
fn messages_pass_as_often_as_the_graph_says_with_either_scatter() {
    let contacts = Contacts::tangled(200);
    for engine in engines() {
        for scatter in [Scatter::Elements, Scatter::Nd] {
            for hops in [1, 3] {
                let whole = whole(scatter, hops, &engine);
                let asked = call(&contacts);
                let made = whole.call(&asked).unwrap();
                assert_near(&made[0], &one_graph_by_hand(&asked, hops), 3e-5);
                let class = examine(&whole, hops).unwrap();
                assert!(matches!(class, RowClass::Bitwise | RowClass::Tolerance(_)));
            }
        }
    }
}

#[test]
fn a_graph_that_listens_farther_than_it_says_is_refused() {
    for engine in engines() {
        let fault = examine(&whole(Scatter::Elements, 3, &engine), 2).unwrap_err();
        assert_eq!(fault.code, "E-ROWS");
        assert!(
            fault
                .message
                .contains("a node more than 2 hops away was changed"),
            "{fault}"
        );
        let all = open_whole(&over_all_nodes(), &engine).unwrap();
        let fault = examine(&all, 1).unwrap_err();
        assert_eq!(fault.code, "E-ROWS");
        let by_order = open_whole(&by_place_among_edges(), &engine).unwrap();
        let fault = examine(&by_order, 1).unwrap_err();
        assert!(
            fault.message.contains("when the nodes were permuted"),
            "{fault}"
        );
    }
}

#[test]
fn a_graph_without_edges_and_one_of_a_single_node_run() {
    for engine in engines() {
        for nodes in [1, 30] {
            let alone = Contacts::new(nodes, std::iter::empty());
            for scatter in [Scatter::Elements, Scatter::Nd] {
                let made = whole(scatter, 2, &engine).call(&call(&alone)).unwrap();
                assert_near(&made[0], &one_graph_by_hand(&call(&alone), 2), 1e-5);
            }
            let signals = Signals::of(&alone);
            let made = ask(&halves(Reduce::Mean, &engine).unwrap(), &alone, &signals);
            let wanted = edge_and_node_by_hand(&[], &[], &signals.x, &[], Reduce::Mean);
            assert_near(&made, &wanted, 1e-5);
        }
    }
}

#[test]
fn an_edge_that_leads_to_no_node_never_reaches_an_engine() {
    let contacts = Contacts::tangled(20);
    for node in [-1, 20] {
        let mut asked = call(&contacts);
        asked.from[3] = node;
        let fault = whole(Scatter::Nd, 1, &Engine::Embedded)
            .call(&asked)
            .unwrap_err();
        assert_eq!(fault.code, "E-INDEX");
        assert!(
            fault
                .message
                .contains(&format!("an edge leads to node {node}; there are 20 nodes"))
        );
    }
    assert_eq!(edges::check(&contacts.edges(), 20), Ok(()));
    assert_eq!(
        edges::check(&contacts.edges(), 16).unwrap_err().code,
        "E-INDEX"
    );
}

/// Columns of a batch for the reads of a model: nodes' signals from `x`, edges' from `e`.
fn columns(model: &Model, signals: &Signals) -> Vec<Vec<f64>> {
    let of = |values: &[f32], at: usize, width: usize| {
        let column = values.iter().skip(at).step_by(width);
        column.map(|&value| value.into()).collect()
    };
    let reads = model.signature().reads.iter();
    reads
        .map(|read| match read.side {
            Side::Pair => of(&signals.e, 0, E),
            _ => of(&signals.x, read.signal, X),
        })
        .collect()
}

/// What a model says of a graph in which every third node is only seen.
fn apply(model: &Model, contacts: &Contacts, columns: &[Vec<f64>]) -> Result<Outputs, Error> {
    let mut out = Outputs::default();
    out.reset(Y, contacts.nodes);
    let seen: Vec<bool> = (0..contacts.nodes).map(|node| node % 3 == 0).collect();
    let batch = Batch {
        rows: contacts.nodes,
        signals: &rules::lent(columns),
        dead: &seen,
        edges: contacts.edges(),
        dt: 6.0,
        ..Batch::default()
    };
    model.apply(&batch, &mut out)?;
    Ok(out)
}

#[test]
fn a_model_of_either_shape_gives_the_numbers_of_its_graph() {
    let contacts = Contacts::tangled(1500);
    let signals = Signals::of(&contacts);
    for engine in engines() {
        let (from, to) = (&contacts.from, &contacts.to);
        let halves = load(&in_halves("sum"), &engine).unwrap();
        let wanted = edge_and_node_by_hand(from, to, &signals.x, &signals.e, Reduce::Sum);
        let whole = load(&in_one(Scatter::Elements, 2), &engine).unwrap();
        let wanted_whole = one_graph_by_hand(&call(&contacts), 2);
        for (model, wanted) in [(halves, wanted), (whole, wanted_whole)] {
            let signature = model.signature();
            assert_eq!(signature.subject, Subject::Cell { types: vec![0] });
            assert_eq!(signature.graph, Some(Graph { sees: vec![1] }));
            let out = apply(&model, &contacts, &columns(&model, &signals)).unwrap();
            assert_eq!(out.failed, []);
            for node in (0..contacts.nodes).filter(|node| node % 3 != 0) {
                let made = out.columns.iter().map(|column| column[node] as f32);
                let made: Vec<f32> = made.collect();
                assert_near(&made, &wanted[node * Y..(node + 1) * Y], 3e-5);
            }
            assert!(out.domain.iter().all(|tiers| tiers.is_inside()));
        }
    }
}

/// 0 - 1 - 2 - 3 - 4 - 5
fn chain() -> Contacts {
    Contacts::new(6, (1..6).map(|node| (node - 1, node)))
}

#[test]
fn a_node_without_numbers_fails_those_that_hear_of_it_and_no_others() {
    let contacts = chain();
    let signals = Signals::of(&contacts);
    // Nodes 0 and 3 are only seen: nothing is written to them, and nothing of theirs fails.
    for (model, failing) in [
        (in_halves("max"), vec![1, 2]),
        (in_one(Scatter::Nd, 1), vec![1, 2]),
        (in_one(Scatter::Nd, 2), vec![1, 2, 4]),
    ] {
        let model = load(&model, &Engine::Embedded).unwrap();
        let whole = columns(&model, &signals);
        let mut spoiled = whole.clone();
        for (column, read) in spoiled.iter_mut().zip(&model.signature().reads) {
            if read.side != Side::Pair && read.signal == 1 {
                column[2] = f64::NAN;
            }
        }
        let good = apply(&model, &contacts, &whole).unwrap();
        let bad = apply(&model, &contacts, &spoiled).unwrap();
        let failed: Vec<usize> = bad.failed.iter().map(|(row, _)| *row).collect();
        assert_eq!(failed, failing);
        for (row, reason) in &bad.failed {
            assert!(reason.starts_with("E-NONFINITE"), "{reason}");
            assert!(bad.domain[*row].has(Tiers::NOT_FINITE));
        }
        for node in [1, 2, 4, 5]
            .into_iter()
            .filter(|node| !failing.contains(node))
        {
            for (good, bad) in good.columns.iter().zip(&bad.columns) {
                assert_eq!(good[node].to_bits(), bad[node].to_bits());
            }
        }
    }
}

#[test]
fn an_edge_outside_the_ranges_puts_the_node_it_leads_to_outside() {
    let contacts = chain();
    let model = load(&in_halves("sum"), &Engine::Embedded).unwrap();
    let mut columns = columns(&model, &Signals::of(&contacts));
    let edge = contacts.to.iter().position(|&to| to == 4).unwrap();
    for (column, read) in columns.iter_mut().zip(&model.signature().reads) {
        if read.side == Side::Pair {
            column[edge] = 1.5;
        }
    }
    let out = apply(&model, &contacts, &columns).unwrap();
    let outside: Vec<usize> = (0..6)
        .filter(|&node| !out.domain[node].is_inside())
        .collect();
    assert_eq!(outside, [4]);
    assert!(out.domain[4].has(Tiers::BOX));
}

#[test]
fn a_graph_model_is_refused_with_the_code_of_what_is_wrong() {
    let code = |model: &proto::Model| load(model, &Engine::Embedded).err().unwrap().code;
    let damaged = |mut model: proto::Model, name: &str| {
        let constants = &mut model.graph.as_mut().unwrap().initializer;
        let mut constants = constants.iter_mut();
        let weight = constants.find(|tensor| tensor.name() == name).unwrap();
        weight.raw_data.as_mut().unwrap()[3] ^= 0x80;
        model
    };
    for weight in ["w_1", "w_2"] {
        assert_eq!(
            code(&damaged(in_halves("sum"), weight)),
            "E-GOLDEN",
            "{weight}"
        );
        assert_eq!(code(&damaged(in_one(Scatter::Nd, 2), weight)), "E-GOLDEN");
    }
    let far = one_graph(Scatter::Elements, 3);
    assert_eq!(
        code(&sealed(far, &["x", "e"], &json!({"hops": 2}))),
        "E-ROWS"
    );
    let mixed = over_all_nodes();
    assert_eq!(
        code(&sealed(mixed, &["x", "e"], &json!({"hops": 1}))),
        "E-ROWS"
    );
    let mut bare = in_one(Scatter::Nd, 1);
    bare.metadata_props
        .retain(|property| property.key() != "milieu.golden");
    assert_eq!(code(&bare), "E-GOLDEN");
}

#[test]
fn an_edge_beyond_the_nodes_ends_the_call() {
    let model = load(&in_halves("sum"), &Engine::Embedded).unwrap();
    let mut columns = columns(&model, &Signals::of(&chain()));
    for (column, read) in columns.iter_mut().zip(&model.signature().reads) {
        if read.side != Side::Pair {
            column.truncate(4);
        }
    }
    let short = Contacts {
        nodes: 4,
        ..chain()
    };
    let error = apply(&model, &short, &columns).unwrap_err().to_string();
    assert!(
        error.contains("E-INDEX: edge 6 leads from node 4 to node 3"),
        "{error}"
    );
}
