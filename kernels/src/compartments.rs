//! Compartments: a regular grid of boxes, each with walls of its own.
//!
//! The domain is cut into cubes (squares, in 2D) of one pitch, and in the middle of each lies a
//! compartment. A cell belongs to the cube its center lies in. It is held by that compartment's walls
//! as [`Domain`] holds cells by its own, so that its center never reaches another cube: whose a cell
//! is, is a function of its position, and needs no memory.

use crate::motion::{Domain, advance_within, push_within};
use crate::{Error, Real, positive};

/// A grid of compartments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compartments {
    domain: Domain,
    size: Real,
    pitch: Real,
    /// Compartments along each axis; 1 along z in 2D.
    counts: [usize; 3],
}

impl Compartments {
    /// As many as fit into the domain. `size` is the inner edge of one, and `pitch` > `size` the
    /// distance from one to the next, µm.
    ///
    /// # Errors
    /// [`Error::Range`] if a length is not positive, walls have no thickness, or none fits.
    pub fn new(domain: Domain, size: Real, pitch: Real) -> Result<Compartments, Error> {
        positive("the size of a compartment", size)?;
        positive("the wall between two compartments", pitch - size)?;
        let mut counts = [1; 3];
        for (axis, count) in counts.iter_mut().enumerate().take(domain.dimensions) {
            let extent = domain.max[axis] - domain.min[axis];
            // The tolerance admits the rounding of decimal fractions.
            *count = (extent / pitch + 1e-9).floor() as usize;
            if *count == 0 {
                return Err(Error::Range {
                    what: "the pitch of compartments",
                    value: pitch,
                    range: "at most the domain's extent",
                });
            }
        }
        Ok(Compartments {
            domain,
            size,
            pitch,
            counts,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.counts.iter().product()
    }

    /// Thickness of the wall between two, µm: the least distance of two centers in different ones.
    pub fn wall(&self) -> Real {
        self.pitch - self.size
    }

    /// The number of the compartment a position belongs to, x running fastest; that of the nearest if
    /// it lies outside the domain.
    pub fn number(&self, position: [Real; 3]) -> usize {
        let [i, j, k] = self.cube(position);
        i + self.counts[0] * (j + self.counts[1] * k)
    }

    /// The inside of a compartment, by its number.
    pub fn of(&self, number: usize) -> Domain {
        let [x, y, _] = self.counts;
        self.within([number % x, number / x % y, number / (x * y)])
    }

    /// The inside of the compartment that a position belongs to.
    pub fn around(&self, position: [Real; 3]) -> Domain {
        self.within(self.cube(position))
    }

    #[inline]
    fn cube(&self, position: [Real; 3]) -> [usize; 3] {
        let mut cube = [0; 3];
        for axis in 0..self.domain.dimensions {
            // The cast saturates, and NaN gives 0.
            let number = ((position[axis] - self.domain.min[axis]) / self.pitch) as usize;
            cube[axis] = number.min(self.counts[axis] - 1);
        }
        cube
    }

    #[inline]
    fn within(&self, cube: [usize; 3]) -> Domain {
        let mut inside = self.domain;
        for axis in 0..self.domain.dimensions {
            let begin = self.domain.min[axis] + cube[axis] as Real * self.pitch;
            inside.min[axis] = begin + 0.5 * (self.pitch - self.size);
            inside.max[axis] = begin + 0.5 * (self.pitch + self.size);
        }
        inside
    }

    /// Adds what each cell's own compartment pushes; arguments as in [`Domain::push_from_walls`].
    ///
    /// # Errors
    /// [`Error::Length`] if the columns differ in length.
    pub fn push_from_walls(
        &self,
        strength: Real,
        position: &[[Real; 3]],
        radius: &[Real],
        velocity: &mut [[Real; 3]],
    ) -> Result<(), Error> {
        let inside = |position| self.around(position);
        push_within(inside, strength, position, radius, velocity)
    }

    /// Moves cells, each in its own compartment; arguments as in [`Domain::advance`].
    ///
    /// # Errors
    /// [`Error::Length`] if the columns differ in length.
    pub fn advance(
        &self,
        dt: Real,
        velocity: &[[Real; 3]],
        position: &mut [[Real; 3]],
        previous: &mut [[Real; 3]],
        moved: &mut [bool],
    ) -> Result<u64, Error> {
        let inside = |position| self.around(position);
        advance_within(inside, dt, velocity, position, previous, moved)
    }
}
