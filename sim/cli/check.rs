//! `milieu check scenarios/x`

mod cell_type;
mod interventions;

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use clap::Args;
use rules::Inherit;
use rules::{Guard, Learned};
use sim::{
    output::Writers,
    plan::{Bound, Plan},
    readouts::{Asked, Given},
    scenario::{Arrival, Boundary, Place, Region, Scenario, Solver},
    semantics::Semantics,
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
    let scenario = &bound.plan.scenario;
    Writers::check(&scenario.outputs.write).map_err(Stop::input)?;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = whole(&mut text, scenario);
    for cell_type in &scenario.cell_types {
        let _ = cell_type::describe(&mut text, cell_type, scenario);
    }
    let _ = latents(&mut text, &bound.plan);
    let _ = cells(&mut text, scenario);
    let _ = interventions::describe(&mut text, scenario);
    let _ = rules(&mut text, &bound);
    let _ = readouts(&mut text, scenario);
    for note in &scenario.notes {
        let _ = writeln!(text, "\nnote: {note}");
    }
    // Before the trial: on a large scenario that may take a while.
    print(&text)?;
    let simulation = Simulation::new(bound, threads(None)?).map_err(Stop::input)?;
    print(&estimate(simulation)?)
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
    if let Solver::Unsplit(tolerance) = scenario.solver {
        writeln!(text, "diffusion   unsplit, tolerance {tolerance}")?;
    }
    match domain.wall_repulsion {
        0.0 => writeln!(text, "walls       open")?,
        velocity => writeln!(text, "walls       push back with {velocity} µm/min")?,
    }
    if let Some(compartments) = domain.compartments {
        let count = compartments.grid(domain).map_or(0, |grid| grid.count());
        let (size, pitch) = (compartments.size, compartments.pitch);
        writeln!(
            text,
            "            {count} compartments of {size} µm, {pitch} µm apart"
        )?;
    }
    writeln!(
        text,
        "contacts    remembered for {} min",
        scenario.contact_memory
    )?;
    if !scenario.springs {
        writeln!(text, "            nobody attaches")?;
    }
    if scenario.semantics == Semantics::PhysiCell {
        writeln!(text, "semantics   PhysiCell 1.14")?;
    }
    if scenario.polar_division_axes {
        writeln!(text, "divisions   axes crowd at the poles")?;
    }
    if scenario.track_internalized_substrates {
        writeln!(text, "substrates  cells keep account of what they hold")?;
    }
    writeln!(text, "seed        {}", scenario.seed)?;
    let outputs = &scenario.outputs;
    let write = match outputs.write.as_slice() {
        [] => "none".into(),
        names => names.join(", "),
    };
    writeln!(text, "outputs     {write} every {} min", outputs.interval)?;
    if !outputs.cell_columns.is_empty() {
        writeln!(
            text,
            "            cells with {}",
            outputs.cell_columns.join(", ")
        )?;
    }
    if let Some(number) = outputs.picture_substrate {
        let name = &scenario.substrates[number].name;
        writeln!(text, "            pictures on {name}")?;
    }
    writeln!(text, "\nsubstrates")?;
    for substrate in &scenario.substrates {
        writeln!(
            text,
            "  {} [{}]: diffusion {} µm²/min, decay {} 1/min, initially {}, boundary {}",
            substrate.name,
            substrate.unit,
            number(substrate.diffusion_coefficient),
            number(substrate.decay_rate),
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

fn latents(text: &mut String, plan: &Plan) -> std::fmt::Result {
    if !plan.latents.spaces.is_empty() {
        writeln!(text, "\nlatent vectors")?;
    }
    let of = |places: &[Option<usize>]| {
        let types = plan.scenario.cell_types.iter().zip(places);
        let having = types.filter(|(_, place)| place.is_some());
        let names: Vec<&str> = having.map(|(kind, _)| kind.name.as_str()).collect();
        names.join(", ")
    };
    for space in &plan.latents.spaces {
        let initially = match space.initial.as_slice() {
            [first, rest @ ..] if rest.iter().all(|other| other == first) => first.to_string(),
            numbers => format!("{numbers:?}"),
        };
        let inherit = match space.inherit {
            Inherit::Copy => "each daughter gets all of it".to_owned(),
            Inherit::Split => "each daughter gets half of it".to_owned(),
            Inherit::Noise(deviation) => {
                format!("each daughter gets all of it, and deviates of {deviation}")
            }
        };
        let (id, types) = (&space.id, of(&space.places));
        writeln!(text, "  {id} of {types}: initially {initially}; {inherit}")?;
    }
    if !plan.latents.recorded.is_empty() {
        writeln!(text, "\nrecorded with cells")?;
    }
    for record in &plan.latents.recorded {
        let (name, unit) = (&record.name, &record.unit);
        writeln!(text, "  {name} [{unit}] of {}", of(&record.places))?;
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
            Place::Compartments(load) => {
                let roles = [load.effectors, load.targets].into_iter().flatten();
                let name = |kind: usize| &scenario.cell_types[kind].name;
                let roles = roles.map(|(kind, count)| format!("{count} {}", name(kind)));
                let roles = roles.collect::<Vec<_>>().join(" and ");
                let (how_many, condition) = (load.compartments, &load.label.condition);
                writeln!(
                    text,
                    "  {}: {how_many} compartments with {roles} each, as `{condition}`",
                    placement.name
                )?;
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

fn rules(text: &mut String, bound: &Bound) -> std::fmt::Result {
    writeln!(text, "\nrules")?;
    for source in &bound.plan.scenario.rules {
        let file = source.binding.file.display();
        writeln!(text, "  {} = {file}", source.name)?;
        for rule in bound
            .rules
            .iter()
            .filter(|rule| rule.signature().source == source.name)
        {
            let provenance = rule.provenance();
            writeln!(
                text,
                "    every {} min, by {}, sha256 {}",
                rule.signature().clock,
                provenance.engine,
                &provenance.sha256[..12]
            )?;
            if let Some(learned) = rule.learned() {
                writeln!(text, "    {}", adoption(learned))?;
            }
            for line in rule.describe() {
                writeln!(text, "    | {line}")?;
            }
        }
    }
    writeln!(
        text,
        "  (`milieu signals` lists every name that rules may use)"
    )
}

/// How a model is taken up.
fn adoption(learned: &Learned) -> String {
    let words = serde_json::json!([learned.mode, learned.guard, learned.adoption.uncertainty]);
    let word = |place: usize| words[place].as_str().unwrap_or_default().to_owned();
    let adoption = &learned.adoption;
    let mut text = format!("mode {}, guard {}", word(0), word(1));
    if learned.guard == Guard::Fallback {
        let _ = write!(text, " (back in call {} inside)", adoption.return_after);
    }
    let _ = write!(text, ", uncertainty {}", word(2));
    for (output, most) in &adoption.stop_above {
        let _ = write!(text, ", ends above a spread of {most} in {output}");
    }
    text
}

fn readouts(text: &mut String, scenario: &Scenario) -> std::fmt::Result {
    if !scenario.readouts.is_empty() {
        writeln!(text, "\nreadouts")?;
    }
    for readout in &scenario.readouts {
        let (measure, unit) = (
            readout.measure,
            readout.measure.unit(&readout.asked, scenario),
        );
        let asked = asked(&readout.asked, scenario);
        write!(text, "  {}: {}{asked}; ", readout.name, measure.name)?;
        match readout.published {
            Some([low, high]) => write!(text, "published {low} to {high} {unit}")?,
            None => write!(text, "in {unit}, no published range")?,
        }
        match readout.source.as_str() {
            "" => writeln!(text)?,
            source => writeln!(text, " ({source})")?,
        }
    }
    Ok(())
}

/// What is said of a readout.
fn asked(asked: &Asked, scenario: &Scenario) -> String {
    let mut text = String::new();
    for (key, given) in asked.iter() {
        let given = match given {
            Given::Types(types) => {
                let names = types.iter().map(|&it| &*scenario.cell_types[it].name);
                names.collect::<Vec<_>>().join(", ")
            }
            Given::Substrate(number) => scenario.substrates[*number].name.clone(),
            Given::State(state) => state.name().into(),
            Given::Axis(axis) => ["x", "y", "z"][*axis].into(),
            Given::Numbers(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(|&it| number(it)).collect();
                numbers.join(", ")
            }
        };
        text += &format!(", {} {given}", key.name());
        if let Some(unit) = key.unit() {
            text += &format!(" {unit}");
        }
    }
    text
}

/// A number that may have been computed, such as a rate from a duration: six digits say it.
fn number(value: f64) -> String {
    let short: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    match short.abs() {
        0.0 => "0".into(),
        1e-3..1e7 => format!("{short}"),
        _ => format!("{short:e}"),
    }
}

/// Memory from the sizes of things, time from a short trial with the cells of the start.
fn estimate(mut simulation: Simulation) -> Result<String, Stop> {
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
    Ok(format!(
        "\n{cells} cells and {voxels} voxels × {substrates} substrates: about {:.0} MB and {seconds:.0} s on this machine, \
         as long as the tissue keeps its size\n",
        (bytes as f64 / 1e6).max(1.0)
    ))
}
