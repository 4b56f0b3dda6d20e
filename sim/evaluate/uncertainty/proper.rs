//! Scores of what is said to be likely: each is least, on average, for who says what is.
//!
//! Source: Gneiting and Raftery 2007, doi:10.1198/016214506000001437.

use std::f64::consts::PI;

use statrs::distribution::{ContinuousCDF, Normal};

/// Standard deviations below which a normal law has a share `part`, in (0, 1).
pub fn deviate(part: f64) -> f64 {
    Normal::standard().inverse_cdf(part)
}

/// The share that a normal law has below `value`; a step where it has no width.
pub fn below([mean, deviation]: [f64; 2], value: f64) -> f64 {
    match deviation > 0.0 {
        true => Normal::standard().cdf((value - mean) / deviation),
        false if value == mean => 0.5,
        false => f64::from(value > mean),
    }
}

/// Continuous ranked probability score of a normal law: σ (z (2Φ(z) − 1) + 2φ(z) − 1/√π).
pub fn crps_normal([mean, deviation]: [f64; 2], value: f64) -> f64 {
    if deviation <= 0.0 {
        return (value - mean).abs();
    }
    let z = (value - mean) / deviation;
    let density = (-0.5 * z * z).exp() / (2.0 * PI).sqrt();
    deviation * (z * (2.0 * below([0.0, 1.0], z) - 1.0) + 2.0 * density - 1.0 / PI.sqrt())
}

/// That of the members of an ensemble: E|X − y| − E|X − X'|/2.
pub fn crps_ensemble(members: &[f64], value: f64) -> f64 {
    let count = members.len() as f64;
    let far: f64 = members.iter().map(|member| (member - value).abs()).sum();
    let pairs = members
        .iter()
        .flat_map(|a| members.iter().map(move |b| (a - b).abs()));
    far / count - 0.5 * pairs.sum::<f64>() / count / count
}

/// The loss of the quantile of `part`: part · (y − q) above, (1 − part) · (q − y) below.
pub fn pinball(part: f64, quantile: f64, value: f64) -> f64 {
    let above = value - quantile;
    (part * above).max((part - 1.0) * above)
}

/// Score of an interval that a share α may miss: (u − l) + (2/α)(l − y)₊ + (2/α)(y − u)₊.
pub fn winkler([low, high]: [f64; 2], alpha: f64, value: f64) -> f64 {
    let missed = (low - value).max(0.0) + (value - high).max(0.0);
    high - low + 2.0 / alpha * missed
}

/// The greatest distance of the distribution of weighted values in (0, 1) from the uniform one.
pub fn distance_from_uniform(values: &[f64], weights: &[f64]) -> f64 {
    let mut order: Vec<(f64, f64)> = values
        .iter()
        .copied()
        .zip(weights.iter().copied())
        .collect();
    order.sort_by(|one, other| one.0.total_cmp(&other.0));
    let total: f64 = weights.iter().sum();
    let (mut sum, mut most) = (0.0, 0.0f64);
    for (value, weight) in order {
        most = most.max(value - sum / total);
        sum += weight;
        most = most.max(sum / total - value);
    }
    most
}
