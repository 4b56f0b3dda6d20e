//! `evaluate.html`: scores beside baselines and ceiling.

mod matrix;

use kuva::plot::{LinePlot, legend::LegendPosition, scatter::ScatterPlot};
use kuva::render::{layout::Layout, plots::Plot};
use maud::{Markup, html};

use super::{
    Estimate, Part, Report, Score, Timing, gates::Outcome, matrix::Row, statements,
    uncertainty::reliability,
};
use crate::{
    compare::equivalence::Verdict,
    page::{self, number},
};

/// The page.
pub fn page(report: &Report, timing: &Timing) -> String {
    let title = format!("{} in the place of {}", report.model.name, report.site);
    let body = html! {
        h1 { (title) }
        p.quiet { "events: " (report.events.join(", ")) "; rows: " code { (report.rows) } }
        p class={ "verdict " (class(report)) } { (summary(report)) }
        @if let Some(matrix) = &report.matrix { (matrix::closed(report, matrix, timing)) }
        @for part in report.parts.iter().rev() {
            @match report.events.is_empty() {
                true => h2 { "Recorded rows: " (part.name) },
                false => {
                    h2 { "Recorded rows: " (part.name) " – skill " (number(part.skill)) }
                    (scores(part))
                    (reliability::page(&part.model.reliability))
                }
            }
            @if let Some(statements) = &part.statements { (statements::page(statements)) }
        }
        h2 { "Audit of leaks" }
        table {
            @for finding in &report.audit {
                tr {
                    td { (finding.question) } td.quiet { (finding.answer) }
                    td class=(if finding.passed { "good" } else { "bad" }) {
                        (if finding.passed { "clean" } else { "leak" })
                    }
                }
            }
        }
        h2 { "What was scored" }
        (manifest(report))
    };
    page::page(&title, &body)
}

fn manifest(report: &Report) -> Markup {
    html! {
        table {
            tr { td { "model" } td { code { (report.model.file.display()) } " " (report.model.engine) } td { code { (report.model.sha256) } } }
            tr { td { "law that drew the events" } td { } td { code { (report.law) } } }
            tr { td { "rows" } td { code { (report.rows) } } td { code { (report.rows_sha256) } } }
            @if let Some(sha256) = &report.splits_sha256 {
                tr { td { "splits" } td { } td { code { (sha256) } } }
            }
        }
        p.quiet {
            "milieu " (report.version) "; intervals are 95 %, over runs drawn anew with replacement; of few \
             runs they are too narrow. The rows were recorded from "
            (if report.is_same_scenario { "this very scenario." }
             else { "this scenario with other settings, or until another time." })
        }
    }
}

/// Bad with a leak, a failed gate, or a context in which the tissue is another; good only if none is open.
fn class(report: &Report) -> &'static str {
    let rows = report.matrix.iter().flat_map(|matrix| &matrix.rows);
    let verdicts: Vec<Verdict> = rows.map(Row::verdict).collect();
    match report.is_passed() && !verdicts.contains(&Verdict::Different) {
        false => "bad",
        true if verdicts.contains(&Verdict::Undecided) => "open",
        true => "good",
    }
}

/// The verdict in a few sentences.
pub fn summary(report: &Report) -> String {
    let Some(part) = report.parts.last() else {
        return "There are no rows.".into();
    };
    let leak = report.audit.iter().find(|finding| !finding.passed);
    let open = match leak {
        None if report.events.is_empty() => statements::summary(part),
        Some(finding) => format!(
            "Not to be trusted: {} – {}.",
            finding.question, finding.answer
        ),
        None => format!(
            "On {} the model has a skill of {} (1 is the law that drew the events, 0 the best baseline); \
             events come {} times as often as it says ({} to {}).",
            part.name,
            number(part.skill),
            number(part.model.rate_ratio),
            number(part.model.rate_ratio_interval[0]),
            number(part.model.rate_ratio_interval[1]),
        ),
    };
    let Some(matrix) = &report.matrix else {
        return open;
    };
    let failed = report
        .gates
        .iter()
        .filter(|gate| gate.outcome == Outcome::Failed);
    let failed: Vec<&str> = failed.map(|gate| gate.code).collect();
    let failed = match failed.is_empty() {
        true => "No gate is failed.".into(),
        false => format!("Failed: {}.", failed.join(", ")),
    };
    format!("{} {failed} {open}", matrix::summary(matrix))
}

/// A number and its interval.
pub fn estimate(it: &Estimate) -> String {
    match it.interval {
        Some([low, high]) => format!("{} ({} to {})", number(it.value), number(low), number(high)),
        None => number(it.value),
    }
}

fn scores(part: &Part) -> Markup {
    let [runs, rows, events] = part.size;
    let all: [(&str, &Score); 4] = [
        ("model", &part.model),
        ("law (ceiling)", &part.law),
        ("constant rates", &part.constant),
        ("shuffled inputs", &part.shuffled),
    ];
    html! {
        p.quiet { "Open loop, on recorded states: skill " (number(part.skill)) "; " (runs) " runs, " (rows) " rows, " (events) " events" }
        table {
            tr {
                th { "" } th.number { "information, nats per h" } th.number { "rate ratio" }
                th.number { "calibration slope" } th.number { "calibration error" }
                th.number { "Brier" } th.number { "AUC" }
            }
            @for (name, score) in all {
                tr {
                    td { (name) }
                    td.number { (estimate(&score.information)) }
                    td.number {
                        (number(score.rate_ratio)) " (" (number(score.rate_ratio_interval[0])) " to "
                        (number(score.rate_ratio_interval[1])) ")"
                    }
                    td.number { (estimate(&score.slope)) }
                    td.number { (number(score.calibration_error)) }
                    td.number { (number(score.brier)) }
                    td.number { (number(score.auc)) }
                }
            }
        }
        (page::drawing(&calibration(part), "Events that happened over those expected, in bins of equal expected numbers; on the line a rate is right."))
    }
}

fn calibration(part: &Part) -> String {
    let points = |score: &Score| -> Vec<(f64, f64)> {
        let bins = score.bins.iter().filter(|bin| bin[0] > 0.0);
        bins.map(|[rows, expected, seen]| (expected / rows, seen / rows))
            .collect()
    };
    let (model, law) = (points(&part.model), points(&part.law));
    let all = || model.iter().chain(&law);
    let top = all().map(|(x, y)| x.max(*y)).fold(0.0, f64::max) * 1.05;
    let line = LinePlot::new()
        .with_data([(0.0, 0.0), (top, top)])
        .with_color("#98a2b3");
    let dots = |points: Vec<(f64, f64)>, color: &str, name: &str| {
        let plot = ScatterPlot::new().with_data(points).with_color(color);
        Plot::from(plot.with_size(5.0).with_legend(name))
    };
    let plots = vec![
        line.into(),
        dots(law, "#d55e00", "law"),
        dots(model, "#0072b2", "model"),
    ];
    let layout = Layout::auto_from_plots(&plots)
        .with_width(520.0)
        .with_height(380.0)
        .with_x_label("chance of an event, as said")
        .with_y_label("as it happened")
        .with_x_axis_min(0.0)
        .with_x_axis_max(top)
        .with_y_axis_min(0.0)
        .with_y_axis_max(top)
        .with_legend_position(LegendPosition::OutsideRightTop)
        .with_legend_box(false)
        .with_show_grid(false);
    kuva::render_to_svg(plots, layout)
}
