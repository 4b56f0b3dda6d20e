//! The sweeps on a device: tables and launches.

use super::{Diffusion, Solver};
use crate::{
    Real,
    conventions::Held,
    cuda::{Buffer, Device, Error, Shape, countable},
};

/// Lines of x that a block sweeps: LINES × WARPS of `cuda.cu`.
const LINES: [usize; 2] = [32, 4];
/// Threads of a block that sweeps across.
const THREADS: usize = 128;

/// What a device needs to take steps of a [`Diffusion`].
#[derive(Debug)]
pub struct Sweeps {
    shape: [i32; 3],
    substrates: usize,
    lines: Buffer<Real>,
    free: Buffer<i32>,
}

impl Diffusion {
    /// Brings the factored systems to a device.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with [`Held::BetweenSweeps`]; what the device says.
    pub fn on(&self, device: &Device) -> Result<Sweeps, Error> {
        if self.held == Held::BetweenSweeps {
            return Err(Error::Unsupported {
                what: "boundaries that are written between sweeps",
            });
        }
        countable("a grid of more than 2^31 voxels", self.grid.len(), 1)?;
        let solvers = self.solvers.iter();
        let axes = solvers.clone().flat_map(|solver| &solver.axes);
        let parts = axes.flat_map(|line| [&line.scale, &line.lower, &line.upper]);
        let lines: Vec<Real> = parts.flatten().copied().collect();
        let bounds = |solver: &Solver| solver.free.map(|ends| ends.map(|end| end as i32));
        let free: Vec<i32> = solvers.flat_map(bounds).flatten().collect();
        Ok(Sweeps {
            shape: self.grid.shape.map(|count| count as i32),
            substrates: self.solvers.len(),
            lines: device.upload(&lines)?,
            free: device.upload(&free)?,
        })
    }
}

impl Sweeps {
    /// Voxels along each axis.
    pub(crate) fn shape(&self) -> [i32; 3] {
        self.shape
    }

    /// `[substrate][axis][first, past the last]`: voxels in no held face of that axis.
    pub(crate) fn free(&self) -> &Buffer<i32> {
        &self.free
    }

    /// [`Diffusion::step`] of densities that live on the device, bit for bit.
    ///
    /// # Errors
    /// What the device says.
    ///
    /// # Panics
    /// If `densities` is not substrates × voxels long.
    pub fn step(&self, device: &Device, densities: &mut Buffer<Real>) -> Result<(), Error> {
        let [nx, ny, nz] = self.shape.map(|count| count as usize);
        assert_eq!(densities.len(), self.substrates * nx * ny * nz);
        let along = Shape {
            blocks: [(ny * nz).div_ceil(LINES[0] * LINES[1]), self.substrates],
            threads: LINES,
        };
        let across = |lines: usize| Shape {
            blocks: [lines.div_ceil(THREADS), self.substrates],
            threads: [THREADS, 1],
        };
        device
            .kernel("sweep_along", along)
            .writes(densities)
            .reads(&self.lines)
            .reads(&self.free)
            .numbers(&self.shape)
            .launch()?;
        for (axis, lines) in [(1, nx * nz), (2, nx * ny)] {
            if axis == 2 && nz == 1 {
                continue;
            }
            device
                .kernel("sweep_across", across(lines))
                .writes(densities)
                .reads(&self.lines)
                .reads(&self.free)
                .numbers(&self.shape)
                .numbers(&[axis])
                .launch()?;
        }
        Ok(())
    }
}
