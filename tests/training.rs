//! The loop closed: hits that a written law has drawn are recorded, a model is trained on them, it
//! takes the law's place, and `milieu compare` says that the tissue has not noticed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
const VARY: &str = "cell_types.\"CD8 T cell\".custom.PD-1=1|0.5";

/// Recorded seeds are 1 to 20; compared ones begin here.
const COMPARED: &str = "1001";

fn milieu(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milieu"));
    command.args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(text).unwrap()
}

fn must(output: Output) -> String {
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// A Python that has the modules, if there is one; else this is said.
fn python(variable: &str, modules: &str) -> Option<String> {
    let python = env::var(variable).unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", modules]).output();
    let is_there = found.is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("skipped: {python} cannot `{modules}` ({variable} names another)");
    }
    is_there.then_some(python)
}

/// Runs a script of the study in a folder.
fn script(python: &str, home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(python);
    command.current_dir(home).args(arguments);
    command.env("MILIEU", env!("CARGO_BIN_EXE_milieu"));
    command.env("PYTHONPATH", training());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    // Sums of one thread: the same weights on every run.
    command.env("OPENBLAS_NUM_THREADS", "1");
    command.output().unwrap()
}

fn training() -> PathBuf {
    Path::new(SCENARIOS).join("tumor_immune/training")
}

fn path(home: &Path, name: &str) -> String {
    home.join(name).to_str().unwrap().to_owned()
}

fn law() -> String {
    format!("rules.killing.file='{SCENARIOS}/tumor_immune/killing.rules'")
}

/// The small tumor with more T cells, so that half a day has hits enough. Margins are a tenth of what
/// killing limits, as a biologist would ask for, and were stated before the first run.
fn scenario(home: &Path) -> String {
    let text = format!(
        r#"
extends = "{SCENARIOS}/tumor_immune_small"

[arrivals.cd8]
rate = "0.04 1/min"

[readouts.kills]
margin = 0.1

[readouts."live tumor cells"]
measure = "count"
type = "tumor"
margin = 0.1
"#
    );
    fs::create_dir(home.join("scenario")).unwrap();
    fs::write(home.join("scenario/scenario.toml"), text).unwrap();
    path(home, "scenario")
}

fn record(home: &Path, scenario: &str, out: &str, arguments: &[&str]) {
    let (out, law) = (path(home, out), law());
    let mut all = vec!["record", scenario, "--quiet", "--set", &law, "--out", &out];
    all.extend_from_slice(arguments);
    must(milieu(&all));
}

/// Compares a model with the law; exit code and what compare.json says.
fn compare(home: &Path, scenario: &str, model: &str, runs: &str) -> (Option<i32>, Value) {
    let (out, law) = (path(home, &format!("{model}-compared")), law());
    let model = format!("rules.killing.file='{}'", path(home, model));
    let mut all = vec!["compare", scenario, "--quiet", "--names", "learned,written"];
    all.extend(["--until", "1 d", "--seed", COMPARED, "--runs", runs]);
    all.extend(["--a", &model, "--b", &law, "--out", &out]);
    let output = milieu(&all);
    let report = fs::read(Path::new(&out).join("compare.json"));
    let report = report.unwrap_or_else(|_| panic!("{}", said(&output)));
    println!("{}", said(&output));
    (
        output.status.code(),
        serde_json::from_slice(&report).unwrap(),
    )
}

#[test]
fn a_model_trained_on_recorded_hits_is_the_law_that_drew_them_and_its_sabotaged_copy_is_not() {
    let Some(python) = python("MILIEU_PYTHON", "import numpy, scipy, onnx, pyarrow") else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let scenario = scenario(home);
    let arguments = ["--rule", "killing", "--runs", "10", "--until", "12 h"];
    let thinned = ["--keep", "0.1", "--vary", VARY];
    record(
        home,
        &scenario,
        "rows",
        &[&arguments[..], &thinned].concat(),
    );
    let light = training().join("train_light.py");
    let light = light.to_str().unwrap();
    let arguments = [light, "killing.onnx", "rows", "--times", "1.3"];
    println!("{}", must(script(&python, home, &arguments)));

    let model = path(home, "killing.onnx");
    let card = must(milieu(&["model", "inspect", &model, "--json"]));
    let card: Value = serde_json::from_str(&card).unwrap();
    let scores = &card["card"]["metrics"]["log likelihood per hit of test runs"];
    let score = |of: &str| scores[of].as_f64().unwrap_or_else(|| panic!("{card:#}"));
    let [learned, law, nothing] = ["model", "recorded rule", "constant rates"].map(score);
    // Nobody predicts hits better than the law they were drawn by, but by chance.
    let share = (learned - nothing) / (law - nothing);
    assert!((0.9..1.05).contains(&share), "{scores}");

    let (code, report) = compare(home, &scenario, "killing.onnx", "20");
    assert_eq!(code, Some(0), "{:#}", report["conditions"]);
    assert_eq!(report["verdict"], "equivalent");
    let (code, report) = compare(home, &scenario, "killing-times-1.3.onnx", "10");
    assert_eq!(code, Some(1), "{:#}", report["conditions"]);
    let readouts = report["conditions"][0]["readouts"].as_object().unwrap();
    assert_eq!(readouts.len(), 2);
    assert_eq!(readouts["kills"]["verdict"], "different");
}

#[test]
fn the_gradient_written_by_hand_is_that_of_finite_differences() {
    let Some(python) = python("MILIEU_PYTHON", "import numpy, scipy, onnx, pyarrow") else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let arguments = ["--rule", "killing", "--runs", "1", "--split", "100/0/0/0"];
    let more = ["--until", "8 h", "--keep", "0.05"];
    let scenario = scenario(home.path());
    record(
        home.path(),
        &scenario,
        "rows",
        &[&arguments[..], &more].concat(),
    );
    let check = "
import numpy as np
from scipy.optimize import check_grad
from rows import Rows
from killing import CAUSES, INPUTS, SITE
from train_light import Network
rows = Rows(['rows'], SITE, INPUTS, CAUSES, 'train')
assert rows.event.sum() > 20, rows.event.sum()
network = Network(rows)
column = lambda values: np.float64(values).reshape(len(rows), -1)
fed = network.features(rows.inputs), *map(column, (rows.happened, rows.exposure, rows.weight))
value = lambda parameters: network.loss(parameters, *fed)[0]
slope = lambda parameters: network.loss(parameters, *fed)[1]
size = np.linalg.norm(slope(network.parameters))
off = check_grad(value, slope, network.parameters)
assert off < 1e-5 * max(size, 1), (off, size)
print('the same')
";
    assert!(must(script(&python, home.path(), &["-c", check])).contains("the same"));
}

#[test]
fn a_run_that_is_in_two_parts_of_the_data_is_refused() {
    let Some(python) = python("MILIEU_PYTHON", "import numpy, pyarrow") else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let arguments = ["--rule", "killing", "--runs", "2", "--until", "1 h"];
    let scenario = scenario(home.path());
    for (folder, split) in [("one", "50/0/0/50"), ("other", "0/0/0/100")] {
        let split = ["--split", split];
        record(
            home.path(),
            &scenario,
            folder,
            &[&arguments[..], &split].concat(),
        );
    }
    let rows = training().join("rows.py");
    let look = |folders: &[&str]| {
        let arguments = [&[rows.to_str().unwrap()], folders].concat();
        script(&python, home.path(), &arguments)
    };
    assert!(must(look(&["one"])).contains("test: 1 runs"));
    let output = look(&["one", "other"]);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("is in two parts"),
        "{}",
        said(&output)
    );
}

#[test]
fn the_scripts_for_pytorch_make_model_files_and_learn_from_a_teacher() {
    if env::var_os("MILIEU_TORCH_PYTHON").is_none() {
        eprintln!("skipped: PyTorch (MILIEU_TORCH_PYTHON does not name a Python that has it)");
        return;
    }
    let modules = "import torch, onnx, onnxscript, pyarrow";
    let python = python("MILIEU_TORCH_PYTHON", modules).expect("the Python named has them");
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let scenario = scenario(home);
    let arguments = ["--rule", "behavior", "--runs", "5", "--until", "12 h"];
    let starved = ["--vary", "substrates.oxygen.boundary.all=38|4"];
    record(
        home,
        &scenario,
        "rows",
        &[&arguments[..], &starved].concat(),
    );
    let fates = training().join("train_fates.py");
    let fates = [fates.to_str().unwrap(), "fates.onnx", "rows"];
    let text = must(script(&python, home, &fates));
    assert!(text.contains("fates.onnx written"), "{text}");
    let (relabel, law) = (training().join("relabel.py"), law());
    let law = law.split('\'').nth(1).unwrap();
    let arguments = [relabel.to_str().unwrap(), &scenario, law, "out", "1"];
    let further = ["--until", "8 h", "--vary", VARY];
    let text = must(script(&python, home, &[&arguments[..], &further].concat()));
    assert!(text.contains("round 1: off by"), "{text}");
    assert!(text.contains("killing-1.onnx written"), "{text}");
}
