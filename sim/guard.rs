//! The guard of learned rules: what acts on each row, and the ledger of it.
//!
//! A rule says what its model and what the mechanistic rules behind it compute, and where the
//! model is outside its domain. Here that becomes what is written, by the mode and the guard that
//! the scenario chose; a row that has left the domain stays with the mechanistic rules until it
//! has been inside often enough.

mod ledger;
mod limits;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeMap};

use bevy_ecs::resource::Resource;
use rules::{
    Batch, Guard as Policy, Kind, Learned, Mode, Outputs, Residual, Rule, Signature, Tiers,
    dictionary::normal,
    hybrid::{corrected, is_latent, mixed},
};

use ledger::Counts;
pub use ledger::{Difference, Ledger, Share};
use serde::{Deserialize, Serialize};

use crate::{
    output::{
        guard::{Firing, Row},
        needs_guards,
    },
    plan::Plan,
    record::Clamps,
    streams::Purpose,
};
use limits::Limits;

/// Numbers a model must have written before the share of clamps is judged.
const ENOUGH: u64 = 1000;

/// Who a row is: a cell, or one and the other of a pair.
pub type Who = (u64, Option<u64>);

/// What is asked of the guard after a rule was applied.
pub struct Call<'a> {
    /// The guard over the rule, if it is learned.
    pub guard: Option<usize>,
    /// Of the rule.
    pub signature: &'a Signature,
    /// What the rule was applied to.
    pub batch: &'a Batch<'a>,
    /// `[row]`.
    pub who: &'a [Who],
    /// min.
    pub time: f64,
}

/// The guards of a run's learned rules.
#[derive(Resource, Default)]
pub struct Guards {
    /// In the order of the scenario.
    all: Vec<Guard>,
    /// Of each of them the rows on which it fired, if a writer wants them.
    firings: Vec<Firing>,
}

impl Guards {
    /// Sets a guard over a rule if it is a learned one; its number.
    pub fn watch(&mut self, rule: &dyn Rule, plan: &Plan) -> Option<usize> {
        let (learned, signature) = (rule.learned()?, rule.signature());
        if needs_guards(&plan.scenario.outputs.write) {
            let vocabulary = &plan.table.vocabulary;
            self.firings
                .push(Firing::new(learned, signature, vocabulary));
        }
        self.all.push(Guard::new(learned.clone(), signature, plan));
        Some(self.all.len() - 1)
    }

    /// What draws which member of an ensemble a model takes in the whole run; 0 for written rules.
    pub fn member(&self, guard: Option<usize>) -> f64 {
        guard.map_or(0.0, |guard| self.all[guard].member)
    }

    /// Whether any row is in fallback from earlier calls.
    pub fn hold_any(&self, guard: Option<usize>) -> bool {
        guard.is_some_and(|guard| !self.all[guard].held.is_empty())
    }

    /// Fills in which rows are in fallback from earlier calls; empty where none is.
    pub fn held(&self, guard: Option<usize>, who: &[Who], held: &mut Vec<bool>) {
        held.clear();
        if let Some(guard) = guard.map(|guard| &self.all[guard])
            && !guard.held.is_empty()
        {
            held.extend(who.iter().map(|who| guard.held.contains_key(who)));
        }
    }

    /// Whether there is nothing to decide about rows of a rule: all are live and inside, none fell
    /// back before, and what the model says acts as it stands. Such rows need only [be
    /// counted](Guards::pass).
    pub fn is_plain(
        &self,
        guard: Option<usize>,
        dead: &[bool],
        held: &[bool],
        outputs: &Outputs,
    ) -> bool {
        let Some(guard) = guard.map(|guard| &self.all[guard]) else {
            return outputs.failed.is_empty();
        };
        guard.learned.mode == Mode::Replace
            && guard.learned.unsure(outputs).is_none()
            && outputs.failed.is_empty()
            && outputs.domain.iter().all(|tiers| tiers.is_inside())
            && !held.contains(&true)
            && !dead.contains(&true)
            && guard.limits.hold(&outputs.columns, &guard.sets)
    }

    /// Counts rows about which there is nothing to decide, of these types.
    pub fn pass(&mut self, guard: Option<usize>, kinds: &[u16], outputs: &Outputs) {
        if let Some(guard) = guard {
            self.all[guard].pass(kinds, outputs);
        }
    }

    /// Turns what a rule computed into what is to be written, NaN where nothing is.
    ///
    /// # Errors
    /// Why the run cannot go on.
    pub fn settle(
        &mut self,
        call: &Call<'_>,
        outputs: &mut Outputs,
        clamps: &mut Clamps,
    ) -> Result<(), String> {
        outputs.failed.sort_by_key(|(row, _)| *row);
        let Some(number) = call.guard else {
            return match outputs.failed.first() {
                Some((row, reason)) => Err(failure(call, outputs.failed.len(), *row, reason)),
                None => Ok(()),
            };
        };
        self.all[number].settle(call, outputs, clamps, self.firings.get_mut(number))
    }

    /// Ends a call of the rule `source`, when all its rows have [passed](Guards::pass) or are
    /// [settled](Guards::settle). Rows in fallback of cells for which `is_there` is false are
    /// forgotten.
    ///
    /// # Errors
    /// E-CLAMP where too much of what the model wrote until now had to be put back into range.
    pub fn close(
        &mut self,
        guard: Option<usize>,
        source: &str,
        time: f64,
        is_there: impl Fn(u64) -> bool,
    ) -> Result<(), String> {
        let Some(guard) = guard.map(|guard| &mut self.all[guard]) else {
            return Ok(());
        };
        let gone = |who: &Who| !is_there(who.0) || who.1.is_some_and(|b| !is_there(b));
        guard.held.retain(|who, _| !gone(who));
        guard.judge(source, time)
    }

    /// The range of what a learned rule may write.
    pub fn limits(&self, (guard, write): (usize, usize)) -> [f64; 2] {
        self.all[guard].limits.0[write]
    }

    /// Counts changes by a learned rule that were written, and those that led out of the range.
    pub fn count(&mut self, guard: usize, written: u64, clamped: u64) {
        let ledger = &mut self.all[guard].ledger;
        ledger.written += written;
        ledger.clamped += clamped;
    }

    /// The ledgers, in the order of the scenario, each with the share that is called too much.
    pub fn ledgers(&self) -> impl Iterator<Item = (&Ledger, f64)> {
        let guards = self.all.iter();
        guards.map(|guard| (&guard.ledger, guard.learned.adoption.max_fallback))
    }

    /// What writers may see: for each learned rule, the rows on which its guard fired since the
    /// last frame.
    pub fn firings(&self) -> &[Firing] {
        &self.firings
    }

    /// Forgets the rows that writers have seen.
    pub fn forget(&mut self) {
        for firing in &mut self.firings {
            firing.rows.clear();
        }
    }
}

/// What a restart needs of the guards.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct State<'a> {
    /// `[guard]`.
    all: Vec<Watched<'a>>,
    /// `[firing]`: rows since the last frame.
    firings: Vec<Cow<'a, [Row]>>,
}

/// A guard: the rule's name, rows in fallback, the ledger.
type Watched<'a> = (Cow<'a, str>, Cow<'a, BTreeMap<Who, u32>>, Counts<'a>);

impl Guards {
    /// All that their future depends on, and what nobody has been shown yet.
    pub fn state(&self) -> State<'_> {
        let guards = self.all.iter();
        let firings = self.firings.iter();
        State {
            all: guards
                .map(|guard| {
                    let name = Cow::Borrowed(guard.ledger.name.as_str());
                    (name, Cow::Borrowed(&guard.held), guard.ledger.counts())
                })
                .collect(),
            firings: firings.map(|firing| Cow::Borrowed(&*firing.rows)).collect(),
        }
    }

    /// Takes on the state of the guards of the same rules.
    pub fn restore(&mut self, state: State<'_>) {
        for (guard, (_, held, counts)) in self.all.iter_mut().zip(state.all) {
            guard.held = held.into_owned();
            guard.ledger.restore(counts);
        }
        for (firing, rows) in self.firings.iter_mut().zip(state.firings) {
            firing.rows = rows.into_owned();
        }
    }

    /// Takes on which rows are in fallback, by the names of the rules.
    pub fn hold(&mut self, state: State<'_>) {
        for (name, held, _) in state.all {
            let mut guards = self.all.iter_mut();
            if let Some(guard) = guards.find(|guard| guard.ledger.name == name) {
                guard.held = held.into_owned();
            }
        }
    }
}

/// The guard of one learned rule.
struct Guard {
    learned: Learned,
    member: f64,
    /// By write: whether it is a latent state.
    latent: Vec<bool>,
    /// By write: whether it sets a number, and neither changes nor only records one.
    sets: Vec<bool>,
    limits: Limits,
    /// Rows in fallback: for how many calls in a row they have been inside.
    held: BTreeMap<Who, u32>,
    ledger: Ledger,
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// Only mechanistic rules speak of the dead.
    Dead,
    /// The mode decides; the gate is open this far.
    Inside(f64),
    /// The mechanistic rules act.
    Fallback,
}

impl Guard {
    fn new(learned: Learned, signature: &Signature, plan: &Plan) -> Guard {
        let vocabulary = &plan.table.vocabulary;
        let scenario = &plan.scenario;
        // In the order of names, so that it does not depend on where in the file the model stands.
        let before = |name: &str| normal(name) < normal(&signature.source);
        let who = scenario
            .rules
            .iter()
            .filter(|rule| before(&rule.name))
            .count() as u64;
        let draws = Purpose::Member.draws(scenario.seed);
        let is_latent = |write| is_latent(write, vocabulary);
        Guard {
            member: draws.uniform(who, 0, 0),
            latent: signature.writes.iter().map(is_latent).collect(),
            sets: (signature.writes.iter())
                .map(|write| !matches!(write.kind, Kind::Readout | Kind::Delta { .. }))
                .collect(),
            limits: Limits::new(signature, plan),
            held: BTreeMap::new(),
            ledger: Ledger::new(&learned, signature, plan),
            learned,
        }
    }

    fn pass(&mut self, kinds: &[u16], outputs: &Outputs) {
        for kinds in kinds.chunk_by(|one, next| one == next) {
            self.ledger.inside(kinds[0], kinds.len() as u64);
        }
        self.ledger.inputs_clamped += outputs.clamped;
        // Changes are counted when they have been added.
        let sets = self.sets.iter().filter(|is_set| **is_set).count();
        self.ledger.written += (sets * kinds.len()) as u64;
    }

    fn settle(
        &mut self,
        call: &Call<'_>,
        outputs: &mut Outputs,
        clamps: &mut Clamps,
        log: Option<&mut Firing>,
    ) -> Result<(), String> {
        if let Some((count, row, reason)) = self.learned.unsure(outputs) {
            let inputs = self.learned.listed(call.signature, call.batch, row);
            return Err(failure(call, count, row, &format!("{reason}; {inputs}")));
        }
        let fates = self.fates(call, outputs, log)?;
        self.ledger.inputs_clamped += outputs.clamped;
        let failed: Vec<usize> = outputs.failed.iter().map(|(row, _)| *row).collect();
        for (write, column) in outputs.columns.iter_mut().enumerate() {
            for &row in &failed {
                column[row] = f64::NAN;
            }
            let mechanistic = outputs.mechanistic.get(write).map(Vec::as_slice);
            self.act(call, write, &fates, column, mechanistic, clamps);
        }
        Ok(())
    }

    fn judge(&self, source: &str, time: f64) -> Result<(), String> {
        let (written, clamped) = (self.ledger.written, self.ledger.clamped);
        let most = self.learned.adoption.max_clamped;
        if written >= ENOUGH && clamped as f64 > most * written as f64 {
            return Err(format!(
                "E-CLAMP: {clamped} of {written} numbers that model `{source}` wrote had to be put \
                 back into range until t = {time} min, more than max_clamped = {most}\n  \
                 look at what it reads, or choose mode \"shadow\""
            ));
        }
        Ok(())
    }

    /// What becomes of every row.
    fn fates(
        &mut self,
        call: &Call<'_>,
        outputs: &Outputs,
        mut log: Option<&mut Firing>,
    ) -> Result<Vec<Fate>, String> {
        let Call { batch, .. } = *call;
        let has_mechanistic = self.learned.has_mechanistic;
        let mut reasons = outputs.failed.iter().peekable();
        let mut fates = Vec::with_capacity(batch.rows);
        for row in 0..batch.rows {
            let mut reason = None;
            while let Some((_, text)) = reasons.next_if(|(failed, _)| *failed <= row) {
                reason = reason.or(Some(text.as_str()));
            }
            if batch.dead.get(row).copied().unwrap_or(false) {
                fates.push(Fate::Dead);
                continue;
            }
            let mut tiers = outputs.domain.get(row).copied().unwrap_or_default();
            if reason.is_some() {
                tiers.add(Tiers::NOT_FINITE);
            }
            let is_number = !tiers.has(Tiers::NOT_FINITE);
            let has_way_out = has_mechanistic && self.is_covered(outputs, row);
            if !is_number && !has_way_out {
                let reason = reason.unwrap_or("E-NONFINITE: no number comes out");
                return Err(failure(call, outputs.failed.len().max(1), row, reason));
            }
            let fires = !tiers.is_inside();
            if self.learned.guard == Policy::Error && tiers != Tiers::NOT_FINITE && fires {
                let count = outputs.domain.iter().filter(|it| !it.is_inside()).count();
                let reason = format!(
                    "E-DOMAIN: {}{}",
                    names(tiers),
                    self.strange(call, row, tiers)
                );
                return Err(failure(call, count, row, &reason));
            }
            let falls =
                fires && has_mechanistic && (self.learned.guard == Policy::Fallback || !is_number);
            let is_held = self.hold(call.who[row], falls);
            let kind = batch.types.get(row).copied().unwrap_or(0);
            self.ledger.row(kind, tiers, is_held);
            if fires && let Some(log) = &mut log {
                log.rows
                    .push(self.fired(call, outputs, row, tiers, is_held));
            }
            fates.push(match (is_held, fires) {
                (true, _) => Fate::Fallback,
                (false, true) => Fate::Inside(0.0),
                (false, false) => Fate::Inside(outputs.gate.get(row).map_or(1.0, |gate| *gate)),
            });
        }
        Ok(fates)
    }

    /// Whether the mechanistic rules have a number for all that a row's model would set.
    fn is_covered(&self, outputs: &Outputs, row: usize) -> bool {
        let covered = |(write, column): (usize, &Vec<f64>)| {
            column[row].is_finite() || !self.ledger.is_set(write)
        };
        outputs.mechanistic.iter().enumerate().all(covered)
    }

    /// Whether the mechanistic rules act on a row, which falls back now or may have done so before.
    /// The model acts again in the `return_after`th call in a row that finds it inside.
    fn hold(&mut self, who: Who, falls: bool) -> bool {
        if falls {
            self.held.insert(who, 0);
            return true;
        }
        let Some(inside) = self.held.get_mut(&who) else {
            return false;
        };
        *inside += 1;
        let is_back = *inside >= self.learned.adoption.return_after;
        if is_back {
            self.held.remove(&who);
        }
        !is_back
    }

    /// Turns a column of what the model says into what is to be written.
    fn act(
        &mut self,
        call: &Call<'_>,
        write: usize,
        fates: &[Fate],
        column: &mut [f64],
        mechanistic: Option<&[f64]>,
        clamps: &mut Clamps,
    ) {
        let to = &call.signature.writes[write];
        if to.kind == Kind::Readout {
            for (value, fate) in column.iter_mut().zip(fates) {
                if *fate == Fate::Dead {
                    *value = f64::NAN;
                }
            }
            return;
        }
        let how = self.learned.residuals.get(write);
        let how = how.copied().unwrap_or(Residual::None);
        let mode = self.learned.mode;
        let is_event = matches!(to.kind, Kind::Rate | Kind::Hit { .. });
        let is_change = matches!(to.kind, Kind::Delta { .. });
        for (row, (value, fate)) in column.iter_mut().zip(fates).enumerate() {
            let m = mechanistic.map_or(f64::NAN, |column| column[row]);
            let f = corrected(how, m, *value);
            *value = match (fate, mode) {
                (Fate::Dead, _) => m,
                // A memory that stood still would be stale when the model is to act again.
                (Fate::Fallback | Fate::Inside(_), _) if self.latent[write] => f,
                (Fate::Fallback, _) => m,
                (Fate::Inside(_), Mode::Replace | Mode::Residual | Mode::Delegate) => f,
                // Mechanistic rules that say nothing change nothing.
                (Fate::Inside(w), Mode::Gated) if is_change && m.is_nan() => w * f,
                (Fate::Inside(w), Mode::Gated) => mixed(is_event, *w, f, m),
                (Fate::Inside(_), Mode::Shadow) => {
                    // Mechanistic rules that say nothing change nothing.
                    let without = if is_change && m.is_nan() { 0.0 } else { m };
                    self.ledger.compare(write, f, without, call.signature.clock);
                    m
                }
            };
            // What the mechanistic rules say is theirs, and changes are held in range when they
            // have been added.
            if *fate == Fate::Dead || is_change || value.is_nan() || value.to_bits() == m.to_bits()
            {
                continue;
            }
            let kept = self.limits.keep(write, *value);
            self.ledger.written += 1;
            if kept != *value {
                self.ledger.clamped += 1;
                limits::count(&call.signature.subject, &to.target, *value, clamps);
                *value = kept;
            }
        }
    }

    /// A row on which the guard fired, for whoever writes it down.
    fn fired(
        &self,
        call: &Call<'_>,
        outputs: &Outputs,
        row: usize,
        tiers: Tiers,
        fallback: bool,
    ) -> Row {
        let batch = call.batch;
        let inputs = batch.signals.iter().zip(&self.learned.inputs);
        let is_failed = tiers.has(Tiers::NOT_FINITE);
        let said = |column: &Vec<f64>| if is_failed { f64::NAN } else { column[row] };
        Row {
            time: call.time,
            who: call.who[row],
            cell_type: batch.types.get(row).copied().unwrap_or(0),
            tiers: names(tiers),
            fallback,
            inputs: inputs
                .map(|(column, (.., factor))| column[row] * factor)
                .collect(),
            model: outputs.columns.iter().map(said).collect(),
            mechanistic: outputs.mechanistic.iter().map(|it| it[row]).collect(),
        }
    }

    /// The inputs that make a row strange; all of them, where no single one does.
    fn strange(&self, call: &Call<'_>, row: usize, tiers: Tiers) -> String {
        let Call {
            signature, batch, ..
        } = *call;
        match tiers.has(Tiers::BOX) {
            true => format!(": {}", self.learned.outside(signature, batch, row)),
            false => format!("; {}", self.learned.listed(signature, batch, row)),
        }
    }
}

/// The names of tiers.
fn names(tiers: Tiers) -> String {
    let has = Tiers::ALL.iter().filter(|(tier, _)| tiers.has(*tier));
    let names: Vec<&str> = has.map(|(_, name)| *name).collect();
    names.join(", ")
}

/// Why a run ends on a row.
fn failure(call: &Call<'_>, count: usize, row: usize, reason: &str) -> String {
    let who = match call.who[row] {
        (cell, None) => format!("cell {cell}"),
        (a, Some(b)) => format!("the pair of cell {a} and cell {b}"),
    };
    // Cells come in chunks, and those of later ones were not looked at.
    let more = match count {
        1 => String::new(),
        _ => format!(", the first of {count} or more"),
    };
    format!(
        "rule `{}` failed at t = {} min on {who}{more}: {reason}",
        call.signature.source, call.time,
    )
}
