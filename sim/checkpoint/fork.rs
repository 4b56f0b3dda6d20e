//! A fork: another scenario from the middle of a run on.
//!
//! Draws are a function of who, when and what for, so that two forks with one seed share them, and
//! what differs between them comes of what is different in the scenario. Cells bring along what is
//! theirs; a cell that has its type's number follows the type, to whatever the new scenario says.
//! What was counted and shown before belongs to the run before.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Checkpoint, Kept};
use crate::{
    guard::Guards,
    interventions::Changed,
    output::includes_dyads,
    plan::{Bound, Plan},
    record::{Clamps, Log},
    simulation::Simulation,
    tables::Table,
};

/// What of a plan decides which states fit it, and what its numbers were.
#[derive(Debug, Serialize, Deserialize)]
pub struct Shape {
    /// What has to be the same, and what it is.
    same: Vec<(String, String)>,
    /// `[type][slot of Tables::ruled]`: the behavior, and the type's own number.
    ruled: Vec<Vec<(String, f64)>>,
    /// `[type][place]`: the value of a custom number in a new cell.
    custom: Vec<Vec<f64>>,
    /// Behaviors that are changed for a time.
    changed: Vec<String>,
}

impl Shape {
    /// That of a plan.
    pub fn of(plan: &Plan) -> Shape {
        let scenario = &plan.scenario;
        let behavior = |number: usize| {
            let entry = plan.table.vocabulary.behaviors.entry(number);
            entry.name.clone()
        };
        let domain = &scenario.domain;
        let watches = plan.table.watches.iter().zip(&plan.contact_slots);
        let watches: Vec<_> = watches.filter(|(_, slot)| slot.is_some()).collect();
        let list = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>().join(", ");
        let substrates = scenario.substrates.iter();
        let types = scenario.cell_types.iter();
        let mut same = vec![
            ("semantics".into(), format!("{:?}", scenario.semantics)),
            (
                "diffusion steps".into(),
                format!("{} min", scenario.clocks.diffusion),
            ),
            (
                "edges of the domain".into(),
                format!("{:?} to {:?} µm", domain.min, domain.max),
            ),
            ("voxels".into(), format!("{:?} µm", domain.voxel)),
            (
                "substrates".into(),
                list(&mut substrates.map(|it| format!("{} ({})", it.name, it.unit))),
            ),
            (
                "cell types".into(),
                list(&mut types.clone().map(|it| it.name.clone())),
            ),
            (
                "accounts of what cells take up".into(),
                scenario.track_internalized_substrates.to_string(),
            ),
            (
                "contacts that rules or columns read".into(),
                format!("{watches:?}, {:?}", plan.contact_times),
            ),
        ];
        for kind in types.clone() {
            let phases = kind.cycle.phases.iter().map(|phase| phase.name.clone());
            let custom = kind.custom.iter();
            let custom = custom.map(|it| format!("{} ({})", it.name, it.unit));
            for (what, names) in [
                ("phases", list(&mut { phases })),
                ("custom numbers", list(&mut { custom })),
            ] {
                same.push((format!("{what} of `{}`", kind.name), names));
            }
        }
        let spaces = plan.latents.spaces.iter();
        let spaces = spaces.map(|space| format!("{} at {:?}", space.id, space.places));
        same.push(("latent vectors".into(), list(&mut { spaces })));
        let recorded = plan.latents.recorded.iter();
        let recorded = recorded.map(|record| format!("{} at {:?}", record.name, record.places));
        same.push(("numbers that models record".into(), list(&mut { recorded })));
        if let Some(compartments) = domain.compartments {
            same.push(("compartments".into(), format!("{compartments:?}")));
        }
        let base = |kind: usize, number: usize| (behavior(number), plan.table.base(kind, number));
        let kinds = 0..scenario.cell_types.len();
        Shape {
            same,
            ruled: kinds
                .map(|kind| {
                    let slots = plan.ruled.behaviors(kind).iter();
                    slots.map(|&number| base(kind, number)).collect()
                })
                .collect(),
            custom: types
                .map(|kind| kind.custom.iter().map(|custom| custom.value).collect())
                .collect(),
            changed: plan.sets.changed.iter().map(|&it| behavior(it)).collect(),
        }
    }

    /// The first thing in which two differ.
    fn difference(&self, other: &Shape) -> Option<String> {
        let mut pairs = self.same.iter().zip(&other.same);
        // Types are compared before what types have, so that lists are of one length until then.
        let ((what, there), (_, here)) = pairs.find(|(one, other)| one != other)?;
        Some(format!(
            "it has other {what}\n  there: {there}\n  here: {here}"
        ))
    }
}

impl Kept {
    /// A simulation that goes on from here under another scenario.
    ///
    /// # Errors
    /// A message where the state does not fit the scenario.
    pub fn fork(&self, bound: Bound, threads: usize) -> Result<Simulation, String> {
        let checkpoint = self.checkpoint().map_err(|error| error.to_string())?;
        let forked = checkpoint.fork(bound, threads);
        forked.map_err(|reason| format!("{} does not fit: {reason}", self.file.display()))
    }
}

impl Checkpoint<'_> {
    /// A simulation that goes on from here under another scenario.
    ///
    /// # Errors
    /// A message where the state does not fit the scenario.
    pub fn fork(self, bound: Bound, threads: usize) -> Result<Simulation, String> {
        let plan = &bound.plan;
        let (old, new, mut state) = (self.shape, Shape::of(plan), self.state);
        if let Some(difference) = old.difference(&new) {
            return Err(format!(
                "{difference}\n  a fork changes numbers, rules and interventions; for another \
                 tissue begin a new run"
            ));
        }
        if includes_dyads(&plan.scenario.outputs.write) {
            let reason = "a fork has no dyad table: what its pairs did before belongs to the run \
                          before\n  leave `dyads` out of `outputs.write`";
            return Err(reason.into());
        }
        if state.tick >= plan.scenario.end_tick() {
            let time = state.tick as f64 * plan.scenario.clocks.diffusion;
            return Err(format!(
                "it is of t = {time} min, and the scenario ends at {} min\n  choose a later end: --until",
                plan.scenario.duration
            ));
        }
        state.changed = Cow::Owned(changed(&old, &new, &state.changed)?);
        let kinds: Vec<usize> = state.kinds().collect();
        let tables = state.tables.to_mut();
        tables.ruled = ruled(&old, plan, &kinds, &tables.ruled);
        for (row, &kind) in kinds.iter().enumerate() {
            let numbers = old.custom[kind].iter().zip(&new.custom[kind]);
            for (place, (was, is)) in numbers.enumerate() {
                let own = tables.custom.get_mut(place, row);
                if own.to_bits() == was.to_bits() {
                    *own = *is;
                }
            }
        }
        state.clamps = Cow::Owned(Clamps::new(plan.table.behaviors.len()));
        state.tissue.forget_clamps();
        state.log = Cow::Owned(Log::default());
        state.seconds = Default::default();
        let guards = std::mem::take(&mut state.guards);
        let mut simulation = Simulation::resume(bound, threads, state)?;
        simulation.world.resource_mut::<Guards>().hold(guards);
        Ok(simulation)
    }
}

/// The numbers that rules write, by the slots of the new plan.
fn ruled(old: &Shape, plan: &Plan, kinds: &[usize], values: &Table<f64>) -> Table<f64> {
    let new = |kind: usize| plan.ruled.new_cell(&plan.table, kind);
    let types = 0..old.ruled.len();
    let mut table = Table::new(types.map(|kind| new(kind).len()).max().unwrap_or(0));
    for (row, &kind) in kinds.iter().enumerate() {
        let mut own = new(kind);
        for (own, &number) in own.iter_mut().zip(plan.ruled.behaviors(kind)) {
            let name = &plan.table.vocabulary.behaviors.entry(number).name;
            let mut slots = old.ruled[kind].iter();
            if let Some(slot) = slots.position(|(other, _)| other == name) {
                let value = values.get(slot, row);
                if value.to_bits() != old.ruled[kind][slot].1.to_bits() {
                    *own = value;
                }
            }
        }
        table.push(&own);
    }
    table
}

/// The cells whose numbers are changed for now, by the behaviors that the new plan changes.
fn changed(old: &Shape, new: &Shape, changed: &Changed) -> Result<Changed, String> {
    let under_way = |name: &String| {
        let place = old.changed.iter().position(|other| other == name);
        let cells = place.and_then(|place| changed.0.get(place));
        cells.cloned().unwrap_or_default()
    };
    for name in &old.changed {
        if !new.changed.contains(name) && !under_way(name).is_empty() {
            return Err(format!(
                "an intervention that changes `{name}` is under way, and the scenario has none\n  \
                 keep it until it is over, or take a checkpoint from before it"
            ));
        }
    }
    Ok(Changed(new.changed.iter().map(under_way).collect()))
}
