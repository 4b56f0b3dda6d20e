//! Diffusion and decay. One iteration is one time step of all substrates on one thread; criterion's
//! throughput counts voxels × substrates.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kernels::conventions::{Fields, Held};
use kernels::diffusion::{Boundary, Diffusion, Substrate};
use kernels::{Grid, Pool};

fn diffusion(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("diffusion/cpu");
    let (fixed, through) = ([Boundary::Fixed(38.0); 6], Held::Through);
    for (name, shape, substrates, boundary, held) in [
        ("50^2x5", [50, 50, 1], 5, fixed, through),
        ("1000^2", [1000, 1000, 1], 1, fixed, through),
        ("100^3", [100, 100, 100], 1, fixed, through),
        ("128^3x2", [128, 128, 128], 2, fixed, through),
        ("75^3x2", [75, 75, 75], 2, fixed, through),
        (
            "75^3x2 closed",
            [75, 75, 75],
            2,
            [Boundary::NoFlux; 6],
            through,
        ),
        (
            "75^3x2 between sweeps",
            [75, 75, 75],
            2,
            fixed,
            Held::BetweenSweeps,
        ),
    ] {
        let grid = Grid::new([0.0; 3], shape.map(|n| 20.0 * n as f64), [20.0; 3]).unwrap();
        let substrate = Substrate {
            diffusion_coefficient: 1e5,
            decay_rate: 0.1,
            boundary,
        };
        let substrate = vec![substrate; substrates];
        let conventions = Fields {
            held,
            ..Fields::default()
        };
        let diffusion = Diffusion::after(conventions, &grid, &substrate, 0.01).unwrap();
        let mut densities = vec![10.0; substrates * grid.len()];
        diffusion.hold(&mut densities).unwrap();
        let pool = Pool::serial();
        group.throughput(Throughput::Elements(densities.len() as u64));
        group.sample_size(20);
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| diffusion.step(&mut densities, &pool));
        });
    }
    group.finish();
}

criterion_group!(benches, diffusion);
criterion_main!(benches);
