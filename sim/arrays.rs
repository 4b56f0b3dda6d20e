//! Between entities and slices: who stands at which rank, and how cells come and go.
//!
//! Cells are counted by ascending id. [`Roster`] maps that rank to the entity; `Tissue::row` maps
//! it to the row of the kernels, which is the row of `Tables` and the place in the ECS's table
//! too: [`settle`] moves all three together. All cells have the same components, so that one table
//! holds them all, in the order of space.

use bevy_ecs::{change_detection::Mut, entity::Entity, resource::Resource, world::World};
use kernels::{
    moves::Moves,
    tissue::{Body, Prey, Tissue},
};

use crate::{
    cell::{History, Lineage, Past, Phase, Volume},
    clock::Clock,
    dictionary::Behavior,
    output::Vitality,
    plan::Plan,
    tables::Tables,
};

/// The fields and bodies of the world.
#[derive(Resource, Debug)]
pub struct Space(pub Tissue);

/// Cells by rank, that is by ascending id.
#[derive(Resource, Debug, Default)]
pub struct Roster {
    /// `[rank]`.
    pub entities: Vec<Entity>,
    /// `[rank]`.
    pub kinds: Vec<u16>,
    /// `[rank]`.
    pub vitality: Vec<Vitality>,
    /// Ranks of the cells of each type, ascending.
    pub of_type: Vec<Vec<u32>>,
}

impl Roster {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }
}

/// The group of the kernels for cells of a type and vitality.
pub fn group(kind: u16, vitality: Vitality) -> u16 {
    kind * Vitality::ALL.len() as u16 + vitality as u16
}

/// Type and vitality of a group.
pub fn ungroup(group: u16) -> (u16, Vitality) {
    let states = Vitality::ALL.len() as u16;
    (group / states, Vitality::ALL[usize::from(group % states)])
}

/// Whether cells of a group live. Without a look at a list, for who asks of many.
pub fn is_live(group: u16) -> bool {
    group % Vitality::ALL.len() as u16 == Vitality::Live as u16
}

/// What a vitality means to the kernels.
pub fn prey(vitality: Vitality) -> Prey {
    match vitality {
        Vitality::Live => Prey::Live,
        Vitality::Apoptotic => Prey::Apoptotic,
        Vitality::Necrotic => Prey::Necrotic,
    }
}

/// A cell to be made, where it differs from a new cell of its type.
#[derive(Debug, Clone)]
pub struct Seedling {
    /// Its id.
    pub id: u64,
    /// Its type.
    pub kind: u16,
    /// µm.
    pub position: [f64; 3],
    /// µm³, where it differs from the type's.
    pub volume: Option<f64>,
    /// Numbers of behaviors that differ from the type's.
    pub values: Vec<(usize, f64)>,
}

/// Makes new cells of their types' phenotype; [`settle`] must follow.
pub fn plant(world: &mut World, seedlings: &[Seedling]) {
    world.resource_scope(|world, plan: Mut<'_, Plan>| {
        let born = world.resource::<Clock>().tick;
        let volume = |seedling: &Seedling| {
            let cell_type = &plan.scenario.cell_types[usize::from(seedling.kind)];
            let mut volume = Volume::new(cell_type, seedling.kind);
            if let Some(total) = seedling.volume {
                volume.scale(total / volume.total);
            }
            volume
        };
        // Columns that grow one after another would leave holes in memory.
        world.resource_mut::<Space>().0.reserve(seedlings.len());
        world.resource_mut::<Tables>().reserve(seedlings.len());
        for seedling in seedlings {
            let kind = usize::from(seedling.kind);
            let cell_type = &plan.scenario.cell_types[kind];
            let mut custom: Vec<f64> = cell_type.custom.iter().map(|custom| custom.value).collect();
            let mut latent = plan.latents.new_cell(kind);
            let mut ruled = plan.ruled.new_cell(&plan.table, kind);
            let mut channels = Vec::new();
            for &(behavior, value) in &seedling.values {
                match &plan.table.behaviors[behavior] {
                    Behavior::Kernel(channel) => channels.push((*channel, value)),
                    Behavior::Custom(places) => {
                        custom[places[kind].expect("columns are checked when the run is built")] =
                            value;
                    }
                    Behavior::Latent(places) => {
                        latent[places[kind].expect("columns are checked when the run is built")] =
                            value as f32;
                    }
                    kept => {
                        debug_assert!(kept.is_kept());
                        let slot = plan.ruled.slot(kind, behavior);
                        ruled[slot.expect("columns have slots since the run was built")] = value;
                    }
                }
            }
            let group = group(seedling.kind, Vitality::Live);
            let body = Body {
                id: seedling.id,
                group,
                position: seedling.position,
                volume: volume(seedling).total,
                like: None,
            };
            let tissue = &mut world.resource_mut::<Space>().0;
            tissue.insert(&body);
            for (channel, value) in channels {
                tissue.set_newest(channel, value);
            }
            let mut tables = world.resource_mut::<Tables>();
            tables.custom.push(&custom);
            tables.ruled.push(&ruled);
            tables.latent.push(&latent);
            tables.recorded.push(&plan.latents.unrecorded(kind));
            tables.contact_time.push(&[]);
        }
        let founded = Lineage {
            mother: 0,
            born: born as u32,
            divisions: 0,
        };
        let past = || Past::new(founded, History::default());
        let cells = seedlings.iter();
        world.spawn_batch(cells.map(|seedling| (Phase::FIRST, volume(seedling), past())));
    });
}

/// Brings ranks, rows and entities into agreement after cells came, went, moved or changed type.
pub fn settle(world: &mut World) {
    let moves = world.resource_mut::<Space>().0.settle();
    world.resource_mut::<Tables>().permute(&moves);
    let entities = permute(world, &moves);
    enroll(world, &entities);
}

/// Fills the roster; the entities are those of the tissue's rows.
pub fn enroll(world: &mut World, entities: &[Entity]) {
    world.resource_scope(|world, mut roster: Mut<'_, Roster>| {
        let tissue = &world.resource::<Space>().0;
        let roster = &mut *roster;
        roster.entities.clear();
        roster.kinds.clear();
        roster.vitality.clear();
        for row in (0..tissue.len()).map(|rank| tissue.row(rank)) {
            let (kind, vitality) = ungroup(tissue.groups()[row]);
            roster.entities.push(entities[row]);
            roster.kinds.push(kind);
            roster.vitality.push(vitality);
        }
        let types = world.resource::<Plan>().scenario.cell_types.len();
        roster.of_type.resize_with(types, Vec::new);
        for ranks in &mut roster.of_type {
            ranks.clear();
        }
        for (rank, &kind) in roster.kinds.iter().enumerate() {
            roster.of_type[usize::from(kind)].push(rank as u32);
        }
    });
}

/// Why a query of cells is of one piece.
pub const ONE_TABLE: &str = "components of cells are kept in one table";

/// Moves what the table of the ECS holds to other entities, and despawns those that are left over;
/// the entities by place.
fn permute(world: &mut World, moves: &Moves) -> Vec<Entity> {
    type All<'a> = (Entity, &'a mut Phase, &'a mut Volume, &'a mut Past);
    let mut entities = Vec::new();
    let mut query = world.query::<All<'_>>();
    let tables = query.contiguous_iter_mut(world).expect(ONE_TABLE);
    for (all, mut phases, mut volumes, mut pasts) in tables {
        entities.extend_from_slice(all);
        moves.permute(phases.bypass_change_detection());
        moves.permute(volumes.bypass_change_detection());
        moves.swap(pasts.bypass_change_detection());
    }
    // From the end, so that no other is moved into their places.
    for gone in entities.drain(moves.len()..).rev() {
        world.despawn(gone);
    }
    entities
}
