//! `milieu.spec` as a JSON Schema, for editors and for whoever writes models by program.

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::Spec;

/// The schema, in draft 2020-12.
pub fn schema() -> Value {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<Spec>();
    RecursiveTransform(without_null).transform(&mut schema);
    schema.insert("title".into(), "milieu.spec".into());
    schema.to_value()
}

/// An optional key is left out rather than null, in JSON of models and in TOML of scenarios.
pub fn without_null(schema: &mut Schema) {
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
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
}
