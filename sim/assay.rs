//! The dyad assay of a run: what came to pass in each compartment, one row each at the end.
//!
//! Contacts are seen after every mechanics step, in what pairs remember; hits, kills and deaths are
//! events. Whose a cell is, and in which role, is known from how the compartments were loaded, and
//! for daughters from their mothers: a cell that becomes another type keeps its role.

pub mod agreement;
pub mod interaction;
pub mod page;
pub mod report;
pub mod survival;
pub mod table;

use kernels::tissue::Tissue;
use serde::{Deserialize, Serialize};

use crate::{
    arrays::group,
    founders::founder_id,
    output::{Event, EventKind, Frame, Vitality, includes_dyads},
    scenario::{Load, Place, Scenario},
    simulation::Simulation,
};

/// What came to pass in one compartment, times in min.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// When an effector first touched a target.
    pub first_contact: Option<f64>,
    /// For how long pairs touched, summed over pairs.
    pub contact: f64,
    /// How many contacts began.
    pub contacts: u64,
    /// When effectors hit targets.
    pub hits: Vec<f64>,
    /// When effectors killed targets.
    pub kills: Vec<f64>,
    /// When effectors and targets died.
    pub deaths: [Vec<f64>; 2],
}

/// A row of the dyad table.
#[derive(Debug, Clone, PartialEq)]
pub struct Dyad {
    /// Number of the compartment.
    pub compartment: u64,
    /// Number of the placement that loaded it.
    pub placement: usize,
    /// What came to pass.
    pub tally: Tally,
    /// `[column]`: mean over the effectors that live, of each of `outputs.cell_columns`; `None` if
    /// none lives.
    pub activation: Vec<Option<f64>>,
    /// `[substrate]`: what is in the compartment, in the substrate's unit times µm³.
    pub secretion: Vec<f64>,
}

/// A cell of a compartment.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Member {
    id: u64,
    compartment: u32,
    is_effector: bool,
}

/// The assay of one run, while it goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Assay {
    /// Ascending by id; those who are gone remain.
    members: Vec<Member>,
    /// `[loaded compartment]`.
    tallies: Vec<Tally>,
    /// Whether a type is loaded both as effector and as target.
    are_mixed: bool,
    /// Events of the present frame that were seen.
    seen: usize,
}

/// How compartments are loaded: number of the placement, and what it says.
fn loads(scenario: &Scenario) -> impl Iterator<Item = (usize, &Load)> {
    let placements = scenario.cells.iter().enumerate();
    placements.filter_map(|(number, placement)| match &placement.place {
        Place::Compartments(load) => Some((number, load)),
        _ => None,
    })
}

/// Types loaded as effectors and as targets.
fn roles(scenario: &Scenario) -> [Vec<usize>; 2] {
    let types = |role: fn(&Load) -> Option<(usize, u32)>| {
        let loaded = loads(scenario).filter_map(|(_, load)| role(load));
        let mut types: Vec<usize> = loaded.map(|(kind, _)| kind).collect();
        types.sort_unstable();
        types.dedup();
        types
    };
    [types(|load| load.effectors), types(|load| load.targets)]
}

/// Ordered pairs of groups whose contacts the assay has to see: any type that an effector may have
/// become, and targets.
pub fn remembered(scenario: &Scenario) -> Vec<(u16, u16)> {
    if !includes_dyads(&scenario.outputs.write) {
        return Vec::new();
    }
    let [effectors, targets] = roles(scenario);
    let acting = (0..scenario.cell_types.len())
        .filter(|kind| effectors.contains(kind) || !targets.contains(kind));
    let live = |kind: usize| group(kind as u16, Vitality::Live);
    acting
        .flat_map(|a| targets.iter().map(move |&b| (live(a), live(b))))
        .collect()
}

impl Assay {
    /// One that begins, if the scenario asks for the table.
    pub fn new(scenario: &Scenario) -> Option<Assay> {
        if !includes_dyads(&scenario.outputs.write) {
            return None;
        }
        let [effectors, targets] = roles(scenario);
        let mut members = Vec::new();
        let mut compartment = 0;
        for (number, load) in loads(scenario) {
            let cells = load.cells();
            let mut row = 0;
            for _ in 0..load.compartments {
                members.extend(
                    cells
                        .iter()
                        .zip(row..)
                        .map(|(&(_, is_effector), row)| Member {
                            id: founder_id(number, row),
                            compartment,
                            is_effector,
                        }),
                );
                row += cells.len();
                compartment += 1;
            }
        }
        members.sort_unstable_by_key(|member| member.id);
        Some(Assay {
            members,
            tallies: vec![Tally::default(); compartment as usize],
            are_mixed: effectors.iter().any(|kind| targets.contains(kind)),
            seen: 0,
        })
    }

    /// Looks at the tissue after a mechanics step of `step` min.
    pub fn observe(&mut self, simulation: &Simulation, step: f64) {
        self.follow(simulation.events());
        self.touch(simulation.tissue(), simulation.time(), step);
    }

    /// Looks at a frame, after which its events are forgotten.
    pub fn frame(&mut self, frame: &Frame<'_>) {
        self.follow(frame.events);
        self.seen = 0;
    }

    fn member(&self, id: u64) -> Option<Member> {
        let at = self.members.binary_search_by_key(&id, |member| member.id);
        at.ok().map(|at| self.members[at])
    }

    /// Pairs that touch, in the order of their ids, which members are in as well.
    fn touch(&mut self, tissue: &Tissue, time: f64, step: f64) {
        let mut next = 0;
        for ((a, b), memory) in tissue.pairs().iter() {
            if memory.apart > 0.0 {
                continue;
            }
            while next < self.members.len() && self.members[next].id < a {
                next += 1;
            }
            let known = self.members.get(next).filter(|it| it.id == a);
            let Some(&member) = known.filter(|it| it.is_effector) else {
                continue;
            };
            let is_target = |it: Member| !it.is_effector;
            if self.are_mixed && !self.member(b).is_some_and(is_target) {
                continue;
            }
            let tally = &mut self.tallies[member.compartment as usize];
            tally.contact += step;
            if memory.contact_age == 0.0 {
                tally.contacts += 1;
                tally.first_contact.get_or_insert(time);
            }
        }
    }

    /// Takes up what has happened since it last looked.
    fn follow(&mut self, events: &[Event]) {
        let from = self.seen.min(events.len());
        self.seen = events.len();
        for event in &events[from..] {
            let Some(member) = self.member(event.cell) else {
                continue;
            };
            let partner = || event.partner.and_then(|id| self.member(id));
            let strikes =
                || member.is_effector && partner().is_some_and(|other| !other.is_effector);
            let place = member.compartment as usize;
            match event.kind {
                EventKind::Hit if strikes() => self.tallies[place].hits.push(event.time),
                EventKind::Kill if strikes() => self.tallies[place].kills.push(event.time),
                EventKind::Death => {
                    let role = usize::from(!member.is_effector);
                    self.tallies[place].deaths[role].push(event.time);
                }
                EventKind::Division => {
                    if let Some(id) = event.partner {
                        let at = self.members.partition_point(|other| other.id < id);
                        self.members.insert(at, Member { id, ..member });
                    }
                }
                _ => {}
            }
        }
    }

    /// The table, at the end.
    pub fn finish(&self, scenario: &Scenario, frame: &Frame<'_>) -> Vec<Dyad> {
        let (columns, substrates) = (&frame.cells.extra, scenario.substrates.len());
        let mut sums = vec![(vec![0.0; columns.len()], 0u32); self.tallies.len()];
        let cells = frame.cells.id.iter().zip(&frame.cells.state).enumerate();
        for (row, (&id, _)) in cells.filter(|(_, (_, state))| **state == Vitality::Live) {
            if let Some(member) = self.member(id).filter(|it| it.is_effector) {
                let (sum, count) = &mut sums[member.compartment as usize];
                for (sum, column) in sum.iter_mut().zip(columns) {
                    *sum += column.values[row];
                }
                *count += 1;
            }
        }
        let voxel: f64 = scenario.domain.voxel.iter().product();
        // Each compartment is one voxel where there are substrates.
        let voxels = frame.fields.len() / substrates.max(1);
        let placements = loads(scenario).flat_map(|(number, load)| {
            (load.first..load.first + load.compartments).map(move |at| (number, at))
        });
        let tallies = self.tallies.iter().zip(sums).zip(placements);
        let rows = tallies.map(|((tally, (sum, count)), (placement, compartment))| Dyad {
            compartment,
            placement,
            tally: tally.clone(),
            activation: (sum.iter())
                .map(|sum| (count > 0).then(|| sum / f64::from(count)))
                .collect(),
            secretion: (0..substrates)
                .map(|it| voxel * frame.fields[it * voxels + compartment as usize])
                .collect(),
        });
        rows.collect()
    }
}
