//! What the daughters of a division get of their mother's latent vectors.

use kernels::random::pair_id;
use rules::Inherit;

use crate::{plan::Plan, streams::Purpose};

/// The vectors of two children of a mother of the type `kind`: of the cell that keeps her id, and
/// of the new one.
pub fn children(plan: &Plan, kind: u16, mother: &[f32], ids: [u64; 2], tick: u64) -> [Vec<f32>; 2] {
    ids.map(|id| {
        let mut vectors = mother.to_vec();
        inherit(plan, usize::from(kind), &mut vectors, id, tick);
        vectors
    })
}

/// Turns the vectors of a mother into those of a child, as each space says.
///
/// Deviates are a function of the child, the tick, the space and the component, so that they do not
/// depend on what else divides.
fn inherit(plan: &Plan, kind: usize, vectors: &mut [f32], child: u64, tick: u64) {
    let draws = Purpose::LatentInheritance.draws(plan.scenario.seed);
    for (space, number) in plan.latents.spaces.iter().zip(0..) {
        let Some(place) = space.places[kind] else {
            continue;
        };
        let vector = &mut vectors[place..place + space.width];
        match space.inherit {
            Inherit::Copy => {}
            Inherit::Split => vector.iter_mut().for_each(|amount| *amount *= 0.5),
            Inherit::Noise(deviation) => {
                for (value, component) in vector.iter_mut().zip(0..) {
                    let deviate = draws.normal(pair_id(child, component), tick, number);
                    *value = (f64::from(*value) + deviation * deviate) as f32;
                }
            }
        }
    }
}
