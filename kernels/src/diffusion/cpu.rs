//! The sweeps, arranged for the cache and for vector registers.
//!
//! Along x the unknowns of a line follow each other in memory and each waits for the one before,
//! so up to eight lines advance side by side. Along y and z whole rows of x advance together. The x
//! and y sweeps of a plane run while it is in cache. A voxel's arithmetic is the same whichever
//! lines keep it company, so blocks and threads do not show in the bits.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Range;

use rayon::prelude::*;

use super::{Line, Solver, held::Run};
use crate::{Grid, Pool, Real};

/// Lines of x that advance side by side: one or two vector registers' worth.
const LANES: usize = 8;
/// Columns of a y or z sweep taken together.
const COLUMNS: usize = 128;
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
        tasks(pool, large, solvers.len() * ny, |task| {
            let (solver, row) = (&solvers[task / ny], task % ny);
            let [first, past] = solver.free[1];
            if (first..past).contains(&row) {
                let start = task / ny * voxels + row * nx;
                let columns = solver.free[0][0]..solver.free[0][1];
                // SAFETY: this task alone touches row `row` of this substrate, in any plane.
                unsafe {
                    sweep_across(&solver.axes[2], &field, start, plane, columns);
                    field.write(task / ny * voxels, solver.writes.last(row..row + 1));
                }
            }
        });
    } else {
        // In 2D a substrate is one plane, cut into bands of rows and then of columns.
        let bands = ny.div_ceil(LANES);
        tasks(pool, large, solvers.len() * bands, |task| {
            let (substrate, band) = (task / bands, task % bands);
            let rows = band * LANES..((band + 1) * LANES).min(ny);
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
        pool.run(|| (0..count).into_par_iter().for_each(work));
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
    thread_local! {
        static SCRATCH: RefCell<Vec<[Real; LANES]>> = const { RefCell::new(Vec::new()) };
    }
    let [first, past] = solver.free[1];
    let (from, to) = (first + rows.start, past.min(first + rows.end));
    if from >= to {
        return;
    }
    // SAFETY: the caller owns the rows.
    let lines = unsafe { field.row(start + from * nx, (to - from) * nx) };
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.resize(nx, [0.0; LANES]);
        let rest = sweep_along::<LANES>(&solver.axes[0], lines, scratch);
        let rest = sweep_along::<4>(&solver.axes[0], rest, scratch);
        let rest = sweep_along::<2>(&solver.axes[0], rest, scratch);
        sweep_along::<1>(&solver.axes[0], rest, scratch);
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
    // SAFETY: the caller owns the columns.
    unsafe { sweep_across(&solver.axes[1], field, start, nx, columns) };
}

/// Solves the lines that lie one after another in `lines`, `TOGETHER` ≤ [`LANES`] side by side,
/// and returns those left over.
fn sweep_along<'a, const TOGETHER: usize>(
    line: &Line,
    lines: &'a mut [Real],
    scratch: &mut [[Real; LANES]],
) -> &'a mut [Real] {
    let n = line.scale.len();
    let scratch = &mut scratch[..n];
    let (scale, lower, upper) = (&line.scale[..n], &line.lower[..n], &line.upper[..n]);
    let mut groups = lines.chunks_exact_mut(TOGETHER * n);
    for group in &mut groups {
        let mut rows = group.chunks_exact_mut(n);
        let rows: [&mut [Real]; TOGETHER] = core::array::from_fn(|_| {
            let row = rows.next().expect("a group holds this many lines");
            &mut row[..n]
        });
        let mut behind = [0.0; TOGETHER];
        for i in 0..n {
            for lane in 0..TOGETHER {
                behind[lane] = rows[lane][i] * scale[i] + lower[i] * behind[lane];
                scratch[i][lane] = behind[lane];
            }
        }
        let mut ahead = [0.0; TOGETHER];
        for i in (0..n).rev() {
            for lane in 0..TOGETHER {
                ahead[lane] = scratch[i][lane] + upper[i] * ahead[lane];
            }
            for lane in 0..TOGETHER {
                rows[lane][i] = ahead[lane];
            }
        }
    }
    groups.into_remainder()
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
    let n = line.scale.len();
    let mut from = columns.start;
    while from < columns.end {
        let width = COLUMNS.min(columns.end - from);
        // SAFETY: the caller owns the columns; the two rows in use are different ones.
        let row = |index: usize| unsafe { field.row(start + index * stride + from, width) };
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
        from += width;
    }
}
