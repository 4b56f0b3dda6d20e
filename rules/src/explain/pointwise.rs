//! How far two rules disagree, row by row, over the ranges of their signals.

use std::collections::BTreeMap;

use super::{Question, Source, Span, Topic, axes, evaluate, of, target_name, topics_of};
use crate::{Error, Kind, Rule, Target, Vocabulary};

/// Rows inside the ranges.
const INSIDE: usize = 1 << 14;

/// At most so many corners of the ranges.
const CORNERS: usize = 1 << 12;

/// How two rules compare on one behavior.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Disagreement {
    /// `tumor`, or `T cell → tumor`.
    pub subject: String,
    /// The behavior's name; of pairs with whom it concerns.
    pub behavior: String,
    /// Of what is compared: λ·dt, a pure number, of events; the behavior's own otherwise.
    pub unit: String,
    /// Whether it is the rate of an event.
    pub is_event: bool,
    /// Rows compared; 0 where only one of the two speaks of the behavior.
    pub rows: usize,
    /// Greatest difference.
    pub greatest: f64,
    /// Root mean square of the difference inside the ranges.
    pub typical: f64,
    /// The greatest value of the first, for scale.
    pub scale: f64,
    /// Where the difference is greatest: signal and value, in the dictionary's unit.
    pub at: BTreeMap<String, f64>,
}

/// Compares two lists of rules on everything that either speaks of: on a Sobol' sequence over the
/// ranges of all signals, and on their corners. Of events λ·dt is compared, dt being the first
/// rule's clock: relative errors of rates near 0 mean nothing.
///
/// # Errors
/// What the rules themselves say.
pub fn pointwise(
    one: &[&dyn Rule],
    other: &[&dyn Rule],
    vocabulary: &Vocabulary,
) -> Result<Vec<Disagreement>, Error> {
    let mut topics: Vec<Topic> = Vec::new();
    for rule in one.iter().chain(other) {
        for topic in topics_of(*rule) {
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
    }
    let compare = |topic: &Topic| {
        let speaker = |rules: &[&dyn Rule]| {
            let speaks = |rule: &usize| topics_of(rules[*rule]).contains(topic);
            (0..rules.len()).find(speaks)
        };
        let pair = speaker(one).zip(speaker(other));
        let pair = pair.map(|(first, second)| [one[first], other[second]]);
        disagreement(topic, pair, vocabulary)
    };
    topics.iter().map(compare).collect()
}

fn disagreement(
    topic: &Topic,
    pair: Option<[&dyn Rule; 2]>,
    vocabulary: &Vocabulary,
) -> Result<Disagreement, Error> {
    let (name, unit) = target_name(&topic.target, vocabulary);
    let who = match topic.target {
        Target::PairBehavior(_) => String::new(),
        _ => of(topic.side, topic.types, vocabulary),
    };
    let is_event = [Kind::Rate, Kind::Hit { size: 0.0 }]
        .iter()
        .any(|kind| std::mem::discriminant(kind) == topic.kind);
    let mut found = Disagreement {
        subject: match topic.types {
            (kind, None) => vocabulary.types[kind].clone(),
            (a, Some(b)) => format!("{} → {}", vocabulary.types[a], vocabulary.types[b]),
        },
        behavior: format!("{name}{who}"),
        unit: if is_event { "1".into() } else { unit },
        is_event,
        rows: 0,
        greatest: f64::NAN,
        typical: f64::NAN,
        scale: f64::NAN,
        at: BTreeMap::new(),
    };
    let Some([one, other]) = pair else {
        return Ok(found);
    };
    let sources = [one, other].map(|rule| Source {
        label: String::new(),
        rule,
    });
    let speakers: Vec<&Source<'_>> = sources.iter().collect();
    let (signals, spans) = axes(topic, &speakers, vocabulary, &Question::default());
    let ranges: Vec<[f64; 2]> = signals
        .iter()
        .zip(&spans)
        .map(|(axis, spans)| {
            // Where both say where they are worth looking at, a model is not asked outside.
            let trained = spans.iter().flatten().find(|span: &&Span| span.is_trained);
            trained.map_or([axis.lo, axis.hi], |span| [span.lo, span.hi])
        })
        .collect();
    let corners = match ranges.len() {
        few @ 0..12 => 1 << few,
        _ => CORNERS,
    };
    let place = |signal: usize, row: usize| match row.checked_sub(INSIDE) {
        None => f64::from(sobol_burley::sample(row as u32, signal as u32, 0)),
        Some(corner) if corners < CORNERS => (corner >> signal & 1) as f64,
        Some(corner) => f64::from(sobol_burley::sample(corner as u32, signal as u32, 1).round()),
    };
    let rows = INSIDE + corners;
    let column = |(signal, [lo, hi]): (usize, &[f64; 2])| -> Vec<f64> {
        (0..rows)
            .map(|row| lo + (hi - lo) * place(signal, row))
            .collect()
    };
    let columns: Vec<Vec<f64>> = ranges.iter().enumerate().map(column).collect();
    let clock = if is_event { one.signature().clock } else { 1.0 };
    let first = evaluate(topic, one, &signals, &columns)?;
    let second = evaluate(topic, other, &signals, &columns)?;
    let (mut greatest, mut squares, mut scale, mut worst) = (0.0, 0.0, 0.0f64, 0);
    for row in 0..rows.min(first.len()) {
        let difference = (first[row] - second[row]).abs() * clock;
        // A row that only one of the two can answer is as far off as can be.
        let difference = if difference.is_nan() {
            f64::INFINITY
        } else {
            difference
        };
        if difference > greatest {
            (greatest, worst) = (difference, row);
        }
        if row < INSIDE {
            squares += difference * difference;
        }
        scale = scale.max(first[row].abs() * clock);
    }
    found.rows = rows;
    found.greatest = greatest;
    found.typical = (squares / INSIDE as f64).sqrt();
    found.scale = scale;
    let values = signals.iter().zip(&columns);
    found.at = values
        .map(|(axis, column)| (axis.name.clone(), column[worst]))
        .collect();
    Ok(found)
}
