//! Tables of segmented cells, which `--cells FILE` puts in the place of all groups.

use std::path::Path as FilePath;

use super::super::file::cells as stated;
use super::super::problem::Path;
use super::super::{CellType, Domain, Founder, Place, Placement};
use super::region::{contains, middle, out_of, too_wide};
use super::table::{Columns, Table};
use super::{Resolver, elsewhere};
use crate::cell::sphere;

impl Resolver<'_> {
    /// The cells of a table of segmented cells, instead of all groups.
    pub(super) fn imported(
        &mut self,
        file: &FilePath,
        import: Option<&stated::Import>,
        domain: &Domain,
        types: &[CellType],
    ) -> Vec<Placement> {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let place = match import {
            // Without a word on pixels and phenotypes, it is a table like those of `cells`.
            None => self.table(file, None, domain, types),
            Some(import) => self.mapped(file, import, domain).map(|place| (place, None)),
        };
        let placements = place.into_iter().map(|(place, table)| Placement {
            name: name.clone().into_owned(),
            place,
            table,
        });
        placements.collect()
    }

    fn mapped(
        &mut self,
        file: &FilePath,
        import: &stated::Import,
        domain: &Domain,
    ) -> Option<Place> {
        let at = Path::root().key("import");
        let sizes = [
            ("area", &import.area),
            ("radius", &import.radius),
            ("volume", &import.volume),
        ];
        let mut sizes = sizes
            .iter()
            .filter_map(|(key, column)| column.as_ref().map(|column| (*key, column.as_str())));
        let size = sizes.next();
        if let Some((key, _)) = sizes.next() {
            let message = "the size of a cell is stated more than once".into();
            let help = "write one of `area`, `radius` and `volume`".into();
            self.complain(&at.key(key), message, help);
        }
        let names: Vec<String> = import.types.iter().map(|(name, _)| name.into()).collect();
        self.distinct(&at.key("types"), &names);
        let before = self.problems.len();
        let map: Vec<(&str, Option<usize>)> = import
            .types
            .iter()
            .map(|(phenotype, name)| {
                let at = at.key("types").key(phenotype);
                let number = match name.as_str() {
                    "" => None,
                    name => self.number(&at, "cell type", name),
                };
                (phenotype, number)
            })
            .collect();
        if self.problems.len() > before {
            return None;
        }
        let columns = Columns {
            x: &import.x,
            y: &import.y,
            z: import.z.as_deref(),
            cell_type: &import.cell_type,
            size,
        };
        let read = Table::read(file).and_then(|table| table.segmented(&columns, &map));
        let rows = match read {
            Ok(rows) => rows,
            Err(problem) => {
                self.problems.push(problem);
                return None;
            }
        };
        let pixel = import.pixel.0;
        let mut offset = [0.0; 3];
        for axis in 0..3 {
            let least = rows
                .iter()
                .map(|row| row.position[axis])
                .fold(f64::INFINITY, f64::min);
            let most = rows
                .iter()
                .map(|row| row.position[axis])
                .fold(f64::NEG_INFINITY, f64::max);
            if import.center && least <= most {
                offset[axis] = middle(domain)[axis] - pixel * (least + most) / 2.0;
            }
        }
        let (mut cells, mut left_out, mut outside) = (Vec::new(), 0, Vec::new());
        for row in &rows {
            let Some(cell_type) = row.cell_type else {
                left_out += 1;
                continue;
            };
            let position = [0, 1, 2].map(|axis| pixel * row.position[axis] + offset[axis]);
            if !contains(domain, position) {
                outside.push((row.line, position));
            }
            let volume = row.size.map(|size| match columns.size {
                Some(("area", _)) => sphere(pixel * (size / std::f64::consts::PI).sqrt()),
                Some(("radius", _)) => sphere(pixel * size),
                _ => pixel * pixel * pixel * size,
            });
            if let Some((message, help)) = volume.and_then(|volume| too_wide(volume, domain)) {
                self.problems
                    .push(elsewhere(file, Some(row.line), message, help));
                return None;
            }
            cells.push(Founder {
                cell_type,
                position,
                volume,
                values: Vec::new(),
                line: row.line,
            });
        }
        if let Some(&(line, position)) = outside.first() {
            self.problems
                .push(out_of(file, line, position, outside.len(), domain));
            return None;
        }
        let mut note = format!("{}: {} cells", file.display(), cells.len());
        if left_out > 0 {
            note += &format!(", {left_out} left out because their phenotype is mapped to \"\"");
        }
        self.notes.push(note);
        Some(Place::Explicit { cells })
    }
}
