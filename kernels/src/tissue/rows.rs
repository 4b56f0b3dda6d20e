//! The columns of the bodies, by row.

use crate::Real;

/// Columns by row.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) id: Vec<u64>,
    pub(super) group: Vec<u16>,
    pub(super) position: Vec<[Real; 3]>,
    pub(super) velocity: Vec<[Real; 3]>,
    pub(super) previous_velocity: Vec<[Real; 3]>,
    pub(super) moved: Vec<bool>,
    pub(super) volume: Vec<Real>,
    /// Of the sphere of the volume: a cube root, taken when the volume is written.
    pub(super) radius: Vec<Real>,
    /// The direction of a walk, or its velocity where walks keep that.
    pub(super) direction: Vec<[Real; 3]>,
    pub(super) pressure: Vec<Real>,
    pub(super) damage: Vec<Real>,
    /// Id of the cell under attack, or [`NOBODY`].
    pub(super) target: Vec<u64>,
    /// Outside the domain for good, and without part in anything.
    pub(super) frozen: Vec<bool>,
    /// Gone, and to be dropped by the next [`Tissue::settle`].
    pub(super) removed: Vec<bool>,
    /// [substrate][row]: amounts taken up, density × µm³; without substrates if nobody asks.
    pub(super) internalized: Vec<Vec<Real>>,
}

impl Rows {
    /// Row `i` becomes what row `order[i]` was; rows not in `order` are dropped.
    pub(super) fn permute(&mut self, order: &[u32]) {
        fn take<T: Copy>(column: &mut Vec<T>, order: &[u32]) {
            *column = order.iter().map(|&row| column[row as usize]).collect();
        }
        take(&mut self.id, order);
        take(&mut self.group, order);
        take(&mut self.position, order);
        take(&mut self.velocity, order);
        take(&mut self.previous_velocity, order);
        take(&mut self.moved, order);
        take(&mut self.volume, order);
        take(&mut self.radius, order);
        take(&mut self.direction, order);
        take(&mut self.pressure, order);
        take(&mut self.damage, order);
        take(&mut self.target, order);
        take(&mut self.frozen, order);
        take(&mut self.removed, order);
        for column in &mut self.internalized {
            take(column, order);
        }
    }
}
