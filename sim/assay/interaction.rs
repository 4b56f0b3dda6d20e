//! The pair interaction term: what two identities do together beyond what each does by itself.
//!
//! With λ(A, B) the rate at which a target B dies beside an effector A, deaths over the time at risk,
//! and y = log λ,
//!
//! ```text
//! I(A, B) = y(A, B) − mean_B' y(A, B') − mean_A' y(A', B) + mean_A',B' y(A', B')
//! ```
//!
//! so that rates that are a factor of A times a factor of B, whatever these are, have I = 0. Where
//! nobody died, half a death is counted. Intervals are of 95 %, from compartments drawn anew.

use kernels::random::{Draws, Sequence, pair_id};
use serde::Serialize;

use super::table::Row;

/// How often compartments are drawn anew.
pub(super) const DRAWS: u64 = 1000;

/// The term of one pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Term {
    /// Who acts: type and donor.
    pub effector: String,
    /// Who is acted on.
    pub target: String,
    /// Compartments with one of each.
    pub compartments: u64,
    /// Targets that died.
    pub deaths: u64,
    /// 1/min: deaths over time at risk.
    pub hazard: f64,
    /// I(A, B).
    pub term: f64,
    /// 95 of 100 draws.
    pub interval: [f64; 2],
    /// Standard deviation of the draws.
    pub error: f64,
}

/// Deaths and times at risk, min, of the compartments of one pair.
pub(super) type Lives = Vec<(bool, f64)>;

/// The compartments of one effector and one target, by pair.
pub(super) struct Pairs<'a> {
    /// Ascending.
    pub effectors: Vec<&'a String>,
    /// Ascending.
    pub targets: Vec<&'a String>,
    /// `[effector][target]`
    pub lives: Vec<Vec<Lives>>,
}

impl<'a> Pairs<'a> {
    /// Those of a table.
    ///
    /// # Errors
    /// Why they tell nothing of interaction.
    pub fn of(rows: &'a [Row]) -> Result<Pairs<'a>, String> {
        let pairs = rows.iter().filter(|row| row.cells == [1, 1]);
        let names = |name: fn(&Row) -> &String| {
            let mut names: Vec<&String> = pairs.clone().map(name).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let [effectors, targets] = [names(|row| &row.effector), names(|row| &row.target)];
        if effectors.len() < 2 || targets.len() < 2 {
            return Err(format!(
                "compartments with one effector and one target are of {} kinds of effectors and {} \
                 of targets; at least two of each are needed",
                effectors.len(),
                targets.len()
            ));
        }
        let mut lives: Vec<Vec<Lives>> = vec![vec![Vec::new(); targets.len()]; effectors.len()];
        for row in pairs.clone() {
            let at = |names: &[&String], name| names.binary_search(&name).ok();
            let places = at(&effectors, &row.effector).zip(at(&targets, &row.target));
            let Some((a, b)) = places else { continue };
            let death = row.deaths.first();
            lives[a][b].push((death.is_some(), *death.unwrap_or(&row.censored)));
        }
        for (effector, lives) in effectors.iter().zip(&lives) {
            if let Some(b) = lives.iter().position(Vec::is_empty) {
                return Err(format!(
                    "no compartment holds one `{effector}` and one `{}`; every effector has to \
                     meet every target",
                    targets[b]
                ));
            }
        }
        Ok(Pairs {
            effectors,
            targets,
            lives,
        })
    }
}

/// Deaths and time at risk of all compartments of a pair.
pub(super) fn all(lives: &Lives) -> (u64, f64) {
    lives
        .iter()
        .fold((0, 0.0), |(deaths, time), (died, lived)| {
            (deaths + u64::from(*died), time + lived)
        })
}

/// Of as many, drawn anew with replacement.
pub(super) fn anew(lives: &Lives, sequence: &mut Sequence) -> (u64, f64) {
    (0..lives.len()).fold((0, 0.0), |(deaths, time), _| {
        let at = (sequence.uniform() * lives.len() as f64) as usize;
        let (died, lived) = lives[at.min(lives.len() - 1)];
        (deaths + u64::from(died), time + lived)
    })
}

/// log λ; where nobody died, half a death is counted.
pub(super) fn log_hazard((deaths, time): (u64, f64)) -> f64 {
    ((deaths as f64).max(0.5) / time.max(f64::MIN_POSITIVE)).ln()
}

/// The terms of all pairs of effector and target, one cell each.
///
/// # Errors
/// Why there are none.
pub fn terms(rows: &[Row]) -> Result<Vec<Term>, String> {
    let Pairs {
        effectors,
        targets,
        lives,
    } = Pairs::of(rows)?;
    let observed = centered(&lives, all);
    // Draws of an analysis, which no run shares.
    let draws = Draws {
        seed: 0,
        purpose: 0,
    };
    let drawn: Vec<Vec<Vec<f64>>> = (0..DRAWS)
        .map(|draw| {
            let mut sequence = Sequence::new(draws, pair_id(draw, DRAWS));
            centered(&lives, |lives| anew(lives, &mut sequence))
        })
        .collect();
    let mut terms = Vec::new();
    for (a, effector) in effectors.iter().enumerate() {
        for (b, target) in targets.iter().enumerate() {
            let lives = &lives[a][b];
            let mut values: Vec<f64> = drawn.iter().map(|draw| draw[a][b]).collect();
            values.sort_by(f64::total_cmp);
            let mean = values.iter().sum::<f64>() / DRAWS as f64;
            let squares: f64 = values.iter().map(|it| (it - mean) * (it - mean)).sum();
            let deaths = lives.iter().filter(|(died, _)| *died).count() as u64;
            let quantile = |part: f64| values[(part * (DRAWS - 1) as f64).round() as usize];
            terms.push(Term {
                effector: (*effector).clone(),
                target: (*target).clone(),
                compartments: lives.len() as u64,
                deaths,
                hazard: deaths as f64 / lives.iter().map(|(_, lived)| lived).sum::<f64>(),
                term: observed[a][b],
                interval: [quantile(0.025), quantile(0.975)],
                error: (squares / (DRAWS - 1) as f64).sqrt(),
            });
        }
    }
    Ok(terms)
}

/// Log hazards less the means of their rows and columns, plus the mean of all.
fn centered(lives: &[Vec<Lives>], mut sum: impl FnMut(&Lives) -> (u64, f64)) -> Vec<Vec<f64>> {
    let mut log = |lives: &Lives| log_hazard(sum(lives));
    let logs: Vec<Vec<f64>> = (lives.iter())
        .map(|row| row.iter().map(&mut log).collect())
        .collect();
    let columns = logs[0].len();
    let of_row = logs
        .iter()
        .map(|row| row.iter().sum::<f64>() / columns as f64);
    let of_row: Vec<f64> = of_row.collect();
    let of_column = (0..columns).map(|b| {
        let column = logs.iter().map(|row| row[b]);
        column.sum::<f64>() / logs.len() as f64
    });
    let of_column: Vec<f64> = of_column.collect();
    let all = of_row.iter().sum::<f64>() / logs.len() as f64;
    let rows = logs.iter().zip(&of_row);
    rows.map(|(row, mean)| {
        let cells = row.iter().zip(&of_column);
        cells.map(|(y, column)| y - mean - column + all).collect()
    })
    .collect()
}
