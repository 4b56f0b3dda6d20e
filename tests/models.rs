//! Models as a user meets them: bound in a scenario, refused with a reason, failing in mid-run.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use prost::Message;
use rules::neural::{
    contract::Spec,
    make::{golden_rows, seal},
    proto::{Graph, Model, Node, OperatorSet, Tensor, ValueInfo},
};
use serde_json::json;
use sim::output::EventKind;
use sim::plan::bind;
use sim::scenario::parse;
use sim::simulation::Simulation;
use tempfile::TempDir;

const SCENARIO: &str = r#"duration = "60 min"

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

[rules]
learned = "model.onnx"

[outputs]
interval = "12 min"
write = ["populations"]
"#;

/// The file of a model that maps one column, tensor `input`, to `y` by these nodes and constants.
fn file(
    mut spec: serde_json::Value,
    input: &str,
    nodes: Vec<Node>,
    constants: &[(&str, f64)],
) -> Vec<u8> {
    spec["dt"] = json!({"trained": 6, "min": 0.1, "max": 60, "unit": "min"});
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
            output: vec![one("y")],
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

/// A model of `acts_on` with migration speed = log(until − age): no number from `until` min on,
/// where none of its golden rows is.
fn model(acts_on: &str, until: f64) -> Vec<u8> {
    let spec = json!({
        "form": "cell",
        "acts_on": acts_on,
        "inputs": [{"tensor": "x", "col": 0, "name": "age", "unit": "min",
                    "lo": 0, "hi": 0.5 * until, "mean": 0.25 * until, "std": 0.1 * until}],
        "outputs": [{"tensor": "y", "name": "migration speed", "kind": "parameter", "unit": "µm/min"}],
    });
    let nodes = vec![
        Node::new("Sub", &["until", "x"], "left"),
        Node::new("Log", &["left"], "y"),
    ];
    file(spec, "x", nodes, &[("until", until)])
}

/// A model whose output is `value` whatever `age` is: x · 0 + value.
fn constant(mut spec: serde_json::Value, value: f64) -> Vec<u8> {
    let input = if spec["form"] == "cell" { "x" } else { "a" };
    spec["inputs"] = json!([{"tensor": input, "col": 0, "name": "age", "unit": "min",
                             "lo": 0, "hi": 1000, "mean": 500, "std": 100}]);
    let nodes = vec![
        Node::new("Mul", &[input, "zero"], "nothing"),
        Node::new("Add", &["nothing", "value"], "y"),
    ];
    file(spec, input, nodes, &[("zero", 0.0), ("value", value)])
}

/// A cell model of these types that sets migration speed to `value`, with a relaxation time if any.
fn speed(acts_on: serde_json::Value, value: f64, tau: Option<f64>) -> Vec<u8> {
    let mut output = json!({"tensor": "y", "name": "migration speed", "kind": "parameter",
                            "unit": "µm/min"});
    if let Some(tau) = tau {
        output["tau"] = json!(tau);
    }
    constant(
        json!({"form": "cell", "acts_on": acts_on, "outputs": [output]}),
        value,
    )
}

const TWO_TYPES: &str = r#"duration = "60 min"

[domain]
dimensions = 2
size = [200, 200]

[clocks]
diffusion = 0.1

[cell_types.a]
apoptosis = { duration = 1000 }

[cell_types.b]
apoptosis = { duration = 1000 }

[cells.a]
type = "a"
at = [[0, 0]]

[cells.b]
type = "b"
at = [[12, 0]]

[rules]
first = "first.onnx"
second = { file = "second.onnx", combine = "sum" }

[outputs]
cell_columns = ["migration speed"]
"#;

/// The simulation of `TWO_TYPES` with some models, after an hour.
fn after_an_hour(scenario: &str, models: &[(&str, Vec<u8>)]) -> Result<Simulation, String> {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("scenario.toml"), scenario).unwrap();
    for (name, bytes) in models {
        fs::write(home.path().join(name), bytes).unwrap();
    }
    let scenario =
        parse::read(home.path(), &[], None).map_err(|problems| problems[0].to_string())?;
    let end = scenario.end_tick();
    let mut simulation = Simulation::new(bind(scenario)?, 1)?;
    while simulation.tick() < end {
        simulation.step()?;
    }
    Ok(simulation)
}

/// The migration speed of the cell of a type.
fn speed_of(simulation: &mut Simulation, kind: u16) -> f64 {
    let table = simulation.table();
    let rank = table
        .cell_type
        .iter()
        .position(|other| *other == kind)
        .unwrap();
    table.extra[0].values[rank]
}

fn workplace(scenario: &str, model: &[u8]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("scenario.toml"), scenario).unwrap();
    fs::write(home.path().join("model.onnx"), model).unwrap();
    home
}

fn milieu(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milieu"));
    command.args(arguments).current_dir(home).output().unwrap()
}

/// Asserts that the scenario is refused, and returns the message without the program's `error: `.
#[track_caller]
fn refusal(home: &TempDir) -> String {
    let output = milieu(home.path(), &["run", "scenario.toml", "--out", "o"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!home.path().join("o").exists());
    let said = String::from_utf8(output.stderr).unwrap();
    said.strip_prefix("error: ").unwrap().trim_end().to_owned()
}

#[test]
fn a_model_that_stops_giving_numbers_ends_the_run_and_keeps_what_was_saved() {
    let home = workplace(SCENARIO, &model("tumor", 30.0));
    let output = milieu(
        home.path(),
        &["run", "scenario.toml", "--out", "o", "--quiet"],
    );
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let begins = "error: rule `learned` failed at t = 30 min on cell ";
    assert!(said.starts_with(begins), "{said}");
    assert!(said.contains("E-NONFINITE"), "{said}");
    assert!(
        said.ends_with("what was saved until then is in o\n"),
        "{said}"
    );
    let record = fs::read_to_string(home.path().join("o/run.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(
        (&record["status"], &record["complete"]),
        (&json!("failed"), &json!(false))
    );
    let populations = fs::read_to_string(home.path().join("o/populations.csv")).unwrap();
    // Frames at 0, 12 and 24 min.
    assert_eq!(populations.lines().count(), 1 + 3, "{populations}");
}

#[test]
fn a_model_for_a_type_that_does_not_exist_is_refused() {
    let home = workplace(SCENARIO, &model("tumour", 300.0));
    assert_eq!(
        refusal(&home),
        "model.onnx: E-TYPE: acts_on: the model is for a cell type this scenario does not have: \
         unknown cell type `tumour`\n  did you mean `tumor`? known cell types: tumor"
    );
}

#[test]
fn a_model_that_is_not_the_pinned_one_is_refused() {
    let pinned = "learned = { file = \"model.onnx\", sha256 = \
                  \"0000000000000000000000000000000000000000000000000000000000000000\" }";
    let scenario = SCENARIO.replace("learned = \"model.onnx\"", pinned);
    let home = workplace(&scenario, &model("tumor", 300.0));
    let said = refusal(&home);
    assert!(said.starts_with("model.onnx: E-HASH: "), "{said}");
}

#[test]
fn a_model_that_is_no_model_is_refused() {
    let home = workplace(SCENARIO, b"not a model");
    let said = refusal(&home);
    assert!(said.starts_with("model.onnx: E-CONTRACT: "), "{said}");
}

#[test]
fn two_models_of_one_behavior_need_a_word_how_they_combine() {
    let twice = "learned = \"model.onnx\"\nagain = \"model.onnx\"";
    let scenario = SCENARIO.replace("learned = \"model.onnx\"", twice);
    let home = workplace(&scenario, &model("tumor", 300.0));
    assert_eq!(
        refusal(&home),
        "E-CONFLICT: rules `learned` and `again` both write `migration speed` of `tumor`\n  \
         leave one out, or say how they combine: again = { file = \"…\", combine = \"sum\" } \
         (sum, product or priority; pairs only sum)"
    );
    let scenario = scenario.replace(
        "again = \"model.onnx\"",
        "again = { file = \"model.onnx\", combine = \"sum\" }",
    );
    let home = workplace(&scenario, &model("tumor", 300.0));
    let output = milieu(
        home.path(),
        &["run", "scenario.toml", "--out", "o", "--quiet"],
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_model_that_rules_out_the_clock_is_refused() {
    let slow = "learned = { file = \"model.onnx\", clock = \"2 h\" }";
    let scenario = SCENARIO.replace("learned = \"model.onnx\"", slow);
    let home = workplace(&scenario, &model("tumor", 300.0));
    let said = refusal(&home);
    assert!(said.starts_with("model.onnx: E-DT: "), "{said}");
}

#[test]
fn an_absent_onnx_runtime_is_an_error_and_not_a_panic() {
    let native = "learned = { file = \"model.onnx\", engine = \"libonnxruntime.so.0.0\" }";
    let scenario = SCENARIO.replace("learned = \"model.onnx\"", native);
    let home = workplace(&scenario, &model("tumor", 300.0));
    let said = refusal(&home);
    assert!(said.starts_with("model.onnx: E-ENGINE: "), "{said}");
}

#[test]
fn sources_combine_for_the_types_they_share_and_no_others() {
    let models = [
        ("first.onnx", speed(json!("a"), 1.0, None)),
        ("second.onnx", speed(json!(["a", "b"]), 2.0, None)),
    ];
    let mut simulation = after_an_hour(TWO_TYPES, &models).unwrap();
    assert_eq!(speed_of(&mut simulation, 0), 3.0);
    // `b` has the second model alone, and its value does not grow from call to call.
    assert_eq!(speed_of(&mut simulation, 1), 2.0);
}

#[test]
fn each_source_says_how_it_goes_with_what_stands_before_it() {
    let after = |words: [Option<&str>; 3]| {
        let names = ["first.onnx", "second.onnx", "third.onnx"];
        let entry = |(name, word): (&&str, Option<&str>)| {
            let combine = word.map_or(String::new(), |word| format!(", combine = \"{word}\""));
            format!("{} = {{ file = \"{name}\"{combine} }}\n", &name[..5])
        };
        let entries: String = names.iter().zip(words).map(entry).collect();
        let two =
            "first = \"first.onnx\"\nsecond = { file = \"second.onnx\", combine = \"sum\" }\n";
        let scenario = TWO_TYPES.replace(two, &entries);
        let values = [2.0, 3.0, 1.0];
        let model = |(name, value): (&&'static str, f64)| (*name, speed(json!("a"), value, None));
        let models: Vec<_> = names.iter().zip(values).map(model).collect();
        after_an_hour(&scenario, &models).map(|mut simulation| speed_of(&mut simulation, 0))
    };
    let [sum, product, priority] = ["sum", "product", "priority"].map(Some);
    assert_eq!(after([None, product, sum]), Ok(2.0 * 3.0 + 1.0));
    assert_eq!(after([None, sum, product]), Ok((2.0 + 3.0) * 1.0));
    assert_eq!(after([None, priority, sum]), Ok(2.0 + 1.0));
    assert_eq!(after([None, priority, priority]), Ok(2.0));
    // Before the first there is nothing, and its own word says nothing.
    assert_eq!(after([priority, sum, sum]), Ok(2.0 + 3.0 + 1.0));
    assert!(after([sum, None, sum]).unwrap_err().contains("E-CONFLICT"));
}

#[test]
fn relaxation_tends_to_the_combined_value() {
    let models = [
        ("first.onnx", speed(json!("a"), 1.0, Some(6.0))),
        ("second.onnx", speed(json!("a"), 1.0, Some(6.0))),
    ];
    let mut simulation = after_an_hour(TWO_TYPES, &models).unwrap();
    let expected = 2.0 * (1.0 - f64::exp(-60.0 / 6.0));
    assert!((speed_of(&mut simulation, 0) - expected).abs() < 1e-12);
}

/// `TWO_TYPES` with one model of a pair.
fn pair(output: serde_json::Value, value: f64) -> Result<Simulation, String> {
    let spec = json!({"form": "dyad", "acts_on": {"a": "a", "b": "b"}, "outputs": [output]});
    let second = "second = { file = \"second.onnx\", combine = \"sum\" }\n";
    let scenario = TWO_TYPES.replace(second, "");
    after_an_hour(&scenario, &[("first.onnx", constant(spec, value))])
}

#[test]
fn a_pair_s_model_may_kill_and_is_credited() {
    let output = json!({"tensor": "y", "name": "apoptosis", "on": "b", "kind": "rate",
                        "unit": "1/min", "reduce": "sum"});
    let simulation = pair(output, 10.0).unwrap();
    let told: Vec<_> = simulation.events().iter().map(|event| event.kind).collect();
    assert_eq!(told, [EventKind::Death, EventKind::Kill]);
    let kill = &simulation.events()[1];
    assert_eq!((kill.cell_type, kill.partner_type), (0, Some(1)));
}

#[test]
fn a_pair_s_model_may_change_one_of_its_cells() {
    let output = json!({"tensor": "y", "name": "migration speed", "on": "b", "kind": "delta",
                        "per": "min", "unit": "µm/min", "reduce": "sum"});
    let mut simulation = pair(output, 0.01).unwrap();
    // Not faster than 0.01 µm/min in each of 60 min, and only while they touch.
    let speed = speed_of(&mut simulation, 1);
    assert!(speed > 0.0 && speed < 0.6 + 1e-9, "{speed}");
    assert_eq!(speed_of(&mut simulation, 0), 0.0);
}

#[test]
fn what_two_models_of_a_pair_change_is_added_before_it_is_held_in_range() {
    let output = json!({"tensor": "y", "name": "migration speed", "on": "b", "kind": "delta",
                        "per": "min", "unit": "µm/min", "reduce": "sum"});
    let spec = json!({"form": "dyad", "acts_on": {"a": "a", "b": "b"}, "outputs": [output]});
    let models = [
        ("first.onnx", constant(spec.clone(), -0.02)),
        ("second.onnx", constant(spec, 0.03)),
    ];
    let mut simulation = after_an_hour(TWO_TYPES, &models).unwrap();
    // 0.01 µm/min in each min, and not 0.03 because −0.02 was cut off at a speed of 0.
    let speed = speed_of(&mut simulation, 1);
    assert!(speed > 0.0 && speed < 0.6 + 1e-9, "{speed}");
    assert_eq!(simulation.clamps(), []);
}

#[test]
fn a_value_out_of_range_is_put_back_and_counted() {
    let second = "second = { file = \"second.onnx\", combine = \"sum\" }\n";
    let scenario = TWO_TYPES.replace(second, "");
    let models = [("first.onnx", speed(json!("a"), -3.0, None))];
    let mut simulation = after_an_hour(&scenario, &models).unwrap();
    assert_eq!(speed_of(&mut simulation, 0), 0.0);
    // One cell, ten phenotype steps.
    let counted = ("migration speed".to_owned(), 10, 10);
    assert_eq!(simulation.clamps(), [counted]);
}

#[test]
fn a_negative_rate_of_a_pair_is_counted() {
    let output = json!({"tensor": "y", "name": "hit", "on": "b", "kind": "hit", "size": 1,
                        "unit": "1/min", "reduce": "sum"});
    let simulation = pair(output, -10.0).unwrap();
    assert!(simulation.events().is_empty());
    assert_eq!(simulation.clamps()[0].0, "negative rate of a pair");
}

#[test]
fn what_a_pair_cannot_do_is_refused() {
    let output = json!({"tensor": "y", "name": "phagocytose a", "on": "b", "kind": "rate",
                        "unit": "1/min", "reduce": "sum"});
    assert_eq!(
        pair(output, 1.0).err().unwrap(),
        "rules `first`: `phagocytose a` is nothing that a pair can do at this rate or in this way\n  \
         a pair writes the rates of `hit`, `detach`, and on its cells those of `apoptosis`, \
         `necrosis` and `transform to …`, and changes of their other behaviors"
    );
}
