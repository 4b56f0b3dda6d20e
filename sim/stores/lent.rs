//! Columns that are written while other rules still read: those that no signal is read from.
//!
//! Numbers then go from a rule to their places while they are in the cache, and are kept nowhere
//! in between. A column is taken out of its store for as long as rules are asked, and nobody else
//! can see it meanwhile.

use kernels::{channels::Channel, tissue::Tissue};
use rules::{Kind, Target};

use super::deposit::{Chunk, Deposit, Tally, cut};
use crate::{
    decide::CellRule, dictionary::Behavior, guard::Guards, plan::Plan, record::Clamps,
    tables::Tables,
};

/// Where such a column belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Home {
    Kernel(Channel),
    Ruled(usize),
}

/// The columns of rules that are asked together.
#[derive(Debug, Default)]
pub struct Lent(Vec<(Home, Vec<f64>)>);

/// What a rule writes to one of them.
#[derive(Debug)]
pub struct Loan<'a> {
    /// Number of the write.
    pub write: usize,
    deposit: Deposit,
    with_dead: bool,
    /// The rows of a chunk, the first of which is `start`.
    piece: &'a mut [f64],
    start: usize,
}

impl Lent {
    /// Takes the columns that a rule can write at once out of their stores.
    pub fn borrow(
        &mut self,
        rule: &CellRule,
        plan: &Plan,
        tissue: &mut Tissue,
        tables: &mut Tables,
    ) {
        for (_, home) in homes(rule, plan) {
            if self.0.iter().any(|(other, _)| *other == home) {
                continue;
            }
            let column = match home {
                Home::Kernel(channel) => tissue.lend_rows(channel),
                Home::Ruled(place) => tables.ruled.lend_column(place),
            };
            self.0.push((home, column));
        }
    }

    /// Gives all of them back.
    pub fn give_back(self, tissue: &mut Tissue, tables: &mut Tables) {
        for (home, column) in self.0 {
            match home {
                Home::Kernel(channel) => tissue.return_rows(channel, column),
                Home::Ruled(place) => tables.ruled.return_column(place, column),
            }
        }
    }

    /// `[chunk of rows]`: what a rule can write at once.
    pub fn loans(
        &mut self,
        rule: &CellRule,
        plan: &Plan,
        guards: &Guards,
        chunks: &[&[u32]],
    ) -> Vec<Vec<Loan<'_>>> {
        let mut loans: Vec<Vec<Loan<'_>>> = chunks.iter().map(|_| Vec::new()).collect();
        let homes = homes(rule, plan);
        let signature = rule.rule.signature();
        for (home, column) in &mut self.0 {
            let Some(&(at, _)) = homes.iter().find(|(_, own)| own == home) else {
                continue;
            };
            let write = &signature.writes[at];
            let Target::Behavior(number) = write.target else {
                continue;
            };
            let range = match rule.guard {
                Some(guard) => guards.limits((guard, at)),
                None => plan.table.vocabulary.behaviors.entry(number).range,
            };
            let pieces = cut(column, chunks.iter().copied());
            for (loans, (piece, start)) in loans.iter_mut().zip(pieces) {
                loans.push(Loan {
                    write: at,
                    deposit: Deposit::new(&write.kind, signature.clock, range),
                    with_dead: write.applies_to_dead,
                    piece,
                    start,
                });
            }
        }
        loans
    }
}

impl Loan<'_> {
    /// Writes what a rule says of a chunk; `dead` are its dead cells.
    pub fn fill(&mut self, rows: &[u32], values: &[f64], dead: &[bool]) -> Tally {
        let skipped = if self.with_dead { &[] } else { dead };
        let chunk = Chunk {
            rows,
            values,
            skipped,
        };
        self.deposit.fill(self.piece, self.start, chunk)
    }
}

/// Counts what a rule has written to a behavior.
pub fn count(rule: &CellRule, at: usize, tally: Tally, clamps: &mut Clamps, guards: &mut Guards) {
    let write = &rule.rule.signature().writes[at];
    if let Target::Behavior(number) = write.target {
        let adds = matches!(write.kind, Kind::Delta { .. });
        tally.count(number, rule.guard.filter(|_| adds), clamps, guards);
    }
}

/// The writes of a rule that need not wait for other rules, with their places. Others do: where
/// several sources share a behavior, and where a signal is read from it.
fn homes(rule: &CellRule, plan: &Plan) -> Vec<(usize, Home)> {
    if rule.sees_others() {
        return Vec::new();
    }
    let home = |number: usize, kind: usize| match &plan.table.behaviors[number] {
        _ if plan.shared.contains(&(kind, number)) => None,
        Behavior::Kernel(channel) => Some(Home::Kernel(*channel)),
        Behavior::Custom(_) | Behavior::Latent(_) => None,
        _ => plan.ruled.slot(kind, number).map(Home::Ruled),
    };
    let writes = rule.rule.signature().writes.iter().enumerate();
    let of_write = |(at, write): (usize, &rules::Write)| {
        let Target::Behavior(number) = write.target else {
            return None;
        };
        let mut homes = rule.types.iter().map(|&kind| home(number, kind));
        let first = homes.next()??;
        homes
            .all(|other| other == Some(first))
            .then_some((at, first))
    };
    writes.filter_map(of_write).collect()
}
