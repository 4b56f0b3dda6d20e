//! Elementary functions that give the same bits on every platform.
//!
//! A system's own `exp` differs from another's in the last place, and a cell that lives or dies
//! by that place is another run. What reaches the state therefore comes from here. The square
//! root is not in the list: IEEE 754 requires it to be exact, so `Real::sqrt` is portable.

use crate::Real;

/// e^x.
pub fn exp(x: Real) -> Real {
    libm::exp(x)
}

/// e^x − 1, accurate near zero.
pub fn exp_m1(x: Real) -> Real {
    libm::expm1(x)
}

/// Natural logarithm.
pub fn ln(x: Real) -> Real {
    libm::log(x)
}

/// x^y.
pub fn pow(x: Real, y: Real) -> Real {
    libm::pow(x, y)
}

/// Sine of an angle in radians.
pub fn sin(x: Real) -> Real {
    libm::sin(x)
}

/// Cosine of an angle in radians.
pub fn cos(x: Real) -> Real {
    libm::cos(x)
}

/// Cube root.
pub fn cbrt(x: Real) -> Real {
    libm::cbrt(x)
}
