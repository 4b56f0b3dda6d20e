//! A learned rule and the written rules behind it as one rule, and what the two make together.
//!
//! The rule here computes what the model says and, where it is needed, what the mechanistic rules
//! say about the same numbers. Which of them acts depends on what went before in a run, and so is
//! decided by the engine, with the functions at the end of this file.

use std::path::Path;

use libm::{exp, log, tanh};

use crate::{
    Adoption, Batch, Binding, Error, Guard, Kind, Learned, Mode, Occasion, Outputs, Provenance,
    Residual, Rule, Side, Signature, Subject, Target, Tiers, Usage, Vocabulary, Write,
    written::{self, Form, Source},
};

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

/// One mechanistic rule.
struct Behind {
    rule: Box<dyn Rule>,
    /// Types of the rows it is about; `None` for pairs, which are all of the same types.
    types: Option<Vec<u16>>,
    /// For each of its reads, the column.
    reads: Vec<usize>,
    /// For each of its writes, the number among those of the whole.
    writes: Vec<usize>,
    /// Whether it speaks of dead cells.
    with_dead: bool,
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
fn behind(binding: &Binding, file: &Path, clock: f64) -> Binding {
    Binding {
        file: file.to_owned(),
        clock: Some(clock),
        combine: None,
        sha256: None,
        adoption: Adoption::default(),
        ..binding.clone()
    }
}

fn read(binding: &Binding) -> Result<Source<'_>, Error> {
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

impl Behind {
    /// Asks about some rows, and puts the answers where the model's writes are.
    fn apply(&self, batch: &Batch<'_>, rows: &[usize], out: &mut Outputs) -> Result<(), Error> {
        let pick = |column: usize| rows.iter().map(|&row| batch.signals[column][row]).collect();
        let signals: Vec<Vec<f64>> = self.reads.iter().map(|&column| pick(column)).collect();
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

fn subject_name(subject: &Subject, vocabulary: &Vocabulary) -> String {
    let name = |kind: usize| format!("`{}`", vocabulary.types[kind]);
    match subject {
        Subject::Cell { types } => {
            let names: Vec<String> = types.iter().map(|&kind| name(kind)).collect();
            names.join(", ")
        }
        Subject::Dyad { a, b } => format!("{} on {}", name(*a), name(*b)),
    }
}

/// The names of a rule's outputs; the same on the two cells of a pair are told apart.
pub fn output_names(signature: &Signature, vocabulary: &Vocabulary) -> Vec<String> {
    let name = |write: &Write| {
        let is_other = |other: &&Write| other.target == write.target;
        match signature.writes.iter().filter(is_other).count() {
            1 => behavior_name(write, vocabulary).to_owned(),
            _ => target_name(write, vocabulary),
        }
    };
    signature.writes.iter().map(name).collect()
}

fn behavior_name<'a>(write: &'a Write, vocabulary: &'a Vocabulary) -> &'a str {
    match &write.target {
        Target::Behavior(number) => &vocabulary.behaviors.entry(*number).name,
        Target::PairBehavior(number) => &vocabulary.pair_behaviors.entry(*number).name,
        Target::Readout(name) => name,
    }
}

fn target_name(write: &Write, vocabulary: &Vocabulary) -> String {
    let name = behavior_name(write, vocabulary);
    match write.side {
        Side::A => format!("{name} on a"),
        Side::B => format!("{name} on b"),
        Side::ChildA => format!("{name} of child_a"),
        Side::ChildB => format!("{name} of child_b"),
        _ => name.to_owned(),
    }
}

fn kind_name(kind: &Kind) -> String {
    match kind {
        Kind::Rate => "rate".into(),
        Kind::Parameter { .. } => "value".into(),
        Kind::Delta { .. } => "change".into(),
        Kind::Hit { size } => format!("hit of {size}"),
        Kind::Readout => "readout".into(),
    }
}

/// What acts where a model says `r` about what mechanistic rules say is `m`. r = 0 is m, bit for
/// bit.
pub fn corrected(how: Residual, m: f64, r: f64) -> f64 {
    match how {
        Residual::None => r,
        Residual::Factor { cap } => m * exp(r.clamp(-cap, cap)),
        Residual::Shift { scale } => match scale * tanh(r) {
            // −0 + 0 would be 0.
            0.0 => m,
            shift => m + shift,
        },
    }
}

/// What acts where a model says `f`, mechanistic rules `m`, and the gate is open by `w`, 0 to 1:
/// events are mixed in their logarithms, since rates differ by factors.
pub fn mixed(is_event: bool, w: f64, f: f64, m: f64) -> f64 {
    if w == 0.0 {
        m
    } else if w == 1.0 {
        f
    } else if !is_event {
        m + w * (f - m)
    } else if f > 0.0 && m > 0.0 {
        exp(w * log(f) + (1.0 - w) * log(m))
    } else {
        0.0
    }
}
