//! `milieu evaluate scenarios/x --rows DIR --site killing --model killing.onnx --splits splits.toml --out DIR`

use std::{fs, path::PathBuf};

use clap::Args;
use sim::{
    evaluate::{
        Evaluation, evaluate as score, page,
        splits::{self, FEWEST_RUNS},
    },
    output::folder::save,
};

use super::{Chosen, Stop, compare, print, tell};

/// Runs of each arm where there are splits and nobody says how many.
const RUNS: usize = 10;

/// Arguments of `milieu evaluate`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// A folder that `milieu record` has written.
    #[arg(long, value_name = "DIR")]
    rows: PathBuf,
    /// The site whose rows are scored, as `record.json` names it.
    #[arg(long, value_name = "SITE")]
    site: String,
    /// The model file, or written rules.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Held-out contexts in which the model drives the tissue.
    #[arg(long, value_name = "FILE")]
    splits: Option<PathBuf>,
    /// Runs of each arm in each context; 0 scores recorded rows alone [default: 10 with --splits,
    /// else 0].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    runs: Option<i64>,
    /// A readout to judge, by its name in the scenario, with a margin of its own [default: those
    /// for which the scenario states a margin, or all]. May be repeated.
    #[arg(long = "readout", value_name = "NAME[=SHARE]")]
    readouts: Vec<String>,
    /// Margin of readouts that have none of their own.
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.1,
        allow_negative_numbers = true
    )]
    margin: f64,
    /// Folder for evaluate.html, evaluate.json and timing.json.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Runs at a time, each on one thread [default: one on each core].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    jobs: Option<i64>,
    /// Replace the evaluation that --out holds.
    #[arg(long)]
    force: bool,
    /// Print nothing but the verdict.
    #[arg(long)]
    quiet: bool,
}

/// Scores a model. Exits with 0 only if the audit finds no leak, and no gate is failed.
pub fn evaluate(arguments: &Arguments) -> Result<(), Stop> {
    let chosen = &arguments.chosen;
    let seed = chosen.read()?.seed;
    let runs = runs(arguments)?;
    let evaluation = Evaluation {
        read: &|settings| {
            let mut chosen = chosen.clone();
            chosen.settings.extend_from_slice(settings);
            chosen.read().map_err(|stop| stop.message)
        },
        rows: arguments.rows.clone(),
        site: arguments.site.clone(),
        model: arguments.model.clone(),
        splits: match runs {
            0 => Vec::new(),
            runs => splits::read(arguments.splits.as_deref(), runs).map_err(Stop::input)?,
        },
        splits_file: arguments.splits.clone().filter(|_| runs > 0),
        first_seed: chosen.seed.is_some().then_some(seed),
        readouts: compare::readouts(&arguments.readouts)?,
        margin: compare::margin("--margin", arguments.margin)?,
        jobs: super::jobs(arguments.jobs)?,
    };
    let ready = evaluation.check().map_err(Stop::input)?;
    let out = &arguments.out;
    super::prepare(out, "evaluate.json", "an evaluation", arguments.force)?;
    let told = |done: usize, all: usize| {
        if !arguments.quiet && done * 10 / all != (done - 1) * 10 / all {
            tell(&format!("{done} of {all} runs"));
        }
    };
    let (report, timing) = score(&ready, told).map_err(Stop::run)?;
    // What was measured last time is of another evaluation.
    let _ = fs::remove_file(out.join("timing.json"));
    if report.matrix.is_some() {
        let json = serde_json::to_vec_pretty(&timing).map_err(Stop::run)?;
        save(out, "timing.json", &json).map_err(Stop::run)?;
    }
    save(
        out,
        "evaluate.html",
        page::page(&report, &timing).as_bytes(),
    )
    .map_err(Stop::run)?;
    let json = serde_json::to_vec_pretty(&report).map_err(Stop::run)?;
    save(out, "evaluate.json", &json).map_err(Stop::run)?;
    print(&format!(
        "{}\nreport in {}\n",
        page::summary(&report),
        out.join("evaluate.html").display()
    ))?;
    match report.is_passed() {
        true => Ok(()),
        // What is wrong has been told.
        false => Err(Stop {
            code: 1,
            message: String::new(),
        }),
    }
}

fn runs(arguments: &Arguments) -> Result<usize, Stop> {
    let Some(runs) = arguments.runs else {
        return Ok(if arguments.splits.is_some() { RUNS } else { 0 });
    };
    match usize::try_from(runs) {
        Ok(runs) if runs == 0 || runs >= FEWEST_RUNS => Ok(runs),
        _ => Err(Stop::input(format!(
            "--runs {runs}: at least {FEWEST_RUNS} are needed for a mean and its error\n  \
             write 0 to score recorded rows alone"
        ))),
    }
}
