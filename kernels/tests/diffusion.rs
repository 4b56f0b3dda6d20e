//! Diffusion and decay against formulas, and the contracts of the solver.

use std::f64::consts::PI;

use kernels::conventions::{Fields, Held, Sharing, Spacing};
use kernels::diffusion::{Boundary, Diffusion, Substrate, voxels_written_between_sweeps};
use kernels::random::{Draws, Sequence};
use kernels::{Error, Grid, Pool};

const CLOSED: [Boundary; 6] = [Boundary::NoFlux; 6];

fn substrate(diffusion_coefficient: f64, decay_rate: f64, boundary: [Boundary; 6]) -> Substrate {
    Substrate {
        diffusion_coefficient,
        decay_rate,
        boundary,
    }
}

/// A grid from the origin.
fn grid(shape: [usize; 3], spacing: [f64; 3]) -> Grid {
    let max = core::array::from_fn(|axis| shape[axis] as f64 * spacing[axis]);
    Grid::new([0.0; 3], max, spacing).unwrap()
}

fn run(grid: &Grid, substrate: Substrate, dt: f64, steps: usize, density: &mut [f64]) {
    let diffusion = Diffusion::new(grid, &[substrate], dt).unwrap();
    diffusion.hold(density).unwrap();
    for _ in 0..steps {
        diffusion.step(density, &Pool::serial());
    }
}

fn noise(len: usize) -> Vec<f64> {
    let draws = Draws {
        seed: 7,
        purpose: 0,
    };
    let mut sequence = Sequence::new(draws, 0);
    (0..len).map(|_| sequence.uniform()).collect()
}

#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{found} is not {expected} ± {tolerance}"
    );
}

#[test]
fn decay_alone_is_exponential_and_stays_in_its_voxel() {
    let grid = grid([5, 5, 5], [10.0; 3]);
    let mut density = vec![0.0; grid.len()];
    let source = grid.index([2, 1, 3]);
    density[source] = 1e5;
    run(&grid, substrate(0.0, 0.01, CLOSED), 0.1, 100, &mut density);
    // BioDynaMo's diffusion_test.cc. Implicit Euler is λ² t dt / 6 = 1.7e-5 above the exponential.
    assert_close(density[source], 1e5 * (-0.1f64).exp(), 1e-4 * 90483.74);
    density[source] = 0.0;
    assert!(density.iter().all(|&value| value == 0.0));
}

#[test]
fn nothing_happens_without_diffusion_and_decay() {
    let grid = grid([9, 7, 5], [10.0; 3]);
    let before = noise(grid.len());
    let mut density = before.clone();
    run(&grid, substrate(0.0, 0.0, CLOSED), 0.1, 10, &mut density);
    assert_eq!(density, before);
}

#[test]
fn point_source_matches_the_heat_kernel() {
    // BioDynaMo's diffusion_test.cc, with the distance from the source's own voxel.
    let (coefficient, time, amount) = (0.5, 100.0, 1e5);
    let spread: f64 = 4.0 * coefficient * time;
    let exact = amount / (PI * spread).powf(1.5) * (-300.0 / spread).exp();
    assert_close(exact, 1.41673, 1e-5);
    let mut errors = vec![];
    for boxes in [20, 40, 80] {
        let h = 200.0 / boxes as f64;
        let grid = grid([boxes; 3], [h; 3]);
        let mut density = vec![0.0; grid.len()];
        let middle = boxes / 2;
        density[grid.index([middle; 3])] = amount / grid.voxel_volume();
        run(
            &grid,
            substrate(coefficient, 0.0, CLOSED),
            1.0,
            100,
            &mut density,
        );
        let away = middle + (10.0 / h) as usize;
        let found = density[grid.index([away; 3])];
        // Of the scheme, exactly: along each axis a sum over the grid's modes, each damped by
        // 1 / (1 + 4 r sin²(q/2)) a step.
        let r = coefficient / (h * h);
        let n = boxes as f64;
        let along: f64 = (0..boxes)
            .map(|mode| {
                let q = PI * mode as f64 / n;
                let shape = |i: usize| (q * (i as f64 + 0.5)).cos();
                let weight = if mode == 0 { 1.0 } else { 2.0 };
                let damped = (1.0 + 4.0 * r * (q / 2.0).sin().powi(2)).powi(-100);
                weight / n * shape(middle) * shape(away) * damped
            })
            .sum();
        let of_scheme = amount / grid.voxel_volume() * along.powi(3);
        assert_close(found, of_scheme, 1e-10);
        errors.push((found - exact).abs());
    }
    assert!(errors[0] > errors[1] && errors[1] > errors[2], "{errors:?}");
    // BioDynaMo reaches 0.01 here with the explicit scheme, whose error in time is opposite in
    // sign to the error in space: per step the excess kurtosis is h² / 2D dt ∓ 3, minus if
    // explicit and plus if implicit. At h = 2.5 that is 9.25 against 3.25.
    assert!(errors[2] < 0.015 * 9.25 / 3.25, "{errors:?}");
}

/// The cosine mode of BioFVM's first convergence test, along one axis of a box [−500, 500] µm:
/// the amplitude at `time`.
fn cosine_amplitude(axis: usize, n: usize, spacing: [f64; 3], dt: f64, steps: usize) -> f64 {
    let mut shape = [3, 3, 3];
    shape[axis] = n;
    let grid = grid(shape, spacing);
    let mode = |voxel: usize| {
        let position = grid.center(voxel)[axis];
        (PI * (position - 500.0) / 500.0).cos()
    };
    let mut density: Vec<f64> = (0..grid.len()).map(|voxel| 1.0 + mode(voxel)).collect();
    run(&grid, substrate(1e5, 0.0, CLOSED), dt, steps, &mut density);
    // Project on the mode, whose mean square over whole periods is 1/2.
    let sum: f64 = (0..grid.len())
        .map(|voxel| density[voxel] * mode(voxel))
        .sum();
    2.0 * sum / grid.len() as f64
}

#[test]
fn cosine_mode_has_the_amplitude_of_backward_euler() {
    for (dt, steps, exact, prescribed) in [
        (0.01, 10, 0.673_825, 0.679_301),
        (0.01, 50, 0.138_911, 0.144_647),
        (0.001, 100, 0.673_825, 0.674_698),
        (0.001, 500, 0.138_911, 0.139_813),
    ] {
        let amplitude = cosine_amplitude(0, 50, [20.0; 3], dt, steps);
        // A mode of the grid decays by 1 / (1 + 4 r sin²(q d / 2)) a step.
        let r = dt * 1e5 / 400.0;
        let factor = 1.0 / (1.0 + 4.0 * r * (PI / 50.0).sin().powi(2));
        assert_close(amplitude, factor.powi(steps as i32), 1e-10);
        assert_close(amplitude, prescribed, 1e-6);
        // First order: the rate 3.948/min times dt / 2 per unit of rate · time.
        let time = dt * steps as f64;
        assert_close(amplitude, exact, exact * 3.948f64.powi(2) * time * dt);
    }
}

#[test]
fn each_axis_uses_its_own_spacing() {
    for axis in 0..3 {
        let mut spacing = [7.0, 7.0, 7.0];
        spacing[axis] = 20.0;
        let amplitude = cosine_amplitude(axis, 50, spacing, 0.01, 10);
        assert_close(amplitude, 0.679_301, 1e-6);
    }
}

#[test]
fn error_is_first_order_in_time_and_second_in_space() {
    // In time: against the exact decay of the grid's own mode, so that space plays no part.
    let rate = 4.0 * 1e5 / 400.0 * (PI / 50.0).sin().powi(2);
    let in_time: Vec<f64> = [(0.002, 50), (0.001, 100), (0.0005, 200)]
        .map(|(dt, steps)| cosine_amplitude(0, 50, [20.0; 3], dt, steps) - (-0.1 * rate).exp())
        .into();
    // In space: against backward Euler for the exact rate, so that time plays no part.
    let rate = 1e5 * (PI / 500.0).powi(2);
    let euler = (1.0 + 0.01 * rate).powi(-10);
    let in_space: Vec<f64> = [25, 50, 100]
        .map(|n| cosine_amplitude(0, n, [1000.0 / n as f64; 3], 0.01, 10) - euler)
        .into();
    for pair in in_time.windows(2) {
        assert_close(pair[0] / pair[1], 2.0, 0.05);
    }
    for pair in in_space.windows(2) {
        assert_close(pair[0] / pair[1], 4.0, 0.1);
    }
}

#[test]
fn steady_slab_with_decay_is_a_hyperbolic_cosine() {
    // Oxygen: D = 1e5 µm²/min, decay 0.1/min, 38 mmHg at one end of 1000 µm, no flux at the other.
    let (coefficient, decay, dt, d, n) = (1e5, 0.1, 0.01, 20.0, 50);
    let mut boundary = CLOSED;
    boundary[0] = Boundary::Fixed(38.0);
    let grid = grid([n, 1, 1], [d; 3]);
    let mut density = vec![38.0; n];
    run(
        &grid,
        substrate(coefficient, decay, boundary),
        dt,
        20_000,
        &mut density,
    );
    // Of the scheme: the x sweep solves r (ρ_{i−1} − 2ρ_i + ρ_{i+1}) = (1 + k − 1/(1 + k)) ρ_i at
    // rest, and the y sweep divides by 1 + k. The free end is the mirror i ↔ 2n − 1 − i.
    let (r, k) = (dt * coefficient / (d * d), dt * decay / 2.0);
    let theta = (1.0 + (k + k / (1.0 + k)) / (2.0 * r)).acosh();
    for (i, &value) in density.iter().enumerate().skip(1) {
        let shape = |i: f64| ((n as f64 - 0.5 - i) * theta).cosh();
        let expected = 38.0 * shape(i as f64) / shape(0.0) / (1.0 + k);
        assert_close(value, expected, 1e-9 * 38.0);
    }
    // Of the equation. The held voxel's center lies d/2 inside, and splitting costs λ dt / 2: the
    // tolerance is their sum, in units of 38.
    assert_close(38.0 / 1f64.cosh(), 24.626, 5e-4);
    for (i, &value) in density.iter().enumerate() {
        let expected = 38.0 * ((980.0 - d * i as f64 + 10.0) / 1000.0).cosh() / 0.99f64.cosh();
        assert_close(value, expected, 38.0 * (decay * dt + 1e-4));
    }
    assert_close(density[n - 1], 24.626, 38.0 * 0.5 * d / 1000.0);
}

#[test]
fn held_faces_supply_during_the_solve() {
    let grid = grid([3, 1, 1], [1.0; 3]);
    let mut boundary = CLOSED;
    boundary[0] = Boundary::Fixed(1.0);
    let mut density = vec![0.0; 3];
    let r = 0.5;
    run(&grid, substrate(r, 0.0, boundary), 1.0, 1, &mut density);
    // (1 + 2r) ρ_1 − r ρ_2 = r · 1,  (1 + r) ρ_2 = r ρ_1.
    let expected = r / (1.0 + 2.0 * r - r * r / (1.0 + r));
    assert_eq!(density[0], 1.0);
    assert_close(density[1], expected, 1e-15);
    assert_close(density[2], expected * r / (1.0 + r), 1e-15);
}

#[test]
fn held_faces_keep_their_values_and_the_first_axis_wins() {
    let grid = grid([11, 9, 7], [20.0; 3]);
    let boundary = core::array::from_fn(|face| Boundary::Fixed(1.0 + face as f64));
    let substrates = [substrate(1e4, 0.3, boundary), substrate(1e4, 0.3, CLOSED)];
    let diffusion = Diffusion::new(&grid, &substrates, 0.1).unwrap();
    let mut densities = noise(2 * grid.len());
    diffusion.hold(&mut densities).unwrap();
    for _ in 0..5 {
        diffusion.step(&mut densities, &Pool::serial());
    }
    for voxel in 0..grid.len() {
        let at = grid.coordinates(voxel);
        let held = (0..3).find_map(|axis| {
            if at[axis] == 0 {
                Some(1.0 + 2.0 * axis as f64)
            } else if at[axis] == grid.shape[axis] - 1 {
                Some(2.0 + 2.0 * axis as f64)
            } else {
                None
            }
        });
        assert_eq!(diffusion.held_value(0, voxel), held);
        assert!(!diffusion.is_held(1, voxel));
        if let Some(value) = held {
            assert_eq!(densities[voxel], value);
        }
    }
}

#[test]
fn closed_domain_keeps_its_amount() {
    for shape in [[37, 29, 1], [17, 12, 21]] {
        let grid = grid(shape, [10.0, 20.0, 15.0]);
        let mut density = noise(grid.len());
        let before: f64 = density.iter().sum();
        run(&grid, substrate(1e4, 0.0, CLOSED), 0.05, 200, &mut density);
        let after: f64 = density.iter().sum();
        // 200 steps of two or three sweeps, each rounding every voxel by 1e-16.
        assert_close(after / before, 1.0, 1e-12);
    }
}

#[test]
fn plane_equals_a_uniform_stack_of_planes() {
    let flat = grid([23, 18, 1], [10.0; 3]);
    let deep = grid([23, 18, 6], [10.0; 3]);
    let mut boundary = CLOSED;
    boundary[1] = Boundary::Fixed(2.0);
    let substrate = substrate(1e3, 0.0, boundary);
    let mut plane = noise(flat.len());
    let mut stack = plane.repeat(6);
    run(&flat, substrate, 0.1, 50, &mut plane);
    run(&deep, substrate, 0.1, 50, &mut stack);
    for (voxel, &value) in stack.iter().enumerate() {
        assert_close(value, plane[voxel % flat.len()], 1e-12);
    }
}

#[test]
fn identical_bits_for_any_thread_count() {
    for shape in [[61, 45, 37], [301, 257, 1]] {
        let grid = grid(shape, [10.0; 3]);
        let mut boundary = CLOSED;
        boundary[0] = Boundary::Fixed(2.0);
        boundary[3] = Boundary::Fixed(1.0);
        let substrates = [substrate(1e3, 0.1, boundary), substrate(10.0, 0.0, CLOSED)];
        let diffusion = Diffusion::new(&grid, &substrates, 0.1).unwrap();
        let after = |threads| {
            let pool = Pool::new(threads).unwrap();
            let mut densities = noise(2 * grid.len());
            for _ in 0..3 {
                diffusion.step(&mut densities, &pool);
            }
            densities
        };
        let one = after(1);
        for threads in [2, 3, 7, 16] {
            assert!(one == after(threads), "{threads} threads, {shape:?}");
        }
    }
}

#[test]
fn not_a_number_spreads_without_panic() {
    let grid = grid([12, 10, 4], [10.0; 3]);
    let mut density = noise(grid.len());
    density[100] = f64::NAN;
    run(&grid, substrate(1e3, 0.1, CLOSED), 0.1, 2, &mut density);
    assert!(density[100].is_nan());
}

#[test]
fn wrong_constants_are_refused_by_name() {
    let grid = grid([2, 2, 2], [10.0; 3]);
    let error = Diffusion::new(&grid, &[substrate(-1.0, 0.0, CLOSED)], 0.1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a diffusion coefficient is -1; it must be finite and not negative"
    );
    let error = Grid::new([0.0; 3], [105.0, 100.0, 100.0], [20.0; 3]).unwrap_err();
    assert!(matches!(error, Error::Extent { axis: 'x', .. }));
}

const BETWEEN: Fields = Fields {
    held: Held::BetweenSweeps,
    spacing: Spacing::OfX,
    exchange: Sharing::Together,
};

#[test]
fn boundary_written_between_sweeps_supplies_through_a_closed_end() {
    let grid = grid([3, 1, 1], [1.0; 3]);
    let mut boundary = CLOSED;
    boundary[0] = Boundary::Fixed(6.0);
    let r = 0.5;
    let diffusion = Diffusion::after(BETWEEN, &grid, &[substrate(r, 0.0, boundary)], 1.0).unwrap();
    let mut density = vec![0.0; 3];
    diffusion.step(&mut density, &Pool::serial());
    // The inverse of the closed chain of three, by its modes (1, 1, 1), (1, 0, −1), (1, −2, 1)
    // with 1, 1 + r, 1 + 3r.
    let (second, third) = (1.0 + r, 1.0 + 3.0 * r);
    assert_eq!(density[0], 6.0);
    assert_close(density[1], 6.0 * (1.0 - 1.0 / third) / 3.0, 1e-15);
    let expected = 6.0 * (1.0 / 3.0 - 0.5 / second + 1.0 / (6.0 * third));
    assert_close(density[2], expected, 1e-15);
    assert_eq!(diffusion.held_value(0, 0), Some(6.0));
    assert!(!diffusion.is_held(0, 0));
}

/// A closed sweep along one axis: each cosine mode of the lines is damped by 1 + k + 4 r sin²(q/2).
fn closed_sweep(grid: &Grid, axis: usize, r: f64, k: f64, density: &mut [f64]) {
    let n = grid.shape[axis];
    let before = density.to_vec();
    for (voxel, value) in density.iter_mut().enumerate() {
        let at = grid.coordinates(voxel);
        *value = 0.0;
        for mode in 0..n {
            let q = PI * mode as f64 / n as f64;
            let shape = |i: usize| (q * (i as f64 + 0.5)).cos();
            let weight = if mode == 0 { 1.0 } else { 2.0 } / n as f64;
            let along: f64 = (0..n)
                .map(|i| {
                    let mut other = at;
                    other[axis] = i;
                    shape(i) * before[grid.index(other)]
                })
                .sum();
            let damping = 1.0 + k + 4.0 * r * (q / 2.0).sin().powi(2);
            *value += weight * shape(at[axis]) * along / damping;
        }
    }
}

#[test]
fn closed_sweeps_and_writes_alternate() {
    for shape in [[7, 4, 3], [3, 10, 5], [9, 12, 1], [140, 3, 1]] {
        // Sweeps see the spacing of x, 10 µm.
        let grid = grid(shape, [10.0, 20.0, 15.0]);
        let mut boundary = CLOSED;
        boundary[0] = Boundary::Fixed(2.0);
        boundary[3] = Boundary::Fixed(3.0);
        boundary[4] = Boundary::Fixed(4.0);
        let substrates = [substrate(1e3, 0.3, CLOSED), substrate(2e3, 0.1, boundary)];
        let (dt, dimensions) = (0.1, grid.dimensions());
        let diffusion = Diffusion::after(BETWEEN, &grid, &substrates, dt).unwrap();
        let mut found = noise(2 * grid.len());
        let mut expected = found.clone();
        let written = voxels_written_between_sweeps(&grid, &substrates);
        assert!(!written[1].is_empty());
        for _ in 0..3 {
            diffusion.step(&mut found, &Pool::serial());
            for (number, density) in expected.chunks_mut(grid.len()).enumerate() {
                let r = dt * substrates[number].diffusion_coefficient / 100.0;
                let k = dt * substrates[number].decay_rate / dimensions as f64;
                let write = |density: &mut [f64]| {
                    for &(voxel, value) in &written[number] {
                        density[voxel as usize] = value;
                    }
                };
                write(density);
                for axis in 0..dimensions {
                    closed_sweep(&grid, axis, r, k, density);
                    write(density);
                }
            }
        }
        for (&found, &expected) in found.iter().zip(&expected) {
            // 140 modes with cosines rounded at 1e-16.
            assert_close(found, expected, 1e-12);
        }
    }
}

#[test]
fn the_face_visited_last_decides_for_all_substrates() {
    let grid = grid([3, 3, 1], [1.0; 3]);
    let fixed = |values: [Option<f64>; 6]| {
        let face = |value: Option<f64>| value.map_or(Boundary::NoFlux, Boundary::Fixed);
        substrate(1.0, 0.0, values.map(face))
    };
    let listed = |substrates: &[Substrate], number: usize| {
        let mut values = [None; 9];
        for &(voxel, value) in &voxels_written_between_sweeps(&grid, substrates)[number] {
            values[voxel as usize] = Some(value as u8);
        }
        values.map(|value| value.unwrap_or(0))
    };
    // Measured in PhysiCell 1.14.2: four sides 1, 2, 3, 4 give corners 3, 3, 4, 4. The z faces
    // mean nothing in a plane.
    let four = fixed([1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(Some));
    #[rustfmt::skip]
    assert_eq!(listed(&[four], 0), [3, 3, 3,  1, 0, 2,  4, 4, 4]);
    // One substrate's x faces, the other's y min: each frees the corners of the other.
    let x = fixed([Some(1.0), Some(2.0), None, None, None, None]);
    let y = fixed([None, None, Some(3.0), None, None, None]);
    #[rustfmt::skip]
    assert_eq!(listed(&[x, y], 0), [0, 0, 0,  1, 0, 2,  1, 0, 2]);
    #[rustfmt::skip]
    assert_eq!(listed(&[x, y], 1), [3, 3, 3,  0, 0, 0,  0, 0, 0]);
}

#[test]
fn identical_bits_for_any_thread_count_between_sweeps() {
    for shape in [[61, 45, 37], [301, 257, 1]] {
        let grid = grid(shape, [10.0; 3]);
        let boundary = core::array::from_fn(|face| Boundary::Fixed(1.0 + face as f64));
        let substrates = [substrate(1e3, 0.1, boundary), substrate(10.0, 0.0, CLOSED)];
        let diffusion = Diffusion::after(BETWEEN, &grid, &substrates, 0.1).unwrap();
        let after = |threads| {
            let pool = Pool::new(threads).unwrap();
            let mut densities = noise(2 * grid.len());
            for _ in 0..3 {
                diffusion.step(&mut densities, &pool);
            }
            densities
        };
        let one = after(1);
        for threads in [2, 3, 7, 16] {
            assert!(one == after(threads), "{threads} threads, {shape:?}");
        }
    }
}
