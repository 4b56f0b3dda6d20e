//! When things happen: the first tick, the order of one step, and what a rate means in it.

use sim::output::EventKind;
use sim::simulation::Simulation;

use crate::common::*;

/// `CELLS` cells of type `a`, beside types `b` and `c`.
fn cells(semantics: &str, clocks: [f64; 3], a: &str, rules: &str) -> Simulation {
    let rest = ghost("a", a)
        + &ghost("b", "")
        + &ghost("c", "")
        + &lattice("a", 20, 40.0, [0.0, 0.0])
        + "[outputs]\ncell_columns = [\"migration bias\", \"migration speed\"]\n"
        + if rules.is_empty() {
            ""
        } else {
            "[rules]\nall = \"all.rules\"\n"
        };
    let text = semantics.to_owned() + &plane(1000.0, clocks, &rest);
    simulation(&[("scenario.toml", &text), ("all.rules", rules)])
}

const CELLS: usize = 400;

/// The times of events of one kind, min, without repetition.
fn times(simulation: &Simulation, kind: EventKind) -> Vec<f64> {
    let mut times: Vec<f64> = events(simulation, kind).iter().map(|it| it.time).collect();
    times.dedup();
    times
}

/// Clocks strike at the end of their first step, but in PhysiCell at the beginning of it. What
/// happens between two phenotype steps then waits for the second.
#[test]
fn the_first_phenotype_step_is_at_0_in_physicell_and_at_its_end_in_milieu() {
    let a = "apoptosis = { rate = 1e9, duration = 12 }";
    for (semantics, death, removal) in [("", 6.0, 18.0), (PHYSICELL, 0.0, 6.0)] {
        let mut simulation = cells(semantics, [0.1, 0.5, 6.0], a, "");
        simulation.step().unwrap();
        let dead = events(&simulation, EventKind::Death).len();
        assert_eq!(dead, if semantics.is_empty() { 0 } else { CELLS });
        advance(&mut simulation, 19.0);
        assert_eq!(times(&simulation, EventKind::Death), [death]);
        assert_eq!(times(&simulation, EventKind::Removal), [removal]);
    }
}

/// A cell walks in the first mechanics step: without any inertia it is off its place then.
#[test]
fn the_first_mechanics_step_is_at_0_in_physicell_and_at_its_end_in_milieu() {
    let a = "motility = { speed = 1, persistence_time = 0.01 }";
    for (semantics, first_tick) in [("", 5), (PHYSICELL, 1)] {
        let mut simulation = cells(semantics, [0.1, 0.5, 6.0], a, "");
        let start = simulation.table().position;
        for tick in 1..=6 {
            let before = simulation.table().position;
            simulation.step().unwrap();
            let moved = before != simulation.table().position;
            // PhysiCell's second mechanics step is at 0.5 min, in the sixth tick.
            let is_due = tick == first_tick || tick == first_tick + 5;
            assert_eq!(moved, is_due, "tick {tick}");
        }
        assert!(
            simulation
                .table()
                .position
                .iter()
                .zip(&start)
                .all(|(a, b)| a != b)
        );
    }
}

/// `time` is 0 in PhysiCell's first call of the rules, and that of the clock in Milieu's.
#[test]
fn rules_read_the_time_of_their_call() {
    for (semantics, times) in [("", [6.0, 12.0]), (PHYSICELL, [0.0, 6.0])] {
        for threshold in [0.01, 5.99, 6.01, 11.99] {
            let rule = format!(
                "a: time increases migration bias from 0.25 towards 0.75, above {threshold} min\n"
            );
            let mut simulation = cells(
                semantics,
                [1.0, 1.0, 6.0],
                "motility = { bias = 0.25 }",
                &rule,
            );
            for time in times {
                advance(&mut simulation, 6.0);
                let expected = if time > threshold { 0.75 } else { 0.25 };
                assert_eq!(column(&mut simulation, 0), [expected; CELLS]);
            }
        }
    }
}

/// Of a rate of 1/6 over 6 min. In Milieu a share of e⁻¹ is left in each step.
#[test]
fn a_rate_of_one_in_a_step_is_certain_in_physicell_alone() {
    for (what, kind) in [
        ("apoptosis = { rate = RATE }", EventKind::Death),
        ("necrosis = { rate = RATE }", EventKind::Death),
        ("transformations = { b = RATE }", EventKind::Transformation),
        (
            "cycle = { model = \"live\", rates = { Live = RATE } }",
            EventKind::Division,
        ),
    ] {
        for share in [0.3, 1.0] {
            let a = what.replace("RATE", &(share / 6.0).to_string());
            for (semantics, p) in [("", 1.0 - f64::exp(-share)), (PHYSICELL, share)] {
                let mut simulation = cells(semantics, [6.0, 6.0, 6.0], &a, "");
                simulation.step().unwrap();
                binomial(events(&simulation, kind).len(), CELLS, p);
            }
        }
    }
}

/// Two rates of 0.5 in a step. In PhysiCell the second is tried if the first does not happen: half
/// and a quarter. In Milieu they compete: 1 − e⁻¹, shared evenly.
#[test]
fn two_ways_are_tried_in_turn_in_physicell_and_compete_in_milieu() {
    let rate = 0.5 / 6.0;
    for (a, kind) in [
        (
            format!("apoptosis = {{ rate = {rate} }}\nnecrosis = {{ rate = {rate} }}"),
            EventKind::Death,
        ),
        (
            format!("transformations = {{ b = {rate}, c = {rate} }}"),
            EventKind::Transformation,
        ),
    ] {
        let even = 0.5 * (1.0 - f64::exp(-1.0));
        for (semantics, first, second) in [("", even, even), (PHYSICELL, 0.5, 0.25)] {
            let mut simulation = cells(semantics, [6.0, 6.0, 6.0], &a, "");
            simulation.step().unwrap();
            let events = events(&simulation, kind);
            let is_first = |it: &&sim::output::Event| {
                it.cause == Some("apoptosis") || it.partner_type == Some(1)
            };
            let firsts = events.iter().filter(is_first).count();
            binomial(firsts, CELLS, first);
            binomial(events.len() - firsts, CELLS, second);
        }
    }
}

/// Death comes first in PhysiCell: who dies does not divide. And who becomes another type may die
/// of it in the same step.
#[test]
fn a_step_is_transformation_then_death_then_division_in_physicell() {
    let certain = 1.0 / 6.0;
    let a = format!(
        "apoptosis = {{ rate = {} }}\ncycle = {{ model = \"live\", rates = {{ Live = {certain} }} }}",
        0.5 * certain
    );
    let mut tissue = cells(PHYSICELL, [6.0, 6.0, 6.0], &a, "");
    tissue.step().unwrap();
    let deaths = events(&tissue, EventKind::Death).len();
    let divisions = events(&tissue, EventKind::Division).len();
    binomial(deaths, CELLS, 0.5);
    assert_eq!(deaths + divisions, CELLS);
    let kinds: Vec<EventKind> = tissue.events().iter().map(|event| event.kind).collect();
    let first = kinds
        .iter()
        .position(|kind| *kind == EventKind::Division)
        .unwrap();
    assert_eq!(first, deaths, "deaths are told before divisions");

    let rest = ghost("a", &format!("transformations = {{ b = {certain} }}"))
        + &ghost("b", &format!("apoptosis = {{ rate = {certain} }}"))
        + &lattice("a", 20, 40.0, [0.0, 0.0]);
    for (semantics, deaths) in [("", 0), (PHYSICELL, CELLS)] {
        let rest = if semantics.is_empty() {
            rest.replace(&certain.to_string(), "1e9")
        } else {
            rest.clone()
        };
        let text = semantics.to_owned() + &plane(1000.0, [6.0, 6.0, 6.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text)]);
        simulation.step().unwrap();
        assert_eq!(events(&simulation, EventKind::Transformation).len(), CELLS);
        assert_eq!(events(&simulation, EventKind::Death).len(), deaths);
    }
}

/// In PhysiCell transformations are drawn before the rules are called, and so with the rates of
/// the call before, of which there is none at 0: the type's own rate, 0, holds. A death is drawn
/// after the call.
#[test]
fn transformations_use_the_rates_of_the_call_before_in_physicell() {
    let sentence = |behavior: &str| {
        format!("a: volume increases {behavior} from 0 towards 1e6 1/min, above 1 µm^3\n")
    };
    for (semantics, transformation, death) in [("", 6.0, 6.0), (PHYSICELL, 6.0, 0.0)] {
        let mut simulation = cells(semantics, [6.0, 6.0, 6.0], "", &sentence("transform to b"));
        advance(&mut simulation, 18.0);
        assert_eq!(
            times(&simulation, EventKind::Transformation),
            [transformation]
        );
        let mut simulation = cells(semantics, [6.0, 6.0, 6.0], "", &sentence("apoptosis"));
        advance(&mut simulation, 18.0);
        assert_eq!(times(&simulation, EventKind::Death), [death]);
    }
}

/// A cell beyond the domain stays in the tables and takes part in nothing: neither rules nor death,
/// neither walk nor exchange reach it, while those inside have all of it.
#[test]
fn who_leaves_physicell_s_domain_takes_part_in_nothing() {
    let a = "motility = { speed = 10, persistence_time = 1, bias = 0.25 }\n\
             exchange = { drug = { export_rate = -1 } }";
    let rest = "[substrates.drug]\ndiffusion_coefficient = 0\ninitial = 1000\n".to_owned()
        + &ghost("a", a)
        + "[cells.all]\nfile = \"cells.csv\"\n[rules]\nall = \"all.rules\"\n\
           [outputs]\ncell_columns = [\"apoptosis\", \"volume\", \"migration bias\"]\n";
    let table: String = (0..10)
        .map(|number| {
            format!(
                "{},{},0,a,{}\n",
                if number < 5 { 300 } else { 0 },
                20 * number,
                1200
            )
        })
        .collect();
    let text = format!(
        "{PHYSICELL}track_internalized_substrates = true\n{}",
        plane(400.0, [1.0, 1.0, 6.0], &rest)
    );
    let rule = "a: time increases migration bias from 0.25 towards 0.75, above 10 min\n\
                a: time increases apoptosis from 0 towards 1e6 1/min, above 20 min\n";
    let mut simulation = simulation(&[
        ("scenario.toml", &text),
        ("cells.csv", &("x,y,z,type,volume\n".to_owned() + &table)),
        ("all.rules", rule),
    ]);
    let start = simulation.table();
    advance(&mut simulation, 60.0);
    let end = simulation.table();
    assert_eq!(start.id, end.id);
    let outside = |rank: &usize| start.position[*rank][0] > 200.0;
    let (out, within): (Vec<usize>, Vec<usize>) = (0..10).partition(outside);
    assert_eq!((out.len(), within.len()), (5, 5));
    for rank in out {
        assert_eq!(end.position[rank], start.position[rank]);
        assert_eq!(end.state[rank], sim::output::Vitality::Live);
        assert_eq!(simulation.tissue().internalized(0, rank), 0.0);
        for column in 0..3 {
            assert_eq!(
                end.extra[column].values[rank],
                start.extra[column].values[rank]
            );
        }
    }
    for rank in within {
        assert_ne!(end.position[rank], start.position[rank]);
        assert_eq!(end.state[rank], sim::output::Vitality::Apoptotic);
        assert!(simulation.tissue().internalized(0, rank) > 20.0);
    }
}

/// Who walks out stops exchanging in the step it leaves in.
#[test]
fn who_walks_out_of_physicell_s_domain_stays_where_it_left() {
    let a = "motility = { speed = 10, persistence_time = 0.01 }\n\
             exchange = { drug = { export_rate = -1 } }";
    let rest = "[substrates.drug]\ndiffusion_coefficient = 0\ninitial = 1000\n".to_owned()
        + &ghost("a", a)
        + &lattice("a", 5, 20.0, [0.0, 0.0]);
    let text = format!(
        "{PHYSICELL}track_internalized_substrates = true\n{}",
        plane(100.0, [1.0, 1.0, 6.0], &rest)
    )
    .replace("voxel = 100", "voxel = 100\nwall_repulsion = 0");
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    let mut left = std::collections::BTreeMap::new();
    for tick in 1..=200 {
        simulation.step().unwrap();
        for (rank, position) in simulation.table().position.into_iter().enumerate() {
            if position.iter().take(2).any(|x| x.abs() > 50.0) {
                let kept = left.entry(rank).or_insert((tick, position));
                assert_eq!(kept.1, position);
                near(
                    simulation.tissue().internalized(0, rank),
                    f64::from(kept.0),
                    1e-9,
                );
                assert!(simulation.tissue().is_frozen(rank));
            }
        }
    }
    assert!(left.len() > 10, "{} have left", left.len());
}
