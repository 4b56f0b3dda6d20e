//! Survival: shares with Wilson's interval, Kaplan and Meier's curve with Greenwood's.
//!
//! ```text
//! S(t)     = Π_{t_i ≤ t} (1 − d_i / n_i)
//! Var S(t) = S(t)² Σ_{t_i ≤ t} d_i / (n_i (n_i − d_i))
//! ```
//!
//! Sources: Wilson 1927, doi:10.1080/01621459.1927.10502953; Kaplan and Meier 1958,
//! doi:10.1080/01621459.1958.10501452.

use serde::Serialize;

/// Standard errors to either side of an interval that holds 95 of 100.
pub const Z: f64 = 1.959_963_984_540_054;

/// A share of trials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// Trials that came out so.
    pub count: u64,
    /// All trials.
    pub of: u64,
    /// Their ratio; `None` without trials.
    pub value: Option<f64>,
    /// Wilson's interval of 95 %.
    pub interval: Option<[f64; 2]>,
}

impl Share {
    /// `count` of `of`.
    pub fn new(count: u64, of: u64) -> Share {
        let (n, p) = (of as f64, count as f64 / of as f64);
        let interval = || {
            let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
            let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
            // Rounding alone may lead beyond an end.
            [(middle - half).max(0.0), (middle + half).min(1.0)]
        };
        Share {
            count,
            of,
            value: (of > 0).then_some(p),
            interval: (of > 0).then(interval),
        }
    }
}

/// One who is followed until it dies, or until nobody looks any more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Followed {
    /// min: of death, or of the last look.
    pub until: f64,
    /// Whether it died then.
    pub died: bool,
}

/// A curve of survival: steps down at the times of deaths.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Curve {
    /// min, ascending.
    pub times: Vec<f64>,
    /// Share that survives each of `times`.
    pub survival: Vec<f64>,
    /// Standard error of `survival`.
    pub error: Vec<f64>,
    /// How many were followed.
    pub followed: u64,
    /// How many of them died.
    pub deaths: u64,
}

impl Curve {
    /// The estimate of Kaplan and Meier. Who dies when another is last looked at dies first.
    pub fn of(followed: &[Followed]) -> Curve {
        let mut all = followed.to_vec();
        all.sort_by(|a, b| a.until.total_cmp(&b.until));
        let mut curve = Curve {
            followed: all.len() as u64,
            ..Curve::default()
        };
        let (mut survival, mut greenwood) = (1.0, 0.0);
        let mut at = 0;
        while at < all.len() {
            let time = all[at].until;
            let alike = all[at..].iter().take_while(|it| it.until == time);
            let here = alike.clone().count();
            let deaths = alike.filter(|it| it.died).count();
            if deaths > 0 {
                let (n, d) = ((all.len() - at) as f64, deaths as f64);
                survival *= 1.0 - d / n;
                greenwood += d / (n * (n - d));
                curve.times.push(time);
                curve.survival.push(survival);
                // Where nobody is left there is nothing to be unsure of.
                let error = if n > d {
                    survival * greenwood.sqrt()
                } else {
                    0.0
                };
                curve.error.push(error);
                curve.deaths += deaths as u64;
            }
            at += here;
        }
        curve
    }

    /// The share that survives a time.
    pub fn at(&self, time: f64) -> f64 {
        let steps = self.times.partition_point(|&step| step <= time);
        steps.checked_sub(1).map_or(1.0, |last| self.survival[last])
    }

    /// Mean time lived until `end`, min: the area under the curve.
    pub fn restricted_mean(&self, end: f64) -> f64 {
        let (mut area, mut from, mut survival) = (0.0, 0.0, 1.0);
        for (&time, &next) in self.times.iter().zip(&self.survival) {
            if time >= end {
                break;
            }
            area += survival * (time - from);
            (from, survival) = (time, next);
        }
        area + survival * (end - from)
    }

    /// The standard error of [`Curve::restricted_mean`], Greenwood's: Σ (area from t_i to `end`)²
    /// d_i / (n_i (n_i − d_i)).
    pub fn restricted_error(&self, end: f64) -> f64 {
        let mut before = 0.0;
        let mut variance = 0.0;
        let whole = self.restricted_mean(end);
        for (at, (&time, &survival)) in self.times.iter().zip(&self.survival).enumerate() {
            if time >= end || survival == 0.0 {
                break;
            }
            let relative = self.error[at] / survival;
            let rest = whole - self.restricted_mean(time);
            variance += rest * rest * (relative * relative - before);
            before = relative * relative;
        }
        variance.sqrt()
    }
}
