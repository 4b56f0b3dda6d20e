//! The grammar of sentences, docs/rules.md: from the text of one sentence to what it says.

use super::amount::Amount;
use super::statement::{Statement, signal_name, signal_unit, with_unit};
use crate::responses::Response;
use crate::{Read, Side, Subject, Unit, Vocabulary};

/// What is wrong and the way out, with the byte at which the culprit begins.
pub type Wrong = (usize, String);

/// What may stand behind the value, for people.
const CLAUSES: &str = "half-max <value>, Hill power <number>, linearly from <value> to <value>, \
                       above <value>, below <value>, every <time>, size <number>, also when dead";

/// Reads a sentence; its source is `source`, its line is left at 0.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(text: &str, source: usize, vocabulary: &Vocabulary) -> Result<Statement, Wrong> {
    let mut cursor = Cursor { text, at: 0 };
    let subject = subject(&mut cursor, vocabulary)?;
    let (signals, increases) = signals(&mut cursor, &subject, vocabulary)?;
    let (behavior, stop) = cursor.name("behavior", &["from", "towards", ",", ""], |name| {
        self::behavior(name, &subject, vocabulary)
    })?;
    let entry = match subject {
        Subject::Cell { .. } => vocabulary.behaviors.entry(behavior),
        Subject::Dyad { .. } => vocabulary.pair_behaviors.entry(behavior),
    };
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
        subject,
        signals,
    })
}

/// `<type>:` or `<type a> on <type b>:`.
fn subject(cursor: &mut Cursor<'_>, vocabulary: &Vocabulary) -> Result<Subject, Wrong> {
    let find = |name: &str| {
        vocabulary
            .cell_type(name)
            .map_err(|error| error.to_string())
    };
    let (a, stop) = cursor.name("cell type", &[":", "on"], find)?;
    if stop == ":" {
        return Ok(Subject::Cell { types: vec![a] });
    }
    let (b, _) = cursor.name("cell type", &[":"], find)?;
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
        let (number, stop) =
            cursor.name("signal", &["times", "increases", "decreases"], |name| {
                signal(name, side, vocabulary)
            })?;
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

/// What stands behind the value, each part at most once.
#[derive(Default)]
struct Clauses {
    half_max: Option<f64>,
    power: Option<f64>,
    other: Option<Response>,
    every: Option<f64>,
    size: Option<f64>,
    dead: bool,
}

impl Clauses {
    /// Reads one clause.
    fn take(
        &mut self,
        clause: &str,
        signals: &[Read],
        vocabulary: &Vocabulary,
    ) -> Result<(), String> {
        let unit = signal_unit(signals, vocabulary);
        let what = expression(signals, vocabulary);
        let after = |words: &[&str]| {
            words.iter().try_fold(clause.trim(), |rest, word| {
                starts_with(rest, word).then(|| rest[word.len()..].trim_start())
            })
        };
        let threshold = |text| Amount::parse(text)?.convert(None, &unit, &what);
        if let Some(rest) = after(&["half-max"]) {
            let value = Amount::parse(rest)?.above_zero(&unit, "half-max", &what)?;
            once(&mut self.half_max, value, "half-max")
        } else if let Some(rest) = after(&["hill", "power"]) {
            let value =
                Amount::parse(rest)?.above_zero(&Unit::one(), "Hill power", "a Hill power")?;
            once(&mut self.power, value, "Hill power")
        } else if let Some(rest) = after(&["linearly", "from"]) {
            let mut parts = Cursor { text: rest, at: 0 };
            let (Some(from), to) = (parts.until("to"), parts.clause()) else {
                return Err(
                    "no end of the ramp\n  write `linearly from <value> to <value>`".into(),
                );
            };
            let to = Amount::parse(to)?;
            let from = Amount::parse(from)?.convert(to.unit, &unit, &what)?;
            let to = to.convert(None, &unit, &what)?;
            if from >= to {
                return Err(format!(
                    "a ramp from {} to {} does not rise\n  \
                     begin at the lower value; `decreases` turns the effect around",
                    with_unit(from, &unit),
                    with_unit(to, &unit)
                ));
            }
            once(&mut self.other, Response::Linear { from, to }, RESPONSE)
        } else if let Some(rest) = after(&["above"]) {
            let step = Response::Step {
                threshold: threshold(rest)?,
                above: true,
            };
            once(&mut self.other, step, RESPONSE)
        } else if let Some(rest) = after(&["below"]) {
            let step = Response::Step {
                threshold: threshold(rest)?,
                above: false,
            };
            once(&mut self.other, step, RESPONSE)
        } else if let Some(rest) = after(&["every"]) {
            let minutes = Unit::parse("min").map_err(|error| error.to_string())?;
            let value = Amount::parse(rest)?.above_zero(&minutes, "the clock", "a clock")?;
            once(&mut self.every, value, "every")
        } else if let Some(rest) = after(&["size"]) {
            let value =
                Amount::parse(rest)?.above_zero(&Unit::one(), "the size", "the size of a hit")?;
            once(&mut self.size, value, "size")
        } else if after(&["also", "when", "dead"]) == Some("") {
            let mut said = self.dead.then_some(());
            self.dead = true;
            once(&mut said, (), "also when dead")
        } else if clause.trim().is_empty() {
            Err(format!(
                "nothing stands after a comma\n  there may stand: {CLAUSES}"
            ))
        } else if clause.trim().starts_with(|c: char| c.is_ascii_digit()) {
            Err(format!(
                "`{}` stands alone after a comma\n  a decimal number has a point: `0.5`",
                clause.trim()
            ))
        } else {
            Err(format!(
                "`{}` is no part of a rule\n  after the value may stand: {CLAUSES}",
                clause.trim()
            ))
        }
    }

    /// The one response that has been described.
    fn response(&self, signals: &[Read], vocabulary: &Vocabulary) -> Result<Response, String> {
        let unit = signal_unit(signals, vocabulary);
        match (self.half_max, self.power, self.other) {
            (Some(half_max), Some(power), None) => Ok(Response::Hill { half_max, power }),
            (None, None, Some(other)) => Ok(other),
            (_, _, Some(_)) => Err(
                "two responses: a Hill response and a ramp or step\n  leave one of them out".into(),
            ),
            (Some(_), None, None) => {
                Err("a half-max, but no Hill power\n  write `, Hill power <number>`".into())
            }
            (None, Some(_), None) => Err(format!(
                "a Hill power, but no half-max\n  write `, half-max {}` with the value of {} that \
                 has half the effect",
                placeholder(&unit),
                expression(signals, vocabulary)
            )),
            (None, None, None) => Err(format!(
                "no response to {}\n  write `, half-max {}, Hill power <number>`, or `linearly \
                 from … to …`, `above …`, `below …`",
                expression(signals, vocabulary),
                placeholder(&unit),
            )),
        }
    }
}

/// A number to be filled in, with its unit.
fn placeholder(unit: &Unit) -> String {
    with_unit(0.0, unit).replacen('0', "<value>", 1)
}

/// How two ramps or steps are called.
const RESPONSE: &str = "a ramp or step";

/// Fills a slot that may be filled once.
fn once<T>(slot: &mut Option<T>, value: T, what: &str) -> Result<(), String> {
    if slot.replace(value).is_some() {
        return Err(format!("`{what}` is said twice\n  leave one of them out")
            .replace(&format!("`{RESPONSE}`"), RESPONSE));
    }
    Ok(())
}

/// A product of signals, as it is written.
pub fn expression(signals: &[Read], vocabulary: &Vocabulary) -> String {
    let names: Vec<String> = signals
        .iter()
        .map(|read| signal_name(read, vocabulary))
        .collect();
    names.join(" times ")
}

/// A place in a sentence.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips space, and says where the next thing begins.
    fn start(&mut self) -> usize {
        self.at += self.rest().len() - self.rest().trim_start().len();
        self.at
    }

    /// Whether the end, or what lies beyond it, is reached.
    fn is_done(&self) -> bool {
        self.at > self.text.len() || self.rest().trim().is_empty() && !self.after_comma()
    }

    /// Whether a comma has just been read.
    fn after_comma(&self) -> bool {
        self.text[..self.at].ends_with(',')
    }

    /// Reads one of these words, if one comes next and more follows.
    fn word(&mut self, words: &[&'static str]) -> Option<&'static str> {
        self.start();
        let word = words.iter().find(|word| starts_with(self.rest(), word))?;
        self.at += word.len();
        Some(word)
    }

    /// Reads up to the word, and the word; `None` if it does not come.
    fn until(&mut self, word: &'static str) -> Option<&'a str> {
        let rest = self.rest();
        let (end, _, after) = stops(rest, &[word]).next()?;
        self.at += after;
        Some(rest[..end].trim())
    }

    /// Reads up to the next comma, and the comma.
    fn clause(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(',').unwrap_or(rest.len());
        self.at += (end + 1).min(rest.len());
        rest[..end].trim()
    }

    /// Reads a name that `find` knows and one of the `ends` behind it: the longest such name, or
    /// what stands in double quotes. The end `""` is the end of the sentence.
    fn name(
        &mut self,
        what: &str,
        ends: &[&'static str],
        find: impl Fn(&str) -> Result<usize, String>,
    ) -> Result<(usize, &'static str), Wrong> {
        let at = self.start();
        let rest = self.rest();
        if let Some(inside) = rest.strip_prefix('"') {
            let Some(close) = inside.find('"') else {
                return Err((
                    at,
                    "a double quote is not closed\n  put `\"` behind the name".into(),
                ));
            };
            let number = find(inside[..close].trim()).map_err(|message| (at, message))?;
            let behind = &rest[close + 2..];
            let next = behind.trim_start();
            let Some(end) = ends.iter().find(|end| starts_with(next, end)) else {
                return Err((at, missing(what, &inside[..close], ends)));
            };
            self.at += rest.len() - next.len() + end.len();
            return Ok((number, end));
        }
        if ends.iter().any(|end| starts_with(rest, end)) {
            return Err((at, format!("a {what} is missing\n  {}", example(what))));
        }
        let candidates: Vec<_> = stops(rest, ends).collect();
        for (name_end, end, after) in candidates.iter().rev() {
            if let Ok(number) = find(rest[..*name_end].trim()) {
                self.at += after;
                return Ok((number, end));
            }
        }
        match candidates.first() {
            Some((name_end, ..)) => match find(rest[..*name_end].trim()) {
                Err(message) => Err((at, message)),
                Ok(_) => Err((at, missing(what, rest, ends))),
            },
            None => Err((at, missing(what, rest, ends))),
        }
    }
}

/// A sentence about what should have followed a name.
fn missing(what: &str, found: &str, ends: &[&str]) -> String {
    let ends: Vec<String> = ends
        .iter()
        .filter(|end| !end.is_empty())
        .map(|end| format!("`{end}`"))
        .collect();
    let short: String = found.trim().chars().take(60).collect();
    let dots = if found.trim().chars().count() > 60 {
        "…"
    } else {
        ""
    };
    format!(
        "no {} after the {what} in `{short}{dots}`\n  {}",
        ends.join(" or "),
        example(what)
    )
}

/// What a sentence looks like around a missing part.
fn example(what: &str) -> &'static str {
    match what {
        "cell type" => {
            "a sentence begins with a cell type and a colon: `tumor: oxygen increases …`"
        }
        "signal" => "a signal and a verb follow the colon: `tumor: oxygen increases …`",
        _ => "a behavior and a value follow the verb: `… increases cycle entry towards 0.01 1/min`",
    }
}

/// Whether `text` begins with this mark or whole word; case does not matter. `""` is the end.
fn starts_with(text: &str, word: &str) -> bool {
    if word.is_empty() {
        return text.is_empty();
    }
    let mark = !word.starts_with(char::is_alphabetic);
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
        && (mark
            || text[word.len()..]
                .chars()
                .next()
                .is_none_or(|c| c.is_whitespace() || ",:\"".contains(c)))
}

/// Every place where one of these words or marks ends a name: where the name ends, which it is,
/// where it ends itself.
fn stops<'a>(
    text: &'a str,
    ends: &'a [&'static str],
) -> impl Iterator<Item = (usize, &'static str, usize)> + 'a {
    let mut before = 'x';
    let places = text.char_indices().chain([(text.len(), ' ')]);
    places.filter_map(move |(at, c)| {
        let begins_gap = !before.is_whitespace() && (c.is_whitespace() || ",:".contains(c));
        before = c;
        if !begins_gap {
            return None;
        }
        let next = text[at..].trim_start();
        let word = |end: &&&str| {
            let spaced = next.len() < text.len() - at || !end.starts_with(char::is_alphabetic);
            spaced && starts_with(next, end)
        };
        let end = ends.iter().find(word)?;
        Some((at, *end, text.len() - next.len() + end.len()))
    })
}
