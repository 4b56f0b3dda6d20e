//! The JSON Schema of a scenario file, for editors and for whoever writes scenarios by program.

use rules::neural::contract::without_null;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::{Map, Value, json};

use super::file::File;
use super::tree::NAMED;

/// The schema, in draft 7, which editors of TOML know best.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let mut whole = generator.root_schema_for::<File>();
    RecursiveTransform(as_toml).transform(&mut whole);
    let mut schema = whole.clone();
    RecursiveTransform(in_part).transform(&mut schema);
    for (table, _) in NAMED {
        let entry = format!("/properties/{table}/additionalProperties");
        if let Some(entry) = schema.pointer_mut(&entry) {
            *entry = json!({ "anyOf": [entry.take(), { "const": false }] });
        }
    }
    // What extends another scenario is a part of one; what does not must be whole.
    let mut definitions = Map::new();
    for (prefix, from) in [("", &mut whole), (PART, &mut schema)] {
        if let Some(Value::Object(own)) = from.remove("definitions") {
            let own = own.into_iter();
            definitions.extend(own.map(|(name, one)| (format!("{prefix}{name}"), one)));
        }
    }
    whole.remove("$schema");
    definitions.insert("Whole".into(), whole.to_value());
    schema.insert("if".into(), json!({ "required": ["extends"] }));
    schema.insert("else".into(), json!({ "$ref": "#/definitions/Whole" }));
    schema.insert("title".into(), "Milieu scenario".into());
    schema.insert("definitions".into(), definitions.into());
    schema.to_value()
}

/// What the definitions of parts are called besides.
const PART: &str = "PartOf";

/// In a part of a scenario nothing is required.
fn in_part(schema: &mut Schema) {
    schema.remove("required");
    if let Some(Value::String(reference)) = schema.get_mut("$ref") {
        *reference = reference.replace("/definitions/", &format!("/definitions/{PART}"));
    }
}

/// TOML has no null, and defaults that are tables or lists say nothing.
fn as_toml(schema: &mut Schema) {
    without_null(schema);
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    // Draft 7 ignores what stands beside a reference.
    if object.len() > 1
        && let Some(reference) = object.remove("$ref")
    {
        object.insert("allOf".into(), json!([{ "$ref": reference }]));
    }
    let is_empty = |value: &Value| match value {
        Value::Object(_) => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    if object.get("default").is_some_and(is_empty) {
        object.remove("default");
    }
}
