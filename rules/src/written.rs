//! Written rules: sentences (`*.rules`) and tables (`*.csv`), docs/rules.md.
//!
//! ```text
//! CD8 T cell: contact with tumor cell decreases migration speed from 4 towards 0.5 µm/min,
//!   half-max 0.5, Hill power 4, every 0.5 min
//! ```
//!
//! Both are read into the same statements; all statements on one behavior of one cell type, from
//! whatever file, saturate together.

mod amount;
mod clauses;
mod combine;
mod cursor;
pub mod export;
mod lines;
mod physicell;
mod rule;
mod saturate;
mod sentence;
mod settle;
mod statement;
mod table;

pub use rule::Written;
use sha2::Digest;

use crate::{Binding, Error, Provenance, Rule, Vocabulary};
use statement::Statement;

/// What rows of a table mean. Sentences have one meaning, Milieu's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Usage {
    /// Milieu's own: a row is a sentence. Each rule reaches for its own maximum or minimum,
    /// U = (b + Σ M_i x_i) / (1 + Σ x_i), value = (U + Σ m_k y_k) / (1 + Σ y_k),
    /// over the odds x_i of the rules that increase and y_k of those that decrease. Whatever
    /// cannot be read, contradicts itself or leaves a range is an error.
    #[default]
    Milieu,
    /// That of PhysiCell 1.14.2, with its bookkeeping: rules on one behavior share one maximum
    /// and one minimum, rows of the wrong shape are passed over, and ranges are not checked.
    PhysiCell,
}

/// Rules bound, and what is to be said about how.
#[derive(Default)]
pub struct Opened {
    /// The rules.
    pub rules: Vec<Box<dyn Rule>>,
    /// What was passed over or means something else than it says, each with file and line, in the
    /// order of the files; empty under [`Usage::Milieu`].
    pub notes: Vec<String>,
}

/// Collects notes on one file.
struct Notes<'a> {
    file: &'a std::path::Path,
    found: &'a mut Vec<String>,
}

impl Notes<'_> {
    /// Adds a note on a line.
    fn add(&mut self, line: usize, text: String) {
        let place = self.file.display();
        self.found.push(format!("{place}:{line}: {text}"));
    }

    /// Says that a line was passed over, for the first line of this reason.
    fn skipped(&mut self, line: usize, reason: &str) {
        let reason = reason.lines().next().unwrap_or(reason);
        self.add(line, format!("{reason}; passed over, as PhysiCell does"));
    }

    /// Says that a field was read as a number which it is not quite.
    fn read_as(&mut self, line: usize, text: &str, number: f64) {
        self.add(line, format!("`{text}` is read as {number}"));
    }
}

/// How a written file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One sentence a rule.
    Sentences,
    /// One row a rule.
    Table,
}

/// A written file and its text.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// How the scenario binds it.
    pub binding: &'a Binding,
    /// How it is written.
    pub form: Form,
    /// What it says.
    pub text: String,
}

impl<'a> Source<'a> {
    /// Reads the binding's file.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, is not UTF-8 text, or has another hash than wanted.
    pub fn read(binding: &'a Binding, form: Form) -> Result<Source<'a>, Error> {
        let wrong = |message: String| Error::File {
            file: binding.file.clone(),
            message,
        };
        let bytes = std::fs::read(&binding.file)
            .map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..at]
                .iter()
                .filter(|b| **b == b'\n')
                .count();
            wrong(format!(
                "line {line} is not UTF-8 text\n  save the file as UTF-8"
            ))
        })?;
        let source = Source {
            binding,
            form,
            text,
        };
        match &binding.sha256 {
            Some(wanted) if !wanted.eq_ignore_ascii_case(&source.sha256()) => Err(wrong(format!(
                "its SHA-256 is {}, but the scenario wants {wanted}\n  restore the file, or state \
                 its new hash in the scenario",
                source.sha256()
            ))),
            _ => Ok(source),
        }
    }

    /// The SHA-256 of the text, in lower-case hex.
    pub fn sha256(&self) -> String {
        let hash = sha2::Sha256::digest(self.text.as_bytes());
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What goes into the record of a run.
    pub fn provenance(&self) -> Provenance {
        Provenance {
            name: self.binding.name.clone(),
            file: self.binding.file.clone(),
            sha256: self.sha256(),
            engine: match self.form {
                Form::Sentences => "sentences".into(),
                Form::Table => "table".into(),
            },
            model: None,
        }
    }

    /// Its statements, in order; `number` is its own.
    fn statements(
        &self,
        number: usize,
        vocabulary: &Vocabulary,
        usage: Usage,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Statement>, Error> {
        let wrong = |(line, message)| Error::Line {
            file: self.binding.file.clone(),
            line,
            message,
        };
        match self.form {
            Form::Table => {
                let mut notes = Notes {
                    file: &self.binding.file,
                    found: notes,
                };
                table::statements(&self.text, number, vocabulary, usage, &mut notes).map_err(wrong)
            }
            Form::Sentences => {
                let mut found = Vec::new();
                for joined in lines::sentences(&self.text).map_err(wrong)? {
                    let mut statement = sentence::parse(&joined.text, number, vocabulary)
                        .map_err(|(at, message)| wrong((joined.line(at), message)))?;
                    statement.line = joined.line(0);
                    found.push(statement);
                }
                Ok(found)
            }
        }
    }
}

/// Binds written sources to a scenario: one rule for each subject and clock, all of whose
/// behaviors it writes.
///
/// Where several sources speak to one rule, its [`Signature::source`](crate::Signature::source)
/// and the file of its [`Provenance`] are those of the first, and the provenance's name joins
/// the names of all with ` + `.
///
/// # Errors
/// The first thing that is wrong, with its place and the way out.
pub fn bind(
    sources: &[Source<'_>],
    vocabulary: &Vocabulary,
    usage: Usage,
) -> Result<Opened, Error> {
    let mut statements = Vec::new();
    let mut notes = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        let found = source.statements(number, vocabulary, usage, &mut notes)?;
        if found.is_empty() && usage == Usage::PhysiCell && source.form == Form::Table {
            // PhysiCell's templates come with tables of comments only.
            notes.push(format!("{}: no rule in it", source.binding.file.display()));
        } else if found.is_empty() {
            return Err(Error::File {
                file: source.binding.file.clone(),
                message: "no rule in it\n  write one, or leave the file out of the scenario".into(),
            });
        }
        statements.extend(found);
    }
    physicell::resolve(&mut statements, sources, vocabulary, &mut notes)?;
    let rules = combine::rules(&statements, sources, vocabulary)?;
    Ok(Opened { rules, notes })
}
