//! What comes from outside, and when: cells that arrive in a Poisson stream.

use bevy_ecs::{change_detection::Mut, resource::Resource, world::World};
use kernels::random::{Sequence, child_id};
use rand_distr::{Distribution, Poisson};

use crate::{
    arrays::{Seedling, plant, settle},
    clock::Clock,
    founders::within,
    output::{Event, EventKind},
    plan::Plan,
    record::{Failure, Log},
    scenario::Arrival,
    streams::Purpose,
};

/// Ids of arrivals descend from this root and the stream's number, so that they never meet those
/// of founders or daughters.
const ROOT: u64 = u64::from_be_bytes(*b"arrivals");

/// How many cells have come in each stream.
#[derive(Resource, Debug, Default)]
pub struct Arrived(pub Vec<u32>);

/// Adds what arrived within the mechanics step that ends now.
pub fn interventions(world: &mut World) {
    let clock = *world.resource::<Clock>();
    if world.resource::<Failure>().0.is_some() || !clock.is_mechanics() {
        return;
    }
    let seedlings = world.resource_scope(|world, plan: Mut<'_, Plan>| {
        let mut arrived = world.resource_mut::<Arrived>();
        let mut seedlings = Vec::new();
        for (number, arrival) in plan.scenario.arrivals.iter().enumerate() {
            arrived.0.resize(plan.scenario.arrivals.len(), 0);
            for _ in 0..count(arrival, number as u64, &clock, plan.scenario.seed) {
                seedlings.push(newcomer(&plan, number, arrived.0[number]));
                arrived.0[number] += 1;
            }
        }
        seedlings
    });
    if seedlings.is_empty() {
        return;
    }
    plant(world, &seedlings);
    settle(world);
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

/// How many cells of a stream have arrived in the step that ends now.
fn count(arrival: &Arrival, number: u64, clock: &Clock, seed: u64) -> u64 {
    let now = clock.time();
    let before = (clock.tick - clock.mechanics_ticks) as f64 * clock.diffusion_step;
    let open = (arrival.stop.min(now) - arrival.start.max(before)).max(0.0);
    let mean = arrival.rate * open;
    if mean <= 0.0 {
        return 0;
    }
    let draws = Purpose::ArrivalCount.draws(seed);
    let step_number = clock.tick / clock.mechanics_ticks;
    let mut sequence = Sequence::new(draws, child_id(ROOT ^ number, step_number as u32));
    let poisson = Poisson::new(mean).expect("a positive finite mean");
    poisson.sample(&mut sequence) as u64
}

fn newcomer(plan: &Plan, number: usize, ordinal: u32) -> Seedling {
    let arrival = &plan.scenario.arrivals[number];
    let id = child_id(child_id(ROOT, number as u32), ordinal);
    let mut sequence = Sequence::new(Purpose::ArrivalPlace.draws(plan.scenario.seed), id);
    let position = within(&arrival.region, &plan.scenario.domain, &mut sequence);
    Seedling {
        id,
        kind: arrival.cell_type as u16,
        position,
        volume: None,
        values: Vec::new(),
    }
}
