//! What cells sense: the columns that rules read and outputs show.

use bevy_ecs::system::Query;
use kernels::tissue::{NOBODY, Tissue};

use crate::{
    arrays::Roster,
    cell::{ContactTime, Custom, History, Latent, Lineage, Phase, Recorded, Volume},
    clock::Clock,
    dictionary::Signal,
    output::Vitality,
    plan::Plan,
};

/// The components that signals are read from.
pub type Senses<'w, 's> = Query<
    'w,
    's,
    (
        &'static Phase,
        &'static Lineage,
        &'static Volume,
        &'static Custom,
        &'static History,
        &'static ContactTime,
        &'static Latent,
        &'static Recorded,
    ),
>;

/// Appends to `out` the value of a signal for each of these cells.
pub fn sense(
    signal: &Signal,
    ranks: &[u32],
    tissue: &Tissue,
    roster: &Roster,
    cells: &Senses<'_, '_>,
    plan: &Plan,
    clock: &Clock,
    out: &mut Vec<f64>,
) {
    let ranks = || ranks.iter().map(|&rank| rank as usize);
    let cell = |rank: usize| {
        cells
            .get(roster.entities[rank])
            .expect("the roster lists living entities")
    };
    let flag = |is: bool| if is { 1.0 } else { 0.0 };
    match signal {
        Signal::Density(substrate) => {
            out.extend(ranks().map(|rank| tissue.density(*substrate, rank)))
        }
        Signal::Internalized(substrate) => out
            .extend(ranks().map(|rank| tissue.internalized(*substrate, rank) / cell(rank).2.total)),
        Signal::BasementMembrane => out.extend(ranks().map(|_| 0.0)),
        Signal::GradientNorm(substrate) => out.extend(ranks().map(|rank| {
            let [x, y, z] = tissue.gradient(*substrate, rank);
            (x * x + y * y + z * z).sqrt()
        })),
        Signal::Gradient(substrate, axis) => {
            out.extend(ranks().map(|rank| tissue.gradient(*substrate, rank)[*axis]));
        }
        Signal::Pressure => out.extend(ranks().map(|rank| tissue.pressure(rank))),
        Signal::Contact(watch) => {
            let slot = plan.contact_slots[*watch].expect("every watch that is read has a slot");
            out.extend(ranks().map(|rank| tissue.contacts(slot, rank)));
        }
        Signal::ContactTime(watch) => {
            let place = plan.contact_times.iter().position(|timed| timed == watch);
            let place = place.expect("every contact time that is read is kept");
            out.extend(ranks().map(|rank| cell(rank).5.0[place]));
        }
        Signal::Damage => out.extend(ranks().map(|rank| tissue.damage(rank))),
        Signal::DamageDelivered => out.extend(ranks().map(|rank| cell(rank).4.delivered)),
        Signal::Attacking => out.extend(ranks().map(|rank| flag(tissue.target(rank) != NOBODY))),
        Signal::AttackedTime => out.extend(ranks().map(|rank| cell(rank).4.attacked)),
        Signal::Dead => {
            out.extend(ranks().map(|rank| flag(roster.vitality[rank] != Vitality::Live)))
        }
        Signal::Is(vitality) => {
            out.extend(ranks().map(|rank| flag(roster.vitality[rank] == *vitality)))
        }
        Signal::Time => out.extend(ranks().map(|_| clock.time())),
        Signal::Drug(drug) => {
            let concentration = plan.scenario.concentration(*drug, clock.time());
            out.extend(ranks().map(|_| concentration));
        }
        Signal::TimeSince(number) => {
            let since = plan.scenario.interventions[*number].since(clock.time());
            out.extend(ranks().map(|_| since));
        }
        Signal::Doses(number) => {
            let begun = plan.scenario.interventions[*number].begun(clock.time());
            out.extend(ranks().map(|_| begun as f64));
        }
        Signal::TimeInPhase => out.extend(ranks().map(|rank| cell(rank).0.elapsed)),
        Signal::Age => out.extend(
            ranks().map(|rank| (clock.tick - cell(rank).1.born) as f64 * clock.diffusion_step),
        ),
        Signal::Volume => out.extend(ranks().map(|rank| cell(rank).2.total)),
        Signal::Custom(places) => out.extend(ranks().map(|rank| {
            places[usize::from(roster.kinds[rank])].map_or(f64::NAN, |place| cell(rank).3.0[place])
        })),
        Signal::Latent(places) => out.extend(ranks().map(|rank| {
            places[usize::from(roster.kinds[rank])]
                .map_or(f64::NAN, |place| f64::from(cell(rank).6.0[place]))
        })),
        Signal::Recorded(places) => out.extend(ranks().map(|rank| {
            places[usize::from(roster.kinds[rank])].map_or(f64::NAN, |place| cell(rank).7.0[place])
        })),
    }
}
