//! Answers that are no event's rate, to be read.

use maud::{Markup, html};

use super::conditions::{Agreement, Conditions};
use super::{Errors, Outcome, Outcomes};
use crate::evaluate::page::estimate;
use crate::page::number;

/// Worst conditions that are shown.
const CONDITIONS: usize = 10;

/// The section.
pub fn page(outcomes: &Outcomes) -> Markup {
    html! {
        h3 { "What is no event" }
        table {
            tr {
                th { "output" } th { "" } th.number { "mean error" } th.number { "root mean square" }
                th.number { "R²" } th.number { "skill" }
            }
            @for outcome in &outcomes.outputs { (output(outcome)) }
        }
        @match &outcomes.conditions {
            Ok(conditions) => (compared(conditions)),
            Err(reason) => p.quiet { "Conditions are not compared: " (reason) "." }
        }
    }
}

fn output(outcome: &Outcome) -> Markup {
    let row = |errors: &Errors| {
        html! {
            td.number { (estimate(&errors.absolute)) }
            td.number { (estimate(&errors.root_mean_square)) }
            td.number { (estimate(&errors.r_squared)) }
        }
    };
    html! {
        tr {
            td { (outcome.name) @if !outcome.unit.is_empty() { ", " (outcome.unit) } }
            td { "model" } (row(&outcome.model)) td.number { (number(outcome.skill)) }
        }
        @for (name, errors) in &outcome.baselines {
            tr { td {} td.quiet { (name) } (row(errors)) td {} }
        }
        @if outcome.unanswered > 0 {
            tr { td {} td.open colspan="5" { "no answer to " (outcome.unanswered) " rows" } }
        }
    }
}

fn compared(conditions: &Conditions) -> Markup {
    let row = |name: &str, it: &Agreement| {
        html! {
            tr {
                td { (name) }
                td.number { (estimate(&it.pearson_control)) }
                td.number { (estimate(&it.pearson_perturbed)) }
                td.number { (estimate(&it.mrrmse)) }
                td.number { (estimate(&it.centroid_accuracy)) }
                td.number { (estimate(&it.discrimination)) }
                td.number { (number(it.energy)) }
            }
        }
    };
    html! {
        h3 { "What conditions do" }
        p.quiet {
            "Means of " (conditions.outputs.join(", ")) " in standard deviations of training; control: "
            (conditions.control) "."
        }
        table {
            tr {
                th { "" } th.number { "PearsonΔ, control" } th.number { "PearsonΔ, mean of others" }
                th.number { "MRRMSE" } th.number { "centroid accuracy" } th.number { "discrimination" }
                th.number { "energy distance" }
            }
            (row("model", &conditions.model))
            @for (name, it) in &conditions.baselines { (row(name, it)) }
            (row("half of the runs", &conditions.split_half))
            @for (factor, it) in conditions.stretched.iter().filter(|(factor, _)| *factor != 1.0) {
                (row(&format!("model, changes times {factor}"), it))
            }
        }
        p.quiet { "A score that does not fall when changes are stretched can be gamed: read it with one that does." }
        table {
            tr { th { "condition, worst first" } th.number { "runs" } th.number { "error" } th.number { "energy distance" } }
            @for it in conditions.each.iter().take(CONDITIONS) {
                tr {
                    td { (it.name) } td.number { (it.runs) } td.number { (number(it.error)) }
                    td.number { (number(it.energy)) }
                }
            }
        }
    }
}
