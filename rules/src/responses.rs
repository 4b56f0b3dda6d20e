//! How strongly a signal speaks: a fraction f of full effect, or its odds x = f / (1 − f).
//!
//! Odds are what several rules on one behavior add up (see [`crate::written`]); odds of +∞ are
//! full effect. Every function here keeps a NaN, so that a spoiled signal is still seen at the end.

/// Whole and half powers up to this one are multiplications.
const WHOLE: f64 = 64.0;

/// A response with its numbers, in the unit of its signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Response {
    /// See [`hill`].
    Hill {
        /// The signal at which the effect is half of full; > 0.
        half_max: f64,
        /// Steepness, a pure number; > 0.
        power: f64,
    },
    /// See [`signed_hill`].
    SignedHill {
        /// The signal at which the effect is half of full; not 0.
        half_max: f64,
        /// Steepness, a pure number; > 0.
        power: f64,
    },
    /// See [`linear`].
    Linear {
        /// Up to here there is no effect.
        from: f64,
        /// From here on the effect is full; > `from`.
        to: f64,
    },
    /// See [`step`].
    Step {
        /// The signal at which the effect changes.
        threshold: f64,
        /// Whether the effect is full above the threshold, or below it.
        above: bool,
    },
}

impl Response {
    /// Turns signals into odds, in place.
    pub fn odds(&self, signals: &mut [f64]) {
        match *self {
            Response::Hill { half_max, power } => hill(signals, half_max, power),
            Response::SignedHill { half_max, power } => signed_hill(signals, half_max, power),
            Response::Linear { from, to } => {
                for signal in signals {
                    let fraction = linear(*signal, from, to);
                    *signal = fraction / (1.0 - fraction);
                }
            }
            Response::Step { threshold, above } => {
                for signal in signals {
                    let fraction = step(*signal, threshold, above);
                    *signal = fraction / (1.0 - fraction);
                }
            }
        }
    }

    /// Where the response happens: a Hill response from 0 to where it has 95 % of its effect, at least
    /// to twice the half-max; a ramp with a quarter of it on either side; a step with its threshold in
    /// the middle.
    pub fn span(&self) -> [f64; 2] {
        let [from, to] = match *self {
            Response::Hill { half_max, power } | Response::SignedHill { half_max, power } => {
                // Odds of 19 are 95 %.
                [0.0, half_max * 19f64.powf(1.0 / power).max(2.0)]
            }
            Response::Linear { from, to } => {
                let margin = 0.25 * (to - from);
                [from - margin, to + margin]
            }
            Response::Step { threshold: 0.0, .. } => [-1.0, 1.0],
            Response::Step { threshold, .. } => [0.0, 2.0 * threshold],
        };
        [from.min(to), from.max(to)]
    }

    /// The natural logarithm of the odds of one signal; unlike the odds, it has room for every
    /// signal and power.
    pub fn log_odds(&self, signal: f64) -> f64 {
        let of = |fraction: f64| match fraction {
            0.0 => f64::NEG_INFINITY,
            1.0 => f64::INFINITY,
            _ => libm::log(fraction) - libm::log(1.0 - fraction),
        };
        match *self {
            Response::Hill { half_max, power } => {
                power * (libm::log(at_least_zero(signal)) - libm::log(half_max))
            }
            Response::SignedHill { half_max, power } => {
                // Odds this large leave no room for anything else, whatever their sign.
                let ratio = signal / half_max;
                let ratio = if power.fract() == 0.0 {
                    ratio.abs()
                } else {
                    at_least_zero(ratio)
                };
                power * libm::log(ratio)
            }
            Response::Linear { from, to } => of(linear(signal, from, to)),
            Response::Step { threshold, above } => of(step(signal, threshold, above)),
        }
    }
}

/// Turns signals into the odds x = (s / half_max)^power of the fraction s^p / (h^p + s^p), in
/// place. A negative signal counts as 0, since a power of a negative number need not exist.
///
/// Whole and half powers are multiplications and a square root, others `libm::pow`: the same
/// bits on every machine.
///
/// Source: A. V. Hill 1910, J. Physiol. 40 (suppl.), iv–vii.
pub fn hill(signals: &mut [f64], half_max: f64, power: f64) {
    powers(signals, power, |signal| at_least_zero(signal) / half_max);
}

/// Turns signals into the odds x = (s / half_max)^power, in place, where signals may be negative.
///
/// Copies PhysiCell's `multivariate_Hill_response_function`: a whole power of a negative ratio is
/// taken as it is, so that odds may be negative. Where PhysiCell has no number, for other powers,
/// a negative ratio counts as 0.
///
/// Source: PhysiCell 1.14.2, core/PhysiCell_basic_signaling.cpp.
pub fn signed_hill(signals: &mut [f64], half_max: f64, power: f64) {
    if power.fract() == 0.0 {
        powers(signals, power, |signal| signal / half_max);
    } else {
        powers(signals, power, |signal| at_least_zero(signal / half_max));
    }
}

/// Replaces each signal by the power of its ratio.
#[inline(always)]
fn powers(signals: &mut [f64], power: f64, ratio: impl Fn(f64) -> f64) {
    // The decision stands outside the loop, so that the common powers become straight lines.
    macro_rules! each {
        ($signal:ident => $odds:expr) => {
            for slot in signals {
                let $signal = ratio(*slot);
                *slot = $odds;
            }
        };
    }
    if (2.0 * power).fract() != 0.0 || !(0.5..=WHOLE).contains(&power) {
        each!(r => libm::pow(r, power));
        return;
    }
    match (power as u32, power.fract() != 0.0) {
        (0, _) => each!(r => r.sqrt()),
        (1, false) => each!(r => r),
        (2, false) => each!(r => whole_power(r, 2)),
        (3, false) => each!(r => whole_power(r, 3)),
        (4, false) => each!(r => whole_power(r, 4)),
        (8, false) => each!(r => whole_power(r, 8)),
        (n, false) => each!(r => whole_power(r, n)),
        (n, true) => each!(r => whole_power(r, n) * r.sqrt()),
    }
}

/// The fraction of a ramp that is 0 up to `from` and 1 from `to` on; `from` < `to`.
///
/// Source: `linear_response_function` of PhysiCell 1.14.2, core/PhysiCell_basic_signaling.cpp.
#[inline]
pub fn linear(signal: f64, from: f64, to: f64) -> f64 {
    ((signal - from) / (to - from)).clamp(0.0, 1.0)
}

/// 1 beyond the threshold and 0 elsewhere, the threshold included: the Heaviside step, the limit
/// of [`hill`] for an infinite power.
#[inline]
pub fn step(signal: f64, threshold: f64, above: bool) -> f64 {
    if signal.is_nan() {
        signal
    } else if above {
        f64::from(signal > threshold)
    } else {
        f64::from(signal < threshold)
    }
}

/// `signal`, or 0 if it is negative; unlike `f64::max`, keeps a NaN.
#[inline]
fn at_least_zero(signal: f64) -> f64 {
    if signal < 0.0 { 0.0 } else { signal }
}

/// base^power by squaring; `power` ≥ 1.
#[inline(always)]
fn whole_power(base: f64, power: u32) -> f64 {
    let (mut result, mut square, mut left) = (1.0, base, power);
    loop {
        if left & 1 == 1 {
            result *= square;
        }
        left >>= 1;
        if left == 0 {
            return result;
        }
        square *= square;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Response; 7] = [
        Response::Hill {
            half_max: 0.5,
            power: 4.0,
        },
        Response::Hill {
            half_max: 3.0,
            power: 1.0,
        },
        Response::Hill {
            half_max: 20.0,
            power: 1.7,
        },
        Response::Hill {
            half_max: 2.0,
            power: 11.0,
        },
        Response::Linear {
            from: -1.0,
            to: 5.0,
        },
        Response::Step {
            threshold: 2.0,
            above: true,
        },
        Response::Step {
            threshold: 2.0,
            above: false,
        },
    ];

    fn odds(response: Response, signal: f64) -> f64 {
        let mut one = [signal];
        response.odds(&mut one);
        one[0]
    }

    #[test]
    fn a_hill_response_has_odds_of_one_at_half_max() {
        for power in [0.3, 1.0, 2.0, 4.0, 7.5, 16.0, 100.0] {
            assert_eq!(
                odds(
                    Response::Hill {
                        half_max: 0.37,
                        power
                    },
                    0.37
                ),
                1.0
            );
        }
    }

    #[test]
    fn whole_and_half_powers_agree_with_pow() {
        for power in (1..=128).map(|halves| f64::from(halves) / 2.0) {
            let found = odds(
                Response::Hill {
                    half_max: 0.8,
                    power,
                },
                1.1,
            );
            let wanted = libm::pow(1.1 / 0.8, power);
            // Each multiplication rounds once; there are at most 13.
            assert!((found / wanted - 1.0).abs() < 1e-14, "{power}");
        }
    }

    #[test]
    fn log_odds_are_the_logarithm_of_the_odds() {
        for response in ALL {
            for signal in [-3.0, 0.0, 0.3, 1.9, 2.0, 2.1, 4.9, 5.0, 90.0] {
                let (found, wanted) = (response.log_odds(signal), odds(response, signal).ln());
                assert!(
                    found == wanted || (found - wanted).abs() < 1e-12,
                    "{response:?} {signal}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for response in ALL {
            assert!(odds(response, f64::NAN).is_nan(), "{response:?}");
            assert!(response.log_odds(f64::NAN).is_nan(), "{response:?}");
        }
    }

    #[test]
    fn whole_powers_keep_the_sign_of_a_negative_ratio_and_others_take_it_for_0() {
        for (half_max, power, signal, wanted) in [
            (0.5, 3.0, -1.0, -8.0),
            (0.5, 2.0, -1.0, 4.0),
            (0.5, 1.5, -1.0, 0.0),
            (-40.0, 4.0, -80.0, 16.0),
            (-40.0, 0.5, -160.0, 2.0),
            (2.0, 101.0, -2.0, -1.0),
        ] {
            assert_eq!(
                odds(Response::SignedHill { half_max, power }, signal),
                wanted
            );
        }
    }

    #[test]
    fn infinite_signals_have_full_effect() {
        for response in &ALL[..6] {
            assert_eq!(
                odds(*response, f64::INFINITY),
                f64::INFINITY,
                "{response:?}"
            );
            assert_eq!(
                response.log_odds(f64::INFINITY),
                f64::INFINITY,
                "{response:?}"
            );
        }
    }
}
