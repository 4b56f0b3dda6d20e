//! Whose mathematics the steps follow: what a rate, a phase or a division means in numbers.
//!
//! [`Semantics::Milieu`] is the default. [`Semantics::PhysiCell`] does as PhysiCell 1.14.2 does,
//! so that its projects give the same tissue; each particular stands in one place, here or in
//! `kernels::conventions`, with a line that says what it copies. How rules saturate is in
//! `rules::written`; what only concerns the reading of a project is settled in `import`.

use std::f64::consts::{PI, TAU};

use kernels::{
    conventions::Conventions,
    portable::{cos, sin},
    random::Draws,
};
use rules::Usage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cell::History,
    scenario::{Custom, Scenario},
};

/// Whose mathematics the steps follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Semantics {
    /// Events happen with probability 1 − exp(−Σλ·dt) and compete; fixed boundaries are held
    /// through the solve; a walk's speed acts at once; divisions keep the center of mass.
    #[default]
    #[serde(rename = "milieu")]
    Milieu,
    /// As PhysiCell 1.14.2.
    #[serde(rename = "physicell-1.14")]
    PhysiCell,
}

impl Semantics {
    /// The usages of the kernels, where each particular is described.
    pub fn conventions(self) -> Conventions {
        match self {
            Semantics::Milieu => Conventions::default(),
            Semantics::PhysiCell => Conventions::PHYSICELL,
        }
    }

    /// What rows of tables of rules mean.
    pub fn rules(self) -> Usage {
        match self {
            Semantics::Milieu => Usage::Milieu,
            Semantics::PhysiCell => Usage::PhysiCell,
        }
    }

    /// Ticks by which clocks strike early. In PhysiCell a clock strikes at the beginning of its
    /// step, and first at t = 0: phenotype and mechanics are there before any time has passed.
    pub fn lead(self) -> u64 {
        match self {
            Semantics::Milieu => 0,
            Semantics::PhysiCell => 1,
        }
    }

    /// How far along the division axis mother and daughter move from where the mother was, µm. In
    /// Milieu the center of mass stays; in PhysiCell the daughter moves a radius, and the mother
    /// half of one, so that it does not. Their distance, 1.5 radii, is the same.
    pub fn offsets(self, mother_radius: f64) -> [f64; 2] {
        match self {
            Semantics::Milieu => [-0.75 * mother_radius, 0.75 * mother_radius],
            Semantics::PhysiCell => [-0.5 * mother_radius, mother_radius],
        }
    }

    /// The axis of the division of a cell at a tick. In PhysiCell it is a direction in space even
    /// in the plane, where its height is dropped and what is left is not normalized.
    pub fn division_axis(self, scenario: &Scenario, draws: Draws, id: u64, tick: u64) -> [f64; 3] {
        let plane = scenario.domain.dimensions == 2;
        let axis = match self {
            Semantics::Milieu if plane => draws.direction_2d(id, tick, 0),
            _ if scenario.polar_division_axes => {
                // Uniform in both angles, which is not uniform on the sphere.
                let [around, down] = draws.uniforms(id, tick, 0);
                let (around, down) = (TAU * around, PI * down);
                [cos(around) * sin(down), sin(around) * sin(down), cos(down)]
            }
            _ => draws.direction_3d(id, tick, 0),
        };
        match plane {
            true => [axis[0], axis[1], 0.0],
            false => axis,
        }
    }

    /// min that a cell has been dead for at the end of the phenotype step it dies in. In PhysiCell
    /// the death model advances in the same step.
    pub fn elapsed_at_death(self, phenotype_step: f64) -> f64 {
        match self {
            Semantics::Milieu => 0.0,
            Semantics::PhysiCell => phenotype_step,
        }
    }

    /// Whether a custom number outlives a transformation into a type that knows it too. In
    /// PhysiCell only conserved ones do.
    pub fn keeps_custom(self, custom: &Custom) -> bool {
        match self {
            Semantics::Milieu => true,
            Semantics::PhysiCell => custom.conserved,
        }
    }

    /// Whether conserved custom numbers of two cells that fuse are added. PhysiCell adds those of a
    /// cell that is eaten, but keeps the absorbing cell's own in a fusion.
    pub fn fusion_adds_custom(self) -> bool {
        match self {
            Semantics::Milieu => true,
            Semantics::PhysiCell => false,
        }
    }

    /// Whose rates of change of volume a cell has that has become another type. In PhysiCell it
    /// keeps those it had; only its targets are new.
    pub fn rates_of_the_transformed(self, before: u16, new: u16) -> u16 {
        match self {
            Semantics::Milieu => new,
            Semantics::PhysiCell => before,
        }
    }

    /// What a cell remembers that has become another type. PhysiCell forgets what it delivered,
    /// but not for how long it was attacked.
    pub fn history_of_the_transformed(self, history: History) -> History {
        match self {
            Semantics::Milieu => History::default(),
            Semantics::PhysiCell => History {
                attacked: history.attacked,
                ..History::default()
            },
        }
    }

    /// What a daughter remembers of her mother's contacts. In PhysiCell also the damage that her
    /// mother delivered.
    pub fn history_of_a_daughter(self, mother: History) -> History {
        History {
            attacked: 0.0,
            delivered: match self {
                Semantics::Milieu => 0.0,
                Semantics::PhysiCell => mother.delivered,
            },
            ..mother
        }
    }
}

/// Whether a phase of fixed length is over, to the nearest step.
pub fn fixed_phase_is_over(elapsed: f64, exit_rate: f64, dt: f64) -> bool {
    elapsed > 1.0 / exit_rate - 0.5 * dt
}

/// When less damage is left than this share of the last hit's, it counts as recovered: the last
/// hitter is forgotten and gets no credit for a later death.
pub const RECOVERED_SHARE: f64 = 0.05;
