//! From a plain export to a model file: contract, card, golden rows and hash put onto an ONNX graph
//! whose author has written no metadata.
//!
//! Whatever is changed in the graph is said; whatever cannot be changed safely is refused with the
//! line of PyTorch that makes it right.

mod data;
mod graph;
mod held_out;
mod template;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use prost::Message;
use serde_json::Value;

use super::compute::Compute;
use super::contract::{self, Kind, Spec};
use super::engine::Rows;
use super::{Fault, Parsed, bind, check, fault, golden, make};
use crate::Engine;
use data::{measure, ranges_are_there, stand_in};
use graph::{bring_in, names_are_known, rename};
use held_out::HeldOut;

pub use data::Data;
pub use template::{shape, template};

/// What is to be put onto a graph.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// `milieu.spec`; ranges, means and deviations may be missing where there are data.
    pub spec: Value,
    /// `milieu.card`.
    pub card: Option<Value>,
    /// `milieu.parent`.
    pub parent: Option<String>,
    /// Tensors to be called otherwise: as exported, as the contract has it.
    pub rename: BTreeMap<String, String>,
    /// How many golden rows.
    pub golden: usize,
    /// Rows that were held out of training.
    pub data: Option<Data>,
}

/// Golden rows of an [`Order`] that does not say how many.
pub const GOLDEN: usize = 96;

/// A model file.
#[derive(Debug, Clone)]
pub struct Attached {
    /// The file.
    pub bytes: Vec<u8>,
    /// What was done to the graph and found in the data, a line each.
    pub done: Vec<String>,
    /// What whoever made it should look at, a line each.
    pub warnings: Vec<String>,
}

/// Gives the bytes of a file beside the graph, for exports that keep weights in one.
pub type Beside<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// Puts an order onto a graph.
///
/// # Errors
/// [`Fault`] with a code of the contract, and how to export so that it does not come again.
pub fn attach(bare: &[u8], order: &Order, beside: Beside<'_>) -> Result<Attached, Fault> {
    stamp(bare, order, beside).map_err(lead_on)
}

fn stamp(bare: &[u8], order: &Order, beside: Beside<'_>) -> Result<Attached, Fault> {
    let (fewest, most) = (golden::ROWS, golden::MOST);
    if !(fewest..=most).contains(&order.golden) {
        let message = format!(
            "golden = {}; {fewest} to {most} rows are wanted",
            order.golden
        );
        return Err(fault("E-GOLDEN", message));
    }
    let mut model = check::decode(bare)?;
    check::graph(&model)?;
    let (mut done, mut warnings) = (Vec::new(), Vec::new());
    // A newer format says the same of what is read here, and of what is not nothing is kept.
    if let ir @ 11.. = model.ir_version() {
        model.ir_version = Some(10);
        done.push(format!("ir_version {ir} set to 10"));
    }
    done.extend(bring_in(&mut model, beside)?);
    check::admit(&model)?;
    for (from, to) in &order.rename {
        rename(&mut model, from, to)?;
        done.push(format!("tensor `{from}` renamed to `{to}`"));
    }
    let mut json = order.spec.clone();
    names_are_known(&model, &json)?;
    if let Some(data) = &order.data {
        done.extend(measure(&mut json, data)?);
    }
    ranges_are_there(&json, order.data.as_ref())?;
    let is_calibrated = stand_in(&mut json, order.data.is_some())?;
    let properties = &mut model.metadata_props;
    properties.retain(|property| !property.key().starts_with("milieu."));
    model.set_metadata(contract::KEY_CONTRACT, contract::VERSION.to_owned());
    model.set_metadata(contract::KEY_SPEC, json.to_string());
    let parsed = Parsed::of(model.clone())?;
    let spec = &parsed.spec;
    let compute = Compute::open(&parsed, &Engine::Embedded)?;
    let dt = bind::trained(spec)? as f32;
    let mut golden = make::golden_rows(spec, order.golden);
    match (&compute, &order.data) {
        (Compute::Rows(rows), data) => {
            if let Some(data) = data {
                let held_out = HeldOut::read(data, spec, rows)?;
                warnings.extend(data.misnamed(spec, rows));
                warnings.extend(held_out.outside(spec)?);
                done.extend(held_out.agree(spec, rows, dt)?);
                held_out.take_over(&mut golden);
                if !is_calibrated {
                    done.extend(held_out.calibrate(&mut json, rows, dt)?);
                    model.set_metadata(contract::KEY_SPEC, json.to_string());
                }
            }
            warnings.extend(answers(spec, rows, dt, &golden)?);
        }
        (_, None) => {}
        (_, Some(_)) => {
            return Err(fault(
                "E-CONTRACT",
                "data: rows of a table do not say who touches whom, so they are not read for form \
                 `graph`; leave `data` out and state lo and hi",
            ));
        }
    }
    match &order.card {
        Some(card) => model.set_metadata(contract::KEY_CARD, card.to_string()),
        None => warnings.push(
            "no [card]: a name, a version, a license and the known failures help whoever meets \
             this file"
                .into(),
        ),
    }
    if let Some(parent) = &order.parent {
        model.set_metadata(contract::KEY_PARENT, parent.clone());
    }
    make::seal(&mut model, &golden)?;
    let doubts = golden::doubts(&golden::Arrays::of(&model)?, spec);
    if !doubts.is_empty() {
        let message = format!(
            "golden rows made of these ranges prove nothing: {}\n  state lo < hi, or give data",
            doubts.join("; ")
        );
        return Err(fault("E-GOLDEN", message));
    }
    done.push(format!(
        "{} golden rows made with {}",
        golden.len(),
        compute.engine()
    ));
    Ok(Attached {
        bytes: model.encode_to_vec(),
        done,
        warnings,
    })
}

/// What helps most people who meet a fault of an export, after its own words.
fn lead_on(mut fault: Fault) -> Fault {
    let says = |text: &str| fault.message.contains(text);
    let hint = match fault.code {
        "E-SHAPE" if says("symbolic") => {
            "\n  in PyTorch: torch.onnx.export(model.eval(), (torch.zeros(4, F),), \"bare.onnx\", \
             dynamo=True,\n    input_names=[\"x\"], output_names=[\"y\"], opset_version=18, \
             dynamic_shapes={\"x\": {0: \"n_cells\"}}, external_data=False)"
        }
        "E-OPSET" => {
            "\n  in PyTorch: torch.onnx.export(…, opset_version=18); of a file: \
             onnx.version_converter.convert_version(model, 18)"
        }
        "E-RANDOM-OP" if says("Dropout") => {
            "\n  in PyTorch: call model.eval() before torch.onnx.export"
        }
        "E-DTYPE" if says("float64") || says("float16") => {
            "\n  in PyTorch: model.float(), and export with a float32 example"
        }
        "E-DTYPE" if says("int") || says("bool") => {
            "\n  in PyTorch: take float32 in forward() and make whole numbers there, x[:, 2].long()"
        }
        "E-CONTRACT" if says("missing field `unit`") => {
            "\n  `milieu signals SCENARIO` lists the units; a pure number has the unit \"1\""
        }
        _ => "",
    };
    fault.message.push_str(hint);
    fault
}

/// Looks at the answers to the golden rows: refuses what is no number, warns of what cannot be.
fn answers(spec: &Spec, rows: &Rows, dt: f32, golden: &[Vec<f32>]) -> Result<Vec<String>, Fault> {
    let mut start = 0;
    let tensors: Vec<Vec<f32>> = rows
        .inputs
        .iter()
        .map(|(_, width)| {
            let columns = start..start + width;
            start += width;
            golden
                .iter()
                .flat_map(|row| row[columns.clone()].to_vec())
                .collect()
        })
        .collect();
    let made = rows.run_tensors(golden.len(), dt, &tensors)?;
    for ((name, width), made) in rows.outputs.iter().zip(&made) {
        if let Some(at) = made.iter().position(|value| !value.is_finite()) {
            let mut text = String::new();
            let mut column = 0;
            for (tensor, width) in &rows.inputs {
                for col in 0..*width {
                    let mut inputs = spec.inputs.iter();
                    let input = inputs.find(|it| it.tensor == *tensor && it.col == col);
                    let what = input.map_or(format!("{tensor}.{col}"), |it| it.name.clone());
                    // Writing to a String cannot fail.
                    let _ = write!(text, " {what} = {};", golden[at / width][column]);
                    column += 1;
                }
            }
            return Err(fault(
                "E-NONFINITE",
                format!(
                    "output `{name}`, column {}, is {} at{text} which lies within the ranges stated\n  \
                     narrow lo and hi to where the model answers, or hold its inputs there in the \
                     graph (torch.clamp)",
                    at % width,
                    made[at],
                ),
            ));
        }
    }
    let mut warnings = Vec::new();
    for output in &spec.outputs {
        let Some(tensor) = rows
            .outputs
            .iter()
            .position(|(name, _)| *name == output.tensor)
        else {
            continue;
        };
        let width = rows.outputs[tensor].1;
        let column = made[tensor]
            .iter()
            .skip(output.col.unwrap_or(0))
            .step_by(width);
        let (bad, what) = match output.kind {
            Kind::Rate | Kind::Hit => (
                column.filter(|&&value| value < 0.0).count(),
                "are negative, and count as 0: end the graph with Exp or Softplus",
            ),
            Kind::Probability => {
                let is_percent = output.unit.as_deref() == Some("%");
                let whole = if is_percent { 100.0 } else { 1.0 };
                (
                    column
                        .filter(|value| !(0.0..whole).contains(*value))
                        .count(),
                    "lie outside [0, 1), which fails a run: end the graph with Sigmoid",
                )
            }
            _ => continue,
        };
        if bad > 0 {
            warnings.push(format!(
                "{}: {bad} of {} golden answers {what}",
                output.label(),
                golden.len()
            ));
        }
    }
    Ok(warnings)
}
