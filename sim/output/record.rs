//! `run.json`: what was run, with what, how it went and what it made.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rules::Provenance;
use serde::Serialize;

use super::Error;
use super::folder::Part;
use crate::checkpoint::{Forked, Resumed};
use crate::guard::Ledger;
use crate::readouts::Curve;
use crate::scenario::Scenario;

/// The program's name in every record; by it a folder is known to hold a run.
pub const PROGRAM: &str = "milieu";

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Going on, or ended without a chance to say so.
    Running,
    /// Reached its end.
    Done,
    /// Stopped by the user; what was recorded until then is whole.
    Interrupted,
    /// Ended by an error.
    Failed,
}

/// A readout beside the published value.
#[derive(Debug, Clone, Serialize)]
pub struct Reading {
    /// The scenario's name for it.
    pub name: String,
    /// What came out; `None` when there was nothing to measure, and for a curve.
    pub value: Option<f64>,
    /// Whether the run ended before it came to pass.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub censored: bool,
    /// The curve that came out, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
    /// The value's unit.
    pub unit: String,
    /// Published range, in the same unit.
    pub published: Option<[f64; 2]>,
    /// Who published it.
    pub source: String,
}

/// Everything one needs to know about a run, and to do it again.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    /// [`PROGRAM`].
    pub program: &'static str,
    /// Of the program.
    pub version: &'static str,
    /// Whether the run reached its end and every file is whole.
    pub complete: bool,
    /// How it stands.
    pub status: Status,
    /// What went wrong, if anything.
    pub error: Option<String>,
    /// What the scenario is called.
    pub scenario_name: String,
    /// The file it was read from, as it was given.
    pub scenario_file: PathBuf,
    /// SHA-256 of what is resolved and of the files of rules, lower-case hex: [`Scenario::hash`].
    pub scenario_sha256: String,
    /// The scenario with every default and override in place, in base units.
    pub scenario: serde_json::Value,
    /// What was changed on the command line, `path=value`.
    pub overrides: Vec<String>,
    /// Seeds every random stream.
    pub seed: u64,
    /// Threads computed on; the results do not depend on it.
    pub threads: usize,
    /// Files of rules and models, with their hashes.
    pub rules: Vec<Provenance>,
    /// What computed: kernels, engines, device.
    pub engine: String,
    /// When the run began, UTC, RFC 3339.
    pub started: String,
    /// When and from where it was gone on with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Resumed>,
    /// The checkpoint that it began from, if not from the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forked: Option<Forked>,
    /// Wall time, s.
    pub runtime_s: f64,
    /// Simulated time reached, min.
    pub simulated_min: f64,
    /// Wall time by stage, s.
    pub timings_s: BTreeMap<String, f64>,
    /// How often each quantity was held at the edge of its range.
    pub clamps: BTreeMap<String, u64>,
    /// What became of the rows of each model.
    pub models: Vec<Ledger>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// What the readouts came to, beside what is published.
    pub readouts: Vec<Reading>,
    /// What was made, relative to the folder.
    pub files: Vec<String>,
}

impl Record {
    /// The record of a run that begins now.
    pub fn new(scenario: &Scenario, scenario_sha256: String) -> Record {
        Record {
            program: PROGRAM,
            version: env!("CARGO_PKG_VERSION"),
            complete: false,
            status: Status::Running,
            error: None,
            scenario_name: scenario.name.clone(),
            scenario_file: scenario.file.clone(),
            scenario_sha256,
            scenario: serde_json::to_value(scenario)
                .expect("a scenario has only text keys and no fallible serializer"),
            overrides: Vec::new(),
            seed: scenario.seed,
            threads: 0,
            rules: Vec::new(),
            engine: String::new(),
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            resumed: Vec::new(),
            forked: None,
            runtime_s: 0.0,
            simulated_min: 0.0,
            timings_s: BTreeMap::new(),
            clamps: BTreeMap::new(),
            models: Vec::new(),
            warnings: Vec::new(),
            readouts: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Writes `run.json`: once at the start, and again as the last of all files.
    ///
    /// # Errors
    /// When it cannot be written; then the one written before stays.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        let mut part = Part::create(folder, "run.json")?;
        serde_json::to_writer_pretty(&mut part, self)
            .map_err(std::io::Error::from)
            .and_then(|()| part.write_all(b"\n"))
            .map_err(|error| Error::because(part.path(), &error))?;
        part.finish().map(drop)
    }
}
