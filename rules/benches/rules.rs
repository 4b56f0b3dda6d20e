//! Written rules on 10 000 cells: 20 sentences on 5 behaviors, over 4 signals. The time per rule
//! and row is that of one call divided by 200 000. `saturated` sends every row through logarithms.

#![allow(missing_docs)]

#[path = "../tests/common/mod.rs"]
mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rules::{Batch, Outputs, Rule};

const ROWS: usize = 10_000;

/// 20 sentences of one cell type, with this response.
fn sentences(response: &str) -> Box<dyn Rule> {
    let behaviors = [
        ("migration speed", 9, 0),
        ("migration bias", 1, 0),
        ("oxygen uptake", 20, 0),
        ("custom:PD-L1", 1, 0),
        ("cycle entry", 1, 0),
    ];
    let mut text = String::new();
    for (behavior, up, down) in behaviors {
        for signal in ["oxygen", "glucose", "contact with CD8 T cell"] {
            text +=
                &format!("tumor cell: {signal} increases {behavior} towards {up}, {response}\n");
        }
        text += &format!("tumor cell: pressure decreases {behavior} towards {down}, {response}\n");
    }
    let mut rules = common::sentences(&text).unwrap();
    assert_eq!((rules.len(), rules[0].describe().len()), (1, 20));
    rules.remove(0)
}

fn rules(criterion: &mut Criterion) {
    let mut dice = common::Dice(42);
    let mut group = criterion.benchmark_group("rules/cpu");
    group.throughput(Throughput::Elements(20 * ROWS as u64));
    for (name, response) in [
        ("", "half-max 5, Hill power 4"),
        (" power 1.5", "half-max 5, Hill power 1.5"),
        (" power 1.7", "half-max 5, Hill power 1.7"),
        (" linear", "linearly from 2 to 8"),
        (" step", "above 5"),
        (" saturated", "half-max 1e-30, Hill power 8"),
    ] {
        let rule = sentences(response);
        let signals: Vec<Vec<f64>> = (0..rule.signature().reads.len())
            .map(|_| (0..ROWS).map(|_| 10.0 * dice.unit()).collect())
            .collect();
        let dead: Vec<bool> = (0..ROWS).map(|_| dice.below(20) == 0).collect();
        let batch = Batch {
            rows: ROWS,
            signals: &rules::lent(&signals),
            noise: &[],
            dead: &dead,
            dt: 6.0,
            ..Batch::default()
        };
        let mut out = Outputs::default();
        group.bench_function(format!("20 rules x 10000 cells{name}"), |bencher| {
            bencher.iter(|| {
                out.reset(rule.signature().writes.len(), ROWS);
                rule.apply(&batch, &mut out).unwrap();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rules);
criterion_main!(benches);
