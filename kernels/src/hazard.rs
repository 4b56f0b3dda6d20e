//! Events that happen at a rate: whether one falls into a step, and which of several.

use crate::{Real, portable};

/// Probability that an event of this rate (1/min) happens within `dt` min: 1 − exp(−rate·dt),
/// which is right for any step, and never above 1 as rate·dt would be.
pub fn probability(rate: Real, dt: Real) -> Real {
    -portable::exp_m1(-rate * dt)
}

/// Which of several competing risks happens within `dt` min, if any. The risks share one clock of
/// rate Σλ, and the one that happens is chosen in proportion to its rate. `uniforms` are two
/// numbers in (0, 1), drawn only if something can happen.
pub fn competing_risk(
    rates: impl Iterator<Item = Real> + Clone,
    dt: Real,
    uniforms: impl FnOnce() -> [Real; 2],
) -> Option<usize> {
    let total: Real = rates.clone().sum();
    if total <= 0.0 {
        return None;
    }
    let [whether, which] = uniforms();
    // 1 − exp(−x) ≤ x: mostly there is no need of the exponential. The margin is for rounding.
    if whether > total * dt * (1.0 + 1e-9) || whether >= probability(total, dt) {
        return None;
    }
    let mut rest = which * total;
    let mut last = None;
    for (number, rate) in rates.enumerate().filter(|(_, rate)| *rate > 0.0) {
        last = Some(number);
        rest -= rate;
        if rest < 0.0 {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risks_compete_in_proportion_to_their_rates() {
        let rates = [0.1, 0.0, 0.3];
        let fired = |u: Real, v: Real| competing_risk(rates.into_iter(), 1.0, || [u, v]);
        assert_eq!(fired(probability(0.4, 1.0) + 1e-12, 0.5), None);
        assert_eq!(fired(0.0, 0.2499), Some(0));
        assert_eq!(fired(0.0, 0.2501), Some(2));
        assert_eq!(fired(0.0, 1.0 - 1e-16), Some(2));
        assert_eq!(
            competing_risk([0.0].into_iter(), 1.0, || unreachable!()),
            None
        );
    }

    #[test]
    fn a_rate_of_one_sixth_over_six_minutes_is_not_certain() {
        assert!((probability(1.0 / 6.0, 6.0) - (1.0 - (-1.0f64).exp())).abs() < 1e-15);
    }
}
