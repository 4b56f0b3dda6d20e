//! Attachments break, form and pull as their rates say.

use kernels::Pool;
use kernels::channels::Channel;
use kernels::conventions::Conventions;
use kernels::tissue::Tissue;

use crate::support::{Model, STEP, assert_binomial, at, pairs, put, step};

const BOTH: [fn() -> Conventions; 2] = [Conventions::default, || Conventions::PHYSICELL];

/// Touching cells of kinds 0 and 1 with α = 5 and 4, A_0(1) = 0.6 and A_1(0) = 0.3.
fn attaching(conventions: Conventions) -> Model {
    Model::new(conventions)
        .kinds(2)
        .with(0, Channel::AttachmentRate, 5.0)
        .with(0, Channel::Affinity(1), 0.6)
        .with(1, Channel::AttachmentRate, 4.0)
        .with(1, Channel::Affinity(0), 0.3)
}

#[test]
fn pairs_attach_at_the_rate_of_both() {
    let rates = [5.0 * 0.6, 4.0 * 0.3];
    let exact = 1.0 - (-(rates[0] + rates[1]) * STEP).exp();
    let in_turn = 1.0 - (1.0 - rates[0] * STEP) * (1.0 - rates[1] * STEP);
    for (conventions, chance) in BOTH.into_iter().zip([exact, in_turn]) {
        let mut tissue = attaching(conventions()).build();
        // The dead attach as the living do.
        pairs(&mut tissue, 2500, [0, 3]);
        step(&mut tissue, 1);
        assert_binomial(tissue.attachments().len(), 2500, chance);
    }
}

#[test]
fn who_has_no_rate_is_attached_to_by_the_other() {
    let rate: f64 = 4.0 * 0.3;
    let chances = [1.0 - (-rate * STEP).exp(), rate * STEP];
    for (conventions, chance) in BOTH.into_iter().zip(chances) {
        let model = attaching(conventions()).with(0, Channel::AttachmentRate, 0.0);
        let mut tissue = model.build();
        pairs(&mut tissue, 2500, [0, 2]);
        step(&mut tissue, 1);
        assert_binomial(tissue.attachments().len(), 2500, chance);
    }
}

#[test]
fn attachments_break_at_the_rate_of_both() {
    let rates = [3.0, 1.0];
    let exact = 1.0 - (-(rates[0] + rates[1]) * STEP).exp();
    let in_turn = 1.0 - (1.0 - rates[0] * STEP) * (1.0 - rates[1] * STEP);
    for (conventions, chance) in BOTH.into_iter().zip([exact, in_turn]) {
        let model = Model::new(conventions())
            .kinds(2)
            .with(0, Channel::DetachmentRate, rates[0])
            .with(1, Channel::DetachmentRate, rates[1]);
        let mut tissue = model.build();
        pairs(&mut tissue, 2500, [0, 2]);
        for n in 0..2500 {
            tissue.attach(2 * n + 1, 2 * n);
        }
        assert_eq!(tissue.attachments().len(), 2500);
        step(&mut tissue, 1);
        assert_binomial(2500 - tissue.attachments().len(), 2500, chance);
    }
}

/// A heap of `side`² cells in reach of each other's neighbors, whose ids have no order in space.
fn heap(mut tissue: Tissue, side: u64, backwards: bool) -> Tissue {
    let cells = side * side;
    for n in 0..cells {
        let n = if backwards { cells - 1 - n } else { n };
        let [x, y] = [n % side, n / side].map(|place| 14.0 * place as f64);
        put(
            &mut tissue,
            n * 7919 % 104_729,
            0,
            [x - 700.0, y - 700.0, 0.0],
        );
    }
    tissue.settle();
    tissue
}

fn restless(conventions: Conventions) -> Model {
    Model::new(conventions)
        .with(0, Channel::Repulsion, 10.0)
        .with(0, Channel::Adhesion, 0.4)
        .with(0, Channel::BondStiffness, 0.05)
        .with(0, Channel::AttachmentRate, 2.0)
        .with(0, Channel::DetachmentRate, 1.0)
        .with(0, Channel::MostAttachments, 3.7)
}

#[test]
fn nobody_has_more_attachments_than_its_most_and_all_are_sorted_pairs_of_the_living() {
    for conventions in BOTH {
        let mut tissue = heap(restless(conventions()).build(), 20, false);
        let mut fullest = 0;
        for tick in 1..=30 {
            step(&mut tissue, tick);
            let attachments = tissue.attachments();
            assert!(attachments.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(attachments.iter().all(|(low, high)| low < high));
            for &id in tissue.ids() {
                let of = attachments.iter().filter(|(a, b)| *a == id || *b == id);
                fullest = fullest.max(of.count());
            }
            if tick == 15 {
                let gone = tissue.attachments()[0].0;
                tissue.remove(gone);
                tissue.settle();
                let mut attachments = tissue.attachments().iter();
                assert!(attachments.all(|(a, b)| *a != gone && *b != gone));
            }
        }
        assert_eq!(fullest, 3);
    }
}

#[test]
fn attached_cells_pull_each_other_alike_with_the_stiffness_and_affinity_of_both() {
    for conventions in BOTH {
        let model = Model::new(conventions())
            .kinds(2)
            .with(0, Channel::BondStiffness, 0.02)
            .with(0, Channel::Affinity(1), 0.5)
            .with(1, Channel::BondStiffness, 0.08)
            .with(1, Channel::Affinity(0), 0.125);
        let mut tissue = model.build();
        put(&mut tissue, 5, 0, [0.0, 0.0, 0.0]);
        put(&mut tissue, 3, 2, [100.0, 0.0, 0.0]);
        tissue.settle();
        tissue.attach(3, 5);
        step(&mut tissue, 1);
        let stiffness: f64 = (0.02f64 * 0.5 * 0.08 * 0.125).sqrt();
        // The first step is Euler's, or one from rest.
        let weight = if conventions() == Conventions::default() {
            1.0
        } else {
            1.5
        };
        let expected = weight * STEP * stiffness * 100.0;
        assert!((at(&tissue, 5)[0] - expected).abs() < 1e-12);
        assert!((at(&tissue, 3)[0] - 100.0 + expected).abs() < 1e-12);
    }
}

#[test]
fn springs_conserve_momentum() {
    for conventions in BOTH {
        let mut tissue = heap(restless(conventions()).build(), 12, false);
        let center = |tissue: &Tissue| -> [f64; 2] {
            std::array::from_fn(|axis| {
                let ids = tissue.ids().iter();
                ids.map(|&id| at(tissue, id)[axis]).sum()
            })
        };
        let before = center(&tissue);
        for tick in 1..=20 {
            step(&mut tissue, tick);
        }
        assert!(!tissue.attachments().is_empty());
        for (before, after) in before.into_iter().zip(center(&tissue)) {
            // Rounding of 144 positions of some 700 µm in 20 steps.
            assert!((before - after).abs() < 1e-9, "{before} became {after}");
        }
    }
}

#[test]
fn identical_bits_for_any_thread_count_and_any_order_of_insertion() {
    for conventions in BOTH {
        let run = |threads, backwards| {
            let mut model = restless(conventions());
            model.pool = Pool::new(threads).expect("threads start");
            // Above the size from which work is shared among threads.
            let mut tissue = heap(model.build(), 70, backwards);
            for tick in 1..=3 {
                step(&mut tissue, tick);
            }
            let ids = tissue.ids().iter();
            let bits: Vec<_> = ids.map(|&id| at(&tissue, id).map(f64::to_bits)).collect();
            (bits, tissue.attachments().to_vec())
        };
        let alone = run(1, false);
        assert!(!alone.1.is_empty());
        assert!(alone == run(3, false));
        assert!(alone == run(2, true));
    }
}

#[test]
fn switched_off_attachments_neither_change_nor_pull() {
    let mut model = restless(Conventions::PHYSICELL);
    model.springs = false;
    let mut tissue = model.build();
    put(&mut tissue, 1, 0, [0.0, 0.0, 0.0]);
    put(&mut tissue, 2, 0, [50.0, 0.0, 0.0]);
    put(&mut tissue, 3, 0, [250.0, 0.0, 0.0]);
    put(&mut tissue, 4, 0, [260.0, 0.0, 0.0]);
    tissue.settle();
    tissue.attach(1, 2);
    step(&mut tissue, 1);
    assert_eq!(at(&tissue, 1), [0.0, 0.0, 0.0]);
    assert_eq!(tissue.attachments(), [(1, 2)]);
}

#[test]
fn a_change_of_group_keeps_attachments_and_a_division_may_end_them() {
    let mut tissue = Model::new(Conventions::PHYSICELL).kinds(2).build();
    pairs(&mut tissue, 2, [0, 0]);
    tissue.attach(0, 1);
    tissue.attach(2, 3);
    tissue.attach(2, 2);
    tissue.attach(2, 99);
    tissue.set_group(0, 2);
    tissue.die(1, 1);
    assert_eq!(tissue.attachments(), [(0, 1), (2, 3)]);
    tissue.detach_all(3);
    assert_eq!(tissue.attachments(), [(0, 1)]);
}
