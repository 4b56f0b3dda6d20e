//! A learned rule and the written rules behind it as one rule, and what the two make together.
//!
//! The rule here computes what the model says and, where it is needed, what the mechanistic rules
//! say about the same numbers. Which of them acts depends on what went before in a run, and so is
//! decided by the engine, with the functions of `mixture`.

mod behind;
mod mixture;
mod names;

use crate::{
    Batch, Binding, Error, Guard, Kind, Learned, Mode, Occasion, Outputs, Provenance, Residual,
    Rule, Signature, Subject, Target, Tiers, Usage, Vocabulary, Write, written,
};
use behind::{Behind, behind, read};
use names::{kind_name, subject_name, target_name};

pub use behind::mechanistic;
pub use mixture::{corrected, mixed};
pub use names::output_names;

/// What a behavior is called that is a component of a latent vector.
const LATENT: &str = "latent:";

/// A model with mechanistic rules behind it, or with its behaviors taken away.
struct Hybrid {
    model: Box<dyn Rule>,
    /// How many reads, the first ones, are the model's own.
    own_reads: usize,
    /// For each write, its number among the model's.
    own_writes: Vec<usize>,
    behind: Vec<Behind>,
    signature: Signature,
    learned: Learned,
    mechanistic: Option<Provenance>,
}

/// Puts the mechanistic rules of a binding behind its model. Notes on how the mechanistic file was read are added to `notes`.
///
/// # Errors
/// E-CONTRACT with the way out, and whatever is wrong with the mechanistic file.
pub fn wrap(
    model: Box<dyn Rule>,
    binding: &Binding,
    vocabulary: &Vocabulary,
    usage: Usage,
    notes: &mut Vec<String>,
) -> Result<Box<dyn Rule>, Error> {
    let Some(learned) = model.learned() else {
        return Ok(model);
    };
    let mut learned = learned.clone();
    let refused = |message: &str| Error::Model {
        file: binding.file.clone(),
        code: "E-CONTRACT",
        message: message.to_owned(),
    };
    if let Some(message) = refusal(&learned, model.signature()) {
        return Err(refused(&message));
    }
    if learned.mode != Mode::Delegate && !learned.has_mechanistic {
        return Ok(model);
    }
    let mut signature = model.signature().clone();
    let mut own_writes: Vec<usize> = (0..signature.writes.len()).collect();
    if learned.mode == Mode::Delegate {
        let (kept, left): (Vec<usize>, Vec<usize>) = own_writes
            .into_iter()
            .partition(|&write| acts_on_nothing(&signature.writes[write], vocabulary));
        own_writes = kept;
        let names = output_names(&signature, vocabulary);
        let left: Vec<String> = left
            .iter()
            .map(|&write| format!("`{}`", names[write]))
            .collect();
        if !left.is_empty() {
            notes.push(format!(
                "rules.{}: mode `delegate` leaves out what the model says of {}; written rules act",
                binding.name,
                left.join(", ")
            ));
        }
        if own_writes.is_empty() {
            return Err(refused(
                "mode `delegate` leaves nothing of a model without latent states and readouts; \
                 choose another",
            ));
        }
        signature.writes = own_writes
            .iter()
            .map(|&write| signature.writes[write].clone())
            .collect();
        learned.residuals = vec![Residual::None; own_writes.len()];
        for stop in &mut learned.stops {
            let place = own_writes.iter().position(|write| *write == stop.write);
            stop.write = place.expect("a spread is recorded, and acts on nothing");
        }
    }
    let own_reads = signature.reads.len();
    let mut hybrid = Hybrid {
        model,
        own_reads,
        own_writes,
        behind: Vec::new(),
        signature,
        learned,
        mechanistic: None,
    };
    if let Some(file) = &binding.adoption.mechanistic {
        let behind = behind(binding, file, hybrid.signature.clock);
        let source = read(&behind)?;
        hybrid.mechanistic = Some(source.provenance());
        let opened = written::bind(&[source], vocabulary, usage)?;
        notes.extend(opened.notes);
        hybrid
            .stand_behind(opened.rules, vocabulary)
            .map_err(|message| Error::Model {
                file: file.clone(),
                code: "E-CONTRACT",
                message: format!("mechanistic rules of rules.{}: {message}", binding.name),
            })?;
    }
    Ok(Box::new(hybrid))
}

/// Why mode, guard and model do not go together, if they do not.
fn refusal(learned: &Learned, signature: &Signature) -> Option<String> {
    let (mode, has_mechanistic) = (learned.mode, learned.has_mechanistic);
    let name = format!("{mode:?}").to_lowercase();
    let mut residuals = learned.residuals.iter();
    let is_residual = residuals.any(|residual| *residual != Residual::None);
    let is_mixed = matches!(mode, Mode::Residual | Mode::Gated | Mode::Shadow);
    let message = if is_residual && !matches!(mode, Mode::Residual | Mode::Shadow) {
        format!(
            "mode `{name}` would take for values what the model gives as corrections of mechanistic \
             rules; choose `residual` or `shadow`"
        )
    } else if mode == Mode::Residual && !is_residual {
        "mode `residual` is for models that declare `residual` in milieu.spec; choose `replace`, \
         `gated` or `shadow`"
            .into()
    } else if is_mixed && !has_mechanistic {
        format!(
            "mode `{name}` needs written rules behind the model; name their file in `mechanistic`"
        )
    } else if mode == Mode::Delegate && has_mechanistic {
        "mode `delegate` has no use for `mechanistic`; give the written rules an entry of their own"
            .into()
    } else if has_mechanistic && signature.occasion != Occasion::Clock {
        "nothing stands behind a model that is not called by its clock; leave `mechanistic` out"
            .into()
    } else if learned.guard == Guard::Fallback && !has_mechanistic {
        "guard `fallback` needs written rules to fall back to; name their file in `mechanistic`, or \
         choose `warn`, `clamp_inputs` or `error`"
            .into()
    } else {
        return None;
    };
    Some(message)
}

/// Whether a write goes to a latent state, which no mechanistic rule knows.
pub fn is_latent(write: &Write, vocabulary: &Vocabulary) -> bool {
    match write.target {
        Target::Behavior(number) => {
            let name = &vocabulary.behaviors.entry(number).name;
            name.starts_with(LATENT)
        }
        _ => false,
    }
}

fn acts_on_nothing(write: &Write, vocabulary: &Vocabulary) -> bool {
    matches!(write.target, Target::Readout(_)) || is_latent(write, vocabulary)
}

/// Whether two kinds mean the same by a number.
fn is_alike(model: &Kind, mechanistic: &Kind) -> bool {
    match (model, mechanistic) {
        (Kind::Hit { size }, Kind::Hit { size: other }) => size == other,
        (model, mechanistic) => {
            std::mem::discriminant(model) == std::mem::discriminant(mechanistic)
        }
    }
}

impl Hybrid {
    /// Takes written rules, or says which of them does not fit the model.
    fn stand_behind(
        &mut self,
        rules: Vec<Box<dyn Rule>>,
        vocabulary: &Vocabulary,
    ) -> Result<(), String> {
        let subject = self.signature.subject.clone();
        for rule in rules {
            let own = rule.signature();
            let types = match (&subject, &own.subject) {
                (Subject::Cell { types }, Subject::Cell { types: others })
                    if others.iter().all(|kind| types.contains(kind)) =>
                {
                    Some(others.iter().map(|&kind| kind as u16).collect())
                }
                (one @ Subject::Dyad { .. }, other) if one == other => None,
                _ => {
                    return Err(format!(
                        "they speak of {}, on which the model does not act; take those rules out",
                        subject_name(&own.subject, vocabulary)
                    ));
                }
            };
            if (own.clock - self.signature.clock).abs() > 1e-9 * self.signature.clock {
                return Err(format!(
                    "they are called every {} min and the model every {} min; take `every` out, or \
                     give the entry `clock = \"{} min\"`",
                    own.clock, self.signature.clock, own.clock
                ));
            }
            let mut reads = Vec::new();
            for read in &own.reads {
                let known = self.signature.reads.iter().position(|other| other == read);
                reads.push(known.unwrap_or(self.signature.reads.len()));
                if known.is_none() {
                    self.signature.reads.push(read.clone());
                }
            }
            let mut writes = Vec::new();
            for write in &own.writes {
                let name = target_name(write, vocabulary);
                let same = |other: &Write| other.side == write.side && other.target == write.target;
                let number = self.signature.writes.iter().position(same).ok_or_else(|| {
                    format!(
                        "they write `{name}`, which the model does not write; give that rule an \
                         entry of its own"
                    )
                })?;
                let place = &mut self.signature.writes[number];
                if !is_alike(&place.kind, &write.kind) {
                    return Err(format!(
                        "by `{name}` they mean a {}, and the model a {}; one must follow the other",
                        kind_name(&write.kind),
                        kind_name(&place.kind)
                    ));
                }
                match self.learned.mode {
                    // What acts is theirs in every respect.
                    Mode::Shadow => place.kind = write.kind.clone(),
                    Mode::Residual if place.kind != write.kind => {
                        return Err(format!(
                            "a correction of `{name}` has no relaxation time of its own; take \
                             `tau` out of the model"
                        ));
                    }
                    _ => {}
                }
                place.applies_to_dead |= write.applies_to_dead;
                writes.push(number);
            }
            self.behind.push(Behind {
                types,
                reads,
                writes,
                with_dead: own.writes.iter().any(|write| write.applies_to_dead),
                rule,
            });
        }
        self.is_covered(vocabulary)
    }

    /// Checks that whatever would be set by the model alone has a rule behind it, for every type.
    fn is_covered(&self, vocabulary: &Vocabulary) -> Result<(), String> {
        for (number, write) in self.signature.writes.iter().enumerate() {
            let is_change = matches!(write.kind, Kind::Delta { .. } | Kind::Readout);
            if is_change || is_latent(write, vocabulary) {
                continue;
            }
            let speaks = |kind: Option<usize>| {
                self.behind.iter().any(|behind| {
                    let is_about = match (kind, &behind.types) {
                        (Some(kind), Some(types)) => types.contains(&(kind as u16)),
                        _ => true,
                    };
                    is_about && behind.writes.contains(&number)
                })
            };
            let types: Vec<Option<usize>> = match &self.signature.subject {
                Subject::Cell { types } => types.iter().map(|&kind| Some(kind)).collect(),
                Subject::Dyad { .. } => vec![None],
            };
            if let Some(kind) = types.into_iter().find(|kind| !speaks(*kind)) {
                let of = match kind {
                    Some(kind) => format!(" of `{}`", vocabulary.types[kind]),
                    None => String::new(),
                };
                return Err(format!(
                    "they do not write `{}`{of}, which the model does; add a rule for it",
                    target_name(write, vocabulary)
                ));
            }
        }
        Ok(())
    }

    /// The rows about which the mechanistic rules are asked.
    fn needed(&self, batch: &Batch<'_>, out: &Outputs) -> Vec<usize> {
        let is_all = matches!(
            self.learned.mode,
            Mode::Residual | Mode::Gated | Mode::Shadow
        );
        let with_dead = self.behind.iter().any(|behind| behind.with_dead);
        let mut failed = vec![false; batch.rows];
        for (row, _) in &out.failed {
            failed[*row] = true;
        }
        let is_needed = |&row: &usize| {
            if batch.dead.get(row).copied().unwrap_or(false) {
                return with_dead;
            }
            is_all
                || failed[row]
                || batch.held.get(row).copied().unwrap_or(false)
                || out
                    .domain
                    .get(row)
                    .is_some_and(|tiers: &Tiers| !tiers.is_inside())
        };
        (0..batch.rows).filter(is_needed).collect()
    }
}

impl Rule for Hybrid {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        let own = Batch {
            signals: &batch.signals[..self.own_reads],
            ..*batch
        };
        let writes = self.model.signature().writes.len();
        if self.own_writes.len() == writes {
            self.model.apply(&own, out)?;
        } else {
            let mut whole = Outputs::default();
            whole.reset(writes, batch.rows);
            self.model.apply(&own, &mut whole)?;
            for (column, &number) in out.columns.iter_mut().zip(&self.own_writes) {
                std::mem::swap(column, &mut whole.columns[number]);
            }
            (out.failed, out.domain, out.gate) = (whole.failed, whole.domain, whole.gate);
            out.clamped = whole.clamped;
        }
        if self.behind.is_empty() {
            return Ok(());
        }
        out.mechanistic = vec![vec![f64::NAN; batch.rows]; self.signature.writes.len()];
        let needed = self.needed(batch, out);
        for behind in &self.behind {
            let is_about = |row: &usize| match &behind.types {
                Some(types) => types.contains(&batch.types[*row]),
                None => true,
            };
            let rows: Vec<usize> = needed.iter().copied().filter(is_about).collect();
            if !rows.is_empty() {
                behind.apply(batch, &rows, out)?;
            }
        }
        Ok(())
    }

    fn describe(&self) -> Vec<String> {
        let mut lines = self.model.describe();
        if let Some(mechanistic) = &self.mechanistic {
            lines.push(format!("behind it, {}:", mechanistic.file.display()));
            let behind = self.behind.iter().flat_map(|behind| behind.rule.describe());
            lines.extend(behind.map(|line| format!("  {line}")));
        }
        lines
    }

    fn provenance(&self) -> Provenance {
        self.model.provenance()
    }

    fn learned(&self) -> Option<&Learned> {
        Some(&self.learned)
    }

    fn numbers(&self) -> usize {
        self.behind.len().max(1)
    }
}
