//! `[latents."NAME/WIDTH"]` as it is written.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::Short;

/// A space of latent vectors: what models leave open, or a space of the scenario's own.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LatentSpace {
    /// What daughters get: "copy" (both the whole vector), "split" (each half of it), or `{ noise = σ }` (each the whole, plus its own normal deviates of this standard deviation). Default: what the models say, or "copy".
    pub inherit: Option<Short<Noise>>,
    /// The vector of a cell that enters the tissue: a number for all components, or a list. Default: what the models say, or 0.
    pub initial: Option<Components>,
    /// Cell types that have such a vector, besides those of the models that declare the space.
    pub types: Vec<String>,
}

/// Daughters that differ from their mother.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// Standard deviation of what is added to each component, not negative.
    pub noise: f64,
}

/// One number for all components of a vector, or one each.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Components {
    /// The same for all.
    All(f64),
    /// One each.
    Each(Vec<f64>),
}

impl<'de> Deserialize<'de> for Components {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Components;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a list of one a component")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Components, E> {
                Ok(Components::All(number as f64))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Components, E> {
                Ok(Components::All(number as f64))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Components, E> {
                Ok(Components::All(number))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Components, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Components::Each)
            }
        }
        deserializer.deserialize_any(Read)
    }
}
