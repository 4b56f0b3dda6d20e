//! What a model makes of conditions: the means of its answers in each, beside those of the recorded
//! rule on the same rows, all outputs as one vector in standard deviations of training.
//!
//! With x_p the recorded rule's mean in condition p, x̂_p the model's, and r a reference,
//!
//! ```text
//! PearsonΔ               corr(x̂_p − r, x_p − r): r the control's mean, and r the mean of all
//!                        others' means, which takes away what any change does
//! MRRMSE                 mean over p of √(mean over outputs of (x̂ − x)²)
//! centroid accuracy      #{q ≠ p : ‖x̂_p − x_q‖ > ‖x̂_p − x_p‖} / (P − 1), equals half
//! discrimination         1 − #{q : Σ|x̂_p − x_q| < Σ|x̂_p − x_p|} / P
//! energy distance        of the clouds of answers
//! ```
//!
//! each a mean over conditions but the control. References are of training. Sources: Systema,
//! doi:10.1038/s41587-025-02777-8; cell-eval's `discrimination_score`.

use std::collections::BTreeMap;

use kernels::random::Sequence;
use serde::Serialize;

use super::super::rows::Rows;
use super::super::scores::{Estimate, resampled_within};
use super::Known;
use super::distance::{energy, euclidean, pearson, taxicab};
use crate::streams::Purpose;

/// Rows of a condition that energy distances are taken of, at most.
const ROWS: usize = 150;

/// Factors by which what the model says of a change is stretched, to see which score can be gamed.
pub const FACTORS: [f64; 4] = [0.5, 1.0, 2.0, 10.0];

/// Halvings of runs.
const HALVINGS: u64 = 100;

/// Outputs below which directions mean nothing.
const LEAST_OUTPUTS: usize = 3;

/// All conditions.
#[derive(Debug, Clone, Serialize)]
pub struct Conditions {
    /// What was set in the control.
    pub control: String,
    /// Outputs that differ in training and are answered in every condition.
    pub outputs: Vec<String>,
    /// The model, condition by condition.
    pub each: Vec<Condition>,
    /// Of the model.
    pub model: Agreement,
    /// Of who knows less.
    pub baselines: Vec<(&'static str, Agreement)>,
    /// Of one half of a condition's runs as an answer for the other half: what knowing the condition alone can
    /// reach with so few runs. The recorded rule itself, which knows each row, agrees wholly.
    pub split_half: Agreement,
    /// Of the model with its changes from the control times a factor.
    pub stretched: Vec<(f64, Agreement)>,
}

/// One condition.
#[derive(Debug, Clone, Serialize)]
pub struct Condition {
    /// What was set.
    pub name: String,
    /// Runs in it.
    pub runs: u64,
    /// √(mean over outputs of (x̂ − x)²), standard deviations.
    pub error: f64,
    /// Of the answers.
    pub energy: f64,
}

/// How far means agree over conditions.
#[derive(Debug, Clone, Serialize)]
pub struct Agreement {
    /// PearsonΔ from the control; none with fewer than three outputs.
    pub pearson_control: Estimate,
    /// PearsonΔ from the mean of all others.
    pub pearson_perturbed: Estimate,
    /// Standard deviations.
    pub mrrmse: Estimate,
    /// 0.5 is chance.
    pub centroid_accuracy: Estimate,
    /// 0.5 is chance, or nearly.
    pub discrimination: Estimate,
    /// Standard deviations.
    pub energy: f64,
}

/// The five of means.
const NUMBERS: usize = 5;

/// Agreement of means, `[condition][output]`, of all conditions but the control: PearsonΔ from
/// either reference, MRRMSE, centroid accuracy, discrimination.
pub fn agreement(
    said: &[Vec<f64>],
    truth: &[Vec<f64>],
    control: &[f64],
    perturbed: &[f64],
) -> [f64; NUMBERS] {
    let count = truth.len() as f64;
    let from = |of: &[f64], reference: &[f64]| -> Vec<f64> {
        of.iter()
            .zip(reference)
            .map(|(it, origin)| it - origin)
            .collect()
    };
    let is_enough = control.len() >= LEAST_OUTPUTS;
    let delta = |reference: &[f64]| {
        let pairs = said.iter().zip(truth);
        let each = pairs.map(|(x, y)| pearson(&from(x, reference), &from(y, reference)));
        if is_enough {
            each.sum::<f64>() / count
        } else {
            f64::NAN
        }
    };
    let (mut errors, mut nearer, mut rank) = (0.0, 0.0, 0.0);
    for (p, (x, y)) in said.iter().zip(truth).enumerate() {
        errors += euclidean(x, y) / (x.len() as f64).sqrt();
        let own = (euclidean(x, y), taxicab(x, y));
        for (_, other) in truth.iter().enumerate().filter(|(q, _)| *q != p) {
            let far = (euclidean(x, other), taxicab(x, other));
            nearer += match far.0.total_cmp(&own.0) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
            rank += f64::from(far.1 < own.1);
        }
    }
    [
        delta(control),
        delta(perturbed),
        errors / count,
        nearer / count / (count - 1.0),
        1.0 - rank / count / count,
    ]
}

/// Sums of one run.
struct Sums {
    /// `[output]`
    weights: Vec<f64>,
    /// `[truth, model, then rivals][output]`, in standard deviations.
    sums: Vec<Vec<f64>>,
}

/// Scores answers of conditions, of the model and its rivals, `[output][row]`.
///
/// # Errors
/// Why there is nothing to tell.
pub fn score(
    known: &Known<'_>,
    rows: &Rows,
    said: &[Vec<f64>],
    rivals: &[(&'static str, Vec<Vec<f64>>)],
) -> Result<Conditions, String> {
    let mut of_condition: Vec<Vec<usize>> = vec![Vec::new(); known.conditions.len()];
    for (row, condition) in rows.condition.iter().enumerate() {
        of_condition[usize::from(*condition)].push(row);
    }
    let changed: Vec<usize> = (1..of_condition.len())
        .filter(|it| !of_condition[*it].is_empty())
        .collect();
    if changed.len() < 2 {
        return Err(format!(
            "this part holds {} conditions besides the control, and two are needed\n  record \
             variants with --vary",
            changed.len()
        ));
    }
    let truth = |output: usize| &rows.answers[known.outputs[output].place];
    let is_told =
        |output: usize, row: usize| truth(output)[row].is_finite() && said[output][row].is_finite();
    let is_scored = |output: &usize| {
        let about = &known.outputs[*output];
        let is_answered = |it: &usize| of_condition[*it].iter().any(|row| is_told(*output, *row));
        known.deviation(about) > 0.0 && changed.iter().all(is_answered)
    };
    let outputs: Vec<usize> = (0..known.outputs.len()).filter(is_scored).collect();
    if outputs.is_empty() {
        return Err("no output differs in training and is answered in every condition".into());
    }
    let scale = |output: &usize| {
        let about = &known.outputs[*output];
        (known.mean(about, None), known.deviation(about))
    };
    let scales: Vec<(f64, f64)> = outputs.iter().map(scale).collect();
    let standard = |at: usize, value: f64| (value - scales[at].0) / scales[at].1;
    // [truth, model, then rivals]: its answers, as they came.
    let is_whole = |answers: &[Vec<f64>]| {
        let mut told = outputs.iter().map(|output| {
            let mut rows = (0..rows.run.len()).filter(|row| is_told(*output, *row));
            rows.all(|row| answers[*output][row].is_finite())
        });
        told.all(|it| it)
    };
    let rivals: Vec<&(&'static str, Vec<Vec<f64>>)> = rivals
        .iter()
        .filter(|(_, answers)| is_whole(answers))
        .collect();
    let answer = |who: usize, at: usize, row: usize| {
        let output = outputs[at];
        standard(
            at,
            match who {
                0 => truth(output)[row],
                1 => said[output][row],
                _ => rivals[who - 2].1[output][row],
            },
        )
    };
    let candidates = 2 + rivals.len();
    let groups: Vec<Vec<Sums>> = changed
        .iter()
        .map(|condition| {
            let mut runs: BTreeMap<u32, Sums> = BTreeMap::new();
            for &row in &of_condition[*condition] {
                let sums = runs.entry(rows.run[row]).or_insert_with(|| Sums {
                    weights: vec![0.0; outputs.len()],
                    sums: vec![vec![0.0; outputs.len()]; candidates],
                });
                for at in (0..outputs.len()).filter(|at| is_told(outputs[*at], row)) {
                    sums.weights[at] += rows.weight[row];
                    for who in 0..candidates {
                        sums.sums[who][at] += rows.weight[row] * answer(who, at, row);
                    }
                }
            }
            runs.into_values().collect()
        })
        .collect();
    let groups: Vec<&[Sums]> = groups.iter().map(Vec::as_slice).collect();
    let reference = |of: &dyn Fn(usize) -> f64| -> Vec<f64> {
        (0..outputs.len())
            .map(|at| standard(at, of(outputs[at])))
            .collect()
    };
    let control = reference(&|output| known.mean(&known.outputs[output], Some(0)));
    let perturbed = reference(&|output| known.perturbed(&known.outputs[output]));
    // [condition][row][output], of rows that answer everything.
    let clouds = |who: usize| -> Vec<Vec<Vec<f64>>> {
        let cloud = |condition: &usize| {
            let is_whole = |row: &&usize| outputs.iter().all(|output| is_told(*output, **row));
            let rows: Vec<&usize> = of_condition[*condition].iter().filter(is_whole).collect();
            let step = rows.len().div_ceil(ROWS).max(1);
            let vector = |row: &&usize| {
                (0..outputs.len())
                    .map(|at| answer(who, at, **row))
                    .collect()
            };
            rows.iter().step_by(step).map(vector).collect()
        };
        changed.iter().map(cloud).collect()
    };
    let true_clouds = clouds(0);
    let far = |clouds: &[Vec<Vec<f64>>]| -> Vec<f64> {
        let pairs = clouds.iter().zip(&true_clouds);
        pairs
            .map(|(said, truth)| energy(said, truth, true))
            .collect()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let of = |who: usize, factor: f64| {
        let stretch = |vector: &mut Vec<f64>| {
            let from = vector.iter_mut().zip(&control);
            from.for_each(|(it, origin)| *it = origin + factor * (*it - origin));
        };
        let is_same = factor == 1.0;
        let numbers = resampled_within(&groups, |drawn| {
            let mut said: Vec<Vec<f64>> = drawn.iter().map(|runs| center(runs, who)).collect();
            let truth: Vec<Vec<f64>> = drawn.iter().map(|runs| center(runs, 0)).collect();
            said.iter_mut().filter(|_| !is_same).for_each(stretch);
            agreement(&said, &truth, &control, &perturbed)
        });
        let mut said = clouds(who);
        said.iter_mut()
            .flatten()
            .filter(|_| !is_same)
            .for_each(stretch);
        Agreement::new(numbers, mean(&far(&said)))
    };
    let energies = far(&clouds(1));
    let mut each: Vec<Condition> = (changed.iter().zip(&groups).zip(energies))
        .map(|((condition, runs), energy)| {
            let runs: Vec<&Sums> = runs.iter().collect();
            let error = euclidean(&center(&runs, 0), &center(&runs, 1));
            Condition {
                name: known.conditions[*condition].clone(),
                runs: runs.len() as u64,
                error: error / (outputs.len() as f64).sqrt(),
                energy,
            }
        })
        .collect();
    each.sort_by(|one, other| other.error.total_cmp(&one.error));
    Ok(Conditions {
        control: known.conditions[0].clone(),
        outputs: outputs
            .iter()
            .map(|it| known.outputs[*it].name.clone())
            .collect(),
        each,
        model: of(1, 1.0),
        baselines: (rivals.iter().enumerate())
            .map(|(at, (name, _))| (*name, of(2 + at, 1.0)))
            .collect(),
        split_half: split_half(&groups, &control, &perturbed),
        stretched: FACTORS
            .iter()
            .map(|factor| (*factor, of(1, *factor)))
            .collect(),
    })
}

/// The mean over runs of what one says, `[output]`.
fn center(runs: &[&Sums], who: usize) -> Vec<f64> {
    let output = |at: usize| {
        let (sum, weights) = runs.iter().fold((0.0, 0.0), |(sum, weights), run| {
            (sum + run.sums[who][at], weights + run.weights[at])
        });
        sum / weights
    };
    (0..runs[0].weights.len()).map(output).collect()
}

/// How far the recorded rule's means in half the runs of each condition agree with those in the
/// other half: mean over halvings that are drawn.
fn split_half(groups: &[&[Sums]], control: &[f64], perturbed: &[f64]) -> Agreement {
    let estimate = |value| Estimate {
        value,
        interval: None,
    };
    // A single run has no half.
    if groups.iter().any(|runs| runs.len() < 2) {
        return Agreement::new([estimate(f64::NAN); NUMBERS], f64::NAN);
    }
    let mut means = [0.0; NUMBERS];
    for halving in 0..HALVINGS {
        let halves = groups.iter().enumerate().map(|(group, runs)| {
            let draws = Purpose::Halving.draws(group as u64);
            let mut sequence = Sequence::new(draws, halving);
            let mut order: Vec<(f64, usize)> = (0..runs.len())
                .map(|run| (sequence.uniform(), run))
                .collect();
            order.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
            let order: Vec<&Sums> = order.into_iter().map(|(_, run)| &runs[run]).collect();
            let (one, other) = order.split_at(order.len() / 2);
            (center(one, 0), center(other, 0))
        });
        let (said, truth): (Vec<_>, Vec<_>) = halves.unzip();
        let numbers = agreement(&said, &truth, control, perturbed);
        means
            .iter_mut()
            .zip(numbers)
            .for_each(|(mean, it)| *mean += it / HALVINGS as f64);
    }
    Agreement::new(means.map(estimate), f64::NAN)
}

impl Agreement {
    fn new(numbers: [Estimate; NUMBERS], energy: f64) -> Agreement {
        let [
            pearson_control,
            pearson_perturbed,
            mrrmse,
            centroid_accuracy,
            discrimination,
        ] = numbers;
        Agreement {
            pearson_control,
            pearson_perturbed,
            mrrmse,
            centroid_accuracy,
            discrimination,
            energy,
        }
    }
}
