//! What a model says beside which events come: answers that are no event's rate, and how sure it is.

use std::path::Path;

use maud::{Markup, html};
use rules::Kind;
use serde::Serialize;

use super::Part;
use super::arms::binding;
use super::candidate::{Candidate, shuffled};
use super::outcomes::{self, Known, Outcomes, Output};
use super::rows::{Recorded, Rows};
use super::uncertainty::{self, Certainty, stated::Sure};
use crate::{page::number, plan::Plan};

/// Of one part of the data.
#[derive(Debug, Default, Serialize)]
pub struct Statements {
    /// Answers that are no event's rate; none where rows or model have none.
    pub outcomes: Option<Outcomes>,
    /// Behaviors that rows hold and the model says nothing of.
    pub unsaid: Vec<String>,
    /// How sure the model is of each output that it says that of.
    pub uncertainty: Vec<Certainty>,
}

/// What is asked of a candidate.
pub struct Asking {
    /// What both rows and candidate speak of.
    outputs: Vec<Output>,
    /// The signals that the candidate reads, as places in [`Rows::inputs`].
    reads: Vec<usize>,
    /// `[scored output]`: where the model writes it.
    writes: Vec<usize>,
    unsaid: Vec<String>,
    sure: Option<Sure>,
    /// What it may be sure of: behavior, unit, where the model writes it, and where rows hold what
    /// the recorded rule said, among rates or among answers.
    all: Vec<(String, String, usize, Result<usize, usize>)>,
}

impl Asking {
    /// Finds what rows and candidate both speak of.
    ///
    /// # Errors
    /// A message with place, culprit and way out.
    pub fn new(
        plan: &Plan,
        file: &Path,
        recorded: &Recorded,
        candidate: &Candidate,
    ) -> Result<Asking, String> {
        let asked = candidate.asked();
        let signature = asked.rule.signature();
        let names = rules::hybrid::output_names(signature, &plan.table.vocabulary);
        let write = |name: &str| names.iter().position(|it| it == name);
        let (mut outputs, mut writes, mut unsaid, mut all) = (vec![], vec![], vec![], vec![]);
        for (place, (name, unit)) in recorded.outcomes.iter().enumerate() {
            let Some(write) = write(name) else {
                unsaid.push(name.clone());
                continue;
            };
            writes.push(write);
            all.push((name.clone(), unit.clone(), write, Err(place)));
            outputs.push(Output {
                name: name.clone(),
                unit: unit.clone(),
                place,
                is_change: matches!(signature.writes[write].kind, Kind::Delta { .. }),
                before: recorded.inputs.iter().position(|(input, _)| input == name),
            });
        }
        if outputs.is_empty() && recorded.events.is_empty() {
            return Err(format!(
                "the model says nothing of what the rows hold, {}\n  choose another --site, or a \
                 model of these",
                unsaid.join(", ")
            ));
        }
        for (event, (column, _)) in recorded.events.iter().enumerate() {
            let name = column.strip_prefix("behavior:").unwrap_or(column);
            let rate = write(name).map(|it| (name.to_owned(), "1/min".to_owned(), it, Ok(event)));
            all.extend(rate);
        }
        let mut reads = asked.places.to_vec();
        reads.sort_unstable();
        reads.dedup();
        Ok(Asking {
            outputs,
            reads,
            writes,
            unsaid,
            sure: Sure::open(
                &binding("model", file, recorded.clock),
                &plan.table.vocabulary,
            )?,
            all,
        })
    }

    /// Scores one part of the data.
    ///
    /// # Errors
    /// What the candidate itself says.
    pub fn part(
        &self,
        candidate: &Candidate,
        recorded: &Recorded,
        rows: &Rows,
    ) -> Result<Statements, String> {
        let mut parts = recorded.parts.iter();
        let trained = parts.find(|(name, _)| name == "train");
        let (_, trained) = trained
            .or(recorded.parts.first())
            .ok_or("there are no rows")?;
        let known = Known {
            outputs: &self.outputs,
            reads: &self.reads,
            conditions: &recorded.conditions,
            trained,
        };
        let asked = candidate.asked();
        let said = asked.answers(rows, &rows.inputs, &self.writes)?;
        let blind = asked.answers(rows, &shuffled(rows), &self.writes)?;
        let outcomes = (!self.writes.is_empty())
            .then(|| outcomes::score(&known, rows, &said.columns, &blind.columns));
        let mut uncertainty = Vec::new();
        for (name, unit, write, place) in &self.all {
            let Some(sure) = &self.sure else { break };
            let Some((stated, band)) = sure.of((name, unit), *write, rows, &asked)? else {
                continue;
            };
            let truth = match place {
                Ok(event) => &rows.rates[*event],
                Err(outcome) => &rows.answers[*outcome],
            };
            uncertainty.push(uncertainty::score(
                (name, unit),
                rows,
                &recorded.types,
                truth,
                &stated,
                band.as_ref(),
                &said.is_outside,
            ));
        }
        Ok(Statements {
            outcomes,
            unsaid: self.unsaid.clone(),
            uncertainty,
        })
    }
}

/// The verdict in a sentence, of rows that hold no events.
pub fn summary(part: &Part) -> String {
    let outcomes = part.statements.iter().flat_map(|it| &it.outcomes);
    let outputs = outcomes.flat_map(|it| &it.outputs);
    let worst = outputs.min_by(|one, other| one.skill.total_cmp(&other.skill));
    let worst = worst.map(|it| format!("{} in {}", number(it.skill), it.name));
    format!(
        "On {} the model has at least a skill (1 is the recorded rule, 0 the best baseline) of {}.",
        part.name,
        worst.unwrap_or_default()
    )
}

/// The part of the page.
pub fn page(statements: &Statements) -> Markup {
    html! {
        @if let Some(outcomes) = &statements.outcomes { (outcomes::page::page(outcomes)) }
        @if !statements.unsaid.is_empty() {
            p.open { "The model says nothing of " (statements.unsaid.join(", ")) "." }
        }
        @match statements.uncertainty.is_empty() {
            true => p.quiet { "The model does not say how sure it is." },
            false => (uncertainty::page::page(&statements.uncertainty)),
        }
    }
}
