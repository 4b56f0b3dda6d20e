//! From statements to rules: those on one behavior are put together and checked against each
//! other and the scenario, then behaviors of one subject and clock become one rule.

use super::Source;
use super::rule::{Step, Written};
use super::saturate::{Saturation, Term};
use super::settle::{Context, Settled};
use super::statement::{Statement, signal_name};
use crate::{
    Error, Kind, Occasion, Read, Reduce, Rule, Side, Signature, Subject, Target, Vocabulary, Write,
};

/// Puts statements together.
///
/// # Errors
/// The first contradiction.
pub fn rules(
    statements: &[Statement],
    sources: &[Source<'_>],
    vocabulary: &Vocabulary,
) -> Result<Vec<Box<dyn Rule>>, Error> {
    let mut groups: Vec<Vec<&Statement>> = Vec::new();
    for statement in statements {
        let same = |group: &&mut Vec<&Statement>| {
            group[0].subject == statement.subject
                && group[0].behavior == statement.behavior
                // PhysiCell keeps the synonyms of a behavior apart.
                && name(group[0]) == name(statement)
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
                // Rows in PhysiCell's usage see what those before them have written.
                && name(object[0].statements[0]).is_some()
                    == name(settled.statements[0]).is_some()
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
    let mut writes: Vec<Write> = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    for behavior in settled {
        let write = write(behavior, vocabulary);
        let dead = write.applies_to_dead;
        let earlier = writes.iter().position(|other| other.target == write.target);
        match earlier {
            Some(column) => writes[column].applies_to_dead |= dead,
            None => writes.push(write),
        }
        steps.push(Step {
            saturation: Saturation {
                base: behavior.base,
                up: terms(behavior, true, &mut reads),
                down: terms(behavior, false, &mut reads),
            },
            column: earlier.unwrap_or(writes.len() - 1),
            again: earlier.is_some(),
            dead,
            echo: None,
        });
    }
    if settled[0].statements[0].row.is_some() {
        echo(&mut steps, settled, &reads, vocabulary);
    }
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
        occasion: Occasion::Clock,
        graph: None,
        reads,
        writes,
        clock: every,
        noise: None,
        combine: settled[0].combine,
    };
    Written::new(signature, steps, names, description, provenance)
}

/// The name under which PhysiCell keeps a row's behavior.
fn name(statement: &Statement) -> Option<&str> {
    statement.row.as_ref().map(|row| row.behavior.as_str())
}

/// Lets steps find what an earlier one has written to a number that is a behavior and a signal at
/// once, such as a custom number. Copies `Hypothesis_Rule::apply` of PhysiCell, which writes each
/// behavior before it looks at the next.
fn echo(steps: &mut [Step], settled: &[Settled<'_>], reads: &[Read], vocabulary: &Vocabulary) {
    for (number, behavior) in settled.iter().enumerate() {
        let name = &behavior.statements[0].entry(vocabulary).name;
        let signal = vocabulary.signals.number(name);
        let read = reads.iter().position(|read| Some(read.signal) == signal);
        steps[number].echo = read.filter(|read| {
            let reads_it = |step: &Step| {
                let mut terms = step.saturation.up.iter().chain(&step.saturation.down);
                terms.any(|term| term.factors.contains(read))
            };
            steps[number + 1..].iter().any(reads_it)
        });
    }
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
        .filter(|statement| !statement.row.as_ref().is_some_and(|row| row.mute))
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
        reduce: Reduce::Sum,
    }
}
