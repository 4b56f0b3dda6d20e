//! Who is near whom: lists of rows that may meet, kept from step to step.
//!
//! Two rows meet at most where their distance does not exceed o_i + o_j, the sum of what each
//! reaches out. A list holds the rows within o_i + o_j + m, with a margin m, and so misses nobody
//! until a row has moved by m / 2. [`Neighbors::update`] looks, and makes the lists anew then.
//!
//! A pair stands in one list, that of its lower row, in ascending order of the higher. Who goes
//! through rows and lists in order, and adds what a pair does to both, adds for each row over its
//! neighbors in ascending order: a sum that depends neither on the margin, nor on when lists were
//! made, nor on into how many pieces the rows are cut.
//! Source of lists with a margin: Verlet 1967, doi:10.1103/PhysRev.159.98.

mod bins;

use std::ops::Range;

use crate::{Pool, Real, motion::Domain};
use bins::{Bins, LANES};

/// Below this many rows it is not worth waking the threads.
pub(crate) const LARGE: usize = 4096;
/// Pieces per thread, so that one that is held up does not hold up all.
const PIECES_PER_THREAD: usize = 2;
/// What a step from a row to another can be.
const FURTHEST: u32 = u16::MAX as u32;
/// The margin while nothing is known of how fast rows move, over the range.
const FIRST_MARGIN: Real = 0.05;
/// The largest margin over the range.
const LARGEST_MARGIN: Real = 0.2;

/// Rows that may meet.
#[derive(Clone, Debug, Default)]
pub struct Neighbors {
    bins: Bins,
    /// Rows in the lists; 0 where there are none.
    rows: usize,
    pub(crate) pieces: Vec<Piece>,
    /// µm.
    margin: Real,
    /// Calls of [`Neighbors::update`] since the lists were made.
    age: u32,
    /// How far the fastest row moves between two calls, µm, as of late.
    pace: Option<Real>,
}

/// The lists of consecutive rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Piece {
    pub(crate) rows: Range<usize>,
    /// Rows on a list, its own row among them, differ by so much at most.
    pub(crate) span: usize,
    /// How far above each row the higher ones near it are, and where each list ends. Rows are in
    /// the order of space, so that hardly ever one is too far above for 16 bits.
    steps: Vec<u16>,
    ends: Vec<u32>,
    /// Those that are.
    far: Lists,
    /// The rows below this piece that are near some of its own.
    pub(crate) lower: Lists,
    looks: Vec<(u32, u32)>,
    found: Vec<u32>,
}

/// Lists that few rows have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    others: Vec<u32>,
    /// (row, end of its list).
    ends: Vec<(u32, u32)>,
}

impl Lists {
    fn clear(&mut self) {
        self.others.clear();
        self.ends.clear();
    }

    fn push(&mut self, row: u32, others: &[u32]) {
        if !others.is_empty() {
            self.others.extend_from_slice(others);
            self.ends.push((row, self.others.len() as u32));
        }
    }

    /// Rows that have a list, and it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[u32])> {
        let mut start = 0;
        self.ends.iter().map(move |&(row, end)| {
            let list = &self.others[start..end as usize];
            start = end as usize;
            (row as usize, list)
        })
    }
}

impl Neighbors {
    /// Drops the lists: rows, or how far they reach out, have changed.
    pub fn forget(&mut self) {
        self.rows = 0;
    }

    /// Makes the lists complete for `positions`, µm, and says whether they had to be made anew.
    /// `outer` is how far a row reaches out, and `range` the most of a sum of two, µm; as before,
    /// unless the lists were [forgotten](Neighbors::forget). In 2D all z must be alike. Whose
    /// position is no finite number is near nobody.
    pub fn update(
        &mut self,
        positions: &[[Real; 3]],
        outer: impl Fn(usize) -> Real + Sync,
        range: Real,
        domain: &Domain,
        pool: &Pool,
    ) -> bool {
        self.age = self.age.saturating_add(1);
        if self.rows == positions.len() && !positions.is_empty() {
            let furthest = self.bins.furthest(positions, pool);
            self.pace = Some(furthest / Real::from(self.age));
            // Rounding is far below a billionth of a margin. NaN makes lists anew.
            if furthest <= 0.5 * self.margin * (1.0 - 1e-9) {
                return false;
            }
        }
        self.margin = margin(self.pace, range);
        self.age = 0;
        self.rows = positions.len();
        self.bins
            .sort(positions, outer, range, self.margin, domain, pool);
        let (rows, threads) = (positions.len(), pool.threads());
        let pieces = if rows < LARGE || threads == 1 {
            1
        } else {
            PIECES_PER_THREAD * threads
        };
        self.pieces.resize_with(pieces, Piece::default);
        let (size, bins) = (rows.div_ceil(pieces), &self.bins);
        pool.pieces(&mut self.pieces, 1, pieces > 1, |index, piece| {
            let last = rows.min((index + 1) * size);
            piece[0].fill_widest(bins, last.min(index * size)..last);
        });
        true
    }

    /// The pairs that may meet, (lower row, higher row), ascending.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.pieces.iter().flat_map(|piece| {
            piece.lists().flat_map(|(row, near, far)| {
                let row = row as u32;
                let near = near.iter().map(move |&step| row + u32::from(step));
                near.chain(far.iter().copied())
                    .map(move |other| (row, other))
            })
        })
    }
}

/// A margin m costs in each step, since lists get longer, and saves making them anew, which is
/// due after m / (2 · pace) steps and costs about as much as a step. With a cost of
/// 1 + 3 m / range + 2 · pace / m the least is near √(pace · range).
fn margin(pace: Option<Real>, range: Real) -> Real {
    let Some(pace) = pace else {
        return FIRST_MARGIN * range;
    };
    let margin = (pace * range).sqrt().min(LARGEST_MARGIN * range);
    // Where lists would not last for two steps, they may as well be short.
    if margin < 4.0 * pace { 0.0 } else { margin }
}

impl Piece {
    /// Each row, how far above it those near it are, and the rows that are too far above for that.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (usize, &[u16], &[u32])> {
        let mut start = 0;
        let mut far = self.far.iter().peekable();
        self.rows.clone().zip(&self.ends).map(move |(row, &end)| {
            let steps = &self.steps[start..end as usize];
            start = end as usize;
            let far = far.next_if(|(other, _)| *other == row);
            (row, steps, far.map_or(&[][..], |(_, list)| list))
        })
    }

    /// [`Piece::fill`] in the widest registers at hand.
    fn fill_widest(&mut self, bins: &Bins, rows: Range<usize>) {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2,bmi1")]
            fn wide(piece: &mut Piece, bins: &Bins, rows: Range<usize>) {
                piece.fill(bins, rows);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") {
                // SAFETY: the processor has what `wide` is compiled for.
                unsafe { wide(self, bins, rows) };
                return;
            }
        }
        self.fill(bins, rows);
    }

    #[inline(always)]
    fn fill(&mut self, bins: &Bins, rows: Range<usize>) {
        self.rows = rows.clone();
        self.span = 0;
        self.steps.clear();
        self.ends.clear();
        self.far.clear();
        self.lower.clear();
        let first = rows.start as u32;
        for row in rows {
            let own = bins.of_row(row);
            let row = row as u32;
            // First all comparisons and then all findings: a branch guessed wrong costs as much as
            // a dozen comparisons.
            self.looks.clear();
            for line in bins.around(row) {
                // Where rows stand in the order of space, half of the lines have lower rows alone.
                if line.highest < row && line.lowest >= first {
                    continue;
                }
                for start in (line.start..line.end).step_by(LANES) {
                    let near = bins.near(start, own, row, first);
                    let rest = (line.end - start).min(LANES as u32);
                    self.looks.push((start, near & ((1 << rest) - 1)));
                }
            }
            self.found.clear();
            for looks in self.looks.chunks(4) {
                let mut bits = 0u64;
                for (k, look) in looks.iter().enumerate() {
                    bits |= u64::from(look.1) << (LANES * k);
                }
                while bits != 0 {
                    let bit = bits.trailing_zeros();
                    bits &= bits - 1;
                    let start = looks[bit as usize / LANES].0;
                    self.found.push(bins.row_at(start + bit % LANES as u32));
                }
            }
            sort(&mut self.found);
            let ends = self.found.first().into_iter().chain(self.found.last());
            for &end in ends {
                self.span = self.span.max(end.abs_diff(row) as usize);
            }
            let lower = self.found.iter().take_while(|&&other| other < first);
            let (lower, higher) = self.found.split_at(lower.count());
            let near = higher.iter().take_while(|&&other| other - row <= FURTHEST);
            let (near, far) = higher.split_at(near.count());
            let steps = near.iter().map(|&other| (other - row) as u16);
            self.steps.extend(steps);
            self.ends.push(self.steps.len() as u32);
            self.far.push(row, far);
            self.lower.push(row, lower);
        }
    }
}

/// Sorts numbers that differ. A few are each put where there are as many smaller ones, without a
/// branch.
#[inline(always)]
fn sort(numbers: &mut [u32]) {
    const FEW: usize = 16;
    if numbers.len() > FEW {
        numbers.sort_unstable();
        return;
    }
    let mut all = [u32::MAX; FEW];
    all[..numbers.len()].copy_from_slice(numbers);
    let mut smaller = [0u32; FEW];
    for &number in &*numbers {
        for k in 0..FEW {
            smaller[k] += u32::from(number < all[k]);
        }
    }
    for k in 0..numbers.len() {
        numbers[smaller[k] as usize] = all[k];
    }
}
