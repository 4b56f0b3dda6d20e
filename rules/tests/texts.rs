//! Every text under tests/good binds; every text under tests/bad is refused with exactly the
//! message that stands in its `#^ ` (or `//^ `) lines.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Dice, binding, open, sentences, texts};

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new("tests").join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn good_texts_bind() {
    for file in files("good") {
        if let Err(error) = open(&[binding(&file)]) {
            panic!("{error}");
        }
    }
}

#[test]
fn bad_texts_are_refused_with_their_message() {
    let mut wrong = Vec::new();
    for file in files("bad") {
        let text = fs::read_to_string(&file).unwrap();
        let wanted: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("#^ ").or(line.strip_prefix("//^ ")))
            .collect();
        let found = match open(&[binding(&file)]) {
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
fn the_manual_shows_texts_that_bind() {
    let manual = fs::read_to_string("../docs/rules.md").unwrap();
    let mut shown = 0;
    for text in manual.split("```text\n").skip(1) {
        let text = text.split("```").next().unwrap();
        let name = if text.starts_with("//") {
            "a.csv"
        } else {
            "a.rules"
        };
        match texts(&[(name, text)]) {
            Ok(_) => shown += 1,
            Err(error) => assert!(text.contains("oxigen"), "{error}"),
        }
    }
    assert_eq!(shown, 3);
}

#[test]
fn a_description_says_the_same_rule_again() {
    for file in files("good") {
        for rule in open(&[binding(&file)]).unwrap() {
            let again = sentences(&rule.describe().join("\n")).unwrap();
            assert_eq!(again.len(), 1, "{}", file.display());
            let signature = (rule.signature(), again[0].signature());
            assert_eq!(again[0].describe(), rule.describe());
            assert_eq!(signature.0.subject, signature.1.subject);
            assert_eq!(signature.0.reads, signature.1.reads);
            assert_eq!(signature.0.writes, signature.1.writes);
            assert_eq!(signature.0.clock, signature.1.clock);
            let mut dice = Dice(7);
            let columns: Vec<Vec<f64>> = signature
                .0
                .reads
                .iter()
                .map(|_| (0..300).map(|_| 40.0 * dice.unit() - 2.0).collect())
                .collect();
            assert_eq!(
                common::apply(rule.as_ref(), &columns, &[]).columns,
                common::apply(again[0].as_ref(), &columns, &[]).columns
            );
        }
    }
}

#[test]
fn no_text_makes_it_panic() {
    let spice = [
        "\"",
        "#",
        ":",
        ",",
        " ",
        "\n",
        "\n  ",
        "µ",
        "−",
        "1e999",
        "/",
        "^",
        "9^9",
        " from ",
        " towards ",
        " times ",
        " increases ",
        " on ",
        "own ",
        "\u{0}",
        "👩‍🔬",
        "İ",
        "NaN",
        "//",
    ];
    let mut dice = Dice(20_240_229);
    let mut tried = 0;
    for file in files("good") {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.to_str().unwrap();
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        for at in &places {
            let _ = texts(&[(name, &text[..*at])]);
            let _ = texts(&[(name, &text[*at..])]);
        }
        for _ in 0..3000 {
            let mut text = text.clone();
            for _ in 0..=dice.below(3) {
                let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
                if places.is_empty() {
                    break;
                }
                let (a, b) = (
                    places[dice.below(places.len())],
                    places[dice.below(places.len())],
                );
                match dice.below(4) {
                    0 => text.insert_str(a, spice[dice.below(spice.len())]),
                    1 => drop(text.remove(a)),
                    2 => text.replace_range(a.min(b)..a.max(b), ""),
                    _ => text.insert(a, text[b..].chars().next().unwrap()),
                }
            }
            let _ = texts(&[(name, &text)]);
            tried += 1;
        }
    }
    assert!(tried > 10_000);
}
