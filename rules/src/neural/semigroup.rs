//! Whether two half steps of a model that reads `dt` come to what one whole step comes to.

use super::compute::Compute;
use super::contract::{Kind, Spec};
use super::{Fault, independence, ranges, row_tensors};

/// Rows tried.
const ROWS: usize = 40;

/// A latent vector that is read and written.
struct State {
    /// Its input tensor, and its first column there.
    input: (usize, usize),
    /// Its output tensor.
    output: usize,
    width: usize,
    /// Of a change: the minutes it belongs to; `None` for the vector after the step.
    per: Option<f64>,
}

/// The largest difference in a latent vector after `dt` minutes, in one step or in two, as a part
/// of the largest number there; `None` for models without such a vector, or that do not read `dt`.
/// `per` is the span in minutes that the change of an output belongs to.
///
/// # Errors
/// Whatever the engine says.
pub fn examine(
    spec: &Spec,
    compute: &Compute,
    dt: f64,
    per: impl Fn(usize) -> Option<f64>,
) -> Result<Option<f64>, Fault> {
    let Compute::Rows(rows) = compute else {
        return Ok(None);
    };
    let states = states(spec, compute, per);
    if states.is_empty() || !rows.reads_dt {
        return Ok(None);
    }
    let ranges = ranges(spec, &row_tensors(spec));
    let sampled = ranges.iter().enumerate();
    let start: Vec<Vec<f32>> = sampled
        .map(|(tensor, columns)| independence::sample(tensor, ROWS, columns))
        .collect();
    let step = |tensors: &[Vec<f32>], dt: f64| -> Result<Vec<Vec<f32>>, Fault> {
        let made = rows.run_tensors(ROWS, dt as f32, tensors)?;
        let mut next = tensors.to_vec();
        for state in &states {
            let (tensor, first) = state.input;
            let across = rows.inputs[tensor].1;
            for row in 0..ROWS {
                for at in 0..state.width {
                    let value = made[state.output][row * state.width + at];
                    let held = &mut next[tensor][row * across + first + at];
                    *held = match state.per {
                        Some(per) => *held + value * (dt / per) as f32,
                        None => value,
                    };
                }
            }
        }
        Ok(next)
    };
    let whole = step(&start, dt)?;
    let halves = step(&step(&start, dt / 2.0)?, dt / 2.0)?;
    let (mut largest, mut difference) = (f64::from(f32::MIN_POSITIVE), 0.0f64);
    for state in &states {
        let tensor = state.input.0;
        for (&a, &b) in whole[tensor].iter().zip(&halves[tensor]) {
            largest = largest.max(f64::from(a).abs());
            difference = difference.max((f64::from(a) - f64::from(b)).abs());
        }
    }
    Ok(Some(difference / largest))
}

fn states(spec: &Spec, compute: &Compute, per: impl Fn(usize) -> Option<f64>) -> Vec<State> {
    let inputs = row_tensors(spec);
    let mut states = Vec::new();
    let mut first = spec.inputs.len();
    for latent in spec.entering() {
        let read = first;
        first += latent.width();
        let Some(name) = latent.tensor.as_deref() else {
            continue;
        };
        // In a dyad the vectors of many pairs add up, and no pair's alone is a step.
        let writes = |output: &super::contract::Output| {
            output.kind.is_latent() && output.space.as_ref() == Some(&latent.space)
        };
        let at = spec.outputs.iter().position(writes).filter(|_| name == "z");
        let places = at.and_then(|at| {
            let output = &spec.outputs[at];
            let tensor = inputs.iter().position(|(other, _)| other == name)?;
            let column = spec.columns(name).iter().position(|&other| other == read)?;
            let made = compute.outputs().iter();
            let made = { made }.position(|(other, _)| *other == output.tensor)?;
            let is_change = output.kind == Kind::LatentDelta;
            Some((tensor, column, made, is_change.then(|| per(at)).flatten()))
        });
        if let Some((tensor, column, output, per)) = places {
            states.push(State {
                input: (tensor, column),
                output,
                width: latent.width(),
                per,
            });
        }
    }
    states
}
