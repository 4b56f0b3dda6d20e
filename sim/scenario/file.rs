//! The scenario file as it is written: what serde reads, and what the JSON Schema describes.
//!
//! Nothing here is checked beyond the shape and range of each value by itself;
//! `resolve` does the rest. The comments on fields are the descriptions an editor shows.

pub mod cell_type;
pub mod cells;
pub mod interventions;
pub mod latents;
pub mod named;
pub mod quantity;
pub mod readouts;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::semantics::Semantics;

pub use cell_type::CellType;
pub use cells::{Arrival, Group, Import};
pub use interventions::Intervention;
pub use latents::LatentSpace;
pub use named::{Axes, Named, Short};
pub use quantity::{
    Coordinate, Diffusivity, Distance, Duration, Factor, Length, Measured, Moment, Quantity, Rate,
    Share, Size, Speed, Tolerance, Weight, time,
};
pub use readouts::Readout;

/// A Milieu scenario.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The scenario on top of which this one stands: a file, or a folder that holds a `scenario.toml`, relative to this file. What this file states is merged over it.
    pub extends: Option<String>,
    /// What the scenario is called. Default: the name of its folder.
    pub name: Option<String>,
    /// What it shows, in a sentence or two.
    #[serde(default)]
    pub description: String,
    /// Whose mathematics the steps follow: "milieu", or "physicell-1.14" with all its particulars.
    #[serde(default)]
    pub semantics: Semantics,
    /// Seeds every random stream; a whole number. Two runs with one seed are the same run.
    #[serde(default)]
    pub seed: u64,
    /// Simulated time at which the run ends, such as "5 d"; a bare number is in min.
    pub duration: Quantity<Duration>,
    /// The box in which everything happens.
    pub domain: Domain,
    /// The three step lengths.
    #[serde(default)]
    pub clocks: Clocks,
    /// How the equation of diffusion is solved.
    #[serde(default)]
    pub diffusion: Diffusion,
    /// What diffuses, a table each: `[substrates.oxygen]`.
    #[serde(default)]
    pub substrates: Named<Substrate>,
    /// A table of the substrates' densities at the start, voxel by voxel, relative to this file: CSV with columns x, y, z and one a substrate, or MATLAB level 4 with rows x, y, z and then all substrates.
    pub initial_densities: Option<String>,
    /// Whether each cell keeps account of what it took up and gave off; rules read it as `intracellular NAME`.
    #[serde(default)]
    pub track_internalized_substrates: bool,
    /// Kinds of cell, a table each: `[cell_types.tumor]`.
    #[serde(default)]
    pub cell_types: Named<CellType>,
    /// Groups of cells that are there at the start, a table each: `[cells.nodule]`.
    #[serde(default)]
    pub cells: Named<Group>,
    /// Streams of cells that come in from outside, a table each: `[arrivals.recruited]`.
    #[serde(default)]
    pub arrivals: Named<Arrival>,
    /// What is done to the tissue from outside, and when, a table each: `[interventions.cisplatin]`.
    #[serde(default)]
    pub interventions: Named<Intervention>,
    /// Files of rules and models, in order of priority: a path, or a table that says more.
    #[serde(default)]
    pub rules: Named<Short<RuleSource>>,
    /// Spaces of latent vectors, a table each: `[latents."cd8-exhaustion-v1/8"]`.
    #[serde(default)]
    pub latents: Named<LatentSpace>,
    /// What holds cells in contact, and how pairs are remembered.
    #[serde(default)]
    pub contacts: Contacts,
    /// How cells divide.
    #[serde(default)]
    pub division: Division,
    /// What is written, and when.
    #[serde(default)]
    pub outputs: Outputs,
    /// Numbers and curves that the tissue shows, a table each: `[readouts.depth]`.
    #[serde(default)]
    pub readouts: Named<Readout>,
    /// How to read a table of segmented cells, for `--cells FILE`.
    pub import: Option<Import>,
}

/// The box in which everything happens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// 2 or 3. In 2D there is one layer of voxels, and cells stay at z = 0.
    pub dimensions: u8,
    /// Extents along x, y and, in 3D, z; the box is centered on the origin. µm. Instead of `min` and `max`.
    pub size: Option<Vec<Quantity<Length>>>,
    /// Lower corner, µm; together with `max`, instead of `size`.
    pub min: Option<Vec<Quantity<Coordinate>>>,
    /// Upper corner, µm.
    pub max: Option<Vec<Quantity<Coordinate>>>,
    /// Edge of a voxel, or one edge an axis, µm. In 2D the z edge is the thickness of the layer.
    #[serde(default = "voxel")]
    pub voxel: Axes<Length>,
    /// Velocity with which a wall pushes back a cell whose center touches it, µm/min; 0 for open walls.
    #[serde(default = "wall_repulsion")]
    pub wall_repulsion: Quantity<Speed>,
    /// Compartments that keep cells apart, in a regular grid over the whole domain.
    pub compartments: Option<Compartments>,
}

/// A regular grid of squares (cubes, in 3D) with walls of their own: nanovials, or wells of a chip.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compartments {
    /// Inner edge of one, µm.
    pub size: Quantity<Length>,
    /// Distance from the middle of one to that of the next, µm. The extents of the domain are multiples of it, and the wall, `pitch` less `size`, is thicker than twice what a cell reaches out.
    pub pitch: Quantity<Length>,
}

fn voxel() -> Axes<Length> {
    Axes::All(Quantity::new(20.0))
}

fn wall_repulsion() -> Quantity<Speed> {
    Quantity::new(100.0)
}

/// Step lengths. Each is a whole multiple of the one before.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Clocks {
    /// Step of diffusion, and the tick of everything else, min.
    pub diffusion: Quantity<Duration>,
    /// Step of contact, motility and positions, min.
    pub mechanics: Quantity<Duration>,
    /// Step of volume, cycle and death, and the default clock of rules, min.
    pub phenotype: Quantity<Duration>,
}

impl Default for Clocks {
    fn default() -> Self {
        Clocks {
            diffusion: Quantity::new(0.01),
            mechanics: Quantity::new(0.1),
            phenotype: Quantity::new(6.0),
        }
    }
}

/// How the equation of diffusion is solved.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Diffusion {
    /// Who solves it.
    pub solver: Solver,
    /// By how much of itself a field may bend, as a root mean square over voxels, in a step of the solver "unsplit"; above 0, up to 1. Default: 0.1.
    pub tolerance: Option<Quantity<Tolerance>>,
}

/// Solvers of diffusion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Solver {
    /// Axis after axis (locally one-dimensional), then exchange with cells, in every step of diffusion.
    #[default]
    Lod,
    /// All axes and the exchange at once, in steps as long as the tolerance allows.
    Unsplit,
}

/// Something that diffuses and decays.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Substrate {
    /// The unit of its density: "mmHg", "µM", …; "1" or "dimensionless" for a pure number.
    #[serde(default = "dimensionless")]
    pub unit: String,
    /// Diffusion coefficient, µm²/min.
    pub diffusion_coefficient: Quantity<Diffusivity>,
    /// Rate of first-order decay, 1/min.
    #[serde(default = "Quantity::<Rate>::zero")]
    pub decay_rate: Quantity<Rate>,
    /// Density everywhere at the start, in `unit`.
    #[serde(default = "Measured::zero")]
    pub initial: Measured,
    /// "no-flux" for closed faces all around, or a table of faces.
    #[serde(default = "no_flux")]
    pub boundary: Short<Faces>,
}

impl<K> Quantity<K> {
    /// The default of what is mostly absent.
    pub fn zero() -> Quantity<K> {
        Quantity::new(0.0)
    }
}

impl Measured {
    /// The default of what is mostly absent.
    pub fn zero() -> Measured {
        Measured::Number(0.0)
    }
}

fn dimensionless() -> String {
    "1".into()
}

fn no_flux() -> Short<Faces> {
    Short::Text("no-flux".into())
}

/// What holds at the faces of the domain: a density, or "no-flux". Faces that are not named are closed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub struct Faces {
    /// All faces that are not named besides.
    pub all: Option<Measured>,
    /// The face at the least x.
    pub x_min: Option<Measured>,
    /// The face at the largest x.
    pub x_max: Option<Measured>,
    /// The face at the least y.
    pub y_min: Option<Measured>,
    /// The face at the largest y.
    pub y_max: Option<Measured>,
    /// The face at the least z, in 3D.
    pub z_min: Option<Measured>,
    /// The face at the largest z, in 3D.
    pub z_max: Option<Measured>,
}

/// A file of rules or a model.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSource {
    /// The file, relative to the folder of the scenario that states it: `.rules`, `.csv` or `.onnx`.
    pub file: String,
    /// Time between two calls, min, a multiple of the mechanics step. Default: the file's own, or the phenotype step; for pairs the mechanics step.
    pub clock: Option<Quantity<Duration>>,
    /// How to go together with another source that writes the same behavior. Default: that is an error.
    #[schemars(with = "Option<Combine>")]
    pub combine: Option<rules::Combine>,
    /// The SHA-256 that the file must have, in hex. Default: any.
    pub sha256: Option<String>,
    /// "embedded", or the path of an ONNX Runtime library.
    #[serde(default = "embedded")]
    pub engine: String,
    /// What acts where a model is bound. Default: "residual" for models that give corrections, else "replace".
    #[schemars(with = "Option<Mode>")]
    pub mode: Option<rules::Mode>,
    /// The sentences or the table behind a model, a file as `file` is.
    pub mechanistic: Option<String>,
    /// What happens to rows outside a model's domain. Default: "fallback" with `mechanistic`, else "warn".
    #[schemars(with = "Option<Guard>")]
    pub guard: Option<rules::Guard>,
    /// The model acts again in this call, counted in a row, that finds a row inside its domain. Default: 3.
    #[schemars(range(min = 1))]
    pub return_after: Option<u32>,
    /// What becomes of a model's own statement of how sure it is. Default: "ignore".
    #[schemars(with = "Option<Uncertainty>")]
    pub uncertainty: Option<rules::Uncertainty>,
    /// Ends the run when an output of a model is less certain: by output, one standard deviation, a number in the behavior's unit (for a probability in the output's own) or a text with its unit.
    pub stop_above: Option<Named<rules::adoption::Spread>>,
    /// Above this share of rows in fallback a run is called mostly mechanistic. Default: 0.2.
    #[schemars(range(min = 0, max = 1))]
    pub max_fallback: Option<f64>,
    /// Above this share of a model's numbers out of range the run ends. Default: 0.001.
    #[schemars(range(min = 0, max = 1))]
    pub max_clamped: Option<f64>,
}

impl RuleSource {
    /// A file and nothing else.
    pub fn short(file: &str) -> RuleSource {
        RuleSource {
            file: file.to_owned(),
            clock: None,
            combine: None,
            sha256: None,
            engine: embedded(),
            mode: None,
            mechanistic: None,
            guard: None,
            return_after: None,
            uncertainty: None,
            stop_above: None,
            max_fallback: None,
            max_clamped: None,
        }
    }
}

fn embedded() -> String {
    "embedded".into()
}

/// What acts where a scenario binds a model.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes rules::Mode, which knows no schema")]
enum Mode {
    /// The model.
    Replace,
    /// The mechanistic rules, corrected by the model.
    Residual,
    /// Both, mixed by the model's gate.
    Gated,
    /// The mechanistic rules; what the model would have done is recorded.
    Shadow,
    /// The model changes latent states and records readouts; written rules that read them act.
    Delegate,
}

/// What happens to rows outside a model's domain.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes rules::Guard, which knows no schema")]
enum Guard {
    /// The mechanistic rules act on them.
    Fallback,
    /// Their inputs are put back into the ranges trained on.
    ClampInputs,
    /// The model acts, and they are counted.
    Warn,
    /// The run ends.
    Error,
}

/// What becomes of a model's own statement of how sure it is.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(
    dead_code,
    reason = "describes rules::Uncertainty, which knows no schema"
)]
enum Uncertainty {
    /// Nothing.
    Ignore,
    /// It is kept with each cell.
    Record,
    /// One member of the ensemble, or one quantile, acts in the whole run.
    Propagate,
}

/// How two sources that write one behavior are combined.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes rules::Combine, which knows no schema")]
enum Combine {
    /// Values are added.
    Sum,
    /// Values are multiplied.
    Product,
    /// The source that stands first in the scenario wins.
    Priority,
}

/// What holds cells in contact, and how pairs are remembered.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Contacts {
    /// For how long a pair that has separated is remembered, with its hits and the age of its contact, min.
    pub memory: Quantity<Moment>,
    /// Whether neighbors may attach to each other, at their types' rates, and then hold each other.
    pub springs: bool,
}

impl Default for Contacts {
    fn default() -> Self {
        Contacts {
            memory: Quantity::new(600.0),
            springs: true,
        }
    }
}

/// How cells divide.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Division {
    /// Whether axes crowd at the poles, as polar angles drawn uniformly do; for old PhysiCell projects.
    pub polar_axes: bool,
}

/// What is written, and when.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Outputs {
    /// Time between two frames, min; the first is at the start, the last at the end.
    pub interval: Quantity<Duration>,
    /// Names of the writers to use.
    pub write: Vec<String>,
    /// Further columns of the table of cells: names of signals or behaviors.
    pub cell_columns: Vec<String>,
    /// The substrate shown behind the cells in pictures. Default: none.
    pub picture_substrate: Option<String>,
}

impl Default for Outputs {
    fn default() -> Self {
        Outputs {
            interval: Quantity::new(60.0),
            write: Vec::new(),
            cell_columns: Vec::new(),
            picture_substrate: None,
        }
    }
}
