//! A model file as a rule: an ONNX graph that says, in its own metadata, what it reads and writes.
//!
//! Loading is the door at which everything is checked: the file's messages ([`check`]), the
//! contract ([`contract`]), its tensors ([`tensors`]), names and units ([`bind`]), the golden rows
//! ([`golden`]), and that rows do not depend on each other ([`independence`]). After it there are
//! only indices. `docs/models.md` tells how to make such a file.

pub mod adopt;
pub mod answers;
pub mod bind;
pub mod check;
pub mod contract;
pub mod convert;
mod declared;
mod describe;
pub mod domain;
pub mod engine;
mod examine;
pub mod golden;
pub mod graph;
pub mod independence;
pub mod make;
pub mod mlp;
mod model;
mod ort;
pub mod proto;
mod rten;
pub mod tensors;
pub mod uncertainty;

use std::path::Path;

use sha2::{Digest, Sha256};

pub use declared::declared;
pub use engine::find_onnx_runtime;
pub use examine::{Report, examine};
pub use independence::RowClass;
pub use model::Model;

use crate::{Engine, Error};
use contract::{Dist, Form, Spec};
use engine::Rows;

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
        let proto = check::decode(bytes)?;
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
        let rows = rows(&self.admitted, engine, &self.spec, self.tensors.reads_dt)?;
        let golden_rows = golden::reproduce(&golden, &rows, trained as f32)?;
        let row_class = independence::examine(&rows, clock as f32, &ranges(&self.spec))?;
        Ok(Tried {
            rows,
            golden_rows,
            row_class,
        })
    }
}

/// A model that has been tried with an engine.
pub(crate) struct Tried {
    rows: Rows,
    golden_rows: usize,
    row_class: RowClass,
}

fn rows(admitted: &[u8], engine: &Engine, spec: &Spec, reads_dt: bool) -> Result<Rows, Fault> {
    if spec.form == Form::Graph {
        return Err(fault("E-ENGINE", "form `graph` is not run by this version"));
    }
    let session = engine::open(engine, admitted).map_err(|error| fault("E-ENGINE", error))?;
    let outputs = spec
        .output_tensors()
        .map_err(|error| fault("E-CONTRACT", error))?;
    Ok(Rows::new(session, row_tensors(spec), reads_dt, outputs))
}

/// The input tensors with a row axis: signals, latent states, then noise.
fn row_tensors(spec: &Spec) -> Vec<engine::Column> {
    let mut tensors = spec.input_tensors();
    if spec.lanes() > 0 {
        tensors.push(("noise".to_owned(), spec.lanes()));
    }
    tensors
}

/// Where latent states lie for which a model states no range.
const LATENT: (f64, f64) = (-1.0, 1.0);

/// The range of every column of every input tensor.
fn ranges(spec: &Spec) -> Vec<Vec<(f64, f64)>> {
    let of_reads = spec.ranges();
    let range = |read: &usize| of_reads[*read].unwrap_or(LATENT);
    let mut ranges: Vec<Vec<(f64, f64)>> = layout(spec)
        .iter()
        .map(|columns| columns.iter().map(range).collect())
        .collect();
    if let Some(noise) = spec.noise.as_ref().filter(|noise| noise.lanes > 0) {
        let range = match noise.dist {
            Dist::Normal => (-2.0, 2.0),
            Dist::Uniform => (0.0, 1.0),
        };
        ranges.push(vec![range; noise.lanes]);
    }
    ranges
}

/// [input tensor][column], the read that stands there.
fn layout(spec: &Spec) -> Vec<Vec<usize>> {
    let tensors = spec.input_tensors();
    tensors.iter().map(|(name, _)| spec.columns(name)).collect()
}

fn sha256(bytes: &[u8]) -> String {
    let digit = |byte: &u8| format!("{byte:02x}");
    Sha256::digest(bytes).iter().map(digit).collect()
}
