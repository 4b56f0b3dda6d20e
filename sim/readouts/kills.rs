//! Kills: how many, by how many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Key, Measure, Point, Total, Unit};
use crate::output::{Event, EventKind, Frame, Vitality};
use crate::simulation::Simulation;

/// Kills, over the time that there were effectors to kill.
pub const PER_CELL_DAY: Measure = Measure {
    name: "kills per cell and day",
    meaning: "Kills by `effectors` among `target`, per live effector and day.",
    keys: &[Key::Effectors, Key::Target],
    unit: Unit::Of("1/d per cell"),
    along: None,
    open: |asked, _| {
        Box::new(PerCellDay {
            effectors: asked.types(Key::Effectors).to_vec(),
            target: asked.number_of(Key::Target),
            kills: 0,
            cell_days: 0.0,
        })
    },
};

/// Kills, over the effectors that there were.
pub const PER_EFFECTOR: Measure = Measure {
    name: "kills per effector",
    meaning: "Mean number of kills among `target` by a cell of `effectors`, over all that were ever in the tissue.",
    keys: &[Key::Effectors, Key::Target],
    unit: Unit::Of("kills per cell"),
    along: None,
    open: |asked, _| {
        let kills = Serial::new(asked.types(Key::Effectors), asked.number_of(Key::Target));
        Box::new(Mean(kills))
    },
};

/// How many effectors killed so often.
pub const HISTOGRAM: Measure = Measure {
    name: "kill histogram",
    meaning: "How many cells of `effectors` killed 0, 1, 2, … of `target`.",
    keys: &[Key::Effectors, Key::Target],
    unit: Unit::Of("cells"),
    along: Some("kills"),
    open: |asked, _| {
        let kills = Serial::new(asked.types(Key::Effectors), asked.number_of(Key::Target));
        Box::new(Histogram(kills))
    },
};

/// Whether an event is a kill of a target by an effector.
fn is_kill(event: &Event, effectors: &[usize], target: usize) -> bool {
    event.kind == EventKind::Kill
        && effectors.contains(&usize::from(event.cell_type))
        && event.partner_type.map(usize::from) == Some(target)
}

#[derive(Debug, Serialize, Deserialize)]
struct PerCellDay {
    effectors: Vec<usize>,
    target: usize,
    kills: u64,
    /// Live effectors times d.
    cell_days: f64,
}

impl Total for PerCellDay {
    fn observe(&mut self, simulation: &Simulation, step: f64) {
        let roster = simulation.roster();
        let live = |&kind: &usize| {
            let ranks = roster.of_type[kind].iter();
            ranks
                .filter(|&&rank| roster.vitality[rank as usize] == Vitality::Live)
                .count()
        };
        let live = self.effectors.iter().map(live).sum::<usize>();
        self.cell_days += live as f64 * step / 1440.0;
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        let kills = frame.events.iter();
        let kills = kills.filter(|event| is_kill(event, &self.effectors, self.target));
        self.kills += kills.count() as u64;
    }

    fn finish(&self) -> Vec<Point> {
        let is_any = self.cell_days > 0.0;
        vec![Point::number(
            is_any.then(|| self.kills as f64 / self.cell_days),
        )]
    }
}

/// Kills by each effector that was ever in the tissue, whatever became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Serial {
    effectors: Vec<usize>,
    target: usize,
    /// By id.
    kills: BTreeMap<u64, u64>,
}

impl Serial {
    /// Nobody has been seen yet.
    pub fn new(effectors: &[usize], target: usize) -> Serial {
        Serial {
            effectors: effectors.to_vec(),
            target,
            kills: BTreeMap::new(),
        }
    }

    /// Sees a frame. Who came and went between two frames is known from events.
    pub fn see(&mut self, frame: &Frame<'_>) {
        let cells = frame.cells;
        let living = cells.id.iter().zip(&cells.cell_type).zip(&cells.state);
        let living = living.filter(|(_, state)| **state == Vitality::Live);
        let come = frame.events.iter().filter_map(|event| match event.kind {
            EventKind::Arrival => Some((event.cell, event.cell_type)),
            EventKind::Division => event.partner.zip(event.partner_type),
            EventKind::Transformation => Some(event.cell).zip(event.partner_type),
            _ => None,
        });
        let there = living.map(|((&id, &kind), _)| (id, kind)).chain(come);
        for (id, kind) in there {
            if self.effectors.contains(&usize::from(kind)) {
                self.kills.entry(id).or_default();
            }
        }
        for event in frame.events {
            if is_kill(event, &self.effectors, self.target) {
                *self.kills.entry(event.cell).or_default() += 1;
            }
        }
    }

    /// Kills of a mean effector; `None` if there was none.
    pub fn mean(&self) -> Option<f64> {
        let kills: u64 = self.kills.values().sum();
        (!self.kills.is_empty()).then(|| kills as f64 / self.kills.len() as f64)
    }

    /// `[kills]`: effectors; up to the most kills there are.
    pub fn histogram(&self) -> Vec<u64> {
        let most = self.kills.values().max();
        let mut cells = vec![0; most.map_or(0, |&most| most as usize + 1)];
        for &kills in self.kills.values() {
            cells[kills as usize] += 1;
        }
        cells
    }
}

#[derive(Serialize, Deserialize)]
struct Mean(Serial);

impl Total for Mean {
    fn frame(&mut self, frame: &Frame<'_>) {
        self.0.see(frame);
    }

    fn finish(&self) -> Vec<Point> {
        vec![Point::number(self.0.mean())]
    }
}

#[derive(Serialize, Deserialize)]
struct Histogram(Serial);

impl Total for Histogram {
    fn frame(&mut self, frame: &Frame<'_>) {
        self.0.see(frame);
    }

    fn finish(&self) -> Vec<Point> {
        let cells = self.0.histogram();
        let kills: Vec<f64> = (0..cells.len()).map(|kills| kills as f64).collect();
        let cells = cells.into_iter().map(|cells| Some(cells as f64)).collect();
        Point::curve(&kills, cells)
    }
}
