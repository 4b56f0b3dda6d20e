//! What stands behind the value of a sentence: the response, the clock, and whom it is about.

use super::amount::Amount;
use super::cursor::{Cursor, starts_with};
use super::statement::{expression, signal_unit, with_unit};
use crate::responses::Response;
use crate::{Read, Unit, Vocabulary};

/// What may stand behind the value, for people.
const CLAUSES: &str = "half-max <value>, Hill power <number>, linearly from <value> to <value>, \
                       above <value>, below <value>, every <time>, size <number>, also when dead";

/// What stands behind the value, each part at most once.
#[derive(Default)]
pub struct Clauses {
    half_max: Option<f64>,
    power: Option<f64>,
    other: Option<Response>,
    /// The clock as stated, min.
    pub every: Option<f64>,
    /// The size of a hit as stated.
    pub size: Option<f64>,
    /// Whether dead cells are spoken of too.
    pub dead: bool,
}

impl Clauses {
    /// Reads one clause of a rule on these signals.
    ///
    /// # Errors
    /// What is wrong with it, or that it has been said before.
    pub fn take(
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
            let mut parts = Cursor::new(rest);
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
    ///
    /// # Errors
    /// What is missing, or too much.
    pub fn response(&self, signals: &[Read], vocabulary: &Vocabulary) -> Result<Response, String> {
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
pub fn placeholder(unit: &Unit) -> String {
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
