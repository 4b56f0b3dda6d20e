//! Slopes of known fields, and the way between positions and voxels.

use kernels::Grid;
use kernels::gradient::{Slopes, gradient};

#[test]
fn gradient_of_a_linear_field_is_exact_everywhere() {
    for shape in [[4, 5, 6], [4, 5, 1], [1, 5, 2]] {
        let spacing = [2.0, 4.0, 8.0];
        let max = core::array::from_fn(|axis| shape[axis] as f64 * spacing[axis] - 16.0);
        let grid = Grid::new([-16.0; 3], max, spacing).unwrap();
        let slope = [3.0, -0.5, 7.0];
        let density: Vec<f64> = (0..grid.len())
            .map(|voxel| {
                let at = grid.center(voxel);
                (0..3).map(|axis| slope[axis] * at[axis]).sum()
            })
            .collect();
        let expected: [f64; 3] =
            core::array::from_fn(|axis| if shape[axis] > 1 { slope[axis] } else { 0.0 });
        for voxel in 0..grid.len() {
            assert_eq!(gradient(&grid, &density, voxel), expected);
        }
    }
}

#[test]
fn slopes_along_voxels_are_those_at_each() {
    for shape in [[7, 5, 3], [7, 5, 1], [2, 3, 4], [1, 9, 1]] {
        let grid = Grid::new([0.0; 3], shape.map(f64::from), [1.0; 3]).unwrap();
        let density: Vec<f64> = (0..grid.len()).map(|it| (it * it % 23) as f64).collect();
        for (start, end) in [(0, grid.len()), (3, 8), (grid.len() - 1, grid.len())] {
            let mut along = vec![[f64::NAN; 3]; end - start];
            Slopes::new(&grid, &density).along(start..end, &mut along, |slope| slope);
            for (voxel, slope) in (start..end).zip(along) {
                assert_eq!(slope, gradient(&grid, &density, voxel), "{shape:?} {voxel}");
            }
        }
    }
}

#[test]
fn voxel_of_inverts_center_and_takes_in_what_is_outside() {
    let grid = Grid::new([-30.0, 0.0, 5.0], [30.0, 40.0, 35.0], [20.0, 10.0, 15.0]).unwrap();
    assert_eq!(grid.shape, [3, 4, 2]);
    assert_eq!(grid.end(), [30.0, 40.0, 35.0]);
    for voxel in 0..grid.len() {
        assert_eq!(grid.voxel_of(grid.center(voxel)), voxel);
        assert_eq!(grid.index(grid.coordinates(voxel)), voxel);
    }
    assert_eq!(grid.voxel_of([-1e9, f64::NAN, 5.0]), 0);
    assert_eq!(grid.voxel_of([f64::INFINITY, 40.0, 1e9]), grid.len() - 1);
}
