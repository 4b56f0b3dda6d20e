//! Several responses on one behavior: how they saturate, a block of rows at a time.
//!
//! With odds x_i of the rules that increase and y_k of those that decrease,
//!     U     = (b + Σ M_i x_i) / (1 + Σ x_i)
//!     value = (U + Σ m_k y_k) / (1 + Σ y_k)
//! so that each rule reaches for its own maximum M or minimum m. With equal maxima and equal
//! minima this is the multivariate Hill response of J. A. I. Johnson et al. 2023,
//! doi:10.1101/2023.09.17.557982.

use std::borrow::Cow;

use crate::responses::Response;

/// Rows computed together: a block's numbers stay in the first-level cache.
pub const BLOCK: usize = 128;

/// Odds up to here are summed as they are; beyond, their logarithms are.
const LARGE: f64 = 1e150;

/// One rule on a behavior.
#[derive(Debug, Clone)]
pub struct Term {
    /// Columns whose product is the signal; at least one.
    pub factors: Vec<usize>,
    /// How the signal speaks.
    pub response: Response,
    /// The value reached at full effect.
    pub extreme: f64,
    /// Whether it speaks for dead cells too.
    pub dead: bool,
}

/// The rules on one behavior.
#[derive(Debug, Clone)]
pub struct Saturation {
    /// The value where no rule speaks.
    pub base: f64,
    /// Those that increase.
    pub up: Vec<Term>,
    /// Those that decrease.
    pub down: Vec<Term>,
}

impl Saturation {
    /// The columns it depends on; some may be there twice.
    pub fn reads(&self) -> impl Iterator<Item = usize> {
        let terms = self.up.iter().chain(&self.down);
        terms.flat_map(|term| term.factors.iter().copied())
    }

    /// Writes the value of each row from `start` on, at most [`BLOCK`] of them; a row with a
    /// signal that is not a number gets NaN. `dead` is empty where no row is dead.
    pub fn apply(
        &self,
        columns: &[Cow<'_, [f64]>],
        dead: &[bool],
        start: usize,
        values: &mut [f64],
    ) {
        values.fill(self.base);
        reach(&self.up, columns, dead, start, values);
        reach(&self.down, columns, dead, start, values);
    }
}

/// Moves each value towards the extremes of `terms`.
fn reach(
    terms: &[Term],
    columns: &[Cow<'_, [f64]>],
    dead: &[bool],
    start: usize,
    values: &mut [f64],
) {
    if terms.is_empty() {
        return;
    }
    let rows = values.len();
    let mut odds = [0.0; BLOCK];
    let mut over = [0.0; BLOCK];
    let mut under = [1.0; BLOCK];
    over[..rows].copy_from_slice(values);
    for term in terms {
        let odds = &mut odds[..rows];
        term.signals(columns, start, odds);
        term.response.odds(odds);
        if !term.dead && !dead.is_empty() {
            for row in 0..rows {
                if dead[start + row] {
                    odds[row] = 0.0;
                }
            }
        }
        for row in 0..rows {
            over[row] += term.extreme * odds[row];
            under[row] += odds[row];
        }
    }
    for row in 0..rows {
        // Written so that a NaN goes the slow way too.
        values[row] = if under[row] <= LARGE && over[row].is_finite() {
            over[row] / under[row]
        } else {
            let is_dead = dead.get(start + row).copied().unwrap_or(false);
            reach_in_logarithms(terms, columns, is_dead, start + row, values[row])
        };
    }
}

/// The same for one row, where odds may be anything up to infinity: odds are divided by the
/// largest before they are summed, and rules of full effect leave no room for others.
fn reach_in_logarithms(
    terms: &[Term],
    columns: &[Cow<'_, [f64]>],
    is_dead: bool,
    row: usize,
    value: f64,
) -> f64 {
    if value.is_nan() {
        return value;
    }
    let speaking = || terms.iter().filter(|term| term.dead || !is_dead);
    let log_odds = |term: &Term| term.response.log_odds(term.signal(columns, row));
    let (mut largest, mut full, mut sum) = (0.0_f64, 0.0, 0.0);
    for term in speaking() {
        let log = log_odds(term);
        if log.is_nan() {
            return f64::NAN;
        }
        if log == f64::INFINITY {
            full += 1.0;
            sum += term.extreme;
        }
        largest = largest.max(log);
    }
    if full > 0.0 {
        return sum / full;
    }
    let weight = libm::exp(-largest);
    let (mut over, mut under) = (value * weight, weight);
    for term in speaking() {
        let weight = libm::exp(log_odds(term) - largest);
        over += term.extreme * weight;
        under += weight;
    }
    over / under
}

impl Term {
    /// The signal of each row from `start` on.
    fn signals(&self, columns: &[Cow<'_, [f64]>], start: usize, out: &mut [f64]) {
        out.copy_from_slice(&columns[self.factors[0]][start..start + out.len()]);
        if self.factors.len() == 1 {
            return;
        }
        self.without_negatives(out);
        for factor in &self.factors[1..] {
            for (signal, &next) in out.iter_mut().zip(&columns[*factor][start..]) {
                *signal *= self.factor(next);
            }
        }
    }

    /// The signal of one row.
    fn signal(&self, columns: &[Cow<'_, [f64]>], row: usize) -> f64 {
        if let [only] = self.factors[..] {
            return columns[only][row];
        }
        self.factors
            .iter()
            .map(|factor| self.factor(columns[*factor][row]))
            .fold(1.0, |product, next| product * next)
    }

    fn without_negatives(&self, out: &mut [f64]) {
        for signal in out {
            *signal = self.factor(*signal);
        }
    }

    /// A factor as it enters a product. Under a Hill response a negative signal counts as 0
    /// before two of them could make a positive product.
    #[inline]
    fn factor(&self, signal: f64) -> f64 {
        match self.response {
            Response::Hill { .. } if signal < 0.0 => 0.0,
            _ => signal,
        }
    }
}
