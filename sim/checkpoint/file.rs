//! The file of one state: a line of JSON that says what it is, the state as postcard writes it,
//! and the SHA-256 of both. `head -n 1` shows the line.
//!
//! postcard, because its wire format is specified and stable, doubles are their eight bytes in it,
//! and it takes serde's derives, so that no format here is ours.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Checkpoint, FOLDER, Origin};
use crate::output::{self, folder::Part};

/// The layout of the file and of what is in it. To be counted up when either changes.
const FORMAT: u32 = 3;

/// Of the program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How file names end.
const ENDING: &str = "state";

/// How many states are kept.
const KEPT: usize = 2;

/// Bytes of a SHA-256.
const DIGEST: usize = 32;

/// The line of JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub milieu_checkpoint: u32,
    /// Of the program.
    pub version: String,
    /// [`Scenario::hash`](crate::scenario::Scenario::hash).
    pub scenario_sha256: String,
    /// Ticks done.
    pub tick: u64,
    /// min.
    pub time_min: f64,
    /// Length of the journal when the state was kept.
    pub journal_bytes: u64,
    /// How the run was started.
    pub origin: Origin,
}

/// The part of a header that every version has.
#[derive(Deserialize)]
struct Stem {
    milieu_checkpoint: u32,
    version: String,
}

/// Why a run cannot be gone on with. Each says what to do instead.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing is there.
    #[error(
        "{} holds no checkpoint\n  a run keeps them with --checkpoint-every TIME", .0.display()
    )]
    Nothing(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {}: {}", file.display(), reason)]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// Bits are not what they were.
    #[error(
        "{} is damaged: {reason}\n  take the file from a backup, or run the scenario again",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// How that is known.
        reason: String,
    },
    /// Another version of the program wrote it.
    #[error(
        "{} was written by milieu {found} (format {format}), and this is milieu {VERSION} (format {FORMAT})\n  \
         numbers might differ in their bits; go on with milieu {found}",
        file.display()
    )]
    Version {
        /// The file.
        file: PathBuf,
        /// Version of the program.
        found: String,
        /// Of the file.
        format: u32,
    },
    /// The scenario is not what it was.
    #[error(
        "{} is of another scenario: its SHA-256 was {was} and is {is}\n  \
         put the scenario, its rules, models and tables back as they were, or begin a run of the \
         changed scenario there: milieu run {} --from {}",
        file.display(), scenario.display(), file.display()
    )]
    Scenario {
        /// The file.
        file: PathBuf,
        /// As the run was started.
        scenario: PathBuf,
        /// Hash in the file.
        was: String,
        /// Hash now.
        is: String,
    },
}

/// A checkpoint that was found whole.
pub struct Kept {
    /// The file.
    pub file: PathBuf,
    /// What it says of itself.
    pub header: Header,
    bytes: Vec<u8>,
    /// Where the state begins.
    body: usize,
}

impl Kept {
    /// The state.
    ///
    /// # Errors
    /// [`Refusal::Damaged`] if it is none of this program's.
    pub fn checkpoint(&self) -> Result<Checkpoint<'static>, Refusal> {
        let body = &self.bytes[self.body..self.bytes.len() - DIGEST];
        postcard::from_bytes(body).map_err(|error| Refusal::Damaged {
            file: self.file.clone(),
            reason: error.to_string(),
        })
    }

    /// Checks that the scenario is the same.
    ///
    /// # Errors
    /// [`Refusal::Scenario`].
    pub fn is_of(&self, scenario_sha256: &str) -> Result<(), Refusal> {
        if self.header.scenario_sha256 == scenario_sha256 {
            return Ok(());
        }
        Err(Refusal::Scenario {
            file: self.file.clone(),
            scenario: self.header.origin.scenario.clone(),
            was: self.header.scenario_sha256.clone(),
            is: scenario_sha256.to_owned(),
        })
    }
}

/// The last whole checkpoint of the run in a folder, and what is wrong with those after it.
///
/// # Errors
/// What is wrong with the last, if none is whole.
pub fn last(results: &Path) -> Result<(Kept, Vec<Refusal>), Refusal> {
    let mut damaged = Vec::new();
    for file in list(&results.join(FOLDER)).into_iter().rev() {
        match open(&file) {
            Ok(kept) => return Ok((kept, damaged)),
            Err(refusal @ Refusal::Damaged { .. }) => damaged.push(refusal),
            Err(refusal) => return Err(refusal),
        }
    }
    let mut damaged = damaged.into_iter();
    Err(damaged.next().unwrap_or(Refusal::Nothing(results.into())))
}

/// The checkpoint in a file.
///
/// # Errors
/// If it cannot be read, is damaged, or was written by another version.
pub fn open(file: &Path) -> Result<Kept, Refusal> {
    let bytes = fs::read(file).map_err(|reason| Refusal::Read {
        file: file.to_owned(),
        reason,
    })?;
    let damaged = |reason: String| Refusal::Damaged {
        file: file.to_owned(),
        reason,
    };
    let whole = bytes.len().checked_sub(DIGEST);
    let parts = whole.map(|whole| bytes.split_at(whole));
    if parts.is_none_or(|(told, digest)| Sha256::digest(told)[..] != *digest) {
        return Err(damaged("its SHA-256 is another".into()));
    }
    let line = bytes.iter().position(|&byte| byte == b'\n');
    let line = line.ok_or_else(|| damaged("it is no checkpoint".into()))?;
    let told = &bytes[..line];
    let stem: Stem = serde_json::from_slice(told).map_err(|error| damaged(error.to_string()))?;
    if stem.milieu_checkpoint != FORMAT || stem.version != VERSION {
        return Err(Refusal::Version {
            file: file.to_owned(),
            found: stem.version,
            format: stem.milieu_checkpoint,
        });
    }
    let header = serde_json::from_slice(told).map_err(|error| damaged(error.to_string()))?;
    Ok(Kept {
        file: file.to_owned(),
        header,
        body: line + 1,
        bytes,
    })
}

/// Keeps a checkpoint in a folder, whole or not at all, and drops all but the last two.
pub(super) fn keep(
    folder: &Path,
    scenario_sha256: &str,
    origin: &Origin,
    journal_bytes: u64,
    (tick, time_min): (u64, f64),
    checkpoint: &Checkpoint<'_>,
) -> Result<(), output::Error> {
    let header = Header {
        milieu_checkpoint: FORMAT,
        version: VERSION.into(),
        scenario_sha256: scenario_sha256.to_owned(),
        tick,
        time_min,
        journal_bytes,
        origin: origin.clone(),
    };
    // In the order of names as of ticks.
    let mut part = Part::create(folder, &format!("{tick:012}.{ENDING}"))?;
    let path = part.path().to_owned();
    let failed = |error: io::Error| output::Error::because(&path, &error);
    let mut out = Summed {
        out: &mut part,
        sum: Sha256::new(),
    };
    write(&mut out, &header, checkpoint).map_err(failed)?;
    let digest = out.sum.finalize();
    part.write_all(&digest).map_err(failed)?;
    part.finish()?;
    let files = list(folder);
    for old in files.iter().take(files.len().saturating_sub(KEPT)) {
        fs::remove_file(old).map_err(|error| output::Error::because(old, &error))?;
    }
    Ok(())
}

fn write(out: &mut impl Write, header: &Header, checkpoint: &Checkpoint<'_>) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    serde_json::to_writer(&mut out, header)?;
    out.write_all(b"\n")?;
    postcard::to_io(checkpoint, &mut out).map_err(io::Error::other)?;
    out.flush()
}

/// A writer that sums up what passes.
struct Summed<W> {
    out: W,
    sum: Sha256,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The files of states in a folder, by tick.
fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_state = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with('.') && path.extension().is_some_and(|it| it == ENDING)
    };
    let paths = entries.map(|entry| entry.path());
    let mut files: Vec<PathBuf> = paths.filter(is_state).collect();
    files.sort();
    files
}
