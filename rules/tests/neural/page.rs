//! The page and the program say the same.

use std::collections::BTreeSet;

use rules::neural::contract;
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/models.md");

type Names = BTreeSet<String>;

/// The part of the page under a heading, up to the next of any rank.
fn section(heading: &str) -> &'static str {
    let start = PAGE
        .find(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("{heading}"));
    let rest = &PAGE[start + heading.len() + 2..];
    &rest[..rest.find("\n#").unwrap_or(rest.len())]
}

/// What stands between backticks in the first cells of a section's tables.
fn named(heading: &str) -> Names {
    let cells = section(heading)
        .lines()
        .filter_map(|line| line.strip_prefix("| "));
    let cells = cells.map(|line| line.split(" |").next().unwrap_or_default());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

fn keys(schema: &Value, definition: &str) -> Names {
    let pointer = match definition {
        "" => "/properties".to_owned(),
        name => format!("/$defs/{name}/properties"),
    };
    let keys = schema
        .pointer(&pointer)
        .unwrap_or_else(|| panic!("{pointer}"));
    keys.as_object().unwrap().keys().cloned().collect()
}

fn variants(schema: &Value, definition: &str) -> Names {
    let variants = schema[&"$defs"][definition]["oneOf"].as_array().unwrap();
    let name = |variant: &Value| variant["const"].as_str().unwrap().to_owned();
    variants.iter().map(name).collect()
}

#[test]
fn every_key_of_the_page_is_in_the_schema_and_none_besides() {
    let schema = contract::schema();
    for (heading, definition) in [
        ("## `milieu.spec`", ""),
        ("### Inputs", "Input"),
        ("### Outputs", "Output"),
        ("### Latent states", "Latent"),
        ("### Uncertainty", "Uncertainty"),
    ] {
        assert_eq!(named(heading), keys(&schema, definition), "{heading}");
    }
    let kinds = named("### Kinds of output");
    assert_eq!(kinds, variants(&schema, "Kind"));
    assert_eq!(named("## Forms and tensors"), variants(&schema, "Form"));
    let metadata = named("## Metadata");
    assert_eq!(metadata, contract::KEYS.map(str::to_owned).into());
    // What stands on the page as an example.
    for (heading, definition) in [
        ("### Graphs", "Messages"),
        ("### Uncertainty", "Conformal"),
        ("### Domain", "Ood"),
        ("### Domain", "Score"),
    ] {
        for key in keys(&schema, definition) {
            assert!(
                section(heading).contains(&format!("\"{key}\":")),
                "{heading}: {key}"
            );
        }
    }
}

#[test]
fn the_schema_refuses_keys_that_the_reader_refuses() {
    let schema = contract::schema();
    assert_eq!(schema["additionalProperties"], Value::Bool(false));
    for definition in schema["$defs"].as_object().unwrap().values() {
        if definition.get("properties").is_some() {
            assert_eq!(
                definition["additionalProperties"],
                Value::Bool(false),
                "{definition}"
            );
        }
    }
    assert_eq!(
        schema["required"],
        serde_json::json!(["form", "acts_on", "inputs", "outputs"])
    );
}
