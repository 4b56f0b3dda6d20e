//! How sure a model is, and whether it is right, to be read.

use kuva::plot::{LinePlot, legend::LegendPosition};
use kuva::render::{layout::Layout, plots::Plot};
use maud::{Markup, html};

use super::{Certainty, Coverage, Risk};
use crate::evaluate::page::estimate;
use crate::page::{self, number};

/// The section.
pub fn page(all: &[Certainty]) -> Markup {
    html! {
        h3 { "How sure, and whether that is right" }
        table {
            tr {
                th { "output" } th.number { "should hold" } th.number { "holds" } th.number { "width" }
                th.number { "Winkler" } th.number { "CRPS" } th.number { "off uniform" }
            }
            @for it in all { (coverage(it)) }
        }
        @for it in all { (parts(it)) }
    }
}

fn coverage(certainty: &Certainty) -> Markup {
    let row = |it: &Coverage, name: &str, is_first: bool| {
        html! {
            tr {
                td { (name) } td.number { (number(it.promised)) } td.number { (estimate(&it.found)) }
                td.number { (number(it.width)) } td.number { (estimate(&it.winkler)) }
                td.number { @if let (Some(crps), true) = (&certainty.crps, is_first) { (estimate(crps)) } }
                td.number { @if let (Some((_, far)), true) = (&certainty.transform, is_first) { (number(*far)) } }
            }
        }
    };
    let name = format!("{}, {}", certainty.name, certainty.stated);
    html! {
        @for (at, it) in certainty.coverage.iter().enumerate() {
            (row(it, if at == 0 { &name } else { "" }, at == 0))
        }
        @if let Some(it) = &certainty.conformal {
            (row(it, &format!("{}, conformal", certainty.name), false))
        }
    }
}

fn parts(certainty: &Certainty) -> Markup {
    let shares = |shares: Vec<(String, f64)>| {
        html! { @for (name, share) in shares { tr { td { (name) } td.number { (number(share)) } } } }
    };
    let domain = ["inside the domain", "outside"]
        .into_iter()
        .zip(certainty.by_domain);
    let domain = domain.filter_map(|(name, share)| Some((name.to_owned(), share?)));
    let widths = certainty.by_width.iter();
    let widths = widths.map(|[width, share]| (format!("width {}", number(*width)), *share));
    html! {
        div.beside {
            @if !certainty.by_width.is_empty() {
                table {
                    tr { th { (certainty.name) } th.number { "in the interval of 90 %" } }
                    (shares(certainty.by_type.clone())) (shares(domain.collect())) (shares(widths.collect()))
                }
            }
            @if let Some(risk) = &certainty.risk {
                (page::drawing(&curve(risk), &format!(
                    "{}: squared error of the surest rows; mean {}, {} if their errors were known, {} blindly.",
                    certainty.name, number(risk.area), number(risk.least), number(risk.blind)
                )))
            }
        }
    }
}

fn curve(risk: &Risk) -> String {
    let tenths = risk.kept.iter().zip(1..);
    let points: Vec<(f64, f64)> = tenths
        .map(|(risk, at)| (f64::from(at) / 10.0, *risk))
        .collect();
    let plots = vec![Plot::from(
        LinePlot::new().with_data(points).with_color("#0072b2"),
    )];
    let layout = Layout::auto_from_plots(&plots)
        .with_width(420.0)
        .with_height(280.0)
        .with_x_label("share of rows kept")
        .with_y_label("mean squared error")
        .with_legend_position(LegendPosition::OutsideRightTop)
        .with_show_grid(false);
    kuva::render_to_svg(plots, layout)
}
