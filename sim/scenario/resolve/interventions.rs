//! Interventions: what is done, and when.

use rules::{Unit, dictionary::normal};

use super::super::file::Named;
use super::super::file::interventions::Intervention as Stated;
use super::super::file::quantity::Range;
use super::super::problem::Path;
use super::super::{
    Action, CellType, Clocks, Domain, Drug, Intervention, Region, Schedule, Substrate, To,
};
use super::Resolver;
use crate::cell;

/// Doses of one intervention. What they have given is summed up at each call of a rule.
const MOST_DOSES: u64 = 100_000;

/// What an intervention may be done to, already resolved.
pub(super) struct Tissue<'a> {
    pub domain: &'a Domain,
    pub clocks: &'a Clocks,
    pub substrates: &'a [Substrate],
    pub cell_types: &'a [CellType],
    /// min.
    pub duration: f64,
}

/// Keys that only some kinds of intervention know; all know those of the schedule.
const KEYS: [(&str, &[&str]); 5] = [
    ("cells", &["dose", "region"]),
    ("substrate", &["dose", "over", "region"]),
    ("drug", &["dose", "over", "unit", "half_life"]),
    ("behavior", &["over", "types", "to"]),
    ("edit", &["region", "types", "penetrance"]),
];

impl Resolver<'_> {
    pub(super) fn interventions(
        &mut self,
        stated: &Named<Stated>,
        tissue: &Tissue<'_>,
    ) -> (Vec<Intervention>, Vec<Drug>) {
        let at = Path::root().key("interventions");
        let names: Vec<String> = stated.iter().map(|(name, _)| name.to_owned()).collect();
        self.distinct(&at, &names);
        let drugs = self.drugs(&at, stated);
        let interventions = stated.iter().filter_map(|(name, stated)| {
            let at = at.key(name);
            let kind = self.kind(&at, stated)?;
            self.refuse_strangers(&at, kind, stated);
            let schedule = self.schedule(&at, kind, stated, tissue);
            let action = match kind {
                "cells" => self.infusion(&at, stated, tissue),
                "substrate" => self.dosing(&at, stated, tissue),
                "drug" => self.drug(&at, name, stated, &drugs),
                "behavior" => self.change(&at, stated),
                _ => self.edit(&at, stated, tissue),
            };
            Some(Intervention {
                name: name.to_owned(),
                schedule: schedule?,
                action: action?,
            })
        });
        (interventions.collect(), drugs)
    }

    /// The key that says what is done.
    fn kind(&mut self, at: &Path, stated: &Stated) -> Option<&'static str> {
        let kinds: Vec<&str> = [
            ("cells", stated.cells.is_some()),
            ("substrate", stated.substrate.is_some()),
            ("drug", stated.drug.is_some()),
            ("behavior", stated.behavior.is_some()),
            ("edit", is_edit(stated)),
        ]
        .into_iter()
        .filter_map(|(kind, is_there)| is_there.then_some(kind))
        .collect();
        match kinds[..] {
            [] if stated.dose.is_some() => Some("drug"),
            [kind] => Some(kind),
            [] => {
                let message = "it does nothing".into();
                let help = "write `cells`, `substrate` or `drug` with a `dose`; `behavior`; \
                            or one of `set`, `scale` and `become`"
                    .into();
                self.complain(at, message, help);
                None
            }
            _ => {
                let message = format!("it does more than one thing: {}", kinds.join(", "));
                let help = "make an intervention of each; they may share a schedule".into();
                self.complain(at, message, help);
                None
            }
        }
    }

    /// Complains about keys that say nothing about this kind of intervention.
    fn refuse_strangers(&mut self, at: &Path, kind: &str, stated: &Stated) {
        let (_, known) = KEYS
            .iter()
            .find(|(name, _)| *name == kind)
            .expect("every kind stands in the list");
        for (key, group, is_there) in [
            ("dose", "dose", stated.dose.is_some()),
            ("unit", "unit", stated.unit.is_some()),
            ("half_life", "half_life", stated.half_life.is_some()),
            ("over", "over", stated.over.is_some()),
            ("disc", "region", stated.disc.is_some()),
            ("sphere", "region", stated.sphere.is_some()),
            ("box", "region", stated.cuboid.is_some()),
            ("types", "types", stated.types.is_some()),
            ("factor", "to", stated.factor.is_some()),
            ("value", "to", stated.value.is_some()),
            ("penetrance", "penetrance", stated.penetrance.is_some()),
        ] {
            if !is_there || known.contains(&group) {
                continue;
            }
            let (what, help) = match (kind, group) {
                ("substrate", "half_life") => (
                    "a substrate, which has a `decay_rate` of its own",
                    "state that, or give a `drug`",
                ),
                ("substrate", "unit") => {
                    ("a substrate, which has a unit of its own", "leave it out")
                }
                ("drug", "region") => (
                    "a drug, which is the same everywhere",
                    "leave it out, or dose a `substrate`",
                ),
                ("cells", "over") => ("cells", "write `every` and `repeats` for cells over a time"),
                ("edit", "over") => (
                    "an edit, which lasts for good",
                    "leave it out, or change a `behavior` for a time",
                ),
                ("edit", _) => ("an edit", "write `set` or `scale`"),
                ("behavior", _) => ("a change", "write `factor` or `value`, and `types`"),
                (other, _) => (plural(other), "leave it out"),
            };
            self.complain(
                &at.key(key),
                format!("`{key}` says nothing about {what}"),
                help.into(),
            );
        }
    }

    fn schedule(
        &mut self,
        at: &Path,
        kind: &str,
        stated: &Stated,
        tissue: &Tissue<'_>,
    ) -> Option<Schedule> {
        let lasts = kind == "behavior";
        let start = stated.start.0;
        let over = stated.over.map_or(0.0, |over| over.0);
        let stop = stated.stop.map(|stop| stop.0);
        let problems = self.problems.len();
        if let Some(stop) = stop
            && stop <= start
        {
            let message = format!("it begins at {start} min and ends at {stop} min");
            let help = "`stop` must be later than `start`".into();
            self.complain(&at.key("stop"), message, help);
        }
        let Some(every) = stated.every.map(|every| every.0) else {
            for (key, is_there) in [
                ("repeats", stated.repeats.is_some()),
                ("stop", stop.is_some() && (!lasts || stated.over.is_some())),
            ] {
                if is_there {
                    let message = format!("`{key}` says nothing about a single dose");
                    let help = "say how often there is one: `every`".into();
                    self.complain(&at.key(key), message, help);
                }
            }
            return (self.problems.len() == problems).then_some(Schedule {
                start,
                every: None,
                doses: 1,
                over: match (lasts, stated.over, stop) {
                    (true, None, Some(stop)) => stop - start,
                    (true, None, None) => f64::INFINITY,
                    _ => over,
                },
            });
        };
        if lasts && stated.over.is_none() {
            let message = "each change is over at once".into();
            let help = "say for how long each lasts: `over`".into();
            self.complain(at, message, help);
        }
        if every < tissue.clocks.mechanics {
            let message = format!(
                "{every} min is shorter than a mechanics step, {} min",
                tissue.clocks.mechanics
            );
            let help = "things are done once in such a step: lengthen it, or write `over`".into();
            self.complain(&at.key("every"), message, help);
        }
        if over > every {
            let message = format!("a dose of {over} min is not over when the next begins");
            let help = format!("shorten it to `every`, {every} min, or less");
            self.complain(&at.key("over"), message, help);
        }
        let doses = match (stated.repeats, stop) {
            (Some(_), Some(_)) => {
                let message = "the number of doses is stated in two ways: repeats, stop".into();
                self.complain(&at.key("stop"), message, "leave one out".into());
                return None;
            }
            (Some(0), None) => {
                let help = "write a `dose` of 0 for none".into();
                self.complain(&at.key("repeats"), "there is no dose".into(), help);
                return None;
            }
            (Some(repeats), None) => repeats,
            // Doses begin before the end, to the rounding of decimal fractions.
            (None, stop) => {
                let time = stop.unwrap_or(tissue.duration) - start;
                ((time / every - 1e-9).ceil() as u64).max(1)
            }
        };
        if doses > MOST_DOSES {
            let message = format!("{doses} doses are too many; at most {MOST_DOSES} are possible");
            let help = "lengthen it, or give a dose `over` a time".into();
            self.complain(&at.key("every"), message, help);
        }
        (self.problems.len() == problems).then_some(Schedule {
            start,
            every: Some(every),
            doses,
            over,
        })
    }

    fn infusion(&mut self, at: &Path, stated: &Stated, tissue: &Tissue<'_>) -> Option<Action> {
        let name = stated.cells.as_deref().unwrap_or_default();
        let cell_type = self.number(&at.key("cells"), "cell type", name);
        let dose = self.dose(at, stated, &Unit::one());
        let region = self.part(at, stated, tissue);
        let (cell_type, dose, region) = (cell_type?, dose?, region?);
        let at = at.key("dose");
        if dose.fract() != 0.0 {
            let message = format!("{dose} is not a number of cells");
            self.complain(&at, message, "write a whole number".into());
            return None;
        }
        let radius = cell::radius(tissue.cell_types[cell_type].volume.total);
        self.room(&at, "dose", dose, &region, radius, tissue.domain);
        Some(Action::Cells {
            cell_type,
            dose: dose as u64,
            region,
        })
    }

    fn dosing(&mut self, at: &Path, stated: &Stated, tissue: &Tissue<'_>) -> Option<Action> {
        let name = stated.substrate.as_deref().unwrap_or_default();
        let substrate = self.number(&at.key("substrate"), "substrate", name)?;
        let dose = self.dose(at, stated, &tissue.substrates[substrate].unit);
        let region = self.part(at, stated, tissue);
        let (dose, region) = (dose?, region?);
        if !holds_a_voxel(&region, tissue.domain) {
            let message = "the region holds the center of no voxel".into();
            self.complain(at, message, "enlarge it, or make voxels smaller".into());
        }
        Some(Action::Substrate {
            substrate,
            dose,
            region,
        })
    }

    fn drug(&mut self, at: &Path, name: &str, stated: &Stated, drugs: &[Drug]) -> Option<Action> {
        let name = stated.drug.as_deref().unwrap_or(name);
        let drug = drugs
            .iter()
            .position(|drug| normal(&drug.name) == normal(name))?;
        let dose = self.dose(at, stated, &drugs[drug].unit)?;
        Some(Action::Drug { drug, dose })
    }

    fn change(&mut self, at: &Path, stated: &Stated) -> Option<Action> {
        let types = self.types_of(at, stated);
        let to = match (stated.factor, stated.value) {
            (Some(factor), None) => To::Factor(factor.0),
            (None, Some(value)) => To::Value(value),
            (factor, _) => {
                let message = match factor {
                    Some(_) => "what the behavior comes to is stated in two ways: factor, value",
                    None => "what the behavior comes to is missing",
                };
                let help = "write either `factor` or `value`".into();
                self.complain(at, message.into(), help);
                return None;
            }
        };
        Some(Action::Change {
            types: types?,
            behavior: stated.behavior.clone().unwrap_or_default(),
            to,
        })
    }

    fn edit(&mut self, at: &Path, stated: &Stated, tissue: &Tissue<'_>) -> Option<Action> {
        let types = self.types_of(at, stated);
        let region = self.part(at, stated, tissue);
        let becomes = match &stated.becomes {
            Some(name) => Some(self.number(&at.key("become"), "cell type", name)?),
            None => None,
        };
        let set = stated.set.iter().flat_map(Named::iter);
        let set = set.map(|(name, value)| (name.to_owned(), To::Value(*value)));
        let scale = stated.scale.iter().flat_map(Named::iter);
        let scale = scale.map(|(name, factor)| (name.to_owned(), To::Factor(factor.0)));
        let numbers: Vec<(String, To)> = set.chain(scale).collect();
        let names: Vec<String> = numbers.iter().map(|(name, _)| name.clone()).collect();
        self.distinct(at, &names);
        Some(Action::Edit {
            types: types?,
            region: region?,
            penetrance: stated.penetrance.map_or(1.0, |share| share.0),
            becomes,
            numbers,
        })
    }

    /// The types that are changed or edited, each once.
    fn types_of(&mut self, at: &Path, stated: &Stated) -> Option<Vec<usize>> {
        let names = stated.types.as_deref().unwrap_or_default();
        if names.is_empty() {
            let help = "name the cell types: types = [\"…\"]".into();
            self.complain(at, "it is done to no cells".into(), help);
            return None;
        }
        let at = at.key("types");
        let mut types = Vec::new();
        for (number, name) in names.iter().enumerate() {
            types.push(self.number(&at.index(number), "cell type", name)?);
        }
        types.sort_unstable();
        types.dedup();
        Some(types)
    }

    /// All drugs, each with the unit and half-life that some intervention states.
    fn drugs(&mut self, at: &Path, stated: &Named<Stated>) -> Vec<Drug> {
        let mut drugs: Vec<(Drug, [bool; 2])> = Vec::new();
        for (name, stated) in stated.iter() {
            let at = at.key(name);
            let does_else = [&stated.cells, &stated.substrate, &stated.behavior];
            if does_else.iter().any(|key| key.is_some()) || is_edit(stated) {
                continue;
            }
            let name = match (&stated.drug, &stated.dose) {
                (Some(drug), _) => drug,
                (None, Some(_)) => name,
                (None, None) => continue,
            };
            let unit = stated
                .unit
                .as_ref()
                .map(|text| self.unit(&at.key("unit"), text));
            let half_life = stated.half_life.map(|half_life| half_life.0);
            let known = drugs
                .iter()
                .position(|(drug, _)| normal(&drug.name) == normal(name));
            let place = known.unwrap_or_else(|| {
                let drug = Drug {
                    name: name.to_owned(),
                    unit: Unit::one(),
                    half_life: None,
                };
                drugs.push((drug, [false; 2]));
                drugs.len() - 1
            });
            let (drug, is_stated) = &mut drugs[place];
            for (number, key, differs) in [
                (
                    0,
                    "unit",
                    unit.as_ref().is_some_and(|unit| *unit != drug.unit),
                ),
                (
                    1,
                    "half_life",
                    half_life.is_some() && half_life != drug.half_life,
                ),
            ] {
                if differs && is_stated[number] {
                    let message = format!("`{}` has another `{key}` elsewhere", drug.name);
                    let help = "state it once: it is the drug's, whoever gives it".into();
                    self.complain(&at.key(key), message, help);
                }
            }
            is_stated[0] |= unit.is_some();
            is_stated[1] |= half_life.is_some();
            drug.unit = unit.unwrap_or_else(|| drug.unit.clone());
            drug.half_life = half_life.or(drug.half_life);
        }
        drugs.into_iter().map(|(drug, _)| drug).collect()
    }

    fn dose(&mut self, at: &Path, stated: &Stated, unit: &Unit) -> Option<f64> {
        let Some(dose) = &stated.dose else {
            let message = "`dose` is missing".into();
            self.complain(at, message, "say how much each time".into());
            return None;
        };
        Some(self.measured(&at.key("dose"), dose, unit, Range::NotNegative))
    }

    fn part(&mut self, at: &Path, stated: &Stated, tissue: &Tissue<'_>) -> Option<Region> {
        let balls = [&stated.disc, &stated.sphere];
        self.region(at, balls, stated.cuboid.as_ref(), tissue.domain)
    }
}

/// Whether cells are edited.
fn is_edit(stated: &Stated) -> bool {
    stated.set.is_some() || stated.scale.is_some() || stated.becomes.is_some()
}

/// What a kind of intervention is about, in a sentence.
fn plural(kind: &str) -> &str {
    match kind {
        "cells" => "cells",
        "substrate" => "a substrate",
        _ => "a drug",
    }
}

/// Whether the center of some voxel lies in a region.
fn holds_a_voxel(region: &Region, domain: &Domain) -> bool {
    let centers = |axis: usize| {
        let (min, edge) = (domain.min[axis], domain.voxel[axis]);
        let count = ((domain.max[axis] - min) / edge).round() as u64;
        (0..count).map(move |number| min + (number as f64 + 0.5) * edge)
    };
    centers(2).any(|z| centers(1).any(|y| centers(0).any(|x| region.holds([x, y, z]))))
}
