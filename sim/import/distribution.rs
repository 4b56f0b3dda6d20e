//! How a behavior or the volume is spread over the cells that are there at the start.
//!
//! Source: `set_distributed_parameter`, modules/PhysiCell_geometry.cpp, 1.14.2.

use super::xml::Element;
use crate::scenario::file::quantity::Range;

/// A distribution: its bounds are exclusive for the normal ones, of which draws beyond are drawn
/// again.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// A behavior, or `volume`.
    pub behavior: String,
    /// As a scenario names it.
    pub kind: &'static str,
    /// Lower bound.
    pub min: Option<f64>,
    /// Upper bound.
    pub max: Option<f64>,
    /// Mean; of the logarithm, where there is one.
    pub mu: Option<f64>,
    /// Standard deviation; of the logarithm, where there is one.
    pub sigma: Option<f64>,
    /// Whether the definition's own value must lie within the bounds.
    pub checks_base: bool,
}

/// The kinds: as PhysiCell names them, without regard to case, and as a scenario does.
const KINDS: &[(&str, &str)] = &[
    ("Uniform", "uniform"),
    ("LogUniform", "log-uniform"),
    ("Normal", "normal"),
    ("LogNormal", "log-normal"),
    ("Log10Normal", "log10-normal"),
];

/// Those of a definition, in their order; of one behavior the last.
pub fn read(definition: Element<'_>) -> Vec<Distribution> {
    let mut found: Vec<Distribution> = Vec::new();
    // What does not say `enabled` is.
    let is_on =
        |element: &Element<'_>| element.attribute("enabled").is_none_or(super::xml::is_true);
    let list = definition.child("initial_parameter_distributions");
    for element in list
        .into_iter()
        .filter(is_on)
        .flat_map(|list| list.each("distribution"))
    {
        if !is_on(&element) {
            continue;
        }
        if let Some(distribution) = one(element) {
            let is_same = |other: &Distribution| {
                rules::dictionary::normal(&other.behavior)
                    == rules::dictionary::normal(&distribution.behavior)
            };
            if found.iter().any(is_same) {
                element.note("takes the place of the one above for the same behavior");
                found.retain(|other| !is_same(other));
            }
            found.push(distribution);
        }
    }
    found
}

fn one(element: Element<'_>) -> Option<Distribution> {
    let name = element.attribute("type").unwrap_or("");
    let kind = KINDS.iter().find(|kind| kind.0.eq_ignore_ascii_case(name));
    let Some(&(_, kind)) = kind else {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.0).collect();
        element.complain(
            format!("there is no distribution `{name}`"),
            format!("known ones: {}", known.join(", ")),
        );
        return None;
    };
    let behavior = match element.needed("behavior")?.text() {
        "" => {
            element.complain("the behavior is empty", "name one, or \"Volume\"");
            return None;
        }
        name if name.eq_ignore_ascii_case("volume") => "volume",
        name => name,
    };
    let mut distribution = Distribution {
        behavior: behavior.to_owned(),
        kind,
        min: None,
        max: None,
        mu: None,
        sigma: None,
        checks_base: element
            .attribute("check_base")
            .is_none_or(super::xml::is_true),
    };
    let is_uniform = kind.ends_with("uniform");
    if is_uniform {
        let range = match kind {
            "log-uniform" => Range::Positive,
            _ => Range::Any,
        };
        distribution.min = Some(element.needed_number("min", range));
        distribution.max = Some(element.needed_number("max", range));
    } else {
        distribution.mu = Some(element.needed_number("mu", Range::Any));
        distribution.sigma = Some(element.needed_number("sigma", Range::NotNegative));
        let range = match kind {
            "normal" => Range::Any,
            _ => Range::NotNegative,
        };
        distribution.min = element.number_of("lower_bound", range);
        distribution.max = element.number_of("upper_bound", range);
    }
    if let (Some(min), Some(max)) = (distribution.min, distribution.max)
        && (min > max || (min == max && !is_uniform))
    {
        element.complain(
            format!("nothing lies between {min} and {max}"),
            "the lower bound comes first",
        );
    }
    Some(distribution)
}
