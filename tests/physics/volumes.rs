//! Volumes: steady, growing, shrinking, swelling.
//!
//! The explicit step of a first-order approach multiplies the distance to its target by 1 − k dt
//! exactly, so that most courses have a closed form at every step, equal to rounding.

use sim::output::{EventKind, Vitality};
use sim::simulation::Simulation;

use crate::common::*;

/// Of the default type: fluid, nuclear solid, cytoplasmic solid, µm³.
const FLUID: f64 = 0.75 * 2494.0;
const NUCLEUS: f64 = 0.25 * 540.0;
const CYTOPLASM: f64 = 0.25 * (2494.0 - 540.0);
/// Phenotype step, min.
const DT: f64 = 6.0;

fn one(cell: &str, table: &str) -> Simulation {
    let rest = ghost("tumor", cell)
        + "[cells.first]\nfile = \"cells.csv\"\n[outputs]\ncell_columns = [\"volume\"]\n";
    let text = plane(400.0, [6.0, 6.0, DT], &rest);
    simulation(&[("scenario.toml", &text), ("cells.csv", table)])
}

const DEFAULT: &str = "x,y,type\n0,0,tumor\n";

fn volume(simulation: &mut Simulation) -> f64 {
    column(simulation, 0)[0]
}

#[test]
fn a_resting_cell_keeps_its_volume() {
    for (table, total) in [
        (DEFAULT, 2494.0),
        ("x,y,type,volume\n0,0,tumor,900\n", 900.0),
    ] {
        let mut simulation = one("", table);
        advance(&mut simulation, 2400.0);
        near(volume(&mut simulation), total, 1e-9 * total);
        near(
            simulation.table().radius[0],
            f64::cbrt(total * 3.0 / (4.0 * std::f64::consts::PI)),
            1e-9,
        );
    }
}

/// A cell that doubles its targets, divides when it has reached them, and whose daughters then
/// rest: each is as large as the founder was.
#[test]
fn a_cell_doubles_before_it_divides_and_daughters_stay_single() {
    let cycle = "cycle = { model = \"custom\", phases = [
        { name = \"rest\", duration = \"100 h\", fixed = true },
        { name = \"grow\", duration = \"100 h\", fixed = true, divides = true, grows = true }] }";
    let mut simulation = one(cycle, DEFAULT);
    advance(&mut simulation, 5994.0);
    near(volume(&mut simulation), 2494.0, 1e-6);
    advance(&mut simulation, 6000.0);
    // What is left of the approach: (1 − 0.0045 · 6)^1000 = e⁻²⁷ of the cytoplasm.
    near(volume(&mut simulation), 2.0 * 2494.0, 1e-6);
    advance(&mut simulation, 6.0);
    assert_eq!(simulation.cells(), 2);
    near(volume(&mut simulation), 2494.0, 1e-6);
    advance(&mut simulation, 5000.0);
    near(volume(&mut simulation), 2494.0, 1e-6);
}

/// After "Live" has divided a cell in two without growth its targets double with the next phase:
/// solids approach them by 1 − k dt a step, fluid follows to three quarters of the whole.
#[test]
fn a_halved_cell_recovers_to_its_targets() {
    let cycle = "cycle = { model = \"custom\", phases = [
        { name = \"split\", duration = 60, fixed = true, divides = true },
        { name = \"recover\", duration = \"200 h\", fixed = true, grows = true }] }";
    // The next phase begins, with doubled targets, in the step of the division; then all halve.
    let mut simulation = one(cycle, DEFAULT);
    advance(&mut simulation, 60.0);
    assert_eq!(simulation.cells(), 2);
    let [kn, kc, kf] = [0.33 / 60.0, 0.27 / 60.0, 3.0 / 60.0].map(|rate| rate * DT);
    let (mut fluid, mut nucleus, mut cytoplasm) = (FLUID, NUCLEUS, CYTOPLASM);
    let mut recover = || {
        fluid += kf * (0.75 * (fluid + nucleus + cytoplasm) - fluid);
        nucleus += kn * (2.0 * NUCLEUS - nucleus);
        cytoplasm += kc * (2.0 * CYTOPLASM - cytoplasm);
        fluid + nucleus + cytoplasm
    };
    for _ in 0..500 {
        near(volume(&mut simulation), 0.5 * recover(), 1e-9);
        advance(&mut simulation, DT);
    }
    // (1 − 0.0045 · 6)^500 = 1e-6 of the cytoplasm's 488 µm³, times four with its fluid.
    near(volume(&mut simulation), 2494.0, 0.01);
}

#[test]
fn an_apoptotic_cell_shrinks_and_is_gone_after_516_minutes() {
    let dying = format!("apoptosis = {{ rate = {AT_ONCE} }}");
    let mut simulation = one(&dying, DEFAULT);
    advance(&mut simulation, DT);
    assert_eq!(simulation.roster().vitality[0], Vitality::Apoptotic);
    let [kf, kn, kc] = [3.0 / 60.0, 0.35 / 60.0, 1.0 / 60.0].map(|rate| 1.0 - rate * DT);
    for step in 0..86 {
        let expected = FLUID * kf.powi(step) + NUCLEUS * kn.powi(step) + CYTOPLASM * kc.powi(step);
        near(volume(&mut simulation), expected, 1e-9);
        advance(&mut simulation, DT);
    }
    assert_eq!(simulation.cells(), 0);
    let removal = &events(&simulation, EventKind::Removal)[0];
    assert_eq!(
        (removal.time, removal.cause),
        (DT + 516.0, Some("apoptotic"))
    );
}

#[test]
fn a_necrotic_cell_swells_to_twice_its_volume_and_then_shrinks() {
    let dying = format!("necrosis = {{ rate = {AT_ONCE}, duration = \"10 h\" }}");
    let mut simulation = one(&dying, DEFAULT);
    advance(&mut simulation, DT);
    assert_eq!(simulation.roster().vitality[0], Vitality::Necrotic);
    let [kf, kn, kc] = [0.67 / 60.0, 0.013 / 60.0, 0.0032 / 60.0].map(|rate| rate * DT);
    // While it swells its fluid tends to all of its volume: it gains kf times the solids.
    let (mut fluid, mut nucleus, mut cytoplasm) = (FLUID, NUCLEUS, CYTOPLASM);
    let mut steps = 0;
    while fluid + nucleus + cytoplasm < 2.0 * 2494.0 {
        near(volume(&mut simulation), fluid + nucleus + cytoplasm, 1e-8);
        fluid += kf * (nucleus + cytoplasm);
        nucleus -= kn * nucleus;
        cytoplasm -= kc * cytoplasm;
        steps += 1;
        advance(&mut simulation, DT);
    }
    let peak = volume(&mut simulation);
    near(peak, fluid + nucleus + cytoplasm, 1e-8);
    let lysed = 0.05 / 60.0 * DT;
    for _ in 0..50 {
        advance(&mut simulation, DT);
        fluid -= lysed * fluid;
        nucleus -= kn * nucleus;
        cytoplasm -= kc * cytoplasm;
        near(volume(&mut simulation), fluid + nucleus + cytoplasm, 1e-8);
    }
    assert!(volume(&mut simulation) < peak);
    // Ten hours from the step in which it burst, one after the peak was reached.
    advance(&mut simulation, 600.0 - 49.0 * DT);
    assert_eq!(simulation.cells(), 0);
    let removal = &events(&simulation, EventKind::Removal)[0];
    near(removal.time, DT * f64::from(steps + 2) + 600.0, 1e-9);
}
