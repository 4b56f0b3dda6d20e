//! From statements to rules: those on one behavior are put together and checked against each
//! other and the scenario, then behaviors of one subject and clock become one rule.

use super::rule::Written;
use super::saturate::{Saturation, Term};
use super::settle::{Context, Settled};
use super::statement::{Statement, signal_name};
use super::{Saturate, Source};
use crate::{Error, Kind, Read, Rule, Side, Signature, Subject, Target, Vocabulary, Write};

/// Puts statements together.
///
/// # Errors
/// The first contradiction.
pub fn rules(
    statements: &[Statement],
    sources: &[Source<'_>],
    vocabulary: &Vocabulary,
    saturate: Saturate,
) -> Result<Vec<Box<dyn Rule>>, Error> {
    // The only semantics so far; a second one would hand other plans to `Written`.
    let Saturate::OwnExtremes = saturate;
    let mut groups: Vec<Vec<&Statement>> = Vec::new();
    for statement in statements {
        let same = |group: &&mut Vec<&Statement>| {
            group[0].subject == statement.subject && group[0].behavior == statement.behavior
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(statement),
            None => groups.push(vec![statement]),
        }
    }
    let context = Context {
        sources,
        vocabulary,
    };
    let mut objects: Vec<Vec<Settled<'_>>> = Vec::new();
    for group in groups {
        let settled = context.settle(group)?;
        let same = |object: &&mut Vec<Settled<'_>>| {
            object[0].statements[0].subject == settled.statements[0].subject
                && object[0].clock.0 == settled.clock.0
                && object[0].combine == settled.combine
        };
        match objects.iter_mut().find(same) {
            Some(object) => object.push(settled),
            None => objects.push(vec![settled]),
        }
    }
    Ok(objects
        .into_iter()
        .map(|object| Box::new(rule(&object, sources, vocabulary)) as Box<dyn Rule>)
        .collect())
}

/// One rule of behaviors that share subject, clock and way of combining.
fn rule(settled: &[Settled<'_>], sources: &[Source<'_>], vocabulary: &Vocabulary) -> Written {
    let mut reads: Vec<Read> = Vec::new();
    let plans = settled
        .iter()
        .map(|behavior| Saturation {
            base: behavior.base,
            up: terms(behavior, true, &mut reads),
            down: terms(behavior, false, &mut reads),
        })
        .collect();
    let statements = || settled.iter().flat_map(|behavior| &behavior.statements);
    let mut from: Vec<usize> = statements().map(|statement| statement.source).collect();
    from.sort_unstable();
    from.dedup();
    let names: Vec<&str> = from
        .iter()
        .map(|source| sources[*source].binding.name.as_str())
        .collect();
    let mut provenance = sources[from[0]].provenance();
    provenance.name = names.join(" + ");
    let (_, every) = settled[0].clock;
    let description = settled
        .iter()
        .flat_map(|behavior| {
            let describe = move |statement: &&Statement| {
                statement.describe(vocabulary, behavior.base, behavior.size, every)
            };
            behavior.statements.iter().map(describe)
        })
        .collect();
    let names = reads
        .iter()
        .map(|read| signal_name(read, vocabulary))
        .collect();
    let signature = Signature {
        source: sources[from[0]].binding.name.clone(),
        subject: settled[0].statements[0].subject.clone(),
        reads,
        writes: settled
            .iter()
            .map(|behavior| write(behavior, vocabulary))
            .collect(),
        clock: every,
        noise: None,
        combine: settled[0].combine,
    };
    Written::new(signature, plans, names, description, provenance)
}

/// The terms of one direction, with the columns they read added to `reads`.
fn terms(behavior: &Settled<'_>, increases: bool, reads: &mut Vec<Read>) -> Vec<Term> {
    let mut column = |read: &Read| {
        let known = reads.iter().position(|other| other == read);
        known.unwrap_or_else(|| {
            reads.push(read.clone());
            reads.len() - 1
        })
    };
    behavior
        .statements
        .iter()
        .filter(|statement| statement.increases == increases)
        .map(|statement| Term {
            factors: statement.signals.iter().map(&mut column).collect(),
            response: statement.response,
            extreme: statement.towards,
            dead: statement.dead,
        })
        .collect()
}

/// Where the values of a behavior go.
fn write(behavior: &Settled<'_>, vocabulary: &Vocabulary) -> Write {
    let first = behavior.statements[0];
    let is_cell = matches!(first.subject, Subject::Cell { .. });
    let (side, kind) = if first.is_hit(vocabulary) {
        let size = behavior.size;
        (Side::B, Kind::Hit { size })
    } else {
        let side = if is_cell { Side::Cell } else { Side::Pair };
        let kind = if first.entry(vocabulary).is_event_rate {
            Kind::Rate
        } else {
            Kind::Parameter { relaxation: None }
        };
        (side, kind)
    };
    Write {
        side,
        target: if is_cell {
            Target::Behavior(first.behavior)
        } else {
            Target::PairBehavior(first.behavior)
        },
        kind,
        applies_to_dead: behavior.statements.iter().any(|statement| statement.dead),
    }
}
