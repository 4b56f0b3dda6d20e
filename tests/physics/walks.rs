//! Crawling cells.

use sim::simulation::Simulation;

use crate::common::*;

fn distance2(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum()
}

/// Mean squared displacement and its standard error.
fn spread(simulation: &mut Simulation, start: &[[f64; 3]]) -> [f64; 2] {
    let now = simulation.table().position;
    let squares: Vec<f64> = now
        .iter()
        .zip(start)
        .map(|(a, b)| distance2(*a, *b))
        .collect();
    let [mean, variance] = moments(&squares);
    [mean, (variance / squares.len() as f64).sqrt()]
}

/// Fürth 1920, doi:10.1007/BF01328731: MSD = 2 v² τ (t − τ (1 − e^{−t/τ})), here with v = 2 µm/min
/// and τ = 15 min. Steps of dt add (dt/2τ)²/3 of it, 1e-4 here; what is left is sampling.
#[test]
fn persistent_walks_spread_as_furth_says() {
    let walker = ghost("walker", "motility = { speed = 2, persistence_time = 15 }");
    let text = plane(
        4000.0,
        [0.5, 0.5, 6.0],
        &(walker + "[cells.all]\ntype = \"walker\"\ncount = 2000\ndisc = { radius = 500 }\n"),
    );
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    let start = simulation.table().position;
    for (minutes, expected) in [(60.0, 5433.0), (540.0, 70200.0)] {
        advance(&mut simulation, minutes);
        let (v, tau, t) = (2.0f64, 15.0f64, simulation.time());
        let furth = 2.0 * v * v * tau * (t - tau * (1.0 - (-t / tau).exp()));
        near(furth, expected, 1.0);
        let [found, error] = spread(&mut simulation, &start);
        near(found, furth, 4.0 * error + 1e-4 * furth);
    }
}

#[test]
fn walks_in_three_dimensions_spread_in_all_of_them() {
    let walker = ghost("walker", "motility = { speed = 2, persistence_time = 5 }");
    let text = plane(1200.0, [0.5, 0.5, 6.0], &walker)
        .replace("dimensions = 2", "dimensions = 3")
        .replace("voxel = 1200", "voxel = 600")
        .replace("[1200, 1200]", "[1200, 1200, 1200]")
        + "[cells.all]\ntype = \"walker\"\ncount = 1000\nsphere = { radius = 200 }\n";
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    let start = simulation.table().position;
    advance(&mut simulation, 100.0);
    let furth = 2.0 * 4.0 * 5.0 * (100.0 - 5.0 * (1.0 - f64::exp(-20.0)));
    let [found, error] = spread(&mut simulation, &start);
    near(found, furth, 4.0 * error + 1e-3 * furth);
    for axis in 0..3 {
        let now = simulation.table().position;
        let steps: Vec<f64> = now
            .iter()
            .zip(&start)
            .map(|(a, b)| a[axis] - b[axis])
            .collect();
        let [mean, variance] = moments(&steps);
        near(mean, 0.0, 4.0 * (furth / 3.0 / 1000.0).sqrt());
        near(
            variance,
            furth / 3.0,
            4.0 * (2.0f64 / 1000.0).sqrt() * furth / 3.0,
        );
    }
}

/// A linear gradient along x: a cell of bias 1 crawls along it at its whole speed.
fn climber(sign: &str) -> Simulation {
    let text = format!(
        "duration = 100\n[domain]\ndimensions = 2\nsize = [400, 100]\nvoxel = 20\n\
         [clocks]\ndiffusion = 0.1\nmechanics = 0.1\nphenotype = 6\n\
         [substrates.bait]\ndiffusion_coefficient = 1e5\nboundary = {{ x_min = 0, x_max = 40 }}\n\
         {}[cells.first]\ntype = \"climber\"\nat = [[0, 3]]\n",
        ghost(
            "climber",
            &format!(
                "motility = {{ speed = 2, persistence_time = 1, bias = 1, chemotaxis = {{ bait = {sign}1 }} }}"
            )
        )
    );
    simulation(&[("scenario.toml", &text)])
}

#[test]
fn chemotaxis_of_full_bias_goes_straight_up_or_down_the_gradient() {
    for (sign, direction) in [("", 1.0), ("-", -1.0)] {
        let mut simulation = climber(sign);
        advance(&mut simulation, 50.0);
        let [x, y, z] = simulation.table().position[0];
        near(x, direction * 100.0, 1e-9);
        // Rows of voxels across the gradient differ by rounding.
        near(y, 3.0, 1e-9);
        assert_eq!(z, 0.0);
    }
}
