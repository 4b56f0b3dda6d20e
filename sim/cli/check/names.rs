//! The names that rules and `cell_columns` may use, as `milieu check --names` prints them.

use std::fmt::Write;

use rules::{Dictionary, Vocabulary};

/// Every name with its unit and its synonyms, in four aligned groups.
pub fn list(vocabulary: &Vocabulary) -> String {
    let groups = [
        ("signals", &vocabulary.signals),
        ("behaviors", &vocabulary.behaviors),
        (
            "signals of a pair in contact (A on B)",
            &vocabulary.pair_signals,
        ),
        (
            "behaviors of a pair in contact (A on B)",
            &vocabulary.pair_behaviors,
        ),
    ];
    let entries = || groups.iter().flat_map(|(_, names)| names.entries());
    let name = column(entries().map(|entry| entry.name.chars().count()));
    let unit = column(entries().map(|entry| entry.unit.to_string().chars().count()));
    let mut text = format!("cell types\n  {}\n", vocabulary.types.join(", "));
    for (title, names) in groups {
        // Writing to a String cannot fail.
        let _ = group(&mut text, title, names, [name, unit]);
    }
    text
}

fn column(widths: impl Iterator<Item = usize>) -> usize {
    widths.max().unwrap_or(0)
}

fn group(
    text: &mut String,
    title: &str,
    names: &Dictionary,
    [name, unit]: [usize; 2],
) -> std::fmt::Result {
    writeln!(text, "\n{title}")?;
    for entry in names.entries() {
        let held = entry.unit.to_string();
        let line = format!("  {:name$}  {held:unit$}", entry.name);
        let also = match entry.synonyms.as_slice() {
            [] => String::new(),
            synonyms => format!("  also: {}", synonyms.join(", ")),
        };
        writeln!(text, "{}", format!("{line}{also}").trim_end())?;
    }
    Ok(())
}
