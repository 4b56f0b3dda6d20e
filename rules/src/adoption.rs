//! How a scenario takes up a learned rule, and what is said of rows on which that ends a run.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::neural::domain::Domain;
use crate::{Batch, Outputs, Side, Signature};

/// What the engine needs to know of a learned rule beyond its signature.
#[derive(Debug, Clone)]
pub struct Learned {
    /// What acts: the model, the rules behind it, or both.
    pub mode: Mode,
    /// What happens to rows outside the domain.
    pub guard: Guard,
    /// The scenario's other words on it.
    pub adoption: Adoption,
    /// Whether there are mechanistic rules behind the model.
    pub has_mechanistic: bool,
    /// `[write]`: how residuals act; all [`Residual::None`] unless the model gives residuals.
    pub residuals: Vec<Residual>,
    /// `[read]`: name and unit of each input as the model has it, and the factor from the dictionary's unit.
    pub inputs: Vec<(String, String, f64)>,
    /// Where the model was trained.
    pub domain: Domain,
    /// Spreads that end the run.
    pub stops: Vec<Stop>,
}

/// How a residual acts on what the mechanistic rules say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Residual {
    /// The number is no residual.
    None,
    /// b = b_mechanistic · exp(r), r held within ±`cap`.
    Factor {
        /// Natural logarithm of the greatest factor.
        cap: f64,
    },
    /// b = b_mechanistic + `scale` · tanh(r).
    Shift {
        /// In the behavior's unit.
        scale: f64,
    },
}

/// What acts where a scenario binds a model: docs/models.md, "Hybrid modes".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The model.
    #[default]
    Replace,
    /// The mechanistic rules, corrected by the model.
    Residual,
    /// Both, mixed by the model's gate.
    Gated,
    /// The mechanistic rules; what the model would have done is recorded.
    Shadow,
    /// The model changes latent states and records readouts; written rules that read them act.
    Delegate,
}

/// What happens to rows outside a model's domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The mechanistic rules act on them.
    Fallback,
    /// Their inputs are put back into the ranges trained on.
    ClampInputs,
    /// The model acts, and they are counted.
    Warn,
    /// The run ends.
    Error,
}

/// What becomes of a model's own statement of how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Uncertainty {
    /// Nothing.
    #[default]
    Ignore,
    /// It is kept with each cell, as `spread:BEHAVIOR`.
    Record,
    /// One member of the ensemble, or one quantile, acts in the whole run.
    Propagate,
}

/// How a scenario takes up a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Adoption {
    /// What acts; `None` leaves it to the model's own form of output.
    pub mode: Option<Mode>,
    /// The file of the mechanistic rules behind it.
    pub mechanistic: Option<PathBuf>,
    /// What happens outside the domain; `None` is [`Guard::Fallback`] with mechanistic rules and
    /// [`Guard::Warn`] without.
    pub guard: Option<Guard>,
    /// Calls in a row that must lie inside the domain before the model acts again, ≥ 1.
    pub return_after: u32,
    /// What becomes of its uncertainty.
    pub uncertainty: Uncertainty,
    /// Ends the run when an output is less certain than this: output's name, one standard
    /// deviation.
    pub stop_above: Vec<(String, Spread)>,
    /// Above this share of rows in fallback a run is called mostly mechanistic, 0 to 1.
    pub max_fallback: f64,
    /// Above this share of written values out of their range the run ends, 0 to 1.
    pub max_clamped: f64,
}

impl Default for Adoption {
    fn default() -> Adoption {
        Adoption {
            mode: None,
            mechanistic: None,
            guard: None,
            return_after: 3,
            uncertainty: Uncertainty::Ignore,
            stop_above: Vec::new(),
            max_fallback: 0.2,
            max_clamped: 1e-3,
        }
    }
}

/// One standard deviation, as a scenario states it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a number, or a text with a unit such as \"0.01 1/h\""
)]
pub enum Spread {
    /// In the behavior's unit.
    Number(f64),
    /// With a unit of its own.
    Quantity(String),
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spread::Number(number) => number.fmt(f),
            Spread::Quantity(text) => text.fmt(f),
        }
    }
}

/// Ends a run when an output is less certain than this.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    /// The write of the output's spread.
    pub write: usize,
    /// The output, as the model names it.
    pub output: String,
    /// The greatest spread that a run goes on with, in `unit`.
    pub most: f64,
    /// The model's.
    pub unit: String,
    /// The same as the scenario has it.
    pub stated: String,
}

impl Learned {
    /// Which inputs of a row lie outside the ranges trained on, with value, range and unit; empty
    /// where none does.
    pub fn outside(&self, signature: &Signature, batch: &Batch<'_>, row: usize) -> String {
        let ranges = self.domain.boxes.iter().zip(&self.domain.ranges);
        let found = ranges.enumerate().flat_map(|(read, range)| {
            let (Some((least, most)), Some((lo, hi))) = range else {
                return Vec::new();
            };
            let (name, unit, _) = &self.inputs[read];
            let values = self.values(signature, batch, row, read).into_iter();
            let outside = values.filter(|value| value < least || value > most);
            outside
                .map(|value| format!("{name} = {value} {unit}, trained on {lo} to {hi} {unit}"))
                .collect()
        });
        found.collect::<Vec<_>>().join("; ")
    }

    /// The inputs of a row, in the model's units.
    pub fn listed(&self, signature: &Signature, batch: &Batch<'_>, row: usize) -> String {
        let inputs = self.inputs.iter().enumerate();
        let inputs = inputs.flat_map(|(read, (name, unit, _))| {
            let values = self.values(signature, batch, row, read).into_iter();
            values.map(move |value| format!("{name} = {value} {unit}"))
        });
        format!("inputs: {}", inputs.collect::<Vec<_>>().join("; "))
    }

    /// What a row reads in a column, in the model's unit; of what belongs to the edges of a graph,
    /// a number for each that leads to it.
    fn values(
        &self,
        signature: &Signature,
        batch: &Batch<'_>,
        row: usize,
        read: usize,
    ) -> Vec<f64> {
        let side = match signature.graph {
            None => Side::Cell,
            Some(_) => signature.reads[read].side,
        };
        let factor = self.inputs[read].2;
        let edges = batch.edges.to.iter().zip(batch.edges.from).enumerate();
        let of_row = edges.filter(|(_, (to, _))| **to as usize == row);
        let rows: Vec<usize> = match side {
            Side::Pair => of_row.map(|(edge, _)| edge).collect(),
            Side::A => of_row.map(|(_, (_, from))| *from as usize).collect(),
            _ => vec![row],
        };
        let column = &batch.signals[read];
        rows.iter().map(|&at| column[at] * factor).collect()
    }

    /// The first output that is less certain than the run goes on with: in how many rows, which is
    /// the first of them, and why it ends the run.
    pub fn unsure(&self, outputs: &Outputs) -> Option<(usize, usize, String)> {
        self.stops.iter().find_map(|stop| {
            let spreads = outputs.columns[stop.write].iter().enumerate();
            let mut above = spreads.filter(|(_, spread)| **spread > stop.most);
            let (row, spread) = above.next()?;
            let Stop {
                output,
                unit,
                stated,
                ..
            } = stop;
            let reason = format!(
                "E-SPREAD: the spread {spread} {unit} of output `{output}` is above {stated}, \
                 where the scenario ends the run (`stop_above`)"
            );
            Some((1 + above.count(), row, reason))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::{Edges, Graph, Occasion, Read, Subject};

    #[test]
    fn a_node_of_a_graph_reads_the_edges_that_lead_to_it() {
        let sides = [Side::Cell, Side::A, Side::Pair];
        let signature = Signature {
            source: "entry".into(),
            subject: Subject::Cell { types: vec![0] },
            occasion: Occasion::Clock,
            graph: Some(Graph { sees: Vec::new() }),
            reads: sides.map(|side| Read { side, signal: 0 }).to_vec(),
            writes: Vec::new(),
            clock: 6.0,
            noise: None,
            combine: None,
        };
        let range = Some((0.0, 20.0));
        let learned = Learned {
            mode: Mode::Replace,
            guard: Guard::Error,
            adoption: Adoption::default(),
            has_mechanistic: false,
            residuals: Vec::new(),
            inputs: ["age", "age of a", "gap"]
                .map(|name| (name.into(), "min".into(), 2.0))
                .to_vec(),
            domain: Domain {
                boxes: vec![range; 3],
                ranges: vec![range; 3],
                score: None,
            },
            stops: Vec::new(),
        };
        // 1 → 0, 2 → 0, 0 → 1; nodes of 3, 5 and 11, edges of 0.5, 12 and 13.
        let nodes = vec![3.0, 5.0, 11.0];
        let batch = Batch {
            rows: 3,
            signals: &[nodes.clone(), nodes, vec![0.5, 12.0, 13.0]].map(Cow::from),
            edges: Edges {
                from: &[1, 2, 0],
                to: &[0, 0, 1],
            },
            ..Batch::default()
        };
        assert_eq!(
            learned.outside(&signature, &batch, 0),
            "age of a = 22 min, trained on 0 to 20 min; gap = 24 min, trained on 0 to 20 min"
        );
        assert_eq!(
            learned.listed(&signature, &batch, 0),
            "inputs: age = 6 min; age of a = 10 min; age of a = 22 min; gap = 1 min; gap = 24 min"
        );
        assert_eq!(
            learned.listed(&signature, &batch, 2),
            "inputs: age = 22 min"
        );
    }
}
