//! The pair loop: each pair once, and what it does is added to both, in the order of rows. Where
//! rows are cut into pieces, a pair of two pieces is looked at by each for its own row. In both
//! cases a row's sum runs over its neighbors in ascending order, bit for bit.

use std::ops::Range;

use super::{Columns, Contacts, OwnAffinities, PRESSURE_UNIT, Response, SAME_POINT, Voxels};
use crate::motion::Domain;
use crate::neighbors::{LARGE, Neighbors, Piece};
use crate::random::{direction, mix, open_unit, pair_id};
use crate::{Pool, Real};

/// Rows after which sums that are complete are handed out, so that there is room for the next.
const BLOCK: usize = 1024;

/// So many pairs are gone through together: enough for loops over them to be worth it, and few
/// enough to stay in the nearest cache.
const BATCH: usize = 64;

/// The constants of a step.
pub(super) struct Law<'a> {
    pub(super) groups: usize,
    pub(super) affinity: &'a [Real],
    /// `[group][four slots]`: 1 where a group counts.
    pub(super) watched: &'a [[u32; 4]],
    pub(super) slots: usize,
    pub(super) voxels: Option<&'a Voxels>,
    pub(super) own: Option<&'a OwnAffinities>,
    pub(super) domain: &'a Domain,
}

/// What contact keeps of cells from step to step.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    traits: Vec<Traits>,
    group: Vec<u16>,
    /// The largest distance at which two cells meet, µm.
    range: Real,
    near: Neighbors,
    sums: Vec<Sums>,
    /// `[row]`, only where voxels decide who meets.
    voxels: Vec<[i32; 3]>,
}

/// Velocity and pressure, in one wide register.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Sum([Real; 4]);

/// What a pair depends on besides positions and groups.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Traits {
    radius: Real,
    reach: Real,
    /// √c and √a.
    repulsion: Real,
    adhesion: Real,
}

impl Cells {
    pub(super) fn len(&self) -> usize {
        self.traits.len()
    }

    /// The largest distance at which two cells meet, µm.
    #[cfg(feature = "cuda")]
    pub(super) fn range(&self) -> Real {
        self.range
    }

    /// `[row][radius, reach, √c, √a]`.
    #[cfg(feature = "cuda")]
    pub(super) fn traits(&self) -> Vec<Real> {
        let each = self.traits.iter();
        let each = each.flat_map(|it| [it.radius, it.reach, it.repulsion, it.adhesion]);
        each.collect()
    }

    /// `[row]`.
    #[cfg(feature = "cuda")]
    pub(super) fn groups(&self) -> &[u16] {
        &self.group
    }

    pub(super) fn set(&mut self, columns: &Columns) {
        self.group.clear();
        self.group.extend_from_slice(columns.group);
        self.traits.clear();
        self.traits
            .extend((0..columns.radius.len()).map(|row| Traits {
                radius: columns.radius[row],
                reach: columns.reach[row],
                repulsion: columns.repulsion[row].sqrt(),
                adhesion: columns.adhesion[row].sqrt(),
            }));
        // A length that is no number is passed over.
        let lengths = columns.radius.iter().chain(columns.reach);
        self.range = 2.0 * lengths.fold(0.0, |most: Real, &length| most.max(length));
        self.near.forget();
    }

    pub(super) fn step(
        &mut self,
        law: &Law,
        id: &[u64],
        position: &[[Real; 3]],
        response: Response,
        pool: &Pool,
    ) {
        let rows = position.len();
        let is_large = rows >= LARGE;
        let traits = &self.traits;
        let outer = |row: usize| traits[row].radius.max(traits[row].reach);
        self.near
            .update(position, outer, self.range, law.domain, pool);
        self.voxels.clear();
        // Cells nearer than an edge are never two voxels apart.
        let part = |voxels: &&Voxels| self.range > voxels.edge * (1.0 - 1e-9);
        if let Some(voxels) = law.voxels.filter(part) {
            let of = |&position: &[Real; 3]| voxels.of(position);
            self.voxels.extend(position.iter().map(of));
        }
        let scene = Scene {
            law,
            id,
            position,
            traits,
            group: &self.group,
            voxels: &self.voxels,
            slots: if response.counts.is_empty() {
                0
            } else {
                law.slots.div_ceil(4)
            },
            listed: if response.contacts.is_some() {
                response.listed
            } else {
                &[]
            },
        };
        let pieces = &self.near.pieces;
        self.sums.resize_with(pieces.len(), Sums::default);
        let (mut velocity, mut pressure) = (response.velocity, response.pressure);
        let mut counts: Vec<&mut [u32]> = response.counts.chunks_mut(rows.max(1)).collect();
        let work = pieces.iter().zip(&mut self.sums).map(|(piece, sums)| {
            let (own, covered) = (piece.rows.len(), "pieces cover all rows");
            let counts = counts.iter_mut();
            let out = Out {
                velocity: velocity.split_off_mut(..own).expect(covered),
                pressure: pressure.split_off_mut(..own).expect(covered),
                counts: counts
                    .map(|counts| counts.split_off_mut(..own).expect(covered))
                    .collect(),
            };
            (piece, sums, out)
        });
        let mut work: Vec<_> = work.collect();
        pool.pieces(&mut work, 1, is_large, |_, work| {
            let (piece, sums, out) = &mut work[0];
            sums.gather_widest(&scene, piece, out);
        });
        if let Some(contacts) = response.contacts {
            collect(&self.sums, rows, contacts);
        }
    }
}

/// Puts the pieces' contacts in the order of rows, by counting.
fn collect(sums: &[Sums], rows: usize, contacts: &mut Contacts) {
    let found = || sums.iter().flat_map(|sums| &sums.contacts);
    // Each row's end stands one place further than it will, since filling moves starts to ends.
    let starts = &mut contacts.starts;
    starts.clear();
    starts.resize(rows + 2, 0);
    for &(row, _) in found() {
        starts[row as usize + 2] += 1;
    }
    for row in 0..rows {
        starts[row + 2] += starts[row + 1];
    }
    contacts.neighbors.resize(starts[rows + 1] as usize, 0);
    for &(row, neighbor) in found() {
        let next = &mut starts[row as usize + 1];
        contacts.neighbors[*next as usize] = neighbor;
        *next += 1;
    }
    starts.pop();
}

/// What all pieces read.
struct Scene<'a> {
    law: &'a Law<'a>,
    id: &'a [u64],
    position: &'a [[Real; 3]],
    traits: &'a [Traits],
    group: &'a [u16],
    /// Empty where all may meet.
    voxels: &'a [[i32; 3]],
    /// Four at a time; none where nobody reads counts.
    slots: usize,
    /// Empty where nobody's contacts are listed.
    listed: &'a [bool],
}

impl Scene<'_> {
    /// Whether the voxels of two rows are one or touch.
    fn voxels_touch(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.voxels[a], self.voxels[b]);
        (0..3).all(|axis| (a[axis] - b[axis]).abs() <= 1)
    }

    /// √(A_a(kind of b) A_b(kind of a)), from the rows' own numbers.
    fn own_affinity(&self, own: &OwnAffinities, a: usize, b: usize) -> Real {
        let kind = |row: usize| usize::from(own.kind_of_group[usize::from(self.group[row])]);
        let of = |row: usize, kind: usize| own.values[row * own.kinds + kind];
        (of(a, kind(b)) * of(b, kind(a))).sqrt()
    }
}

/// Where the results of the rows of a piece go.
struct Out<'a> {
    velocity: &'a mut [[Real; 3]],
    pressure: &'a mut [Real],
    /// `[slot][row]`.
    counts: Vec<&'a mut [u32]>,
}

/// The results of those rows of a piece of which pairs are still to come. Rows near each other are
/// not far apart, so that these are few: a row's last bits are its place. Rows above the piece have
/// places too, and nobody asks what comes of them there.
#[derive(Clone, Debug, Default)]
struct Sums {
    /// `[place]`, a power of two of them; zero where no row stands.
    sums: Vec<Sum>,
    /// `[place][four slots]`; zero where no row stands.
    counts: Vec<[u32; 4]>,
    /// (row, its neighbor) of listed rows; for each row in ascending order of neighbors.
    contacts: Vec<(u32, u32)>,
}

impl Sums {
    /// [`Sums::gather`] for the law at hand and in the widest registers at hand. The compiler
    /// neither fuses nor reorders floating-point arithmetic, so the bits are those of any other
    /// width.
    fn gather_widest(&mut self, scene: &Scene, piece: &Piece, out: &mut Out) {
        let is_plain = scene.voxels.is_empty() && scene.law.own.is_none();
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2")]
            fn wide<const PLAIN: bool>(
                sums: &mut Sums,
                scene: &Scene,
                piece: &Piece,
                out: &mut Out,
            ) {
                sums.gather::<PLAIN>(scene, piece, out);
            }
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has what `wide` is compiled for.
                unsafe {
                    if is_plain {
                        wide::<true>(self, scene, piece, out);
                    } else {
                        wide::<false>(self, scene, piece, out);
                    }
                }
                return;
            }
        }
        if is_plain {
            self.gather::<true>(scene, piece, out);
        } else {
            self.gather::<false>(scene, piece, out);
        }
    }

    /// `PLAIN`: whoever is near meets, with the table's affinities.
    #[inline(always)]
    fn gather<const PLAIN: bool>(&mut self, scene: &Scene, piece: &Piece, out: &mut Out) {
        let Range { start: first, end } = piece.rows;
        // Of one length, so that one comparison shows that a row is in all three.
        let rows = scene.traits.len();
        let scene = &Scene {
            position: &scene.position[..rows],
            group: &scene.group[..rows],
            ..*scene
        };
        let places = (piece.span + BLOCK.min(end - first)).next_power_of_two();
        self.sums.clear();
        self.sums.resize(places, Sum([0.0; 4]));
        self.counts.clear();
        self.counts.resize(places * scene.slots, [0; 4]);
        self.contacts.clear();
        let mut batch = Batch::new(piece.rows.clone());
        // Lower rows of other pieces come first in everybody's sum.
        for (row, others) in piece.lower.iter() {
            self.meet::<PLAIN, _>(&mut batch, scene, row, others, |other| other);
        }
        self.finish::<PLAIN>(&mut batch, scene);
        batch.are_lower = false;
        let mut lists = piece.lists();
        for start in piece.rows.clone().step_by(BLOCK) {
            for (row, steps, far) in lists.by_ref().take(BLOCK) {
                let above = |step| row as u32 + u32::from(step);
                self.meet::<PLAIN, u16>(&mut batch, scene, row, steps, above);
                if !far.is_empty() {
                    self.meet::<PLAIN, _>(&mut batch, scene, row, far, |other| other);
                }
            }
            self.finish::<PLAIN>(&mut batch, scene);
            // No pair of these rows is left.
            self.hand_out(start..end.min(start + BLOCK), first, scene.slots, out);
        }
    }

    /// Gives rows of a piece that begins with `first` their results, and makes their places free.
    #[inline(always)]
    fn hand_out(&mut self, rows: Range<usize>, first: usize, slots: usize, out: &mut Out) {
        let last = self.sums.len() - 1;
        let own = rows.start - first..rows.end - first;
        let velocities = out.velocity[own.clone()].iter_mut();
        let outs = velocities.zip(&mut out.pressure[own.clone()]);
        for ((velocity, pressure), row) in outs.zip(rows.clone()) {
            let [x, y, z, sum] = self.sums[row & last].0;
            self.sums[row & last] = Sum([0.0; 4]);
            *velocity = [velocity[0] + x, velocity[1] + y, velocity[2] + z];
            *pressure = sum / PRESSURE_UNIT;
        }
        for (slot, counts) in out.counts.iter_mut().enumerate() {
            for (count, row) in counts[own.clone()].iter_mut().zip(rows.clone()) {
                let four = &mut self.counts[(row & last) * slots + slot / 4];
                *count = std::mem::take(&mut four[slot % 4]);
            }
        }
    }

    /// `other`: the row that an entry of a list stands for.
    #[inline(always)]
    fn meet<const PLAIN: bool, T: Copy>(
        &mut self,
        batch: &mut Batch,
        scene: &Scene,
        row: usize,
        mut others: &[T],
        other: impl Fn(T) -> u32,
    ) {
        while batch.len + others.len() >= BATCH {
            let (now, later) = others.split_at(BATCH - batch.len);
            batch.load(scene, row, now, &other);
            self.finish::<PLAIN>(batch, scene);
            others = later;
        }
        batch.load(scene, row, others, &other);
    }

    /// Adds what the pairs of a batch do to each other.
    #[inline(always)]
    fn finish<const PLAIN: bool>(&mut self, batch: &mut Batch, scene: &Scene) {
        if !PLAIN {
            batch.amend(scene);
        }
        batch.weigh();
        if scene.law.voxels.is_none() {
            batch.part(scene);
        }
        if batch.are_lower {
            batch.push::<false>(&mut self.sums);
        } else {
            batch.push::<true>(&mut self.sums);
        }
        if scene.slots > 0 {
            batch.count(scene, &mut self.counts);
        }
        if !scene.listed.is_empty() {
            batch.list(scene, &mut self.contacts);
        }
        batch.len = 0;
    }
}

/// Pairs on their way, `[pair]`; the first `len` count.
struct Batch {
    /// The rows of the piece.
    rows: Range<usize>,
    /// Whether all others are of lower pieces.
    are_lower: bool,
    len: usize,
    own: [u32; BATCH],
    other: [u32; BATCH],
    /// From the other's center to the own, and the sum of radii.
    away: [[Real; 4]; BATCH],
    /// Sum of reaches, product of √c, product of √a, affinity.
    both: [[Real; 4]; BATCH],
    distance: [Real; BATCH],
    /// Strength over distance.
    factor: [Real; BATCH],
    /// (1 − d/R)² where they overlap.
    overlap: [Real; BATCH],
    in_contact: [bool; BATCH],
}

impl Batch {
    fn new(rows: Range<usize>) -> Batch {
        Batch {
            rows,
            are_lower: true,
            len: 0,
            own: [0; BATCH],
            other: [0; BATCH],
            away: [[0.0; 4]; BATCH],
            both: [[0.0; 4]; BATCH],
            distance: [0.0; BATCH],
            factor: [0.0; BATCH],
            overlap: [0.0; BATCH],
            in_contact: [false; BATCH],
        }
    }

    /// Takes up pairs of one row; there must be room.
    #[inline(always)]
    fn load<T: Copy>(&mut self, scene: &Scene, row: usize, others: &[T], other: impl Fn(T) -> u32) {
        let [x, y, z] = scene.position[row];
        let own = scene.traits[row];
        let affinity = &scene.law.affinity[usize::from(scene.group[row]) * scene.law.groups..];
        let new = self.len..self.len + others.len();
        self.len = new.end;
        self.own[new.clone()].fill(row as u32);
        for (place, &entry) in self.other[new.clone()].iter_mut().zip(others) {
            *place = other(entry);
        }
        let others = &self.other[new.clone()];
        let room = self.away[new.clone()].iter_mut().zip(&mut self.both[new]);
        for ((away, both), &other) in room.zip(others) {
            let at = scene.position[other as usize];
            let its = scene.traits[other as usize];
            let touching = own.radius + its.radius;
            *away = [x - at[0], y - at[1], z - at[2], touching];
            *both = [
                own.reach + its.reach,
                own.repulsion * its.repulsion,
                own.adhesion * its.adhesion,
                affinity[usize::from(scene.group[other as usize])],
            ];
        }
    }

    /// Takes their own affinities where cells have such, and puts those out of reach that may not
    /// meet.
    fn amend(&mut self, scene: &Scene) {
        for k in 0..self.len {
            let (own, other) = (self.own[k] as usize, self.other[k] as usize);
            if let Some(affinities) = scene.law.own {
                self.both[k][3] = scene.own_affinity(affinities, own, other);
            }
            if !scene.voxels.is_empty() && !scene.voxels_touch(own, other) {
                (self.away[k][3], self.both[k][0]) = (0.0, 0.0);
            }
        }
    }

    /// The law.
    #[inline(always)]
    fn weigh(&mut self) {
        for k in 0..BATCH {
            let [x, y, z, touching] = self.away[k];
            let [reach, repulsion, adhesion, affinity] = self.both[k];
            let root = (x * x + y * y + z * z).sqrt();
            let distance = if root < SAME_POINT { SAME_POINT } else { root };
            let overlap = 1.0 - distance / touching;
            let overlap = if distance <= touching {
                overlap * overlap
            } else {
                0.0
            };
            let hold = 1.0 - distance / reach;
            let hold = if distance < reach { hold * hold } else { 0.0 };
            let strength = repulsion * overlap - adhesion * affinity * hold;
            self.factor[k] = strength / distance;
            self.overlap[k] = overlap;
            self.in_contact[k] = distance < reach;
            self.distance[k] = distance;
        }
    }

    /// Gives those at one point a direction to part in.
    #[inline(always)]
    fn part(&mut self, scene: &Scene) {
        // A loop without a branch, since this hardly ever happens.
        let nearest = self
            .distance
            .iter()
            .fold(Real::INFINITY, |least, &distance| {
                if distance < least { distance } else { least }
            });
        if nearest > SAME_POINT {
            return;
        }
        for k in 0..self.len {
            if self.distance[k] <= SAME_POINT {
                let [own, other] = [self.own[k], self.other[k]].map(|row| scene.id[row as usize]);
                let direction = apart(own, other, scene.law.domain.dimensions == 2);
                self.away[k][..3].copy_from_slice(&direction.map(|part| SAME_POINT * part));
            }
        }
    }

    /// `BOTH`: not only for the own row.
    #[inline(always)]
    fn push<const BOTH: bool>(&self, sums: &mut [Sum]) {
        let last = sums.len() - 1;
        for k in 0..self.len {
            let [x, y, z, _] = self.away[k];
            let (factor, overlap) = (self.factor[k], self.overlap[k]);
            let [x, y, z] = [factor * x, factor * y, factor * z];
            let own = &mut sums[self.own[k] as usize & last].0;
            *own = [own[0] + x, own[1] + y, own[2] + z, own[3] + overlap];
            if !BOTH {
                continue;
            }
            let its = &mut sums[self.other[k] as usize & last].0;
            *its = [its[0] - x, its[1] - y, its[2] - z, its[3] + overlap];
        }
    }

    /// One pass for each four slots; hardly ever are there more.
    #[inline(always)]
    fn count(&self, scene: &Scene, counts: &mut [[u32; 4]]) {
        let (slots, watched) = (scene.slots, scene.law.watched);
        let last = counts.len() / slots - 1;
        let group = |row: u32| usize::from(scene.group[row as usize]);
        for four in 0..slots {
            for k in 0..self.len {
                let (own, other) = (self.own[k], self.other[k]);
                // Who is not in contact counts for nothing: cheaper than a branch.
                let mask = u32::from(self.in_contact[k]).wrapping_neg();
                let its = if self.are_lower { 0 } else { mask };
                for (row, neighbor, mask) in [(own, other, mask), (other, own, its)] {
                    let ones = watched[group(neighbor) * slots + four];
                    let counts = &mut counts[(row as usize & last) * slots + four];
                    for slot in 0..4 {
                        counts[slot] += ones[slot] & mask;
                    }
                }
            }
        }
    }

    fn list(&self, scene: &Scene, contacts: &mut Vec<(u32, u32)>) {
        for k in (0..self.len).filter(|&k| self.in_contact[k]) {
            let (own, other) = (self.own[k], self.other[k]);
            if scene.listed[own as usize] {
                contacts.push((own, other));
            }
            if scene.listed[other as usize] && self.rows.contains(&(other as usize)) {
                contacts.push((other, own));
            }
        }
    }
}

/// The direction in which a cell leaves another that has the same center: opposite for the two.
fn apart(own: u64, other: u64, flat: bool) -> [Real; 3] {
    let (low, high) = (own.min(other), own.max(other));
    let mut bits = [pair_id(low, high), pair_id(high, low)];
    let direction = direction(flat, || {
        let uniforms = bits.map(|bits| open_unit(bits as u32, (bits >> 32) as u32));
        bits = bits.map(mix);
        uniforms
    });
    let sign = if own < other { 1.0 } else { -1.0 };
    direction.map(|component| sign * component)
}
