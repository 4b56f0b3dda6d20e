//! The numbers of one call: columns that go into a rule, and those that come out.

use std::borrow::Cow;

/// The rows one call is about. Columns are as long as there are rows. Of a graph, those of
/// [`crate::Side::Pair`] are as long as there are edges; those of [`crate::Side::A`] and [`crate::Side::B`] are of nodes
/// too, and the rule looks up the two ends of each edge in them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Batch<'a> {
    /// Number of cells or pairs; may be zero.
    pub rows: usize,
    /// `[read][row]`, in the unit of the dictionary's entry; lent where they lie in memory so.
    pub signals: &'a [Cow<'a, [f64]>],
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

/// Columns of one's own, as a batch has them.
pub fn lent(columns: &[Vec<f64>]) -> Vec<Cow<'_, [f64]>> {
    columns.iter().map(Cow::from).collect()
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
    /// Makes room for `writes` columns of `rows` numbers, keeping what is allocated: what stands there
    /// means nothing until a rule has written over it.
    pub fn reset(&mut self, writes: usize, rows: usize) {
        self.columns.resize_with(writes, Vec::new);
        for column in &mut self.columns {
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
