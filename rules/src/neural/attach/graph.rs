//! What is mended in a plain export, and the names of its tensors.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{Fault, check, fault, proto};
use super::Beside;
use crate::dictionary::unknown;

/// Puts weights that an export keeps in another file into this one.
pub(super) fn bring_in(
    model: &mut proto::Model,
    beside: Beside<'_>,
) -> Result<Option<String>, Fault> {
    let tensors = model
        .graph
        .iter_mut()
        .flat_map(|graph| &mut graph.initializer);
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for tensor in tensors.filter(|tensor| tensor.data_location() == 1) {
        let refused = |message: String| {
            fault(
                "E-CONTRACT",
                format!("the weights `{}`: {message}", tensor.name()),
            )
        };
        let word = |key: &str| {
            let mut properties = tensor.external_data.iter();
            properties
                .find(|property| property.key() == key)
                .map(proto::Property::value)
        };
        let number = |key: &str| word(key).and_then(|text| text.parse::<usize>().ok());
        let location = word("location").unwrap_or_default().to_owned();
        if !files.contains_key(&location) {
            let bytes = beside(&location).map_err(|error| {
                refused(format!(
                    "stand in another file, `{location}`, which {error}\n  export with \
                     external_data=False, or put that file beside this one"
                ))
            })?;
            files.insert(location.clone(), bytes);
        }
        let bytes = &files[&location];
        let start = number("offset").unwrap_or(0);
        let length = number("length").unwrap_or(bytes.len().saturating_sub(start));
        let part = start
            .checked_add(length)
            .and_then(|end| bytes.get(start..end));
        let part = part
            .ok_or_else(|| refused(format!("`{location}` is too short for them; export again")))?;
        tensor.raw_data = Some(part.to_vec());
        tensor.external_data.clear();
        tensor.data_location = None;
    }
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    Ok((!names.is_empty()).then(|| format!("weights of {} brought in", names.join(", "))))
}

/// Calls a tensor otherwise, wherever it is named.
pub(super) fn rename(model: &mut proto::Model, from: &str, to: &str) -> Result<(), Fault> {
    let wrong = |message: String| fault("E-CONTRACT", format!("[rename] \"{from}\": {message}"));
    let Some(graph) = model.graph.as_mut() else {
        return Ok(());
    };
    let ends = || graph.input.iter().chain(&graph.output);
    if !ends().any(|info| info.name() == from) {
        let known = unknown("tensor", from, ends().map(proto::ValueInfo::name));
        return Err(wrong(format!(
            "the graph has no such input or output{}",
            known.way_out()
        )));
    }
    let made = graph.node.iter().flat_map(|node| node.output.iter());
    let constants = graph.initializer.iter().map(proto::Tensor::name);
    let inputs = graph.input.iter().map(proto::ValueInfo::name);
    if made
        .map(String::as_str)
        .chain(constants)
        .chain(inputs)
        .any(|name| name == to)
    {
        return Err(wrong(format!(
            "`{to}` is another tensor of the graph already"
        )));
    }
    for info in graph.input.iter_mut().chain(&mut graph.output) {
        if info.name() == from {
            info.name = Some(to.to_owned());
        }
    }
    let nodes = graph.node.iter_mut();
    for name in nodes.flat_map(|node| node.input.iter_mut().chain(&mut node.output)) {
        if name == from {
            to.clone_into(name);
        }
    }
    Ok(())
}

/// The names by which a graph may be fed.
pub(super) const TENSORS: [&str; 14] = [
    "x", "z", "a", "b", "e", "za", "zb", "cond", "noise", "dt", "m", "src", "dst", "active",
];

/// Inputs of a graph that still have the exporter's own names.
pub(super) fn strange(graph: &proto::Graph) -> Vec<&proto::ValueInfo> {
    let is_constant = |name| graph.initializer.iter().any(|it| it.name() == name);
    let inputs = graph.input.iter();
    inputs
        .filter(|info| !is_constant(info.name()) && !TENSORS.contains(&info.name()))
        .collect()
}

/// Exporters call inputs as they like, and a `[rename]` is soon forgotten.
pub(super) fn names_are_known(model: &proto::Model, spec: &Value) -> Result<(), Fault> {
    let graph = check::graph(model)?;
    let into = spec.pointer("/messages/into").and_then(Value::as_str);
    let mut strange = strange(graph).into_iter();
    let Some(info) = strange.find(|info| Some(info.name()) != into) else {
        return Ok(());
    };
    let is_fed = |name: &&str| graph.input.iter().any(|info| info.name() == *name);
    let inputs = spec.get("inputs").and_then(Value::as_array);
    let named = inputs.into_iter().flatten();
    let mut named = named.filter_map(|input| input.get("tensor")?.as_str());
    // What the spec speaks of and the graph does not have is what is meant.
    let meant = named.find(|name| TENSORS.contains(name) && !is_fed(name));
    Err(fault(
        "E-CONTRACT",
        format!(
            "the graph reads `{}`, which is no name of the contract\n  rename it in the spec: \
             [rename] {} = {}; signals enter by x or cond, of a pair by a, b, e; latent states by z, za, zb",
            info.name(),
            json!(info.name()),
            json!(meant.unwrap_or("x")),
        ),
    ))
}
