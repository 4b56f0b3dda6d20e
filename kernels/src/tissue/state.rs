//! What a tissue is at the end of a tick, and all that its future depends on.
//!
//! Rows keep their order, which decides the order of sums until the next [`Tissue::settle`]. What
//! follows from these numbers and the setup (radii, ranks, voxels, lists of who acts, maps of
//! exchange, bins) is made anew, with the same bits.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Clamps, Rows, Tissue, radius_of};
use crate::{
    Error, Real, channels,
    contact::Contacts,
    diffusion::unsplit::{self, Unsplit},
    pairs::PairTable,
    same_length,
};

/// See the head of the file. What is written borrows from the tissue, what is read is its own.
#[derive(Debug, Serialize, Deserialize)]
pub struct State<'a> {
    densities: Cow<'a, [Real]>,
    rows: Cow<'a, Rows>,
    /// `[channel]`.
    channels: Vec<channels::State<'a>>,
    /// Contacts in the last mechanics step, which rules read.
    counts: Cow<'a, [u32]>,
    attachments: Cow<'a, [(u64, u64)]>,
    pairs: Cow<'a, PairTable>,
    clamps: Clamps,
    /// None with the solver that needs nothing but the densities.
    unsplit: Option<unsplit::State>,
}

impl State<'_> {
    /// `[row]`: ids.
    pub fn ids(&self) -> &[u64] {
        &self.rows.id
    }

    /// `[row]`: groups.
    pub fn groups(&self) -> &[u16] {
        &self.rows.group
    }

    /// Forgets how often numbers were put back into range: for a run that begins here.
    pub fn forget_clamps(&mut self) {
        self.clamps = Clamps::default();
    }
}

impl Tissue {
    /// All that its future depends on, at the end of a tick.
    pub fn state(&self) -> State<'_> {
        debug_assert!(
            !self.rows.removed.contains(&true),
            "cells are to be settled"
        );
        State {
            densities: Cow::Borrowed(&self.densities),
            rows: Cow::Borrowed(&self.rows),
            channels: self.setup.channels.state(),
            counts: Cow::Borrowed(&self.counts),
            attachments: Cow::Borrowed(self.attachments()),
            pairs: Cow::Borrowed(&self.pairs),
            clamps: self.clamps,
            unsplit: self.unsplit.as_ref().map(Unsplit::state),
        }
    }

    /// Takes on the state of a tissue of the same setup, but for numbers in its tables.
    ///
    /// # Errors
    /// [`Error::Length`] if it is of a tissue with other voxels, substrates or channels, or of the
    /// unsplit solver where this one has another.
    pub fn restore(&mut self, state: State<'_>) -> Result<(), Error> {
        let mut rows = state.rows.into_owned();
        let cells = rows.id.len();
        let slots = self.setup.slots;
        same_length("densities", self.densities.len(), state.densities.len())?;
        same_length("counts of contacts", slots * cells, state.counts.len())?;
        same_length(
            "accounts of substrates",
            self.rows.internalized.len(),
            rows.internalized.len(),
        )?;
        let groups = rows.group.iter().map(|group| usize::from(*group) + 1).max();
        if groups > Some(self.setup.groups.len()) {
            let found = groups.unwrap_or(0);
            same_length("groups", self.setup.groups.len(), found)?;
        }
        self.setup.channels.restore(&rows.group, state.channels)?;
        rows.radius = rows
            .volume
            .iter()
            .map(|&volume| radius_of(volume))
            .collect();
        rows.removed = vec![false; cells];
        let voxels = rows.position.iter();
        let voxels = voxels.map(|position| self.setup.grid.voxel_of(*position) as u32);
        self.voxels = voxels.collect();
        self.rows = rows;
        self.densities = state.densities.into_owned();
        self.counts = state.counts.into_owned();
        self.attachments.set(state.attachments.into_owned());
        self.pairs = state.pairs.into_owned();
        self.clamps = state.clamps;
        self.contacts = Contacts::default();
        self.enroll();
        self.work_is_stale = true;
        // At once: fields that are behind are brought to the present before cells change.
        self.tell_exchange()?;
        match (&mut self.unsplit, state.unsplit) {
            (Some(unsplit), Some(state)) => unsplit.restore(state),
            (None, Some(state)) => {
                same_length("substrates behind the present", 0, state.steps.len())
            }
            (_, None) => Ok(()),
        }
    }
}
