//! `milieu model attach BARE.onnx SPEC.toml -o MODEL.onnx`, and the template of SPEC.toml.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use arrow_array::{Array, Float64Array, cast::AsArray};
use clap::Args;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rules::{
    Engine,
    neural::{
        Fault,
        attach::{Data, GOLDEN, Order, attach as put_on, template as fill_in},
        trials::trials,
    },
};
use serde_json::{Map, Value, json};

use super::super::{Stop, print, print_json, tell};
use super::check;

/// Arguments of `milieu model attach`.
#[derive(Args)]
pub struct Arguments {
    /// A plain export.
    bare: PathBuf,
    /// What it reads and writes: `milieu model template BARE.onnx` prints one to fill in.
    spec: PathBuf,
    /// Where the model file goes.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace the file that --output names.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `milieu model template`.
#[derive(Args)]
pub struct TemplateArguments {
    /// A plain export.
    bare: PathBuf,
}

/// Prints a template.
pub fn template(arguments: &TemplateArguments) -> Result<(), Stop> {
    let bytes = super::read(&arguments.bare)?;
    let text = fill_in(&bytes).map_err(|fault| at(&arguments.bare, &fault))?;
    print(&text)
}

fn at(file: &Path, fault: &Fault) -> Stop {
    Stop::input(format!("{}: {fault}", file.display()))
}

/// Makes a model file.
pub fn attach(arguments: &Arguments) -> Result<(), Stop> {
    let Arguments {
        bare, spec, output, ..
    } = arguments;
    super::check_output(output, arguments.force)?;
    let bytes = super::read(bare)?;
    let order = order(spec)?;
    let folder = bare.parent().unwrap_or(Path::new("")).to_owned();
    let beside = move |name: &str| {
        // A file from a stranger must not read what lies elsewhere.
        let is_plain = Path::new(name)
            .file_name()
            .is_some_and(|plain| plain == name);
        match is_plain {
            true => fs::read(folder.join(name)).map_err(|error| format!("cannot be read: {error}")),
            false => Err("lies in another folder".to_owned()),
        }
    };
    let made = put_on(&bytes, &order, &beside).map_err(|mut fault| {
        let name = spec.display().to_string();
        fault.message = fault.message.replace("milieu.spec", &name);
        at(bare, &fault)
    })?;
    let all = trials(&made.bytes, &Engine::Embedded);
    let sha256 = super::sha256(&made.bytes);
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    let line = format!("{} = {}", key(&stem), json!(name));
    if check::is_passed(&all) {
        super::save(output, &made.bytes)?;
    }
    if arguments.json {
        print_json(&json!({
            "file": output,
            "sha256": sha256,
            "passed": check::is_passed(&all),
            "done": made.done,
            "warnings": made.warnings,
            "tests": all.iter().map(check::as_json).collect::<Vec<_>>(),
            "rules": line,
        }))?;
    } else {
        for warning in &made.warnings {
            tell(&format!("warning: {warning}"));
        }
        let done: String = made.done.iter().map(|it| format!("{it}\n")).collect();
        print(&format!("{done}\n{}", check::lines(&all)))?;
    }
    if !check::is_passed(&all) {
        let message = format!(
            "{} is not written: the tests above failed",
            output.display()
        );
        return Err(super::tested(message, arguments.json));
    }
    if arguments.json {
        return Ok(());
    }
    print(&format!(
        "\n{} written, sha256 {sha256}\nin a scenario beside it:\n\n[rules]\n{line}\n",
        output.display()
    ))
}

/// A key as TOML has it.
fn key(text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !text.is_empty() && text.chars().all(is_bare) {
        true => text.to_owned(),
        false => json!(text).to_string(),
    }
}

/// Reads SPEC.toml and the data it names.
fn order(file: &Path) -> Result<Order, Stop> {
    let wrong = |what: String| Stop::input(format!("{}: {what}", file.display()));
    let text =
        fs::read_to_string(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if let Some(line) = text.lines().position(|line| {
        let code = line.split('#').next().unwrap_or_default();
        code.contains("\"<") && code.contains(">\"")
    }) {
        return Err(Stop::input(format!(
            "{}:{}: fill in what stands between <>\n  `milieu signals SCENARIO` lists names and units",
            file.display(),
            line + 1
        )));
    }
    let json = serde_json::to_value(table).map_err(|error| wrong(error.to_string()))?;
    let Value::Object(mut spec) = json else {
        return Err(wrong("it must be a table".into()));
    };
    let golden = match spec.shift_remove("golden") {
        None => GOLDEN,
        Some(count) => count
            .as_u64()
            .and_then(|count| usize::try_from(count).ok())
            .ok_or_else(|| wrong("golden: a number of rows".into()))?,
    };
    let mut rename = std::collections::BTreeMap::new();
    for (from, to) in map(&mut spec, "rename").map_err(wrong)?.unwrap_or_default() {
        let Value::String(to) = to else {
            return Err(wrong(format!(
                "rename.\"{from}\": a text, the tensor's new name"
            )));
        };
        rename.insert(from, to);
    }
    let card = map(&mut spec, "card").map_err(wrong)?.map(Value::Object);
    let mut word = |key: &str| match spec.shift_remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(format!("{key}: a text"))),
    };
    let parent = word("parent")?;
    let data = word("data")?;
    let folder = file.parent().unwrap_or(Path::new(""));
    Ok(Order {
        data: data.map(|name| table_of(&folder.join(name))).transpose()?,
        spec: Value::Object(spec),
        card,
        parent,
        rename,
        golden,
    })
}

fn map(spec: &mut Map<String, Value>, key: &str) -> Result<Option<Map<String, Value>>, String> {
    match spec.shift_remove(key) {
        None => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(_) => Err(format!("{key}: a table, [{key}]")),
    }
}

/// Reads a table of numbers, CSV or Parquet.
fn table_of(file: &Path) -> Result<Data, Stop> {
    let wrong = |what: String| Stop::input(format!("{}: {what}", file.display()));
    let data = match file.extension().and_then(|text| text.to_str()) {
        Some("csv") => from_csv(file),
        Some("parquet") => from_parquet(file),
        _ => Err("data are read from .csv and .parquet".into()),
    }
    .map_err(wrong)?;
    match data
        .columns
        .first()
        .is_some_and(|column| !column.is_empty())
    {
        true => Ok(data),
        false => Err(wrong("no rows in it".into())),
    }
}

fn from_csv(file: &Path) -> Result<Data, String> {
    let text = |error: csv::Error| error.to_string();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(file)
        .map_err(text)?;
    let names: Vec<String> = reader
        .headers()
        .map_err(text)?
        .iter()
        .map(str::to_owned)
        .collect();
    let mut columns: Vec<Option<Vec<f64>>> = vec![Some(Vec::new()); names.len()];
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(text)?;
        for ((value, slot), name) in record.iter().zip(&mut columns).zip(&names) {
            match (value.parse(), slot.as_mut()) {
                (Ok(number), Some(column)) => column.push(number),
                // A column of words from the first row on may stand in a table.
                (Err(_), _) if row == 0 => *slot = None,
                (Err(_), Some(_)) => {
                    let row = row + 1;
                    return Err(format!(
                        "row {row}, column `{name}`: `{value}` is not a number\n  leave such rows out"
                    ));
                }
                (_, None) => {}
            }
        }
    }
    let kept = names.into_iter().zip(columns);
    let (names, columns) = kept.filter_map(|(name, it)| Some((name, it?))).unzip();
    Ok(Data { names, columns })
}

fn from_parquet(file: &Path) -> Result<Data, String> {
    let text = |error: parquet::errors::ParquetError| error.to_string();
    let opened = File::open(file).map_err(|error| error.to_string())?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(opened).map_err(text)?;
    let fields = builder.schema().fields().clone();
    let mut data = Data::default();
    for batch in builder.build().map_err(text)? {
        let batch = batch.map_err(|error| error.to_string())?;
        let mut number = 0;
        for (field, column) in fields.iter().zip(batch.columns()) {
            let Some(values) = numbers(column.as_ref()) else {
                continue; // Words are of no use to a model.
            };
            if data.names.len() == number {
                data.names.push(field.name().clone());
                data.columns.push(Vec::new());
            }
            data.columns[number].extend(values);
            number += 1;
        }
    }
    Ok(data)
}

/// A column as numbers, NaN where it has none; `None` for columns of anything else.
fn numbers(column: &dyn Array) -> Option<Vec<f64>> {
    use arrow_array::types::{
        Float32Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
        UInt64Type,
    };
    if let Some(column) = column.as_any().downcast_ref::<Float64Array>() {
        return Some(
            column
                .iter()
                .map(|value| value.unwrap_or(f64::NAN))
                .collect(),
        );
    }
    macro_rules! of {
        ($($kind:ty),*) => {$(
            if let Some(column) = column.as_primitive_opt::<$kind>() {
                let number = |value: Option<_>| value.map_or(f64::NAN, |value| value as f64);
                return Some(column.iter().map(number).collect());
            }
        )*};
    }
    of!(
        Float32Type,
        Int8Type,
        Int16Type,
        Int32Type,
        Int64Type,
        UInt8Type,
        UInt16Type,
        UInt32Type,
        UInt64Type
    );
    None
}
