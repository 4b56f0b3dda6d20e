//! The bits of a run: the same for any number of threads and any outputs, and not for another seed.
//!
//! All through the program itself, whose files are compared byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sim::output::EventKind;
use tempfile::TempDir;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// Runs a scenario of `tests/data` with these arguments; the folder of its results.
fn run(scenario: &str, arguments: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_milieu"))
        .args(["run", "--quiet", "--out"])
        .arg(folder.path())
        .args(arguments)
        .arg(data(scenario))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    folder
}

/// Every file below a folder, with its bytes. Of `run.json`, only what does not tell of this
/// machine and moment.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn visit(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(root, &path, found);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.insert(path.strip_prefix(root).unwrap().to_owned(), bytes);
            }
        }
    }
    let mut found = BTreeMap::new();
    visit(folder, folder, &mut found);
    let record = found.get_mut(Path::new("run.json")).unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(record).unwrap();
    for key in ["started", "runtime_s", "timings_s", "threads"] {
        value.as_object_mut().unwrap().remove(key).unwrap();
    }
    *record = serde_json::to_vec(&value).unwrap();
    found
}

fn same(one: &Path, other: &Path, what: &str) {
    let (one, other) = (files(one), files(other));
    assert!(one.keys().eq(other.keys()), "{what}");
    for (name, bytes) in &one {
        assert!(*bytes == other[name], "{what}: {} differs", name.display());
    }
}

/// The rows of a table of the last time in it: floating-point columns as bits.
fn last(folder: &Path, columns: &[&str]) -> Vec<Vec<u64>> {
    let file = File::open(folder.join("cells.parquet")).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batches: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    let times = |batch: &arrow_array::RecordBatch| {
        let times = batch.column_by_name("time_min").unwrap();
        times.as_primitive::<Float64Type>().values().to_vec()
    };
    let end = batches.iter().flat_map(times).fold(0.0, f64::max);
    let mut rows = Vec::new();
    for batch in &batches {
        for (row, time) in times(batch).into_iter().enumerate() {
            if time == end {
                let bits = columns.iter().map(|column| {
                    let column = batch.column_by_name(column).unwrap();
                    column.as_primitive::<Float64Type>().value(row).to_bits()
                });
                rows.push(bits.collect());
            }
        }
    }
    rows
}

const COLUMNS: [&str; 5] = ["x_um", "y_um", "radius_um", "damage", "oxygen"];

/// The kinds of the events of a run, by name.
fn kinds(scenario: &str) -> BTreeSet<String> {
    let folder = run(scenario, &[]);
    let file = File::open(folder.path().join("events.parquet")).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut seen = BTreeSet::new();
    for batch in builder.build().unwrap() {
        let batch = batch.unwrap();
        let words = batch.column_by_name("event").unwrap().as_any_dictionary();
        let values = words.values().as_string::<i32>();
        seen.extend(
            words
                .normalized_keys()
                .into_iter()
                .map(|key| values.value(key).to_owned()),
        );
    }
    seen
}

#[test]
fn every_kind_of_event_happens() {
    let all = EventKind::ALL.iter().map(|kind| kind.name().to_owned());
    let all: BTreeSet<String> = all.collect();
    assert_eq!(kinds("everything"), all);
    // PhysiCell has no hits.
    let mut all = all;
    assert!(all.remove(EventKind::Hit.name()));
    assert_eq!(kinds("physicell"), all);
}

#[test]
fn identical_bytes_for_any_number_of_threads() {
    for scenario in ["everything", "physicell"] {
        let one = run(scenario, &["--threads", "1"]);
        assert!(files(one.path()).len() > 10);
        for threads in ["2", "3", "7", "16"] {
            let other = run(scenario, &["--threads", threads]);
            let what = format!("{scenario}, {threads} threads");
            same(one.path(), other.path(), &what);
        }
    }
}

/// Small tissues are computed on one thread whatever is asked for; this one is not.
#[test]
fn identical_bytes_for_any_number_of_threads_in_a_large_tissue() {
    let one = run("dense", &["--threads", "1"]);
    assert!(last(one.path(), &["x_um"]).len() > 8192);
    for threads in ["2", "3", "7", "16"] {
        let other = run("dense", &["--threads", threads]);
        same(one.path(), other.path(), &format!("{threads} threads"));
    }
}

/// The text of a scenario with the tables of one family, such as `cell_types`, in reverse order.
fn reversed(text: &str, family: &str) -> String {
    let mut tables: Vec<String> = vec![String::new()];
    for line in text.lines() {
        if line.starts_with('[') {
            tables.push(String::new());
        }
        let table = tables.last_mut().expect("there is a first one");
        *table += &format!("{line}\n");
    }
    let begins = format!("[{family}.");
    let is_member = |table: &&String| table.starts_with(&begins);
    let mut members: Vec<String> = tables.iter().filter(is_member).cloned().collect();
    assert!(members.len() > 1, "{family}");
    let whole = tables.into_iter().map(|table| match is_member(&&table) {
        true => members.pop().expect("there are as many"),
        false => table,
    });
    whole.collect()
}

/// Names are what counts of types, substrates and interventions. Groups of cells are counted, and
/// their numbers key draws.
#[test]
fn the_order_of_types_substrates_and_interventions_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(data("everything").join("scenario.toml")).unwrap();
    let wanted = last(run("everything", &[]).path(), &COLUMNS);
    fs::copy(
        data("everything").join("all.rules"),
        folder.path().join("all.rules"),
    )
    .unwrap();
    for family in ["cell_types", "substrates", "interventions"] {
        let file = folder.path().join("scenario.toml");
        fs::write(file, reversed(&text, family)).unwrap();
        // Joined to a folder, a whole path stays as it is.
        let other = run(&folder.path().display().to_string(), &[]);
        assert_eq!(last(other.path(), &COLUMNS), wanted, "{family}");
    }
}

/// A written rule and a model of pairs, either way around.
#[test]
fn the_order_of_rules_does_not_matter() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let large = scenarios.join("tumor_immune");
    let text = fs::read_to_string(large.join("scenario.toml")).unwrap();
    let begin = text.find("[rules]\n").unwrap() + "[rules]\n".len();
    let end = begin + text[begin..].find("\n\n").unwrap();
    let mut rules: Vec<&str> = text[begin..end].lines().collect();
    assert_eq!(rules.len(), 2);
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &str| {
        let to = folder.path().join(to);
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            // Scripts for training lie in a folder, which no run reads.
            if path.is_file() {
                fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
            }
        }
    };
    copy(&large, "tumor_immune");
    copy(&scenarios.join("tumor_immune_small"), "small");
    let mut events = Vec::new();
    for _ in 0..2 {
        rules.reverse();
        let text = text[..begin].to_owned() + &rules.join("\n") + &text[end..];
        fs::write(folder.path().join("tumor_immune/scenario.toml"), text).unwrap();
        let settings = [
            "--set",
            "duration=1 d",
            "--set",
            "outputs.write=[\"events\"]",
        ];
        let made = run(
            &folder.path().join("small").display().to_string(),
            &settings,
        );
        events.push(fs::read(made.path().join("events.parquet")).unwrap());
    }
    assert!(events[0] == events[1]);
}

const UNSPLIT: [&str; 2] = ["--set", "diffusion.solver=unsplit"];

#[test]
fn identical_bytes_for_any_number_of_threads_with_the_unsplit_solver() {
    let threads = |number| ["--threads", number, UNSPLIT[0], UNSPLIT[1]];
    for scenario in ["everything", "dense"] {
        let one = run(scenario, &threads("1"));
        for number in ["2", "3", "7"] {
            let other = run(scenario, &threads(number));
            same(
                one.path(),
                other.path(),
                &format!("{scenario}, {number} threads"),
            );
        }
    }
    let rare = [
        "--set",
        "outputs.interval=35",
        "--set",
        "outputs.write=[\"cells\"]",
    ];
    let [all, few] = [&[][..], &rare].map(|more| run("everything", &[&UNSPLIT, more].concat()));
    assert_eq!(last(all.path(), &COLUMNS), last(few.path(), &COLUMNS));
}

#[test]
fn outputs_do_not_touch_the_trajectory() {
    for scenario in ["everything", "physicell"] {
        let all = run(scenario, &[]);
        let few = run(
            scenario,
            &["--set", "outputs.write=[\"populations\", \"cells\"]"],
        );
        for name in ["populations.csv", "cells.parquet"] {
            let [a, b] = [&all, &few].map(|folder| fs::read(folder.path().join(name)).unwrap());
            assert!(a == b, "{name} differs");
        }
        // Neither does how often one looks, nor at which columns.
        let rare = run(
            scenario,
            &[
                "--set",
                "outputs.interval=\"35 min\"",
                "--set",
                "outputs.cell_columns=[\"oxygen\", \"damage\"]",
                "--set",
                "outputs.write=[\"cells\"]",
            ],
        );
        assert_eq!(last(all.path(), &COLUMNS), last(rare.path(), &COLUMNS));
    }
}

/// Interventions that do nothing, and none at all: the files of both, but for `run.json`, which
/// tells what was asked for. And each that does something leaves a trace.
#[test]
fn a_dose_of_zero_is_the_control_bit_for_bit() {
    const NULL: [(&str, &str); 5] = [
        ("cisplatin", "dose=0"),
        ("transfer", "dose=0"),
        ("sedation", "factor=1"),
        ("knockdown", "penetrance=0"),
        ("exhaustion", "penetrance=0"),
    ];
    for scenario in ["everything", "physicell"] {
        let control = |settings: &[String]| {
            let arguments = settings
                .iter()
                .flat_map(|setting| ["--set", setting.as_str()]);
            let folder = run(scenario, &arguments.collect::<Vec<_>>());
            let mut found = files(folder.path());
            found.remove(Path::new("run.json"));
            found
        };
        let null = NULL.map(|(name, setting)| format!("interventions.{name}.{setting}"));
        let none = NULL.map(|(name, _)| format!("interventions.{name}=false"));
        let none = control(&none);
        assert!(none.len() > 10);
        assert!(
            control(&null) == none,
            "{scenario}: what does nothing leaves a trace"
        );
        for (left_out, (name, _)) in NULL.iter().enumerate() {
            let mut one = null.to_vec();
            one.remove(left_out);
            assert!(control(&one) != none, "{scenario}: {name} does nothing");
        }
    }
}

/// A run to 40 min is the beginning of one to 60 min.
#[test]
fn the_end_of_a_run_does_not_reach_back() {
    let long = run("everything", &[]);
    let short = run("everything", &["--until", "40 min"]);
    let [long, short] = [long, short]
        .map(|folder| fs::read_to_string(folder.path().join("populations.csv")).unwrap());
    assert!(long.starts_with(&short));
    assert!(long.len() > short.len());
}

#[test]
fn another_seed_is_another_run() {
    let one = run("everything", &["--seed", "1"]);
    let other = run("everything", &["--seed", "2"]);
    assert_ne!(last(one.path(), &COLUMNS), last(other.path(), &COLUMNS));
}
