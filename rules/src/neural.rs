//! A model file as a rule: an ONNX graph that says, in its own metadata, what it reads and writes.
//!
//! Loading is the door at which everything is checked: the file's messages ([`check`]), the
//! contract ([`contract`]), its tensors ([`tensors`]), names and units ([`bind`]), the golden rows
//! ([`golden`]), and that rows do not depend on each other ([`independence`]). After it there are
//! only indices. `docs/models.md` tells how to make such a file.

pub mod adopt;
pub mod answers;
pub mod attach;
pub mod bind;
pub mod check;
mod columns;
mod compute;
pub mod contract;
pub mod convert;
mod declared;
mod describe;
pub mod domain;
pub mod engine;
pub mod golden;
pub mod graph;
pub mod independence;
pub mod make;
pub mod mlp;
mod model;
mod ort;
pub mod proto;
mod rten;
mod semigroup;
pub mod tensors;
pub mod trials;
pub mod uncertainty;

use std::path::Path;

use sha2::{Digest, Sha256};

pub use declared::declared;
pub use engine::find_onnx_runtime;
pub use independence::RowClass;
pub use model::Model;

use crate::{Engine, Error};
use compute::Compute;
use contract::{Dist, Form, Spec};

/// What is wrong with a model, before its file is known: a code and a text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// The contract's code.
    pub code: &'static str,
    /// What was expected, what was found, the way out.
    pub message: String,
}

impl Fault {
    fn at(mut self, place: &str) -> Fault {
        self.message = format!("{place}: {}", self.message);
        self
    }

    fn of(self, file: &Path) -> Error {
        Error::Model {
            file: file.to_owned(),
            code: self.code,
            message: self.message,
        }
    }
}

pub(crate) fn fault(code: &'static str, message: impl Into<String>) -> Fault {
    Fault {
        code,
        message: message.into(),
    }
}

/// A file that has been read: all that can be told without an engine and without a scenario.
pub(crate) struct Parsed {
    proto: proto::Model,
    /// What an engine may have.
    admitted: Vec<u8>,
    spec: Spec,
    card: Option<serde_json::Value>,
    tensors: tensors::Tensors,
}

impl Parsed {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Fault`] with a code of the contract.
    fn new(bytes: &[u8]) -> Result<Parsed, Fault> {
        Parsed::of(check::decode(bytes)?)
    }

    fn of(proto: proto::Model) -> Result<Parsed, Fault> {
        let admitted = check::admit(&proto)?;
        let spec = contract::read(&proto)?;
        let card = contract::card(&proto)?;
        let tensors = tensors::tensors(check::graph(&proto)?, &spec)?;
        Ok(Parsed {
            proto,
            admitted,
            spec,
            card,
            tensors,
        })
    }

    /// Opens it with an engine, reproduces its golden rows and tries its rows. `trained` and
    /// `clock` are its time steps, min.
    ///
    /// # Errors
    /// E-ENGINE, E-SHAPE, E-GOLDEN or E-ROWS.
    fn tried(&self, engine: &Engine, trained: f64, clock: f64) -> Result<Tried, Fault> {
        let golden = golden::Arrays::of(&self.proto)?;
        let compute = Compute::open(self, engine)?;
        golden::reproduce(&golden, &compute, trained as f32)?;
        let row_class = compute.examine(&self.spec, clock as f32)?;
        Ok(Tried { compute, row_class })
    }
}

/// A model that has been tried with an engine.
pub(crate) struct Tried {
    compute: Compute,
    row_class: RowClass,
}

/// Whether a tensor of a graph has a row an edge, not a node.
fn is_of_edges(spec: &Spec, tensor: &str) -> bool {
    spec.form == Form::Graph && matches!(tensor, "a" | "b" | "e" | "za" | "zb")
}

/// Input tensors with a row for each row of the model: signals, latent states, then noise.
fn row_tensors(spec: &Spec) -> Vec<engine::Column> {
    let mut tensors = spec.input_tensors();
    tensors.retain(|(name, _)| !is_of_edges(spec, name));
    if spec.lanes() > 0 {
        tensors.push(("noise".to_owned(), spec.lanes()));
    }
    tensors
}

/// Input tensors with a row for each edge of a graph.
fn edge_tensors(spec: &Spec) -> Vec<engine::Column> {
    let mut tensors = spec.input_tensors();
    tensors.retain(|(name, _)| is_of_edges(spec, name));
    tensors
}

/// Every input tensor whose numbers golden rows hold side by side.
fn sealed_tensors(spec: &Spec) -> Vec<engine::Column> {
    let mut tensors = edge_tensors(spec);
    tensors.extend(row_tensors(spec));
    tensors
}

/// `[tensor][column]`: the read that stands there; none for noise.
fn layout(spec: &Spec, tensors: &[engine::Column]) -> Vec<Vec<usize>> {
    tensors.iter().map(|(name, _)| spec.columns(name)).collect()
}

/// Where latent states lie for which a model states no range, and messages.
const UNKNOWN: (f64, f64) = (-1.0, 1.0);

/// The range of every column of these tensors.
fn ranges(spec: &Spec, tensors: &[engine::Column]) -> Vec<Vec<(f64, f64)>> {
    let of_reads = spec.ranges();
    let of_noise = match spec.noise.as_ref().map(|noise| noise.dist) {
        Some(Dist::Uniform) => (0.0, 1.0),
        _ => (-2.0, 2.0),
    };
    let of_tensor = |(name, width): &engine::Column| match name.as_str() {
        "noise" => vec![of_noise; *width],
        name => {
            let columns = spec.columns(name).into_iter();
            columns
                .map(|read| of_reads[read].unwrap_or(UNKNOWN))
                .collect()
        }
    };
    tensors.iter().map(of_tensor).collect()
}

fn sha256(bytes: &[u8]) -> String {
    let digit = |byte: &u8| format!("{byte:02x}");
    Sha256::digest(bytes).iter().map(digit).collect()
}
