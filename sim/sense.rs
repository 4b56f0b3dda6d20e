//! What cells sense: the columns that rules read and outputs show.
//!
//! Cells are looked up once ([`Readers::look_up`]), then every signal is read as a column. Who reads
//! many cells reads about a thousand at a time, in the order of the tissue's rows: their columns
//! stay in the cache, and neighbors in space are neighbors in memory.

use bevy_ecs::{entity::Entity, system::Query};
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
        Entity,
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

/// Everything that signals are read from. Components are `[place]`, see [`Roster::places`].
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    tissue: &'a Tissue,
    roster: &'a Roster,
    plan: &'a Plan,
    clock: &'a Clock,
    phases: &'a [Phase],
    lineages: &'a [Lineage],
    volumes: &'a [Volume],
    customs: &'a [Custom],
    histories: &'a [History],
    contact_times: &'a [ContactTime],
    latents: &'a [Latent],
    recorded: &'a [Recorded],
}

impl<'a> Sources<'a> {
    /// The state as it is.
    pub fn new(
        tissue: &'a Tissue,
        roster: &'a Roster,
        cells: &'a Senses<'_, '_>,
        plan: &'a Plan,
        clock: &'a Clock,
    ) -> Sources<'a> {
        let tables = cells.contiguous_iter();
        let mut tables = tables.expect("components of cells are kept in tables");
        let table = tables.next().unwrap_or_default();
        let (
            entities,
            phases,
            lineages,
            volumes,
            customs,
            histories,
            contact_times,
            latents,
            recorded,
        ) = table;
        let placed = |(&entity, &place): (&Entity, &u32)| entities[place as usize] == entity;
        debug_assert!(roster.entities.iter().zip(&roster.places).all(placed));
        Sources {
            tissue,
            roster,
            plan,
            clock,
            phases,
            lineages,
            volumes,
            customs,
            histories,
            contact_times,
            latents,
            recorded,
        }
    }
}

/// Cells that are read, and where they are found.
#[derive(Debug, Default)]
pub struct Readers {
    ranks: Vec<u32>,
    rows: Vec<u32>,
    places: Vec<u32>,
}

impl Readers {
    /// Looks up the cells at these ranks.
    pub fn look_up(&mut self, ranks: &[u32], of: &Sources<'_>) {
        self.ranks.clear();
        self.ranks.extend_from_slice(ranks);
        let ranks = || ranks.iter().map(|&rank| rank as usize);
        self.rows.clear();
        self.rows
            .extend(ranks().map(|rank| of.tissue.row(rank) as u32));
        self.places.clear();
        self.places
            .extend(ranks().map(|rank| of.roster.places[rank]));
    }
}

/// Appends to `out` the value of a signal for each of these cells.
pub fn sense(signal: &Signal, cells: &Readers, of: &Sources<'_>, out: &mut Vec<f64>) {
    let Sources {
        tissue,
        roster,
        plan,
        clock,
        ..
    } = *of;
    let ranks = || cells.ranks.iter().map(|&rank| rank as usize);
    let rows = || cells.rows.iter().map(|&row| row as usize);
    let places = || cells.places.iter().map(|&place| place as usize);
    let voxels = || rows().map(|row| tissue.voxels()[row] as usize);
    // Cells of one voxel mostly follow each other.
    let at_voxels = |out: &mut Vec<f64>, value: &dyn Fn(usize) -> f64| {
        let mut last = (usize::MAX, 0.0);
        out.extend(voxels().map(|voxel| {
            if voxel != last.0 {
                last = (voxel, value(voxel));
            }
            last.1
        }));
    };
    let flag = |is: bool| if is { 1.0 } else { 0.0 };
    match signal {
        Signal::Density(substrate) => {
            let voxels_in_all = tissue.grid().len();
            let densities = &tissue.densities()[substrate * voxels_in_all..][..voxels_in_all];
            out.extend(voxels().map(|voxel| densities[voxel]));
        }
        Signal::Internalized(substrate) => {
            let volumes = places().map(|place| of.volumes[place].total);
            let amounts = ranks().map(|rank| tissue.internalized(*substrate, rank));
            out.extend(amounts.zip(volumes).map(|(amount, volume)| amount / volume));
        }
        Signal::BasementMembrane => out.extend(ranks().map(|_| 0.0)),
        Signal::GradientNorm(substrate) => at_voxels(out, &|voxel| {
            let [x, y, z] = tissue.gradient_at(*substrate, voxel);
            (x * x + y * y + z * z).sqrt()
        }),
        Signal::Gradient(substrate, axis) => {
            at_voxels(out, &|voxel| tissue.gradient_at(*substrate, voxel)[*axis]);
        }
        Signal::Pressure => out.extend(rows().map(|row| tissue.pressures()[row])),
        Signal::Contact(watch) => {
            let slot = plan.contact_slots[*watch].expect("every watch that is read has a slot");
            let counts = tissue.contact_counts(slot);
            out.extend(rows().map(|row| f64::from(counts[row])));
        }
        Signal::ContactTime(watch) => {
            let at = plan.contact_times.iter().position(|timed| timed == watch);
            let at = at.expect("every contact time that is read is kept");
            out.extend(places().map(|place| of.contact_times[place].0[at]));
        }
        Signal::Damage => out.extend(rows().map(|row| tissue.damages()[row])),
        Signal::DamageDelivered => {
            out.extend(places().map(|place| of.histories[place].delivered));
        }
        Signal::Attacking => out.extend(ranks().map(|rank| flag(tissue.target(rank) != NOBODY))),
        Signal::AttackedTime => out.extend(places().map(|place| of.histories[place].attacked)),
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
        Signal::TimeInPhase => out.extend(places().map(|place| of.phases[place].elapsed)),
        Signal::Age => out.extend(
            places()
                .map(|place| (clock.tick - of.lineages[place].born) as f64 * clock.diffusion_step),
        ),
        Signal::Volume => out.extend(places().map(|place| of.volumes[place].total)),
        Signal::Custom(numbers) => out.extend(ranks().zip(places()).map(|(rank, place)| {
            let number = numbers[usize::from(roster.kinds[rank])];
            number.map_or(f64::NAN, |number| of.customs[place].0[number])
        })),
        Signal::Latent(numbers) => out.extend(ranks().zip(places()).map(|(rank, place)| {
            let number = numbers[usize::from(roster.kinds[rank])];
            number.map_or(f64::NAN, |number| f64::from(of.latents[place].0[number]))
        })),
        Signal::Recorded(numbers) => out.extend(ranks().zip(places()).map(|(rank, place)| {
            let number = numbers[usize::from(roster.kinds[rank])];
            number.map_or(f64::NAN, |number| of.recorded[place].0[number])
        })),
    }
}
