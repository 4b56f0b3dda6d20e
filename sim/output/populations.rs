//! `populations.csv`: how many cells of each type live and how many are dead, one row a type and frame.

use std::path::Path;

use super::folder::Part;
use super::{Error, Frame, Output};
use crate::scenario::Scenario;

struct Populations {
    types: Vec<String>,
    table: csv::Writer<Part>,
}

/// Starts `populations.csv`.
///
/// # Errors
/// When the file cannot be made.
pub fn open(scenario: &Scenario, folder: &Path) -> Result<Box<dyn Output>, Error> {
    let part = Part::create(folder, "populations.csv")?;
    let mut populations = Populations {
        types: scenario
            .cell_types
            .iter()
            .map(|cell_type| cell_type.name.clone())
            .collect(),
        table: csv::Writer::from_writer(part),
    };
    populations.write(&["time_min", "type", "live", "apoptotic", "necrotic"])?;
    Ok(Box::new(populations))
}

impl Populations {
    fn write(&mut self, row: &[&str; 5]) -> Result<(), Error> {
        self.table
            .write_record(row)
            .map_err(|error| Error::because(self.table.get_ref().path(), &error))
    }
}

impl Output for Populations {
    fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let time = frame.time.to_string();
        let counts = frame.cells.counts(self.types.len());
        for (number, counts) in counts.iter().enumerate() {
            let [live, apoptotic, necrotic] = counts.map(|count| count.to_string());
            let name = self.types[number].clone();
            self.write(&[&time, &name, &live, &apoptotic, &necrotic])?;
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
