//! Diffusion and decay: one iteration is one time step of all substrates; criterion's throughput
//! counts voxels × substrates.
//!
//! Printed at the end are medians: ns per voxel, substrate and step, and which share a step reaches
//! of two bandwidths (read plus write) of a copy, if it counts 32 bytes per voxel: each plane once
//! through the cache for the sweeps along x and y, and once for that along z. One is that of copying
//! within a field of the same size, in every round; the other that of 256 MB, from memory.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kernels::conventions::{Fields, Held};
use kernels::diffusion::{Boundary, Diffusion, Substrate};
use kernels::{Grid, Pool};

/// Copies `from` to `to` on all threads.
fn copy(from: &[f64], to: &mut [f64], pool: &Pool) {
    let size = from.len().div_ceil(pool.threads());
    pool.pieces(to, size, true, |index, piece| {
        piece.copy_from_slice(&from[index * size..][..piece.len()]);
    });
}

fn timed(iterations: u64, mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..iterations {
        work();
    }
    start.elapsed()
}

/// Whether each bench is to run once, as a test.
fn is_test() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn diffusion(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("diffusion/cpu");
    let (closed, fixed) = ([Boundary::NoFlux; 6], [Boundary::Fixed(38.0); 6]);
    let mut table = String::new();
    let mut memory = vec![1.0; if is_test() { 1 << 10 } else { 1 << 26 }];
    let from_memory = [1, 2].map(|threads| {
        let pool = Pool::new(threads).unwrap();
        let middle = memory.len() / 2;
        let (from, to) = memory.split_at_mut(middle);
        let times = (0..7).map(|_| timed(1, || copy(from, to, &pool)).as_secs_f64());
        median(times.collect()) * 1e9 / (16 * from.len()) as f64
    });
    drop(memory);
    for (name, shape, substrates, boundary, held) in [
        ("2^2x1", [2, 2, 1], 1, closed, Held::Through),
        ("50^2x5", [50, 50, 1], 5, fixed, Held::Through),
        ("1000^2", [1000, 1000, 1], 1, fixed, Held::Through),
        ("75^3x2", [75, 75, 75], 2, fixed, Held::Through),
        (
            "75^3x2 between",
            [75, 75, 75],
            2,
            fixed,
            Held::BetweenSweeps,
        ),
        ("100^3", [100, 100, 100], 1, closed, Held::Through),
        ("100^3x4", [100, 100, 100], 4, closed, Held::Through),
        ("200^3", [200, 200, 200], 1, closed, Held::Through),
    ] {
        let grid = Grid::new([0.0; 3], shape.map(|n| 20.0 * n as f64), [20.0; 3]).unwrap();
        let substrate = Substrate {
            diffusion_coefficient: 1e5,
            decay_rate: 0.1,
            boundary,
        };
        let conventions = Fields {
            held,
            ..Fields::default()
        };
        let diffusion =
            Diffusion::after(conventions, &grid, &vec![substrate; substrates], 0.01).unwrap();
        let mut densities = vec![10.0; substrates * grid.len()];
        diffusion.hold(&mut densities).unwrap();
        let mut copied = densities.clone();
        let (from, to) = copied.split_at_mut(densities.len() / 2);
        group.throughput(Throughput::Elements(densities.len() as u64));
        group.sample_size(20);
        for threads in [1, 2] {
            let pool = Pool::new(threads).unwrap();
            let mut rounds = vec![];
            let id = BenchmarkId::from_parameter(format!("{name}, {threads} threads"));
            group.bench_function(id, |bencher| {
                bencher.iter_custom(|iterations| {
                    let copying = timed(iterations, || copy(from, to, &pool));
                    let stepping = timed(iterations, || diffusion.step(&mut densities, &pool));
                    let per_voxel = |time: Duration| {
                        time.as_secs_f64() * 1e9 / (iterations as usize * densities.len()) as f64
                    };
                    // A copy moves 8 bytes per voxel of the field, a step 32.
                    rounds.push([per_voxel(stepping), per_voxel(copying) / 8.0 * 32.0]);
                    stepping
                });
            });
            let step = median(rounds.iter().map(|[step, _]| *step).collect());
            let share = median(rounds.iter().map(|[step, limit]| limit / step).collect());
            let memory = 32.0 * from_memory[threads - 1] / step;
            table += &format!(
                "{name:<15} {threads} threads {step:8.2} ns {:6.0} % {:6.0} %\n",
                100.0 * share,
                100.0 * memory
            );
        }
    }
    group.finish();
    println!(
        "per voxel, substrate and step; of copying such a field; of copying from memory\n{table}"
    );
    let [one, two] = from_memory.map(|per_byte| 1.0 / per_byte);
    println!("copying from memory: {one:.1} GB/s on one thread, {two:.1} GB/s on two");
}

criterion_group!(benches, diffusion);
criterion_main!(benches);
