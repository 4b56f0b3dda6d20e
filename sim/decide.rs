//! Signals → rules → behaviors: every rule that is due reads, and only then is anything written.

use std::collections::BTreeMap;

use bevy_ecs::{
    resource::Resource,
    system::{Query, Res, ResMut},
};
use kernels::{portable::exp, random::pair_id, tissue::Tissue};
use rules::{
    Batch, Combine, Distribution, Edges, Kind, Noise, Occasion, Outputs, Rule, Side, Subject,
    Target,
};

use crate::{
    arrays::{Roster, Space},
    cell::{Custom, Latent, Recorded, Ruled},
    clock::Clock,
    dictionary::Behavior,
    graphs::{self, Graph},
    guard::{Call, Guards, Who},
    occasions::Occasions,
    output::Vitality,
    plan::Plan,
    record::{Clamps, Failure, Stage, Timings},
    sense::{Senses, sense},
    streams::Purpose,
};

/// One cell rule and what it works with from call to call.
pub struct CellRule {
    pub(crate) rule: Box<dyn Rule>,
    /// Ticks between two calls.
    pub period: u64,
    /// Types it is about, ascending.
    pub(crate) types: Vec<usize>,
    with_dead: bool,
    graph: Option<Graph>,
    /// Keys its noise, together with the purpose.
    number: u8,
    purpose: Purpose,
    /// The guard over it, if it is learned.
    pub(crate) guard: Option<usize>,
    /// The cells of the last call.
    pub(crate) ranks: Vec<u32>,
    dead: Vec<bool>,
    kinds: Vec<u16>,
    held: Vec<bool>,
    noise: Vec<f32>,
    columns: Vec<Vec<f64>>,
    /// What it said of them.
    pub(crate) outputs: Outputs,
}

impl CellRule {
    /// Prepares a bound rule; `number` keys its noise.
    pub fn new(rule: Box<dyn Rule>, number: u8, period: u64, guard: Option<usize>) -> CellRule {
        let Subject::Cell { types } = rule.signature().subject.clone() else {
            unreachable!("dyad rules are kept by `dyads`");
        };
        let with_dead = rule
            .signature()
            .writes
            .iter()
            .any(|write| write.applies_to_dead);
        let columns = vec![Vec::new(); rule.signature().reads.len()];
        let graph = rule.signature().graph.as_ref().map(|_| Graph::default());
        let purpose = match rule.signature().occasion {
            Occasion::Clock | Occasion::Decoding => Purpose::CellNoise,
            Occasion::Entry => Purpose::EntryNoise,
            Occasion::Division => Purpose::DivisionNoise,
        };
        CellRule {
            rule,
            graph,
            period,
            types,
            with_dead,
            number,
            purpose,
            guard,
            ranks: Vec::new(),
            dead: Vec::new(),
            kinds: Vec::new(),
            held: Vec::new(),
            noise: Vec::new(),
            columns,
            outputs: Outputs::default(),
        }
    }

    /// Takes the cells it is about among these.
    pub(crate) fn choose(&mut self, among: &[u32], space: &Space, roster: &Roster) {
        let (types, with_dead) = (&self.types, self.with_dead);
        self.ranks.clear();
        self.ranks.extend(among.iter().filter(|&&rank| {
            let rank = rank as usize;
            types.contains(&usize::from(roster.kinds[rank]))
                && (with_dead || roster.vitality[rank] == Vitality::Live)
                && !space.0.is_frozen(rank)
        }));
    }
}

/// The cell rules of a run.
#[derive(Resource, Default)]
pub struct CellRules(pub Vec<CellRule>);

impl CellRules {
    /// Whether any rule is due.
    pub fn is_due(&self, clock: &Clock) -> bool {
        self.0.iter().any(|rule| clock.strikes(rule.period))
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
        // The first lane is the cell's own draw; each other lane has a name of its own.
        let id = if lane == 0 {
            id
        } else {
            pair_id(id, lane as u64)
        };
        out.push(match noise.distribution {
            Distribution::Normal => draws.normal(id, tick, number) as f32,
            Distribution::Uniform => draws.uniform(id, tick, number) as f32,
        });
    }
}

/// The components that rules write.
pub type Written<'w, 's> = Query<
    'w,
    's,
    (
        &'static mut Custom,
        &'static mut Ruled,
        &'static mut Latent,
        &'static mut Recorded,
    ),
>;

/// Runs every cell rule that is due.
pub fn decide(
    mut rules: ResMut<CellRules>,
    mut occasions: ResMut<Occasions>,
    mut space: ResMut<Space>,
    roster: Res<Roster>,
    plan: Res<Plan>,
    clock: Res<Clock>,
    mut clamps: ResMut<Clamps>,
    mut guards: ResMut<Guards>,
    mut failure: ResMut<Failure>,
    mut timings: ResMut<Timings>,
    mut cells: bevy_ecs::system::ParamSet<(Senses<'_, '_>, Written<'_, '_>)>,
) {
    let due = |rule: &&mut CellRule| clock.strikes(rule.period);
    let _timer = timings.start(Stage::Rules);
    // Decoders change nothing but what is recorded, and that is there for all that follows.
    for rule in occasions.decoders.iter_mut().filter(due) {
        let kept = (&mut *guards, &mut *clamps);
        if let Err(message) = evaluate(rule, &space, &roster, &plan, &clock, kept, &cells.p0()) {
            failure.0 = Some(message);
            return;
        }
        let mut stores = Stores {
            tissue: &mut space.0,
            roster: &roster,
            plan: &plan,
            clamps: &mut clamps,
            guards: &mut guards,
            cells: cells.p1(),
        };
        write(rule, &mut stores, &mut Pending::new());
    }
    if !rules.is_due(&clock) {
        return;
    }
    // All reads come before any write.
    for rule in rules.0.iter_mut().filter(due) {
        let kept = (&mut *guards, &mut *clamps);
        if let Err(message) = evaluate(rule, &space, &roster, &plan, &clock, kept, &cells.p0()) {
            failure.0 = Some(message);
            return;
        }
    }
    let mut stores = Stores {
        tissue: &mut space.0,
        roster: &roster,
        plan: &plan,
        clamps: &mut clamps,
        guards: &mut guards,
        cells: cells.p1(),
    };
    let mut pending = Pending::new();
    for rule in rules.0.iter_mut().filter(due) {
        write(rule, &mut stores, &mut pending);
    }
    for ((number, rank), given) in pending {
        stores.put(
            number,
            rank,
            &given.kind,
            given.clock,
            given.value,
            given.by,
        );
    }
    stores.tissue.rates_changed();
}

fn evaluate(
    rule: &mut CellRule,
    space: &Space,
    roster: &Roster,
    plan: &Plan,
    clock: &Clock,
    kept: Kept<'_>,
    cells: &Senses<'_, '_>,
) -> Result<(), String> {
    let tissue = &space.0;
    rule.ranks.clear();
    let types = graphs::types(rule.rule.signature());
    for &kind in &types {
        let ranks = roster.of_type[kind].iter().copied();
        let live = |rank: &u32| roster.vitality[*rank as usize] == Vitality::Live;
        let with_dead = rule.with_dead;
        rule.ranks.extend(
            ranks.filter(|rank| (with_dead || live(rank)) && !tissue.is_frozen(*rank as usize)),
        );
    }
    answer(rule, space, roster, plan, clock, kept, cells)
}

/// What is kept from call to call beside the tissue.
pub(crate) type Kept<'a> = (&'a mut Guards, &'a mut Clamps);

/// Calls a rule for the cells it has chosen, and lets the guard decide what acts.
pub(crate) fn answer(
    rule: &mut CellRule,
    space: &Space,
    roster: &Roster,
    plan: &Plan,
    clock: &Clock,
    (guards, clamps): Kept<'_>,
    cells: &Senses<'_, '_>,
) -> Result<(), String> {
    let tissue = &space.0;
    rule.dead.clear();
    rule.dead.extend(
        rule.ranks
            .iter()
            .map(|&rank| roster.vitality[rank as usize] != Vitality::Live),
    );
    if let Some(graph) = &mut rule.graph {
        graph.link(&rule.ranks, tissue, roster);
        for (seen, &rank) in rule.dead.iter_mut().zip(&rule.ranks) {
            *seen = !rule
                .types
                .contains(&usize::from(roster.kinds[rank as usize]));
        }
    }
    let signature = rule.rule.signature();
    for (read, column) in signature.reads.iter().zip(&mut rule.columns) {
        column.clear();
        if let Some(graph) = rule.graph.as_ref().filter(|_| read.side == Side::Pair) {
            graph.sense(read.signal, &rule.ranks, tissue, column);
            continue;
        }
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
                rule.purpose,
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
    let ranks = rule.ranks.iter().map(|&rank| rank as usize);
    rule.kinds.clear();
    rule.kinds
        .extend(ranks.clone().map(|rank| roster.kinds[rank]));
    let who: Vec<Who> = ranks.map(|rank| (tissue.ids()[rank], None)).collect();
    guards.held(rule.guard, &who, &mut rule.held);
    let batch = Batch {
        rows,
        signals: &rule.columns,
        noise: &rule.noise,
        dead: &rule.dead,
        types: &rule.kinds,
        held: &rule.held,
        member: guards.member(rule.guard),
        edges: rule.graph.as_ref().map_or(Edges::default(), Graph::edges),
        dt: signature.clock,
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
    let is_there = |id| tissue.rank(id).is_some();
    guards.settle(&call, &mut rule.outputs, clamps, is_there)
}

/// What several sources give one behavior of one cell, until all have spoken.
pub(crate) struct Contribution {
    kind: Kind,
    clock: f64,
    value: f64,
    by: Option<By>,
}

/// The guard over a learned rule, and its write.
pub(crate) type By = (usize, usize);

/// Contributions by (behavior, rank).
pub(crate) type Pending = BTreeMap<(usize, u32), Contribution>;

/// The stores that behaviors live in.
pub(crate) struct Stores<'a, 'w, 's> {
    pub(crate) tissue: &'a mut Tissue,
    pub(crate) roster: &'a Roster,
    pub(crate) plan: &'a Plan,
    pub(crate) clamps: &'a mut Clamps,
    pub(crate) guards: &'a mut Guards,
    pub(crate) cells: Written<'w, 's>,
}

/// Writes what a rule gives; what it shares with another source waits in `pending`.
pub(crate) fn write(rule: &CellRule, stores: &mut Stores<'_, '_, '_>, pending: &mut Pending) {
    let signature = rule.rule.signature();
    let columns = rule.outputs.columns.iter().enumerate();
    for (write, (place, values)) in signature.writes.iter().zip(columns) {
        let by = rule.guard.map(|guard| (guard, place));
        let number = match &write.target {
            Target::Behavior(number) => *number,
            Target::Readout(name) => {
                stores.record(name, &rule.ranks, values);
                continue;
            }
            Target::PairBehavior(_) => continue,
        };
        debug_assert_eq!(write.side, Side::Cell);
        let shared = &stores.plan.shared;
        let shares = rule
            .types
            .iter()
            .any(|&kind| shared.contains(&(kind, number)));
        if let Behavior::Kernel(channel) = stores.plan.table.behaviors[number] {
            stores.tissue.own(channel);
        }
        for ((&rank, &value), &dead) in rule.ranks.iter().zip(values).zip(&rule.dead) {
            // No number: whoever could write holds back.
            if value.is_nan() || (dead && !write.applies_to_dead) {
                continue;
            }
            let kind = usize::from(stores.roster.kinds[rank as usize]);
            if !(shares && stores.plan.shared.contains(&(kind, number))) {
                stores.put(number, rank, &write.kind, signature.clock, value, by);
                continue;
            }
            pending
                .entry((number, rank))
                .and_modify(|given| {
                    match signature.combine {
                        Some(Combine::Sum) => given.value += value,
                        Some(Combine::Product) => given.value *= value,
                        Some(Combine::Priority) | None => return,
                    }
                    // Where a learned rule has a say, its limits hold.
                    given.by = by.or(given.by);
                })
                .or_insert_with(|| Contribution {
                    kind: write.kind.clone(),
                    clock: signature.clock,
                    value,
                    by,
                });
        }
    }
}

impl Stores<'_, '_, '_> {
    /// Keeps a number that acts on nothing with each of these cells.
    fn record(&mut self, name: &str, ranks: &[u32], values: &[f64]) {
        let Some(record) = self.plan.latents.named(name) else {
            return;
        };
        // NaN is for "nothing to be written".
        let said = ranks.iter().zip(values);
        for (&rank, &value) in said.filter(|(_, value)| !value.is_nan()) {
            let rank = rank as usize;
            // A graph also sees cells that it is not about.
            let Some(place) = record.places[usize::from(self.roster.kinds[rank])] else {
                continue;
            };
            let cell = self.cells.get_mut(self.roster.entities[rank]);
            let (.., mut recorded) = cell.expect("the roster lists living entities");
            recorded.0[place] = value;
        }
    }

    /// Writes a number of a kind to a behavior of the cell at a rank, for the learned rule `by`, if
    /// it is one.
    pub(crate) fn put(
        &mut self,
        number: usize,
        rank: u32,
        kind: &Kind,
        clock: f64,
        given: f64,
        by: Option<By>,
    ) {
        let rank = rank as usize;
        let cell_type = usize::from(self.roster.kinds[rank]);
        let range = match by {
            Some(by) => self.guards.limits(by),
            None => self.plan.table.vocabulary.behaviors.entry(number).range,
        };
        let (clamps, guards) = (&mut *self.clamps, &mut *self.guards);
        let mut set = |place: &mut f64| {
            let value = match kind {
                Kind::Parameter {
                    relaxation: Some(time),
                } => *place + (given - *place) * (1.0 - exp(-clock / time)),
                Kind::Delta { per } => *place + given * per.map_or(1.0, |per| clock / per),
                _ => given,
            };
            *place = clamps.keep(number, value, range);
            if let (Kind::Delta { .. }, Some((guard, _))) = (kind, by) {
                guards.count(guard, *place != value);
            }
        };
        let in_roster = "the roster lists living entities";
        match &self.plan.table.behaviors[number] {
            Behavior::Kernel(channel) => {
                let mut value = self.tissue.channel(*channel, rank);
                set(&mut value);
                self.tissue.set_channel(*channel, rank, value);
            }
            Behavior::Custom(places) => {
                let place = places[cell_type].expect("rules are checked when the run is built");
                let cell = self.cells.get_mut(self.roster.entities[rank]);
                set(&mut cell.expect(in_roster).0.0[place]);
            }
            Behavior::Latent(places) => {
                let place = places[cell_type].expect("rules are checked when the run is built");
                let cell = self.cells.get_mut(self.roster.entities[rank]);
                let component = &mut cell.expect(in_roster).2.0[place];
                let mut value = f64::from(*component);
                set(&mut value);
                *component = value as f32;
            }
            kept => {
                debug_assert!(kept.is_kept());
                let slot = self.plan.ruled.slot(cell_type, number);
                let slot = slot.expect("rules have slots since the run was built");
                let cell = self.cells.get_mut(self.roster.entities[rank]);
                set(&mut cell.expect(in_roster).1.0[slot]);
            }
        }
    }
}
