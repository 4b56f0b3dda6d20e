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
    checkpoint::{Forked, Keeper, Kept, Origin, last, open},
    output::{
        Writers,
        folder::Folder,
        record::{Reading, Record, Status},
    },
    plan::Bound,
    run::{Progress, Run, run as advance},
    scenario::{RuleSource, Scenario, file},
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
    /// Begin where a checkpoint of another run stands, under this scenario: a file
    /// checkpoint/TICK.state, or a folder of results for the last one in it.
    #[arg(long, value_name = "CHECKPOINT")]
    from: Option<PathBuf>,
    /// Keep what `milieu resume` needs, each time so much simulated time has passed: minutes, or a
    /// time with a unit (`6 h`).
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    checkpoint_every: Option<String>,
}

/// Runs a scenario.
pub fn run(arguments: &Arguments) -> Result<(), Stop> {
    let threads = compute_on(arguments.threads)?;
    let chosen = &arguments.chosen;
    let bound = chosen.bind()?;
    let scenario = bound.plan.scenario.clone();
    let every = arguments.checkpoint_every.as_ref();
    let every = every.map(|text| ticks(text, &scenario)).transpose()?;
    let (mut record, hash) = record(chosen, &bound, threads)?;
    if !arguments.quiet {
        super::remark(&scenario.notes);
    }
    let simulation = match &arguments.from {
        None => Simulation::new(bound, threads).map_err(Stop::input)?,
        Some(from) => {
            if chosen.cells.is_some() {
                let both = "--cells and --from both say which cells there are; leave one out";
                return Err(Stop::input(both));
            }
            let kept = begin_from(from)?;
            record.forked = Some(Forked {
                checkpoint: kept.file.clone(),
                scenario_sha256: kept.header.scenario_sha256.clone(),
                time_min: kept.header.time_min,
            });
            kept.fork(bound, threads).map_err(Stop::input)?
        }
    };
    let out = arguments
        .out
        .clone()
        .unwrap_or_else(|| free_folder(&scenario));
    let folder = Folder::create(&out, arguments.force).map_err(Stop::input)?;
    let keeper = every.map(|every| {
        let origin = origin(chosen, &record)?;
        Keeper::create(folder.path(), &scenario, &hash, every, origin).map_err(Stop::input)
    });
    let keeper = keeper.transpose()?;
    let writers = Writers::open(&scenario, folder.path()).map_err(Stop::input)?;
    record.write(folder.path()).map_err(Stop::input)?;
    let run = Run::new(simulation, writers, record, keeper);
    to_the_end(run, &scenario, &folder, arguments.quiet)
}

/// The checkpoint in a file, or the last in a folder of results.
fn begin_from(path: &Path) -> Result<Kept, Stop> {
    if !path.is_dir() {
        return open(path).map_err(Stop::input);
    }
    let (kept, damaged) = last(path).map_err(Stop::input)?;
    super::tell_of(&kept, &damaged);
    Ok(kept)
}

/// Sets up threads to compute on; how many.
pub fn compute_on(wanted: Option<i64>) -> Result<usize, Stop> {
    let threads = super::threads(wanted)?;
    // Models run on rayon's global threads, kernels on the simulation's own.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build_global().map_err(Stop::run)?;
    Ok(threads)
}

/// The record of a run that begins now, and the scenario's hash.
pub fn record(chosen: &Chosen, bound: &Bound, threads: usize) -> Result<(Record, String), Stop> {
    let scenario = &bound.plan.scenario;
    Writers::check(&scenario.outputs.write).map_err(Stop::input)?;
    let hash = scenario.hash().map_err(Stop::input)?;
    let mut record = Record::new(scenario, hash.clone());
    record.overrides = chosen.overrides();
    let cells = chosen.cells.as_ref();
    let cells = cells.map(|file| format!("--cells {}", file.display()));
    record.overrides.extend(cells);
    record.threads = threads;
    record.rules = sources(bound)?;
    record.engine = "cpu, f64".into();
    record.warnings = scenario.notes.clone();
    Ok((record, hash))
}

/// What is needed to find and bind the scenario again.
fn origin(chosen: &Chosen, record: &Record) -> Result<Origin, Stop> {
    Ok(Origin {
        working_folder: std::env::current_dir().map_err(Stop::run)?,
        scenario: chosen.scenario.clone(),
        overrides: chosen.overrides(),
        cells: chosen.cells.clone(),
        allow_ignored: chosen.allow_ignored,
        started: record.started.clone(),
        resumed: Vec::new(),
        forked: record.forked.clone(),
    })
}

/// Ticks from one checkpoint to the next.
fn ticks(text: &str, scenario: &Scenario) -> Result<u64, Stop> {
    let refused = |reason: String| Stop::input(format!("--checkpoint-every {text}: {reason}"));
    let time = file::time(text).map_err(refused)?;
    match scenario.clocks.ticks(time) {
        0 => Err(refused(format!(
            "the least is one diffusion step, {} min",
            scenario.clocks.diffusion
        ))),
        ticks => Ok(ticks),
    }
}

/// Runs to the end, tells how it went, and what to do next.
pub fn to_the_end(run: Run, scenario: &Scenario, folder: &Folder, quiet: bool) -> Result<(), Stop> {
    let out = folder.path();
    let interrupted = listen()?;
    let mut display = Display::new(scenario, run.time(), quiet);
    let way_on = match run.keeps_checkpoints() {
        true => format!(
            "\n  milieu resume {} goes on from the last checkpoint",
            out.display()
        ),
        false => String::new(),
    };
    let watch = |progress| {
        display.show(progress);
        !interrupted.load(Ordering::Relaxed)
    };
    // On one of the threads that share the work, so that no step is handed over to them.
    let pool = run.pool();
    let outcome = pool.run(|| advance(run, out, watch));
    display.finish();
    match outcome.status {
        Status::Failed => Err(Stop::run(format!(
            "{}\n  what was saved until then is in {}{way_on}",
            outcome.error.unwrap_or_default(),
            out.display()
        ))),
        Status::Interrupted => {
            tell(&format!(
                "interrupted; what was saved until then is in {}{way_on}",
                out.display()
            ));
            Err(Stop {
                code: 130,
                message: String::new(),
            })
        }
        Status::Done | Status::Running if quiet => Ok(()),
        Status::Done | Status::Running => {
            super::remark(&outcome.fired);
            print(&report(&outcome.readings, out))
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
        since: Since,
    },
    Lines {
        tenths: u32,
        since: Since,
    },
    Nothing,
}

/// When the program began to compute, and at which time (min) of the tissue.
struct Since(Instant, f64);

impl Since {
    /// min in one s.
    fn speed(&self, progress: Progress) -> f64 {
        (progress.time - self.1) / self.0.elapsed().as_secs_f64().max(1e-9)
    }
}

impl Display {
    fn new(scenario: &Scenario, time: f64, quiet: bool) -> Display {
        if quiet {
            return Display::Nothing;
        }
        let since = Since(Instant::now(), time);
        if !std::io::stderr().is_terminal() {
            let tenths = (time * 10.0 / scenario.duration) as u32;
            return Display::Lines { tenths, since };
        }
        let bar = ProgressBar::new(scenario.duration.ceil() as u64);
        let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {msg}  ETA {eta}");
        bar.set_style(style.expect("the template is well formed"));
        Display::Bar {
            bar,
            refreshed: since.0,
            since,
        }
    }

    fn show(&mut self, progress: Progress) {
        match self {
            Display::Bar {
                bar,
                refreshed,
                since,
            } if refreshed.elapsed() > Duration::from_millis(100) => {
                *refreshed = Instant::now();
                bar.set_position(progress.time as u64);
                bar.set_message(describe(progress, since.speed(progress)));
            }
            Display::Lines { tenths, since }
                if progress.time * 10.0 >= f64::from(*tenths + 1) * progress.end =>
            {
                *tenths = (progress.time * 10.0 / progress.end) as u32;
                let rate = since.speed(progress);
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
            let value = match (reading.value, &reading.curve) {
                (Some(value), _) => format!("{value:.3}"),
                (None, Some(curve)) => format!("{} points", curve.points.len()),
                (None, None) if reading.censored => "not yet".into(),
                (None, None) => "–".into(),
            };
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
