//! The JSON Schema of a scenario file, for editors and for whoever writes scenarios by program.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::{Value, json};

use super::file::File;

/// The schema, in draft 7, which editors of TOML know best.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.root_schema_for::<File>();
    RecursiveTransform(without_null).transform(&mut schema);
    schema.insert("title".into(), "Milieu scenario".into());
    schema.to_value()
}

/// TOML has no null: an optional key is left out. Defaults that are tables or lists say nothing.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            object.insert("type".into(), one);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
    // Draft 7 ignores what stands beside a reference.
    if object.len() > 1
        && let Some(reference) = object.remove("$ref")
    {
        object.insert("allOf".into(), json!([{ "$ref": reference }]));
    }
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Object(_) => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    if object.get("default").is_some_and(is_empty) {
        object.remove("default");
    }
}
