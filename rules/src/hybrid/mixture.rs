//! What acts where a model says one number and mechanistic rules another.

use libm::{exp, log, tanh};

use crate::Residual;

/// What acts where a model says `r` about what mechanistic rules say is `m`. r = 0 is m, bit for
/// bit.
pub fn corrected(how: Residual, m: f64, r: f64) -> f64 {
    match how {
        Residual::None => r,
        Residual::Factor { cap } => m * exp(r.clamp(-cap, cap)),
        Residual::Shift { scale } => match scale * tanh(r) {
            // −0 + 0 would be 0.
            0.0 => m,
            shift => m + shift,
        },
    }
}

/// What acts where a model says `f`, mechanistic rules `m`, and the gate is open by `w`, 0 to 1:
/// events are mixed in their logarithms, since rates differ by factors.
pub fn mixed(is_event: bool, w: f64, f: f64, m: f64) -> f64 {
    if w == 0.0 {
        m
    } else if w == 1.0 {
        f
    } else if !is_event {
        m + w * (f - m)
    } else if f > 0.0 && m > 0.0 {
        exp(w * log(f) + (1.0 - w) * log(m))
    } else {
        0.0
    }
}
