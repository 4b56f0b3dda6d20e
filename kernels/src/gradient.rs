//! The slope of a density at a voxel: central differences, one-sided at the domain's ends.

use std::ops::Range;

use crate::{Grid, Real};

/// ∇ρ at `voxel`, density per µm. `density` is `[voxel]`. An axis with one voxel has slope 0, so
/// the z component is 0 in 2D.
pub fn gradient(grid: &Grid, density: &[Real], voxel: usize) -> [Real; 3] {
    Slopes::new(grid, density).at(voxel)
}

/// The slopes of one density, for who asks at many voxels: quickest in their order.
#[derive(Debug)]
pub struct Slopes<'a> {
    grid: &'a Grid,
    density: &'a [Real],
    /// The line along x that was asked of last: its first voxel, j and k.
    line: [usize; 3],
}

impl<'a> Slopes<'a> {
    /// Of a density, `[voxel]`.
    pub fn new(grid: &'a Grid, density: &'a [Real]) -> Slopes<'a> {
        Slopes {
            grid,
            density,
            line: [0; 3],
        }
    }

    /// [`gradient`] at a voxel.
    pub fn at(&mut self, voxel: usize) -> [Real; 3] {
        let mut slope = [[0.0; 3]];
        self.along(voxel..voxel + 1, &mut slope, |slope| slope);
        slope[0]
    }

    /// What `of` makes of [`gradient`] at each of these voxels, of which there are as many as `out`
    /// has places.
    #[inline]
    pub fn along<T>(
        &mut self,
        voxels: Range<usize>,
        mut out: &mut [T],
        of: impl Fn([Real; 3]) -> T,
    ) {
        let (grid, density) = (self.grid, self.density);
        let stride = [1, grid.shape[0], grid.shape[0] * grid.shape[1]];
        let mut voxel = voxels.start;
        while voxel < voxels.end {
            let at = self.coordinates(voxel);
            // All voxels of a line but its ends have neighbors on the same sides.
            let is_inner = at[0] > 0 && at[0] + 1 < grid.shape[0];
            let end = match is_inner {
                true => voxels.end.min(voxel - at[0] + grid.shape[0] - 1),
                false => voxel + 1,
            };
            let [x, y, z] = core::array::from_fn(|axis| {
                let below = usize::from(at[axis] > 0);
                let above = usize::from(at[axis] + 1 < grid.shape[axis]);
                Sides {
                    above: &density[voxel + above * stride[axis]..][..end - voxel],
                    below: &density[voxel - below * stride[axis]..][..end - voxel],
                    // A voxel alone on its axis is on either side of itself.
                    apart: (below + above).max(1) as Real * grid.spacing[axis],
                }
            });
            let (piece, rest) = out.split_at_mut(end - voxel);
            // Divisions are most of the work.
            match grid.shape[2] > 1 {
                true => each(piece, |at| of([x.slope(at), y.slope(at), z.slope(at)])),
                false => each(piece, |at| of([x.slope(at), y.slope(at), 0.0])),
            }
            (voxel, out) = (end, rest);
        }
    }

    /// Divisions cost more than all the rest: one for each line.
    fn coordinates(&mut self, voxel: usize) -> [usize; 3] {
        let [first, ..] = self.line;
        if voxel < first || voxel >= first + self.grid.shape[0] {
            let [i, j, k] = self.grid.coordinates(voxel);
            self.line = [voxel - i, j, k];
        }
        let [first, j, k] = self.line;
        [voxel - first, j, k]
    }
}

/// What stands on either side of some voxels along an axis.
struct Sides<'a> {
    above: &'a [Real],
    below: &'a [Real],
    /// µm.
    apart: Real,
}

impl Sides<'_> {
    #[inline(always)]
    fn slope(&self, place: usize) -> Real {
        (self.above[place] - self.below[place]) / self.apart
    }
}

/// Without a branch, so that the compiler makes wide registers of it.
#[inline(always)]
fn each<T>(out: &mut [T], value: impl Fn(usize) -> T) {
    for (place, out) in out.iter_mut().enumerate() {
        *out = value(place);
    }
}
