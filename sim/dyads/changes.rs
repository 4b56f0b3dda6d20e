//! What pairs change in their cells, and what is recorded with them: many pairs of one cell make one
//! number.

use std::collections::BTreeMap;

use kernels::pairs::Pair;
use rules::{Kind, Outputs, Reduce, Side, Signature, Target};

use crate::stores::{By, Stores};

/// The changes that one output of a rule makes, or what it records.
pub struct Changes {
    target: Target,
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
        let is_kept = match &write.target {
            Target::Behavior(_) => matches!(write.kind, Kind::Delta { .. }),
            Target::Readout(_) => true,
            Target::PairBehavior(_) => false,
        };
        if !is_kept {
            continue;
        }
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
            target: write.target.clone(),
            kind: write.kind.clone(),
            clock: signature.clock,
            by: guard.map(|guard| (guard, place)),
            amounts: totals.into_iter().map(reduced).collect(),
        });
    }
    all
}

/// Carries them out. What several rules change of one number of one cell is added before it is held
/// in range, so that none is cut off by what another gives back.
pub fn apply(all: &[Changes], stores: &mut Stores<'_>) {
    /// The sum, and the first learned rule that has a say.
    type Given = (f64, Option<By>);
    let mut given: BTreeMap<usize, BTreeMap<u32, Given>> = BTreeMap::new();
    for changes in all {
        let tissue = &stores.tissue;
        let rows = changes.amounts.iter().filter_map(|&(cell, amount)| {
            let row = tissue.row(tissue.rank(cell)?);
            Some((row as u32, amount))
        });
        let cells: Vec<(u32, f64)> = rows.collect();
        match &changes.target {
            Target::Behavior(behavior) => {
                let times = match changes.kind {
                    Kind::Delta { per: Some(per) } => changes.clock / per,
                    _ => 1.0,
                };
                let sums = given.entry(*behavior).or_default();
                for (row, amount) in cells {
                    let (sum, by) = sums.entry(row).or_insert((0.0, None));
                    *sum += amount * times;
                    *by = by.or(changes.by);
                }
            }
            Target::Readout(name) => stores.record(name, cells.into_iter()),
            Target::PairBehavior(_) => {}
        }
    }
    for (behavior, sums) in given {
        let kind = Kind::Delta { per: None };
        let sums: Vec<(u32, Given)> = sums.into_iter().collect();
        for cells in sums.chunk_by(|(_, (_, one)), (_, (_, next))| one == next) {
            let by = cells[0].1.1;
            let cells = cells.iter().map(|(row, (sum, _))| (*row, *sum));
            stores.put(behavior, &kind, 1.0, by, cells);
        }
    }
    stores.tissue.rates_changed();
}

#[cfg(test)]
mod tests {
    use rules::{Occasion, Subject, Write};

    use super::*;

    /// What the pairs 1 → 9, 2 → 9, 1 → 8 and 3 → 8 give these cells by 1, 3, 5 and nothing.
    fn given(side: Side, reduce: Reduce) -> Vec<(u64, f64)> {
        gathered(side, reduce, Target::Behavior(0), Kind::Delta { per: None })
    }

    fn gathered(side: Side, reduce: Reduce, target: Target, kind: Kind) -> Vec<(u64, f64)> {
        let signature = Signature {
            source: "entry".into(),
            subject: Subject::Dyad { a: 0, b: 1 },
            occasion: Occasion::Clock,
            graph: None,
            reads: Vec::new(),
            writes: vec![Write {
                side,
                target,
                kind,
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

    #[test]
    fn what_the_pairs_of_a_cell_record_is_averaged() {
        let readout = Target::Readout("readout:trust".into());
        let kept = gathered(Side::A, Reduce::Mean, readout, Kind::Readout);
        assert_eq!(kept, [(1, 3.0), (2, 3.0)]);
    }
}
