//! Stochastic projects: ensembles against ensembles, by a test fixed beforehand.
//!
//! Each runs with twenty seeds, or a hundred where a run takes no time. Over all pairs of type and saved time, at least 97 % of the
//! differences of means lie within 3 combined standard errors (or half a cell, or 10⁻⁶ of the
//! figure), and none beyond 5; and every run's numbers of cells stay within five pooled standard
//! deviations of PhysiCell's mean (or one cell).

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use sim::{output::Vitality, plan::bind, simulation::Simulation};

use crate::project::{folder, scenario};
use crate::table::Table;

/// What is compared, with the difference that counts as none.
const FIGURES: [(&str, f64); 6] = [
    ("n_live", 0.5),
    ("n_apoptotic", 0.5),
    ("n_necrotic", 0.5),
    ("mean_vol_live", 0.0),
    ("mean_pressure_live", 0.0),
    ("Rg_live", 0.0),
];

type Summary = [f64; FIGURES.len()];

/// The figures of every type, now.
fn summary(simulation: &mut Simulation) -> Vec<Summary> {
    let cells = simulation.table();
    let types = simulation.plan().scenario.cell_types.len();
    let tissue = simulation.tissue();
    let of_type = |kind: usize| -> Summary {
        let of = |state: Vitality| {
            let places = 0..cells.id.len();
            // Cells outside the domain are counted by themselves there.
            let own = places
                .filter(|&place| usize::from(cells.cell_type[place]) == kind)
                .filter(|&place| !tissue.is_frozen(place));
            own.filter(|&place| cells.state[place] == state)
                .collect::<Vec<_>>()
        };
        let live = of(Vitality::Live);
        let mean = |value: &dyn Fn(usize) -> f64| {
            live.iter().map(|&place| value(place)).sum::<f64>() / live.len().max(1) as f64
        };
        let center: [f64; 3] = std::array::from_fn(|d| mean(&|place| cells.position[place][d]));
        let square = mean(&|place| {
            (0..3)
                .map(|d| (cells.position[place][d] - center[d]).powi(2))
                .sum()
        });
        [
            live.len() as f64,
            of(Vitality::Apoptotic).len() as f64,
            of(Vitality::Necrotic).len() as f64,
            mean(&|place| sim::cell::sphere(cells.radius[place])),
            mean(&|place| tissue.pressure(place)),
            square.sqrt(),
        ]
    };
    (0..types).map(of_type).collect()
}

/// Runs a project with one seed: its figures at each of these times.
fn run(folder: &Path, seed: u64, times: &[f64]) -> Vec<Vec<Summary>> {
    let scenario = scenario(folder, &[format!("seed={seed}")]);
    let clocks = scenario.clocks.clone();
    let bound = bind(scenario).unwrap_or_else(|message| panic!("{message}"));
    let mut simulation = Simulation::new(bound, 1).unwrap();
    let at = |&time: &f64| {
        while simulation.tick() < clocks.ticks(time) {
            simulation.step().unwrap();
        }
        summary(&mut simulation)
    };
    times.iter().map(at).collect()
}

fn mean_and_sd(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (square / (count - 1.0)).sqrt())
}

/// What differs more than it may between Milieu and PhysiCell in the project of a folder.
fn differences(folder: &Path, seeds: u64) -> Vec<String> {
    let name = folder.file_name().unwrap().to_string_lossy();
    let table = Table::read(&folder.join("summary_mean_sd.csv"));
    let mut times: Vec<f64> = table.rows().map(|row| row.number("time_min")).collect();
    times.dedup();
    let runs = Mutex::new(Vec::new());
    let next = AtomicU64::new(1);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        break;
                    }
                    let figures = run(folder, seed, &times);
                    runs.lock().unwrap().push(figures);
                }
            });
        }
    });
    let runs = runs.into_inner().unwrap();
    let types: Vec<String> = scenario(folder, &[])
        .cell_types
        .into_iter()
        .map(|cell_type| cell_type.name)
        .collect();
    let mut wrong = Vec::new();
    let mut all = [0, 0];
    for (figure, (column, least)) in FIGURES.into_iter().enumerate() {
        let mut count = 0;
        let mut apart = Vec::new();
        let mut beyond = [Vec::new(), Vec::new()];
        for row in table.rows() {
            let time = times
                .iter()
                .position(|&time| time == row.number("time_min"));
            let kind = types.iter().position(|name| name == row.text("type"));
            let (time, kind) = (time.unwrap(), kind.unwrap());
            let ours: Vec<f64> = runs.iter().map(|run| run[time][kind][figure]).collect();
            let (mean, sd) = mean_and_sd(&ours);
            let wanted = row.number(&format!("{column}_mean"));
            let their_sd = row.number(&format!("{column}_sd"));
            let their_seeds = row.number("n_seeds");
            let error = (sd * sd / seeds as f64 + their_sd * their_sd / their_seeds).sqrt();
            let difference = (mean - wanted).abs();
            count += 1;
            // Runs of ours beside the spread of all of them.
            let pooled = ((sd * sd + their_sd * their_sd) / 2.0).sqrt();
            let far = |value: &&f64| {
                (**value - wanted).abs() > (5.0 * pooled).max(2.0 * least).max(1e-6 * wanted.abs())
            };
            // A mean over the few cells of a type that has just come about may be anything.
            let is_count = least > 0.0;
            if let Some(value) = ours.iter().find(far).filter(|_| is_count) {
                apart.push(format!(
                    "  t = {}, {}: one run has {value:.5}, PhysiCell {wanted:.5} ± {their_sd:.3}",
                    times[time], types[kind]
                ));
            }
            if difference <= least.max(1e-6 * wanted.abs()) {
                continue;
            }
            let text = format!(
                "  t = {}, {}: {mean:.5} ± {sd:.3}, PhysiCell {wanted:.5} ± {their_sd:.3}",
                times[time], types[kind]
            );
            for (limit, beyond) in [3.0, 5.0].into_iter().zip(&mut beyond) {
                if difference > limit * error {
                    beyond.push(text.clone());
                }
            }
        }
        println!(
            "{name}, {column}: of {count} means {} differ by more than 3 standard errors, {} by more than 5",
            beyond[0].len(),
            beyond[1].len()
        );
        all = [all[0] + beyond[0].len(), all[1] + count as usize];
        // Of 13 means one lies beyond 3 errors in some 6 of 100 columns, by Student's law alone.
        let allowed = (0.03 * f64::from(count)).max(1.0);
        if !beyond[1].is_empty() || beyond[0].len() as f64 > allowed {
            wrong.push(format!("{name}, {column}:\n{}", beyond[0].join("\n")));
        }
        if !apart.is_empty() {
            wrong.push(format!("{name}, {column}, runs:\n{}", apart.join("\n")));
        }
    }
    // One in each of many columns would be no chance.
    let [beyond, count] = all;
    if beyond as f64 > 0.03 * count as f64 {
        wrong.push(format!(
            "{name}: of {count} means {beyond} differ by more than 3 errors"
        ));
    }
    wrong
}

fn compare(name: &str, seeds: u64) {
    if let Some(folder) = folder(name) {
        let wrong = differences(&folder, seeds);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn a_monolayer_grows_as_in_physicell() {
    compare("open/monolayer_live", 20);
}

#[test]
fn a_spheroid_that_breathes_grows_as_in_physicell() {
    compare("open/spheroid2D_o2", 20);
}

#[test]
fn the_tumor_immune_sample_runs_as_in_physicell() {
    compare("open/rules_sample", 20);
}

#[test]
fn the_immune_function_sample_runs_as_in_physicell() {
    compare("open/immune_function", 100);
}

/// Further projects, where somebody has PhysiCell's figures of them: each folder in that of
/// `MILIEU_PHYSICELL_PROJECTS` with its settings and a `summary_mean_sd.csv`.
#[test]
fn further_projects_run_as_in_physicell() {
    let Ok(projects) = std::env::var("MILIEU_PHYSICELL_PROJECTS") else {
        eprintln!("skipped: MILIEU_PHYSICELL_PROJECTS names no folder of projects");
        return;
    };
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(projects).unwrap() {
        let folder = entry.unwrap().path();
        if folder.join("summary_mean_sd.csv").is_file() {
            wrong.extend(differences(&folder, 20));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
