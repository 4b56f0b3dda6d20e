//! Contact fraction: the share of cells that touch a cell of another type.

use rstar::{RTree, primitives::GeomWithData};

use super::{Key, Measure, Point, Unit, of_frames};
use crate::output::{CellTable, Vitality};

/// Share of cells in contact, frame by frame.
pub const FRACTION: Measure = Measure {
    name: "contact fraction",
    meaning: "Share of live cells of `type` that touch a live cell of `target`: surfaces at most `gap` apart.",
    keys: &[Key::Type, Key::Target, Key::Gap],
    unit: Unit::Of("1"),
    along: None,
    open: |asked, scenario| {
        let (kind, target) = (asked.number_of(Key::Type), asked.number_of(Key::Target));
        let gap = asked.value(Key::Gap);
        of_frames(scenario, move |frame| {
            let [cells, others] = [kind, target].map(|kind| Balls::live(frame.cells, &[kind]));
            let share = fraction(&cells, &others, kind == target, gap);
            vec![Point::number(share)]
        })
    },
};

/// Cells as balls.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Balls {
    /// µm.
    pub centers: Vec<[f64; 3]>,
    /// µm.
    pub radii: Vec<f64>,
}

impl Balls {
    /// The live cells of some types.
    pub fn live(cells: &CellTable, types: &[usize]) -> Balls {
        let mut balls = Balls::default();
        for (row, (kind, state)) in cells.cell_type.iter().zip(&cells.state).enumerate() {
            if *state == Vitality::Live && types.contains(&usize::from(*kind)) {
                balls.centers.push(cells.position[row]);
                balls.radii.push(cells.radius[row]);
            }
        }
        balls
    }

    /// For each of `cells` those of these balls that touch it, ascending; itself too, if it is one.
    pub fn touching(&self, cells: &Balls, gap: f64) -> Vec<Vec<u32>> {
        let balls = self.centers.iter().zip(0..);
        let balls = balls.map(|(&center, number)| GeomWithData::new(center, number));
        let tree = RTree::bulk_load(balls.collect::<Vec<GeomWithData<[f64; 3], u32>>>());
        let widest = self.radii.iter().copied().fold(0.0, f64::max);
        let cells = cells.centers.iter().zip(&cells.radii);
        let touching = cells.map(|(&center, &radius)| {
            let farthest = radius + widest + gap;
            let mut numbers: Vec<u32> = tree
                .locate_within_distance(center, farthest * farthest)
                .filter(|other| {
                    let reach = radius + self.radii[other.data as usize] + gap;
                    super::distance(center, *other.geom()) <= reach
                })
                .map(|other| other.data)
                .collect();
            numbers.sort_unstable();
            numbers
        });
        touching.collect()
    }
}

/// The share of `cells` that touch one of `others`; where these are the same cells, one besides
/// itself. `None` if there are no cells.
pub fn fraction(cells: &Balls, others: &Balls, are_same: bool, gap: f64) -> Option<f64> {
    let touching = others.touching(cells, gap);
    let besides = usize::from(are_same);
    let in_contact = touching.iter().filter(|others| others.len() > besides);
    (!touching.is_empty()).then(|| in_contact.count() as f64 / touching.len() as f64)
}
