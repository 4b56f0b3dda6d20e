//! What written rules compute, whatever they were written in.

mod common;

use common::{Dice, apply, binding, open, sentences, texts, vocabulary};
use rules::{Binding, Combine, Error, Kind, Read, Rule, Side, Subject, Target};

/// The value a single behavior takes for these signals, in the order of the rule's reads.
fn value(rule: &dyn Rule, signals: &[f64]) -> f64 {
    let columns: Vec<Vec<f64>> = signals.iter().map(|signal| vec![*signal]).collect();
    let out = apply(rule, &columns, &[]);
    assert!(out.failed.is_empty(), "{:?}", out.failed);
    out.columns[0][0]
}

fn one(text: &str) -> Box<dyn Rule> {
    let mut rules = sentences(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(rules.len(), 1);
    rules.remove(0)
}

fn message(found: Result<Vec<Box<dyn Rule>>, Error>) -> String {
    match found {
        Ok(_) => panic!("no error"),
        Err(error) => error.to_string(),
    }
}

const CONTACT: &str = "CD8 T cell: contact with tumor cell decreases migration speed \
                       from 4 towards 0.5 µm/min, half-max 0.5, Hill power 4, every 0.5 min";

#[test]
fn a_sentence_becomes_a_signature() {
    let rule = one(CONTACT);
    let (signature, vocabulary) = (rule.signature(), vocabulary());
    assert_eq!(signature.subject, Subject::Cell { types: vec![0] });
    let signal = vocabulary.signals.find("contact with tumor cell").unwrap();
    assert_eq!(
        signature.reads,
        [Read {
            side: Side::Cell,
            signal
        }]
    );
    assert_eq!(signature.clock, 0.5);
    assert_eq!(
        signature.writes[0].kind,
        Kind::Parameter { relaxation: None }
    );
    assert!(!signature.writes[0].applies_to_dead);
    assert_eq!(rule.describe(), [CONTACT]);
    assert_eq!(rule.provenance().engine, "sentences");
}

#[test]
fn the_value_at_half_max_is_midway() {
    assert_eq!(value(one(CONTACT).as_ref(), &[0.5]), 2.25);
    for power in ["0.7", "1", "4", "16"] {
        let rule = one(&format!(
            "tumor cell: oxygen increases migration speed towards 9 µm/min, \
             half-max 5 mmHg, Hill power {power}"
        ));
        assert_eq!(value(rule.as_ref(), &[5.0]), 6.5);
        assert_eq!(value(rule.as_ref(), &[0.0]), 4.0);
        assert_eq!(value(rule.as_ref(), &[-5.0]), 4.0);
    }
}

#[test]
fn equal_extremes_give_the_multivariate_hill_response() {
    let rule = one(
        "tumor cell: oxygen increases migration speed towards 9, half-max 5 mmHg, Hill power 2\n\
         tumor cell: glucose increases migration speed towards 9, half-max 3 mM, Hill power 1.5\n\
         tumor cell: pressure decreases migration speed towards 1, half-max 1, Hill power 3\n\
         tumor cell: damage decreases migration speed towards 1, half-max 20, Hill power 1\n",
    );
    let mut dice = Dice(1);
    for _ in 0..1000 {
        let s = [
            dice.unit() * 20.0,
            dice.unit() * 9.0,
            dice.unit() * 3.0,
            dice.unit() * 90.0,
        ];
        let hill = |x: f64| x / (1.0 + x);
        let up = hill((s[0] / 5.0).powi(2) + (s[1] / 3.0).powf(1.5));
        let down = hill(s[2].powi(3) + s[3] / 20.0);
        let high = 4.0 + (9.0 - 4.0) * up;
        let wanted = high + (1.0 - high) * down;
        assert!((value(rule.as_ref(), &s) - wanted).abs() < 1e-14 * 9.0);
    }
}

#[test]
fn each_rule_reaches_for_its_own_extreme() {
    let rule = one(
        "tumor cell: oxygen increases migration speed towards 9, half-max 5 mmHg, Hill power 2\n\
         tumor cell: glucose increases migration speed towards 6, half-max 3 mM, Hill power 1\n",
    );
    assert_eq!(value(rule.as_ref(), &[0.0, 3.0]), 5.0);
    assert_eq!(value(rule.as_ref(), &[5.0, 3.0]), (4.0 + 9.0 + 6.0) / 3.0);
    assert_eq!(value(rule.as_ref(), &[f64::INFINITY, 3.0]), 9.0);
    assert_eq!(value(rule.as_ref(), &[5.0, f64::INFINITY]), 6.0);
    assert_eq!(value(rule.as_ref(), &[f64::INFINITY, f64::INFINITY]), 7.5);
}

#[test]
fn huge_signals_and_powers_are_safe() {
    for (power, first, second) in [("16", 1e9, 1e30), ("300", 1e9, 1e9), ("63.5", 1e300, 1e9)] {
        let rule = one(&format!(
            "tumor cell: oxygen increases migration speed towards 9, half-max 0.25, Hill power {power}\n\
             tumor cell: glucose increases migration speed towards 6, half-max 0.25, Hill power {power}\n\
             tumor cell: pressure decreases migration speed towards 0, half-max 0.25, Hill power {power}\n"
        ));
        for (signals, wanted) in [
            ([first, 0.0, 0.0], 9.0),
            ([0.0, first, 0.0], 6.0),
            ([first, first, 0.0], 7.5),
            ([first, first, f64::MAX], 0.0),
            ([f64::MAX, 0.0, 0.0], 9.0),
        ] {
            let found = value(rule.as_ref(), &signals);
            assert!(
                (found - wanted).abs() < 1e-12,
                "{power} {signals:?}: {found}"
            );
        }
        if first != second {
            let wanted = if first > second { 9.0 } else { 6.0 };
            let found = value(rule.as_ref(), &[first, second, 0.0]);
            assert!((found - wanted).abs() < 1e-12, "{power}: {found}");
        }
    }
}

#[test]
fn the_way_through_logarithms_continues_the_direct_one() {
    // Odds of 1e150 separate the two ways; both rules lie on either side of it.
    let rule = one(
        "tumor cell: oxygen increases migration speed towards 9, half-max 1, Hill power 10\n\
         tumor cell: glucose increases migration speed towards 6, half-max 2, Hill power 10\n",
    );
    let (below, above) = (1e15 * (1.0 - 1e-3), 1e15 * (1.0 + 1e-3));
    let wanted = (9.0 + 6.0 / 1024.0) / (1.0 + 1.0 / 1024.0);
    assert!((value(rule.as_ref(), &[below, below]) - wanted).abs() < 1e-12);
    assert!((value(rule.as_ref(), &[above, above]) - wanted).abs() < 1e-12);
}

#[test]
fn ramps_and_steps_are_exact_at_their_ends() {
    let ramp =
        one("tumor cell: oxygen increases migration speed towards 9, linearly from 5 to 38 mmHg");
    assert_eq!(value(ramp.as_ref(), &[5.0]), 4.0);
    assert_eq!(value(ramp.as_ref(), &[21.5]), 6.5);
    assert_eq!(value(ramp.as_ref(), &[38.0]), 9.0);
    assert_eq!(value(ramp.as_ref(), &[90.0]), 9.0);
    let step = one("tumor cell: oxygen decreases migration speed towards 0, below 2.5 mmHg");
    assert_eq!(value(step.as_ref(), &[2.5]), 4.0);
    assert_eq!(value(step.as_ref(), &[2.4]), 0.0);
    let step = one("tumor cell: oxygen increases migration speed towards 9, above 2.5 mmHg");
    assert_eq!(value(step.as_ref(), &[2.5]), 4.0);
    assert_eq!(value(step.as_ref(), &[2.6]), 9.0);
}

#[test]
fn a_product_is_the_product_of_its_signals() {
    let rule = one(
        "CD8 T cell on tumor cell: contact age increases hit towards 0.06 1/min, above 1 min, every 0.1 min\n\
         CD8 T cell on tumor cell: own custom:PD-1 times target custom:PD-L1 decreases hit towards 0, \
         half-max 0.5, Hill power 1, every 0.1 min, size 2\n",
    );
    let signature = rule.signature();
    assert_eq!(signature.subject, Subject::Dyad { a: 0, b: 1 });
    let sides: Vec<Side> = signature.reads.iter().map(|read| read.side).collect();
    assert_eq!(sides, [Side::Pair, Side::A, Side::B]);
    assert_eq!(signature.writes[0].side, Side::B);
    assert_eq!(signature.writes[0].kind, Kind::Hit { size: 2.0 });
    assert_eq!(signature.writes[0].target, Target::PairBehavior(0));
    assert_eq!(value(rule.as_ref(), &[2.0, 1.0, 0.5]), 0.03);
    assert_eq!(value(rule.as_ref(), &[0.5, 1.0, 0.5]), 0.0);
    assert_eq!(value(rule.as_ref(), &[2.0, -1.0, -9.0]), 0.06);
    assert_eq!(value(rule.as_ref(), &[2.0, 1.0, -9.0]), 0.06);
}

#[test]
fn other_pair_behaviors_belong_to_the_pair() {
    let rule = one("CD8 T cell on tumor cell: gap increases detach towards 1, above 0.5 µm");
    assert_eq!(rule.signature().writes[0].side, Side::Pair);
    assert_eq!(rule.signature().writes[0].kind, Kind::Rate);
}

#[test]
fn the_dead_are_spoken_for_only_by_rules_that_say_so() {
    let rule = one(
        "tumor cell: oxygen increases migration speed towards 9, half-max 5 mmHg, Hill power 1\n\
         tumor cell: damage decreases migration speed towards 0, half-max 5, Hill power 1, also when dead\n\
         tumor cell: oxygen increases apoptosis towards 1, half-max 5 mmHg, Hill power 1\n",
    );
    let marks: Vec<bool> = rule
        .signature()
        .writes
        .iter()
        .map(|w| w.applies_to_dead)
        .collect();
    assert_eq!(marks, [true, false]);
    // A signal that is not heard may be anything.
    let columns = [vec![5.0, 5.0, f64::NAN], vec![5.0; 3]];
    let out = apply(rule.as_ref(), &columns, &[false, true, true]);
    assert_eq!(out.columns[0], [3.25, 2.0, 2.0]);
    assert!(out.failed.is_empty());
    let full = [vec![f64::INFINITY; 2], vec![f64::INFINITY, 5.0]];
    assert_eq!(
        apply(rule.as_ref(), &full, &[true, true]).columns[0],
        [0.0, 2.0]
    );
}

#[test]
fn a_row_that_is_no_number_fails_alone() {
    let rule = one(CONTACT);
    let out = apply(rule.as_ref(), &[vec![0.5, f64::NAN, 0.5]], &[]);
    let reason = "the signal `contact with tumor cell` is not a number".to_owned();
    assert_eq!(out.failed, [(1, reason)]);
    assert_eq!((out.columns[0][0], out.columns[0][2]), (2.25, 2.25));
}

#[test]
fn parts_of_a_batch_give_the_same_bits() {
    for file in [
        "tests/good/spheroid.rules",
        "tests/good/pair.rules",
        "tests/good/names.rules",
    ] {
        for rule in open(&[binding(file)]).unwrap() {
            let mut dice = Dice(3);
            let rows = 1000;
            let mut column = || -> Vec<f64> {
                // Now and then a signal large enough for the way through logarithms.
                let scale = |dice: &mut Dice| if dice.below(5) == 0 { 1e90 } else { 50.0 };
                (0..rows)
                    .map(|_| scale(&mut dice) * dice.unit() - 1.0)
                    .collect()
            };
            let columns: Vec<Vec<f64>> = rule.signature().reads.iter().map(|_| column()).collect();
            let mut dice = Dice(4);
            let dead: Vec<bool> = (0..rows).map(|_| dice.below(4) == 0).collect();
            let whole = apply(rule.as_ref(), &columns, &dead);
            assert!(whole.failed.is_empty());
            let mut start = 0;
            while start < rows {
                let end = (start + 1 + dice.below(300)).min(rows);
                let part: Vec<Vec<f64>> = columns.iter().map(|c| c[start..end].to_vec()).collect();
                let part = apply(rule.as_ref(), &part, &dead[start..end]);
                for (whole, part) in whole.columns.iter().zip(&part.columns) {
                    let bits =
                        |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&whole[start..end]), bits(part));
                }
                start = end;
            }
        }
    }
}

#[test]
fn no_rows_are_no_trouble() {
    assert!(apply(one(CONTACT).as_ref(), &[vec![]], &[]).columns[0].is_empty());
}

#[test]
fn a_table_is_its_sentences_bit_for_bit() {
    let table = texts(&[(
        "cells.csv",
        "tumor cell,oxygen,increases,cycle entry,0.003,21.5,4,0\n\
         tumor cell,pressure,decreases,exit from cycle phase 0,0,1.3,2.5,0\n\
         tumor cell,damage,increases,apoptosis,0.01,7,1,1\n",
    )])
    .unwrap();
    let sentences = sentences(
        "tumor cell: oxygen increases cycle entry towards 0.003 1/min, half-max 21.5 mmHg, Hill power 4\n\
         tumor cell: pressure decreases cycle entry towards 0 1/min, half-max 1.3, Hill power 2.5\n\
         tumor cell: damage increases apoptosis towards 0.01, half-max 7, Hill power 1, also when dead\n",
    )
    .unwrap();
    assert_eq!(table[0].describe(), sentences[0].describe());
    assert_eq!(table[0].provenance().engine, "table");
    let mut dice = Dice(5);
    let columns: Vec<Vec<f64>> = [40.0, 4.0, 20.0]
        .map(|scale| (0..500).map(|_| scale * dice.unit()).collect())
        .to_vec();
    assert_eq!(
        apply(table[0].as_ref(), &columns, &[]).columns,
        apply(sentences[0].as_ref(), &columns, &[]).columns
    );
}

#[test]
fn rules_of_several_files_saturate_together() {
    let a =
        "tumor cell: oxygen increases migration speed towards 9, half-max 5 mmHg, Hill power 2\n";
    let b = "tumor cell,glucose,increases,migration speed,6,3,1,0\n";
    let both = texts(&[("a.rules", a), ("b.csv", b)]).unwrap();
    assert_eq!(both.len(), 1);
    assert_eq!(value(both[0].as_ref(), &[5.0, 3.0]), 19.0 / 3.0);
    assert_eq!(both[0].signature().source, "a");
    assert_eq!(both[0].provenance().name, "a + b");
    assert_eq!(both[0].provenance().file.to_str(), Some("a.rules"));
}

#[test]
fn clocks_that_differ_across_files_are_named_with_both_places() {
    let a = "tumor cell: oxygen increases migration speed towards 9, above 5 mmHg, every 0.5 min\n";
    let b = "\ntumor cell: glucose increases migration speed towards 6, above 1 mM, every 1 min\n";
    assert_eq!(
        message(texts(&[("a.rules", a), ("b.rules", b)])),
        "b.rules:2: a clock of 1 min for `migration speed`, but a.rules:1 gives it one of 0.5 min\n  \
         all rules on one behavior share a clock: write the same `every` in both"
    );
}

#[test]
fn a_sentence_has_its_own_clock_or_the_bindings_or_the_phenotype_step() {
    let text = "tumor cell: oxygen increases migration speed towards 9, above 5 mmHg, every 30 s\n\
                tumor cell: oxygen increases apoptosis towards 9, above 5 mmHg\n\
                CD8 T cell on tumor cell: gap increases hit towards 1, above 0\n";
    let clocks = |clock| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cells.rules");
        std::fs::write(&file, text).unwrap();
        let rules = open(&[Binding {
            clock,
            ..binding(file)
        }])
        .unwrap();
        rules
            .iter()
            .map(|rule| rule.signature().clock)
            .collect::<Vec<_>>()
    };
    // Pairs are looked at in every mechanics step.
    assert_eq!(clocks(None), [0.5, 6.0, 0.1]);
    assert_eq!(clocks(Some(2.0)), [0.5, 2.0, 2.0]);
}

#[test]
fn files_of_one_behavior_are_combined_in_one_way() {
    let folder = tempfile::tempdir().unwrap();
    let bindings = ["oxygen", "glucose"].map(|signal| {
        let file = folder.path().join(format!("{signal}.rules"));
        let text = format!("tumor cell: {signal} increases migration speed towards 9, above 5");
        std::fs::write(&file, text).unwrap();
        binding(file)
    });
    let [first, mut second] = bindings;
    second.combine = Some(Combine::Sum);
    let found = message(open(&[first, second]));
    assert!(
        found.contains("glucose.rules:1: `combine` for this file"),
        "{found}"
    );
}

#[test]
fn rules_come_in_the_order_of_the_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let bindings: Vec<Binding> = ["b", "a"]
        .iter()
        .zip(["CD8 T cell", "tumor cell"])
        .map(|(name, of)| {
            let file = folder.path().join(format!("{name}.rules"));
            let text = format!("{of}: oxygen increases migration speed towards 9, above 5 mmHg");
            std::fs::write(&file, text).unwrap();
            binding(file)
        })
        .collect();
    let rules = open(&bindings).unwrap();
    let sources: Vec<&str> = rules
        .iter()
        .map(|r| r.signature().source.as_str())
        .collect();
    assert_eq!(sources, ["b", "a"]);
}

#[test]
fn a_file_that_is_not_there_or_not_the_one_is_named() {
    let missing = message(open(&[binding("tests/none.rules")]));
    assert!(
        missing.starts_with("tests/none.rules: cannot be read: "),
        "{missing}"
    );
    let file = "tests/good/contact.rules";
    let wanted = Some("00".into());
    let other = message(open(&[Binding {
        sha256: wanted,
        ..binding(file)
    }]));
    assert!(
        other.starts_with("tests/good/contact.rules: its SHA-256 is "),
        "{other}"
    );
    let rules = open(&[binding(file)]).unwrap();
    let sha256 = Some(rules[0].provenance().sha256);
    assert!(
        open(&[Binding {
            sha256,
            ..binding(file)
        }])
        .is_ok()
    );
    let unknown = message(open(&[binding("tests/rules.xlsx")]));
    assert_eq!(
        unknown,
        "tests/rules.xlsx: no rules are known by this extension\n  \
         sentences end in `.rules`, tables in `.csv`, models in `.onnx`"
    );
}

/// Once every factor was compared with all words behind it, and 500 of them took a minute.
#[test]
fn a_very_long_sentence_is_refused_at_once() {
    let factors = vec!["oxygen"; 2000];
    for text in [
        format!(
            "tumor cell: {} increases apoptosis",
            factors.join(" times ")
        ),
        format!("tumor cell: {} increases apoptosis", factors.join(" plus ")),
        format!("tumor cell: oxygen increases {}", factors.join(" towards ")),
        format!("tumor cell: oxygen increases {}", factors.join(", ")),
        format!("{}: oxygen", factors.join(" on ")),
    ] {
        assert!(sentences(&text).is_err());
    }
}
