//! `tissue_first.png` and `tissue_last.png`: the tissue as it was and as it became.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::drawing::draw;
use super::folder::Part;
use super::{CellTable, Error, Frame, Output};
use crate::scenario::Scenario;

struct Pictures {
    scenario: Scenario,
    folder: PathBuf,
    files: Vec<String>,
    /// The frame recorded last.
    last: Option<Moment>,
}

/// A frame kept, without its events.
#[derive(Default)]
struct Moment {
    index: u64,
    time: f64,
    cells: CellTable,
    fields: Vec<f64>,
}

/// Starts the pictures.
///
/// # Errors
/// None; files are made when there is something to draw.
pub fn open(scenario: &Scenario, folder: &Path) -> Result<Box<dyn Output>, Error> {
    Ok(Box::new(Pictures {
        scenario: scenario.clone(),
        folder: folder.to_owned(),
        files: Vec::new(),
        last: None,
    }))
}

impl Pictures {
    fn write(&mut self, name: &str, frame: &Frame<'_>) -> Result<(), Error> {
        let mut part = Part::create(&self.folder, name)?;
        let bytes = draw(&self.scenario, frame)
            .encode_png()
            .map_err(|error| Error::new(part.path(), error))?;
        part.write_all(&bytes)
            .map_err(|error| Error::because(part.path(), &error))?;
        self.files.push(part.finish()?);
        Ok(())
    }
}

impl Output for Pictures {
    fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        if self.last.is_none() {
            self.write("tissue_first.png", frame)?;
        }
        let last = self.last.get_or_insert_default();
        last.index = frame.index;
        last.time = frame.time;
        last.cells.clone_from(frame.cells);
        last.fields.clear();
        last.fields.extend_from_slice(frame.fields);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<String>, Error> {
        if let Some(last) = self.last.take() {
            let frame = Frame {
                index: last.index,
                time: last.time,
                cells: &last.cells,
                fields: &last.fields,
                events: &[],
                doses: &[],
                guards: &[],
                readouts: &[],
                dyads: &[],
            };
            self.write("tissue_last.png", &frame)?;
        }
        Ok(self.files)
    }
}
