//! The loop of a run: frames when they are due, steps between them, and a record of how it went.

use std::{path::Path, time::Instant};

use kernels::Pool;

use crate::{
    checkpoint::Keeper,
    output::{
        Frame, Writers,
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

/// A run: what there is of it before its next frame.
pub struct Run {
    simulation: Simulation,
    writers: Writers,
    record: Record,
    readouts: Readouts,
    /// Frames so far.
    frames: u64,
    /// The tick it began at.
    first: u64,
    /// Wall time before it was last gone on with, s.
    runtime_s: f64,
    keeper: Option<Keeper>,
}

impl Run {
    /// A run that begins, and whose checkpoints somebody may keep.
    pub fn new(
        simulation: Simulation,
        writers: Writers,
        record: Record,
        keeper: Option<Keeper>,
    ) -> Run {
        Run {
            readouts: Readouts::new(&simulation.plan().scenario),
            frames: 0,
            first: simulation.tick(),
            runtime_s: 0.0,
            simulation,
            writers,
            record,
            keeper,
        }
    }

    /// The threads it computes on.
    pub fn pool(&self) -> Pool {
        self.simulation.tissue().pool().clone()
    }

    /// A run that is gone on with: its writers have been given so many frames.
    ///
    /// # Errors
    /// A message when what readouts had added up is of other readouts.
    pub fn resumed(self, frames: u64, readouts: &[Vec<u8>], runtime_s: f64) -> Result<Run, String> {
        let mut run = Run {
            frames,
            runtime_s,
            ..self
        };
        run.readouts.restore(readouts)?;
        Ok(run)
    }

    /// min done.
    pub fn time(&self) -> f64 {
        self.simulation.time()
    }

    /// Whether it can be gone on with if it is stopped.
    pub fn keeps_checkpoints(&self) -> bool {
        self.keeper.is_some()
    }

    /// Whether a frame is due.
    fn is_shown(&self, every: u64) -> bool {
        let tick = self.simulation.tick();
        tick.is_multiple_of(every) || self.frames == 0
    }

    /// Gives the present moment, perhaps the last, to readouts, writers and the journal.
    fn show(&mut self, is_last: bool) -> Result<(), String> {
        let started = Instant::now();
        let simulation = &mut self.simulation;
        let cells = simulation.table();
        let frame = simulation.frame(self.frames, &cells);
        let rows = self.readouts.frame(&frame, is_last);
        let dyads = if is_last {
            (self.readouts).dyads(&simulation.plan().scenario, &frame)
        } else {
            Vec::new()
        };
        let frame = Frame {
            readouts: &rows,
            dyads: &dyads,
            ..frame
        };
        let mut result = self.writers.record(&frame);
        let wrote = Instant::now();
        if let Some(keeper) = &mut self.keeper {
            result = result.and(keeper.note(&frame));
        }
        let noted = Instant::now();
        simulation.forget_events();
        let seconds = &mut simulation.timings().seconds;
        seconds[Stage::Outputs as usize] += (wrote - started).as_secs_f64();
        seconds[Stage::Checkpoints as usize] += (noted - wrote).as_secs_f64();
        self.frames += 1;
        result.map_err(|error| error.to_string())
    }

    /// Keeps the present moment.
    fn keep(&mut self, runtime_s: f64) -> Result<(), String> {
        let started = Instant::now();
        let Some(keeper) = &mut self.keeper else {
            return Ok(());
        };
        let kept = keeper.keep(&mut self.simulation, &self.readouts, self.frames, runtime_s);
        self.simulation.timings().seconds[Stage::Checkpoints as usize] +=
            started.elapsed().as_secs_f64();
        kept.map_err(|error| error.to_string())
    }
}

/// Runs to the end, or until `watch` (called after every mechanics step) answers false. Whatever
/// happens, what was recorded is completed, and `run.json` is written last.
pub fn run(mut run: Run, folder: &Path, mut watch: impl FnMut(Progress) -> bool) -> Outcome {
    let started = Instant::now();
    let clocks = run.simulation.plan().scenario.clocks.clone();
    let end = run.simulation.plan().scenario.end_tick();
    let (every, mechanics) = (
        clocks
            .ticks(run.simulation.plan().scenario.outputs.interval)
            .max(1),
        clocks.mechanics_ticks(),
    );
    let mut status = Status::Done;
    let mut error = None;
    loop {
        let tick = run.simulation.tick();
        let is_due = run.keeper.as_ref().is_some_and(|it| it.is_due(tick));
        if (is_due && tick > run.first && tick < end) || status == Status::Interrupted {
            let runtime_s = run.runtime_s + started.elapsed().as_secs_f64();
            if let Err(reason) = run.keep(runtime_s) {
                (status, error) = (Status::Failed, Some(reason));
                break;
            }
        }
        let is_last = tick == end || status == Status::Interrupted;
        if (run.is_shown(every) || is_last)
            && let Err(reason) = run.show(is_last)
        {
            (status, error) = (Status::Failed, Some(reason));
        }
        if tick == end || status != Status::Done {
            break;
        }
        if let Err(reason) = run.simulation.step() {
            (status, error) = (Status::Failed, Some(reason));
            break;
        }
        let simulation = &run.simulation;
        if simulation.tick().is_multiple_of(mechanics) {
            let step = mechanics as f64 * clocks.diffusion;
            run.readouts.observe(simulation, step);
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
    let Run {
        mut simulation,
        writers,
        mut record,
        readouts,
        runtime_s,
        keeper,
        ..
    } = run;
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
    record.runtime_s = runtime_s + started.elapsed().as_secs_f64();
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
    record.readouts = readouts.finish(&simulation.plan().scenario);
    let readings = record.readouts.clone();
    let written = record.write(folder);
    // As long as anything is missing, the run can be gone on with.
    let completed = match keeper {
        Some(keeper) if record.complete && written.is_ok() => keeper.complete(),
        _ => Ok(()),
    };
    if let Err(reason) = written.and(completed)
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
