//! Tracks of free cells: speed, displacement, turning.
//!
//! A track is cut into windows of one lag, end to end, so that no displacement counts twice. A cell
//! that another presses is not free and loses its track. Means are over all windows of all cells.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Asked, Key, Measure, Meter, Point, Total, Unit, distance, slope};
use crate::output::Vitality;
use crate::scenario::Scenario;
use crate::simulation::Simulation;

/// Tracks are sampled this often, min: the frame interval of the two-photon tracks they are
/// compared with (24 s).
pub const SAMPLE: f64 = 0.4;

/// Path by time.
pub const SPEED: Measure = Measure {
    name: "mean speed",
    meaning: "Mean speed of free cells of `type` along their tracks, sampled every 0.4 min.",
    keys: &[Key::Type],
    unit: Unit::Of("µm/min"),
    along: None,
    open: |asked, scenario| open(asked, scenario, &[20.0 * SAMPLE], Of::Speed),
};

/// Squared displacement by time.
pub const MOTILITY: Measure = Measure {
    name: "motility coefficient",
    meaning: "Mean squared displacement of free cells of `type` after `lag`, over 2 · dimensions · lag.",
    keys: &[Key::Type, Key::Lag],
    unit: Unit::Of("µm²/min"),
    along: None,
    open: |asked, scenario| open(asked, scenario, asked.values(Key::Lag), Of::Motility),
};

/// Squared displacement by lag.
pub const DISPLACEMENT: Measure = Measure {
    name: "mean squared displacement",
    meaning: "Mean squared displacement of free cells of `type` after each of `lags`.",
    keys: &[Key::Type, Key::Lags],
    unit: Unit::Of("µm²"),
    along: Some("min"),
    open: |asked, scenario| open(asked, scenario, asked.values(Key::Lags), Of::Displacement),
};

/// How squared displacement grows.
pub const EXPONENT: Measure = Measure {
    name: "displacement exponent",
    meaning: "α of mean squared displacement ∝ lag^α, from the line through its logarithms at `lags`: 1 for diffusion, 2 for straight motion.",
    keys: &[Key::Type, Key::Lags],
    unit: Unit::Of("1"),
    along: None,
    open: |asked, scenario| open(asked, scenario, asked.values(Key::Lags), Of::Exponent),
};

/// How far a cell keeps its direction.
pub const TURNING: Measure = Measure {
    name: "turning cosine",
    meaning: "Mean cosine of the angle between the displacements of free cells of `type` in one `lag` and in the next: 1 for straight motion, 0 for none that lasts.",
    keys: &[Key::Type, Key::Lag],
    unit: Unit::Of("1"),
    along: None,
    open: |asked, scenario| open(asked, scenario, asked.values(Key::Lag), Of::Turning),
};

fn open(asked: &Asked, scenario: &Scenario, lags: &[f64], of: Of) -> Box<dyn Meter> {
    Box::new(Tracks {
        cell_type: asked.number_of(Key::Type),
        dimensions: f64::from(scenario.domain.dimensions),
        of,
        walks: lags.iter().map(|&lag| Walk::new(lag)).collect(),
    })
}

/// What is told of tracks.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Of {
    Speed,
    Motility,
    Displacement,
    Exponent,
    Turning,
}

#[derive(Debug, Serialize, Deserialize)]
struct Tracks {
    cell_type: usize,
    dimensions: f64,
    of: Of,
    /// `[lag]`.
    walks: Vec<Walk>,
}

impl Total for Tracks {
    fn observe(&mut self, simulation: &Simulation, step: f64) {
        let (before, time) = ((simulation.time() - step).max(0.0), simulation.time());
        let sample = |time: f64| (time / SAMPLE + 1e-9).floor();
        if sample(time) <= sample(before) {
            return;
        }
        let (roster, tissue) = (simulation.roster(), simulation.tissue());
        let ranks = roster.of_type[self.cell_type].iter();
        let cells: Vec<(u64, [f64; 3], bool)> = ranks
            .map(|&rank| {
                let rank = rank as usize;
                let is_live = roster.vitality[rank] == Vitality::Live;
                let is_free = is_live && tissue.pressure(rank) == 0.0;
                (tissue.ids()[rank], tissue.position(rank), is_free)
            })
            .collect();
        for walk in &mut self.walks {
            walk.sample(time, &cells);
        }
    }

    fn finish(&self) -> Vec<Point> {
        let first = &self.walks[0];
        let number = match self.of {
            Of::Speed => first.speed(),
            Of::Motility => first.spreading().map(|it| it / (2.0 * self.dimensions)),
            Of::Turning => first.turning(),
            Of::Exponent => {
                let logs: Option<Vec<(f64, f64)>> = self
                    .walks
                    .iter()
                    .map(|walk| Some((walk.lag.ln(), walk.displacement()?.ln())))
                    .collect();
                logs.and_then(|logs| slope(&logs))
            }
            Of::Displacement => {
                let lags: Vec<f64> = self.walks.iter().map(|walk| walk.lag).collect();
                let values = self.walks.iter().map(Walk::displacement).collect();
                return Point::curve(&lags, values);
            }
        };
        vec![Point::number(number)]
    }
}

/// Windows of one lag over tracks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Walk {
    /// min.
    pub lag: f64,
    /// When the present window began, min.
    since: f64,
    tracks: BTreeMap<u64, Track>,
    /// Sums over windows of path/time, of squared displacement/time, and of squared displacement.
    speed: f64,
    spreading: f64,
    squares: f64,
    windows: u64,
    /// Sum of cosines, over pairs of windows that follow each other.
    cosines: f64,
    turns: u64,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Track {
    start: [f64; 3],
    last: [f64; 3],
    path: f64,
    /// Displacement in the window before.
    before: Option<[f64; 3]>,
}

impl Walk {
    /// No track has begun yet.
    pub fn new(lag: f64) -> Walk {
        Walk {
            lag,
            since: 0.0,
            tracks: BTreeMap::new(),
            speed: 0.0,
            spreading: 0.0,
            squares: 0.0,
            windows: 0,
            cosines: 0.0,
            turns: 0,
        }
    }

    /// Adds a sample to every track: id, where it is, and whether it is free. A cell that is not
    /// loses its track; at the first sample after a lag tracks are counted, by the time that has
    /// really passed, and begun anew.
    pub fn sample(&mut self, time: f64, cells: &[(u64, [f64; 3], bool)]) {
        let passed = time - self.since;
        let ends = passed >= self.lag - 1e-9;
        if ends {
            self.since = time;
        }
        let mut going = std::mem::take(&mut self.tracks);
        for &(id, at, is_free) in cells {
            let track = going.remove(&id).map(|track| Track {
                path: track.path + distance(track.last, at),
                last: at,
                ..track
            });
            let goes_on = match (is_free, ends) {
                (false, _) => None,
                (true, false) => track,
                (true, true) => Some(Track {
                    start: at,
                    last: at,
                    path: 0.0,
                    before: track.map(|track| self.count(&track, passed)),
                }),
            };
            if let Some(track) = goes_on {
                self.tracks.insert(id, track);
            }
        }
    }

    /// Counts a window; its displacement.
    fn count(&mut self, track: &Track, passed: f64) -> [f64; 3] {
        let Track { start, last, .. } = *track;
        let far = distance(start, last);
        self.speed += track.path / passed;
        self.spreading += far * far / passed;
        self.squares += far * far;
        self.windows += 1;
        let moved: [f64; 3] = std::array::from_fn(|d| last[d] - start[d]);
        if let Some(before) = track.before {
            let along: f64 = (0..3).map(|d| before[d] * moved[d]).sum();
            let lengths = distance(before, [0.0; 3]) * far;
            // Who has not moved has no direction.
            if lengths > 0.0 {
                self.cosines += along / lengths;
                self.turns += 1;
            }
        }
        moved
    }

    fn mean(&self, sum: f64) -> Option<f64> {
        (self.windows > 0).then(|| sum / self.windows as f64)
    }

    /// Mean of path/time, µm/min.
    pub fn speed(&self) -> Option<f64> {
        self.mean(self.speed)
    }

    /// Mean of squared displacement/time, µm²/min.
    pub fn spreading(&self) -> Option<f64> {
        self.mean(self.spreading)
    }

    /// Mean squared displacement, µm².
    pub fn displacement(&self) -> Option<f64> {
        self.mean(self.squares)
    }

    /// Mean cosine of turns.
    pub fn turning(&self) -> Option<f64> {
        (self.turns > 0).then(|| self.cosines / self.turns as f64)
    }
}
