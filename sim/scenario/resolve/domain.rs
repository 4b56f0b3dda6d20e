//! The box, the clocks and what diffuses.

use rules::Unit;
use rules::dictionary::normal;

use super::super::file::quantity::{Measured, Range};
use super::super::file::{self, Axes, File, Short};
use super::super::problem::Path;
use super::super::{Boundary, Clocks, Domain, Solver, Substrate};
use super::{Resolver, is_multiple};
use crate::semantics::Semantics;

/// Voxels of a grid: one substrate on as many takes eight gigabytes.
const MOST_VOXELS: f64 = 1e9;

impl Resolver<'_> {
    pub(super) fn domain(&mut self, stated: &file::Domain) -> Domain {
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
                (vec![-1e9; axes], vec![1e9; axes], "")
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
                compartments: None,
            };
        }
        for axis in 0..axes {
            (min[axis], max[axis]) = (low[axis], high[axis]);
            let extent = max[axis] - min[axis];
            let name = ["x", "y", "z"][axis];
            if extent <= 0.0 {
                let message = format!("`max` is not above `min` along {name}");
                self.complain(&at.key("max"), message, "swap or enlarge them".into());
            } else if extent > MOST_VOXELS * voxel[axis] {
                // Said below, of all axes together.
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
        let count: f64 = (0..axes)
            .map(|axis| (max[axis] - min[axis]) / voxel[axis])
            .product();
        if count > MOST_VOXELS && !key.is_empty() {
            let message =
                format!("{count:.1e} voxels are too many; at most {MOST_VOXELS:.0e} are possible");
            let help = "enlarge the voxels (20 µm by default), or make the domain smaller".into();
            self.complain(&at.key("voxel"), message, help);
        }
        if axes == 2 {
            (min[2], max[2]) = (-voxel[2] / 2.0, voxel[2] / 2.0);
        }
        let mut domain = Domain {
            dimensions,
            min,
            max,
            voxel,
            wall_repulsion: stated.wall_repulsion.0,
            compartments: None,
        };
        if let Some(compartments) = &stated.compartments
            && !key.is_empty()
        {
            domain.compartments = self.compartments(compartments, &domain);
        }
        domain
    }

    pub(super) fn clocks(&mut self, stated: &file::Clocks) -> Clocks {
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

    pub(super) fn duration(&mut self, file: &File, clocks: &Clocks) -> f64 {
        let duration = file.duration.0;
        if !is_multiple(duration, clocks.diffusion) {
            let message = format!(
                "{duration} min is not a multiple of the diffusion step, {} min",
                clocks.diffusion
            );
            let help = "a run takes whole diffusion steps".into();
            self.complain(&Path::root().key("duration"), message, help);
        }
        duration
    }

    pub(super) fn solver(&mut self, file: &File) -> Solver {
        let at = Path::root().key("diffusion");
        let stated = &file.diffusion;
        if stated.solver == file::Solver::Lod {
            if stated.tolerance.is_some() {
                let message = "the solver \"lod\" takes no tolerance".into();
                let help = "write `solver = \"unsplit\"` beside it, or choose `clocks.diffusion`";
                self.complain(&at.key("tolerance"), message, help.into());
            }
            return Solver::Lod;
        }
        let lod = "leave `solver` out, or write \"lod\"";
        if file.semantics == Semantics::PhysiCell {
            let message = "PhysiCell's semantics need the solver \"lod\": they write boundaries \
                           between its sweeps and let cells exchange one after another";
            let help = format!("{lod}, or write `semantics = \"milieu\"`");
            self.complain(&at.key("solver"), message.into(), help);
        }
        if file.track_internalized_substrates {
            let message = "the solver \"unsplit\" does not know how much each cell took up, which \
                           `track_internalized_substrates` asks for";
            let help = format!("{lod}, or drop `track_internalized_substrates`");
            self.complain(&at.key("solver"), message.into(), help);
        }
        Solver::Unsplit(stated.tolerance.map_or(0.1, |tolerance| tolerance.0))
    }

    pub(super) fn substrates(&mut self, file: &File, domain: &Domain) -> Vec<Substrate> {
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
                    initial_field: None,
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
}
