//! `interventions.csv`: what was done from outside, one row a dose, in the order in which they began.

use std::path::Path;

use super::folder::Part;
use super::{Error, Frame, Output};
use crate::scenario::{Action, Scenario, To};

struct Interventions {
    /// `[intervention]`: name, action, agent, dose, unit.
    rows: Vec<[String; 5]>,
    table: csv::Writer<Part>,
}

/// Starts `interventions.csv`.
///
/// # Errors
/// When the file cannot be made.
pub fn open(scenario: &Scenario, folder: &Path) -> Result<Box<dyn Output>, Error> {
    let rows = scenario.interventions.iter().map(|intervention| {
        let (action, agent, dose, unit) = match &intervention.action {
            Action::Cells {
                cell_type, dose, ..
            } => {
                let name = &scenario.cell_types[*cell_type].name;
                ("cells", name, dose.to_string(), "1".to_owned())
            }
            Action::Substrate {
                substrate, dose, ..
            } => {
                let substrate = &scenario.substrates[*substrate];
                let unit = substrate.unit.to_string();
                ("substrate", &substrate.name, dose.to_string(), unit)
            }
            Action::Drug { drug, dose } => {
                let drug = &scenario.drugs[*drug];
                ("drug", &drug.name, dose.to_string(), drug.unit.to_string())
            }
            Action::Change { behavior, to, .. } => match to {
                To::Factor(factor) => ("factor", behavior, factor.to_string(), "1".to_owned()),
                To::Value(value) => ("value", behavior, value.to_string(), String::new()),
            },
            Action::Edit { penetrance, .. } => {
                let name = &intervention.name;
                ("edit", name, penetrance.to_string(), "1".to_owned())
            }
        };
        let name = intervention.name.clone();
        [name, action.to_owned(), agent.clone(), dose, unit]
    });
    let mut interventions = Interventions {
        rows: rows.collect(),
        table: csv::Writer::from_writer(Part::create(folder, "interventions.csv")?),
    };
    let header = [
        "time_min",
        "intervention",
        "number",
        "action",
        "agent",
        "dose",
        "unit",
        "cells",
    ];
    interventions.write(header)?;
    Ok(Box::new(interventions))
}

impl Interventions {
    fn write(&mut self, row: [&str; 8]) -> Result<(), Error> {
        self.table
            .write_record(row)
            .map_err(|error| Error::because(self.table.get_ref().path(), &error))
    }
}

impl Output for Interventions {
    fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        for dose in frame.doses {
            let (time, number) = (dose.time.to_string(), (dose.number + 1).to_string());
            let [name, action, agent, amount, unit] = self.rows[dose.intervention].clone();
            let cells = dose.cells.map_or(String::new(), |cells| cells.to_string());
            self.write([
                &time, &name, &number, &action, &agent, &amount, &unit, &cells,
            ])?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>, Error> {
        let path = self.table.get_ref().path().to_owned();
        let part = self
            .table
            .into_inner()
            .map_err(|error| Error::because(&path, error.error()))?;
        Ok(vec![part.finish()?])
    }
}
