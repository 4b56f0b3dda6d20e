//! What leaves a run: frames of cells, fields and events, and the writers that take them.
//!
//! A writer sees what is and can change nothing, so that a run's trajectory is the same with any
//! outputs on or off. Files grow under a temporary name and get their own when they are whole.

mod canvas;
pub mod cells;
pub mod chart;
pub mod colors;
pub mod drawing;
pub mod dyads;
pub mod events;
pub mod fields;
pub mod folder;
pub mod guard;
pub mod interventions;
mod legend;
pub mod physicell;
pub mod pictures;
pub mod populations;
pub mod readouts;
pub mod record;
mod secretion;
mod table;
pub mod training;

use std::io;
use std::path::{Path, PathBuf};

use rules::UnknownName;
use rules::dictionary;
use serde::{Deserialize, Deserializer, Serialize, de};
use zarrs::array::ArrayError;
use zarrs::storage::StorageError;

use crate::assay::Dyad;
pub use crate::cell::Vitality;
use crate::detail::Detail;
use crate::readouts::Row;
use crate::scenario::Scenario;

/// The cells of one moment, one row a cell, ascending by id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CellTable {
    /// Identity.
    pub id: Vec<u64>,
    /// Number in [`Scenario::cell_types`].
    pub cell_type: Vec<u16>,
    /// Alive or how dead.
    pub state: Vec<Vitality>,
    /// µm.
    pub position: Vec<[f64; 3]>,
    /// µm.
    pub radius: Vec<f64>,
    /// What the scenario asks for besides: name, unit, values.
    pub extra: Vec<Column>,
    /// Everything else, if a writer asks for it ([`needs_detail`]).
    pub detail: Option<Detail>,
}

impl CellTable {
    /// Cells by type and by [`Vitality`]; `types` is the number of types.
    pub fn counts(&self, types: usize) -> Vec<[u64; 3]> {
        let mut counts = vec![[0; 3]; types];
        for (cell_type, state) in self.cell_type.iter().zip(&self.state) {
            counts[usize::from(*cell_type)][*state as usize] += 1;
        }
        counts
    }
}

/// A further column.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Column {
    /// Name of the signal or behavior.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// One value a cell.
    pub values: Vec<f64>,
}

/// What happened to a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// `cell` divided; `partner` is the new daughter.
    Division,
    /// `cell` died; `cause` says how, `partner` who is credited.
    Death,
    /// `cell` hit `partner`; `value` is the damage.
    Hit,
    /// `cell` killed `partner`: its hit or attack was the last before death.
    Kill,
    /// `cell` began to attack `partner`.
    Attack,
    /// `cell` ate `partner`.
    Phagocytosis,
    /// `cell` fused with `partner`, which is gone.
    Fusion,
    /// `cell` became another type; `cell_type` is the old, `partner_type` the new one.
    Transformation,
    /// `cell` came from outside.
    Arrival,
    /// What was left of `cell` disappeared.
    Removal,
}

impl EventKind {
    /// All of them.
    pub const ALL: [EventKind; 10] = [
        EventKind::Division,
        EventKind::Death,
        EventKind::Hit,
        EventKind::Kill,
        EventKind::Attack,
        EventKind::Phagocytosis,
        EventKind::Fusion,
        EventKind::Transformation,
        EventKind::Arrival,
        EventKind::Removal,
    ];

    /// The word in `events.parquet`.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Division => "division",
            EventKind::Death => "death",
            EventKind::Hit => "hit",
            EventKind::Kill => "kill",
            EventKind::Attack => "attack",
            EventKind::Phagocytosis => "phagocytosis",
            EventKind::Fusion => "fusion",
            EventKind::Transformation => "transformation",
            EventKind::Arrival => "arrival",
            EventKind::Removal => "removal",
        }
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// min.
    pub time: f64,
    /// What happened.
    pub kind: EventKind,
    /// To or by whom.
    pub cell: u64,
    /// Its type (before, for a transformation).
    pub cell_type: u16,
    /// The other cell, where there is one.
    pub partner: Option<u64>,
    /// The other cell's type, or the new type of a transformation.
    pub partner_type: Option<u16>,
    /// How the cell died, for a death or kill; the state of what was eaten or disappeared, for
    /// phagocytosis and removal.
    #[serde(deserialize_with = "cause")]
    pub cause: Option<Word>,
    /// Where `cell` was, µm.
    pub position: [f64; 3],
    /// Damage of a hit; else 0.
    pub value: f64,
}

// Under a name of its own, or serde would take it for text to be borrowed.
/// A word of the program's.
pub type Word = &'static str;

/// Every [`Event::cause`].
const CAUSES: [Word; 6] = [
    "apoptosis",
    "necrosis",
    "phagocytosis",
    "live",
    "apoptotic",
    "necrotic",
];

fn cause<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Word>, D::Error> {
    let Some(word) = Option::<String>::deserialize(from)? else {
        return Ok(None);
    };
    let known = CAUSES.into_iter().find(|known| *known == word);
    let unknown = || de::Error::custom(format!("`{word}` is no cause of death"));
    known.ok_or_else(unknown).map(Some)
}

/// A dose that began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dose {
    /// min.
    pub time: f64,
    /// Number in [`Scenario::interventions`].
    pub intervention: usize,
    /// 0, 1, 2, …
    pub number: u64,
    /// Cells added or edited, for who does that.
    pub cells: Option<u64>,
}

/// One moment, as writers see it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Frame<'a> {
    /// 0, 1, 2, …
    pub index: u64,
    /// min.
    pub time: f64,
    /// All cells.
    pub cells: &'a CellTable,
    /// `[substrate][z][y][x]`, each in its substrate's unit.
    pub fields: &'a [f64],
    /// What happened since the frame before, in order.
    pub events: &'a [Event],
    /// Which doses began since the frame before, in order.
    pub doses: &'a [Dose],
    /// For each learned rule the rows on which its guard fired since the frame before; empty
    /// unless the writer `guard` is asked for.
    pub guards: &'a [guard::Firing],
    /// What there is to say of this moment, and in the last frame of the whole run; readouts in the
    /// order of the scenario.
    pub readouts: &'a [Row],
    /// The dyad table, in the last frame of the whole run if the writer `dyads` is asked for. A
    /// journal does not keep it: nobody goes on from a last frame.
    #[serde(skip)]
    pub dyads: &'a [Dyad],
}

/// Why something could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {reason}", file.display())]
pub struct Error {
    /// The file.
    pub file: PathBuf,
    /// What the system or the format said, and the way out where there is one.
    pub reason: String,
}

impl Error {
    /// From whatever a library says about a file.
    pub fn new(file: &Path, reason: impl std::fmt::Display) -> Error {
        Error {
            file: file.to_owned(),
            reason: reason.to_string(),
        }
    }

    /// From an error that may have come from the system: if so, with the way out.
    pub fn because(file: &Path, error: &(dyn std::error::Error + 'static)) -> Error {
        match system(error) {
            Some(system) => Error::new(file, way_out(system)),
            None => Error::new(file, error),
        }
    }
}

/// The system's error at the bottom of what libraries have made of it.
fn system<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a io::Error> {
    // Some libraries pass the system's error off as their own and do not name it as the source.
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return error.get_ref().and_then(|it| system(it)).or(Some(error));
    }
    if let Some(error) = error.downcast_ref::<csv::Error>() {
        return match error.kind() {
            csv::ErrorKind::Io(error) => Some(error),
            _ => None,
        };
    }
    match error.downcast_ref::<ArrayError>() {
        Some(ArrayError::StorageError(error)) => return system(error),
        Some(_) => return None,
        None => {}
    }
    match error.downcast_ref::<StorageError>() {
        Some(StorageError::IOError(error)) => Some(error),
        Some(_) => None,
        None => error.source().and_then(system),
    }
}

/// What the system said, and what to do about it.
fn way_out(error: &io::Error) -> String {
    use io::ErrorKind::{
        FileTooLarge, NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    let way = match error.kind() {
        StorageFull | QuotaExceeded => "free some space, or choose another --out, and run again",
        FileTooLarge => "raise the limit on file sizes, or write fewer frames, and run again",
        PermissionDenied | ReadOnlyFilesystem => "choose an --out you may write to",
        NotFound => "leave the folder in place while the program runs, and run again",
        _ => return error.to_string(),
    };
    format!("{error}; {way}")
}

/// A writer of one kind of file.
pub trait Output: Send {
    /// Takes one frame.
    ///
    /// # Errors
    /// When the file cannot be written.
    fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error>;

    /// Completes the file and gives it its own name; returns the names of what it made, relative to the folder.
    /// Called as well after an interruption, and then what was recorded so far is what there is.
    ///
    /// # Errors
    /// When the file cannot be written.
    fn finish(self: Box<Self>) -> Result<Vec<String>, Error>;
}

/// What opens a writer in a folder.
type Open = fn(&Scenario, &Path) -> Result<Box<dyn Output>, Error>;

/// Every writer, by the name a scenario uses.
pub const LIST: &[(&str, Open)] = &[
    ("populations", populations::open),
    ("cells", cells::open),
    ("events", events::open),
    ("interventions", interventions::open),
    ("fields", fields::open),
    ("pictures", pictures::open),
    ("chart", chart::open),
    ("readouts", readouts::open),
    ("dyads", dyads::open),
    ("physicell", physicell::open),
    ("guard", guard::open),
];

/// Whether one of these writers needs [`CellTable::detail`].
pub fn needs_detail(names: &[String]) -> bool {
    includes(names, "physicell")
}

/// Whether one of these writers needs [`Frame::guards`].
pub fn needs_guards(names: &[String]) -> bool {
    includes(names, "guard")
}

/// Whether one of these writers needs [`Frame::readouts`] of every frame.
pub fn needs_readouts(names: &[String]) -> bool {
    includes(names, "readouts")
}

/// Whether one of these writers needs [`Frame::dyads`].
pub fn includes_dyads(names: &[String]) -> bool {
    names.iter().any(|name| is_dyads(name))
}

/// Whether this is the writer of the dyad table.
pub fn is_dyads(name: &str) -> bool {
    find(name).is_ok_and(|number| LIST[number].0 == "dyads")
}

/// Whether one of these writers needs [`Frame::fields`].
pub fn needs_fields(names: &[String]) -> bool {
    let mut of_fields = ["fields", "pictures", "physicell", "dyads"].iter();
    of_fields.any(|writer| includes(names, writer))
}

fn includes(names: &[String], writer: &str) -> bool {
    let mut names = names.iter();
    names.any(|name| find(name).is_ok_and(|number| LIST[number].0 == writer))
}

/// The writers of one run.
pub struct Writers {
    open: Vec<Box<dyn Output>>,
}

impl Writers {
    /// Checks the names of writers, so that a scenario can be refused before anything is made.
    ///
    /// # Errors
    /// The first name that is not in [`LIST`], with those nearest to it.
    pub fn check(names: &[String]) -> Result<(), UnknownName> {
        names.iter().try_for_each(|name| find(name).map(drop))
    }

    /// Opens what [`Outputs::write`](crate::scenario::Outputs::write) asks for, each writer once.
    ///
    /// # Errors
    /// When a name is not in [`LIST`] or a file cannot be made; then nothing is left in the folder.
    pub fn open(scenario: &Scenario, folder: &Path) -> Result<Writers, OpenError> {
        let mut numbers = Vec::new();
        for name in &scenario.outputs.write {
            let number = find(name)?;
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        let open = numbers
            .into_iter()
            .map(|number| LIST[number].1(scenario, folder))
            .collect::<Result<_, _>>()?;
        Ok(Writers { open })
    }

    /// Gives a frame to every writer.
    ///
    /// # Errors
    /// The first writer that fails. That writer is given up and its file removed; the others have
    /// the frame, and can go on or be [finished](Writers::finish).
    pub fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let mut result = Ok(());
        self.open.retain_mut(|writer| match writer.record(frame) {
            Ok(()) => true,
            Err(error) => {
                if result.is_ok() {
                    result = Err(error);
                }
                false
            }
        });
        result
    }

    /// Completes every file. Returns the names of those that are whole, relative to the folder,
    /// and the first error; a file that could not be completed is removed.
    pub fn finish(self) -> (Vec<String>, Result<(), Error>) {
        let mut files = Vec::new();
        let mut result = Ok(());
        for writer in self.open {
            match writer.finish() {
                Ok(made) => files.extend(made),
                Err(error) if result.is_ok() => result = Err(error),
                Err(_) => {}
            }
        }
        (files, result)
    }
}

/// Why the writers of a run could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The scenario asks for a writer that does not exist.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// A file cannot be made.
    #[error(transparent)]
    Write(#[from] Error),
}

/// The number in [`LIST`] of the writer called `name`.
fn find(name: &str) -> Result<usize, UnknownName> {
    LIST.iter()
        .position(|(known, _)| dictionary::normal(known) == dictionary::normal(name))
        .ok_or_else(|| dictionary::unknown("output", name, LIST.iter().map(|(known, _)| *known)))
}
