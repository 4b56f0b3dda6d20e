//! The column beside a tissue: types with their counts, and the color bar of the substrate.

use super::canvas::{self, Anchor, Canvas, Weight};
use super::colors::{self, Color, FAINT, INK, LINE};
use super::drawing::draw_cell;
use super::{Frame, Vitality};
use crate::scenario::{Boundary, Scenario, Substrate};

/// Of the column, px.
pub(super) const WIDTH: f64 = 340.0;
/// Size of text, px.
pub(super) const TEXT: f64 = 25.0;
/// Types named before the list is cut.
const LINES: usize = 16;
const LINE_HEIGHT: f64 = 38.0;
/// Color bar, px: as tall as the tissue leaves room for, within these.
const BAR_HEIGHT: [f64; 2] = [150.0, 260.0];
/// Room around the color bar for its title and labels, px.
const BAR_ROOM: f64 = 84.0;

/// The column beside the tissue: color bar and legend.
pub(super) struct Side {
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
    pub fn new(scenario: &Scenario, frame: &Frame<'_>, height: f64) -> Side {
        let counts = frame.cells.counts(scenario.cell_types.len());
        let types = scenario.cell_types.iter().zip(&counts);
        let mut lines: Vec<Entry> = types
            .map(|(cell_type, [live, ..])| Entry {
                swatch: Some((Vitality::Live, colors::parse(&cell_type.color))),
                text: cell_type.name.clone(),
                count: grouped(*live),
            })
            .collect();
        if lines.len() > LINES {
            let more = lines.split_off(LINES - 1);
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

    pub fn height(&self) -> f64 {
        let bar = match self.bar_height {
            0.0 => 0.0,
            height => height + BAR_ROOM,
        };
        bar + self.lines.len() as f64 * LINE_HEIGHT
    }

    pub fn draw(
        &self,
        canvas: &mut Canvas,
        scenario: &Scenario,
        bar: Option<(usize, [f64; 2])>,
        [left, top]: [f64; 2],
    ) {
        // Discs of the legend are outside of the tissue.
        canvas.clip([left, top, WIDTH, self.height()]);
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
            let room = WIDTH - 44.0 - canvas::width(&entry.count, TEXT, Weight::Regular) - 12.0;
            let text = canvas::fitted(&entry.text, TEXT, Weight::Regular, room);
            canvas.text(
                &text,
                [left + 40.0, baseline],
                TEXT,
                Weight::Regular,
                Anchor::Start,
                INK,
            );
            let end = [left + WIDTH, baseline];
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
    let unit = match substrate.unit.to_string().as_str() {
        "" | "1" => String::new(),
        unit => format!(" ({unit})"),
    };
    let room = WIDTH - canvas::width(&unit, TEXT, Weight::Regular);
    let title = canvas::fitted(&substrate.name, TEXT, Weight::Regular, room) + &unit;
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
    let steps = steps(high - low);
    for tick in 0..=steps {
        let share = f64::from(tick) / f64::from(steps);
        let y = (top + height * (1.0 - share)).round();
        canvas.fill([left + width, y - 1.0, 8.0, 2.0], LINE);
        let label = short(low + share * (high - low));
        let at = [left + width + 16.0, y + 9.0];
        canvas.text(&label, at, TEXT, Weight::Regular, Anchor::Start, INK);
    }
}

/// The range of the color bar: from zero to a round number that holds now, at the start and at the
/// boundary, so that pictures of one run are mostly colored alike.
pub(super) fn range(substrate: &Substrate, values: &[f64]) -> [f64; 2] {
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

/// Into how many steps a range is cut so that each is round.
fn steps(range: f64) -> u32 {
    let is_round = |count: &u32| {
        let step = range / f64::from(*count);
        let halves = 2.0 * step / 10.0_f64.powi(step.log10().floor() as i32);
        (halves - halves.round()).abs() < 1e-6
    };
    [4, 5, 3].into_iter().find(is_round).unwrap_or(4)
}

/// A number in at most four digits, or as a power of ten where it would have many zeros.
fn short(value: f64) -> String {
    if value != 0.0 && !(1e-3..1e5).contains(&value.abs()) {
        let text = format!("{value:.2e}");
        let (number, power) = text.split_once('e').unwrap_or((&text, "0"));
        let number = number.trim_end_matches('0').trim_end_matches('.');
        return format!("{number}e{power}").replace('-', "−");
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
pub(super) fn grouped(count: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::{grouped, round_up, short, steps};

    #[test]
    fn ranges_end_at_round_numbers() {
        let ends = [38.0, 0.011, 1.0, 1.0 + 1e-12, 9.9].map(round_up);
        assert_eq!(ends, [40.0, 0.012, 1.0, 1.0, 10.0]);
    }

    #[test]
    fn steps_are_round() {
        let counts = [40.0, 2.5, 0.012, 1.5, 1e-9, 7.7].map(steps);
        assert_eq!(counts, [4, 5, 4, 5, 4, 4]);
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 30.0, 0.625, 1250.0, 2.5e-4, -3e7].map(short);
        assert_eq!(texts, ["0", "30", "0.625", "1250", "2.5e−4", "−3e7"]);
        let counts = [0, 1234, 12_345, 1_234_567].map(grouped);
        assert_eq!(
            counts,
            ["0", "1234", "12\u{2009}345", "1\u{2009}234\u{2009}567"]
        );
    }
}
