//! A dyad table as anybody may have written it: Parquet or CSV, columns by name.
//!
//! Needed are `condition`, `n_a`, `n_b`, `t_death_b` and `censor_t`; what else there is is used.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt16Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// What happened in one compartment, min.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// What was done.
    pub condition: String,
    /// Who the effectors are: type and donor.
    pub effector: String,
    /// Who the targets are.
    pub target: String,
    /// How many effectors and targets were loaded.
    pub cells: [u32; 2],
    /// When an effector first touched a target.
    pub first_contact: Option<f64>,
    /// For how long they touched; `None` if the table does not say.
    pub contact: Option<f64>,
    /// When effectors hit targets.
    pub hits: Vec<f64>,
    /// When targets were killed, or if the table does not say when they died.
    pub kills: Vec<f64>,
    /// When targets died.
    pub deaths: Vec<f64>,
    /// When the last look was taken.
    pub censored: f64,
    /// `secretion_…` and `activation_…`, by column.
    pub marks: BTreeMap<String, f64>,
}

/// Columns without which a table says nothing.
const NEEDED: [&str; 5] = ["condition", "n_a", "n_b", "t_death_b", "censor_t"];

/// The file of a table: itself, or `dyads.parquet` or `dyads.csv` in a folder of results.
///
/// # Errors
/// A message if there is none.
pub fn file(path: &Path) -> Result<PathBuf, String> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    let names = ["dyads.parquet", "dyads.csv"].map(|name| path.join(name));
    names.into_iter().find(|name| name.is_file()).ok_or_else(|| {
        format!(
            "{}: no dyad table\n  name a Parquet or CSV file, or the folder of a run that wrote \
             `dyads`",
            path.display()
        )
    })
}

/// Reads a table.
///
/// # Errors
/// A message that names the file, the row and the column.
pub fn read(path: &Path) -> Result<Vec<Row>, String> {
    let file = file(path)?;
    let is_csv = file
        .extension()
        .is_some_and(|it| it.eq_ignore_ascii_case("csv"));
    let texts = if is_csv { csv(&file) } else { parquet(&file) };
    let (names, rows) = texts.map_err(|reason| format!("{}: {reason}", file.display()))?;
    if let Some(name) = NEEDED
        .iter()
        .find(|name| !names.iter().any(|it| it == *name))
    {
        return Err(format!(
            "{}: the column `{name}` is missing\n  needed are {}",
            file.display(),
            NEEDED.join(", ")
        ));
    }
    if rows.is_empty() {
        return Err(format!("{}: the table has no rows", file.display()));
    }
    let place = |row: usize| format!("{}, row {}", file.display(), row + 1);
    let rows = rows.iter().enumerate();
    rows.map(|(number, texts)| {
        row(&names, texts).map_err(|reason| format!("{}: {reason}", place(number)))
    })
    .collect()
}

type Texts = (Vec<String>, Vec<Vec<String>>);

fn csv(file: &Path) -> Result<Texts, String> {
    let mut reader = ::csv::Reader::from_path(file).map_err(|error| error.to_string())?;
    let names = reader.headers().map_err(|error| error.to_string())?;
    let names = names.iter().map(|name| name.trim().to_owned()).collect();
    let records = reader.records().map(|record| {
        let record = record.map_err(|error| error.to_string())?;
        Ok(record.iter().map(|it| it.trim().to_owned()).collect())
    });
    Ok((names, records.collect::<Result<_, String>>()?))
}

fn parquet(file: &Path) -> Result<Texts, String> {
    let open = File::open(file).map_err(|error| error.to_string())?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(open).map_err(|it| it.to_string())?;
    let fields = reader.schema().fields().iter();
    let names = fields.map(|field| field.name().clone()).collect();
    let mut rows = Vec::new();
    for batch in reader.build().map_err(|error| error.to_string())? {
        let batch = batch.map_err(|error| error.to_string())?;
        let columns = columns(&batch)?;
        rows.extend((0..batch.num_rows()).map(|row| {
            let texts = columns.iter().map(|column| column[row].clone());
            texts.collect::<Vec<String>>()
        }));
    }
    Ok((names, rows))
}

/// Every column as CSV would have it.
fn columns(batch: &RecordBatch) -> Result<Vec<Vec<String>>, String> {
    let schema = batch.schema();
    let fields = schema.fields().iter().zip(batch.columns());
    let texts = fields.map(|(field, column)| {
        let rows = 0..column.len();
        let texts: Option<Vec<String>> = rows.map(|row| text(column.as_ref(), row)).collect();
        texts.ok_or_else(|| {
            let (name, kind) = (field.name(), field.data_type());
            format!("the column `{name}` is of type {kind}, which cannot be read\n  write doubles, unsigned 64-bit numbers, text, or lists of doubles")
        })
    });
    texts.collect()
}

fn text(column: &dyn Array, row: usize) -> Option<String> {
    use arrow_array::types::{Float32Type, Int32Type, Int64Type, UInt32Type, UInt64Type};
    if column.is_null(row) {
        return Some(String::new());
    }
    macro_rules! number {
        ($kind:ty) => {
            column.as_primitive::<$kind>().value(row).to_string()
        };
    }
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).to_owned(),
        DataType::Utf8View => column.as_string_view().value(row).to_owned(),
        DataType::Float64 => number!(Float64Type),
        DataType::Float32 => number!(Float32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Dictionary(key, _) if **key == DataType::UInt16 => {
            let column = column.as_dictionary::<UInt16Type>();
            text(column.values().as_ref(), column.key(row)?)?
        }
        DataType::List(_) => join(column.as_list::<i32>().value(row).as_ref())?,
        DataType::LargeList(_) => join(column.as_list::<i64>().value(row).as_ref())?,
        DataType::Null => String::new(),
        _ => return None,
    })
}

fn join(list: &dyn Array) -> Option<String> {
    let texts = (0..list.len()).map(|at| text(list, at));
    Some(texts.collect::<Option<Vec<String>>>()?.join(";"))
}

fn row(names: &[String], texts: &[String]) -> Result<Row, String> {
    let of = |name: &str| {
        let at = names.iter().position(|it| it == name)?;
        Some(texts.get(at)?.as_str())
    };
    let parse = |name: &str, text: &str| -> Result<Option<f64>, String> {
        if text.is_empty() || text.eq_ignore_ascii_case("nan") || text == "NA" {
            return Ok(None);
        }
        let number = text.parse().ok().filter(|value: &f64| value.is_finite());
        number.map(Some).ok_or_else(|| {
            format!(
                "`{name}` is `{text}`, which is no number\n  leave it empty where there is none"
            )
        })
    };
    let number = |name: &str| parse(name, of(name).unwrap_or_default());
    let time = |name: &str| match number(name)? {
        Some(time) if time < 0.0 => Err(format!(
            "`{name}` is {time}, before the assay began\n  times are in min from its beginning"
        )),
        time => Ok(time),
    };
    let list = |name: &str| -> Result<Option<Vec<f64>>, String> {
        let Some(text) = of(name) else {
            return Ok(None);
        };
        let text = text.trim_matches(['[', ']']);
        let times = text.split([';', ',']).map(|it| parse(name, it.trim()));
        let mut times: Vec<f64> = times
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?;
        times.sort_by(f64::total_cmp);
        Ok(Some(times))
    };
    let count = |name: &str| {
        let count = number(name)?.filter(|it| it.fract() == 0.0 && (0.0..=1e6).contains(it));
        count.map(|it| it as u32).ok_or_else(|| {
            format!(
                "`{name}` is `{}`, which is no number of cells",
                of(name).unwrap_or_default()
            )
        })
    };
    let who = |kind: &str, donor: &str| {
        let parts = [kind, donor].map(|name| of(name).unwrap_or_default());
        let parts: Vec<&str> = parts.into_iter().filter(|it| !it.is_empty()).collect();
        parts.join(", ")
    };
    let censored = time("censor_t")?
        .ok_or("`censor_t` is empty\n  it is when the last look was taken, min")?;
    let deaths = match list("t_deaths_b")? {
        Some(deaths) => deaths,
        None => time("t_death_b")?.into_iter().collect(),
    };
    if let Some(late) = deaths.iter().find(|time| **time > censored + 1e-9) {
        return Err(format!(
            "a target dies at {late}, after the last look at {censored} min"
        ));
    }
    let mut marks = BTreeMap::new();
    for name in names {
        if name.starts_with("secretion_") || name.starts_with("activation_") {
            marks.extend(number(name)?.map(|value| (name.clone(), value)));
        }
    }
    Ok(Row {
        condition: of("condition").unwrap_or_default().to_owned(),
        effector: who("type_a", "donor_a"),
        target: who("type_b", "donor_b"),
        cells: [count("n_a")?, count("n_b")?],
        first_contact: time("t_contact_first")?,
        contact: time("t_contact_total")?,
        hits: list("t_hit")?.unwrap_or_default(),
        kills: list("t_kill")?.unwrap_or_else(|| deaths.clone()),
        deaths,
        censored,
        marks,
    })
}
