//! The whole step: fields, rules, phenotype, mechanics and dyads of a packed tumor with T cells.

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sim::{plan::bind, scenario::parse, simulation::Simulation};

/// Advances one mechanics step of the tumor–immune scenario, an hour in, when T cells have arrived.
fn mechanics_step(criterion: &mut Criterion) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/tumor_immune");
    let overrides = ["arrivals.cd8.rate=5".to_owned()];
    for threads in [1, 2] {
        let scenario =
            parse::read(&folder, &overrides, None).expect("the shipped scenario is sound");
        let ticks = scenario.clocks.mechanics_ticks();
        let bound = bind(scenario).expect("the shipped rules bind");
        let mut simulation = Simulation::new(bound, threads).expect("the shipped scenario builds");
        for _ in 0..600 * ticks {
            simulation.step().expect("the shipped scenario runs");
        }
        let cells = simulation.cells();
        let mut group = criterion.benchmark_group("step");
        group
            .sample_size(20)
            .throughput(Throughput::Elements(cells as u64));
        group.bench_function(format!("cpu/{cells} cells, {threads} threads"), |bencher| {
            bencher.iter(|| {
                (0..ticks).for_each(|_| simulation.step().expect("the shipped scenario runs"));
            });
        });
        group.finish();
    }
}

criterion_group!(benches, mechanics_step);
criterion_main!(benches);
