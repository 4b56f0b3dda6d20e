//! Many runs in one process, each on a thread of its own.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use crate::simulation::Simulation;

/// Does the work of `count` runs, `jobs` at a time, and gives what came of each, in order.
///
/// # Errors
/// Of the failed runs, what the first one said. Runs that have not begun by then are left out.
pub fn each<T: Send>(
    count: usize,
    jobs: usize,
    work: impl Fn(usize) -> Result<T, String> + Sync,
) -> Result<Vec<T>, String> {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let worker = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            // The first failure in the order of runs is told, whichever thread met one first.
            if number >= count || number > failed.load(Ordering::Relaxed) {
                return done;
            }
            let result = work(number);
            if result.is_err() {
                failed.fetch_min(number, Ordering::Relaxed);
            }
            done.push((number, result));
        }
    };
    let mut all: Vec<(usize, Result<T, String>)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.clamp(1, count.max(1)))
            .map(|_| scope.spawn(worker))
            .collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Vec<_>>| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        workers.into_iter().flat_map(join).collect()
    });
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, result)| result).collect()
}

/// Who watches a run.
pub trait Watcher {
    /// At every frame, the last moment included; events are forgotten after that.
    ///
    /// # Errors
    /// Why the run is not to go on.
    fn frame(&mut self, simulation: &mut Simulation) -> Result<(), String>;

    /// After every mechanics step of `step` min.
    fn observe(&mut self, _simulation: &Simulation, _step: f64) {}
}

impl<F: FnMut(&mut Simulation) -> Result<(), String>> Watcher for F {
    fn frame(&mut self, simulation: &mut Simulation) -> Result<(), String> {
        self(simulation)
    }
}

/// Advances a run to its end.
///
/// # Errors
/// Why it could not go on.
pub fn advance(
    simulation: &mut Simulation,
    watcher: &mut (impl Watcher + Send),
) -> Result<(), String> {
    let scenario = &simulation.plan().scenario;
    let end = scenario.end_tick();
    let mechanics = scenario.clocks.mechanics_ticks();
    let step = mechanics as f64 * scenario.clocks.diffusion;
    let every = scenario.clocks.ticks(scenario.outputs.interval).max(1);
    // On a thread of the tissue's own, so that no step is handed over.
    let pool = simulation.tissue().pool().clone();
    pool.run(|| {
        loop {
            let tick = simulation.tick();
            if tick.is_multiple_of(every) || tick == end {
                watcher.frame(simulation)?;
                simulation.forget_events();
            }
            if tick == end {
                return Ok(());
            }
            simulation.step()?;
            if simulation.tick().is_multiple_of(mechanics) {
                watcher.observe(simulation, step);
            }
        }
    })
}
