//! The sweeps, arranged for the cache and for vector registers.
//!
//! Along x the unknowns of a line follow each other in memory and each waits for the one before,
//! so [`ROWS`] lines advance side by side, turned in registers so that a column of theirs is what
//! an instruction works on. Along y and z rows of x advance together: along y so many columns of
//! them that what goes from row to row stays in registers, along z more, because rows that are
//! whole pages apart would drive each other out of the nearest cache. The x and y sweeps of
//! a plane run while it is in cache. A voxel's arithmetic is the same whichever lines keep it
//! company, so blocks, registers and threads do not show in the bits.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Range;

use rayon::prelude::*;

use super::{
    Line, Solver,
    held::Run,
    lanes::{LANES, Lanes, Work, widest},
};
use crate::{Grid, Pool, Real};

/// Lines of x that advance side by side: each waits eight cycles for what came before, and two
/// registers' worth hides half of that.
const ROWS: usize = 2 * LANES;
/// Columns of a y or z sweep taken together: long enough to run along half a page of memory, short
/// enough that a few hundred rows of it stay in the second cache.
const COLUMNS: usize = 256;
/// Below this many densities a step is shorter than waking the threads.
const LARGE: usize = 1 << 16;

pub(super) fn step(grid: &Grid, solvers: &[Solver], densities: &mut [Real], pool: &Pool) {
    let [nx, ny, nz] = grid.shape;
    let plane = nx * ny;
    let voxels = plane * nz;
    let large = densities.len() >= LARGE;
    let field = Field::new(densities);

    if nz > 1 {
        let planes = solvers.len() * nz;
        tasks(pool, large, planes, |task| {
            let solver = &solvers[task / nz];
            let [first, past] = solver.free[2];
            if (first..past).contains(&(task % nz)) {
                // SAFETY: this task alone touches plane `task`, and nothing else is touched.
                unsafe {
                    let start = task / nz * voxels;
                    let written = solver.writes.first(task % nz..task % nz + 1);
                    field.write(start, written);
                    sweep_plane_x(solver, &field, task * plane, [nx, ny], 0..ny);
                    field.write(start, written);
                    sweep_plane_y(solver, &field, task * plane, nx, 0..nx);
                    field.write(start, written);
                }
            }
        });
        let together = (COLUMNS / nx).max(1);
        let bands = ny.div_ceil(together);
        tasks(pool, large, solvers.len() * bands, |task| {
            let (solver, band) = (&solvers[task / bands], task % bands);
            let rows = band * together..((band + 1) * together).min(ny);
            let start = task / bands * voxels;
            let [first, past] = solver.free[1];
            let columns = solver.free[0][0]..solver.free[0][1];
            // SAFETY: this task alone touches these rows of this substrate, in any plane.
            unsafe {
                let free = rows.start.max(first)..rows.end.min(past);
                if columns == (0..nx) {
                    // Rows without a gap are as good as one.
                    let joined = free.start * nx..free.end * nx;
                    sweep_across(&solver.axes[2], &field, start, plane, joined);
                } else {
                    for row in free {
                        let columns = row * nx + columns.start..row * nx + columns.end;
                        sweep_across(&solver.axes[2], &field, start, plane, columns);
                    }
                }
                field.write(start, solver.writes.last(rows));
            }
        });
    } else {
        // In 2D a substrate is one plane, cut into bands of rows and then of columns.
        let bands = ny.div_ceil(ROWS);
        tasks(pool, large, solvers.len() * bands, |task| {
            let (substrate, band) = (task / bands, task % bands);
            let rows = band * ROWS..((band + 1) * ROWS).min(ny);
            let (solver, start) = (&solvers[substrate], substrate * voxels);
            // SAFETY: this task alone touches these rows of this substrate.
            unsafe {
                let written = solver.writes.first(rows.clone());
                field.write(start, written);
                sweep_plane_x(solver, &field, start, [nx, ny], rows);
                field.write(start, written);
            }
        });
        let bands = nx.div_ceil(COLUMNS);
        tasks(pool, large, solvers.len() * bands, |task| {
            let (substrate, band) = (task / bands, task % bands);
            let columns = band * COLUMNS..((band + 1) * COLUMNS).min(nx);
            let (solver, start) = (&solvers[substrate], substrate * voxels);
            // SAFETY: this task alone touches these columns of this substrate.
            unsafe {
                sweep_plane_y(solver, &field, start, nx, columns.clone());
                field.write(start, solver.writes.last(columns));
            }
        });
    }
}

fn tasks(pool: &Pool, large: bool, count: usize, work: impl Fn(usize) + Sync + Send) {
    if large && pool.threads() > 1 {
        pool.run(|| (0..count).into_par_iter().with_max_len(1).for_each(work));
    } else {
        (0..count).for_each(work);
    }
}

/// The densities, seen by tasks that each write their own rows. A z sweep's rows are far apart in
/// memory, so the borrow checker cannot be shown that they are disjoint.
struct Field<'a> {
    start: *mut Real,
    len: usize,
    borrow: PhantomData<&'a mut [Real]>,
}

// SAFETY: `row` is unsafe, and its caller promises that no two tasks ask for the same entries.
unsafe impl Sync for Field<'_> {}

impl<'a> Field<'a> {
    fn new(densities: &'a mut [Real]) -> Field<'a> {
        Field {
            start: densities.as_mut_ptr(),
            len: densities.len(),
            borrow: PhantomData,
        }
    }

    /// # Safety
    /// No other live slice may overlap these entries.
    #[allow(clippy::mut_from_ref)]
    unsafe fn row(&self, start: usize, len: usize) -> &mut [Real] {
        assert!(start + len <= self.len);
        // SAFETY: in bounds by the line above, unshared by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }

    /// Writes densities into voxels of the substrate that starts at `start`.
    ///
    /// # Safety
    /// No slice of these voxels may be live, and no other task may touch them.
    unsafe fn write(&self, start: usize, written: &[Run]) {
        for run in written {
            // SAFETY: unshared by the caller's promise.
            let row = unsafe { self.row(start + run.first as usize, run.len as usize) };
            row.fill(run.value);
        }
    }
}

/// The x lines of the plane at `start`, without those in a held y face: `rows` counts the others.
///
/// # Safety
/// No other task may touch these rows.
unsafe fn sweep_plane_x(
    solver: &Solver,
    field: &Field,
    start: usize,
    [nx, _]: [usize; 2],
    rows: Range<usize>,
) {
    let [first, past] = solver.free[1];
    let (from, to) = (first + rows.start, past.min(first + rows.end));
    if from >= to {
        return;
    }
    // SAFETY: the caller owns the rows.
    let lines = unsafe { field.row(start + from * nx, (to - from) * nx) };
    TURNED.with_borrow_mut(|turned| {
        turned.resize(nx.max(turned.len()), Column([[0.0; LANES]; 2]));
        widest(Along {
            line: &solver.axes[0],
            lines,
            turned: &mut turned[..nx],
        });
    });
}

/// The y lines of `columns` of the plane at `start`, without those in a held x face.
///
/// # Safety
/// No other task may touch these columns.
unsafe fn sweep_plane_y(
    solver: &Solver,
    field: &Field,
    start: usize,
    nx: usize,
    columns: Range<usize>,
) {
    let [first, past] = solver.free[0];
    let columns = columns.start.max(first)..columns.end.min(past);
    if columns.is_empty() {
        return;
    }
    widest(Abreast {
        line: &solver.axes[1],
        // SAFETY: the caller owns the columns, and one row is in use at a time.
        row: |index: usize| unsafe { field.row(start + index * nx + columns.start, columns.len()) },
        width: columns.len(),
    });
}

/// Solves the lines that lie one after another in `lines`, [`ROWS`] side by side.
struct Along<'a> {
    line: &'a Line,
    lines: &'a mut [Real],
    /// Scratch, as many as a line is long.
    turned: &'a mut [Column],
}

/// One column of the lines that advance together.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Column([[Real; LANES]; 2]);

thread_local! {
    static TURNED: RefCell<Vec<Column>> = const { RefCell::new(Vec::new()) };
}

impl Work for Along<'_> {
    #[inline(always)]
    fn with<L: Lanes>(self, lanes: L) {
        for lines in self.lines.chunks_mut(ROWS * self.turned.len()) {
            along(lanes, self.line, lines, self.turned);
        }
    }
}

/// Solves at most [`ROWS`] lines. Where there are fewer, the last is solved several times.
#[inline(always)]
fn along<L: Lanes>(lanes: L, line: &Line, lines: &mut [Real], turned: &mut [Column]) {
    let n = turned.len();
    let (scale, lower, upper) = (&line.scale[..n], &line.lower[..n], &line.upper[..n]);
    let last = lines.len() / n - 1;
    let starts: [[usize; LANES]; 2] = core::array::from_fn(|half| {
        core::array::from_fn(|lane| (half * LANES + lane).min(last) * n)
    });
    let mut behind = [lanes.all(0.0); 2];
    for first in (0..n).step_by(LANES) {
        let width = LANES.min(n - first);
        let mut tiles = [[lanes.all(0.0); LANES]; 2];
        for half in 0..2 {
            for lane in 0..LANES {
                tiles[half][lane] = load(lanes, &lines[starts[half][lane] + first..][..width]);
            }
            tiles[half] = lanes.transposed(tiles[half]);
        }
        // Up to eight, so that the compiler counts it out.
        for i in 0..LANES {
            if i == width {
                break;
            }
            let index = first + i;
            let (scale, lower) = (lanes.all(scale[index]), lanes.all(lower[index]));
            for half in 0..2 {
                let below = lanes.times(lower, behind[half]);
                behind[half] = lanes.times_plus(tiles[half][i], scale, below);
                lanes.store(behind[half], &mut turned[index].0[half]);
            }
        }
    }

    let mut ahead = [lanes.all(0.0); 2];
    for first in (0..n).step_by(LANES).rev() {
        let width = LANES.min(n - first);
        let mut tiles = [[lanes.all(0.0); LANES]; 2];
        for i in (0..LANES).rev() {
            if i >= width {
                continue;
            }
            let index = first + i;
            let upper = lanes.all(upper[index]);
            for half in 0..2 {
                let value = lanes.load(&turned[index].0[half]);
                ahead[half] = lanes.times_plus(upper, ahead[half], value);
                tiles[half][i] = ahead[half];
            }
        }
        for half in 0..2 {
            let rows = lanes.transposed(tiles[half]);
            for lane in 0..LANES {
                let start = starts[half][lane] + first;
                store(lanes, rows[lane], &mut lines[start..start + width]);
            }
        }
    }
}

/// Eight numbers, or fewer.
#[inline(always)]
fn load<L: Lanes>(lanes: L, from: &[Real]) -> L::Eight {
    match from.first_chunk() {
        Some(eight) => lanes.load(eight),
        None => lanes.load_few(from),
    }
}

/// As many of eight numbers as there is room for.
#[inline(always)]
fn store<L: Lanes>(lanes: L, eight: L::Eight, to: &mut [Real]) {
    match to.first_chunk_mut() {
        Some(to) => lanes.store(eight, to),
        None => lanes.store_few(eight, to),
    }
}

/// Solves the lines that cross rows: voxel n of a line lies in the row that starts at
/// `start + n · stride`, and `columns` are taken together.
///
/// # Safety
/// No other task may touch these columns of these rows.
unsafe fn sweep_across(
    line: &Line,
    field: &Field,
    start: usize,
    stride: usize,
    columns: Range<usize>,
) {
    let mut from = columns.start;
    while from < columns.end {
        let width = COLUMNS.min(columns.end - from);
        widest(Across {
            line,
            // SAFETY: the caller owns the columns; the two rows in use are different ones.
            row: |index: usize| unsafe { field.row(start + index * stride + from, width) },
        });
        from += width;
    }
}

/// Solves lines that cross rows.
struct Across<'a, R> {
    line: &'a Line,
    /// One row of it.
    row: R,
}

impl<'a, R: Fn(usize) -> &'a mut [Real]> Work for Across<'a, R> {
    #[inline(always)]
    fn with<L: Lanes>(self, _: L) {
        let (line, row) = (self.line, self.row);
        let n = line.scale.len();
        for value in row(0).iter_mut() {
            *value *= line.scale[0];
        }
        for index in 1..n {
            let (scale, lower) = (line.scale[index], line.lower[index]);
            for (value, behind) in row(index).iter_mut().zip(row(index - 1).iter()) {
                *value = *value * scale + lower * behind;
            }
        }
        for index in (0..n - 1).rev() {
            let upper = line.upper[index];
            for (value, ahead) in row(index).iter_mut().zip(row(index + 1).iter()) {
                *value += upper * ahead;
            }
        }
    }
}

/// Solves lines that cross rows which lie near each other, what goes from row to row in registers.
struct Abreast<'a, R> {
    line: &'a Line,
    /// One row of it, so many columns wide.
    row: R,
    width: usize,
}

impl<'a, R: Fn(usize) -> &'a mut [Real]> Work for Abreast<'_, R> {
    #[inline(always)]
    fn with<L: Lanes>(self, lanes: L) {
        // Tiles of nearly one width: in a narrow one each row would wait for the one before.
        let eights = self.width.div_ceil(LANES);
        let tiles = eights.div_ceil(L::ABREAST);
        for tile in 0..tiles {
            let [from, to] = [tile, tile + 1].map(|tile| eights * tile / tiles);
            let tile = from * LANES..self.width.min(to * LANES);
            let row = |index: usize| &mut (self.row)(index)[tile.clone()];
            match to - from {
                1 => abreast::<L, 1>(lanes, self.line, row),
                2 => abreast::<L, 2>(lanes, self.line, row),
                3 => abreast::<L, 3>(lanes, self.line, row),
                4 => abreast::<L, 4>(lanes, self.line, row),
                5 => abreast::<L, 5>(lanes, self.line, row),
                6 => abreast::<L, 6>(lanes, self.line, row),
                7 => abreast::<L, 7>(lanes, self.line, row),
                _ => abreast::<L, 8>(lanes, self.line, row),
            }
        }
    }
}

/// Solves the columns of rows that are `E` times eight numbers wide, the last of them perhaps fewer.
#[inline(always)]
fn abreast<'a, L: Lanes, const E: usize>(
    lanes: L,
    line: &Line,
    row: impl Fn(usize) -> &'a mut [Real],
) {
    let n = line.scale.len();
    let (scale, lower, upper) = (&line.scale[..n], &line.lower[..n], &line.upper[..n]);
    let mut last = [lanes.all(0.0); E];
    for index in 0..n {
        let (whole, few) = row(index).as_chunks_mut();
        let (scale, lower) = (lanes.all(scale[index]), lanes.all(lower[index]));
        // By number, so that the compiler counts them out and keeps them in registers.
        for k in 0..E {
            let is_whole = k + 1 < E || few.is_empty();
            let value = if is_whole {
                lanes.load(&whole[k])
            } else {
                lanes.load_few(few)
            };
            last[k] = if index == 0 {
                lanes.times(value, scale)
            } else {
                lanes.times_plus(value, scale, lanes.times(lower, last[k]))
            };
            if is_whole {
                lanes.store(last[k], &mut whole[k]);
            } else {
                lanes.store_few(last[k], few);
            }
        }
    }
    for index in (0..n - 1).rev() {
        let (whole, few) = row(index).as_chunks_mut();
        let upper = lanes.all(upper[index]);
        for k in 0..E {
            if k + 1 < E || few.is_empty() {
                last[k] = lanes.times_plus(upper, last[k], lanes.load(&whole[k]));
                lanes.store(last[k], &mut whole[k]);
            } else {
                last[k] = lanes.times_plus(upper, last[k], lanes.load_few(few));
                lanes.store_few(last[k], few);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::lanes::Registers;

    #[test]
    fn all_registers_give_the_same_bits() {
        for n in [1, 2, 7, 8, 9, 16, 37] {
            let line = &Line::new(n, 0.7, 0.01, [n % 2 == 0, false]);
            for rows in [1, 5, 8, 16, 21, 77] {
                let solved: Vec<Vec<Real>> = Registers::all()
                    .into_iter()
                    .map(|registers| {
                        // No two numbers alike.
                        let noise = |i: usize| ((i * 7919) % 10_007) as Real / 7.0 - 300.0;
                        let mut lines: Vec<Real> = (0..rows * n).map(noise).collect();
                        registers.run(Along {
                            line,
                            lines: &mut lines,
                            turned: &mut vec![Column([[0.0; LANES]; 2]); n],
                        });
                        let mut crossing: Vec<Real> = (0..n * rows).map(noise).collect();
                        let field = Field::new(&mut crossing);
                        registers.run(Across {
                            line,
                            // SAFETY: the two rows in use are different ones.
                            row: |index: usize| unsafe { field.row(index * rows, rows) },
                        });
                        let mut near: Vec<Real> = (0..n * rows).map(noise).collect();
                        let field = Field::new(&mut near);
                        registers.run(Abreast {
                            line,
                            // SAFETY: one row is in use at a time.
                            row: |index: usize| unsafe { field.row(index * rows, rows) },
                            width: rows,
                        });
                        assert_eq!(crossing, near, "{rows} lines of {n}");
                        lines.extend(crossing);
                        lines
                    })
                    .collect();
                for other in &solved[1..] {
                    assert_eq!(&solved[0], other, "{rows} lines of {n}");
                }
            }
        }
    }
}
