//! Written rules at work: all sentences of one subject and clock.

use super::saturate::{BLOCK, Saturation};
use crate::{Batch, Error, Outputs, Provenance, Rule, Signature};

/// All sentences of one cell type (or pair of types) and one clock.
pub struct Written {
    signature: Signature,
    /// One per write.
    plans: Vec<Saturation>,
    /// The name of each read, for people.
    names: Vec<String>,
    description: Vec<String>,
    provenance: Provenance,
}

impl Written {
    /// Puts the parts together; `plans` are as many as the signature's writes, and `names` as
    /// its reads.
    pub fn new(
        signature: Signature,
        plans: Vec<Saturation>,
        names: Vec<String>,
        description: Vec<String>,
        provenance: Provenance,
    ) -> Written {
        Written {
            signature,
            plans,
            names,
            description,
            provenance,
        }
    }

    /// Why a row came out as no number: its first signal that is none, or their product.
    fn reason(&self, signals: &[Vec<f64>], row: usize) -> String {
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
            && out.columns.len() == self.plans.len()
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
        for (plan, column) in self.plans.iter().zip(&mut out.columns) {
            for (number, values) in column.chunks_mut(BLOCK).enumerate() {
                plan.apply(batch.signals, dead, number * BLOCK, values);
                spoiled |= values.iter().any(|value| !value.is_finite());
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

    fn describe(&self) -> Vec<String> {
        self.description.clone()
    }

    fn provenance(&self) -> Provenance {
        self.provenance.clone()
    }
}
