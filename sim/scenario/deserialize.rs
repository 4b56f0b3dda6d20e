//! From a [`Tree`] to the structs of [`file`](super::file): serde over nodes, with errors that know
//! their path.

use std::fmt::Display;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use rules::dictionary::normal;

use super::problem::{Path, Problem, Step, misspelled, split};
use super::tree::{Node, Tree, Value};

/// Why a node is not what its field wants.
#[derive(Debug)]
pub struct Error {
    /// The way from the node to the culprit, innermost first.
    inward: Vec<Step>,
    message: String,
    help: String,
}

impl Error {
    fn new((message, help): (String, String)) -> Error {
        Error {
            inward: Vec::new(),
            message,
            help,
        }
    }

    fn under(mut self, step: Step) -> Error {
        self.inward.push(step);
        self
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    /// A second line is the way out.
    fn custom<T: Display>(text: T) -> Error {
        Error::new(split(&text.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Error {
        let found = match found {
            Unexpected::Str(text) => format!("the text \"{text}\""),
            Unexpected::Signed(number) => format!("the number {number}"),
            Unexpected::Unsigned(number) => format!("the number {number}"),
            Unexpected::Float(number) => format!("the number {number}"),
            Unexpected::Bool(flag) => format!("{flag}"),
            Unexpected::Seq => "an array".into(),
            Unexpected::Map => "a table".into(),
            other => other.to_string(),
        };
        let wanted = wanted.to_string();
        let wanted = match wanted.as_str() {
            "a string" => "text".into(),
            "a boolean" => "true or false".into(),
            "a sequence" => "an array, [ … ]".into(),
            "a map" => "a table".into(),
            "u64" | "i64" | "usize" | "u8" => "a whole number, not negative".into(),
            "f64" => "a number".into(),
            other if other.starts_with("struct ") => "a table".into(),
            _ => wanted,
        };
        Error::new((format!("this is {found}"), format!("write {wanted}")))
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Error {
        Error::invalid_type(found, wanted)
    }

    fn invalid_length(length: usize, wanted: &dyn Expected) -> Error {
        Error::new((
            format!("this has {length} elements"),
            format!("write {wanted}"),
        ))
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Error {
        Error::new(misspelled("choice", name, known.iter().copied()))
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Error {
        Error::new(misspelled("key", name, known.iter().copied())).under(Step::Key(name.into()))
    }

    fn missing_field(name: &'static str) -> Error {
        let message = format!("`{name}` is missing");
        Error::new((message, "it has no default: state it".into())).under(Step::Key(name.into()))
    }
}

/// Reads the whole tree. After an error the culprit is taken out and the rest is read again, so
/// that one pass names as many problems as can be.
///
/// # Errors
/// All that were found.
pub fn whole<T: DeserializeOwned>(tree: &Tree) -> Result<T, Vec<Problem>> {
    let (mut problems, mut rest, mut removed) = (Vec::new(), tree.clone(), Vec::new());
    loop {
        let error = match T::deserialize(At(&rest.root)) {
            Ok(file) if problems.is_empty() => return Ok(file),
            Ok(_) => return Err(problems),
            Err(error) => error,
        };
        let path = Path(error.inward.into_iter().rev().collect());
        // What is missing because it was taken out is not the user's doing.
        if !removed.contains(&path) {
            problems.push(Problem {
                place: tree.place(&path),
                key: path.clone(),
                message: error.message,
                help: error.help,
            });
        }
        // An element cannot be taken out without renumbering the others, so its array goes; and
        // where something is missing, the table that lacks it.
        let steps = path.0.split(|step| matches!(step, Step::Index(_))).next();
        let mut path = Path(steps.unwrap_or_default().to_vec());
        while !rest.remove(&path) {
            if path.0.pop().is_none() {
                return Err(problems);
            }
        }
        removed.push(path);
    }
}

/// A node, to be read.
#[derive(Clone, Copy)]
struct At<'a>(&'a Node);

impl<'de> Deserializer<'de> for At<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => visitor.visit_i64(number),
                (_, Ok(number)) => visitor.visit_u64(number),
                _ => Err(de::Error::custom(format!("{number} is too large"))),
            },
            Value::Float(number) if number.is_finite() => visitor.visit_f64(*number),
            Value::Float(number) => Err(de::Error::custom(format!(
                "`{number}` is not a finite number\nwrite a number such as 1.5 or 1e-3"
            ))),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Array(items) => visitor.visit_seq(Items {
                items: items.iter().enumerate(),
            }),
            Value::Table(entries) => visitor.visit_map(Entries {
                entries: entries.iter(),
                current: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// One of some words, compared as names are.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Value::Text(text) = &self.0.value else {
            let wanted = format!("one of {}", words.join(", "));
            return self.deserialize_any(Wanted(&wanted, visitor));
        };
        let word = words
            .iter()
            .find(|word| normal(&word.replace('-', " ")) == normal(&text.replace('-', " ")))
            .ok_or_else(|| <Error as de::Error>::unknown_variant(text, words))?;
        visitor.visit_enum((*word).into_deserializer())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A visitor that takes nothing and says what is wanted.
struct Wanted<'a, V>(&'a str, V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Wanted<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

struct Items<'a> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        self.items
            .next()
            .map(|(index, node)| {
                seed.deserialize(At(node))
                    .map_err(|error| error.under(Step::Index(index)))
            })
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, (String, Node)>,
    current: Option<&'a (String, Node)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        self.current = self.entries.next();
        self.current
            .map(|(key, _)| seed.deserialize(key.as_str().into_deserializer()))
            .transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let (key, node) = self.current.expect("serde asks for a value after its key");
        seed.deserialize(At(node))
            .map_err(|error| error.under(Step::Key(key.clone())))
    }
}
