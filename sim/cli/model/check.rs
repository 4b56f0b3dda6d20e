//! `milieu model check MODEL.onnx`: every test of loading, a line each.

use std::path::PathBuf;

use clap::Args;
use rules::{
    Binding, Engine, Error,
    neural::{
        Fault,
        trials::{Outcome, Trial, trials},
    },
};
use serde_json::{Value, json};
use sim::{
    plan::names,
    scenario::{Scenario, parse},
};

use super::super::{Stop, print, print_json, told};

/// Arguments of `milieu model check`.
#[derive(Args)]
pub struct Arguments {
    /// A model file.
    file: PathBuf,
    /// Test names, units, types and clock against this scenario too; where it has an entry for the
    /// file, as that entry says.
    #[arg(long)]
    scenario: Option<PathBuf>,
    /// `embedded`, `onnxruntime`, or the path of its library.
    #[arg(long)]
    engine: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Tests a file.
pub fn check(arguments: &Arguments) -> Result<(), Stop> {
    let file = &arguments.file;
    let bytes = super::read(file)?;
    let engine = super::engine(arguments.engine.as_deref());
    let mut all = trials(&bytes, &engine);
    if let Some(scenario) = &arguments.scenario {
        all.push(bound(arguments, engine, scenario)?);
    }
    if arguments.json {
        print_json(&json!({
            "file": file,
            "sha256": super::sha256(&bytes),
            "passed": is_passed(&all),
            "tests": all.iter().map(as_json).collect::<Vec<_>>(),
        }))?;
    } else {
        print(&lines(&all))?;
    }
    match failures(&all).count() {
        0 => Ok(()),
        failed => {
            let (file, all) = (file.display(), all.len());
            let message = format!("{file}: {failed} of {all} tests failed");
            Err(super::tested(message, arguments.json))
        }
    }
}

/// The test that needs a scenario: every name, unit, type and clock, and what loading asks besides.
fn bound(arguments: &Arguments, engine: Engine, scenario: &std::path::Path) -> Result<Trial, Stop> {
    let scenario = parse::read(scenario, &[], None).map_err(|problems| told(&problems))?;
    let same = |binding: &Binding| {
        let canonical = |file: &PathBuf| file.canonicalize().ok();
        canonical(&binding.file) == canonical(&arguments.file)
    };
    let mut files = entries_of(&scenario);
    let mut binding = match files.iter().position(same) {
        Some(at) => files.swap_remove(at),
        None => Binding {
            name: "model".into(),
            file: arguments.file.clone(),
            clock: None,
            combine: None,
            sha256: None,
            engine: Engine::Embedded,
            adoption: rules::Adoption::default(),
        },
    };
    if arguments.engine.is_some() {
        binding.engine = engine;
    }
    files.push(binding.clone());
    let (table, _) = names(&scenario, &files).map_err(Stop::input)?;
    let usage = scenario.semantics.rules();
    let outcome = match rules::open(&[binding], &table.vocabulary, usage) {
        Ok(opened) => {
            let clocks = opened.rules.iter().map(|rule| rule.signature().clock);
            let clock = clocks.fold(0.0, f64::max);
            Outcome::Passed(format!("fits `{}`, every {clock} min", scenario.name))
        }
        Err(Error::Model { code, message, .. }) => Outcome::Failed(Fault { code, message }),
        Err(other) => return Err(Stop::input(other)),
    };
    Ok(Trial {
        title: "scenario",
        code: "E-SIGNAL",
        outcome,
    })
}

/// The scenario's own files of rules.
fn entries_of(scenario: &Scenario) -> Vec<Binding> {
    let sources = scenario.rules.iter();
    sources.map(|source| source.binding.clone()).collect()
}

fn failures(all: &[Trial]) -> impl Iterator<Item = &Trial> {
    let is_failed = |trial: &&Trial| matches!(trial.outcome, Outcome::Failed(_));
    all.iter().filter(is_failed)
}

/// Whether every test passed.
pub fn is_passed(all: &[Trial]) -> bool {
    let is_passed = |trial: &Trial| matches!(trial.outcome, Outcome::Passed(_));
    all.iter().all(is_passed)
}

/// A line a test.
pub fn lines(all: &[Trial]) -> String {
    let line = |trial: &Trial| {
        let (mark, text) = match &trial.outcome {
            Outcome::Passed(found) => ("ok", found.clone()),
            Outcome::Failed(fault) => (fault.code, fault.message.clone()),
            Outcome::Untried(why) => ("–", format!("not tried: {why}")),
        };
        format!("{mark:12} {:12} {text}\n", trial.title)
    };
    all.iter().map(line).collect()
}

/// A test as JSON.
pub fn as_json(trial: &Trial) -> Value {
    let (status, code, text) = match &trial.outcome {
        Outcome::Passed(found) => ("ok", trial.code, found.as_str()),
        Outcome::Failed(fault) => ("failed", fault.code, fault.message.as_str()),
        Outcome::Untried(why) => ("untried", trial.code, *why),
    };
    json!({"test": trial.title, "status": status, "code": code, "text": text})
}
