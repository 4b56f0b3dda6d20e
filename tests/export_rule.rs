//! `milieu model export-rule`: a written law as a model file is the same law.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rules::{Adoption, Binding, Engine, Rule, explain::pointwise, written::export::export};
use sim::{
    compare::EXACT,
    plan::{Bound, bind},
    scenario::parse,
};

const SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/tumor_immune_small");
const KILLING: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/scenarios/tumor_immune/killing.rules"
);

/// The small tumor with these rules in the place of its own for behavior.
fn bound(rules: &Path) -> Bound {
    let settings = [
        format!("rules.behavior='{}'", rules.display()),
        format!("rules.killing.file='{KILLING}'"),
    ];
    let scenario = parse::read(Path::new(SMALL), &settings, None);
    bind(
        scenario
            .map_err(|problems| problems[0].to_string())
            .unwrap(),
    )
    .unwrap()
}

/// How far a rule and its export differ, by behavior; of events λ·dt, else as a share of the
/// greatest value.
fn differences(bound: &Bound, rule: &dyn Rule, folder: &Path) -> Vec<(String, f64)> {
    let vocabulary = &bound.plan.table.vocabulary;
    let bytes = export(rule.written().unwrap(), &[], vocabulary).unwrap();
    let file = folder.join("law.onnx");
    fs::write(&file, bytes).unwrap();
    let binding = Binding {
        name: "law".into(),
        file,
        clock: Some(rule.signature().clock),
        combine: None,
        sha256: None,
        engine: Engine::Embedded,
        adoption: Adoption::default(),
    };
    let usage = bound.plan.scenario.semantics.rules();
    let opened = rules::open(&[binding], vocabulary, usage).unwrap();
    let model = opened.rules[0].as_ref();
    let found = pointwise(&[rule], &[model], vocabulary).unwrap();
    assert_eq!(found.len(), rule.signature().writes.len());
    let part = |it: &rules::explain::Disagreement| it.greatest / it.scale.max(1.0);
    found
        .iter()
        .map(|it| (it.behavior.clone(), part(it)))
        .collect()
}

#[test]
fn every_kind_of_sentence_is_the_same_law_as_a_model() {
    // Hill responses of whole, half and other powers, ramps, steps, products, several on one
    // behavior in both directions, rates and parameters.
    let laws = "\
tumor: oxygen increases cycle entry from 0 towards 7.2e-3 1/min, half-max 21.5 mmHg, Hill power 4
tumor: pressure decreases cycle entry towards 0, half-max 0.5, Hill power 1.5
tumor: interferon-gamma decreases cycle entry towards 0 1/min, half-max 3 pM, Hill power 1.3
tumor: damage increases apoptosis from 5.3e-5 towards 0.05 1/min, half-max 2.5, Hill power 8
tumor: oxygen times pressure increases apoptosis towards 0.02 1/min, half-max 10 mmHg, Hill power 2
tumor: oxygen increases custom:PD-L1 from 1 towards 6, linearly from 5 to 30 mmHg
CD8 T cell: contact with live tumor decreases migration speed from 12 towards 4 µm/min, half-max 0.5, Hill power 4
CD8 T cell: oxygen increases migration bias towards 1, above 10 mmHg
";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("laws.rules");
    fs::write(&file, laws).unwrap();
    let bound = bound(&file);
    let mut seen = 0;
    for rule in &bound.rules {
        for (behavior, difference) in differences(&bound, rule.as_ref(), folder.path()) {
            assert!(difference <= EXACT, "{behavior}: {difference:.1e}");
            seen += 1;
        }
    }
    // Those above and the hit of `killing.rules`.
    assert_eq!(seen, 6);
}

#[test]
fn signals_beyond_every_scale_neither_overflow_nor_lose_the_law() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("laws.rules");
    // In single precision (s/h)^8 is infinite from s/h = 65,000 on, and ∞/∞ is no number.
    let law = "tumor: damage increases apoptosis towards 0.05 1/min, half-max 0.25, Hill power 8\n";
    fs::write(&file, law).unwrap();
    let bound = bound(&file);
    let rule = bound
        .rules
        .iter()
        .find(|rule| rule.signature().source == "behavior")
        .unwrap();
    differences(&bound, rule.as_ref(), folder.path());
    let binding = Binding {
        name: "law".into(),
        file: folder.path().join("law.onnx"),
        clock: None,
        combine: None,
        sha256: None,
        engine: Engine::Embedded,
        adoption: Adoption::default(),
    };
    let vocabulary = &bound.plan.table.vocabulary;
    let usage = bound.plan.scenario.semantics.rules();
    let model = rules::open(&[binding], vocabulary, usage).unwrap().rules;
    let signals = vec![vec![0.0, -1.0, 16_388.0, 1e6, 1e30]];
    let batch = rules::Batch {
        rows: 5,
        signals: &rules::lent(&signals),
        dead: &[false; 5],
        types: &[0; 5],
        dt: 6.0,
        member: 0.5,
        ..rules::Batch::default()
    };
    let mut out = rules::Outputs::default();
    out.reset(1, 5);
    model[0].apply(&batch, &mut out).unwrap();
    // The scenario's own rate, in single precision.
    let base = f64::from(5.3e-5f32);
    assert_eq!(out.columns[0][..2], [base, base]);
    assert!(
        out.columns[0][2..]
            .iter()
            .all(|rate| (rate - 0.05).abs() < 1e-8),
        "{:?}",
        out.columns
    );
}

fn milieu(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milieu"));
    command.args(arguments).output().unwrap()
}

#[test]
fn an_exported_rule_keeps_the_contract_and_what_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("killing.onnx");
    let file = file.to_str().unwrap();
    let written = format!("rules.killing.file='{KILLING}'");
    let export = |arguments: &[&str]| {
        let mut all = vec!["model", "export-rule", SMALL, "-o", file];
        all.extend_from_slice(arguments);
        milieu(&all)
    };
    let output = export(&["--set", &written, "--rule", "killing"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = milieu(&["model", "check", file, "--scenario", SMALL]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let refused = |arguments: &[&str], wanted: &str| {
        let output = export(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted), "{said}");
    };
    refused(&["--rule", "killing"], "is there already");
    refused(
        &["--rule", "killing", "--force"],
        "`killing` is a model already",
    );
    refused(&["--rule", "kiling", "--force"], "did you mean `killing`");
    refused(
        &["--rule", "behavior", "--force"],
        "tumor: cycle entry, necrosis, apoptosis",
    );
    let tumor = ["--rule", "behavior", "--type", "tumor", "--force"];
    refused(&tumor, "`debris export` speaks for dead cells");
    let output = export(&[&tumor[..], &["--behavior", "apoptosis"]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
