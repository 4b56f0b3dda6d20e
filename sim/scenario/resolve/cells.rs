//! Groups of cells and arrivals.

use std::path::Path as FilePath;

use super::super::file::Named;
use super::super::file::cells as stated;
use super::super::problem::Path;
use super::super::{Arrival, CellTable, CellType, Domain, Founder, Place, Placement, Region};
use super::region::size;
use super::table::Table;
use super::{Resolver, physicell_table};
use crate::cell;
use crate::semantics::Semantics;

/// Cells of one group: as many take a gigabyte before the first step.
const MOST_CELLS: f64 = 10_000_000.0;

/// How many times over the cells of a group may fill their region: contact costs that many
/// neighbors a cell, and nobody who means it piles up more.
const MOST_LAYERS: f64 = 20.0;

impl Resolver<'_> {
    pub(super) fn groups(
        &mut self,
        stated: &Named<stated::Group>,
        domain: &Domain,
        types: &[CellType],
    ) -> Vec<Placement> {
        let at = Path::root().key("cells");
        let names: Vec<String> = stated.iter().map(|(name, _)| name.to_owned()).collect();
        self.distinct(&at, &names);
        let mut loaded = 0;
        let groups = stated.iter().filter_map(|(name, group)| {
            let at = at.key(name);
            let (place, table) = self.place(&at, name, group, loaded, domain, types)?;
            if let Place::Compartments(load) = &place {
                loaded = loaded.saturating_add(load.compartments);
            }
            Some(Placement {
                name: name.to_owned(),
                place,
                table,
            })
        });
        groups.collect()
    }

    fn place(
        &mut self,
        at: &Path,
        name: &str,
        group: &stated::Group,
        loaded: u64,
        domain: &Domain,
        types: &[CellType],
    ) -> Option<(Place, Option<CellTable>)> {
        let ways = [
            ("at", group.at.is_some()),
            ("file", group.file.is_some()),
            ("count", group.count.is_some()),
            ("packed", group.packed),
            ("compartments", group.compartments.is_some()),
        ];
        let ways: Vec<&str> = ways.iter().filter(|way| way.1).map(|way| way.0).collect();
        let [way] = ways[..] else {
            let message = match ways[..] {
                [] => "the group has no cells".to_owned(),
                _ => format!(
                    "the group is stated in more than one way: {}",
                    ways.join(", ")
                ),
            };
            let help = "write one of `at` (a list), `file` (a table), `count` and `packed = true` \
                        (a region), and `compartments`";
            self.complain(at, message, help.into());
            return None;
        };
        let is_region = way == "count" || way == "packed";
        for (key, is_there) in [
            ("spacing", group.spacing.is_some()),
            ("disc", group.disc.is_some()),
            ("sphere", group.sphere.is_some()),
            ("box", group.cuboid.is_some()),
        ] {
            if is_there && !is_region {
                let message = format!("`{key}` says nothing about cells given by `{way}`");
                let help = "leave it out, or write `count` or `packed = true`".into();
                self.complain(&at.key(key), message, help);
            }
        }
        if way == "compartments" {
            let place = self.load(at, name, group, loaded, domain, types)?;
            return Some((place, None));
        }
        self.loads_none(at, group);
        let named = group.cell_type.as_ref();
        let cell_type = match named {
            Some(name) => Some(self.number(&at.key("type"), "cell type", name)?),
            None if way == "file" => None,
            None => {
                let message = "`type` is missing".into();
                let help = "say which cell type they are".into();
                self.complain(&at.key("type"), message, help);
                return None;
            }
        };
        if let Some(file) = &group.file {
            let file_at = at.key("file");
            let before = self.problems.len();
            let file = self.file(&file_at, file);
            if self.problems.len() > before {
                return None;
            }
            return match self.semantics {
                Semantics::Milieu => self.table(&file, cell_type, domain, types),
                Semantics::PhysiCell => {
                    match physicell_table::read(&file, cell_type, domain, types) {
                        Ok(read) => {
                            self.notes.extend(read.notes);
                            Some((Place::Explicit { cells: read.cells }, Some(read.table)))
                        }
                        Err(problem) => {
                            self.problems.push(problem);
                            None
                        }
                    }
                }
            };
        }
        let cell_type = cell_type?;
        if let Some(centers) = &group.at {
            let at = at.key("at");
            let mut cells = Vec::new();
            for (number, center) in centers.iter().enumerate() {
                let at = at.index(number);
                if let Some(position) = self.inside(&at, center, domain) {
                    cells.push(Founder {
                        cell_type,
                        position,
                        volume: None,
                        values: Vec::new(),
                        line: 0,
                    });
                }
            }
            return Some((Place::Explicit { cells }, None));
        }
        let region = self.region(
            at,
            [&group.disc, &group.sphere],
            group.cuboid.as_ref(),
            domain,
        )?;
        let radius = cell::radius(types[cell_type].volume.total);
        let default = if group.packed { 1.9 * radius } else { 0.0 };
        let spacing = group.spacing.map_or(default, |spacing| spacing.0);
        if group.packed && spacing == 0.0 {
            let message = "packed cells need a distance".into();
            let help = "write a positive `spacing`, or leave it out for 1.9 radii".into();
            self.complain(&at.key("spacing"), message, help);
            return None;
        }
        let (key, count) = match group.count {
            Some(count) => ("count", count as f64),
            None => ("spacing", packed(&region, spacing, domain)),
        };
        self.room(&at.key(key), key, count, &region, radius, domain);
        let place = Place::Region {
            cell_type,
            count: group.count,
            region,
            spacing,
        };
        Some((place, None))
    }

    /// Complains about more cells than a region or a run can hold, before any is placed; `key`,
    /// which stands at `at`, says how many there are, or how near to each other.
    pub(super) fn room(
        &mut self,
        at: &Path,
        key: &str,
        count: f64,
        region: &Region,
        radius: f64,
        domain: &Domain,
    ) {
        let size = size(region, domain);
        let (cell, fill) = match domain.dimensions {
            2 => (std::f64::consts::PI * radius * radius, "cover"),
            _ => (cell::sphere(radius), "fill"),
        };
        let times = count * cell / size;
        let help = match key {
            "spacing" => "raise it, or leave it out for 1.9 radii",
            _ => "lower it, or enlarge the region",
        };
        if count > MOST_CELLS {
            let message =
                format!("{count:.0} cells are too many; a group holds at most {MOST_CELLS}");
            self.complain(at, message, help.into());
        } else if times > MOST_LAYERS {
            let message = format!(
                "{count:.0} cells of {radius:.1} µm radius {fill} the region {times:.0} times over; \
                 at most {MOST_LAYERS} times is possible"
            );
            self.complain(at, message, help.into());
        }
    }

    pub(super) fn arrivals(
        &mut self,
        stated: &Named<stated::Arrival>,
        domain: &Domain,
        duration: f64,
    ) -> Vec<Arrival> {
        let at = Path::root().key("arrivals");
        let names: Vec<String> = stated.iter().map(|(name, _)| name.to_owned()).collect();
        self.distinct(&at, &names);
        let mut arrivals = Vec::new();
        for (name, stated) in stated.iter() {
            let at = at.key(name);
            let start = stated.start.0;
            let stop = stated.stop.map_or(duration, |stop| stop.0);
            if stop <= start {
                let message = format!("the stream begins at {start} min and ends at {stop} min");
                let help = "`stop` must be later than `start`".into();
                self.complain(&at.key("stop"), message, help);
            }
            let cell_type = self.number(&at.key("type"), "cell type", &stated.cell_type);
            let balls = [&stated.disc, &stated.sphere];
            let region = self.region(&at, balls, stated.cuboid.as_ref(), domain);
            if let (Some(cell_type), Some(region)) = (cell_type, region) {
                arrivals.push(Arrival {
                    name: name.to_owned(),
                    cell_type,
                    rate: stated.rate.0,
                    start,
                    stop,
                    region,
                });
            }
        }
        arrivals
    }

    /// A table of cells in the domain's own coordinates.
    pub(super) fn table(
        &mut self,
        file: &FilePath,
        cell_type: Option<usize>,
        domain: &Domain,
        types: &[CellType],
    ) -> Option<(Place, Option<CellTable>)> {
        match Table::read(file).and_then(|table| table.founders(cell_type, domain, types)) {
            Ok((cells, table)) => Some((Place::Explicit { cells }, Some(table))),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }
}

/// How many cells a packed region holds: rows √3/2 spacings apart, or layers of them √(2/3) apart.
fn packed(region: &Region, spacing: f64, domain: &Domain) -> f64 {
    let size = size(region, domain);
    match domain.dimensions {
        2 => size / (0.75f64.sqrt() * spacing * spacing),
        _ => size * 2.0f64.sqrt() / (spacing * spacing * spacing),
    }
}
