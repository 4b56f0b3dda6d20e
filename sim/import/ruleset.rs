//! Files of rules, and what of them a scenario would read otherwise than PhysiCell.
//!
//! Source: `parse_rules_from_pugixml`, core/PhysiCell_rules.cpp, 1.14.2. The files themselves are
//! read by the crate `rules`, in each of their versions.

use std::path::{Path, PathBuf};

use rules::dictionary::normal;

use super::cell_type::{Bias, CellType};
use super::files;
use super::project::named;
use super::xml::Element;

/// A file of rules.
#[derive(Debug)]
pub struct Ruleset {
    /// Where it is.
    pub file: PathBuf,
    /// Type and behavior of each row.
    pub rows: Vec<(String, String)>,
    /// Whether a signal is a gradient.
    pub reads_gradients: bool,
}

/// Those that are enabled and hold rules.
pub fn read(root: Element<'_>, settings: &Path) -> Vec<Ruleset> {
    let list = root.at("cell_rules/rulesets");
    let sets = list.into_iter().flat_map(|list| list.each("ruleset"));
    sets.filter(|set| set.has("enabled"))
        .filter_map(|set| {
            let format = set.attribute("format").unwrap_or("");
            if !["csv", "CSV"].contains(&format) {
                set.complain(
                    format!("there are no rules in the format `{format}`"),
                    "PhysiCell reads format=\"csv\" only",
                );
                return None;
            }
            let file = files::find(set, settings, &named(set))?;
            let text = match std::fs::read_to_string(&file) {
                Ok(text) => text,
                Err(error) => {
                    let message = format!("{} cannot be read: {error}", file.display());
                    set.complain(message, "rules are a text file");
                    return None;
                }
            };
            let set_of = rows(file, &text);
            if set_of.rows.is_empty() {
                set.note("the file holds no rules");
                return None;
            }
            Some(set_of)
        })
        .collect()
}

/// What a file speaks of.
fn rows(file: PathBuf, text: &str) -> Ruleset {
    let mut ruleset = Ruleset {
        file,
        rows: Vec::new(),
        reads_gradients: false,
    };
    for line in text.trim_start_matches('\u{feff}').lines().map(str::trim) {
        if line.is_empty() || line.starts_with("//") {
            continue;
        }
        let fields: Vec<&str> = match line.contains(',') {
            true => line.split(',').map(str::trim).collect(),
            false => line.split('\t').map(str::trim).collect(),
        };
        // Version 0 has the behavior second and the signal sixth, the others fourth and second.
        let (signal, behavior) = match fields.len() {
            10 => (5, 1),
            _ => (1, 3),
        };
        let field = |number: usize| fields.get(number).copied().unwrap_or("");
        ruleset.reads_gradients |= normal(field(signal)).contains("grad");
        ruleset
            .rows
            .push((field(0).to_owned(), field(behavior).to_owned()));
    }
    ruleset
}

/// Remarks on rules that do nothing in PhysiCell for what the type is, and would here.
pub fn check(root: Element<'_>, rules: &[Ruleset], types: &[CellType]) {
    let at = root.child("cell_rules").unwrap_or(root);
    for (name, behavior) in rules.iter().flat_map(|set| &set.rows) {
        let Some(kind) = types.iter().find(|kind| kind.name == *name) else {
            continue;
        };
        let behavior = normal(behavior);
        let is_weight = behavior.starts_with("chemotactic ");
        if is_weight && !matches!(kind.motility.follows, Bias::Sum { .. }) {
            at.differs(format!(
                "a rule of `{name}` writes `{behavior}`, which does nothing in PhysiCell while \
                 its advanced_chemotaxis is disabled, and steers the cell here"
            ));
        }
        if behavior.starts_with("asymmetric division ") && !kind.asymmetric.enabled {
            at.differs(format!(
                "a rule of `{name}` writes `{behavior}`, which does nothing in PhysiCell while \
                 its standard_asymmetric_division is disabled"
            ));
        }
    }
}
