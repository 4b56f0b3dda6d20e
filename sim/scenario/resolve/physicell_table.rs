//! Tables of cells as PhysiCell reads them: with a header and names of types, or without one and
//! with numbers of types.

use std::path::Path as FilePath;

use rules::dictionary::normal;

use super::super::problem::Problem;
use super::super::{CellTable, CellType, Domain, Founder};
use super::elsewhere;

const HELP: &str = "a table is x,y,z and the number of a type in each line, or names its columns \
                    in the first: x,y,z,type and behaviors";

/// The founders of a table, and what was passed over in it.
pub(super) struct Read {
    pub(super) cells: Vec<Founder>,
    pub(super) table: CellTable,
    pub(super) notes: Vec<String>,
}

/// Reads a table. As PhysiCell does, it passes over columns without a meaning and rows of unknown
/// types, which become notes, and over fields that are empty or begin with an s, for "skip"; a
/// cell may stand outside the domain, where it takes part in nothing.
pub(super) fn read(
    file: &FilePath,
    cell_type: Option<usize>,
    domain: &Domain,
    types: &[CellType],
) -> Result<Read, Problem> {
    let unreadable = |error: csv::Error| {
        let line = error.position().map(|position| position.line() as usize);
        elsewhere(file, line, error.to_string(), HELP.into())
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_path(file)
        .map_err(unreadable)?;
    let mut header: Option<Vec<String>> = None;
    let mut read = Read {
        cells: Vec::new(),
        table: CellTable {
            file: file.to_owned(),
            columns: Vec::new(),
        },
        notes: Vec::new(),
    };
    // Types that are unknown, with the first line of each and the number of rows.
    let mut strangers: Vec<(String, usize, usize)> = Vec::new();
    let mut is_first = true;
    for row in reader.records() {
        let row = row.map_err(unreadable)?;
        let line = row
            .position()
            .map_or(0, |position| position.line() as usize);
        let wrong = |message: String| elsewhere(file, Some(line), message, HELP.into());
        let fields: Vec<&str> = row
            .iter()
            .map(|field| field.trim_start_matches('\u{feff}'))
            .collect();
        if fields.iter().all(|field| field.is_empty()) {
            continue;
        }
        if std::mem::take(&mut is_first) && fields[0].starts_with(['x', 'X']) {
            let names: Vec<String> = fields.iter().map(|name| (*name).to_owned()).collect();
            // The first four are taken by their place, whatever they are called.
            if names.len() < 4 {
                return Err(wrong(format!("the columns are {}", names.join(", "))));
            }
            header = Some(names);
            continue;
        }
        if fields.len() < 4 {
            return Err(wrong(format!("the row has {} fields", fields.len())));
        }
        let number = |column: usize| -> Result<f64, Problem> {
            let number = fields[column].parse::<f64>().ok();
            number
                .filter(|number| number.is_finite())
                .ok_or_else(|| wrong(format!("`{}` is not a number", fields[column])))
        };
        let position = [number(0)?, number(1)?, number(2)?];
        let found = match (&header, cell_type) {
            (_, Some(cell_type)) => Some(cell_type),
            (Some(_), None) => types
                .iter()
                .position(|known| normal(&known.name) == normal(fields[3])),
            (None, None) => {
                let number = usize::try_from(number(3)?.trunc() as i64);
                number.ok().filter(|&number| number < types.len())
            }
        };
        let Some(cell_type) = found else {
            let strange = strangers.iter_mut().find(|(name, ..)| name == fields[3]);
            match strange {
                Some((_, _, count)) => *count += 1,
                None => strangers.push((fields[3].to_owned(), line, 1)),
            }
            continue;
        };
        let mut founder = Founder {
            cell_type,
            position,
            volume: None,
            values: Vec::new(),
            line,
        };
        for (column, name) in header.iter().flatten().enumerate().skip(4) {
            let is_skipped = |field: &&str| field.is_empty() || field.starts_with(['s', 'S']);
            if fields.get(column).is_none_or(is_skipped) {
                continue;
            }
            let value = number(column)?;
            if normal(name) == "volume" {
                if value <= 0.0 {
                    return Err(wrong(format!("a volume of {value} µm³ is none")));
                }
                founder.volume = Some(value);
            } else {
                founder.values.push((name.clone(), value));
            }
        }
        read.cells.push(founder);
    }
    for (name, line, count) in strangers {
        let rows = match count {
            1 => "the row is".to_owned(),
            count => format!("{count} rows are"),
        };
        read.notes.push(format!(
            "{}:{line}: there is no cell type `{name}`; {rows} left out",
            file.display()
        ));
    }
    let columns = header.into_iter().flatten().skip(4);
    read.table.columns = columns.filter(|name| normal(name) != "volume").collect();
    let outside = read
        .cells
        .iter()
        .filter(|cell| !super::region::contains(domain, cell.position))
        .count();
    if outside > 0 {
        read.notes.push(format!(
            "{}: {outside} cells stand outside the domain and take part in nothing",
            file.display()
        ));
    }
    Ok(read)
}
