//! `milieu model inspect MODEL.onnx`: what a file says of itself, for a reader.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::Args;
use rules::{
    Engine,
    neural::{
        attach::shape,
        check::{decode, graph, opset},
        contract,
        proto::{self, Model},
        trials::{Outcome, Trial, trials},
    },
};
use serde_json::{Map, Value, json};

use super::super::{Stop, print, print_json};
use super::check;

/// Arguments of `milieu model inspect`.
#[derive(Args)]
pub struct Arguments {
    /// A model file, or any ONNX file.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Shows a file.
pub fn inspect(arguments: &Arguments) -> Result<(), Stop> {
    let file = &arguments.file;
    let bytes = super::read(file)?;
    let wrong = |fault: rules::neural::Fault| Stop::input(format!("{}: {fault}", file.display()));
    let model = decode(&bytes).map_err(wrong)?;
    let found = Found {
        sha256: super::sha256(&bytes),
        bytes: bytes.len(),
        graph: graph(&model).map_err(wrong)?,
        spec: read(&model, contract::KEY_SPEC),
        card: read(&model, contract::KEY_CARD),
        trials: match model.metadata(contract::KEY_CONTRACT) {
            Some(_) => trials(&bytes, &Engine::Embedded),
            None => Vec::new(),
        },
        model: &model,
    };
    if arguments.json {
        return print_json(&found.as_json(file));
    }
    print(&found.as_text(file))
}

/// The JSON under a key; text that is none stays text, so that it can be seen.
fn read(model: &Model, key: &str) -> Option<Value> {
    let text = model.metadata(key)?;
    Some(serde_json::from_str(text).unwrap_or_else(|_| json!(text)))
}

/// A file and what it holds.
struct Found<'a> {
    sha256: String,
    bytes: usize,
    model: &'a Model,
    graph: &'a proto::Graph,
    spec: Option<Value>,
    card: Option<Value>,
    /// Empty for a file without a contract.
    trials: Vec<Trial>,
}

impl Found<'_> {
    fn operators(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for node in &self.graph.node {
            *counts.entry(node.op_type()).or_insert(0) += 1;
        }
        counts
    }

    /// Numbers in constants.
    fn weights(&self) -> i64 {
        let count = |tensor: &proto::Tensor| {
            let length = |product: i64, dim: &i64| product.saturating_mul(*dim);
            tensor.dims.iter().fold(1, length)
        };
        self.graph
            .initializer
            .iter()
            .map(count)
            .fold(0, i64::saturating_add)
    }

    /// Inputs that are fed, which constants are not.
    fn inputs(&self) -> impl Iterator<Item = &proto::ValueInfo> {
        let is_fed = |info: &&proto::ValueInfo| {
            let mut constants = self.graph.initializer.iter();
            !constants.any(|tensor| tensor.name() == info.name())
        };
        self.graph.input.iter().filter(is_fed)
    }

    fn as_json(&self, file: &Path) -> Value {
        let tensors = |list: Vec<&proto::ValueInfo>| -> Vec<Value> {
            let tensor =
                |info: &&proto::ValueInfo| json!({"name": info.name(), "shape": shape(info)});
            list.iter().map(tensor).collect()
        };
        json!({
            "file": file,
            "sha256": self.sha256,
            "bytes": self.bytes,
            "is_bare": self.model.metadata(contract::KEY_CONTRACT).is_none(),
            "contract": self.model.metadata(contract::KEY_CONTRACT),
            "card": self.card,
            "spec": self.spec,
            "parent": self.model.metadata(contract::KEY_PARENT),
            "graph": {
                "producer": self.model.producer_name(),
                "ir_version": self.model.ir_version(),
                "opset": opset(self.model).ok(),
                "inputs": tensors(self.inputs().collect()),
                "outputs": tensors(self.graph.output.iter().collect()),
                "operators": self.operators(),
                "constants": self.weights(),
            },
            "tests": self.trials.iter().map(check::as_json).collect::<Vec<_>>(),
        })
    }

    fn as_text(&self, file: &Path) -> String {
        let card = self.card.as_ref().and_then(Value::as_object);
        let title: Vec<String> = ["name", "version"]
            .iter()
            .filter_map(|key| card?.get(*key).map(text))
            .collect();
        let title = match title.is_empty() {
            true => file.display().to_string(),
            false => title.join(" "),
        };
        let mut lines = vec![
            title,
            format!("  {}", file.display()),
            format!("  sha256 {}", self.sha256),
        ];
        let failed: Vec<&Trial> = self
            .trials
            .iter()
            .filter(|trial| matches!(trial.outcome, Outcome::Failed(_)))
            .collect();
        if !failed.is_empty() {
            lines.push("\nTHIS FILE WOULD BE REFUSED".into());
            for trial in failed {
                if let Outcome::Failed(fault) = &trial.outcome {
                    lines.push(format!("  {fault}"));
                }
            }
        }
        if let Some(card) = card {
            lines.extend(card_lines(card));
        }
        match &self.spec {
            Some(Value::Object(spec)) => lines.extend(spec_lines(spec)),
            Some(other) => lines.push(format!(
                "\nmilieu.spec is not a JSON object: {}",
                text(other)
            )),
            None => {}
        }
        lines.extend(self.graph_lines());
        if self.model.metadata(contract::KEY_CONTRACT).is_none() {
            lines.push(format!(
                "\nThis is a bare ONNX file: it does not say what it reads and writes.\n  \
                 milieu model template {0} > spec.toml   # then fill in the file, and\n  \
                 milieu model attach {0} spec.toml -o model.onnx",
                file.display()
            ));
        } else if check::is_passed(&self.trials) {
            lines.push("\nEvery test of loading passes (`milieu model check`).".into());
        }
        lines.join("\n") + "\n"
    }

    fn graph_lines(&self) -> Vec<String> {
        let tensors = |list: Vec<&proto::ValueInfo>| {
            let tensor = |info: &&proto::ValueInfo| format!("{} {}", info.name(), shape(info));
            list.iter().map(tensor).collect::<Vec<_>>().join(", ")
        };
        let operators = self
            .operators()
            .into_iter()
            .map(|(name, count)| match count {
                1 => name.to_owned(),
                count => format!("{name} ×{count}"),
            });
        let operators: Vec<String> = operators.collect();
        let version = opset(self.model).map_or("unknown".into(), |version| version.to_string());
        vec![
            "\ngraph".into(),
            field("inputs", &tensors(self.inputs().collect())),
            field("outputs", &tensors(self.graph.output.iter().collect())),
            field("operators", &operators.join(", ")),
            field(
                "size",
                &format!(
                    "{} bytes, {} numbers in constants",
                    self.bytes,
                    self.weights()
                ),
            ),
            field(
                "format",
                &format!(
                    "opset {version}, ir_version {}, written by {}",
                    self.model.ir_version(),
                    match self.model.producer_name() {
                        "" => "nobody named",
                        name => name,
                    }
                ),
            ),
        ]
    }
}

fn field(name: &str, value: &str) -> String {
    format!("  {name:16}  {value}")
}

/// JSON without quotes and brackets, as far as that can be read.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(map) => {
            let pair = |(key, value): (&String, &Value)| format!("{key} {}", text(value));
            map.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
        Value::Number(number) => match number.as_f64() {
            Some(value) => short(value),
            None => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// Six digits say it.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    match rounded.abs() {
        0.0 => "0".into(),
        1e-3..1e7 => format!("{rounded}"),
        _ => format!("{rounded:e}"),
    }
}

/// The card, with what most needs to be known first.
fn card_lines(card: &Map<String, Value>) -> Vec<String> {
    let spoken = |key: &str| key.replace('_', " ");
    let failures = |key: &&String| spoken(key) == "known failures";
    let mut lines = Vec::new();
    match card.keys().find(failures) {
        Some(key) => {
            lines.push("\nknown failures".into());
            match &card[key] {
                Value::Array(list) => lines.extend(list.iter().map(|it| format!("  {}", text(it)))),
                other => lines.push(format!("  {}", text(other))),
            }
        }
        None => lines.push("\nknown failures\n  the card states none".into()),
    }
    lines.push("\ncard".into());
    let rest = card.iter().filter(|(key, _)| !failures(key));
    let rest = rest.filter(|(key, _)| !["name", "version"].contains(&key.as_str()));
    lines.extend(rest.map(|(key, value)| field(&spoken(key), &text(value))));
    lines
}

fn spec_lines(spec: &Map<String, Value>) -> Vec<String> {
    let word = |key: &str| {
        spec.get(key)
            .map(text)
            .unwrap_or_else(|| "not stated".into())
    };
    let entries = |key: &str| -> Vec<&Map<String, Value>> {
        let list = spec.get(key).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .collect()
    };
    let acts_on = match spec.get("acts_on") {
        Some(Value::Object(pair)) => {
            let side = |key: &str| pair.get(key).map(text).unwrap_or_default();
            format!("{} (a) acting on {} (b)", side("a"), side("b"))
        }
        _ => word("acts_on"),
    };
    let mut lines = vec![
        "\ncontract".into(),
        field("form", &format!("{}: {acts_on}", word("form"))),
    ];
    if let Some(Value::Object(dt)) = spec.get("dt") {
        let part = |key: &str| dt.get(key).map(text).unwrap_or_default();
        let clock = format!(
            "trained with {} {unit}; good for {} to {} {unit}",
            part("trained"),
            part("min"),
            part("max"),
            unit = part("unit")
        );
        lines.push(field("clock", &clock));
    }
    lines.extend(table(
        "reads",
        &entries("inputs"),
        &["name", "unit"],
        &["tensor", "col", "lo", "hi"],
    ));
    lines.extend(table(
        "writes",
        &entries("outputs"),
        &["name", "kind", "unit"],
        &["tensor", "col", "uncertainty"],
    ));
    let latents = entries("latents");
    if latents.is_empty() {
        lines.push(field("latent states", "none"));
    } else {
        lines.extend(table(
            "latent states",
            &latents,
            &["space"],
            &["tensor", "lo", "hi"],
        ));
    }
    let unsure = entries("outputs").into_iter().filter_map(|output| {
        let name = output.get("name").or(output.get("tensor")).map(text)?;
        Some(format!("{name}: {}", text(output.get("uncertainty")?)))
    });
    let unsure: Vec<String> = unsure.collect();
    lines.push(field(
        "uncertainty",
        &match unsure.is_empty() {
            true => "none stated".into(),
            false => unsure.join("; "),
        },
    ));
    if let Some(conformal) = spec.get("conformal") {
        lines.push(field("conformal", &text(conformal)));
    }
    let ood = spec.get("ood");
    let margin = ood
        .and_then(|ood| ood.get("margin"))
        .map_or("0".into(), text);
    let score = ood.and_then(|ood| ood.pointer("/score/tensor")).map(text);
    let score = score.map_or("no score of strangeness".into(), |tensor| {
        let rows = ood.and_then(|ood| ood.pointer("/score/calibration")?.as_array());
        format!(
            "score `{tensor}` calibrated on {} rows",
            rows.map_or(0, Vec::len)
        )
    });
    lines.push(field(
        "domain",
        &format!("the ranges above, margin {margin}; {score}"),
    ));
    for key in [
        "sees", "noise", "combine", "residual", "gate", "messages", "hops",
    ] {
        if let Some(value) = spec.get(key) {
            lines.push(field(key, &text(value)));
        }
    }
    lines
}

/// Entries of a list: tensor and column, these keys in columns, the range, and what else they say.
fn table(
    title: &str,
    entries: &[&Map<String, Value>],
    shown: &[&str],
    placed: &[&str],
) -> Vec<String> {
    let place = |entry: &Map<String, Value>| {
        let tensor = entry.get("tensor").map(text).unwrap_or_default();
        match entry.get("col") {
            Some(col) => format!("{tensor}[{}]", text(col)),
            None => tensor,
        }
    };
    let cell = |entry: &Map<String, Value>, key: &str| entry.get(key).map(text).unwrap_or_default();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for entry in entries {
        let mut row = vec![place(entry)];
        row.extend(shown.iter().map(|key| cell(entry, key)));
        if let (Some(lo), Some(hi)) = (entry.get("lo"), entry.get("hi")) {
            row.push(format!("{} to {}", text(lo), text(hi)));
        }
        let rest = entry
            .iter()
            .filter(|(key, _)| !shown.contains(&key.as_str()) && !placed.contains(&key.as_str()));
        let rest: Vec<String> = rest
            .map(|(key, value)| format!("{key} {}", text(value)))
            .collect();
        row.push(rest.join(", "));
        rows.push(row);
    }
    let most = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..most).map(width).collect();
    let line = |(number, row): (usize, &Vec<String>)| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        let name = if number == 0 { title } else { "" };
        field(name, &cells.join("  ")).trim_end().to_owned()
    };
    rows.iter().enumerate().map(line).collect()
}
