//! What a model says of its own limits: gate, residuals, domain, calibrated intervals.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Outputs that correct mechanistic rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// The greatest factor on a rate, ≥ 1.
    #[serde(default = "default_cap")]
    pub cap: f64,
}

fn default_cap() -> f64 {
    4.0
}

/// How far a model trusts itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// An output [n, 1], 0 to 1.
    pub tensor: String,
}

/// The domain beyond the ranges of the inputs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ood {
    /// How far an input may leave its range, as a part of it.
    #[serde(default)]
    pub margin: f64,
    /// The model's own score of strangeness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
}

/// A score of strangeness and what it was on rows held out of training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// An output [n, 1], the larger the stranger.
    pub tensor: String,
    /// Scores of rows held out of training.
    pub calibration: Vec<f64>,
    /// The rate of false alarms.
    pub alpha: f64,
}

/// An interval around an output with a promised coverage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conformal {
    /// The output's name.
    pub output: String,
    /// What was ranked in calibration.
    pub score: ConformalScore,
    /// The share that may lie outside.
    pub alpha: f64,
    /// The calibrated quantile.
    pub qhat: ByType,
    /// Rows it was calibrated on.
    pub n: ByType,
}

/// What was ranked in calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConformalScore {
    /// |y − f|: the half-width is q̂.
    Abs,
    /// |y − f| / spread: q̂ · spread.
    Norm,
    /// The greater of q05 − y and y − q95: (q95 − q05)/2 + q̂.
    Cqr,
}

/// A number, or one for every cell type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a number, or one for every type of `acts_on`")]
pub enum ByType {
    /// For all.
    One(f64),
    /// By the type's name.
    Each(BTreeMap<String, f64>),
}

impl ByType {
    /// The number for a type.
    pub fn of(&self, name: &str) -> Option<f64> {
        match self {
            ByType::One(value) => Some(*value),
            ByType::Each(values) => values.get(name).copied(),
        }
    }

    /// Every number.
    pub fn values(&self) -> Vec<f64> {
        match self {
            ByType::One(value) => vec![*value],
            ByType::Each(values) => values.values().copied().collect(),
        }
    }
}
