//! Between columns of signals and the rows that engines read, in the widest registers at hand. The
//! compiler neither fuses nor reorders floating-point arithmetic, so the bits are those of any other
//! width.

use multiversion::multiversion;

/// Rows that are turned at a time: what is written stays in the nearest cache.
const BLOCK: usize = 16;

/// Columns that are turned at a time.
const SIDE: usize = 8;

/// One signal on its way into a tensor.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// `[row]`, in the signal's unit.
    pub values: &'a [f64],
    /// To the model's unit.
    pub factor: f64,
    /// The range, in the model's unit, that values are put back into.
    pub range: Option<(f64, f64)>,
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

/// Writes columns side by side: `out` is `[row][column]`.
#[multiversion(targets("x86_64+avx2"))]
pub fn turn<'a>(columns: &[Column<'a>], out: &mut [f32]) {
    let width = columns.len();
    let mut turned = [[0.0f32; BLOCK]; SIDE];
    for (block, out) in out.chunks_mut(BLOCK * width).enumerate() {
        let (first, rows) = (block * BLOCK, out.len() / width);
        for (group, place) in columns.chunks(SIDE).zip((0..).step_by(SIDE)) {
            for (column, turned) in group.iter().zip(&mut turned) {
                let values = &column.values[first..first + rows];
                // A block of known size is what the compiler makes registers of.
                match (<&[f64; BLOCK]>::try_from(values), column.range) {
                    (Ok(values), None) => {
                        for row in 0..BLOCK {
                            turned[row] = (values[row] * column.factor) as f32;
                        }
                    }
                    _ => {
                        for (turned, &value) in turned.iter_mut().zip(values) {
                            *turned = converted(value, column.factor, column.range);
                        }
                    }
                }
            }
            for (row, out) in out.chunks_exact_mut(width).enumerate() {
                let out = &mut out[place..place + group.len()];
                match <&mut [f32; SIDE]>::try_from(&mut *out) {
                    Ok(out) => {
                        for place in 0..SIDE {
                            out[place] = turned[place][row];
                        }
                    }
                    Err(_) => {
                        for (out, turned) in out.iter_mut().zip(&turned) {
                            *out = turned[row];
                        }
                    }
                }
            }
        }
    }
}

/// Whether a value, times `factor`, lies outside a range; what is no number does not.
#[multiversion(targets("x86_64+avx2"))]
pub fn any_outside(values: &[f64], factor: f64, (lo, hi): (f64, f64)) -> bool {
    let outside = |value: f64| (value * factor < lo) | (value * factor > hi);
    values
        .iter()
        .fold(false, |any, &value| any | outside(value))
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
        for (rows, width) in [(1, 1), (15, 7), (16, 8), (17, 9), (33, 32), (1024, 40)] {
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
                    range: (at % 3 == 0).then_some((5.0, 300.0)),
                })
                .collect();
            let mut out = vec![-1.0; rows * width];
            turn(&views, &mut out);
            for row in 0..rows {
                for (at, view) in views.iter().enumerate() {
                    let expected = converted(value(row, at), view.factor, view.range);
                    assert_eq!(out[row * width + at], expected, "row {row}, column {at}");
                }
            }
        }
    }

    #[test]
    fn a_value_outside_is_found_wherever_it_stands_and_one_that_is_none_is_not_outside() {
        let mut values = vec![1.0; 37];
        values[5] = f64::NAN;
        assert!(!any_outside(&values, 2.0, (0.0, 2.0)));
        for at in [0, 7, 36] {
            let mut values = values.clone();
            values[at] = 1.1;
            assert!(any_outside(&values, 2.0, (0.0, 2.0)));
            values[at] = -0.1;
            assert!(any_outside(&values, 2.0, (0.0, 2.0)));
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
