//! `milieu signals scenarios/x`: every name that rules, models and `cell_columns` may use.

use std::fmt::Write;

use clap::Args;
use rules::{Dictionary, Entry};
use serde_json::{Value, json};
use sim::{
    dictionary::{Behavior, Signal, Table},
    plan::{
        latents::{Latents, Space},
        names,
    },
    scenario::Scenario,
};

use super::{Chosen, Stop, print, print_json};

/// Arguments of `milieu signals`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the names of a scenario.
pub fn signals(arguments: &Arguments) -> Result<(), Stop> {
    let scenario = arguments.chosen.read()?;
    let sources = scenario.rules.iter();
    let files: Vec<_> = sources.map(|source| source.binding.clone()).collect();
    let (table, latents) = names(&scenario, &files).map_err(Stop::input)?;
    if arguments.json {
        return print_json(&as_json(&scenario, &table, &latents));
    }
    print(&as_text(&table, &latents))
}

/// One of the four lists of names.
struct Group<'a> {
    title: &'a str,
    key: &'a str,
    names: &'a Dictionary,
    /// Whether they are written, and not read.
    is_written: bool,
}

fn groups(table: &Table) -> [Group<'_>; 4] {
    let group = |title, key, names, is_written| Group {
        title,
        key,
        names,
        is_written,
    };
    let names = &table.vocabulary;
    [
        group("signals", "signals", &names.signals, false),
        group("behaviors", "behaviors", &names.behaviors, true),
        group(
            "signals of a pair in contact (A on B)",
            "pair_signals",
            &names.pair_signals,
            false,
        ),
        group(
            "behaviors of a pair in contact (A on B)",
            "pair_behaviors",
            &names.pair_behaviors,
            true,
        ),
    ]
}

impl Group<'_> {
    /// Numbers and entries, without the components of latent vectors: those are a family each.
    fn entries(&self, table: &Table) -> Vec<(usize, &Entry)> {
        let is_latent = |number: usize| match self.key {
            "signals" => matches!(table.signals[number], Signal::Latent(_)),
            "behaviors" => matches!(table.behaviors[number], Behavior::Latent(_)),
            _ => false,
        };
        let entries = self.names.entries().iter().enumerate();
        entries.filter(|(number, _)| !is_latent(*number)).collect()
    }

    /// The types that have such a number, where not all have.
    fn owners(&self, number: usize, table: &Table) -> Option<Vec<String>> {
        let places = match self.key {
            "signals" => match &table.signals[number] {
                Signal::Custom(places) | Signal::Recorded(places) => places,
                _ => return None,
            },
            "behaviors" => match &table.behaviors[number] {
                Behavior::Custom(places) => places,
                _ => return None,
            },
            _ => return None,
        };
        Some(having(places, table))
    }
}

/// Names of the types that have a place.
fn having(places: &[Option<usize>], table: &Table) -> Vec<String> {
    let types = table.vocabulary.types.iter().zip(places);
    let has = types.filter(|(_, place)| place.is_some());
    has.map(|(name, _)| name.clone()).collect()
}

/// First and last name of a space's components, which are signals and behaviors.
fn components(space: &Space) -> [String; 2] {
    [0, space.width - 1].map(|number| space.component(number))
}

/// What a learned rule may declare for a behavior: events are drawn, the rest is set.
fn kind(entry: &Entry) -> &'static str {
    match entry.is_event_rate {
        true => "event",
        false => "parameter",
    }
}

fn range([low, high]: [f64; 2]) -> String {
    match (low.is_finite(), high.is_finite()) {
        (true, true) => format!("{low} to {high}"),
        (true, false) => format!("≥ {low}"),
        (false, true) => format!("≤ {high}"),
        (false, false) => String::new(),
    }
}

fn as_text(table: &Table, latents: &Latents) -> String {
    let groups = groups(table);
    let width = |of: fn(&Entry) -> String| {
        let entries = groups.iter().flat_map(|group| group.entries(table));
        let widths = entries.map(|(_, entry)| of(entry).chars().count());
        widths.max().unwrap_or(0)
    };
    let (name, unit) = (
        width(|entry| entry.name.clone()),
        width(|entry| entry.unit.to_string()),
    );
    let mut text = format!("cell types\n  {}\n", table.vocabulary.types.join(", "));
    for group in &groups {
        text += &format!("\n{}\n", group.title);
        for (number, entry) in group.entries(table) {
            let mut line = format!("  {:name$}  {:unit$}", entry.name, entry.unit.to_string());
            if group.is_written {
                // Writing to a String cannot fail.
                let _ = write!(line, "  {:9}  {:6}", kind(entry), range(entry.range));
            }
            let mut remarks = Vec::new();
            if let Some(owners) = group.owners(number, table) {
                remarks.push(format!("of {}", owners.join(", ")));
            }
            if !entry.synonyms.is_empty() {
                remarks.push(format!("also: {}", entry.synonyms.join(", ")));
            }
            let _ = write!(line, "  {}", remarks.join("; "));
            text += line.trim_end();
            text.push('\n');
        }
    }
    if !latents.spaces.is_empty() {
        text += "\nlatent vectors, read and written by component\n";
    }
    for space in &latents.spaces {
        let [first, last] = components(space);
        let types = having(&space.places, table).join(", ");
        text += &format!("  {first} to {last}  of {types}\n");
    }
    text
}

fn as_json(scenario: &Scenario, table: &Table, latents: &Latents) -> Value {
    let bound = |value: f64| value.is_finite().then_some(value);
    let mut all = json!({
        "scenario": scenario.name,
        "types": table.vocabulary.types,
    });
    for group in &groups(table) {
        let entry = |(number, entry): (usize, &Entry)| {
            let mut item = json!({
                "name": entry.name,
                "unit": entry.unit.to_string(),
                "synonyms": entry.synonyms,
            });
            if group.is_written {
                item["kind"] = json!(kind(entry));
                item["range"] = json!(entry.range.map(bound));
            }
            if let Some(owners) = group.owners(number, table) {
                item["types"] = json!(owners);
            }
            item
        };
        all[group.key] = group.entries(table).into_iter().map(entry).collect();
    }
    let space = |space: &Space| {
        let [first, last] = components(space);
        json!({
            "space": space.id,
            "width": space.width,
            "first": first,
            "last": last,
            "types": having(&space.places, table),
            "inherit": space.inherit,
            "initial": space.initial,
        })
    };
    all["latents"] = latents.spaces.iter().map(space).collect();
    all
}
