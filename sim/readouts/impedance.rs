//! Impedance index: what electrodes on the bottom of a well would say of the cells that cover it.
//!
//! The measurement model: a bottom without cells reads 0, and each live adherent cell insulates the
//! disc that it covers, seen from above, so that
//!     index = gain · |union of discs ∩ bottom| / |bottom|
//! where `gain` is the index of a bottom covered whole, a number of the line of cells and of its
//! instrument. A spot that two cells cover counts once. Dead cells have let go. Cells that thicken
//! or tighten their junctions would raise a measured index and do not raise this one.

use super::{Key, Measure, Point, Unit, contacts::Balls, of_frames};

/// Cover of the bottom times a gain, frame by frame.
pub const INDEX: Measure = Measure {
    name: "impedance index",
    meaning: "Share of the bottom (the xy plane of the domain) that discs of live cells of `type` cover, times `gain`.",
    keys: &[Key::Type, Key::Gain],
    unit: Unit::Of("1"),
    along: None,
    open: |asked, scenario| {
        let (kind, gain) = (asked.number_of(Key::Type), asked.value(Key::Gain));
        let [x, y] = [0, 1].map(|d| [scenario.domain.min[d], scenario.domain.max[d]]);
        of_frames(scenario, move |frame| {
            let cover = cover(&Balls::live(frame.cells, &[kind]), x, y);
            vec![Point::number(Some(gain * cover))]
        })
    },
};

/// How far apart the lines lie along which cover is measured, as a share of the mean radius. The error
/// of such a disc is below 0.1 % of its area, and in a layer errors cancel.
const SPACING: f64 = 0.05;

/// The share of the rectangle `x` × `y` that lies below one of the discs: exact along x on lines
/// between whose middles y is cut, and their mean.
pub fn cover(discs: &Balls, x: [f64; 2], y: [f64; 2]) -> f64 {
    if discs.radii.is_empty() {
        return 0.0;
    }
    let mean = discs.radii.iter().sum::<f64>() / discs.radii.len() as f64;
    let lines = ((y[1] - y[0]) / (SPACING * mean)).ceil();
    let step = (y[1] - y[0]) / lines;
    let mut covered = vec![Vec::new(); lines as usize];
    for (center, radius) in discs.centers.iter().zip(&discs.radii) {
        let first = ((center[1] - radius - y[0]) / step - 0.5).ceil().max(0.0) as usize;
        for (number, chords) in covered.iter_mut().enumerate().skip(first) {
            let off = y[0] + (number as f64 + 0.5) * step - center[1];
            if off >= *radius {
                break;
            }
            // On the first line off may be −radius, but for rounding.
            let half = (radius * radius - off * off).max(0.0).sqrt();
            chords.push([(center[0] - half).max(x[0]), (center[0] + half).min(x[1])]);
        }
    }
    let lengths = covered.iter_mut().map(|chords| length(chords));
    lengths.sum::<f64>() / lines / (x[1] - x[0])
}

/// The length of the union of intervals.
fn length(intervals: &mut [[f64; 2]]) -> f64 {
    intervals.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]));
    let (mut sum, mut end) = (0.0, f64::NEG_INFINITY);
    for &[from, to] in intervals.iter() {
        sum += (to - from.max(end)).max(0.0);
        end = end.max(to);
    }
    sum
}
