//! PhysiCell's numbers for cycles, deaths and their phases.
//! Source: `core/PhysiCell_constants.cpp` of PhysiCell 1.14.2.

use crate::output::Vitality;
use crate::scenario::CellType;

/// A model or a phase that PhysiCell has no number for.
const CUSTOM: u16 = 9999;

/// A cycle by the name of its model, its code, and the codes of its phases.
const CYCLES: &[(&str, u16, &[u16])] = &[
    ("Ki67 advanced", 0, &[3, 0, 1]),
    ("Ki67 basic", 1, &[3, 2]),
    ("flow cytometry basic", 2, &[4, 10, 11]),
    ("live", 5, &[14]),
    // PhysiCell has no type without a cycle: those that do not divide have this one, at rate 0.
    ("none", 5, &[14]),
    ("flow cytometry separated", 6, &[4, 10, 12, 13]),
    ("cycling quiescent", 7, &[18, 17]),
];

/// Code of the model that moves a cell on, and of its phase.
pub fn of(cell_type: &CellType, vitality: Vitality, phase: u8) -> [f64; 2] {
    let codes = match (vitality, phase) {
        (Vitality::Apoptotic, _) => [100, 100],
        (Vitality::Necrotic, 0) => [101, 101],
        (Vitality::Necrotic, _) => [101, 102],
        (Vitality::Live, number) => {
            let model = &cell_type.cycle.model;
            let cycle = CYCLES.iter().find(|(name, ..)| name == model);
            cycle.map_or([CUSTOM; 2], |(_, code, phases)| {
                let phase = phases.get(usize::from(number));
                [*code, phase.copied().unwrap_or(CUSTOM)]
            })
        }
    };
    codes.map(f64::from)
}
