//! The contract of a model: what its metadata say, read strictly.
//!
//! `docs/models.md` is the same in prose. Nothing is guessed: a key that is not known here is
//! an error that names it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fault, fault, proto};
use crate::Combine;

/// The version of the contract.
pub const VERSION: &str = "1";

/// `milieu.contract`: the version.
pub const KEY_CONTRACT: &str = "milieu.contract";
/// `milieu.spec`: the [`Spec`].
pub const KEY_SPEC: &str = "milieu.spec";
/// `milieu.golden`: the golden rows, base64 of an npz.
pub const KEY_GOLDEN: &str = "milieu.golden";
/// `milieu.card`: the model's card.
pub const KEY_CARD: &str = "milieu.card";
/// `milieu.parent`: the hash of the model this one was tuned from.
pub const KEY_PARENT: &str = "milieu.parent";

/// The kinds of output this version runs.
pub const KINDS: &[&str] = &[
    "rate",
    "probability",
    "parameter",
    "delta",
    "derivative",
    "hit",
    "readout",
];

/// What a model reads, writes and how often.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spec {
    /// Cells or pairs.
    pub form: Form,
    /// Which cell types.
    pub acts_on: ActsOn,
    /// Every column of every input tensor.
    pub inputs: Vec<Input>,
    /// Every column of every output tensor.
    pub outputs: Vec<Output>,
    /// The time step.
    pub dt: Dt,
    /// Random lanes read from the tensor `noise`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Lanes>,
    /// How to combine with another source; the scenario's word wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub combine: Option<Combine>,
    /// A domain score and its calibration: carried, not used by this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ood: Option<Value>,
    /// A conformal table: carried, not used by this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conformal: Option<Value>,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// One cell.
    Cell,
    /// Two cells in contact, `a` acting on `b`.
    Dyad,
}

/// The cell types a model is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ActsOn {
    /// Form `cell`: one type.
    One(String),
    /// Form `cell`: several types.
    Several(Vec<String>),
    /// Form `dyad`.
    Pair(PairTypes),
}

/// The two types of a dyad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairTypes {
    /// The acting cell's.
    pub a: String,
    /// The type of the cell acted on.
    pub b: String,
}

/// One input column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// `x`; `a`, `b` or `e` for a dyad.
    pub tensor: String,
    /// Column of that tensor, from 0.
    pub col: usize,
    /// Name in the dictionary of signals.
    pub name: String,
    /// The unit the model wants.
    pub unit: String,
    /// What the graph itself does to the column first; a note for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
    /// The frame of a vector's component: `lab` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<String>,
    /// Least value trained on, in `unit`.
    pub lo: f64,
    /// Greatest value trained on, in `unit`.
    pub hi: f64,
    /// Mean over the training rows; a note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Standard deviation over the training rows; a note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
}

/// One output column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The output tensor.
    pub tensor: String,
    /// Column of that tensor; may be left out when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub col: Option<usize>,
    /// Name of the behavior, or of the readout.
    pub name: String,
    /// Who is acted on; required for dyads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<On>,
    /// One of [`KINDS`].
    pub kind: Kind,
    /// The unit the model gives.
    pub unit: String,
    /// The span a probability or a change belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Per>,
    /// Damage units one hit adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<f64>,
    /// Relaxation time of a parameter, min.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tau: Option<f64>,
    /// Steps of integration of a derivative: 1 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub substeps: Option<usize>,
    /// How the pairs of one cell add up; required for dyads where a cell is acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduce: Option<Reduce>,
    /// Further outputs that say how sure the model is: carried, not used by this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty: Option<Uncertainty>,
}

/// Who an output acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    /// The cell, in form `cell`.
    Cell,
    /// The acting cell.
    A,
    /// The cell acted on.
    B,
    /// The pair.
    Pair,
}

/// What an output means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An event's rate.
    Rate,
    /// An event's probability over `per`.
    Probability,
    /// A behavior's value.
    Parameter,
    /// A behavior's change over `per`.
    Delta,
    /// A behavior's change a minute.
    Derivative,
    /// The rate of hits of `size`.
    Hit,
    /// Recorded only.
    Readout,
}

/// A span of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Per {
    /// Minutes.
    Minutes(f64),
    /// `step`, `min`, or a number with a unit.
    Text(String),
}

/// How outputs of many pairs become one change of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reduce {
    /// Added up.
    Sum,
    /// Averaged.
    Mean,
    /// The greatest.
    Max,
}

/// Names of the output tensors that say how sure a model is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // The names of the contract's §6 speak for themselves.
pub struct Uncertainty {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q05: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q50: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q95: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ens: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<usize>,
}

impl Uncertainty {
    /// The tensors named.
    pub fn tensors(&self) -> impl Iterator<Item = &str> {
        [
            &self.std,
            &self.q05,
            &self.q50,
            &self.q95,
            &self.alpha,
            &self.ens,
        ]
        .into_iter()
        .flatten()
        .map(String::as_str)
    }
}

/// The time step a model was trained with and the steps it may be used with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lanes {
    /// How they are distributed.
    pub dist: Dist,
    /// Columns of `noise`.
    pub lanes: usize,
}

/// A distribution of random lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dist {
    /// Standard normal.
    Normal,
    /// Uniform in (0, 1).
    Uniform,
}

impl Spec {
    /// Reads the JSON of [`KEY_SPEC`].
    ///
    /// # Errors
    /// E-CONTRACT names the entry and the key.
    pub fn from_json(json: Value) -> Result<Spec, Fault> {
        let spec = parse(json)?;
        inputs_are_whole(&spec)?;
        outputs_are_whole(&spec)?;
        Ok(spec)
    }

    /// Random lanes, 0 for none.
    pub fn lanes(&self) -> usize {
        self.noise.as_ref().map_or(0, |noise| noise.lanes)
    }

    /// The cell types named.
    pub fn types(&self) -> Vec<&str> {
        match &self.acts_on {
            ActsOn::One(name) => vec![name],
            ActsOn::Several(names) => names.iter().map(String::as_str).collect(),
            ActsOn::Pair(pair) => vec![&pair.a, &pair.b],
        }
    }

    /// Tensors of signals in the order of the contract, with their widths.
    pub fn input_tensors(&self) -> Vec<(String, usize)> {
        let names: &[&str] = match self.form {
            Form::Cell => &["x"],
            Form::Dyad => &["a", "b", "e"],
        };
        let width = |name: &str| {
            let columns = self.inputs.iter().filter(|input| input.tensor == name);
            columns.count()
        };
        names
            .iter()
            .map(|&name| (name.to_owned(), width(name)))
            .filter(|(_, width)| *width > 0)
            .collect()
    }

    /// Output tensors in the order in which they are first named, with their widths.
    pub fn output_tensors(&self) -> Vec<(String, usize)> {
        let mut tensors: Vec<(String, usize)> = Vec::new();
        for output in &self.outputs {
            match tensors.iter_mut().find(|(name, _)| *name == output.tensor) {
                Some((_, width)) => *width += 1,
                None => tensors.push((output.tensor.clone(), 1)),
            }
        }
        tensors
    }
}

/// The name and version on a model's card, as one text.
pub fn card_name(model: &proto::Model) -> Result<Option<String>, Fault> {
    let Some(text) = model.metadata(KEY_CARD) else {
        return Ok(None);
    };
    let card: Value = serde_json::from_str(text)
        .map_err(|error| broken(KEY_CARD, &format!("not JSON: {error}")))?;
    let Value::Object(card) = card else {
        return Err(broken(KEY_CARD, "it must be a JSON object"));
    };
    let word = |key: &str| card.get(key).and_then(Value::as_str);
    Ok(match (word("name"), word("version")) {
        (Some(name), Some(version)) => Some(format!("{name} {version}")),
        (name, version) => name.or(version).map(str::to_owned),
    })
}

fn broken(key: &str, message: &str) -> Fault {
    fault("E-CONTRACT", format!("{key}: {message}"))
}

fn spec_fault(message: impl std::fmt::Display) -> Fault {
    broken(KEY_SPEC, &message.to_string())
}

/// Reads and checks the contract's metadata, all that can be checked without a scenario.
///
/// # Errors
/// E-CONTRACT names the key and the entry.
pub fn read(model: &proto::Model) -> Result<Spec, Fault> {
    match model.metadata(KEY_CONTRACT) {
        Some(VERSION) => {}
        Some(other) => {
            return Err(broken(
                KEY_CONTRACT,
                &format!("version `{other}` is not read; this version reads \"{VERSION}\""),
            ));
        }
        None => {
            return Err(fault(
                "E-CONTRACT",
                format!(
                    "no metadata key `{KEY_CONTRACT}`: a bare ONNX model does not say what it reads \
                     and writes; see docs/models.md for the keys to add"
                ),
            ));
        }
    }
    for property in &model.metadata_props {
        let known = [KEY_CONTRACT, KEY_SPEC, KEY_GOLDEN, KEY_CARD, KEY_PARENT];
        if property.key().starts_with("milieu.") && !known.contains(&property.key()) {
            return Err(fault(
                "E-CONTRACT",
                format!(
                    "unknown key `{}`; known are {}",
                    property.key(),
                    known.join(", ")
                ),
            ));
        }
    }
    let text = model
        .metadata(KEY_SPEC)
        .ok_or_else(|| fault("E-CONTRACT", format!("no metadata key `{KEY_SPEC}`")))?;
    let json: Value =
        serde_json::from_str(text).map_err(|error| spec_fault(format!("not JSON: {error}")))?;
    Spec::from_json(json)
}

fn parse(json: Value) -> Result<Spec, Fault> {
    let Value::Object(mut keys) = json else {
        return Err(spec_fault("it must be a JSON object"));
    };
    let form = match keys.shift_remove("form") {
        Some(Value::String(form)) => form,
        _ => return Err(spec_fault("`form` is missing: \"cell\" or \"dyad\"")),
    };
    let form = match form.as_str() {
        "cell" => Form::Cell,
        "dyad" => Form::Dyad,
        "graph" | "decoder" | "encoder" | "division" => {
            return Err(spec_fault(format!(
                "form `{form}` is not supported by this version, which runs `cell` and `dyad`"
            )));
        }
        _ => {
            return Err(spec_fault(format!(
                "unknown form `{form}`; known: cell, dyad"
            )));
        }
    };
    fn take<T: serde::de::DeserializeOwned>(
        keys: &mut serde_json::Map<String, Value>,
        key: &str,
    ) -> Result<Option<T>, Fault> {
        let value = keys.shift_remove(key).filter(|value| !value.is_null());
        value
            .map(|value| serde_json::from_value(value))
            .transpose()
            .map_err(|error| spec_fault(format!("{key}: {error}")))
    }
    fn need<T>(key: &str, value: Option<T>) -> Result<T, Fault> {
        value.ok_or_else(|| spec_fault(format!("`{key}` is missing")))
    }
    let acts_on = need("acts_on", keys.shift_remove("acts_on"))?;
    let acts_on = serde_json::from_value(acts_on).map_err(|_| {
        spec_fault(
            "acts_on: a cell type or a list of them for form `cell`, {\"a\": …, \"b\": …} for form `dyad`",
        )
    })?;
    let inputs: Vec<Value> = need("inputs", take(&mut keys, "inputs")?)?;
    let outputs: Vec<Value> = need("outputs", take(&mut keys, "outputs")?)?;
    let spec = Spec {
        form,
        acts_on,
        inputs: entries("inputs", inputs, |_| Ok(()))?,
        outputs: entries("outputs", outputs, is_supported)?,
        dt: need("dt", take(&mut keys, "dt")?)?,
        noise: take(&mut keys, "noise")?,
        combine: take(&mut keys, "combine")?,
        ood: take(&mut keys, "ood")?,
        conformal: take(&mut keys, "conformal")?,
    };
    if let Some(key) = keys.keys().next() {
        let later = [
            "latent",
            "latents",
            "latent_spaces",
            "spaces",
            "hops",
            "cond",
            "z",
        ];
        return Err(spec_fault(if later.contains(&key.as_str()) {
            format!("`{key}` is not supported by this version")
        } else {
            format!(
                "unknown key `{key}`; known: form, acts_on, inputs, outputs, dt, noise, combine, \
                 ood, conformal"
            )
        }));
    }
    Ok(spec)
}

fn entries<T: serde::de::DeserializeOwned>(
    list: &str,
    values: Vec<Value>,
    first: impl Fn(&Value) -> Result<(), String>,
) -> Result<Vec<T>, Fault> {
    let read = |(at, value): (usize, Value)| {
        let place = match value.get("name").and_then(Value::as_str) {
            Some(name) => format!("{list}[{at}] `{name}`"),
            None => format!("{list}[{at}]"),
        };
        first(&value).map_err(|error| spec_fault(format!("{place}: {error}")))?;
        serde_json::from_value(value).map_err(|error| spec_fault(format!("{place}: {error}")))
    };
    values.into_iter().enumerate().map(read).collect()
}

/// Kinds of the contract that this version does not run are told apart from typing errors.
fn is_supported(output: &Value) -> Result<(), String> {
    match output.get("kind") {
        Some(Value::String(kind)) if KINDS.contains(&kind.as_str()) => Ok(()),
        Some(kind) => Err(format!(
            "kind {kind} is not supported by this version, which runs {}; leave this output out of \
             milieu.spec",
            KINDS.join(", ")
        )),
        None => Err(format!("`kind` is missing: one of {}", KINDS.join(", "))),
    }
}

fn inputs_are_whole(spec: &Spec) -> Result<(), Fault> {
    let tensors: &[&str] = match (&spec.form, &spec.acts_on) {
        (Form::Cell, ActsOn::Pair(_)) => {
            return Err(spec_fault(
                "acts_on: form `cell` wants a cell type or a list of them",
            ));
        }
        (Form::Dyad, ActsOn::One(_) | ActsOn::Several(_)) => {
            return Err(spec_fault(
                "acts_on: form `dyad` wants {\"a\": …, \"b\": …}",
            ));
        }
        (Form::Cell, _) => &["x"],
        (Form::Dyad, _) => &["a", "b", "e"],
    };
    if spec.types().is_empty() {
        return Err(spec_fault("acts_on: no cell type is named"));
    }
    for (at, input) in spec.inputs.iter().enumerate() {
        let place = format!("inputs[{at}] `{}`", input.name);
        if !tensors.contains(&input.tensor.as_str()) {
            return Err(spec_fault(format!(
                "{place}: signals enter by {}, not by `{}`",
                quoted(tensors),
                input.tensor
            )));
        }
        if !(input.lo.is_finite() && input.hi.is_finite() && input.lo <= input.hi) {
            return Err(spec_fault(format!(
                "{place}: lo {} and hi {} must be numbers with lo ≤ hi",
                input.lo, input.hi
            )));
        }
        if input.frame.as_deref().is_some_and(|frame| frame != "lab") {
            return Err(spec_fault(format!(
                "{place}: only the frame `lab` is supported by this version"
            )));
        }
    }
    if spec.inputs.is_empty() {
        return Err(spec_fault("inputs: a model must read at least one signal"));
    }
    for (tensor, width) in spec.input_tensors() {
        let columns = spec.inputs.iter().filter(|input| input.tensor == tensor);
        each_once("inputs", &tensor, width, columns.map(|input| input.col))?;
    }
    let dt = &spec.dt;
    let ordered = 0.0 < dt.min && dt.min <= dt.trained && dt.trained <= dt.max;
    if !(ordered && dt.max.is_finite()) {
        return Err(spec_fault("dt: 0 < min ≤ trained ≤ max must hold"));
    }
    Ok(())
}

fn outputs_are_whole(spec: &Spec) -> Result<(), Fault> {
    if spec.outputs.is_empty() {
        return Err(spec_fault("outputs: a model must write something"));
    }
    for (at, output) in spec.outputs.iter().enumerate() {
        output_is_whole(spec.form, output)
            .map_err(|error| spec_fault(format!("outputs[{at}] `{}`: {error}", output.name)))?;
    }
    for (tensor, width) in spec.output_tensors() {
        let columns = spec.outputs.iter().filter(|output| output.tensor == tensor);
        // With several columns, one left out would be a guess; it reads as column 0 only if alone.
        let columns: Vec<Option<usize>> = columns.map(|output| output.col).collect();
        if width > 1 && columns.contains(&None) {
            return Err(spec_fault(format!(
                "outputs: every entry of the tensor `{tensor}` needs its `col`"
            )));
        }
        let columns = columns.into_iter().map(|col| col.unwrap_or(0));
        each_once("outputs", &tensor, width, columns)?;
    }
    Ok(())
}

fn output_is_whole(form: Form, output: &Output) -> Result<(), String> {
    let on = match (form, output.on) {
        (Form::Cell, None | Some(On::Cell)) => On::Cell,
        (Form::Dyad, Some(on @ (On::A | On::B | On::Pair))) => on,
        (Form::Cell, Some(_)) => return Err("`on` is for form `dyad`".into()),
        (Form::Dyad, _) => return Err("`on` is missing: \"a\", \"b\" or \"pair\"".into()),
    };
    let kind = output.kind;
    let is_hit = kind == Kind::Hit || output.size.is_some();
    if is_hit {
        if !matches!(kind, Kind::Hit | Kind::Rate) {
            return Err("`size` is for kinds `hit` and `rate`".into());
        }
        if !matches!(on, On::A | On::B) {
            return Err("a hit lands on `a` or on `b` of a dyad".into());
        }
        match output.size {
            Some(size) if size.is_finite() && size >= 0.0 => {}
            Some(size) => return Err(format!("size {size} must be a number ≥ 0")),
            None => return Err("`size` is missing: the damage units one hit adds".into()),
        }
    }
    match (kind, &output.per) {
        (Kind::Probability | Kind::Delta, None) => {
            return Err("`per` is missing: the minutes the number belongs to".into());
        }
        (Kind::Probability | Kind::Delta, Some(_)) | (_, None) => {}
        (_, Some(_)) => return Err("`per` is for kinds `probability` and `delta`".into()),
    }
    if let Some(tau) = output.tau {
        if kind != Kind::Parameter {
            return Err("`tau` is for kind `parameter`".into());
        }
        if !(tau.is_finite() && tau > 0.0) {
            return Err(format!("tau {tau} must be minutes > 0"));
        }
    }
    if output.substeps.is_some() && kind != Kind::Derivative {
        return Err("`substeps` is for kind `derivative`".into());
    }
    if output.substeps.is_some_and(|substeps| substeps != 1) {
        return Err("only `substeps`: 1 is supported by this version".into());
    }
    reduction_is_stated(on, output)
}

fn reduction_is_stated(on: On, output: &Output) -> Result<(), String> {
    if form_is_pairwise(on) && output.kind == Kind::Parameter {
        return Err(
            "many pairs cannot set one cell's parameter; write it from a model of form `cell`"
                .into(),
        );
    }
    match (on, output.kind, output.reduce) {
        (On::Cell | On::Pair, _, None) | (_, Kind::Readout, None) => Ok(()),
        (On::Cell, _, Some(_)) => Err("`reduce` is for form `dyad`".into()),
        (_, _, Some(Reduce::Sum)) => Ok(()),
        (_, _, None) => {
            Err("`reduce` is missing: say how the pairs of one cell add up (\"sum\")".into())
        }
        (_, _, Some(Reduce::Mean | Reduce::Max)) => {
            Err("only `reduce`: \"sum\" is supported by this version".into())
        }
    }
}

fn form_is_pairwise(on: On) -> bool {
    matches!(on, On::A | On::B)
}

fn each_once(
    list: &str,
    tensor: &str,
    width: usize,
    columns: impl Iterator<Item = usize>,
) -> Result<(), Fault> {
    let mut seen = vec![false; width];
    for column in columns {
        match seen.get_mut(column) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => {
                return Err(spec_fault(format!(
                    "{list}: column {column} of `{tensor}` is named twice"
                )));
            }
            None => {
                return Err(spec_fault(format!(
                    "{list}: `{tensor}` has {width} named column{}, so there is none numbered \
                     {column}; every column from 0 must be named once",
                    if width == 1 { "" } else { "s" }
                )));
            }
        }
    }
    Ok(())
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" or ")
}
