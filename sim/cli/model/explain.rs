//! `milieu model explain scenarios/x`: what rules answer to their signals, written and learned ones
//! over each other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use kuva::{
    RasterBackend,
    backend::svg::SvgBackend,
    plot::{LinePlot, legend::LegendPosition},
    render::{
        figure::{Figure, FigureLegendPosition},
        layout::Layout,
        plots::Plot,
        render::Scene,
    },
};
use rules::{
    Binding, Rule, Side, Unit,
    explain::{Answer, Axis, MATTERS, Panel, Question, Source, explain as answer},
    neural::Model,
    units::quantity,
};
use serde_json::json;
use sim::{dictionary::Table, plan::names, scenario::Scenario};

use super::super::{Chosen, Stop, print, print_json, tell};

/// Arguments of `milieu model explain`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// One entry of [rules]; all are explained without it.
    #[arg(long, value_name = "NAME")]
    rules: Option<String>,
    /// Another file, explained as if it stood in the place of the entry. May be repeated.
    #[arg(long = "with", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// One behavior. May be repeated.
    #[arg(long = "behavior", value_name = "NAME")]
    behaviors: Vec<String>,
    /// One cell type, of a pair either. May be repeated.
    #[arg(long = "type", value_name = "NAME")]
    types: Vec<String>,
    /// Holds a signal at a value while others change: "oxygen=20 mmHg", "a:custom:PD-1=0.1".
    #[arg(long = "at", value_name = "SIGNAL=VALUE")]
    at: Vec<String>,
    /// Draws the curves: a file that ends in .svg or .png.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON, with all points of all curves.
    #[arg(long)]
    pub json: bool,
}

/// Explains the rules of a scenario.
pub fn explain(arguments: &Arguments) -> Result<(), Stop> {
    let scenario = arguments.chosen.read()?;
    let bindings = bindings(arguments, &scenario)?;
    let (table, _) = names(&scenario, &bindings).map_err(Stop::input)?;
    let mut opened: Vec<(String, Box<dyn Rule>)> = Vec::new();
    for binding in &bindings {
        let name = binding.file.file_name().unwrap_or_default();
        let label = name.to_string_lossy().into_owned();
        let is_model = binding.file.extension().is_some_and(|text| text == "onnx");
        if is_model {
            // By itself: what stands behind it is another source.
            let model = Model::load(binding, &table.vocabulary).map_err(Stop::input)?;
            opened.push((label, Box::new(model)));
            continue;
        }
        let one = std::slice::from_ref(binding);
        let written = rules::open(one, &table.vocabulary, scenario.semantics.rules());
        let written = written.map_err(Stop::input)?.rules.into_iter();
        opened.extend(written.map(|rule| (label.clone(), rule)));
    }
    let sources: Vec<Source<'_>> = opened
        .iter()
        .map(|(label, rule)| Source {
            label: label.clone(),
            rule: rule.as_ref(),
        })
        .collect();
    let question = question(arguments, &table)?;
    let panels = answer(&sources, &table.vocabulary, &question).map_err(Stop::input)?;
    if panels.is_empty() {
        return Err(Stop::input(
            "no rule writes what is asked for\n  `milieu check SCENARIO` shows what each rule writes",
        ));
    }
    if let Some(file) = &arguments.out {
        draw(&panels, &scenario.name, file)?;
    }
    match arguments.json {
        true => print_json(&json!({"scenario": scenario.name, "panels": panels})),
        false => print(&panels.iter().map(text).collect::<Vec<_>>().join("\n")),
    }
}

/// The entries asked for, and other files in the place of the first of them.
fn bindings(arguments: &Arguments, scenario: &Scenario) -> Result<Vec<Binding>, Stop> {
    let entries = scenario.rules.iter().map(|source| &source.binding);
    let is_asked = |binding: &&Binding| {
        arguments
            .rules
            .as_ref()
            .is_none_or(|name| *name == binding.name)
    };
    let mut found: Vec<Binding> = entries.filter(is_asked).cloned().collect();
    let Some(first) = found.first().cloned() else {
        let names: Vec<&str> = scenario
            .rules
            .iter()
            .map(|source| source.name.as_str())
            .collect();
        return Err(Stop::input(match &arguments.rules {
            Some(wanted) if !names.is_empty() => format!(
                "the scenario has no rules `{wanted}`\n  it has: {}",
                names.join(", ")
            ),
            _ => "the scenario has no rules to explain\n  name a file of them under [rules]".into(),
        }));
    };
    let behind = found.iter().filter_map(|binding| {
        let file = binding.adoption.mechanistic.clone()?;
        Some(Binding {
            file,
            sha256: None,
            adoption: rules::Adoption::default(),
            ..binding.clone()
        })
    });
    let behind: Vec<Binding> = behind.collect();
    found.extend(behind);
    for file in &arguments.files {
        found.push(Binding {
            file: file.clone(),
            sha256: None,
            adoption: rules::Adoption::default(),
            ..first.clone()
        });
    }
    Ok(found)
}

fn question(arguments: &Arguments, table: &Table) -> Result<Question, Stop> {
    let names = &table.vocabulary;
    for name in &arguments.behaviors {
        let all = names
            .behaviors
            .entries()
            .iter()
            .chain(names.pair_behaviors.entries());
        if names.behaviors.number(name).is_none() && names.pair_behaviors.number(name).is_none() {
            let known = all.map(|entry| entry.name.as_str());
            return Err(Stop::input(rules::dictionary::unknown(
                "behavior", name, known,
            )));
        }
    }
    let types = arguments.types.iter().map(|name| names.cell_type(name));
    let mut question = Question {
        behaviors: arguments.behaviors.clone(),
        types: types.collect::<Result<_, _>>().map_err(Stop::input)?,
        at: Vec::new(),
    };
    for text in &arguments.at {
        let wrong = |what: String| Stop::input(format!("--at \"{text}\": {what}"));
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| wrong("SIGNAL=VALUE is wanted, such as oxygen=20 mmHg".into()))?;
        let (side, name) = match name.trim().split_once(':') {
            Some(("a", name)) => (Some(Side::A), name),
            Some(("b", name)) => (Some(Side::B), name),
            _ => (None, name.trim()),
        };
        let pair = names.pair_signals.number(name).filter(|_| side.is_none());
        let own = names.signals.number(name);
        if pair.is_none() && own.is_none() {
            let error = names.signals.find(name).err();
            return Err(wrong(
                error.map_or_else(String::new, |error| error.to_string()),
            ));
        }
        let read = |unit: &Unit| match value.trim().parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            Ok(_) => Err(wrong("a finite number is wanted".into())),
            Err(_) => quantity(value, unit).map_err(|error| wrong(error.to_string())),
        };
        if let Some(pair) = pair {
            let value = read(&names.pair_signals.entry(pair).unit)?;
            question.at.push(((Side::Pair, pair), value));
        }
        if let Some(own) = own {
            let value = read(&names.signals.entry(own).unit)?;
            let sides = match side {
                Some(side) => vec![side],
                None => vec![Side::Cell, Side::A, Side::B],
            };
            question
                .at
                .extend(sides.into_iter().map(|side| ((side, own), value)));
        }
    }
    Ok(question)
}

/// `name [unit]`, without the unit of pure numbers.
fn labeled(name: &str, unit: &str) -> String {
    match unit {
        "" | "1" => name.to_owned(),
        unit => format!("{name} [{}]", printed(unit)),
    }
}

/// A unit as papers print it.
fn printed(unit: &str) -> String {
    let unit = unit.strip_prefix("1*").unwrap_or(unit);
    unit.replace('*', "·").replace("^2", "²").replace("^3", "³")
}

fn text(panel: &Panel) -> String {
    let mut lines = vec![format!(
        "{}: {}",
        panel.subject,
        labeled(&panel.behavior, &panel.unit)
    )];
    let width = panel
        .signals
        .iter()
        .map(|axis| axis.name.chars().count())
        .max()
        .unwrap_or(0);
    for axis in &panel.signals {
        lines.push(format!(
            "  {:width$}  {} to {} {}, held at {}",
            axis.name,
            short(axis.lo),
            short(axis.hi),
            axis.unit,
            short(axis.reference)
        ));
    }
    for source in &panel.sources {
        lines.push(format!(
            "  {}: {} at the reference; over all ranges {} ± {}",
            source.source,
            short(source.reference),
            short(source.mean),
            short(source.deviation)
        ));
        for signal in &source.ranking {
            lines.push(format!(
                "    {:width$}  held still, it moves by {:.0} % of that spread; slope × range {}{}",
                signal.signal,
                100.0 * signal.share,
                short(signal.slope),
                if signal.matters {
                    ""
                } else {
                    "  (does not matter)"
                }
            ));
        }
    }
    lines.push(format!(
        "  (a signal matters above {} %)\n",
        100.0 * MATTERS
    ));
    lines.join("\n")
}

/// Three digits say it.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    match rounded.abs() {
        0.0 => "0".into(),
        1e-3..1e5 => format!("{rounded}"),
        _ => format!("{rounded:e}"),
    }
}

/// Curves next to each other.
const COLUMNS: usize = 4;

/// Most curves of a picture; a larger one nobody reads.
const MOST: usize = 60;

fn draw(panels: &[Panel], title: &str, file: &Path) -> Result<(), Stop> {
    let scene = scene(panels, title)?;
    let wrong = |error: String| Stop::run(format!("{} cannot be written: {error}", file.display()));
    let bytes = match file.extension().and_then(|text| text.to_str()) {
        Some("svg") => SvgBackend.render_scene(&scene).into_bytes(),
        Some("png") => RasterBackend::new().render_scene(&scene).map_err(wrong)?,
        _ => {
            return Err(Stop::input(format!(
                "{}: pictures are .svg or .png",
                file.display()
            )));
        }
    };
    fs::write(file, bytes).map_err(|error| wrong(error.to_string()))?;
    tell(&format!("curves in {}", file.display()));
    Ok(())
}

/// A grid of curves: for each behavior, one a signal.
fn scene(panels: &[Panel], title: &str) -> Result<Scene, Stop> {
    let curves: usize = panels.iter().map(|panel| panel.signals.len()).sum();
    if curves > MOST {
        return Err(Stop::input(format!(
            "a picture of {curves} curves cannot be read; at most {MOST} are drawn\n  choose with \
             --rules, --behavior or --type"
        )));
    }
    let mut labels: Vec<&str> = Vec::new();
    for source in panels.iter().flat_map(|panel| &panel.sources) {
        if !labels.contains(&source.source.as_str()) {
            labels.push(&source.source);
        }
    }
    let (mut structure, mut plots, mut layouts, mut next) = (Vec::new(), vec![], vec![], 0);
    let columns = curves.clamp(1, COLUMNS);
    for panel in panels {
        // The signals of one behavior stay in one row, if they fit into one.
        let left = columns - next % columns;
        if panel.signals.len() > left && left < columns {
            next += left;
        }
        for (at, axis) in panel.signals.iter().enumerate() {
            structure.push(vec![next]);
            next += 1;
            let (cell, layout) = cell(panel, at, axis, &labels);
            plots.push(cell);
            layouts.push(layout);
        }
    }
    let row = next.div_ceil(columns);
    let mut figure = Figure::new(row, columns)
        .with_structure(structure)
        .with_plots(plots)
        .with_layouts(layouts)
        .with_cell_size(330.0, 270.0)
        .with_spacing(12.0)
        .with_title(escaped(title))
        .with_title_size(18);
    if labels.len() > 1 {
        figure = figure.with_shared_legend_position(FigureLegendPosition::BottomCenter);
    }
    Ok(figure.render())
}

/// The library would read what stands between dollars as a formula.
fn escaped(text: &str) -> String {
    text.replace('$', "\\$")
}

/// Colors that people who see few can tell apart (B. Wong 2011, doi:10.1038/nmeth.1618).
const COLORS: [&str; 5] = ["#e69f00", "#0072b2", "#009e73", "#cc79a7", "#000000"];

/// The first of several broad, the others thin: a copy that lies on its original is still seen.
fn line(answer: &Answer, at: usize, number: usize, is_alone: bool) -> Option<LinePlot> {
    let curve = answer.curves[at].as_ref()?;
    let points = curve.x.iter().zip(&curve.y);
    let points = points.filter_map(|(x, y)| Some((*x, (*y)?)));
    let width = match (is_alone, number) {
        (true, _) => 2.5,
        (false, 0) => 6.0,
        (false, _) => 1.8,
    };
    let color = COLORS[number % COLORS.len()];
    let plot = LinePlot::new().with_data(points).with_color(color);
    Some(
        plot.with_stroke_width(width)
            .with_legend(escaped(&answer.source)),
    )
}

fn cell(panel: &Panel, at: usize, axis: &Axis, labels: &[&str]) -> (Vec<Plot>, Layout) {
    let lines = panel.sources.iter().filter_map(|source| {
        let number = labels.iter().position(|label| *label == source.source)?;
        Some((number, line(source, at, number, panel.sources.len() == 1)?))
    });
    let plots: Vec<Plot> = lines.map(|(_, line)| line.into()).collect();
    // All curves of one behavior on one scale, so that their heights can be compared.
    let values = panel
        .sources
        .iter()
        .flat_map(|source| source.curves.iter().flatten());
    let values = values.flat_map(|curve| curve.y.iter().flatten());
    let (low, high) = values.fold((0.0f64, 0.0f64), |(low, high), &y| {
        (low.min(y), high.max(y))
    });
    let margin = 0.06 * (high - low).max(f64::MIN_POSITIVE);
    let layout = Layout::auto_from_plots(&plots)
        .with_title(escaped(&panel.subject))
        .with_title_size(13)
        .with_label_size(13)
        .with_tick_size(11)
        .with_x_label(escaped(&labeled(&axis.name, &axis.unit)))
        .with_y_label(escaped(&labeled(&panel.behavior, &panel.unit)))
        .with_x_axis_min(axis.lo)
        .with_x_axis_max(axis.hi)
        .with_y_axis_min(if low < 0.0 { low - margin } else { 0.0 })
        .with_y_axis_max(high + margin)
        .with_ticks(5)
        .with_legend_position(LegendPosition::OutsideRightTop)
        .with_legend_box(false)
        .with_show_grid(false);
    (plots, layout)
}
