//! What a cell is: the components of its entity.
//!
//! Id, type, position, radius, motion, contacts, damage and attacks live in `kernels::tissue`, sorted
//! in space, and numbers that are read and written as columns in `tables`, in the same order; here
//! is everything else that is nobody's business but the cell's own. Components are few, since the
//! ECS adds 8 bytes to each.

use bevy_ecs::component::Component;
use kernels::portable::cbrt;
use serde::{Deserialize, Serialize};

use crate::scenario::{CellType, Death};

/// Whether a cell lives, and if not, how it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Vitality {
    /// Alive.
    Live = 0,
    /// Dead by apoptosis, not yet gone.
    Apoptotic = 1,
    /// Dead by necrosis, not yet gone.
    Necrotic = 2,
}

impl Vitality {
    /// All of them, by number.
    pub const ALL: [Vitality; 3] = [Vitality::Live, Vitality::Apoptotic, Vitality::Necrotic];

    /// `live`, `apoptotic` or `necrotic`.
    pub fn name(self) -> &'static str {
        match self {
            Vitality::Live => "live",
            Vitality::Apoptotic => "apoptotic",
            Vitality::Necrotic => "necrotic",
        }
    }
}

/// Where a cell stands in its cycle, or in its death.
#[derive(Component, Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Phase {
    /// Alive or how dead.
    pub vitality: Vitality,
    /// Number of the phase in the type's cycle; for a necrotic cell 1 once it has lysed.
    pub number: u8,
    /// min since the phase began.
    pub elapsed: f64,
}

impl Phase {
    /// The beginning of life, or of life as another type.
    pub const FIRST: Phase = Phase {
        vitality: Vitality::Live,
        number: 0,
        elapsed: 0.0,
    };
}

/// Where a cell comes from, and what came of its contacts.
#[derive(Component, Debug, Clone, Serialize, Deserialize)]
pub struct Past {
    /// Birth and descent.
    pub lineage: Lineage,
    /// Most cells have none, and take no room for it.
    history: Option<Box<History>>,
}

impl Past {
    /// Of a cell with this lineage and history.
    pub fn new(lineage: Lineage, history: History) -> Past {
        let has_one = history != History::default();
        Past {
            lineage,
            history: has_one.then(|| Box::new(history)),
        }
    }

    /// What the cell remembers of its contacts.
    pub fn history(&self) -> History {
        self.history.as_deref().copied().unwrap_or_default()
    }

    /// The same, to write.
    pub fn history_mut(&mut self) -> &mut History {
        self.history.get_or_insert_default()
    }

    /// Forgets the last hit.
    pub fn forget_hit(&mut self) {
        if let Some(history) = &mut self.history {
            history.last_hit = None;
        }
    }
}

/// Birth and descent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Lineage {
    /// The mother; 0 for founders and arrivals.
    pub mother: u64,
    /// Tick of birth; a run has no more ticks than that (`plan::limits`).
    pub born: u32,
    /// Divisions so far: gives each daughter her id.
    pub divisions: u32,
}

/// A hit or blow that a cell took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// Who gave it.
    pub by: u64,
    /// The giver's type.
    pub kind: u16,
    /// The damage it did.
    pub damage: f64,
}

/// What a cell remembers of its contacts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The last hit or blow; forgotten when its damage has recovered.
    pub last_hit: Option<Hit>,
    /// min under attack.
    pub attacked: f64,
    /// Damage delivered to others.
    pub delivered: f64,
}

/// Volumes of a cell, µm³.
#[derive(Component, Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Volume {
    /// Whole cell.
    pub total: f64,
    /// Fluid in all of it.
    pub fluid: f64,
    /// Nucleus, with its fluid.
    pub nuclear: f64,
    /// Solid of the nucleus.
    pub nuclear_solid: f64,
    /// Solid of the cytoplasm.
    pub cytoplasmic_solid: f64,
    /// Share that is calcified, 0–1.
    pub calcified: f64,
    /// What `nuclear_solid` tends to while the cell lives.
    pub target_nuclear_solid: f64,
    /// A necrotic cell bursts when `total` reaches this.
    pub rupture: f64,
    /// Nuclei in it: more than one after a fusion.
    pub nuclei: u32,
    /// The type whose rates of change a live cell has: its own, or one that it was of.
    pub rates_of: u16,
}

/// Rates (1/min) and targets of one volume step.
pub(crate) struct VolumeLaw {
    pub(crate) fluid_rate: f64,
    pub(crate) nuclear_rate: f64,
    pub(crate) cytoplasmic_rate: f64,
    pub(crate) calcification_rate: f64,
    pub(crate) target_fluid_fraction: f64,
    pub(crate) target_nuclear_solid: f64,
    /// Solid of the cytoplasm per solid of the nucleus.
    pub(crate) solid_ratio: f64,
}

impl Volume {
    /// A new cell of a type, which has this number, at its type's volume.
    pub fn new(cell_type: &CellType, kind: u16) -> Volume {
        let volume = &cell_type.volume;
        let solid = 1.0 - volume.fluid_fraction;
        Volume {
            total: volume.total,
            fluid: volume.fluid_fraction * volume.total,
            nuclear: volume.nuclear,
            nuclear_solid: solid * volume.nuclear,
            cytoplasmic_solid: solid * (volume.total - volume.nuclear),
            calcified: volume.calcified_fraction,
            target_nuclear_solid: solid * volume.nuclear,
            rupture: f64::INFINITY,
            nuclei: 1,
            rates_of: kind,
        }
    }

    /// All volumes and targets times `factor`: a cell of another size that keeps it, or a daughter.
    pub fn scale(&mut self, factor: f64) {
        for volume in [
            &mut self.total,
            &mut self.fluid,
            &mut self.nuclear,
            &mut self.nuclear_solid,
            &mut self.cytoplasmic_solid,
            &mut self.target_nuclear_solid,
            &mut self.rupture,
        ] {
            *volume *= factor;
        }
    }

    /// Radius of the sphere of this volume, µm.
    pub fn radius(&self) -> f64 {
        radius(self.total)
    }

    /// One explicit step of `dt` min (Ghaffarizadeh et al. 2018, PLoS Comput Biol 14:e1005991, S1 text:
    /// fluid and solids each relax to their target).
    pub fn advance(&mut self, types: &[CellType], kind: u16, phase: &Phase, dt: f64) {
        let law = VolumeLaw::of(types, kind, phase, self);
        let nuclear_share = if self.total > 0.0 {
            self.nuclear / self.total
        } else {
            0.0
        };
        self.fluid += dt * law.fluid_rate * (law.target_fluid_fraction * self.total - self.fluid);
        self.fluid = self.fluid.max(0.0);
        self.nuclear_solid +=
            dt * law.nuclear_rate * (law.target_nuclear_solid - self.nuclear_solid);
        self.nuclear_solid = self.nuclear_solid.max(0.0);
        let target = law.solid_ratio * law.target_nuclear_solid;
        self.cytoplasmic_solid += dt * law.cytoplasmic_rate * (target - self.cytoplasmic_solid);
        self.cytoplasmic_solid = self.cytoplasmic_solid.max(0.0);
        self.calcified += dt * law.calcification_rate * (1.0 - self.calcified);
        self.nuclear = self.nuclear_solid + nuclear_share * self.fluid;
        self.total = self.fluid + self.nuclear_solid + self.cytoplasmic_solid;
    }

    /// Takes in all of a meal: fluid and solids go to the cytoplasm, targets stay, so the eater shrinks back.
    pub fn ingest(&mut self, meal: &Volume) {
        self.fluid += meal.fluid;
        self.cytoplasmic_solid += meal.nuclear_solid + meal.cytoplasmic_solid;
        self.total += meal.total;
    }

    /// Takes in all of another cell, compartment by compartment, with its nuclei and targets.
    pub fn join(&mut self, other: &Volume) {
        for (own, joined) in [
            (&mut self.total, other.total),
            (&mut self.fluid, other.fluid),
            (&mut self.nuclear, other.nuclear),
            (&mut self.nuclear_solid, other.nuclear_solid),
            (&mut self.cytoplasmic_solid, other.cytoplasmic_solid),
            (&mut self.target_nuclear_solid, other.target_nuclear_solid),
        ] {
            *own += joined;
        }
        self.nuclei += other.nuclei;
    }
}

/// Radius of the sphere of a volume (µm³), µm.
pub fn radius(volume: f64) -> f64 {
    cbrt(volume * (3.0 / (4.0 * std::f64::consts::PI)))
}

/// Volume of the sphere of a radius (µm), µm³.
pub fn sphere(radius: f64) -> f64 {
    4.0 / 3.0 * std::f64::consts::PI * radius * radius * radius
}

impl VolumeLaw {
    /// The law for a cell of the type `kind`.
    pub(crate) fn of(types: &[CellType], kind: u16, phase: &Phase, cell: &Volume) -> VolumeLaw {
        let cell_type = &types[usize::from(kind)];
        let (volume, rates) = (&cell_type.volume, &types[usize::from(cell.rates_of)].volume);
        let dying = |death: &Death, fluid_rate: f64, target_fluid_fraction: f64| VolumeLaw {
            fluid_rate,
            nuclear_rate: death.nuclear_change_rate,
            cytoplasmic_rate: death.cytoplasmic_change_rate,
            calcification_rate: death.calcification_rate,
            target_fluid_fraction,
            target_nuclear_solid: 0.0,
            solid_ratio: 0.0,
        };
        match (phase.vitality, phase.number) {
            (Vitality::Live, _) => VolumeLaw {
                fluid_rate: rates.fluid_change_rate,
                nuclear_rate: rates.nuclear_change_rate,
                cytoplasmic_rate: rates.cytoplasmic_change_rate,
                calcification_rate: rates.calcification_rate,
                target_fluid_fraction: volume.fluid_fraction,
                target_nuclear_solid: cell.target_nuclear_solid,
                solid_ratio: (volume.total - volume.nuclear) / volume.nuclear,
            },
            (Vitality::Apoptotic, _) => dying(
                &cell_type.apoptosis,
                cell_type.apoptosis.unlysed_fluid_change_rate,
                0.0,
            ),
            // A necrotic cell takes up fluid until it bursts, then loses it.
            (Vitality::Necrotic, 0) => dying(
                &cell_type.necrosis,
                cell_type.necrosis.unlysed_fluid_change_rate,
                1.0,
            ),
            (Vitality::Necrotic, _) => dying(
                &cell_type.necrosis,
                cell_type.necrosis.lysed_fluid_change_rate,
                0.0,
            ),
        }
    }
}
