//! Reading and setting a number of one cell, wherever it lives.

use bevy_ecs::world::World;

use crate::{
    arrays::{Roster, Space},
    cell::{Custom, Ruled},
    dictionary::Behavior,
    plan::Plan,
    record::Clamps,
    scenario::To,
};

impl To {
    /// What a number comes to.
    pub(super) fn of(self, number: f64) -> f64 {
        match self {
            To::Factor(factor) => number * factor,
            To::Value(value) => value,
        }
    }
}

/// The number of the cell at a rank; `None` where cells of its type have none of their own.
pub(super) fn get(world: &World, plan: &Plan, behavior: usize, rank: usize) -> Option<f64> {
    let roster = world.resource::<Roster>();
    let (entity, kind) = (roster.entities[rank], usize::from(roster.kinds[rank]));
    let every = "every cell has every component";
    match &plan.table.behaviors[behavior] {
        Behavior::Kernel(channel) => Some(world.resource::<Space>().0.channel(*channel, rank)),
        Behavior::Custom(places) => {
            places[kind].map(|place| world.get::<Custom>(entity).expect(every).0[place])
        }
        _ => plan
            .ruled
            .slot(kind, behavior)
            .map(|slot| world.get::<Ruled>(entity).expect(every).0[slot]),
    }
}

/// Sets the number of the cell at a rank, which [`get`] has found; inside the behavior's range.
pub(super) fn set(world: &mut World, plan: &Plan, behavior: usize, rank: usize, value: f64) {
    let range = plan.table.vocabulary.behaviors.entry(behavior).range;
    let value = world.resource_mut::<Clamps>().keep(behavior, value, range);
    let roster = world.resource::<Roster>();
    let (entity, kind) = (roster.entities[rank], usize::from(roster.kinds[rank]));
    let every = "every cell has every component";
    match &plan.table.behaviors[behavior] {
        Behavior::Kernel(channel) => {
            let tissue = &mut world.resource_mut::<Space>().0;
            tissue.own(*channel);
            tissue.set_channel(*channel, rank, value);
            tissue.rates_changed();
        }
        Behavior::Custom(places) => {
            if let Some(place) = places[kind] {
                world.get_mut::<Custom>(entity).expect(every).0[place] = value;
            }
        }
        _ => {
            if let Some(slot) = plan.ruled.slot(kind, behavior) {
                world.get_mut::<Ruled>(entity).expect(every).0[slot] = value;
            }
        }
    }
}
