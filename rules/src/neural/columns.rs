//! Between columns of signals and the rows that engines read, in the widest registers at hand. The
//! compiler neither fuses nor reorders floating-point arithmetic, so the bits are those of any other
//! width.

use multiversion::multiversion;

/// Rows that are turned at a time: what is written stays in the nearest cache.
const BLOCK: usize = 32;

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
    /// Writes some rows, and says whether all are numbers where they are expected.
    #[inline(always)]
    fn convert(&self, first: usize, out: &mut [f32]) -> bool {
        let ((lo, hi), factor) = (self.expected, self.factor);
        let values = &self.values[first..first + out.len()];
        match (self.range, <&mut [f32; BLOCK]>::try_from(&mut *out)) {
            // A block of known size is what the compiler makes registers of.
            (None, Ok(out)) => {
                for row in 0..BLOCK {
                    out[row] = (values[row] * factor) as f32;
                }
            }
            _ => {
                for (out, &value) in out.iter_mut().zip(values) {
                    *out = converted(value, factor, self.range);
                }
            }
        }
        // What is no number is not inside. In words as wide as the numbers, and without a branch.
        let is_inside = |value: f64| (lo <= value * factor) & (value * factor <= hi);
        let strays = values.iter().map(|&value| u64::from(!is_inside(value)));
        strays.fold(0, |any, stray| any | stray) == 0
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
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
        // SAFETY: the processor has what it is compiled for.
        return unsafe { x86::in_512_bits(columns, out, strays) };
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: as above.
        return unsafe { x86::in_256_bits(columns, out, strays) };
    }
    turn_with(columns, out, strays, |columns| {
        std::array::from_fn(|row| std::array::from_fn(|column| columns[column][row]))
    });
}

/// Eight columns of eight rows.
type Square = [[f32; SIDE]; SIDE];

/// The same with a way to turn squares.
#[inline(always)]
fn turn_with(
    columns: &[Column<'_>],
    out: &mut [f32],
    strays: &mut Vec<usize>,
    turned: impl Fn(Square) -> Square,
) {
    let width = columns.len();
    let mut converted = [[0.0f32; BLOCK]; SIDE];
    for (block, out) in out.chunks_mut(BLOCK * width).enumerate() {
        let (first, rows) = (block * BLOCK, out.len() / width);
        for (group, place) in columns.chunks(SIDE).zip((0..).step_by(SIDE)) {
            for ((column, converted), at) in group.iter().zip(&mut converted).zip(place..) {
                if !column.convert(first, &mut converted[..rows]) && !strays.contains(&at) {
                    strays.push(at);
                }
            }
            for (rows, out) in (0..).step_by(SIDE).zip(out.chunks_mut(SIDE * width)) {
                let square = converted.each_ref().map(|column| {
                    let rows: &[f32; SIDE] = column[rows..][..SIDE].try_into().expect("a block");
                    *rows
                });
                for (turned, out) in turned(square).iter().zip(out.chunks_exact_mut(width)) {
                    let out = &mut out[place..place + group.len()];
                    match <&mut [f32; SIDE]>::try_from(&mut *out) {
                        Ok(out) => *out = *turned,
                        Err(_) => out.copy_from_slice(&turned[..group.len()]),
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! Intrinsics, because compilers do not find the turn of a square in registers by themselves.

    use std::arch::x86_64::*;
    use std::mem::transmute;

    use super::{Column, Square, turn_with};

    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn in_512_bits(columns: &[Column<'_>], out: &mut [f32], strays: &mut Vec<usize>) {
        turn_with(columns, out, strays, |square| turned(square));
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn in_256_bits(columns: &[Column<'_>], out: &mut [f32], strays: &mut Vec<usize>) {
        turn_with(columns, out, strays, |square| turned(square));
    }

    #[target_feature(enable = "avx")]
    #[inline]
    fn turned(square: Square) -> Square {
        // SAFETY: eight numbers are what a register holds.
        let [a, b, c, d, e, f, g, h]: [__m256; 8] = unsafe { transmute(square) };
        let (left, right) = (quarters(a, b, c, d), quarters(e, f, g, h));
        let upper = |row: usize| _mm256_permute2f128_ps::<0x20>(left[row], right[row]);
        let lower = |row: usize| _mm256_permute2f128_ps::<0x31>(left[row], right[row]);
        let rows = [
            [upper(0), upper(1), upper(2), upper(3)],
            [lower(0), lower(1), lower(2), lower(3)],
        ];
        // SAFETY: as above.
        unsafe { transmute(rows) }
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
                    range: (at % 3 == 0).then_some((5.0, 300.0)),
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
                    expected: (0.0, 2.0),
                    range,
                };
                let columns = [&sound, &spoiled, &sound].map(|it| column(it));
                let (mut out, mut strays) = (vec![0.0; 3 * 91], Vec::new());
                turn(&columns, &mut out, &mut strays);
                assert_eq!(strays, [1], "{stray} at {at}");
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
