//! The physical floor: how far a model's numbers may go, far beyond biology.

use kernels::channels::Channel;
use rules::{Signature, Subject, Target};

use crate::{dictionary::Behavior, plan::Plan, record::Clamps, stores::are_within};

/// 1/min: events and exchange with the fields. Nothing in a tissue is faster than 6 ms.
const FASTEST: f64 = 1e4;

/// Anything else, in its own unit.
const GREATEST: f64 = 1e9;

/// `[write]`: the range of what a learned rule may write.
pub struct Limits(pub Vec<[f64; 2]>);

impl Limits {
    pub fn new(signature: &Signature, plan: &Plan) -> Limits {
        let limit = |target: &Target| match target {
            Target::Behavior(number) => of_behavior(*number, plan),
            Target::PairBehavior(_) => [0.0, FASTEST],
            Target::Readout(_) => [f64::NEG_INFINITY, f64::INFINITY],
        };
        let writes = signature.writes.iter();
        Limits(writes.map(|write| limit(&write.target)).collect())
    }

    /// Whether all numbers, `[write][row]`, are numbers, and inside where a write `sets` one.
    pub fn hold(&self, columns: &[Vec<f64>], sets: &[bool]) -> bool {
        let holds = |((column, range), &sets): ((&Vec<f64>, &[f64; 2]), &bool)| match sets {
            true => are_within(column, *range),
            false => are_within(column, [f64::MIN, f64::MAX]),
        };
        columns.iter().zip(&self.0).zip(sets).all(holds)
    }

    /// The number, inside the range of a write.
    pub fn keep(&self, write: usize, value: f64) -> f64 {
        let [low, high] = self.0[write];
        value.clamp(low, high)
    }
}

fn of_behavior(number: usize, plan: &Plan) -> [f64; 2] {
    let entry = plan.table.vocabulary.behaviors.entry(number);
    let [low, high] = entry.range;
    let ceiling = match plan.table.behaviors[number] {
        // One smallest voxel edge in a mechanics step.
        Behavior::Kernel(Channel::Speed) => {
            let domain = &plan.scenario.domain;
            let edges = &domain.voxel[..usize::from(domain.dimensions)];
            edges.iter().copied().fold(f64::INFINITY, f64::min) / plan.scenario.clocks.mechanics
        }
        Behavior::Kernel(Channel::SecretionRate(_) | Channel::UptakeRate(_)) => FASTEST,
        _ if entry.is_event_rate => FASTEST,
        _ => GREATEST,
    };
    [low.max(-ceiling), high.min(ceiling)]
}

/// Counts a number that was put back, where those of written rules are counted.
pub fn count(subject: &Subject, target: &Target, value: f64, clamps: &mut Clamps) {
    match (subject, target) {
        (Subject::Cell { .. }, Target::Behavior(number)) => clamps.clamped[*number] += 1,
        _ => clamps.negative_pair_rates += u64::from(value < 0.0),
    }
}
