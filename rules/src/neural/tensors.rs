//! The tensors of the graph against those of the spec.

use std::collections::HashSet;

use super::contract::{Form, Spec};
use super::{Fault, fault, proto};
use crate::dictionary::unknown;

/// What the graph has beside the tensors that the spec counts out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tensors {
    /// Whether it reads `dt`.
    pub reads_dt: bool,
    /// Numbers of a message, of a graph in two parts.
    pub message: Option<usize>,
}

/// What a tensor must be.
struct Wanted {
    name: String,
    /// `None` leaves it to the graph, which must still say it.
    width: Option<usize>,
}

/// Compares the tensors of the graph with those of the spec.
///
/// # Errors
/// E-CONTRACT, E-SHAPE, E-SPACE or E-DTYPE names the tensor.
pub fn tensors(graph: &proto::Graph, spec: &Spec) -> Result<Tensors, Fault> {
    let constants: HashSet<&str> = graph.initializer.iter().map(proto::Tensor::name).collect();
    let fed = |info: &&proto::ValueInfo| !constants.contains(info.name());
    let counted = |(name, width): (String, usize)| Wanted {
        name,
        width: Some(width),
    };
    let mut wanted: Vec<Wanted> = spec.input_tensors().into_iter().map(counted).collect();
    if spec.lanes() > 0 {
        wanted.push(counted(("noise".to_owned(), spec.lanes())));
    }
    if let Some(messages) = &spec.messages {
        let (name, width) = (messages.into.clone(), None);
        wanted.push(Wanted { name, width });
    }
    let is_one_graph = spec.form == Form::Graph && !spec.has_parts();
    let mut further = match is_one_graph {
        true => vec![
            ("src", proto::INT64),
            ("dst", proto::INT64),
            ("active", proto::BOOL),
        ],
        false => Vec::new(),
    };
    let mut found = Tensors::default();
    for info in graph.input.iter().filter(fed) {
        let name = info.name();
        if name == "dt" {
            if spec.dt.is_none() {
                return Err(fault(
                    "E-CONTRACT",
                    "the graph reads `dt`, but milieu.spec has none: add \"dt\": {\"trained\": …, \
                     \"min\": …, \"max\": …, \"unit\": \"min\"}",
                ));
            }
            found.reads_dt = true;
            if axes(info, "input", proto::FLOAT)?.unwrap_or_default() != [Some(1)] {
                return Err(shape(info, "input", "[1]"));
            }
            continue;
        }
        if let Some(at) = further.iter().position(|(other, _)| *other == name) {
            let (_, kind) = further.swap_remove(at);
            if axes(info, "input", kind)? != Some(vec![None]) {
                return Err(shape(info, "input", "[symbolic]"));
            }
            continue;
        }
        let Some(at) = wanted.iter().position(|wanted| wanted.name == name) else {
            return Err(stray_input(name, spec));
        };
        let Wanted { width, .. } = wanted.swap_remove(at);
        let axes = axes(info, "input", proto::FLOAT)?;
        match (axes.as_deref(), width) {
            (Some([None, Some(found)]), Some(width)) if *found == width => {}
            (Some([None, Some(width)]), None) => found.message = Some(*width),
            (_, Some(width)) => {
                let mut wrong = shape(info, "input", &format!("[symbolic, {width}]"));
                if spec.latent_tensors().contains(&name) {
                    wrong.code = "E-SPACE";
                }
                return Err(wrong);
            }
            (_, None) => return Err(shape(info, "input", "[symbolic, fixed]")),
        }
    }
    if let Some(Wanted { name, width }) = wanted.first() {
        let width = width.map_or(String::new(), |width| format!(" with {width} columns"));
        return Err(fault(
            "E-CONTRACT",
            format!(
                "milieu.spec speaks of the input tensor `{name}`{width}, but the graph has no such \
                 input"
            ),
        ));
    }
    // Exporters drop inputs that nothing reads; who is active may well be one.
    if let Some((name, _)) = further.iter().find(|(name, _)| *name != "active") {
        return Err(fault(
            "E-CONTRACT",
            format!(
                "form `graph` in one part reads the edges by `src` and `dst`, and the graph has no `{name}`"
            ),
        ));
    }
    outputs(graph, spec, found.message)?;
    Ok(found)
}

fn outputs(graph: &proto::Graph, spec: &Spec, message: Option<usize>) -> Result<(), Fault> {
    let mut wanted = spec
        .output_tensors()
        .map_err(|error| fault("E-CONTRACT", error))?;
    if let (Some(messages), Some(width)) = (&spec.messages, message) {
        wanted.push((messages.tensor.clone(), width));
    }
    for (name, width) in wanted {
        let info = graph.output.iter().find(|info| info.name() == name);
        let info = info.ok_or_else(|| {
            let known = graph.output.iter().map(proto::ValueInfo::name);
            let known = unknown("output", &name, known);
            fault(
                "E-CONTRACT",
                format!(
                    "milieu.spec speaks of the output tensor `{name}`, which the graph does not give{}",
                    known.way_out()
                ),
            )
        })?;
        // A shape that the exporter did not know is settled by the golden rows.
        if let Some(axes) = axes(info, "output", proto::FLOAT)? {
            let fits = axes.len() == 2 && axes[0].is_none() && axes[1].is_none_or(|n| n == width);
            if !fits {
                let is_latent = |output: &super::contract::Output| {
                    output.tensor == name && output.kind.is_latent()
                };
                let mut wrong = shape(info, "output", &format!("[symbolic, {width}]"));
                if spec.outputs.iter().any(is_latent) {
                    wrong.code = "E-SPACE";
                }
                return Err(wrong);
            }
        }
    }
    Ok(())
}

fn stray_input(name: &str, spec: &Spec) -> Fault {
    let message = match name {
        "noise" => "the graph reads `noise`, but milieu.spec declares no lanes: add \
                    \"noise\": {\"dist\": \"normal\", \"lanes\": …}"
            .to_owned(),
        _ if spec.latent_tensors().contains(&name) => format!(
            "the graph reads `{name}`, but milieu.spec has no latent state that enters by it: add \
             \"latents\": [{{\"space\": \"NAME/WIDTH\", \"tensor\": \"{name}\"}}]"
        ),
        _ => {
            let known = spec.input_tensors().into_iter();
            let known: Vec<String> = known.map(|(name, _)| name).collect();
            format!(
                "the graph reads `{name}`, of which milieu.spec says nothing; declared are {}, and \
                 form `{}` may add {}, `noise` and `dt`",
                known.join(", "),
                spec.form.name(),
                spec.signal_tensors().join(", ")
            )
        }
    };
    fault("E-CONTRACT", message)
}

/// The axes of a tensor, `None` for a symbolic one; `None` at all when no shape is stated.
fn axes(
    info: &proto::ValueInfo,
    what: &str,
    kind: i32,
) -> Result<Option<Vec<Option<usize>>>, Fault> {
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor.as_ref());
    let tensor = tensor.ok_or_else(|| {
        fault(
            "E-DTYPE",
            format!("{what} `{}` is not a tensor", info.name()),
        )
    })?;
    if tensor.elem_type() != kind {
        return Err(fault(
            "E-DTYPE",
            format!(
                "{what} `{}` is {}, expected {}; put a `Cast` into the graph",
                info.name(),
                proto::type_name(tensor.elem_type()),
                proto::type_name(kind)
            ),
        ));
    }
    let axis = |dim: &proto::Dim| dim.value.map(|length| usize::try_from(length).unwrap_or(0));
    let shape = tensor.shape.as_ref();
    Ok(shape.map(|shape| shape.dim.iter().map(axis).collect()))
}

fn shape(info: &proto::ValueInfo, what: &str, expected: &str) -> Fault {
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor.as_ref());
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    let found = match shape {
        None => "no shape".to_owned(),
        Some(shape) => {
            let axis = |dim: &proto::Dim| match (dim.value, dim.param()) {
                (Some(length), _) => length.to_string(),
                (None, "") => "?".to_owned(),
                (None, name) => name.to_owned(),
            };
            let axes: Vec<String> = shape.dim.iter().map(axis).collect();
            format!("[{}]", axes.join(", "))
        }
    };
    let first = shape.and_then(|shape| shape.dim.first());
    let is_fixed = first.is_some_and(|dim| dim.value.is_some());
    let way_out = match is_fixed && expected.starts_with("[symbolic") {
        true => {
            "; the first axis counts rows and must be symbolic (`dynamic_shapes` in torch.onnx.export)"
        }
        false => "; every column must be named once in milieu.spec",
    };
    fault(
        "E-SHAPE",
        format!(
            "{what} `{}` is {found}, expected {expected}{way_out}",
            info.name()
        ),
    )
}
