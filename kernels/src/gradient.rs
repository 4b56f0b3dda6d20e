//! The slope of a density at a voxel: central differences, one-sided at the domain's ends.

use crate::{Grid, Real};

/// ∇ρ at `voxel`, density per µm. `density` is `[voxel]`. An axis with one voxel has slope 0, so
/// the z component is 0 in 2D.
pub fn gradient(grid: &Grid, density: &[Real], voxel: usize) -> [Real; 3] {
    let at = grid.coordinates(voxel);
    let stride = [1, grid.shape[0], grid.shape[0] * grid.shape[1]];
    core::array::from_fn(|axis| {
        let below = usize::from(at[axis] > 0);
        let above = usize::from(at[axis] + 1 < grid.shape[axis]);
        if below + above == 0 {
            return 0.0;
        }
        let rise = density[voxel + above * stride[axis]] - density[voxel - below * stride[axis]];
        rise / ((below + above) as Real * grid.spacing[axis])
    })
}
