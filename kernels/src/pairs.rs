//! What ordered pairs of cells remember: for how long they have touched, how often one hit the
//! other, for how long they have been apart. A pair is remembered while in contact and until it
//! has been apart for longer than the caller says.

use serde::{Deserialize, Serialize};

use crate::Real;

/// An ordered pair, (id of a, id of b).
pub type Pair = (u64, u64);

/// What one ordered pair remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Age of the current contact, or of the last one, min; 0 in the step it begins.
    pub contact_age: Real,
    /// Time since the contact ended, min; 0 in contact.
    pub apart: Real,
    /// How often a has hit b. The caller counts.
    pub hits: u32,
    /// How many separate contacts have begun, ≥ 1.
    pub contacts: u32,
    /// Has a let go of b? The caller sets it; it is cleared when the two separate.
    pub detached: bool,
}

/// Memories by ordered pair, sorted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairTable {
    pairs: Vec<Pair>,
    memories: Vec<Memory>,
    #[serde(skip)]
    spare: (Vec<Pair>, Vec<Memory>),
}

impl PairTable {
    /// A table without pairs.
    pub fn new() -> PairTable {
        PairTable::default()
    }

    /// A table restored from what [`PairTable::iter`] gave, in ascending order of pairs.
    pub fn restore(entries: impl IntoIterator<Item = (Pair, Memory)>) -> PairTable {
        let (pairs, memories): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        debug_assert!(pairs.is_sorted_by(|a, b| a < b));
        PairTable {
            pairs,
            memories,
            spare: Default::default(),
        }
    }

    /// Number of pairs remembered.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Is no pair remembered?
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// All pairs, ascending.
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// The memories, in the order of [`PairTable::pairs`].
    pub fn memories(&self) -> &[Memory] {
        &self.memories
    }

    /// The memories, to be changed.
    pub fn memories_mut(&mut self) -> &mut [Memory] {
        &mut self.memories
    }

    /// Pairs and memories, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (Pair, Memory)> + '_ {
        self.pairs
            .iter()
            .copied()
            .zip(self.memories.iter().copied())
    }

    /// What a pair remembers.
    pub fn get(&self, pair: Pair) -> Option<&Memory> {
        let at = self.pairs.binary_search(&pair).ok()?;
        Some(&self.memories[at])
    }

    /// What a pair remembers, to be changed.
    pub fn get_mut(&mut self, pair: Pair) -> Option<&mut Memory> {
        let at = self.pairs.binary_search(&pair).ok()?;
        Some(&mut self.memories[at])
    }

    /// The places in [`PairTable::pairs`] of the pairs whose first is `a`.
    pub fn of(&self, a: u64) -> std::ops::Range<usize> {
        self.pairs.partition_point(|pair| pair.0 < a)
            ..self.pairs.partition_point(|pair| pair.0 <= a)
    }

    /// Passes `dt` min. `now_in_contact` are the ordered pairs in contact at the end of it,
    /// strictly ascending. A pair in contact before and now ages; one that meets, or meets
    /// again, starts at age 0; one apart is dropped when it has been for longer than
    /// `forget_after` min, and may be dropped at once.
    pub fn update(&mut self, now_in_contact: &[Pair], dt: Real, forget_after: Real) {
        debug_assert!(now_in_contact.is_sorted_by(|a, b| a < b));
        let (mut pairs, mut memories) = std::mem::take(&mut self.spare);
        pairs.clear();
        memories.clear();
        let mut known = self.iter().peekable();
        let part = |pair: Pair, mut memory: Memory, out: &mut dyn FnMut(Pair, Memory)| {
            memory.apart += dt;
            memory.detached = false;
            if memory.apart <= forget_after {
                out(pair, memory);
            }
        };
        let mut keep = |pair, memory| {
            pairs.push(pair);
            memories.push(memory);
        };
        for &pair in now_in_contact {
            while let Some((before, memory)) = known.next_if(|(before, _)| *before < pair) {
                part(before, memory, &mut keep);
            }
            let memory = match known.next_if(|(before, _)| *before == pair) {
                Some((_, mut memory)) if memory.apart == 0.0 => {
                    memory.contact_age += dt;
                    memory
                }
                Some((_, memory)) => Memory {
                    contact_age: 0.0,
                    apart: 0.0,
                    contacts: memory.contacts + 1,
                    ..memory
                },
                None => Memory {
                    contacts: 1,
                    ..Memory::default()
                },
            };
            keep(pair, memory);
        }
        for (pair, memory) in known {
            part(pair, memory, &mut keep);
        }
        self.spare = (
            std::mem::replace(&mut self.pairs, pairs),
            std::mem::replace(&mut self.memories, memories),
        );
    }

    /// Forgets every pair with one of these ids, which must be ascending: cells that are gone.
    pub fn remove(&mut self, ids: &[u64]) {
        debug_assert!(ids.is_sorted());
        if ids.is_empty() {
            return;
        }
        let gone = |id: u64| ids.binary_search(&id).is_ok();
        let mut kept = 0;
        for at in 0..self.pairs.len() {
            let pair = self.pairs[at];
            if !gone(pair.0) && !gone(pair.1) {
                self.pairs[kept] = pair;
                self.memories[kept] = self.memories[at];
                kept += 1;
            }
        }
        self.pairs.truncate(kept);
        self.memories.truncate(kept);
    }
}
