//! What one sentence, or one row of a table, says: names and units already turned into numbers.

use crate::dictionary::normal;
use crate::responses::Response;
use crate::{Entry, Read, Side, Subject, Unit, Vocabulary};

/// A sentence.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its source, by number.
    pub source: usize,
    /// Its line, 1-based.
    pub line: usize,
    /// Who acts.
    pub subject: Subject,
    /// The factors of the signal; at least one.
    pub signals: Vec<Read>,
    /// Whether it increases the behavior.
    pub increases: bool,
    /// Which behavior: in `pair_behaviors` for a pair, else in `behaviors`.
    pub behavior: usize,
    /// The base as stated, if stated.
    pub from: Option<f64>,
    /// The value reached at full effect.
    pub towards: f64,
    /// How the signal speaks.
    pub response: Response,
    /// Its clock as stated, min.
    pub every: Option<f64>,
    /// The size of a hit as stated.
    pub size: Option<f64>,
    /// Whether it speaks for dead cells too.
    pub dead: bool,
    /// What PhysiCell's bookkeeping keeps of a row; `None` under Milieu's own usage, and for
    /// sentences.
    pub row: Option<Row>,
}

/// What PhysiCell's bookkeeping keeps of a row of a table.
#[derive(Debug, Clone)]
pub struct Row {
    /// The signal's name as it stands there.
    pub signal: String,
    /// The behavior's name as it stands there.
    pub behavior: String,
    /// What the row offers as the least and as the largest value of its behavior.
    pub pool: [f64; 2],
    /// Whether its signal reads 0 in rules, whatever it is.
    pub mute: bool,
}

impl Statement {
    /// The behavior it speaks of.
    pub fn entry<'a>(&self, vocabulary: &'a Vocabulary) -> &'a Entry {
        match self.subject {
            Subject::Cell { .. } => vocabulary.behaviors.entry(self.behavior),
            Subject::Dyad { .. } => vocabulary.pair_behaviors.entry(self.behavior),
        }
    }

    /// Whether it speaks of hits, the one event with a size.
    pub fn is_hit(&self, vocabulary: &Vocabulary) -> bool {
        let is_pair = matches!(self.subject, Subject::Dyad { .. });
        is_pair && normal(&self.entry(vocabulary).name) == "hit"
    }

    /// `increases` or `decreases`.
    pub fn verb(&self) -> &'static str {
        if self.increases {
            "increases"
        } else {
            "decreases"
        }
    }

    /// The statement in the words of the grammar, with every number: `base` and `size` are what
    /// all statements on its behavior agreed on, `every` is its clock, min.
    pub fn describe(&self, vocabulary: &Vocabulary, base: f64, size: f64, every: f64) -> String {
        let entry = self.entry(vocabulary);
        let unit = signal_unit(&self.signals, vocabulary);
        let response = match self.response {
            Response::Hill { half_max, power } | Response::SignedHill { half_max, power } => {
                format!(
                    "half-max {}, Hill power {}",
                    with_unit(half_max, &unit),
                    number(power)
                )
            }
            Response::Linear { from, to } => {
                format!("linearly from {} to {}", number(from), with_unit(to, &unit))
            }
            Response::Step { threshold, above } => format!(
                "{} {}",
                if above { "above" } else { "below" },
                with_unit(threshold, &unit)
            ),
        };
        let size = if self.is_hit(vocabulary) {
            format!(", size {}", number(size))
        } else {
            String::new()
        };
        format!(
            "{}: {} {} {} from {} towards {}, {response}{size}, every {} min{}",
            subject_name(&self.subject, vocabulary),
            expression(&self.signals, vocabulary),
            self.verb(),
            quoted(&entry.name),
            number(base),
            with_unit(self.towards, &entry.unit),
            number(every),
            if self.dead { ", also when dead" } else { "" },
        )
    }
}

/// The name of a signal as it is written in a sentence: `own pressure`.
pub fn signal_name(read: &Read, vocabulary: &Vocabulary) -> String {
    let (before, entry) = match read.side {
        // Nobody reads children: they are not there yet.
        Side::Cell | Side::ChildA | Side::ChildB => ("", vocabulary.signals.entry(read.signal)),
        Side::A => ("own ", vocabulary.signals.entry(read.signal)),
        Side::B => ("target ", vocabulary.signals.entry(read.signal)),
        Side::Pair => ("", vocabulary.pair_signals.entry(read.signal)),
    };
    format!("{before}{}", quoted(&entry.name))
}

/// A product of signals, as it is written.
pub fn expression(signals: &[Read], vocabulary: &Vocabulary) -> String {
    let names: Vec<String> = signals
        .iter()
        .map(|read| signal_name(read, vocabulary))
        .collect();
    names.join(" times ")
}

/// The unit of a product of signals.
pub fn signal_unit(signals: &[Read], vocabulary: &Vocabulary) -> Unit {
    let units: Vec<String> = signals
        .iter()
        .map(|read| match read.side {
            Side::Pair => &vocabulary.pair_signals.entry(read.signal).unit,
            _ => &vocabulary.signals.entry(read.signal).unit,
        })
        .map(Unit::to_string)
        .filter(|text| text != "1")
        .collect();
    // Every factor has been read before, so only a product beyond all powers cannot be.
    Unit::parse(&units.join("*")).unwrap_or_else(|_| Unit::one())
}

/// The name of a subject as it stands before the colon.
pub fn subject_name(subject: &Subject, vocabulary: &Vocabulary) -> String {
    match subject {
        Subject::Cell { types } => {
            let names: Vec<String> = types
                .iter()
                .map(|number| quoted(&vocabulary.types[*number]))
                .collect();
            names.join(", ")
        }
        Subject::Dyad { a, b } => format!(
            "{} on {}",
            quoted(&vocabulary.types[*a]),
            quoted(&vocabulary.types[*b])
        ),
    }
}

/// Words that separate names.
const WORDS: [&str; 9] = [
    "on",
    "own",
    "effector",
    "target",
    "times",
    "increases",
    "decreases",
    "from",
    "towards",
];

/// A name as it can be read back: in double quotes if it holds a mark or a word of the grammar.
pub fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || " -_+./()".contains(c);
    let word = |part: &str| WORDS.iter().any(|word| word.eq_ignore_ascii_case(part));
    // A colon within a word, as in `custom:PD-1`, ends no name.
    let colon = name.ends_with(':') || name.contains(": ");
    if colon || !name.chars().all(|c| c == ':' || plain(c)) || name.split(' ').any(word) {
        format!("\"{name}\"")
    } else {
        name.to_owned()
    }
}

/// A number in its shortest form that reads back to the same bits.
pub fn number(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e9).contains(&value.abs()) {
        format!("{value:e}")
    } else {
        format!("{value}")
    }
}

/// A number with its unit; a pure number stands alone.
pub fn with_unit(value: f64, unit: &Unit) -> String {
    match unit.to_string().as_str() {
        "1" => number(value),
        text => format!("{} {text}", number(value)),
    }
}
