//! What diffuses.
//!
//! Source: `setup_microenvironment_from_XML`, modules/PhysiCell_settings.cpp, and
//! `set_microenvironment_initial_condition`, BioFVM/BioFVM_microenvironment.cpp, 1.14.2.

use super::xml::Element;
use crate::scenario::file::quantity::Range;

/// A substrate.
#[derive(Debug, Clone, PartialEq)]
pub struct Substrate {
    /// Its name.
    pub name: String,
    /// As a scenario states it.
    pub unit: String,
    /// µm²/min.
    pub diffusion_coefficient: f64,
    /// 1/min.
    pub decay_rate: f64,
    /// At the start.
    pub initial: f64,
    /// At the faces x_min, x_max, y_min, y_max, z_min, z_max; `None` where nothing passes.
    pub faces: [Option<f64>; 6],
}

/// The names of faces in `boundary_value`.
const FACES: [&str; 6] = ["xmin", "xmax", "ymin", "ymax", "zmin", "zmax"];

/// All of them, in the order of the file.
pub fn read(setup: Element<'_>, is_flat: bool) -> Vec<Substrate> {
    let mut found: Vec<Substrate> = Vec::new();
    let mut is_gated = true;
    let mut only_faces = None;
    for element in setup.each("variable") {
        let name = element.attribute("name").unwrap_or("").to_owned();
        if name.is_empty() {
            element.complain("the substrate has no name", "write name=\"oxygen\"");
        } else if let Some(other) = found.iter().find(|other| is_one(&other.name, &name)) {
            element.complain(
                format!("`{}` and `{name}` are one name", other.name),
                "case, `_` and spaces do not tell names apart: rename one of them",
            );
        }
        let (mut diffusion_coefficient, mut decay_rate) = (0.0, 0.0);
        if let Some(physics) = element.needed("physical_parameter_set") {
            diffusion_coefficient =
                physics.needed_number("diffusion_coefficient", Range::NotNegative);
            decay_rate = physics.needed_number("decay_rate", Range::NotNegative);
        }
        let initial = match element.child("initial_condition") {
            Some(initial) => initial.number(Range::NotNegative),
            None => {
                element.note("without an initial_condition, PhysiCell begins with 0");
                0.0
            }
        };
        let boundary = element.child("Dirichlet_boundary_condition");
        let is_on = boundary.is_some_and(|boundary| boundary.has("enabled"));
        is_gated &= !is_on;
        let mut faces = [None; 6];
        if let Some(boundary) = boundary
            && is_on
        {
            faces = [Some(boundary.number(Range::NotNegative)); 6];
        }
        let options = element.child("Dirichlet_options");
        for option in options
            .into_iter()
            .flat_map(|options| options.each("boundary_value"))
        {
            let id = option.attribute("ID").unwrap_or("");
            let is_on = option.has("enabled");
            if !FACES.iter().any(|face| id.contains(face)) {
                option.complain(
                    format!("there is no boundary `{id}`"),
                    format!("write one of {}", FACES.join(", ")),
                );
            }
            for (face, name) in faces.iter_mut().zip(FACES) {
                if id.contains(name) {
                    *face = is_on.then(|| option.number(Range::NotNegative));
                }
            }
            if is_on && !(is_flat && id.starts_with('z')) {
                only_faces.get_or_insert(option);
            }
        }
        if is_flat {
            faces[4..].fill(None);
        }
        found.push(Substrate {
            name,
            unit: unit(element),
            diffusion_coefficient,
            decay_rate,
            initial,
            faces,
        });
    }
    // A quirk: faces count only once some substrate has its condition enabled as a whole.
    if is_gated {
        for substrate in &mut found {
            substrate.faces = [None; 6];
        }
        if let Some(option) = only_faces {
            option.note(
                "as in PhysiCell, boundary values do nothing while no substrate has its \
                 Dirichlet_boundary_condition enabled",
            );
        }
    }
    found
}

/// Whether a scenario would take two names for one.
pub fn is_one(a: &str, b: &str) -> bool {
    rules::dictionary::normal(a) == rules::dictionary::normal(b)
}

/// The unit of a substrate: the one stated, if it is one.
fn unit(element: Element<'_>) -> String {
    let text = element.attribute("units").unwrap_or("");
    match text {
        "" | "1" | "dimensionless" | "none" | "unitless" => "1".into(),
        text if rules::Unit::parse(text).is_ok() => text.to_owned(),
        text => {
            element.note(format!(
                "the unit `{text}` is not known: a pure number is taken"
            ));
            "1".into()
        }
    }
}
