//! Where cells are and come from, as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::named::Named;
use super::quantity::{Coordinate, Distance, Length, Moment, Quantity, Rate};

/// A group of cells that are there at the start: listed (`at`), in a table (`file`), filling a
/// region (`count` or `packed`), or in `compartments`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The type of all of them; in a table, of those whose row names none.
    #[serde(rename = "type")]
    pub cell_type: Option<String>,
    /// Their centers, [x, y] or [x, y, z] each, µm.
    pub at: Option<Vec<Vec<Quantity<Coordinate>>>>,
    /// A CSV table, relative to the folder of the scenario that states it, with columns x, y, z, type, and any of volume, radius, a behavior, custom:NAME.
    pub file: Option<String>,
    /// How many, at random in the region.
    pub count: Option<u64>,
    /// Whether to pack the region full, hexagonally.
    #[serde(default)]
    pub packed: bool,
    /// Distance of packed neighbors, µm (default: 1.9 radii of the type), or the least distance tried for random ones (default: 0).
    pub spacing: Option<Quantity<Distance>>,
    /// A disc, in 2D.
    pub disc: Option<Ball>,
    /// A sphere, in 3D.
    pub sphere: Option<Ball>,
    /// A box. Default, where no region is named: the whole domain.
    #[serde(rename = "box")]
    pub cuboid: Option<Cuboid>,
    /// How many of the domain's compartments to load, the next in order; each cell at random, none on another.
    pub compartments: Option<u64>,
    /// Type and number of the cells in each that act, such as `{ "CD8 T cell" = 1 }`. Default: none, a control.
    #[serde(default)]
    pub effectors: Named<u32>,
    /// Type and number of the cells in each that are acted on. Default: none, a control.
    #[serde(default)]
    pub targets: Named<u32>,
    /// What `dyads.parquet` calls these compartments. Default: the name of the group.
    pub condition: Option<String>,
    /// A dose that goes with the condition, for `dyads.parquet`; it does nothing by itself.
    pub dose: Option<f64>,
    /// Of whom the effectors are, for `dyads.parquet`.
    pub effector_donor: Option<String>,
    /// Of whom the targets are, for `dyads.parquet`.
    pub target_donor: Option<String>,
}

/// A disc or sphere, or what lies between two radii.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ball {
    /// Its center, µm. Default: the center of the domain.
    pub center: Option<Vec<Quantity<Coordinate>>>,
    /// Its radius, µm.
    pub radius: Quantity<Length>,
    /// Radius of the empty middle, µm.
    #[serde(default = "Quantity::<Distance>::zero")]
    pub inner_radius: Quantity<Distance>,
}

/// A box between two corners.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cuboid {
    /// Lower corner, µm.
    pub min: Vec<Quantity<Coordinate>>,
    /// Upper corner, µm.
    pub max: Vec<Quantity<Coordinate>>,
}

/// Cells that come in from outside, as a Poisson stream.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arrival {
    /// What comes.
    #[serde(rename = "type")]
    pub cell_type: String,
    /// Mean number of cells per time, 1/min.
    pub rate: Quantity<Rate>,
    /// When it begins, min.
    #[serde(default = "Quantity::<Moment>::zero")]
    pub start: Quantity<Moment>,
    /// When it ends, min. Default: the end of the run.
    pub stop: Option<Quantity<Moment>>,
    /// A disc, in 2D, in which they appear.
    pub disc: Option<Ball>,
    /// A sphere, in 3D, in which they appear.
    pub sphere: Option<Ball>,
    /// A box in which they appear. Default, where no region is named: the whole domain.
    #[serde(rename = "box")]
    pub cuboid: Option<Cuboid>,
}

/// How to read a table of segmented cells: which column is what, and how large a pixel is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Import {
    /// Column of x, in pixels.
    pub x: String,
    /// Column of y, in pixels.
    pub y: String,
    /// Column of z, in pixels, in 3D. Default: none, all cells lie in the middle.
    pub z: Option<String>,
    /// Column of the phenotype.
    #[serde(rename = "type")]
    pub cell_type: String,
    /// Column of the area, in square pixels; the cell becomes a sphere of the same cross section. Default: none.
    pub area: Option<String>,
    /// Column of the radius, in pixels; instead of `area`. Default: none.
    pub radius: Option<String>,
    /// Column of the volume, in cubic pixels; instead of `area`. Default: none.
    pub volume: Option<String>,
    /// Edge of a pixel, µm. The default leaves the table's numbers as µm.
    pub pixel: Quantity<Length>,
    /// Whether to put the middle of the table's extent in the middle of the domain.
    pub center: bool,
    /// Cell type for each phenotype of the table; "" leaves its cells out.
    pub types: Named<String>,
}

impl Default for Import {
    fn default() -> Self {
        Import {
            x: "x".into(),
            y: "y".into(),
            z: None,
            cell_type: "type".into(),
            area: None,
            radius: None,
            volume: None,
            pixel: Quantity::new(1.0),
            center: true,
            types: Named::default(),
        }
    }
}
