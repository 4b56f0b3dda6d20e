//! How much of the truth's pair interaction a model has.
//!
//! To the log hazards of the pairs that the model was *given* a sum of an effector's and a target's number is
//! fitted, by least squares, in each table by itself; I is what a pair lies beyond that sum. Where
//! all pairs were given, that is the term of [`super::interaction`]. Then
//!
//! ```text
//! R²(I) = 1 − Σ (I_model − I_truth)² / Σ I_truth²
//! ```
//!
//! over the pairs given, and over those held out. A model that gives each identity a factor of its own
//! has 0, and so has a look-up table on pairs that it does not hold.

use kernels::random::Sequence;
use nalgebra::{DMatrix, DVector};
use serde::Serialize;

use super::interaction::{DRAWS, Lives, Pairs, all, anew, log_hazard};
use super::table::Row;
use crate::streams::Purpose;

/// R²(I) on some pairs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// Effector and target.
    pub pairs: Vec<(String, String)>,
    /// 1 is the truth, 0 an additive model; `None` where the truth has no interaction.
    pub r_squared: Option<f64>,
    /// 95 of 100 draws of compartments of both tables, mirrored about the value, for noise of the
    /// tables lowers each of them as it has lowered the value.
    pub interval: Option<[f64; 2]>,
    /// What the truth's own compartments reach, drawn anew.
    pub ceiling: Option<f64>,
}

/// R²(I) of the pairs that a model was given, and of those that were held out, if any.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// Of the pairs given.
    pub given: Explained,
    /// Of those held out.
    pub held_out: Option<Explained>,
}

/// What fits the two identities: from log hazards of all pairs to what each lies beyond.
struct Fit {
    /// `[pair]`: in order of effectors, then targets.
    is_given: Vec<bool>,
    beyond: DMatrix<f64>,
}

/// Compares a model's table with the truth's; `held_out` are texts `EFFECTOR/TARGET`.
///
/// # Errors
/// What is wrong with a table or with these texts.
pub fn agreement(model: &[Row], truth: &[Row], held_out: &[String]) -> Result<Agreement, String> {
    let model = Pairs::of(model).map_err(|reason| format!("of this table: {reason}"))?;
    let truth = Pairs::of(truth).map_err(|reason| format!("of the truth: {reason}"))?;
    if model.effectors != truth.effectors || model.targets != truth.targets {
        return Err(
            "the tables name other effectors and targets\n  types and donors must be called alike"
                .into(),
        );
    }
    let names: Vec<(String, String)> = (truth.effectors.iter())
        .flat_map(|a| truth.targets.iter().map(|b| ((*a).clone(), (*b).clone())))
        .collect();
    let mut is_given = vec![true; names.len()];
    for text in held_out {
        let texts: Vec<String> = names.iter().map(|(a, b)| format!("{a}/{b}")).collect();
        let at = texts.iter().position(|it| it == text).ok_or_else(|| {
            let known = texts.iter().map(String::as_str);
            rules::dictionary::unknown("pair", text, known).to_string()
        })?;
        is_given[at] = false;
    }
    let fit = Fit::new(
        &names,
        [truth.effectors.len(), truth.targets.len()],
        is_given,
    )?;
    let observed = [&model, &truth].map(|table| fit.beyond(&table.lives, all));
    let draws = Purpose::PairDraw.draws(0);
    let drawn: Vec<[DVector<f64>; 2]> = (0..DRAWS)
        .map(|draw| {
            let mut sequence = Sequence::new(draws, draw);
            [&model, &truth]
                .map(|table| fit.beyond(&table.lives, |lives| anew(lives, &mut sequence)))
        })
        .collect();
    let explained = |is_asked: bool| {
        let pairs: Vec<usize> = (0..names.len())
            .filter(|pair| fit.is_given[*pair] == is_asked)
            .collect();
        let of = |[model, truth]: [&DVector<f64>; 2]| {
            let squares = pairs.iter().map(|&at| truth[at] * truth[at]);
            let errors = pairs.iter().map(|&at| (model[at] - truth[at]).powi(2));
            let (errors, squares): (f64, f64) = (errors.sum(), squares.sum());
            // Below that it is rounding.
            (squares > 1e-18).then(|| 1.0 - errors / squares)
        };
        let value = of([&observed[0], &observed[1]]);
        let sorted = |of: &dyn Fn(&[DVector<f64>; 2]) -> Option<f64>| {
            let mut values: Vec<f64> = drawn.iter().filter_map(of).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let values = sorted(&|[model, truth]| of([model, truth]));
        let quantile = |part: f64| {
            let at = part * values.len().saturating_sub(1) as f64;
            values.get(at.round() as usize).copied()
        };
        let ends = quantile(0.975).zip(quantile(0.025));
        let own = sorted(&|[_, truth]| of([truth, &observed[1]]));
        Explained {
            pairs: pairs.iter().map(|&at| names[at].clone()).collect(),
            r_squared: value,
            interval: value
                .zip(ends)
                .map(|(value, (high, low))| [2.0 * value - high, 2.0 * value - low]),
            ceiling: value.map(|_| own.iter().sum::<f64>() / own.len() as f64),
        }
    };
    Ok(Agreement {
        given: explained(true),
        held_out: (!held_out.is_empty()).then(|| explained(false)),
    })
}

impl Fit {
    fn new(
        names: &[(String, String)],
        [effectors, targets]: [usize; 2],
        is_given: Vec<bool>,
    ) -> Result<Fit, String> {
        let pairs = names.len();
        let design = DMatrix::from_fn(pairs, effectors + targets, |pair, column| {
            let own = [pair / targets, effectors + pair % targets];
            f64::from(own.contains(&column))
        });
        let mut given = design.clone();
        for (pair, _) in is_given
            .iter()
            .enumerate()
            .filter(|(_, is_given)| !**is_given)
        {
            given.row_mut(pair).fill(0.0);
        }
        let inverse = given.clone().pseudo_inverse(1e-9).map_err(str::to_owned)?;
        // What the pairs given cannot tell is told apart by its own row.
        let known = &design * &inverse * &given;
        for (pair, (effector, target)) in names.iter().enumerate() {
            if (known.row(pair) - design.row(pair)).amax() > 1e-6 {
                return Err(format!(
                    "too many pairs are held out to tell what `{effector}` and `{target}` do by \
                     themselves\n  leave each effector and each target pairs that lead to all others"
                ));
            }
        }
        Ok(Fit {
            beyond: DMatrix::identity(pairs, pairs) - design * inverse,
            is_given,
        })
    }

    /// What each pair lies beyond its two identities.
    fn beyond(
        &self,
        lives: &[Vec<Lives>],
        mut sum: impl FnMut(&Lives) -> (u64, f64),
    ) -> DVector<f64> {
        let logs = lives.iter().flatten().map(|lives| log_hazard(sum(lives)));
        &self.beyond * DVector::from_iterator(self.is_given.len(), logs)
    }
}
