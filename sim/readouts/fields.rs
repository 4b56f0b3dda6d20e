//! Fields: profiles around their sources and along an axis, and how far a field spreads.

use kernels::grid::Grid;
use rstar::RTree;

use super::{Key, Measure, Point, Unit, distance, live, middles, of_frames, slope};
use crate::scenario::Scenario;

/// Mean density by distance, frame by frame.
pub const PROFILE: Measure = Measure {
    name: "field profile",
    meaning: "Mean density of `substrate` in rings around live cells of `sources`, by distance to the nearest; rings end at `distances`, and are named by their middles.",
    keys: &[Key::Substrate, Key::Sources, Key::Distances],
    unit: Unit::Substrate,
    along: Some("µm"),
    open: |asked, scenario| {
        let (grid, substrate) = (grid(scenario), asked.number_of(Key::Substrate));
        let sources = asked.types(Key::Sources).to_vec();
        let ends = asked.values(Key::Distances).to_vec();
        let coordinates = middles(&ends);
        of_frames(scenario, move |frame| {
            let sources = live(frame.cells, &sources);
            let density = &frame.fields[substrate * grid.len()..][..grid.len()];
            let values = profile(&grid, density, &sources, &ends);
            Point::curve(&coordinates, values)
        })
    },
};

/// Mean density along an axis, frame by frame.
pub const ALONG_AXIS: Measure = Measure {
    name: "field along axis",
    meaning: "Mean density of `substrate` in each layer of voxels across `axis`.",
    keys: &[Key::Substrate, Key::Axis],
    unit: Unit::Substrate,
    along: Some("µm"),
    open: |asked, scenario| {
        let (grid, substrate) = (grid(scenario), asked.number_of(Key::Substrate));
        let axis = asked.number_of(Key::Axis);
        of_frames(scenario, move |frame| {
            let density = &frame.fields[substrate * grid.len()..][..grid.len()];
            let (centers, means) = along_axis(&grid, density, axis);
            Point::curve(&centers, means.into_iter().map(Some).collect())
        })
    },
};

/// The 1/e length of a field around its sources, frame by frame.
pub const SPREAD: Measure = Measure {
    name: "field spread",
    meaning: "Distance over which `substrate` falls to 1/e around live cells of `sources`.",
    keys: &[Key::Substrate, Key::Sources],
    unit: Unit::Of("µm"),
    along: None,
    open: |asked, scenario| {
        let (grid, substrate) = (grid(scenario), asked.number_of(Key::Substrate));
        let sources = asked.types(Key::Sources).to_vec();
        of_frames(scenario, move |frame| {
            let sources = live(frame.cells, &sources);
            let density = &frame.fields[substrate * grid.len()..][..grid.len()];
            vec![Point::number(spread(&grid, density, &sources))]
        })
    },
};

/// Rings of [`spread`] are so wide, µm.
const RING: f64 = 5.0;

/// [`spread`] reads profiles up to this distance from the sources, µm.
const REACH: f64 = 150.0;

/// The voxels of a scenario.
pub fn grid(scenario: &Scenario) -> Grid {
    let domain = &scenario.domain;
    let grid = Grid::new(domain.min, domain.max, domain.voxel);
    grid.expect("a scenario's extents are multiples of its voxels")
}

/// Sum and number of densities by ring, where `ring` numbers a distance to the nearest source.
/// `None` without sources.
fn by_distance(
    grid: &Grid,
    density: &[f64],
    sources: &[[f64; 3]],
    rings: usize,
    ring: impl Fn(f64) -> usize,
) -> Option<Vec<(f64, f64)>> {
    let tree = RTree::bulk_load(sources.to_vec());
    let mut sums = vec![(0.0, 0.0); rings];
    for (voxel, &value) in density.iter().enumerate() {
        let center = grid.center(voxel);
        let nearest = tree.nearest_neighbor(center)?;
        if let Some((sum, count)) = sums.get_mut(ring(distance(*nearest, center))) {
            *sum += value;
            *count += 1.0;
        }
    }
    Some(sums)
}

/// Mean density of the voxels whose centers lie in each ring around the nearest source; a ring
/// reaches from the end before, or 0, to its own end, which belongs to it. `None` for rings without
/// a center, and without sources.
pub fn profile(
    grid: &Grid,
    density: &[f64],
    sources: &[[f64; 3]],
    ends: &[f64],
) -> Vec<Option<f64>> {
    let ring = |distance: f64| ends.partition_point(|end| *end < distance);
    match by_distance(grid, density, sources, ends.len(), ring) {
        Some(sums) => {
            let means = sums.into_iter();
            let means = means.map(|(sum, count)| (count > 0.0).then(|| sum / count));
            means.collect()
        }
        None => vec![None; ends.len()],
    }
}

/// Centers of the layers of voxels across an axis, µm, and the mean density of each.
pub fn along_axis(grid: &Grid, density: &[f64], axis: usize) -> (Vec<f64>, Vec<f64>) {
    let layers = grid.shape[axis];
    let mut sums = vec![0.0; layers];
    for (voxel, value) in density.iter().enumerate() {
        sums[grid.coordinates(voxel)[axis]] += value;
    }
    let voxels = (grid.len() / layers) as f64;
    let center = |layer: usize| grid.origin[axis] + (layer as f64 + 0.5) * grid.spacing[axis];
    let means = sums.into_iter().map(|sum| sum / voxels);
    ((0..layers).map(center).collect(), means.collect())
}

/// The 1/e length of a field around its sources: the mean density by distance to the nearest
/// source, less the mean beyond 150 µm, fitted by a line in the logarithm.
pub fn spread(grid: &Grid, density: &[f64], sources: &[[f64; 3]]) -> Option<f64> {
    let rings = (REACH / RING) as usize;
    let ring = |distance: f64| ((distance / RING) as usize).min(rings);
    let profile = by_distance(grid, density, sources, rings + 1, ring)?;
    let mean = |(sum, count): (f64, f64)| if count > 0.0 { sum / count } else { 0.0 };
    let background = mean(profile[rings]);
    let points: Vec<(f64, f64)> = profile[..rings]
        .iter()
        .enumerate()
        .filter(|(_, ring)| ring.1 > 0.0)
        .map(|(number, ring)| ((number as f64 + 0.5) * RING, mean(*ring) - background))
        .collect();
    // Below a hundredth of the peak the profile is background.
    let peak = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let logs: Vec<(f64, f64)> = points
        .into_iter()
        .take_while(|(_, value)| *value > 0.01 * peak)
        .map(|(x, value)| (x, value.ln()))
        .collect();
    if logs.len() < 3 {
        return None;
    }
    let slope = slope(&logs)?;
    (slope < 0.0).then(|| -1.0 / slope)
}
