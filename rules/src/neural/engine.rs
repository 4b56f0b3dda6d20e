//! What multiplies the matrices: a small face with two engines behind it, and the batching that
//! makes their answers independent of threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::{Fault, fault};
use crate::Engine;

/// Rows of one call of an engine. Chunks are cut at whole multiples of it whatever the threads,
/// so that a row's neighbors, and with them its rounding, are a function of the batch alone.
pub const CHUNK: usize = 1024;

/// Fewest rows of one call: shorter batches are filled up with copies of their last row, because
/// engines multiply a few rows by other means, and with other rounding, than many.
pub const FEWEST: usize = 16;

/// Numbers going in: row-major.
#[derive(Debug, Clone, Copy)]
pub struct Feed<'a> {
    /// The input's name.
    pub name: &'a str,
    /// `[rows, width]`; `[1]` for `dt`; `[edges]` and `[nodes]` for what a graph is made of.
    pub shape: &'a [usize],
    /// As many numbers as the shape says.
    pub data: Data<'a>,
}

/// The numbers of a [`Feed`], by the type the model declares.
#[derive(Debug, Clone, Copy)]
pub enum Data<'a> {
    /// `float32`: signals, latent states, noise, `dt`.
    Floats(&'a [f32]),
    /// `int64`: the ends of edges.
    Ints(&'a [i64]),
    /// `bool`: which nodes are acted on.
    Bools(&'a [bool]),
}

/// Numbers coming out: row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// As many numbers as the shape says.
    pub data: Vec<f32>,
}

/// A model, ready to run.
pub trait Session: Send + Sync {
    /// Computes the outputs named, in that order. Must give the same bits for the same inputs.
    ///
    /// # Errors
    /// The engine's own words.
    fn run(&self, feeds: &[Feed<'_>], outputs: &[String]) -> Result<Vec<Tensor>, String>;

    /// Name and version of the engine.
    fn engine(&self) -> String;
}

/// Opens a model with an engine.
///
/// # Errors
/// The engine's own words, or why the library cannot be had.
pub fn open(engine: &Engine, model: &[u8]) -> Result<Box<dyn Session>, String> {
    guarded(|| match engine {
        Engine::Embedded => super::rten::open(model),
        Engine::OnnxRuntime(Some(library)) => super::ort::open(library, model),
        Engine::OnnxRuntime(None) => {
            let library = find_onnx_runtime().ok_or(
                "the engine `onnxruntime` is the library that the environment variable \
                 ORT_DYLIB_PATH names, and it is not set; set ORT_DYLIB_PATH, or name the \
                 library: engine = \"/path/libonnxruntime.so\"",
            )?;
            super::ort::open(&library, model)
        }
    })
}

/// The ONNX Runtime library named by the environment variable `ORT_DYLIB_PATH`, if there is one.
pub fn find_onnx_runtime() -> Option<PathBuf> {
    std::env::var_os("ORT_DYLIB_PATH")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

/// Works on pieces on all threads of rayon's current pool, each on the thread that its engine
/// computes on, so that no call is handed over; the answers, in the order of the pieces. `start`
/// gives a thread what it works with.
pub fn spread<P: Send, S, T: Send>(
    pieces: Vec<P>,
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, P) -> T + Sync,
) -> Vec<T> {
    let next = Mutex::new(pieces.into_iter().enumerate());
    let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let thread = || {
        let mut state = start();
        let mut done = Vec::new();
        while let Some((at, piece)) = take() {
            done.push((at, work(&mut state, piece)));
        }
        done
    };
    let done = rayon::broadcast(|_| super::rten::inside(thread));
    let mut done: Vec<(usize, T)> = done.into_iter().flatten().collect();
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}

/// Turns a panic of an engine, which a hostile model may provoke, into an error.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!(
            "the engine gave up: {}",
            text.unwrap_or("no reason given")
        ))
    })
}

/// A tensor's name and its width.
pub type Column = (String, usize);

/// A session that answers rows.
pub struct Rows {
    session: Box<dyn Session>,
    /// Input tensors with a row axis.
    pub inputs: Vec<Column>,
    /// Whether the graph reads `dt`.
    pub reads_dt: bool,
    /// Output tensors.
    pub outputs: Vec<Column>,
    names: Vec<String>,
}

impl Rows {
    /// A session with the tensors it reads and writes.
    pub fn new(
        session: Box<dyn Session>,
        inputs: Vec<Column>,
        reads_dt: bool,
        outputs: Vec<Column>,
    ) -> Rows {
        let names = outputs.iter().map(|(name, _)| name.clone()).collect();
        Rows {
            session,
            inputs,
            reads_dt,
            outputs,
            names,
        }
    }

    /// Name and version of the engine.
    pub fn engine(&self) -> String {
        self.session.engine()
    }

    /// Computes `rows` rows. `fill(first, count, tensors)` writes the inputs of the rows
    /// `first..first + count`, row-major, a vector for each of [`Rows::inputs`]; the answer is
    /// [chunk][output tensor] row-major. Several chunks run on the threads of rayon's current pool,
    /// the global one unless the caller is inside another; a single one is the caller's.
    ///
    /// # Errors
    /// E-ENGINE with the engine's own words, or E-SHAPE for an output of another shape than promised.
    pub fn run(
        &self,
        rows: usize,
        dt: f32,
        fill: impl Fn(usize, usize, &mut [Vec<f32>]) + Sync,
    ) -> Result<Vec<Vec<Vec<f32>>>, Fault> {
        let chunk = |at: usize| {
            let first = at * CHUNK;
            let count = CHUNK.min(rows - first);
            let mut tensors: Vec<Vec<f32>> = self
                .inputs
                .iter()
                .map(|(_, width)| Vec::with_capacity(count.max(FEWEST) * width))
                .collect();
            fill(first, count, &mut tensors);
            self.call(count, dt, &mut tensors)
        };
        match rows.div_ceil(CHUNK) {
            0 => Ok(Vec::new()),
            1 => Ok(vec![chunk(0)?]),
            chunks => spread((0..chunks).collect(), || (), |(), at| chunk(at))
                .into_iter()
                .collect(),
        }
    }

    /// Computes rows that stand in row-major tensors, and returns whole tensors.
    ///
    /// # Errors
    /// See [`Rows::run`].
    pub fn run_tensors(
        &self,
        rows: usize,
        dt: f32,
        tensors: &[Vec<f32>],
    ) -> Result<Vec<Vec<f32>>, Fault> {
        let chunks = self.run(rows, dt, |first, count, out| {
            for ((out, from), (_, width)) in out.iter_mut().zip(tensors).zip(&self.inputs) {
                out.extend_from_slice(&from[first * width..(first + count) * width]);
            }
        })?;
        let mut whole = vec![Vec::new(); self.outputs.len()];
        for chunk in chunks {
            for (whole, part) in whole.iter_mut().zip(chunk) {
                whole.extend(part);
            }
        }
        Ok(whole)
    }

    /// Computes at most [`CHUNK`] rows in one call of the engine: row-major tensors, in the order
    /// of [`Rows::inputs`] and [`Rows::outputs`].
    ///
    /// # Errors
    /// See [`Rows::run`].
    pub fn call(
        &self,
        count: usize,
        dt: f32,
        tensors: &mut [Vec<f32>],
    ) -> Result<Vec<Vec<f32>>, Fault> {
        let rows = count.max(FEWEST);
        for (tensor, (_, width)) in tensors.iter_mut().zip(&self.inputs) {
            for _ in count..rows {
                tensor.extend_from_within(tensor.len() - width..);
            }
        }
        let shapes: Vec<[usize; 2]> = self
            .inputs
            .iter()
            .map(|(_, width)| [rows, *width])
            .collect();
        let mut feeds: Vec<Feed<'_>> = self
            .inputs
            .iter()
            .zip(&shapes)
            .zip(tensors.iter())
            .map(|(((name, _), shape), data)| Feed {
                name,
                shape,
                data: Data::Floats(data),
            })
            .collect();
        let dt = [dt];
        if self.reads_dt {
            feeds.push(Feed {
                name: "dt",
                shape: &[1],
                data: Data::Floats(&dt),
            });
        }
        let made = guarded(|| self.session.run(&feeds, &self.names))
            .map_err(|error| fault("E-ENGINE", error))?;
        let mut answer = Vec::with_capacity(made.len());
        for (mut tensor, (name, width)) in made.into_iter().zip(&self.outputs) {
            if tensor.shape != [rows, *width] {
                return Err(fault(
                    "E-SHAPE",
                    format!(
                        "output `{name}` has the shape {:?}, expected [{rows}, {width}] for {rows} rows",
                        tensor.shape
                    ),
                ));
            }
            tensor.data.truncate(count * width);
            answer.push(tensor.data);
        }
        Ok(answer)
    }
}
