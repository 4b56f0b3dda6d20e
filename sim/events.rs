//! Phenotype: fates are drawn for all cells, volumes advance, and then births, deaths and
//! transformations are applied in the order of ids.

mod fates;
mod in_turn;

use bevy_ecs::{entity::Entity, world::World};
use kernels::{random::child_id, tissue::Body};
use rules::dictionary::normal;

use crate::{
    arrays::{Roster, Space, group, settle},
    cell::{Lineage, Past, Phase, Volume},
    clock::Clock,
    inheritance::children,
    occasions::{Birth, decode, endow, foresee},
    output::{Event, EventKind, Vitality},
    plan::Plan,
    record::{Failure, Log, Stage, Timings},
    semantics::Semantics,
    streams::Purpose,
    tables::Tables,
};
use fates::Fate;

pub use fates::Risks;
pub use in_turn::transformations;

/// One phenotype step.
pub fn phenotype(world: &mut World) {
    let clock = *world.resource::<Clock>();
    let started = std::time::Instant::now();
    let semantics = world.resource::<Plan>().scenario.semantics;
    if semantics == Semantics::PhysiCell {
        // Damage comes and is repaired once a phenotype step.
        world
            .resource_mut::<Space>()
            .0
            .repair(clock.phenotype_step());
    }
    let mut fates = fates::draw(world, &clock);
    if semantics == Semantics::PhysiCell {
        // Deaths are there before divisions, and divisions before removals.
        fates.sort_by_key(|(_, fate)| *fate);
    }
    let mothers = fates.iter().filter(|(_, fate)| *fate == Fate::Divide);
    let mothers: Vec<usize> = mothers.map(|(rank, _)| *rank).collect();
    if let Err(message) = foresee(world, &mothers) {
        world.resource_mut::<Failure>().0 = Some(message);
        return;
    }
    let (mut births, mut changed) = (Vec::new(), Vec::new());
    for (rank, fate) in fates {
        match fate {
            Fate::Die(vitality) => {
                let elapsed = semantics.elapsed_at_death(clock.phenotype_step());
                die(world, &clock, rank, vitality, elapsed);
            }
            Fate::Become(kind) => {
                changed.push(who(world, rank).1);
                transform(world, &clock, rank, kind);
            }
            Fate::Divide => births.push(divide(world, &clock, rank)),
            Fate::Vanish => vanish(world, &clock, rank),
        }
    }
    settle(world);
    endow(world, &births);
    let daughters: Vec<u64> = births.iter().map(|birth| birth.daughter).collect();
    changed.extend(differentiate(world, &clock, &daughters));
    // Who has become what decoders speak of has nothing recorded yet.
    decode(world, &changed);
    world.resource_mut::<Timings>().seconds[Stage::Phenotype as usize] +=
        started.elapsed().as_secs_f64();
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

/// The cell at a rank dies, or did so `elapsed` min ago.
pub fn die(world: &mut World, clock: &Clock, rank: usize, vitality: Vitality, elapsed: f64) {
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
        elapsed,
    };
    let past = cell.get::<Past>().expect("every cell has a past");
    let killer = past.history().last_hit;
    world
        .resource_mut::<Space>()
        .0
        .die(rank, group(kind, vitality));
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
        let semantics = plan.scenario.semantics;
        let row = world.resource::<Space>().0.row(rank);
        let mut tables = world.resource_mut::<Tables>();
        let kept = tables.custom.row(row);
        // A number that both types know by one name is the cell's own and stays.
        let custom = to.custom.iter().map(|custom| {
            let place = from
                .custom
                .iter()
                .position(|other| normal(&other.name) == normal(&custom.name))
                .filter(|_| semantics.keeps_custom(custom));
            place.map_or(custom.value, |place| kept[place])
        });
        let custom: Vec<f64> = custom.collect();
        let (latents, from, to_kind) = (&plan.latents, usize::from(old), usize::from(new));
        let latent = latents.transformed(&tables.latent.row(row), from, to_kind);
        let recorded = latents.still_recorded(&tables.recorded.row(row), from, to_kind);
        tables.custom.set_row(row, &custom);
        tables.latent.set_row(row, &latent);
        tables.recorded.set_row(row, &recorded);
        tables
            .ruled
            .set_row(row, &plan.ruled.new_cell(&plan.table, to_kind));
        tables
            .contact_time
            .set_row(row, &vec![0.0; plan.contact_times.len()]);
        let mut cell = world.entity_mut(entity);
        let mut volume = *cell.get::<Volume>().expect("every cell has a volume");
        volume.target_nuclear_solid = Volume::new(to, new).target_nuclear_solid;
        volume.rates_of = semantics.rates_of_the_transformed(volume.rates_of, new);
        let past = cell.get::<Past>().expect("every cell has a past");
        let history = semantics.history_of_the_transformed(past.history());
        let past = Past::new(past.lineage, history);
        cell.insert((Phase::FIRST, volume, past));
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

/// The cell at a rank divides.
fn divide(world: &mut World, clock: &Clock, rank: usize) -> Birth {
    let (entity, id, kind, position) = who(world, rank);
    let scenario = &world.resource::<Plan>().scenario;
    let semantics = scenario.semantics;
    let substrates = scenario.substrates.len();
    let conserved: Vec<bool> = scenario.cell_types[usize::from(kind)]
        .custom
        .iter()
        .map(|custom| custom.conserved)
        .collect();
    let axis = semantics.division_axis(
        scenario,
        Purpose::DivisionAxis.draws(scenario.seed),
        id,
        clock.tick,
    );
    let mut cell = world.entity_mut(entity);
    let mut volume = *cell.get::<Volume>().expect("every cell has a volume");
    let [offset, daughter_offset] = semantics.offsets(volume.radius());
    volume.scale(0.5);
    cell.insert(volume);
    let phase = *cell.get::<Phase>().expect("every cell has a phase");
    let mut past = cell.get_mut::<Past>().expect("every cell has a past");
    let daughter = child_id(id, past.lineage.divisions);
    past.lineage.divisions += 1;
    let mut history = past.history();
    let inherited = semantics.history_of_a_daughter(history);
    history.attacked = 0.0;
    *past = Past::new(past.lineage, history);
    let row = world.resource::<Space>().0.row(rank);
    let mut tables = world.resource_mut::<Tables>();
    for (place, _) in conserved.iter().enumerate().filter(|(_, is)| **is) {
        *tables.custom.get_mut(place, row) *= 0.5;
    }
    tables.push_like(row);
    let vectors = tables.latent.row(row);
    let plan = world.resource::<Plan>();
    let [kept, given] = children(plan, kind, &vectors, [id, daughter], clock.tick);
    let mut tables = world.resource_mut::<Tables>();
    tables.latent.set_row(row, &kept);
    tables.latent.set_newest(&given);
    let at = |offset: f64| std::array::from_fn(|d| position[d] + offset * axis[d]);
    let tissue = &mut world.resource_mut::<Space>().0;
    tissue.place(rank, at(offset));
    tissue.set_volume(rank, volume.total);
    tissue.detach_all(id);
    let group = group(kind, Vitality::Live);
    tissue.insert(&Body {
        id: daughter,
        group,
        position: at(daughter_offset),
        volume: volume.total,
        like: Some(id),
    });
    for substrate in 0..substrates {
        let half = 0.5 * tissue.internalized(substrate, rank);
        tissue.set_internalized(substrate, rank, half);
        tissue.set_newest_internalized(substrate, half);
    }
    world.spawn((
        phase,
        volume,
        Past::new(
            Lineage {
                mother: id,
                born: clock.tick as u32,
                divisions: 0,
            },
            inherited,
        ),
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
    Birth {
        row: row as u32,
        mother: id,
        daughter,
    }
}

/// Daughters that are of another type than their mothers become it; who they are.
fn differentiate(world: &mut World, clock: &Clock, daughters: &[u64]) -> Vec<u64> {
    let mut changes = Vec::new();
    for &id in daughters {
        let rank = world.resource::<Space>().0.rank(id);
        let rank = rank.expect("who was born is there");
        let roster = world.resource::<Roster>();
        let kind = roster.kinds[rank];
        let shares = &world.resource::<Risks>().0[usize::from(kind)].asymmetric_division;
        if shares.is_empty() {
            continue;
        }
        let tissue = &world.resource::<Space>().0;
        let (row, ruled) = (tissue.row(rank), &world.resource::<Tables>().ruled);
        let shares: Vec<(u16, f64)> = shares
            .iter()
            .map(|(other, share)| (*other, share.get(ruled, row)))
            .collect();
        let draws = Purpose::AsymmetricDivision.draws(world.resource::<Plan>().scenario.seed);
        let drawn = daughter_type(&shares, kind, draws.uniform(id, clock.tick, 0));
        changes.extend(drawn.map(|other| (id, rank, other)));
    }
    for &(_, rank, other) in &changes {
        transform(world, clock, rank, other);
    }
    if !changes.is_empty() {
        settle(world);
    }
    changes.into_iter().map(|(id, ..)| id).collect()
}

/// The other type that a daughter becomes, if she does. Where probabilities sum to more than 1,
/// that of the mother's own type gives way; where that is not enough, those of later types do.
fn daughter_type(shares: &[(u16, f64)], own: u16, mut uniform: f64) -> Option<u16> {
    let total: f64 = shares.iter().map(|(_, share)| share).sum();
    for &(other, share) in shares {
        let share = if other == own {
            (share - (total - 1.0).max(0.0)).max(0.0)
        } else {
            share
        };
        if uniform <= share {
            return (other != own).then_some(other);
        }
        uniform -= share;
    }
    None
}

fn vanish(world: &mut World, clock: &Clock, rank: usize) {
    let (entity, id, kind, position) = who(world, rank);
    // The roster does not know yet who died in this step.
    let phase = world.get::<Phase>(entity);
    let vitality = phase.expect("every cell has a phase").vitality;
    world.resource_mut::<Space>().0.remove(id);
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
