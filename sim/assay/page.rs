//! `assay.html`: what a dyad table says, to be read.

use kuva::plot::{LinePlot, bar::BarPlot, forest::ForestPlot, legend::LegendPosition};
use kuva::render::{layout::Layout, plots::Plot};
use maud::{Markup, html};

use super::agreement::{Agreement, Explained};
use super::interaction::Term;
use super::report::{Against, Condition, Mark, Report};
use super::survival::{Curve, Share, Z};
use crate::page::{self, number};

/// Colors that people who see few can tell apart.
const COLORS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d31", "#56b4e9", "#1f2430",
];

/// Points of a curve that a page can show.
const MOST_POINTS: usize = 400;

/// The page.
pub fn page(report: &Report) -> String {
    let title = format!("Dyads of {}", report.table.display());
    let with_targets = || {
        report
            .conditions
            .iter()
            .filter(|it| it.survival.followed > 0)
    };
    let body = html! {
        h1 { (title) }
        p.quiet { "Until " (number(report.end)) " min; intervals are of 95 %." }
        h2 { "Who dies" }
        table {
            tr {
                th { "condition" } th.number { "compartments" } th.number { "a target killed" }
                th.number { "targets" } th.number { "deaths" } th.number { "mean time alive, min" }
            }
            @for it in &report.conditions { (row(it)) }
        }
        @if with_targets().next().is_some() {
            (page::drawing(&survival(with_targets(), report.end),
                "Share of targets alive, after Kaplan and Meier, with Greenwood's bands. Targets of one compartment are not independent."))
        }
        h2 { "How often one effector kills" }
        div.beside {
            @for it in report.conditions.iter().filter(|it| it.histogram.len() > 1) {
                div {
                    (page::drawing(&histogram(it), &format!("{}: effectors alone among their kind", it.label)))
                    table {
                        tr { th { "kills before" } th.number { "kill once more" } }
                        @for (before, share) in it.next_kill.iter().enumerate() {
                            tr { td { (before) } td.number { (shared(share)) } }
                        }
                    }
                }
            }
        }
        h2 { "What takes how long" }
        table {
            tr { th { "condition" } th { "min" } th.number { "compartments" } th.number { "median" } th.number { "quartiles" } }
            @for it in &report.conditions {
                @for wait in it.waits.iter().filter(|wait| wait.count > 0) {
                    tr {
                        td { (it.label) } td { (wait.name) } td.number { (wait.count) }
                        @if let Some([low, middle, high]) = wait.quartiles {
                            td.number { (number(middle)) }
                            td.number { (number(low)) " to " (number(high)) }
                        }
                    }
                }
            }
        }
        @if report.conditions.iter().any(|it| !it.marks.is_empty()) {
            h2 { "What contact leaves behind" }
            table {
                tr { th { "condition" } th { "column" } th.number { "without contact" } th.number { "with contact" } }
                @for it in &report.conditions { @for mark in &it.marks { (left(&it.label, mark)) } }
            }
        }
        h2 { "Pair interaction" }
        @match &report.interaction {
            Ok(terms) => (interaction(terms)),
            Err(reason) => p.quiet { "None: " (reason) "." }
        }
        @if let Some(against) = &report.against { (truth(against)) }
        p.quiet { "milieu " (report.version) }
    };
    page::page(&title, &body)
}

fn shared(share: &Share) -> String {
    let percent = |value: f64| format!("{:.1}", 100.0 * value);
    match (share.value, share.interval) {
        (Some(value), Some([low, high])) => {
            format!(
                "{} % ({} to {})",
                percent(value),
                percent(low),
                percent(high)
            )
        }
        _ => "–".into(),
    }
}

fn row(condition: &Condition) -> Markup {
    let [mean, error] = condition.restricted_mean;
    html! {
        tr {
            td { (condition.label) } td.number { (condition.compartments) }
            td.number { (shared(&condition.killed)) }
            td.number { (condition.survival.followed) } td.number { (condition.survival.deaths) }
            td.number {
                @if condition.survival.followed > 0 { (number(mean)) " ± " (number(Z * error)) } @else { "–" }
            }
        }
    }
}

/// The steps of a curve up to `end`, min, each time twice, in hours, with standard errors.
fn steps(curve: &Curve, end: f64) -> Vec<(f64, f64, f64)> {
    let mut points = vec![(0.0, 1.0, 0.0)];
    let mut before = (1.0, 0.0);
    let every = curve.times.len().div_ceil(MOST_POINTS).max(1);
    for (at, &time) in curve.times.iter().enumerate() {
        let is_shown = at % every == 0 || at + 1 == curve.times.len();
        if time > end || !is_shown {
            continue;
        }
        points.push((time / 60.0, before.0, before.1));
        before = (curve.survival[at], curve.error[at]);
        points.push((time / 60.0, before.0, before.1));
    }
    points.push((end / 60.0, before.0, before.1));
    points
}

fn survival<'a>(conditions: impl Iterator<Item = &'a Condition>, end: f64) -> String {
    let mut plots: Vec<Plot> = Vec::new();
    for (condition, color) in conditions.zip(COLORS.iter().cycle()) {
        let steps = steps(&condition.survival, end);
        let bound = |sign: f64| {
            let bound = steps.iter().map(|(_, s, error)| s + sign * Z * error);
            bound.map(|it| it.clamp(0.0, 1.0)).collect::<Vec<f64>>()
        };
        let plot = LinePlot::new()
            .with_data(steps.iter().map(|(x, y, _)| (*x, *y)).collect::<Vec<_>>())
            .with_color(*color)
            .with_stroke_width(2.0)
            .with_band(bound(-1.0), bound(1.0))
            .with_legend(page::escaped(&condition.label));
        plots.push(plot.into());
    }
    let layout = Layout::auto_from_plots(&plots)
        .with_width(760.0)
        .with_height(400.0)
        .with_x_label("time (hours)")
        .with_y_label("targets alive")
        .with_y_axis_min(0.0)
        .with_y_axis_max(1.0)
        .with_legend_position(LegendPosition::OutsideRightTop)
        .with_legend_box(false)
        .with_show_grid(false);
    kuva::render_to_svg(plots, layout)
}

fn histogram(condition: &Condition) -> String {
    let bars = condition.histogram.iter().enumerate();
    let bars = bars.map(|(kills, cells)| (kills.to_string(), *cells as f64));
    let plot = BarPlot::new()
        .with_bars(bars.collect::<Vec<_>>())
        .with_color(COLORS[0]);
    let plots = vec![Plot::Bar(plot)];
    let layout = Layout::auto_from_plots(&plots)
        .with_width(460.0)
        .with_height(300.0)
        .with_title(page::escaped(&condition.label))
        .with_x_label("kills")
        .with_y_label("effectors")
        .with_show_grid(false);
    kuva::render_to_svg(plots, layout)
}

fn left(label: &str, mark: &Mark) -> Markup {
    let told = |(count, mean, error): (u64, Option<f64>, Option<f64>)| match (mean, error) {
        (Some(mean), Some(error)) => {
            format!("{} ± {} ({count})", number(mean), number(Z * error))
        }
        (Some(mean), None) => format!("{} ({count})", number(mean)),
        _ => "–".into(),
    };
    html! {
        tr {
            td { (label) } td { (mark.column) }
            td.number { (told(mark.without)) } td.number { (told(mark.with)) }
        }
    }
}

fn interaction(terms: &[Term]) -> Markup {
    let mut forest = ForestPlot::new().with_null_value(0.0);
    for term in terms {
        let name = format!("{} on {}", term.effector, term.target);
        forest = forest.with_row(
            page::escaped(&name),
            term.term,
            term.interval[0],
            term.interval[1],
        );
    }
    let plots = vec![Plot::Forest(forest)];
    let layout = Layout::auto_from_plots(&plots)
        .with_width(900.0)
        .with_height(110.0 + 34.0 * terms.len() as f64)
        .with_x_label("log hazard beyond the two identities");
    html! {
        p {
            "Rates of death that are a factor of the effector times a factor of the target score zero: what \
             is left is what the two do together."
        }
        (page::drawing(&kuva::render_to_svg(plots, layout), "Interaction terms, from compartments drawn anew."))
        table {
            tr {
                th { "effector" } th { "target" } th.number { "compartments" } th.number { "deaths" }
                th.number { "hazard, 1/min" } th.number { "term" } th.number { "interval" }
            }
            @for term in terms {
                tr {
                    td { (term.effector) } td { (term.target) }
                    td.number { (term.compartments) } td.number { (term.deaths) }
                    td.number { (number(term.hazard)) } td.number { (number(term.term)) }
                    td.number { (number(term.interval[0])) " to " (number(term.interval[1])) }
                }
            }
        }
    }
}

fn truth(against: &Against) -> Markup {
    html! {
        h2 { "Against " (against.table.display()) }
        table {
            tr {
                th { "condition" } th.number { "killed" } th.number { "mean time alive, min" }
                th.number { "distance of curves" } th.number { "kills: χ² (degrees), p" }
            }
            @for it in &against.conditions {
                @let (mean, [low, high]) = it.restricted_mean;
                tr {
                    td { (it.label) }
                    td.number { (it.killed.map_or("–".into(), |it| format!("{:+.1} %", 100.0 * it))) }
                    td.number { (number(mean)) " (" (number(low)) " to " (number(high)) ")" }
                    td.number { (number(it.survival)) }
                    td.number {
                        @match it.histogram {
                            Some((sum, freedom, p)) => { (number(sum)) " (" (freedom) "), " (number(p)) }
                            None => "–"
                        }
                    }
                }
            }
        }
        @if !against.unmatched.is_empty() {
            p.open { "In one table only: " (against.unmatched.join(", ")) "." }
        }
        @match &against.interaction {
            Ok(terms) => {
                table {
                    tr { th { "effector" } th { "target" } th.number { "interaction, less the truth's" } th.number { "interval" } }
                    @for (effector, target, difference, [low, high]) in terms {
                        tr {
                            td { (effector) } td { (target) } td.number { (number(*difference)) }
                            td.number { (number(*low)) " to " (number(*high)) }
                        }
                    }
                }
            }
            Err(reason) => p.quiet { "No interaction to compare: " (reason) "." }
        }
        @if let Ok(agreement) = &against.r_squared { (agreed(agreement)) }
    }
}

fn agreed(agreement: &Agreement) -> Markup {
    let row = |name: &str, it: &Explained| {
        let told = |value: Option<f64>| value.map_or("–".into(), number);
        html! {
            tr {
                td { (name) } td.number { (it.pairs.len()) } td.number { (told(it.r_squared)) }
                td.number { @if let Some([low, high]) = it.interval { (number(low)) " to " (number(high)) } }
                td.number { (told(it.ceiling)) }
            }
        }
    };
    html! {
        table {
            tr {
                th { "interaction of" } th.number { "pairs" } th.number { "R²" } th.number { "interval" }
                th.number { "the truth, drawn anew" }
            }
            (row("pairs given", &agreement.given))
            @if let Some(held_out) = &agreement.held_out { (row("pairs held out", held_out)) }
        }
        p.quiet { "1 is the truth's interaction, 0 what identities alone give, below 0 worse than these." }
        @if agreement.held_out.is_none() {
            p.open { "A look-up table of these pairs would have 1: name those that the model was not given with --held-out." }
        }
    }
}
