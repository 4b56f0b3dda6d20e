//! Readouts: numbers and curves that a tissue shows, each with its name and its unit.
//!
//! One implementation serves whoever asks. A [`Measure`] says what there is to know of a readout; a
//! [`Meter`] is one readout of one run. Nearly all look at frames alone, so that they can be read off
//! recorded frames as well; what they compute with are functions of positions, types and fields,
//! one file a family.

pub mod asked;
pub mod clearance;
pub mod contacts;
pub mod counts;
pub mod enrichment;
pub mod fields;
pub mod impedance;
pub mod infiltration;
pub mod kills;
pub mod meter;
pub mod spatial;
pub mod tracks;

use serde::{Deserialize, Serialize, Serializer};

pub use asked::{Asked, Given, Key};
pub use meter::{Meter, Total, of_frames};

use crate::{
    assay::{Assay, Dyad},
    output::{CellTable, Frame, Vitality, record::Reading},
    scenario::{Readout, Scenario},
    simulation::Simulation,
};

/// Everything that can be measured.
pub const LIST: &[&Measure] = &[
    &counts::COUNT,
    &clearance::TIME,
    &kills::PER_CELL_DAY,
    &kills::PER_EFFECTOR,
    &kills::HISTOGRAM,
    &infiltration::DEPTH,
    &contacts::FRACTION,
    &enrichment::SCORE,
    &impedance::INDEX,
    &spatial::RIPLEY_K,
    &spatial::CROSS_K,
    &spatial::PAIR_CORRELATION,
    &fields::PROFILE,
    &fields::ALONG_AXIS,
    &fields::SPREAD,
    &tracks::SPEED,
    &tracks::MOTILITY,
    &tracks::DISPLACEMENT,
    &tracks::EXPONENT,
    &tracks::TURNING,
];

/// What can be measured.
#[derive(Debug)]
pub struct Measure {
    /// Its name, as a scenario writes it.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub meaning: &'static str,
    /// What has to be said of it.
    pub keys: &'static [Key],
    /// The unit of its values.
    pub unit: Unit,
    /// The unit of what a curve runs along; `None` for a number.
    pub along: Option<&'static str>,
    /// Begins one.
    pub open: fn(&Asked, &Scenario) -> Box<dyn Meter>,
}

/// The unit of what is measured.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// Always this.
    Of(&'static str),
    /// That of the substrate.
    Substrate,
    /// µm² in the plane, µm³ in space.
    Extent,
}

impl Measure {
    /// The unit of its values where `asked` is asked of it.
    pub fn unit(&self, asked: &Asked, scenario: &Scenario) -> String {
        match self.unit {
            Unit::Of(unit) => unit.into(),
            Unit::Substrate => {
                let substrate = asked.number_of(Key::Substrate);
                scenario.substrates[substrate].unit.to_string()
            }
            Unit::Extent if scenario.domain.dimensions == 2 => "µm²".into(),
            Unit::Extent => "µm³".into(),
        }
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

/// A value, and where on its curve it stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// In the unit of [`Measure::along`]; `None` for a number.
    pub coordinate: Option<f64>,
    /// `None` where there is nothing to measure, or where it has not come to pass.
    pub value: Option<f64>,
    /// Whether the run ended before it came to pass.
    pub censored: bool,
}

impl Point {
    /// A number.
    pub fn number(value: Option<f64>) -> Point {
        Point {
            coordinate: None,
            value,
            censored: false,
        }
    }

    /// The points of a curve.
    pub fn curve(coordinates: &[f64], values: Vec<Option<f64>>) -> Vec<Point> {
        let at = |(&coordinate, value)| Point {
            coordinate: Some(coordinate),
            ..Point::number(value)
        };
        coordinates.iter().zip(values).map(at).collect()
    }
}

/// One point of one readout, as writers see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Number in [`Scenario::readouts`].
    pub readout: u16,
    /// What is there.
    pub point: Point,
}

/// All readouts of a run.
pub struct Readouts {
    meters: Vec<(Readout, Box<dyn Meter>)>,
    /// Whether somebody writes what they say of each frame.
    are_written: bool,
    assay: Option<Assay>,
}

impl Readouts {
    /// The readouts a scenario asks for.
    pub fn new(scenario: &Scenario) -> Readouts {
        let open = |readout: &Readout| {
            let meter = (readout.measure.open)(&readout.asked, scenario);
            (readout.clone(), meter)
        };
        Readouts {
            meters: scenario.readouts.iter().map(open).collect(),
            are_written: crate::output::needs_readouts(&scenario.outputs.write),
            assay: Assay::new(scenario),
        }
    }

    /// What each has added up so far, in the order of the scenario, and then the assay.
    pub fn keep(&self) -> Vec<Vec<u8>> {
        let meters = self.meters.iter().map(|(_, meter)| meter.keep());
        let assay = self.assay.iter().map(|assay| {
            postcard::to_stdvec(assay).expect("numbers can always be written to memory")
        });
        meters.chain(assay).collect()
    }

    /// Goes on from what they had added up.
    ///
    /// # Errors
    /// A message when that is of other readouts.
    pub fn restore(&mut self, kept: &[Vec<u8>]) -> Result<(), String> {
        for ((readout, meter), kept) in self.meters.iter_mut().zip(kept) {
            let restored = meter.restore(kept);
            restored
                .map_err(|error| format!("the readout `{}` is damaged: {error}", readout.name))?;
        }
        if let Some(assay) = &mut self.assay {
            let kept = kept.get(self.meters.len()).map_or(&[][..], Vec::as_slice);
            *assay = postcard::from_bytes(kept)
                .map_err(|error| format!("what was kept of the dyad assay is damaged: {error}"))?;
        }
        Ok(())
    }

    /// Looks at the tissue after a mechanics step of `step` min.
    pub fn observe(&mut self, simulation: &Simulation, step: f64) {
        for (_, meter) in &mut self.meters {
            meter.observe(simulation, step);
        }
        if let Some(assay) = &mut self.assay {
            assay.observe(simulation, step);
        }
    }

    /// The dyad table after [`Readouts::frame`] of the last frame, if it is asked for.
    pub fn dyads(&self, scenario: &Scenario, frame: &Frame<'_>) -> Vec<Dyad> {
        let assay = self.assay.iter();
        assay.flat_map(|it| it.finish(scenario, frame)).collect()
    }

    /// Looks at a frame: what there is to say of it, and if it is the last also of the whole run.
    pub fn frame(&mut self, frame: &Frame<'_>, is_last: bool) -> Vec<Row> {
        if let Some(assay) = &mut self.assay {
            assay.frame(frame);
        }
        let mut rows = Vec::new();
        for (number, (_, meter)) in self.meters.iter_mut().enumerate() {
            let mut points = meter.frame(frame, self.are_written);
            if is_last {
                points.extend(meter.last());
            }
            rows.extend(points.into_iter().map(|point| Row {
                readout: number as u16,
                point,
            }));
        }
        rows
    }

    /// What came out.
    pub fn finish(&self, scenario: &Scenario) -> Vec<Reading> {
        let read = |(readout, meter): &(Readout, Box<dyn Meter>)| {
            let points = meter.finish();
            let number = points.iter().find(|point| point.coordinate.is_none());
            Reading {
                name: readout.name.clone(),
                value: number.and_then(|point| point.value),
                censored: number.is_some_and(|point| point.censored),
                curve: readout.measure.along.map(|along| Curve {
                    along: along.into(),
                    points: points.iter().map(|it| (it.coordinate, it.value)).collect(),
                }),
                unit: readout.measure.unit(&readout.asked, scenario),
                published: readout.published,
                source: readout.source.clone(),
            }
        };
        self.meters.iter().map(read).collect()
    }
}

/// A curve that came out of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Curve {
    /// The unit of what it runs along.
    pub along: String,
    /// Where, and how much.
    pub points: Vec<(Option<f64>, Option<f64>)>,
}

/// Where the live cells of some types are, µm, in the order of the table.
pub fn live(cells: &CellTable, types: &[usize]) -> Vec<[f64; 3]> {
    let all = cells
        .cell_type
        .iter()
        .zip(&cells.state)
        .zip(&cells.position);
    all.filter(|((kind, state), _)| {
        **state == Vitality::Live && types.contains(&usize::from(**kind))
    })
    .map(|(_, &position)| position)
    .collect()
}

/// The distance between two points.
pub(crate) fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3)
        .map(|d| (a[d] - b[d]) * (a[d] - b[d]))
        .sum::<f64>()
        .sqrt()
}

/// The slope of the line through points (x, y) with the least squares of y; `None` if all x are one.
pub(crate) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let (mx, my) = (
        points.iter().map(|p| p.0).sum::<f64>() / n,
        points.iter().map(|p| p.1).sum::<f64>() / n,
    );
    let slope = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>()
        / points.iter().map(|p| (p.0 - mx) * (p.0 - mx)).sum::<f64>();
    slope.is_finite().then_some(slope)
}

/// The middles of the rings that end at these distances, the first of which begins at 0.
pub(crate) fn middles(ends: &[f64]) -> Vec<f64> {
    let begins = std::iter::once(&0.0).chain(ends);
    begins.zip(ends).map(|(a, b)| 0.5 * (a + b)).collect()
}
