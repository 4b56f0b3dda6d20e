//! `readouts.parquet`: what the readouts say, one row a number or a point of a curve; a row group a
//! frame. What is told at the end of a run is in the last.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, StringArray};
use arrow_schema::{DataType, Field};

use super::table::{self, Table};
use super::{Error, Frame, Output};
use crate::readouts::Row;
use crate::scenario::Scenario;

struct Readouts {
    table: Table,
    names: Arc<StringArray>,
    /// All units, each once.
    units: Arc<StringArray>,
    /// `[readout]`: numbers of its unit and, for a curve, of the unit of what it runs along.
    units_of: Vec<(u16, Option<u16>)>,
}

/// Starts `readouts.parquet`.
///
/// # Errors
/// When the file cannot be made.
pub fn open(scenario: &Scenario, folder: &Path) -> Result<Box<dyn Output>, Error> {
    let fields = vec![
        table::quantity("time_min", "min"),
        table::category("name", false),
        Field::new("coordinate", DataType::Float64, true),
        table::category("coordinate_unit", true),
        Field::new("value", DataType::Float64, true),
        table::category("unit", false),
        Field::new("censored", DataType::Boolean, false),
    ];
    let readouts = &scenario.readouts;
    let mut units: Vec<String> = Vec::new();
    let mut number = |unit: String| {
        let known = units.iter().position(|known| *known == unit);
        known.unwrap_or_else(|| {
            units.push(unit);
            units.len() - 1
        }) as u16
    };
    let units_of = readouts.iter().map(|readout| {
        let unit = readout.measure.unit(&readout.asked, scenario);
        let along = readout.measure.along;
        (number(unit), along.map(|along| number(along.into())))
    });
    let units_of = units_of.collect();
    Ok(Box::new(Readouts {
        table: Table::create(&scenario.name, folder, "readouts.parquet", fields)?,
        names: table::words(readouts.iter().map(|it| it.name.as_str())),
        units: table::words(units.iter().map(String::as_str)),
        units_of,
    }))
}

impl Output for Readouts {
    fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let rows = frame.readouts;
        let column = |value: fn(&Row) -> Option<f64>| -> ArrayRef {
            Arc::new(rows.iter().map(value).collect::<Float64Array>())
        };
        let units = |row: &Row| self.units_of[usize::from(row.readout)];
        let columns = vec![
            table::quantities(rows.iter().map(|_| frame.time)),
            table::categories(rows.iter().map(|row| Some(row.readout)), &self.names),
            column(|row| row.point.coordinate),
            table::categories(rows.iter().map(|row| units(row).1), &self.units),
            column(|row| row.point.value),
            table::categories(rows.iter().map(|row| Some(units(row).0)), &self.units),
            Arc::new(BooleanArray::from_iter(
                rows.iter().map(|row| Some(row.point.censored)),
            )),
        ];
        self.table.write(columns)
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>, Error> {
        Ok(vec![self.table.finish()?])
    }
}
