//! `compare.html`: both tissues over each other, and what the ladder says of them.

use kuva::plot::{LinePlot, annotations::ShadedRegion, forest::ForestPlot, legend::LegendPosition};
use kuva::render::{layout::Layout, plots::Plot};
use maud::{Markup, html};

use super::{Compared, Condition, EXACT, Report, Verdict};
use crate::page::{self, escaped, number};

/// Colors of the arms, which people who see few can tell apart.
const COLORS: [&str; 2] = ["#0072b2", "#d55e00"];

/// The page.
pub fn page(report: &Report) -> String {
    let [one, other] = &report.arms;
    let title = format!("{other} against {one}");
    let body = html! {
        h1 { (title) }
        p.quiet { (report.scenario) }
        p class={ "verdict " (class(report.verdict)) } { (summary(report)) }
        @for (at, condition) in report.conditions.iter().enumerate() {
            (under(condition, at, &report.arms))
        }
        h2 { "L2: runs with the same draws" }
        (coupled(report))
        h2 { "L1: rules, row by row" }
        (pointwise(report))
        h2 { "L0: models and their golden rows" }
        @if report.golden.is_empty() { p.quiet { "No model acts in either arm." } }
        @else { p { "Reproduced on loading: " @for file in &report.golden { code { (file) } " " } } }
        h2 { "What was compared" }
        (provenance(report))
    };
    page::page(&title, &body)
}

/// The verdict in a sentence.
pub fn summary(report: &Report) -> String {
    let [one, other] = &report.arms;
    let all = report.conditions.iter().flat_map(|it| {
        it.readouts
            .iter()
            .map(move |(name, readout)| (&it.label, name, readout))
    });
    let listed = |wanted: Verdict| -> Vec<String> {
        let of = all
            .clone()
            .filter(|(.., it)| it.equivalence.verdict == wanted);
        of.map(|(condition, name, _)| match report.conditions.len() {
            1 => name.clone(),
            _ => format!("{name} ({condition})"),
        })
        .collect()
    };
    let margins = all.clone().map(|(.., it)| it.equivalence.margin);
    let widest = margins.fold(0.0, f64::max);
    let conditions = match report.conditions.len() {
        1 => String::new(),
        many => format!(" under {many} conditions"),
    };
    match report.verdict {
        Verdict::Equivalent => format!(
            "{other} is equivalent to {one} within {} in all {} readouts{conditions}.",
            percent(widest),
            report.conditions[0].readouts.len()
        ),
        Verdict::Different => format!(
            "{other} is not {one}: it differs by more than the margin in {}.",
            listed(Verdict::Different).join(", ")
        ),
        Verdict::Undecided => {
            let needed = all
                .clone()
                .filter_map(|(.., it)| it.equivalence.needed)
                .max();
            let more = needed.map(|runs| format!(" Some {runs} runs of each would decide."));
            format!(
                "These runs do not show that {other} is equivalent to {one}: open are {}.{}",
                listed(Verdict::Undecided).join(", "),
                more.unwrap_or_default()
            )
        }
    }
}

/// With two digits.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 1e2)
}

/// How a verdict is colored.
pub(crate) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Equivalent => "good",
        Verdict::Different => "bad",
        Verdict::Undecided => "open",
    }
}

/// A verdict, for people.
pub(crate) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Equivalent => "equivalent",
        Verdict::Different => "different",
        Verdict::Undecided => "undecided",
    }
}

/// L3 and L4.
fn under(condition: &Condition, at: usize, arms: &[String; 2]) -> Markup {
    let level = if at == 0 { "L3" } else { "L4" };
    html! {
        h2 {
            (level) ": " (condition.label) " – "
            span class=(class(condition.verdict)) { (word(condition.verdict)) }
        }
        table {
            tr {
                th { "readout" } th { "unit" }
                th.number { (arms[0]) } th.number { (arms[1]) }
                th.number { "ratio, 90 % interval" } th.number { "margin" }
                th.number { "p" } th.number { "pairs" } th { "" }
            }
            @for (name, readout) in &condition.readouts { (row(name, readout)) }
        }
        (page::drawing(&ratios(condition), "Ratios of means with their intervals; the band is the margin."))
        div.beside {
            @for (kind, counts) in &condition.populations {
                @if counts.iter().flatten().flatten().any(|count| *count > 0.0) {
                    (page::drawing(&population(kind, &condition.times, counts, arms),
                        "Mean over runs; bands hold 8 runs of 10."))
                }
            }
        }
        div.beside {
            @for (arm, png) in arms.iter().zip(&condition.pictures) {
                @if !png.is_empty() { (page::picture(png, &format!("{arm}: the first run, at its end"))) }
            }
        }
    }
}

fn row(name: &str, readout: &Compared) -> Markup {
    let found = &readout.equivalence;
    let interval = match found.interval {
        Some([low, high]) => format!(
            "{} ({} to {})",
            number(found.ratio),
            number(low),
            number(high)
        ),
        None => number(found.ratio),
    };
    html! {
        tr {
            td { (name) } td.quiet { (readout.unit) }
            @for arm in [0, 1] {
                td.number { (number(found.means[arm])) " ± " (number(found.deviations[arm])) }
            }
            td.number { (interval) }
            td.number { "± " (percent(found.margin)) }
            td.number { (number(found.p)) } td.number { (found.pairs) }
            td class=(class(found.verdict)) {
                (word(found.verdict))
                @if let Some(needed) = found.needed { small { " (needs " (needed) ")" } }
            }
        }
    }
}

/// All ratios of a condition, with the widest margin as a band.
fn ratios(condition: &Condition) -> String {
    let mut forest = ForestPlot::new().with_null_value(1.0);
    let mut margin = 0.0f64;
    for (name, readout) in &condition.readouts {
        let found = &readout.equivalence;
        margin = margin.max(found.margin);
        if let Some([low, high]) = found.interval {
            forest = forest.with_row(escaped(name), found.ratio, low, high);
        }
    }
    let plots = vec![Plot::Forest(forest)];
    let layout = Layout::auto_from_plots(&plots)
        .with_width(900.0)
        .with_height(110.0 + 34.0 * condition.readouts.len() as f64)
        .with_x_label("ratio of means")
        .with_shaded_region(
            ShadedRegion::vertical(1.0 - margin, 1.0 + margin).with_color("#12b76a"),
        );
    kuva::render_to_svg(plots, layout)
}

/// Live cells of a type over time, in both arms.
fn population(
    kind: &str,
    times: &[f64],
    counts: &[Vec<Vec<f64>>; 2],
    arms: &[String; 2],
) -> String {
    let mut plots: Vec<Plot> = Vec::new();
    let mut top = 1.0f64;
    for ((runs, arm), color) in counts.iter().zip(arms).zip(COLORS) {
        let at = |frame: usize| -> Vec<f64> {
            let mut values: Vec<f64> = runs
                .iter()
                .filter_map(|run| run.get(frame).copied())
                .collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (mut line, mut low, mut high) = (Vec::new(), Vec::new(), Vec::new());
        for (frame, time) in times.iter().enumerate() {
            let values = at(frame);
            let last = values.len().saturating_sub(1) as f64;
            let quantile = |part: f64| values.get((part * last).round() as usize).copied();
            let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
            line.push((time / 60.0, mean));
            low.push(quantile(0.1).unwrap_or(mean));
            high.push(quantile(0.9).unwrap_or(mean));
        }
        top = high.iter().copied().fold(top, f64::max);
        let plot = LinePlot::new()
            .with_data(line)
            .with_color(color)
            .with_stroke_width(2.0);
        plots.push(plot.with_band(low, high).with_legend(escaped(arm)).into());
    }
    let layout = Layout::auto_from_plots(&plots)
        .with_width(520.0)
        .with_height(340.0)
        .with_title(escaped(kind))
        .with_x_label("time (hours)")
        .with_y_label("live cells")
        .with_y_axis_min(0.0)
        .with_y_axis_max(1.05 * top)
        .with_legend_position(LegendPosition::OutsideBottomCenter)
        .with_legend_box(false)
        .with_show_grid(false);
    kuva::render_to_svg(plots, layout)
}

fn coupled(report: &Report) -> Markup {
    let Some(coupled) = &report.coupled else {
        return html! { p.quiet { "No runs were compared so." } };
    };
    let parted = coupled.parted;
    html! {
        p {
            (parted) " of " (coupled.runs.len()) " runs part from the other arm's. "
            @match (coupled.expected, coupled.bound, coupled.passed) {
                (Some(expected), Some(bound), Some(passed)) => {
                    "Until then Σ|p₁ − p₂| = " (number(expected)) " decisions were to differ, at most "
                    (bound) " in 99 of 100 cases: "
                    span class=(if passed { "good" } else { "bad" }) {
                        (if passed { "as expected" } else { "more than the rates explain" })
                    }
                    "."
                }
                _ => { "No number is expected: " (coupled.reason.as_deref().unwrap_or_default()) "." }
            }
        }
        table {
            tr { th.number { "seed" } th { (report.arms[0]) } th { (report.arms[1]) } th.number { "expected until then" } }
            @for run in &coupled.runs {
                tr {
                    td.number { (run.seed) }
                    @for event in &run.events { td { (event.as_deref().unwrap_or("–")) } }
                    td.number { (run.expected.map_or("–".into(), number)) }
                }
            }
        }
    }
}

fn pointwise(report: &Report) -> Markup {
    if report.pointwise.is_empty() {
        return html! { p.quiet { "Both arms have the same files of rules." } };
    }
    html! {
        table {
            tr {
                th { "behavior" } th { "of" } th { "compared" } th.number { "greatest difference" }
                th.number { "typical" } th.number { "greatest value" } th { "where" } th { "" }
            }
            @for found in &report.pointwise {
                tr {
                    td { (found.behavior) } td { (found.subject) }
                    td.quiet { (if found.is_event { "λ·dt".to_owned() } else { found.unit.clone() }) }
                    td.number { (number(found.greatest)) } td.number { (number(found.typical)) }
                    td.number { (number(found.scale)) }
                    td.quiet {
                        @for (signal, value) in &found.at { (signal) " " (number(*value)) " " }
                    }
                    td {
                        @if found.rows == 0 { span.bad { "only in one arm" } }
                        @else if found.greatest <= EXACT * found.scale.max(1.0) { span.good { "exact" } }
                        @else { span.quiet { "a copy" } }
                    }
                }
            }
        }
    }
}

fn provenance(report: &Report) -> Markup {
    html! {
        p.quiet {
            "milieu " (report.version) ", seeds from " (report.first_seed)
            "; runs with one seed are pairs of the tests."
        }
        @for ((arm, sha256), rules) in report.arms.iter().zip(&report.sha256).zip(&report.rules) {
            p { strong { (arm) } ": scenario " code { (sha256) } }
            table {
                @for rule in rules {
                    tr {
                        td { (rule.name) } td { code { (rule.file.display()) } }
                        td.quiet { (rule.engine) } td { code { (rule.sha256) } }
                    }
                }
            }
        }
    }
}
