//! Models of form `graph`: nodes are cells, edges the contacts between them.
//!
//! [`Halves`] is the shape in which edges and nodes are rows, and what nodes receive is summed
//! here; [`Whole`] the one in which a single call has the whole graph. Both answer as
//! [`Rows`] does: [chunk][output tensor], row-major, chunks of [`CHUNK`] nodes.

pub mod edges;
pub mod locality;
pub mod split;

use rayon::prelude::*;

use super::engine::{self, CHUNK, Column, Data, Feed, Rows, Session};
use super::{Fault, RowClass, check, fault, independence, proto};
use crate::{Edges, Engine, Reduce};

/// Writes the inputs of the rows `first..first + count`, row-major, a vector for each tensor.
pub type Fill<'a> = &'a (dyn Fn(usize, usize, &mut [Vec<f32>]) + Sync);

/// What a graph model is asked.
pub struct Ask<'a> {
    /// Number of nodes, ≥ 1.
    pub nodes: usize,
    /// The edges, [checked](edges::check).
    pub edges: Edges<'a>,
    /// `[node]`: whether it is acted on, not only seen.
    pub active: &'a [bool],
    /// Minutes since the last call.
    pub dt: f32,
    /// Fills the tensors of nodes, in the order the model was opened with.
    pub fill_nodes: Fill<'a>,
    /// Fills the tensors of edges likewise.
    pub fill_edges: Fill<'a>,
}

/// What it answers.
pub struct Answer {
    /// [chunk][output tensor], row-major.
    pub chunks: Vec<Vec<Vec<f32>>>,
    /// `[node]`: whether what it received is no finite number, so that its answer means nothing.
    pub lost: Vec<bool>,
}

/// A model of edges, a model of nodes, and what happens to messages between them.
pub struct Halves {
    /// From the tensors of edges to the message.
    pub edge: Rows,
    /// From the tensors of nodes, the messages received behind them, to the outputs.
    pub node: Rows,
    reduce: Reduce,
}

/// How the messages of an edge part reach its node part.
#[derive(Debug, Clone, Copy)]
pub struct Messages<'a> {
    /// The output of the edge part.
    pub tensor: &'a str,
    /// The input of the node part.
    pub into: &'a str,
    /// Numbers in a message.
    pub width: usize,
    /// How those of a node become one.
    pub reduce: Reduce,
}

impl Halves {
    /// Cuts an admitted file in two and opens both parts; `of_edges` and `of_nodes` are their
    /// tensors of signals, latent states and noise.
    ///
    /// # Errors
    /// E-CONTRACT from [`split::split`], E-ENGINE with the engine's own words.
    pub fn open(
        admitted: &[u8],
        engine: &Engine,
        of_edges: Vec<Column>,
        mut of_nodes: Vec<Column>,
        messages: &Messages<'_>,
        outputs: Vec<Column>,
    ) -> Result<Halves, Fault> {
        let names: Vec<String> = outputs.iter().map(|(name, _)| name.clone()).collect();
        let [edge, node] = split::split(admitted, messages.tensor, &names)?;
        of_nodes.push((messages.into.to_owned(), messages.width));
        let rows = |part: split::Part, inputs, outputs| {
            let session = engine::open(engine, &part.model);
            let session = session.map_err(|error| fault("E-ENGINE", error))?;
            Ok(Rows::new(session, inputs, part.reads_dt, outputs))
        };
        let message = vec![(messages.tensor.to_owned(), messages.width)];
        Ok(Halves {
            edge: rows(edge, of_edges, message)?,
            node: rows(node, of_nodes, outputs)?,
            reduce: messages.reduce,
        })
    }

    /// Computes the messages, reduces them, and computes the nodes.
    ///
    /// # Errors
    /// As [`Rows::run`].
    pub fn run(&self, ask: &Ask<'_>) -> Result<Answer, Fault> {
        let width = self.edge.outputs[0].1;
        let edges = ask.edges.to.len();
        let made = self.edge.run(edges, ask.dt, ask.fill_edges)?;
        let message = |edge: usize| {
            let place = edge % CHUNK * width;
            &made[edge / CHUNK][0][place..place + width]
        };
        let starts = edges::starts(&ask.edges, ask.nodes);
        let received: Vec<Vec<f32>> = (0..ask.nodes.div_ceil(CHUNK))
            .into_par_iter()
            .map(|chunk| {
                let mut received = Vec::with_capacity(CHUNK * width);
                for node in chunk * CHUNK..((chunk + 1) * CHUNK).min(ask.nodes) {
                    let reaching = (starts[node]..starts[node + 1]).map(message);
                    edges::reduce(reaching, self.reduce, &mut received, width);
                }
                received
            })
            .collect();
        let of = |node: usize| {
            let place = node % CHUNK * width;
            &received[node / CHUNK][place..place + width]
        };
        let is_lost = |node: usize| !of(node).iter().all(|value| value.is_finite());
        let lost: Vec<bool> = (0..ask.nodes).map(is_lost).collect();
        let fill = |first: usize, count: usize, tensors: &mut [Vec<f32>]| {
            let Some((last, own)) = tensors.split_last_mut() else {
                return;
            };
            (ask.fill_nodes)(first, count, own);
            for node in first..first + count {
                // Nothing of it may reach the others, even in an engine that mixes rows.
                let value = |&value: &f32| if lost[node] { 0.0 } else { value };
                last.extend(of(node).iter().map(value));
            }
        };
        let chunks = self.node.run(ask.nodes, ask.dt, fill)?;
        Ok(Answer { chunks, lost })
    }

    /// Whether rows of either part depend on each other; ranges as for [`independence::examine`].
    ///
    /// # Errors
    /// E-ROWS names the part's output and what moved it.
    pub fn examine(
        &self,
        dt: f32,
        of_edges: &[Vec<(f64, f64)>],
        of_nodes: &[Vec<(f64, f64)>],
    ) -> Result<RowClass, Fault> {
        let edge = independence::examine(&self.edge, dt, of_edges)?;
        let node = independence::examine(&self.node, dt, of_nodes)?;
        Ok(match (edge, node) {
            (RowClass::Tolerance(a), RowClass::Tolerance(b)) => RowClass::Tolerance(a.max(b)),
            (RowClass::Bitwise, other) | (other, RowClass::Bitwise) => other,
        })
    }
}

/// A model that is called once with a whole graph.
pub struct Whole {
    session: Box<dyn Session>,
    /// Tensors of nodes.
    pub nodes: Vec<Column>,
    /// Width of `e`, the tensor of edges, if the graph reads it.
    pub e: Option<usize>,
    /// Output tensors.
    pub outputs: Vec<Column>,
    names: Vec<String>,
    /// Which of `src`, `dst`, `active` and `dt` the graph reads.
    reads: [bool; 4],
}

/// The numbers of one call of a [`Whole`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Call {
    /// Number of nodes.
    pub nodes: usize,
    /// A row-major vector for each of [`Whole::nodes`].
    pub tensors: Vec<Vec<f32>>,
    /// Row-major; empty if the graph does not read it.
    pub e: Vec<f32>,
    /// `src`.
    pub from: Vec<i64>,
    /// `dst`.
    pub to: Vec<i64>,
    /// `active`.
    pub active: Vec<bool>,
    /// `dt`, min.
    pub dt: f32,
}

impl Whole {
    /// Opens an admitted file.
    ///
    /// # Errors
    /// E-DTYPE or E-SHAPE for `src`, `dst` and `active`; E-ENGINE with the engine's own words.
    pub fn open(
        admitted: &[u8],
        engine: &Engine,
        nodes: Vec<Column>,
        e: Option<usize>,
        outputs: Vec<Column>,
    ) -> Result<Whole, Fault> {
        let model = check::decode(admitted)?;
        let graph = check::graph(&model)?;
        let mut reads = [false; 4];
        let expected = [
            ("src", proto::INT64),
            ("dst", proto::INT64),
            ("active", proto::BOOL),
            ("dt", proto::FLOAT),
        ];
        for (reads, (name, kind)) in reads.iter_mut().zip(expected) {
            let info = graph.input.iter().find(|info| info.name() == name);
            *reads = info.is_some();
            if let Some(info) = info.filter(|_| name != "dt") {
                is_symbolic_vector(info, kind)?;
            }
        }
        let session = engine::open(engine, admitted).map_err(|error| fault("E-ENGINE", error))?;
        let names = outputs.iter().map(|(name, _)| name.clone()).collect();
        Ok(Whole {
            session,
            nodes,
            e,
            outputs,
            names,
            reads,
        })
    }

    /// Name and version of the engine.
    pub fn engine(&self) -> String {
        self.session.engine()
    }

    /// Computes all nodes in one call.
    ///
    /// # Errors
    /// As [`Whole::call`].
    pub fn run(&self, ask: &Ask<'_>) -> Result<Answer, Fault> {
        let mut tensors = vec![Vec::new(); self.nodes.len()];
        (ask.fill_nodes)(0, ask.nodes, &mut tensors);
        let mut of_edges = vec![Vec::new(); usize::from(self.e.is_some())];
        (ask.fill_edges)(0, ask.edges.to.len(), &mut of_edges);
        let whole = self.call(&Call {
            nodes: ask.nodes,
            tensors,
            e: of_edges.pop().unwrap_or_default(),
            from: ask.edges.from.iter().map(|&node| node.into()).collect(),
            to: ask.edges.to.iter().map(|&node| node.into()).collect(),
            active: ask.active.to_vec(),
            dt: ask.dt,
        })?;
        let chunk = |at: usize| {
            let tensor = |(tensor, (_, width)): (&Vec<f32>, &Column)| {
                let end = (at + 1) * CHUNK * width;
                tensor[at * CHUNK * width..end.min(tensor.len())].to_vec()
            };
            whole.iter().zip(&self.outputs).map(tensor).collect()
        };
        Ok(Answer {
            chunks: (0..ask.nodes.div_ceil(CHUNK)).map(chunk).collect(),
            lost: vec![false; ask.nodes],
        })
    }

    /// Computes every output tensor, row-major.
    ///
    /// # Errors
    /// E-INDEX for an edge that leads to no node, E-ENGINE with the engine's own words, E-SHAPE for
    /// an output of another shape than promised.
    pub fn call(&self, call: &Call) -> Result<Vec<Vec<f32>>, Fault> {
        let (nodes, edges) = (call.nodes, call.to.len());
        let ends = call.from.iter().chain(&call.to);
        if let Some(end) = ends
            .into_iter()
            .find(|&&end| !(0..nodes as i64).contains(&end))
        {
            return Err(fault(
                "E-INDEX",
                format!("an edge leads to node {end}; there are {nodes} nodes, counted from 0"),
            ));
        }
        let shape = |rows: usize, width: usize| vec![rows, width];
        let mut feeds: Vec<(&str, Vec<usize>, Data<'_>)> = Vec::new();
        for ((name, width), data) in self.nodes.iter().zip(&call.tensors) {
            feeds.push((name, shape(nodes, *width), Data::Floats(data)));
        }
        if let Some(width) = self.e {
            feeds.push(("e", shape(edges, width), Data::Floats(&call.e)));
        }
        let dt = [call.dt];
        let others = [
            ("src", vec![edges], Data::Ints(&call.from)),
            ("dst", vec![edges], Data::Ints(&call.to)),
            ("active", vec![nodes], Data::Bools(&call.active)),
            ("dt", vec![1], Data::Floats(&dt)),
        ];
        let read = others.into_iter().zip(self.reads);
        feeds.extend(read.filter(|(_, reads)| *reads).map(|(feed, _)| feed));
        let feeds: Vec<Feed<'_>> = feeds
            .iter()
            .map(|&(name, ref shape, data)| Feed { name, shape, data })
            .collect();
        let made = engine::guarded(|| self.session.run(&feeds, &self.names));
        let made = made.map_err(|error| fault("E-ENGINE", error))?;
        for (tensor, (name, width)) in made.iter().zip(&self.outputs) {
            if tensor.shape != [nodes, *width] {
                return Err(fault(
                    "E-SHAPE",
                    format!(
                        "output `{name}` has the shape {:?}, expected [{nodes}, {width}] for {nodes} \
                         nodes and {edges} edges",
                        tensor.shape
                    ),
                ));
            }
        }
        Ok(made.into_iter().map(|tensor| tensor.data).collect())
    }
}

fn is_symbolic_vector(info: &proto::ValueInfo, kind: i32) -> Result<(), Fault> {
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor.as_ref());
    let found = tensor.map_or(0, proto::TensorType::elem_type);
    if found != kind {
        return Err(fault(
            "E-DTYPE",
            format!(
                "input `{}` is {}, expected {}",
                info.name(),
                proto::type_name(found),
                proto::type_name(kind)
            ),
        ));
    }
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    match shape.map(|shape| &shape.dim[..]) {
        None => Ok(()),
        Some([only]) if only.value.is_none() => Ok(()),
        Some(_) => Err(fault(
            "E-SHAPE",
            format!("input `{}` must have one symbolic axis", info.name()),
        )),
    }
}
