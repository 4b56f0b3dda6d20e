//! Threads: a handle to a pool, and loops over fixed pieces.
//!
//! A piece's size never depends on the number of threads, so neither do the bits of a result.

use std::sync::Arc;

use rayon::prelude::*;

use crate::Error;

/// A pool of threads for kernels. Cloning shares the threads.
#[derive(Clone, Debug)]
pub struct Pool {
    /// `None` for one thread: everything then runs on the caller, at no cost.
    workers: Option<Arc<rayon::ThreadPool>>,
}

impl Pool {
    /// A pool of `threads` ≥ 1 threads.
    ///
    /// # Errors
    /// [`Error::Threads`] for zero, or if the system refuses.
    pub fn new(threads: usize) -> Result<Pool, Error> {
        match threads {
            0 => Err(Error::Threads {
                threads,
                reason: "at least one is needed".into(),
            }),
            1 => Ok(Pool::serial()),
            _ => rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .map(|workers| Pool {
                    workers: Some(Arc::new(workers)),
                })
                .map_err(|error| Error::Threads {
                    threads,
                    reason: error.to_string(),
                }),
        }
    }

    /// The caller's own thread and no other.
    pub fn serial() -> Pool {
        Pool { workers: None }
    }

    /// How many threads work, ≥ 1.
    pub fn threads(&self) -> usize {
        self.workers
            .as_ref()
            .map_or(1, |workers| workers.current_num_threads())
    }

    /// Runs `work` with this pool as rayon's current one. On a serial pool it runs in place, and
    /// parallel iterators inside would reach rayon's global pool: prefer [`Pool::pieces`].
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.workers {
            Some(workers) => workers.install(work),
            None => work(),
        }
    }

    /// Calls `work(index, piece)` for each piece of `data` of `size` entries (the last may be
    /// shorter). `large` says whether the whole is worth waking the threads for.
    pub fn pieces<T: Send>(
        &self,
        data: &mut [T],
        size: usize,
        large: bool,
        work: impl Fn(usize, &mut [T]) + Sync + Send,
    ) {
        match &self.workers {
            Some(workers) if large => workers.install(|| {
                // One by one, or whoever is done first would watch the other finish a run of them.
                data.par_chunks_mut(size)
                    .enumerate()
                    .with_max_len(1)
                    .for_each(|(index, piece)| work(index, piece));
            }),
            _ => {
                for (index, piece) in data.chunks_mut(size).enumerate() {
                    work(index, piece);
                }
            }
        }
    }

    /// Sorts numbers; `large` as in [`Pool::pieces`].
    pub fn sort(&self, numbers: &mut [u64], large: bool) {
        match &self.workers {
            Some(workers) if large => workers.install(|| numbers.par_sort_unstable()),
            _ => numbers.sort_unstable(),
        }
    }
}
