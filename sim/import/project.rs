//! A PhysiCell project as PhysiCell 1.14.2 resolves it: names are numbers, what is inherited is
//! filled in, and of what only reading does nothing is left.

use std::path::{Path, PathBuf};

use super::cell_type::{Bias, CellType, Reader};
use super::code::Code;
use super::defaults::DEATH_PHASES;
use super::ruleset::{self, Ruleset};
use super::substrates::{self, Substrate, is_one};
use super::xml::Element;
use super::{code, files};
use crate::scenario::file::quantity::Range;

/// A whole project.
#[derive(Debug)]
pub struct Project {
    /// What it is called: as its folder.
    pub name: String,
    /// Of random numbers.
    pub seed: u64,
    /// min.
    pub duration: f64,
    /// Where everything happens.
    pub domain: Domain,
    /// Steps of diffusion, mechanics and phenotype, min.
    pub clocks: [f64; 3],
    /// What diffuses.
    pub substrates: Vec<Substrate>,
    /// A file of densities at the start.
    pub initial_densities: Option<PathBuf>,
    /// Whether cells count what they took up.
    pub tracks_internalized: bool,
    /// Whether daughters part along the poles more often than not.
    pub polar_axes: bool,
    /// Whether springs form by themselves.
    pub springs: bool,
    /// Kinds of cell, by ID.
    pub types: Vec<CellType>,
    /// Flags of fixed phases, by [`Cycle::flags`](super::cell_type::Cycle::flags).
    pub flags: Vec<Vec<bool>>,
    /// Phases of the death models, for all types.
    pub deaths: [Vec<(f64, bool)>; 2],
    /// A table of cells.
    pub cells: Option<PathBuf>,
    /// Cells of each type at random places.
    pub random_cells: u64,
    /// Files of rules.
    pub rules: Vec<Ruleset>,
    /// What is written.
    pub save: Save,
}

impl Project {
    /// Whether anything may write a rate of secretion: rules, distributions or a table of cells.
    pub fn writes_secretion(&self) -> bool {
        let says = |text: &str| text.to_lowercase().contains("secretion");
        let table = self.cells.as_deref().and_then(files::first_line);
        let spread = self.types.iter().flat_map(|kind| &kind.initial);
        self.rules
            .iter()
            .flat_map(|set| &set.rows)
            .any(|row| says(&row.1))
            || spread
                .map(|one| &one.behavior)
                .any(|behavior| says(behavior))
            || table.is_some_and(|header| says(&header))
    }
}

/// The box.
#[derive(Debug)]
pub struct Domain {
    /// Whether it is flat.
    pub is_flat: bool,
    /// µm.
    pub min: [f64; 3],
    /// µm; whole voxels above `min`.
    pub max: [f64; 3],
    /// µm.
    pub voxel: [f64; 3],
    /// Whether its faces push.
    pub walls: bool,
}

/// What is written.
#[derive(Debug)]
pub struct Save {
    /// min.
    pub interval: f64,
    /// Whether cells and fields are.
    pub full: bool,
    /// Whether pictures are.
    pub pictures: bool,
    /// The substrate behind the cells.
    pub picture_substrate: Option<String>,
}

/// Reads a project from the root of its settings.
pub fn read(root: Element<'_>, settings: &Path) -> Project {
    let code = code::read(root, settings);
    let domain = domain(root);
    let clocks = clocks(root);
    let duration = duration(root, clocks[0]);
    let setup = root.needed("microenvironment_setup");
    let substrates = setup.map_or(Vec::new(), |setup| substrates::read(setup, domain.is_flat));
    let (types, (flags, deaths)) = types(root, &substrates, domain.is_flat);
    let initial = setup.and_then(|setup| setup.at("options/initial_condition"));
    let initial_densities = initial.filter(|initial| initial.has("enabled"));
    let says = |path: &str| root.at(path).is_some_and(Element::is_true);
    let mut project = Project {
        name: name(settings),
        seed: seed(root),
        duration,
        clocks,
        initial_densities: initial_densities.and_then(|initial| densities(initial, settings)),
        tracks_internalized: says(
            "microenvironment_setup/options/track_internalized_substrates_in_each_agent",
        ),
        polar_axes: says("options/legacy_random_points_on_sphere_in_divide"),
        springs: !says("options/disable_automated_spring_adhesions"),
        cells: cells(root, settings),
        random_cells: random_cells(root),
        rules: ruleset::read(root, settings),
        save: save(root, clocks[0], &substrates),
        domain,
        substrates,
        types,
        flags,
        deaths,
    };
    settle(root, &mut project, &code);
    project
}

/// What one part of a project means for another.
fn settle(root: Element<'_>, project: &mut Project, code: &Code) {
    if code.is_without_distributions {
        let mut spread = project
            .types
            .iter_mut()
            .filter(|kind| !kind.initial.is_empty());
        if let Some(first) = spread.next() {
            root.note(
                "custom_modules/custom.cpp does not apply initial_parameter_distributions, so \
                 they are left out",
            );
            first.initial.clear();
            spread.for_each(|kind| kind.initial.clear());
        }
    }
    ruleset::check(root, &project.rules, &project.types);
    let gradients = root.at("microenvironment_setup/options/calculate_gradients");
    if !gradients.is_some_and(Element::is_true) {
        let follows =
            |kind: &CellType| kind.motility.enabled && kind.motility.follows != Bias::Nothing;
        let reads = project.rules.iter().any(|rules| rules.reads_gradients);
        if project.types.iter().any(follows) || reads {
            gradients.unwrap_or(root).differs(
                "without calculate_gradients, PhysiCell computes a gradient once and keeps it; \
                 here it is always that of the field",
            );
        }
    }
}

/// The name of the project: of its folder, or of a settings file that is not called as usual.
fn name(settings: &Path) -> String {
    let stem = settings.file_stem().unwrap_or_default().to_string_lossy();
    if stem != "PhysiCell_settings" && !stem.is_empty() {
        return stem.into_owned();
    }
    let root = files::root(settings);
    let root = root.canonicalize().unwrap_or(root);
    root.file_name().map_or("PhysiCell project".into(), |name| {
        name.to_string_lossy().into_owned()
    })
}

fn domain(root: Element<'_>) -> Domain {
    let mut domain = Domain {
        is_flat: false,
        min: [0.0; 3],
        max: [1.0; 3],
        voxel: [1.0; 3],
        walls: root
            .at("options/virtual_wall_at_domain_edge")
            .is_some_and(Element::is_true),
    };
    let Some(element) = root.needed("domain") else {
        return domain;
    };
    domain.is_flat = element.says("use_2D");
    for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
        let edge = element.needed_number(&format!("d{name}"), Range::Positive);
        domain.voxel[axis] = edge;
        if axis == 2 && domain.is_flat {
            (domain.min[2], domain.max[2]) = (-edge / 2.0, edge / 2.0);
            continue;
        }
        let min = element.needed_number(&format!("{name}_min"), Range::Any);
        let max = element.needed_number(&format!("{name}_max"), Range::Any);
        let extent = max - min;
        (domain.min[axis], domain.max[axis]) = (min, max);
        if edge <= 0.0 {
            // Said already.
        } else if extent <= 0.0 || extent.is_nan() {
            element.complain(
                format!("{name}_max is not above {name}_min"),
                format!("{name} goes from {min} to {max}: swap or enlarge them"),
            );
        } else {
            // PhysiCell's grid covers the domain, and may reach beyond it.
            let voxels = extent / edge;
            if (voxels - voxels.round()).abs() > 1e-9 * voxels {
                domain.max[axis] = min + voxels.ceil() * edge;
                element.differs(format!(
                    "{extent} µm along {name} is no multiple of d{name} = {edge} µm: the domain \
                     ends with its last voxel, at {} µm, where PhysiCell's walls stand at {max} µm",
                    domain.max[axis]
                ));
            }
        }
    }
    domain
}

/// Steps of diffusion, mechanics and phenotype.
fn clocks(root: Element<'_>) -> [f64; 3] {
    let overall = root.child("overall");
    let step = |name: &str, default: f64| {
        let stated = overall.and_then(|overall| overall.child(name));
        let step = stated.map_or(default, |step| step.number(Range::Positive));
        if step > 0.0 { step } else { default }
    };
    let diffusion = step("dt_diffusion", 0.01);
    // A step is due at the first diffusion step at which more than the step less half a diffusion
    // step has passed: the nearest multiple, and the larger of two.
    let mut settled = [diffusion; 3];
    for (number, name, default) in [(1, "dt_mechanics", 0.1), (2, "dt_phenotype", 6.0)] {
        let wanted = step(name, default);
        let ticks = ((wanted / diffusion + 0.5) * (1.0 + 1e-12))
            .floor()
            .max(1.0);
        let nearest = ticks * diffusion;
        settled[number] =
            match (nearest - wanted).abs() <= 1e-9 * wanted {
                true => wanted,
                false => {
                    overall.and_then(|overall| overall.child(name)).unwrap_or(root).note(format!(
                    "{wanted} min is no multiple of dt_diffusion; as in PhysiCell, the step is \
                     {nearest} min"
                ));
                    nearest
                }
            };
    }
    let ratio = settled[2] / settled[1];
    if ratio.round() < 1.0 || (ratio - ratio.round()).abs() > 1e-9 * ratio {
        overall.unwrap_or(root).complain(
            format!(
                "dt_phenotype, {} min, is no multiple of dt_mechanics, {} min",
                settled[2], settled[1]
            ),
            "a scenario needs whole mechanics steps in a phenotype step: change one of them",
        );
    }
    settled
}

fn duration(root: Element<'_>, step: f64) -> f64 {
    let Some(overall) = root.needed("overall") else {
        return step;
    };
    let Some(element) = overall.needed("max_time") else {
        return step;
    };
    let wanted = element.number(Range::Positive);
    // The main loop takes the last step that begins before max_time and a tenth of a step.
    let ticks = (wanted / step + 0.1).floor().max(1.0);
    let last = ticks * step;
    if (last - wanted).abs() <= 1e-9 * wanted {
        return wanted;
    }
    if wanted > 0.0 {
        element.note(format!(
            "{wanted} min is no multiple of dt_diffusion; the last state that PhysiCell saves is \
             that of {last} min"
        ));
    }
    last
}

/// Cell definitions: each has numbers for each other one.
const MOST_TYPES: usize = 1000;

/// What definitions share: flags of fixed phases, and the phases of the two death models.
type Shared = (Vec<Vec<bool>>, [Vec<(f64, bool)>; 2]);

/// All definitions, and what they share.
fn types(root: Element<'_>, substrates: &[Substrate], is_flat: bool) -> (Vec<CellType>, Shared) {
    let deaths = DEATH_PHASES.map(<[_]>::to_vec);
    let nothing = (Vec::new(), (Vec::new(), deaths.clone()));
    let Some(list) = root.needed("cell_definitions") else {
        return nothing;
    };
    let stated: Vec<Element<'_>> = list.each("cell_definition").collect();
    if stated.is_empty() {
        list.complain(
            "there is no <cell_definition>",
            "define at least one cell type",
        );
        return nothing;
    }
    if stated.len() > MOST_TYPES {
        list.complain(
            format!("{} cell definitions are too many", stated.len()),
            format!("at most {MOST_TYPES} are read"),
        );
        return nothing;
    }
    let mut names = vec![String::new(); stated.len()];
    let mut numbered = Vec::new();
    let mut is_sound = true;
    for &element in &stated {
        let mut refuse = |message: String, help: String| {
            is_sound = false;
            element.complain(message, help);
        };
        let name = element.attribute("name").unwrap_or("");
        let id = element.attribute("ID").unwrap_or("");
        let number = id.parse::<usize>().ok().filter(|&id| id < stated.len());
        let is_taken = |other: &&String| !other.is_empty() && is_one(other, name);
        if name.is_empty() {
            refuse(
                "the cell type has no name".into(),
                "write name=\"tumor\"".into(),
            );
        } else if let Some(other) = names.iter().find(is_taken) {
            let message = format!("`{other}` and `{name}` are one name");
            let help = "case, `_` and spaces do not tell names apart: rename one of them";
            refuse(message, help.into());
        }
        match number {
            Some(number) if !names[number].is_empty() => {
                let help = format!("`{}` has it: give each type its own", names[number]);
                refuse(format!("the ID {number} stands here again"), help);
            }
            Some(number) => {
                if name == "default" && number != 0 {
                    let message = format!("the definition `default` has the ID {number}");
                    let help = "PhysiCell makes one definition of `default` and the ID 0: give it \
                                the ID 0, or another name";
                    refuse(message, help.into());
                }
                names[number] = name.to_owned();
                numbered.push((number, element));
            }
            None => {
                let last = stated.len() - 1;
                let message = format!("the ID `{id}` is not one of 0 to {last}");
                let help = "PhysiCell needs the IDs 0, 1, 2, … without a gap";
                refuse(message, help.into());
            }
        }
    }
    if !is_sound {
        return nothing;
    }
    let substrates: Vec<String> = substrates.iter().map(|one| one.name.clone()).collect();
    let mut reader = Reader {
        types: &names,
        substrates: &substrates,
        is_flat,
        copies_all: root
            .at("options/legacy_cell_defaults_copy")
            .is_some_and(Element::is_true),
        flags: Vec::new(),
        deaths,
    };
    let read = reader.definitions(&numbered);
    (read, (reader.flags, reader.deaths))
}

fn densities(element: Element<'_>, settings: &Path) -> Option<PathBuf> {
    let kind = element.attribute("type").unwrap_or("");
    if !["csv", "CSV", "matlab"].contains(&kind) {
        element.complain(
            format!("there is no initial_condition of type `{kind}`"),
            "write csv or matlab",
        );
        return None;
    }
    files::find(element, settings, element.text_of("filename"))
}

fn cells(root: Element<'_>, settings: &Path) -> Option<PathBuf> {
    let element = root.at("initial_conditions/cell_positions")?;
    if !element.has("enabled") {
        return None;
    }
    let kind = element.attribute("type").unwrap_or("");
    if !["csv", "CSV"].contains(&kind) {
        element.complain(
            format!("there are no cell_positions of type `{kind}`"),
            "PhysiCell reads csv only",
        );
        return None;
    }
    files::find(element, settings, &named(element))
}

/// `folder/filename`, as PhysiCell joins them.
pub fn named(element: Element<'_>) -> String {
    match (element.text_of("folder"), element.text_of("filename")) {
        (_, "") => String::new(),
        ("", name) => name.to_owned(),
        (folder, name) => format!("{}/{name}", folder.trim_end_matches('/')),
    }
}

/// As the template project places them: so many of each type, anywhere.
fn random_cells(root: Element<'_>) -> u64 {
    let Some(element) = root.at("user_parameters/number_of_cells") else {
        return 0;
    };
    u64::try_from(element.whole()).unwrap_or(0)
}

fn seed(root: Element<'_>) -> u64 {
    // Custom code sets it after the options have.
    if let Some(element) = root.at("user_parameters/random_seed") {
        // PhysiCell takes it for an unsigned number.
        return u64::from(element.whole() as u32);
    }
    let element = root.at("options/random_seed");
    match element.map_or("", Element::text) {
        "" | "random" | "system_clock" => {
            element.or(root.child("options")).unwrap_or(root).note(
                "PhysiCell takes the seed from the clock; here it is 0, and --seed sets another",
            );
            0
        }
        text => text.parse().unwrap_or_else(|_| {
            if let Some(element) = element {
                element.complain(
                    format!("`{text}` is not a seed"),
                    "write a whole number that is not negative, or system_clock",
                );
            }
            0
        }),
    }
}

fn save(root: Element<'_>, step: f64, substrates: &[Substrate]) -> Save {
    let mut save = Save {
        interval: 60.0,
        full: false,
        pictures: false,
        picture_substrate: None,
    };
    let Some(element) = root.child("save") else {
        root.note("without <save>, only the numbers of cells are written");
        return save;
    };
    let full = element.child("full_data");
    let pictures = element.child("SVG");
    save.full = full.is_some_and(|full| full.says("enable"));
    save.pictures = pictures.is_some_and(|pictures| pictures.says("enable"));
    let interval = |element: Option<Element<'_>>| {
        element.map_or(0.0, |element| {
            element.needed_number("interval", Range::NotNegative)
        })
    };
    save.interval = match (save.full, save.pictures) {
        (true, true) => {
            let (tables, drawn) = (interval(full), interval(pictures));
            if let Some(pictures) = pictures
                && tables != drawn
            {
                pictures.note(format!(
                    "pictures are drawn with the tables, each {tables} min, not each {drawn} min"
                ));
            }
            tables
        }
        (true, false) => interval(full),
        (false, true) => interval(pictures),
        (false, false) => save.interval,
    };
    let ticks = (save.interval / step).round().max(1.0);
    if (ticks * step - save.interval).abs() > 1e-9 * save.interval {
        element.note(format!(
            "{} min is no multiple of dt_diffusion; states are saved each {} min",
            save.interval,
            ticks * step
        ));
        save.interval = ticks * step;
    }
    if let Some(plot) = pictures.and_then(|pictures| pictures.child("plot_substrate"))
        && plot.has("enabled")
    {
        let name = plot.text_of("substrate");
        match substrates.iter().find(|one| one.name == name) {
            Some(_) => save.picture_substrate = Some(name.to_owned()),
            None => plot.note(format!("there is no substrate `{name}` to draw")),
        }
        if plot.has("limits") {
            plot.note("pictures scale their colors by themselves");
        }
    }
    for (name, what) in [
        (
            "intracellular_data",
            "states of models within cells are not written",
        ),
        ("legacy_data", "the old text files are not written"),
    ] {
        if let Some(element) = element.child(name)
            && element.says("enable")
        {
            element.note(what);
        }
    }
    save
}
