//! Training rows: what a rule saw at each of its calls, what it said, and what followed.
//!
//! A [`Site`] is a place where a rule is called. What stands there (the rule that acts, or a teacher
//! that is only asked) is called once more beside the tissue, and changes nothing in it. A row stays
//! open until the next call; the first thing that happens to its cell, or that its pair does, is its
//! event. A row without one is censored.

mod site;

use bevy_ecs::{change_detection::Mut, resource::Resource, system::SystemState, world::World};
use kernels::pairs::Pair;

use crate::{
    clock::Clock,
    dyads::Sensing,
    output::{Event, EventKind, Word},
    plan::deeds::Deed,
    record::{Failure, Log},
    sense::Sources,
};

pub(crate) use site::{Around, wanted_sites};
pub use site::{Column, Role, Rows, Site, Wanted};

/// The sites of a run, and how far into the log they have read.
#[derive(Resource)]
pub struct Recorder {
    /// By name.
    pub sites: Vec<Site>,
    /// Events of the log that have been followed.
    pub(crate) followed: usize,
    /// Share of the rows without an event that is kept, 0 to 1.
    pub keep: f64,
}

impl Recorder {
    /// Records at these sites, every row.
    pub fn new(sites: Vec<Site>) -> Recorder {
        Recorder {
            sites,
            followed: 0,
            keep: 1.0,
        }
    }
}

/// What pairs did in this tick, in order.
#[derive(Resource, Default)]
pub struct Drawn(pub Vec<(Pair, Deed)>);

/// Asks the rules of cells that are due, before anything acts on what rules say.
pub fn ask_cells(world: &mut World) {
    // What came from outside in this tick, before time passed in which rates act.
    follow_log(world);
    ask(world, Site::is_of_cells);
}

/// Asks the rules of pairs that are due, before anything is drawn.
pub fn ask_pairs(world: &mut World) {
    if let Some(mut drawn) = world.get_resource_mut::<Drawn>() {
        drawn.0.clear();
    }
    ask(world, |site| !site.is_of_cells());
}

fn ask(world: &mut World, which: fn(&Site) -> bool) {
    let clock = *world.resource::<Clock>();
    let recorder = world.resource::<Recorder>();
    let is_due = |site: &Site| which(site) && clock.strikes(site.period);
    if !recorder.sites.iter().any(is_due) {
        return;
    }
    world.resource_scope(|world, mut recorder: Mut<'_, Recorder>| {
        let mut state: SystemState<Sensing<'_, '_>> = SystemState::new(world);
        let asked = state.get(world).map_err(|error| error.to_string());
        let asked = asked.and_then(|(space, roster, plan, tables, cells)| {
            let around = Around {
                tissue: &space.0,
                roster: &roster,
                plan: &plan,
                clock: &clock,
                sources: Sources::new(&space.0, &tables, &cells, &plan, &clock),
            };
            let keep = recorder.keep;
            let mut due = recorder.sites.iter_mut().filter(|site| is_due(site));
            due.try_for_each(|site| site.ask(&around, keep))
        });
        if let Err(message) = asked {
            world.resource_mut::<Failure>().0 = Some(message);
        }
    });
}

/// Closes a tick: time in which something could have happened has passed, and what did is noted.
pub fn follow(world: &mut World) {
    let clock = *world.resource::<Clock>();
    if clock.is_phenotype() {
        let step = clock.phenotype_step();
        for site in &mut world.resource_mut::<Recorder>().sites {
            if site.is_of_cells() {
                site.expose(step);
            }
        }
    }
    follow_log(world);
    let drawn = std::mem::take(&mut world.resource_mut::<Drawn>().0);
    for site in &mut world.resource_mut::<Recorder>().sites {
        if !site.is_of_cells() && clock.strikes(site.period) {
            let step = site.period as f64 * clock.diffusion_step;
            site.expose(step);
            for (pair, deed) in &drawn {
                site.note(&(pair.0, Some(pair.1)), clock.time(), word(*deed));
            }
        }
    }
}

/// Notes what the log holds that is new.
fn follow_log(world: &mut World) {
    world.resource_scope(|world, mut recorder: Mut<'_, Recorder>| {
        let events = &world.resource::<Log>().events;
        let new = recorder.followed.min(events.len());
        recorder.followed = events.len();
        for event in &events[new..] {
            let Some((cell, word)) = fate(event) else {
                continue;
            };
            for site in &mut recorder.sites {
                if site.is_of_cells() {
                    site.note(&(cell, None), event.time, word);
                }
            }
        }
    });
}

/// Whose fate an event is, and which.
fn fate(event: &Event) -> Option<(u64, Word)> {
    match event.kind {
        EventKind::Division => Some((event.cell, "division")),
        EventKind::Death => Some((event.cell, event.cause.unwrap_or("death"))),
        EventKind::Transformation => Some((event.cell, "transformation")),
        EventKind::Phagocytosis => Some((event.partner?, "phagocytosis")),
        EventKind::Fusion => Some((event.partner?, "fusion")),
        EventKind::Removal => Some((event.cell, "removal")),
        EventKind::Hit | EventKind::Kill | EventKind::Attack | EventKind::Arrival => None,
    }
}

fn word(deed: Deed) -> Word {
    use rules::Side;
    match deed {
        Deed::Hit { on: Side::A, .. } => "hit of a",
        Deed::Hit { .. } => "hit",
        Deed::Detach => "detach",
        Deed::Die { who: Side::A, .. } => "death of a",
        Deed::Die { .. } => "death of b",
        Deed::Become { who: Side::A, .. } => "transformation of a",
        Deed::Become { .. } => "transformation of b",
    }
}
