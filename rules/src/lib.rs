//! Rules: pure functions from named signals to named behaviors, a batch of cells (or pairs) at a time.
//!
//! A rule has never heard of a world, a clock or a random number: it is bound once, to columns,
//! and then maps columns to columns. Whether it was written as sentences, read from a table or
//! loaded from an ONNX file shows in [`Rule::describe`] and nowhere else.

pub mod adoption;
pub mod dictionary;
pub mod explain;
pub mod hybrid;
pub mod neural;
pub mod responses;
pub mod units;
pub mod written;

use std::path::{Path, PathBuf};

pub use adoption::{Adoption, Guard, Learned, Mode, Residual, Uncertainty};
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

/// What a rule sees that is called once for all its cells, with the contacts between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    /// Types that are nodes besides those the rule is about, ascending; they are not written.
    pub sees: Vec<usize>,
}

/// When a rule is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Every time its clock strikes.
    Clock,
    /// Likewise, but before the other rules, which may read what it records; it acts on nothing.
    Decoding,
    /// Once for each cell that enters the tissue otherwise than by birth.
    Entry,
    /// When a cell divides: a row is the mother, before she does.
    Division,
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
    /// The pair: contact age, gap, …; of a graph, the edge.
    Pair,
    /// Of a division: the cell that keeps the mother's id.
    ChildA,
    /// Of a division: the new cell.
    ChildB,
}

/// One input column.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// Whose signal. Of a graph: [`Side::Cell`] of a node, [`Side::Pair`] of an edge, [`Side::A`] of
    /// the node an edge comes from, [`Side::B`] of the one it goes to.
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
    /// A value that acts on nothing, kept with its cell under this name: `readout:exhaustion`,
    /// `spread:apoptosis`. See [`Recorded`].
    Readout(String),
}

/// How what many pairs give one cell becomes one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduce {
    /// Added up; for rates of events: each is drawn, as competing risks.
    #[default]
    Sum,
    /// Averaged.
    Mean,
    /// The greatest.
    Max,
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
    /// Of pairs that write to cells: how they add up.
    pub reduce: Reduce,
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
    /// When.
    pub occasion: Occasion,
    /// Of a rule over the whole graph of contacts: who is in it.
    pub graph: Option<Graph>,
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

/// The rows one call is about. Columns are as long as there are rows. Of a graph, those of
/// [`Side::Pair`] are as long as there are edges; those of [`Side::A`] and [`Side::B`] are of nodes
/// too, and the rule looks up the two ends of each edge in them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Batch<'a> {
    /// Number of cells or pairs; may be zero.
    pub rows: usize,
    /// `[read][row]`, in the unit of the dictionary's entry.
    pub signals: &'a [Vec<f64>],
    /// `[row][lane]`, empty when the rule asks for none.
    pub noise: &'a [f32],
    /// Whether the cell of the row is dead; always false for pairs. Of a graph: whether the node
    /// is only seen.
    pub dead: &'a [bool],
    /// The cell type of the row, of pairs the acting cell's.
    pub types: &'a [u16],
    /// Edges of a graph, else empty.
    pub edges: Edges<'a>,
    /// Minutes since the rule's last call.
    pub dt: f64,
    /// Rows in which the guard has given a model's part to the mechanistic rules behind it; empty
    /// where there are none.
    pub held: &'a [bool],
    /// A number in (0, 1), the same in the whole run: which member of an ensemble, or which
    /// quantile, a model with propagated uncertainty takes.
    pub member: f64,
}

/// Directed edges between rows, ascending by (to, from).
#[derive(Debug, Clone, Copy, Default)]
pub struct Edges<'a> {
    /// `[edge]`: the row it comes from.
    pub from: &'a [u32],
    /// `[edge]`: the row it goes to.
    pub to: &'a [u32],
}

/// Where a rule writes.
#[derive(Debug, Default)]
pub struct Outputs {
    /// `[write][row]`, in the unit of the dictionary's entry; NaN where nothing is to be written.
    pub columns: Vec<Vec<f64>>,
    /// Rows that could not be computed, with the reason; their outputs are to be ignored.
    pub failed: Vec<(usize, String)>,
    /// `[row]`: where a model's row lies outside its domain; empty for rules that have none.
    pub domain: Vec<Tiers>,
    /// `[row]`: how far the model's gate is open, 0 to 1; empty for models without one.
    pub gate: Vec<f64>,
    /// `[write][row]`: what the mechanistic rules behind a model say, NaN where they say nothing;
    /// empty where there are none.
    pub mechanistic: Vec<Vec<f64>>,
    /// Inputs that were put back into the ranges a model was trained on.
    pub clamped: u64,
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
        self.domain.clear();
        self.gate.clear();
        self.mechanistic.clear();
        self.clamped = 0;
    }
}

/// Ways in which a row lies outside the domain a model was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tiers(pub u8);

impl Tiers {
    /// An input outside its range by more than the margin.
    pub const BOX: Tiers = Tiers(1);
    /// The model's own score of strangeness above what was calibrated.
    pub const SCORE: Tiers = Tiers(2);
    /// An output less certain than the model declares usable.
    pub const SPREAD: Tiers = Tiers(4);
    /// An input or output that is no finite number, or one outside what it can mean.
    pub const NOT_FINITE: Tiers = Tiers(8);
    /// All of them, with the names in ledgers.
    pub const ALL: [(Tiers, &'static str); 4] = [
        (Tiers::BOX, "box"),
        (Tiers::SCORE, "score"),
        (Tiers::SPREAD, "spread"),
        (Tiers::NOT_FINITE, "not finite"),
    ];

    /// Whether the row is inside.
    pub fn is_inside(self) -> bool {
        self.0 == 0
    }

    /// Whether these include `other`.
    pub fn has(self, other: Tiers) -> bool {
        self.0 & other.0 != 0
    }

    /// Adds `other`.
    pub fn add(&mut self, other: Tiers) {
        self.0 |= other.0;
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

    /// For each read that a write depends on, where the signal is worth looking at, in the
    /// dictionary's unit.
    fn spans(&self, _write: usize) -> Vec<Option<explain::Span>> {
        Vec::new()
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
