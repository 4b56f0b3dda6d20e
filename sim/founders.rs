//! The first cells: from a scenario's placements to positions.

use kernels::{
    portable::{cos, exp, ln},
    random::{Sequence, child_id, pair_id},
};
use rand_distr::{Distribution as _, UnitBall, UnitDisc};
use rstar::{RTree, primitives::GeomWithData};
use rules::dictionary::normal;

use crate::{
    arrays::Seedling,
    cell::radius,
    plan::Plan,
    readouts::distance,
    scenario::{Distribution, Domain, Load, Place, Placement, Region},
    streams::Purpose,
};

/// Ids of founders descend from this root and the placement's number.
const ROOT: u64 = u64::from_be_bytes(*b"founders");

/// How often a random place is tried again when it is too near another cell.
const TRIES: usize = 100;

/// The id of a founder, by its placement's number and its place in it.
pub fn founder_id(placement: usize, row: usize) -> u64 {
    child_id(child_id(ROOT, placement as u32), row as u32)
}

/// All founders, in the order of the scenario.
///
/// # Errors
/// A message for a region that cannot hold what it should, or a column that is no behavior.
pub fn founders(plan: &Plan) -> Result<Vec<Seedling>, String> {
    let mut all = Vec::new();
    for (number, placement) in plan.scenario.cells.iter().enumerate() {
        let seedling = |row: usize, kind: usize, position: [f64; 3]| Seedling {
            id: founder_id(number, row),
            kind: kind as u16,
            position,
            volume: None,
            values: Vec::new(),
        };
        match &placement.place {
            Place::Explicit { cells } => {
                for (row, founder) in cells.iter().enumerate() {
                    let mut seedling = seedling(row, founder.cell_type, founder.position);
                    seedling.volume = founder.volume;
                    for (name, value) in &founder.values {
                        let behavior = plan.table.vocabulary.behaviors.find(name);
                        let behavior = behavior
                            .map_err(|error| format!("cells `{}`: {error}", placement.name))?;
                        seedling.values.push((behavior, *value));
                    }
                    all.push(seedling);
                }
            }
            Place::Region {
                cell_type,
                count,
                region,
                spacing,
            } => {
                let domain = &plan.scenario.domain;
                let positions = match count {
                    Some(count) => {
                        let draws = Purpose::Placement.draws(plan.scenario.seed);
                        scatter(
                            placement,
                            *count,
                            region,
                            *spacing,
                            domain,
                            &mut Sequence::new(draws, number as u64),
                        )?
                    }
                    None => pack(region, *spacing, domain),
                };
                let positions = positions.into_iter().enumerate();
                all.extend(positions.map(|(row, position)| seedling(row, *cell_type, position)));
            }
            Place::Compartments(load) => {
                let cells = load.cells();
                let positions = fill(plan, placement, load, &cells)?;
                let kinds = cells.iter().map(|&(kind, _)| kind).cycle();
                let loaded = positions.into_iter().zip(kinds).enumerate();
                all.extend(loaded.map(|(row, (position, kind))| seedling(row, kind, position)));
            }
        }
    }
    for seedling in &mut all {
        vary(plan, seedling)?;
    }
    let mut ids: Vec<u64> = all.iter().map(|seedling| seedling.id).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("two founders have one id; change the order of the cells".into());
    }
    Ok(all)
}

/// How often a number is drawn again that does not lie between its ends.
const REDRAWS: usize = 1_000_000;

/// Gives a founder the numbers of its own that its type's distributions say.
fn vary(plan: &Plan, seedling: &mut Seedling) -> Result<(), String> {
    let cell_type = &plan.scenario.cell_types[usize::from(seedling.kind)];
    let draws = Purpose::InitialValue.draws(plan.scenario.seed);
    for (initial, place) in cell_type.initial.iter().zip(0..) {
        let mut sequence = Sequence::new(draws, pair_id(seedling.id, place));
        let value = sample(&initial.distribution, &mut sequence).ok_or_else(|| {
            format!(
                "cell_types.\"{}\".initial.\"{}\": of {REDRAWS} draws none lies between the ends\n  \
                 move them to where the distribution is",
                cell_type.name, initial.what
            )
        })?;
        if normal(&initial.what) == "volume" {
            if value <= 0.0 {
                return Err(format!(
                    "cell_types.\"{}\".initial.volume: a cell was to have {value} µm³\n  \
                     state a `min` above 0",
                    cell_type.name
                ));
            }
            seedling.volume = Some(value);
        } else {
            let behavior = plan.table.vocabulary.behaviors.find(&initial.what);
            let behavior = behavior.map_err(|error| error.to_string())?;
            let [low, high] = plan.table.vocabulary.behaviors.entry(behavior).range;
            if !(low..=high).contains(&value) {
                return Err(format!(
                    "cell_types.\"{}\".initial.\"{}\": a cell was to have {value}, which has no meaning\n  \
                     state a `min` and a `max` within {low} to {high}",
                    cell_type.name, initial.what
                ));
            }
            seedling.values.retain(|(other, _)| *other != behavior);
            seedling.values.push((behavior, value));
        }
    }
    Ok(())
}

/// A number of a distribution, or none if none was found between its ends.
fn sample(distribution: &Distribution, sequence: &mut Sequence) -> Option<f64> {
    let between =
        |min: f64, max: f64, sequence: &mut Sequence| min + (max - min) * sequence.uniform();
    // The ends are not of the interval, as in PhysiCell.
    let until = |min: f64, max: f64, mut draw: Box<dyn FnMut() -> f64 + '_>| {
        (0..REDRAWS)
            .map(|_| draw())
            .find(|value| *value > min && *value < max)
    };
    match *distribution {
        Distribution::Uniform { min, max } => Some(between(min, max, sequence)),
        Distribution::LogUniform { min, max } => Some(exp(between(ln(min), ln(max), sequence))),
        Distribution::Normal {
            mu,
            sigma,
            min,
            max,
        } => until(min, max, Box::new(|| mu + sigma * normal_deviate(sequence))),
        Distribution::LogNormal {
            base,
            mu,
            sigma,
            min,
            max,
        } => {
            let scale = ln(base);
            until(
                min,
                max,
                Box::new(move || exp(scale * (mu + sigma * normal_deviate(sequence)))),
            )
        }
    }
}

/// A standard normal number, by Box and Muller.
fn normal_deviate(sequence: &mut Sequence) -> f64 {
    let (u, v) = (sequence.uniform(), sequence.uniform());
    (-2.0 * ln(u)).sqrt() * cos(std::f64::consts::TAU * v)
}

/// A uniform point of a region.
pub fn within(region: &Region, domain: &Domain, sequence: &mut Sequence) -> [f64; 3] {
    match region {
        Region::Box { min, max } => std::array::from_fn(|d| {
            // A plane's layer of voxels has a thickness; its cells have none.
            if d < usize::from(domain.dimensions) {
                min[d] + (max[d] - min[d]) * sequence.uniform()
            } else {
                0.0
            }
        }),
        Region::Ball {
            center,
            inner,
            outer,
        } => loop {
            let unit: [f64; 3] = if domain.dimensions == 2 {
                let [x, y]: [f64; 2] = UnitDisc.sample(sequence);
                [x, y, 0.0]
            } else {
                UnitBall.sample(sequence)
            };
            let point: [f64; 3] = std::array::from_fn(|d| center[d] + outer * unit[d]);
            let squared: f64 = (0..3)
                .map(|d| (point[d] - center[d]) * (point[d] - center[d]))
                .sum();
            let inside = (0..3).all(|d| (domain.min[d]..=domain.max[d]).contains(&point[d]));
            if squared >= inner * inner && inside {
                break point;
            }
        },
    }
}

/// `count` random points no nearer to each other than `spacing`.
fn scatter(
    placement: &Placement,
    count: u64,
    region: &Region,
    spacing: f64,
    domain: &Domain,
    sequence: &mut Sequence,
) -> Result<Vec<[f64; 3]>, String> {
    let mut tree: RTree<GeomWithData<[f64; 3], ()>> = RTree::new();
    let mut points = Vec::new();
    while (points.len() as u64) < count {
        let free = (0..TRIES)
            .map(|_| within(region, domain, sequence))
            .find(|point| {
                spacing == 0.0
                    || tree
                        .locate_within_distance(*point, spacing * spacing)
                        .next()
                        .is_none()
            });
        let point = free.ok_or_else(|| {
            format!(
                "cells `{}`: there is room for about {} of {count} cells {spacing} µm apart; \
                 enlarge the region, or lower `count` or `spacing`",
                placement.name,
                points.len()
            )
        })?;
        // Cells that may lie anywhere need not be found again.
        if spacing > 0.0 {
            tree.insert(GeomWithData::new(point, ()));
        }
        points.push(point);
    }
    Ok(points)
}

/// Random places in compartments, where no cell lies on another or in a wall: compartment by
/// compartment, in the order of `cells`.
fn fill(
    plan: &Plan,
    placement: &Placement,
    load: &Load,
    cells: &[(usize, bool)],
) -> Result<Vec<[f64; 3]>, String> {
    let domain = &plan.scenario.domain;
    let grid = domain.compartments.map(|it| it.grid(domain));
    let grid =
        grid.ok_or_else(|| format!("cells `{}`: there are no compartments", placement.name))?;
    let grid = grid.map_err(|error| error.to_string())?;
    let types = &plan.scenario.cell_types;
    let radii = cells
        .iter()
        .map(|&(kind, _)| radius(types[kind].volume.total));
    let radii: Vec<f64> = radii.collect();
    let draws = Purpose::Placement.draws(plan.scenario.seed);
    let mut all = Vec::new();
    for compartment in load.first..load.first + load.compartments {
        // Who draws is the compartment, whatever group it is of.
        let mut sequence = Sequence::new(draws, pair_id(ROOT, compartment));
        let inside = grid.of(compartment as usize);
        // The first cells may leave no room for the last; then all are placed again.
        let placed = (0..TRIES).find_map(|_| apart(&inside, &radii, domain, &mut sequence));
        all.extend(placed.ok_or_else(|| {
            format!(
                "cells `{}`: compartment {compartment} has no room for {} cells; enlarge \
                 `domain.compartments.size`",
                placement.name,
                radii.len()
            )
        })?);
    }
    Ok(all)
}

/// A random place for a cell of each radius, clear of the walls and of those before it.
fn apart(
    inside: &kernels::motion::Domain,
    radii: &[f64],
    domain: &Domain,
    sequence: &mut Sequence,
) -> Option<Vec<[f64; 3]>> {
    let mut placed: Vec<[f64; 3]> = Vec::new();
    for &radius in radii {
        let region = Region::Box {
            min: inside.min.map(|edge| edge + radius),
            max: inside.max.map(|edge| edge - radius),
        };
        let point = (0..TRIES)
            .map(|_| within(&region, domain, sequence))
            .find(|point| {
                let mut others = placed.iter().zip(radii);
                others.all(|(other, of_other)| distance(*point, *other) >= radius + of_other)
            })?;
        placed.push(point);
    }
    Some(placed)
}

/// A hexagonal packing of a region: rows (2D) or close-packed layers (3D) `spacing` apart.
fn pack(region: &Region, spacing: f64, domain: &Domain) -> Vec<[f64; 3]> {
    let (center, half) = match region {
        Region::Ball { center, outer, .. } => (*center, [*outer; 3]),
        Region::Box { min, max } => (
            std::array::from_fn(|d| 0.5 * (min[d] + max[d])),
            std::array::from_fn(|d| 0.5 * (max[d] - min[d])),
        ),
    };
    let holds = |point: [f64; 3]| {
        let inside = (0..3).all(|d| (domain.min[d]..=domain.max[d]).contains(&point[d]));
        inside && region.holds(point)
    };
    let (row_height, layer_height) = (spacing * 0.75f64.sqrt(), spacing * (2.0f64 / 3.0).sqrt());
    let steps = |length: f64, pitch: f64| (length / pitch).ceil() as i64 + 1;
    let layers = if domain.dimensions == 2 {
        0
    } else {
        steps(half[2], layer_height)
    };
    let mut points = Vec::new();
    for k in -layers..=layers {
        for j in -steps(half[1], row_height)..=steps(half[1], row_height) {
            for i in -steps(half[0], spacing)..=steps(half[0], spacing) {
                let shift = 0.5 * (j.rem_euclid(2) + k.rem_euclid(2)) as f64;
                let point = [
                    center[0] + spacing * (i as f64 + shift),
                    center[1] + row_height * (j as f64 + k.rem_euclid(2) as f64 / 3.0),
                    center[2] + layer_height * k as f64,
                ];
                if holds(point) {
                    points.push(point);
                }
            }
        }
    }
    points
}
