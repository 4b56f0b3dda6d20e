//! Sums of all that comes before, on a device.

use super::{Buffer, Device, Error, THREADS, each};

/// Room for the sums of blocks, those of blocks of blocks, …
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Of the blocks at hand, the sums and what comes before each.
    sums: Option<[Buffer<u32>; 2]>,
    above: Option<Box<Scan>>,
}

impl Scan {
    /// Writes to `starts` what the `count` first `counts` before each come to.
    pub(crate) fn run(
        &mut self,
        device: &Device,
        counts: &Buffer<u32>,
        starts: &mut Buffer<u32>,
        count: usize,
    ) -> Result<(), Error> {
        let blocks = count.div_ceil(THREADS);
        let room = self.sums.take().filter(|[sums, _]| sums.len() >= blocks);
        let [mut sums, mut before] = match room {
            Some(room) => room,
            None => [device.zeros(blocks)?, device.zeros(blocks)?],
        };
        let kernel = device.kernel("scan", each(count)).reads(counts);
        let kernel = kernel.writes(starts).writes(&mut sums);
        kernel.numbers(&[count as i32]).launch()?;
        if blocks > 1 {
            let above = self.above.get_or_insert_default();
            above.run(device, &sums, &mut before, blocks)?;
            let kernel = device.kernel("add_sums", each(count)).writes(starts);
            kernel.reads(&before).numbers(&[count as i32]).launch()?;
        }
        self.sums = Some([sums, before]);
        Ok(())
    }
}
