//! Names of signals and behaviors, with units, synonyms and a helping hand for typing errors.

use std::collections::HashMap;

use crate::units::Unit;

/// One signal or behavior.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The name shown to people: `contact with tumor`.
    pub name: String,
    /// Other names that are read.
    pub synonyms: Vec<String>,
    /// The unit in which the number is held.
    pub unit: Unit,
    /// Whether the number is an event's rate (1/min), drawn by the engine as 1 − exp(−Σλ·dt).
    pub is_event_rate: bool,
    /// The range its values are kept in, ends included; a rule may not lead out of it.
    pub range: [f64; 2],
}

/// The range of what may be any number.
pub const ANY: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];

/// The range of rates, times, sizes and strengths.
pub const NOT_NEGATIVE: [f64; 2] = [0.0, f64::INFINITY];

/// A name that stands in no dictionary, and those that may have been meant.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("unknown {what} `{name}`{}", self.way_out())]
pub struct UnknownName {
    /// `signal`, `behavior`, `cell type`, `substrate`, …
    pub what: &'static str,
    /// The name as written.
    pub name: String,
    /// Up to three known names that are near, nearest first.
    pub nearest: Vec<String>,
    /// Every known name, sorted.
    pub known: Vec<String>,
}

impl UnknownName {
    /// The names that are near and all that are known, in a line below what is wrong.
    pub fn way_out(&self) -> String {
        let (near, known) = (suggestion(&self.nearest), self.known.join(", "));
        format!("\n  {near}known {}s: {known}", self.what)
    }
}

fn suggestion(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("did you mean {}? ", names.join(" or "))
}

/// A list of named entries, found by name or synonym.
#[derive(Debug, Clone)]
pub struct Dictionary {
    what: &'static str,
    entries: Vec<Entry>,
    index: HashMap<String, usize>,
}

impl Dictionary {
    /// An empty dictionary of `what` (`signal`, `behavior`).
    pub fn new(what: &'static str) -> Dictionary {
        Dictionary {
            what,
            entries: Vec::new(),
            index: HashMap::new(),
        }
    }

    /// Adds an entry and returns its number.
    ///
    /// # Panics
    /// If the name or a synonym is taken: two meanings of one name are a programming error.
    pub fn add(&mut self, entry: Entry) -> usize {
        let number = self.entries.len();
        for name in std::iter::once(&entry.name).chain(&entry.synonyms) {
            let before = self.index.insert(normal(name), number);
            assert!(
                before.is_none_or(|old| old == number),
                "two {}s are called `{name}`",
                self.what
            );
        }
        self.entries.push(entry);
        number
    }

    /// The number of the entry called `name`, if there is one; case, `_` and runs of spaces do not
    /// matter.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.index.get(&normal(name)).copied()
    }

    /// The number of the entry called `name`, as [`Dictionary::number`] finds it.
    ///
    /// # Errors
    /// [`UnknownName`] with the names that are near.
    pub fn find(&self, name: &str) -> Result<usize, UnknownName> {
        self.number(name).ok_or_else(|| {
            unknown(
                self.what,
                name,
                self.entries.iter().map(|entry| entry.name.as_str()),
            )
        })
    }

    /// The entry with this number.
    pub fn entry(&self, number: usize) -> &Entry {
        &self.entries[number]
    }

    /// All entries, by number.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// How names are compared.
pub fn normal(name: &str) -> String {
    name.replace('_', " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

/// Whether one of two names may have been meant for the other: they begin alike and have most
/// letters in common, or at most two letters in five are wrong, missing or too many.
fn is_near(similarity: f64, a: &str, b: &str) -> bool {
    similarity > 0.8 || strsim::normalized_damerau_levenshtein(a, b) >= 0.6
}

/// The error for a `name` that is none of `known`.
pub fn unknown<'a>(
    what: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> UnknownName {
    let wanted = normal(name);
    let mut known: Vec<String> = known.map(str::to_owned).collect();
    known.sort();
    let mut ranked: Vec<(f64, &String)> = known
        .iter()
        .map(|other| (strsim::jaro_winkler(&wanted, &normal(other)), other))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let nearest = ranked
        .iter()
        .filter(|(score, other)| is_near(*score, &wanted, &normal(other)))
        .take(3)
        .map(|(_, other)| (*other).clone())
        .collect();
    UnknownName {
        what,
        name: name.to_owned(),
        nearest,
        known,
    }
}

/// What a set of rules may speak of: built once from a scenario, read when rules are bound.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    /// Cell types, by number.
    pub types: Vec<String>,
    /// Signals of one cell.
    pub signals: Dictionary,
    /// Signals of a pair in contact: contact age, gap, …
    pub pair_signals: Dictionary,
    /// Behaviors of one cell.
    pub behaviors: Dictionary,
    /// What a pair in contact may do: hit, detach.
    pub pair_behaviors: Dictionary,
    /// The value of each behavior as the scenario states it, `[type][behavior]`, in the behavior's unit.
    pub base: Vec<Vec<f64>>,
    /// The phenotype step, min.
    pub phenotype_step: f64,
    /// The mechanics step, min: no clock is shorter, and every clock is a multiple of it.
    pub mechanics_step: f64,
}

impl Vocabulary {
    /// The number of the cell type called `name`, if there is one.
    pub fn type_number(&self, name: &str) -> Option<usize> {
        let wanted = normal(name);
        self.types.iter().position(|other| normal(other) == wanted)
    }

    /// The number of the cell type called `name`.
    ///
    /// # Errors
    /// [`UnknownName`] with the types that are near.
    pub fn cell_type(&self, name: &str) -> Result<usize, UnknownName> {
        self.type_number(name)
            .ok_or_else(|| unknown("cell type", name, self.types.iter().map(String::as_str)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_suggested_only_where_they_are_near() {
        let nearest =
            |name: &str, known: &[&str]| unknown("substrate", name, known.iter().copied()).nearest;
        assert_eq!(nearest("oxigen", &["glucose", "oxygen"]), ["oxygen"]);
        assert_eq!(nearest("PD1", &["MHC-I", "PD-L1"]), ["PD-L1"]);
        assert_eq!(nearest("phagocytose", &["phagocytose apoptotic"]).len(), 1);
        assert_eq!(
            unknown("substrate", "lactate", ["oxygen", "glucose"].into_iter()).to_string(),
            "unknown substrate `lactate`\n  known substrates: glucose, oxygen"
        );
    }
}
