//! One step of diffusion, decay and exchange with cells, without a system to solve: for substrates
//! that spread little in it.
//!
//! With F(ρ) = D ∇²ρ − (λ + sink) ρ + source, a step of τ min, and s = Σ τ D / d² over the axes:
//!
//! ```text
//! δ = τ F(ρ) f(τ (λ + sink))              f(x) = (1 + x/2) / (1 + x + x²/2)
//! ρ ← ρ + δ + τ D ∇²δ / (2 (1 + s))
//! ```
//!
//! Second order: to first order in τ the last term and f are half a step on. At rest wherever the
//! equation is, because nothing is split. In a step a wave of what sources add changes by
//! (e^z − 1) / z; thanks to the 1 + s, what stands for it, 1 + z / 2(1 + s), is near that up to the
//! shortest wave, z = −4s. For s ≤ 1 and without cells each new density is a sum of old ones with
//! factors ≥ 0; f lets a sink take no more than there is.

use std::iter::Peekable;

use super::{
    Substrate,
    lanes::{LANES, Lanes, Work, widest},
};
use crate::{
    Grid, Pool, Real,
    exchange::{Exchange, Rates},
};

/// The largest s of a step: near 1, rounding would decide whether a density falls below zero.
pub(super) const MOST: Real = 0.95;
/// Planes that a task works on are this many or more: those at its ends are made twice.
const FEWEST_PLANES: usize = 8;
/// Planes on either side of where two tasks meet that are copied, so that both see what was.
const COPIED: usize = 2;
/// Below this many voxels a step is shorter than waking the threads.
const LARGE: usize = 1 << 16;

/// A substrate on a grid.
#[derive(Clone, Debug)]
pub(super) struct Explicit {
    /// In 2D rows of x count as planes of one row.
    shape: [usize; 3],
    /// D / d² by axis, 1/min.
    steepness: [Real; 3],
    /// 1/min.
    decay: Real,
    /// Scratch, by task: planes of increments.
    increments: Vec<Vec<Real>>,
    /// Scratch: planes where tasks meet, as they were.
    copied: Vec<Real>,
}

impl Explicit {
    pub(super) fn new(grid: &Grid, substrate: &Substrate) -> Explicit {
        let steep = |axis: usize| {
            let among_several = Real::from(u8::from(grid.shape[axis] > 1));
            among_several * substrate.diffusion_coefficient / grid.spacing[axis].powi(2)
        };
        let axes = if grid.dimensions() == 2 {
            [0, 2, 1]
        } else {
            [0, 1, 2]
        };
        Explicit {
            shape: axes.map(|axis| grid.shape[axis]),
            steepness: axes.map(steep),
            decay: substrate.decay_rate,
            increments: vec![],
            copied: vec![],
        }
    }

    /// s of a step of `tau` min.
    pub(super) fn reach(&self, tau: Real) -> Real {
        tau * self.steepness.iter().sum::<Real>()
    }

    /// Advances a field by `tau` min. `held` are the voxels of fixed faces, ascending, and what they
    /// hold. Says how many densities fell below zero and were set to zero.
    pub(super) fn step(
        &mut self,
        tau: Real,
        field: &mut [Real],
        (exchange, number): (&Exchange, usize),
        held: &[(u32, Real)],
        pool: &Pool,
    ) -> u64 {
        let [nx, ny, nz] = self.shape;
        let plane = nx * ny;
        let large = field.len() >= LARGE && pool.threads() > 1;
        let planes = if large {
            nz.div_ceil(pool.threads()).max(FEWEST_PLANES)
        } else {
            nz
        };
        self.copied.clear();
        for meet in (planes..nz).step_by(planes) {
            let past = nz.min(meet + COPIED);
            self.copied
                .extend_from_slice(&field[(meet - COPIED) * plane..past * plane]);
        }
        self.increments.resize_with(nz.div_ceil(planes), Vec::new);
        let damped = damping(tau * self.decay);
        let (r, reach) = (self.steepness.map(|it| tau * it), self.reach(tau));
        let spread = 0.5 / (1.0 + reach);
        let weights = Weights {
            shape: self.shape,
            tau,
            undamped: 1.0 / damped,
            decay: tau * self.decay,
            increment: [
                -(2.0 * reach + tau * self.decay) * damped,
                r[0] * damped,
                r[1] * damped,
                r[2] * damped,
            ],
            spread: [
                1.0 - 2.0 * spread * reach,
                spread * r[0],
                spread * r[1],
                spread * r[2],
            ],
        };
        let mut slabs = vec![];
        let own = field.chunks_mut(planes * plane);
        for (index, (own, increments)) in own.zip(&mut self.increments).enumerate() {
            let meets = self.copied.chunks(2 * COPIED * plane);
            let before = index
                .checked_sub(1)
                .and_then(|index| meets.clone().nth(index));
            let after = meets.clone().nth(index);
            increments.resize(3 * plane + 2 * ny, 0.0);
            slabs.push(Slab {
                weights: &weights,
                first: index * planes,
                planes: own.len() / plane,
                own,
                below: before.map_or(&[], |meet| &meet[..COPIED * plane]),
                above: after.map_or(&[], |meet| &meet[COPIED * plane..]),
                exchange,
                number,
                held,
                increments,
                negative: 0,
            });
        }
        pool.pieces(&mut slabs, 1, large, |_, slab| widest(&mut slab[0]));
        slabs.iter().map(|slab| slab.negative).sum()
    }
}

/// f of the head of the file.
#[inline(always)]
fn damping(x: Real) -> Real {
    (1.0 + 0.5 * x) / (1.0 + x + 0.5 * x * x)
}

/// What a step multiplies with.
struct Weights {
    shape: [usize; 3],
    /// min.
    tau: Real,
    /// 1 / f(τλ), where f is in the increment, and τλ.
    undamped: Real,
    decay: Real,
    /// Of a voxel itself, and of those beside it along each axis.
    increment: [Real; 4],
    spread: [Real; 4],
}

/// Some planes of the field, from plane `first` on.
struct Slab<'a> {
    weights: &'a Weights,
    first: usize,
    planes: usize,
    own: &'a mut [Real],
    /// The two planes before and after, as they were; none at the ends.
    below: &'a [Real],
    above: &'a [Real],
    exchange: &'a Exchange,
    number: usize,
    held: &'a [(u32, Real)],
    /// Those of three planes; and what the ends of rows are to be.
    increments: &'a mut [Real],
    negative: u64,
}

impl Work for &mut Slab<'_> {
    #[inline(always)]
    fn with<L: Lanes>(self, lanes: L) {
        let [nx, ny, nz] = self.weights.shape;
        let past = self.first + self.planes;
        let made = self.first.saturating_sub(1)..nz.min(past + 1);
        let voxels = made.start * nx * ny..made.end * nx * ny;
        let mut cells = self.exchange.rates(self.number, voxels).peekable();
        for z in made {
            self.increment(lanes, z, &mut cells);
            // Nothing reads what plane z − 1 was any more.
            if z > self.first {
                self.add(lanes, z - 1);
            }
        }
        if past == nz {
            self.add(lanes, nz - 1);
        }
    }
}

impl Slab<'_> {
    /// A plane as it was before the step.
    #[inline(always)]
    fn old(&self, z: usize) -> &[Real] {
        let [nx, ny, _] = self.weights.shape;
        let plane = nx * ny;
        let past = self.first + self.planes;
        if z < self.first {
            &self.below[(z + COPIED - self.first) * plane..][..plane]
        } else if z < past {
            &self.own[(z - self.first) * plane..][..plane]
        } else {
            &self.above[(z - past) * plane..][..plane]
        }
    }

    /// The voxels of a plane that are held.
    fn held_in(&self, z: usize) -> &[(u32, Real)] {
        let [nx, ny, _] = self.weights.shape;
        let from = |voxel: usize| self.held.partition_point(|&(at, _)| (at as usize) < voxel);
        &self.held[from(z * nx * ny)..from((z + 1) * nx * ny)]
    }

    /// Makes δ of a plane.
    #[inline(always)]
    fn increment<L: Lanes>(
        &mut self,
        lanes: L,
        z: usize,
        cells: &mut Peekable<impl Iterator<Item = (u32, Rates)>>,
    ) {
        let [nx, ny, nz] = self.weights.shape;
        let plane = nx * ny;
        let scratch = std::mem::take(&mut self.increments);
        let out = &mut scratch[z % 3 * plane..][..plane];
        let here = self.old(z);
        let near = Near {
            shape: [nx, ny],
            here,
            below: self.old(z.saturating_sub(1)),
            above: self.old((z + 1).min(nz - 1)),
        };
        let of = &self.weights.increment;
        near.inside::<L, false>(lanes, of, out);
        near.ends(of, |_, voxel, value| out[voxel] = value);
        let start = z * plane;
        let is_here = |voxel: u32| (voxel as usize) < start + plane;
        while let Some((voxel, rates)) = cells.next_if(|&(voxel, _)| is_here(voxel)) {
            let place = voxel as usize - start;
            out[place] = self.weights.exchanged(out[place], here[place], rates);
        }
        for &(voxel, _) in self.held_in(z) {
            out[voxel as usize - start] = 0.0;
        }
        self.increments = scratch;
    }

    /// Adds what is around in δ to a plane; its δ and those of the planes beside it are there.
    #[inline(always)]
    fn add<L: Lanes>(&mut self, lanes: L, z: usize) {
        let [nx, ny, nz] = self.weights.shape;
        let plane = nx * ny;
        let (planes, ends) = self.increments.split_at_mut(3 * plane);
        let of = |z: usize| &planes[z % 3 * plane..][..plane];
        let near = Near {
            shape: [nx, ny],
            here: of(z),
            below: of(z.saturating_sub(1)),
            above: of((z + 1).min(nz - 1)),
        };
        let of = &self.weights.spread;
        let own = &mut self.own[(z - self.first) * plane..][..plane];
        near.ends(of, |end, voxel, value| ends[end] = own[voxel] + value);
        let mut is_negative = near.inside::<L, true>(lanes, of, own);
        for (y, &[first, last]) in ends.as_chunks().0.iter().enumerate() {
            (own[y * nx], own[(y + 1) * nx - 1]) = (first, last);
            is_negative |= first < 0.0 || last < 0.0;
        }
        if is_negative {
            for value in own.iter_mut().filter(|value| **value < 0.0) {
                *value = 0.0;
                self.negative += 1;
            }
        }
        let start = z * plane;
        let from = |voxel: usize| self.held.partition_point(|&(at, _)| (at as usize) < voxel);
        for &(voxel, value) in &self.held[from(start)..from(start + plane)] {
            own[voxel as usize - start] = value;
        }
    }
}

/// A plane of numbers and those beside it.
struct Near<'a> {
    shape: [usize; 2],
    here: &'a [Real],
    below: &'a [Real],
    above: &'a [Real],
}

impl Near<'_> {
    /// The rows below and above a row; beyond the ends each is its own neighbor.
    #[inline(always)]
    fn beside(&self, y: usize) -> [usize; 2] {
        [y.saturating_sub(1), (y + 1).min(self.shape[1] - 1)]
    }

    /// Sums over each voxel and those beside it, for all but the ends of rows, where what it writes
    /// is to be written anew; or adds them to what is there, and says whether one is below zero then.
    #[inline(always)]
    fn inside<L: Lanes, const ADDS: bool>(
        &self,
        lanes: L,
        of: &[Real; 4],
        out: &mut [Real],
    ) -> bool {
        let [nx, ny] = self.shape;
        let last = ny - 1;
        let mut is_negative = false;
        for rows in [0..1, 1..last.max(1), last.max(1)..ny] {
            if rows.len() * nx <= 2 {
                continue;
            }
            let inner = rows.len() * nx - 2;
            let [lower, upper] = self.beside(rows.start);
            let start = rows.start * nx;
            is_negative |= around::<L, ADDS>(
                lanes,
                of,
                [
                    &self.here[start..][..inner],
                    &self.here[start + 1..][..inner],
                    &self.here[start + 2..][..inner],
                    &self.here[lower * nx + 1..][..inner],
                    &self.here[upper * nx + 1..][..inner],
                    &self.below[start + 1..][..inner],
                    &self.above[start + 1..][..inner],
                ],
                &mut out[start + 1..][..inner],
            );
        }
        is_negative
    }

    /// The same sums for the ends of rows: tells `write` which end, which voxel, and its sum.
    #[inline(always)]
    fn ends(&self, of: &[Real; 4], mut write: impl FnMut(usize, usize, Real)) {
        let [nx, ny] = self.shape;
        for y in 0..ny {
            let [lower, upper] = self.beside(y);
            for end in 0..2 {
                let x = end * (nx - 1);
                let (left, right) = (x.saturating_sub(1), (x + 1).min(nx - 1));
                let voxel = y * nx + x;
                let value = of[0] * self.here[voxel]
                    + of[1] * (self.here[y * nx + left] + self.here[y * nx + right])
                    + of[2] * (self.here[lower * nx + x] + self.here[upper * nx + x])
                    + of[3] * (self.below[voxel] + self.above[voxel]);
                write(2 * y + end, voxel, value);
            }
        }
    }
}

impl Weights {
    /// The increment with what cells do: `alone` is that without.
    #[inline(always)]
    fn exchanged(&self, alone: Real, density: Real, rates: Rates) -> Real {
        let damped = damping(self.decay + self.tau * rates.sink);
        let moved = self.tau * (rates.source - rates.sink * density);
        damped * (alone * self.undamped + moved)
    }
}

/// What [`Near::inside`] does, at `rows`: left, own, right, lower, upper, below, above.
#[inline(always)]
fn around<L: Lanes, const ADDS: bool>(
    lanes: L,
    of: &[Real; 4],
    rows: [&[Real]; 7],
    out: &mut [Real],
) -> bool {
    let of = [
        lanes.all(of[0]),
        lanes.all(of[1]),
        lanes.all(of[2]),
        lanes.all(of[3]),
    ];
    let mut least = lanes.all(0.0);
    let (outs, few) = out.as_chunks_mut::<LANES>();
    let n = outs.len();
    let [left, own, right, lower, upper, below, above] = rows;
    let (lefts, owns, rights) = (&whole(left)[..n], &whole(own)[..n], &whole(right)[..n]);
    let (lowers, uppers) = (&whole(lower)[..n], &whole(upper)[..n]);
    let (belows, aboves) = (&whole(below)[..n], &whole(above)[..n]);
    for k in 0..n {
        let mut value = sum(
            lanes,
            &of,
            [
                lanes.load(&lefts[k]),
                lanes.load(&owns[k]),
                lanes.load(&rights[k]),
                lanes.load(&lowers[k]),
                lanes.load(&uppers[k]),
                lanes.load(&belows[k]),
                lanes.load(&aboves[k]),
            ],
        );
        if ADDS {
            value = lanes.plus(lanes.load(&outs[k]), value);
            least = lanes.least(value, least);
        }
        lanes.store(value, &mut outs[k]);
    }
    if !few.is_empty() {
        let rest = n * LANES..n * LANES + few.len();
        let mut value = sum(
            lanes,
            &of,
            [
                lanes.load_few(&left[rest.clone()]),
                lanes.load_few(&own[rest.clone()]),
                lanes.load_few(&right[rest.clone()]),
                lanes.load_few(&lower[rest.clone()]),
                lanes.load_few(&upper[rest.clone()]),
                lanes.load_few(&below[rest.clone()]),
                lanes.load_few(&above[rest]),
            ],
        );
        if ADDS {
            value = lanes.plus(lanes.load_few(few), value);
            least = lanes.least(value, least);
        }
        lanes.store_few(value, few);
    }
    let mut leasts = [0.0; LANES];
    if ADDS {
        lanes.store(least, &mut leasts);
    }
    leasts.iter().any(|&least| least < 0.0)
}

#[inline(always)]
fn whole(row: &[Real]) -> &[[Real; LANES]] {
    row.as_chunks().0
}

#[inline(always)]
fn sum<L: Lanes>(lanes: L, of: &[L::Eight; 4], at: [L::Eight; 7]) -> L::Eight {
    let [left, own, right, lower, upper, below, above] = at;
    let value = lanes.times_plus(of[1], lanes.plus(left, right), lanes.times(of[0], own));
    let value = lanes.times_plus(of[2], lanes.plus(lower, upper), value);
    lanes.times_plus(of[3], lanes.plus(below, above), value)
}
