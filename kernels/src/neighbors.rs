//! Who is near whom: uniform bins over the domain, and the rows of each bin.
//!
//! Bins are at least as wide as the largest distance at which two cells can meet, so whoever a
//! cell meets is in its own bin or one next to it. Inside a bin rows stand in ascending order.

use std::ops::Range;

use crate::{Error, Real, positive};

/// More bins than this are not made; they get wider instead. A bound on memory, far above what
/// a domain full of cells needs.
const MOST: Real = (1u64 << 26) as Real;

/// Rows sorted by bin. One layer of bins in 2D.
#[derive(Clone, Debug, Default)]
pub struct Bins {
    shape: [usize; 3],
    origin: [Real; 3],
    /// The width asked for, µm; the bins' own may be larger.
    least_width: Real,
    /// 1 / width of a bin, per axis.
    per_width: [Real; 3],
    bin_of: Vec<u32>,
    starts: Vec<u32>,
    order: Vec<u32>,
}

impl Bins {
    /// Bins over the box from `min` to `max`, µm, each at least `size` µm wide: the largest
    /// distance at which two cells can meet. `dimensions` is 2 or 3; in 2D z is not looked at.
    ///
    /// # Errors
    /// [`Error::Range`] if the size or an extent is not positive.
    pub fn new(
        min: [Real; 3],
        max: [Real; 3],
        size: Real,
        dimensions: usize,
    ) -> Result<Bins, Error> {
        positive("the width of bins", size)?;
        let mut bins = Bins {
            origin: min,
            shape: [1; 3],
            least_width: size,
            ..Bins::default()
        };
        for axis in 0..dimensions.min(3) {
            positive("the domain's extent", max[axis] - min[axis])?;
        }
        let mut width = size;
        loop {
            for axis in 0..dimensions.min(3) {
                let extent = max[axis] - min[axis];
                // The margin keeps a pair at the very distance inside neighboring bins although
                // bin numbers are rounded.
                let count = (extent / (width * (1.0 + 1e-9))).floor().max(1.0);
                bins.shape[axis] = count as usize;
                bins.per_width[axis] = count / extent;
            }
            let total: Real = bins.shape.iter().map(|&n| n as Real).product();
            if total <= MOST {
                break;
            }
            width *= 1.25;
        }
        bins.starts = vec![0; bins.len() + 1];
        Ok(bins)
    }

    /// Number of bins.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Are there no bins? Only before [`Bins::new`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of bins along x, y, z.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The width asked for, µm: cells farther apart than this may be missed.
    pub fn least_width(&self) -> Real {
        self.least_width
    }

    /// Does z play no part?
    pub fn is_flat(&self) -> bool {
        self.per_width[2] == 0.0
    }

    /// Sorts the rows of `positions` (µm) into bins: by counting, so rows of one bin keep their
    /// order. A position outside the domain belongs to the nearest bin, and NaN to the first.
    pub fn rebuild(&mut self, positions: &[[Real; 3]]) {
        let [nx, ny, nz] = self.shape;
        self.starts.fill(0);
        self.bin_of.clear();
        self.bin_of.extend(positions.iter().map(|position| {
            let at = |axis: usize, n: usize| {
                let offset = (position[axis] - self.origin[axis]) * self.per_width[axis];
                // The cast saturates: below zero and NaN give 0.
                (offset as usize).min(n - 1)
            };
            (at(0, nx) + nx * (at(1, ny) + ny * at(2, nz))) as u32
        }));
        // Counts become each bin's end, and filling from the last row back moves it to the start.
        for &bin in &self.bin_of {
            self.starts[bin as usize] += 1;
        }
        let mut next = 0;
        for start in &mut self.starts {
            next += *start;
            *start = next;
        }
        self.order.resize(positions.len(), 0);
        for (row, &bin) in self.bin_of.iter().enumerate().rev() {
            let start = &mut self.starts[bin as usize];
            *start -= 1;
            self.order[*start as usize] = row as u32;
        }
    }

    /// All rows, bin by bin.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The bin of each row, by row.
    pub fn bin_of(&self) -> &[u32] {
        &self.bin_of
    }

    /// The places in [`Bins::order`] of one bin's rows.
    pub fn range(&self, bin: usize) -> Range<usize> {
        self.starts[bin] as usize..self.starts[bin + 1] as usize
    }

    /// The places in [`Bins::order`] of the rows in a bin and those next to it: ranges in
    /// ascending order, one for each line of up to three bins along x, at most nine.
    pub fn around(&self, bin: usize) -> Around {
        let [nx, ny, nz] = self.shape;
        let (i, j, k) = (bin % nx, bin / nx % ny, bin / nx / ny);
        let (left, right) = (i.saturating_sub(1), (i + 1).min(nx - 1));
        let mut around = Around {
            ranges: [(0, 0); 9],
            len: 0,
        };
        for z in k.saturating_sub(1)..=(k + 1).min(nz - 1) {
            for y in j.saturating_sub(1)..=(j + 1).min(ny - 1) {
                let line = nx * (y + ny * z);
                let (start, end) = (self.starts[line + left], self.starts[line + right + 1]);
                if start < end {
                    around.ranges[around.len] = (start, end);
                    around.len += 1;
                }
            }
        }
        around
    }
}

/// Up to nine ranges of places, from [`Bins::around`].
#[derive(Clone, Copy, Debug)]
pub struct Around {
    ranges: [(u32, u32); 9],
    len: usize,
}

impl Around {
    /// The ranges, ascending, none empty.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.ranges[..self.len]
            .iter()
            .map(|&(start, end)| start as usize..end as usize)
    }
}
