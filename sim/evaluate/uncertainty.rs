//! Whether a model is as sure as it should be: its own statements against what the recorded rule
//! said, row by row.
//!
//! What it states is asked for as the simulator would draw it, one member or quantile at a time,
//! and so is in the dictionary's units whatever the model's are. A standard deviation, and that of an ensemble's
//! members, is read as a normal law's; of three quantiles nothing is known beyond the outer two.

pub mod page;
pub mod proper;
pub mod reliability;
pub mod stated;

use std::collections::BTreeMap;

use serde::Serialize;

use super::rows::Rows;
use super::scores::{Estimate, resampled};
use proper::{distance_from_uniform, winkler};
pub use stated::{Band, Stated};

/// Shares that may lie outside.
pub const ALPHAS: [f64; 4] = [0.05, 0.1, 0.2, 0.5];

/// The share at which coverage is told of parts of the rows.
const ALPHA: f64 = 0.1;

/// Bins of histograms, and parts of the rows.
const BINS: usize = 10;

/// How sure a model is of one output, and whether it is right.
#[derive(Debug, Clone, Serialize)]
pub struct Certainty {
    /// The behavior.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// `standard deviation`, `quantiles`, `ensemble`, or `conformal` alone.
    pub stated: &'static str,
    /// Rows that model and recorded rule both answer.
    pub rows: u64,
    /// Of central intervals, as far as the model states them.
    pub coverage: Vec<Coverage>,
    /// Of the interval with a promised coverage.
    pub conformal: Option<Coverage>,
    /// Continuous ranked probability score; of quantiles twice their mean pinball loss.
    pub crps: Option<Estimate>,
    /// Shares of rows by what the stated law has below the truth, in ten equal bins, and the
    /// greatest distance of that from uniform (Kolmogorov and Smirnov); none of quantiles.
    pub transform: Option<(Vec<f64>, f64)>,
    /// Share inside the interval of 90 %, by type.
    pub by_type: Vec<(String, f64)>,
    /// The same by tenths of the rows, from the surest: mean width and share.
    pub by_width: Vec<[f64; 2]>,
    /// The same of rows inside and outside the domain that the model was trained on.
    pub by_domain: [Option<f64>; 2],
    /// Mean squared error of the surest rows.
    pub risk: Option<Risk>,
}

/// An interval, and who lies in it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Coverage {
    /// Share that should lie inside.
    pub promised: f64,
    /// Share that does.
    pub found: Estimate,
    /// Mean width.
    pub width: f64,
    /// Winkler's score: width, and 2/α times the distance of who lies outside.
    pub winkler: Estimate,
}

/// What is gained by leaving out rows of which the model is unsure.
#[derive(Debug, Clone, Serialize)]
pub struct Risk {
    /// Mean squared error of the surest tenth, two tenths, … all.
    pub kept: Vec<f64>,
    /// Mean over all shares that may be kept.
    pub area: f64,
    /// The same if rows were left out by their errors.
    pub least: f64,
    /// The same if they were left out blindly.
    pub blind: f64,
}

/// Scores statements about one output against the recorded rule's answers.
pub fn score(
    (name, unit): (&str, &str),
    rows: &Rows,
    types: &[String],
    truth: &[f64],
    stated: &Stated,
    band: Option<&Band>,
    is_outside: &[bool],
) -> Certainty {
    let is_told = |row: &usize| truth[*row].is_finite() && stated.value(*row).is_finite();
    let told: Vec<usize> = (0..truth.len()).filter(is_told).collect();
    let mean = |of: &dyn Fn(usize) -> f64| by_run(rows, &told, of);
    let coverage = |alpha: f64, ends: &dyn Fn(usize) -> [f64; 2]| Coverage {
        promised: 1.0 - alpha,
        found: mean(&|row| f64::from(is_in(ends(row), truth[row]))),
        width: mean(&|row| ends(row)[1] - ends(row)[0]).value,
        winkler: mean(&|row| winkler(ends(row), alpha, truth[row])),
    };
    let known = ALPHAS
        .iter()
        .filter(|alpha| stated.interval(0, **alpha).is_some());
    let ends = |row: usize, alpha: f64| stated.interval(row, alpha).unwrap_or([f64::NAN; 2]);
    let share = |rows: &mut dyn Iterator<Item = usize>, weights: &[f64]| {
        let (mut inside, mut all) = (0.0, 0.0);
        for row in rows {
            inside += weights[row] * f64::from(is_in(ends(row, ALPHA), truth[row]));
            all += weights[row];
        }
        inside / all
    };
    let is_stated = stated.interval(0, ALPHA).is_some();
    let of_type = |(kind, name): (usize, &String)| {
        let mut own = told
            .iter()
            .copied()
            .filter(|row| usize::from(rows.types[*row]) == kind);
        let share = share(&mut own, &rows.weight);
        share.is_finite().then(|| (name.clone(), share))
    };
    let mut surest = told.clone();
    surest.sort_by(|one, other| stated.spread(*one).total_cmp(&stated.spread(*other)));
    let tenths = surest.chunks(surest.len().div_ceil(BINS).max(1));
    let tenth = |part: &[usize]| {
        let width = by_run(rows, part, &|row| ends(row, ALPHA)[1] - ends(row, ALPHA)[0]);
        [width.value, share(&mut part.iter().copied(), &rows.weight)]
    };
    let domain = |outside: bool| {
        let mut own = told
            .iter()
            .copied()
            .filter(|row| is_outside.get(*row) == Some(&outside));
        Some(share(&mut own, &rows.weight)).filter(|it| is_stated && it.is_finite())
    };
    let transform = || {
        let below: Option<Vec<f64>> = told
            .iter()
            .map(|&row| stated.below(row, truth[row]))
            .collect();
        let weights: Vec<f64> = told.iter().map(|&row| rows.weight[row]).collect();
        Some(histogram(&below?, &weights))
    };
    Certainty {
        name: name.to_owned(),
        unit: unit.to_owned(),
        stated: stated.name(),
        rows: told.len() as u64,
        coverage: known
            .map(|alpha| coverage(*alpha, &|row| ends(row, *alpha)))
            .collect(),
        conformal: band.map(|band| {
            let [middle, half] = &band.of;
            let ends = |row: usize| [middle[row] - half[row], middle[row] + half[row]];
            coverage(band.alpha, &ends)
        }),
        crps: stated
            .crps(0, 0.0)
            .map(|_| mean(&|row| stated.crps(row, truth[row]).unwrap_or(f64::NAN))),
        transform: transform(),
        by_type: match is_stated {
            true => types.iter().enumerate().filter_map(of_type).collect(),
            false => Vec::new(),
        },
        by_width: match is_stated {
            true => tenths.map(tenth).collect(),
            false => Vec::new(),
        },
        by_domain: [domain(false), domain(true)],
        risk: is_stated.then(|| {
            let error = |row: &usize| (truth[*row] - stated.value(*row)).powi(2);
            let of = |order: &[usize]| -> Vec<[f64; 2]> {
                order
                    .iter()
                    .map(|row| [error(row), rows.weight[*row]])
                    .collect()
            };
            let mut best = told.clone();
            best.sort_by(|one, other| error(one).total_cmp(&error(other)));
            risk(&of(&surest), &of(&best))
        }),
    }
}

fn is_in([low, high]: [f64; 2], value: f64) -> bool {
    (low..=high).contains(&value)
}

/// A weighted mean over rows, with its interval over runs.
fn by_run(rows: &Rows, told: &[usize], of: &dyn Fn(usize) -> f64) -> Estimate {
    let mut runs: BTreeMap<u32, [f64; 2]> = BTreeMap::new();
    for &row in told {
        let sums = runs.entry(rows.run[row]).or_default();
        sums[0] += rows.weight[row] * of(row);
        sums[1] += rows.weight[row];
    }
    let runs: Vec<[f64; 2]> = runs.into_values().collect();
    resampled(&runs, |runs| {
        let sum = |at: usize| runs.iter().map(|sums| sums[at]).sum::<f64>();
        sum(0) / sum(1)
    })
}

/// Shares in equal bins of (0, 1), and the distance from uniform.
fn histogram(values: &[f64], weights: &[f64]) -> (Vec<f64>, f64) {
    let total: f64 = weights.iter().sum();
    let mut shares = vec![0.0; BINS];
    for (value, weight) in values.iter().zip(weights) {
        shares[((value * BINS as f64) as usize).min(BINS - 1)] += weight / total;
    }
    (shares, distance_from_uniform(values, weights))
}

/// Errors and weights from the surest row on, and from the least error on.
fn risk(surest: &[[f64; 2]], best: &[[f64; 2]]) -> Risk {
    let total: f64 = surest.iter().map(|[_, weight]| weight).sum();
    let area = |order: &[[f64; 2]]| {
        let (mut sum, mut kept, mut area) = (0.0, 0.0, 0.0);
        let mut tenths = Vec::new();
        for [error, weight] in order {
            sum += weight * error;
            kept += weight;
            area += weight / total * sum / kept;
            // The share that is kept has reached the next tenth, but for rounding.
            while kept >= total * ((tenths.len() + 1) as f64 / BINS as f64 - 1e-12)
                && tenths.len() < BINS
            {
                tenths.push(sum / kept);
            }
        }
        (area, tenths)
    };
    let (own, kept) = area(surest);
    Risk {
        blind: kept.last().copied().unwrap_or(f64::NAN),
        kept,
        area: own,
        least: area(best).0,
    }
}
