//! `milieu model …` and `milieu signals` as a user meets them, on good and bad files.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use prost::Message;
use rules::neural::contract::Spec;
use rules::neural::make::{distill, golden_rows, write_onnx};
use rules::neural::proto::{Graph, Model, Node, OperatorSet, Property, Tensor, ValueInfo};
use serde_json::{Value, json};
use tempfile::TempDir;

const SCENARIO: &str = r#"duration = "12 min"

[domain]
dimensions = 2
size = [200, 200]

[clocks]
diffusion = 0.1

[substrates.oxygen]
unit = "mmHg"
diffusion_coefficient = "1000 µm^2/min"
initial = 20

[cell_types.tumor]
apoptosis = { rate = "0.01 1/min" }
custom = { PD-L1 = 1.0 }

[cell_types.stroma]

[cells.first]
type = "tumor"
at = [[0, 0], [50, 5]]

[outputs]
interval = "6 min"
write = ["populations"]
"#;

const SPEC: &str = r#"form = "cell"
acts_on = "tumor"
dt = { trained = 6, min = 0.1, max = 60, unit = "min" }

[[inputs]]
tensor = "x"
col = 0
name = "oxygen"
unit = "mmHg"
lo = 0
hi = 60

[[inputs]]
tensor = "x"
col = 1
name = "pressure"
unit = "1"
lo = 0
hi = 2

[[outputs]]
tensor = "y"
col = 0
name = "apoptosis"
kind = "rate"
unit = "1/h"

[card]
name = "hypoxia"
version = "1.0.0"
known_failures = "no anoxia in the training data"
"#;

/// y = exp(−0.05 x₀ + 0.5 x₁): a plain export, with x of two columns.
fn bare() -> Model {
    let info = |name: &str, width| ValueInfo::floats(name, &[None, Some(width)], "n_cells");
    Model {
        ir_version: Some(10),
        graph: Some(Graph {
            name: Some("main_graph".into()),
            node: vec![
                Node::new("MatMul", &["x", "w"], "log_y"),
                Node::new("Exp", &["log_y"], "y"),
            ],
            initializer: vec![Tensor::floats("w", &[2, 1], &[-0.05, 0.5])],
            input: vec![info("x", 2)],
            output: vec![info("y", 1)],
            ..Graph::default()
        }),
        opset_import: vec![OperatorSet {
            domain: Some(String::new()),
            version: Some(18),
        }],
        ..Model::default()
    }
}

fn graph(model: &mut Model) -> &mut Graph {
    model.graph.as_mut().unwrap()
}

/// A folder with a scenario, a plain export and its SPEC.toml.
fn workplace(bare: &Model, spec: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("scenario.toml"), SCENARIO).unwrap();
    fs::write(home.path().join("bare.onnx"), bare.encode_to_vec()).unwrap();
    fs::write(home.path().join("spec.toml"), spec).unwrap();
    home
}

fn milieu(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_milieu"))
        .args(arguments)
        .current_dir(home)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What the program prints where it is content.
#[track_caller]
fn said(home: &TempDir, arguments: &[&str]) -> String {
    let output = milieu(home.path(), arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    out
}

#[track_caller]
fn said_json(home: &TempDir, arguments: &[&str]) -> Value {
    serde_json::from_str(&said(home, arguments)).unwrap()
}

const ATTACH: [&str; 6] = [
    "model",
    "attach",
    "bare.onnx",
    "spec.toml",
    "-o",
    "model.onnx",
];

/// Asserts that `attach` refuses a graph and a spec with all of these texts, and writes nothing.
#[track_caller]
fn refused(bare: &Model, spec: &str, texts: &[&str]) {
    let home = workplace(bare, spec);
    refused_in(&home, texts);
}

#[track_caller]
fn refused_in(home: &TempDir, texts: &[&str]) {
    let output = milieu(home.path(), &ATTACH);
    let err = text(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(2),
        "{}\n{err}",
        text(&output.stdout)
    );
    for wanted in texts {
        assert!(err.contains(wanted), "no `{wanted}` in\n{err}");
    }
    assert!(!home.path().join("model.onnx").exists());
}

#[test]
fn a_plain_export_becomes_a_model_that_a_scenario_runs() {
    let home = workplace(&bare(), SPEC);
    let out = said(&home, &ATTACH);
    assert!(out.contains("[rules]\nmodel = \"model.onnx\"\n"), "{out}");
    let checked = said(&home, &["model", "check", "model.onnx", "--scenario", "."]);
    assert_eq!(
        checked
            .lines()
            .filter(|line| line.starts_with("ok "))
            .count(),
        checked.lines().count()
    );
    let pinned = out
        .split("sha256 ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    let rules =
        format!("{SCENARIO}\n[rules.hypoxia]\nfile = \"model.onnx\"\nsha256 = \"{pinned}\"\n");
    fs::write(home.path().join("scenario.toml"), rules).unwrap();
    said(&home, &["run", ".", "--out", "out", "--quiet"]);
    assert!(home.path().join("out/run.json").exists());
    // What is there is not replaced unasked.
    let again = milieu(home.path(), &ATTACH);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("--force"));
}

#[test]
fn the_same_export_and_spec_give_the_same_bytes() {
    let file = || {
        let home = workplace(&bare(), SPEC);
        said(&home, &ATTACH);
        fs::read(home.path().join("model.onnx")).unwrap()
    };
    assert_eq!(file(), file());
}

#[test]
fn a_template_names_the_tensors_of_its_file_and_is_not_taken_unfilled() {
    let mut strange = bare();
    graph(&mut strange).input[0].name = Some("input.1".into());
    graph(&mut strange).node[0].input[0] = "input.1".into();
    let home = workplace(&strange, "");
    let template = said(&home, &["model", "template", "bare.onnx"]);
    assert!(template.contains("\"input.1\" = \"x\""), "{template}");
    assert_eq!(template.matches("[[inputs]]").count(), 2);
    assert_eq!(template.matches("[[outputs]]").count(), 1);
    let table: toml::Table = toml::from_str(&template).unwrap();
    assert_eq!(table["inputs"][1]["col"].as_integer(), Some(1));
    fs::write(home.path().join("spec.toml"), template).unwrap();
    refused_in(
        &home,
        &[
            "spec.toml:5: fill in what stands between <>",
            "milieu signals",
        ],
    );
}

#[test]
fn tensors_get_the_names_of_the_contract() {
    let mut strange = bare();
    graph(&mut strange).input[0].name = Some("input.1".into());
    graph(&mut strange).node[0].input[0] = "input.1".into();
    let spec = format!("{SPEC}\n[rename]\n\"input.1\" = \"x\"\n");
    let home = workplace(&strange, &spec);
    assert!(said(&home, &ATTACH).contains("tensor `input.1` renamed to `x`"));
    refused(
        &bare(),
        &spec,
        &["[rename] \"input.1\": the graph has no such input or output\n  known tensors: x, y"],
    );
}

#[test]
fn mistakes_of_an_export_are_told_with_the_line_that_mends_them() {
    let change = |with: &dyn Fn(&mut Model)| {
        let mut model = bare();
        with(&mut model);
        model
    };
    let kind = |model: &mut Model, kind: i32| {
        let input = &mut graph(model).input[0];
        input
            .r#type
            .as_mut()
            .unwrap()
            .tensor
            .as_mut()
            .unwrap()
            .elem_type = Some(kind);
    };
    let fixed =
        change(&|model| graph(model).input[0] = ValueInfo::floats("x", &[Some(1), Some(2)], ""));
    refused(
        &fixed,
        SPEC,
        &["E-SHAPE", "dynamic_shapes={\"x\": {0: \"n_cells\"}}"],
    );
    let new = change(&|model| model.opset_import[0].version = Some(23));
    refused(&new, SPEC, &["E-OPSET", "opset_version=18"]);
    refused(
        &change(&|model| kind(model, 11)),
        SPEC,
        &["E-DTYPE", "model.float()"],
    );
    refused(
        &change(&|model| kind(model, 7)),
        SPEC,
        &["E-DTYPE", ".long()"],
    );
    let training = change(&|model| {
        let flag = Tensor {
            name: Some("training".into()),
            data_type: Some(9),
            raw_data: Some(vec![1]),
            ..Tensor::default()
        };
        graph(model).initializer.push(flag);
        graph(model).node[1] = Node::new("Dropout", &["log_y", "", "training"], "y");
    });
    refused(&training, SPEC, &["E-RANDOM-OP", "model.eval()"]);
    let log = change(&|model| graph(model).node[0] = Node::new("Log", &["x"], "log_x"));
    let log = {
        let mut log = log;
        graph(&mut log)
            .node
            .insert(1, Node::new("MatMul", &["log_x", "w"], "log_y"));
        graph(&mut log).node[2] = Node::new("Identity", &["log_y"], "y");
        log
    };
    refused(&log, SPEC, &["E-NONFINITE", "oxygen = 0", "torch.clamp"]);
}

#[test]
fn mistakes_of_a_spec_are_told_with_place_and_way_out() {
    let with = |from: &str, to: &str| SPEC.replacen(from, to, 1);
    let cases: [(String, &[&str]); 6] = [
        (
            with("unit = \"mmHg\"\n", ""),
            &["inputs[0]", "unit", "milieu signals"],
        ),
        (
            with("lo = 0\n", ""),
            &["inputs[0]", "`lo` is missing", "data = "],
        ),
        (
            with("col = 1", "col = 0"),
            &["column 0 of `x` is named twice"],
        ),
        (
            with("tensor = \"y\"", "tensor = \"z\""),
            &["`z`", "does not give\n  known outputs: y"],
        ),
        (with("form = \"cell\"", "fom = \"cell\""), &["fom"]),
        (
            format!("golden = 3\n{SPEC}"),
            &["E-GOLDEN: golden = 3; 64 to 10000 rows"],
        ),
    ];
    for (spec, texts) in cases {
        refused(&bare(), &spec, texts);
    }
    // A name is only known in a scenario.
    let home = workplace(&bare(), &with("name = \"oxygen\"", "name = \"oxigen\""));
    said(&home, &ATTACH);
    let output = milieu(
        home.path(),
        &["model", "check", "model.onnx", "--scenario", "."],
    );
    assert_eq!(output.status.code(), Some(2));
    let out = text(&output.stdout);
    assert!(
        out.contains("E-SIGNAL") && out.contains("did you mean `oxygen`"),
        "{out}"
    );
}

#[test]
fn what_can_be_mended_safely_is_mended_and_said() {
    let mut model = bare();
    model.ir_version = Some(13);
    let weights = graph(&mut model).initializer[0].raw_data.take().unwrap();
    let property = |key: &str, value: &str| Property {
        key: Some(key.into()),
        value: Some(value.into()),
    };
    let tensor = &mut graph(&mut model).initializer[0];
    tensor.data_location = Some(1);
    tensor.external_data = vec![
        property("location", "bare.onnx.data"),
        property("offset", "4"),
        property("length", "8"),
    ];
    refused(
        &model,
        SPEC,
        &["E-CONTRACT", "bare.onnx.data", "external_data=False"],
    );
    let home = workplace(&model, SPEC);
    fs::write(
        home.path().join("bare.onnx.data"),
        [vec![0; 4], weights].concat(),
    )
    .unwrap();
    let out = said(&home, &ATTACH);
    assert!(out.contains("ir_version 13 set to 10"), "{out}");
    assert!(
        out.contains("weights of bare.onnx.data brought in"),
        "{out}"
    );
    let model = fs::read(home.path().join("model.onnx")).unwrap();
    let whole = workplace(&bare(), SPEC);
    said(&whole, &ATTACH);
    assert_eq!(model, fs::read(whole.path().join("model.onnx")).unwrap());
    // Not from anywhere else.
    let mut model = Model::decode(&fs::read(home.path().join("bare.onnx")).unwrap()[..]).unwrap();
    graph(&mut model).initializer[0].external_data[0] = property("location", "../secret");
    refused(&model, SPEC, &["lies in another folder"]);
}

/// Held-out rows with the answers of `bare`.
fn rows() -> String {
    let mut text = String::from("oxygen,pressure,y.0,note\n");
    for row in 0..100 {
        let (oxygen, pressure) = (5.0 + f64::from(row) * 0.4, f64::from(row % 10) * 0.1);
        let y = (-0.05 * oxygen + 0.5 * pressure).exp();
        text += &format!("{oxygen},{pressure},{y},held out\n");
    }
    text
}

#[test]
fn data_give_the_ranges_and_prove_the_export() {
    let spec =
        SPEC.replace("lo = 0\nhi = 60\n", "")
            .replacen("form", "data = \"rows.csv\"\nform", 1);
    let home = workplace(&bare(), &spec);
    fs::write(home.path().join("rows.csv"), rows()).unwrap();
    let out = said(&home, &ATTACH);
    assert!(out.contains("oxygen: lo 5, hi 44.6"), "{out}");
    assert!(out.contains("answers as in 100 rows of the data"), "{out}");
    let inspected = said_json(&home, &["model", "inspect", "model.onnx", "--json"]);
    assert_eq!(inspected["spec"]["inputs"][0]["lo"], json!(5.0));
    // Two columns in each other's place are told from the answers.
    let swapped = spec
        .replace("col = 1", "col = 9")
        .replacen("col = 0", "col = 1", 1)
        .replace("col = 9", "col = 0");
    let home = workplace(&bare(), &swapped);
    fs::write(home.path().join("rows.csv"), rows()).unwrap();
    refused_in(&home, &["E-GOLDEN", "exchanged they agree"]);
    // And data that are no numbers where they are wanted.
    let home = workplace(&bare(), &spec);
    fs::write(
        home.path().join("rows.csv"),
        rows().replace("\n5.4,", "\nnan,"),
    )
    .unwrap();
    refused_in(&home, &["NaN in row 2"]);
}

#[test]
fn names_that_are_nearly_right_are_told_with_those_that_were_meant() {
    let spec = SPEC.replacen("form", "data = \"rows.csv\"\nform", 1);
    let with = |spec: &str, rows: String| {
        let home = workplace(&bare(), spec);
        fs::write(home.path().join("rows.csv"), rows).unwrap();
        home
    };
    let mistyped = rows().replace("oxygen,", "oxigen,");
    let meant = "did you mean `oxigen`? known columns: oxigen, pressure, y.0";
    refused_in(
        &with(&spec, mistyped.clone()),
        &["data: no column `oxygen` or `x.0`", meant],
    );
    let open = spec.replace("lo = 0\nhi = 60\n", "");
    refused_in(
        &with(&open, mistyped),
        &["inputs[0] `oxygen`: `lo` is missing", meant],
    );
    // Answers are compared where there are any, so one that is called wrongly would prove nothing.
    let home = with(&spec, rows().replace("y.0", "y0"));
    let output = milieu(home.path(), &ATTACH);
    let wanted = "warning: data: the model has no `y0`; did you mean `y.0`?";
    assert!(
        text(&output.stderr).contains(wanted),
        "{}",
        text(&output.stderr)
    );
    // What the graph calls otherwise.
    let mut strange = bare();
    graph(&mut strange).input[0].name = Some("input.1".into());
    graph(&mut strange).node[0].input[0] = "input.1".into();
    for spec in [
        SPEC.to_owned(),
        SPEC.replace("tensor = \"x\"", "tensor = \"input.1\""),
    ] {
        refused(
            &strange,
            &spec,
            &["the graph reads `input.1`", "[rename] \"input.1\" = \"x\""],
        );
    }
    refused(
        &bare(),
        &format!("{SPEC}\n[rename]\n\"xs\" = \"a\"\n"),
        &["no such input or output\n  did you mean `x`?"],
    );
}

#[test]
fn golden_rows_that_would_prove_nothing_are_refused_with_the_reason() {
    // Tens of mmHg, and data in Pa.
    let spec = SPEC.replacen("form", "data = \"rows.csv\"\nform", 1);
    let home = workplace(&bare(), &spec);
    let mut pascal = String::from("oxygen,pressure\n");
    (0..50).for_each(|row| pascal += &format!("{},0.5\n", 133 * row));
    fs::write(home.path().join("rows.csv"), pascal).unwrap();
    let wanted = "E-GOLDEN: 49 of 50 rows of the data lie far outside 0 to 60 mmHg of oxygen";
    refused_in(&home, &[wanted, "is the unit"]);
    // Ranges of one number each.
    let spec = SPEC.replace("lo = 0\nhi = 60", "lo = 5\nhi = 5");
    let spec = spec.replace("lo = 0\nhi = 2", "lo = 1\nhi = 1");
    refused(
        &bare(),
        &spec,
        &["E-GOLDEN", "all rows are alike", "state lo < hi"],
    );
}

#[test]
fn data_may_be_parquet_with_other_columns_in_it() {
    let spec =
        SPEC.replace("lo = 0\nhi = 60\n", "")
            .replacen("form", "data = \"rows.parquet\"\nform", 1);
    let home = workplace(&bare(), &spec);
    let field = |name: &str, kind| Field::new(name, kind, false);
    let schema = Arc::new(Schema::new(vec![
        field("cell", DataType::Utf8),
        field("Oxygen", DataType::Float32),
        field("x.1", DataType::Int64),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["a"; 50])),
        Arc::new(Float32Array::from_iter_values((0..50u8).map(f32::from))),
        Arc::new(Int64Array::from(vec![1; 50])),
    ];
    let file = fs::File::create(home.path().join("rows.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, schema.clone(), None).unwrap();
    writer
        .write(&RecordBatch::try_new(schema, columns).unwrap())
        .unwrap();
    writer.close().unwrap();
    let out = said(&home, &ATTACH);
    assert!(
        out.contains("oxygen: lo 0, hi 49, mean 24.5, std 14."),
        "{out}"
    );
}

/// A model file in a workplace.
fn model() -> TempDir {
    let home = workplace(&bare(), SPEC);
    said(&home, &ATTACH);
    home
}

#[test]
fn inspect_shows_known_failures_before_everything_else() {
    let home = model();
    let out = said(&home, &["model", "inspect", "model.onnx"]);
    let place = |text: &str| {
        out.find(text)
            .unwrap_or_else(|| panic!("no `{text}` in\n{out}"))
    };
    assert!(out.starts_with("hypoxia 1.0.0\n"), "{out}");
    assert!(place("no anoxia in the training data") < place("\ncontract\n"));
    for line in [
        "  form              cell: tumor",
        "  clock             trained with 6 min; good for 0.1 to 60 min",
        "  reads             x[0]  oxygen    mmHg  0 to 60",
        "                    x[1]  pressure  1     0 to 2",
        "  writes            y[0]  apoptosis  rate  1/h",
        "  latent states     none",
        "  uncertainty       none stated",
        "Every test of loading passes (`milieu model check`).",
    ] {
        assert!(out.lines().any(|it| it == line), "no `{line}` in\n{out}");
    }
    let json = said_json(&home, &["model", "inspect", "model.onnx", "--json"]);
    assert_eq!(json["is_bare"], json!(false));
    assert_eq!(json["card"]["name"], json!("hypoxia"));
    assert_eq!(json["graph"]["operators"], json!({"Exp": 1, "MatMul": 1}));
    assert!(
        json["tests"]
            .as_array()
            .unwrap()
            .iter()
            .all(|test| test["status"] == "ok")
    );
}

#[test]
fn inspect_of_a_bare_file_says_what_it_is_and_where_to_go() {
    let home = workplace(&bare(), SPEC);
    let out = said(&home, &["model", "inspect", "bare.onnx"]);
    for text in [
        "x float32 [n_cells, 2]",
        "Exp, MatMul",
        "opset 18",
        "bare ONNX",
        "milieu model attach",
    ] {
        assert!(out.contains(text), "no `{text}` in\n{out}");
    }
    let json = said_json(&home, &["model", "inspect", "bare.onnx", "--json"]);
    assert_eq!(json["is_bare"], json!(true));
    assert_eq!(json["tests"], json!([]));
}

/// The model of [`model`] with another weight than its golden rows were made with.
fn damaged() -> TempDir {
    let home = model();
    let file = home.path().join("model.onnx");
    let mut model = Model::decode(&fs::read(&file).unwrap()[..]).unwrap();
    graph(&mut model).initializer[0] = Tensor::floats("w", &[2, 1], &[-0.05, 0.51]);
    fs::write(&file, model.encode_to_vec()).unwrap();
    home
}

#[test]
fn a_file_that_fails_its_golden_rows_can_still_be_looked_at() {
    let home = damaged();
    let out = said(&home, &["model", "inspect", "model.onnx"]);
    assert!(
        out.contains("THIS FILE WOULD BE REFUSED\n  E-GOLDEN: output `y`"),
        "{out}"
    );
    assert!(out.contains("x[0]  oxygen"), "{out}");
}

#[test]
fn check_tells_each_test_by_its_code_and_goes_on_after_one_that_fails() {
    let home = damaged();
    let output = milieu(home.path(), &["model", "check", "model.onnx", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("1 of"),
        "{}",
        text(&output.stderr)
    );
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["passed"], json!(false));
    let tests = json["tests"].as_array().unwrap();
    let status = |name: &str| {
        let test = tests.iter().find(|test| test["test"] == name);
        test.unwrap_or_else(|| panic!("no {name}"))["status"]
            .as_str()
            .unwrap()
    };
    for name in [
        "file",
        "versions",
        "operators",
        "spec",
        "tensors",
        "engine",
        "rows",
    ] {
        assert_eq!(status(name), "ok", "{name}");
    }
    assert_eq!(status("golden rows"), "failed");
    // Of a bare file only what a graph can tell is tried.
    let output = milieu(home.path(), &["model", "check", "bare.onnx"]);
    assert_eq!(output.status.code(), Some(2));
    let out = text(&output.stdout);
    assert!(
        out.contains("E-CONTRACT   spec") && out.contains("not tried"),
        "{out}"
    );
}

#[test]
fn an_unknown_unit_is_found_without_a_scenario() {
    let spec = SPEC.replace("unit = \"1/h\"", "unit = \"1/hour\"");
    let home = workplace(&bare(), &spec);
    let output = milieu(home.path(), &ATTACH);
    assert_eq!(output.status.code(), Some(2));
    let out = text(&output.stdout);
    let wanted = "E-UNIT       units        outputs[0] `apoptosis`: unit: ";
    assert!(out.contains(wanted), "{out}");
    // A length is no time.
    let spec = SPEC.replace("unit = \"min\"", "unit = \"µm\"");
    let output = milieu(workplace(&bare(), &spec).path(), &ATTACH);
    let err = text(&output.stdout) + &text(&output.stderr);
    assert!(err.contains("E-UNIT") && err.contains("dt"), "{err}");
}

#[test]
fn files_that_are_no_models_are_refused_with_code_2() {
    let home = model();
    fs::write(home.path().join("text.onnx"), "I am a text").unwrap();
    fs::write(home.path().join("empty.onnx"), "").unwrap();
    for command in ["inspect", "check", "template"] {
        for file in ["text.onnx", "empty.onnx", "missing.onnx", "."] {
            let output = milieu(home.path(), &["model", command, file]);
            assert_eq!(output.status.code(), Some(2), "{command} {file}");
            assert!(
                text(&output.stderr).starts_with("error: "),
                "{command} {file}"
            );
        }
    }
}

#[test]
fn who_asks_for_json_gets_json_of_files_that_cannot_be_read_too() {
    let home = model();
    fs::write(home.path().join("text.onnx"), "I am a text").unwrap();
    fs::write(home.path().join("wrong.toml"), "form = ").unwrap();
    let mistyped = SCENARIO.replace("oxygen]", "oxygen]\nunits = 1");
    fs::write(home.path().join("mistyped.toml"), mistyped).unwrap();
    let error = |arguments: &[&str]| {
        let output = milieu(home.path(), &[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let whole: Value = serde_json::from_slice(&output.stdout).unwrap();
        let stderr = text(&output.stderr);
        let message = whole["error"]["message"].as_str().unwrap().to_owned();
        assert!(stderr.starts_with(&format!("error: {message}")), "{stderr}");
        (whole["error"].clone(), message)
    };
    let (whole, message) = error(&["model", "inspect", "text.onnx"]);
    assert_eq!(whole["code"], "E-CONTRACT", "{whole}");
    assert!(message.ends_with("not an ONNX model"), "{message}");
    let (whole, message) = error(&["model", "check", "missing.onnx"]);
    assert_eq!(whole["code"], Value::Null);
    assert!(
        message.starts_with("missing.onnx: cannot be read"),
        "{message}"
    );
    let (whole, _) = error(&[
        "model",
        "check",
        "model.onnx",
        "--scenario",
        "mistyped.toml",
    ]);
    let way_out = whole["way_out"].as_str().unwrap();
    assert!(way_out.starts_with("did you mean `unit`?"), "{whole}");
    let (whole, message) = error(&["model", "explain", "."]);
    assert_eq!(message, "the scenario has no rules to explain");
    assert_eq!(whole["way_out"], "name a file of them under [rules]");
    error(&["model", "attach", "bare.onnx", "wrong.toml", "-o", "m.onnx"]);
}

#[test]
fn the_schema_of_a_spec_is_json() {
    let home = tempfile::tempdir().unwrap();
    let schema = said_json(&home, &["model", "schema"]);
    assert!(schema["properties"]["inputs"].is_object(), "{schema}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let home = model();
    for arguments in [
        &["signals", "."] as &[&str],
        &["model", "inspect", "model.onnx"],
        &["model", "check", "model.onnx"],
        &["model", "schema"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_milieu"))
            .args(arguments)
            .current_dir(home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(text(&output.stderr), "");
    }
}

/// Apoptosis of tumor cells by oxygen and pressure; speed by PD-L1.
const PLANTED: &str = "\
tumor: oxygen decreases apoptosis from 0.01 towards 0 1/min, half-max 5 mmHg, Hill power 2
tumor: pressure increases apoptosis towards 0.02 1/min, half-max 0.5, Hill power 4
tumor: custom:PD-L1 increases migration speed from 0 towards 1 µm/min, half-max 2, Hill power 2
";

/// The same law of apoptosis, as a function of oxygen, pressure and two signals without a part in it.
fn law(x: &[f64]) -> Vec<f64> {
    let (oxygen, pressure) = ((x[0] / 5.0).powi(2), (x[1] / 0.5).powi(4));
    vec![(0.01 + 0.02 * pressure) / (1.0 + pressure) / (1.0 + oxygen)]
}

#[test]
fn explain_recovers_the_planted_signals_of_written_rules_and_of_a_distilled_copy() {
    let home = tempfile::tempdir().unwrap();
    let scenario = format!("{SCENARIO}\n[rules]\nplanted = \"planted.rules\"\n");
    fs::write(home.path().join("scenario.toml"), scenario).unwrap();
    fs::write(home.path().join("planted.rules"), PLANTED).unwrap();
    let ranges = [(0.0, 22.0), (0.0, 1.0), (0.0, 4.0), (0.0, 2000.0)];
    let (network, _) = distill(law, &ranges, &[16, 16], 60, 1);
    let names = ["oxygen", "pressure", "custom:PD-L1", "age"];
    let units = ["mmHg", "1", "1", "min"];
    let input = |col: usize| {
        let (lo, hi) = ranges[col];
        json!({"tensor": "x", "col": col, "name": names[col], "unit": units[col],
               "lo": lo, "hi": hi})
    };
    let inputs: Vec<Value> = (0..4).map(input).collect();
    let spec = Spec::from_json(json!({
        "form": "cell",
        "acts_on": "tumor",
        "inputs": inputs,
        "outputs": [{"tensor": "y", "name": "apoptosis", "kind": "rate", "unit": "1/min"}],
        "dt": {"trained": 6, "min": 0.1, "max": 60, "unit": "min"},
    }))
    .unwrap();
    let file = write_onnx(&network, &spec, &golden_rows(&spec, 64), &json!({})).unwrap();
    fs::write(home.path().join("copy.onnx"), file).unwrap();
    let arguments = ["model", "explain", ".", "--with", "copy.onnx", "--json"];
    let json = said_json(&home, &arguments);
    let panels = json["panels"].as_array().unwrap();
    assert_eq!(panels.len(), 2);
    let apoptosis = panels
        .iter()
        .find(|panel| panel["behavior"] == "apoptosis")
        .unwrap();
    let sources = apoptosis["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 2);
    for source in sources {
        let ranking = source["ranking"].as_array().unwrap().iter();
        let mattering = ranking.filter(|signal| signal["matters"] == true);
        let mut found: Vec<&str> = mattering.map(|it| it["signal"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, ["oxygen", "pressure"], "{source}");
    }
    // Written and learned curve of one signal lie over each other.
    let curve = |source: usize| {
        let y = sources[source]["curves"][0]["y"].as_array().unwrap();
        y.iter().map(|y| y.as_f64().unwrap()).collect::<Vec<f64>>()
    };
    let far = curve(0)
        .iter()
        .zip(curve(1))
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max);
    assert!(far < 5e-4, "{far}");
}

#[test]
fn explain_draws_svg_and_png_and_refuses_what_is_not_there() {
    let home = tempfile::tempdir().unwrap();
    let scenario = format!("{SCENARIO}\n[rules]\nplanted = \"planted.rules\"\n");
    fs::write(home.path().join("scenario.toml"), scenario).unwrap();
    fs::write(home.path().join("planted.rules"), PLANTED).unwrap();
    said(&home, &["model", "explain", ".", "--out", "curves.svg"]);
    said(&home, &["model", "explain", ".", "--out", "curves.png"]);
    let file = |name: &str| fs::read(home.path().join(name)).unwrap();
    let svg = text(&file("curves.svg"));
    roxmltree::Document::parse(&svg).unwrap();
    assert!(svg.contains("oxygen [mmHg]") && svg.contains("apoptosis [1/min]"));
    assert!(file("curves.png").starts_with(b"\x89PNG"));
    // The reference is the one asked for, in any unit of its dimension.
    let json = said_json(
        &home,
        &["model", "explain", ".", "--at", "oxygen=1 kPa", "--json"],
    );
    let panels = json["panels"].as_array().unwrap();
    let signals = panels
        .iter()
        .flat_map(|panel| panel["signals"].as_array().unwrap());
    let oxygen = signals
        .into_iter()
        .find(|signal| signal["name"] == "oxygen")
        .unwrap();
    assert!(
        (oxygen["reference"].as_f64().unwrap() - 7.5006).abs() < 1e-3,
        "{oxygen}"
    );
    for (arguments, wanted) in [
        (["--behavior", "apoptose"], "did you mean `apoptosis`"),
        (["--type", "tumour"], "did you mean `tumor`"),
        (["--rules", "killing"], "it has: planted"),
        (["--at", "oxigen=3"], "did you mean `oxygen`"),
        (["--at", "oxygen=3 µm"], "pressure"),
        (["--behavior", "necrosis"], "no rule writes"),
        (["--with", "nothing.rules"], "cannot be read"),
        (["--out", "curves.gif"], ".svg or .png"),
    ] {
        let all = [&["model", "explain", "."], &arguments[..]].concat();
        let output = milieu(home.path(), &all);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {err}");
        assert!(err.contains(wanted), "no `{wanted}` in\n{err}");
    }
}

#[test]
fn signals_are_listed_with_unit_kind_range_and_owner() {
    let home = workplace(&bare(), SPEC);
    let json = said_json(&home, &["signals", ".", "--json"]);
    assert_eq!(json["types"], json!(["tumor", "stroma"]));
    let entry = |group: &str, name: &str| {
        let mut entries = json[group].as_array().unwrap().iter();
        let entry = entries.find(|entry| entry["name"] == name);
        entry
            .unwrap_or_else(|| panic!("no {name} in {group}"))
            .clone()
    };
    assert_eq!(entry("signals", "oxygen")["unit"], json!("mmHg"));
    assert_eq!(entry("signals", "custom:PD-L1")["types"], json!(["tumor"]));
    let apoptosis = entry("behaviors", "apoptosis");
    assert_eq!(apoptosis["kind"], json!("event"));
    assert_eq!(apoptosis["range"], json!([0.0, null]));
    assert_eq!(
        entry("behaviors", "migration speed")["kind"],
        json!("parameter")
    );
    assert_eq!(entry("pair_signals", "contact age")["unit"], json!("min"));
    assert_eq!(entry("pair_behaviors", "hit")["kind"], json!("event"));
}
