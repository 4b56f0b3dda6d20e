//! What pairs remember, told as a story, and the table against a plain map.

use std::collections::BTreeMap;

use kernels::pairs::{Memory, PairTable};
use kernels::random::{Draws, Sequence};

#[test]
fn pair_meets_parts_meets_again_and_is_forgotten() {
    let (dt, forget_after) = (0.5, 1.2);
    let mut table = PairTable::new();
    let touching = [(1, 2), (2, 1)];
    table.update(&touching, dt, forget_after);
    let fresh = Memory {
        contacts: 1,
        ..Memory::default()
    };
    assert_eq!(table.get((1, 2)), Some(&fresh));

    table.update(&touching, dt, forget_after);
    table.update(&touching, dt, forget_after);
    let memory = table.get_mut((1, 2)).unwrap();
    assert_eq!(memory.contact_age, 1.0);
    memory.hits += 3;
    memory.detached = true;

    // Letting go lasts for the contact.
    table.update(&touching, dt, forget_after);
    assert!(table.get((1, 2)).unwrap().detached);
    table.update(&[], dt, forget_after);
    let memory = *table.get((1, 2)).unwrap();
    assert_eq!(
        (memory.apart, memory.detached, memory.hits),
        (0.5, false, 3)
    );

    // Back before it is forgotten: a new contact of an old acquaintance.
    table.update(&[(1, 2)], dt, forget_after);
    let memory = *table.get((1, 2)).unwrap();
    let expected = Memory {
        contact_age: 0.0,
        apart: 0.0,
        hits: 3,
        contacts: 2,
        detached: false,
    };
    assert_eq!(memory, expected);

    // (2, 1) has been apart for 1.0 and is forgotten at 1.5, (1, 2) a step later than that.
    assert!(table.get((2, 1)).is_some());
    table.update(&[], dt, forget_after);
    assert_eq!(table.pairs(), [(1, 2)]);
    table.update(&[], dt, forget_after);
    assert_eq!(table.len(), 1);
    table.update(&[], dt, forget_after);
    assert!(table.is_empty());

    // A forgotten pair is a stranger.
    table.update(&[(1, 2)], dt, forget_after);
    assert_eq!(table.get((1, 2)), Some(&fresh));
}

#[test]
fn pairs_of_the_gone_are_removed() {
    let mut table = PairTable::new();
    table.update(&[(1, 2), (1, 3), (2, 1), (3, 1), (3, 4)], 0.1, 1.0);
    assert_eq!(table.of(1), 0..2);
    assert_eq!(table.of(5), 5..5);
    table.remove(&[2, 4]);
    assert_eq!(table.pairs(), [(1, 3), (3, 1)]);
    assert_eq!(PairTable::restore(table.iter()).pairs(), table.pairs());
    table.remove(&[]);
    assert_eq!(table.len(), 2);
}

#[test]
fn merge_equals_a_plain_map() {
    let draws = Draws {
        seed: 1,
        purpose: 0,
    };
    let mut random = Sequence::new(draws, 0);
    let mut table = PairTable::new();
    let mut map: BTreeMap<(u64, u64), Memory> = BTreeMap::new();
    for _ in 0..200 {
        let mut now: Vec<(u64, u64)> = (0..30)
            .map(|_| {
                let mut id = || (random.uniform() * 8.0) as u64;
                (id(), id())
            })
            .collect();
        now.sort_unstable();
        now.dedup();
        table.update(&now, 1.0, 2.0);
        for (pair, memory) in &mut map {
            if now.binary_search(pair).is_err() {
                memory.apart += 1.0;
            } else if memory.apart > 0.0 {
                memory.apart = 0.0;
                memory.contact_age = 0.0;
                memory.contacts += 1;
            } else {
                memory.contact_age += 1.0;
            }
        }
        map.retain(|_, memory| memory.apart <= 2.0);
        for &pair in &now {
            map.entry(pair).or_insert(Memory {
                contacts: 1,
                ..Memory::default()
            });
        }
        assert!(
            table
                .iter()
                .eq(map.iter().map(|(&pair, &memory)| (pair, memory)))
        );
    }
}
