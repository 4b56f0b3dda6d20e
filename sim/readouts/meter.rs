//! One readout of one run, while it goes on: of each frame by itself, or added up over the run.

use serde::{Serialize, de::DeserializeOwned};

use super::Point;
use crate::{output::Frame, scenario::Scenario, simulation::Simulation};

/// One readout of one run.
pub trait Meter: Send {
    /// Looks at the tissue after a mechanics step of `step` min.
    fn observe(&mut self, simulation: &Simulation, step: f64);
    /// Looks at a frame. What there is to say of it by itself, if that is wanted.
    fn frame(&mut self, frame: &Frame<'_>, is_wanted: bool) -> Vec<Point>;
    /// What there is to say in the last frame of the whole run.
    fn last(&self) -> Vec<Point>;
    /// What came out so far.
    fn finish(&self) -> Vec<Point>;
    /// What it has added up.
    fn keep(&self) -> Vec<u8>;
    /// Goes on from what it had added up.
    ///
    /// # Errors
    /// When that is of another readout.
    fn restore(&mut self, kept: &[u8]) -> postcard::Result<()>;
}

/// A readout that adds up over a run and is told at the end.
pub trait Total: Serialize + DeserializeOwned + Send {
    /// Looks at the tissue after a mechanics step of `step` min.
    fn observe(&mut self, _simulation: &Simulation, _step: f64) {}
    /// Looks at a frame.
    fn frame(&mut self, _frame: &Frame<'_>) {}
    /// What came out so far.
    fn finish(&self) -> Vec<Point>;
}

impl<T: Total> Meter for T {
    fn observe(&mut self, simulation: &Simulation, step: f64) {
        Total::observe(self, simulation, step);
    }

    fn frame(&mut self, frame: &Frame<'_>, _: bool) -> Vec<Point> {
        Total::frame(self, frame);
        Vec::new()
    }

    fn last(&self) -> Vec<Point> {
        Total::finish(self)
    }

    fn finish(&self) -> Vec<Point> {
        Total::finish(self)
    }

    fn keep(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("numbers can always be written to memory")
    }

    fn restore(&mut self, kept: &[u8]) -> postcard::Result<()> {
        *self = postcard::from_bytes(kept)?;
        Ok(())
    }
}

/// A readout of each frame by itself, from a function of frames. What comes out of a run is the
/// mean over the frames of its second half.
pub fn of_frames(
    scenario: &Scenario,
    look: impl Fn(&Frame<'_>) -> Vec<Point> + Send + 'static,
) -> Box<dyn Meter> {
    Box::new(OfFrames {
        look,
        from: 0.5 * scenario.duration,
        means: Vec::new(),
    })
}

struct OfFrames<Look> {
    look: Look,
    /// min: when the mean begins.
    from: f64,
    /// `[point]`: coordinate, sum and number of the values.
    means: Vec<(Option<f64>, f64, u32)>,
}

impl<Look: Fn(&Frame<'_>) -> Vec<Point> + Send> Meter for OfFrames<Look> {
    fn observe(&mut self, _: &Simulation, _: f64) {}

    fn frame(&mut self, frame: &Frame<'_>, is_wanted: bool) -> Vec<Point> {
        let counts = frame.time >= self.from;
        if !counts && !is_wanted {
            return Vec::new();
        }
        let points = (self.look)(frame);
        if counts {
            let empty = |point: &Point| (point.coordinate, 0.0, 0);
            let known = self.means.len().min(points.len());
            self.means.extend(points[known..].iter().map(empty));
            for ((_, sum, count), point) in self.means.iter_mut().zip(&points) {
                if let Some(value) = point.value {
                    *sum += value;
                    *count += 1;
                }
            }
        }
        points
    }

    fn last(&self) -> Vec<Point> {
        Vec::new()
    }

    fn finish(&self) -> Vec<Point> {
        let mean = |&(coordinate, sum, count): &(Option<f64>, f64, u32)| Point {
            coordinate,
            ..Point::number((count > 0).then(|| sum / f64::from(count)))
        };
        self.means.iter().map(mean).collect()
    }

    fn keep(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.means).expect("numbers can always be written to memory")
    }

    fn restore(&mut self, kept: &[u8]) -> postcard::Result<()> {
        self.means = postcard::from_bytes(kept)?;
        Ok(())
    }
}
