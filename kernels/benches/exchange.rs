//! Secretion and uptake of 100 000 cells in a cube of 100³ voxels, on one thread: the sums per
//! voxel, and one step of applying them.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kernels::exchange::Exchange;
use kernels::random::{Draws, Sequence};
use kernels::{Grid, Pool};

const CELLS: usize = 100_000;

fn exchange(criterion: &mut Criterion) {
    let grid = Grid::new([0.0; 3], [2000.0; 3], [20.0; 3]).unwrap();
    let mut random = Sequence::new(
        Draws {
            seed: 1,
            purpose: 0,
        },
        0,
    );
    let mut voxels: Vec<u32> = (0..CELLS)
        .map(|_| (random.uniform() * grid.len() as f64) as u32)
        .collect();
    // A tissue keeps its cells in spatial order.
    voxels.sort_unstable();
    let volumes = vec![2494.0; CELLS];
    let rates = |_, _| [1.0, 38.0, 10.0, 0.0];
    let mut exchange = Exchange::new();
    let mut group = criterion.benchmark_group("exchange/cpu");
    group.throughput(Throughput::Elements(CELLS as u64));
    group.sample_size(20);
    group.bench_function("prepare 100000", |bencher| {
        bencher.iter(|| {
            exchange
                .prepare(
                    &grid,
                    1,
                    &voxels,
                    &volumes,
                    rates,
                    0.01,
                    |_, _| false,
                    &Pool::serial(),
                )
                .unwrap();
        });
    });
    exchange
        .prepare(
            &grid,
            1,
            &voxels,
            &volumes,
            rates,
            0.01,
            |_, _| false,
            &Pool::serial(),
        )
        .unwrap();
    let mut densities = vec![38.0; grid.len()];
    let mut negative = 0;
    group.bench_function("apply 100000", |bencher| {
        bencher.iter(|| exchange.apply(&mut densities, &mut negative, &Pool::serial()));
    });
    group.finish();
}

criterion_group!(benches, exchange);
criterion_main!(benches);
