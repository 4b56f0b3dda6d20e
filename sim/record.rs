//! What a run keeps beside its state: events, counted clamps, time spent, and the reason it failed.

use std::time::Instant;

use bevy_ecs::resource::Resource;
use serde::{Deserialize, Serialize};

use crate::output::{Dose, Event};

/// Events and doses since the last frame, in order.
#[derive(Resource, Debug, Clone, Default, Serialize, Deserialize)]
pub struct Log {
    /// Since the last frame.
    pub events: Vec<Event>,
    /// Since the last frame.
    pub doses: Vec<Dose>,
}

/// Why the run cannot go on.
#[derive(Resource, Debug, Default)]
pub struct Failure(pub Option<String>);

/// How often a rule's value had to be put back into its behavior's range, by behavior.
#[derive(Resource, Debug, Clone, Default, Serialize, Deserialize)]
pub struct Clamps {
    /// `[behavior]`: values clamped.
    pub clamped: Vec<u64>,
    /// `[behavior]`: values written.
    pub written: Vec<u64>,
    /// Rates of pairs that were negative, and taken as 0.
    pub negative_pair_rates: u64,
}

impl Clamps {
    /// No clamps, for so many behaviors.
    pub fn new(behaviors: usize) -> Clamps {
        Clamps {
            clamped: vec![0; behaviors],
            written: vec![0; behaviors],
            negative_pair_rates: 0,
        }
    }

    /// The value, inside `range`; counted when it was not.
    pub fn keep(&mut self, behavior: usize, value: f64, range: [f64; 2]) -> f64 {
        self.written[behavior] += 1;
        if (range[0]..=range[1]).contains(&value) {
            return value;
        }
        self.clamped[behavior] += 1;
        value.clamp(range[0], range[1])
    }
}

/// What time is spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Stage {
    /// Diffusion, decay, exchange with cells.
    Fields,
    /// Cell rules and models.
    Rules,
    /// Volume, cycle, death, division.
    Phenotype,
    /// Contact, motility, positions.
    Mechanics,
    /// Dyad rules and models.
    Dyads,
    /// Writers.
    Outputs,
    /// Keeping what a restart needs.
    Checkpoints,
}

impl Stage {
    /// All stages, by number, with the name in `run.json`.
    pub const ALL: [(Stage, &'static str); 7] = [
        (Stage::Fields, "fields"),
        (Stage::Rules, "rules"),
        (Stage::Phenotype, "phenotype"),
        (Stage::Mechanics, "mechanics"),
        (Stage::Dyads, "dyads"),
        (Stage::Outputs, "outputs"),
        (Stage::Checkpoints, "checkpoints"),
    ];
}

/// Seconds spent on each stage.
#[derive(Resource, Debug, Default)]
pub struct Timings {
    /// By [`Stage`].
    pub seconds: [f64; Stage::ALL.len()],
}

impl Timings {
    /// Counts time for a stage until the guard is dropped.
    pub fn start(&mut self, stage: Stage) -> Timer<'_> {
        Timer {
            seconds: &mut self.seconds[stage as usize],
            since: Instant::now(),
        }
    }
}

/// A running clock.
pub struct Timer<'a> {
    seconds: &'a mut f64,
    since: Instant,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        *self.seconds += self.since.elapsed().as_secs_f64();
    }
}
