//! What a CUDA device makes of the kernels, as lines of CSV: `work,size,figure,unit`. Without one it
//! says so. Each figure is the median of [`RUNS`].
//!
//! - *copy*: bytes read and written by copies of 1 GiB within the device's memory.
//! - *sweeps*: LOD diffusion of one substrate. The share of the copy counts 32 bytes a voxel and
//!   step, as `benches/README.md` does for the CPU.
//! - *packed*: cells on a face-centered lattice at 0.9 of two radii, jittered, in a box that they
//!   fill; contact, pressure, counts, the upkeep of neighbor lists, walls and moves, and nothing
//!   else. Velocities are µm/min as in a growing tissue, so that lists last as long as there.
//!
//! `-- --test` takes sizes that a device emulated on a processor can bear.

#[cfg(not(feature = "cuda"))]
fn main() {
    println!("built without CUDA");
}

#[cfg(feature = "cuda")]
fn main() {
    use kernels::cuda::Device;
    let is_test = std::env::args().any(|argument| argument == "--test");
    let device = match Device::new(0) {
        Ok(device) => device,
        Err(error) => {
            println!("no figures: {error}");
            return;
        }
    };
    if let Err(error) = on_device::all(&device, is_test) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

#[cfg(feature = "cuda")]
mod on_device {
    use std::time::Instant;

    use kernels::Grid;
    use kernels::contact::{Columns, Contact};
    use kernels::cuda::{Buffer, Device, Error};
    use kernels::diffusion::{Boundary, Diffusion, Substrate};
    use kernels::motion::{Domain, cuda as moving};
    use kernels::random::{Draws, Sequence};

    const RUNS: usize = 5;
    const RADIUS: f64 = 8.412_7;
    /// Center to center, in radii.
    const SPACING: f64 = 1.8;

    pub fn all(device: &Device, is_test: bool) -> Result<(), Error> {
        println!(
            "# {}, {:?} bytes free and in all",
            device.name()?,
            device.memory()?
        );
        println!("work,size,figure,unit");
        let copied = copy(device, if is_test { 1 << 16 } else { 1 << 27 })?;
        let (edges, cells): (&[usize], &[usize]) = match is_test {
            true => (&[12], &[500]),
            false => (
                &[100, 300, 500],
                &[10_000, 100_000, 1_000_000, 10_000_000, 100_000_000],
            ),
        };
        for edge in edges {
            sweeps(device, *edge, copied, if is_test { 2 } else { 100 })?;
        }
        for cells in cells {
            packed(device, *cells, if is_test { 3 } else { 100 })?;
        }
        Ok(())
    }

    /// Seconds of the median run; the device has nothing left to do before and after each.
    fn seconds(device: &Device, mut run: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
        run()?;
        device.synchronize()?;
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let start = Instant::now();
            run()?;
            device.synchronize()?;
            times.push(start.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        Ok(times[RUNS / 2])
    }

    /// Bytes per second.
    fn copy(device: &Device, numbers: usize) -> Result<f64, Error> {
        let from: Buffer<f64> = device.zeros(numbers)?;
        let mut to = device.zeros(numbers)?;
        let times = 10;
        let seconds = seconds(device, || {
            (0..times).try_for_each(|_| device.copy(&from, &mut to))
        })?;
        let rate = (16 * numbers * times) as f64 / seconds;
        println!("copy,{},{:.0},GB/s", 8 * numbers, rate / 1e9);
        Ok(rate)
    }

    fn sweeps(device: &Device, edge: usize, copied: f64, steps: usize) -> Result<(), Error> {
        let grid = Grid::new([0.0; 3], [20.0 * edge as f64; 3], [20.0; 3]).expect("a sound grid");
        let substrate = Substrate {
            diffusion_coefficient: 1e5,
            decay_rate: 0.1,
            boundary: [Boundary::Fixed(38.0); 6],
        };
        let diffusion = Diffusion::new(&grid, &[substrate], 0.01).expect("a sound substrate");
        let sweeps = diffusion.on(device)?;
        let mut densities = device.upload(&vec![38.0; grid.len()])?;
        let seconds = seconds(device, || {
            (0..steps).try_for_each(|_| sweeps.step(device, &mut densities))
        })?;
        let updates = (grid.len() * steps) as f64 / seconds;
        println!("sweeps,{edge}^3,{:.4},ns a voxel and step", 1e9 / updates);
        println!(
            "sweeps,{edge}^3,{:.1},% of the copy",
            100.0 * 32.0 * updates / copied
        );
        Ok(())
    }

    fn packed(device: &Device, cells: usize, steps: usize) -> Result<(), Error> {
        let (free, _) = device.memory()?;
        let near = SPACING * RADIUS;
        // Four cells to a cube of a face-centered lattice.
        let edge = near * 2f64.sqrt();
        let cubes = (cells as f64 / 4.0).cbrt().ceil() as usize;
        let most = edge * cubes as f64;
        let draws = Draws {
            seed: 1,
            purpose: 0,
        };
        let mut random = Sequence::new(draws, 0);
        let mut jitter = || 0.05 * near * (2.0 * random.uniform() - 1.0);
        let mut position = Vec::with_capacity(cells + 4);
        'full: for k in 0..cubes {
            for j in 0..cubes {
                for i in 0..cubes {
                    for [x, y, z] in [[0.0; 3], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]] {
                        let at = [
                            i as f64 + x + 0.25,
                            j as f64 + y + 0.25,
                            k as f64 + z + 0.25,
                        ];
                        position.push(at.map(|part| edge * part + jitter()));
                        if position.len() == cells {
                            break 'full;
                        }
                    }
                }
            }
        }
        let domain = Domain {
            min: [0.0; 3],
            max: [most; 3],
            dimensions: 3,
        };
        let columns = |value: f64| vec![value; cells];
        let (radius, reach) = (columns(RADIUS), columns(1.25 * RADIUS));
        let (repulsion, adhesion, group) = (columns(10.0), columns(0.4), vec![0u16; cells]);
        let columns = Columns {
            radius: &radius,
            reach: &reach,
            repulsion: &repulsion,
            adhesion: &adhesion,
            group: &group,
        };
        let mut contact = Contact::new(vec![1.0], vec![1], 1, domain).expect("a sound law");
        contact.set(&columns).expect("columns of one length");
        let voxels = (most / 20.0).ceil() as usize;
        let size = [20.0 * voxels as f64; 3];
        let grid = Grid::new([0.0; 3], size, [20.0; 3]).expect("a sound grid");
        let (nobody, still) = (vec![false; cells], vec![[0.0; 3]; cells]);
        let start = moving::Columns {
            position: &position,
            previous: &still,
            moved: &nobody,
            rests: &nobody,
            speed: &vec![0.0; cells],
            radius: &radius,
        };
        let mut there = moving::Moving::on(device, &start, &domain, &grid)?;
        let mut pushes = contact.on(device)?;
        let ids = device.upload(&(0..cells as u64).collect::<Vec<u64>>())?;
        let directions = device.zeros(3 * cells)?;
        let mut pressures = device.zeros(cells)?;
        let mut counts = device.zeros(cells)?;
        let seconds = seconds(device, || {
            (0..steps).try_for_each(|_| {
                device.clear(&mut there.velocity)?;
                let (speeds, presses) = (&mut there.velocity, &mut pressures);
                pushes.step(device, &ids, &there.position, speeds, presses, &mut counts)?;
                there.step(device, &directions, 100.0, 0.1)
            })
        })?;
        let taken = free.saturating_sub(device.memory()?.0);
        println!(
            "packed,{cells},{:.3e},cells times steps a second",
            (cells * steps) as f64 / seconds
        );
        println!(
            "packed,{cells},{:.0},bytes a cell",
            taken as f64 / cells as f64
        );
        Ok(())
    }
}
