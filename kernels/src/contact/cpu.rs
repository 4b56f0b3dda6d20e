//! The pair loop. What a pair needs is first copied in bin order, so that a cell's candidates
//! are a few runs of consecutive numbers; most of the candidates are then dismissed by squared
//! distance alone.

use super::{Columns, Contacts, OwnAffinities, PRESSURE_UNIT, Response, SAME_POINT, Voxels};
use crate::neighbors::{Around, Bins};
use crate::random::{on_circle, on_sphere, open_unit, pair_id};
use crate::{Pool, Real};

/// Places per piece of work. Fixed, so that pieces do not depend on threads.
const PIECE: usize = 512;
/// Below this many cells a step is shorter than waking the threads.
const LARGE: usize = 4096;

/// The constants of a step.
pub(super) struct Law<'a> {
    pub(super) groups: usize,
    pub(super) affinity: &'a [Real],
    pub(super) watched: &'a [u64],
    pub(super) slots: usize,
    pub(super) voxels: Option<&'a Voxels>,
    pub(super) own: Option<&'a OwnAffinities>,
}

/// Buffers that live from step to step, so that a step allocates only while the tissue grows.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    packed: Packed,
    pieces: Vec<Piece>,
}

/// Columns in bin order.
#[derive(Clone, Debug, Default)]
struct Packed {
    x: Vec<Real>,
    y: Vec<Real>,
    z: Vec<Real>,
    /// The larger of radius and reach.
    outer: Vec<Real>,
    rest: Vec<Rest>,
    /// Only where voxels decide who meets.
    voxel: Vec<[i32; 3]>,
    /// `[place][kind]`, only where affinities are a cell's own.
    affinity: Vec<Real>,
}

/// What is read only for a pair that is near.
#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    radius: Real,
    reach: Real,
    /// √c and √a.
    repulsion: Real,
    adhesion: Real,
    row: u32,
    group: u32,
}

/// The results of up to [`PIECE`] places, and scratch.
#[derive(Clone, Debug, Default)]
struct Piece {
    gathered: Vec<Gathered>,
    /// `[place][slot]`.
    counts: Vec<u32>,
    /// (neighbor row, distance) of all listed rows.
    contacts: Vec<(u32, Real)>,
    /// The listed rows, and where the contacts of each end.
    listed: Vec<(u32, u32)>,
    near: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Gathered {
    velocity: [Real; 3],
    pressure: Real,
}

impl Packed {
    fn fill(&mut self, law: &Law, bodies: &Columns, order: &[u32]) {
        fn pack<T>(out: &mut Vec<T>, order: &[u32], of: impl Fn(usize) -> T) {
            out.clear();
            out.extend(order.iter().map(|&row| of(row as usize)));
        }
        pack(&mut self.x, order, |row| bodies.position[row][0]);
        pack(&mut self.y, order, |row| bodies.position[row][1]);
        pack(&mut self.z, order, |row| bodies.position[row][2]);
        pack(&mut self.outer, order, |row| {
            bodies.radius[row].max(bodies.reach[row])
        });
        pack(&mut self.rest, order, |row| Rest {
            radius: bodies.radius[row],
            reach: bodies.reach[row],
            repulsion: bodies.repulsion[row].sqrt(),
            adhesion: bodies.adhesion[row].sqrt(),
            row: row as u32,
            group: bodies.group[row].into(),
        });
        if let Some(voxels) = law.voxels {
            pack(&mut self.voxel, order, |row| {
                voxels.of(bodies.position[row])
            });
        }
        if let Some(own) = law.own {
            let of = |&row: &u32| &own.values[row as usize * own.kinds..][..own.kinds];
            self.affinity.clear();
            self.affinity.extend(order.iter().flat_map(of));
        }
    }

    /// Whether the voxels of two places are one or touch.
    #[inline(always)]
    fn voxels_touch(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.voxel[a], self.voxel[b]);
        (0..3).all(|axis| (a[axis] - b[axis]).abs() <= 1)
    }

    /// √(A_a(kind of b) A_b(kind of a)), from the places' own numbers.
    #[inline(always)]
    fn own_affinity(&self, own: &OwnAffinities, a: usize, b: usize) -> Real {
        let kind = |place: usize| usize::from(own.kind_of_group[self.rest[place].group as usize]);
        let of = |place: usize, kind: usize| self.affinity[place * own.kinds + kind];
        (of(a, kind(b)) * of(b, kind(a))).sqrt()
    }

    /// Writes the places within reach of `place` to `near` and returns how many; `place` itself
    /// is one of them.
    #[inline(always)]
    fn near(&self, place: usize, around: &Around, near: &mut Vec<u32>) -> usize {
        // Four at a time may write three places past the last one found.
        let candidates: usize = around.ranges().map(|range| range.len()).sum();
        if near.len() < candidates + 4 {
            near.resize(candidates + 4, 0);
        }
        let (x, y, z, outer) = (
            self.x[place],
            self.y[place],
            self.z[place],
            self.outer[place],
        );
        // The margin leaves ties to the exact comparison of distances later.
        let is_near = |x_: Real, y_: Real, z_: Real, outer_: Real| {
            let (dx, dy, dz) = (x - x_, y - y_, z - z_);
            let reach = outer + outer_;
            dx * dx + dy * dy + dz * dz <= reach * reach * (1.0 + 1e-12)
        };
        let mut found = 0;
        for range in around.ranges() {
            let mut first = range.start as u32;
            let (xs, x_rest) = self.x[range.clone()].as_chunks::<4>();
            let (ys, y_rest) = self.y[range.clone()].as_chunks::<4>();
            let (zs, z_rest) = self.z[range.clone()].as_chunks::<4>();
            let (outers, outer_rest) = self.outer[range].as_chunks::<4>();
            for (((xs, ys), zs), outers) in xs.iter().zip(ys).zip(zs).zip(outers) {
                let mut mask = 0;
                for lane in 0..4 {
                    let near = is_near(xs[lane], ys[lane], zs[lane], outers[lane]);
                    mask |= usize::from(near) << lane;
                }
                near[found..found + 4].copy_from_slice(&SET_BITS[mask].map(|bit| first + bit));
                found += mask.count_ones() as usize;
                first += 4;
            }
            let rest = x_rest.iter().zip(y_rest).zip(z_rest).zip(outer_rest);
            for (((&x, &y), &z), &outer) in rest {
                // Every candidate is written and only a near one counted: no branch to guess.
                near[found] = first;
                found += usize::from(is_near(x, y, z, outer));
                first += 1;
            }
        }
        found
    }
}

/// The positions of the set bits of a mask of four, ascending, and then zeros.
const SET_BITS: [[u32; 4]; 16] = {
    let mut table = [[0; 4]; 16];
    let mut mask = 0;
    while mask < 16 {
        let (mut bit, mut count) = (0, 0);
        while bit < 4 {
            if mask >> bit & 1 == 1 {
                table[mask][count] = bit as u32;
                count += 1;
            }
            bit += 1;
        }
        mask += 1;
    }
    table
};

impl Room {
    pub(super) fn step(
        &mut self,
        law: &Law,
        bodies: &Columns,
        bins: &Bins,
        response: Response,
        pool: &Pool,
    ) {
        let cells = bodies.id.len();
        let order = bins.order();
        self.packed.fill(law, bodies, order);
        let count = cells.div_ceil(PIECE);
        if self.pieces.len() < count {
            self.pieces.resize_with(count, Piece::default);
        }
        let slots = if response.counts.is_empty() {
            0
        } else {
            law.slots
        };
        let listed = response.contacts.is_some().then_some(response.listed);
        let packed = &self.packed;
        pool.pieces(
            &mut self.pieces[..count],
            1,
            cells >= LARGE,
            |index, piece| {
                let places = index * PIECE..((index + 1) * PIECE).min(cells);
                piece[0].fill(law, bodies, bins, packed, places, slots, listed);
            },
        );

        let pieces = &self.pieces[..count];
        for (piece, rows) in pieces.iter().zip(order.chunks(PIECE)) {
            for (gathered, &row) in piece.gathered.iter().zip(rows) {
                let velocity = &mut response.velocity[row as usize];
                for axis in 0..3 {
                    velocity[axis] += gathered.velocity[axis];
                }
                response.pressure[row as usize] = gathered.pressure;
            }
            for (place, &row) in rows.iter().enumerate() {
                for slot in 0..slots {
                    response.counts[slot * cells + row as usize] =
                        piece.counts[place * slots + slot];
                }
            }
        }
        if let Some(contacts) = response.contacts {
            collect(pieces, cells, contacts);
        }
    }
}

/// Puts the pieces' contacts in the order of `rows` rows.
fn collect(pieces: &[Piece], rows: usize, contacts: &mut Contacts) {
    contacts.starts.clear();
    contacts.starts.resize(rows + 1, 0);
    for (row, found) in pieces.iter().flat_map(Piece::listed) {
        contacts.starts[row + 1] = found.len() as u32;
    }
    for row in 0..rows {
        contacts.starts[row + 1] += contacts.starts[row];
    }
    let total = contacts.starts[rows] as usize;
    contacts.neighbors.resize(total, 0);
    contacts.distances.resize(total, 0.0);
    for (row, found) in pieces.iter().flat_map(Piece::listed) {
        let start = contacts.starts[row] as usize;
        for (offset, &(neighbor, distance)) in found.iter().enumerate() {
            contacts.neighbors[start + offset] = neighbor;
            contacts.distances[start + offset] = distance;
        }
    }
}

impl Piece {
    /// Each listed row and its contacts, in bin order.
    fn listed(&self) -> impl Iterator<Item = (usize, &[(u32, Real)])> {
        let mut start = 0;
        self.listed.iter().map(move |&(row, end)| {
            let found = &self.contacts[start as usize..end as usize];
            start = end;
            (row as usize, found)
        })
    }

    /// [`Piece::gather`] for the law at hand, so that the default one pays for no other.
    fn fill(
        &mut self,
        law: &Law,
        bodies: &Columns,
        bins: &Bins,
        packed: &Packed,
        places: std::ops::Range<usize>,
        slots: usize,
        listed: Option<&[bool]>,
    ) {
        match (law.voxels, law.own) {
            (None, None) => {
                self.fill_by::<false, false>(law, bodies, bins, packed, places, slots, listed);
            }
            (None, Some(_)) => {
                self.fill_by::<false, true>(law, bodies, bins, packed, places, slots, listed);
            }
            (Some(_), None) => {
                self.fill_by::<true, false>(law, bodies, bins, packed, places, slots, listed);
            }
            (Some(_), Some(_)) => {
                self.fill_by::<true, true>(law, bodies, bins, packed, places, slots, listed);
            }
        }
    }

    /// [`Piece::gather`] in the widest registers at hand. The compiler neither fuses nor reorders
    /// floating-point arithmetic, so the bits are those of any other width.
    fn fill_by<const VOXELS: bool, const OWN: bool>(
        &mut self,
        law: &Law,
        bodies: &Columns,
        bins: &Bins,
        packed: &Packed,
        places: std::ops::Range<usize>,
        slots: usize,
        listed: Option<&[bool]>,
    ) {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2,popcnt")]
            fn wide<const VOXELS: bool, const OWN: bool>(
                piece: &mut Piece,
                law: &Law,
                bodies: &Columns,
                bins: &Bins,
                packed: &Packed,
                places: std::ops::Range<usize>,
                slots: usize,
                listed: Option<&[bool]>,
            ) {
                piece.gather::<VOXELS, OWN>(law, bodies, bins, packed, places, slots, listed);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
                // SAFETY: the processor has what `wide` is compiled for.
                unsafe {
                    wide::<VOXELS, OWN>(self, law, bodies, bins, packed, places, slots, listed);
                };
                return;
            }
        }
        self.gather::<VOXELS, OWN>(law, bodies, bins, packed, places, slots, listed);
    }

    /// `VOXELS`: voxels decide who meets, and two at one point do not part. `OWN`: affinities are
    /// the cells' own.
    #[inline(always)]
    fn gather<const VOXELS: bool, const OWN: bool>(
        &mut self,
        law: &Law,
        bodies: &Columns,
        bins: &Bins,
        packed: &Packed,
        places: std::ops::Range<usize>,
        slots: usize,
        listed: Option<&[bool]>,
    ) {
        self.gathered.clear();
        self.counts.clear();
        self.counts.resize(places.len() * slots, 0);
        self.contacts.clear();
        self.listed.clear();
        let first = places.start;
        let mut around = None;
        for place in places {
            let own = packed.rest[place];
            let bin = bins.bin_of()[own.row as usize] as usize;
            let around = match around {
                Some((same, around)) if same == bin => around,
                _ => around.insert((bin, bins.around(bin))).1,
            };
            let found = packed.near(place, &around, &mut self.near);
            let affinity = &law.affinity[own.group as usize * law.groups..][..law.groups];
            let (x, y, z) = (packed.x[place], packed.y[place], packed.z[place]);
            let mut sum = Gathered::default();
            let is_listed = listed.is_some_and(|listed| listed[own.row as usize]);
            let listed_before = self.contacts.len();
            for &other in &self.near[..found] {
                let other = other as usize;
                if other == place || VOXELS && !packed.voxels_touch(place, other) {
                    continue;
                }
                let its = &packed.rest[other];
                let away = [
                    x - packed.x[other],
                    y - packed.y[other],
                    z - packed.z[other],
                ];
                let square = away[0] * away[0] + away[1] * away[1] + away[2] * away[2];
                let distance = square.sqrt().max(SAME_POINT);
                let touching = own.radius + its.radius;
                let reach = own.reach + its.reach;
                let overlap = 1.0 - distance / touching;
                let overlap = if distance <= touching {
                    overlap * overlap
                } else {
                    0.0
                };
                let hold = 1.0 - distance / reach;
                let in_contact = distance < reach;
                let hold = if in_contact { hold * hold } else { 0.0 };
                let affinity = match law.own {
                    Some(own) if OWN => packed.own_affinity(own, place, other),
                    _ => affinity[its.group as usize],
                };
                let strength = own.repulsion * its.repulsion * overlap
                    - own.adhesion * its.adhesion * affinity * hold;
                sum.pressure += overlap;
                if !VOXELS && square < SAME_POINT * SAME_POINT {
                    let away = apart(
                        bodies.id[own.row as usize],
                        bodies.id[its.row as usize],
                        bins.is_flat(),
                    );
                    for axis in 0..3 {
                        sum.velocity[axis] += strength * away[axis];
                    }
                } else {
                    let factor = strength / distance;
                    for axis in 0..3 {
                        sum.velocity[axis] += factor * away[axis];
                    }
                }
                if in_contact {
                    if slots > 0 {
                        let counts = &mut self.counts[(place - first) * slots..][..slots];
                        let mut bits = law.watched[its.group as usize];
                        while bits != 0 {
                            counts[bits.trailing_zeros() as usize] += 1;
                            bits &= bits - 1;
                        }
                    }
                    if is_listed {
                        self.contacts.push((its.row, distance));
                    }
                }
            }
            sum.pressure /= PRESSURE_UNIT;
            self.gathered.push(sum);
            if is_listed {
                self.contacts[listed_before..].sort_unstable_by_key(|&(row, _)| row);
                self.listed.push((own.row, self.contacts.len() as u32));
            }
        }
    }
}

/// The direction in which a cell leaves another that has the same center: opposite for the two,
/// and none for a cell and itself.
fn apart(own: u64, other: u64, flat: bool) -> [Real; 3] {
    let (low, high) = (own.min(other), own.max(other));
    let first = pair_id(low, high);
    let second = pair_id(high, low);
    let unit = |bits: u64| open_unit(bits as u32, (bits >> 32) as u32);
    let direction = if flat {
        on_circle(unit(first))
    } else {
        on_sphere([unit(first), unit(second)])
    };
    let sign = match own.cmp(&other) {
        std::cmp::Ordering::Less => 1.0,
        std::cmp::Ordering::Equal => 0.0,
        std::cmp::Ordering::Greater => -1.0,
    };
    direction.map(|component| sign * component)
}
