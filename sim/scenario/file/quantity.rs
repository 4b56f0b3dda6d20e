//! Numbers with units, as a scenario states them.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use rules::Unit;
use rules::units;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, IntoDeserializer, Visitor, value};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a field wants: its unit, and the numbers it takes.
pub trait Kind {
    /// The name in the schema.
    const NAME: &'static str;
    /// The unit in which a bare number is.
    const UNIT: &'static str;
    /// The numbers it takes.
    const RANGE: Range;
    /// How one is written.
    const EXAMPLE: &'static str;
}

/// Numbers that make sense.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// Any.
    Any,
    /// 0 and above.
    NotNegative,
    /// Above 0.
    Positive,
    /// 0 to 1.
    Share,
    /// Above 0, up to 1.
    Part,
}

impl Range {
    /// What is wrong with a number that is out of the range, or `None`.
    pub fn refuses(self, number: f64) -> Option<&'static str> {
        match self {
            _ if !number.is_finite() => Some("must be finite"),
            Range::NotNegative if number < 0.0 => Some("must not be negative"),
            Range::Positive if number <= 0.0 => Some("must be positive"),
            Range::Share if !(0.0..=1.0).contains(&number) => Some("must lie between 0 and 1"),
            Range::Part if number <= 0.0 || number > 1.0 => Some("must be positive, and at most 1"),
            _ => None,
        }
    }
}

/// A number in the unit of its kind.
pub struct Quantity<K>(pub f64, PhantomData<K>);

impl<K> Quantity<K> {
    /// A number that is known to be in range: a default.
    pub const fn new(number: f64) -> Quantity<K> {
        Quantity(number, PhantomData)
    }
}

impl<K> Clone for Quantity<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Quantity<K> {}

impl<K> fmt::Debug for Quantity<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident, $unit:literal, $range:ident, $example:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}

        impl Kind for $name {
            const NAME: &'static str = stringify!($name);
            const UNIT: &'static str = $unit;
            const RANGE: Range = Range::$range;
            const EXAMPLE: &'static str = $example;
        }
    )*};
}

kinds! {
    /// A coordinate.
    Coordinate, "µm", Any, "-120 µm";
    /// An extent.
    Length, "µm", Positive, "20 µm";
    /// A distance, which may be none.
    Distance, "µm", NotNegative, "12 µm";
    /// A length of time.
    Duration, "min", Positive, "8 h";
    /// A point in time.
    Moment, "min", NotNegative, "2 d";
    /// A rate of events or of change.
    Rate, "1/min", NotNegative, "0.1 1/h";
    /// A speed.
    Speed, "µm/min", NotNegative, "4 µm/min";
    /// A diffusion coefficient.
    Diffusivity, "µm^2/min", NotNegative, "1e5 µm^2/min";
    /// A volume.
    Size, "µm^3", Positive, "2494 µm^3";
    /// A share of a whole.
    Share, "1", Share, "75 %";
    /// A factor.
    Factor, "1", NotNegative, "1.25";
    /// A relative error.
    Tolerance, "1", Part, "0.1";
    /// A weight, negative for away from.
    Weight, "1", Any, "-0.5";
}

/// The unit of a kind.
pub fn unit<K: Kind>() -> Unit {
    Unit::parse(K::UNIT).expect("the units of kinds are in the table of units")
}

/// A length of time, min, as the command line has it: a number of minutes, or one with its unit.
///
/// # Errors
/// What is wrong with it.
pub fn time(text: &str) -> Result<f64, String> {
    let time: Result<Quantity<Duration>, value::Error> = match text.parse::<f64>() {
        Ok(number) => Quantity::deserialize(number.into_deserializer()),
        Err(_) => Quantity::deserialize(text.into_deserializer()),
    };
    time.map(|time| time.0).map_err(|error| error.to_string())
}

impl<'de, K: Kind> Deserialize<'de> for Quantity<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read(PhantomData))
    }
}

struct Read<K>(PhantomData<K>);

impl<K: Kind> Read<K> {
    fn checked<E: Error>(&self, number: f64, text: &dyn fmt::Display) -> Result<Quantity<K>, E> {
        match K::RANGE.refuses(number) {
            None => Ok(Quantity::new(number)),
            Some(why) => Err(E::custom(format!(
                "{text} {why}\nwrite it like \"{}\"",
                K::EXAMPLE
            ))),
        }
    }
}

impl<K: Kind> Visitor<'_> for Read<K> {
    type Value = Quantity<K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", wanted(K::UNIT, K::EXAMPLE))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_f64(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_f64(number as f64)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        self.checked(number, &number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if is_too_large(text) {
            return self.checked(f64::INFINITY, &format_args!("`{text}`"));
        }
        let number = read(text, &unit::<K>()).map_err(|error| {
            E::custom(format!("{error}\nwrite {}", wanted(K::UNIT, K::EXAMPLE)))
        })?;
        self.checked(number, &format_args!("`{text}`"))
    }
}

/// Reads `4 µm/min`; `2/h` is short for `2 1/h`.
fn read(text: &str, wanted: &Unit) -> Result<f64, units::Error> {
    match text.split_once('/') {
        Some((number, rest)) if number.trim().parse::<f64>().is_ok() => {
            units::quantity(&format!("{number} 1/{rest}"), wanted)
        }
        _ => units::quantity(text, wanted),
    }
}

/// Whether the text begins with digits that make no finite number: `1e999 µm`, which would else be
/// read as 1e99 of the unit `9 µm`.
fn is_too_large(text: &str) -> bool {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c));
    let number = text[..end.unwrap_or(text.len())].parse::<f64>();
    number.is_ok_and(f64::is_infinite)
}

fn wanted(unit: &str, example: &str) -> String {
    match unit {
        "1" => format!("a number, such as {example}"),
        _ => format!("a number in {unit}, or text with a unit such as \"{example}\""),
    }
}

impl<K> Serialize for Quantity<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

/// A number, and a unit of more than one kind of letter or sign.
const WRITTEN: &str = r"^\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?(\s*[^\s0-9].*|\s+1/.*)?$";

impl<K: Kind> JsonSchema for Quantity<K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        K::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut number = json_schema!({ "type": "number" });
        match K::RANGE {
            Range::Any => {}
            Range::NotNegative => {
                number.insert("minimum".into(), 0.into());
            }
            Range::Positive => {
                number.insert("exclusiveMinimum".into(), 0.into());
            }
            Range::Share => {
                number.insert("minimum".into(), 0.into());
                number.insert("maximum".into(), 1.into());
            }
            Range::Part => {
                number.insert("exclusiveMinimum".into(), 0.into());
                number.insert("maximum".into(), 1.into());
            }
        }
        json_schema!({
            "description": wanted(K::UNIT, K::EXAMPLE),
            "anyOf": [number, { "type": "string", "pattern": WRITTEN }],
            "examples": [K::EXAMPLE]
        })
    }
}

/// A number whose unit another key states: that of a substrate, or its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Measured {
    /// In that unit.
    Number(f64),
    /// With a unit, to be converted.
    Text(String),
}

impl Measured {
    /// The number in `wanted`.
    ///
    /// # Errors
    /// What is wrong and the way out, on two lines.
    pub fn in_unit(&self, wanted: &Unit, range: Range) -> Result<f64, String> {
        let example = || match wanted.to_string().as_str() {
            "1" => "write a bare number".to_owned(),
            unit => format!("write a number in {unit}, or text such as \"1 {unit}\""),
        };
        let number = match self {
            Measured::Number(number) => *number,
            Measured::Text(text) if is_too_large(text) => f64::INFINITY,
            Measured::Text(text) => {
                units::quantity(text, wanted).map_err(|error| format!("{error}\n{}", example()))?
            }
        };
        match range.refuses(number) {
            None => Ok(number),
            Some(why) => Err(format!("{self} {why}\n{}", example())),
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measured::Number(number) => write!(f, "{number}"),
            Measured::Text(text) => write!(f, "`{text}`"),
        }
    }
}

impl<'de> Deserialize<'de> for Measured {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Measured;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or text with a unit")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Measured, E> {
                Ok(Measured::Number(number as f64))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Measured, E> {
                Ok(Measured::Number(number as f64))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Measured, E> {
                Ok(Measured::Number(number))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Measured, E> {
                Ok(Measured::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl JsonSchema for Measured {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Measured".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, or text with a unit.",
            "anyOf": [{ "type": "number" }, { "type": "string" }]
        })
    }
}
