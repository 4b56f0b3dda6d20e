//! `milieu assay runs/dyads --out DIR [--against TRUTH [--held-out 'EFFECTOR/TARGET']]`

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use sim::{
    assay::{page, report::Report},
    output::record::PROGRAM,
};

use super::{Stop, print};

/// Arguments of `milieu assay`.
#[derive(Args)]
pub struct Arguments {
    /// A dyad table, Parquet or CSV, or the folder of a run that wrote `dyads`.
    table: PathBuf,
    /// Another table that counts as the truth.
    #[arg(long, value_name = "TABLE")]
    against: Option<PathBuf>,
    /// A pair that the model was not given, as types and donors are written on the page; may be said
    /// again.
    #[arg(long, value_name = "EFFECTOR/TARGET")]
    held_out: Vec<String>,
    /// Until when, in minutes [default: the last look that both tables took].
    #[arg(long, value_name = "MIN", allow_negative_numbers = true)]
    until: Option<f64>,
    /// Folder for assay.html and assay.json.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the report that --out holds.
    #[arg(long)]
    force: bool,
}

/// Sums up a dyad table.
pub fn assay(arguments: &Arguments) -> Result<(), Stop> {
    if let Some(until) = arguments.until
        && !(until.is_finite() && until > 0.0)
    {
        return Err(Stop::input(format!(
            "--until {until}: not a time\n  write minutes above 0"
        )));
    }
    let truth = arguments.against.as_deref();
    let report = Report::new(
        &arguments.table,
        truth,
        arguments.until,
        &arguments.held_out,
    )
    .map_err(Stop::input)?;
    prepare(&arguments.out, arguments.force)?;
    let save = |name: &str, bytes: &[u8]| sim::output::folder::save(&arguments.out, name, bytes);
    save("assay.html", page::page(&report).as_bytes()).map_err(Stop::run)?;
    let json = serde_json::to_vec_pretty(&report).map_err(Stop::run)?;
    save("assay.json", &json).map_err(Stop::run)?;
    for condition in &report.conditions {
        let share = condition.killed;
        if let (Some(value), Some([low, high])) = (share.value, share.interval) {
            let [value, low, high] = [value, low, high].map(|it| (1000.0 * it).round() / 10.0);
            let (label, of) = (&condition.label, share.of);
            print(&format!(
                "{label}: a target dies in {value} % ({low} to {high}) of {of} compartments\n"
            ))?;
        }
    }
    print(&format!(
        "report in {}\n",
        arguments.out.join("assay.html").display()
    ))
}

/// Makes the folder ready: new, empty, or with a report that may go.
fn prepare(out: &Path, force: bool) -> Result<(), Stop> {
    let failed = |error: std::io::Error| Stop::input(format!("{}: {error}", out.display()));
    fs::create_dir_all(out).map_err(failed)?;
    if fs::read_dir(out).map_err(failed)?.next().is_none() {
        return Ok(());
    }
    let text = fs::read(out.join("assay.json")).unwrap_or_default();
    let report: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    match (report["program"] == PROGRAM, force) {
        (true, true) => Ok(()),
        (true, false) => Err(Stop::input(format!(
            "{} already holds a report; choose another --out, or pass --force to replace it",
            out.display()
        ))),
        (false, _) => Err(Stop::input(format!(
            "{} holds other files; choose another --out",
            out.display()
        ))),
    }
}
