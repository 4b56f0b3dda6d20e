//! A written rule as a model file: the same law, in single precision, as an ONNX graph.
//!
//! Odds are products where powers are whole, so that nothing is lost in logarithms, and are held
//! below 1e15, where an effect is full to the last digit and no quotient of infinities can
//! arise.

use prost::Message;
use serde_json::{Value, json};

use super::rule::{Step, Written};
use super::saturate::Term;
use crate::neural::contract::{self, Spec};
use crate::neural::make::{golden_rows, seal};
use crate::neural::proto::{Graph, Model, Node, OperatorSet, Tensor, ValueInfo};
use crate::responses::Response;
use crate::{Error, Kind, Rule, Side, Subject, Target, Vocabulary, Write};

/// Odds at which an effect is full in single precision; their squares are still numbers.
const FULL: f64 = 1e15;

/// How many times its range a signal may leave it by.
const EVERYWHERE: f64 = 1e9;

/// Golden rows of the file.
const GOLDEN: usize = 96;

/// The model file of a written rule, or of those of its behaviors that are named.
///
/// # Errors
/// [`Error::Run`] with what cannot be said in a model.
pub fn export(
    rule: &Written,
    behaviors: &[String],
    vocabulary: &Vocabulary,
) -> Result<Vec<u8>, Error> {
    let exporter = Exporter { rule, vocabulary };
    let made = exporter.model(behaviors);
    made.map_err(|message| Error::Run {
        name: rule.signature().source.clone(),
        message,
    })
}

struct Exporter<'a> {
    rule: &'a Written,
    vocabulary: &'a Vocabulary,
}

impl Exporter<'_> {
    fn model(&self, behaviors: &[String]) -> Result<Vec<u8>, String> {
        let signature = self.rule.signature();
        let chosen: Vec<(&Step, &Write)> = (self.rule.steps().iter())
            .map(|step| (step, &signature.writes[step.column]))
            .filter(|(_, write)| {
                let name = crate::dictionary::normal(self.name(write));
                behaviors.is_empty()
                    || behaviors
                        .iter()
                        .any(|it| crate::dictionary::normal(it) == name)
            })
            .collect();
        for (step, write) in &chosen {
            self.check(step, write)?;
        }
        // Columns of the signals that the chosen behaviors depend on, by tensor.
        let mut used: Vec<usize> = chosen
            .iter()
            .flat_map(|(step, _)| step.saturation.reads())
            .collect();
        used.sort_unstable();
        used.dedup();
        if used.is_empty() {
            return Err("nothing that depends on a signal is left to export".into());
        }
        let mut tensors: Vec<(&str, Vec<usize>)> = Vec::new();
        for read in used {
            let tensor = tensor(signature.reads[read].side);
            match tensors.iter_mut().find(|(name, _)| *name == tensor) {
                Some((_, reads)) => reads.push(read),
                None => tensors.push((tensor, vec![read])),
            }
        }
        let spec = Spec::from_json(self.spec(&chosen, &tensors)?).map_err(|fault| fault.message)?;
        let axis = if self.is_of_pairs() {
            "n_pairs"
        } else {
            "n_cells"
        };
        let mut graph = Graph {
            name: Some("rule".to_owned()),
            ..Graph::default()
        };
        for (name, reads) in &tensors {
            let info = ValueInfo::floats(name, &[None, Some(reads.len())], axis);
            graph.input.push(info);
            for (column, read) in reads.iter().enumerate() {
                let at = format!("column_{read}");
                graph.initializer.push(Tensor::ints(&at, &[column as i64]));
                let take = Node::new("Gather", &[name, &at], &signal(*read));
                graph.node.push(take.with("axis", 1));
            }
        }
        let mut pen = Pen { graph, next: 0 };
        for (place, (step, _)) in chosen.iter().enumerate() {
            let base = pen.number(step.saturation.base);
            let up = pen.reach(&base, &step.saturation.up);
            let value = pen.reach(&up, &step.saturation.down);
            // What no sentence moves is one number; an output is as long as its input.
            let zero = pen.zero(&tensors[0].1[0]);
            pen.graph
                .node
                .push(Node::new("Add", &[&value, &zero], &output(place)));
            let info = ValueInfo::floats(&output(place), &[None, Some(1)], axis);
            pen.graph.output.push(info);
        }
        let mut model = Model {
            ir_version: Some(10),
            producer_name: Some("milieu".to_owned()),
            producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            graph: Some(pen.graph),
            opset_import: vec![OperatorSet {
                domain: Some(String::new()),
                version: Some(18),
            }],
            ..Model::default()
        };
        let json = serde_json::to_value(&spec).map_err(|error| error.to_string())?;
        model.set_metadata(contract::KEY_CONTRACT, contract::VERSION.to_owned());
        model.set_metadata(contract::KEY_SPEC, json.to_string());
        model.set_metadata(contract::KEY_CARD, self.card().to_string());
        let sealed = seal(&mut model, &golden_rows(&spec, GOLDEN));
        sealed.map_err(|fault| format!("{}: {}", fault.code, fault.message))?;
        Ok(model.encode_to_vec())
    }

    fn is_of_pairs(&self) -> bool {
        matches!(self.rule.signature().subject, Subject::Dyad { .. })
    }

    fn name<'b>(&'b self, write: &'b Write) -> &'b str {
        match &write.target {
            Target::Behavior(number) => &self.vocabulary.behaviors.entry(*number).name,
            Target::PairBehavior(number) => &self.vocabulary.pair_behaviors.entry(*number).name,
            Target::Readout(name) => name,
        }
    }

    /// Refuses what a model of one row cannot say.
    fn check(&self, step: &Step, write: &Write) -> Result<(), String> {
        let name = self.name(write);
        let why = if step.dead {
            "speaks for dead cells, which no model is asked about"
        } else if step.again || step.echo.is_some() {
            "is written by rows that see what others wrote before them"
        } else {
            return Ok(());
        };
        Err(format!(
            "`{name}` {why}\n  name the other behaviors with --behavior"
        ))
    }

    fn spec(
        &self,
        chosen: &[(&Step, &Write)],
        tensors: &[(&str, Vec<usize>)],
    ) -> Result<Value, String> {
        let signature = self.rule.signature();
        let mut inputs = Vec::new();
        for (tensor, reads) in tensors {
            for (col, &read) in reads.iter().enumerate() {
                let number = signature.reads[read].signal;
                let entry = match signature.reads[read].side {
                    Side::Pair => self.vocabulary.pair_signals.entry(number),
                    _ => self.vocabulary.signals.entry(number),
                };
                let spans =
                    (0..signature.writes.len()).filter_map(|write| self.rule.spans(write)[read]);
                let (lo, hi) = spans.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), span| {
                    (lo.min(span.lo), hi.max(span.hi))
                });
                inputs.push(json!({
                    "tensor": tensor, "col": col, "name": entry.name, "unit": entry.unit.to_string(),
                    "lo": lo, "hi": hi,
                }));
            }
        }
        let types = &self.vocabulary.types;
        let acts_on = match &signature.subject {
            Subject::Dyad { a, b } => json!({"a": types[*a], "b": types[*b]}),
            Subject::Cell { types: kinds } => {
                kinds.iter().map(|&kind| types[kind].clone()).collect()
            }
        };
        let outputs = chosen
            .iter()
            .enumerate()
            .map(|(place, (_, write))| self.output(place, write));
        let clock = signature.clock;
        Ok(json!({
            "form": if self.is_of_pairs() { "dyad" } else { "cell" },
            "acts_on": acts_on,
            "inputs": inputs,
            "outputs": outputs.collect::<Result<Vec<Value>, String>>()?,
            // The law holds wherever its signals go, and knows no step: ranges are those that its
            // answers change in.
            "ood": {"margin": EVERYWHERE},
            "dt": {"trained": clock, "min": clock.min(1e-3), "max": clock.max(1e5), "unit": "min"},
        }))
    }

    fn output(&self, place: usize, write: &Write) -> Result<Value, String> {
        let name = self.name(write);
        let mut said = json!({"tensor": output(place), "name": name});
        let unit = match &write.target {
            Target::Behavior(number) => self.vocabulary.behaviors.entry(*number).unit.to_string(),
            _ => "1/min".to_owned(),
        };
        said["unit"] = unit.into();
        match write.kind {
            Kind::Rate => said["kind"] = "rate".into(),
            Kind::Hit { size } => {
                said["kind"] = "hit".into();
                said["size"] = size.into();
            }
            Kind::Parameter { relaxation } => {
                said["kind"] = "parameter".into();
                if let Some(tau) = relaxation {
                    said["tau"] = tau.into();
                }
            }
            Kind::Delta { .. } | Kind::Readout => {
                return Err(format!("`{name}` is no value that a written rule sets"));
            }
        }
        if self.is_of_pairs() {
            let on = match write.side {
                Side::A => "a",
                Side::B => "b",
                _ => "pair",
            };
            said["on"] = on.into();
            if on != "pair" {
                said["reduce"] = "sum".into();
            }
        }
        Ok(said)
    }

    fn card(&self) -> Value {
        let provenance = self.rule.provenance();
        let file = provenance.file.file_name().unwrap_or_default();
        json!({
            "name": format!("{}, exported", provenance.name),
            "version": "1.0.0",
            "data": format!(
                "none: the law of {} itself (SHA-256 {})",
                file.to_string_lossy(),
                provenance.sha256
            ),
            "law": self.rule.describe(),
        })
    }
}

/// The tensor that signals of a side enter by.
fn tensor(side: Side) -> &'static str {
    match side {
        Side::A => "a",
        Side::B => "b",
        Side::Pair => "e",
        _ => "x",
    }
}

fn signal(read: usize) -> String {
    format!("signal_{read}")
}

fn output(place: usize) -> String {
    format!("behavior_{place}")
}

/// Writes nodes; every value has a name of its own.
struct Pen {
    graph: Graph,
    next: usize,
}

impl Pen {
    fn fresh(&mut self, what: &str) -> String {
        self.next += 1;
        format!("{what}_{}", self.next)
    }

    fn number(&mut self, value: f64) -> String {
        let name = self.fresh("number");
        self.graph
            .initializer
            .push(Tensor::floats(&name, &[1, 1], &[value as f32]));
        name
    }

    fn node(&mut self, op: &str, inputs: &[&str]) -> String {
        let name = self.fresh(&op.to_lowercase());
        self.graph.node.push(Node::new(op, inputs, &name));
        name
    }

    fn with(&mut self, op: &str, value: &str, number: f64) -> String {
        let number = self.number(number);
        self.node(op, &[value, &number])
    }

    /// Held between two numbers.
    fn clip(&mut self, value: &str, [low, high]: [f64; 2]) -> String {
        let above = self.with("Max", value, low);
        self.with("Min", &above, high)
    }

    /// A column of zeros as long as a signal.
    fn zero(&mut self, read: &usize) -> String {
        self.with("Mul", &signal(*read), 0.0)
    }

    /// (value + Σ extreme·x) / (1 + Σ x).
    fn reach(&mut self, value: &str, terms: &[Term]) -> String {
        if terms.is_empty() {
            return value.to_owned();
        }
        let (mut over, mut under) = (value.to_owned(), self.number(1.0));
        for term in terms {
            let odds = self.odds(term);
            let pulled = self.with("Mul", &odds, term.extreme);
            over = self.node("Add", &[&over, &pulled]);
            under = self.node("Add", &[&under, &odds]);
        }
        self.node("Div", &[&over, &under])
    }

    fn odds(&mut self, term: &Term) -> String {
        let mut value = signal(term.factors[0]);
        for factor in &term.factors[1..] {
            let (one, other) = match term.response {
                // Two negative factors make no positive signal.
                Response::Hill { .. } => (
                    self.with("Max", &value, 0.0),
                    self.with("Max", &signal(*factor), 0.0),
                ),
                _ => (value, signal(*factor)),
            };
            value = self.node("Mul", &[&one, &other]);
        }
        match term.response {
            Response::Hill { half_max, power } => {
                let ratio = self.with("Mul", &value, 1.0 / half_max);
                let most = FULL.powf(1.0 / power).min(FULL);
                let ratio = self.clip(&ratio, [0.0, most]);
                self.power(&ratio, power)
            }
            Response::SignedHill { half_max, power } => {
                let ratio = self.with("Mul", &value, 1.0 / half_max);
                let most = FULL.powf(1.0 / power).min(FULL);
                let least = if power.fract() == 0.0 { -most } else { 0.0 };
                let ratio = self.clip(&ratio, [least, most]);
                self.power(&ratio, power)
            }
            Response::Linear { from, to } => {
                let above = self.with("Sub", &value, from);
                let part = self.with("Mul", &above, 1.0 / (to - from));
                let part = self.clip(&part, [0.0, 1.0]);
                let one = self.number(1.0);
                let rest = self.node("Sub", &[&one, &part]);
                let rest = self.with("Max", &rest, 1.0 / FULL);
                self.node("Div", &[&part, &rest])
            }
            Response::Step { threshold, above } => {
                let op = if above { "Greater" } else { "Less" };
                let is_beyond = self.with(op, &value, threshold);
                let name = self.fresh("cast");
                // 1 is a number of 32 bits.
                let cast = Node::new("Cast", &[&is_beyond], &name).with("to", 1);
                self.graph.node.push(cast);
                let odds = self.with("Mul", &name, FULL);
                // Comparisons forget that something was no number.
                let kept = self.with("Mul", &value, 0.0);
                self.node("Add", &[&odds, &kept])
            }
        }
    }

    /// Whole and half powers by multiplication, others by logarithms.
    fn power(&mut self, base: &str, power: f64) -> String {
        if (2.0 * power).fract() != 0.0 || !(0.5..=64.0).contains(&power) {
            let tiny = self.with("Max", base, f64::from(f32::MIN_POSITIVE));
            let log = self.node("Log", &[&tiny]);
            let raised = self.with("Mul", &log, power);
            let held = self.with("Max", &raised, -80.0);
            return self.node("Exp", &[&held]);
        }
        let mut result = (power.fract() != 0.0).then(|| self.node("Sqrt", &[base]));
        let (mut square, mut left) = (base.to_owned(), power as u32);
        while left > 0 {
            if left & 1 == 1 {
                result = Some(match result {
                    Some(result) => self.node("Mul", &[&result, &square]),
                    None => square.clone(),
                });
            }
            left >>= 1;
            if left > 0 {
                square = self.node("Mul", &[&square, &square]);
            }
        }
        result.unwrap_or_else(|| base.to_owned())
    }
}
