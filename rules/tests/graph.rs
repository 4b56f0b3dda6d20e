//! Models of form `graph`: messages between nodes against sums by hand, in both shapes and on
//! both engines.

#[path = "graph/models.rs"]
mod models;

use models::*;
use rules::neural::graph::{Answer, Ask, Call, Halves, Messages, Whole, edges, locality};
use rules::neural::{Fault, RowClass, find_onnx_runtime, proto};
use rules::{Edges, Engine, Reduce};

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
