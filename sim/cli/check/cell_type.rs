//! A cell type as `milieu check` prints it.

use std::fmt::Write;

use sim::{
    cell::radius,
    scenario::{CellType, Death, Distribution, Interactions, Scenario},
};

use super::number;

/// A type: what every cell has, and of the rest what is not as in a type that states nothing.
pub fn describe(text: &mut String, cell_type: &CellType, scenario: &Scenario) -> std::fmt::Result {
    let types = &scenario.cell_types;
    writeln!(text, "\ncell type {}", cell_type.name)?;
    let volume = &cell_type.volume;
    writeln!(
        text,
        "  volume          {} µm³ (radius {:.2} µm), nucleus {} µm³, fluid {}, calcified {}",
        number(volume.total),
        radius(volume.total),
        number(volume.nuclear),
        volume.fluid_fraction,
        volume.calcified_fraction
    )?;
    writeln!(
        text,
        "    changes: fluid {}, cytoplasm {}, nucleus {}, calcification {} 1/min",
        number(volume.fluid_change_rate),
        number(volume.cytoplasmic_change_rate),
        number(volume.nuclear_change_rate),
        number(volume.calcification_rate)
    )?;
    if !cell_type.cycle.phases.is_empty() {
        writeln!(text, "  cycle           {}", cell_type.cycle.model)?;
        for phase in &cell_type.cycle.phases {
            writeln!(
                text,
                "    {} → {}: {} 1/min{}{}{}",
                phase.name,
                cell_type.cycle.phases[phase.next].name,
                number(phase.exit_rate),
                if phase.fixed { ", fixed duration" } else { "" },
                if phase.divides { ", divides" } else { "" },
                if cell_type.cycle.phases[phase.next].grows {
                    ", then grows"
                } else {
                    ""
                }
            )?;
        }
    }
    for (other, share) in types.iter().zip(&cell_type.asymmetric_division) {
        if *share != 0.0 {
            writeln!(text, "    asymmetric division to {}: {share}", other.name)?;
        }
    }
    die(text, "apoptosis", &cell_type.apoptosis)?;
    die(text, "necrosis", &cell_type.necrosis)?;
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
    // Also where no rate is stated: a rule may write it.
    writeln!(
        text,
        "    attaches at {} 1/min per neighbor, lets go at {} 1/min, to {} at most",
        number(mechanics.attachment_rate),
        number(mechanics.detachment_rate),
        mechanics.maximum_attachments
    )?;
    if !mechanics.movable {
        writeln!(text, "    no force moves it")?;
    }
    let motility = &cell_type.motility;
    if motility.speed > 0.0 {
        writeln!(
            text,
            "  motility        {} µm/min, persistence {} min, bias {}{}{}",
            motility.speed,
            motility.persistence_time,
            motility.bias,
            if motility.in_plane {
                ", in the plane"
            } else {
                ""
            },
            if motility.enabled {
                ""
            } else {
                "; switched off"
            },
        )?;
    }
    if let Some((substrate, sign)) = motility.toward {
        let way = if sign < 0.0 { "away from" } else { "toward" };
        let name = &scenario.substrates[substrate].name;
        writeln!(text, "    goes {way} {name}, whatever the weights")?;
    }
    for (substrate, weight) in scenario.substrates.iter().zip(&motility.chemotaxis) {
        if *weight != 0.0 {
            writeln!(text, "    chemotaxis in {}: {weight}", substrate.name)?;
        }
    }
    if motility.normalize_each_gradient {
        writeln!(text, "    each gradient counts by its direction alone")?;
    }
    for (substrate, exchange) in scenario.substrates.iter().zip(&cell_type.exchange) {
        let amount = format!("{}·µm³/min", substrate.unit);
        let parts = [
            ("secretion", exchange.secretion_rate, "1/min"),
            (
                "toward",
                exchange.secretion_target,
                &substrate.unit.to_string(),
            ),
            ("uptake", exchange.uptake_rate, "1/min"),
            ("export", exchange.export_rate, &amount),
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
    interact(text, cell_type, scenario)?;
    for custom in &cell_type.custom {
        let unit = match custom.unit.to_string().as_str() {
            "1" => String::new(),
            unit => format!(" {unit}"),
        };
        let conserved = if custom.conserved {
            ", halved at division"
        } else {
            ""
        };
        writeln!(
            text,
            "  custom:{} = {}{unit}{conserved}",
            custom.name, custom.value
        )?;
    }
    for initial in &cell_type.initial {
        writeln!(
            text,
            "  founders        {}: {}",
            initial.what,
            spread(&initial.distribution)
        )?;
    }
    Ok(())
}

/// A distribution in words.
fn spread(distribution: &Distribution) -> String {
    match distribution {
        Distribution::Uniform { min, max } => format!("uniform from {min} to {max}"),
        Distribution::LogUniform { min, max } => format!("log-uniform from {min} to {max}"),
        Distribution::Normal {
            mu,
            sigma,
            min,
            max,
        } => format!("normal, {mu} ± {sigma}, between {min} and {max}"),
        Distribution::LogNormal {
            base,
            mu,
            sigma,
            min,
            max,
        } => {
            let logarithm = if *base == 10.0 { "log10" } else { "ln" };
            format!("its {logarithm} normal, {mu} ± {sigma}, between {min} and {max}")
        }
    }
}

fn die(text: &mut String, name: &str, death: &Death) -> std::fmt::Result {
    writeln!(
        text,
        "  {name:<15} {} 1/min, gone after {}{} min{}",
        number(death.rate),
        if death.removal.fixed {
            ""
        } else {
            "a mean of "
        },
        death.removal.duration,
        if name == "necrosis" {
            " from its bursting"
        } else {
            ""
        }
    )?;
    if death.swelling.duration > 0.0 {
        writeln!(
            text,
            "    swells for {}{} min at least",
            if death.swelling.fixed {
                ""
            } else {
                "a mean of "
            },
            death.swelling.duration
        )?;
    }
    writeln!(
        text,
        "    changes: fluid {} and after bursting {}, cytoplasm {}, nucleus {}, calcification {} 1/min; \
         bursts at {} times its volume",
        number(death.unlysed_fluid_change_rate),
        number(death.lysed_fluid_change_rate),
        number(death.cytoplasmic_change_rate),
        number(death.nuclear_change_rate),
        number(death.calcification_rate),
        death.relative_rupture_volume
    )
}

/// What it does to other cells, and becomes.
fn interact(text: &mut String, cell_type: &CellType, scenario: &Scenario) -> std::fmt::Result {
    let Interactions {
        phagocytose_apoptotic,
        phagocytose_necrotic,
        phagocytose_other_dead,
        phagocytose,
        fusion,
        attack,
        attack_damage_rate,
        attack_duration,
        immunogenicity,
    } = &cell_type.interactions;
    let mut line = |name: &str, value: f64| match value {
        0.0 => Ok(()),
        _ => writeln!(text, "  interaction     {name}: {} 1/min", number(value)),
    };
    line("phagocytose apoptotic cell", *phagocytose_apoptotic)?;
    line("phagocytose necrotic cell", *phagocytose_necrotic)?;
    line("phagocytose other dead cell", *phagocytose_other_dead)?;
    for (kind, other) in scenario.cell_types.iter().enumerate() {
        line(&format!("fuse to {}", other.name), fusion[kind])?;
        line(&format!("phagocytose {}", other.name), phagocytose[kind])?;
        line(&format!("attack {}", other.name), attack[kind])?;
        let transformation = cell_type.transformations[kind];
        line(&format!("transform to {}", other.name), transformation)?;
    }
    line("damage", cell_type.damage_rate)?;
    line("damage repair", cell_type.damage_repair_rate)?;
    // Also where no attack is stated: a rule may write its rate.
    writeln!(
        text,
        "  attacks         last {attack_duration} min and deal {attack_damage_rate} damage/min; \
         their bond {} 1/min",
        cell_type.mechanics.attachment_elastic_constant
    )?;
    for (other, factor) in scenario.cell_types.iter().zip(immunogenicity) {
        if *factor != 1.0 {
            writeln!(text, "    immunogenicity to {}: {factor}", other.name)?;
        }
    }
    Ok(())
}
