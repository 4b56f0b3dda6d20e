//! Point patterns: Ripley's K, its form across types, and the pair correlation.
//!
//! ```text
//! K_ab(r) = |W|² / (n_a n_b) Σ 1(|x_i − x_j| ≤ r) / |W ∩ (W + x_i − x_j)|
//! g_ab    = (K_ab(r₂) − K_ab(r₁)) / |shell from r₁ to r₂|
//! ```
//!
//! over pairs i of a, j of b in the window W, the domain; for one type over ordered pairs of two
//! cells, with n (n − 1) for n_a n_b. The weight is the translation correction: what a pair counts
//! for is the chance that one like it lies in the window. For a pattern without structure
//! K(r) = πr² in the plane and 4/3 πr³ in space, and g = 1.
//! Source: Ripley 1976, J. Appl. Prob. 13:255; Ripley 1977, J. R. Statist. Soc. B 39:172; across
//! types and corrections: Baddeley, Rubak, Turner 2015, Spatial Point Patterns, ch. 7 and 14.

use rstar::RTree;
use std::f64::consts::PI;

use super::{Asked, Key, Measure, Meter, Point, Unit, live, middles, of_frames};
use crate::scenario::{Domain, Scenario};

/// K of one type, frame by frame.
pub const RIPLEY_K: Measure = Measure {
    name: "Ripley's K",
    meaning: "K of live cells of `type` at `radii`, with translation correction: cells within r of a cell, over their density.",
    keys: &[Key::Type, Key::Radii],
    unit: Unit::Extent,
    along: Some("µm"),
    open: |asked, scenario| curve(asked, scenario, Key::Type, Curve::K),
};

/// K across two types, frame by frame.
pub const CROSS_K: Measure = Measure {
    name: "cross-type K",
    meaning: "K of live `target` around live cells of `type` at `radii`, with translation correction: `target` within r of a cell, over their density.",
    keys: &[Key::Type, Key::Target, Key::Radii],
    unit: Unit::Extent,
    along: Some("µm"),
    open: |asked, scenario| curve(asked, scenario, Key::Target, Curve::K),
};

/// g, frame by frame.
pub const PAIR_CORRELATION: Measure = Measure {
    name: "pair correlation",
    meaning: "Density of live `target` in rings around live cells of `type`, over their density everywhere, with translation correction; rings end at `radii`, and are named by their middles.",
    keys: &[Key::Type, Key::Target, Key::Radii],
    unit: Unit::Of("1"),
    along: Some("µm"),
    open: |asked, scenario| curve(asked, scenario, Key::Target, Curve::G),
};

#[derive(Clone, Copy)]
enum Curve {
    K,
    G,
}

fn curve(asked: &Asked, scenario: &Scenario, to: Key, what: Curve) -> Box<dyn Meter> {
    let (kind, target) = (asked.number_of(Key::Type), asked.number_of(to));
    let radii = asked.values(Key::Radii).to_vec();
    let window = Window::of(&scenario.domain);
    let coordinates = match what {
        Curve::K => radii.clone(),
        Curve::G => middles(&radii),
    };
    of_frames(scenario, move |frame| {
        let [cells, others] = [kind, target].map(|kind| live(frame.cells, &[kind]));
        let others = (kind != target).then_some(&others[..]);
        let values = match what {
            Curve::K => window.k(&cells, others, &radii),
            Curve::G => window.pair_correlation(&cells, others, &radii),
        };
        let values = match values {
            Some(values) => values.into_iter().map(Some).collect(),
            None => vec![None; radii.len()],
        };
        Point::curve(&coordinates, values)
    })
}

/// The box in which points are seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Lower corner, µm.
    pub min: [f64; 3],
    /// Upper corner, µm.
    pub max: [f64; 3],
    /// 2 or 3; in the plane all points have one z.
    pub dimensions: usize,
}

impl Window {
    /// A whole domain.
    pub fn of(domain: &Domain) -> Window {
        Window {
            min: domain.min,
            max: domain.max,
            dimensions: usize::from(domain.dimensions),
        }
    }

    /// Up to half of the shortest side a pair can be counted with a weight that means something, µm.
    pub fn farthest(&self) -> f64 {
        let sides = (0..self.dimensions).map(|axis| self.side(axis));
        0.5 * sides.fold(f64::INFINITY, f64::min)
    }

    fn side(&self, axis: usize) -> f64 {
        self.max[axis] - self.min[axis]
    }

    /// Area in µm² or volume in µm³.
    fn extent(&self) -> f64 {
        (0..self.dimensions).map(|axis| self.side(axis)).product()
    }

    /// Extent of a disc or ball.
    fn ball(&self, radius: f64) -> f64 {
        match self.dimensions {
            2 => PI * radius * radius,
            _ => 4.0 / 3.0 * PI * radius.powi(3),
        }
    }

    /// The points inside: cells can come to lie outside the domain.
    fn inside(&self, points: &[[f64; 3]]) -> Vec<[f64; 3]> {
        let is_inside = |point: &&[f64; 3]| {
            (0..self.dimensions)
                .all(|axis| (self.min[axis]..=self.max[axis]).contains(&point[axis]))
        };
        points.iter().filter(is_inside).copied().collect()
    }

    /// K of `others` around `cells`, or of `cells` around each other, at ascending `radii` of at most
    /// [`Window::farthest`]; µm² or µm³. `None` if there is no pair.
    pub fn k(
        &self,
        cells: &[[f64; 3]],
        others: Option<&[[f64; 3]]>,
        radii: &[f64],
    ) -> Option<Vec<f64>> {
        let cells = self.inside(cells);
        let others = others.map(|others| self.inside(others));
        let pairs = match &others {
            Some(others) => cells.len() * others.len(),
            None => cells.len() * cells.len().saturating_sub(1),
        };
        if pairs == 0 {
            return None;
        }
        let farthest = radii.last().map_or(0.0, |radius| radius * radius);
        let own = others.is_none();
        let tree = RTree::bulk_load(others.unwrap_or_else(|| cells.clone()));
        let mut rings = vec![0.0; radii.len()];
        for &cell in &cells {
            let mut is_itself = own;
            for &other in tree.locate_within_distance(cell, farthest) {
                if is_itself && other == cell {
                    is_itself = false;
                    continue;
                }
                let apart: [f64; 3] = std::array::from_fn(|axis| other[axis] - cell[axis]);
                let squared: f64 = apart.iter().map(|x| x * x).sum();
                let ring = radii.partition_point(|radius| radius * radius < squared);
                let shared: f64 = (0..self.dimensions)
                    .map(|axis| self.side(axis) - apart[axis].abs())
                    .product();
                rings[ring.min(radii.len() - 1)] += 1.0 / shared;
            }
        }
        let scale = self.extent() * self.extent() / pairs as f64;
        let mut sum = 0.0;
        let within = rings.into_iter().map(|ring| {
            sum += ring;
            scale * sum
        });
        Some(within.collect())
    }

    /// g of `others` around `cells`, or of `cells` around each other, in rings that end at `radii`.
    pub fn pair_correlation(
        &self,
        cells: &[[f64; 3]],
        others: Option<&[[f64; 3]]>,
        radii: &[f64],
    ) -> Option<Vec<f64>> {
        let k = self.k(cells, others, radii)?;
        let (mut k_before, mut ball_before) = (0.0, 0.0);
        let rings = k.into_iter().zip(radii).map(|(k, &radius)| {
            let ball = self.ball(radius);
            let g = (k - k_before) / (ball - ball_before);
            (k_before, ball_before) = (k, ball);
            g
        });
        Some(rings.collect())
    }
}
