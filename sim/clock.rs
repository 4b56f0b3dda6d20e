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
    /// Ticks by which clocks strike early, 0 or 1: see `Semantics::lead`.
    pub lead: u64,
}

impl Clock {
    /// min since the start, when what happens in this tick happens: never a running sum.
    pub fn time(&self) -> f64 {
        self.tick.saturating_sub(self.lead) as f64 * self.diffusion_step
    }

    /// min.
    pub fn mechanics_step(&self) -> f64 {
        self.mechanics_ticks as f64 * self.diffusion_step
    }

    /// min since the start at the mechanics step before the one that is due, if there was one.
    pub fn before(&self) -> Option<f64> {
        let tick = self.tick.checked_sub(self.mechanics_ticks);
        let tick = tick.filter(|tick| *tick > 0)?;
        Some(Clock { tick, ..*self }.time())
    }

    /// min.
    pub fn phenotype_step(&self) -> f64 {
        self.phenotype_ticks as f64 * self.diffusion_step
    }

    /// Whether a clock of so many ticks strikes: first after one whole step, less the lead.
    pub fn strikes(&self, period: u64) -> bool {
        self.tick > 0 && (self.tick - self.lead).is_multiple_of(period)
    }

    /// Whether mechanics is due.
    pub fn is_mechanics(&self) -> bool {
        self.strikes(self.mechanics_ticks)
    }

    /// Ticks until phenotype is due.
    pub fn until_phenotype(&self) -> u64 {
        let past = self.tick.saturating_sub(self.lead) % self.phenotype_ticks;
        (self.phenotype_ticks - past) % self.phenotype_ticks
    }

    /// Whether phenotype is due.
    pub fn is_phenotype(&self) -> bool {
        self.strikes(self.phenotype_ticks)
    }
}
