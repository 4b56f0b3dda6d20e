//! Writing model files that keep the contract.

use std::collections::BTreeMap;

use prost::Message;
use serde_json::Value;

use super::bind::trained;
use super::compute::Compute;
use super::contract::{self, Spec};
use super::engine::Column;
use super::golden::Arrays;
use super::graph::Call;
use super::mlp::uniform;
use super::proto::{Graph, Node, OperatorSet, Tensor, ValueInfo};
use super::{Fault, Parsed, fault, proto};
use crate::Engine;

pub use super::mlp::{Activation, FitReport, Layer, Link, Mlp, distill};

/// Golden rows of a model: the corners of its domain as far as there is room, then rows inside.
/// Columns are those of [`write_onnx`].
pub fn golden_rows(spec: &Spec, count: usize) -> Vec<Vec<f32>> {
    let ranges: Vec<(f64, f64)> = super::ranges(spec, &super::sealed_tensors(spec)).concat();
    let corners = count / 2;
    let is_few = ranges.len() < 32 && (1usize << ranges.len()) <= corners;
    let row = |row: usize| {
        let coordinate = |(column, &(lo, hi)): (usize, &(f64, f64))| {
            let drawn = uniform(2, (row * ranges.len() + column) as u64);
            let part = match row {
                0 => 0.0,
                1 => 1.0,
                _ if row < corners && is_few => ((row >> column) & 1) as f64,
                _ if row < corners => drawn.round(),
                _ => drawn,
            };
            (lo + (hi - lo) * part) as f32
        };
        ranges.iter().enumerate().map(coordinate).collect()
    };
    (0..count).map(row).collect()
}

/// Writes a network as a model file with golden rows and card. The network's inputs are the
/// columns of [`Spec::input_tensors`], then the lanes of `noise`; its outputs are those of the
/// spec, in the spec's order, then those of uncertainty, gate and score. The embedded engine makes the golden outputs.
///
/// # Errors
/// E-CONTRACT or E-SHAPE if network and spec do not fit; whatever the engine says.
pub fn write_onnx(
    mlp: &Mlp,
    spec: &Spec,
    golden_rows: &[Vec<f32>],
    card: &Value,
) -> Result<Vec<u8>, Fault> {
    let inputs = super::sealed_tensors(spec);
    let width: usize = inputs.iter().map(|(_, width)| width).sum();
    let columns = columns(spec)?;
    let outputs: usize = columns.iter().map(|(_, columns)| columns.len()).sum();
    let fits = width == mlp.shift.len()
        && outputs == mlp.links.len()
        && golden_rows.iter().all(|row| row.len() == width);
    if !fits {
        return Err(fault(
            "E-SHAPE",
            format!(
                "the network maps {} numbers to {}, the spec {width} to {}; golden rows must be as \
                 long as the inputs",
                mlp.shift.len(),
                mlp.links.len(),
                outputs
            ),
        ));
    }
    let mut model = proto::Model {
        ir_version: Some(10),
        producer_name: Some("milieu".to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        graph: Some(graph(mlp, spec, &inputs, &columns)?),
        opset_import: vec![OperatorSet {
            domain: Some(String::new()),
            version: Some(18),
        }],
        ..proto::Model::default()
    };
    let text = |value: &Value| value.to_string();
    let json =
        serde_json::to_value(spec).map_err(|error| fault("E-CONTRACT", error.to_string()))?;
    model.set_metadata(contract::KEY_CONTRACT, contract::VERSION.to_owned());
    model.set_metadata(contract::KEY_SPEC, text(&json));
    model.set_metadata(contract::KEY_CARD, text(card));
    seal(&mut model, golden_rows)?;
    Ok(model.encode_to_vec())
}

/// Computes golden outputs with the embedded engine and puts them into the file. Tolerances are
/// a few roundings of `f32`: engines differ by less, and a wrong weight by more.
///
/// # Errors
/// E-CONTRACT if the metadata are broken; whatever the engine says.
pub fn seal(model: &mut proto::Model, golden_rows: &[Vec<f32>]) -> Result<(), Fault> {
    let parsed = Parsed::of(model.clone())?;
    let spec = &parsed.spec;
    let compute = Compute::open(&parsed, &Engine::Embedded)?;
    let (count, dt) = (golden_rows.len(), trained(spec)? as f32);
    let mut tensors: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    let mut start = 0;
    for (name, width) in super::sealed_tensors(spec) {
        let columns = start..start + width;
        let row = |row: &Vec<f32>| row[columns.clone()].to_vec();
        tensors.insert(name, golden_rows.iter().flat_map(row).collect());
        start += width;
    }
    let take = |tensors: &BTreeMap<String, Vec<f32>>, inputs: &[Column]| -> Vec<Vec<f32>> {
        inputs
            .iter()
            .map(|(name, _)| tensors[name].clone())
            .collect()
    };
    let mut arrays = Arrays::default();
    let made = match &compute {
        Compute::Rows(rows) => rows.run_tensors(count, dt, &take(&tensors, &rows.inputs))?,
        Compute::Halves(halves) => {
            let edge = &halves.edge;
            let messages = edge.run_tensors(count, dt, &take(&tensors, &edge.inputs))?;
            let (name, width) = &edge.outputs[0];
            arrays.put(name, &[count, *width], messages[0].clone());
            // Every node receives one message.
            if let Some((into, _)) = halves.node.inputs.last() {
                tensors.insert(into.clone(), messages[0].clone());
                arrays.put(into, &[count, *width], messages[0].clone());
            }
            let node = &halves.node;
            node.run_tensors(count, dt, &take(&tensors, &node.inputs))?
        }
        Compute::Whole(whole) => {
            // A ring: every node has two neighbors.
            let to: Vec<i64> = (0..2 * count as i64).map(|edge| edge / 2).collect();
            let ends = |at: usize| {
                let (node, step) = (at / 2, if at.is_multiple_of(2) { 1 } else { count - 1 });
                ((node + step) % count) as i64
            };
            let from: Vec<i64> = (0..2 * count).map(ends).collect();
            let e: Vec<f32> = match whole.e {
                Some(width) => {
                    let of_rows = &tensors["e"];
                    let row = |at: usize| of_rows[at / 2 * width..(at / 2 + 1) * width].to_vec();
                    (0..2 * count).flat_map(row).collect()
                }
                None => Vec::new(),
            };
            if let Some(width) = whole.e {
                tensors.remove("e");
                arrays.put("e", &[2 * count, width], e.clone());
            }
            for (name, ends) in [("src", &from), ("dst", &to)] {
                let ends = ends.iter().map(|&node| node as f32).collect();
                arrays.put(name, &[2 * count], ends);
            }
            whole.call(&Call {
                nodes: count,
                tensors: take(&tensors, &whole.nodes),
                e,
                from,
                to,
                active: vec![true; count],
                dt,
            })?
        }
    };
    let mut least = f32::INFINITY;
    for ((name, width), data) in compute.outputs().iter().zip(made) {
        least = least.min(data.iter().fold(0.0, |most, value| value.abs().max(most)));
        arrays.put(name, &[count, *width], data);
    }
    for (name, data) in tensors {
        let width = data.len() / count.max(1);
        arrays.put(&name, &[count, width], data);
    }
    arrays.put("atol", &[], vec![(2e-6 * least).max(1e-12)]);
    arrays.put("rtol", &[], vec![1e-5]);
    if parsed.tensors.reads_dt {
        arrays.put("dt", &[1], vec![dt]);
    }
    model.set_metadata(contract::KEY_GOLDEN, arrays.write());
    Ok(())
}

fn graph(
    mlp: &Mlp,
    spec: &Spec,
    inputs: &[Column],
    columns: &[(String, Vec<usize>)],
) -> Result<Graph, Fault> {
    let axis = match spec.form {
        contract::Form::Dyad => "n_pairs",
        _ => "n_cells",
    };
    let mut graph = Graph {
        name: Some("rule".to_owned()),
        input: inputs
            .iter()
            .map(|(name, width)| ValueInfo::floats(name, &[None, Some(*width)], axis))
            .collect(),
        ..Graph::default()
    };
    let names: Vec<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
    let joined = match names[..] {
        [name] => name,
        _ => {
            graph
                .node
                .push(Node::new("Concat", &names, "joined").with("axis", 1));
            "joined"
        }
    };
    let width = mlp.shift.len();
    graph
        .initializer
        .push(Tensor::floats("shift", &[1, width], &mlp.shift));
    graph
        .initializer
        .push(Tensor::floats("scale", &[1, width], &mlp.scale));
    graph
        .node
        .push(Node::new("Sub", &[joined, "shift"], "centered"));
    graph
        .node
        .push(Node::new("Mul", &["centered", "scale"], "scaled"));
    for (name, bound) in [("lowest", -1.0), ("highest", 1.0)] {
        graph.initializer.push(Tensor::floats(name, &[], &[bound]));
    }
    graph.node.push(Node::new(
        "Clip",
        &["scaled", "lowest", "highest"],
        "normal",
    ));
    let (last, hidden) = mlp
        .layers
        .split_last()
        .ok_or_else(|| fault("E-SHAPE", "a network needs a layer"))?;
    let mut below = "normal".to_owned();
    for (at, layer) in hidden.iter().enumerate() {
        let (weights, bias) = (format!("weights_{at}"), format!("bias_{at}"));
        let (sum, value) = (format!("sum_{at}"), format!("hidden_{at}"));
        let dims = [layer.inputs, layer.outputs];
        graph
            .initializer
            .push(Tensor::floats(&weights, &dims, &layer.weights));
        graph
            .initializer
            .push(Tensor::floats(&bias, &[layer.outputs], &layer.bias));
        graph
            .node
            .push(Node::new("Gemm", &[&below, &weights, &bias], &sum));
        let op = match mlp.activation {
            Activation::Relu => "Relu",
            Activation::Tanh => "Tanh",
        };
        graph.node.push(Node::new(op, &[&sum], &value));
        below = value;
    }
    for (tensor, (name, columns)) in columns.iter().enumerate() {
        output(&mut graph, mlp, last, columns, &below, tensor, name)?;
        let info = ValueInfo::floats(name, &[None, Some(columns.len())], axis);
        graph.output.push(info);
    }
    Ok(graph)
}

/// Every output tensor, and which of the network's outputs stand in its columns.
fn columns(spec: &Spec) -> Result<Vec<(String, Vec<usize>)>, Fault> {
    let tensors = spec
        .output_tensors()
        .map_err(|error| fault("E-CONTRACT", error))?;
    let (mut next, mut places) = (0, Vec::new());
    for output in &spec.outputs {
        let width = spec.width(output);
        let columns = next..next + width;
        places.push((&output.tensor, output.col.unwrap_or(0), columns));
        next += width;
    }
    places.sort_by_key(|(_, col, _)| *col);
    let of_tensor = |(name, width): (String, usize)| {
        let own = places.iter().filter(|(tensor, ..)| **tensor == name);
        let mut columns: Vec<usize> = own.flat_map(|(_, _, columns)| columns.clone()).collect();
        // Of uncertainty, gate and score.
        if columns.is_empty() {
            columns = (next..next + width).collect();
            next += width;
        }
        (name, columns)
    };
    Ok(tensors.into_iter().map(of_tensor).collect())
}

/// The last layer's part that makes one output tensor.
fn output(
    graph: &mut Graph,
    mlp: &Mlp,
    last: &Layer,
    columns: &[usize],
    below: &str,
    tensor: usize,
    name: &str,
) -> Result<(), Fault> {
    let link = mlp.links[columns[0]];
    if columns.iter().any(|&at| mlp.links[at] != link) {
        return Err(fault(
            "E-CONTRACT",
            format!("the columns of `{name}` have different links; give each its own tensor"),
        ));
    }
    let weights = last.weights.chunks_exact(last.outputs);
    let weights: Vec<f32> = weights
        .flat_map(|row| columns.iter().map(|&at| row[at]))
        .collect();
    let pick = |values: &[f32]| -> Vec<f32> { columns.iter().map(|&at| values[at]).collect() };
    let own = |what: &str| format!("{what}_of_{tensor}");
    let dims = [last.inputs, columns.len()];
    graph
        .initializer
        .push(Tensor::floats(&own("weights"), &dims, &weights));
    graph.initializer.push(Tensor::floats(
        &own("bias"),
        &[columns.len()],
        &pick(&last.bias),
    ));
    graph.initializer.push(Tensor::floats(
        &own("gain"),
        &[1, columns.len()],
        &pick(&mlp.gain),
    ));
    let sum = own("sum");
    graph.node.push(Node::new(
        "Gemm",
        &[below, &own("weights"), &own("bias")],
        &sum,
    ));
    let linked = own("linked");
    let linked = match link {
        Link::Identity => sum.as_str(),
        Link::Exp | Link::Sigmoid => {
            let op = if link == Link::Exp { "Exp" } else { "Sigmoid" };
            graph.node.push(Node::new(op, &[&sum], &linked));
            &linked
        }
    };
    graph
        .node
        .push(Node::new("Mul", &[linked, &own("gain")], name));
    Ok(())
}
