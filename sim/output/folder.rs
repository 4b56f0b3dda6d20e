//! The folder of a run's results, and files that have their own name only when they are whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Error;

/// Every name the program gives to something in a results folder. Replacing results removes these
/// and nothing else, so that notes someone keeps beside them survive.
///
/// The record is last: until everything else is gone, the folder is known to hold a run, and
/// replacing it can be tried again.
pub const FILES: &[&str] = &[
    "populations.csv",
    "cells.parquet",
    "events.parquet",
    "interventions.csv",
    "fields.ome.zarr",
    "tissue_first.png",
    "tissue_last.png",
    "populations.svg",
    "readouts.parquet",
    "dyads.parquet",
    "dyads.csv",
    "physicell",
    "guard",
    "checkpoint",
    "run.json",
];

/// Why a folder cannot hold the results.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A run is in it, and nobody said that it may go.
    #[error("{} already holds results; choose another --out, or pass --force to replace them", .0.display())]
    Occupied(PathBuf),
    /// Something is in it that is no run.
    #[error("{} holds other files; choose another --out", .0.display())]
    Other(PathBuf),
    /// Something is in it that is no run, which `--force` was to replace.
    #[error(
        "{} holds files but no run.json of Milieu, so --force leaves it alone; choose another --out",
        .0.display()
    )]
    Foreign(PathBuf),
    /// It, or a folder it should lie in, is a file.
    #[error("{} is a file; name a folder", .0.display())]
    File(PathBuf),
    /// It cannot be made or cleared.
    #[error(transparent)]
    Write(#[from] Error),
}

/// A folder for one run. When it is dropped, unfinished files in it are removed, and the folder
/// too if it was made for the run and nothing came of it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    is_new: bool,
}

impl Folder {
    /// Makes the folder, or takes an empty one; with `force` takes one that holds a run, and
    /// removes that run's files. Call it when everything else has been checked.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn create(path: &Path, force: bool) -> Result<Folder, FolderError> {
        let failed = |error: io::Error| Error::because(path, &error);
        let is_new = !path.exists();
        if let Some(file) = path.ancestors().find(|it| it.exists() && !it.is_dir()) {
            return Err(FolderError::File(file.to_owned()));
        }
        fs::create_dir_all(path).map_err(|error| match error.kind() {
            // Some places, such as /proc, say that what one wants to make is not there.
            io::ErrorKind::NotFound => {
                Error::new(path, format!("{error}; choose an --out you may write to"))
            }
            _ => failed(error),
        })?;
        let is_empty = fs::read_dir(path).map_err(failed)?.next().is_none();
        if !is_empty {
            match (holds_run(path), force) {
                (true, true) => {}
                (true, false) => return Err(FolderError::Occupied(path.to_owned())),
                (false, true) => return Err(FolderError::Foreign(path.to_owned())),
                (false, false) => return Err(FolderError::Other(path.to_owned())),
            }
            for name in FILES {
                remove(&path.join(name))?;
                remove(&path.join(temporary(name)))?;
            }
        }
        Ok(Folder {
            path: path.to_owned(),
            is_new,
        })
    }

    /// Takes the folder of a run that is gone on with, and removes what its writers have made.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn reopen(path: &Path) -> Result<Folder, Error> {
        for name in FILES {
            if !["checkpoint", "run.json"].contains(name) {
                remove(&path.join(name))?;
            }
            remove(&path.join(temporary(name)))?;
        }
        Ok(Folder {
            path: path.to_owned(),
            is_new: false,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody is left to tell if this fails, and a `.part` file is not taken for a result.
        for name in FILES {
            let _ = remove(&self.path.join(temporary(name)));
        }
        if self.is_new {
            // Succeeds only on an empty folder.
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// A file that is being written: `.<name>.part` until [`Part::finish`], removed if dropped before.
#[derive(Debug)]
pub struct Part {
    /// `None` when it is closed.
    file: Option<BufWriter<File>>,
    path: PathBuf,
    name: String,
}

impl Part {
    /// Starts the file that will be called `name`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(folder: &Path, name: &str) -> Result<Part, Error> {
        let path = folder.join(name);
        let file = File::create(folder.join(temporary(name)))
            .map_err(|error| Error::because(&path, &error))?;
        Ok(Part {
            file: Some(BufWriter::new(file)),
            path,
            name: name.to_owned(),
        })
    }

    /// The path it will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts everything on the disk, then gives the file its name, which is returned.
    ///
    /// # Errors
    /// When the rest cannot be written; then the file is removed.
    pub fn finish(mut self) -> Result<String, Error> {
        let failed = |error: io::Error| Error::because(&self.path, &error);
        if let Some(mut file) = self.file.take() {
            let whole = file.flush().and_then(|()| file.get_ref().sync_all());
            if let Err(error) = whole {
                let error = failed(error);
                self.file = Some(file);
                return Err(error);
            }
        }
        let temporary = self.path.with_file_name(temporary(&self.name));
        if let Err(error) = fs::rename(&temporary, &self.path) {
            let _ = fs::remove_file(&temporary);
            return Err(failed(error));
        }
        sync_folder(&self.path);
        Ok(std::mem::take(&mut self.name))
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.flush(),
            None => Ok(()),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // Without its buffer, which would only be written to be thrown away.
            drop(file.into_parts());
            let _ = fs::remove_file(self.path.with_file_name(temporary(&self.name)));
        }
    }
}

/// Writes a whole file at once.
///
/// # Errors
/// When it cannot be written.
pub fn save(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let mut part = Part::create(folder, name)?;
    part.write_all(bytes)
        .map_err(|error| Error::because(part.path(), &error))?;
    part.finish().map(drop)
}

/// A folder that is being filled: `.<name>.part` until [`PartFolder::finish`], removed if dropped before.
#[derive(Debug)]
pub struct PartFolder {
    temporary: PathBuf,
    path: PathBuf,
    name: String,
    is_whole: bool,
}

impl PartFolder {
    /// Starts the folder that will be called `name`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(folder: &Path, name: &str) -> Result<PartFolder, Error> {
        let path = folder.join(name);
        let temporary = folder.join(temporary(name));
        fs::create_dir(&temporary).map_err(|error| Error::because(&path, &error))?;
        Ok(PartFolder {
            temporary,
            path,
            name: name.to_owned(),
            is_whole: false,
        })
    }

    /// Where to write for now.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// The path it will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the folder its name, which is returned. The files in it must be on the disk already.
    ///
    /// # Errors
    /// When it cannot be renamed; then it is removed.
    pub fn finish(mut self) -> Result<String, Error> {
        fs::rename(&self.temporary, &self.path)
            .map_err(|error| Error::because(&self.path, &error))?;
        self.is_whole = true;
        sync_folder(&self.path);
        Ok(std::mem::take(&mut self.name))
    }
}

impl Drop for PartFolder {
    fn drop(&mut self) {
        if !self.is_whole {
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}

/// What a file is called while it is written.
fn temporary(name: &str) -> String {
    format!(".{name}.part")
}

/// Whether the folder's `run.json` was written by this program.
fn holds_run(folder: &Path) -> bool {
    let Ok(text) = fs::read(folder.join("run.json")) else {
        return false;
    };
    serde_json::from_slice::<serde_json::Value>(&text)
        .is_ok_and(|record| record["program"] == super::record::PROGRAM)
}

/// Removes a file or a folder, if it is there.
fn remove(path: &Path) -> Result<(), Error> {
    let result = match fs::symlink_metadata(path) {
        Ok(what) if what.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    result.map_err(|error| Error::because(path, &error))
}

/// Puts a new name on the disk. Only some systems can, and none needs it for the name to be seen.
fn sync_folder(path: &Path) {
    if let Some(Ok(folder)) = path.parent().map(File::open) {
        let _ = folder.sync_all();
    }
}
