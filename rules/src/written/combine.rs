//! From statements to rules: those on one behavior are put together and checked against each
//! other and the scenario, then behaviors of one subject and clock become one rule.

use super::rule::Written;
use super::saturate::{Saturation, Term};
use super::sentence::expression;
use super::statement::{Statement, number, subject_name, with_unit};
use super::{Saturate, Source};
use crate::dictionary::normal;
use crate::{
    Combine, Entry, Error, Kind, Read, Rule, Side, Signature, Subject, Target, Unit, Vocabulary,
    Write,
};

/// How far two statements of one number may lie apart, relative to it.
const TOLERANCE: f64 = 1e-9;

/// All statements on one behavior of one subject, checked.
struct Settled<'a> {
    statements: Vec<&'a Statement>,
    base: f64,
    /// The clock in mechanics steps, and in min.
    clock: (u64, f64),
    combine: Option<Combine>,
    size: f64,
}

/// Puts statements together.
///
/// # Errors
/// The first contradiction.
pub fn rules(
    statements: &[Statement],
    sources: &[Source<'_>],
    vocabulary: &Vocabulary,
    saturate: Saturate,
) -> Result<Vec<Box<dyn Rule>>, Error> {
    // The only semantics so far; a second one would hand other plans to `Written`.
    let Saturate::OwnExtremes = saturate;
    let mut groups: Vec<Vec<&Statement>> = Vec::new();
    for statement in statements {
        let same = |group: &&mut Vec<&Statement>| {
            group[0].subject == statement.subject && group[0].behavior == statement.behavior
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(statement),
            None => groups.push(vec![statement]),
        }
    }
    let context = Context {
        sources,
        vocabulary,
    };
    let mut objects: Vec<Vec<Settled<'_>>> = Vec::new();
    for group in groups {
        let settled = context.settle(group)?;
        let same = |object: &&mut Vec<Settled<'_>>| {
            object[0].statements[0].subject == settled.statements[0].subject
                && object[0].clock.0 == settled.clock.0
                && object[0].combine == settled.combine
        };
        match objects.iter_mut().find(same) {
            Some(object) => object.push(settled),
            None => objects.push(vec![settled]),
        }
    }
    Ok(objects
        .into_iter()
        .map(|object| Box::new(context.rule(&object)) as Box<dyn Rule>)
        .collect())
}

struct Context<'a> {
    sources: &'a [Source<'a>],
    vocabulary: &'a Vocabulary,
}

impl Context<'_> {
    /// Checks the statements on one behavior against each other and the scenario.
    fn settle<'s>(&self, statements: Vec<&'s Statement>) -> Result<Settled<'s>, Error> {
        let base = self.base(&statements)?;
        let first = statements[0];
        let clock = self.clock(first)?;
        let combine = self.sources[first.source].binding.combine;
        let mut size: Option<(&Statement, f64)> = None;
        for (number, statement) in statements.iter().copied().enumerate() {
            self.direction(statement, base)?;
            let own = self.clock(statement)?;
            if own.0 != clock.0 {
                return Err(self.wrong(
                    statement,
                    format!(
                        "a clock of {} min for `{}`, but {} gives it one of {} min\n  \
                         all rules on one behavior share a clock: write the same `every` in both",
                        rounded(own.1),
                        self.entry(statement).name,
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
                        self.entry(statement).name,
                    ),
                ));
            }
            if let Some(earlier) = statements[..number]
                .iter()
                .find(|s| same_rule(s, statement))
            {
                return Err(self.wrong(
                    statement,
                    format!(
                        "this rule stands in {} already: {} {} `{}`\n  leave one of them out",
                        self.place(earlier),
                        expression(&statement.signals, self.vocabulary),
                        verb(statement),
                        self.entry(statement).name,
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
        let unit = &self.entry(first).unit;
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
                    self.entry(first).name
                ),
            ));
        }
        for statement in statements {
            if let Some(from) = statement.from
                && !is_near(from, base)
            {
                return Err(self.wrong(
                    statement,
                    format!(
                        "from {}, but the scenario gives {} a `{}` of {}\n  \
                         leave `from` out, or let both say the same",
                        with_unit(from, unit),
                        subject_name(&statement.subject, self.vocabulary),
                        self.entry(statement).name,
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
        let agrees = is_near(towards, base) || (towards > base) == statement.increases;
        if agrees {
            return Ok(());
        }
        let unit = &self.entry(statement).unit;
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
                verb(statement),
                with_unit(towards, unit),
                with_unit(base, unit),
            ),
        ))
    }

    /// The clock of a statement, in mechanics steps and in min.
    fn clock(&self, statement: &Statement) -> Result<(u64, f64), Error> {
        let binding = self.sources[statement.source].binding;
        let clock = statement
            .every
            .or(binding.clock)
            .unwrap_or(self.vocabulary.phenotype_step);
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
        let entry = self.entry(statement);
        let is_pair = matches!(statement.subject, Subject::Dyad { .. });
        if statement.size.is_some() && !(is_pair && is_hit(entry)) {
            return Err(self.wrong(
                statement,
                format!(
                    "`size` for `{}`, but only a hit has a size\n  leave it out",
                    entry.name
                ),
            ));
        }
        if statement.dead && is_pair {
            return Err(self.wrong(
                statement,
                "`also when dead` in a sentence about a pair, and both of a pair are alive\n  \
                 leave it out"
                    .into(),
            ));
        }
        Ok(())
    }

    /// One rule of behaviors that share subject, clock and way of combining.
    fn rule(&self, settled: &[Settled<'_>]) -> Written {
        let vocabulary = self.vocabulary;
        let mut reads: Vec<Read> = Vec::new();
        let mut terms = |statements: &[&Statement], increases: bool| -> Vec<Term> {
            let ours = statements.iter().filter(|s| s.increases == increases);
            ours.map(|statement| Term {
                factors: statement
                    .signals
                    .iter()
                    .map(|read| {
                        reads
                            .iter()
                            .position(|other| other == read)
                            .unwrap_or_else(|| {
                                reads.push(read.clone());
                                reads.len() - 1
                            })
                    })
                    .collect(),
                response: statement.response,
                extreme: statement.towards,
                dead: statement.dead,
            })
            .collect()
        };
        let plans = settled
            .iter()
            .map(|behavior| Saturation {
                base: behavior.base,
                up: terms(&behavior.statements, true),
                down: terms(&behavior.statements, false),
            })
            .collect();
        let mut sources: Vec<usize> = settled
            .iter()
            .flat_map(|behavior| behavior.statements.iter().map(|s| s.source))
            .collect();
        sources.sort_unstable();
        sources.dedup();
        let first = &self.sources[sources[0]];
        let names: Vec<&str> = sources
            .iter()
            .map(|source| self.sources[*source].binding.name.as_str())
            .collect();
        let mut provenance = first.provenance();
        provenance.name = names.join(" + ");
        let signature = Signature {
            source: first.binding.name.clone(),
            subject: settled[0].statements[0].subject.clone(),
            writes: settled
                .iter()
                .map(|behavior| self.write(behavior))
                .collect(),
            clock: settled[0].clock.1,
            noise: None,
            combine: settled[0].combine,
            reads,
        };
        let names = signature
            .reads
            .iter()
            .map(|read| super::statement::signal_name(read, vocabulary))
            .collect();
        let description = settled
            .iter()
            .flat_map(|behavior| {
                let every = settled[0].clock.1;
                behavior
                    .statements
                    .iter()
                    .map(move |statement| self.describe(statement, behavior, every))
            })
            .collect();
        Written::new(signature, plans, names, description, provenance)
    }

    /// Where the values of a behavior go.
    fn write(&self, settled: &Settled<'_>) -> Write {
        let statement = settled.statements[0];
        let entry = self.entry(statement);
        let of_entry = if entry.is_event_rate {
            Kind::Rate
        } else {
            Kind::Parameter { relaxation: None }
        };
        let (side, target, kind) = match statement.subject {
            Subject::Cell { .. } => (Side::Cell, Target::Behavior(statement.behavior), of_entry),
            Subject::Dyad { .. } if is_hit(entry) => (
                Side::B,
                Target::PairBehavior(statement.behavior),
                Kind::Hit { size: settled.size },
            ),
            Subject::Dyad { .. } => (
                Side::Pair,
                Target::PairBehavior(statement.behavior),
                of_entry,
            ),
        };
        Write {
            side,
            target,
            kind,
            applies_to_dead: settled.statements.iter().any(|s| s.dead),
        }
    }

    /// A statement in the words of the grammar, with every number.
    fn describe(&self, statement: &Statement, settled: &Settled<'_>, every: f64) -> String {
        let entry = self.entry(statement);
        let unit = super::statement::signal_unit(&statement.signals, self.vocabulary);
        let response = match statement.response {
            crate::responses::Response::Hill { half_max, power } => format!(
                "half-max {}, Hill power {}",
                with_unit(half_max, &unit),
                number(power)
            ),
            crate::responses::Response::Linear { from, to } => {
                format!("linearly from {} to {}", number(from), with_unit(to, &unit))
            }
            crate::responses::Response::Step { threshold, above } => format!(
                "{} {}",
                if above { "above" } else { "below" },
                with_unit(threshold, &unit)
            ),
        };
        let is_pair = matches!(statement.subject, Subject::Dyad { .. });
        let size = if is_pair && is_hit(entry) {
            format!(", size {}", number(settled.size))
        } else {
            String::new()
        };
        format!(
            "{}: {} {} {} from {} towards {}, {response}{size}, every {}{}",
            subject_name(&statement.subject, self.vocabulary),
            expression(&statement.signals, self.vocabulary),
            verb(statement),
            super::statement::quoted(&entry.name),
            number(settled.base),
            with_unit(statement.towards, &entry.unit),
            with_unit(every, &minutes()),
            if statement.dead {
                ", also when dead"
            } else {
                ""
            },
        )
    }

    fn entry(&self, statement: &Statement) -> &Entry {
        match statement.subject {
            Subject::Cell { .. } => self.vocabulary.behaviors.entry(statement.behavior),
            Subject::Dyad { .. } => self.vocabulary.pair_behaviors.entry(statement.behavior),
        }
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

fn verb(statement: &Statement) -> &'static str {
    if statement.increases {
        "increases"
    } else {
        "decreases"
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

fn is_hit(entry: &Entry) -> bool {
    normal(&entry.name) == "hit"
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * b.abs().max(a.abs())
}

/// A multiple of a step without the noise of its last digits.
fn rounded(value: f64) -> String {
    number((value * 1e9).round() / 1e9)
}

fn minutes() -> Unit {
    // A symbol of the table itself.
    Unit::parse("min").unwrap_or_else(|_| Unit::one())
}
