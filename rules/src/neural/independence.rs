//! Whether a row's answer depends on that row alone: asked of every model when it is loaded.

use std::fmt;

use super::engine::{CHUNK, Column, Rows};
use super::{Fault, fault};

/// Rows of the test.
const ROWS: usize = 40;

/// A difference larger than this part of an output's largest number is not rounding.
const ROUNDING: f64 = 1e-3;

/// How a row's bits depend on its place in the batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RowClass {
    /// Not at all.
    Bitwise,
    /// By rounding: at most this part of the output's largest number.
    Tolerance(f64),
}

impl fmt::Display for RowClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RowClass::Bitwise => f.write_str("rows bitwise"),
            RowClass::Tolerance(part) => write!(f, "rows within tolerance({part:.1e})"),
        }
    }
}

/// Tries rows within `ranges` ([input tensor][column], lo and hi) in another order, alone, in
/// larger and smaller batches, and beside a poisoned row.
///
/// # Errors
/// E-ROWS names the output and what moved it.
pub fn examine(rows: &Rows, dt: f32, ranges: &[Vec<(f64, f64)>]) -> Result<RowClass, Fault> {
    let tensors: Vec<Vec<f32>> = ranges
        .iter()
        .enumerate()
        .map(|(tensor, columns)| sample(tensor, ROWS, columns))
        .collect();
    let pick = |order: &[usize]| -> Vec<Vec<f32>> {
        tensors
            .iter()
            .zip(&rows.inputs)
            .map(|(tensor, (_, width))| {
                let row = |&at: &usize| &tensor[at * width..(at + 1) * width];
                order.iter().flat_map(row).copied().collect()
            })
            .collect()
    };
    let base = rows.run_tensors(ROWS, dt, &tensors)?;
    let mut compare = Compare::new(&rows.outputs, &base);
    let refusal = |what: &str, name: &str, difference: f64| {
        fault(
            "E-ROWS",
            format!(
                "output `{name}` of a row changed by {difference:.1e} of its largest number \
                 when {what}: rows must not depend on each other (look for a reduction, \
                 softmax or normalization over axis 0)"
            ),
        )
    };

    let permuted: Vec<usize> = (0..ROWS).map(|at| (at * 23 + 7) % ROWS).collect();
    let prefix: Vec<usize> = (0..25).collect();
    let many: Vec<usize> = (0..CHUNK + ROWS).map(|at| at % ROWS).collect();
    let orders: [(&[usize], &str); 6] = [
        (&permuted, "the rows were permuted"),
        (&prefix, "fewer rows were asked"),
        (&many, "more rows were asked"),
        (&[0], "it stood alone"),
        (&[17], "it stood alone"),
        (&[ROWS - 1], "it stood alone"),
    ];
    for (order, what) in orders {
        let made = rows.run_tensors(order.len(), dt, &pick(order))?;
        compare.within_rounding(order, &made, |name, part| refusal(what, name, part))?;
    }

    // The rows keep their places beside a poisoned one, so not even rounding may change.
    let poisoned = 11;
    let others: Vec<usize> = (0..ROWS).filter(|&at| at != poisoned).collect();
    for (poison, what) in [
        (f32::NAN, "another row was NaN"),
        (1e30, "another row was 1e30"),
        (-1e30, "another row was -1e30"),
    ] {
        let mut spoiled = tensors.clone();
        for (tensor, (_, width)) in spoiled.iter_mut().zip(&rows.inputs) {
            tensor[poisoned * width..(poisoned + 1) * width].fill(poison);
        }
        let made = rows.run_tensors(ROWS, dt, &spoiled)?;
        let kept: Vec<Vec<f32>> = made
            .iter()
            .zip(&rows.outputs)
            .map(|(tensor, (_, width))| {
                let row = |&at: &usize| &tensor[at * width..(at + 1) * width];
                others.iter().flat_map(row).copied().collect()
            })
            .collect();
        compare.bitwise(&others, &kept, |name, part| refusal(what, name, part))?;
    }
    Ok(compare.class())
}

/// Answers beside those of a first call, and the largest difference seen.
pub(super) struct Compare<'a> {
    outputs: &'a [Column],
    base: &'a [Vec<f32>],
    worst: f64,
}

impl<'a> Compare<'a> {
    /// What the first call gave for `outputs`.
    pub fn new(outputs: &'a [Column], base: &'a [Vec<f32>]) -> Compare<'a> {
        Compare {
            outputs,
            base,
            worst: 0.0,
        }
    }

    /// Whether `made` are the answers of the rows `order`, up to [`ROUNDING`]; else `refusal` is
    /// told the output's name and the difference.
    pub fn within_rounding(
        &mut self,
        order: &[usize],
        made: &[Vec<f32>],
        refusal: impl Fn(&str, f64) -> Fault,
    ) -> Result<(), Fault> {
        self.within(ROUNDING, order, made, refusal)
    }

    /// Likewise, to the last bit.
    pub fn bitwise(
        &mut self,
        order: &[usize],
        made: &[Vec<f32>],
        refusal: impl Fn(&str, f64) -> Fault,
    ) -> Result<(), Fault> {
        self.within(0.0, order, made, refusal)
    }

    fn within(
        &mut self,
        limit: f64,
        order: &[usize],
        made: &[Vec<f32>],
        refusal: impl Fn(&str, f64) -> Fault,
    ) -> Result<(), Fault> {
        let differences = differences(self.outputs, self.base, made, order);
        for ((name, _), difference) in self.outputs.iter().zip(differences) {
            if difference > limit {
                return Err(refusal(name, difference));
            }
            self.worst = self.worst.max(difference);
        }
        Ok(())
    }

    /// What all comparisons together say.
    pub fn class(&self) -> RowClass {
        if self.worst == 0.0 {
            RowClass::Bitwise
        } else {
            RowClass::Tolerance(self.worst)
        }
    }
}

/// The largest difference of each output from `base`, as a part of its largest number there.
fn differences(
    outputs: &[Column],
    base: &[Vec<f32>],
    made: &[Vec<f32>],
    order: &[usize],
) -> Vec<f64> {
    let difference = |((&(_, width), base), made): ((&Column, &Vec<f32>), &Vec<f32>)| {
        let finite = base.iter().filter(|value| value.is_finite());
        let scale = finite.fold(f64::from(f32::MIN_POSITIVE), |most, &value| {
            most.max(f64::from(value.abs()))
        });
        let place = |(at, &is): (usize, &f32)| {
            let was = base[order[at / width] * width + at % width];
            let is_same = was == is || (was.is_nan() && is.is_nan());
            let part = (f64::from(was) - f64::from(is)).abs() / scale;
            match part {
                _ if is_same => 0.0,
                part if part.is_finite() => part,
                _ => f64::INFINITY,
            }
        };
        made.iter().enumerate().map(place).fold(0.0, f64::max)
    };
    let outputs = outputs.iter().zip(base).zip(made);
    outputs.map(difference).collect()
}

/// Rows spread over the ranges by a hash, the same ones at every load.
pub(super) fn sample(tensor: usize, rows: usize, columns: &[(f64, f64)]) -> Vec<f32> {
    let mut values = Vec::with_capacity(rows * columns.len());
    for row in 0..rows {
        for (column, (lo, hi)) in columns.iter().enumerate() {
            let place = ((tensor * 64 + column) * rows + row) as u64;
            values.push((lo + (hi - lo) * super::mlp::uniform(1, place)) as f32);
        }
    }
    values
}
