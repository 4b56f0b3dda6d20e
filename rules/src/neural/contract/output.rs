//! What leaves the graph, and how sure it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spec::Reduce;

/// One output: a column, or of some kinds a whole tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The output tensor.
    pub tensor: String,
    /// Column of that tensor; may be left out when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub col: Option<usize>,
    /// Name of the behavior, or of the readout; may be left out for `logits` and latent states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who is acted on; of dyads and divisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<On>,
    /// What the number means.
    pub kind: Kind,
    /// The unit the graph gives; may be left out for `logits` and latent states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The span a probability or a change belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
    /// Damage units one hit adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<f64>,
    /// Relaxation time of a parameter, min.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tau: Option<f64>,
    /// Explicit Euler steps of a derivative within one call, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub substeps: Option<usize>,
    /// How the pairs of one cell become one number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduce: Option<Reduce>,
    /// Of logits: what each column stands for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Of a time to an event: its family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Family>,
    /// Of a time to an event: the signal that says how much of it has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<String>,
    /// Of latent states: which space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
    /// Of a parameter in a residual model: its greatest correction, in `unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Further outputs that say how sure the model is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty: Option<Uncertainty>,
}

impl Output {
    /// What it is called in messages and tables: its name, else its space, else its tensor.
    pub fn label(&self) -> &str {
        let name = self.name.as_ref().or(self.space.as_ref());
        name.unwrap_or(&self.tensor)
    }

    /// Whether hits are drawn at this rate.
    pub fn is_hit(&self) -> bool {
        self.kind == Kind::Hit || self.size.is_some()
    }
}

/// Who an output acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// Of a dyad: the acting cell.
    A,
    /// The cell acted on.
    B,
    /// The pair.
    Pair,
    /// Of a division: who keeps the mother's id.
    ChildA,
    /// The new cell.
    ChildB,
}

/// What an output means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An event's rate.
    Rate,
    /// An event's probability over `per`.
    Probability,
    /// Log odds of what a cell is after `per`.
    Logits,
    /// The distribution of the age at which an event happens.
    TimeToEvent,
    /// A behavior's value.
    Parameter,
    /// A behavior's change over `per`.
    Delta,
    /// A behavior's change a unit of time.
    Derivative,
    /// The rate of hits of `size`.
    Hit,
    /// A latent vector's change over `per`.
    LatentDelta,
    /// A latent vector after the step.
    LatentNext,
    /// Recorded only.
    Readout,
}

impl Kind {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Rate => "rate",
            Kind::Probability => "probability",
            Kind::Logits => "logits",
            Kind::TimeToEvent => "time_to_event",
            Kind::Parameter => "parameter",
            Kind::Delta => "delta",
            Kind::Derivative => "derivative",
            Kind::Hit => "hit",
            Kind::LatentDelta => "latent_delta",
            Kind::LatentNext => "latent_next",
            Kind::Readout => "readout",
        }
    }

    /// Whether it takes a whole tensor.
    pub fn is_whole_tensor(self) -> bool {
        self.is_latent() || matches!(self, Kind::Logits | Kind::TimeToEvent)
    }

    /// Whether it writes latent states.
    pub fn is_latent(self) -> bool {
        matches!(self, Kind::LatentDelta | Kind::LatentNext)
    }

    /// Whether it is drawn as an event.
    pub fn is_event(self) -> bool {
        matches!(
            self,
            Kind::Rate | Kind::Probability | Kind::Logits | Kind::TimeToEvent | Kind::Hit
        )
    }

    /// Whether it belongs to a span that `per` gives.
    pub fn has_span(self) -> bool {
        matches!(
            self,
            Kind::Probability | Kind::Logits | Kind::Delta | Kind::LatentDelta
        )
    }
}

/// A span of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a number of minutes, \"min\", \"step\", or a number with a unit such as \"1 h\""
)]
pub enum Per {
    /// Minutes.
    Minutes(f64),
    /// `step`, `min`, or a number with a unit.
    Text(String),
}

/// A family of distributions of the age at which something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Shape and scale.
    Weibull,
    /// Mean and standard deviation of the logarithm.
    Lognormal,
}

/// The output tensors that say how sure a model is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Uncertainty {
    /// One standard deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<String>,
    /// The quantile of 5 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q05: Option<String>,
    /// The median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q50: Option<String>,
    /// The quantile of 95 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q95: Option<String>,
    /// The members of an ensemble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ens: Option<String>,
    /// How many members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<usize>,
    /// Above it a row is outside the domain, in the output's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread_max: Option<f64>,
}

impl Uncertainty {
    /// Tensors that are as wide as the output's own.
    pub fn beside(&self) -> impl Iterator<Item = &str> {
        let named = [&self.std, &self.q05, &self.q50, &self.q95];
        named.into_iter().flatten().map(String::as_str)
    }
}
