//! Everything together.

use kernels::contact::{Columns, Contact, Response};
use kernels::diffusion::{Boundary, Diffusion, Substrate};
use kernels::exchange::Exchange;
use kernels::gradient::gradient;
use kernels::motility::cuda::{Senses, Walks};
use kernels::motility::{self, Walkers};
use kernels::motion::Domain;
use kernels::motion::cuda::{self as moving, Moving};
use kernels::random::Draws;
use kernels::{Grid, Pool};

use crate::{Random, device};

#[test]
fn a_hundred_steps_of_a_tissue_have_the_bits_of_the_cpu() {
    let Some(device) = device() else { return };
    let mut random = Random::new(8);
    let (cells, dt, tick_of) = (250, 0.1, |step: u64| 10 * step);
    let grid = Grid::new([0.0; 3], [120.0, 100.0, 80.0], [20.0; 3]).unwrap();
    let domain = Domain {
        min: [0.0; 3],
        max: grid.end(),
        dimensions: 3,
    };
    let substrate = Substrate {
        diffusion_coefficient: 1e3,
        decay_rate: 0.05,
        boundary: [Boundary::NoFlux; 6],
    };
    let diffusion = Diffusion::new(&grid, &[substrate], dt / 5.0).unwrap();
    let held = |_, _| false;
    let mut column =
        |from: f64, to: f64| -> Vec<f64> { (0..cells).map(|_| random.uniform(from, to)).collect() };
    let (radius, reach) = (column(4.0, 9.0), column(6.0, 12.0));
    let (repulsion, adhesion) = (column(5.0, 20.0), column(0.0, 1.0));
    let (persistence, bias) = (column(0.5, 3.0), column(0.0, 1.0));
    let (speed, secretion) = (column(0.0, 10.0), column(0.0, 2.0));
    let sensitivity = column(-1.0, 1.0);
    let volumes: Vec<f64> = radius.iter().map(|radius| 4.0 * radius.powi(3)).collect();
    let (id, group) = ((0..cells as u64).collect::<Vec<u64>>(), vec![0u16; cells]);
    let (yes, no) = (vec![true; cells], vec![false; cells]);
    let mut position: Vec<[f64; 3]> = (0..cells)
        .map(|_| std::array::from_fn(|axis| random.uniform(20.0, domain.max[axis] - 20.0)))
        .collect();
    let mut contact = Contact::new(vec![1.0], vec![1], 1, domain).unwrap();
    let columns = Columns {
        radius: &radius,
        reach: &reach,
        repulsion: &repulsion,
        adhesion: &adhesion,
        group: &group,
    };
    contact.set(&columns).unwrap();
    let walkers = Walkers {
        id: &id,
        persistence: &persistence,
        bias: &bias,
        crawls: &yes,
    };
    let senses = Senses {
        in_plane: &no,
        each_normalized: &no,
        sensitivity: &sensitivity,
    };
    let voxels = |position: &[[f64; 3]]| -> Vec<u32> {
        position
            .iter()
            .map(|&at| grid.voxel_of(at) as u32)
            .collect()
    };
    let pool = Pool::serial();
    let rates = |_: usize, row: usize| [secretion[row], 10.0, 0.2, 0.0];
    let mut exchange = Exchange::new();
    let now = voxels(&position);
    exchange
        .prepare(&grid, 1, &now, &volumes, rates, dt / 5.0, held, &pool)
        .unwrap();
    let (mut previous, mut moved) = (vec![[0.0; 3]; cells], no.clone());
    let start = moving::Columns {
        position: &position,
        previous: &previous,
        moved: &moved,
        rests: &no,
        speed: &speed,
        radius: &radius,
    };
    let mut cells_there = Moving::on(&device, &start, &domain, &grid).unwrap();
    let sweeps = diffusion.on(&device).unwrap();
    let mut maps = exchange.on(&device).unwrap();
    let mut pushes = contact.on(&device).unwrap();
    let walks = Walks::on(&device, &walkers, &senses, &grid, dt).unwrap();
    let ids = device.upload(&id).unwrap();
    let mut fields = device.zeros::<f64>(grid.len()).unwrap();
    let mut directions = device.zeros::<f64>(3 * cells).unwrap();
    let mut pressures = device.zeros::<f64>(cells).unwrap();
    let mut counted = device.zeros::<u32>(cells).unwrap();
    let mut densities = vec![0.0; grid.len()];
    let mut direction = vec![[0.0; 3]; cells];
    let (mut pressure, mut counts) = (vec![0.0; cells], vec![0; cells]);
    let draws = Draws {
        seed: 11,
        purpose: 1,
    };
    for step in 0..100 {
        exchange.follow(&voxels(&position), held, &pool).unwrap();
        for _ in 0..5 {
            diffusion.step(&mut densities, &pool);
            exchange.apply(&mut densities, &mut 0, &pool);
        }
        let mut velocity = vec![[0.0; 3]; cells];
        let response = Response {
            velocity: &mut velocity,
            pressure: &mut pressure,
            counts: &mut counts,
            contacts: None,
            listed: &[],
        };
        contact.step(&id, &position, response, &pool).unwrap();
        let sensed = |row: usize| {
            let slope = gradient(&grid, &densities, grid.voxel_of(position[row]));
            motility::chemotaxis([(sensitivity[row], slope)], false)
        };
        let (tick, flat) = (tick_of(step), |_| false);
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
        motility::crawl(&direction, &speed, &mut velocity).unwrap();
        domain
            .push_from_walls(100.0, &position, &radius, &mut velocity)
            .unwrap();
        domain
            .advance(dt, &velocity, &mut position, &mut previous, &mut moved)
            .unwrap();

        let there = &mut cells_there;
        maps.follow(&device, &there.voxel, &sweeps).unwrap();
        for _ in 0..5 {
            sweeps.step(&device, &mut fields).unwrap();
            maps.apply(&device, &mut fields).unwrap();
        }
        device.clear(&mut there.velocity).unwrap();
        let (speeds, presses) = (&mut there.velocity, &mut pressures);
        pushes
            .step(
                &device,
                &ids,
                &there.position,
                speeds,
                presses,
                &mut counted,
            )
            .unwrap();
        walks
            .renew(
                &device,
                &ids,
                &there.voxel,
                &fields,
                &mut directions,
                draws,
                tick,
            )
            .unwrap();
        there.step(&device, &directions, 100.0, dt).unwrap();
    }
    let mut found = vec![0.0; 3 * cells];
    device.read(&cells_there.position, &mut found).unwrap();
    assert_eq!(position.as_flattened(), found);
    let mut found = vec![0.0; grid.len()];
    device.read(&fields, &mut found).unwrap();
    assert_eq!(densities, found);
    assert!(densities.iter().all(|density| *density > 0.0));
    let mut found = vec![0.0; cells];
    device.read(&pressures, &mut found).unwrap();
    assert_eq!(pressure, found);
    assert!(pressure.iter().any(|pressure| *pressure > 0.0));
}
