//! What cells in contact do to each other at random: eat the dead (or the living), begin and end
//! attacks, fuse. Hazards are drawn here, with 1 − exp(−Σλ·dt) and one draw to choose whom, or one
//! after another (`turns.rs`); what an event means is the caller's business.

use std::collections::BTreeSet;

use crate::{
    Real,
    channels::{Channel, Channels},
    conventions::Events,
    hazard::{competing_risk, probability},
    tissue::{Group, NOBODY, Tissue},
};

/// What a cell is to one that eats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prey {
    /// Alive.
    Live,
    /// Dead by apoptosis.
    Apoptotic,
    /// Dead by necrosis.
    Necrotic,
}

/// Contact events of one mechanics step, each in ascending order of (acting id, other id).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fired {
    /// (eater, eaten). Nobody is eaten twice, or eats after that: the lower id among eaters goes first.
    pub meals: Vec<(u64, u64)>,
    /// (absorbing, absorbed): two live cells become one. Nobody is absorbed or eaten twice, or fuses
    /// or eats after that: in ascending id of who acts, the meal first.
    pub fusions: Vec<(u64, u64)>,
    /// (attacker, attacked): an attack begins.
    pub attacks: Vec<(u64, u64)>,
    /// (attacker, attacked, damage): dealt in this step by attacks in progress.
    pub blows: Vec<(u64, u64, Real)>,
}

impl Fired {
    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.meals.is_empty()
            && self.fusions.is_empty()
            && self.attacks.is_empty()
            && self.blows.is_empty()
    }
}

/// Rows of live cells that may eat, attack or fuse.
pub(super) fn acting(channels: &Channels, groups: &[Group], group_of_row: &[u16]) -> Vec<u32> {
    let kinds = channels.kinds();
    let single = [Channel::PhagocytoseApoptotic, Channel::PhagocytoseNecrotic];
    let by_kind = (0..kinds).flat_map(|kind| {
        [
            Channel::Phagocytose(kind),
            Channel::Attack(kind),
            Channel::Fuse(kind),
        ]
    });
    let columns: Vec<_> = single
        .into_iter()
        .chain(by_kind)
        .map(|channel| channels.column(channel))
        .collect();
    let columns: Vec<_> = columns
        .into_iter()
        .filter(|column| !column.is_zero())
        .collect();
    let acts = |row: usize, group: u16| {
        groups[usize::from(group)].prey == Prey::Live
            && columns.iter().any(|column| column.get(row, group) > 0.0)
    };
    let rows = group_of_row.iter().enumerate();
    rows.filter(|(row, group)| acts(*row, **group))
        .map(|(row, _)| row as u32)
        .collect()
}

impl Tissue {
    /// Second part of a mechanics step: draws the contact hazards, deals the damage of attacks in
    /// progress, and says what fired.
    pub fn interact(&mut self, tick: u64) -> Fired {
        let mut fired = Fired::default();
        let targets = self.rows.target.iter();
        debug_assert_eq!(
            targets.filter(|&&target| target != NOBODY).count(),
            self.attackers.len()
        );
        if self.worked.acting.is_empty() && self.attackers.is_empty() {
            return fired;
        }
        if self.setup.conventions.bodies.events == Events::OneAfterAnother {
            return self.take_turns(tick);
        }
        self.draw_meals(tick, &mut fired);
        self.draw_fusions(tick, &mut fired);
        self.draw_attacks(tick, &mut fired);
        self.strike(tick, &mut fired);
        // One meal or fusion after another: who is gone neither acts nor is taken again.
        let meals = fired.meals.iter().map(|&(eater, prey)| (eater, 0, prey));
        let fusions = fired.fusions.iter().map(|&(own, other)| (own, 1, other));
        let mut taken: Vec<_> = meals.chain(fusions).collect();
        taken.sort_unstable();
        let mut gone = BTreeSet::new();
        taken.retain(|&(own, _, other)| !gone.contains(&own) && gone.insert(other));
        let of = |deed: i32| {
            let taken = taken.iter().filter(move |(_, is, _)| *is == deed);
            taken.map(|&(own, _, other)| (own, other)).collect()
        };
        (fired.meals, fired.fusions) = (of(0), of(1));
        fired.attacks.sort_unstable();
        fired
    }

    /// The rows a row touches, ascending; none unless it is listed.
    pub(super) fn neighbors(&self, row: usize) -> &[u32] {
        if self.contacts.rows() == self.rows.id.len() {
            self.contacts.of(row)
        } else {
            &[]
        }
    }

    pub(super) fn group_of(&self, row: usize) -> Group {
        self.setup.groups[usize::from(self.rows.group[row])]
    }

    fn draw_meals(&self, tick: u64, fired: &mut Fired) {
        let channels = &self.setup.channels;
        let apoptotic = channels.column(Channel::PhagocytoseApoptotic);
        let necrotic = channels.column(Channel::PhagocytoseNecrotic);
        let live: Vec<_> = (0..channels.kinds())
            .map(|kind| channels.column(Channel::Phagocytose(kind)))
            .collect();
        for &row in &self.worked.acting {
            let row = row as usize;
            let group = self.rows.group[row];
            let rate = |&other: &u32| {
                let other = self.group_of(other as usize);
                match other.prey {
                    Prey::Apoptotic => apoptotic.get(row, group),
                    Prey::Necrotic => necrotic.get(row, group),
                    Prey::Live => live[usize::from(other.kind)].get(row, group),
                }
            };
            let id = self.rows.id[row];
            let uniforms = || self.setup.streams.meal.uniforms(id, tick, 0);
            if let Some(other) = self.choose(row, rate, uniforms) {
                fired.meals.push((id, self.rows.id[other]));
            }
        }
    }

    fn draw_fusions(&self, tick: u64, fired: &mut Fired) {
        let channels = &self.setup.channels;
        let fuse: Vec<_> = (0..channels.kinds())
            .map(|kind| channels.column(Channel::Fuse(kind)))
            .collect();
        if fuse.iter().all(|column| column.is_zero()) {
            return;
        }
        for &row in &self.worked.acting {
            let row = row as usize;
            let group = self.rows.group[row];
            let rate = |&other: &u32| {
                let other = self.group_of(other as usize);
                match other.prey {
                    Prey::Live => fuse[usize::from(other.kind)].get(row, group),
                    _ => 0.0,
                }
            };
            let id = self.rows.id[row];
            let uniforms = || self.setup.streams.fusion.uniforms(id, tick, 0);
            if let Some(other) = self.choose(row, rate, uniforms) {
                fired.fusions.push((id, self.rows.id[other]));
            }
        }
    }

    fn draw_attacks(&mut self, tick: u64, fired: &mut Fired) {
        let channels = &self.setup.channels;
        let attack: Vec<_> = (0..channels.kinds())
            .map(|kind| channels.column(Channel::Attack(kind)))
            .collect();
        let immunogenicity: Vec<_> = (0..channels.kinds())
            .map(|kind| channels.column(Channel::Immunogenicity(kind)))
            .collect();
        let mut begun = Vec::new();
        for &row in &self.worked.acting {
            let row = row as usize;
            if self.rows.target[row] != NOBODY {
                continue;
            }
            let group = self.rows.group[row];
            let own = usize::from(self.group_of(row).kind);
            let rate = |&other: &u32| {
                let other = other as usize;
                let is = self.group_of(other);
                if is.prey != Prey::Live {
                    return 0.0;
                }
                let attack = attack[usize::from(is.kind)].get(row, group);
                if attack == 0.0 {
                    0.0
                } else {
                    attack * immunogenicity[own].get(other, self.rows.group[other])
                }
            };
            let id = self.rows.id[row];
            let uniforms = || self.setup.streams.attack_start.uniforms(id, tick, 0);
            if let Some(other) = self.choose(row, rate, uniforms) {
                begun.push((row, self.rows.id[other]));
                fired.attacks.push((id, self.rows.id[other]));
            }
        }
        for &(row, target) in &begun {
            self.rows.target[row] = target;
            self.attackers.push(row as u32);
        }
        if !begun.is_empty() {
            let ids = &self.rows.id;
            self.attackers
                .sort_unstable_by_key(|&row| ids[row as usize]);
        }
    }

    /// Attacks in progress deal damage, and may end: by chance, by the target's death, or because
    /// the two have lost contact.
    fn strike(&mut self, tick: u64, fired: &mut Fired) {
        let dt = self.setup.mechanics_step;
        let channels = &self.setup.channels;
        let (damage, duration) = (
            channels.column(Channel::AttackDamageRate),
            channels.column(Channel::AttackDuration),
        );
        let mut ended = Vec::new();
        for &row in &self.attackers {
            let row = row as usize;
            let target = self.rows.target[row];
            let group = self.rows.group[row];
            let id = self.rows.id[row];
            let other = self.rank(target).map(|rank| self.row(rank));
            let other = other.filter(|&other| {
                self.group_of(other).prey == Prey::Live
                    && self.neighbors(row).contains(&(other as u32))
            });
            if other.is_none() {
                ended.push(row);
                continue;
            }
            fired.blows.push((id, target, damage.get(row, group) * dt));
            let mean = duration.get(row, group);
            if self.setup.streams.attack_end.uniform(id, tick, 0) < probability(1.0 / mean, dt) {
                ended.push(row);
            }
        }
        self.end_attacks(&ended);
    }

    /// The cells of these rows let go of their targets, if they have one.
    pub(super) fn end_attacks(&mut self, rows: &[usize]) {
        let mut ended = false;
        for &row in rows {
            ended |= self.rows.target[row] != NOBODY;
            self.rows.target[row] = NOBODY;
        }
        if ended {
            let target = &self.rows.target;
            self.attackers.retain(|&row| target[row as usize] != NOBODY);
        }
    }

    /// One of a row's neighbors, if an event of their summed rates (1/min) falls into the step.
    fn choose(
        &self,
        row: usize,
        rate: impl Fn(&u32) -> Real,
        uniforms: impl Fn() -> [Real; 2],
    ) -> Option<usize> {
        let neighbors = self.neighbors(row);
        let rates = neighbors.iter().map(&rate);
        let chosen = competing_risk(rates, self.setup.mechanics_step, uniforms)?;
        Some(neighbors[chosen] as usize)
    }
}
