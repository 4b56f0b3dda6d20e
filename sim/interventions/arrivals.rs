//! Cells that come from outside in a Poisson stream.

use bevy_ecs::{change_detection::Mut, resource::Resource, world::World};
use kernels::{
    portable::exp,
    random::{Sequence, child_id},
};
use serde::{Deserialize, Serialize};

use crate::{
    arrays::Seedling, clock::Clock, founders::within, plan::Plan, scenario::Arrival,
    streams::Purpose,
};

/// Ids of arrivals descend from this root and the stream's number, so that they never meet those
/// of founders or daughters.
const ROOT: u64 = u64::from_be_bytes(*b"arrivals");

/// How many cells have come in each stream.
#[derive(Resource, Debug, Clone, Default, Serialize, Deserialize)]
pub struct Arrived(pub Vec<u32>);

/// The cells that arrived within the mechanics step that ends now.
pub fn arrivals(world: &mut World, clock: &Clock) -> Vec<Seedling> {
    world.resource_scope(|world, plan: Mut<'_, Plan>| {
        let mut arrived = world.resource_mut::<Arrived>();
        let mut seedlings = Vec::new();
        for (number, arrival) in plan.scenario.arrivals.iter().enumerate() {
            arrived.0.resize(plan.scenario.arrivals.len(), 0);
            for _ in 0..count(arrival, number as u64, clock, plan.scenario.seed) {
                seedlings.push(newcomer(&plan, number, arrived.0[number]));
                arrived.0[number] += 1;
            }
        }
        seedlings
    })
}

/// How many cells of a stream have arrived in the step that ends now.
fn count(arrival: &Arrival, number: u64, clock: &Clock, seed: u64) -> u64 {
    let now = clock.time();
    let before = clock.tick as i64 - (clock.lead + clock.mechanics_ticks) as i64;
    let before = before as f64 * clock.diffusion_step;
    let open = (arrival.stop.min(now) - arrival.start.max(before)).max(0.0);
    let mean = arrival.rate * open;
    if mean <= 0.0 {
        return 0;
    }
    let draws = Purpose::ArrivalCount.draws(seed);
    let step_number = clock.tick / clock.mechanics_ticks;
    let mut sequence = Sequence::new(draws, child_id(ROOT ^ number, step_number as u32));
    poisson(mean, &mut sequence)
}

/// A Poisson number of this mean, by inversion: how many uniforms can be multiplied before their
/// product falls below exp(−mean). Only the portable exponential, so that bits do not depend on
/// the platform.
fn poisson(mean: f64, sequence: &mut Sequence) -> u64 {
    // The sum of two Poisson numbers is one; beyond this the exponential would vanish.
    const WHOLE: f64 = 500.0;
    if mean > WHOLE {
        return poisson(WHOLE, sequence) + poisson(mean - WHOLE, sequence);
    }
    let least = exp(-mean);
    let mut product = sequence.uniform();
    let mut number = 0;
    while product > least {
        product *= sequence.uniform();
        number += 1;
    }
    number
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
