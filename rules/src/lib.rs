//! Rules: pure functions from named signals to named behaviors, a batch of cells (or pairs) at a time.
//!
//! A rule has never heard of a world, a clock or a random number: it is bound once, to columns,
//! and then maps columns to columns. Whether it was written as sentences, read from a table or
//! loaded from an ONNX file shows in [`Rule::describe`] and nowhere else.

pub mod dictionary;
pub mod neural;
pub mod responses;
pub mod units;
pub mod written;

use std::path::{Path, PathBuf};

pub use dictionary::{Dictionary, Entry, UnknownName, Vocabulary};
pub use units::Unit;

pub use written::{Opened, Usage};

use written::{Form, Source};

/// Which cells a rule is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// Each cell of these types, by itself.
    Cell {
        /// Cell types, by number, ascending.
        types: Vec<usize>,
    },
    /// Each ordered pair in contact: `a` of one type acts on `b` of another.
    Dyad {
        /// The type of the acting cell.
        a: usize,
        /// The type of the cell acted on.
        b: usize,
    },
}

/// Whose signal is read, or who is acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The cell itself, in a [`Subject::Cell`].
    Cell,
    /// The acting cell of a pair.
    A,
    /// The cell acted on.
    B,
    /// The pair: contact age, gap, …
    Pair,
}

/// One input column.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// Whose signal.
    pub side: Side,
    /// Its number: in [`Vocabulary::pair_signals`] for [`Side::Pair`], else in [`Vocabulary::signals`].
    pub signal: usize,
}

/// What a written number means.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// An event's rate, 1/min.
    Rate,
    /// A parameter's value, in the behavior's unit; reached with relaxation time `relaxation` (min) if given.
    Parameter {
        /// 1/e time of the approach, min; `None` sets it at once.
        relaxation: Option<f64>,
    },
    /// A change of the behavior's value: `value += delta · dt / per`.
    Delta {
        /// Minutes to which the change belongs; `None` for the rule's own step.
        per: Option<f64>,
    },
    /// The rate, 1/min, of hits of this size (damage units) on the cell of `side`.
    Hit {
        /// Damage added by one hit.
        size: f64,
    },
    /// Recorded only.
    Readout,
}

/// What a number is written to.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A behavior of a cell, by number in [`Vocabulary::behaviors`].
    Behavior(usize),
    /// A behavior of a pair, by number in [`Vocabulary::pair_behaviors`].
    PairBehavior(usize),
    /// A named value that acts on nothing.
    Readout(String),
}

/// One output column.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// Who is acted on.
    pub side: Side,
    /// What is written.
    pub target: Target,
    /// What the number means.
    pub kind: Kind,
    /// Whether dead cells are written too.
    pub applies_to_dead: bool,
}

/// How fresh random lanes are distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    /// Standard normal.
    Normal,
    /// Uniform in (0, 1).
    Uniform,
}

/// Random numbers a rule asks for: filled by the engine, counter-based.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    /// Their distribution.
    pub distribution: Distribution,
    /// How many per row.
    pub lanes: usize,
}

/// How two sources that write one behavior are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Combine {
    /// Values are added.
    Sum,
    /// Values are multiplied.
    Product,
    /// The source that stands first in the scenario wins.
    Priority,
}

/// Everything the engine needs to know to call a rule; bound once, to numbers.
#[derive(Debug, Clone)]
pub struct Signature {
    /// The name of the scenario's entry this rule came from.
    pub source: String,
    /// Which cells.
    pub subject: Subject,
    /// Input columns, in the order of [`Batch::signals`].
    pub reads: Vec<Read>,
    /// Output columns, in the order of [`Outputs::columns`].
    pub writes: Vec<Write>,
    /// Minutes between two calls: a multiple of the mechanics step.
    pub clock: f64,
    /// Random lanes, if any.
    pub noise: Option<Noise>,
    /// What to do where another source writes the same behavior; `None` makes that an error.
    pub combine: Option<Combine>,
}

/// The rows one call is about. Columns are as long as there are rows.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Number of cells or pairs; may be zero.
    pub rows: usize,
    /// `[read][row]`, in the unit of the dictionary's entry.
    pub signals: &'a [Vec<f64>],
    /// `[row][lane]`, empty when the rule asks for none.
    pub noise: &'a [f32],
    /// Whether the cell of the row is dead; always false for pairs.
    pub dead: &'a [bool],
    /// Minutes since the rule's last call.
    pub dt: f64,
}

/// Where a rule writes.
#[derive(Debug, Default)]
pub struct Outputs {
    /// `[write][row]`, in the unit of the dictionary's entry.
    pub columns: Vec<Vec<f64>>,
    /// Rows that could not be computed, with the reason; their outputs are to be ignored.
    pub failed: Vec<(usize, String)>,
}

impl Outputs {
    /// Makes room for `writes` columns of `rows` zeros, keeping what is allocated.
    pub fn reset(&mut self, writes: usize, rows: usize) {
        self.columns.resize_with(writes, Vec::new);
        for column in &mut self.columns {
            column.clear();
            column.resize(rows, 0.0);
        }
        self.failed.clear();
    }
}

/// A pure function from signals to behaviors.
pub trait Rule: Send + Sync {
    /// What it reads, writes and how often.
    fn signature(&self) -> &Signature;

    /// Maps a batch; `out` has been [reset](Outputs::reset) to the right shape. The result of a
    /// row depends on nothing but that row.
    ///
    /// # Errors
    /// Whatever spoils the whole batch; a row that fails by itself goes to [`Outputs::failed`].
    fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error>;

    /// One line a sentence or an output, with every number resolved, for people.
    fn describe(&self) -> Vec<String>;

    /// What goes into the record of a run: file, hash, engine.
    fn provenance(&self) -> Provenance;
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
    // Sentences and tables on one behavior saturate together, so they are bound together.
    let mut sources = Vec::new();
    for binding in bindings {
        let extension = binding.file.extension().and_then(|text| text.to_str());
        match extension {
            Some("rules") => sources.push(Source::read(binding, Form::Sentences)?),
            Some("csv") => sources.push(Source::read(binding, Form::Table)?),
            Some("onnx") => rules.push(Box::new(neural::Model::load(binding, vocabulary)?)),
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
    let place = |rule: &dyn Rule| {
        let source = &rule.signature().source;
        bindings.iter().position(|binding| binding.name == *source)
    };
    rules.sort_by_key(|rule| place(rule.as_ref()));
    Ok(Opened {
        rules,
        notes: written.notes,
    })
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
