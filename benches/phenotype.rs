//! A phenotype step with twenty written rules on each of 100,000 packed cells: sense, rules, fates,
//! volumes, births and deaths, and the sorting of cells in space, by the clocks of `Stage::Rules`
//! and `Stage::Phenotype`, between steps of fields and mechanics, so that caches are as a run
//! leaves them. `-- --test` takes 2,000 cells.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sim::{bench::scenes, record::Stage, simulation::Simulation};

/// Seconds that rules and phenotype take until the next phenotype step is done.
fn step(simulation: &mut Simulation) -> f64 {
    let stages = [Stage::Rules, Stage::Phenotype].map(|stage| stage as usize);
    let spent = |simulation: &mut Simulation| -> f64 {
        let seconds = simulation.timings().seconds;
        stages.iter().map(|&stage| seconds[stage]).sum()
    };
    let clocks = &simulation.plan().scenario.clocks;
    let ticks = clocks.phenotype_ticks();
    let before = spent(simulation);
    for _ in 0..ticks {
        simulation.step().unwrap_or_else(|error| panic!("{error}"));
    }
    spent(simulation) - before
}

fn phenotype(criterion: &mut Criterion) {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let cells = if is_test { 2_000 } else { 100_000 };
    let mut group = criterion.benchmark_group("phenotype/cpu");
    group.sample_size(10);
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().expect("there are threads");
        let mut simulation = pool
            .install(|| scenes::ruled(cells, threads))
            .unwrap_or_else(|error| panic!("{error}"));
        group.throughput(Throughput::Elements(simulation.cells() as u64));
        let name = format!("20 rules x {cells} cells, {threads} threads");
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let steps = (0..times).map(|_| pool.install(|| step(&mut simulation)));
                Duration::from_secs_f64(steps.sum())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, phenotype);
criterion_main!(benches);
