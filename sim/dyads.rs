//! Dyad rules: for each ordered pair in contact, the rates at which one cell hits the other or lets go.

mod changes;

use std::borrow::Cow;

use bevy_ecs::{
    change_detection::Mut,
    resource::Resource,
    system::{Res, SystemState},
    world::World,
};
use kernels::{
    hazard::competing_risk,
    pairs::{Memory, Pair},
    random::pair_id,
    tissue::Tissue,
};
use rules::{Batch, Outputs, Rule, Side, Subject};

use crate::{
    arrays::{Roster, Space, settle, ungroup},
    clock::Clock,
    contacts::strike,
    decide::fill_noise,
    dictionary::pair,
    events::{die, transform},
    guard::{Call, Guards, Who},
    occasions::with_stores,
    output::{Event, EventKind, Vitality},
    plan::{Plan, deeds::Deed},
    record::{Clamps, Failure, Log, Stage, Timings},
    recorder::Drawn,
    sense::{Readers, Senses, Sources, sense},
    streams::Purpose,
    tables::Tables,
};

use changes::Changes;

/// One dyad rule and what it works with from call to call.
pub struct DyadRule {
    rule: Box<dyn Rule>,
    period: u64,
    a: usize,
    b: usize,
    number: u8,
    /// The guard over it, if it is learned.
    guard: Option<usize>,
    columns: Vec<Cow<'static, [f64]>>,
    outputs: Outputs,
}

impl DyadRule {
    /// Prepares a bound rule; `number` keys its draws.
    pub fn new(rule: Box<dyn Rule>, number: u8, period: u64, guard: Option<usize>) -> DyadRule {
        let Subject::Dyad { a, b } = rule.signature().subject else {
            unreachable!("cell rules are kept by `decide`");
        };
        let columns = vec![Cow::default(); rule.signature().reads.len()];
        DyadRule {
            rule,
            period,
            a,
            b,
            number,
            guard,
            columns,
            outputs: Outputs::default(),
        }
    }
}

impl DyadRule {
    /// What keys its draws.
    pub fn number(&self) -> u8 {
        self.number
    }
}

/// The dyad rules of a run.
#[derive(Resource, Default)]
pub struct DyadRules(pub Vec<DyadRule>);

/// Runs every dyad rule that is due, and carries out what fired, in the order of (a, b).
pub fn dyads(world: &mut World) {
    let clock = *world.resource::<Clock>();
    let started = std::time::Instant::now();
    world.resource_scope(|world, mut rules: Mut<'_, DyadRules>| {
        // All reads come before any write.
        let (mut fired, mut changes) = (Vec::new(), Vec::new());
        for rule in rules.0.iter_mut().filter(|rule| clock.strikes(rule.period)) {
            match draw(world, &clock, rule) {
                Ok(said) => {
                    fired.extend(said.0);
                    changes.extend(said.1);
                }
                Err(message) => {
                    world.resource_mut::<Failure>().0 = Some(message);
                    return;
                }
            }
        }
        if !changes.is_empty() {
            with_stores(world, |stores| changes::apply(&changes, stores));
        }
        if let Some(mut drawn) = world.get_resource_mut::<Drawn>() {
            drawn.0.clone_from(&fired);
        }
        let mut changed = false;
        for (pair, deed) in fired {
            changed |= carry_out(world, &clock, pair, deed);
        }
        if changed {
            settle(world);
        }
    });
    world.resource_mut::<Timings>().seconds[Stage::Dyads as usize] +=
        started.elapsed().as_secs_f64();
}

/// The pairs of two types that touch and have not let go: ids, ranks, memory.
pub(crate) fn touching(
    tissue: &Tissue,
    roster: &Roster,
    a: usize,
    b: usize,
) -> Vec<(Pair, [u32; 2], Memory)> {
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

/// What the pairs of a rule do, and what they change in their cells.
type Said = (Vec<(Pair, Deed)>, Vec<Changes>);

/// What the signals of a pair are read from.
pub(crate) type Sensing<'w, 's> = (
    Res<'w, Space>,
    Res<'w, Roster>,
    Res<'w, Plan>,
    Res<'w, Tables>,
    Senses<'w, 's>,
);

fn draw(world: &mut World, clock: &Clock, rule: &mut DyadRule) -> Result<Said, String> {
    let mut state: SystemState<Sensing<'_, '_>> = SystemState::new(world);
    let (space, roster, plan, tables, cells) =
        state.get(world).map_err(|error| error.to_string())?;
    let pairs = touching(&space.0, &roster, rule.a, rule.b);
    let signature = rule.rule.signature();
    let rows = pairs.len();
    rule.outputs.reset(signature.writes.len(), rows);
    if rows == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    let side = |which: usize| {
        pairs
            .iter()
            .map(|(_, ranks, _)| space.0.row(ranks[which] as usize) as u32)
            .collect::<Vec<u32>>()
    };
    let sources = Sources::new(&space.0, &tables, &cells, &plan, clock);
    let (mut of_a, mut of_b) = (Readers::default(), Readers::default());
    of_a.look_up(&side(0), &sources);
    of_b.look_up(&side(1), &sources);
    for (read, column) in signature.reads.iter().zip(&mut rule.columns) {
        let column = column.to_mut();
        column.clear();
        if read.side == Side::Pair {
            column.extend(
                pairs
                    .iter()
                    .map(|(_, ranks, memory)| pair_signal(read.signal, &space.0, ranks, memory)),
            );
            continue;
        }
        let cells = if read.side == Side::B { &of_b } else { &of_a };
        sense(&plan.table.signals[read.signal], cells, &sources, column);
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
    let deeds = signature
        .writes
        .iter()
        .map(|write| Deed::of(write, &plan.table));
    let deeds: Vec<Option<Deed>> = deeds.collect();
    let who: Vec<Who> = pairs.iter().map(|((a, b), ..)| (*a, Some(*b))).collect();
    let (mut held, guards) = (Vec::new(), world.resource::<Guards>());
    guards.held(rule.guard, &who, &mut held);
    let batch = Batch {
        rows,
        signals: &rule.columns,
        noise: &noise,
        dead: &vec![false; rows],
        types: &vec![rule.a as u16; rows],
        held: &held,
        member: guards.member(rule.guard),
        dt: signature.clock,
        ..Batch::default()
    };
    rule.rule
        .apply(&batch, &mut rule.outputs)
        .map_err(|error| error.to_string())?;
    let call = Call {
        guard: rule.guard,
        signature,
        batch: &batch,
        who: &who,
        time: clock.time(),
    };
    world.resource_scope(|world, mut guards: Mut<'_, Guards>| {
        world.resource_scope(|world, mut clamps: Mut<'_, Clamps>| {
            let tissue = &world.resource::<Space>().0;
            let is_there = |id| tissue.rank(id).is_some();
            guards.settle(&call, &mut rule.outputs, &mut clamps)?;
            guards.close(rule.guard, &signature.source, clock.time(), is_there)
        })
    })?;
    let draws = Purpose::Dyad.draws(seed);
    let mut fired = Vec::new();
    let mut negative = 0;
    for (column, _) in rule
        .outputs
        .columns
        .iter_mut()
        .zip(&deeds)
        .filter(|(_, deed)| deed.is_some())
    {
        for rate in column.iter_mut().filter(|rate| **rate < 0.0) {
            negative += 1;
            *rate = 0.0;
        }
    }
    for (row, (pair, ..)) in pairs.iter().enumerate() {
        let columns = rule.outputs.columns.iter().zip(&deeds);
        // No number: whoever could act holds back.
        let rate = |rate: f64| if rate.is_nan() { 0.0 } else { rate };
        let rates = columns.map(|(column, deed)| deed.map_or(0.0, |_| rate(column[row])));
        let uniforms = || draws.uniforms(pair_id(pair.0, pair.1), clock.tick, rule.number);
        if let Some(which) = competing_risk(rates, signature.clock, uniforms) {
            fired.push((*pair, deeds[which].expect("what has a rate is a deed")));
        }
    }
    world.resource_mut::<Clamps>().negative_pair_rates += negative;
    let ids = pairs.iter().map(|(pair, ..)| *pair);
    let changes = changes::gather(signature, rule.guard, ids, &rule.outputs);
    Ok((fired, changes))
}

/// The value of a signal of pairs, by its number, for the cells at two ranks.
pub fn pair_signal(number: usize, tissue: &Tissue, ranks: &[u32; 2], memory: &Memory) -> f64 {
    match pair::SIGNALS[number].0 {
        pair::Signal::ContactAge => memory.contact_age,
        pair::Signal::Hits => f64::from(memory.hits),
        pair::Signal::Contacts => f64::from(memory.contacts),
        pair::Signal::Gap => {
            let [a, b] = ranks.map(|rank| rank as usize);
            let (p, q) = (tissue.position(a), tissue.position(b));
            let squared: f64 = (0..3).map(|d| (p[d] - q[d]) * (p[d] - q[d])).sum();
            squared.sqrt() - tissue.radius(a) - tissue.radius(b)
        }
    }
}

/// Whether a cell is still what it was when the pairs were read.
fn is_as_read(world: &World, id: u64) -> bool {
    let roster = world.resource::<Roster>();
    let Some(rank) = world.resource::<Space>().0.rank(id) else {
        return false;
    };
    let group = world.resource::<Space>().0.group(rank);
    ungroup(group) == (roster.kinds[rank], Vitality::Live)
}

/// Carries out a deed, unless one of the two has died or changed type by an earlier one. Says
/// whether a cell did so by this one.
fn carry_out(world: &mut World, clock: &Clock, pair: Pair, deed: Deed) -> bool {
    if !is_as_read(world, pair.0) || !is_as_read(world, pair.1) {
        return false;
    }
    let side = |side: Side| {
        if side == Side::A {
            pair
        } else {
            (pair.1, pair.0)
        }
    };
    match deed {
        Deed::Detach => memory(world, pair).detached = true,
        Deed::Hit { on, size } => {
            let (hit, hitter) = side(on);
            if on == Side::B {
                memory(world, pair).hits += 1;
            }
            strike(world, hitter, hit, size, 0.0);
            log_hit(world, clock, hitter, hit, size);
        }
        Deed::Die { who, how } => {
            let (dying, other) = side(who);
            if who == Side::B {
                // Nobody but the acting cell is to be credited.
                strike(world, other, dying, 0.0, 0.0);
            }
            die(world, clock, rank(world, dying), how, 0.0);
            return true;
        }
        Deed::Become { who, what } => {
            let (changing, _) = side(who);
            transform(world, clock, rank(world, changing), what);
            return true;
        }
    }
    false
}

fn memory(world: &mut World, pair: Pair) -> &mut Memory {
    let tissue = &mut world.resource_mut::<Space>().into_inner().0;
    let memory = tissue.pairs_mut().get_mut(pair);
    memory.expect("a pair that fired is remembered")
}

fn rank(world: &World, id: u64) -> usize {
    let rank = world.resource::<Space>().0.rank(id);
    rank.expect("cells of a pair that fired are there")
}

fn log_hit(world: &mut World, clock: &Clock, hitter: u64, hit: u64, size: f64) {
    let kind = |id: u64| world.resource::<Roster>().kinds[rank(world, id)];
    let event = Event {
        time: clock.time(),
        kind: EventKind::Hit,
        cell: hitter,
        cell_type: kind(hitter),
        partner: Some(hit),
        partner_type: Some(kind(hit)),
        cause: None,
        position: world.resource::<Space>().0.position(rank(world, hitter)),
        value: size,
    };
    world.resource_mut::<Log>().events.push(event);
}
