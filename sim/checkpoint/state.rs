//! The state of a simulation at the end of a tick: everything that its future depends on, and what
//! happened since the last frame.
//!
//! There is no state of a random generator, since draws are a function of who, when and what for.
//! Rows stand in the order they have in memory, which decides the order of sums.

use std::borrow::Cow;

use bevy_ecs::{entity::Entity, world::World};
use kernels::tissue;
use serde::{Deserialize, Serialize};

use crate::{
    arrays::{ONE_TABLE, Space, enroll},
    cell::{Attacked, CellId, Delivered, History, Kind, LastHit, Lineage, Phase, Volume},
    clock::Clock,
    guard::{self, Guards},
    interventions::{Arrived, Changed},
    plan::Bound,
    record::{Clamps, Log, Stage, Timings},
    simulation::Simulation,
    tables::Tables,
};

/// What the ECS holds of one cell, besides its id.
type Cell = (Kind, Phase, Lineage, Volume, LastHit, Attacked, Delivered);

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
        self.cells.iter().map(|(kind, ..)| usize::from(kind.0))
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
        let ids = state.tissue.ids().to_vec();
        let tissue = &mut world.resource_mut::<Space>().0;
        let restored = tissue.restore(state.tissue);
        restored.map_err(|error| error.to_string())?;
        let entities = populate(world, &ids, &state.cells);
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
    type All<'a> = (
        &'a Kind,
        &'a Phase,
        &'a Lineage,
        &'a Volume,
        &'a LastHit,
        &'a Attacked,
        &'a Delivered,
    );
    let mut query = world.query::<All<'_>>();
    let tables = query.contiguous_iter(world).expect(ONE_TABLE);
    let mut cells = Vec::new();
    for (kinds, phases, lineages, volumes, last_hits, attacked, delivered) in tables {
        cells.extend((0..kinds.len()).map(|row| {
            (
                kinds[row],
                phases[row],
                lineages[row],
                volumes[row],
                last_hits[row],
                attacked[row],
                delivered[row],
            )
        }));
    }
    cells
}

/// Makes the cells, in the order of rows.
fn populate(world: &mut World, ids: &[u64], cells: &[Cell]) -> Vec<Entity> {
    let cells = ids.iter().zip(cells);
    let entities = cells.map(|(&id, &cell)| {
        let (kind, phase, lineage, volume, last_hit, attacked, delivered) = cell;
        let history = History {
            last_hit,
            attacked,
            delivered,
        };
        let cell = (CellId(id), kind, phase, lineage, volume, history);
        world.spawn(cell).id()
    });
    entities.collect()
}
