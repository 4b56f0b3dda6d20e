//! `milieu resume out/x`

use std::{env, fs, path::PathBuf, time::SystemTime};

use clap::Args;
use sim::{
    checkpoint::{Keeper, Kept, Origin, Resumed, last},
    output::{Writers, folder::Folder},
    run::Run,
    simulation::Simulation,
};

use super::{
    Chosen, Stop,
    run::{compute_on, record, to_the_end},
    tell_of,
};

/// Arguments of `milieu resume`.
#[derive(Args)]
pub struct Arguments {
    /// Folder of the results of a run that was begun with --checkpoint-every.
    folder: PathBuf,
    /// Threads to compute on [default: all]; results do not depend on it.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// Print nothing but errors.
    #[arg(long)]
    quiet: bool,
}

/// Goes on with a run. Its files are those of a run that was never stopped.
pub fn resume(arguments: &Arguments) -> Result<(), Stop> {
    let threads = compute_on(arguments.threads)?;
    if is_complete(arguments) {
        return Err(Stop::input(format!(
            "the run in {0} is complete\n  to go on under another scenario, which may last longer: \
             milieu run SCENARIO --from {0}",
            arguments.folder.display()
        )));
    }
    let (kept, damaged) = last(&arguments.folder).map_err(Stop::input)?;
    tell_of(&kept, &damaged);
    let results = fs::canonicalize(&arguments.folder).map_err(Stop::input)?;
    let chosen = chosen(&kept)?;
    let bound = chosen.bind()?;
    let scenario = bound.plan.scenario.clone();
    let (mut record, hash) = record(&chosen, &bound, threads)?;
    kept.is_of(&hash).map_err(Stop::input)?;
    let checkpoint = kept.checkpoint().map_err(Stop::input)?;
    let origin = again(&kept);
    record.started = origin.started.clone();
    record.resumed = origin.resumed.clone();
    record.forked = origin.forked.clone();
    let (frames, readouts) = (checkpoint.frames, checkpoint.readouts);
    let (runtime_s, every) = (checkpoint.runtime_s, checkpoint.every);
    let simulation = Simulation::resume(bound, threads, checkpoint.state).map_err(Stop::input)?;
    let mut keeper =
        Keeper::reopen(&results, &scenario, every, &kept, origin).map_err(Stop::input)?;
    keeper.check(&kept).map_err(Stop::input)?;
    let folder = Folder::reopen(&results).map_err(Stop::input)?;
    let mut writers = Writers::open(&scenario, folder.path()).map_err(Stop::input)?;
    keeper.replay(&kept, &mut writers).map_err(Stop::input)?;
    record.write(folder.path()).map_err(Stop::input)?;
    let run = Run::new(simulation, writers, record, Some(keeper));
    let run = run.resumed(frames, &readouts, runtime_s);
    let run = run.map_err(Stop::input)?;
    to_the_end(run, &scenario, &folder, arguments.quiet)
}

/// Whether `run.json` says so.
fn is_complete(arguments: &Arguments) -> bool {
    let text = fs::read(arguments.folder.join("run.json")).unwrap_or_default();
    serde_json::from_slice(&text).is_ok_and(|record: serde_json::Value| record["complete"] == true)
}

/// The scenario as it was chosen, from where it was.
fn chosen(kept: &Kept) -> Result<Chosen, Stop> {
    let origin = &kept.header.origin;
    env::set_current_dir(&origin.working_folder).map_err(|error| {
        Stop::input(format!(
            "cannot go to {}, where the run was started: {error}\n  \
             put the scenario there, or begin a run of it here: milieu run {} --from {}",
            origin.working_folder.display(),
            origin.scenario.display(),
            kept.file.display()
        ))
    })?;
    Ok(Chosen {
        scenario: origin.scenario.clone(),
        seed: None,
        until: None,
        settings: origin.overrides.clone(),
        cells: origin.cells.clone(),
        allow_ignored: origin.allow_ignored,
    })
}

/// How the run was started, and that it is gone on with now.
fn again(kept: &Kept) -> Origin {
    let mut origin = kept.header.origin.clone();
    origin.resumed.push(Resumed {
        at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        tick: kept.header.tick,
        time_min: kept.header.time_min,
    });
    origin
}
