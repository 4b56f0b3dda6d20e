//! `secretion.parquet`: what is in each loaded compartment over time, one row a compartment, substrate
//! and frame; a row group a frame. It comes with the dyad table where there are substrates.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, StringArray, UInt64Array};
use arrow_schema::{DataType, Field};

use super::table::{self, Table};
use super::{Error, Frame};
use crate::scenario::{Place, Scenario};

pub(super) struct Secretion {
    table: Table,
    /// Numbers of the loaded compartments, in the order of the scenario.
    compartments: Vec<u64>,
    names: Arc<StringArray>,
    units: Arc<StringArray>,
    /// µm³: a compartment is one voxel, and mixed.
    voxel: f64,
}

impl Secretion {
    /// Starts the file; none where no substrate can be in a compartment.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn open(scenario: &Scenario, folder: &Path) -> Result<Option<Secretion>, Error> {
        let loads = scenario.cells.iter().filter_map(|it| match &it.place {
            Place::Compartments(load) => Some(load.first..load.first + load.compartments),
            _ => None,
        });
        let compartments: Vec<u64> = loads.flatten().collect();
        if compartments.is_empty() || scenario.substrates.is_empty() {
            return Ok(None);
        }
        let fields = vec![
            table::quantity("time_min", "min"),
            Field::new("compartment_id", DataType::UInt64, false),
            table::category("substrate", false),
            Field::new("amount", DataType::Float64, false),
            table::category("unit", false),
        ];
        let substrates = &scenario.substrates;
        let units: Vec<String> = substrates
            .iter()
            .map(|it| format!("{} µm³", it.unit))
            .collect();
        Ok(Some(Secretion {
            table: Table::create(&scenario.name, folder, "secretion.parquet", fields)?,
            compartments,
            names: table::words(substrates.iter().map(|it| it.name.as_str())),
            units: table::words(units.iter().map(String::as_str)),
            voxel: scenario.domain.voxel.iter().product(),
        }))
    }

    /// Adds what a frame shows.
    pub fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let (wells, substrates) = (&self.compartments, self.names.len());
        let voxels = frame.fields.len() / substrates;
        let rows = || (0..substrates).flat_map(|it| wells.iter().map(move |&well| (it, well)));
        let numbers = || rows().map(|(it, _)| Some(it as u16));
        let amount = |(it, well)| self.voxel * frame.fields[it * voxels + well as usize];
        let amounts: ArrayRef = Arc::new(Float64Array::from_iter_values(rows().map(amount)));
        self.table.write(vec![
            table::quantities(rows().map(|_| frame.time)),
            Arc::new(UInt64Array::from_iter_values(rows().map(|it| it.1))),
            table::categories(numbers(), &self.names),
            amounts,
            table::categories(numbers(), &self.units),
        ])
    }

    /// Writes the end of the file.
    pub fn finish(self) -> Result<String, Error> {
        self.table.finish()
    }
}
