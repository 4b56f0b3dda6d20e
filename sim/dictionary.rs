//! The one table of signals and behaviors: name, synonyms, unit, how read, how written.
//!
//! Families are generated from the scenario's substrates, cell types and custom numbers. A new
//! signal is a variant, a row in [`Table::new`] and an arm in `sense.rs`; a new behavior is a row here,
//! with its base value, and where it is more than a number of the kernels, an arm in `decide.rs`.

use kernels::channels::Channel;
use rules::{
    Dictionary, Entry, Unit, Vocabulary,
    dictionary::{ANY, NOT_NEGATIVE, normal},
};

use crate::{output::Vitality, scenario::Scenario};

/// Where a signal comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// Density of a substrate in the cell's voxel.
    Density(usize),
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
    /// Time in the present phase.
    TimeInPhase,
    /// Time since birth.
    Age,
    /// Total volume.
    Volume,
    /// A custom number, by its place in each type's list; `None` where the type has none.
    Custom(Vec<Option<usize>>),
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
    /// A custom number, by its place in each type's list.
    Custom(Vec<Option<usize>>),
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
}

/// Collects entries while the table is built.
struct Builder<'a> {
    scenario: &'a Scenario,
    table: Table,
    /// The first name with two meanings: of what, and the name.
    clash: Option<(&'static str, String)>,
}

impl Table {
    /// The table of a scenario.
    ///
    /// # Errors
    /// Names of the scenario that, put into the table's phrases, mean two things.
    pub fn new(scenario: &Scenario) -> Result<Table, String> {
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
        };
        let mut builder = Builder {
            scenario,
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
                 rename the cell type, substrate or custom number that is part of it"
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
    fn signal(&mut self, signal: Signal, name: String, synonyms: &[String], unit: Unit) {
        let entry = Entry {
            name,
            synonyms: synonyms.to_vec(),
            unit,
            is_event_rate: false,
            range: ANY,
        };
        if self.is_free("signal", &entry) {
            self.table.vocabulary.signals.add(entry);
            self.table.signals.push(signal);
        }
    }

    /// Whether no other entry has one of these names; if one has, that is noted.
    fn is_free(&mut self, what: &'static str, entry: &Entry) -> bool {
        let known = match what {
            "signal" => &self.table.vocabulary.signals,
            _ => &self.table.vocabulary.behaviors,
        };
        let mut names = std::iter::once(&entry.name).chain(&entry.synonyms);
        let taken = names.find(|name| known.find(name).is_ok());
        if let (Some(name), None) = (taken, &self.clash) {
            self.clash = Some((what, name.clone()));
        }
        taken.is_none()
    }

    fn watch(&mut self, cell_type: Option<usize>, vitalities: &[Vitality]) -> usize {
        let watch = Watch {
            cell_type,
            vitalities: vitalities.to_vec(),
        };
        self.table.watches.push(watch);
        self.table.watches.len() - 1
    }

    fn signals(&mut self) {
        let scenario = self.scenario;
        for (number, substrate) in scenario.substrates.iter().enumerate() {
            let name = &substrate.name;
            let slope = substrate.unit.per(&unit("µm"));
            self.signal(
                Signal::Density(number),
                name.clone(),
                &[],
                substrate.unit.clone(),
            );
            self.signal(
                Signal::GradientNorm(number),
                format!("{name} gradient"),
                &[format!("gradient of {name}"), format!("grad({name})")],
                slope.clone(),
            );
            for (axis, letter) in ["x", "y", "z"].into_iter().enumerate() {
                let name = format!("{name} gradient {letter}");
                self.signal(Signal::Gradient(number, axis), name, &[], slope.clone());
            }
        }
        self.signal(Signal::Pressure, "pressure".into(), &[], Unit::one());
        self.signal(
            Signal::Volume,
            "volume".into(),
            &["total volume".into()],
            unit("µm^3"),
        );
        for (number, cell_type) in scenario.cell_types.iter().enumerate() {
            let name = &cell_type.name;
            let all = self.watch(Some(number), &Vitality::ALL);
            self.signal(
                Signal::Contact(all),
                format!("contact with {name}"),
                &[],
                Unit::one(),
            );
            let live = self.watch(Some(number), &[Vitality::Live]);
            self.signal(
                Signal::Contact(live),
                format!("contact with live {name}"),
                &[],
                Unit::one(),
            );
            let time = format!("contact time with {name}");
            let synonym = format!("time in contact with {name}");
            self.signal(Signal::ContactTime(live), time, &[synonym], unit("min"));
        }
        let kinds: [(&str, &[Vitality]); 4] = [
            ("live", &[Vitality::Live]),
            ("dead", &[Vitality::Apoptotic, Vitality::Necrotic]),
            ("apoptotic", &[Vitality::Apoptotic]),
            ("necrotic", &[Vitality::Necrotic]),
        ];
        for (word, vitalities) in kinds {
            let watch = self.watch(None, vitalities);
            let plural = [format!("contact with {word} cells")];
            self.signal(
                Signal::Contact(watch),
                format!("contact with {word} cell"),
                &plural,
                Unit::one(),
            );
        }
        let damage = ["total damage delivered".to_owned()];
        self.signal(Signal::Damage, "damage".into(), &[], Unit::one());
        self.signal(
            Signal::DamageDelivered,
            "damage delivered".into(),
            &damage,
            Unit::one(),
        );
        self.signal(
            Signal::Attacking,
            "attacking".into(),
            &["is attacking".into()],
            Unit::one(),
        );
        self.signal(
            Signal::AttackedTime,
            "total attack time".into(),
            &[],
            unit("min"),
        );
        self.signal(
            Signal::Dead,
            "dead".into(),
            &["is dead".into()],
            Unit::one(),
        );
        for vitality in [Vitality::Apoptotic, Vitality::Necrotic] {
            let name = vitality.name();
            self.signal(
                Signal::Is(vitality),
                name.into(),
                &[format!("is {name}")],
                Unit::one(),
            );
        }
        let time = ["current time".to_owned(), "global time".to_owned()];
        self.signal(Signal::Time, "time".into(), &time, unit("min"));
        self.signal(
            Signal::TimeInPhase,
            "time in phase".into(),
            &[],
            unit("min"),
        );
        self.signal(Signal::Age, "age".into(), &[], unit("min"));
        for (name, places, unit) in self.customs() {
            self.signal(
                Signal::Custom(places),
                format!("custom:{name}"),
                &[format!("custom: {name}")],
                unit,
            );
        }
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

    fn behavior(
        &mut self,
        behavior: Behavior,
        name: String,
        synonyms: &[String],
        unit: Unit,
        base: impl Fn(&Scenario, usize) -> f64,
    ) {
        let is_event_rate = matches!(
            behavior,
            Behavior::PhaseExit(_)
                | Behavior::Death(_)
                | Behavior::Transformation(_)
                | Behavior::Kernel(
                    Channel::PhagocytoseApoptotic
                        | Channel::PhagocytoseNecrotic
                        | Channel::Phagocytose(_)
                        | Channel::Attack(_)
                )
        );
        let range = match &behavior {
            Behavior::Custom(_)
            | Behavior::Kernel(Channel::ExportRate(_) | Channel::Sensitivity(_)) => ANY,
            Behavior::Kernel(Channel::Bias) => [0.0, 1.0],
            _ => NOT_NEGATIVE,
        };
        let entry = Entry {
            name,
            synonyms: synonyms.to_vec(),
            unit,
            is_event_rate,
            range,
        };
        if !self.is_free("behavior", &entry) {
            return;
        }
        self.table.vocabulary.behaviors.add(entry);
        self.table.behaviors.push(behavior);
        for (number, values) in self.table.vocabulary.base.iter_mut().enumerate() {
            values.push(base(self.scenario, number));
        }
    }

    fn behaviors(&mut self) {
        let scenario = self.scenario;
        let per_min = unit("1/min");
        let speed = unit("µm/min");
        for (s, substrate) in scenario.substrates.iter().enumerate() {
            let name = &substrate.name;
            let amount_rate = Unit::parse(&format!("{}*µm^3/min", substrate.unit))
                .unwrap_or_else(|_| unit("µm^3/min"));
            let kernel = Behavior::Kernel;
            self.behavior(
                kernel(Channel::SecretionRate(s)),
                format!("{name} secretion"),
                &[],
                per_min.clone(),
                |x, t| x.cell_types[t].exchange[s].secretion_rate,
            );
            self.behavior(
                kernel(Channel::SecretionTarget(s)),
                format!("{name} secretion target"),
                &[format!("{name} secretion saturation density")],
                substrate.unit.clone(),
                |x, t| x.cell_types[t].exchange[s].secretion_target,
            );
            self.behavior(
                kernel(Channel::UptakeRate(s)),
                format!("{name} uptake"),
                &[],
                per_min.clone(),
                |x, t| x.cell_types[t].exchange[s].uptake_rate,
            );
            self.behavior(
                kernel(Channel::ExportRate(s)),
                format!("{name} export"),
                &[],
                amount_rate,
                |x, t| x.cell_types[t].exchange[s].export_rate,
            );
            self.behavior(
                kernel(Channel::Sensitivity(s)),
                format!("chemotactic response to {name}"),
                &[format!("chemotactic sensitivity to {name}")],
                Unit::one(),
                |x, t| x.cell_types[t].motility.chemotaxis[s],
            );
        }
        let phases = scenario
            .cell_types
            .iter()
            .map(|cell_type| cell_type.cycle.phases.len())
            .max()
            .unwrap_or(0);
        for phase in 0..phases.max(1) {
            let name = format!("exit from cycle phase {phase}");
            let (name, synonyms) = if phase == 0 {
                ("cycle entry".to_owned(), vec![name])
            } else {
                (name, Vec::new())
            };
            self.behavior(
                Behavior::PhaseExit(phase),
                name,
                &synonyms,
                per_min.clone(),
                |x, t| {
                    x.cell_types[t]
                        .cycle
                        .phases
                        .get(phase)
                        .map_or(0.0, |phase| phase.exit_rate)
                },
            );
        }
        for vitality in [Vitality::Apoptotic, Vitality::Necrotic] {
            let name = if vitality == Vitality::Apoptotic {
                "apoptosis"
            } else {
                "necrosis"
            };
            self.behavior(
                Behavior::Death(vitality),
                name.into(),
                &[],
                per_min.clone(),
                |x, t| {
                    let cell_type = &x.cell_types[t];
                    if vitality == Vitality::Apoptotic {
                        cell_type.apoptosis.rate
                    } else {
                        cell_type.necrosis.rate
                    }
                },
            );
        }
        type Base = fn(&crate::scenario::CellType) -> f64;
        let numbers: [(Channel, &str, &[&str], &Unit, Base); 13] = [
            (Channel::Speed, "migration speed", &[], &speed, |t| {
                t.motility.speed
            }),
            (Channel::Bias, "migration bias", &[], &Unit::one(), |t| {
                t.motility.bias
            }),
            (
                Channel::PersistenceTime,
                "migration persistence time",
                &[],
                &unit("min"),
                |t| t.motility.persistence_time,
            ),
            (Channel::Adhesion, "cell-cell adhesion", &[], &speed, |t| {
                t.mechanics.adhesion
            }),
            (
                Channel::Repulsion,
                "cell-cell repulsion",
                &[],
                &speed,
                |t| t.mechanics.repulsion,
            ),
            (
                Channel::RelativeReach,
                "relative maximum adhesion distance",
                &[],
                &Unit::one(),
                |t| t.mechanics.relative_maximum_adhesion_distance,
            ),
            (
                Channel::BondStiffness,
                "cell-cell adhesion elastic constant",
                &[],
                &per_min,
                |t| t.mechanics.attachment_elastic_constant,
            ),
            (
                Channel::PhagocytoseApoptotic,
                "phagocytose apoptotic cell",
                &["phagocytosis of apoptotic cell"],
                &per_min,
                |t| t.interactions.phagocytose_apoptotic,
            ),
            (
                Channel::PhagocytoseNecrotic,
                "phagocytose necrotic cell",
                &["phagocytosis of necrotic cell"],
                &per_min,
                |t| t.interactions.phagocytose_necrotic,
            ),
            (
                Channel::AttackDamageRate,
                "attack damage rate",
                &[],
                &per_min,
                |t| t.interactions.attack_damage_rate,
            ),
            (
                Channel::AttackDuration,
                "attack duration",
                &[],
                &unit("min"),
                |t| t.interactions.attack_duration,
            ),
            (Channel::DamageRate, "damage rate", &[], &per_min, |t| {
                t.damage_rate
            }),
            (
                Channel::RepairRate,
                "damage repair rate",
                &[],
                &per_min,
                |t| t.damage_repair_rate,
            ),
        ];
        for (channel, name, synonyms, unit, base) in numbers {
            let synonyms: Vec<String> = synonyms.iter().map(|&word| word.to_owned()).collect();
            self.behavior(
                Behavior::Kernel(channel),
                name.into(),
                &synonyms,
                unit.clone(),
                |x, t| base(&x.cell_types[t]),
            );
        }
        for (other, cell_type) in scenario.cell_types.iter().enumerate() {
            let name = &cell_type.name;
            let kernel = Behavior::Kernel;
            self.behavior(
                kernel(Channel::Phagocytose(other)),
                format!("phagocytose {name}"),
                &[format!("phagocytosis of {name}")],
                per_min.clone(),
                |x, t| x.cell_types[t].interactions.phagocytose[other],
            );
            self.behavior(
                kernel(Channel::Attack(other)),
                format!("attack {name}"),
                &[],
                per_min.clone(),
                |x, t| x.cell_types[t].interactions.attack[other],
            );
            self.behavior(
                kernel(Channel::Immunogenicity(other)),
                format!("immunogenicity to {name}"),
                &[],
                Unit::one(),
                |x, t| x.cell_types[t].interactions.immunogenicity[other],
            );
            self.behavior(
                Behavior::Transformation(other),
                format!("transform to {name}"),
                &[
                    format!("transition to {name}"),
                    format!("transformation to {name}"),
                ],
                per_min.clone(),
                |x, t| x.cell_types[t].transformations[other],
            );
        }
        for (name, places, unit) in self.customs() {
            let by_type = places.clone();
            self.behavior(
                Behavior::Custom(places),
                format!("custom:{name}"),
                &[format!("custom: {name}")],
                unit,
                move |x, t| by_type[t].map_or(0.0, |place| x.cell_types[t].custom[place].value),
            );
        }
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
