//! What cells do to their neighbors by themselves: eat, attack; and how damage comes and goes.

use sim::output::EventKind;
use sim::simulation::Simulation;

use crate::common::*;

/// Mechanics step, min.
const DT: f64 = 0.1;

/// 400 pairs out of each other's reach: an `a`, and a `b` 12 µm beside it.
fn pairs(phenotype: f64, a: &str, b: &str, rest: &str) -> Simulation {
    let rest = ghost("a", a)
        + &ghost("b", b)
        + &lattice("a", 20, 100.0, [0.0, 0.0])
        + &lattice("b", 20, 100.0, [12.0, 0.0])
        + rest;
    let text = plane(2200.0, [DT, DT, phenotype], &rest);
    simulation(&[("scenario.toml", &text)])
}

/// The first step in which a meal can fall is that of the death. Waiting times in steps are then
/// geometric with p = 1 − e^{−λ dt}: mean 1/p, variance (1 − p)/p².
#[test]
fn an_apoptotic_neighbor_waits_exponentially_to_be_eaten() {
    let rate = 0.25f64;
    let eater = format!("interactions = {{ phagocytose_apoptotic = {rate} }}");
    let dying = format!("apoptosis = {{ rate = {AT_ONCE} }}");
    let mut simulation = pairs(1.0, &eater, &dying, "");
    advance(&mut simulation, 60.0);
    let meals = events(&simulation, EventKind::Phagocytosis);
    // e⁻¹⁵ of 400 are left.
    assert_eq!(meals.len(), 400);
    assert!(meals.iter().all(|meal| meal.cause == Some("apoptotic")));
    let steps: Vec<f64> = meals
        .iter()
        .map(|meal| ((meal.time - 1.0) / DT).round() + 1.0)
        .collect();
    let p = 1.0 - (-rate * DT).exp();
    let [mean, _] = moments(&steps);
    near(mean, 1.0 / p, 4.0 * ((1.0 - p) / p / p / 400.0).sqrt());
    let soon = steps.iter().filter(|&&step| step * DT <= 2.0).count();
    binomial(soon, 400, 1.0 - f64::exp(-rate * 2.0));
    // The living are no meal, and a death that came before is not the eater's.
    assert!(events(&simulation, EventKind::Kill).is_empty());
}

#[test]
fn necrotic_and_live_neighbors_have_rates_of_their_own() {
    let eater = "interactions = { phagocytose_necrotic = 0.05, phagocytose = { b = 0.02 } }";
    for (prey, rate, cause) in [
        (
            format!("necrosis = {{ rate = {AT_ONCE} }}"),
            0.05,
            "necrotic",
        ),
        (String::new(), 0.02, "live"),
    ] {
        let mut simulation = pairs(0.1, eater, &prey, "");
        advance(&mut simulation, 20.0);
        let meals = events(&simulation, EventKind::Phagocytosis);
        binomial(meals.len(), 400, 1.0 - f64::exp(-rate * 20.0));
        assert!(meals.iter().all(|meal| meal.cause == Some(cause)));
        let kills = events(&simulation, EventKind::Kill).len();
        assert_eq!(kills, if cause == "live" { meals.len() } else { 0 });
    }
}

#[test]
fn a_meal_s_volume_goes_to_the_eater() {
    let eater = "interactions = { phagocytose_apoptotic = 0.25 }";
    let dying = format!("apoptosis = {{ rate = {AT_ONCE} }}");
    let outputs = "[outputs]\ncell_columns = [\"volume\"]\n";
    let mut simulation = pairs(1.0, eater, &dying, outputs);
    advance(&mut simulation, 1.0);
    let (mut seen, mut before) = (0, simulation.table());
    let volume = |table: &sim::output::CellTable, id: u64| {
        let rank = table.id.binary_search(&id).ok()?;
        Some(table.extra[0].values[rank])
    };
    for step in 1..200 {
        simulation.forget_events();
        simulation.step().unwrap();
        let after = simulation.table();
        // In other steps volumes change by themselves too.
        if step % 10 != 0 {
            for meal in events(&simulation, EventKind::Phagocytosis) {
                let prey = meal.partner.unwrap();
                let whole = volume(&before, meal.cell).unwrap() + volume(&before, prey).unwrap();
                near(volume(&after, meal.cell).unwrap(), whole, 1e-9);
                assert_eq!(volume(&after, prey), None);
                seen += 1;
            }
        }
        before = after;
    }
    assert!(seen > 300);
}

/// An attack's steps are geometric with p = 1 − e^{−dt/duration}. The next begins in the step
/// after its end, so that each step but the first sees a beginning with probability p.
#[test]
fn an_attack_deals_its_damage_and_lasts_its_mean_duration() {
    let (duration, steps) = (5.0f64, 1000);
    let attacker = format!(
        "interactions = {{ attack = {{ b = {AT_ONCE} }}, attack_duration = {duration}, attack_damage_rate = 0.3 }}"
    );
    let mut simulation = pairs(
        6.0,
        &attacker,
        "",
        "[outputs]\ncell_columns = [\"damage\"]\n",
    );
    advance(&mut simulation, f64::from(steps) * DT);
    let begun = events(&simulation, EventKind::Attack).len();
    let p = 1.0 - (-DT / duration).exp();
    binomial(begun - 400, 400 * (steps as usize - 1), p);
    let cells = simulation.table();
    for (kind, damage) in cells.cell_type.iter().zip(&cells.extra[0].values) {
        let dealt = 0.3 * DT * f64::from(steps);
        near(*damage, if *kind == 1 { dealt } else { 0.0 }, 1e-11);
    }
}

#[test]
fn immunogenicity_scales_the_rate_at_which_attacks_begin() {
    let attacker = "interactions = { attack = { b = 0.02 }, attack_duration = 1e9 }";
    let prey = "interactions = { immunogenicity = { a = 0.5 } }";
    let mut simulation = pairs(6.0, attacker, prey, "");
    advance(&mut simulation, 60.0);
    let begun = events(&simulation, EventKind::Attack).len();
    binomial(begun, 400, 1.0 - f64::exp(-0.02 * 0.5 * 60.0));
}

/// The target walks away in a straight line at 2 µm/min and is out of reach, 1.25 (R + R) =
/// 21.03 µm, after at most 21.03 + 12 µm; some cross over the attacker first.
#[test]
fn an_attack_ends_when_contact_is_lost() {
    let attacker = format!(
        "interactions = {{ attack = {{ b = {AT_ONCE} }}, attack_duration = 1e9, attack_damage_rate = 1 }}"
    );
    let runner = "motility = { speed = 2, persistence_time = 1e9 }";
    let mut simulation = pairs(
        6.0,
        &attacker,
        runner,
        "[outputs]\ncell_columns = [\"damage\"]\n",
    );
    let start = simulation.table();
    // Nobody meets another pair's cell before (100 − 12 − 21) / 2 min.
    advance(&mut simulation, 20.0);
    assert_eq!(events(&simulation, EventKind::Attack).len(), 400);
    let cells = simulation.table();
    let reach = 1.25 * (cells.radius[0] + cells.radius[1]);
    for rank in 0..cells.id.len() {
        assert_eq!(simulation.tissue().target(rank), kernels::tissue::NOBODY);
        if cells.cell_type[rank] == 0 {
            continue;
        }
        let [start, now] = [start.position[rank], cells.position[rank]];
        let along = [now[0] - start[0], now[1] - start[1]].map(|x| x / 40.0);
        near(along[0].hypot(along[1]), 1.0, 1e-9);
        // |12 e_x + 2 t n| = reach
        let half = 12.0 * along[0];
        let escape = -half + (half * half + reach * reach - 144.0).sqrt();
        // Damage is dealt at the start of each step in reach, 1/min.
        near(cells.extra[0].values[rank], 0.5 * escape, 0.1 + 1e-9);
    }
}

/// The only attackers of the tissue lose the will to attack while they attack; attacks go on
/// until they end by themselves, and contacts are still looked up when cells have come and gone.
#[test]
fn an_attack_outlives_the_rate_that_began_it() {
    let attacker = "interactions = { attack = { b = 10 }, attack_duration = 1e9 }";
    let rest = ghost("a", attacker)
        + &ghost("b", "")
        + &ghost("c", "cycle = { model = \"live\", rates = { Live = 0.1 } }")
        + &lattice("a", 3, 100.0, [0.0, 0.0])
        + &lattice("b", 3, 100.0, [12.0, 0.0])
        + &lattice("c", 3, 100.0, [40.0, 40.0])
        + "[rules]\nall = \"all.rules\"\n[outputs]\ncell_columns = [\"damage\"]\n";
    let text = plane(500.0, [DT, DT, 1.0], &rest);
    let calm = "a: time decreases attack b from 10 towards 0 1/min, above 5 min, every 0.1 min\n";
    let mut simulation = simulation(&[("scenario.toml", &text), ("all.rules", calm)]);
    advance(&mut simulation, 30.0);
    assert_eq!(events(&simulation, EventKind::Attack).len(), 9);
    assert!(!events(&simulation, EventKind::Division).is_empty());
    let cells = simulation.table();
    for (kind, damage) in cells.cell_type.iter().zip(&cells.extra[0].values) {
        if *kind == 1 {
            // All began within the first 2 min, but for e⁻²⁰.
            assert!(*damage > 28.0, "{damage}");
        }
    }
}

/// d' = g − r d from 0: d(t) = g/r (1 − e^{−r t}), whatever the step.
#[test]
fn damage_follows_its_exact_solution() {
    let (gain, repair) = (0.3, 0.01386);
    for step in [0.1, 2.0] {
        let cell = format!("damage = {{ rate = {gain}, repair_rate = {repair} }}");
        let rest = ghost("tumor", &cell)
            + "[cells.first]\ntype = \"tumor\"\nat = [[0, 0]]\n\
               [outputs]\ncell_columns = [\"damage\"]\n";
        let text = plane(400.0, [step, step, 6.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text)]);
        for _ in 0..10 {
            advance(&mut simulation, 12.0);
            let exact = gain / repair * (1.0 - (-repair * simulation.time()).exp());
            near(column(&mut simulation, 0)[0], exact, 1e-11);
        }
    }
}

#[test]
fn of_two_eaters_one_has_the_meal() {
    let rest = ghost(
        "a",
        &format!("interactions = {{ phagocytose_apoptotic = {AT_ONCE} }}"),
    ) + &ghost("b", &format!("apoptosis = {{ rate = {AT_ONCE} }}"))
        + &lattice("b", 10, 100.0, [0.0, 0.0])
        + &lattice("a", 10, 100.0, [12.0, 0.0])
        + &lattice("a", 10, 100.0, [-12.0, 0.0]).replace("[cells.a]", "[cells.more]");
    let text = plane(1200.0, [DT, DT, 1.0], &rest);
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    advance(&mut simulation, 2.0);
    let meals = events(&simulation, EventKind::Phagocytosis);
    assert_eq!((meals.len(), simulation.cells()), (100, 200));
    let mut eaten: Vec<u64> = meals.iter().filter_map(|meal| meal.partner).collect();
    eaten.sort_unstable();
    eaten.dedup();
    assert_eq!(eaten.len(), 100);
}

/// Each of a pair wants to eat the other in the first step.
#[test]
fn of_two_that_would_eat_each_other_one_is_eaten() {
    let eater = |other| format!("interactions = {{ phagocytose = {{ {other} = {AT_ONCE} }} }}");
    let mut simulation = pairs(6.0, &eater("b"), &eater("a"), "");
    advance(&mut simulation, DT);
    assert_eq!(events(&simulation, EventKind::Phagocytosis).len(), 400);
    assert_eq!(simulation.cells(), 400);
    // Ids are hashes: neither type is favored.
    binomial(simulation.table().counts(2)[0][0] as usize, 400, 0.5);
}
