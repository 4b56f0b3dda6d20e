//! What the engine can hold: checked once, so that nothing wraps or clamps inside.

use rules::{Rule, dictionary::normal};

use crate::{scenario::Scenario, semantics::Semantics};

/// Cells of one stream in one mechanics step, on average.
const MOST_ARRIVALS: f64 = 10_000.0;

/// Rules, models and pairs of types with rules: their numbers key random draws of eight bits.
const MOST_RULES: usize = 255;

/// Cell types: with three states each they are groups of sixteen bits.
const MOST_TYPES: usize = 20_000;

/// Diffusion steps in a mechanics step: a run answers to its user once in each.
const MOST_TICKS_OF_MECHANICS: f64 = 1e6;

/// Diffusion steps of a run: births count them in 32 bits; at 0.01 min they are 76 years.
const MOST_TICKS: f64 = 4e9;

/// Phases of a cycle: counted in eight bits.
const MOST_PHASES: usize = 255;

/// Refuses what does not fit.
pub fn check(scenario: &Scenario, rules: &[Box<dyn Rule>]) -> Result<(), String> {
    let count: usize = rules.iter().map(|rule| rule.numbers()).sum();
    if count > MOST_RULES {
        return Err(format!(
            "{} groups of rules are too many; {MOST_RULES} are possible\n  \
             one group is the rules of one cell type with one clock",
            count
        ));
    }
    if scenario.cell_types.len() > MOST_TYPES {
        return Err(format!("more than {MOST_TYPES} cell types are too many"));
    }
    let clocks = &scenario.clocks;
    for (what, long, most) in [
        (
            "a mechanics step",
            clocks.mechanics,
            MOST_TICKS_OF_MECHANICS,
        ),
        ("the run", scenario.duration, MOST_TICKS),
    ] {
        let ticks = long / clocks.diffusion;
        if ticks > most {
            return Err(format!(
                "{what} has {ticks:.1e} diffusion steps of {} min; at most {most:.0e} are possible\n  \
                 lengthen clocks.diffusion",
                clocks.diffusion
            ));
        }
    }
    for arrival in &scenario.arrivals {
        let mean = arrival.rate * scenario.clocks.mechanics;
        if mean > MOST_ARRIVALS {
            return Err(format!(
                "arrivals.{}: {} 1/min are {mean} cells in one mechanics step; at most {MOST_ARRIVALS} are possible\n  \
                 lower the rate",
                arrival.name, arrival.rate
            ));
        }
    }
    for cell_type in &scenario.cell_types {
        let name = &cell_type.name;
        if cell_type.cycle.phases.len() > MOST_PHASES {
            return Err(format!(
                "cell_types.\"{name}\".cycle: more than {MOST_PHASES} phases are too many"
            ));
        }
        if scenario.semantics == Semantics::PhysiCell {
            // Which cuts volumes at zero there too.
            continue;
        }
        // An explicit step of a volume longer than its own time would overshoot, and be cut at zero.
        let volume = &cell_type.volume;
        let of_death = [&cell_type.apoptosis, &cell_type.necrosis]
            .into_iter()
            .flat_map(|death| {
                [
                    death.unlysed_fluid_change_rate,
                    death.lysed_fluid_change_rate,
                    death.cytoplasmic_change_rate,
                    death.nuclear_change_rate,
                    death.calcification_rate,
                ]
            });
        let fastest = [
            volume.fluid_change_rate,
            volume.cytoplasmic_change_rate,
            volume.nuclear_change_rate,
            volume.calcification_rate,
        ]
        .into_iter()
        .chain(of_death)
        .fold(0.0, f64::max);
        if fastest * scenario.clocks.phenotype > 1.0 {
            return Err(format!(
                "cell_types.\"{name}\": a volume changes at {fastest} 1/min, too fast for a phenotype step of {} min\n  \
                 shorten clocks.phenotype to {} min or less, or slow the change",
                scenario.clocks.phenotype,
                1.0 / fastest
            ));
        }
    }
    check_units(scenario)
}

/// One custom number has one unit, whichever types carry it: a rule reads it by name alone.
fn check_units(scenario: &Scenario) -> Result<(), String> {
    let types = &scenario.cell_types;
    let all: Vec<_> = types
        .iter()
        .flat_map(|cell_type| {
            cell_type
                .custom
                .iter()
                .map(move |custom| (cell_type, custom))
        })
        .collect();
    for (at, (cell_type, custom)) in all.iter().enumerate() {
        let before = all[..at]
            .iter()
            .find(|(_, other)| normal(&other.name) == normal(&custom.name));
        if let Some((first, other)) = before
            && other.unit.factor_to(&custom.unit) != Ok(1.0)
        {
            return Err(format!(
                "custom:{} is in {} for `{}`, but in {} for `{}`\n  give it one unit",
                custom.name, other.unit, first.name, custom.unit, cell_type.name
            ));
        }
    }
    Ok(())
}
