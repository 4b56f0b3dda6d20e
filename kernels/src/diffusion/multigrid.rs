//! c(x) ρ − D ∇²ρ = b on a box of voxels, by multigrid.
//!
//! Written with r = D / d² per axis, and a voxel beyond a closed face as the mirror of the one
//! before it,
//!
//! ```text
//! (c_i + 2 Σ r) ρ_i − Σ r (ρ_{i−1} + ρ_{i+1}) = b_i
//! ```
//!
//! Smoothing is two Jacobi steps whose weights are the Chebyshev ones of the upper two thirds of
//! the spectrum; residuals are averaged over the voxels of a coarser one, corrections interpolated
//! linearly between centers (Trottenberg, Oosterlee, Schüller 2001, Multigrid, ch. 2). Every pass
//! reads one array and writes another, so threads do not show in the bits.

mod rows;

use super::lanes::widest;
use crate::{Pool, Real};
use rows::{Between, Pass};

/// What stands on the diagonal of a voxel that is held: nothing moves it.
const HELD: Real = 1e30;

/// 1 / (7/6 ± 5/6 cos 45°): in 3D, rough modes have eigenvalues of 1/3 to 2 after division by the
/// diagonal. The error of any of them falls to a third in the two steps.
const WEIGHTS: [Real; 2] = [0.569_5, 1.732_0];

/// What a cycle leaves of an error, at most, in the first two.
pub(super) const LEFT_BY_CYCLE: Real = 0.25;

/// Voxels of a piece of work.
const PIECE: usize = 1 << 12;
/// Below this many voxels a pass is shorter than waking the threads.
const LARGE: usize = 1 << 15;

/// The grid and its coarser copies, down to one voxel.
#[derive(Clone, Debug)]
pub(super) struct Multigrid {
    levels: Vec<Level>,
    /// How many are in use, for the equation at hand.
    used: usize,
}

#[derive(Clone, Debug, Default)]
struct Level {
    shape: [usize; 3],
    /// A voxel's edges, in those of the finest level.
    edge: [usize; 3],
    /// Shape of the finest level.
    finest: [usize; 3],
    /// 1 / d² per axis, 1/µm².
    steepness: [Real; 3],
    /// Axes along which the next level has half the voxels.
    halved: [bool; 3],
    /// Faces that hold their voxels.
    walls: [[bool; 2]; 3],
    /// D / d² per axis, 1/min.
    r: [Real; 3],
    diagonal: Vec<Real>,
    inverse: Vec<Real>,
    b: Vec<Real>,
    x: Vec<Real>,
    spare: Vec<Real>,
}

impl Multigrid {
    pub(super) fn new(shape: [usize; 3], spacing: [Real; 3]) -> Multigrid {
        let mut levels = vec![];
        let finest = shape;
        let (mut shape, mut edge) = (shape, [1; 3]);
        let mut steepness = spacing.map(|d| 1.0 / (d * d));
        loop {
            let steepest = (0..3)
                .filter(|&axis| shape[axis] > 1)
                .map(|axis| steepness[axis])
                .fold(0.0, Real::max);
            // Where an axis couples much less than another, smoothing leaves it rough.
            let halved =
                core::array::from_fn(|axis| shape[axis] > 1 && 4.0 * steepness[axis] > steepest);
            let voxels = shape.iter().product();
            levels.push(Level {
                shape,
                edge,
                finest,
                steepness,
                halved,
                diagonal: vec![0.0; voxels],
                inverse: vec![0.0; voxels],
                b: vec![0.0; voxels],
                // The finest level's unknowns are the caller's.
                x: vec![0.0; if levels.is_empty() { 0 } else { voxels }],
                spare: vec![0.0; voxels],
                r: [0.0; 3],
                walls: [[false; 2]; 3],
            });
            if voxels == 1 {
                break;
            }
            for axis in 0..3 {
                if halved[axis] {
                    shape[axis] = shape[axis].div_ceil(2);
                    edge[axis] *= 2;
                    steepness[axis] /= 4.0;
                }
            }
        }
        Multigrid { used: 1, levels }
    }

    /// Sets the equation: D (µm²/min), c (1/min, > 0) where there are no sinks, what sinks add to
    /// it by voxel, and which faces (lower and upper, by axis) hold their voxels.
    pub(super) fn prepare(
        &mut self,
        coefficient: Real,
        c: Real,
        sinks: impl Iterator<Item = (u32, Real)>,
        walls: [[bool; 2]; 3],
        pool: &Pool,
    ) {
        for level in &mut self.levels {
            level.walls = walls;
            for axis in 0..3 {
                let among_several = Real::from(u8::from(level.shape[axis] > 1));
                level.r[axis] = coefficient * level.steepness[axis] * among_several;
            }
        }
        // A level on which neighbors hardly count is solved by smoothing.
        let coupled = |level: &Level| 4.0 * level.r.iter().sum::<Real>() > c;
        let coarse = self.levels[1..].iter().take_while(|level| coupled(level));
        self.used = (2 + coarse.count()).min(self.levels.len());
        // The finest level is large and most of it alike: it is not worth passes of its own.
        let finest = &mut self.levels[0];
        let of_neighbors = finest.of_neighbors();
        let everywhere = c + of_neighbors;
        finest.diagonal.fill(everywhere);
        finest.inverse.fill(1.0 / everywhere);
        for (voxel, sink) in sinks {
            let diagonal = &mut finest.diagonal[voxel as usize];
            *diagonal += sink;
            finest.inverse[voxel as usize] = 1.0 / *diagonal;
        }
        // c(x) is averaged from level to level; then neighbors and walls add their part on each.
        for number in 1..self.used {
            let (finer, coarser) = self.levels.split_at_mut(number);
            let (finer, coarser) = (&finer[number - 1], &mut coarser[0]);
            let less = if number == 1 { of_neighbors } else { 0.0 };
            let (shape, out) = (coarser.shape, &mut coarser.diagonal);
            finer.average(&finer.diagonal, less, shape, out, pool);
        }
        for (number, level) in self.levels[..self.used].iter_mut().enumerate() {
            if number > 0 {
                let of_neighbors = level.of_neighbors();
                for (inverse, diagonal) in level.inverse.iter_mut().zip(&mut level.diagonal) {
                    *diagonal += of_neighbors;
                    *inverse = 1.0 / *diagonal;
                }
            }
            let mut diagonal = std::mem::take(&mut level.diagonal);
            let mut inverse = std::mem::take(&mut level.inverse);
            level.at_walls(|voxel, by| {
                diagonal[voxel] = (diagonal[voxel] + by).min(HELD);
                inverse[voxel] = 1.0 / diagonal[voxel];
            });
            (level.diagonal, level.inverse) = (diagonal, inverse);
        }
    }

    /// The right-hand side, `[voxel]`, to be written after [`Multigrid::prepare`]. That of a held
    /// voxel is to be given to [`Multigrid::hold`].
    pub(super) fn right_side(&mut self) -> &mut [Real] {
        &mut self.levels[0].b
    }

    /// Says what a held voxel holds.
    pub(super) fn hold(&mut self, voxel: u32, value: Real) {
        self.levels[0].b[voxel as usize] = HELD * value;
    }

    /// Brings `x` nearer to the solution: see [`LEFT_BY_CYCLE`].
    pub(super) fn cycle(&mut self, x: &mut [Real], pool: &Pool) {
        cycle(&mut self.levels[..self.used], x, pool);
    }
}

fn cycle(levels: &mut [Level], x: &mut [Real], pool: &Pool) {
    let [level, coarser @ ..] = levels else {
        return;
    };
    if level.diagonal.len() == 1 {
        // Its neighbors are its own mirrors, and r is zero.
        x[0] = level.b[0] / level.diagonal[0];
        return;
    }
    level.smooth(x, pool);
    let Some(next) = coarser.first_mut() else {
        level.smooth(x, pool);
        return;
    };
    let mut residual = std::mem::take(&mut level.spare);
    level.pass(x, &mut residual, None, pool);
    level.at_walls(|voxel, by| {
        if by == HELD {
            residual[voxel] = 0.0;
        }
    });
    level.average(&residual, 0.0, next.shape, &mut next.b, pool);
    level.spare = residual;
    let mut correction = std::mem::take(&mut next.x);
    correction.fill(0.0);
    let shape = next.shape;
    cycle(coarser, &mut correction, pool);
    let mut stretched = std::mem::take(&mut level.spare);
    let of_rows = x.len() / level.shape[1] / level.shape[2] * shape[1] * shape[2];
    level.correct(x, &correction, &mut stretched[..of_rows], shape, pool);
    level.spare = stretched;
    coarser[0].x = correction;
    level.smooth(x, pool);
}

impl Level {
    /// What neighbors add to the diagonal, mirrors included.
    fn of_neighbors(&self) -> Real {
        2.0 * self.r.iter().sum::<Real>()
    }

    fn smooth(&mut self, x: &mut [Real], pool: &Pool) {
        let mut spare = std::mem::take(&mut self.spare);
        self.pass(x, &mut spare, Some(WEIGHTS[0]), pool);
        self.pass(&spare, x, Some(WEIGHTS[1]), pool);
        self.spare = spare;
    }

    /// Calls `work(j, k, row)` for each row of x of `out`.
    fn rows(
        shape: [usize; 3],
        out: &mut [Real],
        pool: &Pool,
        work: impl Fn(usize, &mut [Real]) + Sync + Send,
    ) {
        let [nx, ..] = shape;
        let rows = (PIECE / nx).max(1);
        let large = out.len() >= LARGE;
        pool.pieces(out, rows * nx, large, |piece, out| work(piece * rows, out));
    }

    /// A Jacobi step with this weight from `x` to `out`, or the residual of `x`.
    fn pass(&self, x: &[Real], out: &mut [Real], weight: Option<Real>, pool: &Pool) {
        Level::rows(self.shape, out, pool, |first, out| {
            widest(Pass {
                level: self,
                x,
                first,
                out,
                weight,
            });
        });
    }

    /// `out` of a coarser level: sums of what there is above `less` in its voxels, divided by how many voxels one has inside the
    /// domain. One that an end cuts has less of everything, so that nothing is lost there.
    fn average(&self, from: &[Real], less: Real, shape: [usize; 3], out: &mut [Real], pool: &Pool) {
        let [nx, ny, nz] = self.shape;
        let step = self.halved.map(|halved| 1 + usize::from(halved));
        let share = 1.0 / (step[0] * step[1] * step[2]) as Real;
        Level::rows(shape, out, pool, |first, out| {
            for (row, out) in out.chunks_mut(shape[0]).enumerate() {
                let (j, k) = ((first + row) % shape[1], (first + row) / shape[1]);
                out.fill(0.0);
                for k in k * step[2]..((k + 1) * step[2]).min(nz) {
                    for j in j * step[1]..((j + 1) * step[1]).min(ny) {
                        let from = &from[(k * ny + j) * nx..][..nx];
                        if step[0] == 1 {
                            for (out, from) in out.iter_mut().zip(from) {
                                *out += from - less;
                            }
                            continue;
                        }
                        let (pairs, single) = from.as_chunks::<2>();
                        for (out, [a, b]) in out.iter_mut().zip(pairs) {
                            *out += (a - less) + (b - less);
                        }
                        if let [last] = single {
                            out[pairs.len()] += last - less;
                        }
                    }
                }
                for out in out {
                    *out *= share;
                }
            }
        });
    }

    /// Calls `work(voxel, by)` for the voxels at walls, with what a wall adds to the diagonal.
    /// A wall lies in the middle of the outermost voxels of the finest level; a voxel whose center is
    /// there or beyond is held.
    fn at_walls(&self, mut work: impl FnMut(usize, Real)) {
        let [nx, ny, nz] = self.shape;
        for axis in 0..3 {
            for side in 0..2 {
                if !self.walls[axis][side] {
                    continue;
                }
                let (n, edge) = (self.shape[axis] as Real, self.edge[axis] as Real);
                let past = self.finest[axis] as Real - 0.5;
                let distance = [0.5 * edge - 0.5, past - (n - 0.5) * edge][side];
                let by = if distance < 0.2 * edge {
                    HELD
                } else {
                    self.r[axis] * edge / distance
                };
                let at = [0, self.shape[axis] - 1][side];
                let mut face = [0..nx, 0..ny, 0..nz];
                face[axis] = at..at + 1;
                let [is, js, ks] = face;
                for k in ks {
                    for j in js.clone() {
                        for i in is.clone() {
                            work((k * ny + j) * nx + i, by);
                        }
                    }
                }
            }
        }
    }

    /// Adds to `x` what lies between the centers of a coarser level.
    fn correct(
        &self,
        x: &mut [Real],
        correction: &[Real],
        stretched: &mut [Real],
        shape: [usize; 3],
        pool: &Pool,
    ) {
        let [nx, ny, _] = self.shape;
        // Beyond an end stands what is before it, beyond a wall its negative: half way is zero.
        let sign = self
            .walls
            .map(|sides| sides.map(|wall| if wall { -1.0 } else { 1.0 }));
        // The voxel's own coarser one, and the one that it leans to, three to one.
        let between = |at: usize, axis: usize| {
            if !self.halved[axis] {
                return [(at, 1.0), (at, 0.0)];
            }
            let own = at / 2;
            let other = match at % 2 {
                0 if own == 0 => (own, 0.25 * sign[axis][0]),
                0 => (own - 1, 0.25),
                _ if own + 1 == shape[axis] => (own, 0.25 * sign[axis][1]),
                _ => (own + 1, 0.25),
            };
            [(own, 0.75), other]
        };
        // Along x first, on the rows of the coarser level.
        let stretched_shape = [nx, shape[1], shape[2]];
        Level::rows(stretched_shape, stretched, pool, |first, stretched| {
            for (row, stretched) in stretched.chunks_mut(nx).enumerate() {
                let line = &correction[(first + row) * shape[0]..][..shape[0]];
                if !self.halved[0] {
                    stretched.copy_from_slice(line);
                    continue;
                }
                for (i, value) in stretched.iter_mut().enumerate() {
                    let [(own, of_own), (other, of_other)] = between(i, 0);
                    *value = of_own * line[own] + of_other * line[other];
                }
            }
        });
        Level::rows(self.shape, x, pool, |first, x| {
            for (row, x) in x.chunks_mut(nx).enumerate() {
                let (j, k) = ((first + row) % ny, (first + row) / ny);
                let (js, ks) = (between(j, 1), between(k, 2));
                let of = |j: usize, k: usize| {
                    let (row, weight) = (ks[k].0 * shape[1] + js[j].0, ks[k].1 * js[j].1);
                    (&stretched[row * nx..][..nx], weight)
                };
                widest(Between {
                    rows: [of(0, 0), of(1, 0), of(0, 1), of(1, 1)],
                    diagonal: &self.diagonal[(first + row) * nx..][..nx],
                    x,
                });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Grid;

    #[test]
    fn a_cycle_leaves_at_most_a_quarter_of_an_error() {
        for shape in [
            [40, 40, 40],
            [33, 20, 9],
            [50, 50, 1],
            [37, 1, 1],
            [3, 2, 2],
        ] {
            for c in [100.0, 1.0, 0.01] {
                for closed in [true, false] {
                    let max = shape.map(|n| 20.0 * n as Real);
                    let grid = Grid::new([0.0; 3], max, [20.0; 3]).unwrap();
                    let is_held = |voxel: &u32| {
                        let at = grid.coordinates(*voxel as usize);
                        (0..grid.dimensions())
                            .any(|axis| at[axis] == 0 || at[axis] + 1 == shape[axis])
                    };
                    let voxels = 0..grid.len() as u32;
                    let held = voxels.clone().filter(|voxel| !closed && is_held(voxel));
                    let sinks = voxels
                        .filter(|voxel| voxel % 3 == 0)
                        .map(|voxel| (voxel, 3.0));
                    let pool = Pool::serial();
                    let mut multigrid = Multigrid::new(grid.shape, grid.spacing);
                    let walls =
                        core::array::from_fn(|axis| [!closed && axis < grid.dimensions(); 2]);
                    multigrid.prepare(1e5, c, sinks, walls, &pool);
                    multigrid.right_side().fill(0.0);
                    let noise = |i: usize| ((i * 7919) % 10_007) as Real / 10_007.0;
                    let mut x: Vec<Real> = (0..grid.len()).map(noise).collect();
                    for voxel in held {
                        x[voxel as usize] = 0.0;
                    }
                    let size = |x: &[Real]| x.iter().map(|x| x * x).sum::<Real>().sqrt();
                    for _ in 0..2 {
                        let before = size(&x);
                        multigrid.cycle(&mut x, &pool);
                        // All of a plane of one row may be held.
                        assert!(
                            size(&x) <= LEFT_BY_CYCLE * before,
                            "{shape:?}, {c}, closed: {closed}: {} of {before}",
                            size(&x)
                        );
                    }
                }
            }
        }
    }
}
