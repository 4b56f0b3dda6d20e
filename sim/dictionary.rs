//! The one table of signals and behaviors: name, synonyms, unit, how read, how written.
//!
//! Families are generated from the scenario's substrates, cell types and custom numbers. A new
//! signal is a variant, a row in `dictionary/signals.rs` and an arm in `sense.rs`; a new behavior is
//! a row in `dictionary/behaviors.rs` with its base value.

mod behaviors;
mod signals;

use kernels::channels::Channel;
use rules::{
    Dictionary, Entry, Unit, Vocabulary,
    dictionary::{ANY, NOT_NEGATIVE, normal},
};

use crate::{output::Vitality, plan::latents::Latents, scenario::Scenario, semantics::Semantics};

/// Where a signal comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// Density of a substrate in the cell's voxel.
    Density(usize),
    /// 1 for cells at a basement membrane, of which there is none yet.
    BasementMembrane,
    /// What the cell holds of a substrate, per volume.
    Internalized(usize),
    /// Length of its gradient.
    GradientNorm(usize),
    /// One component of its gradient.
    Gradient(usize, usize),
    /// Mechanical pressure.
    Pressure,
    /// Number of neighbors in one of the watched sets.
    Contact(usize),
    /// Accumulated time with a neighbor in one of the watched sets.
    ContactTime(usize),
    /// Damage.
    Damage,
    /// Damage delivered to others.
    DamageDelivered,
    /// 1 while an attack lasts.
    Attacking,
    /// Time spent under attack.
    AttackedTime,
    /// 1 for dead cells.
    Dead,
    /// 1 for cells of one vitality.
    Is(Vitality),
    /// Simulated time.
    Time,
    /// Concentration of a drug.
    Drug(usize),
    /// Time since the last dose of an intervention began.
    TimeSince(usize),
    /// Number of doses of an intervention that have begun.
    Doses(usize),
    /// Time in the present phase.
    TimeInPhase,
    /// Time since birth.
    Age,
    /// Total volume.
    Volume,
    /// A custom number, by its place in each type's list; `None` where the type has none.
    Custom(Vec<Option<usize>>),
    /// A component of a latent vector, by its place in each type's vectors; `None` where the type
    /// has none.
    Latent(Vec<Option<usize>>),
    /// What a model records, by its place in each type's recorded numbers.
    Recorded(Vec<Option<usize>>),
}

/// Where a behavior goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Behavior {
    /// A number the kernels use.
    Kernel(Channel),
    /// Rate of leaving a phase of the cycle.
    PhaseExit(usize),
    /// Rate of death.
    Death(Vitality),
    /// Rate of becoming another type.
    Transformation(usize),
    /// Probability that a daughter is of a type.
    AsymmetricDivision(usize),
    /// A number that is kept for who reads it; nothing follows from it.
    Idle(Idle),
    /// A custom number, by its place in each type's list.
    Custom(Vec<Option<usize>>),
    /// A component of a latent vector, by its place in each type's vectors.
    Latent(Vec<Option<usize>>),
}

impl Behavior {
    /// Whether its value is kept with the cell in the ECS, among those that rules write.
    pub fn is_kept(&self) -> bool {
        !matches!(
            self,
            Behavior::Kernel(_) | Behavior::Custom(_) | Behavior::Latent(_)
        )
    }

    /// Whether cells of a type have such a number at all.
    pub fn is_of(&self, kind: usize) -> bool {
        match self {
            Behavior::Custom(places) | Behavior::Latent(places) => places[kind].is_some(),
            _ => true,
        }
    }
}

/// Behaviors that PhysiCell names, and that act only by custom code there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// Adhesion to a basement membrane.
    BasementMembraneAdhesion,
    /// Repulsion by a basement membrane.
    BasementMembraneRepulsion,
    /// Rate of eating what died neither by apoptosis nor by necrosis.
    PhagocytoseOtherDead,
}

/// A set of neighbors that some signal counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// Restricts to one type.
    pub cell_type: Option<usize>,
    /// Restricts to these vitalities.
    pub vitalities: Vec<Vitality>,
}

/// Signals and behaviors of one pair, by number in the vocabulary.
pub mod pair {
    /// Signals, in their order.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Signal {
        /// min of the present contact.
        ContactAge,
        /// µm between the surfaces; negative in overlap.
        Gap,
        /// Hits given by a to b so far.
        Hits,
        /// Separate contacts begun.
        Contacts,
    }

    /// All of them: variant, name, synonyms, unit.
    pub const SIGNALS: [(Signal, &str, &[&str], &str); 4] = [
        (Signal::ContactAge, "contact age", &["contact time"], "min"),
        (Signal::Gap, "gap", &[], "µm"),
        (Signal::Hits, "hits", &["prior hits"], "1"),
        (Signal::Contacts, "contacts", &["prior contacts"], "1"),
    ];

    /// Number of `hit` among the pair behaviors.
    pub const HIT: usize = 0;
    /// Number of `detach` among the pair behaviors.
    pub const DETACH: usize = 1;
}

/// Everything a scenario's rules may speak of, and where each thing lives.
#[derive(Debug, Clone)]
pub struct Table {
    /// Names and units, for binding.
    pub vocabulary: Vocabulary,
    /// By number in `vocabulary.signals`.
    pub signals: Vec<Signal>,
    /// By number in `vocabulary.behaviors`.
    pub behaviors: Vec<Behavior>,
    /// Sets of neighbors that `Signal::Contact` and `Signal::ContactTime` count.
    pub watches: Vec<Watch>,
    /// Names with two meanings, of which the first is kept; only under PhysiCell's semantics.
    pub ambiguous: Vec<String>,
}

/// Collects entries while the table is built.
struct Builder<'a> {
    scenario: &'a Scenario,
    latents: &'a Latents,
    table: Table,
    /// The first name with two meanings: of what, and the name.
    clash: Option<(&'static str, String)>,
}

impl Table {
    /// The table of a scenario, with what its models and itself say of latent vectors.
    ///
    /// # Errors
    /// Names of the scenario that, put into the table's phrases, mean two things.
    pub fn new(scenario: &Scenario, latents: &Latents) -> Result<Table, String> {
        let vocabulary = Vocabulary {
            types: scenario
                .cell_types
                .iter()
                .map(|cell_type| cell_type.name.clone())
                .collect(),
            signals: Dictionary::new("signal"),
            pair_signals: Dictionary::new("pair signal"),
            behaviors: Dictionary::new("behavior"),
            pair_behaviors: Dictionary::new("pair behavior"),
            base: vec![Vec::new(); scenario.cell_types.len()],
            phenotype_step: scenario.clocks.phenotype,
            mechanics_step: scenario.clocks.mechanics,
        };
        let table = Table {
            vocabulary,
            signals: Vec::new(),
            behaviors: Vec::new(),
            watches: Vec::new(),
            ambiguous: Vec::new(),
        };
        let mut builder = Builder {
            scenario,
            latents,
            table,
            clash: None,
        };
        builder.signals();
        builder.behaviors();
        builder.pairs();
        match builder.clash {
            None => Ok(builder.table),
            Some((what, name)) => Err(format!(
                "the scenario's names give two {what}s called `{name}`\n  \
                 rename the cell type, substrate, custom number, latent space or readout that is part of it"
            )),
        }
    }

    /// The value of a behavior as the scenario states it.
    pub fn base(&self, cell_type: usize, behavior: usize) -> f64 {
        self.vocabulary.base[cell_type][behavior]
    }

    /// The number of the behavior that goes to `behavior`.
    pub fn behavior(&self, behavior: &Behavior) -> Option<usize> {
        self.behaviors.iter().position(|other| other == behavior)
    }
}

fn unit(text: &str) -> Unit {
    Unit::parse(text).expect("units in this file are spelled right")
}

impl Builder<'_> {
    /// Whether no other entry has one of these names; if one has, that is noted.
    fn is_free(&mut self, what: &'static str, entry: &Entry) -> bool {
        let known = match what {
            "signal" => &self.table.vocabulary.signals,
            _ => &self.table.vocabulary.behaviors,
        };
        let mut names = std::iter::once(&entry.name).chain(&entry.synonyms);
        let taken = names.find(|name| known.number(name).is_some());
        // PhysiCell's dictionary lets one of the two win, and so does this: the first.
        let clashes = self.scenario.semantics == Semantics::Milieu;
        if let (Some(name), false) = (taken, clashes) {
            self.table.ambiguous.push(name.clone());
        }
        if let (Some(name), None, true) = (taken, &self.clash, clashes) {
            self.clash = Some((what, name.clone()));
        }
        taken.is_none()
    }

    /// PhysiCell's names by a type's number, `contact with cell type 0`, where no type is called so.
    fn numbered(&self, phrases: &[&str], number: usize) -> Vec<String> {
        let own = format!("cell type {number}");
        if self.scenario.cell_type(&own).is_some() {
            return Vec::new();
        }
        phrases
            .iter()
            .map(|phrase| format!("{phrase} {own}"))
            .collect()
    }

    /// Other names of the custom number called `name`.
    fn custom_synonyms(&self, number: usize, name: &str) -> Vec<String> {
        vec![format!("custom: {name}"), format!("custom {number}")]
    }

    /// Custom numbers of all types: name, place in each type's list, unit (the first type's).
    fn customs(&self) -> Vec<(String, Vec<Option<usize>>, Unit)> {
        let types = &self.scenario.cell_types;
        let mut all: Vec<(String, Vec<Option<usize>>, Unit)> = Vec::new();
        for custom in types.iter().flat_map(|cell_type| &cell_type.custom) {
            if all
                .iter()
                .any(|(name, ..)| normal(name) == normal(&custom.name))
            {
                continue;
            }
            let place = |list: &[crate::scenario::Custom]| {
                list.iter()
                    .position(|other| normal(&other.name) == normal(&custom.name))
            };
            let places = types
                .iter()
                .map(|cell_type| place(&cell_type.custom))
                .collect();
            all.push((custom.name.clone(), places, custom.unit.clone()));
        }
        all
    }

    fn pairs(&mut self) {
        for (_, name, synonyms, spelled) in pair::SIGNALS {
            let synonyms = synonyms.iter().map(|&word| word.to_owned()).collect();
            let entry = Entry {
                name: name.into(),
                synonyms,
                unit: unit(spelled),
                is_event_rate: false,
                range: ANY,
            };
            self.table.vocabulary.pair_signals.add(entry);
        }
        for name in ["hit", "detach"] {
            let entry = Entry {
                name: name.into(),
                synonyms: Vec::new(),
                unit: unit("1/min"),
                is_event_rate: true,
                range: NOT_NEGATIVE,
            };
            self.table.vocabulary.pair_behaviors.add(entry);
        }
    }
}
