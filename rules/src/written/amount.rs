//! Numbers with or without a unit, as they stand in a sentence.

use super::statement::with_unit;
use crate::{Unit, units};

/// A number, and the unit written behind it.
#[derive(Debug, Clone, Copy)]
pub struct Amount<'a> {
    /// The number.
    pub number: f64,
    /// The unit as written.
    pub unit: Option<&'a str>,
}

impl<'a> Amount<'a> {
    /// Reads `4`, `4 µm/min`, `24h`.
    ///
    /// # Errors
    /// What is no number.
    pub fn parse(text: &'a str) -> Result<Amount<'a>, String> {
        let text = text.trim();
        let end = number_end(text);
        match text[..end].parse::<f64>() {
            Ok(number) if number.is_finite() => {
                let unit = text[end..].trim();
                Ok(Amount {
                    number,
                    unit: (!unit.is_empty()).then_some(unit),
                })
            }
            _ if text.is_empty() => {
                Err("a number is missing\n  write a number, or a number and a unit such as `0.5 µm/min`".into())
            }
            _ => Err(format!(
                "`{text}` is not a number, nor a number and a unit such as `0.5 µm/min`"
            )),
        }
    }

    /// This number in `wanted`; `shared` is its unit if it has none of its own. `what` is the
    /// measured thing, for people.
    ///
    /// # Errors
    /// An unknown unit, or one of another dimension.
    pub fn convert(self, shared: Option<&str>, wanted: &Unit, what: &str) -> Result<f64, String> {
        let Some(unit) = self.unit.or(shared) else {
            return Ok(self.number);
        };
        if unit.starts_with('/') {
            return Err(format!(
                "`{unit}` is no unit\n  a rate is written `{} 1{unit}`",
                self.number
            ));
        }
        let factor = Unit::parse(unit)
            .and_then(|unit| unit.factor_to(wanted))
            .map_err(|error| match error {
                units::Error::Dimension { .. } => format!("{error}\n  that is the unit of {what}"),
                _ => format!(
                    "{error}\n  write {what} in `{wanted}`, or in another unit that measures {}",
                    units::with_article(&wanted.dimension())
                ),
            })?;
        let value = units::rescale(self.number, factor);
        if value.is_finite() {
            Ok(value)
        } else {
            Err(format!(
                "{} {unit} is too large a number in `{wanted}`",
                self.number
            ))
        }
    }

    /// This number as one above 0 in `wanted`.
    ///
    /// # Errors
    /// As [`Amount::convert`], or that it is not above 0.
    pub fn above_zero(self, wanted: &Unit, name: &str, what: &str) -> Result<f64, String> {
        let value = self.convert(None, wanted, what)?;
        if value > 0.0 {
            Ok(value)
        } else {
            Err(format!(
                "{name} is {}, but has to be above 0",
                with_unit(value, wanted)
            ))
        }
    }
}

/// Where the number at the start of `text` ends: sign, digits, a point, digits, an exponent.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes
            .get(at)
            .is_some_and(|b| b.is_ascii_digit() || *b == b'.')
        {
            at += 1;
        }
        at
    };
    let sign = |at: usize| at + usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
    let end = digits(sign(0));
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let exponent = sign(end + 1);
        if digits(exponent) > exponent {
            return digits(exponent);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_ends_where_its_unit_begins() {
        for (text, number, unit) in [
            ("4", 4.0, None),
            ("-4.5 µm", -4.5, Some("µm")),
            ("24h", 24.0, Some("h")),
            ("1e-5 cm^2/s", 1e-5, Some("cm^2/s")),
            ("1 1/min", 1.0, Some("1/min")),
            ("5 em", 5.0, Some("em")),
        ] {
            let found = Amount::parse(text).unwrap();
            assert_eq!((found.number, found.unit), (number, unit), "{text}");
        }
        for text in ["", "fast", "-", "1.2.3", "1e999", "inf", "nan", "−5"] {
            assert!(Amount::parse(text).is_err(), "{text}");
        }
    }
}
