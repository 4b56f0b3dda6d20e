//! A table of rows held out of training, and what of a spec it fills in.

use serde_json::{Map, Value, json};

use super::super::contract::Spec;
use super::super::engine::Rows;
use super::super::{Fault, fault};
use crate::dictionary::{normal, unknown};

/// A table: a column is called by its signal, or `TENSOR.COLUMN`.
#[derive(Debug, Clone, Default)]
pub struct Data {
    /// Names.
    pub names: Vec<String>,
    /// `[column][row]`.
    pub columns: Vec<Vec<f64>>,
}

impl Data {
    /// Columns that are nearly called like an output of the graph: those alone are not missed.
    pub(super) fn misnamed(&self, spec: &Spec, rows: &Rows) -> Vec<String> {
        let outputs = rows.outputs.iter();
        let places = |tensor: &str, width: usize| {
            let place = |col: usize| format!("{tensor}.{col}");
            (0..width).map(place).collect::<Vec<_>>()
        };
        let mut missing: Vec<String> = outputs
            .flat_map(|(name, width)| places(name, *width))
            .collect();
        let is_input = |name: &str| {
            let mut inputs = spec.inputs.iter();
            inputs.any(|input| normal(&input.name) == normal(name))
                || rows
                    .inputs
                    .iter()
                    .any(|(tensor, width)| places(tensor, *width).contains(&name.to_owned()))
        };
        let mut free: Vec<&str> = self.names.iter().map(String::as_str).collect();
        free.retain(|name| !is_input(name));
        for (tensor, width) in &rows.outputs {
            for place in places(tensor, *width) {
                let is_it = |name: &&str| *name == place || (*width == 1 && *name == tensor);
                if free.iter().any(is_it) {
                    free.retain(|name| !is_it(name));
                    missing.retain(|other| *other != place);
                }
            }
        }
        let near = |place: &String| {
            let found = unknown("column", place, free.iter().copied()).nearest;
            Some(format!(
                "data: the model has no `{}`; did you mean `{place}`?",
                found.first()?
            ))
        };
        missing.iter().filter_map(near).collect()
    }

    /// Columns that may have been meant by a name.
    pub(super) fn near(&self, name: &str) -> String {
        let known = self.names.iter().map(String::as_str);
        unknown("column", name, known).way_out()
    }

    /// The column of an input, by place or by name.
    pub(super) fn column(&self, input: &Map<String, Value>) -> Result<Option<&Vec<f64>>, Fault> {
        let found = |which: usize| {
            let names = self.names.iter().zip(&self.columns);
            let mut fits = names.filter(|(name, _)| is_column(input, name)[which]);
            (fits.next().map(|(_, column)| column), fits.next().is_some())
        };
        for which in [0, 1] {
            let (column, is_twice) = found(which);
            if is_twice {
                return Err(fault(
                    "E-CONTRACT",
                    format!(
                        "data: several columns are called like {}; call them TENSOR.COLUMN, such as `a.0`",
                        input.get("name").unwrap_or(&Value::Null)
                    ),
                ));
            }
            if column.is_some() {
                return Ok(column);
            }
        }
        Ok(None)
    }
}

/// A column of input as the data may call it.
pub(super) fn is_column(input: &Map<String, Value>, name: &str) -> [bool; 2] {
    let text = |key: &str| input.get(key).and_then(Value::as_str).unwrap_or_default();
    let col = input.get("col").and_then(Value::as_u64).unwrap_or(0);
    let place = format!("{}.{col}", text("tensor"));
    let signal = normal(text("name"));
    [place == name, signal == normal(name)]
}

/// Fills in ranges, means and deviations that the spec leaves out.
pub(super) fn measure(spec: &mut Value, data: &Data) -> Result<Vec<String>, Fault> {
    let mut done = Vec::new();
    let Some(inputs) = spec.get_mut("inputs").and_then(Value::as_array_mut) else {
        return Ok(done);
    };
    for input in inputs.iter_mut().filter_map(Value::as_object_mut) {
        let Some(column) = data.column(input)? else {
            continue;
        };
        if let Some(row) = column.iter().position(|value| !value.is_finite()) {
            return Err(fault(
                "E-NONFINITE",
                format!(
                    "data: {} is {} in row {}; leave such rows out",
                    input.get("name").unwrap_or(&Value::Null),
                    column[row],
                    row + 1
                ),
            ));
        }
        let count = column.len() as f64;
        let mean = column.iter().sum::<f64>() / count;
        let square = column.iter().map(|value| (value - mean) * (value - mean));
        let std = (square.sum::<f64>() / count).sqrt();
        let lo = column.iter().copied().fold(f64::INFINITY, f64::min);
        let hi = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut added = Vec::new();
        for (key, value) in [("lo", lo), ("hi", hi), ("mean", mean), ("std", std)] {
            if !input.contains_key(key) {
                input.insert(key.into(), json!(value));
                added.push(format!("{key} {value}"));
            }
        }
        if !added.is_empty() {
            let name = input
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            done.push(format!("{name}: {} from the data", added.join(", ")));
        }
    }
    Ok(done)
}

/// The field that newcomers have no number for gets a message of its own.
pub(super) fn ranges_are_there(spec: &Value, data: Option<&Data>) -> Result<(), Fault> {
    let inputs = spec.get("inputs").and_then(Value::as_array);
    for (at, input) in inputs.into_iter().flatten().enumerate() {
        for key in ["lo", "hi"] {
            if input.get(key).is_some() {
                continue;
            }
            let name = input
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let instead = match data {
                None => "or give data = \"rows.csv\" with such a column".to_owned(),
                Some(data) => format!("or give the data such a column{}", data.near(name)),
            };
            let message = format!(
                "inputs[{at}] `{name}`: `{key}` is missing: state the range the model was trained on, in \
                 its unit, {instead}"
            );
            return Err(fault("E-CONTRACT", message));
        }
    }
    Ok(())
}

/// Puts numbers in the place of a calibration that the data are to give; whether there is nothing
/// to give.
pub(super) fn stand_in(spec: &mut Value, has_data: bool) -> Result<bool, Fault> {
    let Some(score) = spec
        .pointer_mut("/ood/score")
        .and_then(Value::as_object_mut)
    else {
        return Ok(true);
    };
    if score.contains_key("calibration") {
        return Ok(true);
    }
    if !has_data {
        return Err(fault(
            "E-CONTRACT",
            "ood.score: `calibration` is missing: give data = \"rows.csv\" with held-out rows, whose \
             scores are then taken",
        ));
    }
    let alpha = score.get("alpha").and_then(Value::as_f64).unwrap_or(0.01);
    let rows = (1.0 / alpha.clamp(1e-4, 1.0)).ceil() as usize;
    score.insert("calibration".into(), json!(vec![0.0; rows]));
    Ok(false)
}
