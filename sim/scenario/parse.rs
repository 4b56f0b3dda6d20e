//! From a file to a [`Scenario`].

use std::path::{Path as FilePath, PathBuf};

use super::Scenario;
use super::deserialize;
use super::file::File;
use super::problem::{Place, Problem};
use super::resolve::resolve;
use super::tree::Tree;

/// Reads the scenario at `path`, a file or a folder that holds `scenario.toml`.
///
/// The file is put on top of the one it extends. `overrides` are settings `key=value`, merged into
/// it before anything is checked.
/// `cells`, where given, is a table whose cells stand in for all the file's groups, read as
/// `[import]` says.
///
/// # Errors
/// Everything that is wrong with the file, as far as one thing does not hide another.
pub fn read(
    path: &FilePath,
    overrides: &[String],
    cells: Option<&FilePath>,
) -> Result<Scenario, Vec<Problem>> {
    let file = match path.is_dir() {
        true => path.join("scenario.toml"),
        false => path.to_owned(),
    };
    let tree = Tree::read(file.clone(), overrides);
    scenario(tree, &file, cells)
}

/// Reads the scenario in `text`, as if it stood in `file`: paths are taken from there.
///
/// # Errors
/// As for [`read`].
pub fn read_text(
    text: String,
    file: &FilePath,
    overrides: &[String],
    cells: Option<&FilePath>,
) -> Result<Scenario, Vec<Problem>> {
    let tree = Tree::read_text(text, file.to_owned(), overrides);
    scenario(tree, file, cells)
}

fn scenario(
    tree: Result<Tree, Vec<Problem>>,
    file: &FilePath,
    cells: Option<&FilePath>,
) -> Result<Scenario, Vec<Problem>> {
    let scenario = || {
        let tree = tree?;
        let stated: File = deserialize::whole(&tree)?;
        resolve(&stated, &tree, cells)
    };
    scenario().map_err(|mut problems: Vec<Problem>| {
        // From the top of the file down, then other files, then the command line.
        problems.sort_by_cached_key(|problem| match &problem.place {
            Place::Line(other, line) if other == file => (0, PathBuf::new(), *line),
            Place::Line(other, line) => (1, other.clone(), *line),
            Place::File(other) => (1, other.clone(), 0),
            Place::Setting(_) => (2, PathBuf::new(), 0),
        });
        // What an heir inherits is as wrong there as where it stands, and stands in one place.
        let mut distinct: Vec<Problem> = Vec::new();
        for problem in problems {
            let is_known = |known: &Problem| {
                (&known.place, &known.message) == (&problem.place, &problem.message)
            };
            if !distinct.iter().any(is_known) {
                distinct.push(problem);
            }
        }
        distinct
    })
}
