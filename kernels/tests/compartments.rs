//! Compartments: every place belongs to one, and each holds cells as a domain of its own would.

use kernels::compartments::Compartments;
use kernels::motion::{Domain, WALL_STRENGTH};
use kernels::random::{Draws, Sequence};

fn domain(dimensions: usize) -> Domain {
    Domain {
        min: [-150.0, -90.0, if dimensions == 2 { -10.0 } else { 0.0 }],
        max: [150.0, 90.0, if dimensions == 2 { 10.0 } else { 120.0 }],
        dimensions,
    }
}

#[test]
fn centers_and_faces_belong_to_their_compartment() {
    for (dimensions, count) in [(2, 15), (3, 30)] {
        let grid = Compartments::new(domain(dimensions), 40.0, 60.0).unwrap();
        assert_eq!((grid.count(), grid.wall()), (count, 20.0));
        for number in 0..count {
            let inside = grid.of(number);
            let middle = [0, 1, 2].map(|axis| 0.5 * (inside.min[axis] + inside.max[axis]));
            for place in [inside.min, middle, inside.max] {
                assert_eq!(grid.number(place), number);
                assert_eq!(grid.around(place), inside);
            }
        }
    }
}

/// The same bits, for cells that leave as well.
#[test]
fn a_compartment_holds_cells_as_a_domain_does() {
    let grid = Compartments::new(domain(3), 40.0, 60.0).unwrap();
    let draws = Draws {
        seed: 3,
        purpose: 0,
    };
    let mut random = Sequence::new(draws, 0);
    for number in 0..grid.count() {
        let alone = grid.of(number);
        let mut position: Vec<[f64; 3]> = (0..50)
            .map(|_| [0, 1, 2].map(|axis| alone.min[axis] + 40.0 * random.uniform()))
            .collect();
        let radius = vec![8.0; 50];
        let mut velocity: Vec<[f64; 3]> = (0..50)
            .map(|_| [(); 3].map(|()| 400.0 * (random.uniform() - 0.5)))
            .collect();
        let (mut other_position, mut other_velocity) = (position.clone(), velocity.clone());
        let mut previous = [vec![[0.0; 3]; 50], vec![[0.0; 3]; 50]];
        let mut moved = [vec![false; 50], vec![false; 50]];
        let mut left = [0, 0];
        for _ in 0..3 {
            grid.push_from_walls(WALL_STRENGTH, &position, &radius, &mut velocity)
                .unwrap();
            alone
                .push_from_walls(WALL_STRENGTH, &other_position, &radius, &mut other_velocity)
                .unwrap();
            left[0] += grid
                .advance(
                    0.1,
                    &velocity,
                    &mut position,
                    &mut previous[0],
                    &mut moved[0],
                )
                .unwrap();
            left[1] += alone
                .advance(
                    0.1,
                    &other_velocity,
                    &mut other_position,
                    &mut previous[1],
                    &mut moved[1],
                )
                .unwrap();
            assert_eq!(position, other_position);
            assert_eq!(velocity, other_velocity);
        }
        assert!(left[0] > 0 && left[0] == left[1]);
    }
}

#[test]
fn what_fits_nowhere_is_refused() {
    assert!(Compartments::new(domain(2), 40.0, 40.0).is_err());
    assert!(Compartments::new(domain(2), 0.0, 40.0).is_err());
    assert!(Compartments::new(domain(2), 190.0, 200.0).is_err());
}
