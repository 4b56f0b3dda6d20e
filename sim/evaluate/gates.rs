//! Gates a model passes before a study is built on it: each passed, failed, or not judged and why.

use std::{fs, path::Path};

use rules::{
    Engine,
    neural::{
        check, contract,
        trials::{Outcome as Tried, trials},
    },
};
use serde::Serialize;

use super::{
    Part,
    adversary::Trial,
    matrix::{Matrix, Row},
    splits::STEPS,
};
use crate::compare::equivalence::Verdict;

/// Steps on which a model should notice that it is out of its domain, where it is not the law there.
const ALARMING: [&str; 3] = ["S5", "S8", "S9"];

/// Rows there of which it should notice.
const LEAST_ALARMS: f64 = 0.8;

/// Rows of new seeds of which it may say so falsely.
const MOST_FALSE_ALARMS: f64 = 0.05;

/// Of intervals that promise 90 %, the share that may hold the truth.
const COVERAGE: [f64; 2] = [0.87, 0.93];

/// How a gate was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// These runs do not say, or nothing here could.
    #[serde(rename = "not judged")]
    Open,
}

/// One gate.
#[derive(Debug, Serialize)]
pub struct Gate {
    /// `G1`, …
    pub code: &'static str,
    /// What is asked.
    pub question: &'static str,
    /// How it was left.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
}

/// All gates, in order; `part` is the last of the recorded rows.
pub fn gates(file: &Path, matrix: &Matrix, part: &Part, trial: &Trial) -> Vec<Gate> {
    let gate = |code, question, (outcome, reason)| Gate {
        code,
        question,
        outcome,
        reason,
    };
    vec![
        gate(
            "G1",
            "does the file keep the contract, golden rows and row independence included?",
            contract(file),
        ),
        gate(
            "G2",
            "do invariants hold, whatever it is given?",
            invariants(matrix, trial),
        ),
        gate(
            "G3",
            "is the tissue it drives on new seeds the law's, within the margins?",
            copies(&matrix.rows[0]),
        ),
        gate(
            "G4",
            "does it know how sure it is, and when it is out of its domain?",
            certainty(matrix, part),
        ),
        gate(
            "G5",
            "does it hold where its card claims it to?",
            claims(file, matrix),
        ),
        gate(
            "G6",
            "does what it knows vanish when its inputs are shuffled among rows?",
            null(part),
        ),
    ]
}

fn is_model(file: &Path) -> bool {
    file.extension().is_some_and(|it| it == "onnx")
}

fn contract(file: &Path) -> (Outcome, String) {
    if !is_model(file) {
        return (
            Outcome::Open,
            "written rules have no contract to keep".into(),
        );
    }
    // It was loaded before, so that it can be read.
    let tried = trials(&fs::read(file).unwrap_or_default(), &Engine::Embedded);
    let mut failed = tried.iter().filter_map(|trial| match &trial.outcome {
        Tried::Failed(fault) => Some(fault.to_string()),
        _ => None,
    });
    match failed.next() {
        Some(fault) => (Outcome::Failed, fault),
        None => {
            let is_passed = |it: &&_| matches!(it, Tried::Passed(_));
            let passed = tried
                .iter()
                .map(|trial| &trial.outcome)
                .filter(is_passed)
                .count();
            (
                Outcome::Passed,
                format!(
                    "{passed} of {} tests of `milieu model check` passed, none failed",
                    tried.len()
                ),
            )
        }
    }
}

fn invariants(matrix: &Matrix, trial: &Trial) -> (Outcome, String) {
    let Trial { rows, wrong, first } = trial;
    if let Some(first) = first {
        let said =
            format!("of {rows} rows of extremes {wrong} give no rate and no warning: {first}");
        return (Outcome::Failed, said);
    }
    let mut failed = matrix.rows.iter().flat_map(|row| &row.rollout.failed);
    if let Some(first) = failed.next() {
        let more = failed.count();
        return (
            Outcome::Failed,
            format!("{} runs did not come to their end: {first}", more + 1),
        );
    }
    let broken = |at: usize| -> u64 { matrix.rows.iter().map(|row| row.rollout.broken[at]).sum() };
    let runs: usize = matrix.rows.iter().map(|row| row.split.runs).sum();
    let said = format!(
        "{rows} rows of extremes give rates or warnings; in {runs} runs invariants broke {} times \
         ({} times with the law)",
        broken(1),
        broken(0)
    );
    match broken(1) {
        0 => (Outcome::Passed, said),
        // What breaks without the model, too, says nothing of it.
        _ if broken(0) > 0 => (Outcome::Open, said),
        _ => (Outcome::Failed, said),
    }
}

fn copies(row: &Row) -> (Outcome, String) {
    let listed = |wanted: Verdict| -> String {
        let of = row
            .readouts
            .iter()
            .filter(|it| it.equivalence.verdict == wanted);
        let names: Vec<&str> = of.map(|it| it.name.as_str()).collect();
        names.join(", ")
    };
    match row.verdict() {
        Verdict::Equivalent => (
            Outcome::Passed,
            format!("equivalent in {}", listed(Verdict::Equivalent)),
        ),
        Verdict::Different => match row.rollout.failed.first() {
            Some(failed) => (
                Outcome::Failed,
                format!("it did not come to the end: {failed}"),
            ),
            None => (
                Outcome::Failed,
                format!("different in {}", listed(Verdict::Different)),
            ),
        },
        Verdict::Undecided => {
            let needed = row
                .readouts
                .iter()
                .filter_map(|it| it.equivalence.needed)
                .max();
            let needed = needed.map(|runs| format!("; some {runs} would decide"));
            let open = listed(Verdict::Undecided);
            (
                Outcome::Open,
                format!(
                    "{} runs are too few for {open}{}",
                    row.split.runs,
                    needed.unwrap_or_default()
                ),
            )
        }
    }
}

/// Intervals that promise 90 %, with what they hold, of what does not keep that promise; none where
/// nothing was promised.
fn broken(promises: &[(String, f64)]) -> Option<Vec<String>> {
    let is_kept = |found: f64| (COVERAGE[0]..=COVERAGE[1]).contains(&found);
    let broken = promises.iter().filter(|(_, found)| !is_kept(*found));
    let told = broken.map(|(name, found)| format!("{:.1} % of {name}", 100.0 * found));
    (!promises.is_empty()).then(|| told.collect())
}

fn certainty(matrix: &Matrix, part: &Part) -> (Outcome, String) {
    let stated = part.statements.iter().flat_map(|it| &it.uncertainty);
    let promises = stated.flat_map(|it| {
        let all = it.coverage.iter().chain(&it.conformal);
        let ninety = all.filter(|coverage| (coverage.promised - 0.9).abs() < 1e-9);
        ninety.map(|coverage| (it.name.clone(), coverage.found.value))
    });
    let broken = broken(&promises.collect::<Vec<_>>());
    let (alarmed, said) = alarms(matrix);
    match broken {
        _ if alarmed == Outcome::Failed => (alarmed, said),
        None => (
            Outcome::Open,
            format!("{said}. Of no output does it state intervals of 90 %"),
        ),
        Some(broken) if broken.is_empty() => (
            alarmed,
            format!(
                "{said}. Intervals of 90 % hold 87 to 93 % on `{}`",
                part.name
            ),
        ),
        Some(broken) => (
            Outcome::Failed,
            format!(
                "intervals of 90 % hold {} on `{}`; {said}",
                broken.join(", "),
                part.name
            ),
        ),
    }
}

fn alarms(matrix: &Matrix) -> (Outcome, String) {
    let share = |row: &Row| {
        let tally = row.rollout.rows.filter(|tally| tally.rows > 0);
        tally.map(|tally| tally.outside as f64 / tally.rows as f64)
    };
    let Some(falsely) = share(&matrix.rows[0]) else {
        return (Outcome::Open, "written rules have no domain".into());
    };
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let far = matrix
        .rows
        .iter()
        .filter(|row| ALARMING.contains(&row.split.step) && row.verdict() == Verdict::Different);
    let far: Vec<(&str, f64)> = far
        .filter_map(|row| Some((row.split.name.as_str(), share(row)?)))
        .collect();
    let told: Vec<String> = far
        .iter()
        .map(|(name, share)| format!("{} on `{name}`, where it differs", percent(*share)))
        .collect();
    let told = match told.is_empty() {
        true => "on no split of S5, S8 or S9 does it differ from the law".into(),
        false => told.join(", "),
    };
    let said = format!(
        "rows out of its domain: {} on new seeds; {told}",
        percent(falsely)
    );
    match falsely > MOST_FALSE_ALARMS || far.iter().any(|(_, share)| *share < LEAST_ALARMS) {
        true => (
            Outcome::Failed,
            format!("{said}. At most 5 % and at least 80 % are wanted"),
        ),
        false => (Outcome::Passed, said),
    }
}

/// Steps of the ladder that a card claims: `"claims": ["S0", "S4"]`.
fn claimed(file: &Path) -> Option<Vec<String>> {
    let proto = check::decode(&fs::read(file).ok()?).ok()?;
    let card = contract::card(&proto).ok()??;
    let claims = card.get("claims")?.as_array()?;
    Some(
        claims
            .iter()
            .filter_map(|it| Some(it.as_str()?.to_owned()))
            .collect(),
    )
}

fn claims(file: &Path, matrix: &Matrix) -> (Outcome, String) {
    let claims = match is_model(file) {
        true => claimed(file).unwrap_or_default(),
        false => Vec::new(),
    };
    if claims.is_empty() {
        return (
            Outcome::Open,
            "no card states `claims`, a list of steps such as \"S4\"".into(),
        );
    }
    let mut open = Vec::new();
    for claim in &claims {
        if !STEPS.iter().any(|(step, _)| step == claim) {
            return (
                Outcome::Failed,
                format!("the card claims `{claim}`, which is no step of the ladder"),
            );
        }
        let rows = || matrix.rows.iter().filter(|row| row.split.step == claim);
        if let Some(row) = rows().find(|row| row.verdict() == Verdict::Different) {
            return (
                Outcome::Failed,
                format!("{claim} is claimed, and differs on `{}`", row.split.name),
            );
        }
        if !rows().any(|row| row.verdict() == Verdict::Equivalent) {
            open.push(claim.as_str());
        }
    }
    match open.is_empty() {
        true => (
            Outcome::Passed,
            format!("equivalent on {}", claims.join(", ")),
        ),
        false => (
            Outcome::Open,
            format!(
                "no split, or too few runs, for the claims {}",
                open.join(", ")
            ),
        ),
    }
}

fn null(part: &Part) -> (Outcome, String) {
    let found = &part.shuffled.information;
    let Some([low, _]) = found.interval else {
        return (
            Outcome::Open,
            format!("fewer than three runs in `{}`", part.name),
        );
    };
    let said = format!(
        "information on shuffled inputs {:.2e} nats per h, at least {low:.2e}, on `{}`; zero dose was not tried",
        found.value, part.name
    );
    match low > 0.0 {
        true => (Outcome::Failed, said),
        false => (Outcome::Passed, said),
    }
}

#[cfg(test)]
mod tests {
    use super::broken;

    #[test]
    fn a_promise_of_90_percent_is_kept_between_87_and_93_and_only_where_it_was_made() {
        let promise = |found: f64| ("hit".to_owned(), found);
        assert_eq!(broken(&[]), None);
        assert_eq!(broken(&[promise(0.87), promise(0.93)]), Some(Vec::new()));
        let told = broken(&[promise(0.9), promise(0.42), promise(0.96)]);
        let wanted = vec!["42.0 % of hit".to_owned(), "96.0 % of hit".to_owned()];
        assert_eq!(told, Some(wanted));
    }
}
