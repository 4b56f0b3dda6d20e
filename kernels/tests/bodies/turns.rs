//! Meals, attacks and fusions, as competing risks and one after another.

use kernels::channels::Channel;
use kernels::conventions::Conventions;
use kernels::tissue::NOBODY;

use crate::support::{Model, STEP, assert_binomial, pairs, put, step};

/// A rate at which an event happens in every step, one after another.
const SURE: f64 = 2.0 / STEP;

fn in_turn() -> Model {
    Model::new(Conventions::PHYSICELL)
}

#[test]
fn meals_and_fusions_happen_at_their_rates() {
    for (conventions, chance) in [
        (Conventions::default(), 1.0 - (-0.4f64 * STEP).exp()),
        (Conventions::PHYSICELL, 0.4 * STEP),
    ] {
        let model = || Model::new(conventions).kinds(2);
        let eats = model().with(0, Channel::PhagocytoseApoptotic, 0.4);
        let mut tissue = eats.build();
        pairs(&mut tissue, 2500, [0, 3]);
        assert_binomial(step(&mut tissue, 1).meals.len(), 2500, chance);

        let fuses = model().with(0, Channel::Fuse(1), 0.4);
        let mut tissue = fuses.build();
        pairs(&mut tissue, 2500, [0, 2]);
        let fired = step(&mut tissue, 1);
        assert_binomial(fired.fusions.len(), 2500, chance);
        assert!(fired.fusions.is_sorted() && fired.meals.is_empty());
        assert!(fired.fusions.iter().all(|(own, other)| own + 1 == *other));

        // The dead neither fuse nor are fused with.
        let mut tissue = model().with(0, Channel::Fuse(1), SURE).build();
        pairs(&mut tissue, 100, [0, 3]);
        assert!(step(&mut tissue, 1).is_empty());
        let mut tissue = model().with(0, Channel::Fuse(1), SURE).build();
        pairs(&mut tissue, 100, [1, 2]);
        assert!(step(&mut tissue, 1).is_empty());
    }
}

#[test]
fn neighbors_are_drawn_for_independently_in_turn() {
    // One of two dead neighbors is eaten unless both draws fail.
    let model = in_turn().with(0, Channel::PhagocytoseApoptotic, 3.0);
    let mut tissue = model.build();
    let mut number = 0;
    for n in 0..2500u64 {
        let [x, y] = [n % 50, n / 50].map(|place| 100.0 * place as f64 - 2500.0);
        for (group, x) in [(0, x), (1, x - 15.0), (1, x + 15.0)] {
            put(&mut tissue, number, group, [x, y, 0.0]);
            number += 1;
        }
    }
    tissue.settle();
    let meals = step(&mut tissue, 1).meals;
    assert_binomial(meals.len(), 2500, 1.0 - 0.7 * 0.7);
    assert!(meals.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn a_turn_ends_at_the_first_neighbor_that_is_gone() {
    let model = in_turn().with(0, Channel::PhagocytoseApoptotic, SURE);
    let mut tissue = model.build();
    for (id, group, x) in [(1, 0, 0.0), (2, 0, 2.0), (3, 1, 1.0), (4, 1, 3.0)] {
        put(&mut tissue, id, group, [x, 0.0, 0.0]);
    }
    tissue.settle();
    assert_eq!(step(&mut tissue, 1).meals, [(1, 3)]);
}

#[test]
fn who_is_absorbed_does_nothing_more_and_one_cell_absorbs_one() {
    for conventions in [Conventions::default(), Conventions::PHYSICELL] {
        let model = Model::new(conventions).with(0, Channel::Fuse(0), 1e6);
        let mut tissue = model.build();
        for id in 1..=9 {
            put(&mut tissue, id, 0, [id as f64, 0.0, 0.0]);
        }
        tissue.settle();
        let fusions = step(&mut tissue, 1).fusions;
        assert!(!fusions.is_empty() && fusions.len() < 9);
        for (place, (own, other)) in fusions.iter().enumerate() {
            let earlier = &fusions[..place];
            assert!(
                earlier
                    .iter()
                    .all(|(a, b)| a != own && b != own && b != other)
            );
        }
    }
    // Cell 1 absorbs 2; 3 meets 1 first, then would meet the one who is gone.
    let mut tissue = in_turn().with(0, Channel::Fuse(0), SURE).build();
    for id in 1..=3 {
        put(&mut tissue, id, 0, [id as f64, 0.0, 0.0]);
    }
    tissue.settle();
    assert_eq!(step(&mut tissue, 1).fusions, [(1, 2), (3, 1)]);
}

#[test]
fn a_cell_eats_once_in_a_step_and_may_fuse_as_well() {
    let model = in_turn()
        .kinds(2)
        .with(0, Channel::Phagocytose(0), SURE)
        .with(0, Channel::Phagocytose(1), SURE)
        .with(0, Channel::Fuse(1), SURE);
    let mut tissue = model.build();
    for (id, group) in [(1, 0), (2, 2), (3, 2), (4, 2)] {
        put(&mut tissue, id, group, [id as f64, 0.0, 0.0]);
    }
    tissue.settle();
    let fired = step(&mut tissue, 1);
    assert_eq!(fired.meals, [(1, 2)]);
    assert_eq!(fired.fusions, [(1, 3)]);
}

fn attackers() -> Model {
    in_turn()
        .kinds(2)
        .with(0, Channel::Attack(1), SURE)
        .with(0, Channel::AttackDamageRate, 2.0)
        .with(0, Channel::AttackDuration, 1e9)
        .with(1, Channel::AttackDuration, 1e9)
}

#[test]
fn attacks_begin_at_rate_times_immunogenicity() {
    let model =
        attackers()
            .with(0, Channel::Attack(1), 0.8)
            .with(1, Channel::Immunogenicity(0), 0.5);
    let mut tissue = model.build();
    pairs(&mut tissue, 2500, [0, 2]);
    let fired = step(&mut tissue, 1);
    assert_binomial(fired.attacks.len(), 2500, 0.8 * 0.5 * STEP);
    // The first blow falls at once, and each attack is tied by an attachment.
    assert_eq!(fired.blows.len(), fired.attacks.len());
    assert!(fired.blows.iter().all(|(.., damage)| *damage == 2.0 * STEP));
    assert_eq!(tissue.attachments(), fired.attacks);
}

#[test]
fn an_attack_ends_in_time_and_takes_its_attachment_along() {
    let mut tissue = attackers().with(0, Channel::AttackDuration, 2.0).build();
    pairs(&mut tissue, 2500, [0, 2]);
    let fired = step(&mut tissue, 1);
    assert_eq!(fired.attacks.len(), 2500);
    assert_binomial(2500 - tissue.attachments().len(), 2500, STEP / 2.0);
    // Without a duration, attacks end in the step in which they begin.
    let mut tissue = attackers().with(0, Channel::AttackDuration, 0.0).build();
    pairs(&mut tissue, 10, [0, 2]);
    assert_eq!(step(&mut tissue, 1).blows.len(), 10);
    assert!(tissue.attachments().is_empty());
    assert!((0..20).all(|rank| tissue.target(rank) == NOBODY));
}

#[test]
fn an_attack_goes_on_at_a_distance_until_the_target_dies_or_is_gone() {
    let mut tissue = attackers().build();
    pairs(&mut tissue, 2, [0, 2]);
    step(&mut tissue, 1);
    assert_eq!([tissue.target(0), tissue.target(2)], [1, 3]);
    for rank in [1, 3] {
        tissue.place(rank, [rank as f64 * 900.0, 900.0, 0.0]);
    }
    tissue.settle();
    assert_eq!(step(&mut tissue, 2).blows.len(), 2);
    tissue.die(1, 3);
    tissue.remove(3);
    tissue.settle();
    assert_eq!(tissue.target(2), NOBODY);
    assert!(step(&mut tissue, 3).blows.is_empty());
    assert_eq!(tissue.target(0), NOBODY);
    assert!(tissue.attachments().is_empty());
}

#[test]
fn nobody_strikes_who_was_eaten_in_this_step() {
    let mut tissue = attackers().build();
    for (id, group) in [(1, 0), (2, 0), (5, 2)] {
        put(&mut tissue, id, group, [id as f64, 0.0, 0.0]);
    }
    tissue.settle();
    assert_eq!(step(&mut tissue, 1).blows.len(), 2);
    tissue.own(Channel::Phagocytose(1));
    tissue.set_channel(Channel::Phagocytose(1), 0, SURE);
    tissue.rates_changed();
    let fired = step(&mut tissue, 2);
    assert_eq!(fired.meals, [(1, 5)]);
    assert!(fired.blows.is_empty());
    assert_eq!([tissue.target(0), tissue.target(1)], [NOBODY; 2]);
}

#[test]
fn random_detachment_does_not_end_an_attack() {
    let model = attackers().with(0, Channel::DetachmentRate, SURE);
    let mut tissue = model.build();
    pairs(&mut tissue, 1, [0, 2]);
    step(&mut tissue, 1);
    assert_eq!(tissue.attachments(), [(0, 1)]);
    assert_eq!(step(&mut tissue, 2).blows.len(), 1);
    assert!(tissue.attachments().is_empty());
}

#[test]
fn turns_do_not_depend_on_the_order_of_insertion() {
    let run = |backwards: bool| {
        let model = attackers()
            .with(0, Channel::Attack(1), 2.0)
            .with(0, Channel::Phagocytose(1), 1.0)
            .with(1, Channel::Fuse(0), 1.0)
            .with(1, Channel::PhagocytoseApoptotic, 3.0);
        let mut tissue = model.build();
        for n in 0..400u64 {
            let n = if backwards { 399 - n } else { n };
            let position = [(n % 20) as f64 * 13.0, (n / 20) as f64 * 13.0, 0.0];
            put(&mut tissue, n * 31 % 401, (n / 3 % 4) as u16, position);
        }
        tissue.settle();
        step(&mut tissue, 1)
    };
    let fired = run(false);
    assert!(!fired.meals.is_empty() && !fired.fusions.is_empty() && !fired.blows.is_empty());
    assert_eq!(fired, run(true));
}
