//! Where behaviors live, and how what rules say gets there: a column at a time, each number held in
//! range; what several rules share waits until all have spoken.

use std::collections::BTreeMap;

use kernels::{portable::exp, tissue::Tissue};
use rayon::prelude::*;
use rules::{Combine, Kind, Side, Target};

use crate::{
    arrays::{Roster, ungroup},
    decide::CellRule,
    dictionary::Behavior,
    guard::Guards,
    output::Vitality,
    plan::Plan,
    record::Clamps,
    tables::{Number, Tables},
};

/// Chunks that a thread takes at a time: a chunk of one column is about a microsecond's work.
const CHUNKS_AT_A_TIME: usize = 16;

/// The guard over a learned rule, and its write.
pub type By = (usize, usize);

/// What several sources give one behavior of one cell, until all have spoken.
pub struct Contribution {
    kind: Kind,
    clock: f64,
    value: f64,
    by: Option<By>,
}

/// Contributions by (behavior, row).
pub type Pending = BTreeMap<(usize, u32), Contribution>;

/// The stores that behaviors live in. Cells are named by their rows.
pub struct Stores<'a> {
    pub tissue: &'a mut Tissue,
    pub tables: &'a mut Tables,
    pub roster: &'a Roster,
    pub plan: &'a Plan,
    pub clamps: &'a mut Clamps,
    pub guards: &'a mut Guards,
}

/// Rows, ascending, and a number for each; NaN says nothing.
type Chunk<'a> = (&'a [u32], &'a [f64]);

/// How a number gets to its place.
struct Deposit {
    law: Law,
    /// The number that stands there in the end is held in here.
    range: [f64; 2],
}

/// What a number does to the one that stands at its place.
#[derive(Clone, Copy)]
enum Law {
    /// It takes that one's place.
    Set,
    /// That one goes this share of the way towards it.
    Toward(f64),
    /// This many times it is added.
    Add(f64),
}

/// How many numbers were written, and how many of them were put back into range.
#[derive(Clone, Copy, Default)]
struct Tally {
    written: u64,
    clamped: u64,
}

/// A column to write to.
enum Column<'a> {
    Wide(&'a mut [f64]),
    Narrow(&'a mut [f32]),
}

impl Stores<'_> {
    /// Writes what a rule said; what it shares with another source waits in `pending`.
    pub fn write(&mut self, rule: &CellRule, pending: &mut Pending) {
        let signature = rule.rule.signature();
        for (at, write) in signature.writes.iter().enumerate() {
            let said = rule.said();
            let chunks: Vec<Chunk<'_>> = said
                .map(|(rows, outputs)| (rows, outputs.columns[at].as_slice()))
                .collect();
            let number = match &write.target {
                Target::Behavior(number) => *number,
                Target::Readout(name) => {
                    let groups = self.tissue.groups();
                    let is_its_own = |row: u32| {
                        let (kind, _) = ungroup(groups[row as usize]);
                        !rule.sees_others() || rule.types.contains(&usize::from(kind))
                    };
                    let cells: Vec<_> = all(&chunks).filter(|(row, _)| is_its_own(*row)).collect();
                    self.record(name, cells.into_iter());
                    continue;
                }
                Target::PairBehavior(_) => continue,
            };
            debug_assert_eq!(write.side, Side::Cell);
            let by = rule.guard.map(|guard| (guard, at));
            let is_shared = |kind: usize| self.plan.shared.contains(&(kind, number));
            let is_shared_by_any = rule.types.iter().any(|&kind| is_shared(kind));
            if !is_shared_by_any && !rule.with_dead && !rule.sees_others() {
                self.put_chunks(number, &write.kind, signature.clock, by, rule, &chunks);
                continue;
            }
            let groups = self.tissue.groups();
            let kept = all(&chunks).filter(|(row, _)| {
                let (kind, vitality) = ungroup(groups[*row as usize]);
                (!rule.sees_others() || rule.types.contains(&usize::from(kind)))
                    && (!rule.with_dead || write.applies_to_dead || vitality == Vitality::Live)
            });
            let kind = |row: u32| usize::from(ungroup(groups[row as usize]).0);
            let (shared, own): (Vec<_>, Vec<_>) = kept.partition(|(row, _)| is_shared(kind(*row)));
            self.put(number, &write.kind, signature.clock, by, own.into_iter());
            for (row, value) in shared {
                let first = || Contribution {
                    kind: write.kind.clone(),
                    clock: signature.clock,
                    value,
                    by,
                };
                let more = |given: &mut Contribution| {
                    match signature.combine {
                        Some(Combine::Sum) => given.value += value,
                        Some(Combine::Product) => given.value *= value,
                        Some(Combine::Priority) | None => return,
                    }
                    // Where a learned rule has a say, its limits hold.
                    given.by = by.or(given.by);
                };
                let given = pending.entry((number, row));
                given.and_modify(more).or_insert_with(first);
            }
        }
    }

    /// Writes what waited.
    pub fn write_shared(&mut self, pending: Pending) {
        for ((number, row), given) in pending {
            let cell = std::iter::once((row, given.value));
            self.put(number, &given.kind, given.clock, given.by, cell);
        }
    }

    /// Keeps a number that acts on nothing with each of these cells.
    pub fn record(&mut self, name: &str, cells: impl Iterator<Item = (u32, f64)>) {
        let Some(record) = self.plan.latents.named(name) else {
            return;
        };
        let groups = self.tissue.groups();
        for (row, value) in cells {
            let row = row as usize;
            let at = record.places[usize::from(ungroup(groups[row]).0)];
            let at = at.expect("models declare whose numbers they record");
            *self.tables.recorded.get_mut(at, row) = value;
        }
    }

    /// Writes numbers of a kind to a behavior of the cells in these rows, for the learned rule
    /// `by`, if it is one.
    pub fn put(
        &mut self,
        number: usize,
        kind: &Kind,
        clock: f64,
        by: Option<By>,
        cells: impl Iterator<Item = (u32, f64)>,
    ) {
        let deposit = self.deposit(number, kind, clock, by);
        // One type after the other: the place of a number is its type's.
        let groups = self.tissue.groups();
        let of_types = cells.map(|(row, given)| (ungroup(groups[row as usize]).0, row, given));
        let mut cells: Vec<(u16, u32, f64)> = of_types.collect();
        cells.sort_by_key(|(kind, row, _)| (*kind, *row));
        let mut tally = Tally::default();
        for cells in cells.chunk_by(|(one, ..), (next, ..)| one == next) {
            match self.column(number, usize::from(cells[0].0)) {
                Column::Wide(column) => deposit.scatter(column, cells, &mut tally),
                Column::Narrow(column) => deposit.scatter(column, cells, &mut tally),
            }
        }
        self.count(number, &deposit, by, tally);
    }

    /// The same for all that a rule says of its cells, chunk by chunk.
    fn put_chunks(
        &mut self,
        number: usize,
        kind: &Kind,
        clock: f64,
        by: Option<By>,
        rule: &CellRule,
        chunks: &[Chunk<'_>],
    ) {
        let [first, others @ ..] = rule.types.as_slice() else {
            return;
        };
        let place = |kind: usize| self.place(number, kind);
        if others.iter().any(|&kind| place(kind) != place(*first)) {
            return self.put(number, kind, clock, by, all(chunks));
        }
        let deposit = self.deposit(number, kind, clock, by);
        let tally = match self.column(number, *first) {
            Column::Wide(column) => deposit.spread(column, chunks),
            Column::Narrow(column) => deposit.spread(column, chunks),
        };
        self.count(number, &deposit, by, tally);
    }

    fn deposit(&self, number: usize, kind: &Kind, clock: f64, by: Option<By>) -> Deposit {
        Deposit {
            law: match kind {
                Kind::Parameter {
                    relaxation: Some(time),
                } => Law::Toward(1.0 - exp(-clock / time)),
                Kind::Delta { per } => Law::Add(per.map_or(1.0, |per| clock / per)),
                _ => Law::Set,
            },
            range: match by {
                Some(by) => self.guards.limits(by),
                None => self.plan.table.vocabulary.behaviors.entry(number).range,
            },
        }
    }

    /// The place of a behavior among the numbers of a type; 0 where kernels have it.
    fn place(&self, number: usize, kind: usize) -> usize {
        let checked = "rules are checked when the run is built";
        match &self.plan.table.behaviors[number] {
            Behavior::Kernel(_) => 0,
            Behavior::Custom(places) | Behavior::Latent(places) => places[kind].expect(checked),
            kept => {
                debug_assert!(kept.is_kept());
                self.plan.ruled.slot(kind, number).expect(checked)
            }
        }
    }

    /// Where a behavior of cells of a type is.
    fn column(&mut self, number: usize, kind: usize) -> Column<'_> {
        let place = self.place(number, kind);
        match &self.plan.table.behaviors[number] {
            Behavior::Kernel(channel) => Column::Wide(self.tissue.own_rows(*channel)),
            Behavior::Custom(_) => Column::Wide(self.tables.custom.column_mut(place)),
            Behavior::Latent(_) => Column::Narrow(self.tables.latent.column_mut(place)),
            _ => Column::Wide(self.tables.ruled.column_mut(place)),
        }
    }

    fn count(&mut self, number: usize, deposit: &Deposit, by: Option<By>, tally: Tally) {
        self.clamps.written[number] += tally.written;
        self.clamps.clamped[number] += tally.clamped;
        // What models set was held in range, and counted, by the guard.
        if let (Some((guard, _)), Law::Add(_)) = (by, deposit.law) {
            self.guards.count(guard, tally.written, tally.clamped);
        }
    }
}

/// The cells of all chunks of which something is said.
fn all<'a>(chunks: &'a [Chunk<'a>]) -> impl Iterator<Item = (u32, f64)> + 'a {
    let cells = chunks
        .iter()
        .flat_map(|(rows, values)| rows.iter().copied().zip(values.iter()));
    cells
        .map(|(row, value)| (row, *value))
        .filter(|(_, value)| !value.is_nan())
}

impl Deposit {
    /// Each number goes to its row's.
    fn scatter<T: Number>(&self, column: &mut [T], cells: &[(u16, u32, f64)], tally: &mut Tally) {
        for &(_, row, given) in cells {
            self.put(&mut column[row as usize], given, tally);
        }
    }

    /// The same for many chunks, several at a time.
    fn spread<T: Number>(&self, column: &mut [T], chunks: &[Chunk<'_>]) -> Tally {
        let (mut rest, mut start) = (column, 0);
        let mut pieces = Vec::with_capacity(chunks.len());
        for (rows, values) in chunks {
            let end = rows.last().map_or(start, |last| *last as usize + 1);
            let (piece, after) = std::mem::take(&mut rest).split_at_mut(end - start);
            pieces.push((piece, start, *rows, *values));
            (rest, start) = (after, end);
        }
        let fill = |(piece, start, rows, values)| self.fill(piece, start, rows, values);
        if chunks.len() <= CHUNKS_AT_A_TIME {
            return pieces
                .into_iter()
                .map(fill)
                .fold(Tally::default(), Tally::and);
        }
        let pieces = pieces.into_par_iter().with_min_len(CHUNKS_AT_A_TIME);
        pieces.map(fill).reduce(Tally::default, Tally::and)
    }

    /// One chunk; `piece` begins at the row `start`.
    fn fill<T: Number>(
        &self,
        piece: &mut [T],
        start: usize,
        rows: &[u32],
        values: &[f64],
    ) -> Tally {
        let mut tally = Tally::default();
        // Rows are ascending, so as many as there are between the ends are all of them.
        let cells = values.iter().filter(|value| !value.is_nan());
        if rows.len() == piece.len() && cells.clone().count() == rows.len() {
            for (place, &given) in piece.iter_mut().zip(values) {
                self.put(place, given, &mut tally);
            }
            return tally;
        }
        for (&row, &given) in rows.iter().zip(values) {
            if !given.is_nan() {
                self.put(&mut piece[row as usize - start], given, &mut tally);
            }
        }
        tally
    }

    #[inline(always)]
    fn put<T: Number>(&self, place: &mut T, given: f64, tally: &mut Tally) {
        let value = match self.law {
            Law::Set => given,
            Law::Toward(share) => place.get() + (given - place.get()) * share,
            Law::Add(factor) => place.get() + given * factor,
        };
        let [low, high] = self.range;
        tally.written += 1;
        tally.clamped += u64::from(!(low..=high).contains(&value));
        *place = T::of(value.clamp(low, high));
    }
}

impl Tally {
    fn and(self, other: Tally) -> Tally {
        Tally {
            written: self.written + other.written,
            clamped: self.clamped + other.clamped,
        }
    }
}
