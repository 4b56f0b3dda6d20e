//! From the file as it is written to the [`Scenario`] the simulation reads: names become numbers,
//! defaults are filled in, and what one value alone cannot show is checked.

mod cell_type;
mod cells;
mod table;

use std::path::{Path as FilePath, PathBuf};

use rules::dictionary::normal;
use rules::{Binding, Engine, Unit};

use super::file::quantity::{Kind, Measured, Quantity, Range};
use super::file::{self, Axes, File, Named, Short};
use super::problem::{Path, Place, Problem, misspelled, split};
use super::tree::Tree;
use super::{Boundary, Clocks, Domain, Measure, Outputs, Readout, RuleSource, Scenario, Substrate};

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
    let folder = tree.file.parent().unwrap_or(FilePath::new("")).to_owned();
    let mut names = Resolver {
        tree,
        folder,
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
    folder: PathBuf,
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
        let duration = file.duration.0;
        let substrates = self.substrates(file, &domain);
        let cell_types: Vec<_> = file
            .cell_types
            .iter()
            .enumerate()
            .map(|(number, (name, stated))| self.cell_type(number, name, stated, &substrates))
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
        let rules = self.rules(&file.rules, &clocks);
        let outputs = self.outputs(&file.outputs, &clocks);
        let readouts = self.readouts(&file.readouts);
        Scenario {
            name: file.name.clone().unwrap_or_else(|| self.default_name()),
            description: file.description.clone(),
            file: self.tree.file.clone(),
            seed: file.seed,
            duration,
            domain,
            clocks,
            substrates,
            cell_types,
            cells: placements,
            arrivals,
            rules,
            contact_memory: file.contacts.memory.0,
            outputs,
            readouts,
            notes: std::mem::take(&mut self.notes),
        }
    }

    /// The folder's name for a `scenario.toml`, else the file's.
    fn default_name(&self) -> String {
        let file = &self.tree.file;
        let folder = self.folder.canonicalize().ok();
        let name = match file.file_name() {
            Some(name) if name == "scenario.toml" => {
                folder.as_deref().and_then(FilePath::file_name)
            }
            _ => file.file_stem(),
        };
        name.unwrap_or_default().to_string_lossy().into_owned()
    }

    fn domain(&mut self, stated: &file::Domain) -> Domain {
        let at = Path::root().key("domain");
        let dimensions = stated.dimensions.clamp(2, 3);
        let axes = usize::from(dimensions);
        if dimensions != stated.dimensions {
            let message = format!("a domain has 2 or 3 dimensions, not {}", stated.dimensions);
            self.complain(&at.key("dimensions"), message, "write 2 or 3".into());
        }
        let edges = match &stated.voxel {
            Axes::All(edge) => vec![edge.0; 3],
            Axes::Each(edges) => edges.iter().map(|edge| edge.0).collect(),
        };
        let voxel = match edges[..] {
            [x, y, z] => [x, y, z],
            [x, y] if axes == 2 => [x, y, x],
            _ => {
                let message = format!("{} edges for {axes} dimensions", edges.len());
                let help = "write one edge for all axes, or one an axis".into();
                self.complain(&at.key("voxel"), message, help);
                [1.0; 3]
            }
        };
        let (mut min, mut max) = ([0.0; 3], [0.0; 3]);
        let (low, high, key) = match (&stated.size, &stated.min, &stated.max) {
            (Some(size), None, None) => (
                size.iter().map(|extent| -extent.0 / 2.0).collect(),
                size.iter().map(|extent| extent.0 / 2.0).collect(),
                "size",
            ),
            (None, Some(min), Some(max)) => (
                min.iter().map(|corner| corner.0).collect(),
                max.iter().map(|corner| corner.0).collect(),
                "max",
            ),
            _ => {
                self.complain(
                    &at,
                    "the extent must be stated once".into(),
                    "write either `size`, or both `min` and `max`".into(),
                );
                (vec![-0.5; axes], vec![0.5; axes], "")
            }
        };
        if low.len() != axes || high.len() != axes {
            let message = format!("{dimensions} dimensions want {axes} numbers");
            let help = "the layer's thickness in 2D is the z edge of `voxel`".into();
            self.complain(&at.key(key), message, help);
            return Domain {
                dimensions,
                min: [-1e9; 3],
                max: [1e9; 3],
                voxel,
                wall_repulsion: stated.wall_repulsion.0,
            };
        }
        for axis in 0..axes {
            (min[axis], max[axis]) = (low[axis], high[axis]);
            let extent = max[axis] - min[axis];
            let name = ["x", "y", "z"][axis];
            if extent <= 0.0 {
                let message = format!("`max` is not above `min` along {name}");
                self.complain(&at.key("max"), message, "swap or enlarge them".into());
            } else if !is_multiple(extent, voxel[axis]) && !key.is_empty() {
                let below = (extent / voxel[axis]).floor().max(1.0) * voxel[axis];
                let message = format!(
                    "{extent} µm along {name} is not a multiple of the voxel's {} µm",
                    voxel[axis]
                );
                let help = format!("{below} µm or {} µm would be", below + voxel[axis]);
                self.complain(&at.key(key), message, help);
            }
        }
        if axes == 2 {
            (min[2], max[2]) = (-voxel[2] / 2.0, voxel[2] / 2.0);
        }
        Domain {
            dimensions,
            min,
            max,
            voxel,
            wall_repulsion: stated.wall_repulsion.0,
        }
    }

    fn clocks(&mut self, stated: &file::Clocks) -> Clocks {
        let clocks = Clocks {
            diffusion: stated.diffusion.0,
            mechanics: stated.mechanics.0,
            phenotype: stated.phenotype.0,
        };
        let at = Path::root().key("clocks");
        for (slow, slow_step, fast, fast_step) in [
            ("mechanics", clocks.mechanics, "diffusion", clocks.diffusion),
            ("phenotype", clocks.phenotype, "mechanics", clocks.mechanics),
        ] {
            if !is_multiple(slow_step, fast_step) {
                let message =
                    format!("{slow_step} min is not a multiple of `{fast}`, {fast_step} min");
                let help = format!("each step must be a whole number of {fast} steps");
                self.complain(&at.key(slow), message, help);
            }
        }
        clocks
    }

    fn substrates(&mut self, file: &File, domain: &Domain) -> Vec<Substrate> {
        let at = Path::root().key("substrates");
        let stated = file.substrates.iter();
        stated
            .map(|(name, stated)| {
                let at = at.key(name);
                let unit = self.unit(&at.key("unit"), &stated.unit);
                let initial = &stated.initial;
                let initial = self.measured(&at.key("initial"), initial, &unit, Range::NotNegative);
                let boundary = self.boundary(&at.key("boundary"), &stated.boundary, &unit, domain);
                Substrate {
                    name: name.to_owned(),
                    diffusion_coefficient: stated.diffusion_coefficient.0,
                    decay_rate: stated.decay_rate.0,
                    initial,
                    boundary,
                    unit,
                }
            })
            .collect()
    }

    fn boundary(
        &mut self,
        at: &Path,
        stated: &Short<file::Faces>,
        unit: &Unit,
        domain: &Domain,
    ) -> [Boundary; 6] {
        let mut boundary = [Boundary::NoFlux; 6];
        let faces = match stated {
            Short::Full(faces) => faces,
            Short::Text(text) if normal(text).replace(' ', "-") == "no-flux" => return boundary,
            Short::Text(text) => {
                let message = format!("`{text}` is not a boundary");
                let help = "write \"no-flux\", or a table such as { all = \"38 mmHg\" } or \
                            { x_min = \"38 mmHg\", y_max = \"no-flux\" }";
                self.complain(at, message, help.into());
                return boundary;
            }
        };
        let each = [
            ("x_min", &faces.x_min),
            ("x_max", &faces.x_max),
            ("y_min", &faces.y_min),
            ("y_max", &faces.y_max),
            ("z_min", &faces.z_min),
            ("z_max", &faces.z_max),
        ];
        for (number, (key, face)) in each.into_iter().enumerate() {
            if number >= 4 && domain.dimensions == 2 {
                if face.is_some() {
                    let message = "a domain of 2 dimensions has no z faces".to_owned();
                    self.complain(&at.key(key), message, "leave the key out".into());
                }
                continue;
            }
            let (key, Some(value)) = (match face {
                Some(_) => (key, face.as_ref()),
                None => ("all", faces.all.as_ref()),
            }) else {
                continue;
            };
            boundary[number] = match value {
                Measured::Text(text) if normal(text).replace(' ', "-") == "no-flux" => {
                    Boundary::NoFlux
                }
                value => {
                    let before = self.problems.len();
                    let density = self.measured(&at.key(key), value, unit, Range::NotNegative);
                    if self.problems.len() > before && key == "all" {
                        return boundary;
                    }
                    Boundary::Fixed(density)
                }
            };
        }
        boundary
    }

    fn rules(
        &mut self,
        stated: &Named<Short<file::RuleSource>>,
        clocks: &Clocks,
    ) -> Vec<RuleSource> {
        let at = Path::root().key("rules");
        let names: Vec<String> = stated.iter().map(|(name, _)| name.to_owned()).collect();
        self.distinct(&at, &names);
        stated
            .iter()
            .map(|(name, source)| {
                let at = at.key(name);
                let short;
                let (source, file_at) = match source {
                    Short::Full(source) => (source, at.key("file")),
                    Short::Text(file) => {
                        short = file::RuleSource {
                            file: file.clone(),
                            clock: None,
                            combine: None,
                            sha256: None,
                            engine: "embedded".into(),
                        };
                        (&short, at.clone())
                    }
                };
                let binding = self.binding(name, source, &at, &file_at, clocks);
                RuleSource {
                    name: name.to_owned(),
                    binding,
                }
            })
            .collect()
    }

    fn binding(
        &mut self,
        name: &str,
        source: &file::RuleSource,
        at: &Path,
        file_at: &Path,
        clocks: &Clocks,
    ) -> Binding {
        let file = self.file(file_at, &source.file);
        let extension = file
            .extension()
            .and_then(|text| text.to_str())
            .unwrap_or("");
        if !["rules", "csv", "onnx"].contains(&extension) {
            let message = format!("`{}` is not a file of rules", source.file);
            let help = "sentences end in .rules, tables in .csv, models in .onnx".into();
            self.complain(file_at, message, help);
        }
        if let Some(clock) = source.clock
            && !is_multiple(clock.0, clocks.mechanics)
        {
            let message = format!(
                "{} min is not a multiple of the mechanics step, {} min",
                clock.0, clocks.mechanics
            );
            let help = "rules are called after whole mechanics steps".into();
            self.complain(&at.key("clock"), message, help);
        }
        let sha256 = source.sha256.as_ref().map(|hash| hash.to_lowercase());
        if let Some(hash) = &sha256
            && (hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            let message = format!("`{hash}` is not a SHA-256");
            let help = "write its 64 hex digits, as `sha256sum FILE` prints them".into();
            self.complain(&at.key("sha256"), message, help);
        }
        let engine = match source.engine.as_str() {
            "embedded" => Engine::Embedded,
            // A bare name is for the system's loader to find.
            library if !library.contains('/') && !self.folder.join(library).exists() => {
                Engine::OnnxRuntime(library.into())
            }
            library => Engine::OnnxRuntime(self.file(&at.key("engine"), library)),
        };
        Binding {
            name: name.to_owned(),
            file,
            clock: source.clock.map(|clock| clock.0),
            combine: source.combine,
            sha256,
            engine,
        }
    }

    fn outputs(&mut self, stated: &file::Outputs, clocks: &Clocks) -> Outputs {
        let at = Path::root().key("outputs");
        let interval = stated.interval.0;
        if !is_multiple(interval, clocks.diffusion) {
            let message = format!(
                "{interval} min is not a multiple of the diffusion step, {} min",
                clocks.diffusion
            );
            let help = "frames are taken after whole diffusion steps".into();
            self.complain(&at.key("interval"), message, help);
        }
        let picture_substrate = stated
            .picture_substrate
            .as_ref()
            .and_then(|name| self.number(&at.key("picture_substrate"), "substrate", name));
        for (number, name) in stated.write.iter().enumerate() {
            let mut writers = crate::output::LIST.iter().map(|(name, _)| *name);
            // A build without writers knows no name to compare with.
            if writers.len() > 0 && !writers.clone().any(|known| known == name) {
                let (message, help) = misspelled("writer", name, &mut writers);
                self.complain(&at.key("write").index(number), message, help);
            }
        }
        Outputs {
            interval,
            write: stated.write.clone(),
            cell_columns: stated.cell_columns.clone(),
            picture_substrate,
        }
    }

    fn readouts(&mut self, stated: &Named<file::Readout>) -> Vec<Readout> {
        let at = Path::root().key("readouts");
        let mut readouts = Vec::new();
        for (name, stated) in stated.iter() {
            let at = at.key(name);
            if let Some([low, high]) = stated.published
                && low > high
            {
                let message = format!("the range begins at {low} and ends at {high}");
                self.complain(&at.key("published"), message, "write [low, high]".into());
            }
            if let Some(measure) = self.measure(&at, stated) {
                readouts.push(Readout {
                    name: name.to_owned(),
                    measure,
                    published: stated.published,
                    source: stated.source.clone(),
                });
            }
        }
        readouts
    }

    /// What is measured; each measure has its own keys, all of them needed and no others.
    fn measure(&mut self, at: &Path, stated: &file::Readout) -> Option<Measure> {
        use file::Measure as Stated;
        let (name, wanted): (_, &[&str]) = match stated.measure {
            Stated::KillsPerCellDay => ("kills per cell and day", &["effectors", "target"]),
            Stated::MeanSpeed => ("mean speed", &["type"]),
            Stated::MotilityCoefficient => ("motility coefficient", &["type", "lag"]),
            Stated::FieldSpread => ("field spread", &["substrate", "sources"]),
            Stated::InfiltrationDepth => ("infiltration depth", &["type", "target"]),
        };
        let before = self.problems.len();
        for (key, is_there) in [
            ("type", stated.cell_type.is_some()),
            ("effectors", stated.effectors.is_some()),
            ("target", stated.target.is_some()),
            ("lag", stated.lag.is_some()),
            ("substrate", stated.substrate.is_some()),
            ("sources", stated.sources.is_some()),
        ] {
            let help = || format!("it wants {}", and(wanted));
            match (wanted.contains(&key), is_there) {
                (true, false) => {
                    let message = format!("`{name}` needs `{key}`");
                    self.complain(&at.key(key), message, help());
                }
                (false, true) => {
                    let message = format!("`{name}` has no use for `{key}`");
                    self.complain(&at.key(key), message, help());
                }
                _ => {}
            }
        }
        let one = |this: &mut Self, key: &str, what, name: &Option<String>| {
            let name = name.as_ref()?;
            this.number(&at.key(key), what, name)
        };
        let many = |this: &mut Self, key: &str, names: &Option<Vec<String>>| {
            let at = at.key(key);
            let names = names.iter().flatten().enumerate();
            names
                .filter_map(|(index, name)| this.number(&at.index(index), "cell type", name))
                .collect::<Vec<usize>>()
        };
        let cell_type = one(self, "type", "cell type", &stated.cell_type);
        let target = one(self, "target", "cell type", &stated.target);
        let substrate = one(self, "substrate", "substrate", &stated.substrate);
        let effectors = many(self, "effectors", &stated.effectors);
        let sources = many(self, "sources", &stated.sources);
        if self.problems.len() > before {
            return None;
        }
        Some(match stated.measure {
            Stated::KillsPerCellDay => Measure::KillsPerCellDay {
                effectors,
                target: target?,
            },
            Stated::MeanSpeed => Measure::MeanSpeed {
                cell_type: cell_type?,
            },
            Stated::MotilityCoefficient => Measure::MotilityCoefficient {
                cell_type: cell_type?,
                lag: stated.lag?.0,
            },
            Stated::FieldSpread => Measure::FieldSpread {
                substrate: substrate?,
                sources,
            },
            Stated::InfiltrationDepth => Measure::InfiltrationDepth {
                cell_type: cell_type?,
                target: target?,
            },
        })
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
        let file = self.folder.join(name);
        if !file.is_file() {
            let message = format!("there is no file {}", file.display());
            let help = "paths are taken from the scenario's folder".into();
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

/// `a`, `a` and `b`.
fn and(keys: &[&str]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    keys.join(" and ")
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
