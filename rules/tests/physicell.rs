//! Tables in PhysiCell's usage give what PhysiCell 1.14.2 computes.

mod common;

use std::fs;
use std::path::Path;

use common::{Dice, apply, binding, entry, used};
use rules::{Dictionary, Error, Opened, Rule, Subject, Target, Usage, Vocabulary};

const SIGNALS: [&str; 12] = [
    "s1",
    "s2",
    "s3",
    "s4",
    "pressure",
    "volume",
    "damage",
    "contact with live cell|contact with live cells",
    "contact with dead cell",
    "contact with apoptotic cell|contact with apoptotic cells",
    "custom:x|custom: x",
    "custom:y|custom: y",
];

/// With the base of type `A`: the values of `unit/rules_table/PhysiCell_settings.xml`.
const BEHAVIORS: [(&str, f64); 18] = [
    ("migration speed", 1.0),
    ("migration bias", 0.5),
    ("cycle entry|exit from cycle phase 0", 0.001),
    ("apoptosis", 0.0001),
    ("necrosis", 0.01),
    ("cell-cell adhesion", 0.4),
    ("cell-cell repulsion", 10.0),
    ("s1 secretion", 0.5),
    ("s2 uptake", 2.0),
    ("migration persistence time", 10.0),
    ("relative maximum adhesion distance", 1.25),
    ("s3 uptake", 1.0),
    ("damage rate", 0.0),
    ("damage repair rate", 0.0),
    ("attack duration", 0.1),
    ("custom:x|custom: x", 0.0),
    ("custom:y|custom: y", 1.0),
    ("s4 uptake", 0.0),
];

fn vocabulary() -> Vocabulary {
    let mut signals = Dictionary::new("signal");
    for names in SIGNALS {
        signals.add(entry(names, "1", false));
    }
    let mut behaviors = Dictionary::new("behavior");
    for (names, _) in BEHAVIORS {
        behaviors.add(entry(names, "1", false));
    }
    Vocabulary {
        types: vec!["A".into()],
        signals,
        pair_signals: Dictionary::new("pair signal"),
        behaviors,
        pair_behaviors: Dictionary::new("pair behavior"),
        base: vec![BEHAVIORS.map(|(_, base)| base).to_vec()],
        phenotype_step: 6.0,
        mechanics_step: 0.1,
    }
}

fn physicell(table: &str) -> Result<Opened, Error> {
    used(&[("rules.csv", table)], &vocabulary(), Usage::PhysiCell)
}

fn open(table: &str) -> Opened {
    physicell(table).unwrap_or_else(|error| panic!("{error}"))
}

/// Signals by name; those not named are 0.
type Signals<'a> = &'a [(&'a str, f64)];

/// The value of a behavior in one cell, and whether it is written at all.
fn written(rule: &dyn Rule, behavior: &str, signals: Signals<'_>, dead: bool) -> Option<f64> {
    let vocabulary = vocabulary();
    let of = |read: usize| {
        signals
            .iter()
            .find(|(name, _)| vocabulary.signals.number(name) == Some(read))
    };
    let reads = &rule.signature().reads;
    let mut columns: Vec<Vec<f64>> = reads
        .iter()
        .map(|read| vec![of(read.signal).map_or(0.0, |(_, value)| *value)])
        .collect();
    if columns.is_empty() {
        columns.push(vec![0.0]);
    }
    let rows = &columns[..reads.len()];
    let batch = rules::Batch {
        rows: 1,
        signals: &rules::lent(rows),
        noise: &[],
        dead: &[dead],
        dt: 6.0,
        ..rules::Batch::default()
    };
    let mut out = rules::Outputs::default();
    out.reset(rule.signature().writes.len(), 1);
    rule.apply(&batch, &mut out).unwrap();
    assert!(out.failed.is_empty(), "{:?}", out.failed);
    let target = Target::Behavior(vocabulary.behaviors.number(behavior).unwrap());
    let mut writes = rule.signature().writes.iter();
    let place = writes.position(|write| write.target == target).unwrap();
    let heard = !dead || rule.signature().writes[place].applies_to_dead;
    heard.then(|| out.columns[place][0])
}

/// The value of a behavior of a living cell under a table on one type.
fn value(table: &str, behavior: &str, signals: Signals<'_>) -> f64 {
    let opened = open(table);
    assert_eq!(opened.rules.len(), 1);
    written(opened.rules[0].as_ref(), behavior, signals, false).unwrap()
}

/// PhysiCell's formula: sums of (s / h)^p of what increases and decreases.
fn formula(base: f64, up: f64, max: f64, down: f64, min: f64) -> f64 {
    let high = base + (max - base) * up / (1.0 + up);
    high + (min - high) * down / (1.0 + down)
}

#[track_caller]
fn assert_near(found: f64, wanted: f64) {
    // Both round some ten times.
    assert!(
        (found - wanted).abs() <= 1e-14 * wanted.abs().max(1.0),
        "{found} instead of {wanted}"
    );
}

/// The 25 rules of a reference run, as functions of their signals.
#[test]
fn twenty_five_rules_give_the_measured_table() {
    let folder = Path::new("../../shared/physicell/unit/rules_table");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let vocabulary = vocabulary();
    let opened = rules::open(
        &[binding(folder.join("cell_rules.csv"))],
        &vocabulary,
        Usage::PhysiCell,
    )
    .unwrap();
    let [rule] = &opened.rules[..] else {
        panic!("one type has one rule");
    };
    let mut table = csv::Reader::from_path(folder.join("rules_table.csv")).unwrap();
    let header = table.headers().unwrap().clone();
    let mut compared = 0;
    for record in table.records() {
        let record = record.unwrap();
        let cell = |name: &str| -> f64 {
            let column = header.iter().position(|other| other == name).unwrap();
            record[column].parse().unwrap()
        };
        let mut signals: Vec<(&str, f64)> =
            ["s1", "s2", "s3", "s4", "pressure", "volume", "damage"]
                .map(|name| (name, cell(name)))
                .to_vec();
        let (apoptotic, necrotic) = (cell("n_apop_nbr"), cell("n_necro_nbr"));
        signals.push(("contact with live cell", cell("n_live_nbr")));
        signals.push(("contact with dead cell", apoptotic + necrotic));
        signals.push(("contact with apoptotic cell", apoptotic));
        let dead = cell("dead") == 1.0;
        for (names, base) in &BEHAVIORS[..15] {
            let name = names.split('|').next().unwrap();
            let Some(found) = written(rule.as_ref(), name, &signals, dead) else {
                continue;
            };
            let wanted = cell(name);
            // PhysiCell subtracts numbers as large as the base and the value, so that a value
            // near 0 keeps what they lose, a few units in their last place.
            let rounding = 8.0 * f64::EPSILON * base.abs().max(10.0);
            let tolerance = (1e-6 * wanted.abs()).max(rounding);
            assert!(
                (found - wanted).abs() <= tolerance,
                "{name} {signals:?}: {found} instead of {wanted}"
            );
            compared += 1;
        }
    }
    // 116 living cells with all 15 behaviors; 12 dead ones, of which one behavior is written.
    assert_eq!(compared, 116 * 15 + 12);
    let notes = opened.notes.join("\n");
    assert!(
        notes.contains("cell_rules.csv:20: `contact with apoptotic cell` reads 0"),
        "{notes}"
    );
    assert!(
        notes.contains("cell_rules.csv:12: half-max 0.5 and Hill power 3 stand"),
        "{notes}"
    );
}

#[test]
fn rules_on_one_behavior_share_the_largest_and_the_least_value() {
    let table = "A,s1,increases,apoptosis,0.1,0.5,4,0\nA,s2,increases,apoptosis,0.5,0.5,2,0\n\
                 A,s3,decreases,apoptosis,0,0.5,4,0\nA,s4,decreases,apoptosis,0.00005,0.5,1,0\n";
    let signals = [("s1", 0.5), ("s2", 1.0), ("s3", 0.25), ("s4", 0.5)];
    let wanted = formula(0.0001, 1.0 + 4.0, 0.5, 0.0625 + 1.0, 0.0);
    assert_near(value(table, "apoptosis", &signals), wanted);
    assert_eq!(
        open(table).notes,
        [
            "rules.csv:1: towards 0.5 instead of 0.1: all rules that increase `apoptosis` share one value",
            "rules.csv:4: towards 0 instead of 5e-5: all rules that decrease `apoptosis` share one value",
        ]
    );
}

#[test]
fn an_increase_below_the_base_works_only_alone() {
    let alone = "A,s1,increases,cell-cell repulsion,4,0.5,2,0\n";
    let signals = [("s1", 0.5)];
    assert_near(value(alone, "cell-cell repulsion", &signals), 7.0);
    // The other rule offers the base as the largest value.
    let both = format!("{alone}A,s2,decreases,cell-cell repulsion,1,0.5,2,0\n");
    assert_near(value(&both, "cell-cell repulsion", &signals), 10.0);
}

#[test]
fn after_a_signal_in_both_directions_numbers_go_astray() {
    let head = "A,s1,increases,cell-cell adhesion,5,0.2,4,0\nA,s1,decreases,cell-cell adhesion,0,0.8,8,0\n";
    // The third row finds a row of the other direction in its place: its numbers stay unset.
    let table = format!("{head}A,s2,increases,cell-cell adhesion,8,0.7,2,0\n");
    let signals = [("s1", 0.4), ("s2", 1.0)];
    let wanted = formula(0.4, 2f64.powi(4) + 2f64.powi(3), 8.0, 0.5f64.powi(8), 0.0);
    assert_near(value(&table, "cell-cell adhesion", &signals), wanted);
    assert!(
        open(&table).notes.contains(
            &"rules.csv:3: half-max 0.5 and Hill power 3 stand instead of its own, since a signal both \
              increases and decreases `cell-cell adhesion` above"
                .to_owned()
        )
    );
    // One of the same direction is no hindrance.
    let table = format!("{head}A,s2,decreases,cell-cell adhesion,0,0.5,2,0\n");
    let wanted = formula(0.4, 2f64.powi(4), 5.0, 0.5f64.powi(8) + 2f64.powi(2), 0.0);
    assert_near(value(&table, "cell-cell adhesion", &signals), wanted);
    // And the mark for the dead goes to the row found there.
    let table = format!("{head}A,s2,increases,cell-cell adhesion,8,0.7,2,1\n");
    let opened = open(&table);
    let dead = written(
        opened.rules[0].as_ref(),
        "cell-cell adhesion",
        &[("s1", 0.8), ("s2", 9.0)],
        true,
    );
    assert_near(dead.unwrap(), 0.2);
}

#[test]
fn the_last_synonym_of_a_behavior_holds() {
    let table = "A,s1,increases,exit from cycle phase 0,0.5,0.5,1,0\n\
                 A,s2,increases,cycle entry,0.1,0.5,1,0\nA,s3,increases,exit from cycle phase 0,0.9,0.5,1,0\n";
    let wanted = formula(0.001, 1.0, 0.1, 0.0, 0.001);
    let signals = [("s1", 4.0), ("s2", 0.5), ("s3", 7.0)];
    assert_near(value(table, "cycle entry", &signals), wanted);
    assert_eq!(open(table).rules[0].signature().writes.len(), 1);
}

#[test]
fn synonyms_hold_for_the_dead_by_themselves() {
    let table = "A,s1,increases,exit from cycle phase 0,0.5,0.5,1,1\nA,s2,increases,cycle entry,0.1,0.5,1,0\n";
    let opened = open(table);
    let signals = [("s1", 0.5), ("s2", 0.5)];
    let at = |dead| written(opened.rules[0].as_ref(), "cycle entry", &signals, dead).unwrap();
    assert_near(at(false), formula(0.001, 1.0, 0.1, 0.0, 0.001));
    assert_near(at(true), formula(0.001, 1.0, 0.5, 0.0, 0.001));
}

#[test]
fn synonyms_of_a_signal_speak_twice() {
    let table = "A,contact with live cell,increases,s2 uptake,9,1,2,0\nA,contact with live cells,increases,s2 uptake,9,1,1,0\n";
    let signals = [("contact with live cell", 2.0)];
    assert_near(
        value(table, "s2 uptake", &signals),
        formula(2.0, 4.0 + 2.0, 9.0, 0.0, 2.0),
    );
}

#[test]
fn a_rule_sees_the_custom_number_that_one_above_it_wrote() {
    let first = "A,s1,increases,custom:x,1,0.5,1,0\n";
    let second = "A,custom:x,increases,custom:y,3,0.5,1,0\n";
    let signals = [("s1", 0.5), ("custom:x", 8.0)];
    // x becomes 0.5, half of the way of y.
    assert_near(
        value(&format!("{first}{second}"), "custom:y", &signals),
        2.0,
    );
    let old = formula(1.0, 16.0, 3.0, 0.0, 1.0);
    assert_near(
        value(&format!("{second}{first}"), "custom:y", &signals),
        old,
    );
    // What is not written to a dead cell is not seen there.
    let table = format!("{first}{}", second.replace(",0\n", ",1\n"));
    let opened = open(&table);
    let dead = written(opened.rules[0].as_ref(), "custom:y", &signals, true);
    assert_near(dead.unwrap(), old);
}

#[test]
fn only_the_word_increases_raises_the_largest_value() {
    for (word, wanted) in [
        ("increases", formula(2.0, 1.0, 6.0, 0.0, 2.0)),
        // It increases towards the base, which it offers as the largest value.
        ("promotes", 2.0),
        ("increase", 2.0),
        ("Increases", formula(2.0, 0.0, 2.0, 1.0, 6.0)),
        ("inhibits", formula(2.0, 0.0, 2.0, 1.0, 6.0)),
    ] {
        let table = format!("A,s1,{word},s2 uptake,6,0.5,2,0\n");
        assert_near(value(&table, "s2 uptake", &[("s1", 0.5)]), wanted);
    }
    assert_eq!(
        open("A,s1,inhibits,s2 uptake,0,0.5,2,0\n").notes,
        ["rules.csv:1: `inhibits` is read as `decreases`"]
    );
}

#[test]
fn the_dead_hear_only_rules_that_apply_to_them() {
    let table = "A,s1,increases,s1 secretion,9,0.5,1,0\nA,s2,increases,s1 secretion,9,0.5,1,2\n\
                 A,s3,decreases,s1 secretion,0,0.5,1,true\nA,s1,increases,s2 uptake,9,0.5,1,0\n";
    let opened = open(table);
    let rule = opened.rules[0].as_ref();
    let signals = [("s1", 0.5), ("s2", 0.5), ("s3", 0.5)];
    let dead = written(rule, "s1 secretion", &signals, true);
    assert_near(dead.unwrap(), formula(0.5, 1.0, 9.0, 0.0, 0.0));
    assert_eq!(written(rule, "s2 uptake", &signals, true), None);
    assert_eq!(opened.notes, ["rules.csv:3: `true` is read as 0"]);
}

#[test]
fn contacts_with_kinds_of_dead_cells_read_0() {
    let table = "A,contact with apoptotic cells,increases,migration persistence time,100,0.5,8,0\n";
    let signals = [("contact with apoptotic cell", 3.0)];
    assert_eq!(value(table, "migration persistence time", &signals), 10.0);
    assert_eq!(
        open(table).notes,
        [
            "rules.csv:1: `contact with apoptotic cell` reads 0 in rules of PhysiCell, so this one has no effect"
        ]
    );
}

#[test]
fn negative_signals_have_whole_powers_and_no_others() {
    let table = |power: &str| format!("A,custom:x,increases,s2 uptake,6,0.5,{power},0\n");
    let signals = [("custom:x", -1.0)];
    assert_near(
        value(&table("2"), "s2 uptake", &signals),
        formula(2.0, 4.0, 6.0, 0.0, 2.0),
    );
    assert_near(
        value(&table("3"), "s2 uptake", &signals),
        formula(2.0, -8.0, 6.0, 0.0, 2.0),
    );
    assert_near(value(&table("1.5"), "s2 uptake", &signals), 2.0);
}

#[test]
fn every_version_says_the_same() {
    let three = "A,s1,increases,s2 uptake,6,0.5,2,0\nA,s2,decreases,s2 uptake,1,0.25,3,1\n";
    let one = "A,s1,increases,s2 uptake,2,6,0.5,2,0\nA,s2,decreases,s2 uptake,2,1,0.25,3,1\n";
    let zero = "A,s2 uptake,1,2,6,s1,increases,0.5,2,0\nA,s2 uptake,1,2,6,s2,decreases,0.25,3,1\n";
    let signals = [("s1", 1.0), ("s2", 0.5)];
    let wanted = formula(2.0, 4.0, 6.0, 8.0, 1.0);
    for table in [three, one, zero] {
        for text in [
            table.to_owned(),
            table.replace(',', "\t"),
            format!(
                "\u{feff}// a comment, with a comma\n{}",
                table.replace('\n', " \r\n\r\n")
            ),
        ] {
            for usage in [Usage::Milieu, Usage::PhysiCell] {
                let opened = used(&[("rules.csv", &text)], &vocabulary(), usage).unwrap();
                let rule = opened.rules[0].as_ref();
                assert_near(written(rule, "s2 uptake", &signals, false).unwrap(), wanted);
                assert_eq!(opened.notes, [""; 0]);
            }
        }
    }
}

#[test]
fn a_row_of_version_0_offers_both_its_values() {
    let table = "A,s2 uptake,1,2,6,s1,increases,0.5,2,0\nA,s2 uptake,0.5,2,4,s2,decreases,0.5,2,0\n\
                 A,s2 uptake,1.5,2,9,s3,decreases,0.5,2,0\n";
    let signals = [("s1", 0.5), ("s2", 0.5)];
    assert_near(
        value(table, "s2 uptake", &signals),
        formula(2.0, 1.0, 9.0, 1.0, 0.5),
    );
}

#[test]
fn rows_of_the_wrong_shape_are_passed_over_aloud() {
    let table = "A,s1,increases,s2 uptake,6,0.5,2,0,\nA,s2,increases,s2 uptake,,0.5,2,0\n\
                 // A,s2,increases,s2 uptake,6\nA,s2,increases,s2 uptake,6,0.5,2\n\
                 A,s2,increases,s2 uptake,2,6,0.5,2,0\nheader\n";
    assert_eq!(value(table, "s2 uptake", &[("s1", 0.5), ("s2", 9.0)]), 4.0);
    assert_eq!(
        open(table).notes,
        [
            "rules.csv:2: field 5 is empty; passed over, as PhysiCell does",
            "rules.csv:4: 7 fields, but a rule has 8; passed over, as PhysiCell does",
            "rules.csv:5: 9 fields, but a rule of this file, as in line 1, has 8; passed over, as PhysiCell does",
            "rules.csv:6: 1 fields, but a rule has 8; passed over, as PhysiCell does",
        ]
    );
}

#[test]
fn a_table_without_rows_is_a_note() {
    let opened = open("//\n");
    assert!(opened.rules.is_empty());
    assert_eq!(opened.notes, ["rules.csv: no rule in it"]);
}

#[test]
fn ranges_are_not_checked_and_numbers_end_where_they_end() {
    let opened = open("A,volume,decreases,damage repair rate,-1 1/min,2494,2,0\n");
    let rule = opened.rules[0].as_ref();
    assert_near(
        written(rule, "damage repair rate", &[("volume", 2494.0)], false).unwrap(),
        -0.5,
    );
    assert_eq!(opened.notes, ["rules.csv:1: `-1 1/min` is read as -1"]);
}

#[test]
fn tables_of_several_files_share_one_bookkeeping() {
    let files = [
        ("a.csv", "A,s1,increases,s2 uptake,6,0.5,2,0\n"),
        ("b.csv", "A,s2,increases,s2 uptake,2,10,0.5,2,0\n"),
    ];
    let opened = used(&files, &vocabulary(), Usage::PhysiCell).unwrap();
    assert_eq!(opened.rules.len(), 1);
    let rule = opened.rules[0].as_ref();
    assert_eq!(written(rule, "s2 uptake", &[("s1", 0.5)], false), Some(6.0));
}

#[test]
fn sentences_keep_their_own_mathematics() {
    let row = ("a.csv", "A,s1,increases,s2 uptake,6,0.5,2,0\n");
    let sentence = |behavior: &str| {
        format!(
            "A: s1 increases {behavior} towards 20, half-max 1, Hill power 1\n\
             A: s2 increases {behavior} towards 30, half-max 1, Hill power 1\n"
        )
    };
    let apart = sentence("migration speed");
    let opened = used(&[row, ("b.rules", &apart)], &vocabulary(), Usage::PhysiCell).unwrap();
    assert_eq!(opened.rules.len(), 2);
    let signals = [("s1", 1.0), ("s2", 1.0)];
    let found = written(opened.rules[1].as_ref(), "migration speed", &signals, false);
    assert_eq!(found, Some((1.0 + 20.0 + 30.0) / 3.0));
    let together = sentence("s2 uptake");
    let files = [row, ("b.rules", together.as_str())];
    let Err(error) = used(&files, &vocabulary(), Usage::PhysiCell) else {
        panic!("no error");
    };
    assert_eq!(
        error.to_string(),
        "b.rules:1: a sentence on `s2 uptake` of A, which a row of a.csv:1 rules by PhysiCell's mathematics\n  \
         write both as sentences, or both as rows"
    );
}

#[test]
fn many_rows_are_each_by_itself() {
    let table = "A,s1,increases,exit from cycle phase 0,0.5,0.5,1,1\nA,s2,increases,cycle entry,0.1,0.5,1,0\n\
                 A,s1,increases,custom:x,1,0.5,1,0\nA,custom:x,increases,custom:y,3,0.5,1,1\n";
    let opened = open(table);
    let rule = opened.rules[0].as_ref();
    assert_eq!(rule.signature().subject, Subject::Cell { types: vec![0] });
    let mut dice = Dice(11);
    let columns: Vec<Vec<f64>> = (0..rule.signature().reads.len())
        .map(|_| (0..700).map(|_| 3.0 * dice.unit()).collect())
        .collect();
    let dead: Vec<bool> = (0..700).map(|_| dice.below(3) == 0).collect();
    let whole = apply(rule, &columns, &dead);
    for row in 0..700 {
        let one: Vec<Vec<f64>> = columns.iter().map(|column| vec![column[row]]).collect();
        let alone = apply(rule, &one, &[dead[row]]);
        for (whole, alone) in whole.columns.iter().zip(&alone.columns) {
            assert_eq!(whole[row].to_bits(), alone[0].to_bits());
        }
    }
}

#[test]
fn bad_tables_are_refused_with_their_message() {
    let mut files: Vec<_> = fs::read_dir("tests/bad-physicell")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let wanted: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("//^ "))
            .collect();
        let found = match rules::open(&[binding(&file)], &common::vocabulary(), Usage::PhysiCell) {
            Ok(_) => "(no error)".into(),
            Err(error) => error.to_string().replace('\\', "/"),
        };
        if found != wanted.join("\n") {
            wrong.push(format!("{found}\n  instead of\n{}", wanted.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn no_table_makes_it_panic() {
    let rows = [
        "A,s1,increases,cycle entry,6,0.5,2,0\n",
        "A,s1,decreases,cycle entry,0,0.5,2,1\n",
        "A,s2,promotes,exit from cycle phase 0,0,-0.5,2.5,x\n",
        "A,s2,increases,custom:x,2,9,0.5,2,0\n",
        "A,custom: x,increases,custom:x,2,9,2,0\n",
        "A\ts2 uptake\t1\t2\t6\ts1\tdown\t0.5\t2\t0\n",
        ",,,,,,,\n",
        "\"\n",
        "A,s3,decreases,cycle entry,0,0.5,2,1\n",
    ];
    let mut dice = Dice(5);
    let mut bound = 0;
    for _ in 0..3000 {
        let table: String = (0..dice.below(8))
            .map(|_| rows[dice.below(rows.len())])
            .collect();
        let Ok(opened) = physicell(&table) else {
            continue;
        };
        bound += 1;
        for rule in &opened.rules {
            let columns = vec![vec![-1.0, 0.0, 2.0]; rule.signature().reads.len()];
            if !columns.is_empty() {
                apply(rule.as_ref(), &columns, &[false, true, false]);
            }
        }
    }
    assert!(bound > 100, "{bound}");
}
