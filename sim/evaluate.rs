//! What a learned rule of events is worth on recorded rows: scores beside baselines and ceiling, by
//! part of the data, with intervals over runs, and an audit of leaks.
//!
//! | | rates |
//! |---|---|
//! | model | what is scored |
//! | law | those of the rule that acted when the rows were recorded: the ceiling, since events were drawn with them |
//! | constant | the mean rates of training |
//! | shuffled | the model's, on the rows' inputs in another order, each by itself: what marginals alone are worth |
//!
//! Skill is (model − best baseline) / (law − best baseline) of the information, neither clipped nor
//! averaged: below 0 the model loses to a baseline.

mod audit;
mod candidate;
pub mod page;
mod rows;
mod scores;

use std::path::Path;

use rules::Provenance;
use serde::Serialize;

use crate::{output::record::PROGRAM, plan::Plan};
use audit::{Finding, audit};
use candidate::{Candidate, constant};
use rows::Recorded;
pub use scores::{Estimate, Score};

/// Parts that are scored, where they are there: never that which was trained on alone.
const PARTS: [&str; 4] = ["train", "validation", "calibration", "test"];

/// `evaluate.json`.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`PROGRAM`].
    pub program: &'static str,
    /// Of the program.
    pub version: &'static str,
    /// Of this file.
    pub format: u32,
    /// The folder of rows.
    pub rows: String,
    /// The site.
    pub site: String,
    /// What was scored.
    pub model: Provenance,
    /// Events that are scored together, as competing risks.
    pub events: Vec<String>,
    /// Train, validation, calibration, test, as far as they are there.
    pub parts: Vec<Part>,
    /// Of the part `test`, or the last there is.
    pub audit: Vec<Finding>,
    /// Whether the audit found nothing.
    pub is_clean: bool,
}

/// One part of the data.
#[derive(Debug, Serialize)]
pub struct Part {
    /// `train`, `validation`, `calibration` or `test`.
    pub name: String,
    /// Runs, rows and events in it.
    pub size: [u64; 3],
    /// Of the model.
    pub model: Score,
    /// Of the rates that events were drawn with.
    pub law: Score,
    /// Of constant rates.
    pub constant: Score,
    /// Of the model on shuffled inputs.
    pub shuffled: Score,
    /// (model − best baseline) / (law − best baseline) of the information.
    pub skill: f64,
}

/// Scores a model file (or written rules) on recorded rows of a site, for a scenario whose names
/// these are.
///
/// # Errors
/// A message with place, culprit and way out.
pub fn evaluate(plan: &Plan, folder: &Path, site: &str, file: &Path) -> Result<Report, String> {
    let recorded = Recorded::read(folder, site)?;
    let candidate = Candidate::new(plan, &recorded, file)?;
    let trained = recorded.parts.iter().find(|(name, _)| name == "train");
    let trained = trained
        .or(recorded.parts.first())
        .ok_or("there are no rows")?;
    let constant = constant(&trained.1, recorded.events.len());
    let mut parts = Vec::new();
    for name in PARTS {
        let Some((_, rows)) = recorded.parts.iter().find(|(part, _)| part == name) else {
            continue;
        };
        if rows.event.iter().flatten().next().is_none() {
            return Err(format!(
                "no event happens in the part `{name}`, so that nothing can be scored\n  \
                 record longer or more runs"
            ));
        }
        parts.push(candidate.part(name, rows, &constant)?);
    }
    let last = parts.last().ok_or("there are no rows")?;
    let findings = audit(&recorded, &last.name, last.model.auc, last.law.auc);
    Ok(Report {
        program: PROGRAM,
        version: env!("CARGO_PKG_VERSION"),
        format: 1,
        rows: folder.display().to_string(),
        site: site.to_owned(),
        model: candidate.rule.provenance(),
        events: recorded
            .events
            .iter()
            .map(|(_, word)| word.clone())
            .collect(),
        parts,
        is_clean: findings.iter().all(|finding| finding.passed),
        audit: findings,
    })
}
