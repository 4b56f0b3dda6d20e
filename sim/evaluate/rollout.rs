//! How closed runs went: what the guard of the model counted, what broke, and how far the tissue has
//! drifted from the law's after so much time.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    arms::Arm,
    closed::{BROKEN, Run, Runs, Tally},
};

/// All runs of a split.
#[derive(Debug, Serialize)]
pub struct Rollout {
    /// Rows of the model over all its runs; none of a written rule, which has no domain.
    pub rows: Option<Tally>,
    /// Why runs of the model did not come to their end, with their seeds.
    pub failed: Vec<String>,
    /// What was held at the edge of its range, by name: in the law's runs, and in the model's.
    pub held: BTreeMap<String, [u64; 2]>,
    /// Of these, what is never to happen.
    pub broken: [u64; 2],
    /// By seed: when the live cells of the model's run first were others than those of the law's,
    /// min, with the same draws.
    pub parted: Vec<Option<f64>>,
    /// Frames, min.
    pub times: Vec<f64>,
    /// By frame: |mean − mean of the law| of live cells over the law's greatest mean, averaged over
    /// cell types.
    pub error: BTreeMap<Arm, Vec<f64>>,
}

/// What the runs of a split show.
pub(super) fn rollout(runs: &Runs) -> Rollout {
    let (law, model) = (runs.of(Arm::Law), runs.of(Arm::Model));
    let tallies = model.iter().filter_map(|run| run.tally);
    let mut held: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for (at, runs) in [law, model].into_iter().enumerate() {
        for (name, count) in runs.iter().flat_map(|run| &run.clamps) {
            held.entry(name.clone()).or_default()[at] += count;
        }
    }
    let of = |at: usize| {
        let broken = BROKEN.iter().filter_map(|name| held.get(*name));
        broken.map(|counts| counts[at]).sum()
    };
    let parted = law.iter().zip(model).map(|(law, model)| {
        let mut both = law.counts()?.iter().zip(model.counts()?);
        let other = both.find(|(one, other)| one.1 != other.1);
        other.map(|((time, _), _)| *time)
    });
    let failed = model.iter().filter_map(|run| run.seen.as_ref().err());
    let times = law.iter().find_map(Run::counts).unwrap_or_default();
    let arms = Arm::ALL.into_iter().skip(1);
    let error = arms.map(|arm| {
        let own = runs.of(arm);
        // Held against the law in those runs alone that both have ended.
        let both = law.iter().zip(own);
        let both = both.filter(|(_, own)| arm == Arm::Again || own.counts().is_some());
        let law: Vec<&Run> = both.map(|(law, _)| law).collect();
        (arm, error(&mean(law), &mean(own)))
    });
    Rollout {
        rows: tallies.reduce(Tally::and),
        broken: [of(0), of(1)],
        held,
        parted: parted.collect(),
        failed: failed.cloned().collect(),
        times: times.iter().map(|(time, _)| *time).collect(),
        error: error.collect(),
    }
}

/// `[frame][type]`: live cells, over runs that came to their end.
fn mean<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<Vec<f64>> {
    let all: Vec<_> = runs.into_iter().filter_map(Run::counts).collect();
    let Some(first) = all.first() else {
        return Vec::new();
    };
    let of = |frame: usize, kind: usize| {
        let counts = all.iter().map(|counts| counts[frame].1[kind] as f64);
        counts.sum::<f64>() / all.len() as f64
    };
    let types = |frame: usize| {
        (0..first[frame].1.len())
            .map(|kind| of(frame, kind))
            .collect()
    };
    (0..first.len()).map(types).collect()
}

fn error(law: &[Vec<f64>], other: &[Vec<f64>]) -> Vec<f64> {
    let types = law.first().map_or(0, Vec::len);
    let greatest = |kind: usize| law.iter().map(|frame| frame[kind]).fold(0.0, f64::max);
    let scales: Vec<f64> = (0..types).map(greatest).collect();
    let of = |(law, other): (&Vec<f64>, &Vec<f64>)| {
        let kinds = (0..types).filter(|kind| scales[*kind] > 0.0);
        let errors: Vec<f64> = kinds
            .map(|kind| (other[kind] - law[kind]).abs() / scales[kind])
            .collect();
        errors.iter().sum::<f64>() / errors.len().max(1) as f64
    };
    law.iter().zip(other).map(of).collect()
}
