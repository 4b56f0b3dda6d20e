//! Every random stream, named and numbered in one place.
//!
//! A draw is a function of (seed, purpose, who, tick, draw): see `kernels::random`. Numbers here are
//! frozen, because a published seed must mean the same run tomorrow; a new purpose takes a new number.

use kernels::random::Draws;

/// What a draw is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// Where the first cells stand; who = number of the placement.
    Placement = 1,
    /// How many cells arrive; who = the stream and the mechanics step, hashed.
    ArrivalCount = 2,
    /// Where an arrival appears; who = the cell.
    ArrivalPlace = 3,
    /// Renewal and direction of a walk; who = the cell.
    Motility = 4,
    /// Death, division, transformation as competing risks; who = the cell.
    Fate = 5,
    /// Axis of a division; who = the mother.
    DivisionAxis = 6,
    /// Meals; who = the eater.
    Meal = 7,
    /// Starts of attacks; who = the attacker.
    AttackStart = 8,
    /// Ends of attacks; who = the attacker.
    AttackEnd = 9,
    /// Hits and detachment; who = the ordered pair. Draw = number of the rule.
    Dyad = 10,
    /// Noise lanes of cell models; who = the cell.
    CellNoise = 11,
    /// Noise lanes of dyad models; who = the ordered pair.
    DyadNoise = 12,
    /// Transformations drawn by themselves; who = the cell and the type to become.
    Transformation = 13,
    /// Type of a daughter; who = the daughter.
    AsymmetricDivision = 14,
    /// Numbers that differ from founder to founder; who = the cell and the number's place.
    InitialValue = 15,
    /// Fusions; who = the cell that absorbs.
    Fusion = 16,
    /// Attachments that form; who = the pair.
    Attachment = 17,
    /// Attachments that break; who = the pair.
    Detachment = 18,
    /// What daughters differ by in latent vectors; who = the child and the component. Draw = number
    /// of the space.
    LatentInheritance = 19,
    /// Noise lanes of encoders; who = the cell that enters.
    EntryNoise = 20,
    /// Noise lanes of models of division; who = the mother.
    DivisionNoise = 21,
    /// Which member of an ensemble acts in a run; who = the number of the scenario's entry.
    Member = 22,
    /// Where a cell of an infusion appears; who = the cell.
    InfusionPlace = 24,
    /// Whether an edit takes; who = the cell and the edit's name.
    EditPenetrance = 25,
    /// How types are shuffled for neighborhood enrichment; who = the permutation and the frame, as a
    /// pair. Nothing in the tissue depends on it.
    Permutation = 26,
    /// Which training rows without an event are kept; who = the cell or the ordered pair.
    TrainingRow = 27,
    /// Which part of a data set a run goes to; who = number of the run or variant.
    TrainingSplit = 28,
    /// Runs drawn anew for an interval of a score; who = number of the resampling.
    Resampling = 29,
    /// Rows put in another order, to see what a model makes of marginals alone; who = the row.
    Shuffle = 30,
    /// Closed runs drawn anew for the intervals of the matrix; who = number of the resampling.
    MatrixResampling = 31,
    /// Which extremes of its inputs a rule is asked about together; who = number of the mixture.
    Adversary = 32,
    /// Which runs are the first half, to see what another half would say; who = number of the
    /// halving.
    Halving = 33,
    /// Compartments drawn anew, to see how far interactions of pairs are known; who = number of the
    /// draw.
    PairDraw = 34,
}

impl Purpose {
    /// The draws of a run for this purpose.
    pub fn draws(self, seed: u64) -> Draws {
        Draws {
            seed,
            purpose: self as u8,
        }
    }
}
