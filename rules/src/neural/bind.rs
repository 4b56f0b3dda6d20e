//! From names to numbers: the types, signals and behaviors of the scenario, and the factors
//! between their units.

mod writes;

use super::contract::{ActsOn, Dist, Form, Input, Kind, Spec, component};
use super::convert::Convert;
use super::uncertainty::Sure;
use super::{Fault, fault};
use crate::adoption::Stop;
use crate::dictionary::normal;
use crate::units::Unit;
use crate::{
    Binding, Distribution, Graph, Noise, Occasion, Read, Residual, Side, Signature, Subject,
    Target, Vocabulary,
};

/// A model's columns, resolved.
#[derive(Debug)]
pub struct Bound {
    /// What the simulator is told.
    pub signature: Signature,
    /// `[read]`: from the dictionary's unit to the model's. The reads are those of
    /// [`Spec::columns`], then the ages of times to events.
    pub into_model: Vec<f64>,
    /// `[read]`: name and unit of it as the model has it, and the factor.
    pub inputs: Vec<(String, String, f64)>,
    /// One for each output of the spec, in its order.
    pub answers: Vec<Answer>,
    /// `[write]`: how a residual acts.
    pub residuals: Vec<Residual>,
    /// Spreads that end the run.
    pub stops: Vec<Stop>,
    /// The write of the gate.
    pub gate: Option<usize>,
    /// Explicit Euler steps of derivatives in one call.
    pub substeps: usize,
    /// What advances between them.
    pub advances: Vec<Advance>,
    /// Step trained with, min; the clock for a model that names none.
    pub trained: f64,
}

/// An output of the spec, resolved.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its tensor, in [`Spec::output_tensors`].
    pub tensor: usize,
    /// Its first column.
    pub col: usize,
    /// How many columns it takes.
    pub width: usize,
    /// The first of its writes.
    pub first: usize,
    /// How it becomes written numbers.
    pub convert: Convert,
    /// How sure it is.
    pub sure: Option<Sure>,
}

/// What a model both reads and changes by a derivative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Advance {
    /// The write, per minute in the behavior's unit.
    pub write: usize,
    /// The read.
    pub read: usize,
    /// From the behavior's unit to the signal's.
    pub factor: f64,
}

/// Resolves every name and unit of the spec.
///
/// # Errors
/// E-TYPE, E-SIGNAL, E-UNIT, E-DT, E-SPACE or E-CONFLICT names the entry.
pub fn bind(spec: &Spec, binding: &Binding, vocabulary: &Vocabulary) -> Result<Bound, Fault> {
    let subject = subject(spec, vocabulary)?;
    let mut reads = Reads::default();
    for (at, input) in spec.inputs.iter().enumerate() {
        let (read, factor) = read(spec, input, vocabulary)
            .map_err(|error| error.at(&format!("inputs[{at}] `{}`", input.name)))?;
        reads.push(read, &input.name, &input.unit, factor);
    }
    for latent in spec.entering() {
        for at in 0..latent.width() {
            let name = component(&latent.space, at);
            let signal = vocabulary.signals.find(&name).map_err(|error| {
                fault("E-SIGNAL", error.to_string()).at(&format!("latents `{}`", latent.space))
            })?;
            let side = match latent.tensor.as_deref() {
                Some("za") => Side::A,
                Some("zb") => Side::B,
                _ => Side::Cell,
            };
            reads.push(Read { side, signal }, &name, "1", 1.0);
        }
    }
    let clock = clock(spec, binding, vocabulary)?;
    let trained = match spec.dt {
        Some(_) => trained(spec)?,
        None => clock,
    };
    let written = writes::bind(spec, binding, vocabulary, &mut reads, clock, trained)?;
    let noise = spec.noise.as_ref().filter(|noise| noise.lanes > 0);
    let derivative = spec
        .outputs
        .iter()
        .find(|output| output.kind == Kind::Derivative);
    let substeps = derivative.and_then(|output| output.substeps).unwrap_or(1);
    let advances = advances(spec, &written, &reads, vocabulary)?;
    Ok(Bound {
        signature: Signature {
            source: binding.name.clone(),
            subject,
            occasion: match spec.form {
                Form::Decoder => Occasion::Decoding,
                Form::Encoder => Occasion::Entry,
                Form::Division => Occasion::Division,
                Form::Cell | Form::Dyad | Form::Graph => Occasion::Clock,
            },
            graph: match spec.form {
                Form::Graph => Some(Graph {
                    sees: numbers(&spec.sees, "sees", vocabulary)?,
                }),
                _ => None,
            },
            reads: reads.reads,
            writes: written.writes,
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
        into_model: reads.factors,
        inputs: reads.inputs,
        answers: written.answers,
        residuals: written.residuals,
        stops: written.stops,
        gate: written.gate,
        substeps,
        advances: if substeps > 1 { advances } else { Vec::new() },
        trained,
    })
}

/// What is read, as it grows.
#[derive(Debug, Default)]
struct Reads {
    reads: Vec<Read>,
    factors: Vec<f64>,
    inputs: Vec<(String, String, f64)>,
}

impl Reads {
    fn push(&mut self, read: Read, name: &str, unit: &str, factor: f64) -> usize {
        self.reads.push(read);
        self.factors.push(factor);
        self.inputs.push((name.to_owned(), unit.to_owned(), factor));
        self.reads.len() - 1
    }
}

fn subject(spec: &Spec, vocabulary: &Vocabulary) -> Result<Subject, Fault> {
    if let ActsOn::Pair(pair) = &spec.acts_on {
        return Ok(Subject::Dyad {
            a: type_number(&pair.a, "acts_on", vocabulary)?,
            b: type_number(&pair.b, "acts_on", vocabulary)?,
        });
    }
    let types = numbers(&spec.types(), "acts_on", vocabulary)?;
    Ok(Subject::Cell { types })
}

fn numbers(
    names: &[impl AsRef<str>],
    key: &str,
    vocabulary: &Vocabulary,
) -> Result<Vec<usize>, Fault> {
    let find = |name: &_| type_number(AsRef::as_ref(name), key, vocabulary);
    let mut types = names.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    types.sort_unstable();
    types.dedup();
    Ok(types)
}

fn type_number(name: &str, key: &str, vocabulary: &Vocabulary) -> Result<usize, Fault> {
    vocabulary.cell_type(name).map_err(|error| {
        fault(
            "E-TYPE",
            format!("{key}: the model is for a cell type this scenario does not have: {error}"),
        )
    })
}

/// Reads every unit of a spec, for which no scenario is needed; how many there are.
///
/// # Errors
/// E-UNIT names the entry.
pub(super) fn units(spec: &Spec) -> Result<usize, Fault> {
    let mut count = 0;
    let mut read = |text: &str, place: &str| {
        count += 1;
        let unit = Unit::parse(text);
        unit.map_err(|error| fault("E-UNIT", format!("{place}: unit: {error}")))
    };
    for (at, input) in spec.inputs.iter().enumerate() {
        read(&input.unit, &format!("inputs[{at}] `{}`", input.name))?;
    }
    for (at, output) in spec.outputs.iter().enumerate() {
        let place = format!("outputs[{at}] `{}`", output.label());
        // That of a readout is any text.
        if let (Some(text), false) = (&output.unit, output.kind == Kind::Readout) {
            read(text, &place)?;
        }
        writes::span(output).map_err(|error| error.at(&place))?;
    }
    if let Some(dt) = &spec.dt {
        read(&dt.unit, "dt")?
            .factor_to(&minute())
            .map_err(|error| fault("E-UNIT", format!("dt: unit: {error}")))?;
    }
    Ok(count)
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

fn minute() -> Unit {
    Unit::parse("min").expect("min is in the table of units")
}

/// The step trained with, min; 0 for a model that names none.
///
/// # Errors
/// E-UNIT.
pub fn trained(spec: &Spec) -> Result<f64, Fault> {
    let dt = spec.dt.as_ref();
    dt.map_or(Ok(0.0), |dt| minutes(dt.trained, &dt.unit))
}

/// Minutes of the span an output's number belongs to; `None` for a step.
pub(super) fn span(output: &super::contract::Output) -> Option<f64> {
    writes::span(output).ok().flatten()
}

fn minutes(value: f64, text: &str) -> Result<f64, Fault> {
    Ok(value * factor(&unit(text, "min")?, &minute()).map_err(|error| error.at("dt"))?)
}

fn read(spec: &Spec, input: &Input, vocabulary: &Vocabulary) -> Result<(Read, f64), Fault> {
    let (side, dictionary) = match input.tensor.as_str() {
        "a" => (Side::A, &vocabulary.signals),
        "b" => (Side::B, &vocabulary.signals),
        "e" => (Side::Pair, &vocabulary.pair_signals),
        // Conditions are those of who acts.
        _ if spec.form == Form::Dyad => (Side::A, &vocabulary.signals),
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
        Form::Dyad => (vocabulary.mechanics_step, "mechanics step"),
        _ => (vocabulary.phenotype_step, "phenotype step"),
    };
    if !spec.form.has_clock() {
        return match binding.clock {
            None => Ok(step),
            Some(_) => Err(fault(
                "E-DT",
                format!(
                    "form `{}` is called by what happens to a cell and has no clock; take `clock` \
                     out of its entry in the scenario",
                    spec.form.name()
                ),
            )),
        };
    }
    let clock = binding.clock.unwrap_or(step);
    // Steps are decimal fractions, which binary numbers hold only nearly.
    let near = 1e-9;
    if let Some(dt) = &spec.dt {
        let (least, greatest) = (minutes(dt.min, &dt.unit)?, minutes(dt.max, &dt.unit)?);
        if clock < least * (1.0 - near) || clock > greatest * (1.0 + near) {
            return Err(fault(
                "E-DT",
                format!(
                    "the model would run every {clock} min, but it is good for {least} to \
                     {greatest} min; give its entry in the scenario a `clock` in that range"
                ),
            ));
        }
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

/// What the model both reads and changes by a derivative: a signal and a behavior of one name.
fn advances(
    spec: &Spec,
    written: &writes::Written,
    reads: &Reads,
    vocabulary: &Vocabulary,
) -> Result<Vec<Advance>, Fault> {
    let mut advances = Vec::new();
    for (output, answer) in spec.outputs.iter().zip(&written.answers) {
        let write = &written.writes[answer.first];
        let (Kind::Derivative, &Target::Behavior(behavior)) = (output.kind, &write.target) else {
            continue;
        };
        let behavior = vocabulary.behaviors.entry(behavior);
        for (at, read) in reads.reads.iter().enumerate() {
            // Of a graph, the signals of both ends of an edge are those of nodes too.
            let is_same = read.side == write.side || spec.form == Form::Graph;
            if !is_same || read.side == Side::Pair {
                continue;
            }
            let signal = vocabulary.signals.entry(read.signal);
            if normal(&signal.name) == normal(&behavior.name) {
                advances.push(Advance {
                    write: answer.first,
                    read: at,
                    factor: factor(&behavior.unit, &signal.unit)?,
                });
            }
        }
    }
    Ok(advances)
}
