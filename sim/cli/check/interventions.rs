//! Interventions as `milieu check` prints them: what is done, and when.

use std::fmt::Write;

use sim::scenario::{Action, Intervention, Scenario, Schedule};

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
            format!(
                "{} {} of {} in {}",
                number(*dose),
                substrate.unit,
                substrate.name,
                place(region)
            )
        }
        Action::Drug { drug, dose } => {
            let drug = &scenario.drugs[*drug];
            let fate = match drug.half_life {
                Some(half_life) => format!("half-life {} min", number(half_life)),
                None => "which stays".to_owned(),
            };
            format!(
                "{} {} of drug:{}, {fate}",
                number(*dose),
                drug.unit,
                drug.name
            )
        }
    }
}

fn when(schedule: &Schedule) -> String {
    let over = match schedule.over {
        0.0 => String::new(),
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
