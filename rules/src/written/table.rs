//! Rule tables: PhysiCell's eight columns (rules grammar version 3), one rule a row.
//!
//! Source: PhysiCell 1.14.2, core/PhysiCell_rules.cpp, `parse_csv_rule_v3`.

use super::amount::Amount;
use super::sentence;
use super::statement::Statement;
use crate::responses::Response;
use crate::{Read, Side, Subject, Unit, Vocabulary};

/// The columns, for people.
const COLUMNS: [&str; 8] = [
    "cell type",
    "signal",
    "increases or decreases",
    "behavior",
    "max response",
    "half-max",
    "Hill power",
    "applies to dead",
];

/// Reads a table. Lines that begin with `//` are comments; there is no header.
///
/// # Errors
/// The first line with something wrong, and what.
pub fn statements(
    text: &str,
    source: usize,
    vocabulary: &Vocabulary,
) -> Result<Vec<Statement>, (usize, String)> {
    let mut found = Vec::new();
    // Line by line, so that an open quote cannot swallow what follows it, and every error has
    // its line.
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with("//") {
            continue;
        }
        let statement = row(line, source, number + 1, vocabulary);
        found.push(statement.map_err(|message| (number + 1, message))?);
    }
    Ok(found)
}

/// Reads one row.
fn row(
    text: &str,
    source: usize,
    line: usize,
    vocabulary: &Vocabulary,
) -> Result<Statement, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(if text.contains(',') { b',' } else { b'\t' })
        .buffer_capacity(text.len())
        .from_reader(text.as_bytes());
    let mut fields = csv::StringRecord::new();
    reader
        .read_record(&mut fields)
        .map_err(|error| error.to_string())?;
    if fields.len() != COLUMNS.len() {
        return Err(format!(
            "{} fields, but a rule has {}\n  they are: {}",
            fields.len(),
            COLUMNS.len(),
            COLUMNS.join(", ")
        ));
    }
    if let Some(empty) = fields.iter().position(str::is_empty) {
        return Err(format!(
            "field {} is empty\n  {} belongs there",
            empty + 1,
            COLUMNS[empty]
        ));
    }
    let number = |column: usize| {
        let bare = Amount::parse(&fields[column])
            .ok()
            .filter(|a| a.unit.is_none());
        bare.map(|amount| amount.number).ok_or_else(|| {
            format!(
                "{} is `{}`, which is no number\n  a table holds bare numbers, in the units of \
                 the dictionary",
                COLUMNS[column], &fields[column]
            )
        })
    };
    let subject = Subject::Cell {
        types: vec![
            vocabulary
                .cell_type(&fields[0])
                .map_err(|error| error.to_string())?,
        ],
    };
    let signals = vec![Read {
        side: Side::Cell,
        signal: sentence::signal(&fields[1], Side::Cell, vocabulary)?,
    }];
    let increases = match &fields[2] {
        "increases" => true,
        "decreases" => false,
        other => {
            return Err(format!(
                "`{other}` is no direction\n  write `increases` or `decreases`"
            ));
        }
    };
    let behavior = sentence::behavior(&fields[3], &subject, vocabulary)?;
    let towards = number(4)?;
    let unit = &vocabulary.signals.entry(signals[0].signal).unit;
    let positive = |column: usize, unit: &Unit| {
        let amount = Amount {
            number: number(column)?,
            unit: None,
        };
        amount.above_zero(unit, COLUMNS[column], "")
    };
    let response = Response::Hill {
        half_max: positive(5, unit)?,
        power: positive(6, &Unit::one())?,
    };
    let dead = match number(7)? {
        0.0 => false,
        1.0 => true,
        _ => {
            return Err(format!(
                "applies to dead is `{}`\n  write 0 (living cells only) or 1 (dead cells too)",
                &fields[7]
            ));
        }
    };
    Ok(Statement {
        source,
        line,
        subject,
        signals,
        increases,
        behavior,
        from: None,
        towards,
        response,
        every: None,
        size: None,
        dead,
    })
}
