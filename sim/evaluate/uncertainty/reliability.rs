//! Whether of rows with a chance p of an event a share p has one.
//!
//! ```text
//! Brier = reliability − resolution + uncertainty + within
//! ```
//!
//! with reliability the mean squared distance of a bin's chance and share, resolution that of its
//! share and all events', uncertainty s(1 − s) of the share s of all, and what chances differ by within bins.
//! Sources: Murphy 1973, doi:10.1175/1520-0450(1973)012<0595:ANVPOT>2.0.CO;2; Stephenson et al. 2008,
//! doi:10.1175/2007WAF2006116.1.

use maud::{Markup, html};
use serde::Serialize;

use crate::page::number;

/// Bins with as many rows each.
const BINS: usize = 10;

/// Chances against shares.
#[derive(Debug, Clone, Serialize)]
pub struct Reliability {
    /// Rows by weight, mean chance, share with an event.
    pub bins: Vec<[f64; 3]>,
    /// Mean squared difference of chance and outcome.
    pub brier: f64,
    /// Least is best.
    pub reliability: f64,
    /// Most is best.
    pub resolution: f64,
    /// Of whoever knows the share of all.
    pub uncertainty: f64,
    /// What binning leaves out.
    pub within: f64,
}

/// Of chances, whether the event came, and weights.
pub fn reliability(chances: &[f64], happened: &[bool], weights: &[f64]) -> Reliability {
    let mut order: Vec<usize> = (0..chances.len())
        .filter(|row| weights[*row] > 0.0)
        .collect();
    order.sort_by(|one, other| chances[*one].total_cmp(&chances[*other]));
    let total: f64 = weights.iter().sum();
    let (mut sums, mut sum): (Vec<[f64; 3]>, f64) = (vec![[0.0; 3]; BINS], 0.0);
    let (mut brier, mut bin, mut before) = (0.0, 0, f64::NAN);
    for row in order {
        let (chance, weight) = (chances[row], weights[row]);
        let outcome = f64::from(happened[row]);
        // Rows of one chance stay together.
        if chance != before {
            bin = ((sum / total * BINS as f64) as usize).min(BINS - 1);
        }
        before = chance;
        sum += weight;
        let of_row = [weight, weight * chance, weight * outcome];
        sums[bin]
            .iter_mut()
            .zip(of_row)
            .for_each(|(sum, it)| *sum += it);
        brier += weight / total * (chance - outcome) * (chance - outcome);
    }
    let bins = sums.into_iter().filter(|[weight, ..]| *weight > 0.0);
    let bins: Vec<[f64; 3]> = bins.map(|[w, p, o]| [w, p / w, o / w]).collect();
    let share: f64 = bins
        .iter()
        .map(|[weight, _, share]| weight * share / total)
        .sum();
    let mean = |of: &dyn Fn(&[f64; 3]) -> f64| -> f64 {
        bins.iter().map(|bin| bin[0] / total * of(bin)).sum()
    };
    let reliability = mean(&|[_, chance, share]| (chance - share) * (chance - share));
    let resolution = mean(&|[_, _, own]| (own - share) * (own - share));
    let uncertainty = share * (1.0 - share);
    Reliability {
        within: brier - (reliability - resolution + uncertainty),
        bins,
        brier,
        reliability,
        resolution,
        uncertainty,
    }
}

/// What the page says of it.
pub fn page(it: &Reliability) -> Markup {
    html! {
        p.quiet {
            "Model, bins of equally many rows: Brier " (number(it.brier)) " = reliability "
            (number(it.reliability)) " − resolution " (number(it.resolution)) " + uncertainty "
            (number(it.uncertainty)) " + within bins " (number(it.within)) "."
        }
    }
}
