//! A scenario: the validated, unit-converted description of a run.
//!
//! Everything here is in base units (µm, min, and each substrate's own unit) and has been checked,
//! so that what reads it checks nothing. [`parse`] is the way from a file to this.

mod cycles;
mod deserialize;
pub mod file;
mod hash;
pub mod parse;
pub mod problem;
mod resolve;
pub mod schema;
mod tree;

pub use hash::sha256;

use std::path::PathBuf;

use rules::{Binding, Inherit, Unit};
use serde::Serialize;

use crate::readouts::{Asked, Measure};
use crate::semantics::Semantics;

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub struct Scenario {
    /// What the scenario is called.
    pub name: String,
    /// What it shows, in a sentence or two.
    pub description: String,
    /// The file it was read from.
    pub file: PathBuf,
    /// Whose mathematics the steps follow.
    pub semantics: Semantics,
    /// Seeds every random stream.
    pub seed: u64,
    /// Simulated time at which the run ends, min.
    pub duration: f64,
    /// Where cells live and substrates diffuse.
    pub domain: Domain,
    /// The three step lengths.
    pub clocks: Clocks,
    /// Who solves the equation of diffusion.
    #[serde(skip_serializing_if = "Solver::is_lod")]
    pub solver: Solver,
    /// What diffuses, by number.
    pub substrates: Vec<Substrate>,
    /// Kinds of cell, by number.
    pub cell_types: Vec<CellType>,
    /// The cells there at the start, in the order of the file.
    pub cells: Vec<Placement>,
    /// The cells that come later.
    pub arrivals: Vec<Arrival>,
    /// What is done to the tissue from outside, in the order of the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interventions: Vec<Intervention>,
    /// Agents that are everywhere alike, in the order in which interventions name them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drugs: Vec<Drug>,
    /// Files of rules and models, in the order of the file.
    pub rules: Vec<RuleSource>,
    /// What the scenario says of spaces of latent vectors, in the order of the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub latents: Vec<LatentSpace>,
    /// min for which a pair that has separated is remembered.
    pub contact_memory: f64,
    /// Whether neighbors may attach to each other, at their rates, and then hold each other.
    pub springs: bool,
    /// Whether division axes crowd at the poles, as polar angles drawn uniformly do.
    pub polar_division_axes: bool,
    /// Whether each cell keeps account of what it took up and gave off.
    pub track_internalized_substrates: bool,
    /// What is written, and when.
    pub outputs: Outputs,
    /// Numbers and curves that the tissue shows.
    pub readouts: Vec<Readout>,
    /// The settings of another simulator that it was made of.
    #[serde(skip)]
    pub settings: Option<PathBuf>,
    /// What whoever starts the run should know about how the file was read: cells left out, …
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// The box in which everything happens.
#[derive(Debug, Clone, Serialize)]
pub struct Domain {
    /// 2 or 3. In 2D there is one layer of voxels, and cells stay at z = 0.
    pub dimensions: u8,
    /// Lower corner, µm.
    pub min: [f64; 3],
    /// Upper corner, µm. Each extent is a multiple of the voxel.
    pub max: [f64; 3],
    /// Voxel edges, µm.
    pub voxel: [f64; 3],
    /// Velocity with which a wall pushes a cell whose center touches it, µm/min; 0 for no push.
    pub wall_repulsion: f64,
    /// Boxes that keep cells apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compartments: Option<Compartments>,
}

/// A regular grid of boxes with walls of their own, see [`kernels::compartments`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Compartments {
    /// Inner edge of one, µm.
    pub size: f64,
    /// From the middle of one to that of the next, µm; the domain's extents are multiples of it.
    pub pitch: f64,
}

impl Compartments {
    /// Where they are in the domain.
    ///
    /// # Errors
    /// None where a scenario was checked.
    pub fn grid(
        &self,
        domain: &Domain,
    ) -> Result<kernels::compartments::Compartments, kernels::Error> {
        let domain = kernels::motion::Domain {
            min: domain.min,
            max: domain.max,
            dimensions: usize::from(domain.dimensions),
        };
        kernels::compartments::Compartments::new(domain, self.size, self.pitch)
    }
}

/// Step lengths, min. Mechanics and phenotype are whole multiples of diffusion; phenotype is one of mechanics.
#[derive(Debug, Clone, Serialize)]
pub struct Clocks {
    /// One tick.
    pub diffusion: f64,
    /// Contact, motility, positions.
    pub mechanics: f64,
    /// Volume, cycle, death; the default clock of rules.
    pub phenotype: f64,
}

/// Who solves the equation of diffusion.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Solver {
    /// The one split by directions, in every step of diffusion.
    Lod,
    /// The unsplit one, with this tolerance.
    Unsplit(f64),
}

impl Solver {
    /// The default, which a hash does not name.
    fn is_lod(&self) -> bool {
        *self == Solver::Lod
    }
}

impl Clocks {
    /// Ticks in one mechanics step.
    pub fn mechanics_ticks(&self) -> u64 {
        self.ticks(self.mechanics)
    }

    /// Ticks in one phenotype step.
    pub fn phenotype_ticks(&self) -> u64 {
        self.ticks(self.phenotype)
    }

    /// Ticks nearest to a time in min.
    pub fn ticks(&self, time: f64) -> u64 {
        (time / self.diffusion).round() as u64
    }
}

/// Something that diffuses and decays.
#[derive(Debug, Clone, Serialize)]
pub struct Substrate {
    /// Its name, which is also the signal's.
    pub name: String,
    /// The unit in which its density is stated and written.
    #[serde(serialize_with = "as_text")]
    pub unit: Unit,
    /// µm²/min.
    pub diffusion_coefficient: f64,
    /// 1/min.
    pub decay_rate: f64,
    /// Density everywhere at the start, in `unit`.
    pub initial: f64,
    /// Density of each voxel at the start, in `unit`, x running fastest; instead of `initial`.
    pub initial_field: Option<Vec<f64>>,
    /// Faces xmin, xmax, ymin, ymax, zmin, zmax.
    pub boundary: [Boundary; 6],
}

/// What holds at one face of the domain.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Boundary {
    /// Nothing passes.
    NoFlux,
    /// The voxels at the face hold this density.
    Fixed(f64),
}

/// A kind of cell.
#[derive(Debug, Clone, Serialize)]
pub struct CellType {
    /// Its name, as rules write it.
    pub name: String,
    /// `#rrggbb` in pictures; a default by number where the file gives none.
    pub color: String,
    /// How it divides.
    pub cycle: Cycle,
    /// Probability that the daughter of a division is of each type, by type; what is missing to 1 is
    /// that she is of her mother's.
    pub asymmetric_division: Vec<f64>,
    /// How it dies by itself.
    pub apoptosis: Death,
    /// How it dies of want.
    pub necrosis: Death,
    /// Its size and how that changes.
    pub volume: Volume,
    /// How it pushes and sticks.
    pub mechanics: Mechanics,
    /// How it moves.
    pub motility: Motility,
    /// What it makes and takes, by substrate.
    pub exchange: Vec<Exchange>,
    /// What it does to its neighbors.
    pub interactions: Interactions,
    /// Rate of becoming each other type, 1/min, by type.
    pub transformations: Vec<f64>,
    /// 1/min: how damage comes without anybody's doing.
    pub damage_rate: f64,
    /// 1/min: first-order repair of damage.
    pub damage_repair_rate: f64,
    /// Named numbers of its own, which rules may read and write.
    pub custom: Vec<Custom>,
    /// Numbers that differ from founder to founder.
    pub initial: Vec<Initial>,
}

/// A cycle: phases, and the transitions between them.
#[derive(Debug, Clone, Serialize)]
pub struct Cycle {
    /// `live`, `Ki67 basic`, …
    pub model: String,
    /// Phases in the model's order; a cell starts in the first. None if cells of the type do not divide.
    pub phases: Vec<Phase>,
}

/// One phase. It has one exit.
#[derive(Debug, Clone, Serialize)]
pub struct Phase {
    /// `G0/G1`, `S`, …
    pub name: String,
    /// 1/min: rate at which the phase is left; with `fixed` its inverse is the phase's length.
    pub exit_rate: f64,
    /// Whether the phase takes exactly 1/`exit_rate`.
    pub fixed: bool,
    /// The phase that follows.
    pub next: usize,
    /// Whether leaving it is a division.
    pub divides: bool,
    /// Whether entering it doubles the target volumes.
    pub grows: bool,
}

/// A way to die (`physicell/semantics` names: apoptosis 100, necrosis 101).
#[derive(Debug, Clone, Serialize)]
pub struct Death {
    /// 1/min: the event's rate.
    pub rate: f64,
    /// How long a necrotic cell swells at least, before it can burst.
    pub swelling: Span,
    /// How long until a dead cell is removed (for necrosis: after it has lysed).
    pub removal: Span,
    /// 1/min: change of fluid while the cell is whole.
    pub unlysed_fluid_change_rate: f64,
    /// 1/min: change of fluid after it has burst.
    pub lysed_fluid_change_rate: f64,
    /// 1/min: loss of solid cytoplasm.
    pub cytoplasmic_change_rate: f64,
    /// 1/min: loss of solid nucleus.
    pub nuclear_change_rate: f64,
    /// 1/min.
    pub calcification_rate: f64,
    /// A necrotic cell bursts at this multiple of its volume at death.
    pub relative_rupture_volume: f64,
}

/// A time that passes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Span {
    /// min; the mean where it is not fixed.
    pub duration: f64,
    /// Whether it always takes exactly its duration; else it ends at a constant rate.
    pub fixed: bool,
}

/// Volumes, µm³, and the rates (1/min) at which they approach their targets.
#[derive(Debug, Clone, Serialize)]
pub struct Volume {
    /// Whole cell.
    pub total: f64,
    /// Nucleus.
    pub nuclear: f64,
    /// Share of fluid in every compartment, 0–1.
    pub fluid_fraction: f64,
    /// 1/min.
    pub fluid_change_rate: f64,
    /// 1/min.
    pub cytoplasmic_change_rate: f64,
    /// 1/min.
    pub nuclear_change_rate: f64,
    /// Share that is calcified, 0–1.
    pub calcified_fraction: f64,
    /// 1/min.
    pub calcification_rate: f64,
}

/// Contact. Strengths are velocities, µm/min, at full overlap (repulsion) or at zero distance (adhesion).
#[derive(Debug, Clone, Serialize)]
pub struct Mechanics {
    /// µm/min.
    pub repulsion: f64,
    /// µm/min.
    pub adhesion: f64,
    /// Adhesion reaches this multiple of the radius.
    pub relative_maximum_adhesion_distance: f64,
    /// Factor on adhesion, by the other's type.
    pub adhesion_affinities: Vec<f64>,
    /// 1/min: elastic constant of an attachment, and of the bond between an attacker and its target.
    pub attachment_elastic_constant: f64,
    /// 1/min: rate of attaching to a neighbor.
    pub attachment_rate: f64,
    /// 1/min: rate of letting go of one.
    pub detachment_rate: f64,
    /// Most attachments at a time, a whole number.
    pub maximum_attachments: f64,
    /// Whether forces move it.
    pub movable: bool,
    /// µm/min; of a basement membrane, which a scenario cannot state yet.
    pub basement_membrane_adhesion: f64,
    /// µm/min; likewise.
    pub basement_membrane_repulsion: f64,
}

/// A persistent random walk with a bias.
#[derive(Debug, Clone, Serialize)]
pub struct Motility {
    /// Whether it moves by itself at all, whatever its speed.
    pub enabled: bool,
    /// Whether its walk stays in the xy plane in three dimensions too.
    pub in_plane: bool,
    /// A substrate whose gradient alone it follows, and 1 for up or −1 for down; then the weights
    /// in `chemotaxis` do nothing.
    pub toward: Option<(usize, f64)>,
    /// µm/min; 0 for cells that do not move by themselves.
    pub speed: f64,
    /// min: mean time between changes of direction.
    pub persistence_time: f64,
    /// 0 (random) to 1 (up the gradient).
    pub bias: f64,
    /// Weight of each substrate's gradient, by substrate; negative for away.
    pub chemotaxis: Vec<f64>,
    /// Whether each gradient counts by direction alone.
    pub normalize_each_gradient: bool,
}

/// What a cell of this type does to one substrate.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Exchange {
    /// 1/min.
    pub secretion_rate: f64,
    /// Density at which secretion stops, in the substrate's unit.
    pub secretion_target: f64,
    /// 1/min.
    pub uptake_rate: f64,
    /// Amount (substrate's unit × µm³) per min, whatever the density.
    pub export_rate: f64,
}

/// What a cell of this type does to neighbors.
#[derive(Debug, Clone, Serialize)]
pub struct Interactions {
    /// 1/min per apoptotic neighbor.
    pub phagocytose_apoptotic: f64,
    /// 1/min per necrotic neighbor.
    pub phagocytose_necrotic: f64,
    /// 1/min per neighbor dead in another way, of which there is none yet.
    pub phagocytose_other_dead: f64,
    /// 1/min per live neighbor, by its type.
    pub phagocytose: Vec<f64>,
    /// 1/min per live neighbor: rate of fusing with it, by its type.
    pub fusion: Vec<f64>,
    /// 1/min per live neighbor: rate of starting an attack, by its type.
    pub attack: Vec<f64>,
    /// Damage per min while an attack lasts.
    pub attack_damage_rate: f64,
    /// min: mean length of an attack.
    pub attack_duration: f64,
    /// How strongly each type's attackers are drawn to this type, by attacker's type; 1 by default.
    pub immunogenicity: Vec<f64>,
}

/// A number that cells of a type carry.
#[derive(Debug, Clone, Serialize)]
pub struct Custom {
    /// Its name; signals and behaviors call it `custom:<name>`.
    pub name: String,
    /// Its value in a new cell, in `unit`.
    pub value: f64,
    /// Its unit.
    #[serde(serialize_with = "as_text")]
    pub unit: Unit,
    /// Whether it is an amount, of which a division gives each daughter half.
    pub conserved: bool,
}

/// A number that differs from founder to founder of a type.
#[derive(Debug, Clone, Serialize)]
pub struct Initial {
    /// `volume`, or the name of a behavior.
    pub what: String,
    /// How it is distributed.
    pub distribution: Distribution,
    /// Whether the type's own value must lie between the ends.
    pub check_base: bool,
}

/// How a number is distributed, in the behavior's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Between two ends.
    Uniform {
        /// The lower end.
        min: f64,
        /// The upper end.
        max: f64,
    },
    /// Between two positive ends; its logarithm is uniform.
    LogUniform {
        /// The lower end, > 0.
        min: f64,
        /// The upper end.
        max: f64,
    },
    /// Normal, drawn again until it lies between two ends.
    Normal {
        /// Mean.
        mu: f64,
        /// Standard deviation.
        sigma: f64,
        /// The lower end.
        min: f64,
        /// The upper end.
        max: f64,
    },
    /// Its logarithm to a base is normal; drawn again until it lies between two ends.
    LogNormal {
        /// e or 10.
        base: f64,
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
        /// The lower end of the number itself.
        min: f64,
        /// The upper end of the number itself.
        max: f64,
    },
}

/// Cells that are there at the start.
#[derive(Debug, Clone, Serialize)]
pub struct Placement {
    /// The scenario's name for this group.
    pub name: String,
    /// Where they are.
    pub place: Place,
    /// The table they stand in, if they do.
    #[serde(skip)]
    pub table: Option<CellTable>,
}

/// A table of cells: what a message about one of its cells has to name.
#[derive(Debug, Clone)]
pub struct CellTable {
    /// The file.
    pub file: PathBuf,
    /// Its columns of behaviors and custom numbers, as they are written.
    pub columns: Vec<String>,
}

/// How cells are placed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Each cell stated, in the scenario or in a table.
    Explicit {
        /// The cells, in order.
        cells: Vec<Founder>,
    },
    /// A region filled at random, or packed hexagonally.
    Region {
        /// The type of all of them.
        cell_type: usize,
        /// How many; `None` packs the region full.
        count: Option<u64>,
        /// Where.
        region: Region,
        /// Distance of neighbors in a packed region, µm; for random ones the least distance tried for.
        spacing: f64,
    },
    /// Compartments loaded alike, each cell at random.
    Compartments(Load),
}

/// Compartments loaded alike.
#[derive(Debug, Clone, Serialize)]
pub struct Load {
    /// Number of the first; groups load one after the other.
    pub first: u64,
    /// How many.
    pub compartments: u64,
    /// Type and number of the cells in each that act.
    pub effectors: Option<(usize, u32)>,
    /// Type and number of the cells in each that are acted on.
    pub targets: Option<(usize, u32)>,
    /// What a table calls them.
    pub label: Label,
}

impl Load {
    /// The types of the cells in a compartment, in the order in which they are loaded: effectors
    /// first, and whether each is one.
    pub fn cells(&self) -> Vec<(usize, bool)> {
        let of = |role: Option<(usize, u32)>, is_effector| {
            let (kind, count) = role.unwrap_or_default();
            std::iter::repeat_n((kind, is_effector), count as usize)
        };
        of(self.effectors, true)
            .chain(of(self.targets, false))
            .collect()
    }
}

/// What a table calls compartments; it does nothing by itself.
#[derive(Debug, Clone, Serialize)]
pub struct Label {
    /// What was done.
    pub condition: String,
    /// How much of it.
    pub dose: Option<f64>,
    /// Of whom effectors and targets are; empty if nobody says.
    pub donors: [String; 2],
}

/// One stated cell.
#[derive(Debug, Clone, Serialize)]
pub struct Founder {
    /// Its type.
    pub cell_type: usize,
    /// Its center, µm.
    pub position: [f64; 3],
    /// Total volume, µm³, where it differs from the type's.
    pub volume: Option<f64>,
    /// Further columns: (name of a behavior or of a custom number, value in its unit).
    pub values: Vec<(String, f64)>,
    /// Its line in the table, counted from 1; 0 if it stands in none.
    #[serde(skip)]
    pub line: usize,
}

/// A part of the domain.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Region {
    /// A disc (2D) or ball (3D), or the shell between two radii.
    Ball {
        /// µm.
        center: [f64; 3],
        /// µm.
        inner: f64,
        /// µm.
        outer: f64,
    },
    /// A box.
    Box {
        /// µm.
        min: [f64; 3],
        /// µm.
        max: [f64; 3],
    },
}

impl Region {
    /// Whether a point of the domain, µm, lies here, the edges included.
    pub fn holds(&self, point: [f64; 3]) -> bool {
        match self {
            Region::Box { min, max } => (0..3).all(|d| (min[d]..=max[d]).contains(&point[d])),
            Region::Ball {
                center,
                inner,
                outer,
            } => {
                let squared: f64 = (0..3)
                    .map(|d| (point[d] - center[d]) * (point[d] - center[d]))
                    .sum();
                (inner * inner..=outer * outer).contains(&squared)
            }
        }
    }
}

/// Cells that come in from outside, as a Poisson stream.
#[derive(Debug, Clone, Serialize)]
pub struct Arrival {
    /// The scenario's name for the stream.
    pub name: String,
    /// What comes.
    pub cell_type: usize,
    /// Cells per min.
    pub rate: f64,
    /// min.
    pub start: f64,
    /// min.
    pub stop: f64,
    /// Where each appears, uniformly.
    pub region: Region,
}

/// Something done to the tissue from outside, and when.
#[derive(Debug, Clone, Serialize)]
pub struct Intervention {
    /// The scenario's name for it.
    pub name: String,
    /// When.
    pub schedule: Schedule,
    /// What.
    pub action: Action,
}

/// When doses are given; no two of them overlap.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Schedule {
    /// min: when the first begins.
    pub start: f64,
    /// min from the beginning of one to that of the next, if there are several.
    pub every: Option<f64>,
    /// How many there are, at least one.
    pub doses: u64,
    /// min for which each lasts; 0 for all at once.
    pub over: f64,
}

/// What an intervention does.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Adds cells.
    Cells {
        /// Their type.
        cell_type: usize,
        /// How many in each dose.
        dose: u64,
        /// Where each appears, uniformly.
        region: Region,
    },
    /// Adds to the density of a substrate.
    Substrate {
        /// Which.
        substrate: usize,
        /// By how much in each dose, in the substrate's unit.
        dose: f64,
        /// The voxels whose centers lie here.
        region: Region,
    },
    /// Gives a drug.
    Drug {
        /// Which, in [`Scenario::drugs`].
        drug: usize,
        /// By how much each dose raises its concentration, in the drug's unit.
        dose: f64,
    },
    /// Changes a number of cells while a dose lasts; each has its own back afterwards.
    Change {
        /// Whose.
        types: Vec<usize>,
        /// Name of the behavior.
        behavior: String,
        /// To what.
        to: To,
    },
    /// Edits cells for good.
    Edit {
        /// Whose.
        types: Vec<usize>,
        /// Where.
        region: Region,
        /// Probability with which a cell is edited by a dose.
        penetrance: f64,
        /// The type that it becomes.
        becomes: Option<usize>,
        /// Names of behaviors, and what each comes to.
        numbers: Vec<(String, To)>,
    },
}

/// What a number comes to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum To {
    /// So many times what it was.
    Factor(f64),
    /// This, in the behavior's unit.
    Value(f64),
}

/// An agent that is everywhere alike, and that only rules and models notice.
#[derive(Debug, Clone, Serialize)]
pub struct Drug {
    /// Its name; the signal is `drug:<name>`.
    pub name: String,
    /// The unit of its concentration.
    #[serde(serialize_with = "as_text")]
    pub unit: Unit,
    /// min in which half of it is gone; `None` if it stays.
    pub half_life: Option<f64>,
}

/// A file of rules or a model.
#[derive(Debug, Clone, Serialize)]
pub struct RuleSource {
    /// The scenario's name for it.
    pub name: String,
    /// What the rules crate is told.
    #[serde(skip)]
    pub binding: Binding,
}

/// A space of latent vectors: what models leave open, or a space of the scenario's own.
#[derive(Debug, Clone, Serialize)]
pub struct LatentSpace {
    /// `NAME/WIDTH`.
    pub id: String,
    /// Numbers in a vector.
    pub width: usize,
    /// What daughters get; `None` leaves it to the models.
    pub inherit: Option<Inherit>,
    /// The vector of a cell that enters the tissue; `None` leaves it to the models.
    pub initial: Option<Vec<f32>>,
    /// Types that have such a vector, besides those of the models.
    pub types: Vec<usize>,
}

/// What is written, and when.
#[derive(Debug, Clone, Serialize)]
pub struct Outputs {
    /// min between frames; the first is at t = 0, the last at the end.
    pub interval: f64,
    /// Names of writers, see `output::LIST`.
    pub write: Vec<String>,
    /// Further columns of `cells.parquet`: names of signals or behaviors.
    pub cell_columns: Vec<String>,
    /// Substrate shown behind the cells in pictures.
    pub picture_substrate: Option<usize>,
}

/// A number or a curve that the tissue shows, beside the published one.
#[derive(Debug, Clone, Serialize)]
pub struct Readout {
    /// The scenario's name for it.
    pub name: String,
    /// What is measured.
    pub measure: &'static Measure,
    /// What is said of it.
    pub asked: Asked,
    /// Published range, in the measure's unit.
    pub published: Option<[f64; 2]>,
    /// Who published it.
    pub source: String,
    /// Share by which the means of two forms of the scenario may differ and still count as one.
    pub margin: Option<f64>,
}

fn as_text<S: serde::Serializer>(unit: &Unit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(unit)
}

impl Scenario {
    /// The number of the substrate called `name`.
    pub fn substrate(&self, name: &str) -> Option<usize> {
        self.substrates.iter().position(|substrate| {
            rules::dictionary::normal(&substrate.name) == rules::dictionary::normal(name)
        })
    }

    /// The number of the cell type called `name`.
    pub fn cell_type(&self, name: &str) -> Option<usize> {
        self.cell_types.iter().position(|cell_type| {
            rules::dictionary::normal(&cell_type.name) == rules::dictionary::normal(name)
        })
    }

    /// The last tick.
    pub fn end_tick(&self) -> u64 {
        self.clocks.ticks(self.duration)
    }
}
