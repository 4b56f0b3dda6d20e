//! Devices that are not there or fail, and device code that is wrong.

use std::process::Command;

use kernels::Grid;
use kernels::cuda::{Device, Error};
use kernels::diffusion::{Boundary, Diffusion, Substrate};

use crate::{LIBRARY, emulator, library, requires_a_gpu};

/// This test again, in a process of its own, with another library or environment.
fn again(test: &str, environment: &[(&str, &str)]) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--include-ignored"]);
    command.envs(environment.iter().copied());
    command.output().unwrap().status.success()
}

#[test]
fn device_code_without_its_barriers_or_in_another_order_is_told_from_the_cpu() {
    let sweeps = "fields::sweeps_on_the_device_have_the_bits_of_the_cpu";
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
                "faults::open_and_fill_a_device",
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
