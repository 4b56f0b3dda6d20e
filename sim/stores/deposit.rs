//! How numbers get to their places: set, moved towards or added to, and held in range.

use kernels::portable::exp;
use multiversion::multiversion;
use rayon::prelude::*;
use rules::Kind;

use crate::{guard::Guards, record::Clamps, tables::Number};

/// Chunks that a thread takes at a time: a chunk of one column is about a microsecond's work.
const CHUNKS_AT_A_TIME: usize = 16;

/// Numbers for some cells; NaN says nothing.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// Their rows, ascending.
    pub rows: &'a [u32],
    /// `[row]`.
    pub values: &'a [f64],
    /// `[row]`: whether nothing is said of it either; empty where all count.
    pub skipped: &'a [bool],
}

/// How a number gets to its place.
#[derive(Debug, Clone, Copy)]
pub struct Deposit {
    law: Law,
    /// The number that stands there in the end is held in here.
    range: [f64; 2],
}

/// What a number does to the one that stands at its place.
#[derive(Debug, Clone, Copy)]
enum Law {
    /// It takes that one's place.
    Set,
    /// That one goes this share of the way towards it.
    Toward(f64),
    /// This many times it is added.
    Add(f64),
}

/// How many numbers were written, and how many of them were put back into range.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub written: u64,
    pub clamped: u64,
}

impl Chunk<'_> {
    /// The cells of which something is said.
    pub fn cells(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        let cells = self.rows.iter().copied().zip(self.values.iter().copied());
        let is_skipped = |at: usize| self.skipped.get(at).copied().unwrap_or(false);
        cells
            .enumerate()
            .filter(move |(at, (_, value))| !value.is_nan() && !is_skipped(*at))
            .map(|(_, cell)| cell)
    }
}

impl Deposit {
    /// For numbers of a kind, given every `clock` min to what is held in `range`.
    pub fn new(kind: &Kind, clock: f64, range: [f64; 2]) -> Deposit {
        let law = match kind {
            Kind::Parameter {
                relaxation: Some(time),
            } => Law::Toward(1.0 - exp(-clock / time)),
            Kind::Delta { per } => Law::Add(per.map_or(1.0, |per| clock / per)),
            _ => Law::Set,
        };
        Deposit { law, range }
    }

    /// Whether numbers are changes.
    pub fn adds(&self) -> bool {
        matches!(self.law, Law::Add(_))
    }

    /// Each number goes to its row's.
    pub fn scatter<T: Number>(
        &self,
        column: &mut [T],
        cells: &[(u16, u32, f64)],
        tally: &mut Tally,
    ) {
        for &(_, row, given) in cells {
            self.put(&mut column[row as usize], given, tally);
        }
    }

    /// The same for many chunks, several at a time.
    pub fn spread<T: Number>(&self, column: &mut [T], chunks: &[Chunk<'_>]) -> Tally {
        let rows = chunks.iter().map(|chunk| chunk.rows);
        let pieces: Vec<_> = cut(column, rows).into_iter().zip(chunks).collect();
        let fill = |((piece, start), chunk): ((&mut [T], usize), &Chunk<'_>)| {
            self.fill(piece, start, *chunk)
        };
        if chunks.len() <= CHUNKS_AT_A_TIME {
            return pieces
                .into_iter()
                .map(fill)
                .fold(Tally::default(), Tally::and);
        }
        let pieces = pieces.into_par_iter().with_min_len(CHUNKS_AT_A_TIME);
        pieces.map(fill).reduce(Tally::default, Tally::and)
    }

    /// One chunk; `piece` begins at the row `start`.
    pub fn fill<T: Number>(&self, piece: &mut [T], start: usize, chunk: Chunk<'_>) -> Tally {
        let mut tally = Tally::default();
        // Rows are ascending, so as many as there are between the ends are all of them.
        let is_run = chunk.rows.len() == piece.len() && !chunk.skipped.contains(&true);
        match self.law {
            // What is inside already is written as it stands.
            Law::Set if is_run && are_within(chunk.values, self.range) => {
                for (place, &given) in piece.iter_mut().zip(chunk.values) {
                    *place = T::of(given);
                }
                tally.written += piece.len() as u64;
            }
            _ if is_run && !chunk.values.iter().any(|value| value.is_nan()) => {
                for (place, &given) in piece.iter_mut().zip(chunk.values) {
                    self.put(place, given, &mut tally);
                }
            }
            _ => {
                for (row, given) in chunk.cells() {
                    self.put(&mut piece[row as usize - start], given, &mut tally);
                }
            }
        }
        tally
    }

    #[inline(always)]
    fn put<T: Number>(&self, place: &mut T, given: f64, tally: &mut Tally) {
        *place = T::of(self.held(self.law.apply(place.get(), given), tally));
    }

    /// A value, held in range and counted. Unlike `f64::clamp` it asks of no value whether the
    /// range is one.
    #[inline(always)]
    fn held(&self, value: f64, tally: &mut Tally) -> f64 {
        let [low, high] = self.range;
        tally.written += 1;
        tally.clamped += u64::from(!(low..=high).contains(&value));
        let value = if value < low { low } else { value };
        if value > high { high } else { value }
    }
}

impl Law {
    /// What stands there when a number has been given.
    #[inline(always)]
    fn apply(self, old: f64, given: f64) -> f64 {
        match self {
            Law::Set => given,
            Law::Toward(share) => old + (given - old) * share,
            Law::Add(factor) => old + given * factor,
        }
    }
}

/// Whether all are numbers from `low` to `high`.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq", "x86_64+avx2"))]
pub fn are_within(values: &[f64], [low, high]: [f64; 2]) -> bool {
    // Without a branch and in words as wide as the numbers, so that the compiler makes wide
    // registers of it.
    let is_stray = |value: f64| u64::from(!((low <= value) & (value <= high)));
    let strays = values.iter().map(|&value| is_stray(value));
    strays.fold(0, |any, stray| any | stray) == 0
}

/// Cuts a column so that each of these lists of rows, which follow each other, has a piece of its
/// own; the piece, and the row it begins with.
pub fn cut<'a, 'r, T>(
    column: &'a mut [T],
    chunks: impl Iterator<Item = &'r [u32]>,
) -> Vec<(&'a mut [T], usize)> {
    let (mut rest, mut start) = (column, 0);
    let mut pieces = Vec::with_capacity(chunks.size_hint().0);
    for rows in chunks {
        let first = rows.first().map_or(start, |first| *first as usize);
        let end = rows.last().map_or(start, |last| *last as usize + 1);
        let (_, after) = std::mem::take(&mut rest).split_at_mut(first - start);
        let (piece, after) = after.split_at_mut(end - first);
        pieces.push((piece, first));
        (rest, start) = (after, end);
    }
    pieces
}

impl Tally {
    /// Adds it to what was written to a behavior, and to the ledger of a learned rule that changed it:
    /// what models set was held in range, and counted, by the guard.
    pub fn count(
        self,
        number: usize,
        changed_by: Option<usize>,
        clamps: &mut Clamps,
        guards: &mut Guards,
    ) {
        clamps.written[number] += self.written;
        clamps.clamped[number] += self.clamped;
        if let Some(guard) = changed_by {
            guards.count(guard, self.written, self.clamped);
        }
    }

    /// Both together.
    pub fn and(self, other: Tally) -> Tally {
        Tally {
            written: self.written + other.written,
            clamped: self.clamped + other.clamped,
        }
    }
}
