//! `milieu record`: rows say what rules saw and what followed, and recording changes nothing.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use sim::{
    ensemble::advance,
    output::{Event, EventKind},
    plan::bind_recorded,
    recorder::Wanted,
    scenario::parse,
    simulation::Simulation,
};

const SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/tumor_immune_small");
const WRITTEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/scenarios/tumor_immune/killing.rules"
);

fn milieu(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milieu"));
    command.args(arguments).output().unwrap()
}

/// Records the small tumor for half a day; what the program printed.
fn record(out: &Path, arguments: &[&str]) -> String {
    let out = out.to_str().unwrap();
    let mut all = vec!["record", SMALL, "--until", "12 h", "--out", out];
    all.extend_from_slice(arguments);
    let output = milieu(&all);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

fn manifest(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("record.json")).unwrap()).unwrap()
}

/// The rows of a site, of all runs or of those of one part.
struct Rows(Vec<RecordBatch>);

impl Rows {
    fn of(out: &Path, site: &str, is_wanted: impl Fn(&Value) -> bool) -> Rows {
        let manifest = manifest(out);
        let runs = manifest["runs"].as_array().unwrap().iter();
        let mut batches = Vec::new();
        for run in runs.filter(|run| is_wanted(run)) {
            let file = run["shards"][site]["file"].as_str().unwrap();
            let file = File::open(out.join(file)).unwrap();
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            batches.extend(builder.build().unwrap().map(Result::unwrap));
        }
        Rows(batches)
    }

    fn numbers(&self, column: &str) -> Vec<f64> {
        let values = |batch: &RecordBatch| {
            let column = batch.column_by_name(column).unwrap();
            column.as_primitive::<Float64Type>().values().to_vec()
        };
        self.0.iter().flat_map(values).collect()
    }

    fn ids(&self, column: &str) -> Vec<u64> {
        let values = |batch: &RecordBatch| {
            let column = batch.column_by_name(column).unwrap();
            column.as_primitive::<UInt64Type>().values().to_vec()
        };
        self.0.iter().flat_map(values).collect()
    }

    fn words(&self, column: &str) -> Vec<Option<String>> {
        let values = |batch: &RecordBatch| {
            let column = batch.column_by_name(column).unwrap();
            let words = column.as_any_dictionary();
            let list = words.values().as_string::<i32>().clone();
            let keys = words.normalized_keys();
            (0..words.len())
                .map(|row| {
                    words
                        .is_valid(row)
                        .then(|| list.value(keys[row]).to_owned())
                })
                .collect::<Vec<_>>()
        };
        self.0.iter().flat_map(values).collect()
    }
}

/// Everything that happens in the small tumor, and where its cells are in the end.
fn trajectory(wanted: &[Wanted]) -> (Vec<Event>, Vec<[u64; 3]>) {
    let settings = ["duration='6 h'".to_owned()];
    let scenario = parse::read(Path::new(SMALL), &settings, None).unwrap();
    let mut simulation = Simulation::new(bind_recorded(scenario, wanted).unwrap(), 1).unwrap();
    let mut events = Vec::new();
    let mut look = |simulation: &mut Simulation| {
        events.extend_from_slice(simulation.events());
        Ok(())
    };
    advance(&mut simulation, &mut look).unwrap();
    let places = simulation.table().position;
    let bits = places.iter().map(|at| at.map(f64::to_bits));
    (events, bits.collect())
}

#[test]
fn a_recorded_run_has_the_bits_of_one_that_nobody_records() {
    let wanted = |entry: &str, teacher: Option<&str>| Wanted {
        entry: entry.into(),
        teacher: teacher.map(Into::into),
        // A count of contacts and a time of contacts that no rule of the scenario keeps.
        signals: match entry {
            "behavior" => vec![
                "contact with macrophage".into(),
                "contact time with vessel".into(),
            ],
            _ => vec!["hits".into(), "own contact with tumor".into()],
        },
    };
    let alone = trajectory(&[]);
    let recorded = trajectory(&[wanted("behavior", None), wanted("killing", Some(WRITTEN))]);
    assert!(alone.0.iter().any(|event| event.kind == EventKind::Hit));
    assert_eq!(alone, recorded);
}

#[test]
fn every_hit_of_a_run_is_the_event_of_one_row_and_hits_come_at_the_rate_that_the_rule_says() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("rows");
    record(
        &out,
        &["--rule", "killing", "--runs", "6", "--split", "100/0/0/0"],
    );
    let rows = Rows::of(&out, "killing", |_| true);
    let hits = rows.words("event").iter().filter(|it| it.is_some()).count();
    let (rates, times) = (rows.numbers("behavior:hit"), rows.numbers("exposure_min"));
    assert!(
        times.iter().all(|time| *time == 0.2),
        "each call is one draw"
    );
    let expected = rates.iter().zip(&times);
    let expected: f64 = expected
        .map(|(rate, time)| 1.0 - (-rate * time).exp())
        .sum();
    // A sum of draws with these chances has at most this variance; 4 standard deviations.
    assert!(
        (hits as f64 - expected).abs() < 4.0 * expected.sqrt(),
        "{hits} of {expected}"
    );

    let scenario = parse::read(Path::new(SMALL), &["duration='12 h'".to_owned()], None).unwrap();
    let mut simulation = Simulation::new(bind_recorded(scenario, &[]).unwrap(), 1).unwrap();
    let mut seen = Vec::new();
    let mut look = |simulation: &mut Simulation| {
        let events = simulation.events().iter();
        let hits = events.filter(|event| event.kind == EventKind::Hit);
        seen.extend(hits.map(|event| (event.cell, event.partner.unwrap(), event.time.to_bits())));
        Ok(())
    };
    advance(&mut simulation, &mut look).unwrap();
    let first = Rows::of(&out, "killing", |run| run["run"] == 0);
    let (cells, partners) = (first.ids("cell"), first.ids("partner"));
    let (events, times) = (first.words("event"), first.numbers("time_min"));
    let recorded = (0..events.len())
        .filter(|&row| events[row].as_deref() == Some("hit"))
        .map(|row| (cells[row], partners[row], times[row].to_bits()));
    let (seen, recorded): (HashSet<_>, HashSet<_>) =
        (seen.into_iter().collect(), recorded.collect());
    assert!(!seen.is_empty() && seen == recorded);
}

#[test]
fn rows_of_cells_last_from_call_to_call_and_end_with_what_happened_first() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("rows");
    let said = record(
        &out,
        &["--rule", "behavior", "--runs", "2", "--split", "50/0/0/50"],
    );
    assert!(
        said.contains("× apoptosis") && said.contains("× division"),
        "{said}"
    );
    let rows = Rows::of(&out, "behavior-1", |_| true);
    assert!(rows.numbers("exposure_min").iter().all(|time| *time == 6.0));
    let mut deaths = BTreeMap::new();
    for (row, event) in rows.words("event").into_iter().enumerate() {
        if let Some("apoptosis" | "necrosis") = event.as_deref() {
            deaths.insert(
                (rows.ids("seed")[row], rows.ids("cell")[row]),
                rows.numbers("time_min")[row],
            );
        }
    }
    assert!(!deaths.is_empty());
    // Nobody dies twice, or is asked when dead.
    let (seeds, cells, times) = (rows.ids("seed"), rows.ids("cell"), rows.numbers("time_min"));
    for row in 0..times.len() {
        if let Some(death) = deaths.get(&(seeds[row], cells[row])) {
            assert!(times[row] <= *death);
        }
    }
}

#[test]
fn a_run_goes_to_one_part_and_kept_rows_stand_for_those_that_are_not() {
    let out = tempfile::tempdir().unwrap();
    let (all, some) = (out.path().join("all"), out.path().join("some"));
    let arguments = ["--rule", "killing", "--runs", "5", "--split", "60/0/20/20"];
    record(&all, &arguments);
    record(&some, &[&arguments[..], &["--keep", "0.1"]].concat());
    let parts = |out: &Path| -> Vec<String> {
        let runs = manifest(out)["runs"].as_array().unwrap().clone();
        runs.iter()
            .map(|run| run["split"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut count = BTreeMap::new();
    for part in parts(&all) {
        *count.entry(part).or_insert(0) += 1;
    }
    assert_eq!(
        count,
        BTreeMap::from([
            ("train".into(), 3),
            ("calibration".into(), 1),
            ("test".into(), 1)
        ])
    );
    for part in ["train", "calibration", "test"] {
        let rows = Rows::of(&all, "killing", |run| run["split"] == part);
        assert!(
            rows.words("split")
                .iter()
                .all(|it| it.as_deref() == Some(part))
        );
    }
    let (all, some) = (
        Rows::of(&all, "killing", |_| true),
        Rows::of(&some, "killing", |_| true),
    );
    let hits = |rows: &Rows| rows.words("event").iter().flatten().count();
    assert_eq!(hits(&all), hits(&some), "rows with an event are all kept");
    let total = all.numbers("weight").len() as f64;
    let weights = some.numbers("weight");
    assert!(weights.len() < total as usize / 5);
    // Binomial: each weight is 10 with chance 0.1; 4 standard deviations.
    let deviation = (total * 0.1 * 0.9).sqrt() * 10.0;
    assert!((weights.iter().sum::<f64>() - total).abs() < 4.0 * deviation);
}

#[test]
fn a_teacher_is_asked_of_the_states_that_another_rule_visits() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("rows");
    let teacher = format!("killing={WRITTEN}");
    let arguments = [
        "--rule",
        "killing",
        "--teacher",
        &teacher,
        "--runs",
        "1",
        "--split",
        "100/0/0/0",
    ];
    record(&out, &arguments);
    let rows = Rows::of(&out, "killing", |_| true);
    let columns = [
        "input:own custom:PD-1",
        "input:target custom:PD-L1",
        "input:contact age",
    ];
    let [free, ligand, age] = columns.map(|column| rows.numbers(column));
    let said = rows.numbers("behavior:hit");
    assert!(said.len() > 1000);
    for row in 0..said.len() {
        // killing.rules, in numbers.
        let ripe = (age[row] / 5.0) * (age[row] / 5.0);
        let brake = (free[row] * ligand[row] / 4.0) * (free[row] * ligand[row] / 4.0);
        let law = 0.2 * ripe / (1.0 + ripe) / (1.0 + brake);
        assert!(
            (said[row] - law).abs() < 1e-12,
            "{} instead of {law}",
            said[row]
        );
    }
    let site = &manifest(&out)["sites"]["killing"];
    assert_eq!(site["rule"]["engine"], "sentences");
    assert_eq!(site["teacher"], true, "its events are another rule's");
}

#[test]
fn variants_are_recorded_under_their_own_settings_and_can_be_held_out_whole() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("rows");
    let vary = "arrivals.cd8.rate=0.01 1/min|0.02 1/min|0.04 1/min";
    let arguments = ["--rule", "killing", "--runs", "2", "--vary", vary];
    let split = ["--split", "67/0/0/33", "--split-variants"];
    record(&out, &[&arguments[..], &split].concat());
    let manifest = manifest(&out);
    let runs = manifest["runs"].as_array().unwrap();
    let mut parts = BTreeMap::new();
    let mut seeds = HashSet::new();
    for run in runs {
        let settings = run["settings"][0].as_str().unwrap();
        parts
            .entry(settings)
            .or_insert(HashSet::new())
            .insert(&run["split"]);
        seeds.insert(run["seed"].as_u64().unwrap());
    }
    assert!(parts.len() == 3 && parts.values().all(|parts| parts.len() == 1));
    assert_eq!(seeds.len(), 6, "no two runs share their draws");
}

#[test]
fn what_cannot_be_recorded_is_refused_with_the_way_out() {
    let out = tempfile::tempdir().unwrap();
    let rows = out.path().join("rows");
    let refused = |arguments: &[&str], wanted: &str| {
        let mut all = vec!["record", SMALL, "--out", rows.to_str().unwrap()];
        all.extend_from_slice(arguments);
        let output = milieu(&all);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted), "{said}");
    };
    refused(&["--rule", "kiling"], "did you mean `killing`");
    refused(
        &["--rule", "killing", "--keep", "0"],
        "--keep 0: not a share",
    );
    refused(
        &["--rule", "killing", "--split", "60/40"],
        "--split 60/40: not four shares",
    );
    refused(
        &["--rule", "killing", "--runs", "2"],
        "2 runs leave none for `validation`",
    );
    refused(&["--rule", "killing", "--signal", "own damge"], "damage");
    refused(
        &["--rule", "killing", "--teacher", "behavior=x.rules"],
        "add --rule behavior",
    );
    refused(
        &["--rule", "killing", "--vary", "seed"],
        "--vary seed: no `=`",
    );
    let physicell = ["--rule", "killing", "--set", "semantics='physicell-1.14'"];
    refused(&physicell, "leave out `semantics`");
    assert!(!rows.exists(), "nothing was made for what cannot be made");
    // Rows that are there stay when their successors cannot be made.
    let arguments = ["--rule", "killing", "--runs", "1", "--split", "0/0/0/100"];
    record(&rows, &arguments);
    let before = fs::read(rows.join("record.json")).unwrap();
    refused(&arguments, "already holds training rows");
    refused(&["--rule", "kiling", "--force"], "did you mean `killing`");
    assert_eq!(fs::read(rows.join("record.json")).unwrap(), before);
    assert!(rows.join("killing/run-00000.parquet").is_file());
    fs::remove_dir_all(&rows).unwrap();
    fs::create_dir_all(&rows).unwrap();
    fs::write(rows.join("notes.txt"), "mine").unwrap();
    refused(&["--rule", "killing", "--force"], "holds other files");
    assert!(rows.join("notes.txt").is_file());
}
