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

/// A model of `acts_on` with migration speed = log(until − age): no number from `until` min on,
/// where none of its golden rows is.
fn model(acts_on: &str, until: f64) -> Vec<u8> {
    let spec = Spec::from_json(json!({
        "form": "cell",
        "acts_on": acts_on,
        "inputs": [{"tensor": "x", "col": 0, "name": "age", "unit": "min",
                    "lo": 0, "hi": 0.5 * until, "mean": 0.25 * until, "std": 0.1 * until}],
        "outputs": [{"tensor": "y", "name": "migration speed", "kind": "parameter", "unit": "µm/min"}],
        "dt": {"trained": 6, "min": 0.1, "max": 60, "unit": "min"},
    }))
    .unwrap();
    let one = |name: &str| ValueInfo::floats(name, &[None, Some(1)], "n_cells");
    let mut model = Model {
        ir_version: Some(10),
        graph: Some(Graph {
            name: Some("rule".into()),
            node: vec![
                Node::new("Sub", &["until", "x"], "left"),
                Node::new("Log", &["left"], "y"),
            ],
            initializer: vec![Tensor::floats("until", &[1, 1], &[until as f32])],
            input: vec![one("x")],
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
    let text = serde_json::to_string(&spec).unwrap();
    model.set_metadata("milieu.spec", text);
    seal(&mut model, &golden_rows(&spec, 64)).unwrap();
    model.encode_to_vec()
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
    let begins = "error: rule `learned` failed for 2 of 2 cells at t = 30 min; the first is cell ";
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
