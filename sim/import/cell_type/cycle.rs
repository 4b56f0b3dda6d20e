//! The cycle of a definition.

use super::super::defaults::{self, MODELS};
use super::super::xml::Element;
use super::{CellType, Exit, Reader};
use crate::scenario::file::quantity::Range;

impl Reader<'_> {
    /// Reads `<cycle>`. `own` is the place of the definition's own flags of fixed phases.
    pub(super) fn cycle(
        &mut self,
        cell_type: &mut CellType,
        phenotype: Element<'_>,
        origin: Option<&CellType>,
        own: usize,
    ) {
        let Some(element) = phenotype.child("cycle") else {
            if origin.is_none() {
                phenotype.note(format!(
                    "there is no <cycle>, and so the cycle is PhysiCell's default, {}",
                    MODELS[cell_type.cycle.model].name
                ));
            }
            return;
        };
        let cycle = &mut cell_type.cycle;
        let code = element.attribute("code").filter(|code| !code.is_empty());
        let name = element.attribute("name").unwrap_or("");
        let named = MODELS
            .iter()
            .position(|model| lower_first(model.name) == lower_first(name));
        match (code, named) {
            (Some(_), _) => {
                let Some(model) = model(element) else {
                    return;
                };
                // Rates come along from a definition of the same model, flags do not.
                if origin.is_none_or(|origin| origin.cycle.model != model) {
                    cycle.exits = defaults::exits(model);
                }
                cycle.model = model;
                cycle.flags = own;
                self.flags[own] = defaults::fixed(model);
            }
            (None, Some(named)) => {
                if named != cycle.model {
                    element.note(format!(
                        "without a code, PhysiCell does not go by the name: the model stays {}",
                        MODELS[cycle.model].name
                    ));
                }
            }
            (None, None) => {
                let known: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
                element.complain(
                    format!("there is no cycle model `{name}`"),
                    format!("state a code, or one of: {}", known.join(", ")),
                );
                return;
            }
        }
        let phases = MODELS[cycle.model].phases.len();
        let flags = &mut self.flags[cycle.flags];
        let group = ["transition_rates", "phase_transition_rates"];
        let group = group.iter().find_map(|name| element.child(name));
        for rate in group.unwrap_or(element).each("rate") {
            let (start, end) = (rate.index("start_index"), rate.index("end_index"));
            let value = rate.number(Range::NotNegative);
            match usize::try_from(start).ok().filter(|&start| start < phases) {
                Some(start) if end == ((start + 1) % phases) as i64 => {
                    cycle.exits[start] = Exit::Rate(value);
                    flags[start] = rate.has("fixed_duration");
                }
                _ => rate.complain(
                    format!("there is no transition from phase {start} to phase {end}"),
                    ring(cycle.model),
                ),
            }
        }
        let group = element.child("phase_durations");
        for duration in group.unwrap_or(element).each("duration") {
            let start = duration.index("index");
            let value = duration.number(Range::NotNegative);
            match usize::try_from(start).ok().filter(|&start| start < phases) {
                Some(start) => {
                    // As PhysiCell has it; only of a duration of next to nothing it makes a
                    // difference.
                    cycle.exits[start] = match value + 1e-16 == value {
                        true => Exit::Duration(value),
                        false => Exit::Rate(1.0 / (value + 1e-16)),
                    };
                    flags[start] = duration.has("fixed_duration");
                }
                None => duration.complain(format!("there is no phase {start}"), ring(cycle.model)),
            }
        }
        if let Some(division) = element.child("standard_asymmetric_division")
            && division.has("enabled")
        {
            cell_type.asymmetric.enabled = true;
            let probabilities = &mut cell_type.asymmetric.probabilities;
            let item = "asymmetric_division_probability";
            self.by_type(Some(division), item, Range::Share, probabilities);
        }
    }
}

/// The model of a code.
fn model(element: Element<'_>) -> Option<usize> {
    let code = match element.index("code") {
        code @ (3 | 4) => {
            element.note(format!(
                "PhysiCell takes the model Live for the code {code}"
            ));
            5
        }
        code => code,
    };
    let found = MODELS.iter().position(|model| model.code == code);
    if found.is_none() {
        let known: Vec<String> = MODELS
            .iter()
            .map(|model| format!("{} ({})", model.code, model.name))
            .collect();
        element.complain(
            format!("there is no cycle model of the code {code}"),
            format!("known codes: {}", known.join(", ")),
        );
    }
    found
}

/// PhysiCell knows each name with its first letter large or small.
fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// What the transitions of a model are.
fn ring(model: usize) -> String {
    let model = &MODELS[model];
    let count = model.phases.len();
    let links: Vec<String> = (0..count)
        .map(|start| format!("{start} to {}", (start + 1) % count))
        .collect();
    format!("the model {} has {}", model.name, links.join(", "))
}
