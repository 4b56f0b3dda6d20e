//! From what a model says of a row to the numbers that are written.
//!
//! Everything is done in `f64` and with `libm`, so that the same model gives the same bits on
//! every platform.

use super::contract::Family;

/// How an output becomes written numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Convert {
    /// One number, times a factor.
    Factor(f64),
    /// A probability over `per` minutes, to a rate.
    Probability {
        /// To a pure number.
        factor: f64,
        /// Minutes.
        per: f64,
        /// From 1/min to the unit of the behavior.
        rate: f64,
    },
    /// Log odds of what a cell is after `per` minutes, to competing rates.
    Logits {
        /// The column of staying what it is.
        own: usize,
        /// Minutes.
        per: f64,
        /// From 1/min to the unit of each other class's behavior, in their order.
        rates: Vec<f64>,
    },
    /// The distribution of the age at which an event happens, to its mean hazard over the step.
    TimeToEvent {
        /// Its family.
        family: Family,
        /// Minutes of the distribution's unit of time.
        unit: f64,
        /// The read that holds the age.
        age: usize,
        /// From that read's unit to minutes.
        minutes: f64,
        /// From 1/min to the unit of the behavior.
        rate: f64,
    },
    /// The components of a latent vector, as they are.
    Vector(usize),
}

impl Convert {
    /// How many numbers are written.
    pub fn writes(&self) -> usize {
        match self {
            Convert::Logits { rates, .. } => rates.len(),
            Convert::Vector(width) => *width,
            _ => 1,
        }
    }

    /// Turns `values` into written numbers, handed to `write` with their place. `age` is that of
    /// a time to an event, in its read's unit; `dt` the step, min.
    ///
    /// # Errors
    /// E-NONFINITE or E-RANGE and the number that cannot be.
    pub fn numbers(
        &self,
        values: &[f64],
        age: f64,
        dt: f64,
        mut write: impl FnMut(usize, f64),
    ) -> Result<(), String> {
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(format!("E-NONFINITE: it is {value}"));
        }
        match *self {
            Convert::Factor(factor) => write(0, values[0] * factor),
            Convert::Probability { factor, per, rate } => {
                write(0, probability(values[0] * factor, per)? * rate);
            }
            Convert::Logits {
                own,
                per,
                ref rates,
            } => {
                let mut number = 0;
                competing(values, own, per, |lambda| {
                    write(number, lambda * rates[number]);
                    number += 1;
                });
            }
            Convert::TimeToEvent {
                family,
                unit,
                minutes,
                rate,
                ..
            } => {
                let (age, step) = (age * minutes / unit, dt / unit);
                let hazard = mean_hazard(family, [values[0], values[1]], age, step)?;
                // Beyond the largest number the event is as certain as it can be.
                write(0, (hazard / unit * rate).min(f64::MAX));
            }
            Convert::Vector(_) => {
                for (at, &value) in values.iter().enumerate() {
                    write(at, value);
                }
            }
        }
        Ok(())
    }
}

/// The rate, 1/min, of an event that has happened after `per` minutes with probability `p`.
///
/// # Errors
/// E-RANGE outside [0, 1).
pub fn probability(p: f64, per: f64) -> Result<f64, String> {
    if (0.0..1.0).contains(&p) {
        // Not −0 for an event that never happens.
        return Ok(-libm::log1p(-p) / per + 0.0);
    }
    Err(format!("E-RANGE: the probability {p} is not in [0, 1)"))
}

/// The rates of competing events, in the order of the logits without `own`, that give the
/// softmax of `logits` after `per`: λᵢ = −ln(p_own)/per · pᵢ/(1 − p_own).
pub fn competing(logits: &[f64], own: usize, per: f64, mut each: impl FnMut(f64)) {
    let others = || {
        let all = logits.iter().enumerate();
        all.filter(|(at, _)| *at != own).map(|(_, &logit)| logit)
    };
    let greatest = others().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = others().map(|logit| libm::exp(logit - greatest)).sum();
    // −ln p_own = ln(1 + Σ exp(lᵢ − l_own)), without overflow and accurate where it is small.
    let odds = greatest + libm::log(sum) - logits[own];
    let total = odds.max(0.0) + libm::log1p(libm::exp(-odds.abs()));
    for logit in others() {
        each(total / per * (libm::exp(logit - greatest) / sum));
    }
}

/// (H(age + step) − H(age))/step, where H = −ln S: the constant rate that gives the event in the
/// step the probability it has. All in one unit of time.
///
/// # Errors
/// E-RANGE for a parameter that is not positive, or an age that is negative or no number.
pub fn mean_hazard(family: Family, [a, b]: [f64; 2], age: f64, step: f64) -> Result<f64, String> {
    if !(age >= 0.0 && age.is_finite()) {
        return Err(format!("E-RANGE: the age {age} is not a number ≥ 0"));
    }
    let is_positive = |name: &str, value: f64| match value > 0.0 {
        true => Ok(()),
        false => Err(format!("E-RANGE: the {name} {value} is not positive")),
    };
    match family {
        Family::Weibull => {
            is_positive("shape", a)?;
            is_positive("scale", b)?;
            let after = libm::exp(a * libm::log((age + step) / b));
            // H(age) = H(age + step) · (age/(age + step))^shape; at age 0 the whole is new.
            let new = -libm::expm1(-a * libm::log1p(step / age));
            Ok(if after == 0.0 {
                0.0
            } else {
                after * new / step
            })
        }
        Family::Lognormal => {
            is_positive("standard deviation", b)?;
            let hazard = |age: f64| minus_log_tail((libm::log(age) - a) / b);
            Ok(((hazard(age + step) - hazard(age)) / step).max(0.0))
        }
    }
}

/// −ln(1 − Φ(z)), Φ the standard normal distribution, to about 1e-15 of its size everywhere.
pub fn minus_log_tail(z: f64) -> f64 {
    let x = z * std::f64::consts::FRAC_1_SQRT_2;
    if x < 0.0 {
        return -libm::log1p(-0.5 * libm::erfc(-x));
    }
    if x < 25.0 {
        return -libm::log(0.5 * libm::erfc(x));
    }
    // erfc underflows at 26.5; its asymptotic series, Abramowitz and Stegun 7.1.23, is exact to
    // 1e-13 from 25 on: erfc(x) = exp(−x²)/(x√π) · (1 − 1/(2x²) + 3/(4x⁴) − 15/(8x⁶) + …).
    let y = 0.5 / (x * x);
    let series = -y * (1.0 - 3.0 * y * (1.0 - 5.0 * y * (1.0 - 7.0 * y)));
    let root = 0.5 * libm::log(std::f64::consts::PI);
    x * x + libm::log(x) + root - libm::log1p(series) + std::f64::consts::LN_2
}

/// The standard normal deviate below which a share `u` of (0, 1) lies: the rational
/// approximation of Wichura 1988 (algorithm AS 241, doi:10.2307/2347330), to about 1e-16 of its size.
pub fn normal_deviate(u: f64) -> f64 {
    let polynomial = |coefficients: &[f64; 8], r: f64| {
        let high = coefficients.iter().rev();
        high.fold(0.0, |sum, coefficient| sum * r + coefficient)
    };
    let q = u - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * polynomial(&CENTER.0, r) / polynomial(&CENTER.1, r);
    }
    let tail = if q < 0.0 { u } else { 1.0 - u };
    let r = (-libm::log(tail)).sqrt();
    let deviate = if r <= 5.0 {
        polynomial(&FLANK.0, r - 1.6) / polynomial(&FLANK.1, r - 1.6)
    } else {
        polynomial(&TAIL.0, r - 5.0) / polynomial(&TAIL.1, r - 5.0)
    };
    if q < 0.0 { -deviate } else { deviate }
}

/// Coefficients from the constant upwards: numerator, denominator.
type Rational = ([f64; 8], [f64; 8]);

const CENTER: Rational = (
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_545,
    ],
);

const FLANK: Rational = (
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
);

const TAIL: Rational = (
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_7e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
);

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(value: f64, wanted: f64, part: f64) {
        let error = (value - wanted).abs() / wanted.abs();
        assert!(error < part, "{value} is not {wanted}: {error:e}");
    }

    #[test]
    fn tails_of_the_normal_distribution_are_those_of_the_tables() {
        // mpmath, 30 digits: -log(erfc(z/sqrt(2))/2).
        for (z, wanted) in [
            (-10.0, 7.619_853_024_160_526e-24),
            (-1.0, 0.172_753_779_023_449_86),
            (0.0, std::f64::consts::LN_2),
            (1.0, 1.841_021_645_009_263_5),
            (5.0, 15.064_998_393_988_726),
            (30.0, 454.321_243_956_343_2),
            (35.0, 616.975_101_261_922_5),
            (40.0, 804.608_442_013_753_8),
            (100.0, 5_005.524_208_694_205),
        ] {
            assert_near(minus_log_tail(z), wanted, 1e-12);
        }
        // The two formulas meet.
        let seam = 25.0 * std::f64::consts::SQRT_2;
        assert_near(
            minus_log_tail(seam - 1e-12),
            minus_log_tail(seam + 1e-12),
            1e-12,
        );
    }

    #[test]
    fn normal_deviates_are_the_inverse_of_the_distribution() {
        for (u, wanted) in [
            (0.975, 1.959_963_984_540_054),
            (0.95, 1.644_853_626_951_472_7),
            (1e-10, -6.361_340_902_404_056),
            (1e-20, -9.262_340_089_798_408),
        ] {
            assert_near(normal_deviate(u), wanted, 1e-14);
        }
        assert_eq!(normal_deviate(0.5), 0.0);
        for step in 1..1000 {
            let u = f64::from(step) / 1000.0;
            let back = 0.5 * libm::erfc(-normal_deviate(u) * std::f64::consts::FRAC_1_SQRT_2);
            assert_near(back, u, 1e-14);
        }
    }

    #[test]
    fn competing_rates_give_the_softmax_after_their_span() {
        let cases: [Vec<f64>; 4] = [
            vec![0.3, -1.0, 2.0],
            vec![40.0, 0.0, -3.0],
            vec![-40.0, 0.0, -3.0],
            vec![800.0, -800.0, 1.0],
        ];
        for logits in cases {
            let sum: f64 = logits.iter().map(|logit| (logit - logits[0]).exp()).sum();
            let (per, mut rates) = (30.0, Vec::new());
            competing(&logits, 0, per, |rate| rates.push(rate));
            let total: f64 = rates.iter().sum();
            if sum.is_finite() && sum > 1.0 {
                assert_near((-total * per).exp(), 1.0 / sum, 1e-12);
            }
            let shares = (logits[1] - logits[2]).exp();
            if shares > 0.0 {
                assert_near(rates[0] / rates[1], shares, 1e-12);
            }
        }
        // Rare events keep their digits: p = e^-40 is far below the last place of 1.
        let mut rates = Vec::new();
        competing(&[40.0, 0.0], 0, 1.0, |rate| rates.push(rate));
        assert_near(rates[0], (-40f64).exp(), 1e-14);
    }

    #[test]
    fn mean_hazards_are_those_of_their_distributions() {
        let weibull = |shape: f64, scale: f64, age: f64, step: f64| {
            mean_hazard(Family::Weibull, [shape, scale], age, step).unwrap()
        };
        // Shape 1 is the exponential distribution: one rate at every age.
        for age in [0.0, 1.0, 1e6] {
            assert_near(weibull(1.0, 20.0, age, 6.0), 1.0 / 20.0, 1e-12);
        }
        assert_near(
            weibull(2.0, 10.0, 3.0, 4.0),
            (49.0 - 9.0) / 100.0 / 4.0,
            1e-13,
        );
        // Below 1 the rate at birth is infinite, but not its mean over a step.
        assert_near(weibull(0.5, 4.0, 0.0, 1.0), 0.5, 1e-13);
        // A young cell of a steep distribution: (1e-3)^8 and its differences.
        assert_near(weibull(8.0, 1.0, 1e-3, 1e-3), 255.0 * 1e-24 / 1e-3, 1e-11);
        // An old one in a short step: the derivative k/λ·(t/λ)^(k−1).
        assert_near(weibull(3.0, 2.0, 1e6, 1e-3), 1.5 * 0.25e12, 1e-8);

        let lognormal = |mean: f64, deviation: f64, age: f64, step: f64| {
            mean_hazard(Family::Lognormal, [mean, deviation], age, step).unwrap()
        };
        let survival = |z: f64| 0.5 * libm::erfc(z / std::f64::consts::SQRT_2);
        // Half of all have it by the median, from birth on.
        assert_near(
            lognormal(3.0, 0.5, 0.0, 3f64.exp()),
            2f64.ln() / 3f64.exp(),
            1e-13,
        );
        let wanted = (survival((5f64.ln() - 2.0) / 0.7) / survival((9f64.ln() - 2.0) / 0.7)).ln();
        assert_near(lognormal(2.0, 0.7, 5.0, 4.0), wanted / 4.0, 1e-12);
        // Far beyond the tail of erfc the hazard is z/(σ·t), a little more for the Mills ratio.
        let (mean, deviation, age) = (0.0, 0.1, 1e4f64);
        let z = age.ln() / deviation;
        let mills = z + 1.0 / z - 2.0 / z.powi(3);
        assert_near(
            lognormal(mean, deviation, age, 1e-2),
            mills / (deviation * age),
            1e-5,
        );
        // Nobody has it far before its time, and nothing is negative.
        assert_eq!(lognormal(50.0, 0.1, 1.0, 6.0), 0.0);
    }

    #[test]
    fn what_cannot_be_is_said() {
        let text = |result: Result<f64, String>| result.unwrap_err();
        assert!(text(probability(1.0, 6.0)).contains("E-RANGE: the probability 1 "));
        for family in [Family::Weibull, Family::Lognormal] {
            assert!(text(mean_hazard(family, [1.0, 0.0], 1.0, 1.0)).contains("is not positive"));
            assert!(text(mean_hazard(family, [1.0, 1.0], -1.0, 1.0)).contains("the age -1"));
        }
        assert!(text(mean_hazard(Family::Weibull, [-1.0, 1.0], 1.0, 1.0)).contains("shape -1"));
        assert!(mean_hazard(Family::Lognormal, [-1.0, 1.0], 1.0, 1.0).is_ok());
        for value in [f64::NAN, f64::INFINITY] {
            let error = Convert::Factor(1.0).numbers(&[value], 0.0, 6.0, |_, _| panic!());
            assert!(error.unwrap_err().contains("E-NONFINITE"));
        }
        // Numbers as large as a float32 holds stay finite for every kind.
        let huge = f64::from(f32::MAX);
        for convert in [
            Convert::Logits {
                own: 0,
                per: 6.0,
                rates: vec![1.0],
            },
            Convert::TimeToEvent {
                family: Family::Weibull,
                unit: 60.0,
                age: 0,
                minutes: 1.0,
                rate: 1.0,
            },
            Convert::TimeToEvent {
                family: Family::Lognormal,
                unit: 60.0,
                age: 0,
                minutes: 1.0,
                rate: 1.0,
            },
        ] {
            let tiny = f64::from(f32::MIN_POSITIVE);
            for values in [
                [huge, tiny],
                [tiny, huge],
                [-huge, tiny],
                [1.0, tiny],
                [huge, huge],
            ] {
                let mut made = Vec::new();
                if convert
                    .numbers(&values, 5.0, 6.0, |_, value| made.push(value))
                    .is_ok()
                {
                    assert!(
                        made.iter().all(|value| *value >= 0.0 && value.is_finite()),
                        "{convert:?} {values:?} {made:?}"
                    );
                }
            }
        }
    }
}
