//! What may happen to a cell, and what does: death, division and transformation as competing risks.

use bevy_ecs::{
    resource::Resource,
    system::{Query, Res, ResMut, SystemState},
    world::World,
};
use kernels::{
    hazard::{competing_risk, probability},
    random::Draws,
};
use rayon::prelude::*;

use crate::{
    arrays::{ONE_TABLE, Space, ungroup},
    cell::{Hit, Past, Phase, Volume},
    clock::Clock,
    dictionary::Behavior,
    output::Vitality,
    plan::Plan,
    scenario::{CellType, Phase as CyclePhase, Span},
    semantics::{self, Semantics},
    streams::Purpose,
    tables::{Table, Tables},
};

/// Where the rate of an event comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rate {
    Fixed(f64),
    Slot(usize),
}

impl Rate {
    pub(super) fn get(self, ruled: &Table<f64>, row: usize) -> f64 {
        match self {
            Rate::Fixed(rate) => rate,
            Rate::Slot(slot) => ruled.get(slot, row),
        }
    }
}

/// The rates of one type's events.
#[derive(Debug, Clone)]
pub(super) struct Fates {
    pub(super) phase_exit: Vec<Rate>,
    pub(super) apoptosis: Rate,
    pub(super) necrosis: Rate,
    /// (type of the daughter, probability), for those that can happen.
    pub(super) asymmetric_division: Vec<(u16, Rate)>,
    /// (type to become, rate), for those that can happen.
    pub(super) transformations: Vec<(u16, Rate)>,
}

/// What may happen to cells of each type.
#[derive(Resource, Debug, Clone)]
pub struct Risks(pub(super) Vec<Fates>);

impl Risks {
    /// The risks of a plan, once all slots are known.
    pub fn new(plan: &Plan) -> Risks {
        let types = plan.scenario.cell_types.len();
        let risk = |kind: usize, behavior: Behavior| {
            let number = plan
                .table
                .behavior(&behavior)
                .expect("every event has a behavior");
            let base = plan.table.base(kind, number);
            plan.ruled
                .slot(kind, number)
                .map_or(Rate::Fixed(base), Rate::Slot)
        };
        let fates = |kind: usize| Fates {
            phase_exit: (0..plan.scenario.cell_types[kind].cycle.phases.len())
                .map(|phase| risk(kind, Behavior::PhaseExit(phase)))
                .collect(),
            apoptosis: risk(kind, Behavior::Death(Vitality::Apoptotic)),
            necrosis: risk(kind, Behavior::Death(Vitality::Necrotic)),
            asymmetric_division: (0..types)
                .map(|other| {
                    (
                        other as u16,
                        risk(kind, Behavior::AsymmetricDivision(other)),
                    )
                })
                .filter(|(_, share)| !matches!(share, Rate::Fixed(share) if *share == 0.0))
                .collect(),
            transformations: (0..types)
                .filter(|&other| other != kind)
                .map(|other| (other as u16, risk(kind, Behavior::Transformation(other))))
                .filter(|(_, rate)| !matches!(rate, Rate::Fixed(rate) if *rate == 0.0))
                .collect(),
        };
        Risks((0..types).map(fates).collect())
    }
}

/// What happens to one cell in this step, in the order in which PhysiCell has it happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    Die(Vitality),
    Become(u16),
    Divide,
    Vanish,
}

/// One cell on its way through a step.
pub(super) struct Turn<'a> {
    pub(super) id: u64,
    pub(super) tick: u64,
    /// min.
    pub(super) dt: f64,
    pub(super) draws: Draws,
    pub(super) risks: &'a Fates,
    pub(super) types: &'a [CellType],
    pub(super) kind: u16,
    pub(super) cell_type: &'a CellType,
    pub(super) phase: &'a mut Phase,
    pub(super) volume: &'a mut Volume,
    pub(super) ruled: &'a Table<f64>,
    pub(super) row: usize,
}

/// Rows that a thread takes at a time.
const PIECE: usize = 1024;

/// What fates are drawn from, and the components that advance.
type Drawing<'w, 's> = (
    ResMut<'w, Space>,
    Res<'w, Plan>,
    Res<'w, Risks>,
    Res<'w, Tables>,
    Query<'w, 's, (&'static mut Phase, &'static mut Volume, &'static mut Past)>,
);

/// Advances phases and volumes, and lists what happens to whom, by rank.
pub(super) fn draw(world: &mut World, clock: &Clock) -> Vec<(usize, Fate)> {
    let mut state: SystemState<Drawing<'_, '_>> = SystemState::new(world);
    let drawing = state.get_mut(world);
    let (mut space, plan, risks, tables, mut cells) =
        drawing.expect("a world has its resources as long as it lives");
    let tissue = &mut space.0;
    let table = cells.contiguous_iter_mut().expect(ONE_TABLE).next();
    let Some((mut phases, mut volumes, mut pasts)) = table else {
        return Vec::new();
    };
    let step = Step {
        clock,
        plan: &plan,
        risks: &risks,
        ruled: &tables.ruled,
        draws: Purpose::Fate.draws(plan.scenario.seed),
        ids: tissue.row_ids(),
        groups: tissue.groups(),
        damages: tissue.damages(),
        frozen: tissue.frozen_rows(),
    };
    let pieces: Vec<Piece<'_>> = (phases.bypass_change_detection())
        .chunks_mut(PIECE)
        .zip(volumes.bypass_change_detection().chunks_mut(PIECE))
        .zip(pasts.bypass_change_detection().chunks_mut(PIECE))
        .zip((0..).step_by(PIECE))
        .collect();
    let fates = |piece| step.fates(piece);
    let fates: Vec<Vec<(u64, Fate)>> = match pieces.len() {
        1 => pieces.into_iter().map(fates).collect(),
        _ => pieces.into_par_iter().map(fates).collect(),
    };
    let volumes = volumes.bypass_change_detection();
    tissue.set_volumes(|row| volumes[row].total);
    let rank = |id| tissue.rank(id).expect("who is asked is there");
    let fates = fates.into_iter().flatten();
    let mut fates: Vec<(usize, Fate)> = fates.map(|(id, fate)| (rank(id), fate)).collect();
    // Stable, for who dies and is gone in one step.
    fates.sort_by_key(|(rank, _)| *rank);
    fates
}

/// Phases, volumes and pasts of some rows, and the first row.
type Piece<'a> = (((&'a mut [Phase], &'a mut [Volume]), &'a mut [Past]), usize);

/// What all cells have in common in a step.
struct Step<'a> {
    clock: &'a Clock,
    plan: &'a Plan,
    risks: &'a Risks,
    ruled: &'a Table<f64>,
    draws: Draws,
    ids: &'a [u64],
    groups: &'a [u16],
    damages: &'a [f64],
    frozen: &'a [bool],
}

impl Step<'_> {
    /// What happens to whom in some rows, by id.
    fn fates(&self, piece: Piece<'_>) -> Vec<(u64, Fate)> {
        let (((phases, volumes), pasts), first) = piece;
        let types = &self.plan.scenario.cell_types;
        let dt = self.clock.phenotype_step();
        let mut fates = Vec::new();
        let cells = phases.iter_mut().zip(volumes).zip(pasts);
        for (((phase, volume), past), row) in cells.zip(first..) {
            if self.frozen[row] {
                continue;
            }
            let (id, (kind, _)) = (self.ids[row], ungroup(self.groups[row]));
            let turn = Turn {
                id,
                tick: self.clock.tick,
                dt,
                draws: self.draws,
                risks: &self.risks.0[usize::from(kind)],
                types,
                kind,
                cell_type: &types[usize::from(kind)],
                phase,
                volume,
                ruled: self.ruled,
                row,
            };
            let happens = match self.plan.scenario.semantics {
                Semantics::Milieu => [turn.compete(), None],
                Semantics::PhysiCell => turn.take(),
            };
            let recovered = |hit: Hit| semantics::RECOVERED_SHARE * hit.damage;
            let last_hit = past.history().last_hit;
            if last_hit.is_some_and(|hit| self.damages[row] < recovered(hit)) {
                past.forget_hit();
            }
            fates.extend(happens.into_iter().flatten().map(|fate| (id, fate)));
        }
        fates
    }
}

impl Turn<'_> {
    /// All that may happen competes, by one draw; then the volume advances under the phase that
    /// came of it.
    fn compete(mut self) -> Option<Fate> {
        self.phase.elapsed += self.dt;
        let fate = match self.phase.vitality {
            Vitality::Live => self.live(),
            Vitality::Apoptotic => self
                .is_over(self.cell_type.apoptosis.removal)
                .then_some(Fate::Vanish),
            Vitality::Necrotic => {
                let death = &self.cell_type.necrosis;
                let lysed = self.phase.number == 1;
                if !lysed
                    && self.volume.total >= self.volume.rupture
                    && self.is_over(death.swelling)
                {
                    self.phase.number = 1;
                    self.phase.elapsed = 0.0;
                }
                (lysed && self.is_over(death.removal)).then_some(Fate::Vanish)
            }
        };
        self.grow();
        fate
    }

    /// Whether a time of being dead is over.
    fn is_over(&self, span: Span) -> bool {
        if span.fixed {
            return self.phase.elapsed > span.duration - 0.5 * self.dt;
        }
        self.draws.uniform(self.id, self.tick, 0) < probability(1.0 / span.duration, self.dt)
    }

    /// What happens to a live cell; a change of phase is applied at once, since it is nobody
    /// else's business.
    fn live(&mut self) -> Option<Fate> {
        let phases = &self.cell_type.cycle.phases;
        let now = phases.get(usize::from(self.phase.number));
        let exit_rate = now.map_or(0.0, |_| {
            self.risks.phase_exit[usize::from(self.phase.number)].get(self.ruled, self.row)
        });
        let fixed = now.is_some_and(|now| now.fixed);
        let rates = [
            self.risks.apoptosis.get(self.ruled, self.row),
            self.risks.necrosis.get(self.ruled, self.row),
            if fixed { 0.0 } else { exit_rate },
        ];
        let transformations = self.risks.transformations.iter();
        let others = transformations.map(|(_, rate)| rate.get(self.ruled, self.row));
        let uniforms = || self.draws.uniforms(self.id, self.tick, 0);
        let drawn = competing_risk(rates.into_iter().chain(others), self.dt, uniforms);
        let elapsed = self.phase.elapsed;
        let exits = match drawn {
            Some(0) => return Some(Fate::Die(Vitality::Apoptotic)),
            Some(1) => return Some(Fate::Die(Vitality::Necrotic)),
            Some(2) => true,
            Some(other) => return Some(Fate::Become(self.risks.transformations[other - 3].0)),
            None => {
                fixed
                    && exit_rate > 0.0
                    && semantics::fixed_phase_is_over(elapsed, exit_rate, self.dt)
            }
        };
        let now = now.filter(|_| exits)?;
        // A fixed phase hands on what rounding to steps left over, so that it does not add up over
        // phases; but not the time for which a rule had held the phase.
        let rest = if fixed {
            (elapsed - 1.0 / exit_rate).min(0.5 * self.dt)
        } else {
            0.0
        };
        self.enter(now, rest)
    }

    /// Advances the volume.
    pub(super) fn grow(&mut self) {
        self.volume
            .advance(self.types, self.kind, self.phase, self.dt);
    }

    /// Leaves `now` for the phase that follows, `elapsed` min into it.
    pub(super) fn enter(&mut self, now: &CyclePhase, elapsed: f64) -> Option<Fate> {
        self.phase.number = now.next as u8;
        self.phase.elapsed = elapsed;
        if self.cell_type.cycle.phases[now.next].grows {
            self.volume.target_nuclear_solid *= 2.0;
        }
        now.divides.then_some(Fate::Divide)
    }
}
