//! Cells that are given in doses.

use kernels::random::{Sequence, child_id};
use rules::dictionary::normal;

use crate::{
    arrays::Seedling,
    clock::Clock,
    founders::within,
    plan::Plan,
    scenario::{Action, Intervention},
    streams::Purpose,
};

/// Ids of infused cells descend from this root and the intervention's name.
const ROOT: u64 = u64::from_be_bytes(*b"infusion");

/// The cells of the doses that are due. Ids, and so places, are a function of the intervention's
/// name, the dose and the cell's place in it: what else is done, and in which order, moves nobody.
pub(super) fn infused(plan: &Plan, clock: &Clock) -> Vec<Seedling> {
    let interventions = plan.scenario.interventions.iter();
    interventions
        .flat_map(|it| brought(plan, it, clock))
        .collect()
}

fn brought(plan: &Plan, intervention: &Intervention, clock: &Clock) -> Vec<Seedling> {
    let Action::Cells {
        cell_type,
        dose,
        region,
    } = &intervention.action
    else {
        return Vec::new();
    };
    let draws = Purpose::InfusionPlace.draws(plan.scenario.seed);
    let name = named(ROOT, &intervention.name);
    let mut seedlings = Vec::new();
    for number in intervention.due(clock) {
        let root = child_id(name, number as u32);
        seedlings.extend((0..*dose).map(|row| {
            let id = child_id(root, row as u32);
            let mut sequence = Sequence::new(draws, id);
            Seedling {
                id,
                kind: *cell_type as u16,
                position: within(region, &plan.scenario.domain, &mut sequence),
                volume: None,
                values: Vec::new(),
            }
        }));
    }
    seedlings
}

/// The id of a name below a root.
pub(super) fn named(root: u64, name: &str) -> u64 {
    let letters = normal(name);
    letters
        .chars()
        .fold(root, |id, letter| child_id(id, u32::from(letter)))
}
