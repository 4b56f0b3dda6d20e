//! What rules speak of and claim: whether it exists, and whether two of them claim the same.

use std::collections::BTreeMap;

use rules::{Combine, Rule, Side, Subject, Target, Write};

use crate::{
    dictionary::{Behavior, Signal, Table},
    dyads::may_share,
    scenario::Scenario,
};

/// Custom numbers and phases exist by type, so a rule may name one that its cells do not have.
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
        let missing = |places: &[Option<usize>], side: Side, name: &str| {
            types(side)
                .into_iter()
                .find(|&kind| places[kind].is_none())
                .map(|kind| {
                    let kind = &scenario.cell_types[kind].name;
                    let key = name.trim_start_matches("custom:");
                    format!(
                        "rules `{}` speak of `{name}` of `{kind}`, which has no such number\n  \
                     add it to the scenario: [cell_types.\"{kind}\".custom] \"{key}\" = 0",
                        signature.source
                    )
                })
        };
        for read in signature
            .reads
            .iter()
            .filter(|read| read.side != Side::Pair)
        {
            if let Signal::Custom(places) = &table.signals[read.signal] {
                let name = &table.vocabulary.signals.entry(read.signal).name;
                missing(places, read.side, name).map_or(Ok(()), Err)?;
            }
        }
        for write in &signature.writes {
            if let Target::Behavior(number) = write.target
                && let Behavior::Custom(places) = &table.behaviors[number]
            {
                let name = &table.vocabulary.behaviors.entry(number).name;
                missing(places, write.side, name).map_or(Ok(()), Err)?;
            }
            check_phase(write, &types(write.side), table, scenario)
                .map_err(|message| format!("rules `{}` {message}", signature.source))?;
        }
    }
    Ok(())
}

/// A rate of leaving a phase means nothing to a type without that phase.
fn check_phase(
    write: &Write,
    types: &[usize],
    table: &Table,
    scenario: &Scenario,
) -> Result<(), String> {
    let Target::Behavior(number) = write.target else {
        return Ok(());
    };
    let Behavior::PhaseExit(phase) = table.behaviors[number] else {
        return Ok(());
    };
    let lacking = types
        .iter()
        .map(|&kind| &scenario.cell_types[kind])
        .find(|cell_type| cell_type.cycle.phases.len() <= phase);
    match lacking {
        None => Ok(()),
        Some(cell_type) => Err(format!(
            "write `{}` of `{}`, whose cycle `{}` has {} phases\n  give it a cycle: [cell_types.\"{}\".cycle] model = \"live\"",
            table.vocabulary.behaviors.entry(number).name,
            cell_type.name,
            cell_type.cycle.model,
            cell_type.cycle.phases.len(),
            cell_type.name,
        )),
    }
}

/// Who writes what: (type or pair of types, target) to sources in order.
type Claims = BTreeMap<(Vec<usize>, String), Vec<(String, Option<Combine>, f64)>>;

fn claims(rules: &[Box<dyn Rule>], table: &Table) -> Claims {
    let mut claims = Claims::new();
    for rule in rules {
        let signature = rule.signature();
        let subjects = match &signature.subject {
            Subject::Cell { types } => types.iter().map(|&kind| vec![kind]).collect(),
            Subject::Dyad { a, b } => vec![vec![*a, *b]],
        };
        for write in &signature.writes {
            let name = match &write.target {
                Target::Behavior(number) => table.vocabulary.behaviors.entry(*number).name.clone(),
                Target::PairBehavior(number) => {
                    table.vocabulary.pair_behaviors.entry(*number).name.clone()
                }
                Target::Readout(_) => continue,
            };
            for subject in &subjects {
                let entry = (signature.source.clone(), signature.combine, signature.clock);
                claims
                    .entry((subject.clone(), name.clone()))
                    .or_default()
                    .push(entry);
            }
        }
    }
    claims
}

/// Two sources may write one behavior only if the later one says how they combine.
pub fn check_conflicts(rules: &[Box<dyn Rule>], table: &Table) -> Result<(), String> {
    for ((subject, behavior), sources) in claims(rules, table) {
        let subject: Vec<_> = subject
            .iter()
            .map(|&kind| table.vocabulary.types[kind].as_str())
            .collect();
        let subject = subject.join(" on ");
        for pair in sources.windows(2) {
            let ((first, _, clock), (second, combine, other)) = (&pair[0], &pair[1]);
            let allowed = if subject.contains(" on ") {
                may_share(*combine)
            } else {
                combine.is_some()
            };
            if !allowed {
                return Err(format!(
                    "E-CONFLICT: rules `{first}` and `{second}` both write `{behavior}` of `{subject}`\n  \
                     leave one out, or say how they combine: {second} = {{ file = \"…\", combine = \"sum\" }} \
                     (sum, product or priority; pairs only sum)"
                ));
            }
            if clock != other {
                return Err(format!(
                    "E-CONFLICT: rules `{first}` (every {clock} min) and `{second}` (every {other} min) both \
                     write `{behavior}` of `{subject}`\n  give them one clock"
                ));
            }
        }
    }
    Ok(())
}
