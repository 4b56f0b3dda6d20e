//! Written rules at work: all sentences of one subject and clock.

use std::borrow::Cow;

use super::saturate::{BLOCK, Saturation};
use crate::explain::Span;
use crate::{Batch, Error, Outputs, Provenance, Rule, Signature};

/// The rules on one behavior at work.
pub struct Step {
    /// How they saturate.
    pub saturation: Saturation,
    /// The write they fill.
    pub column: usize,
    /// Whether an earlier step fills the same write, which this one overwrites.
    pub again: bool,
    /// Whether some of them speak for dead cells.
    pub dead: bool,
    /// A read in which later steps are to find the new value.
    pub echo: Option<usize>,
}

impl Step {
    /// Fills a column, and says whether every value is a number.
    fn fill(&self, signals: &[Cow<'_, [f64]>], dead: &[bool], column: &mut [f64]) -> bool {
        let mut sound = true;
        for (number, values) in column.chunks_mut(BLOCK).enumerate() {
            self.saturation.apply(signals, dead, number * BLOCK, values);
            sound &= values.iter().all(|value| value.is_finite());
        }
        sound
    }

    /// Copies the rows that this step speaks for.
    fn copy(&self, dead: &[bool], from: &[f64], to: &mut [f64]) {
        if self.dead || dead.is_empty() {
            to[..from.len()].copy_from_slice(from);
            return;
        }
        for ((to, from), dead) in to.iter_mut().zip(from).zip(dead) {
            if !dead {
                *to = *from;
            }
        }
    }
}

/// All sentences of one cell type (or pair of types) and one clock.
pub struct Written {
    signature: Signature,
    /// In order.
    steps: Vec<Step>,
    /// The name of each read, for people.
    names: Vec<String>,
    description: Vec<String>,
    provenance: Provenance,
}

impl Written {
    /// Puts the parts together; every one of the signature's writes has a step, and every read
    /// one of the `names`.
    pub fn new(
        signature: Signature,
        steps: Vec<Step>,
        names: Vec<String>,
        description: Vec<String>,
        provenance: Provenance,
    ) -> Written {
        Written {
            signature,
            steps,
            names,
            description,
            provenance,
        }
    }

    /// The behaviors at work, in order.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Why a row came out as no number: its first signal that is none, or their product.
    fn reason(&self, signals: &[Cow<'_, [f64]>], row: usize) -> String {
        match signals.iter().position(|column| column[row].is_nan()) {
            Some(read) => format!("the signal `{}` is not a number", self.names[read]),
            None => format!("no number comes out of {}", self.names.join(", ")),
        }
    }
}

impl Rule for Written {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        let rows = batch.rows;
        let fits = batch.signals.len() == self.signature.reads.len()
            && batch.signals.iter().all(|column| column.len() >= rows)
            && (batch.dead.is_empty() || batch.dead.len() >= rows)
            && out.columns.len() == self.signature.writes.len()
            && out.columns.iter().all(|column| column.len() == rows);
        if !fits {
            return Err(Error::Run {
                name: self.signature.source.clone(),
                message: "the columns do not fit the signature".into(),
            });
        }
        let dead = if batch.dead.contains(&true) {
            batch.dead
        } else {
            &[]
        };
        let mut spoiled = false;
        // A copy of the signals, only where one step is to see what another has written.
        let mut own = if self.steps.iter().any(|step| step.echo.is_some()) {
            batch.signals.to_vec()
        } else {
            Vec::new()
        };
        let mut fresh = Vec::new();
        for step in &self.steps {
            let signals = if own.is_empty() { batch.signals } else { &own };
            let column = &mut out.columns[step.column];
            if step.again {
                fresh.resize(rows, 0.0);
                spoiled |= !step.fill(signals, dead, &mut fresh);
                step.copy(dead, &fresh, column);
            } else {
                spoiled |= !step.fill(signals, dead, column);
            }
            if let Some(read) = step.echo {
                step.copy(dead, column, own[read].to_mut());
            }
        }
        if spoiled {
            for row in 0..rows {
                if out.columns.iter().any(|column| !column[row].is_finite()) {
                    out.failed.push((row, self.reason(batch.signals, row)));
                }
            }
        }
        Ok(())
    }

    fn written(&self) -> Option<&Written> {
        Some(self)
    }

    fn describe(&self) -> Vec<String> {
        self.description.clone()
    }

    fn provenance(&self) -> Provenance {
        self.provenance.clone()
    }

    fn spans(&self, write: usize) -> Vec<Option<Span>> {
        let mut spans: Vec<Option<Span>> = vec![None; self.signature.reads.len()];
        let steps = self.steps.iter().filter(|step| step.column == write);
        let saturations = steps.map(|step| &step.saturation);
        for term in saturations.flat_map(|it| it.up.iter().chain(&it.down)) {
            let [lo, hi] = term.response.span();
            // Of a product each factor has its part of the scale.
            let part = |end: f64| end.signum() * end.abs().powf(1.0 / term.factors.len() as f64);
            for &read in &term.factors {
                let before = spans[read];
                spans[read] = Some(Span {
                    lo: before.map_or(f64::INFINITY, |span| span.lo).min(part(lo)),
                    hi: before
                        .map_or(f64::NEG_INFINITY, |span| span.hi)
                        .max(part(hi)),
                    is_trained: false,
                });
            }
        }
        spans
    }
}
