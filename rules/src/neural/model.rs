//! A model, checked and bound: the rule it is.

use std::fmt::Write as _;

use super::answers::Answers;
use super::bind::{Answer, Bound};
use super::contract::{self, Spec};
use super::domain::Domain;
use super::engine::{self, Rows};
use super::{Fault, Parsed, RowClass, adopt, bind, check, describe, fault, layout};
use crate::{
    Batch, Binding, Error, Guard, Learned, Outputs, Provenance, Rule, Signature, Tiers,
    Uncertainty, Vocabulary,
};

/// A model, checked and bound.
pub struct Model {
    spec: Spec,
    bound: Bound,
    learned: Learned,
    rows: Rows,
    row_class: RowClass,
    /// [input tensor][column], the read that stands there; the last tensor is `noise` and not
    /// here if there are lanes.
    layout: Vec<Vec<usize>>,
    /// Of each output tensor.
    widths: Vec<usize>,
    domain: Domain,
    /// The tensor of the gate.
    gate: Option<usize>,
    provenance: Provenance,
    lines: Vec<String>,
}

impl Model {
    /// Reads, checks and binds the model of `binding`.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, else [`Error::Model`] with a code of the contract.
    pub fn load(binding: &Binding, vocabulary: &Vocabulary) -> Result<Model, Error> {
        let file = &binding.file;
        let unreadable = |error: std::io::Error| Error::File {
            file: file.clone(),
            message: error.to_string(),
        };
        // Asked before reading: a file far too large should not fill the memory first.
        let length = std::fs::metadata(file).map_err(unreadable)?.len();
        if length > check::LARGEST {
            let message = format!(
                "the file has {length} bytes; at most {} (256 MiB) are read",
                check::LARGEST
            );
            return Err(fault("E-CONTRACT", message).of(file));
        }
        let bytes = std::fs::read(file).map_err(unreadable)?;
        Model::from_bytes(&bytes, binding, vocabulary).map_err(|error| error.of(file))
    }

    /// Checks and binds a model whose bytes are at hand.
    ///
    /// # Errors
    /// [`Fault`] with a code of the contract.
    pub fn from_bytes(
        bytes: &[u8],
        binding: &Binding,
        vocabulary: &Vocabulary,
    ) -> Result<Model, Fault> {
        let sha256 = super::sha256(bytes);
        if let Some(pinned) = &binding.sha256 {
            let wanted = pinned.trim().trim_start_matches("sha256:").to_lowercase();
            if wanted != sha256 {
                return Err(fault(
                    "E-HASH",
                    format!(
                        "the scenario pins sha256 {wanted}, the file has {sha256}; \
                         it is another model, or another version of it"
                    ),
                ));
            }
        }
        let parsed = Parsed::new(bytes)?;
        let bound = bind::bind(&parsed.spec, binding, vocabulary)?;
        let learned = adopt::adopt(&parsed.spec, binding, &bound)?;
        let tried = parsed.tried(&binding.engine, bound.trained, bound.signature.clock)?;
        let spec = parsed.spec;
        let provenance = Provenance {
            name: binding.name.clone(),
            file: binding.file.clone(),
            sha256,
            engine: format!("{}, {}", tried.rows.engine(), tried.row_class),
            model: contract::card_name(parsed.card.as_ref()),
        };
        let tensors = &tried.rows.outputs;
        let gate = spec.gate.as_ref();
        let gate = gate.and_then(|gate| tensors.iter().position(|(name, _)| *name == gate.tensor));
        Ok(Model {
            lines: describe::describe(&spec, &bound, &provenance, vocabulary),
            layout: layout(&spec),
            widths: tensors.iter().map(|(_, width)| *width).collect(),
            domain: Domain::new(&spec),
            gate,
            spec,
            bound,
            learned,
            rows: tried.rows,
            row_class: tried.row_class,
            provenance,
        })
    }

    /// The contract's text, parsed.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// How a row's bits depend on its place in the batch, with this engine.
    pub fn row_class(&self) -> RowClass {
        self.row_class
    }

    /// Whether every input of the row is a number for the model.
    fn is_whole(&self, batch: &Batch<'_>, row: usize) -> bool {
        let columns = batch.signals.iter().zip(&self.bound.into_model);
        let mut values = columns.map(|(column, factor)| (column[row] * factor) as f32);
        let lanes = self.spec.lanes();
        values.all(f32::is_finite)
            && batch.noise[row * lanes..(row + 1) * lanes]
                .iter()
                .all(|value| value.is_finite())
    }

    /// The inputs of a row, in the model's units.
    fn inputs(&self, batch: &Batch<'_>, row: usize) -> String {
        let mut text = String::from("inputs:");
        for ((name, unit, factor), column) in self.bound.inputs.iter().zip(batch.signals) {
            let value = column[row] * factor;
            let input = self.spec.inputs.iter().find(|input| input.name == *name);
            let place = input.map_or(String::new(), |input| {
                format!("{}[{}] ", input.tensor, input.col)
            });
            // Writing to a text cannot fail.
            let _ = write!(text, " {place}{name} = {value} {unit};");
        }
        let lanes = self.spec.lanes();
        if lanes > 0 {
            let _ = write!(
                text,
                " noise = {:?}",
                &batch.noise[row * lanes..(row + 1) * lanes]
            );
        }
        text.trim_end_matches(';').to_owned()
    }

    /// Puts the row's inputs behind those before it; a row with an input that is no number
    /// enters as zeros, so that nothing of it can reach the others.
    fn fill(&self, batch: &Batch<'_>, first: usize, count: usize, tensors: &mut [Vec<f32>]) {
        let lanes = self.spec.lanes();
        let is_clamped = self.learned.guard == Guard::ClampInputs;
        for row in first..first + count {
            let is_whole = self.is_whole(batch, row);
            for (tensor, columns) in tensors.iter_mut().zip(&self.layout) {
                for &read in columns {
                    let mut value = batch.signals[read][row] * self.bound.into_model[read];
                    if is_clamped && let Some((lo, hi)) = self.domain.ranges[read] {
                        value = value.clamp(lo, hi);
                    }
                    tensor.push(if is_whole { value as f32 } else { 0.0 });
                }
            }
            if lanes > 0
                && let Some(tensor) = tensors.last_mut()
            {
                let drawn = &batch.noise[row * lanes..(row + 1) * lanes];
                tensor.extend(
                    drawn
                        .iter()
                        .map(|&value| if is_whole { value } else { 0.0 }),
                );
            }
        }
    }

    /// One evaluation of the whole batch.
    fn evaluate(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        let fill = |first, count, tensors: &mut [Vec<f32>]| self.fill(batch, first, count, tensors);
        let chunks = self
            .rows
            .run(batch.rows, batch.dt as f32, fill)
            .map_err(|error| self.failed(error.to_string()))?;
        self.boxes(batch, out);
        if self.gate.is_some() {
            out.gate.resize(batch.rows, 0.0);
        }
        let mut values = Vec::new();
        for row in 0..batch.rows {
            // Nothing is written to the dead, so nothing of theirs can fail.
            if batch.dead.get(row).copied().unwrap_or(false) {
                continue;
            }
            let (chunk, place) = (&chunks[row / engine::CHUNK], row % engine::CHUNK);
            let answers = Answers::new(chunk, &self.widths, place);
            let said = match self.is_whole(batch, row) {
                true => self.row(batch, row, &answers, &mut values, out),
                false => Err(Trouble::Row("E-NONFINITE: an input is not a number".into())),
            };
            match said {
                Ok(()) => {}
                Err(Trouble::Row(reason)) => {
                    for column in &mut out.columns {
                        column[row] = f64::NAN;
                    }
                    out.domain[row].add(Tiers::NOT_FINITE);
                    out.failed
                        .push((row, format!("{reason}; {}", self.inputs(batch, row))));
                }
                Err(Trouble::Run(reason)) => {
                    return Err(self.failed(format!("{reason}; {}", self.inputs(batch, row))));
                }
            }
        }
        Ok(())
    }

    fn failed(&self, message: String) -> Error {
        Error::Run {
            name: self.provenance.name.clone(),
            message,
        }
    }

    /// Which rows have an input outside its range.
    fn boxes(&self, batch: &Batch<'_>, out: &mut Outputs) {
        out.domain.resize(batch.rows, Tiers::default());
        let columns = batch.signals.iter().zip(&self.bound.into_model);
        for ((column, factor), range) in columns.zip(&self.domain.boxes) {
            let Some((lo, hi)) = *range else { continue };
            for (tiers, value) in out.domain.iter_mut().zip(column) {
                let value = value * factor;
                if value < lo || value > hi {
                    tiers.add(Tiers::BOX);
                }
            }
        }
    }

    /// What one row says.
    fn row(
        &self,
        batch: &Batch<'_>,
        row: usize,
        answers: &Answers<'_>,
        values: &mut Vec<f64>,
        out: &mut Outputs,
    ) -> Result<(), Trouble> {
        if let Some((tensor, calibration)) = &self.domain.score {
            let score = answers.number(*tensor, 0);
            if !score.is_finite() {
                return Err(Trouble::Row(format!(
                    "E-NONFINITE: the score of strangeness is {score}"
                )));
            }
            if calibration.is_outside(score) {
                out.domain[row].add(Tiers::SCORE);
            }
        }
        if let Some(tensor) = self.gate {
            let gate = answers.number(tensor, 0);
            if !(0.0..=1.0).contains(&gate) {
                return Err(Trouble::Row(format!(
                    "E-RANGE: the gate {gate} is not in [0, 1]"
                )));
            }
            out.gate[row] = gate;
            if let Some(write) = self.bound.gate {
                out.columns[write][row] = gate;
            }
        }
        for (at, answer) in self.bound.answers.iter().enumerate() {
            self.answer(batch, row, answer, answers, values, out)
                .map_err(|trouble| trouble.of(self.spec.outputs[at].label()))?;
        }
        Ok(())
    }

    fn answer(
        &self,
        batch: &Batch<'_>,
        row: usize,
        answer: &Answer,
        answers: &Answers<'_>,
        values: &mut Vec<f64>,
        out: &mut Outputs,
    ) -> Result<(), Trouble> {
        values.clear();
        let columns = answer.col..answer.col + answer.width;
        values.extend(columns.map(|column| answers.number(answer.tensor, column)));
        if let Some(sure) = &answer.sure {
            let is_drawn = self.learned.adoption.uncertainty == Uncertainty::Propagate;
            let member = is_drawn.then_some(batch.member);
            let said = sure
                .of_row(answers, values[0], member)
                .map_err(Trouble::Row)?;
            values.truncate(1);
            values[0] = said.value;
            if sure.spread_max.is_some_and(|most| said.spread > most) {
                out.domain[row].add(Tiers::SPREAD);
            }
            if let Some(most) = sure.stop_above.filter(|most| said.spread > *most) {
                return Err(Trouble::Run(format!(
                    "E-SPREAD: its spread {} is above {most}, where the scenario ends the run \
                     (`stop_above`)",
                    said.spread
                )));
            }
            if let Some(write) = sure.spread {
                out.columns[write][row] = said.spread;
            }
            if let Some(interval) = &sure.interval {
                let kind = batch.types.get(row).map_or(0, |kind| usize::from(*kind));
                out.columns[interval.write][row] = interval.half_width(&said, kind);
            }
        }
        let age = match answer.convert {
            super::convert::Convert::TimeToEvent { age, .. } => batch.signals[age][row],
            _ => 0.0,
        };
        let write = |at: usize, value| out.columns[answer.first + at][row] = value;
        answer
            .convert
            .numbers(values, age, batch.dt, write)
            .map_err(Trouble::Row)
    }

    /// Derivatives in several steps: what the model reads and changes advances between them.
    fn substeps(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        self.evaluate(batch, out)?;
        let writes: Vec<usize> = self.derivatives().collect();
        let steps = match self.bound.advances.is_empty() {
            true => 1,
            false => self.bound.substeps,
        };
        let step = batch.dt / steps as f64;
        for &write in &writes {
            out.columns[write]
                .iter_mut()
                .for_each(|value| *value *= step);
        }
        // What the last substep added, per step.
        let mut added: Vec<Vec<f64>> = writes
            .iter()
            .map(|&write| out.columns[write].clone())
            .collect();
        let (mut signals, mut between) = (batch.signals.to_vec(), Outputs::default());
        for _ in 1..steps {
            for advance in &self.bound.advances {
                let place = writes.iter().position(|write| *write == advance.write);
                let added = &added[place.expect("what advances is a derivative")];
                for (value, added) in signals[advance.read].iter_mut().zip(added) {
                    *value += added * advance.factor;
                }
            }
            // A row that has failed stands still; the others go on.
            for (row, _) in &out.failed {
                for (column, first) in signals.iter_mut().zip(batch.signals) {
                    column[*row] = first[*row];
                }
            }
            between.reset(out.columns.len(), batch.rows);
            let batch = Batch {
                signals: &signals,
                ..*batch
            };
            self.evaluate(&batch, &mut between)?;
            for (row, reason) in between.failed.drain(..) {
                if out.failed.iter().all(|(other, _)| *other != row) {
                    for column in &mut out.columns {
                        column[row] = f64::NAN;
                    }
                    out.domain[row].add(Tiers::NOT_FINITE);
                    out.failed.push((row, reason));
                }
            }
            for (added, &write) in added.iter_mut().zip(&writes) {
                for ((added, sum), value) in added
                    .iter_mut()
                    .zip(&mut out.columns[write])
                    .zip(&between.columns[write])
                {
                    *added = value * step;
                    *sum += *added;
                }
            }
        }
        Ok(())
    }

    fn derivatives(&self) -> impl Iterator<Item = usize> {
        let outputs = self.spec.outputs.iter().zip(&self.bound.answers);
        outputs
            .filter(|(output, _)| output.kind == contract::Kind::Derivative)
            .map(|(_, answer)| answer.first)
    }
}

/// Why a row says nothing, and what that ends.
enum Trouble {
    /// The row.
    Row(String),
    /// The run.
    Run(String),
}

impl Trouble {
    fn of(self, output: &str) -> Trouble {
        match self {
            Trouble::Row(reason) => Trouble::Row(format!("{reason} (output `{output}`)")),
            Trouble::Run(reason) => Trouble::Run(format!("{reason} (output `{output}`)")),
        }
    }
}

impl Rule for Model {
    fn signature(&self) -> &Signature {
        &self.bound.signature
    }

    fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        let fits = batch.signals.len() == self.bound.into_model.len()
            && batch
                .signals
                .iter()
                .all(|column| column.len() == batch.rows)
            && batch.noise.len() == batch.rows * self.spec.lanes();
        if !fits {
            return Err(self.failed(format!(
                "{} rows were announced, but the columns or the noise are of another size",
                batch.rows
            )));
        }
        if batch.rows == 0 {
            return Ok(());
        }
        match self.bound.substeps {
            1 => self.evaluate(batch, out),
            _ => self.substeps(batch, out),
        }
    }

    fn describe(&self) -> Vec<String> {
        self.lines.clone()
    }

    fn provenance(&self) -> Provenance {
        self.provenance.clone()
    }

    fn learned(&self) -> Option<&Learned> {
        Some(&self.learned)
    }
}
