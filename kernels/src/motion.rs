//! Where cells go: walls push, positions follow velocities.
//!
//! Adams and Bashforth's second-order step, x ← x + dt (3/2 v − 1/2 v_prev); a cell's first step
//! is Euler's. The wall pushes a cell whose center is closer than its radius,
//! strength (1 − d/R)² along the inward normal, for every face it is near.
//! Source: Ghaffarizadeh et al. 2018, doi:10.1371/journal.pcbi.1005991; there a cell outside the
//! domain stops taking part ([`Domain::advance_or_freeze`]), and only the nearest face pushes
//! ([`Domain::push_from_nearest_wall`]).

#[cfg(feature = "cuda")]
pub mod cuda;

use crate::{Error, Real, same_length};

/// The strength of walls in the source, µm/min.
pub const WALL_STRENGTH: Real = 100.0;

/// Coordinates closer than this, µm, are one and the same to [`Domain::push_from_nearest_wall`].
pub const ON_DIAGONAL: Real = 1e-7;

/// A box, µm. In 2D, `dimensions` is 2 and z is left alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Domain {
    /// Lower corner, µm.
    pub min: [Real; 3],
    /// Upper corner, µm.
    pub max: [Real; 3],
    /// 2 or 3.
    pub dimensions: usize,
}

impl Domain {
    /// Adds what the walls push, to `velocity` `[row]`, µm/min. `position` and `radius` are `[row]`,
    /// µm; `strength` is µm/min.
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
        push_within(|_| *self, strength, position, radius, velocity)
    }

    /// [`Domain::push_from_walls`] of one cell.
    #[inline]
    fn push(&self, strength: Real, position: [Real; 3], radius: Real, velocity: &mut [Real; 3]) {
        let push = |distance: Real| {
            if distance < radius {
                let overlap = 1.0 - distance / radius;
                strength * overlap * overlap
            } else {
                0.0
            }
        };
        for axis in 0..self.dimensions {
            velocity[axis] += push(position[axis] - self.min[axis]);
            velocity[axis] -= push(self.max[axis] - position[axis]);
        }
    }

    /// Adds what the nearest wall pushes; arguments as in [`Domain::push_from_walls`]. Of faces at one
    /// distance the first in the order x−, x+, y−, y+, z−, z+ pushes. A cell whose coordinates are
    /// all the same, within [`ON_DIAGONAL`], is pushed along that diagonal toward the origin.
    ///
    /// # Errors
    /// [`Error::Length`] if the columns differ in length.
    pub fn push_from_nearest_wall(
        &self,
        strength: Real,
        position: &[[Real; 3]],
        radius: &[Real],
        velocity: &mut [[Real; 3]],
    ) -> Result<(), Error> {
        same_length("radii", position.len(), radius.len())?;
        same_length("velocities", position.len(), velocity.len())?;
        for ((position, &radius), velocity) in position.iter().zip(radius).zip(velocity) {
            let mut nearest = (Real::INFINITY, 0, 0.0);
            for axis in 0..self.dimensions {
                for (distance, inward) in [
                    (position[axis] - self.min[axis], 1.0),
                    (self.max[axis] - position[axis], -1.0),
                ] {
                    if distance < nearest.0 {
                        nearest = (distance, axis, inward);
                    }
                }
            }
            let (distance, axis, inward) = nearest;
            if distance < radius {
                let overlap = 1.0 - distance / radius;
                let push = strength * overlap * overlap;
                match self.diagonal(*position) {
                    Some(normal) => {
                        for axis in 0..3 {
                            velocity[axis] += push * normal[axis];
                        }
                    }
                    None => velocity[axis] += push * inward,
                }
            }
        }
        Ok(())
    }

    /// The unit vector toward the origin, of a position on the domain's main diagonal; zero at the
    /// origin itself.
    fn diagonal(&self, position: [Real; 3]) -> Option<[Real; 3]> {
        let coordinates = &position[..self.dimensions];
        let (least, most) = coordinates
            .iter()
            .fold((Real::INFINITY, Real::NEG_INFINITY), |(least, most), &x| {
                (least.min(x), most.max(x))
            });
        if most - least >= ON_DIAGONAL {
            return None;
        }
        let length = 1.0 / (self.dimensions as Real).sqrt();
        let mut normal = [0.0; 3];
        if coordinates.iter().all(|coordinate| *coordinate != 0.0) {
            for (normal, coordinate) in normal.iter_mut().zip(coordinates) {
                *normal = -length * coordinate.signum();
            }
        }
        Some(normal)
    }

    /// Whether a position lies in the box or on its faces; in 2D z counts as well.
    pub fn holds(&self, position: [Real; 3]) -> bool {
        (0..3).all(|axis| (self.min[axis]..=self.max[axis]).contains(&position[axis]))
    }

    /// Moves cells like [`Domain::advance`], but one whose center leaves the box stays there,
    /// `frozen` from then on; who is frozen already does not move. The number of newly frozen ones
    /// is returned.
    ///
    /// # Errors
    /// [`Error::Length`] if the columns differ in length.
    pub fn advance_or_freeze(
        &self,
        dt: Real,
        velocity: &[[Real; 3]],
        position: &mut [[Real; 3]],
        previous: &mut [[Real; 3]],
        moved: &mut [bool],
        frozen: &mut [bool],
    ) -> Result<u64, Error> {
        let cells = position.len();
        same_length("velocities", cells, velocity.len())?;
        same_length("previous velocities", cells, previous.len())?;
        same_length("flags of having moved", cells, moved.len())?;
        same_length("flags of being frozen", cells, frozen.len())?;
        let mut left = 0;
        for row in 0..cells {
            if frozen[row] {
                continue;
            }
            let now = velocity[row];
            let before = if moved[row] { previous[row] } else { now };
            for axis in 0..self.dimensions {
                position[row][axis] += dt * (1.5 * now[axis] - 0.5 * before[axis]);
            }
            previous[row] = now;
            moved[row] = true;
            frozen[row] = !self.holds(position[row]);
            left += u64::from(frozen[row]);
        }
        Ok(left)
    }

    /// Moves cells for `dt` min. All columns are `[row]`: `position` µm, `velocity` and `previous`
    /// µm/min. `moved` says whether `previous` is a cell's own; where not, the step is Euler's,
    /// and `moved` becomes true. `previous` receives `velocity`. A center that left the domain is
    /// put back on the face it crossed; the number of those is returned.
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
        advance_within(|_| *self, dt, velocity, position, previous, moved)
    }

    /// [`Domain::advance`] of one cell, with the velocities `now` and `before`; whether it was put back.
    #[inline]
    fn step(&self, dt: Real, now: [Real; 3], before: [Real; 3], position: &mut [Real; 3]) -> bool {
        let mut left = false;
        for axis in 0..self.dimensions {
            let to = position[axis] + dt * (1.5 * now[axis] - 0.5 * before[axis]);
            // Not `clamp`, which panics if the box is inside out; and NaN stays NaN.
            position[axis] = if to < self.min[axis] {
                left = true;
                self.min[axis]
            } else if to > self.max[axis] {
                left = true;
                self.max[axis]
            } else {
                to
            };
        }
        left
    }
}

/// [`Domain::push_from_walls`] by the box around each cell: `inside` tells it of a position.
pub(crate) fn push_within(
    inside: impl Fn([Real; 3]) -> Domain,
    strength: Real,
    position: &[[Real; 3]],
    radius: &[Real],
    velocity: &mut [[Real; 3]],
) -> Result<(), Error> {
    same_length("radii", position.len(), radius.len())?;
    same_length("velocities", position.len(), velocity.len())?;
    for ((position, &radius), velocity) in position.iter().zip(radius).zip(velocity) {
        inside(*position).push(strength, *position, radius, velocity);
    }
    Ok(())
}

/// [`Domain::advance`] in the box around each cell: `inside` tells it of a position.
pub(crate) fn advance_within(
    inside: impl Fn([Real; 3]) -> Domain,
    dt: Real,
    velocity: &[[Real; 3]],
    position: &mut [[Real; 3]],
    previous: &mut [[Real; 3]],
    moved: &mut [bool],
) -> Result<u64, Error> {
    let cells = position.len();
    same_length("velocities", cells, velocity.len())?;
    same_length("previous velocities", cells, previous.len())?;
    same_length("flags of having moved", cells, moved.len())?;
    let mut outside = 0;
    for row in 0..cells {
        let now = velocity[row];
        let before = if moved[row] { previous[row] } else { now };
        let left = inside(position[row]).step(dt, now, before, &mut position[row]);
        outside += u64::from(left);
        previous[row] = now;
        moved[row] = true;
    }
    Ok(outside)
}
