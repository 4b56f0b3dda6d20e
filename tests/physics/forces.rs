//! Pushing, sticking, walls.

use crate::common::*;

/// Repulsion c (1 − d/R)² balances adhesion a (1 − d/S)² at d/R = (√c − √a) / (√c − √a/1.25).
/// Near it a pair approaches at 0.095/min, so that after 1000 min none of the way is left. From
/// 18 µm they first creep: adhesion is 0.008 µm/min there.
#[test]
fn two_cells_relax_to_their_equilibrium_distance() {
    let (c, a) = (10.0f64, 0.4f64);
    for gap in [8.0, 18.0] {
        let cells = format!(
            "[cell_types.tumor]\n[cells.pair]\ntype = \"tumor\"\nat = [[0, 0], [{gap}, 1]]\n"
        );
        let text = plane(400.0, [0.1, 0.1, 6.0], &cells);
        let mut simulation = simulation(&[("scenario.toml", &text)]);
        advance(&mut simulation, 1000.0);
        let cells = simulation.table();
        let [p, q] = [cells.position[0], cells.position[1]];
        let distance = (p[0] - q[0]).hypot(p[1] - q[1]);
        let sum = cells.radius[0] + cells.radius[1];
        let balance = (c.sqrt() - a.sqrt()) / (c.sqrt() - a.sqrt() / 1.25);
        near(distance, balance * sum, 1e-9);
        // They push each other alike: the middle stays, to the rounding of 10 000 steps.
        near(p[0] + q[0], gap, 1e-11);
        near(p[1] + q[1], 1.0, 1e-11);
    }
}

#[test]
fn walls_keep_cells_inside_and_what_they_cannot_hold_is_counted() {
    for (wall, speed) in [(100, 20), (0, 20)] {
        let text = format!(
            "duration = 100\n[domain]\ndimensions = 2\nsize = [100, 100]\nvoxel = 20\n\
             wall_repulsion = {wall}\n{}{}",
            ghost(
                "tumor",
                &format!("motility = {{ speed = {speed}, persistence_time = 10 }}")
            ),
            lattice("tumor", 5, 15.0, [0.0, 0.0])
        );
        let mut simulation = simulation(&[("scenario.toml", &text)]);
        let mut nearest = f64::INFINITY;
        for _ in 0..3000 {
            simulation.step().unwrap();
            for [x, y, _] in simulation.table().position {
                nearest = nearest.min(50.0 - x.abs().max(y.abs()));
            }
        }
        if wall > 0 {
            // Wall and walk balance at 100 (1 − d/R)² = 20; a step of 0.1 min at ≤ 2 µm wiggles.
            let radius = simulation.table().radius[0];
            near(nearest, radius * (1.0 - 0.2f64.sqrt()), 2.0);
            assert_eq!(simulation.clamps(), []);
        } else {
            assert_eq!(nearest, 0.0);
            let clamps = simulation.clamps();
            let [(name, count, 0)] = &clamps[..] else {
                panic!("{clamps:?}");
            };
            assert_eq!(name, "cell outside the domain");
            assert!(*count > 100);
        }
    }
}

#[test]
fn two_cells_in_one_place_part_in_opposite_directions() {
    let cells = "[cell_types.tumor]\n[cells.pair]\ntype = \"tumor\"\nat = [[5, 5], [5, 5]]\n";
    let text = plane(400.0, [0.1, 0.1, 6.0], cells);
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    advance(&mut simulation, 10.0);
    let [p, q] = [0, 1].map(|cell| simulation.tissue().position(cell));
    assert!((p[0] - q[0]).hypot(p[1] - q[1]) > 10.0);
    near(p[0] + q[0], 10.0, 1e-12);
    near(p[1] + q[1], 10.0, 1e-12);
}
