//! Rules that are called on an occasion: encoders when cells enter, models of division when cells
//! divide, decoders before all others. The rules are functions made here, so that what they are
//! asked can be seen.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rules::{
    Batch, Combine, Declared, Distribution, Error, Graph, Inherit, Kind, LatentSpace, Noise,
    Occasion, Opened, Outputs, Provenance, Read, Recorded, Rule, Side, Signature, Subject, Target,
    Vocabulary, Write,
};
use sim::output::{CellTable, EventKind};
use sim::plan::{Bound, bind_with};
use sim::scenario::parse;
use sim::simulation::Simulation;

/// A model made of a function of a row's signals and noise.
struct Model {
    signature: Signature,
    rows: Arc<AtomicUsize>,
    answer: fn(&[f64], &[f32]) -> Vec<f64>,
}

impl Rule for Model {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        self.rows.fetch_add(batch.rows, Ordering::Relaxed);
        let lanes = self.signature.noise.map_or(0, |noise| noise.lanes);
        for row in 0..batch.rows {
            let signals: Vec<f64> = batch.signals.iter().map(|column| column[row]).collect();
            let noise = &batch.noise[row * lanes..(row + 1) * lanes];
            for (column, value) in out.columns.iter_mut().zip((self.answer)(&signals, noise)) {
                column[row] = value;
            }
        }
        Ok(())
    }

    fn describe(&self) -> Vec<String> {
        Vec::new()
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            name: self.signature.source.clone(),
            file: PathBuf::new(),
            sha256: String::new(),
            engine: "a function".into(),
            model: None,
        }
    }
}

/// What a model is before it is bound.
#[derive(Clone)]
struct Draft {
    name: &'static str,
    occasion: Occasion,
    clock: f64,
    lanes: usize,
    reads: &'static [&'static str],
    /// `readout:…`, or a behavior.
    writes: &'static [(Side, &'static str)],
    answer: fn(&[f64], &[f32]) -> Vec<f64>,
    rows: Arc<AtomicUsize>,
    /// Of a graph: types that are only seen.
    sees: Option<Vec<usize>>,
}

impl Draft {
    fn new(
        name: &'static str,
        occasion: Occasion,
        reads: &'static [&'static str],
        writes: &'static [(Side, &'static str)],
        answer: fn(&[f64], &[f32]) -> Vec<f64>,
    ) -> Draft {
        Draft {
            name,
            occasion,
            clock: 6.0,
            lanes: 0,
            reads,
            writes,
            answer,
            rows: Arc::default(),
            sees: None,
        }
    }

    /// The model, of all cells of the first type.
    fn bind(&self, vocabulary: &Vocabulary) -> Box<dyn Rule> {
        let reads = self.reads.iter().map(|name| Read {
            side: Side::Cell,
            signal: vocabulary.signals.find(name).unwrap(),
        });
        let writes = self.writes.iter().map(|&(side, name)| Write {
            side,
            target: match name.starts_with("readout:") {
                true => Target::Readout(name.into()),
                false => Target::Behavior(vocabulary.behaviors.find(name).unwrap()),
            },
            kind: match name.starts_with("readout:") {
                true => Kind::Readout,
                false => Kind::Parameter { relaxation: None },
            },
            applies_to_dead: false,
            reduce: Default::default(),
        });
        Box::new(Model {
            signature: Signature {
                source: self.name.into(),
                subject: Subject::Cell { types: vec![0] },
                occasion: self.occasion,
                graph: self.sees.clone().map(|sees| Graph { sees }),
                reads: reads.collect(),
                writes: writes.collect(),
                clock: self.clock,
                noise: (self.lanes > 0).then_some(Noise {
                    distribution: Distribution::Normal,
                    lanes: self.lanes,
                }),
                combine: Some(Combine::Sum),
            },
            rows: self.rows.clone(),
            answer: self.answer,
        })
    }
}

/// What these models declare of cells of the type `stem`: a space, and their readouts.
fn declared(drafts: &[Draft], inherit: Inherit) -> Declared {
    let writes = drafts.iter().flat_map(|draft| draft.writes);
    let readouts = writes.filter(|(_, name)| name.starts_with("readout:"));
    Declared {
        spaces: vec![LatentSpace {
            id: "fate/2".into(),
            width: 2,
            inherit,
            initial: vec![0.5; 2],
            types: vec!["stem".into()],
        }],
        recorded: readouts
            .map(|(_, name)| Recorded {
                name: (*name).into(),
                unit: "1".into(),
                types: vec!["stem".into()],
            })
            .collect(),
    }
}

/// The first rules are written, the rest are these models.
fn bound(text: &str, written: &str, drafts: &[Draft], inherit: Inherit) -> Result<Bound, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("written.rules"), written).unwrap();
    let sources = match written {
        "" => String::new(),
        _ => "[rules]\nwritten = \"written.rules\"\n".to_owned(),
    };
    fs::write(
        folder.path().join("scenario.toml"),
        format!("{text}{sources}"),
    )
    .unwrap();
    let scenario =
        parse::read(folder.path(), &[], None).unwrap_or_else(|problems| panic!("{problems:?}"));
    let sources = scenario.rules.iter();
    let bindings: Vec<_> = sources.map(|source| source.binding.clone()).collect();
    let usage = scenario.semantics.rules();
    bind_with(scenario, &declared(drafts, inherit), |vocabulary| {
        let written = rules::open(&bindings, vocabulary, usage).map_err(|it| it.to_string())?;
        let models = drafts.iter().map(|draft| draft.bind(vocabulary));
        Ok(Opened {
            rules: models.chain(written.rules).collect(),
            notes: written.notes,
        })
    })
}

fn simulation(text: &str, written: &str, drafts: &[Draft], threads: usize) -> Simulation {
    Simulation::new(
        bound(text, written, drafts, Inherit::Copy).unwrap(),
        threads,
    )
    .unwrap()
}

fn refusal(text: &str, written: &str, drafts: &[Draft]) -> String {
    match bound(text, written, drafts, Inherit::Copy) {
        Ok(_) => panic!("nothing was refused"),
        Err(message) => message,
    }
}

fn run(simulation: &mut Simulation, minutes: f64) {
    while simulation.time() < minutes - 1e-9 {
        simulation.step().unwrap();
    }
}

fn column<'a>(table: &'a CellTable, name: &str) -> &'a [f64] {
    let mut columns = table.extra.iter();
    let column = columns.find(|column| column.name == name);
    &column.unwrap_or_else(|| panic!("no column {name}")).values
}

/// Stem cells that divide every 30 min and become grown at a rate; some more arrive.
const TISSUE: &str = r#"seed = 3
duration = "2 h"
clocks = { diffusion = 0.5, mechanics = 0.5, phenotype = 6 }
domain = { dimensions = 2, size = [600, 600] }
[substrates.oxygen]
diffusion_coefficient = 0
initial = 38
[cell_types.stem]
custom = { load = 1 }
motility = { speed = 1 }
[cell_types.stem.cycle]
model = "custom"
phases = [{ name = "all", duration = "30 min", fixed = true, divides = true }]
[cell_types.grown]
[cells.first]
type = "stem"
count = 40
[arrivals.late]
type = "stem"
rate = "0.2 1/min"
[outputs]
cell_columns = ["age", "custom:load", "migration speed", "latent:fate/2"]
"#;

fn with_readout(text: &str) -> String {
    text.replace("\"age\"", "\"age\", \"readout:now\"")
}

/// Says the time, and a little of the vector.
fn decoder() -> Draft {
    let reads = &["time", "latent:fate/2:0"];
    let writes = &[(Side::Cell, "readout:now")];
    Draft::new(
        "decoder",
        Occasion::Decoding,
        reads,
        writes,
        |signals, _| vec![signals[0] + signals[1]],
    )
}

/// Sets the vector to oxygen and a deviate.
fn encoder() -> Draft {
    let reads = &["oxygen"];
    let writes = &[
        (Side::Cell, "latent:fate/2:0"),
        (Side::Cell, "latent:fate/2:1"),
    ];
    let encoder = Draft::new(
        "encoder",
        Occasion::Entry,
        reads,
        writes,
        |signals, noise| vec![signals[0], f64::from(noise[1])],
    );
    Draft {
        lanes: 2,
        ..encoder
    }
}

/// One child gets one more, the other one less; the load goes to the new one.
fn division() -> Draft {
    let reads = &["latent:fate/2:0", "custom:load"];
    let writes = &[
        (Side::ChildA, "latent:fate/2:0"),
        (Side::ChildB, "latent:fate/2:0"),
        (Side::ChildA, "custom:load"),
        (Side::ChildB, "custom:load"),
    ];
    Draft::new(
        "division",
        Occasion::Division,
        reads,
        writes,
        |signals, _| vec![signals[0] + 1.0, signals[0] - 1.0, 0.0, signals[1] + 10.0],
    )
}

#[test]
fn a_cell_is_encoded_once_when_it_enters_and_not_when_it_is_born() {
    let encoder = encoder();
    let mut simulation = simulation(TISSUE, "", std::slice::from_ref(&encoder), 2);
    let table = simulation.table();
    assert_eq!(column(&table, "latent:fate/2:0"), [38.0; 40], "at t = 0");
    let deviates = column(&table, "latent:fate/2:1").to_vec();
    let mean = deviates.iter().sum::<f64>() / 40.0;
    let variance = deviates
        .iter()
        .map(|it| (it - mean) * (it - mean))
        .sum::<f64>()
        / 39.0;
    // Forty normal deviates: within five standard errors.
    assert!(mean.abs() < 5.0 / 40f64.sqrt(), "mean {mean}");
    assert!(
        (variance - 1.0).abs() < 5.0 * (2.0 / 39f64).sqrt(),
        "variance {variance}"
    );
    run(&mut simulation, 45.0);
    let events = simulation.events();
    let count = |kind| events.iter().filter(|event| event.kind == kind).count();
    let (arrivals, births) = (count(EventKind::Arrival), count(EventKind::Division));
    assert!(
        arrivals > 0 && births >= 40,
        "{arrivals} arrivals, {births} births"
    );
    assert_eq!(encoder.rows.load(Ordering::Relaxed), 40 + arrivals);
    let table = simulation.table();
    assert!(
        column(&table, "latent:fate/2:0")
            .iter()
            .all(|&of| of == 38.0)
    );
}

#[test]
fn a_cell_is_encoded_where_several_rules_share_what_the_encoder_writes() {
    let half = |name| {
        let writes = &[(Side::Cell, "latent:fate/2:0")];
        Draft::new(name, Occasion::Clock, &["oxygen"], writes, |_, _| vec![0.5])
    };
    let drafts = [encoder(), half("one"), half("other")];
    let mut simulation = simulation(TISSUE, "", &drafts, 1);
    let table = simulation.table();
    assert_eq!(column(&table, "latent:fate/2:0"), [38.0; 40]);
}

#[test]
fn what_a_decoder_records_is_there_at_once_and_in_the_first_frame() {
    let text = with_readout(TISSUE);
    // 8 · t / (t + 6.5), from the value of this very step: t + 0.5.
    let rules =
        "stem: readout:now increases migration speed towards 8, half-max 6.5, Hill power 1\n";
    let mut simulation = simulation(&text, rules, &[decoder()], 1);
    let table = simulation.table();
    assert_eq!(column(&table, "readout:now"), [0.5; 40]);
    run(&mut simulation, 6.0);
    let table = simulation.table();
    let speeds = column(&table, "migration speed");
    // Base 1: (1 + 8 x) / (1 + x) with x = 1.
    let old = |row: &usize| column(&table, "age")[*row] == 6.0;
    let all: Vec<f64> = (0..speeds.len())
        .filter(old)
        .map(|row| speeds[row])
        .collect();
    assert_eq!(all, [4.5; 40]);
    // Whoever has come since was decoded on entering.
    run(&mut simulation, 8.0);
    let table = simulation.table();
    assert!(table.id.len() > 40);
    assert!(
        column(&table, "readout:now")
            .iter()
            .all(|now| now.is_finite())
    );
}

#[test]
fn a_cell_that_becomes_what_decoders_speak_of_is_decoded_in_the_same_step() {
    let text = with_readout(TISSUE)
        .replace(
            "[cell_types.grown]",
            "[cell_types.grown]\ntransformations = { stem = 1e6 }",
        )
        .replace("type = \"stem\"\ncount", "type = \"grown\"\ncount");
    let mut simulation = simulation(&text, "", &[decoder()], 1);
    assert!(
        column(&simulation.table(), "readout:now")
            .iter()
            .all(|now| now.is_nan())
    );
    run(&mut simulation, 6.0);
    let table = simulation.table();
    assert!(table.cell_type.iter().all(|&kind| kind == 0));
    assert!(
        column(&table, "readout:now")
            .iter()
            .all(|now| now.is_finite())
    );
}

#[test]
fn a_graph_records_nothing_with_cells_that_it_only_sees() {
    let text = with_readout(TISSUE);
    let graph = Draft {
        occasion: Occasion::Clock,
        reads: &["time", "age"],
        sees: Some(vec![1]),
        ..decoder()
    };
    let cells = "[cells.others]\ntype = \"grown\"\nat = [[0, 0]]\n";
    let mut simulation = simulation(&format!("{text}{cells}"), "", &[graph], 1);
    run(&mut simulation, 6.0);
    let table = simulation.table();
    let now = column(&table, "readout:now");
    assert!(table.cell_type.contains(&1), "there is a cell that is seen");
    for (now, kind) in now.iter().zip(&table.cell_type) {
        assert_eq!(now.is_finite(), *kind == 0);
    }
    // Founders are as old as the run.
    assert_eq!(now.iter().filter(|now| **now == 12.0).count(), 40);
}

/// Every cell and event of a run, but for the readout.
fn story(text: &str, written: &str, drafts: &[Draft], threads: usize) -> String {
    let mut simulation = simulation(text, written, drafts, threads);
    run(&mut simulation, 90.0);
    let table = simulation.table();
    let columns = table.extra.iter();
    let columns: Vec<_> = columns
        .filter(|column| column.name != "readout:now")
        .map(|column| {
            let bits = column.values.iter().map(|value| value.to_bits());
            (column.name.clone(), bits.collect::<Vec<u64>>())
        })
        .collect();
    format!(
        "{:?} {:?} {columns:?} {:?}",
        table.id,
        table.position,
        simulation.events()
    )
}

#[test]
fn a_decoder_changes_nothing() {
    let rules = "stem: age increases migration speed towards 8, half-max 20, Hill power 2\n\
                 stem on stem: contact age increases detach towards 1, half-max 3, Hill power 1\n\
                 stem on stem: contact age increases hit towards 1, half-max 3, Hill power 1\n";
    let noisy = |draft: Draft| Draft { lanes: 3, ..draft };
    let others = [encoder(), division()];
    let without = story(TISSUE, rules, &others, 1);
    assert!(without.contains("Hit"), "pairs draw numbers");
    let drafts = [vec![noisy(decoder())], others.to_vec()].concat();
    assert!(without == story(&with_readout(TISSUE), rules, &drafts, 1));
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let drafts = [encoder(), decoder(), division()];
    let one = story(&with_readout(TISSUE), "", &drafts, 1);
    for threads in [2, 3, 8] {
        assert!(
            one == story(&with_readout(TISSUE), "", &drafts, threads),
            "{threads}"
        );
    }
}

#[test]
fn children_get_what_a_model_of_division_says_and_inherit_the_rest() {
    for semantics in ["milieu", "physicell-1.14"] {
        let text = format!("semantics = \"{semantics}\"\n{TISSUE}").replace(
            "[arrivals.late]\ntype = \"stem\"\nrate = \"0.2 1/min\"\n",
            "",
        );
        let model = division();
        let bound = bound(&text, "", std::slice::from_ref(&model), Inherit::Noise(0.1)).unwrap();
        let mut simulation = Simulation::new(bound, 1).unwrap();
        // All divide once.
        run(&mut simulation, 45.0);
        let table = simulation.table();
        assert_eq!(table.id.len(), 80, "{semantics}");
        assert_eq!(model.rows.load(Ordering::Relaxed), 40, "one row a mother");
        let row: HashMap<u64, usize> = table.id.iter().copied().zip(0..).collect();
        let (fate, load) = (
            column(&table, "latent:fate/2:0"),
            column(&table, "custom:load"),
        );
        let second = column(&table, "latent:fate/2:1");
        let events = simulation.events().iter();
        for event in events.filter(|event| event.kind == EventKind::Division) {
            let (mother, daughter) = (row[&event.cell], row[&event.partner.unwrap()]);
            assert_eq!((fate[mother], fate[daughter]), (1.5, -0.5), "{semantics}");
            assert_eq!((load[mother], load[daughter]), (0.0, 11.0), "{semantics}");
            // What the model says nothing of has the noise of `inherit`.
            assert!(second[mother] != 0.5 && second[daughter] != second[mother]);
        }
    }
}

#[test]
fn readouts_are_read_only_from_decoders_that_have_recorded_them_by_then() {
    let text = with_readout(TISSUE);
    let rules = "stem: readout:now increases migration speed towards 8, half-max 6, Hill power 1";
    let acting = Draft {
        occasion: Occasion::Clock,
        ..decoder()
    };
    let said = refusal(&text, rules, std::slice::from_ref(&acting));
    let expected = "rules `written` read `readout:now`, which `decoder` records while it acts";
    assert!(said.starts_with(expected), "{said}");
    let shown = bound(&text, "", &[acting], Inherit::Copy);
    assert!(shown.is_ok(), "{:?}", shown.err());
    let often = format!("{rules}, every 3 min\n");
    let said = refusal(&text, &often, &[decoder()]);
    let expected =
        "rules `written` read `readout:now` every 3 min, but `decoder` records it every 6";
    assert!(said.starts_with(expected), "{said}");
    let seldom = format!("{rules}, every 12 min\n");
    assert!(bound(&text, &seldom, &[decoder()], Inherit::Copy).is_ok());
    let said = refusal(
        &text,
        "",
        &[
            decoder(),
            Draft {
                name: "other",
                ..decoder()
            },
        ],
    );
    let expected = "E-CONFLICT: rules `decoder` and `other` both record `readout:now` of `stem`";
    assert!(said.starts_with(expected), "{said}");
    let said = refusal(
        TISSUE,
        "",
        &[
            encoder(),
            Draft {
                name: "other",
                ..encoder()
            },
        ],
    );
    let expected = "E-CONFLICT: rules `encoder` and `other` both write `latent:fate/2:0` of `stem` when it enters";
    assert!(said.starts_with(expected), "{said}");
}
