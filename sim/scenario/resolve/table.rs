//! Tables of cells in CSV: those a scenario's groups name, and those of an image's segmentation.

use std::path::{Path as FilePath, PathBuf};

use rules::dictionary::normal;

use super::super::problem::{Problem, misspelled};
use super::super::{CellTable, CellType, Domain, Founder};
use super::elsewhere;
use super::region::{contains, out_of, too_wide};
use crate::cell::sphere;

/// A CSV table with a header; empty fields are allowed, ragged rows are not.
pub(super) struct Table {
    file: PathBuf,
    header: Vec<String>,
    rows: Vec<(usize, csv::StringRecord)>,
}

/// Which columns of a segmentation are read.
pub(super) struct Columns<'a> {
    pub x: &'a str,
    pub y: &'a str,
    pub z: Option<&'a str>,
    pub cell_type: &'a str,
    /// `area`, `radius` or `volume`, and the column that holds it.
    pub size: Option<(&'a str, &'a str)>,
}

/// One cell of a segmentation, in its own units.
pub(super) struct Segmented {
    pub line: usize,
    pub position: [f64; 3],
    pub cell_type: Option<usize>,
    pub size: Option<f64>,
}

impl Table {
    pub(super) fn read(file: &FilePath) -> Result<Table, Problem> {
        let unreadable = |error: csv::Error| {
            let line = error.position().map(|position| position.line() as usize);
            let message = match error.kind() {
                csv::ErrorKind::Io(error) => format!("cannot be read: {error}"),
                csv::ErrorKind::UnequalLengths {
                    expected_len, len, ..
                } => format!("the row has {len} fields, the header {expected_len}"),
                _ => error.to_string(),
            };
            let help = "a table of cells is a CSV file with a header".into();
            elsewhere(file, line, message, help)
        };
        // A device such as /dev/zero has no end.
        let kind = std::fs::metadata(file).map_err(|error| unreadable(error.into()))?;
        if !kind.is_file() {
            let message = match kind.is_dir() {
                true => "this is a folder",
                false => "this is not a regular file",
            };
            let help = "a table of cells is a CSV file with a header".into();
            return Err(elsewhere(file, None, message.into(), help));
        }
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_path(file)
            .map_err(unreadable)?;
        let header = reader.headers().map_err(unreadable)?;
        let header: Vec<String> = header.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.map_err(unreadable)?;
            let line = row
                .position()
                .map_or(0, |position| position.line() as usize);
            rows.push((line, row));
        }
        if rows.is_empty() {
            let help = "give each cell a row below the header".into();
            return Err(elsewhere(
                file,
                Some(1),
                "the table has no cells".into(),
                help,
            ));
        }
        Ok(Table {
            file: file.to_owned(),
            header,
            rows,
        })
    }

    /// The cells of a table in the domain's own coordinates. Rows that name no type are of `cell_type`.
    pub(super) fn founders(
        &self,
        cell_type: Option<usize>,
        domain: &Domain,
        types: &[CellType],
    ) -> Result<(Vec<Founder>, CellTable), Problem> {
        self.check_header()?;
        let (x, y) = (self.column("x")?, self.column("y")?);
        let z = self.find("z");
        if z.is_none() && domain.dimensions == 3 {
            self.column("z")?;
        }
        let type_column = self.find("type");
        if type_column.is_none() && cell_type.is_none() {
            self.column("type")?;
        }
        let (volume, radius) = (self.find("volume"), self.find("radius"));
        if let (Some(_), Some(_)) = (volume, radius) {
            let message = "the table has both a `volume` and a `radius`".into();
            let help = "one follows from the other: leave one out".into();
            return Err(self.problem(1, message, help));
        }
        let known = [Some(x), Some(y), z, type_column, volume, radius];
        let extra: Vec<usize> = (0..self.header.len())
            .filter(|column| !known.contains(&Some(*column)))
            .collect();
        let (mut cells, mut outside) = (Vec::new(), Vec::new());
        for (line, row) in &self.rows {
            let line = *line;
            let number = |column| self.number(line, row, column);
            let needed = |column: usize| {
                number(column)?.ok_or_else(|| {
                    let message = format!("`{}` is empty", self.header[column]);
                    self.problem(line, message, "every cell needs a position".into())
                })
            };
            let position = [needed(x)?, needed(y)?, z.map_or(Ok(0.0), needed)?];
            let named = type_column
                .map(|column| &row[column])
                .filter(|name| !name.is_empty());
            let cell_type = match (named, cell_type) {
                (Some(name), _) => self.cell_type(line, name, types)?,
                (None, Some(cell_type)) => cell_type,
                (None, None) => {
                    let message = "`type` is empty".into();
                    let help = "name a type here, or for the whole group in the scenario".into();
                    return Err(self.problem(line, message, help));
                }
            };
            if domain.dimensions == 2 && position[2] != 0.0 {
                let message = format!("z is {} in a domain of 2 dimensions", position[2]);
                let help = "write 0 or leave the column out".into();
                return Err(self.problem(line, message, help));
            }
            if !contains(domain, position) {
                outside.push((line, position));
            }
            let size = match (volume, radius) {
                (Some(column), _) => number(column)?,
                (_, Some(column)) => number(column)?.map(sphere),
                _ => None,
            };
            if size.is_some_and(|size| size <= 0.0) {
                let help = "leave the field empty for the type's own".into();
                return Err(self.problem(line, "the size is not positive".into(), help));
            }
            if let Some((message, help)) = size.and_then(|size| too_wide(size, domain)) {
                return Err(self.problem(line, message, help));
            }
            let mut values = Vec::new();
            for &column in &extra {
                if let Some(value) = number(column)? {
                    let name = &self.header[column];
                    self.check_custom(line, name, &types[cell_type])?;
                    values.push((name.clone(), value));
                }
            }
            cells.push(Founder {
                cell_type,
                position,
                volume: size,
                values,
                line,
            });
        }
        match outside.first() {
            Some(&(line, at)) => Err(out_of(&self.file, line, at, outside.len(), domain)),
            None => {
                let columns = extra.iter().map(|&column| self.header[column].clone());
                let table = CellTable {
                    file: self.file.clone(),
                    columns: columns.collect(),
                };
                Ok((cells, table))
            }
        }
    }

    /// Refuses columns without a name, and one name in two columns.
    fn check_header(&self) -> Result<(), Problem> {
        for (number, name) in self.header.iter().enumerate() {
            if normal(name).is_empty() {
                let message = format!("column {} has no name", number + 1);
                let help = "name it, or take it out of the table".into();
                return Err(self.problem(1, message, help));
            }
            self.only(number)?;
        }
        Ok(())
    }

    /// Refuses a column if one before it or behind it has its name.
    fn only(&self, column: usize) -> Result<(), Problem> {
        let name = normal(&self.header[column]);
        let mut same = self.header.iter().filter(|other| normal(other) == name);
        match (same.next(), same.next()) {
            (Some(first), Some(second)) => {
                let message = format!("the columns `{first}` and `{second}` have one name");
                Err(self.problem(1, message, "take one out, or rename it".into()))
            }
            _ => Ok(()),
        }
    }

    /// The cells of a segmentation. `types` maps phenotypes; to `None` where a cell is left out.
    pub(super) fn segmented(
        &self,
        columns: &Columns<'_>,
        types: &[(&str, Option<usize>)],
    ) -> Result<Vec<Segmented>, Problem> {
        let (x, y) = (self.column(columns.x)?, self.column(columns.y)?);
        let z = columns.z.map(|name| self.column(name)).transpose()?;
        let phenotype = self.column(columns.cell_type)?;
        let size = columns
            .size
            .map(|(_, name)| self.column(name))
            .transpose()?;
        let mut unmapped: Vec<(usize, &str, usize)> = Vec::new();
        let mut cells = Vec::new();
        for (line, row) in &self.rows {
            let line = *line;
            let number = |column: usize| {
                self.number(line, row, column)?.ok_or_else(|| {
                    let message = format!("`{}` is empty", self.header[column]);
                    self.problem(line, message, "fill it, or leave the row out".into())
                })
            };
            let name = &row[phenotype];
            let mapped = types
                .iter()
                .find(|(other, _)| normal(other) == normal(name));
            if mapped.is_none() {
                match unmapped.iter_mut().find(|(_, other, _)| *other == name) {
                    Some((_, _, count)) => *count += 1,
                    None => unmapped.push((line, name, 1)),
                }
            }
            let size = size.map(number).transpose()?;
            if size.is_some_and(|size| size <= 0.0) {
                let help = "correct the segmentation, or leave the row out".into();
                return Err(self.problem(line, "the size is not positive".into(), help));
            }
            cells.push(Segmented {
                line,
                position: [number(x)?, number(y)?, z.map_or(Ok(0.0), number)?],
                cell_type: mapped.and_then(|(_, number)| *number),
                size,
            });
        }
        let Some(&(line, ..)) = unmapped.first() else {
            return Ok(cells);
        };
        let names: Vec<String> = unmapped
            .iter()
            .map(|(_, name, count)| format!("\"{name}\" ({count})"))
            .collect();
        let message = format!("phenotypes without a cell type: {}", names.join(", "));
        let help = "map each in [import.types], to \"\" to leave its cells out".into();
        Err(self.problem(line, message, help))
    }

    fn find(&self, name: &str) -> Option<usize> {
        let wanted = normal(name);
        self.header
            .iter()
            .position(|column| normal(column) == wanted)
    }

    fn column(&self, name: &str) -> Result<usize, Problem> {
        let column = self.find(name).ok_or_else(|| {
            let message = format!("the table has no column `{name}`");
            let help = format!("its columns are {}", self.header.join(", "));
            self.problem(1, message, help)
        })?;
        self.only(column)?;
        Ok(column)
    }

    /// A field as a number; `None` where it is empty.
    fn number(
        &self,
        line: usize,
        row: &csv::StringRecord,
        column: usize,
    ) -> Result<Option<f64>, Problem> {
        let text = &row[column];
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => {
                let message = format!("`{}` is not a number: `{text}`", self.header[column]);
                let help = "write a plain number; µm, min and a behavior's own unit are meant";
                Err(self.problem(line, message, help.into()))
            }
        }
    }

    fn cell_type(&self, line: usize, name: &str, types: &[CellType]) -> Result<usize, Problem> {
        let found = types
            .iter()
            .position(|other| normal(&other.name) == normal(name));
        found.ok_or_else(|| {
            let known = types.iter().map(|other| other.name.as_str());
            let (message, help) = misspelled("cell type", name, known);
            self.problem(line, message, help)
        })
    }

    /// Names of behaviors are checked by the simulation, which knows them; those of custom numbers here.
    fn check_custom(&self, line: usize, name: &str, cell_type: &CellType) -> Result<(), Problem> {
        let Some(own) = name.strip_prefix("custom:").map(str::trim) else {
            return Ok(());
        };
        if cell_type
            .custom
            .iter()
            .any(|known| normal(&known.name) == normal(own))
        {
            return Ok(());
        }
        let known = cell_type.custom.iter().map(|known| known.name.as_str());
        let (message, mut help) = misspelled("custom number", own, known);
        if cell_type.custom.is_empty() {
            help = format!(
                "state its value in [cell_types.\"{}\".custom], or leave the field empty",
                cell_type.name
            );
        }
        Err(self.problem(line, message, help))
    }

    fn problem(&self, line: usize, message: String, help: String) -> Problem {
        elsewhere(&self.file, Some(line), message, help)
    }
}
