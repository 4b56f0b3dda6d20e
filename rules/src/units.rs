//! Units of measurement: what `"4 µm/min"` means, and whether it may stand where a speed is wanted.
//!
//! A unit is a scale and a dimension. Base units are µm and min; amounts, pressures and any other
//! quantity a substrate may be measured in keep a dimension of their own, so that mmHg never
//! passes for µM.

use std::fmt;

/// Exponents over [`BASES`].
type Exponents = [i8; 6];

/// The independent dimensions, with the unit in which each has scale 1.
const BASES: [(&str, &str); 6] = [
    ("length", "µm"),
    ("time", "min"),
    ("amount", "mol"),
    ("pressure", "mmHg"),
    ("angle", "rad"),
    ("mass", "g"),
];

const NONE: Exponents = [0, 0, 0, 0, 0, 0];
const LENGTH: Exponents = [1, 0, 0, 0, 0, 0];
const TIME: Exponents = [0, 1, 0, 0, 0, 0];
const AMOUNT: Exponents = [0, 0, 1, 0, 0, 0];
const PRESSURE: Exponents = [0, 0, 0, 1, 0, 0];
const ANGLE: Exponents = [0, 0, 0, 0, 1, 0];
const MASS: Exponents = [0, 0, 0, 0, 0, 1];
const CONCENTRATION: Exponents = [-3, 0, 1, 0, 0, 0];
const VOLUME: Exponents = [3, 0, 0, 0, 0, 0];

/// Every spelling that is read, with its size in base units. `u` stands for `µ` everywhere.
/// 1 M = 1 mol per liter = 1 mol per 10¹⁵ µm³.
const SYMBOLS: &[(&str, f64, Exponents)] = &[
    ("1", 1.0, NONE),
    ("%", 0.01, NONE),
    ("nm", 1e-3, LENGTH),
    ("µm", 1.0, LENGTH),
    ("micron", 1.0, LENGTH),
    ("mm", 1e3, LENGTH),
    ("cm", 1e4, LENGTH),
    ("m", 1e6, LENGTH),
    ("ms", 1e-3 / 60.0, TIME),
    ("s", 1.0 / 60.0, TIME),
    ("min", 1.0, TIME),
    ("h", 60.0, TIME),
    ("d", 1440.0, TIME),
    ("day", 1440.0, TIME),
    ("days", 1440.0, TIME),
    ("mol", 1.0, AMOUNT),
    ("mmol", 1e-3, AMOUNT),
    ("µmol", 1e-6, AMOUNT),
    ("nmol", 1e-9, AMOUNT),
    ("pmol", 1e-12, AMOUNT),
    ("fmol", 1e-15, AMOUNT),
    ("amol", 1e-18, AMOUNT),
    ("M", 1e-15, CONCENTRATION),
    ("mM", 1e-18, CONCENTRATION),
    ("µM", 1e-21, CONCENTRATION),
    ("nM", 1e-24, CONCENTRATION),
    ("pM", 1e-27, CONCENTRATION),
    ("fM", 1e-30, CONCENTRATION),
    ("fL", 1.0, VOLUME),
    ("pL", 1e3, VOLUME),
    ("nL", 1e6, VOLUME),
    ("µL", 1e9, VOLUME),
    ("mL", 1e12, VOLUME),
    ("L", 1e15, VOLUME),
    ("mmHg", 1.0, PRESSURE),
    ("Pa", 1.0 / 133.322_387_415, PRESSURE),
    ("kPa", 1e3 / 133.322_387_415, PRESSURE),
    ("rad", 1.0, ANGLE),
    ("deg", std::f64::consts::PI / 180.0, ANGLE),
    ("kg", 1e3, MASS),
    ("g", 1.0, MASS),
    ("mg", 1e-3, MASS),
    ("µg", 1e-6, MASS),
    ("ng", 1e-9, MASS),
    ("pg", 1e-12, MASS),
];

/// A unit: its spelling, its size in base units, its dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    text: String,
    scale: f64,
    exponents: Exponents,
}

/// Why a unit or quantity could not be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A symbol that stands in no table.
    #[error("unknown unit `{0}`")]
    UnknownSymbol(String),
    /// Text that is neither a number nor a number and a unit.
    #[error("`{0}` is not a number with a unit")]
    Malformed(String),
    /// A unit of another dimension than the one wanted.
    #[error(
        "`{found}` is {}, but {} is wanted, such as `{wanted}`",
        with_article(found_dimension),
        with_article(wanted_dimension)
    )]
    Dimension {
        /// The unit as written.
        found: String,
        /// What it measures.
        found_dimension: String,
        /// The unit that was expected.
        wanted: String,
        /// What that measures.
        wanted_dimension: String,
    },
}

/// `a length`, `an amount/length^3`; 1/time is read as one over time.
pub(crate) fn with_article(dimension: &str) -> String {
    let article = match dimension.starts_with(['a', 'e', 'i', 'o', 'u']) {
        true => "an",
        false => "a",
    };
    format!("{article} {dimension}")
}

impl Unit {
    /// The unit of a pure number.
    pub fn one() -> Unit {
        Unit {
            text: "1".into(),
            scale: 1.0,
            exponents: NONE,
        }
    }

    /// Reads `µm/min`, `cm^2/s`, `1/min`, `mmHg`, `µM`, …: symbols joined by `*` or `·` and `/`,
    /// each with an optional power (`^2`, `^-1`, `²`, `³`).
    ///
    /// # Errors
    /// [`Error::UnknownSymbol`] names the part that is not known.
    pub fn parse(text: &str) -> Result<Unit, Error> {
        let (mut scale, mut exponents, mut sign) = (1.0, NONE, 1i8);
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(Error::Malformed(text.to_owned()));
        }
        loop {
            let end = rest.find(['*', '·', '/']).unwrap_or(rest.len());
            let (symbol, power) = split_power(rest[..end].trim())
                .ok_or_else(|| Error::UnknownSymbol(rest[..end].trim().to_owned()))?;
            let (size, dimension) =
                lookup(symbol).ok_or_else(|| Error::UnknownSymbol(symbol.to_owned()))?;
            scale *= libm::pow(size, f64::from(power * sign));
            for (sum, part) in exponents.iter_mut().zip(dimension) {
                *sum = sum
                    .checked_add(part * power * sign)
                    .ok_or_else(|| Error::Malformed(text.to_owned()))?;
            }
            let Some(joint) = rest[end..].chars().next() else {
                break;
            };
            sign = if joint == '/' { -1 } else { 1 };
            rest = &rest[end + joint.len_utf8()..];
        }
        Ok(Unit {
            text: text.trim().to_owned(),
            scale,
            exponents,
        })
    }

    /// The factor that turns a number in this unit into one in `wanted`.
    ///
    /// # Errors
    /// [`Error::Dimension`] if the two do not measure the same thing.
    pub fn factor_to(&self, wanted: &Unit) -> Result<f64, Error> {
        if self.exponents != wanted.exponents {
            return Err(Error::Dimension {
                found: self.text.clone(),
                found_dimension: self.dimension(),
                wanted: wanted.text.clone(),
                wanted_dimension: wanted.dimension(),
            });
        }
        // Exactly 1 for equal units, so that a number written with its own unit keeps its bits.
        Ok(if self.scale == wanted.scale {
            1.0
        } else {
            self.scale / wanted.scale
        })
    }

    /// Whether both measure the same thing.
    pub fn same_dimension(&self, other: &Unit) -> bool {
        self.exponents == other.exponents
    }

    /// This unit divided by another, spelled `self/other`.
    pub fn per(&self, other: &Unit) -> Unit {
        let mut exponents = self.exponents;
        for (sum, part) in exponents.iter_mut().zip(other.exponents) {
            *sum -= part;
        }
        Unit {
            text: format!("{}/{}", self.text, other.text),
            scale: self.scale / other.scale,
            exponents,
        }
    }

    /// What the unit measures, in words: `length/time`, `pure number`.
    pub fn dimension(&self) -> String {
        let part = |sign: i8| {
            let words: Vec<String> = BASES
                .iter()
                .zip(self.exponents)
                .filter(|(_, power)| power.signum() == sign)
                .map(|((name, _), power)| match power.abs() {
                    1 => (*name).to_owned(),
                    n => format!("{name}^{n}"),
                })
                .collect();
            words.join("·")
        };
        match (part(1), part(-1)) {
            (over, under) if over.is_empty() && under.is_empty() => "pure number".into(),
            (over, under) if under.is_empty() => over,
            (over, under) if over.is_empty() => format!("1/{under}"),
            (over, under) => format!("{over}/{under}"),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads `"4 µm/min"` or a bare `"4"` as a number in `wanted`.
///
/// # Errors
/// Any of [`Error`].
pub fn quantity(text: &str, wanted: &Unit) -> Result<f64, Error> {
    let text = text.trim();
    let malformed = || Error::Malformed(text.to_owned());
    if let Ok(number) = text.parse::<f64>() {
        return if number.is_finite() {
            Ok(number)
        } else {
            Err(malformed())
        };
    }
    // The number is the longest prefix that parses: `1e-5 cm^2/s`, `24h`.
    let cut = text
        .char_indices()
        .map(|(at, _)| at)
        .rev()
        .find(|&at| {
            at > 0
                && text[..at]
                    .trim_end()
                    .parse::<f64>()
                    .is_ok_and(f64::is_finite)
        })
        .ok_or_else(malformed)?;
    let number: f64 = text[..cut].trim_end().parse().map_err(|_| malformed())?;
    // `1/d` might be meant as 1 per day, but `2/d` would then be read as 2 of nothing per day.
    if text[cut..].trim_start().starts_with('/') {
        return Err(malformed());
    }
    Ok(rescale(
        number,
        Unit::parse(&text[cut..])?.factor_to(wanted)?,
    ))
}

/// A number times a factor between units, without the dust of the multiplication: 1.75e-5 cm²/s is
/// 105000 µm²/min, and not 104999.99999999999. A product within a few roundings of a number of
/// twelve digits is that number; 1/60 stays what it is.
pub fn rescale(number: f64, factor: f64) -> f64 {
    let product = number * factor;
    let short = format!("{product:.11e}").parse().unwrap_or(product);
    if (short - product).abs() <= 4.0 * f64::EPSILON * product.abs() {
        short
    } else {
        product
    }
}

/// Splits `cm^2` into `("cm", 2)`.
fn split_power(text: &str) -> Option<(&str, i8)> {
    if let Some((symbol, power)) = text.split_once('^') {
        // Nothing is measured in higher powers, and their product with a dimension would not fit.
        let power = power.trim().parse().ok().filter(|n| (-9..=9).contains(n))?;
        return Some((symbol.trim(), power));
    }
    for (mark, power) in [("²", 2), ("³", 3)] {
        if let Some(symbol) = text.strip_suffix(mark) {
            return Some((symbol.trim(), power));
        }
    }
    Some((text, 1))
}

fn lookup(symbol: &str) -> Option<(f64, Exponents)> {
    // U+03BC (Greek mu) and `u` are read as U+00B5 (micro sign).
    let micro = symbol.replace('\u{3bc}', "µ");
    let spelled = |name: &str| {
        name == micro || (name.starts_with('µ') && name.replacen('µ', "u", 1) == micro)
    };
    SYMBOLS
        .iter()
        .find(|(name, ..)| spelled(name))
        .map(|&(_, scale, exponents)| (scale, exponents))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str, wanted: &str) -> Result<f64, Error> {
        quantity(text, &Unit::parse(wanted).unwrap())
    }

    #[test]
    fn quantities_are_converted_to_the_wanted_unit() {
        assert_eq!(base("4 µm/min", "µm/min").unwrap(), 4.0);
        assert_eq!(base("24 h", "min").unwrap(), 1440.0);
        assert_eq!(base("24h", "min").unwrap(), 1440.0);
        assert!((base("1e-5 cm^2/s", "µm^2/min").unwrap() / 6e4 - 1.0).abs() < 1e-12);
        assert!((base("1 um²/s", "µm^2/min").unwrap() / 60.0 - 1.0).abs() < 1e-12);
        assert!((base("2 nM", "pM").unwrap() / 2000.0 - 1.0).abs() < 1e-12);
        assert!((base("10 mg/kg", "µg/g").unwrap() / 10.0 - 1.0).abs() < 1e-12);
        assert_eq!(base("0.5", "1/min").unwrap(), 0.5);
        assert!((base("1/d", "1/min").unwrap_err().to_string()).contains("1/d"));
        assert!((base("1 1/d", "1/min").unwrap() * 1440.0 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn wrong_dimensions_and_unknown_symbols_are_named() {
        assert_eq!(
            base("4 µm", "µm/min").unwrap_err().to_string(),
            "`µm` is a length, but a length/time is wanted, such as `µm/min`"
        );
        assert_eq!(
            base("4 µM", "rad").unwrap_err().to_string(),
            "`µM` is an amount/length^3, but an angle is wanted, such as `rad`"
        );
        assert_eq!(
            base("4 parsec", "µm").unwrap_err().to_string(),
            "unknown unit `parsec`"
        );
        assert!(base("5 mmHg", "µM").is_err());
        assert!(base("inf", "µm").is_err());
    }
}
