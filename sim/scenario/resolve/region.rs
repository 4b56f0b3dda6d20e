//! Points and parts of the domain.

use std::path::Path as FilePath;

use super::super::file::cells as stated;
use super::super::file::{Coordinate, Quantity};
use super::super::problem::{Path, Problem};
use super::super::{Domain, Region};
use super::{Resolver, elsewhere};
use crate::cell::{radius, sphere};

impl Resolver<'_> {
    pub(super) fn region(
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
    pub(super) fn inside(
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
}

/// The problem of `count` cells of a table, the first of them on `line`.
pub(super) fn out_of(
    file: &FilePath,
    line: usize,
    position: [f64; 3],
    count: usize,
    domain: &Domain,
) -> Problem {
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

/// What is wrong with a cell of this volume (µm³), if it is wider than the domain, and the way out.
pub(super) fn too_wide(volume: f64, domain: &Domain) -> Option<(String, String)> {
    let diameter = 2.0 * radius(volume);
    let extents = (0..usize::from(domain.dimensions)).map(|axis| {
        let extent = domain.max[axis] - domain.min[axis];
        (extent, ["x", "y", "z"][axis])
    });
    let (extent, name) = extents.min_by(|a, b| a.0.total_cmp(&b.0))?;
    (diameter > extent).then(|| {
        (
            format!(
                "a cell of {diameter:.1} µm diameter is wider than the domain, {extent} µm along {name}"
            ),
            "make it smaller, or enlarge the domain".to_owned(),
        )
    })
}

/// Whether a point lies in the domain, its faces included.
pub(super) fn contains(domain: &Domain, point: [f64; 3]) -> bool {
    (0..3).all(|axis| domain.min[axis] <= point[axis] && point[axis] <= domain.max[axis])
}

/// Area (2D, µm²) or volume (3D, µm³) of a region.
pub(super) fn size(region: &Region, domain: &Domain) -> f64 {
    match (region, domain.dimensions) {
        (Region::Box { min, max }, dimensions) => (0..usize::from(dimensions))
            .map(|axis| max[axis] - min[axis])
            .product(),
        (Region::Ball { inner, outer, .. }, 2) => {
            std::f64::consts::PI * (outer * outer - inner * inner)
        }
        (Region::Ball { inner, outer, .. }, _) => sphere(*outer) - sphere(*inner),
    }
}

pub(super) fn middle(domain: &Domain) -> [f64; 3] {
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
