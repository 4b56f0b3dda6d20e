//! The slope of a density at a voxel: central differences, one-sided at the domain's ends.

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
        let (grid, density) = (self.grid, self.density);
        let [first, ..] = self.line;
        // Divisions cost more than all the rest.
        if voxel < first || voxel >= first + grid.shape[0] {
            let [i, j, k] = grid.coordinates(voxel);
            self.line = [voxel - i, j, k];
        }
        let [first, j, k] = self.line;
        let at = [voxel - first, j, k];
        let stride = [1, grid.shape[0], grid.shape[0] * grid.shape[1]];
        core::array::from_fn(|axis| {
            let below = usize::from(at[axis] > 0);
            let above = usize::from(at[axis] + 1 < grid.shape[axis]);
            if below + above == 0 {
                return 0.0;
            }
            let rise =
                density[voxel + above * stride[axis]] - density[voxel - below * stride[axis]];
            rise / ((below + above) as Real * grid.spacing[axis])
        })
    }
}
