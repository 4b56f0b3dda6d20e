//! `populations.svg`: how many cells of each type live over time, and how many are dead.

use std::io::Write;
use std::path::{Path, PathBuf};

use kuva::plot::LinePlot;
use kuva::plot::legend::LegendPosition;
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;

use super::folder::Part;
use super::{Error, Frame, Output};
use crate::scenario::Scenario;

struct Chart {
    scenario: Scenario,
    folder: PathBuf,
    /// min.
    times: Vec<f64>,
    /// `[frame][type][vitality]`.
    counts: Vec<Vec<[u64; 3]>>,
}

/// Starts the chart.
///
/// # Errors
/// None; the file is made when the run is over.
pub fn open(scenario: &Scenario, folder: &Path) -> Result<Box<dyn Output>, Error> {
    Ok(Box::new(Chart {
        scenario: scenario.clone(),
        folder: folder.to_owned(),
        times: Vec::new(),
        counts: Vec::new(),
    }))
}

impl Output for Chart {
    fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        self.times.push(frame.time);
        self.counts
            .push(frame.cells.counts(self.scenario.cell_types.len()));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>, Error> {
        if self.times.is_empty() {
            return Ok(Vec::new());
        }
        let mut part = Part::create(&self.folder, "populations.svg")?;
        part.write_all(self.draw().as_bytes())
            .map_err(|error| Error::because(part.path(), &error))?;
        Ok(vec![part.finish()?])
    }
}

impl Chart {
    fn draw(&self) -> String {
        let end = self.times.last().copied().unwrap_or(0.0);
        let (unit, minutes) = match end {
            _ if end > 72.0 * 60.0 => ("days", 1440.0),
            _ if end > 120.0 => ("hours", 60.0),
            _ => ("min", 1.0),
        };
        let line = |label: &str, color: &str, count: &dyn Fn(&[[u64; 3]]) -> u64| {
            let points = self.times.iter().zip(&self.counts);
            LinePlot::new()
                .with_data(points.map(|(time, counts)| (time / minutes, count(counts) as f64)))
                .with_color(color)
                .with_stroke_width(2.5)
                // The library would read what stands between dollars as a formula.
                .with_legend(label.replace('$', "\\$"))
        };
        let types = self.scenario.cell_types.iter().enumerate();
        let mut plots: Vec<Plot> = types
            .map(|(number, it)| line(&it.name, &it.color, &|counts| counts[number][0]).into())
            .collect();
        let dead = |counts: &[[u64; 3]]| counts.iter().map(|it| it[1] + it[2]).sum();
        if self.counts.iter().any(|counts| dead(counts) > 0) {
            plots.push(line("dead", "#808080", &dead).with_dashed().into());
        }
        let greatest = self
            .counts
            .iter()
            .flat_map(|counts| counts.iter().map(|it| it[0]).chain([dead(counts)]));
        let top = greatest.max().unwrap_or(0).max(1) as f64 * 1.05;
        let entries = plots.len();
        let mut layout = Layout::auto_from_plots(&plots)
            .with_width(900.0)
            // As tall as the list of types, if that is long.
            .with_height((90.0 + 18.0 * entries as f64).max(540.0))
            .with_title(self.scenario.name.replace('$', "\\$"))
            .with_x_label(format!("time ({unit})"))
            .with_y_label("cells")
            .with_x_axis_min(self.times[0] / minutes)
            .with_x_axis_max((end / minutes).max(self.times[0] / minutes + 1.0))
            .with_y_axis_min(0.0)
            .with_y_axis_max(top)
            .with_legend_position(LegendPosition::OutsideRightTop)
            .with_legend_box(false)
            .with_show_grid(false);
        if unit == "hours" {
            // People count hours by quarters of a day.
            layout = layout.with_x_tick_step(if end > 36.0 * 60.0 { 12.0 } else { 6.0 });
        }
        renumbered(&kuva::render_to_svg(plots, layout))
    }
}

/// The chart with its clips numbered from 0: the library numbers them through the life of the
/// program, and the second run of a sweep must give the same bytes as the first.
fn renumbered(svg: &str) -> String {
    const CLIP: &str = "kuva-clip-";
    let mut pieces = svg.split(CLIP);
    let mut text = pieces.next().unwrap_or_default().to_owned();
    let mut seen = Vec::new();
    for piece in pieces {
        let rest = piece.trim_start_matches(|it: char| it.is_ascii_digit());
        let number = &piece[..piece.len() - rest.len()];
        let place = seen.iter().position(|it| *it == number).unwrap_or_else(|| {
            seen.push(number);
            seen.len() - 1
        });
        text += &format!("{CLIP}{place}{rest}");
    }
    text
}
