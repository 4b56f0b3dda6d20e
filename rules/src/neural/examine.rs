//! What can be told of a model file without a scenario: what `milieu model` shows.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::contract::{self, Spec};
use super::{Fault, Parsed, bind, semigroup};
use crate::Engine;

/// A model that keeps the contract, as far as that can be told without a scenario.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What it reads, writes and how often.
    pub spec: Spec,
    /// Its card, if it has one.
    pub card: Option<Value>,
    /// SHA-256 of the model it was tuned from.
    pub parent: Option<String>,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// The version of the ONNX operators.
    pub opset: i64,
    /// The version of the ONNX format.
    pub ir_version: i64,
    /// Numbers of type `float32` in its constants.
    pub parameters: u64,
    /// Operators by name, and how often each stands in the graph.
    pub operators: BTreeMap<String, usize>,
    /// Golden rows that were reproduced.
    pub golden_rows: usize,
    /// How a row's bits depend on its place in the batch: `rows bitwise`, ….
    pub rows: String,
    /// Of a cell model that reads `dt` and carries a latent vector: the greatest difference between
    /// one step and two half steps, as a part of the vector's largest number; else `None`.
    pub semigroup: Option<f64>,
    /// The engine it was tried with.
    pub engine: String,
}

/// Checks a file as far as that is possible without a scenario, and tells what is in it.
///
/// # Errors
/// [`Fault`] with a code of the contract: the first thing that is wrong.
pub fn examine(bytes: &[u8], engine: &Engine) -> Result<Report, Fault> {
    let parsed = Parsed::new(bytes)?;
    let dt = bind::trained(&parsed.spec)?;
    let tried = parsed.tried(engine, dt, dt)?;
    let proto = &parsed.proto;
    let graph = super::check::graph(proto)?;
    let mut operators = BTreeMap::new();
    for node in &graph.node {
        *operators.entry(node.op_type().to_owned()).or_insert(0) += 1;
    }
    let floats = graph.initializer.iter();
    let floats = floats.filter(|tensor| tensor.data_type() == super::proto::FLOAT);
    let count = |dims: &[i64]| dims.iter().map(|&length| length as u64).product::<u64>();
    Ok(Report {
        parent: proto.metadata(contract::KEY_PARENT).map(str::to_owned),
        sha256: super::sha256(bytes),
        opset: super::check::opset(proto)?,
        ir_version: proto.ir_version(),
        parameters: floats.map(|tensor| count(&tensor.dims)).sum(),
        operators,
        golden_rows: tried.golden_rows,
        rows: tried.row_class.to_string(),
        semigroup: semigroup::examine(&parsed.spec, &tried.compute, dt, |at| {
            let per = bind::span(&parsed.spec.outputs[at]);
            Some(per.unwrap_or(dt))
        })?,
        engine: tried.compute.engine(),
        card: parsed.card,
        spec: parsed.spec,
    })
}
