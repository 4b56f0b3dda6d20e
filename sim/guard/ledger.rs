//! The ledger of a learned rule: how often it was outside its domain, and what it would have changed.

use std::{borrow::Cow, collections::BTreeMap};

use kernels::portable::exp_m1;
use rules::{
    Kind, Learned, Mode, Signature, Tiers,
    hybrid::{is_latent, output_names},
};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::plan::Plan;

/// What `run.json` holds of one learned rule.
#[derive(Debug, Clone, Serialize)]
pub struct Ledger {
    /// The scenario's name for it.
    pub name: String,
    /// What acted.
    pub mode: Mode,
    /// What happened to rows outside the domain.
    pub guard: rules::Guard,
    /// Cells or pairs, over all calls.
    pub rows: u64,
    /// By cell type (of pairs the acting cell's).
    pub types: BTreeMap<String, Share>,
    /// Inputs put back into the ranges trained on.
    pub inputs_clamped: u64,
    /// Numbers the model wrote.
    pub written: u64,
    /// Of these, how many were put back into the range of what is physically possible.
    pub clamped: u64,
    /// In shadow, by output: what the model would have changed.
    pub shadow: BTreeMap<String, Difference>,
    #[serde(skip)]
    type_names: Vec<String>,
    /// `[type]`.
    #[serde(skip)]
    shares: Vec<Share>,
    /// `[write]`: name, and whether it is an event.
    #[serde(skip)]
    outputs: Vec<Output>,
    /// `[write]`.
    #[serde(skip)]
    differences: Vec<Difference>,
}

#[derive(Debug, Clone)]
struct Output {
    name: String,
    is_event: bool,
    is_set: bool,
}

/// What became of the rows of one cell type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// All of them.
    pub rows: u64,
    /// Those outside the domain.
    pub fired: u64,
    /// By tier, those outside; a row may be outside in several ways.
    #[serde(deserialize_with = "by_tier")]
    pub outside: BTreeMap<&'static str, u64>,
    /// Those on which the mechanistic rules acted.
    pub fell_back: u64,
}

fn by_tier<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<&'static str, u64>, D::Error> {
    let known = |name: &str| Tiers::ALL.iter().find(|(_, known)| *known == name);
    let counts = BTreeMap::<String, u64>::deserialize(from)?.into_iter();
    let known = counts.map(|(name, count)| match known(&name) {
        Some((_, name)) => Ok((*name, count)),
        None => Err(de::Error::custom(format!("`{name}` is no tier"))),
    });
    known.collect()
}

/// What a model in shadow would have changed in one output.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Rows compared.
    pub rows: u64,
    /// Mean of model − mechanistic, in the behavior's unit.
    pub mean: f64,
    /// Greatest |model − mechanistic|.
    pub greatest: f64,
    /// Σ|p − p'| with p = 1 − exp(−rate · clock); of events alone.
    pub decisions: Option<f64>,
}

/// What a ledger has counted: what a restart needs of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Counts<'a> {
    rows: u64,
    inputs_clamped: u64,
    written: u64,
    clamped: u64,
    shares: Cow<'a, [Share]>,
    differences: Cow<'a, [Difference]>,
}

impl Ledger {
    /// What it has counted.
    pub(super) fn counts(&self) -> Counts<'_> {
        Counts {
            rows: self.rows,
            inputs_clamped: self.inputs_clamped,
            written: self.written,
            clamped: self.clamped,
            shares: Cow::Borrowed(&self.shares),
            differences: Cow::Borrowed(&self.differences),
        }
    }

    /// Goes on counting from there.
    pub(super) fn restore(&mut self, counts: Counts<'_>) {
        self.rows = counts.rows;
        self.inputs_clamped = counts.inputs_clamped;
        self.written = counts.written;
        self.clamped = counts.clamped;
        self.shares = counts.shares.into_owned();
        self.differences = counts.differences.into_owned();
    }

    /// An empty one.
    pub fn new(learned: &Learned, signature: &Signature, plan: &Plan) -> Ledger {
        let vocabulary = &plan.table.vocabulary;
        let names = output_names(signature, vocabulary);
        let output = |(write, name): (&rules::Write, String)| Output {
            name,
            is_event: matches!(write.kind, Kind::Rate | Kind::Hit { .. }),
            is_set: !matches!(write.kind, Kind::Readout | Kind::Delta { .. })
                && !is_latent(write, vocabulary),
        };
        Ledger {
            name: signature.source.clone(),
            mode: learned.mode,
            guard: learned.guard,
            rows: 0,
            types: BTreeMap::new(),
            inputs_clamped: 0,
            written: 0,
            clamped: 0,
            shadow: BTreeMap::new(),
            type_names: vocabulary.types.clone(),
            shares: vec![Share::default(); vocabulary.types.len()],
            outputs: signature.writes.iter().zip(names).map(output).collect(),
            differences: vec![Difference::default(); signature.writes.len()],
        }
    }

    /// Whether the number of a write is set by the model, and not added or only recorded.
    pub fn is_set(&self, write: usize) -> bool {
        self.outputs[write].is_set
    }

    /// Counts rows inside the domain.
    pub fn inside(&mut self, kind: u16, rows: u64) {
        self.rows += rows;
        self.shares[usize::from(kind)].rows += rows;
    }

    /// Counts a row.
    pub fn row(&mut self, kind: u16, tiers: Tiers, is_held: bool) {
        self.rows += 1;
        let share = &mut self.shares[usize::from(kind)];
        share.rows += 1;
        share.fired += u64::from(!tiers.is_inside());
        share.fell_back += u64::from(is_held);
        for (_, name) in Tiers::ALL.iter().filter(|(tier, _)| tiers.has(*tier)) {
            *share.outside.entry(name).or_default() += 1;
        }
    }

    /// Compares what a model says with the mechanistic rules.
    pub fn compare(&mut self, write: usize, f: f64, m: f64, clock: f64) {
        if !(f.is_finite() && m.is_finite()) {
            return;
        }
        let difference = &mut self.differences[write];
        difference.rows += 1;
        // A sum until the ledger is closed.
        difference.mean += f - m;
        difference.greatest = difference.greatest.max((f - m).abs());
        if self.outputs[write].is_event {
            let chance = |rate: f64| -exp_m1(-rate.max(0.0) * clock);
            *difference.decisions.get_or_insert(0.0) += (chance(f) - chance(m)).abs();
        }
    }

    /// Rows on which the mechanistic rules acted.
    pub fn fell_back(&self) -> u64 {
        self.shares.iter().map(|share| share.fell_back).sum()
    }

    /// What is said at the end of a run in which the guard fired.
    pub fn remark(&self) -> Option<String> {
        let outside: u64 = self.shares.iter().map(|share| share.fired).sum();
        let of = |count: u64| 100.0 * count as f64 / self.rows as f64;
        (outside > 0).then(|| {
            format!(
                "model {}: {:.2} % of {} rows outside its domain, {:.2} % left to the mechanistic rules",
                self.name,
                of(outside),
                self.rows,
                of(self.fell_back())
            )
        })
    }

    /// The warning where more than a share of the rows fell back.
    pub fn warning(&self, most: f64) -> Option<String> {
        let share = self.fell_back() as f64 / self.rows.max(1) as f64;
        (share > most).then(|| {
            format!(
                "model {}: the run is mostly mechanistic; {:.1} % of rows fell back, more than \
                 max_fallback = {most}",
                self.name,
                100.0 * share
            )
        })
    }

    /// The ledger with everything under its name.
    pub fn closed(&self) -> Ledger {
        let mut closed = self.clone();
        let shares = self.type_names.iter().zip(&self.shares);
        closed.types = shares
            .filter(|(_, share)| share.rows > 0)
            .map(|(name, share)| (name.clone(), share.clone()))
            .collect();
        let differences = self.outputs.iter().zip(&self.differences);
        closed.shadow = differences
            .filter(|(_, difference)| difference.rows > 0)
            .map(|(output, difference)| {
                let mut difference = difference.clone();
                difference.mean /= difference.rows as f64;
                (output.name.clone(), difference)
            })
            .collect();
        closed
    }
}
