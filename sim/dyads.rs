//! Dyad rules: for each ordered pair in contact, the rates at which one cell hits the other or lets go.

use bevy_ecs::{
    change_detection::Mut,
    resource::Resource,
    system::{Res, SystemState},
    world::World,
};
use kernels::{
    pairs::{Memory, Pair},
    random::pair_id,
};
use rules::{Batch, Combine, Kind, Outputs, Rule, Side, Subject, Target};

use crate::{
    arrays::{Roster, Space},
    clock::Clock,
    contacts::strike,
    decide::fill_noise,
    dictionary::pair,
    output::{Event, EventKind, Vitality},
    plan::Plan,
    record::{Failure, Log, Stage, Timings},
    semantics,
    sense::{Senses, sense},
    streams::Purpose,
};

/// One dyad rule and what it works with from call to call.
pub struct DyadRule {
    rule: Box<dyn Rule>,
    period: u64,
    a: usize,
    b: usize,
    number: u8,
    columns: Vec<Vec<f64>>,
    outputs: Outputs,
}

impl DyadRule {
    /// Prepares a bound rule; `number` keys its draws.
    pub fn new(rule: Box<dyn Rule>, number: u8, period: u64) -> DyadRule {
        let Subject::Dyad { a, b } = rule.signature().subject else {
            unreachable!("cell rules are kept by `decide`");
        };
        let columns = vec![Vec::new(); rule.signature().reads.len()];
        DyadRule {
            rule,
            period,
            a,
            b,
            number,
            columns,
            outputs: Outputs::default(),
        }
    }
}

/// The dyad rules of a run.
#[derive(Resource, Default)]
pub struct DyadRules(pub Vec<DyadRule>);

/// What a pair may do, with the damage or meaning of it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    Hit { on: Side, size: f64 },
    Detach,
}

/// Runs every dyad rule that is due, and carries out what fired, in the order of (a, b).
pub fn dyads(world: &mut World) {
    let clock = *world.resource::<Clock>();
    if world.resource::<Failure>().0.is_some() || !clock.is_mechanics() {
        return;
    }
    let started = std::time::Instant::now();
    world.resource_scope(|world, mut rules: Mut<'_, DyadRules>| {
        // All reads come before any write.
        let mut fired = Vec::new();
        for rule in rules
            .0
            .iter_mut()
            .filter(|rule| clock.tick.is_multiple_of(rule.period))
        {
            match draw(world, &clock, rule) {
                Ok(deeds) => fired.extend(deeds),
                Err(message) => {
                    world.resource_mut::<Failure>().0 = Some(message);
                    return;
                }
            }
        }
        for (pair, deed) in fired {
            carry_out(world, &clock, pair, deed);
        }
    });
    world.resource_mut::<Timings>().seconds[Stage::Dyads as usize] +=
        started.elapsed().as_secs_f64();
}

/// The pairs of two types that touch and have not let go: ids, ranks, memory.
fn touching(space: &Space, roster: &Roster, a: usize, b: usize) -> Vec<(Pair, [u32; 2], Memory)> {
    let tissue = &space.0;
    let mut found = Vec::new();
    for &rank in &roster.of_type[a] {
        if roster.vitality[rank as usize] != Vitality::Live {
            continue;
        }
        let table = tissue.pairs();
        for place in table.of(tissue.ids()[rank as usize]) {
            let (pair, memory) = (table.pairs()[place], table.memories()[place]);
            if memory.apart > 0.0 || memory.detached {
                continue;
            }
            let Some(other) = tissue.rank(pair.1) else {
                continue;
            };
            if usize::from(roster.kinds[other]) == b && roster.vitality[other] == Vitality::Live {
                found.push((pair, [rank, other as u32], memory));
            }
        }
    }
    found
}

/// What the signals of a pair are read from.
type Sensing<'w, 's> = (
    Res<'w, Space>,
    Res<'w, Roster>,
    Res<'w, Plan>,
    Senses<'w, 's>,
);

fn draw(
    world: &mut World,
    clock: &Clock,
    rule: &mut DyadRule,
) -> Result<Vec<(Pair, Deed)>, String> {
    let mut state: SystemState<Sensing<'_, '_>> = SystemState::new(world);
    let (space, roster, plan, cells) = state.get(world).map_err(|error| error.to_string())?;
    let pairs = touching(&space, &roster, rule.a, rule.b);
    let signature = rule.rule.signature();
    let rows = pairs.len();
    rule.outputs.reset(signature.writes.len(), rows);
    if rows == 0 {
        return Ok(Vec::new());
    }
    let side = |which: usize| {
        pairs
            .iter()
            .map(|(_, ranks, _)| ranks[which])
            .collect::<Vec<u32>>()
    };
    let (of_a, of_b) = (side(0), side(1));
    for (read, column) in signature.reads.iter().zip(&mut rule.columns) {
        column.clear();
        if read.side == Side::Pair {
            column.extend(
                pairs
                    .iter()
                    .map(|(_, ranks, memory)| pair_signal(read.signal, &space, ranks, memory)),
            );
            continue;
        }
        let ranks = if read.side == Side::B { &of_b } else { &of_a };
        sense(
            &plan.table.signals[read.signal],
            ranks,
            &space.0,
            &roster,
            &cells,
            &plan,
            clock,
            column,
        );
    }
    let seed = plan.scenario.seed;
    let mut noise = Vec::new();
    if let Some(wanted) = signature.noise {
        for (pair, ..) in &pairs {
            let id = pair_id(pair.0, pair.1);
            fill_noise(
                wanted,
                Purpose::DyadNoise,
                rule.number,
                seed,
                id,
                clock.tick,
                &mut noise,
            );
        }
    }
    let dead = vec![false; rows];
    let batch = Batch {
        rows,
        signals: &rule.columns,
        noise: &noise,
        dead: &dead,
        dt: signature.clock,
    };
    rule.rule
        .apply(&batch, &mut rule.outputs)
        .map_err(|error| error.to_string())?;
    if let Some((row, reason)) = rule.outputs.failed.first() {
        let (a, b) = pairs[*row].0;
        return Err(format!(
            "rule `{}` failed for {} of {rows} pairs at t = {} min; the first is cell {a} on cell {b}: {reason}",
            signature.source,
            rule.outputs.failed.len(),
            clock.time(),
        ));
    }
    let deeds: Vec<Option<Deed>> = signature.writes.iter().map(deed).collect();
    let draws = Purpose::Dyad.draws(seed);
    let mut fired = Vec::new();
    for (row, (pair, ..)) in pairs.iter().enumerate() {
        let columns = rule.outputs.columns.iter().zip(&deeds);
        let rates = columns.map(|(column, deed)| deed.map_or(0.0, |_| column[row].max(0.0)));
        let uniforms = || draws.uniforms(pair_id(pair.0, pair.1), clock.tick, rule.number);
        if let Some(which) = semantics::competing_risk(rates, signature.clock, uniforms) {
            fired.push((*pair, deeds[which].expect("what has a rate is a deed")));
        }
    }
    Ok(fired)
}

fn deed(write: &rules::Write) -> Option<Deed> {
    match (&write.target, &write.kind) {
        (Target::PairBehavior(pair::HIT), Kind::Hit { size }) => Some(Deed::Hit {
            on: write.side,
            size: *size,
        }),
        (Target::PairBehavior(pair::HIT), _) => Some(Deed::Hit {
            on: Side::B,
            size: 1.0,
        }),
        (Target::PairBehavior(pair::DETACH), _) => Some(Deed::Detach),
        _ => None,
    }
}

fn pair_signal(number: usize, space: &Space, ranks: &[u32; 2], memory: &Memory) -> f64 {
    match pair::SIGNALS[number].0 {
        pair::Signal::ContactAge => memory.contact_age,
        pair::Signal::Hits => f64::from(memory.hits),
        pair::Signal::Contacts => f64::from(memory.contacts),
        pair::Signal::Gap => {
            let [a, b] = ranks.map(|rank| rank as usize);
            let (p, q) = (space.0.position(a), space.0.position(b));
            let squared: f64 = (0..3).map(|d| (p[d] - q[d]) * (p[d] - q[d])).sum();
            squared.sqrt() - space.0.radius(a) - space.0.radius(b)
        }
    }
}

fn carry_out(world: &mut World, clock: &Clock, pair: Pair, deed: Deed) {
    let tissue = &mut world.resource_mut::<Space>().0;
    let memory = tissue
        .pairs_mut()
        .get_mut(pair)
        .expect("a pair that fired is remembered");
    match deed {
        Deed::Detach => memory.detached = true,
        Deed::Hit { on, size } => {
            memory.hits += 1;
            let (hitter, hit) = if on == Side::A {
                (pair.1, pair.0)
            } else {
                pair
            };
            strike(world, hitter, hit, size, 0.0);
            let tissue = &world.resource::<Space>().0;
            let rank = |id: u64| {
                tissue
                    .rank(id)
                    .expect("cells of a pair that fired are there")
            };
            let kind = |id: u64| world.resource::<Roster>().kinds[rank(id)];
            let event = Event {
                time: clock.time(),
                kind: EventKind::Hit,
                cell: hitter,
                cell_type: kind(hitter),
                partner: Some(hit),
                partner_type: Some(kind(hit)),
                cause: None,
                position: tissue.position(rank(hitter)),
                value: size,
            };
            world.resource_mut::<Log>().events.push(event);
        }
    }
}

/// Whether two dyad rules on one pair of types may both write hits: their rates add, unless the
/// second says otherwise.
pub fn may_share(combine: Option<Combine>) -> bool {
    combine == Some(Combine::Sum)
}
