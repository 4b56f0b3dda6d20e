//! Numbers that are changed for a time, and the cells' own that come back.

use bevy_ecs::{resource::Resource, world::World};
use serde::{Deserialize, Serialize};

use crate::{
    arrays::{Roster, Space},
    cell::{Past, Vitality},
    clock::Clock,
    dictionary::Behavior,
    plan::Plan,
    scenario::To,
    semantics::Semantics,
};

use super::numbers::{get, set};

/// The cells whose numbers are changed: `[behavior, in the order of Sets::changed][by id]`.
#[derive(Resource, Debug, Clone, Default, Serialize, Deserialize)]
pub struct Changed(pub(crate) Vec<Vec<Own>>);

/// A changed number of one cell.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Own {
    id: u64,
    /// The cell's type.
    kind: u16,
    /// The cell's own number.
    own: f64,
    /// What stands in its stead.
    put: f64,
}

/// What all changes that are on make of a number. Factors are multiplied in the order of size, so
/// that their order in the scenario leaves not even a rounding; a value undoes what came before it.
struct Law {
    value: Option<f64>,
    factor: f64,
}

impl Law {
    fn new(plan: &Plan, behavior: usize, kind: usize, time: f64) -> Option<Law> {
        let sets = plan.sets.changes.iter().filter(|set| {
            let intervention = &plan.scenario.interventions[set.intervention];
            set.behavior == behavior && set.types.contains(&kind) && intervention.is_on(time)
        });
        let (mut value, mut factors, mut is_on) = (None, Vec::new(), false);
        for set in sets {
            is_on = true;
            match set.to {
                To::Factor(factor) => factors.push(factor),
                To::Value(new) => {
                    value = Some(new);
                    factors.clear();
                }
            }
        }
        factors.sort_unstable_by(f64::total_cmp);
        is_on.then(|| Law {
            value,
            factor: factors.iter().product(),
        })
    }

    fn of(&self, own: f64) -> f64 {
        self.value.unwrap_or(own) * self.factor
    }
}

/// Gives every cell the numbers that hold now: its own, or what changes make of them.
pub(super) fn change(world: &mut World, plan: &Plan, clock: &Clock) {
    each(world, plan, clock, |behavior, kind| {
        Law::new(plan, behavior, kind, clock.time())
    });
}

/// Gives every cell its own numbers back, for who is to edit them.
pub(super) fn lift(world: &mut World, plan: &Plan, clock: &Clock) {
    each(world, plan, clock, |_, _| None);
}

fn each(world: &mut World, plan: &Plan, clock: &Clock, law: impl Fn(usize, usize) -> Option<Law>) {
    let mut changed = std::mem::take(&mut world.resource_mut::<Changed>().0);
    changed.resize_with(plan.sets.changed.len(), Vec::new);
    for (&behavior, before) in plan.sets.changed.iter().zip(&mut changed) {
        let laws: Vec<Option<Law>> = (0..plan.scenario.cell_types.len())
            .map(|kind| law(behavior, kind))
            .collect();
        if before.is_empty() && laws.iter().all(Option::is_none) {
            continue;
        }
        let [low, high] = plan.table.vocabulary.behaviors.entry(behavior).range;
        let mut after = Vec::with_capacity(before.len());
        for rank in 0..world.resource::<Roster>().len() {
            let roster = world.resource::<Roster>();
            let kind = roster.kinds[rank];
            // Who dies keeps what is left to the dead.
            if roster.vitality[rank] != Vitality::Live {
                continue;
            }
            let Some(current) = get(world, plan, behavior, rank) else {
                continue;
            };
            let own = own(world, plan, clock, behavior, rank, current, before);
            let law = &laws[usize::from(kind)];
            let value = law.as_ref().map_or(own, |law| law.of(own));
            let put = value.clamp(low, high);
            if put.to_bits() != current.to_bits() {
                set(world, plan, behavior, rank, value);
            }
            if law.is_some() {
                let id = world.resource::<Space>().0.ids()[rank];
                after.push(Own { id, kind, own, put });
            }
        }
        *before = after;
    }
    world.resource_mut::<Changed>().0 = changed;
}

/// The own number of the cell at a rank, which has `current`.
///
/// Nobody else writes a number that is changed, so a cell that has what was put there has its own
/// in the list. A daughter has her mother's of both. Who has anything else has been given it anew,
/// by becoming another type, and it is the cell's own.
fn own(
    world: &World,
    plan: &Plan,
    clock: &Clock,
    behavior: usize,
    rank: usize,
    current: f64,
    before: &[Own],
) -> f64 {
    let roster = world.resource::<Roster>();
    let id = world.resource::<Space>().0.ids()[rank];
    // A custom number that two types share outlives a transformation.
    let outlives = matches!(plan.table.behaviors[behavior], Behavior::Custom(_))
        && plan.scenario.semantics == Semantics::Milieu;
    let of = |id: u64| {
        let place = before.binary_search_by_key(&id, |own| own.id).ok()?;
        Some(&before[place])
    };
    let entry = of(id).or_else(|| {
        let past = world.get::<Past>(roster.entities[rank]);
        let lineage = past.expect("every cell has a past").lineage;
        let is_newborn = u64::from(lineage.born) + clock.mechanics_ticks >= clock.tick;
        of(lineage.mother).filter(|_| is_newborn)
    });
    entry
        .filter(|entry| entry.put.to_bits() == current.to_bits())
        .filter(|entry| entry.kind == roster.kinds[rank] || outlives)
        .map_or(current, |entry| entry.own)
}
