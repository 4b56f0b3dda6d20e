//! Pairwise contact: how overdamped spheres push and hold each other.
//!
//! With r = x_i − x_j, d = max(|r|, 10⁻⁵ µm), R = R_i + R_j and S = s_i + s_j the sum of reaches,
//!
//! ```text
//! v_i += Σ_j (√(c_i c_j) (1 − d/R)² [d ≤ R]  −  √(a_i a_j) A_ij (1 − d/S)² [d < S]) r/d   [µm/min]
//! p_i  = Σ_j (1 − d/R)² [d ≤ R] / 0.0272888…                                             [–]
//! ```
//!
//! and i, j are *in contact* where d < S. Strengths are velocities: there is no friction.
//! Source: Ghaffarizadeh et al. 2018, doi:10.1371/journal.pcbi.1005991, after Macklin et al. 2012.
//! Unlike there, two cells with the same center are pushed apart, in a direction drawn from their
//! ids, opposite for the two.
//!
//! In the usage of [`Voxels`] it is as there, and pairs whose voxels do not touch do not meet.
//!
//! Each cell's sum runs over its neighbors in ascending row, so its rounding depends on positions
//! and the order of rows only; neither on threads nor on when [`crate::neighbors`] were looked for.

mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;

use crate::motion::Domain;
use crate::{Error, Pool, Real, not_negative, positive, same_length};

/// Pressure's unit: 12 (1 − √(π / 2√3))², so that twelve neighbors at the spacing of a hexagonal
/// packing press with about 1.
pub const PRESSURE_UNIT: Real = 0.027288820670331;

/// Below this distance, µm, two centers count as one point.
pub const SAME_POINT: Real = 1e-5;

/// What cells are, all `[row]`.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// Radii R, µm; ≥ 0.
    pub radius: &'a [Real],
    /// Reach s of adhesion, µm; ≥ 0: a radius times a relative maximum adhesion distance.
    pub reach: &'a [Real],
    /// Repulsion strength c, µm/min; ≥ 0.
    pub repulsion: &'a [Real],
    /// Adhesion strength a, µm/min; ≥ 0.
    pub adhesion: &'a [Real],
    /// Row of the tables of [`Contact`]: a cell's type and whether it lives, say.
    pub group: &'a [u16],
}

/// Where a step writes. All `[row]`, or as said.
#[derive(Debug)]
pub struct Response<'a> {
    /// Velocities, µm/min: contact is added.
    pub velocity: &'a mut [[Real; 3]],
    /// Pressures, dimensionless, ≥ 0: overwritten.
    pub pressure: &'a mut [Real],
    /// Numbers of contacts, `[slot][row]`, one slot per set of watched groups: overwritten. May be
    /// empty if nobody reads them.
    pub counts: &'a mut [u32],
    /// Who is in contact with whom: overwritten.
    pub contacts: Option<&'a mut Contacts>,
    /// Whose contacts are listed; nobody else has any in `contacts`. May be empty without them.
    pub listed: &'a [bool],
}

/// Who is in contact with whom: for each listed row its neighbors in ascending row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contacts {
    starts: Vec<u32>,
    neighbors: Vec<u32>,
}

impl Contacts {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Number of ordered pairs: a contact of two listed rows counts twice.
    pub fn len(&self) -> usize {
        self.neighbors.len()
    }

    /// Does no listed row touch anybody?
    pub fn is_empty(&self) -> bool {
        self.neighbors.is_empty()
    }

    /// The rows in contact with `row`, ascending; none if it was not listed.
    pub fn of(&self, row: usize) -> &[u32] {
        &self.neighbors[self.span(row)]
    }

    /// (row, neighbor) in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        (0..self.rows()).flat_map(move |row| self.of(row).iter().map(move |&j| (row as u32, j)))
    }

    fn span(&self, row: usize) -> std::ops::Range<usize> {
        self.starts[row] as usize..self.starts[row + 1] as usize
    }
}

/// The law between groups, and the room to apply it.
#[derive(Clone, Debug)]
pub struct Contact {
    groups: usize,
    /// `[group][group]`, symmetric.
    affinity: Vec<Real>,
    /// `[group][four slots]`: 1 where a group counts.
    watched: Vec<[u32; 4]>,
    slots: usize,
    voxels: Option<Voxels>,
    own: Option<OwnAffinities>,
    domain: Domain,
    cells: cpu::Cells,
}

/// Voxels that decide who may meet at all: those in one voxel or in two that touch, even by a
/// corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Voxels {
    /// Lower corner, µm.
    pub min: [Real; 3],
    /// Upper corner, µm; a position on it belongs to the last voxel.
    pub max: [Real; 3],
    /// Edge of a voxel, µm; > 0.
    pub edge: Real,
}

impl Voxels {
    /// (i, j, k) of the voxel of a position; the nearest one if it lies outside.
    fn of(&self, position: [Real; 3]) -> [i32; 3] {
        core::array::from_fn(|axis| {
            let last = ((self.max[axis] - self.min[axis]) / self.edge).ceil() - 1.0;
            let number = ((position[axis] - self.min[axis]) / self.edge).floor();
            // The cast saturates, and NaN gives 0.
            number.min(last).max(0.0) as i32
        })
    }
}

/// Affinities that are a cell's own, in place of the table between groups: a pair holds each other
/// with √(A_i(kind of j) A_j(kind of i)).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnAffinities {
    /// Number of kinds.
    pub kinds: usize,
    /// `[group]`, each below `kinds`.
    pub kind_of_group: Vec<u16>,
    /// `[row][kind]`, ≥ 0.
    pub values: Vec<Real>,
}

impl Contact {
    /// A law for `watched.len()` groups. `affinity` is `[group][group]`, A_ij = √(A_i(j) A_j(i)),
    /// dimensionless, ≥ 0 and symmetric. `watched[group]` has bit s set if contacts with that
    /// group are counted in slot s < `slots` ≤ 64.
    ///
    /// # Errors
    /// [`Error::Length`] if `affinity` is not groups × groups long; [`Error::Range`] if an
    /// affinity is negative, not finite or not symmetric, or there are too many slots.
    pub fn new(
        affinity: Vec<Real>,
        watched: Vec<u64>,
        slots: usize,
        domain: Domain,
    ) -> Result<Contact, Error> {
        let groups = watched.len();
        same_length("the table of affinities", groups * groups, affinity.len())?;
        for i in 0..groups {
            for j in 0..groups {
                let value = affinity[i * groups + j];
                not_negative("an affinity", value)?;
                if value != affinity[j * groups + i] {
                    return Err(Error::Range {
                        what: "an affinity",
                        value,
                        range: "the same in both directions",
                    });
                }
            }
        }
        if slots > 64 {
            return Err(Error::Range {
                what: "the number of sets of watched groups",
                value: slots as Real,
                range: "at most 64",
            });
        }
        // Bits beyond the last slot would be counted nowhere.
        let bit = |bits: u64, slot: usize| (slot < slots && bits >> slot & 1 == 1).into();
        let fours = |bits: u64| {
            let firsts = (0..slots).step_by(4);
            firsts.map(move |first| std::array::from_fn(|at| bit(bits, first + at)))
        };
        Ok(Contact {
            groups,
            affinity,
            watched: watched.iter().flat_map(|&bits| fours(bits)).collect(),
            slots,
            voxels: None,
            own: None,
            domain,
            cells: cpu::Cells::default(),
        })
    }

    /// Lets only those meet whose voxels touch, and two at one point not part.
    ///
    /// # Errors
    /// [`Error::Range`] if the edge is not positive.
    pub fn meet_in(&mut self, voxels: Voxels) -> Result<(), Error> {
        positive("the edge of a mechanics voxel", voxels.edge)?;
        self.voxels = Some(voxels);
        Ok(())
    }

    /// From now on cells hold each other with these affinities, or with the table's again.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::Range`] if the kinds do not fit the groups.
    pub fn hold_by(&mut self, own: Option<OwnAffinities>) -> Result<(), Error> {
        if let Some(own) = &own {
            same_length("kinds of groups", self.groups, own.kind_of_group.len())?;
            let mut kinds = own.kind_of_group.iter();
            if let Some(&kind) = kinds.find(|&&kind| usize::from(kind) >= own.kinds) {
                return Err(Error::Range {
                    what: "a group's kind",
                    value: kind.into(),
                    range: "below the number of kinds",
                });
            }
        }
        self.own = own;
        Ok(())
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Number of sets of watched groups.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Takes over what cells are; to be called when any of it, or the order of rows, has changed.
    ///
    /// # Errors
    /// [`Error::Length`] if a column's length differs from the radii's; [`Error::Range`] if a group
    /// is not below the number of groups.
    pub fn set(&mut self, columns: &Columns) -> Result<(), Error> {
        let rows = columns.radius.len();
        same_length("reaches", rows, columns.reach.len())?;
        same_length("repulsion strengths", rows, columns.repulsion.len())?;
        same_length("adhesion strengths", rows, columns.adhesion.len())?;
        same_length("groups", rows, columns.group.len())?;
        let mut groups = columns.group.iter();
        if let Some(&group) = groups.find(|&&group| usize::from(group) >= self.groups) {
            return Err(Error::Range {
                what: "a cell's group",
                value: group.into(),
                range: "below the number of groups",
            });
        }
        self.cells.set(columns);
        Ok(())
    }

    /// Lets all cells feel all others. `id` is `[row]` and used only to part cells with the same
    /// center; `position` is `[row]`, µm.
    ///
    /// # Errors
    /// [`Error::Length`] if a column does not fit what was [set](Contact::set).
    pub fn step(
        &mut self,
        id: &[u64],
        position: &[[Real; 3]],
        response: Response,
        pool: &Pool,
    ) -> Result<(), Error> {
        let rows = self.cells.len();
        same_length("ids", rows, id.len())?;
        same_length("positions", rows, position.len())?;
        if let Some(own) = &self.own {
            same_length("own affinities", rows * own.kinds, own.values.len())?;
        }
        same_length("velocities", rows, response.velocity.len())?;
        same_length("pressures", rows, response.pressure.len())?;
        if !response.counts.is_empty() {
            same_length("counts", rows * self.slots, response.counts.len())?;
        }
        if response.contacts.is_some() {
            same_length("rows that are listed or not", rows, response.listed.len())?;
        }
        let law = cpu::Law {
            groups: self.groups,
            affinity: &self.affinity,
            watched: &self.watched,
            slots: self.slots,
            voxels: self.voxels.as_ref(),
            own: self.own.as_ref(),
            domain: &self.domain,
        };
        self.cells.step(&law, id, position, response, pool);
        Ok(())
    }
}
