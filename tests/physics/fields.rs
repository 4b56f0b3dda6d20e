//! Substrates and the cells in them.

use sim::simulation::Simulation;

use crate::common::*;

/// A closed plane of 400 × 400 µm in voxels of 20 µm, with a substrate `s` that diffuses.
fn sealed(rest: &str) -> Simulation {
    let text = format!(
        "duration = 100\n[domain]\ndimensions = 2\nsize = [400, 400]\nvoxel = 20\n\
         [clocks]\ndiffusion = 0.01\nmechanics = 0.1\nphenotype = 6\n\
         [substrates.s]\ndiffusion_coefficient = 1000\n{rest}"
    );
    simulation(&[("scenario.toml", &text)])
}

/// density × µm³.
fn total(simulation: &Simulation) -> f64 {
    let volume = simulation.tissue().grid().voxel_volume();
    volume * simulation.tissue().densities().iter().sum::<f64>()
}

#[test]
fn a_sealed_box_holds_what_was_exported_into_it() {
    let cell = "[cell_types.tumor.exchange.s]\nexport_rate = 12.5\n";
    let mut simulation = sealed(&(cell.to_owned() + &lattice("tumor", 3, 47.0, [3.0, 5.0])));
    for _ in 0..100 {
        simulation.step().unwrap();
    }
    let exported = 9.0 * 12.5 * simulation.time();
    near(total(&simulation), exported, 1e-12 * exported);
}

/// The amount each cell moved follows from the density it left behind: V S (ρ* − c) − V U c + E
/// per min, c before its voxel's export is added. What they moved together is the change of the
/// field, to the rounding of 400 voxels' sum.
#[test]
fn secretion_and_uptake_are_all_that_changes_the_field() {
    let maker = "[cell_types.maker.exchange.s]\n\
        secretion_rate = 10\nsecretion_target = 3\nuptake_rate = 2\nexport_rate = 40\n";
    let taker = "[cell_types.taker]\nvolume = { radius = 6 }\n[cell_types.taker.exchange.s]\nuptake_rate = 30\n";
    let rest = ["initial = 1\n", maker, taker].concat()
        + &lattice("maker", 4, 17.0, [0.0, 0.0])
        + &lattice("taker", 5, 33.0, [4.0, -9.0]);
    let mut simulation = sealed(&rest);
    let dt = 0.01;
    for _ in 0..100 {
        let before = total(&simulation);
        // Where cells are while they exchange: mechanics comes after.
        let cells = simulation.table();
        simulation.step().unwrap();
        let tissue = simulation.tissue();
        let grid = tissue.grid();
        let voxels: Vec<usize> = cells.position.iter().map(|at| grid.voxel_of(*at)).collect();
        let makers = |voxel: usize| {
            let in_it = voxels.iter().zip(&cells.cell_type);
            in_it
                .filter(|&(&it, &kind)| it == voxel && kind == 0)
                .count() as f64
        };
        let mut moved = 0.0;
        for cell in 0..cells.id.len() {
            let exported = 40.0 * dt * makers(voxels[cell]) / grid.voxel_volume();
            let c = tissue.densities()[voxels[cell]] - exported;
            let volume = 4.0 / 3.0 * std::f64::consts::PI * cells.radius[cell].powi(3);
            moved += dt
                * match cells.cell_type[cell] {
                    0 => volume * (10.0 * (3.0 - c) - 2.0 * c) + 40.0,
                    _ => -volume * 30.0 * c,
                };
        }
        let after = total(&simulation);
        near(after - before, moved, 1e-12 * after);
    }
}

/// In one voxel c' = (V/W) (S ρ* − (S + U) c), whose implicit step is exact to a geometric series.
#[test]
fn one_cell_in_one_voxel_approaches_its_own_density() {
    let rest = "[substrates.s]\ndiffusion_coefficient = 0\n\
        [cell_types.tumor.exchange.s]\nsecretion_rate = 4\nsecretion_target = 10\nuptake_rate = 1\n\
        [cells.first]\ntype = \"tumor\"\nat = [[0, 0]]\n";
    let text = plane(20.0, [0.01, 0.1, 6.0], rest);
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    let rate = 5.0 * 2494.0 / 8000.0;
    for step in 1..=200 {
        simulation.step().unwrap();
        let left = (1.0 + rate * 0.01f64).powi(-step);
        near(
            simulation.tissue().densities()[0],
            8.0 * (1.0 - left),
            1e-12,
        );
    }
}

#[test]
fn decay_is_the_implicit_step_in_each_direction() {
    let mut simulation = sealed("initial = 5\ndecay_rate = 0.3\n");
    for _ in 0..100 {
        simulation.step().unwrap();
    }
    // Locally one-dimensional: half of the decay in x, half in y.
    let expected = 5.0 * (1.0 + 0.5 * 0.3 * 0.01f64).powi(-200);
    for density in simulation.tissue().densities() {
        near(*density, expected, 1e-12);
    }
}

#[test]
fn what_is_not_there_cannot_be_taken_and_the_attempt_is_counted() {
    let taker = "initial = 1\n[cell_types.tumor.exchange.s]\nexport_rate = -1e6\n";
    let mut simulation = sealed(&(taker.to_owned() + &lattice("tumor", 2, 100.0, [0.0, 0.0])));
    for _ in 0..50 {
        simulation.step().unwrap();
    }
    let densities = simulation.tissue().densities();
    assert_eq!(densities.iter().copied().fold(f64::INFINITY, f64::min), 0.0);
    assert_eq!(
        simulation.clamps(),
        [("density below zero".to_owned(), 4 * 50, 0)]
    );
}

/// Cells that crawl, secrete and consume, and a dose, in ticks so short that the split solver is
/// nearly exact (2 ‰ in the bench `solvers`, where 0.01 min give 18 ‰); the fields that rules read after 6 and 12 min.
fn read_by_rules(diffusion: &str) -> [Vec<f64>; 2] {
    let text = format!(
        "duration = 100\n[domain]\ndimensions = 2\nsize = [400, 400]\n\
         [clocks]\ndiffusion = 0.001\n{diffusion}\n\
         [substrates.s]\ndiffusion_coefficient = 1000\ninitial = 1\ndecay_rate = 0.1\nboundary = {{ x_min = 1 }}\n\
         [cell_types.maker]\nmotility = {{ speed = 3, persistence_time = 5 }}\n\
         [cell_types.maker.exchange.s]\nsecretion_rate = 5\nsecretion_target = 3\n\
         [cell_types.taker.exchange.s]\nuptake_rate = 2\n\
         [interventions.bolus]\nsubstrate = \"s\"\ndose = 0.5\nstart = 4\n"
    ) + &lattice("maker", 4, 67.0, [0.0, 0.0])
        + &lattice("taker", 9, 33.0, [4.0, -9.0]);
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    [(); 2].map(|()| {
        for _ in 0..6000 {
            simulation.step().unwrap();
        }
        simulation.tissue().densities().to_vec()
    })
}

#[test]
fn solvers_agree_within_the_tolerance() {
    let exact = read_by_rules("");
    for tolerance in [0.1, 0.01] {
        let stated = format!("[diffusion]\nsolver = \"unsplit\"\ntolerance = {tolerance}");
        let found = read_by_rules(&stated);
        for (found, exact) in found.iter().zip(&exact) {
            let square = |(a, b): (&f64, &f64)| (a - b) * (a - b);
            let apart: f64 = found.iter().zip(exact).map(square).sum();
            let whole: f64 = exact.iter().map(|a| a * a).sum();
            let error = (apart / whole).sqrt();
            assert!(error < tolerance, "{error} at a tolerance of {tolerance}");
        }
    }
}
