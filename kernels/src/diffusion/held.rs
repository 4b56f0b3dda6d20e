//! Voxels whose densities are written between sweeps ([`Held::BetweenSweeps`]).
//!
//! [`Held::BetweenSweeps`]: crate::conventions::Held::BetweenSweeps

use std::ops::Range;

use super::{Boundary, Substrate};
use crate::{Grid, Real};

/// The voxels that fixed faces write, `[substrate]`, each with its density, in ascending voxel.
///
/// Faces are visited in the order x min, x max, y min, y max, z min, z max, the last two in 3D
/// only, if they are fixed for *any* substrate. A visit settles the face's voxels for *every*
/// substrate: written where the face is fixed for it, free where it is not, whatever an earlier
/// face had settled. So at an edge or corner the face visited last decides for all substrates.
pub fn voxels_written_between_sweeps(
    grid: &Grid,
    substrates: &[Substrate],
) -> Vec<Vec<(u32, Real)>> {
    let faces = 0..2 * grid.dimensions();
    let visited: Vec<usize> = faces
        .filter(|&face| {
            let fixed = |substrate: &Substrate| substrate.boundary[face] != Boundary::NoFlux;
            substrates.iter().any(fixed)
        })
        .collect();
    let mut written = vec![Vec::new(); substrates.len()];
    for voxel in 0..grid.len() {
        let at = grid.coordinates(voxel);
        let lies_in = |face: usize| at[face / 2] == [0, grid.shape[face / 2] - 1][face % 2];
        let Some(&last) = visited.iter().rfind(|&&face| lies_in(face)) else {
            continue;
        };
        for (substrate, written) in substrates.iter().zip(&mut written) {
            if let Boundary::Fixed(value) = substrate.boundary[last] {
                written.push((voxel as u32, value));
            }
        }
    }
    written
}

/// One substrate's list, in the order in which the tasks of its sweeps come by, so that each
/// writes its own voxels while they are in cache. All empty where nothing is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    /// By plane in 3D, by row of x in 2D: what the tasks of the first sweeps are made of.
    first: Groups,
    /// By row of x in 3D, by column in 2D: what the tasks of the last sweep are made of.
    last: Groups,
}

/// Voxels in a row that are written alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) first: u32,
    pub(super) len: u32,
    pub(super) value: Real,
}

/// A list cut into groups.
#[derive(Clone, Debug, Default)]
struct Groups {
    list: Vec<Run>,
    /// Where each group starts, and the end of the last; empty for an empty list.
    starts: Vec<u32>,
}

impl Writes {
    pub(super) fn new(grid: &Grid, written: &[(u32, Real)]) -> Writes {
        let across = grid.dimensions() - 1;
        let group = |axis: usize| {
            Groups::new(grid.shape[axis], written, |voxel| {
                grid.coordinates(voxel)[axis]
            })
        };
        Writes {
            first: group(across),
            last: group(across - 1),
        }
    }

    /// Those in these planes (3D) or rows of x (2D).
    #[inline]
    pub(super) fn first(&self, groups: Range<usize>) -> &[Run] {
        self.first.of(groups)
    }

    /// Those in these rows of x of any plane (3D) or columns (2D).
    #[inline]
    pub(super) fn last(&self, groups: Range<usize>) -> &[Run] {
        self.last.of(groups)
    }
}

impl Groups {
    fn new(groups: usize, written: &[(u32, Real)], group: impl Fn(usize) -> usize) -> Groups {
        if written.is_empty() {
            return Groups::default();
        }
        let mut sorted = written.to_vec();
        // Stable, so voxels ascend within a group.
        sorted.sort_by_key(|&(voxel, _)| group(voxel as usize));
        let mut list: Vec<Run> = Vec::new();
        for (voxel, value) in sorted {
            match list.last_mut() {
                Some(run)
                    if run.first + run.len == voxel
                        && run.value == value
                        && group(run.first as usize) == group(voxel as usize) =>
                {
                    run.len += 1;
                }
                _ => list.push(Run {
                    first: voxel,
                    len: 1,
                    value,
                }),
            }
        }
        let start = |number| list.partition_point(|run| group(run.first as usize) < number);
        Groups {
            starts: (0..=groups).map(|number| start(number) as u32).collect(),
            list,
        }
    }

    fn of(&self, groups: Range<usize>) -> &[Run] {
        if self.list.is_empty() {
            return &[];
        }
        &self.list[self.starts[groups.start] as usize..self.starts[groups.end] as usize]
    }
}
