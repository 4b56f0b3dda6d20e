//! The text of a scenario. It states what differs from the scenario's own defaults, each number
//! in the shortest form that keeps all its bits.

mod cell_type;
mod toml;

use std::path::Path;

use super::files;
use super::ignored::Ignored;
use super::project::{Domain, Project};
use super::substrates::Substrate;
use toml::{Text, array, inline, key, measured, number, text, time};

/// The scenario of a project, for a file in `folder`.
pub fn scenario(project: &Project, settings: &Path, folder: &Path, ignored: &[Ignored]) -> String {
    let mut out = Text::default();
    let file = files::relative(settings, folder);
    out.comment(&format!(
        "Imported from {file}. What is not stated has its default, see docs/scenario.md."
    ));
    if !ignored.is_empty() {
        out.comment("Not imported as it stands:");
        for item in ignored {
            let differs = match item.effect {
                super::Effect::Differs => "results differ: ",
                super::Effect::Harmless => "",
            };
            out.comment(&format!(
                "- line {}: {}: {differs}{}",
                item.line, item.element, item.why
            ));
        }
    }
    out.line("name", text(&project.name));
    out.line("semantics", text("physicell-1.14"));
    if project.seed != 0 {
        out.line("seed", project.seed.to_string());
    }
    out.line("duration", time(project.duration));
    if project.tracks_internalized {
        out.line("track_internalized_substrates", "true".into());
    }
    if let Some(file) = &project.initial_densities {
        out.line("initial_densities", text(&files::relative(file, folder)));
    }
    domain(&mut out, &project.domain);
    clocks(&mut out, project.clocks);
    for substrate in &project.substrates {
        self::substrate(&mut out, substrate, project.domain.is_flat);
    }
    cell_type::all(&mut out, project);
    if project.polar_axes {
        out.table("division");
        out.line("polar_axes", "true".into());
    }
    if !project.springs {
        out.table("contacts");
        out.line("springs", "false".into());
    }
    cells(&mut out, project, folder);
    rules(&mut out, project, folder);
    outputs(&mut out, project);
    out.whole()
}

fn domain(out: &mut Text, domain: &Domain) {
    let axes = if domain.is_flat { 2 } else { 3 };
    let (min, max) = (&domain.min[..axes], &domain.max[..axes]);
    out.table("domain");
    out.line("dimensions", axes.to_string());
    if min.iter().zip(max).all(|(min, max)| *min == -max) {
        let extents = max.iter().map(|max| measured(max * 2.0, "µm"));
        out.line("size", array(extents));
    } else {
        out.line(
            "min",
            array(min.iter().map(|&corner| measured(corner, "µm"))),
        );
        out.line(
            "max",
            array(max.iter().map(|&corner| measured(corner, "µm"))),
        );
    }
    let [x, y, z] = domain.voxel;
    match x == y && y == z {
        true => out.line("voxel", measured(x, "µm")),
        false => out.line("voxel", array([x, y, z].map(|edge| measured(edge, "µm")))),
    }
    // The velocity that PhysiCell's walls have, whatever the settings say.
    if !domain.walls {
        out.line("wall_repulsion", "0".into());
    }
}

fn clocks(out: &mut Text, clocks: [f64; 3]) {
    let names = ["diffusion", "mechanics", "phenotype"];
    let stated: Vec<_> = names
        .into_iter()
        .zip(clocks)
        .zip([0.01, 0.1, 6.0])
        .filter(|((_, step), default)| step != default)
        .collect();
    if !stated.is_empty() {
        out.table("clocks");
        for ((name, step), _) in stated {
            out.line(name, measured(step, "min"));
        }
    }
}

fn substrate(out: &mut Text, substrate: &Substrate, is_flat: bool) {
    out.table(&format!("substrates.{}", key(&substrate.name)));
    if substrate.unit != "1" {
        out.line("unit", text(&substrate.unit));
    }
    let diffusion = measured(substrate.diffusion_coefficient, "µm^2/min");
    out.line("diffusion_coefficient", diffusion);
    if substrate.decay_rate != 0.0 {
        out.line("decay_rate", measured(substrate.decay_rate, "1/min"));
    }
    let density = |value: f64| match (value, substrate.unit.as_str()) {
        (_, "1") => number(value),
        (value, unit) => measured(value, unit),
    };
    if substrate.initial != 0.0 {
        out.line("initial", density(substrate.initial));
    }
    let faces = match is_flat {
        true => &substrate.faces[..4],
        false => &substrate.faces[..],
    };
    if let Some(first) = faces[0]
        && faces.iter().all(|face| *face == Some(first))
    {
        out.line("boundary", inline([("all".into(), density(first))]));
    } else if faces.iter().any(Option::is_some) {
        let names = ["x_min", "x_max", "y_min", "y_max", "z_min", "z_max"];
        let stated = names.iter().zip(faces).filter_map(|(name, face)| {
            let value = (*face)?;
            Some(((*name).to_owned(), density(value)))
        });
        out.line("boundary", inline(stated));
    }
}

fn cells(out: &mut Text, project: &Project, folder: &Path) {
    if project.random_cells > 0 {
        for kind in &project.types {
            out.table(&format!(
                "cells.{}",
                key(&format!("{} at random", kind.name))
            ));
            out.line("type", text(&kind.name));
            out.line("count", project.random_cells.to_string());
        }
    }
    if let Some(file) = &project.cells {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let name = match stem.trim() {
            "" => "cells".into(),
            stem => stem.to_owned(),
        };
        out.table(&format!("cells.{}", key(&name)));
        out.line("file", text(&files::relative(file, folder)));
    }
}

fn rules(out: &mut Text, project: &Project, folder: &Path) {
    if project.rules.is_empty() {
        return;
    }
    out.table("rules");
    let mut taken: Vec<String> = Vec::new();
    for set in &project.rules {
        let stem = set.file.file_stem().unwrap_or_default().to_string_lossy();
        let is_taken = |name: &str| {
            let normal = rules::dictionary::normal;
            taken.iter().any(|other| normal(other) == normal(name))
        };
        let mut names = (1..).map(|number| match number {
            1 => stem.clone().into_owned(),
            _ => format!("{stem} {number}"),
        });
        let Some(name) = names.find(|name| !is_taken(name)) else {
            continue;
        };
        out.line(&key(&name), text(&files::relative(&set.file, folder)));
        taken.push(name);
    }
}

fn outputs(out: &mut Text, project: &Project) {
    let save = &project.save;
    out.table("outputs");
    out.line("interval", time(save.interval));
    let mut writers = vec!["populations"];
    if save.full {
        writers.extend(["cells", "fields"]);
    }
    if save.pictures {
        writers.push("pictures");
    }
    if save.full {
        writers.push("physicell");
    }
    out.line("write", array(writers.into_iter().map(text)));
    if let Some(name) = &save.picture_substrate {
        out.line("picture_substrate", text(name));
    }
}
