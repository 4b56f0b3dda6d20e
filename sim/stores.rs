//! Where behaviors live, and how what rules say gets there: a column at a time, each number held in
//! range; what several rules share waits until all have spoken.

use std::collections::BTreeMap;

use bevy_ecs::{change_detection::ContiguousMut, system::Query};
use kernels::{portable::exp, tissue::Tissue};
use rules::{Combine, Kind, Side, Target};

use crate::{
    arrays::Roster,
    cell::{Custom, Latent, Recorded, Ruled},
    decide::CellRule,
    dictionary::Behavior,
    guard::Guards,
    output::Vitality,
    plan::Plan,
    record::Clamps,
};

/// The components that rules write.
pub type Written<'w, 's> = Query<
    'w,
    's,
    (
        &'static mut Custom,
        &'static mut Ruled,
        &'static mut Latent,
        &'static mut Recorded,
    ),
>;

/// The guard over a learned rule, and its write.
pub type By = (usize, usize);

/// What several sources give one behavior of one cell, until all have spoken.
pub struct Contribution {
    kind: Kind,
    clock: f64,
    value: f64,
    by: Option<By>,
}

/// Contributions by (behavior, rank).
pub type Pending = BTreeMap<(usize, u32), Contribution>;

/// The stores that behaviors live in. Components are `[place]`, see [`Roster::places`].
pub struct Stores<'a> {
    pub tissue: &'a mut Tissue,
    pub roster: &'a Roster,
    pub plan: &'a Plan,
    pub clamps: &'a mut Clamps,
    pub guards: &'a mut Guards,
    /// None without cells.
    cells: Option<Table<'a>>,
}

/// The table of all cells.
type Table<'a> = (
    ContiguousMut<'a, Custom>,
    ContiguousMut<'a, Ruled>,
    ContiguousMut<'a, Latent>,
    ContiguousMut<'a, Recorded>,
);

impl<'a> Stores<'a> {
    /// Opens them.
    pub fn new(
        tissue: &'a mut Tissue,
        roster: &'a Roster,
        plan: &'a Plan,
        clamps: &'a mut Clamps,
        guards: &'a mut Guards,
        cells: &'a mut Written<'_, '_>,
    ) -> Stores<'a> {
        let tables = cells.contiguous_iter_mut();
        let mut tables = tables.expect("components of cells are kept in tables");
        Stores {
            tissue,
            roster,
            plan,
            clamps,
            guards,
            cells: tables.next(),
        }
    }

    /// Writes what a rule said; what it shares with another source waits in `pending`.
    pub fn write(&mut self, rule: &CellRule, pending: &mut Pending) {
        let signature = rule.rule.signature();
        let (plan, roster) = (self.plan, self.roster);
        let is_live = |rank: u32| roster.vitality[rank as usize] == Vitality::Live;
        let kind = |rank: u32| usize::from(roster.kinds[rank as usize]);
        for (ranks, outputs) in rule.said() {
            for (at, (write, values)) in signature.writes.iter().zip(&outputs.columns).enumerate() {
                // No number: whoever could write holds back.
                let cells = ranks.iter().copied().zip(values.iter().copied());
                let cells = cells.filter(|(rank, value)| {
                    !value.is_nan() && (!rule.sees_others() || rule.types.contains(&kind(*rank)))
                });
                let number = match &write.target {
                    Target::Behavior(number) => *number,
                    Target::Readout(name) => {
                        self.record(name, cells);
                        continue;
                    }
                    Target::PairBehavior(_) => continue,
                };
                debug_assert_eq!(write.side, Side::Cell);
                let by = rule.guard.map(|guard| (guard, at));
                let is_written = |rank: u32| write.applies_to_dead || is_live(rank);
                let cells = cells.filter(|(rank, _)| !rule.with_dead || is_written(*rank));
                let is_shared = |kind: usize| plan.shared.contains(&(kind, number));
                if !rule.types.iter().any(|&kind| is_shared(kind)) {
                    self.put(number, &write.kind, signature.clock, by, cells);
                    continue;
                }
                let own = cells.clone().filter(|(rank, _)| !is_shared(kind(*rank)));
                self.put(number, &write.kind, signature.clock, by, own);
                for (rank, value) in cells.filter(|(rank, _)| is_shared(kind(*rank))) {
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
                    let given = pending.entry((number, rank));
                    given.and_modify(more).or_insert_with(first);
                }
            }
        }
    }

    /// Writes what waited.
    pub fn write_shared(&mut self, pending: Pending) {
        for ((number, rank), given) in pending {
            let cell = std::iter::once((rank, given.value));
            self.put(number, &given.kind, given.clock, given.by, cell);
        }
    }

    /// Keeps a number that acts on nothing with each of these cells.
    pub fn record(&mut self, name: &str, cells: impl Iterator<Item = (u32, f64)>) {
        let Some(record) = self.plan.latents.named(name) else {
            return;
        };
        let Some((.., recorded)) = &mut self.cells else {
            return;
        };
        let recorded = recorded.bypass_change_detection();
        for (rank, value) in cells {
            let rank = rank as usize;
            let at = record.places[usize::from(self.roster.kinds[rank])];
            let at = at.expect("models declare whose numbers they record");
            recorded[self.roster.places[rank] as usize].0[at] = value;
        }
    }

    /// Writes numbers of a kind to a behavior of the cells at these ranks, for the learned rule
    /// `by`, if it is one.
    pub fn put(
        &mut self,
        number: usize,
        kind: &Kind,
        clock: f64,
        by: Option<By>,
        cells: impl Iterator<Item = (u32, f64)>,
    ) {
        let range = match by {
            Some(by) => self.guards.limits(by),
            None => self.plan.table.vocabulary.behaviors.entry(number).range,
        };
        let (clamps, guards) = (&mut *self.clamps, &mut *self.guards);
        // What a number is multiplied by before it is added, and whether to what it lies off.
        let (factor, is_target) = match kind {
            Kind::Parameter {
                relaxation: Some(time),
            } => (Some(1.0 - exp(-clock / time)), true),
            Kind::Delta { per } => (Some(per.map_or(1.0, |per| clock / per)), false),
            _ => (None, false),
        };
        let changed_by = by.filter(|_| factor.is_some() && !is_target);
        let mut set = |place: &mut f64, given: f64| {
            let value = match factor {
                Some(share) if is_target => *place + (given - *place) * share,
                Some(factor) => *place + given * factor,
                None => given,
            };
            *place = clamps.keep(number, value, range);
            if let Some((guard, _)) = changed_by {
                guards.count(guard, *place != value);
            }
        };
        let Some((custom, ruled, latent, _)) = &mut self.cells else {
            return;
        };
        let roster = self.roster;
        let place = |rank: usize| roster.places[rank] as usize;
        let cells = cells.map(|(rank, given)| (rank as usize, given));
        match &self.plan.table.behaviors[number] {
            Behavior::Kernel(channel) => self.tissue.change(*channel, cells, set),
            Behavior::Custom(numbers) => {
                let custom = custom.bypass_change_detection();
                for (rank, given) in cells {
                    let at = numbers[usize::from(roster.kinds[rank])];
                    let at = at.expect("rules are checked when the run is built");
                    set(&mut custom[place(rank)].0[at], given);
                }
            }
            Behavior::Latent(numbers) => {
                let latent = latent.bypass_change_detection();
                for (rank, given) in cells {
                    let at = numbers[usize::from(roster.kinds[rank])];
                    let at = at.expect("rules are checked when the run is built");
                    let component = &mut latent[place(rank)].0[at];
                    let mut value = f64::from(*component);
                    set(&mut value, given);
                    *component = value as f32;
                }
            }
            kept => {
                debug_assert!(kept.is_kept());
                let ruled = ruled.bypass_change_detection();
                let types = 0..self.plan.table.vocabulary.types.len();
                let slots = types.map(|kind| self.plan.ruled.slot(kind, number));
                let slots: Vec<Option<usize>> = slots.collect();
                for (rank, given) in cells {
                    let slot = slots[usize::from(roster.kinds[rank])];
                    let slot = slot.expect("rules have slots since the run was built");
                    set(&mut ruled[place(rank)].0[slot], given);
                }
            }
        }
    }
}
