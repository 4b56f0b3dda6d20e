//! Copying, and the kernels that memory limits: diffusion and exchange. On the pool's own threads, as
//! in a run, so that no call waits for one of them to wake first.

use std::time::Instant;

use kernels::{
    Grid, Pool,
    diffusion::{Boundary, Diffusion, Substrate},
    exchange::Exchange,
};

use super::{Extent, Figure, Tell, median};

/// Bytes that a step of diffusion moves per voxel and substrate: each plane once through the cache
/// for the sweeps along x and y, and once for that along z.
const DIFFUSION: f64 = 32.0;
/// Bytes that exchange moves per cell and substrate, where each cell has its voxel: a density read
/// and written, and the two numbers of its map.
const EXCHANGE: f64 = 32.0;

const ROUNDS: usize = 7;

/// The bandwidth of copying, read plus write.
pub fn copy(extent: Extent, tell: &mut Tell<'_>) -> Result<(), String> {
    let pool = pool(extent)?;
    let sizes: &[usize] = if extent.quick { &[1] } else { &[1, 256] };
    for &megabytes in sizes {
        let mut numbers = vec![1.0; megabytes * 2 * 1_000_000 / 8];
        let rounds = pool.run(|| {
            let rounds = (0..ROUNDS).map(|_| copied(&mut numbers, 256 / megabytes, &pool));
            rounds.collect()
        });
        tell(Figure {
            name: "copy",
            size: format!("{megabytes} MB"),
            figure: 1.0 / median(rounds),
            unit: "GB/s",
            limit: None,
            reached: None,
        })?;
    }
    Ok(())
}

/// Copies the one half of some numbers to the other, several times; ns per byte read or written.
fn copied(numbers: &mut [f64], times: usize, pool: &Pool) -> f64 {
    let (from, to) = numbers.split_at_mut(numbers.len() / 2);
    let size = from.len().div_ceil(pool.threads());
    let nanoseconds = timed(times, || {
        pool.pieces(to, size, true, |index, piece| {
            piece.copy_from_slice(&from[index * size..][..piece.len()]);
        });
    });
    nanoseconds / (16 * from.len()) as f64
}

/// One step of diffusion and decay.
pub fn diffusion(extent: Extent, tell: &mut Tell<'_>) -> Result<(), String> {
    let pool = pool(extent)?;
    let edge = |edge: usize| if extent.quick { edge / 10 } else { edge };
    for (shape, substrates) in [
        ([50, 50, 1], 5),
        ([edge(100); 3], 1),
        ([edge(100); 3], 4),
        ([edge(200); 3], 1),
    ] {
        let grid = Grid::new([0.0; 3], shape.map(|n| 20.0 * n as f64), [20.0; 3]);
        let grid = grid.map_err(|error| error.to_string())?;
        let substrate = Substrate {
            diffusion_coefficient: 1e5,
            decay_rate: 0.1,
            boundary: [Boundary::Fixed(38.0); 6],
        };
        let solver = Diffusion::new(&grid, &vec![substrate; substrates], 0.01);
        let solver = solver.map_err(|error| error.to_string())?;
        let mut densities = vec![10.0; substrates * grid.len()];
        let mut scratch = densities.clone();
        let count = densities.len();
        let times = 20_000_000 / count / if extent.quick { 100 } else { 1 };
        let mut rounds = Vec::new();
        pool.run(|| {
            for _ in 0..ROUNDS {
                let per_byte = copied(&mut scratch, 2 * times.max(1), &pool);
                let step = timed(times.max(1), || solver.step(&mut densities, &pool));
                rounds.push([step / count as f64, DIFFUSION * per_byte]);
            }
        });
        let [x, y, z] = shape;
        let size = match z {
            1 => format!("{x} × {y} × {substrates} substrates"),
            _ => format!("{x}³ × {substrates} {}", plural("substrate", substrates)),
        };
        let unit = "ns per voxel, substrate and step";
        tell(of_rounds("diffusion", size, unit, &rounds))?;
    }
    Ok(())
}

/// Secretion and uptake at rates that stay: one cell in each voxel of a cube.
pub fn exchange(extent: Extent, tell: &mut Tell<'_>) -> Result<(), String> {
    let pool = pool(extent)?;
    let edge: u32 = if extent.quick { 10 } else { 46 };
    let grid = Grid::new([0.0; 3], [20.0 * f64::from(edge); 3], [20.0; 3]);
    let grid = grid.map_err(|error| error.to_string())?;
    let voxels: Vec<u32> = (0..edge.pow(3)).collect();
    for substrates in [1, 4] {
        let mut exchange = Exchange::new();
        let (rates, held) = (|_, _| [1.0, 38.0, 10.0, 0.0], |_, _| false);
        let volumes = vec![2494.0; voxels.len()];
        let prepared = exchange.prepare(
            &grid, substrates, &voxels, &volumes, rates, 0.01, held, &pool,
        );
        prepared.map_err(|error| error.to_string())?;
        let mut densities = vec![38.0; substrates * grid.len()];
        let mut scratch = densities.clone();
        let (count, mut negative) = (densities.len(), 0);
        let times = (20_000_000 / count).min(if extent.quick { 10 } else { 200 });
        let mut rounds = Vec::new();
        pool.run(|| {
            for _ in 0..ROUNDS {
                let per_byte = copied(&mut scratch, 2 * times, &pool);
                let apply = timed(times, || {
                    exchange.apply(&mut densities, &mut negative, &pool);
                });
                rounds.push([apply / count as f64, EXCHANGE * per_byte]);
            }
        });
        let substrates = format!("{substrates} {}", plural("substrate", substrates));
        let size = format!("{} cells × {substrates}", voxels.len());
        let unit = "ns per cell, substrate and step";
        tell(of_rounds("exchange", size, unit, &rounds))?;
    }
    Ok(())
}

/// The figure of some rounds: what was measured, and what moving the bytes takes.
fn of_rounds(name: &'static str, size: String, unit: &'static str, rounds: &[[f64; 2]]) -> Figure {
    let of = |which: usize| median(rounds.iter().map(|round| round[which]).collect());
    Figure::ns(name, size, of(0), unit, Some(of(1)))
}

fn plural(noun: &str, count: usize) -> String {
    format!("{noun}{}", if count == 1 { "" } else { "s" })
}

fn pool(extent: Extent) -> Result<Pool, String> {
    Pool::new(extent.threads).map_err(|error| error.to_string())
}

/// Mean ns of so many times.
fn timed(times: usize, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        work();
    }
    start.elapsed().as_secs_f64() * 1e9 / times as f64
}
