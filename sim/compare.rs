//! Whether two forms of one scenario are the same tissue: the equivalence ladder.
//!
//! | | compared | passes if |
//! |---|---|---|
//! | L0 | each model with the golden rows in its file | it was loaded at all |
//! | L1 | rules that differ, over the ranges of their signals | λ·dt differs by at most [`EXACT`] |
//! | L2 | runs with common draws, until the first event differs | no more part than Σ\|p₁ − p₂\| lets expect |
//! | L3 | readouts of many runs | their ratios lie within margins stated beforehand |
//! | L4 | the same under each intervention | so do they there |
//!
//! A learned copy is not exact, and need not pass L1; what it is worth shows in L3 and L4.

pub mod coupled;
pub mod equivalence;
pub mod page;

use std::collections::BTreeMap;

use rules::{Provenance, Rule, explain};
use serde::Serialize;

use crate::{
    ensemble::{self, Watcher, advance},
    output::{
        drawing,
        record::{PROGRAM, Reading},
    },
    plan::{Bound, bind},
    readouts::Readouts,
    recorder::Wanted,
    scenario::{RuleSource, Scenario},
    simulation::Simulation,
};
use coupled::{Coupled, Parting, judge, part};
use equivalence::{Equivalence, Verdict, equivalence};

/// λ·dt of two exact forms of one law differs by at most this: single against double precision.
pub const EXACT: f64 = 1e-6;

/// One of the two.
pub struct Arm<'a> {
    /// What it is called.
    pub label: String,
    /// Reads its scenario with further settings on top.
    pub read: &'a (dyn Fn(&[String]) -> Result<Scenario, String> + Sync),
}

/// What is to be compared, and how well.
pub struct Comparison<'a> {
    /// Reference and candidate.
    pub arms: [Arm<'a>; 2],
    /// Conditions besides the scenario as it stands and its interventions: settings.
    pub under: Vec<String>,
    /// Runs of each arm and condition.
    pub runs: usize,
    /// Of these, how many are compared event by event.
    pub coupled: usize,
    /// Of the first pair; each further pair counts up.
    pub first_seed: u64,
    /// Relative margin of readouts for which nobody states one.
    pub margin: f64,
    /// Readouts to compare, with their margins; empty for those of the scenario's that state one, or
    /// for all if none does.
    pub readouts: Vec<(String, Option<f64>)>,
    /// Runs at a time.
    pub jobs: usize,
}

/// `compare.json`.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`PROGRAM`].
    pub program: &'static str,
    /// Of the program.
    pub version: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// What the arms are called.
    pub arms: [String; 2],
    /// Of the scenarios with all their settings.
    pub sha256: [String; 2],
    /// Files of rules and models of both arms, with their hashes.
    pub rules: [Vec<Provenance>; 2],
    /// L0: models that reproduce the golden rows in their files.
    pub golden: Vec<String>,
    /// L1.
    pub pointwise: Vec<explain::Disagreement>,
    /// L2; none if no run was to be compared so.
    pub coupled: Option<Coupled>,
    /// L3, and L4 from the second on.
    pub conditions: Vec<Condition>,
    /// Over all conditions.
    pub verdict: Verdict,
    /// The first seed.
    pub first_seed: u64,
}

/// All runs under one condition.
#[derive(Debug, Serialize)]
pub struct Condition {
    /// `as stated`, `without interventions`, `only NAME`, or a setting.
    pub label: String,
    /// By readout.
    pub readouts: BTreeMap<String, Compared>,
    /// Of the readouts together.
    pub verdict: Verdict,
    /// min.
    pub times: Vec<f64>,
    /// Live cells by type: `[arm][run][frame]`.
    #[serde(skip)]
    pub populations: BTreeMap<String, [Vec<Vec<f64>>; 2]>,
    /// Each arm's last frame of the first seed, PNG.
    #[serde(skip)]
    pub pictures: [Vec<u8>; 2],
}

/// One readout under one condition.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// Of the values.
    pub unit: String,
    /// `[arm][run]`, in the order of seeds.
    pub values: [Vec<Option<f64>>; 2],
    /// What the tests say.
    #[serde(flatten)]
    pub equivalence: Equivalence,
}

/// What one run shows.
pub(crate) struct Seen {
    pub readings: Vec<Reading>,
    /// Time (min), live cells by type.
    pub counts: Vec<(f64, Vec<u64>)>,
    /// Its end, PNG, if it was to be drawn.
    pub picture: Vec<u8>,
}

impl Seen {
    /// The number that a readout came to. What has not come to pass by the end counts as the run's
    /// length, min: the mean is the restricted mean.
    pub fn value(&self, readout: &str, duration: f64) -> Option<f64> {
        let reading = self.readings.iter().find(|it| it.name == readout)?;
        reading.value.or(reading.censored.then_some(duration))
    }
}

/// What is changed for a condition.
struct Circumstance {
    label: String,
    settings: Vec<String>,
    /// The interventions that take place; none for all.
    only: Option<Vec<String>>,
}

/// A comparison whose arms can be run under every condition.
pub struct Ready<'a> {
    comparison: &'a Comparison<'a>,
    scenarios: [Scenario; 2],
    bounds: [Bound; 2],
    /// `[condition]`: what it is called, and the scenario of each arm.
    conditions: Vec<(String, [Scenario; 2])>,
}

impl Comparison<'_> {
    /// Looks for whatever is wrong with either arm under any condition, before the first run.
    ///
    /// # Errors
    /// A message with place, culprit and way out.
    pub fn check(&self) -> Result<Ready<'_>, String> {
        let read = |arm: usize, settings: &[String]| (self.arms[arm].read)(settings);
        let scenarios = [read(0, &[])?, read(1, &[])?];
        let bounds = [bind(scenarios[0].clone())?, bind(scenarios[1].clone())?];
        check(&scenarios, self)?;
        let mut conditions = Vec::new();
        for circumstance in circumstances(&scenarios[0], &self.under) {
            let under = |arm: usize| {
                let scenario = read(arm, &circumstance.settings)?;
                bind(scenario.clone()).map(|_| withheld(scenario, &circumstance))
            };
            let arms = [under(0)?, under(1)?];
            conditions.push((circumstance.label, arms));
        }
        Ok(Ready {
            comparison: self,
            scenarios,
            bounds,
            conditions,
        })
    }
}

/// Compares. `tell` is called after each run with how many are done, and of how many.
///
/// # Errors
/// Why a run could not go on.
pub fn compare(ready: &Ready<'_>, tell: impl Fn(usize, usize) + Sync) -> Result<Report, String> {
    let Ready {
        comparison,
        scenarios,
        bounds,
        conditions: settings,
    } = ready;
    let entries = differing(scenarios);
    let coupled = comparison.coupled.min(comparison.runs);
    let each_arm = 2 * comparison.runs;
    let total = settings.len() * each_arm + coupled;
    let done = std::sync::atomic::AtomicUsize::new(0);
    let finished = || {
        let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        tell(done, total);
    };
    let seed = |number: usize| comparison.first_seed + number as u64;
    let one = |number: usize| {
        let (condition, rest) = (number / each_arm, number % each_arm);
        let (pair, arm) = (rest / 2, rest % 2);
        let mut scenario = settings[condition].1[arm].clone();
        scenario.seed = seed(pair);
        let label = &comparison.arms[arm].label;
        let seen = run(scenario, pair == 0)
            .map_err(|message| format!("{label}, seed {}: {message}", seed(pair)));
        finished();
        seen
    };
    let mut seen = ensemble::each(settings.len() * each_arm, comparison.jobs, one)?.into_iter();
    let mut conditions = Vec::new();
    for (label, _) in settings {
        let runs: Vec<Seen> = seen.by_ref().take(each_arm).collect();
        conditions.push(condition(label.clone(), runs, &scenarios[0], comparison));
    }
    let partings = |number: usize| {
        let parting = part(scenarios, &entries, seed(number));
        finished();
        parting
    };
    let partings: Vec<Parting> = ensemble::each(coupled, comparison.jobs, partings)?;
    let verdict = both(conditions.iter().map(|condition| condition.verdict));
    let hash = |scenario: &Scenario| scenario.hash().map_err(|error| error.to_string());
    Ok(Report {
        program: PROGRAM,
        version: env!("CARGO_PKG_VERSION"),
        scenario: scenarios[0].name.clone(),
        arms: [0, 1].map(|arm| comparison.arms[arm].label.clone()),
        sha256: [hash(&scenarios[0])?, hash(&scenarios[1])?],
        golden: golden(bounds),
        pointwise: disagreements(bounds, &entries)?,
        rules: bounds.each_ref().map(provenance),
        coupled: (!partings.is_empty()).then(|| judge(partings)),
        conditions,
        verdict,
        first_seed: comparison.first_seed,
    })
}

/// Refuses arms whose tissues cannot be laid over each other, and readouts that are not there.
fn check(scenarios: &[Scenario; 2], comparison: &Comparison<'_>) -> Result<(), String> {
    let types = |scenario: &Scenario| -> Vec<String> {
        scenario
            .cell_types
            .iter()
            .map(|it| it.name.clone())
            .collect()
    };
    if types(&scenarios[0]) != types(&scenarios[1]) {
        return Err(format!(
            "the arms have other cell types: {} and {}\n  compare scenarios of the same types",
            types(&scenarios[0]).join(", "),
            types(&scenarios[1]).join(", ")
        ));
    }
    let names = |scenario: &Scenario| -> Vec<String> {
        let readouts = scenario.readouts.iter();
        let numbers = readouts.filter(|it| it.measure.along.is_none());
        numbers.map(|it| it.name.clone()).collect()
    };
    let (one, other) = (names(&scenarios[0]), names(&scenarios[1]));
    let common: Vec<&String> = one.iter().filter(|name| other.contains(name)).collect();
    for (name, _) in &comparison.readouts {
        if !common.contains(&name) {
            let is_curve =
                scenarios[0].readouts.iter().any(|it| it.name == *name) && !one.contains(name);
            if is_curve {
                return Err(format!(
                    "readout `{name}` is a curve, and means of curves have no ratio\n  \
                     choose one that is a number"
                ));
            }
            let known = common.iter().map(|name| name.as_str());
            return Err(rules::dictionary::unknown("readout", name, known).to_string());
        }
    }
    let Comparison {
        readouts,
        margin: otherwise,
        ..
    } = comparison;
    let is_compared = |name: &&String| margin(name, &scenarios[0], readouts, *otherwise).is_some();
    match common.into_iter().any(|name| is_compared(&name)) {
        false => Err(
            "the arms have no readout in common that is to be compared and is a number\n  state what is to be compared under \
                     [readouts] of the scenario"
                .into(),
        ),
        true => Ok(()),
    }
}

/// The scenario as it stands; without interventions and under each alone, if it has any; and what
/// else is asked for.
fn circumstances(scenario: &Scenario, under: &[String]) -> Vec<Circumstance> {
    let stated = |label: String, settings: Vec<String>| Circumstance {
        label,
        settings,
        only: None,
    };
    let only = |label: String, names: Vec<String>| Circumstance {
        label,
        settings: Vec::new(),
        only: Some(names),
    };
    let mut all = vec![stated("as stated".into(), Vec::new())];
    let names: Vec<&String> = scenario.interventions.iter().map(|it| &it.name).collect();
    if !names.is_empty() {
        all.push(only("without interventions".into(), Vec::new()));
    }
    if names.len() > 1 {
        all.extend((names.iter()).map(|name| only(format!("only {name}"), vec![(*name).clone()])));
    }
    all.extend(
        under
            .iter()
            .map(|setting| stated(setting.clone(), vec![setting.clone()])),
    );
    all
}

/// The scenario with interventions put off beyond its end that are not to take place, so that what
/// rules say of them keeps its meaning.
fn withheld(mut scenario: Scenario, circumstance: &Circumstance) -> Scenario {
    if let Some(only) = &circumstance.only {
        for intervention in &mut scenario.interventions {
            if !only.contains(&intervention.name) {
                intervention.schedule.start = 2.0 * scenario.duration + 1.0;
            }
        }
    }
    scenario
}

/// Entries whose files or adoptions differ, with the second arm's file as what is asked.
fn differing(scenarios: &[Scenario; 2]) -> Vec<Wanted> {
    let [one, other] = scenarios;
    let twin = |source: &RuleSource| other.rules.iter().find(|it| it.name == source.name);
    let pairs = one
        .rules
        .iter()
        .filter_map(|source| Some((source, twin(source)?)));
    pairs
        .filter(|(source, twin)| source.binding.file != twin.binding.file)
        .map(|(source, twin)| Wanted {
            entry: source.name.clone(),
            teacher: Some(twin.binding.file.clone()),
            signals: Vec::new(),
        })
        .collect()
}

/// L0: the engine refuses a model that does not reproduce its golden rows, so that those that are
/// bound do.
fn golden(bounds: &[Bound; 2]) -> Vec<String> {
    let all = bounds.iter().flat_map(|bound| &bound.rules);
    let models = all.filter(|rule| rule.learned().is_some());
    let mut files: Vec<String> = models
        .map(|rule| rule.provenance().file.display().to_string())
        .collect();
    files.sort_unstable();
    files.dedup();
    files
}

/// L1.
fn disagreements(
    bounds: &[Bound; 2],
    entries: &[Wanted],
) -> Result<Vec<explain::Disagreement>, String> {
    let mut all = Vec::new();
    for wanted in entries {
        let rules = bounds.each_ref().map(|bound| -> Vec<&dyn Rule> {
            let own = bound.rules.iter().map(Box::as_ref);
            own.filter(|rule| rule.signature().source == wanted.entry)
                .collect()
        });
        let vocabulary = &bounds[0].plan.table.vocabulary;
        let found = explain::pointwise(&rules[0], &rules[1], vocabulary);
        all.extend(found.map_err(|error| error.to_string())?);
    }
    Ok(all)
}

fn provenance(bound: &Bound) -> Vec<Provenance> {
    let mut all: Vec<Provenance> = bound.rules.iter().map(|rule| rule.provenance()).collect();
    all.dedup_by(|one, other| one.name == other.name);
    all
}

/// Simulates one run.
fn run(scenario: Scenario, is_drawn: bool) -> Result<Seen, String> {
    watch(&mut Simulation::new(bind(scenario)?, 1)?, is_drawn)
}

/// Advances a run to its end, and notes what it shows.
pub(crate) fn watch(simulation: &mut Simulation, is_drawn: bool) -> Result<Seen, String> {
    let scenario = &simulation.plan().scenario;
    let mut watch = Watch {
        end: is_drawn.then(|| scenario.end_tick()),
        types: scenario.cell_types.len(),
        readouts: Readouts::new(scenario),
        counts: Vec::new(),
        picture: Vec::new(),
    };
    advance(simulation, &mut watch)?;
    Ok(Seen {
        readings: watch.readouts.finish(&simulation.plan().scenario),
        counts: watch.counts,
        picture: watch.picture,
    })
}

/// What is noted of a run while it goes on.
struct Watch {
    /// The tick that is drawn.
    end: Option<u64>,
    types: usize,
    readouts: Readouts,
    counts: Vec<(f64, Vec<u64>)>,
    picture: Vec<u8>,
}

impl Watcher for Watch {
    fn frame(&mut self, simulation: &mut Simulation) -> Result<(), String> {
        let cells = simulation.table();
        let frame = simulation.frame(self.counts.len() as u64, &cells);
        self.readouts.frame(&frame, false);
        let live = cells.counts(self.types).iter().map(|of| of[0]).collect();
        self.counts.push((simulation.time(), live));
        if self.end == Some(simulation.tick()) {
            let picture = drawing::draw(&simulation.plan().scenario, &frame);
            self.picture = picture.encode_png().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn observe(&mut self, simulation: &Simulation, step: f64) {
        self.readouts.observe(simulation, step);
    }
}

/// The margin of a readout, if it is to be compared: one of those asked for, or else one of those for
/// which the scenario states a margin, or else any.
pub(crate) fn margin(
    name: &str,
    scenario: &Scenario,
    asked: &[(String, Option<f64>)],
    otherwise: f64,
) -> Option<f64> {
    let mut stated = scenario.readouts.iter();
    let own = stated.find(|readout| readout.name == name)?.margin;
    let is_any_stated = || scenario.readouts.iter().any(|it| it.margin.is_some());
    match asked.iter().find(|(asked, _)| asked == name) {
        Some((_, margin)) => margin.or(own).or(Some(otherwise)),
        None if !asked.is_empty() => None,
        None if own.is_none() && is_any_stated() => None,
        None => own.or(Some(otherwise)),
    }
}

/// What follows of the runs of one condition, which come as first arm, second arm, first arm, …
fn condition(
    label: String,
    runs: Vec<Seen>,
    scenario: &Scenario,
    comparison: &Comparison<'_>,
) -> Condition {
    let of = |arm: usize| runs.iter().skip(arm).step_by(2);
    let mut readouts = BTreeMap::new();
    for reading in &runs[0].readings {
        // A curve has no ratio.
        if reading.curve.is_some() {
            continue;
        }
        let Some(margin) = margin(
            &reading.name,
            scenario,
            &comparison.readouts,
            comparison.margin,
        ) else {
            continue;
        };
        let values = [0, 1].map(|arm| -> Vec<Option<f64>> {
            let value = |run: &Seen| run.value(&reading.name, scenario.duration);
            of(arm).map(value).collect()
        });
        let both = values[0].iter().zip(&values[1]);
        let pairs: Vec<[f64; 2]> = both.filter_map(|(a, b)| Some([(*a)?, (*b)?])).collect();
        let compared = Compared {
            unit: reading.unit.clone(),
            equivalence: equivalence(&pairs, margin),
            values,
        };
        readouts.insert(reading.name.clone(), compared);
    }
    let times = runs[0].counts.iter().map(|(time, _)| *time).collect();
    let mut populations = BTreeMap::new();
    for (kind, cell_type) in scenario.cell_types.iter().enumerate() {
        let counts = [0, 1].map(|arm| -> Vec<Vec<f64>> {
            let live = |run: &Seen| {
                run.counts
                    .iter()
                    .map(|(_, live)| live[kind] as f64)
                    .collect()
            };
            of(arm).map(live).collect()
        });
        populations.insert(cell_type.name.clone(), counts);
    }
    let verdict = both(
        readouts
            .values()
            .map(|compared| compared.equivalence.verdict),
    );
    let mut first = runs.into_iter().take(2).map(|run| run.picture);
    let mut picture = || first.next().unwrap_or_default();
    Condition {
        label,
        verdict,
        readouts,
        times,
        populations,
        pictures: [picture(), picture()],
    }
}

/// Equivalent if all are; different if any is.
fn both(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    let mut all = Verdict::Equivalent;
    for verdict in verdicts {
        match verdict {
            Verdict::Different => return Verdict::Different,
            Verdict::Undecided => all = Verdict::Undecided,
            Verdict::Equivalent => {}
        }
    }
    all
}
