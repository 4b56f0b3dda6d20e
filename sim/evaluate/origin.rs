//! Where recorded rows come from: the law that acted, the seeds, the settings; all of `record.json`
//! that running the law again takes.

use std::{collections::BTreeMap, fs, path::Path, path::PathBuf};

use rules::{Adoption, Engine, dictionary::normal};
use serde::Deserialize;

use crate::{
    recorder::{Column, Role, Wanted},
    scenario::{Scenario, sha256},
};

/// What `record.json` says.
#[derive(Debug, Deserialize)]
pub struct Origin {
    /// Share of the rows without an event that was kept.
    pub keep: f64,
    sites: BTreeMap<String, Site>,
    /// In order.
    pub runs: Vec<Run>,
}

#[derive(Debug, Deserialize)]
struct Site {
    rule: Law,
    columns: Vec<Column>,
}

/// The rule that acted.
#[derive(Debug, Deserialize)]
pub struct Law {
    /// The scenario's entry.
    pub name: String,
    /// As it was found then.
    pub file: PathBuf,
    /// Of the file.
    pub sha256: String,
}

/// One recorded run.
#[derive(Debug, Deserialize)]
pub struct Run {
    /// Of its random streams.
    pub seed: u64,
    /// Part of the data.
    pub split: String,
    /// Of its variant.
    pub settings: Vec<String>,
    /// With all settings.
    pub scenario_sha256: String,
}

impl Origin {
    /// Reads it.
    ///
    /// # Errors
    /// A message with the file and what is wrong with it.
    pub fn read(folder: &Path) -> Result<Origin, String> {
        let file = folder.join("record.json");
        let wrong = |error: String| format!("{}: {error}", file.display());
        let text = fs::read(&file).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))
    }

    /// The law of a site that is known to be there.
    pub fn law(&self, site: &str) -> &Law {
        &self.sites[site].rule
    }

    /// What is to be recorded again so that rows of the site have the same columns.
    pub fn wanted(&self, site: &str) -> Wanted {
        let Site { rule, columns } = &self.sites[site];
        let asked = columns.iter().filter(|it| it.role == Role::Asked);
        let bare = |it: &Column| {
            it.name
                .strip_prefix("input:")
                .unwrap_or(&it.name)
                .to_owned()
        };
        Wanted {
            entry: rule.name.clone(),
            teacher: None,
            signals: asked.map(bare).collect(),
        }
    }

    /// Of all runs.
    pub fn seeds(&self) -> Vec<u64> {
        self.runs.iter().map(|run| run.seed).collect()
    }

    /// Whether the first run was one of this very scenario, settings, end and all.
    pub fn is_of(&self, read: &dyn Fn(&[String]) -> Result<Scenario, String>, site: &str) -> bool {
        self.runs.first().is_some_and(|run| {
            let scenario = read(&run.settings).and_then(|mut scenario| {
                self.law(site).reinstate(&mut scenario)?;
                scenario.seed = run.seed;
                scenario.hash().map_err(|error| error.to_string())
            });
            scenario.as_ref() == Ok(&run.scenario_sha256)
        })
    }

    /// Settings of the variants that were trained on, each once.
    pub fn trained(&self) -> Vec<&[String]> {
        let mut all: Vec<&[String]> = Vec::new();
        for run in self.runs.iter().filter(|run| run.split == "train") {
            if !all.contains(&run.settings.as_slice()) {
                all.push(&run.settings);
            }
        }
        all
    }
}

impl Law {
    /// Puts the law into a scenario whose entry may by now be another rule.
    ///
    /// # Errors
    /// If its file is not to be had any more.
    pub fn reinstate(&self, scenario: &mut Scenario) -> Result<(), String> {
        let Law {
            name,
            file,
            sha256: hash,
        } = self;
        let entries: Vec<String> = scenario.rules.iter().map(|it| it.name.clone()).collect();
        let mut sources = scenario.rules.iter_mut();
        let source = sources
            .find(|it| normal(&it.name) == normal(name))
            .ok_or_else(|| {
                let known = entries.iter().map(String::as_str);
                let wrong = rules::dictionary::unknown("entry of [rules]", name, known);
                format!("the rows are of another scenario: {wrong}")
            })?;
        let is_it = |file: &Path| sha256(file).is_ok_and(|found| found == *hash);
        if is_it(&source.binding.file) {
            return Ok(());
        }
        if !is_it(file) {
            return Err(format!(
                "the law that drew the recorded events ({}, SHA-256 {hash}) is neither the \
                 scenario's `{name}` nor still there\n  \
                 name its file: --set rules.{name}.file=FILE, or record the rows anew",
                file.display()
            ));
        }
        source.binding.file = file.clone();
        source.binding.sha256 = None;
        source.binding.engine = Engine::Embedded;
        source.binding.adoption = Adoption::default();
        Ok(())
    }
}
