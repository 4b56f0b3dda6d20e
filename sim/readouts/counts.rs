//! How many cells there are.

use super::{Key, Measure, Point, Unit, of_frames};
use crate::output::{CellTable, Vitality};

/// Cells of a type in a state, frame by frame.
pub const COUNT: Measure = Measure {
    name: "count",
    meaning: "Cells of `type` in `state`.",
    keys: &[Key::Type, Key::State],
    unit: Unit::Of("cells"),
    along: None,
    open: |asked, scenario| {
        let (kind, state) = (asked.number_of(Key::Type), asked.state());
        of_frames(scenario, move |frame| {
            vec![Point::number(Some(count(frame.cells, kind, state) as f64))]
        })
    },
};

/// Cells of a type in a state.
pub fn count(cells: &CellTable, cell_type: usize, state: Vitality) -> usize {
    let all = cells.cell_type.iter().zip(&cells.state);
    all.filter(|(kind, own)| usize::from(**kind) == cell_type && **own == state)
        .count()
}
