//! Whole tissues, by the clocks of their stages: contact mechanics, rules and phenotype, a run.

use std::time::Instant;

use super::{Extent, Figure, Tell, median, scenes};
use crate::{record::Stage, simulation::Simulation};

const ROUNDS: usize = 5;

/// A step of mechanics: neighbors and their upkeep, forces, pressure, walks, positions.
pub fn contact(extent: Extent, tell: &mut Tell<'_>) -> Result<(), String> {
    let mut sizes = vec![cells(extent)];
    if extent.large {
        sizes.push(1_000_000);
    }
    for cells in sizes {
        let mut simulation = scenes::packed(cells, extent.threads)?;
        // Cells settle before they are watched.
        let steps = if extent.quick { 2 } else { 10 };
        spent(&mut simulation, steps, &[Stage::Mechanics])?;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(spent(&mut simulation, steps, &[Stage::Mechanics])? / steps as f64);
        }
        let unit = "ns per cell and step";
        tell(of(&simulation, "contact", "packed cells", unit, rounds))?;
    }
    Ok(())
}

/// A phenotype step under twenty written rules.
pub fn phenotype(extent: Extent, tell: &mut Tell<'_>) -> Result<(), String> {
    let simulation = scenes::ruled(cells(extent), extent.threads)?;
    let stages = [Stage::Rules, Stage::Phenotype];
    let what = "cells under 20 written rules";
    per_phenotype(simulation, "phenotype", what, &stages, tell)
}

/// A decision of a learned rule.
pub fn learned(extent: Extent, tell: &mut Tell<'_>) -> Result<(), String> {
    let simulation = scenes::learned(cells(extent), extent.threads)?;
    let what = "cells under a model 8-32-32-4";
    per_phenotype(simulation, "learned", what, &[Stage::Rules], tell)
}

fn per_phenotype(
    mut simulation: Simulation,
    name: &'static str,
    what: &str,
    stages: &[Stage],
    tell: &mut Tell<'_>,
) -> Result<(), String> {
    let ticks = simulation.plan().scenario.clocks.phenotype_ticks();
    spent(&mut simulation, ticks, stages)?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(spent(&mut simulation, ticks, stages)?);
    }
    let unit = "ns per cell and phenotype step";
    tell(of(&simulation, name, what, unit, rounds))
}

/// The beginning of a shipped scenario, without outputs.
pub fn run(extent: Extent, tell: &mut Tell<'_>) -> Result<(), String> {
    let minutes = if extent.quick { 12.0 } else { 720.0 };
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let mut simulation = scenes::shipped(extent.threads)?;
        let started = Instant::now();
        let ticks = simulation.plan().scenario.clocks.ticks(minutes);
        advance(&mut simulation, ticks)?;
        rounds.push(started.elapsed().as_secs_f64());
    }
    tell(Figure {
        name: "run",
        size: format!("{minutes} min of tumor_immune_small"),
        figure: median(rounds),
        unit: "s",
        limit: None,
        reached: None,
    })
}

fn cells(extent: Extent) -> usize {
    if extent.quick { 1_000 } else { 100_000 }
}

/// Advances so many ticks; ns per cell that these stages took.
fn spent(simulation: &mut Simulation, ticks: u64, stages: &[Stage]) -> Result<f64, String> {
    let taken = |simulation: &mut Simulation| -> f64 {
        let seconds = simulation.timings().seconds;
        stages.iter().map(|&stage| seconds[stage as usize]).sum()
    };
    let before = taken(simulation);
    advance(simulation, ticks)?;
    simulation.forget_events();
    Ok((taken(simulation) - before) * 1e9 / simulation.cells() as f64)
}

/// On the threads it computes on, like a run.
fn advance(simulation: &mut Simulation, ticks: u64) -> Result<(), String> {
    let pool = simulation.tissue().pool().clone();
    pool.run(|| (0..ticks).try_for_each(|_| simulation.step()))
}

fn of(
    simulation: &Simulation,
    name: &'static str,
    what: &str,
    unit: &'static str,
    rounds: Vec<f64>,
) -> Figure {
    let size = format!("{} {what}", simulation.cells());
    Figure::ns(name, size, median(rounds), unit, None)
}
