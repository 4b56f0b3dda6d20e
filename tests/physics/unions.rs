//! Two cells become one: by fusion, or because one eats the other.

use sim::output::EventKind;
use sim::simulation::Simulation;

use crate::common::*;

/// Diffusion step, min.
const DT: f64 = 0.1;

/// 25 pairs, an `a` with 3 units of dose and a `b` 12 µm beside it with 5, that become one in the
/// first mechanics step; until then an `a` takes up 1, a `b` 3 units of drug a minute.
fn united(semantics: &str, a: &str, b: &str) -> Simulation {
    let a = format!(
        "{a}\ncustom = {{ dose = {{ value = 3, conserved = true }}, mark = 7 }}\n\
         exchange = {{ drug = {{ export_rate = -1 }} }}\nvolume = {{ total = 2000 }}\n"
    );
    let b = format!(
        "{b}\ncustom = {{ mark = 9, dose = {{ value = 5, conserved = true }} }}\n\
         exchange = {{ drug = {{ export_rate = -3 }} }}\nvolume = {{ total = 3000 }}\n"
    );
    let rest = "[substrates.drug]\ndiffusion_coefficient = 0\ninitial = 1000\n".to_owned()
        + &ghost("a", &a)
        + &ghost("b", &b)
        + &lattice("a", 5, 100.0, [0.0, 0.0])
        + &lattice("b", 5, 100.0, [12.0, 0.0])
        + "[outputs]\nwrite = [\"physicell\"]\ncell_columns = \
           [\"volume\", \"custom:dose\", \"custom:mark\", \"intracellular drug\"]\n";
    let text = semantics.to_owned()
        + "track_internalized_substrates = true\n"
        + &plane(700.0, [DT, 1.0, 6.0], &rest);
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    let before = simulation.table();
    assert_eq!(before.id.len(), 50);
    while simulation.cells() == 50 {
        assert!(simulation.time() < 2.0, "nothing has happened");
        simulation.step().unwrap();
    }
    simulation
}

/// Amounts of drug are those of all diffusion steps so far: 4 units a minute and pair.
fn has_all_of_both(simulation: &mut Simulation, dose: f64) {
    assert_eq!(simulation.cells(), 25);
    let drug = 4.0 * simulation.time();
    let [volumes, doses, marks, densities] = [0, 1, 2, 3].map(|number| column(simulation, number));
    for rank in 0..25 {
        assert_eq!(simulation.roster().kinds[rank], 0);
        near(volumes[rank], 5000.0, 1e-9);
        assert_eq!((doses[rank], marks[rank]), (dose, 7.0));
        near(simulation.tissue().internalized(0, rank), drug, 1e-12);
        near(densities[rank], drug / 5000.0, 1e-15);
    }
}

#[test]
fn a_fused_cell_has_all_of_both_at_the_center_of_their_volumes() {
    for semantics in BOTH {
        let fusing = format!("interactions = {{ fusion = {{ b = {AT_ONCE} }} }}");
        let mut simulation = united(semantics, &fusing, "");
        // PhysiCell adds conserved numbers of a meal, but not of a fusion.
        has_all_of_both(
            &mut simulation,
            if semantics.is_empty() { 8.0 } else { 3.0 },
        );
        let fusions = events(&simulation, EventKind::Fusion);
        assert_eq!(fusions.len(), 25);
        let table = simulation.table();
        for fusion in &fusions {
            assert_eq!((fusion.cell_type, fusion.partner_type), (0, Some(1)));
            assert!(table.id.binary_search(&fusion.partner.unwrap()).is_err());
            let rank = table.id.binary_search(&fusion.cell).unwrap();
            // 12 µm apart, and b has three fifths of the volume.
            let [x, y, _] = table.position[rank];
            near(x, (x / 100.0).floor() * 100.0 + 0.6 * 12.0, 1e-9);
            near(y, (y / 100.0).round() * 100.0, 1e-9);
        }
        let detail = table.detail.expect("a writer needs it");
        let nuclei = detail
            .numbers
            .get("number_of_nuclei")
            .expect("it is a number");
        assert_eq!(nuclei, [2.0; 25]);
        // The targets have added too, so that the cell stays as large as both were: solid of both
        // nuclei, and the cytoplasm that goes with it.
        advance(&mut simulation, 300.0);
        for volume in column(&mut simulation, 0) {
            near(volume, 5000.0, 1e-6);
        }
    }
}

/// An eater's targets stay: it shrinks back to what it was. Solids are the slowest, with
/// 0.27/60 per min: after four of their times e⁻⁴ of the meal's solid is left, and of its fluid,
/// which is in balance with solids but for 0.05 − 0.27/60 per min, at most e⁻⁴ · 1.5.
#[test]
fn an_eater_has_all_of_its_meal_and_shrinks_back() {
    for semantics in BOTH {
        let eating = format!("interactions = {{ phagocytose = {{ b = {AT_ONCE} }} }}");
        let mut simulation = united(semantics, &eating, "");
        let places: Vec<f64> = simulation.table().position.iter().map(|it| it[0]).collect();
        has_all_of_both(&mut simulation, 8.0);
        assert_eq!(events(&simulation, EventKind::Phagocytosis).len(), 25);
        // It stays where it was.
        for x in places {
            near(x, (x / 100.0).round() * 100.0, 1e-9);
        }
        advance(&mut simulation, 4.0 * 60.0 / 0.27);
        for volume in column(&mut simulation, 0) {
            assert!(
                (2000.0..2000.0 + 3000.0 * 1.5 * f64::exp(-4.0)).contains(&volume),
                "{volume}"
            );
        }
    }
}

/// Milieu keeps the numbers that both types know by name; PhysiCell keeps conserved ones alone.
#[test]
fn a_transformation_keeps_amounts_and_in_milieu_all_numbers() {
    for (semantics, mark) in [("", 7.0), (PHYSICELL, 9.0)] {
        let a = format!(
            "custom = {{ dose = {{ value = 3, conserved = true }}, mark = 7 }}\n\
             transformations = {{ b = {AT_ONCE} }}"
        );
        let b = "custom = { mark = 9, dose = { value = 5, conserved = true } }";
        let rest = ghost("a", &a)
            + &ghost("b", b)
            + &lattice("a", 3, 60.0, [0.0, 0.0])
            + "[outputs]\ncell_columns = [\"custom:dose\", \"custom:mark\"]\n";
        let text = semantics.to_owned() + &plane(400.0, [6.0, 6.0, 6.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text)]);
        simulation.step().unwrap();
        assert_eq!(simulation.table().cell_type, [1; 9]);
        assert_eq!(column(&mut simulation, 0), [3.0; 9]);
        assert_eq!(column(&mut simulation, 1), [mark; 9]);
    }
}

/// In a crowd where everybody eats and fuses, who has just absorbed another may be eaten in the
/// same step, with all that was absorbed: nothing is lost but what is counted.
#[test]
fn who_has_absorbed_another_may_be_eaten_in_the_same_step() {
    for semantics in BOTH {
        let hungry = "interactions = { phagocytose = { a = 0.3 }, fusion = { a = 0.3 } }\n\
                      volume = { fluid_change_rate = 0, cytoplasmic_change_rate = 0, \
                      nuclear_change_rate = 0 }";
        let rest = ghost("a", hungry) + &lattice("a", 9, 6.0, [0.0, 0.0]);
        let text = semantics.to_owned() + &plane(700.0, [DT, 1.0, 6.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text)]);
        let total = |simulation: &Simulation| -> f64 {
            let radii = (0..simulation.cells()).map(|rank| simulation.tissue().radius(rank));
            radii.map(sim::cell::sphere).sum()
        };
        let before = total(&simulation);
        while simulation.time() < 10.0 {
            simulation.step().unwrap();
        }
        assert!(simulation.cells() < 60, "{} cells", simulation.cells());
        let happened = |kind: EventKind| simulation.events().iter().any(|event| event.kind == kind);
        assert!(happened(EventKind::Fusion) && happened(EventKind::Phagocytosis));
        near(total(&simulation), before, 1e-9 * before);
    }
}

/// Cells whose volumes do not change become a type whose volumes do.
#[test]
fn the_transformed_keep_their_rates_of_change_in_physicell() {
    for (semantics, stays) in [("", false), (PHYSICELL, true)] {
        let still = format!(
            "volume = {{ fluid_change_rate = 0, cytoplasmic_change_rate = 0, \
             nuclear_change_rate = 0 }}\ntransformations = {{ b = {AT_ONCE} }}"
        );
        let rest = ghost("a", &still)
            + &ghost("b", "volume = { fluid_fraction = 0.5 }")
            + &lattice("a", 3, 50.0, [0.0, 0.0])
            + "[outputs]\ncell_columns = [\"volume\"]\n";
        let text = semantics.to_owned() + &plane(700.0, [DT, 1.0, 6.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text)]);
        while simulation.time() < 30.0 {
            simulation.step().unwrap();
        }
        assert!(simulation.roster().kinds.iter().all(|&kind| kind == 1));
        for volume in column(&mut simulation, 0) {
            assert_eq!(volume == 2494.0, stays, "{volume}");
        }
    }
}
