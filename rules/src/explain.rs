//! What a rule answers to each of its signals, whether it was written or learned: response curves,
//! and which signals matter how much.
//!
//! Curves change one signal and hold the others at a reference. Sensitivities are means over
//! rows spread through all ranges at once, so that they see what signals do together.

mod pointwise;

use std::borrow::Cow;

use crate::neural::mlp::uniform;
use crate::{Batch, Distribution, Error, Kind, Outputs, Rule, Side, Subject, Target, Vocabulary};

pub use pointwise::{Disagreement, pointwise};

/// Points of a curve.
const POINTS: usize = 201;

/// Rows of the means.
const ROWS: usize = 1024;

/// A signal matters if holding it still moves the behavior by more than this part of all the
/// behavior's variation: what remains of a distilled copy's errors lies below.
pub const MATTERS: f64 = 0.05;

/// Where a signal is worth looking at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// From, in the dictionary's unit.
    pub lo: f64,
    /// To.
    pub hi: f64,
    /// Whether a model was trained there, which goes before the scale of a written response.
    pub is_trained: bool,
}

/// What is to be explained.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Behaviors, by name; empty for all.
    pub behaviors: Vec<String>,
    /// Cell types, by number: of the cell, or of either of a pair; empty for all.
    pub types: Vec<usize>,
    /// Signals with the value they are held at, in the dictionary's unit, in place of the middle.
    pub at: Vec<((Side, usize), f64)>,
}

/// One behavior of one type (or pair of types), and everything that speaks of it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Panel {
    /// `tumor`, or `T cell → tumor`.
    pub subject: String,
    /// The behavior's name; of pairs with whom it concerns.
    pub behavior: String,
    /// Its unit.
    pub unit: String,
    /// Signals, in the order in which they are first read.
    pub signals: Vec<Axis>,
    /// One for each source.
    pub sources: Vec<Answer>,
}

/// One signal.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Axis {
    /// Its name; of pairs with whose it is.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// From here.
    pub lo: f64,
    /// To here.
    pub hi: f64,
    /// Held at this value while others change.
    pub reference: f64,
    #[serde(skip)]
    key: (Side, usize),
}

/// What one source says on a panel's behavior.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Answer {
    /// The source's label.
    pub source: String,
    /// `[signal]`: the response, or none if the source does not read the signal.
    pub curves: Vec<Option<Curve>>,
    /// The behavior with all signals at their references.
    pub reference: f64,
    /// Mean over the rows.
    pub mean: f64,
    /// Standard deviation over the rows.
    pub deviation: f64,
    /// Signals that are read, those that matter most first.
    pub ranking: Vec<Sensitivity>,
}

/// A response: the behavior for each value of a signal, null where the rule has no answer.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Curve {
    /// Values of the signal.
    pub x: Vec<f64>,
    /// Values of the behavior.
    pub y: Vec<Option<f64>>,
}

/// How much a signal matters to one source.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Sensitivity {
    /// The signal's name.
    pub signal: String,
    /// Finite difference: mean |∂ behavior/∂ signal| times the signal's range, in the behavior's unit.
    pub slope: f64,
    /// Root mean square of what changes when the signal is held at its mean, in the behavior's unit.
    pub ablation: f64,
    /// The same over the behavior's standard deviation.
    pub share: f64,
    /// Whether the share exceeds [`MATTERS`].
    pub matters: bool,
}

/// A rule and what it is to be called.
pub struct Source<'a> {
    /// For legends.
    pub label: String,
    /// The rule.
    pub rule: &'a dyn Rule,
}

/// What a panel is about.
#[derive(Debug, Clone, PartialEq)]
struct Topic {
    /// The type of the cell, or of the acting and the other one.
    types: (usize, Option<usize>),
    side: Side,
    target: Target,
    kind: std::mem::Discriminant<Kind>,
}

/// Everything the sources say, a panel for each behavior.
///
/// # Errors
/// What the rules themselves say.
pub fn explain(
    sources: &[Source<'_>],
    vocabulary: &Vocabulary,
    question: &Question,
) -> Result<Vec<Panel>, Error> {
    let mut topics: Vec<Topic> = Vec::new();
    for source in sources {
        for topic in topics_of(source.rule) {
            if !topics.contains(&topic) && is_asked(&topic, vocabulary, question) {
                topics.push(topic);
            }
        }
    }
    let panel = |topic: &Topic| panel(topic, sources, vocabulary, question);
    topics.iter().map(panel).collect()
}

fn topics_of(rule: &dyn Rule) -> Vec<Topic> {
    let signature = rule.signature();
    let types: Vec<(usize, Option<usize>)> = match &signature.subject {
        Subject::Cell { types } => types.iter().map(|&kind| (kind, None)).collect(),
        Subject::Dyad { a, b } => vec![(*a, Some(*b))],
    };
    let topic = |types: (usize, Option<usize>)| {
        signature.writes.iter().map(move |write| Topic {
            types,
            side: write.side,
            target: write.target.clone(),
            kind: std::mem::discriminant(&write.kind),
        })
    };
    types.into_iter().flat_map(topic).collect()
}

fn target_name<'a>(target: &'a Target, vocabulary: &'a Vocabulary) -> (&'a str, String) {
    let entry = match target {
        Target::Behavior(number) => vocabulary.behaviors.entry(*number),
        Target::PairBehavior(number) => vocabulary.pair_behaviors.entry(*number),
        Target::Readout(name) => return (name, String::new()),
    };
    (&entry.name, entry.unit.to_string())
}

fn is_asked(topic: &Topic, vocabulary: &Vocabulary, question: &Question) -> bool {
    let (name, _) = target_name(&topic.target, vocabulary);
    let is_same =
        |other: &String| crate::dictionary::normal(other) == crate::dictionary::normal(name);
    let (first, second) = topic.types;
    (question.behaviors.is_empty() || question.behaviors.iter().any(is_same))
        && (question.types.is_empty()
            || question.types.contains(&first)
            || second.is_some_and(|second| question.types.contains(&second)))
}

/// Whose signal or behavior, for names in pairs.
fn of(side: Side, types: (usize, Option<usize>), vocabulary: &Vocabulary) -> String {
    let name = |kind: usize| format!(" of {}", vocabulary.types[kind]);
    match (side, types) {
        (Side::A, (a, Some(_))) => name(a),
        (Side::B, (_, Some(b))) => name(b),
        _ => String::new(),
    }
}

fn panel(
    topic: &Topic,
    sources: &[Source<'_>],
    vocabulary: &Vocabulary,
    question: &Question,
) -> Result<Panel, Error> {
    let speaks = |source: &&Source<'_>| topics_of(source.rule).contains(topic);
    let speakers: Vec<&Source<'_>> = sources.iter().filter(speaks).collect();
    let (signals, spans) = axes(topic, &speakers, vocabulary, question);
    let mut answers = Vec::new();
    for (at, source) in speakers.iter().enumerate() {
        let own: Vec<Option<Span>> = spans.iter().map(|spans| spans[at]).collect();
        answers.push(answer(topic, source, &signals, &own)?);
    }
    let (name, unit) = target_name(&topic.target, vocabulary);
    let subject = match topic.types {
        (kind, None) => vocabulary.types[kind].clone(),
        (a, Some(b)) => format!("{} → {}", vocabulary.types[a], vocabulary.types[b]),
    };
    let who = match topic.target {
        Target::PairBehavior(_) => String::new(),
        _ => of(topic.side, topic.types, vocabulary),
    };
    Ok(Panel {
        subject,
        behavior: format!("{name}{who}"),
        unit,
        signals,
        sources: answers,
    })
}

/// The signals that any of these sources makes a behavior depend on, and `[signal][source]`: where
/// it is worth looking at.
fn axes(
    topic: &Topic,
    speakers: &[&Source<'_>],
    vocabulary: &Vocabulary,
    question: &Question,
) -> (Vec<Axis>, Vec<Vec<Option<Span>>>) {
    let mut signals: Vec<Axis> = Vec::new();
    // [signal], its spans by source.
    let mut spans: Vec<Vec<Option<Span>>> = Vec::new();
    for (at, source) in speakers.iter().enumerate() {
        let found = source.rule.spans(place_of(topic, source.rule));
        for (number, read) in source.rule.signature().reads.iter().enumerate() {
            let key = (read.side, read.signal);
            // Sentences on one type are bound together: what other behaviors depend on is not asked.
            let Some(span) = found.get(number).copied().flatten() else {
                continue;
            };
            let place = signals.iter().position(|axis| axis.key == key);
            let place = place.unwrap_or_else(|| {
                signals.push(axis(key, topic, vocabulary));
                spans.push(vec![None; speakers.len()]);
                signals.len() - 1
            });
            spans[place][at] = Some(span);
        }
    }
    for (axis, spans) in signals.iter_mut().zip(&spans) {
        let stated = || spans.iter().flatten();
        let is_trained = stated().any(|span| span.is_trained);
        let taken = stated().filter(|span| span.is_trained == is_trained);
        let (lo, hi) = taken.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), span| {
            (lo.min(span.lo), hi.max(span.hi))
        });
        (axis.lo, axis.hi) = if lo < hi { (lo, hi) } else { (0.0, 1.0) };
        axis.reference = 0.5 * (axis.lo + axis.hi);
        if let Some((_, value)) = question.at.iter().find(|(key, _)| *key == axis.key) {
            axis.reference = *value;
        }
    }
    (signals, spans)
}

fn axis(key: (Side, usize), topic: &Topic, vocabulary: &Vocabulary) -> Axis {
    let entry = match key.0 {
        Side::Pair => vocabulary.pair_signals.entry(key.1),
        _ => vocabulary.signals.entry(key.1),
    };
    Axis {
        name: format!("{}{}", entry.name, of(key.0, topic.types, vocabulary)),
        unit: entry.unit.to_string(),
        lo: 0.0,
        hi: 1.0,
        reference: 0.5,
        key,
    }
}

/// The behavior for rows of signals, `[signal][row]`; NaN where the rule has no answer.
fn evaluate(
    topic: &Topic,
    rule: &dyn Rule,
    signals: &[Axis],
    columns: &[Vec<f64>],
) -> Result<Vec<f64>, Error> {
    let signature = rule.signature();
    let rows = columns.first().map_or(1, Vec::len);
    // A cell of a graph answers by itself, without neighbors.
    let is_edge = |read: &crate::Read| signature.graph.is_some() && read.side == Side::Pair;
    let read = |read: &crate::Read| {
        if is_edge(read) {
            return Cow::default();
        }
        let mut axes = signals.iter().zip(columns);
        let found = axes.find(|(axis, _)| axis.key == (read.side, read.signal));
        found.map_or_else(|| vec![0.0; rows].into(), |(_, column)| column.into())
    };
    let columns: Vec<Cow<'_, [f64]>> = signature.reads.iter().map(read).collect();
    let middle = match signature.noise.map(|noise| noise.distribution) {
        Some(Distribution::Uniform) => 0.5,
        _ => 0.0,
    };
    let lanes = signature.noise.map_or(0, |noise| noise.lanes);
    let batch = Batch {
        rows,
        signals: &columns,
        noise: &vec![middle; rows * lanes],
        dead: &vec![false; rows],
        types: &vec![topic.types.0 as u16; rows],
        dt: signature.clock,
        member: 0.5,
        ..Batch::default()
    };
    let mut out = Outputs::default();
    out.reset(signature.writes.len(), rows);
    rule.apply(&batch, &mut out)?;
    let mut values = out.columns.swap_remove(place_of(topic, rule));
    for (row, _) in out.failed {
        values[row] = f64::NAN;
    }
    Ok(values)
}

/// The write of a rule that speaks of a topic.
fn place_of(topic: &Topic, rule: &dyn Rule) -> usize {
    let is_meant = |write: &crate::Write| {
        write.side == topic.side
            && write.target == topic.target
            && std::mem::discriminant(&write.kind) == topic.kind
    };
    let place = rule.signature().writes.iter().position(is_meant);
    place.expect("only rules that speak of the topic are asked")
}

fn answer(
    topic: &Topic,
    source: &Source<'_>,
    signals: &[Axis],
    spans: &[Option<Span>],
) -> Result<Answer, Error> {
    let ask = |columns: &[Vec<f64>]| evaluate(topic, source.rule, signals, columns);
    let mut curves = Vec::new();
    for (at, axis) in signals.iter().enumerate() {
        let Some(span) = spans[at] else {
            curves.push(None);
            continue;
        };
        // A model is not asked where it was not trained.
        let (lo, hi) = match span.is_trained {
            true => (span.lo, span.hi),
            false => (axis.lo, axis.hi),
        };
        let x: Vec<f64> = (0..POINTS)
            .map(|point| lo + (hi - lo) * point as f64 / (POINTS - 1) as f64)
            .collect();
        let mut columns: Vec<Vec<f64>> = signals
            .iter()
            .map(|axis| vec![axis.reference; POINTS])
            .collect();
        columns[at].clone_from(&x);
        let y = ask(&columns)?;
        let y = y
            .into_iter()
            .map(|value| value.is_finite().then_some(value))
            .collect();
        curves.push(Some(Curve { x, y }));
    }
    let reference = ask(&signals
        .iter()
        .map(|axis| vec![axis.reference])
        .collect::<Vec<_>>())?;
    let spread = |(column, axis): (usize, &Axis)| -> Vec<f64> {
        let place = |row: usize| uniform(11 + column as u64, row as u64);
        (0..ROWS)
            .map(|row| axis.lo + (axis.hi - axis.lo) * place(row))
            .collect()
    };
    let rows: Vec<Vec<f64>> = signals.iter().enumerate().map(spread).collect();
    let base = ask(&rows)?;
    let mean = mean(base.iter().copied());
    let deviation = self::mean(base.iter().map(|value| (value - mean) * (value - mean))).sqrt();
    let mut ranking = Vec::new();
    for (at, axis) in signals
        .iter()
        .enumerate()
        .filter(|(at, _)| spans[*at].is_some())
    {
        let with = |change: &dyn Fn(f64) -> f64| {
            let mut changed = rows.clone();
            changed[at]
                .iter_mut()
                .for_each(|value| *value = change(*value));
            changed
        };
        let step = 0.01 * (axis.hi - axis.lo);
        let (up, down) = (
            with(&|value| (value + step).min(axis.hi)),
            with(&|value| (value - step).max(axis.lo)),
        );
        let (above, below) = (ask(&up)?, ask(&down)?);
        let slope = (0..ROWS).map(|row| {
            let width = up[at][row] - down[at][row];
            (above[row] - below[row]).abs() / width * (axis.hi - axis.lo)
        });
        let middle = self::mean(rows[at].iter().copied());
        let held = ask(&with(&|_| middle))?;
        let change = base.iter().zip(&held).map(|(a, b)| (a - b) * (a - b));
        let ablation = self::mean(change).sqrt();
        let share = if deviation > 0.0 {
            ablation / deviation
        } else {
            0.0
        };
        ranking.push(Sensitivity {
            signal: axis.name.clone(),
            slope: self::mean(slope),
            ablation,
            share,
            matters: share > MATTERS,
        });
    }
    ranking.sort_by(|a, b| b.share.total_cmp(&a.share));
    Ok(Answer {
        source: source.label.clone(),
        curves,
        reference: reference[0],
        mean,
        deviation,
        ranking,
    })
}

/// Of the finite values.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let finite = values.filter(|value| value.is_finite());
    let (sum, count) = finite.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { f64::NAN }
}
