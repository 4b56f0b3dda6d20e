//! What rules, and what they write, are called in ledgers and messages.

use crate::{Kind, Side, Signature, Subject, Target, Vocabulary, Write};

/// The names of a rule's outputs; the same on the two cells of a pair are told apart.
pub fn output_names(signature: &Signature, vocabulary: &Vocabulary) -> Vec<String> {
    let name = |write: &Write| {
        let is_other = |other: &&Write| other.target == write.target;
        match signature.writes.iter().filter(is_other).count() {
            1 => behavior_name(write, vocabulary).to_owned(),
            _ => target_name(write, vocabulary),
        }
    };
    signature.writes.iter().map(name).collect()
}

fn behavior_name<'a>(write: &'a Write, vocabulary: &'a Vocabulary) -> &'a str {
    match &write.target {
        Target::Behavior(number) => &vocabulary.behaviors.entry(*number).name,
        Target::PairBehavior(number) => &vocabulary.pair_behaviors.entry(*number).name,
        Target::Readout(name) => name,
    }
}

pub(super) fn target_name(write: &Write, vocabulary: &Vocabulary) -> String {
    let name = behavior_name(write, vocabulary);
    match write.side {
        Side::A => format!("{name} on a"),
        Side::B => format!("{name} on b"),
        Side::ChildA => format!("{name} of child_a"),
        Side::ChildB => format!("{name} of child_b"),
        _ => name.to_owned(),
    }
}

pub(super) fn subject_name(subject: &Subject, vocabulary: &Vocabulary) -> String {
    let name = |kind: usize| format!("`{}`", vocabulary.types[kind]);
    match subject {
        Subject::Cell { types } => {
            let names: Vec<String> = types.iter().map(|&kind| name(kind)).collect();
            names.join(", ")
        }
        Subject::Dyad { a, b } => format!("{} on {}", name(*a), name(*b)),
    }
}

pub(super) fn kind_name(kind: &Kind) -> String {
    match kind {
        Kind::Rate => "rate".into(),
        Kind::Parameter { .. } => "value".into(),
        Kind::Delta { .. } => "change".into(),
        Kind::Hit { size } => format!("hit of {size}"),
        Kind::Readout => "readout".into(),
    }
}
