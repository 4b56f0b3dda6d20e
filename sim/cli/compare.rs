//! `milieu compare scenarios/x --b rules.killing=killing.rules --out DIR`

use std::path::PathBuf;

use clap::Args;
use sim::compare::{Arm, Comparison, Report, compare as climb, equivalence::Verdict, page};

use super::{Chosen, Stop, print, tell};

/// Arguments of `milieu compare`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Another scenario, as the second arm.
    #[arg(long, value_name = "SCENARIO")]
    with: Option<PathBuf>,
    /// Sets a value in the first arm only. May be repeated.
    #[arg(long = "a", value_name = "KEY=VALUE")]
    first: Vec<String>,
    /// Sets a value in the second arm only: `rules.killing=copy.onnx`. May be repeated.
    #[arg(long = "b", value_name = "KEY=VALUE")]
    second: Vec<String>,
    /// What the arms are called.
    #[arg(long, value_name = "A,B", value_delimiter = ',', num_args = 1)]
    names: Vec<String>,
    /// Runs of each arm and condition.
    #[arg(long, value_name = "N", default_value_t = 30)]
    runs: usize,
    /// Of these, so many are compared event by event.
    #[arg(long, value_name = "N", default_value_t = 5)]
    coupled: usize,
    /// The ratio of means may differ from 1 by so much.
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.1,
        allow_negative_numbers = true
    )]
    margin: f64,
    /// A readout to compare, by its name in the scenario, with a margin of its own [default: those
    /// for which the scenario states a margin, or all].
    /// May be repeated.
    #[arg(long = "readout", value_name = "NAME[=SHARE]")]
    readouts: Vec<String>,
    /// Compares under this setting, too: a dose, a schedule. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    under: Vec<String>,
    /// Folder for compare.html and compare.json.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Runs at a time, each on one thread [default: one on each core].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    jobs: Option<i64>,
    /// Replace the comparison that --out holds.
    #[arg(long)]
    force: bool,
    /// Print nothing but the verdict.
    #[arg(long)]
    quiet: bool,
}

/// Compares two arms. Exits with 0 only if they are equivalent.
pub fn compare(arguments: &Arguments) -> Result<(), Stop> {
    let jobs = super::jobs(arguments.jobs)?;
    let chosen = &arguments.chosen;
    let first_seed = chosen.read()?.seed;
    if arguments.runs < 3 {
        return Err(Stop::input(format!(
            "--runs {}: at least 3 runs are needed for a mean and its error",
            arguments.runs
        )));
    }
    let read = |with: Option<&PathBuf>, own: &[String], settings: &[String]| {
        let mut chosen = chosen.clone();
        if let Some(with) = with {
            chosen.scenario = with.clone();
        }
        chosen.settings.extend_from_slice(own);
        chosen.settings.extend_from_slice(settings);
        chosen.read().map_err(|stop| stop.message)
    };
    let labels = labels(arguments)?;
    let comparison = Comparison {
        arms: [
            Arm {
                label: labels[0].clone(),
                read: &|settings| read(None, &arguments.first, settings),
            },
            Arm {
                label: labels[1].clone(),
                read: &|settings| read(arguments.with.as_ref(), &arguments.second, settings),
            },
        ],
        under: arguments.under.clone(),
        runs: arguments.runs,
        coupled: arguments.coupled,
        first_seed,
        margin: margin("--margin", arguments.margin)?,
        readouts: readouts(&arguments.readouts)?,
        jobs,
    };
    let ready = comparison.check().map_err(Stop::input)?;
    let out = &arguments.out;
    super::prepare(out, "compare.json", "a comparison", arguments.force)?;
    let told = |done: usize, all: usize| {
        if !arguments.quiet && done * 10 / all != (done - 1) * 10 / all {
            tell(&format!("{done} of {all} runs"));
        }
    };
    let report = climb(&ready, told).map_err(Stop::run)?;
    write(out, &report)?;
    print(&format!("{}\n", page::summary(&report)))?;
    if !arguments.quiet {
        print(&format!(
            "report in {}\n",
            out.join("compare.html").display()
        ))?;
    }
    match report.verdict {
        Verdict::Equivalent => Ok(()),
        // The verdict has been told; nothing went wrong.
        Verdict::Different | Verdict::Undecided => Err(Stop {
            code: 1,
            message: String::new(),
        }),
    }
}

fn labels(arguments: &Arguments) -> Result<[String; 2], Stop> {
    let differs = |settings: &[String], otherwise: &str| match settings {
        [] => otherwise.to_owned(),
        some => some.join(", "),
    };
    match arguments.names.as_slice() {
        [] => {
            let second = arguments
                .with
                .as_ref()
                .map(|path| path.display().to_string());
            let second = second.unwrap_or_else(|| "the scenario".into());
            Ok([
                differs(&arguments.first, "the scenario"),
                differs(&arguments.second, &second),
            ])
        }
        [one, other] => Ok([one.clone(), other.clone()]),
        several => Err(Stop::input(format!(
            "--names {}: two names are needed, one for each arm",
            several.join(",")
        ))),
    }
}

pub(super) fn margin(what: &str, share: f64) -> Result<f64, Stop> {
    match share > 0.0 && share < 1.0 {
        true => Ok(share),
        false => Err(Stop::input(format!(
            "{what} {share}: not a margin\n  write a share between 0 and 1: 0.1 for 10 %"
        ))),
    }
}

pub(super) fn readouts(stated: &[String]) -> Result<Vec<(String, Option<f64>)>, Stop> {
    let one = |text: &String| {
        let Some((name, share)) = text.rsplit_once('=') else {
            return Ok((text.clone(), None));
        };
        let what = format!("--readout {text}");
        let share = share.trim().parse().unwrap_or(f64::NAN);
        Ok((name.trim().to_owned(), Some(margin(&what, share)?)))
    };
    stated.iter().map(one).collect()
}

fn write(out: &std::path::Path, report: &Report) -> Result<(), Stop> {
    let save = |name: &str, bytes: &[u8]| sim::output::folder::save(out, name, bytes);
    save("compare.html", page::page(report).as_bytes()).map_err(Stop::run)?;
    let json = serde_json::to_vec_pretty(report).map_err(Stop::run)?;
    save("compare.json", &json).map_err(Stop::run)
}
