//! A place where a rule is called, and the rows it gives.

use std::collections::HashMap;

use kernels::{pairs::Pair, random::pair_id, tissue::Tissue};
use rules::{
    Adoption, Batch, Binding, Kind, Occasion, Outputs, Read, Rule, Side, Subject, Target,
    Vocabulary, Write, hybrid::output_names, lent,
};
use serde::{Deserialize, Serialize};

use super::word;
use crate::{
    arrays::Roster,
    clock::Clock,
    dictionary::{Behavior, Signal, Table},
    dyads::{pair_signal, touching},
    output::{Vitality, Word},
    plan::{Plan, deeds::Deed},
    scenario::Scenario,
    semantics::Semantics,
    sense::{Readers, Sources, sense},
    streams::Purpose,
};

/// What is to be recorded of an entry of the scenario's rules.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The scenario's name for it.
    pub entry: String,
    /// Rules that are asked in its place, and do not act.
    pub teacher: Option<std::path::PathBuf>,
    /// Signals to record that it does not read.
    pub signals: Vec<String>,
}

/// Why a column of inputs is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The rule reads it.
    Read,
    /// Whoever records asked for it.
    Asked,
    /// A component of a latent vector.
    Latent,
    /// Time, drugs and doses: the same for all cells.
    Condition,
    /// What the rule says, before it is held in range.
    Behavior,
}

/// A column of numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Column {
    /// As in the file.
    pub name: String,
    /// The dictionary's.
    pub unit: String,
    /// Why it is there.
    pub role: Role,
    /// Of a behavior that is a rate: the event it is the rate of, as in the column `event`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event: Option<String>,
}

/// Rows that are complete. Columns are `[row]`.
#[derive(Debug, Default)]
pub struct Rows {
    /// min.
    pub time: Vec<f64>,
    /// The cell, of pairs the acting one.
    pub cell: Vec<u64>,
    /// The cell acted on.
    pub partner: Vec<Option<u64>>,
    /// Number of the cell's type.
    pub cell_type: Vec<u16>,
    /// `[input or behavior][row]`, in the order of [`Site::columns`].
    pub numbers: Vec<Vec<f64>>,
    /// What happened first; `None` is censored.
    pub event: Vec<Option<Word>>,
    /// When, min.
    pub event_time: Vec<Option<f64>>,
    /// Time in which it could have happened, min.
    pub exposure: Vec<f64>,
    /// How many rows this one stands for, ≥ 1.
    pub weight: Vec<f64>,
}

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }
}

/// The cell of a row, and of pairs the cell acted on.
type Who = (u64, Option<u64>);

/// A row whose event has yet to come.
struct Open {
    time: f64,
    tick: u64,
    cell_type: u16,
    event: Option<(Word, f64)>,
    exposure: f64,
}

/// A rule that is asked at each call of an entry of the scenario's rules.
pub struct Site {
    /// `ENTRY`, or `ENTRY-2`, … where an entry holds several rules.
    pub name: String,
    /// Ticks between two calls.
    pub period: u64,
    /// Inputs, then behaviors.
    pub columns: Vec<Column>,
    rule: Box<dyn Rule>,
    reads: Vec<Read>,
    signals: Vec<Vec<f64>>,
    outputs: Outputs,
    /// In the order of the call.
    open: Vec<(Who, Open)>,
    /// `[who]`: place in `open`.
    places: HashMap<Who, usize>,
    done: Rows,
}

/// What a site reads.
pub(crate) struct Around<'a> {
    pub tissue: &'a Tissue,
    pub roster: &'a Roster,
    pub plan: &'a Plan,
    pub clock: &'a Clock,
    pub sources: Sources<'a>,
}

/// Opens what is to be asked, for a scenario whose names these are.
///
/// # Errors
/// A message with place, culprit and way out.
pub(crate) fn wanted_sites(
    wanted: &[Wanted],
    scenario: &Scenario,
    table: &Table,
) -> Result<Vec<Site>, String> {
    if !wanted.is_empty() && scenario.semantics == Semantics::PhysiCell {
        return Err(
            "rows are recorded under Milieu's semantics, where events of one step compete; this \
                    scenario asks for PhysiCell's\n  leave out `semantics`"
                .into(),
        );
    }
    let mut sites = Vec::new();
    for wanted in wanted {
        let sources = scenario.rules.iter();
        let named = |name: &String| rules::dictionary::normal(name);
        let source = sources
            .clone()
            .find(|source| named(&source.name) == named(&wanted.entry))
            .ok_or_else(|| {
                let known = sources.map(|source| source.name.as_str());
                rules::dictionary::unknown("entry of [rules]", &wanted.entry, known).to_string()
            })?;
        let asked = asked(wanted, &source.binding, scenario, &table.vocabulary)?;
        let several = asked.len() > 1;
        for (number, rule) in asked.into_iter().enumerate() {
            let name = match several {
                true => format!("{}-{}", source.name, number + 1),
                false => source.name.clone(),
            };
            let clock = source.binding.clock.unwrap_or(rule.signature().clock);
            let period = scenario.clocks.ticks(clock);
            let period = period.max(scenario.clocks.mechanics_ticks());
            sites.push(Site::new(name, period, rule, &wanted.signals, table)?);
        }
    }
    Ok(sites)
}

/// The rules of an entry, or those that are asked in its place.
fn asked(
    wanted: &Wanted,
    binding: &Binding,
    scenario: &Scenario,
    vocabulary: &Vocabulary,
) -> Result<Vec<Box<dyn Rule>>, String> {
    let alone = |file: &std::path::Path| Binding {
        file: file.to_owned(),
        sha256: None,
        adoption: Adoption::default(),
        ..binding.clone()
    };
    let is_model = |binding: &Binding| binding.file.extension().is_some_and(|it| it == "onnx");
    let bindings: Vec<Binding> = match &wanted.teacher {
        Some(file) => vec![alone(file)],
        None if is_model(binding) => vec![alone(&binding.file)],
        // Sentences on one behavior saturate together, wherever they stand.
        None => {
            let all = scenario.rules.iter().map(|source| source.binding.clone());
            all.filter(|other| !is_model(other)).collect()
        }
    };
    let opened = rules::open(&bindings, vocabulary, scenario.semantics.rules())
        .map_err(|error| error.to_string())?;
    let mut rules = opened.rules;
    rules.retain(|rule| rule.signature().source == binding.name);
    for rule in &rules {
        let signature = rule.signature();
        let what = match (signature.occasion, &signature.graph, signature.noise) {
            (Occasion::Clock, None, None) => continue,
            (_, Some(_), _) => "sees the graph of contacts",
            (_, _, Some(_)) => "asks for noise",
            _ => "is not called by the clock",
        };
        return Err(format!(
            "rules `{}`: {what}, and rows of such a rule are not recorded\n  \
             name a teacher for it that reads cells or pairs",
            binding.name
        ));
    }
    Ok(rules)
}

/// The event that an output is the rate of, as rows call it.
fn event(write: &Write, table: &Table) -> Option<Word> {
    if let Some(deed) = Deed::of(write, table)
        && write.side != Side::Cell
    {
        return Some(word(deed));
    }
    match (&write.target, &write.kind) {
        (Target::Behavior(number), Kind::Rate) => match table.behaviors[*number] {
            Behavior::Death(Vitality::Necrotic) => Some("necrosis"),
            Behavior::Death(_) => Some("apoptosis"),
            Behavior::Transformation(_) => Some("transformation"),
            _ => None,
        },
        _ => None,
    }
}

impl Site {
    fn new(
        name: String,
        period: u64,
        rule: Box<dyn Rule>,
        asked: &[String],
        table: &Table,
    ) -> Result<Site, String> {
        let signature = rule.signature();
        let vocabulary = &table.vocabulary;
        let mut reads: Vec<(Read, Role)> = signature
            .reads
            .iter()
            .map(|read| (read.clone(), Role::Read))
            .collect();
        let sides: &[Side] = match signature.subject {
            Subject::Cell { .. } => &[Side::Cell],
            Subject::Dyad { .. } => &[Side::A, Side::B],
        };
        let mut add = |read: Read, role: Role| {
            if !reads.iter().any(|(known, _)| *known == read) {
                reads.push((read, role));
            }
        };
        for name in asked {
            let side = |side: Side, name: &str| {
                let signal = vocabulary.signals.find(name);
                signal.map(|signal| Read { side, signal })
            };
            let (own, target) = (name.strip_prefix("own "), name.strip_prefix("target "));
            let found = match (&signature.subject, own, target) {
                (Subject::Dyad { .. }, Some(name), _) => side(Side::A, name),
                (Subject::Dyad { .. }, _, Some(name)) => side(Side::B, name),
                (Subject::Dyad { .. }, None, None) => {
                    let signal = vocabulary.pair_signals.find(name);
                    signal.map(|signal| Read {
                        side: Side::Pair,
                        signal,
                    })
                }
                _ => side(Side::Cell, name),
            };
            add(found.map_err(|error| error.to_string())?, Role::Asked);
        }
        let types = |side: Side| match &signature.subject {
            Subject::Cell { types } => types.clone(),
            Subject::Dyad { a, .. } if side == Side::A => vec![*a],
            Subject::Dyad { b, .. } => vec![*b],
        };
        for (signal, what) in table.signals.iter().enumerate() {
            for &side in sides {
                let is_there = match what {
                    Signal::Latent(places) => {
                        types(side).iter().any(|&kind| places[kind].is_some())
                    }
                    _ => false,
                };
                if is_there {
                    add(Read { side, signal }, Role::Latent);
                }
            }
            let is_condition = matches!(
                what,
                Signal::Time | Signal::Drug(_) | Signal::TimeSince(_) | Signal::Doses(_)
            );
            if is_condition {
                let side = sides[0];
                add(Read { side, signal }, Role::Condition);
            }
        }
        let column = |(read, role): &(Read, Role)| {
            let entry = match read.side {
                Side::Pair => vocabulary.pair_signals.entry(read.signal),
                _ => vocabulary.signals.entry(read.signal),
            };
            let whose = match read.side {
                _ if *role == Role::Condition => "",
                Side::A => "own ",
                Side::B => "target ",
                _ => "",
            };
            Column {
                name: format!("input:{whose}{}", entry.name),
                unit: entry.unit.to_string(),
                role: *role,
                event: None,
            }
        };
        let mut columns: Vec<Column> = reads.iter().map(column).collect();
        let names = output_names(signature, vocabulary);
        for (write, name) in signature.writes.iter().zip(names) {
            let unit = match &write.target {
                Target::Behavior(number) => vocabulary.behaviors.entry(*number).unit.to_string(),
                Target::PairBehavior(number) => {
                    vocabulary.pair_behaviors.entry(*number).unit.to_string()
                }
                Target::Readout(_) => String::new(),
            };
            columns.push(Column {
                name: format!("behavior:{name}"),
                unit,
                role: Role::Behavior,
                event: event(write, table).map(str::to_owned),
            });
        }
        let reads: Vec<Read> = reads.into_iter().map(|(read, _)| read).collect();
        Ok(Site {
            name,
            period,
            signals: vec![Vec::new(); reads.len()],
            done: Rows {
                numbers: vec![Vec::new(); columns.len()],
                ..Rows::default()
            },
            columns,
            rule,
            reads,
            outputs: Outputs::default(),
            open: Vec::new(),
            places: HashMap::new(),
        })
    }

    /// Whether its rows are cells.
    pub fn is_of_cells(&self) -> bool {
        matches!(self.rule.signature().subject, Subject::Cell { .. })
    }

    /// The rule that is asked.
    pub fn rule(&self) -> &dyn Rule {
        self.rule.as_ref()
    }

    /// What is read of cells and pairs.
    pub(crate) fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// How many rows are complete.
    pub fn complete(&self) -> usize {
        self.done.len()
    }

    /// Takes the rows that are complete.
    pub fn take(&mut self) -> Rows {
        let empty = Rows {
            numbers: vec![Vec::new(); self.columns.len()],
            ..Rows::default()
        };
        std::mem::replace(&mut self.done, empty)
    }

    /// Completes the rows of the call before, and asks anew.
    pub(crate) fn ask(&mut self, around: &Around<'_>, keep: f64) -> Result<(), String> {
        self.close(around.plan.scenario.seed, keep);
        let who = match self.rule.signature().subject.clone() {
            Subject::Cell { types } => self.sense_cells(&types, around),
            Subject::Dyad { a, b } => self.sense_pairs(a, b, around),
        };
        let Around { tissue, roster, .. } = around;
        let kind = |id: u64| tissue.rank(id).map_or(0, |rank| roster.kinds[rank]);
        let types: Vec<u16> = who.iter().map(|who| kind(who.0)).collect();
        let signature = self.rule.signature();
        self.outputs.reset(signature.writes.len(), who.len());
        if !who.is_empty() {
            let batch = Batch {
                rows: who.len(),
                signals: &lent(&self.signals[..signature.reads.len()]),
                dead: &vec![false; who.len()],
                types: &types,
                dt: signature.clock,
                ..Batch::default()
            };
            let done = self.rule.apply(&batch, &mut self.outputs);
            done.map_err(|error| error.to_string())?;
        }
        for (at, (who, cell_type)) in who.into_iter().zip(types).enumerate() {
            let open = Open {
                time: around.clock.time(),
                tick: around.clock.tick,
                cell_type,
                event: None,
                exposure: 0.0,
            };
            self.places.insert(who, at);
            self.open.push((who, open));
        }
        Ok(())
    }

    fn sense_cells(&mut self, types: &[usize], around: &Around<'_>) -> Vec<Who> {
        let Around { tissue, roster, .. } = around;
        let ranks = types.iter().flat_map(|&kind| &roster.of_type[kind]);
        let is_live =
            |rank: &usize| roster.vitality[*rank] == Vitality::Live && !tissue.is_frozen(*rank);
        let mut ranks: Vec<usize> = ranks.map(|&rank| rank as usize).filter(is_live).collect();
        ranks.sort_unstable();
        let rows: Vec<u32> = ranks.iter().map(|&rank| tissue.row(rank) as u32).collect();
        let mut cells = Readers::default();
        cells.look_up(&rows, &around.sources);
        for (read, column) in self.reads.iter().zip(&mut self.signals) {
            column.clear();
            let signal = &around.plan.table.signals[read.signal];
            sense(signal, &cells, &around.sources, column);
        }
        let ids = tissue.ids();
        ranks.iter().map(|&rank| (ids[rank], None)).collect()
    }

    fn sense_pairs(&mut self, a: usize, b: usize, around: &Around<'_>) -> Vec<Who> {
        let Around { tissue, roster, .. } = around;
        let pairs = touching(tissue, roster, a, b);
        let side = |which: usize| {
            let rows = pairs
                .iter()
                .map(|(_, ranks, _)| tissue.row(ranks[which] as usize));
            let rows: Vec<u32> = rows.map(|row| row as u32).collect();
            let mut cells = Readers::default();
            cells.look_up(&rows, &around.sources);
            cells
        };
        let (of_a, of_b) = (side(0), side(1));
        for (read, column) in self.reads.iter().zip(&mut self.signals) {
            column.clear();
            match read.side {
                Side::Pair => column.extend(
                    (pairs.iter())
                        .map(|(_, ranks, memory)| pair_signal(read.signal, tissue, ranks, memory)),
                ),
                side => {
                    let cells = if side == Side::B { &of_b } else { &of_a };
                    let signal = &around.plan.table.signals[read.signal];
                    sense(signal, cells, &around.sources, column);
                }
            }
        }
        let who = |(pair, ..): &(Pair, _, _)| (pair.0, Some(pair.1));
        pairs.iter().map(who).collect()
    }

    /// Time passes in which something could happen to rows to which nothing has yet.
    pub(super) fn expose(&mut self, step: f64) {
        for (_, row) in &mut self.open {
            if row.event.is_none() {
                row.exposure += step;
            }
        }
    }

    /// Something happens.
    pub(super) fn note(&mut self, who: &Who, time: f64, word: Word) {
        if let Some(&at) = self.places.get(who) {
            self.open[at].1.event.get_or_insert((word, time));
        }
    }

    /// Completes all rows; of those without an event this share is kept.
    pub(crate) fn close(&mut self, seed: u64, keep: f64) {
        let draws = Purpose::TrainingRow.draws(seed);
        let signals = &self.signals;
        let inputs = signals.len();
        for (at, (who, row)) in self.open.drain(..).enumerate() {
            let id = who.1.map_or(who.0, |other| pair_id(who.0, other));
            let is_sure = row.event.is_some() || keep >= 1.0;
            if !is_sure && draws.uniform(id, row.tick, 0) >= keep {
                continue;
            }
            let done = &mut self.done;
            done.time.push(row.time);
            done.cell.push(who.0);
            done.partner.push(who.1);
            done.cell_type.push(row.cell_type);
            for (column, values) in done.numbers.iter_mut().zip(signals) {
                column.push(values[at]);
            }
            for (column, values) in done.numbers[inputs..].iter_mut().zip(&self.outputs.columns) {
                column.push(values[at]);
            }
            done.event.push(row.event.map(|(word, _)| word));
            done.event_time.push(row.event.map(|(_, time)| time));
            done.exposure.push(row.exposure);
            done.weight.push(if is_sure { 1.0 } else { 1.0 / keep });
        }
        self.places.clear();
    }
}
