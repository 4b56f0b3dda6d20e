//! Draws the accuracy of the solvers of diffusion over their time, from the CSV of their bench:
//!
//! ```text
//! cargo bench -p kernels --bench solvers > solvers.csv
//! cargo run --release --example plot_solvers < solvers.csv
//! ```

use std::{error::Error, fs, io};

use kuva::{
    RasterBackend,
    plot::{LinePlot, scatter::ScatterPlot},
    render::{
        figure::{Figure, FigureLegendPosition},
        layout::Layout,
        plots::Plot,
    },
};

const FILE: &str = "docs/images/solvers.png";

/// What is drawn: solver, column of its error, name, color, whether the line is dashed.
const CURVES: [(&str, usize, &str, &str, bool); 4] = [
    ("split", 3, "lod", "#1f77b4", false),
    ("split", 4, "lod, at any time", "#1f77b4", true),
    ("unsplit", 3, "unsplit", "#d62728", false),
    ("unsplit", 4, "unsplit, at any time", "#d62728", true),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut reader = csv::Reader::from_reader(io::stdin());
    let rows = reader.records().collect::<Result<Vec<_>, _>>()?;
    let (mut plots, mut layouts) = (vec![], vec![]);
    for substrate in ["oxygen", "cytokine"] {
        let mut curves: Vec<Plot> = vec![];
        for (solver, column, name, color, dashed) in CURVES {
            let own = rows
                .iter()
                .filter(|row| row[0] == *substrate && row[1] == *solver);
            let points = own.map(|row| Ok((row[5].parse()?, row[column].parse()?)));
            let points = points.collect::<Result<Vec<(f64, f64)>, std::num::ParseFloatError>>()?;
            let line = LinePlot::new().with_data(points.clone()).with_color(color);
            let line = line.with_stroke_width(2.0).with_legend(name);
            curves.push(if dashed { line.with_dashed() } else { line }.into());
            let marks = ScatterPlot::new().with_data(points).with_color(color);
            curves.push(marks.with_size(4.0).into());
        }
        let layout = Layout::auto_from_plots(&curves)
            .with_log_scale()
            .with_title(substrate)
            .with_x_label("time, ns per voxel and minute")
            .with_y_label("relative error");
        plots.push(curves);
        layouts.push(layout);
    }
    let figure = Figure::new(1, 2)
        .with_plots(plots)
        .with_layouts(layouts)
        .with_cell_size(480.0, 400.0)
        .with_shared_legend_position(FigureLegendPosition::BottomCenter);
    fs::write(FILE, RasterBackend::new().render_scene(&figure.render())?)?;
    println!("{FILE}");
    Ok(())
}
