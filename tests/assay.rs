//! Compartments keep cells apart, and the dyad table tells what came to pass in each.

mod common;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::Command;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use common::*;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sim::assay::Dyad;
use sim::checkpoint::State;
use sim::output::{EventKind, Vitality};
use sim::readouts::Readouts;
use sim::simulation::Simulation;

/// `side` times `side` compartments, 24 µm wide with 32 µm of wall between, and the two types in them.
fn assay(side: u32, groups: &str, rest: &str) -> String {
    let extent = 56 * side;
    format!(
        "duration = \"10 d\"\n\
         [domain]\ndimensions = 2\nsize = [{extent}, {extent}]\nvoxel = 56\n\
         [domain.compartments]\nsize = 24\npitch = 56\n\
         [clocks]\ndiffusion = 0.1\nmechanics = 0.1\nphenotype = 1\n\
         [cell_types.hunter]\nvolume = {{ radius = 3 }}\n\
         motility = {{ speed = 20, persistence_time = 1 }}\n\
         [cell_types.prey]\nvolume = {{ radius = 5 }}\n\
         {groups}\n{rest}\n[outputs]\ninterval = \"10 min\"\nwrite = [\"dyads\"]\n"
    )
}

const PAIRS: &str = "[cells.pairs]\ncompartments = 200\neffectors = { hunter = 1 }\n\
                     targets = { prey = 1 }\n";

/// Hits at a constant rate, three of which kill.
const HITS: (&str, &str) = (
    "all.rules",
    "hunter on prey: contact age increases hit from 0.05 towards 1 1/min, above 1e9 min, every 0.1 min\n\
     prey: damage increases apoptosis from 0 towards 1 1/min, above 2.5\n",
);

fn started(text: &str, threads: usize) -> Simulation {
    let bound = bound(&[("scenario.toml", text), HITS]).unwrap_or_else(|told| panic!("{told}"));
    Simulation::new(bound, threads).unwrap()
}

/// Runs for `minutes`, calling `watch` before every step; the dyad table of the end.
fn run(simulation: &mut Simulation, minutes: f64, mut watch: impl FnMut(&Simulation)) -> Vec<Dyad> {
    let mut readouts = Readouts::new(&simulation.plan().scenario);
    for _ in 0..simulation.plan().scenario.clocks.ticks(minutes) {
        watch(simulation);
        simulation.step().unwrap();
        readouts.observe(simulation, 0.1);
    }
    let cells = simulation.table();
    let frame = simulation.frame(0, &cells);
    readouts.frame(&frame, true);
    readouts.dyads(&simulation.plan().scenario, &frame)
}

/// The compartment of each cell, by id.
fn homes(simulation: &Simulation) -> BTreeMap<u64, usize> {
    let tissue = simulation.tissue();
    let grid = tissue.compartments().unwrap();
    let cells = tissue.ids().iter().enumerate();
    let cells = cells.map(|(rank, &id)| {
        let position = tissue.position(rank);
        let home = grid.number(position);
        let inside = grid.of(home);
        for axis in 0..2 {
            let range = inside.min[axis]..=inside.max[axis];
            assert!(range.contains(&position[axis]), "{position:?} is in a wall");
        }
        (id, home)
    });
    cells.collect()
}

/// 9,000 cells, which is enough for work to be cut into pieces; prey divides.
#[test]
fn cells_stay_in_their_compartments_and_bits_do_not_depend_on_threads() {
    let groups = "[cells.three]\ncompartments = 3000\neffectors = { hunter = 2 }\n\
                  targets = { prey = 1 }\n\
                  [cell_types.prey.cycle]\nmodel = \"live\"\nrates = { Live = 0.005 }\n";
    let text = assay(55, groups, "[rules]\nall = \"all.rules\"");
    let one = |threads: usize| {
        let mut simulation = started(&text, threads);
        let first = homes(&simulation);
        assert_eq!(first.len(), 9000);
        let counts = first.values().fold(vec![0; 55 * 55], |mut counts, &home| {
            counts[home] += 1;
            counts
        });
        assert!(counts[..3000].iter().all(|&count| count == 3));
        let dyads = run(&mut simulation, 15.0, |_| {});
        let last = homes(&simulation);
        for (id, home) in &first {
            assert!(last.get(id).is_none_or(|now| now == home), "{id} has moved");
        }
        for division in events(&simulation, EventKind::Division) {
            let [mother, daughter] = [division.cell, division.partner.unwrap()];
            if let (Some(home), Some(hers)) = (last.get(&mother), last.get(&daughter)) {
                assert_eq!(home, hers, "a daughter leaves home");
            }
        }
        for &(a, b) in simulation.tissue().pairs().pairs() {
            assert_eq!(last[&a], last[&b], "a contact through a wall");
        }
        assert!(simulation.tissue().pairs().len() > 500);
        assert!(events(&simulation, EventKind::Division).len() > 100);
        let cells = simulation.table();
        (cells.id, cells.position, dyads)
    };
    let alone = one(1);
    for threads in [2, 3] {
        assert!(alone == one(threads), "{threads} threads");
    }
}

/// Contacts anew from positions before each step; hits, kills and deaths anew from events.
#[test]
fn the_table_is_what_positions_and_events_say() {
    let text = assay(15, PAIRS, "[rules]\nall = \"all.rules\"");
    let mut simulation = started(&text, 1);
    let first = homes(&simulation);
    let mut touched: Vec<Vec<f64>> = vec![Vec::new(); 200];
    let dyads = run(&mut simulation, 120.0, |simulation| {
        let (tissue, roster) = (simulation.tissue(), simulation.roster());
        let mut cells = vec![Vec::new(); 200];
        for (rank, id) in tissue.ids().iter().enumerate() {
            if roster.vitality[rank] == Vitality::Live {
                // 1.25 radii is what a cell reaches out.
                cells[first[id]].push((tissue.position(rank), 1.25 * tissue.radius(rank)));
            }
        }
        for (home, cells) in cells.iter().enumerate() {
            let [(a, one), (b, other)] = cells[..] else {
                continue;
            };
            let square: f64 = (0..3).map(|d| (a[d] - b[d]) * (a[d] - b[d])).sum();
            if square.sqrt() < one + other {
                touched[home].push(simulation.time() + 0.1);
            }
        }
    });
    assert_eq!(dyads.len(), 200);
    let of = |kind| {
        let mut by_home = vec![Vec::new(); 200];
        for event in events(&simulation, kind) {
            by_home[first[&event.cell]].push(event);
        }
        by_home
    };
    let times = |all: &[sim::output::Event]| all.iter().map(|it| it.time).collect::<Vec<_>>();
    let (hits, kills, deaths) = (
        of(EventKind::Hit),
        of(EventKind::Kill),
        of(EventKind::Death),
    );
    let mut killed = 0;
    for (home, dyad) in dyads.iter().enumerate() {
        let tally = &dyad.tally;
        assert_eq!(dyad.compartment, home as u64);
        // Who dies does so before contacts are found in that step.
        let death = deaths[home].first().map_or(f64::INFINITY, |it| it.time);
        let seen = touched[home].iter().filter(|time| **time < death - 1e-9);
        let seen: Vec<f64> = seen.copied().collect();
        near(tally.contact, 0.1 * seen.len() as f64, 1e-6);
        assert_eq!(tally.first_contact.is_some(), !seen.is_empty());
        if let Some(first) = tally.first_contact {
            near(first, seen[0], 1e-9);
        }
        let gaps = seen.windows(2).filter(|pair| pair[1] - pair[0] > 0.15);
        let contacts = gaps.count() + usize::from(!seen.is_empty());
        assert_eq!(tally.contacts as usize, contacts, "compartment {home}");
        assert_eq!(tally.hits, times(&hits[home]));
        assert_eq!(tally.kills, times(&kills[home]));
        assert_eq!(tally.deaths[1], times(&deaths[home]));
        killed += tally.deaths[1].len();
    }
    assert!((20..200).contains(&killed), "{killed}");
}

/// A pair that nothing parts is hit with λ = 0.01 1/min; an immovable one that adhesion reaches everywhere.
#[test]
fn a_held_pair_without_a_hit_is_exponential() {
    let text = assay(36, PAIRS, "[rules]\nall = \"all.rules\"")
        .replace("compartments = 200", "compartments = 1200")
        .replace("speed = 20", "speed = 0")
        .replace(
            "radius = 3 }",
            "radius = 3 }\nmechanics = { adhesion = 0, relative_maximum_adhesion_distance = 5 }",
        )
        .replace(
            "radius = 5 }",
            "radius = 5 }\nmechanics = { adhesion = 0, relative_maximum_adhesion_distance = 3 }",
        );
    let files = [
        ("scenario.toml", text.as_str()),
        (
            "all.rules",
            "hunter on prey: contact age increases hit from 0.01 towards 1 1/min, above 1e9 min, every 0.1 min\n",
        ),
    ];
    let mut simulation = Simulation::new(bound(&files).unwrap(), 2).unwrap();
    let dyads = run(&mut simulation, 100.0, |_| {});
    assert!(dyads.iter().all(|dyad| dyad.tally.contacts == 1));
    for time in [20.0, 50.0, 100.0] {
        let spared = dyads.iter().filter(|dyad| {
            let first = dyad.tally.hits.first();
            first.is_none_or(|first| *first > time + 1e-9)
        });
        binomial(spared.count(), 1200, f64::exp(-0.01 * time));
    }
}

#[test]
fn what_cannot_be_is_said_at_the_door() {
    let told = |text: &str| {
        bound(&[("scenario.toml", text), HITS])
            .err()
            .unwrap_or_default()
    };
    let good = assay(15, PAIRS, "");
    assert_eq!(told(&good), "");
    for (from, to, expected) in [
        (
            "pitch = 56",
            "pitch = 20",
            "compartments of 24 µm do not fit 20 µm apart",
        ),
        (
            "pitch = 56",
            "pitch = 50",
            "840 µm along x is not a multiple of the pitch, 50 µm",
        ),
        (
            "compartments = 200",
            "compartments = 226",
            "the domain has 225 compartments",
        ),
        (
            "targets = { prey = 1 }",
            "targets = { pray = 1 }",
            "did you mean `prey`?",
        ),
        (
            "prey = 1 }",
            "prey = 1, hunter = 1 }",
            "the cells of one role are of one type",
        ),
        (
            "effectors =",
            "count = 3\neffectors =",
            "stated in more than one way: count, compartments",
        ),
        (
            "[domain.compartments]\nsize = 24\npitch = 56\n",
            "",
            "the domain has no compartments",
        ),
        (
            "[cells.pairs]",
            "[cells.more]\ntype = \"prey\"\ncount = 3\n[cells.pairs]",
            "a region does not keep to compartments",
        ),
        (
            "[cells.pairs]",
            "[cells.more]\ntype = \"prey\"\nat = [[0, 28]]\n[cells.pairs]",
            "lies in the wall",
        ),
        (
            "[cells.pairs]",
            "[substrates.drug]\ndiffusion_coefficient = 10\n[cells.pairs]",
            "it would pass from compartment to compartment",
        ),
        (
            "duration",
            "semantics = \"physicell-1.14\"\nduration",
            "know no compartments",
        ),
        (
            "[cells.pairs]",
            "[arrivals.late]\ntype = \"prey\"\nrate = 1\n[cells.pairs]",
            "cells do not arrive in compartments",
        ),
    ] {
        let text = good.replace(from, to);
        assert_ne!(text, good);
        let told = told(&text);
        assert!(told.contains(expected), "{to}: {told}");
    }
    let bare =
        "duration = 1\n[domain]\ndimensions = 2\nsize = [40, 40]\n[outputs]\nwrite = [\"dyads\"]\n";
    assert!(told(bare).contains("there are no compartments"));
}

#[test]
fn a_wall_too_thin_to_keep_cells_apart_ends_the_run() {
    let text = assay(15, PAIRS, "").replace("size = 24", "size = 46");
    let mut simulation = started(&text, 1);
    let told = simulation.step().unwrap_err();
    assert!(
        told.contains("compartments are 10 µm apart, but cells reach out 6.2 µm"),
        "{told}"
    );
}

const SCENARIO: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/scenarios/dyad_assay/secretion.toml"
);

fn table(folder: &Path) -> RecordBatch {
    let file = File::open(folder.join("dyads.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut groups = reader.with_batch_size(10_000).build().unwrap();
    let group = groups.next().unwrap().unwrap();
    assert!(groups.next().is_none());
    group
}

/// Cut in the middle of contacts, with hits that no frame has shown yet.
#[test]
fn a_run_that_was_cut_tells_the_same() {
    let text = assay(15, PAIRS, "[rules]\nall = \"all.rules\"");
    let whole = run(&mut started(&text, 1), 60.0, |_| {});
    let mut first = started(&text, 1);
    let mut readouts = Readouts::new(&first.plan().scenario);
    for _ in 0..251 {
        first.step().unwrap();
        readouts.observe(&first, 0.1);
    }
    assert!(!events(&first, EventKind::Hit).is_empty());
    let (state, kept) = (
        postcard::to_stdvec(&first.state()).unwrap(),
        readouts.keep(),
    );
    let bound = bound(&[("scenario.toml", &text), HITS]).unwrap();
    let state: State<'_> = postcard::from_bytes(&state).unwrap();
    let mut second = Simulation::resume(bound, 1, state).unwrap();
    let mut readouts = Readouts::new(&second.plan().scenario);
    readouts.restore(&kept).unwrap();
    for _ in 251..600 {
        second.step().unwrap();
        readouts.observe(&second, 0.1);
    }
    let cells = second.table();
    let frame = second.frame(0, &cells);
    readouts.frame(&frame, true);
    assert!(readouts.dyads(&second.plan().scenario, &frame) == whole);
}

#[test]
fn both_files_hold_the_same() {
    let home = tempfile::tempdir().unwrap();
    let whole = home.path().join("run");
    let settings = ["--set", "duration=2 h", "--set", "outputs.interval=20 min"];
    let output = Command::new(env!("CARGO_BIN_EXE_milieu"))
        .args(["run", SCENARIO, "--quiet", "--out"])
        .arg(&whole)
        .args(settings)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let batch = table(&whole);
    let mut reader = csv::Reader::from_path(whole.join("dyads.csv")).unwrap();
    let headers = reader.headers().unwrap().clone();
    let names: Vec<&str> = headers.iter().collect();
    let schema = batch.schema();
    let fields: Vec<&str> = schema
        .fields()
        .iter()
        .map(|it| it.name().as_str())
        .collect();
    assert_eq!(names, fields);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2200);
    let at = |name: &str| names.iter().position(|it| *it == name).unwrap();
    let first = batch
        .column(at("t_contact_first"))
        .as_primitive::<Float64Type>();
    let wells = batch
        .column(at("compartment_id"))
        .as_primitive::<UInt64Type>();
    let hits = batch.column(at("t_hit")).as_list::<i32>();
    let made = batch
        .column(at("secretion_interferon-gamma"))
        .as_primitive::<Float64Type>();
    let active = batch
        .column(at("activation_activation"))
        .as_primitive::<Float64Type>();
    let conditions = batch.column(at("condition")).as_string::<i32>();
    let mut seen = BTreeMap::<&str, u32>::new();
    for row in 0..batch.num_rows() {
        let text = &rows[row];
        assert_eq!(text[at("compartment_id")], wells.value(row).to_string());
        let time = first.is_valid(row).then(|| first.value(row).to_string());
        assert_eq!(
            text[at("t_contact_first")],
            time.clone().unwrap_or_default()
        );
        let list = hits.value(row);
        let list = list.as_primitive::<Float64Type>().values();
        let list: Vec<String> = list.iter().map(f64::to_string).collect();
        assert_eq!(text[at("t_hit")], list.join(";"));
        // Nothing is made or felt without contact.
        if time.is_none() {
            assert_eq!(made.value(row), 0.0);
            assert!(active.is_null(row) || active.value(row) == 0.0);
        }
        *seen.entry(conditions.value(row)).or_default() += 1;
    }
    assert_eq!(seen["1:1"], 1200);
    assert_eq!(seen["0:1"], 200);
    let total: f64 = made.values().iter().sum();
    assert!(total > 0.0);
}
