//! A column of signals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One input column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// `x`, `a`, `b`, `e` or `cond`.
    pub tensor: String,
    /// Column of that tensor, from 0.
    pub col: usize,
    /// Name in the dictionary of signals.
    pub name: String,
    /// The unit the graph wants.
    pub unit: String,
    /// What the graph itself does to the column first; a note for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
    /// The frame of a vector's component: the domain's axes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
    /// Least value trained on, in `unit`.
    pub lo: f64,
    /// Greatest value trained on, in `unit`.
    pub hi: f64,
    /// Mean over the training rows; a note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Standard deviation over the training rows; a note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
}

/// A frame of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Frame {
    /// The axes of the domain.
    Lab,
}
