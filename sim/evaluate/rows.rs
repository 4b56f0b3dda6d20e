//! Recorded rows of one site, read back: `record.json` and its Parquet files.

use std::{fs, fs::File, path::Path};

use arrow_array::{
    Array, RecordBatch, UInt32Array,
    cast::AsArray,
    types::{Float64Type, UInt32Type},
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    output::record::PROGRAM,
    recorder::{Column, Role},
};

/// Rows as columns.
#[derive(Debug, Default)]
pub struct Rows {
    /// Number of the run.
    pub run: Vec<u32>,
    /// `[input][row]`, in the dictionary's units.
    pub inputs: Vec<Vec<f64>>,
    /// `[event][row]`: the rate that the recorded rule gave it, 1/min.
    pub rates: Vec<Vec<f64>>,
    /// `[outcome][row]`: what the recorded rule said.
    pub answers: Vec<Vec<f64>>,
    /// Number of the condition in [`Recorded::conditions`].
    pub condition: Vec<u16>,
    /// Number of the event in [`Recorded::events`], if one of these happened.
    pub event: Vec<Option<u16>>,
    /// min.
    pub exposure: Vec<f64>,
    /// How many rows each stands for.
    pub weight: Vec<f64>,
    /// Number of the type in [`Recorded::types`].
    pub types: Vec<u16>,
}

/// What is known of a site's rows.
#[derive(Debug)]
pub struct Recorded {
    /// Name and unit of each input, without `input:`.
    pub inputs: Vec<(String, String)>,
    /// Name of the rate and word of the event.
    pub events: Vec<(String, String)>,
    /// Name and unit of each behavior that is no event's rate, without `behavior:`.
    pub outcomes: Vec<(String, String)>,
    /// What was set in each variant. The first is the control: the one without changes, or the
    /// first that was recorded.
    pub conditions: Vec<String>,
    /// min between two calls.
    pub clock: f64,
    /// Cell types by name, as they turn up.
    pub types: Vec<String>,
    /// Part of the data and what is in it, by name.
    pub parts: Vec<(String, Rows)>,
    /// Seeds of the runs of each part.
    pub seeds: Vec<(String, Vec<u64>)>,
}

#[derive(Deserialize)]
struct Manifest {
    sites: std::collections::BTreeMap<String, Site>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Site {
    teacher: bool,
    clock_min: f64,
    columns: Vec<Column>,
}

#[derive(Deserialize)]
struct Run {
    run: u32,
    seed: u64,
    split: String,
    #[serde(default)]
    settings: Vec<String>,
    shards: std::collections::BTreeMap<String, Value>,
}

impl Rows {
    /// Adds rows of other runs, in the same columns.
    pub fn append(&mut self, mut other: Rows) {
        self.inputs.resize_with(other.inputs.len(), Vec::new);
        self.rates.resize_with(other.rates.len(), Vec::new);
        self.answers.resize_with(other.answers.len(), Vec::new);
        let own = self.inputs.iter_mut().chain(&mut self.rates);
        let own = own.chain(&mut self.answers);
        let others = other.inputs.iter_mut().chain(&mut other.rates);
        for (own, other) in own.zip(others.chain(&mut other.answers)) {
            own.append(other);
        }
        self.condition.append(&mut other.condition);
        self.run.append(&mut other.run);
        self.event.append(&mut other.event);
        self.exposure.append(&mut other.exposure);
        self.weight.append(&mut other.weight);
        self.types.append(&mut other.types);
    }
}

impl Run {
    /// What was set in it.
    fn condition(&self) -> String {
        match self.settings.is_empty() {
            true => "without changes".into(),
            false => self.settings.join(", "),
        }
    }
}

/// The variants that were recorded, the control first.
fn conditions(runs: &[Run]) -> Vec<String> {
    let mut conditions: Vec<String> = Vec::new();
    for run in runs {
        let condition = run.condition();
        match conditions.contains(&condition) {
            true => {}
            false if run.settings.is_empty() => conditions.insert(0, condition),
            false => conditions.push(condition),
        }
    }
    conditions
}

/// Behaviors that are no event's rate.
fn outcomes(columns: &[Column]) -> Vec<(String, String)> {
    let said = columns.iter().filter(|it| it.role == Role::Behavior);
    let said = said.filter(|it| it.event.is_none());
    let bare = |name: &str| name.strip_prefix("behavior:").unwrap_or(name).to_owned();
    said.map(|it| (bare(&it.name), it.unit.clone())).collect()
}

impl Recorded {
    /// Reads the rows of a site.
    ///
    /// # Errors
    /// A message with the file, what is wrong with it, and the way out.
    pub fn read(folder: &Path, site: &str) -> Result<Recorded, String> {
        let file = folder.join("record.json");
        let wrong = |what: String| format!("{}: {what}", file.display());
        let text = fs::read(&file).map_err(|error| {
            wrong(format!(
                "{error}\n  name a folder that `milieu record` has written"
            ))
        })?;
        let value: Value =
            serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if value["program"] != PROGRAM {
            return Err(wrong("not written by `milieu record`".into()));
        }
        let manifest: Manifest =
            serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
        let known = manifest.sites.keys().map(String::as_str);
        let Some(of_site) = manifest.sites.get(site) else {
            return Err(wrong(
                rules::dictionary::unknown("site", site, known).to_string(),
            ));
        };
        if of_site.teacher {
            return Err(wrong(format!(
                "the rule of `{site}` was only asked, and another drew the events\n  \
                 record rows without --teacher"
            )));
        }
        let inputs = of_site
            .columns
            .iter()
            .filter(|it| it.role != Role::Behavior);
        let bare = |name: &str| name.strip_prefix("input:").unwrap_or(name).to_owned();
        let events = of_site.columns.iter().filter_map(|column| {
            let word = column.event.clone()?;
            Some((column.name.clone(), word))
        });
        let mut recorded = Recorded {
            inputs: inputs.map(|it| (bare(&it.name), it.unit.clone())).collect(),
            events: events.collect(),
            outcomes: outcomes(&of_site.columns),
            conditions: conditions(&manifest.runs),
            clock: of_site.clock_min,
            types: Vec::new(),
            parts: Vec::new(),
            seeds: Vec::new(),
        };
        for run in &manifest.runs {
            let name = run.shards[site]["file"].as_str().unwrap_or_default();
            let path = folder.join(name);
            let at = match recorded
                .parts
                .iter()
                .position(|(part, _)| *part == run.split)
            {
                Some(at) => at,
                None => {
                    recorded.parts.push((run.split.clone(), Rows::default()));
                    recorded.seeds.push((run.split.clone(), Vec::new()));
                    recorded.parts.len() - 1
                }
            };
            recorded.seeds[at].1.push(run.seed);
            let mut rows = std::mem::take(&mut recorded.parts[at].1);
            recorded.append(&path, run.run, &mut rows)?;
            let condition = recorded
                .conditions
                .iter()
                .position(|it| *it == run.condition());
            rows.condition
                .resize(rows.run.len(), condition.unwrap_or(0) as u16);
            recorded.parts[at].1 = rows;
        }
        Ok(recorded)
    }

    fn append(&mut self, path: &Path, run: u32, rows: &mut Rows) -> Result<(), String> {
        let wrong = |what: String| format!("{}: {what}", path.display());
        let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(ParquetRecordBatchReaderBuilder::build)
            .map_err(|error| wrong(error.to_string()))?;
        for batch in reader {
            let batch = batch.map_err(|error| wrong(error.to_string()))?;
            self.take(&batch, run, rows).map_err(wrong)?;
        }
        Ok(())
    }

    fn take(&mut self, batch: &RecordBatch, run: u32, rows: &mut Rows) -> Result<(), String> {
        let column = |name: &str| {
            let column = batch.column_by_name(name);
            column.ok_or_else(|| format!("there is no column `{name}`"))
        };
        let numbers = |name: &str| -> Result<Vec<f64>, String> {
            let values = column(name)?.as_primitive_opt::<Float64Type>();
            let values = values.ok_or_else(|| format!("`{name}` holds no numbers"))?;
            Ok(values.values().to_vec())
        };
        let count = batch.num_rows();
        let runs: &UInt32Array = column("run")?.as_primitive::<UInt32Type>();
        if runs.values().iter().any(|it| *it != run) {
            return Err(format!("it holds rows of another run than {run}"));
        }
        rows.run.extend(std::iter::repeat_n(run, count));
        rows.inputs.resize_with(self.inputs.len(), Vec::new);
        rows.rates.resize_with(self.events.len(), Vec::new);
        rows.answers.resize_with(self.outcomes.len(), Vec::new);
        for ((name, _), values) in self.inputs.iter().zip(&mut rows.inputs) {
            values.extend(numbers(&format!("input:{name}"))?);
        }
        for ((name, _), values) in self.events.iter().zip(&mut rows.rates) {
            values.extend(numbers(name)?);
        }
        for ((name, _), values) in self.outcomes.iter().zip(&mut rows.answers) {
            values.extend(numbers(&format!("behavior:{name}"))?);
        }
        rows.exposure.extend(numbers("exposure_min")?);
        rows.weight.extend(numbers("weight")?);
        for event in words(column("event")?)? {
            let events = self.events.iter();
            let number = event.and_then(|word| events.clone().position(|(_, it)| *it == word));
            rows.event.push(number.map(|number| number as u16));
        }
        for kind in words(column("cell_type")?)? {
            let kind = kind.unwrap_or_default();
            let known = self.types.iter().position(|it| *it == kind);
            let number = known.unwrap_or_else(|| {
                self.types.push(kind);
                self.types.len() - 1
            });
            rows.types.push(number as u16);
        }
        Ok(())
    }
}

fn words(column: &dyn Array) -> Result<Vec<Option<String>>, String> {
    let words = column
        .as_any_dictionary_opt()
        .ok_or("a column holds no words")?;
    let list = words.values().as_string::<i32>();
    let keys = words.normalized_keys();
    let word = |row: usize| {
        words
            .is_valid(row)
            .then(|| list.value(keys[row]).to_owned())
    };
    Ok((0..words.len()).map(word).collect())
}
