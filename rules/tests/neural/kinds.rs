//! Every kind of output against its formula, and what no kind may make of hostile numbers.

use rules::neural::proto::Node;
use rules::{Kind, Rule, Target};
use serde_json::{Value, json};

use super::fixture::*;

/// A cell model that passes `width` numbers of `x` on as `y`.
fn passing(output: Value, width: usize) -> Value {
    let names = ["pressure", "custom:PD-1", "custom:PD-L1"];
    let input = |col: usize| json!({"tensor": "x", "col": col, "name": names[col], "unit": "1", "lo": 0.1, "hi": 0.9});
    json!({
        "form": "cell", "acts_on": "tumor",
        "inputs": (0..width).map(input).collect::<Vec<_>>(),
        "outputs": [output],
        "dt": {"trained": 6, "min": 1, "max": 60, "unit": "min"}
    })
}

fn pass() -> [Node; 1] {
    [Node::new("Identity", &["x"], "y")]
}

fn logits() -> Value {
    json!({"tensor": "y", "kind": "logits", "per": "1 h", "classes": ["apoptosis", "self", "macrophage"]})
}

fn time_to_event(distribution: &str) -> Value {
    json!({"tensor": "y", "name": "cycle entry", "kind": "time_to_event", "unit": "h",
           "distribution": distribution, "age": "age"})
}

#[test]
fn logits_become_competing_rates() {
    let model = load(&assembled(&passing(logits(), 3), &pass(), &[])).unwrap();
    let writes = &model.signature().writes;
    assert_eq!(writes.len(), 2);
    assert!(writes.iter().all(|write| write.kind == Kind::Rate));
    // A type's name is short for becoming it.
    assert_eq!(writes[1].target, Target::Behavior(5));
    let x: [f64; 3] = [0.25, 0.5, 0.75];
    let out = told(&model, &x.map(|x| vec![x]));
    let sum: f64 = x.iter().map(|x| x.exp()).sum();
    let p = x.map(|x| x.exp() / sum);
    for (write, class) in [(0, 0), (1, 2)] {
        let wanted = -p[1].ln() / 60.0 * p[class] / (1.0 - p[1]);
        assert!((out.columns[write][0] / wanted - 1.0).abs() < 1e-12);
    }
}

#[test]
fn times_to_events_become_the_mean_hazard_of_the_step() {
    let spec = passing(time_to_event("weibull"), 2);
    let model = load(&assembled(&spec, &pass(), &[])).unwrap();
    let ages = vec![0.0, 30.0, 600.0];
    let out = told(&model, &[vec![0.5; 3], vec![0.75; 3], ages.clone()]);
    let hazard = |age: f64| (age / (0.75 * 60.0)).powf(0.5);
    for (row, age) in ages.into_iter().enumerate() {
        let wanted = (hazard(age + 6.0) - hazard(age)) / 6.0;
        assert!((out.columns[0][row] / wanted - 1.0).abs() < 1e-11, "{age}");
    }
    let spec = passing(time_to_event("lognormal"), 2);
    let model = load(&assembled(&spec, &pass(), &[])).unwrap();
    let out = told(&model, &[vec![0.5], vec![0.75], vec![45.0]]);
    let survival = |age: f64| 0.5 * libm::erfc(((age / 60.0).ln() - 0.5) / 0.75 / 2f64.sqrt());
    let wanted = (survival(45.0) / survival(51.0)).ln() / 6.0;
    assert!((out.columns[0][0] / wanted - 1.0).abs() < 1e-11);
    // A shape that is none, and an age that is none, fail their rows.
    let spec = passing(time_to_event("weibull"), 2);
    let model = load(&assembled(&spec, &pass(), &[])).unwrap();
    let out = told(&model, &[vec![0.0, 0.5], vec![0.75; 2], vec![1.0, -1.0]]);
    assert_eq!(out.failed.len(), 2);
    assert!(
        out.failed[0].1.contains("E-RANGE: the shape 0"),
        "{:?}",
        out.failed
    );
    assert!(out.columns[0].iter().all(|value| value.is_nan()));
    let days = changed(spec, "/outputs/0/age", json!("oxygen"));
    expect(
        &with_spec(
            assembled(&passing(time_to_event("weibull"), 2), &pass(), &[]),
            days,
        ),
        "E-UNIT",
        "age: ",
    );
}

#[test]
fn derivatives_advance_what_they_change_between_substeps() {
    // d grit/dt = −0.1/min · grit, six minutes in three Euler steps.
    let output = json!({"tensor": "y", "name": "custom:grit", "kind": "derivative", "unit": "1/min", "substeps": 3});
    let spec = changed(passing(output, 1), "/inputs/0/name", json!("custom:grit"));
    let nodes = [Node::new("Mul", &["x", "rate"], "y")];
    let model = load(&assembled(&spec, &nodes, &[("rate", &[-0.1])])).unwrap();
    assert_eq!(model.signature().writes[0].kind, Kind::Delta { per: None });
    let out = told(&model, &[vec![0.5, 0.8]]);
    for (row, start) in [(0, 0.5), (1, 0.8)] {
        let wanted = start * (0.8f64.powi(3) - 1.0);
        assert!((out.columns[0][row] - wanted).abs() < 1e-7);
    }
    // What it does not read stands still: three steps are one.
    let other = changed(spec.clone(), "/inputs/0/name", json!("pressure"));
    let model = load(&assembled(&other, &nodes, &[("rate", &[-0.1])])).unwrap();
    assert!((told(&model, &[vec![0.5]]).columns[0][0] - -0.3).abs() < 1e-7);
    let none = changed(spec, "/outputs/0/substeps", json!(101));
    expect(
        &with_spec(assembled(&other, &nodes, &[("rate", &[-0.1])]), none),
        "E-CONTRACT",
        "substeps: 1 to 100",
    );
}

#[test]
fn of_several_substeps_the_greatest_spread_counts() {
    // Grit grows by a fifth in each of three steps, and so does what the model does not know.
    let output = json!({"tensor": "y", "name": "custom:grit", "kind": "derivative", "unit": "1/min",
        "substeps": 3, "uncertainty": {"std": "s"}});
    let spec = changed(passing(output, 1), "/inputs/0/name", json!("custom:grit"));
    let nodes = [
        Node::new("Mul", &["x", "rate"], "y"),
        Node::new("Identity", &["x"], "s"),
    ];
    let record = rules::Adoption {
        uncertainty: rules::Uncertainty::Record,
        ..rules::Adoption::default()
    };
    let model = assembled(&spec, &nodes, &[("rate", &[0.1])]);
    let model = adopted(&model, record).unwrap();
    let spread = told(&model, &[vec![0.5]]).columns[1][0];
    assert!((spread - 0.5 * 1.2 * 1.2).abs() < 1e-7, "{spread}");
}

#[test]
fn latent_vectors_are_read_and_written_by_component() {
    let mut spec = passing(
        json!({"tensor": "dz", "kind": "latent_delta", "space": "mood/2", "per": 12}),
        1,
    );
    spec["latents"] = json!([{"space": "mood/2", "tensor": "z", "lo": -1, "hi": 1}]);
    let nodes = [Node::new("Mul", &["x", "z"], "dz")];
    let model = load(&assembled(&spec, &nodes, &[])).unwrap();
    let signature = model.signature();
    let targets: Vec<&Target> = signature.writes.iter().map(|write| &write.target).collect();
    assert_eq!(targets, [&Target::Behavior(7), &Target::Behavior(8)]);
    assert_eq!(signature.writes[0].kind, Kind::Delta { per: Some(12.0) });
    assert_eq!(signature.reads.len(), 3);
    let out = told(&model, &[vec![0.5], vec![2.0], vec![-4.0]]);
    assert_eq!([out.columns[0][0], out.columns[1][0]], [1.0, -2.0]);

    let next = json!([{"tensor": "dz", "kind": "latent_next", "space": "mood/2"}]);
    let next = changed(spec.clone(), "/outputs", next);
    let model = load(&assembled(&next, &nodes, &[])).unwrap();
    assert_eq!(
        model.signature().writes[1].kind,
        Kind::Parameter { relaxation: None }
    );

    let good = assembled(&spec, &nodes, &[]);
    for (pointer, value, code, part) in [
        (
            "/latents/0/space",
            json!("mood"),
            "E-CONTRACT",
            "a space is called `NAME/WIDTH`",
        ),
        // Else one vector would have two names.
        (
            "/latents/0/space",
            json!("mood/+2"),
            "E-CONTRACT",
            "a space is called `NAME/WIDTH`",
        ),
        (
            "/latents/0/space",
            json!("mood/02"),
            "E-CONTRACT",
            "a space is called `NAME/WIDTH`",
        ),
        (
            "/latents/0/initial",
            json!([0.0]),
            "E-SPACE",
            "`initial` has 1 numbers, the space 2",
        ),
        (
            "/latents/0/tensor",
            json!("za"),
            "E-CONTRACT",
            "latent states enter by `z`",
        ),
        (
            "/outputs/0/space",
            json!("joy/2"),
            "E-CONTRACT",
            "`latents` lists no space `joy/2`",
        ),
        (
            "/outputs/0/unit",
            json!(3),
            "E-CONTRACT",
            "unit: invalid type",
        ),
    ] {
        expect(
            &with_spec(good.clone(), changed(spec.clone(), pointer, value)),
            code,
            part,
        );
    }
    let wide = changed(
        changed(spec.clone(), "/latents/0/space", json!("mood/3")),
        "/outputs/0/space",
        json!("mood/3"),
    );
    expect(
        &with_spec(good.clone(), wide),
        "E-SPACE",
        "input `z` is [n, 2], expected [symbolic, 3]",
    );
    let other = changed(
        changed(spec, "/latents/0/space", json!("joy/2")),
        "/outputs/0/space",
        json!("joy/2"),
    );
    expect(
        &with_spec(good, other),
        "E-SIGNAL",
        "latents `joy/2`: unknown signal",
    );
}

#[test]
fn no_kind_makes_more_of_hostile_numbers_than_a_failed_row() {
    let plain = |kind: &str, name: &str, unit: &str| json!({"tensor": "y", "name": name, "kind": kind, "unit": unit});
    let with = |mut output: Value, key: &str, value: Value| {
        output[key] = value;
        output
    };
    let cases = [
        (plain("rate", "apoptosis", "1/min"), 1),
        (
            with(plain("probability", "apoptosis", "1"), "per", json!(6)),
            1,
        ),
        (plain("parameter", "migration speed", "µm/min"), 1),
        (
            with(
                plain("delta", "target volume", "µm^3"),
                "per",
                json!("step"),
            ),
            1,
        ),
        (
            with(
                plain("derivative", "custom:grit", "1/min"),
                "substeps",
                json!(2),
            ),
            1,
        ),
        (plain("readout", "mood", "anything"), 1),
        (logits(), 3),
        (time_to_event("weibull"), 2),
        (time_to_event("lognormal"), 2),
    ];
    let hostile = [f64::NAN, f64::INFINITY, 1e30, -1e30, 0.0, 1e-30, 0.5];
    for (output, width) in cases {
        let model = load(&assembled(&passing(output.clone(), width), &pass(), &[])).unwrap();
        for a in hostile {
            for b in hostile {
                let mut signals = vec![vec![a], vec![b], vec![a]];
                signals.truncate(width);
                signals.resize(model.signature().reads.len(), vec![5.0]);
                let out = told(&model, &signals);
                for column in &out.columns {
                    assert_eq!(
                        column[0].is_nan(),
                        !out.failed.is_empty(),
                        "{output} {a} {b}"
                    );
                    assert!(!column[0].is_infinite(), "{output} {a} {b}");
                }
                assert_eq!(
                    out.failed.is_empty(),
                    !out.domain[0].has(rules::Tiers::NOT_FINITE)
                );
            }
        }
    }
}
