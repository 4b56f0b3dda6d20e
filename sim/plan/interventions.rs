//! Interventions that set numbers of cells, bound to the names of these numbers.

use rules::{Kind, Rule, Side, Subject, Target, Write};

use super::deeds::is_change;
use crate::{
    dictionary::{Behavior, Table},
    scenario::{Action, Scenario, To},
};

/// A number that an intervention sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    /// The intervention, by number.
    pub intervention: usize,
    /// Types that it is set of.
    pub types: Vec<usize>,
    /// The number.
    pub behavior: usize,
    /// To what.
    pub to: To,
}

/// Numbers that interventions set, for a time or for good.
#[derive(Debug, Clone, Default)]
pub struct Sets {
    /// For as long as the intervention is on, in the order of the scenario.
    pub changes: Vec<Set>,
    /// Behaviors that some change sets, ascending.
    pub changed: Vec<usize>,
    /// For good, in the order of the scenario.
    pub edits: Vec<Set>,
}

/// Binds changes and edits; those that do nothing are checked and left out.
///
/// # Errors
/// A message with place, culprit and way out.
pub fn sets(scenario: &Scenario, table: &Table, rules: &[Box<dyn Rule>]) -> Result<Sets, String> {
    let mut sets = Sets::default();
    for (number, intervention) in scenario.interventions.iter().enumerate() {
        let (types, numbers, is_edit) = match &intervention.action {
            Action::Change {
                types,
                behavior,
                to,
            } => (types.clone(), vec![(behavior.clone(), *to)], false),
            Action::Edit {
                types,
                numbers,
                becomes,
                ..
            } => {
                let types = becomes.map_or(types.clone(), |becomes| vec![becomes]);
                (types, numbers.clone(), true)
            }
            _ => continue,
        };
        for (name, to) in numbers {
            let place = format!("interventions.\"{}\"", intervention.name);
            let told = |message: String| format!("{place}: {message}");
            let behavior = table.vocabulary.behaviors.find(&name);
            let behavior = behavior.map_err(|error| told(error.to_string()))?;
            let set = Set {
                intervention: number,
                types: types.clone(),
                behavior,
                to,
            };
            check(&set, is_edit, scenario, table, rules).map_err(told)?;
            if intervention.is_null() {
                continue;
            }
            if is_edit {
                sets.edits.push(set);
            } else {
                sets.changed.push(behavior);
                sets.changes.push(set);
            }
        }
    }
    sets.changed.sort_unstable();
    sets.changed.dedup();
    Ok(sets)
}

fn check(
    set: &Set,
    is_edit: bool,
    scenario: &Scenario,
    table: &Table,
    rules: &[Box<dyn Rule>],
) -> Result<(), String> {
    let entry = table.vocabulary.behaviors.entry(set.behavior);
    let name = &entry.name;
    let [low, high] = entry.range;
    if let To::Value(value) = set.to
        && !(low..=high).contains(&value)
    {
        let way = match high {
            f64::INFINITY => "it must not be negative".to_owned(),
            _ => format!("it must lie between {low} and {high}"),
        };
        return Err(format!("`{name}` has no meaning at {value}\n  {way}"));
    }
    if let Behavior::Latent(_) = &table.behaviors[set.behavior] {
        return Err(format!(
            "`{name}` is a component of a latent vector, which only rules write\n  \
             let a written rule write it that reads `time since {}`",
            scenario.interventions[set.intervention].name
        ));
    }
    for &kind in &set.types {
        let cell_type = &scenario.cell_types[kind];
        let kind_name = &cell_type.name;
        if let Behavior::Custom(places) = &table.behaviors[set.behavior] {
            let Some(place) = places[kind] else {
                let key = name.trim_start_matches("custom:");
                return Err(format!(
                    "`{kind_name}` has no number `{name}`\n  \
                     add it to the scenario: [cell_types.\"{kind_name}\".custom] \"{key}\" = 0"
                ));
            };
            if cell_type.custom[place].conserved && !is_edit {
                return Err(format!(
                    "`{name}` is an amount, of which divisions take half, and cannot be given back\n  \
                     edit it with `set` or `scale`, which are for good"
                ));
            }
        }
        if let Some(source) = writer(set.behavior, kind, is_edit, rules) {
            return Err(format!(
                "rules `{source}` write `{name}` of `{kind_name}`, and would undo it\n  \
                 let the rule read `time since {}`, or a `drug:NAME`",
                scenario.interventions[set.intervention].name
            ));
        }
    }
    Ok(())
}

/// The source of a rule that writes a behavior of a type. An edit goes together with one that only
/// changes the number step by step.
fn writer(behavior: usize, kind: usize, is_edit: bool, rules: &[Box<dyn Rule>]) -> Option<&str> {
    rules.iter().find_map(|rule| {
        let signature = rule.signature();
        // Events of pairs are drawn, and nothing of them stays with a cell.
        let is_of = |write: &Write| match &signature.subject {
            Subject::Cell { types } => types.contains(&kind),
            Subject::Dyad { a, b } => {
                is_change(write) && kind == if write.side == Side::A { *a } else { *b }
            }
        };
        let undoes = |kind: &Kind| !(is_edit && matches!(kind, Kind::Delta { .. }));
        let writes = signature.writes.iter().any(|write| {
            write.target == Target::Behavior(behavior) && is_of(write) && undoes(&write.kind)
        });
        writes.then_some(signature.source.as_str())
    })
}
