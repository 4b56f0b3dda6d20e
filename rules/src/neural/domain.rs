//! Where a model was trained: the ranges of its inputs and its own score of strangeness.

use super::contract::Spec;

/// What is watched in every row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Domain {
    /// `[read]`: least and greatest value in the model's unit, margin included; `None` is free.
    pub boxes: Vec<Option<(f64, f64)>>,
    /// `[read]`: the range trained on, for inputs that are put back into it.
    pub ranges: Vec<Option<(f64, f64)>>,
    /// The score: its tensor, in [`Spec::output_tensors`], and what it was in calibration.
    pub score: Option<(usize, Calibration)>,
}

/// Scores of rows held out of training.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Ascending.
    scores: Vec<f64>,
    alpha: f64,
}

/// A number outside its range by no more than a rounding of `f32` is inside.
const ROUNDING: f64 = 1e-6;

impl Domain {
    /// The domain of a model.
    pub fn new(spec: &Spec) -> Domain {
        let margin = spec.ood.as_ref().map_or(0.0, |ood| ood.margin);
        let ranges = spec.ranges();
        let wide = |&(lo, hi): &(f64, f64)| {
            let slack = margin * (hi - lo) + ROUNDING * lo.abs().max(hi.abs());
            (lo - slack, hi + slack)
        };
        let boxes = ranges
            .iter()
            .map(|range| range.as_ref().map(wide))
            .collect();
        let score = spec.ood.as_ref().and_then(|ood| ood.score.as_ref());
        let score = score.and_then(|score| {
            let tensors = spec.output_tensors().ok()?;
            let at = tensors.iter().position(|(name, _)| *name == score.tensor)?;
            Some((at, Calibration::new(&score.calibration, score.alpha)))
        });
        Domain {
            boxes,
            ranges,
            score,
        }
    }
}

impl Calibration {
    /// Sorts the scores.
    pub fn new(scores: &[f64], alpha: f64) -> Calibration {
        let mut scores = scores.to_vec();
        scores.sort_by(f64::total_cmp);
        Calibration { scores, alpha }
    }

    /// The share of rows like those held out that are at least as strange, the row itself
    /// counted among them.
    pub fn probability(&self, score: f64) -> f64 {
        let below = self.scores.partition_point(|&other| other < score);
        (1 + self.scores.len() - below) as f64 / (self.scores.len() + 1) as f64
    }

    /// Whether a row is too strange.
    pub fn is_outside(&self, score: f64) -> bool {
        self.probability(score) < self.alpha
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probability_of_a_score_counts_those_at_least_as_strange() {
        let scores: Vec<f64> = (0..99).rev().map(f64::from).collect();
        let calibration = Calibration::new(&scores, 0.05);
        for (score, wanted) in [
            (-1.0, 1.0),
            (0.0, 1.0),
            (0.5, 0.99),
            (98.0, 0.02),
            (98.5, 0.01),
        ] {
            assert_eq!(calibration.probability(score), wanted);
        }
        // Of rows like these, exactly the share alpha is outside: 95 … 98 of 0 … 99.
        let outside = (0..100).filter(|&score| calibration.is_outside(f64::from(score)));
        assert_eq!(outside.count(), 4);
    }
}
