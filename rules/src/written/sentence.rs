//! The grammar of sentences, docs/rules.md: from the text of one sentence to what it says.

use super::amount::Amount;
use super::clauses::{Clauses, placeholder};
use super::cursor::{Cursor, Wrong};
use super::statement::Statement;
use crate::{Read, Side, Subject, Vocabulary};

/// Most signals in one product: every factor looks at all words behind it.
const MOST_FACTORS: usize = 16;

/// Reads a sentence; its source is `source`, its line is left at 0.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(text: &str, source: usize, vocabulary: &Vocabulary) -> Result<Statement, Wrong> {
    let mut cursor = Cursor::new(text);
    let subject = subject(&mut cursor, vocabulary)?;
    let (signals, increases) = signals(&mut cursor, &subject, vocabulary)?;
    let behaviors = match subject {
        Subject::Cell { .. } => &vocabulary.behaviors,
        Subject::Dyad { .. } => &vocabulary.pair_behaviors,
    };
    let (behavior, stop) = cursor.name(
        "behavior",
        &["from", "towards", ",", ""],
        |name| behaviors.number(name),
        |name| refusal(self::behavior(name, &subject, vocabulary)),
    )?;
    let entry = behaviors.entry(behavior);
    let no_value = |at| {
        let message = format!(
            "no value to reach\n  write `towards {}` after `{}`",
            placeholder(&entry.unit),
            entry.name
        );
        (at, message)
    };
    let from = match stop {
        "from" => {
            let at = cursor.start();
            let part = cursor.until("towards").ok_or_else(|| no_value(at))?;
            Some((at, part))
        }
        "towards" => None,
        _ => return Err(no_value(cursor.at.min(text.len()))),
    };
    let at = cursor.start();
    let amount = Amount::parse(cursor.clause()).map_err(|message| (at, message))?;
    let towards = amount
        .convert(None, &entry.unit, &entry.name)
        .map_err(|message| (at, message))?;
    let from = match from {
        None => None,
        Some((at, part)) => {
            let stated = Amount::parse(part)
                .and_then(|from| from.convert(amount.unit, &entry.unit, &entry.name));
            Some(stated.map_err(|message| (at, message))?)
        }
    };
    let mut clauses = Clauses::default();
    while !cursor.is_done() {
        let at = cursor.start();
        let clause = cursor.clause();
        clauses
            .take(clause, &signals, vocabulary)
            .map_err(|message| (at, message))?;
    }
    let response = clauses.response(&signals, vocabulary);
    Ok(Statement {
        source,
        line: 0,
        increases,
        behavior,
        from,
        towards,
        response: response.map_err(|message| (text.len(), message))?,
        every: clauses.every,
        size: clauses.size,
        dead: clauses.dead,
        row: None,
        subject,
        signals,
    })
}

/// Why a name is none.
fn refusal(found: Result<usize, impl ToString>) -> String {
    found.map_or_else(
        |error| error.to_string(),
        |_| unreachable!("only names without a number are refused"),
    )
}

/// `<type>:` or `<type a> on <type b>:`.
fn subject(cursor: &mut Cursor<'_>, vocabulary: &Vocabulary) -> Result<Subject, Wrong> {
    let number = |name: &str| vocabulary.type_number(name);
    let unknown = |name: &str| refusal(vocabulary.cell_type(name));
    let (a, stop) = cursor.name("cell type", &[":", "on"], number, unknown)?;
    if stop == ":" {
        return Ok(Subject::Cell { types: vec![a] });
    }
    let (b, _) = cursor.name("cell type", &[":"], number, unknown)?;
    Ok(Subject::Dyad { a, b })
}

/// `<signal> times <signal> increases`: the factors, and whether they increase.
fn signals(
    cursor: &mut Cursor<'_>,
    subject: &Subject,
    vocabulary: &Vocabulary,
) -> Result<(Vec<Read>, bool), Wrong> {
    let mut signals = Vec::new();
    loop {
        let side = match subject {
            Subject::Cell { .. } => Side::Cell,
            Subject::Dyad { .. } => match cursor.word(&["own", "effector", "target"]) {
                Some("target") => Side::B,
                Some(_) => Side::A,
                None => Side::Pair,
            },
        };
        let names = match side {
            Side::Pair => &vocabulary.pair_signals,
            _ => &vocabulary.signals,
        };
        let at = cursor.start();
        if signals.len() == MOST_FACTORS {
            let message = format!(
                "a product of more than {MOST_FACTORS} signals\n  write at most {MOST_FACTORS} \
                 factors"
            );
            return Err((at, message));
        }
        let (number, stop) = cursor.name(
            "signal",
            &["times", "increases", "decreases"],
            |name| names.number(name),
            |name| refusal(signal(name, side, vocabulary)),
        )?;
        signals.push(Read {
            side,
            signal: number,
        });
        if stop != "times" {
            return Ok((signals, stop == "increases"));
        }
    }
}

/// The number of a signal of this side.
pub fn signal(name: &str, side: Side, vocabulary: &Vocabulary) -> Result<usize, String> {
    let found = match side {
        Side::Pair => vocabulary.pair_signals.find(name),
        _ => vocabulary.signals.find(name),
    };
    found.map_err(|error| match side {
        Side::Pair if vocabulary.signals.find(name).is_ok() => format!(
            "`{name}` is a signal of a cell, and a pair has two\n  \
             write `own {name}` or `target {name}`"
        ),
        Side::Cell if vocabulary.pair_signals.find(name).is_ok() => format!(
            "`{name}` is a signal of a pair\n  a sentence about a pair begins `<type> on <type>:`"
        ),
        Side::Cell if is_side(name, vocabulary) => format!(
            "`{name}` is a signal of a pair\n  \
             a sentence about a pair begins `<type> on <type>:`; one about a cell names its \
             signals without `own` or `target`"
        ),
        _ => error.to_string(),
    })
}

/// Whether `name` is `own`, `effector` or `target` and a known signal.
fn is_side(name: &str, vocabulary: &Vocabulary) -> bool {
    name.split_once(char::is_whitespace)
        .is_some_and(|(word, rest)| {
            ["own", "effector", "target"].contains(&word.to_lowercase().as_str())
                && vocabulary.signals.find(rest).is_ok()
        })
}

/// The number of a behavior of this subject.
pub fn behavior(name: &str, subject: &Subject, vocabulary: &Vocabulary) -> Result<usize, String> {
    let (ours, others) = match subject {
        Subject::Cell { .. } => (&vocabulary.behaviors, &vocabulary.pair_behaviors),
        Subject::Dyad { .. } => (&vocabulary.pair_behaviors, &vocabulary.behaviors),
    };
    ours.find(name).map_err(|error| match subject {
        _ if others.find(name).is_err() => error.to_string(),
        Subject::Cell { .. } => format!(
            "`{name}` is a behavior of a pair\n  a sentence about a pair begins `<type> on <type>:`"
        ),
        Subject::Dyad { .. } => format!(
            "`{name}` is a behavior of one cell\n  a sentence about a cell begins `<type>:`"
        ),
    })
}
