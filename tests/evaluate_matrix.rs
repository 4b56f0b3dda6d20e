//! `milieu evaluate --splits`: models whose worth is known get it when they drive the tissue.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use prost::Message;
use rules::neural::{
    contract::Spec,
    make::{golden_rows, seal},
    proto::Model,
};
use serde_json::Value;
use tempfile::TempDir;

const SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/tumor_immune_small");
const WRITTEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/scenarios/tumor_immune/killing.rules"
);
const LAW: &str = include_str!("../scenarios/tumor_immune/killing.rules");

/// A dose on which no row was recorded.
const BLOCKED: &str = "\
[[splits]]
name = 'PD-1 blocked'
axis = 'intervention'
step = 'S5'
set = { 'cell_types.\"CD8 T cell\".custom.PD-1' = 0.1 }
";

/// More T cells than the scenario has, so that few runs have many kills.
const CROWD: &str = "arrivals.cd8.rate='0.06 1/min'";

fn milieu(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milieu"));
    command.args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Four recorded runs of six hours, and the law as a model file.
static HOME: LazyLock<TempDir> = LazyLock::new(|| {
    let home = tempfile::tempdir().unwrap();
    let law = format!("rules.killing.file='{WRITTEN}'");
    let [rows, model] = ["rows", "law.onnx"].map(|name| home.path().join(name));
    let [rows, model] = [&rows, &model].map(|path| path.to_str().unwrap());
    let same = [SMALL, "--set", &law, "--rule", "killing"];
    let record = [
        "--set",
        CROWD,
        "--until",
        "6 h",
        "--runs",
        "4",
        "--split",
        "50/0/0/50",
    ];
    let output = milieu(&[&["record"], &same[..], &record[..], &["--out", rows]].concat());
    assert!(output.status.success(), "{}", said(&output));
    let output = milieu(&[&["model", "export-rule"], &same[..], &["-o", model]].concat());
    assert!(output.status.success(), "{}", said(&output));
    home
});

fn place(name: &str) -> PathBuf {
    HOME.path().join(name)
}

/// Evaluates a model in the crowded tumor.
fn evaluate(model: &Path, out: &Path, arguments: &[&str]) -> Output {
    let rows = place("rows");
    let [rows, model, out] = [&rows, model, out].map(|path| path.to_str().unwrap());
    let law = format!("rules.killing.file='{WRITTEN}'");
    let mut all = vec!["evaluate", SMALL, "--set", &law, "--set", CROWD, "--quiet"];
    all.extend([
        "--rows", rows, "--site", "killing", "--model", model, "--out", out,
    ]);
    all.extend_from_slice(arguments);
    milieu(&all)
}

/// The report on these sentences, in the splits of this file.
fn report(model: &Path, splits: Option<&str>, arguments: &[&str]) -> Value {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let file = home.path().join("splits.toml");
    let mut all = arguments.to_vec();
    if let Some(splits) = splits {
        fs::write(&file, splits).unwrap();
        all.extend(["--splits", file.to_str().unwrap()]);
    }
    let output = evaluate(model, &out, &all);
    let json = fs::read(out.join("evaluate.json")).unwrap_or_else(|_| panic!("{}", said(&output)));
    let page = fs::read_to_string(out.join("evaluate.html")).unwrap();
    assert!(!page.contains("src=\"http") && !page.contains("<script"));
    serde_json::from_slice(&json).unwrap()
}

fn sentences(text: &str) -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("model.rules");
    fs::write(&file, text).unwrap();
    (home, file)
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

fn readout<'a>(row: &'a Value, name: &str) -> &'a Value {
    let mut readouts = row["readouts"].as_array().unwrap().iter();
    readouts.find(|it| it["name"] == name).unwrap()
}

fn gate<'a>(report: &'a Value, code: &str) -> &'a Value {
    let mut gates = report["gates"].as_array().unwrap().iter();
    &gates.find(|it| it["code"] == code).unwrap()["outcome"]
}

#[test]
fn the_law_as_a_model_reaches_the_ceiling_in_every_context() {
    let splits = format!("{BLOCKED}\n[weights]\n'PD-1 blocked' = 3\n'new seeds' = 1\n");
    let arguments = ["--until", "6 h", "--runs", "3"];
    let report = report(&place("law.onnx"), Some(&splits), &arguments);
    let rows = report["matrix"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let kills = readout(row, "kills");
        assert_eq!(kills["equivalence"]["verdict"], "equivalent", "{row:#}");
        assert_eq!(number(&kills["skill"]["value"]), 1.0);
        assert!((number(&row["open"]["skill"]) - 1.0).abs() < 1e-6);
        // Without the rule nobody is killed: all of the mean is missing, which is ten margins.
        assert_eq!(number(&kills["arms"]["nobody"]["mean"]["value"]), 0.0);
        assert!((number(&kills["arms"]["nobody"]["loss"]["value"]) - 10.0).abs() < 1e-9);
        assert_eq!(number(&row["loss"]["model"]["value"]), 0.0);
        assert!(
            number(&row["loss"]["again"]["value"]) > 0.0,
            "chance is there"
        );
        assert!(number(&row["rollout"]["rows"]["rows"]) > 1000.0);
        assert_eq!(row["rollout"]["broken"][1], 0);
    }
    // Three quarters of the weight, in either row.
    let loss = |row: &Value| number(&row["loss"]["nobody"]["value"]);
    let stated = number(&report["matrix"]["risk"]["stated"]["nobody"]["value"]);
    assert!((stated - (loss(&rows[0]) + 3.0 * loss(&rows[1])) / 4.0).abs() < 1e-12);
    let [one, other] = [0, 1].map(|row| readout(&rows[row], "kills"));
    let law = |kills: &Value| number(&kills["arms"]["law"]["mean"]["value"]);
    assert!(law(other) > 1.3 * law(one), "the dose was given");
    assert_eq!(report["is_same_scenario"], true);
    for code in ["G1", "G2", "G3"] {
        assert_eq!(gate(&report, code), "passed", "{:#}", report["gates"]);
    }
    // An exported law holds wherever its signals go.
    assert_ne!(gate(&report, "G4"), "failed", "{:#}", report["gates"]);
}

#[test]
fn a_law_with_1_3_times_its_rate_is_flagged_on_kills() {
    let (_home, model) = sentences(&LAW.replace("towards 0.2 ", "towards 0.26 "));
    let arguments = ["--until", "12 h", "--runs", "6", "--readout", "kills=0.05"];
    let report = report(&model, None, &arguments);
    let row = &report["matrix"]["rows"][0];
    let kills = readout(row, "kills");
    assert_eq!(kills["equivalence"]["verdict"], "different", "{kills:#}");
    assert!(number(&kills["arms"]["model"]["ratio"]["value"]) > 1.1);
    assert_eq!(gate(&report, "G3"), "failed");
    assert_eq!(report["matrix"]["risk"]["worst"]["readout"], "kills");
    // A third more hits is nearer to the law than none.
    assert!(number(&kills["skill"]["value"]) < 1.0);
    let parted = row["rollout"]["parted"].as_array().unwrap();
    assert!(parted.iter().any(Value::is_number), "{parted:?}");
}

#[test]
fn constant_rates_have_no_skill_over_themselves() {
    let probe = report(&place("law.onnx"), None, &["--runs", "0"]);
    assert!(probe["matrix"].is_null(), "no run was closed");
    let train = &probe["parts"][0];
    assert_eq!(train["name"], "train");
    let bins = train["constant"]["bins"].as_array().unwrap();
    let [count, expected] = [0, 1].map(|at| bins.iter().map(|bin| number(&bin[at])).sum::<f64>());
    let rate = -(1.0 - expected / count).ln() / 0.2;
    let mean = format!(
        "CD8 T cell on tumor: contact age increases hit towards {rate} 1/min, above -1 min\n"
    );
    let (_home, model) = sentences(&mean);
    let report = report(&model, Some(BLOCKED), &["--until", "6 h", "--runs", "3"]);
    for row in report["matrix"]["rows"].as_array().unwrap() {
        let kills = readout(row, "kills");
        let loss = |arm: &str| number(&kills["arms"][arm]["loss"]["value"]);
        assert!(loss("constant") < loss("nobody"), "it is the best baseline");
        assert!((loss("model") - loss("constant")).abs() < 1e-6, "{kills:#}");
        assert!(number(&kills["skill"]["value"]).abs() < 1e-6);
    }
    // The dose raises the law's rate by far, and not that of training.
    let blocked = readout(&report["matrix"]["rows"][1], "kills");
    assert_eq!(blocked["has_room"], true, "{blocked:#}");
    assert_eq!(gate(&report, "G1"), "not judged");
}

/// The row of new seeds, for a model in the place of one of the rules on behavior.
fn judged(site: &str, model: &Path) -> Value {
    let home = tempfile::tempdir().unwrap();
    let [rows, out] = ["rows", "out"].map(|name| home.path().join(name));
    let [rows, model, folder] = [&rows, model, &out].map(|path| path.to_str().unwrap());
    let short = ["--until", "6 h", "--set", CROWD];
    let record = [
        "record",
        SMALL,
        "--rule",
        "behavior",
        "--runs",
        "2",
        "--split",
        "50/0/0/50",
    ];
    let output = milieu(&[&record[..], &short[..], &["--out", rows]].concat());
    assert!(output.status.success(), "{}", said(&output));
    let asked = [
        "--rows", rows, "--site", site, "--model", model, "--out", folder,
    ];
    let output = milieu(&[&["evaluate", SMALL, "--runs", "3"], &short[..], &asked[..]].concat());
    let json = fs::read(out.join("evaluate.json")).unwrap_or_else(|_| panic!("{}", said(&output)));
    let report: Value = serde_json::from_slice(&json).unwrap();
    report["matrix"]["rows"][0].clone()
}

#[test]
fn what_a_model_leaves_out_stays_the_laws() {
    let home = tempfile::tempdir().unwrap();
    let model = home.path().join("fates.onnx");
    // The law also says how tumor cells divide, show PD-L1 and, once dead, leave debris.
    let export = [
        "model",
        "export-rule",
        SMALL,
        "--rule",
        "behavior",
        "--type",
        "tumor",
    ];
    let fates = ["--behavior", "apoptosis", "--behavior", "necrosis", "-o"];
    let output = milieu(&[&export[..], &fates[..], &[model.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", said(&output));
    let row = judged("behavior-1", &model);
    assert!(number(&row["loss"]["model"]["value"]) < 1e-6, "{row:#}");
    assert!(number(&row["loss"]["constant"]["value"]) > 0.1);
}

#[test]
fn a_rule_without_events_is_judged_by_what_the_tissue_does() {
    let touch = "CD8 T cell: contact with live tumor";
    let (_home, model) = sentences(&format!(
        "{touch} decreases migration speed from 12 towards 4 µm/min, half-max 0.5, Hill power 4, every 0.5 min\n\
         {touch} increases interferon-gamma export from 0 towards 8e5, half-max 0.5, Hill power 4, every 0.5 min\n"
    ));
    let row = judged("behavior-2", &model);
    assert!(row["open"].is_null(), "there is no event to foretell");
    let loss = |arm: &str| number(&row["loss"][arm]["value"]);
    assert!(loss("model") < 1e-6, "{row:#}");
    // A T cell that is always a little slow is not one that never slows down.
    assert!(
        loss("constant") > 0.0 && loss("constant") != loss("nobody"),
        "{row:#}"
    );
}

#[test]
fn a_model_that_gives_up_is_told_and_not_passed_over() {
    // The same law, that holds in no more than the ranges in which its answers change. The scenario
    // has the model already, and its word on rows outside the domain counts.
    let mut narrow = Model::decode(&fs::read(place("law.onnx")).unwrap()[..]).unwrap();
    let spec = narrow.metadata("milieu.spec").unwrap();
    let mut spec: Value = serde_json::from_str(spec).unwrap();
    spec.as_object_mut().unwrap().remove("ood").unwrap();
    narrow.set_metadata("milieu.spec", spec.to_string());
    let rows = golden_rows(&Spec::from_json(spec).unwrap(), 64);
    seal(&mut narrow, &rows).unwrap();
    let home = tempfile::tempdir().unwrap();
    let model = home.path().join("narrow.onnx");
    fs::write(&model, narrow.encode_to_vec()).unwrap();
    let entry = format!(
        "rules.killing={{ file = '{}', guard = 'error' }}",
        model.display()
    );
    let arguments = ["--until", "2 h", "--runs", "3", "--set", &entry];
    let report = report(&model, None, &arguments);
    let row = &report["matrix"]["rows"][0];
    let failed = row["rollout"]["failed"].as_array().unwrap();
    assert!(!failed.is_empty(), "{:#}", row["rollout"]);
    assert!(
        failed[0].as_str().unwrap().contains("E-DOMAIN"),
        "{failed:?}"
    );
    assert_eq!(
        (gate(&report, "G2"), gate(&report, "G3")),
        (&"failed".into(), &"failed".into())
    );
    // The law was found where it lay when rows were recorded.
    let law = readout(row, "kills")["arms"]["law"]["values"]
        .as_array()
        .unwrap();
    assert!(law.len() == 3 && law.iter().all(Value::is_f64), "{law:?}");
}

#[test]
fn the_same_evaluation_is_the_same_file_on_any_number_of_threads() {
    let home = tempfile::tempdir().unwrap();
    let once = |jobs: &str| {
        let out = home.path().join(jobs);
        let arguments = ["--until", "2 h", "--runs", "3", "--jobs", jobs];
        let output = evaluate(&place("law.onnx"), &out, &arguments);
        let read =
            |name: &str| fs::read(out.join(name)).unwrap_or_else(|_| panic!("{}", said(&output)));
        (read("evaluate.json"), read("timing.json"))
    };
    let ((one, cost), (two, _)) = (once("1"), once("3"));
    assert!(one == two);
    let cost: Value = serde_json::from_slice(&cost).unwrap();
    assert!(number(&cost["ms_per_step"]["new seeds"]["model"]) > 0.0);
}

#[test]
fn what_cannot_be_evaluated_is_refused_with_the_way_out() {
    let home = tempfile::tempdir().unwrap();
    let (out, file) = (home.path().join("out"), home.path().join("splits.toml"));
    let refused = |splits: &str, more: &[&str], wanted: &[&str]| {
        fs::write(&file, splits).unwrap();
        let arguments = [
            &["--splits", file.to_str().unwrap(), "--until", "2 h"],
            more,
        ]
        .concat();
        let output = evaluate(&place("law.onnx"), &out, &arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(wanted.iter().all(|it| said.contains(it)), "{said}");
        assert!(!out.exists(), "nothing was made for what cannot be made");
    };
    let with = |one: &str, other: &str| BLOCKED.replace(one, other);
    let axis = [
        "splits.toml:3",
        "unknown axis `interventon`",
        "did you mean `intervention`",
    ];
    refused(&with("intervention", "interventon"), &[], &axis);
    refused(
        &with("'S5'", "'S11'"),
        &[],
        &["splits.toml:4", "unknown step `S11`"],
    );
    refused(
        &with("step", "stpe"),
        &[],
        &["splits.toml:4", "unknown field `stpe`"],
    );
    let key = [
        "splits.toml:2",
        "unknown custom number `PD-3`",
        "did you mean `PD-1`",
    ];
    refused(&with("custom.PD-1", "custom.PD-3"), &[], &key);
    refused(
        &with(" = 0.1 }", " = 0.1, seed = 4 }"),
        &[],
        &["splits.toml:5", "leave `seed` out"],
    );
    refused(
        &format!("{BLOCKED}runs = -2\n"),
        &[],
        &["splits.toml:6", "at least 3"],
    );
    refused(
        &with("PD-1 blocked", "new seeds"),
        &[],
        &["splits.toml:2", "already"],
    );
    refused(
        &format!("{BLOCKED}[weights]\n'PD-1 blocked' = 1\n"),
        &[],
        &["`new seeds` has no weight"],
    );
    refused(BLOCKED, &["--runs", "-3"], &["--runs -3", "write 0"]);
    // Runs 1 to 4 were recorded.
    refused(
        BLOCKED,
        &["--seed", "4"],
        &["--seed 4", "were recorded", "choose 5 or more"],
    );
    refused(BLOCKED, &["--readout", "kils"], &["did you mean `kills`"]);
}

#[test]
fn a_context_that_was_trained_on_is_no_held_out_one() {
    let trained = "[[splits]]\nname = 'the same'\naxis = 'intervention'\nstep = 'S4'\n\
                   set = { 'cell_types.\"CD8 T cell\".custom.PD-1' = 1 }\n";
    let arguments = ["--until", "1 h", "--runs", "3"];
    let report = report(&place("law.onnx"), Some(trained), &arguments);
    assert_eq!(report["is_clean"], false, "{:#}", report["audit"]);
    assert_eq!(report["is_same_scenario"], false, "it ends earlier");
}
