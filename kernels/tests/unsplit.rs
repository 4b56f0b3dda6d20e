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
    cells_but(grid, voxels, rates, |_, _| false)
}

/// Those that are in no held voxel.
fn cells_but(
    grid: &Grid,
    voxels: &[u32],
    rates: [f64; 4],
    held: impl Fn(usize, usize) -> bool + Sync,
) -> Exchange {
    let mut exchange = Exchange::of_rates();
    let volumes = vec![2494.0; voxels.len()];
    let (of, pool) = (|_, _| rates, Pool::serial());
    exchange
        .prepare(grid, 1, voxels, &volumes, of, 0.01, held, &pool)
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
            let mut solver = Unsplit::new(&grid, &substrates, tolerance, 0.1).unwrap();
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
    let mut solver = Unsplit::new(&grid, &[substrate(1e5, 0.1, boundary)], 1e-6, 0.1).unwrap();
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
    let mut solver = Unsplit::new(&grid, &[substrate(1e3, 0.5, CLOSED)], 1e-4, 0.1).unwrap();
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
    let mut solver = Unsplit::new(&grid, &[substrate(1e4, 0.0, CLOSED)], 1e-5, 0.1).unwrap();
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
    let rates = [0.5, 20.0, 3.0, 50.0];
    let split = |dt: f64| {
        let diffusion = Diffusion::new(&grid, &substrates, dt).unwrap();
        let mut exchange = Exchange::new();
        let (of, pool) = (|_, _| rates, Pool::serial());
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
        density
    };
    let (coarse, fine) = (split(1.0 / 400.0), split(1.0 / 800.0));
    let diffusion = Diffusion::new(&grid, &substrates, 1.0).unwrap();
    let exchange = cells_but(&grid, &voxels, rates, |_, voxel| {
        diffusion.is_held(0, voxel)
    });
    // As cells that move every 0.1 min, and as such that move so rarely that it is a long way.
    for mechanics in [0.1, 1.0] {
        let mut density = vec![2.0; grid.len()];
        let mut solver = Unsplit::new(&grid, &substrates, 1e-5, mechanics).unwrap();
        run(&mut solver, &mut density, &exchange, 10, &Pool::serial());
        for voxel in 0..grid.len() {
            let exact = 2.0 * fine[voxel] - coarse[voxel];
            // What extrapolation leaves is of the order of the difference's square.
            assert_close(density[voxel], exact, 2e-3);
            if let Some(value) = diffusion.held_value(0, voxel) {
                assert_eq!(density[voxel], value);
            }
        }
    }
}

/// Errors of a substrate that spreads little after 0.8 min, in steps of 0.1, 0.05 and 0.025 min.
fn errors_of_halved_steps(
    grid: &Grid,
    substrate: Substrate,
    exchange: &Exchange,
    start: impl Fn(usize) -> f64,
    exact: impl Fn(usize) -> f64,
) -> [f64; 3] {
    [0.1, 0.05, 0.025].map(|step| {
        let mut solver = Unsplit::new(grid, &[substrate], 1.0, step).unwrap();
        let mut density: Vec<f64> = (0..grid.len()).map(&start).collect();
        for left in (0..(0.8f64 / step).round() as usize).rev() {
            let (left, pool) = (step * left as f64, Pool::serial());
            solver.advance(&mut density, exchange, step, left, &mut 0, &pool);
        }
        assert_eq!(solver.work.steps, (0.8f64 / step).round() as u64);
        let wrong = |voxel: usize| (density[voxel] - exact(voxel)).abs();
        (0..grid.len()).map(wrong).fold(0.0, f64::max)
    })
}

#[track_caller]
fn assert_second_order(errors: [f64; 3]) {
    for pair in errors.windows(2) {
        let ratio = pair[0] / pair[1];
        assert!((3.4..4.8).contains(&ratio), "{errors:?}");
    }
}

#[test]
fn where_a_substrate_spreads_little_modes_decay_to_second_order() {
    for (shape, mode) in [
        ([20, 12, 9], [2, 3, 1]),
        ([50, 33, 1], [7, 4, 0]),
        ([1, 9, 30], [0, 1, 4]),
    ] {
        let grid = grid(shape);
        let phase = |axis: usize| PI * mode[axis] as f64 / shape[axis] as f64;
        let wave = |voxel: usize| {
            let at = grid.coordinates(voxel);
            let along = |axis: usize| (phase(axis) * (at[axis] as f64 + 0.5)).cos();
            along(0) * along(1) * along(2)
        };
        let sines = (0..3).map(|axis| (phase(axis) / 2.0).sin().powi(2));
        let rate = 4.0 * 500.0 / 400.0 * sines.sum::<f64>() + 0.3;
        let start = |voxel| 1.0 + wave(voxel);
        let exact = |voxel| (-0.3f64 * 0.8).exp() + wave(voxel) * (-rate * 0.8).exp();
        let of = substrate(500.0, 0.3, CLOSED);
        assert_second_order(errors_of_halved_steps(
            &grid,
            of,
            &nobody(&grid),
            start,
            exact,
        ));
    }
}

#[test]
fn where_a_substrate_spreads_little_exchange_is_of_second_order() {
    // A cell in each voxel: all voxels go the way of one, to ρ = source / rate.
    let grid = grid([9, 8, 7]);
    let all: Vec<u32> = (0..grid.len() as u32).collect();
    let exchange = cells(&grid, &all, [2.0, 30.0, 3.0, 700.0]);
    let part = 2494.0 / 8000.0;
    let (rate, source) = (0.5 + 5.0 * part, 60.0 * part + 700.0 / 8000.0);
    let exact = |_| source / rate * (1.0 - (-rate * 0.8f64).exp());
    let of = substrate(500.0, 0.5, CLOSED);
    assert_second_order(errors_of_halved_steps(&grid, of, &exchange, |_| 0.0, exact));
}

#[test]
fn what_spreads_little_neither_falls_below_zero_nor_gets_lost() {
    // D τ Σ 1/d² = 0.95 is the longest step. All is in one voxel: at a corner, an edge, a face, inside.
    let grid = grid([12, 13, 14]);
    let coefficient = 0.95 * 400.0 / 3.0 / 0.1;
    for voxel in [0, 5, 17, 12 * 13 * 7 + 12 * 6 + 6] {
        let mut solver =
            Unsplit::new(&grid, &[substrate(coefficient, 0.0, CLOSED)], 1.0, 0.1).unwrap();
        let (mut density, mut negative) = (vec![0.0; grid.len()], 0);
        density[voxel] = 1.0;
        for _ in 0..20 {
            let (nobody, pool) = (nobody(&grid), Pool::serial());
            solver.advance(&mut density, &nobody, 0.1, 0.0, &mut negative, &pool);
            assert_close(density.iter().sum(), 1.0, 1e-13);
        }
        assert_eq!((negative, solver.work.steps), (0, 20));
    }
}

#[test]
fn what_spreads_little_never_stands_still_while_cells_move() {
    let grid = grid([6, 5, 4]);
    let substrates = [substrate(1e3, 0.1, CLOSED)];
    let mut solver = Unsplit::new(&grid, &substrates, 0.1, 0.1).unwrap();
    let (mut density, nobody) = (vec![1.0; grid.len()], nobody(&grid));
    for tick in 1..=60 {
        // Ticks of 0.01 min; read long after.
        solver.advance(&mut density, &nobody, 0.01, 6.0, &mut 0, &Pool::serial());
        assert_eq!(solver.work.steps, tick / 10);
    }
}

#[test]
fn export_below_zero_is_cut_and_counted() {
    let grid = grid([6, 5, 4]);
    let exchange = cells(&grid, &[7], [0.0, 0.0, 0.0, -1e6]);
    let mut solver = Unsplit::new(&grid, &[substrate(10.0, 0.0, CLOSED)], 1e-2, 0.1).unwrap();
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
    let shapes = [[41, 35, 59], [301, 257, 1]];
    for (shape, coefficient) in shapes
        .into_iter()
        .flat_map(|shape| [(shape, 1e4), (shape, 1e3)])
    {
        let grid = grid(shape);
        let mut boundary = CLOSED;
        boundary[0] = Boundary::Fixed(2.0);
        let substrates = [substrate(coefficient, 0.1, boundary)];
        let voxels: Vec<u32> = (0..3000).map(|cell| cell * 13).collect();
        let exchange = cells(&grid, &voxels, [1.0, 30.0, 2.0, 0.0]);
        let after = |threads| {
            let mut solver = Unsplit::new(&grid, &substrates, 1e-2, 0.1).unwrap();
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
            assert!(
                one == after(threads),
                "{threads} threads, {shape:?}, {coefficient}"
            );
        }
    }
}

#[test]
fn wrong_constants_are_refused_by_name() {
    let grid = grid([2, 2, 2]);
    let error = Unsplit::new(&grid, &[substrate(1.0, 0.0, CLOSED)], 0.0, 0.1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the tolerance of diffusion is 0; it must be finite and positive"
    );
}
