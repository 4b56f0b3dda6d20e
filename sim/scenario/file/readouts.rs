//! Readouts as a scenario states them.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{EnumAccess, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::quantity::{Distance, Duration, Factor, Length, Quantity};
use crate::readouts::{self, LIST};

/// A number or a curve that the tissue shows. Which keys are wanted depends on `measure`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Readout {
    /// What is measured.
    pub measure: Measure,
    /// The type whose cells are looked at.
    #[serde(rename = "type")]
    pub cell_type: Option<String>,
    /// The type they are related to: killed, infiltrated, touched, neighbors.
    pub target: Option<String>,
    /// Types that kill.
    pub effectors: Option<Vec<String>>,
    /// Types around which a field is looked at.
    pub sources: Option<Vec<String>>,
    /// The field.
    pub substrate: Option<String>,
    /// Which cells count. Default: the live ones.
    pub state: Option<State>,
    /// Along which a field is looked at.
    pub axis: Option<Axis>,
    /// Time at which displacement is taken, min.
    pub lag: Option<Quantity<Duration>>,
    /// Times at which displacement is taken, min: ascending multiples of 0.4 min.
    pub lags: Option<Vec<Quantity<Duration>>>,
    /// Distances of pairs, µm: ascending, at most half of the domain's shortest side.
    pub radii: Option<Vec<Quantity<Length>>>,
    /// Distances from sources, µm: ascending.
    pub distances: Option<Vec<Quantity<Length>>>,
    /// Number of live cells at which a type counts as gone. Default: 0.
    pub threshold: Option<Quantity<Factor>>,
    /// Between the surfaces of cells that still touch, µm. Default: 0.
    pub gap: Option<Quantity<Distance>>,
    /// Up to which two centers are neighbors, µm; instead of touching.
    pub radius: Option<Quantity<Length>>,
    /// How many nearest cells are neighbors; instead of touching.
    pub neighbors: Option<u32>,
    /// How often types are shuffled. Default: 1000.
    pub permutations: Option<u32>,
    /// Index of a bottom that cells cover whole. Default: 1.
    pub gain: Option<Quantity<Factor>>,
    /// Published range, [low, high], in the measure's unit.
    pub published: Option<[f64; 2]>,
    /// Who published it.
    #[serde(default)]
    pub source: String,
    /// Share by which the means of two forms of the scenario may differ and still count as one:
    /// `milieu compare` then looks at the readouts that state one.
    pub margin: Option<f64>,
}

/// Alive or how dead.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Alive.
    Live,
    /// Dead by apoptosis and not yet gone.
    Apoptotic,
    /// Dead by necrosis and not yet gone.
    Necrotic,
}

/// An axis of the domain.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// The first.
    X,
    /// The second.
    Y,
    /// The third, in 3D.
    Z,
}

/// One of [`LIST`], by its name.
#[derive(Debug, Clone, Copy)]
pub struct Measure(pub &'static readouts::Measure);

static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| LIST.iter().map(|it| it.name).collect());

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Measure;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a measure")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<Measure, A::Error> {
                let (name, rest) = choice.variant::<String>()?;
                rest.unit_variant()?;
                let known = LIST.iter().find(|measure| measure.name == name);
                known
                    .map(|measure| Measure(measure))
                    .ok_or_else(|| serde::de::Error::unknown_variant(&name, &NAMES))
            }
        }
        deserializer.deserialize_enum("Measure", &NAMES, Read)
    }
}

impl JsonSchema for Measure {
    fn schema_name() -> Cow<'static, str> {
        "Measure".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let choices = LIST.iter();
        let choices: Vec<Schema> = choices
            .map(|measure| {
                let keys: Vec<String> = measure.keys.iter().map(|it| it.name().into()).collect();
                let meaning = format!("{} Keys: {}.", measure.meaning, keys.join(", "));
                json_schema!({ "description": meaning, "type": "string", "const": measure.name })
            })
            .collect();
        json_schema!({ "description": "What can be measured.", "oneOf": choices })
    }
}
