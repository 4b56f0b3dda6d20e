//! Usages in which published simulators differ where the mathematics leaves a choice.
//!
//! The default of each is Milieu's own. The others are those of PhysiCell 1.14.2 (Ghaffarizadeh,
//! Heiland, Friedman, Mumenthaler, Macklin 2018, doi:10.1371/journal.pcbi.1005991), so that a
//! project written for it gives the tissue it gave there.

/// Usages in which published simulators differ; the default is Milieu's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conventions {
    /// Of the fields.
    pub fields: Fields,
}

/// Usages of fields; the default is Milieu's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fields {
    /// When a fixed boundary holds its density.
    pub held: Held,
    /// Which edge of a voxel diffusion counts as its length.
    pub spacing: Spacing,
    /// How the cells of a voxel share it.
    pub exchange: Sharing,
}

/// When a fixed boundary holds its density.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Held {
    /// Through the solve and the exchange with cells: the boundary supplies what a fixed density
    /// must, whatever the time step.
    #[default]
    Through,
    /// Every sweep takes all ends as closed, and the densities are written before the first sweep,
    /// between sweeps and after the last. The boundary supplies less, the less the smaller the
    /// time step. Cells in its voxels exchange like others, for the rest of the tick.
    BetweenSweeps,
}

/// Which edge of a voxel diffusion counts as its length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Spacing {
    /// Each axis its own.
    #[default]
    OwnAxis,
    /// The one along x for every axis. Gradients keep each axis' own.
    OfX,
}

/// How the cells of a voxel share it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sharing {
    /// All at once: secretion and uptake are implicit in their sums. A density that export would
    /// make negative is cut at zero and counted.
    #[default]
    Together,
    /// One after another in ascending row, each seeing what the one before it left. Nothing is
    /// cut: where cells export more from a voxel than it has, its density is negative.
    InTurn,
}
