//! A latent vector: state of a cell that only models understand.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A space of latent vectors, and where it enters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latent {
    /// `NAME/WIDTH`: the identity of the representation.
    pub space: String,
    /// `z`; `za` or `zb` of a dyad; left out for a space that is only written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
    /// What daughters get; a copy if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<InheritName>")]
    pub inherit: Option<crate::Inherit>,
    /// The vector of a cell that enters the tissue; 0 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Initial>,
    /// Least value trained on, of every component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lo: Option<f64>,
    /// Greatest value trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hi: Option<f64>,
}

/// The names of [`crate::Inherit`], for the schema.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "only the schema of it is used")]
enum InheritName {
    Copy,
    Split,
    Noise(f64),
}

/// An initial vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a number, or a list of as many as the space is wide"
)]
pub enum Initial {
    /// The same number everywhere.
    All(f32),
    /// One for each component.
    Each(Vec<f32>),
}

impl Latent {
    /// Numbers in a vector; 0 if the space does not end in one.
    pub fn width(&self) -> usize {
        width(&self.space).unwrap_or(0)
    }

    /// The range trained on, if it is stated.
    pub fn range(&self) -> Option<(f64, f64)> {
        self.lo.zip(self.hi)
    }

    /// The initial vector.
    pub fn initial(&self) -> Vec<f32> {
        match &self.initial {
            None => vec![0.0; self.width()],
            Some(Initial::All(value)) => vec![*value; self.width()],
            Some(Initial::Each(values)) => values.clone(),
        }
    }
}

/// The width in `NAME/WIDTH`.
pub fn width(space: &str) -> Option<usize> {
    let (name, text) = space.rsplit_once('/')?;
    let width: usize = text.parse().ok()?;
    // `x/5`, `x/05` and `x/+5` would be three spaces of one vector.
    let is_plain = !name.is_empty() && text == width.to_string();
    (is_plain && (1..=WIDEST).contains(&width)).then_some(width)
}

/// Most numbers of one latent vector.
pub const WIDEST: usize = 4096;

/// The signal and behavior that holds a component.
pub fn component(space: &str, at: usize) -> String {
    format!("latent:{space}:{at}")
}
