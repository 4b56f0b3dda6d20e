//! Subcommands, one file each, and what they share. Compiled into the binary only.

pub mod assay;
pub mod bench;
pub mod check;
pub mod compare;
pub mod evaluate;
pub mod import;
pub mod model;
pub mod record;
pub mod resume;
pub mod run;
pub mod signals;

use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use sim::{
    checkpoint::{Kept, Refusal},
    import as projects,
    output::record::PROGRAM,
    plan::{Bound, bind},
    scenario::{Scenario, parse, problem::Problem},
};

/// Why the program ends early.
pub struct Stop {
    /// Exit code.
    pub code: u8,
    /// Printed after `error: `; empty for nothing.
    pub message: String,
}

impl Stop {
    /// Bad usage or input.
    pub fn input(message: impl ToString) -> Stop {
        Stop {
            code: 2,
            message: message.to_string(),
        }
    }

    /// Something went wrong in mid-run.
    pub fn run(message: impl ToString) -> Stop {
        Stop {
            code: 1,
            message: message.to_string(),
        }
    }
}

/// Which scenario, and what is different this time.
#[derive(Args, Clone)]
pub struct Chosen {
    /// A scenario file, or a folder that holds scenario.toml; or a PhysiCell_settings.xml, or the
    /// folder of a PhysiCell project.
    pub scenario: PathBuf,
    /// Seed of every random stream.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<String>,
    /// End of the run: minutes, or a time with a unit (`2 d`).
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    pub until: Option<String>,
    /// Sets one value of the scenario, by its path: `arrivals.cd8.rate=0`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// A table of segmented cells that replaces the scenario's own, read as its `[import]` says.
    #[arg(long, value_name = "FILE")]
    pub cells: Option<PathBuf>,
    /// Of a PhysiCell project: go on without what cannot be imported, though results differ.
    #[arg(long)]
    pub allow_ignored: bool,
}

impl Chosen {
    /// All settings, those with a flag of their own last.
    pub fn overrides(&self) -> Vec<String> {
        let mut all = self.settings.clone();
        all.extend(self.seed.as_ref().map(|seed| format!("seed={seed}")));
        all.extend(self.until.as_ref().map(|until| match until.parse::<f64>() {
            Ok(_) => format!("duration={until}"),
            Err(_) => format!("duration={until:?}"),
        }));
        all
    }

    /// Reads the scenario.
    pub fn read(&self) -> Result<Scenario, Stop> {
        let (overrides, cells) = (self.overrides(), self.cells.as_deref());
        let scenario = match projects::settings(&self.scenario) {
            Some(settings) if !self.scenario.join("scenario.toml").is_file() => {
                projects::read(&settings, &overrides, cells, self.allow_ignored)
            }
            _ => parse::read(&self.scenario, &overrides, cells),
        };
        scenario.map_err(|problems| told(&problems))
    }

    /// Reads the scenario and binds its rules.
    pub fn bind(&self) -> Result<Bound, Stop> {
        bind(self.read()?).map_err(Stop::input)
    }
}

/// Everything that is wrong with the input.
pub fn told(problems: &[Problem]) -> Stop {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Stop::input(lines.join("\nerror: "))
}

/// Prints to standard output; a reader that has seen enough is no error.
pub fn print(text: &str) -> Result<(), Stop> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Stop::run(format!("cannot print: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a line to standard error. That nobody listens any more (`2>&1 | head`) is no reason to
/// give up a run.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// How many remarks are printed one by one.
const MOST_REMARKS: usize = 20;

/// Prints what whoever starts a run should know; all of it is in `run.json`.
pub fn remark(notes: &[String]) {
    for note in notes.iter().take(MOST_REMARKS) {
        tell(&format!("note: {note}"));
    }
    if let Some(more @ 1..) = notes.len().checked_sub(MOST_REMARKS) {
        tell(&format!("note: … and {more} more"));
    }
}

/// Says which checkpoints were passed over, and which is taken.
pub fn tell_of(kept: &Kept, damaged: &[Refusal]) {
    for refusal in damaged {
        tell(&format!("note: {refusal}"));
    }
    if !damaged.is_empty() {
        tell(&format!("note: going on from {}", kept.file.display()));
    }
}

/// Prints JSON for people and programs.
pub fn print_json(value: &serde_json::Value) -> Result<(), Stop> {
    print(&format!("{value:#}\n"))
}

/// `milieu schema`.
pub fn schema() -> Result<(), Stop> {
    let schema = serde_json::to_value(sim::scenario::schema::schema());
    print_json(&schema.expect("a schema is plain JSON"))
}

/// Makes a folder of results ready: new, empty, or with those of the same kind that may go. The file
/// `record` in it says that they are ours.
pub fn prepare(out: &Path, record: &str, what: &str, force: bool) -> Result<(), Stop> {
    let failed = |error: std::io::Error| Stop::input(format!("{}: {error}", out.display()));
    fs::create_dir_all(out).map_err(failed)?;
    if fs::read_dir(out).map_err(failed)?.next().is_none() {
        return Ok(());
    }
    let text = fs::read(out.join(record)).unwrap_or_default();
    let report: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let out = out.display();
    match (report["program"] == PROGRAM, force) {
        (true, true) => Ok(()),
        (true, false) => Err(Stop::input(format!(
            "{out} already holds {what}; choose another --out, or pass --force to replace it"
        ))),
        (false, _) => Err(Stop::input(format!(
            "{out} holds other files; choose another --out"
        ))),
    }
}

/// How many runs to do at a time.
pub fn jobs(wanted: Option<i64>) -> Result<usize, Stop> {
    threads(wanted).map_err(|stop| Stop::input(stop.message.replace("--threads", "--jobs")))
}

/// More threads than any one machine has cores: systems refuse to start many times as many.
const MOST_THREADS: i64 = 1024;

/// How many threads to compute on.
pub fn threads(wanted: Option<i64>) -> Result<usize, Stop> {
    let help = "leave the option out for one on each core";
    match wanted {
        Some(few) if few < 1 => Err(Stop::input(format!(
            "--threads {few}: at least one thread is needed\n  {help}"
        ))),
        Some(many) if many > MOST_THREADS => Err(Stop::input(format!(
            "--threads {many}: at most {MOST_THREADS} threads are possible\n  {help}"
        ))),
        Some(threads) => Ok(threads as usize),
        None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
    }
}
