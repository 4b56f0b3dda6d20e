//! From columns of signals to columns of written numbers, a chunk of rows at a time.

use std::cell::Cell;
use std::ops::Range;

use rayon::prelude::*;

use super::super::Fault;
use super::super::answers::Answers;
use super::super::bind::Answer;
use super::super::columns::{Answered, Column, all_finite, converted, part, turn};
use super::super::compute::Compute;
use super::super::convert::Convert;
use super::super::engine::{CHUNK, Rows};
use super::super::graph::{Ask, edges};
use super::Model;
use crate::{Batch, Guard, Outputs, Side, Tiers, Uncertainty};

thread_local! {
    /// Where a thread fills in inputs, kept so that it need not be allocated for every chunk.
    static TENSORS: Cell<Vec<Vec<f32>>> = const { Cell::new(Vec::new()) };
}

/// The part of the outputs that belongs to a chunk.
struct Piece<'a> {
    /// `[write][row]`.
    columns: Vec<&'a mut [f64]>,
    domain: &'a mut [Tiers],
    /// Empty without a gate.
    gate: &'a mut [f64],
}

/// Rows that failed, with the reason.
type Failed = Vec<(usize, String)>;

impl Model {
    /// Evaluates the model once for the whole batch.
    pub(super) fn evaluate(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Fault> {
        if self.is_graph() {
            edges::check(&batch.edges, batch.rows)?;
        }
        out.domain.clear();
        out.domain.resize(batch.rows, Tiers::default());
        if self.learned.guard == Guard::ClampInputs {
            out.clamped += self.clamped(batch);
        }
        if self.gate.is_some() {
            out.gate.resize(batch.rows, 0.0);
        }
        let mut failed = std::mem::take(&mut out.failed);
        let range = |at: usize| at * CHUNK..batch.rows.min((at + 1) * CHUNK);
        let done: Vec<Failed> = match &self.compute {
            Compute::Rows(rows) => {
                let pieces = pieces(out, batch.rows).into_iter().enumerate();
                let chunk = |(at, mut piece): (usize, Piece<'_>)| {
                    self.chunk(rows, batch, range(at), &mut piece)
                };
                // A single chunk is the caller's; several run on the threads of rayon's current pool.
                match pieces.len() {
                    1 => pieces.map(chunk).collect::<Result<_, Fault>>()?,
                    _ => {
                        let pieces: Vec<_> = pieces.collect();
                        let done: Vec<Result<Failed, Fault>> =
                            pieces.into_par_iter().map(chunk).collect();
                        // The first fault in the order of rows, whichever thread met one first.
                        done.into_iter().collect::<Result<_, Fault>>()?
                    }
                }
            }
            graph => {
                let (made, is_whole) = self.graph(graph, batch, &mut out.domain)?;
                let pieces = pieces(out, batch.rows).into_iter().enumerate();
                let chunk = |(at, mut piece): (usize, Piece<'_>)| {
                    self.write(
                        batch,
                        range(at),
                        &made[at],
                        &is_whole[range(at)],
                        &mut piece,
                    )
                };
                pieces.map(chunk).collect::<Result<_, Fault>>()?
            }
        };
        failed.extend(done.into_iter().flatten());
        out.failed = failed;
        Ok(())
    }

    /// How many inputs of live rows are put back into the ranges trained on.
    fn clamped(&self, batch: &Batch<'_>) -> u64 {
        let columns = batch.signals.iter().zip(&self.bound.into_model);
        let reads = &self.bound.signature.reads;
        let mut count = 0;
        for (((column, factor), range), read) in columns.zip(&self.domain.ranges).zip(reads) {
            let Some((lo, hi)) = *range else { continue };
            // Edges are not numbered as nodes are.
            let is_edge = self.is_graph() && read.side == Side::Pair;
            for (row, value) in column.iter().enumerate() {
                let value = value * factor;
                let is_left_out = !is_edge && is_dead(batch, row);
                count += u64::from(!is_left_out && (value < lo || value > hi));
            }
        }
        count
    }

    /// Marks the nodes with an edge that leads to them and has an input outside its range.
    fn edge_boxes(&self, batch: &Batch<'_>, domain: &mut [Tiers]) {
        let reads = self.bound.signature.reads.iter().map(|read| read.side);
        let of_edges = reads.zip(0..self.domain.boxes.len());
        for (side, read) in of_edges.filter(|(side, _)| *side != Side::Cell) {
            for (edge, &to) in batch.edges.to.iter().enumerate() {
                let value = batch.signals[read][end(batch, side, edge)];
                domain[to as usize].add(self.tier(read, value));
            }
        }
    }

    /// Whether an input lies outside its range.
    fn tier(&self, read: usize, value: f64) -> Tiers {
        let value = value * self.bound.into_model[read];
        match self.domain.boxes[read] {
            Some((lo, hi)) if value < lo || value > hi => Tiers::BOX,
            _ => Tiers::default(),
        }
    }

    /// Turns `tensor` into the columns of one tensor for some rows, row-major, in the model's units,
    /// and marks rows with an input outside its range. Whether all are numbers that are inside.
    fn tensor(
        &self,
        batch: &Batch<'_>,
        reads: &[usize],
        rows: &Range<usize>,
        tensor: &mut Vec<f32>,
        domain: &mut [Tiers],
    ) -> bool {
        // What is inside is finite in single precision too.
        let finite = (f64::from(f32::MIN), f64::from(f32::MAX));
        let column = |&read: &usize| {
            let (lo, hi) = self.domain.boxes[read].unwrap_or(finite);
            Column {
                values: &batch.signals[read][rows.clone()],
                factor: self.bound.into_model[read],
                expected: (lo.max(finite.0), hi.min(finite.1)),
                range: self.put_back(read),
            }
        };
        let columns: Vec<Column<'_>> = reads.iter().map(column).collect();
        let mut strays = Vec::new();
        tensor.resize(rows.len() * columns.len(), 0.0);
        turn(&columns, tensor, &mut strays);
        for &stray in &strays {
            for (tiers, &value) in domain.iter_mut().zip(columns[stray].values) {
                tiers.add(self.tier(reads[stray], value));
            }
        }
        strays.is_empty()
    }

    /// The range that an input is put back into.
    fn put_back(&self, read: usize) -> Option<(f64, f64)> {
        let is_clamped = self.learned.guard == Guard::ClampInputs;
        self.domain.ranges[read].filter(|_| is_clamped)
    }

    /// The inputs of an edge that stand side by side in one tensor.
    fn edge<'a>(
        &'a self,
        batch: &'a Batch<'_>,
        columns: &'a [usize],
        edge: usize,
    ) -> impl Iterator<Item = f32> + 'a {
        columns.iter().map(move |&read| {
            let side = self.bound.signature.reads[read].side;
            let value = batch.signals[read][end(batch, side, edge)];
            converted(value, self.bound.into_model[read], self.put_back(read))
        })
    }

    /// Turns `tensors` into the inputs of some rows, row-major, marks those outside their ranges in
    /// `domain`, and says whether each row is whole: one with an input that is no number enters as
    /// zeros, so that nothing of it can reach the others.
    fn fill(
        &self,
        batch: &Batch<'_>,
        rows: Range<usize>,
        tensors: &mut [Vec<f32>],
        domain: &mut [Tiers],
    ) -> Vec<bool> {
        let mut is_whole = vec![true; rows.len()];
        let lanes = self.spec.lanes();
        let inputs = self.layout.iter().zip(&self.row_tensors);
        let mut is_inside = true;
        for ((columns, (name, _)), tensor) in inputs.zip(tensors.iter_mut()) {
            is_inside &= match name.as_str() {
                "noise" => {
                    tensor.clear();
                    tensor.extend_from_slice(&batch.noise[rows.start * lanes..rows.end * lanes]);
                    all_finite(tensor)
                }
                _ => self.tensor(batch, columns, &rows, tensor, domain),
            }
        }
        if is_inside || tensors.iter().all(|tensor| all_finite(tensor)) {
            return is_whole;
        }
        for (tensor, (_, width)) in tensors.iter().zip(&self.row_tensors) {
            for (is_whole, row) in is_whole.iter_mut().zip(tensor.chunks_exact(*width)) {
                *is_whole &= all_finite(row);
            }
        }
        for (tensor, (_, width)) in tensors.iter_mut().zip(&self.row_tensors) {
            for (is_whole, row) in is_whole.iter().zip(tensor.chunks_exact_mut(*width)) {
                if !is_whole {
                    row.fill(0.0);
                }
            }
        }
        is_whole
    }

    fn chunk(
        &self,
        compute: &Rows,
        batch: &Batch<'_>,
        rows: Range<usize>,
        out: &mut Piece<'_>,
    ) -> Result<Failed, Fault> {
        // A thread that waits for an engine may be given another chunk, so it holds on to none.
        let mut tensors = TENSORS.take();
        tensors.resize_with(self.row_tensors.len(), Vec::new);
        let is_whole = self.fill(batch, rows.clone(), &mut tensors, out.domain);
        let made = compute.call(rows.len(), batch.dt as f32, &mut tensors);
        TENSORS.set(tensors);
        self.write(batch, rows, &made?, &is_whole, out)
    }

    /// All nodes of a graph: [chunk][output tensor], and for each node whether it is whole. One is
    /// not if itself, an edge that leads to it, or whoever it hears of has an input that is no
    /// number, or if the messages it receives are none. Nodes and edges with such an input enter as
    /// zeros, so that nothing of them can reach the others.
    #[expect(clippy::type_complexity, reason = "what the engines' chunks are")]
    fn graph(
        &self,
        compute: &Compute,
        batch: &Batch<'_>,
        domain: &mut [Tiers],
    ) -> Result<(Vec<Vec<Vec<f32>>>, Vec<bool>), Fault> {
        self.edge_boxes(batch, domain);
        let active: Vec<bool> = (0..batch.rows).map(|row| !is_dead(batch, row)).collect();
        let mut of_nodes = vec![Vec::new(); self.row_tensors.len()];
        let is_whole = self.fill(batch, 0..batch.rows, &mut of_nodes, domain);
        let is_whole_edge = |edge: usize| {
            let mut tensors = self.edge_layout.iter();
            tensors.all(|columns| self.edge(batch, columns, edge).all(f32::is_finite))
        };
        let edges = 0..batch.edges.to.len();
        let whole_edges: Vec<bool> = edges.clone().into_par_iter().map(is_whole_edge).collect();
        let fill_nodes = |first: usize, count: usize, tensors: &mut [Vec<f32>]| {
            let own = tensors.iter_mut().zip(&of_nodes).zip(&self.row_tensors);
            for ((tensor, all), (_, width)) in own {
                tensor.extend_from_slice(&all[first * width..(first + count) * width]);
            }
        };
        let fill_edges = |first: usize, count: usize, tensors: &mut [Vec<f32>]| {
            for (tensor, columns) in tensors.iter_mut().zip(&self.edge_layout) {
                for edge in first..first + count {
                    let keep = |value: f32| if whole_edges[edge] { value } else { 0.0 };
                    tensor.extend(self.edge(batch, columns, edge).map(keep));
                }
            }
        };
        let ask = Ask {
            nodes: batch.rows,
            edges: batch.edges,
            active: &active,
            dt: batch.dt as f32,
            fill_nodes: &fill_nodes,
            fill_edges: &fill_edges,
        };
        let answer = match compute {
            Compute::Halves(halves) => halves.run(&ask)?,
            Compute::Whole(whole) => whole.run(&ask)?,
            Compute::Rows(_) => unreachable!("rows are computed by chunks"),
        };
        let mut spoiled: Vec<bool> = is_whole.iter().map(|is| !is).collect();
        for edge in edges.filter(|&edge| !whole_edges[edge]) {
            spoiled[batch.edges.to[edge] as usize] = true;
        }
        if matches!(compute, Compute::Whole(_)) && spoiled.contains(&true) {
            spoiled = edges::spread(&spoiled, &batch.edges, self.spec.hops.unwrap_or(1));
        }
        let whole = spoiled
            .iter()
            .zip(&answer.lost)
            .map(|(spoiled, lost)| !(spoiled | lost));
        Ok((answer.chunks, whole.collect()))
    }

    /// What the tensors of a chunk write.
    fn write(
        &self,
        batch: &Batch<'_>,
        rows: Range<usize>,
        made: &[Vec<f32>],
        is_whole: &[bool],
        out: &mut Piece<'_>,
    ) -> Result<Failed, Fault> {
        let is_sound = !is_whole.contains(&false) && made.iter().all(|tensor| all_finite(tensor));
        let by_column = |answer: &Answer| match (&answer.convert, &answer.sure) {
            (Convert::Factor(factor), None) => Some(*factor),
            _ => None,
        };
        let mut answers = self.bound.answers.iter();
        let needs_rows = self.domain.score.is_some()
            || self.gate.is_some()
            || answers.any(|answer| by_column(answer).is_none());
        if needs_rows {
            // Of the dead nothing is said.
            out.columns.iter_mut().for_each(|column| column.fill(0.0));
        }
        // The common kind by columns; the rest row by row.
        for (number, tensor) in made.iter().enumerate() {
            let answered = |(write, values)| {
                let mut answers = self.bound.answers.iter();
                let answer =
                    answers.find(|answer| answer.tensor == number && answer.first == write)?;
                Some(Answered {
                    column: answer.col,
                    factor: by_column(answer)?,
                    values,
                })
            };
            let columns = out.columns.iter_mut().map(|column| &mut **column);
            let mut answered: Vec<_> = columns.enumerate().filter_map(answered).collect();
            part(tensor, self.widths[number], &mut answered);
        }
        let mut failed = Failed::new();
        if is_sound && !needs_rows {
            return Ok(failed);
        }
        let mut values = Vec::new();
        for (at, row) in rows.enumerate() {
            // Nothing is written to the dead, so nothing of theirs can fail.
            if is_dead(batch, row) {
                continue;
            }
            let answers = Answers::new(made, &self.widths, at);
            let said = match is_whole[at] {
                true => self.row(batch, row, at, &answers, &mut values, out)?,
                false if self.is_graph() => Err(
                    "E-NONFINITE: an input of the node, or of what it hears of, is not a number"
                        .into(),
                ),
                false => Err("E-NONFINITE: an input is not a number".into()),
            };
            if let Err(reason) = said {
                for column in &mut out.columns {
                    column[at] = f64::NAN;
                }
                out.domain[at].add(Tiers::NOT_FINITE);
                failed.push((row, format!("{reason}; {}", self.inputs(batch, row))));
            }
        }
        Ok(failed)
    }

    /// What one row says; the inner error fails the row, the outer one the run.
    fn row(
        &self,
        batch: &Batch<'_>,
        row: usize,
        at: usize,
        answers: &Answers<'_>,
        values: &mut Vec<f64>,
        out: &mut Piece<'_>,
    ) -> Result<Result<(), String>, Fault> {
        if let Some((tensor, calibration)) = &self.domain.score {
            let score = answers.number(*tensor, 0);
            if !score.is_finite() {
                return Ok(Err(format!(
                    "E-NONFINITE: the score of strangeness is {score}"
                )));
            }
            if calibration.is_outside(score) {
                out.domain[at].add(Tiers::SCORE);
            }
        }
        if let Some(tensor) = self.gate {
            let gate = answers.number(tensor, 0);
            if !(0.0..=1.0).contains(&gate) {
                return Ok(Err(format!("E-RANGE: the gate {gate} is not in [0, 1]")));
            }
            out.gate[at] = gate;
            if let Some(write) = self.bound.gate {
                out.columns[write][at] = gate;
            }
        }
        for number in 0..self.bound.answers.len() {
            if let Err(reason) = self.answer(number, batch, row, at, answers, values, out)? {
                let label = self.spec.outputs[number].label();
                return Ok(Err(format!("{reason} (output `{label}`)")));
            }
        }
        Ok(Ok(()))
    }

    fn answer(
        &self,
        number: usize,
        batch: &Batch<'_>,
        row: usize,
        at: usize,
        answers: &Answers<'_>,
        values: &mut Vec<f64>,
        out: &mut Piece<'_>,
    ) -> Result<Result<(), String>, Fault> {
        let answer = &self.bound.answers[number];
        values.clear();
        let columns = answer.col..answer.col + answer.width;
        values.extend(columns.map(|column| answers.number(answer.tensor, column)));
        if let Some(sure) = &answer.sure {
            let is_drawn = self.learned.adoption.uncertainty == Uncertainty::Propagate;
            let said = match sure.of_row(answers, values[0], is_drawn.then_some(batch.member)) {
                Ok(said) => said,
                Err(reason) => return Ok(Err(reason)),
            };
            values.truncate(1);
            values[0] = said.value;
            if sure.spread_max.is_some_and(|most| said.spread > most) {
                out.domain[at].add(Tiers::SPREAD);
            }
            if let Some(write) = sure.spread {
                out.columns[write][at] = said.spread;
            }
            if let Some(interval) = &sure.interval {
                let kind = batch.types.get(row).map_or(0, |kind| usize::from(*kind));
                out.columns[interval.write][at] = interval.half_width(&said, kind);
            }
        }
        let age = match answer.convert {
            Convert::TimeToEvent { age, .. } => batch.signals[age][row],
            _ => 0.0,
        };
        let columns = &mut out.columns;
        let write = |place: usize, value| columns[answer.first + place][at] = value;
        Ok(answer.convert.numbers(values, age, batch.dt, write))
    }
}

/// Where in its column stands what an edge reads of a side.
fn end(batch: &Batch<'_>, side: Side, edge: usize) -> usize {
    match side {
        Side::A => batch.edges.from[edge] as usize,
        Side::B => batch.edges.to[edge] as usize,
        _ => edge,
    }
}

fn is_dead(batch: &Batch<'_>, row: usize) -> bool {
    batch.dead.get(row).copied().unwrap_or(false)
}

fn pieces(out: &mut Outputs, rows: usize) -> Vec<Piece<'_>> {
    let mut gates = out.gate.chunks_mut(CHUNK);
    let mut columns: Vec<_> = out
        .columns
        .iter_mut()
        .map(|column| column.chunks_mut(CHUNK))
        .collect();
    let mut domains = out.domain.chunks_mut(CHUNK);
    let piece = |_| Piece {
        columns: columns.iter_mut().filter_map(Iterator::next).collect(),
        domain: domains.next().unwrap_or_default(),
        gate: gates.next().unwrap_or_default(),
    };
    (0..rows.div_ceil(CHUNK)).map(piece).collect()
}
