//! What is done to the tissue from outside, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::cells::{Ball, Cuboid};
use super::named::Named;
use super::quantity::{Duration, Factor, Measured, Moment, Quantity, Share};

/// Something done to the tissue from outside: cells that are added (`cells`), a substrate that is
/// dosed (`substrate`), a drug that is given (`drug`), a number that is changed for a time
/// (`behavior`), or cells that are edited for good (`set`, `scale`, `become`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Intervention {
    /// Adds cells of this type, `dose` of them each time.
    pub cells: Option<String>,
    /// Raises the density of this substrate by `dose` each time.
    pub substrate: Option<String>,
    /// Raises the concentration of this drug, which is the same everywhere, by `dose` each time; rules read it as `drug:NAME`. Default, where nothing else is done: the name of the intervention.
    pub drug: Option<String>,
    /// How much each time: a number of cells, a density in the substrate's unit, or a concentration in the drug's. A dose of 0 is none.
    pub dose: Option<Measured>,
    /// Changes this behavior of cells of `types` to `factor` times what it is, or to `value`, for as long as each dose lasts; or, without `over`, from `start` to `stop`.
    pub behavior: Option<String>,
    /// By what the behavior is multiplied. 1 is no change.
    pub factor: Option<Quantity<Factor>>,
    /// What the behavior is set to, in its own unit, instead of `factor`.
    pub value: Option<f64>,
    /// Edits cells of `types`: each number, by the behavior's name, becomes this, in the behavior's unit.
    pub set: Option<Named<f64>>,
    /// Edits cells of `types`: each number, by the behavior's name, is multiplied by this.
    pub scale: Option<Named<Quantity<Factor>>>,
    /// Edits cells of `types`: they become this type.
    #[serde(rename = "become")]
    pub becomes: Option<String>,
    /// Cell types that are changed or edited.
    pub types: Option<Vec<String>>,
    /// Probability with which each cell is edited. Default: 1.
    pub penetrance: Option<Quantity<Share>>,
    /// The unit of the drug's concentration, such as "µM". Default: that of another intervention with the drug, or "1", a pure number.
    pub unit: Option<String>,
    /// Time in which half of the drug is gone, min. Default: that of another intervention with the drug, or none, and it stays.
    pub half_life: Option<Quantity<Duration>>,
    /// When the first dose begins, min.
    #[serde(default = "Quantity::<Moment>::zero")]
    pub start: Quantity<Moment>,
    /// Time from the beginning of one dose to that of the next, min. Default: there is one dose.
    pub every: Option<Quantity<Duration>>,
    /// How many doses there are, with `every`.
    pub repeats: Option<u64>,
    /// When doses end, min: none begins then or later. Instead of `repeats`. For a change without `every`, when it ends. Default: the end of the run.
    pub stop: Option<Quantity<Moment>>,
    /// Time for which each dose lasts, at a constant rate, min. Default: all of it is given at once.
    pub over: Option<Quantity<Duration>>,
    /// A disc, in 2D, to which it is confined.
    pub disc: Option<Ball>,
    /// A sphere, in 3D, to which it is confined.
    pub sphere: Option<Ball>,
    /// A box to which it is confined. Default, where no region is named: the whole domain.
    #[serde(rename = "box")]
    pub cuboid: Option<Cuboid>,
}
