//! The loop of a run: frames when they are due, steps between them, and a record of how it went.

use std::{path::Path, time::Instant};

use crate::{
    output::{
        Writers,
        record::{Reading, Record, Status},
    },
    readouts::Readouts,
    record::Stage,
    simulation::Simulation,
};

/// How a run stands, for whoever watches.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// min.
    pub time: f64,
    /// min.
    pub end: f64,
    /// Dead ones included.
    pub cells: usize,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// Done, interrupted or failed.
    pub status: Status,
    /// Why it failed.
    pub error: Option<String>,
    /// Emergent values.
    pub readings: Vec<Reading>,
    /// A line for each model on which a guard fired.
    pub fired: Vec<String>,
}

/// Runs to the end, or until `watch` (called after every mechanics step) answers false. Whatever
/// happens, what was recorded is completed, and `run.json` is written last.
pub fn run(
    mut simulation: Simulation,
    mut writers: Writers,
    folder: &Path,
    mut record: Record,
    mut watch: impl FnMut(Progress) -> bool,
) -> Outcome {
    let started = Instant::now();
    let clocks = simulation.plan().scenario.clocks.clone();
    let end = simulation.plan().scenario.end_tick();
    let (every, mechanics) = (
        clocks
            .ticks(simulation.plan().scenario.outputs.interval)
            .max(1),
        clocks.mechanics_ticks(),
    );
    let mut readouts = Readouts::new(&simulation);
    let mut frames = 0;
    let mut status = Status::Done;
    let mut error = None;
    loop {
        let tick = simulation.tick();
        if tick.is_multiple_of(every) || tick == end || status == Status::Interrupted {
            if let Err(reason) = show(&mut simulation, &mut writers, &mut readouts, frames) {
                (status, error) = (Status::Failed, Some(reason));
            }
            frames += 1;
        }
        if tick == end || status != Status::Done {
            break;
        }
        if let Err(reason) = simulation.step() {
            (status, error) = (Status::Failed, Some(reason));
            break;
        }
        if simulation.tick().is_multiple_of(mechanics) {
            readouts.observe(&simulation, mechanics as f64 * clocks.diffusion);
            let progress = Progress {
                time: simulation.time(),
                end: end as f64 * clocks.diffusion,
                cells: simulation.cells(),
            };
            if !watch(progress) && simulation.tick() != end {
                status = Status::Interrupted;
            }
        }
    }
    let (files, finished) = writers.finish();
    if let Err(reason) = finished
        && error.is_none()
    {
        (status, error) = (Status::Failed, Some(reason.to_string()));
    }
    record.complete = status == Status::Done;
    record.status = status;
    record.error = error.clone();
    record.files = files;
    record.runtime_s = started.elapsed().as_secs_f64();
    record.simulated_min = simulation.time();
    let seconds = simulation.timings().seconds;
    record.timings_s = Stage::ALL
        .iter()
        .map(|(stage, name)| ((*name).into(), seconds[*stage as usize]))
        .collect();
    for (name, clamped, written) in simulation.clamps() {
        let share = if written > 0 {
            format!(" of {written} values written")
        } else {
            String::new()
        };
        record
            .warnings
            .push(format!("{name}: {clamped}{share} were put back into range"));
        record.clamps.insert(name, clamped);
    }
    let mut fired = Vec::new();
    for (ledger, most) in simulation.guards().ledgers() {
        fired.extend(ledger.remark());
        let warning = ledger.warning(most);
        fired.extend(warning.clone());
        record.warnings.extend(warning);
        record.models.push(ledger.closed());
    }
    if let left @ 1.. = simulation.tissue().frozen() {
        record.warnings.push(format!(
            "{left} cells are outside the domain, where nothing happens in them any more"
        ));
    }
    record.readouts = readouts.finish(&simulation);
    let readings = record.readouts.clone();
    if let Err(reason) = record.write(folder)
        && error.is_none()
    {
        (status, error) = (Status::Failed, Some(reason.to_string()));
    }
    Outcome {
        status,
        error,
        readings,
        fired,
    }
}

/// Gives the present moment to readouts and writers.
fn show(
    simulation: &mut Simulation,
    writers: &mut Writers,
    readouts: &mut Readouts,
    index: u64,
) -> Result<(), String> {
    let started = Instant::now();
    readouts.frame(simulation);
    let cells = simulation.table();
    let result = writers
        .record(&simulation.frame(index, &cells))
        .map_err(|error| error.to_string());
    simulation.forget_events();
    simulation.timings().seconds[Stage::Outputs as usize] += started.elapsed().as_secs_f64();
    result
}
