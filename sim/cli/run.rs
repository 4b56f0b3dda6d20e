//! `milieu run scenarios/x`

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rules::{
    Provenance,
    written::{Form, Source},
};
use sim::{
    output::{
        Writers,
        folder::Folder,
        record::{Reading, Record, Status},
    },
    plan::Bound,
    run::{Progress, run as run_to_end},
    scenario::{RuleSource, Scenario},
    simulation::Simulation,
};

use super::{Chosen, Stop, print, tell};

/// Arguments of `milieu run`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Folder for the results [default: out/NAME, or the next free out/NAME-2, …]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Threads to compute on [default: all]; results do not depend on it.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    threads: Option<i64>,
    /// Replace the results that --out holds.
    #[arg(long)]
    force: bool,
    /// Print nothing but errors.
    #[arg(long)]
    quiet: bool,
}

/// Runs a scenario.
pub fn run(arguments: &Arguments) -> Result<(), Stop> {
    let threads = super::threads(arguments.threads)?;
    // Models run on rayon's global threads, kernels on the simulation's own.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build_global().map_err(Stop::run)?;
    let bound = arguments.chosen.bind()?;
    let scenario = bound.plan.scenario.clone();
    Writers::check(&scenario.outputs.write).map_err(Stop::input)?;
    let hash = scenario.hash().map_err(Stop::input)?;
    let mut record = Record::new(&scenario, hash);
    record.overrides = arguments.chosen.overrides();
    let cells = arguments.chosen.cells.as_ref();
    let cells = cells.map(|file| format!("--cells {}", file.display()));
    record.overrides.extend(cells);
    record.threads = threads;
    record.rules = sources(&bound)?;
    record.engine = "cpu, f64".into();
    record.warnings = scenario.notes.clone();
    if !arguments.quiet {
        super::remark(&scenario.notes);
    }
    let simulation = Simulation::new(bound, threads).map_err(Stop::input)?;
    let out = arguments
        .out
        .clone()
        .unwrap_or_else(|| free_folder(&scenario));
    let folder = Folder::create(&out, arguments.force).map_err(Stop::input)?;
    let writers = Writers::open(&scenario, folder.path()).map_err(Stop::input)?;
    record.write(folder.path()).map_err(Stop::input)?;

    let interrupted = listen()?;
    let mut display = Display::new(&scenario, arguments.quiet);
    let watch = |progress| {
        display.show(progress);
        !interrupted.load(Ordering::Relaxed)
    };
    // On one of the threads that share the work, so that no step is handed over to them.
    let pool = simulation.tissue().pool().clone();
    let outcome = pool.run(|| run_to_end(simulation, writers, folder.path(), record, watch));
    display.finish();
    match outcome.status {
        Status::Failed => Err(Stop::run(format!(
            "{}\n  what was saved until then is in {}",
            outcome.error.unwrap_or_default(),
            out.display()
        ))),
        Status::Interrupted => {
            tell(&format!(
                "interrupted; what was saved until then is in {}",
                out.display()
            ));
            Err(Stop {
                code: 130,
                message: String::new(),
            })
        }
        Status::Done | Status::Running if arguments.quiet => Ok(()),
        Status::Done | Status::Running => {
            super::remark(&outcome.fired);
            print(&report(&outcome.readings, &out))
        }
    }
}

/// Where rules and models came from, one entry a file.
fn sources(bound: &Bound) -> Result<Vec<Provenance>, Stop> {
    let entry = |source: &RuleSource| {
        let text = |form| Source::read(&source.binding, form).map(|text| text.provenance());
        match source
            .binding
            .file
            .extension()
            .and_then(|text| text.to_str())
        {
            Some("rules") => text(Form::Sentences).map_err(Stop::input),
            Some("csv") => text(Form::Table).map_err(Stop::input),
            _ => {
                let mut rules = bound.rules.iter();
                let model = rules.find(|rule| rule.signature().source == source.name);
                Ok(model.expect("every model is a rule").provenance())
            }
        }
    };
    let mut sources = Vec::new();
    for source in &bound.plan.scenario.rules {
        sources.push(entry(source)?);
        let mechanistic = source.binding.adoption.mechanistic.as_ref();
        let mechanistic = mechanistic.map(|file| rules::hybrid::mechanistic(&source.binding, file));
        sources.extend(mechanistic.transpose().map_err(Stop::input)?);
    }
    Ok(sources)
}

/// `out/NAME` of the scenario's folder, with a number if that is taken.
fn free_folder(scenario: &Scenario) -> PathBuf {
    let stem = match scenario.file.file_stem() {
        Some(stem) if stem != "scenario" => stem,
        _ => scenario
            .file
            .parent()
            .and_then(Path::file_name)
            .unwrap_or("run".as_ref()),
    };
    let name = |number: u32| match number {
        1 => stem.to_string_lossy().into_owned(),
        _ => format!("{}-{number}", stem.to_string_lossy()),
    };
    let mut all = (1..).map(|number| Path::new("out").join(name(number)));
    all.find(|path| !path.exists())
        .expect("some number is free")
}

/// How long after a first Ctrl-C a second one is taken for the same: some programs signal both a
/// process and its group.
const SAME_SIGNAL: Duration = Duration::from_secs(1);

/// Notes Ctrl-C; a second one, later, ends the program at once.
fn listen() -> Result<Arc<AtomicBool>, Stop> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    let mut first: Option<Instant> = None;
    ctrlc::set_handler(move || {
        flag.store(true, Ordering::Relaxed);
        if first.get_or_insert_with(Instant::now).elapsed() > SAME_SIGNAL {
            process::exit(130);
        }
    })
    .map_err(|error| Stop::run(format!("cannot listen for Ctrl-C: {error}")))?;
    Ok(interrupted)
}

/// A bar on a terminal, a line for every tenth elsewhere, nothing if quiet.
enum Display {
    Bar {
        bar: ProgressBar,
        refreshed: Instant,
        started: Instant,
    },
    Lines {
        tenths: u32,
        started: Instant,
    },
    Nothing,
}

impl Display {
    fn new(scenario: &Scenario, quiet: bool) -> Display {
        if quiet {
            return Display::Nothing;
        }
        let started = Instant::now();
        if !std::io::stderr().is_terminal() {
            return Display::Lines { tenths: 0, started };
        }
        let bar = ProgressBar::new(scenario.duration.ceil() as u64);
        let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {msg}  ETA {eta}");
        bar.set_style(style.expect("the template is well formed"));
        Display::Bar {
            bar,
            refreshed: started,
            started,
        }
    }

    fn show(&mut self, progress: Progress) {
        let speed = |started: &Instant| progress.time / started.elapsed().as_secs_f64().max(1e-9);
        match self {
            Display::Bar {
                bar,
                refreshed,
                started,
            } if refreshed.elapsed() > Duration::from_millis(100) => {
                *refreshed = Instant::now();
                bar.set_position(progress.time as u64);
                bar.set_message(describe(progress, speed(started)));
            }
            Display::Lines { tenths, started }
                if progress.time * 10.0 >= f64::from(*tenths + 1) * progress.end =>
            {
                *tenths = (progress.time * 10.0 / progress.end) as u32;
                let rate = speed(started);
                let left = (progress.end - progress.time) / rate;
                tell(&format!(
                    "{:>3} %  {}  ETA {left:.0} s",
                    *tenths * 10,
                    describe(progress, rate)
                ));
            }
            _ => {}
        }
    }

    fn finish(self) {
        if let Display::Bar { bar, .. } = self {
            bar.finish_and_clear();
        }
    }
}

fn describe(progress: Progress, speed: f64) -> String {
    format!(
        "{:.2} of {:.2} d  {} cells  {:.0} min/s",
        progress.time / 1440.0,
        progress.end / 1440.0,
        progress.cells,
        speed
    )
}

/// Emergent values beside published ones, and where the results are.
fn report(readings: &[Reading], out: &Path) -> String {
    let mut text = String::new();
    if !readings.is_empty() {
        let width = readings
            .iter()
            .map(|reading| reading.name.chars().count())
            .max()
            .unwrap_or(0)
            .max(9);
        text += &format!(
            "{:width$}  {:>10}  {:>14}  {:<12}  source\n",
            "emergent", "here", "published", "unit"
        );
        for reading in readings {
            let value = reading
                .value
                .map_or("–".into(), |value| format!("{value:.3}"));
            let published = reading
                .published
                .map_or("none found".into(), |[lo, hi]| format!("{lo} to {hi}"));
            text += &format!(
                "{:width$}  {value:>10}  {published:>14}  {:<12}  {}\n",
                reading.name, reading.unit, reading.source
            );
        }
    }
    text + &format!("results in {}\n", out.display())
}
