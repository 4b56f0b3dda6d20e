//! From a plain export to a model file: contract, card, golden rows and hash put onto an ONNX graph
//! whose author has written no metadata.
//!
//! Whatever is changed in the graph is said; whatever cannot be changed safely is refused with the
//! line of PyTorch that makes it right.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use prost::Message;
use serde_json::{Map, Value, json};

use super::compute::Compute;
use super::contract::{self, Kind, Spec};
use super::engine::Rows;
use super::{Fault, Parsed, bind, check, fault, golden, make, proto};
use crate::Engine;
use crate::dictionary::{normal, unknown};

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

/// A table: a column is called by its signal, or `TENSOR.COLUMN`.
#[derive(Debug, Clone, Default)]
pub struct Data {
    /// Names.
    pub names: Vec<String>,
    /// `[column][row]`.
    pub columns: Vec<Vec<f64>>,
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

/// Puts weights that an export keeps in another file into this one.
fn bring_in(model: &mut proto::Model, beside: Beside<'_>) -> Result<Option<String>, Fault> {
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
fn rename(model: &mut proto::Model, from: &str, to: &str) -> Result<(), Fault> {
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

/// A column of input as the data may call it.
fn is_column(input: &Map<String, Value>, name: &str) -> [bool; 2] {
    let text = |key: &str| input.get(key).and_then(Value::as_str).unwrap_or_default();
    let col = input.get("col").and_then(Value::as_u64).unwrap_or(0);
    let place = format!("{}.{col}", text("tensor"));
    let signal = normal(text("name"));
    [place == name, signal == normal(name)]
}

impl Data {
    /// Columns that are nearly called like an output of the graph: those alone are not missed.
    fn misnamed(&self, spec: &Spec, rows: &Rows) -> Vec<String> {
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
    fn near(&self, name: &str) -> String {
        let known = self.names.iter().map(String::as_str);
        unknown("column", name, known).way_out()
    }

    /// The column of an input, by place or by name.
    fn column(&self, input: &Map<String, Value>) -> Result<Option<&Vec<f64>>, Fault> {
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

/// Fills in ranges, means and deviations that the spec leaves out.
fn measure(spec: &mut Value, data: &Data) -> Result<Vec<String>, Fault> {
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
fn ranges_are_there(spec: &Value, data: Option<&Data>) -> Result<(), Fault> {
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

/// The names by which a graph may be fed.
const TENSORS: [&str; 14] = [
    "x", "z", "a", "b", "e", "za", "zb", "cond", "noise", "dt", "m", "src", "dst", "active",
];

/// Inputs of a graph that still have the exporter's own names.
fn strange(graph: &proto::Graph) -> Vec<&proto::ValueInfo> {
    let is_constant = |name| graph.initializer.iter().any(|it| it.name() == name);
    let inputs = graph.input.iter();
    inputs
        .filter(|info| !is_constant(info.name()) && !TENSORS.contains(&info.name()))
        .collect()
}

/// Exporters call inputs as they like, and a `[rename]` is soon forgotten.
fn names_are_known(model: &proto::Model, spec: &Value) -> Result<(), Fault> {
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

/// Puts numbers in the place of a calibration that the data are to give; whether there is nothing
/// to give.
fn stand_in(spec: &mut Value, has_data: bool) -> Result<bool, Fault> {
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

/// Rows of the data as the graph takes them.
struct HeldOut {
    rows: usize,
    /// [input tensor] row-major.
    tensors: Vec<Vec<f32>>,
    widths: Vec<usize>,
    /// Output tensor, its column, and what the data say it is.
    answers: Vec<(usize, usize, Vec<f64>)>,
}

impl HeldOut {
    fn read(data: &Data, spec: &Spec, rows: &Rows) -> Result<HeldOut, Fault> {
        let count = data.columns.first().map_or(0, Vec::len);
        let json = serde_json::to_value(&spec.inputs).expect("a spec has a JSON form");
        let inputs: Vec<&Map<String, Value>> = json
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .collect();
        let mut tensors = Vec::new();
        for (tensor, width) in &rows.inputs {
            let mut columns = Vec::new();
            for col in 0..*width {
                let place = format!("{tensor}.{col}");
                let input = inputs.iter().find(|input| is_column(input, &place)[0]);
                let column = match input {
                    Some(input) => data.column(input)?,
                    None => {
                        let at = data.names.iter().position(|name| *name == place);
                        at.map(|at| &data.columns[at])
                    }
                };
                columns.push(column.ok_or_else(|| {
                    let name = input
                        .and_then(|input| input.get("name"))
                        .and_then(Value::as_str);
                    fault(
                        "E-CONTRACT",
                        format!(
                            "data: no column `{}{place}`{}",
                            name.map_or(String::new(), |name| format!("{name}` or `")),
                            data.near(name.unwrap_or(&place))
                        ),
                    )
                })?);
            }
            let row = |row: usize| columns.iter().map(move |column| column[row] as f32);
            tensors.push((0..count).flat_map(row).collect());
        }
        let mut answers = Vec::new();
        for (tensor, (name, width)) in rows.outputs.iter().enumerate() {
            for col in 0..*width {
                let place = format!("{name}.{col}");
                let at = data
                    .names
                    .iter()
                    .position(|column| *column == place || (*width == 1 && column == name));
                answers.extend(at.map(|at| (tensor, col, data.columns[at].clone())));
            }
        }
        Ok(HeldOut {
            rows: count,
            tensors,
            widths: rows.inputs.iter().map(|(_, width)| *width).collect(),
            answers,
        })
    }

    /// Inputs whose range the data leave.
    ///
    /// # Errors
    /// E-GOLDEN where most rows are so far outside that they are of something else.
    fn outside(&self, spec: &Spec) -> Result<Vec<String>, Fault> {
        let mut found = Vec::new();
        for (tensor, (name, width)) in spec.input_tensors().iter().enumerate() {
            for input in spec.inputs.iter().filter(|input| input.tensor == *name) {
                let column = (0..self.rows)
                    .map(|row| f64::from(self.tensors[tensor][row * width + input.col]));
                let (lo, hi) = (input.lo, input.hi);
                let is_out =
                    |value: &f64| *value < lo - 1e-6 * lo.abs() || *value > hi + 1e-6 * hi.abs();
                let out = column.clone().filter(is_out).count();
                if out == 0 {
                    continue;
                }
                let text = |count: usize, how: &str| {
                    format!(
                        "{count} of {} rows of the data {how} {lo} to {hi} {} of {}: is the unit, the \
                         range or the order of columns another?",
                        self.rows, input.unit, input.name
                    )
                };
                let (_, far) = golden::far(column, (lo, hi));
                if 2 * far > self.rows {
                    let message = text(far, "lie far outside");
                    return Err(fault("E-GOLDEN", message));
                }
                found.push(text(out, "leave"));
            }
        }
        Ok(found)
    }

    /// Largest difference of the graph's answers from those of the data, as a part of the largest.
    fn difference(&self, rows: &Rows, dt: f32, tensors: &[Vec<f32>]) -> Result<f64, Fault> {
        let made = rows.run_tensors(self.rows, dt, tensors)?;
        let part = |(tensor, col, wanted): &(usize, usize, Vec<f64>)| {
            let width = rows.outputs[*tensor].1;
            let scale = wanted
                .iter()
                .fold(f64::MIN_POSITIVE, |most, value| most.max(value.abs()));
            let off = wanted.iter().enumerate().map(|(row, wanted)| {
                let off = (f64::from(made[*tensor][row * width + col]) - wanted).abs();
                if off.is_nan() { f64::INFINITY } else { off }
            });
            off.fold(0.0, f64::max) / scale
        };
        Ok(self.answers.iter().map(part).fold(0.0, f64::max))
    }

    /// Compares the graph's answers with those the data hold.
    fn agree(&self, spec: &Spec, rows: &Rows, dt: f32) -> Result<Option<String>, Fault> {
        if self.answers.is_empty() {
            return Ok(None);
        }
        let off = self.difference(rows, dt, &self.tensors)?;
        if off <= LARGEST_DIFFERENCE {
            return Ok(Some(format!(
                "answers as in {} rows of the data, within {off:.1e} of the largest number",
                self.rows
            )));
        }
        // The one mistake that can be told from outside: two columns in each other's place.
        let swapped = self.swaps().find(|[tensor, i, j]| {
            let mut tensors = self.tensors.clone();
            for row in tensors[*tensor].chunks_exact_mut(self.widths[*tensor]) {
                row.swap(*i, *j);
            }
            let off = self.difference(rows, dt, &tensors);
            off.is_ok_and(|off| off <= LARGEST_DIFFERENCE)
        });
        let hint = match swapped {
            Some([tensor, i, j]) => {
                let name = |col: usize| {
                    let (tensor, _) = &rows.inputs[tensor];
                    let mut inputs = spec.inputs.iter();
                    let input = inputs.find(|it| it.tensor == *tensor && it.col == col);
                    input.map_or(format!("{tensor}.{col}"), |input| input.name.clone())
                };
                format!(
                    "with `{}` and `{}` exchanged they agree: exchange their `col`",
                    name(i),
                    name(j)
                )
            }
            None => {
                "is the order of columns, a unit, or the normalization another than in training?"
                    .to_owned()
            }
        };
        Err(fault(
            "E-GOLDEN",
            format!(
                "the graph's answers differ from those in the data by up to {off:.1e} of the largest \
                 number\n  {hint}"
            ),
        ))
    }

    fn swaps(&self) -> impl Iterator<Item = [usize; 3]> {
        self.widths.iter().enumerate().flat_map(|(tensor, &width)| {
            (0..width).flat_map(move |i| (i + 1..width).map(move |j| [tensor, i, j]))
        })
    }

    /// Puts the scores of these rows into the spec.
    fn calibrate(&self, spec: &mut Value, rows: &Rows, dt: f32) -> Result<Option<String>, Fault> {
        let Some(score) = spec
            .pointer_mut("/ood/score")
            .and_then(Value::as_object_mut)
        else {
            return Ok(None);
        };
        let name = score
            .get("tensor")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(tensor) = rows.outputs.iter().position(|(other, _)| other == name) else {
            return Ok(None);
        };
        let said = format!("score `{name}` calibrated on the data");
        let mut scores = rows
            .run_tensors(self.rows, dt, &self.tensors)?
            .swap_remove(tensor);
        scores.sort_by(f32::total_cmp);
        // As many as tell one in a thousand; their order is all that counts.
        let most = scores.len().min(2000);
        let pick = |at: usize| scores[at * scores.len() / most];
        let calibration: Vec<f32> = (0..most).map(pick).collect();
        score.insert("calibration".into(), json!(calibration));
        Ok(Some(said))
    }

    /// Replaces the second half of golden rows by rows of the data, evenly taken.
    fn take_over(&self, golden: &mut [Vec<f32>]) {
        let half = golden.len() / 2;
        let taken = half.min(self.rows);
        for (at, row) in golden[half..].iter_mut().take(taken).enumerate() {
            let from = at * self.rows / taken;
            *row = self
                .tensors
                .iter()
                .zip(&self.widths)
                .flat_map(|(tensor, width)| &tensor[from * width..(from + 1) * width])
                .copied()
                .collect();
        }
    }
}

/// Answers that differ by more than this part of the largest are of another model.
const LARGEST_DIFFERENCE: f64 = 1e-3;

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
