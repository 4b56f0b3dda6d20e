//! The columns of the bodies, by row.

use serde::{Deserialize, Serialize};

use crate::{Real, moves::Moves};

/// Columns by row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Rows {
    pub(super) id: Vec<u64>,
    pub(super) group: Vec<u16>,
    pub(super) position: Vec<[Real; 3]>,
    pub(super) velocity: Vec<[Real; 3]>,
    pub(super) previous_velocity: Vec<[Real; 3]>,
    pub(super) moved: Vec<bool>,
    pub(super) volume: Vec<Real>,
    /// Of the sphere of the volume: a cube root, taken when the volume is written.
    #[serde(skip)]
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
    #[serde(skip)]
    pub(super) removed: Vec<bool>,
    /// [substrate][row]: amounts taken up, density × µm³; without substrates if nobody asks.
    pub(super) internalized: Vec<Vec<Real>>,
}

impl Rows {
    /// Moves all columns.
    pub(super) fn permute(&mut self, moves: &Moves) {
        moves.apply(&mut self.id);
        moves.apply(&mut self.group);
        moves.apply(&mut self.position);
        moves.apply(&mut self.velocity);
        moves.apply(&mut self.previous_velocity);
        moves.apply(&mut self.moved);
        moves.apply(&mut self.volume);
        moves.apply(&mut self.radius);
        moves.apply(&mut self.direction);
        moves.apply(&mut self.pressure);
        moves.apply(&mut self.damage);
        moves.apply(&mut self.target);
        moves.apply(&mut self.frozen);
        moves.apply(&mut self.removed);
        for column in &mut self.internalized {
            moves.apply(column);
        }
    }
}
