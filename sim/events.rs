//! Phenotype: fates are drawn for all cells, volumes advance, and then births, deaths and
//! transformations are applied in the order of ids.

use bevy_ecs::{entity::Entity, resource::Resource, world::World};
use kernels::{random::child_id, tissue::Body};
use rules::dictionary::normal;

use crate::{
    arrays::{Roster, Space, group, settle},
    cell::{CellId, ContactTime, Custom, History, Hit, Kind, Lineage, Phase, Ruled, Volume},
    clock::Clock,
    dictionary::Behavior,
    output::{Event, EventKind, Vitality},
    plan::Plan,
    record::{Log, Stage, Timings},
    semantics,
    streams::Purpose,
};

/// Where the rate of an event comes from.
#[derive(Debug, Clone, Copy)]
enum Rate {
    Fixed(f64),
    Slot(usize),
}

impl Rate {
    fn get(self, ruled: &Ruled) -> f64 {
        match self {
            Rate::Fixed(rate) => rate,
            Rate::Slot(slot) => ruled.0[slot],
        }
    }
}

/// The rates of one type's events.
#[derive(Debug, Clone)]
struct Fates {
    phase_exit: Vec<Rate>,
    apoptosis: Rate,
    necrosis: Rate,
    /// (type to become, rate), for those that can happen.
    transformations: Vec<(u16, Rate)>,
}

/// What may happen to cells of each type.
#[derive(Resource, Debug, Clone)]
pub struct Risks(Vec<Fates>);

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
            transformations: (0..types)
                .filter(|&other| other != kind)
                .map(|other| (other as u16, risk(kind, Behavior::Transformation(other))))
                .filter(|(_, rate)| !matches!(rate, Rate::Fixed(rate) if *rate == 0.0))
                .collect(),
        };
        Risks((0..types).map(fates).collect())
    }
}

/// What happens to one cell in this step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Die(Vitality),
    Become(u16),
    Divide,
    Vanish,
}

/// One phenotype step.
pub fn phenotype(world: &mut World) {
    let clock = *world.resource::<Clock>();
    let started = std::time::Instant::now();
    let fates = draw(world, &clock);
    let structural = !fates.is_empty();
    for (rank, fate) in fates {
        match fate {
            Fate::Die(vitality) => die(world, &clock, rank, vitality),
            Fate::Become(kind) => transform(world, &clock, rank, kind),
            Fate::Divide => divide(world, &clock, rank),
            Fate::Vanish => vanish(world, &clock, rank),
        }
    }
    if structural {
        settle(world);
    } else {
        world.resource_mut::<Space>().0.settle();
    }
    world.resource_mut::<Timings>().seconds[Stage::Phenotype as usize] +=
        started.elapsed().as_secs_f64();
}

/// Advances phases and volumes, and lists what happens to whom, by rank.
fn draw(world: &mut World, clock: &Clock) -> Vec<(usize, Fate)> {
    let dt = clock.phenotype_step();
    let mut fates = Vec::new();
    let mut cells = world.query::<(
        &mut Phase,
        &mut Volume,
        &mut History,
        &Ruled,
        &Kind,
        &CellId,
    )>();
    world.resource_scope(|world, plan: bevy_ecs::change_detection::Mut<'_, Plan>| {
        world.resource_scope(
            |world, mut space: bevy_ecs::change_detection::Mut<'_, Space>| {
                let risks = world.resource::<Risks>().clone();
                let entities = world.resource::<Roster>().entities.clone();
                let draws = Purpose::Fate.draws(plan.scenario.seed);
                for (rank, entity) in entities.into_iter().enumerate() {
                    let (mut phase, mut volume, mut history, ruled, kind, id) = cells
                        .get_mut(world, entity)
                        .expect("the roster lists living entities");
                    let cell_type = &plan.scenario.cell_types[usize::from(kind.0)];
                    phase.elapsed += dt;
                    let fate = match phase.vitality {
                        Vitality::Live => {
                            let uniforms = || draws.uniforms(id.0, clock.tick, 0);
                            let risks = &risks.0[usize::from(kind.0)];
                            live_fate(
                                risks,
                                cell_type,
                                &mut phase,
                                &mut volume,
                                ruled,
                                dt,
                                uniforms,
                            )
                        }
                        Vitality::Apoptotic => (phase.elapsed
                            > cell_type.apoptosis.removal.duration - 0.5 * dt)
                            .then_some(Fate::Vanish),
                        Vitality::Necrotic => {
                            let lysed = phase.number == 1;
                            if !lysed && volume.total >= volume.rupture {
                                phase.number = 1;
                                phase.elapsed = 0.0;
                            }
                            (lysed
                                && phase.elapsed > cell_type.necrosis.removal.duration - 0.5 * dt)
                                .then_some(Fate::Vanish)
                        }
                    };
                    volume.advance(cell_type, &phase, dt);
                    space.0.set_volume(rank, volume.total);
                    let recovered = |hit: Hit| semantics::RECOVERED_SHARE * hit.damage;
                    if history
                        .last_hit
                        .is_some_and(|hit| space.0.damage(rank) < recovered(hit))
                    {
                        history.last_hit = None;
                    }
                    fates.extend(fate.map(|fate| (rank, fate)));
                }
            },
        );
    });
    fates
}

/// What happens to a live cell; a change of phase is applied at once, since it is nobody else's business.
fn live_fate(
    risks: &Fates,
    cell_type: &crate::scenario::CellType,
    phase: &mut Phase,
    volume: &mut Volume,
    ruled: &Ruled,
    dt: f64,
    uniforms: impl FnOnce() -> [f64; 2],
) -> Option<Fate> {
    let now = cell_type.cycle.phases.get(usize::from(phase.number));
    let exit_rate = now.map_or(0.0, |_| {
        risks.phase_exit[usize::from(phase.number)].get(ruled)
    });
    let fixed = now.is_some_and(|now| now.fixed);
    let rates = [
        risks.apoptosis.get(ruled),
        risks.necrosis.get(ruled),
        if fixed { 0.0 } else { exit_rate },
    ];
    let others = risks
        .transformations
        .iter()
        .map(|(_, rate)| rate.get(ruled));
    let drawn = semantics::competing_risk(rates.into_iter().chain(others), dt, uniforms);
    let exits = match drawn {
        Some(0) => return Some(Fate::Die(Vitality::Apoptotic)),
        Some(1) => return Some(Fate::Die(Vitality::Necrotic)),
        Some(2) => true,
        Some(other) => return Some(Fate::Become(risks.transformations[other - 3].0)),
        None => {
            fixed && exit_rate > 0.0 && semantics::fixed_phase_is_over(phase.elapsed, exit_rate, dt)
        }
    };
    let now = now.filter(|_| exits)?;
    // A fixed phase hands on what rounding to steps left over, so that it does not add up over
    // phases; but not the time for which a rule had held the phase.
    phase.elapsed = if fixed {
        (phase.elapsed - 1.0 / exit_rate).min(0.5 * dt)
    } else {
        0.0
    };
    phase.number = now.next as u8;
    if cell_type.cycle.phases[now.next].grows {
        volume.target_nuclear_solid *= 2.0;
    }
    now.divides.then_some(Fate::Divide)
}

/// The entity, id, type and position of the cell at a rank, before ranks change.
fn who(world: &World, rank: usize) -> (Entity, u64, u16, [f64; 3]) {
    let roster = world.resource::<Roster>();
    let tissue = &world.resource::<Space>().0;
    (
        roster.entities[rank],
        tissue.ids()[rank],
        roster.kinds[rank],
        tissue.position(rank),
    )
}

/// The cell at a rank dies.
pub fn die(world: &mut World, clock: &Clock, rank: usize, vitality: Vitality) {
    let (entity, id, kind, position) = who(world, rank);
    let relative_rupture = world.resource::<Plan>().scenario.cell_types[usize::from(kind)]
        .necrosis
        .relative_rupture_volume;
    let mut cell = world.entity_mut(entity);
    if vitality == Vitality::Necrotic {
        let mut volume = cell.get_mut::<Volume>().expect("every cell has a volume");
        volume.rupture = relative_rupture * volume.total;
    }
    *cell.get_mut::<Phase>().expect("every cell has a phase") = Phase {
        vitality,
        number: 0,
        elapsed: 0.0,
    };
    let killer = cell
        .get::<History>()
        .expect("every cell has a history")
        .last_hit;
    world
        .resource_mut::<Space>()
        .0
        .set_group(rank, group(kind, vitality));
    let cause = if vitality == Vitality::Apoptotic {
        "apoptosis"
    } else {
        "necrosis"
    };
    let death = Event {
        time: clock.time(),
        kind: EventKind::Death,
        cell: id,
        cell_type: kind,
        partner: killer.map(|hit| hit.by),
        partner_type: killer.map(|hit| hit.kind),
        cause: Some(cause),
        position,
        value: 0.0,
    };
    let tissue = &world.resource::<Space>().0;
    let stands = killer
        .and_then(|hit| tissue.rank(hit.by))
        .map(|rank| tissue.position(rank));
    let events = &mut world.resource_mut::<Log>().events;
    events.push(death.clone());
    if let Some(hit) = killer {
        events.push(Event {
            kind: EventKind::Kill,
            // A killer that is gone by now has no place; its victim has.
            position: stands.unwrap_or(position),
            cell: hit.by,
            cell_type: hit.kind,
            partner: Some(id),
            partner_type: Some(kind),
            ..death
        });
    }
}

/// The cell at a rank becomes another type.
pub fn transform(world: &mut World, clock: &Clock, rank: usize, new: u16) {
    let (entity, id, old, position) = who(world, rank);
    world.resource_scope(|world, plan: bevy_ecs::change_detection::Mut<'_, Plan>| {
        let types = &plan.scenario.cell_types;
        let (from, to) = (&types[usize::from(old)], &types[usize::from(new)]);
        let mut cell = world.entity_mut(entity);
        let kept = cell
            .get::<Custom>()
            .expect("every cell has custom numbers")
            .0
            .clone();
        // A number that both types know by one name is the cell's own and stays.
        let custom = to.custom.iter().map(|custom| {
            let place = from
                .custom
                .iter()
                .position(|other| normal(&other.name) == normal(&custom.name));
            place.map_or(custom.value, |place| kept[place])
        });
        let custom = Custom(custom.collect());
        let mut volume = *cell.get::<Volume>().expect("every cell has a volume");
        volume.target_nuclear_solid = Volume::new(to).target_nuclear_solid;
        cell.insert((
            Kind(new),
            custom,
            volume,
            Ruled(plan.ruled.new_cell(&plan.table, usize::from(new))),
            Phase {
                vitality: Vitality::Live,
                number: 0,
                elapsed: 0.0,
            },
            History::default(),
            ContactTime(vec![0.0; plan.contact_times.len()].into()),
        ));
    });
    let tissue = &mut world.resource_mut::<Space>().0;
    tissue.set_group(rank, group(new, Vitality::Live));
    tissue.heal(rank);
    world.resource_mut::<Log>().events.push(Event {
        time: clock.time(),
        kind: EventKind::Transformation,
        cell: id,
        cell_type: old,
        partner: None,
        partner_type: Some(new),
        cause: None,
        position,
        value: 0.0,
    });
}

fn divide(world: &mut World, clock: &Clock, rank: usize) {
    let (entity, id, kind, position) = who(world, rank);
    let seed = world.resource::<Plan>().scenario.seed;
    let draws = Purpose::DivisionAxis.draws(seed);
    let plane = world.resource::<Plan>().scenario.domain.dimensions == 2;
    let mut cell = world.entity_mut(entity);
    let mut volume = *cell.get::<Volume>().expect("every cell has a volume");
    let offset = semantics::daughter_offset(volume.radius());
    volume.scale(0.5);
    cell.insert(volume);
    let mut lineage = *cell.get::<Lineage>().expect("every cell has a lineage");
    let daughter = child_id(id, lineage.divisions);
    lineage.divisions += 1;
    cell.insert(lineage);
    let inherited = (
        *cell.get::<Phase>().expect("every cell has a phase"),
        cell.get::<Custom>()
            .expect("every cell has custom numbers")
            .clone(),
        cell.get::<Ruled>()
            .expect("every cell has ruled behaviors")
            .clone(),
        *cell.get::<History>().expect("every cell has a history"),
        cell.get::<ContactTime>()
            .expect("every cell has contact times")
            .clone(),
    );
    cell.insert(History {
        attacked: 0.0,
        ..inherited.3
    });
    let axis = if plane {
        draws.direction_2d(id, clock.tick, 0)
    } else {
        draws.direction_3d(id, clock.tick, 0)
    };
    let at = |sign: f64| std::array::from_fn(|d| position[d] + sign * offset * axis[d]);
    let tissue = &mut world.resource_mut::<Space>().0;
    tissue.place(rank, at(-1.0));
    tissue.set_volume(rank, volume.total);
    let group = group(kind, Vitality::Live);
    tissue.insert(&Body {
        id: daughter,
        group,
        position: at(1.0),
        volume: volume.total,
        like: Some(id),
    });
    world.spawn((
        CellId(daughter),
        Kind(kind),
        inherited.0,
        Lineage {
            mother: id,
            born: clock.tick,
            divisions: 0,
        },
        volume,
        inherited.1,
        inherited.2,
        History {
            attacked: 0.0,
            delivered: 0.0,
            ..inherited.3
        },
        inherited.4,
    ));
    world.resource_mut::<Log>().events.push(Event {
        time: clock.time(),
        kind: EventKind::Division,
        cell: id,
        cell_type: kind,
        partner: Some(daughter),
        partner_type: Some(kind),
        cause: None,
        position,
        value: 0.0,
    });
}

fn vanish(world: &mut World, clock: &Clock, rank: usize) {
    let (entity, id, kind, position) = who(world, rank);
    let vitality = world.resource::<Roster>().vitality[rank];
    world.resource_mut::<Space>().0.remove(id);
    world.despawn(entity);
    world.resource_mut::<Log>().events.push(Event {
        time: clock.time(),
        kind: EventKind::Removal,
        cell: id,
        cell_type: kind,
        partner: None,
        partner_type: None,
        cause: Some(vitality.name()),
        position,
        value: 0.0,
    });
}
