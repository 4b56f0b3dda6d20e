//! Latent vectors and recorded numbers: who has which, and at which place of its cells' numbers.
//!
//! Models declare spaces of vectors, and a scenario may settle what they leave open or declare
//! spaces of its own. A cell holds the vectors of all the spaces of its type one after the other.

use rules::{Declared, Inherit, dictionary::normal};

use crate::scenario::{LatentSpace, Scenario};

/// Spaces: their numbers key random draws of eight bits.
const MOST_SPACES: usize = 256;

/// The spaces of a run, and the numbers that its models record.
#[derive(Debug, Clone, Default)]
pub struct Latents {
    /// Spaces, by number.
    pub spaces: Vec<Space>,
    /// Recorded numbers.
    pub recorded: Vec<Record>,
    /// `[type]`: the vectors of a cell that enters the tissue.
    initial: Vec<Box<[f32]>>,
    /// `[type]`: how many recorded numbers its cells have.
    records: Vec<usize>,
}

/// One space.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    /// `NAME/WIDTH`.
    pub id: String,
    /// Numbers in a vector.
    pub width: usize,
    /// What daughters get.
    pub inherit: Inherit,
    /// The vector of a cell that enters the tissue.
    pub initial: Vec<f32>,
    /// `[type]`: where the vector begins; `None` where the type has none.
    pub places: Vec<Option<usize>>,
}

/// One recorded number.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its full name: `readout:exhaustion`.
    pub name: String,
    /// Its unit, as the model writes it.
    pub unit: String,
    /// `[type]`: its place; `None` where the type has no such number.
    pub places: Vec<Option<usize>>,
}

impl Space {
    /// The name of a component among signals and behaviors.
    pub fn component(&self, number: usize) -> String {
        format!("latent:{}:{number}", self.id)
    }
}

/// A space while it is put together.
struct Draft {
    id: String,
    width: usize,
    inherit: Option<Inherit>,
    initial: Option<Vec<f32>>,
    types: Vec<usize>,
}

impl Latents {
    /// What models declare and the scenario says, as one.
    ///
    /// # Errors
    /// E-SPACE where models disagree and the scenario does not settle it, and where it speaks of a
    /// space that nobody has.
    pub fn new(scenario: &Scenario, declared: &Declared) -> Result<Latents, String> {
        let mut drafts: Vec<Draft> = scenario.latents.iter().map(draft).collect();
        for (number, space) in declared.spaces.iter().enumerate() {
            let is_same = |id: &str| normal(id) == normal(&space.id);
            let settled = scenario.latents.iter().find(|stated| is_same(&stated.id));
            let mut before = declared.spaces[..number].iter();
            if let Some(first) = before.find(|other| is_same(&other.id)) {
                let agree = [
                    first.width == space.width,
                    first.inherit == space.inherit
                        || settled.is_some_and(|it| it.inherit.is_some()),
                    first.initial == space.initial
                        || settled.is_some_and(|it| it.initial.is_some()),
                ];
                let whats = ["width", "inherit", "initial"];
                if let Some((_, what)) = agree.iter().zip(whats).find(|(agree, _)| !**agree) {
                    return Err(disagreement(&space.id, what));
                }
            }
            let place = drafts.iter().position(|draft| is_same(&draft.id));
            let draft = match place {
                Some(place) => &mut drafts[place],
                None => {
                    drafts.push(Draft {
                        id: space.id.clone(),
                        width: space.width,
                        inherit: None,
                        initial: None,
                        types: Vec::new(),
                    });
                    drafts.last_mut().expect("it was just pushed")
                }
            };
            if draft.width != space.width {
                return Err(disagreement(&space.id, "width"));
            }
            draft.inherit.get_or_insert(space.inherit);
            draft.initial.get_or_insert(space.initial.clone());
            // A type that does not exist is told of when the model is bound.
            let types = space.types.iter();
            let types = types.filter_map(|name| scenario.cell_type(name));
            draft.types.extend(types);
        }
        if drafts.len() > MOST_SPACES {
            return Err(format!(
                "E-SPACE: {} spaces of latent vectors are too many; {MOST_SPACES} are possible",
                drafts.len()
            ));
        }
        let types = scenario.cell_types.len();
        let mut latents = Latents {
            initial: vec![Box::default(); types],
            records: vec![0; types],
            ..Latents::default()
        };
        for draft in drafts {
            if draft.types.is_empty() {
                return Err(format!(
                    "E-SPACE: latents.\"{}\": no model declares this space, and no type has it\n  \
                     say whose cells have it: types = [\"{}\"], or take it out",
                    draft.id,
                    scenario.cell_types.first().map_or("…", |kind| &kind.name)
                ));
            }
            latents.add(draft);
        }
        for record in &declared.recorded {
            let types: Vec<usize> = record
                .types
                .iter()
                .filter_map(|name| scenario.cell_type(name))
                .collect();
            latents.record(&record.name, &record.unit, &types);
        }
        Ok(latents)
    }

    /// The vectors of a cell of a type that enters the tissue.
    pub fn new_cell(&self, kind: usize) -> Box<[f32]> {
        self.initial[kind].clone()
    }

    /// The recorded numbers of a cell of a type that enters the tissue: none is written yet.
    pub fn unrecorded(&self, kind: usize) -> Box<[f64]> {
        vec![f64::NAN; self.records[kind]].into()
    }

    /// The vectors of a cell of type `from` that becomes one of type `to`: it keeps those of spaces
    /// that both have.
    pub fn transformed(&self, kept: &[f32], from: usize, to: usize) -> Box<[f32]> {
        let mut vectors = self.new_cell(to);
        for space in &self.spaces {
            if let (Some(old), Some(new)) = (space.places[from], space.places[to]) {
                vectors[new..new + space.width].copy_from_slice(&kept[old..old + space.width]);
            }
        }
        vectors
    }

    /// Likewise the recorded numbers.
    pub fn still_recorded(&self, kept: &[f64], from: usize, to: usize) -> Box<[f64]> {
        let mut numbers = self.unrecorded(to);
        for record in &self.recorded {
            if let (Some(old), Some(new)) = (record.places[from], record.places[to]) {
                numbers[new] = kept[old];
            }
        }
        numbers
    }

    /// All components: their names among signals and behaviors, and their places by type.
    pub fn components(&self) -> impl Iterator<Item = (String, Vec<Option<usize>>)> {
        self.spaces.iter().flat_map(|space| {
            (0..space.width).map(|component| {
                let places = space.places.iter();
                let places = places.map(|place| place.map(|place| place + component));
                (space.component(component), places.collect())
            })
        })
    }

    /// Components that are amounts and that two types both have: their places in each.
    pub fn amounts(&self, kinds: [usize; 2]) -> Vec<(usize, usize)> {
        let conserved = |space: &&Space| space.inherit == Inherit::Split;
        let both = |space: &Space| {
            let [one, other] = kinds.map(|kind| space.places[kind]);
            Some((one?, other?, space.width))
        };
        let spaces = self.spaces.iter().filter(conserved).filter_map(both);
        spaces
            .flat_map(|(one, other, width)| (0..width).map(move |at| (one + at, other + at)))
            .collect()
    }

    /// The recorded number of this full name, if a model records it.
    pub fn named(&self, name: &str) -> Option<&Record> {
        let mut recorded = self.recorded.iter();
        recorded.find(|record| normal(&record.name) == normal(name))
    }

    /// The space that `latent:SPACE` names, if there is one.
    pub fn whole(&self, name: &str) -> Option<&Space> {
        let named = |space: &&Space| normal(&format!("latent:{}", space.id)) == normal(name);
        self.spaces.iter().find(named)
    }

    fn add(&mut self, draft: Draft) {
        let initial = draft.initial.unwrap_or_else(|| vec![0.0; draft.width]);
        let mut places = vec![None; self.initial.len()];
        for kind in draft.types {
            if places[kind].is_none() {
                let mut vectors = std::mem::take(&mut self.initial[kind]).into_vec();
                places[kind] = Some(vectors.len());
                vectors.extend(&initial);
                self.initial[kind] = vectors.into();
            }
        }
        self.spaces.push(Space {
            id: draft.id,
            width: draft.width,
            inherit: draft.inherit.unwrap_or_default(),
            initial,
            places,
        });
    }

    /// Makes room for a recorded number of cells of these types.
    fn record(&mut self, name: &str, unit: &str, types: &[usize]) {
        let same = |record: &Record| normal(&record.name) == normal(name);
        let number = match self.recorded.iter().position(same) {
            Some(number) => number,
            None => {
                self.recorded.push(Record {
                    name: name.to_owned(),
                    unit: unit.to_owned(),
                    places: vec![None; self.records.len()],
                });
                self.recorded.len() - 1
            }
        };
        for &kind in types {
            if self.recorded[number].places[kind].is_none() {
                self.recorded[number].places[kind] = Some(self.records[kind]);
                self.records[kind] += 1;
            }
        }
    }
}

fn draft(stated: &LatentSpace) -> Draft {
    Draft {
        id: stated.id.clone(),
        width: stated.width,
        inherit: stated.inherit,
        initial: stated.initial.clone(),
        types: stated.types.clone(),
    }
}

fn disagreement(id: &str, what: &str) -> String {
    let way_out = match what {
        "width" => "a space of another width is another space: give it another name".to_owned(),
        "inherit" => format!("settle it in the scenario: [latents.\"{id}\"] inherit = \"copy\""),
        _ => format!("settle it in the scenario: [latents.\"{id}\"] initial = 0"),
    };
    format!(
        "E-SPACE: two models say differently what the `{what}` of the space `{id}` is\n  {way_out}"
    )
}
