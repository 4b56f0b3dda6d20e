//! Who may read what models record: rules read what decoders record, in the step they record it.

use rules::{Occasion, Rule, Side, Subject, Target, dictionary::normal};

use crate::{
    dictionary::{Signal, Table},
    scenario::Scenario,
};

/// Refuses rules that read what is no decoder's, or what a decoder would not have recorded by then,
/// and two models that record one number.
pub fn check(rules: &[Box<dyn Rule>], table: &Table, scenario: &Scenario) -> Result<(), String> {
    for (number, rule) in rules.iter().enumerate() {
        check_written(rule.as_ref(), &rules[..number], table)?;
        let signature = rule.signature();
        let reads = signature.reads.iter();
        for read in reads.filter(|read| read.side != Side::Pair) {
            if let Signal::Recorded(_) = table.signals[read.signal] {
                let name = &table.vocabulary.signals.entry(read.signal).name;
                check_read(rule.as_ref(), name, rules, scenario)
                    .map_err(|message| format!("rules `{}` {message}", signature.source))?;
            }
        }
    }
    Ok(())
}

/// Whether a rule records a number of this name.
fn records(rule: &dyn Rule, name: &str) -> bool {
    let mut writes = rule.signature().writes.iter();
    writes.any(|write| match &write.target {
        Target::Readout(other) => normal(other) == normal(name),
        _ => false,
    })
}

/// Types whose cells a rule records numbers of.
fn types(rule: &dyn Rule) -> &[usize] {
    match &rule.signature().subject {
        Subject::Cell { types } => types,
        Subject::Dyad { .. } => &[],
    }
}

fn check_written(rule: &dyn Rule, others: &[Box<dyn Rule>], table: &Table) -> Result<(), String> {
    let signature = rule.signature();
    let own = types(rule);
    for write in &signature.writes {
        let Target::Readout(name) = &write.target else {
            continue;
        };
        for other in others.iter().filter(|other| records(other.as_ref(), name)) {
            let theirs = types(other.as_ref());
            if let Some(kind) = own.iter().find(|kind| theirs.contains(kind)) {
                let (one, other) = (&other.signature().source, &signature.source);
                let kind = &table.vocabulary.types[*kind];
                return Err(format!(
                    "E-CONFLICT: rules `{one}` and `{other}` both record `{name}` of `{kind}`\n  \
                     leave one out"
                ));
            }
        }
    }
    Ok(())
}

fn check_read(
    rule: &dyn Rule,
    name: &str,
    rules: &[Box<dyn Rule>],
    scenario: &Scenario,
) -> Result<(), String> {
    let signature = rule.signature();
    let clock = match signature.occasion {
        Occasion::Clock => signature.clock,
        Occasion::Division => scenario.clocks.phenotype,
        Occasion::Decoding => {
            return Err(format!(
                "read `{name}`, but decoders read the tissue and not each other\n  \
                 let one model give both numbers"
            ));
        }
        Occasion::Entry => {
            return Err(format!(
                "read `{name}`, but nothing is recorded of a cell that enters\n  \
                 let the encoder read the tissue"
            ));
        }
    };
    for model in rules.iter().filter(|rule| records(rule.as_ref(), name)) {
        let recorder = model.signature();
        let source = &recorder.source;
        if recorder.occasion != Occasion::Decoding {
            return Err(format!(
                "read `{name}`, which `{source}` records while it acts; what it would be in the \
                 same step depends on who is asked first\n  \
                 rules can read what a model of form `decoder` records; of others, outputs can \
                 show it: cell_columns = [\"{name}\"]"
            ));
        }
        let ticks = |time: f64| scenario.clocks.ticks(time).max(1);
        if !ticks(clock).is_multiple_of(ticks(recorder.clock)) {
            return Err(format!(
                "read `{name}` every {clock} min, but `{source}` records it every {} min\n  \
                 give one of them another clock, so that whoever reads does it in a step in which \
                 it is recorded",
                recorder.clock
            ));
        }
    }
    Ok(())
}
