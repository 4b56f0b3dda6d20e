//! Rules: pure functions from named signals to named behaviors, a batch of cells (or pairs) at a time.
//!
//! A rule has never heard of a world, a clock or a random number: it is bound once, to columns,
//! and then maps columns to columns. Whether it was written as sentences, read from a table or
//! loaded from an ONNX file shows in [`Rule::describe`] and nowhere else.

pub mod adoption;
mod batch;
pub mod dictionary;
pub mod explain;
pub mod hybrid;
pub mod neural;
pub mod responses;
mod signature;
pub mod units;
pub mod written;

use std::path::{Path, PathBuf};

pub use adoption::{Adoption, Guard, Learned, Mode, Residual, Uncertainty};
pub use batch::{Batch, Edges, Outputs, Tiers, lent};
pub use dictionary::{Dictionary, Entry, UnknownName, Vocabulary};
pub use signature::{
    Combine, Distribution, Graph, Kind, Noise, Occasion, Read, Reduce, Side, Signature, Subject,
    Target, Write,
};
pub use units::Unit;

pub use written::{Opened, Usage, Written};

use written::{Form, Source};

/// A pure function from signals to behaviors.
pub trait Rule: Send + Sync {
    /// What it reads, writes and how often.
    fn signature(&self) -> &Signature;

    /// Maps a batch; `out` has been [reset](Outputs::reset) to the right shape, and every number of
    /// its columns is written. The result of a row depends on nothing but that row.
    ///
    /// # Errors
    /// Whatever spoils the whole batch; a row that fails by itself goes to [`Outputs::failed`].
    fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error>;

    /// One line a sentence or an output, with every number resolved, for people.
    fn describe(&self) -> Vec<String>;

    /// What goes into the record of a run: file, hash, engine.
    fn provenance(&self) -> Provenance;

    /// For each read that a write depends on, where the signal is worth looking at, in the
    /// dictionary's unit.
    fn spans(&self, _write: usize) -> Vec<Option<explain::Span>> {
        Vec::new()
    }

    /// The sentences, of a written rule.
    fn written(&self) -> Option<&Written> {
        None
    }

    /// How the engine is to take up a learned rule; `None` for written ones.
    fn learned(&self) -> Option<&Learned> {
        None
    }

    /// How many places it takes in the count of rules that keys random draws: as many as the
    /// mechanistic rules it stands for, so that the others draw the same with and without a model.
    fn numbers(&self) -> usize {
        1
    }
}

/// A space of latent vectors, as the models of a scenario declare it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LatentSpace {
    /// `NAME/WIDTH`: two models speak of one representation only if they call it alike.
    pub id: String,
    /// Numbers in a vector.
    pub width: usize,
    /// What daughters get.
    pub inherit: Inherit,
    /// The vector of a cell that enters the tissue.
    pub initial: Vec<f32>,
    /// Types whose cells have such a vector, by name.
    pub types: Vec<String>,
}

/// What the daughters of a division get of their mother's latent vector.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inherit {
    /// Both the whole of it.
    #[default]
    Copy,
    /// Each half of it: what is conserved.
    Split,
    /// Both the whole of it, and each a normal deviate of this standard deviation on every number.
    Noise(f64),
}

/// A number that a model leaves with each cell without acting on it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Recorded {
    /// Its name among signals: `readout:NAME`, `spread:BEHAVIOR`, `interval:BEHAVIOR`, `gate:ENTRY`.
    pub name: String,
    /// Its unit, as the model writes it.
    pub unit: String,
    /// Types whose cells have it, by name.
    pub types: Vec<String>,
}

/// What the models of a scenario add to its dictionary.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Declared {
    /// Spaces of latent vectors.
    pub spaces: Vec<LatentSpace>,
    /// Numbers they record.
    pub recorded: Vec<Recorded>,
}

/// Reads what the models among these files declare, before any name is bound. Where two disagree
/// about a space, it stands there twice, for the scenario may settle it. A file that cannot be
/// read says why when it is [opened](open).
///
/// # Errors
/// None at present.
pub fn declared(bindings: &[Binding]) -> Result<Declared, Error> {
    Ok(neural::declared(bindings))
}

/// Where a rule came from.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Provenance {
    /// The name of the scenario's entry.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// `sentences`, `table`, or the inference engine with its version.
    pub engine: String,
    /// Model name and version from its card, if any.
    pub model: Option<String>,
}

/// How a scenario binds one file of rules.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The scenario's name for it.
    pub name: String,
    /// The file, found; its extension decides what it is: `.rules`, `.csv`, `.onnx`.
    pub file: PathBuf,
    /// Own clock, min; `None` leaves the file's own or the phenotype step.
    pub clock: Option<f64>,
    /// How to combine with another source of the same behavior.
    pub combine: Option<Combine>,
    /// The hash the file must have.
    pub sha256: Option<String>,
    /// Which inference engine.
    pub engine: Engine,
    /// How a model is taken up.
    pub adoption: Adoption,
}

/// Which inference engine runs a model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Engine {
    /// The embedded pure-Rust engine.
    #[default]
    Embedded,
    /// ONNX Runtime from this library; `None` is the one that `ORT_DYLIB_PATH` names.
    OnnxRuntime(Option<PathBuf>),
}

/// Binds every file of rules to a scenario, in the scenario's order; `usage` says what the rows of
/// tables mean.
///
/// # Errors
/// The first thing that is wrong, with its place and the way out.
pub fn open(bindings: &[Binding], vocabulary: &Vocabulary, usage: Usage) -> Result<Opened, Error> {
    let mut rules: Vec<Box<dyn Rule>> = Vec::new();
    let mut notes = Vec::new();
    // Sentences and tables on one behavior saturate together, so they are bound together.
    let mut sources = Vec::new();
    for binding in bindings {
        let extension = binding.file.extension().and_then(|text| text.to_str());
        match extension {
            Some("rules") => sources.push(Source::read(binding, Form::Sentences)?),
            Some("csv") => sources.push(Source::read(binding, Form::Table)?),
            Some("onnx") => {
                let model = Box::new(neural::Model::load(binding, vocabulary)?);
                rules.push(hybrid::wrap(model, binding, vocabulary, usage, &mut notes)?);
            }
            _ => {
                return Err(Error::File {
                    file: binding.file.clone(),
                    message: "no rules are known by this extension\n  sentences end in `.rules`, \
                              tables in `.csv`, models in `.onnx`"
                        .into(),
                });
            }
        }
    }
    let written = written::bind(&sources, vocabulary, usage)?;
    rules.extend(written.rules);
    notes.extend(written.notes);
    let place = |rule: &dyn Rule| {
        let source = &rule.signature().source;
        bindings.iter().position(|binding| binding.name == *source)
    };
    rules.sort_by_key(|rule| place(rule.as_ref()));
    Ok(Opened { rules, notes })
}

/// What can be wrong with a file of rules, or go wrong when they are applied.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A line of a text or table: place, what is wrong, the way out.
    #[error("{}:{line}: {message}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// 1-based.
        line: usize,
        /// What is wrong and the way out.
        message: String,
    },
    /// A model file: a code of the contract (`E-SIGNAL`), what is wrong, the way out.
    #[error("{}: {code}: {message}", file.display())]
    Model {
        /// The file.
        file: PathBuf,
        /// Its code in the contract.
        code: &'static str,
        /// Tensor, expected, found, the way out.
        message: String,
    },
    /// A file that cannot be read.
    #[error("{}: {message}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The reason.
        message: String,
    },
    /// The engine failed on a whole batch.
    #[error("{name}: {message}")]
    Run {
        /// The scenario's name for the rule.
        name: String,
        /// The reason.
        message: String,
    },
}

impl Error {
    /// The file an error is about, where there is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Error::Line { file, .. } | Error::Model { file, .. } | Error::File { file, .. } => {
                Some(file)
            }
            Error::Run { .. } => None,
        }
    }
}
