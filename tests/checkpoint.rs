//! A run that is cut and gone on with is the run that was never cut: in its bits, in its files,
//! and whatever stops it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use kernels::tissue::NOBODY;
use sha2::{Digest, Sha256};
use sim::checkpoint::{Kept, State, open};
use sim::output::Vitality;
use sim::plan::bind;
use sim::scenario::parse;
use sim::scenario::problem::Problem;
use sim::simulation::Simulation;

/// A scenario by its folder below the repository's, with settings, to be run to a tick.
struct Case {
    folder: &'static str,
    settings: &'static [&'static str],
    ticks: u64,
    /// Ticks from one cut to the next.
    cuts: &'static [u64],
}

/// Divisions, deaths, attacks in progress, meals, fusions, hits of pairs with memory, cells that
/// come, become others and are edited, doses pending and running, under both mathematics, with
/// attachments and with vectors that daughters inherit with noise; and learned rules with rows in
/// fallback.
const CASES: [Case; 5] = [
    Case {
        folder: "tests/checkpoint",
        settings: &[],
        ticks: 1200,
        cuts: &[7, 101],
    },
    // Fields that are behind the present when the run is cut.
    Case {
        folder: "tests/checkpoint",
        settings: &["diffusion.solver=unsplit"],
        ticks: 1200,
        cuts: &[7, 101],
    },
    Case {
        folder: "tests/data/physicell",
        settings: &[],
        ticks: 1200,
        cuts: &[7, 101],
    },
    Case {
        folder: "scenarios/exhaustion",
        settings: &["rules.exhaustion.return_after=1000"],
        ticks: 3000,
        cuts: &[97, 901],
    },
    Case {
        folder: "scenarios/tumor_immune_small",
        settings: &["arrivals.cd8.rate=0.2"],
        ticks: 6000,
        cuts: &[397],
    },
];

impl Case {
    fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.folder)
    }

    fn bound(&self) -> sim::plan::Bound {
        let settings: Vec<String> = self.settings.iter().map(ToString::to_string).collect();
        let scenario = parse::read(&self.path(), &settings, None);
        let told = |problems: Vec<Problem>| panic!("{}: {}", self.folder, problems[0]);
        bind(scenario.unwrap_or_else(told)).unwrap()
    }

    fn start(&self) -> Simulation {
        Simulation::new(self.bound(), 1).unwrap()
    }

    /// The same simulation, from nothing but the bytes of its state.
    fn restart(&self, bytes: &[u8], threads: usize) -> Simulation {
        let state: State<'_> = postcard::from_bytes(bytes).unwrap();
        Simulation::resume(self.bound(), threads, state).unwrap()
    }
}

/// All of a simulation but the time it took.
fn bytes(simulation: &mut Simulation) -> Vec<u8> {
    *simulation.timings() = Default::default();
    postcard::to_stdvec(&simulation.state()).unwrap()
}

/// What is under way in a simulation, of which a cut must lose nothing.
fn under_way(simulation: &Simulation) -> Vec<&'static str> {
    let tissue = simulation.tissue();
    let guards = simulation.guards();
    let held = 0..guards.ledgers().count();
    let memories = tissue.pairs().memories();
    let all = [
        ("attacks", tissue.targets().iter().any(|&it| it != NOBODY)),
        ("attachments", !tissue.attachments().is_empty()),
        ("contacts", memories.iter().any(|it| it.contact_age > 0.0)),
        ("hits", memories.iter().any(|it| it.hits > 0)),
        ("letting go", memories.iter().any(|it| it.detached)),
        ("events", !simulation.events().is_empty()),
        ("fallback", held.clone().any(|it| guards.hold_any(Some(it)))),
        (
            "the dying",
            simulation.roster().vitality.contains(&Vitality::Apoptotic),
        ),
    ];
    let there = all.into_iter().filter(|(_, is)| *is);
    there.map(|(what, _)| what).collect()
}

#[test]
fn a_run_that_is_cut_again_and_again_has_the_bits_of_one_that_is_not() {
    let mut seen = BTreeSet::new();
    for case in &CASES {
        for &every in case.cuts {
            let (mut whole, mut cut) = (case.start(), case.start());
            while whole.tick() < case.ticks {
                for _ in 0..every {
                    whole.step().unwrap();
                    cut.step().unwrap();
                }
                let (expected, found) = (bytes(&mut whole), bytes(&mut cut));
                let tick = whole.tick();
                seen.extend(under_way(&whole));
                assert!(
                    expected == found,
                    "{}, cut every {every} ticks: other bits at tick {tick}",
                    case.folder
                );
                cut = case.restart(&found, 1 + tick as usize % 3);
                assert!(bytes(&mut cut) == expected, "{}: {tick}", case.folder);
                // Events are forgotten by frames, which fall now and then.
                if tick.is_multiple_of(5) {
                    whole.forget_events();
                    cut.forget_events();
                }
            }
        }
    }
    assert_eq!(seen.len(), 8, "{seen:?}");
}

/// The program, started in a folder.
fn milieu(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milieu"));
    command.args(arguments).current_dir(home);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end; its exit code and what it says.
fn said(home: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = milieu(home, arguments).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

#[track_caller]
fn done(home: &Path, arguments: &[&str]) {
    let (code, text) = said(home, arguments);
    assert_eq!(code, Some(0), "{text}");
}

/// Every file of a run with its bytes but what is kept for a restart; of `run.json` what does not
/// tell of this moment.
fn files(results: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn visit(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_owned();
            if path.is_dir() && name != Path::new("checkpoint") {
                visit(root, &path, found);
            } else if path.is_file() {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    visit(results, results, &mut found);
    const OF_THE_MOMENT: [&str; 5] = ["started", "runtime_s", "timings_s", "threads", "resumed"];
    let mut told = record(results).as_object().unwrap().clone();
    told.retain(|key, _| !OF_THE_MOMENT.contains(&key.as_str()));
    found.insert("run.json".into(), serde_json::to_vec(&told).unwrap());
    found
}

fn record(results: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(results.join("run.json")).unwrap()).unwrap()
}

#[track_caller]
fn same(one: &Path, other: &Path) {
    let (one, other) = (files(one), files(other));
    assert!(one.len() > 5);
    assert!(
        one.keys().eq(other.keys()),
        "{:?} {:?}",
        one.keys(),
        other.keys()
    );
    for (name, bytes) in &one {
        assert!(*bytes == other[name], "{} differs", name.display());
    }
}

/// The files of states in the results, the last one last.
fn states(results: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(results.join("checkpoint")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut states: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "state"))
        .collect();
    states.sort();
    states
}

/// The scenario of these tests, as the program is told of it.
fn everything() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkpoint");
    folder.to_str().unwrap().to_owned()
}

/// Starts a run, and stops it as soon as it has two checkpoints.
fn stopped(home: &Path, chosen: &[&str], signal: &str) -> PathBuf {
    let results = home.join("o");
    let begin = [
        &["run"],
        chosen,
        &["--out", "o", "--checkpoint-every", "1 min"],
    ]
    .concat();
    let child = milieu(home, &begin).spawn().unwrap();
    while !results.join("checkpoint").is_dir() || states(&results).len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let kill = ["-s", signal, &child.id().to_string()];
    assert!(Command::new("kill").args(kill).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    match signal {
        "KILL" => assert_eq!(output.status.code(), None),
        _ => {
            assert_eq!(output.status.code(), Some(130));
            assert!(text.contains("milieu resume o goes on"), "{text}");
        }
    }
    results
}

/// The tick of the last state in the results.
fn reached(results: &Path) -> u64 {
    if !results.join("checkpoint").is_dir() {
        return 0;
    }
    let last = states(results).pop();
    let name = last.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    name.map_or(0, |tick| tick.parse().unwrap())
}

#[test]
fn a_run_that_is_killed_a_dozen_times_has_the_files_of_one_that_is_not() {
    let home = tempfile::tempdir().unwrap();
    let (home, scenario) = (home.path(), everything());
    done(home, &["run", &scenario, "--quiet", "--out", "whole"]);
    let results = home.join("o");
    // Every mechanics step is kept, all 600, so that most of the time something is being written.
    let begin = ["run", &scenario, "--quiet", "--force", "--out", "o"];
    let begin = [&begin[..], &["--checkpoint-every", "0.1 min"]].concat();
    let mut random: u64 = 7;
    let mut next = |most: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005);
        random = random.wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % most
    };
    for life in 0..=12 {
        let threads = ["1", "2"][life % 2];
        let from = reached(&results);
        let arguments = match from {
            0 => begin.clone(),
            _ => vec!["resume", "o", "--quiet", "--threads", threads],
        };
        if life == 12 {
            done(home, &arguments);
            break;
        }
        let mut child = milieu(home, &arguments).spawn().unwrap();
        // A third of them before anything new is kept: while files are made anew.
        let until = from + 2 * next(60).saturating_sub(20);
        while reached(&results) < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(next(match until {
            until if until == from => 100,
            _ => 3,
        })));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.as_str()), (None, ""), "{life}");
    }
    same(&home.join("whole"), &results);
    let told = &record(&results)["resumed"];
    assert!(!told.as_array().unwrap().is_empty(), "{told}");
    // Nothing that only a restart needs is left but the last two states.
    let left = fs::read_dir(results.join("checkpoint")).unwrap();
    assert_eq!(left.count(), 2);
}

#[test]
fn a_run_that_is_interrupted_says_how_to_go_on_and_does() {
    let exhaustion = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/exhaustion");
    let with_models = [
        exhaustion.to_str().unwrap(),
        "--until",
        "4 h",
        "--set",
        "outputs.write=[\"guard\", \"cells\", \"events\", \"populations\", \"chart\"]",
        "--set",
        "outputs.interval=\"7 min\"",
    ];
    for chosen in [&[everything().as_str()][..], &with_models] {
        let home = tempfile::tempdir().unwrap();
        let results = stopped(home.path(), chosen, "INT");
        assert_eq!(record(&results)["status"], "interrupted");
        done(home.path(), &["resume", "o", "--quiet"]);
        let whole = [&["run", "--quiet", "--out", "whole"], chosen].concat();
        done(home.path(), &whole);
        same(&home.path().join("whole"), &results);
        let (code, text) = said(home.path(), &["resume", "o"]);
        assert_eq!(code, Some(2));
        assert!(text.contains("the run in o is complete"), "{text}");
    }
}

#[test]
fn of_a_damaged_checkpoint_the_one_before_is_taken_and_of_two_none() {
    let home = tempfile::tempdir().unwrap();
    let results = stopped(home.path(), &[&everything()], "KILL");
    let states = states(&results);
    let flip = |file: &Path| {
        let mut bytes = fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file, bytes).unwrap();
    };
    let before = &states[states.len() - 2];
    let undamaged = fs::read(before).unwrap();
    states.iter().for_each(|file| flip(file));
    let (code, text) = said(home.path(), &["resume", "o"]);
    assert_eq!(code, Some(2));
    assert!(
        text.contains("is damaged: its SHA-256 is another"),
        "{text}"
    );
    fs::write(before, undamaged).unwrap();
    let (code, text) = said(home.path(), &["resume", "o", "--quiet"]);
    assert_eq!(code, Some(0), "{text}");
    let from = format!(
        "note: going on from o/checkpoint/{}",
        before.file_name().unwrap().display()
    );
    assert!(text.contains(&from), "{text}");
    done(
        home.path(),
        &["run", &everything(), "--quiet", "--out", "whole"],
    );
    same(&home.path().join("whole"), &results);
}

#[test]
fn what_is_not_the_same_run_any_more_is_refused_with_the_reason() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    // A copy, to be changed.
    for name in ["checkpoint", "data/everything"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests")
            .join(name);
        fs::create_dir_all(home.join(name)).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), home.join(name).join(entry.file_name())).unwrap();
        }
    }
    let run = [
        "run",
        "checkpoint",
        "--out",
        "o",
        "--until",
        "3 min",
        "--quiet",
    ];
    let mut child = milieu(home, &[&run[..], &["--checkpoint-every", "1 min"]].concat())
        .spawn()
        .unwrap();
    let results = home.join("o");
    while !results.join("checkpoint").is_dir() || states(&results).is_empty() {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    #[track_caller]
    fn refused(home: &Path, why: &str) {
        let (code, text) = said(home, &["resume", "o"]);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(why), "{text}");
    }
    // A rule that says otherwise.
    let rules = home.join("data/everything/all.rules");
    let text = fs::read_to_string(&rules).unwrap();
    fs::write(
        &rules,
        text.replace("towards 0.01 1/min", "towards 0.02 1/min"),
    )
    .unwrap();
    refused(home, "is of another scenario: its SHA-256 was");
    fs::write(&rules, &text).unwrap();
    // Another version of the program.
    let last = states(&results).pop().unwrap();
    let bytes = fs::read(&last).unwrap();
    let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    let place = bytes
        .windows(version.len())
        .position(|it| it == version.as_bytes())
        .unwrap();
    let mut other = bytes.clone();
    other[place + version.len() - 2] = b'9';
    let told = other.len() - 32;
    let digest = Sha256::digest(&other[..told]);
    other[told..].copy_from_slice(&digest);
    fs::write(&last, other).unwrap();
    refused(home, "was written by milieu");
    fs::write(&last, bytes).unwrap();
    // A frame that is not what it was.
    let frames = home.join("o/checkpoint/frames");
    let whole = fs::read(&frames).unwrap();
    let mut bytes = whole.clone();
    bytes[100] ^= 1;
    fs::write(&frames, bytes).unwrap();
    refused(
        home,
        "frames is damaged: at byte 0 a frame has another SHA-256",
    );
    fs::write(&frames, whole).unwrap();
    // A run that has no checkpoints, and a folder that is no run.
    let (code, text) = said(home, &["resume", "data"]);
    assert_eq!(
        (code, text.contains("data holds no checkpoint")),
        (Some(2), true),
        "{text}"
    );
    done(home, &["resume", "o", "--quiet"]);
}

/// The state of `everything` at 15 min, as a run of the program kept it.
fn at_a_quarter(home: &Path) -> Kept {
    let until = ["--until", "16 min", "--checkpoint-every", "15 min"];
    let scenario = everything();
    let run = ["run", &scenario, "--quiet", "--out", "base"];
    done(home, &[&run[..], &until].concat());
    open(&states(&home.join("base"))[0]).unwrap()
}

/// The same scenario with these settings, forked from there and run to its end.
fn forked(kept: &Kept, settings: &[String]) -> Simulation {
    let scenario = parse::read(Path::new(&everything()), settings, None);
    let bound = bind(scenario.unwrap_or_else(|problems| panic!("{}", problems[0]))).unwrap();
    let mut simulation = kept.fork(bound, 1).unwrap();
    let end = simulation.plan().scenario.end_tick();
    while simulation.tick() < end {
        simulation.step().unwrap();
    }
    simulation
}

#[test]
fn a_fork_that_changes_nothing_is_the_run_it_is_from() {
    let home = tempfile::tempdir().unwrap();
    let fork = forked(&at_a_quarter(home.path()), &[]);
    let mut whole = CASES[0].start();
    while whole.tick() < fork.tick() {
        whole.step().unwrap();
    }
    let told = |simulation: &Simulation| {
        let tissue = simulation.tissue();
        let ranks = 0..tissue.len();
        let positions: Vec<_> = ranks.map(|rank| tissue.position(rank)).collect();
        let fields = tissue.densities().to_vec();
        (tissue.ids().to_vec(), positions, fields)
    };
    assert!(told(&fork) == told(&whole));
    // What happened before the fork is the run's before.
    let mut times = fork.events().iter().map(|event| event.time);
    assert!(times.all(|time| time > 15.0));
}

/// Two arms, in one of which T cells hit 1.1 times as often from the fork on: how many tumor cells
/// more the other has in the end. With one seed for both the difference varies less than with a
/// seed for each, by the factor 1 / (1 − ρ) for a correlation ρ of the arms.
#[test]
fn arms_with_one_seed_differ_with_less_variance_than_arms_with_two() {
    let home = tempfile::tempdir().unwrap();
    let kept = at_a_quarter(home.path());
    let rules = home.path().join("more.rules");
    let text = include_str!("data/everything/all.rules");
    let more = text.replace("hit from 0.1 towards 0.5", "hit from 0.11 towards 0.55");
    assert_ne!(more, text);
    fs::write(&rules, more).unwrap();
    let tumor = |seed: usize, is_more: bool| {
        let mut settings = vec![format!("seed={seed}")];
        settings.extend(is_more.then(|| format!("rules.all={:?}", rules.to_str().unwrap())));
        let simulation = forked(&kept, &settings);
        let roster = simulation.roster();
        let cells = roster.kinds.iter().zip(&roster.vitality);
        let live = cells.filter(|(kind, vitality)| **kind == 0 && **vitality == Vitality::Live);
        live.count() as f64
    };
    const PAIRS: usize = 20;
    let arms: Vec<[f64; 2]> = (0..PAIRS)
        .map(|seed| [tumor(seed, false), tumor(seed, true)])
        .collect();
    let variance = |shift: usize| {
        let pairs = (0..PAIRS).map(|seed| arms[seed][0] - arms[(seed + shift) % PAIRS][1]);
        let differences: Vec<f64> = pairs.collect();
        let mean = differences.iter().sum::<f64>() / PAIRS as f64;
        let squares = differences.iter().map(|it| (it - mean).powi(2));
        squares.sum::<f64>() / (PAIRS - 1) as f64
    };
    let (one, two) = (variance(0), variance(1));
    println!(
        "variance {one} with one seed, {two} with two: {}",
        two / one
    );
    assert!(two > 2.0 * one, "{two} {one}");
}

#[test]
fn a_fork_into_another_tissue_is_refused_by_the_first_difference() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let until = ["--until", "3 min", "--checkpoint-every", "1 min", "--quiet"];
    let own = everything();
    let run = [&["run", &own, "--out", "base"][..], &until].concat();
    done(home, &run);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let other = data.join("everything").to_str().unwrap().to_owned();
    let physicell = data.join("physicell").to_str().unwrap().to_owned();
    for (scenario, setting, why) in [
        (
            &own,
            "domain.size=[\"400 µm\", \"320 µm\"]",
            "has other edges of the domain\n",
        ),
        (
            &own,
            "clocks.diffusion=\"0.1 min\"",
            "has other diffusion steps\n",
        ),
        (
            &own,
            "cell_types.killer.custom={ mark = 1 }",
            "has other custom numbers of `killer`\n  there: \n  here: mark (1)",
        ),
        (
            &other,
            "seed=3",
            "has other latent vectors\n  there: mood/3",
        ),
        (
            &physicell,
            "seed=3",
            "has other semantics\n  there: Milieu\n  here: PhysiCell",
        ),
        (
            &own,
            "duration=1",
            "it is of t = 2 min, and the scenario ends at 1 min",
        ),
    ] {
        let (code, text) = said(home, &["run", scenario, "--from", "base", "--set", setting]);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(why), "{text}");
    }
    done(
        home,
        &[
            "run",
            &own,
            "--from",
            "base",
            "--set",
            "cell_types.killer.motility.bias=0.9",
            "--until",
            "4 min",
            "--out",
            "fork",
            "--quiet",
        ],
    );
    let told = record(&home.join("fork"))["forked"].clone();
    assert_eq!(told["time_min"], 2.0, "{told}");
}
