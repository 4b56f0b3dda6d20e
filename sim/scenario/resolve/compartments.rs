//! Compartments: what cuts the domain, and the cells each is loaded with.

use super::super::file::{self, Named, cells as stated};
use super::super::problem::Path;
use super::super::{
    Action, Arrival, Boundary, CellType, Compartments, Domain, Intervention, Label, Load, Place,
    Placement, Substrate,
};
use super::{Resolver, is_multiple};
use crate::cell;
use crate::output;
use crate::semantics::Semantics;

/// Cells of one role in a compartment: more are a culture and no dyad.
const MOST_OF_A_ROLE: u32 = 100;

impl Resolver<'_> {
    pub(super) fn compartments(
        &mut self,
        stated: &file::Compartments,
        domain: &Domain,
    ) -> Option<Compartments> {
        let at = Path::root().key("domain").key("compartments");
        let (size, pitch) = (stated.size.0, stated.pitch.0);
        let before = self.problems.len();
        if pitch <= size {
            let message = format!("compartments of {size} µm do not fit {pitch} µm apart");
            let help = "`pitch` is from the middle of one to that of the next: raise it".into();
            self.complain(&at.key("pitch"), message, help);
        }
        for axis in 0..usize::from(domain.dimensions) {
            let extent = domain.max[axis] - domain.min[axis];
            if !is_multiple(extent, pitch) {
                let name = ["x", "y", "z"][axis];
                let message =
                    format!("{extent} µm along {name} is not a multiple of the pitch, {pitch} µm");
                let below = (extent / pitch).floor().max(1.0) * pitch;
                let help = format!("{below} µm or {} µm would be", below + pitch);
                self.complain(&at.key("pitch"), message, help);
            }
        }
        if self.semantics == Semantics::PhysiCell {
            let message = "PhysiCell's semantics know no compartments".into();
            let help = "leave the table out, or write `semantics = \"milieu\"`".into();
            self.complain(&at, message, help);
        }
        (self.problems.len() == before).then_some(Compartments { size, pitch })
    }

    /// Substrates can be in compartments if each is one voxel, and nothing passes from one to the next.
    pub(super) fn confined(&mut self, substrates: &[Substrate], domain: &Domain) {
        let Some(compartments) = domain.compartments else {
            return;
        };
        for substrate in substrates {
            let at = Path::root().key("substrates").key(&substrate.name);
            let axes = usize::from(domain.dimensions);
            let is_voxel = (0..axes).all(|axis| domain.voxel[axis] == compartments.pitch);
            let is_closed = substrate.boundary == [Boundary::NoFlux; 6];
            if substrate.diffusion_coefficient != 0.0 || !is_voxel || !is_closed {
                let message = "it would pass from compartment to compartment".into();
                let help = format!(
                    "write `diffusion_coefficient = 0`, a boundary of \"no-flux\", and a voxel as long \
                     as the pitch, {} µm: each compartment is mixed then, and none leaks",
                    compartments.pitch
                );
                self.complain(&at, message, help);
            }
        }
    }

    /// Complains about what would not stay in compartments, or is said of them where there are none.
    pub(super) fn isolated(
        &mut self,
        placements: &[Placement],
        arrivals: &[Arrival],
        interventions: &[Intervention],
        write: &[String],
        domain: &Domain,
    ) {
        let root = Path::root();
        let loads = |it: &&Placement| matches!(it.place, Place::Compartments(_));
        let loaded = placements.iter().find(loads);
        if let (None, Some(number)) = (loaded, write.iter().position(|name| output::is_dyads(name)))
        {
            let message = "there are no compartments of which to write a table".into();
            let help = "add `[domain.compartments]`, and load some by `compartments = 100` in a \
                        group of cells";
            let at = root.key("outputs").key("write").index(number);
            self.complain(&at, message, help.into());
        }
        let Some(compartments) = domain.compartments.and_then(|it| it.grid(domain).ok()) else {
            return;
        };
        if let Some(arrival) = arrivals.first() {
            let message = "cells do not arrive in compartments".into();
            let help = "load them by `[cells]`, or leave `domain.compartments` out".into();
            self.complain(&root.key("arrivals").key(&arrival.name), message, help);
        }
        for intervention in interventions {
            if matches!(intervention.action, Action::Cells { .. }) {
                let at = root.key("interventions").key(&intervention.name);
                let message = "cells are not infused into compartments".into();
                let help = "load them by `[cells]`, or leave `domain.compartments` out".into();
                self.complain(&at, message, help);
            }
        }
        for placement in placements {
            let at = root.key("cells").key(&placement.name);
            match &placement.place {
                Place::Compartments(_) => {}
                Place::Region { .. } => {
                    let message = "a region does not keep to compartments".into();
                    let help = "write `compartments = 100`, say, in place of the region".into();
                    self.complain(&at, message, help);
                }
                Place::Explicit { cells } => {
                    let mut cells = cells.iter();
                    let in_wall = cells.find(|it| {
                        let mut inside = compartments.around(it.position);
                        (inside.min[2], inside.max[2]) = (domain.min[2], domain.max[2]);
                        !inside.holds(it.position)
                    });
                    if let Some(cell) = in_wall {
                        let [x, y, z] = cell.position;
                        let message = format!(
                            "a cell at ({x}, {y}, {z}) µm lies in the wall of a compartment"
                        );
                        let help = "move it; or leave its place to chance by `compartments = 100`";
                        self.complain(&at, message, help.into());
                    }
                }
            }
        }
    }

    /// A group of cells that loads compartments, the first of them number `first`.
    pub(super) fn load(
        &mut self,
        at: &Path,
        name: &str,
        group: &stated::Group,
        first: u64,
        domain: &Domain,
        types: &[CellType],
    ) -> Option<Place> {
        let count = group.compartments?;
        if group.cell_type.is_some() {
            let message = "`type` says nothing about cells of two roles".into();
            let help = "write `effectors = { TYPE = 1 }` and `targets = { TYPE = 1 }`".into();
            self.complain(&at.key("type"), message, help);
        }
        let Some(compartments) = domain.compartments.and_then(|it| it.grid(domain).ok()) else {
            if self.problems.is_empty() {
                let message = "the domain has no compartments".into();
                let help = "add `[domain.compartments]` with `size` and `pitch`".into();
                self.complain(&at.key("compartments"), message, help);
            }
            return None;
        };
        let there = compartments.count() as u64;
        if count == 0 || first.saturating_add(count) > there {
            let message = format!(
                "the domain has {there} compartments; {first} are loaded by groups before, and \
                 {count} more were to be"
            );
            let help = "enlarge `domain.size`, or load at least one and not more than there are";
            self.complain(&at.key("compartments"), message, help.into());
        }
        let effectors = self.role(&at.key("effectors"), &group.effectors);
        let targets = self.role(&at.key("targets"), &group.targets);
        let [effectors, targets] = [effectors?, targets?];
        if effectors.is_none() && targets.is_none() {
            let message = "the compartments would be empty".into();
            let help = "write `effectors = { TYPE = 1 }`, `targets = { TYPE = 1 }`, or both".into();
            self.complain(at, message, help);
        }
        for (kind, _) in [effectors, targets].into_iter().flatten() {
            let radius = cell::radius(types[kind].volume.total);
            let edge = domain.compartments.map_or(0.0, |it| it.size);
            if 2.0 * radius > edge {
                let message = format!(
                    "a {} of {:.1} µm diameter is wider than a compartment of {edge} µm",
                    types[kind].name,
                    2.0 * radius
                );
                let help = "enlarge `domain.compartments.size`".into();
                self.complain(at, message, help);
            }
        }
        Some(Place::Compartments(Load {
            first,
            compartments: count,
            effectors,
            targets,
            label: Label {
                condition: group.condition.clone().unwrap_or_else(|| name.to_owned()),
                dose: group.dose,
                donors: [&group.effector_donor, &group.target_donor]
                    .map(|donor| donor.clone().unwrap_or_default()),
            },
        }))
    }

    /// Type and number of the cells of one role; the outer `None` if that cannot be said.
    fn role(&mut self, at: &Path, stated: &Named<u32>) -> Option<Option<(usize, u32)>> {
        match &stated.0[..] {
            [] => Some(None),
            [(name, count)] => {
                let kind = self.number(&at.key(name), "cell type", name)?;
                if !(1..=MOST_OF_A_ROLE).contains(count) {
                    let message = format!("{count} cells in a compartment");
                    let help = format!("write 1 to {MOST_OF_A_ROLE}, or leave the role out");
                    self.complain(&at.key(name), message, help);
                }
                Some(Some((kind, *count)))
            }
            _ => {
                let message = "the cells of one role are of one type".into();
                let help = "load other types by a group of their own".into();
                self.complain(at, message, help);
                None
            }
        }
    }

    /// Complains about keys of compartments in a group that loads none.
    pub(super) fn loads_none(&mut self, at: &Path, group: &stated::Group) {
        for (key, is_there) in [
            ("effectors", !group.effectors.0.is_empty()),
            ("targets", !group.targets.0.is_empty()),
            ("condition", group.condition.is_some()),
            ("dose", group.dose.is_some()),
            ("effector_donor", group.effector_donor.is_some()),
            ("target_donor", group.target_donor.is_some()),
        ] {
            if is_there {
                let message = format!("`{key}` is said of cells in compartments");
                let help = "leave it out, or write `compartments = 100`, say".into();
                self.complain(&at.key(key), message, help);
            }
        }
    }
}
