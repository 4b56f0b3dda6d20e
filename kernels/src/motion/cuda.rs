//! Moves on a device.

use super::Domain;
use crate::{
    Grid, Real,
    cuda::{Buffer, Device, Error, each},
};

// Bits of a row's flags: see `cuda.cu`.
const RESTS: u8 = 8;
const MOVED: u8 = 16;

/// Cells that move, as columns on a device. All `[row]`; µm and min.
#[derive(Debug)]
pub struct Moving {
    /// `[row][3]`.
    pub position: Buffer<Real>,
    /// `[row][3]`: what else acts on a cell is added to it before it moves.
    pub velocity: Buffer<Real>,
    /// `[row][3]`: of the step before.
    pub previous: Buffer<Real>,
    /// The voxel it is in.
    pub voxel: Buffer<u32>,
    flags: Buffer<u8>,
    speed: Buffer<Real>,
    radius: Buffer<Real>,
    outside: Buffer<u32>,
    bounds: Buffer<Real>,
    shape: [i32; 3],
    dimensions: usize,
    rows: usize,
}

/// Cells on the CPU, as [`Domain::advance`] and [`Domain::push_from_walls`] take them; `rests` for
/// those that take no step.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// µm.
    pub position: &'a [[Real; 3]],
    /// µm/min.
    pub previous: &'a [[Real; 3]],
    /// Whether `previous` is a cell's own.
    pub moved: &'a [bool],
    /// Whether it takes no step.
    pub rests: &'a [bool],
    /// With which it crawls, µm/min.
    pub speed: &'a [Real],
    /// µm.
    pub radius: &'a [Real],
}

impl Moving {
    /// Brings cells to a device.
    ///
    /// # Errors
    /// What the device says.
    ///
    /// # Panics
    /// If the columns differ in length.
    pub fn on(
        device: &Device,
        columns: &Columns,
        domain: &Domain,
        grid: &Grid,
    ) -> Result<Moving, Error> {
        let rows = columns.position.len();
        let lengths = [
            columns.previous.len(),
            columns.speed.len(),
            columns.radius.len(),
        ];
        assert!(lengths.iter().all(|&length| length == rows));
        let flag = |row: usize| {
            u8::from(columns.rests[row]) * RESTS + u8::from(columns.moved[row]) * MOVED
        };
        let flags: Vec<u8> = (0..rows).map(flag).collect();
        let voxel = columns.position.iter().map(|&at| grid.voxel_of(at) as u32);
        let bounds = [domain.min, domain.max, grid.origin, grid.spacing];
        Ok(Moving {
            position: device.upload(columns.position.as_flattened())?,
            velocity: device.zeros(3 * rows)?,
            previous: device.upload(columns.previous.as_flattened())?,
            voxel: device.upload(&voxel.collect::<Vec<u32>>())?,
            flags: device.upload(&flags)?,
            speed: device.upload(columns.speed)?,
            radius: device.upload(columns.radius)?,
            outside: device.zeros(1)?,
            bounds: device.upload(bounds.as_flattened())?,
            shape: grid.shape.map(|count| count as i32),
            dimensions: domain.dimensions,
            rows,
        })
    }

    /// Lets cells crawl along `direction` (`[row][3]`), be pushed by the walls with `strength`, µm/min,
    /// and move for `dt` min, as [`super::super::motility::crawl`], [`Domain::push_from_walls`] and
    /// [`Domain::advance`] do, bit for bit.
    ///
    /// # Errors
    /// What the device says.
    ///
    /// # Panics
    /// If there are too few directions.
    pub fn step(
        &mut self,
        device: &Device,
        direction: &Buffer<Real>,
        strength: Real,
        dt: Real,
    ) -> Result<(), Error> {
        assert!(direction.len() >= 3 * self.rows);
        device
            .kernel("move_rows", each(self.rows))
            .reads(direction)
            .reads(&self.speed)
            .reads(&self.radius)
            .numbers(&[self.rows as i32])
            .reads(&self.bounds)
            .numbers(&[self.dimensions as i32])
            .real(strength)
            .real(dt)
            .numbers(&self.shape)
            .writes(&mut self.velocity)
            .writes(&mut self.position)
            .writes(&mut self.previous)
            .writes(&mut self.flags)
            .writes(&mut self.voxel)
            .writes(&mut self.outside)
            .launch()
    }

    /// How many cells were put back into the domain since this was last asked.
    ///
    /// # Errors
    /// What the device says.
    pub fn take_outside(&mut self, device: &Device) -> Result<u64, Error> {
        let mut outside = [0];
        device.read(&self.outside, &mut outside)?;
        device.write(&mut self.outside, &[0])?;
        Ok(outside[0].into())
    }
}
