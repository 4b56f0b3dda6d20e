//! What is wrong with a scenario: the place, the key, the reason, the way out.

use std::fmt;
use std::path::PathBuf;

use rules::dictionary::unknown;

/// Where a value was stated.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A file as a whole.
    File(PathBuf),
    /// A line of a file, counted from 1.
    Line(PathBuf, usize),
    /// A `--set key=value` of the command line, as it was written.
    Setting(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(file) => write!(f, "{}", file.display()),
            Place::Line(file, line) => write!(f, "{}:{line}", file.display()),
            Place::Setting(text) => write!(f, "--set {text}"),
        }
    }
}

/// One thing that is wrong.
///
/// ```text
/// scenario.toml:9: substrates.oxygen: unknown key `decay_rat`
///   did you mean `decay_rate`? known keys: …
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// The key, from the top of the file; empty where there is none.
    pub key: Path,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_root() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.message)?;
        if !self.help.is_empty() {
            write!(f, "\n  {}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// One step down a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Into a table.
    Key(String),
    /// Into an array, counted from 0.
    Index(usize),
}

/// The way to a value: `cell_types."CD8 T cell".motility.speed`, `cells.tumor.at[2]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The file as a whole.
    pub fn root() -> Path {
        Path::default()
    }

    /// Whether this is the file as a whole.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The way to `key` of the table this leads to.
    pub fn key(&self, key: &str) -> Path {
        self.then(Step::Key(key.to_owned()))
    }

    /// The way to an element of the array this leads to.
    pub fn index(&self, index: usize) -> Path {
        self.then(Step::Index(index))
    }

    fn then(&self, step: Step) -> Path {
        let mut steps = self.0.clone();
        steps.push(step);
        Path(steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let dot = if at == 0 { "" } else { "." };
                    if is_bare(key) {
                        write!(f, "{dot}{key}")?;
                    } else {
                        write!(f, "{dot}\"{key}\"")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether TOML takes the key without quotes.
fn is_bare(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// The message and the way out for a `name` that is none of `known`.
pub fn misspelled<'a>(
    what: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> (String, String) {
    let known: Vec<&str> = known.collect();
    if known.is_empty() {
        let help = format!("the scenario has no {what}s");
        return (format!("unknown {what} `{name}`"), help);
    }
    split(&unknown(what, name, known.into_iter()).to_string())
}

/// Splits `message\n  help`.
pub fn split(text: &str) -> (String, String) {
    let (message, help) = text.split_once('\n').unwrap_or((text, ""));
    (message.to_owned(), help.trim_start().to_owned())
}
