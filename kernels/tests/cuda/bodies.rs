//! Contact, walks and moves.

use kernels::contact::{Columns, Contact, Response};
use kernels::gradient::gradient;
use kernels::motility::cuda::{Senses, Walks};
use kernels::motility::{self, Walkers};
use kernels::motion::Domain;
use kernels::motion::cuda::{self as moving, Moving};
use kernels::random::Draws;
use kernels::{Grid, Pool};

use crate::{Random, device};

#[test]
fn contact_on_the_device_has_the_bits_of_the_cpu() {
    let Some(device) = device() else { return };
    let mut random = Random::new(4);
    for case in 0..12 {
        let dimensions = 2 + case % 2;
        let cells = [1, 2, 300, 1500][random.below(4)];
        let domain = Domain {
            min: [-80.0, -60.0, -50.0],
            max: [80.0, 120.0, 70.0],
            dimensions,
        };
        let mut column = |from: f64, to: f64| -> Vec<f64> {
            (0..cells).map(|_| random.uniform(from, to)).collect()
        };
        let (radius, reach) = (column(3.0, 9.0), column(4.0, 12.0));
        let (repulsion, adhesion) = (column(0.0, 20.0), column(0.0, 2.0));
        let (groups, slots) = (3, 5);
        let mut affinity = vec![0.0; groups * groups];
        for (i, j) in [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)] {
            let value = random.uniform(0.0, 1.5);
            (affinity[i * groups + j], affinity[j * groups + i]) = (value, value);
        }
        let watched: Vec<u64> = (0..groups).map(|_| random.below(32) as u64).collect();
        let group: Vec<u16> = (0..cells).map(|_| random.below(groups) as u16).collect();
        let id: Vec<u64> = (0..cells).map(|row| 7919 * row as u64 + 13).collect();
        let mut position: Vec<[f64; 3]> = (0..cells)
            .map(|_| {
                // Some lie beyond the walls.
                let mut at = std::array::from_fn(|axis| {
                    random.uniform(domain.min[axis] - 5.0, domain.max[axis] + 5.0)
                });
                if dimensions == 2 {
                    at[2] = 0.0;
                }
                at
            })
            .collect();
        for row in (1..cells).step_by(97) {
            position[row] = position[row - 1];
        }
        let mut contact = Contact::new(affinity, watched, slots, domain).unwrap();
        let columns = Columns {
            radius: &radius,
            reach: &reach,
            repulsion: &repulsion,
            adhesion: &adhesion,
            group: &group,
        };
        contact.set(&columns).unwrap();
        let mut pushes = contact.on(&device).unwrap();
        let ids = device.upload(&id).unwrap();
        let mut pressures = device.zeros::<f64>(cells).unwrap();
        let mut counted = device.zeros::<u32>(slots * cells).unwrap();
        for step in 0..6 {
            let mut velocity = vec![[0.25; 3]; cells];
            let (mut pressure, mut counts) = (vec![0.0; cells], vec![0; slots * cells]);
            let response = Response {
                velocity: &mut velocity,
                pressure: &mut pressure,
                counts: &mut counts,
                contacts: None,
                listed: &[],
            };
            let places = device.upload(position.as_flattened()).unwrap();
            let mut velocities = device.upload(&vec![0.25; 3 * cells]).unwrap();
            let pool = Pool::serial();
            contact.step(&id, &position, response, &pool).unwrap();
            let (speeds, presses) = (&mut velocities, &mut pressures);
            pushes
                .step(&device, &ids, &places, speeds, presses, &mut counted)
                .unwrap();
            let mut on_device = vec![0.0; 3 * cells];
            device.read(&velocities, &mut on_device).unwrap();
            let bits = |numbers: &[f64]| -> Vec<u64> {
                numbers.iter().map(|number| number.to_bits()).collect()
            };
            let case = format!("case {case}, step {step}, {cells} cells");
            assert_eq!(bits(velocity.as_flattened()), bits(&on_device), "{case}");
            let mut on_device = vec![0.0; cells];
            device.read(&pressures, &mut on_device).unwrap();
            assert_eq!(bits(&pressure), bits(&on_device), "{case}");
            let mut on_device = vec![0; slots * cells];
            device.read(&counted, &mut on_device).unwrap();
            assert_eq!(counts, on_device, "{case}");
            for (position, velocity) in position.iter_mut().zip(&velocity) {
                for axis in 0..dimensions {
                    position[axis] += 0.1 * (velocity[axis] + random.uniform(-4.0, 4.0));
                }
            }
        }
    }
}

#[test]
fn walks_and_moves_on_the_device_have_the_bits_of_the_cpu() {
    let Some(device) = device() else { return };
    let mut random = Random::new(5);
    let (dt, strength) = (0.1, 100.0);
    let draws = Draws {
        seed: 0xDEAD_BEEF_0000_0001,
        purpose: 9,
    };
    for case in 0..8 {
        let cells = [1, 40, 700][random.below(3)];
        let layers = if case % 2 == 0 { 1 } else { 5 };
        let (spacing, min) = ([7.0, 11.0, 13.0], [-30.0, 4.0, -20.0]);
        let shape = [9, 1 + random.below(12), layers];
        let max: [f64; 3] =
            std::array::from_fn(|axis| min[axis] + shape[axis] as f64 * spacing[axis]);
        let grid = Grid::new(min, max, spacing).unwrap();
        let dimensions = grid.dimensions();
        let domain = Domain {
            min,
            max: grid.end(),
            dimensions,
        };
        let substrates = 2;
        let densities: Vec<f64> = (0..substrates * grid.len())
            .map(|_| random.uniform(0.0, 9.0))
            .collect();
        let mut column = |from: f64, to: f64| -> Vec<f64> {
            (0..cells).map(|_| random.uniform(from, to)).collect()
        };
        let (persistence, bias) = (column(-1.0, 3.0), column(-0.4, 1.0));
        let bias: Vec<f64> = bias.iter().map(|bias| bias.max(0.0)).collect();
        let (speed, radius) = (column(0.0, 40.0), column(1.0, 9.0));
        let sensitivity: Vec<f64> = [column(-1.0, 1.0), vec![0.0; cells]].concat();
        let mut flag =
            |share: usize| -> Vec<bool> { (0..cells).map(|_| random.below(share) == 0).collect() };
        let (stays, in_plane, each_normalized) = (flag(5), flag(3), flag(2));
        let (rests, moved) = (flag(6), flag(2));
        let crawls: Vec<bool> = stays.iter().map(|stays| !stays).collect();
        let in_plane: Vec<bool> = in_plane.iter().map(|it| *it || dimensions == 2).collect();
        let id: Vec<u64> = (0..cells)
            .map(|row| 0x1_0000_0001 * row as u64 + 3)
            .collect();
        let mut position: Vec<[f64; 3]> = (0..cells)
            .map(|_| std::array::from_fn(|axis| random.uniform(min[axis], max[axis])))
            .collect();
        let walkers = Walkers {
            id: &id,
            persistence: &persistence,
            bias: &bias,
            crawls: &crawls,
        };
        let senses = Senses {
            in_plane: &in_plane,
            each_normalized: &each_normalized,
            sensitivity: &sensitivity,
        };
        let (mut previous, mut moved) = (vec![[1.0, -2.0, 0.0]; cells], moved);
        let columns = moving::Columns {
            position: &position,
            previous: &previous,
            moved: &moved,
            rests: &rests,
            speed: &speed,
            radius: &radius,
        };
        let walks = Walks::on(&device, &walkers, &senses, &grid, dt).unwrap();
        let mut on_device = Moving::on(&device, &columns, &domain, &grid).unwrap();
        let (ids, fields) = (
            device.upload(&id).unwrap(),
            device.upload(&densities).unwrap(),
        );
        let mut directions = device.zeros::<f64>(3 * cells).unwrap();
        let mut direction = vec![[0.0; 3]; cells];
        let (mut outside, pool) = (0, Pool::serial());
        for tick in 0..20 {
            let tick = tick + (7 << 32);
            let sensed = |row: usize| {
                if bias[row] == 0.0 {
                    return [0.0; 3];
                }
                let voxel = grid.voxel_of(position[row]);
                let gradients = (0..substrates).filter_map(|substrate| {
                    let weight = sensitivity[substrate * cells + row];
                    let density = &densities[substrate * grid.len()..][..grid.len()];
                    (weight != 0.0).then(|| (weight, gradient(&grid, density, voxel)))
                });
                motility::chemotaxis(gradients, each_normalized[row])
            };
            let flat = |row: usize| in_plane[row];
            motility::renew_each(
                &walkers,
                sensed,
                &mut direction,
                dt,
                flat,
                draws,
                tick,
                &pool,
            )
            .unwrap();
            let (moving, whither) = (&mut on_device, &mut directions);
            walks
                .renew(&device, &ids, &moving.voxel, &fields, whither, draws, tick)
                .unwrap();

            let mut velocity = vec![[0.5, -0.25, 0.0]; cells];
            device
                .write(&mut moving.velocity, velocity.as_flattened())
                .unwrap();
            motility::crawl(&direction, &speed, &mut velocity).unwrap();
            domain
                .push_from_walls(strength, &position, &radius, &mut velocity)
                .unwrap();
            for row in (0..cells).filter(|&row| rests[row]) {
                (velocity[row], previous[row]) = ([0.0; 3], [0.0; 3]);
            }
            outside += domain
                .advance(dt, &velocity, &mut position, &mut previous, &mut moved)
                .unwrap();
            moving.step(&device, &directions, strength, dt).unwrap();
            let mut voxels = vec![0; cells];
            device.read(&moving.voxel, &mut voxels).unwrap();
            for (buffer, column) in [
                (&directions, &direction),
                (&moving.velocity, &velocity),
                (&moving.position, &position),
                (&moving.previous, &previous),
            ] {
                let mut found = vec![0.0; 3 * cells];
                device.read(buffer, &mut found).unwrap();
                let wanted = column.as_flattened();
                let same = wanted
                    .iter()
                    .zip(&found)
                    .all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same, "case {case}, tick {tick}: {wanted:?} and {found:?}");
            }
            let wanted = position.iter().map(|&at| grid.voxel_of(at) as u32);
            assert!(wanted.eq(voxels), "case {case}, tick {tick}");
        }
        assert_eq!(on_device.take_outside(&device).unwrap(), outside);
        assert_eq!(on_device.take_outside(&device).unwrap(), 0);
    }
}
