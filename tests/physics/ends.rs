//! How long cells stay dead, and what they take up meanwhile.

use sim::output::{Event, EventKind};
use sim::simulation::Simulation;

use crate::common::*;

/// Cells in a lattice side.
const SIDE: usize = 20;
const CELLS: usize = SIDE * SIDE;

/// 400 cells with clocks of 1 min that all die in the first step.
fn dying(semantics: &str, death: &str) -> Simulation {
    let rest = ghost("a", death) + &lattice("a", SIDE, 40.0, [0.0, 0.0]);
    let text = semantics.to_owned() + &plane(1000.0, [1.0, 1.0, 1.0], &rest);
    simulation(&[("scenario.toml", &text)])
}

/// Times of all removals since the deaths, min, in a run of so many steps.
fn times_to_removal(simulation: &mut Simulation, minutes: f64) -> Vec<f64> {
    advance(simulation, minutes);
    let time = |events: Vec<Event>| -> Vec<f64> { events.iter().map(|it| it.time).collect() };
    let deaths = time(events(simulation, EventKind::Death));
    assert_eq!(deaths.len(), CELLS);
    let removals = events(simulation, EventKind::Removal);
    let causes = ["apoptotic", "necrotic"].map(Some);
    assert!(removals.iter().all(|it| causes.contains(&it.cause)));
    let removals = time(removals);
    removals.iter().map(|time| time - deaths[0]).collect()
}

/// In PhysiCell the step of dying is the first step of being dead, so that all is over one step
/// earlier.
#[test]
fn a_fixed_time_of_being_dead_is_kept_to_the_step() {
    for (semantics, head_start) in [("", 0.0), (PHYSICELL, 1.0)] {
        for duration in [1.0, 20.0, 33.0] {
            let death = format!("apoptosis = {{ rate = {AT_ONCE}, duration = {duration} }}");
            let times = times_to_removal(&mut dying(semantics, &death), duration + 2.0);
            assert_eq!(
                times,
                [duration - head_start; CELLS],
                "{semantics} {duration}"
            );
        }
    }
}

/// Swelling takes its time even if the cell has reached the volume at which it may burst, which a
/// ratio of 1.001 allows in the first step: fluid grows by 0.0112 (V − F) = 7 µm³ a min.
#[test]
fn necrosis_is_swelling_and_then_decay() {
    for (semantics, head_start) in [("", 0.0), (PHYSICELL, 1.0)] {
        let death = format!(
            "necrosis = {{ rate = {AT_ONCE}, swelling_duration = 10, duration = 20, \
             relative_rupture_volume = 1.001 }}"
        );
        let times = times_to_removal(&mut dying(semantics, &death), 35.0);
        assert!(times == [30.0 - head_start; CELLS], "{:?}", times.first());
    }
}

/// Steps until an end of probability p are geometric: mean 1/p, variance (1 − p)/p², with
/// p = 1 − e^{−dt/duration} in Milieu and dt/duration in PhysiCell, whose first trial is in the
/// step of dying itself.
#[test]
fn random_times_of_being_dead_have_their_mean() {
    let duration = 8.0;
    for (semantics, p, head_start) in [
        ("", 1.0 - f64::exp(-1.0 / duration), 0.0),
        (PHYSICELL, 1.0 / duration, 1.0),
    ] {
        let variance = (1.0 - p) / p / p;
        let death =
            format!("apoptosis = {{ rate = {AT_ONCE}, duration = {duration}, fixed = false }}");
        let times = times_to_removal(&mut dying(semantics, &death), 200.0);
        assert_eq!(times.len(), CELLS);
        let [mean, _] = moments(&times);
        near(
            mean,
            1.0 / p - head_start,
            4.0 * (variance / CELLS as f64).sqrt(),
        );
        binomial(
            times
                .iter()
                .filter(|&&time| time == 1.0 - head_start)
                .count(),
            CELLS,
            p,
        );
    }
}

/// Two geometric times, one after the other. In PhysiCell swelling cannot end in the step of
/// dying, since the cell has not swollen yet.
#[test]
fn random_swelling_and_decay_add() {
    let (swelling, decay) = (6.0, 9.0);
    for (semantics, chance) in [
        ("", (|time| 1.0 - f64::exp(-1.0 / time)) as fn(f64) -> f64),
        (PHYSICELL, |time| 1.0 / time),
    ] {
        let death = format!(
            "necrosis = {{ rate = {AT_ONCE}, swelling_duration = {swelling}, swelling_fixed = false, \
             duration = {decay}, fixed = false, relative_rupture_volume = 1.001 }}"
        );
        let times = times_to_removal(&mut dying(semantics, &death), 300.0);
        assert_eq!(times.len(), CELLS);
        let [p, q] = [chance(swelling), chance(decay)];
        let variance = (1.0 - p) / p / p + (1.0 - q) / q / q;
        let [mean, _] = moments(&times);
        near(
            mean,
            1.0 / p + 1.0 / q,
            4.0 * (variance / CELLS as f64).sqrt(),
        );
    }
}

/// A tenth of what the cell took up when it died: in PhysiCell of its own, which a rule had
/// doubled, in Milieu of its type's. Rules no longer speak to it.
#[test]
fn the_dead_take_up_a_tenth() {
    for (semantics, uptake) in [("", 1.0), (PHYSICELL, 2.0)] {
        let a = format!(
            "apoptosis = {{ rate = {AT_ONCE} }}\n\
             exchange = {{ drug = {{ uptake_rate = 10, secretion_rate = 3, secretion_target = 5 }} }}"
        );
        let rest = "[substrates.drug]\ndiffusion_coefficient = 0\n".to_owned()
            + &ghost("a", &a)
            + &lattice("a", 2, 40.0, [0.0, 0.0])
            + "[rules]\nall = \"all.rules\"\n\
               [outputs]\ncell_columns = [\"drug uptake\", \"drug secretion\"]\n";
        let rule = "a: volume increases drug uptake from 10 towards 20 1/min, above 1 µm^3\n";
        let text = semantics.to_owned() + &plane(400.0, [1.0, 1.0, 1.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text), ("all.rules", rule)]);
        assert_eq!(column(&mut simulation, 0), [10.0; 4]);
        advance(&mut simulation, 5.0);
        assert_eq!(events(&simulation, EventKind::Death).len(), 4);
        assert_eq!(column(&mut simulation, 0), [uptake; 4], "{semantics}");
        assert_eq!(column(&mut simulation, 1), [0.0; 4]);
    }
}
