//! What is shipped, and what a compiler says of it.

use std::process::Command;

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
        let shipped = include_str!("../../src/cuda/kernels.ptx");
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
