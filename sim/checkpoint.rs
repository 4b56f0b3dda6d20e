//! Checkpoints: what a run keeps so that it can be gone on with, bit for bit, or be forked.
//!
//! In `checkpoint/` of a results folder lie the last two states, each a file of its own
//! (`file.rs`), and a journal of all frames that writers were given (`journal.rs`): writers cannot
//! go on with a file that another process began, so they are given all frames again.

mod file;
mod fork;
mod journal;
mod keeper;
mod state;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use file::{Kept, Refusal, last, open};
pub use fork::Shape;
pub use keeper::Keeper;
pub use state::State;

/// The folder in a results folder.
pub const FOLDER: &str = "checkpoint";

/// How a run was started: what is needed to find and bind its scenario again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Where it was started.
    pub working_folder: PathBuf,
    /// The scenario, as it was given.
    pub scenario: PathBuf,
    /// Settings, `path=value`.
    pub overrides: Vec<String>,
    /// `--cells`.
    pub cells: Option<PathBuf>,
    /// `--allow-ignored`.
    pub allow_ignored: bool,
    /// When, UTC, RFC 3339.
    pub started: String,
    /// When and where it was gone on with.
    pub resumed: Vec<Resumed>,
    /// What it began from, if not from the start.
    pub forked: Option<Forked>,
}

/// A run was gone on with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resumed {
    /// When, UTC, RFC 3339.
    pub at: String,
    /// From which tick.
    pub tick: u64,
    /// From when in the tissue's time.
    pub time_min: f64,
}

/// A run began from a checkpoint of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forked {
    /// The file.
    pub checkpoint: PathBuf,
    /// Of the scenario of that run.
    pub scenario_sha256: String,
    /// From when in the tissue's time.
    pub time_min: f64,
}

/// All that a run goes on from.
#[derive(Debug, Serialize, Deserialize)]
pub struct Checkpoint<'a> {
    /// Frames given to writers so far.
    pub frames: u64,
    /// Wall time so far, s.
    pub runtime_s: f64,
    /// Ticks from one checkpoint to the next.
    pub every: u64,
    /// What each readout has added up.
    pub readouts: Vec<Vec<u8>>,
    /// What the state fits.
    pub shape: Shape,
    /// The tissue.
    pub state: State<'a>,
}
