//! Events between cells drawn one after another: the usage of PhysiCell, with its probabilities
//! rate · dt and its order, where it has one; cells act in ascending id, and meet their neighbors
//! in ascending row.

use std::collections::BTreeSet;

use super::{Fired, NOBODY, Prey, Tissue};
use crate::{
    Real,
    channels::{Channel, Column},
    random::pair_id,
};

/// The rates of what one cell does to another.
struct Deeds<'a> {
    apoptotic: Column<'a>,
    necrotic: Column<'a>,
    /// Each `[kind]`.
    phagocytose: Vec<Column<'a>>,
    attack: Vec<Column<'a>>,
    immunogenicity: Vec<Column<'a>>,
    fuse: Vec<Column<'a>>,
}

/// What changes while cells take their turns.
#[derive(Default)]
struct Turns {
    fired: Fired,
    /// Rows that were eaten or absorbed in this step.
    gone: BTreeSet<usize>,
    /// (row, target) of attacks that begin, and rows whose attack ends.
    begun: Vec<(usize, u64)>,
    ended: Vec<usize>,
}

impl Tissue {
    /// Every cell that may act does, in its turn.
    pub(super) fn take_turns(&mut self, tick: u64) -> Fired {
        let turns = self.turns(tick);
        let ids = &self.rows.id;
        for &(row, target) in &turns.begun {
            self.rows.target[row] = target;
            self.attackers.push(row as u32);
            self.attachments.insert(ids[row], target);
        }
        self.attackers
            .sort_unstable_by_key(|&row| ids[row as usize]);
        for &row in &turns.ended {
            self.attachments.remove(ids[row], self.rows.target[row]);
        }
        self.end_attacks(&turns.ended);
        turns.fired
    }

    fn turns(&self, tick: u64) -> Turns {
        let channels = &self.setup.channels;
        let by_kind = |channel: fn(usize) -> Channel| {
            (0..channels.kinds())
                .map(|kind| channels.column(channel(kind)))
                .collect::<Vec<_>>()
        };
        let deeds = Deeds {
            apoptotic: channels.column(Channel::PhagocytoseApoptotic),
            necrotic: channels.column(Channel::PhagocytoseNecrotic),
            phagocytose: by_kind(Channel::Phagocytose),
            attack: by_kind(Channel::Attack),
            immunogenicity: by_kind(Channel::Immunogenicity),
            fuse: by_kind(Channel::Fuse),
        };
        let damage = channels.column(Channel::AttackDamageRate);
        let duration = channels.column(Channel::AttackDuration);
        let (rows, dt) = (&self.rows, self.setup.mechanics_step);
        let mut actors: Vec<u32> = self.worked.acting.clone();
        actors.extend(&self.attackers);
        actors.sort_unstable_by_key(|&row| rows.id[row as usize]);
        actors.dedup();
        let mut turns = Turns::default();
        for actor in actors {
            let actor = actor as usize;
            if rows.frozen[actor] || turns.gone.contains(&actor) {
                continue;
            }
            let before = turns.begun.len();
            self.meet(actor, &deeds, tick, &mut turns);
            let target = match turns.begun.get(before) {
                Some(&(_, target)) => target,
                None => rows.target[actor],
            };
            if target == NOBODY {
                continue;
            }
            let (id, group) = (rows.id[actor], rows.group[actor]);
            let other = self.rank(target).map(|rank| self.row(rank));
            let strikes = other.is_some_and(|other| {
                self.group_of(other).prey == Prey::Live && !turns.gone.contains(&other)
            });
            if strikes {
                let blow = damage.get(actor, group) * dt;
                turns.fired.blows.push((id, target, blow));
            }
            let chance = dt / (duration.get(actor, group) + SHORTEST);
            if !strikes || self.setup.streams.attack_end.uniform(id, tick, 0) < chance {
                turns.ended.push(actor);
            }
        }
        turns
    }

    /// One cell meets its neighbors.
    fn meet(&self, actor: usize, deeds: &Deeds, tick: u64, turns: &mut Turns) {
        let (rows, dt) = (&self.rows, self.setup.mechanics_step);
        let streams = &self.setup.streams;
        let (id, group) = (rows.id[actor], rows.group[actor]);
        let own_kind = usize::from(self.group_of(actor).kind);
        let (mut fed, mut fused) = (false, false);
        let mut attacks = rows.target[actor] != NOBODY;
        for &other in self.neighbors(actor) {
            let other = other as usize;
            // As there, the first neighbor that is gone ends the turn, though others follow.
            if turns.gone.contains(&other) {
                break;
            }
            let is = self.group_of(other);
            let kind = usize::from(is.kind);
            let other_id = rows.id[other];
            let who = pair_id(id, other_id);
            let happens = |rate: Real, draws: crate::random::Draws| {
                rate > 0.0 && draws.uniform(who, tick, 0) < rate * dt
            };
            let appetite = match is.prey {
                Prey::Apoptotic => &deeds.apoptotic,
                Prey::Necrotic => &deeds.necrotic,
                Prey::Live => &deeds.phagocytose[kind],
            };
            if !fed && happens(appetite.get(actor, group), streams.meal) {
                fed = true;
                turns.gone.insert(other);
                turns.fired.meals.push((id, other_id));
                continue;
            }
            if is.prey != Prey::Live {
                continue;
            }
            let rate = deeds.attack[kind].get(actor, group)
                * deeds.immunogenicity[own_kind].get(other, rows.group[other]);
            if !attacks && happens(rate, streams.attack_start) {
                attacks = true;
                turns.begun.push((actor, other_id));
                turns.fired.attacks.push((id, other_id));
            }
            if !fused && happens(deeds.fuse[kind].get(actor, group), streams.fusion) {
                fused = true;
                turns.gone.insert(other);
                turns.fired.fusions.push((id, other_id));
            }
        }
    }
}

/// Added to the mean duration of an attack, min, so that one of 0 ends at once.
const SHORTEST: Real = 1e-15;
