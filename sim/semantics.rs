//! Milieu's choices of mathematics, a function each: the one place to look for what a rate, a
//! phase or a division means in numbers.
//!
//! Elsewhere two choices are plain data: a fixed boundary is held through the solve
//! (`kernels::diffusion`), and a walk's speed acts at once (`kernels::motility`). How rules
//! saturate is in `rules::written`. Events happen with probability 1 − exp(−Σλ·dt) and compete
//! ([`competing_risk`]).

pub use kernels::hazard::competing_risk;

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
