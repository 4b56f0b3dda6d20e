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

use kernels::random::Sequence;
use serde::Serialize;

use super::super::rows::Rows;
use super::super::scores::{Estimate, resampled_within};
use super::Known;
use super::distance::{energy, euclidean, pearson, taxicab};
use super::standard::{MODEL, Standard, Sums, TRUTH, center};
use crate::streams::Purpose;

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
    let standard = Standard::new(known, rows, said, rivals)?;
    let groups = standard.groups();
    let groups: Vec<&[Sums]> = groups.iter().map(Vec::as_slice).collect();
    let (control, perturbed) = (&standard.control, &standard.perturbed);
    let true_clouds = standard.clouds(TRUTH);
    let far = |clouds: &[Vec<Vec<f64>>]| -> Vec<f64> {
        let pairs = clouds.iter().zip(&true_clouds);
        let far = pairs.map(|(said, truth)| energy(said, truth, true));
        far.collect()
    };
    let of = |who: usize, factor: f64| {
        let stretch = |vector: &mut Vec<f64>| {
            let from = vector.iter_mut().zip(control);
            from.for_each(|(it, origin)| *it = origin + factor * (*it - origin));
        };
        let is_changed = |_: &&mut Vec<f64>| factor != 1.0;
        let numbers = resampled_within(&groups, |drawn| {
            let mut said: Vec<Vec<f64>> = drawn.iter().map(|runs| center(runs, who)).collect();
            let truth: Vec<Vec<f64>> = drawn.iter().map(|runs| center(runs, TRUTH)).collect();
            said.iter_mut().filter(is_changed).for_each(stretch);
            agreement(&said, &truth, control, perturbed)
        });
        let mut said = standard.clouds(who);
        let vectors = said.iter_mut().flatten();
        vectors.filter(is_changed).for_each(stretch);
        let far = far(&said);
        Agreement::new(numbers, far.iter().sum::<f64>() / far.len() as f64)
    };
    let names = standard.changed.iter().map(|it| &known.conditions[*it]);
    let energies = far(&standard.clouds(MODEL));
    let mut each: Vec<Condition> = (names.zip(&groups).zip(energies))
        .map(|((name, runs), energy)| {
            let runs: Vec<&Sums> = runs.iter().collect();
            let error = euclidean(&center(&runs, TRUTH), &center(&runs, MODEL));
            Condition {
                name: name.clone(),
                runs: runs.len() as u64,
                error: error / (control.len() as f64).sqrt(),
                energy,
            }
        })
        .collect();
    each.sort_by(|one, other| other.error.total_cmp(&one.error));
    let outputs = standard.outputs.iter();
    let rivals = standard.rivals.iter().zip(MODEL + 1..);
    Ok(Conditions {
        control: known.conditions[0].clone(),
        outputs: outputs.map(|it| known.outputs[*it].name.clone()).collect(),
        each,
        model: of(MODEL, 1.0),
        baselines: rivals.map(|(name, who)| (*name, of(who, 1.0))).collect(),
        split_half: split_half(&groups, control, perturbed),
        stretched: FACTORS.map(|factor| (factor, of(MODEL, factor))).to_vec(),
    })
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
            (center(one, TRUTH), center(other, TRUTH))
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
