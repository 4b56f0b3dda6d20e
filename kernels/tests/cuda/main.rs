//! What the device computes is what the CPU computes, bit for bit.
//!
//! Without a GPU the device is an emulated one: the same device code, compiled by g++, behind a
//! stand-in for the driver. With MILIEU_REQUIRE=cuda it is the machine's own, and its absence fails.

#![cfg(feature = "cuda")]

mod bodies;
mod emulator;
mod faults;
mod fields;
mod shipped;
mod tissue;

use std::{path::PathBuf, sync::OnceLock};

use kernels::cuda::Device;
use kernels::random::{Draws, Sequence};

/// Names another library in the place of the emulated driver that this test builds.
const LIBRARY: &str = "EMULATED_LIBRARY";

fn requires_a_gpu() -> bool {
    std::env::var("MILIEU_REQUIRE").is_ok_and(|it| it.split(',').any(|it| it == "cuda"))
}

/// The emulated driver, loaded under the name by which the real one is looked for.
fn library() -> Option<&'static PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let path = BUILT.get_or_init(|| {
        let path = match std::env::var_os(LIBRARY) {
            Some(path) => path.into(),
            None => emulator::build("emulator", &[])?,
        };
        // SAFETY: it is ours, and does nothing when it is loaded. It stays for good.
        std::mem::forget(unsafe { libloading::Library::new(&path) }.unwrap());
        Some(path)
    });
    path.as_ref()
}

fn device() -> Option<Device> {
    if !requires_a_gpu() {
        library()?;
    }
    let device = Device::new(0).unwrap_or_else(|error| panic!("{error}"));
    println!("on {}", device.name().unwrap());
    Some(device)
}

/// Numbers at random, of one seed.
struct Random(Sequence);

impl Random {
    fn new(seed: u64) -> Random {
        Random(Sequence::new(Draws { seed, purpose: 0 }, 0))
    }

    fn uniform(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.0.uniform()
    }

    fn below(&mut self, count: usize) -> usize {
        ((self.0.uniform() * count as f64) as usize).min(count - 1)
    }
}
