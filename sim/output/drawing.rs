//! A picture of a tissue: cells on a paled substrate, with what is needed to read it.
//!
//! In 3D it is the cut through the middle of the domain along z: cells that the plane meets, as
//! large as they are in it.

use tiny_skia::Pixmap;

use super::canvas::{self, Anchor, Canvas, Weight};
use super::colors::{self, Color, FAINT, INK, LINE};
use super::{Frame, Vitality};
use crate::scenario::{Boundary, Scenario, Substrate};

/// Width of every picture, px.
const WIDTH: f64 = 1600.0;
const MARGIN: f64 = 44.0;
/// Column right of the tissue, for color bar and legend, px.
const SIDE: f64 = 340.0;
/// Tallest tissue, px.
const TALLEST: f64 = 1500.0;
/// Room above the tissue for the title, px.
const HEAD: f64 = 84.0;
/// Room below the tissue for the scale bar, px.
const FOOT: f64 = 84.0;
/// Size of text, px.
const TEXT: f64 = 25.0;
/// Lines of the legend before it is cut.
const LEGEND_LINES: usize = 16;
const LINE_HEIGHT: f64 = 38.0;
/// Color bar, px: as tall as the tissue leaves room for, within these.
const BAR_HEIGHT: [f64; 2] = [150.0, 260.0];
/// Room around the color bar for its title and labels, px.
const BAR_ROOM: f64 = 84.0;

/// Draws one frame.
pub fn draw(scenario: &Scenario, frame: &Frame<'_>) -> Pixmap {
    let domain = &scenario.domain;
    let extent = [0, 1].map(|axis| domain.max[axis] - domain.min[axis]);
    // Whole pixels, so that the frame's edges are sharp.
    let scale = ((WIDTH - 3.0 * MARGIN - SIDE) / extent[0]).min(TALLEST / extent[1]);
    let size = extent.map(|length| (length * scale).round().max(1.0));
    let side = Side::new(scenario, frame, size[1]);
    let left = MARGIN
        .max((WIDTH - 2.0 * MARGIN - SIDE - size[0]) / 2.0)
        .round();
    let area = [left, HEAD, size[0], size[1]];
    let mut canvas = Canvas::new(WIDTH, HEAD + (size[1] + FOOT).max(side.height() + MARGIN));

    let range = scenario.outputs.picture_substrate.map(|number| {
        let range = range(
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

/// One substrate's values, [z][y][x].
fn values<'a>(scenario: &Scenario, frame: &Frame<'a>, substrate: usize) -> &'a [f64] {
    let count = frame.fields.len() / scenario.substrates.len();
    &frame.fields[substrate * count..(substrate + 1) * count]
}

/// The range of the color bar: from zero to a round number that holds now, at the start and at the
/// boundary, so that pictures of one run are mostly colored alike.
fn range(substrate: &Substrate, values: &[f64]) -> [f64; 2] {
    let boundary = substrate.boundary.iter().filter_map(|it| match it {
        Boundary::Fixed(value) => Some(*value),
        Boundary::NoFlux => None,
    });
    let all = values.iter().copied().chain(boundary);
    let (least, greatest) = all
        .chain([substrate.initial])
        .filter(|value| value.is_finite())
        .fold((0.0_f64, 0.0_f64), |(low, high), it| {
            (low.min(it), high.max(it))
        });
    match (least, greatest) {
        (0.0, 0.0) => [0.0, 1.0],
        (0.0, high) => [0.0, round_up(high)],
        (low, 0.0) => [-round_up(-low), 0.0],
        (low, high) => [-round_up(-low), round_up(high)],
    }
}

/// The least of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten that is not below `value`.
fn round_up(value: f64) -> f64 {
    let power = 10.0_f64.powi(value.log10().floor() as i32);
    [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        // The last digits of a field at its boundary value must not double the range.
        .find(|it| *it >= value * (1.0 - 1e-9))
        .unwrap_or(value)
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
fn draw_cell(
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

/// The column beside the tissue: color bar and legend.
struct Side {
    lines: Vec<Entry>,
    /// px; 0 for no color bar.
    bar_height: f64,
}

/// A line of the legend.
struct Entry {
    swatch: Option<(Vitality, Color)>,
    text: String,
    count: String,
}

impl Side {
    fn new(scenario: &Scenario, frame: &Frame<'_>, height: f64) -> Side {
        let counts = frame.cells.counts(scenario.cell_types.len());
        let types = scenario.cell_types.iter().zip(&counts);
        let mut lines: Vec<Entry> = types
            .map(|(cell_type, [live, ..])| Entry {
                swatch: Some((Vitality::Live, colors::parse(&cell_type.color))),
                text: cell_type.name.clone(),
                count: grouped(*live),
            })
            .collect();
        if lines.len() > LEGEND_LINES {
            let more = lines.split_off(LEGEND_LINES - 1);
            lines.push(Entry {
                swatch: None,
                text: format!("and {} more types", more.len()),
                count: String::new(),
            });
        }
        for state in [Vitality::Apoptotic, Vitality::Necrotic] {
            let dead: u64 = counts.iter().map(|it| it[state as usize]).sum();
            if dead > 0 {
                lines.push(Entry {
                    swatch: Some((state, LINE)),
                    text: state.name().to_owned(),
                    count: grouped(dead),
                });
            }
        }
        let room = height - lines.len() as f64 * LINE_HEIGHT - BAR_ROOM;
        let bar_height = match scenario.outputs.picture_substrate {
            Some(_) => room.clamp(BAR_HEIGHT[0], BAR_HEIGHT[1]).round(),
            None => 0.0,
        };
        Side { lines, bar_height }
    }

    fn height(&self) -> f64 {
        let bar = match self.bar_height {
            0.0 => 0.0,
            height => height + BAR_ROOM,
        };
        bar + self.lines.len() as f64 * LINE_HEIGHT
    }

    fn draw(
        &self,
        canvas: &mut Canvas,
        scenario: &Scenario,
        bar: Option<(usize, [f64; 2])>,
        [left, top]: [f64; 2],
    ) {
        // Discs of the legend are outside of the tissue.
        canvas.clip([left, top, SIDE, self.height()]);
        let mut y = top;
        for entry in &self.lines {
            let baseline = y + 0.72 * LINE_HEIGHT;
            if let Some((state, color)) = entry.swatch {
                draw_cell(
                    canvas,
                    [left + 13.0, y + LINE_HEIGHT / 2.0],
                    12.0,
                    state,
                    color,
                    true,
                );
            }
            let room = SIDE - 44.0 - canvas::width(&entry.count, TEXT, Weight::Regular) - 12.0;
            let text = canvas::fitted(&entry.text, TEXT, Weight::Regular, room);
            canvas.text(
                &text,
                [left + 40.0, baseline],
                TEXT,
                Weight::Regular,
                Anchor::Start,
                INK,
            );
            let end = [left + SIDE, baseline];
            canvas.text(&entry.count, end, TEXT, Weight::Regular, Anchor::End, FAINT);
            y += LINE_HEIGHT;
        }
        if let Some((number, range)) = bar {
            let area = [left, y + 60.0, 30.0, self.bar_height];
            draw_bar(canvas, &scenario.substrates[number], range, area);
        }
    }
}

fn draw_bar(canvas: &mut Canvas, substrate: &Substrate, [low, high]: [f64; 2], area: [f64; 4]) {
    let [left, top, width, height] = area;
    let title = match substrate.unit.to_string().as_str() {
        "" | "1" => substrate.name.clone(),
        unit => format!("{} ({unit})", substrate.name),
    };
    let title = canvas::fitted(&title, TEXT, Weight::Regular, SIDE);
    canvas.text(
        &title,
        [left, top - 16.0],
        TEXT,
        Weight::Regular,
        Anchor::Start,
        INK,
    );
    for row in 0..height as u32 {
        let share = 1.0 - (f64::from(row) + 0.5) / height;
        canvas.fill(
            [left, top + f64::from(row), width, 1.0],
            colors::field(share),
        );
    }
    canvas.frame(area, 1.5, LINE);
    for tick in 0..=4 {
        let share = f64::from(tick) / 4.0;
        let y = (top + height * (1.0 - share)).round();
        canvas.fill([left + width, y - 1.0, 8.0, 2.0], LINE);
        let label = short(low + share * (high - low));
        let at = [left + width + 16.0, y + 9.0];
        canvas.text(&label, at, TEXT, Weight::Regular, Anchor::Start, INK);
    }
}

/// A number in at most four digits, or as a power of ten where it would have many zeros.
fn short(value: f64) -> String {
    if value != 0.0 && !(1e-3..1e5).contains(&value.abs()) {
        return format!("{value:.1e}").replace(".0e", "e").replace('-', "−");
    }
    let digits = (3 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    text.replace('-', "−")
}

/// A count with thin spaces between thousands.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && digits.len() > 4 {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
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
