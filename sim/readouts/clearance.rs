//! Time to clearance: since when a type is gone.

use serde::{Deserialize, Serialize};

use super::{Key, Measure, Point, Total, Unit, counts::count};
use crate::output::{Frame, Vitality};
use crate::simulation::Simulation;

/// When the live cells of a type came down to a threshold for good.
pub const TIME: Measure = Measure {
    name: "time to clearance",
    meaning: "When live cells of `type` came down to `threshold` and stayed there to the end; censored where they did not.",
    keys: &[Key::Type, Key::Threshold],
    unit: Unit::Of("min"),
    along: None,
    open: |asked, _| {
        Box::new(Clearance::new(
            asked.number_of(Key::Type),
            asked.value(Key::Threshold),
        ))
    },
};

/// Since when a count is at or below a threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clearance {
    cell_type: usize,
    /// Cells.
    threshold: f64,
    /// min.
    since: Option<f64>,
}

impl Clearance {
    /// Nothing has been seen yet.
    pub fn new(cell_type: usize, threshold: f64) -> Clearance {
        Clearance {
            cell_type,
            threshold,
            since: None,
        }
    }

    /// Sees a count.
    pub fn see(&mut self, time: f64, live: usize) {
        match live as f64 <= self.threshold {
            true => _ = self.since.get_or_insert(time),
            false => self.since = None,
        }
    }
}

impl Total for Clearance {
    /// Seen after every mechanics step, so that the time is as fine as the step.
    fn observe(&mut self, simulation: &Simulation, _: f64) {
        let roster = simulation.roster();
        let ranks = roster.of_type[self.cell_type].iter();
        let live = ranks.filter(|&&rank| roster.vitality[rank as usize] == Vitality::Live);
        self.see(simulation.time(), live.count());
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        let live = count(frame.cells, self.cell_type, Vitality::Live);
        self.see(frame.time, live);
    }

    fn finish(&self) -> Vec<Point> {
        vec![Point {
            censored: self.since.is_none(),
            ..Point::number(self.since)
        }]
    }
}
