//! Mechanics, and what the pairs that fired mean: a meal, an attack, a blow.

use bevy_ecs::{change_detection::Mut, entity::Entity, world::World};
use kernels::tissue::Fired;
use rules::dictionary::normal;

use crate::{
    arrays::{Roster, Space, settle},
    cell::{History, Hit, Past, Volume},
    clock::Clock,
    output::{Event, EventKind, Vitality},
    plan::Plan,
    record::{Failure, Log, Stage, Timings},
    tables::Tables,
};

/// One mechanics step.
pub fn mechanics(world: &mut World) {
    let clock = *world.resource::<Clock>();
    let started = std::time::Instant::now();
    if let Err(error) = step(world, &clock) {
        world.resource_mut::<Failure>().0 = Some(error.to_string());
    }
    world.resource_mut::<Timings>().seconds[Stage::Mechanics as usize] +=
        started.elapsed().as_secs_f64();
}

fn step(world: &mut World, clock: &Clock) -> Result<(), kernels::Error> {
    let tissue = &mut world.resource_mut::<Space>().0;
    tissue.push(clock.tick)?;
    let fired = tissue.interact(clock.tick);
    tissue.remember();
    tissue.advance()?;
    count_contact_time(world, clock);
    if !fired.is_empty() {
        interpret(world, clock, &fired);
    }
    Ok(())
}

/// Adds the step to the contact time of every cell that keeps one and has such a neighbor.
fn count_contact_time(world: &mut World, clock: &Clock) {
    if world.resource::<Plan>().contact_times.is_empty() {
        return;
    }
    world.resource_scope(|world, mut tables: Mut<'_, Tables>| {
        let (plan, roster) = (world.resource::<Plan>(), world.resource::<Roster>());
        let tissue = &world.resource::<Space>().0;
        for (place, watch) in plan.contact_times.iter().enumerate() {
            let slot = plan.contact_slots[*watch].expect("every timed watch has a slot");
            let counts = tissue.contact_counts(slot);
            let times = tables.contact_time.column_mut(place);
            let kinds = plan.contact_time_types.iter();
            for &rank in kinds.flat_map(|&kind| &roster.of_type[kind]) {
                let row = tissue.row(rank as usize);
                if counts[row] > 0 {
                    times[row] += clock.mechanics_step();
                }
            }
        }
    });
}

/// The rank, type and position of a cell.
fn about(world: &World, id: u64) -> (usize, u16, [f64; 3]) {
    let tissue = &world.resource::<Space>().0;
    let rank = tissue.rank(id).expect("who fired is there");
    (
        rank,
        world.resource::<Roster>().kinds[rank],
        tissue.position(rank),
    )
}

fn event(world: &World, clock: &Clock, kind: EventKind, cell: u64, partner: u64) -> Event {
    let (_, cell_type, position) = about(world, cell);
    let (_, partner_type, _) = about(world, partner);
    Event {
        time: clock.time(),
        kind,
        cell,
        cell_type,
        partner: Some(partner),
        partner_type: Some(partner_type),
        cause: None,
        position,
        value: 0.0,
    }
}

fn interpret(world: &mut World, clock: &Clock, fired: &Fired) {
    for &(attacker, target) in &fired.attacks {
        let event = event(world, clock, EventKind::Attack, attacker, target);
        world.resource_mut::<Log>().events.push(event);
    }
    for &(attacker, target, damage) in &fired.blows {
        strike(world, attacker, target, damage, clock.mechanics_step());
    }
    // In the order of who acts, the meal first: who has absorbed another may be eaten after that.
    let meals = fired
        .meals
        .iter()
        .map(|&(eater, prey)| (eater, false, prey));
    let fusions = fired
        .fusions
        .iter()
        .map(|&(cell, other)| (cell, true, other));
    let mut unions: Vec<(u64, bool, u64)> = meals.chain(fusions).collect();
    unions.sort_unstable();
    for (cell, fuses, other) in unions {
        if fuses {
            fuse(world, clock, cell, other);
        } else {
            eat(world, clock, cell, other);
        }
    }
    if !fired.meals.is_empty() || !fired.fusions.is_empty() {
        settle(world);
    }
}

/// Deals damage, and remembers by whom.
pub fn strike(world: &mut World, attacker: u64, target: u64, damage: f64, duration: f64) {
    let (by, attacker_type, _) = about(world, attacker);
    let (at, ..) = about(world, target);
    world.resource_mut::<Space>().0.harm(at, damage);
    let roster = world.resource::<Roster>();
    let (attacker_entity, target_entity) = (roster.entities[by], roster.entities[at]);
    let of_target = history(world, target_entity);
    of_target.last_hit = Some(Hit {
        by: attacker,
        kind: attacker_type,
        damage,
    });
    of_target.attacked += duration;
    history(world, attacker_entity).delivered += damage;
}

/// What a cell remembers of its contacts.
fn history(world: &mut World, cell: Entity) -> &mut History {
    let past = world.get_mut::<Past>(cell).expect("every cell has a past");
    past.into_inner().history_mut()
}

/// What one cell holds, of substrates and perhaps of conserved custom numbers and latent amounts,
/// becomes another's.
fn take_amounts(world: &mut World, taker: usize, giver: usize, custom: bool) {
    let roster = world.resource::<Roster>();
    let types = &world.resource::<Plan>().scenario.cell_types;
    let of = |rank: usize| &types[usize::from(roster.kinds[rank])].custom;
    let pairs: Vec<(usize, usize)> = of(taker)
        .iter()
        .enumerate()
        .filter(|(_, number)| custom && number.conserved)
        .filter_map(|(place, number)| {
            let mut others = of(giver).iter();
            let other = others.position(|other| normal(&other.name) == normal(&number.name))?;
            Some((place, other))
        })
        .collect();
    let kinds = [taker, giver].map(|rank| usize::from(roster.kinds[rank]));
    let amounts = world.resource::<Plan>().latents.amounts(kinds);
    let [to, from] = [taker, giver].map(|rank| world.resource::<Space>().0.row(rank));
    let mut tables = world.resource_mut::<Tables>();
    for (place, other) in pairs {
        let amount = tables.custom.get(other, from);
        *tables.custom.get_mut(place, to) += amount;
    }
    for (place, other) in amounts.into_iter().filter(|_| custom) {
        let amount = tables.latent.get(other, from);
        *tables.latent.get_mut(place, to) += amount;
    }
    let substrates = world.resource::<Plan>().scenario.substrates.len();
    let tissue = &mut world.resource_mut::<Space>().0;
    for substrate in 0..substrates {
        let sum = tissue.internalized(substrate, taker) + tissue.internalized(substrate, giver);
        tissue.set_internalized(substrate, taker, sum);
    }
}

/// Two cells become one, at the center of their volumes, which grows towards what both did.
fn fuse(world: &mut World, clock: &Clock, cell: u64, absorbed: u64) {
    let fusion = event(world, clock, EventKind::Fusion, cell, absorbed);
    let (rank, _, position) = about(world, cell);
    let (other_rank, _, other_position) = about(world, absorbed);
    let roster = world.resource::<Roster>();
    let (entity, other_entity) = (roster.entities[rank], roster.entities[other_rank]);
    let adds_custom = world
        .resource::<Plan>()
        .scenario
        .semantics
        .fusion_adds_custom();
    let joined = *world
        .get::<Volume>(other_entity)
        .expect("every cell has a volume");
    let mut volume = world
        .get_mut::<Volume>(entity)
        .expect("every cell has a volume");
    let share = joined.total / (volume.total + joined.total);
    volume.join(&joined);
    let total = volume.total;
    take_amounts(world, rank, other_rank, adds_custom);
    let tissue = &mut world.resource_mut::<Space>().0;
    tissue.place(
        rank,
        std::array::from_fn(|axis| {
            position[axis] + share * (other_position[axis] - position[axis])
        }),
    );
    tissue.set_volume(rank, total);
    tissue.remove(absorbed);
    world.resource_mut::<Log>().events.push(fusion);
}

fn eat(world: &mut World, clock: &Clock, eater: u64, prey: u64) {
    let mut meal = event(world, clock, EventKind::Phagocytosis, eater, prey);
    let (eater_rank, ..) = about(world, eater);
    let (prey_rank, prey_type, prey_position) = about(world, prey);
    let roster = world.resource::<Roster>();
    let (eater_entity, prey_entity) = (roster.entities[eater_rank], roster.entities[prey_rank]);
    let vitality = roster.vitality[prey_rank];
    meal.cause = Some(vitality.name());
    let food = *world
        .get::<Volume>(prey_entity)
        .expect("every cell has a volume");
    let mut volume = world
        .get_mut::<Volume>(eater_entity)
        .expect("every cell has a volume");
    volume.ingest(&food);
    let total = volume.total;
    take_amounts(world, eater_rank, prey_rank, true);
    let tissue = &mut world.resource_mut::<Space>().0;
    tissue.set_volume(eater_rank, total);
    tissue.remove(prey);
    let events = &mut world.resource_mut::<Log>().events;
    if vitality == Vitality::Live {
        let (partner, partner_type) = (Some(eater), Some(meal.cell_type));
        let death = Event {
            kind: EventKind::Death,
            cell: prey,
            cell_type: prey_type,
            partner,
            partner_type,
            ..meal.clone()
        };
        let cause = Some("phagocytosis");
        events.push(Event {
            cause,
            position: prey_position,
            ..death
        });
        events.push(Event {
            kind: EventKind::Kill,
            cause,
            ..meal.clone()
        });
    }
    events.push(meal);
}
