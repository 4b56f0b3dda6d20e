//! Whether two arms of runs agree in a readout: two one-sided tests on the ratio of their means.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Each of the two tests may be wrong so often.
pub const LEVEL: f64 = 0.05;

/// What the tests say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The ratio lies within the margin.
    Equivalent,
    /// It lies outside.
    Different,
    /// These runs are too few to say.
    Undecided,
}

/// One readout in two arms. Runs with one seed are a pair.
#[derive(Debug, Clone, Serialize)]
pub struct Equivalence {
    /// Pairs in which both arms have a value.
    pub pairs: usize,
    /// Means of the arms.
    pub means: [f64; 2],
    /// Standard deviations between runs.
    pub deviations: [f64; 2],
    /// Second mean over first.
    pub ratio: f64,
    /// Interval of the ratio that the two tests invert, at 1 − 2·[`LEVEL`]; none where the first
    /// mean is not surely other than 0.
    pub interval: Option<[f64; 2]>,
    /// Relative margin.
    pub margin: f64,
    /// The greater of the two tests' p.
    pub p: f64,
    /// What follows.
    pub verdict: Verdict,
    /// Pairs that would probably (9 in 10) decide, where these do not; none where the ratio is not
    /// within the margin.
    pub needed: Option<usize>,
}

/// Tests whether the mean of the second members lies within `margin` of that of the first.
///
/// With d = b − θ·a for the two bounds θ = 1 ∓ margin, one-sample t-tests of d > 0 at the lower and
/// d < 0 at the upper bound: the error of the reference mean is taken into account. The interval is
/// Fieller's, of the same tests.
///
/// Sources: D. J. Schuirmann 1987, J. Pharmacokinet. Biopharm. 15, 657–680; E. C. Fieller 1954,
/// J. R. Stat. Soc. B 16, 175–185.
pub fn equivalence(pairs: &[[f64; 2]], margin: f64) -> Equivalence {
    let n = pairs.len() as f64;
    let mean = |arm: usize| pairs.iter().map(|pair| pair[arm]).sum::<f64>() / n;
    let means = [mean(0), mean(1)];
    let covariance = |one: usize, other: usize| {
        let product = |pair: &[f64; 2]| (pair[one] - means[one]) * (pair[other] - means[other]);
        pairs.iter().map(product).sum::<f64>() / (n - 1.0)
    };
    let mut found = Equivalence {
        pairs: pairs.len(),
        means,
        deviations: [covariance(0, 0).sqrt(), covariance(1, 1).sqrt()],
        ratio: means[1] / means[0],
        interval: None,
        margin,
        p: 1.0,
        verdict: Verdict::Undecided,
        needed: None,
    };
    if pairs.len() < 3 || !means.iter().all(|mean| mean.is_finite()) {
        return found;
    }
    let (aa, ab, bb) = (covariance(0, 0), covariance(0, 1), covariance(1, 1));
    let student = StudentsT::new(0.0, 1.0, n - 1.0).expect("there are degrees of freedom");
    // The variance of b − θ·a, and how many of its errors lie between its mean and 0.
    let variance = |theta: f64| (bb - 2.0 * theta * ab + theta * theta * aa).max(0.0);
    let errors = |theta: f64| {
        let difference = means[1] - theta * means[0];
        match (variance(theta) / n).sqrt() {
            0.0 => difference.signum() * f64::INFINITY,
            error => difference / error,
        }
    };
    // Of a negative mean the bounds change places.
    let sign = means[0].signum();
    let lower = 1.0 - student.cdf(sign * errors(1.0 - margin));
    let upper = student.cdf(sign * errors(1.0 + margin));
    found.p = lower.max(upper);
    let t = student.inverse_cdf(1.0 - LEVEL);
    found.interval = fieller(means, [aa, ab, bb], t * t / n);
    found.verdict = match found.interval {
        _ if found.p < LEVEL => Verdict::Equivalent,
        Some([low, high]) if low > 1.0 + margin || high < 1.0 - margin => Verdict::Different,
        _ => Verdict::Undecided,
    };
    let room = margin - (found.ratio - 1.0).abs();
    if found.verdict == Verdict::Undecided && room > 0.0 {
        let normal = Normal::standard();
        let both = normal.inverse_cdf(1.0 - LEVEL) + normal.inverse_cdf(0.95);
        let runs = variance(found.ratio) * (both / (room * means[0])).powi(2);
        found.needed = Some((runs.ceil() as usize).max(pairs.len() + 1));
    }
    found
}

/// Where (b̄ − θ·ā)² ≤ t²·var(b − θ·a)/n; `scale` is t²/n.
fn fieller(means: [f64; 2], [aa, ab, bb]: [f64; 3], scale: f64) -> Option<[f64; 2]> {
    let [a, b] = means;
    let (square, half, rest) = (a * a - scale * aa, a * b - scale * ab, b * b - scale * bb);
    if square <= 0.0 {
        return None;
    }
    let root = (half * half - square * rest).max(0.0).sqrt();
    Some([(half - root) / square, (half + root) / square])
}

#[cfg(test)]
mod tests {
    use super::{Verdict, equivalence};
    use kernels::random::{Draws, Sequence};
    use statrs::distribution::{ContinuousCDF, Normal};

    /// Pairs of normal numbers with these means and this deviation.
    fn drawn(means: [f64; 2], deviation: f64, pairs: usize, seed: u64) -> Vec<[f64; 2]> {
        let mut sequence = Sequence::new(Draws { seed, purpose: 0 }, seed);
        let normal = Normal::standard();
        let mut one = |mean: f64| mean + deviation * normal.inverse_cdf(sequence.uniform());
        (0..pairs).map(|_| means.map(&mut one)).collect()
    }

    fn share(means: [f64; 2], deviation: f64, pairs: usize, verdict: Verdict) -> f64 {
        let runs = 2000;
        let is = |seed: &u64| {
            let pairs = drawn(means, deviation, pairs, *seed);
            equivalence(&pairs, 0.1).verdict == verdict
        };
        (1..=runs).filter(is).count() as f64 / runs as f64
    }

    #[test]
    fn arms_at_the_margin_pass_one_time_in_twenty_and_equal_ones_as_often_as_planned() {
        // At the margin the two tests are wrong at their level: 0.05 ± 4·√(0.05·0.95/2000).
        let wrong = share([10.0, 11.0], 1.0, 40, Verdict::Equivalent);
        assert!((wrong - 0.05).abs() < 0.02, "{wrong}");
        // N ≥ (σ_d/δ)²·(z₀.₉₅ + z₀.₉₅)² with σ_d² = 2 (and a little for t) gives 9 in 10.
        let pairs = (2.0f64 * 3.29 * 3.29).ceil() as usize + 1;
        let right = share([10.0, 10.0], 1.0, pairs, Verdict::Equivalent);
        assert!((0.86..0.95).contains(&right), "{right}");
        assert!(share([10.0, 13.0], 1.0, 40, Verdict::Different) > 0.999);
        // Equal means, but too much noise to say so.
        assert!(share([10.0, 10.0], 5.0, 10, Verdict::Undecided) > 0.8);
    }

    #[test]
    fn the_interval_covers_the_true_ratio_nine_times_in_ten() {
        let covers = |seed: &u64| {
            let found = equivalence(&drawn([5.0, 6.0], 1.5, 20, *seed), 0.1);
            found
                .interval
                .is_some_and(|[low, high]| (low..=high).contains(&1.2))
        };
        let share = (1..=2000).filter(covers).count() as f64 / 2000.0;
        // 0.9 ± 4·√(0.9·0.1/2000).
        assert!((share - 0.9).abs() < 0.027, "{share}");
    }

    #[test]
    fn the_runs_it_asks_for_are_those_of_the_formula() {
        let pairs: Vec<[f64; 2]> = (0..8)
            .map(|it| {
                [
                    10.0 + f64::from(it % 2) * 4.0,
                    10.0 + f64::from(it / 4) * 4.0,
                ]
            })
            .collect();
        let found = equivalence(&pairs, 0.1);
        assert_eq!(found.verdict, Verdict::Undecided);
        // σ_d² of uncorrelated arms with deviations 2·√(8/7), δ = 1.2.
        let variance = 2.0 * 4.0 * 8.0 / 7.0;
        let needed: f64 = variance * (3.2897 / 1.2f64).powi(2);
        assert_eq!(found.needed, Some(needed.ceil() as usize));
    }
}
