//! What a dyad table says, condition by condition, and how far another is from it.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::agreement::{Agreement, agreement};
use super::interaction::{self, Term};
use super::survival::{Curve, Followed, Share, Z};
use super::table::{self, Row};
use crate::output::record::PROGRAM;

/// Expected effectors in a bin below which bins are joined, for χ².
const LEAST_EXPECTED: f64 = 5.0;

/// A dyad table, read and summed up.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// `milieu`.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The table.
    pub table: PathBuf,
    /// min: until when.
    pub end: f64,
    /// In the order of the table.
    pub conditions: Vec<Condition>,
    /// What pairs do beyond what each of the two does by itself, or why that cannot be said.
    #[serde(serialize_with = "told")]
    pub interaction: Result<Vec<Term>, String>,
    /// Where this table is a model's: how far it is from the truth.
    pub against: Option<Against>,
}

/// Compartments of one condition.
#[derive(Debug, Clone, Serialize)]
pub struct Condition {
    /// What was done.
    pub label: String,
    /// How many compartments.
    pub compartments: u64,
    /// Compartments in which a target has died by the end, of those followed until then or death.
    pub killed: Share,
    /// Targets alive over time.
    pub survival: Curve,
    /// min: mean time that targets live until the end, and its standard error.
    pub restricted_mean: [f64; 2],
    /// `[kills]`: effectors, of compartments with one.
    pub histogram: Vec<u64>,
    /// `[kills before]`: effectors that kill once more, of those with a target left.
    pub next_kill: Vec<Share>,
    /// Times from one thing to the next.
    pub waits: Vec<Wait>,
    /// What contact leaves behind.
    pub marks: Vec<Mark>,
}

/// Times from one thing to the next, of compartments in which both came to pass.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wait {
    /// From what to what.
    pub name: &'static str,
    /// How many.
    pub count: u64,
    /// min: quarter, half and three quarters are shorter; `None` if there are none.
    pub quartiles: Option<[f64; 3]>,
}

/// One column of activation or secretion, without and with contact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    /// The column.
    pub column: String,
    /// Compartments without contact: how many, mean, standard error.
    pub without: (u64, Option<f64>, Option<f64>),
    /// With contact.
    pub with: (u64, Option<f64>, Option<f64>),
}

/// How far a model's table is from the truth.
#[derive(Debug, Clone, Serialize)]
pub struct Against {
    /// The table that counts as true.
    pub table: PathBuf,
    /// Conditions of both tables.
    pub conditions: Vec<Distance>,
    /// Conditions of one table only.
    pub unmatched: Vec<String>,
    /// How far interaction terms are from the truth's, or why there are none.
    #[serde(serialize_with = "told")]
    pub interaction: Result<Vec<Gap>, String>,
    /// How much of the truth's interaction this table has, or why that cannot be said.
    #[serde(serialize_with = "told")]
    pub r_squared: Result<Agreement, String>,
}

/// Effector, target, and difference of the interaction term with its interval of 95 %.
pub type Gap = (String, String, f64, [f64; 2]);

/// What was found, or text that says why there is none.
fn told<T: Serialize, S: Serializer>(
    found: &Result<T, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match found {
        Ok(found) => found.serialize(serializer),
        Err(reason) => reason.serialize(serializer),
    }
}

/// How far one condition is from the truth.
#[derive(Debug, Clone, Serialize)]
pub struct Distance {
    /// The condition.
    pub label: String,
    /// Difference of the shares that were killed, this less the truth.
    pub killed: Option<f64>,
    /// min: difference of restricted means, and its interval of 95 %.
    pub restricted_mean: (f64, [f64; 2]),
    /// Mean distance of the curves of survival until the end.
    pub survival: f64,
    /// χ² of the histograms of kills, degrees of freedom, p; `None` where there are not two bins.
    pub histogram: Option<(f64, u32, f64)>,
}

impl Report {
    /// Reads a table, and the truth, if there is one. `end` is until when, min; by default the last
    /// look of all. `held_out` are pairs, `EFFECTOR/TARGET`, that a model was not given.
    ///
    /// # Errors
    /// What is wrong with a table.
    pub fn new(
        path: &Path,
        truth: Option<&Path>,
        end: Option<f64>,
        held_out: &[String],
    ) -> Result<Report, String> {
        let rows = table::read(path)?;
        let truth = truth.map(|path| Ok::<_, String>((path, table::read(path)?)));
        let truth = truth.transpose()?;
        let last = |rows: &[Row]| rows.iter().map(|row| row.censored).fold(0.0, f64::max);
        // Nothing is compared beyond what both have seen.
        let seen = truth.iter().map(|(_, truth)| last(truth));
        let end = end.unwrap_or_else(|| seen.fold(last(&rows), f64::min));
        let conditions = conditions(&rows, end);
        let interaction = interaction::terms(&rows);
        let against = match truth {
            None if held_out.is_empty() => None,
            None => return Err("pairs are held out of nothing\n  name the truth: --against".into()),
            Some((path, truth)) => {
                let r_squared = agreement(&rows, &truth, held_out);
                if let (Err(reason), false) = (&r_squared, held_out.is_empty()) {
                    return Err(reason.clone());
                }
                let found = (&conditions[..], &interaction);
                Some(against(path, found, r_squared, &truth, end))
            }
        };
        Ok(Report {
            program: PROGRAM,
            version: env!("CARGO_PKG_VERSION"),
            table: path.to_owned(),
            end,
            conditions,
            interaction,
            against,
        })
    }
}

/// All conditions, in the order in which they come.
fn conditions(rows: &[Row], end: f64) -> Vec<Condition> {
    let mut labels: Vec<&str> = Vec::new();
    for row in rows {
        if !labels.contains(&row.condition.as_str()) {
            labels.push(&row.condition);
        }
    }
    labels
        .into_iter()
        .map(|label| {
            let rows: Vec<&Row> = rows.iter().filter(|row| row.condition == label).collect();
            condition(label, &rows, end)
        })
        .collect()
}

fn condition(label: &str, rows: &[&Row], end: f64) -> Condition {
    let died = |row: &&&Row| row.deaths.first().is_some_and(|&time| time <= end);
    let with_targets = || rows.iter().filter(|row| row.cells[1] > 0);
    let decided = with_targets().filter(|row| died(row) || row.censored >= end);
    let killed = Share::new(
        with_targets().filter(died).count() as u64,
        decided.count() as u64,
    );
    let mut followed = Vec::new();
    for row in with_targets() {
        let dead = row
            .deaths
            .iter()
            .map(|&until| Followed { until, died: true });
        let left = (row.cells[1] as usize).saturating_sub(row.deaths.len());
        let alive = Followed {
            until: row.censored,
            died: false,
        };
        followed.extend(dead.chain(std::iter::repeat_n(alive, left)));
    }
    let survival = Curve::of(&followed);
    let single = rows.iter().filter(|row| row.cells[0] == 1);
    let (mut histogram, mut next_kill) = (Vec::new(), Vec::new());
    for row in single.clone() {
        let kills = row.kills.len();
        histogram.resize(histogram.len().max(kills + 1), 0);
        histogram[kills] += 1;
    }
    for before in 0..histogram.len() {
        let able = single
            .clone()
            .filter(|row| row.kills.len() >= before && row.cells[1] as usize > before);
        let again = able.clone().filter(|row| row.kills.len() > before);
        let share = Share::new(again.count() as u64, able.count() as u64);
        next_kill.extend((share.of > 0).then_some(share));
    }
    Condition {
        label: label.to_owned(),
        compartments: rows.len() as u64,
        killed,
        restricted_mean: [
            survival.restricted_mean(end),
            survival.restricted_error(end),
        ],
        survival,
        histogram,
        next_kill,
        waits: waits(rows),
        marks: marks(rows),
    }
}

fn waits(rows: &[&Row]) -> Vec<Wait> {
    let wait = |name, time: &dyn Fn(&Row) -> Option<f64>| {
        let mut times: Vec<f64> = rows.iter().filter_map(|row| time(row)).collect();
        times.sort_by(f64::total_cmp);
        let at = |part: f64| times[(part * (times.len() - 1) as f64).round() as usize];
        Wait {
            name,
            count: times.len() as u64,
            quartiles: (!times.is_empty()).then(|| [0.25, 0.5, 0.75].map(at)),
        }
    };
    let death = |row: &Row| row.deaths.first().copied();
    vec![
        wait("loading to first contact", &|row| row.first_contact),
        wait("time in contact, of those who met", &|row| {
            row.first_contact.and(row.contact)
        }),
        wait("first contact to first hit", &|row| {
            Some(row.hits.first()? - row.first_contact?)
        }),
        wait("first hit to first death", &|row| {
            Some(death(row)? - row.hits.first()?).filter(|wait| *wait >= 0.0)
        }),
    ]
}

fn marks(rows: &[&Row]) -> Vec<Mark> {
    let mut columns: Vec<&String> = rows.iter().flat_map(|row| row.marks.keys()).collect();
    columns.sort_unstable();
    columns.dedup();
    let of = |column: &str, met: bool| {
        let rows = rows.iter().filter(|row| row.first_contact.is_some() == met);
        let values: Vec<f64> = rows
            .filter_map(|row| row.marks.get(column).copied())
            .collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|it| (it - mean) * (it - mean)).sum();
        let error = (squares / (n - 1.0) / n).sqrt();
        (
            values.len() as u64,
            (n > 0.0).then_some(mean),
            (n > 1.0).then_some(error),
        )
    };
    let mark = |column: &String| Mark {
        column: column.clone(),
        without: of(column, false),
        with: of(column, true),
    };
    columns.into_iter().map(mark).collect()
}

fn against(
    path: &Path,
    (found, terms): (&[Condition], &Result<Vec<Term>, String>),
    r_squared: Result<Agreement, String>,
    truth: &[Row],
    end: f64,
) -> Against {
    let truths = conditions(truth, end);
    let partner = |label: &str, of: &[Condition]| of.iter().any(|it| it.label == label);
    let only_here = found.iter().filter(|it| !partner(&it.label, &truths));
    let only_there = truths.iter().filter(|it| !partner(&it.label, found));
    let unmatched = only_here.chain(only_there).map(|it| it.label.clone());
    let pairs = found.iter().filter_map(|one| {
        let other = truths.iter().find(|it| it.label == one.label)?;
        Some(distance(one, other, end))
    });
    let interaction = match (terms, interaction::terms(truth)) {
        (Ok(terms), Ok(truths)) => Ok(terms
            .iter()
            .filter_map(|term| {
                let mut truths = truths.iter();
                let truth =
                    truths.find(|it| it.effector == term.effector && it.target == term.target)?;
                let difference = term.term - truth.term;
                let half = Z * term.error.hypot(truth.error);
                let interval = [difference - half, difference + half];
                Some((
                    term.effector.clone(),
                    term.target.clone(),
                    difference,
                    interval,
                ))
            })
            .collect()),
        (Err(reason), _) => Err(format!("of this table: {reason}")),
        (_, Err(reason)) => Err(format!("of the truth: {reason}")),
    };
    Against {
        table: path.to_owned(),
        conditions: pairs.collect(),
        unmatched: unmatched.collect(),
        interaction,
        r_squared,
    }
}

fn distance(one: &Condition, other: &Condition, end: f64) -> Distance {
    let [[a, of_a], [b, of_b]] = [one.restricted_mean, other.restricted_mean];
    let half = Z * of_a.hypot(of_b);
    let mut times: Vec<f64> = (one.survival.times.iter())
        .chain(&other.survival.times)
        .copied()
        .filter(|time| *time < end)
        .collect();
    times.push(end);
    times.sort_by(f64::total_cmp);
    let (mut area, mut from) = (0.0, 0.0);
    for to in times {
        area += (one.survival.at(from) - other.survival.at(from)).abs() * (to - from);
        from = to;
    }
    Distance {
        label: one.label.clone(),
        killed: one.killed.value.zip(other.killed.value).map(|(a, b)| a - b),
        restricted_mean: (a - b, [a - b - half, a - b + half]),
        survival: if end > 0.0 { area / end } else { 0.0 },
        histogram: chi_squared(&one.histogram, &other.histogram),
    }
}

/// Whether two histograms are of one population: χ², degrees of freedom, p. The highest bins are
/// joined until each is expected to hold five.
pub fn chi_squared(one: &[u64], other: &[u64]) -> Option<(f64, u32, f64)> {
    let bins = one.len().max(other.len());
    let at = |histogram: &[u64], bin: usize| histogram.get(bin).copied().unwrap_or(0) as f64;
    let sums = [one, other].map(|it| it.iter().sum::<u64>() as f64);
    let least = sums[0].min(sums[1]) / (sums[0] + sums[1]);
    let mut joined: Vec<[f64; 2]> = Vec::new();
    let mut open = [0.0; 2];
    for bin in (0..bins).rev() {
        open = [open[0] + at(one, bin), open[1] + at(other, bin)];
        if (open[0] + open[1]) * least >= LEAST_EXPECTED {
            joined.push(std::mem::take(&mut open));
        }
    }
    if let Some(last) = joined.last_mut() {
        *last = [last[0] + open[0], last[1] + open[1]];
    }
    let freedom = joined.len().checked_sub(1).filter(|it| *it > 0)?;
    let mut sum = 0.0;
    for counts in &joined {
        for side in [0, 1] {
            let expected = (counts[0] + counts[1]) * sums[side] / (sums[0] + sums[1]);
            sum += (counts[side] - expected) * (counts[side] - expected) / expected;
        }
    }
    let law = ChiSquared::new(freedom as f64).ok()?;
    Some((sum, freedom as u32, law.sf(sum)))
}
