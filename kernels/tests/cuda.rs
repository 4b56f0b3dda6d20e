//! What the device computes is what the CPU computes, bit for bit.
//!
//! Without a GPU the device is an emulated one: the same device code, compiled by g++, behind a
//! stand-in for the driver. With MILIEU_REQUIRE=cuda it is the machine's own, and its absence fails.

#![cfg(feature = "cuda")]

#[path = "support/emulator.rs"]
mod emulator;

use std::{path::PathBuf, process::Command, sync::OnceLock};

use kernels::contact::{Columns, Contact, Response};
use kernels::cuda::{Device, Error};
use kernels::diffusion::{Boundary, Diffusion, Substrate};
use kernels::exchange::Exchange;
use kernels::gradient::gradient;
use kernels::motility::cuda::{Senses, Walks};
use kernels::motility::{self, Walkers};
use kernels::motion::Domain;
use kernels::motion::cuda::{self as moving, Moving};
use kernels::random::{Draws, Sequence};
use kernels::{Grid, Pool};

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

#[test]
fn sweeps_on_the_device_have_the_bits_of_the_cpu() {
    let Some(device) = device() else { return };
    let mut random = Random::new(3);
    for case in 0..24 {
        let layers = if case % 3 == 0 {
            1
        } else {
            1 + random.below(21)
        };
        let shape = [1 + random.below(75), 1 + random.below(40), layers];
        let spacing: [f64; 3] = std::array::from_fn(|_| random.uniform(5.0, 25.0));
        let max = std::array::from_fn(|axis| shape[axis] as f64 * spacing[axis]);
        let grid = Grid::new([0.0; 3], max, spacing).unwrap();
        let substrates: Vec<Substrate> = (0..1 + random.below(3))
            .map(|_| Substrate {
                diffusion_coefficient: 10f64.powf(random.uniform(1.0, 5.0)),
                decay_rate: random.uniform(0.0, 1.0),
                boundary: std::array::from_fn(|_| match random.below(3) {
                    0 => Boundary::Fixed(random.uniform(0.0, 40.0)),
                    _ => Boundary::NoFlux,
                }),
            })
            .collect();
        let diffusion = Diffusion::new(&grid, &substrates, 0.01).unwrap();
        let voxels = substrates.len() * grid.len();
        let mut on_cpu: Vec<f64> = (0..voxels).map(|_| random.uniform(0.0, 40.0)).collect();
        diffusion.hold(&mut on_cpu).unwrap();
        let sweeps = diffusion.on(&device).unwrap();
        let mut buffer = device.upload(&on_cpu).unwrap();
        for _ in 0..5 {
            diffusion.step(&mut on_cpu, &Pool::serial());
            sweeps.step(&device, &mut buffer).unwrap();
        }
        let mut on_device = vec![0.0; voxels];
        device.read(&buffer, &mut on_device).unwrap();
        for (voxel, (cpu, device)) in on_cpu.iter().zip(&on_device).enumerate() {
            assert_eq!(
                cpu.to_bits(),
                device.to_bits(),
                "{shape:?}, voxel {voxel}: {cpu} on the CPU, {device} on the device"
            );
        }
    }
}

#[test]
fn exchange_on_the_device_has_the_bits_of_the_cpu() {
    let Some(device) = device() else { return };
    let mut random = Random::new(6);
    let pool = Pool::serial();
    for case in 0..10 {
        let shape = [3 + random.below(30), 1 + random.below(20), [1, 7][case % 2]];
        let max = shape.map(|count| 10.0 * count as f64);
        let grid = Grid::new([0.0; 3], max, [10.0; 3]).unwrap();
        let cells = [0, 1, 400, 3000][random.below(4)];
        let substrates: Vec<Substrate> = (0..1 + random.below(3))
            .map(|_| Substrate {
                diffusion_coefficient: 1e3,
                decay_rate: 0.1,
                boundary: std::array::from_fn(|_| match random.below(4) {
                    0 => Boundary::Fixed(5.0),
                    _ => Boundary::NoFlux,
                }),
            })
            .collect();
        let dt = 0.05;
        let diffusion = Diffusion::new(&grid, &substrates, dt).unwrap();
        let held = |substrate, voxel| diffusion.is_held(substrate, voxel);
        let rates: Vec<[f64; 4]> = (0..substrates.len() * cells)
            .map(|_| match random.below(3) {
                0 => [0.0; 4],
                _ => [
                    random.uniform(0.0, 10.0),
                    random.uniform(0.0, 40.0),
                    random.uniform(0.0, 10.0),
                    // Some take more than there is.
                    random.uniform(-9e4, 3e4),
                ],
            })
            .collect();
        let volumes: Vec<f64> = (0..cells).map(|_| random.uniform(300.0, 3000.0)).collect();
        let mut voxels: Vec<u32> = (0..cells)
            .map(|_| random.below(grid.len()) as u32)
            .collect();
        let rate = |substrate: usize, row: usize| rates[substrate * cells + row];
        let mut exchange = Exchange::new();
        exchange
            .prepare(
                &grid,
                substrates.len(),
                &voxels,
                &volumes,
                rate,
                dt,
                held,
                &pool,
            )
            .unwrap();
        let sweeps = diffusion.on(&device).unwrap();
        let mut maps = exchange.on(&device).unwrap();
        let mut on_cpu: Vec<f64> = (0..substrates.len() * grid.len())
            .map(|_| random.uniform(0.0, 40.0))
            .collect();
        diffusion.hold(&mut on_cpu).unwrap();
        let mut buffer = device.upload(&on_cpu).unwrap();
        let mut negative = 0;
        for _ in 0..4 {
            let places = device.upload(&voxels).unwrap();
            maps.follow(&device, &places, &sweeps).unwrap();
            for _ in 0..2 {
                diffusion.step(&mut on_cpu, &pool);
                exchange.apply(&mut on_cpu, &mut negative, &pool);
                sweeps.step(&device, &mut buffer).unwrap();
                maps.apply(&device, &mut buffer).unwrap();
            }
            let mut on_device = vec![0.0; on_cpu.len()];
            device.read(&buffer, &mut on_device).unwrap();
            let same = on_cpu
                .iter()
                .zip(&on_device)
                .all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "case {case}, {shape:?}, {cells} cells");
            for voxel in voxels.iter_mut() {
                if random.below(3) == 0 {
                    *voxel = random.below(grid.len()) as u32;
                }
            }
            exchange.follow(&voxels, held, &pool).unwrap();
        }
        assert_eq!(
            maps.take_negative(&device).unwrap(),
            negative,
            "case {case}"
        );
    }
}

#[test]
fn contact_on_the_device_has_the_bits_of_the_cpu() {
    let Some(device) = device() else { return };
    let mut random = Random::new(4);
    for case in 0..12 {
        let dimensions = 2 + case % 2;
        let cells = [1, 2, 300, 1500][random.below(4)];
        let domain = Domain {
            min: [-80.0, -60.0, -50.0],
            max: [80.0, 120.0, 70.0],
            dimensions,
        };
        let mut column = |from: f64, to: f64| -> Vec<f64> {
            (0..cells).map(|_| random.uniform(from, to)).collect()
        };
        let (radius, reach) = (column(3.0, 9.0), column(4.0, 12.0));
        let (repulsion, adhesion) = (column(0.0, 20.0), column(0.0, 2.0));
        let (groups, slots) = (3, 5);
        let mut affinity = vec![0.0; groups * groups];
        for (i, j) in [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)] {
            let value = random.uniform(0.0, 1.5);
            (affinity[i * groups + j], affinity[j * groups + i]) = (value, value);
        }
        let watched: Vec<u64> = (0..groups).map(|_| random.below(32) as u64).collect();
        let group: Vec<u16> = (0..cells).map(|_| random.below(groups) as u16).collect();
        let id: Vec<u64> = (0..cells).map(|row| 7919 * row as u64 + 13).collect();
        let mut position: Vec<[f64; 3]> = (0..cells)
            .map(|_| {
                // Some lie beyond the walls.
                let mut at = std::array::from_fn(|axis| {
                    random.uniform(domain.min[axis] - 5.0, domain.max[axis] + 5.0)
                });
                if dimensions == 2 {
                    at[2] = 0.0;
                }
                at
            })
            .collect();
        for row in (1..cells).step_by(97) {
            position[row] = position[row - 1];
        }
        let mut contact = Contact::new(affinity, watched, slots, domain).unwrap();
        let columns = Columns {
            radius: &radius,
            reach: &reach,
            repulsion: &repulsion,
            adhesion: &adhesion,
            group: &group,
        };
        contact.set(&columns).unwrap();
        let mut pushes = contact.on(&device).unwrap();
        let ids = device.upload(&id).unwrap();
        let mut pressures = device.zeros::<f64>(cells).unwrap();
        let mut counted = device.zeros::<u32>(slots * cells).unwrap();
        for step in 0..6 {
            let mut velocity = vec![[0.25; 3]; cells];
            let (mut pressure, mut counts) = (vec![0.0; cells], vec![0; slots * cells]);
            let response = Response {
                velocity: &mut velocity,
                pressure: &mut pressure,
                counts: &mut counts,
                contacts: None,
                listed: &[],
            };
            let places = device.upload(position.as_flattened()).unwrap();
            let mut velocities = device.upload(&vec![0.25; 3 * cells]).unwrap();
            let pool = Pool::serial();
            contact.step(&id, &position, response, &pool).unwrap();
            let (speeds, presses) = (&mut velocities, &mut pressures);
            pushes
                .step(&device, &ids, &places, speeds, presses, &mut counted)
                .unwrap();
            let mut on_device = vec![0.0; 3 * cells];
            device.read(&velocities, &mut on_device).unwrap();
            let bits = |numbers: &[f64]| -> Vec<u64> {
                numbers.iter().map(|number| number.to_bits()).collect()
            };
            let case = format!("case {case}, step {step}, {cells} cells");
            assert_eq!(bits(velocity.as_flattened()), bits(&on_device), "{case}");
            let mut on_device = vec![0.0; cells];
            device.read(&pressures, &mut on_device).unwrap();
            assert_eq!(bits(&pressure), bits(&on_device), "{case}");
            let mut on_device = vec![0; slots * cells];
            device.read(&counted, &mut on_device).unwrap();
            assert_eq!(counts, on_device, "{case}");
            for (position, velocity) in position.iter_mut().zip(&velocity) {
                for axis in 0..dimensions {
                    position[axis] += 0.1 * (velocity[axis] + random.uniform(-4.0, 4.0));
                }
            }
        }
    }
}

#[test]
fn walks_and_moves_on_the_device_have_the_bits_of_the_cpu() {
    let Some(device) = device() else { return };
    let mut random = Random::new(5);
    let (dt, strength) = (0.1, 100.0);
    let draws = Draws {
        seed: 0xDEAD_BEEF_0000_0001,
        purpose: 9,
    };
    for case in 0..8 {
        let cells = [1, 40, 700][random.below(3)];
        let layers = if case % 2 == 0 { 1 } else { 5 };
        let (spacing, min) = ([7.0, 11.0, 13.0], [-30.0, 4.0, -20.0]);
        let shape = [9, 1 + random.below(12), layers];
        let max: [f64; 3] =
            std::array::from_fn(|axis| min[axis] + shape[axis] as f64 * spacing[axis]);
        let grid = Grid::new(min, max, spacing).unwrap();
        let dimensions = grid.dimensions();
        let domain = Domain {
            min,
            max: grid.end(),
            dimensions,
        };
        let substrates = 2;
        let densities: Vec<f64> = (0..substrates * grid.len())
            .map(|_| random.uniform(0.0, 9.0))
            .collect();
        let mut column = |from: f64, to: f64| -> Vec<f64> {
            (0..cells).map(|_| random.uniform(from, to)).collect()
        };
        let (persistence, bias) = (column(-1.0, 3.0), column(-0.4, 1.0));
        let bias: Vec<f64> = bias.iter().map(|bias| bias.max(0.0)).collect();
        let (speed, radius) = (column(0.0, 40.0), column(1.0, 9.0));
        let sensitivity: Vec<f64> = [column(-1.0, 1.0), vec![0.0; cells]].concat();
        let mut flag =
            |share: usize| -> Vec<bool> { (0..cells).map(|_| random.below(share) == 0).collect() };
        let (stays, in_plane, each_normalized) = (flag(5), flag(3), flag(2));
        let (rests, moved) = (flag(6), flag(2));
        let crawls: Vec<bool> = stays.iter().map(|stays| !stays).collect();
        let in_plane: Vec<bool> = in_plane.iter().map(|it| *it || dimensions == 2).collect();
        let id: Vec<u64> = (0..cells)
            .map(|row| 0x1_0000_0001 * row as u64 + 3)
            .collect();
        let mut position: Vec<[f64; 3]> = (0..cells)
            .map(|_| std::array::from_fn(|axis| random.uniform(min[axis], max[axis])))
            .collect();
        let walkers = Walkers {
            id: &id,
            persistence: &persistence,
            bias: &bias,
            crawls: &crawls,
        };
        let senses = Senses {
            in_plane: &in_plane,
            each_normalized: &each_normalized,
            sensitivity: &sensitivity,
        };
        let (mut previous, mut moved) = (vec![[1.0, -2.0, 0.0]; cells], moved);
        let columns = moving::Columns {
            position: &position,
            previous: &previous,
            moved: &moved,
            rests: &rests,
            speed: &speed,
            radius: &radius,
        };
        let walks = Walks::on(&device, &walkers, &senses, &grid, dt).unwrap();
        let mut on_device = Moving::on(&device, &columns, &domain, &grid).unwrap();
        let (ids, fields) = (
            device.upload(&id).unwrap(),
            device.upload(&densities).unwrap(),
        );
        let mut directions = device.zeros::<f64>(3 * cells).unwrap();
        let mut direction = vec![[0.0; 3]; cells];
        let (mut outside, pool) = (0, Pool::serial());
        for tick in 0..20 {
            let tick = tick + (7 << 32);
            let sensed = |row: usize| {
                if bias[row] == 0.0 {
                    return [0.0; 3];
                }
                let voxel = grid.voxel_of(position[row]);
                let gradients = (0..substrates).filter_map(|substrate| {
                    let weight = sensitivity[substrate * cells + row];
                    let density = &densities[substrate * grid.len()..][..grid.len()];
                    (weight != 0.0).then(|| (weight, gradient(&grid, density, voxel)))
                });
                motility::chemotaxis(gradients, each_normalized[row])
            };
            let flat = |row: usize| in_plane[row];
            motility::renew_each(
                &walkers,
                sensed,
                &mut direction,
                dt,
                flat,
                draws,
                tick,
                &pool,
            )
            .unwrap();
            let (moving, whither) = (&mut on_device, &mut directions);
            walks
                .renew(&device, &ids, &moving.voxel, &fields, whither, draws, tick)
                .unwrap();

            let mut velocity = vec![[0.5, -0.25, 0.0]; cells];
            device
                .write(&mut moving.velocity, velocity.as_flattened())
                .unwrap();
            motility::crawl(&direction, &speed, &mut velocity).unwrap();
            domain
                .push_from_walls(strength, &position, &radius, &mut velocity)
                .unwrap();
            for row in (0..cells).filter(|&row| rests[row]) {
                (velocity[row], previous[row]) = ([0.0; 3], [0.0; 3]);
            }
            outside += domain
                .advance(dt, &velocity, &mut position, &mut previous, &mut moved)
                .unwrap();
            moving.step(&device, &directions, strength, dt).unwrap();
            let mut voxels = vec![0; cells];
            device.read(&moving.voxel, &mut voxels).unwrap();
            for (buffer, column) in [
                (&directions, &direction),
                (&moving.velocity, &velocity),
                (&moving.position, &position),
                (&moving.previous, &previous),
            ] {
                let mut found = vec![0.0; 3 * cells];
                device.read(buffer, &mut found).unwrap();
                let wanted = column.as_flattened();
                let same = wanted
                    .iter()
                    .zip(&found)
                    .all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same, "case {case}, tick {tick}: {wanted:?} and {found:?}");
            }
            let wanted = position.iter().map(|&at| grid.voxel_of(at) as u32);
            assert!(wanted.eq(voxels), "case {case}, tick {tick}");
        }
        assert_eq!(on_device.take_outside(&device).unwrap(), outside);
        assert_eq!(on_device.take_outside(&device).unwrap(), 0);
    }
}

/// This test again, in a process of its own, with another library or environment.
fn again(test: &str, environment: &[(&str, &str)]) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--include-ignored"]);
    command.envs(environment.iter().copied());
    command.output().unwrap().status.success()
}

#[test]
fn device_code_without_its_barriers_or_in_another_order_is_told_from_the_cpu() {
    let sweeps = "sweeps_on_the_device_have_the_bits_of_the_cpu";
    if requires_a_gpu() {
        return;
    }
    let Some(with) = library().and_then(|path| path.to_str()) else {
        return;
    };
    for order in ["forward", "reverse"] {
        let environment = [(LIBRARY, with), ("EMULATED_ORDER", order)];
        assert!(again(sweeps, &environment), "{order}");
    }
    let without = emulator::build("emulator-without-barriers", &["-DWITHOUT_BARRIERS"]).unwrap();
    for order in ["forward", "reverse", "shuffled"] {
        let environment = [
            (LIBRARY, without.to_str().unwrap()),
            ("EMULATED_ORDER", order),
        ];
        assert!(
            !again(sweeps, &environment),
            "no barrier is missed: {order}"
        );
    }
}

/// Says on standard error what a device that is not there, or too small, ends in.
#[test]
#[ignore = "run by the next, with faults in its environment"]
fn open_and_fill_a_device() {
    let message = (|| {
        let device = Device::new(0)?;
        let mut densities = device.zeros::<f64>(1 << 20)?;
        let grid = Grid::new([0.0; 3], [1280.0, 1280.0, 640.0], [10.0; 3]).unwrap();
        let substrate = Substrate {
            diffusion_coefficient: 1e3,
            decay_rate: 0.1,
            boundary: [Boundary::NoFlux; 6],
        };
        let diffusion = Diffusion::new(&grid, &[substrate], 0.01).unwrap();
        let sweeps = diffusion.on(&device)?;
        sweeps.step(&device, &mut densities)?;
        device.read(&densities, &mut [0.0])
    })();
    let error: Error = message.unwrap_err();
    eprintln!("{error}");
}

#[test]
fn a_device_that_fails_says_why_and_what_to_do() {
    if requires_a_gpu() {
        return;
    }
    let Some(library) = library() else { return };
    let folder = library.parent().unwrap().to_str().unwrap();
    let said = |environment: &[(&str, &str)]| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "open_and_fill_a_device",
                "--ignored",
                "--nocapture",
            ])
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let emulated = ("LD_LIBRARY_PATH", folder);
    let cases = [
        (("EMULATED_FAULT", "none-there"), "CUDA_VISIBLE_DEVICES"),
        (("EMULATED_FAULT", "old"), "version 11.4, is older"),
        (
            ("EMULATED_MEMORY", "1000"),
            "has 1000 bytes of memory left, and 8388608 are needed",
        ),
        (
            ("EMULATED_FAULT", "sweep_across"),
            "kernel `sweep_across` failed",
        ),
    ];
    for (fault, wanted) in cases {
        let said = said(&[emulated, fault]);
        assert!(said.contains(wanted), "{fault:?}: {said}");
    }
    if !std::path::Path::new("/usr/lib/x86_64-linux-gnu/libcuda.so.1").exists() {
        let said = said(&[]);
        assert!(said.contains("there is no CUDA driver"), "{said}");
    }
}

/// Runs the script that compiles device code, where NVRTC is at hand; says aloud where not.
fn nvrtc(package: &str, arguments: &[&str]) -> Option<String> {
    let python = std::env::var("MILIEU_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = format!(
        "import importlib.util, sys; sys.exit(importlib.util.find_spec('nvidia.{package}') is None)"
    );
    let found = Command::new(&python).args(["-c", &probe]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} finds no nvidia.{package}");
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cuda/make_ptx.py");
    let output = Command::new(&python)
        .arg(script)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_shipped_kernels_are_made_of_the_device_code() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("kernels.ptx");
    if nvrtc("cuda_nvrtc", &[made.to_str().unwrap()]).is_some() {
        let shipped = include_str!("../src/cuda/kernels.ptx");
        assert!(
            std::fs::read_to_string(made).unwrap() == shipped,
            "kernels.ptx is old: run src/cuda/make_ptx.py"
        );
    }
}

#[test]
fn no_kernel_spills_its_registers() {
    for architecture in ["sm_80", "sm_90", "sm_100"] {
        let Some(log) = nvrtc("cu13", &["--check", architecture]) else {
            return;
        };
        println!("{log}");
        let lines = || {
            log.lines()
                .filter(|line| line.contains("bytes spill stores"))
        };
        assert!(lines().count() > 0, "{log}");
        for line in lines() {
            let none = ["0 bytes spill stores", "0 bytes spill loads"];
            assert!(
                none.iter().all(|it| line.contains(&format!(", {it}"))),
                "{log}"
            );
        }
    }
}
