//! Cells that are edited for good. The numbers are the cell's own, and its daughters inherit them.

use bevy_ecs::world::World;
use kernels::random::pair_id;

use crate::{
    arrays::{Roster, Space, settle},
    cell::Vitality,
    clock::Clock,
    events::transform,
    plan::Plan,
    scenario::Action,
    streams::Purpose,
};

use super::infusions::named;
use super::numbers::{get, set};

/// Draws of an edit are of this root, its name and the cell.
const ROOT: u64 = u64::from_be_bytes(*b"the edit");

/// Ranks of the cells that an intervention edits by one of its doses.
pub(super) fn chosen(world: &World, plan: &Plan, intervention: usize, dose: u64) -> Vec<usize> {
    let intervention = &plan.scenario.interventions[intervention];
    let Action::Edit {
        types,
        region,
        penetrance,
        ..
    } = &intervention.action
    else {
        return Vec::new();
    };
    let (roster, tissue) = (world.resource::<Roster>(), &world.resource::<Space>().0);
    let draws = Purpose::EditPenetrance.draws(plan.scenario.seed);
    let name = named(ROOT, &intervention.name);
    let is_chosen = |rank: &usize| {
        let id = pair_id(name, tissue.ids()[*rank]);
        types.contains(&usize::from(roster.kinds[*rank]))
            && roster.vitality[*rank] == Vitality::Live
            && region.holds(tissue.position(*rank))
            && draws.uniform(id, dose, 0) < *penetrance
    };
    (0..roster.len()).filter(is_chosen).collect()
}

/// Makes the cells at these ranks another type, if the edit does. Needs the plan in the world.
pub(super) fn convert(world: &mut World, clock: &Clock, becomes: Option<usize>, ranks: &[usize]) {
    let Some(new) = becomes.map(|new| new as u16) else {
        return;
    };
    for &rank in ranks {
        if world.resource::<Roster>().kinds[rank] != new {
            transform(world, clock, rank, new);
        }
    }
    // Nobody came or went, so that ranks stay.
    settle(world);
}

/// Sets the numbers of the cells at these ranks.
pub(super) fn write(world: &mut World, plan: &Plan, intervention: usize, ranks: &[usize]) {
    let sets = plan.sets.edits.iter();
    for edit in sets.filter(|edit| edit.intervention == intervention) {
        for &rank in ranks {
            if let Some(number) = get(world, plan, edit.behavior, rank) {
                set(world, plan, edit.behavior, rank, edit.to.of(number));
            }
        }
    }
}
