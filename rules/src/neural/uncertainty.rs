//! How sure an output is: its spread, its interval, and the one member that acts in a run.

use super::answers::Answers;
use super::contract::{ActsOn, ConformalScore, Output, Spec};
use super::convert::normal_deviate;
use super::{Fault, fault};
use crate::Vocabulary;

/// Where the uncertainty of an output stands, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sure {
    /// Which tensors say it.
    pub how: How,
    /// Above it the row is outside the domain, in the model's unit.
    pub spread_max: Option<f64>,
    /// The write of the spread.
    pub spread: Option<usize>,
    /// The interval with a promised coverage.
    pub interval: Option<Interval>,
}

/// Tensors that say how sure an output is: numbers of [`Spec::output_tensors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The standard deviation, at (tensor, column).
    Deviation(usize, usize),
    /// The quantiles of 5, 50 and 95 %.
    Quantiles([usize; 3], usize),
    /// The members of an ensemble: tensor, how many, whether the output is their mean.
    Ensemble(usize, usize, bool),
    /// Nothing but an interval of fixed width.
    Nothing,
}

/// A conformal interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// The write of its half-width.
    pub write: usize,
    /// What was ranked in calibration.
    pub score: ConformalScore,
    /// `[cell type]`: q̂; NaN for types the model is not for.
    pub qhat: Vec<f64>,
}

/// What the uncertainty of one row says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said {
    /// The output's own number.
    pub value: f64,
    /// One standard deviation; NaN where there is none.
    pub spread: f64,
    /// Half the distance of the outer quantiles; NaN where there are none.
    pub half: f64,
}

/// (q95 − q05) of a normal distribution, in standard deviations.
const OUTER: f64 = 3.29;

impl Sure {
    /// Finds the tensors of an output's uncertainty; `record(what)` is the write of it, if it is
    /// to be kept.
    pub(super) fn bind(
        spec: &Spec,
        output: &Output,
        vocabulary: &Vocabulary,
        tensor: impl Fn(&str) -> usize,
        record: &mut impl FnMut(&str) -> Option<usize>,
    ) -> Result<Option<Sure>, Fault> {
        let conformal = spec.conformal.iter();
        let conformal = { conformal }.find(|entry| entry.output == output.label());
        if output.uncertainty.is_none() && conformal.is_none() {
            return Ok(None);
        }
        let at = |name: &Option<String>| name.as_deref().map(&tensor);
        let col = output.col.unwrap_or(0);
        let sure = output.uncertainty.clone().unwrap_or_default();
        let how = match (at(&sure.std), at(&sure.ens), at(&sure.q05)) {
            (Some(tensor), _, _) => How::Deviation(tensor, col),
            (_, Some(tensor), _) => {
                let is_own = sure.ens.as_ref() == Some(&output.tensor);
                How::Ensemble(tensor, sure.k.unwrap_or(1), is_own)
            }
            (_, _, Some(low)) => {
                let other = |name| at(name).unwrap_or(low);
                How::Quantiles([low, other(&sure.q50), other(&sure.q95)], col)
            }
            _ => How::Nothing,
        };
        let spread = match how {
            How::Nothing => None,
            _ => record("spread"),
        };
        let interval = match conformal {
            None => None,
            Some(entry) => {
                let types = match &spec.acts_on {
                    ActsOn::Pair(pair) => vec![&pair.a[..]],
                    _ => spec.types(),
                };
                let mut qhat = vec![f64::NAN; vocabulary.types.len()];
                for name in types {
                    let number = vocabulary
                        .cell_type(name)
                        .map_err(|error| fault("E-TYPE", error.to_string()))?;
                    qhat[number] = entry.qhat.of(name).unwrap_or(f64::NAN);
                }
                let score = entry.score;
                record("interval").map(|write| Interval { write, score, qhat })
            }
        };
        Ok(Some(Sure {
            how,
            spread_max: sure.spread_max,
            spread,
            interval,
        }))
    }

    /// What a row's uncertainty says. `own` is the number in the output's own tensor; with a
    /// `member` in (0, 1), the value is that of one member or quantile.
    ///
    /// # Errors
    /// E-NONFINITE, E-RANGE or E-QUANTILE and the numbers that cannot be.
    pub fn of_row(
        &self,
        answers: &Answers<'_>,
        own: f64,
        member: Option<f64>,
    ) -> Result<Said, String> {
        let mut said = Said {
            value: own,
            spread: f64::NAN,
            half: f64::NAN,
        };
        let finite = |what: &str, value: f64| match value.is_finite() {
            true => Ok(value),
            false => Err(format!("E-NONFINITE: its {what} is {value}")),
        };
        match self.how {
            How::Nothing => {}
            How::Deviation(tensor, col) => {
                said.spread = finite("standard deviation", answers.number(tensor, col))?;
                if said.spread < 0.0 {
                    return Err(format!(
                        "E-RANGE: its standard deviation {} is negative",
                        said.spread
                    ));
                }
                if let Some(u) = member {
                    said.value = own + said.spread * normal_deviate(u);
                }
            }
            How::Quantiles(tensors, col) => {
                let [low, middle, high] = tensors.map(|tensor| answers.number(tensor, col));
                for value in [low, middle, high] {
                    finite("quantile", value)?;
                }
                if !(low <= middle && middle <= high) {
                    return Err(format!(
                        "E-QUANTILE: its quantiles {low}, {middle}, {high} (5, 50, 95 %) cross"
                    ));
                }
                said.half = 0.5 * (high - low);
                said.spread = (high - low) / OUTER;
                if let Some(u) = member {
                    said.value = quantile([low, middle, high], u);
                }
            }
            How::Ensemble(tensor, k, is_own) => {
                let members = || (0..k).map(|at| answers.number(tensor, at));
                for value in members() {
                    finite("ensemble's member", value)?;
                }
                let mean = members().sum::<f64>() / k as f64;
                let squares: f64 = members().map(|value| (value - mean) * (value - mean)).sum();
                said.spread = (squares / (k - 1) as f64).sqrt();
                if is_own {
                    said.value = mean;
                }
                if let Some(u) = member {
                    said.value = answers.number(tensor, ((u * k as f64) as usize).min(k - 1));
                }
            }
        }
        Ok(said)
    }
}

impl Interval {
    /// Half its width for a row of cell type `kind`.
    pub fn half_width(&self, said: &Said, kind: usize) -> f64 {
        let qhat = self.qhat.get(kind).copied().unwrap_or(f64::NAN);
        match self.score {
            ConformalScore::Abs => qhat,
            ConformalScore::Norm => qhat * said.spread,
            ConformalScore::Cqr => said.half + qhat,
        }
    }
}

/// The quantile `u` of which those of 5, 50 and 95 % are known: straight lines between them, and
/// no further than the outer ones, beyond which nothing is known.
fn quantile([low, middle, high]: [f64; 3], u: f64) -> f64 {
    let part = ((u - 0.5) / 0.45).clamp(-1.0, 1.0);
    if part < 0.0 {
        middle + part * (middle - low)
    } else {
        middle + part * (high - middle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(how: How, tensors: &[Vec<f32>], own: f64, member: Option<f64>) -> Result<Said, String> {
        let widths: Vec<usize> = tensors.iter().map(Vec::len).collect();
        let answers = Answers::new(tensors, &widths, 0);
        let sure = Sure {
            how,
            spread_max: None,
            spread: None,
            interval: None,
        };
        sure.of_row(&answers, own, member)
    }

    #[test]
    fn spreads_are_standard_deviations() {
        let one = said(How::Deviation(0, 1), &[vec![9.0, 0.5]], 2.0, None).unwrap();
        assert_eq!((one.value, one.spread), (2.0, 0.5));
        let members = [vec![1.0, 2.0, 6.0]];
        // Mean 3; squares 4 + 1 + 9 over 2.
        let own = said(How::Ensemble(0, 3, true), &members, 1.0, None).unwrap();
        assert_eq!((own.value, own.spread), (3.0, 7f64.sqrt()));
        let beside = said(How::Ensemble(0, 3, false), &members, 1.0, None).unwrap();
        assert_eq!(beside.value, 1.0);
        let quantiles = [vec![1.0], vec![2.0], vec![4.29]];
        let one = said(How::Quantiles([0, 1, 2], 0), &quantiles, 2.1, None).unwrap();
        assert!((one.spread - 1.0).abs() < 1e-6 && (one.half - 1.645).abs() < 1e-6);
        assert_eq!(one.value, 2.1);
    }

    #[test]
    fn a_run_has_one_member_one_quantile_or_one_deviate() {
        let value = |how, tensors: &[Vec<f32>], u| said(how, tensors, 10.0, Some(u)).unwrap().value;
        let members = [vec![1.0, 2.0, 6.0]];
        for (u, wanted) in [(0.01, 1.0), (0.34, 2.0), (0.999_999, 6.0)] {
            assert_eq!(value(How::Ensemble(0, 3, true), &members, u), wanted);
        }
        let quantiles = [vec![1.0], vec![2.0], vec![4.0]];
        let all = How::Quantiles([0, 1, 2], 0);
        for (u, wanted) in [
            (0.01, 1.0),
            (0.05, 1.0),
            (0.275, 1.5),
            (0.5, 2.0),
            (0.725, 3.0),
            (0.99, 4.0),
        ] {
            assert!((value(all, &quantiles, u) - wanted).abs() < 1e-12);
        }
        let deviate = value(How::Deviation(0, 0), &[vec![2.0]], 0.975);
        assert!((deviate - (10.0 + 2.0 * 1.959_963_984_540_054)).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_is_said() {
        let error = |how, tensors: &[Vec<f32>]| said(how, tensors, 1.0, None).unwrap_err();
        let all = How::Quantiles([0, 1, 2], 0);
        assert!(error(all, &[vec![1.0], vec![0.5], vec![4.0]]).contains("E-QUANTILE"));
        assert!(error(all, &[vec![1.0], vec![f32::NAN], vec![4.0]]).contains("E-NONFINITE"));
        assert!(error(How::Deviation(0, 0), &[vec![-1.0]]).contains("E-RANGE"));
        assert!(
            error(How::Ensemble(0, 2, true), &[vec![1.0, f32::INFINITY]]).contains("E-NONFINITE")
        );
    }
}
