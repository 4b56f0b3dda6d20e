//! A crawling cell: a persistent random walk, bent toward a direction it senses.
//!
//! A cell keeps a unit direction and crawls along it with its *current* speed. With probability
//! 1 − exp(−dt/τ) per step it chooses a new one, normalize(β b + (1 − β) u), with bias β in [0, 1],
//! the direction b it senses and a uniform random u. Renewal is thus exact for any dt, and a rule
//! that lowers a speed acts at once.
//! Source: Fürth 1920, doi:10.1007/BF01328731, for the walk; Ghaffarizadeh et al. 2018,
//! doi:10.1371/journal.pcbi.1005991, for the bias. There the probability is dt/τ and the speed is
//! that of the last renewal.

use crate::random::Draws;
use crate::{Error, Pool, Real, portable, same_length};

/// Walkers per piece of work.
const PIECE: usize = 1024;
/// Below this many walkers a step is shorter than waking the threads.
const LARGE: usize = 8192;

/// Columns of the walkers, all `[row]`.
#[derive(Clone, Copy, Debug)]
pub struct Walkers<'a> {
    /// Identity, for the draws.
    pub id: &'a [u64],
    /// Persistence time τ, min; a walker with τ ≤ 0 renews at every step.
    pub persistence: &'a [Real],
    /// Bias β, in [0, 1].
    pub bias: &'a [Real],
    /// Sensed direction b: a unit vector, or zero for none.
    pub sensed: &'a [[Real; 3]],
    /// Does the walker crawl? One that does not has no direction and draws nothing.
    pub crawls: &'a [bool],
}

/// Renews directions for a step of `dt` min that ends at `tick`. `direction` is `[row]`, unit or
/// zero; a walker with a zero direction, because it is new, renews at once. In `dimensions` 2 the
/// random part lies in the xy plane. Uses draws 0 (whether) and 1 (whither) of `draws`.
///
/// # Errors
/// [`Error::Length`] if the columns differ in length.
pub fn renew(
    walkers: &Walkers,
    direction: &mut [[Real; 3]],
    dt: Real,
    dimensions: usize,
    draws: Draws,
    tick: u64,
    pool: &Pool,
) -> Result<(), Error> {
    let cells = walkers.id.len();
    same_length("persistence times", cells, walkers.persistence.len())?;
    same_length("biases", cells, walkers.bias.len())?;
    same_length("sensed directions", cells, walkers.sensed.len())?;
    same_length("crawling flags", cells, walkers.crawls.len())?;
    same_length("directions", cells, direction.len())?;
    pool.pieces(direction, PIECE, cells >= LARGE, |index, piece| {
        // Persistence is a type's constant for most cells, so the last exponential often serves
        // again.
        let mut known = (Real::NAN, 0.0);
        for (offset, direction) in piece.iter_mut().enumerate() {
            let row = index * PIECE + offset;
            if !walkers.crawls[row] {
                *direction = [0.0; 3];
                continue;
            }
            let id = walkers.id[row];
            let persistence = walkers.persistence[row];
            if *direction != [0.0; 3] && persistence > 0.0 {
                if known.0 != persistence {
                    known = (persistence, -portable::exp_m1(-dt / persistence));
                }
                if draws.uniform(id, tick, 0) >= known.1 {
                    continue;
                }
            }
            let random = if dimensions == 2 {
                draws.direction_2d(id, tick, 1)
            } else {
                draws.direction_3d(id, tick, 1)
            };
            *direction = blend(random, walkers.sensed[row], walkers.bias[row]);
        }
    });
    Ok(())
}

/// normalize(β b + (1 − β) u); zero stays zero.
pub fn blend(random: [Real; 3], sensed: [Real; 3], bias: Real) -> [Real; 3] {
    normalize(core::array::from_fn(|axis| {
        bias * sensed[axis] + (1.0 - bias) * random[axis]
    }))
}

/// Adds speed × direction to the velocities, all `[row]`, µm/min.
///
/// # Errors
/// [`Error::Length`] if the columns differ in length.
pub fn crawl(
    direction: &[[Real; 3]],
    speed: &[Real],
    velocity: &mut [[Real; 3]],
) -> Result<(), Error> {
    same_length("speeds", direction.len(), speed.len())?;
    same_length("velocities", direction.len(), velocity.len())?;
    for ((direction, speed), velocity) in direction.iter().zip(speed).zip(velocity) {
        for axis in 0..3 {
            velocity[axis] += speed * direction[axis];
        }
    }
    Ok(())
}

/// The direction one cell senses: normalize(Σ_k s_k ∇ρ_k), or normalize(Σ_k s_k ∇ρ_k / |∇ρ_k|) if
/// `each_normalized`, so that a steep gradient does not drown a gentle one. Pairs are
/// (sensitivity s_k, gradient ∇ρ_k); a negative sensitivity flees. Zero where nothing is sensed.
pub fn chemotaxis(
    sensed: impl IntoIterator<Item = (Real, [Real; 3])>,
    each_normalized: bool,
) -> [Real; 3] {
    let mut sum = [0.0; 3];
    for (sensitivity, gradient) in sensed {
        let gradient = if each_normalized {
            normalize(gradient)
        } else {
            gradient
        };
        for axis in 0..3 {
            sum[axis] += sensitivity * gradient[axis];
        }
    }
    normalize(sum)
}

/// The unit vector along `vector`; zero stays zero.
pub fn normalize(vector: [Real; 3]) -> [Real; 3] {
    // Scaling first keeps the squares of tiny and huge gradients in range.
    let largest = vector
        .iter()
        .fold(0.0, |most: Real, value| most.max(value.abs()));
    if largest == 0.0 {
        return [0.0; 3];
    }
    let scaled = vector.map(|value| value / largest);
    let length = scaled
        .iter()
        .map(|value| value * value)
        .sum::<Real>()
        .sqrt();
    scaled.map(|value| value / length)
}
