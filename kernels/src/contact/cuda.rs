//! Contact on a device: neighbors found in bins and kept in lists, then the pairs of each row.

use super::Contact;
use crate::{
    Real,
    cuda::{Buffer, Device, Error, countable, each, scan::Scan},
};

const CELLS: &str = "a tissue of more than 2^29 cells";
/// Neighbors that a list has room for at first.
const CAPACITY: usize = 32;
/// Bins per row, at most.
const MOST_BINS: usize = 2;
/// The margin of the lists over the range: long enough to last for some steps.
const MARGIN: Real = 0.1;
/// Narrower bins than this, µm, serve nobody.
const LEAST_WIDTH: Real = 1.0;

/// What a device needs to take steps of a [`Contact`].
#[derive(Debug)]
pub struct Pushes {
    rows: usize,
    groups: usize,
    slots: usize,
    flat: bool,
    affinity: Buffer<Real>,
    watched: Buffer<u64>,
    traits: Buffer<Real>,
    group: Buffer<u16>,
    bins: Bins,
    lists: Lists,
    /// µm.
    margin: Real,
}

/// Rows by place.
#[derive(Debug)]
struct Bins {
    shape: [usize; 3],
    /// Lower corner, µm, and bins per µm.
    bounds: Buffer<Real>,
    counts: Buffer<u32>,
    starts: Buffer<u32>,
    free: Buffer<u32>,
    bin_of: Buffer<u32>,
    rows_of: Buffer<u32>,
    scan: Scan,
}

#[derive(Debug)]
struct Lists {
    capacity: usize,
    /// `[place][row]`.
    others: Buffer<u32>,
    lengths: Buffer<u32>,
    /// The longest; whether anybody has moved.
    most: Buffer<u32>,
    moved: Buffer<u32>,
    /// Where rows were when lists were made; none before the first.
    noted: Option<Buffer<Real>>,
}

impl Contact {
    /// Brings the law, and the cells it was [set](Contact::set) to, to a device.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where voxels decide who meets or affinities are a cell's own; what
    /// the device says.
    pub fn on(&self, device: &Device) -> Result<Pushes, Error> {
        if self.voxels.is_some() {
            let what = "contact of those alone whose mechanics voxels touch";
            return Err(Error::Unsupported { what });
        }
        if self.own.is_some() {
            let what = "contact with affinities that are a cell's own";
            return Err(Error::Unsupported { what });
        }
        let rows = self.cells.len();
        countable(CELLS, rows, 4)?;
        let range = self.cells.range();
        let margin = MARGIN * range;
        let bits = |four: &[[u32; 4]]| -> u64 {
            let slots = four.iter().flatten().enumerate();
            slots.map(|(slot, one)| u64::from(*one) << slot).sum()
        };
        let watched: Vec<u64> = match self.slots {
            0 => vec![0; self.groups],
            slots => self.watched.chunks(slots.div_ceil(4)).map(bits).collect(),
        };
        Ok(Pushes {
            rows,
            groups: self.groups,
            slots: self.slots,
            flat: self.domain.dimensions == 2,
            affinity: device.upload(&self.affinity)?,
            watched: device.upload(&watched)?,
            traits: device.upload(&self.cells.traits())?,
            group: device.upload(self.cells.groups())?,
            bins: self.bins(device, rows, range + margin)?,
            lists: Lists {
                capacity: CAPACITY,
                others: device.zeros(CAPACITY * rows)?,
                lengths: device.zeros(rows)?,
                most: device.zeros(1)?,
                moved: device.zeros(1)?,
                noted: None,
            },
            margin,
        })
    }

    /// Bins at least as wide as two can be apart, and not many more than rows.
    fn bins(&self, device: &Device, rows: usize, apart: Real) -> Result<Bins, Error> {
        let domain = &self.domain;
        let most = (MOST_BINS * rows).max(64) as Real;
        // The factor keeps a pair at the very distance in bins that touch, although bin numbers are
        // rounded.
        let mut width = (apart * (1.0 + 1e-9)).max(LEAST_WIDTH);
        let extent = |axis: usize| domain.max[axis] - domain.min[axis];
        let counts = loop {
            let counts: [Real; 3] = std::array::from_fn(|axis| match axis < domain.dimensions {
                true => (extent(axis) / width).floor().clamp(1.0, 1.0 + most),
                false => 1.0,
            });
            if counts.iter().product::<Real>() <= most {
                break counts;
            }
            width *= 1.25;
        };
        let per_width = |axis: usize| match extent(axis) > 0.0 && axis < domain.dimensions {
            true => counts[axis] / extent(axis),
            false => 0.0,
        };
        let [x, y, z] = domain.min;
        let bounds = [x, y, z, per_width(0), per_width(1), per_width(2)];
        let shape = counts.map(|count| count as usize);
        let bins = shape.iter().product();
        Ok(Bins {
            shape,
            bounds: device.upload(&bounds)?,
            counts: device.zeros(bins)?,
            starts: device.zeros(bins)?,
            free: device.zeros(bins)?,
            bin_of: device.zeros(rows)?,
            rows_of: device.zeros(rows)?,
            scan: Scan::default(),
        })
    }
}

impl Bins {
    fn sort(&mut self, device: &Device, position: &Buffer<Real>, rows: usize) -> Result<(), Error> {
        let bins: usize = self.shape.iter().product();
        let shape = self.shape.map(|count| count as i32);
        let by_row = each(rows);
        device.clear(&mut self.counts)?;
        device
            .kernel("count_bins", by_row)
            .reads(position)
            .numbers(&[rows as i32])
            .reads(&self.bounds)
            .numbers(&shape)
            .writes(&mut self.bin_of)
            .writes(&mut self.counts)
            .launch()?;
        self.scan
            .run(device, &self.counts, &mut self.starts, bins)?;
        device.copy(&self.starts, &mut self.free)?;
        device
            .kernel("fill_bins", by_row)
            .reads(&self.bin_of)
            .numbers(&[rows as i32])
            .writes(&mut self.free)
            .writes(&mut self.rows_of)
            .launch()
    }
}

impl Pushes {
    /// [`Contact::step`] of columns that live on the device, bit for bit.
    ///
    /// # Errors
    /// What the device says.
    ///
    /// # Panics
    /// If a column is shorter than rows ask for.
    pub fn step(
        &mut self,
        device: &Device,
        id: &Buffer<u64>,
        position: &Buffer<Real>,
        velocity: &mut Buffer<Real>,
        pressure: &mut Buffer<Real>,
        counts: &mut Buffer<u32>,
    ) -> Result<(), Error> {
        let rows = self.rows;
        assert!(id.len() >= rows && pressure.len() >= rows);
        assert!(position.len() >= 3 * rows && velocity.len() >= 3 * rows);
        assert!(counts.len() >= self.slots * rows);
        if rows == 0 {
            return Ok(());
        }
        if self.is_stale(device, position)? {
            self.list(device, position)?;
        }
        device
            .kernel("push_apart", each(rows))
            .reads(position)
            .reads(&self.traits)
            .reads(&self.group)
            .reads(id)
            .numbers(&[rows as i32])
            .reads(&self.affinity)
            .numbers(&[self.groups as i32])
            .reads(&self.watched)
            .numbers(&[self.slots as i32, i32::from(self.flat)])
            .reads(&self.lists.others)
            .reads(&self.lists.lengths)
            .writes(velocity)
            .writes(pressure)
            .writes(counts)
            .launch()
    }

    /// Whether somebody may be near who is on no list.
    fn is_stale(&mut self, device: &Device, position: &Buffer<Real>) -> Result<bool, Error> {
        let Some(noted) = &self.lists.noted else {
            return Ok(true);
        };
        let moved = &mut self.lists.moved;
        device.write(moved, &[0])?;
        device
            .kernel("has_moved", each(self.rows))
            .reads(position)
            .reads(noted)
            .numbers(&[self.rows as i32])
            // Rounding is far below a billionth of a margin.
            .real(0.5 * self.margin * (1.0 - 1e-9))
            .writes(moved)
            .launch()?;
        let mut is_moved = [0];
        device.read(moved, &mut is_moved)?;
        Ok(is_moved[0] != 0)
    }

    /// Makes the lists anew, and longer where they are too short.
    fn list(&mut self, device: &Device, position: &Buffer<Real>) -> Result<(), Error> {
        let rows = self.rows;
        self.bins.sort(device, position, rows)?;
        let (bins, lists) = (&self.bins, &mut self.lists);
        loop {
            device.write(&mut lists.most, &[0])?;
            device
                .kernel("list_neighbors", each(rows))
                .reads(position)
                .reads(&self.traits)
                .numbers(&[rows as i32])
                .reads(&bins.bin_of)
                .reads(&bins.starts)
                .reads(&bins.rows_of)
                .numbers(&bins.shape.map(|count| count as i32))
                .real(self.margin)
                .writes(&mut lists.others)
                .writes(&mut lists.lengths)
                .numbers(&[lists.capacity as i32])
                .writes(&mut lists.most)
                .launch()?;
            let mut most = [0];
            device.read(&lists.most, &mut most)?;
            if most[0] as usize <= lists.capacity {
                break;
            }
            lists.capacity = (most[0] as usize).next_power_of_two();
            lists.others = device.zeros(lists.capacity * rows)?;
        }
        let mut noted = match lists.noted.take() {
            Some(noted) => noted,
            None => device.zeros(3 * rows)?,
        };
        device.copy(position, &mut noted)?;
        lists.noted = Some(noted);
        Ok(())
    }
}
