//! Rules of pairs: hits, what they do, and how pairs are remembered.

use std::collections::BTreeMap;

use sim::output::{Event, EventKind};
use sim::simulation::Simulation;

use crate::common::*;

/// Mechanics step, and the clock of pair rules, min.
const DT: f64 = 0.1;
const COLUMNS: &str = "[rules]\nall = \"all.rules\"\n[outputs]\ncell_columns = [\"damage\"]\n";

/// A rate of hits that nothing changes.
const STEADY: &str = "a on b: contact age increases hit from 0.2 towards 1 1/min, above 1e9 min";

/// 400 pairs out of each other's reach: an `a`, and a `b` 12 µm beside it.
fn pairs(phenotype: f64, a: &str, b: &str, rules: &str) -> Simulation {
    let rest = ghost("a", a)
        + &ghost("b", b)
        + &lattice("a", 20, 100.0, [0.0, 0.0])
        + &lattice("b", 20, 100.0, [12.0, 0.0])
        + COLUMNS;
    let text = plane(2200.0, [DT, DT, phenotype], &rest);
    simulation(&[("scenario.toml", &text), ("all.rules", rules)])
}

/// The hits on each cell.
fn by_target(hits: &[Event]) -> BTreeMap<u64, Vec<&Event>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for hit in hits {
        all.entry(hit.partner.unwrap()).or_default().push(hit);
    }
    all
}

/// One hit at most falls into a step, so that the number in n steps is binomial with
/// p = 1 − e^{−λ dt}: Poisson to λ dt/2 = 1 % of its mean and to p = 2 % of its variance.
#[test]
fn the_number_of_hits_of_a_held_pair_is_poisson() {
    let (rate, minutes) = (0.2f64, 50.0);
    let rule = format!("{STEADY}, every {DT} min\n");
    let mut simulation = pairs(6.0, "", "", &rule);
    advance(&mut simulation, minutes);
    let hits = events(&simulation, EventKind::Hit);
    let targets = by_target(&hits);
    let mut counts: Vec<f64> = targets.values().map(|hits| hits.len() as f64).collect();
    counts.resize(400, 0.0);
    let p = 1.0 - (-rate * DT).exp();
    let expected = minutes / DT * p;
    let [mean, variance] = moments(&counts);
    near(mean, expected, 4.0 * (expected / 400.0).sqrt());
    // The index of dispersion of N Poisson counts has variance 2/(N − 1).
    near(variance / mean, 1.0 - p, 4.0 * (2.0f64 / 399.0).sqrt());
    // Memory and damage agree with what was told.
    for (target, hits) in &targets {
        let rank = simulation.tissue().rank(*target).unwrap();
        assert_eq!(simulation.tissue().damage(rank), hits.len() as f64);
        let memory = *simulation
            .tissue()
            .pairs()
            .get((hits[0].cell, *target))
            .unwrap();
        assert_eq!((memory.hits as usize, memory.contacts), (hits.len(), 1));
        // From the first step, in which the age is 0, to the last.
        near(memory.contact_age, minutes - DT, 1e-9);
    }
}

/// The rate holds for the clock of the rule, not for the mechanics step.
#[test]
fn a_slower_clock_gives_as_many_hits() {
    let rule = format!("{STEADY}, every 0.5 min\n");
    let mut simulation = pairs(6.0, "", "", &rule);
    advance(&mut simulation, 50.0);
    let hits = events(&simulation, EventKind::Hit);
    binomial(hits.len(), 400 * 100, 1.0 - f64::exp(-0.2 * 0.5));
    for hit in hits {
        let ticks = hit.time / 0.5;
        near(ticks, ticks.round(), 1e-9);
    }
}

/// Each hit of size s that fell at t_i has left s e^{−r (t − t_i)}.
#[test]
fn damage_of_hits_sums_and_decays() {
    let repair = 0.05f64;
    let rule = format!("{STEADY}, every {DT} min, size 2.5\n");
    let prey = format!("damage = {{ repair_rate = {repair} }}");
    let mut simulation = pairs(6.0, "", &prey, &rule);
    advance(&mut simulation, 40.0);
    let hits = events(&simulation, EventKind::Hit);
    assert!(hits.iter().all(|hit| hit.value == 2.5));
    for (target, hits) in by_target(&hits) {
        let left = |hit: &&Event| 2.5 * (-repair * (simulation.time() - hit.time)).exp();
        let expected: f64 = hits.iter().map(left).sum();
        let rank = simulation.tissue().rank(target).unwrap();
        near(simulation.tissue().damage(rank), expected, 1e-11 * expected);
    }
}

#[test]
fn a_cell_that_lets_go_hits_no_more_until_they_meet_again() {
    let rule = format!(
        "{STEADY}, every {DT} min\n\
         a on b: contact age increases detach from 0 towards {AT_ONCE} 1/min, above 10 min, every {DT} min\n"
    );
    let mut simulation = pairs(6.0, "", "", &rule);
    advance(&mut simulation, 30.0);
    let hits = events(&simulation, EventKind::Hit);
    // Age 10 min is reached in the hundred and first step; above it is the next.
    assert!(hits.iter().all(|hit| hit.time < 10.15));
    binomial(hits.len(), 400 * 101, 1.0 - f64::exp(-0.2 * DT));
    assert!(
        simulation
            .tissue()
            .pairs()
            .memories()
            .iter()
            .all(|it| it.detached)
    );
}

#[test]
fn hits_follow_the_age_of_the_contact() {
    let rule = format!(
        "a on b: contact age increases hit from 0 towards {AT_ONCE} 1/min, above 7.05 min, every {DT} min\n"
    );
    let mut simulation = pairs(6.0, "", "", &rule);
    advance(&mut simulation, 8.0);
    let hits = events(&simulation, EventKind::Hit);
    // In contact since 0.1 min, the age exceeds 7.05 min from 7.2 min on, in nine steps.
    assert_eq!(hits.len(), 400 * 9);
    assert!(hits.iter().all(|hit| hit.time > 7.15));
}

#[test]
fn the_product_of_both_cells_numbers_is_what_a_rule_sees() {
    let rule = format!(
        "a on b: own custom:key times target custom:lock increases hit from 0 towards {AT_ONCE} 1/min, above 5, every {DT} min\n"
    );
    for (key, hits) in [(2.0, 400), (1.6, 0)] {
        let a = format!("custom = {{ key = {key} }}");
        let mut simulation = pairs(6.0, &a, "custom = { lock = 3 }", &rule);
        advance(&mut simulation, DT);
        assert_eq!(events(&simulation, EventKind::Hit).len(), hits);
    }
}

/// Targets between two killers die when hit three times.
#[test]
fn a_kill_is_the_last_hitter_s_and_the_dead_are_not_hit() {
    let rules = format!(
        "{STEADY}, every {DT} min\n\
         b: damage increases apoptosis from 0 towards {AT_ONCE} 1/min, above 2.5\n"
    );
    let rest = ghost("a", "")
        + &ghost("b", "")
        + &lattice("b", 12, 100.0, [0.0, 0.0])
        + &lattice("a", 12, 100.0, [12.0, 0.0])
        + &lattice("a", 12, 100.0, [-12.0, 0.0]).replace("[cells.a]", "[cells.more]")
        + COLUMNS;
    let text = plane(1400.0, [DT, DT, 1.0], &rest);
    let mut simulation = simulation(&[("scenario.toml", &text), ("all.rules", &rules)]);
    advance(&mut simulation, 60.0);
    let kills = events(&simulation, EventKind::Kill);
    // After 60 min at 0.4/min fewer than three hits in 1e-8 of the pairs.
    assert_eq!(kills.len(), 144);
    let hits = events(&simulation, EventKind::Hit);
    let targets = by_target(&hits);
    let mut killers = [0, 0];
    for kill in &kills {
        let hits = &targets[&kill.partner.unwrap()];
        let last = hits.last().unwrap();
        assert_eq!(kill.cell, last.cell);
        assert_eq!(kill.cause, Some("apoptosis"));
        assert!(last.time < kill.time && hits.len() >= 3);
        let rank = simulation.tissue().rank(kill.cell).unwrap();
        killers[usize::from(simulation.tissue().position(rank)[0].rem_euclid(100.0) < 50.0)] += 1;
    }
    // Neither side is favored.
    binomial(killers[0], 144, 0.5);
}

#[test]
fn who_hit_is_forgotten_when_the_damage_has_healed() {
    let prey = "damage = { repair_rate = 1 }";
    let rules = format!(
        "a on b: contact age decreases hit from {AT_ONCE} towards 0 1/min, above 0.05 min, every {DT} min\n\
         b: time increases apoptosis from 0 towards {AT_ONCE} 1/min, above 9 min\n"
    );
    // One hit at 0.1 min. At 2 min e^{-1.9} = 0.15 of it is left, at 4 min 0.02.
    for (late, credited) in [(9.0, 0), (1.5, 400)] {
        let rules = rules.replace("above 9 min", &format!("above {late} min"));
        let mut simulation = pairs(1.0, "", prey, &rules);
        advance(&mut simulation, 12.0);
        assert_eq!(events(&simulation, EventKind::Hit).len(), 400);
        assert_eq!(events(&simulation, EventKind::Death).len(), 400);
        assert_eq!(events(&simulation, EventKind::Kill).len(), credited);
    }
}

/// An `a` walks away from a `b` and never comes back.
#[test]
fn a_separated_pair_is_remembered_as_long_as_the_scenario_says() {
    let rule = format!("{STEADY}, every {DT} min\n");
    let runner = "motility = { speed = 4, persistence_time = 1e9 }";
    let rest = ghost("a", runner)
        + &ghost("b", "")
        + "[cells.a]\ntype = \"a\"\nat = [[0, 0]]\n[cells.b]\ntype = \"b\"\nat = [[12, 0]]\n"
        + COLUMNS
        + "[contacts]\nmemory = 20\n";
    let text = plane(800.0, [DT, DT, 6.0], &rest);
    let mut simulation = simulation(&[("scenario.toml", &text), ("all.rules", &rule)]);
    let mut last_contact = 0.0;
    for _ in 0..500 {
        simulation.step().unwrap();
        let pairs = simulation.tissue().pairs();
        match pairs.memories() {
            [memory] if memory.apart == 0.0 => last_contact = simulation.time(),
            [memory] => near(memory.apart, simulation.time() - last_contact, 1e-9),
            _ => {
                near(simulation.time() - last_contact, 20.0 + DT, DT + 1e-9);
                return;
            }
        }
    }
    panic!("a pair is remembered for ever");
}
