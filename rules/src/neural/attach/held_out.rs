//! Rows of the data as a graph takes them: whether it answers them as it did in training.

use serde_json::{Map, Value, json};

use super::super::contract::Spec;
use super::super::engine::Rows;
use super::super::{Fault, fault, golden};
use super::data::{Data, is_column};

/// Rows of the data as the graph takes them.
pub(super) struct HeldOut {
    rows: usize,
    /// [input tensor] row-major.
    tensors: Vec<Vec<f32>>,
    widths: Vec<usize>,
    /// Output tensor, its column, and what the data say it is.
    answers: Vec<(usize, usize, Vec<f64>)>,
}

/// Answers that differ by more than this part of the largest are of another model.
const LARGEST_DIFFERENCE: f64 = 1e-3;

impl HeldOut {
    pub(super) fn read(data: &Data, spec: &Spec, rows: &Rows) -> Result<HeldOut, Fault> {
        let count = data.columns.first().map_or(0, Vec::len);
        let json = serde_json::to_value(&spec.inputs).expect("a spec has a JSON form");
        let inputs: Vec<&Map<String, Value>> = json
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .collect();
        let mut tensors = Vec::new();
        for (tensor, width) in &rows.inputs {
            let mut columns = Vec::new();
            for col in 0..*width {
                let place = format!("{tensor}.{col}");
                let input = inputs.iter().find(|input| is_column(input, &place)[0]);
                let column = match input {
                    Some(input) => data.column(input)?,
                    None => {
                        let at = data.names.iter().position(|name| *name == place);
                        at.map(|at| &data.columns[at])
                    }
                };
                columns.push(column.ok_or_else(|| {
                    let name = input
                        .and_then(|input| input.get("name"))
                        .and_then(Value::as_str);
                    fault(
                        "E-CONTRACT",
                        format!(
                            "data: no column `{}{place}`{}",
                            name.map_or(String::new(), |name| format!("{name}` or `")),
                            data.near(name.unwrap_or(&place))
                        ),
                    )
                })?);
            }
            let row = |row: usize| columns.iter().map(move |column| column[row] as f32);
            tensors.push((0..count).flat_map(row).collect());
        }
        let mut answers = Vec::new();
        for (tensor, (name, width)) in rows.outputs.iter().enumerate() {
            for col in 0..*width {
                let place = format!("{name}.{col}");
                let at = data
                    .names
                    .iter()
                    .position(|column| *column == place || (*width == 1 && column == name));
                answers.extend(at.map(|at| (tensor, col, data.columns[at].clone())));
            }
        }
        Ok(HeldOut {
            rows: count,
            tensors,
            widths: rows.inputs.iter().map(|(_, width)| *width).collect(),
            answers,
        })
    }

    /// Inputs whose range the data leave.
    ///
    /// # Errors
    /// E-GOLDEN where most rows are so far outside that they are of something else.
    pub(super) fn outside(&self, spec: &Spec) -> Result<Vec<String>, Fault> {
        let mut found = Vec::new();
        for (tensor, (name, width)) in spec.input_tensors().iter().enumerate() {
            for input in spec.inputs.iter().filter(|input| input.tensor == *name) {
                let column = (0..self.rows)
                    .map(|row| f64::from(self.tensors[tensor][row * width + input.col]));
                let (lo, hi) = (input.lo, input.hi);
                let is_out =
                    |value: &f64| *value < lo - 1e-6 * lo.abs() || *value > hi + 1e-6 * hi.abs();
                let out = column.clone().filter(is_out).count();
                if out == 0 {
                    continue;
                }
                let text = |count: usize, how: &str| {
                    format!(
                        "{count} of {} rows of the data {how} {lo} to {hi} {} of {}: is the unit, the \
                         range or the order of columns another?",
                        self.rows, input.unit, input.name
                    )
                };
                let (_, far) = golden::far(column, (lo, hi));
                if 2 * far > self.rows {
                    let message = text(far, "lie far outside");
                    return Err(fault("E-GOLDEN", message));
                }
                found.push(text(out, "leave"));
            }
        }
        Ok(found)
    }

    /// Largest difference of the graph's answers from those of the data, as a part of the largest.
    fn difference(&self, rows: &Rows, dt: f32, tensors: &[Vec<f32>]) -> Result<f64, Fault> {
        let made = rows.run_tensors(self.rows, dt, tensors)?;
        let part = |(tensor, col, wanted): &(usize, usize, Vec<f64>)| {
            let width = rows.outputs[*tensor].1;
            let scale = wanted
                .iter()
                .fold(f64::MIN_POSITIVE, |most, value| most.max(value.abs()));
            let off = wanted.iter().enumerate().map(|(row, wanted)| {
                let off = (f64::from(made[*tensor][row * width + col]) - wanted).abs();
                if off.is_nan() { f64::INFINITY } else { off }
            });
            off.fold(0.0, f64::max) / scale
        };
        Ok(self.answers.iter().map(part).fold(0.0, f64::max))
    }

    /// Compares the graph's answers with those the data hold.
    pub(super) fn agree(&self, spec: &Spec, rows: &Rows, dt: f32) -> Result<Option<String>, Fault> {
        if self.answers.is_empty() {
            return Ok(None);
        }
        let off = self.difference(rows, dt, &self.tensors)?;
        if off <= LARGEST_DIFFERENCE {
            return Ok(Some(format!(
                "answers as in {} rows of the data, within {off:.1e} of the largest number",
                self.rows
            )));
        }
        // The one mistake that can be told from outside: two columns in each other's place.
        let swapped = self.swaps().find(|[tensor, i, j]| {
            let mut tensors = self.tensors.clone();
            for row in tensors[*tensor].chunks_exact_mut(self.widths[*tensor]) {
                row.swap(*i, *j);
            }
            let off = self.difference(rows, dt, &tensors);
            off.is_ok_and(|off| off <= LARGEST_DIFFERENCE)
        });
        let hint = match swapped {
            Some([tensor, i, j]) => {
                let name = |col: usize| {
                    let (tensor, _) = &rows.inputs[tensor];
                    let mut inputs = spec.inputs.iter();
                    let input = inputs.find(|it| it.tensor == *tensor && it.col == col);
                    input.map_or(format!("{tensor}.{col}"), |input| input.name.clone())
                };
                format!(
                    "with `{}` and `{}` exchanged they agree: exchange their `col`",
                    name(i),
                    name(j)
                )
            }
            None => {
                "is the order of columns, a unit, or the normalization another than in training?"
                    .to_owned()
            }
        };
        Err(fault(
            "E-GOLDEN",
            format!(
                "the graph's answers differ from those in the data by up to {off:.1e} of the largest \
                 number\n  {hint}"
            ),
        ))
    }

    fn swaps(&self) -> impl Iterator<Item = [usize; 3]> {
        self.widths.iter().enumerate().flat_map(|(tensor, &width)| {
            (0..width).flat_map(move |i| (i + 1..width).map(move |j| [tensor, i, j]))
        })
    }

    /// Puts the scores of these rows into the spec.
    pub(super) fn calibrate(
        &self,
        spec: &mut Value,
        rows: &Rows,
        dt: f32,
    ) -> Result<Option<String>, Fault> {
        let Some(score) = spec
            .pointer_mut("/ood/score")
            .and_then(Value::as_object_mut)
        else {
            return Ok(None);
        };
        let name = score
            .get("tensor")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(tensor) = rows.outputs.iter().position(|(other, _)| other == name) else {
            return Ok(None);
        };
        let said = format!("score `{name}` calibrated on the data");
        let mut scores = rows
            .run_tensors(self.rows, dt, &self.tensors)?
            .swap_remove(tensor);
        scores.sort_by(f32::total_cmp);
        // As many as tell one in a thousand; their order is all that counts.
        let most = scores.len().min(2000);
        let pick = |at: usize| scores[at * scores.len() / most];
        let calibration: Vec<f32> = (0..most).map(pick).collect();
        score.insert("calibration".into(), json!(calibration));
        Ok(Some(said))
    }

    /// Replaces the second half of golden rows by rows of the data, evenly taken.
    pub(super) fn take_over(&self, golden: &mut [Vec<f32>]) {
        let half = golden.len() / 2;
        let taken = half.min(self.rows);
        for (at, row) in golden[half..].iter_mut().take(taken).enumerate() {
            let from = at * self.rows / taken;
            *row = self
                .tensors
                .iter()
                .zip(&self.widths)
                .flat_map(|(tensor, width)| &tensor[from * width..(from + 1) * width])
                .copied()
                .collect();
        }
    }
}
