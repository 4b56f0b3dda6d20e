//! The cycle models that have a name, with the phases and rates of PhysiCell 1.14.2.
//! Source: Ghaffarizadeh et al. 2018, doi:10.1371/journal.pcbi.1005991; rates as in
//! `core/PhysiCell_standard_models.cpp`.

use super::Phase;
use super::file::cell_type::Model;

/// One phase of a ring: name, exit rate (1/min), fixed, divides, grows.
type Row = (&'static str, f64, bool, bool, bool);

const LIVE: &[Row] = &[("Live", 0.0432 / 60.0, false, true, true)];

const KI67_BASIC: &[Row] = &[
    ("Ki67-", 1.0 / (4.59 * 60.0), false, false, false),
    ("Ki67+", 1.0 / (15.5 * 60.0), true, true, true),
];

const KI67_ADVANCED: &[Row] = &[
    ("Ki67-", 1.0 / (3.62 * 60.0), false, false, false),
    ("Ki67+ premitotic", 1.0 / (13.0 * 60.0), true, true, true),
    ("Ki67+ postmitotic", 1.0 / (2.5 * 60.0), true, false, false),
];

const FLOW_CYTOMETRY_BASIC: &[Row] = &[
    ("G0/G1", 0.00324, false, false, false),
    ("S", 0.00208, false, false, true),
    ("G2/M", 0.00333, false, true, false),
];

const FLOW_CYTOMETRY_SEPARATED: &[Row] = &[
    ("G0/G1", 0.00335, false, false, false),
    ("S", 0.00208, false, false, true),
    ("G2", 0.00417, false, false, false),
    ("M", 0.0167, false, true, false),
];

const CYCLING_QUIESCENT: &[Row] = &[
    ("Quiescent", 1.0 / (4.59 * 60.0), false, false, false),
    ("Cycling", 1.0 / (15.5 * 60.0), true, true, true),
];

/// A model's name and phases; a custom one has those of the file, which are not known here.
pub fn model(model: Model) -> (&'static str, Vec<Phase>) {
    let (name, rows): (_, &[Row]) = match model {
        Model::None => ("none", &[]),
        Model::Live => ("live", LIVE),
        Model::Ki67Basic => ("Ki67 basic", KI67_BASIC),
        Model::Ki67Advanced => ("Ki67 advanced", KI67_ADVANCED),
        Model::FlowCytometryBasic => ("flow cytometry basic", FLOW_CYTOMETRY_BASIC),
        Model::FlowCytometrySeparated => ("flow cytometry separated", FLOW_CYTOMETRY_SEPARATED),
        Model::CyclingQuiescent => ("cycling quiescent", CYCLING_QUIESCENT),
        Model::Custom => ("custom", &[]),
    };
    let phases = rows.iter().enumerate();
    let phases = phases.map(
        |(number, &(name, exit_rate, fixed, divides, grows))| Phase {
            name: name.to_owned(),
            exit_rate,
            fixed,
            next: (number + 1) % rows.len(),
            divides,
            grows,
        },
    );
    (name, phases.collect())
}
