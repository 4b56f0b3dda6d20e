//! A small scenario's vocabulary, for tests and benches.

#![allow(dead_code, missing_docs)]

use std::path::PathBuf;

use rules::written::{Form, Source, bind};
use rules::{
    Batch, Binding, Dictionary, Engine, Entry, Error, Opened, Outputs, Rule, Unit, Usage,
    Vocabulary,
};

/// Name with synonyms behind `|`, unit.
const SIGNALS: [(&str, &str); 14] = [
    ("oxygen", "mmHg"),
    ("glucose", "mM"),
    ("oxygen gradient", "mmHg/µm"),
    ("pressure", "1"),
    ("volume", "µm^3"),
    ("contact with tumor cell", "1"),
    ("contact with CD8 T cell", "1"),
    ("contact with live cells|contact with live cell", "1"),
    ("damage", "1"),
    ("dead|is dead", "1"),
    ("time|current time|global time", "min"),
    ("custom:PD-1", "1"),
    ("custom:PD-L1", "1"),
    ("total attack time", "min"),
];

/// Name, unit, base of every type, whether an event's rate.
const BEHAVIORS: [(&str, &str, f64, bool); 9] = [
    ("migration speed", "µm/min", 4.0, false),
    ("migration bias", "1", 0.5, false),
    ("cycle entry|exit from cycle phase 0", "1/min", 0.0007, true),
    ("apoptosis", "1/min", 5.3e-5, true),
    ("necrosis", "1/min", 0.0, true),
    ("oxygen uptake", "1/min", 10.0, false),
    ("attack tumor cell", "1/min", 0.0, true),
    ("custom:PD-L1", "1", 0.1, false),
    ("transition from rest to work", "1/min", 0.0, true),
];

pub fn entry(names: &str, unit: &str, is_event_rate: bool) -> Entry {
    let mut names = names.split('|').map(str::to_owned);
    Entry {
        name: names.next().unwrap(),
        synonyms: names.collect(),
        unit: Unit::parse(unit).unwrap(),
        is_event_rate,
        range: rules::dictionary::NOT_NEGATIVE,
    }
}

/// Four types, two of which have awkward names.
pub fn vocabulary() -> Vocabulary {
    let mut signals = Dictionary::new("signal");
    for (name, unit) in SIGNALS {
        signals.add(entry(name, unit, false));
    }
    let mut pair_signals = Dictionary::new("pair signal");
    for (name, unit) in [("contact age", "min"), ("gap", "µm"), ("hits", "1")] {
        pair_signals.add(entry(name, unit, false));
    }
    let mut behaviors = Dictionary::new("behavior");
    for (name, unit, _, is_event_rate) in BEHAVIORS {
        behaviors.add(entry(name, unit, is_event_rate));
    }
    let mut pair_behaviors = Dictionary::new("pair behavior");
    for name in ["hit", "detach"] {
        pair_behaviors.add(entry(name, "1/min", true));
    }
    let types = [
        "CD8 T cell",
        "tumor cell",
        "M0 macrophage",
        "cell on film: #2",
    ];
    let base: Vec<f64> = BEHAVIORS.iter().map(|(_, _, base, _)| *base).collect();
    Vocabulary {
        types: types.map(str::to_owned).to_vec(),
        signals,
        pair_signals,
        behaviors,
        pair_behaviors,
        base: vec![base; types.len()],
        phenotype_step: 6.0,
        mechanics_step: 0.1,
    }
}

/// A binding of a file, which need not exist.
pub fn binding(file: impl Into<PathBuf>) -> Binding {
    let file = file.into();
    Binding {
        name: file.file_stem().unwrap().to_string_lossy().into_owned(),
        file,
        clock: None,
        combine: None,
        sha256: None,
        engine: Engine::Embedded,
        adoption: rules::Adoption::default(),
    }
}

/// Opens files in Milieu's own usage.
pub fn open(bindings: &[Binding]) -> Result<Vec<Box<dyn Rule>>, Error> {
    Ok(rules::open(bindings, &vocabulary(), Usage::Milieu)?.rules)
}

/// Binds texts, each called by the name before it; `.csv` is a table.
pub fn texts(files: &[(&str, &str)]) -> Result<Vec<Box<dyn Rule>>, Error> {
    Ok(used(files, &vocabulary(), Usage::Milieu)?.rules)
}

/// The same in any usage.
pub fn used(
    files: &[(&str, &str)],
    vocabulary: &Vocabulary,
    usage: Usage,
) -> Result<Opened, Error> {
    let bindings: Vec<Binding> = files.iter().map(|(name, _)| binding(*name)).collect();
    let sources: Vec<Source<'_>> = bindings
        .iter()
        .zip(files)
        .map(|(binding, (name, text))| Source {
            binding,
            form: if name.ends_with(".csv") {
                Form::Table
            } else {
                Form::Sentences
            },
            text: (*text).to_owned(),
        })
        .collect();
    bind(&sources, vocabulary, usage)
}

/// Binds one text of sentences.
pub fn sentences(text: &str) -> Result<Vec<Box<dyn Rule>>, Error> {
    texts(&[("cells.rules", text)])
}

/// Applies a rule to columns; all rows are alive if `dead` is empty.
pub fn apply(rule: &dyn Rule, signals: &[Vec<f64>], dead: &[bool]) -> Outputs {
    let rows = signals.first().map_or(0, Vec::len);
    let alive = vec![false; rows];
    let batch = Batch {
        rows,
        signals: &rules::lent(signals),
        noise: &[],
        dead: if dead.is_empty() { &alive } else { dead },
        dt: rule.signature().clock,
        ..Batch::default()
    };
    let mut out = Outputs::default();
    out.reset(rule.signature().writes.len(), rows);
    rule.apply(&batch, &mut out).unwrap();
    out
}

/// Numbers in [0, 1) that are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}
