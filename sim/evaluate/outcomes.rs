//! What a model's answers are worth that are no event's rate: parameters, changes, latent states,
//! against those of the recorded rule on the same rows.
//!
//! | | answers |
//! |---|---|
//! | no change | 0 of a change; what the row says is there; else the control's mean in training |
//! | training mean | of the recorded rule |
//! | perturbed mean | mean over the means of all conditions but the control, in training |
//! | ridge | linear in the signals that the model reads, and in the type |
//! | shuffled | the model's, on inputs each in another order |
//!
//! The recorded rule itself has no error, and is the ceiling of every row. What a condition does is
//! scored in [`conditions`].

mod baselines;
pub mod conditions;
pub mod distance;
pub mod page;
mod standard;

use std::collections::BTreeMap;

use serde::Serialize;

use super::rows::Rows;
use super::scores::{Estimate, resampled};
pub use baselines::{Known, Output};
use conditions::Conditions;

/// What a part of the data shows of all answers.
#[derive(Debug, Clone, Serialize)]
pub struct Outcomes {
    /// Each by itself.
    pub outputs: Vec<Outcome>,
    /// All together, of conditions; or why there is nothing to tell.
    #[serde(serialize_with = "told")]
    pub conditions: Result<Conditions, String>,
}

/// One output.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The behavior.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Rows that model and recorded rule both answer.
    pub rows: u64,
    /// Rows that the recorded rule answers and the model does not.
    pub unanswered: u64,
    /// Of the model.
    pub model: Errors,
    /// Of who knows less.
    pub baselines: Vec<(&'static str, Errors)>,
    /// 1 − error / error of the best baseline, of root mean squares.
    pub skill: f64,
}

/// How far answers are from those of the recorded rule, in the output's unit.
#[derive(Debug, Clone, Serialize)]
pub struct Errors {
    /// Mean absolute error.
    pub absolute: Estimate,
    /// Root of the mean squared error.
    pub root_mean_square: Estimate,
    /// 1 − squared error / squared distance from the mean; none where the rule says one number.
    pub r_squared: Estimate,
}

/// A structure, or text that says why there is none.
fn told<T: Serialize, S: serde::Serializer>(
    found: &Result<T, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match found {
        Ok(found) => found.serialize(serializer),
        Err(reason) => reason.serialize(serializer),
    }
}

/// Scores answers, `[output][row]`, of the model and of the model on shuffled inputs.
pub fn score(known: &Known<'_>, rows: &Rows, said: &[Vec<f64>], shuffled: &[Vec<f64>]) -> Outcomes {
    let mut rivals = known.baselines(rows);
    rivals.push(("shuffled inputs", shuffled.to_vec()));
    let outputs = known.outputs.iter().enumerate().map(|(output, about)| {
        let truth = &rows.answers[about.place];
        let is_asked = |row: &usize| truth[*row].is_finite();
        let is_told = |row: &usize| is_asked(row) && said[output][*row].is_finite();
        let asked = (0..truth.len()).filter(is_asked).count();
        let told = (0..truth.len()).filter(is_told).count();
        let model = errors(rows, truth, &said[output]);
        let of = |(name, answers): &(&'static str, Vec<Vec<f64>>)| {
            let answers = &answers[output];
            let has_any = answers.iter().any(|answer| answer.is_finite());
            has_any.then(|| (*name, errors(rows, truth, answers)))
        };
        let baselines: Vec<(&'static str, Errors)> = rivals.iter().filter_map(of).collect();
        let errors = baselines.iter().map(|(_, it)| it.root_mean_square.value);
        let best = errors.fold(f64::INFINITY, f64::min);
        Outcome {
            name: about.name.clone(),
            unit: about.unit.clone(),
            rows: told as u64,
            unanswered: (asked - told) as u64,
            skill: 1.0 - model.root_mean_square.value / best,
            model,
            baselines,
        }
    });
    Outcomes {
        outputs: outputs.collect(),
        conditions: conditions::score(known, rows, said, &rivals),
    }
}

/// Sums of one run, of numbers less an origin.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    weight: f64,
    absolute: f64,
    squares: f64,
    truth: f64,
    truth_squares: f64,
}

/// Errors of `said` on the rows where both are numbers.
pub fn errors(rows: &Rows, truth: &[f64], said: &[f64]) -> Errors {
    // Squares of numbers far from zero would lose what they differ by.
    let origin = truth
        .iter()
        .copied()
        .find(|it| it.is_finite())
        .unwrap_or(0.0);
    let mut runs: BTreeMap<u32, Sums> = BTreeMap::new();
    for (row, (truth, said)) in truth.iter().zip(said).enumerate() {
        if !truth.is_finite() || !said.is_finite() {
            continue;
        }
        let (weight, error, truth) = (rows.weight[row], said - truth, truth - origin);
        let sums = runs.entry(rows.run[row]).or_default();
        sums.weight += weight;
        sums.absolute += weight * error.abs();
        sums.squares += weight * error * error;
        sums.truth += weight * truth;
        sums.truth_squares += weight * truth * truth;
    }
    let runs: Vec<Sums> = runs.into_values().collect();
    let mean = |runs: &[&Sums], of: fn(&Sums) -> f64| {
        let weight: f64 = runs.iter().map(|sums| sums.weight).sum();
        runs.iter().map(|sums| of(sums)).sum::<f64>() / weight
    };
    Errors {
        absolute: resampled(&runs, |runs| mean(runs, |sums| sums.absolute)),
        root_mean_square: resampled(&runs, |runs| mean(runs, |sums| sums.squares).sqrt()),
        r_squared: resampled(&runs, |runs| {
            let truth = mean(runs, |sums| sums.truth);
            let square = mean(runs, |sums| sums.truth_squares);
            let variance = square - truth * truth;
            match variance > 1e-12 * square {
                true => 1.0 - mean(runs, |sums| sums.squares) / variance,
                false => f64::NAN,
            }
        }),
    }
}
