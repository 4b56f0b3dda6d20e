//! What the outputs of a model write.

use super::super::adopt;
use super::super::contract::{Kind, On, Output, Per, Spec, component};
use super::super::convert::Convert;
use super::super::uncertainty::Sure;
use super::super::{Fault, fault};
use super::{Answer, Reads, factor, minute, unit};
use crate::adoption::{Spread, Stop};
use crate::dictionary::normal;
use crate::units::{Unit, quantity};
use crate::{Binding, Dictionary, Entry, Read, Residual, Side, Target, Vocabulary, Write};

/// Everything that is written.
#[derive(Debug, Default)]
pub struct Written {
    pub writes: Vec<Write>,
    pub residuals: Vec<Residual>,
    pub answers: Vec<Answer>,
    pub stops: Vec<Stop>,
    pub gate: Option<usize>,
}

/// What the writes of one output are resolved with.
struct Context<'a> {
    spec: &'a Spec,
    vocabulary: &'a Vocabulary,
    clock: f64,
    trained: f64,
}

/// The writes of one output: what, whether and how it is a residual, and how it is converted.
struct Bound {
    targets: Vec<Target>,
    kind: crate::Kind,
    residual: Residual,
    convert: Convert,
    /// The unit of a spread that the scenario states, and from the model's to it.
    stated: (f64, String),
}

/// Resolves the outputs; ages of times to events join the reads.
///
/// # Errors
/// See [`super::bind`].
pub fn bind(
    spec: &Spec,
    binding: &Binding,
    vocabulary: &Vocabulary,
    reads: &mut Reads,
    clock: f64,
    trained: f64,
) -> Result<Written, Fault> {
    let context = Context {
        spec,
        vocabulary,
        clock,
        trained,
    };
    let tensors = spec
        .output_tensors()
        .map_err(|error| fault("E-CONTRACT", error))?;
    let tensor = |name: &str| {
        let at = tensors.iter().position(|(other, _)| other == name);
        at.expect("the tensors were listed from these outputs")
    };
    let mut written = Written::default();
    let mut factors = Vec::new();
    for (at, output) in spec.outputs.iter().enumerate() {
        let place = format!("outputs[{at}] `{}`", output.label());
        let bound = context
            .output(output, reads)
            .map_err(|error| error.at(&place))?;
        let first = written.writes.len();
        for target in bound.targets {
            let side = side(output);
            let is_same = |other: &Write| other.side == side && other.target == target;
            if written.writes.iter().any(is_same) {
                return Err(fault(
                    "E-CONFLICT",
                    format!("{place}: the model writes this twice; one output a behavior"),
                ));
            }
            written.writes.push(Write {
                side,
                target,
                kind: bound.kind.clone(),
                applies_to_dead: false,
                reduce: reduce(output),
            });
            written.residuals.push(bound.residual);
        }
        factors.push(bound.stated);
        written.answers.push(Answer {
            tensor: tensor(&output.tensor),
            col: output.col.unwrap_or(0),
            width: spec.width(output),
            first,
            convert: bound.convert,
            sure: None,
        });
    }
    for (at, output) in spec.outputs.iter().enumerate() {
        let is_recorded = adopt::is_recorded(output, &binding.adoption);
        let mut record = |what: &str| {
            is_recorded.then(|| recorded(&mut written, side(output), what, output.label()))
        };
        let Some(sure) = Sure::bind(spec, output, vocabulary, tensor, &mut record)? else {
            continue;
        };
        let stops = binding.adoption.stop_above.iter();
        let stop = { stops }.find(|(name, _)| normal(name) == normal(output.label()));
        if let (Some((_, spread)), Some(write)) = (stop, sure.spread) {
            let place = format!("stop_above: {}", output.label());
            let (most, stated) =
                greatest(spread, output, &factors[at]).map_err(|error| error.at(&place))?;
            written.stops.push(Stop {
                write,
                output: output.label().to_owned(),
                most,
                unit: output.unit.clone().unwrap_or_default(),
                stated,
            });
        }
        written.answers[at].sure = Some(sure);
    }
    if spec.gate.is_some() {
        let side = match spec.acts_on {
            super::ActsOn::Pair(_) => Side::A,
            _ => Side::Cell,
        };
        written.gate = Some(recorded(&mut written, side, "gate", &binding.name));
    }
    Ok(written)
}

/// The greatest spread of an output with which a run goes on, in the model's unit and as it is
/// stated; a plain number is in `held`'s, to which the model's leads by its factor.
fn greatest(
    spread: &Spread,
    output: &Output,
    (factor, held): &(f64, String),
) -> Result<(f64, String), Fault> {
    let text = spread.to_string();
    let (most, stated) = match text.parse::<f64>() {
        Ok(number) => (number / factor, format!("{text} {held}")),
        Err(_) => {
            let given = unit(output.unit.as_deref().unwrap_or_default(), held)?;
            let most = quantity(&text, &given).map_err(|error| {
                fault("E-UNIT", format!("{error}; a plain number is in {held}"))
            })?;
            (most, text)
        }
    };
    match most.is_finite() && most >= 0.0 {
        true => Ok((most, stated)),
        false => Err(fault(
            "E-CONTRACT",
            format!("{stated} is not a standard deviation; write one that is not negative"),
        )),
    }
}

/// Adds a number that is kept with the cell; what belongs to a pair is kept with its acting cell.
fn recorded(written: &mut Written, side: Side, what: &str, name: &str) -> usize {
    written.writes.push(Write {
        side: if side == Side::Pair { Side::A } else { side },
        target: Target::Readout(format!("{what}:{name}")),
        kind: crate::Kind::Readout,
        applies_to_dead: false,
        reduce: crate::Reduce::Mean,
    });
    written.residuals.push(Residual::None);
    written.writes.len() - 1
}

fn side(output: &Output) -> Side {
    match output.on {
        None => Side::Cell,
        Some(On::A) => Side::A,
        Some(On::B) => Side::B,
        Some(On::Pair) if output.kind == Kind::Readout => Side::A,
        Some(On::Pair) => Side::Pair,
        Some(On::ChildA) => Side::ChildA,
        Some(On::ChildB) => Side::ChildB,
    }
}

fn reduce(output: &Output) -> crate::Reduce {
    match output.reduce {
        Some(reduce) => reduce.into(),
        None if output.kind == Kind::Readout && output.on.is_some() => crate::Reduce::Mean,
        None => crate::Reduce::Sum,
    }
}

impl Context<'_> {
    fn output(&self, output: &Output, reads: &mut Reads) -> Result<Bound, Fault> {
        match output.kind {
            Kind::Readout => {
                let name = output.name.as_deref().unwrap_or_default();
                Ok(Bound {
                    targets: vec![Target::Readout(format!("readout:{name}"))],
                    kind: crate::Kind::Readout,
                    residual: Residual::None,
                    convert: Convert::Factor(1.0),
                    stated: own_unit(output),
                })
            }
            Kind::LatentDelta | Kind::LatentNext => self.latent(output),
            Kind::Logits => self.logits(output),
            Kind::TimeToEvent => self.time_to_event(output, reads),
            _ => self.behavior(output),
        }
    }

    fn dictionary(&self, output: &Output) -> &Dictionary {
        match output.on == Some(On::Pair) || output.is_hit() {
            true => &self.vocabulary.pair_behaviors,
            false => &self.vocabulary.behaviors,
        }
    }

    fn target(&self, output: &Output, name: &str) -> Result<(Target, &Entry), Fault> {
        let dictionary = self.dictionary(output);
        let number = dictionary
            .find(name)
            .map_err(|error| fault("E-SIGNAL", error.to_string()))?;
        let target = match std::ptr::eq(dictionary, &self.vocabulary.pair_behaviors) {
            true => Target::PairBehavior(number),
            false => Target::Behavior(number),
        };
        Ok((target, dictionary.entry(number)))
    }

    fn latent(&self, output: &Output) -> Result<Bound, Fault> {
        let space = output.space.as_deref().unwrap_or_default();
        let width = self.spec.width(output);
        let target = |at| Ok(self.target(output, &component(space, at))?.0);
        let targets = (0..width).map(target).collect::<Result<Vec<_>, Fault>>()?;
        let kind = match output.kind {
            Kind::LatentNext => {
                if self.spec.form.has_clock() {
                    self.is_trained_step("a latent state after the step")?;
                }
                crate::Kind::Parameter { relaxation: None }
            }
            _ => self.delta(output)?,
        };
        Ok(Bound {
            targets,
            kind,
            residual: Residual::None,
            convert: Convert::Vector(width),
            stated: own_unit(output),
        })
    }

    fn logits(&self, output: &Output) -> Result<Bound, Fault> {
        let (mut targets, mut rates, mut own) = (Vec::new(), Vec::new(), 0);
        for (at, class) in output.classes.iter().enumerate() {
            if class == "self" {
                own = at;
                continue;
            }
            let place = format!("classes[{at}] `{class}`");
            // A type's name is short for becoming it.
            let name = match self.vocabulary.type_number(class) {
                Some(_) if self.dictionary(output).number(class).is_none() => {
                    format!("transform to {class}")
                }
                _ => class.clone(),
            };
            let found = self
                .target(output, &name)
                .map_err(|error| error.at(&place))?;
            is_event(found.1).map_err(|error| error.at(&place))?;
            rates.push(per_minute(found.1)?);
            targets.push(found.0);
        }
        Ok(Bound {
            targets,
            kind: crate::Kind::Rate,
            residual: Residual::None,
            convert: Convert::Logits {
                own,
                per: minutes_of(output)?,
                rates,
            },
            stated: own_unit(output),
        })
    }

    fn time_to_event(&self, output: &Output, reads: &mut Reads) -> Result<Bound, Fault> {
        let name = output.name.as_deref().unwrap_or_default();
        let (target, entry) = self.target(output, name)?;
        is_event(entry)?;
        let (side, signals) = match output.on {
            Some(_) => (Side::Pair, &self.vocabulary.pair_signals),
            None => (Side::Cell, &self.vocabulary.signals),
        };
        let age = output.age.as_deref().unwrap_or_default();
        let signal = signals
            .find(age)
            .map_err(|error| fault("E-SIGNAL", format!("age: {error}")))?;
        let held = &signals.entry(signal).unit;
        let age_minutes = factor(held, &minute()).map_err(|error| error.at("age"))?;
        let read = reads.push(Read { side, signal }, age, &held.to_string(), 1.0);
        let given = unit(output.unit.as_deref().unwrap_or_default(), "min")?;
        Ok(Bound {
            targets: vec![target],
            kind: crate::Kind::Rate,
            residual: Residual::None,
            convert: Convert::TimeToEvent {
                family: output.distribution.expect("read with its distribution"),
                unit: factor(&given, &minute())?,
                age: read,
                minutes: age_minutes,
                rate: per_minute(entry)?,
            },
            stated: own_unit(output),
        })
    }

    fn behavior(&self, output: &Output) -> Result<Bound, Fault> {
        let name = output.name.as_deref().unwrap_or_default();
        let (target, entry) = self.target(output, name)?;
        if self.spec.form == super::Form::Division && !normal(&entry.name).starts_with("custom:") {
            return Err(fault(
                "E-CONTRACT",
                format!(
                    "`{}` is no custom number; children get those and latent states from a model",
                    entry.name
                ),
            ));
        }
        let is_correction = self.spec.residual.is_some() && output.kind != Kind::Parameter;
        let instead = match output.kind {
            Kind::Probability => "1".to_owned(),
            _ if is_correction => "1".to_owned(),
            Kind::Derivative => format!("{}/min", entry.unit),
            _ => entry.unit.to_string(),
        };
        let given = unit(output.unit.as_deref().unwrap_or_default(), &instead)?;
        let kind = match (output.kind, output.size) {
            (Kind::Hit | Kind::Rate, Some(size)) => crate::Kind::Hit { size },
            (Kind::Parameter, _) => crate::Kind::Parameter {
                relaxation: output.tau,
            },
            (Kind::Delta, _) => self.delta(output)?,
            // Between substeps the change is added up here.
            (Kind::Derivative, _) => crate::Kind::Delta {
                per: match output.substeps {
                    None | Some(1) => Some(1.0),
                    Some(_) => None,
                },
            },
            _ => crate::Kind::Rate,
        };
        let (convert, stated) = match output.kind {
            Kind::Probability => {
                is_event(entry)?;
                let convert = Convert::Probability {
                    factor: factor(&given, &Unit::one())?,
                    per: minutes_of(output)?,
                    rate: per_minute(entry)?,
                };
                (convert, own_unit(output))
            }
            Kind::Rate | Kind::Hit if is_correction => {
                is_event(entry)?;
                linear(&given, &Unit::one())?
            }
            Kind::Rate | Kind::Hit => {
                is_event(entry)?;
                linear(&given, &entry.unit)?
            }
            Kind::Parameter if entry.is_event_rate => return Err(is_no_parameter(entry)),
            Kind::Derivative => linear(&given, &entry.unit.per(&minute()))?,
            _ => linear(&given, &entry.unit)?,
        };
        let (residual, convert) = match (&self.spec.residual, output.kind) {
            (Some(_), Kind::Parameter) => {
                let scale = output.scale.expect("read with its scale") * stated.0;
                (Residual::Shift { scale }, Convert::Factor(1.0))
            }
            (Some(residual), _) => {
                let cap = libm::log(residual.cap);
                (Residual::Factor { cap }, convert)
            }
            (None, _) => (Residual::None, convert),
        };
        Ok(Bound {
            targets: vec![target],
            kind,
            residual,
            convert,
            stated,
        })
    }

    fn delta(&self, output: &Output) -> Result<crate::Kind, Fault> {
        let per = span(output)?;
        if per.is_none() {
            self.is_trained_step("a change per step")?;
        }
        Ok(crate::Kind::Delta { per })
    }

    fn is_trained_step(&self, what: &str) -> Result<(), Fault> {
        let (clock, trained) = (self.clock, self.trained);
        if (clock - trained).abs() <= 1e-9 * trained {
            return Ok(());
        }
        Err(fault(
            "E-DT",
            format!(
                "{what} holds only for the step trained with, {trained} min, and the model would \
                 run every {clock} min; give its entry in the scenario `clock = \"{trained} min\"`"
            ),
        ))
    }
}

fn linear(given: &Unit, held: &Unit) -> Result<(Convert, (f64, String)), Fault> {
    let factor = factor(given, held)?;
    Ok((Convert::Factor(factor), (factor, held.to_string())))
}

/// A spread in the output's own unit.
fn own_unit(output: &Output) -> (f64, String) {
    (1.0, output.unit.clone().unwrap_or_default())
}

/// From 1/min to the unit of an event.
fn per_minute(entry: &Entry) -> Result<f64, Fault> {
    let one = Unit::parse("1/min").expect("1/min is in the table of units");
    factor(&one, &entry.unit)
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

fn minutes_of(output: &Output) -> Result<f64, Fault> {
    span(output)?.ok_or_else(|| {
        fault(
            "E-CONTRACT",
            "a probability belongs to minutes: `per` must be a number, not \"step\"",
        )
    })
}

/// Minutes of `per`; `None` for a step.
pub fn span(output: &Output) -> Result<Option<f64>, Fault> {
    let minutes = match &output.per {
        None => return Ok(None),
        Some(Per::Text(text)) if text == "step" => return Ok(None),
        Some(Per::Text(text)) if text == "min" => 1.0,
        Some(Per::Text(text)) => {
            quantity(text, &minute()).map_err(|error| fault("E-UNIT", format!("per: {error}")))?
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
