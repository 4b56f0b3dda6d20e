//! Tables that a scenario brings: PhysiCell's cells, and densities at the start.

use sim::scenario::parse;

use crate::common::*;

const TYPES: &str = "[cell_types.tumor]\ncustom = { dose = 1 }\n[cell_types.\"T cell\"]\n\
    [cells.all]\nfile = \"cells.csv\"\n\
    [outputs]\ncell_columns = [\"volume\", \"migration speed\", \"custom:dose\"]\n";

/// The cells of a table as PhysiCell reads it, and the notes.
fn read(rest: &str, table: &str) -> Result<(sim::output::CellTable, Vec<String>), String> {
    let text = PHYSICELL.to_owned() + &plane(400.0, [0.1, 0.1, 6.0], &(TYPES.to_owned() + rest));
    let bound = bound(&[("scenario.toml", &text), ("cells.csv", table)])?;
    let mut simulation = sim::simulation::Simulation::new(bound, 1)?;
    let notes = simulation.plan().scenario.notes.iter();
    let plain = |note: &String| note[note.find("cells.csv").unwrap_or(0)..].to_owned();
    let notes = notes.map(plain).collect();
    Ok((simulation.table(), notes))
}

/// (x, type, volume, speed, dose) of each cell, by x.
fn cells(table: &sim::output::CellTable) -> Vec<[f64; 5]> {
    let row = |rank: usize| {
        let number = |column: usize| table.extra[column].values[rank];
        let kind = f64::from(table.cell_type[rank]);
        [
            table.position[rank][0],
            kind,
            number(0),
            number(1),
            number(2),
        ]
    };
    let mut rows: Vec<[f64; 5]> = (0..table.id.len()).map(row).collect();
    rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
    rows
}

#[test]
fn a_table_without_a_header_gives_types_by_number() {
    let (table, notes) = read("", "10,0,0,0\n20,5,0,1\n30,0,0,7\n-250,0,0,1\n").unwrap();
    let found: Vec<_> = cells(&table).iter().map(|row| [row[0], row[1]]).collect();
    assert_eq!(found, [[-250.0, 1.0], [10.0, 0.0], [20.0, 1.0]]);
    assert_eq!(
        notes,
        [
            "cells.csv:3: there is no cell type `7`; the row is left out",
            "cells.csv: 1 cells stand outside the domain and take part in nothing",
        ]
    );
}

/// Fields that are empty or skipped leave the type's value.
#[test]
fn a_table_with_a_header_gives_types_by_name_and_numbers() {
    let (table, notes) = read(
        "",
        "X,y,z,type,volume,migration speed,custom:dose,hat size\n\
         10,0,0,tumor,3000,2,7,1\n\
         20,0,0,T CELL,skip,,,\n\
         30,0,0,tumr,1,1,1,1\n\
         40,0,0,tumor,,s,\n\
         50,0,0,T cell,,3,9,\n\n",
    )
    .unwrap();
    let found = cells(&table);
    assert_eq!(found[0], [10.0, 0.0, 3000.0, 2.0, 7.0]);
    assert_eq!(found[1][..4], [20.0, 1.0, 2494.0, 0.0]);
    assert_eq!(found[2], [40.0, 0.0, 2494.0, 0.0, 1.0]);
    assert_eq!(found[3][..4], [50.0, 1.0, 2494.0, 3.0]);
    assert_eq!(found.len(), 4);
    // A T cell has no dose.
    assert!(found[1][4].is_nan() && found[3][4].is_nan());
    assert_eq!(
        notes,
        [
            "cells.csv:4: there is no cell type `tumr`; the row is left out",
            "cells.csv: the column `hat size` is no behavior of its cells and is passed over",
            "cells.csv: the column `custom:dose` is no behavior of its cells and is passed over",
        ]
    );
}

#[test]
fn the_type_of_a_group_holds_for_all_rows() {
    let rest = TYPES.replace("file =", "type = \"T cell\"\nfile =");
    let text = PHYSICELL.to_owned() + &plane(400.0, [0.1, 0.1, 6.0], &rest);
    let files = [
        ("scenario.toml", text.as_str()),
        ("cells.csv", "1,0,0,0\n2,0,0,5\n"),
    ];
    assert_eq!(simulation(&files).table().cell_type, [1, 1]);
}

#[test]
fn what_is_no_table_of_cells_is_told_with_its_line() {
    let help = "\n  a table is x,y,z and the number of a type in each line, or names its columns \
                in the first: x,y,z,type and behaviors";
    for (table, message) in [
        ("x,y,type\n1,2,tumor\n", "1: the columns are x, y, type"),
        ("1,2,0,0\n1,2,0\n", "2: the row has 3 fields"),
        ("1,2,0,0\n1,zwei,0,0\n", "2: `zwei` is not a number"),
        ("1,inf,0,0\n", "1: `inf` is not a number"),
        ("1,2,0,tumor\n", "1: `tumor` is not a number"),
        (
            "x,y,z,type,migration speed\n1,2,0,tumor,fast\n",
            "2: `fast` is not a number",
        ),
    ] {
        let said = read("", table)
            .map(|(_, notes)| notes)
            .expect_err("the table is wrong");
        assert_eq!(said, format!("cells.csv:{message}{help}"));
    }
}

/// Two by two voxels of 20 µm and two substrates.
fn field(file: &str) -> String {
    format!(
        "initial_densities = \"{file}\"\nduration = \"1 h\"\n\
         domain = {{ dimensions = 2, size = [40, 40] }}\n\
         [substrates.a]\ndiffusion_coefficient = 0\ninitial = 9\n\
         [substrates.b]\ndiffusion_coefficient = 0\ninitial = 8\n[cell_types.tumor]\n"
    )
}

/// The densities of these files, `[voxel][substrate]`, or what is said of them.
fn densities(name: &str, table: &[u8]) -> Result<Vec<f64>, String> {
    let folder = folder(&[("scenario.toml", &field(name))]);
    std::fs::write(folder.path().join(name), table).unwrap();
    let scenario = parse::read(folder.path(), &[], None).map_err(|problems| {
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        said.join("\n")
            .replace(&format!("{}/", folder.path().display()), "")
    })?;
    let bound = sim::plan::bind(scenario)?;
    let simulation = sim::simulation::Simulation::new(bound, 1)?;
    Ok(simulation.tissue().densities().to_vec())
}

/// A MATLAB level 4 file: words, name, numbers column by column.
fn matlab(words: [u32; 5], name: &[u8], numbers: &[f64]) -> Vec<u8> {
    let words = words.iter().flat_map(|word| word.to_le_bytes());
    let numbers = numbers.iter().flat_map(|number| number.to_le_bytes());
    words.chain(name.iter().copied()).chain(numbers).collect()
}

const COLUMNS: [f64; 20] = [
    10.0, -10.0, 10.0, -10.0, // x
    -10.0, -10.0, 10.0, 10.0, // y
    0.0, 0.0, 0.0, 0.0, // z
    2.0, 1.0, 4.0, 3.0, // a
    20.0, 10.0, 40.0, 30.0, // b
];

/// Rows come in any order, and a table need not have all substrates.
#[test]
fn densities_are_put_into_their_voxels() {
    let table = "x,y,z,B,a\n10,10,0,40,4\n-10,-10,0,10,1\n10,-10,0,20,2\n-10,10,0,30,3\n";
    let both = densities("d.csv", table.as_bytes()).unwrap();
    let mut sorted = both.clone();
    sorted.sort_by(f64::total_cmp);
    assert_eq!(sorted, [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0]);
    let words = [0, 4, 5, 0, 5];
    assert_eq!(
        densities("d.mat", &matlab(words, b"init\0", &COLUMNS)).unwrap(),
        both
    );
    let one = "x,y,z,b\n10,10,0,40\n-10,-10,0,10\n10,-10,0,20\n-10,10,0,30\n";
    let alone = densities("d.csv", one.as_bytes()).unwrap();
    let expected: Vec<f64> = both
        .iter()
        .map(|&it| if it < 10.0 { 9.0 } else { it })
        .collect();
    assert_eq!(alone, expected);
}

/// A cell reads the density of the voxel it stands in.
#[test]
fn cells_sense_the_densities_of_a_table() {
    let rest = "[cells.all]\ntype = \"tumor\"\nat = [[-10, -10], [10, -10], [-10, 10], [10, 10]]\n\
                [outputs]\ncell_columns = [\"a\", \"b\"]\n";
    let text = field("d.csv") + rest;
    let table = "x,y,z,a,b\n10,10,0,4,40\n-10,-10,0,1,10\n10,-10,0,2,20\n-10,10,0,3,30\n";
    let mut simulation = simulation(&[("scenario.toml", &text), ("d.csv", table)]);
    for (place, [x, y, _]) in simulation.table().position.into_iter().enumerate() {
        let expected = 1.0 + f64::from(u8::from(x > 0.0)) + 2.0 * f64::from(u8::from(y > 0.0));
        let [a, b] = [0, 1].map(|number| column(&mut simulation, number)[place]);
        assert_eq!([a, b], [expected, 10.0 * expected]);
    }
}

const CSV: &str = "the first line names the columns: x, y, z and substrates; each voxel has a line";

#[test]
fn what_is_wrong_with_a_table_of_densities_is_told_with_its_line() {
    let rows = "10,10,0,4\n-10,-10,0,1\n10,-10,0,2\n-10,10,0,3\n";
    for (table, said) in [
        (
            rows.to_owned(),
            format!("d.csv:1: the table has no line that names its columns\n  {CSV}"),
        ),
        (
            format!("x,y,a,b\n{rows}"),
            format!("d.csv:1: the columns are x, y, a, b\n  {CSV}"),
        ),
        (
            format!("x,y,z,aa\n{rows}"),
            "d.csv:1: unknown substrate `aa`\n  did you mean `a`? known substrates: a, b".into(),
        ),
        (
            format!("x,y,z,a\n{rows}5,5,0,x\n"),
            format!("d.csv:6: `x` is not a number\n  {CSV}"),
        ),
        (
            format!("x,y,z,a\n{rows}5,5,0,inf\n"),
            format!("d.csv:6: `inf` is not a number\n  {CSV}"),
        ),
        (
            format!("x,y,z,a\n{rows}50,5,0,1\n"),
            "d.csv:6: (50, 5, 0) lies outside the domain\n  rows are the centers of voxels, in µm"
                .into(),
        ),
        (
            format!("x,y,z,a\n{rows}5,5,0,1\n"),
            "d.csv:6: (5, 5, 0) is a voxel that stands above\n  give each voxel one row".into(),
        ),
        (
            "x,y,z,a\n10,10,0,4\n".into(),
            "d.csv: 3 of 4 voxels are missing\n  give each voxel one row".into(),
        ),
        (
            format!("x,y,z,a\n{rows}5,5,0\n"),
            format!(
                "d.csv:6: CSV error: record 5 (line: 6, byte: 52): found record with 3 fields, but the previous record has 4 fields\n  {CSV}"
            ),
        ),
    ] {
        assert_eq!(densities("d.csv", table.as_bytes()), Err(said));
    }
}

#[test]
fn what_is_no_matrix_of_densities_is_told() {
    let is_not = "d.mat: this is not such a matrix\n  a MATLAB level 4 file of one real matrix is \
                  wanted, a row a voxel: x, y, z, then all substrates";
    for (words, name) in [
        ([1000, 4, 5, 0, 5], "init\0"),
        ([0, 4, 5, 1, 5], "init\0"),
        ([0, 5, 5, 0, 5], "init\0"),
        ([0, u32::MAX, u32::MAX, 0, 5], "init\0"),
        ([0, 4, 5, 0, u32::MAX], "init\0"),
        ([0, 4, 5, 0, 5], "long name\0"),
    ] {
        let file = matlab(words, name.as_bytes(), &COLUMNS);
        assert_eq!(
            densities("d.mat", &file),
            Err(is_not.to_owned()),
            "{words:?}"
        );
    }
    for length in [0, 19, 24] {
        let file = &matlab([0, 4, 5, 0, 5], b"init\0", &COLUMNS)[..length];
        assert_eq!(densities("d.mat", file), Err(is_not.to_owned()), "{length}");
    }
    assert_eq!(
        densities("d.mat", &matlab([0, 4, 4, 0, 5], b"init\0", &COLUMNS[..16])),
        Err(
            "d.mat: a row of 4 numbers, but x, y, z and 2 substrates are 5\n  complete the row"
                .into()
        )
    );
}
