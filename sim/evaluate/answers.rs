//! A rule, asked about recorded rows.

use rules::{Batch, Outputs, Rule, lent};

use super::rows::Rows;

/// Rows a rule is asked about at once.
const CHUNK: usize = 1 << 14;

/// Who is asked, and how.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The rule.
    pub rule: &'a dyn Rule,
    /// `[read]`: the input it is.
    pub places: &'a [usize],
    /// `[type of the rows]`: its number in the scenario.
    pub types: &'a [u16],
    /// In (0, 1): the member or quantile that a model gives whose uncertainty is propagated.
    pub member: f64,
}

/// What a rule says of rows.
#[derive(Debug, Default)]
pub struct Answers {
    /// `[write that was asked for][row]`
    pub columns: Vec<Vec<f64>>,
    /// `[row]`: whether it lies outside the domain the rule was trained on; empty for rules that
    /// have none.
    pub is_outside: Vec<bool>,
}

impl Asked<'_> {
    /// What the rule writes to these places, of rows with these inputs.
    ///
    /// # Errors
    /// Why the rule has no answer.
    pub fn answers(
        &self,
        rows: &Rows,
        inputs: &[Vec<f64>],
        writes: &[usize],
    ) -> Result<Answers, String> {
        let signature = self.rule.signature();
        let count = rows.run.len();
        let mut answers = Answers {
            columns: vec![Vec::with_capacity(count); writes.len()],
            is_outside: Vec::new(),
        };
        let mut out = Outputs::default();
        for start in (0..count).step_by(CHUNK) {
            let chunk = start..(start + CHUNK).min(count);
            let column = |place: &usize| inputs[*place][chunk.clone()].to_vec();
            let columns: Vec<Vec<f64>> = self.places.iter().map(column).collect();
            let kinds = rows.types[chunk.clone()].iter();
            let kinds: Vec<u16> = kinds.map(|kind| self.types[usize::from(*kind)]).collect();
            out.reset(signature.writes.len(), chunk.len());
            let batch = Batch {
                rows: chunk.len(),
                signals: &lent(&columns),
                dead: &vec![false; chunk.len()],
                types: &kinds,
                dt: signature.clock,
                member: self.member,
                ..Batch::default()
            };
            let done = self.rule.apply(&batch, &mut out);
            done.map_err(|error| error.to_string())?;
            if let Some((row, reason)) = out.failed.first() {
                return Err(format!("row {}: {reason}", start + row));
            }
            for (column, write) in answers.columns.iter_mut().zip(writes) {
                column.extend_from_slice(&out.columns[*write]);
            }
            let tiers = out.domain.iter().map(|tiers| !tiers.is_inside());
            answers.is_outside.extend(tiers);
        }
        Ok(answers)
    }
}
