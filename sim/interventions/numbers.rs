//! Reading and setting a number of one cell, wherever it lives.

use bevy_ecs::world::World;

use crate::{
    arrays::{Roster, Space},
    dictionary::Behavior,
    plan::Plan,
    record::Clamps,
    scenario::To,
    tables::Tables,
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
    let kind = usize::from(world.resource::<Roster>().kinds[rank]);
    let (tissue, tables) = (&world.resource::<Space>().0, world.resource::<Tables>());
    let row = tissue.row(rank);
    match &plan.table.behaviors[behavior] {
        Behavior::Kernel(channel) => Some(tissue.channel(*channel, rank)),
        Behavior::Custom(places) => places[kind].map(|place| tables.custom.get(place, row)),
        _ => {
            let slot = plan.ruled.slot(kind, behavior);
            slot.map(|slot| tables.ruled.get(slot, row))
        }
    }
}

/// Sets the number of the cell at a rank, which [`get`] has found; inside the behavior's range.
pub(super) fn set(world: &mut World, plan: &Plan, behavior: usize, rank: usize, value: f64) {
    let range = plan.table.vocabulary.behaviors.entry(behavior).range;
    let value = world.resource_mut::<Clamps>().keep(behavior, value, range);
    let kind = usize::from(world.resource::<Roster>().kinds[rank]);
    let row = world.resource::<Space>().0.row(rank);
    match &plan.table.behaviors[behavior] {
        Behavior::Kernel(channel) => {
            let tissue = &mut world.resource_mut::<Space>().0;
            tissue.own(*channel);
            tissue.set_channel(*channel, rank, value);
            tissue.rates_changed();
        }
        Behavior::Custom(places) => {
            if let Some(place) = places[kind] {
                *world.resource_mut::<Tables>().custom.get_mut(place, row) = value;
            }
        }
        _ => {
            if let Some(slot) = plan.ruled.slot(kind, behavior) {
                *world.resource_mut::<Tables>().ruled.get_mut(slot, row) = value;
            }
        }
    }
}
