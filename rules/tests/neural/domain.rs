//! Where a model holds, how sure it is, and what a scenario may make of it.

use rules::adoption::Spread;
use rules::neural::proto::{self, Node};
use rules::{Adoption, Guard, Mode, Residual, Rule, Target, Tiers, Uncertainty};
use serde_json::{Value, json};

use super::fixture::*;

fn cell(outputs: Value) -> Value {
    json!({"form": "cell", "acts_on": ["tumor", "macrophage"],
        "inputs": [{"tensor": "x", "col": 0, "name": "pressure", "unit": "1", "lo": 0, "hi": 2}],
        "outputs": outputs,
        "dt": {"trained": 6, "min": 1, "max": 60, "unit": "min"}})
}

fn speed() -> Value {
    json!({"tensor": "y", "name": "migration speed", "kind": "parameter", "unit": "µm/h"})
}

/// y = x, s = x/4, g = 1 − x/4, o = x.
fn everything() -> (Value, proto::Model) {
    let mut output = speed();
    output["uncertainty"] = json!({"std": "s", "spread_max": 0.4});
    let mut spec = cell(json!([output]));
    spec["gate"] = json!({"tensor": "g"});
    let scores: Vec<f64> = (0..99).map(|at| f64::from(at) / 66.0).collect();
    spec["ood"] =
        json!({"margin": 0.1, "score": {"tensor": "o", "calibration": scores, "alpha": 0.05}});
    spec["conformal"] = json!([{"output": "migration speed", "score": "norm", "alpha": 0.1,
        "qhat": {"tumor": 2.0, "macrophage": 3.0}, "n": 50}]);
    let nodes = [
        Node::new("Identity", &["x"], "y"),
        Node::new("Mul", &["x", "quarter"], "s"),
        Node::new("Sub", &["one", "s"], "g"),
        Node::new("Identity", &["x"], "o"),
    ];
    let model = assembled(&spec, &nodes, &[("quarter", &[0.25]), ("one", &[1.0])]);
    (spec, model)
}

#[test]
fn every_tier_says_what_is_outside() {
    let model = load(&everything().1).unwrap();
    let out = told(&model, &[vec![0.5, 2.1, 2.3, 1.7, f64::NAN, -8.0]]);
    let tiers = |names: &[Tiers]| names.iter().fold(0, |sum, tier| sum | tier.0);
    let wanted = [
        0,
        // 2.1 is within the margin of a tenth of the range.
        tiers(&[Tiers::SCORE, Tiers::SPREAD]),
        tiers(&[Tiers::BOX, Tiers::SCORE, Tiers::SPREAD]),
        tiers(&[Tiers::SCORE, Tiers::SPREAD]),
        tiers(&[Tiers::NOT_FINITE]),
        tiers(&[Tiers::BOX, Tiers::NOT_FINITE]),
    ];
    let found: Vec<u8> = out.domain.iter().map(|tiers| tiers.0).collect();
    assert_eq!(found, wanted);
    assert_eq!(out.gate[0], 0.875);
    assert_eq!(out.failed.len(), 2);
    // 1 − x/4 = 3 is no gate.
    assert!(
        out.failed[1]
            .1
            .contains("E-RANGE: the gate 3 is not in [0, 1]"),
        "{:?}",
        out.failed
    );
    let targets: Vec<&Target> = model
        .signature()
        .writes
        .iter()
        .map(|write| &write.target)
        .collect();
    assert_eq!(targets[1..], [&Target::Readout("gate:learned".into())]);
    assert!(
        out.columns
            .iter()
            .all(|column| column[4].is_nan() && column[5].is_nan())
    );
}

#[test]
fn clamped_inputs_are_put_back_and_still_told_of() {
    let adoption = Adoption {
        guard: Some(Guard::ClampInputs),
        ..Adoption::default()
    };
    let model = adopted(&everything().1, adoption).unwrap();
    let out = told(&model, &[vec![-8.0, 2.3, f64::INFINITY]]);
    assert!((out.columns[0][1] - 2.0 / 60.0).abs() < 1e-9);
    assert_eq!(out.columns[0][0], 0.0);
    assert!(out.domain[0].has(Tiers::BOX) && out.domain[2].has(Tiers::NOT_FINITE));
}

#[test]
fn uncertainty_is_recorded_acts_or_ends_the_run() {
    let record = Adoption {
        uncertainty: Uncertainty::Record,
        ..Adoption::default()
    };
    let model = adopted(&everything().1, record).unwrap();
    let names: Vec<&Target> = model
        .signature()
        .writes
        .iter()
        .map(|write| &write.target)
        .collect();
    let readout = |name: &str| Target::Readout(name.into());
    assert_eq!(
        names[1..],
        [
            &readout("spread:migration speed"),
            &readout("interval:migration speed"),
            &readout("gate:learned")
        ]
    );
    let out = told(&model, &[vec![1.0]]);
    // In the model's unit; q̂ of tumor is 2.
    assert_eq!([out.columns[1][0], out.columns[2][0]], [0.25, 0.5]);

    let propagate = Adoption {
        uncertainty: Uncertainty::Propagate,
        ..Adoption::default()
    };
    let model = adopted(&everything().1, propagate).unwrap();
    assert_eq!(told(&model, &[vec![1.0]]).columns[0][0], 1.0 / 60.0);

    // 0.25 µm/h is more than 0.004 µm/min.
    let stop = Adoption {
        stop_above: vec![("migration_speed".into(), Spread::Number(0.004))],
        ..Adoption::default()
    };
    let model = adopted(&everything().1, stop).unwrap();
    let unsure = |x: &[f64]| {
        model
            .learned()
            .unwrap()
            .unsure(&told(&model, &[x.to_vec()]))
    };
    assert_eq!(unsure(&[0.5]), None);
    let (count, row, reason) = unsure(&[0.5, 1.0, 0.0, 1.0]).unwrap();
    assert_eq!((count, row), (2, 1));
    let begins = "E-SPREAD: the spread 0.25 µm/h of output `migration speed` is above 0.004 µm/min";
    assert!(reason.starts_with(begins), "{reason}");

    // With a unit it means the same in any; one of another dimension is refused.
    let stop_at = |text: &str| Adoption {
        stop_above: vec![("migration speed".into(), Spread::Quantity(text.into()))],
        ..Adoption::default()
    };
    for (text, ends) in [
        ("0.24 µm/h", true),
        ("0.3 µm/h", false),
        ("5 nm/min", false),
    ] {
        let model = adopted(&everything().1, stop_at(text)).unwrap();
        let unsure = model.learned().unwrap().unsure(&told(&model, &[vec![1.0]]));
        assert_eq!(unsure.is_some(), ends, "{text}");
        let named = unsure.is_none_or(|(.., reason)| reason.contains(&format!("above {text},")));
        assert!(named, "{text}");
    }
    for (text, code, part) in [
        ("0.24 mmHg", "E-UNIT", "a plain number is in µm/min"),
        ("much", "E-UNIT", "stop_above: migration speed: "),
        ("-1 µm/h", "E-CONTRACT", "not a standard deviation"),
    ] {
        let fault = adopted(&everything().1, stop_at(text)).err().unwrap();
        assert_eq!(fault.code, code, "{fault}");
        assert!(fault.message.contains(part), "{fault}");
    }
}

#[test]
fn an_ensemble_may_be_the_output_itself() {
    let mut output = speed();
    output["uncertainty"] = json!({"ens": "y", "k": 3});
    let nodes = [Node::new("Mul", &["x", "members"], "y")];
    let model = assembled(
        &cell(json!([output])),
        &nodes,
        &[("members", &[1.0, 2.0, 6.0])],
    );
    assert_eq!(
        told(&load(&model).unwrap(), &[vec![1.0]]).columns[0],
        [3.0 / 60.0]
    );
    let propagate = Adoption {
        uncertainty: Uncertainty::Propagate,
        ..Adoption::default()
    };
    assert_eq!(
        told(&adopted(&model, propagate).unwrap(), &[vec![1.0]]).columns[0],
        [2.0 / 60.0]
    );
}

#[test]
fn quantiles_that_cross_fail_their_row() {
    let mut output = speed();
    output["uncertainty"] = json!({"q05": "l", "q50": "y2", "q95": "h"});
    let nodes = [
        Node::new("Identity", &["x"], "y"),
        Node::new("Identity", &["x"], "y2"),
        Node::new("Mul", &["x", "half"], "l"),
        Node::new("Identity", &["one_each"], "h0"),
        Node::new("Mul", &["x", "zero"], "none"),
        Node::new("Add", &["none", "h0"], "h"),
    ];
    let constants: [(&str, &[f32]); 3] = [("half", &[0.5]), ("one_each", &[1.0]), ("zero", &[0.0])];
    let model = load(&assembled(&cell(json!([output])), &nodes, &constants)).unwrap();
    let out = told(&model, &[vec![0.5, 1.5]]);
    assert_eq!(out.failed.len(), 1);
    assert!(
        out.failed[0].1.contains("E-QUANTILE") && out.failed[0].0 == 1,
        "{:?}",
        out.failed
    );
}

#[test]
fn residuals_say_how_they_act() {
    let mut spec = cell(json!([
        {"tensor": "r", "name": "apoptosis", "kind": "rate", "unit": "1"},
        {"tensor": "y", "name": "migration speed", "kind": "parameter", "unit": "µm/h", "scale": 30}]));
    spec["residual"] = json!({"cap": 2});
    let nodes = [
        Node::new("Identity", &["x"], "y"),
        Node::new("Neg", &["x"], "r"),
    ];
    let good = assembled(&spec, &nodes, &[]);
    let behind = Adoption {
        mechanistic: Some("speed.rules".into()),
        ..Adoption::default()
    };
    let model = adopted(&good, behind).unwrap();
    let learned = model.learned().unwrap();
    assert_eq!(
        (learned.mode, learned.guard),
        (Mode::Residual, Guard::Fallback)
    );
    assert_eq!(
        learned.residuals,
        [
            Residual::Factor { cap: 2f64.ln() },
            Residual::Shift { scale: 30.0 / 60.0 }
        ]
    );
    let out = told(&model, &[vec![0.5]]);
    assert_eq!([out.columns[0][0], out.columns[1][0]], [-0.5, 0.5]);
    expect(
        &with_spec(good.clone(), without(spec.clone(), "/outputs/1/scale")),
        "E-CONTRACT",
        "`scale` is missing",
    );
    expect(
        &with_spec(good, changed(spec, "/outputs/0/unit", json!("1/min"))),
        "E-UNIT",
        "outputs[0] `apoptosis`",
    );
}

#[test]
fn a_model_that_says_nothing_of_how_sure_it_is_cannot_be_asked() {
    let plain = assembled(
        &cell(json!([speed()])),
        &[Node::new("Identity", &["x"], "y")],
        &[],
    );
    let none = Adoption::default;
    for (adoption, part) in [
        (
            Adoption {
                uncertainty: Uncertainty::Propagate,
                ..none()
            },
            "no output of the model says how sure it is",
        ),
        (
            Adoption {
                stop_above: vec![("hit".into(), Spread::Number(1.0))],
                ..none()
            },
            "stop_above: no output `hit` with an uncertainty; there are: none",
        ),
    ] {
        let fault = adopted(&plain, adoption).err().unwrap();
        assert_eq!(fault.code, "E-CONTRACT");
        assert!(fault.message.contains(part), "{fault}");
    }
    let model = adopted(&plain, none()).unwrap();
    assert_eq!(model.learned().unwrap().guard, Guard::Warn);
}

#[test]
fn what_a_model_says_of_its_limits_must_make_sense() {
    let (spec, model) = everything();
    for (pointer, value, part) in [
        ("/ood/margin", json!(-1), "ood: margin -1"),
        ("/ood/score/alpha", json!(0.001), "at least 999"),
        (
            "/ood/score/colour",
            json!(1),
            "ood: score: colour: unknown field",
        ),
        (
            "/conformal/0/output",
            json!("speed"),
            "no such output; there are migration speed",
        ),
        (
            "/conformal/0/score",
            json!("cqr"),
            "score `cqr` needs the quantiles",
        ),
        (
            "/conformal/0/qhat",
            json!({"tumor": 1}),
            "qhat: no number for the type `macrophage`",
        ),
        (
            "/outputs/0/uncertainty/ens",
            json!("e"),
            "one of `std`, `ens` with `k`",
        ),
        (
            "/outputs/0/uncertainty/alpha",
            json!("a"),
            "unknown field `alpha`",
        ),
        (
            "/outputs/0/uncertainty",
            json!({"q05": "l"}),
            "`q05`, `q50` and `q95` go together",
        ),
        ("/gate/tensor", json!("nowhere"), "output tensor `nowhere`"),
    ] {
        expect(
            &with_spec(model.clone(), changed(spec.clone(), pointer, value)),
            "E-CONTRACT",
            part,
        );
    }
}
