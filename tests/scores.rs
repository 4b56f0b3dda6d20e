//! The scores of `milieu evaluate` against those of the programs that people use.

use std::fs;
use std::process::Command;

use kernels::random::{Draws, Sequence};
use serde_json::json;
use sim::evaluate::outcomes::{self, Known, Output, distance};
use sim::evaluate::rows::Rows;
use sim::evaluate::scores::score;
use sim::evaluate::uncertainty::{proper, reliability::reliability};

/// Numbers of a few hundred rows, what is made of them here, and by scikit-learn, scipy and
/// scoringrules.
#[test]
fn python_makes_the_same_of_the_same_numbers() {
    let python = std::env::var("MILIEU_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let modules = "import scipy, sklearn, scoringrules";
    let found = Command::new(&python).args(["-c", modules]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {python} cannot `{modules}`");
        return;
    }
    let mut sequence = Sequence::new(
        Draws {
            seed: 13,
            purpose: 0,
        },
        0,
    );
    let mut drawn = |low: f64, high: f64| -> Vec<f64> {
        (0..300)
            .map(|_| low + (high - low) * sequence.uniform())
            .collect()
    };
    let inputs: Vec<Vec<f64>> = (0..4).map(|_| drawn(-2.0, 3.0)).collect();
    let (left, deviation, weight) = (drawn(-0.5, 0.5), drawn(0.1, 1.0), drawn(1.0, 4.0));
    let (chance, luck) = (drawn(0.0, 1.0), drawn(0.0, 1.0));
    let truth: Vec<f64> = (0..300)
        .map(|row| 5.0 + inputs[0][row] + left[row])
        .collect();
    let said: Vec<f64> = (0..300)
        .map(|row| 5.0 + 0.9 * inputs[0][row] + 0.1 * inputs[1][row])
        .collect();
    let came: Vec<bool> = chance
        .iter()
        .zip(&luck)
        .map(|(chance, luck)| luck < chance)
        .collect();
    let rows = Rows {
        run: (0..300).map(|row| row / 60).collect(),
        inputs: inputs.clone(),
        answers: vec![truth.clone()],
        condition: vec![0; 300],
        event: came.iter().map(|came| came.then_some(0)).collect(),
        exposure: vec![1.0; 300],
        weight: weight.clone(),
        types: vec![0; 300],
        ..Rows::default()
    };
    let conditions = ["all".to_owned()];
    let outputs = [Output {
        name: "y".into(),
        unit: "1".into(),
        place: 0,
        is_change: false,
        before: None,
    }];
    let known = Known {
        outputs: &outputs,
        reads: &[0, 1, 2, 3],
        conditions: &conditions,
        trained: &rows,
    };
    let baselines = known.baselines(&rows);
    let ridge = baselines.iter().find(|(name, _)| *name == "ridge").unwrap();
    let rates: Vec<f64> = chance.iter().map(|chance| -(-chance).ln_1p()).collect();
    let events = score(&rows, &[rates], &[0.1]);
    let column = |values: &[f64]| values.iter().map(|it| vec![*it]).collect::<Vec<_>>();
    let of_row = |row: usize| inputs.iter().map(|input| input[row]).collect::<Vec<f64>>();
    let cloud = |first: usize| (first..300).step_by(2).map(of_row).collect::<Vec<_>>();
    let each = |of: &dyn Fn(usize) -> f64| (0..300).map(of).collect::<Vec<f64>>();
    let ends = |row: usize| [said[row] - deviation[row], said[row] + deviation[row]];
    let numbers = json!({
        "of": {"truth": truth, "said": said, "deviation": deviation, "weight": weight,
               "inputs": inputs, "chance": chance, "came": came},
        "found": {
            "errors": outcomes::errors(&rows, &truth, &said),
            "ridge": ridge.1[0],
            "energy": {
                "one": distance::energy(&column(&truth), &column(&said), false),
                "clouds": distance::energy(&cloud(0), &cloud(1), false),
                "paired": distance::energy(&cloud(0), &cloud(1), true),
            },
            "pearson": distance::pearson(&truth, &said),
            "proper": {
                "crps_normal": each(&|row| proper::crps_normal([said[row], deviation[row]], truth[row])),
                "crps_ensemble": each(&|row| proper::crps_ensemble(&of_row(row), truth[row])),
                "winkler": each(&|row| proper::winkler(ends(row), 0.2, truth[row])),
                "pinball": each(&|row| proper::pinball(0.05, said[row], truth[row])),
            },
            "chances": {
                "far": proper::distance_from_uniform(&chance, &vec![1.0; 300]),
                "brier": events.brier,
                "auc": events.auc,
                "reliability": reliability(&chance, &came, &weight),
            },
        },
    });
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("numbers.json");
    fs::write(&place, numbers.to_string()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scores.py");
    let output = Command::new(&python)
        .arg(script)
        .arg(&place)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("the same of everything"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
