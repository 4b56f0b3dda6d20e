//! Scenarios written as text, read, bound and run: what tests of whole simulations share.

// Each test crate uses its own part of this.
#![allow(dead_code)]

use std::fmt::Write;
use std::fs;

use sim::output::{Event, EventKind};
use sim::plan::{Bound, bind};
use sim::scenario::parse;
use sim::simulation::Simulation;
use tempfile::TempDir;

/// A rate (1/min) at which an event happens in the first step.
pub const AT_ONCE: f64 = 1e9;

/// The line of a scenario that follows PhysiCell's mathematics.
pub const PHYSICELL: &str = "semantics = \"physicell-1.14\"\n";

/// Milieu's own mathematics, which needs no line, and PhysiCell's.
pub const BOTH: [&str; 2] = ["", PHYSICELL];

/// A folder with these files: name, text.
pub fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Reads and binds the scenario of these files, one of which is `scenario.toml`. What is wrong is
/// told without the path of the folder.
pub fn bound(files: &[(&str, &str)]) -> Result<Bound, String> {
    let folder = folder(files);
    let told = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
    let scenario = parse::read(folder.path(), &[], None).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        told(lines.join("\n"))
    })?;
    bind(scenario).map_err(told)
}

/// The simulation of these files.
pub fn simulation(files: &[(&str, &str)]) -> Simulation {
    let bound = bound(files).unwrap_or_else(|message| panic!("{message}"));
    Simulation::new(bound, 1).unwrap_or_else(|message| panic!("{message}"))
}

/// A plane `size` µm wide, closed and of one voxel, with clocks of diffusion, mechanics and
/// phenotype in min.
pub fn plane(size: f64, [diffusion, mechanics, phenotype]: [f64; 3], rest: &str) -> String {
    format!(
        "duration = \"1000 d\"\n\
         [domain]\ndimensions = 2\nsize = [{size}, {size}]\nvoxel = {size}\n\
         [clocks]\ndiffusion = {diffusion}\nmechanics = {mechanics}\nphenotype = {phenotype}\n{rest}"
    )
}

/// Cells of a type that neither push nor stick.
pub fn ghost(name: &str, rest: &str) -> String {
    format!(
        "[cell_types.{name}]\nmechanics = {{ repulsion = 0, adhesion = 0, attachment_elastic_constant = 0 }}\n{rest}\n"
    )
}

/// A group of cells on a square lattice: side × side of them, `spacing` µm apart, moved by `shift`.
pub fn lattice(name: &str, side: usize, spacing: f64, shift: [f64; 2]) -> String {
    let mut text = format!("[cells.{name}]\ntype = \"{name}\"\nat = [\n");
    let middle = 0.5 * (side as f64 - 1.0);
    for row in 0..side {
        for column in 0..side {
            let [x, y] = [column, row].map(|place| (place as f64 - middle) * spacing);
            writeln!(text, "[{}, {}],", x + shift[0], y + shift[1]).unwrap();
        }
    }
    text + "]\n"
}

/// Advances by a time, min.
pub fn advance(simulation: &mut Simulation, minutes: f64) {
    let ticks = simulation.plan().scenario.clocks.ticks(minutes);
    for _ in 0..ticks {
        simulation.step().unwrap();
    }
}

/// The events of one kind since the start, or since they were forgotten.
pub fn events(simulation: &Simulation, kind: EventKind) -> Vec<Event> {
    let all = simulation.events().iter();
    all.filter(|event| event.kind == kind).cloned().collect()
}

/// The values, by rank, of the number-th of the scenario's `cell_columns`.
pub fn column(simulation: &mut Simulation, number: usize) -> Vec<f64> {
    simulation.table().extra[number].values.clone()
}

/// Asserts |found − expected| ≤ tolerance.
#[track_caller]
pub fn near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{found} is not {expected} ± {tolerance}"
    );
}

/// Asserts that a count of `trials` independent events of probability `p` lies within four
/// standard deviations of its mean: a right program fails one such test in 16 000, and with a fixed
/// seed always or never.
#[track_caller]
pub fn binomial(count: usize, trials: usize, p: f64) {
    let mean = trials as f64 * p;
    near(count as f64, mean, 4.0 * (mean * (1.0 - p)).sqrt());
}

/// The mean, and the variance of the population it was drawn from.
pub fn moments(values: &[f64]) -> [f64; 2] {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    [mean, squares / (count - 1.0)]
}
