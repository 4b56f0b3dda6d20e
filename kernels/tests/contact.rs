//! Contact against formulas and against the loop over all pairs.

use kernels::Pool;
use kernels::contact::{Columns, Contact, Contacts, PRESSURE_UNIT, Response, SAME_POINT};
use kernels::motion::Domain;
use kernels::neighbors::Neighbors;
use kernels::random::{Draws, Sequence};
use kernels::springs::{Spring, pull};

/// Owned columns of a scene.
#[derive(Clone, Default)]
struct Cells {
    id: Vec<u64>,
    position: Vec<[f64; 3]>,
    radius: Vec<f64>,
    reach: Vec<f64>,
    repulsion: Vec<f64>,
    adhesion: Vec<f64>,
    group: Vec<u16>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Found {
    velocity: Vec<[f64; 3]>,
    pressure: Vec<f64>,
    counts: Vec<u32>,
    contacts: Contacts,
}

const fn domain(dimensions: usize) -> Domain {
    Domain {
        min: [-100.0; 3],
        max: [100.0; 3],
        dimensions,
    }
}
const AFFINITY: [f64; 9] = [1.0, 0.5, 0.2, 0.5, 2.0, 0.0, 0.2, 0.0, 1.5];
/// Slot 0 watches group 0; slot 1 watches groups 1 and 2.
const WATCHED: [u64; 3] = [0b01, 0b10, 0b10];

impl Cells {
    fn push(&mut self, position: [f64; 3], radius: f64, group: u16) {
        self.id.push(1000 + self.id.len() as u64);
        self.position.push(position);
        self.radius.push(radius);
        self.reach.push(1.25 * radius);
        self.repulsion.push(10.0 + f64::from(group));
        self.adhesion.push(0.4 + f64::from(group));
        self.group.push(group);
    }

    /// `n` cells of unequal size in a box in which each meets a few others.
    fn crowd(n: usize, dimensions: usize) -> Cells {
        let draws = Draws {
            seed: 2,
            purpose: 0,
        };
        let mut random = Sequence::new(draws, 0);
        let mut cells = Cells::default();
        let edge = 14.0 * (n as f64).powf(1.0 / dimensions as f64);
        for row in 0..n {
            let mut position = [0.0; 3];
            for x in &mut position[..dimensions] {
                *x = edge * (random.uniform() - 0.5);
            }
            let radius = 4.0 + 6.0 * random.uniform();
            cells.push(position, radius, (row % 3) as u16);
        }
        cells
    }

    fn columns(&self) -> Columns<'_> {
        Columns {
            radius: &self.radius,
            reach: &self.reach,
            repulsion: &self.repulsion,
            adhesion: &self.adhesion,
            group: &self.group,
        }
    }

    fn law(&self, dimensions: usize) -> Contact {
        let (affinity, watched) = (AFFINITY.to_vec(), WATCHED.to_vec());
        let mut law = Contact::new(affinity, watched, 2, domain(dimensions)).unwrap();
        law.set(&self.columns()).unwrap();
        law
    }

    fn step(&self, dimensions: usize, threads: usize) -> Found {
        self.step_listing(dimensions, threads, &vec![true; self.id.len()])
    }

    fn step_listing(&self, dimensions: usize, threads: usize, listed: &[bool]) -> Found {
        let mut law = self.law(dimensions);
        // Twice into the same room: the second must not see the first.
        self.step_by(&mut law, threads, listed);
        self.step_by(&mut law, threads, listed)
    }

    fn step_by(&self, law: &mut Contact, threads: usize, listed: &[bool]) -> Found {
        let n = self.id.len();
        let mut found = Found {
            velocity: vec![[0.0; 3]; n],
            pressure: vec![9.0; n],
            counts: vec![9; 2 * n],
            contacts: Contacts::default(),
        };
        let response = Response {
            velocity: &mut found.velocity,
            pressure: &mut found.pressure,
            counts: &mut found.counts,
            contacts: Some(&mut found.contacts),
            listed,
        };
        let pool = Pool::new(threads).unwrap();
        law.step(&self.id, &self.position, response, &pool).unwrap();
        found
    }
}

#[test]
fn cell_list_equals_the_loop_over_all_pairs() {
    for dimensions in [2, 3] {
        let cells = Cells::crowd(600, dimensions);
        let found = cells.step(dimensions, 1);
        let n = cells.id.len();
        let mut met = 0;
        for i in 0..n {
            let mut velocity = [0.0; 3];
            let (mut pressure, mut counts) = (0.0, [0; 2]);
            let mut neighbors = vec![];
            for j in (0..n).filter(|&j| j != i) {
                let away: [f64; 3] =
                    core::array::from_fn(|axis| cells.position[i][axis] - cells.position[j][axis]);
                let d = away.iter().map(|x| x * x).sum::<f64>().sqrt();
                let touching = cells.radius[i] + cells.radius[j];
                let reach = cells.reach[i] + cells.reach[j];
                let (gi, gj) = (cells.group[i] as usize, cells.group[j] as usize);
                let mut strength = 0.0;
                if d <= touching {
                    let overlap = (1.0 - d / touching).powi(2);
                    strength += (cells.repulsion[i] * cells.repulsion[j]).sqrt() * overlap;
                    pressure += overlap / PRESSURE_UNIT;
                }
                if d < reach {
                    let a = (cells.adhesion[i] * cells.adhesion[j]).sqrt() * AFFINITY[gi * 3 + gj];
                    strength -= a * (1.0 - d / reach).powi(2);
                    counts[usize::from(gj > 0)] += 1;
                    neighbors.push(j as u32);
                }
                for axis in 0..3 {
                    velocity[axis] += strength * away[axis] / d;
                }
            }
            met += neighbors.len();
            // The sum's order differs; a dozen terms of at most 12 round by 1e-15 each.
            for axis in 0..3 {
                assert!((found.velocity[i][axis] - velocity[axis]).abs() < 1e-12);
            }
            assert!((found.pressure[i] - pressure).abs() < 1e-11);
            assert_eq!([found.counts[i], found.counts[n + i]], counts);
            assert_eq!(found.contacts.of(i), neighbors);
        }
        assert!(met > 4 * n, "the scene is crowded: {met}");
        assert_eq!(found.contacts.iter().count(), met);
    }
}

#[test]
fn momentum_is_conserved() {
    for dimensions in [2, 3] {
        let cells = Cells::crowd(2000, dimensions);
        let found = cells.step(dimensions, 1);
        for axis in 0..3 {
            let sum: f64 = found.velocity.iter().map(|v| v[axis]).sum();
            let size: f64 = found.velocity.iter().map(|v| v[axis].abs()).sum();
            assert!(sum.abs() <= 1e-12 * size, "{sum} of {size}");
        }
    }
}

#[test]
fn identical_bits_for_any_thread_count() {
    let cells = Cells::crowd(6000, 3);
    let one = cells.step(3, 1);
    for threads in [2, 3, 7, 16] {
        assert!(one == cells.step(3, threads), "{threads} threads");
    }
}

#[test]
fn two_cells_relax_to_where_repulsion_equals_adhesion() {
    let (radius, reach) = (8.0, 10.0);
    let force = |d: f64| {
        10.0 * (1.0 - d / (2.0 * radius)).powi(2) - 0.4 * (1.0 - d / (2.0 * reach)).powi(2)
    };
    let (mut near, mut far) = (radius, 2.0 * radius);
    for _ in 0..100 {
        let middle = 0.5 * (near + far);
        if force(middle) > 0.0 {
            near = middle;
        } else {
            far = middle;
        }
    }
    for start in [9.0, 18.0] {
        let mut cells = Cells::default();
        cells.push([1.0, 2.0, 3.0], radius, 0);
        cells.push([1.0 + 0.6 * start, 2.0 + 0.8 * start, 3.0], radius, 0);
        let (mut previous, mut moved) = (vec![[0.0; 3]; 2], vec![false; 2]);
        for _ in 0..20_000 {
            let velocity = cells.step(3, 1).velocity;
            let position = &mut cells.position;
            domain(3)
                .advance(0.1, &velocity, position, &mut previous, &mut moved)
                .unwrap();
        }
        let [a, b] = [cells.position[0], cells.position[1]];
        let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
        let distance = square.sqrt();
        assert!(
            (distance - near).abs() < 1e-9,
            "{distance} from {start}, not {near}"
        );
    }
}

#[test]
fn close_packing_presses_with_one_and_a_hexagonal_sheet_with_half() {
    // The unit is that of twelve neighbors at the spacing √(π / 2√3) of a hexagonal packing whose
    // cells' areas fill the plane.
    let radius = 8.0;
    let spacing = 2.0 * radius * (std::f64::consts::PI / (2.0 * 3f64.sqrt())).sqrt();
    for (dimensions, expected) in [(2, 0.5), (3, 1.0)] {
        let mut cells = Cells::default();
        let layers = if dimensions == 2 { 0..=0 } else { -2..=2 };
        for i in -2..=2 {
            for j in -2..=2 {
                for k in layers.clone() {
                    let (i, j, k) = (f64::from(i), f64::from(j), f64::from(k));
                    let h = 0.5f64.sqrt();
                    let at = match dimensions {
                        2 => [i + 0.5 * j, 0.75f64.sqrt() * j, 0.0],
                        _ => [h * (i + j), h * (i + k), h * (j + k)],
                    };
                    cells.push(at.map(|x| x * spacing), radius, 0);
                }
            }
        }
        let found = cells.step(dimensions, 1);
        let middle = cells.id.len() / 2;
        assert_eq!(cells.position[middle], [0.0; 3]);
        // The constant is written with 14 digits, and 1 − 0.952 loses two.
        assert!((found.pressure[middle] - expected).abs() < 1e-11);
        assert!(found.velocity[middle].iter().all(|v| v.abs() < 1e-12));
    }
}

#[test]
fn cells_with_one_center_part_in_opposite_directions() {
    for dimensions in [2, 3] {
        let mut cells = Cells::default();
        cells.push([3.0, 4.0, 0.0], 8.0, 0);
        cells.push([3.0, 4.0, 0.0], 8.0, 0);
        let found = cells.step(dimensions, 1);
        let strength =
            10.0 * (1.0 - SAME_POINT / 16.0).powi(2) - 0.4 * (1.0 - SAME_POINT / 20.0).powi(2);
        let length = |v: [f64; 3]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!((length(found.velocity[0]) - strength).abs() < 1e-12);
        assert_eq!(found.velocity[0], found.velocity[1].map(|v| -v));
        assert_eq!(found.contacts.of(0), [1]);
        assert!(dimensions == 3 || found.velocity[0][2] == 0.0);
    }
}

#[test]
fn not_a_number_touches_nobody() {
    let mut cells = Cells::crowd(300, 3);
    cells.position[17] = [f64::NAN; 3];
    cells.radius[40] = f64::NAN;
    cells.position[90] = [f64::INFINITY, f64::NEG_INFINITY, 1e300];
    let found = cells.step(3, 1);
    assert!(found.contacts.of(17).is_empty());
    assert!(found.contacts.of(90).is_empty());
}

#[test]
fn cells_without_size_and_no_cells_are_no_trouble() {
    let mut cells = Cells::default();
    cells.push([0.0; 3], 8.0, 0);
    cells.push([1.0, 0.0, 0.0], 0.0, 1);
    cells.push([1.5, 0.0, 0.0], 0.0, 1);
    let found = cells.step(3, 1);
    assert!(found.velocity.iter().flatten().all(|v| v.is_finite()));
    assert_eq!(found.contacts.of(0), [1, 2]);
    assert_eq!(found.contacts.of(1), [0]);

    let none = Cells::default();
    assert_eq!(none.step(3, 1).contacts.rows(), 0);
}

#[test]
fn only_listed_rows_have_contacts_and_all_else_is_as_it_was() {
    let cells = Cells::crowd(5000, 2);
    let listed: Vec<bool> = (0..5000).map(|row| row % 7 == 0 || row > 4900).collect();
    let all = cells.step(2, 1);
    for threads in [1, 3] {
        let some = cells.step_listing(2, threads, &listed);
        assert_eq!(some.velocity, all.velocity);
        assert_eq!(some.pressure, all.pressure);
        assert_eq!(some.counts, all.counts);
        assert_eq!(some.contacts.rows(), 5000);
        let kept = all.contacts.iter().filter(|(row, _)| listed[*row as usize]);
        assert!(some.contacts.iter().eq(kept));
        assert!(!some.contacts.is_empty() && some.contacts.len() < all.contacts.len());
    }
}

/// Cells that crawl to and fro in a crowd for `steps`, by one law that keeps its lists, and by a
/// new one at every step.
#[test]
fn lists_kept_over_steps_give_the_bits_of_new_ones() {
    for (dimensions, speed, threads) in [(2, 0.02, 1), (3, 0.3, 1), (3, 0.05, 2), (3, 3.0, 3)] {
        let mut cells = Cells::crowd(5000, dimensions);
        let mut kept = cells.law(dimensions);
        let listed = vec![true; cells.id.len()];
        let draws = Draws {
            seed: 3,
            purpose: 0,
        };
        for tick in 0..40 {
            let old = cells.step_by(&mut kept, threads, &listed);
            let new = cells.step_by(&mut cells.law(dimensions), 1, &listed);
            assert!(old == new, "{dimensions}D, {speed} µm a step, step {tick}");
            for (position, &id) in cells.position.iter_mut().zip(&cells.id) {
                // A tenth of the cells runs.
                let step = if id % 10 == 0 { speed } else { 0.1 * speed };
                let to = match dimensions {
                    2 => draws.direction_2d(id, tick / 20, 0),
                    _ => draws.direction_3d(id, tick / 20, 0),
                };
                for axis in 0..3 {
                    position[axis] += step * to[axis];
                }
            }
        }
    }
}

#[test]
fn kept_lists_hold_every_pair_within_reach() {
    let outer = |row: usize| 4.0 + 0.01 * (row % 600) as f64;
    for (dimensions, speed, rows) in [(2, 0.01, 700), (3, 0.2, 700), (3, 2.0, 700)] {
        let mut positions = Cells::crowd(rows, dimensions).position;
        // Outside of the domain, at no place, and at the largest distance, to the last bit.
        positions[5] = [150.0, 120.0, 0.0];
        positions[6] = [150.0 + outer(5) + outer(6), 120.0, 0.0];
        positions[7] = [f64::NAN; 3];
        positions[8] = [f64::INFINITY, 0.0, 0.0];
        positions[9] = [1e300, 0.0, 0.0];
        let mut near = Neighbors::default();
        let (mut made, steps) = (0, 60);
        for tick in 0..steps {
            let pool = Pool::serial();
            made += usize::from(near.update(&positions, outer, 20.0, &domain(dimensions), &pool));
            let pairs: Vec<_> = near.pairs().collect();
            assert!(pairs.is_sorted() && pairs.iter().all(|(i, j)| i < j));
            for i in 0..rows {
                for j in i + 1..rows {
                    let square =
                        (0..3).map(|axis| (positions[i][axis] - positions[j][axis]).powi(2));
                    let reach = outer(i) + outer(j);
                    if square.sum::<f64>() <= reach * reach {
                        assert!(
                            pairs.binary_search(&(i as u32, j as u32)).is_ok(),
                            "{i} and {j} at tick {tick} of {speed} µm a step"
                        );
                    }
                }
            }
            assert!(
                pairs.len() < rows * 30,
                "lists hold the near: {}",
                pairs.len()
            );
            positions[7] = [0.0; 3];
            positions[8] = [1.0, 1.0, 0.0];
            for (row, position) in positions.iter_mut().enumerate() {
                // Toward the middle and back, so that pairs come near that were not.
                let inward = if tick / 10 % 2 == 0 { speed } else { -speed };
                for x in &mut position[..dimensions] {
                    *x -= inward * (*x).clamp(-1.0, 1.0) * (row % 3) as f64;
                }
            }
        }
        assert!(made > 1, "rows moved by more than a margin allows");
        assert!(speed > 1.0 || made < steps / 2, "lists were kept: {made}");
    }
}

#[test]
fn springs_pull_both_ends_alike() {
    let position = [[0.0; 3], [2.0, 0.0, -4.0], [1.0, 1.0, 1.0]];
    let mut velocity = [[0.0; 3]; 3];
    let springs = [Spring {
        a: 0,
        b: 1,
        stiffness: 0.5,
    }];
    pull(&springs, &position, &mut velocity).unwrap();
    assert_eq!(velocity, [[1.0, 0.0, -2.0], [-1.0, 0.0, 2.0], [0.0; 3]]);
    let beyond = [Spring {
        a: 0,
        b: 3,
        stiffness: 0.5,
    }];
    assert!(pull(&beyond, &position, &mut velocity).is_err());
}

#[test]
fn columns_of_unequal_length_are_refused_by_name() {
    let mut cells = Cells::crowd(3, 3);
    cells.reach.pop();
    let (affinity, watched) = (AFFINITY.to_vec(), WATCHED.to_vec());
    let mut law = Contact::new(affinity, watched, 2, domain(3)).unwrap();
    let error = law.set(&cells.columns()).unwrap_err();
    assert_eq!(error.to_string(), "reaches has 2 entries, but 3 are needed");
    assert!(Contact::new(vec![1.0, 0.5, 0.4, 1.0], vec![0; 2], 0, domain(3)).is_err());
}

#[test]
fn rows_far_apart_in_order_meet_like_neighbors() {
    // Pairs 1 µm too near, each pair alone, and its rows further apart than 16 bits count.
    let (pairs, edge) = (66_000, 257);
    let radius = 8.0;
    let position = |row: usize| {
        let (pair, second) = (row % pairs, row / pairs);
        let shift = if second == 1 { 2.0 * radius - 1.0 } else { 0.0 };
        [
            50.0 * (pair % edge) as f64 + shift,
            50.0 * (pair / edge) as f64,
            0.0,
        ]
    };
    let positions: Vec<_> = (0..2 * pairs).map(position).collect();
    let domain = Domain {
        min: [-50.0; 3],
        max: [13_000.0; 3],
        dimensions: 2,
    };
    let wanted: Vec<_> = (0..pairs as u32)
        .map(|row| (row, row + pairs as u32))
        .collect();
    let all = |value: f64| vec![value; 2 * pairs];
    let (radii, ones, none) = (all(radius), all(1.0), all(0.0));
    let groups = vec![0; 2 * pairs];
    for threads in [1, 2] {
        let pool = Pool::new(threads).unwrap();
        let mut near = Neighbors::default();
        near.update(&positions, |_| radius, 2.0 * radius, &domain, &pool);
        assert!(near.pairs().eq(wanted.iter().copied()));
        let mut law = Contact::new(vec![1.0], vec![0], 0, domain).unwrap();
        let columns = Columns {
            radius: &radii,
            reach: &radii,
            repulsion: &ones,
            adhesion: &none,
            group: &groups,
        };
        law.set(&columns).unwrap();
        let mut velocity = vec![[0.0; 3]; 2 * pairs];
        let response = Response {
            velocity: &mut velocity,
            pressure: &mut all(0.0),
            counts: &mut [],
            contacts: None,
            listed: &[],
        };
        law.step(&vec![0; 2 * pairs], &positions, response, &pool)
            .unwrap();
        // (1 − d/R)² of 1 µm/min, away from the other.
        let speed = (1.0f64 / 16.0).powi(2);
        for (first, second) in velocity[..pairs].iter().zip(&velocity[pairs..]) {
            assert!((first[0] + speed).abs() < 1e-12 && first[0] == -second[0]);
        }
    }
}
