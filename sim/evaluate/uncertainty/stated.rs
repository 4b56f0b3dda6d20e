//! What a model states of how sure it is, row by row.

use rules::neural::{
    Model,
    contract::{Kind, Output},
};
use rules::{Binding, Rule, Uncertainty, Unit, Vocabulary};

use super::super::{answers::Asked, rows::Rows};
use super::proper::{below, crps_ensemble, crps_normal, deviate, pinball};

/// Quantiles that a model states.
const PARTS: [f64; 3] = [0.05, 0.5, 0.95];

/// How sure a model is of one output, in the dictionary's unit.
#[derive(Debug, Clone)]
pub enum Stated {
    /// `[mean, standard deviation][row]`
    Normal([Vec<f64>; 2]),
    /// `[5 %, 50 %, 95 %][row]`
    Quantiles([Vec<f64>; 3]),
    /// `[row][member]`
    Ensemble(Vec<Vec<f64>>),
    /// `[row]`: the answer alone.
    Nothing(Vec<f64>),
}

/// An interval with a promised coverage around each answer.
#[derive(Debug, Clone)]
pub struct Band {
    /// Share that may lie outside.
    pub alpha: f64,
    /// `[answer, half the width][row]`
    pub of: [Vec<f64>; 2],
}

/// Mean and standard deviation of members.
fn moments(members: &[f64]) -> [f64; 2] {
    let count = members.len() as f64;
    let mean = members.iter().sum::<f64>() / count;
    let squares: f64 = members.iter().map(|it| (it - mean) * (it - mean)).sum();
    [mean, (squares / (count - 1.0)).sqrt()]
}

impl Stated {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Stated::Normal(_) => "standard deviation",
            Stated::Quantiles(_) => "quantiles",
            Stated::Ensemble(_) => "ensemble",
            Stated::Nothing(_) => "conformal",
        }
    }

    /// The normal law of a row, if it is read as one.
    fn normal(&self, row: usize) -> Option<[f64; 2]> {
        match self {
            Stated::Normal([mean, deviation]) => Some([mean[row], deviation[row]]),
            Stated::Ensemble(members) => Some(moments(&members[row])),
            Stated::Quantiles(_) | Stated::Nothing(_) => None,
        }
    }

    /// The answer.
    pub fn value(&self, row: usize) -> f64 {
        match (self, self.normal(row)) {
            (_, Some([mean, _])) => mean,
            (Stated::Quantiles(quantiles), _) => quantiles[1][row],
            (Stated::Nothing(values), _) => values[row],
            (_, None) => f64::NAN,
        }
    }

    /// By which rows are ranked from the surest on.
    pub fn spread(&self, row: usize) -> f64 {
        match (self, self.normal(row)) {
            (_, Some([_, deviation])) => deviation,
            (Stated::Quantiles([low, _, high]), _) => high[row] - low[row],
            (_, None) => f64::NAN,
        }
    }

    /// The central interval that a share α should miss; of quantiles by straight lines, and none
    /// that reaches beyond the outer ones.
    pub fn interval(&self, row: usize, alpha: f64) -> Option<[f64; 2]> {
        if let Some([mean, deviation]) = self.normal(row) {
            let half = deviate(1.0 - 0.5 * alpha) * deviation;
            return Some([mean - half, mean + half]);
        }
        let Stated::Quantiles([low, middle, high]) = self else {
            return None;
        };
        let part = (0.5 - 0.5 * alpha) / (PARTS[2] - PARTS[1]);
        let toward = |end: f64| middle[row] + part * (end - middle[row]);
        (part <= 1.0 + 1e-9).then(|| [toward(low[row]), toward(high[row])])
    }

    /// The share that the stated law has below the truth.
    pub fn below(&self, row: usize, truth: f64) -> Option<f64> {
        Some(below(self.normal(row)?, truth))
    }

    /// Continuous ranked probability score.
    pub fn crps(&self, row: usize, truth: f64) -> Option<f64> {
        match self {
            Stated::Normal(_) => Some(crps_normal(self.normal(row)?, truth)),
            Stated::Ensemble(members) => Some(crps_ensemble(&members[row], truth)),
            Stated::Quantiles(quantiles) => {
                let losses = quantiles.iter().zip(PARTS);
                let losses = losses.map(|(quantile, part)| pinball(part, quantile[row], truth));
                Some(2.0 / 3.0 * losses.sum::<f64>())
            }
            Stated::Nothing(_) => None,
        }
    }
}

/// A model whose uncertainty is asked for.
pub struct Sure {
    /// One member or quantile at a time.
    propagated: Model,
    /// Answers with intervals beside them.
    recorded: Model,
    /// `[output of the contract]`: the behavior, as the dictionary calls it.
    names: Vec<String>,
}

impl Sure {
    /// Opens the model of a binding, if it says how sure it is.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open(binding: &Binding, vocabulary: &Vocabulary) -> Result<Option<Sure>, String> {
        if binding.file.extension().is_none_or(|it| it != "onnx") {
            return Ok(None);
        }
        let load = |uncertainty| {
            let mut binding = binding.clone();
            binding.adoption.uncertainty = uncertainty;
            Model::load(&binding, vocabulary).map_err(|error| error.to_string())
        };
        let model = load(Uncertainty::Ignore)?;
        let spec = model.spec();
        let name = |output: &Output| {
            let dictionaries = [&vocabulary.behaviors, &vocabulary.pair_behaviors];
            let mut known = dictionaries.iter().filter_map(|dictionary| {
                let number = dictionary.number(output.label())?;
                Some(dictionary.entry(number).name.clone())
            });
            known.next().unwrap_or_else(|| output.label().to_owned())
        };
        let names = spec.outputs.iter().map(name).collect();
        let is_unsure = |output: &Output| output.uncertainty.is_some();
        if !spec.outputs.iter().any(is_unsure) && spec.conformal.is_empty() {
            return Ok(None);
        }
        Ok(Some(Sure {
            propagated: load(Uncertainty::Propagate)?,
            recorded: load(Uncertainty::Record)?,
            names,
        }))
    }

    /// What the model states of a behavior, which it writes to `write` in `unit`; `asked` is how it
    /// is asked.
    ///
    /// # Errors
    /// Why the model has no answer.
    pub fn of(
        &self,
        (name, unit): (&str, &str),
        write: usize,
        rows: &Rows,
        asked: &Asked<'_>,
    ) -> Result<Option<(Stated, Option<Band>)>, String> {
        let spec = self.propagated.spec();
        let number = self.names.iter().position(|it| it == name);
        let Some(output) = number.map(|number| &spec.outputs[number]) else {
            return Ok(None);
        };
        let at = |member: f64| -> Result<Vec<f64>, String> {
            let asked = Asked {
                rule: &self.propagated,
                member,
                ..*asked
            };
            let answers = asked.answers(rows, &rows.inputs, &[write])?;
            Ok(answers.columns.into_iter().next().unwrap_or_default())
        };
        let band = self.band(output, (unit, write), rows, asked)?;
        let unsure = output.uncertainty.as_ref();
        let stated = match unsure.map(|it| (it.std.is_some(), it.k)) {
            None if band.is_none() => return Ok(None),
            None => Stated::Nothing(at(0.5)?),
            Some((true, _)) => {
                let mean = at(0.5)?;
                // One standard deviation above it.
                let above = at(below([0.0, 1.0], 1.0))?;
                let apart = above.iter().zip(&mean).map(|(above, mean)| above - mean);
                let deviation = apart.collect();
                Stated::Normal([mean, deviation])
            }
            Some((false, Some(k))) => {
                let members = (0..k).map(|member| at((member as f64 + 0.5) / k as f64));
                let members = members.collect::<Result<Vec<_>, String>>()?;
                let row = |row: usize| members.iter().map(|member| member[row]).collect();
                Stated::Ensemble((0..rows.run.len()).map(row).collect())
            }
            Some((false, None)) => Stated::Quantiles([at(PARTS[0])?, at(PARTS[1])?, at(PARTS[2])?]),
        };
        Ok(Some((stated, band)))
    }

    /// The conformal interval of an output whose number is the behavior's but for a factor.
    fn band(
        &self,
        output: &Output,
        (unit, own): (&str, usize),
        rows: &Rows,
        asked: &Asked<'_>,
    ) -> Result<Option<Band>, String> {
        let mut promised = self.recorded.spec().conformal.iter();
        let promised = promised.find(|entry| entry.output == output.label());
        let is_linear = matches!(
            output.kind,
            Kind::Parameter | Kind::Rate | Kind::Hit | Kind::Delta
        );
        let given = output
            .unit
            .as_deref()
            .and_then(|unit| Unit::parse(unit).ok());
        let factor = given
            .zip(Unit::parse(unit).ok())
            .and_then(|(given, held)| given.factor_to(&held).ok());
        let (Some(promised), Some(factor), true) = (promised, factor, is_linear) else {
            return Ok(None);
        };
        let name = format!("interval:{}", output.label());
        let mut writes = self.recorded.signature().writes.iter();
        let Some(write) = writes
            .position(|write| matches!(&write.target, rules::Target::Readout(it) if *it == name))
        else {
            return Ok(None);
        };
        let asked = Asked {
            rule: &self.recorded,
            ..*asked
        };
        let mut answers = asked.answers(rows, &rows.inputs, &[own, write])?.columns;
        let mut half = answers.pop().unwrap_or_default();
        half.iter_mut().for_each(|half| *half *= factor);
        Ok(Some(Band {
            alpha: promised.alpha,
            of: [answers.pop().unwrap_or_default(), half],
        }))
    }
}
