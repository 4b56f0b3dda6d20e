//! Rows sorted into boxes at least as wide as the largest distance at which two are near, so that
//! whoever is near a row is in its own bin or in one next to it. One layer of bins in 2D.
//!
//! Places are compared in single precision, each row reaching out further by what that may be
//! wrong: too many are found near, and never too few.

use super::LARGE;
use crate::{Pool, Real, motion::Domain};

/// Rows that are looked at together.
pub(super) const LANES: usize = 16;

/// Rows at a time where pieces of them are sorted.
const PIECE: usize = 8192;

/// Bins per row, at most: a bound on memory where cells lie scattered.
const MOST: usize = 2;

/// Narrower bins than this, µm, serve nobody.
const LEAST_WIDTH: Real = 1.0;

/// What rounding to single precision, and comparing there, can be wrong, over the size of what is
/// rounded: eight roundings.
const ROUNDING: Real = 1.0 / (1u64 << 21) as Real;

#[derive(Clone, Debug, Default)]
pub(super) struct Bins {
    /// [row].
    bin: Vec<u32>,
    place: Vec<u32>,
    /// [bin]: its first place; and one more.
    starts: Vec<u32>,
    /// [bin], the middle one of three.
    lines: Vec<Line>,
    /// From a bin back to the middle of the first of the lines around it, and from there to each:
    /// nine lines, three in 2D.
    back: usize,
    offsets: Vec<usize>,
    /// By place, that is bin by bin; and some more, so that the last can be looked at like others.
    row: Vec<u32>,
    x: Vec<f32>,
    y: Vec<f32>,
    z: Vec<f32>,
    outer: Vec<f32>,
}

/// Three bins along x: places from `start` to `end`, and the lowest and the highest row there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) lowest: u32,
    pub(super) highest: u32,
}

impl Bins {
    /// Sorts rows: by counting, so those of one bin keep their order. A position outside the domain
    /// belongs to the nearest bin, and NaN to the first.
    pub(super) fn sort(
        &mut self,
        positions: &[[Real; 3]],
        outer: impl Fn(usize) -> Real + Sync,
        range: Real,
        margin: Real,
        domain: &Domain,
        pool: &Pool,
    ) {
        let (min, max) = extent(positions, domain);
        let most = (MOST * positions.len()).max(64) as Real;
        let mut shape = [1; 3];
        let mut per_width = [0.0; 3];
        // The factor keeps a pair at the very distance inside neighboring bins although bin
        // numbers are rounded.
        let mut width = ((range + margin) * (1.0 + 1e-9)).max(LEAST_WIDTH);
        loop {
            let mut total = 1.0;
            for axis in 0..domain.dimensions {
                let extent = max[axis] - min[axis];
                let count = (extent / width).floor().clamp(1.0, 1.0 + most);
                shape[axis] = count as usize;
                per_width[axis] = if extent > 0.0 { count / extent } else { 0.0 };
                total *= count;
            }
            if total <= most {
                break;
            }
            width *= 1.25;
        }

        // A border of empty bins, so that every bin has others around it.
        let border: [usize; 3] = std::array::from_fn(|axis| usize::from(axis < domain.dimensions));
        let [nx, ny, nz]: [usize; 3] = std::array::from_fn(|axis| shape[axis] + 2 * border[axis]);
        self.offsets.clear();
        for z in 0..=2 * border[2] {
            self.offsets
                .extend((0..=2 * border[1]).map(|y| nx * (y + ny * z)));
        }
        self.back = nx * (border[1] + ny * border[2]);
        let rows = positions.len();
        let is_large = rows >= LARGE;
        self.bin.resize(rows, 0);
        pool.pieces(&mut self.bin, PIECE, is_large, |index, bins| {
            for (bin, position) in bins.iter_mut().zip(&positions[index * PIECE..]) {
                let at = |axis: usize| {
                    let offset = (position[axis] - min[axis]) * per_width[axis];
                    // The cast saturates: below zero and NaN give 0.
                    border[axis] + (offset as usize).min(shape[axis] - 1)
                };
                *bin = (at(0) + nx * (at(1) + ny * at(2))) as u32;
            }
        });
        let bins = nx * ny * nz;
        // Counts become each bin's end, and filling from the last row back moves it to the start.
        self.starts.clear();
        self.starts.resize(bins + 1, 0);
        for &bin in &self.bin {
            self.starts[bin as usize] += 1;
        }
        let mut next = 0;
        for start in &mut self.starts {
            next += *start;
            *start = next;
        }
        self.place.resize(rows, 0);
        self.row.resize(rows + LANES, 0);
        for column in [&mut self.x, &mut self.y, &mut self.z, &mut self.outer] {
            column.resize(rows + LANES, 0.0);
        }
        for (row, &bin) in self.bin.iter().enumerate().rev() {
            let start = &mut self.starts[bin as usize];
            *start -= 1;
            let place = *start as usize;
            self.place[row] = place as u32;
            self.row[place] = row as u32;
        }
        let columns = self.row[..rows].chunks(PIECE).zip(self.x.chunks_mut(PIECE));
        let columns = columns.zip(self.y.chunks_mut(PIECE));
        let columns = columns.zip(self.z.chunks_mut(PIECE));
        let columns = columns.zip(self.outer.chunks_mut(PIECE));
        let mut columns: Vec<_> = columns.collect();
        pool.pieces(&mut columns, 1, is_large, |_, piece| {
            let ((((rows, x), y), z), outers) = &mut piece[0];
            for (place, &row) in rows.iter().enumerate() {
                let position = positions[row as usize];
                [x[place], y[place], z[place]] = position.map(|x| x as f32);
                // Half of the margin each. Infinity is not nearer to anybody than NaN.
                let outer = outer(row as usize) + 0.5 * margin;
                let size = position.iter().fold(outer, |sum, x| sum + x.abs());
                let outer = (outer + ROUNDING * size) as f32;
                outers[place] = if outer.is_finite() { outer } else { f32::NAN };
            }
        });
        self.lines.clear();
        self.lines.resize(bins, Line::default());
        for (starts, line) in self.starts.windows(4).zip(&mut self.lines[1..]) {
            (line.start, line.end) = (starts[0], starts[3]);
            line.lowest = u32::MAX;
            // Rows of a bin ascend.
            for bin in starts.windows(2).filter(|bin| bin[0] < bin[1]) {
                line.lowest = line.lowest.min(self.row[bin[0] as usize]);
                line.highest = line.highest.max(self.row[bin[1] as usize - 1]);
            }
        }
    }

    /// How far the row that moved furthest since it was sorted did at most, µm; NaN if that is
    /// unknown.
    pub(super) fn furthest(&self, positions: &[[Real; 3]], pool: &Pool) -> Real {
        let rows = positions.chunks(PIECE).zip(self.place.chunks(PIECE));
        let mut pieces: Vec<_> = rows.map(|(now, place)| (now, place, [0; 2])).collect();
        let is_large = positions.len() >= LARGE;
        pool.pieces(&mut pieces, 1, is_large, |_, piece| {
            let (now, places, most) = &mut piece[0];
            *most = self.most_moved(now, places);
        });
        let most = pieces.iter().map(|(.., most)| most);
        let [far, extent] = most.fold([0; 2], |[far, extent], most| {
            [far.max(most[0]), extent.max(most[1])]
        });
        Real::from_bits(far).sqrt() + ROUNDING * Real::from_bits(extent)
    }

    /// The bits of the most that any of some rows has moved by, squared, and of the largest |x| +
    /// |y| + |z| among them. The bits of positive numbers are in the order of the numbers, and NaN
    /// is beyond all.
    fn most_moved(&self, positions: &[[Real; 3]], places: &[u32]) -> [u64; 2] {
        let bits = |number: Real| number.to_bits() & !(1 << 63);
        let mut most = [0; 2];
        for (&place, now) in places.iter().zip(positions) {
            let place = place as usize;
            let extent = now[0].abs() + now[1].abs() + now[2].abs();
            // Who was near nobody, and still is nowhere, may go where it likes.
            if self.outer[place].is_nan() && (extent.is_nan() || extent > f32::MAX.into()) {
                continue;
            }
            let then = [&self.x, &self.y, &self.z].map(|column| Real::from(column[place]));
            let [x, y, z] = [now[0] - then[0], now[1] - then[1], now[2] - then[2]];
            most = [
                most[0].max(bits(x * x + y * y + z * z)),
                most[1].max(bits(extent)),
            ];
        }
        most
    }

    /// The lines that hold whoever is near a row.
    #[inline(always)]
    pub(super) fn around(&self, row: u32) -> impl Iterator<Item = Line> {
        let first = self.bin[row as usize] as usize - self.back;
        self.offsets
            .iter()
            .map(move |offset| self.lines[first + offset])
    }

    /// x, y, z and how far a row reaches out.
    #[inline(always)]
    pub(super) fn of_row(&self, row: usize) -> [f32; 4] {
        let place = self.place[row] as usize;
        [&self.x, &self.y, &self.z, &self.outer].map(|column| column[place])
    }

    #[inline(always)]
    pub(super) fn row_at(&self, place: u32) -> u32 {
        self.row[place as usize]
    }

    /// Which of the rows from a place on are near, one bit each, of those above `own` or below
    /// `first`.
    #[inline(always)]
    pub(super) fn near(&self, place: u32, at: [f32; 4], own: u32, first: u32) -> u32 {
        let all = place as usize..place as usize + LANES;
        let [x, y, z, outer] = at;
        let (xs, ys, zs) = (
            &self.x[all.clone()],
            &self.y[all.clone()],
            &self.z[all.clone()],
        );
        let (outers, rows) = (&self.outer[all.clone()], &self.row[all]);
        let mut near = [0u8; LANES];
        for lane in 0..LANES {
            let (dx, dy, dz) = (x - xs[lane], y - ys[lane], z - zs[lane]);
            let reach = outer + outers[lane];
            let is_near = dx * dx + dy * dy + dz * dz <= reach * reach;
            near[lane] = u8::from(is_near & ((rows[lane] > own) | (rows[lane] < first)));
        }
        // The product gathers the lowest bits of eight bytes in the highest byte.
        let bits = |bytes: &[u8]| {
            let bytes = bytes.try_into().expect("half of the lanes are eight");
            u64::from_le_bytes(bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56
        };
        (bits(&near[..8]) | bits(&near[8..]) << 8) as u32
    }
}

/// The part of the domain where rows are, from corner to corner.
fn extent(positions: &[[Real; 3]], domain: &Domain) -> ([Real; 3], [Real; 3]) {
    let (mut min, mut max) = (domain.max, domain.min);
    for position in positions {
        for axis in 0..3 {
            // Not `min` and `max`, which pass over NaN at more cost.
            let x = position[axis];
            min[axis] = if x < min[axis] { x } else { min[axis] };
            max[axis] = if x > max[axis] { x } else { max[axis] };
        }
    }
    for axis in 0..3 {
        min[axis] = min[axis].max(domain.min[axis]);
        max[axis] = max[axis].min(domain.max[axis]).max(min[axis]);
    }
    (min, max)
}
