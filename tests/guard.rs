//! Models with written rules behind them, as a user runs them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use prost::Message;
use rules::neural::{
    contract::Spec,
    domain::Domain,
    make::{golden_rows, seal},
    proto::{Graph, Model, Node, OperatorSet, Tensor, ValueInfo},
};
use rules::*;
use serde_json::{Value, json};
use sim::output::Vitality;
use sim::plan::bind_with;
use sim::scenario::parse;
use sim::simulation::Simulation;
use tempfile::TempDir;

/// Two cells that wander, an hour long; ages are 6, 12, …, 60 min when rules are called.
const SCENARIO: &str = r#"name = "guard"
duration = "60 min"

[domain]
dimensions = 2
size = [200, 200]

[clocks]
diffusion = 0.1

[cell_types.tumor]
motility = { speed = 1 }

[cells.first]
type = "tumor"
at = [[0, 0], [50, 5]]

[rules.learned]
file = "model.onnx"

[outputs]
interval = "12 min"
write = ["cells", "events", "populations", "guard"]
"#;

const BEHIND: &str =
    "tumor: age decreases migration speed from 1 towards 0.2 µm/min, half-max 20 min, Hill power 2
tumor: age increases apoptosis towards 0.01 1/min, half-max 30 min, Hill power 2
";

/// The file of a cell model of tumor cells that reads `age`, trained up to `hi` min, as `x`; or
/// of pairs that reads `contact age` as `e`.
fn model(mut spec: Value, hi: f64, nodes: Vec<Node>, constants: &[(&str, f64)]) -> Vec<u8> {
    let input = if spec["form"] == "dyad" { "e" } else { "x" };
    if input == "x" {
        spec["form"] = json!("cell");
        spec["acts_on"] = json!("tumor");
    }
    spec["dt"] = json!({"trained": 6, "min": 0.1, "max": 60, "unit": "min"});
    let name = if input == "x" { "age" } else { "contact age" };
    spec["inputs"] =
        json!([{"tensor": input, "col": 0, "name": name, "unit": "min", "lo": 0, "hi": hi}]);
    let mut given: Vec<String> = spec["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|output| output["tensor"].as_str().unwrap().to_owned())
        .collect();
    if spec.get("gate").is_some() {
        given.push("g".into());
    }
    if let Some(std) = spec["outputs"][0]["uncertainty"]["std"].as_str() {
        given.push(std.to_owned());
    }
    if let Some(score) = spec["ood"]["score"]["tensor"].as_str() {
        given.push(score.to_owned());
    }
    let spec = Spec::from_json(spec).unwrap();
    let one = |name: &str| ValueInfo::floats(name, &[None, Some(1)], "n_rows");
    let constant = |(name, value): &(&str, f64)| Tensor::floats(name, &[1, 1], &[*value as f32]);
    let mut model = Model {
        ir_version: Some(10),
        graph: Some(Graph {
            name: Some("rule".into()),
            node: nodes,
            initializer: constants.iter().map(constant).collect(),
            input: vec![one(input)],
            output: given.iter().map(|name| one(name)).collect(),
            ..Graph::default()
        }),
        opset_import: vec![OperatorSet {
            domain: Some(String::new()),
            version: Some(18),
        }],
        ..Model::default()
    };
    model.set_metadata("milieu.contract", "1".into());
    model.set_metadata("milieu.spec", serde_json::to_string(&spec).unwrap());
    seal(&mut model, &golden_rows(&spec, 64)).unwrap();
    model.encode_to_vec()
}

/// Nodes that give each of these tensors its constant, which is called `to_NAME`.
fn constants(names: &[&str]) -> Vec<Node> {
    let mut nodes = vec![Node::new("Mul", &["x", "zero"], "nothing")];
    for name in names {
        nodes.push(Node::new("Add", &["nothing", &format!("to_{name}")], name));
    }
    nodes
}

fn outputs() -> Value {
    json!([
        {"tensor": "y", "name": "migration speed", "kind": "parameter", "unit": "µm/min"},
        {"tensor": "q", "name": "apoptosis", "kind": "rate", "unit": "1/min"},
    ])
}

/// Speed 3 µm/min, and death once in 1000 min, whatever the age.
fn plain(hi: f64) -> Vec<u8> {
    let values = [("zero", 0.0), ("to_y", 3.0), ("to_q", 0.001)];
    model(
        json!({"outputs": outputs()}),
        hi,
        constants(&["y", "q"]),
        &values,
    )
}

/// The same with a gate open so far.
fn gated(w: f64) -> Vec<u8> {
    let values = [("zero", 0.0), ("to_y", 3.0), ("to_q", 0.001), ("to_g", w)];
    let spec = json!({"outputs": outputs(), "gate": {"tensor": "g"}});
    model(spec, 100.0, constants(&["y", "q", "g"]), &values)
}

/// Corrections, all of this size.
fn correction(r: f64) -> Vec<u8> {
    let outputs = json!([
        {"tensor": "y", "name": "migration speed", "kind": "parameter", "unit": "µm/min", "scale": 2},
        {"tensor": "q", "name": "apoptosis", "kind": "rate", "unit": "1"},
    ]);
    let values = [("zero", 0.0), ("to_y", r), ("to_q", r)];
    let spec = json!({"outputs": outputs, "residual": {"cap": 4}});
    model(spec, 100.0, constants(&["y", "q"]), &values)
}

/// Speed log(30 min − age): no number from 30 min on; trained up to 15 min.
fn expiring() -> Vec<u8> {
    let outputs = json!([
        {"tensor": "y", "name": "migration speed", "kind": "parameter", "unit": "µm/min"},
    ]);
    let nodes = vec![
        Node::new("Sub", &["until", "x"], "left"),
        Node::new("Log", &["left"], "y"),
    ];
    model(json!({"outputs": outputs}), 15.0, nodes, &[("until", 30.0)])
}

/// A place with the scenario, further keys of the model's entry, the model and the rules behind it.
fn place(keys: &str, model: &[u8], behind: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let entry = "file = \"model.onnx\"\n";
    let scenario = SCENARIO.replace(entry, &format!("{entry}{keys}\n"));
    fs::write(home.path().join("scenario.toml"), scenario).unwrap();
    fs::write(home.path().join("model.onnx"), model).unwrap();
    fs::write(home.path().join("behind.rules"), behind).unwrap();
    home
}

fn milieu(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milieu"));
    command.args(arguments).current_dir(home).output().unwrap()
}

/// Runs to the end; the record, and every other file of cells and events.
#[track_caller]
fn run(home: &TempDir, threads: usize) -> (Value, BTreeMap<PathBuf, Vec<u8>>) {
    let threads = threads.to_string();
    let arguments = ["run", "scenario.toml", "--out", "o", "--force", "--threads"];
    let output = milieu(home.path(), &[&arguments[..], &[&threads]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let out = home.path().join("o");
    let files = ["cells.parquet", "events.parquet", "populations.csv"];
    let files = files.map(|name| (name.into(), fs::read(out.join(name)).unwrap()));
    (record(home), files.into_iter().collect())
}

fn record(home: &TempDir) -> Value {
    let text = fs::read_to_string(home.path().join("o/run.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The run of the written rules alone.
fn mechanistic(behind: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let home = place("", b"", behind);
    let scenario = SCENARIO.replace("model.onnx", "behind.rules");
    fs::write(home.path().join("scenario.toml"), scenario).unwrap();
    run(&home, 1).1
}

const WITH: &str = "mechanistic = \"behind.rules\"";

#[test]
fn a_shadow_is_the_mechanistic_run_byte_for_byte_with_any_number_of_threads() {
    let wanted = mechanistic(BEHIND);
    let home = place(&format!("{WITH}\nmode = \"shadow\""), &plain(100.0), BEHIND);
    for threads in [1, 2, 3, 8] {
        let (record, files) = run(&home, threads);
        assert!(files == wanted, "{threads} threads");
        let shadow = &record["models"][0]["shadow"];
        let rows = record["models"][0]["rows"].as_u64().unwrap();
        assert!(rows > 10 && shadow["apoptosis"]["rows"] == rows, "{shadow}");
        // 3 µm/min against 1 at most and 0.2 at least.
        let mean = shadow["migration speed"]["mean"].as_f64().unwrap();
        assert!(mean > 2.0 && mean < 2.8, "{shadow}");
    }
}

#[test]
fn corrections_of_zero_are_the_mechanistic_run_byte_for_byte() {
    let home = place(WITH, &correction(0.0), BEHIND);
    let (record, files) = run(&home, 2);
    assert_eq!(record["models"][0]["mode"], "residual");
    assert!(files == mechanistic(BEHIND));
    let home = place(WITH, &correction(0.5), BEHIND);
    assert!(run(&home, 2).1 != mechanistic(BEHIND));
}

#[test]
fn a_shut_gate_is_the_mechanistic_run_and_an_open_one_the_model_s() {
    let keys = format!("{WITH}\nmode = \"gated\"");
    let shut = run(&place(&keys, &gated(0.0), BEHIND), 1).1;
    assert!(shut == mechanistic(BEHIND));
    let open = run(&place(&keys, &gated(1.0), BEHIND), 1).1;
    assert!(open == run(&place(WITH, &plain(100.0), BEHIND), 1).1);
    assert!(open != shut);
}

/// Rules behind the model under which nobody dies, so that rows can be counted.
const SPEED: &str = "tumor: age decreases migration speed from 1 towards 0.2 µm/min, half-max 20 min, Hill power 2\n";

#[test]
fn rows_outside_fall_back_and_the_ledger_counts_them() {
    let outputs = json!([
        {"tensor": "y", "name": "migration speed", "kind": "parameter", "unit": "µm/min"},
    ]);
    let values = [("zero", 0.0), ("to_y", 3.0)];
    let bytes = model(
        json!({"outputs": outputs}),
        30.0,
        constants(&["y"]),
        &values,
    );
    let home = place(WITH, &bytes, SPEED);
    let (record, files) = run(&home, 1);
    // Two cells at 36, 42, 48, 54 and 60 min, of ten calls.
    let ledger = &record["models"][0];
    assert_eq!(ledger["rows"], 20);
    let share = &ledger["types"]["tumor"];
    assert_eq!(
        *share,
        json!({"rows": 20, "fired": 10, "outside": {"box": 10}, "fell_back": 10})
    );
    assert_eq!(
        (&ledger["written"], &ledger["clamped"]),
        (&json!(10), &json!(0))
    );
    let warnings = record["warnings"].to_string();
    assert!(
        warnings.contains("mostly mechanistic; 50.0 % of rows fell back"),
        "{warnings}"
    );
    let table = home.path().join("o/guard/learned.parquet");
    assert!(record["files"].to_string().contains("\"guard\""));
    let rows = read(&table);
    assert_eq!(rows["cell"].len(), 10);
    let time = &rows["time_min"];
    assert!(
        (time[0] - 36.0).abs() < 1e-9 && (time[9] - 60.0).abs() < 1e-9,
        "{time:?}"
    );
    assert_eq!(rows["input:age"], *time);
    assert_eq!(rows["model:migration speed"], [3.0; 10]);
    let said = rows["mechanistic:migration speed"][9];
    assert!((said - (1.0 - 0.8 * 0.9)).abs() < 1e-9, "{said}");
    // Without the writer, the same run.
    let scenario = home.path().join("scenario.toml");
    let text = fs::read_to_string(&scenario).unwrap();
    fs::write(&scenario, text.replace(", \"guard\"", "")).unwrap();
    assert!(run(&home, 1).1 == files);
    assert!(!home.path().join("o/guard").exists());
}

/// The columns of numbers of a Parquet file.
fn read(file: &Path) -> BTreeMap<String, Vec<f64>> {
    use arrow_array::{Array, Float64Array, UInt64Array};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let file = fs::File::open(file).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut columns: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let all = columns.entry(field.name().clone()).or_default();
            if let Some(column) = column.as_any().downcast_ref::<Float64Array>() {
                all.extend(column.values());
            } else if let Some(column) = column.as_any().downcast_ref::<UInt64Array>() {
                all.extend(column.values().iter().map(|value| *value as f64));
            }
        }
    }
    columns
}

#[test]
fn a_model_that_stops_giving_numbers_gives_way_to_the_rules_behind_it() {
    let home = place(WITH, &expiring(), SPEED);
    let (record, _) = run(&home, 1);
    // Outside from 18 min on, without a number from 30 min on.
    let outside = &record["models"][0]["types"]["tumor"]["outside"];
    assert_eq!(*outside, json!({"box": 16, "not finite": 12}));
    // Though the guard only warns, a row without a number falls back.
    let home = place(&format!("{WITH}\nguard = \"warn\""), &expiring(), SPEED);
    let (record, _) = run(&home, 1);
    assert_eq!(record["models"][0]["types"]["tumor"]["fell_back"], 12);
}

#[test]
fn guard_error_ends_the_run_with_the_cell_and_its_inputs() {
    let home = place("guard = \"error\"", &expiring(), SPEED);
    let output = milieu(
        home.path(),
        &["run", "scenario.toml", "--out", "o", "--quiet"],
    );
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let begins = "error: rule `learned` failed at t = 18 min on cell ";
    assert!(said.starts_with(begins), "{said}");
    assert!(
        said.contains(", the first of 2 or more: E-DOMAIN: box: age = 18"),
        "{said}"
    );
    assert!(said.contains(" min, trained on 0 to 15 min\n"), "{said}");
    assert_eq!(record(&home)["models"][0]["guard"], "error");
}

#[test]
fn a_spread_above_the_limit_ends_the_run_with_the_cell_and_the_time() {
    let outputs = json!([
        {"tensor": "y", "name": "migration speed", "kind": "parameter", "unit": "µm/h",
         "uncertainty": {"std": "s"}},
    ]);
    let mut nodes = constants(&["y"]);
    nodes.push(Node::new("Mul", &["x", "part"], "s"));
    let values = [("zero", 0.0), ("to_y", 60.0), ("part", 0.5)];
    let bytes = model(json!({"outputs": outputs}), 100.0, nodes, &values);
    // 0.14 µm/min are 8.4 µm/h, which half the age in minutes passes at 18 min.
    for (stated, shown) in [("0.14", "0.14 µm/min"), ("\"8.4 µm/h\"", "8.4 µm/h")] {
        let keys = format!("stop_above = {{ \"migration speed\" = {stated} }}");
        let home = place(&keys, &bytes, SPEED);
        let output = milieu(
            home.path(),
            &["run", "scenario.toml", "--out", "o", "--quiet"],
        );
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        let begins = "error: rule `learned` failed at t = 18 min on cell ";
        assert!(said.starts_with(begins), "{said}");
        let reason =
            format!("E-SPREAD: the spread 9 µm/h of output `migration speed` is above {shown},");
        assert!(
            said.contains(&reason) && said.contains("inputs: age = 18"),
            "{said}"
        );
    }
}

#[test]
fn clamped_inputs_are_counted() {
    let home = place("guard = \"clamp_inputs\"", &expiring(), SPEED);
    let (record, _) = run(&home, 1);
    // Two cells at 18, 24, …, 60 min; log(30 − 15) is a number.
    assert_eq!(record["models"][0]["inputs_clamped"], 16);
    assert_eq!(
        record["models"][0]["types"]["tumor"]["outside"],
        json!({"box": 16})
    );
}

#[test]
fn a_model_is_swapped_for_written_rules_by_its_file_alone() {
    let home = place("mode = \"shadow\"\nreturn_after = 2", b"", SPEED);
    let scenario = home.path().join("scenario.toml");
    let text = fs::read_to_string(&scenario).unwrap();
    fs::write(&scenario, text.replace("model.onnx", "behind.rules")).unwrap();
    let output = milieu(home.path(), &["check", "scenario.toml"]);
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    let note = "rules.learned: `mode`, `return_after` are for models; \
                `behind.rules` is written and acts by itself";
    assert!(said.contains(note), "{said}");
}

#[test]
fn the_hash_of_a_scenario_knows_how_its_models_are_taken_up() {
    let hash = |keys: &str, behind: &str| {
        let home = place(keys, &plain(100.0), behind);
        let scenario = parse::read(home.path(), &[], None).unwrap();
        scenario.hash().unwrap()
    };
    let usual = hash(WITH, BEHIND);
    assert_eq!(usual, hash(&format!("{WITH}\nmax_fallback = 0.5"), BEHIND));
    let others = [
        hash(&format!("{WITH}\nmode = \"shadow\""), BEHIND),
        hash(&format!("{WITH}\nguard = \"warn\""), BEHIND),
        hash(&format!("{WITH}\nreturn_after = 4"), BEHIND),
        hash(&format!("{WITH}\nmax_clamped = 0.5"), BEHIND),
        hash(WITH, SPEED),
        hash("", BEHIND),
    ];
    for (number, other) in others.iter().enumerate() {
        assert!(
            *other != usual && !others[..number].contains(other),
            "{number}"
        );
    }
}

#[test]
fn rows_like_those_held_out_are_called_strange_as_often_as_promised() {
    // The score is the age itself, calibrated on the ages of 99 held-out rows. Of rows like these
    // the score test calls at most alpha outside; here it is asked about 1,000 fresh ones, whose
    // number outside is binomial with p <= alpha = 0.05: more than 50 + 4 · 6.9 has odds of 1e-4.
    let draw = |number: u64| {
        let mut bits = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        60.0 * ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    let calibration: Vec<f64> = (0..99).map(draw).collect();
    let fresh: Vec<f64> = (1000..2000).map(draw).collect();
    let spec = json!({
        "outputs": outputs(),
        "ood": {"score": {"tensor": "s", "calibration": calibration, "alpha": 0.05}},
    });
    let mut nodes = constants(&["y", "q"]);
    nodes.push(Node::new("Identity", &["x"], "s"));
    let values = [("zero", 0.0), ("to_y", 3.0), ("to_q", 0.001)];
    let home = place("", &model(spec, 60.0, nodes, &values), BEHIND);
    let scenario = parse::read(home.path(), &[], None).unwrap();
    let bound = sim::plan::bind(scenario).unwrap();
    let rule = bound.rules[0].as_ref();
    let mut out = Outputs::default();
    out.reset(rule.signature().writes.len(), fresh.len());
    let batch = Batch {
        rows: fresh.len(),
        signals: &[fresh.as_slice().into()],
        dead: &vec![false; fresh.len()],
        types: &vec![0; fresh.len()],
        dt: 6.0,
        ..Batch::default()
    };
    rule.apply(&batch, &mut out).unwrap();
    let outside = out
        .domain
        .iter()
        .filter(|tiers| tiers.has(Tiers::SCORE))
        .count();
    assert!(outside > 0 && outside <= 78, "{outside} of 1000");
}

/// A model that gives every behavior of every type whatever is worst.
struct Adversary(Signature, Learned);

impl Rule for Adversary {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        let worst = [1e30, -1e30, f64::NAN, 0.0, 1.0, 1e5, -1.0, 1e-3];
        for (number, column) in out.columns.iter_mut().enumerate() {
            for (row, value) in column.iter_mut().enumerate() {
                let time = (batch.signals[0][row] * 10.0) as usize;
                let mixed = (number + 1) * 2_654_435_761 + (row + 7 * time) * 40_503;
                *value = worst[(mixed >> 7) % worst.len()];
            }
        }
        Ok(())
    }

    fn describe(&self) -> Vec<String> {
        Vec::new()
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            name: self.0.source.clone(),
            file: PathBuf::new(),
            sha256: String::new(),
            engine: "spite".into(),
            model: None,
        }
    }

    fn learned(&self) -> Option<&Learned> {
        Some(&self.1)
    }
}

const TISSUE: &str = r#"duration = "30 min"

[domain]
dimensions = 2
size = [200, 200]

[clocks]
diffusion = 0.1

[substrates.oxygen]
unit = "mmHg"
diffusion_coefficient = 1000
decay_rate = 0.1
initial = 38

[cell_types.tumor]
custom = { x = 0 }
exchange = { oxygen = { uptake_rate = 1, secretion_target = 38 } }

[cell_types.T]
motility = { speed = 1 }

[cells.tumor]
type = "tumor"
count = 30
disc = { center = [0, 0], radius = 60 }

[cells.T]
type = "T"
count = 10
disc = { center = [0, 0], radius = 60 }
"#;

#[test]
fn no_model_can_break_an_invariant_of_the_tissue() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("scenario.toml"), TISSUE).unwrap();
    let scenario = parse::read(home.path(), &[], None).unwrap();
    let end = scenario.end_tick();
    let adversary = |vocabulary: &Vocabulary, kind: usize| {
        let is_its_own = |name: &str| {
            let other = &vocabulary.types[kind];
            kind == 0 && name == "custom:x"
                || !name.starts_with("custom:") && !name.ends_with(&format!("to {other}"))
        };
        let writes = vocabulary.behaviors.entries().iter().enumerate();
        let writes = writes.filter(|(_, entry)| {
            is_its_own(&entry.name)
                && !entry.name.contains("cycle")
                && !entry.name.contains("phase")
        });
        let write = |(number, entry): (usize, &Entry)| Write {
            side: Side::Cell,
            target: Target::Behavior(number),
            kind: match (entry.is_event_rate, number % 2) {
                (true, _) => Kind::Rate,
                (false, 0) => Kind::Parameter { relaxation: None },
                (false, _) => Kind::Delta { per: Some(1.0) },
            },
            applies_to_dead: false,
            reduce: Reduce::Sum,
        };
        let writes: Vec<Write> = writes.map(write).collect();
        let age = vocabulary.signals.find("time").unwrap();
        let learned = Learned {
            mode: Mode::Replace,
            guard: Guard::Warn,
            adoption: Adoption {
                max_clamped: 1.0,
                ..Adoption::default()
            },
            has_mechanistic: false,
            residuals: vec![Residual::None; writes.len()],
            inputs: vec![("time".into(), "min".into(), 1.0)],
            domain: Domain::default(),
            stops: Vec::new(),
        };
        let signature = Signature {
            source: format!("adversary {kind}"),
            subject: Subject::Cell { types: vec![kind] },
            occasion: Occasion::Clock,
            graph: None,
            reads: vec![Read {
                side: Side::Cell,
                signal: age,
            }],
            writes,
            clock: 0.5,
            noise: None,
            combine: None,
        };
        Box::new(Adversary(signature, learned)) as Box<dyn Rule>
    };
    let bound = bind_with(scenario, &Declared::default(), |vocabulary| {
        Ok(Opened {
            rules: (0..2).map(|kind| adversary(vocabulary, kind)).collect(),
            notes: Vec::new(),
        })
    });
    let mut simulation = Simulation::new(bound.unwrap(), 2).unwrap();
    while simulation.tick() < end {
        simulation.step().unwrap();
        let tissue = simulation.tissue();
        assert!(
            tissue
                .densities()
                .iter()
                .all(|density| density.is_finite() && *density >= 0.0)
        );
        for rank in 0..simulation.cells() {
            let [x, y, z] = tissue.position(rank);
            let radius = tissue.radius(rank);
            assert!(
                x.abs() <= 100.0 && y.abs() <= 100.0 && z == 0.0,
                "{x} {y} {z}"
            );
            assert!(radius.is_finite() && radius > 0.0, "{radius}");
        }
        if simulation.cells() > 5000 {
            break;
        }
    }
    let dead = simulation.roster().vitality.iter();
    assert!(simulation.time() > 2.0 && dead.filter(|it| **it != Vitality::Live).count() > 0);
    let (ledger, _) = simulation.guards().ledgers().next().unwrap();
    assert!(ledger.clamped > 0 && ledger.clamped < ledger.written);
}

const PAIRS: &str = r#"name = "guard"
duration = "60 min"

[domain]
dimensions = 2
size = [200, 200]

[clocks]
diffusion = 0.1

[cell_types.T]

[cell_types.tumor]

[cells.T]
type = "T"
at = [[0, 0], [50, 0]]

[cells.tumor]
type = "tumor"
at = [[12, 0], [62, 0]]

[rules.learned]
file = "model.onnx"

[outputs]
interval = "12 min"
write = ["cells", "events", "populations", "guard"]
"#;

const KILLING: &str = "T on tumor: contact age increases hit from 0 towards 0.5 1/min, half-max 5 min, Hill power 2\n";

/// A model of hits that says `value`, trained up to a contact of `hi` min.
fn hits(unit: &str, value: f64, hi: f64, residual: bool) -> Vec<u8> {
    let mut spec = json!({
        "form": "dyad",
        "acts_on": {"a": "T", "b": "tumor"},
        "outputs": [{"tensor": "y", "name": "hit", "on": "b", "kind": "hit", "size": 1,
                     "unit": unit, "reduce": "sum"}],
    });
    if residual {
        spec["residual"] = json!({"cap": 4});
    }
    let nodes = vec![
        Node::new("Mul", &["e", "zero"], "nothing"),
        Node::new("Add", &["nothing", "to_y"], "y"),
    ];
    model(spec, hi, nodes, &[("zero", 0.0), ("to_y", value)])
}

fn pairs(keys: &str, model: &[u8]) -> TempDir {
    let home = place("", model, KILLING);
    let entry = "file = \"model.onnx\"\n";
    let scenario = PAIRS.replace(entry, &format!("{entry}{keys}\n"));
    fs::write(home.path().join("scenario.toml"), scenario).unwrap();
    home
}

#[test]
fn a_model_of_pairs_stands_before_rules_of_pairs_as_one_of_cells_does() {
    let home = pairs("", b"");
    let scenario = PAIRS.replace("model.onnx", "behind.rules");
    fs::write(home.path().join("scenario.toml"), scenario).unwrap();
    let wanted = run(&home, 1).1;
    let shadow = format!("{WITH}\nmode = \"shadow\"");
    for threads in [1, 2, 3, 8] {
        let home = pairs(&shadow, &hits("1/min", 0.5, 100.0, false));
        let (record, files) = run(&home, threads);
        assert!(files == wanted);
        let shadow = &record["models"][0]["shadow"]["hit"];
        assert!(shadow["decisions"].as_f64().unwrap() > 0.0, "{shadow}");
        assert!(run(&pairs(WITH, &hits("1", 0.0, 100.0, true)), threads).1 == wanted);
    }
    // Trained on no contact at all: from the second call on every pair is the rules'.
    let home = pairs(WITH, &hits("1/min", 0.0, 0.01, false));
    let (record, files) = run(&home, 2);
    assert!(files == wanted);
    let ledger = &record["models"][0];
    let (rows, back) = (&ledger["rows"], &ledger["types"]["T"]["fell_back"]);
    assert!(
        rows.as_u64().unwrap() - back.as_u64().unwrap() <= 2,
        "{ledger}"
    );
    let rows = read(&home.path().join("o/guard/learned.parquet"));
    assert_eq!(
        rows["input:contact age"].len() as u64,
        back.as_u64().unwrap()
    );
    assert!(rows["mechanistic:hit"].iter().all(|rate| *rate > 0.0));
}
