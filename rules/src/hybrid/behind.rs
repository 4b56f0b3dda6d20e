//! The mechanistic rules behind a model.

use std::borrow::Cow;
use std::path::Path;

use crate::{
    Adoption, Batch, Binding, Error, Outputs, Provenance, Rule,
    written::{Form, Source},
};

/// One mechanistic rule.
pub(super) struct Behind {
    pub(super) rule: Box<dyn Rule>,
    /// Types of the rows it is about; `None` for pairs, which are all of the same types.
    pub(super) types: Option<Vec<u16>>,
    /// For each of its reads, the column.
    pub(super) reads: Vec<usize>,
    /// For each of its writes, the number among those of the whole.
    pub(super) writes: Vec<usize>,
    /// Whether it speaks of dead cells.
    pub(super) with_dead: bool,
}

/// What goes into the record of a run about the file of mechanistic rules behind a binding.
///
/// # Errors
/// If it cannot be read.
pub fn mechanistic(binding: &Binding, file: &Path) -> Result<Provenance, Error> {
    let mut provenance = read(&behind(binding, file, 0.0))?.provenance();
    provenance.name += ", mechanistic";
    Ok(provenance)
}

/// How the rules behind a model are bound.
pub(super) fn behind(binding: &Binding, file: &Path, clock: f64) -> Binding {
    Binding {
        file: file.to_owned(),
        clock: Some(clock),
        combine: None,
        sha256: None,
        adoption: Adoption::default(),
        ..binding.clone()
    }
}

pub(super) fn read(binding: &Binding) -> Result<Source<'_>, Error> {
    let extension = binding.file.extension().and_then(|text| text.to_str());
    let form = match extension {
        Some("csv") => Form::Table,
        Some("rules") => Form::Sentences,
        _ => {
            return Err(Error::File {
                file: binding.file.clone(),
                message: "mechanistic rules are sentences (`.rules`) or a table (`.csv`)".into(),
            });
        }
    };
    Source::read(binding, form)
}

impl Behind {
    /// Asks about some rows, and puts the answers where the model's writes are.
    pub(super) fn apply(
        &self,
        batch: &Batch<'_>,
        rows: &[usize],
        out: &mut Outputs,
    ) -> Result<(), Error> {
        let pick = |column: &[f64]| rows.iter().map(|&row| column[row]).collect();
        let signals: Vec<Cow<'_, [f64]>> = self
            .reads
            .iter()
            .map(|&column| pick(&batch.signals[column]))
            .collect();
        let is_dead = |row: usize| batch.dead.get(row).copied().unwrap_or(false);
        let dead: Vec<bool> = rows.iter().map(|&row| is_dead(row)).collect();
        let asked = Batch {
            rows: rows.len(),
            signals: &signals,
            dead: &dead,
            dt: batch.dt,
            ..Batch::default()
        };
        let mut said = Outputs::default();
        let own = &self.rule.signature().writes;
        said.reset(own.len(), rows.len());
        self.rule.apply(&asked, &mut said)?;
        let mut sound = vec![true; rows.len()];
        for (at, reason) in said.failed {
            sound[at] = false;
            out.failed
                .push((rows[at], format!("mechanistic rules: {reason}")));
        }
        for ((column, write), &number) in said.columns.iter().zip(own).zip(&self.writes) {
            for (at, &row) in rows.iter().enumerate() {
                if sound[at] && (!dead[at] || write.applies_to_dead) {
                    out.mechanistic[number][row] = column[at];
                }
            }
        }
        Ok(())
    }
}
