//! Attachments: springs between two cells that last until they break.
//!
//! An attachment is a pair of ids. Every mechanics step each may break, and then cells that touch
//! may attach, each up to its own most. With rates δ of detachment and α of attachment and an
//! affinity A, per pair and step:
//!
//! ```text
//! breaks:    1 − exp(−(δ_i + δ_j) dt)                     in ascending (id, id)
//! attaches:  1 − exp(−(α_i A_i(j) + α_j A_j(i)) dt)       in ascending (id, id)
//! pulls:     √(k_i A_i(j) k_j A_j(i)) (x_j − x_i)
//! ```
//!
//! or, [one after another](crate::conventions::Events), each cell in ascending id breaks each of
//! its attachments with δ_i dt and then, while it has room, attaches to neighbors that have room
//! with α_i A_i(j) dt.
//! Source: Ghaffarizadeh et al. 2018, doi:10.1371/journal.pcbi.1005991, and its later releases.

use std::collections::BTreeSet;

use super::Tissue;
use crate::{
    Error, Real,
    channels::{Channel, Column},
    conventions::Events,
    hazard::probability,
    random::pair_id,
    springs::{self, Spring},
};

/// Who is attached to whom.
#[derive(Debug, Default)]
pub(super) struct Attachments {
    /// (lower id, higher id), ascending.
    pairs: Vec<(u64, u64)>,
    /// Rows of `pairs`; of another length where they have to be looked up anew.
    rows: Vec<(u32, u32)>,
}

impl Attachments {
    pub(super) fn set(&mut self, pairs: Vec<(u64, u64)>) {
        self.pairs = pairs;
        self.rows.clear();
    }

    /// Keeps the pairs of which this is true.
    pub(super) fn retain(&mut self, keep: impl FnMut(&(u64, u64)) -> bool) {
        self.pairs.retain(keep);
        self.rows.clear();
    }

    /// Forgets rows, which have changed.
    pub(super) fn move_rows(&mut self) {
        self.rows.clear();
    }

    pub(super) fn insert(&mut self, a: u64, b: u64) {
        let pair = (a.min(b), a.max(b));
        if let (true, Err(place)) = (a != b, self.pairs.binary_search(&pair)) {
            self.pairs.insert(place, pair);
            self.rows.clear();
        }
    }

    pub(super) fn remove(&mut self, a: u64, b: u64) {
        if let Ok(place) = self.pairs.binary_search(&(a.min(b), a.max(b))) {
            self.pairs.remove(place);
            self.rows.clear();
        }
    }
}

impl Tissue {
    /// Pairs of attached cells, (lower id, higher id), ascending.
    pub fn attachments(&self) -> &[(u64, u64)] {
        &self.attachments.pairs
    }

    /// Attaches two cells, however many attachments they have; nothing if one is not there, or both
    /// are one.
    pub fn attach(&mut self, a: u64, b: u64) {
        if self.rank(a).is_some() && self.rank(b).is_some() {
            self.attachments.insert(a, b);
        }
    }

    /// Breaks all attachments of a cell.
    pub fn detach_all(&mut self, id: u64) {
        self.attachments.retain(|&(a, b)| a != id && b != id);
    }

    /// Rows of all attachments, in their order.
    fn find_attached_rows(&mut self) {
        if self.attachments.rows.len() != self.attachments.pairs.len() {
            let row = |id| {
                let rank = self.rank(id).expect("who leaves takes attachments along");
                self.row(rank) as u32
            };
            let pairs = self.attachments.pairs.iter();
            self.attachments.rows = pairs.map(|&(a, b)| (row(a), row(b))).collect();
        }
    }

    /// Breaks attachments and makes new ones.
    pub(super) fn renew_attachments(&mut self, tick: u64) {
        let idle = self.attachments.pairs.is_empty() || !self.worked.detaches;
        if !self.setup.springs || idle && self.worked.attaching.is_empty() {
            return;
        }
        self.find_attached_rows();
        let pairs = match self.setup.conventions.bodies.events {
            Events::CompetingRisks => self.attachments_by_pairs(tick),
            Events::OneAfterAnother => self.attachments_by_cells(tick),
        };
        if pairs != self.attachments.pairs {
            self.attachments.set(pairs);
        }
    }

    fn attachments_by_pairs(&self, tick: u64) -> Vec<(u64, u64)> {
        let rates = self.attachment_rates();
        let dt = self.setup.mechanics_step;
        let streams = &self.setup.streams;
        let mut number = vec![0u32; self.rows.id.len()];
        let mut pairs = Vec::new();
        for (&pair, &(a, b)) in self.attachments.pairs.iter().zip(&self.attachments.rows) {
            let rate = rates.detachment(a) + rates.detachment(b);
            let who = pair_id(pair.0, pair.1);
            if rate > 0.0 && streams.detachment.uniform(who, tick, 0) < probability(rate, dt) {
                continue;
            }
            number[a as usize] += 1;
            number[b as usize] += 1;
            pairs.push(pair);
        }
        let ids = &self.rows.id;
        let mut near = Vec::new();
        for &row in &self.worked.attaching {
            near.extend(self.neighbors(row as usize).iter().map(|&other| {
                let (a, b) = (ids[row as usize], ids[other as usize]);
                if a < b {
                    ((a, b), (row, other))
                } else {
                    ((b, a), (other, row))
                }
            }));
        }
        near.sort_unstable();
        near.dedup();
        let mut fresh = Vec::new();
        for (pair, (a, b)) in near {
            if !rates.has_room(a, &number) || !rates.has_room(b, &number) {
                continue;
            }
            let rate = rates.attachment(a, b) + rates.attachment(b, a);
            let chance = probability(rate, dt);
            let who = pair_id(pair.0, pair.1);
            if streams.attachment.uniform(who, tick, 0) < chance
                && pairs.binary_search(&pair).is_err()
            {
                number[a as usize] += 1;
                number[b as usize] += 1;
                fresh.push(pair);
            }
        }
        pairs.extend(fresh);
        pairs.sort_unstable();
        pairs
    }

    fn attachments_by_cells(&self, tick: u64) -> Vec<(u64, u64)> {
        let rates = self.attachment_rates();
        let dt = self.setup.mechanics_step;
        let streams = &self.setup.streams;
        let ids = &self.rows.id;
        let old = &self.attachments.rows;
        let mut number = vec![0u32; ids.len()];
        // Each row's attachments: places in `old`, ascending, by counting.
        let mut ends = vec![0u32; ids.len() + 1];
        for &(a, b) in old {
            number[a as usize] += 1;
            number[b as usize] += 1;
        }
        for (row, &count) in number.iter().enumerate() {
            ends[row + 1] = ends[row] + count;
        }
        let mut next = ends.clone();
        let mut places = vec![0u32; 2 * old.len()];
        for (place, &(a, b)) in old.iter().enumerate() {
            for row in [a as usize, b as usize] {
                places[next[row] as usize] = place as u32;
                next[row] += 1;
            }
        }
        let mut broken = vec![false; old.len()];
        // Attachments of this step, in both directions.
        let mut fresh = BTreeSet::new();
        for &row in &self.row_of_rank {
            let at = row as usize;
            let id = ids[at];
            let chance = rates.detachment(row) * dt;
            let breaks = |other: u64| {
                chance > 0.0 && streams.detachment.uniform(pair_id(id, other), tick, 0) <= chance
            };
            let own = &places[ends[at] as usize..ends[at + 1] as usize];
            for &place in own {
                let (a, b) = old[place as usize];
                let other = if a == row { b } else { a };
                if !broken[place as usize] && breaks(ids[other as usize]) {
                    broken[place as usize] = true;
                    number[at] -= 1;
                    number[other as usize] -= 1;
                }
            }
            if chance > 0.0 {
                let made = fresh.range((id, 0, 0)..=(id, u64::MAX, u32::MAX));
                let gone: Vec<_> = made
                    .copied()
                    .filter(|&(_, other, _)| breaks(other))
                    .collect();
                for (_, other_id, other) in gone {
                    fresh.remove(&(id, other_id, other));
                    fresh.remove(&(other_id, id, row));
                    number[at] -= 1;
                    number[other as usize] -= 1;
                }
            }
            if !self.worked.attaches[at] {
                continue;
            }
            for &other in self.neighbors(at) {
                if !rates.has_room(row, &number) {
                    break;
                }
                let other_id = ids[other as usize];
                let chance = rates.attachment(row, other) * dt;
                if !rates.has_room(other, &number)
                    || chance <= 0.0
                    || streams.attachment.uniform(pair_id(id, other_id), tick, 0) > chance
                {
                    continue;
                }
                let holds = own.iter().any(|&place| {
                    let (a, b) = old[place as usize];
                    !broken[place as usize] && (a == other || b == other)
                });
                if !holds && fresh.insert((id, other_id, other)) {
                    fresh.insert((other_id, id, row));
                    number[at] += 1;
                    number[other as usize] += 1;
                }
            }
        }
        let kept = self.attachments.pairs.iter().zip(&broken);
        let mut pairs: Vec<(u64, u64)> = kept
            .filter(|(_, broken)| !**broken)
            .map(|(pair, _)| *pair)
            .collect();
        let upward = fresh.iter().filter(|(a, b, _)| a < b);
        pairs.extend(upward.map(|&(a, b, _)| (a, b)));
        pairs.sort_unstable();
        pairs
    }

    /// Attached cells pull each other.
    pub(super) fn pull_attached(&mut self) -> Result<(), Error> {
        if !self.setup.springs || self.attachments.pairs.is_empty() {
            return Ok(());
        }
        self.find_attached_rows();
        let rates = self.attachment_rates();
        let stiffness = self.setup.channels.column(Channel::BondStiffness);
        let of = |row: u32| stiffness.get(row as usize, rates.group[row as usize]);
        let springs: Vec<Spring> = self
            .attachments
            .rows
            .iter()
            .map(|&(a, b)| {
                let ours = of(a) * rates.affinity(a, b);
                let theirs = of(b) * rates.affinity(b, a);
                let stiffness = (ours * theirs).sqrt();
                Spring { a, b, stiffness }
            })
            .collect();
        springs::pull(&springs, &self.rows.position, &mut self.rows.velocity)
    }

    fn attachment_rates(&self) -> Rates<'_> {
        let channels = &self.setup.channels;
        Rates {
            group: &self.rows.group,
            kind: self.setup.groups.iter().map(|group| group.kind).collect(),
            affinity: (0..channels.kinds())
                .map(|kind| channels.column(Channel::Affinity(kind)))
                .collect(),
            attachment: channels.column(Channel::AttachmentRate),
            detachment: channels.column(Channel::DetachmentRate),
            most: channels.column(Channel::MostAttachments),
        }
    }
}

/// The numbers of rows that attachments depend on.
struct Rates<'a> {
    group: &'a [u16],
    /// `[group]`.
    kind: Vec<u16>,
    /// `[kind]`.
    affinity: Vec<Column<'a>>,
    attachment: Column<'a>,
    detachment: Column<'a>,
    most: Column<'a>,
}

impl Rates<'_> {
    fn get(&self, column: &Column, row: u32) -> Real {
        column.get(row as usize, self.group[row as usize])
    }

    /// A_a(kind of b).
    fn affinity(&self, a: u32, b: u32) -> Real {
        let kind = self.kind[usize::from(self.group[b as usize])];
        self.get(&self.affinity[usize::from(kind)], a)
    }

    /// Rate at which `a` attaches to `b`, 1/min.
    fn attachment(&self, a: u32, b: u32) -> Real {
        self.get(&self.attachment, a) * self.affinity(a, b)
    }

    fn detachment(&self, row: u32) -> Real {
        self.get(&self.detachment, row)
    }

    fn has_room(&self, row: u32, number: &[u32]) -> bool {
        // A most of 2.7 is one of 2.
        Real::from(number[row as usize]) < self.get(&self.most, row).floor()
    }
}
