//! Diffusion and exchange.

use kernels::diffusion::{Boundary, Diffusion, Substrate};
use kernels::exchange::Exchange;
use kernels::{Grid, Pool};

use crate::{Random, device};

#[test]
fn sweeps_on_the_device_have_the_bits_of_the_cpu() {
    let Some(device) = device() else { return };
    let mut random = Random::new(3);
    for case in 0..24 {
        let layers = if case % 3 == 0 {
            1
        } else {
            1 + random.below(21)
        };
        let shape = [1 + random.below(75), 1 + random.below(40), layers];
        let spacing: [f64; 3] = std::array::from_fn(|_| random.uniform(5.0, 25.0));
        let max = std::array::from_fn(|axis| shape[axis] as f64 * spacing[axis]);
        let grid = Grid::new([0.0; 3], max, spacing).unwrap();
        let substrates: Vec<Substrate> = (0..1 + random.below(3))
            .map(|_| Substrate {
                diffusion_coefficient: 10f64.powf(random.uniform(1.0, 5.0)),
                decay_rate: random.uniform(0.0, 1.0),
                boundary: std::array::from_fn(|_| match random.below(3) {
                    0 => Boundary::Fixed(random.uniform(0.0, 40.0)),
                    _ => Boundary::NoFlux,
                }),
            })
            .collect();
        let diffusion = Diffusion::new(&grid, &substrates, 0.01).unwrap();
        let voxels = substrates.len() * grid.len();
        let mut on_cpu: Vec<f64> = (0..voxels).map(|_| random.uniform(0.0, 40.0)).collect();
        diffusion.hold(&mut on_cpu).unwrap();
        let sweeps = diffusion.on(&device).unwrap();
        let mut buffer = device.upload(&on_cpu).unwrap();
        for _ in 0..5 {
            diffusion.step(&mut on_cpu, &Pool::serial());
            sweeps.step(&device, &mut buffer).unwrap();
        }
        let mut on_device = vec![0.0; voxels];
        device.read(&buffer, &mut on_device).unwrap();
        for (voxel, (cpu, device)) in on_cpu.iter().zip(&on_device).enumerate() {
            assert_eq!(
                cpu.to_bits(),
                device.to_bits(),
                "{shape:?}, voxel {voxel}: {cpu} on the CPU, {device} on the device"
            );
        }
    }
}

#[test]
fn exchange_on_the_device_has_the_bits_of_the_cpu() {
    let Some(device) = device() else { return };
    let mut random = Random::new(6);
    let pool = Pool::serial();
    for case in 0..10 {
        let shape = [3 + random.below(30), 1 + random.below(20), [1, 7][case % 2]];
        let max = shape.map(|count| 10.0 * count as f64);
        let grid = Grid::new([0.0; 3], max, [10.0; 3]).unwrap();
        let cells = [0, 1, 400, 3000][random.below(4)];
        let substrates: Vec<Substrate> = (0..1 + random.below(3))
            .map(|_| Substrate {
                diffusion_coefficient: 1e3,
                decay_rate: 0.1,
                boundary: std::array::from_fn(|_| match random.below(4) {
                    0 => Boundary::Fixed(5.0),
                    _ => Boundary::NoFlux,
                }),
            })
            .collect();
        let dt = 0.05;
        let diffusion = Diffusion::new(&grid, &substrates, dt).unwrap();
        let held = |substrate, voxel| diffusion.is_held(substrate, voxel);
        let rates: Vec<[f64; 4]> = (0..substrates.len() * cells)
            .map(|_| match random.below(3) {
                0 => [0.0; 4],
                _ => [
                    random.uniform(0.0, 10.0),
                    random.uniform(0.0, 40.0),
                    random.uniform(0.0, 10.0),
                    // Some take more than there is.
                    random.uniform(-9e4, 3e4),
                ],
            })
            .collect();
        let volumes: Vec<f64> = (0..cells).map(|_| random.uniform(300.0, 3000.0)).collect();
        let mut voxels: Vec<u32> = (0..cells)
            .map(|_| random.below(grid.len()) as u32)
            .collect();
        let rate = |substrate: usize, row: usize| rates[substrate * cells + row];
        let mut exchange = Exchange::new();
        exchange
            .prepare(
                &grid,
                substrates.len(),
                &voxels,
                &volumes,
                rate,
                dt,
                held,
                &pool,
            )
            .unwrap();
        let sweeps = diffusion.on(&device).unwrap();
        let mut maps = exchange.on(&device).unwrap();
        let mut on_cpu: Vec<f64> = (0..substrates.len() * grid.len())
            .map(|_| random.uniform(0.0, 40.0))
            .collect();
        diffusion.hold(&mut on_cpu).unwrap();
        let mut buffer = device.upload(&on_cpu).unwrap();
        let mut negative = 0;
        for _ in 0..4 {
            let places = device.upload(&voxels).unwrap();
            maps.follow(&device, &places, &sweeps).unwrap();
            for _ in 0..2 {
                diffusion.step(&mut on_cpu, &pool);
                exchange.apply(&mut on_cpu, &mut negative, &pool);
                sweeps.step(&device, &mut buffer).unwrap();
                maps.apply(&device, &mut buffer).unwrap();
            }
            let mut on_device = vec![0.0; on_cpu.len()];
            device.read(&buffer, &mut on_device).unwrap();
            let same = on_cpu
                .iter()
                .zip(&on_device)
                .all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "case {case}, {shape:?}, {cells} cells");
            for voxel in voxels.iter_mut() {
                if random.below(3) == 0 {
                    *voxel = random.below(grid.len()) as u32;
                }
            }
            exchange.follow(&voxels, held, &pool).unwrap();
        }
        assert_eq!(
            maps.take_negative(&device).unwrap(),
            negative,
            "case {case}"
        );
    }
}
