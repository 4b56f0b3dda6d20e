//! The persistent walk against Fürth's formula, and the bias.

use kernels::Pool;
use kernels::motility::{Walkers, blend, chemotaxis, crawl, normalize, renew};
use kernels::motion::Domain;
use kernels::random::Draws;

const DRAWS: Draws = Draws {
    seed: 11,
    purpose: 4,
};

/// Mean squared displacement of `cells` walkers of speed 2 µm/min and persistence 15 min after
/// 60 min.
fn mean_square(cells: usize, dimensions: usize) -> f64 {
    let (dt, steps) = (0.1, 600);
    let id: Vec<u64> = (0..cells as u64).collect();
    let walkers = Walkers {
        id: &id,
        persistence: &vec![15.0; cells],
        bias: &vec![0.0; cells],
        crawls: &vec![true; cells],
    };
    let speed = vec![2.0; cells];
    let mut direction = vec![[0.0; 3]; cells];
    let mut position = vec![[0.0f64; 3]; cells];
    for tick in 0..steps {
        renew(
            &walkers,
            |_| [0.0; 3],
            &mut direction,
            dt,
            dimensions,
            DRAWS,
            tick,
            &Pool::serial(),
        )
        .unwrap();
        let mut velocity = vec![[0.0; 3]; cells];
        crawl(&direction, &speed, &mut velocity).unwrap();
        for (position, velocity) in position.iter_mut().zip(&velocity) {
            for axis in 0..3 {
                position[axis] += dt * velocity[axis];
            }
        }
    }
    let squares = position.iter().flatten().map(|x| x * x);
    squares.sum::<f64>() / cells as f64
}

#[test]
fn mean_squared_displacement_is_furths() {
    let (v, tau, t) = (2.0f64, 15.0f64, 60.0f64);
    let expected = 2.0 * v * v * tau * (t - tau * (1.0 - (-t / tau).exp()));
    assert!((expected - 5433.0).abs() < 1.0);
    let cells = 4000;
    for dimensions in [2, 3] {
        let found = mean_square(cells, dimensions);
        // A squared displacement in n dimensions has relative variance 2/n if Gaussian, and less
        // if persistent; four standard errors. Renewal in steps instead of at any time adds
        // (dt/τ)² / 12, a few millionths.
        let error = (2.0 / dimensions as f64 / cells as f64).sqrt();
        assert!(
            (found / expected - 1.0).abs() < 4.0 * error,
            "{found} is not {expected} in {dimensions}D"
        );
    }
}

#[test]
fn directions_are_unit_uniform_and_flat_in_2d() {
    let cells = 20_000;
    for dimensions in [2, 3] {
        let mut mean = [0.0; 3];
        let mut square = [0.0; 3];
        for id in 0..cells {
            let u = match dimensions {
                2 => DRAWS.direction_2d(id, 5, 1),
                _ => DRAWS.direction_3d(id, 5, 1),
            };
            let length: f64 = u.iter().map(|x| x * x).sum();
            assert!((length - 1.0).abs() < 1e-14);
            for axis in 0..3 {
                mean[axis] += u[axis] / cells as f64;
                square[axis] += u[axis] * u[axis] / cells as f64;
            }
        }
        for axis in 0..3 {
            // Four standard errors of a mean whose variance is at most 1/2.
            let tolerance = 4.0 * (0.5 / cells as f64).sqrt();
            let share = if axis < dimensions {
                1.0 / dimensions as f64
            } else {
                0.0
            };
            assert!(mean[axis].abs() < tolerance);
            assert!((square[axis] - share).abs() < tolerance);
        }
    }
}

#[test]
fn full_bias_follows_what_is_sensed_and_a_slower_cell_slows_at_once() {
    let walkers = Walkers {
        id: &[1, 2],
        persistence: &[0.0, 1e9],
        bias: &[1.0, 1.0],
        crawls: &[true, false],
    };
    let mut direction = [[0.0; 3], [1.0, 0.0, 0.0]];
    let sensed = |row: usize| [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]][row];
    renew(
        &walkers,
        sensed,
        &mut direction,
        0.1,
        3,
        DRAWS,
        0,
        &Pool::serial(),
    )
    .unwrap();
    assert_eq!(direction, [[0.0, -1.0, 0.0], [0.0; 3]]);
    for speed in [2.0, 0.5] {
        let mut velocity = [[0.0; 3]; 2];
        crawl(&direction, &[speed; 2], &mut velocity).unwrap();
        assert_eq!(velocity, [[0.0, -speed, 0.0], [0.0; 3]]);
    }
}

#[test]
fn new_walker_renews_at_once_and_an_old_one_rarely() {
    let walkers = Walkers {
        id: &[1, 2],
        persistence: &[1e12; 2],
        bias: &[0.0; 2],
        crawls: &[true; 2],
    };
    let mut direction = [[0.0; 3], [0.0, 1.0, 0.0]];
    renew(
        &walkers,
        |_| [0.0; 3],
        &mut direction,
        0.1,
        2,
        DRAWS,
        0,
        &Pool::serial(),
    )
    .unwrap();
    assert_ne!(direction[0], [0.0; 3]);
    assert_eq!(direction[1], [0.0, 1.0, 0.0]);
}

#[test]
fn chemotaxis_weighs_gradients() {
    let steep = [3e6, 0.0, 0.0];
    let gentle = [0.0, 1e-200, 0.0];
    let along = chemotaxis([(1.0, steep), (1.0, gentle)], false);
    assert!(along[0] == 1.0 && along[1].abs() < 1e-200);
    let half = 0.5f64.sqrt();
    let both = chemotaxis([(1.0, steep), (-1.0, gentle)], true);
    assert!((both[0] - half).abs() < 1e-15 && (both[1] + half).abs() < 1e-15);
    assert_eq!(chemotaxis([], true), [0.0; 3]);
    assert_eq!(normalize([0.0; 3]), [0.0; 3]);
    assert_eq!(blend([1.0, 0.0, 0.0], [0.0; 3], 0.3), [1.0, 0.0, 0.0]);
}

#[test]
fn first_step_is_eulers_and_the_next_adams_and_bashforths() {
    let domain = Domain {
        min: [0.0; 3],
        max: [100.0; 3],
        dimensions: 3,
    };
    // Under v = 2t the second-order step is exact: x(2 dt) − x(dt) = 3 dt².
    let (mut position, mut previous, mut moved) = ([[50.0; 3]], [[9.0; 3]], [false]);
    let dt = 0.5;
    for (velocity, expected) in [(0.0, 50.0), (1.0, 50.75), (2.0, 52.0)] {
        let velocity = [[velocity; 3]];
        let outside = domain.advance(dt, &velocity, &mut position, &mut previous, &mut moved);
        assert_eq!((outside, position[0]), (Ok(0), [expected; 3]));
    }
}

#[test]
fn walls_push_inward_and_keep_centers_inside() {
    let domain = Domain {
        min: [-10.0; 3],
        max: [10.0; 3],
        dimensions: 2,
    };
    let mut velocity = [[0.0; 3]; 2];
    domain
        .push_from_walls(
            100.0,
            &[[-8.0, 6.0, 0.0], [0.0, 0.0, 9.9]],
            &[4.0; 2],
            &mut velocity,
        )
        .unwrap();
    // (1 − 2/4)² at one wall; at distance R the other has just stopped. z has no wall in 2D.
    assert_eq!(velocity, [[25.0, 0.0, 0.0], [0.0; 3]]);
    let mut position = [[9.0, 0.0, 5.0], [f64::NAN, 0.0, 0.0]];
    let (mut previous, mut moved) = ([[0.0; 3]; 2], [false; 2]);
    let velocity = [[20.0, 1.0, 7.0]; 2];
    let outside = domain.advance(0.1, &velocity, &mut position, &mut previous, &mut moved);
    assert_eq!(outside, Ok(1));
    assert_eq!(position[0], [10.0, 0.1, 5.0]);
    assert!(position[1][0].is_nan());
}
