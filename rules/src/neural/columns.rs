//! Between columns of numbers and the rows that engines read and write, in the widest registers at
//! hand. Floating-point arithmetic is neither fused nor reordered, so the bits are those of any other
//! width.

use multiversion::multiversion;

/// Rows that are turned before the next columns are: what is written stays in the nearest cache.
const BLOCK: usize = 128;

/// Columns that are turned at a time, and rows in registers.
const SIDE: usize = 8;

/// One signal on its way into a tensor.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// `[row]`, in the signal's unit.
    pub values: &'a [f64],
    /// To the model's unit.
    pub factor: f64,
    /// Where values are expected, in the model's unit.
    pub expected: (f64, f64),
    /// The range, in the model's unit, that values are put back into.
    pub range: Option<(f64, f64)>,
}

impl Column<'_> {
    /// Whether a value is a number where it is expected.
    #[inline(always)]
    fn expects(&self, value: f64) -> bool {
        let (lo, hi) = self.expected;
        (lo <= value * self.factor) & (value * self.factor <= hi)
    }

    /// A number of single precision between these surely is where it is expected: what is above
    /// another when both are rounded was above it before.
    fn surely(&self) -> [f32; 2] {
        let (lo, hi) = self.expected;
        [(lo as f32).next_up(), (hi as f32).next_down()]
    }
}

/// A number in the model's unit, put back into its range; what is no number stays none.
#[inline(always)]
pub fn converted(value: f64, factor: f64, range: Option<(f64, f64)>) -> f32 {
    let value = value * factor;
    match range {
        Some((lo, hi)) if value.is_finite() => value.clamp(lo, hi) as f32,
        _ => value as f32,
    }
}

/// Writes columns side by side: `out` is `[row][column]`. `strays` are told the columns in which
/// not every value is a number where it is expected.
pub fn turn(columns: &[Column<'_>], out: &mut [f32], strays: &mut Vec<usize>) {
    let width = columns.len();
    let mut groups: Vec<Group<'_>> = columns.chunks(SIDE).map(Group::new).collect();
    for (first, out) in (0..).step_by(BLOCK).zip(out.chunks_mut(BLOCK * width)) {
        for (group, place) in groups.iter_mut().zip((0..).step_by(SIDE)) {
            group.turn(first, out, width, place);
        }
    }
    let unsure = groups.iter().flat_map(|group| group.unsure);
    for ((at, column), unsure) in columns.iter().enumerate().zip(unsure) {
        // Of few columns each value is looked at again.
        if unsure != 0 && !column.values.iter().all(|&value| column.expects(value)) {
            strays.push(at);
        }
    }
}

/// At most eight columns side by side.
struct Group<'a> {
    columns: &'a [Column<'a>],
    /// Whether they are eight, and nothing is put back.
    is_plain: bool,
    /// [Surely](Column::surely).
    low: [f32; SIDE],
    high: [f32; SIDE],
    /// Not 0 for columns in which a value may be a stray.
    unsure: [u32; SIDE],
}

impl<'a> Group<'a> {
    fn new(columns: &'a [Column<'a>]) -> Group<'a> {
        let mut group = Group {
            columns,
            is_plain: columns.len() == SIDE && columns.iter().all(|column| column.range.is_none()),
            low: [0.0; SIDE],
            high: [0.0; SIDE],
            unsure: [0; SIDE],
        };
        for (at, column) in columns.iter().enumerate() {
            [group.low[at], group.high[at]] = column.surely();
        }
        group
    }

    /// Writes as many rows as `out` has, the first of which is `first`; the first column goes to
    /// `place`.
    fn turn(&mut self, first: usize, out: &mut [f32], width: usize, place: usize) {
        let mut done = 0;
        #[cfg(target_arch = "x86_64")]
        if self.is_plain && x86::is_wide() {
            // SAFETY: the processor has what it is compiled for.
            done = unsafe { x86::turn(self, first, out, width, place) };
        }
        let rest = &mut out[done * width..];
        for (at, column) in self.columns.iter().enumerate() {
            let values = &column.values[first + done..];
            for (&value, row) in values.iter().zip(rest.chunks_exact_mut(width)) {
                row[place + at] = converted(value, column.factor, column.range);
                self.unsure[at] |= u32::from(!column.expects(value));
            }
        }
    }
}

/// One answer on its way out of a tensor.
#[derive(Debug)]
pub struct Answered<'a> {
    /// Its column there.
    pub column: usize,
    /// From the model's unit.
    pub factor: f64,
    /// `[row]`.
    pub values: &'a mut [f64],
}

/// Takes columns out of a tensor, `[row][width]`.
pub fn part(tensor: &[f32], width: usize, columns: &mut [Answered<'_>]) {
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if width.is_multiple_of(SIDE) && x86::is_wide() {
        // SAFETY: the processor has what it is compiled for.
        done = unsafe { x86::part(tensor, width, columns) };
    }
    let rest = &tensor[done * width..];
    for answered in columns {
        let said = rest.chunks_exact(width).map(|row| row[answered.column]);
        for (out, said) in answered.values[done..].iter_mut().zip(said) {
            *out = f64::from(said) * answered.factor;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! Intrinsics, because compilers do not find the turn of a square in registers by themselves.

    use std::arch::x86_64::*;
    use std::array::from_fn;
    use std::mem::transmute;

    use super::{Answered, Group, SIDE};

    /// Whether the functions below can be called.
    pub(super) fn is_wide() -> bool {
        is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl")
    }

    /// Turns whole squares, and says how many rows they are.
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn turn(
        group: &mut Group<'_>,
        first: usize,
        out: &mut [f32],
        width: usize,
        place: usize,
    ) -> usize {
        let count = out.len() / width / SIDE * SIDE;
        let values: [&[f64]; SIDE] = from_fn(|at| &group.columns[at].values[first..][..count]);
        let factors: [f64; SIDE] = from_fn(|at| group.columns[at].factor);
        assert!(place + SIDE <= width);
        // SAFETY: arrays of eight are what registers hold.
        let (low, high, mut unsure) = unsafe {
            (
                transmute::<[f32; SIDE], __m256>(group.low),
                transmute::<[f32; SIDE], __m256>(group.high),
                transmute::<[u32; SIDE], __m256i>(group.unsure),
            )
        };
        for first in (0..count).step_by(SIDE) {
            let column = |at: usize| {
                // SAFETY: of each column there are `count` rows, a multiple of eight.
                let values = unsafe { _mm512_loadu_pd(values[at].as_ptr().add(first)) };
                _mm512_cvtpd_ps(_mm512_mul_pd(values, _mm512_set1_pd(factors[at])))
            };
            let rows = turned([
                column(0),
                column(1),
                column(2),
                column(3),
                column(4),
                column(5),
                column(6),
                column(7),
            ]);
            for (row, at) in rows.into_iter().zip(first..) {
                // What is no number becomes `low`, and so another too.
                let inside = _mm256_min_ps(_mm256_max_ps(row, low), high);
                let [inside, bits] = [_mm256_castps_si256(inside), _mm256_castps_si256(row)];
                unsure = _mm256_or_si256(unsure, _mm256_xor_si256(inside, bits));
                // SAFETY: there are more than `at` rows, and eight numbers of each from `place` on.
                unsafe { _mm256_storeu_ps(out.as_mut_ptr().add(at * width + place), row) };
            }
        }
        // SAFETY: as above.
        group.unsure = unsafe { transmute::<__m256i, [u32; SIDE]>(unsure) };
        count
    }

    /// Takes whole squares apart, and says how many rows they are.
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn part(tensor: &[f32], width: usize, columns: &mut [Answered<'_>]) -> usize {
        let count = tensor.len() / width / SIDE * SIDE;
        for place in (0..width).step_by(SIDE) {
            let mut wanted: [Option<(f64, &mut [f64])>; SIDE] = from_fn(|_| None);
            for answered in &mut *columns {
                if let Some(wanted) = wanted.get_mut(answered.column.wrapping_sub(place)) {
                    *wanted = Some((answered.factor, &mut answered.values[..count]));
                }
            }
            for first in (0..count).step_by(SIDE) {
                let row = |at: usize| {
                    // SAFETY: there are `count` rows, a multiple of eight, and eight numbers of each
                    // from `place` on.
                    unsafe { _mm256_loadu_ps(tensor.as_ptr().add((first + at) * width + place)) }
                };
                let square = turned([
                    row(0),
                    row(1),
                    row(2),
                    row(3),
                    row(4),
                    row(5),
                    row(6),
                    row(7),
                ]);
                for (said, wanted) in square.into_iter().zip(&mut wanted) {
                    if let Some((factor, out)) = wanted {
                        let said = _mm512_mul_pd(_mm512_cvtps_pd(said), _mm512_set1_pd(*factor));
                        // SAFETY: there are `count` rows here too.
                        unsafe { _mm512_storeu_pd(out.as_mut_ptr().add(first), said) };
                    }
                }
            }
        }
        count
    }

    #[target_feature(enable = "avx")]
    #[inline]
    fn turned([a, b, c, d, e, f, g, h]: [__m256; SIDE]) -> [__m256; SIDE] {
        let (left, right) = (quarters(a, b, c, d), quarters(e, f, g, h));
        let upper = |row: usize| _mm256_permute2f128_ps::<0x20>(left[row], right[row]);
        let lower = |row: usize| _mm256_permute2f128_ps::<0x31>(left[row], right[row]);
        [
            upper(0),
            upper(1),
            upper(2),
            upper(3),
            lower(0),
            lower(1),
            lower(2),
            lower(3),
        ]
    }

    /// Four columns of one row in each half of a register: rows 0 to 3, and 4 to 7.
    #[target_feature(enable = "avx")]
    #[inline]
    fn quarters(a: __m256, b: __m256, c: __m256, d: __m256) -> [__m256; 4] {
        let [low, high] = [_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)];
        let [next_low, next_high] = [_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d)];
        [
            _mm256_shuffle_ps::<0x44>(low, next_low),
            _mm256_shuffle_ps::<0xee>(low, next_low),
            _mm256_shuffle_ps::<0x44>(high, next_high),
            _mm256_shuffle_ps::<0xee>(high, next_high),
        ]
    }
}

/// Whether all are finite.
#[multiversion(targets("x86_64+avx2"))]
pub fn all_finite(values: &[f32]) -> bool {
    // Without a branch for each.
    let exponent = f32::INFINITY.to_bits();
    let lost = |value: f32| value.to_bits() & exponent == exponent;
    !values.iter().fold(false, |any, &value| any | lost(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_rows_whatever_their_number() {
        for (rows, width) in [(1, 1), (15, 7), (64, 8), (65, 9), (133, 32), (1024, 40)] {
            let value = |row: usize, column: usize| (row * 100 + column) as f64;
            let columns: Vec<Vec<f64>> = (0..width)
                .map(|column| (0..rows).map(|row| value(row, column)).collect())
                .collect();
            let views: Vec<Column<'_>> = columns
                .iter()
                .enumerate()
                .map(|(at, values)| Column {
                    values,
                    factor: if at % 2 == 0 { 1.0 } else { 0.5 },
                    expected: (0.0, 1e6),
                    // The first eight are turned one by one, others in squares.
                    range: (at < SIDE && at % 3 == 0).then_some((5.0, 300.0)),
                })
                .collect();
            let (mut out, mut strays) = (vec![-1.0; rows * width], Vec::new());
            turn(&views, &mut out, &mut strays);
            assert!(strays.is_empty());
            for row in 0..rows {
                for (at, view) in views.iter().enumerate() {
                    let expected = converted(value(row, at), view.factor, view.range);
                    assert_eq!(out[row * width + at], expected, "row {row}, column {at}");
                }
            }
        }
    }

    #[test]
    fn a_column_with_a_stray_is_told_once_wherever_the_stray_stands() {
        for stray in [1.1, -0.1, f64::NAN, f64::INFINITY] {
            for (at, range) in [(0, None), (63, None), (64, None), (90, Some((0.0, 2.0)))] {
                let sound = vec![1.0; 91];
                let mut spoiled = sound.clone();
                (spoiled[at], spoiled[8]) = (stray, stray);
                let column = |values| Column {
                    values,
                    factor: 2.0,
                    expected: (0.0, 2.1),
                    range,
                };
                let mut columns = [column(&sound); SIDE + 1];
                columns[1] = column(&spoiled);
                let (mut out, mut strays) = (vec![0.0; 91 * columns.len()], Vec::new());
                turn(&columns, &mut out, &mut strays);
                assert_eq!(strays, [1], "{stray} at {at}");
            }
        }
    }

    #[test]
    fn a_number_just_outside_strays_and_one_on_the_border_does_not() {
        // All of these are the same in single precision.
        for border in [1.0, -1.0, 100.0, 1e-30] {
            for value in [f64::next_up(border), f64::next_down(border), border] {
                let values = [value; 16];
                let column = |expected| Column {
                    values: &values,
                    factor: 1.0,
                    expected,
                    range: None,
                };
                let above = [column((border, 1e3)); SIDE];
                let below = [column((-1e3, border)); SIDE];
                for (columns, is_inside) in [(above, value >= border), (below, value <= border)] {
                    let (mut out, mut strays) = (vec![0.0; SIDE * 16], Vec::new());
                    turn(&columns, &mut out, &mut strays);
                    assert_eq!(strays.is_empty(), is_inside, "{value} at {border}");
                }
            }
        }
    }

    #[test]
    fn rows_become_columns_whatever_their_number() {
        for (rows, width) in [(1, 1), (15, 7), (64, 8), (65, 9), (133, 16), (1024, 24)] {
            let tensor: Vec<f32> = (0..rows * width).map(|at| at as f32 * 0.1).collect();
            // Every other column, from the last one on.
            let wanted: Vec<usize> = (0..width).rev().step_by(2).collect();
            let mut columns = vec![vec![f64::NAN; rows]; wanted.len()];
            let answered = |(&column, values)| Answered {
                column,
                factor: 0.3 + column as f64,
                values,
            };
            let values = columns.iter_mut().map(Vec::as_mut_slice);
            let mut answered: Vec<_> = wanted.iter().zip(values).map(answered).collect();
            part(&tensor, width, &mut answered);
            for (at, values) in wanted.iter().zip(&columns) {
                for (row, value) in values.iter().enumerate() {
                    let said = f64::from(tensor[row * width + at]);
                    assert_eq!(*value, said * (0.3 + *at as f64), "row {row}, column {at}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_found_wherever_it_stands() {
        assert!(all_finite(&[0.0, f32::MAX, f32::MIN_POSITIVE, -1.0]));
        for lost in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 18, 36] {
                let mut values = [1.0; 37];
                values[at] = lost;
                assert!(!all_finite(&values));
            }
        }
    }
}
