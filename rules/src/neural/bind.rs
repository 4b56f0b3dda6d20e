//! From names to numbers: the tensors of the graph, the types, signals and behaviors of the
//! scenario, and the factors between their units.

use std::collections::HashSet;

use super::contract::{ActsOn, Dist, Form, Input, Kind, On, Output, Per, Spec};
use super::{Fault, fault, proto};
use crate::units::{Unit, quantity};
use crate::{
    Binding, Distribution, Entry, Noise, Occasion, Read, Reduce, Side, Signature, Subject, Target,
    Vocabulary, Write,
};

/// A model's columns, resolved.
#[derive(Debug)]
pub struct Bound {
    /// What the simulator is told.
    pub signature: Signature,
    /// From the dictionary's unit to the model's, for each input of the spec.
    pub into_model: Vec<f64>,
    /// From the model's number to the dictionary's, for each output of the spec.
    pub from_model: Vec<Convert>,
    /// Step trained with, min.
    pub trained: f64,
}

/// How an output becomes a written number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Convert {
    /// Times a factor.
    Factor(f64),
    /// A probability over `per` minutes, to a rate in the dictionary's unit, times a factor.
    Probability {
        /// To a pure number.
        factor: f64,
        /// Minutes.
        per: f64,
        /// From 1/min to the unit of the behavior.
        rate: f64,
    },
}

/// Compares the tensors of the graph with those of the spec; returns whether it reads `dt`.
///
/// # Errors
/// E-CONTRACT, E-SHAPE or E-DTYPE names the tensor.
pub fn tensors(graph: &proto::Graph, spec: &Spec) -> Result<bool, Fault> {
    let constants: HashSet<&str> = graph.initializer.iter().map(proto::Tensor::name).collect();
    let fed = |info: &&proto::ValueInfo| !constants.contains(info.name());
    let mut wanted = spec.input_tensors();
    if spec.lanes() > 0 {
        wanted.push(("noise".to_owned(), spec.lanes()));
    }
    let mut reads_dt = false;
    for info in graph.input.iter().filter(fed) {
        let name = info.name();
        if name == "dt" {
            reads_dt = true;
            let axes = float_axes(info, "input")?.unwrap_or_default();
            if axes != [Some(1)] {
                return Err(shape(info, "input", "[1]"));
            }
            continue;
        }
        let Some(at) = wanted.iter().position(|(other, _)| other == name) else {
            return Err(stray_input(name, spec));
        };
        let (_, width) = wanted.swap_remove(at);
        if float_axes(info, "input")? != Some(vec![None, Some(width)]) {
            return Err(shape(info, "input", &format!("[symbolic, {width}]")));
        }
    }
    if let Some((name, width)) = wanted.first() {
        return Err(fault(
            "E-CONTRACT",
            format!(
                "milieu.spec speaks of the input tensor `{name}` with {width} columns, but the graph \
                 has no such input"
            ),
        ));
    }
    let named = |name: &str| graph.output.iter().find(|info| info.name() == name);
    for (name, width) in spec.output_tensors() {
        let info = named(&name).ok_or_else(|| {
            let known: Vec<&str> = graph.output.iter().map(proto::ValueInfo::name).collect();
            fault(
                "E-CONTRACT",
                format!(
                    "milieu.spec speaks of the output tensor `{name}`, but the graph gives {}",
                    known.join(", ")
                ),
            )
        })?;
        // A shape that the exporter did not know is settled by the dry run.
        if let Some(axes) = float_axes(info, "output")? {
            let fits = axes.len() == 2 && axes[0].is_none() && axes[1].is_none_or(|n| n == width);
            if !fits {
                return Err(shape(info, "output", &format!("[symbolic, {width}]")));
            }
        }
    }
    let unsure = spec
        .outputs
        .iter()
        .filter_map(|output| output.uncertainty.as_ref());
    for name in unsure.flat_map(super::contract::Uncertainty::tensors) {
        if named(name).is_none() {
            return Err(fault(
                "E-CONTRACT",
                format!("`uncertainty` names the tensor `{name}`, which the graph does not give"),
            ));
        }
    }
    Ok(reads_dt)
}

fn stray_input(name: &str, spec: &Spec) -> Fault {
    let message = match name {
        "z" | "za" | "zb" | "cond" | "src" | "dst" | "active" | "state_in" => format!(
            "the graph reads `{name}`: latent states, conditions and graphs are not supported by \
             this version"
        ),
        "noise" => "the graph reads `noise`, but milieu.spec declares no lanes: add \
                    \"noise\": {\"dist\": \"normal\", \"lanes\": …}"
            .to_owned(),
        _ => {
            let known: Vec<String> = spec
                .input_tensors()
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            format!(
                "the graph reads `{name}`, of which milieu.spec says nothing; declared are {}, and \
                 `noise` and `dt` may be added",
                known.join(", ")
            )
        }
    };
    fault("E-CONTRACT", message)
}

/// The axes of an `f32` tensor, `None` for a symbolic one; `None` at all when no shape is stated.
fn float_axes(info: &proto::ValueInfo, what: &str) -> Result<Option<Vec<Option<usize>>>, Fault> {
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor.as_ref());
    let tensor = tensor.ok_or_else(|| {
        fault(
            "E-DTYPE",
            format!("{what} `{}` is not a tensor", info.name()),
        )
    })?;
    if tensor.elem_type() != proto::FLOAT {
        return Err(fault(
            "E-DTYPE",
            format!(
                "{what} `{}` is {}, expected float32; put a `Cast` into the graph",
                info.name(),
                proto::type_name(tensor.elem_type())
            ),
        ));
    }
    let axis = |dim: &proto::Dim| dim.value.map(|length| usize::try_from(length).unwrap_or(0));
    let shape = tensor.shape.as_ref();
    Ok(shape.map(|shape| shape.dim.iter().map(axis).collect()))
}

fn shape(info: &proto::ValueInfo, what: &str, expected: &str) -> Fault {
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor.as_ref());
    let found = match tensor.and_then(|tensor| tensor.shape.as_ref()) {
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
    let is_fixed = found.starts_with(|first: char| first.is_ascii_digit() || first == '[')
        && tensor
            .and_then(|tensor| tensor.shape.as_ref())
            .and_then(|shape| shape.dim.first())
            .is_some_and(|dim| dim.value.is_some());
    let way_out = if is_fixed && expected.starts_with("[symbolic") {
        "; the first axis counts rows and must be symbolic (`dynamic_shapes` in torch.onnx.export)"
    } else {
        "; every column must be named once in milieu.spec"
    };
    fault(
        "E-SHAPE",
        format!(
            "{what} `{}` is {found}, expected {expected}{way_out}",
            info.name()
        ),
    )
}

/// Resolves every name and unit of the spec.
///
/// # Errors
/// E-TYPE, E-SIGNAL, E-UNIT, E-DT or E-CONFLICT names the entry.
pub fn bind(spec: &Spec, binding: &Binding, vocabulary: &Vocabulary) -> Result<Bound, Fault> {
    let subject = subject(spec, vocabulary)?;
    let (mut reads, mut into_model) = (Vec::new(), Vec::new());
    for (at, input) in spec.inputs.iter().enumerate() {
        let (read, factor) = read(input, vocabulary)
            .map_err(|error| error.at(&format!("inputs[{at}] `{}`", input.name)))?;
        reads.push(read);
        into_model.push(factor);
    }
    let clock = clock(spec, binding, vocabulary)?;
    let trained = minutes(spec.dt.trained, &spec.dt.unit)?;
    let (mut writes, mut from_model) = (Vec::<Write>::new(), Vec::new());
    for (at, output) in spec.outputs.iter().enumerate() {
        let place = format!("outputs[{at}] `{}`", output.name);
        let (write, convert) =
            write(output, vocabulary, clock, trained).map_err(|error| error.at(&place))?;
        let is_same = |other: &Write| other.side == write.side && other.target == write.target;
        if writes.iter().any(is_same) {
            return Err(fault(
                "E-CONFLICT",
                format!("{place}: the model writes this twice; one output a behavior"),
            ));
        }
        writes.push(write);
        from_model.push(convert);
    }
    let noise = spec.noise.as_ref().filter(|noise| noise.lanes > 0);
    Ok(Bound {
        signature: Signature {
            source: binding.name.clone(),
            subject,
            occasion: Occasion::Clock,
            graph: None,
            reads,
            writes,
            clock,
            noise: noise.map(|noise| Noise {
                distribution: match noise.dist {
                    Dist::Normal => Distribution::Normal,
                    Dist::Uniform => Distribution::Uniform,
                },
                lanes: noise.lanes,
            }),
            combine: binding.combine.or(spec.combine),
        },
        into_model,
        from_model,
        trained,
    })
}

fn subject(spec: &Spec, vocabulary: &Vocabulary) -> Result<Subject, Fault> {
    let find = |name: &str| {
        vocabulary.cell_type(name).map_err(|error| {
            fault(
                "E-TYPE",
                format!(
                    "acts_on: the model is for a cell type this scenario does not have: {error}"
                ),
            )
        })
    };
    if let ActsOn::Pair(pair) = &spec.acts_on {
        return Ok(Subject::Dyad {
            a: find(&pair.a)?,
            b: find(&pair.b)?,
        });
    }
    let types = spec.types().into_iter().map(find);
    let mut types = types.collect::<Result<Vec<_>, _>>()?;
    types.sort_unstable();
    types.dedup();
    Ok(Subject::Cell { types })
}

/// A unit as written; where it is none, the error suggests `instead`.
fn unit(text: &str, instead: &str) -> Result<Unit, Fault> {
    Unit::parse(text).map_err(|error| {
        fault(
            "E-UNIT",
            format!("{error}; write `{instead}`, or a multiple"),
        )
    })
}

fn factor(from: &Unit, to: &Unit) -> Result<f64, Fault> {
    from.factor_to(to)
        .map_err(|error| fault("E-UNIT", error.to_string()))
}

fn minutes(value: f64, text: &str) -> Result<f64, Fault> {
    let minute = Unit::parse("min").expect("min is in the table of units");
    Ok(value * factor(&unit(text, "min")?, &minute).map_err(|error| error.at("dt"))?)
}

fn read(input: &Input, vocabulary: &Vocabulary) -> Result<(Read, f64), Fault> {
    let (side, dictionary) = match input.tensor.as_str() {
        "a" => (Side::A, &vocabulary.signals),
        "b" => (Side::B, &vocabulary.signals),
        "e" => (Side::Pair, &vocabulary.pair_signals),
        _ => (Side::Cell, &vocabulary.signals),
    };
    let signal = dictionary
        .find(&input.name)
        .map_err(|error| fault("E-SIGNAL", error.to_string()))?;
    // The dictionary is the one that is right, so its unit stands where the wanted one does.
    let held = &dictionary.entry(signal).unit;
    let wanted = unit(&input.unit, &held.to_string())?;
    factor(&wanted, held)?;
    Ok((Read { side, signal }, factor(held, &wanted)?))
}

fn clock(spec: &Spec, binding: &Binding, vocabulary: &Vocabulary) -> Result<f64, Fault> {
    let (step, name) = match spec.form {
        Form::Cell => (vocabulary.phenotype_step, "phenotype step"),
        Form::Dyad => (vocabulary.mechanics_step, "mechanics step"),
    };
    let clock = binding.clock.unwrap_or(step);
    let (least, greatest) = (
        minutes(spec.dt.min, &spec.dt.unit)?,
        minutes(spec.dt.max, &spec.dt.unit)?,
    );
    // Steps are decimal fractions, which binary numbers hold only nearly.
    let near = 1e-9;
    if clock < least * (1.0 - near) || clock > greatest * (1.0 + near) {
        return Err(fault(
            "E-DT",
            format!(
                "the model would run every {clock} min, but it is good for {least} to {greatest} min; \
                 give its entry in the scenario a `clock` in that range"
            ),
        ));
    }
    let steps = clock / step;
    if (steps - steps.round()).abs() > 1e-6 || steps.round() < 1.0 {
        return Err(fault(
            "E-DT",
            format!("the clock of {clock} min is no multiple of the {name}, {step} min"),
        ));
    }
    Ok(clock)
}

fn write(
    output: &Output,
    vocabulary: &Vocabulary,
    clock: f64,
    trained: f64,
) -> Result<(Write, Convert), Fault> {
    let side = match output.on {
        None | Some(On::Cell) => Side::Cell,
        Some(On::A) => Side::A,
        Some(On::B) => Side::B,
        Some(On::Pair) => Side::Pair,
    };
    let written = |target, kind, convert| {
        let write = Write {
            side,
            target,
            kind,
            applies_to_dead: false,
            reduce: Reduce::Sum,
        };
        Ok((write, convert))
    };
    if output.kind == Kind::Readout {
        let target = Target::Readout(output.name.clone());
        return written(target, crate::Kind::Readout, Convert::Factor(1.0));
    }
    let is_pairs = side == Side::Pair || output.size.is_some();
    let dictionary = if is_pairs {
        &vocabulary.pair_behaviors
    } else {
        &vocabulary.behaviors
    };
    let number = dictionary
        .find(&output.name)
        .map_err(|error| fault("E-SIGNAL", error.to_string()))?;
    let entry = dictionary.entry(number);
    let target = if is_pairs {
        Target::PairBehavior(number)
    } else {
        Target::Behavior(number)
    };
    let instead = match output.kind {
        Kind::Probability => "1".to_owned(),
        Kind::Derivative => format!("{}/min", entry.unit),
        _ => entry.unit.to_string(),
    };
    let given = unit(&output.unit, &instead)?;
    let kind = match (output.kind, output.size) {
        (Kind::Hit | Kind::Rate, Some(size)) => crate::Kind::Hit { size },
        (Kind::Hit | Kind::Rate | Kind::Probability, _) => crate::Kind::Rate,
        (Kind::Parameter, _) => crate::Kind::Parameter {
            relaxation: output.tau,
        },
        (Kind::Delta, _) => crate::Kind::Delta { per: span(output)? },
        (Kind::Derivative, _) => crate::Kind::Delta { per: Some(1.0) },
        (Kind::Readout, _) => unreachable!("returned above"),
    };
    let convert = match output.kind {
        Kind::Probability => probability(output, entry, &given)?,
        Kind::Rate | Kind::Hit => {
            is_event(entry)?;
            Convert::Factor(factor(&given, &entry.unit)?)
        }
        Kind::Parameter if entry.is_event_rate => return Err(is_no_parameter(entry)),
        Kind::Derivative => {
            let minute = Unit::parse("min").expect("min is in the table of units");
            Convert::Factor(factor(&given, &entry.unit.per(&minute))?)
        }
        _ => Convert::Factor(factor(&given, &entry.unit)?),
    };
    let is_step = kind == crate::Kind::Delta { per: None };
    if is_step && (clock - trained).abs() > 1e-9 * trained {
        return Err(fault(
            "E-DT",
            format!(
                "a change per step holds only for the step trained with, {trained} min, and the model \
                 would run every {clock} min; give its entry in the scenario `clock = \"{trained} min\"`"
            ),
        ));
    }
    written(target, kind, convert)
}

fn is_event(entry: &Entry) -> Result<(), Fault> {
    if entry.is_event_rate {
        return Ok(());
    }
    Err(fault(
        "E-CONTRACT",
        format!(
            "`{}` is not an event that could have a rate or a probability; declare the kind \
             `parameter`, in {}",
            entry.name, entry.unit
        ),
    ))
}

fn is_no_parameter(entry: &Entry) -> Fault {
    fault(
        "E-CONTRACT",
        format!(
            "`{}` is an event, which is drawn and not set; declare the kind `rate`, in {}, or \
             `probability`",
            entry.name, entry.unit
        ),
    )
}

fn probability(output: &Output, entry: &Entry, given: &Unit) -> Result<Convert, Fault> {
    is_event(entry)?;
    let one_per_minute = Unit::parse("1/min").expect("1/min is in the table of units");
    match span(output)? {
        Some(per) => Ok(Convert::Probability {
            factor: factor(given, &Unit::one())?,
            per,
            rate: factor(&one_per_minute, &entry.unit)?,
        }),
        None => Err(fault(
            "E-CONTRACT",
            "a probability belongs to minutes: `per` must be a number, not \"step\"",
        )),
    }
}

/// Minutes of `per`; `None` for a step.
fn span(output: &Output) -> Result<Option<f64>, Fault> {
    let minute = Unit::parse("min").expect("min is in the table of units");
    let minutes = match &output.per {
        None => return Ok(None),
        Some(Per::Text(text)) if text == "step" => return Ok(None),
        Some(Per::Text(text)) if text == "min" => 1.0,
        Some(Per::Text(text)) => {
            quantity(text, &minute).map_err(|error| fault("E-UNIT", format!("per: {error}")))?
        }
        Some(Per::Minutes(minutes)) => *minutes,
    };
    if minutes.is_finite() && minutes > 0.0 {
        return Ok(Some(minutes));
    }
    Err(fault(
        "E-CONTRACT",
        format!("per {minutes} must be minutes > 0"),
    ))
}
