//! What has been given by a time: a function of the time and the scenario, never a running sum.
//!
//! With dose i of n beginning at t_i = start + i · every, a drug's concentration after doses D with
//! elimination k = ln 2 / half-life is Σ_i D · f(t − t_i):
//!
//! ```text
//! f(τ) = exp(−kτ)                                        all at once
//! f(τ) = (1 − exp(−k min(τ, T))) / (k T) · exp(−k max(τ − T, 0))      over a time T
//! ```
//!
//! and without elimination f(τ) = 1, or min(τ, T) / T.
//! Source: the one-compartment model with zero-order input, Gibaldi and Perrier 1982,
//! Pharmacokinetics, 2nd edition, chapter 1, in units of concentration.

use std::{f64::consts::LN_2, ops::Range};

use kernels::portable::{exp, exp_m1};

use crate::{
    clock::Clock,
    scenario::{Action, Intervention, Scenario, Schedule, To},
};

/// min since a dose that has never begun: a model cannot read infinity, and 1e6 min are two years.
const NEVER: f64 = 1e6;

/// min: more than the rounding of decimal fractions, less than any step.
const ROUNDING: f64 = 1e-6;

impl Schedule {
    /// How many doses have begun by a time, min.
    fn begun(&self, time: f64) -> u64 {
        let since = time - self.start + ROUNDING;
        if since < 0.0 {
            return 0;
        }
        let others = self.every.map_or(0.0, |every| since / every);
        self.doses.min(1 + others as u64)
    }

    /// min: when a dose begins.
    fn beginning(&self, dose: u64) -> f64 {
        self.start + dose as f64 * self.every.unwrap_or(0.0)
    }
}

impl Intervention {
    /// Whether nothing is done: a dose of 0, a factor of 1, an edit of no number or no cell.
    pub fn is_null(&self) -> bool {
        match &self.action {
            Action::Cells { dose, .. } => *dose == 0,
            Action::Substrate { dose, .. } | Action::Drug { dose, .. } => *dose == 0.0,
            Action::Change { to, .. } => *to == To::Factor(1.0),
            Action::Edit {
                penetrance,
                becomes,
                numbers,
                ..
            } => {
                let same = |(_, to): &(String, To)| *to == To::Factor(1.0);
                *penetrance == 0.0 || becomes.is_none() && numbers.iter().all(same)
            }
        }
    }

    /// Whether a dose is under way at a time, min.
    pub fn is_on(&self, time: f64) -> bool {
        self.begun(time) > 0 && self.since(time) + ROUNDING < self.schedule.over
    }

    /// How many doses have begun by a time, min.
    pub fn begun(&self, time: f64) -> u64 {
        match self.is_null() {
            true => 0,
            false => self.schedule.begun(time),
        }
    }

    /// The doses that begin within the mechanics step that ends now.
    pub fn due(&self, clock: &Clock) -> Range<u64> {
        clock.before().map_or(0, |before| self.begun(before))..self.begun(clock.time())
    }

    /// min since the last dose began, or 1e6.
    pub fn since(&self, time: f64) -> f64 {
        let last = self.begun(time).checked_sub(1);
        last.map_or(NEVER, |last| {
            (time - self.schedule.beginning(last)).max(0.0)
        })
    }

    /// How much has been given by a time, in doses.
    pub fn given(&self, time: f64) -> f64 {
        let Some(last) = self.begun(time).checked_sub(1) else {
            return 0.0;
        };
        let (since, over) = (self.since(time), self.schedule.over);
        // Only the last can still be under way: doses do not overlap.
        let share = if since < over { since / over } else { 1.0 };
        last as f64 + share
    }

    /// What is left of all doses at a time, in doses, for elimination at a rate, 1/min.
    fn left(&self, time: f64, rate: f64) -> f64 {
        if rate == 0.0 {
            return self.given(time);
        }
        let over = self.schedule.over;
        let one = |dose: u64| {
            let since = (time - self.schedule.beginning(dose)).max(0.0);
            if over == 0.0 {
                return exp(-rate * since);
            }
            let input = -exp_m1(-rate * since.min(over)) / (rate * over);
            input * exp(-rate * (since - over).max(0.0))
        };
        (0..self.begun(time)).map(one).sum()
    }
}

impl Scenario {
    /// The concentration of a drug at a time (min), in the drug's unit.
    pub fn concentration(&self, drug: usize, time: f64) -> f64 {
        let rate = self.drugs[drug].half_life.map_or(0.0, |half| LN_2 / half);
        let mut parts: Vec<f64> = self
            .interventions
            .iter()
            .filter_map(|intervention| match intervention.action {
                Action::Drug { drug: own, dose } if own == drug => {
                    Some(dose * intervention.left(time, rate))
                }
                _ => None,
            })
            .collect();
        // In the order of size, so that the order of the file leaves not even a rounding.
        parts.sort_unstable_by(f64::total_cmp);
        parts.iter().sum()
    }
}
