//! Shapes of TOML that serde has no type for: tables whose keys are names, and values that may be
//! written short.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::quantity::{Kind, Measured, Quantity};

/// A table whose keys are names of the scenario's own, in the order of the file.
#[derive(Debug, Clone)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T> Named<T> {
    /// Name and value, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named(entries))
            }
        }
        deserializer.deserialize_map(Read(PhantomData))
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Named_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": generator.subschema_for::<T>()
        })
    }
}

/// Text where text is enough, else a table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Short<T> {
    /// Text alone.
    Text(String),
    /// A table that says more.
    Full(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Short<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = Short<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a table")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Short<T>, E> {
                Ok(Short::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Short<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Short::Full)
            }
        }
        deserializer.deserialize_any(Read(PhantomData))
    }
}

/// A number, with or without a unit, or a table that says more.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Detailed<T> {
    /// A number, or text with a unit.
    Value(Measured),
    /// A table that says more.
    Full(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Detailed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = Detailed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, text with a unit, or a table")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Detailed<T>, E> {
                self.visit_f64(number as f64)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Detailed<T>, E> {
                self.visit_f64(number as f64)
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Detailed<T>, E> {
                Ok(Detailed::Value(Measured::Number(number)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Detailed<T>, E> {
                Ok(Detailed::Value(Measured::Text(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Detailed<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Detailed::Full)
            }
        }
        deserializer.deserialize_any(Read(PhantomData))
    }
}

/// One quantity for all axes, or one an axis.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline, bound = "K: Kind")]
pub enum Axes<K> {
    /// The same for all.
    All(Quantity<K>),
    /// x, y and, where it is wanted, z.
    Each(Vec<Quantity<K>>),
}

impl<'de, K: Kind> Deserialize<'de> for Axes<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<K>(PhantomData<K>);
        impl<'de, K: Kind> Visitor<'de> for Read<K> {
            type Value = Axes<K>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a value such as \"{}\", or one an axis", K::EXAMPLE)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Axes<K>, E> {
                self.visit_f64(number as f64)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Axes<K>, E> {
                self.visit_f64(number as f64)
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Axes<K>, E> {
                Quantity::deserialize(serde::de::value::F64Deserializer::new(number)).map(Axes::All)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Axes<K>, E> {
                Quantity::deserialize(serde::de::value::StrDeserializer::new(text)).map(Axes::All)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Axes<K>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Axes::Each)
            }
        }
        deserializer.deserialize_any(Read(PhantomData))
    }
}
