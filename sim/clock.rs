//! Time, in ticks of the diffusion step.

use bevy_ecs::resource::Resource;

/// Time, in ticks.
#[derive(Resource, Debug, Clone, Copy)]
pub struct Clock {
    /// Ticks since the start.
    pub tick: u64,
    /// min in one tick.
    pub diffusion_step: f64,
    /// Ticks in one mechanics step.
    pub mechanics_ticks: u64,
    /// Ticks in one phenotype step.
    pub phenotype_ticks: u64,
}

impl Clock {
    /// min since the start: never a running sum.
    pub fn time(&self) -> f64 {
        self.tick as f64 * self.diffusion_step
    }

    /// min.
    pub fn mechanics_step(&self) -> f64 {
        self.mechanics_ticks as f64 * self.diffusion_step
    }

    /// min.
    pub fn phenotype_step(&self) -> f64 {
        self.phenotype_ticks as f64 * self.diffusion_step
    }

    /// Whether mechanics is due. Like all clocks it first strikes after one whole step.
    pub fn is_mechanics(&self) -> bool {
        self.tick > 0 && self.tick.is_multiple_of(self.mechanics_ticks)
    }

    /// Whether phenotype is due.
    pub fn is_phenotype(&self) -> bool {
        self.tick > 0 && self.tick.is_multiple_of(self.phenotype_ticks)
    }
}
