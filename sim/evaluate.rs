//! What a learned rule is worth: on recorded rows (open loop), and in the place of the law in runs
//! that it drives itself (closed loop), beside baselines and ceiling, with intervals over runs.
//!
//! | open loop | rates |
//! |---|---|
//! | model | what is scored |
//! | law | those of the rule that acted when the rows were recorded: the ceiling, since events were drawn with them |
//! | constant | the mean rates of training |
//! | shuffled | the model's, on the rows' inputs in another order, each by itself: what marginals alone are worth |
//!
//! Skill is (model − best baseline) / (law − best baseline) of the information, neither clipped nor
//! averaged: below 0 the model loses to a baseline. The closed loop is told in [`matrix`] and [`arms`].

mod adversary;
pub mod answers;
pub mod arms;
mod audit;
mod candidate;
mod closed;
pub mod gates;
pub mod matrix;
mod origin;
pub mod outcomes;
pub mod page;
pub mod rollout;
pub mod rows;
pub mod scores;
pub mod splits;
pub mod statements;
pub mod uncertainty;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use rules::Provenance;
use serde::Serialize;

use crate::{
    compare::margin,
    output::record::PROGRAM,
    plan::{Bound, bind},
    scenario::{Scenario, sha256},
};
use arms::{Arm, Stage, binding};
use audit::{Finding, audit, contexts};
use candidate::{Candidate, constant, means};
use gates::{Gate, Outcome, gates};
use matrix::{Matrix, Row, Wanted, judge, risk};
use origin::Origin;
use rollout::rollout;
use rows::{Recorded, Rows};
pub use scores::{Estimate, Score};
use splits::Split;
use statements::{Asking, Statements};

/// Parts that are scored, where they are there: never that which was trained on alone.
const PARTS: [&str; 4] = ["train", "validation", "calibration", "test"];

/// What is to be evaluated, and where.
pub struct Evaluation<'a> {
    /// Reads the scenario with further settings on top.
    pub read: &'a (dyn Fn(&[String]) -> Result<Scenario, String> + Sync),
    /// A folder that `milieu record` has written.
    pub rows: PathBuf,
    /// Its site.
    pub site: String,
    /// A model file, or written rules.
    pub model: PathBuf,
    /// Where runs are closed; empty for none.
    pub splits: Vec<Split>,
    /// The file they stand in.
    pub splits_file: Option<PathBuf>,
    /// First seed of the closed runs; none for those beyond all recorded ones.
    pub first_seed: Option<u64>,
    /// Readouts to judge, with margins, as in a [comparison](crate::compare::Comparison).
    pub readouts: Vec<(String, Option<f64>)>,
    /// Relative margin of readouts for which nobody states one.
    pub margin: f64,
    /// Runs at a time.
    pub jobs: usize,
}

/// `evaluate.json`: the same for the same input, on any number of threads.
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
    /// Of its `record.json`, which holds the hashes of all its files.
    pub rows_sha256: String,
    /// Of the file of splits.
    pub splits_sha256: Option<String>,
    /// Whether the rows were recorded from the very scenario that is evaluated.
    pub is_same_scenario: bool,
    /// The site.
    pub site: String,
    /// The rule that acted, with its hash.
    pub law: String,
    /// What was scored.
    pub model: Provenance,
    /// Events that are scored together, as competing risks.
    pub events: Vec<String>,
    /// Train, validation, calibration, test, as far as they are there.
    pub parts: Vec<Part>,
    /// The closed loop; none if no run was closed.
    pub matrix: Option<Matrix>,
    /// Likewise.
    pub gates: Vec<Gate>,
    /// Of the part `test`, or the last there is, and of the splits.
    pub audit: Vec<Finding>,
    /// Whether the audit found nothing.
    pub is_clean: bool,
}

impl Report {
    /// Whether the audit found no leak, and no gate is failed.
    pub fn is_passed(&self) -> bool {
        let mut gates = self.gates.iter();
        self.is_clean && !gates.any(|gate| gate.outcome == Outcome::Failed)
    }
}

/// `timing.json`: what evaluation cost, which no two runs of it agree upon.
#[derive(Debug, Serialize)]
pub struct Timing {
    /// Runs at a time; each had one thread.
    pub jobs: usize,
    /// By split and arm: wall time of a step of diffusion, ms, mean over runs.
    pub ms_per_step: BTreeMap<String, BTreeMap<Arm, f64>>,
}

/// One part of the data.
#[derive(Debug, Serialize)]
pub struct Part {
    /// `train`, `validation`, `calibration`, `test`, or the name of a split.
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
    /// What the model says that is no event's rate, and how sure it is; of recorded rows.
    #[serde(flatten)]
    pub statements: Option<Statements>,
}

/// An evaluation whose every split can be run.
pub struct Ready<'a> {
    evaluation: &'a Evaluation<'a>,
    recorded: Recorded,
    origin: Origin,
    candidate: Candidate,
    asking: Asking,
    /// By event, 1/min.
    constant: Vec<f64>,
    /// With the hash of the scenario.
    stages: Vec<(Split, Stage, String)>,
    wanted: Vec<Wanted>,
    is_same_scenario: bool,
}

impl Evaluation<'_> {
    /// Looks for whatever is wrong with rows, model or any split, before the first run.
    ///
    /// # Errors
    /// A message with place, culprit and way out.
    pub fn check(&self) -> Result<Ready<'_>, String> {
        let scenario = (self.read)(&[])?;
        let Bound { plan, .. } = bind(scenario.clone())?;
        let mut recorded = Recorded::read(&self.rows, &self.site)?;
        let origin = Origin::read(&self.rows)?;
        // Splits may hold types that were not met in the rows.
        for name in &plan.table.vocabulary.types {
            if !recorded.types.contains(name) {
                recorded.types.push(name.clone());
            }
        }
        let candidate = Candidate::new(&plan, &recorded, &self.model)?;
        let trained = recorded.parts.iter().find(|(name, _)| name == "train");
        let trained = trained.or(recorded.parts.first());
        let trained = trained.ok_or("there are no rows")?;
        let constant = constant(&trained.1, recorded.events.len());
        for name in PARTS {
            let part = recorded.parts.iter().find(|(part, _)| part == name);
            let has_none =
                |(_, rows): &(String, Rows)| rows.event.iter().flatten().next().is_none();
            if !recorded.events.is_empty() && part.is_some_and(has_none) {
                return Err(format!(
                    "no event happens in the part `{name}`, so that nothing can be scored\n  \
                     record longer or more runs"
                ));
            }
        }
        let rates = recorded.events.iter().zip(&constant);
        let rates = rates.map(|((column, _), rate)| (column.clone(), *rate));
        let means = recorded.outcomes.iter().zip(means(&trained.1));
        let means = means.filter(|(_, mean)| mean.is_finite());
        let means = means.map(|((name, _), mean)| (format!("behavior:{name}"), mean));
        let named: Vec<(String, f64)> = rates.chain(means).collect();
        let mut splits = self.splits.clone();
        splits::seed(&mut splits, self.first_seed, &origin.seeds())?;
        let mut stages = Vec::new();
        for split in splits {
            let wrong = |message: String| format!("{}: {message}", split.place);
            let scenario = (self.read)(&split.settings).map_err(wrong)?;
            let mut seeded = scenario.clone();
            origin.law(&self.site).reinstate(&mut seeded)?;
            seeded.seed = split.first_seed;
            let hash = seeded.hash().map_err(|error| error.to_string())?;
            let model = binding("model", &self.model, recorded.clock);
            let stage = Stage::new(scenario, &origin, &self.site, model, &named).map_err(wrong)?;
            stages.push((split, stage, hash));
        }
        let wanted = match stages.is_empty() {
            true => Vec::new(),
            false => wanted(&scenario, self)?,
        };
        let asking = Asking::new(&plan, &self.model, &recorded, &candidate)?;
        let is_same_scenario = origin.is_of(self.read, &self.site);
        Ok(Ready {
            evaluation: self,
            recorded,
            origin,
            asking,
            candidate,
            constant,
            stages,
            wanted,
            is_same_scenario,
        })
    }
}

/// Evaluates. `tell` is called after each run with how many are done, and of how many.
///
/// # Errors
/// Why a run could not go on.
pub fn evaluate(
    ready: &Ready<'_>,
    tell: impl Fn(usize, usize) + Sync,
) -> Result<(Report, Timing), String> {
    let Ready {
        evaluation,
        recorded,
        origin,
        candidate,
        constant,
        ..
    } = ready;
    let mut parts = Vec::new();
    for name in PARTS {
        if let Some((_, rows)) = recorded.parts.iter().find(|(part, _)| part == name) {
            let mut part = candidate.part(name, rows, constant)?;
            part.statements = Some(ready.asking.part(candidate, recorded, rows)?);
            parts.push(part);
        }
    }
    let last = parts.last().ok_or("there are no rows")?;
    let mut findings = audit(recorded, &last.name, last.model.auc, last.law.auc);
    let mut timing = Timing {
        jobs: evaluation.jobs,
        ms_per_step: BTreeMap::new(),
    };
    let matrix = match ready.stages.is_empty() {
        true => None,
        false => {
            let splits: Vec<&Split> = ready.stages.iter().map(|(split, ..)| split).collect();
            findings.extend(contexts(&splits, origin, evaluation.read)?);
            Some(closed_loop(ready, &mut timing, &tell)?)
        }
    };
    let gates = match &matrix {
        Some(matrix) => gates(&evaluation.model, matrix, last, &candidate.tried(recorded)?),
        None => Vec::new(),
    };
    let hash = |file: &Path| sha256(file).map_err(|error| format!("{}: {error}", file.display()));
    let law = origin.law(&evaluation.site);
    let report = Report {
        program: PROGRAM,
        version: env!("CARGO_PKG_VERSION"),
        format: 2,
        rows: evaluation.rows.display().to_string(),
        rows_sha256: hash(&evaluation.rows.join("record.json"))?,
        splits_sha256: evaluation.splits_file.as_deref().map(hash).transpose()?,
        is_same_scenario: ready.is_same_scenario,
        site: evaluation.site.clone(),
        law: law.sha256.clone(),
        model: candidate.rule.provenance(),
        events: recorded
            .events
            .iter()
            .map(|(_, word)| word.clone())
            .collect(),
        gates,
        parts,
        matrix,
        is_clean: findings.iter().all(|finding| finding.passed),
        audit: findings,
    };
    Ok((report, timing))
}

/// Runs all splits, one after another, so that the rows of no more than one are in memory.
fn closed_loop(
    ready: &Ready<'_>,
    timing: &mut Timing,
    tell: &(dyn Fn(usize, usize) + Sync),
) -> Result<Matrix, String> {
    let Ready {
        evaluation,
        recorded,
        origin,
        candidate,
        constant,
        stages,
        wanted,
        ..
    } = ready;
    let total = stages
        .iter()
        .map(|(split, ..)| Arm::ALL.len() * split.runs)
        .sum();
    let done = AtomicUsize::new(0);
    let finished = || tell(done.fetch_add(1, Ordering::Relaxed) + 1, total);
    let (mut rows, mut drawn) = (Vec::new(), Vec::new());
    for (number, (split, stage, hash)) in stages.iter().enumerate() {
        let mut runs = closed::run(
            split,
            stage,
            recorded,
            origin.keep,
            evaluation.jobs,
            &finished,
        )?;
        let seen = runs.take_rows();
        let is_any = seen.event.iter().flatten().next().is_some();
        let open = is_any
            .then(|| candidate.part(&split.name, &seen, constant))
            .transpose()?;
        let judged = judge(number, &runs, wanted, stage.scenario.duration);
        timing
            .ms_per_step
            .insert(split.name.clone(), runs.ms_per_step());
        rows.push(Row {
            split: split.clone(),
            scenario_sha256: hash.clone(),
            open,
            readouts: judged.readouts,
            loss: judged.loss,
            rollout: rollout(&runs),
        });
        drawn.push(judged.drawn);
    }
    Ok(Matrix {
        risk: risk(&rows, &drawn),
        rows,
    })
}

/// The readouts to judge, with their margins.
fn wanted(scenario: &Scenario, evaluation: &Evaluation<'_>) -> Result<Vec<Wanted>, String> {
    // A curve has no ratio.
    let numbers = scenario
        .readouts
        .iter()
        .filter(|it| it.measure.along.is_none());
    for (name, _) in &evaluation.readouts {
        if !numbers.clone().any(|readout| readout.name == *name) {
            let known = numbers.map(|readout| readout.name.as_str());
            return Err(rules::dictionary::unknown("readout", name, known).to_string());
        }
    }
    let wanted = |readout: &crate::scenario::Readout| {
        let margin = margin(
            &readout.name,
            scenario,
            &evaluation.readouts,
            evaluation.margin,
        )?;
        Some(Wanted {
            name: readout.name.clone(),
            unit: readout.measure.unit(&readout.asked, scenario),
            margin,
        })
    };
    let wanted: Vec<Wanted> = numbers.filter_map(wanted).collect();
    match wanted.is_empty() {
        true => Err(
            "the scenario has no readout that is to be judged and is a number\n  state what \
                     is to be judged under [readouts], or pass --runs 0 for recorded rows alone"
                .into(),
        ),
        false => Ok(wanted),
    }
}
