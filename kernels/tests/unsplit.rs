//! The unsplit solver against formulas and against the split one, and its contracts.

use std::f64::consts::PI;

use kernels::diffusion::unsplit::Unsplit;
use kernels::diffusion::{Boundary, Diffusion, Substrate};
use kernels::exchange::Exchange;
use kernels::{Grid, Pool};

const CLOSED: [Boundary; 6] = [Boundary::NoFlux; 6];

fn substrate(diffusion_coefficient: f64, decay_rate: f64, boundary: [Boundary; 6]) -> Substrate {
    Substrate {
        diffusion_coefficient,
        decay_rate,
        boundary,
    }
}

/// A grid of 20 µm from the origin.
fn grid(shape: [usize; 3]) -> Grid {
    Grid::new([0.0; 3], shape.map(|n| 20.0 * n as f64), [20.0; 3]).unwrap()
}

/// `[S, ρ*, U, E]` of cells of 2494 µm³, one in each of these voxels.
fn cells(grid: &Grid, voxels: &[u32], rates: [f64; 4]) -> Exchange {
    let mut exchange = Exchange::new();
    let volumes = vec![2494.0; voxels.len()];
    let (of, free, pool) = (|_, _| rates, |_, _| false, Pool::serial());
    exchange
        .prepare(grid, 1, voxels, &volumes, of, 0.01, free, &pool)
        .unwrap();
    exchange
}

fn nobody(grid: &Grid) -> Exchange {
    cells(grid, &[], [0.0; 4])
}

/// Advances by `ticks` of 0.1 min, the last of them to the present.
fn run(solver: &mut Unsplit, density: &mut [f64], exchange: &Exchange, ticks: usize, pool: &Pool) {
    for tick in 1..=ticks {
        let left = 0.1 * (ticks - tick) as f64;
        solver.advance(density, exchange, 0.1, left, &mut 0, pool);
    }
}

#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{found} is not {expected} ± {tolerance}"
    );
}

#[test]
fn modes_of_a_closed_box_decay_as_they_must() {
    for (shape, mode) in [([20, 12, 9], [1, 2, 1]), ([50, 33, 1], [2, 1, 0])] {
        let grid = grid(shape);
        let wave = |voxel: usize| {
            let at = grid.coordinates(voxel);
            let along = |axis: usize| {
                let phase = PI * mode[axis] as f64 / shape[axis] as f64;
                (phase * (at[axis] as f64 + 0.5)).cos()
            };
            along(0) * along(1) * along(2)
        };
        // Of the grid: 4 D / d² sin²(q/2) along each axis.
        let rate: f64 = (0..3)
            .map(|axis| {
                let q = PI * mode[axis] as f64 / shape[axis] as f64;
                4.0 * 1e4 / 400.0 * (q / 2.0).sin().powi(2)
            })
            .sum();
        let mut error = vec![];
        for tolerance in [1e-2, 1e-3, 1e-4] {
            let substrates = [substrate(1e4, 0.1, CLOSED)];
            let mut solver = Unsplit::new(&grid, &substrates, tolerance).unwrap();
            let mut density: Vec<f64> = (0..grid.len()).map(|voxel| 1.0 + wave(voxel)).collect();
            run(
                &mut solver,
                &mut density,
                &nobody(&grid),
                5,
                &Pool::serial(),
            );
            let exact = |voxel| (-0.05f64).exp() * (1.0 + wave(voxel) * (-0.5 * rate).exp());
            let square = |voxel: usize| (density[voxel] - exact(voxel)).powi(2);
            let wrong = (0..grid.len()).map(square).sum::<f64>() / grid.len() as f64;
            error.push(wrong.sqrt());
        }
        // A tolerance is for a step, and errors of a few steps add up.
        assert!(
            error[0] < 2e-2 && error[1] < 3e-3 && error[2] < 5e-4,
            "{error:?}"
        );
        assert!(error[0] > error[1] && error[1] > error[2], "{error:?}");
    }
}

#[test]
fn at_rest_the_field_solves_the_equation_for_any_step() {
    // Oxygen: D = 1e5 µm²/min, decay 0.1/min, 38 mmHg at one end of 1000 µm, no flux at the other.
    let grid = grid([50, 3, 3]);
    let mut boundary = CLOSED;
    boundary[0] = Boundary::Fixed(38.0);
    let mut solver = Unsplit::new(&grid, &[substrate(1e5, 0.1, boundary)], 1e-6).unwrap();
    let mut density = vec![38.0; grid.len()];
    run(
        &mut solver,
        &mut density,
        &nobody(&grid),
        3000,
        &Pool::serial(),
    );
    // r (ρ_{i−1} − 2ρ_i + ρ_{i+1}) = λ ρ_i with r = D / d²; the free end is the mirror i ↔ 2n − 1 − i.
    let theta = (1.0f64 + 0.1 / (2.0 * 250.0)).acosh();
    for (voxel, &value) in density.iter().enumerate() {
        let i = grid.coordinates(voxel)[0] as f64;
        let shape = |i: f64| ((49.5 - i) * theta).cosh();
        assert_close(value, 38.0 * shape(i) / shape(0.0), 1e-4);
    }
    // From then on steps are as long as they are let.
    assert!(!solver.is_due(0.1, 300.0));
}

#[test]
fn cells_at_rest_take_what_diffusion_brings() {
    // A cell in each voxel: ρ = S ρ* V/W / (λ + (S + U) V/W), whatever diffuses.
    let grid = grid([9, 8, 7]);
    let all: Vec<u32> = (0..grid.len() as u32).collect();
    let exchange = cells(&grid, &all, [2.0, 30.0, 10.0, 0.0]);
    let mut solver = Unsplit::new(&grid, &[substrate(1e3, 0.5, CLOSED)], 1e-4).unwrap();
    let mut density = vec![0.0; grid.len()];
    run(&mut solver, &mut density, &exchange, 300, &Pool::serial());
    let part = 2494.0 / 8000.0;
    let expected = 2.0 * 30.0 * part / (0.5 + 12.0 * part);
    for value in density {
        assert_close(value, expected, 1e-4 * expected);
    }
}

#[test]
fn closed_domain_keeps_its_amount() {
    let grid = grid([17, 12, 21]);
    let mut solver = Unsplit::new(&grid, &[substrate(1e4, 0.0, CLOSED)], 1e-5).unwrap();
    let mut density: Vec<f64> = (0..grid.len()).map(|i| (i * 7919 % 101) as f64).collect();
    let before: f64 = density.iter().sum();
    run(
        &mut solver,
        &mut density,
        &nobody(&grid),
        50,
        &Pool::serial(),
    );
    // Multigrid leaves 20 % of the tolerance, in each of some hundred steps.
    assert_close(density.iter().sum::<f64>(), before, 1e-4 * before);
}

#[test]
fn split_and_unsplit_agree_where_both_are_exact() {
    // Cells that secrete into a field held at its walls; the split solver, extrapolated to no step.
    let grid = grid([16, 11, 8]);
    let mut boundary = CLOSED;
    boundary[1] = Boundary::Fixed(5.0);
    boundary[2] = Boundary::Fixed(1.0);
    let substrates = [substrate(3e3, 0.05, boundary)];
    let voxels: Vec<u32> = (0..200).map(|cell| cell * 7 % grid.len() as u32).collect();
    let split = |dt: f64| {
        let diffusion = Diffusion::new(&grid, &substrates, dt).unwrap();
        let mut exchange = Exchange::new();
        let (of, pool) = (|_, _| [0.5, 20.0, 3.0, 50.0], Pool::serial());
        let held = |_, voxel| diffusion.is_held(0, voxel);
        exchange
            .prepare(&grid, 1, &voxels, &[2494.0; 200], of, dt, held, &pool)
            .unwrap();
        let mut density = vec![2.0; grid.len()];
        diffusion.hold(&mut density).unwrap();
        for _ in 0..(1.0 / dt).round() as usize {
            diffusion.step(&mut density, &pool);
            exchange.apply(&mut density, &mut 0, &pool);
        }
        (density, exchange)
    };
    let ((coarse, _), (fine, exchange)) = (split(1.0 / 400.0), split(1.0 / 800.0));
    let mut density = vec![2.0; grid.len()];
    let mut solver = Unsplit::new(&grid, &substrates, 1e-5).unwrap();
    run(&mut solver, &mut density, &exchange, 10, &Pool::serial());
    for voxel in 0..grid.len() {
        let exact = 2.0 * fine[voxel] - coarse[voxel];
        // What extrapolation leaves is of the order of the difference's square.
        assert_close(density[voxel], exact, 2e-3);
        if let Some(value) = Diffusion::new(&grid, &substrates, 1.0)
            .unwrap()
            .held_value(0, voxel)
        {
            assert_eq!(density[voxel], value);
        }
    }
}

#[test]
fn export_below_zero_is_cut_and_counted() {
    let grid = grid([6, 5, 4]);
    let exchange = cells(&grid, &[7], [0.0, 0.0, 0.0, -1e6]);
    let mut solver = Unsplit::new(&grid, &[substrate(10.0, 0.0, CLOSED)], 1e-2).unwrap();
    let (mut density, mut negative) = (vec![1.0; grid.len()], 0);
    solver.advance(
        &mut density,
        &exchange,
        0.1,
        0.0,
        &mut negative,
        &Pool::serial(),
    );
    assert!(negative > 0);
    assert!(density.iter().all(|&value| value >= 0.0));
}

#[test]
fn identical_bits_for_any_thread_count() {
    for shape in [[41, 35, 37], [301, 257, 1]] {
        let grid = grid(shape);
        let mut boundary = CLOSED;
        boundary[0] = Boundary::Fixed(2.0);
        let substrates = [substrate(1e4, 0.1, boundary)];
        let voxels: Vec<u32> = (0..3000).map(|cell| cell * 13).collect();
        let exchange = cells(&grid, &voxels, [1.0, 30.0, 2.0, 0.0]);
        let after = |threads| {
            let mut solver = Unsplit::new(&grid, &substrates, 1e-2).unwrap();
            let mut density: Vec<f64> = (0..grid.len()).map(|i| (i * 7919 % 101) as f64).collect();
            run(
                &mut solver,
                &mut density,
                &exchange,
                5,
                &Pool::new(threads).unwrap(),
            );
            (density, solver.work)
        };
        let one = after(1);
        for threads in [2, 3, 7, 16] {
            assert!(one == after(threads), "{threads} threads, {shape:?}");
        }
    }
}

#[test]
fn wrong_constants_are_refused_by_name() {
    let grid = grid([2, 2, 2]);
    let error = Unsplit::new(&grid, &[substrate(1.0, 0.0, CLOSED)], 0.0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the tolerance of diffusion is 0; it must be finite and positive"
    );
}
