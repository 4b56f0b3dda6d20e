//! Infiltration depth: how far below the edge of a mass cells have come.

use kernels::grid::Grid;
use rstar::RTree;

use super::{Key, Measure, Point, Unit, distance, fields::grid, live, of_frames};

/// Median depth below the edge of a mass, frame by frame.
pub const DEPTH: Measure = Measure {
    name: "infiltration depth",
    meaning: "Median depth of live cells of `type` below the edge of the mass of live `target`.",
    keys: &[Key::Type, Key::Target],
    unit: Unit::Of("µm"),
    along: None,
    open: |asked, scenario| {
        let (kind, target) = (asked.number_of(Key::Type), asked.number_of(Key::Target));
        let grid = grid(scenario);
        of_frames(scenario, move |frame| {
            let [cells, mass] = [kind, target].map(|kind| live(frame.cells, &[kind]));
            vec![Point::number(depth(&grid, &cells, &mass))]
        })
    },
};

/// Median depth of those `cells` that stand inside a `mass`: the distance to the nearest center of
/// a voxel with none of the mass in it or beside it. `None` if no cell stands inside.
pub fn depth(grid: &Grid, cells: &[[f64; 3]], mass: &[[f64; 3]]) -> Option<f64> {
    let mut holds = vec![false; grid.len()];
    for &position in mass {
        holds[grid.voxel_of(position)] = true;
    }
    let [nx, ny, nz] = grid.shape;
    let near = |voxel: usize| {
        let [i, j, k] = grid.coordinates(voxel);
        let around = |at: usize, n: usize| at.saturating_sub(1)..=(at + 1).min(n - 1);
        around(k, nz)
            .any(|k| around(j, ny).any(|j| around(i, nx).any(|i| holds[grid.index([i, j, k])])))
    };
    let outside: Vec<[f64; 3]> = (0..grid.len())
        .filter(|&voxel| !near(voxel))
        .map(|voxel| grid.center(voxel))
        .collect();
    let tree = RTree::bulk_load(outside);
    let inside = cells
        .iter()
        .filter(|&&position| near(grid.voxel_of(position)));
    let mut depths: Vec<f64> = inside
        .filter_map(|&position| {
            let edge = tree.nearest_neighbor(position)?;
            Some(distance(*edge, position))
        })
        .collect();
    depths.sort_by(f64::total_cmp);
    (!depths.is_empty()).then(|| depths[depths.len() / 2])
}
