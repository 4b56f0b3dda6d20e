//! `cells.parquet`: every cell of every frame; one row group a frame, so that a reader can skip to a time.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{StringArray, UInt64Array};
use arrow_schema::{DataType, Field};

use super::table::{self, Table};
use super::{Column, Error, Frame, Output, Vitality};
use crate::scenario::Scenario;

const NAME: &str = "cells.parquet";

struct Cells {
    scenario: String,
    folder: PathBuf,
    /// Open from the first frame on, which tells the units of the further columns.
    table: Option<Table>,
    types: Arc<StringArray>,
    states: Arc<StringArray>,
}

/// Starts `cells.parquet`.
///
/// # Errors
/// None; the file is made with the first frame.
pub fn open(scenario: &Scenario, folder: &Path) -> Result<Box<dyn Output>, Error> {
    Ok(Box::new(Cells {
        scenario: scenario.name.clone(),
        folder: folder.to_owned(),
        table: None,
        types: table::words(scenario.cell_types.iter().map(|it| it.name.as_str())),
        states: table::words(Vitality::ALL.iter().map(|state| state.name())),
    }))
}

impl Cells {
    fn create(&self, extra: &[Column]) -> Result<Table, Error> {
        let mut fields = vec![
            table::quantity("time_min", "min"),
            Field::new("id", DataType::UInt64, false),
            table::category("type", false),
            table::category("state", false),
            table::quantity("x_um", "µm"),
            table::quantity("y_um", "µm"),
            table::quantity("z_um", "µm"),
            table::quantity("radius_um", "µm"),
        ];
        fields.extend(extra.iter().map(|it| table::quantity(&it.name, &it.unit)));
        let mut seen = HashSet::new();
        if let Some(twice) = fields.iter().find(|field| !seen.insert(field.name())) {
            let reason = format!(
                "two columns are called `{}`; take one out of the scenario's cell_columns",
                twice.name()
            );
            return Err(Error::new(&self.folder.join(NAME), reason));
        }
        Table::create(&self.scenario, &self.folder, NAME, fields)
    }
}

impl Output for Cells {
    fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let cells = frame.cells;
        let mut table = match self.table.take() {
            Some(table) => table,
            None => self.create(&cells.extra)?,
        };
        let at = |axis: usize| table::quantities(cells.position.iter().map(move |it| it[axis]));
        let mut columns = vec![
            table::quantities(cells.id.iter().map(|_| frame.time)),
            Arc::new(UInt64Array::from(cells.id.clone())),
            table::categories(cells.cell_type.iter().map(|it| Some(*it)), &self.types),
            table::categories(cells.state.iter().map(|it| Some(*it as u16)), &self.states),
            at(0),
            at(1),
            at(2),
            table::quantities(cells.radius.iter().copied()),
        ];
        for column in &cells.extra {
            columns.push(table::quantities(column.values.iter().copied()));
        }
        table.write(columns)?;
        self.table = Some(table);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>, Error> {
        self.table
            .map(Table::finish)
            .transpose()
            .map(|name| name.into_iter().collect())
    }
}
