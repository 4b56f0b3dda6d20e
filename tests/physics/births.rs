//! What a division leaves: daughters of other types, shares of amounts, places on an axis.

use std::f64::consts::PI;

use sim::output::{CellTable, EventKind};
use sim::simulation::Simulation;

use crate::common::*;

/// A cycle that divides a cell in the first phenotype step and not in the next nine.
const ONCE: &str = "cycle = { model = \"custom\", phases = [\
    { name = \"first\", duration = 6, fixed = true, divides = true }, \
    { name = \"rest\", duration = 60, fixed = true }] }\n";

/// 2000 mothers in one step of division: the table before and after, and the simulation.
fn divided(semantics: &str, a: &str, rules: &str) -> (CellTable, CellTable, Simulation) {
    let rest = ghost("a", &format!("{ONCE}{a}"))
        + &ghost("b", "")
        + &ghost("c", "")
        + "[cells.all]\ntype = \"a\"\ncount = 2000\n"
        + if rules.is_empty() {
            ""
        } else {
            "[rules]\nall = \"all.rules\"\n"
        };
    let text = semantics.to_owned() + &plane(3000.0, [6.0, 6.0, 6.0], &rest);
    let mut simulation = simulation(&[("scenario.toml", &text), ("all.rules", rules)]);
    let before = simulation.table();
    simulation.step().unwrap();
    let after = simulation.table();
    (before, after, simulation)
}

/// How many daughters are of each type; every mother is still what she was.
fn daughters((before, after, simulation): &(CellTable, CellTable, Simulation)) -> [usize; 3] {
    assert_eq!(events(simulation, EventKind::Division).len(), 2000);
    assert_eq!(after.id.len(), 4000);
    let mut counts = [0; 3];
    for (id, &kind) in after.id.iter().zip(&after.cell_type) {
        match before.id.binary_search(id) {
            Ok(_) => assert_eq!(kind, 0),
            Err(_) => counts[usize::from(kind)] += 1,
        }
    }
    let changes = events(simulation, EventKind::Transformation);
    assert_eq!(changes.len(), counts[1] + counts[2]);
    counts
}

#[test]
fn daughters_are_of_other_types_as_often_as_stated() {
    for semantics in BOTH {
        let a = "asymmetric_division = { b = 0.3, c = 0.2 }";
        let [own, b, c] = daughters(&divided(semantics, a, ""));
        binomial(own, 2000, 0.5);
        binomial(b, 2000, 0.3);
        binomial(c, 2000, 0.2);
    }
}

/// 0.9 + 0.4 is more than 1, and the mother's own type has what the other leaves: 0.6.
#[test]
fn the_own_type_gives_way_to_others() {
    for semantics in BOTH {
        let a = "asymmetric_division = { a = 0.9, b = 0.4 }";
        let [own, b, c] = daughters(&divided(semantics, a, ""));
        assert_eq!(c, 0);
        binomial(own, 2000, 0.6);
        binomial(b, 2000, 0.4);
    }
}

/// Rules may lead beyond a sum of 1: then the own type has nothing, and later types what is left.
#[test]
fn shares_that_rules_raise_beyond_one_go_to_the_first_types() {
    for semantics in BOTH {
        let a = "asymmetric_division = { a = 0.9, b = 0.1, c = 0.1 }";
        let rules = "a: volume increases asymmetric division to b from 0.1 towards 0.7, above 1 µm^3\n\
                     a: volume increases asymmetric division to c from 0.1 towards 0.8, above 1 µm^3\n";
        let [own, b, c] = daughters(&divided(semantics, a, rules));
        assert_eq!(own, 0);
        binomial(b, 2000, 0.7);
        binomial(c, 2000, 0.3);
    }
}

/// The daughter that becomes another type has that type's numbers, beside the mother's volume.
#[test]
fn each_daughter_has_half_of_an_amount_and_all_of_a_number() {
    for semantics in BOTH {
        let a =
            format!("{ONCE}custom = {{ dose = {{ value = 8, conserved = true }}, mark = 5 }}\n");
        let rest = ghost("a", &a)
            + &lattice("a", 3, 60.0, [0.0, 0.0])
            + "[outputs]\ncell_columns = [\"custom:dose\", \"custom:mark\"]\n";
        let text = semantics.to_owned() + &plane(400.0, [6.0, 6.0, 6.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text)]);
        simulation.step().unwrap();
        assert_eq!(column(&mut simulation, 0), [4.0; 18]);
        assert_eq!(column(&mut simulation, 1), [5.0; 18]);
    }
}

/// 1 µm³·density/min is taken in by each cell whatever the density, from the first diffusion step
/// on: an amount at a division of one diffusion step, of 6 min.
#[test]
fn each_daughter_has_half_of_what_was_taken_up() {
    for semantics in BOTH {
        let a = format!("{ONCE}exchange = {{ drug = {{ export_rate = -1 }} }}\n");
        let rest = "[substrates.drug]\ndiffusion_coefficient = 0\ninitial = 1000\n".to_owned()
            + &ghost("a", &a)
            + &lattice("a", 3, 60.0, [0.0, 0.0])
            + "[outputs]\ncell_columns = [\"intracellular drug\", \"volume\"]\n";
        let text = semantics.to_owned()
            + "track_internalized_substrates = true\n"
            + &plane(400.0, [6.0, 6.0, 6.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text)]);
        simulation.step().unwrap();
        let [densities, volumes] = [0, 1].map(|number| column(&mut simulation, number));
        assert_eq!(densities.len(), 18);
        for (rank, (density, volume)) in densities.iter().zip(volumes).enumerate() {
            near(simulation.tissue().internalized(0, rank), 3.0, 1e-12);
            near(*density, 3.0 / volume, 1e-15);
        }
    }
}

/// Where mothers and daughters are, from where the mother was, in radii of the mother.
fn offsets(semantics: &str, dimensions: u32, rest: &str) -> Vec<[[f64; 3]; 2]> {
    let size = if dimensions == 2 {
        "2000, 2000"
    } else {
        "2000, 2000, 2000"
    };
    let text = format!(
        "{semantics}duration = \"1 d\"\n\
         [domain]\ndimensions = {dimensions}\nsize = [{size}]\nvoxel = 1000\n\
         [clocks]\ndiffusion = 6\nmechanics = 6\nphenotype = 6\n{}\
         [cells.all]\ntype = \"a\"\ncount = 1500\nbox = {{ min = [{}], max = [{}] }}\n{rest}",
        ghost("a", ONCE),
        &"-900, -900, -900"[..if dimensions == 2 { 10 } else { 16 }],
        &"900, 900, 900"[..if dimensions == 2 { 8 } else { 13 }],
    );
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    let before = simulation.table();
    simulation.step().unwrap();
    let after = simulation.table();
    let place = |table: &CellTable, id: u64| {
        table.position[table.id.binary_search(&id).expect("it is there")]
    };
    let divisions = events(&simulation, EventKind::Division);
    let pair = |division: &sim::output::Event| {
        let old = place(&before, division.cell);
        [division.cell, division.partner.unwrap()].map(|id| {
            let new = place(&after, id);
            std::array::from_fn(|axis| (new[axis] - old[axis]) / before.radius[0])
        })
    };
    let pairs: Vec<_> = divisions.iter().map(pair).collect();
    assert_eq!(pairs.len(), 1500);
    pairs
}

fn length(vector: [f64; 3]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Positions are of the order of 1000 µm, so that differences of them are exact to about 1e-12 in
/// radii of 8 µm.
#[test]
fn a_division_keeps_the_center_of_mass_but_in_physicell() {
    for [mother, daughter] in offsets("", 3, "") {
        near(length(mother), 0.75, 1e-12);
        (0..3).for_each(|axis| near(mother[axis], -daughter[axis], 1e-12));
    }
    for [mother, daughter] in offsets(PHYSICELL, 3, "") {
        near(length(daughter), 1.0, 1e-12);
        (0..3).for_each(|axis| near(mother[axis], -0.5 * daughter[axis], 1e-12));
    }
}

/// In PhysiCell's plane an axis is the shadow of one in space: its mean length is π/4, and its
/// variance 2/3 − π²/16. In Milieu's it is one of the plane.
#[test]
fn an_axis_in_the_plane_is_a_shadow_in_physicell() {
    for [mother, _] in offsets("", 2, "") {
        near(length(mother), 0.75, 1e-12);
        assert_eq!(mother[2], 0.0);
    }
    let pairs = offsets(PHYSICELL, 2, "");
    let lengths: Vec<f64> = pairs
        .iter()
        .map(|[_, daughter]| length(*daughter))
        .collect();
    assert!(pairs.iter().flatten().all(|offset| offset[2] == 0.0));
    let variance = 2.0 / 3.0 - PI * PI / 16.0;
    near(
        moments(&lengths)[0],
        PI / 4.0,
        4.0 * (variance / 1500.0).sqrt(),
    );
}

/// For a uniform direction |cos θ| is uniform: mean 1/2, variance 1/12. For a uniform polar angle
/// the mean is 2/π and the variance 1/2 − 4/π².
#[test]
fn polar_axes_crowd_at_the_poles() {
    for semantics in BOTH {
        for (rest, mean, variance) in [
            ("", 0.5, 1.0 / 12.0),
            (
                "[division]\npolar_axes = true\n",
                2.0 / PI,
                0.5 - 4.0 / PI / PI,
            ),
        ] {
            let pairs = offsets(semantics, 3, rest);
            let cosines = pairs.iter().map(|[_, it]| (it[2] / length(*it)).abs());
            let cosines: Vec<f64> = cosines.collect();
            near(
                moments(&cosines)[0],
                mean,
                4.0 * (variance / 1500.0f64).sqrt(),
            );
        }
    }
}
