//! A picture of a tissue: cells on a paled substrate, with what is needed to read it.
//!
//! In 3D it is the cut through the middle of the domain along z: cells that the plane meets, as
//! large as they are in it.

use tiny_skia::Pixmap;

use super::canvas::{self, Anchor, Canvas, Weight};
use super::colors::{self, Color, FAINT, INK, LINE};
use super::legend::{self, Side, TEXT, grouped};
use super::{Frame, Vitality};
use crate::scenario::Scenario;

/// Width of every picture, px.
const WIDTH: f64 = 1600.0;
const MARGIN: f64 = 44.0;
/// Tallest tissue, px.
const TALLEST: f64 = 1500.0;
/// Room above the tissue for the title, px.
const HEAD: f64 = 84.0;
/// Room below the tissue for the scale bar, px.
const FOOT: f64 = 84.0;

/// Draws one frame.
pub fn draw(scenario: &Scenario, frame: &Frame<'_>) -> Pixmap {
    let domain = &scenario.domain;
    let extent = [0, 1].map(|axis| domain.max[axis] - domain.min[axis]);
    // Whole pixels, so that the frame's edges are sharp.
    let scale = ((WIDTH - 3.0 * MARGIN - legend::WIDTH) / extent[0]).min(TALLEST / extent[1]);
    let size = extent.map(|length| (length * scale).round().max(1.0));
    let side = Side::new(scenario, frame, size[1]);
    let left = MARGIN
        .max((WIDTH - 2.0 * MARGIN - legend::WIDTH - size[0]) / 2.0)
        .round();
    let area = [left, HEAD, size[0], size[1]];
    let mut canvas = Canvas::new(WIDTH, HEAD + (size[1] + FOOT).max(side.height() + MARGIN));

    let range = scenario.outputs.picture_substrate.map(|number| {
        let range = legend::range(
            &scenario.substrates[number],
            values(scenario, frame, number),
        );
        draw_field(&mut canvas, scenario, frame, number, range, area);
        (number, range)
    });
    canvas.clip(area);
    let shown = draw_cells(&mut canvas, scenario, frame, area, scale);
    canvas.frame(area, 1.5, LINE);

    draw_head(&mut canvas, scenario, frame, area);
    draw_foot(
        &mut canvas,
        scenario,
        shown,
        frame.cells.id.len(),
        area,
        scale,
    );
    side.draw(
        &mut canvas,
        scenario,
        range,
        [area[0] + area[2] + MARGIN, HEAD],
    );
    canvas.pixmap
}

/// One substrate's values, `[z][y][x]`.
fn values<'a>(scenario: &Scenario, frame: &Frame<'a>, substrate: usize) -> &'a [f64] {
    let count = frame.fields.len() / scenario.substrates.len();
    &frame.fields[substrate * count..(substrate + 1) * count]
}

/// Colors the tissue's background, linear between the centers of voxels.
fn draw_field(
    canvas: &mut Canvas,
    scenario: &Scenario,
    frame: &Frame<'_>,
    substrate: usize,
    [low, high]: [f64; 2],
    [left, top, width, height]: [f64; 4],
) {
    let domain = &scenario.domain;
    let counts = [0, 1, 2]
        .map(|axis| ((domain.max[axis] - domain.min[axis]) / domain.voxel[axis]).round() as usize);
    let [columns, rows, layers] = counts;
    let values = values(scenario, frame, substrate);
    let layer = if domain.dimensions == 2 {
        0
    } else {
        layers / 2
    };
    let at = |x: usize, y: usize| values[(layer * rows + y) * columns + x];
    // Neighbors of a pixel along one axis, and how far it is on the way between them.
    let between = |pixel: f64, pixels: f64, count: usize| {
        let place = ((pixel + 0.5) / pixels * count as f64 - 0.5).clamp(0.0, (count - 1) as f64);
        let below = place as usize;
        (below, (below + 1).min(count - 1), place - below as f64)
    };
    for y in 0..height as u32 {
        let (y0, y1, v) = between(height - 1.0 - f64::from(y), height, rows);
        for x in 0..width as u32 {
            let (x0, x1, u) = between(f64::from(x), width, columns);
            let lower = at(x0, y0) * (1.0 - u) + at(x1, y0) * u;
            let upper = at(x0, y1) * (1.0 - u) + at(x1, y1) * u;
            let value = lower * (1.0 - v) + upper * v;
            let color = colors::field((value - low) / (high - low));
            canvas.pixel(left as u32 + x, top as u32 + y, color);
        }
    }
}

/// Draws the cells and returns how many.
fn draw_cells(
    canvas: &mut Canvas,
    scenario: &Scenario,
    frame: &Frame<'_>,
    [left, top, _, height]: [f64; 4],
    scale: f64,
) -> usize {
    let domain = &scenario.domain;
    let cells = frame.cells;
    let middle = (domain.min[2] + domain.max[2]) / 2.0;
    let radius = |cell: usize| {
        let distance = match domain.dimensions {
            2 => 0.0,
            _ => cells.position[cell][2] - middle,
        };
        (cells.radius[cell].powi(2) - distance.powi(2))
            .max(0.0)
            .sqrt()
            * scale
    };
    let mut order: Vec<usize> = (0..cells.id.len())
        .filter(|cell| radius(*cell) > 0.0)
        .collect();
    // The dead below the living, and rare types on top, where they are seen.
    let counts = cells.counts(scenario.cell_types.len());
    order.sort_by_key(|cell| {
        let [live, ..] = counts[usize::from(cells.cell_type[*cell])];
        (
            cells.state[*cell] == Vitality::Live,
            std::cmp::Reverse(live),
            cells.id[*cell],
        )
    });
    // Below five pixels a cell, outlines would be all one sees.
    let mean = order.iter().map(|cell| radius(*cell)).sum::<f64>() / order.len().max(1) as f64;
    let is_outlined = mean >= 2.5;
    let colors: Vec<Color> = scenario
        .cell_types
        .iter()
        .map(|it| colors::parse(&it.color))
        .collect();
    for &cell in &order {
        let [x, y, _] = cells.position[cell];
        let center = [
            left + (x - domain.min[0]) * scale,
            top + height - (y - domain.min[1]) * scale,
        ];
        let color = colors[usize::from(cells.cell_type[cell])];
        draw_cell(
            canvas,
            center,
            radius(cell),
            cells.state[cell],
            color,
            is_outlined,
        );
    }
    order.len()
}

/// Draws one cell, in the tissue or in the legend.
pub(super) fn draw_cell(
    canvas: &mut Canvas,
    center: [f64; 2],
    radius: f64,
    state: Vitality,
    color: Color,
    is_outlined: bool,
) {
    let fill = match state {
        Vitality::Live => color,
        Vitality::Apoptotic => colors::mix(color, colors::APOPTOTIC, 0.7),
        Vitality::Necrotic => colors::mix(colors::NECROTIC, color, 0.08),
    };
    if !is_outlined {
        canvas.disc(center, radius, fill);
        return;
    }
    let rim = (0.1 * radius).clamp(0.7, 3.0).min(radius / 2.0);
    canvas.ringed_disc(center, radius, rim, fill, colors::dark(fill));
    if state == Vitality::Apoptotic {
        // Condensed chromatin.
        canvas.disc(center, 0.36 * radius, colors::dark(colors::dark(fill)));
    }
}

fn draw_head(canvas: &mut Canvas, scenario: &Scenario, frame: &Frame<'_>, area: [f64; 4]) {
    let baseline = HEAD - 26.0;
    let right = WIDTH - MARGIN;
    let time = duration(frame.time);
    let room = right - area[0] - canvas::width(&time, 34.0, Weight::Regular) - MARGIN;
    let title = canvas::fitted(&scenario.name, 34.0, Weight::Bold, room);
    canvas.text(
        &title,
        [area[0], baseline],
        34.0,
        Weight::Bold,
        Anchor::Start,
        INK,
    );
    let after = area[0] + canvas::width(&title, 34.0, Weight::Bold) + 22.0;
    canvas.text(
        &time,
        [after, baseline],
        34.0,
        Weight::Regular,
        Anchor::Start,
        FAINT,
    );
}

fn draw_foot(
    canvas: &mut Canvas,
    scenario: &Scenario,
    shown: usize,
    all: usize,
    [left, top, width, height]: [f64; 4],
    scale: f64,
) {
    let bottom = top + height;
    let length = round_down(width / scale / 4.0);
    canvas.fill([left, bottom + 22.0, (length * scale).round(), 7.0], INK);
    let label = format!("{length} µm");
    canvas.text(
        &label,
        [left, bottom + 58.0],
        TEXT,
        Weight::Regular,
        Anchor::Start,
        INK,
    );
    if scenario.domain.dimensions == 3 {
        let middle = (scenario.domain.min[2] + scenario.domain.max[2]) / 2.0;
        let note = format!(
            "cut at z = {middle} µm, {} of {} cells",
            grouped(shown as u64),
            grouped(all as u64)
        );
        let end = [left + width, bottom + 40.0];
        canvas.text(&note, end, TEXT, Weight::Regular, Anchor::End, INK);
    }
}

/// The greatest of 1, 2, 5 times a power of ten that is not above `value`.
fn round_down(value: f64) -> f64 {
    let power = 10.0_f64.powi(value.log10().floor() as i32);
    [5.0, 2.0, 1.0]
        .into_iter()
        .map(|step| step * power)
        .find(|it| *it <= value)
        .unwrap_or(power)
}

/// A time in its two largest units: `3 d 6 h`, `45 min`.
pub fn duration(minutes: f64) -> String {
    let whole = minutes.round() as u64;
    let units = [
        (whole / 1440, "d"),
        (whole / 60 % 24, "h"),
        (whole % 60, "min"),
    ];
    let first = units.iter().position(|(count, _)| *count > 0).unwrap_or(2);
    let parts: Vec<String> = units[first..]
        .iter()
        .take(2)
        .filter(|(count, unit)| *count > 0 || (*unit == "min" && whole == 0))
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    parts.join(" ")
}
