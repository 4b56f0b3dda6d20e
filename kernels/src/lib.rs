//! The arithmetic of a tissue, on slices.
//!
//! Substrates diffuse ([`diffusion`]), cells exchange them with their voxel ([`exchange`]) and
//! read their slope ([`gradient`]); spheres find ([`neighbors`]) and push each other
//! ([`contact`]), are tied by [`springs`], crawl ([`motility`]) and move ([`motion`]), perhaps in
//! [`compartments`]; ordered pairs remember how long they have touched ([`pairs`]). Randomness ([`random`]) is a function
//! of who, when and what for, never of what was drawn before.
//!
//! [`tissue`] holds fields and bodies together and steps them.
//!
//! Nothing here knows a cell type, a scenario or a world. Lengths are µm, times min, and a
//! substrate's density is in that substrate's own unit.
//!
//! Two promises hold for every kernel. The same input gives the same bits for any number of
//! threads, because work is cut into pieces whose size does not depend on the threads, and each
//! piece gathers what it needs in an order that is a function of the state. And a NaN in the
//! input may spread, but never panics or reads out of bounds.

pub mod channels;
pub mod compartments;
pub mod contact;
pub mod conventions;
pub mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod diffusion;
pub mod exchange;
pub mod gradient;
pub mod grid;
pub mod hazard;
pub mod motility;
pub mod motion;
pub mod moves;
pub mod neighbors;
pub mod pairs;
pub mod portable;
pub mod random;
pub mod springs;
pub mod tissue;

pub use cpu::Pool;
pub use grid::Grid;

/// The number every kernel computes with: one line to change, never a type parameter.
pub type Real = f64;

/// What can be wrong at a kernel's door. Inside, nothing is checked again.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A column or table has the wrong number of entries.
    #[error("{what} has {found} entries, but {expected} are needed")]
    Length {
        /// Which column.
        what: &'static str,
        /// How many entries it must have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// A number lies outside its range.
    #[error("{what} is {value}; it must be {range}")]
    Range {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: Real,
        /// The range in words, for example `finite and not negative`.
        range: &'static str,
    },
    /// The domain does not hold a whole number of voxels.
    #[error(
        "the domain is {extent} µm long in {axis}, not a whole number of voxels of {spacing} µm"
    )]
    Extent {
        /// `x`, `y` or `z`.
        axis: char,
        /// Length of the domain along it, µm.
        extent: Real,
        /// Length of a voxel along it, µm.
        spacing: Real,
    },
    /// A solver cannot do what another one does.
    #[error("the unsplit solver {cannot}; take the split one")]
    Unsplit {
        /// What it cannot do.
        cannot: &'static str,
    },
    /// Cells of two compartments could feel each other.
    #[error(
        "compartments are {wall} µm apart, but cells reach out {reach:.1} µm and could feel each other \
         through the wall; it must be thicker than twice that"
    )]
    Wall {
        /// Thickness of the wall between two, µm.
        wall: Real,
        /// How far the largest cell reaches out from its center, µm.
        reach: Real,
    },
    /// Compartments in a tissue of another simulator's usages.
    #[error("compartments know Milieu's own usages of bodies only")]
    Usages,
    /// The operating system gave no threads.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        reason: String,
    },
}

/// `Ok` if a column has as many entries as it must.
pub(crate) fn same_length(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found {
        Ok(())
    } else {
        Err(Error::Length {
            what,
            expected,
            found,
        })
    }
}

/// `Ok` if a number is finite and at least zero.
pub(crate) fn not_negative(what: &'static str, value: Real) -> Result<(), Error> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        Err(Error::Range {
            what,
            value,
            range: "finite and not negative",
        })
    }
}

/// `Ok` if a number is finite and above zero.
pub(crate) fn positive(what: &'static str, value: Real) -> Result<(), Error> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(Error::Range {
            what,
            value,
            range: "finite and positive",
        })
    }
}
