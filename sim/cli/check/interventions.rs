//! Interventions as `milieu check` prints them: what is done, and when.

use std::fmt::Write;

use sim::scenario::{Action, Intervention, Scenario, Schedule, To};

use super::{number, place};

/// All of them, a line each.
pub fn describe(text: &mut String, scenario: &Scenario) -> std::fmt::Result {
    if !scenario.interventions.is_empty() {
        writeln!(text, "\ninterventions")?;
    }
    for intervention in &scenario.interventions {
        let Intervention { name, schedule, .. } = intervention;
        let what = what(&intervention.action, scenario);
        writeln!(text, "  {name}: {what}, {}", when(schedule))?;
    }
    Ok(())
}

fn what(action: &Action, scenario: &Scenario) -> String {
    match action {
        Action::Cells {
            cell_type,
            dose,
            region,
        } => {
            let name = &scenario.cell_types[*cell_type].name;
            format!("{dose} {name} in {}", place(region))
        }
        Action::Substrate {
            substrate,
            dose,
            region,
        } => {
            let substrate = &scenario.substrates[*substrate];
            let amount = amount(*dose, &substrate.unit.to_string());
            format!("{amount} of {} in {}", substrate.name, place(region))
        }
        Action::Drug { drug, dose } => {
            let drug = &scenario.drugs[*drug];
            let fate = match drug.half_life {
                Some(half_life) => format!("half-life {} min", number(half_life)),
                None => "which stays".to_owned(),
            };
            let amount = amount(*dose, &drug.unit.to_string());
            format!("{amount} of drug:{}, {fate}", drug.name)
        }
        Action::Change {
            types,
            behavior,
            to,
        } => format!("{} of {}", comes_to(behavior, *to), names(types, scenario)),
        Action::Edit {
            types,
            region,
            penetrance,
            becomes,
            numbers,
        } => {
            let becomes = becomes.map(|kind| format!("become {}", scenario.cell_types[kind].name));
            let numbers = numbers.iter().map(|(name, to)| comes_to(name, *to));
            let all: Vec<String> = becomes.into_iter().chain(numbers).collect();
            let names = names(types, scenario);
            let share = match penetrance {
                1.0 => String::new(),
                share => format!("a share of {share} of "),
            };
            format!(
                "edits {share}{names} in {}: {}",
                place(region),
                all.join(", ")
            )
        }
    }
}

fn amount(dose: f64, unit: &str) -> String {
    match unit {
        "1" => number(dose),
        unit => format!("{} {unit}", number(dose)),
    }
}

fn comes_to(name: &str, to: To) -> String {
    match to {
        To::Factor(factor) => format!("{name} × {}", number(factor)),
        To::Value(value) => format!("{name} = {}", number(value)),
    }
}

fn names(types: &[usize], scenario: &Scenario) -> String {
    let names = types
        .iter()
        .map(|&kind| scenario.cell_types[kind].name.as_str());
    names.collect::<Vec<_>>().join(", ")
}

fn when(schedule: &Schedule) -> String {
    let over = match schedule.over {
        0.0 => String::new(),
        f64::INFINITY => " to the end".to_owned(),
        over => format!(" over {} min", number(over)),
    };
    let start = number(schedule.start);
    match schedule.every {
        Some(every) => format!(
            "{} times every {} min from {start} min on{}",
            schedule.doses,
            number(every),
            if over.is_empty() {
                over
            } else {
                format!(", each{over}")
            }
        ),
        None => format!("at {start} min{over}"),
    }
}
