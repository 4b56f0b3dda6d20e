//! What the engine is told of a rule: whom it is about, what it reads and writes, and when.

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
    /// Its number: in [`crate::Vocabulary::pair_signals`] for [`Side::Pair`], else in [`crate::Vocabulary::signals`].
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
    /// A behavior of a cell, by number in [`crate::Vocabulary::behaviors`].
    Behavior(usize),
    /// A behavior of a pair, by number in [`crate::Vocabulary::pair_behaviors`].
    PairBehavior(usize),
    /// A value that acts on nothing, kept with its cell under this name: `readout:exhaustion`,
    /// `spread:apoptosis`. See [`crate::Recorded`].
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
    /// Input columns, in the order of [`crate::Batch::signals`].
    pub reads: Vec<Read>,
    /// Output columns, in the order of [`crate::Outputs::columns`].
    pub writes: Vec<Write>,
    /// Minutes between two calls: a multiple of the mechanics step.
    pub clock: f64,
    /// Random lanes, if any.
    pub noise: Option<Noise>,
    /// What to do where another source writes the same behavior; `None` makes that an error.
    pub combine: Option<Combine>,
}
