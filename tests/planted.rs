//! The evaluator itself: models whose worth is known by the way they were made get that worth, and
//! what is wrong is found. Elsewhere: the law as its own model, a mean rate, a rate 1.3 times too
//! high and leaked runs (`tests/evaluate.rs`); models that mix their rows (`rules/tests/neural/rows.rs`);
//! planted interactions of dyads (`tests/dyad_tables.rs`).

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use kernels::random::{Draws, Sequence};
use prost::Message;
use rules::neural::{
    contract::Spec,
    make::{golden_rows, seal},
    proto::{Graph, Model, Node, OperatorSet, Tensor, ValueInfo},
};
use serde_json::{Value, json};
use sim::assay::agreement::{Agreement, Explained, agreement};
use sim::assay::table::Row;
use statrs::distribution::{ContinuousCDF, Normal};
use tempfile::TempDir;

/// Numbers that a law sets.
const OUTPUTS: usize = 6;

/// Drugs, each given or not.
const DRUGS: usize = 3;

/// What cells differ by that nobody can read but the law: its standard deviation.
const NOISE: f64 = 0.5;

fn milieu(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milieu"));
    command.args(arguments).output().unwrap()
}

fn numbers(prefix: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{prefix}{number}"))
        .collect()
}

/// Cells that differ in `x`, which models may read, and in `e0`, `e1`, …, one for each number, which
/// they may not; some drugs.
fn scenario() -> String {
    let zeros = |names: Vec<String>| {
        names
            .iter()
            .map(|it| format!("{it} = 0, "))
            .collect::<String>()
    };
    let (drugs, outputs, noise) = (
        numbers("d", DRUGS),
        numbers("g", OUTPUTS),
        numbers("e", OUTPUTS),
    );
    let normal = |name: &String, sigma: f64| {
        format!("\"custom:{name}\" = {{ distribution = \"normal\", mu = 0, sigma = {sigma} }}, ")
    };
    let differ: String = noise.iter().map(|name| normal(name, NOISE)).collect();
    format!(
        "duration = \"6 min\"\n[domain]\ndimensions = 2\nsize = [400, 400]\nvoxel = 400\n\
         [clocks]\ndiffusion = 6\nmechanics = 6\nphenotype = 6\n\
         [cell_types.tumor]\ncustom = {{ x = 0, {}{}{}}}\n\
         initial = {{ {}{differ}}}\n\
         [cells.all]\ntype = \"tumor\"\ncount = 60\ndisc = {{ radius = \"190 µm\" }}\n\
         [rules]\nlaw = \"law.onnx\"\n",
        zeros(drugs),
        zeros(outputs),
        zeros(noise),
        normal(&"x".to_owned(), 1.0),
    )
}

/// What a drug does to a number: all drugs turn half of them up and half of them down, and each drug
/// some more than others do.
fn effect(drug: usize, output: usize) -> f64 {
    let common = if output.is_multiple_of(2) { 3.0 } else { -3.0 };
    common + if output % DRUGS == drug { 1.0 } else { 0.0 }
}

/// What a model says of how sure it is: the key in the contract, whether the number is added to the
/// answer, and the number.
type Said<'a> = &'a [(&'a str, bool, f64)];

/// A model that sets every g to its constant + Σ weight · input, and says how sure it is of it.
fn linear(
    inputs: &[String],
    weight: impl Fn(usize, usize) -> f64,
    constant: impl Fn(usize) -> f64,
    said: Said<'_>,
) -> Vec<u8> {
    let input = |(col, name): (usize, &String)| {
        json!({"tensor": "x", "col": col, "name": format!("custom:{name}"), "unit": "1",
               "lo": -9, "hi": 9, "mean": 0, "std": 1})
    };
    let output = |col: usize| {
        let mut output = json!({"tensor": "y", "col": col, "name": format!("custom:g{col}"),
                                "kind": "parameter", "unit": "1"});
        for (key, ..) in said.iter().filter(|(key, ..)| *key != "conformal") {
            output["uncertainty"][*key] = json!(key);
        }
        output
    };
    let mut spec = json!({
        "form": "cell",
        "acts_on": "tumor",
        "inputs": inputs.iter().enumerate().map(input).collect::<Vec<_>>(),
        "outputs": (0..OUTPUTS).map(output).collect::<Vec<_>>(),
        "dt": {"trained": 6, "min": 0.1, "max": 60, "unit": "min"},
    });
    let weights = (0..inputs.len()).flat_map(|from| (0..OUTPUTS).map(move |to| (from, to)));
    let weights: Vec<f32> = weights.map(|(from, to)| weight(from, to) as f32).collect();
    let dims = [inputs.len(), OUTPUTS];
    let constant_of: Vec<f64> = (0..OUTPUTS).map(constant).collect();
    let none = vec![0.0; weights.len()];
    let (mut constants, mut nodes) = (Vec::new(), Vec::new());
    let mut outputs = vec!["y"];
    let mut make = |name: &str, weights: &[f32], constant: &dyn Fn(f64) -> f64| {
        let [w, c] = ["w", "c"].map(|what| format!("{what}_{name}"));
        let values: Vec<f32> = constant_of.iter().map(|it| constant(*it) as f32).collect();
        constants.push(Tensor::floats(&w, &dims, weights));
        constants.push(Tensor::floats(&c, &[OUTPUTS], &values));
        nodes.push(Node::new("Gemm", &["x", &w, &c], name));
    };
    make("y", &weights, &|constant| constant);
    for &(key, is_added, number) in said {
        match (key, is_added) {
            ("conformal", _) => {
                let promise = |output: usize| {
                    json!({"output": format!("custom:g{output}"), "score": "abs", "alpha": 0.1,
                           "qhat": number, "n": 500})
                };
                spec["conformal"] = (0..OUTPUTS).map(promise).collect();
                continue;
            }
            (key, true) => make(key, &weights, &|constant| constant + number),
            (key, false) => make(key, &none, &|_| number),
        }
        outputs.push(key);
    }
    file(spec, nodes, constants, inputs.len(), &outputs)
}

/// The file of a model of these nodes, from `x` to these tensors.
fn file(
    spec: Value,
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
    width: usize,
    outputs: &[&str],
) -> Vec<u8> {
    let spec = Spec::from_json(spec).unwrap();
    let made = spec.outputs.len();
    let info = |name: &str, width| ValueInfo::floats(name, &[None, Some(width)], "n_cells");
    let mut model = Model {
        ir_version: Some(10),
        graph: Some(Graph {
            name: Some("rule".into()),
            node: nodes,
            initializer: constants,
            input: vec![info("x", width)],
            output: outputs.iter().map(|name| info(name, made)).collect(),
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

/// x and the drugs.
fn seen() -> Vec<String> {
    [vec!["x".to_owned()], numbers("d", DRUGS)].concat()
}

/// What the law makes of what is seen.
fn weight(from: usize, to: usize) -> f64 {
    match from {
        0 => 0.2 * to as f64,
        drug => effect(drug - 1, to),
    }
}

/// The law: what is seen, and what is not.
fn law() -> Vec<u8> {
    let inputs = [seen(), numbers("e", OUTPUTS)].concat();
    let all = |from: usize, to: usize| match from.checked_sub(1 + DRUGS) {
        None => weight(from, to),
        Some(noise) => f64::from(noise == to),
    };
    linear(&inputs, all, |_| 1.0, &[])
}

/// Rows under every combination of drugs.
static ROWS: LazyLock<TempDir> = LazyLock::new(|| {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("scenario.toml"), scenario()).unwrap();
    fs::write(home.path().join("law.onnx"), law()).unwrap();
    let vary: Vec<String> = numbers("d", DRUGS)
        .iter()
        .map(|drug| format!("cell_types.tumor.custom.{drug}=0|1"))
        .collect();
    let [place, out] = ["scenario.toml", "rows"].map(|it| home.path().join(it));
    let [place, out] = [&place, &out].map(|path| path.to_str().unwrap());
    let mut arguments = vec![
        "record", place, "--rule", "law", "--runs", "12", "--out", out,
    ];
    arguments.extend(["--split", "50/0/0/50", "--quiet"]);
    arguments.extend(vary.iter().flat_map(|vary| ["--vary", vary]));
    let output = milieu(&arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    home
});

/// Scores a model file; what the program said, exit code and report.
fn evaluate(model: &[u8]) -> (String, Option<i32>, Option<Value>) {
    let home = tempfile::tempdir().unwrap();
    let place = |name: &str, of: &Path| of.join(name).to_str().unwrap().to_owned();
    fs::write(home.path().join("model.onnx"), model).unwrap();
    let [scenario, rows] = ["scenario.toml", "rows"].map(|name| place(name, ROWS.path()));
    let [model, out] = ["model.onnx", "out"].map(|name| place(name, home.path()));
    let output = milieu(&[
        "evaluate", &scenario, "--rows", &rows, "--site", "law", "--model", &model, "--out", &out,
    ]);
    let report = fs::read(home.path().join("out/evaluate.json")).ok();
    let report = report.map(|text| serde_json::from_slice(&text).unwrap());
    if report.is_some() {
        let page = fs::read_to_string(home.path().join("out/evaluate.html")).unwrap();
        assert!(page.contains("What is no event") && !page.contains("src=\"http"));
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (said, output.status.code(), report)
}

/// The part `test` of a model's report.
fn test(model: &[u8]) -> Value {
    let (said, code, report) = evaluate(model);
    assert_eq!(code, Some(0), "{said}");
    let report = report.unwrap();
    let mut parts = report["parts"].as_array().unwrap().iter();
    parts.find(|part| part["name"] == "test").unwrap().clone()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[track_caller]
fn near(found: &Value, expected: f64, tolerance: f64) {
    let found = number(found);
    assert!(
        (found - expected).abs() <= tolerance,
        "{found} is not {expected} ± {tolerance}"
    );
}

#[test]
fn the_recorded_law_has_no_error_and_agrees_wholly() {
    let part = test(&law());
    for output in part["outcomes"]["outputs"].as_array().unwrap() {
        near(&output["model"]["root_mean_square"]["value"], 0.0, 1e-9);
        near(&output["model"]["r_squared"]["value"], 1.0, 1e-12);
        near(&output["skill"], 1.0, 1e-9);
    }
    let conditions = &part["outcomes"]["conditions"];
    let model = &conditions["model"];
    for score in [
        "pearson_control",
        "pearson_perturbed",
        "centroid_accuracy",
        "discrimination",
    ] {
        near(&model[score]["value"], 1.0, 1e-9);
        let half = number(&conditions["split_half"][score]["value"]);
        assert!((0.9..1.0 + 1e-9).contains(&half), "{score}: {half}");
    }
    near(&model["mrrmse"]["value"], 0.0, 1e-9);
    near(&model["energy"], 0.0, 1e-9);
}

/// Each drug is given in four of the seven conditions besides the control.
fn mean() -> Vec<u8> {
    let sum = |to| (0..DRUGS).map(|drug| effect(drug, to)).sum::<f64>();
    linear(&seen(), |_, _| 0.0, |to| 1.0 + 4.0 / 7.0 * sum(to), &[])
}

#[test]
fn a_mean_predictor_knows_no_condition_from_another_but_looks_good_from_the_control() {
    let part = test(&mean());
    let conditions = &part["outcomes"]["conditions"];
    let model = &conditions["model"];
    near(&model["centroid_accuracy"]["value"], 0.5, 1e-9);
    near(&model["discrimination"]["value"], 0.5, 0.1);
    let seems = number(&model["pearson_control"]["value"]);
    assert!(seems > 0.9, "{seems}");
    near(&model["pearson_perturbed"]["value"], 0.0, 0.2);
    for output in part["outcomes"]["outputs"].as_array().unwrap() {
        let skill = number(&output["skill"]);
        assert!(skill < 0.05, "{skill}");
    }
    // The baseline of that name is the very reference.
    let baselines = conditions["baselines"].as_array().unwrap();
    let same = baselines
        .iter()
        .find(|it| it[0] == "perturbed mean")
        .unwrap();
    near(&same[1]["pearson_perturbed"]["value"], 0.0, 1e-9);
    near(&same[1]["centroid_accuracy"]["value"], 0.5, 1e-9);
}

#[test]
fn a_linear_law_is_reached_by_ridge_and_by_no_other_baseline() {
    let part = test(&linear(&seen(), weight, |_| 1.0, &[]));
    let output = &part["outcomes"]["outputs"][5];
    let error = |errors: &Value| number(&errors["root_mean_square"]["value"]);
    // What nobody can see remains.
    near(&output["model"]["root_mean_square"]["value"], NOISE, 0.03);
    for baseline in output["baselines"].as_array().unwrap() {
        let found = error(&baseline[1]);
        match baseline[0] == "ridge" {
            true => assert!(
                (found / error(&output["model"]) - 1.0).abs() < 0.01,
                "{found}"
            ),
            false => assert!(found > 2.0 * NOISE, "{}: {found}", baseline[0]),
        }
    }
    near(&output["skill"], 0.0, 0.01);
}

#[test]
fn a_score_that_is_gamed_by_stretching_stands_beside_one_that_is_not() {
    let part = test(&linear(&seen(), weight, |_| 1.0, &[]));
    let stretched = part["outcomes"]["conditions"]["stretched"]
        .as_array()
        .unwrap()
        .clone();
    let of = |factor: f64, score: &str| {
        let found = stretched.iter().find(|it| it[0] == factor).unwrap();
        number(&found[1][score]["value"])
    };
    for factor in [0.5, 2.0, 10.0] {
        let [one, other] = [1.0, factor].map(|factor| of(factor, "pearson_control"));
        assert!(
            (one - other).abs() < 1e-9,
            "a direction is blind to {factor}"
        );
        assert!(of(factor, "mrrmse") > 5.0 * of(1.0, "mrrmse"));
    }
    assert!(of(10.0, "centroid_accuracy") < of(1.0, "centroid_accuracy"));
}

/// P(|z| < its quantile / `times`) of a normal law.
fn covered(promised: f64, times: f64) -> f64 {
    let normal = Normal::standard();
    2.0 * normal.cdf(normal.inverse_cdf(0.5 + 0.5 * promised) / times) - 1.0
}

#[test]
fn an_over_confident_model_covers_as_little_as_the_normal_law_says() {
    for times in [1.0, 3.0] {
        let part = test(&linear(
            &seen(),
            weight,
            |_| 1.0,
            &[("std", false, NOISE / times)],
        ));
        for output in part["uncertainty"].as_array().unwrap() {
            assert_eq!(output["stated"], "standard deviation");
            for coverage in output["coverage"].as_array().unwrap() {
                let expected = covered(number(&coverage["promised"]), times);
                // 48 runs of 60 cells: four standard errors.
                let error = (expected * (1.0 - expected) / (48.0 * 60.0)).sqrt();
                near(&coverage["found"]["value"], expected, 4.0 * error);
            }
            let far = number(&output["transform"][1]);
            assert_eq!(far < 0.04, times == 1.0, "{far}");
            // σ/√π is the least, of who is as sure as it should be.
            let crps = number(&output["crps"]["value"]);
            let least = NOISE / std::f64::consts::PI.sqrt();
            assert_eq!((crps / least - 1.0).abs() < 0.05, times == 1.0, "{crps}");
        }
    }
}

/// The law's own 5 % and 95 %, and an interval of the same width that promises them.
#[test]
fn quantiles_and_conformal_intervals_cover_what_they_promise() {
    let half = NOISE * Normal::standard().inverse_cdf(0.95);
    let said = [
        ("q05", true, -half),
        ("q50", true, 0.0),
        ("q95", true, half),
    ];
    let said = [&said[..], &[("conformal", false, half)]].concat();
    let part = test(&linear(&seen(), weight, |_| 1.0, &said));
    let error = (0.9f64 * 0.1 / (48.0 * 60.0)).sqrt();
    for output in part["uncertainty"].as_array().unwrap() {
        assert_eq!(output["stated"], "quantiles");
        let coverage = output["coverage"].as_array().unwrap();
        let told: Vec<f64> = coverage.iter().map(|it| number(&it["promised"])).collect();
        assert_eq!(
            told,
            [0.9, 0.8, 0.5],
            "nothing is known beyond the outer quantiles"
        );
        for found in [&coverage[0], &output["conformal"]] {
            near(&found["found"]["value"], 0.9, 4.0 * error);
            near(&found["width"], 2.0 * half, 1e-5);
        }
        assert!(output["transform"].is_null());
    }
}

#[test]
fn a_model_that_says_nothing_of_how_sure_it_is_gets_no_score_of_it() {
    assert_eq!(test(&mean())["uncertainty"], json!([]));
}

#[test]
fn a_model_that_says_nothing_of_what_the_rows_hold_is_refused() {
    let spec = json!({
        "form": "cell",
        "acts_on": "tumor",
        "inputs": [{"tensor": "x", "col": 0, "name": "custom:x", "unit": "1", "lo": -9, "hi": 9}],
        "outputs": [{"tensor": "y", "col": 0, "name": "migration speed", "kind": "parameter",
                     "unit": "µm/min"}],
        "dt": {"trained": 6, "min": 0.1, "max": 60, "unit": "min"},
    });
    let model = file(
        spec,
        vec![Node::new("Abs", &["x"], "y")],
        Vec::new(),
        1,
        &["y"],
    );
    let (said, code, _) = evaluate(&model);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("the model says nothing of what the rows hold, custom:g0"),
        "{said}"
    );
}

/// y = x less the x of whoever stands first.
#[test]
fn a_model_that_depends_on_the_place_of_a_row_is_refused_with_e_rows() {
    let spec = json!({
        "form": "cell",
        "acts_on": "tumor",
        "inputs": [{"tensor": "x", "col": 0, "name": "custom:x", "unit": "1", "lo": -9, "hi": 9}],
        "outputs": [{"tensor": "y", "col": 0, "name": "custom:g0", "kind": "parameter", "unit": "1"}],
        "dt": {"trained": 6, "min": 0.1, "max": 60, "unit": "min"},
    });
    let nodes = vec![
        Node::new("Gather", &["x", "first"], "of_first").with("axis", 0),
        Node::new("Sub", &["x", "of_first"], "y"),
    ];
    let model = file(spec, nodes, vec![Tensor::ints("first", &[0])], 1, &["y"]);
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("model.onnx");
    fs::write(&place, &model).unwrap();
    let output = milieu(&["model", "check", place.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("E-ROWS"), "{said}");
    let (said, code, report) = evaluate(&model);
    assert!(said.contains("E-ROWS"), "{said}");
    assert_eq!((code, report), (Some(2), None));
}

/// What four effectors and three targets do beyond their identities: log hazards.
const BEYOND: [[f64; 3]; 4] = [
    [0.9, -0.5, -0.4],
    [-0.6, 0.8, -0.2],
    [0.1, -0.7, 0.6],
    [-0.4, 0.4, 0.0],
];

/// Pairs that no model was given.
const HELD_OUT: [(usize, usize); 3] = [(0, 0), (1, 1), (2, 2)];

/// What each identity does by itself: log hazards.
fn identities(a: usize, b: usize) -> f64 {
    -6.0 + 0.5 * a as f64 - 0.4 * b as f64
}

fn true_hazard(a: usize, b: usize) -> f64 {
    identities(a, b) + BEYOND[a][b]
}

/// A table of 3000 compartments a pair, watched for 720 min, in which targets die at these rates,
/// exp(1/min).
fn dyads(log_hazard: impl Fn(usize, usize) -> f64, id: u64) -> Vec<Row> {
    let draws = Draws {
        seed: 12,
        purpose: 0,
    };
    let mut sequence = Sequence::new(draws, id);
    let mut rows = Vec::new();
    for (a, b) in (0..4).flat_map(|a| (0..3).map(move |b| (a, b))) {
        for _ in 0..3000 {
            let time = -sequence.uniform().ln() / log_hazard(a, b).exp();
            rows.push(Row {
                effector: format!("T{a}"),
                target: format!("tumor {b}"),
                cells: [1, 1],
                deaths: if time < 720.0 { vec![time] } else { Vec::new() },
                censored: 720.0,
                ..Row::default()
            });
        }
    }
    rows
}

/// R²(I) of a model that has these hazards.
fn agreed(log_hazard: impl Fn(usize, usize) -> f64, id: u64) -> Agreement {
    let held_out = HELD_OUT.map(|(a, b)| format!("T{a}/tumor {b}"));
    agreement(&dyads(log_hazard, id), &dyads(true_hazard, 1), &held_out).unwrap()
}

/// Within four standard errors, of which the interval is as wide, and these are small.
#[track_caller]
fn explains(found: &Explained, expected: f64) {
    let (value, [low, high]) = (found.r_squared.unwrap(), found.interval.unwrap());
    let width = high - low;
    assert!(
        (value - expected).abs() < width && width < 0.3,
        "{value} ({low} to {high})"
    );
    assert!(found.ceiling.unwrap() > 0.98);
}

#[test]
fn the_true_hazards_have_the_true_interaction_on_all_pairs() {
    let found = agreed(true_hazard, 2);
    explains(&found.given, 1.0);
    explains(&found.held_out.unwrap(), 1.0);
}

#[test]
fn an_additive_model_of_identities_has_none_of_the_interaction() {
    let found = agreed(identities, 3);
    explains(&found.given, 0.0);
    explains(&found.held_out.unwrap(), 0.0);
}

/// What is left to a table that does not hold a pair: its identities, fitted to the pairs given by sweeping over effectors and targets in turn.
fn additive_of_given(a: usize, b: usize) -> f64 {
    let (mut of_a, mut of_b) = ([0.0; 4], [0.0; 3]);
    let is_given = |a, b| !HELD_OUT.contains(&(a, b));
    for _ in 0..200 {
        for a in 0..4 {
            let own: Vec<usize> = (0..3).filter(|b| is_given(a, *b)).collect();
            let left = own.iter().map(|b| true_hazard(a, *b) - of_b[*b]);
            of_a[a] = left.sum::<f64>() / own.len() as f64;
        }
        for b in 0..3 {
            let own: Vec<usize> = (0..4).filter(|a| is_given(*a, b)).collect();
            let left = own.iter().map(|a| true_hazard(*a, b) - of_a[*a]);
            of_b[b] = left.sum::<f64>() / own.len() as f64;
        }
    }
    of_a[a] + of_b[b]
}

#[test]
fn a_table_of_pairs_knows_those_it_was_given_and_no_other() {
    let looked_up = |a, b| match HELD_OUT.contains(&(a, b)) {
        true => additive_of_given(a, b),
        false => true_hazard(a, b),
    };
    let found = agreed(looked_up, 4);
    explains(&found.given, 1.0);
    explains(&found.held_out.unwrap(), 0.0);
}

#[test]
fn pairs_that_cannot_be_held_out_are_told() {
    let rows = dyads(identities, 6);
    let told = |held_out: &[&str]| {
        let held_out: Vec<String> = held_out.iter().map(|it| (*it).to_owned()).collect();
        agreement(&rows, &rows, &held_out).unwrap_err()
    };
    assert!(told(&["T0/tumour 1"]).contains("did you mean `T0/tumor 1`"));
    let all = told(&["T0/tumor 0", "T0/tumor 1", "T0/tumor 2"]);
    assert!(all.contains("too many pairs are held out"), "{all}");
}
