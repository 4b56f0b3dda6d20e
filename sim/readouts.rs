//! Emergent values: what a scenario never states but a published experiment has measured.
//!
//! Each is printed beside the published range, so that a reader sees at once whether the tissue as
//! a whole behaves, and not only its parameters.

use std::collections::BTreeMap;

use rstar::RTree;
use serde::{Deserialize, Serialize};

use crate::{
    output::{EventKind, Vitality, record::Reading},
    scenario::{Measure, Readout},
    simulation::Simulation,
};

/// Tracks are sampled this often, min: the frame interval of the two-photon tracks they are
/// compared with (24 s).
const SAMPLE: f64 = 0.4;

/// Fields are averaged in rings of this width around their sources, µm.
const RING: f64 = 5.0;

/// Profiles are read up to this distance from the sources, µm.
const REACH: f64 = 150.0;

/// All readouts of a run.
pub struct Readouts {
    meters: Vec<(Readout, Meter)>,
}

/// What one readout adds up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Meter {
    /// Kills, over time.
    Kills {
        /// By the effectors, of the target.
        kills: u64,
        /// Live effectors times d.
        cell_days: f64,
    },
    /// Displacements.
    Walk(Walk),
    /// Values at the frames of the second half of the run.
    Frames {
        /// Of the values.
        sum: f64,
        /// Their number.
        count: u32,
    },
}

/// Displacements of free cells over windows of one lag.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Walk {
    cell_type: usize,
    lag: f64,
    /// When the present window began, min.
    since: f64,
    tracks: BTreeMap<u64, Track>,
    /// Sums over windows of path/time and of squared displacement/time.
    speed: f64,
    spreading: f64,
    windows: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Track {
    start: [f64; 3],
    last: [f64; 3],
    path: f64,
}

impl Readouts {
    /// The readouts a scenario asks for.
    pub fn new(simulation: &Simulation) -> Readouts {
        let scenario = &simulation.plan().scenario;
        let meter = |readout: &Readout| {
            let meter = match &readout.measure {
                Measure::KillsPerCellDay { .. } => Meter::Kills {
                    kills: 0,
                    cell_days: 0.0,
                },
                Measure::MeanSpeed { cell_type } => {
                    Meter::Walk(Walk::new(*cell_type, 20.0 * SAMPLE))
                }
                Measure::MotilityCoefficient { cell_type, lag } => {
                    Meter::Walk(Walk::new(*cell_type, *lag))
                }
                Measure::FieldSpread { .. } | Measure::InfiltrationDepth { .. } => {
                    Meter::Frames { sum: 0.0, count: 0 }
                }
            };
            (readout.clone(), meter)
        };
        Readouts {
            meters: scenario.readouts.iter().map(meter).collect(),
        }
    }

    /// What each has added up so far, in the order of the scenario.
    pub fn meters(&self) -> Vec<Meter> {
        let meters = self.meters.iter();
        meters.map(|(_, meter)| meter.clone()).collect()
    }

    /// Goes on from what they had added up.
    pub fn restore(&mut self, meters: Vec<Meter>) {
        for ((_, meter), kept) in self.meters.iter_mut().zip(meters) {
            *meter = kept;
        }
    }

    /// Looks at the tissue after a mechanics step of `step` min.
    pub fn observe(&mut self, simulation: &Simulation, step: f64) {
        let before = (simulation.time() - step).max(0.0);
        for (readout, meter) in &mut self.meters {
            match (&readout.measure, meter) {
                (Measure::KillsPerCellDay { effectors, .. }, Meter::Kills { cell_days, .. }) => {
                    let roster = simulation.roster();
                    let live = |&kind: &usize| {
                        let ranks = roster.of_type[kind].iter();
                        ranks
                            .filter(|&&rank| roster.vitality[rank as usize] == Vitality::Live)
                            .count()
                    };
                    *cell_days += effectors.iter().map(live).sum::<usize>() as f64 * step / 1440.0;
                }
                (_, Meter::Walk(walk)) => {
                    let crosses = |every: f64| {
                        (simulation.time() / every + 1e-9).floor() > (before / every + 1e-9).floor()
                    };
                    if crosses(SAMPLE) {
                        walk.sample(simulation);
                    }
                }
                _ => {}
            }
        }
    }

    /// Looks at a frame, before its events are forgotten.
    pub fn frame(&mut self, simulation: &Simulation) {
        let duration = simulation.plan().scenario.duration;
        for (readout, meter) in &mut self.meters {
            match (&readout.measure, meter) {
                (Measure::KillsPerCellDay { effectors, target }, Meter::Kills { kills, .. }) => {
                    let counts = |event: &&crate::output::Event| {
                        event.kind == EventKind::Kill
                            && effectors.contains(&usize::from(event.cell_type))
                            && event.partner_type == Some(*target as u16)
                    };
                    *kills += simulation.events().iter().filter(counts).count() as u64;
                }
                (measure, Meter::Frames { sum, count }) if simulation.time() >= 0.5 * duration => {
                    let value = match measure {
                        Measure::FieldSpread { substrate, sources } => {
                            field_spread(simulation, *substrate, sources)
                        }
                        Measure::InfiltrationDepth { cell_type, target } => {
                            infiltration_depth(simulation, *cell_type, *target)
                        }
                        _ => None,
                    };
                    if let Some(value) = value {
                        *sum += value;
                        *count += 1;
                    }
                }
                _ => {}
            }
        }
    }

    /// What came out.
    pub fn finish(self, simulation: &Simulation) -> Vec<Reading> {
        let dimensions = f64::from(simulation.plan().scenario.domain.dimensions);
        let read = |(readout, meter): (Readout, Meter)| {
            let value = match (&readout.measure, meter) {
                (_, Meter::Kills { kills, cell_days }) => {
                    (cell_days > 0.0).then(|| kills as f64 / cell_days)
                }
                (Measure::MeanSpeed { .. }, Meter::Walk(walk)) => {
                    (walk.windows > 0).then(|| walk.speed / walk.windows as f64)
                }
                (_, Meter::Walk(walk)) => (walk.windows > 0)
                    .then(|| walk.spreading / (2.0 * dimensions * walk.windows as f64)),
                (_, Meter::Frames { sum, count }) => (count > 0).then(|| sum / f64::from(count)),
            };
            Reading {
                name: readout.name,
                value,
                unit: readout.measure.unit().into(),
                published: readout.published,
                source: readout.source,
            }
        };
        self.meters.into_iter().map(read).collect()
    }
}

impl Measure {
    /// The unit of what is measured.
    pub fn unit(&self) -> &'static str {
        match self {
            Measure::KillsPerCellDay { .. } => "1/d per cell",
            Measure::MeanSpeed { .. } => "µm/min",
            Measure::MotilityCoefficient { .. } => "µm²/min",
            Measure::FieldSpread { .. } | Measure::InfiltrationDepth { .. } => "µm",
        }
    }
}

impl Walk {
    fn new(cell_type: usize, lag: f64) -> Walk {
        Walk {
            cell_type,
            lag,
            since: 0.0,
            tracks: BTreeMap::new(),
            speed: 0.0,
            spreading: 0.0,
            windows: 0,
        }
    }

    /// Adds a sample to every track. A cell that is pressed by another is not free, and loses its
    /// track; at the first sample after a lag tracks are counted, by the time that has really
    /// passed, and begun anew.
    fn sample(&mut self, simulation: &Simulation) {
        let passed = simulation.time() - self.since;
        let ends = passed >= self.lag - 1e-9;
        if ends {
            self.since = simulation.time();
        }
        let (roster, tissue) = (simulation.roster(), simulation.tissue());
        let mut going = std::mem::take(&mut self.tracks);
        for &rank in &roster.of_type[self.cell_type] {
            let rank = rank as usize;
            let free = roster.vitality[rank] == Vitality::Live && tissue.pressure(rank) == 0.0;
            let (id, at) = (tissue.ids()[rank], tissue.position(rank));
            let track = going.remove(&id).map(|track| Track {
                path: track.path + distance(track.last, at),
                last: at,
                ..track
            });
            if !free {
                continue;
            }
            let fresh = Track {
                start: at,
                last: at,
                path: 0.0,
            };
            if !ends {
                if let Some(track) = track {
                    self.tracks.insert(id, track);
                }
                continue;
            }
            if let Some(track) = track {
                self.speed += track.path / passed;
                self.spreading += distance(track.start, at) * distance(track.start, at) / passed;
                self.windows += 1;
            }
            self.tracks.insert(id, fresh);
        }
    }
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3)
        .map(|d| (a[d] - b[d]) * (a[d] - b[d]))
        .sum::<f64>()
        .sqrt()
}

fn live_positions(simulation: &Simulation, kinds: &[usize]) -> Vec<[f64; 3]> {
    let (roster, tissue) = (simulation.roster(), simulation.tissue());
    let ranks = kinds
        .iter()
        .flat_map(|&kind| &roster.of_type[kind])
        .map(|&rank| rank as usize);
    ranks
        .filter(|&rank| roster.vitality[rank] == Vitality::Live)
        .map(|rank| tissue.position(rank))
        .collect()
}

/// The 1/e length of a field around its sources: the mean density by distance to the nearest
/// source, less the mean beyond [`REACH`], fitted by a line in the logarithm.
fn field_spread(simulation: &Simulation, substrate: usize, sources: &[usize]) -> Option<f64> {
    let tissue = simulation.tissue();
    let tree = RTree::bulk_load(live_positions(simulation, sources));
    let grid = tissue.grid();
    let density = &tissue.densities()[substrate * grid.len()..][..grid.len()];
    let rings = (REACH / RING) as usize;
    let mut profile = vec![(0.0, 0.0); rings + 1];
    for (voxel, &value) in density.iter().enumerate() {
        let center = grid.center(voxel);
        let nearest = tree.nearest_neighbor(center)?;
        let ring = ((distance(*nearest, center) / RING) as usize).min(rings);
        profile[ring].0 += value;
        profile[ring].1 += 1.0;
    }
    let mean = |(sum, count): (f64, f64)| if count > 0.0 { sum / count } else { 0.0 };
    let background = mean(profile[rings]);
    let points: Vec<(f64, f64)> = profile[..rings]
        .iter()
        .enumerate()
        .filter(|(_, ring)| ring.1 > 0.0)
        .map(|(number, ring)| ((number as f64 + 0.5) * RING, mean(*ring) - background))
        .collect();
    // Below a hundredth of the peak the profile is background.
    let peak = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let logs: Vec<(f64, f64)> = points
        .into_iter()
        .take_while(|(_, value)| *value > 0.01 * peak)
        .map(|(x, value)| (x, value.ln()))
        .collect();
    if logs.len() < 3 {
        return None;
    }
    let n = logs.len() as f64;
    let (mx, my) = (
        logs.iter().map(|p| p.0).sum::<f64>() / n,
        logs.iter().map(|p| p.1).sum::<f64>() / n,
    );
    let slope = logs.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>()
        / logs.iter().map(|p| (p.0 - mx) * (p.0 - mx)).sum::<f64>();
    (slope < 0.0).then(|| -1.0 / slope)
}

/// Median depth of live cells of `cell_type` that stand inside the mass of live `target` cells:
/// the distance to the nearest voxel with no target in it or beside it.
fn infiltration_depth(simulation: &Simulation, cell_type: usize, target: usize) -> Option<f64> {
    let grid = simulation.tissue().grid();
    let mut holds = vec![false; grid.len()];
    for position in live_positions(simulation, &[target]) {
        holds[grid.voxel_of(position)] = true;
    }
    let [nx, ny, nz] = grid.shape;
    let near = |voxel: usize| {
        let [i, j, k] = grid.coordinates(voxel);
        let around = |at: usize, n: usize| at.saturating_sub(1)..=(at + 1).min(n - 1);
        around(k, nz)
            .any(|k| around(j, ny).any(|j| around(i, nx).any(|i| holds[grid.index([i, j, k])])))
    };
    let outside: Vec<[f64; 3]> = (0..grid.len())
        .filter(|&voxel| !near(voxel))
        .map(|voxel| grid.center(voxel))
        .collect();
    let tree = RTree::bulk_load(outside);
    let mut depths: Vec<f64> = live_positions(simulation, &[cell_type])
        .into_iter()
        .filter(|&position| near(grid.voxel_of(position)))
        .filter_map(|position| {
            tree.nearest_neighbor(position)
                .map(|edge| distance(*edge, position))
        })
        .collect();
    depths.sort_by(f64::total_cmp);
    (!depths.is_empty()).then(|| depths[depths.len() / 2])
}
