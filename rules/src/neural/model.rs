//! A model, checked and bound: the rule it is.

mod evaluate;

use std::fmt::Write as _;

use super::bind::Bound;
use super::compute::Compute;
use super::contract::{self, Spec};
use super::domain::Domain;
use super::engine::Column;
use super::{Fault, Parsed, RowClass, adopt, bind, check, describe, fault, layout};
use crate::explain::Span;
use crate::{
    Batch, Binding, Error, Learned, Outputs, Provenance, Rule, Side, Signature, Tiers, Vocabulary,
};

/// A model, checked and bound.
pub struct Model {
    spec: Spec,
    bound: Bound,
    learned: Learned,
    compute: Compute,
    row_class: RowClass,
    /// Input tensors with a row for each row of the model.
    row_tensors: Vec<Column>,
    /// `[tensor][column]`: the read that stands there.
    layout: Vec<Vec<usize>>,
    /// Likewise of the tensors with a row for each edge.
    edge_layout: Vec<Vec<usize>>,
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
            engine: format!("{}, {}", tried.compute.engine(), tried.row_class),
            model: contract::card_name(parsed.card.as_ref()),
        };
        let tensors = tried.compute.outputs();
        let row_tensors = super::row_tensors(&spec);
        let gate = spec.gate.as_ref();
        let gate = gate.and_then(|gate| tensors.iter().position(|(name, _)| *name == gate.tensor));
        Ok(Model {
            lines: describe::describe(&spec, &bound, &provenance, vocabulary),
            layout: layout(&spec, &row_tensors),
            edge_layout: layout(&spec, &super::edge_tensors(&spec)),
            row_tensors,
            widths: tensors.iter().map(|(_, width)| *width).collect(),
            domain: learned.domain.clone(),
            gate,
            spec,
            bound,
            learned,
            compute: tried.compute,
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

    fn is_graph(&self) -> bool {
        self.spec.form == contract::Form::Graph
    }

    fn failed(&self, message: String) -> Error {
        Error::Run {
            name: self.provenance.name.clone(),
            message,
        }
    }

    /// The inputs of a row, in the model's units; those of edges are left out.
    fn inputs(&self, batch: &Batch<'_>, row: usize) -> String {
        let mut text = String::from("inputs:");
        let reads = self.bound.signature.reads.iter().zip(batch.signals);
        for ((name, unit, factor), (read, column)) in self.bound.inputs.iter().zip(reads) {
            if self.is_graph() && read.side != Side::Cell {
                continue;
            }
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

    /// Derivatives in several steps: what the model reads and changes advances between them.
    fn substeps(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Fault> {
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
                for (value, added) in signals[advance.read].to_mut().iter_mut().zip(added) {
                    *value += added * advance.factor;
                }
            }
            // A row that has failed stands still; the others go on.
            for (row, _) in &out.failed {
                for advance in &self.bound.advances {
                    signals[advance.read].to_mut()[*row] = batch.signals[advance.read][*row];
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
            // How unsure the model is in a call is how unsure it was in any step of it.
            for spread in self.spreads() {
                let columns = out.columns[spread].iter_mut().zip(&between.columns[spread]);
                columns.for_each(|(most, spread)| *most = most.max(*spread));
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

    /// The writes of spreads.
    fn spreads(&self) -> impl Iterator<Item = usize> {
        let answers = self.bound.answers.iter();
        answers.filter_map(|answer| answer.sure.as_ref()?.spread)
    }

    fn derivatives(&self) -> impl Iterator<Item = usize> {
        let outputs = self.spec.outputs.iter().zip(&self.bound.answers);
        outputs
            .filter(|(output, _)| output.kind == contract::Kind::Derivative)
            .map(|(_, answer)| answer.first)
    }
}

impl Rule for Model {
    fn signature(&self) -> &Signature {
        &self.bound.signature
    }

    fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        let reads = &self.bound.signature.reads;
        let length = |side: Side| match self.is_graph() && side == Side::Pair {
            true => batch.edges.to.len(),
            false => batch.rows,
        };
        let mut columns = batch.signals.iter().zip(reads);
        let fits = batch.signals.len() == reads.len()
            && columns.all(|(column, read)| column.len() == length(read.side))
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
        let done = match self.bound.substeps {
            1 => self.evaluate(batch, out),
            _ => self.substeps(batch, out),
        };
        done.map_err(|error| self.failed(error.to_string()))
    }

    fn describe(&self) -> Vec<String> {
        self.lines.clone()
    }

    fn provenance(&self) -> Provenance {
        self.provenance.clone()
    }

    fn spans(&self, _write: usize) -> Vec<Option<Span>> {
        let ranges = self.spec.ranges().into_iter().zip(&self.bound.into_model);
        let span = |(range, factor): (Option<(f64, f64)>, &f64)| {
            let (lo, hi) = range.unwrap_or(super::UNKNOWN);
            Some(Span {
                lo: lo / factor,
                hi: hi / factor,
                is_trained: true,
            })
        };
        ranges.map(span).collect()
    }

    fn learned(&self) -> Option<&Learned> {
        Some(&self.learned)
    }
}
