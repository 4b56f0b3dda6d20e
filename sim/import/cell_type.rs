//! Cell definitions as PhysiCell resolves them: one after the other in the order of the file,
//! each a copy of another that is then changed.
//!
//! Source: `initialize_cell_definition_from_pugixml`, core/PhysiCell_cell.cpp, 1.14.2.

mod cycle;
mod death;
mod phenotype;

use super::defaults;
use super::distribution::{self, Distribution};
use super::xml::{self, Element, not_a_number};
use crate::scenario::file::quantity::Range;

/// A definition, with everything it inherits.
#[derive(Debug, Clone)]
pub struct CellType {
    /// Its name.
    pub name: String,
    /// How it divides.
    pub cycle: Cycle,
    /// Into what it divides.
    pub asymmetric: Asymmetric,
    /// Apoptosis and necrosis.
    pub deaths: [Death; 2],
    /// Its size.
    pub volume: Volume,
    /// µm; PhysiCell computes it when it reads a volume.
    pub radius: f64,
    /// How it pushes and sticks.
    pub mechanics: Mechanics,
    /// How it moves.
    pub motility: Motility,
    /// What it makes and takes, by substrate.
    pub exchange: Vec<Exchange>,
    /// What it does to others.
    pub interactions: Interactions,
    /// 1/min, by type.
    pub transformations: Vec<f64>,
    /// 1/min.
    pub damage_rate: f64,
    /// 1/min.
    pub damage_repair_rate: f64,
    /// Its numbers.
    pub custom: Vec<Custom>,
    /// How they and other things are spread over the cells at the start.
    pub initial: Vec<Distribution>,
}

/// A cycle.
#[derive(Debug, Clone)]
pub struct Cycle {
    /// Place in [`defaults::MODELS`].
    pub model: usize,
    /// Where the flags of its fixed phases are kept: two definitions may share them.
    pub flags: usize,
    /// By phase.
    pub exits: Vec<Exit>,
}

/// How a phase is left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Exit {
    /// 1/min.
    Rate(f64),
    /// min.
    Duration(f64),
}

/// Division into two types.
#[derive(Debug, Clone)]
pub struct Asymmetric {
    /// Whether there is any.
    pub enabled: bool,
    /// By type.
    pub probabilities: Vec<f64>,
}

/// A way to die; rates in 1/min.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Death {
    /// Of dying.
    pub rate: f64,
    /// While whole.
    pub unlysed_fluid_change_rate: f64,
    /// Once burst.
    pub lysed_fluid_change_rate: f64,
    /// Of solid cytoplasm.
    pub cytoplasmic_change_rate: f64,
    /// Of solid nucleus.
    pub nuclear_change_rate: f64,
    /// Of calcification.
    pub calcification_rate: f64,
    /// In volumes at death.
    pub relative_rupture_volume: f64,
}

/// Volumes in µm³, rates in 1/min.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Volume {
    /// Of the cell.
    pub total: f64,
    /// Of its nucleus.
    pub nuclear: f64,
    /// 0 to 1.
    pub fluid_fraction: f64,
    /// Of fluid.
    pub fluid_change_rate: f64,
    /// Of solid cytoplasm.
    pub cytoplasmic_change_rate: f64,
    /// Of solid nucleus.
    pub nuclear_change_rate: f64,
    /// 0 to 1.
    pub calcified_fraction: f64,
    /// Of calcification.
    pub calcification_rate: f64,
}

impl Default for Volume {
    fn default() -> Volume {
        Volume {
            total: 2494.0,
            nuclear: 540.0,
            fluid_fraction: 0.75,
            fluid_change_rate: 3.0 / 60.0,
            cytoplasmic_change_rate: 0.27 / 60.0,
            nuclear_change_rate: 0.33 / 60.0,
            calcified_fraction: 0.0,
            calcification_rate: 0.0,
        }
    }
}

impl Volume {
    /// µm.
    pub fn radius(&self) -> f64 {
        crate::cell::radius(self.total)
    }
}

/// Contact: strengths in µm/min, rates in 1/min.
#[derive(Debug, Clone, PartialEq)]
pub struct Mechanics {
    /// Between cells.
    pub adhesion: f64,
    /// Between cells.
    pub repulsion: f64,
    /// To basement membranes.
    pub membrane_adhesion: f64,
    /// From basement membranes.
    pub membrane_repulsion: f64,
    /// In radii.
    pub reach: f64,
    /// By type.
    pub affinities: Vec<f64>,
    /// Of springs.
    pub elastic_constant: f64,
    /// Of springs.
    pub attachment_rate: f64,
    /// Of springs.
    pub detachment_rate: f64,
    /// Springs a cell.
    pub maximum_attachments: i64,
}

impl Mechanics {
    /// PhysiCell's, with one affinity for each of so many types.
    pub fn default_among(types: usize) -> Mechanics {
        Mechanics {
            adhesion: 0.4,
            repulsion: 10.0,
            membrane_adhesion: 4.0,
            membrane_repulsion: 100.0,
            reach: 1.25,
            affinities: vec![1.0; types],
            elastic_constant: 0.01,
            attachment_rate: 0.0,
            detachment_rate: 0.0,
            maximum_attachments: 12,
        }
    }
}

/// A walk.
#[derive(Debug, Clone, PartialEq)]
pub struct Motility {
    /// Whether its cells walk.
    pub enabled: bool,
    /// µm/min.
    pub speed: f64,
    /// min.
    pub persistence_time: f64,
    /// 0 to 1.
    pub bias: f64,
    /// Whether it keeps to the plane in 3D.
    pub in_plane: bool,
    /// What it is biased by.
    pub follows: Bias,
    /// The substrate of simple chemotaxis.
    pub substrate: usize,
    /// 1 for up its gradient, -1 for down.
    pub direction: i64,
    /// Weights of advanced chemotaxis, by substrate.
    pub sensitivities: Vec<f64>,
}

/// What a walk is biased by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bias {
    /// Nothing.
    Nothing,
    /// One gradient.
    One,
    /// A weighted sum of gradients, or of their directions.
    Sum {
        /// Whether of directions.
        normalized: bool,
    },
}

/// What is made and taken of one substrate.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Exchange {
    /// 1/min.
    pub secretion_rate: f64,
    /// In the substrate's unit.
    pub secretion_target: f64,
    /// 1/min.
    pub uptake_rate: f64,
    /// Substrate's unit × µm³/min.
    pub export_rate: f64,
}

/// What is done to others; rates in 1/min.
#[derive(Debug, Clone, PartialEq)]
pub struct Interactions {
    /// Of eating apoptotic, necrotic, and other dead cells.
    pub phagocytose_dead: [f64; 3],
    /// Of eating live cells, by type.
    pub phagocytose: Vec<f64>,
    /// Of attacking, by type.
    pub attack: Vec<f64>,
    /// Of fusing, by type.
    pub fusion: Vec<f64>,
    /// Of damage in an attack.
    pub attack_damage_rate: f64,
    /// Of an attack, min.
    pub attack_duration: f64,
}

impl Interactions {
    /// PhysiCell's, among so many types.
    pub fn default_among(types: usize) -> Interactions {
        Interactions {
            phagocytose_dead: [0.0; 3],
            phagocytose: vec![0.0; types],
            attack: vec![0.0; types],
            fusion: vec![0.0; types],
            attack_damage_rate: 1.0,
            attack_duration: 30.0,
        }
    }
}

/// A number that cells carry.
#[derive(Debug, Clone, PartialEq)]
pub struct Custom {
    /// Its name.
    pub name: String,
    /// In a new cell.
    pub value: f64,
    /// As the file states it.
    pub unit: String,
    /// Whether division halves it.
    pub conserved: bool,
}

/// What all definitions are read with.
pub struct Reader<'a> {
    /// By ID.
    pub types: &'a [String],
    /// In the order of the file.
    pub substrates: &'a [String],
    /// Whether the domain is flat.
    pub is_flat: bool,
    /// Whether `legacy_cell_defaults_copy` holds.
    pub copies_all: bool,
    /// Flags of fixed phases: the first are those of the definition all others start from, the
    /// others those of each definition, in the order of the file. PhysiCell copies a pointer to
    /// them, not them, where a definition names no model of its own.
    pub flags: Vec<Vec<bool>>,
    /// Phases of the two death models, min and whether fixed, one set for all definitions, as
    /// PhysiCell has it: the last one stated holds.
    pub deaths: [Vec<(f64, bool)>; 2],
}

impl Reader<'_> {
    /// All definitions, by ID. `stated` are their elements in the order of the file, each with its
    /// ID.
    pub fn definitions(&mut self, stated: &[(usize, Element<'_>)]) -> Vec<CellType> {
        let mut first = defaults::cell_type(self.types.len(), self.substrates.len());
        self.flags = vec![defaults::fixed(first.cycle.model)];
        let mut read: Vec<Option<CellType>> = vec![None; self.types.len()];
        for &(id, element) in stated {
            self.flags.push(Vec::new());
            let parent = element.attribute("parent_type").and_then(|parent| {
                let known = self.types.iter().position(|name| name == parent);
                let parent = match known {
                    Some(known) => read[known].clone(),
                    None => {
                        element.one_of("cell type", parent, self.types);
                        return None;
                    }
                };
                if parent.is_none() {
                    element.note(
                        "its parent_type is defined further down, where PhysiCell does not find \
                         it: the type starts from the first definition instead",
                    );
                }
                parent
            });
            let cell_type = self.definition(id, element, &first, parent.as_ref());
            if id == 0 {
                first = cell_type.clone();
            }
            read[id] = Some(cell_type);
        }
        read.into_iter().flatten().collect()
    }

    fn definition(
        &mut self,
        id: usize,
        element: Element<'_>,
        first: &CellType,
        parent: Option<&CellType>,
    ) -> CellType {
        let mut cell_type = parent.unwrap_or(first).clone();
        cell_type.name = self.types[id].clone();
        cell_type.initial = Vec::new();
        if id != 0 && parent.is_none() && !self.copies_all {
            self.reset(&mut cell_type);
        }
        // The first definition, where it names no parent, starts from no other.
        let origin = match (parent, id) {
            (Some(parent), _) => Some(parent),
            (None, 0) => None,
            (None, _) => Some(first),
        };
        if self.is_flat {
            cell_type.motility.in_plane = true;
        }
        let own = match id {
            0 => 0,
            _ => self.flags.len() - 1,
        };
        if let Some(phenotype) = element.child("phenotype") {
            self.cycle(&mut cell_type, phenotype, origin, own);
            self.deaths(&mut cell_type, phenotype, origin);
            self.volume(&mut cell_type, phenotype);
            self.mechanics(&mut cell_type, phenotype);
            self.motility(&mut cell_type, phenotype);
            self.secretion(&mut cell_type, phenotype);
            self.interactions(&mut cell_type, phenotype);
            self.rest(&mut cell_type, phenotype);
        }
        custom(&mut cell_type, element);
        cell_type.initial = distribution::read(element);
        cell_type
    }

    /// What a definition that names no parent does not take from the first one.
    fn reset(&self, cell_type: &mut CellType) {
        let (types, substrates) = (self.types.len(), self.substrates.len());
        cell_type.motility.enabled = false;
        cell_type.motility.sensitivities = vec![0.0; substrates];
        cell_type.motility.follows = Bias::Nothing;
        cell_type.exchange = vec![Exchange::default(); substrates];
        cell_type.interactions = Interactions {
            attack_duration: cell_type.interactions.attack_duration,
            ..Interactions::default_among(types)
        };
        cell_type.transformations = vec![0.0; types];
        cell_type.asymmetric.probabilities = vec![0.0; types];
    }

    /// Sets one number a type, as `list/item[name]` state it. PhysiCell leaves names that it does
    /// not know out; such a name is a mistake all the same.
    fn by_type(&self, list: Option<Element<'_>>, item: &str, range: Range, values: &mut [f64]) {
        let Some(list) = list else {
            return;
        };
        for element in list.all().filter(|element| element.name() == item) {
            let name = element.attribute("name").unwrap_or("");
            let value = element.number(range);
            if let Some(number) = element.one_of("cell type", name, self.types) {
                values[number] = value;
            }
        }
    }
}

/// Numbers of the definition's own.
fn custom(cell_type: &mut CellType, element: Element<'_>) {
    let numbers = element.child("custom_data");
    for element in numbers.into_iter().flat_map(Element::all) {
        let text = element.text();
        if text.contains(',') {
            let wrong = text
                .split(',')
                .find(|part| xml::number(part.trim()).is_none());
            match wrong {
                Some(part) => {
                    let (message, help) = not_a_number(part.trim());
                    element.complain(message, help);
                }
                None => element
                    .note("a list of numbers is left out: only custom code in C++ can read it"),
            }
            continue;
        }
        let custom = Custom {
            name: element.name().to_owned(),
            value: element.number(Range::Any),
            unit: element.attribute("units").unwrap_or("").to_owned(),
            conserved: element.has("conserved"),
        };
        let known = cell_type.custom.iter_mut();
        match known.into_iter().find(|known| known.name == custom.name) {
            // PhysiCell keeps the unit that was stated first.
            Some(known) => {
                known.value = custom.value;
                known.conserved = custom.conserved;
            }
            None => cell_type.custom.push(custom),
        }
    }
}
