//! Where behaviors live, and how what rules say gets there: a column at a time, each number held in
//! range; what several rules share waits until all have spoken.

mod deposit;
mod lent;

use std::collections::BTreeMap;

use kernels::tissue::Tissue;
use rules::{Combine, Kind, Side, Target};

use crate::{
    arrays::{Roster, ungroup},
    decide::CellRule,
    dictionary::Behavior,
    guard::Guards,
    output::Vitality,
    plan::Plan,
    record::Clamps,
    tables::Tables,
};
use deposit::{Chunk, Deposit};

pub use deposit::{Tally, are_within};
pub use lent::{Lent, Loan, count};

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

/// A column to write to.
enum Column<'a> {
    Wide(&'a mut [f64]),
    Narrow(&'a mut [f32]),
}

impl Stores<'_> {
    /// Writes what a rule said and has not written yet; what it shares with another source waits in `pending`.
    pub fn write(&mut self, rule: &CellRule, pending: &mut Pending) {
        let signature = rule.rule.signature();
        let dead = self.dead(rule);
        for (at, write) in signature.writes.iter().enumerate() {
            let skipped = if write.applies_to_dead {
                &[]
            } else {
                &dead[..]
            };
            let mut skipped = skipped.chunks(rule.chunk());
            let chunks = rule.said().map(|(rows, outputs)| Chunk {
                rows,
                values: &outputs.columns[at],
                skipped: skipped.next().unwrap_or_default(),
            });
            let chunks: Vec<Chunk<'_>> = chunks.filter(|it| !it.values.is_empty()).collect();
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
            if !is_shared_by_any && !rule.sees_others() {
                self.put_chunks(number, &write.kind, signature.clock, by, rule, &chunks);
                continue;
            }
            let groups = self.tissue.groups();
            let kind = |row: u32| usize::from(ungroup(groups[row as usize]).0);
            let kept = all(&chunks)
                .filter(|(row, _)| !rule.sees_others() || rule.types.contains(&kind(*row)));
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

    /// Which of a rule's rows are dead cells; empty where it speaks for none.
    fn dead(&self, rule: &CellRule) -> Vec<bool> {
        if !rule.with_dead {
            return Vec::new();
        }
        let groups = self.tissue.groups();
        let vitality = |row: u32| ungroup(groups[row as usize]).1;
        let rows = rule.said().flat_map(|(rows, _)| rows);
        rows.map(|&row| vitality(row) != Vitality::Live).collect()
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
        let range = match by {
            Some(by) => self.guards.limits(by),
            None => self.plan.table.vocabulary.behaviors.entry(number).range,
        };
        Deposit::new(kind, clock, range)
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
        let guard = by.map(|(guard, _)| guard).filter(|_| deposit.adds());
        tally.count(number, guard, self.clamps, self.guards);
    }
}

/// The cells of all chunks of which something is said.
fn all<'a>(chunks: &'a [Chunk<'a>]) -> impl Iterator<Item = (u32, f64)> + 'a {
    chunks.iter().flat_map(Chunk::cells)
}
