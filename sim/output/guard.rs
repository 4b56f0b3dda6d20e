//! `guard/ENTRY.parquet`: the rows on which the guard of a learned rule fired, with what the model
//! was given and what it and the mechanistic rules said; a row group a frame.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, StringArray, UInt64Array};
use arrow_schema::{DataType, Field};
use rules::{Learned, Read, Side, Signature, Target, Vocabulary, hybrid::output_names};
use serde::{Deserialize, Serialize};

use super::folder::PartFolder;
use super::table::{self, Table};
use super::{Error, Frame, Output};
use crate::scenario::Scenario;

/// The rows of one learned rule on which its guard fired since the last frame.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Firing {
    /// The scenario's name for the rule.
    pub entry: String,
    /// Name and unit of each input, as the model has it.
    pub inputs: Vec<(String, String)>,
    /// Name and unit of each output; numbers that are only recorded have no unit here.
    pub outputs: Vec<(String, Option<String>)>,
    /// In the order of calls.
    pub rows: Vec<Row>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// min.
    pub time: f64,
    /// The cell, and of pairs the cell acted on.
    pub who: (u64, Option<u64>),
    /// Of the cell.
    pub cell_type: u16,
    /// In which ways the row is outside.
    pub tiers: String,
    /// Whether the mechanistic rules acted.
    pub fallback: bool,
    /// In the model's units.
    pub inputs: Vec<f64>,
    /// By output, in the behavior's unit; NaN where nothing came out.
    pub model: Vec<f64>,
    /// Likewise; empty without mechanistic rules.
    pub mechanistic: Vec<f64>,
}

/// Names with a number behind those that stand there already: readers of Parquet find columns by
/// name alone.
fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        let mut numbered = (2..).map(|number| format!("{name} ({number})"));
        let is_free = |name: &String| !all.contains(name);
        let free = Some(name.clone())
            .filter(is_free)
            .or_else(|| numbered.find(is_free));
        all.extend(free);
    }
    all
}

impl Firing {
    /// No rows yet, of a learned rule.
    pub fn new(learned: &Learned, signature: &Signature, vocabulary: &Vocabulary) -> Firing {
        let unit = |target: &Target| match target {
            Target::Behavior(number) => Some(&vocabulary.behaviors.entry(*number).unit),
            Target::PairBehavior(number) => Some(&vocabulary.pair_behaviors.entry(*number).unit),
            Target::Readout(_) => None,
        };
        let units = signature.writes.iter().map(|write| unit(&write.target));
        let units = units.map(|unit| unit.map(ToString::to_string));
        let name = |(name, read): (&String, &Read)| match read.side {
            Side::A => format!("{name} of a"),
            Side::B => format!("{name} of b"),
            _ => name.clone(),
        };
        let names = learned.inputs.iter().map(|(name, ..)| name);
        let names = distinct(names.zip(&signature.reads).map(name));
        let input_units = learned.inputs.iter().map(|(_, unit, _)| unit.clone());
        let outputs = distinct(output_names(signature, vocabulary).into_iter());
        Firing {
            entry: signature.source.clone(),
            inputs: names.into_iter().zip(input_units).collect(),
            outputs: outputs.into_iter().zip(units).collect(),
            rows: Vec::new(),
        }
    }

    fn fields(&self) -> Vec<Field> {
        let mut fields = vec![
            table::quantity("time_min", "min"),
            Field::new("cell", DataType::UInt64, false),
            Field::new("partner", DataType::UInt64, true),
            table::category("type", false),
            Field::new("tiers", DataType::Utf8, false),
            Field::new("fallback", DataType::Boolean, false),
        ];
        let inputs = self.inputs.iter();
        fields.extend(inputs.map(|(name, unit)| table::quantity(&format!("input:{name}"), unit)));
        for whose in ["model", "mechanistic"] {
            fields.extend(self.outputs.iter().map(|(name, unit)| {
                let name = format!("{whose}:{name}");
                match unit {
                    Some(unit) => table::quantity(&name, unit),
                    None => Field::new(name, DataType::Float64, false),
                }
            }));
        }
        fields
    }

    fn columns(&self, types: &Arc<StringArray>) -> Vec<ArrayRef> {
        let rows = &self.rows;
        let at = |values: fn(&Row) -> &Vec<f64>, column: usize| {
            let value = |row: &Row| values(row).get(column).copied().unwrap_or(f64::NAN);
            table::quantities(rows.iter().map(value))
        };
        let tiers = rows.iter().map(|row| Some(row.tiers.as_str()));
        let fallback = rows.iter().map(|row| Some(row.fallback));
        let mut columns: Vec<ArrayRef> = vec![
            table::quantities(rows.iter().map(|row| row.time)),
            Arc::new(UInt64Array::from_iter_values(
                rows.iter().map(|row| row.who.0),
            )),
            Arc::new(rows.iter().map(|row| row.who.1).collect::<UInt64Array>()),
            table::categories(rows.iter().map(|row| Some(row.cell_type)), types),
            Arc::new(tiers.collect::<StringArray>()),
            Arc::new(fallback.collect::<BooleanArray>()),
        ];
        columns.extend((0..self.inputs.len()).map(|column| at(|row| &row.inputs, column)));
        columns.extend((0..self.outputs.len()).map(|column| at(|row| &row.model, column)));
        columns.extend((0..self.outputs.len()).map(|column| at(|row| &row.mechanistic, column)));
        columns
    }
}

struct Guard {
    scenario: String,
    folder: PathBuf,
    types: Arc<StringArray>,
    /// From the first frame on: the folder, and a table for each learned rule.
    open: Option<(PartFolder, Vec<Table>)>,
}

/// Starts `guard`.
///
/// # Errors
/// None; the files are made with the first frame, which tells what there is to guard.
pub fn open(scenario: &Scenario, folder: &Path) -> Result<Box<dyn Output>, Error> {
    Ok(Box::new(Guard {
        scenario: scenario.name.clone(),
        folder: folder.to_owned(),
        types: table::words(scenario.cell_types.iter().map(|it| it.name.as_str())),
        open: None,
    }))
}

impl Guard {
    fn create(&self, guards: &[Firing]) -> Result<(PartFolder, Vec<Table>), Error> {
        let folder = PartFolder::create(&self.folder, "guard")?;
        let mut names: Vec<String> = Vec::new();
        let mut tables = Vec::new();
        for firing in guards {
            let name = file_name(&firing.entry, &names);
            let fields = firing.fields();
            tables.push(Table::create(
                &self.scenario,
                folder.temporary(),
                &format!("{name}.parquet"),
                fields,
            )?);
            names.push(name);
        }
        Ok((folder, tables))
    }
}

/// The entry's name as a file's, other than those taken.
fn file_name(entry: &str, taken: &[String]) -> String {
    let is_awkward = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    let name = entry.replace(is_awkward, "_");
    let name = name.trim_start_matches('.').to_owned();
    let mut others = (2..).map(|number| format!("{name} {number}"));
    let mut free = name.clone();
    while taken.contains(&free) || free.is_empty() {
        free = others.next().expect("numbers do not end");
    }
    free
}

impl Output for Guard {
    fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        if frame.guards.is_empty() {
            return Ok(());
        }
        let (folder, mut tables) = match self.open.take() {
            Some(open) => open,
            None => self.create(frame.guards)?,
        };
        for (table, firing) in tables.iter_mut().zip(frame.guards) {
            if !firing.rows.is_empty() {
                table.write(firing.columns(&self.types))?;
            }
        }
        self.open = Some((folder, tables));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>, Error> {
        let Some((folder, tables)) = self.open else {
            return Ok(Vec::new());
        };
        for table in tables {
            table.finish()?;
        }
        Ok(vec![folder.finish()?])
    }
}
