//! Checkpoints: what a run keeps so that it can be gone on with, bit for bit, or be forked.

mod state;

pub use state::State;
