//! Accuracy and time of the solvers of diffusion, as lines of CSV:
//! `substrate,solver,setting,error,error as read,ns`.
//!
//! A ball of cells in a cube of 0.8 mm takes up oxygen (D = 10⁵ µm²/min, held at the walls); one in
//! fifty crawls at up to 5 µm/min along each axis and secretes a cytokine (D = 10³ µm²/min), which
//! the others take up slowly. Cells move every 0.1 min, and every 6 min the crawling ones take turns
//! in secreting. `error` is the root mean square over voxels of the difference from the reference
//! after every 6 min of 30, when rules read, relative to that of the reference; `error as read` the
//! same after each 0.1 min, when a field may be a step old; `ns` the time per voxel and minute on one
//! thread, exchange and its upkeep included. `setting` is the split solver's step, min, or the unsplit one's
//! tolerance. The reference is the split solver at steps of 1/800 and 1/1600 min, extrapolated to
//! none. `-- --test` takes a small cube and 6 min.

use std::time::{Duration, Instant};

use kernels::diffusion::unsplit::Unsplit;
use kernels::diffusion::{Boundary, Diffusion, Substrate};
use kernels::exchange::Exchange;
use kernels::random::{Draws, Sequence};
use kernels::{Grid, Pool};

/// min.
const MECHANICS: f64 = 0.1;
/// Mechanics steps after which rules read.
const EVERY: usize = 60;

/// Runs of which the fastest counts: what else the machine does can only slow one down.
const RUNS: usize = 3;

/// `[step][voxel]`.
type Fields = Vec<Vec<f64>>;

#[derive(Clone)]
enum Solver {
    Split(Diffusion),
    Unsplit(Unsplit),
}

struct Scene {
    grid: Grid,
    substrates: Vec<Substrate>,
    /// `[step][cell]`.
    voxels: Vec<Vec<u32>>,
    /// `[cell]`.
    crawls: Vec<bool>,
}

impl Scene {
    fn new(edge: usize, cells: usize, steps: usize) -> Scene {
        let size = 20.0 * edge as f64;
        let grid = Grid::new([0.0; 3], [size; 3], [20.0; 3]).unwrap();
        let draws = Draws {
            seed: 5,
            purpose: 0,
        };
        let mut random = Sequence::new(draws, 0);
        let mut uniform = |from: f64, to: f64| from + (to - from) * random.uniform();
        let crawls: Vec<bool> = (0..cells).map(|cell| cell % 50 == 0).collect();
        let mut positions: Vec<[f64; 3]> = vec![];
        while positions.len() < cells {
            let position = [0; 3].map(|_| uniform(0.0, size));
            let square: f64 = position.iter().map(|x| (x - size / 2.0).powi(2)).sum();
            if square < (0.35 * size).powi(2) {
                positions.push(position);
            }
        }
        let mut velocities = vec![[0.0; 3]; cells];
        let mut voxels = vec![];
        for step in 0..steps {
            for cell in 0..cells {
                let speed = if crawls[cell] { 5.0 } else { 0.1 };
                if step % 50 == cell % 50 || step == 0 {
                    velocities[cell] = [0; 3].map(|_| uniform(-speed, speed));
                }
                for axis in 0..3 {
                    let moved = positions[cell][axis] + MECHANICS * velocities[cell][axis];
                    positions[cell][axis] = moved.clamp(0.0, size);
                }
            }
            voxels.push(
                positions
                    .iter()
                    .map(|&at| grid.voxel_of(at) as u32)
                    .collect(),
            );
        }
        let substrate = |diffusion_coefficient, decay_rate, boundary| Substrate {
            diffusion_coefficient,
            decay_rate,
            boundary: [boundary; 6],
        };
        let substrates = vec![
            substrate(1e5, 0.1, Boundary::Fixed(38.0)),
            substrate(1e3, 0.02, Boundary::NoFlux),
        ];
        Scene {
            grid,
            substrates,
            voxels,
            crawls,
        }
    }

    /// Solves for a substrate, in steps of `dt` min where it is split, shows `read` the densities
    /// after each 0.1 min, and says how long the rest took.
    fn run(
        &self,
        number: usize,
        mut solver: Solver,
        dt: f64,
        mut read: impl FnMut(&[f64]),
    ) -> Duration {
        let pool = Pool::serial();
        let substrate = [self.substrates[number]];
        let boundary = Diffusion::new(&self.grid, &substrate, dt).unwrap();
        let held = |_, voxel| boundary.is_held(0, voxel);
        let mut densities = vec![[38.0, 0.0][number]; self.grid.len()];
        let mut exchange = match &solver {
            Solver::Split(_) => Exchange::new(),
            Solver::Unsplit(_) => Exchange::of_rates(),
        };
        let volumes = vec![2494.0; self.crawls.len()];
        let mut time = Duration::ZERO;
        for (step, voxels) in self.voxels.iter().enumerate() {
            let start = Instant::now();
            let left = MECHANICS * (EVERY - 1 - step % EVERY) as f64;
            let is_due = match &solver {
                Solver::Split(_) => true,
                Solver::Unsplit(unsplit) => unsplit.is_due(MECHANICS, left),
            };
            if step % EVERY == 0 {
                let rates = |_, cell: usize| match (number, self.crawls[cell]) {
                    (0, _) => [0.0, 0.0, 10.0, 0.0],
                    (_, true) if cell / 50 % 2 == step / EVERY % 2 => [10.0, 1.0, 0.0, 0.0],
                    (_, true) => [0.0; 4],
                    (_, false) => [0.0, 0.0, 0.1, 0.0],
                };
                exchange
                    .prepare(&self.grid, 1, voxels, &volumes, rates, dt, held, &pool)
                    .unwrap();
                if let Solver::Unsplit(unsplit) = &mut solver {
                    unsplit.take_care();
                }
            } else if is_due {
                exchange.follow(voxels, held, &pool).unwrap();
            }
            match &mut solver {
                Solver::Split(split) => {
                    for _ in 0..(MECHANICS / dt).round() as usize {
                        split.step(&mut densities, &pool);
                        exchange.apply(&mut densities, &mut 0, &pool);
                    }
                }
                Solver::Unsplit(unsplit) => {
                    unsplit.advance(&mut densities, &exchange, MECHANICS, left, &mut 0, &pool)
                }
            }
            time += start.elapsed();
            read(&densities);
        }
        time
    }

    /// Densities after each 0.1 min.
    fn fields(&self, number: usize, solver: Solver, dt: f64) -> Fields {
        let mut fields = vec![];
        self.run(number, solver, dt, |field| fields.push(field.to_vec()));
        fields
    }

    /// The least time of some runs.
    fn time(&self, number: usize, solver: &Solver, dt: f64) -> Duration {
        let times = (0..RUNS).map(|_| self.run(number, solver.clone(), dt, |_| ()));
        times.min().unwrap_or_default()
    }

    fn split(&self, number: usize, dt: f64) -> Solver {
        Solver::Split(Diffusion::new(&self.grid, &[self.substrates[number]], dt).unwrap())
    }

    fn unsplit(&self, number: usize, tolerance: f64) -> Solver {
        Solver::Unsplit(
            Unsplit::new(&self.grid, &[self.substrates[number]], tolerance, MECHANICS).unwrap(),
        )
    }
}

/// Root mean square over these steps.
fn error(read: &[Vec<f64>], exact: &[Vec<f64>], steps: impl Iterator<Item = usize>) -> f64 {
    let squares: Vec<f64> = steps
        .map(|step| {
            let (mut wrong, mut right) = (0.0, 0.0);
            for (found, exact) in read[step].iter().zip(&exact[step]) {
                wrong += (found - exact) * (found - exact);
                right += exact * exact;
            }
            wrong / right
        })
        .collect();
    (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
}

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let scene = if is_test {
        Scene::new(11, 300, EVERY)
    } else {
        Scene::new(40, 8_000, 5 * EVERY)
    };
    println!("substrate,solver,setting,error,error as read,ns");
    for (number, name) in ["oxygen", "cytokine"].into_iter().enumerate() {
        let split = |dt: f64| scene.fields(number, scene.split(number, dt), dt);
        let (mut exact, coarser) = (split(MECHANICS / 160.0), split(MECHANICS / 80.0));
        for (exact, coarser) in exact.iter_mut().flatten().zip(coarser.iter().flatten()) {
            *exact = 2.0 * *exact - coarser;
        }
        let print = |name_of_solver, setting, solver: Solver, dt| {
            let time = scene.time(number, &solver, dt);
            let read = scene.fields(number, solver, dt);
            let minutes = MECHANICS * read.len() as f64;
            println!(
                "{name},{name_of_solver},{setting},{:.2e},{:.2e},{:.1}",
                error(&read, &exact, (EVERY - 1..read.len()).step_by(EVERY)),
                error(&read, &exact, 0..read.len()),
                time.as_secs_f64() * 1e9 / minutes / scene.grid.len() as f64
            );
        };
        for parts in [1.0, 2.0, 5.0, 10.0, 20.0, 40.0] {
            let dt = MECHANICS / parts;
            print("split", dt, scene.split(number, dt), dt);
        }
        for tolerance in [1.0, 0.3, 0.1, 0.03, 0.01, 0.003] {
            print(
                "unsplit",
                tolerance,
                scene.unsplit(number, tolerance),
                MECHANICS,
            );
        }
    }
}
