//! `milieu compare`: a faithful copy of a law passes, a sabotaged one is caught, and the page says so.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/tumor_immune_small");
const LAW: &str = include_str!("../scenarios/tumor_immune/killing.rules");

fn milieu(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milieu"));
    command.args(arguments).output().unwrap()
}

/// Compares the small tumor as it stands with one under this setting; exit code, report and page.
fn compare(out: &Path, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let mut all = vec!["compare", SMALL, "--quiet", "--out", out.to_str().unwrap()];
    all.extend_from_slice(arguments);
    let output = milieu(&all);
    let said = String::from_utf8_lossy(&output.stderr);
    let report = fs::read(out.join("compare.json")).unwrap_or_else(|_| panic!("{said}"));
    let page = fs::read_to_string(out.join("compare.html")).unwrap();
    (
        output.status.code(),
        serde_json::from_slice(&report).unwrap(),
        page,
    )
}

fn law(folder: &Path, text: &str) -> String {
    let file = folder.join("law.rules");
    fs::write(&file, text).unwrap();
    format!("rules.killing.file='{}'", file.display())
}

#[test]
fn a_learned_killing_rule_is_the_written_one_and_a_law_with_1_3_times_its_rate_is_not() {
    let home = tempfile::tempdir().unwrap();
    let written = law(home.path(), LAW);
    let out = home.path().join("faithful");
    let arguments = [
        "--until",
        "12 h",
        "--runs",
        "6",
        "--names",
        "learned,written",
    ];
    let (code, report, page) = compare(&out, &[&arguments[..], &["--b", &written]].concat());
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(report["verdict"], "equivalent");
    let kills = &report["conditions"][0]["readouts"]["kills"];
    assert!(kills["p"].as_f64().unwrap() < 0.05);
    assert_eq!(report["coupled"]["passed"], true);
    assert!(
        report["golden"][0]
            .as_str()
            .unwrap()
            .ends_with("killing.onnx")
    );
    // Distilled to a few per cent of its greatest rate, so a copy, and not exact.
    let pointwise = &report["pointwise"][0];
    let greatest = pointwise["greatest"].as_f64().unwrap();
    assert!((1e-6..2e-3).contains(&greatest), "{greatest}");
    assert!(page.contains("written is equivalent to learned within 10 %"));
    assert!(
        !page.contains("src=\"http") && !page.contains("<script"),
        "nothing beside it"
    );

    let sabotaged = law(home.path(), &LAW.replace("towards 0.2 ", "towards 0.26 "));
    let out = home.path().join("sabotaged");
    let arguments = [
        "--until",
        "1 d",
        "--runs",
        "10",
        "--names",
        "learned,sabotaged",
    ];
    let (code, report, page) = compare(&out, &[&arguments[..], &["--b", &sabotaged]].concat());
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(
        report["conditions"][0]["readouts"]["kills"]["verdict"],
        "different"
    );
    assert!(page.contains("sabotaged is not learned"));
    // λ·dt of 1.3 times the law is off by 0.3 · 0.2/min · 0.2 min at most.
    let greatest = report["pointwise"][0]["greatest"].as_f64().unwrap();
    assert!((0.011..0.0135).contains(&greatest), "{greatest}");
}

#[test]
fn one_scenario_is_itself_under_every_condition() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("same");
    let under = ["--under", "arrivals.cd8.rate='0.05 1/min'"];
    let arguments = [
        "--until",
        "12 h",
        "--runs",
        "5",
        "--coupled",
        "2",
        "--readout",
        "kills=0.05",
    ];
    let (code, report, _) = compare(&out, &[&arguments[..], &under].concat());
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(report["coupled"]["parted"], 0);
    let conditions = report["conditions"].as_array().unwrap();
    assert_eq!(conditions.len(), 2);
    for condition in conditions {
        let readouts = condition["readouts"].as_object().unwrap();
        assert_eq!(readouts.len(), 1);
        assert_eq!(readouts["kills"]["ratio"], 1.0);
        assert_eq!(readouts["kills"]["margin"], 0.05);
    }
    // More T cells kill more, so the condition was there.
    let kills = |at: usize| &conditions[at]["readouts"]["kills"]["values"][0];
    assert_ne!(kills(0), kills(1));
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_way_out() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let refused = |arguments: &[&str], wanted: &str| {
        let mut all = vec!["compare", SMALL, "--out", out.to_str().unwrap()];
        all.extend_from_slice(arguments);
        let output = milieu(&all);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted), "{said}");
    };
    refused(&["--readout", "kils"], "did you mean `kills`");
    refused(&["--readout", "kills=many"], "--readout kills=many");
    refused(&["--margin", "10"], "write a share between 0 and 1");
    refused(&["--runs", "2"], "at least 3 runs");
    refused(&["--names", "one"], "two names are needed");
    refused(
        &["--b", "rules.killing.file='none.onnx'"],
        "there is no file",
    );
    let exhaustion = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/exhaustion");
    refused(
        &["--with", exhaustion],
        "compare scenarios of the same types",
    );
    let curve = home.path().join("curve.toml");
    let readout = "measure = 'kill histogram'\neffectors = ['CD8 T cell']\ntarget = 'tumor'";
    fs::write(
        &curve,
        format!("extends = '{SMALL}'\n[readouts.rings]\n{readout}\n"),
    )
    .unwrap();
    let [curve, folder] = [&curve, &out].map(|path| path.to_str().unwrap());
    let output = milieu(&["compare", curve, "--readout", "rings", "--out", folder]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("readout `rings` is a curve"), "{said}");
    assert!(!out.exists(), "nothing was made for what cannot be made");
    fs::create_dir_all(&out).unwrap();
    fs::write(out.join("mine.txt"), "").unwrap();
    refused(&["--force"], "holds other files");
}
