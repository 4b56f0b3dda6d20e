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
    /// How bodies meet, move and act.
    pub bodies: Bodies,
}

impl Conventions {
    /// All of PhysiCell's usages.
    pub const PHYSICELL: Conventions = Conventions {
        fields: Fields::PHYSICELL,
        bodies: Bodies::PHYSICELL,
    };
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

impl Fields {
    /// All of PhysiCell's usages.
    pub const PHYSICELL: Fields = Fields {
        held: Held::BetweenSweeps,
        spacing: Spacing::OfX,
        exchange: Sharing::InTurn,
    };
}

/// When a fixed boundary holds its density.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Held {
    /// Through the solve and the exchange with cells: the boundary supplies what a fixed density
    /// must, whatever the time step.
    #[default]
    Through,
    /// PhysiCell: every sweep takes all ends as closed, and the densities are written before the
    /// first sweep, between sweeps and after the last. The boundary supplies less, the less the
    /// smaller the time step. Cells in its voxels exchange like others, for the rest of the tick.
    BetweenSweeps,
}

/// Which edge of a voxel diffusion counts as its length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Spacing {
    /// Each axis its own.
    #[default]
    OwnAxis,
    /// PhysiCell: the one along x for every axis. Gradients keep each axis' own.
    OfX,
}

/// How the cells of a voxel share it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sharing {
    /// All at once: secretion and uptake are implicit in their sums. A density that export would
    /// make negative is cut at zero and counted.
    #[default]
    Together,
    /// PhysiCell: one after another in ascending row, each seeing what the one before it left.
    /// Nothing is cut: where cells export more from a voxel than it has, its density is negative.
    InTurn,
}

/// How bodies meet, move and act.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bodies {
    /// Which pairs feel each other.
    pub meeting: Meeting,
    /// Which faces of the domain push.
    pub walls: Walls,
    /// What becomes of a center that leaves the domain.
    pub leaving: Leaving,
    /// How a cell makes its first step.
    pub first_step: FirstStep,
    /// What an immovable cell feels.
    pub immovable: Immovable,
    /// How a walk is renewed, and what it remembers.
    pub walks: Walks,
    /// How events between cells are drawn, and what ties an attacker to its target.
    pub events: Events,
    /// When damage is repaired.
    pub repair: Repair,
    /// What of a cell's own numbers outlasts its division and its death.
    pub inheritance: Inheritance,
}

impl Bodies {
    /// All of PhysiCell's usages.
    pub const PHYSICELL: Bodies = Bodies {
        meeting: Meeting::Voxels,
        walls: Walls::NearestFace,
        leaving: Leaving::Freeze,
        first_step: FirstStep::FromRest,
        immovable: Immovable::FeelsNothing,
        walks: Walks::KeptVector,
        events: Events::OneAfterAnother,
        repair: Repair::EachPhenotypeStep,
        inheritance: Inheritance::OwnNumbers,
    };
}

/// Which pairs feel each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Meeting {
    /// All within reach; two at one point part in a drawn direction.
    #[default]
    WithinReach,
    /// PhysiCell: those in the same mechanics voxel of 30 µm or in two that touch; two at one point
    /// do not push each other.
    Voxels,
}

/// Which faces of the domain push.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Walls {
    /// Every face that is near.
    #[default]
    EveryFace,
    /// PhysiCell: the nearest face only, and a diagonal through the origin counts as one.
    NearestFace,
}

/// What becomes of a center that leaves the domain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Leaving {
    /// It is put back on the face it crossed, and counted.
    #[default]
    PutBack,
    /// PhysiCell: the cell stays where it is for good, and nothing happens in it any more; others
    /// still feel it.
    Freeze,
}

/// How a cell makes its first step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FirstStep {
    /// With its velocity alone.
    #[default]
    Euler,
    /// PhysiCell: as if it had rested before, 3/2 v.
    FromRest,
}

/// What an immovable cell feels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Immovable {
    /// Pressure and neighbors, as anybody.
    #[default]
    Feels,
    /// PhysiCell: neither, though others feel it.
    FeelsNothing,
}

/// How a walk is renewed, and what it remembers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Walks {
    /// With probability 1 − exp(−dt/τ), at once for a new cell; the speed is the present one.
    #[default]
    PresentSpeed,
    /// PhysiCell: with probability dt/τ, from rest; speed and bias are those of the
    /// last renewal, and gradients far below 10⁻¹⁶ per µm are not felt.
    KeptVector,
}

/// How events between cells are drawn, and what ties an attacker to its target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Events {
    /// As risks that compete for one clock; a bond lasts as long as the attack.
    #[default]
    CompetingRisks,
    /// PhysiCell: cell after cell and neighbor after neighbor, each with probability rate · dt; an
    /// attack begins with an attachment, and only its end looks at the target.
    OneAfterAnother,
}

/// When damage is repaired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Repair {
    /// In every mechanics step, exactly.
    #[default]
    EachMechanicsStep,
    /// PhysiCell: in every phenotype step, by an implicit Euler step.
    EachPhenotypeStep,
}

/// What of a cell's own numbers outlasts its division and its death.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Inheritance {
    /// A daughter attacks nobody and walks anew; the dead follow their group in everything.
    #[default]
    OfGroup,
    /// PhysiCell: a daughter goes on with her mother's attack and walk; the dead keep their own
    /// numbers, but secrete and export nothing and take up a tenth.
    OwnNumbers,
}
