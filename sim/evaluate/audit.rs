//! Whether what a model is scored on could have been seen in its training.

use rstar::{AABB, PointDistance, RTree, RTreeObject};
use serde::Serialize;

use super::{
    origin::Origin,
    rows::{Recorded, Rows},
    splits::{STEPS, Split},
};
use crate::scenario::Scenario;

/// Two rows nearer than this, in ranges of the inputs, are one.
const SAME: f64 = 1e-6;

/// More duplicates than this share beyond those of independent runs fail.
const MOST_DUPLICATES: f64 = 0.05;

/// At most so many rows of a part are looked at.
const ROWS: usize = 20_000;

/// One question, and its answer.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was asked.
    pub question: String,
    /// What came out, for people.
    pub answer: String,
    /// Whether it is as it should be.
    pub passed: bool,
}

/// Audits the part that is scored against the part trained on.
pub fn audit(recorded: &Recorded, scored: &str, auc: f64, ceiling: f64) -> Vec<Finding> {
    let seeds = |part: &str| {
        let mut parts = recorded.seeds.iter();
        parts
            .find(|(name, _)| name == part)
            .map(|(_, seeds)| seeds.clone())
    };
    let rows = |part: &str| {
        let mut parts = recorded.parts.iter();
        parts.find(|(name, _)| name == part).map(|(_, rows)| rows)
    };
    let mut findings = Vec::new();
    if let (Some(trained), Some(tested)) = (seeds("train"), seeds(scored)) {
        let shared: Vec<u64> = tested
            .into_iter()
            .filter(|it| trained.contains(it))
            .collect();
        findings.push(Finding {
            question: "do training and test share a run or a seed?".into(),
            answer: match shared.is_empty() {
                true => "none".into(),
                false => format!("{shared:?}"),
            },
            passed: shared.is_empty(),
        });
    }
    if let (Some(trained), Some(tested)) = (rows("train"), rows(scored)) {
        findings.push(duplicates(trained, tested));
    }
    if !recorded.events.is_empty() {
        // Rows know their future if they tell events better than the law that drew these.
        let is_prophet = auc > ceiling + 0.01;
        findings.push(Finding {
            question: "does the model tell events better than the law that drew them?".into(),
            answer: format!("area under the curve {auc:.4}, of the law {ceiling:.4}"),
            passed: !is_prophet,
        });
    }
    findings
}

/// Audits the contexts and seeds of closed runs against all that was recorded.
///
/// # Errors
/// If a scenario cannot be read.
pub fn contexts(
    splits: &[&Split],
    origin: &Origin,
    read: &dyn Fn(&[String]) -> Result<Scenario, String>,
) -> Result<Vec<Finding>, String> {
    let hash = |settings: &[String]| {
        let mut scenario = read(settings)?;
        scenario.seed = 0;
        scenario.hash().map_err(|error| error.to_string())
    };
    let recorded = origin.seeds();
    let is_taken = |seed: &u64| {
        let mut splits = splits.iter();
        splits.any(|split| (split.first_seed..split.first_seed + split.seeds()).contains(seed))
    };
    let shared: Vec<u64> = recorded.into_iter().filter(is_taken).collect();
    // A variant that this scenario does not know any more is none of its contexts.
    let trained = origin.trained().into_iter();
    let trained: Vec<String> = trained.filter_map(|settings| hash(settings).ok()).collect();
    let mut seen = Vec::new();
    for split in splits.iter().filter(|split| split.step != STEPS[0].0) {
        if trained.contains(&hash(&split.settings)?) {
            seen.push(format!("`{}`", split.name));
        }
    }
    let told = |found: &[String]| match found.is_empty() {
        true => "none".into(),
        false => found.join(", "),
    };
    let shared: Vec<String> = shared.iter().map(u64::to_string).collect();
    Ok(vec![
        Finding {
            question: "do closed runs share a seed with recorded ones?".into(),
            answer: told(&shared),
            passed: shared.is_empty(),
        },
        Finding {
            question: "is a held-out context one of those trained on?".into(),
            answer: told(&seen),
            passed: seen.is_empty(),
        },
    ])
}

/// A row's inputs, in units of their ranges in training.
struct Point {
    at: Vec<f64>,
    /// The first three, by which it is found.
    near: [f64; 3],
    run: u32,
}

impl RTreeObject for Point {
    type Envelope = AABB<[f64; 3]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_point(self.near)
    }
}

impl PointDistance for Point {
    fn distance_2(&self, point: &[f64; 3]) -> f64 {
        (0..3)
            .map(|axis| (self.near[axis] - point[axis]).powi(2))
            .sum()
    }
}

/// Rows of the scored part that stand in the training part, by all their inputs, beside the rows of
/// training that stand in another run of it: where inputs take few values, independent runs meet.
fn duplicates(trained: &Rows, tested: &Rows) -> Finding {
    let ranges: Vec<[f64; 2]> = (trained.inputs.iter())
        .map(|values| {
            values
                .iter()
                .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
                    [low.min(*value), high.max(*value)]
                })
        })
        .collect();
    let is_varied = |range: &[f64; 2]| range[1] > range[0];
    let varied: Vec<usize> = (0..ranges.len())
        .filter(|&it| is_varied(&ranges[it]))
        .collect();
    let point = |rows: &Rows, row: usize| {
        let scaled = |&input: &usize| {
            let [low, high] = ranges[input];
            (rows.inputs[input][row] - low) / (high - low)
        };
        let at: Vec<f64> = varied.iter().map(scaled).collect();
        let near = std::array::from_fn(|axis| at.get(axis).copied().unwrap_or(0.0));
        let run = rows.run[row];
        Point { at, near, run }
    };
    let step = |rows: &Rows| rows.run.len().div_ceil(ROWS).max(1);
    let tree = RTree::bulk_load(
        (0..trained.run.len())
            .map(|row| point(trained, row))
            .collect(),
    );
    let share = |rows: &Rows, in_another: bool| {
        let asked: Vec<usize> = (0..rows.run.len()).step_by(step(rows)).collect();
        let is_there = |&row: &usize| {
            let own = point(rows, row);
            let near = tree.locate_within_distance(own.near, SAME * SAME);
            let mut others = near.filter(|other| !(in_another && other.run == own.run));
            others.any(|other| {
                own.at
                    .iter()
                    .zip(&other.at)
                    .all(|(a, b)| (a - b).abs() < SAME)
            })
        };
        asked.iter().filter(|row| is_there(row)).count() as f64 / asked.len().max(1) as f64
    };
    let (found, usual) = (share(tested, false), share(trained, true));
    Finding {
        question: "do rows of the test stand in the training?".into(),
        answer: format!(
            "{:.1} %; of training in its other runs {:.1} %",
            100.0 * found,
            100.0 * usual
        ),
        passed: found - usual <= MOST_DUPLICATES,
    }
}
