//! Secretion and uptake of 100 000 cells on one and two threads: one step of applying their maps,
//! and bringing the maps up to date. Cells stand at random in a cube of 100³ voxels, where most
//! cost is the field's way through the cache, or one in each voxel of a cube of 47³.
//!
//! Printed at the end are medians of applying, ns per cell, substrate and step, and the time of
//! doubling such a field, per cell and substrate, in the same rounds.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kernels::exchange::Exchange;
use kernels::random::{Draws, Sequence};
use kernels::{Grid, Pool};

const CELLS: usize = 100_000;

fn timed(iterations: u64, mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..iterations {
        work();
    }
    start.elapsed()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn exchange(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exchange/cpu");
    group.sample_size(20);
    let draws = Draws {
        seed: 1,
        purpose: 0,
    };
    let mut random = Sequence::new(draws, 0);
    let mut scattered: Vec<u32> = (0..CELLS)
        .map(|_| (random.uniform() * 1e6) as u32)
        .collect();
    // A tissue keeps its cells in spatial order.
    scattered.sort_unstable();
    let packed = (0..CELLS as u32).collect();
    let mut table = String::new();
    for (name, edge, voxels, substrates) in [
        ("scattered", 100, scattered, 1),
        ("packed", 47, packed, 1),
        ("packed x4", 47, (0..CELLS as u32).collect(), 4),
    ] {
        let grid = Grid::new([0.0; 3], [20.0 * f64::from(edge); 3], [20.0; 3]).unwrap();
        let volumes = vec![2494.0; CELLS];
        let mut exchange = Exchange::new();
        let prepare = |exchange: &mut Exchange| {
            let (rates, free) = (|_, _| [1.0, 38.0, 10.0, 0.0], |_, _| false);
            let pool = Pool::serial();
            let prepared = exchange.prepare(
                &grid, substrates, &voxels, &volumes, rates, 0.01, free, &pool,
            );
            prepared.unwrap();
        };
        prepare(&mut exchange);
        let exchanged = CELLS * substrates;
        group.throughput(Throughput::Elements(exchanged as u64));
        group.bench_function(BenchmarkId::new("prepare", name), |bencher| {
            bencher.iter(|| prepare(&mut exchange));
        });
        let mut densities = vec![38.0; substrates * grid.len()];
        for threads in [1, 2] {
            let pool = Pool::new(threads).unwrap();
            let mut negative = 0;
            let mut rounds = vec![];
            let id = BenchmarkId::new("apply", format!("{name}, {threads} threads"));
            group.bench_function(id, |bencher| {
                bencher.iter_custom(|iterations| {
                    let doubling = timed(iterations, || {
                        densities.iter_mut().for_each(|density| *density *= 2.0);
                    });
                    densities.fill(38.0);
                    let applying = timed(iterations, || {
                        exchange.apply(&mut densities, &mut negative, &pool);
                    });
                    let per_cell = 1e9 / (iterations as usize * exchanged) as f64;
                    rounds.push([applying, doubling].map(|time| time.as_secs_f64() * per_cell));
                    applying
                });
            });
            let [apply, double] =
                [0, 1].map(|bar| median(rounds.iter().map(|round| round[bar]).collect()));
            table +=
                &format!("{name:<10} {threads} threads {apply:6.2} ns; doubling {double:6.2} ns\n");
        }
    }
    group.finish();
    println!("{table}");
}

criterion_group!(benches, exchange);
criterion_main!(benches);
