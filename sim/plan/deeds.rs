//! What a pair in contact may do, and which outputs of rules say so.

use rules::{Kind, Rule, Side, Subject, Target, Write};

use crate::{
    cell::Vitality,
    dictionary::{Behavior, Table, pair},
};

/// What a pair may do, with the damage or meaning of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Deed {
    /// Damage on a cell.
    Hit {
        /// Who takes it.
        on: Side,
        /// Damage.
        size: f64,
    },
    /// The acting cell lets go.
    Detach,
    /// A cell dies.
    Die {
        /// Which.
        who: Side,
        /// How.
        how: Vitality,
    },
    /// A cell becomes another type.
    Become {
        /// Which.
        who: Side,
        /// The new type.
        what: u16,
    },
}

impl Deed {
    /// What an output of a pair rule does, if it is more than a readout.
    pub fn of(write: &Write, table: &Table) -> Option<Deed> {
        match (&write.target, &write.kind) {
            (Target::PairBehavior(pair::HIT), Kind::Hit { size }) => Some(Deed::Hit {
                on: write.side,
                size: *size,
            }),
            (Target::PairBehavior(pair::DETACH), Kind::Rate) => Some(Deed::Detach),
            (Target::Behavior(number), Kind::Rate) => match table.behaviors[*number] {
                Behavior::Death(how) => Some(Deed::Die {
                    who: write.side,
                    how,
                }),
                Behavior::Transformation(what) => Some(Deed::Become {
                    who: write.side,
                    what: what as u16,
                }),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Whether an output of a pair changes one of its cells.
pub fn is_change(write: &Write) -> bool {
    matches!(
        (&write.target, &write.kind, write.side),
        (Target::Behavior(_), Kind::Delta { .. }, Side::A | Side::B)
    )
}

/// Refuses outputs of pair rules that the engine could not carry out.
pub fn check_writes(rules: &[Box<dyn Rule>], table: &Table) -> Result<(), String> {
    for rule in rules {
        let signature = rule.signature();
        if !matches!(signature.subject, Subject::Dyad { .. }) {
            continue;
        }
        for write in &signature.writes {
            let name = match &write.target {
                Target::Readout(_) => continue,
                Target::Behavior(number) => &table.vocabulary.behaviors.entry(*number).name,
                Target::PairBehavior(number) => {
                    &table.vocabulary.pair_behaviors.entry(*number).name
                }
            };
            if Deed::of(write, table).is_none() && !is_change(write) {
                return Err(format!(
                    "rules `{}`: `{name}` is nothing that a pair can do at this rate or in this way\n  \
                     a pair writes the rates of `hit`, `detach`, and on its cells those of `apoptosis`, \
                     `necrosis` and `transform to …`, and changes of their other behaviors",
                    signature.source
                ));
            }
        }
    }
    Ok(())
}
