//! What answers for a model: rows by themselves, or nodes among their contacts.

use super::contract::{Form, Spec};
use super::engine::{self, Column, Rows};
use super::graph::{Halves, Messages, Whole, locality};
use super::{
    Fault, Parsed, RowClass, UNKNOWN, edge_tensors, fault, independence, ranges, row_tensors,
};
use crate::Engine;

/// A model in an engine.
pub enum Compute {
    /// Cells, pairs, mothers: a row by itself.
    Rows(Rows),
    /// A graph of an edge and a node part.
    Halves(Halves),
    /// A graph in one call.
    Whole(Whole),
}

impl Compute {
    /// Opens a file that has been read.
    ///
    /// # Errors
    /// E-ENGINE with the engine's own words; E-CONTRACT for a graph that cannot be cut in two.
    pub(super) fn open(parsed: &Parsed, engine: &Engine) -> Result<Compute, Fault> {
        let spec = &parsed.spec;
        let outputs = spec
            .output_tensors()
            .map_err(|error| fault("E-CONTRACT", error))?;
        let (rows, edges) = (row_tensors(spec), edge_tensors(spec));
        if let Some(messages) = &spec.messages {
            let messages = Messages {
                tensor: &messages.tensor,
                into: &messages.into,
                width: parsed.tensors.message.unwrap_or(1),
                reduce: messages.reduce.into(),
            };
            let halves = Halves::open(&parsed.admitted, engine, edges, rows, &messages, outputs)?;
            return Ok(Compute::Halves(halves));
        }
        if spec.form == Form::Graph {
            let e = edges.first().map(|(_, width)| *width);
            let whole = Whole::open(&parsed.admitted, engine, rows, e, outputs)?;
            return Ok(Compute::Whole(whole));
        }
        let session = engine::open(engine, &parsed.admitted);
        let session = session.map_err(|error| fault("E-ENGINE", error))?;
        let reads_dt = parsed.tensors.reads_dt;
        Ok(Compute::Rows(Rows::new(session, rows, reads_dt, outputs)))
    }

    /// Name and version of the engine.
    pub fn engine(&self) -> String {
        match self {
            Compute::Rows(rows) => rows.engine(),
            Compute::Halves(halves) => halves.node.engine(),
            Compute::Whole(whole) => whole.engine(),
        }
    }

    /// Output tensors.
    pub fn outputs(&self) -> &[Column] {
        match self {
            Compute::Rows(rows) => &rows.outputs,
            Compute::Halves(halves) => &halves.node.outputs,
            Compute::Whole(whole) => &whole.outputs,
        }
    }

    /// Whether rows depend on each other, or nodes on what is too far.
    ///
    /// # Errors
    /// E-ROWS names the output and what moved it.
    pub fn examine(&self, spec: &Spec, dt: f32) -> Result<RowClass, Fault> {
        let mut of_rows = ranges(spec, &row_tensors(spec));
        let of_edges = ranges(spec, &edge_tensors(spec));
        match self {
            Compute::Rows(rows) => independence::examine(rows, dt, &of_rows),
            Compute::Halves(halves) => {
                let width = halves.edge.outputs[0].1;
                of_rows.push(vec![UNKNOWN; width]);
                halves.examine(dt, &of_edges, &of_rows)
            }
            Compute::Whole(whole) => {
                let hops = spec.hops.unwrap_or(1);
                locality::examine(whole, hops, dt, &of_rows, &of_edges.concat())
            }
        }
    }
}
