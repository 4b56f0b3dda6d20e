//! From the file as it is written to the [`Scenario`] the simulation reads: names become numbers,
//! defaults are filled in, and what one value alone cannot show is checked.

mod cell_type;
mod cells;
mod compartments;
mod densities;
mod domain;
mod import;
mod interventions;
mod latents;
mod outputs;
mod physicell_table;
mod readouts;
mod region;
mod sources;
mod table;

use std::path::{Path as FilePath, PathBuf};

use rules::Unit;
use rules::dictionary::normal;

use super::Scenario;
use super::file::quantity::{Kind, Measured, Quantity, Range};
use super::file::{File, Named};
use super::problem::{Path, Place, Problem, misspelled, split};
use super::tree::Tree;
use crate::semantics::Semantics;
use interventions::Tissue;

/// Reads the rest into a file that serde has read. `cells`, where given, is a table whose cells
/// stand in for all the file's groups.
///
/// # Errors
/// Everything that is wrong.
pub fn resolve(
    file: &File,
    tree: &Tree,
    cells: Option<&FilePath>,
) -> Result<Scenario, Vec<Problem>> {
    let mut names = Resolver {
        tree,
        semantics: file.semantics,
        problems: Vec::new(),
        notes: Vec::new(),
        types: file
            .cell_types
            .iter()
            .map(|(name, _)| name.into())
            .collect(),
        substrates: file
            .substrates
            .iter()
            .map(|(name, _)| name.into())
            .collect(),
    };
    let scenario = names.scenario(file, cells);
    if names.problems.is_empty() {
        Ok(scenario)
    } else {
        Err(names.problems)
    }
}

/// What is known while a file is resolved, and what was found wrong so far.
struct Resolver<'a> {
    tree: &'a Tree,
    semantics: Semantics,
    problems: Vec<Problem>,
    notes: Vec<String>,
    types: Vec<String>,
    substrates: Vec<String>,
}

impl Resolver<'_> {
    fn scenario(&mut self, file: &File, cells: Option<&FilePath>) -> Scenario {
        let root = Path::root();
        let domain = self.domain(&file.domain);
        let clocks = self.clocks(&file.clocks);
        let duration = self.duration(file, &clocks);
        let solver = self.solver(file);
        let mut substrates = self.substrates(file, &domain);
        if let Some(name) = &file.initial_densities {
            self.initial_densities(name, &domain, &mut substrates);
        }
        self.confined(&substrates, &domain);
        let cell_types: Vec<_> = file
            .cell_types
            .iter()
            .enumerate()
            .map(|(number, (name, stated))| {
                self.cell_type(number, name, stated, &substrates, &domain)
            })
            .collect();
        self.distinct(&root.key("substrates"), &self.substrates.clone());
        self.distinct(&root.key("cell_types"), &self.types.clone());
        if cell_types.is_empty() && (cells.is_some() || !file.cells.0.is_empty()) {
            self.complain(
                &root.key("cells"),
                "the scenario has no cell types".into(),
                "add a table such as `[cell_types.tumor]`".into(),
            );
        }
        let placements = match cells {
            _ if cell_types.is_empty() => Vec::new(),
            Some(table) => self.imported(table, file.import.as_ref(), &domain, &cell_types),
            None => self.groups(&file.cells, &domain, &cell_types),
        };
        let arrivals = self.arrivals(&file.arrivals, &domain, duration);
        let (interventions, drugs) = self.interventions(
            &file.interventions,
            &Tissue {
                domain: &domain,
                clocks: &clocks,
                substrates: &substrates,
                cell_types: &cell_types,
                duration,
            },
        );
        let write = &file.outputs.write;
        self.isolated(&placements, &arrivals, &interventions, write, &domain);
        let rules = self.rules(&file.rules, &clocks);
        let latents = self.latents(&file.latents);
        let outputs = self.outputs(&file.outputs, &clocks);
        let readouts = self.readouts(&file.readouts, &domain, &file.outputs.write);
        Scenario {
            name: file.name.clone().unwrap_or_else(|| self.default_name()),
            description: file.description.clone(),
            file: self.tree.file().to_owned(),
            semantics: file.semantics,
            seed: file.seed,
            duration,
            domain,
            clocks,
            solver,
            substrates,
            cell_types,
            cells: placements,
            arrivals,
            interventions,
            drugs,
            rules,
            latents,
            contact_memory: file.contacts.memory.0,
            springs: file.contacts.springs,
            polar_division_axes: file.division.polar_axes,
            track_internalized_substrates: file.track_internalized_substrates,
            outputs,
            readouts,
            settings: None,
            notes: std::mem::take(&mut self.notes),
        }
    }

    /// The folder's name for a `scenario.toml`, else the file's.
    fn default_name(&self) -> String {
        let file = self.tree.file();
        // A file named without a folder lies in the current one.
        let folder = self.tree.folder(&Path::root()).join(".");
        let folder = folder.canonicalize().ok();
        let name = match file.file_name() {
            Some(name) if name == "scenario.toml" => {
                folder.as_deref().and_then(FilePath::file_name)
            }
            _ => file.file_stem(),
        };
        name.unwrap_or_default().to_string_lossy().into_owned()
    }

    fn complain(&mut self, key: &Path, message: String, help: String) {
        self.problems.push(Problem {
            place: self.tree.place(key),
            key: key.clone(),
            message,
            help,
        });
    }

    /// Complains about a name that another differs from in spelling only, or that is empty.
    fn distinct(&mut self, table: &Path, names: &[String]) {
        for (number, name) in names.iter().enumerate() {
            if normal(name).is_empty() {
                let help = "names are made of letters and digits".into();
                self.complain(&table.key(name), "the name is empty".into(), help);
            } else if let Some(first) = names[..number]
                .iter()
                .find(|other| normal(other) == normal(name))
            {
                let message = format!("`{first}` and `{name}` are one name");
                let help = "case, `_` and spaces do not tell names apart: choose another".into();
                self.complain(&table.key(name), message, help);
            }
        }
    }

    /// The number of the cell type or substrate called `name`.
    fn number(&mut self, at: &Path, what: &'static str, name: &str) -> Option<usize> {
        let known = match what {
            "substrate" => &self.substrates,
            _ => &self.types,
        };
        let number = known.iter().position(|known| normal(known) == normal(name));
        if number.is_none() {
            let (message, help) = misspelled(what, name, known.iter().map(String::as_str));
            self.complain(at, message, help);
        }
        number
    }

    /// One value a cell type or substrate, `default` where none is stated.
    fn each<K: Kind>(
        &mut self,
        at: &Path,
        what: &'static str,
        stated: &Named<Quantity<K>>,
        default: f64,
    ) -> Vec<f64> {
        let count = match what {
            "substrate" => self.substrates.len(),
            _ => self.types.len(),
        };
        let names: Vec<String> = stated.iter().map(|(name, _)| name.to_owned()).collect();
        self.distinct(at, &names);
        let mut values = vec![default; count];
        for (name, value) in stated.iter() {
            if let Some(number) = self.number(&at.key(name), what, name) {
                values[number] = value.0;
            }
        }
        values
    }

    fn unit(&mut self, at: &Path, text: &str) -> Unit {
        if normal(text) == "dimensionless" {
            return Unit::one();
        }
        Unit::parse(text).unwrap_or_else(|error| {
            let help = "write one such as \"mmHg\", \"µM\", \"pM\", or \"1\" for a pure number";
            self.complain(at, error.to_string(), help.into());
            Unit::one()
        })
    }

    fn measured(&mut self, at: &Path, value: &Measured, unit: &Unit, range: Range) -> f64 {
        value.in_unit(unit, range).unwrap_or_else(|text| {
            let (message, help) = split(&text);
            self.complain(at, message, help);
            0.0
        })
    }

    /// A file that the scenario names; it must be there.
    fn file(&mut self, at: &Path, name: &str) -> PathBuf {
        let file = self.tree.folder(at).join(name);
        if !file.is_file() {
            let message = match (file.is_dir(), file.exists()) {
                (true, _) => format!("{} is a folder", file.display()),
                (_, true) => format!("{} is not a regular file", file.display()),
                _ => format!("there is no file {}", file.display()),
            };
            let help = "paths are taken from the folder of the scenario that states them".into();
            self.complain(at, message, help);
        }
        file
    }
}

/// Whether `long` is a whole number of `short`, at least one. The tolerance admits the rounding of
/// decimal fractions, and nothing a person would write on purpose.
fn is_multiple(long: f64, short: f64) -> bool {
    let ratio = long / short;
    ratio.round() >= 1.0 && (ratio - ratio.round()).abs() <= 1e-9 * ratio
}

/// A problem of a file that is not the scenario.
fn elsewhere(file: &FilePath, line: Option<usize>, message: String, help: String) -> Problem {
    Problem {
        place: match line {
            Some(line) => Place::Line(file.to_owned(), line),
            None => Place::File(file.to_owned()),
        },
        key: Path::root(),
        message,
        help,
    }
}
