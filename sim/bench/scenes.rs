//! Tissues to measure on: a packed ball of tumor cells, bare or under rules, and a shipped scenario.

use std::{fs, path::Path};

use rules::neural::{
    contract::Spec,
    make::{Activation, Link, Mlp, golden_rows, write_onnx},
};
use serde_json::json;
use tempfile::{TempDir, tempdir};

use crate::{plan::bind, scenario::parse, simulation::Simulation};

/// Twenty rules on twenty behaviors.
const RULES: &str = include_str!("ruled.rules");

/// The shipped scenario of T cells in a small tumor: its files, and those of the one it extends.
const SHIPPED: [(&str, &str, &[u8]); 4] = [
    (
        "tumor_immune_small",
        "scenario.toml",
        include_bytes!("../../scenarios/tumor_immune_small/scenario.toml"),
    ),
    (
        "tumor_immune",
        "scenario.toml",
        include_bytes!("../../scenarios/tumor_immune/scenario.toml"),
    ),
    (
        "tumor_immune",
        "behavior.rules",
        include_bytes!("../../scenarios/tumor_immune/behavior.rules"),
    ),
    (
        "tumor_immune",
        "killing.onnx",
        include_bytes!("../../scenarios/tumor_immune/killing.onnx"),
    ),
];

/// µm between packed cells: 11 to 12 neighbors within reach.
const SPACING: f64 = 15.0;

/// Steps of mechanics and phenotype, min; fields advance with mechanics.
type Steps = [f64; 2];

/// As a study would take them.
const FINE: Steps = [0.1, 6.0];
/// Longer, so that few steps of mechanics lie between two of phenotype: in those as much happens
/// as ever.
const COARSE: Steps = [2.0, 6.0];

/// A ball of about this many cells that push each other.
///
/// # Errors
/// A message where files cannot be written, or no threads are to be had.
pub fn packed(cells: usize, threads: usize) -> Result<Simulation, String> {
    let folder = folder()?;
    simulation(folder.path(), &ball(cells, FINE), threads)
}

/// The same under twenty written rules on twenty behaviors.
///
/// # Errors
/// As for [`packed`].
pub fn ruled(cells: usize, threads: usize) -> Result<Simulation, String> {
    let folder = folder()?;
    write(folder.path(), "ruled.rules", RULES.as_bytes())?;
    let text = ball(cells, COARSE) + "[rules]\nruled = \"ruled.rules\"\n";
    simulation(folder.path(), &text, threads)
}

/// The same under a learned rule: a perceptron of eight signals, two hidden layers of 32, and four
/// behaviors.
///
/// # Errors
/// As for [`packed`].
pub fn learned(cells: usize, threads: usize) -> Result<Simulation, String> {
    const INPUTS: [(&str, &str, f64); 8] = [
        ("oxygen", "mmHg", 50.0),
        ("interferon-gamma", "1", 10.0),
        ("debris", "1", 1000.0),
        ("pressure", "1", 100.0),
        ("damage", "1", 100.0),
        ("volume", "um^3", 10_000.0),
        ("time in phase", "min", 10_000.0),
        ("contact with live tumor", "1", 100.0),
    ];
    const OUTPUTS: [(&str, &str); 4] = [
        ("migration speed", "um/min"),
        ("migration bias", "1"),
        ("oxygen uptake", "1/min"),
        ("cell-cell adhesion", "um/min"),
    ];
    let inputs: Vec<_> = (INPUTS.iter().enumerate())
        .map(|(col, (name, unit, hi))| {
            json!({"tensor": "x", "col": col, "name": name, "unit": unit, "lo": 0, "hi": hi})
        })
        .collect();
    let outputs: Vec<_> = (OUTPUTS.iter().enumerate())
        .map(|(col, (name, unit))| {
            json!({"tensor": "y", "col": col, "name": name, "unit": unit, "kind": "parameter"})
        })
        .collect();
    let spec = json!({
        "form": "cell", "acts_on": "tumor", "inputs": inputs, "outputs": outputs,
        "dt": {"trained": 6, "min": 0.1, "max": 60, "unit": "min"}
    });
    let spec = Spec::from_json(spec).map_err(|fault| format!("{fault:?}"))?;
    let ranges = INPUTS.map(|(.., high)| (0.0, high));
    let links = [Link::Exp; OUTPUTS.len()];
    let mut network = Mlp::new(&ranges, &[32, 32], Activation::Relu, &links, 1);
    network.gain.fill(0.1);
    let rows = golden_rows(&spec, 96);
    let file = write_onnx(&network, &spec, &rows, &json!({"name": "bench"}));
    let folder = folder()?;
    write(
        folder.path(),
        "model.onnx",
        &file.map_err(|fault| format!("{fault:?}"))?,
    )?;
    let text = ball(cells, COARSE) + "[rules]\nlearned = \"model.onnx\"\n";
    simulation(folder.path(), &text, threads)
}

/// The shipped scenario `tumor_immune_small`.
///
/// # Errors
/// As for [`packed`].
pub fn shipped(threads: usize) -> Result<Simulation, String> {
    let folder = folder()?;
    for (scenario, name, bytes) in SHIPPED {
        let own = folder.path().join(scenario);
        fs::create_dir_all(&own).map_err(|error| error.to_string())?;
        write(&own, name, bytes)?;
    }
    let scenario = parse::read(&folder.path().join(SHIPPED[0].0), &[], None);
    let scenario = scenario.map_err(|problems| problems[0].to_string())?;
    Simulation::new(bind(scenario)?, threads)
}

/// A field of this many voxels along each edge, without cells.
///
/// # Errors
/// As for [`packed`].
pub fn field(edge: usize, threads: usize) -> Result<Simulation, String> {
    let size = 20 * edge;
    let text = format!(
        r#"duration = "10 d"
[domain]
dimensions = 3
size = [{size}, {size}, {size}]
[substrates]
oxygen = {{ unit = "mmHg", diffusion_coefficient = 1e5, decay_rate = 0.1, initial = 38, boundary = {{ all = 38 }} }}
[cell_types.tumor]
"#
    );
    simulation(folder()?.path(), &text, threads)
}

fn folder() -> Result<TempDir, String> {
    tempdir().map_err(|error| format!("no folder for the files of a bench: {error}"))
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), String> {
    let file = folder.join(name);
    fs::write(&file, bytes).map_err(|error| format!("{}: {error}", file.display()))
}

/// The simulation of a scenario that stands in a folder.
fn simulation(folder: &Path, text: &str, threads: usize) -> Result<Simulation, String> {
    let file = folder.join("scenario.toml");
    let scenario = parse::read_text(text.to_owned(), &file, &[], None);
    let scenario = scenario.map_err(|problems| problems[0].to_string())?;
    Simulation::new(bind(scenario)?, threads)
}

/// A ball of cells in oxygen, interferon and their debris.
fn ball(cells: usize, [mechanics, phenotype]: Steps) -> String {
    // A close packing has a cell in every d³ / √2.
    let volume = cells as f64 * SPACING.powi(3) / 2f64.sqrt();
    let radius = (volume * 0.75 / std::f64::consts::PI).cbrt();
    let size = 20.0 * (2.3 * radius / 20.0).ceil();
    format!(
        r#"duration = "10 d"
[domain]
dimensions = 3
size = [{size}, {size}, {size}]
[clocks]
diffusion = {mechanics}
mechanics = {mechanics}
phenotype = {phenotype}
[substrates]
oxygen = {{ unit = "mmHg", diffusion_coefficient = 1e5, decay_rate = 0.1, initial = 38, boundary = {{ all = 38 }} }}
interferon-gamma = {{ diffusion_coefficient = 1e3, decay_rate = 0.01, initial = 1, boundary = {{ all = 1 }} }}
debris = {{ diffusion_coefficient = 1e3, decay_rate = 0.1 }}
[cell_types."CD8 T cell"]
[cell_types.tumor]
apoptosis = {{ rate = 5.3e-5 }}
necrosis = {{ rate = 2.8e-3 }}
motility = {{ speed = 0.05, persistence_time = 5, bias = 0.1, chemotaxis = {{ oxygen = 0.5 }} }}
damage = {{ repair_rate = 0.01 }}
custom = {{ PD-L1 = 1, MHC-I = 1 }}
[cell_types.tumor.cycle]
model = "flow cytometry separated"
rates = {{ "G0/G1" = 0 }}
durations = {{ S = "8 h", G2 = "4 h", M = "1 h" }}
[cell_types.tumor.exchange]
oxygen = {{ uptake_rate = 5 }}
interferon-gamma = {{ uptake_rate = 0.5 }}
debris = {{ secretion_rate = 1, secretion_target = 1 }}
[cells.ball]
type = "tumor"
packed = true
spacing = {SPACING}
sphere = {{ radius = {radius} }}
"#
    )
}
