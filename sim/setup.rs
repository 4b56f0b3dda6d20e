//! What the kernels are told of a plan.

use kernels::{
    Grid,
    channels::Channels,
    diffusion::Method,
    tissue::{Group, Initial, Prey, Setup, Streams, UPTAKE_OF_DEAD, Walk},
};
use rules::{Rule, Subject};

use crate::{
    arrays::{group, prey, ungroup},
    assay,
    dictionary::{Behavior, Watch},
    graphs,
    output::Vitality,
    plan::Plan,
    recorder::Site,
    scenario,
    streams::Purpose,
};

/// What the kernels are told.
pub fn setup(plan: &Plan, rules: &[Box<dyn Rule>], sites: &[Site]) -> Result<Setup, String> {
    let scenario = &plan.scenario;
    let domain = &scenario.domain;
    let grid =
        Grid::new(domain.min, domain.max, domain.voxel).map_err(|error| error.to_string())?;
    if grid.dimensions() != usize::from(domain.dimensions) {
        // One layer of voxels is what 2D is to the kernels.
        return Err(format!(
            "a domain of 3 dimensions that is one voxel thick has no third one\n  \
             make it thicker or `voxel` smaller than {} µm along z, or write `dimensions = 2`",
            domain.voxel[2]
        ));
    }
    let types = scenario.cell_types.len();
    let groups: Vec<Group> = (0..types * Vitality::ALL.len())
        .map(|number| {
            let (kind, vitality) = ungroup(number as u16);
            Group {
                kind,
                prey: prey(vitality),
            }
        })
        .collect();
    let kind = |number: usize| usize::from(groups[number].kind);
    let mut watched = vec![0; groups.len()];
    for (watch, slot) in plan.table.watches.iter().zip(&plan.contact_slots) {
        let Some(slot) = slot else { continue };
        for (number, bits) in watched.iter_mut().enumerate() {
            *bits |= u64::from(counts(watch, number)) << slot;
        }
    }
    let mut remembered: Vec<(u16, u16)> = Vec::new();
    let asked = sites.iter().map(Site::rule);
    for rule in rules.iter().map(Box::as_ref).chain(asked) {
        let signature = rule.signature();
        if let Subject::Dyad { a, b } = signature.subject {
            remembered.push((
                group(a as u16, Vitality::Live),
                group(b as u16, Vitality::Live),
            ));
        }
        if signature.graph.is_some() {
            remembered.extend(graphs::remembered(signature));
        }
    }
    remembered.extend(assay::remembered(scenario));
    remembered.sort_unstable();
    remembered.dedup();
    let seed = scenario.seed;
    Ok(Setup {
        substrates: scenario.substrates.iter().map(substrate).collect(),
        initial: scenario.substrates.iter().map(initial).collect(),
        internalized: scenario.track_internalized_substrates,
        method: match scenario.solver {
            scenario::Solver::Lod => Method::Split,
            scenario::Solver::Unsplit(tolerance) => Method::Unsplit { tolerance },
        },
        conventions: scenario.semantics.conventions(),
        springs: scenario.springs,
        diffusion_step: scenario.clocks.diffusion,
        mechanics_step: scenario.clocks.mechanics_ticks() as f64 * scenario.clocks.diffusion,
        channels: channels(plan, &groups),
        walks: (0..groups.len())
            .map(|number| {
                let motility = &scenario.cell_types[kind(number)].motility;
                Walk {
                    normalize_each_gradient: motility.normalize_each_gradient,
                    motile: motility.enabled && groups[number].prey == Prey::Live,
                    in_plane: motility.in_plane,
                    toward: motility.toward,
                }
            })
            .collect(),
        groups,
        wall_repulsion: domain.wall_repulsion,
        compartments: domain.compartments.map(|it| [it.size, it.pitch]),
        watched,
        slots: plan.contact_slots.iter().flatten().count(),
        remembered,
        memory: scenario.contact_memory,
        streams: Streams {
            motility: Purpose::Motility.draws(seed),
            meal: Purpose::Meal.draws(seed),
            attack_start: Purpose::AttackStart.draws(seed),
            attack_end: Purpose::AttackEnd.draws(seed),
            fusion: Purpose::Fusion.draws(seed),
            attachment: Purpose::Attachment.draws(seed),
            detachment: Purpose::Detachment.draws(seed),
        },
        grid,
    })
}

fn counts(watch: &Watch, number: usize) -> bool {
    let (kind, vitality) = ungroup(number as u16);
    watch
        .cell_type
        .is_none_or(|wanted| wanted == usize::from(kind))
        && watch.vitalities.contains(&vitality)
}

fn substrate(substrate: &scenario::Substrate) -> kernels::diffusion::Substrate {
    use kernels::diffusion::Boundary;
    kernels::diffusion::Substrate {
        diffusion_coefficient: substrate.diffusion_coefficient,
        decay_rate: substrate.decay_rate,
        boundary: substrate.boundary.map(|face| match face {
            scenario::Boundary::NoFlux => Boundary::NoFlux,
            scenario::Boundary::Fixed(value) => Boundary::Fixed(value),
        }),
    }
}

/// Densities at the start.
fn initial(substrate: &scenario::Substrate) -> Initial {
    match &substrate.initial_field {
        Some(field) => Initial::Voxels(field.clone()),
        None => Initial::Everywhere(substrate.initial),
    }
}

/// The tables of all channels: a type's own values for its live cells, and what is left of them in the dead.
fn channels(plan: &Plan, groups: &[Group]) -> Channels {
    use kernels::channels::Channel;
    let scenario = &plan.scenario;
    let mut channels = Channels::new(
        scenario.substrates.len(),
        scenario.cell_types.len(),
        groups.len(),
    );
    for (number, behavior) in plan.table.behaviors.iter().enumerate() {
        let Behavior::Kernel(channel) = behavior else {
            continue;
        };
        for group in 0..groups.len() {
            let (kind, vitality) = ungroup(group as u16);
            let value = plan.table.base(usize::from(kind), number);
            let dead = vitality != Vitality::Live;
            let left = match channel {
                Channel::SecretionRate(_) | Channel::ExportRate(_) | Channel::Speed if dead => 0.0,
                Channel::UptakeRate(_) if dead => UPTAKE_OF_DEAD * value,
                _ => value,
            };
            channels.set_group(*channel, group, left);
        }
    }
    channels
}
