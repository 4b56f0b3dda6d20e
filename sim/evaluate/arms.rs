//! Who acts in the place of the law when a run is closed: the model, a mean, or nobody.

use rules::{
    Adoption, Batch, Binding, Error, Outputs, Provenance, Rule, Signature, Target, Write,
    dictionary::normal, hybrid::output_names,
};
use serde::Serialize;

use super::{candidate, origin::Origin};
use crate::{
    plan::{Bound, bind, bind_recorded, bind_with},
    recorder::Wanted,
    scenario::{Scenario, sha256},
};

/// Who acts. All but [`Arm::Again`] share their seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// The rule that acted when rows were recorded: the truth.
    Law,
    /// What is evaluated.
    Model,
    /// Nobody: behaviors that the model speaks of keep the scenario's own values. B0, no effect.
    Nobody,
    /// What the law said on the mean in training: rates of events, and values of all else. B1.
    Constant,
    /// The law on seeds of its own: what chance alone makes of two sets of runs.
    Again,
}

impl Arm {
    /// All, in the order of a page.
    pub const ALL: [Arm; 5] = [Arm::Law, Arm::Model, Arm::Nobody, Arm::Constant, Arm::Again];

    /// Against which a model is to win.
    pub const BASELINES: [Arm; 2] = [Arm::Nobody, Arm::Constant];

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Arm::Law => "law",
            Arm::Model => "model",
            Arm::Nobody => "no rule",
            Arm::Constant => "training mean",
            Arm::Again => "law again",
        }
    }
}

/// One context with the law in it, and all that takes the law's place.
pub struct Stage {
    /// With the law.
    pub scenario: Scenario,
    /// What the law's rows are recorded by.
    wanted: Wanted,
    /// The law's number among the sites of its entry.
    pub site: usize,
    model: Binding,
    /// Numbers of the law's writes of which the model says nothing, and which stay the law's.
    left: Vec<usize>,
    /// What the model takes over of the law, with its mean in training.
    constant: Vec<(Write, f64)>,
}

impl Stage {
    /// Sets a scenario up, with `constant` numbers by the name of their column.
    ///
    /// # Errors
    /// A message with culprit and way out, if law or model do not fit into it.
    pub fn new(
        mut scenario: Scenario,
        origin: &Origin,
        site: &str,
        mut model: Binding,
        constant: &[(String, f64)],
    ) -> Result<Stage, String> {
        let law = origin.law(site);
        let is_law = |name: &str| normal(name) == normal(&law.name);
        // Where the scenario has the model already, it is taken up as the scenario says.
        if let Some(own) = scenario.rules.iter().find(|it| is_law(&it.name)) {
            model.name = own.name.clone();
            model.combine = own.binding.combine;
            let is_same = |one, other| matches!((one, other), (Ok(one), Ok(other)) if one == other);
            if is_same(
                sha256(&own.binding.file).map_err(drop),
                sha256(&model.file).map_err(drop),
            ) {
                model.adoption = own.binding.adoption.clone();
                model.engine = own.binding.engine.clone();
            }
        }
        law.reinstate(&mut scenario)?;
        // Nobody reads what a run would write beside its readouts.
        scenario.outputs.write.clear();
        let wanted = origin.wanted(site);
        let bound = bind_recorded(scenario.clone(), std::slice::from_ref(&wanted))?;
        let number = bound.sites.iter().position(|it| it.name == site);
        let number = number.ok_or_else(|| {
            format!(
                "`{}` holds no rule `{site}` any more\n  record the rows anew",
                law.name
            )
        })?;
        model.clock = Some(bound.sites[number].rule().signature().clock);
        let mut stage = Stage {
            scenario,
            wanted,
            site: number,
            model,
            left: Vec::new(),
            constant: Vec::new(),
        };
        stage.divide(&bound, constant)?;
        for arm in [Arm::Model, Arm::Nobody, Arm::Constant] {
            stage.bound(arm, 0, false)?;
        }
        Ok(stage)
    }

    /// Finds what of the law the model takes over.
    fn divide(&mut self, bound: &Bound, constant: &[(String, f64)]) -> Result<(), String> {
        let vocabulary = &bound.plan.table.vocabulary;
        let acting = &bound.rules[self.place(&bound.rules)?];
        let law = acting.signature();
        let usage = bound.plan.scenario.semantics.rules();
        let model = candidate::open(&self.model, vocabulary, usage)?;
        let own = model.signature();
        if own.subject != law.subject {
            return Err(format!(
                "{} does not act on those on whom the law of `{}` acts, so that it cannot take its \
                 place\n  give it the same cell types",
                self.model.file.display(),
                law.source
            ));
        }
        let is_own = |write: &Write| {
            let same = |it: &&Write| (it.side, &it.target) == (write.side, &write.target);
            own.writes.iter().any(|it| same(&it))
        };
        let names = output_names(law, vocabulary);
        for (number, (write, name)) in law.writes.iter().zip(names).enumerate() {
            let column = format!("behavior:{name}");
            let mut means = constant.iter().filter(|(it, _)| *it == column);
            match (is_own(write), means.next()) {
                (false, _) if matches!(write.target, Target::Readout(_)) => {}
                (false, _) => self.left.push(number),
                (true, Some((_, mean))) => self.constant.push((write.clone(), *mean)),
                (true, None) => {}
            }
        }
        match acting.learned() {
            Some(_) if !self.left.is_empty() => Err(format!(
                "the law of `{}` is a model that says more than {} does, and cannot be divided\n  \
                 evaluate a model that says all of it",
                law.source,
                self.model.file.display()
            )),
            _ => Ok(()),
        }
    }

    /// The law's entry in the scenario.
    pub fn entry(&self) -> &str {
        &self.model.name
    }

    /// Where the law stands among the rules of a run.
    fn place(&self, rules: &[Box<dyn Rule>]) -> Result<usize, String> {
        let is_of_entry =
            |place: &usize| normal(&rules[*place].signature().source) == normal(&self.model.name);
        let place = (0..rules.len()).filter(is_of_entry).nth(self.site);
        place.ok_or_else(|| {
            format!(
                "`{}` does not act by itself in this scenario",
                self.model.name
            )
        })
    }

    /// A run with somebody in the law's place.
    ///
    /// # Errors
    /// A message with culprit and way out.
    pub fn bound(&self, arm: Arm, seed: u64, is_recorded: bool) -> Result<Bound, String> {
        let mut scenario = self.scenario.clone();
        scenario.seed = seed;
        if matches!(arm, Arm::Law | Arm::Again) {
            return match is_recorded {
                true => bind_recorded(scenario, std::slice::from_ref(&self.wanted)),
                false => bind(scenario),
            };
        }
        let usage = scenario.semantics.rules();
        let sources = scenario.rules.iter();
        let bindings: Vec<Binding> = sources.map(|source| source.binding.clone()).collect();
        let mut declaring = bindings.clone();
        if arm == Arm::Model {
            declaring.push(self.model.clone());
        }
        let declared = rules::declared(&declaring).map_err(|error| error.to_string())?;
        bind_with(scenario, &declared, |vocabulary| {
            let opened = rules::open(&bindings, vocabulary, usage);
            let mut opened = opened.map_err(|error| error.to_string())?;
            let at = self.place(&opened.rules)?;
            let law = opened.rules.remove(at);
            let signature = law.signature().clone();
            if !self.left.is_empty() {
                opened
                    .rules
                    .insert(at, Box::new(Rest::new(law, &self.left)));
            }
            match arm {
                Arm::Model => {
                    let model = candidate::open(&self.model, vocabulary, usage)?;
                    opened.rules.insert(at, model);
                }
                Arm::Constant if !self.constant.is_empty() => {
                    let constant = Constant::new(signature, &self.constant);
                    opened.rules.insert(at, Box::new(constant));
                }
                _ => {}
            }
            Ok(opened)
        })
    }
}

/// How a file is bound that no scenario speaks of.
pub fn binding(name: &str, file: &std::path::Path, clock: f64) -> Binding {
    Binding {
        name: name.to_owned(),
        file: file.to_owned(),
        clock: Some(clock),
        combine: None,
        sha256: None,
        engine: rules::Engine::Embedded,
        adoption: Adoption::default(),
    }
}

/// What a law says beside what the model has taken over.
struct Rest {
    law: Box<dyn Rule>,
    signature: Signature,
    /// Numbers of the law's writes.
    kept: Vec<usize>,
}

impl Rest {
    fn new(law: Box<dyn Rule>, kept: &[usize]) -> Rest {
        let mut signature = law.signature().clone();
        signature.writes = kept
            .iter()
            .map(|&it| signature.writes[it].clone())
            .collect();
        Rest {
            law,
            signature,
            kept: kept.to_vec(),
        }
    }
}

impl Rule for Rest {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        let mut all = Outputs::default();
        all.reset(self.law.signature().writes.len(), batch.rows);
        self.law.apply(batch, &mut all)?;
        for (column, write) in out.columns.iter_mut().zip(&self.kept) {
            column.clone_from(&all.columns[*write]);
        }
        out.failed = all.failed;
        Ok(())
    }

    fn describe(&self) -> Vec<String> {
        self.law.describe()
    }

    fn provenance(&self) -> Provenance {
        self.law.provenance()
    }

    /// None: it stands beside what took the law's place in the count, and draws nothing.
    fn numbers(&self) -> usize {
        0
    }
}

/// The same numbers everywhere and always.
struct Constant {
    signature: Signature,
    numbers: Vec<f64>,
}

impl Constant {
    fn new(law: Signature, numbers: &[(Write, f64)]) -> Constant {
        Constant {
            signature: Signature {
                reads: Vec::new(),
                writes: numbers.iter().map(|(write, _)| write.clone()).collect(),
                noise: None,
                ..law
            },
            numbers: numbers.iter().map(|(_, number)| *number).collect(),
        }
    }
}

impl Rule for Constant {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn apply(&self, _batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        for (column, number) in out.columns.iter_mut().zip(&self.numbers) {
            column.fill(*number);
        }
        Ok(())
    }

    fn describe(&self) -> Vec<String> {
        self.numbers.iter().map(ToString::to_string).collect()
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            name: self.signature.source.clone(),
            file: "training mean".into(),
            sha256: String::new(),
            engine: "constant".into(),
            model: None,
        }
    }
}
