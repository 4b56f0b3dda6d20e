//! Tables of figures, by column.

use std::path::Path;

/// A CSV table with a header.
pub struct Table {
    header: Vec<String>,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    pub fn read(file: &Path) -> Table {
        let mut reader = csv::Reader::from_path(file).unwrap();
        let header = reader
            .headers()
            .unwrap()
            .iter()
            .map(str::to_owned)
            .collect();
        Table {
            header,
            rows: reader.records().map(Result::unwrap).collect(),
        }
    }

    /// The rows with these values in these columns.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|record| Row {
            header: &self.header,
            record,
        })
    }
}

#[derive(Clone, Copy)]
pub struct Row<'a> {
    header: &'a [String],
    record: &'a csv::StringRecord,
}

impl Row<'_> {
    pub fn text(&self, column: &str) -> &str {
        let place = self.header.iter().position(|name| name == column);
        &self.record[place.unwrap_or_else(|| panic!("no column {column}"))]
    }

    pub fn number(&self, column: &str) -> f64 {
        self.text(column).parse().unwrap()
    }
}

/// Whether a figure of twelve printed digits is met to 10⁻⁶ of it, or to `least`, what its own
/// arithmetic leaves of a zero.
pub fn is_met(found: f64, wanted: f64, least: f64) -> bool {
    (found - wanted).abs() <= (1e-6 * wanted.abs()).max(least)
}
