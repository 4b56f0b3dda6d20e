//! The deaths of a definition.

use super::super::defaults::GENERIC_DEATH;
use super::super::xml::Element;
use super::{CellType, Reader};
use crate::scenario::file::quantity::Range;

/// What PhysiCell waits at the longest, min.
const FOREVER: f64 = 9e99;

impl Reader<'_> {
    /// Reads `<death>`.
    pub(super) fn deaths(
        &mut self,
        cell_type: &mut CellType,
        phenotype: Element<'_>,
        origin: Option<&CellType>,
    ) {
        let models = phenotype.child("death");
        for element in models.into_iter().flat_map(|death| death.each("model")) {
            let Some(model) = model(element) else {
                continue;
            };
            let death = &mut cell_type.deaths[model];
            // The parameters of a definition without a parent are not those of its model.
            *death = origin.map_or(GENERIC_DEATH, |origin| origin.deaths[model]);
            let rate = ["rate", "death_rate"];
            let Some(rate) = rate.iter().find_map(|name| element.child(name)) else {
                death.rate = 0.0;
                element.note(
                    "without a death_rate, PhysiCell takes the rate 0 and reads nothing else of \
                     the model",
                );
                continue;
            };
            death.rate = rate.number(Range::NotNegative);
            if let Some(own) = element.child("parameters") {
                let range = Range::NotNegative;
                for (name, place) in [
                    (
                        "unlysed_fluid_change_rate",
                        &mut death.unlysed_fluid_change_rate,
                    ),
                    (
                        "lysed_fluid_change_rate",
                        &mut death.lysed_fluid_change_rate,
                    ),
                    (
                        "cytoplasmic_biomass_change_rate",
                        &mut death.cytoplasmic_change_rate,
                    ),
                    (
                        "nuclear_biomass_change_rate",
                        &mut death.nuclear_change_rate,
                    ),
                    ("calcification_rate", &mut death.calcification_rate),
                    (
                        "relative_rupture_volume",
                        &mut death.relative_rupture_volume,
                    ),
                ] {
                    own.set(name, range, place);
                }
            }
            let phases = &mut self.deaths[model];
            let count = phases.len();
            let mut set =
                |element: Element<'_>, start: i64, end: i64, duration: f64| match usize::try_from(
                    start,
                )
                .ok()
                .filter(|&start| start < count)
                {
                    Some(start) if end == start as i64 + 1 => {
                        phases[start] = (duration.min(FOREVER), element.has("fixed_duration"));
                    }
                    _ => element.complain(
                        format!("there is no transition from phase {start} to phase {end}"),
                        match model {
                            0 => "apoptosis has 0 to 1",
                            _ => "necrosis has 0 to 1, 1 to 2",
                        },
                    ),
                };
            let group = ["transition_rates", "phase_transition_rates"];
            let group = group.iter().find_map(|name| element.child(name));
            for rate in group.into_iter().flat_map(|group| group.each("rate")) {
                let value = rate.number(Range::NotNegative);
                set(
                    rate,
                    rate.index("start_index"),
                    rate.index("end_index"),
                    1.0 / value,
                );
            }
            let group = element.child("phase_durations");
            for duration in group.into_iter().flat_map(|group| group.each("duration")) {
                let value = duration.number(Range::NotNegative);
                let start = duration.index("index");
                set(duration, start, start.saturating_add(1), value);
            }
        }
    }
}

/// Apoptosis 0, necrosis 1.
fn model(element: Element<'_>) -> Option<usize> {
    let code = element.attribute("code").filter(|code| !code.is_empty());
    let name = element.attribute("name").unwrap_or("");
    let code = match (code, name) {
        (Some(_), _) => element.index("code"),
        (None, "apoptosis" | "Apoptosis") => 100,
        (None, "necrosis" | "Necrosis") => 101,
        (None, _) => -1,
    };
    match code {
        100 => return Some(0),
        101 => return Some(1),
        102 => element.note("as in PhysiCell, autophagy is left out"),
        _ => element.complain(
            format!("there is no death model `{name}`"),
            "known codes: 100 (apoptosis), 101 (necrosis)",
        ),
    }
    None
}
