//! Inputs made to break a rule: far beyond what was recorded, one by one, all at once, and mixed. What
//! a rule says of them must be a rate, or it must say that it is out of its domain.

use kernels::random::Sequence;
use rules::{Batch, Outputs, Rule, Subject, lent};

use crate::streams::Purpose;

/// Mixtures of extremes.
const MIXTURES: usize = 4096;

/// What came of it.
pub struct Trial {
    /// Rows that the rule was asked about.
    pub rows: usize,
    /// Rows with something else than a rate, of which the rule gives no warning.
    pub wrong: usize,
    /// The first of them, for people.
    pub first: Option<String>,
}

/// Tries a rule whose inputs were recorded in these `ranges`, of which `outputs` are rates of events.
///
/// # Errors
/// What the rule says of all rows at once.
pub fn tried(rule: &dyn Rule, ranges: &[[f64; 2]], outputs: &[usize]) -> Result<Trial, String> {
    let rows = rows(ranges);
    let columns: Vec<Vec<f64>> = (0..ranges.len())
        .map(|input| rows.iter().map(|row| row[input]).collect())
        .collect();
    let kind = match &rule.signature().subject {
        Subject::Cell { types } => types[0],
        Subject::Dyad { a, .. } => *a,
    };
    let mut out = Outputs::default();
    out.reset(rule.signature().writes.len(), rows.len());
    let batch = Batch {
        rows: rows.len(),
        signals: &lent(&columns),
        dead: &vec![false; rows.len()],
        types: &vec![kind as u16; rows.len()],
        dt: rule.signature().clock,
        member: 0.5,
        ..Batch::default()
    };
    rule.apply(&batch, &mut out)
        .map_err(|error| error.to_string())?;
    let mut is_warned: Vec<bool> = (0..rows.len())
        .map(|row| out.domain.get(row).is_some_and(|tiers| !tiers.is_inside()))
        .collect();
    out.failed
        .iter()
        .for_each(|(row, _)| is_warned[*row] = true);
    let wrong = |row: &usize| {
        let mut rates = outputs.iter().map(|write| out.columns[*write][*row]);
        !is_warned[*row] && !rates.all(|rate| rate.is_finite() && rate >= 0.0)
    };
    let wrong: Vec<usize> = (0..rows.len()).filter(wrong).collect();
    let told = |row: &usize| {
        let rates: Vec<f64> = outputs
            .iter()
            .map(|write| out.columns[*write][*row])
            .collect();
        format!("{rates:?} 1/min of the inputs {:?}", rows[*row])
    };
    Ok(Trial {
        rows: rows.len(),
        first: wrong.first().map(told),
        wrong: wrong.len(),
    })
}

/// `[row][input]`.
fn rows(ranges: &[[f64; 2]]) -> Vec<Vec<f64>> {
    let extremes = |[low, high]: [f64; 2]| {
        let far = 1e3 * (high - low).max(1.0);
        [low, high, 0.0, low - far, high + far, -1e9, 1e9, 1e30]
    };
    let all: Vec<[f64; 8]> = ranges.iter().copied().map(extremes).collect();
    let middle: Vec<f64> = ranges
        .iter()
        .map(|[low, high]| 0.5 * (low + high))
        .collect();
    let mut rows = vec![middle.clone()];
    for extreme in 0..8 {
        rows.push(all.iter().map(|of| of[extreme]).collect());
        for input in 0..ranges.len() {
            let mut row = middle.clone();
            row[input] = all[input][extreme];
            rows.push(row);
        }
    }
    let draws = Purpose::Adversary.draws(0);
    rows.extend((0..MIXTURES).map(|mixture| {
        let mut sequence = Sequence::new(draws, mixture as u64);
        let mut one = |of: &[f64; 8]| of[(8.0 * sequence.uniform()) as usize];
        all.iter().map(&mut one).collect()
    }));
    rows
}

#[cfg(test)]
mod tests {
    use rules::{
        Batch, Error, Kind, Occasion, Outputs, Provenance, Reduce, Rule, Side, Signature, Subject,
        Target, Tiers, Write,
    };

    use super::tried;

    /// A rate that falls below 0 where its input is above 1; with or without saying so.
    struct Falling {
        signature: Signature,
        warns: bool,
    }

    impl Rule for Falling {
        fn signature(&self) -> &Signature {
            &self.signature
        }

        fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
            for (rate, input) in out.columns[0].iter_mut().zip(batch.signals[0].iter()) {
                *rate = 1.0 - input;
                if self.warns {
                    out.domain.push(match *input > 1.0 {
                        true => Tiers::BOX,
                        false => Tiers::default(),
                    });
                }
            }
            Ok(())
        }

        fn describe(&self) -> Vec<String> {
            Vec::new()
        }

        fn provenance(&self) -> Provenance {
            unreachable!("nobody asks")
        }
    }

    fn falling(warns: bool) -> Falling {
        let write = Write {
            side: Side::Cell,
            target: Target::Behavior(0),
            kind: Kind::Rate,
            applies_to_dead: false,
            reduce: Reduce::Sum,
        };
        let signature = Signature {
            source: "falling".into(),
            subject: Subject::Cell { types: vec![0] },
            occasion: Occasion::Clock,
            graph: None,
            reads: Vec::new(),
            writes: vec![write],
            clock: 1.0,
            noise: None,
            combine: None,
        };
        Falling { signature, warns }
    }

    #[test]
    fn a_rate_below_0_far_from_all_rows_is_found_unless_the_rule_warns_of_it() {
        let found = tried(&falling(false), &[[0.0, 0.5]], &[0]).unwrap();
        // Three of the eight extremes lie above 1.
        let share = found.wrong as f64 / found.rows as f64;
        assert!((share - 0.375).abs() < 0.03, "{share}");
        assert!(found.first.unwrap().contains("1/min of the inputs"));
        assert_eq!(tried(&falling(true), &[[0.0, 0.5]], &[0]).unwrap().wrong, 0);
    }
}
