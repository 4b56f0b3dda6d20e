//! Everything there is to know about every cell, for writers that show all of it. It is gathered
//! only when such a writer is asked for ([`crate::output::needs_detail`]).

use std::collections::HashMap;

use kernels::{channels::Channel, tissue::NOBODY};
use rstar::{RTree, primitives::GeomWithData};
use rules::dictionary::normal;
use serde::{Deserialize, Serialize};

use crate::{
    cell::{Past, Phase, Vitality, Volume, VolumeLaw},
    dictionary::Behavior,
    founders::founder_id,
    semantics::Semantics,
    simulation::Simulation,
};

/// 1/min: rate at which a necrotic cell bursts when nothing keeps it from it, which is at once; the
/// number PhysiCell has for it.
const BURST_RATE: f64 = 9e9;

/// What a frame's table has no columns for, by the same rows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Detail {
    /// `[row]`.
    pub cells: Vec<Inside>,
    /// Every behavior, and further numbers that some simulation has, by name.
    pub numbers: Numbers,
    /// The rows in the order in which the cells came to be: founders in the order of the scenario,
    /// others by time of birth, then by id.
    pub order: Vec<u32>,
}

/// One cell's state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Inside {
    /// Number of the phase in the type's cycle; for a necrotic cell 1 once it has lysed.
    pub phase: u8,
    /// min since the phase began.
    pub elapsed: f64,
    /// 1/min: rate at which the phase is left.
    pub exit_rate: f64,
    /// Whole cell, µm³.
    pub volume: f64,
    /// Fluid in all of it, µm³.
    pub fluid: f64,
    /// Nucleus, with its fluid, µm³.
    pub nuclear: f64,
    /// Solid of the nucleus, µm³.
    pub nuclear_solid: f64,
    /// Solid of the cytoplasm, µm³.
    pub cytoplasmic_solid: f64,
    /// Share that is calcified, 0–1.
    pub calcified: f64,
    /// 1/min.
    pub fluid_change_rate: f64,
    /// 1/min.
    pub nuclear_change_rate: f64,
    /// 1/min.
    pub cytoplasmic_change_rate: f64,
    /// 1/min.
    pub calcification_rate: f64,
    /// What the share of fluid tends to, 0–1.
    pub target_fluid_fraction: f64,
    /// What the solid of the nucleus tends to, µm³.
    pub target_nuclear_solid: f64,
    /// What the solid of the cytoplasm tends to, µm³.
    pub target_cytoplasmic_solid: f64,
    /// Of the last mechanics step, µm/min.
    pub velocity: [f64; 3],
    /// The part of the velocity by which the cell crawls, µm/min.
    pub crawl: [f64; 3],
    /// The direction that chemotaxis prefers here and now: a unit vector, or zero.
    pub sensed: [f64; 3],
    /// 1: mechanical pressure.
    pub pressure: f64,
    /// Damage taken and not repaired.
    pub damage: f64,
    /// Damage delivered to others.
    pub delivered: f64,
    /// min under attack.
    pub attacked: f64,
    /// Row of the cell under attack.
    pub target: Option<u32>,
    /// Rows of the cells within reach of adhesion, ascending.
    pub neighbors: Vec<u32>,
    /// Rows of the cells that a spring ties to this one, ascending: by attachment or attack.
    pub springs: Vec<u32>,
}

/// Columns by name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Numbers {
    places: HashMap<String, usize>,
    columns: Vec<Vec<f64>>,
}

impl Numbers {
    /// The column of a behavior, by its name or a synonym; `None` if there is no such number.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        let place = self.places.get(&normal(name))?;
        Some(&self.columns[*place])
    }

    /// Adds a column under these names; a name that is known already keeps its meaning.
    pub fn add<'a>(&mut self, names: impl IntoIterator<Item = &'a str>, column: Vec<f64>) {
        let place = self.columns.len();
        self.columns.push(column);
        for name in names {
            self.places.entry(normal(name)).or_insert(place);
        }
    }
}

impl Detail {
    /// What there is to know now.
    pub fn of(simulation: &Simulation) -> Detail {
        let cells = (0..simulation.cells()).map(|rank| inside(simulation, rank));
        let mut cells: Vec<Inside> = cells.collect();
        tie(simulation, &mut cells);
        meet(simulation, &mut cells);
        Detail {
            cells,
            numbers: numbers(simulation),
            order: order(simulation),
        }
    }
}

/// What a cell knows of itself.
fn inside(simulation: &Simulation, rank: usize) -> Inside {
    let (tissue, plan) = (simulation.tissue(), simulation.plan());
    let kind = usize::from(simulation.roster().kinds[rank]);
    let cell_type = &plan.scenario.cell_types[kind];
    let phase: &Phase = simulation.component(rank);
    let volume: &Volume = simulation.component(rank);
    let past: &Past = simulation.component(rank);
    let history = past.history();
    let law = VolumeLaw::of(&plan.scenario.cell_types, kind as u16, phase, volume);
    let exit_rate = match (phase.vitality, phase.number) {
        (Vitality::Live, number) => plan
            .table
            .behavior(&Behavior::PhaseExit(usize::from(number)))
            .map_or(0.0, |number| simulation.behavior(number, rank)),
        (Vitality::Apoptotic, _) => 1.0 / cell_type.apoptosis.removal.duration,
        (Vitality::Necrotic, 0) => BURST_RATE.min(1.0 / cell_type.necrosis.swelling.duration),
        (Vitality::Necrotic, _) => 1.0 / cell_type.necrosis.removal.duration,
    };
    Inside {
        phase: phase.number,
        elapsed: phase.elapsed,
        exit_rate,
        volume: volume.total,
        fluid: volume.fluid,
        nuclear: volume.nuclear,
        nuclear_solid: volume.nuclear_solid,
        cytoplasmic_solid: volume.cytoplasmic_solid,
        calcified: volume.calcified,
        fluid_change_rate: law.fluid_rate,
        nuclear_change_rate: law.nuclear_rate,
        cytoplasmic_change_rate: law.cytoplasmic_rate,
        calcification_rate: law.calcification_rate,
        target_fluid_fraction: law.target_fluid_fraction,
        target_nuclear_solid: law.target_nuclear_solid,
        target_cytoplasmic_solid: law.solid_ratio * law.target_nuclear_solid,
        velocity: tissue.velocity(rank),
        crawl: tissue.crawl(rank),
        sensed: tissue.sensed_direction(rank),
        pressure: tissue.pressure(rank),
        damage: tissue.damage(rank),
        delivered: history.delivered,
        attacked: history.attacked,
        target: target(simulation, rank),
        neighbors: Vec::new(),
        springs: Vec::new(),
    }
}

/// Finds whom springs tie to whom.
fn tie(simulation: &Simulation, cells: &mut [Inside]) {
    let mut tie = |a: u32, b: u32| {
        cells[a as usize].springs.push(b);
        cells[b as usize].springs.push(a);
    };
    let tissue = simulation.tissue();
    for &(a, b) in tissue.attachments() {
        if let (Some(a), Some(b)) = (tissue.rank(a), tissue.rank(b)) {
            tie(a as u32, b as u32);
        }
    }
    // In PhysiCell an attack makes an attachment, which may break before it is over.
    if simulation.plan().scenario.semantics == Semantics::Milieu {
        for rank in 0..simulation.cells() {
            if let Some(target) = target(simulation, rank) {
                tie(rank as u32, target);
            }
        }
    }
    for cell in cells {
        cell.springs.sort_unstable();
        cell.springs.dedup();
    }
}

/// The rank of the cell that a cell attacks.
fn target(simulation: &Simulation, rank: usize) -> Option<u32> {
    let tissue = simulation.tissue();
    match tissue.target(rank) {
        NOBODY => None,
        id => tissue.rank(id).map(|rank| rank as u32),
    }
}

/// Finds who is within reach of whom, from where everybody is now. (What mechanics found is where
/// everybody was a step ago, and is kept only for cells that somebody asks about.)
fn meet(simulation: &Simulation, cells: &mut [Inside]) {
    let tissue = simulation.tissue();
    let ranks = 0..simulation.cells();
    let reach: Vec<f64> = ranks
        .clone()
        .map(|rank| tissue.channel(Channel::RelativeReach, rank) * tissue.radius(rank))
        .collect();
    let farthest = reach.iter().copied().fold(0.0, f64::max);
    let points = ranks
        .clone()
        .map(|rank| GeomWithData::new(tissue.position(rank), rank as u32));
    let tree = RTree::bulk_load(points.collect());
    // Who has left the domain is felt, and feels nobody.
    for rank in ranks.filter(|rank| !tissue.is_frozen(*rank)) {
        let cell = &mut cells[rank];
        let center = tissue.position(rank);
        let around = (reach[rank] + farthest) * (reach[rank] + farthest);
        for other in tree.locate_within_distance(center, around) {
            let squared: f64 = (0..3)
                .map(|axis| center[axis] - other.geom()[axis])
                .map(|along| along * along)
                .sum();
            let touching = reach[rank] + reach[other.data as usize];
            if other.data as usize != rank && squared < touching * touching {
                cell.neighbors.push(other.data);
            }
        }
        cell.neighbors.sort_unstable();
    }
}

/// Every behavior of every cell, and what cells hold of substrates if that is kept account of.
fn numbers(simulation: &Simulation) -> Numbers {
    let plan = simulation.plan();
    let ranks = 0..simulation.cells();
    let mut numbers = Numbers::default();
    let entries = plan.table.vocabulary.behaviors.entries();
    for (number, entry) in entries.iter().enumerate() {
        let column = ranks.clone().map(|rank| simulation.behavior(number, rank));
        let synonyms = entry.synonyms.iter().map(String::as_str);
        let names = std::iter::once(entry.name.as_str()).chain(synonyms);
        numbers.add(names, column.collect());
    }
    let nuclei = ranks.clone().map(|rank| {
        let volume: &Volume = simulation.component(rank);
        f64::from(volume.nuclei)
    });
    numbers.add(["number of nuclei"], nuclei.collect());
    if plan.scenario.track_internalized_substrates {
        for (number, substrate) in plan.scenario.substrates.iter().enumerate() {
            let name = format!("internalized {}", substrate.name);
            let column = ranks
                .clone()
                .map(|rank| simulation.tissue().internalized(number, rank));
            numbers.add([name.as_str()], column.collect());
        }
    }
    numbers
}

/// Ranks in the order in which the cells came to be.
fn order(simulation: &Simulation) -> Vec<u32> {
    let tissue = simulation.tissue();
    let mut first: HashMap<u32, usize> = HashMap::new();
    // Later the founders have been seen, and some are gone.
    if simulation.tick() == 0 {
        for placement in 0..simulation.plan().scenario.cells.len() {
            let ids = (0..).map(|row| founder_id(placement, row));
            for rank in ids.map_while(|id| tissue.rank(id)) {
                let place = first.len();
                first.insert(rank as u32, place);
            }
        }
    }
    let mut order: Vec<u32> = (0..simulation.cells() as u32).collect();
    order.sort_by_key(|rank| {
        let past: &Past = simulation.component(*rank as usize);
        (past.lineage.born, first.get(rank).copied())
    });
    order
}
