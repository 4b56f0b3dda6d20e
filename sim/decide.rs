//! Signals → rules → behaviors: every rule that is due reads, and only then is anything written.

use bevy_ecs::{
    resource::Resource,
    system::{Query, Res, ResMut},
};
use kernels::portable::exp;
use rules::{Batch, Combine, Distribution, Kind, Noise, Outputs, Rule, Side, Subject, Target};

use crate::{
    arrays::{Roster, Space},
    cell::{Custom, Ruled},
    clock::Clock,
    dictionary::{Behavior, Table},
    output::Vitality,
    plan::Plan,
    record::{Clamps, Failure, Stage, Timings},
    sense::{Senses, sense},
    streams::Purpose,
};

/// Which behaviors of each type the ECS holds a value of, because a rule or a founder's own
/// number may set it.
#[derive(Debug, Clone, Default)]
pub struct RuledSlots {
    /// [type]: behaviors, in the order of the `Ruled` component.
    by_type: Vec<Vec<usize>>,
}

impl RuledSlots {
    /// No slots, for so many types.
    pub fn new(types: usize) -> RuledSlots {
        RuledSlots {
            by_type: vec![Vec::new(); types],
        }
    }

    /// Makes room for a behavior of a type.
    pub fn add(&mut self, kind: usize, behavior: usize) {
        if self.slot(kind, behavior).is_none() {
            self.by_type[kind].push(behavior);
        }
    }

    /// The place of a behavior in the `Ruled` component of a type.
    pub fn slot(&self, kind: usize, behavior: usize) -> Option<usize> {
        self.by_type[kind]
            .iter()
            .position(|other| *other == behavior)
    }

    /// The component of a new cell: its type's own values.
    pub fn new_cell(&self, table: &Table, kind: usize) -> Box<[f64]> {
        self.by_type[kind]
            .iter()
            .map(|&behavior| table.base(kind, behavior))
            .collect()
    }
}

/// One cell rule and what it works with from call to call.
pub struct CellRule {
    rule: Box<dyn Rule>,
    /// Ticks between two calls.
    pub period: u64,
    types: Vec<usize>,
    /// Per write of the signature: how it meets what another rule wrote; `None` for the first.
    combine: Vec<Option<Combine>>,
    with_dead: bool,
    number: u8,
    ranks: Vec<u32>,
    dead: Vec<bool>,
    noise: Vec<f32>,
    columns: Vec<Vec<f64>>,
    outputs: Outputs,
}

impl CellRule {
    /// Prepares a bound rule. `number` keys its noise; `combine` has one entry a write.
    pub fn new(
        rule: Box<dyn Rule>,
        number: u8,
        period: u64,
        combine: Vec<Option<Combine>>,
    ) -> CellRule {
        let Subject::Cell { types } = rule.signature().subject.clone() else {
            unreachable!("dyad rules are kept by `dyads`");
        };
        let with_dead = rule
            .signature()
            .writes
            .iter()
            .any(|write| write.applies_to_dead);
        let columns = vec![Vec::new(); rule.signature().reads.len()];
        CellRule {
            rule,
            period,
            types,
            combine,
            with_dead,
            number,
            ranks: Vec::new(),
            dead: Vec::new(),
            noise: Vec::new(),
            columns,
            outputs: Outputs::default(),
        }
    }
}

/// The cell rules of a run.
#[derive(Resource, Default)]
pub struct CellRules(pub Vec<CellRule>);

impl CellRules {
    /// Whether any rule is due.
    pub fn is_due(&self, tick: u64) -> bool {
        self.0.iter().any(|rule| tick.is_multiple_of(rule.period))
    }
}

/// Fills the noise lanes of one row.
pub fn fill_noise(
    noise: Noise,
    purpose: Purpose,
    number: u8,
    seed: u64,
    id: u64,
    tick: u64,
    out: &mut Vec<f32>,
) {
    let draws = purpose.draws(seed);
    for lane in 0..noise.lanes {
        // Rules share a purpose: sixteen rules of sixteen lanes have numbers of their own.
        let draw = (number % 16) * 16 + (lane % 16) as u8;
        let tick = tick | ((lane / 16) as u64) << 40;
        out.push(match noise.distribution {
            Distribution::Normal => draws.normal(id, tick, draw) as f32,
            Distribution::Uniform => draws.uniform(id, tick, draw) as f32,
        });
    }
}

/// Runs every cell rule that is due.
pub fn decide(
    mut rules: ResMut<CellRules>,
    mut space: ResMut<Space>,
    roster: Res<Roster>,
    plan: Res<Plan>,
    clock: Res<Clock>,
    mut clamps: ResMut<Clamps>,
    mut failure: ResMut<Failure>,
    mut timings: ResMut<Timings>,
    mut cells: bevy_ecs::system::ParamSet<(
        Senses<'_, '_>,
        Query<(&'static mut Custom, &'static mut Ruled)>,
    )>,
) {
    let tick = clock.tick;
    if failure.0.is_some() || !rules.is_due(tick) {
        return;
    }
    let _timer = timings.start(Stage::Rules);
    let due = |rule: &&mut CellRule| tick.is_multiple_of(rule.period);
    // All reads come before any write.
    for rule in rules.0.iter_mut().filter(due) {
        if let Err(message) = evaluate(rule, &space, &roster, &plan, &clock, &cells.p0()) {
            failure.0 = Some(message);
            return;
        }
    }
    let mut store = cells.p1();
    for rule in rules.0.iter_mut().filter(due) {
        write(rule, &mut space, &roster, &plan, &mut clamps, &mut store);
    }
}

fn evaluate(
    rule: &mut CellRule,
    space: &Space,
    roster: &Roster,
    plan: &Plan,
    clock: &Clock,
    cells: &Senses<'_, '_>,
) -> Result<(), String> {
    let tissue = &space.0;
    rule.ranks.clear();
    for &kind in &rule.types {
        let ranks = roster.of_type[kind].iter().copied();
        let live = |rank: &u32| roster.vitality[*rank as usize] == Vitality::Live;
        let with_dead = rule.with_dead;
        rule.ranks
            .extend(ranks.filter(|rank| with_dead || live(rank)));
    }
    rule.dead.clear();
    rule.dead.extend(
        rule.ranks
            .iter()
            .map(|&rank| roster.vitality[rank as usize] != Vitality::Live),
    );
    let signature = rule.rule.signature();
    for (read, column) in signature.reads.iter().zip(&mut rule.columns) {
        column.clear();
        let signal = &plan.table.signals[read.signal];
        sense(
            signal,
            &rule.ranks,
            tissue,
            roster,
            cells,
            plan,
            clock,
            column,
        );
    }
    rule.noise.clear();
    if let Some(noise) = signature.noise {
        let ids = tissue.ids();
        for &rank in &rule.ranks {
            let id = ids[rank as usize];
            let out = &mut rule.noise;
            fill_noise(
                noise,
                Purpose::CellNoise,
                rule.number,
                plan.scenario.seed,
                id,
                clock.tick,
                out,
            );
        }
    }
    let rows = rule.ranks.len();
    rule.outputs.reset(signature.writes.len(), rows);
    if rows == 0 {
        return Ok(());
    }
    let batch = Batch {
        rows,
        signals: &rule.columns,
        noise: &rule.noise,
        dead: &rule.dead,
        dt: signature.clock,
    };
    rule.rule
        .apply(&batch, &mut rule.outputs)
        .map_err(|error| error.to_string())?;
    match rule.outputs.failed.first() {
        None => Ok(()),
        Some((row, reason)) => Err(format!(
            "rule `{}` failed for {} of {rows} cells at t = {} min; the first is cell {}: {reason}",
            signature.source,
            rule.outputs.failed.len(),
            clock.time(),
            tissue.ids()[rule.ranks[*row] as usize],
        )),
    }
}

fn write(
    rule: &mut CellRule,
    space: &mut Space,
    roster: &Roster,
    plan: &Plan,
    clamps: &mut Clamps,
    store: &mut Query<'_, '_, (&'static mut Custom, &'static mut Ruled)>,
) {
    let signature = rule.rule.signature();
    let tissue = &mut space.0;
    for ((write, values), combine) in signature
        .writes
        .iter()
        .zip(&rule.outputs.columns)
        .zip(&rule.combine)
    {
        let Target::Behavior(number) = write.target else {
            continue;
        };
        debug_assert_eq!(write.side, Side::Cell);
        let behavior = &plan.table.behaviors[number];
        if let Behavior::Kernel(channel) = behavior {
            tissue.own(*channel);
        }
        for ((&rank, &value), &dead) in rule.ranks.iter().zip(values).zip(&rule.dead) {
            if dead && !write.applies_to_dead {
                continue;
            }
            let rank = rank as usize;
            let kind = usize::from(roster.kinds[rank]);
            let mut set = |place: &mut f64| {
                let value = match (combine, &write.kind) {
                    (Some(Combine::Priority), _) => return,
                    (Some(Combine::Sum), _) => *place + value,
                    (Some(Combine::Product), _) => *place * value,
                    (
                        None,
                        Kind::Parameter {
                            relaxation: Some(time),
                        },
                    ) => *place + (value - *place) * (1.0 - exp(-signature.clock / time)),
                    (None, Kind::Delta { per }) => {
                        *place + value * per.map_or(1.0, |per| signature.clock / per)
                    }
                    (None, _) => value,
                };
                *place = clamps.keep(number, value, plan.ranges[number]);
            };
            match behavior {
                Behavior::Kernel(channel) => {
                    let mut value = tissue.channel(*channel, rank);
                    set(&mut value);
                    tissue.set_channel(*channel, rank, value);
                }
                Behavior::Custom(places) => {
                    let (mut custom, _) = store
                        .get_mut(roster.entities[rank])
                        .expect("the roster lists living entities");
                    set(&mut custom.0
                        [places[kind].expect("rules are checked when the run is built")]);
                }
                Behavior::PhaseExit(_) | Behavior::Death(_) | Behavior::Transformation(_) => {
                    let (_, mut ruled) = store
                        .get_mut(roster.entities[rank])
                        .expect("the roster lists living entities");
                    let slot = plan.ruled.slot(kind, number);
                    set(&mut ruled.0[slot.expect("rules have slots since the run was built")]);
                }
            }
        }
    }
    tissue.rates_changed();
}
