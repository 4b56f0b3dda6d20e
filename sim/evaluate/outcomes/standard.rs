//! Answers of all outputs as one vector, in standard deviations of training, by condition.

use std::collections::BTreeMap;

use super::super::rows::Rows;
use super::Known;

/// Whose answers: those of the recorded rule.
pub const TRUTH: usize = 0;

/// Those of the model. Its rivals' follow.
pub const MODEL: usize = 1;

/// Rows of a condition that clouds are made of, at most.
const ROWS: usize = 150;

/// What conditions are compared by.
pub struct Standard<'a> {
    rows: &'a Rows,
    /// `[condition]`: its rows.
    of_condition: Vec<Vec<usize>>,
    /// Conditions that have any, but for the control.
    pub changed: Vec<usize>,
    /// Those of [`Known::outputs`] that differ in training and are answered in every condition.
    pub outputs: Vec<usize>,
    /// `[output]`: mean and standard deviation in training.
    scales: Vec<(f64, f64)>,
    /// `[who][output][row]`
    answers: Vec<Vec<&'a [f64]>>,
    /// Rivals that answer whatever the model does.
    pub rivals: Vec<&'static str>,
    /// The control's mean in training.
    pub control: Vec<f64>,
    /// Mean in training over the means of all other conditions.
    pub perturbed: Vec<f64>,
}

/// Sums of one run.
pub struct Sums {
    /// `[output]`
    weights: Vec<f64>,
    /// `[who][output]`
    sums: Vec<Vec<f64>>,
}

impl<'a> Standard<'a> {
    /// Of the model's answers and its rivals', `[output][row]`.
    ///
    /// # Errors
    /// Why conditions cannot be compared.
    pub fn new(
        known: &Known<'_>,
        rows: &'a Rows,
        said: &'a [Vec<f64>],
        rivals: &'a [(&'static str, Vec<Vec<f64>>)],
    ) -> Result<Standard<'a>, String> {
        let mut of_condition: Vec<Vec<usize>> = vec![Vec::new(); known.conditions.len()];
        for (row, condition) in rows.condition.iter().enumerate() {
            of_condition[usize::from(*condition)].push(row);
        }
        let has_rows = |it: &usize| !of_condition[*it].is_empty();
        let changed: Vec<usize> = (1..of_condition.len()).filter(has_rows).collect();
        if changed.len() < 2 {
            return Err(format!(
                "this part holds {} conditions besides the control, and two are needed\n  record \
                 variants with --vary",
                changed.len()
            ));
        }
        let truth = |output: usize| &rows.answers[known.outputs[output].place];
        let is_told = |output: usize, row: usize| {
            truth(output)[row].is_finite() && said[output][row].is_finite()
        };
        let is_scored = |output: &usize| {
            let is_answered =
                |it: &usize| of_condition[*it].iter().any(|row| is_told(*output, *row));
            known.deviation(&known.outputs[*output]) > 0.0 && changed.iter().all(is_answered)
        };
        let outputs: Vec<usize> = (0..known.outputs.len()).filter(is_scored).collect();
        if outputs.is_empty() {
            return Err("no output differs in training and is answered in every condition".into());
        }
        let answers_all = |(_, answers): &&(&'static str, Vec<Vec<f64>>)| {
            let mut told = outputs.iter().flat_map(|&output| {
                let rows = (0..rows.run.len()).filter(move |row| is_told(output, *row));
                rows.map(move |row| (output, row))
            });
            told.all(|(output, row)| answers[output][row].is_finite())
        };
        let rivals: Vec<&(&'static str, Vec<Vec<f64>>)> =
            rivals.iter().filter(answers_all).collect();
        let of = |answers: &'a [Vec<f64>]| -> Vec<&'a [f64]> {
            outputs.iter().map(|it| &answers[*it][..]).collect()
        };
        let mut answers = vec![outputs.iter().map(|it| &truth(*it)[..]).collect(), of(said)];
        answers.extend(rivals.iter().map(|(_, answers)| of(answers)));
        let about = || outputs.iter().map(|it| &known.outputs[*it]);
        let scales: Vec<(f64, f64)> = about()
            .map(|it| (known.mean(it, None), known.deviation(it)))
            .collect();
        let reference = |means: Vec<f64>| -> Vec<f64> {
            let means = means.into_iter().zip(&scales);
            means
                .map(|(it, (middle, deviation))| (it - middle) / deviation)
                .collect()
        };
        Ok(Standard {
            control: reference(about().map(|it| known.mean(it, Some(0))).collect()),
            perturbed: reference(about().map(|it| known.perturbed(it)).collect()),
            rows,
            of_condition,
            changed,
            scales,
            answers,
            rivals: rivals.iter().map(|(name, _)| *name).collect(),
            outputs,
        })
    }

    /// Whether recorded rule and model both answer.
    fn is_told(&self, at: usize, row: usize) -> bool {
        let mut both = self.answers[..=MODEL].iter();
        both.all(|answers| answers[at][row].is_finite())
    }

    fn answer(&self, who: usize, at: usize, row: usize) -> f64 {
        let (middle, deviation) = self.scales[at];
        (self.answers[who][at][row] - middle) / deviation
    }

    /// `[changed condition][run]`
    pub fn groups(&self) -> Vec<Vec<Sums>> {
        let group = |condition: &usize| {
            let mut runs: BTreeMap<u32, Sums> = BTreeMap::new();
            for &row in &self.of_condition[*condition] {
                let sums = runs.entry(self.rows.run[row]).or_insert_with(|| Sums {
                    weights: vec![0.0; self.outputs.len()],
                    sums: vec![vec![0.0; self.outputs.len()]; self.answers.len()],
                });
                let weight = self.rows.weight[row];
                for at in (0..self.outputs.len()).filter(|at| self.is_told(*at, row)) {
                    sums.weights[at] += weight;
                    for (who, sums) in sums.sums.iter_mut().enumerate() {
                        sums[at] += weight * self.answer(who, at, row);
                    }
                }
            }
            runs.into_values().collect()
        };
        self.changed.iter().map(group).collect()
    }

    /// `[changed condition][row][output]`, of rows that answer everything.
    pub fn clouds(&self, who: usize) -> Vec<Vec<Vec<f64>>> {
        let outputs = || 0..self.outputs.len();
        let cloud = |condition: &usize| {
            let is_whole = |row: &&usize| outputs().all(|at| self.is_told(at, **row));
            let rows = self.of_condition[*condition].iter().filter(is_whole);
            let rows: Vec<&usize> = rows.collect();
            let step = rows.len().div_ceil(ROWS).max(1);
            let vector = |row: &&usize| outputs().map(|at| self.answer(who, at, **row)).collect();
            rows.iter().step_by(step).map(vector).collect()
        };
        self.changed.iter().map(cloud).collect()
    }
}

/// The mean over runs of what one says, `[output]`.
pub fn center(runs: &[&Sums], who: usize) -> Vec<f64> {
    let output = |at: usize| {
        let (sum, weights) = runs.iter().fold((0.0, 0.0), |(sum, weights), run| {
            (sum + run.sums[who][at], weights + run.weights[at])
        });
        sum / weights
    };
    (0..runs[0].weights.len()).map(output).collect()
}
