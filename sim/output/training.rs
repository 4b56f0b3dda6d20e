//! `SITE/RUN.parquet`: training rows of one run, as `milieu record` writes them.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field};

use super::table::{self, Table};
use super::{Error, Word};
use crate::recorder::{Column, Rows, Site};

/// What all rows of a run share.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Number of the run in the data set.
    pub run: u32,
    /// Its seed.
    pub seed: u64,
    /// Of the scenario with all its settings, lower-case hex.
    pub scenario: String,
    /// Which part of the data it belongs to.
    pub split: String,
}

/// A file that grows.
pub struct Shard {
    table: Table,
    origin: Origin,
    types: Arc<StringArray>,
    is_of_cells: bool,
}

impl Shard {
    /// Starts the file of one run and site.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(
        folder: &Path,
        name: &str,
        scenario: &str,
        types: &[&str],
        site: &Site,
        origin: Origin,
    ) -> Result<Shard, Error> {
        Ok(Shard {
            table: Table::create(
                scenario,
                folder,
                name,
                fields(&site.columns, site.is_of_cells()),
            )?,
            origin,
            types: table::words(types.iter().copied()),
            is_of_cells: site.is_of_cells(),
        })
    }

    /// Adds rows, as a row group.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&mut self, rows: &Rows) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let count = rows.len();
        let mut words: Vec<Word> = rows.event.iter().flatten().copied().collect();
        words.sort_unstable();
        words.dedup();
        let word = |event: &Option<Word>| {
            let at = words.binary_search(&(*event)?);
            at.ok().map(|at| at as u16)
        };
        let numbers = |values: &[f64]| table::quantities(values.iter().copied());
        let same = |text: &str| {
            let list = table::words(std::iter::once(text));
            table::categories(std::iter::repeat_n(Some(0), count), &list)
        };
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from_value(self.origin.run, count)),
            Arc::new(UInt64Array::from_value(self.origin.seed, count)),
            same(&self.origin.scenario),
            same(&self.origin.split),
            numbers(&rows.time),
            Arc::new(UInt64Array::from_iter_values(rows.cell.iter().copied())),
        ];
        if !self.is_of_cells {
            columns.push(Arc::new(UInt64Array::from(rows.partner.clone())));
        }
        columns.push(table::categories(
            rows.cell_type.iter().map(|kind| Some(*kind)),
            &self.types,
        ));
        columns.extend(rows.numbers.iter().map(|values| numbers(values)));
        columns.push(table::categories(
            rows.event.iter().map(word),
            &table::words(words.iter().copied()),
        ));
        columns.push(Arc::new(Float64Array::from(rows.event_time.clone())));
        columns.push(numbers(&rows.exposure));
        columns.push(numbers(&rows.weight));
        self.table.write(columns)
    }

    /// Completes the file; its name.
    ///
    /// # Errors
    /// When the rest cannot be written.
    pub fn finish(self) -> Result<String, Error> {
        self.table.finish()
    }
}

fn fields(columns: &[Column], is_of_cells: bool) -> Vec<Field> {
    let mut fields = vec![
        Field::new("run", DataType::UInt32, false),
        Field::new("seed", DataType::UInt64, false),
        table::category("scenario", false),
        table::category("split", false),
        table::quantity("time_min", "min"),
        Field::new("cell", DataType::UInt64, false),
    ];
    if !is_of_cells {
        fields.push(Field::new("partner", DataType::UInt64, true));
    }
    fields.push(table::category("cell_type", false));
    fields.extend(columns.iter().map(|it| table::quantity(&it.name, &it.unit)));
    fields.push(table::category("event", true));
    fields.push(table::quantity("event_time_min", "min").with_nullable(true));
    fields.push(table::quantity("exposure_min", "min"));
    fields.push(table::quantity("weight", "1"));
    fields
}
