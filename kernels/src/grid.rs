//! A box cut into equal voxels, and the way from a position to its voxel and back.

use crate::{Error, Real, positive};

/// A domain of `shape` voxels; voxel (i, j, k) has index i + nx (j + ny k).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Number of voxels along x, y, z; each ≥ 1. One voxel in z means a plane: a 2D problem.
    pub shape: [usize; 3],
    /// Edges of a voxel along x, y, z, µm; > 0.
    pub spacing: [Real; 3],
    /// Lower corner of the domain, µm.
    pub origin: [Real; 3],
}

impl Grid {
    /// The grid of the box from `min` to `max`, µm, in voxels of `spacing`, µm.
    ///
    /// # Errors
    /// [`Error::Range`] for a corner that is not finite or a spacing or extent that is not
    /// positive; [`Error::Extent`] if an extent is not a multiple of its spacing, within 1e-9 of
    /// the extent.
    pub fn new(min: [Real; 3], max: [Real; 3], spacing: [Real; 3]) -> Result<Grid, Error> {
        let mut shape = [0; 3];
        for axis in 0..3 {
            positive("the voxel's spacing", spacing[axis])?;
            let extent = max[axis] - min[axis];
            positive("the domain's extent", extent)?;
            let count = (extent / spacing[axis]).round();
            // A count that u32 cannot hold would fail anyway, and cell columns store it so.
            if (count * spacing[axis] - extent).abs() > 1e-9 * extent
                || !(1.0..u32::MAX as Real).contains(&count)
            {
                return Err(Error::Extent {
                    axis: ['x', 'y', 'z'][axis],
                    extent,
                    spacing: spacing[axis],
                });
            }
            shape[axis] = count as usize;
        }
        let voxels = shape.iter().map(|&n| n as Real).product::<Real>();
        if voxels > u32::MAX as Real {
            return Err(Error::Range {
                what: "the number of voxels",
                value: voxels,
                range: "below 2^32",
            });
        }
        Ok(Grid {
            shape,
            spacing,
            origin: min,
        })
    }

    /// Number of voxels.
    pub fn len(&self) -> usize {
        self.shape[0] * self.shape[1] * self.shape[2]
    }

    /// Never: a grid has at least one voxel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// 2 if there is one voxel in z, else 3.
    pub fn dimensions(&self) -> usize {
        if self.shape[2] == 1 { 2 } else { 3 }
    }

    /// Volume of a voxel, µm³.
    pub fn voxel_volume(&self) -> Real {
        self.spacing[0] * self.spacing[1] * self.spacing[2]
    }

    /// Upper corner of the domain, µm.
    pub fn end(&self) -> [Real; 3] {
        core::array::from_fn(|axis| {
            self.origin[axis] + self.shape[axis] as Real * self.spacing[axis]
        })
    }

    /// Index of the voxel (i, j, k).
    pub fn index(&self, [i, j, k]: [usize; 3]) -> usize {
        i + self.shape[0] * (j + self.shape[1] * k)
    }

    /// (i, j, k) of a voxel.
    pub fn coordinates(&self, voxel: usize) -> [usize; 3] {
        let [nx, ny, _] = self.shape;
        [voxel % nx, voxel / nx % ny, voxel / nx / ny]
    }

    /// The voxel that holds a position; a position outside has the nearest voxel, and NaN counts
    /// as the lower end.
    pub fn voxel_of(&self, position: [Real; 3]) -> usize {
        self.index(core::array::from_fn(|axis| {
            let offset = (position[axis] - self.origin[axis]) / self.spacing[axis];
            // The cast saturates: below zero and NaN give 0.
            (offset as usize).min(self.shape[axis] - 1)
        }))
    }

    /// Center of a voxel, µm.
    pub fn center(&self, voxel: usize) -> [Real; 3] {
        let at = self.coordinates(voxel);
        core::array::from_fn(|axis| {
            self.origin[axis] + (at[axis] as Real + 0.5) * self.spacing[axis]
        })
    }
}
