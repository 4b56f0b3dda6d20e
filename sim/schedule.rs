//! The table of contents of one tick.
//!
//! | | what | file |
//! |---|---|---|
//! | 1 | a frame, if due: the state before this tick | `simulation.rs`, `output.rs` |
//! | 2 | what comes from outside | `interventions.rs` |
//! | 3 | fields: diffusion and decay, then exchange with cells | here, `kernels::tissue` |
//! | 4 | transformations, where they are drawn by themselves; decoders, then rules that are due; then phenotype, if due | `events.rs`, `decide.rs`, `occasions.rs` |
//! | 5 | mechanics, if due: contacts, walks, contact events, positions | `contacts.rs` |
//! | 6 | dyad rules that are due | `dyads.rs` |
//! | – | around 4 and 6, where training rows are wanted: what rules see, and what follows | `recorder.rs` |
//!
//! Stages are chained, so their order is nobody's choice but this file's. Parallelism is inside
//! kernels and rules.

use bevy_ecs::{
    schedule::{IntoScheduleConfigs, Schedule, SingleThreadedExecutor},
    system::{Res, ResMut},
};

use crate::{
    arrays::Space,
    clock::Clock,
    contacts::mechanics,
    decide::decide,
    dyads::dyads,
    events::{phenotype, transformations},
    interventions::interventions,
    plan::Plan,
    record::{Failure, Stage, Timings},
    recorder::{Recorder, ask_cells, ask_pairs, follow},
    semantics::Semantics,
};

/// Stages 2 to 6.
pub fn schedule() -> Schedule {
    let mut schedule = Schedule::default();
    schedule.set_executor(SingleThreadedExecutor::new());
    schedule.add_systems(
        (
            interventions.run_if(mechanics_is_due),
            fields,
            transformations.run_if(drawn_by_themselves),
            ask_cells.run_if(is_recorded),
            decide.run_if(mechanics_is_due),
            phenotype.run_if(phenotype_is_due),
            mechanics.run_if(mechanics_is_due),
            ask_pairs.run_if(is_recorded),
            dyads.run_if(mechanics_is_due),
            follow.run_if(is_recorded),
        )
            .chain(),
    );
    schedule
}

fn mechanics_is_due(clock: Res<Clock>, failure: Res<Failure>) -> bool {
    clock.is_mechanics() && failure.0.is_none()
}

fn phenotype_is_due(clock: Res<Clock>, failure: Res<Failure>) -> bool {
    clock.is_phenotype() && failure.0.is_none()
}

fn is_recorded(recorder: Option<Res<Recorder>>, clock: Res<Clock>, failure: Res<Failure>) -> bool {
    recorder.is_some() && mechanics_is_due(clock, failure)
}

/// PhysiCell draws transformations by themselves, before rules are applied.
fn drawn_by_themselves(clock: Res<Clock>, failure: Res<Failure>, plan: Res<Plan>) -> bool {
    plan.scenario.semantics == Semantics::PhysiCell && phenotype_is_due(clock, failure)
}

fn fields(
    mut space: ResMut<Space>,
    mut timings: ResMut<Timings>,
    mut failure: ResMut<Failure>,
    clock: Res<Clock>,
    plan: Res<Plan>,
) {
    let _timer = timings.start(Stage::Fields);
    if let Err(error) = space.0.diffuse(clock.until_phenotype()) {
        failure.0 = Some(error.to_string());
    }
    // Once no number it stays none, so that a look now and then is enough.
    if clock.is_phenotype()
        && let Some(substrate) = space.0.substrate_not_finite()
    {
        let name = &plan.scenario.substrates[substrate].name;
        failure.0 = Some(format!(
            "the density of {name} is no finite number at t = {} min; its coefficients are too large to compute with",
            clock.time()
        ));
    }
}
