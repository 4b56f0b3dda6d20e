//! The state of a simulation at the end of a tick: everything that its future depends on, and what
//! happened since the last frame.
//!
//! There is no state of a random generator, since draws are a function of who, when and what for.
//! Rows stand in the order they have in memory, which decides the order of sums.

use std::borrow::Cow;

use bevy_ecs::world::World;
use kernels::tissue;
use serde::{Deserialize, Serialize};

use crate::{
    arrays::{ONE_TABLE, Space, enroll, ungroup},
    cell::{Past, Phase, Volume},
    clock::Clock,
    guard::{self, Guards},
    interventions::{Arrived, Changed},
    plan::Bound,
    record::{Clamps, Log, Stage, Timings},
    simulation::Simulation,
    tables::Tables,
};

/// What the ECS holds of one cell.
type Cell = (Phase, Volume, Past);

/// See the head of the file. What is written borrows from the simulation, what is read is its own.
#[derive(Debug, Serialize, Deserialize)]
pub struct State<'a> {
    pub(super) tick: u64,
    pub(super) tissue: tissue::State<'a>,
    /// `[row]`.
    cells: Vec<Cell>,
    pub(super) tables: Cow<'a, Tables>,
    pub(super) clamps: Cow<'a, Clamps>,
    pub(super) log: Cow<'a, Log>,
    arrived: Cow<'a, Arrived>,
    pub(super) changed: Cow<'a, Changed>,
    pub(super) guards: guard::State<'a>,
    pub(super) seconds: [f64; Stage::ALL.len()],
}

impl State<'_> {
    /// `[row]`: types.
    pub(super) fn kinds(&self) -> impl Iterator<Item = usize> {
        let groups = self.tissue.groups().iter();
        groups.map(|&group| usize::from(ungroup(group).0))
    }
}

impl Simulation {
    /// All that its future depends on, between two ticks.
    pub fn state(&mut self) -> State<'_> {
        let cells = cells(&mut self.world);
        let world = &self.world;
        State {
            tick: self.tick,
            tissue: self.tissue().state(),
            cells,
            tables: Cow::Borrowed(world.resource()),
            clamps: Cow::Borrowed(world.resource()),
            log: Cow::Borrowed(world.resource()),
            arrived: Cow::Borrowed(world.resource()),
            changed: Cow::Borrowed(world.resource()),
            guards: self.guards().state(),
            seconds: world.resource::<Timings>().seconds,
        }
    }

    /// A simulation that goes on from a state of one of the same scenario.
    ///
    /// # Errors
    /// A message where the state does not fit the scenario.
    pub fn resume(bound: Bound, threads: usize, state: State<'_>) -> Result<Simulation, String> {
        let mut simulation = Simulation::empty(bound, threads)?;
        simulation.tick = state.tick;
        let world = &mut simulation.world;
        world.resource_mut::<Clock>().tick = state.tick;
        let tissue = &mut world.resource_mut::<Space>().0;
        let restored = tissue.restore(state.tissue);
        restored.map_err(|error| error.to_string())?;
        let entities = world.spawn_batch(state.cells).collect::<Vec<_>>();
        world.insert_resource(state.tables.into_owned());
        world.insert_resource(state.clamps.into_owned());
        world.insert_resource(state.log.into_owned());
        world.insert_resource(state.arrived.into_owned());
        world.insert_resource(state.changed.into_owned());
        world.resource_mut::<Guards>().restore(state.guards);
        world.resource_mut::<Timings>().seconds = state.seconds;
        enroll(world, &entities);
        Ok(simulation)
    }
}

/// The components of all cells, by row.
fn cells(world: &mut World) -> Vec<Cell> {
    let mut query = world.query::<(&Phase, &Volume, &Past)>();
    let tables = query.contiguous_iter(world).expect(ONE_TABLE);
    let mut cells = Vec::new();
    for (phases, volumes, pasts) in tables {
        let rows = phases.iter().zip(volumes).zip(pasts);
        cells.extend(rows.map(|((&phase, &volume), past)| (phase, volume, past.clone())));
    }
    cells
}
