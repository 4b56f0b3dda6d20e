//! What those answer who know less than the model.

use nalgebra::{DMatrix, DVector};

use super::super::rows::Rows;

/// Weight of the penalty, in variances of a standardized input: next to nothing where inputs say
/// different things, and enough where two say the same.
const PENALTY: f64 = 1e-6;

/// An output that is scored.
#[derive(Debug, Clone)]
pub struct Output {
    /// The behavior.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Its place in [`Rows::answers`].
    pub place: usize,
    /// Whether the number is a change.
    pub is_change: bool,
    /// The input that is the same number before the call.
    pub before: Option<usize>,
}

/// What was seen in training.
#[derive(Debug)]
pub struct Known<'a> {
    /// What is scored.
    pub outputs: &'a [Output],
    /// The signals that the model reads, as places in [`Rows::inputs`].
    pub reads: &'a [usize],
    /// Names of the conditions, the control first.
    pub conditions: &'a [String],
    /// The rows of training.
    pub trained: &'a Rows,
}

/// Weighted mean and number of weights.
fn mean(values: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    let known = values.filter(|(value, _)| value.is_finite());
    let (sum, weights) = known.fold((0.0, 0.0), |(sum, weights), (value, weight)| {
        (sum + weight * value, weights + weight)
    });
    (sum / weights, weights)
}

impl Known<'_> {
    /// Mean of the recorded rule's answers in training, in one condition or in all.
    pub fn mean(&self, output: &Output, condition: Option<usize>) -> f64 {
        let rows = self.trained;
        let answers = rows.answers[output.place].iter().zip(&rows.weight);
        let of = answers
            .zip(&rows.condition)
            .filter(|(_, it)| condition.is_none_or(|condition| condition == usize::from(**it)));
        mean(of.map(|((answer, weight), _)| (*answer, *weight))).0
    }

    /// Mean over the means of all conditions but the control.
    pub fn perturbed(&self, output: &Output) -> f64 {
        let means = (1..self.conditions.len()).map(|it| (self.mean(output, Some(it)), 1.0));
        mean(means).0
    }

    /// Standard deviation of the recorded rule's answers in training.
    pub fn deviation(&self, output: &Output) -> f64 {
        let (rows, middle) = (self.trained, self.mean(output, None));
        let answers = rows.answers[output.place].iter().zip(&rows.weight);
        let squares = answers.map(|(answer, weight)| ((answer - middle).powi(2), *weight));
        mean(squares).0.sqrt()
    }

    /// Who knows less: name and answers, `[output][row]`; NaN where it has none.
    pub fn baselines(&self, rows: &Rows) -> Vec<(&'static str, Vec<Vec<f64>>)> {
        let count = rows.run.len();
        let each = |of: &dyn Fn(&Output) -> Vec<f64>| self.outputs.iter().map(of).collect();
        let flat = |value: f64| vec![value; count];
        vec![
            (
                "no change",
                each(&|output| match (output.is_change, output.before) {
                    (true, _) => flat(0.0),
                    (false, Some(input)) => rows.inputs[input].clone(),
                    // Without conditions that is the training mean.
                    (false, None) if self.conditions.len() < 2 => flat(f64::NAN),
                    (false, None) => flat(self.mean(output, Some(0))),
                }),
            ),
            (
                "training mean",
                each(&|output| flat(self.mean(output, None))),
            ),
            (
                "perturbed mean",
                each(&|output| flat(self.perturbed(output))),
            ),
            ("ridge", each(&|output| self.ridge(output, rows))),
        ]
    }

    /// Linear in the signals and in indicators of type, fitted in training; NaN where that fails.
    fn ridge(&self, output: &Output, rows: &Rows) -> Vec<f64> {
        let trained = self.trained;
        let answers = &trained.answers[output.place];
        let types = trained.types.iter().copied().max().unwrap_or(0);
        let features = |rows: &Rows, row: usize| -> Vec<f64> {
            let signals = self.reads.iter().map(|&input| rows.inputs[input][row]);
            let is_of = (1..=types).map(|kind| f64::from(rows.types[row] == kind));
            signals.chain(is_of).collect()
        };
        let is_known = |row: &usize| answers[*row].is_finite();
        let fitted: Vec<usize> = (0..answers.len()).filter(is_known).collect();
        let width = self.reads.len() + usize::from(types);
        let columns = |of: &dyn Fn(f64, usize) -> f64| -> Vec<f64> {
            let mut sums = vec![(0.0, 0.0); width];
            for &row in &fitted {
                let weight = trained.weight[row];
                for (at, value) in features(trained, row).into_iter().enumerate() {
                    sums[at].0 += weight * of(value, at);
                    sums[at].1 += weight;
                }
            }
            sums.into_iter().map(|(sum, weight)| sum / weight).collect()
        };
        let centers = columns(&|value, _| value);
        let squares = columns(&|value, at| (value - centers[at]).powi(2));
        // What never differs says nothing.
        let scale = |square: f64| {
            if square > 0.0 {
                1.0 / square.sqrt()
            } else {
                0.0
            }
        };
        let scales: Vec<f64> = squares.into_iter().map(scale).collect();
        let standard = |rows: &Rows, row: usize| {
            let values = features(rows, row).into_iter().zip(&centers).zip(&scales);
            DVector::from_iterator(
                width,
                values.map(|((it, center), scale)| (it - center) * scale),
            )
        };
        let (middle, total) = mean(
            fitted
                .iter()
                .map(|&row| (answers[row], trained.weight[row])),
        );
        let mut gram = DMatrix::identity(width, width) * PENALTY;
        let mut right = DVector::zeros(width);
        for &row in &fitted {
            let (x, weight) = (standard(trained, row), trained.weight[row] / total);
            right.axpy(weight * (answers[row] - middle), &x, 1.0);
            gram.ger(weight, &x, &x, 1.0);
        }
        let slopes = gram.cholesky().map(|gram| gram.solve(&right));
        let answer = |row: usize| match &slopes {
            Some(slopes) => middle + slopes.dot(&standard(rows, row)),
            None => f64::NAN,
        };
        (0..rows.run.len()).map(answer).collect()
    }
}
