//! What is done to the tissue from outside: how much of it, when, and nothing else.

use std::f64::consts::LN_2;

use sim::output::EventKind;
use sim::simulation::Simulation;

use crate::common::*;

/// A plane of 10 × 10 voxels, 100 µm wide, with a substrate that stays where it is.
fn dish(semantics: &str, rest: &str) -> Simulation {
    let rest = "[substrates.agent]\nunit = \"µM\"\ndiffusion_coefficient = 0\n".to_owned()
        + &ghost("a", "")
        + &ghost("b", "")
        + rest;
    let text = semantics.to_owned() + &plane(100.0, [1.0, 1.0, 6.0], &rest);
    simulation(&[("scenario.toml", &text.replace("voxel = 100", "voxel = 10"))])
}

/// The sum of a substrate's densities over the 100 voxels.
fn total(simulation: &Simulation) -> f64 {
    simulation.tissue().densities().iter().sum()
}

/// Rows of a column of `cell_columns` at each of these times, all cells alike.
fn read_at(simulation: &mut Simulation, times: &[f64]) -> Vec<f64> {
    let mut read = Vec::new();
    for time in times {
        let step = time - simulation.time();
        advance(simulation, step);
        let values = column(simulation, 0);
        assert!(
            values
                .iter()
                .all(|value| value.to_bits() == values[0].to_bits())
        );
        read.push(values[0]);
    }
    read
}

/// A step in which a dose is due has it at its end; in PhysiCell a clock strikes at the beginning.
fn seen(semantics: &str, time: f64) -> f64 {
    if semantics.is_empty() {
        time
    } else {
        time + 1.0
    }
}

#[test]
fn a_bolus_raises_the_amount_by_dose_times_volume_at_each_of_its_times() {
    for semantics in BOTH {
        let mut simulation = dish(
            semantics,
            "[interventions.x]\nsubstrate = \"agent\"\ndose = \"2 µM\"\nstart = 5\nevery = 10\nrepeats = 3\n",
        );
        for (time, doses) in [
            (4.0, 0.0),
            (5.0, 1.0),
            (14.0, 1.0),
            (15.0, 2.0),
            (25.0, 3.0),
            (60.0, 3.0),
        ] {
            let step = seen(semantics, time) - simulation.time();
            advance(&mut simulation, step);
            assert_eq!(total(&simulation), 200.0 * doses, "{time} min");
        }
    }
}

#[test]
fn a_dose_at_the_start_is_given_in_the_first_step_and_once() {
    for semantics in BOTH {
        let mut simulation = dish(
            semantics,
            "[interventions.x]\nsubstrate = \"agent\"\ndose = 2\n",
        );
        for _ in 0..20 {
            simulation.step().unwrap();
            assert_eq!(total(&simulation), 200.0);
        }
    }
}

#[test]
fn a_bolus_lies_in_the_voxels_whose_centers_its_region_holds() {
    let simulation = {
        let mut simulation = dish(
            "",
            "[interventions.x]\nsubstrate = \"agent\"\ndose = 2\ndisc = { center = [10, 0], radius = 20 }\n",
        );
        advance(&mut simulation, 1.0);
        simulation
    };
    let grid = simulation.tissue().grid();
    for (voxel, density) in simulation.tissue().densities().iter().enumerate() {
        let [x, y, _] = grid.center(voxel);
        let expected = if (x - 10.0).hypot(y) <= 20.0 {
            2.0
        } else {
            0.0
        };
        assert_eq!(*density, expected);
    }
}

/// Faces held at 1 µM stay there: 64 of 100 voxels take the dose, in Milieu, whose boundaries are
/// held through.
#[test]
fn a_boundary_that_holds_a_density_is_not_dosed() {
    let rest = ghost("a", "")
        + "[substrates.agent]\nunit = \"µM\"\ndiffusion_coefficient = 0\nboundary = { all = 1 }\n\
           [interventions.x]\nsubstrate = \"agent\"\ndose = 2\n";
    let text = plane(100.0, [1.0, 1.0, 6.0], &rest).replace("voxel = 100", "voxel = 10");
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    advance(&mut simulation, 3.0);
    assert_eq!(total(&simulation), 36.0 + 64.0 * 2.0);
}

/// In n steps of 1 min n/120 of the dose; a sum of 120 parts is right to 120 roundings.
#[test]
fn an_infusion_gives_its_dose_at_a_constant_rate() {
    for semantics in BOTH {
        let mut simulation = dish(
            semantics,
            "[interventions.x]\nsubstrate = \"agent\"\ndose = 3\nstart = 10.5\nover = \"2 h\"\n",
        );
        for time in [10.0, 11.0, 70.0, 130.0, 131.0, 500.0] {
            let step = seen(semantics, time) - simulation.time();
            advance(&mut simulation, step);
            let share = ((time - 10.5) / 120.0).clamp(0.0, 1.0);
            near(
                total(&simulation),
                300.0 * share,
                300.0 * 120.0 * f64::EPSILON,
            );
        }
    }
}

/// An agent's half-life is its substrate's own decay: after a bolus into a well-mixed closed dish
/// it falls by 1/(1 + λ dt) a step, which is the scheme.
#[test]
fn a_dosed_substrate_decays_as_its_own_rate_says() {
    let rest = ghost("a", "")
        + "[substrates.agent]\ndiffusion_coefficient = 100\ndecay_rate = 0.02\n\
           [interventions.x]\nsubstrate = \"agent\"\ndose = 2\n";
    let mut simulation = simulation(&[("scenario.toml", &plane(100.0, [1.0, 1.0, 6.0], &rest))]);
    advance(&mut simulation, 50.0);
    // 0.02 · 1 min, halved between two sweeps.
    near(total(&simulation), 2.0 * 1.01f64.powi(-100), 1e-12);
}

#[test]
fn a_drug_follows_its_closed_form() {
    let [dose, half_life, every] = [10.0, 90.0, 60.0];
    let k = LN_2 / half_life;
    for (over, one) in [
        ("", &(|t: f64| (-k * t).exp()) as &dyn Fn(f64) -> f64),
        ("over = 30\n", &|t: f64| {
            (1.0 - (-k * t.min(30.0)).exp()) / (k * 30.0) * (-k * (t - 30.0).max(0.0)).exp()
        }),
    ] {
        for semantics in BOTH {
            let mut simulation = dish(
                semantics,
                &format!(
                    "[cells.all]\ntype = \"a\"\ncount = 2\n[outputs]\ncell_columns = [\"drug:anti-PD-1\"]\n\
                     [interventions.anti-PD-1]\nunit = \"µM\"\ndose = \"10000 nM\"\nhalf_life = {half_life}\n\
                     start = 20\nevery = {every}\nrepeats = 5\n{over}"
                ),
            );
            let times = [
                0.0, 19.0, 20.0, 40.0, 79.0, 80.0, 81.0, 260.0, 261.0, 500.0, 2000.0,
            ];
            for (time, found) in times.iter().zip(read_at(&mut simulation, &times)) {
                let doses = (0..5).map(|i| time - 20.0 - f64::from(i) * every);
                let expected: f64 = doses.filter(|t| *t >= 0.0).map(|t| dose * one(t)).sum();
                // The portable exponential and this one differ in the last bit.
                near(found, expected, 1e-14 * dose * 5.0);
            }
        }
    }
}

#[test]
fn a_drug_without_half_life_stays() {
    let mut simulation = dish(
        "",
        "[cells.all]\ntype = \"a\"\ncount = 2\n[outputs]\ncell_columns = [\"drug:x\"]\n\
         [interventions.x]\ndose = 3\nevery = 100\nstop = 250\nover = 10\n",
    );
    assert_eq!(
        read_at(&mut simulation, &[5.0, 10.0, 99.0, 105.0, 400.0]),
        [1.5, 3.0, 3.0, 4.5, 9.0]
    );
}

/// Three entries of one drug in all orders: the same bits, and the sum of each alone.
#[test]
fn entries_of_one_drug_add_up_in_any_order() {
    let entries = [
        "[interventions.p]\ndrug = \"x\"\ndose = 0.1\nhalf_life = 70\n",
        "[interventions.q]\ndrug = \"x\"\ndose = 0.7\nstart = 13\nevery = 17\nrepeats = 4\n",
        "[interventions.r]\ndrug = \"x\"\ndose = 0.03\nstart = 5\nover = 29\n",
    ];
    let times = [1.0, 13.0, 30.0, 47.0, 200.0];
    let read = |texts: &[&str]| {
        let rest = "[cells.all]\ntype = \"a\"\ncount = 2\n[outputs]\ncell_columns = [\"drug:x\"]\n";
        read_at(&mut dish("", &(rest.to_owned() + &texts.concat())), &times)
    };
    let [p, q, r] = entries;
    let all = read(&[p, q, r]);
    for order in [[p, r, q], [q, p, r], [q, r, p], [r, p, q], [r, q, p]] {
        assert_eq!(read(&order), all);
    }
    let half_life = "half_life = 70\n";
    let alone = [
        read(&[p]),
        read(&[&(q.to_owned() + half_life)]),
        read(&[&(r.to_owned() + half_life)]),
    ];
    for (at, sum) in all.iter().enumerate() {
        near(*sum, alone.iter().map(|one| one[at]).sum(), 1e-15);
    }
}

#[test]
fn time_and_number_of_doses_are_signals() {
    let rest = |signal: &str| {
        format!(
            "[cells.all]\ntype = \"a\"\ncount = 2\n[outputs]\ncell_columns = [\"{signal}\"]\n\
             [interventions.x]\ncells = \"b\"\ndose = 1\nstart = 20\nevery = 50\nrepeats = 2\n"
        )
    };
    for semantics in BOTH {
        let mut one = dish(semantics, &rest("time since x"));
        let mut other = dish(semantics, &rest("doses of x"));
        let times = [0.0, 19.0, 20.0, 69.0, 70.0, 300.0];
        assert_eq!(read_at(&mut one, &times), [1e6, 1e6, 0.0, 49.0, 0.0, 230.0]);
        assert_eq!(read_at(&mut other, &times), [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
    }
}

#[test]
fn infused_cells_come_at_their_times_into_their_region() {
    for semantics in BOTH {
        let mut simulation = dish(
            semantics,
            "[interventions.x]\ncells = \"b\"\ndose = 200\nstart = 20\nevery = 50\nrepeats = 3\n\
             disc = { radius = 40, inner_radius = 20 }\n",
        );
        advance(&mut simulation, 200.0);
        let come = events(&simulation, EventKind::Arrival);
        let times: Vec<f64> = come.iter().map(|event| event.time).collect();
        assert_eq!(times, [[20.0; 200], [70.0; 200], [120.0; 200]].concat());
        assert_eq!(simulation.cells(), 600);
        assert!(come.iter().all(|event| event.cell_type == 1));
        let outer = come.iter().filter(|event| {
            let [x, y, _] = event.position;
            assert!((20.0..=40.0).contains(&x.hypot(y)));
            x.hypot(y).powi(2) > 1000.0
        });
        // Uniform in area: half lie beyond r² = (20² + 40²)/2.
        binomial(outer.count(), 600, 0.5);
    }
}

/// Ids and places of the cells that two infusions bring do not depend on which stands first.
#[test]
fn infusions_in_any_order_are_one_tissue() {
    let one = "[interventions.one]\ncells = \"a\"\ndose = 50\nevery = 7\nrepeats = 3\n";
    let other = "[interventions.other]\ncells = \"b\"\ndose = 50\nstart = 7\n";
    let [first, second] = [[one, other], [other, one]].map(|order| {
        let mut simulation = dish("", &order.concat());
        advance(&mut simulation, 60.0);
        let table = simulation.table();
        (table.id, table.position)
    });
    assert_eq!(first.0.len(), 200);
    assert_eq!(first, second);
}

/// Above 5 the rule doubles the speed; the drug is above 5 for one half-life.
#[test]
fn a_rule_reads_a_drug() {
    let rest = "[substrates.agent]\ndiffusion_coefficient = 0\n".to_owned()
        + &ghost("a", "motility = { speed = 1 }\n")
        + "[cells.all]\ntype = \"a\"\ncount = 4\n[outputs]\ncell_columns = [\"migration speed\"]\n\
           [interventions.x]\ndose = 10\nhalf_life = 60\nstart = 30\n[interventions.y]\nsubstrate = \"agent\"\ndose = 1\n\
           [rules]\nall = { file = \"all.rules\", clock = 1 }\n";
    let rules = "a: drug:x increases migration speed from 1 towards 2, above 5\n";
    for semantics in BOTH {
        let text = semantics.to_owned() + &plane(1000.0, [1.0, 1.0, 6.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text), ("all.rules", rules)]);
        let times = [29.0, 30.0, 88.0, 95.0].map(|time| seen(semantics, time));
        assert_eq!(read_at(&mut simulation, &times), [1.0, 2.0, 2.0, 1.0]);
    }
    let rules = "a: drug:agent increases migration speed from 1 towards 2, above 0.5\n\
                 a: \"time since x\" decreases migration speed towards 0, above 1e7\n";
    let text = plane(1000.0, [1.0, 1.0, 6.0], &rest);
    let mut simulation = simulation(&[("scenario.toml", &text), ("all.rules", rules)]);
    assert_eq!(read_at(&mut simulation, &[3.0]), [2.0]);
}
