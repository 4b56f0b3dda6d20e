//! A kind of cell, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::named::{Detailed, Named};
use super::quantity::{
    Duration, Factor, Length, Measured, Moment, Quantity, Rate, Share, Size, Speed, Weight,
};

/// A kind of cell.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CellType {
    /// Another type whose values hold where this one states none; everything but the color.
    pub inherits: Option<String>,
    /// Color in pictures, "#rrggbb". Default: one of a palette, by order in the file.
    pub color: Option<String>,
    /// How it divides.
    pub cycle: Cycle,
    /// Probability that the daughter of a division is of another type, by that type.
    pub asymmetric_division: Named<Quantity<Share>>,
    /// How it dies by itself.
    pub apoptosis: Apoptosis,
    /// How it dies of want.
    pub necrosis: Necrosis,
    /// Its size and how that changes.
    pub volume: Volume,
    /// How it pushes and sticks.
    pub mechanics: Mechanics,
    /// How it moves.
    pub motility: Motility,
    /// What it makes and takes, a table a substrate: `[cell_types.tumor.exchange.oxygen]`.
    pub exchange: Named<Exchange>,
    /// What it does to its neighbors.
    pub interactions: Interactions,
    /// Rate of becoming each other type, 1/min, by type.
    pub transformations: Named<Quantity<Rate>>,
    /// How damage comes and goes.
    pub damage: Damage,
    /// Named numbers that its cells carry: a number, text with a unit, or `{ value, unit, conserved }`.
    pub custom: Named<Detailed<Custom>>,
    /// Numbers that differ from founder to founder, by behavior, or `volume`.
    pub initial: Named<Initial>,
}

/// The phases a cell goes through until it divides.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cycle {
    /// Which phases there are.
    pub model: Model,
    /// Rate at which a phase is left, 1/min, by the phase's name. Default: the model's.
    pub rates: Named<Quantity<Rate>>,
    /// Mean length of a phase, min, by the phase's name; instead of its rate.
    pub durations: Named<Quantity<Duration>>,
    /// Phases that take exactly their duration, by name. Default: those of the model.
    pub fixed: Option<Vec<String>>,
    /// The phases of a custom model, a ring in this order.
    pub phases: Option<Vec<Phase>>,
}

/// Cycle models.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Model {
    /// No division.
    #[default]
    #[serde(rename = "none")]
    None,
    /// One phase, Live, at whose end the cell divides.
    #[serde(rename = "live")]
    Live,
    /// Ki67-, Ki67+.
    #[serde(rename = "Ki67 basic")]
    Ki67Basic,
    /// Ki67-, Ki67+ premitotic, Ki67+ postmitotic.
    #[serde(rename = "Ki67 advanced")]
    Ki67Advanced,
    /// G0/G1, S, G2/M.
    #[serde(rename = "flow cytometry basic")]
    FlowCytometryBasic,
    /// G0/G1, S, G2, M.
    #[serde(rename = "flow cytometry separated")]
    FlowCytometrySeparated,
    /// Quiescent, Cycling.
    #[serde(rename = "cycling quiescent")]
    CyclingQuiescent,
    /// The phases under `phases`.
    #[serde(rename = "custom")]
    Custom,
}

/// A phase of a custom cycle.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// What it is called.
    pub name: String,
    /// Rate at which it is left, 1/min; or its `duration`.
    pub rate: Option<Quantity<Rate>>,
    /// Its mean length, min; or its `rate`.
    pub duration: Option<Quantity<Duration>>,
    /// Whether it takes exactly its duration.
    #[serde(default)]
    pub fixed: bool,
    /// Whether leaving it is a division.
    #[serde(default)]
    pub divides: bool,
    /// Whether entering it doubles the volumes the cell grows towards.
    #[serde(default)]
    pub grows: bool,
}

macro_rules! death {
    ($(#[$doc:meta])* $name:ident {
        duration: $duration:expr,
        $(swelling: $swelling:ident, $swelling_fixed:ident,)?
        unlysed: $unlysed:expr,
        lysed: $lysed:expr,
        cytoplasmic: $cytoplasmic:expr,
        nuclear: $nuclear:expr,
        calcification: $calcification:expr,
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// Rate of dying this way, 1/min.
            pub rate: Quantity<Rate>,
            $(
                /// How long a dead cell swells at least before it can burst, min.
                pub $swelling: Quantity<Moment>,
                /// Whether swelling always takes exactly that long at least.
                pub $swelling_fixed: bool,
            )?
            /// Time until a dead cell is gone, min; for necrosis counted from its bursting.
            pub duration: Quantity<Duration>,
            /// Whether that always takes exactly its duration.
            pub fixed: bool,
            /// Rate at which fluid changes while the dead cell is whole, 1/min.
            pub unlysed_fluid_change_rate: Quantity<Rate>,
            /// Rate at which fluid changes after it has burst, 1/min.
            pub lysed_fluid_change_rate: Quantity<Rate>,
            /// Rate at which solid cytoplasm is lost, 1/min.
            pub cytoplasmic_change_rate: Quantity<Rate>,
            /// Rate at which solid nucleus is lost, 1/min.
            pub nuclear_change_rate: Quantity<Rate>,
            /// Rate of calcification, 1/min.
            pub calcification_rate: Quantity<Rate>,
            /// A swelling cell bursts at this multiple of its volume at death.
            pub relative_rupture_volume: Quantity<Factor>,
        }

        impl Default for $name {
            fn default() -> Self {
                $name {
                    rate: Quantity::zero(),
                    $(
                        $swelling: Quantity::zero(),
                        $swelling_fixed: true,
                    )?
                    duration: Quantity::new($duration),
                    fixed: true,
                    unlysed_fluid_change_rate: Quantity::new($unlysed),
                    lysed_fluid_change_rate: Quantity::new($lysed),
                    cytoplasmic_change_rate: Quantity::new($cytoplasmic),
                    nuclear_change_rate: Quantity::new($nuclear),
                    calcification_rate: Quantity::new($calcification),
                    relative_rupture_volume: Quantity::new(2.0),
                }
            }
        }
    };
}

death! {
    /// Programmed death: the cell shrinks and is gone.
    Apoptosis {
        duration: 516.0,
        unlysed: 3.0 / 60.0,
        lysed: 0.0,
        cytoplasmic: 1.0 / 60.0,
        nuclear: 0.35 / 60.0,
        calcification: 0.0,
    }
}

death! {
    /// Death of want: the cell swells, bursts and slowly disappears.
    Necrosis {
        duration: 86_400.0,
        swelling: swelling_duration, swelling_fixed,
        unlysed: 0.67 / 60.0,
        lysed: 0.05 / 60.0,
        cytoplasmic: 0.0032 / 60.0,
        nuclear: 0.013 / 60.0,
        calcification: 0.0042 / 60.0,
    }
}

/// Volumes, and the rates at which they approach their targets.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Volume {
    /// Volume of the cell, µm³; or its `radius`. Default: 2494.
    pub total: Option<Quantity<Size>>,
    /// Radius of the cell, µm; or its `total` volume.
    pub radius: Option<Quantity<Length>>,
    /// Volume of the nucleus, µm³. Default: 540/2494 of the cell's.
    pub nuclear: Option<Quantity<Size>>,
    /// Share of fluid in cytoplasm and nucleus, 0 to 1.
    pub fluid_fraction: Quantity<Share>,
    /// Rate at which fluid approaches its share, 1/min.
    pub fluid_change_rate: Quantity<Rate>,
    /// Rate at which solid cytoplasm approaches its target, 1/min.
    pub cytoplasmic_change_rate: Quantity<Rate>,
    /// Rate at which solid nucleus approaches its target, 1/min.
    pub nuclear_change_rate: Quantity<Rate>,
    /// Share that is calcified, 0 to 1.
    pub calcified_fraction: Quantity<Share>,
    /// Rate of calcification, 1/min.
    pub calcification_rate: Quantity<Rate>,
}

impl Default for Volume {
    fn default() -> Self {
        Volume {
            total: None,
            radius: None,
            nuclear: None,
            fluid_fraction: Quantity::new(0.75),
            fluid_change_rate: Quantity::new(3.0 / 60.0),
            cytoplasmic_change_rate: Quantity::new(0.27 / 60.0),
            nuclear_change_rate: Quantity::new(0.33 / 60.0),
            calcified_fraction: Quantity::zero(),
            calcification_rate: Quantity::zero(),
        }
    }
}

/// Contact. Strengths are velocities.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mechanics {
    /// Velocity with which two such cells part at full overlap, µm/min.
    pub repulsion: Quantity<Speed>,
    /// Velocity with which two such cells approach at zero distance, µm/min.
    pub adhesion: Quantity<Speed>,
    /// Adhesion, and contact, reach this multiple of the radius.
    pub relative_maximum_adhesion_distance: Quantity<Factor>,
    /// Factor on adhesion, by the other's type. Default: 1 each.
    pub adhesion_affinities: Named<Quantity<Factor>>,
    /// Elastic constant of an attachment, and of the bond between an attacker and its target, 1/min.
    pub attachment_elastic_constant: Quantity<Rate>,
    /// Rate of attaching to a neighbor, 1/min.
    pub attachment_rate: Quantity<Rate>,
    /// Rate of letting go of one, 1/min.
    pub detachment_rate: Quantity<Rate>,
    /// Most attachments at a time.
    pub maximum_attachments: u32,
    /// Whether forces move it.
    pub movable: bool,
    /// Adhesion to a basement membrane, µm/min; nothing yet but a number that rules can name.
    pub basement_membrane_adhesion: Quantity<Speed>,
    /// Repulsion by a basement membrane, µm/min; likewise.
    pub basement_membrane_repulsion: Quantity<Speed>,
}

impl Default for Mechanics {
    fn default() -> Self {
        Mechanics {
            repulsion: Quantity::new(10.0),
            adhesion: Quantity::new(0.4),
            relative_maximum_adhesion_distance: Quantity::new(1.25),
            adhesion_affinities: Named::default(),
            attachment_elastic_constant: Quantity::new(0.01),
            attachment_rate: Quantity::zero(),
            detachment_rate: Quantity::zero(),
            maximum_attachments: 12,
            movable: true,
            basement_membrane_adhesion: Quantity::new(4.0),
            basement_membrane_repulsion: Quantity::new(100.0),
        }
    }
}

/// A persistent random walk with a bias.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Motility {
    /// Whether it moves by itself at all, whatever its speed.
    pub enabled: bool,
    /// Whether its walk stays in the xy plane in three dimensions too.
    pub in_plane: bool,
    /// The substrate up whose gradient it goes; the weights in `chemotaxis` then do nothing.
    pub toward: Option<String>,
    /// The substrate down whose gradient it goes; likewise.
    pub away_from: Option<String>,
    /// Speed, µm/min; 0 for cells that do not move by themselves.
    pub speed: Quantity<Speed>,
    /// Mean time between two changes of direction, min.
    pub persistence_time: Quantity<Moment>,
    /// 0 for a random walk, 1 for straight along `chemotaxis`.
    pub bias: Quantity<Share>,
    /// Weight of each substrate's gradient, by substrate; negative for away. Default: 0 each.
    pub chemotaxis: Named<Quantity<Weight>>,
    /// Whether each gradient counts by its direction alone.
    pub normalize_each_gradient: bool,
}

impl Default for Motility {
    fn default() -> Self {
        Motility {
            enabled: true,
            in_plane: false,
            toward: None,
            away_from: None,
            speed: Quantity::zero(),
            persistence_time: Quantity::new(1.0),
            bias: Quantity::zero(),
            chemotaxis: Named::default(),
            normalize_each_gradient: false,
        }
    }
}

/// What a cell does to one substrate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Exchange {
    /// Rate of secretion, 1/min.
    pub secretion_rate: Quantity<Rate>,
    /// Density at which secretion stops, in the substrate's unit; needed if there is a secretion rate.
    pub secretion_target: Option<Measured>,
    /// Rate of uptake, 1/min.
    pub uptake_rate: Quantity<Rate>,
    /// Amount given off per time whatever the density, in the substrate's unit × µm³/min; negative for taken in.
    pub export_rate: Measured,
}

impl Default for Exchange {
    fn default() -> Self {
        Exchange {
            secretion_rate: Quantity::zero(),
            secretion_target: None,
            uptake_rate: Quantity::zero(),
            export_rate: Measured::zero(),
        }
    }
}

/// What a cell does to its neighbors.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Interactions {
    /// Rate of eating an apoptotic neighbor, 1/min.
    pub phagocytose_apoptotic: Quantity<Rate>,
    /// Rate of eating a necrotic neighbor, 1/min.
    pub phagocytose_necrotic: Quantity<Rate>,
    /// Rate of eating a neighbor dead in another way, 1/min; there is none yet.
    pub phagocytose_other_dead: Quantity<Rate>,
    /// Rate of eating a live neighbor, 1/min, by its type.
    pub phagocytose: Named<Quantity<Rate>>,
    /// Rate of fusing with a live neighbor, 1/min, by its type.
    pub fusion: Named<Quantity<Rate>>,
    /// Rate of starting to attack a live neighbor, 1/min, by its type.
    pub attack: Named<Quantity<Rate>>,
    /// Damage done in each min of an attack.
    pub attack_damage_rate: Quantity<Rate>,
    /// Mean length of an attack, min.
    pub attack_duration: Quantity<Moment>,
    /// How strongly attackers are drawn to this type, by the attacker's type. Default: 1 each.
    pub immunogenicity: Named<Quantity<Factor>>,
}

impl Default for Interactions {
    fn default() -> Self {
        Interactions {
            phagocytose_apoptotic: Quantity::zero(),
            phagocytose_necrotic: Quantity::zero(),
            phagocytose_other_dead: Quantity::zero(),
            fusion: Named::default(),
            phagocytose: Named::default(),
            attack: Named::default(),
            attack_damage_rate: Quantity::new(1.0),
            attack_duration: Quantity::new(30.0),
            immunogenicity: Named::default(),
        }
    }
}

/// How damage comes and goes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Damage {
    /// Damage that comes in each min without anybody's doing.
    pub rate: Quantity<Rate>,
    /// Rate of first-order repair, 1/min.
    pub repair_rate: Quantity<Rate>,
}

impl Default for Damage {
    fn default() -> Self {
        Damage {
            rate: Quantity::zero(),
            repair_rate: Quantity::zero(),
        }
    }
}

/// A number that cells carry.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Custom {
    /// Its value in a new cell, in `unit`.
    pub value: Measured,
    /// Its unit. Default: "1", a pure number.
    #[serde(default = "super::dimensionless")]
    pub unit: String,
    /// Whether it is an amount, of which a division gives each daughter half.
    #[serde(default)]
    pub conserved: bool,
}

/// A number that differs from founder to founder, in the behavior's unit. Which keys are wanted
/// depends on `distribution`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Initial {
    /// How it is distributed.
    pub distribution: Distribution,
    /// The lower end: needed for "uniform" and "log-uniform"; else draws at or below are drawn again.
    pub min: Option<f64>,
    /// The upper end, likewise.
    pub max: Option<f64>,
    /// Mean: of the number, or of its logarithm.
    pub mu: Option<f64>,
    /// Standard deviation: of the number, or of its logarithm.
    pub sigma: Option<f64>,
    /// Whether the type's own value must lie between the ends.
    #[serde(default = "yes")]
    pub check_base: bool,
}

fn yes() -> bool {
    true
}

/// Distributions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// `min`, `max`.
    Uniform,
    /// `min` > 0, `max`: the logarithm is uniform.
    LogUniform,
    /// `mu`, `sigma`.
    Normal,
    /// `mu`, `sigma` of the natural logarithm.
    LogNormal,
    /// `mu`, `sigma` of the logarithm to base 10.
    #[serde(rename = "log10-normal")]
    Log10Normal,
}
