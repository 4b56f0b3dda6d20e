//! `milieu record scenarios/x --rule killing --out DIR`

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use clap::Args;
use serde_json::Value;
use sim::{
    recorder::Wanted,
    recording::{Manifest, PARTS, Recording, record as all_runs, variants},
};

use super::{Chosen, Stop, print, tell};

/// Arguments of `milieu record`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// An entry of the scenario's [rules] whose calls are recorded. May be repeated.
    #[arg(long = "rule", value_name = "ENTRY", required = true)]
    rules: Vec<String>,
    /// Rules that are asked in the place of an entry's, and do not act: what a model should have
    /// said of the states that it visits. May be repeated.
    #[arg(long = "teacher", value_name = "ENTRY=FILE")]
    teachers: Vec<String>,
    /// A signal to record that the rule does not read; of pairs `own NAME`, `target NAME`, or one of
    /// the pair's own. May be repeated.
    #[arg(long = "signal", value_name = "NAME")]
    signals: Vec<String>,
    /// Runs of the scenario, and of each variant.
    #[arg(long, value_name = "N", default_value_t = 10)]
    runs: usize,
    /// Records the scenario once with each of these values: a dose, another law. Several multiply.
    #[arg(long, value_name = "KEY=VALUE|VALUE")]
    vary: Vec<String>,
    /// Of the rows on which nothing happens, the share that is kept; each stands for so many more.
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    keep: f64,
    /// Per cent of the runs for training, validation, calibration and test.
    #[arg(long, value_name = "SHARES", default_value = "60/10/10/20")]
    split: String,
    /// Divides by variant, so that whole doses are held out, and not by run.
    #[arg(long)]
    split_variants: bool,
    /// Folder for the rows.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Runs at a time, each on one thread [default: one on each core].
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    jobs: Option<i64>,
    /// Replace the rows that --out holds.
    #[arg(long)]
    force: bool,
    /// Print nothing but errors.
    #[arg(long)]
    quiet: bool,
}

/// Records training rows.
pub fn record(arguments: &Arguments) -> Result<(), Stop> {
    let jobs = super::jobs(arguments.jobs)?;
    let chosen = &arguments.chosen;
    let first_seed = chosen.read()?.seed;
    if arguments.runs == 0 {
        return Err(Stop::input("--runs 0: at least one run is needed"));
    }
    if !(arguments.keep > 0.0 && arguments.keep <= 1.0) {
        return Err(Stop::input(format!(
            "--keep {}: not a share\n  write a number above 0 and at most 1",
            arguments.keep
        )));
    }
    let variants = variants(&arguments.vary).map_err(Stop::input)?;
    let recording = Recording {
        read: &|settings| {
            let mut chosen = chosen.clone();
            chosen.settings.extend_from_slice(settings);
            chosen.read().map_err(|stop| stop.message)
        },
        wanted: wanted(arguments)?,
        runs: arguments.runs,
        first_seed,
        keep: arguments.keep,
        shares: shares(&arguments.split)?,
        by_variant: arguments.split_variants,
        jobs,
        variants,
    };
    // Rows that are there go only when those that replace them can be made.
    let ready = recording.check().map_err(Stop::input)?;
    let out = &arguments.out;
    clear(out, arguments.force)?;
    let count = recording.runs * recording.variants.len();
    let done = AtomicUsize::new(0);
    let told = |_| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if !arguments.quiet && (done * 10 / count != (done - 1) * 10 / count || count <= 10) {
            tell(&format!("{done} of {count} runs"));
        }
    };
    let manifest = all_runs(&ready, out, told).map_err(Stop::run)?;
    match arguments.quiet {
        true => Ok(()),
        false => print(&summary(&manifest, out)),
    }
}

fn wanted(arguments: &Arguments) -> Result<Vec<Wanted>, Stop> {
    let mut wanted: Vec<Wanted> = (arguments.rules.iter())
        .map(|entry| Wanted {
            entry: entry.clone(),
            teacher: None,
            signals: arguments.signals.clone(),
        })
        .collect();
    for text in &arguments.teachers {
        let Some((entry, file)) = text.split_once('=') else {
            let help = "write --teacher ENTRY=FILE";
            return Err(Stop::input(format!("--teacher {text}: no `=`\n  {help}")));
        };
        let Some(of) = wanted.iter_mut().find(|wanted| wanted.entry == entry) else {
            let help = format!("add --rule {entry}");
            return Err(Stop::input(format!(
                "--teacher {text}: `{entry}` is not recorded\n  {help}"
            )));
        };
        of.teacher = Some(file.into());
    }
    Ok(wanted)
}

fn shares(text: &str) -> Result<[f64; 4], Stop> {
    let refused = || {
        Stop::input(format!(
            "--split {text}: not four shares that make 100\n  write per cent for {}: 60/10/10/20",
            PARTS.join(", ")
        ))
    };
    let parts: Result<Vec<f64>, _> = text.split('/').map(str::parse).collect();
    let parts: [f64; 4] = (parts.ok())
        .and_then(|parts| parts.try_into().ok())
        .ok_or_else(refused)?;
    let is_share = |share: &f64| (0.0..=100.0).contains(share);
    match parts.iter().all(is_share) && (parts.iter().sum::<f64>() - 100.0).abs() < 1e-9 {
        true => Ok(parts.map(|share| share / 100.0)),
        false => Err(refused()),
    }
}

/// Makes the folder ready, and frees it of the rows it holds.
fn clear(out: &Path, force: bool) -> Result<(), Stop> {
    super::prepare(out, "record.json", "training rows", force)?;
    let failed = |error: std::io::Error| Stop::input(format!("{}: {error}", out.display()));
    let Ok(text) = fs::read(out.join("record.json")) else {
        return Ok(());
    };
    let record: Value = serde_json::from_slice(&text).unwrap_or_default();
    // The record is last: until then the folder is known to hold rows.
    for site in record["sites"].as_object().into_iter().flatten() {
        let folder = out.join(site.0);
        if folder.is_dir() {
            fs::remove_dir_all(folder).map_err(failed)?;
        }
    }
    fs::remove_file(out.join("record.json")).map_err(failed)
}

fn summary(manifest: &Manifest, out: &Path) -> String {
    let mut text = String::new();
    for site in manifest.sites.keys() {
        let shards = manifest.runs.iter().map(|run| &run.shards[site]);
        let rows: usize = shards.clone().map(|shard| shard.rows).sum();
        let mut events = std::collections::BTreeMap::new();
        for (event, count) in shards.flat_map(|shard| &shard.events) {
            *events.entry(*event).or_insert(0) += count;
        }
        let events: Vec<String> = (events.iter())
            .map(|(event, count)| format!("{count} × {event}"))
            .collect();
        text += &format!(
            "{site}: {rows} rows, {}\n",
            match events.is_empty() {
                true => "no event".into(),
                false => events.join(", "),
            }
        );
    }
    text + &format!("rows in {}\n", out.display())
}
