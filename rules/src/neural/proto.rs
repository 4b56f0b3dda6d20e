//! The part of an ONNX file that is read and written here, as protocol-buffer messages.
//!
//! Field numbers are those of onnx.proto (ONNX 1.16 and later). Messages that are only ever
//! refused (functions, subgraphs, sparse tensors) are kept as their bytes: that they are there
//! is all that matters.

use prost::Message;

/// A whole file.
#[derive(Clone, PartialEq, Message)]
pub struct Model {
    /// Version of the format, 3–10 here.
    #[prost(int64, optional, tag = "1")]
    pub ir_version: Option<i64>,
    /// The program that wrote it.
    #[prost(string, optional, tag = "2")]
    pub producer_name: Option<String>,
    /// That program's version.
    #[prost(string, optional, tag = "3")]
    pub producer_version: Option<String>,
    /// The computation.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    /// Operator sets, one a domain.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
    /// Free key–text pairs: where the contract stands.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<Property>,
    /// Training graphs: refused.
    #[prost(bytes = "vec", repeated, tag = "20")]
    pub training_info: Vec<Vec<u8>>,
    /// Functions defined by the model itself: refused.
    #[prost(bytes = "vec", repeated, tag = "25")]
    pub functions: Vec<Vec<u8>>,
}

/// A domain and the version of its operators.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct OperatorSet {
    /// Empty for ONNX's own operators.
    #[prost(string, optional, tag = "1")]
    pub domain: Option<String>,
    /// 16–21 here.
    #[prost(int64, optional, tag = "2")]
    pub version: Option<i64>,
}

/// A key and its text.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Property {
    /// `milieu.spec`, …
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The text.
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}

/// Nodes in an order in which they can be computed.
#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    /// The steps.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    /// A name.
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    /// Weights and other constants.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    /// What is fed.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfo>,
    /// What is fetched.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfo>,
    /// Weights in sparse form: refused.
    #[prost(bytes = "vec", repeated, tag = "15")]
    pub sparse_initializer: Vec<Vec<u8>>,
}

/// One step.
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    /// Names of values read; empty for an optional one left out.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of values made.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// A name for people.
    #[prost(string, optional, tag = "3")]
    pub name: Option<String>,
    /// `Gemm`, `Relu`, …
    #[prost(string, optional, tag = "4")]
    pub op_type: Option<String>,
    /// Settings.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
    /// Empty for ONNX's own operators.
    #[prost(string, optional, tag = "7")]
    pub domain: Option<String>,
}

/// A setting of a node.
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    /// `axis`, …
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// A number.
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    /// A whole number.
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    /// A text.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub s: Option<Vec<u8>>,
    /// A tensor.
    #[prost(message, optional, tag = "5")]
    pub t: Option<Tensor>,
    /// A subgraph: refused.
    #[prost(bytes = "vec", optional, tag = "6")]
    pub g: Option<Vec<u8>>,
    /// Numbers.
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub floats: Vec<f32>,
    /// Whole numbers.
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    /// Texts.
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub strings: Vec<Vec<u8>>,
    /// Subgraphs: refused.
    #[prost(bytes = "vec", repeated, tag = "11")]
    pub graphs: Vec<Vec<u8>>,
    /// Which of the fields holds: 1 f, 2 i, 3 s, 4 t, 6 floats, 7 ints, 8 strings.
    #[prost(int32, optional, tag = "20")]
    pub kind: Option<i32>,
    /// An argument of a function: refused.
    #[prost(string, optional, tag = "21")]
    pub ref_attr_name: Option<String>,
    /// A sparse tensor: refused.
    #[prost(bytes = "vec", optional, tag = "22")]
    pub sparse_tensor: Option<Vec<u8>>,
}

/// A constant array.
#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    /// Its shape.
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    /// [`FLOAT`], [`INT64`], …
    #[prost(int32, optional, tag = "2")]
    pub data_type: Option<i32>,
    /// Values of type `f32`, unless they are raw.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// Values of small whole types and `bool`, unless they are raw.
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    /// Values of type `i64`, unless they are raw.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// Its name.
    #[prost(string, optional, tag = "8")]
    pub name: Option<String>,
    /// Values as little-endian bytes.
    #[prost(bytes = "vec", optional, tag = "9")]
    pub raw_data: Option<Vec<u8>>,
    /// Values of type `f64`, unless they are raw.
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    /// Where in another file the values stand: refused.
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<Property>,
    /// 1 for another file: refused.
    #[prost(int32, optional, tag = "14")]
    pub data_location: Option<i32>,
}

/// The name, type and shape of an input or output.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfo {
    /// Its name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// Its type; absent when the writer did not know it.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<Type>,
}

/// A type; `tensor` is absent for sequences, maps and whatever else is not a tensor.
#[derive(Clone, PartialEq, Message)]
pub struct Type {
    /// A tensor's element type and shape.
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<TensorType>,
}

/// Element type and shape.
#[derive(Clone, PartialEq, Message)]
pub struct TensorType {
    /// [`FLOAT`], [`INT64`], …
    #[prost(int32, optional, tag = "1")]
    pub elem_type: Option<i32>,
    /// Absent when not even the rank is known.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

/// One entry an axis.
#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    /// The axes.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dim>,
}

/// A length, a name for a length, or neither.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Dim {
    /// A fixed length.
    #[prost(int64, optional, tag = "1")]
    pub value: Option<i64>,
    /// A symbolic one: `n_cells`.
    #[prost(string, optional, tag = "2")]
    pub param: Option<String>,
}

/// `TensorProto.DataType.FLOAT`.
pub const FLOAT: i32 = 1;
/// `TensorProto.DataType.INT64`.
pub const INT64: i32 = 7;
/// `TensorProto.DataType.BOOL`.
pub const BOOL: i32 = 9;

/// The name ONNX gives an element type.
pub fn type_name(elem_type: i32) -> String {
    let known = [
        "undefined",
        "float32",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "float64",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
    ];
    usize::try_from(elem_type)
        .ok()
        .and_then(|at| known.get(at))
        .map_or_else(|| format!("type {elem_type}"), |name| (*name).to_owned())
}

impl Model {
    /// The text under a metadata key; the last one if it stands twice.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        let property = self.metadata_props.iter().rev();
        property
            .filter(|property| property.key() == key)
            .map(Property::value)
            .next()
    }

    /// Puts `text` under a metadata key, in place of what stood there.
    pub fn set_metadata(&mut self, key: &str, text: String) {
        self.metadata_props.retain(|property| property.key() != key);
        self.metadata_props.push(Property {
            key: Some(key.to_owned()),
            value: Some(text),
        });
    }
}

impl Tensor {
    /// A constant of `f32`.
    pub fn floats(name: &str, dims: &[usize], values: &[f32]) -> Tensor {
        Tensor {
            dims: dims.iter().map(|&length| length as i64).collect(),
            data_type: Some(FLOAT),
            name: Some(name.to_owned()),
            raw_data: Some(
                values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect(),
            ),
            ..Tensor::default()
        }
    }

    /// A constant of `i64`, of rank 1.
    pub fn ints(name: &str, values: &[i64]) -> Tensor {
        Tensor {
            dims: vec![values.len() as i64],
            data_type: Some(INT64),
            name: Some(name.to_owned()),
            raw_data: Some(
                values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect(),
            ),
            ..Tensor::default()
        }
    }

    /// The values of an `i64` constant, wherever they stand.
    pub fn int64s(&self) -> Vec<i64> {
        match &self.raw_data {
            Some(raw) => raw
                .chunks_exact(8)
                .map(|bytes| i64::from_le_bytes(bytes.try_into().expect("chunks of 8 bytes")))
                .collect(),
            None => self.int64_data.clone(),
        }
    }
}

impl ValueInfo {
    /// An `f32` tensor; an axis of `None` is symbolic and called `axis`.
    pub fn floats(name: &str, dims: &[Option<usize>], axis: &str) -> ValueInfo {
        let dim = dims.iter().map(|length| Dim {
            value: length.map(|length| length as i64),
            param: length.is_none().then(|| axis.to_owned()),
        });
        ValueInfo {
            name: Some(name.to_owned()),
            r#type: Some(Type {
                tensor: Some(TensorType {
                    elem_type: Some(FLOAT),
                    shape: Some(Shape { dim: dim.collect() }),
                }),
            }),
        }
    }
}

impl Node {
    /// A node of ONNX's own operators.
    pub fn new(op_type: &str, input: &[&str], output: &str) -> Node {
        Node {
            input: input.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            op_type: Some(op_type.to_owned()),
            ..Node::default()
        }
    }

    /// With a whole number as a setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: i64) -> Node {
        self.attribute.push(Attribute {
            name: Some(name.to_owned()),
            i: Some(value),
            kind: Some(2),
            ..Attribute::default()
        });
        self
    }
}
