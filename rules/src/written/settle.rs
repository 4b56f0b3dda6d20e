//! The statements on one behavior, checked against each other and the scenario.

use super::statement::{Statement, expression, number, subject_name, with_unit};
use super::{Form, Source};
use crate::{Combine, Error, Read, Subject, Vocabulary};

/// How far two statements of one number may lie apart, relative to it.
const TOLERANCE: f64 = 1e-9;

/// All statements on one behavior of one subject, checked.
pub struct Settled<'a> {
    /// The statements, in order; at least one.
    pub statements: Vec<&'a Statement>,
    /// The value where no rule speaks, in the behavior's unit.
    pub base: f64,
    /// The clock in mechanics steps, and in min.
    pub clock: (u64, f64),
    /// How the behavior is combined with other sources.
    pub combine: Option<Combine>,
    /// The size of a hit.
    pub size: f64,
}

/// What statements are checked against.
pub struct Context<'a> {
    /// The sources, by number.
    pub sources: &'a [Source<'a>],
    /// The scenario.
    pub vocabulary: &'a Vocabulary,
}

impl Context<'_> {
    /// Checks the statements on one behavior.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn settle<'s>(&self, statements: Vec<&'s Statement>) -> Result<Settled<'s>, Error> {
        let base = self.base(&statements)?;
        let first = statements[0];
        let clock = self.clock(first)?;
        let combine = self.sources[first.source].binding.combine;
        let mut size: Option<(&Statement, f64)> = None;
        for (number, statement) in statements.iter().copied().enumerate() {
            if statement.row.is_none() {
                self.direction(statement, base)?;
            }
            let own = self.clock(statement)?;
            if own.0 != clock.0 {
                return Err(self.wrong(
                    statement,
                    format!(
                        "a clock of {} min for `{}`, but {} gives it one of {} min\n  \
                         all rules on one behavior share a clock: write the same `every` in both",
                        rounded(own.1),
                        statement.entry(self.vocabulary).name,
                        self.place(first),
                        rounded(clock.1),
                    ),
                ));
            }
            if self.sources[statement.source].binding.combine != combine {
                return Err(self.wrong(
                    statement,
                    format!(
                        "`combine` for this file and for that of {} differ, and both speak of \
                         `{}`\n  give both the same `combine` in the scenario",
                        self.place(first),
                        statement.entry(self.vocabulary).name,
                    ),
                ));
            }
            if let Some(earlier) = statements[..number]
                .iter()
                .find(|s| statement.row.is_none() && same_rule(s, statement))
            {
                return Err(self.wrong(
                    statement,
                    format!(
                        "this rule stands in {} already: {} {} `{}`\n  leave one of them out",
                        self.place(earlier),
                        expression(&statement.signals, self.vocabulary),
                        statement.verb(),
                        statement.entry(self.vocabulary).name,
                    ),
                ));
            }
            if let Some(own) = statement.size {
                match size {
                    Some((earlier, other)) if other != own => {
                        return Err(self.wrong(
                            statement,
                            format!(
                                "a size of {own}, but {} gives {other}\n  all rules on one hit \
                                 share its size",
                                self.place(earlier),
                            ),
                        ));
                    }
                    _ => size = Some((statement, own)),
                }
            }
            self.clauses(statement)?;
        }
        Ok(Settled {
            base,
            clock,
            combine,
            size: size.map_or(1.0, |(_, size)| size),
            statements,
        })
    }

    /// The value where no rule speaks: the scenario's for a cell; for a pair 0, or what a
    /// sentence says.
    fn base(&self, statements: &[&Statement]) -> Result<f64, Error> {
        let first = statements[0];
        let unit = &first.entry(self.vocabulary).unit;
        let Subject::Cell { types } = &first.subject else {
            let mut stated: Option<(&Statement, f64)> = None;
            for statement in statements {
                let Some(from) = statement.from else { continue };
                match stated {
                    Some((earlier, other)) if !is_near(from, other) => {
                        return Err(self.wrong(
                            statement,
                            format!(
                                "from {}, but {} says from {}\n  all rules on one behavior start \
                                 from the same value",
                                with_unit(from, unit),
                                self.place(earlier),
                                with_unit(other, unit),
                            ),
                        ));
                    }
                    Some(_) => {}
                    None => stated = Some((statement, from)),
                }
            }
            return Ok(stated.map_or(0.0, |(_, from)| from));
        };
        let base = self.vocabulary.base[types[0]][first.behavior];
        if !base.is_finite() {
            return Err(self.wrong(
                first,
                format!(
                    "the scenario gives {} no finite `{}`, but {base}\n  state it there",
                    subject_name(&first.subject, self.vocabulary),
                    first.entry(self.vocabulary).name
                ),
            ));
        }
        for statement in statements {
            if let Some(from) = statement.from
                && !is_near(from, base)
            {
                let (word, way_out) = match self.sources[statement.source].form {
                    Form::Sentences => ("from", "leave `from` out, or let both say the same"),
                    Form::Table => ("base", "let both say the same"),
                };
                return Err(self.wrong(
                    statement,
                    format!(
                        "{word} {}, but the scenario gives {} a `{}` of {}\n  {way_out}",
                        with_unit(from, unit),
                        subject_name(&statement.subject, self.vocabulary),
                        statement.entry(self.vocabulary).name,
                        with_unit(base, unit),
                    ),
                ));
            }
        }
        Ok(base)
    }

    /// A rule that increases may not lead below the base, nor one that decreases above it.
    fn direction(&self, statement: &Statement, base: f64) -> Result<(), Error> {
        let towards = statement.towards;
        let entry = statement.entry(self.vocabulary);
        let [low, high] = entry.range;
        if !(low..=high).contains(&towards) {
            let wanted = match high {
                f64::INFINITY => "is never negative".to_owned(),
                _ => format!("lies between {low} and {high}"),
            };
            return Err(self.wrong(
                statement,
                format!(
                    "towards {}, but `{}` {wanted}\n  write a value within that",
                    with_unit(towards, &entry.unit),
                    entry.name
                ),
            ));
        }
        let agrees = is_near(towards, base) || (towards > base) == statement.increases;
        if agrees {
            return Ok(());
        }
        let unit = &statement.entry(self.vocabulary).unit;
        let (side, other) = if statement.increases {
            ("below", "decreases")
        } else {
            ("above", "increases")
        };
        Err(self.wrong(
            statement,
            format!(
                "`{}` towards {}, which is {side} the base, {}\n  write `{other}`, or another \
                 value",
                statement.verb(),
                with_unit(towards, unit),
                with_unit(base, unit),
            ),
        ))
    }

    /// The clock of a statement, in mechanics steps and in min.
    fn clock(&self, statement: &Statement) -> Result<(u64, f64), Error> {
        let binding = self.sources[statement.source].binding;
        // Pairs come and go between two phenotype steps, so they are looked at in every mechanics
        // step, as by models.
        let usual = match statement.subject {
            Subject::Cell { .. } => self.vocabulary.phenotype_step,
            Subject::Dyad { .. } => self.vocabulary.mechanics_step,
        };
        let clock = statement.every.or(binding.clock).unwrap_or(usual);
        let step = self.vocabulary.mechanics_step;
        let steps = (clock / step).round();
        if (1.0..1e15).contains(&steps) && (clock / step - steps).abs() <= TOLERANCE * steps {
            return Ok((steps as u64, clock));
        }
        let below = (clock / step).floor();
        let way_out = if (1.0..1e15).contains(&below) {
            format!(
                "the nearest are {} min and {} min",
                rounded(below * step),
                rounded((below + 1.0) * step)
            )
        } else {
            format!("the shortest is {} min", rounded(step))
        };
        let whose = match (statement.every, binding.clock) {
            (Some(_), _) => "",
            (None, Some(_)) => ", the scenario's clock for this file,",
            (None, None) => ", the phenotype step,",
        };
        Err(self.wrong(
            statement,
            format!(
                "every {} min{whose} is no multiple of the mechanics step, {} min\n  {way_out}",
                number(clock),
                number(step),
            ),
        ))
    }

    /// Clauses that do not suit the behavior.
    fn clauses(&self, statement: &Statement) -> Result<(), Error> {
        let entry = statement.entry(self.vocabulary);
        if statement.size.is_some() && !statement.is_hit(self.vocabulary) {
            return Err(self.wrong(
                statement,
                format!(
                    "`size` for `{}`, but only a hit has a size\n  leave it out",
                    entry.name
                ),
            ));
        }
        if statement.dead && matches!(statement.subject, Subject::Dyad { .. }) {
            return Err(self.wrong(
                statement,
                "`also when dead` in a sentence about a pair, and both of a pair are alive\n  \
                 leave it out"
                    .into(),
            ));
        }
        Ok(())
    }

    fn place(&self, statement: &Statement) -> String {
        let file = &self.sources[statement.source].binding.file;
        format!("{}:{}", file.display(), statement.line)
    }

    fn wrong(&self, statement: &Statement, message: String) -> Error {
        Error::Line {
            file: self.sources[statement.source].binding.file.clone(),
            line: statement.line,
            message,
        }
    }
}

/// Whether two statements on one behavior say the same signal and direction.
fn same_rule(a: &Statement, b: &Statement) -> bool {
    let key = |read: &Read| (read.side as u8, read.signal);
    let sorted = |statement: &Statement| {
        let mut signals: Vec<_> = statement.signals.iter().map(key).collect();
        signals.sort_unstable();
        signals
    };
    a.increases == b.increases && sorted(a) == sorted(b)
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * b.abs().max(a.abs())
}

/// A multiple of a step without the noise of its last digits.
fn rounded(value: f64) -> String {
    number((value * 1e9).round() / 1e9)
}
