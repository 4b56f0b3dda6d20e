//! Phenotype as PhysiCell 1.14.2 has it: one thing after another, each with its own draw of
//! rate · dt (`Cell::advance_bundled_phenotype_functions`).

use bevy_ecs::{change_detection::Mut, world::World};
use kernels::random::pair_id;

use super::{
    fates::{Fate, Risks, Turn},
    transform,
};
use crate::{
    arrays::{Roster, Space, settle},
    clock::Clock,
    output::Vitality,
    plan::Plan,
    record::{Stage, Timings},
    scenario::Span,
    semantics,
    streams::Purpose,
    tables::Tables,
};

/// Transformations, drawn before rules are applied: with the rates that rules left a step ago.
/// Types are tried in their order, and the first that fires is taken (`standard_cell_transformations`).
pub fn transformations(world: &mut World) {
    let clock = *world.resource::<Clock>();
    let started = std::time::Instant::now();
    let mut changes = Vec::new();
    world.resource_scope(|world, plan: Mut<'_, Plan>| {
        let (risks, roster) = (world.resource::<Risks>(), world.resource::<Roster>());
        let tissue = &world.resource::<Space>().0;
        let ruled = &world.resource::<Tables>().ruled;
        let draws = Purpose::Transformation.draws(plan.scenario.seed);
        for (kind, risks) in risks.0.iter().enumerate() {
            if risks.transformations.is_empty() {
                continue;
            }
            for &rank in &roster.of_type[kind] {
                let rank = rank as usize;
                if roster.vitality[rank] != Vitality::Live || tissue.is_frozen(rank) {
                    continue;
                }
                let row = tissue.row(rank);
                let id = tissue.ids()[rank];
                let fires = |&&(other, rate): &&(u16, super::fates::Rate)| {
                    let uniform = draws.uniform(pair_id(id, u64::from(other)), clock.tick, 0);
                    uniform <= rate.get(ruled, row) * clock.phenotype_step()
                };
                let fired = risks.transformations.iter().find(fires);
                changes.extend(fired.map(|(other, _)| (rank, *other)));
            }
        }
    });
    changes.sort_unstable();
    for &(rank, other) in &changes {
        transform(world, &clock, rank, other);
    }
    if !changes.is_empty() {
        settle(world);
    }
    world.resource_mut::<Timings>().seconds[Stage::Phenotype as usize] +=
        started.elapsed().as_secs_f64();
}

impl Turn<'_> {
    /// Volume first, then death, then the cycle; a cell that dies begins its death in the same
    /// step, and may be gone at its end. Swelling is not over then, since it has not swollen yet.
    pub(super) fn take(mut self) -> [Option<Fate>; 2] {
        self.grow();
        if self.phase.vitality == Vitality::Live {
            let rates = [
                (Vitality::Apoptotic, self.risks.apoptosis),
                (Vitality::Necrotic, self.risks.necrosis),
            ];
            for ((vitality, rate), draw) in rates.into_iter().zip(0..) {
                let uniform = self.draws.uniform(self.id, self.tick, draw);
                if uniform < rate.get(self.ruled, self.row) * self.dt {
                    self.phase.elapsed = self.dt;
                    let is_gone = vitality == Vitality::Apoptotic
                        && self.passes(self.cell_type.apoptosis.removal);
                    return [Some(Fate::Die(vitality)), is_gone.then_some(Fate::Vanish)];
                }
            }
        }
        self.phase.elapsed += self.dt;
        [self.go_on(), None]
    }

    /// The next phase of life or of death.
    fn go_on(&mut self) -> Option<Fate> {
        match self.phase.vitality {
            Vitality::Live => {
                let phases = &self.cell_type.cycle.phases;
                let now = phases.get(usize::from(self.phase.number))?;
                let rate =
                    self.risks.phase_exit[usize::from(self.phase.number)].get(self.ruled, self.row);
                let exits = if now.fixed {
                    semantics::fixed_phase_is_over(self.phase.elapsed, rate, self.dt)
                } else {
                    self.fires(rate)
                };
                exits.then(|| self.enter(now, 0.0)).flatten()
            }
            Vitality::Apoptotic => self
                .passes(self.cell_type.apoptosis.removal)
                .then_some(Fate::Vanish),
            Vitality::Necrotic if self.phase.number == 0 => {
                // Swelling is arrested below the volume of rupture.
                let swollen = self.volume.total >= self.volume.rupture;
                if swollen && self.passes(self.cell_type.necrosis.swelling) {
                    self.phase.number = 1;
                    self.phase.elapsed = 0.0;
                }
                None
            }
            Vitality::Necrotic => self
                .passes(self.cell_type.necrosis.removal)
                .then_some(Fate::Vanish),
        }
    }

    /// Whether an event of this rate happens: with probability rate · dt.
    fn fires(&self, rate: f64) -> bool {
        self.draws.uniform(self.id, self.tick, 2) < rate * self.dt
    }

    /// Whether a phase of death is over; its rate is 1/(duration + 10⁻¹⁶), as it is read there.
    fn passes(&self, span: Span) -> bool {
        let rate = 1.0 / (span.duration + 1e-16);
        if span.fixed {
            semantics::fixed_phase_is_over(self.phase.elapsed, rate, self.dt)
        } else {
            self.fires(rate)
        }
    }
}
