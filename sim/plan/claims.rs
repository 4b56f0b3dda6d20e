//! What rules speak of and claim: whether it exists, and whether two of them claim the same.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

use kernels::channels::Channel;
use rules::{Combine, Kind, Occasion, Rule, Side, Signature, Subject, Target, Write};

use crate::{
    dictionary::{Behavior, Signal, Table},
    graphs,
    scenario::Scenario,
};

/// Custom numbers, latent vectors, readouts and phases exist by type, so a rule may name one that its
/// cells do not have.
pub fn check_names(
    rules: &[Box<dyn Rule>],
    table: &Table,
    scenario: &Scenario,
) -> Result<(), String> {
    for rule in rules {
        let signature = rule.signature();
        let types = |side: Side| match (&signature.subject, side) {
            (Subject::Cell { types }, _) => types.clone(),
            (Subject::Dyad { a, .. }, Side::A) => vec![*a],
            (Subject::Dyad { b, .. }, Side::B) => vec![*b],
            (Subject::Dyad { .. }, _) => Vec::new(),
        };
        let missing = |places: &[Option<usize>], types: Vec<usize>, name: &str| {
            types
                .into_iter()
                .find(|&kind| places[kind].is_none())
                .map(|kind| {
                    let kind = &scenario.cell_types[kind].name;
                    let way_out = way_to_have(name, kind);
                    format!(
                        "rules `{}` speak of `{name}` of `{kind}`, which has no such number\n  {way_out}",
                        signature.source,
                    )
                })
        };
        for read in signature
            .reads
            .iter()
            .filter(|read| read.side != Side::Pair)
        {
            if let Signal::Custom(places) | Signal::Latent(places) | Signal::Recorded(places) =
                &table.signals[read.signal]
            {
                let name = &table.vocabulary.signals.entry(read.signal).name;
                let types = match signature.graph {
                    Some(_) => graphs::types(signature),
                    None => types(read.side),
                };
                missing(places, types, name).map_or(Ok(()), Err)?;
            }
        }
        for write in &signature.writes {
            if let Target::Behavior(number) = write.target
                && let Behavior::Custom(places) | Behavior::Latent(places) =
                    &table.behaviors[number]
            {
                let name = &table.vocabulary.behaviors.entry(number).name;
                missing(places, types(write.side), name).map_or(Ok(()), Err)?;
            }
            check_meaning(write, &types(write.side), table, scenario)
                .map_err(|message| format!("rules `{}` {message}", signature.source))?;
        }
    }
    Ok(())
}

/// How cells of a type come to have the number called `name`.
fn way_to_have(name: &str, kind: &str) -> String {
    if let Some(key) = name.strip_prefix("custom:") {
        return format!("add it to the scenario: [cell_types.\"{kind}\".custom] \"{key}\" = 0");
    }
    let space = name.strip_prefix("latent:");
    match space.and_then(|component| component.rsplit_once(':')) {
        Some((space, _)) => {
            format!("give it the space in the scenario: [latents.\"{space}\"] types = [\"{kind}\"]")
        }
        None => format!("take a model that records it for `{kind}`"),
    }
}

/// A rule may write what means nothing to its cells: leaving a phase that the cycle does not have,
/// becoming what one is.
fn check_meaning(
    write: &Write,
    types: &[usize],
    table: &Table,
    scenario: &Scenario,
) -> Result<(), String> {
    let Target::Behavior(number) = write.target else {
        return Ok(());
    };
    let name = &table.vocabulary.behaviors.entry(number).name;
    for &kind in types {
        let cell_type = &scenario.cell_types[kind];
        let of = &cell_type.name;
        match table.behaviors[number] {
            Behavior::PhaseExit(phase) if cell_type.cycle.phases.len() <= phase => {
                return Err(format!(
                    "write `{name}` of `{of}`, whose cycle `{}` has {} phases\n  \
                     give it a cycle: [cell_types.\"{of}\".cycle] model = \"live\"",
                    cell_type.cycle.model,
                    cell_type.cycle.phases.len(),
                ));
            }
            Behavior::Transformation(into) if into == kind => {
                return Err(format!(
                    "write `{name}` of `{of}`, which is that already\n  name another type"
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Secretion tends to a target: a rule that raises the rate of a type without one would make the
/// cell a sink.
pub fn check_secretion(
    rules: &[Box<dyn Rule>],
    table: &Table,
    scenario: &Scenario,
) -> Result<(), String> {
    let written: Vec<(usize, Channel, &str)> = rules
        .iter()
        .flat_map(|rule| {
            let signature = rule.signature();
            let types = match &signature.subject {
                Subject::Cell { types } => types.clone(),
                Subject::Dyad { .. } => Vec::new(),
            };
            let channels: Vec<Channel> = signature
                .writes
                .iter()
                .filter_map(|write| match write.target {
                    Target::Behavior(number) => match table.behaviors[number] {
                        Behavior::Kernel(channel) => Some(channel),
                        _ => None,
                    },
                    _ => None,
                })
                .collect();
            types.into_iter().flat_map(move |kind| {
                let source = signature.source.as_str();
                channels
                    .clone()
                    .into_iter()
                    .map(move |channel| (kind, channel, source))
            })
        })
        .collect();
    for (kind, channel, source) in &written {
        let Channel::SecretionRate(substrate) = *channel else {
            continue;
        };
        let target = Channel::SecretionTarget(substrate);
        let cell_type = &scenario.cell_types[*kind];
        let has_target = cell_type.exchange[substrate].secretion_target > 0.0
            || written
                .iter()
                .any(|(other, channel, _)| other == kind && *channel == target);
        if !has_target {
            let (of, what) = (&cell_type.name, &scenario.substrates[substrate].name);
            return Err(format!(
                "rules `{source}` write `{what} secretion` of `{of}`, which has no secretion target\n  \
                 state it: [cell_types.\"{of}\".exchange.{what}] secretion_target = …; \
                 or write `{what} export`, which needs none"
            ));
        }
    }
    Ok(())
}

/// One source's claim on a behavior.
struct Claim<'a> {
    source: &'a str,
    combine: Option<Combine>,
    clock: f64,
    kind: &'a Kind,
}

/// What is claimed: a behavior of cells of a type, or of a pair of types. Rules of different
/// occasions do not meet, nor do the two children of a division.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Claimed {
    Cell {
        kind: usize,
        behavior: usize,
        occasion: &'static str,
    },
    Pair {
        kinds: [usize; 2],
        name: String,
    },
}

/// All claims, in the order of the scenario.
fn claims<'a>(rules: &'a [Box<dyn Rule>], table: &Table) -> BTreeMap<Claimed, Vec<Claim<'a>>> {
    let mut claims: BTreeMap<Claimed, Vec<Claim<'a>>> = BTreeMap::new();
    for rule in rules {
        let signature = rule.signature();
        for write in &signature.writes {
            let claimed: Vec<Claimed> = match (&signature.subject, &write.target) {
                (_, Target::Readout(_)) => Vec::new(),
                (Subject::Cell { types }, Target::Behavior(behavior)) => {
                    let behavior = *behavior;
                    let occasion = occasion(signature.occasion, write.side);
                    let each = types.iter().map(|&kind| Claimed::Cell {
                        kind,
                        behavior,
                        occasion,
                    });
                    each.collect()
                }
                (Subject::Dyad { a, b }, target) => vec![Claimed::Pair {
                    kinds: [*a, *b],
                    name: format!("{} of {:?}", target_name(target, table), write.side),
                }],
                (Subject::Cell { .. }, Target::PairBehavior(_)) => Vec::new(),
            };
            for claimed in claimed {
                claims.entry(claimed).or_default().push(Claim {
                    source: &signature.source,
                    combine: signature.combine,
                    clock: signature.clock,
                    kind: &write.kind,
                });
            }
        }
    }
    claims
}

/// When a cell is written; "" for by the clock, when alone sources can combine.
fn occasion(occasion: Occasion, side: Side) -> &'static str {
    match (occasion, side) {
        (Occasion::Clock | Occasion::Decoding, _) => "",
        (Occasion::Entry, _) => " when it enters",
        (Occasion::Division, Side::ChildB) => " when it is born",
        (Occasion::Division, _) => " when it divides",
    }
}

fn target_name<'a>(target: &'a Target, table: &'a Table) -> &'a str {
    match target {
        Target::Behavior(number) => &table.vocabulary.behaviors.entry(*number).name,
        Target::PairBehavior(number) => &table.vocabulary.pair_behaviors.entry(*number).name,
        Target::Readout(name) => name,
    }
}

/// What pairs change of a cell may not be set by a rule of its own, which would undo it.
fn check_changes(rules: &[Box<dyn Rule>], table: &Table) -> Result<(), String> {
    for rule in rules {
        let signature = rule.signature();
        let Subject::Dyad { a, b } = signature.subject else {
            continue;
        };
        for write in &signature.writes {
            let (Target::Behavior(behavior), Kind::Delta { .. }) = (&write.target, &write.kind)
            else {
                continue;
            };
            let changed = if write.side == Side::A { a } else { b };
            let sets = |other: &&Signature| {
                let is_set = |write: &Write| {
                    write.target == Target::Behavior(*behavior)
                        && !matches!(write.kind, Kind::Delta { .. })
                };
                matches!(&other.subject, Subject::Cell { types } if types.contains(&changed))
                    && matches!(other.occasion, Occasion::Clock)
                    && other.writes.iter().any(is_set)
            };
            let mut others = rules.iter().map(|other| other.signature());
            if let Some(other) = others.find(sets) {
                return Err(format!(
                    "E-CONFLICT: pairs of rules `{}` change `{}` of `{}`, and rules `{}` set it\n  \
                     leave one out, or let both change it",
                    signature.source,
                    table.vocabulary.behaviors.entry(*behavior).name,
                    table.vocabulary.types[changed],
                    other.source,
                ));
            }
        }
    }
    Ok(())
}

/// The behaviors that several sources write, as (type, behavior). Two sources may write one only
/// if the later one says how they combine; they then share a clock and mean the same by a number.
pub fn shared(rules: &[Box<dyn Rule>], table: &Table) -> Result<BTreeSet<(usize, usize)>, String> {
    check_changes(rules, table)?;
    let mut shared = BTreeSet::new();
    for (claimed, sources) in claims(rules, table) {
        let (behavior, subject, is_pair) = match &claimed {
            Claimed::Cell { kind, behavior, .. } => (
                table.vocabulary.behaviors.entry(*behavior).name.clone(),
                table.vocabulary.types[*kind].clone(),
                false,
            ),
            Claimed::Pair { kinds, name } => (
                name.rsplit_once(" of ")
                    .map_or(name.as_str(), |(name, _)| name)
                    .to_owned(),
                kinds
                    .map(|kind| table.vocabulary.types[kind].as_str())
                    .join(" on "),
                true,
            ),
        };
        for pair in sources.windows(2) {
            let (first, second) = (&pair[0], &pair[1]);
            let may = match is_pair {
                true => second.combine == Some(Combine::Sum),
                false => second.combine.is_some(),
            };
            let [one, other] = [first.source, second.source];
            let both = format!("both write `{behavior}` of `{subject}`");
            if let Claimed::Cell { occasion, .. } = &claimed
                && !occasion.is_empty()
            {
                return Err(format!(
                    "E-CONFLICT: rules `{one}` and `{other}` {both}{occasion}\n  leave one out"
                ));
            }
            if !may {
                return Err(format!(
                    "E-CONFLICT: rules `{one}` and `{other}` {both}\n  \
                     leave one out, or say how they combine: {other} = {{ file = \"…\", combine = \"sum\" }} \
                     (sum, product or priority; pairs only sum)"
                ));
            }
            if first.clock != second.clock {
                return Err(format!(
                    "E-CONFLICT: rules `{one}` (every {} min) and `{other}` (every {} min) {both}\n  \
                     give them one clock",
                    first.clock, second.clock
                ));
            }
            if discriminant(first.kind) != discriminant(second.kind) {
                return Err(format!(
                    "E-CONFLICT: rules `{one}` and `{other}` {both}, one as a change and one as a value\n  \
                     let both give values, or both changes"
                ));
            }
        }
        if let Claimed::Cell {
            kind,
            behavior,
            occasion: "",
        } = claimed
            && sources.len() > 1
        {
            shared.insert((kind, behavior));
        }
    }
    Ok(shared)
}
