//! Closed runs of one context: each arm on the seeds of the split, side by side.

use std::{collections::BTreeMap, time::Instant};

use rules::dictionary::normal;
use serde::Serialize;

use super::{
    arms::{Arm, Stage},
    rows::{Recorded, Rows},
    splits::Split,
};
use crate::{
    compare::{Seen, watch},
    ensemble,
    recorder::Site,
    simulation::Simulation,
};

/// What one run shows.
pub struct Run {
    /// Readouts, and cells over time; or why it could not go on, of the model alone.
    pub seen: Result<Seen, String>,
    /// Of the law, what it saw, said and brought about.
    pub rows: Rows,
    /// Of a learned rule, what its guard has counted.
    pub tally: Option<Tally>,
    /// How often what was held at the edge of its range; what is not to happen is in [`BROKEN`].
    pub clamps: BTreeMap<String, u64>,
    /// Wall time, s.
    pub seconds: f64,
    /// Steps of diffusion.
    pub ticks: u64,
}

impl Run {
    fn failed(message: String) -> Run {
        Run {
            seen: Err(message),
            rows: Rows::default(),
            tally: None,
            clamps: BTreeMap::new(),
            seconds: 0.0,
            ticks: 0,
        }
    }

    /// Live cells by type over time, of a run that went on to its end.
    pub fn counts(&self) -> Option<&[(f64, Vec<u64>)]> {
        Some(&self.seen.as_ref().ok()?.counts)
    }
}

/// Invariants, as runs count them when they are broken.
pub const BROKEN: [&str; 4] = [
    "density below zero",
    "cell outside the domain",
    "negative rate of a pair",
    FROZEN,
];

const FROZEN: &str = "cell lost to the outside";

/// Rows of a learned rule over one or all runs.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Tally {
    /// All of them.
    pub rows: u64,
    /// Those outside the domain trained on.
    pub outside: u64,
    /// Those on which mechanistic rules acted.
    pub fell_back: u64,
    /// Inputs put back into the ranges trained on.
    pub inputs_clamped: u64,
    /// Numbers written.
    pub written: u64,
    /// Of these, put back into the range of what is physically possible.
    pub clamped: u64,
}

impl Tally {
    /// Both together.
    pub fn and(self, other: Tally) -> Tally {
        Tally {
            rows: self.rows + other.rows,
            outside: self.outside + other.outside,
            fell_back: self.fell_back + other.fell_back,
            inputs_clamped: self.inputs_clamped + other.inputs_clamped,
            written: self.written + other.written,
            clamped: self.clamped + other.clamped,
        }
    }
}

/// All runs of a split.
pub struct Runs {
    /// `[arm][run]`, arms as in [`Arm::ALL`].
    pub arms: [Vec<Run>; 5],
}

impl Runs {
    /// Of one arm.
    pub fn of(&self, arm: Arm) -> &[Run] {
        &self.arms[arm as usize]
    }

    /// Wall time of a step of diffusion by arm, ms.
    pub fn ms_per_step(&self) -> BTreeMap<Arm, f64> {
        let of = |arm: Arm| {
            let seconds: f64 = self.of(arm).iter().map(|run| run.seconds).sum();
            let ticks: u64 = self.of(arm).iter().map(|run| run.ticks).sum();
            (arm, 1e3 * seconds / ticks as f64)
        };
        Arm::ALL.map(of).into()
    }

    /// The law's rows of all runs, taken out.
    pub fn take_rows(&mut self) -> Rows {
        let mut all = Rows::default();
        for run in &mut self.arms[Arm::Law as usize] {
            all.append(std::mem::take(&mut run.rows));
        }
        all
    }
}

/// Runs every arm of a split.
///
/// # Errors
/// Why a run could not go on, with split, arm and seed.
pub fn run(
    split: &Split,
    stage: &Stage,
    recorded: &Recorded,
    keep: f64,
    jobs: usize,
    tell: &(dyn Fn() + Sync),
) -> Result<Runs, String> {
    let each = |number: usize| {
        let (arm, number) = (Arm::ALL[number % 5], number / 5);
        let offset = match arm {
            Arm::Again => split.runs,
            _ => 0,
        };
        let seed = split.first_seed + (offset + number) as u64;
        let done = one(stage, arm, seed, number as u32, recorded, keep);
        tell();
        done.or_else(|message| match arm {
            // That it breaks down here is what was to be found out.
            Arm::Model => Ok(Run::failed(format!("seed {seed}: {message}"))),
            _ => Err(format!(
                "`{}`, {}, seed {seed}: {message}",
                split.name,
                arm.title()
            )),
        })
    };
    let mut arms = [const { Vec::new() }; 5];
    let all = ensemble::each(5 * split.runs, jobs, each)?;
    for (number, run) in all.into_iter().enumerate() {
        arms[number % 5].push(run);
    }
    Ok(Runs { arms })
}

fn one(
    stage: &Stage,
    arm: Arm,
    seed: u64,
    number: u32,
    recorded: &Recorded,
    keep: f64,
) -> Result<Run, String> {
    let is_recorded = arm == Arm::Law;
    let bound = stage.bound(arm, seed, is_recorded)?;
    let mut simulation = Simulation::new(bound, 1)?;
    if let Some(recorder) = simulation.recorder() {
        recorder.keep = keep;
    }
    let started = Instant::now();
    let seen = watch(&mut simulation, false)?;
    let seconds = started.elapsed().as_secs_f64();
    let mut rows = Rows::default();
    let types = simulation.plan().table.vocabulary.types.clone();
    if let Some(recorder) = simulation.recorder() {
        let site = &mut recorder.sites[stage.site];
        site.close(seed, keep);
        take(site, number, &types, recorded, &mut rows);
    }
    let mut clamps: BTreeMap<String, u64> = simulation
        .clamps()
        .into_iter()
        .map(|(name, clamped, _)| (name, clamped))
        .collect();
    if let frozen @ 1.. = simulation.tissue().frozen() {
        clamps.insert(FROZEN.into(), frozen as u64);
    }
    let entry = normal(stage.entry());
    let mut ledgers = simulation.guards().ledgers();
    let ledger = ledgers.find(|(ledger, _)| normal(&ledger.name) == entry);
    let tally = ledger.map(|(ledger, _)| {
        let closed = ledger.closed();
        Tally {
            rows: closed.rows,
            outside: closed.types.values().map(|share| share.fired).sum(),
            fell_back: closed.fell_back(),
            inputs_clamped: closed.inputs_clamped,
            written: closed.written,
            clamped: closed.clamped,
        }
    });
    Ok(Run {
        seen: Ok(seen),
        rows,
        tally,
        clamps,
        seconds,
        ticks: simulation.tick(),
    })
}

/// Takes the rows of a site, in the columns of those that are recorded.
fn take(site: &mut Site, run: u32, types: &[String], recorded: &Recorded, rows: &mut Rows) {
    let mut done = site.take();
    let mut column = |name: &str| {
        let at = site.columns.iter().position(|column| column.name == name);
        let at = at.expect("the site was opened with the signals of the recorded one");
        std::mem::take(&mut done.numbers[at])
    };
    let inputs = recorded.inputs.iter();
    rows.inputs = inputs
        .map(|(name, _)| column(&format!("input:{name}")))
        .collect();
    rows.rates = recorded
        .events
        .iter()
        .map(|(name, _)| column(name))
        .collect();
    rows.run = vec![run; done.time.len()];
    let number = |word: &str| recorded.events.iter().position(|(_, it)| it == word);
    let event = |word: &Option<&str>| word.and_then(number).map(|number| number as u16);
    rows.event = done.event.iter().map(event).collect();
    rows.exposure = done.exposure;
    rows.weight = done.weight;
    let place = |kind: &u16| {
        let name = &types[usize::from(*kind)];
        let place = recorded.types.iter().position(|it| it == name);
        place.expect("all types of the scenario were added") as u16
    };
    rows.types = done.cell_type.iter().map(place).collect();
}
