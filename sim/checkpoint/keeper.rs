//! Who keeps checkpoints while a run goes on.

use std::{fs, path::Path};

use super::{Checkpoint, FOLDER, Kept, Origin, Refusal, Shape, file, journal::Journal};
use crate::{
    output::{Error, Frame, Writers, needs_fields},
    readouts::Readouts,
    scenario::Scenario,
    simulation::Simulation,
};

/// See the head of the file.
pub struct Keeper {
    folder: std::path::PathBuf,
    /// Ticks from one checkpoint to the next.
    every: u64,
    scenario_sha256: String,
    origin: Origin,
    journal: Journal,
    /// Whether any writer looks at fields: they are most of a frame.
    with_fields: bool,
}

impl Keeper {
    /// Begins to keep checkpoints of a run, every so many ticks.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn create(
        results: &Path,
        scenario: &Scenario,
        scenario_sha256: &str,
        every: u64,
        origin: Origin,
    ) -> Result<Keeper, Error> {
        let folder = results.join(FOLDER);
        fs::create_dir(&folder).map_err(|error| Error::because(&folder, &error))?;
        Ok(Keeper {
            journal: Journal::create(&folder)?,
            folder,
            every,
            scenario_sha256: scenario_sha256.to_owned(),
            origin,
            with_fields: needs_fields(&scenario.outputs.write),
        })
    }

    /// Goes on to keep checkpoints of a run that is gone on with. Nobody else can do so from here
    /// on.
    ///
    /// # Errors
    /// If the journal is not there, or the run still goes on.
    pub fn reopen(
        results: &Path,
        scenario: &Scenario,
        every: u64,
        kept: &Kept,
        origin: Origin,
    ) -> Result<Keeper, Refusal> {
        let folder = results.join(FOLDER);
        Ok(Keeper {
            journal: Journal::open(&folder)?,
            folder,
            every,
            scenario_sha256: kept.header.scenario_sha256.clone(),
            origin,
            with_fields: needs_fields(&scenario.outputs.write),
        })
    }

    /// How the run was started.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Checks that all frames up to a checkpoint are what they were.
    ///
    /// # Errors
    /// A message with the way out.
    pub fn check(&self, kept: &Kept) -> Result<(), String> {
        let whole = self.journal.read(kept.header.journal_bytes, |_| Ok(()));
        whole.map_err(|reason| {
            format!(
                "{reason}\n  files with what was shown before cannot be made any more; for a run \
                 that begins at {} min: milieu run {} --from {}",
                kept.header.time_min,
                kept.header.origin.scenario.display(),
                kept.file.display()
            )
        })
    }

    /// Gives writers all frames up to a checkpoint, and forgets those after it.
    ///
    /// # Errors
    /// A message: what is damaged, or cannot be written.
    pub fn replay(&mut self, kept: &Kept, writers: &mut Writers) -> Result<(), String> {
        let length = kept.header.journal_bytes;
        self.journal.replay(length, |frame| writers.record(frame))
    }

    /// Whether a checkpoint is due.
    pub fn is_due(&self, tick: u64) -> bool {
        tick.is_multiple_of(self.every)
    }

    /// Notes a frame that writers were given.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let fields = match self.with_fields {
            true => frame.fields,
            false => &[],
        };
        self.journal.add(&Frame { fields, ..*frame })
    }

    /// Keeps the present moment, before its frame.
    ///
    /// # Errors
    /// When it cannot be written; then those before it stay.
    pub fn keep(
        &mut self,
        simulation: &mut Simulation,
        readouts: &Readouts,
        frames: u64,
        runtime_s: f64,
    ) -> Result<(), Error> {
        let journal_bytes = self.journal.settle()?;
        let moment = (simulation.tick(), simulation.time());
        let checkpoint = Checkpoint {
            frames,
            runtime_s,
            every: self.every,
            readouts: readouts.keep(),
            shape: Shape::of(simulation.plan()),
            state: simulation.state(),
        };
        file::keep(
            &self.folder,
            &self.scenario_sha256,
            &self.origin,
            journal_bytes,
            moment,
            &checkpoint,
        )
    }

    /// Forgets the frames of a run that is complete; its last two states stay, to fork from.
    ///
    /// # Errors
    /// When the journal cannot be removed.
    pub fn complete(self) -> Result<(), Error> {
        self.journal.remove()
    }
}
