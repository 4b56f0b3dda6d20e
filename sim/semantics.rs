//! Whose mathematics the steps follow: what a rate, a phase or a division means in numbers.
//!
//! [`Semantics::Milieu`] is the default. [`Semantics::PhysiCell`] does as PhysiCell 1.14.2 does,
//! so that its projects give the same tissue; each particular stands in one place, here or in
//! `kernels::conventions`, with a line that says what it copies. How rules saturate is in
//! `rules::written`; what only concerns the reading of a project is settled in `import`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use kernels::hazard::competing_risk;

/// Whose mathematics the steps follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Semantics {
    /// Events happen with probability 1 − exp(−Σλ·dt) and compete; fixed boundaries are held
    /// through the solve; a walk's speed acts at once; divisions keep the center of mass.
    #[default]
    #[serde(rename = "milieu")]
    Milieu,
    /// As PhysiCell 1.14.2.
    #[serde(rename = "physicell-1.14")]
    PhysiCell,
}

/// Whether a phase of fixed length is over, to the nearest step.
pub fn fixed_phase_is_over(elapsed: f64, exit_rate: f64, dt: f64) -> bool {
    elapsed > 1.0 / exit_rate - 0.5 * dt
}

/// How far each daughter's center moves along the division axis: ± this, so that the center of
/// mass stays. The daughters' distance, 1.5 mother radii, is PhysiCell's; they overlap a little.
pub fn daughter_offset(mother_radius: f64) -> f64 {
    0.75 * mother_radius
}

/// What becomes of uptake when a cell dies.
pub const UPTAKE_OF_DEAD: f64 = 0.1;

/// When less damage is left than this share of the last hit's, it counts as recovered: the last
/// hitter is forgotten and gets no credit for a later death.
pub const RECOVERED_SHARE: f64 = 0.05;
