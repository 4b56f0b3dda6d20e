//! A stand-in for the CUDA driver, built by g++ from the same device code: see `tests/cuda/driver.cpp`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Builds it into a folder of its own and tells the library's path; `None`, said aloud, without g++.
pub fn build(name: &str, options: &[&str]) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let mut sources: Vec<PathBuf> = ["src", "src/cuda"]
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| match path.is_dir() {
            true => vec![path.join("cuda.cu")],
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|it| it == "cu") && path.is_file())
        .collect();
    // What others use comes first.
    sources.sort_by_key(|path| (!path.parent().unwrap().ends_with("src/cuda"), path.clone()));
    sources.dedup();
    let mut included = String::new();
    let mut names = String::new();
    for source in &sources {
        let text = fs::read_to_string(source).unwrap();
        for kernel in text.split("__global__ void ").skip(1) {
            names += &format!("KERNEL({})", kernel.split('(').next().unwrap());
        }
        included += &format!("#include \"{}\"\n", source.display());
    }
    assert!(!names.is_empty(), "there is device code");
    fs::write(folder.join("kernels.inc"), included).unwrap();
    let library = folder.join("libcuda.so");
    let mut compiler = Command::new("g++");
    compiler
        .args([
            "-std=c++20",
            "-O2",
            "-g",
            "-fPIC",
            "-shared",
            "-ffp-contract=off",
        ])
        .args([
            "-Wno-unknown-pragmas",
            "-fvisibility=hidden",
            "-Wl,-soname,libcuda.so",
        ])
        .args(options)
        .arg("-I")
        .arg(root.join("tests/cuda"))
        .arg(format!(
            "-DKERNELS=\"{}\"",
            folder.join("kernels.inc").display()
        ))
        .arg(format!("-DNAMES={names}"))
        .arg(root.join("tests/cuda/driver.cpp"))
        .arg("-o")
        .arg(&library);
    match compiler.output() {
        Ok(output) if output.status.success() => Some(library),
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "g++: {error}");
            println!("skipped: device code on an emulated device (g++: {error})");
            None
        }
    }
}
