//! The journal of frames: each as postcard writes it, behind its length (eight bytes, the lowest
//! first) and its SHA-256.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::file::Refusal;
use crate::output::{self, CellTable, Dose, Event, Frame, guard::Firing};
use crate::readouts::Row;

/// The file in the folder of checkpoints.
const NAME: &str = "frames";

/// A [`Frame`] that owns what it shows.
#[derive(Deserialize)]
struct Owned {
    index: u64,
    time: f64,
    cells: CellTable,
    fields: Vec<f64>,
    events: Vec<Event>,
    doses: Vec<Dose>,
    guards: Vec<Firing>,
    readouts: Vec<Row>,
}

/// The open file; nobody else writes to it.
pub struct Journal {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Journal {
    /// Begins one.
    pub fn create(folder: &Path) -> Result<Journal, output::Error> {
        let path = folder.join(NAME);
        let open = || {
            let file = File::create(&path)?;
            file.lock()?;
            Ok(file)
        };
        let file = open().map_err(|error: io::Error| output::Error::because(&path, &error))?;
        Ok(Journal {
            file,
            path,
            length: 0,
        })
    }

    /// Opens one to go on with.
    ///
    /// # Errors
    /// If it is not there, or another process writes to it.
    pub fn open(folder: &Path) -> Result<Journal, Refusal> {
        let path = folder.join(NAME);
        let refused = |reason: io::Error| Refusal::Read {
            file: path.clone(),
            reason,
        };
        let open = OpenOptions::new().read(true).write(true).open(&path);
        let file = open.map_err(refused)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let why = "the run is still going on in another process; wait for it, or end it";
                return Err(refused(io::Error::other(why)));
            }
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        Ok(Journal {
            file,
            path,
            length: 0,
        })
    }

    /// Adds a frame.
    pub fn add(&mut self, frame: &Frame<'_>) -> Result<(), output::Error> {
        let add = || -> io::Result<u64> {
            let bytes = postcard::to_stdvec(frame).map_err(io::Error::other)?;
            let length = bytes.len() as u64;
            let mut file = &self.file;
            file.write_all(&length.to_le_bytes())?;
            file.write_all(&Sha256::digest(&bytes))?;
            file.write_all(&bytes)?;
            Ok(8 + 32 + length)
        };
        let added = add().map_err(|error| output::Error::because(&self.path, &error))?;
        self.length += added;
        Ok(())
    }

    /// Puts all of it on the disk; its length.
    pub fn settle(&self) -> Result<u64, output::Error> {
        let synced = self.file.sync_data();
        synced.map_err(|error| output::Error::because(&self.path, &error))?;
        Ok(self.length)
    }

    /// Gives `take` the frames of the first so many bytes, and drops the rest.
    ///
    /// # Errors
    /// A message: these are not what they were, or the frames cannot be taken.
    pub fn replay(
        &mut self,
        length: u64,
        mut take: impl FnMut(&Frame<'_>) -> Result<(), output::Error>,
    ) -> Result<(), String> {
        self.read(length, |bytes| {
            let owned: Owned = postcard::from_bytes(bytes).map_err(|error| error.to_string())?;
            take(&owned.frame()).map_err(|error| error.to_string())
        })?;
        let cut = self.file.set_len(length);
        cut.and_then(|()| self.file.seek(SeekFrom::End(0)))
            .map_err(|error| output::Error::because(&self.path, &error).to_string())?;
        self.length = length;
        Ok(())
    }

    /// Gives `take` the bytes of each frame in the first so many bytes.
    ///
    /// # Errors
    /// A message: these are not what they were, or what `take` says.
    pub fn read(
        &self,
        length: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut file = BufReader::new(&self.file);
        let mut place = 0;
        let mut bytes = Vec::new();
        while place < length {
            let broken = |reason: &str| {
                let file = self.path.display();
                format!("{file} is damaged: at byte {place} {reason}")
            };
            let mut read = || -> io::Result<bool> {
                file.seek(SeekFrom::Start(place))?;
                let (mut size, mut digest) = ([0; 8], [0; 32]);
                file.read_exact(&mut size)?;
                file.read_exact(&mut digest)?;
                let size = u64::from_le_bytes(size).min(length - place);
                bytes.resize(size as usize, 0);
                file.read_exact(&mut bytes)?;
                Ok(Sha256::digest(&bytes)[..] == digest)
            };
            match read() {
                Ok(true) => take(&bytes)?,
                Ok(false) => return Err(broken("a frame has another SHA-256")),
                Err(error) => return Err(broken(&error.to_string())),
            }
            place += 8 + 32 + bytes.len() as u64;
        }
        Ok(())
    }

    /// Removes it: the run is complete.
    pub fn remove(self) -> Result<(), output::Error> {
        std::fs::remove_file(&self.path).map_err(|error| output::Error::because(&self.path, &error))
    }
}

impl Owned {
    fn frame(&self) -> Frame<'_> {
        Frame {
            index: self.index,
            time: self.time,
            cells: &self.cells,
            fields: &self.fields,
            events: &self.events,
            doses: &self.doses,
            guards: &self.guards,
            readouts: &self.readouts,
            dyads: &[],
        }
    }
}
