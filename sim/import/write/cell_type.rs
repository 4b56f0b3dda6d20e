//! Kinds of cell.

use super::super::cell_type::{Bias, CellType, Death, Exit, Interactions, Volume};
use super::super::defaults::MODELS;
use super::super::distribution::Distribution;
use super::super::project::Project;
use super::toml::{Text, array, inline, key, measured, number, text, time};

/// The deaths of a scenario where it states nothing: PhysiCell's own two models.
const DEATHS: [(&str, Death); 2] = [
    (
        "apoptosis",
        Death {
            rate: 0.0,
            unlysed_fluid_change_rate: 3.0 / 60.0,
            lysed_fluid_change_rate: 0.0,
            cytoplasmic_change_rate: 1.0 / 60.0,
            nuclear_change_rate: 0.35 / 60.0,
            calcification_rate: 0.0,
            relative_rupture_volume: 2.0,
        },
    ),
    (
        "necrosis",
        Death {
            rate: 0.0,
            unlysed_fluid_change_rate: 0.67 / 60.0,
            lysed_fluid_change_rate: 0.05 / 60.0,
            cytoplasmic_change_rate: 0.0032 / 60.0,
            nuclear_change_rate: 0.013 / 60.0,
            calcification_rate: 0.0042 / 60.0,
            relative_rupture_volume: 2.0,
        },
    ),
];

/// All of a project.
pub fn all(out: &mut Text, project: &Project) {
    for kind in &project.types {
        one(out, project, kind);
    }
}

fn one(out: &mut Text, project: &Project, kind: &CellType) {
    let names: Vec<&str> = project
        .types
        .iter()
        .map(|kind| kind.name.as_str())
        .collect();
    let at = format!("cell_types.{}", key(&kind.name));
    let table = |name: &str| format!("{at}.{name}");
    out.table(&table("cycle"));
    cycle(out, kind, &project.flags[kind.cycle.flags]);
    if kind.asymmetric.enabled {
        out.table(&table("asymmetric_division"));
        out.header();
        for (name, &share) in names.iter().zip(&kind.asymmetric.probabilities) {
            if share != 0.0 {
                out.line(&key(name), number(share));
            }
        }
    }
    for (number, (name, default)) in DEATHS.iter().enumerate() {
        out.table(&table(name));
        death(out, &kind.deaths[number], default, &project.deaths[number]);
    }
    out.table(&table("volume"));
    volume(out, &kind.volume);
    out.table(&table("mechanics"));
    mechanics(out, kind, &names);
    out.table(&table("motility"));
    motility(out, kind, project);
    out.table(&table("exchange"));
    exchange(out, project, kind);
    out.table(&table("interactions"));
    interactions(out, &kind.interactions, &names);
    out.table(&table("transformations"));
    for (name, &rate) in names.iter().zip(&kind.transformations) {
        out.unless(&key(name), rate, 0.0, "1/min");
    }
    out.table(&table("damage"));
    out.unless("rate", kind.damage_rate, 0.0, "1");
    out.unless("repair_rate", kind.damage_repair_rate, 0.0, "1/min");
    out.table(&table("custom"));
    for custom in &kind.custom {
        let unit = rules::Unit::parse(&custom.unit).is_ok() && custom.unit != "1";
        let mut entries = vec![("value".to_owned(), number(custom.value))];
        if unit {
            entries.push(("unit".into(), text(&custom.unit)));
        }
        if custom.conserved {
            entries.push(("conserved".into(), "true".into()));
        }
        let value = match entries.len() {
            1 => number(custom.value),
            _ => inline(entries),
        };
        out.line(&key(&custom.name), value);
    }
    for distribution in &kind.initial {
        out.table(&table(&format!("initial.{}", key(&distribution.behavior))));
        initial(out, distribution);
    }
}

fn cycle(out: &mut Text, kind: &CellType, fixed: &[bool]) {
    let model = &MODELS[kind.cycle.model];
    out.line("model", text(model.here));
    let phases = || model.phases.iter().zip(&kind.cycle.exits);
    let rates: Vec<_> = phases()
        .filter_map(|(phase, exit)| match *exit {
            Exit::Rate(rate) if rate != phase.1 => Some((key(phase.0), measured(rate, "1/min"))),
            _ => None,
        })
        .collect();
    let durations: Vec<_> = phases()
        .filter_map(|(phase, exit)| match *exit {
            Exit::Duration(min) if 1.0 / min != phase.1 => Some((key(phase.0), time(min))),
            _ => None,
        })
        .collect();
    for (name, entries) in [("rates", rates), ("durations", durations)] {
        if !entries.is_empty() {
            out.line(name, inline(entries));
        }
    }
    let own: Vec<bool> = model.phases.iter().map(|phase| phase.2).collect();
    if fixed != own {
        let names = model.phases.iter().zip(fixed).filter(|(_, fixed)| **fixed);
        out.line("fixed", array(names.map(|(phase, _)| text(phase.0))));
    }
}

fn death(out: &mut Text, death: &Death, default: &Death, phases: &[(f64, bool)]) {
    out.unless("rate", death.rate, default.rate, "1/min");
    // Necrosis swells before it bursts; both end with being gone.
    if let [(duration, fixed), _] = *phases {
        // At a rate beyond any step's a phase is over at once, however that is drawn.
        if duration > 1e-6 {
            out.line("swelling_duration", time(duration));
            if !fixed {
                out.line("swelling_fixed", "false".into());
            }
        }
    }
    if let Some(&(duration, fixed)) = phases.last() {
        let usual = if phases.len() == 1 { 516.0 } else { 86_400.0 };
        if duration != usual {
            // A duration of nothing is one that no step is shorter than.
            out.line("duration", time(duration.max(1e-16)));
        }
        if !fixed {
            out.line("fixed", "false".into());
        }
    }
    for (name, value, default) in [
        (
            "unlysed_fluid_change_rate",
            death.unlysed_fluid_change_rate,
            default.unlysed_fluid_change_rate,
        ),
        (
            "lysed_fluid_change_rate",
            death.lysed_fluid_change_rate,
            default.lysed_fluid_change_rate,
        ),
        (
            "cytoplasmic_change_rate",
            death.cytoplasmic_change_rate,
            default.cytoplasmic_change_rate,
        ),
        (
            "nuclear_change_rate",
            death.nuclear_change_rate,
            default.nuclear_change_rate,
        ),
        (
            "calcification_rate",
            death.calcification_rate,
            default.calcification_rate,
        ),
    ] {
        out.unless(name, value, default, "1/min");
    }
    let relative = death.relative_rupture_volume;
    out.unless(
        "relative_rupture_volume",
        relative,
        default.relative_rupture_volume,
        "1",
    );
}

fn volume(out: &mut Text, volume: &Volume) {
    let default = Volume::default();
    out.unless("total", volume.total, default.total, "µm^3");
    // Where none is stated, a nucleus has its share of the cell.
    if volume.nuclear != default.nuclear || volume.total != default.total {
        out.line("nuclear", measured(volume.nuclear, "µm^3"));
    }
    out.unless(
        "fluid_fraction",
        volume.fluid_fraction,
        default.fluid_fraction,
        "1",
    );
    for (name, value, default) in [
        (
            "fluid_change_rate",
            volume.fluid_change_rate,
            default.fluid_change_rate,
        ),
        (
            "cytoplasmic_change_rate",
            volume.cytoplasmic_change_rate,
            default.cytoplasmic_change_rate,
        ),
        (
            "nuclear_change_rate",
            volume.nuclear_change_rate,
            default.nuclear_change_rate,
        ),
    ] {
        out.unless(name, value, default, "1/min");
    }
    out.unless("calcified_fraction", volume.calcified_fraction, 0.0, "1");
    out.unless(
        "calcification_rate",
        volume.calcification_rate,
        0.0,
        "1/min",
    );
}

fn mechanics(out: &mut Text, kind: &CellType, names: &[&str]) {
    let mechanics = &kind.mechanics;
    out.unless("repulsion", mechanics.repulsion, 10.0, "µm/min");
    out.unless("adhesion", mechanics.adhesion, 0.4, "µm/min");
    let reach = mechanics.reach;
    out.unless("relative_maximum_adhesion_distance", reach, 1.25, "1");
    by_name(
        out,
        "adhesion_affinities",
        names,
        &mechanics.affinities,
        1.0,
        "1",
    );
    let elastic = mechanics.elastic_constant;
    out.unless("attachment_elastic_constant", elastic, 0.01, "1/min");
    out.unless("attachment_rate", mechanics.attachment_rate, 0.0, "1/min");
    out.unless("detachment_rate", mechanics.detachment_rate, 0.0, "1/min");
    if mechanics.maximum_attachments != 12 {
        out.line(
            "maximum_attachments",
            mechanics.maximum_attachments.to_string(),
        );
    }
    let adhesion = mechanics.membrane_adhesion;
    out.unless("basement_membrane_adhesion", adhesion, 4.0, "µm/min");
    let repulsion = mechanics.membrane_repulsion;
    out.unless("basement_membrane_repulsion", repulsion, 100.0, "µm/min");
}

fn motility(out: &mut Text, kind: &CellType, project: &Project) {
    let substrates = &project.substrates;
    let motility = &kind.motility;
    if !motility.enabled {
        out.line("enabled", "false".into());
    }
    out.unless("speed", motility.speed, 0.0, "µm/min");
    let persistence_time = motility.persistence_time;
    out.unless("persistence_time", persistence_time, 1.0, "min");
    out.unless("bias", motility.bias, 0.0, "1");
    if motility.in_plane && !project.domain.is_flat {
        out.line("in_plane", "true".into());
    }
    match motility.follows {
        Bias::Nothing => {}
        Bias::One => {
            let towards = match motility.direction {
                1 => "toward",
                -1 => "away_from",
                _ => return,
            };
            if let Some(substrate) = substrates.get(motility.substrate) {
                out.line(towards, text(&substrate.name));
            }
        }
        Bias::Sum { normalized } => {
            let names: Vec<&str> = substrates.iter().map(|one| one.name.as_str()).collect();
            by_name(out, "chemotaxis", &names, &motility.sensitivities, 0.0, "1");
            if normalized {
                out.line("normalize_each_gradient", "true".into());
            }
        }
    }
}

fn exchange(out: &mut Text, project: &Project, kind: &CellType) {
    // A target counts only where there is, or may come to be, a rate.
    let comes_later = project.writes_secretion();
    for (substrate, exchange) in project.substrates.iter().zip(&kind.exchange) {
        let mut entries = Vec::new();
        if exchange.secretion_rate != 0.0 {
            let rate = measured(exchange.secretion_rate, "1/min");
            entries.push(("secretion_rate".to_owned(), rate));
        }
        let target = exchange.secretion_target;
        if exchange.secretion_rate != 0.0 || (target != 0.0 && comes_later) {
            let target = measured(target, &substrate.unit);
            entries.push(("secretion_target".into(), target));
        }
        if exchange.uptake_rate != 0.0 {
            entries.push((
                "uptake_rate".into(),
                measured(exchange.uptake_rate, "1/min"),
            ));
        }
        if exchange.export_rate != 0.0 {
            entries.push(("export_rate".into(), number(exchange.export_rate)));
        }
        if !entries.is_empty() {
            out.line(&key(&substrate.name), inline(entries));
        }
    }
}

fn interactions(out: &mut Text, interactions: &Interactions, names: &[&str]) {
    let default = Interactions::default_among(0);
    let states = ["apoptotic", "necrotic", "other_dead"];
    for (state, &rate) in states.iter().zip(&interactions.phagocytose_dead) {
        out.unless(&format!("phagocytose_{state}"), rate, 0.0, "1/min");
    }
    for (name, values) in [
        ("phagocytose", &interactions.phagocytose),
        ("attack", &interactions.attack),
        ("fusion", &interactions.fusion),
    ] {
        by_name(out, name, names, values, 0.0, "1/min");
    }
    let damage = interactions.attack_damage_rate;
    out.unless(
        "attack_damage_rate",
        damage,
        default.attack_damage_rate,
        "1/min",
    );
    let duration = interactions.attack_duration;
    if duration != default.attack_duration {
        out.line("attack_duration", time(duration));
    }
}

fn initial(out: &mut Text, distribution: &Distribution) {
    out.line("distribution", text(distribution.kind));
    for (name, value) in [
        ("min", distribution.min),
        ("max", distribution.max),
        ("mu", distribution.mu),
        ("sigma", distribution.sigma),
    ] {
        if let Some(value) = value {
            out.line(name, number(value));
        }
    }
    if !distribution.checks_base {
        out.line("check_base", "false".into());
    }
}

/// A table of what is not as usual, by name.
fn by_name(out: &mut Text, name: &str, names: &[&str], values: &[f64], default: f64, unit: &str) {
    let stated = names
        .iter()
        .zip(values)
        .filter(|(_, value)| **value != default);
    let entries: Vec<_> = stated
        .map(|(name, &value)| (key(name), measured(value, unit)))
        .collect();
    if !entries.is_empty() {
        out.line(name, inline(entries));
    }
}
