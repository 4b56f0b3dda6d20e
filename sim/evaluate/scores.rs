//! How well rates foretell what happened.

use std::collections::BTreeMap;

use kernels::random::Sequence;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Gamma};

use super::rows::Rows;
use super::uncertainty::reliability::{Reliability, reliability};
use crate::streams::Purpose;

/// Rates below this, 1/min, count as this: the logarithm of no rate has no end. How often that
/// matters is counted.
const FLOOR: f64 = 1e-12;

/// Bins of calibration, of equal expected numbers of events.
const BINS: usize = 10;

/// Resamplings of runs for an interval.
const RESAMPLES: usize = 1000;

/// A number and its interval over resampled runs, 95 %.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Estimate {
    /// Over all runs.
    pub value: f64,
    /// None with fewer than three runs.
    pub interval: Option<[f64; 2]>,
}

/// What a set of rates is worth on one part of the data.
#[derive(Debug, Clone, Serialize)]
pub struct Score {
    /// Logarithm of the likelihood, less that of the constant rates of training, nats per cell (or
    /// pair) and hour.
    pub information: Estimate,
    /// Events that happened over those expected: 1 is right, above 1 rates are too low.
    pub rate_ratio: f64,
    /// Of the ratio, exact for a Poisson number, 95 %.
    pub rate_ratio_interval: [f64; 2],
    /// β of E\[d\] ∝ chance^β, over bins: 1 is right, below 1 rates are too far apart.
    pub slope: Estimate,
    /// Mean squared difference of each row's chance and outcome.
    pub brier: f64,
    /// Expected calibration error: of chances, weighted mean over bins.
    pub calibration_error: f64,
    /// Chance that of two rows the one with an event has the higher rate.
    pub auc: f64,
    /// Events with a rate below the least that counts.
    pub floored: u64,
    /// Rows, expected and observed events, by bin.
    pub bins: Vec<[f64; 3]>,
    /// Chances against shares, in bins of as many rows each.
    pub reliability: Reliability,
}

/// Sums of one run.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    gain: f64,
    hours: f64,
    /// Rows, expected and observed events.
    bins: [[f64; 3]; BINS],
}

/// Scores the rates of all events, `[event][row]`; `constant` are those of training.
pub fn score(rows: &Rows, rates: &[Vec<f64>], constant: &[f64]) -> Score {
    let count = rows.run.len();
    let chance = |row: usize| {
        let total: f64 = rates.iter().map(|of| of[row].max(0.0)).sum();
        -(-total * rows.exposure[row]).exp_m1()
    };
    let chances: Vec<f64> = (0..count).map(chance).collect();
    let edges = edges(&chances, &rows.weight);
    let mut runs: BTreeMap<u32, Sums> = BTreeMap::new();
    let (mut floored, mut squares, mut weights) = (0, 0.0, 0.0);
    let (mut expected, mut happened) = (0.0, 0.0);
    for row in 0..count {
        let (weight, exposure) = (rows.weight[row], rows.exposure[row]);
        if exposure <= 0.0 {
            continue;
        }
        let event = rows.event[row].map(usize::from);
        let (own, is_floored) = likelihood(rates.iter().map(|of| of[row]), event, exposure);
        let (base, _) = likelihood(constant.iter().copied(), event, exposure);
        floored += u64::from(is_floored);
        let outcome = f64::from(event.is_some());
        let sums = runs.entry(rows.run[row]).or_default();
        sums.gain += weight * (own - base);
        // Where there is no event to come, there is no time for it.
        sums.hours += if rates.is_empty() {
            0.0
        } else {
            weight * exposure / 60.0
        };
        let bin = edges.partition_point(|edge| *edge < chances[row]);
        let of_row = [weight, weight * chances[row], weight * outcome];
        sums.bins[bin]
            .iter_mut()
            .zip(of_row)
            .for_each(|(sum, it)| *sum += it);
        squares += weight * (chances[row] - outcome) * (chances[row] - outcome);
        weights += weight;
        expected += weight * chances[row];
        happened += weight * outcome;
    }
    let runs: Vec<Sums> = runs.into_values().collect();
    let bins = total(&runs.iter().collect::<Vec<_>>()).bins;
    let apart = bins
        .iter()
        .map(|[_, expected, seen]| (expected - seen).abs());
    Score {
        information: resampled(&runs, |runs| {
            let sums = total(runs);
            sums.gain / sums.hours
        }),
        rate_ratio: happened / expected,
        rate_ratio_interval: poisson(happened).map(|end| end / expected),
        slope: resampled(&runs, |runs| slope(&total(runs).bins)),
        brier: squares / weights,
        calibration_error: apart.sum::<f64>() / weights,
        auc: auc(&chances, rows),
        floored,
        bins: bins.to_vec(),
        reliability: reliability(&chances, &happened_at(rows), &counted(rows)),
    }
}

/// Whether an event came.
fn happened_at(rows: &Rows) -> Vec<bool> {
    rows.event.iter().map(Option::is_some).collect()
}

/// Weights of rows in which one could come.
fn counted(rows: &Rows) -> Vec<f64> {
    let weights = rows.weight.iter().zip(&rows.exposure);
    let counted = weights.map(|(weight, exposure)| if *exposure > 0.0 { *weight } else { 0.0 });
    counted.collect()
}

/// Logarithm of the likelihood of a row, and whether the event's rate was below the floor.
fn likelihood(
    rates: impl Iterator<Item = f64> + Clone,
    event: Option<usize>,
    exposure: f64,
) -> (f64, bool) {
    let total: f64 = rates.clone().map(|rate| rate.max(0.0)).sum();
    let Some(event) = event else {
        return (-total * exposure, false);
    };
    let rate = rates.clone().nth(event).unwrap_or(0.0);
    let (rate, total) = (rate.max(FLOOR), total.max(FLOOR));
    let share = (rate / total).ln() + (-(-total * exposure).exp_m1()).ln();
    (share, rate <= FLOOR)
}

/// Chances that divide the rows into bins of equal expected numbers of events.
fn edges(chances: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|a, b| chances[*a].total_cmp(&chances[*b]));
    let all: f64 = chances.iter().zip(weights).map(|(p, w)| p * w).sum();
    let (mut sum, mut edges) = (0.0, Vec::new());
    for row in order {
        sum += chances[row] * weights[row];
        while edges.len() < BINS - 1 && sum >= all * (edges.len() + 1) as f64 / BINS as f64 {
            edges.push(chances[row]);
        }
    }
    edges
}

fn total(runs: &[&Sums]) -> Sums {
    runs.iter().fold(Sums::default(), |mut all, run| {
        all.gain += run.gain;
        all.hours += run.hours;
        for (sum, bin) in all.bins.iter_mut().zip(&run.bins) {
            sum.iter_mut().zip(bin).for_each(|(sum, it)| *sum += it);
        }
        all
    })
}

/// A number over all runs, and over runs drawn anew with replacement.
pub fn resampled<T>(runs: &[T], of: impl Fn(&[&T]) -> f64) -> Estimate {
    let [estimate] = resampled_within(&[runs], |runs| [of(&runs[0])]);
    estimate
}

/// Numbers over all runs, and over runs drawn anew with replacement, group by group. There are no
/// intervals where a group has fewer than three.
pub fn resampled_within<T, const N: usize>(
    groups: &[&[T]],
    of: impl Fn(&[Vec<&T>]) -> [f64; N],
) -> [Estimate; N] {
    let all: Vec<Vec<&T>> = groups.iter().map(|group| group.iter().collect()).collect();
    let values = of(&all);
    let count: usize = groups.iter().map(|group| group.len()).sum();
    let draws = Purpose::Resampling.draws(count as u64);
    let mut drawn: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    let is_enough = groups.iter().all(|group| group.len() >= 3);
    for number in 0..if is_enough { RESAMPLES } else { 0 } {
        let mut sequence = Sequence::new(draws, number as u64);
        let mut anew: Vec<Vec<&T>> = Vec::new();
        for group in groups {
            let draw = |_| &group[(sequence.uniform() * group.len() as f64) as usize];
            anew.push((0..group.len()).map(draw).collect());
        }
        for (drawn, value) in drawn.iter_mut().zip(of(&anew)) {
            drawn.extend(value.is_finite().then_some(value));
        }
    }
    let interval = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| values.get((part * RESAMPLES as f64) as usize).copied();
        at(0.025).zip(at(0.975)).map(|(low, high)| [low, high])
    };
    let mut drawn = drawn.into_iter();
    values.map(|value| Estimate {
        value,
        interval: drawn.next().and_then(interval),
    })
}

/// The ends of an exact 95 % interval of the mean of a Poisson number (Garwood 1936).
fn poisson(seen: f64) -> [f64; 2] {
    let end = |shape: f64, part: f64| match Gamma::new(shape, 1.0) {
        Ok(law) => law.inverse_cdf(part),
        Err(_) => 0.0,
    };
    [end(seen, 0.025), end(seen + 1.0, 0.975)]
}

/// β of the Poisson regression E\[d\] = rows · exp(α) · chance^β over bins, by Newton's method.
fn slope(bins: &[[f64; 3]]) -> f64 {
    let points: Vec<(f64, f64, f64)> = (bins.iter())
        .filter(|[_, expected, _]| *expected > 0.0)
        .map(|[rows, expected, seen]| ((expected / rows).ln(), *rows, *seen))
        .collect();
    // Where all rows have one chance, there is no slope.
    let chances = points.iter().map(|(x, ..)| *x);
    let spread = chances.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], x| {
        [low.min(x), high.max(x)]
    });
    if points.len() < 2 || spread[1] - spread[0] < 1e-9 {
        return f64::NAN;
    }
    let (mut alpha, mut beta) = (0.0f64, 1.0f64);
    for _ in 0..50 {
        let mut g = [0.0; 2];
        let mut h = [0.0; 3];
        for (x, rows, seen) in &points {
            let mean = rows * (alpha + beta * x).exp();
            g[0] += seen - mean;
            g[1] += (seen - mean) * x;
            h[0] += mean;
            h[1] += mean * x;
            h[2] += mean * x * x;
        }
        let determinant = h[0] * h[2] - h[1] * h[1];
        let step = [
            (h[2] * g[0] - h[1] * g[1]) / determinant,
            (h[0] * g[1] - h[1] * g[0]) / determinant,
        ];
        alpha += step[0];
        beta += step[1];
        if step[0].abs() + step[1].abs() < 1e-12 {
            break;
        }
    }
    beta
}

/// Area under the curve of sensitivity over false alarms; ties count half.
fn auc(chances: &[f64], rows: &Rows) -> f64 {
    let mut order: Vec<usize> = (0..chances.len())
        .filter(|row| rows.exposure[*row] > 0.0)
        .collect();
    order.sort_by(|a, b| chances[*a].total_cmp(&chances[*b]));
    let (mut below, mut area, mut with, mut without) = (0.0, 0.0, 0.0, 0.0);
    let mut at = 0;
    while at < order.len() {
        let end = order[at..]
            .iter()
            .position(|row| chances[*row] != chances[order[at]])
            .map_or(order.len(), |length| at + length);
        let (mut hits, mut misses) = (0.0, 0.0);
        for &row in &order[at..end] {
            match rows.event[row] {
                Some(_) => hits += rows.weight[row],
                None => misses += rows.weight[row],
            }
        }
        area += hits * (below + 0.5 * misses);
        below += misses;
        with += hits;
        without += misses;
        at = end;
    }
    area / (with * without)
}
