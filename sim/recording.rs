//! `milieu record`: a set of runs whose training rows are kept, divided by run.

use std::{collections::BTreeMap, fs, path::Path};

use kernels::random::Sequence;
use rules::{Provenance, Subject, dictionary::normal};
use serde::Serialize;

use crate::{
    ensemble,
    output::{
        folder::save,
        record::PROGRAM,
        training::{Origin, Shard},
    },
    plan::{Bound, bind_recorded},
    recorder::{Column, Site, Wanted},
    scenario::{Scenario, sha256},
    simulation::Simulation,
    streams::Purpose,
};

/// The parts a data set is divided into, in the order in which shares are stated.
pub const PARTS: [&str; 4] = ["train", "validation", "calibration", "test"];

/// Rows are written when so many are complete.
const ROW_GROUP: usize = 1 << 16;

/// What is to be recorded.
pub struct Recording<'a> {
    /// Reads the scenario with these settings on top.
    pub read: &'a (dyn Fn(&[String]) -> Result<Scenario, String> + Sync),
    /// Entries of its rules.
    pub wanted: Vec<Wanted>,
    /// Settings of each variant.
    pub variants: Vec<Vec<String>>,
    /// Runs of each variant.
    pub runs: usize,
    /// Of the first run; each further run counts up.
    pub first_seed: u64,
    /// Share of the rows without an event that is kept, above 0 and at most 1.
    pub keep: f64,
    /// Shares of [`PARTS`].
    pub shares: [f64; 4],
    /// Whether all runs of a variant go to one part.
    pub by_variant: bool,
    /// Runs at a time.
    pub jobs: usize,
}

/// `record.json`.
#[derive(Debug, Serialize)]
pub struct Manifest {
    program: &'static str,
    version: &'static str,
    /// Of this file and of the shards' columns.
    format: u32,
    scenario: String,
    keep: f64,
    split_by: &'static str,
    shares: BTreeMap<&'static str, f64>,
    /// By name.
    pub sites: BTreeMap<String, SiteRecord>,
    /// In order.
    pub runs: Vec<RunRecord>,
}

/// A site, for who reads its rows.
#[derive(Debug, Serialize)]
pub struct SiteRecord {
    rule: Provenance,
    /// Whether the rule was only asked: events are then of the rule that acted in its place.
    teacher: bool,
    #[serde(flatten)]
    subject: SubjectRecord,
    clock_min: f64,
    columns: Vec<Column>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum SubjectRecord {
    Cell { types: Vec<String> },
    Dyad { a: String, b: String },
}

/// One run.
#[derive(Debug, Serialize)]
pub struct RunRecord {
    run: u32,
    seed: u64,
    settings: Vec<String>,
    scenario_sha256: String,
    split: &'static str,
    /// By site.
    pub shards: BTreeMap<String, ShardRecord>,
}

/// One file.
#[derive(Debug, Serialize)]
pub struct ShardRecord {
    file: String,
    sha256: String,
    /// Rows in it.
    pub rows: usize,
    /// By what happened.
    pub events: BTreeMap<&'static str, u64>,
}

/// A recording whose every variant can be run.
pub struct Ready<'a> {
    recording: &'a Recording<'a>,
    /// `[variant]`: the scenario, its settings, and where it is recorded.
    scenarios: Vec<(Scenario, &'a [String], Vec<Site>)>,
    /// `[run]`.
    parts: Vec<&'static str>,
}

impl Recording<'_> {
    /// Looks for whatever is wrong with any variant, before anything is written.
    ///
    /// # Errors
    /// A message with place, culprit and way out.
    pub fn check(&self) -> Result<Ready<'_>, String> {
        let mut scenarios: Vec<(Scenario, &[String], Vec<Site>)> = Vec::new();
        for settings in &self.variants {
            let scenario = (self.read)(settings)?;
            let Bound { sites, .. } = bind_recorded(scenario.clone(), &self.wanted)?;
            if let Some((.., first)) = scenarios.first() {
                check_same(first, &sites, settings)?;
            }
            scenarios.push((scenario, settings, sites));
        }
        Ok(Ready {
            recording: self,
            parts: divide(self, scenarios.len())?,
            scenarios,
        })
    }
}

/// Runs everything, and writes shards and `record.json` to an empty folder; `tell` is called with
/// the number of each run that is done.
///
/// # Errors
/// Why a run could not go on, or a file not be written.
pub fn record(
    ready: &Ready<'_>,
    folder: &Path,
    tell: impl Fn(usize) + Sync,
) -> Result<Manifest, String> {
    let Ready {
        recording,
        scenarios,
        parts,
    } = ready;
    let (first, _, sites) = &scenarios[0];
    let types: Vec<&str> = first.cell_types.iter().map(|it| it.name.as_str()).collect();
    let count = scenarios.len() * recording.runs;
    for site in sites {
        let folder = folder.join(&site.name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let one = |number: usize| {
        let (scenario, settings, _) = &scenarios[number / recording.runs];
        let mut scenario = scenario.clone();
        scenario.seed = recording.first_seed + number as u64;
        let origin = Origin {
            run: number as u32,
            seed: scenario.seed,
            scenario: scenario.hash().map_err(|error| error.to_string())?,
            split: parts[number].into(),
        };
        let shards = run(recording, scenario, &types, folder, &origin)
            .map_err(|message| format!("run {number} (seed {}): {message}", origin.seed))?;
        tell(number);
        Ok(RunRecord {
            run: origin.run,
            seed: origin.seed,
            settings: settings.to_vec(),
            scenario_sha256: origin.scenario,
            split: parts[number],
            shards,
        })
    };
    let runs = ensemble::each(count, recording.jobs, one)?;
    let manifest = Manifest {
        program: PROGRAM,
        version: env!("CARGO_PKG_VERSION"),
        format: 1,
        scenario: first.name.clone(),
        keep: recording.keep,
        split_by: if recording.by_variant {
            "variant"
        } else {
            "run"
        },
        shares: PARTS.into_iter().zip(recording.shares).collect(),
        sites: (sites.iter())
            .map(|site| (site.name.clone(), describe(site, recording, &types, first)))
            .collect(),
        runs,
    };
    write_json(folder, "record.json", &manifest)?;
    Ok(manifest)
}

/// Writes a value as a file that has its name only when it is whole.
fn write_json(folder: &Path, name: &str, value: &impl Serialize) -> Result<(), String> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| error.to_string())?;
    save(folder, name, &bytes).map_err(|error| error.to_string())
}

/// Rows of two variants are of one kind only if their columns are.
fn check_same(sites: &[Site], others: &[Site], settings: &[String]) -> Result<(), String> {
    let columns = |sites: &[Site]| -> Vec<(String, Vec<String>)> {
        let names = |site: &Site| site.columns.iter().map(|it| it.name.clone()).collect();
        (sites.iter().map(|site| (site.name.clone(), names(site)))).collect()
    };
    match columns(sites) == columns(others) {
        true => Ok(()),
        false => Err(format!(
            "with {} the rules read or say other things than without, so that their rows do not \
             fit into one table\n  record that variant into a folder of its own",
            settings.join(", ")
        )),
    }
}

fn describe(
    site: &Site,
    recording: &Recording<'_>,
    types: &[&str],
    scenario: &Scenario,
) -> SiteRecord {
    let name = |kind: usize| types[kind].to_owned();
    let signature = site.rule().signature();
    let is_of = |wanted: &Wanted| normal(&wanted.entry) == normal(&signature.source);
    let wanted = recording.wanted.iter().find(|wanted| is_of(wanted));
    SiteRecord {
        rule: site.rule().provenance(),
        teacher: wanted.is_some_and(|wanted| wanted.teacher.is_some()),
        subject: match &signature.subject {
            Subject::Cell { types } => SubjectRecord::Cell {
                types: types.iter().map(|&kind| name(kind)).collect(),
            },
            Subject::Dyad { a, b } => SubjectRecord::Dyad {
                a: name(*a),
                b: name(*b),
            },
        },
        clock_min: site.period as f64 * scenario.clocks.diffusion,
        columns: site.columns.clone(),
    }
}

/// The part each run goes to: whole units, in an order drawn from the first seed.
fn divide(recording: &Recording<'_>, variants: usize) -> Result<Vec<&'static str>, String> {
    let runs = recording.runs;
    let units = match recording.by_variant {
        true => variants,
        false => variants * runs,
    };
    let draws = Purpose::TrainingSplit.draws(recording.first_seed);
    let mut order: Vec<(f64, usize)> = (0..units)
        .map(|unit| (Sequence::new(draws, unit as u64).uniform(), unit))
        .collect();
    order.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    let mut part_of = vec![0; units];
    let mut upper = 0.0;
    let mut begin = 0;
    for (part, share) in recording.shares.into_iter().enumerate() {
        upper += share;
        // Rounding the ends, not the sizes, gives every unit to one part.
        let end = ((upper * units as f64).round() as usize).min(units);
        for (_, unit) in &order[begin.min(end)..end] {
            part_of[*unit] = part;
        }
        if share > 0.0 && end <= begin {
            let what = if recording.by_variant {
                "variants"
            } else {
                "runs"
            };
            return Err(format!(
                "{units} {what} leave none for `{}`\n  record more of them, or give that part the \
                 share 0 in --split",
                PARTS[part]
            ));
        }
        begin = end;
    }
    let unit = |run: usize| {
        if recording.by_variant {
            run / runs
        } else {
            run
        }
    };
    Ok((0..variants * runs)
        .map(|run| PARTS[part_of[unit(run)]])
        .collect())
}

/// Simulates one run and writes its rows.
fn run(
    recording: &Recording<'_>,
    scenario: Scenario,
    types: &[&str],
    folder: &Path,
    origin: &Origin,
) -> Result<BTreeMap<String, ShardRecord>, String> {
    let name = scenario.name.clone();
    let bound = bind_recorded(scenario, &recording.wanted)?;
    let mut simulation = Simulation::new(bound, 1)?;
    let recorder = simulation.recorder();
    let recorder = recorder.ok_or("no rule is to be recorded")?;
    recorder.keep = recording.keep;
    let mut shards = Vec::new();
    for site in &recorder.sites {
        let folder = folder.join(&site.name);
        let file = format!("run-{:05}.parquet", origin.run);
        let shard = Shard::create(&folder, &file, &name, types, site, origin.clone());
        let shard = shard.map_err(|error| error.to_string())?;
        shards.push((shard, folder.join(file), 0, BTreeMap::new()));
    }
    let mut drain = |simulation: &mut Simulation, least: usize| {
        let recorder = simulation.recorder().expect("it was there before");
        for (site, (shard, _, rows, events)) in recorder.sites.iter_mut().zip(&mut shards) {
            if site.complete() < least {
                continue;
            }
            let done = site.take();
            *rows += done.len();
            for event in done.event.iter().flatten() {
                *events.entry(*event).or_insert(0u64) += 1;
            }
            shard.write(&done).map_err(|error| error.to_string())?;
        }
        Ok(())
    };
    let mut frame = |simulation: &mut Simulation| drain(simulation, ROW_GROUP);
    ensemble::advance(&mut simulation, &mut frame)?;
    let seed = origin.seed;
    for site in &mut simulation.recorder().expect("it was there before").sites {
        site.close(seed, recording.keep);
    }
    drain(&mut simulation, 1)?;
    let mut records = BTreeMap::new();
    let names: Vec<String> = site_names(&mut simulation);
    for (site, (shard, path, rows, events)) in names.into_iter().zip(shards) {
        shard.finish().map_err(|error| error.to_string())?;
        let record = ShardRecord {
            file: relative(&path, folder),
            sha256: sha256(&path).map_err(|error| format!("{}: {error}", path.display()))?,
            rows,
            events,
        };
        records.insert(site, record);
    }
    Ok(records)
}

fn site_names(simulation: &mut Simulation) -> Vec<String> {
    let sites = simulation.recorder().map(|recorder| recorder.sites.iter());
    let names = sites.into_iter().flatten().map(|site| site.name.clone());
    names.collect()
}

fn relative(path: &Path, folder: &Path) -> String {
    let path = path.strip_prefix(folder).unwrap_or(path);
    path.to_string_lossy().replace('\\', "/")
}

/// All combinations of the values that keys are to take: `KEY=V1|V2` gives two settings.
///
/// # Errors
/// What is wrong with the text.
pub fn variants(vary: &[String]) -> Result<Vec<Vec<String>>, String> {
    let mut all = vec![Vec::new()];
    for text in vary {
        let (key, values) = text
            .split_once('=')
            .ok_or_else(|| format!("--vary {text}: no `=`\n  write --vary 'KEY=VALUE|VALUE'"))?;
        let values: Vec<&str> = values.split('|').collect();
        let with = |settings: Vec<String>| {
            values
                .iter()
                .map(move |value| {
                    let mut settings = settings.clone();
                    settings.push(format!("{key}={}", value.trim()));
                    settings
                })
                .collect::<Vec<_>>()
        };
        all = all.into_iter().flat_map(with).collect();
    }
    Ok(all)
}
