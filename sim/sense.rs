//! What cells sense: the columns that rules read and outputs show.
//!
//! Cells are named by their rows. Who reads many cells reads about a thousand at a time, in the
//! order of the rows: their columns stay in the cache, neighbors in space are neighbors in memory,
//! and where no row is left out a column is copied as it lies.

use bevy_ecs::system::Query;
use kernels::tissue::{NOBODY, Tissue};

use crate::{
    arrays::ONE_TABLE,
    cell::{CellId, History, Kind, Lineage, Phase},
    clock::Clock,
    dictionary::Signal,
    output::Vitality,
    plan::Plan,
    tables::{Number, Table, Tables},
};

/// The components that signals are read from.
pub type Senses<'w, 's> = Query<
    'w,
    's,
    (
        &'static CellId,
        &'static Kind,
        &'static Phase,
        &'static Lineage,
        &'static History,
    ),
>;

/// Everything that signals are read from. Components are `[row]`.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    tissue: &'a Tissue,
    plan: &'a Plan,
    clock: &'a Clock,
    tables: &'a Tables,
    kinds: &'a [Kind],
    phases: &'a [Phase],
    lineages: &'a [Lineage],
    histories: &'a [History],
}

impl<'a> Sources<'a> {
    /// The state as it is.
    pub fn new(
        tissue: &'a Tissue,
        tables: &'a Tables,
        cells: &'a Senses<'_, '_>,
        plan: &'a Plan,
        clock: &'a Clock,
    ) -> Sources<'a> {
        let table = cells.contiguous_iter().expect(ONE_TABLE).next();
        let (ids, kinds, phases, lineages, histories) = table.unwrap_or_default();
        debug_assert!(ids.iter().map(|id| &id.0).eq(tissue.row_ids()));
        Sources {
            tissue,
            plan,
            clock,
            tables,
            kinds,
            phases,
            lineages,
            histories,
        }
    }
}

/// Cells that are read, by row, and where a column of them goes.
struct Reading<'a> {
    rows: &'a [u32],
    /// The rows, where none between the first and the last is left out.
    run: Option<std::ops::Range<usize>>,
    out: &'a mut Vec<f64>,
}

impl Reading<'_> {
    /// The same number for all.
    fn all(&mut self, value: f64) {
        let rows = self.out.len() + self.rows.len();
        self.out.resize(rows, value);
    }

    /// A number of each row.
    fn each(&mut self, value: impl Fn(usize) -> f64) {
        match self.run.clone() {
            Some(run) => self.out.extend(run.map(value)),
            None => (self.out).extend(self.rows.iter().map(|&row| value(row as usize))),
        }
    }

    /// What a column says of each row.
    fn column<T: Copy>(&mut self, column: &[T], value: impl Fn(T) -> f64) {
        match self.run.clone() {
            Some(run) => (self.out).extend(column[run].iter().map(|&it| value(it))),
            None => {
                let rows = self.rows.iter();
                self.out
                    .extend(rows.map(|&row| value(column[row as usize])));
            }
        }
    }

    /// What is at the voxel of each row: once for cells of one voxel, which mostly follow each
    /// other.
    fn at_voxels(&mut self, voxels: &[u32], value: impl Fn(usize) -> f64) {
        let mut last = (u32::MAX, 0.0);
        self.column(voxels, |_| 0.0);
        let from = self.out.len() - self.rows.len();
        for (out, &row) in self.out[from..].iter_mut().zip(self.rows) {
            let voxel = voxels[row as usize];
            if voxel != last.0 {
                last = (voxel, value(voxel as usize));
            }
            *out = last.1;
        }
    }

    /// Numbers that only some types have, each at a place of its own.
    fn of_types<T: Number>(&mut self, table: &Table<T>, places: &[Option<usize>], kinds: &[Kind]) {
        // Mostly all that have it have it at one place.
        if let [Some(place), rest @ ..] = places
            && rest.iter().all(|other| *other == Some(*place))
        {
            return self.column(table.column(*place), Number::get);
        }
        self.each(|row| {
            let place = places[usize::from(kinds[row].0)];
            place.map_or(f64::NAN, |place| table.get(place, row).get())
        });
    }
}

/// Appends to `out` the value of a signal for each of the cells in these rows.
pub fn sense(signal: &Signal, rows: &[u32], of: &Sources<'_>, out: &mut Vec<f64>) {
    let Sources {
        tissue,
        plan,
        clock,
        tables,
        kinds,
        phases,
        ..
    } = *of;
    let is_run = rows.is_sorted_by(|one, next| one + 1 == *next);
    let run = |(&first, &last): (&u32, &u32)| first as usize..last as usize + 1;
    let mut to = Reading {
        rows,
        run: rows.first().zip(rows.last()).filter(|_| is_run).map(run),
        out,
    };
    let flag = |is: bool| if is { 1.0 } else { 0.0 };
    match signal {
        Signal::Density(substrate) => {
            let voxels = tissue.grid().len();
            let densities = &tissue.densities()[substrate * voxels..][..voxels];
            to.column(tissue.voxels(), |voxel| densities[voxel as usize]);
        }
        Signal::Internalized(substrate) => match tissue.internalized_rows(*substrate) {
            Some(amounts) => to.each(|row| amounts[row] / tissue.volumes()[row]),
            None => to.all(0.0),
        },
        Signal::BasementMembrane => to.all(0.0),
        Signal::GradientNorm(substrate) => to.at_voxels(tissue.voxels(), |voxel| {
            let [x, y, z] = tissue.gradient_at(*substrate, voxel);
            (x * x + y * y + z * z).sqrt()
        }),
        Signal::Gradient(substrate, axis) => to.at_voxels(tissue.voxels(), |voxel| {
            tissue.gradient_at(*substrate, voxel)[*axis]
        }),
        Signal::Pressure => to.column(tissue.pressures(), |pressure| pressure),
        Signal::Contact(watch) => {
            let slot = plan.contact_slots[*watch].expect("every watch that is read has a slot");
            to.column(tissue.contact_counts(slot), f64::from);
        }
        Signal::ContactTime(watch) => {
            let at = plan.contact_times.iter().position(|timed| timed == watch);
            let at = at.expect("every contact time that is read is kept");
            to.column(tables.contact_time.column(at), |time| time);
        }
        Signal::Damage => to.column(tissue.damages(), |damage| damage),
        Signal::DamageDelivered => to.column(of.histories, |history| history.delivered),
        Signal::Attacking => to.column(tissue.targets(), |target| flag(target != NOBODY)),
        Signal::AttackedTime => to.column(of.histories, |history| history.attacked),
        Signal::Dead => to.column(phases, |phase| flag(phase.vitality != Vitality::Live)),
        Signal::Is(vitality) => to.column(phases, |phase| flag(phase.vitality == *vitality)),
        Signal::Time => to.all(clock.time()),
        Signal::Drug(drug) => to.all(plan.scenario.concentration(*drug, clock.time())),
        Signal::TimeSince(number) => {
            to.all(plan.scenario.interventions[*number].since(clock.time()));
        }
        Signal::Doses(number) => {
            to.all(plan.scenario.interventions[*number].begun(clock.time()) as f64);
        }
        Signal::TimeInPhase => to.column(phases, |phase| phase.elapsed),
        Signal::Age => to.column(of.lineages, |lineage| {
            (clock.tick - lineage.born) as f64 * clock.diffusion_step
        }),
        Signal::Volume => to.column(tissue.volumes(), |volume| volume),
        Signal::Custom(places) => to.of_types(&tables.custom, places, kinds),
        Signal::Latent(places) => to.of_types(&tables.latent, places, kinds),
        Signal::Recorded(places) => to.of_types(&tables.recorded, places, kinds),
    }
}
