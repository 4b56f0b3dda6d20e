//! Exchange on a device.

use super::{Entries, Exchange};
use crate::{
    Real,
    conventions::Sharing,
    cuda::{Buffer, Device, Error, Shape, each, scan::Scan},
    diffusion::cuda::Sweeps,
};

/// What a device needs to let cells exchange.
#[derive(Debug)]
pub struct Maps {
    rows: usize,
    substrates: usize,
    voxels: usize,
    factor: Real,
    terms: Buffer<Real>,
    counts: Buffer<u32>,
    starts: Buffer<u32>,
    free: Buffer<u32>,
    rows_of: Buffer<u32>,
    places: Buffer<u32>,
    occupied: Buffer<u32>,
    number: Buffer<u32>,
    maps: Buffer<Real>,
    negative: Buffer<u32>,
    scan: Scan,
}

impl Exchange {
    /// Brings what cells exchange, as it was [prepared](Exchange::prepare), to a device.
    /// [`Maps::follow`] must come next.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where cells act in turn, or for an exchange of rates; what the device
    /// says.
    pub fn on(&self, device: &Device) -> Result<Maps, Error> {
        if self.entries != Entries::Maps(Sharing::Together) {
            let what = "exchange of the cells of a voxel in turn, or of the unsplit solver";
            return Err(Error::Unsupported { what });
        }
        let rows = self.cells.voxel_of_row.len();
        let (voxels, substrates) = (self.cells.first.len(), self.substrates.len());
        let columns = self.substrates.iter().flat_map(|list| &list.terms.0);
        // A column that is all zeros is not kept on the CPU.
        let whole = columns.flat_map(|column| {
            let zeros = rows - column.len();
            column
                .iter()
                .copied()
                .chain(std::iter::repeat_n(0.0, zeros))
        });
        Ok(Maps {
            rows,
            substrates,
            voxels,
            factor: self.factor,
            terms: device.upload(&whole.collect::<Vec<Real>>())?,
            counts: device.zeros(voxels)?,
            starts: device.zeros(voxels)?,
            free: device.zeros(voxels)?,
            rows_of: device.zeros(rows)?,
            places: device.zeros(voxels)?,
            occupied: device.zeros(rows)?,
            number: device.zeros(1)?,
            maps: device.zeros(2 * substrates * rows)?,
            negative: device.zeros(1)?,
            scan: Scan::default(),
        })
    }
}

impl Maps {
    /// Sums the cells of each voxel anew: `voxel` is `[row]`. Held are the voxels that `sweeps` hold.
    ///
    /// # Errors
    /// What the device says.
    ///
    /// # Panics
    /// If there are fewer voxels of cells than cells.
    pub fn follow(
        &mut self,
        device: &Device,
        voxel: &Buffer<u32>,
        sweeps: &Sweeps,
    ) -> Result<(), Error> {
        let (rows, voxels) = (self.rows, self.voxels);
        assert!(voxel.len() >= rows);
        let (by_row, by_voxel) = (each(rows), each(voxels));
        device.clear(&mut self.counts)?;
        device
            .kernel("count_voxels", by_row)
            .reads(voxel)
            .numbers(&[rows as i32])
            .writes(&mut self.counts)
            .launch()?;
        self.scan
            .run(device, &self.counts, &mut self.starts, voxels)?;
        device.copy(&self.starts, &mut self.free)?;
        device
            .kernel("fill_bins", by_row)
            .reads(voxel)
            .numbers(&[rows as i32])
            .writes(&mut self.free)
            .writes(&mut self.rows_of)
            .launch()?;
        // What was free is taken: its room serves the marks.
        device
            .kernel("mark_occupied", by_voxel)
            .reads(&self.counts)
            .numbers(&[voxels as i32])
            .writes(&mut self.free)
            .launch()?;
        self.scan
            .run(device, &self.free, &mut self.places, voxels)?;
        device
            .kernel("list_occupied", by_voxel)
            .reads(&self.counts)
            .reads(&self.starts)
            .reads(&self.places)
            .numbers(&[voxels as i32])
            .writes(&mut self.rows_of)
            .writes(&mut self.occupied)
            .writes(&mut self.number)
            .launch()?;
        let [nx, ny, _] = sweeps.shape();
        device
            .kernel("make_maps", self.by_map())
            .reads(&self.occupied)
            .reads(&self.number)
            .reads(&self.counts)
            .reads(&self.starts)
            .reads(&self.rows_of)
            .reads(&self.terms)
            .numbers(&[rows as i32])
            .reads(sweeps.free())
            .numbers(&[nx, ny])
            .real(self.factor)
            .writes(&mut self.maps)
            .launch()
    }

    /// [`Exchange::apply`] to densities that live on the device, bit for bit.
    ///
    /// # Errors
    /// What the device says.
    ///
    /// # Panics
    /// If there are fewer densities than voxels.
    pub fn apply(&mut self, device: &Device, densities: &mut Buffer<Real>) -> Result<(), Error> {
        assert!(densities.len() >= self.substrates * self.voxels);
        device
            .kernel("apply_maps", self.by_map())
            .reads(&self.occupied)
            .reads(&self.number)
            .reads(&self.maps)
            .numbers(&[self.rows as i32, self.voxels as i32])
            .writes(densities)
            .writes(&mut self.negative)
            .launch()
    }

    /// How many densities fell below zero and were set to zero since this was last asked.
    ///
    /// # Errors
    /// What the device says.
    pub fn take_negative(&mut self, device: &Device) -> Result<u64, Error> {
        let mut negative = [0];
        device.read(&self.negative, &mut negative)?;
        device.write(&mut self.negative, &[0])?;
        Ok(negative[0].into())
    }

    /// A thread for each voxel that may hold cells, substrate by substrate.
    fn by_map(&self) -> Shape {
        let mut shape = each(self.rows);
        shape.blocks[1] = self.substrates;
        shape
    }
}
