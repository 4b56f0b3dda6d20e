//! Memory: bytes per voxel of a substrate, and per cell under twenty rules on twenty behaviors,
//! everything included but the voxels that come with the cells, at the first figure. Each size runs in a process of its own; a figure is the difference of two
//! of them, of what is resident at the end and of the peak, over the difference of their sizes.
//! `-- --test` takes small sizes, `-- --large` a million cells.

use std::{env, fs, process::Command};

use sim::bench::scenes;

/// What a child measures.
const CELLS: &str = "cells";
const VOXELS: &str = "voxels";

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, what, size] = &arguments[..]
        && (what == CELLS || what == VOXELS)
    {
        return measure(what, size.parse().expect("a size is a whole number"));
    }
    if !cfg!(target_os = "linux") {
        return eprintln!("skipped: what a process holds is read from /proc, which only Linux has");
    }
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let (cells, edges) = match (has("--test"), has("--large")) {
        (true, _) => ([1_000, 2_000], [10, 20]),
        (_, true) => ([100_000, 1_000_000], [100, 200]),
        _ => ([100_000, 200_000], [100, 200]),
    };
    let mut of_a_voxel = [0.0; 2];
    for (what, sizes) in [(VOXELS, edges), (CELLS, cells)] {
        let [small, large] = sizes.map(|size| child(what, size));
        let (count, voxels) = (large[0] - small[0], large[3] - small[3]);
        let [resident, peak] = [0, 1].map(|of| {
            let bytes = large[1 + of] - small[1 + of];
            (bytes - voxels * of_a_voxel[of]) / count
        });
        if what == VOXELS {
            of_a_voxel = [resident, peak];
        }
        let of = match what {
            CELLS => "per cell",
            _ => "per voxel and substrate",
        };
        println!("{of}: {resident:.0} B resident, {peak:.0} B at the peak, from {sizes:?}");
    }
}

/// How many there were, bytes resident and at the peak, and voxels times substrates beside, of a
/// process with a tissue of this size.
fn child(what: &str, size: usize) -> [f64; 4] {
    let program = env::current_exe().expect("a running program has a file");
    let output = Command::new(program)
        .args([what, &size.to_string()])
        .output();
    let output = output.expect("the program starts again");
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().flat_map(str::parse).collect();
    numbers.try_into().unwrap_or_else(|_| {
        panic!(
            "{what} {size}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn measure(what: &str, size: usize) {
    let simulation = match what {
        CELLS => scenes::ruled(size, 1),
        _ => scenes::field(size, 1),
    };
    let mut simulation = simulation.unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..3 * simulation.plan().scenario.clocks.phenotype_ticks().min(3) {
        simulation.step().unwrap_or_else(|error| panic!("{error}"));
        simulation.forget_events();
    }
    let voxels = simulation.tissue().densities().len();
    let (count, beside) = match what {
        CELLS => (simulation.cells(), voxels),
        _ => (voxels, 0),
    };
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let bytes = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        1024.0 * kilobytes.expect("Linux tells in kB")
    };
    println!("{count} {} {} {beside}", bytes("VmRSS"), bytes("VmHWM"));
}
