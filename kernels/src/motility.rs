//! A crawling cell: a persistent random walk, bent toward a direction it senses.
//!
//! A cell keeps a unit direction and crawls along it with its *current* speed. With probability
//! 1 − exp(−dt/τ) per step it chooses a new one, normalize(β b + (1 − β) u), with bias β in [0, 1],
//! the direction b it senses and a uniform random u. Renewal is thus exact for any dt, and a rule
//! that lowers a speed acts at once.
//! Source: Fürth 1920, doi:10.1007/BF01328731, for the walk; Ghaffarizadeh et al. 2018,
//! doi:10.1371/journal.pcbi.1005991, for the bias. There the probability is dt/τ and the speed is
//! that of the last renewal.

#[cfg(feature = "cuda")]
pub mod cuda;

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
    /// Does the walker crawl? One that does not has no direction and draws nothing.
    pub crawls: &'a [bool],
}

/// Renews directions for a step of `dt` min that ends at `tick`. `sensed` is asked for the direction
/// b of a row that is renewed: a unit vector, or zero for none. `direction` is `[row]`, unit or
/// zero; a walker with a zero direction, because it is new, renews at once. In `dimensions` 2 the
/// random part lies in the xy plane. Uses draws 0 (whether) and those from 1 on (whither) of `draws`.
///
/// # Errors
/// [`Error::Length`] if the columns differ in length.
pub fn renew(
    walkers: &Walkers,
    sensed: impl Fn(usize) -> [Real; 3] + Sync,
    direction: &mut [[Real; 3]],
    dt: Real,
    dimensions: usize,
    draws: Draws,
    tick: u64,
    pool: &Pool,
) -> Result<(), Error> {
    let in_plane = |_| dimensions == 2;
    renew_each(walkers, sensed, direction, dt, in_plane, draws, tick, pool)
}

/// [`renew`], with the random part in the xy plane for the rows that walk `in_plane`.
///
/// # Errors
/// [`Error::Length`] if the columns differ in length.
pub fn renew_each(
    walkers: &Walkers,
    sensed: impl Fn(usize) -> [Real; 3] + Sync,
    direction: &mut [[Real; 3]],
    dt: Real,
    in_plane: impl Fn(usize) -> bool + Sync,
    draws: Draws,
    tick: u64,
    pool: &Pool,
) -> Result<(), Error> {
    let cells = walkers.id.len();
    same_length("persistence times", cells, walkers.persistence.len())?;
    same_length("biases", cells, walkers.bias.len())?;
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
            let random = uniform(in_plane(row), draws, id, tick);
            *direction = blend(random, sensed(row), walkers.bias[row]);
        }
    });
    Ok(())
}

/// What a walker's vector is made from when it is renewed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Renewal {
    /// µm/min.
    pub speed: Real,
    /// In [0, 1].
    pub bias: Real,
    /// Sensed direction: a unit vector, or zero for none.
    pub sensed: [Real; 3],
    /// Whether the random part lies in the xy plane.
    pub in_plane: bool,
}

/// Walks as in PhysiCell: renews, with probability dt/τ and always if τ < dt, the `vector` `[row]`,
/// µm/min, with which a cell goes on whatever its speed and bias become; a new cell rests until its
/// first renewal. `persistence` is `[row]`, min, and `renewal` is asked of a row that is renewed.
/// A row that does not crawl has no vector. Uses draws 0 (whether) and those from 1 on (whither) of `draws`.
/// Source: Ghaffarizadeh et al. 2018, doi:10.1371/journal.pcbi.1005991.
///
/// # Errors
/// [`Error::Length`] if the columns differ in length.
pub fn renew_vectors(
    id: &[u64],
    persistence: &[Real],
    crawls: &[bool],
    renewal: impl Fn(usize) -> Renewal + Sync,
    vector: &mut [[Real; 3]],
    dt: Real,
    draws: Draws,
    tick: u64,
    pool: &Pool,
) -> Result<(), Error> {
    let cells = id.len();
    same_length("persistence times", cells, persistence.len())?;
    same_length("crawling flags", cells, crawls.len())?;
    same_length("vectors", cells, vector.len())?;
    pool.pieces(vector, PIECE, cells >= LARGE, |index, piece| {
        for (offset, vector) in piece.iter_mut().enumerate() {
            let row = index * PIECE + offset;
            if !crawls[row] {
                *vector = [0.0; 3];
                continue;
            }
            let (id, tau) = (id[row], persistence[row]);
            if tau < dt || draws.uniform(id, tick, 0) < dt / tau {
                let by = renewal(row);
                let random = uniform(by.in_plane, draws, id, tick);
                *vector = blend(random, by.sensed, by.bias).map(|part| by.speed * part);
            }
        }
    });
    Ok(())
}

/// From draw 1 on: a uniform direction.
fn uniform(in_plane: bool, draws: Draws, id: u64, tick: u64) -> [Real; 3] {
    if in_plane {
        draws.direction_2d(id, tick, 1)
    } else {
        draws.direction_3d(id, tick, 1)
    }
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

/// Adds vectors that were kept to the velocities, both `[row]`, µm/min.
///
/// # Errors
/// [`Error::Length`] if the columns differ in length.
pub fn carry(vector: &[[Real; 3]], velocity: &mut [[Real; 3]]) -> Result<(), Error> {
    same_length("velocities", vector.len(), velocity.len())?;
    for (vector, velocity) in vector.iter().zip(velocity) {
        for axis in 0..3 {
            velocity[axis] += vector[axis];
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
    weighed(sensed, each_normalized, normalize)
}

/// The same for cells that do not feel every gradient: lengths are taken as √(|∇ρ|² + 10⁻³²), so
/// that a gradient far below [`FAINTEST`] has no direction. As PhysiCell 1.14.2 does; it decides
/// when a cell begins to feel what comes from afar.
pub fn blunt_chemotaxis(
    sensed: impl IntoIterator<Item = (Real, [Real; 3])>,
    each_normalized: bool,
) -> [Real; 3] {
    weighed(sensed, each_normalized, |vector| {
        let square: Real = vector.iter().map(|value| value * value).sum();
        let length = (FAINTEST * FAINTEST + square).sqrt();
        vector.map(|value| value / length)
    })
}

/// The gradient, in density per µm, at which [`blunt_chemotaxis`] feels half a direction and more.
pub const FAINTEST: Real = 1e-16;

fn weighed(
    sensed: impl IntoIterator<Item = (Real, [Real; 3])>,
    each_normalized: bool,
    normalize: impl Fn([Real; 3]) -> [Real; 3],
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
