//! `milieu check scenarios/x`

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use clap::Args;
use sim::{
    cell::radius,
    output::Writers,
    scenario::{Arrival, Boundary, CellType, Place, Region, Scenario},
    simulation::Simulation,
};

use super::{Chosen, Stop, print, threads};

/// How long the trial run for the estimate of time may take.
const TRIAL: Duration = Duration::from_millis(400);

/// Arguments of `milieu check`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
}

/// Prints what would run: everything resolved, in base units (µm, min).
pub fn check(arguments: &Arguments) -> Result<(), Stop> {
    let bound = arguments.chosen.bind()?;
    Writers::check(&bound.plan.scenario.outputs.write).map_err(Stop::input)?;
    let scenario = bound.plan.scenario.clone();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = whole(&mut text, &scenario);
    for cell_type in &scenario.cell_types {
        let _ = kind(&mut text, cell_type, &scenario);
    }
    let _ = cells(&mut text, &scenario);
    let _ = writeln!(text, "\nrules");
    for source in &scenario.rules {
        let _ = writeln!(
            text,
            "  {} = {}",
            source.name,
            source.binding.file.display()
        );
        for rule in bound
            .rules
            .iter()
            .filter(|rule| rule.signature().source == source.name)
        {
            let provenance = rule.provenance();
            let clock = rule.signature().clock;
            let _ = writeln!(
                text,
                "    every {clock} min, by {}, sha256 {}",
                provenance.engine,
                &provenance.sha256[..12]
            );
            for line in rule.describe() {
                let _ = writeln!(text, "    | {line}");
            }
        }
    }
    for note in &scenario.notes {
        let _ = writeln!(text, "\nnote: {note}");
    }
    let simulation = Simulation::new(bound, threads(None)?).map_err(Stop::input)?;
    let _ = estimate(&mut text, simulation)?;
    print(&text)
}

fn whole(text: &mut String, scenario: &Scenario) -> std::fmt::Result {
    let Scenario { domain, clocks, .. } = scenario;
    writeln!(text, "{}\n{}\n", scenario.name, scenario.description)?;
    let extent: Vec<String> = (0..usize::from(domain.dimensions))
        .map(|d| {
            format!(
                "{} to {} µm ({} µm voxels)",
                domain.min[d], domain.max[d], domain.voxel[d]
            )
        })
        .collect();
    writeln!(
        text,
        "domain      {}D: {}",
        domain.dimensions,
        extent.join(", ")
    )?;
    writeln!(
        text,
        "clocks      diffusion {} min, mechanics {} min, phenotype {} min; {} min in all",
        clocks.diffusion, clocks.mechanics, clocks.phenotype, scenario.duration
    )?;
    writeln!(text, "seed        {}", scenario.seed)?;
    writeln!(
        text,
        "outputs     {} every {} min",
        scenario.outputs.write.join(", "),
        scenario.outputs.interval
    )?;
    writeln!(text, "\nsubstrates")?;
    for substrate in &scenario.substrates {
        writeln!(
            text,
            "  {} [{}]: diffusion {} µm²/min, decay {} 1/min, initially {}, boundary {}",
            substrate.name,
            substrate.unit,
            substrate.diffusion_coefficient,
            substrate.decay_rate,
            substrate.initial,
            boundary(&substrate.boundary, domain.dimensions)
        )?;
    }
    Ok(())
}

fn boundary(faces: &[Boundary; 6], dimensions: u8) -> String {
    let names = ["x_min", "x_max", "y_min", "y_max", "z_min", "z_max"];
    let fixed: Vec<String> = faces
        .iter()
        .zip(names)
        .take(2 * usize::from(dimensions))
        .filter_map(|(face, name)| match face {
            Boundary::Fixed(value) => Some(format!("{name} = {value}")),
            Boundary::NoFlux => None,
        })
        .collect();
    if fixed.is_empty() {
        "no-flux".into()
    } else {
        format!("{} (else no-flux)", fixed.join(", "))
    }
}

/// A type, by what is not zero.
fn kind(text: &mut String, cell_type: &CellType, scenario: &Scenario) -> std::fmt::Result {
    let types = &scenario.cell_types;
    writeln!(text, "\ncell type {}", cell_type.name)?;
    let volume = &cell_type.volume;
    writeln!(
        text,
        "  volume          {} µm³ (radius {:.2} µm), nucleus {} µm³, fluid {}; fluid {}, cytoplasm {}, nucleus {} 1/min",
        volume.total,
        radius(volume.total),
        volume.nuclear,
        volume.fluid_fraction,
        volume.fluid_change_rate,
        volume.cytoplasmic_change_rate,
        volume.nuclear_change_rate
    )?;
    if !cell_type.cycle.phases.is_empty() {
        writeln!(text, "  cycle           {}", cell_type.cycle.model)?;
        for phase in &cell_type.cycle.phases {
            writeln!(
                text,
                "    {} → {}: {} 1/min{}{}",
                phase.name,
                cell_type.cycle.phases[phase.next].name,
                phase.exit_rate,
                if phase.fixed { ", fixed duration" } else { "" },
                if phase.divides { ", divides" } else { "" }
            )?;
        }
    }
    for (name, death) in [
        ("apoptosis", &cell_type.apoptosis),
        ("necrosis", &cell_type.necrosis),
    ] {
        writeln!(
            text,
            "  {name:<15} {} 1/min, gone after {} min",
            death.rate, death.duration
        )?;
    }
    let mechanics = &cell_type.mechanics;
    writeln!(
        text,
        "  mechanics       repulsion {} µm/min, adhesion {} µm/min to {} radii",
        mechanics.repulsion, mechanics.adhesion, mechanics.relative_maximum_adhesion_distance
    )?;
    for (other, affinity) in types.iter().zip(&mechanics.adhesion_affinities) {
        if *affinity != 1.0 {
            writeln!(text, "    adhesion affinity to {}: {affinity}", other.name)?;
        }
    }
    let motility = &cell_type.motility;
    if motility.speed > 0.0 {
        writeln!(
            text,
            "  motility        {} µm/min, persistence {} min, bias {}",
            motility.speed, motility.persistence_time, motility.bias
        )?;
    }
    for (substrate, weight) in scenario.substrates.iter().zip(&motility.chemotaxis) {
        if *weight != 0.0 {
            writeln!(text, "    chemotaxis in {}: {weight}", substrate.name)?;
        }
    }
    for (substrate, exchange) in scenario.substrates.iter().zip(&cell_type.exchange) {
        let parts = [
            ("secretion", exchange.secretion_rate, "1/min"),
            (
                "toward",
                exchange.secretion_target,
                &substrate.unit.to_string(),
            ),
            ("uptake", exchange.uptake_rate, "1/min"),
            ("export", exchange.export_rate, "amount/min"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(_, value, _)| *value != 0.0)
            .map(|(name, value, unit)| format!("{name} {value} {unit}"))
            .collect();
        if !parts.is_empty() {
            writeln!(
                text,
                "  exchange        {}: {}",
                substrate.name,
                parts.join(", ")
            )?;
        }
    }
    let interactions = &cell_type.interactions;
    let mut line = |name: &str, value: f64| match value {
        0.0 => Ok(()),
        _ => writeln!(text, "  interaction     {name}: {value} 1/min"),
    };
    line(
        "phagocytose apoptotic cell",
        interactions.phagocytose_apoptotic,
    )?;
    line(
        "phagocytose necrotic cell",
        interactions.phagocytose_necrotic,
    )?;
    for (number, other) in types.iter().enumerate() {
        line(
            &format!("phagocytose {}", other.name),
            interactions.phagocytose[number],
        )?;
        line(
            &format!("attack {}", other.name),
            interactions.attack[number],
        )?;
        line(
            &format!("transform to {}", other.name),
            cell_type.transformations[number],
        )?;
    }
    line("damage", cell_type.damage_rate)?;
    line("damage repair", cell_type.damage_repair_rate)?;
    if interactions.attack.iter().any(|&rate| rate > 0.0) {
        writeln!(
            text,
            "    an attack lasts {} min and deals {} damage/min",
            interactions.attack_duration, interactions.attack_damage_rate
        )?;
    }
    for custom in &cell_type.custom {
        writeln!(
            text,
            "  custom:{} = {} {}",
            custom.name, custom.value, custom.unit
        )?;
    }
    Ok(())
}

fn cells(text: &mut String, scenario: &Scenario) -> std::fmt::Result {
    writeln!(text, "\ncells at the start")?;
    for placement in &scenario.cells {
        match &placement.place {
            Place::Explicit { cells } => {
                let of = |kind: usize| cells.iter().filter(|cell| cell.cell_type == kind).count();
                let counts = scenario.cell_types.iter().enumerate();
                let counts: Vec<String> = counts
                    .filter(|(kind, _)| of(*kind) > 0)
                    .map(|(kind, cell_type)| format!("{} {}", of(kind), cell_type.name))
                    .collect();
                writeln!(text, "  {}: {}", placement.name, counts.join(", "))?;
            }
            Place::Region {
                cell_type,
                count,
                region,
                spacing,
            } => {
                let name = &scenario.cell_types[*cell_type].name;
                let how = match count {
                    Some(count) => format!("{count} {name} at random, at least {spacing} µm apart"),
                    None => format!("{name} packed {spacing} µm apart"),
                };
                writeln!(text, "  {}: {how}, in {}", placement.name, place(region))?;
            }
        }
    }
    for Arrival {
        name,
        cell_type,
        rate,
        start,
        stop,
        region,
    } in &scenario.arrivals
    {
        let kind = &scenario.cell_types[*cell_type].name;
        let place = place(region);
        writeln!(
            text,
            "  {name}: {kind} arrive at {rate} 1/min from {start} to {stop} min, in {place}"
        )?;
    }
    Ok(())
}

fn place(region: &Region) -> String {
    match region {
        Region::Ball {
            center,
            inner,
            outer,
        } if *inner > 0.0 => {
            format!("the ring from {inner} to {outer} µm around {center:?}")
        }
        Region::Ball { center, outer, .. } => {
            format!("the disc or ball of {outer} µm around {center:?}")
        }
        Region::Box { min, max } => format!("the box from {min:?} to {max:?}"),
    }
}

/// Memory from the sizes of things, time from a short trial with the cells of the start.
fn estimate(text: &mut String, mut simulation: Simulation) -> Result<std::fmt::Result, Stop> {
    let voxels = simulation.tissue().grid().len();
    let substrates = simulation.plan().scenario.substrates.len();
    let cells = simulation.cells();
    let bytes = voxels * substrates * 24 + cells * 1000;
    let end = simulation.plan().scenario.duration;
    let started = Instant::now();
    while started.elapsed() < TRIAL && simulation.time() < end {
        simulation.step().map_err(Stop::run)?;
    }
    let seconds = started.elapsed().as_secs_f64() / simulation.time() * end;
    Ok(writeln!(
        text,
        "\n{cells} cells and {voxels} voxels × {substrates} substrates: about {:.0} MB and {seconds:.0} s on this machine, \
         as long as the tissue keeps its size",
        (bytes as f64 / 1e6).max(1.0)
    ))
}
