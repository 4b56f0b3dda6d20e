//! What is said of a dyad table, against published examples and planted tables.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kernels::random::{Draws, Sequence};
use sim::assay::interaction::terms;
use sim::assay::report::{Report, chi_squared};
use sim::assay::survival::{Curve, Followed, Share};
use sim::assay::table::read;
use tempfile::TempDir;

#[track_caller]
fn near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{found} is not {expected} ± {tolerance}"
    );
}

/// Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, table I,
/// method 3.
#[test]
fn wilson_intervals_are_those_of_newcombe() {
    for (count, of, low, high) in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ] {
        let [found_low, found_high] = Share::new(count, of).interval.unwrap();
        near(found_low, low, 5e-5);
        near(found_high, high, 5e-5);
    }
    assert_eq!(Share::new(0, 0).value, None);
}

/// Weeks of remission under 6-mercaptopurine, Freireich et al. 1963; the curve and its errors as in
/// every textbook since.
#[test]
fn the_curve_of_leukemia_patients_is_the_textbooks() {
    let died = [6.0, 6.0, 6.0, 7.0, 10.0, 13.0, 16.0, 22.0, 23.0];
    let left = [
        6.0, 9.0, 10.0, 11.0, 17.0, 19.0, 20.0, 25.0, 32.0, 32.0, 34.0, 35.0,
    ];
    let of = |times: &[f64], died| {
        let times = times.iter();
        times
            .map(move |&until| Followed { until, died })
            .collect::<Vec<_>>()
    };
    let followed = [of(&left, false), of(&died, true)].concat();
    let curve = Curve::of(&followed);
    let expected = [
        (6.0, 0.857, 0.0764),
        (7.0, 0.807, 0.0869),
        (10.0, 0.753, 0.0963),
        (13.0, 0.690, 0.1068),
        (16.0, 0.627, 0.1141),
        (22.0, 0.538, 0.1282),
        (23.0, 0.448, 0.1346),
    ];
    assert_eq!(curve.times.len(), expected.len());
    for (at, (time, survival, error)) in expected.into_iter().enumerate() {
        assert_eq!(curve.times[at], time);
        near(curve.survival[at], survival, 6e-4);
        near(curve.error[at], error, 6e-5);
    }
    // The area under the steps, by the sum of a fine grid.
    let fine: f64 = (0..350_000)
        .map(|k| curve.at((f64::from(k) + 0.5) * 1e-4) * 1e-4)
        .sum();
    near(curve.restricted_mean(35.0), fine, 1e-3);
    assert_eq!((curve.followed, curve.deaths), (21, 9));
}

/// Without censoring the restricted mean is that of min(t, end), and so is its error, to (n − 1)/n.
#[test]
fn the_error_of_a_restricted_mean_is_that_of_a_mean() {
    let mut sequence = random(1);
    let times: Vec<f64> = (0..400).map(|_| -sequence.uniform().ln()).collect();
    let followed = times.iter().map(|&until| Followed { until, died: true });
    let curve = Curve::of(&followed.collect::<Vec<_>>());
    let cut: Vec<f64> = times.iter().map(|time| time.min(1.0)).collect();
    let n = cut.len() as f64;
    let mean = cut.iter().sum::<f64>() / n;
    let variance = cut.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / n;
    near(curve.restricted_mean(1.0), mean, 1e-9);
    near(curve.restricted_error(1.0), (variance / n).sqrt(), 1e-9);
}

/// Two rows of a two by two table.
#[test]
fn chi_squared_is_pearsons() {
    let (sum, freedom, p) = chi_squared(&[10, 20], &[20, 10]).unwrap();
    near(sum, 20.0 / 3.0, 1e-9);
    assert_eq!(freedom, 1);
    near(p, 0.009823, 1e-6);
    assert_eq!(chi_squared(&[10, 0], &[10]), None);
}

fn random(id: u64) -> Sequence {
    let draws = Draws {
        seed: 11,
        purpose: 0,
    };
    Sequence::new(draws, id)
}

/// A table of dyads that die at a rate, 1/min, of each pair of a donor and a target, watched for 720 min.
fn planted(rate: impl Fn(usize, usize) -> f64, wells: usize, id: u64) -> (TempDir, PathBuf) {
    let mut sequence = random(id);
    let mut text = "condition,type_a,type_b,donor_a,n_a,n_b,t_death_b,censor_t\n".to_owned();
    for a in 0..3 {
        for b in 0..2 {
            for _ in 0..wells {
                let time = -sequence.uniform().ln() / rate(a, b);
                let death = if time < 720.0 {
                    time.to_string()
                } else {
                    String::new()
                };
                writeln!(text, "1:1,T,tumor {b},donor {a},1,1,{death},720").unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("planted.csv");
    fs::write(&file, text).unwrap();
    (folder, file)
}

const EFFECTORS: [f64; 3] = [0.5, 1.0, 3.0];
const TARGETS: [f64; 2] = [1.0, 2.0];

fn additive(a: usize, b: usize) -> f64 {
    1e-3 * EFFECTORS[a] * TARGETS[b]
}

#[test]
fn an_additive_table_has_no_interaction() {
    let (_folder, file) = planted(additive, 1500, 1);
    let terms = terms(&read(&file).unwrap()).unwrap();
    assert_eq!(terms.len(), 6);
    for term in &terms {
        let (effector, target) = (&term.effector, &term.target);
        assert!(
            term.term.abs() < 4.0 * term.error,
            "{effector} on {target}: {}",
            term.term
        );
        assert!(term.error < 0.05);
    }
    // Terms of a row and of a column cancel.
    let sum: f64 = terms
        .iter()
        .filter(|it| it.target == "tumor 0")
        .map(|it| it.term)
        .sum();
    near(sum, 0.0, 1e-9);
}

#[test]
fn a_planted_interaction_is_found_and_told_from_an_additive_model() {
    // One pair of six kills four times as fast: I = ln 4 · (1 − 1/3)(1 − 1/2) for that one.
    let special = |a, b| additive(a, b) * if (a, b) == (0, 1) { 4.0 } else { 1.0 };
    let (_folder, file) = planted(special, 1500, 2);
    let found = terms(&read(&file).unwrap()).unwrap();
    let term = found
        .iter()
        .find(|it| it.effector == "T, donor 0" && it.target == "tumor 1");
    let term = term.unwrap();
    let expected = 4.0f64.ln() / 3.0;
    near(term.term, expected, 4.0 * term.error);
    let [low, high] = term.interval;
    assert!(low > 0.0 && (low..high).contains(&term.term));
    // The error of a log hazard of d deaths is 1/√d; those of all six add up, each with its weight.
    let weight = |it: &sim::assay::interaction::Term| {
        let row = if it.effector == term.effector {
            2.0 / 3.0
        } else {
            1.0 / 3.0
        };
        row * 0.5 / (it.deaths as f64).sqrt()
    };
    let error: f64 = found
        .iter()
        .map(|it| weight(it).powi(2))
        .sum::<f64>()
        .sqrt();
    near(term.error, error, 0.1 * error);
    let (_other, model) = planted(additive, 1500, 3);
    let against = Report::new(&model, Some(&file), None, &[])
        .unwrap()
        .against
        .unwrap();
    let terms = against.interaction.unwrap();
    let (.., difference, [low, high]) = terms
        .iter()
        .find(|it| it.0 == term.effector && it.1 == term.target)
        .unwrap();
    assert!(
        *high < 0.0 && (*low..*high).contains(&-expected),
        "{difference}"
    );
}

#[test]
fn a_table_is_no_way_from_itself_and_some_from_another() {
    let (_folder, one) = planted(additive, 300, 4);
    let (_other, faster) = planted(|a, b| 2.0 * additive(a, b), 300, 5);
    let itself = Report::new(&one, Some(&one), None, &[])
        .unwrap()
        .against
        .unwrap();
    let condition = &itself.conditions[0];
    assert_eq!(
        (condition.survival, condition.restricted_mean.0),
        (0.0, 0.0)
    );
    assert_eq!(condition.histogram.map(|it| it.0), Some(0.0));
    let other = Report::new(&faster, Some(&one), None, &[])
        .unwrap()
        .against
        .unwrap();
    let condition = &other.conditions[0];
    assert!(condition.restricted_mean.1[1] < 0.0 && condition.survival > 0.05);
    assert!(condition.killed.unwrap() > 0.05);
    assert!(condition.histogram.unwrap().2 < 1e-3);
}

/// Two targets, of which the second is killed by three of four who killed one.
#[test]
fn serial_killers_are_counted() {
    let mut text =
        "condition,n_a,n_b,t_death_b,t_deaths_b,t_kill,t_contact_first,activation_x,censor_t\n"
            .to_owned();
    for (deaths, wells) in [("", 6), ("10", 1), ("10;30", 3)] {
        for _ in 0..wells {
            let first = deaths.split(';').next().unwrap();
            let (met, active) = if deaths.is_empty() { ("", 0) } else { ("5", 2) };
            writeln!(text, "1:2,1,2,{first},{deaths},{deaths},{met},{active},100").unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dyads.csv");
    fs::write(&file, text).unwrap();
    let report = Report::new(folder.path(), None, None, &[]).unwrap();
    let condition = &report.conditions[0];
    assert_eq!(condition.histogram, [6, 1, 3]);
    let shares: Vec<_> = condition
        .next_kill
        .iter()
        .map(|it| (it.count, it.of))
        .collect();
    assert_eq!(shares, [(4, 10), (3, 4)]);
    assert_eq!(
        (condition.survival.followed, condition.survival.deaths),
        (20, 7)
    );
    near(condition.survival.at(10.0), 0.8, 1e-12);
    near(condition.survival.at(30.0), 0.65, 1e-12);
    assert_eq!(condition.marks[0].with, (4, Some(2.0), Some(0.0)));
    assert_eq!(condition.marks[0].without, (6, Some(0.0), Some(0.0)));
    assert!(report.interaction.is_err());
}

fn milieu(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_milieu"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn what_is_wrong_with_a_table_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let header = "condition,n_a,n_b,t_death_b,censor_t\n";
    for (text, expected) in [
        (
            "condition,n_a,n_b,t_death_b\n",
            "x.csv: the column `censor_t` is missing",
        ),
        (header, "the table has no rows"),
        (
            &format!("{header}1:1,1,1,soon,90\n"),
            "row 1: `t_death_b` is `soon`, which is no number",
        ),
        (
            &format!("{header}1:1,1,1,,90\n1:1,1,some,,90\n"),
            "row 2: `n_b` is `some`, which is no number",
        ),
        (
            &format!("{header}1:1,1,1,95,90\n"),
            "a target dies at 95, after the last look at 90 min",
        ),
        (
            &format!("{header}1:1,1,1,-3,90\n"),
            "`t_death_b` is -3, before the assay began",
        ),
        (&format!("{header}1:1,1,1,,\n"), "`censor_t` is empty"),
    ] {
        fs::write(folder.path().join("x.csv"), text).unwrap();
        let output = milieu(&["assay", "x.csv", "--out", "report"], folder.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2));
        assert!(said.contains(expected), "{said}");
    }
    let output = milieu(&["assay", "nowhere", "--out", "report"], folder.path());
    assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere: no dyad table"));
    assert!(!folder.path().join("report").exists());
}

/// The same through Parquet and CSV, of a run's own tables.
#[test]
fn a_run_is_summed_up_as_a_page_and_json() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/scenarios/dyad_assay/secretion.toml"
    );
    let run = ["run", scenario, "--quiet", "--until", "3 h", "--out", "run"];
    let output = milieu(&run, folder.path());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let assay = [
        "assay",
        "run",
        "--against",
        "run/dyads.csv",
        "--out",
        "report",
    ];
    let output = milieu(&assay, folder.path());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("1:1: a target dies in "), "{said}");
    let page = fs::read_to_string(folder.path().join("report/assay.html")).unwrap();
    for text in [
        "Who dies",
        "1:2",
        "secretion_interferon-gamma",
        "Against run/dyads.csv",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));
    let json = fs::read(folder.path().join("report/assay.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    for condition in json["against"]["conditions"].as_array().unwrap() {
        assert_eq!(condition["survival"], 0.0);
    }
    // Once more only with --force.
    assert_eq!(milieu(&assay, folder.path()).status.code(), Some(2));
    let forced = [&assay[..], &["--force"]].concat();
    assert!(milieu(&forced, folder.path()).status.success());
}

const ASSAY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/dyad_assay");

/// Interaction of T cells that have PD-1 with tumor cells that have much PD-L1, its interval and its
/// error, in the shipped scenario.
fn interaction(settings: &[&str]) -> (f64, [f64; 2], f64) {
    let folder = tempfile::tempdir().unwrap();
    let scenario = format!("{ASSAY}/kinds.toml");
    let mut run = vec!["run", &scenario, "--quiet", "--out", "run"];
    run.extend_from_slice(settings);
    for arguments in [&run[..], &["assay", "run", "--out", "report"]] {
        let output = milieu(arguments, folder.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
    let json = fs::read(folder.path().join("report/assay.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let terms = json["interaction"].as_array().unwrap();
    assert_eq!(terms.len(), 4);
    let is_ours = |it: &&serde_json::Value| {
        it["effector"] == "CD8 T cell" && it["target"] == "shielded tumor"
    };
    let term = terms.iter().find(is_ours).unwrap();
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    (
        number(&term["term"]),
        [0, 1].map(|end| number(&term["interval"][end])),
        number(&term["error"]),
    )
}

#[test]
fn the_interaction_planted_in_the_shipped_scenario_is_found_and_without_it_there_is_none() {
    // The brake is 1/(1 + 1·1/2) on plain tumor cells and 1/(1 + 1·6/2) on shielded ones, and there is
    // none on edited T cells: a quarter of the logarithm of their ratio. T cells look for their targets
    // first, 40 min of the 500 to 1300 that they then take, which hides a twentieth of it.
    let planted = 0.25 * f64::ln(1.5 / 4.0);
    let (term, [low, high], error) = interaction(&[]);
    assert!(low < planted && planted < high, "{term} ({low} to {high})");
    assert!(high < 0.0 && term < -4.0 * error, "{term} ± {error}");
    // Without PD-1 each still has a factor of its own, and so has each target.
    let unbraked = ["--set", "cell_types.'CD8 T cell'.custom.PD-1=0"];
    let (term, [low, high], error) = interaction(&unbraked);
    assert!(low < 0.0 && 0.0 < high, "{term} ({low} to {high})");
    assert!(error < 0.05, "{error}");
}

#[test]
fn pandas_reads_secretion_over_time_which_ends_as_the_dyad_table_says() {
    let python = std::env::var("MILIEU_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let modules = "import pandas, pyarrow";
    let found = Command::new(&python).args(["-c", modules]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {python} cannot `{modules}` (MILIEU_PYTHON names another)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let scenario = format!("{ASSAY}/secretion.toml");
    let run = [
        "run", &scenario, "--quiet", "--until", "3 h", "--out", "run",
    ];
    let output = milieu(&run, folder.path());
    assert!(output.status.success());
    let reader = r#"
import pandas as pd
dyads = pd.read_parquet("run/dyads.parquet").set_index("compartment_id")
amounts = pd.read_parquet("run/secretion.parquet")
assert list(amounts) == ["time_min", "compartment_id", "substrate", "amount", "unit"]
assert set(amounts["substrate"]) == {"interferon-gamma"} and set(amounts["unit"]) == {"pM µm³"}
curves = amounts.pivot(index="time_min", columns="compartment_id", values="amount")
assert list(curves.index) == [0, 60, 120, 180] and list(curves.columns) == list(dyads.index)
assert (curves.iloc[0] == 0).all() and (curves.diff().iloc[1:] >= 0).all(axis=None)
assert (curves.iloc[-1] == dyads["secretion_interferon-gamma"]).all()
# Nobody makes any before the first contact.
late = dyads["t_contact_first"].isna() | (dyads["t_contact_first"] > 60)
assert late.sum() > 300 and (curves.loc[60, late] == 0).all() and (curves.loc[60, ~late] > 0).mean() > 0.9
print("read", len(amounts), "rows")
"#;
    let output = Command::new(&python)
        .current_dir(folder.path())
        .args(["-c", reader])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
