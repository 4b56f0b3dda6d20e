//! What cells sense: the columns that rules read and outputs show.
//!
//! Cells are named by their rows. Who reads many cells reads about a thousand at a time, in the
//! order of the rows: their columns stay in the cache, neighbors in space are neighbors in memory,
//! and where no row is left out a column is copied as it lies.

use std::ops::Range;

use bevy_ecs::system::Query;
use kernels::tissue::{NOBODY, Tissue};

use crate::{
    arrays::{ONE_TABLE, ungroup},
    cell::{Past, Phase},
    clock::Clock,
    dictionary::Signal,
    output::Vitality,
    plan::Plan,
    tables::{Number, Table, Tables},
};

/// The components that signals are read from.
pub type Senses<'w, 's> = Query<'w, 's, (&'static Phase, &'static Past)>;

/// Everything that signals are read from. Components are `[row]`.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    tissue: &'a Tissue,
    plan: &'a Plan,
    clock: &'a Clock,
    tables: &'a Tables,
    phases: &'a [Phase],
    pasts: &'a [Past],
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
        let (phases, pasts) = table.unwrap_or_default();
        let vitality = |&group: &u16| ungroup(group).1;
        debug_assert!(
            (phases.iter().map(|phase| phase.vitality)).eq(tissue.groups().iter().map(vitality))
        );
        Sources {
            tissue,
            plan,
            clock,
            tables,
            phases,
            pasts,
        }
    }
}

/// Voxels that may be left out within a span: looking at them too is quicker than a new span.
const GAP: u32 = 8;

/// Cells that are read, and what is to be known of where they stand.
#[derive(Debug, Default)]
pub struct Readers {
    rows: Vec<u32>,
    /// The rows, where none between the first and the last is left out.
    run: Option<Range<usize>>,
    /// Spans of voxels that hold all of theirs: cells that are neighbors in the order of rows mostly
    /// stand in voxels that are neighbors too.
    spans: Vec<Range<u32>>,
    /// `[row]`: its place among the voxels of all spans.
    places: Vec<u32>,
}

impl Readers {
    /// Looks up the cells in these rows.
    pub fn look_up(&mut self, rows: &[u32], of: &Sources<'_>) {
        self.rows.clear();
        self.rows.extend_from_slice(rows);
        let is_run = rows.is_sorted_by(|one, next| one + 1 == *next);
        let run = |(&first, &last): (&u32, &u32)| first as usize..last as usize + 1;
        self.run = rows.first().zip(rows.last()).filter(|_| is_run).map(run);
        let voxels = of.tissue.voxels();
        let (mut span, mut before) = (0..0, 0);
        self.spans.clear();
        self.places.clear();
        self.places.extend(rows.iter().map(|&row| {
            let voxel = voxels[row as usize];
            if voxel < span.start || voxel >= span.end + GAP {
                before += span.end - span.start;
                self.spans.push(span.clone());
                span = voxel..voxel;
            }
            // Without a branch, for nobody can tell where the next voxel begins.
            span.end = span.end.max(voxel + 1);
            before + voxel - span.start
        }));
        self.spans.push(span);
    }

    /// Appends what a column says of each row.
    pub fn column<T, U>(&self, column: &[T], value: impl Fn(&T) -> U, out: &mut Vec<U>) {
        match self.run.clone() {
            Some(run) => out.extend(column[run].iter().map(value)),
            None => out.extend(self.rows.iter().map(|&row| value(&column[row as usize]))),
        }
    }
}

/// Cells that are read, and where a column of them goes.
struct Reading<'a> {
    cells: &'a Readers,
    out: &'a mut Vec<f64>,
}

impl Reading<'_> {
    /// The same number for all.
    fn all(&mut self, value: f64) {
        let rows = self.out.len() + self.cells.rows.len();
        self.out.resize(rows, value);
    }

    /// A number of each row.
    fn each(&mut self, value: impl Fn(usize) -> f64) {
        match self.cells.run.clone() {
            Some(run) => self.out.extend(run.map(value)),
            None => (self.out).extend(self.cells.rows.iter().map(|&row| value(row as usize))),
        }
    }

    /// What a column says of each row.
    fn column<T>(&mut self, column: &[T], value: impl Fn(&T) -> f64) {
        self.cells.column(column, value, self.out);
    }

    /// What is at the voxel of each row; `fill` is asked for spans of voxels.
    fn at_voxels(&mut self, mut fill: impl FnMut(Range<usize>, &mut [f64])) {
        let cells = self.cells;
        let start = self.out.len();
        let end = start + cells.places.len();
        // Voxels stand behind the rows until these have been told.
        let voxels: usize = cells.spans.iter().map(Range::len).sum();
        self.out.resize(end + voxels, 0.0);
        let (told, values) = self.out[start..].split_at_mut(end - start);
        let mut rest = &mut *values;
        for span in &cells.spans {
            let (values, after) = rest.split_at_mut(span.len());
            fill(span.start as usize..span.end as usize, values);
            rest = after;
        }
        for (told, &place) in told.iter_mut().zip(&cells.places) {
            *told = values[place as usize];
        }
        self.out.truncate(end);
    }

    /// Numbers that only some types have, each at a place of its own.
    fn of_types<T: Number>(&mut self, table: &Table<T>, places: &[Option<usize>], groups: &[u16]) {
        if let Some(place) = common(places) {
            return self.column(table.column(place), |number| number.get());
        }
        self.each(|row| {
            let place = places[usize::from(ungroup(groups[row]).0)];
            place.map_or(f64::NAN, |place| table.get(place, row).get())
        });
    }
}

/// The place of a number in all types, where there is one: mostly all that have it have it there.
fn common(places: &[Option<usize>]) -> Option<usize> {
    let (first, rest) = places.split_first()?;
    first.filter(|_| rest.iter().all(|other| other == first))
}

/// The column that a signal is as it lies in memory, if there is one.
fn lying<'a>(signal: &Signal, of: &Sources<'a>) -> Option<&'a [f64]> {
    let Sources { tissue, tables, .. } = *of;
    Some(match signal {
        Signal::Pressure => tissue.pressures(),
        Signal::Volume => tissue.volumes(),
        Signal::Damage => tissue.damages(),
        Signal::ContactTime(watch) => {
            let at = { of.plan.contact_times.iter() }.position(|timed| timed == watch);
            let at = at.expect("every contact time that is read is kept");
            tables.contact_time.column(at)
        }
        Signal::Custom(places) => tables.custom.column(common(places)?),
        Signal::Recorded(places) => tables.recorded.column(common(places)?),
        _ => return None,
    })
}

/// The values of a signal for these cells, where nothing need be computed or copied.
pub fn lend<'a>(signal: &Signal, cells: &Readers, of: &Sources<'a>) -> Option<&'a [f64]> {
    let run = cells.run.clone()?;
    Some(&lying(signal, of)?[run])
}

/// Appends to `out` the value of a signal for each of these cells.
pub fn sense(signal: &Signal, cells: &Readers, of: &Sources<'_>, out: &mut Vec<f64>) {
    let Sources {
        tissue,
        plan,
        clock,
        tables,
        phases,
        pasts,
    } = *of;
    let groups = tissue.groups();
    let mut to = Reading { cells, out };
    if let Some(column) = lying(signal, of) {
        return to.column(column, |&value| value);
    }
    let flag = |is: bool| if is { 1.0 } else { 0.0 };
    match signal {
        Signal::Pressure | Signal::Volume | Signal::Damage | Signal::ContactTime(_) => {
            unreachable!("they lie as they are read")
        }
        Signal::Density(substrate) => {
            let density = tissue.density_of(*substrate);
            to.at_voxels(|voxels, out| out.copy_from_slice(&density[voxels]));
        }
        Signal::Internalized(substrate) => match tissue.internalized_rows(*substrate) {
            Some(amounts) => to.each(|row| amounts[row] / tissue.volumes()[row]),
            None => to.all(0.0),
        },
        Signal::BasementMembrane => to.all(0.0),
        Signal::GradientNorm(substrate) => {
            let mut slopes = tissue.slopes(*substrate);
            let norm = |[x, y, z]: [f64; 3]| (x * x + y * y + z * z).sqrt();
            to.at_voxels(|voxels, out| slopes.along(voxels, out, norm));
        }
        Signal::Gradient(substrate, axis) => {
            let mut slopes = tissue.slopes(*substrate);
            // Each axis in words of its own: what is not asked for is not computed.
            to.at_voxels(|voxels, out| match axis {
                0 => slopes.along(voxels, out, |[x, _, _]| x),
                1 => slopes.along(voxels, out, |[_, y, _]| y),
                _ => slopes.along(voxels, out, |[_, _, z]| z),
            });
        }
        Signal::Contact(watch) => {
            let slot = plan.contact_slots[*watch].expect("every watch that is read has a slot");
            to.column(tissue.contact_counts(slot), |&count| f64::from(count));
        }
        Signal::DamageDelivered => to.column(pasts, |past| past.history().delivered),
        Signal::Attacking => to.column(tissue.targets(), |&target| flag(target != NOBODY)),
        Signal::AttackedTime => to.column(pasts, |past| past.history().attacked),
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
        Signal::Age => {
            let age = |past: &Past| clock.tick - u64::from(past.lineage.born);
            to.column(pasts, |past| age(past) as f64 * clock.diffusion_step);
        }
        Signal::Custom(places) => to.of_types(&tables.custom, places, groups),
        Signal::Latent(places) => to.of_types(&tables.latent, places, groups),
        Signal::Recorded(places) => to.of_types(&tables.recorded, places, groups),
    }
}
