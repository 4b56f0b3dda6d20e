//! Learned rules in a tissue: 100,000 cells of one type placed at random, in 2D, where fields and mechanics
//! are cheapest, and models 32-64-64-8 that read what cells commonly sense.
//!
//! - `inference`: the engine alone, on tensors that are ready;
//! - `decide`: the same rows from signals to behaviors, by the clock of `Stage::Rules`, between
//!   steps of mechanics, so that caches are as a run leaves them;
//! - `interval`: 6 min of fields, mechanics and phenotype, with five models;
//! - `rules of an interval`: the part of it that is the five models'.
//!
//! One round measures all bars of its kind, so what disturbs one disturbs the other; the ratio is
//! printed. `-- --test` takes 2,000 cells and an interval of 0.6 min.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rules::neural::contract::Spec;
use rules::neural::engine::{self, CHUNK, Rows};
use rules::neural::find_onnx_runtime;
use rules::neural::make::{Activation, Link, Mlp, golden_rows, write_onnx};
use rules::{Dictionary, Engine};
use serde_json::{Value, json};
use sim::{plan::bind, record::Stage, scenario::parse, simulation::Simulation};

const SUBSTRATES: usize = 4;
const CUSTOMS: usize = 10;
const MODELS: usize = 5;
const INPUTS: usize = 32;
const OUTPUTS: usize = 8;

/// Diffusion step, min.
const DIFFUSION: f64 = 0.02;
/// Mechanics step, min.
const MECHANICS: f64 = 0.1;

/// Whether each bench is to run once, as a test.
fn is_test() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

fn cells() -> usize {
    if is_test() { 2_000 } else { 100_000 }
}

/// Phenotype step of `interval`, min.
fn phenotype() -> f64 {
    if is_test() { 0.6 } else { 6.0 }
}

/// What a model reads: fields and their slopes, mechanics, contacts, history, and numbers of its own.
fn signals() -> Vec<String> {
    let substrates =
        (0..SUBSTRATES).flat_map(|number| [format!("s{number}"), format!("s{number} gradient")]);
    let customs = (0..CUSTOMS).map(|number| format!("custom:c{number}"));
    let others = [
        "s0 gradient x",
        "pressure",
        "volume",
        "contact with tumor",
        "contact with live cell",
        "contact with dead cell",
        "contact with apoptotic cell",
        "contact time with tumor",
        "damage",
        "damage delivered",
        "total attack time",
        "time in phase",
        "age",
        "time",
    ];
    let others = others.into_iter().map(str::to_owned);
    substrates.chain(others).chain(customs).collect()
}

/// The range that a model was trained on: what the cells of this bench sense lies inside.
fn range(signal: &str) -> (f64, f64) {
    match signal {
        "volume" => (0.0, 10_000.0),
        signal if signal.contains("gradient") => (-1.0, 1.0),
        signal if signal.contains("time") || signal == "age" => (0.0, 1440.0),
        _ => (-100.0, 100.0),
    }
}

/// What a model writes, with the kind: no two models the same.
fn behaviors(model: usize) -> Vec<(String, &'static str)> {
    let names = match model {
        0..SUBSTRATES => [
            format!("s{model} secretion"),
            format!("s{model} secretion target"),
            format!("s{model} uptake"),
            format!("chemotactic response to s{model}"),
        ],
        _ => [
            "migration bias".to_owned(),
            "migration speed".to_owned(),
            "cell-cell adhesion".to_owned(),
            "attack duration".to_owned(),
        ],
    };
    let channels = names.into_iter().map(|name| (name, "parameter"));
    let rates = [2 * model, 2 * model + 1].map(|number| match number {
        0 => ("apoptosis".to_owned(), "rate"),
        1 => ("necrosis".to_owned(), "rate"),
        2 => ("cycle entry".to_owned(), "rate"),
        _ => (format!("exit from cycle phase {}", number - 2), "rate"),
    });
    let customs = [2 * model, 2 * model + 1].map(|number| (format!("custom:c{number}"), "delta"));
    channels.chain(rates).chain(customs).collect()
}

/// The scenario: `models` models, due with phenotype every `clock` min.
fn scenario(models: usize, clock: f64, engine: &Engine) -> String {
    let mut text = String::new();
    let cells = cells();
    // 12 µm apart by rows of a hexagonal packing; a little more room than they need.
    let radius = 12.0 * (cells as f64 / 2.9).sqrt();
    let size = 20.0 * (2.2 * radius / 20.0).round();
    text += &format!(
        "duration = \"1 d\"\n[domain]\ndimensions = 2\nsize = [{size}, {size}]\n\
         [clocks]\ndiffusion = {DIFFUSION}\nmechanics = {MECHANICS}\nphenotype = {clock}\n"
    );
    for number in 0..SUBSTRATES {
        text += &format!(
            "[substrates.s{number}]\nunit = \"mM\"\ndiffusion_coefficient = 1000\n\
             decay_rate = 0.1\ninitial = 1\nboundary = {{ all = 1 }}\n"
        );
    }
    text += "[cell_types.tumor.motility]\nspeed = 0.1\npersistence_time = 5\n\
             [cell_types.tumor.cycle]\nmodel = \"custom\"\nphases = [\n";
    for phase in 0..8 {
        text += &format!(
            "  {{ name = \"p{phase}\", rate = 0, divides = {} }},\n",
            phase == 7
        );
    }
    text += "]\n[cell_types.tumor.exchange]\n";
    for number in 0..SUBSTRATES {
        text += &format!("s{number} = {{ uptake_rate = 1 }}\n");
    }
    text += "[cell_types.tumor.custom]\n";
    for number in 0..CUSTOMS {
        text += &format!("c{number} = 1\n");
    }
    text += &format!(
        "[cells.all]\ntype = \"tumor\"\ncount = {cells}\nspacing = 0\ndisc = {{ radius = {radius} }}\n"
    );
    for model in 0..models {
        let engine = match engine {
            Engine::Embedded => "embedded".to_owned(),
            Engine::OnnxRuntime(library) => library
                .as_ref()
                .map_or("onnxruntime".to_owned(), |path| path.display().to_string()),
        };
        text += &format!(
            "[rules.m{model}]\nfile = \"m{model}.onnx\"\nclock = {clock}\nengine = \"{engine}\"\n"
        );
    }
    text
}

/// The file of one model, for a tissue that has these names.
fn model(number: usize, signals: &Dictionary, behaviors: &Dictionary) -> (Spec, Vec<u8>) {
    let unit = |dictionary: &Dictionary, name: &str| {
        let at = dictionary.find(name).expect("the scenario has this name");
        dictionary.entry(at).unit.to_string()
    };
    let names = self::signals();
    assert_eq!(names.len(), INPUTS);
    let inputs: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            json!({"tensor": "x", "col": at, "name": name, "unit": unit(signals, name),
                   "lo": range(name).0, "hi": range(name).1})
        })
        .collect();
    let outputs: Vec<Value> = self::behaviors(number)
        .iter()
        .enumerate()
        .map(|(at, (name, kind))| {
            let mut output = json!({"tensor": "y", "col": at, "name": name, "kind": kind,
                                    "unit": unit(behaviors, name)});
            if *kind == "delta" {
                output["per"] = json!(6);
            }
            output
        })
        .collect();
    assert_eq!(outputs.len(), OUTPUTS);
    let spec = json!({
        "form": "cell", "acts_on": "tumor", "inputs": inputs, "outputs": outputs,
        "dt": {"trained": 6, "min": 0.01, "max": 60, "unit": "min"}
    });
    let spec = Spec::from_json(spec).expect("the spec keeps the contract");
    let links = [Link::Exp; OUTPUTS];
    let ranges: Vec<(f64, f64)> = names.iter().map(|name| range(name)).collect();
    let mut network = Mlp::new(&ranges, &[64, 64], Activation::Relu, &links, 1);
    // The tissue is to stay as it is: hardly anything dies or divides.
    for (gain, (_, kind)) in network.gain.iter_mut().zip(self::behaviors(number)) {
        *gain = if kind == "rate" { 1e-9 } else { 0.1 };
    }
    let rows = golden_rows(&spec, 96);
    let file = write_onnx(&network, &spec, &rows, &json!({"name": "bench"}));
    (spec, file.expect("the network fits the spec"))
}

fn read(folder: &Path, text: &str) -> sim::scenario::Scenario {
    fs::write(folder.join("scenario.toml"), text).expect("the folder can be written");
    parse::read(folder, &[], None).unwrap_or_else(|problems| panic!("{}", problems[0]))
}

/// A tissue with models that are due every `clock` min, and the engine with the first of them.
fn tissue(models: usize, clock: f64, engine: &Engine, threads: usize) -> (Simulation, Rows) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let bare = read(folder.path(), &scenario(0, clock, engine));
    let vocabulary = bind(bare)
        .expect("the bare scenario binds")
        .plan
        .table
        .vocabulary;
    let mut rows = None;
    for number in 0..models {
        let (spec, file) = model(number, &vocabulary.signals, &vocabulary.behaviors);
        fs::write(folder.path().join(format!("m{number}.onnx")), &file)
            .expect("the folder can be written");
        rows.get_or_insert_with(|| {
            let session = engine::open(engine, &file).expect("the engine takes the file");
            let outputs = spec.output_tensors().expect("the spec is sound");
            Rows::new(session, spec.input_tensors(), false, outputs)
        });
    }
    let scenario = read(folder.path(), &scenario(models, clock, engine));
    let bound = bind(scenario).unwrap_or_else(|error| panic!("{error}"));
    let mut simulation = Simulation::new(bound, threads).unwrap_or_else(|error| panic!("{error}"));
    // Cells placed at random make room first.
    advance(&mut simulation, if is_test() { 0.2 } else { 2.0 });
    (simulation, rows.expect("there is at least one model"))
}

/// Simulates so many minutes.
fn advance(simulation: &mut Simulation, minutes: f64) {
    for _ in 0..(minutes / DIFFUSION).round() as u64 {
        simulation.step().unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Seconds that cell rules take while `minutes` pass.
fn of_rules(simulation: &mut Simulation, minutes: f64) -> f64 {
    let rules = Stage::Rules as usize;
    let before = simulation.timings().seconds[rules];
    advance(simulation, minutes);
    simulation.timings().seconds[rules] - before
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Two bars from common rounds: `round` gives the seconds of both.
fn bars(
    criterion: &mut Criterion,
    group: &str,
    names: [&str; 2],
    mut round: impl FnMut() -> [f64; 2],
) {
    let mut ratios = Vec::new();
    let mut group_of_bars = criterion.benchmark_group(group);
    group_of_bars
        .sample_size(10)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_secs(1))
        .throughput(Throughput::Elements(cells() as u64));
    for which in 0..2 {
        group_of_bars.bench_function(names[which], |bencher| {
            bencher.iter_custom(|times| {
                let mut sum = 0.0;
                for _ in 0..times {
                    let seconds = round();
                    ratios.push(seconds[1] / seconds[0]);
                    sum += seconds[which];
                }
                Duration::from_secs_f64(sum)
            });
        });
    }
    group_of_bars.finish();
    if !is_test() && !ratios.is_empty() {
        let rounds = ratios.len();
        let [first, second] = names;
        let ratio = median(&mut ratios);
        println!("{group}: {second} / {first} = {ratio:.3} (median of {rounds} rounds)");
    }
}

fn with_engine(criterion: &mut Criterion, name: &str, engine: &Engine) {
    for threads in [1, 2] {
        let pool = pool(threads);
        let group = format!("learned/{name}/{} cells, {threads} threads", cells());
        let (mut simulation, rows) = pool.install(|| tissue(1, MECHANICS, engine, threads));
        let tensor: Vec<f32> = (0..INPUTS * cells())
            .map(|at| ((at * 7) % 97) as f32 / 9.7)
            .collect();
        let chunks = tensor.chunks(CHUNK * INPUTS);
        let mut chunks: Vec<[Vec<f32>; 1]> = chunks.map(|chunk| [chunk.to_vec()]).collect();
        // Nothing is copied, and no answer kept.
        let infer = |tensors: &mut [Vec<f32>]| {
            let made = rows.call(tensors[0].len() / INPUTS, 6.0, tensors);
            black_box(made.expect("the engine runs the model"));
        };
        let mut infer = || {
            let since = Instant::now();
            engine::spread(chunks.iter_mut().collect(), || (), |(), chunk| infer(chunk));
            since.elapsed().as_secs_f64()
        };
        bars(criterion, &group, ["inference", "decide"], || {
            pool.install(|| [infer(), of_rules(&mut simulation, MECHANICS)])
        });
    }
    let pool = pool(2);
    let group = format!("learned/{name}/{MODELS} models, {} cells", cells());
    let (mut simulation, _) = pool.install(|| tissue(MODELS, phenotype(), engine, 2));
    bars(
        criterion,
        &group,
        ["interval", "rules of an interval"],
        || {
            pool.install(|| {
                let since = Instant::now();
                let rules = of_rules(&mut simulation, phenotype());
                [since.elapsed().as_secs_f64(), rules]
            })
        },
    );
}

/// The threads that models run on.
fn pool(threads: usize) -> rayon::ThreadPool {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().expect("there are threads")
}

fn learned(criterion: &mut Criterion) {
    with_engine(criterion, "embedded", &Engine::Embedded);
    match find_onnx_runtime() {
        Some(library) => with_engine(criterion, "native", &Engine::OnnxRuntime(Some(library))),
        None => eprintln!("skipped: ONNX Runtime (ORT_DYLIB_PATH is not set)"),
    }
}

criterion_group!(benches, learned);
criterion_main!(benches);
