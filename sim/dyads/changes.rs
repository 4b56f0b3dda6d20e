//! What pairs change in their cells: many pairs of one cell make one change.

use std::collections::BTreeMap;

use kernels::pairs::Pair;
use rules::{Kind, Outputs, Reduce, Side, Signature, Target};

use crate::stores::{By, Stores};

/// The changes that one output of a rule makes.
pub struct Changes {
    behavior: usize,
    kind: Kind,
    clock: f64,
    by: Option<By>,
    /// By cell.
    amounts: Vec<(u64, f64)>,
}

/// One cell's number so far.
#[derive(Clone, Copy)]
struct Total {
    sum: f64,
    greatest: f64,
    pairs: u32,
}

/// Gathers what a rule's pairs change, in the order of the pairs.
pub fn gather(
    signature: &Signature,
    guard: Option<usize>,
    pairs: impl Iterator<Item = Pair> + Clone,
    outputs: &Outputs,
) -> Vec<Changes> {
    let mut all = Vec::new();
    for (place, (write, column)) in signature.writes.iter().zip(&outputs.columns).enumerate() {
        let (Target::Behavior(behavior), Kind::Delta { .. }) = (&write.target, &write.kind) else {
            continue;
        };
        let mut totals: BTreeMap<u64, Total> = BTreeMap::new();
        // No number: whoever could act holds back.
        let said = pairs.clone().zip(column).filter(|(_, it)| !it.is_nan());
        for ((a, b), &amount) in said {
            let cell = if write.side == Side::A { a } else { b };
            totals
                .entry(cell)
                .and_modify(|total| {
                    total.sum += amount;
                    total.greatest = total.greatest.max(amount);
                    total.pairs += 1;
                })
                .or_insert(Total {
                    sum: amount,
                    greatest: amount,
                    pairs: 1,
                });
        }
        let reduced = |(cell, total): (u64, Total)| {
            let amount = match write.reduce {
                Reduce::Sum => total.sum,
                Reduce::Mean => total.sum / f64::from(total.pairs),
                Reduce::Max => total.greatest,
            };
            (cell, amount)
        };
        all.push(Changes {
            behavior: *behavior,
            kind: write.kind.clone(),
            clock: signature.clock,
            by: guard.map(|guard| (guard, place)),
            amounts: totals.into_iter().map(reduced).collect(),
        });
    }
    all
}

/// Carries them out.
pub fn apply(all: &[Changes], stores: &mut Stores<'_>) {
    for changes in all {
        let ranks = changes.amounts.iter().filter_map(|&(cell, amount)| {
            let rank = stores.tissue.rank(cell)?;
            Some((rank as u32, amount))
        });
        let cells: Vec<(u32, f64)> = ranks.collect();
        let Changes {
            behavior,
            kind,
            clock,
            by,
            ..
        } = changes;
        stores.put(*behavior, kind, *clock, *by, cells.into_iter());
    }
    stores.tissue.rates_changed();
}

#[cfg(test)]
mod tests {
    use rules::{Occasion, Subject, Write};

    use super::*;

    /// What the pairs 1 → 9, 2 → 9, 1 → 8 and 3 → 8 give these cells by 1, 3, 5 and nothing.
    fn given(side: Side, reduce: Reduce) -> Vec<(u64, f64)> {
        let signature = Signature {
            source: "entry".into(),
            subject: Subject::Dyad { a: 0, b: 1 },
            occasion: Occasion::Clock,
            graph: None,
            reads: Vec::new(),
            writes: vec![Write {
                side,
                target: Target::Behavior(0),
                kind: Kind::Delta { per: None },
                applies_to_dead: false,
                reduce,
            }],
            clock: 0.1,
            noise: None,
            combine: None,
        };
        let outputs = Outputs {
            columns: vec![vec![1.0, 3.0, 5.0, f64::NAN]],
            ..Outputs::default()
        };
        let pairs = [(1, 9), (2, 9), (1, 8), (3, 8)];
        let mut all = gather(&signature, None, pairs.into_iter(), &outputs);
        all.remove(0).amounts
    }

    #[test]
    fn the_pairs_of_a_cell_make_one_change() {
        assert_eq!(given(Side::B, Reduce::Sum), [(8, 5.0), (9, 4.0)]);
        assert_eq!(given(Side::B, Reduce::Mean), [(8, 5.0), (9, 2.0)]);
        assert_eq!(given(Side::B, Reduce::Max), [(8, 5.0), (9, 3.0)]);
        assert_eq!(given(Side::A, Reduce::Sum), [(1, 6.0), (2, 3.0)]);
    }
}
