//! What a model reads, writes and how often: the value of `milieu.spec`.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::domain::{Conformal, Gate, Ood, Residual};
use super::input::Input;
use super::latent::Latent;
use super::output::{Kind, Output};
use super::{spec_fault, whole};
use crate::Combine;
use crate::neural::Fault;

/// What a model reads, writes and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What a row is.
    pub form: Form,
    /// Which cell types.
    pub acts_on: ActsOn,
    /// Form `graph`: further types that are in the graph and are not written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sees: Vec<String>,
    /// Every column of every tensor of signals.
    pub inputs: Vec<Input>,
    /// What the graph gives.
    pub outputs: Vec<Output>,
    /// The time step; may be left out for forms `decoder`, `encoder` and `division`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dt: Option<Dt>,
    /// Random lanes read from the tensor `noise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Lanes>,
    /// How to combine with another source; the scenario's word wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<CombineName>")]
    pub combine: Option<Combine>,
    /// Vectors that are state of a cell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latents: Vec<Latent>,
    /// Form `graph` in two parts: what goes between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Messages>,
    /// Form `graph` in one part: from how far an answer is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hops: Option<usize>,
    /// The outputs are corrections of mechanistic rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<Residual>,
    /// How far the model trusts itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// Where the model was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ood: Option<Ood>,
    /// Intervals with a promised coverage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conformal: Vec<Conformal>,
}

/// The names of [`Combine`], for the schema.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "only the schema of it is used")]
enum CombineName {
    Sum,
    Product,
    Priority,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A live cell.
    Cell,
    /// Two live cells in contact, `a` acting on `b`.
    Dyad,
    /// A live cell among its contacts.
    Graph,
    /// A live cell, before all other rules; only read from.
    Decoder,
    /// A cell that enters the tissue.
    Encoder,
    /// A mother, just before she divides.
    Division,
}

impl Form {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Form::Cell => "cell",
            Form::Dyad => "dyad",
            Form::Graph => "graph",
            Form::Decoder => "decoder",
            Form::Encoder => "encoder",
            Form::Division => "division",
        }
    }

    /// Whether the model has a clock of its own: the others are called by what happens.
    pub fn has_clock(self) -> bool {
        !matches!(self, Form::Encoder | Form::Division)
    }
}

/// The cell types a model is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a cell type or a list of them; {\"a\": …, \"b\": …} for form `dyad`"
)]
pub enum ActsOn {
    /// One type.
    One(String),
    /// Several types.
    Several(Vec<String>),
    /// Form `dyad`.
    Pair(PairTypes),
}

/// The two types of a dyad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairTypes {
    /// The acting cell's.
    pub a: String,
    /// The type of the cell acted on.
    pub b: String,
}

/// The time step a model was trained with and the steps it may be used with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dt {
    /// Trained with.
    pub trained: f64,
    /// Least allowed.
    pub min: f64,
    /// Greatest allowed.
    pub max: f64,
    /// Their unit.
    pub unit: String,
}

/// Random numbers a model reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lanes {
    /// How they are distributed.
    pub dist: Dist,
    /// Columns of `noise`.
    pub lanes: usize,
}

/// A distribution of random lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dist {
    /// Standard normal.
    Normal,
    /// Uniform in (0, 1).
    Uniform,
}

/// What goes from the edge part of a graph to its node part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    /// The output of the edge part.
    pub tensor: String,
    /// The input of the node part.
    pub into: String,
    /// How the messages that reach a node become one.
    pub reduce: Reduce,
}

/// How the numbers of many pairs become one of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reduce {
    /// Added up.
    Sum,
    /// Averaged.
    Mean,
    /// The greatest.
    Max,
}

impl From<Reduce> for crate::Reduce {
    fn from(reduce: Reduce) -> crate::Reduce {
        match reduce {
            Reduce::Sum => crate::Reduce::Sum,
            Reduce::Mean => crate::Reduce::Mean,
            Reduce::Max => crate::Reduce::Max,
        }
    }
}

impl Spec {
    /// Reads the JSON of `milieu.spec`.
    ///
    /// # Errors
    /// E-CONTRACT names the entry and the key.
    pub fn from_json(json: Value) -> Result<Spec, Fault> {
        if !json.is_object() {
            return Err(spec_fault("it must be a JSON object"));
        }
        let spec = serde_path_to_error::deserialize(&json).map_err(|error| {
            spec_fault(format!("{}{}", place(&json, error.path()), error.inner()))
        })?;
        whole::check(&spec)?;
        Ok(spec)
    }

    /// Random lanes, 0 for none.
    pub fn lanes(&self) -> usize {
        self.noise.as_ref().map_or(0, |noise| noise.lanes)
    }

    /// The cell types acted on; of a dyad `a`, then `b`.
    pub fn types(&self) -> Vec<&str> {
        match &self.acts_on {
            ActsOn::One(name) => vec![name],
            ActsOn::Several(names) => names.iter().map(String::as_str).collect(),
            ActsOn::Pair(pair) => vec![&pair.a, &pair.b],
        }
    }

    /// Whether it is a graph of an edge and a node part.
    pub fn has_parts(&self) -> bool {
        self.messages.is_some()
    }

    /// Names under which signals may enter.
    pub fn signal_tensors(&self) -> &'static [&'static str] {
        match self.form {
            Form::Dyad => &["a", "b", "e", "cond"],
            Form::Graph if self.has_parts() => &["a", "b", "e", "x", "cond"],
            Form::Graph => &["x", "e", "cond"],
            _ => &["x", "cond"],
        }
    }

    /// Names under which latent states may enter.
    pub fn latent_tensors(&self) -> &'static [&'static str] {
        match self.form {
            Form::Dyad => &["za", "zb"],
            Form::Graph if self.has_parts() => &["za", "zb", "z"],
            _ => &["z"],
        }
    }

    /// Tensors of signals and latent states in the order of the contract, with their widths.
    pub fn input_tensors(&self) -> Vec<(String, usize)> {
        let names = self.signal_tensors().iter().chain(self.latent_tensors());
        names
            .map(|&name| (name.to_owned(), self.columns(name).len()))
            .filter(|(_, width)| *width > 0)
            .collect()
    }

    /// The reads that stand side by side in an input tensor. Reads are numbered: the inputs, then
    /// the components of every latent state that enters.
    pub fn columns(&self, tensor: &str) -> Vec<usize> {
        let mut columns: Vec<usize> = (0..self.inputs.len())
            .filter(|&at| self.inputs[at].tensor == tensor)
            .collect();
        columns.sort_by_key(|&at| self.inputs[at].col);
        let mut first = self.inputs.len();
        for latent in self.entering() {
            if latent.tensor.as_deref() == Some(tensor) {
                columns.extend(first..first + latent.width());
            }
            first += latent.width();
        }
        columns
    }

    /// Latent states that are read.
    pub fn entering(&self) -> impl Iterator<Item = &Latent> {
        let latents = self.latents.iter();
        latents.filter(|latent| latent.tensor.is_some())
    }

    /// The range every read was trained on, in the model's unit.
    pub fn ranges(&self) -> Vec<Option<(f64, f64)>> {
        let inputs = self.inputs.iter().map(|input| Some((input.lo, input.hi)));
        let latents = self
            .entering()
            .flat_map(|latent| std::iter::repeat_n(latent.range(), latent.width()));
        inputs.chain(latents).collect()
    }

    /// Output tensors in the order in which they are first named, with their widths: those of the
    /// outputs, of their uncertainty, the gate, the score of strangeness.
    ///
    /// # Errors
    /// The tensor that is named with two widths.
    pub fn output_tensors(&self) -> Result<Vec<(String, usize)>, String> {
        let mut tensors: Vec<(String, usize)> = Vec::new();
        for output in &self.outputs {
            let width = self.width(output);
            match tensors.iter_mut().find(|(name, _)| *name == output.tensor) {
                Some((_, sum)) => *sum += width,
                None => tensors.push((output.tensor.clone(), width)),
            }
        }
        let mut further: Vec<(&str, usize)> = Vec::new();
        for output in &self.outputs {
            let Some(sure) = &output.uncertainty else {
                continue;
            };
            let of = tensors.iter().find(|(name, _)| *name == output.tensor);
            let width = of.map_or(1, |(_, width)| *width);
            further.extend(sure.beside().map(|name| (name, width)));
            if let (Some(ens), Some(k)) = (&sure.ens, sure.k) {
                further.push((ens, k));
            }
        }
        further.extend(self.gate.iter().map(|gate| (&gate.tensor[..], 1)));
        let scores = self.ood.iter().filter_map(|ood| ood.score.as_ref());
        further.extend(scores.map(|score| (&score.tensor[..], 1)));
        for (name, width) in further {
            match tensors.iter().find(|(other, _)| other == name) {
                None => tensors.push((name.to_owned(), width)),
                Some((_, other)) if *other == width => {}
                Some((_, other)) => {
                    return Err(format!(
                        "the tensor `{name}` is named with {other} and with {width} columns"
                    ));
                }
            }
        }
        Ok(tensors)
    }

    /// Columns of its tensor that an output takes.
    pub fn width(&self, output: &Output) -> usize {
        match output.kind {
            Kind::Logits => output.classes.len(),
            Kind::TimeToEvent => 2,
            Kind::LatentDelta | Kind::LatentNext => self.space_width(output).unwrap_or(1),
            _ => match &output.uncertainty {
                Some(sure) if sure.ens.as_ref() == Some(&output.tensor) => sure.k.unwrap_or(1),
                _ => 1,
            },
        }
    }

    fn space_width(&self, output: &Output) -> Option<usize> {
        let space = output.space.as_ref()?;
        let latent = self.latents.iter().find(|latent| latent.space == *space)?;
        Some(latent.width())
    }
}

/// `inputs[2] `oxygen`: `, for people who do not count.
fn place(json: &Value, path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let (mut text, mut here) = (String::new(), Some(json));
    for segment in path {
        let (word, next): (Cow<'_, str>, _) = match segment {
            Segment::Seq { index } => {
                let entry = here.and_then(|here| here.get(index));
                let key = ["name", "space", "output"]
                    .into_iter()
                    .find_map(|key| entry?.get(key));
                let name = key.and_then(Value::as_str);
                let name = name.map_or(String::new(), |name| format!(" `{name}`"));
                (format!("[{index}]{name}").into(), entry)
            }
            Segment::Map { key } => {
                let dot = if text.is_empty() { "" } else { ": " };
                (
                    format!("{dot}{key}").into(),
                    here.and_then(|here| here.get(key)),
                )
            }
            Segment::Enum { .. } | Segment::Unknown => ("".into(), here),
        };
        text.push_str(&word);
        here = next;
    }
    if !text.is_empty() {
        text.push_str(": ");
    }
    text
}
