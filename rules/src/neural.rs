//! A model file as a rule: an ONNX graph that says, in its own metadata, what it reads and writes.
//!
//! Loading is the door at which everything is checked: the file's messages ([`check`]), the
//! contract ([`contract`]), names and units ([`bind`]), the golden rows ([`golden`]), and that
//! rows do not depend on each other ([`independence`]). After it there are only indices.
//! `docs/models.md` tells how to make such a file.

pub mod bind;
pub mod check;
pub mod contract;
pub mod engine;
pub mod golden;
pub mod graph;
pub mod independence;
pub mod make;
pub mod mlp;
mod ort;
pub mod proto;
mod rten;

use std::fmt::Write as _;
use std::path::Path;

use sha2::{Digest, Sha256};

pub use engine::find_onnx_runtime;
pub use independence::RowClass;

use crate::{
    Batch, Binding, Declared, Engine, Error, Outputs, Provenance, Rule, Signature, Vocabulary,
};
use bind::{Bound, Convert};
use contract::{Form, Spec};
use engine::Rows;

/// What is wrong with a model, before its file is known: a code and a text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// The contract's code.
    pub code: &'static str,
    /// What was expected, what was found, the way out.
    pub message: String,
}

impl Fault {
    fn at(mut self, place: &str) -> Fault {
        self.message = format!("{place}: {}", self.message);
        self
    }

    fn of(self, file: &Path) -> Error {
        Error::Model {
            file: file.to_owned(),
            code: self.code,
            message: self.message,
        }
    }
}

pub(crate) fn fault(code: &'static str, message: impl Into<String>) -> Fault {
    Fault {
        code,
        message: message.into(),
    }
}

/// A model, checked and bound.
pub struct Model {
    spec: Spec,
    bound: Bound,
    rows: Rows,
    row_class: RowClass,
    /// [input tensor][column], the input of the spec that stands there; the last tensor is
    /// `noise` and empty here if there are lanes.
    layout: Vec<Vec<usize>>,
    /// For each output of the spec, its tensor and column.
    places: Vec<(usize, usize)>,
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
        let sha256 = hex(&Sha256::digest(bytes));
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
        let proto = check::decode(bytes)?;
        let admitted = check::admit(&proto)?;
        let spec = contract::read(&proto)?;
        let card = contract::card_name(&proto)?;
        let reads_dt = bind::tensors(check::graph(&proto)?, &spec)?;
        let bound = bind::bind(&spec, binding, vocabulary)?;
        let golden = proto.metadata(contract::KEY_GOLDEN).ok_or_else(|| {
            fault(
                "E-GOLDEN",
                format!(
                    "no metadata key `{}`: at least {} golden rows are part of every model; \
                     docs/models.md shows how to add them",
                    contract::KEY_GOLDEN,
                    golden::ROWS
                ),
            )
        })?;
        let golden = golden::Arrays::read(golden)?;

        let rows = rows(&admitted, &binding.engine, &spec, reads_dt)?;
        golden::reproduce(&golden, &rows, bound.trained as f32)?;
        let row_class = independence::examine(&rows, bound.signature.clock as f32, &ranges(&spec))?;

        let (layout, places) = (layout(&spec), places(&spec));
        let provenance = Provenance {
            name: binding.name.clone(),
            file: binding.file.clone(),
            sha256,
            engine: format!("{}, {row_class}", rows.engine()),
            model: card,
        };
        let lines = describe(&spec, &bound, &provenance, vocabulary);
        Ok(Model {
            spec,
            bound,
            rows,
            row_class,
            layout,
            places,
            provenance,
            lines,
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
        let columns = batch.signals.iter().zip(&self.bound.into_model);
        for (input, (column, factor)) in self.spec.inputs.iter().zip(columns) {
            let value = column[row] * factor;
            // Writing to a text cannot fail.
            let _ = write!(
                text,
                " {}[{}] {} = {value} {};",
                input.tensor, input.col, input.name, input.unit
            );
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
        for row in first..first + count {
            let is_whole = self.is_whole(batch, row);
            for (tensor, columns) in tensors.iter_mut().zip(&self.layout) {
                for &input in columns {
                    let value = batch.signals[input][row] * self.bound.into_model[input];
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
}

/// The number an output becomes, or why it becomes none.
fn convert(how: Convert, value: f32) -> Result<f64, String> {
    if !value.is_finite() {
        return Err(format!("E-NONFINITE: it is {value}"));
    }
    let value = f64::from(value);
    match how {
        Convert::Factor(factor) => Ok(value * factor),
        Convert::Probability { factor, per, rate } => {
            let p = value * factor;
            if !(0.0..1.0).contains(&p) {
                return Err(format!("E-RANGE: the probability {p} is not in [0, 1)"));
            }
            Ok(-libm::log1p(-p) / per * rate)
        }
    }
}

impl Rule for Model {
    fn signature(&self) -> &Signature {
        &self.bound.signature
    }

    fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        let failed = |message: String| Error::Run {
            name: self.provenance.name.clone(),
            message,
        };
        let fits = batch.signals.len() == self.bound.into_model.len()
            && batch
                .signals
                .iter()
                .all(|column| column.len() == batch.rows)
            && batch.noise.len() == batch.rows * self.spec.lanes();
        if !fits {
            return Err(failed(format!(
                "{} rows were announced, but the columns or the noise are of another size",
                batch.rows
            )));
        }
        if batch.rows == 0 {
            return Ok(());
        }
        let fill = |first, count, tensors: &mut [Vec<f32>]| self.fill(batch, first, count, tensors);
        let chunks = self
            .rows
            .run(batch.rows, batch.dt as f32, fill)
            .map_err(|error| failed(error.to_string()))?;
        for row in 0..batch.rows {
            // Nothing is written to the dead, so nothing of theirs can fail.
            if batch.dead.get(row).copied().unwrap_or(false) {
                continue;
            }
            if !self.is_whole(batch, row) {
                let inputs = self.inputs(batch, row);
                out.failed.push((
                    row,
                    format!("E-NONFINITE: an input is not a number; {inputs}"),
                ));
                continue;
            }
            let (chunk, place) = (&chunks[row / engine::CHUNK], row % engine::CHUNK);
            for (write, &(tensor, column)) in self.places.iter().enumerate() {
                let width = self.rows.outputs[tensor].1;
                let value = chunk[tensor][place * width + column];
                match convert(self.bound.from_model[write], value) {
                    Ok(value) => out.columns[write][row] = value,
                    Err(reason) => {
                        let name = &self.spec.outputs[write].name;
                        let inputs = self.inputs(batch, row);
                        out.failed
                            .push((row, format!("{reason} (output `{name}`); {inputs}")));
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn describe(&self) -> Vec<String> {
        self.lines.clone()
    }

    fn provenance(&self) -> Provenance {
        self.provenance.clone()
    }
}

/// What the models among these files declare.
///
/// # Errors
/// E-SPACE where two models disagree about a space.
pub fn declared(_bindings: &[Binding]) -> Result<Declared, Error> {
    Ok(Declared::default())
}

fn rows(admitted: &[u8], engine: &Engine, spec: &Spec, reads_dt: bool) -> Result<Rows, Fault> {
    let session = engine::open(engine, admitted).map_err(|error| fault("E-ENGINE", error))?;
    let mut inputs = spec.input_tensors();
    if spec.lanes() > 0 {
        inputs.push(("noise".to_owned(), spec.lanes()));
    }
    Ok(Rows::new(session, inputs, reads_dt, spec.output_tensors()))
}

/// The range of every column of every input tensor.
fn ranges(spec: &Spec) -> Vec<Vec<(f64, f64)>> {
    let mut ranges: Vec<Vec<(f64, f64)>> = layout(spec)
        .iter()
        .map(|columns| {
            let range = |&at: &usize| (spec.inputs[at].lo, spec.inputs[at].hi);
            columns.iter().map(range).collect()
        })
        .collect();
    if let Some(noise) = spec.noise.as_ref().filter(|noise| noise.lanes > 0) {
        let range = match noise.dist {
            contract::Dist::Normal => (-2.0, 2.0),
            contract::Dist::Uniform => (0.0, 1.0),
        };
        ranges.push(vec![range; noise.lanes]);
    }
    ranges
}

fn layout(spec: &Spec) -> Vec<Vec<usize>> {
    let columns = |tensor: &str| {
        let mut columns: Vec<usize> = (0..spec.inputs.len())
            .filter(|&at| spec.inputs[at].tensor == tensor)
            .collect();
        columns.sort_by_key(|&at| spec.inputs[at].col);
        columns
    };
    let tensors = spec.input_tensors();
    tensors.iter().map(|(name, _)| columns(name)).collect()
}

fn places(spec: &Spec) -> Vec<(usize, usize)> {
    let tensors = spec.output_tensors();
    let place = |output: &contract::Output| {
        let tensor = tensors.iter().position(|(name, _)| *name == output.tensor);
        let tensor = tensor.expect("the tensors were listed from these outputs");
        (tensor, output.col.unwrap_or(0))
    };
    spec.outputs.iter().map(place).collect()
}

fn describe(
    spec: &Spec,
    bound: &Bound,
    provenance: &Provenance,
    vocabulary: &Vocabulary,
) -> Vec<String> {
    let acts_on = match spec.form {
        Form::Cell => spec.types().join(", "),
        Form::Dyad => spec.types().join(" → "),
    };
    let mut lines = vec![
        format!(
            "model {} for {acts_on}, sha256 {}, by {}",
            provenance.model.as_deref().unwrap_or("without a card"),
            provenance.sha256,
            provenance.engine
        ),
        format!(
            "every {} min (trained with {} {unit}, good for {} to {} {unit})",
            bound.signature.clock,
            spec.dt.trained,
            spec.dt.min,
            spec.dt.max,
            unit = spec.dt.unit
        ),
    ];
    for (input, (read, factor)) in spec
        .inputs
        .iter()
        .zip(bound.signature.reads.iter().zip(&bound.into_model))
    {
        let dictionary = match read.side {
            crate::Side::Pair => &vocabulary.pair_signals,
            _ => &vocabulary.signals,
        };
        let entry = dictionary.entry(read.signal);
        let factor = match factor {
            1.0 => String::new(),
            factor => format!(", from {} times {factor}", entry.unit),
        };
        lines.push(format!(
            "reads {}[{}] {} in {}, trained on {} to {}{factor}",
            input.tensor, input.col, entry.name, input.unit, input.lo, input.hi
        ));
    }
    if let Some(noise) = &bound.signature.noise {
        lines.push(format!(
            "reads noise, {} lanes, {:?}",
            noise.lanes, noise.distribution
        ));
    }
    for (output, write) in spec.outputs.iter().zip(&bound.signature.writes) {
        let name = match &write.target {
            crate::Target::Behavior(at) => &vocabulary.behaviors.entry(*at).name,
            crate::Target::PairBehavior(at) => &vocabulary.pair_behaviors.entry(*at).name,
            crate::Target::Readout(name) => name,
        };
        let on = match (&spec.acts_on, write.side) {
            (contract::ActsOn::Pair(pair), crate::Side::A) => format!(" of {} (a)", pair.a),
            (contract::ActsOn::Pair(pair), crate::Side::B) => format!(" on {} (b)", pair.b),
            (contract::ActsOn::Pair(_), _) => " of the pair".to_owned(),
            _ => String::new(),
        };
        let mut line = format!(
            "writes {}[{}] {name}{on} as {} in {}",
            output.tensor,
            output.col.unwrap_or(0),
            format!("{:?}", output.kind).to_lowercase(),
            output.unit
        );
        if let Some(size) = output.size {
            let _ = write!(line, ", hits of size {size}");
        }
        match &output.per {
            Some(contract::Per::Minutes(per)) => drop(write!(line, ", per {per} min")),
            Some(contract::Per::Text(per)) => drop(write!(line, ", per {per}")),
            None => {}
        }
        if output.kind == contract::Kind::Readout {
            line.push_str(", ignored by this version");
        }
        if let Some(tau) = output.tau {
            let _ = write!(line, ", reached with tau = {tau} min");
        }
        lines.push(line);
    }
    lines
}

fn hex(bytes: &[u8]) -> String {
    let digit = |byte: &u8| format!("{byte:02x}");
    bytes.iter().map(digit).collect()
}
