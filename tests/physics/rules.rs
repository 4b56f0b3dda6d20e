//! When rules are called, what they see, and where what they say goes.

use sim::output::EventKind;
use sim::simulation::Simulation;

use crate::common::*;

/// One cell with numbers `a`, `b`, whose types' values are 0, under these rules.
fn one(rules: &str, table: &str) -> Simulation {
    let rest = ghost(
        "tumor",
        "custom = { a = 0, b = 0 }\napoptosis = { duration = 1000 }",
    ) + "[cells.first]\nfile = \"cells.csv\"\n[rules]\nall = \"all.rules\"\n\
           [outputs]\ncell_columns = [\"custom:a\", \"custom:b\"]\n";
    let text = plane(400.0, [0.05, 0.1, 6.0], &rest);
    simulation(&[
        ("scenario.toml", &text),
        ("all.rules", rules),
        ("cells.csv", table),
    ])
}

const DEFAULT: &str = "x,y,type\n0,0,tumor\n";

#[test]
fn a_rule_is_called_on_its_own_clock() {
    for (every, period) in [
        ("every 0.1 min", 0.1),
        ("every 0.7 min", 0.7),
        ("every 2 min", 2.0),
    ] {
        let rule = format!(
            "tumor: time increases custom:a from 0 towards 1000, linearly from 0 to 1000 min, {every}\n"
        );
        let mut simulation = one(&rule, DEFAULT);
        for _ in 0..100 {
            advance(&mut simulation, 0.05);
            let last = ((simulation.time() + 1e-9) / period).floor() * period;
            near(column(&mut simulation, 0)[0], last, 1e-9);
        }
    }
}

#[test]
fn a_rule_without_a_clock_is_called_with_the_phenotype() {
    let rule = "tumor: time increases custom:a from 0 towards 1000, linearly from 0 to 1000 min\n";
    let mut simulation = one(rule, DEFAULT);
    for (minutes, seen) in [(5.95, 0.0), (0.05, 6.0), (5.95, 6.0), (0.05, 12.0)] {
        advance(&mut simulation, minutes);
        near(column(&mut simulation, 0)[0], seen, 1e-9);
    }
}

#[test]
fn two_rules_that_swap_two_numbers_swap_them() {
    let rules = "\
        tumor: custom:b increases custom:a from 0 towards 1000, linearly from 0 to 1000, every 1 min\n\
        tumor: custom:a increases custom:b from 0 towards 1000, linearly from 0 to 1000, every 1 min\n";
    let mut simulation = one(rules, "x,y,type,custom:a,custom:b\n0,0,tumor,3,5\n");
    for number in 1..6 {
        advance(&mut simulation, 1.0);
        let (a, b) = if number % 2 == 1 {
            (5.0, 3.0)
        } else {
            (3.0, 5.0)
        };
        near(column(&mut simulation, 0)[0], a, 1e-12);
        near(column(&mut simulation, 1)[0], b, 1e-12);
    }
}

/// Rules of different clocks are different calls; the slow one reads what was before the fast one
/// wrote.
#[test]
fn all_calls_of_a_step_read_before_any_writes() {
    let rules = "\
        tumor: time increases custom:a from 0 towards 1000, linearly from 0 to 1000 min, every 1 min\n\
        tumor: custom:a increases custom:b from 0 towards 1000, linearly from 0 to 1000, every 2 min\n";
    let mut simulation = one(rules, DEFAULT);
    for second in 1..6 {
        advance(&mut simulation, 2.0);
        near(
            column(&mut simulation, 0)[0],
            2.0 * f64::from(second),
            1e-12,
        );
        near(
            column(&mut simulation, 1)[0],
            2.0 * f64::from(second) - 1.0,
            1e-12,
        );
    }
}

#[test]
fn only_rules_that_say_so_speak_for_the_dead() {
    let rules = format!(
        "tumor: time increases apoptosis from 0 towards {AT_ONCE} 1/min, above 5.95 min\n\
         tumor: time increases custom:a from 0 towards 1000, linearly from 0 to 1000 min, also when dead, every 1 min\n\
         tumor: time increases custom:b from 0 towards 1000, linearly from 0 to 1000 min, every 1 min\n"
    );
    let mut simulation = one(&rules, DEFAULT);
    advance(&mut simulation, 20.0);
    assert_eq!(events(&simulation, EventKind::Death)[0].time, 6.0);
    near(column(&mut simulation, 0)[0], 20.0, 1e-12);
    // The step of the death was decided while the cell lived.
    near(column(&mut simulation, 1)[0], 6.0, 1e-12);
}

#[test]
fn a_rule_acts_in_the_step_in_which_it_is_called() {
    let rule = "tumor: time increases migration speed from 0 towards 3 µm/min, above 1.05 min, every 0.1 min\n";
    let mut simulation = one(rule, DEFAULT);
    let mut walked = 0.0;
    let mut before = simulation.table().position[0];
    for step in 1..=30 {
        advance(&mut simulation, 0.1);
        let now = simulation.table().position[0];
        walked += (now[0] - before[0]).hypot(now[1] - before[1]);
        before = now;
        assert_eq!(walked > 0.0, step >= 11);
    }
}

/// "contact with" counts neighbors within 1.25 (R + R) = 21.03 µm, live or dead as it says.
#[test]
fn contacts_are_counted_by_type_and_vitality() {
    let rest = ghost("tumor", "custom = { all = 0, live = 0, dead = 0 }")
        + &ghost("dying", &format!("apoptosis = {{ rate = {AT_ONCE} }}"))
        + "[cells.first]\ntype = \"tumor\"\nat = [[0, 0]]\n\
           [cells.near]\ntype = \"tumor\"\nat = [[-20, 0], [0, 20], [0, -22]]\n\
           [cells.dying]\ntype = \"dying\"\nat = [[14, 0], [0, 30]]\n\
           [outputs]\ncell_columns = [\"contact with tumor\", \"contact with live cell\", \"contact with dead cell\", \"contact with dying\", \"contact with apoptotic cell\"]\n";
    let text = plane(400.0, [0.1, 0.1, 1.0], &rest);
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    let founder = simulation
        .table()
        .position
        .iter()
        .position(|at| *at == [0.0; 3])
        .unwrap();
    let mut counts = |minutes| {
        advance(&mut simulation, minutes);
        [0, 1, 2, 3, 4].map(|number| column(&mut simulation, number)[founder])
    };
    assert_eq!(counts(0.1), [2.0, 3.0, 0.0, 1.0, 0.0]);
    assert_eq!(counts(1.0), [2.0, 2.0, 1.0, 1.0, 1.0]);
}

/// A target under attack from the first step on, beside its attacker.
#[test]
fn a_cell_knows_its_age_its_contacts_and_its_attacks() {
    let rest = ghost(
        "a",
        &format!(
            "interactions = {{ attack = {{ b = {AT_ONCE} }}, attack_duration = 1e9, attack_damage_rate = 2 }}"
        ),
    ) + &ghost("b", "cycle = { model = \"live\", rates = { Live = 1e-9 } }")
        + "[cells.a]\ntype = \"a\"\nat = [[0, 0]]\n\
           [cells.b]\ntype = \"b\"\nat = [[12, 0]]\n\
           [arrivals.late]\ntype = \"b\"\nrate = 1e4\nstart = 4.9\nstop = 5\ndisc = { center = [150, 150], radius = 9 }\n\
           [outputs]\ncell_columns = [\"age\", \"time in phase\", \"contact time with a\", \"contact time with b\", \"attacking\", \"total attack time\", \"damage delivered\", \"time\"]\n";
    let text = plane(400.0, [0.1, 0.1, 1.0], &rest);
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    advance(&mut simulation, 10.0);
    let cells = simulation.table();
    let of = |x: f64| {
        let rank = cells.position.iter().position(|at| *at == [x, 0.0, 0.0]);
        cells
            .extra
            .iter()
            .map(|it| it.values[rank.unwrap()])
            .collect::<Vec<f64>>()
    };
    // Attack and contact act in all of the hundred steps.
    let expected = [
        (0.0, [10.0, 10.0, 0.0, 10.0, 1.0, 0.0, 20.0, 10.0]),
        (12.0, [10.0, 10.0, 10.0, 0.0, 0.0, 10.0, 0.0, 10.0]),
    ];
    for (x, values) in expected {
        for (found, value) in of(x).into_iter().zip(values) {
            near(found, value, 1e-9);
        }
    }
    let late = cells.position.iter().position(|at| at[0] > 140.0).unwrap();
    near(cells.extra[0].values[late], 5.0, 1e-9);
    near(cells.extra[2].values[late], 0.0, 0.0);
}

/// Nothing dies in another way, and there is no basement membrane: their signals are 0 wherever
/// cells are, and rules may read them and write what nothing follows.
#[test]
fn signals_of_what_is_not_there_are_zero() {
    for semantics in BOTH {
        let rest = "[cell_types.a]\napoptosis = { rate = 0.1 }\nnecrosis = { rate = 0.1 }\n"
            .to_owned()
            + &lattice("a", 5, 12.0, [0.0, 0.0])
            + "[rules]\nall = \"all.rules\"\n[outputs]\ncell_columns = [\
               \"contact with other dead cell\", \"contact with basement membrane\", \
               \"contact with dead cell\", \"cell-BM adhesion\", \"phagocytose other dead cell\"]\n";
        let rules = "a: contact with other dead cell increases apoptosis from 0.1 towards 1e6 1/min, above 0\n\
                     a: contact with BM increases necrosis from 0.1 towards 1e6 1/min, above 0\n\
                     a: volume increases cell-BM adhesion towards 7 µm/min, above 1 µm^3\n\
                     a: volume increases phagocytose other dead cell towards 3 1/min, above 1 µm^3\n";
        let text = semantics.to_owned() + &plane(400.0, [1.0, 1.0, 1.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text), ("all.rules", rules)]);
        advance(&mut simulation, 3.0);
        assert_eq!(column(&mut simulation, 0), [0.0; 25]);
        assert_eq!(column(&mut simulation, 1), [0.0; 25]);
        // Cells have died, and not all at once.
        let dead = column(&mut simulation, 2);
        assert!(dead.iter().any(|&count| count > 0.0));
        let live: Vec<usize> = (0..25)
            .filter(|&rank| simulation.roster().vitality[rank] == sim::output::Vitality::Live)
            .collect();
        assert!(!live.is_empty());
        for rank in live {
            assert_eq!(column(&mut simulation, 3)[rank], 7.0);
            assert_eq!(column(&mut simulation, 4)[rank], 3.0);
        }
        assert!(events(&simulation, sim::output::EventKind::Phagocytosis).is_empty());
    }
}
