//! The graph of contacts that a rule of a whole graph is called with, in a tissue.

mod common;

use std::sync::{Arc, Mutex};

use common::{advance, bound, column, ghost, plane};
use rules::{
    Batch, Error, Graph, Kind, Occasion, Outputs, Provenance, Read, Reduce, Rule, Side, Signature,
    Subject, Target, Vocabulary, Write,
};
use sim::plan::Bound;
use sim::simulation::Simulation;

/// Three cells of a in a row that touch, one of b at their end, one of c beyond it, and one of a far
/// away. Radius 8.41 µm, so that 12 µm apart they touch and 24 µm apart they do not.
const ROW: &str = r#"
[cells.b]
type = "b"
at = [[24, 0]]
[cells.a]
type = "a"
at = [[-12, 0], [0, 0], [12, 0], [150, 0]]
[cells.c]
type = "c"
at = [[36, 0]]
[outputs]
cell_columns = ["migration speed"]
"#;

/// What one call was about.
#[derive(Debug, Clone, Default, PartialEq)]
struct Called {
    types: Vec<bool>,
    volumes: Vec<f64>,
    edges: Vec<(u32, u32)>,
    ages: Vec<f64>,
    gaps: Vec<f64>,
    contacts: Vec<f64>,
}

/// A rule that keeps what it is called with, and sets the speed of a node to 1 + the number of
/// edges that reach it.
struct Probe {
    signature: Signature,
    calls: Arc<Mutex<Vec<Called>>>,
}

impl Probe {
    fn new(vocabulary: &Vocabulary, about: usize, sees: Vec<usize>) -> Probe {
        let pair = |name: &str| Read {
            side: Side::Pair,
            signal: vocabulary.pair_signals.find(name).unwrap(),
        };
        let volume = Read {
            side: Side::A,
            signal: vocabulary.signals.find("volume").unwrap(),
        };
        let speed = vocabulary.behaviors.find("migration speed").unwrap();
        Probe {
            signature: Signature {
                source: "probe".into(),
                subject: Subject::Cell { types: vec![about] },
                occasion: Occasion::Clock,
                graph: Some(Graph { sees }),
                reads: vec![volume, pair("contact age"), pair("gap"), pair("contacts")],
                writes: vec![Write {
                    side: Side::Cell,
                    target: Target::Behavior(speed),
                    kind: Kind::Parameter { relaxation: None },
                    applies_to_dead: false,
                    reduce: Reduce::Sum,
                }],
                clock: vocabulary.phenotype_step,
                noise: None,
                combine: None,
            },
            calls: Arc::default(),
        }
    }
}

impl Rule for Probe {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        let edges = batch.edges.from.iter().zip(batch.edges.to);
        let [volumes, ages, gaps, contacts] = [0, 1, 2, 3].map(|at| batch.signals[at].clone());
        self.calls.lock().unwrap().push(Called {
            types: batch.dead.to_vec(),
            volumes,
            edges: edges.map(|(&from, &to)| (from, to)).collect(),
            ages,
            gaps,
            contacts,
        });
        out.columns[0].fill(1.0);
        for &to in batch.edges.to {
            out.columns[0][to as usize] += 1.0;
        }
        Ok(())
    }

    fn describe(&self) -> Vec<String> {
        Vec::new()
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            name: "probe".into(),
            file: "probe".into(),
            sha256: String::new(),
            engine: "probe".into(),
            model: None,
        }
    }
}

/// A simulation of `ROW` with a probe that is about a, and what it was called with.
fn row(sees: Vec<usize>) -> (Simulation, Arc<Mutex<Vec<Called>>>) {
    let types =
        ["a", "b", "c"].map(|name| ghost(name, "motility = { speed = 0.5, enabled = false }"));
    let text = plane(400.0, [0.1, 0.1, 1.0], &(types.concat() + ROW));
    let Bound { plan, mut rules } = bound(&[("scenario.toml", &text)]).unwrap();
    let probe = Probe::new(&plan.table.vocabulary, 0, sees);
    let calls = Arc::clone(&probe.calls);
    rules.push(Box::new(probe));
    (Simulation::new(Bound { plan, rules }, 1).unwrap(), calls)
}

#[test]
fn nodes_are_the_live_cells_acted_on_and_seen_and_edges_lead_both_ways_between_those_that_touch() {
    let (mut simulation, calls) = row(vec![1]);
    advance(&mut simulation, 4.0);
    let calls = calls.lock().unwrap();
    let called = calls.last().unwrap();
    // Nodes by (type, rank): four of a, of which three touch in a row, then b; c is not there.
    assert_eq!(called.types, [false, false, false, false, true]);
    let mut sorted = called.edges.clone();
    sorted.sort_by_key(|&(from, to)| (to, from));
    assert_eq!(called.edges, sorted);
    let mut degrees = [0; 5];
    for &(from, to) in &called.edges {
        degrees[to as usize] += 1;
        assert!(called.edges.contains(&(to, from)), "both directions");
        assert_ne!(from, to);
    }
    assert_eq!(called.edges.len(), 6);
    assert_eq!(degrees[4], 1, "b touches one cell");
    let mut of_a = degrees[..4].to_vec();
    of_a.sort_unstable();
    assert_eq!(of_a, [0, 1, 2, 2]);
    // 2494 µm³ is the volume of a cell of 8.41 µm; 12 µm apart they overlap by 4.83 µm.
    assert!(called.volumes.iter().all(|&volume| volume == 2494.0));
    let gap = 12.0 - 2.0 * (3.0 * 2494.0 / (4.0 * std::f64::consts::PI)).cbrt();
    assert!(called.gaps.iter().all(|found| (found - gap).abs() < 1e-9));
    // They have touched since the first of the mechanics steps, of 0.1 min.
    assert!(
        called.ages.iter().all(|age| (2.0..4.0).contains(age)),
        "{:?}",
        called.ages
    );
    assert!(called.contacts.iter().all(|&count| count == 1.0));
}

#[test]
fn only_the_types_a_rule_is_about_are_written() {
    let (mut simulation, calls) = row(vec![1, 2]);
    advance(&mut simulation, 4.0);
    assert_eq!(calls.lock().unwrap().last().unwrap().edges.len(), 8);
    let speeds = column(&mut simulation, 0);
    let kinds = simulation.table().cell_type;
    for (kind, speed) in kinds.iter().zip(&speeds) {
        match kind {
            0 => assert!([1.0, 2.0, 3.0].contains(speed), "{speed}"),
            _ => assert_eq!(*speed, 0.5, "only seen"),
        }
    }
}
