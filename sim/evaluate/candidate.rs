//! A rule that is scored, and how it is asked about recorded rows.

use std::path::Path;

use kernels::random::Sequence;
use rules::{Binding, Read, Rule, Side, Usage, Vocabulary};

use super::{
    Part,
    adversary::{Trial, tried},
    answers::Asked,
    arms::binding,
    rows::{Recorded, Rows},
    scores::score,
};
use crate::{plan::Plan, streams::Purpose};

/// A rule, and how it is asked about rows.
pub struct Candidate {
    pub rule: Box<dyn Rule>,
    /// `[read]`: the input it is.
    places: Vec<usize>,
    /// `[event]`: the write that is its rate.
    outputs: Vec<usize>,
    /// `[type of the rows]`: its number in the scenario.
    types: Vec<u16>,
}

impl Candidate {
    /// Binds a file to recorded rows.
    ///
    /// # Errors
    /// A message with place, culprit and way out.
    pub fn new(plan: &Plan, recorded: &Recorded, file: &Path) -> Result<Candidate, String> {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let binding = binding(&name, file, recorded.clock);
        let usage = plan.scenario.semantics.rules();
        let rule = open(&binding, &plan.table.vocabulary, usage)?;
        Ok(Candidate {
            places: places(plan, rule.as_ref(), recorded)?,
            outputs: outputs(plan, rule.as_ref(), recorded)?,
            types: types(plan, recorded)?,
            rule,
        })
    }

    /// Scores it on one part of the data, beside law and baselines; `constant` are the rates of
    /// training.
    ///
    /// # Errors
    /// What the rule itself says.
    pub fn part(&self, name: &str, rows: &Rows, constant: &[f64]) -> Result<Part, String> {
        let count = rows.run.len();
        let flat: Vec<Vec<f64>> = constant.iter().map(|rate| vec![*rate; count]).collect();
        let model = score(rows, &self.rates(rows, &rows.inputs)?, constant);
        let shuffled = score(rows, &self.rates(rows, &shuffled(rows))?, constant);
        let law = score(rows, &rows.rates, constant);
        let baseline = shuffled.information.value.max(0.0);
        let room = law.information.value - baseline;
        let mut runs = rows.run.clone();
        runs.dedup();
        let events = rows.event.iter().flatten().count();
        Ok(Part {
            name: name.to_owned(),
            size: [runs.len() as u64, count as u64, events as u64],
            skill: (model.information.value - baseline) / room,
            constant: score(rows, &flat, constant),
            model,
            law,
            shuffled,
            statements: None,
        })
    }

    /// Asks it about inputs far beyond all that were recorded.
    ///
    /// # Errors
    /// What the rule itself says.
    pub fn tried(&self, recorded: &Recorded) -> Result<Trial, String> {
        let range = |place: &usize| {
            let rows = recorded.parts.iter().map(|(_, rows)| rows);
            let values = rows.flat_map(|rows| &rows.inputs[*place]);
            values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
                [low.min(*value), high.max(*value)]
            })
        };
        let ranges: Vec<[f64; 2]> = self.places.iter().map(range).collect();
        tried(self.rule.as_ref(), &ranges, &self.outputs)
    }

    /// `[event][row]`.
    fn rates(&self, rows: &Rows, inputs: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, String> {
        let answers = self.asked().answers(rows, inputs, &self.outputs)?;
        Ok(answers.columns)
    }

    /// How it is asked.
    pub fn asked(&self) -> Asked<'_> {
        Asked {
            rule: self.rule.as_ref(),
            places: &self.places,
            types: &self.types,
            member: 0.5,
        }
    }
}

/// One rule alone, whatever the scenario's own entry is.
///
/// # Errors
/// A message with the file, the culprit and the way out.
pub fn open(
    binding: &Binding,
    vocabulary: &Vocabulary,
    usage: Usage,
) -> Result<Box<dyn Rule>, String> {
    let file = binding.file.display();
    let opened = rules::open(std::slice::from_ref(binding), vocabulary, usage);
    let mut rules = opened.map_err(|error| error.to_string())?.rules;
    match rules.len() {
        1 => {}
        many => {
            return Err(format!(
                "{file} holds {many} rules\n  score one at a time: a model, or the sentences of one \
                 type"
            ));
        }
    }
    let rule = rules.swap_remove(0);
    if rule.signature().noise.is_some() || rule.signature().graph.is_some() {
        return Err(format!(
            "{file}: rules that ask for noise or see the graph of contacts are not scored on rows"
        ));
    }
    Ok(rule)
}

/// The input that each read is.
fn places(plan: &Plan, rule: &dyn Rule, recorded: &Recorded) -> Result<Vec<usize>, String> {
    let vocabulary = &plan.table.vocabulary;
    let place = |read: &Read| {
        let (entry, whose) = match read.side {
            Side::Pair => (vocabulary.pair_signals.entry(read.signal), ""),
            Side::A => (vocabulary.signals.entry(read.signal), "own "),
            Side::B => (vocabulary.signals.entry(read.signal), "target "),
            _ => (vocabulary.signals.entry(read.signal), ""),
        };
        let name = format!("{whose}{}", entry.name);
        let mut inputs = recorded.inputs.iter();
        // Conditions stand there without a side.
        let found = inputs.position(|(input, _)| *input == name || *input == entry.name);
        found.ok_or_else(|| {
            format!(
                "the rows have no column `input:{name}`, which the model reads\n  \
                 record them with --signal '{name}'"
            )
        })
    };
    rule.signature().reads.iter().map(place).collect()
}

/// The write that is the rate of each event.
fn outputs(plan: &Plan, rule: &dyn Rule, recorded: &Recorded) -> Result<Vec<usize>, String> {
    let names = rules::hybrid::output_names(rule.signature(), &plan.table.vocabulary);
    let place = |(column, _): &(String, String)| {
        let name = column.strip_prefix("behavior:").unwrap_or(column);
        let found = names.iter().position(|it| it == name);
        found.ok_or_else(|| {
            format!("the model says nothing of `{name}`, whose events the rows hold")
        })
    };
    recorded.events.iter().map(place).collect()
}

/// The numbers that the scenario gives to the rows' types.
fn types(plan: &Plan, recorded: &Recorded) -> Result<Vec<u16>, String> {
    let number = |name: &String| {
        let number = plan.table.vocabulary.cell_type(name);
        number
            .map(|number| number as u16)
            .map_err(|error| error.to_string())
    };
    recorded.types.iter().map(number).collect()
}

/// Events over the time in which they could have happened, 1/min.
pub fn constant(rows: &Rows, events: usize) -> Vec<f64> {
    let weighted = rows.exposure.iter().zip(&rows.weight);
    let time: f64 = weighted.map(|(exposure, weight)| exposure * weight).sum();
    let count = |event: usize| {
        let own = rows.event.iter().zip(&rows.weight);
        let own = own.filter(|(it, _)| it.map(usize::from) == Some(event));
        own.map(|(_, weight)| weight).sum::<f64>() / time
    };
    (0..events).map(count).collect()
}

/// The mean of each answer that is no event's rate, over the rows that have one.
pub fn means(rows: &Rows) -> Vec<f64> {
    let mean = |answers: &Vec<f64>| {
        let there = answers
            .iter()
            .zip(&rows.weight)
            .filter(|(it, _)| it.is_finite());
        let (sum, weights) = there.fold((0.0, 0.0), |(sum, weights), (answer, weight)| {
            (sum + answer * weight, weights + weight)
        });
        sum / weights
    };
    rows.answers.iter().map(mean).collect()
}

/// Each input in an order of its own.
pub fn shuffled(rows: &Rows) -> Vec<Vec<f64>> {
    let shuffle = |(input, values): (usize, &Vec<f64>)| {
        let draws = Purpose::Shuffle.draws(input as u64);
        let draw = |row: usize| Sequence::new(draws, row as u64).uniform();
        let mut order: Vec<(f64, usize)> = (0..values.len()).map(|row| (draw(row), row)).collect();
        order.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        order.into_iter().map(|(_, row)| values[row]).collect()
    };
    rows.inputs.iter().enumerate().map(shuffle).collect()
}
