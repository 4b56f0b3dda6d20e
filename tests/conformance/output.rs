//! What is written in PhysiCell's own format, beside what PhysiCell wrote.

use std::fs;
use std::path::Path;

use sim::output::Writers;

use crate::project::Project;
use crate::table::is_met;

/// A matrix of a MATLAB level 4 file: rows, columns, numbers by column.
fn matrix(file: &Path) -> (usize, usize, Vec<f64>) {
    let bytes = fs::read(file).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[4 * at..4 * at + 4].try_into().unwrap());
    let [rows, columns, name] = [word(1), word(2), word(4)].map(|word| word as usize);
    let numbers = bytes[20 + name..]
        .chunks_exact(8)
        .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()));
    (rows, columns, numbers.collect())
}

/// Before its first step a project is the same in every row of every cell, and in every voxel.
#[test]
fn what_is_saved_first_is_what_physicell_saves_first() {
    let settings = [r#"outputs.write=["physicell"]"#.to_owned()];
    let Some(mut project) = Project::open("unit/output_format", &settings) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let scenario = project.simulation.plan().scenario.clone();
    let mut writers = Writers::open(&scenario, folder.path()).unwrap();
    let cells = project.simulation.table();
    writers
        .record(&project.simulation.frame(0, &cells))
        .unwrap();
    writers.finish().1.unwrap();
    for name in [
        "initial_cells.mat",
        "initial_microenvironment0.mat",
        "initial_mesh0.mat",
    ] {
        let (rows, columns, ours) = matrix(&folder.path().join("physicell").join(name));
        let (wanted_rows, wanted_columns, wanted) = matrix(&project.folder.join("out").join(name));
        assert_eq!((rows, columns), (wanted_rows, wanted_columns), "{name}");
        for (at, (found, wanted)) in ours.iter().zip(&wanted).enumerate() {
            let (row, column) = (at % rows, at / rows);
            assert!(
                is_met(*found, *wanted, 1e-12),
                "{name}, row {row}, column {column}: {found}, not {wanted}"
            );
        }
    }
}
