//! The matrix on the page: an overview, worst row first, then each split in full.

use kuva::plot::{LinePlot, legend::LegendPosition};
use kuva::render::{layout::Layout, plots::Plot};
use maud::{Markup, html};

use super::{estimate, scores};
use crate::{
    compare::{
        equivalence::Verdict,
        page::{class, percent, word},
    },
    evaluate::{
        Estimate, Report, Timing,
        arms::Arm,
        gates::{Gate, Outcome},
        matrix::{Matrix, Readout, Row},
        rollout::Rollout,
        splits::STEPS,
    },
    page::{self, escaped, number},
};

/// Colors of the arms, which people who see few can tell apart.
const COLORS: [&str; 5] = ["#000000", "#0072b2", "#999999", "#e69f00", "#009e73"];

/// The sentence on the closed loop.
pub fn summary(matrix: &Matrix) -> String {
    let of = |verdict: Verdict| {
        matrix
            .rows
            .iter()
            .filter(|row| row.verdict() == verdict)
            .count()
    };
    let worst = &matrix.risk.worst;
    format!(
        "Driving the tissue itself, it is equivalent to the law in {} of {} contexts and different in \
         {}; worst is {} under `{}`, {} margins off.",
        of(Verdict::Equivalent),
        matrix.rows.len(),
        of(Verdict::Different),
        worst.readout,
        worst.split,
        number(worst.loss.value),
    )
}

/// Everything on the closed loop.
pub fn closed(report: &Report, matrix: &Matrix, timing: &Timing) -> Markup {
    let mut rows: Vec<&Row> = matrix.rows.iter().collect();
    let loss = |row: &Row| match row.rollout.failed.is_empty() {
        true => row.loss[&Arm::Model].value,
        false => f64::INFINITY,
    };
    rows.sort_by(|one, other| loss(other).total_cmp(&loss(one)));
    html! {
        h2 { "The matrix, worst row first" }
        (overview(matrix, &rows))
        h2 { "Risk" }
        (risk(matrix))
        h2 { "Gates" }
        (gates(&report.gates))
        @for row in rows { (split(row)) }
        h2 { "Cost" }
        (cost(matrix, timing))
    }
}

fn overview(matrix: &Matrix, rows: &[&Row]) -> Markup {
    let readouts = &matrix.rows[0].readouts;
    html! {
        table {
            tr {
                th { "context" } th { "axis" }
                th.number { "open loop: skill" } th.number { "rate ratio" } th.number { "slope" }
                @for readout in readouts {
                    th.number { (readout.name) br; small { "± " (percent(readout.margin)) } }
                }
                th.number { "loss L" }
            }
            @for row in rows {
                tr {
                    td { (row.split.name) br; small { (row.split.step) ", " (step(row)) } }
                    td.quiet { (row.split.axis.unwrap_or("–")) }
                    @match &row.open {
                        Some(part) => {
                            td.number { (number(part.skill)) }
                            td.number { (number(part.model.rate_ratio)) }
                            td.number { (number(part.model.slope.value)) }
                        }
                        None => td.quiet colspan="3" { "no event" }
                    }
                    @for readout in &row.readouts { (cell(readout)) }
                    td.number { (number(row.loss[&Arm::Model].value)) }
                }
            }
        }
        p.quiet {
            "Of readouts: mean of the model over that of the law, and the loss |ratio − 1| in margins, so \
             that 1 is at the margin; green is equivalent, red different, orange undecided (two one-sided \
             tests at 0.05). L is the mean loss of a row. Nothing is clipped."
        }
    }
}

fn cell(readout: &Readout) -> Markup {
    let score = &readout.arms[&Arm::Model];
    html! {
        td.number {
            span class=(class(readout.equivalence.verdict)) { (number(score.ratio.value)) }
            br; small { (number(score.loss.value)) }
        }
    }
}

fn risk(matrix: &Matrix) -> Markup {
    let risk = &matrix.risk;
    let row = |name: &str, of: &std::collections::BTreeMap<Arm, Estimate>| {
        html! {
            tr {
                td { (name) }
                @for arm in Arm::ALL.into_iter().skip(1) { td.number { (estimate(&of[&arm])) } }
            }
        }
    };
    html! {
        table {
            tr {
                th { "R = Σ w L, in margins" }
                @for arm in Arm::ALL.into_iter().skip(1) { th.number { (arm.title()) } }
            }
            @if let Some(stated) = &risk.stated { (row("weights of the file", stated)) }
            (row("all contexts alike", &risk.uniform))
            tr {
                td { "worst case: " (risk.worst.readout) ", " (risk.worst.split) }
                td.number { (estimate(&risk.worst.loss)) }
            }
        }
        p.quiet {
            "All but `law again` share their seeds with the law, which against itself would lose nothing. \
             `law again` is the law on other seeds: what chance makes of two sets of runs."
        }
    }
}

fn gates(gates: &[Gate]) -> Markup {
    html! {
        table {
            @for gate in gates {
                tr {
                    td { (gate.code) } td { (gate.question) }
                    @match gate.outcome {
                        Outcome::Passed => td.good { "passed" }
                        Outcome::Failed => td.bad { "failed" }
                        Outcome::Open => td.open { "not judged" }
                    }
                    td.quiet { (gate.reason) }
                }
            }
        }
    }
}

fn split(row: &Row) -> Markup {
    let split = &row.split;
    let seeds = |from: u64| format!("{from} to {}", from + split.runs as u64 - 1);
    html! {
        h2 {
            (split.step) ": " (split.name) " – "
            span class=(class(row.verdict())) { (word(row.verdict())) }
        }
        p.quiet {
            (split.axis.map_or(String::new(), |axis| format!("{axis}; ")))
            (step(row)) "; " (split.runs) " runs of each arm"
            @for setting in &split.settings { "; " code { (setting) } }
        }
        table {
            tr {
                th { "readout" }
                @for arm in Arm::ALL { th.number { (arm.title()) } }
                th.number { "model / law" } th.number { "skill" } th { "" }
            }
            @for readout in &row.readouts { (arms(readout)) }
        }
        p.quiet { "Means over runs with 95 % intervals; below them the loss in margins." }
        (rollout(&row.rollout))
        @if let Some(part) = &row.open { (scores(part)) }
        p.quiet {
            "Seeds " (seeds(split.first_seed)) ", of the law again "
            (seeds(split.first_seed + split.runs as u64)) "; scenario with the law "
            code { (row.scenario_sha256) }
        }
    }
}

fn arms(readout: &Readout) -> Markup {
    let found = &readout.equivalence;
    html! {
        tr {
            td { (readout.name) br; small { (readout.unit) } }
            @for arm in Arm::ALL {
                @let score = &readout.arms[&arm];
                td.number {
                    (estimate(&score.mean))
                    @if arm != Arm::Law { br; small { (estimate(&score.loss)) } }
                }
            }
            td.number { (estimate(&readout.arms[&Arm::Model].ratio)) br; small { "margin ± " (percent(readout.margin)) } }
            td.number {
                (estimate(&readout.skill))
                @if !readout.has_room { br; small { "a baseline is within chance" } }
            }
            td class=(class(found.verdict)) {
                (word(found.verdict))
                @if let Some(needed) = found.needed { small { " (needs " (needed) ")" } }
            }
        }
    }
}

fn rollout(rollout: &Rollout) -> Markup {
    let share = |count: u64, of: u64| format!("{:.2} %", 100.0 * count as f64 / of.max(1) as f64);
    let mut parted: Vec<f64> = rollout.parted.iter().flatten().copied().collect();
    parted.sort_by(f64::total_cmp);
    html! {
        p {
            "Rollout: "
            @match &rollout.rows {
                Some(tally) => {
                    (tally.rows) " rows of the model, " (share(tally.outside, tally.rows))
                    " out of its domain, " (share(tally.fell_back, tally.rows)) " fallen back, "
                    (tally.inputs_clamped) " inputs and " (share(tally.clamped, tally.written))
                    " of the numbers it wrote put back into range; "
                }
                None => "written rules have no guard; ",
            }
            (parted.len()) " of " (rollout.parted.len()) " runs part from the law's"
            @if let Some(middle) = parted.get(parted.len() / 2) { ", half of these by " (number(middle / 60.0)) " h" }
            "; invariants broken " (rollout.broken[1]) " times (law " (rollout.broken[0]) ")."
        }
        @for failed in &rollout.failed { p.bad { "Did not come to its end: " (failed) } }
        @if !rollout.held.is_empty() {
            p.quiet {
                "Put back into range, times: "
                @for (name, [law, model]) in &rollout.held { (name) " " (model) " (law " (law) ") " }
            }
        }
        (page::drawing(&horizon(rollout), "Error against horizon: |mean − mean of the law| of live cells, over the law's greatest, averaged over types."))
    }
}

fn horizon(rollout: &Rollout) -> String {
    let mut top = 1e-9f64;
    let mut plots: Vec<Plot> = Vec::new();
    for (arm, error) in rollout.error.iter().filter(|(_, error)| !error.is_empty()) {
        top = error.iter().copied().fold(top, f64::max);
        let hours = rollout.times.iter().map(|time| time / 60.0);
        let line = LinePlot::new()
            .with_data(hours.zip(error.iter().copied()))
            .with_color(COLORS[*arm as usize])
            .with_stroke_width(2.0);
        plots.push(line.with_legend(escaped(arm.title())).into());
    }
    let layout = Layout::auto_from_plots(&plots)
        .with_width(640.0)
        .with_height(260.0)
        .with_x_label("time (hours)")
        .with_y_label("error")
        .with_y_axis_min(0.0)
        .with_y_axis_max(1.05 * top)
        .with_legend_position(LegendPosition::OutsideRightTop)
        .with_legend_box(false)
        .with_show_grid(false);
    kuva::render_to_svg(plots, layout)
}

fn cost(matrix: &Matrix, timing: &Timing) -> Markup {
    let arms = [Arm::Law, Arm::Model];
    html! {
        table {
            tr { th { "ms per step" } @for arm in arms { th.number { (arm.title()) } } }
            @for row in &matrix.rows {
                @if let Some(of) = timing.ms_per_step.get(&row.split.name) {
                    tr { td { (row.split.name) } @for arm in arms { td.number { (number(of[&arm])) } } }
                }
            }
        }
        p.quiet {
            "Wall time of a step of diffusion, " (timing.jobs) " runs at a time on one thread each; runs of \
             the law were recorded besides. It is in timing.json, and not in evaluate.json, which comes out \
             the same every time."
        }
    }
}

fn step(row: &Row) -> &'static str {
    let mut steps = STEPS.iter();
    steps
        .find(|(step, _)| *step == row.split.step)
        .map_or("", |(_, meaning)| meaning)
}
