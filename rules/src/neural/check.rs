//! What a file is refused for before any inference engine sees it.
//!
//! The engine is then given [the checked messages, encoded anew](admit), never the file: what was
//! not read here does not reach it.

use std::collections::HashMap;

use prost::Message;

use super::{Fault, fault, proto};

/// The largest file, bytes.
pub const LARGEST: u64 = 256 << 20;

/// Operators that map rows to rows on both engines, none of which can ask for memory that its
/// inputs do not account for.
#[rustfmt::skip] // A list to be read, not a column.
pub const OPERATORS: &[&str] = &[
    "Abs", "Acos", "Acosh", "Add", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh",
    "BatchNormalization", "Cast", "CastLike", "Ceil", "Clip", "Concat", "Constant", "Cos",
    "Cosh", "Div", "Dropout", "Einsum", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten",
    "Floor", "Gather", "GatherElements", "GatherND", "Gelu", "Gemm", "Greater",
    "GreaterOrEqual", "GRU", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN",
    "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log", "LogSoftmax",
    "LpNormalization", "LSTM", "MatMul", "Max", "Mean", "Min", "Mod", "Mul", "Neg", "Not", "Or",
    "Pow", "PRelu", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
    "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
    "Relu", "Reshape", "Round", "ScatterElements", "ScatterND", "Shape", "Sigmoid", "Sign",
    "Sin", "Sinh", "Slice", "Softmax", "Softplus", "Softsign", "Split", "Sqrt", "Squeeze",
    "Sub", "Sum", "Tan", "Tanh", "TopK", "Transpose", "Unsqueeze", "Where", "Xor",
];

/// Operators that draw numbers of their own.
const RANDOM: &[&str] = &[
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
];

/// No constant that may serve as a length is larger, save the ends of slices.
const LONGEST: u64 = 1 << 20;

/// Reads a file's messages.
///
/// # Errors
/// E-CONTRACT if they cannot be read or there are too many bytes.
pub fn decode(bytes: &[u8]) -> Result<proto::Model, Fault> {
    if bytes.len() as u64 > LARGEST {
        return Err(fault(
            "E-CONTRACT",
            format!(
                "the file has {} bytes; at most {LARGEST} (256 MiB) are read",
                bytes.len()
            ),
        ));
    }
    // No bytes decode well, to a model of defaults.
    if bytes.is_empty() {
        return Err(fault("E-CONTRACT", "the file is empty"));
    }
    proto::Model::decode(bytes).map_err(|error| {
        fault(
            "E-CONTRACT",
            format!("not an ONNX file, or a damaged one: {error}"),
        )
    })
}

/// Checks everything that is not about the contract's metadata, and returns the bytes an engine
/// may have.
///
/// # Errors
/// E-CONTRACT, E-OPSET, E-OP or E-RANDOM-OP.
pub fn admit(model: &proto::Model) -> Result<Vec<u8>, Fault> {
    versions(model)?;
    if !model.functions.is_empty() {
        return Err(fault(
            "E-OP",
            "the model defines functions of its own; inline them before saving \
             (`onnx.inliner.inline_local_functions`)",
        ));
    }
    if !model.training_info.is_empty() {
        return Err(fault(
            "E-CONTRACT",
            "the file carries a training graph; save the inference graph alone",
        ));
    }
    let graph = graph(model)?;
    if !graph.sparse_initializer.is_empty() {
        return Err(fault(
            "E-CONTRACT",
            "weights in sparse form are not read; save them as ordinary tensors",
        ));
    }
    for tensor in &graph.initializer {
        constant(tensor, tensor.name())?;
    }
    let mut admitted = graph.clone();
    let constants = constants(graph);
    for (at, node) in admitted.node.iter_mut().enumerate() {
        operator(at, node, &constants)?;
    }
    let stripped = proto::Model {
        ir_version: model.ir_version,
        graph: Some(admitted),
        opset_import: vec![proto::OperatorSet {
            domain: None,
            version: Some(opset(model)?),
        }],
        ..proto::Model::default()
    };
    Ok(stripped.encode_to_vec())
}

/// The computation.
///
/// # Errors
/// E-CONTRACT if there is none.
pub fn graph(model: &proto::Model) -> Result<&proto::Graph, Fault> {
    model
        .graph
        .as_ref()
        .ok_or_else(|| fault("E-CONTRACT", "the file holds no graph: not an ONNX model"))
}

/// The version of ONNX's own operators.
///
/// # Errors
/// E-OPSET if there is none.
pub fn opset(model: &proto::Model) -> Result<i64, Fault> {
    let own = |set: &&proto::OperatorSet| matches!(set.domain(), "" | "ai.onnx");
    let set = model.opset_import.iter().find(own).ok_or_else(|| {
        fault(
            "E-OPSET",
            "the file names no version of the ONNX operators; save with opset 18",
        )
    })?;
    Ok(set.version())
}

/// Looks at the versions of format and operators.
///
/// # Errors
/// E-OPSET.
pub fn versions(model: &proto::Model) -> Result<(), Fault> {
    let version = opset(model)?;
    if !(16..=21).contains(&version) {
        return Err(fault(
            "E-OPSET",
            format!("opset {version} is not read; export with opset 18 (16 to 21 are read)"),
        ));
    }
    let ir = model.ir_version();
    if !(3..=10).contains(&ir) {
        return Err(fault(
            "E-OPSET",
            format!(
                "ir_version {ir} is not read; set `model.ir_version = 10` before saving \
                 (3 to 10 are read)"
            ),
        ));
    }
    Ok(())
}

/// Every constant by the name of its value.
fn constants(graph: &proto::Graph) -> HashMap<String, &proto::Tensor> {
    let mut named: HashMap<String, &proto::Tensor> = graph
        .initializer
        .iter()
        .map(|tensor| (tensor.name().to_owned(), tensor))
        .collect();
    for node in graph
        .node
        .iter()
        .filter(|node| node.op_type() == "Constant")
    {
        let value = node.attribute.iter().find_map(|item| item.t.as_ref());
        if let (Some(value), Some(output)) = (value, node.output.first()) {
            named.insert(output.clone(), value);
        }
    }
    named
}

fn constant(tensor: &proto::Tensor, name: &str) -> Result<(), Fault> {
    if tensor.data_location() != 0 || !tensor.external_data.is_empty() {
        return Err(fault(
            "E-CONTRACT",
            format!(
                "the values of `{name}` stand in another file; save everything in one \
                 (`external_data=False`)"
            ),
        ));
    }
    let values = tensor.dims.iter().try_fold(1i64, |product, &length| {
        (length >= 0).then(|| product.checked_mul(length)).flatten()
    });
    if values.is_none_or(|values| values as u64 > LARGEST) {
        return Err(fault(
            "E-CONTRACT",
            format!(
                "`{name}` has the shape {:?}, which no tensor can have",
                tensor.dims
            ),
        ));
    }
    if tensor.data_type() == proto::INT64
        && let Some(value) = tensor.int64s().iter().copied().find(is_too_long)
    {
        return Err(fault(
            "E-OP",
            format!(
                "the whole-number constant `{name}` holds {value}: as a length that would ask for \
                 more memory than any machine has ({LONGEST} is the limit)"
            ),
        ));
    }
    Ok(())
}

fn is_too_long(value: &i64) -> bool {
    // Exporters write the open ends of slices as the largest or smallest number there is.
    let open_ends = [
        i32::MAX as u64,
        i32::MAX as u64 + 1,
        i64::MAX as u64 - 1,
        i64::MAX as u64,
    ];
    let size = value.unsigned_abs();
    size > LONGEST && !open_ends.contains(&size) && *value != i64::MIN
}

fn operator(
    at: usize,
    node: &mut proto::Node,
    constants: &HashMap<String, &proto::Tensor>,
) -> Result<(), Fault> {
    let place = if node.name().is_empty() {
        format!("node {at}")
    } else {
        format!("node {at} `{}`", node.name())
    };
    let op = node.op_type().to_owned();
    if !matches!(node.domain(), "" | "ai.onnx") {
        return Err(fault(
            "E-OP",
            format!(
                "{place}: `{op}` comes from the domain `{}`; only ONNX's own operators are run",
                node.domain()
            ),
        ));
    }
    if RANDOM.contains(&op.as_str()) {
        return Err(random(&place, &op));
    }
    if matches!(op.as_str(), "If" | "Loop" | "Scan") {
        return Err(fault(
            "E-OP",
            format!("{place}: `{op}` is not run; write a branch with `Where`, unroll a loop"),
        ));
    }
    if !OPERATORS.contains(&op.as_str()) {
        return Err(fault(
            "E-OP",
            format!(
                "{place}: `{op}` is not an operator that is run; those are {}",
                OPERATORS.join(", ")
            ),
        ));
    }
    for item in &node.attribute {
        let is_refused = item.g.is_some()
            || !item.graphs.is_empty()
            || item.sparse_tensor.is_some()
            || !item.ref_attr_name().is_empty();
        if is_refused {
            return Err(fault(
                "E-OP",
                format!(
                    "{place}: the setting `{}` of `{op}` is a graph, a sparse tensor or an \
                     argument of a function; none of them is run",
                    item.name()
                ),
            ));
        }
        if let Some(tensor) = &item.t {
            constant(tensor, &place)?;
        }
        let mut whole = item.ints.iter().copied().chain(item.i);
        if op == "Constant"
            && let Some(value) = whole.find(is_too_long)
        {
            return Err(fault(
                "E-OP",
                format!("{place}: {value} as a length asks for more memory than any machine has"),
            ));
        }
    }
    if op == "Dropout" {
        evaluation_dropout(node, &place, constants)?;
    }
    Ok(())
}

fn random(place: &str, op: &str) -> Fault {
    fault(
        "E-RANDOM-OP",
        format!(
            "{place}: `{op}` draws numbers of its own, which no seed could reproduce; declare \
             `noise` and read the drawn numbers from the input tensor `noise`"
        ),
    )
}

/// A dropout layer outside training passes its input on, and becomes exactly that.
fn evaluation_dropout(
    node: &mut proto::Node,
    place: &str,
    constants: &HashMap<String, &proto::Tensor>,
) -> Result<(), Fault> {
    let is_off = match node.input.get(2).map(String::as_str) {
        None | Some("") => true,
        Some(name) => constants.get(name).is_some_and(|flag| {
            let raw = flag.raw_data.iter().flatten().all(|&byte| byte == 0);
            raw && flag.int32_data.iter().all(|&value| value == 0)
        }),
    };
    if !is_off {
        return Err(random(place, "Dropout (in training mode)"));
    }
    if node.output.iter().skip(1).any(|name| !name.is_empty()) {
        return Err(fault(
            "E-OP",
            format!("{place}: the mask of `Dropout` is not made; call `model.eval()` and export"),
        ));
    }
    node.op_type = Some("Identity".to_owned());
    node.input.truncate(1);
    node.output.truncate(1);
    node.attribute.clear();
    Ok(())
}
