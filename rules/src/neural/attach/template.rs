//! A TOML file to be filled in, with the tensors of a plain export.

use std::fmt::Write as _;

use serde_json::json;

use super::super::{Fault, check, proto};
use super::graph::strange;

/// A commented order for a graph, with its tensors filled in.
///
/// # Errors
/// E-CONTRACT if it is no ONNX file.
pub fn template(bare: &[u8]) -> Result<String, Fault> {
    let model = check::decode(bare)?;
    let graph = check::graph(&model)?;
    let constants: Vec<&str> = graph.initializer.iter().map(proto::Tensor::name).collect();
    let inputs: Vec<&proto::ValueInfo> = graph
        .input
        .iter()
        .filter(|info| !constants.contains(&info.name()))
        .collect();
    let is_dyad = inputs
        .iter()
        .any(|info| ["a", "b", "e", "za", "zb"].contains(&info.name()));
    let mut text = String::from(
        "# What the model reads and writes. Fill in what stands between <>; docs/models.md says all there is.\n\
         # `milieu signals SCENARIO` lists names and units; then: milieu model attach BARE.onnx THIS.toml -o MODEL.onnx\n\n",
    );
    text += match is_dyad {
        true => {
            "form = \"dyad\"  # two cells in contact, a acting on b\nacts_on = { a = \"<cell type>\", b = \"<cell type>\" }\n"
        }
        false => {
            "form = \"cell\"  # or decoder, encoder, division, graph\nacts_on = \"<cell type>\"  # or a list\n"
        }
    };
    text += "dt = { trained = \"<6>\", min = \"<0.1>\", max = \"<60>\", unit = \"min\" }  # the step trained with, and those it is good for: numbers\n\
             golden = 96  # rows that every load computes again\n\
             # data = \"rows.csv\"  # held-out rows, columns by signal or TENSOR.COLUMN: gives lo, hi, mean, std; with\n\
             #                     # the graph's own outputs as columns, such as y.0, the export is checked too\n\n\
             [card]\nname = \"<name>\"\nversion = \"1.0.0\"\nauthors = \"<who>\"\nlicense = \"<such as CC-BY-4.0>\"\n\
             intended_use = \"<for what>\"\ndata = \"<trained on what>\"\nknown_failures = \"<where not to trust it>\"\n";
    let strange = strange(graph);
    if !strange.is_empty() {
        text += "\n[rename]  # signals enter by `x` (of a pair: `a`, `b`, `e`)\n";
        for info in &strange {
            let _ = writeln!(text, "{} = \"x\"  # {}", json!(info.name()), shape(info));
        }
    }
    for info in &inputs {
        let name = match strange.iter().any(|other| other.name() == info.name()) {
            true => "x",
            false => info.name(),
        };
        if matches!(
            name,
            "z" | "za" | "zb" | "noise" | "dt" | "m" | "src" | "dst" | "active"
        ) {
            let _ = writeln!(text, "\n# `{name}`, {}: see docs/models.md", shape(info));
            continue;
        }
        for col in 0..width(info) {
            let _ = write!(
                text,
                "\n[[inputs]]\ntensor = \"{name}\"\ncol = {col}\nname = \"<signal>\"\nunit = \"<unit the graph wants>\"\n\
                 # lo = 0.0  # the range trained on, in that unit; not needed if `data` has it\n# hi = 1.0\n"
            );
        }
    }
    for info in &graph.output {
        for col in 0..width(info) {
            let on = match is_dyad {
                true => "on = \"b\"  # or \"a\", \"pair\"\nreduce = \"sum\"\n",
                false => "",
            };
            let _ = write!(
                text,
                "\n[[outputs]]  # {}\ntensor = {}\ncol = {col}\nname = \"<behavior>\"\n\
                 kind = \"<rate, probability, parameter, delta, …>\"\nunit = \"<unit the graph gives>\"\n{on}",
                shape(info),
                json!(info.name())
            );
        }
    }
    Ok(text)
}

/// Axes of a tensor, for people.
pub fn shape(info: &proto::ValueInfo) -> String {
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor.as_ref());
    let Some(tensor) = tensor else {
        return "not a tensor".into();
    };
    let axis = |dim: &proto::Dim| match (dim.value, dim.param()) {
        (Some(length), _) => length.to_string(),
        (None, "") => "?".into(),
        (None, name) => name.to_owned(),
    };
    let axes = tensor.shape.as_ref().map(|shape| {
        let axes: Vec<String> = shape.dim.iter().map(axis).collect();
        format!(" [{}]", axes.join(", "))
    });
    proto::type_name(tensor.elem_type()) + &axes.unwrap_or_default()
}

fn width(info: &proto::ValueInfo) -> usize {
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor.as_ref());
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    let last = shape.and_then(|shape| shape.dim.get(1));
    // A person fills the template in, so a width that cannot be one is not written out.
    last.and_then(|dim| dim.value)
        .map_or(1, |width| width.clamp(1, 256) as usize)
}
