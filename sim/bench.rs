//! The standard set of `milieu bench`: what this machine takes for each kernel, and what it could.
//!
//! Every figure is the median of several rounds. A limit is the time that moving the bytes a kernel
//! must move would take in a copy, measured in the same rounds and on data of the same size.

mod fields;
pub mod scenes;
mod tissues;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Threads to compute on.
    pub threads: usize,
    /// Sizes that take seconds in all; figures then say little.
    pub quick: bool,
    /// A million cells, too.
    pub large: bool,
}

/// One measured figure.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Figure {
    /// The name of its kernel in [`LIST`].
    pub name: &'static str,
    /// Of what.
    pub size: String,
    /// The median.
    pub figure: f64,
    /// Of the figure and the limit.
    pub unit: &'static str,
    /// What the figure would be if nothing but the machine's memory mattered.
    pub limit: Option<f64>,
    /// Which fraction of the limit is reached.
    pub reached: Option<f64>,
}

/// Who hears of figures, one by one.
pub type Tell<'a> = dyn FnMut(Figure) -> Result<(), String> + 'a;

/// Measures one kernel at all its sizes.
type Measure = fn(Extent, &mut Tell<'_>) -> Result<(), String>;

/// Everything that is measured, in order.
pub const LIST: [(&str, Measure); 7] = [
    ("copy", fields::copy),
    ("diffusion", fields::diffusion),
    ("exchange", fields::exchange),
    ("contact", tissues::contact),
    ("phenotype", tissues::phenotype),
    ("learned", tissues::learned),
    ("run", tissues::run),
];

impl Figure {
    /// Nanoseconds, and those that the machine would need at least.
    fn ns(
        name: &'static str,
        size: String,
        figure: f64,
        unit: &'static str,
        limit: Option<f64>,
    ) -> Figure {
        Figure {
            name,
            size,
            figure,
            unit,
            limit,
            reached: limit.map(|limit| limit / figure),
        }
    }
}

/// The middle one of several values, or of those in the middle the larger.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
