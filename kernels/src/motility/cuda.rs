//! Walks on a device.

use super::Walkers;
use crate::{
    Grid, Real,
    cuda::{Buffer, Device, Error, each},
    portable,
    random::Draws,
};

// Bits of a row's flags: see `cuda.cu`.
const CRAWLS: u8 = 1;
const IN_PLANE: u8 = 2;
const EACH_NORMALIZED: u8 = 4;

/// What walkers sense, and how. All `[row]`, or as said.
#[derive(Clone, Copy, Debug)]
pub struct Senses<'a> {
    /// Whether the random part lies in the xy plane.
    pub in_plane: &'a [bool],
    /// Whether gradients are taken by direction alone.
    pub each_normalized: &'a [bool],
    /// `[substrate][row]`: sensitivities.
    pub sensitivity: &'a [Real],
}

/// What a device needs to renew walks.
#[derive(Debug)]
pub struct Walks {
    rows: usize,
    shape: [i32; 3],
    substrates: usize,
    spacing: Buffer<Real>,
    chance: Buffer<Real>,
    bias: Buffer<Real>,
    flags: Buffer<u8>,
    sensitivity: Buffer<Real>,
}

impl Walks {
    /// Brings what walks are made of to a device, for steps of `dt` min in fields on this grid.
    ///
    /// # Errors
    /// What the device says.
    ///
    /// # Panics
    /// If the columns differ in length.
    pub fn on(
        device: &Device,
        walkers: &Walkers,
        senses: &Senses,
        grid: &Grid,
        dt: Real,
    ) -> Result<Walks, Error> {
        let rows = walkers.id.len();
        // As on the CPU, where it is written that a walker without persistence renews at every step.
        let chance = |&persistence: &Real| match persistence > 0.0 {
            true => -portable::exp_m1(-dt / persistence),
            false => 1.0,
        };
        let chance: Vec<Real> = walkers.persistence.iter().map(chance).collect();
        let flag = |row: usize| {
            u8::from(walkers.crawls[row]) * CRAWLS
                + u8::from(senses.in_plane[row]) * IN_PLANE
                + u8::from(senses.each_normalized[row]) * EACH_NORMALIZED
        };
        let flags: Vec<u8> = (0..rows).map(flag).collect();
        let columns = [rows, chance.len(), walkers.bias.len()];
        assert!(columns.iter().all(|&length| length == rows));
        Ok(Walks {
            rows,
            shape: grid.shape.map(|count| count as i32),
            substrates: senses.sensitivity.len().checked_div(rows).unwrap_or(0),
            spacing: device.upload(&grid.spacing)?,
            chance: device.upload(&chance)?,
            bias: device.upload(walkers.bias)?,
            flags: device.upload(&flags)?,
            sensitivity: device.upload(senses.sensitivity)?,
        })
    }

    /// [`super::renew_each`] along gradients of `densities`, `[substrate][voxel]`, of columns that
    /// live on the device, bit for bit.
    ///
    /// # Errors
    /// What the device says.
    ///
    /// # Panics
    /// If a column is shorter than rows or voxels ask for.
    pub fn renew(
        &self,
        device: &Device,
        id: &Buffer<u64>,
        voxel: &Buffer<u32>,
        densities: &Buffer<Real>,
        direction: &mut Buffer<Real>,
        draws: Draws,
        tick: u64,
    ) -> Result<(), Error> {
        let rows = self.rows;
        assert!(id.len() >= rows && voxel.len() >= rows && direction.len() >= 3 * rows);
        let voxels: usize = self.shape.iter().map(|&count| count as usize).product();
        assert!(densities.len() >= self.substrates * voxels);
        device
            .kernel("renew", each(rows))
            .reads(id)
            .reads(&self.chance)
            .reads(&self.bias)
            .reads(&self.flags)
            .reads(&self.sensitivity)
            .reads(voxel)
            .numbers(&[rows as i32])
            .reads(densities)
            .reads(&self.spacing)
            .numbers(&self.shape)
            .numbers(&[self.substrates as i32])
            .bits(draws.seed)
            .numbers(&[i32::from(draws.purpose)])
            .bits(tick)
            .writes(direction)
            .launch()
    }
}
