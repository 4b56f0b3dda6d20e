//! Diffusion and decay of substrates: ∂ρ/∂t = D ∇²ρ − λ ρ.
//!
//! Implicit Euler, split by direction (locally one-dimensional): x, then y, then z, each a
//! tridiagonal system per line of voxels. With r = dt D / d² and k = λ dt / dimensions,
//!
//! ```text
//! (1 + 2r + k) ρ_i − r ρ_{i−1} − r ρ_{i+1} = ρ_i^old
//! (1 +  r + k) ρ_0 − r ρ_1                 = ρ_0^old       at an end without flux
//!              ρ_0                         = the value     at an end that is held
//! ```
//!
//! where d is the spacing of that direction. Unconditionally stable, positive, first order in
//! dt and second in d. In 2D (one voxel in z) there is no z sweep, and the z faces mean nothing.
//! Source of the scheme: Ghaffarizadeh, Friedman, Macklin 2016, doi:10.1093/bioinformatics/btv730,
//! which takes the spacing of x for every direction and resets a fixed boundary after each sweep;
//! here a fixed face is held through the solve, unless [`Fields`] says otherwise.
//!
//! [`unsplit`] solves the same equation together with the exchange of cells, in steps as long as its
//! tolerance allows.

mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
mod explicit;
mod held;
mod lanes;
mod multigrid;
pub mod unsplit;

use crate::{
    Error, Grid, Pool, Real,
    conventions::{Fields, Held, Spacing},
    not_negative, positive, same_length,
};
use held::Writes;
pub use held::voxels_written_between_sweeps;

/// What happens at a face of the domain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Boundary {
    /// Nothing passes.
    NoFlux,
    /// The voxels at the face hold this density, in the substrate's unit, ≥ 0.
    Fixed(Real),
}

/// A substrate's constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Substrate {
    /// D, µm²/min; ≥ 0.
    pub diffusion_coefficient: Real,
    /// λ, 1/min; ≥ 0.
    pub decay_rate: Real,
    /// Faces in the order x min, x max, y min, y max, z min, z max. A voxel at two fixed faces
    /// holds the value of the one that comes first here; with [`Held::BetweenSweeps`] see
    /// [`voxels_written_between_sweeps`].
    pub boundary: [Boundary; 6],
}

impl Substrate {
    /// The density that a fixed face holds in a voxel; the first of the faces that hold it wins.
    fn held_value(&self, grid: &Grid, voxel: usize) -> Option<Real> {
        let at = grid.coordinates(voxel);
        // The z faces mean nothing in 2D.
        (0..2 * grid.dimensions()).find_map(|face| {
            let axis = face / 2;
            let end = [0, grid.shape[axis] - 1][face % 2];
            match self.boundary[face] {
                Boundary::Fixed(value) if at[axis] == end => Some(value),
                _ => None,
            }
        })
    }

    /// All voxels of fixed faces, ascending, each with its density.
    fn held_voxels(&self, grid: &Grid) -> Vec<(u32, Real)> {
        let of = |voxel| Some((voxel as u32, self.held_value(grid, voxel)?));
        (0..grid.len()).filter_map(of).collect()
    }
}

/// Who solves the equation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Method {
    /// [`Diffusion`], in every step of diffusion.
    #[default]
    Split,
    /// [`unsplit::Unsplit`], in steps of its own. It knows Milieu's own usages of fields only, and
    /// not what single cells took up.
    Unsplit {
        /// The relative error that a step may make, in the root mean square, > 0.
        tolerance: Real,
    },
}

/// A solver for one grid, one list of substrates and one time step.
#[derive(Clone, Debug)]
pub struct Diffusion {
    grid: Grid,
    substrates: Vec<Substrate>,
    held: Held,
    /// `[substrate]`: voxels written between sweeps, ascending; empty lists where faces are held
    /// through the solve.
    written: Vec<Vec<(u32, Real)>>,
    solvers: Vec<Solver>,
}

/// One substrate's factored tridiagonal systems and the box of voxels its sweeps may change.
#[derive(Clone, Debug)]
struct Solver {
    axes: [Line; 3],
    /// Per axis, the voxels that lie in no held face of that axis: [first, past the last].
    free: [[usize; 2]; 3],
    writes: Writes,
}

/// A tridiagonal system after elimination, one row per voxel of a line:
/// forward  x_i ← scale_i x_i + lower_i x_{i−1},  backward  x_i ← x_i + upper_i x_{i+1}.
#[derive(Clone, Debug, Default)]
struct Line {
    scale: Vec<Real>,
    lower: Vec<Real>,
    upper: Vec<Real>,
}

impl Line {
    fn new(n: usize, r: Real, k: Real, held: [bool; 2]) -> Line {
        let mut line = Line::default();
        for i in 0..n {
            let is_held = i == 0 && held[0] || i + 1 == n && held[1];
            let neighbors = usize::from(i > 0) + usize::from(i + 1 < n);
            let (diagonal, coupling) = if is_held {
                (1.0, 0.0)
            } else {
                (1.0 + neighbors as Real * r + k, r)
            };
            let above = line.upper.last().copied().unwrap_or(0.0);
            let scale = 1.0 / (diagonal - coupling * above);
            line.scale.push(scale);
            line.lower.push(coupling * scale);
            line.upper.push(coupling * scale);
        }
        line
    }
}

impl Diffusion {
    /// Factors the systems for time steps of `dt` min, after Milieu's own conventions.
    ///
    /// # Errors
    /// [`Error::Range`] if `dt` is not positive, or a coefficient, rate or fixed density is
    /// negative or not finite.
    pub fn new(grid: &Grid, substrates: &[Substrate], dt: Real) -> Result<Diffusion, Error> {
        Diffusion::after(Fields::default(), grid, substrates, dt)
    }

    /// [`Diffusion::new`], after these conventions.
    ///
    /// # Errors
    /// Like [`Diffusion::new`].
    pub fn after(
        conventions: Fields,
        grid: &Grid,
        substrates: &[Substrate],
        dt: Real,
    ) -> Result<Diffusion, Error> {
        positive("the time step of diffusion", dt)?;
        let dimensions = grid.dimensions();
        let written = match conventions.held {
            Held::Through => vec![Vec::new(); substrates.len()],
            Held::BetweenSweeps => voxels_written_between_sweeps(grid, substrates),
        };
        let mut solvers = Vec::with_capacity(substrates.len());
        for (substrate, written) in substrates.iter().zip(&written) {
            not_negative("a diffusion coefficient", substrate.diffusion_coefficient)?;
            not_negative("a decay rate", substrate.decay_rate)?;
            for boundary in substrate.boundary {
                if let Boundary::Fixed(value) = boundary {
                    not_negative("a fixed boundary density", value)?;
                }
            }
            let held = match conventions.held {
                Held::Through => held_faces(substrate, dimensions),
                Held::BetweenSweeps => [[false; 2]; 3],
            };
            let k = substrate.decay_rate * dt / dimensions as Real;
            solvers.push(Solver {
                axes: core::array::from_fn(|axis| {
                    let d = match conventions.spacing {
                        Spacing::OwnAxis => grid.spacing[axis],
                        Spacing::OfX => grid.spacing[0],
                    };
                    let r = dt * substrate.diffusion_coefficient / (d * d);
                    Line::new(grid.shape[axis], r, k, held[axis])
                }),
                free: core::array::from_fn(|axis| {
                    let first = usize::from(held[axis][0]);
                    let past = grid.shape[axis].saturating_sub(usize::from(held[axis][1]));
                    [first, past.max(first)]
                }),
                writes: Writes::new(grid, written),
            });
        }
        Ok(Diffusion {
            grid: *grid,
            substrates: substrates.to_vec(),
            held: conventions.held,
            written,
            solvers,
        })
    }

    /// Advances `densities`, `[substrate][voxel]`, by one time step. Voxels in fixed faces keep
    /// what they hold: call [`Diffusion::hold`] once when the densities are set up. With
    /// [`Held::BetweenSweeps`] the step itself writes them.
    ///
    /// # Panics
    /// If `densities` is not substrates × voxels long.
    pub fn step(&self, densities: &mut [Real], pool: &Pool) {
        assert_eq!(densities.len(), self.solvers.len() * self.grid.len());
        cpu::step(&self.grid, &self.solvers, densities, pool);
    }

    /// Writes the fixed values into `densities`, `[substrate][voxel]`.
    ///
    /// # Errors
    /// [`Error::Length`] if `densities` is not substrates × voxels long.
    pub fn hold(&self, densities: &mut [Real]) -> Result<(), Error> {
        let voxels = self.grid.len();
        same_length("densities", self.solvers.len() * voxels, densities.len())?;
        for (substrate, density) in densities.chunks_exact_mut(voxels).enumerate() {
            for (voxel, value) in density.iter_mut().enumerate() {
                if let Some(held) = self.held_value(substrate, voxel) {
                    *value = held;
                }
            }
        }
        Ok(())
    }

    /// Is this voxel's density out of reach of cells, because a boundary holds it through?
    pub fn is_held(&self, substrate: usize, voxel: usize) -> bool {
        self.held == Held::Through && self.held_value(substrate, voxel).is_some()
    }

    /// The density that a boundary holds, or with [`Held::BetweenSweeps`] writes, in this voxel.
    pub fn held_value(&self, substrate: usize, voxel: usize) -> Option<Real> {
        if self.held == Held::BetweenSweeps {
            let written = &self.written[substrate];
            let found = written.binary_search_by_key(&voxel, |&(voxel, _)| voxel as usize);
            return found.ok().map(|index| written[index].1);
        }
        self.substrates[substrate].held_value(&self.grid, voxel)
    }
}

/// Per axis, whether the lower and the upper face is held.
fn held_faces(substrate: &Substrate, dimensions: usize) -> [[bool; 2]; 3] {
    core::array::from_fn(|axis| {
        core::array::from_fn(|side| {
            axis < dimensions && substrate.boundary[2 * axis + side] != Boundary::NoFlux
        })
    })
}
