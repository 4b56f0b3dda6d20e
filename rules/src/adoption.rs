//! What is said of rows that a learned rule, as a scenario takes it up, ends a run on.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Batch, Learned, Outputs, Side, Signature};

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
