//! PhysiCell's usage of tables: what its bookkeeping makes of the rows on one behavior, resolved
//! into plain statements, so that nothing of it is left when rules are applied.
//!
//! Each function or constant copies one habit of PhysiCell 1.14.2, core/PhysiCell_rules.cpp, and
//! says which. Sentences keep Milieu's own mathematics.
//!
//! Not copied, since nothing comes of it but no number: half-maxima of 0, powers that are not above
//! 0, and powers with a fraction of a negative signal, which counts as 0
//! ([`crate::responses::signed_hill`]). A number followed by other text is read up to it, as
//! there; text that does not begin with a number is an error, not 0.

use std::collections::HashMap;

use super::amount::Amount;
use super::statement::{Row, Statement, expression, number, subject_name};
use super::{Notes, Source};
use crate::dictionary::normal;
use crate::responses::Response;
use crate::{Error, Subject, Vocabulary};

/// Words that make a rule increase its behavior; any other makes it decrease. Copies
/// `Hypothesis_Rule::add_signal`.
const UP_WORDS: [&str; 3] = ["increase", "increases", "promotes"];

/// The one word whose max response is offered as the behavior's largest value; rules with any
/// other, `increase` and `promotes` too, offer it as the least. Copies `parse_csv_rule_v3`.
const POOLED_AS_LARGEST: &str = "increases";

/// The numbers of a row until its own are set: half-max, Hill power. Copies the two-argument
/// `Hypothesis_Rule::add_signal`.
const UNSET: Response = Response::SignedHill {
    half_max: 0.5,
    power: 3.0,
};

/// Signals that read 0 in rules, whatever the neighbors are. Copies `get_single_signal`
/// (core/PhysiCell_signal_behavior.cpp), which looks for contacts two places too few.
const MUTE_SIGNALS: [&str; 3] = [
    "contact with apoptotic cell",
    "contact with necrotic cell",
    "contact with other dead cell",
];

/// Forgets one empty field at the end of a row, which a last comma makes. Copies `split_csv`.
pub fn drop_empty_end(fields: &mut csv::StringRecord) {
    if fields.len() > 1 && fields.iter().next_back() == Some("") {
        fields.truncate(fields.len() - 1);
    }
}

/// Whether a word of direction increases; see [`UP_WORDS`].
pub fn increases(word: &str, line: usize, notes: &mut Notes<'_>) -> bool {
    let up = UP_WORDS.contains(&word);
    let verb = if up { "increases" } else { "decreases" };
    notes.add(line, format!("`{word}` is read as `{verb}`"));
    up
}

/// Whether the last field says that a rule speaks for dead cells: any number but 0 does, and a
/// word such as `true` counts as 0. Copies `(bool) std::atof`.
pub fn applies_to_dead(text: &str, line: usize, notes: &mut Notes<'_>) -> bool {
    match Amount::parse(text) {
        Ok(Amount { number, unit: None }) => number != 0.0,
        found => {
            let number = found.map_or(0.0, |amount| amount.number);
            notes.read_as(line, text, number);
            number != 0.0
        }
    }
}

/// What the bookkeeping keeps of a row: `names` are those of signal and behavior as they stand
/// there, `word` is its direction, `pool` the least and largest value where the table states both.
///
/// A row that states one value offers it on its own side, and the base on the other.
pub fn row(
    statement: &Statement,
    names: [&str; 2],
    word: &str,
    pool: Option<[f64; 2]>,
    vocabulary: &Vocabulary,
    notes: &mut Notes<'_>,
) -> Row {
    let Subject::Cell { types } = &statement.subject else {
        unreachable!("a row of a table is about one type of cells");
    };
    let base = vocabulary.base[types[0]][statement.behavior];
    let own = if word == POOLED_AS_LARGEST {
        [base, statement.towards]
    } else {
        [statement.towards, base]
    };
    let signal = statement.signals[0].signal;
    let mute = MUTE_SIGNALS
        .iter()
        .any(|name| vocabulary.signals.number(name) == Some(signal));
    if mute {
        let name = &vocabulary.signals.entry(signal).name;
        let note = format!("`{name}` reads 0 in rules of PhysiCell, so this one has no effect");
        notes.add(statement.line, note);
    }
    Row {
        signal: normal(names[0]),
        behavior: normal(names[1]),
        pool: pool.unwrap_or(own),
        mute,
    }
}

/// Gives every row the numbers that PhysiCell ends up with.
///
/// Rows are kept by the names they use, so that those on a synonym of a behavior are kept apart;
/// all are applied later, in order of first appearance, and the last one holds. Copies
/// `Hypothesis_Ruleset::add_behavior`.
///
/// # Errors
/// A row that PhysiCell stops at, or a sentence on a behavior of a row.
pub fn resolve(
    statements: &mut [Statement],
    sources: &[Source<'_>],
    vocabulary: &Vocabulary,
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (number, statement) in statements.iter().enumerate() {
        let Some(row) = &statement.row else { continue };
        let same = |group: &&mut Vec<usize>| {
            let first = &statements[group[0]];
            first.subject == statement.subject
                && first
                    .row
                    .as_ref()
                    .is_some_and(|r| r.behavior == row.behavior)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(number),
            None => groups.push(vec![number]),
        }
    }
    let context = Ledger {
        sources,
        vocabulary,
    };
    for group in groups {
        context.no_sentence(&statements[group[0]], statements)?;
        let rows: Vec<&Statement> = group.iter().map(|number| &statements[*number]).collect();
        let settled = context.rows(&rows)?;
        for (row, settled) in rows.iter().zip(&settled) {
            notes.extend(context.changes(row, settled));
        }
        for (number, settled) in group.into_iter().zip(settled) {
            statements[number] = settled;
        }
    }
    Ok(())
}

/// The bookkeeping of one behavior of one cell type.
struct Ledger<'a> {
    sources: &'a [Source<'a>],
    vocabulary: &'a Vocabulary,
}

impl Ledger<'_> {
    /// The rows on one behavior as PhysiCell keeps them.
    fn rows(&self, stated: &[&Statement]) -> Result<Vec<Statement>, Error> {
        let mut kept: Vec<Statement> = Vec::new();
        // The index that PhysiCell remembers for a signal: the number of *different* signals
        // before it. It is the row's own until a signal has come up twice, in both directions;
        // from there on each new row's numbers go to an earlier row. Copies `signals_map`.
        let mut index: HashMap<&str, usize> = HashMap::new();
        for (number, &statement) in stated.iter().enumerate() {
            let signal = name(statement);
            if let Some(&known) = index.get(signal)
                && kept[known].increases == statement.increases
            {
                return Err(self.refused(statement, &stated[..number], stated[known]));
            }
            let at = index.len();
            index.insert(signal, at);
            kept.push(Statement {
                response: UNSET,
                dead: false,
                ..statement.clone()
            });
            kept[at].dead = statement.dead;
            // `set_half_max`: rows of this signal, if the row at its index has their direction.
            let direction = kept[at].increases;
            for row in &mut kept {
                if name(row) == signal && row.increases == direction {
                    row.response = statement.response;
                }
            }
        }
        pool(&mut kept);
        Ok(kept)
    }

    /// The error for a row that PhysiCell takes for one it has: itself, or `taken` by a wrong
    /// index.
    fn refused(&self, row: &Statement, before: &[&Statement], taken: &Statement) -> Error {
        let twin = before
            .iter()
            .find(|other| name(other) == name(row) && other.increases == row.increases);
        let (what, behavior) = (
            expression(&row.signals, self.vocabulary),
            &row.entry(self.vocabulary).name,
        );
        self.wrong(
            row,
            match twin {
                Some(twin) => format!(
                    "this rule stands in {} already: {what} {} `{behavior}`\n  leave one of them out",
                    self.place(twin),
                    row.verb(),
                ),
                None => format!(
                    "PhysiCell takes this rule for that of {}, and stops\n  write the rules that \
                     increase `{behavior}` before those that decrease it",
                    self.place(taken)
                ),
            },
        )
    }

    /// Refuses a sentence on the behavior of a row.
    fn no_sentence(&self, row: &Statement, statements: &[Statement]) -> Result<(), Error> {
        let same = |other: &&Statement| {
            other.row.is_none() && other.subject == row.subject && other.behavior == row.behavior
        };
        let Some(sentence) = statements.iter().find(same) else {
            return Ok(());
        };
        Err(self.wrong(
            sentence,
            format!(
                "a sentence on `{}` of {}, which a row of {} rules by PhysiCell's mathematics\n  \
                 write both as sentences, or both as rows",
                row.entry(self.vocabulary).name,
                subject_name(&row.subject, self.vocabulary),
                self.place(row),
            ),
        ))
    }

    /// What became of a row, where that is not what it says.
    fn changes(&self, row: &Statement, kept: &Statement) -> Vec<String> {
        let mut found = Vec::new();
        let mut note = |text: String| found.push(format!("{}: {text}", self.place(row)));
        let behavior = &row.entry(self.vocabulary).name;
        if kept.response != row.response
            && let Response::SignedHill { half_max, power } = kept.response
        {
            note(format!(
                "half-max {} and Hill power {} stand instead of its own, since a signal both \
                 increases and decreases `{behavior}` above",
                number(half_max),
                number(power)
            ));
        }
        if kept.dead != row.dead {
            note(format!(
                "applies to dead is {} instead of {}, since a signal both increases and decreases \
                 `{behavior}` above",
                u8::from(kept.dead),
                u8::from(row.dead),
            ));
        }
        if kept.towards != row.towards {
            note(format!(
                "towards {} instead of {}: all rules that {} `{behavior}` share one value",
                number(kept.towards),
                number(row.towards),
                if row.increases {
                    "increase"
                } else {
                    "decrease"
                },
            ));
        }
        found
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

/// One largest value for all rules that increase, and one least for all that decrease: the
/// extremes of what the rows offer. Copies `set_behavior_min_value` and `set_behavior_max_value`.
fn pool(rows: &mut [Statement]) {
    let [mut least, mut largest] = [f64::INFINITY, f64::NEG_INFINITY];
    for row in rows.iter().filter_map(|statement| statement.row.as_ref()) {
        least = least.min(row.pool[0]);
        largest = largest.max(row.pool[1]);
    }
    for row in rows {
        row.towards = if row.increases { largest } else { least };
    }
}

/// The name of a row's signal as it stands there.
fn name(statement: &Statement) -> &str {
    statement.row.as_ref().map_or("", |row| row.signal.as_str())
}
