//! Axis × split × readout: what the model makes of a tissue that it drives, beside the law, what
//! would be there without it, and what chance makes of two sets of the law's own runs.
//!
//! The loss of a readout is |mean / mean of the law − 1| in margins: 1 is at the margin. Skill is
//! (best baseline − model) / (best baseline − ceiling) of the losses, not clipped; on the same seeds the
//! law loses nothing against itself, so that this ceiling is 0. Chance has another yardstick, the law on
//! seeds of its own: where a baseline loses no more than that, these runs do not show what the rule is
//! for. The loss of a split is the mean over its readouts; the risk R = Σ w L stands only beside the
//! whole matrix.

use std::collections::BTreeMap;

use kernels::random::Sequence;
use serde::Serialize;

use super::{Estimate, Part, arms::Arm, closed::Runs, rollout::Rollout, splits::Split};
use crate::{
    compare::equivalence::{Equivalence, Verdict, equivalence},
    streams::Purpose,
};

/// Resamplings of runs for an interval.
const RESAMPLES: usize = 1000;

/// A readout that is compared.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The scenario's name for it.
    pub name: String,
    /// Of its values.
    pub unit: String,
    /// Relative margin.
    pub margin: f64,
}

/// The whole of it.
#[derive(Debug, Serialize)]
pub struct Matrix {
    /// In the order of the file, behind new seeds.
    pub rows: Vec<Row>,
    /// What follows of all rows.
    pub risk: Risk,
}

/// One split.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What it is.
    #[serde(flatten)]
    pub split: Split,
    /// Of the scenario with the law, the split's settings and its first seed.
    pub scenario_sha256: String,
    /// Open loop, on the law's rows; none where no event happened.
    pub open: Option<Part>,
    /// Closed loop, in the order of the scenario.
    pub readouts: Vec<Readout>,
    /// Mean over readouts, in margins.
    pub loss: BTreeMap<Arm, Estimate>,
    /// How runs of the model went.
    pub rollout: Rollout,
}

/// One readout of one split.
#[derive(Debug, Serialize)]
pub struct Readout {
    /// The scenario's name for it.
    pub name: String,
    /// Of its values.
    pub unit: String,
    /// Relative margin.
    pub margin: f64,
    /// Of each arm.
    pub arms: BTreeMap<Arm, Score>,
    /// 1 − model / best baseline of the losses.
    pub skill: Estimate,
    /// Whether even the best baseline loses more than the law does on other seeds.
    pub has_room: bool,
    /// Whether the model's mean is within the margin of the law's.
    pub equivalence: Equivalence,
}

/// One arm in one readout.
#[derive(Debug, Serialize)]
pub struct Score {
    /// By run, in the order of seeds.
    pub values: Vec<Option<f64>>,
    /// Over runs.
    pub mean: Estimate,
    /// Over the law's mean in the runs that both have ended.
    pub ratio: Estimate,
    /// |ratio − 1| in margins.
    pub loss: Estimate,
}

/// What follows of all splits: never shown without them.
#[derive(Debug, Serialize)]
pub struct Risk {
    /// Σ w L with the weights of the file.
    pub stated: Option<BTreeMap<Arm, Estimate>>,
    /// The same with one weight for all.
    pub uniform: BTreeMap<Arm, Estimate>,
    /// The greatest loss of the model.
    pub worst: Worst,
}

/// Where the model is worst.
#[derive(Debug, Serialize)]
pub struct Worst {
    /// Name of the split.
    pub split: String,
    /// Name of the readout.
    pub readout: String,
    /// In margins.
    pub loss: Estimate,
}

/// Numbers of all resamplings, for what is computed of several splits.
pub struct Drawn {
    /// `[arm][resampling]`: loss of the split.
    loss: [Vec<f64>; 5],
    /// `[resampling]`: the model's greatest loss in a readout.
    greatest: Vec<f64>,
}

/// One split, judged.
pub struct Judged {
    /// In the order of the scenario.
    pub readouts: Vec<Readout>,
    /// Mean over readouts, in margins.
    pub loss: BTreeMap<Arm, Estimate>,
    /// For what is computed of several splits.
    pub drawn: Drawn,
}

/// Which runs are taken: those that share seeds, and the ceiling's.
type Taken<'a> = [&'a [usize]; 2];

/// What one readout comes to over some runs, by arm.
#[derive(Clone, Copy)]
struct Point {
    means: [f64; 5],
    ratios: [f64; 5],
    losses: [f64; 5],
}

impl Point {
    fn of(values: &[Vec<Option<f64>>; 5], margin: f64, taken: Taken<'_>) -> Point {
        let law = &values[Arm::Law as usize];
        let mean = |of: &[Option<f64>], runs: &[usize]| {
            let there = runs.iter().filter_map(|run| of[*run]);
            let (count, sum) = there.fold((0, 0.0), |(count, sum), it| (count + 1, sum + it));
            sum / f64::from(count)
        };
        let means = Arm::ALL.map(|arm| {
            let runs = taken[usize::from(arm == Arm::Again)];
            mean(&values[arm as usize], runs)
        });
        let ratios = Arm::ALL.map(|arm| {
            let own = &values[arm as usize];
            // The model is held against the law in those runs alone that both have ended.
            let both = |run: &&usize| own[**run].is_some() && law[**run].is_some();
            let shared: Vec<usize> = taken[0].iter().filter(both).copied().collect();
            let [own, law] = match arm {
                Arm::Again => [means[arm as usize], means[0]],
                _ => [mean(own, &shared), mean(law, &shared)],
            };
            match own == law {
                // Nothing is all of nothing.
                true => 1.0,
                false => own / law,
            }
        });
        let losses = ratios.map(|ratio| (ratio - 1.0).abs() / margin);
        Point {
            means,
            ratios,
            losses,
        }
    }

    /// The least loss of a baseline.
    fn best(&self) -> f64 {
        let of = |arm: Arm| self.losses[arm as usize];
        Arm::BASELINES
            .map(of)
            .into_iter()
            .fold(f64::INFINITY, f64::min)
    }

    fn skill(&self) -> f64 {
        1.0 - self.losses[Arm::Model as usize] / self.best()
    }

    fn has_room(&self) -> bool {
        self.best() > self.losses[Arm::Again as usize]
    }
}

/// Mean over those readouts that were measured; without end where the law has none of what an arm has.
fn loss(points: &[Point], arm: Arm) -> f64 {
    let there = points.iter().map(|point| point.losses[arm as usize]);
    let there: Vec<f64> = there.filter(|loss| !loss.is_nan()).collect();
    there.iter().sum::<f64>() / there.len() as f64
}

fn greatest(points: &[Point]) -> f64 {
    let losses = points.iter().map(|point| point.losses[Arm::Model as usize]);
    losses.fold(f64::NAN, f64::max)
}

/// Judges the runs of a split; `number` keys its resampling.
pub(super) fn judge(number: usize, runs: &Runs, wanted: &[Wanted], duration: f64) -> Judged {
    let of_arm = |readout: &Wanted, arm: Arm| -> Vec<Option<f64>> {
        let value = |run: &super::closed::Run| {
            let seen = run.seen.as_ref().ok()?;
            seen.value(&readout.name, duration)
        };
        runs.of(arm).iter().map(value).collect()
    };
    let values: Vec<[Vec<Option<f64>>; 5]> = wanted
        .iter()
        .map(|readout| Arm::ALL.map(|arm| of_arm(readout, arm)))
        .collect();
    let points = |taken: Taken<'_>| -> Vec<Point> {
        let both = values.iter().zip(wanted);
        both.map(|(values, readout)| Point::of(values, readout.margin, taken))
            .collect()
    };
    let count = runs.of(Arm::Law).len();
    let all: Vec<usize> = (0..count).collect();
    let found = points([&all, &all]);
    let draws = Purpose::MatrixResampling.draws(number as u64);
    let drawn: Vec<Vec<Point>> = (0..RESAMPLES)
        .map(|resampling| {
            let mut sequence = Sequence::new(draws, resampling as u64);
            let mut draw = || -> Vec<usize> {
                let mut one = || (sequence.uniform() * count as f64) as usize;
                (0..count).map(|_| one()).collect()
            };
            let (shared, again) = (draw(), draw());
            points([&shared, &again])
        })
        .collect();
    let readouts = wanted
        .iter()
        .zip(values)
        .enumerate()
        .map(|(at, (readout, values))| {
            let over = |of: &dyn Fn(&Point) -> f64| {
                estimate(of(&found[at]), drawn.iter().map(|points| of(&points[at])))
            };
            let both = values[Arm::Law as usize]
                .iter()
                .zip(&values[Arm::Model as usize]);
            let pairs: Vec<[f64; 2]> = both.filter_map(|(a, b)| Some([(*a)?, (*b)?])).collect();
            let score = |(arm, values): (Arm, Vec<Option<f64>>)| {
                let score = Score {
                    values,
                    mean: over(&|point| point.means[arm as usize]),
                    ratio: over(&|point| point.ratios[arm as usize]),
                    loss: over(&|point| point.losses[arm as usize]),
                };
                (arm, score)
            };
            Readout {
                name: readout.name.clone(),
                unit: readout.unit.clone(),
                margin: readout.margin,
                equivalence: equivalence(&pairs, readout.margin),
                skill: over(&Point::skill),
                has_room: found[at].has_room(),
                arms: Arm::ALL.into_iter().zip(values).map(score).collect(),
            }
        });
    let readouts = readouts.collect();
    let losses = Arm::ALL.map(|arm| drawn.iter().map(|points| loss(points, arm)).collect());
    let drawn = Drawn {
        greatest: drawn.iter().map(|points| greatest(points)).collect(),
        loss: losses,
    };
    let over = |arm: Arm| {
        let drawn = drawn.loss[arm as usize].iter().copied();
        (arm, estimate(loss(&found, arm), drawn))
    };
    Judged {
        readouts,
        loss: Arm::ALL.into_iter().skip(1).map(over).collect(),
        drawn,
    }
}

/// The risk over all splits.
pub fn risk(rows: &[Row], drawn: &[Drawn]) -> Risk {
    let sum = |weights: &[f64]| -> BTreeMap<Arm, Estimate> {
        let over = |arm: Arm| {
            let found = rows.iter().map(|row| row.loss[&arm].value).zip(weights);
            let resampling = |number: usize| {
                let losses = drawn.iter().map(|drawn| drawn.loss[arm as usize][number]);
                losses
                    .zip(weights)
                    .map(|(loss, weight)| loss * weight)
                    .sum()
            };
            let value = found.map(|(loss, weight)| loss * weight).sum();
            (arm, estimate(value, (0..RESAMPLES).map(resampling)))
        };
        Arm::ALL.into_iter().skip(1).map(over).collect()
    };
    let stated: Option<Vec<f64>> = rows.iter().map(|row| row.split.weight).collect();
    let mut worst = (f64::NEG_INFINITY, "", "");
    for row in rows {
        for readout in &row.readouts {
            let loss = readout.arms[&Arm::Model].loss.value;
            if loss > worst.0 {
                worst = (loss, &row.split.name, &readout.name);
            }
        }
    }
    let greatest = |number: usize| {
        let greatest = drawn.iter().map(|drawn| drawn.greatest[number]);
        greatest.fold(f64::NAN, f64::max)
    };
    Risk {
        stated: stated.map(|weights| sum(&weights)),
        uniform: sum(&vec![1.0 / rows.len() as f64; rows.len()]),
        worst: Worst {
            split: worst.1.to_owned(),
            readout: worst.2.to_owned(),
            loss: estimate(worst.0, (0..RESAMPLES).map(greatest)),
        },
    }
}

/// A number, and what lies between 2.5 and 97.5 % of those over runs drawn anew.
fn estimate(value: f64, drawn: impl Iterator<Item = f64>) -> Estimate {
    let mut drawn: Vec<f64> = drawn.filter(|it| !it.is_nan()).collect();
    drawn.sort_by(f64::total_cmp);
    let at = |part: f64| drawn.get((part * drawn.len() as f64) as usize).copied();
    Estimate {
        value,
        interval: at(0.025).zip(at(0.975)).map(|(low, high)| [low, high]),
    }
}

impl Row {
    /// Equivalent if all readouts are; different if any is, or if the model did not come to the end.
    pub fn verdict(&self) -> Verdict {
        let mut verdicts = self.readouts.iter().map(|it| it.equivalence.verdict);
        let is_different = verdicts.clone().any(|it| it == Verdict::Different);
        match is_different || !self.rollout.failed.is_empty() {
            true => Verdict::Different,
            false if verdicts.all(|it| it == Verdict::Equivalent) => Verdict::Equivalent,
            false => Verdict::Undecided,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arm, Point};

    #[test]
    fn a_model_is_held_against_the_law_in_the_runs_that_both_have_ended() {
        let some = |values: [f64; 3]| values.map(Some).to_vec();
        // On the third seed, of which the law makes much, the model gave up.
        let model = vec![Some(2.0), Some(4.0), None];
        let values = [
            some([2.0, 4.0, 60.0]),
            model,
            some([0.0, 0.0, 0.0]),
            some([1.0, 2.0, 30.0]),
            some([22.0, 22.0, 55.0]),
        ];
        let all = [0, 1, 2];
        let point = Point::of(&values, 0.1, [&all, &all]);
        assert_eq!(point.ratios, [1.0, 1.0, 0.0, 0.5, 1.5]);
        assert_eq!(point.means[Arm::Model as usize], 3.0);
        assert_eq!(point.losses[Arm::Nobody as usize], 10.0);
        assert_eq!(point.skill(), 1.0);
        // Drawn twice, and not at all.
        let drawn = Point::of(&values, 0.1, [&[2, 2, 0], &all]);
        assert_eq!(drawn.means[0], (60.0 + 60.0 + 2.0) / 3.0);
        assert!(Point::of(&values, 0.1, [&[2, 2, 2], &all]).skill().is_nan());
    }
}
