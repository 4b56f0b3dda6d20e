//! Groups of cells, regions and arrivals.

use std::path::Path as FilePath;

use super::super::file::cells as stated;
use super::super::file::{Coordinate, Named, Quantity};
use super::super::problem::Path;
use super::super::{Arrival, CellType, Domain, Founder, Place, Placement, Region};
use super::cell_type::sphere;
use super::table::{Columns, Table};
use super::{Resolver, elsewhere};

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
        let groups = stated.iter().filter_map(|(name, group)| {
            let place = self.place(&at.key(name), group, domain, types)?;
            Some(Placement {
                name: name.to_owned(),
                place,
            })
        });
        groups.collect()
    }

    fn place(
        &mut self,
        at: &Path,
        group: &stated::Group,
        domain: &Domain,
        types: &[CellType],
    ) -> Option<Place> {
        let ways = [
            ("at", group.at.is_some()),
            ("file", group.file.is_some()),
            ("count", group.count.is_some()),
            ("packed", group.packed),
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
                        (a region)";
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
            return self.table(&file, cell_type, domain, types);
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
                    });
                }
            }
            return Some(Place::Explicit { cells });
        }
        let region = self.region(
            at,
            [&group.disc, &group.sphere],
            group.cuboid.as_ref(),
            domain,
        )?;
        let radius = radius(types[cell_type].volume.total);
        let default = if group.packed { 1.9 * radius } else { 0.0 };
        let spacing = group.spacing.map_or(default, |spacing| spacing.0);
        if group.packed && spacing == 0.0 {
            let message = "packed cells need a distance".into();
            let help = "write a positive `spacing`, or leave it out for 1.9 radii".into();
            self.complain(&at.key("spacing"), message, help);
        }
        Some(Place::Region {
            cell_type,
            count: group.count,
            region,
            spacing,
        })
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

    fn region(
        &mut self,
        at: &Path,
        [disc, ball]: [&Option<stated::Ball>; 2],
        cuboid: Option<&stated::Cuboid>,
        domain: &Domain,
    ) -> Option<Region> {
        let (key, stated) = match (disc, ball, cuboid) {
            (None, None, None) => {
                return Some(Region::Box {
                    min: domain.min,
                    max: domain.max,
                });
            }
            (None, None, Some(cuboid)) => return self.cuboid(&at.key("box"), cuboid, domain),
            (Some(disc), None, None) => ("disc", disc),
            (None, Some(ball), None) => ("sphere", ball),
            _ => {
                let message = "more than one region is stated".into();
                let help = "write one of `disc`, `sphere` and `box`".into();
                self.complain(at, message, help);
                return None;
            }
        };
        let at = at.key(key);
        let wanted = if domain.dimensions == 2 {
            "disc"
        } else {
            "sphere"
        };
        if key != wanted {
            let message = format!(
                "a domain of {} dimensions has no `{key}`",
                domain.dimensions
            );
            self.complain(&at, message, format!("write `{wanted}`"));
            return None;
        }
        let center = match &stated.center {
            Some(center) => self.inside(&at.key("center"), center, domain)?,
            None => middle(domain),
        };
        let (inner, outer) = (stated.inner_radius.0, stated.radius.0);
        if inner >= outer {
            let message =
                format!("the inner radius, {inner} µm, is not below the radius, {outer} µm");
            let help = "lower it, or leave it out".into();
            self.complain(&at.key("inner_radius"), message, help);
        }
        let sticks_out = (0..usize::from(domain.dimensions)).any(|axis| {
            center[axis] - outer < domain.min[axis] || center[axis] + outer > domain.max[axis]
        });
        if sticks_out {
            let message = format!("the {key} reaches beyond the domain, {}", extent(domain));
            let help = "make it smaller, move it, or enlarge the domain".into();
            self.complain(&at.key("radius"), message, help);
        }
        Some(Region::Ball {
            center,
            inner,
            outer,
        })
    }

    fn cuboid(&mut self, at: &Path, stated: &stated::Cuboid, domain: &Domain) -> Option<Region> {
        let mut min = self.inside(&at.key("min"), &stated.min, domain)?;
        let mut max = self.inside(&at.key("max"), &stated.max, domain)?;
        for axis in 0..usize::from(domain.dimensions) {
            if max[axis] <= min[axis] {
                let message = format!("`max` is not above `min` along {}", ["x", "y", "z"][axis]);
                self.complain(&at.key("max"), message, "swap or enlarge them".into());
            }
        }
        if domain.dimensions == 2 {
            (min[2], max[2]) = (domain.min[2], domain.max[2]);
        }
        Some(Region::Box { min, max })
    }

    /// A point of the domain.
    fn inside(
        &mut self,
        at: &Path,
        stated: &[Quantity<Coordinate>],
        domain: &Domain,
    ) -> Option<[f64; 3]> {
        let point = match (stated, domain.dimensions) {
            ([x, y], 2) => [x.0, y.0, 0.0],
            ([x, y, z], 3) => [x.0, y.0, z.0],
            ([x, y, z], 2) if z.0 == 0.0 => [x.0, y.0, 0.0],
            _ => {
                let (message, help) = match domain.dimensions {
                    2 => ("a point in 2 dimensions is [x, y]", "z is 0 there"),
                    _ => ("a point in 3 dimensions is [x, y, z]", "state all three"),
                };
                self.complain(at, message.into(), help.into());
                return None;
            }
        };
        if contains(domain, point) {
            return Some(point);
        }
        let message = format!(
            "{} lies outside the domain, {}",
            show(point, domain),
            extent(domain)
        );
        self.complain(at, message, "move it, or enlarge the domain".into());
        None
    }

    /// A table of cells in the domain's own coordinates.
    fn table(
        &mut self,
        file: &FilePath,
        cell_type: Option<usize>,
        domain: &Domain,
        types: &[CellType],
    ) -> Option<Place> {
        match Table::read(file).and_then(|table| table.founders(cell_type, domain, types)) {
            Ok(cells) => Some(Place::Explicit { cells }),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

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
            Some(import) => self.mapped(file, import, domain),
        };
        let placements = place.into_iter().map(|place| Placement {
            name: name.clone().into_owned(),
            place,
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
            cells.push(Founder {
                cell_type,
                position,
                volume,
                values: Vec::new(),
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

/// The problem of `count` cells of a table, the first of them on `line`.
pub(super) fn out_of(
    file: &FilePath,
    line: usize,
    position: [f64; 3],
    count: usize,
    domain: &Domain,
) -> super::Problem {
    let others = match count {
        1 => String::new(),
        2 => ", as does another cell".to_owned(),
        n => format!(", as do {} other cells", n - 1),
    };
    let message = format!(
        "{} lies outside the domain, {}{others}",
        show(position, domain),
        extent(domain)
    );
    elsewhere(
        file,
        Some(line),
        message,
        "enlarge the domain, or leave these rows out".into(),
    )
}

/// Whether a point lies in the domain, its faces included.
pub(super) fn contains(domain: &Domain, point: [f64; 3]) -> bool {
    (0..3).all(|axis| domain.min[axis] <= point[axis] && point[axis] <= domain.max[axis])
}

/// Radius of a sphere, µm.
fn radius(volume: f64) -> f64 {
    (volume * 0.75 / std::f64::consts::PI).cbrt()
}

fn middle(domain: &Domain) -> [f64; 3] {
    [0, 1, 2].map(|axis| (domain.min[axis] + domain.max[axis]) / 2.0)
}

fn show(point: [f64; 3], domain: &Domain) -> String {
    let rounded = point.map(|x| (x * 1000.0).round() / 1000.0);
    let numbers = &rounded[..usize::from(domain.dimensions)];
    let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
    format!("({}) µm", numbers.join(", "))
}

fn extent(domain: &Domain) -> String {
    let axes = &["x", "y", "z"][..usize::from(domain.dimensions)];
    let axes: Vec<String> = axes
        .iter()
        .enumerate()
        .map(|(axis, name)| format!("{name} {} to {}", domain.min[axis], domain.max[axis]))
        .collect();
    axes.join(", ")
}
