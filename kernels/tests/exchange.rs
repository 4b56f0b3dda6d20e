//! Exchange between cells and their voxels: the map, the balance, the edges.

use kernels::conventions::Sharing;
use kernels::diffusion::{Boundary, Diffusion, Substrate};
use kernels::exchange::Exchange;
use kernels::random::{Draws, Sequence};
use kernels::{Grid, Pool};

fn grid() -> Grid {
    Grid::new([0.0; 3], [80.0, 60.0, 40.0], [10.0; 3]).unwrap()
}

fn free(_: usize, _: usize) -> bool {
    false
}

#[test]
fn cells_of_a_voxel_act_as_one() {
    let grid = grid();
    let (dt, volumes) = (0.1, [500.0, 300.0]);
    let rates = [[2.0, 40.0, 1.0, 3.0], [0.5, 10.0, 4.0, -1.0]];
    let mut exchange = Exchange::new();
    exchange
        .prepare(
            &grid,
            1,
            &[7, 7],
            &volumes,
            |_, row| rates[row],
            dt,
            free,
            &Pool::serial(),
        )
        .unwrap();
    let mut density = vec![5.0; grid.len()];
    exchange.apply(&mut density, &mut 0, &Pool::serial());
    let per_voxel = dt / 1000.0;
    let gain = per_voxel * (500.0 * 2.0 * 40.0 + 300.0 * 0.5 * 10.0);
    let loss = per_voxel * (500.0 * 3.0 + 300.0 * 4.5);
    let expected = (5.0 + gain) / (1.0 + loss) + per_voxel * 2.0;
    assert!((density[7] - expected).abs() < 1e-14);
    assert!(density.iter().enumerate().all(|(i, &x)| i == 7 || x == 5.0));
}

#[test]
fn field_plus_what_cells_moved_is_constant() {
    let grid = grid();
    let substrates = [Substrate {
        diffusion_coefficient: 1000.0,
        decay_rate: 0.0,
        boundary: [Boundary::NoFlux; 6],
    }; 2];
    let diffusion = Diffusion::new(&grid, &substrates, 0.01).unwrap();
    let draws = Draws {
        seed: 3,
        purpose: 0,
    };
    let mut random = Sequence::new(draws, 0);
    let cells = 400;
    let voxels: Vec<u32> = (0..cells)
        .map(|_| (random.uniform() * grid.len() as f64) as u32)
        .collect();
    let volumes: Vec<f64> = (0..cells).map(|_| 3000.0 * random.uniform()).collect();
    let rates: Vec<[f64; 4]> = (0..2 * cells)
        .map(|_| [1.0, 30.0, 10.0, 400.0].map(|most| most * random.uniform()))
        .collect();
    let mut exchange = Exchange::new();
    let of = |substrate, row| {
        let mut rates: [f64; 4] = rates[substrate * cells + row];
        // Some cells draw more than there is, so that the cut at zero is part of the balance.
        rates[3] -= 1e4 * (row % 3) as f64;
        rates
    };
    exchange
        .prepare(&grid, 2, &voxels, &volumes, of, 0.01, free, &Pool::serial())
        .unwrap();
    let mut densities = vec![1.0; 2 * grid.len()];
    let mut plain = densities.clone();
    let (mut negative, mut negative_plain) = (0, 0);
    let mut moved = [0.0; 2];
    for _ in 0..500 {
        diffusion.step(&mut densities, &Pool::serial());
        for (total, part) in moved
            .iter_mut()
            .zip(exchange.apply_accounted(&mut densities, &mut negative))
        {
            assert!(part.taken_up >= 0.0);
            *total += part.secreted - part.taken_up + part.exported;
        }
        diffusion.step(&mut plain, &Pool::serial());
        exchange.apply(&mut plain, &mut negative_plain, &Pool::serial());
    }
    assert!(negative > 0);
    assert_eq!((densities.clone(), negative), (plain, negative_plain));
    for (field, moved) in densities.chunks(grid.len()).zip(moved) {
        let total = grid.voxel_volume() * field.iter().sum::<f64>();
        let before = grid.voxel_volume() * grid.len() as f64;
        assert!(
            (total - moved - before).abs() < 1e-12 * before.max(total),
            "{total} − {moved} is not {before}"
        );
    }
}

#[test]
fn export_below_zero_is_cut_and_counted() {
    let grid = grid();
    let mut exchange = Exchange::new();
    let rates = |_, _| [0.0, 0.0, 0.0, -1e6];
    exchange
        .prepare(
            &grid,
            1,
            &[3, 9, 9],
            &[1.0; 3],
            rates,
            0.1,
            free,
            &Pool::serial(),
        )
        .unwrap();
    let mut density = vec![5.0; grid.len()];
    let mut negative = 10;
    exchange.apply(&mut density, &mut negative, &Pool::serial());
    assert_eq!((density[3], density[9], negative), (0.0, 0.0, 12));
}

#[test]
fn held_voxels_are_skipped() {
    let grid = grid();
    let mut exchange = Exchange::new();
    let rates = |_, _| [0.0, 0.0, 10.0, 0.0];
    let held = |substrate, voxel| substrate == 0 && voxel == 3;
    exchange
        .prepare(&grid, 2, &[3], &[1000.0], rates, 0.1, held, &Pool::serial())
        .unwrap();
    let mut densities = vec![5.0; 2 * grid.len()];
    exchange.apply(&mut densities, &mut 0, &Pool::serial());
    assert_eq!(densities[3], 5.0);
    assert!((densities[grid.len() + 3] - 2.5).abs() < 1e-15);
}

#[test]
fn few_cells_and_many_are_sorted_alike() {
    // Few cells are compared and many are counted; a cell alone in its voxel sees no difference.
    let grid = Grid::new([0.0; 3], [1000.0, 1000.0, 10.0], [10.0; 3]).unwrap();
    let rates = |_, _| [1.0, 10.0, 2.0, 0.0];
    let after = |cells: u32| {
        let voxels: Vec<u32> = (0..cells).rev().map(|row| row * 3).collect();
        let mut exchange = Exchange::new();
        exchange
            .prepare(
                &grid,
                1,
                &voxels,
                &vec![100.0; cells as usize],
                rates,
                0.1,
                free,
                &Pool::serial(),
            )
            .unwrap();
        let mut density = vec![5.0; grid.len()];
        exchange.apply(&mut density, &mut 0, &Pool::serial());
        density[..300].to_vec()
    };
    assert_eq!(after(100), after(3000));
}

#[test]
fn following_moves_gives_the_bits_of_preparing_anew() {
    let grid = grid();
    let cells = 150;
    let draws = Draws {
        seed: 5,
        purpose: 0,
    };
    let mut random = Sequence::new(draws, 0);
    let volumes: Vec<f64> = (0..cells).map(|_| 3000.0 * random.uniform()).collect();
    let rates: Vec<[f64; 4]> = (0..4 * cells)
        .map(|_| [1.0, 30.0, 10.0, 400.0].map(|most| most * random.uniform()))
        .collect();
    // Substrate 0 is everybody's, 1 is some cells', 2 is nobody's, and 3 cancels in pairs.
    let of = |substrate: usize, row: usize| match substrate {
        1 if !row.is_multiple_of(5) => [0.0; 4],
        2 => [0.0; 4],
        3 => [
            0.0,
            0.0,
            0.0,
            if row.is_multiple_of(2) { 7.0 } else { -7.0 },
        ],
        _ => rates[substrate * cells + row],
    };
    let held = |substrate: usize, voxel: usize| substrate == 0 && voxel.is_multiple_of(8);
    let after = |exchange: &Exchange| {
        let mut densities = vec![1.0; 4 * grid.len()];
        let mut accounted = densities.clone();
        let mut negative = [0; 2];
        exchange.apply(&mut densities, &mut negative[0], &Pool::serial());
        let moved = exchange.apply_accounted(&mut accounted, &mut negative[1]);
        let bits: Vec<u64> = densities.iter().map(|x| x.to_bits()).collect();
        (bits, negative, moved)
    };
    let mut voxels = vec![0; cells];
    let mut exchange = Exchange::new();
    let pool = Pool::serial();
    exchange
        .prepare(&grid, 4, &voxels, &volumes, of, 0.1, held, &pool)
        .unwrap();
    for round in 0..200 {
        // Nobody moves, one, some, or almost everybody; sometimes all crowd into a corner.
        let share = [0.0, 1.0 / cells as f64, 0.1, 0.95][round % 4];
        let room = if round % 20 == 7 { 3 } else { grid.len() };
        for voxel in &mut voxels {
            if random.uniform() < share {
                *voxel = (random.uniform() * room as f64) as u32;
            }
        }
        exchange.follow(&voxels, held, &pool).unwrap();
        let mut fresh = Exchange::new();
        fresh
            .prepare(&grid, 4, &voxels, &volumes, of, 0.1, held, &pool)
            .unwrap();
        assert!(after(&exchange) == after(&fresh), "round {round}");
    }
    assert!(exchange.follow(&voxels[1..], held, &pool).is_err());
    voxels[9] = grid.len() as u32;
    assert!(exchange.follow(&voxels, held, &pool).is_err());
}

#[test]
fn identical_bits_for_any_thread_count() {
    let grid = Grid::new([0.0; 3], [400.0; 3], [10.0; 3]).unwrap();
    let voxels: Vec<u32> = (0..50_000u32)
        .map(|row| row * 7919 % grid.len() as u32)
        .collect();
    let volumes: Vec<f64> = (0..50_000).map(|row| f64::from(row % 97)).collect();
    let rates = |substrate, row| [1.0, 3.0, (row % 13) as f64, -(substrate as f64)];
    let after = |threads| {
        let pool = Pool::new(threads).unwrap();
        let mut exchange = Exchange::new();
        exchange
            .prepare(&grid, 3, &voxels, &volumes, rates, 0.1, free, &pool)
            .unwrap();
        let mut densities = vec![0.0; 3 * grid.len()];
        let mut negative = 0;
        exchange.apply(&mut densities, &mut negative, &pool);
        (densities, negative)
    };
    let one = after(1);
    assert!(one.1 > 0);
    for threads in [2, 3, 7, 16] {
        assert!(one == after(threads), "{threads} threads");
    }
}

#[test]
fn cells_in_turn_each_see_what_the_one_before_left() {
    let grid = grid();
    let (dt, volumes) = (0.1, [500.0, 0.0, 300.0]);
    // Row 2 shares voxel 7 with row 0, and draws more than there is.
    let rates = [
        [2.0, 40.0, 1.0, 3.0],
        [9.0, 9.0, 9.0, 0.0],
        [0.5, 10.0, 4.0, -9e4],
    ];
    let (mut exchange, pool) = (Exchange::after(Sharing::InTurn), Pool::serial());
    let of = |_, row: usize| rates[row];
    exchange
        .prepare(&grid, 1, &[3, 7, 7], &volumes, of, dt, free, &pool)
        .unwrap();
    exchange.follow(&[7, 7, 7], free, &pool).unwrap();
    let mut density = vec![5.0; grid.len()];
    let mut internalized = [vec![100.0; 3]];
    let mut accounted = density.clone();
    let mut negative = 0;
    exchange
        .apply_internalized(&mut density, &mut internalized, &mut negative, &pool)
        .unwrap();
    let moved = exchange.apply_accounted(&mut accounted, &mut negative)[0];

    let (mut value, mut expected) = (5.0, vec![100.0; 3]);
    for row in [0, 2] {
        let [secretion, target, uptake, export] = rates[row];
        let part = dt * volumes[row] / 1000.0;
        let after = (value + part * secretion * target) / (1.0 + part * (secretion + uptake));
        expected[row] -= 1000.0 * (after - value) + dt * export;
        value = after + dt * export / 1000.0;
    }
    assert!(value < 0.0 && negative == 0);
    assert!((density[7] - value).abs() < 1e-14);
    assert_eq!(accounted, density);
    for (found, expected) in internalized[0].iter().zip(&expected) {
        assert!(
            (found - expected).abs() < 1e-14 * 9000.0,
            "{found}, not {expected}"
        );
    }
    let gained = moved.taken_up - moved.secreted - moved.exported;
    assert!((gained - (expected.iter().sum::<f64>() - 300.0)).abs() < 1e-14 * 9000.0);
    assert!(density.iter().enumerate().all(|(i, &x)| i == 7 || x == 5.0));
}

#[test]
fn a_cell_alone_exchanges_alike_in_turn_and_together() {
    let grid = grid();
    let after = |sharing| {
        let mut exchange = Exchange::after(sharing);
        let rates = |_, _| [2.0, 40.0, 1.0, 3.0];
        exchange
            .prepare(
                &grid,
                1,
                &[3, 9],
                &[500.0; 2],
                rates,
                0.1,
                free,
                &Pool::serial(),
            )
            .unwrap();
        let mut density = vec![5.0; grid.len()];
        exchange.apply(&mut density, &mut 0, &Pool::serial());
        density
    };
    let (together, in_turn) = (after(Sharing::Together), after(Sharing::InTurn));
    for (a, b) in together.iter().zip(&in_turn) {
        // Two roundings apart.
        assert!((a - b).abs() < 4e-16 * a.abs());
    }
}

#[test]
fn accounts_of_the_wrong_length_are_refused() {
    let grid = grid();
    let mut exchange = Exchange::new();
    let rates = |_, _| [1.0; 4];
    exchange
        .prepare(
            &grid,
            1,
            &[3, 9],
            &[500.0; 2],
            rates,
            0.1,
            free,
            &Pool::serial(),
        )
        .unwrap();
    let mut density = vec![5.0; grid.len()];
    for wrong in [vec![], vec![vec![0.0; 3]]] {
        let mut wrong = wrong;
        let result = exchange.apply_internalized(&mut density, &mut wrong, &mut 0, &Pool::serial());
        assert!(result.is_err());
    }
    assert!(density.iter().all(|&x| x == 5.0));
}
