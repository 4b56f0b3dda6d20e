//! Densities at the start, voxel by voxel, from a table.

use std::path::Path as FilePath;

use rules::dictionary::normal;

use super::super::problem::{Path, Problem, misspelled};
use super::super::{Domain, Substrate};
use super::{Resolver, elsewhere};

/// A table by columns: x, y, z, then one a substrate, each with its name where it has one.
struct Columns {
    names: Option<Vec<String>>,
    /// `[row][column]`.
    rows: Vec<Vec<f64>>,
}

impl Resolver<'_> {
    /// Gives substrates the densities of the table called `name`.
    pub(super) fn initial_densities(
        &mut self,
        name: &str,
        domain: &Domain,
        substrates: &mut [Substrate],
    ) {
        let at = Path::root().key("initial_densities");
        let before = self.problems.len();
        let file = self.file(&at, name);
        if self.problems.len() > before {
            return;
        }
        let read = match file.extension().and_then(|extension| extension.to_str()) {
            Some("mat") => matlab(&file),
            _ => comma_separated(&file),
        };
        if let Err(problem) = read.and_then(|columns| fill(&columns, &file, domain, substrates)) {
            self.problems.push(problem);
        }
    }
}

fn wrong(file: &FilePath, line: Option<usize>, message: String, help: &str) -> Problem {
    elsewhere(file, line, message, help.into())
}

const CSV: &str = "the first line names the columns: x, y, z and substrates; each voxel has a line";

/// A CSV table with a header.
fn comma_separated(file: &FilePath) -> Result<Columns, Problem> {
    let unreadable = |error: csv::Error| {
        let line = error.position().map(|position| position.line() as usize);
        wrong(file, line, error.to_string(), CSV)
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(file)
        .map_err(unreadable)?;
    let names: Vec<String> = reader
        .headers()
        .map_err(unreadable)?
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').to_owned())
        .collect();
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        let message = "the table has no line that names its columns".into();
        return Err(wrong(file, Some(1), message, CSV));
    }
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(unreadable)?;
        let line = row.position().map(|position| position.line() as usize);
        let numbers = row.iter().map(|field| {
            let number = field
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite());
            number.ok_or_else(|| wrong(file, line, format!("`{field}` is not a number"), CSV))
        });
        rows.push(numbers.collect::<Result<_, _>>()?);
    }
    Ok(Columns {
        names: Some(names),
        rows,
    })
}

const MATLAB: &str = "a MATLAB level 4 file of one real matrix is wanted, a row a voxel: x, y, z, then all substrates";

/// A matrix in a MATLAB level 4 file: five 32-bit words (type, rows, columns, whether it is
/// complex, length of the name), the name, then doubles column by column.
fn matlab(file: &FilePath) -> Result<Columns, Problem> {
    let bytes = std::fs::read(file)
        .map_err(|error| wrong(file, None, format!("cannot be read: {error}"), MATLAB))?;
    let is_not = || wrong(file, None, "this is not such a matrix".into(), MATLAB);
    let word = |number: usize| -> Result<usize, Problem> {
        let bytes = bytes.get(4 * number..4 * number + 4).ok_or_else(is_not)?;
        Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes")) as usize)
    };
    let (kind, rows, columns) = (word(0)?, word(1)?, word(2)?);
    let (is_complex, name) = (word(3)?, word(4)?);
    let count = rows.checked_mul(columns).ok_or_else(is_not)?;
    let numbers = bytes
        .get(20usize.saturating_add(name)..)
        .ok_or_else(is_not)?;
    if kind != 0 || is_complex != 0 || columns < 3 || count.checked_mul(8) != Some(numbers.len()) {
        return Err(is_not());
    }
    let numbers: Vec<f64> = numbers
        .chunks_exact(8)
        .map(|bytes| f64::from_le_bytes(bytes.try_into().expect("eight bytes")))
        .collect();
    Ok(Columns {
        names: None,
        rows: (0..rows)
            .map(|row| {
                (0..columns)
                    .map(|column| numbers[column * rows + row])
                    .collect()
            })
            .collect(),
    })
}

fn fill(
    table: &Columns,
    file: &FilePath,
    domain: &Domain,
    substrates: &mut [Substrate],
) -> Result<(), Problem> {
    let shape: [usize; 3] = std::array::from_fn(|axis| {
        let extent = domain.max[axis] - domain.min[axis];
        (extent / domain.voxel[axis]).round() as usize
    });
    let voxels: usize = shape.iter().product();
    let line = |row: usize| table.names.as_ref().map(|_| row + 2);
    let targets: Vec<usize> = match &table.names {
        None => (0..substrates.len()).collect(),
        Some(names) => {
            let axes = names.iter().take(3).map(|name| normal(name));
            if !axes.eq(["x", "y", "z"]) {
                let message = format!("the columns are {}", names.join(", "));
                return Err(wrong(file, Some(1), message, CSV));
            }
            let known = |name: &String| {
                let mut all = substrates.iter();
                all.position(|substrate| normal(&substrate.name) == normal(name))
                    .ok_or_else(|| {
                        let known = substrates.iter().map(|substrate| substrate.name.as_str());
                        let (message, help) = misspelled("substrate", name, known);
                        elsewhere(file, Some(1), message, help)
                    })
            };
            names[3..].iter().map(known).collect::<Result<_, _>>()?
        }
    };
    let mut fields = vec![vec![f64::NAN; voxels]; targets.len()];
    let mut filled = vec![false; voxels];
    for (number, row) in table.rows.iter().enumerate() {
        if row.len() != 3 + targets.len() {
            let message = format!(
                "a row of {} numbers, but x, y, z and {} substrates are {}",
                row.len(),
                targets.len(),
                3 + targets.len()
            );
            return Err(wrong(file, line(number), message, "complete the row"));
        }
        let mut voxel = 0;
        for axis in (0..3).rev() {
            let place = ((row[axis] - domain.min[axis]) / domain.voxel[axis]).floor();
            if !(0.0..shape[axis] as f64).contains(&place) {
                let message = format!(
                    "({}, {}, {}) lies outside the domain",
                    row[0], row[1], row[2]
                );
                let help = "rows are the centers of voxels, in µm";
                return Err(wrong(file, line(number), message, help));
            }
            voxel = voxel * shape[axis] + place as usize;
        }
        if std::mem::replace(&mut filled[voxel], true) {
            let message = format!(
                "({}, {}, {}) is a voxel that stands above",
                row[0], row[1], row[2]
            );
            return Err(wrong(
                file,
                line(number),
                message,
                "give each voxel one row",
            ));
        }
        for (field, &value) in fields.iter_mut().zip(&row[3..]) {
            if !(0.0..f64::INFINITY).contains(&value) {
                let message = format!("a density of {value}");
                return Err(wrong(
                    file,
                    line(number),
                    message,
                    "densities are finite and never negative",
                ));
            }
            field[voxel] = value;
        }
    }
    let missing = filled.iter().filter(|filled| !**filled).count();
    if missing > 0 {
        let message = format!("{missing} of {voxels} voxels are missing");
        return Err(wrong(file, None, message, "give each voxel one row"));
    }
    for (target, field) in targets.into_iter().zip(fields) {
        substrates[target].initial_field = Some(field);
    }
    Ok(())
}
