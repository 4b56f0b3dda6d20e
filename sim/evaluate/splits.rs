//! `splits.toml`: held-out contexts, each a row of the matrix.
//!
//! ```toml
//! [[splits]]
//! name = "PD-1 blocked"
//! axis = "intervention"     # one of AXES
//! step = "S5"               # one of STEPS
//! set = { 'cell_types."CD8 T cell".custom.PD-1' = 0.1 }
//! runs = 12                 # of each arm; else --runs
//!
//! [weights]                 # of the risk; all splits or none
//! "PD-1 blocked" = 1
//! "new seeds" = 2
//! ```

use std::{collections::BTreeMap, fs, path::Path};

use rules::dictionary::{normal, unknown};
use serde::{Deserialize, Serialize};
use toml::Spanned;

/// Across what a model is to hold.
pub const AXES: [&str; 4] = [
    "cross-modality",
    "cross-scale",
    "context shift",
    "intervention",
];

/// Steps of the ladder, from what was trained on outwards.
pub const STEPS: [(&str, &str); 11] = [
    ("S0", "new seeds, same scenario"),
    ("S1", "later times than were trained on"),
    ("S2", "another block of space"),
    ("S3", "unseen geometry or density"),
    ("S4", "unseen dose inside the range"),
    ("S5", "dose beyond the range"),
    ("S6", "unseen combination"),
    ("S7", "unseen order or schedule"),
    ("S8", "unseen agent"),
    ("S9", "unseen cell type, donor or site"),
    ("S10", "another simulator, or data"),
];

/// What the split is called that is always there.
pub const REFERENCE: &str = "new seeds";

/// Fewer runs have no interval.
pub const FEWEST_RUNS: usize = 3;

/// A context in which the model acts.
#[derive(Debug, Clone, Serialize)]
pub struct Split {
    /// The file's name for it.
    pub name: String,
    /// One of [`AXES`]; none for new seeds of the scenario itself.
    pub axis: Option<&'static str>,
    /// One of [`STEPS`].
    pub step: &'static str,
    /// What it changes in the scenario, `KEY=VALUE`.
    pub settings: Vec<String>,
    /// Runs of each arm.
    pub runs: usize,
    /// First of the seeds that law, model and baselines share; the law's second set follows them.
    pub first_seed: u64,
    /// Share of the stated risk; none if the file states no weights.
    pub weight: Option<f64>,
    /// `splits.toml:3`, for messages.
    #[serde(skip)]
    pub place: String,
}

impl Split {
    /// How many seeds it takes: for the arms, and for the law once more.
    pub fn seeds(&self) -> u64 {
        2 * self.runs as u64
    }

    fn reference(runs: usize) -> Split {
        Split {
            name: REFERENCE.into(),
            axis: None,
            step: STEPS[0].0,
            settings: Vec::new(),
            runs,
            first_seed: 0,
            weight: None,
            place: "the scenario".into(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    splits: Vec<Stated>,
    weights: Option<Spanned<BTreeMap<String, f64>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    name: Spanned<String>,
    axis: Spanned<String>,
    step: Spanned<String>,
    set: Spanned<toml::Table>,
    runs: Option<Spanned<i64>>,
}

/// The splits of a file, or none, behind new seeds of the scenario itself; `runs` of each arm where
/// a split states none.
///
/// # Errors
/// A message with place, culprit and way out.
pub fn read(file: Option<&Path>, runs: usize) -> Result<Vec<Split>, String> {
    let mut splits = vec![Split::reference(runs)];
    let Some(file) = file else {
        return Ok(splits);
    };
    let text = fs::read_to_string(file).map_err(|error| {
        format!(
            "{}: cannot be read: {error}\n  name a file of [[splits]], or leave --splits out",
            file.display()
        )
    })?;
    let at = |byte: usize| {
        let line = text[..byte.min(text.len())].matches('\n').count() + 1;
        format!("{}:{line}", file.display())
    };
    let stated: File = toml::from_str(&text).map_err(|error| {
        let place = at(error.span().map_or(0, |span| span.start));
        format!(
            "{place}: {}\n  a split has name, axis, step, set = {{ 'KEY' = VALUE }} and perhaps runs",
            error.message()
        )
    })?;
    for one in &stated.splits {
        let split = split(one, runs, &at)?;
        if let Some(other) = splits
            .iter()
            .find(|it| normal(&it.name) == normal(&split.name))
        {
            return Err(format!(
                "{}: `{}` is the name of {} already\n  give it another",
                split.place, split.name, other.place
            ));
        }
        splits.push(split);
    }
    if let Some(weights) = stated.weights {
        let place = at(weights.span().start);
        weigh(&mut splits, weights.get_ref()).map_err(|wrong| format!("{place}: {wrong}"))?;
    }
    Ok(splits)
}

fn split(stated: &Stated, runs: usize, at: &dyn Fn(usize) -> String) -> Result<Split, String> {
    let axis = one_of("axis", &stated.axis, &AXES, at)?;
    let step = one_of("step", &stated.step, &STEPS.map(|(step, _)| step), at)?;
    let set = at(stated.set.span().start);
    if stated.set.get_ref().is_empty() && step != STEPS[0].0 {
        return Err(format!(
            "{set}: nothing is set, so that this is S0 again\n  write set = {{ 'KEY' = VALUE }}"
        ));
    }
    if stated.set.get_ref().contains_key("seed") {
        return Err(format!(
            "{set}: seeds are chosen apart from those of training\n  leave `seed` out, and choose \
             the first with --seed if need be"
        ));
    }
    let runs = match &stated.runs {
        Some(runs) => usize::try_from(*runs.get_ref())
            .ok()
            .filter(|runs| *runs >= FEWEST_RUNS)
            .ok_or_else(|| {
                format!(
                    "{}: runs = {}: at least {FEWEST_RUNS} are needed for a mean and its error",
                    at(runs.span().start),
                    runs.get_ref()
                )
            })?,
        None => runs,
    };
    let settings = stated.set.get_ref().iter();
    Ok(Split {
        name: stated.name.get_ref().clone(),
        axis: Some(axis),
        step,
        settings: settings
            .map(|(key, value)| format!("{key}={value}"))
            .collect(),
        runs,
        first_seed: 0,
        weight: None,
        place: at(stated.name.span().start),
    })
}

/// The word of a list that is meant.
fn one_of(
    what: &'static str,
    stated: &Spanned<String>,
    known: &[&'static str],
    at: &dyn Fn(usize) -> String,
) -> Result<&'static str, String> {
    let is = |it: &&&str| normal(it) == normal(stated.get_ref());
    known.iter().find(is).copied().ok_or_else(|| {
        let wrong = unknown(what, stated.get_ref(), known.iter().copied());
        format!("{}: {wrong}", at(stated.span().start))
    })
}

/// Gives each split its share of the stated risk.
fn weigh(splits: &mut [Split], weights: &BTreeMap<String, f64>) -> Result<(), String> {
    let names: Vec<String> = splits.iter().map(|split| split.name.clone()).collect();
    for (name, weight) in weights {
        if !names.contains(name) {
            return Err(unknown("split", name, names.iter().map(String::as_str)).to_string());
        }
        if !(weight.is_finite() && *weight >= 0.0) {
            return Err(format!(
                "weights.\"{name}\" = {weight}: not a weight\n  write 0 or more"
            ));
        }
    }
    let sum: f64 = weights.values().sum();
    if sum <= 0.0 {
        return Err("the weights add up to nothing\n  give at least one split a weight".into());
    }
    for split in splits {
        let weight = weights.get(&split.name).ok_or_else(|| {
            format!(
                "`{}` has no weight, though others have\n  weigh all splits, or none",
                split.name
            )
        })?;
        split.weight = Some(weight / sum);
    }
    Ok(())
}

/// Gives each split seeds of its own, from `first` on, or else beyond all that were `recorded`.
///
/// # Errors
/// If a seed was recorded: the model may have learned that very run.
pub fn seed(splits: &mut [Split], first: Option<u64>, recorded: &[u64]) -> Result<(), String> {
    let beyond = recorded
        .iter()
        .max()
        .map_or(1, |last| last.saturating_add(1));
    let mut next = first.unwrap_or(beyond);
    let needed: u64 = splits.iter().map(Split::seeds).sum();
    let end = next.checked_add(needed).ok_or_else(|| {
        format!("--seed {next}: {needed} seeds are needed from there on\n  choose a smaller one")
    })?;
    let mut shared: Vec<u64> = recorded
        .iter()
        .copied()
        .filter(|it| (next..end).contains(it))
        .collect();
    shared.sort_unstable();
    if let (Some(low), Some(high)) = (shared.first(), shared.last()) {
        return Err(format!(
            "--seed {next}: the evaluation would take the seeds {next} to {}, and {} of them, from \
             {low} to {high}, were recorded for training\n  leave --seed out, or choose {beyond} or more",
            end - 1,
            shared.len()
        ));
    }
    for split in splits {
        split.first_seed = next;
        next += split.seeds();
    }
    Ok(())
}
