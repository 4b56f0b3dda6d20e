//! The columns of the bodies, by row.

use serde::{Deserialize, Serialize};

use crate::{
    Pool, Real,
    moves::{Column, Moves},
};

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
    /// Makes room for so many more rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.id.reserve(rows);
        self.group.reserve(rows);
        self.position.reserve(rows);
        self.velocity.reserve(rows);
        self.previous_velocity.reserve(rows);
        self.moved.reserve(rows);
        self.volume.reserve(rows);
        self.radius.reserve(rows);
        self.direction.reserve(rows);
        self.pressure.reserve(rows);
        self.damage.reserve(rows);
        self.target.reserve(rows);
        self.frozen.reserve(rows);
        self.removed.reserve(rows);
        for column in &mut self.internalized {
            column.reserve(rows);
        }
    }

    /// Moves all columns.
    pub(super) fn permute(&mut self, moves: &Moves, pool: &Pool) {
        let mut columns: Vec<&mut dyn Column> = vec![
            &mut self.position,
            &mut self.velocity,
            &mut self.previous_velocity,
            &mut self.direction,
            &mut self.id,
            &mut self.group,
            &mut self.moved,
            &mut self.volume,
            &mut self.radius,
            &mut self.pressure,
            &mut self.damage,
            &mut self.target,
            &mut self.frozen,
            &mut self.removed,
        ];
        for column in &mut self.internalized {
            columns.push(column);
        }
        moves.carry(&mut columns, pool);
    }
}
