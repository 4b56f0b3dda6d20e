//! One file with two parts that share nothing but constants, cut into a model of edges and a model
//! of nodes.

use std::collections::{HashMap, HashSet};

use prost::Message;

use super::super::{Fault, check, fault, proto};

/// Inputs of the edge part; every other one, save `dt`, is the node part's.
pub const OF_EDGES: [&str; 5] = ["a", "b", "e", "za", "zb"];

/// One part, as an engine may have it.
pub struct Part {
    /// The file's bytes.
    pub model: Vec<u8>,
    /// Whether it reads `dt`.
    pub reads_dt: bool,
}

/// The edge part, which makes `message`, and the node part, which makes `outputs`. Each declares
/// the inputs that are its own by name, and only those: engines want every declared input fed.
///
/// # Errors
/// E-CONTRACT if one part reads what is the other's, or `message` is not among the outputs.
pub fn split(admitted: &[u8], message: &str, outputs: &[String]) -> Result<[Part; 2], Fault> {
    let model = check::decode(admitted)?;
    let is_edge = |name: &str| OF_EDGES.contains(&name);
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    Ok([
        part(&model, "edge", &[message], is_edge)?,
        part(&model, "node", &outputs, |name| !is_edge(name))?,
    ])
}

fn part(
    model: &proto::Model,
    what: &str,
    outputs: &[&str],
    is_own: impl Fn(&str) -> bool,
) -> Result<Part, Fault> {
    let graph = check::graph(model)?;
    let needed = needed(graph, outputs);
    let is_constant = |name: &str| graph.initializer.iter().any(|tensor| tensor.name() == name);
    let mut inputs = Vec::new();
    for input in &graph.input {
        let name = input.name();
        if is_constant(name) {
            continue;
        }
        if needed.contains(name) && name != "dt" && !is_own(name) {
            return Err(fault(
                "E-CONTRACT",
                format!(
                    "`{}` is made of the input `{name}`, which is not one of the {what} part: the \
                     part that makes messages reads {} and `dt`, the part that makes the outputs \
                     everything else; what a node needs of its neighbors goes through the messages",
                    outputs.join("`, `"),
                    OF_EDGES.join(", ")
                ),
            ));
        }
        if (name != "dt" && is_own(name)) || (name == "dt" && needed.contains(name)) {
            inputs.push(input.clone());
        }
    }
    let mut made = Vec::new();
    for &name in outputs {
        let info = graph.output.iter().find(|info| info.name() == name);
        made.push(info.cloned().ok_or_else(|| {
            fault(
                "E-CONTRACT",
                format!("milieu.spec speaks of `{name}`, which is no output of the graph"),
            )
        })?);
    }
    let is_needed = |node: &&proto::Node| {
        let mut made = node.output.iter();
        made.any(|name| needed.contains(name.as_str()))
    };
    let constants = graph.initializer.iter();
    let reads_dt = inputs.iter().any(|input| input.name() == "dt");
    let cut = proto::Graph {
        name: Some(format!("{what} part")),
        node: graph.node.iter().filter(is_needed).cloned().collect(),
        initializer: constants
            .filter(|tensor| needed.contains(tensor.name()))
            .cloned()
            .collect(),
        input: inputs,
        output: made,
        ..proto::Graph::default()
    };
    let model = proto::Model {
        ir_version: model.ir_version,
        graph: Some(cut),
        opset_import: model.opset_import.clone(),
        ..proto::Model::default()
    };
    Ok(Part {
        model: model.encode_to_vec(),
        reads_dt,
    })
}

/// Every value that `outputs` are made of.
fn needed<'a>(graph: &'a proto::Graph, outputs: &[&'a str]) -> HashSet<&'a str> {
    let mut makers: HashMap<&str, &proto::Node> = HashMap::new();
    for node in &graph.node {
        makers.extend(node.output.iter().map(|name| (name.as_str(), node)));
    }
    let mut found = HashSet::new();
    let mut open: Vec<&str> = outputs.to_vec();
    while let Some(name) = open.pop() {
        if !name.is_empty() && found.insert(name) {
            let maker = makers.get(name).into_iter();
            open.extend(maker.flat_map(|node| node.input.iter().map(String::as_str)));
        }
    }
    found
}
