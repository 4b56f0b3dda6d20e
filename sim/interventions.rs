//! What is done to the tissue from outside, and when. Once in each mechanics step, in this order:
//! cells come, substrates are dosed. What a drug's concentration is follows from its schedule, and
//! nothing is done for it here.
//!
//! A dose of 0 is none: it leaves no trace, and no draw of anything else depends on it.

mod arrivals;
mod infusions;
mod schedule;

use bevy_ecs::{change_detection::Mut, world::World};

use crate::{
    arrays::{Seedling, Space},
    clock::Clock,
    occasions::admit,
    output::{Dose, Event, EventKind},
    plan::Plan,
    record::Log,
    scenario::{Action, Intervention},
};

pub use arrivals::Arrived;

/// Does what is due within the mechanics step that ends now.
pub fn interventions(world: &mut World) {
    let clock = *world.resource::<Clock>();
    let mut seedlings = arrivals::arrivals(world, &clock);
    world.resource_scope(|world, plan: Mut<'_, Plan>| {
        for (number, intervention) in plan.scenario.interventions.iter().enumerate() {
            let come = infusions::infused(&plan, intervention, &clock);
            note(world, number, intervention, &clock);
            seedlings.extend(come);
        }
    });
    if !seedlings.is_empty() {
        admit(world, &seedlings);
        tell(world, &clock, &seedlings);
    }
    world.resource_scope(|world, plan: Mut<'_, Plan>| {
        for intervention in &plan.scenario.interventions {
            dose(world, intervention, &clock);
        }
    });
}

/// Adds what a substrate is given within the step.
fn dose(world: &mut World, intervention: &Intervention, clock: &Clock) {
    let Action::Substrate {
        substrate,
        dose,
        region,
    } = &intervention.action
    else {
        return;
    };
    let given = |time: Option<f64>| time.map_or(0.0, |time| intervention.given(time));
    let share = given(Some(clock.time())) - given(clock.before());
    if share > 0.0 {
        let tissue = &mut world.resource_mut::<Space>().0;
        tissue.dose(*substrate, share * dose, |center| region.holds(center));
    }
}

/// Puts the doses that begin within the step down in the log.
fn note(world: &mut World, number: usize, intervention: &Intervention, clock: &Clock) {
    let doses = intervention.due(clock).map(|dose| Dose {
        time: clock.time(),
        intervention: number,
        number: dose,
    });
    world.resource_mut::<Log>().doses.extend(doses);
}

/// Puts cells that came down in the log.
fn tell(world: &mut World, clock: &Clock, seedlings: &[Seedling]) {
    let events = &mut world.resource_mut::<Log>().events;
    events.extend(seedlings.iter().map(|seedling| Event {
        time: clock.time(),
        kind: EventKind::Arrival,
        cell: seedling.id,
        cell_type: seedling.kind,
        partner: None,
        partner_type: None,
        cause: None,
        position: seedling.position,
        value: 0.0,
    }));
}
