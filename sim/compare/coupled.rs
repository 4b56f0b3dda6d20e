//! Two arms with the same seed and the same draws: how long they are one run, and how long they
//! should be if only rates differ a little.

use rules::Kind;
use serde::Serialize;
use statrs::distribution::{DiscreteCDF, Poisson};

use crate::{
    ensemble::advance,
    output::Event,
    plan::bind_recorded,
    recorder::{Role, Rows, Site, Wanted},
    scenario::Scenario,
    simulation::Simulation,
};

/// What follows of runs with common draws.
#[derive(Debug, Clone, Serialize)]
pub struct Coupled {
    /// One for each seed.
    pub runs: Vec<Parting>,
    /// Runs that parted.
    pub parted: usize,
    /// Decisions that were to be expected to differ until then, Σ|p₁ − p₂|; none where what
    /// differs decides nothing by itself.
    pub expected: Option<f64>,
    /// The greatest number that is still no surprise: of a Poisson law, 99 %.
    pub bound: Option<u64>,
    /// Whether no more parted than that.
    pub passed: Option<bool>,
    /// Why no number is expected, where none is.
    pub reason: Option<String>,
}

/// Where two runs with one seed part.
#[derive(Debug, Clone, Serialize)]
pub struct Parting {
    /// Of both.
    pub seed: u64,
    /// When the first event differs, min; none if none does.
    pub time_min: Option<f64>,
    /// It, in each arm.
    pub events: [Option<String>; 2],
    /// Σ|p₁ − p₂| until then.
    pub expected: Option<f64>,
    /// Why none is expected, where none is.
    #[serde(skip)]
    reason: Option<String>,
}

/// Runs both arms with one seed; `entries` are those whose rules differ, with the file of the second
/// arm's.
///
/// # Errors
/// Why a run could not go on.
pub fn part(arms: &[Scenario; 2], entries: &[Wanted], seed: u64) -> Result<Parting, String> {
    let mut own = entries.to_vec();
    own.iter_mut().for_each(|wanted| wanted.teacher = None);
    let both = [own, entries.to_vec()].concat();
    // What differs may be nothing that rows are recorded of; the events differ all the same.
    let (both, mut reason) = match bind_recorded(arms[0].clone(), &both) {
        Ok(bound) => (both, incomparable(&bound.sites)),
        Err(reason) => (Vec::new(), Some(reason)),
    };
    if entries.is_empty() {
        reason = Some("the arms have the same files of rules".into());
    }
    let first = match reason {
        None => watch(&arms[0], seed, &both)?,
        Some(_) => watch(&arms[0], seed, &[])?,
    };
    let second = watch(&arms[1], seed, &[])?;
    let length = first.events.len().max(second.events.len());
    let differs = |at: &usize| first.events.get(*at) != second.events.get(*at);
    let place = (0..length).find(differs);
    let event = |events: &[Event]| place.and_then(|at| events.get(at).cloned());
    let events = [event(&first.events), event(&second.events)];
    let times = events.iter().flatten().map(|event| event.time);
    let time_min = place.map(|_| times.fold(f64::INFINITY, f64::min));
    let expected = first.decisions.map(|decisions| {
        let until = time_min.unwrap_or(f64::INFINITY);
        let before = decisions.iter().filter(|(time, _)| *time <= until);
        before.map(|(_, chance)| chance).sum()
    });
    Ok(Parting {
        seed,
        time_min,
        events: events.map(|event| event.map(|event| describe(&event, &arms[0]))),
        expected,
        reason,
    })
}

/// Why the decisions of these sites, the first half beside the second, cannot be compared.
fn incomparable(sites: &[Site]) -> Option<String> {
    let (ones, others) = sites.split_at(sites.len() / 2);
    let is_twin = |(one, other): (&Site, &Site)| {
        let subjects = [one, other].map(|site| &site.rule().signature().subject);
        subjects[0] == subjects[1]
            && one.period == other.period
            && chances(one).len() == chances(other).len()
    };
    if ones.len() != others.len() || !ones.iter().zip(others).all(is_twin) {
        return Some("the rules that differ are of other cells, clocks or events".into());
    }
    let decides = ones.iter().any(|site| !chances(site).is_empty());
    (!decides).then(|| "what differs decides no event by itself".into())
}

/// What follows of several.
pub fn judge(runs: Vec<Parting>) -> Coupled {
    let parted = runs.iter().filter(|run| run.time_min.is_some()).count();
    let expected: Option<f64> = runs.iter().map(|run| run.expected).sum();
    let bound = expected.map(|expected| match Poisson::new(expected) {
        Ok(law) => law.inverse_cdf(0.99),
        // Nothing was to be expected.
        Err(_) => 0,
    });
    Coupled {
        reason: runs.iter().find_map(|run| run.reason.clone()),
        parted,
        expected,
        passed: bound.map(|bound| parted as u64 <= bound),
        bound,
        runs,
    }
}

struct Watched {
    events: Vec<Event>,
    /// (min, Σ|p₁ − p₂| of one call), if that is defined.
    decisions: Option<Vec<(f64, f64)>>,
}

/// Runs an arm, with the first half of `wanted` beside the second, which is [comparable](incomparable).
fn watch(arm: &Scenario, seed: u64, wanted: &[Wanted]) -> Result<Watched, String> {
    let mut scenario = arm.clone();
    scenario.seed = seed;
    let bound = bind_recorded(scenario, wanted)?;
    let mut simulation = Simulation::new(bound, 1)?;
    let mut watched = Watched {
        events: Vec::new(),
        decisions: (!wanted.is_empty()).then(Vec::new),
    };
    let seed_and_all = |simulation: &mut Simulation, is_last: bool| {
        watched.events.extend_from_slice(simulation.events());
        let Some(recorder) = simulation.recorder() else {
            return;
        };
        let sites = &mut recorder.sites;
        if is_last {
            sites.iter_mut().for_each(|site| site.close(seed, 1.0));
        }
        let half = sites.len() / 2;
        let taken: Vec<_> = sites
            .iter_mut()
            .map(|it| (it.take(), chances(it)))
            .collect();
        let Some(decisions) = &mut watched.decisions else {
            return;
        };
        for ((one, places), (other, twins)) in taken[..half].iter().zip(&taken[half..]) {
            differences(one, places, other, twins, decisions);
        }
    };
    let mut look = seed_and_all;
    let end = simulation.plan().scenario.end_tick();
    let mut frame = |simulation: &mut Simulation| {
        let is_last = simulation.tick() == end;
        look(simulation, is_last);
        Ok(())
    };
    advance(&mut simulation, &mut frame)?;
    if let Some(decisions) = &mut watched.decisions {
        decisions.sort_by(|one, other| one.0.total_cmp(&other.0));
    }
    Ok(watched)
}

/// The columns of a site that are rates of events.
fn chances(site: &Site) -> Vec<usize> {
    let behaviors = (site.columns.iter().enumerate())
        .filter(|(_, column)| column.role == Role::Behavior)
        .map(|(place, _)| place);
    let writes = &site.rule().signature().writes;
    let decides = |kind: &Kind| matches!(kind, Kind::Rate | Kind::Hit { .. });
    let both = behaviors.zip(writes);
    both.filter(|(_, write)| decides(&write.kind))
        .map(|(place, _)| place)
        .collect()
}

/// Adds |p₁ − p₂| of each row to the sum of its call.
fn differences(
    one: &Rows,
    places: &[usize],
    other: &Rows,
    twins: &[usize],
    sums: &mut Vec<(f64, f64)>,
) {
    let chance = |rate: f64, time: f64| 1.0 - (-rate.max(0.0) * time).exp();
    for row in 0..one.len().min(other.len()) {
        let time = one.exposure[row];
        let apart = places.iter().zip(twins).map(|(&place, &twin)| {
            (chance(one.numbers[place][row], time) - chance(other.numbers[twin][row], time)).abs()
        });
        let apart: f64 = apart.sum();
        match sums.last_mut() {
            Some((last, sum)) if *last == one.time[row] => *sum += apart,
            _ => sums.push((one.time[row], apart)),
        }
    }
}

fn describe(event: &Event, scenario: &Scenario) -> String {
    let name = |kind: u16| scenario.cell_types[usize::from(kind)].name.as_str();
    let partner = event.partner_type.map(|kind| format!(" → {}", name(kind)));
    format!(
        "{} of {}{} at {:.2} min",
        event.kind.name(),
        name(event.cell_type),
        partner.unwrap_or_default(),
        event.time
    )
}
