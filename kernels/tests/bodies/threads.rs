//! A tissue large enough for its steps to be cut into pieces.

use kernels::Pool;
use kernels::channels::Channel;
use kernels::conventions::Conventions;
use kernels::random::{Draws, Sequence};

use crate::support::{Model, put, step};

#[test]
fn identical_bits_for_any_thread_count() {
    for conventions in [Conventions::default(), Conventions::PHYSICELL] {
        let run = |threads: usize| {
            let mut model = Model::new(conventions)
                .with(0, Channel::Repulsion, 10.0)
                .with(0, Channel::Adhesion, 0.4)
                .with(0, Channel::Speed, 2.0)
                .with(0, Channel::PersistenceTime, 1.0)
                .with(0, Channel::AttachmentRate, 0.01)
                .with(0, Channel::DetachmentRate, 0.1)
                .with(0, Channel::BondStiffness, 0.01);
            model.wall = 100.0;
            model.pool = Pool::new(threads).expect("threads can be had");
            let mut tissue = model.build();
            let draws = Draws {
                seed: 5,
                purpose: 0,
            };
            let mut random = Sequence::new(draws, 0);
            for id in 0..9000 {
                let [x, y] = [(); 2].map(|()| 1200.0 * random.uniform() - 3000.0);
                put(&mut tissue, id, 0, [x, y, 0.0]);
            }
            tissue.settle();
            for tick in 0..20 {
                step(&mut tissue, tick);
            }
            let cells = 0..tissue.len();
            let places: Vec<_> = cells
                .map(|rank| {
                    let (at, pressure) = (tissue.position(rank), tissue.pressure(rank));
                    (at, pressure, tissue.contacts(0, rank))
                })
                .collect();
            (places, tissue.attachments().to_vec(), tissue.clamps)
        };
        let one = run(1);
        assert!(one.0.iter().any(|(.., contacts)| *contacts > 6.0) && !one.1.is_empty());
        for threads in [2, 3, 7, 16] {
            assert!(one == run(threads), "{threads} threads");
        }
    }
}
