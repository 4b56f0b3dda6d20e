//! From a PhysiCell project to a scenario: its settings are read as PhysiCell 1.14.2 reads them,
//! and written as the text of a scenario that computes the same.
//!
//! ```text
//! PhysiCell_settings.xml → xml → project (what PhysiCell resolves) → write → scenario.toml
//! ```
//!
//! Sources: `modules/PhysiCell_settings.cpp`, `core/PhysiCell_cell.cpp`,
//! `core/PhysiCell_rules.cpp`, `modules/PhysiCell_geometry.cpp` and
//! `BioFVM/BioFVM_microenvironment.cpp` of PhysiCell 1.14.2.

mod cell_type;
mod code;
mod defaults;
mod distribution;
mod files;
mod ignored;
mod project;
mod ruleset;
mod substrates;
mod write;
mod xml;

use std::path::{Path as FilePath, PathBuf};

pub use files::settings;
pub use ignored::{Effect, Ignored};

use crate::scenario::Scenario;
use crate::scenario::parse;
use crate::scenario::problem::{Path, Place, Problem};
use xml::{Element, Source};

/// A scenario made of a project.
#[derive(Debug, Clone)]
pub struct Imported {
    /// What the project is called.
    pub name: String,
    /// The text of the scenario.
    pub text: String,
    /// What is not imported as it stands, in the order of the settings.
    pub ignored: Vec<Ignored>,
}

/// Imports the project of a settings file, for a scenario that lies in `folder`: paths are written
/// as seen from there. What cannot be imported though results depend on it is a problem, unless
/// `allow_ignored`.
///
/// # Errors
/// Everything that is wrong, as far as one thing does not hide another.
pub fn import(
    settings: &FilePath,
    folder: &FilePath,
    allow_ignored: bool,
) -> Result<Imported, Vec<Problem>> {
    let text = xml::read(settings).map_err(|problem| vec![problem])?;
    let document = xml::parse(settings, &text).map_err(|problem| vec![problem])?;
    let source = Source::new(settings, &text);
    let root = Element::root(&document, &source);
    if root.name() != "PhysiCell_settings" {
        root.complain(
            format!("the file holds <{}>, not <PhysiCell_settings>", root.name()),
            "name the settings of a PhysiCell project",
        );
        return Err(source.problems.into_inner());
    }
    let project = project::read(root, settings);
    ignored::walk(root);
    let mut problems = source.problems.into_inner();
    let mut ignored = source.ignored.into_inner();
    ignored.sort_by_key(|item| item.line);
    if problems.is_empty() && !allow_ignored {
        problems = ignored.iter().filter_map(refused).collect();
    }
    if !problems.is_empty() {
        problems.sort_by_key(|problem| match &problem.place {
            Place::Line(_, line) => *line,
            _ => 0,
        });
        // An element that is asked twice complains twice.
        problems.dedup_by(|a, b| (&a.place, &a.message) == (&b.place, &b.message));
        return Err(problems);
    }
    Ok(Imported {
        text: write::scenario(&project, settings, folder, &ignored),
        name: project.name,
        ignored,
    })
}

/// What results depend on is a problem.
fn refused(item: &Ignored) -> Option<Problem> {
    (item.effect == Effect::Differs).then(|| Problem {
        place: Place::Line(item.file.clone(), item.line),
        key: Path::root(),
        message: format!("{}: {}", item.element, item.why),
        help: "results would differ from PhysiCell's; --allow-ignored goes on without it".into(),
    })
}

/// Imports a project and reads the scenario as if it stood in a file beside the settings, with
/// `overrides` and `cells` as in [`parse::read`]. What was left out is in the scenario's notes.
///
/// # Errors
/// Everything that is wrong.
pub fn read(
    settings: &FilePath,
    overrides: &[String],
    cells: Option<&FilePath>,
    allow_ignored: bool,
) -> Result<Scenario, Vec<Problem>> {
    let folder = files::folder(settings);
    let imported = import(settings, &folder, allow_ignored)?;
    let stem: String = imported.name.replace(['/', '\\'], "-");
    let file: PathBuf = settings.with_file_name(format!("{stem}.toml"));
    let mut scenario =
        parse::read_text(imported.text, &file, overrides, cells).map_err(|mut problems| {
            for problem in &mut problems {
                if let Place::Line(at, _) | Place::File(at) = &problem.place
                    && *at == file
                {
                    problem.help += "\n  the file is what `milieu import` makes of ";
                    problem.help += &settings.display().to_string();
                }
            }
            problems
        })?;
    scenario.settings = Some(settings.to_owned());
    let remarks = imported.ignored.iter().map(ToString::to_string);
    scenario.notes.extend(remarks);
    Ok(scenario)
}
