//! The plan of a run: a scenario with its rules bound to names, and everything that follows from
//! both before the first tick.

mod claims;
pub mod deeds;
pub mod interventions;
pub mod latents;
mod limits;
mod numbers;
mod readouts;
pub mod ruled;

use std::collections::BTreeSet;

use bevy_ecs::resource::Resource;
use rules::{Declared, Opened, Rule, Side, Subject, Target, Vocabulary, dictionary::unknown};

use crate::{
    dictionary::{Behavior, Signal, Table},
    graphs,
    recorder::{Site, Wanted, wanted_sites},
    scenario::{self, Scenario},
    semantics::Semantics,
};

use interventions::Sets;
use latents::Latents;
use ruled::RuledSlots;

/// Everything fixed before the first tick.
#[derive(Resource, Debug)]
pub struct Plan {
    /// What is simulated.
    pub scenario: Scenario,
    /// Names, and where each signal and behavior lives.
    pub table: Table,
    /// Latent vectors and recorded numbers of each type.
    pub latents: Latents,
    /// Which behaviors of each type have a value per cell in the ECS.
    pub ruled: RuledSlots,
    /// (type, behavior) that several sources write, and so combine.
    pub shared: BTreeSet<(usize, usize)>,
    /// `[watch]`: its slot in the kernels' counts, if anybody reads it.
    pub contact_slots: Vec<Option<usize>>,
    /// Watches whose time is kept.
    pub contact_times: Vec<usize>,
    /// Types whose cells keep contact times.
    pub contact_time_types: Vec<usize>,
    /// Numbers that interventions set.
    pub sets: Sets,
    /// Further columns of cell tables: signals and behaviors asked for.
    pub columns: Vec<Extra>,
}

/// A further column of cell tables.
#[derive(Debug, Clone, PartialEq)]
pub enum Extra {
    /// A signal, by number.
    Signal(usize),
    /// A behavior, by number.
    Behavior(usize),
}

/// A scenario with its rules bound: everything that `check` shows and a run needs.
pub struct Bound {
    /// What is fixed.
    pub plan: Plan,
    /// Rules and models.
    pub rules: Vec<Box<dyn Rule>>,
    /// Where training rows are recorded.
    pub sites: Vec<Site>,
}

/// Binds the rules of a scenario to its names.
///
/// # Errors
/// A message with place, culprit and way out.
pub fn bind(scenario: Scenario) -> Result<Bound, String> {
    bind_recorded(scenario, &[])
}

/// The same for a run whose training rows are wanted.
///
/// # Errors
/// A message with place, culprit and way out.
pub fn bind_recorded(scenario: Scenario, wanted: &[Wanted]) -> Result<Bound, String> {
    let sources = scenario.rules.iter();
    let bindings: Vec<_> = sources.map(|source| source.binding.clone()).collect();
    let declared = rules::declared(&bindings).map_err(|error| error.to_string())?;
    let usage = scenario.semantics.rules();
    let open = |vocabulary: &Vocabulary| {
        rules::open(&bindings, vocabulary, usage).map_err(|error| error.to_string())
    };
    bind_all(scenario, &declared, wanted, open)
}

/// The same for rules that are not files: what they declare, and how they are bound to names.
///
/// # Errors
/// A message with place, culprit and way out.
pub fn bind_with(
    scenario: Scenario,
    declared: &Declared,
    open: impl FnOnce(&Vocabulary) -> Result<Opened, String>,
) -> Result<Bound, String> {
    bind_all(scenario, declared, &[], open)
}

fn bind_all(
    mut scenario: Scenario,
    declared: &Declared,
    wanted: &[Wanted],
    open: impl FnOnce(&Vocabulary) -> Result<Opened, String>,
) -> Result<Bound, String> {
    let latents = Latents::new(&scenario, declared)?;
    let table = Table::new(&scenario, &latents)?;
    if scenario.semantics == Semantics::PhysiCell {
        numbers::drop_unknown(&mut scenario, &table);
        let two_meanings = table.ambiguous.iter();
        scenario.notes.extend(two_meanings.map(|name| {
            format!("`{name}` has two meanings by the names of this project; the first is taken")
        }));
    }
    let Opened { rules, notes } = open(&table.vocabulary)?;
    let sites = wanted_sites(wanted, &scenario, &table)?;
    scenario.notes.extend(notes);
    limits::check(&scenario, &rules)?;
    claims::check_names(&rules, &table, &scenario)?;
    if scenario.semantics == Semantics::Milieu {
        claims::check_secretion(&rules, &table, &scenario)?;
    }
    deeds::check_writes(&rules, &table)?;
    readouts::check(&rules, &table, &scenario)?;
    let shared = claims::shared(&rules, &table)?;
    let mut ruled = RuledSlots::new(scenario.cell_types.len());
    let mut add = |kind: usize, behavior: usize| {
        if table.behaviors[behavior].is_kept() {
            ruled.add(kind, behavior);
        }
    };
    for rule in &rules {
        let signature = rule.signature();
        for write in &signature.writes {
            let Target::Behavior(behavior) = write.target else {
                continue;
            };
            match &signature.subject {
                Subject::Cell { types } => types.iter().for_each(|&kind| add(kind, behavior)),
                // Events of pairs are drawn and not kept.
                Subject::Dyad { .. } if !deeds::is_change(write) => {}
                Subject::Dyad { a, b } => {
                    add(if write.side == Side::A { *a } else { *b }, behavior)
                }
            }
        }
    }
    let sets = interventions::sets(&scenario, &table, &rules)?;
    for set in sets.changes.iter().chain(&sets.edits) {
        set.types.iter().for_each(|&kind| add(kind, set.behavior));
    }
    for (kind, behavior) in numbers::distributed(&scenario, &table)? {
        add(kind, behavior);
    }
    for placement in &scenario.cells {
        let scenario::Place::Explicit { cells } = &placement.place else {
            continue;
        };
        let place = |line: usize| match &placement.table {
            Some(table) => format!("{}:{line}", table.file.display()),
            None => format!("cells `{}`", placement.name),
        };
        if let Some(stated) = &placement.table
            && scenario.semantics == Semantics::Milieu
        {
            check_columns(&stated.columns, &table)
                .map_err(|error| format!("{}: {error}", place(1)))?;
        }
        for founder in cells {
            for (name, value) in &founder.values {
                let behavior = own_behavior(name, *value, founder.cell_type, &scenario, &table)
                    .map_err(|error| format!("{}: {error}", place(founder.line)))?;
                add(founder.cell_type, behavior);
            }
        }
    }
    let columns = columns(&scenario, &table, &latents)?;
    let (contact_slots, contact_times, contact_time_types) =
        watched(&rules, &sites, &table, &columns);
    if contact_slots.iter().flatten().count() > 64 {
        return Err("rules and outputs count more than 64 kinds of contact; drop some".into());
    }
    let plan = Plan {
        scenario,
        table,
        latents,
        ruled,
        shared,
        contact_slots,
        contact_times,
        contact_time_types,
        sets,
        columns,
    };
    Ok(Bound { plan, rules, sites })
}

/// The names that rules in these files may use in a scenario, before any of them is bound, and the
/// latent vectors they declare.
///
/// # Errors
/// A message with place, culprit and way out.
pub fn names(scenario: &Scenario, files: &[rules::Binding]) -> Result<(Table, Latents), String> {
    let declared = rules::declared(files).map_err(|error| error.to_string())?;
    let latents = Latents::new(scenario, &declared)?;
    Ok((Table::new(scenario, &latents)?, latents))
}

/// Refuses columns of a table of cells that are no behavior, or one behavior twice.
fn check_columns(columns: &[String], table: &Table) -> Result<(), String> {
    let behaviors = &table.vocabulary.behaviors;
    let mut found: Vec<(usize, &String)> = Vec::new();
    for name in columns {
        let Ok(number) = behaviors.find(name) else {
            let known = behaviors.entries().iter().map(|entry| entry.name.as_str());
            let known = ["x", "y", "z", "type", "volume", "radius"]
                .into_iter()
                .chain(known);
            return Err(unknown("column", name, known).to_string());
        };
        if let Some((_, first)) = found.iter().find(|(other, _)| *other == number) {
            return Err(format!(
                "the columns `{first}` and `{name}` are one behavior\n  take one out of the table"
            ));
        }
        found.push((number, name));
    }
    Ok(())
}

/// The behavior that a column of a table of cells speaks of, if a cell of the type may have this
/// value of it.
fn own_behavior(
    name: &str,
    value: f64,
    kind: usize,
    scenario: &Scenario,
    table: &Table,
) -> Result<usize, String> {
    let number = table
        .vocabulary
        .behaviors
        .find(name)
        .map_err(|error| error.to_string())?;
    let behavior = &table.behaviors[number];
    if !behavior.is_of(kind) {
        let kind = &scenario.cell_types[kind].name;
        let where_to = match behavior {
            Behavior::Latent(_) => {
                "add the type to the `types` of its space, under [latents]".into()
            }
            _ => format!("state it in [cell_types.\"{kind}\".custom]"),
        };
        return Err(format!(
            "the column `{name}` has a value for a `{kind}`, which has no such number\n  \
             {where_to}, or leave the field empty"
        ));
    }
    let [low, high] = table.vocabulary.behaviors.entry(number).range;
    if !(low..=high).contains(&value) {
        let wanted = match high {
            f64::INFINITY => "it must not be negative".to_owned(),
            _ => format!("it must lie between {low} and {high}"),
        };
        return Err(format!(
            "the column `{name}` has the value {value}\n  {wanted}"
        ));
    }
    Ok(number)
}

/// The further columns of cell tables; `latent:SPACE` stands for all components of the space.
fn columns(scenario: &Scenario, table: &Table, latents: &Latents) -> Result<Vec<Extra>, String> {
    let (signals, behaviors) = (&table.vocabulary.signals, &table.vocabulary.behaviors);
    let mut all: Vec<(Extra, &String)> = Vec::new();
    for name in &scenario.outputs.cell_columns {
        let found = match (signals.find(name), behaviors.find(name)) {
            (Ok(signal), _) => vec![Extra::Signal(signal)],
            (_, Ok(behavior)) => vec![Extra::Behavior(behavior)],
            (Err(unknown), _) => {
                let space = latents.whole(name);
                let space = space.ok_or_else(|| format!("outputs.cell_columns: {unknown}"))?;
                let component = |number| signals.find(&space.component(number));
                let components = (0..space.width).map(component);
                let known = "every component of a space is a signal";
                components
                    .map(|signal| Extra::Signal(signal.expect(known)))
                    .collect()
            }
        };
        for column in found {
            if let Some((_, first)) = all.iter().find(|(other, _)| *other == column) {
                return Err(format!(
                    "outputs.cell_columns: `{first}` and `{name}` name one column\n  \
                     leave one of them out"
                ));
            }
            all.push((column, name));
        }
    }
    Ok(all.into_iter().map(|(column, _)| column).collect())
}

/// Slots for the watches that rules and columns read; watches whose time is kept; types that keep it.
fn watched(
    rules: &[Box<dyn Rule>],
    sites: &[Site],
    table: &Table,
    columns: &[Extra],
) -> (Vec<Option<usize>>, Vec<usize>, Vec<usize>) {
    let mut slots = vec![None; table.watches.len()];
    let mut next = 0;
    let mut times = Vec::new();
    let mut types = Vec::new();
    let mut read = |signal: &Signal, readers: &[usize]| {
        let (Signal::Contact(watch) | Signal::ContactTime(watch)) = signal else {
            return;
        };
        if slots[*watch].is_none() {
            slots[*watch] = Some(next);
            next += 1;
        }
        if matches!(signal, Signal::ContactTime(_)) {
            times.push(*watch);
            types.extend_from_slice(readers);
        }
    };
    let acting = (rules.iter()).map(|rule| (rule.signature(), &rule.signature().reads[..]));
    let asked = (sites.iter()).map(|site| (site.rule().signature(), site.reads()));
    for (signature, reads) in acting.chain(asked) {
        let readers = graphs::types(signature);
        for column in reads.iter().filter(|read| read.side != Side::Pair) {
            read(&table.signals[column.signal], &readers);
        }
    }
    let all: Vec<usize> = (0..table.vocabulary.types.len()).collect();
    for column in columns {
        if let Extra::Signal(signal) = column {
            read(&table.signals[*signal], &all);
        }
    }
    times.sort_unstable();
    times.dedup();
    types.sort_unstable();
    types.dedup();
    (slots, times, types)
}
