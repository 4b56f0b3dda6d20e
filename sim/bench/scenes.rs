//! Tissues to measure on: a packed ball of tumor cells in its oxygen, under twenty written rules.

use std::path::Path;

use crate::{plan::bind, scenario::parse, simulation::Simulation};

/// Twenty rules on twenty behaviors.
const RULES: &str = include_str!("ruled.rules");

/// µm between packed cells: 11 to 12 neighbors within reach.
const SPACING: f64 = 15.0;

/// A ball of about this many cells. Steps of fields and mechanics are longer than a study would
/// take, so that few of them lie between two of phenotype: as much happens in a cell as ever.
///
/// # Errors
/// A message where the folder of its files cannot be written, or no threads are to be had.
pub fn ruled(cells: usize, threads: usize) -> Result<Simulation, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let rules = folder.path().join("ruled.rules");
    std::fs::write(rules, RULES).map_err(|error| error.to_string())?;
    simulation(folder.path(), &text(cells), threads)
}

/// The simulation of a scenario that stands in a folder.
fn simulation(folder: &Path, text: &str, threads: usize) -> Result<Simulation, String> {
    let file = folder.join("scenario.toml");
    let scenario = parse::read_text(text.to_owned(), &file, &[], None);
    let scenario = scenario.map_err(|problems| problems[0].to_string())?;
    Simulation::new(bind(scenario)?, threads)
}

fn text(cells: usize) -> String {
    // A close packing has a cell in every d³ / √2.
    let volume = cells as f64 * SPACING.powi(3) / 2f64.sqrt();
    let radius = (volume * 0.75 / std::f64::consts::PI).cbrt();
    let size = 20.0 * (2.3 * radius / 20.0).ceil();
    let substrate = |name: &str, boundary: f64| {
        format!(
            "[substrates.{name}]\ndiffusion_coefficient = 1e5\ndecay_rate = 0.1\n\
             initial = {boundary}\nboundary = {{ all = {boundary} }}\n"
        )
    };
    let substrates = [
        ("glucose", 5.0),
        ("VEGF", 0.0),
        ("debris", 0.0),
        ("interferon-gamma", 1.0),
    ];
    let substrates = substrates.map(|(name, boundary)| substrate(name, boundary));
    format!(
        "duration = \"10 d\"\n[domain]\ndimensions = 3\nsize = [{size}, {size}, {size}]\n\
         [clocks]\ndiffusion = 2\nmechanics = 2\nphenotype = 6\n\
         [substrates.oxygen]\nunit = \"mmHg\"\ndiffusion_coefficient = 1e5\ndecay_rate = 0.1\n\
         initial = 38\nboundary = {{ all = 38 }}\n{}\
         [cell_types.\"CD8 T cell\"]\n\
         [cell_types.tumor.cycle]\nmodel = \"flow cytometry separated\"\n\
         rates = {{ \"G0/G1\" = 0 }}\ndurations = {{ S = \"8 h\", G2 = \"4 h\", M = \"1 h\" }}\n\
         [cell_types.tumor.apoptosis]\nrate = 5.3e-5\n[cell_types.tumor.necrosis]\nrate = 2.8e-3\n\
         [cell_types.tumor.motility]\nspeed = 0.05\npersistence_time = 5\nbias = 0.1\nchemotaxis = {{ oxygen = 0.5 }}\n\
         [cell_types.tumor.exchange]\noxygen = {{ uptake_rate = 5 }}\nglucose = {{ uptake_rate = 0.5 }}\n\
         VEGF = {{ secretion_rate = 1, secretion_target = 1 }}\n\
         [cell_types.tumor.damage]\nrepair_rate = 0.01\n\
         [cell_types.tumor.custom]\nPD-L1 = 1\nMHC-I = 1\n\
         [cells.ball]\ntype = \"tumor\"\npacked = true\nspacing = {SPACING}\nsphere = {{ radius = {radius} }}\n\
         [rules]\nruled = \"ruled.rules\"\n",
        substrates.concat()
    )
}
