//! `milieu evaluate`: models whose worth is known get it, and leaks are found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::{Value, json};
use tempfile::TempDir;

const SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/tumor_immune_small");
const WRITTEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/scenarios/tumor_immune/killing.rules"
);
const LAW: &str = include_str!("../scenarios/tumor_immune/killing.rules");

fn milieu(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milieu"));
    command.args(arguments).output().unwrap()
}

/// Rows of the small tumor under the written law, which is so the truth.
static ROWS: LazyLock<TempDir> = LazyLock::new(|| {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("rows");
    let law = format!("rules.killing.file='{WRITTEN}'");
    let arguments = [
        "record",
        SMALL,
        "--until",
        "12 h",
        "--set",
        &law,
        "--rule",
        "killing",
        "--rule",
        "behavior",
        "--runs",
        "8",
        "--split",
        "50/0/0/50",
        "--out",
        out.to_str().unwrap(),
    ];
    let output = milieu(&arguments);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    home
});

fn rows() -> PathBuf {
    ROWS.path().join("rows")
}

/// Scores these sentences; exit code and report.
fn evaluate(rows: &Path, sentences: &str) -> (Option<i32>, Value) {
    let home = tempfile::tempdir().unwrap();
    let (model, out) = (home.path().join("model.rules"), home.path().join("out"));
    fs::write(&model, sentences).unwrap();
    let [rows, model, folder] = [rows, &model, &out].map(|path| path.to_str().unwrap());
    let arguments = [
        "evaluate", SMALL, "--rows", rows, "--site", "killing", "--model", model, "--out", folder,
    ];
    let output = milieu(&arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    let report = fs::read(out.join("evaluate.json")).unwrap_or_else(|_| panic!("{said}"));
    let page = fs::read_to_string(out.join("evaluate.html")).unwrap();
    assert!(!page.contains("src=\"http") && !page.contains("<script"));
    (
        output.status.code(),
        serde_json::from_slice(&report).unwrap(),
    )
}

fn test(report: &Value) -> &Value {
    let parts = report["parts"].as_array().unwrap();
    parts.iter().find(|part| part["name"] == "test").unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn interval(value: &Value) -> [f64; 2] {
    [number(&value[0]), number(&value[1])]
}

fn covers([low, high]: [f64; 2], value: f64) -> bool {
    (low..=high).contains(&value)
}

#[test]
fn the_law_that_drew_the_events_reaches_the_ceiling() {
    let (code, report) = evaluate(&rows(), LAW);
    assert_eq!(code, Some(0), "{report:#}");
    let test = test(&report);
    assert!((number(&test["skill"]) - 1.0).abs() < 1e-9);
    let model = &test["model"];
    assert!(covers(interval(&model["rate_ratio_interval"]), 1.0));
    assert!(
        covers(interval(&model["slope"]["interval"]), 1.0),
        "{model:#}"
    );
    assert!(
        number(&model["information"]["interval"][0]) > 0.0,
        "it knows more than a mean"
    );
    // What marginals alone are worth is less than what the law is.
    let shuffled = number(&test["shuffled"]["information"]["value"]);
    assert!(shuffled < number(&model["information"]["value"]) / 2.0);
}

#[test]
fn a_mean_predictor_has_no_information_and_no_skill() {
    let (_, law) = evaluate(&rows(), LAW);
    let bins = test(&law)["constant"]["bins"].as_array().unwrap();
    let [count, expected] = [0, 1].map(|at| bins.iter().map(|bin| number(&bin[at])).sum::<f64>());
    // Chance of a row of 0.2 min to rate.
    let rate = -(1.0 - expected / count).ln() / 0.2;
    let mean = format!(
        "CD8 T cell on tumor: contact age increases hit towards {rate} 1/min, above -1 min\n"
    );
    let (_, report) = evaluate(&rows(), &mean);
    let test = test(&report);
    assert!(number(&test["model"]["information"]["value"]).abs() < 1e-9);
    assert!(number(&test["skill"]) < 0.01);
    assert!((number(&test["model"]["auc"]) - 0.5).abs() < 1e-9);
    assert!(
        test["model"]["slope"]["value"].is_null(),
        "one chance has no slope"
    );
}

#[test]
fn a_rate_that_is_1_3_times_too_high_shows_as_a_ratio_of_0_77() {
    let biased = LAW.replace("towards 0.2 ", "towards 0.26 ");
    let (_, report) = evaluate(&rows(), &biased);
    let (_, law) = evaluate(&rows(), LAW);
    let model = &test(&report)["model"];
    assert!(
        covers(interval(&model["rate_ratio_interval"]), 1.0 / 1.3),
        "{model:#}"
    );
    // Whatever chance has done to the events, it did to both; λ·Δt is small enough to be a chance.
    let ratio = number(&model["rate_ratio"]) / number(&test(&law)["model"]["rate_ratio"]);
    assert!((ratio - 1.0 / 1.3).abs() < 2e-3, "{ratio}");
    assert!(number(&test(&report)["skill"]) < 1.0);
}

#[test]
fn a_test_run_in_the_training_is_found_by_its_seed_and_by_its_rows() {
    let read = || -> Value {
        serde_json::from_slice(&fs::read(rows().join("record.json")).unwrap()).unwrap()
    };
    let copied = |seed: Option<u64>| {
        let home = tempfile::tempdir().unwrap();
        for site in ["killing", "behavior-1"] {
            fs::create_dir(home.path().join(site)).unwrap();
            for file in fs::read_dir(rows().join(site)).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), home.path().join(site).join(file.file_name())).unwrap();
            }
        }
        let mut record = read();
        let runs = record["runs"].as_array_mut().unwrap();
        let leaked = runs
            .iter()
            .find(|run| run["split"] == "test")
            .unwrap()
            .clone();
        // The training is that run alone, or it and others.
        runs.retain(|run| run["split"] == "test");
        let mut leaked = leaked;
        leaked["split"] = json!("train");
        if let Some(seed) = seed {
            leaked["seed"] = json!(seed);
        }
        runs.push(leaked);
        fs::write(home.path().join("record.json"), record.to_string()).unwrap();
        home
    };
    let found = |report: &Value| -> Vec<bool> {
        let audit = report["audit"].as_array().unwrap();
        audit
            .iter()
            .map(|finding| finding["passed"] == true)
            .collect()
    };
    let (_, clean) = evaluate(&rows(), LAW);
    assert_eq!(found(&clean), [true, true, true], "{:#}", clean["audit"]);
    let (code, told) = evaluate(copied(None).path(), LAW);
    assert_eq!(
        (code, found(&told)),
        (Some(1), vec![false, false, true]),
        "{:#}",
        told["audit"]
    );
    let (code, disguised) = evaluate(copied(Some(999_999)).path(), LAW);
    assert_eq!(
        (code, found(&disguised)),
        (Some(1), vec![true, false, true])
    );
}

#[test]
fn what_cannot_be_scored_is_refused_with_the_way_out() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let refused = |rows: &Path, site: &str, model: &str, wanted: &str| {
        let [rows, out] = [rows, &out].map(|path| path.to_str().unwrap());
        let arguments = [
            "evaluate", SMALL, "--rows", rows, "--site", site, "--model", model, "--out", out,
        ];
        let output = milieu(&arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted), "{said}");
    };
    refused(&rows(), "kiling", WRITTEN, "did you mean `killing`");
    refused(
        &rows(),
        "behavior-2",
        WRITTEN,
        "no column `input:contact age`, which the model reads",
    );
    refused(
        home.path(),
        "killing",
        WRITTEN,
        "name a folder that `milieu record` has written",
    );
    let other = home.path().join("other.rules");
    fs::write(
        &other,
        "CD8 T cell on tumor: hits increases hit towards 0.2 1/min, half-max 1, Hill power 1\n",
    )
    .unwrap();
    refused(
        &rows(),
        "killing",
        other.to_str().unwrap(),
        "record them with --signal 'hits'",
    );
}
