//! Numbers that interventions change for a time, and edits that are for good.

use sim::output::EventKind;
use sim::simulation::Simulation;

use crate::common::*;

/// Numbers that live in the kernels, in the ECS and among custom numbers.
const NUMBERS: [&str; 3] = ["migration speed", "transform to b", "custom:mark"];

/// Cells of `a` that differ from each other in all three numbers, and some of `b`.
fn different(semantics: &str, interventions: &str) -> Simulation {
    let initial = NUMBERS.map(|name| {
        let [min, max] = if name == "transform to b" {
            [1e-13, 2e-13]
        } else {
            [1.0, 2.0]
        };
        format!("\"{name}\" = {{ distribution = \"uniform\", min = {min}, max = {max}, check_base = false }}")
    });
    let a = format!(
        "custom = {{ mark = 1.5 }}\nmotility = {{ speed = 1 }}\ninitial = {{ {} }}\n",
        initial.join(", ")
    );
    let rest = ghost("a", &a)
        + &ghost("b", "custom = { mark = 7 }\nmotility = { speed = 3 }\n")
        + "[cells.a]\ntype = \"a\"\ncount = 40\n[cells.b]\ntype = \"b\"\ncount = 3\n"
        + &format!("[outputs]\ncell_columns = {NUMBERS:?}\n")
        + interventions;
    let text = semantics.to_owned() + &plane(1000.0, [1.0, 1.0, 6.0], &rest);
    simulation(&[("scenario.toml", &text)])
}

/// The three numbers of all cells.
fn numbers(simulation: &mut Simulation) -> [Vec<f64>; 3] {
    [0, 1, 2].map(|number| column(simulation, number))
}

/// Goes on to the end of the mechanics step that is due at a time.
fn go_to(simulation: &mut Simulation, semantics: &str, time: f64) {
    let time = if semantics.is_empty() {
        time
    } else {
        time + 1.0
    };
    let step = time - simulation.time();
    advance(simulation, step);
}

#[test]
fn a_change_holds_while_it_is_on_and_each_cell_has_its_own_number_back() {
    for semantics in BOTH {
        for (number, name) in NUMBERS.into_iter().enumerate() {
            let mut simulation = different(
                semantics,
                &format!(
                    "[interventions.x]\nbehavior = \"{name}\"\ntypes = [\"a\"]\nfactor = 0.3\n\
                     start = 10\nevery = 30\nrepeats = 2\nover = 12\n"
                ),
            );
            let own = numbers(&mut simulation);
            let is_a: Vec<bool> = simulation
                .roster()
                .kinds
                .iter()
                .map(|kind| *kind == 0)
                .collect();
            let mut expected = own.clone();
            for (value, _) in expected[number]
                .iter_mut()
                .zip(is_a)
                .filter(|(_, is_a)| *is_a)
            {
                *value *= 0.3;
            }
            for (time, is_on) in [
                (9.0, false),
                (10.0, true),
                (21.0, true),
                (22.0, false),
                (39.0, false),
                (40.0, true),
                (51.0, true),
                (52.0, false),
                (90.0, false),
            ] {
                go_to(&mut simulation, semantics, time);
                // NaN stands for no number, in both.
                let bits = |all: &[Vec<f64>; 3]| {
                    all.clone()
                        .map(|one| one.into_iter().map(f64::to_bits).collect::<Vec<_>>())
                };
                let expected = if is_on { &expected } else { &own };
                assert_eq!(
                    bits(&numbers(&mut simulation)),
                    bits(expected),
                    "{name} at {time} min"
                );
            }
        }
    }
}

/// 0.1 · 0.7 · 0.3 differs from 0.3 · 0.7 · 0.1 in the last bit; three changes give one.
#[test]
fn factors_commute_and_a_value_undoes_what_came_before_it() {
    let change = |name: &str, to: &str| {
        format!("[interventions.{name}]\nbehavior = \"migration speed\"\ntypes = [\"a\"]\n{to}\n")
    };
    let speeds = |changes: &[&str]| {
        let mut simulation = different("", &changes.concat());
        advance(&mut simulation, 1.0);
        let kinds = simulation.roster().kinds.clone();
        let speeds = column(&mut simulation, 0).into_iter().zip(kinds);
        speeds
            .filter(|(_, kind)| *kind == 0)
            .map(|(speed, _)| speed)
            .collect::<Vec<f64>>()
    };
    let [p, q, r] = [
        ("p", "factor = 0.1"),
        ("q", "factor = 0.7"),
        ("r", "factor = 0.3"),
    ]
    .map(|(name, to)| change(name, to));
    let all = speeds(&[&p, &q, &r]);
    assert_eq!(all, speeds(&[&r, &q, &p]));
    assert_eq!(all, speeds(&[&q, &r, &p]));
    let v = change("v", "value = 5");
    assert_eq!(speeds(&[&v, &q]), [3.5; 40]);
    assert_eq!(speeds(&[&q, &v]), [5.0; 40]);
}

/// A cycle of 6 min that divides: daughters are born while the change is on, of mothers that have
/// it, and none has it twice. Arrivals and cells that become the type have it once.
#[test]
fn who_comes_while_a_change_is_on_has_it_once_and_not_afterwards() {
    let a = "cycle = { model = \"custom\", phases = [{ name = \"first\", duration = 6, fixed = true, divides = true }] }\n\
             custom = { mark = 1 }\nmotility = { speed = 1 }\n";
    let rest = ghost("a", a)
        + &ghost("b", "custom = { mark = 1 }\nmotility = { speed = 1 }\ntransformations = { a = 0.02 }\n")
        + "[cells.a]\ntype = \"a\"\ncount = 3\n[cells.b]\ntype = \"b\"\ncount = 50\n\
           [arrivals.a]\ntype = \"a\"\nrate = 1\n\
           [outputs]\ncell_columns = [\"migration speed\", \"cycle entry\", \"custom:mark\"]\n"
        + &["migration speed", "cycle entry", "custom:mark"]
            .map(|name| format!(
                "[interventions.\"{name}\"]\nbehavior = \"{name}\"\ntypes = [\"a\"]\nfactor = 0.5\nstart = 3\nstop = 33\n"
            ))
            .concat();
    for semantics in BOTH {
        let text = semantics.to_owned() + &plane(1000.0, [1.0, 1.0, 1.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text)]);
        go_to(&mut simulation, semantics, 32.0);
        assert!(events(&simulation, EventKind::Division).len() > 20);
        assert!(events(&simulation, EventKind::Arrival).len() > 10);
        assert!(events(&simulation, EventKind::Transformation).len() > 10);
        for (time, factor) in [(32.0, 0.5), (33.0, 1.0)] {
            go_to(&mut simulation, semantics, time);
            let table = simulation.table();
            // Who becomes the type in a step is changed in the next.
            let new: Vec<u64> = events(&simulation, EventKind::Transformation)
                .iter()
                .filter(|event| event.time == time)
                .map(|event| event.cell)
                .collect();
            for (number, base) in [(0, 1.0), (1, 1.0 / 6.0), (2, 1.0)] {
                let values = column(&mut simulation, number);
                for ((value, kind), id) in values.iter().zip(&table.cell_type).zip(&table.id) {
                    match kind {
                        0 if !new.contains(id) => assert_eq!(*value, base * factor),
                        1 if number != 1 => assert_eq!(*value, base),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// 400 cells, of which a share is edited; daughters, later, have what their mothers have.
#[test]
fn an_edit_takes_as_often_as_its_penetrance_says_and_is_inherited() {
    let a = "custom = { mark = 1 }\nmotility = { speed = 2 }\n\
             cycle = { model = \"custom\", phases = [{ name = \"first\", duration = 60, fixed = true, divides = true }] }\n";
    let rest = ghost("a", a)
        + "[cells.a]\ntype = \"a\"\ncount = 400\n\
           [outputs]\ncell_columns = [\"migration speed\", \"custom:mark\"]\n\
           [interventions.knockout]\ntypes = [\"a\"]\nset = { \"custom:mark\" = 0 }\nscale = { \"migration speed\" = 1.5 }\n\
           start = 10\npenetrance = 0.3\n";
    for semantics in BOTH {
        let text = semantics.to_owned() + &plane(1000.0, [1.0, 1.0, 6.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text)]);
        let count = |simulation: &mut Simulation| {
            let speeds = column(simulation, 0);
            let marks = column(simulation, 1);
            for (speed, mark) in speeds.iter().zip(&marks) {
                assert!(
                    [(2.0, 1.0), (3.0, 0.0)].contains(&(*speed, *mark)),
                    "{speed}, {mark}"
                );
            }
            marks.iter().filter(|mark| **mark == 0.0).count()
        };
        go_to(&mut simulation, semantics, 9.0);
        assert_eq!(count(&mut simulation), 0);
        go_to(&mut simulation, semantics, 10.0);
        let edited = count(&mut simulation);
        binomial(edited, 400, 0.3);
        go_to(&mut simulation, semantics, 100.0);
        assert_eq!(simulation.cells(), 800);
        assert_eq!(count(&mut simulation), 2 * edited);
    }
}

#[test]
fn an_edit_reaches_the_cells_of_its_region_and_makes_them_another_type() {
    for semantics in BOTH {
        let mut simulation = different(
            semantics,
            "[interventions.x]\ntypes = [\"a\"]\nbecome = \"b\"\nset = { \"migration speed\" = 9 }\nstart = 5\n\
             box = { min = [-500, -500], max = [0, 500] }\n",
        );
        go_to(&mut simulation, semantics, 4.0);
        let before = simulation.table();
        go_to(&mut simulation, semantics, 5.0);
        let changes = events(&simulation, EventKind::Transformation);
        assert!(changes.len() > 5);
        let speeds = column(&mut simulation, 0);
        let after = simulation.table();
        assert_eq!(before.id, after.id);
        for rank in 0..before.id.len() {
            let is_edited = changes.iter().any(|change| change.cell == before.id[rank]);
            assert_eq!(is_edited, before.cell_type[rank] != after.cell_type[rank]);
            assert_eq!(is_edited, speeds[rank] == 9.0);
            // A walk may carry a cell over the edge in the step itself.
            if before.cell_type[rank] == 0 && before.position[rank][0].abs() > 10.0 {
                assert_eq!(is_edited, before.position[rank][0] < 0.0);
            }
        }
    }
}

/// An edit while a change is on is of the cell's own number: 1 · 0.5, edited to 3 · 0.5, then 3.
#[test]
fn an_edit_under_a_change_is_of_the_own_number() {
    for semantics in BOTH {
        let mut simulation = different(
            semantics,
            "[interventions.x]\nbehavior = \"migration speed\"\ntypes = [\"b\"]\nfactor = 0.5\nstart = 5\nstop = 25\n\
             [interventions.y]\ntypes = [\"b\"]\nscale = { \"migration speed\" = 4 }\nstart = 15\n",
        );
        for (time, expected) in [
            (4.0, 3.0),
            (5.0, 1.5),
            (15.0, 6.0),
            (24.0, 6.0),
            (25.0, 12.0),
        ] {
            go_to(&mut simulation, semantics, time);
            let kinds = simulation.roster().kinds.clone();
            for (speed, kind) in column(&mut simulation, 0).into_iter().zip(kinds) {
                assert!(kind == 0 || speed == expected, "{speed} at {time} min");
            }
        }
    }
}

#[test]
fn what_cannot_be_changed_is_refused() {
    let refusal = |intervention: &str| {
        let rest = ghost(
            "a",
            "custom = { load = { value = 1, conserved = true } }\nmotility = { speed = 1 }\n",
        ) + &ghost("b", "")
            + &format!("[rules]\nall = \"all.rules\"\n[interventions.x]\n{intervention}\n");
        let rules = "a: pressure increases migration speed from 1 towards 2, above 5\n";
        let text = plane(1000.0, [1.0, 1.0, 6.0], &rest);
        match bound(&[("scenario.toml", &text), ("all.rules", rules)]) {
            Ok(_) => String::new(),
            Err(message) => message,
        }
    };
    for (intervention, expected) in [
        (
            "behavior = \"migration speed\"\ntypes = [\"a\"]\nfactor = 2",
            "interventions.\"x\": rules `all` write `migration speed` of `a`, and would undo it\n  \
             let the rule read `time since x`, or a `drug:NAME`",
        ),
        (
            "types = [\"a\"]\nset = { \"migration speed\" = 2 }",
            "interventions.\"x\": rules `all` write `migration speed` of `a`, and would undo it\n  \
             let the rule read `time since x`, or a `drug:NAME`",
        ),
        (
            "behavior = \"custom:load\"\ntypes = [\"a\"]\nfactor = 2",
            "interventions.\"x\": `custom:load` is an amount, of which divisions take half, and cannot be given back\n  \
             edit it with `set` or `scale`, which are for good",
        ),
        (
            "types = [\"b\"]\nset = { \"custom:load\" = 2 }",
            "interventions.\"x\": `b` has no number `custom:load`\n  \
             add it to the scenario: [cell_types.\"b\".custom] \"load\" = 0",
        ),
        (
            "behavior = \"migration bias\"\ntypes = [\"b\"]\nvalue = 2",
            "interventions.\"x\": `migration bias` has no meaning at 2\n  it must lie between 0 and 1",
        ),
    ] {
        assert_eq!(refusal(intervention), expected);
    }
    let misspelled = refusal("behavior = \"migration sped\"\ntypes = [\"b\"]\nfactor = 2");
    assert!(
        misspelled.starts_with("interventions.\"x\": unknown behavior `migration sped`\n  did you mean `migration speed`"),
        "{misspelled}"
    );
    for intervention in [
        "behavior = \"migration speed\"\ntypes = [\"b\"]\nfactor = 2",
        "types = [\"a\"]\nscale = { \"custom:load\" = 2 }",
    ] {
        assert_eq!(refusal(intervention), "");
    }
}
