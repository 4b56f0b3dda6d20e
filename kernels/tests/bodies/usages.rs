//! What bodies do in Milieu's usage and in the other, side by side.

use kernels::Grid;
use kernels::channels::Channel;
use kernels::conventions::{Bodies, Conventions};
use kernels::motion::Domain;
use kernels::tissue::{Body, NOBODY, Tissue, Walk};

use crate::support::{Model, STEP, assert_binomial, at, ball, put, step};

const OURS: fn() -> Model = || Model::new(Conventions::default());
const THEIRS: fn() -> Model = || Model::new(Conventions::PHYSICELL);

fn sticky(model: Model) -> Model {
    model
        .with(0, Channel::Repulsion, 10.0)
        .with(0, Channel::Adhesion, 0.4)
}

#[test]
fn milieus_own_usage_is_the_default() {
    assert_ne!(Bodies::default(), Bodies::PHYSICELL);
    assert_eq!(Conventions::default().bodies, Bodies::default());
}

#[test]
fn only_cells_whose_voxels_touch_meet_by_voxels() {
    // The domain starts at −3000 µm, so voxels of 30 µm end at multiples of 30.
    for (left, right, met) in [(29.0, 61.0, false), (31.0, 63.0, true), (29.0, 59.0, true)] {
        for (model, meets) in [(OURS(), true), (THEIRS(), met)] {
            let mut tissue = model.build();
            for (id, x) in [(1, left), (2, right)] {
                tissue.insert(&Body {
                    id,
                    group: 0,
                    position: [x, 0.0, 0.0],
                    volume: ball(18.0),
                    like: None,
                });
            }
            tissue.settle();
            step(&mut tissue, 1);
            let expected = if meets { 1.0 } else { 0.0 };
            assert_eq!([0, 1].map(|rank| tissue.contacts(0, rank)), [expected; 2]);
        }
    }
}

#[test]
fn two_at_one_point_part_or_stay() {
    for (model, parts) in [(OURS(), true), (THEIRS(), false)] {
        let mut tissue = sticky(model).build();
        put(&mut tissue, 1, 0, [5.0, 5.0, 0.0]);
        put(&mut tissue, 2, 0, [5.0, 5.0, 0.0]);
        tissue.settle();
        step(&mut tissue, 1);
        assert_eq!(at(&tissue, 1) != at(&tissue, 2), parts);
        // Both feel the pressure of complete overlap.
        assert!(tissue.pressure(0) > 36.0);
    }
}

#[test]
fn the_first_step_is_eulers_or_one_from_rest() {
    let moved = |model: Model| {
        let mut tissue = sticky(model).build();
        put(&mut tissue, 1, 0, [0.0, 0.0, 0.0]);
        put(&mut tissue, 2, 0, [10.0, 0.0, 0.0]);
        tissue.settle();
        step(&mut tissue, 1);
        at(&tissue, 1)[0]
    };
    let (ours, theirs) = (moved(OURS()), moved(THEIRS()));
    assert!(ours < 0.0);
    assert!((theirs / ours - 1.5).abs() < 1e-12);
}

#[test]
fn height_in_a_plane_counts_for_distance_and_does_not_change() {
    let mut tissue = sticky(THEIRS()).build();
    put(&mut tissue, 1, 0, [0.0, 0.0, -4.0]);
    put(&mut tissue, 2, 0, [8.0, 0.0, 2.0]);
    tissue.settle();
    step(&mut tissue, 1);
    // At a distance of √(8² + 6²) = 10 µm, with R = 16 and S = 20 µm.
    let velocity = -(10.0 * (1.0 - 10.0 / 16.0f64).powi(2) - 0.4 * 0.25) * 0.8;
    assert!((at(&tissue, 1)[0] - 1.5 * STEP * velocity).abs() < 1e-12);
    assert_eq!([at(&tissue, 1)[2], at(&tissue, 2)[2]], [-4.0, 2.0]);
}

fn pushed(dimensions: usize, position: [f64; 3]) -> [f64; 3] {
    let domain = Domain {
        min: [-50.0; 3],
        max: [50.0; 3],
        dimensions,
    };
    let mut velocity = [[0.0; 3]];
    domain
        .push_from_nearest_wall(100.0, &[position], &[10.0], &mut velocity)
        .expect("columns of one length");
    velocity[0]
}

#[test]
fn the_nearest_wall_pushes_alone() {
    // 100 (1 − 5/10)² = 25 µm/min.
    assert_eq!(pushed(2, [-45.0, 42.0, 0.0]), [25.0, 0.0, 0.0]);
    assert_eq!(pushed(2, [-42.0, 45.0, 0.0]), [0.0, -25.0, 0.0]);
    assert_eq!(pushed(2, [0.0, 0.0, 45.0]), [0.0; 3]);
    assert_eq!(pushed(3, [1.0, 0.0, 45.0]), [0.0, 0.0, -25.0]);
    // Of two at one distance, the first.
    assert_eq!(pushed(2, [-45.0, 45.0, 0.0]), [25.0, 0.0, 0.0]);
    assert_eq!(pushed(3, [44.0, -45.0, -45.0]), [0.0, 25.0, 0.0]);
    assert_eq!(pushed(3, [-30.0, 30.0, 20.0]), [0.0; 3]);
}

#[test]
fn on_the_diagonal_the_nearest_wall_pushes_toward_the_origin() {
    let part = 25.0 / 2f64.sqrt();
    for (position, expected) in [
        ([45.0, 45.0, 0.0], [-part, -part, 0.0]),
        ([-45.0, -45.0, 0.0], [part, part, 0.0]),
    ] {
        for (found, expected) in pushed(2, position).into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9);
        }
    }
    let part = 25.0 / 3f64.sqrt();
    let found = pushed(3, [-45.0; 3]);
    assert!(found.iter().all(|found| (found - part).abs() < 1e-9));
    // One that is off by more than the tolerance has a nearest face again.
    assert_eq!(pushed(2, [45.0, 45.0 - 1e-6, 0.0])[1], 0.0);
    assert_eq!(pushed(3, [45.0, 45.0, 44.0]), [-25.0, 0.0, 0.0]);
}

/// Two cells of which one pushes the other over the face at 3000 µm, and a third beside them.
fn at_the_edge(model: Model) -> Tissue {
    let mut tissue = sticky(model).with(0, Channel::BondStiffness, 0.001).build();
    put(&mut tissue, 1, 0, [2999.9, 0.0, 0.0]);
    put(&mut tissue, 2, 0, [2990.0, 0.0, 0.0]);
    put(&mut tissue, 3, 0, [2985.0, 6.0, 0.0]);
    tissue.settle();
    tissue.attach(1, 2);
    tissue
}

#[test]
fn a_center_that_leaves_is_put_back_or_frozen() {
    let mut tissue = at_the_edge(OURS());
    step(&mut tissue, 1);
    assert_eq!(at(&tissue, 1)[0], 3000.0);
    assert_eq!(tissue.clamps.outside, 1);
    assert!(!tissue.is_frozen(0));

    let mut tissue = at_the_edge(THEIRS());
    step(&mut tissue, 1);
    let left = at(&tissue, 1);
    assert!(left[0] > 3000.0 && tissue.is_frozen(0));
    assert_eq!(tissue.clamps.outside, 0);
    // From now on nothing moves it, whether rows are sorted anew or not; the others feel it still.
    for tick in 2..=5 {
        step(&mut tissue, tick);
        if tick == 3 {
            tissue.settle();
        }
        assert_eq!(at(&tissue, 1), left);
        assert_eq!(
            [0, 1, 2].map(|rank| tissue.contacts(0, rank)),
            [0.0, 2.0, 2.0]
        );
        assert_eq!(tissue.pressure(0), 0.0);
    }
}

#[test]
fn who_is_placed_outside_is_frozen_for_good() {
    let mut tissue = sticky(THEIRS())
        .with(0, Channel::AttachmentRate, 100.0)
        .build();
    put(&mut tissue, 1, 0, [0.0, 0.0, 0.0]);
    put(&mut tissue, 2, 0, [5.0, 0.0, 10.1]);
    put(&mut tissue, 3, 0, [-9000.0, f64::NAN, 0.0]);
    put(&mut tissue, 4, 0, [0.0, 5.0, 0.0]);
    tissue.settle();
    tissue.attach(1, 2);
    assert_eq!(
        [0, 1, 2, 3].map(|rank| tissue.is_frozen(rank)),
        [false, true, true, false]
    );
    step(&mut tissue, 1);
    // Who is inside attaches to it, and it to nobody.
    assert_eq!(tissue.attachments(), [(1, 2), (1, 4), (2, 4)]);
    tissue.place(3, [0.0, 3001.0, 0.0]);
    tissue.settle();
    assert!(tissue.is_frozen(3));
    tissue.place(3, [0.0, 5.0, 0.0]);
    tissue.settle();
    assert!(tissue.is_frozen(3));
    step(&mut tissue, 2);
    step(&mut tissue, 3);
    assert_eq!(tissue.contacts(0, 0), 2.0);
    assert_eq!(at(&tissue, 4), [0.0, 5.0, 0.0]);
    assert_eq!(at(&tissue, 2), [5.0, 0.0, 10.1]);
}

#[test]
fn an_immovable_cell_pushes_and_stays_and_may_feel_nothing() {
    for (model, feels) in [(OURS(), true), (THEIRS(), false)] {
        let mut model = sticky(model).kinds(2).with(1, Channel::Movable, 0.0);
        model = model
            .with(1, Channel::Repulsion, 10.0)
            .with(1, Channel::Speed, 5.0)
            .with(1, Channel::PhagocytoseApoptotic, 1e9);
        let mut tissue = model.build();
        put(&mut tissue, 1, 2, [0.0, 0.0, 0.0]);
        put(&mut tissue, 2, 1, [10.0, 0.0, 0.0]);
        tissue.settle();
        let fired = step(&mut tissue, 1);
        assert_eq!(at(&tissue, 1), [0.0; 3]);
        assert!(at(&tissue, 2)[0] > 10.0);
        assert_eq!(tissue.contacts(0, 1), 1.0);
        assert_eq!(tissue.contacts(0, 0) > 0.0, feels);
        assert_eq!(tissue.pressure(0) > 0.0, feels);
        assert_eq!(fired.meals.len(), usize::from(feels));
        // What moved and then may not any more stops at once.
        tissue.own(Channel::Movable);
        tissue.set_channel(Channel::Movable, 1, 0.0);
        tissue.rates_changed();
        let before = at(&tissue, 2);
        step(&mut tissue, 2);
        assert_eq!(at(&tissue, 2), before);
    }
}

/// Lonely walkers 100 µm apart.
fn walkers(model: Model, speed: f64, persistence: f64) -> Tissue {
    let model = model
        .with(0, Channel::Speed, speed)
        .with(0, Channel::PersistenceTime, persistence);
    let mut tissue = model.build();
    for n in 0..2500u64 {
        let [x, y] = [n % 50, n / 50].map(|place| 100.0 * place as f64 - 2500.0);
        put(&mut tissue, n, 0, [x, y, 0.0]);
    }
    tissue.settle();
    tissue
}

fn displacements(tissue: &Tissue, before: &[[f64; 3]]) -> Vec<f64> {
    let ids = tissue.ids().iter().zip(before);
    ids.map(|(&id, before)| {
        let now = at(tissue, id);
        (now[0] - before[0]).hypot(now[1] - before[1])
    })
    .collect()
}

fn positions(tissue: &Tissue) -> Vec<[f64; 3]> {
    tissue.ids().iter().map(|&id| at(tissue, id)).collect()
}

#[test]
fn a_kept_vector_starts_at_rest_and_is_renewed_with_probability_dt_over_tau() {
    let mut tissue = walkers(THEIRS(), 2.0, 5.0);
    let before = positions(&tissue);
    step(&mut tissue, 1);
    let moved = displacements(&tissue, &before);
    assert_binomial(moved.iter().filter(|d| **d > 0.0).count(), 2500, STEP / 5.0);
    let whole = |d: &f64| (d - 1.5 * STEP * 2.0).abs() < 1e-9;
    assert!(moved.iter().all(|d| *d == 0.0 || whole(d)));
    // A persistence below the step renews everybody.
    let mut tissue = walkers(THEIRS(), 2.0, 0.05);
    let before = positions(&tissue);
    step(&mut tissue, 1);
    assert!(displacements(&tissue, &before).iter().all(whole));
    // Milieu's walkers all start.
    let mut tissue = walkers(OURS(), 2.0, 5.0);
    let before = positions(&tissue);
    step(&mut tissue, 1);
    let moved = displacements(&tissue, &before);
    assert!(moved.iter().all(|d| (d - STEP * 2.0).abs() < 1e-9));
}

#[test]
fn a_kept_vector_outlasts_a_change_of_speed_and_passes_to_daughters_but_not_to_the_dead() {
    let mut tissue = walkers(THEIRS(), 2.0, 0.05);
    step(&mut tissue, 1);
    step(&mut tissue, 2);
    // What changes its group rests until it is renewed.
    tissue.set_group(7, 0);
    for (channel, value) in [(Channel::Speed, 0.0), (Channel::PersistenceTime, 1e12)] {
        tissue.own(channel);
        for rank in 0..tissue.len() {
            tissue.set_channel(channel, rank, value);
        }
    }
    tissue.rates_changed();
    let daughter = |id, like| Body {
        id,
        group: 0,
        position: [0.0, 2900.0 - id as f64 / 100.0, 0.0],
        volume: ball(8.0),
        like,
    };
    tissue.insert(&daughter(5000, Some(3)));
    tissue.insert(&daughter(6000, None));
    tissue.settle();
    for rank in [2500, 2501] {
        tissue.set_channel(Channel::Speed, rank, 0.0);
        tissue.set_channel(Channel::PersistenceTime, rank, 1e12);
    }
    tissue.rates_changed();
    // One step to let the previous velocity of the last draw pass, and one to measure.
    step(&mut tissue, 3);
    let before = positions(&tissue);
    step(&mut tissue, 4);
    let moved = displacements(&tissue, &before);
    let full = |d: f64| (d - STEP * 2.0).abs() < 1e-9;
    assert!(
        (0..2500)
            .filter(|rank| *rank != 7)
            .all(|rank| full(moved[rank]))
    );
    assert_eq!([moved[7], moved[2501]], [0.0, 0.0]);
    assert!(full(moved[2500]));
    let mother = tissue.position(3)[0] - before[3][0];
    let child = tissue.position(2500)[0] - before[2500][0];
    assert!((mother - child).abs() < 1e-9);
}

#[test]
fn who_is_not_motile_does_not_walk_and_a_walk_may_be_confined_to_the_plane() {
    for conventions in [Conventions::default(), Conventions::PHYSICELL] {
        let walk = |motile, in_plane| {
            let mut model = Model::new(conventions);
            let grid = Grid::new(
                [-3000.0, -3000.0, -100.0],
                [3000.0, 3000.0, 100.0],
                [100.0; 3],
            );
            model.grid = grid.expect("whole voxels");
            model.walk = Walk {
                motile,
                in_plane,
                ..Walk::default()
            };
            let mut tissue = walkers(model, 2.0, 0.05);
            let before = positions(&tissue);
            step(&mut tissue, 1);
            let moved = displacements(&tissue, &before)
                .into_iter()
                .fold(0.0, f64::max);
            let rose = positions(&tissue).iter().any(|position| position[2] != 0.0);
            (moved > 0.0, rose)
        };
        assert_eq!(walk(false, false), (false, false));
        assert_eq!(walk(true, false), (true, true));
        assert_eq!(walk(true, true), (true, false));
    }
}

#[test]
fn a_cells_own_affinities_hold_as_the_table_does() {
    for conventions in [Conventions::default(), Conventions::PHYSICELL] {
        let build = |a: f64, b: f64| {
            let mut tissue = Model::new(conventions)
                .kinds(2)
                .with(0, Channel::Adhesion, 0.4)
                .with(1, Channel::Adhesion, 0.9)
                .with(0, Channel::Affinity(1), a)
                .with(1, Channel::Affinity(0), b)
                .build();
            put(&mut tissue, 1, 0, [0.0, 0.0, 0.0]);
            put(&mut tissue, 2, 2, [17.0, 0.0, 0.0]);
            tissue.settle();
            tissue
        };
        let mut by_table = build(0.3, 0.7);
        step(&mut by_table, 1);
        let mut by_row = build(1.0, 0.7);
        by_row.own(Channel::Affinity(1));
        by_row.set_channel(Channel::Affinity(1), 0, 0.3);
        by_row.rates_changed();
        step(&mut by_row, 1);
        assert!(at(&by_table, 1)[0] > 0.0);
        for id in [1, 2] {
            assert_eq!(at(&by_row, id), at(&by_table, id));
        }
    }
}

#[test]
fn damage_is_repaired_exactly_each_mechanics_step_or_implicitly_each_phenotype_step() {
    let (rate, repair) = (0.3, 0.2);
    let damaged = |model: Model| {
        let mut tissue = model
            .with(0, Channel::DamageRate, rate)
            .with(0, Channel::RepairRate, repair)
            .build();
        put(&mut tissue, 1, 0, [0.0; 3]);
        tissue.settle();
        tissue.harm(0, 5.0);
        for tick in 1..=60 {
            step(&mut tissue, tick);
        }
        let before = tissue.damage(0);
        tissue.repair(6.0);
        (before, tissue.damage(0))
    };
    let steady = rate / repair;
    let exact = steady + (5.0 - steady) * (-repair * 6.0f64).exp();
    let (before, after) = damaged(OURS());
    assert!((before - exact).abs() < 1e-12 && before == after);
    assert_eq!(
        damaged(THEIRS()),
        (5.0, (5.0 + 6.0 * rate) / (1.0 + 6.0 * repair))
    );
}

#[test]
fn a_daughter_may_inherit_the_attack_and_the_dead_may_keep_their_own_numbers() {
    for (model, own) in [(OURS(), false), (THEIRS(), true)] {
        let mut tissue = model
            .kinds(2)
            .with(0, Channel::Attack(1), 1e9)
            .with(0, Channel::AttackDuration, 1e9)
            .build();
        put(&mut tissue, 1, 0, [0.0, 0.0, 0.0]);
        put(&mut tissue, 2, 2, [10.0, 0.0, 0.0]);
        tissue.settle();
        step(&mut tissue, 1);
        assert_eq!(tissue.target(0), 2);
        tissue.detach_all(1);
        tissue.insert(&Body {
            id: 3,
            group: 0,
            position: [0.0, 12.0, 0.0],
            volume: ball(8.0),
            like: Some(1),
        });
        tissue.settle();
        assert_eq!(tissue.target(2), if own { 2 } else { NOBODY });
        assert!(tissue.attachments().is_empty());

        tissue.own(Channel::Repulsion);
        tissue.set_channel(Channel::Repulsion, 0, 7.0);
        tissue.rates_changed();
        tissue.die(0, 1);
        assert_eq!(
            tissue.channel(Channel::Repulsion, 0),
            if own { 7.0 } else { 0.0 }
        );
        assert_eq!(tissue.target(0), NOBODY);
    }
}
