//! Between entities and slices: who stands at which rank, and how cells come and go.
//!
//! Cells are counted by ascending id. [`Roster`] maps that rank to the entity; `Tissue::row` maps
//! it to the row of the kernels.

use bevy_ecs::{entity::Entity, resource::Resource, world::World};
use kernels::tissue::{Body, Prey, Tissue};

use crate::{
    cell::{
        CellId, ContactTime, Custom, History, Kind, Latent, Lineage, Phase, Recorded, Ruled, Volume,
    },
    clock::Clock,
    dictionary::Behavior,
    output::Vitality,
    plan::Plan,
};

/// The fields and bodies of the world.
#[derive(Resource, Debug)]
pub struct Space(pub Tissue);

/// Cells by rank, that is by ascending id.
#[derive(Resource, Debug, Default)]
pub struct Roster {
    /// `[rank]`.
    pub entities: Vec<Entity>,
    /// `[rank]`: the cell's place in the ECS's table. All cells have the same components, so
    /// that one table holds them all.
    pub places: Vec<u32>,
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
    world.resource_scope(|world, plan: bevy_ecs::change_detection::Mut<'_, Plan>| {
        let born = world.resource::<Clock>().tick;
        for seedling in seedlings {
            let kind = usize::from(seedling.kind);
            let cell_type = &plan.scenario.cell_types[kind];
            let mut volume = Volume::new(cell_type, seedling.kind);
            if let Some(total) = seedling.volume {
                volume.scale(total / volume.total);
            }
            let mut custom: Box<[f64]> =
                cell_type.custom.iter().map(|custom| custom.value).collect();
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
                volume: volume.total,
                like: None,
            };
            let tissue = &mut world.resource_mut::<Space>().0;
            tissue.insert(&body);
            for (channel, value) in channels {
                tissue.set_newest(channel, value);
            }
            world.spawn((
                CellId(seedling.id),
                Kind(seedling.kind),
                Phase {
                    vitality: Vitality::Live,
                    number: 0,
                    elapsed: 0.0,
                },
                Lineage {
                    mother: 0,
                    born,
                    divisions: 0,
                },
                volume,
                Custom(custom),
                Ruled(ruled),
                Latent(latent),
                Recorded(plan.latents.unrecorded(kind)),
                History::default(),
                ContactTime(vec![0.0; plan.contact_times.len()].into()),
            ));
        }
    });
}

/// Brings ranks, rows and entities into agreement after cells came, went or changed type.
pub fn settle(world: &mut World) {
    world.resource_mut::<Space>().0.settle();
    let mut cells: Vec<(u64, Entity, u32, u16, Vitality)> = world
        .query::<(Entity, &CellId, &Kind, &Phase)>()
        .iter(world)
        .zip(0..)
        .map(|((entity, id, kind, phase), place)| (id.0, entity, place, kind.0, phase.vitality))
        .collect();
    cells.sort_unstable_by_key(|(id, ..)| *id);
    debug_assert!(
        cells
            .iter()
            .map(|(id, ..)| id)
            .eq(world.resource::<Space>().0.ids())
    );
    let types = world.resource::<Plan>().scenario.cell_types.len();
    let mut roster = world.resource_mut::<Roster>();
    roster.entities.clear();
    roster.places.clear();
    roster.kinds.clear();
    roster.vitality.clear();
    roster.of_type.resize_with(types, Vec::new);
    for ranks in &mut roster.of_type {
        ranks.clear();
    }
    for (rank, (_, entity, place, kind, vitality)) in cells.into_iter().enumerate() {
        roster.entities.push(entity);
        roster.places.push(place);
        roster.kinds.push(kind);
        roster.vitality.push(vitality);
        roster.of_type[usize::from(kind)].push(rank as u32);
    }
}
