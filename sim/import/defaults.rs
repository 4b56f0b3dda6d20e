//! What PhysiCell 1.14.2 has before it reads a cell definition.
//!
//! Source: `initialize_default_cell_definition` and the standard models in
//! `core/PhysiCell_standard_models.cpp`; the constructors in `core/PhysiCell_phenotype.cpp`.

use super::cell_type::{
    Asymmetric, Bias, CellType, Cycle, Death, Exchange, Exit, Interactions, Mechanics, Motility,
    Volume,
};

/// A cycle model: the code PhysiCell gives it, its name there and here, and its phases: name,
/// exit rate in 1/min, and whether it takes exactly as long.
pub struct Model {
    /// As in `<cycle code="…">`.
    pub code: i64,
    /// As in `<cycle name="…">`.
    pub name: &'static str,
    /// As a scenario names it.
    pub here: &'static str,
    /// In their order, which is that of `start_index`; each leads to the next.
    pub phases: &'static [(&'static str, f64, bool)],
}

/// All of them.
pub const MODELS: &[Model] = &[
    Model {
        code: 0,
        name: "Ki67 (advanced)",
        here: "Ki67 advanced",
        phases: &[
            ("Ki67-", 1.0 / (3.62 * 60.0), false),
            ("Ki67+ premitotic", 1.0 / (13.0 * 60.0), true),
            ("Ki67+ postmitotic", 1.0 / (2.5 * 60.0), true),
        ],
    },
    Model {
        code: 1,
        name: "Ki67 (basic)",
        here: "Ki67 basic",
        phases: &[
            ("Ki67-", 1.0 / (4.59 * 60.0), false),
            ("Ki67+", 1.0 / (15.5 * 60.0), true),
        ],
    },
    Model {
        code: 2,
        name: "Flow cytometry model (basic)",
        here: "flow cytometry basic",
        phases: &[
            ("G0/G1", 0.00324, false),
            ("S", 0.00208, false),
            ("G2/M", 0.00333, false),
        ],
    },
    Model {
        code: 5,
        name: "Live",
        here: "live",
        phases: &[("Live", 0.0432 / 60.0, false)],
    },
    Model {
        code: 6,
        name: "Flow cytometry model (separated)",
        here: "flow cytometry separated",
        phases: &[
            ("G0/G1", 0.00335, false),
            ("S", 0.00208, false),
            ("G2", 0.00417, false),
            ("M", 0.0167, false),
        ],
    },
    Model {
        code: 7,
        name: "Cycling-Quiescent model",
        here: "cycling quiescent",
        phases: &[
            ("Quiescent", 1.0 / (4.59 * 60.0), false),
            ("Cycling", 1.0 / (15.5 * 60.0), true),
        ],
    },
];

/// The phases of the two death models that have an exit, with the time in min a dead cell spends
/// there and whether it is exactly that: one for apoptosis, two for necrosis. A necrotic cell
/// leaves the first when it has swollen enough.
pub const DEATH_PHASES: [&[(f64, bool)]; 2] = [
    &[(8.6 * 60.0, true)],
    &[(0.0, true), (60.0 * 24.0 * 60.0, true)],
];

/// What a death model of the first definition starts from.
pub const GENERIC_DEATH: Death = Death {
    rate: 0.0,
    unlysed_fluid_change_rate: 3.0 / 60.0,
    lysed_fluid_change_rate: 0.05 / 60.0,
    cytoplasmic_change_rate: 1.0 / 60.0,
    nuclear_change_rate: 0.35 / 60.0,
    calcification_rate: 0.0,
    relative_rupture_volume: 2.0,
};

const APOPTOSIS: Death = Death {
    rate: 0.00319 / 60.0,
    lysed_fluid_change_rate: 0.0,
    ..GENERIC_DEATH
};

const NECROSIS: Death = Death {
    rate: 0.0,
    unlysed_fluid_change_rate: 0.67 / 60.0,
    lysed_fluid_change_rate: 0.05 / 60.0,
    cytoplasmic_change_rate: 0.0032 / 60.0,
    nuclear_change_rate: 0.013 / 60.0,
    calcification_rate: 0.0042 / 60.0,
    relative_rupture_volume: 2.0,
};

/// The definition that all others start from.
pub fn cell_type(types: usize, substrates: usize) -> CellType {
    let model = 0;
    let volume = Volume::default();
    CellType {
        name: String::new(),
        cycle: Cycle {
            model,
            flags: 0,
            exits: exits(model),
        },
        asymmetric: Asymmetric {
            enabled: false,
            probabilities: vec![0.0; types],
        },
        deaths: [APOPTOSIS, NECROSIS],
        radius: volume.radius(),
        volume,
        mechanics: Mechanics::default_among(types),
        motility: Motility {
            enabled: false,
            speed: 1.0,
            persistence_time: 1.0,
            bias: 0.0,
            in_plane: false,
            follows: Bias::Nothing,
            substrate: 0,
            direction: 1,
            sensitivities: vec![0.0; substrates],
        },
        exchange: vec![Exchange::default(); substrates],
        interactions: Interactions::default_among(types),
        transformations: vec![0.0; types],
        damage_rate: 0.0,
        damage_repair_rate: 0.0,
        custom: Vec::new(),
        initial: Vec::new(),
    }
}

/// The exits of a model's phases, by its place in [`MODELS`].
pub fn exits(model: usize) -> Vec<Exit> {
    let phases = MODELS[model].phases.iter();
    phases.map(|&(_, rate, _)| Exit::Rate(rate)).collect()
}

/// Which of a model's phases take exactly their time.
pub fn fixed(model: usize) -> Vec<bool> {
    let phases = MODELS[model].phases.iter();
    phases.map(|&(_, _, fixed)| fixed).collect()
}
