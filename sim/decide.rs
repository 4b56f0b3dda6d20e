//! Signals → rules → behaviors: every rule that is due reads, and only then is anything written.
//!
//! How a call flows (`evaluate`, then `Stores::write`):
//!
//! 1. The rows of the cells that the rule is about are listed, which is the order of space, and cut
//!    into chunks of [`CHUNK`] whatever the threads. A rule of a graph takes all its cells at once.
//! 2. Each chunk, on one thread and in its cache: sense a column a signal, call the rule, and write
//!    to stores that no signal is read from. The other outputs of a chunk outlive it, and its inputs
//!    where the guard must see them.
//! 3. The guard over a learned rule decides, chunk after chunk, what acts.
//! 4. When every rule that is due has done so, chunk after chunk and column after column is written
//!    to its store; what several sources share waits until all have spoken.

use std::borrow::Cow;

use bevy_ecs::{
    resource::Resource,
    system::{Res, ResMut},
};
use kernels::{random::pair_id, tissue::Tissue};
use rules::{
    Batch, Distribution, Edges, Noise, Occasion, Outputs, Rule, Side, Subject,
    neural::engine::{CHUNK, spread},
};

use crate::{
    arrays::{Roster, Space, group, is_live, ungroup},
    clock::Clock,
    graphs::{self, Graph},
    guard::{Call, Guards, Who},
    occasions::Occasions,
    output::Vitality,
    plan::Plan,
    record::{Clamps, Failure, Stage, Timings},
    sense::{Readers, Senses, Sources, lend, sense},
    stores::{Lent, Loan, Pending, Stores, Tally, count},
    streams::Purpose,
    tables::Tables,
};

/// One cell rule and what it keeps of a call.
pub struct CellRule {
    pub(crate) rule: Box<dyn Rule>,
    /// Ticks between two calls.
    pub period: u64,
    /// Types it is about, ascending.
    pub(crate) types: Vec<usize>,
    pub(crate) with_dead: bool,
    graph: Option<Graph>,
    /// Keys its noise, together with the purpose.
    number: u8,
    purpose: Purpose,
    /// The guard over it, if it is learned.
    pub(crate) guard: Option<usize>,
    /// Most rows of a chunk.
    chunk: usize,
    /// The rows of the call's cells, ascending; those of a graph's nodes by type and rank.
    rows: Vec<u32>,
    /// `[chunk of rows]`.
    outputs: Vec<Outputs>,
}

impl CellRule {
    /// Prepares a bound rule; `number` keys its noise.
    pub fn new(rule: Box<dyn Rule>, number: u8, period: u64, guard: Option<usize>) -> CellRule {
        let signature = rule.signature();
        let Subject::Cell { types } = signature.subject.clone() else {
            unreachable!("dyad rules are kept by `dyads`");
        };
        let graph = signature.graph.as_ref().map(|_| Graph::default());
        CellRule {
            period,
            types,
            with_dead: signature.writes.iter().any(|write| write.applies_to_dead),
            number,
            purpose: match signature.occasion {
                Occasion::Clock | Occasion::Decoding => Purpose::CellNoise,
                Occasion::Entry => Purpose::EntryNoise,
                Occasion::Division => Purpose::DivisionNoise,
            },
            guard,
            chunk: graph.as_ref().map_or(CHUNK, |_| usize::MAX),
            graph,
            rule,
            rows: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// Takes the cells it is about among those in these rows, which are ascending.
    pub(crate) fn choose(&mut self, among: impl ExactSizeIterator<Item = u32>, tissue: &Tissue) {
        let is_chosen = |group: u16| {
            let (kind, vitality) = ungroup(group);
            self.types.contains(&usize::from(kind))
                && (self.with_dead || vitality == Vitality::Live)
        };
        let (groups, frozen) = (tissue.groups(), tissue.frozen_rows());
        let most = self
            .types
            .last()
            .map_or(0, |&kind| group(kind as u16 + 1, Vitality::Live));
        let chosen: Vec<bool> = (0..most).map(is_chosen).collect();
        self.rows.resize(among.len(), 0);
        let rows = &mut self.rows[..];
        // Written over until the next one that is chosen, so that nothing branches.
        let mut count = 0;
        for row in among {
            let group = usize::from(groups[row as usize]);
            let is_chosen = chosen.get(group).is_some_and(|is| *is);
            rows[count] = row;
            count += usize::from(is_chosen & !frozen[row as usize]);
        }
        self.rows.truncate(count);
    }

    /// Takes all nodes of its graph, and finds the edges between them.
    fn link(&mut self, around: &Around<'_>) {
        let Around { tissue, roster, .. } = *around;
        let types = graphs::types(self.rule.signature());
        let ranks = types.iter().flat_map(|&kind| &roster.of_type[kind]);
        let is_node = |&rank: &u32| {
            let rank = rank as usize;
            roster.vitality[rank] == Vitality::Live && !tissue.is_frozen(rank)
        };
        let nodes: Vec<u32> = ranks.copied().filter(is_node).collect();
        self.rows.clear();
        let rows = nodes.iter().map(|&rank| tissue.row(rank as usize) as u32);
        self.rows.extend(rows);
        if let Some(graph) = &mut self.graph {
            graph.link(nodes, tissue, roster);
        }
    }

    /// Whether cells are among its rows that it is not about.
    pub(crate) fn sees_others(&self) -> bool {
        self.graph.is_some()
    }

    /// Most rows of a chunk.
    pub(crate) fn chunk(&self) -> usize {
        self.chunk
    }

    /// The cells of the last call with what was said of them, chunk by chunk; columns whose numbers
    /// were in place when the call was done are empty.
    pub(crate) fn said(&self) -> impl Iterator<Item = (&[u32], &Outputs)> {
        self.rows.chunks(self.chunk).zip(&self.outputs)
    }
}

/// The rows of a chunk, as a thread works with them.
#[derive(Default)]
struct Bench<'a> {
    cells: Readers,
    columns: Vec<Cow<'a, [f64]>>,
    noise: Vec<f32>,
    dead: Vec<bool>,
    kinds: Vec<u16>,
    who: Vec<Who>,
    held: Vec<bool>,
    outputs: Outputs,
}

impl Bench<'_> {
    /// Fills in who the rows are.
    fn ask_who(&mut self, rows: &[u32], around: &Around<'_>) {
        let ids = around.tissue.row_ids();
        self.who.clear();
        self.who
            .extend(rows.iter().map(|&row| (ids[row as usize], None)));
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
    mut tables: ResMut<Tables>,
    cells: Senses<'_, '_>,
) {
    let _timer = timings.start(Stage::Rules);
    let due = |rule: &&mut CellRule| clock.strikes(rule.period);
    // Decoders change nothing but what is recorded, and that is there for all that follows.
    let decoders: Vec<&mut CellRule> = occasions.decoders.iter_mut().filter(due).collect();
    let due: Vec<&mut CellRule> = rules.0.iter_mut().filter(due).collect();
    for mut stage in [decoders, due] {
        if stage.is_empty() {
            continue;
        }
        // All reads come before any write that something is read from.
        let mut lent = Lent::default();
        for rule in &stage {
            lent.borrow(rule, &plan, &mut space.0, &mut tables);
        }
        let asked = {
            let around = Around {
                tissue: &space.0,
                roster: &roster,
                plan: &plan,
                clock: &clock,
                sources: Sources::new(&space.0, &tables, &cells, &plan, &clock),
            };
            stage.iter_mut().try_for_each(|rule| {
                match rule.graph {
                    Some(_) => rule.link(&around),
                    None => rule.choose(0..space.0.len() as u32, &space.0),
                }
                evaluate(rule, &around, &mut lent, &mut guards, &mut clamps)
            })
        };
        lent.give_back(&mut space.0, &mut tables);
        if let Err(message) = asked {
            failure.0 = Some(message);
            return;
        }
        let acts = stage[0].rule.signature().occasion != Occasion::Decoding;
        let mut stores = Stores {
            tissue: &mut space.0,
            tables: &mut tables,
            roster: &roster,
            plan: &plan,
            clamps: &mut clamps,
            guards: &mut guards,
        };
        let mut pending = Pending::new();
        for rule in stage {
            stores.write(rule, &mut pending);
        }
        stores.write_shared(pending);
        if acts {
            stores.tissue.rates_changed();
        }
    }
}

/// What a call takes place in.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub tissue: &'a Tissue,
    pub roster: &'a Roster,
    pub plan: &'a Plan,
    pub clock: &'a Clock,
    pub sources: Sources<'a>,
}

/// Calls a rule for the cells it has chosen, writes what can be written at once to the columns
/// that are `lent`, and lets the guard decide what acts.
///
/// # Errors
/// Why the run cannot go on.
pub(crate) fn evaluate<'a>(
    rule: &mut CellRule,
    around: &Around<'a>,
    lent: &mut Lent,
    guards: &mut Guards,
    clamps: &mut Clamps,
) -> Result<(), String> {
    let mut outputs = std::mem::take(&mut rule.outputs);
    let chunks: Vec<&[u32]> = rule.rows.chunks(rule.chunk).collect();
    outputs.resize_with(chunks.len(), Outputs::default);
    let loans = lent.loans(rule, around.plan, guards, &chunks);
    let (asked, watching) = (&*rule, &*guards);
    // The inputs of a chunk are kept where the guard has more to do than to count it.
    type Piece<'p> = ((&'p &'p [u32], &'p mut Outputs), Vec<Loan<'p>>);
    let work = |bench: &mut Bench<'a>, ((rows, out), loans): Piece<'_>| {
        let mut said = std::mem::take(&mut bench.outputs);
        call(asked, rows, around, watching, bench, &mut said)?;
        let is_plain = watching.is_plain(asked.guard, &bench.dead, &bench.held, &said);
        std::mem::swap(&mut said, out);
        let tallies = match is_plain {
            true => deposit(rows, loans, bench, out, &mut said),
            false => Vec::new(),
        };
        bench.outputs = said;
        let bench = match (is_plain, asked.guard) {
            (true, None) => Bench::default(),
            (true, Some(_)) => Bench {
                kinds: std::mem::take(&mut bench.kinds),
                ..Bench::default()
            },
            (false, _) => {
                bench.ask_who(rows, around);
                std::mem::take(bench)
            }
        };
        Ok((is_plain, bench, tallies))
    };
    type Done<'a> = Result<(bool, Bench<'a>, Vec<(usize, Tally)>), String>;
    let pieces: Vec<_> = chunks.iter().zip(&mut outputs).zip(loans).collect();
    let done: Vec<Done<'a>> = match pieces.len() {
        1 => pieces
            .into_iter()
            .map(|piece| work(&mut Bench::default(), piece))
            .collect(),
        _ => spread(pieces, Bench::default, work),
    };
    for (done, out) in done.into_iter().zip(&mut outputs) {
        let (is_plain, bench, tallies) = done?;
        for (write, tally) in tallies {
            count(rule, write, tally, clamps, guards);
        }
        if is_plain {
            guards.pass(rule.guard, &bench.kinds, out);
            continue;
        }
        let call = Call {
            guard: rule.guard,
            signature: rule.rule.signature(),
            batch: &batch(rule, &bench, guards),
            who: &bench.who,
            time: around.clock.time(),
        };
        guards.settle(&call, out, clamps)?;
    }
    let is_there = |id| around.tissue.rank(id).is_some();
    let source = &rule.rule.signature().source;
    guards.close(rule.guard, source, around.clock.time(), is_there)?;
    rule.outputs = outputs;
    Ok(())
}

/// Writes what is said of a chunk to the columns it has on loan, where nobody has to decide about it
/// first; such columns of `out` go to `spare`. Counts by number of the write.
fn deposit(
    rows: &[u32],
    loans: Vec<Loan<'_>>,
    bench: &Bench<'_>,
    out: &mut Outputs,
    spare: &mut Outputs,
) -> Vec<(usize, Tally)> {
    spare.columns.resize_with(out.columns.len(), Vec::new);
    let deposit = |mut loan: Loan<'_>| {
        let column = std::mem::take(&mut out.columns[loan.write]);
        let tally = loan.fill(rows, &column, &bench.dead);
        spare.columns[loan.write] = column;
        (loan.write, tally)
    };
    loans.into_iter().map(deposit).collect()
}

/// Computes the outputs of a rule for one chunk of cells.
fn call<'a>(
    rule: &CellRule,
    rows: &[u32],
    around: &Around<'a>,
    guards: &Guards,
    bench: &mut Bench<'a>,
    out: &mut Outputs,
) -> Result<(), String> {
    let Around {
        tissue, sources, ..
    } = around;
    let signature = rule.rule.signature();
    bench.cells.look_up(rows, sources);
    bench
        .columns
        .resize_with(signature.reads.len(), Cow::default);
    for (read, column) in signature.reads.iter().zip(&mut bench.columns) {
        // What was lent leaves no room behind, and need not be copied into one.
        let mut own = match std::mem::take(column) {
            Cow::Owned(own) => own,
            Cow::Borrowed(_) => Vec::new(),
        };
        own.clear();
        let signal = &around.plan.table.signals[read.signal];
        *column = match rule.graph.as_ref().filter(|_| read.side == Side::Pair) {
            Some(graph) => {
                graph.sense(read.signal, tissue, &mut own);
                Cow::Owned(own)
            }
            None => match lend(signal, &bench.cells, sources) {
                Some(lent) => Cow::Borrowed(lent),
                None => {
                    sense(signal, &bench.cells, sources, &mut own);
                    Cow::Owned(own)
                }
            },
        };
    }
    let ids = || rows.iter().map(|&row| tissue.row_ids()[row as usize]);
    bench.noise.clear();
    if let Some(noise) = signature.noise {
        let (seed, tick) = (around.plan.scenario.seed, around.clock.tick);
        for id in ids() {
            let (purpose, number) = (rule.purpose, rule.number);
            fill_noise(noise, purpose, number, seed, id, tick, &mut bench.noise);
        }
    }
    let (cells, groups) = (&bench.cells, tissue.groups());
    bench.kinds.clear();
    cells.column(groups, |&group| ungroup(group).0, &mut bench.kinds);
    bench.dead.clear();
    // Nodes that are only seen are as good as dead to a rule.
    match rule.graph {
        None => cells.column(groups, |&group| !is_live(group), &mut bench.dead),
        Some(_) => bench
            .dead
            .extend((bench.kinds.iter()).map(|&kind| !rule.types.contains(&usize::from(kind)))),
    }
    bench.who.clear();
    bench.held.clear();
    if guards.hold_any(rule.guard) {
        bench.ask_who(rows, around);
        guards.held(rule.guard, &bench.who, &mut bench.held);
    }
    out.reset(signature.writes.len(), rows.len());
    let batch = batch(rule, bench, guards);
    let done = rule.rule.apply(&batch, out);
    done.map_err(|error| error.to_string())
}

/// The rows on a bench, as a rule sees them.
fn batch<'a>(rule: &'a CellRule, bench: &'a Bench<'_>, guards: &Guards) -> Batch<'a> {
    Batch {
        rows: bench.kinds.len(),
        signals: &bench.columns,
        noise: &bench.noise,
        dead: &bench.dead,
        types: &bench.kinds,
        held: &bench.held,
        member: guards.member(rule.guard),
        edges: rule.graph.as_ref().map_or(Edges::default(), Graph::edges),
        dt: rule.rule.signature().clock,
    }
}
