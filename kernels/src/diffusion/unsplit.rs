//! Diffusion, decay and exchange with cells in one implicit step, as long as the field allows.
//!
//! ```text
//! ∂ρ/∂t = D ∇²ρ − (λ + sink) ρ + source        sink, source: what cells do, by voxel
//! ```
//!
//! BDF2 with steps τ, ω times the one before: second order, damps what it cannot resolve, and at
//! rest wherever the equation is, for any τ:
//!
//! ```text
//! (1 + 2ω)/(1 + ω) ρ − (1 + ω) ρ_old + ω²/(1 + ω) ρ_older = τ (D ∇²ρ − (λ + sink) ρ + source)
//! ```
//!
//! Hairer, Nørsett, Wanner 1993, Solving Ordinary Differential Equations I, III.5. The first step,
//! one that is much longer than the last, and any by which BDF2 would fall below zero, is one of
//! implicit Euler (ω = 0), which cannot. The systems are solved by multigrid. A step is accepted if
//! the field left the straight line through the last two (in a step of Euler: what it was) by at most twice
//! the tolerance, in the root mean square; the next is chosen so. Between steps the field stands
//! still: who reads it may find it a step old, unless it is brought to the present first. What cells
//! do in a step is what they do at its end, so steps shorten toward the moment of reading.
//!
//! A substrate that spreads little while cells stay where they are is advanced whenever they move, in
//! explicit steps (`explicit.rs`), which cost about a seventh of one by multigrid: it never stands
//! still.

use serde::{Deserialize, Serialize};

use super::{
    Boundary, Substrate,
    explicit::{self, Explicit},
    lanes::{LANES, Lanes, Work, widest},
    multigrid::{LEFT_BY_CYCLE, Multigrid},
};
use crate::{Error, Grid, Pool, Real, exchange::Exchange, not_negative, positive, same_length};

/// What multigrid may leave wrong, as part of what a step may.
const PART_LEFT: Real = 0.2;
/// The first step, of which nothing can be foretold, as part of what is due.
const FIRST_PART: Real = 0.01;
/// A step is never shorter than this part of what is due.
const LEAST_PART: Real = 1e-4;
/// A step takes this part of what is left until the field is read, or all of it where the tolerance
/// would allow as many times that.
const PART: Real = 2.0 / 3.0;
const FAR: Real = 8.0;
/// Ratio of a step to the last; BDF2 is stable below 1 + √2.
const MOST_GROWTH: Real = 2.4;
/// Where the tolerance would allow a larger ratio than this, the past is left behind.
const QUIET: Real = 8.0;
/// The largest ratio, of Euler's steps.
const MOST: Real = 100.0;
/// A substrate is near if its [reach](Explicit::reach) while cells stay where they are is at most this.
const NEAR: Real = 4.0;
/// From this tolerance on, steps of a near substrate are as long as they may be.
const LOOSE: Real = 0.1;
/// Cycles of a step that was taken although its error is too large, because it is the shortest.
const MOST_CYCLES: u32 = 8;

/// A solver for one grid and one list of substrates.
#[derive(Clone, Debug)]
pub struct Unsplit {
    grid: Grid,
    tolerance: Real,
    /// min between moves of cells.
    mechanics: Real,
    substrates: Vec<Progress>,
    multigrid: Multigrid,
    /// `[substrate][voxel]`: densities one step ago.
    older: Vec<Real>,
    /// Scratch, `[voxel]`.
    new: Vec<Real>,
    /// What was done so far.
    pub work: Effort,
}

/// What the future of the fields depends on besides themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// `[substrate]`: min that the field is behind; its last step, 0 where there is none to go on
    /// from; and its next, 0 before the first.
    pub steps: Vec<[Real; 3]>,
    /// `[substrate][voxel]`: densities one step ago.
    pub older: Vec<Real>,
}

/// How much was done, over all substrates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Steps accepted.
    pub steps: u64,
    /// Steps that were too long and done again.
    pub refused: u64,
    /// Cycles of multigrid.
    pub cycles: u64,
}

#[derive(Clone, Debug)]
struct Progress {
    substrate: Substrate,
    /// What advances the field if it is near.
    explicit: Option<Explicit>,
    /// Held voxels, and what they hold.
    held: Vec<(u32, Real)>,
    /// min that the field is behind.
    due: Real,
    /// The last step, min; 0 where there is none to go on from.
    last: Real,
    /// The next step, min; 0 before the first.
    next: Real,
}

impl Progress {
    /// Whether a step is to end `dt` min from now, `left` min before the field is read. Steps end at
    /// the tick that is nearest. Where a field is not far from what the tolerance allows, each takes a
    /// part of what is left, so that the last are short: what cells did just before shows most.
    fn is_due(&self, dt: Real, left: Real) -> bool {
        if self.explicit.is_some() {
            return left <= 0.0 || self.due + 1.5 * dt >= self.next;
        }
        let whole = self.due + dt + left;
        let most = if self.next < FAR * whole {
            PART * whole
        } else {
            whole
        };
        left <= 0.0 || self.due + 1.5 * dt >= self.next.min(most)
    }
}

impl Unsplit {
    /// `tolerance` is the relative error that a step may make, in the root mean square, > 0. A fixed
    /// face is held through the solve. Cells move every `mechanics` min.
    ///
    /// # Errors
    /// [`Error::Range`] if the tolerance or `mechanics` is not positive, or a coefficient, rate or
    /// fixed density is negative or not finite.
    pub fn new(
        grid: &Grid,
        substrates: &[Substrate],
        tolerance: Real,
        mechanics: Real,
    ) -> Result<Unsplit, Error> {
        positive("the tolerance of diffusion", tolerance)?;
        positive("the time between moves of cells", mechanics)?;
        for substrate in substrates {
            not_negative("a diffusion coefficient", substrate.diffusion_coefficient)?;
            not_negative("a decay rate", substrate.decay_rate)?;
            for boundary in substrate.boundary {
                if let Boundary::Fixed(value) = boundary {
                    not_negative("a fixed boundary density", value)?;
                }
            }
        }
        let progress = |substrate: &Substrate| {
            let explicit = Explicit::new(grid, substrate);
            let is_near = explicit.reach(mechanics) <= NEAR;
            Progress {
                substrate: *substrate,
                explicit: is_near.then_some(explicit),
                held: substrate.held_voxels(grid),
                due: 0.0,
                last: 0.0,
                next: if is_near { mechanics } else { 0.0 },
            }
        };
        Ok(Unsplit {
            grid: *grid,
            tolerance,
            mechanics,
            substrates: substrates.iter().map(progress).collect(),
            multigrid: Multigrid::new(grid.shape, grid.spacing),
            older: vec![0.0; substrates.len() * grid.len()],
            new: vec![0.0; grid.len()],
            work: Effort::default(),
        })
    }

    /// All that a restart needs besides the densities.
    pub fn state(&self) -> State {
        let steps = |progress: &Progress| [progress.due, progress.last, progress.next];
        State {
            steps: self.substrates.iter().map(steps).collect(),
            older: self.older.clone(),
        }
    }

    /// Goes on from a state.
    ///
    /// # Errors
    /// [`Error::Length`] if it is one of other substrates or voxels; then nothing has changed.
    pub fn restore(&mut self, state: State) -> Result<(), Error> {
        same_length("substrates", self.substrates.len(), state.steps.len())?;
        same_length(
            "densities one step ago",
            self.older.len(),
            state.older.len(),
        )?;
        for (progress, steps) in self.substrates.iter_mut().zip(state.steps) {
            [progress.due, progress.last, progress.next] = steps;
        }
        self.older = state.older;
        Ok(())
    }

    /// Whether [`Unsplit::advance`] by `dt` min would take a step, and so read the exchange, if the
    /// fields are to be read `left` min later.
    pub fn is_due(&self, dt: Real, left: Real) -> bool {
        self.substrates
            .iter()
            .any(|progress| progress.is_due(dt, left))
    }

    /// Whether a field is not at the present.
    pub fn is_behind(&self) -> bool {
        self.substrates.iter().any(|progress| progress.due > 0.0)
    }

    /// Something has changed that the past of the fields does not foretell: their next steps end
    /// when cells move, or before.
    pub fn take_care(&mut self) {
        for progress in &mut self.substrates {
            progress.next = progress.next.min(self.mechanics);
        }
    }

    /// `amount` (density) came into a voxel that is not held, from elsewhere than cells: it was not
    /// there one step ago, and yet is no sign of how the field goes on. The fields must be
    /// [at the present](Unsplit::catch_up); the caller adds it to the density.
    pub fn receive(&mut self, substrate: usize, voxel: usize, amount: Real) {
        self.older[substrate * self.grid.len() + voxel] += amount;
    }

    /// Time goes on by `dt` min, during which the cells are as `exchange` was last told. Advances
    /// those of `densities`, `[substrate][voxel]`, that are due for a step. They are to be read `left`
    /// min later; all come to the present if that is 0. `counted_negative` grows by the number of densities that cells' export made negative.
    /// They are set to zero, and so is what the solve leaves below it within its tolerance.
    ///
    /// # Panics
    /// If `densities` is not substrates × voxels long.
    pub fn advance(
        &mut self,
        densities: &mut [Real],
        exchange: &Exchange,
        dt: Real,
        left: Real,
        counted_negative: &mut u64,
        pool: &Pool,
    ) {
        for number in 0..self.substrates.len() {
            let progress = &mut self.substrates[number];
            let is_due = progress.is_due(dt, left);
            progress.due += dt;
            if is_due {
                self.reach(number, densities, exchange, counted_negative, pool);
            }
        }
    }

    /// Brings all of `densities` to the present, like [`Unsplit::advance`], and no further.
    ///
    /// # Panics
    /// Like [`Unsplit::advance`].
    pub fn catch_up(
        &mut self,
        densities: &mut [Real],
        exchange: &Exchange,
        counted_negative: &mut u64,
        pool: &Pool,
    ) {
        for number in 0..self.substrates.len() {
            if self.substrates[number].due > 0.0 {
                self.reach(number, densities, exchange, counted_negative, pool);
            }
        }
    }

    /// Brings one field to the present.
    fn reach(
        &mut self,
        number: usize,
        densities: &mut [Real],
        exchange: &Exchange,
        counted_negative: &mut u64,
        pool: &Pool,
    ) {
        assert_eq!(densities.len(), self.older.len());
        let voxels = self.grid.len();
        let field = &mut densities[number * voxels..][..voxels];
        let progress = &mut self.substrates[number];
        let due = std::mem::take(&mut progress.due);
        if let Some(explicit) = &mut progress.explicit {
            let most = explicit::MOST * (self.tolerance / LOOSE).sqrt().min(1.0);
            let steps = (explicit.reach(due) / most - 1e-9).ceil().max(1.0) as u64;
            let (tau, cells) = (due / steps as Real, (exchange, number));
            for _ in 0..steps {
                *counted_negative += explicit.step(tau, field, cells, &progress.held, pool);
            }
            self.work.steps += steps;
            return;
        }
        let shortest = LEAST_PART * due;
        let mut left = due;
        while left > 1e-9 * due {
            let progress = &self.substrates[number];
            let next = if progress.last == 0.0 {
                FIRST_PART * due
            } else {
                progress.next
            };
            // What is left is cut into equal steps, which may be a little long.
            let steps = if progress.last == 0.0 {
                (left / next).ceil()
            } else {
                (left / (1.25 * next)).ceil()
            };
            let step = left / steps;
            let negative = &mut *counted_negative;
            left -= self.step(number, field, exchange, step, shortest, negative, pool);
        }
    }

    /// One step of `tau` min or, if that is too long, of less; returns its length.
    fn step(
        &mut self,
        number: usize,
        field: &mut [Real],
        exchange: &Exchange,
        mut tau: Real,
        shortest: Real,
        negative: &mut u64,
        pool: &Pool,
    ) -> Real {
        let progress = &mut self.substrates[number];
        let older = &mut self.older[number * field.len()..][..field.len()];
        // Implicit Euler cannot make a density negative.
        let mut is_euler = progress.last == 0.0 || tau > 1.25 * MOST_GROWTH * progress.last;
        loop {
            let omega = if is_euler { 0.0 } else { tau / progress.last };
            let ahead = omega;
            let of_new = (1.0 + 2.0 * omega) / (1.0 + omega) / tau;
            let of_old = (1.0 + omega) / tau;
            let of_older = omega * omega / (1.0 + omega) / tau;
            let substrate = &progress.substrate;
            self.multigrid.prepare(
                substrate.diffusion_coefficient,
                of_new + substrate.decay_rate,
                exchange
                    .rates(number, 0..field.len())
                    .map(|(voxel, rates)| (voxel, rates.sink)),
                super::held_faces(substrate, self.grid.dimensions()),
                pool,
            );
            let right = self.multigrid.right_side();
            widest(Begin {
                field,
                older,
                ahead,
                of_old,
                of_older,
                right: &mut *right,
                new: &mut self.new,
            });
            for (voxel, rates) in exchange.rates(number, 0..field.len()) {
                right[voxel as usize] += rates.source;
            }
            for &(voxel, value) in &progress.held {
                self.multigrid.hold(voxel, value);
                self.new[voxel as usize] = value;
            }
            self.multigrid.cycle(&mut self.new, pool);
            self.work.cycles += 1;
            let mut found = Found::default();
            widest(Judge {
                field,
                older,
                ahead,
                new: &self.new,
                found: &mut found,
            });
            let size = found.old.max(found.new).sqrt();
            // A field of zeros that stays so departs by nothing.
            let error =
                found.departure.sqrt() / (2.0 * self.tolerance * size).max(Real::MIN_POSITIVE);
            let is_first = progress.last == 0.0;
            if !is_first && error > 1.0 && tau > shortest {
                tau *= (0.9 / error.sqrt()).clamp(0.1, 0.8);
                self.work.refused += 1;
                continue;
            }
            // What a cycle leaves is a part of what it found, which was as large as the departure.
            let mut wrong = LEFT_BY_CYCLE * error;
            for _ in 1..MOST_CYCLES {
                if wrong <= PART_LEFT {
                    break;
                }
                self.multigrid.cycle(&mut self.new, pool);
                self.work.cycles += 1;
                wrong *= LEFT_BY_CYCLE;
            }
            let rounding = PART_LEFT * self.tolerance * size / (field.len() as Real).sqrt();
            if !is_euler && found.least < -rounding {
                is_euler = true;
                self.work.refused += 1;
                continue;
            }
            older.copy_from_slice(field);
            for (density, &new) in field.iter_mut().zip(&self.new) {
                // What the solve leaves wrong is no clamp; what cells draw below zero is.
                *negative += u64::from(new < -rounding);
                *density = if new < 0.0 { 0.0 } else { new };
            }
            for &(voxel, value) in &progress.held {
                field[voxel as usize] = value;
            }
            progress.last = tau;
            let growth = (0.9 / error.sqrt()).clamp(0.3, MOST);
            let is_quiet = growth > QUIET;
            progress.next = tau
                * if is_quiet {
                    growth
                } else {
                    growth.min(MOST_GROWTH)
                };
            self.work.steps += 1;
            return tau;
        }
    }
}

/// The right-hand side without cells, and the straight line as a first guess.
struct Begin<'a> {
    field: &'a [Real],
    older: &'a [Real],
    ahead: Real,
    of_old: Real,
    of_older: Real,
    right: &'a mut [Real],
    new: &'a mut [Real],
}

impl Work for Begin<'_> {
    #[inline(always)]
    fn with<L: Lanes>(self, _: L) {
        let n = self.field.len();
        let (old, older) = (self.field, &self.older[..n]);
        let (right, new) = (&mut self.right[..n], &mut self.new[..n]);
        for i in 0..n {
            right[i] = self.of_old * old[i] - self.of_older * older[i];
            new[i] = on_line(old[i], older[i], self.ahead);
        }
    }
}

/// Where the straight line through two densities goes, but not below zero.
#[inline(always)]
fn on_line(old: Real, older: Real, ahead: Real) -> Real {
    let value = old + ahead * (old - older);
    if value > 0.0 { value } else { 0.0 }
}

/// Sums of squares, and the least density.
#[derive(Default)]
struct Found {
    departure: Real,
    old: Real,
    new: Real,
    least: Real,
}

/// Compares what was found with what was foretold. The order of the sums depends on nothing but how
/// many there are to add.
struct Judge<'a> {
    field: &'a [Real],
    older: &'a [Real],
    ahead: Real,
    new: &'a [Real],
    found: &'a mut Found,
}

impl Work for Judge<'_> {
    #[inline(always)]
    fn with<L: Lanes>(self, _: L) {
        let (fields, field_rest) = self.field.as_chunks::<LANES>();
        let (olders, older_rest) = self.older.as_chunks::<LANES>();
        let (news, new_rest) = self.new.as_chunks::<LANES>();
        let (mut departure, mut of_old, mut of_new) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        let mut least = [0.0; LANES];
        for ((old, older), new) in fields.iter().zip(olders).zip(news) {
            for i in 0..LANES {
                let by = new[i] - on_line(old[i], older[i], self.ahead);
                departure[i] += by * by;
                of_old[i] += old[i] * old[i];
                of_new[i] += new[i] * new[i];
                least[i] = if new[i] < least[i] { new[i] } else { least[i] };
            }
        }
        for i in 0..new_rest.len() {
            let by = new_rest[i] - on_line(field_rest[i], older_rest[i], self.ahead);
            departure[i] += by * by;
            of_old[i] += field_rest[i] * field_rest[i];
            of_new[i] += new_rest[i] * new_rest[i];
            least[i] = if new_rest[i] < least[i] {
                new_rest[i]
            } else {
                least[i]
            };
        }
        *self.found = Found {
            departure: departure.iter().sum(),
            old: of_old.iter().sum(),
            new: of_new.iter().sum(),
            least: least.into_iter().fold(0.0, Real::min),
        };
    }
}
