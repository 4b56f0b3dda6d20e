//! Springs of rest length zero between pairs of cells: v_a += k (x_b − x_a), v_b −= the same.
//! Source: Ghaffarizadeh et al. 2018, doi:10.1371/journal.pcbi.1005991.

use crate::{Error, Real};

/// A spring between two rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spring {
    /// Row of one end.
    pub a: u32,
    /// Row of the other.
    pub b: u32,
    /// k, 1/min; ≥ 0.
    pub stiffness: Real,
}

/// Adds the pull of `springs`, one after another, to `velocity` `[row]`, µm/min. `position` is
/// `[row]`, µm. The caller keeps springs sorted by the ids of their ends, so that sums have an order.
///
/// # Errors
/// [`Error::Length`] if the columns differ in length or end before a spring's row.
pub fn pull(
    springs: &[Spring],
    position: &[[Real; 3]],
    velocity: &mut [[Real; 3]],
) -> Result<(), Error> {
    crate::same_length("velocities", position.len(), velocity.len())?;
    for spring in springs {
        let (a, b) = (spring.a as usize, spring.b as usize);
        if a.max(b) >= position.len() {
            return Err(Error::Length {
                what: "the column of positions",
                expected: a.max(b) + 1,
                found: position.len(),
            });
        }
        for axis in 0..3 {
            let pull = spring.stiffness * (position[b][axis] - position[a][axis]);
            velocity[a][axis] += pull;
            velocity[b][axis] -= pull;
        }
    }
    Ok(())
}
