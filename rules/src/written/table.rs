//! Rule tables, as PhysiCell writes them: one rule a row, in any of the four versions of its
//! rules grammar, told apart by their number of columns.
//!
//! Source: PhysiCell 1.14.2, core/PhysiCell_rules.cpp, `parse_csv_rule_v0`, `…_v1`, `…_v3`.

use super::amount::Amount;
use super::physicell;
use super::sentence;
use super::statement::{Statement, with_unit};
use super::{Notes, Usage};
use crate::responses::Response;
use crate::{Read, Side, Subject, Unit, Vocabulary};

/// Where things stand in a row of one version. The cell type comes first; half-max, Hill power
/// and the mark for dead cells come last.
struct Version {
    /// The columns, for people.
    columns: &'static [&'static str],
    signal: usize,
    direction: usize,
    behavior: usize,
    /// The value where no rule speaks, where the version states it.
    base: Option<usize>,
    /// The value at full effect of a rule that decreases, and of one that increases.
    towards: [usize; 2],
}

/// Every version, by number of columns: 3 (and 2, which is the same), 1, 0.
const VERSIONS: [Version; 3] = [
    Version {
        columns: &[
            "cell type",
            "signal",
            "increases or decreases",
            "behavior",
            "max response",
            "half-max",
            "Hill power",
            "applies to dead",
        ],
        signal: 1,
        direction: 2,
        behavior: 3,
        base: None,
        towards: [4, 4],
    },
    Version {
        columns: &[
            "cell type",
            "signal",
            "increases or decreases",
            "behavior",
            "base",
            "max response",
            "half-max",
            "Hill power",
            "applies to dead",
        ],
        signal: 1,
        direction: 2,
        behavior: 3,
        base: Some(4),
        towards: [5, 5],
    },
    Version {
        columns: &[
            "cell type",
            "behavior",
            "min",
            "base",
            "max",
            "signal",
            "increases or decreases",
            "half-max",
            "Hill power",
            "applies to dead",
        ],
        signal: 5,
        direction: 6,
        behavior: 1,
        base: Some(3),
        towards: [2, 4],
    },
];

/// The version with this many columns.
fn version(columns: usize) -> Option<&'static Version> {
    VERSIONS
        .iter()
        .find(|version| version.columns.len() == columns)
}

/// Reads a table; `source` is its number. Lines that begin with `//` are comments; there is no
/// header. All rows have one version: the one with the fewest columns, since PhysiCell, which
/// reads the newest only, passes over rows of any other.
///
/// # Errors
/// The first line with something wrong, and what.
pub fn statements(
    text: &str,
    source: usize,
    vocabulary: &Vocabulary,
    usage: Usage,
    notes: &mut Notes<'_>,
) -> Result<Vec<Statement>, (usize, String)> {
    let mut rows = Vec::new();
    // Line by line, so that an open quote cannot swallow what follows it, and every error has
    // its line.
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with("//") {
            continue;
        }
        let fields = fields(line, usage).map_err(|message| (number + 1, message))?;
        rows.push((number + 1, fields));
    }
    let known = |(_, fields): &&(usize, csv::StringRecord)| version(fields.len()).is_some();
    let model = rows
        .iter()
        .filter(known)
        .min_by_key(|(_, fields)| fields.len());
    let version = model.map_or(&VERSIONS[0], |(_, fields)| {
        version(fields.len()).unwrap_or(&VERSIONS[0])
    });
    let mut found = Vec::new();
    for (line, fields) in &rows {
        if let Err(message) = shape(fields, version, model.map(|(line, _)| *line)) {
            match usage {
                Usage::Milieu => return Err((*line, message)),
                Usage::PhysiCell => notes.skipped(*line, &message),
            }
            continue;
        }
        let row = Row {
            fields,
            version,
            source,
            line: *line,
            vocabulary,
            usage,
        };
        found.push(row.read(notes).map_err(|message| (*line, message))?);
    }
    Ok(found)
}

/// The fields of a line: separated by commas, or by tabs where commas make no rule.
fn fields(line: &str, usage: Usage) -> Result<csv::StringRecord, String> {
    let split = |delimiter: u8| {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .delimiter(delimiter)
            .buffer_capacity(line.len())
            .from_reader(line.as_bytes());
        let mut fields = csv::StringRecord::new();
        reader
            .read_record(&mut fields)
            .map_err(|error| error.to_string())?;
        if usage == Usage::PhysiCell {
            physicell::drop_empty_end(&mut fields);
        }
        Ok(fields)
    };
    let fields = split(b',')?;
    if line.contains('\t') && version(fields.len()).is_none() {
        return split(b'\t');
    }
    Ok(fields)
}

/// Whether a row has as many fields as its table's version, and none of them empty; `model` is
/// the line that says which version it is.
fn shape(
    fields: &csv::StringRecord,
    version: &Version,
    model: Option<usize>,
) -> Result<(), String> {
    let wanted = version.columns.len();
    if fields.len() != wanted {
        let where_seen = match model {
            Some(line) if self::version(fields.len()).is_some() => {
                format!(" of this file, as in line {line},")
            }
            _ => String::new(),
        };
        return Err(format!(
            "{} fields, but a rule{where_seen} has {wanted}\n  they are: {}",
            fields.len(),
            version.columns.join(", ")
        ));
    }
    if let Some(empty) = fields.iter().position(str::is_empty) {
        return Err(format!(
            "field {} is empty\n  {} belongs there",
            empty + 1,
            version.columns[empty]
        ));
    }
    Ok(())
}

/// A row of the right shape.
struct Row<'a> {
    fields: &'a csv::StringRecord,
    version: &'a Version,
    source: usize,
    line: usize,
    vocabulary: &'a Vocabulary,
    usage: Usage,
}

impl Row<'_> {
    /// What it says.
    fn read(&self, notes: &mut Notes<'_>) -> Result<Statement, String> {
        let Row {
            fields,
            version,
            vocabulary,
            ..
        } = *self;
        let cell_type = vocabulary.cell_type(&fields[0]);
        let subject = Subject::Cell {
            types: vec![cell_type.map_err(|error| error.to_string())?],
        };
        let signal = sentence::signal(&fields[version.signal], Side::Cell, vocabulary)?;
        let word = &fields[version.direction];
        let increases = match (word, self.usage) {
            ("increases", _) => true,
            ("decreases", _) => false,
            (_, Usage::PhysiCell) => physicell::increases(word, self.line, notes),
            _ => {
                return Err(format!(
                    "`{word}` is no direction\n  write `increases` or `decreases`"
                ));
            }
        };
        let behavior = sentence::behavior(&fields[version.behavior], &subject, vocabulary)?;
        let from = version.base.map(|column| self.number(column, notes));
        let from = from.transpose()?;
        let [down, up] = version.towards;
        let low = self.number(down, notes)?;
        let high = if up == down {
            low
        } else {
            self.number(up, notes)?
        };
        let last = fields.len();
        let unit = &vocabulary.signals.entry(signal).unit;
        let half_max = self.half_max(last - 3, unit, notes)?;
        let power = self.above_zero(last - 2, &Unit::one(), notes)?;
        let response = match self.usage {
            Usage::Milieu => Response::Hill { half_max, power },
            Usage::PhysiCell => Response::SignedHill { half_max, power },
        };
        let mut statement = Statement {
            source: self.source,
            line: self.line,
            subject,
            signals: vec![Read {
                side: Side::Cell,
                signal,
            }],
            increases,
            behavior,
            from,
            towards: if increases { high } else { low },
            response,
            every: None,
            size: None,
            dead: self.dead(last - 1, notes)?,
            row: None,
        };
        if self.usage == Usage::PhysiCell {
            let pool = (down != up).then_some([low, high]);
            let names = [&fields[version.signal], &fields[version.behavior]];
            statement.row = Some(physicell::row(
                &statement, names, word, pool, vocabulary, notes,
            ));
        }
        Ok(statement)
    }

    /// The number in a column.
    fn number(&self, column: usize, notes: &mut Notes<'_>) -> Result<f64, String> {
        let text = &self.fields[column];
        match (Amount::parse(text), self.usage) {
            (Ok(Amount { number, unit: None }), _) => Ok(number),
            (Ok(Amount { number, .. }), Usage::PhysiCell) => {
                notes.read_as(self.line, text, number);
                Ok(number)
            }
            _ => Err(format!(
                "{} is `{text}`, which is no number\n  a table holds bare numbers, in the units of \
                 the dictionary",
                self.version.columns[column]
            )),
        }
    }

    /// The number in a column, which has to be above 0.
    fn above_zero(&self, column: usize, unit: &Unit, notes: &mut Notes<'_>) -> Result<f64, String> {
        let number = self.number(column, notes)?;
        Amount { number, unit: None }.above_zero(unit, self.version.columns[column], "")
    }

    /// The half-max: above 0; under PhysiCell's usage below 0 too, for signals that are negative.
    fn half_max(&self, column: usize, unit: &Unit, notes: &mut Notes<'_>) -> Result<f64, String> {
        if self.usage == Usage::Milieu {
            return self.above_zero(column, unit, notes);
        }
        let number = self.number(column, notes)?;
        if number == 0.0 {
            return Err(format!(
                "half-max is {}, and a signal divided by it is no number\n  write another value",
                with_unit(number, unit)
            ));
        }
        Ok(number)
    }

    /// Whether the rule speaks for dead cells too.
    fn dead(&self, column: usize, notes: &mut Notes<'_>) -> Result<bool, String> {
        let text = &self.fields[column];
        if self.usage == Usage::PhysiCell {
            return Ok(physicell::applies_to_dead(text, self.line, notes));
        }
        match self.number(column, notes)? {
            0.0 => Ok(false),
            1.0 => Ok(true),
            _ => Err(format!(
                "applies to dead is `{text}`\n  write 0 (living cells only) or 1 (dead cells too)"
            )),
        }
    }
}
