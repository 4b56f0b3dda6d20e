//! A run that is cut and gone on with is the run that was never cut: in its bits, in its files,
//! and whatever stops it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kernels::tissue::NOBODY;
use sim::checkpoint::State;
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
const CASES: [Case; 4] = [
    Case {
        folder: "tests/checkpoint",
        settings: &[],
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
