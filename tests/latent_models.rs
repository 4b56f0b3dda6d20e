//! Models that read and write latent vectors, from their files: recurrent ones, encoders, decoders,
//! models of division, run by the program itself.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use prost::Message;
use rules::neural::{
    contract::Spec,
    make::{golden_rows, seal},
    proto::{Graph, Model, Node, OperatorSet, Tensor, ValueInfo},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// An affine map of one input tensor: for each output tensor its name, its weights (a row an input
/// column) and its constants.
struct Map<'a>(&'a str, &'a [&'a [f32]], &'a [f32]);

/// The file of a model that maps `input` by these.
fn model(mut spec: Value, input: &str, maps: &[Map<'_>]) -> Vec<u8> {
    spec["dt"] = json!({"trained": 6, "min": 0.1, "max": 60, "unit": "min"});
    let spec = Spec::from_json(spec).unwrap();
    let width = maps[0].1.len();
    let (mut nodes, mut constants, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
    for Map(name, weights, constant) in maps {
        let [w, b] = ["w", "b"].map(|letter| format!("{letter}_{name}"));
        nodes.push(Node::new("Gemm", &[input, &w, &b], name));
        constants.push(Tensor::floats(
            &w,
            &[width, constant.len()],
            &weights.concat(),
        ));
        constants.push(Tensor::floats(&b, &[constant.len()], constant));
        outputs.push(ValueInfo::floats(name, &[None, Some(constant.len())], "n"));
    }
    let mut model = Model {
        ir_version: Some(10),
        graph: Some(Graph {
            name: Some("rule".into()),
            node: nodes,
            initializer: constants,
            input: vec![ValueInfo::floats(input, &[None, Some(width)], "n")],
            output: outputs,
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

/// The space of these tests, as a model names it that reads it.
fn read() -> Value {
    json!([{"space": "fate/2", "tensor": "z", "initial": [1, 2], "lo": -50, "hi": 50}])
}

/// z ← (z₀ + 1, z₁ / 2) each step of 6 min.
fn recurrent() -> Vec<u8> {
    let spec = json!({
        "form": "cell", "acts_on": "stem", "inputs": [], "latents": read(),
        "outputs": [{"tensor": "next", "kind": "latent_next", "space": "fate/2"}],
    });
    model(
        spec,
        "z",
        &[Map("next", &[&[1.0, 0.0], &[0.0, 0.5]], &[1.0, 0.0])],
    )
}

/// z ← (oxygen / 2, 4) for a cell that enters.
fn encoder() -> Vec<u8> {
    let spec = json!({
        "form": "encoder", "acts_on": "stem",
        "inputs": [{"tensor": "x", "col": 0, "name": "oxygen", "unit": "mmHg", "lo": 0, "hi": 60}],
        "latents": [{"space": "fate/2"}],
        "outputs": [{"tensor": "z0", "kind": "latent_next", "space": "fate/2"}],
    });
    model(spec, "x", &[Map("z0", &[&[0.5, 0.0]], &[0.0, 4.0])])
}

/// `readout:tired` = z₀ − z₁.
fn decoder() -> Vec<u8> {
    let spec = json!({
        "form": "decoder", "acts_on": "stem", "inputs": [], "latents": read(),
        "outputs": [{"tensor": "y", "col": 0, "name": "tired", "kind": "readout", "unit": "a label"}],
    });
    model(spec, "z", &[Map("y", &[&[1.0], &[-1.0]], &[0.0])])
}

/// The cell that keeps the mother's id gets z + 1, the new one −z.
fn division() -> Vec<u8> {
    let spec = json!({
        "form": "division", "acts_on": "stem", "inputs": [], "latents": read(),
        "outputs": [
            {"tensor": "a", "kind": "latent_next", "space": "fate/2", "on": "child_a"},
            {"tensor": "b", "kind": "latent_next", "space": "fate/2", "on": "child_b"},
        ],
    });
    let maps = [
        Map("a", &[&[1.0, 0.0], &[0.0, 1.0]], &[1.0, 1.0]),
        Map("b", &[&[-1.0, 0.0], &[0.0, -1.0]], &[0.0, 0.0]),
    ];
    model(spec, "z", &maps)
}

const TISSUE: &str = r#"name = "latent models"
duration = "60 min"
clocks = { diffusion = 0.5, mechanics = 0.5, phenotype = 6 }
domain = { dimensions = 2, size = [400, 400] }
[substrates.oxygen]
unit = "mmHg"
diffusion_coefficient = 0
initial = 38
[cell_types.stem]
motility = { speed = 1 }
[cell_types.stem.cycle]
model = "custom"
phases = [{ name = "all", duration = "45 min", fixed = true, divides = true }]
[cells.first]
type = "stem"
count = 20
[arrivals.late]
type = "stem"
rate = "0.5 1/min"
start = "6 min"
[outputs]
interval = "6 min"
write = ["cells", "events", "populations"]
"#;

/// A folder with a scenario of these models, and what follows.
fn scenario(models: &[(&str, Vec<u8>)], rest: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut text = TISSUE.to_owned() + rest;
    text += "\n[rules]\n";
    for (name, bytes) in models {
        fs::write(folder.path().join(format!("{name}.onnx")), bytes).unwrap();
        text += &format!("{name} = \"{name}.onnx\"\n");
    }
    fs::write(folder.path().join("scenario.toml"), text).unwrap();
    folder
}

fn milieu(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milieu"));
    command.args(arguments).arg(folder).output().unwrap()
}

fn run(folder: &Path, threads: &str) -> TempDir {
    let results = tempfile::tempdir().unwrap();
    let out = results.path().to_str().unwrap();
    let arguments = ["run", "--quiet", "--threads", threads, "--out", out];
    let output = milieu(&arguments, folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    results
}

/// `[frame][cell]` of a column of `cells.parquet`, by id.
fn column(results: &Path, name: &str) -> Vec<BTreeMap<u64, f64>> {
    let file = File::open(results.join("cells.parquet")).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut frames: Vec<(f64, BTreeMap<u64, f64>)> = Vec::new();
    for batch in builder.build().unwrap().map(Result::unwrap) {
        let floats = |name: &str| {
            let column = batch.column_by_name(name).expect("the column is there");
            column.as_primitive::<Float64Type>().values().to_vec()
        };
        let ids = batch.column_by_name("id").unwrap();
        let ids = ids.as_primitive::<UInt64Type>().values().to_vec();
        for ((time, id), value) in floats("time_min").into_iter().zip(ids).zip(floats(name)) {
            if frames.last().is_none_or(|(last, _)| *last != time) {
                frames.push((time, BTreeMap::new()));
            }
            frames.last_mut().unwrap().1.insert(id, value);
        }
    }
    frames.into_iter().map(|(_, cells)| cells).collect()
}

/// The unit that `cells.parquet` has for a column.
fn unit(results: &Path, name: &str) -> String {
    let file = File::open(results.join("cells.parquet")).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let field = builder.schema().field_with_name(name).unwrap().clone();
    field.metadata()["unit"].clone()
}

const COLUMNS: &str = "cell_columns = [\"latent:fate/2\"]";

#[test]
fn a_recurrent_model_keeps_its_state_in_the_tissue() {
    let folder = scenario(&[("recurrent", recurrent())], COLUMNS);
    let results = run(folder.path(), "1");
    let (first, second) = (
        column(results.path(), "latent:fate/2:0"),
        column(results.path(), "latent:fate/2:1"),
    );
    let founders: Vec<u64> = first[0].keys().copied().collect();
    assert_eq!(founders.len(), 20);
    for step in 0..=10 {
        for id in &founders {
            assert_eq!(first[step][id], 1.0 + step as f64);
            assert_eq!(second[step][id], 2.0 * 0.5f64.powi(step as i32));
        }
    }
    // Daughters of the division at 48 min have copies, and go on from there.
    assert!(first[10].len() >= 40);
    assert!(first[10].values().filter(|&&of| of == 11.0).count() >= 40);
}

#[test]
fn encoders_decoders_and_models_of_division_are_called_on_their_occasions() {
    let models = [
        ("encoder", encoder()),
        ("decoder", decoder()),
        ("division", division()),
    ];
    let rest = "cell_columns = [\"latent:fate/2\", \"readout:tired\"]";
    let folder = scenario(&models, rest);
    let results = run(folder.path(), "2");
    let first = column(results.path(), "latent:fate/2:0");
    let second = column(results.path(), "latent:fate/2:1");
    let tired = column(results.path(), "readout:tired");
    assert_eq!(unit(results.path(), "readout:tired"), "a label");
    let founders: Vec<u64> = first[0].keys().copied().collect();
    for id in &founders {
        assert_eq!(
            (first[0][id], second[0][id], tired[0][id]),
            (19.0, 4.0, 15.0)
        );
    }
    let arrivals = first[5].keys().filter(|id| !founders.contains(id));
    assert!(arrivals.clone().count() > 0);
    for id in arrivals {
        assert_eq!(
            (first[5][id], second[5][id], tired[5][id]),
            (19.0, 4.0, 15.0)
        );
    }
    // All founders divide at 48 min: what the model says, and what is read of it a step later.
    for id in &founders {
        assert_eq!((first[8][id], second[8][id]), (20.0, 5.0));
    }
    let daughters = first[8].keys().filter(|id| !first[7].contains_key(id));
    let negative: Vec<&u64> = daughters.filter(|id| first[8][id] == -19.0).collect();
    assert_eq!(negative.len(), 20);
    assert!(
        negative
            .iter()
            .all(|id| second[8][*id] == -4.0 && tired[9][*id] == -15.0)
    );
}

/// Every file of a run but `run.json`, which names the rules.
fn files(results: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(results).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.is_file() && !path.ends_with("run.json"));
    let name = |path: &Path| PathBuf::from(path.file_name().unwrap());
    paths
        .map(|path| (name(&path), fs::read(&path).unwrap()))
        .collect()
}

#[test]
fn a_decoder_changes_no_byte_of_a_run() {
    let acting = || {
        vec![
            ("recurrent", recurrent()),
            ("encoder", encoder()),
            ("division", division()),
        ]
    };
    let without = scenario(&acting(), COLUMNS);
    let mut models = acting();
    models.insert(0, ("decoder", decoder()));
    let with = scenario(&models, COLUMNS);
    let (without, with) = (run(without.path(), "2"), run(with.path(), "2"));
    let (without, with) = (files(without.path()), files(with.path()));
    assert!(without.len() >= 3 && without.keys().eq(with.keys()));
    for (name, bytes) in &without {
        assert!(*bytes == with[name], "{} differs", name.display());
    }
}

#[test]
fn the_same_bytes_for_any_number_of_threads() {
    let models = [
        ("recurrent", recurrent()),
        ("encoder", encoder()),
        ("decoder", decoder()),
        ("division", division()),
    ];
    let rest = "cell_columns = [\"latent:fate/2\", \"readout:tired\"]\n\
                [latents.\"fate/2\"]\ninherit = { noise = 0.5 }";
    let folder = scenario(&models, rest);
    let one = files(run(folder.path(), "1").path());
    for threads in ["2", "3", "8"] {
        assert!(
            one == files(run(folder.path(), threads).path()),
            "{threads} threads"
        );
    }
}

#[test]
fn models_that_say_a_space_differently_are_refused_until_the_scenario_settles_it() {
    let other = |space: &str, columns: usize| {
        let spec = json!({
            "form": "cell", "acts_on": "stem", "inputs": [],
            "latents": [{"space": space, "tensor": "z", "initial": 7, "lo": -50, "hi": 50}],
            "outputs": [{"tensor": "y", "col": 0, "name": "migration speed", "kind": "parameter",
                         "unit": "µm/min"}],
        });
        let weights = vec![&[0.125f32][..]; columns];
        model(spec, "z", &[Map("y", &weights, &[0.0])])
    };
    let refusal = |folder: &TempDir| {
        let output = milieu(&["check"], folder.path());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let models = || [("recurrent", recurrent()), ("other", other("fate/2", 2))];
    let said = refusal(&scenario(&models(), ""));
    assert!(
        said.contains("E-SPACE") && said.contains("`initial`"),
        "{said}"
    );
    let settled = scenario(&models(), "[latents.\"fate/2\"]\ninitial = 3");
    let output = milieu(&["check"], settled.path());
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let line = "fate/2 of stem: initially 3; each daughter gets all of it";
    assert!(shown.contains(line), "{shown}");
    // Another width is another space.
    let models = [("recurrent", recurrent()), ("other", other("fate/3", 3))];
    let apart = scenario(&models, "");
    assert!(milieu(&["check"], apart.path()).status.success());
}
