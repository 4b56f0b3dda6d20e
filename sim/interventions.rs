//! What is done to the tissue from outside, and when. Once in each mechanics step, in this order:
//! cells come, cells are edited, numbers are changed or given back, substrates are dosed. What a
//! drug's concentration is follows from its schedule, and nothing is done for it here.
//!
//! A dose of 0 is none: it leaves no trace, and no draw of anything else depends on it.

mod arrivals;
mod changes;
mod edits;
mod infusions;
mod numbers;
mod schedule;

use bevy_ecs::{change_detection::Mut, world::World};

use crate::{
    arrays::{Seedling, Space},
    clock::Clock,
    occasions::admit,
    output::{Dose, Event, EventKind},
    plan::Plan,
    record::Log,
    scenario::Action,
};

pub use arrivals::Arrived;
pub use changes::Changed;

/// Does what is due within the mechanics step that ends now.
pub fn interventions(world: &mut World) {
    let clock = *world.resource::<Clock>();
    let mut seedlings = arrivals::arrivals(world, &clock);
    seedlings.extend(with(world, |_, plan| infusions::infused(plan, &clock)));
    if !seedlings.is_empty() {
        admit(world, &seedlings);
        tell(world, &clock, &seedlings);
    }
    // Most runs have none, and most of their steps nothing that is due.
    if world.resource::<Plan>().scenario.interventions.is_empty() {
        return;
    }
    let doses = with(world, |_, plan| due(plan, &clock));
    let edited = edit(world, &clock, &doses);
    with(world, |world, plan| {
        changes::change(world, plan, &clock);
        dose(world, plan, &clock);
        note(world, plan, &clock, &doses, &edited);
    });
}

/// Works on the world with the plan taken out of it.
fn with<T>(world: &mut World, work: impl FnOnce(&mut World, &Plan) -> T) -> T {
    world.resource_scope(|world, plan: Mut<'_, Plan>| work(world, &plan))
}

/// The doses that begin within the step: intervention, number.
fn due(plan: &Plan, clock: &Clock) -> Vec<(usize, u64)> {
    let interventions = plan.scenario.interventions.iter().enumerate();
    let doses =
        interventions.flat_map(|(number, it)| it.due(clock).map(move |dose| (number, dose)));
    doses.collect()
}

/// Edits cells by the doses that do; how many each has edited.
fn edit(world: &mut World, clock: &Clock, doses: &[(usize, u64)]) -> Vec<Option<u64>> {
    let mut edited = vec![None; doses.len()];
    for (&(number, dose), edited) in doses.iter().zip(&mut edited) {
        let intervention = &world.resource::<Plan>().scenario.interventions[number];
        let Action::Edit { becomes, .. } = intervention.action else {
            continue;
        };
        // What is edited is the cells' own, not what a change has made of it.
        let ranks = with(world, |world, plan| {
            changes::lift(world, plan, clock);
            edits::chosen(world, plan, number, dose)
        });
        edits::convert(world, clock, becomes, &ranks);
        with(world, |world, plan| {
            edits::write(world, plan, number, &ranks)
        });
        *edited = Some(ranks.len() as u64);
    }
    edited
}

/// Adds what substrates are given within the step.
fn dose(world: &mut World, plan: &Plan, clock: &Clock) {
    for intervention in &plan.scenario.interventions {
        let Action::Substrate {
            substrate,
            dose,
            region,
        } = &intervention.action
        else {
            continue;
        };
        let before = clock.before().map_or(0.0, |time| intervention.given(time));
        let share = intervention.given(clock.time()) - before;
        if share > 0.0 {
            let tissue = &mut world.resource_mut::<Space>().0;
            tissue.dose(*substrate, share * dose, |center| region.holds(center));
        }
    }
}

/// Puts the doses that begin within the step down in the log.
fn note(
    world: &mut World,
    plan: &Plan,
    clock: &Clock,
    doses: &[(usize, u64)],
    edited: &[Option<u64>],
) {
    let doses = doses.iter().zip(edited);
    let doses = doses.map(|(&(intervention, number), &edited)| Dose {
        time: clock.time(),
        intervention,
        number,
        cells: match plan.scenario.interventions[intervention].action {
            Action::Cells { dose, .. } => Some(dose),
            _ => edited,
        },
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
