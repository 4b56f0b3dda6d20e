//! `dyads.parquet` and `dyads.csv`: the dyad table, one row a compartment, written with the last frame.
//!
//! `_a` is the effector and `_b` the target. Times are in min; one that is missing had not come by
//! `censor_t`. `t_death_a` and `t_death_b` are the first deaths, `t_deaths_b` all of targets. Lists
//! are joined by `;` in CSV. What is in both files is the same.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, ListBuilder};
use arrow_array::{ArrayRef, Float64Array, StringArray, UInt64Array};
use arrow_schema::{DataType, Field};

use super::folder::Part;
use super::secretion::Secretion;
use super::table::Table;
use super::{Error, Frame, Output};
use crate::assay::Dyad;
use crate::scenario::{Load, Place, Scenario};

struct Dyads {
    table: Table,
    csv: csv::Writer<Part>,
    secretion: Option<Secretion>,
    /// Of the run, for all rows.
    assay: String,
    /// `[placement]`: how it loads compartments, and the types' names.
    loads: Vec<Option<(Load, [String; 2])>>,
}

/// One column.
enum Values {
    Text(Vec<String>),
    Count(Vec<u64>),
    Number(Vec<Option<f64>>),
    List(Vec<Vec<f64>>),
}

/// Starts both files, and `secretion.parquet` beside them where there are substrates.
///
/// # Errors
/// When one cannot be made.
pub fn open(scenario: &Scenario, folder: &Path) -> Result<Box<dyn Output>, Error> {
    let name = |role: Option<(usize, u32)>| {
        role.map_or(String::new(), |(kind, _)| {
            scenario.cell_types[kind].name.clone()
        })
    };
    let loads = scenario
        .cells
        .iter()
        .map(|placement| match &placement.place {
            Place::Compartments(load) => {
                Some((load.clone(), [name(load.effectors), name(load.targets)]))
            }
            _ => None,
        });
    let fields = fields(scenario);
    let mut csv = csv::Writer::from_writer(Part::create(folder, "dyads.csv")?);
    (csv.write_record(fields.iter().map(Field::name)))
        .map_err(|error| Error::because(csv.get_ref().path(), &error))?;
    Ok(Box::new(Dyads {
        table: Table::create(&scenario.name, folder, "dyads.parquet", fields)?,
        csv,
        secretion: Secretion::open(scenario, folder)?,
        assay: format!("{}, seed {}", scenario.name, scenario.seed),
        loads: loads.collect(),
    }))
}

fn fields(scenario: &Scenario) -> Vec<Field> {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let count = |name: &str, kind: DataType| Field::new(name, kind, false);
    let list = DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)));
    let with_unit = |name: &str, kind: DataType, unit: &str| {
        let unit = HashMap::from([("unit".to_owned(), unit.to_owned())]);
        Field::new(name, kind, true).with_metadata(unit)
    };
    let time = |name: &str| with_unit(name, DataType::Float64, "min");
    let times = |name: &str| with_unit(name, list.clone(), "min");
    let mut fields = vec![
        text("assay_id"),
        count("compartment_id", DataType::UInt64),
        text("donor_a"),
        text("donor_b"),
        text("type_a"),
        text("type_b"),
        count("n_a", DataType::UInt64),
        count("n_b", DataType::UInt64),
        text("condition"),
        Field::new("dose", DataType::Float64, true),
        time("t_contact_first"),
        time("t_contact_total"),
        count("n_contacts", DataType::UInt64),
        times("t_hit"),
        times("t_kill"),
        time("t_death_b"),
        times("t_deaths_b"),
        time("t_death_a"),
        time("censor_t"),
    ];
    let substrates = scenario.substrates.iter().map(|substrate| {
        let unit = format!("{} µm³", substrate.unit);
        let name = format!("secretion_{}", substrate.name);
        with_unit(&name, DataType::Float64, &unit)
    });
    fields.extend(substrates);
    let columns = scenario.outputs.cell_columns.iter();
    fields.extend(columns.map(|name| {
        let name = name.strip_prefix("custom:").unwrap_or(name);
        Field::new(format!("activation_{name}"), DataType::Float64, true)
    }));
    fields
}

impl Dyads {
    /// All columns, in the order of [`fields`].
    fn columns(&self, rows: &[Dyad], censored: f64) -> Vec<Values> {
        let of = |row: &Dyad| self.loads.get(row.placement)?.as_ref();
        let text = |value: &dyn Fn(&Load, &[String; 2]) -> String| {
            let value = |row| of(row).map_or(String::new(), |(load, names)| value(load, names));
            Values::Text(rows.iter().map(value).collect())
        };
        let cells = |role: fn(&Load) -> Option<(usize, u32)>| {
            let count = |row| {
                of(row)
                    .and_then(|(load, _)| role(load))
                    .map_or(0, |it| it.1)
            };
            Values::Count(rows.iter().map(|row| u64::from(count(row))).collect())
        };
        let number =
            |value: &dyn Fn(&Dyad) -> Option<f64>| Values::Number(rows.iter().map(value).collect());
        let list = |value: fn(&Dyad) -> &Vec<f64>| {
            Values::List(rows.iter().map(|row| value(row).clone()).collect())
        };
        let mut columns = vec![
            text(&|_, _| self.assay.clone()),
            Values::Count(rows.iter().map(|row| row.compartment).collect()),
            text(&|load, _| load.label.donors[0].clone()),
            text(&|load, _| load.label.donors[1].clone()),
            text(&|_, names| names[0].clone()),
            text(&|_, names| names[1].clone()),
            cells(|load| load.effectors),
            cells(|load| load.targets),
            text(&|load, _| load.label.condition.clone()),
            number(&|row| of(row)?.0.label.dose),
            number(&|row| row.tally.first_contact),
            number(&|row| Some(row.tally.contact)),
            Values::Count(rows.iter().map(|row| row.tally.contacts).collect()),
            list(|row| &row.tally.hits),
            list(|row| &row.tally.kills),
            number(&|row| row.tally.deaths[1].first().copied()),
            list(|row| &row.tally.deaths[1]),
            number(&|row| row.tally.deaths[0].first().copied()),
            number(&|_| Some(censored)),
        ];
        let first = rows.first();
        let substrates = first.map_or(0, |row| row.secretion.len());
        columns.extend((0..substrates).map(|at| number(&|row| Some(row.secretion[at]))));
        let activations = first.map_or(0, |row| row.activation.len());
        columns.extend((0..activations).map(|at| number(&|row| row.activation[at])));
        columns
    }

    fn write_csv(&mut self, columns: &[Values], rows: usize) -> Result<(), csv::Error> {
        for row in 0..rows {
            self.csv
                .write_record(columns.iter().map(|values| values.cell(row)))?;
        }
        Ok(())
    }
}

impl Values {
    fn array(&self) -> ArrayRef {
        match self {
            Values::Text(values) => Arc::new(StringArray::from_iter_values(values)),
            Values::Count(values) => {
                Arc::new(UInt64Array::from_iter_values(values.iter().copied()))
            }
            Values::Number(values) => Arc::new(Float64Array::from_iter(values.iter().copied())),
            Values::List(values) => {
                let mut lists = ListBuilder::new(Float64Builder::new());
                for list in values {
                    lists.append_value(list.iter().map(|value| Some(*value)));
                }
                Arc::new(lists.finish())
            }
        }
    }

    /// As CSV has it.
    fn cell(&self, row: usize) -> String {
        match self {
            Values::Text(values) => values[row].clone(),
            Values::Count(values) => values[row].to_string(),
            Values::Number(values) => values[row].map_or(String::new(), |it| it.to_string()),
            Values::List(values) => {
                let list: Vec<String> = values[row].iter().map(f64::to_string).collect();
                list.join(";")
            }
        }
    }
}

impl Output for Dyads {
    fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        if let Some(secretion) = &mut self.secretion {
            secretion.record(frame)?;
        }
        if frame.dyads.is_empty() {
            return Ok(());
        }
        let columns = self.columns(frame.dyads, frame.time);
        self.table
            .write(columns.iter().map(Values::array).collect())?;
        self.write_csv(&columns, frame.dyads.len())
            .map_err(|error| Error::because(self.csv.get_ref().path(), &error))
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>, Error> {
        let path = self.csv.get_ref().path().to_owned();
        let part = (self.csv.into_inner()).map_err(|error| Error::because(&path, error.error()))?;
        let mut files = vec![self.table.finish()?, part.finish()?];
        if let Some(secretion) = self.secretion {
            files.push(secretion.finish()?);
        }
        Ok(files)
    }
}
