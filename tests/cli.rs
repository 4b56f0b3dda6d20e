//! The program as a user meets it: exit codes, and what it says, word for word.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const SCENARIO: &str = r#"duration = "60 min"

[domain]
dimensions = 2
size = [200, 200]

[clocks]
diffusion = 0.1

[substrates.oxygen]
unit = "mmHg"
diffusion_coefficient = "1000 µm^2/min"

[cell_types.tumor]
apoptosis = { rate = "0.01 1/min" }

[cells.first]
file = "cells.csv"

[rules]
all = "all.rules"

[outputs]
interval = "30 min"
write = ["populations", "cells"]
"#;
const CELLS: &str = "x,y,type\n0,0,tumor\n20,5,tumor\n";
const RULES: &str =
    "tumor: oxygen decreases apoptosis from 0.01 towards 0 1/min, half-max 5 mmHg, Hill power 2\n";

/// A folder `s` with this scenario, table and rules, in a folder to work in.
fn workplace(scenario: &str, cells: &str, rules: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("s");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("scenario.toml"), scenario).unwrap();
    fs::write(folder.join("cells.csv"), cells).unwrap();
    fs::write(folder.join("all.rules"), rules).unwrap();
    home
}

fn good() -> TempDir {
    workplace(SCENARIO, CELLS, RULES)
}

fn milieu(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_milieu"))
        .args(arguments)
        .current_dir(home)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Asserts that the program refuses its input with this message, says nothing else, and leaves
/// nothing behind.
#[track_caller]
fn refused(home: &TempDir, arguments: &[&str], message: &str) {
    let output = milieu(home.path(), arguments);
    assert_eq!(text(&output.stderr), format!("error: {message}\n"));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), "");
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// The same for the good scenario with one text replaced.
#[track_caller]
fn refused_with(from: &str, to: &str, message: &str) {
    assert!(SCENARIO.contains(from));
    let home = workplace(&SCENARIO.replace(from, to), CELLS, RULES);
    refused(&home, &["run", "s"], message);
}

fn record(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(folder.join("run.json")).unwrap()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

// What goes well.

#[test]
fn a_run_says_where_its_results_are_and_tells_its_progress_aside() {
    let home = good();
    let output = milieu(home.path(), &["run", "s", "--out", "o"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "results in o\n");
    let said = text(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 10, "{said}");
    assert!(
        lines[0].starts_with(" 10 %  0.00 of 0.04 d  2 cells  "),
        "{said}"
    );
    assert!(lines[9].starts_with("100 %  0.04 of 0.04 d  "), "{said}");
    let folder = home.path().join("o");
    assert_eq!(
        names(&folder),
        ["cells.parquet", "populations.csv", "run.json"]
    );
    let record = record(&folder);
    assert_eq!(record["status"], "done");
    assert_eq!(record["complete"], true);
    assert_eq!(record["simulated_min"], 60.0);
    assert_eq!(
        record["files"],
        serde_json::json!(["populations.csv", "cells.parquet"])
    );
    let populations = fs::read_to_string(folder.join("populations.csv")).unwrap();
    assert!(
        populations.starts_with("time_min,type,live,apoptotic,necrotic\n0,tumor,2,0,0\n30,"),
        "{populations}"
    );
    assert_eq!(populations.lines().count(), 4);
}

#[test]
fn a_quiet_run_prints_nothing() {
    let home = good();
    let output = milieu(home.path(), &["run", "s", "--quiet"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        (text(&output.stdout), text(&output.stderr)),
        Default::default()
    );
}

#[test]
fn results_go_to_the_next_free_folder() {
    let home = good();
    for folder in ["out/s", "out/s-2", "out/s-3"] {
        let output = milieu(home.path(), &["run", "s"]);
        assert_eq!(text(&output.stdout), format!("results in {folder}\n"));
        assert!(home.path().join(folder).join("run.json").exists());
    }
}

#[test]
fn settings_of_the_command_line_are_in_the_record() {
    let home = good();
    let arguments = [
        "run",
        "s",
        "--out",
        "o",
        "--quiet",
        "--seed",
        "7",
        "--until",
        "2 h",
        "--threads",
        "2",
        "--set",
        "cell_types.tumor.apoptosis.rate=0.01",
        "--cells",
        "s/cells.csv",
    ];
    assert_eq!(milieu(home.path(), &arguments).status.code(), Some(0));
    let record = record(&home.path().join("o"));
    assert_eq!(
        record["overrides"],
        serde_json::json!([
            "cell_types.tumor.apoptosis.rate=0.01",
            "seed=7",
            "duration=\"2 h\"",
            "--cells s/cells.csv"
        ])
    );
    assert_eq!(record["seed"], 7);
    assert_eq!(record["threads"], 2);
    assert_eq!(record["simulated_min"], 120.0);
}

#[test]
fn check_prints_what_would_run_and_leaves_nothing() {
    let home = good();
    let output = milieu(home.path(), &["check", "s"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
    let said = text(&output.stdout);
    for line in [
        "s",
        "  oxygen [mmHg]: diffusion 1000 µm²/min, decay 0 1/min, initially 0, boundary no-flux",
        "  first: 2 tumor",
        "  all = s/all.rules",
        "    | tumor: oxygen decreases apoptosis from 0.01 towards 0 1/min, half-max 5 mmHg, Hill power 2, every 6 min",
    ] {
        assert!(said.lines().any(|it| it == line), "no `{line}` in\n{said}");
    }
    assert_eq!(names(home.path()), ["s"]);
}

#[test]
fn check_of_the_tumor_scenario_names_its_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = milieu(root, &["check", "scenarios/tumor_immune"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    // Sentences or a model: the scenario says which.
    for line in [
        "  behavior = scenarios/tumor_immune/behavior.rules",
        "  killing = scenarios/tumor_immune/killing.",
    ] {
        let found = said.lines().any(|it| it.starts_with(line));
        assert!(found, "no `{line}` in\n{said}");
    }
}

#[test]
fn the_schema_is_json_with_every_table() {
    let home = tempfile::tempdir().unwrap();
    let output = milieu(home.path(), &["schema"]);
    assert_eq!(output.status.code(), Some(0));
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for key in [
        "domain",
        "substrates",
        "cell_types",
        "cells",
        "rules",
        "outputs",
    ] {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
}

#[test]
fn forced_results_replace_a_run_and_nothing_else() {
    let home = good();
    let run = |arguments: &[&str]| {
        milieu(
            home.path(),
            &[&["run", "s", "--quiet", "--out", "o"], arguments].concat(),
        )
    };
    assert_eq!(run(&[]).status.code(), Some(0));
    fs::write(home.path().join("o/notes.txt"), "mine").unwrap();
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "error: o already holds results; choose another --out, or pass --force to replace them\n"
    );
    let arguments = [
        "--force",
        "--set",
        "outputs.write=[\"populations\"]",
        "--seed",
        "5",
    ];
    assert_eq!(run(&arguments).status.code(), Some(0));
    let folder = home.path().join("o");
    assert_eq!(names(&folder), ["notes.txt", "populations.csv", "run.json"]);
    assert_eq!(record(&folder)["seed"], 5);
    fs::remove_file(folder.join("run.json")).unwrap();
    let output = run(&["--force"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "error: o holds files but no run.json of Milieu, so --force leaves it alone; choose another --out\n"
    );
}

// What is refused.

#[test]
fn an_unknown_key_is_refused() {
    refused_with(
        "size = ",
        "sice = ",
        "s/scenario.toml:5: domain.sice: unknown key `sice`\n  \
         did you mean `size`? known keys: compartments, dimensions, max, min, size, voxel, wall_repulsion",
    );
}

#[test]
fn a_wrong_unit_is_refused() {
    refused_with(
        "1000 µm^2/min",
        "1000 µm/min",
        "s/scenario.toml:12: substrates.oxygen.diffusion_coefficient: \
         `µm/min` is a length/time, but a length^2/time is wanted, such as `µm^2/min`\n  \
         write a number in µm^2/min, or text with a unit such as \"1e5 µm^2/min\"",
    );
}

#[test]
fn a_negative_coefficient_is_refused() {
    refused_with(
        "0.01 1/min",
        "-0.01 1/min",
        "s/scenario.toml:15: cell_types.tumor.apoptosis.rate: `-0.01 1/min` must not be negative\n  \
         write it like \"0.1 1/h\"",
    );
}

#[test]
fn a_domain_of_broken_voxels_is_refused() {
    refused_with(
        "[200, 200]",
        "[210, 200]",
        "s/scenario.toml:5: domain.size: 210 µm along x is not a multiple of the voxel's 20 µm\n  \
         200 µm or 220 µm would be",
    );
}

#[test]
fn a_start_that_is_not_a_number_is_refused() {
    refused_with(
        "unit = \"mmHg\"",
        "initial = nan",
        "s/scenario.toml:11: substrates.oxygen.initial: `NaN` is not a finite number\n  \
         write a number such as 1.5 or 1e-3",
    );
}

#[test]
fn an_unknown_writer_is_refused() {
    refused_with(
        "\"cells\"]",
        "\"cels\"]",
        "s/scenario.toml:25: outputs.write[1]: unknown writer `cels`\n  \
         did you mean `cells`? known writers: cells, chart, dyads, events, fields, guard, interventions, physicell, pictures, populations, readouts",
    );
}

#[test]
fn a_missing_file_is_refused() {
    refused_with(
        "all.rules",
        "none.rules",
        "s/scenario.toml:21: rules.all: there is no file s/none.rules\n  \
         paths are taken from the folder of the scenario that states them",
    );
    refused(
        &good(),
        &["run", "nowhere"],
        "nowhere: cannot be read: No such file or directory (os error 2)\n  \
         a scenario is a .toml file, or a folder that holds a scenario.toml",
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let scenario = SCENARIO
        .replace("[200, 200]", "[210, 200]")
        .replace("interval = \"30 min\"", "interval = \"0.25 min\"");
    refused(
        &workplace(&scenario, CELLS, RULES),
        &["run", "s"],
        "s/scenario.toml:5: domain.size: 210 µm along x is not a multiple of the voxel's 20 µm\n  \
         200 µm or 220 µm would be\n\
         error: s/scenario.toml:24: outputs.interval: 0.25 min is not a multiple of the diffusion step, 0.1 min\n  \
         frames are taken after whole diffusion steps",
    );
}

#[test]
fn a_broken_table_of_cells_is_refused_with_its_line() {
    for (table, message) in [
        (
            "x,y,type\n0,0,tumor\n300,0,tumor\n",
            "s/cells.csv:3: (300, 0) µm lies outside the domain, x -100 to 100, y -100 to 100\n  \
             enlarge the domain, or leave these rows out",
        ),
        (
            "x,y,type\n0,0,tumor\n1,2\n",
            "s/cells.csv:3: the row has 2 fields, the header 3\n  a table of cells is a CSV file with a header",
        ),
        (
            "x,y,type\n0,0,tumor\n1,2x,tumor\n",
            "s/cells.csv:3: `y` is not a number: `2x`\n  \
             write a plain number; µm, min and a behavior's own unit are meant",
        ),
        (
            "x,y,type,volume\n0,0,tumor,NaN\n",
            "s/cells.csv:2: `volume` is not a number: `NaN`\n  \
             write a plain number; µm, min and a behavior's own unit are meant",
        ),
        (
            "x,y,type\n0,0,tumr\n",
            "s/cells.csv:2: unknown cell type `tumr`\n  did you mean `tumor`? known cell types: tumor",
        ),
        (
            "x,y,type,migration speed\n0,0,tumor,-3\n",
            "s/cells.csv:2: the column `migration speed` has the value -3\n  it must not be negative",
        ),
        (
            "x,y,type,migration bias\n0,0,tumor,0.5\n0,9,tumor,5\n",
            "s/cells.csv:3: the column `migration bias` has the value 5\n  it must lie between 0 and 1",
        ),
        (
            "x,y,type,Migration_speed,migration speed\n0,0,tumor,1,2\n",
            "s/cells.csv:1: the columns `Migration_speed` and `migration speed` have one name\n  \
             take one out, or rename it",
        ),
        (
            ",x,y,type\n1,0,0,tumor\n",
            "s/cells.csv:1: column 1 has no name\n  name it, or take it out of the table",
        ),
        (
            "x,y,type\n",
            "s/cells.csv:1: the table has no cells\n  give each cell a row below the header",
        ),
    ] {
        refused(&workplace(SCENARIO, table, RULES), &["run", "s"], message);
    }
}

#[test]
fn a_table_of_cells_with_an_unknown_column_is_refused_even_where_it_is_empty() {
    let home = workplace(SCENARIO, "x,y,type,volum\n0,0,tumor,\n", RULES);
    let output = milieu(home.path(), &["run", "s"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    let begins =
        "error: s/cells.csv:1: unknown column `volum`\n  did you mean `volume`? known columns: ";
    assert!(said.starts_with(begins), "{said}");
}

#[test]
fn a_rule_with_an_unknown_name_is_refused_with_its_line() {
    let rules = format!("# what keeps a cell alive\n{RULES}").replace("oxygen", "oxigen");
    let home = workplace(SCENARIO, CELLS, &rules);
    let output = milieu(home.path(), &["run", "s"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    let begins = "error: s/all.rules:2: unknown signal `oxigen`\n  did you mean `oxygen`";
    assert!(said.starts_with(begins), "{said}");
    for subject in ["tumr", "Tumor on tumour"] {
        let rules = RULES.replace("tumor:", &format!("{subject}:"));
        let home = workplace(SCENARIO, CELLS, &rules);
        let output = milieu(home.path(), &["run", "s"]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(
            said.starts_with("error: s/all.rules:1: unknown cell type `tum"),
            "{said}"
        );
        assert!(
            said.contains("\n  did you mean `tumor`? known cell types: tumor\n"),
            "{said}"
        );
    }
}

#[test]
fn bad_settings_are_refused_where_they_stand() {
    for (setting, message) in [
        (
            "nonsense",
            "--set nonsense: this is not `key=value`\n  \
             write it like `domain.voxel=\"10 µm\"` or `cell_types.\"T cell\".motility.speed=4`",
        ),
        (
            "substrates.oxygn.initial=3",
            "--set substrates.oxygn.initial=3: unknown substrate `oxygn`\n  \
             did you mean `oxygen`? known substrates: oxygen",
        ),
        (
            "domain.voxel=30",
            "s/scenario.toml:5: domain.size: 200 µm along x is not a multiple of the voxel's 30 µm\n  \
             180 µm or 210 µm would be\n\
             error: s/scenario.toml:5: domain.size: 200 µm along y is not a multiple of the voxel's 30 µm\n  \
             180 µm or 210 µm would be",
        ),
    ] {
        refused(&good(), &["run", "s", "--set", setting], message);
    }
    refused(
        &good(),
        &["run", "s", "--until", "3 parsec"],
        "--set duration=\"3 parsec\": duration: unknown unit `parsec`\n  \
         write a number in min, or text with a unit such as \"8 h\"",
    );
    refused(
        &good(),
        &["run", "s", "--until", "0.03"],
        "--set duration=0.03: duration: 0.03 min is not a multiple of the diffusion step, 0.1 min\n  \
         a run takes whole diffusion steps",
    );
}

#[test]
fn threads_are_at_least_one_and_not_beyond_reason() {
    for (threads, message) in [
        ("0", "at least one thread is needed"),
        ("-1", "at least one thread is needed"),
        ("100000", "at most 1024 threads are possible"),
    ] {
        refused(
            &good(),
            &["run", "s", "--threads", threads],
            &format!("--threads {threads}: {message}\n  leave the option out for one on each core"),
        );
    }
}

#[test]
fn negative_numbers_are_refused_by_what_they_set() {
    for (option, number, message) in [
        (
            "--seed",
            "-1",
            "--set seed=-1: seed: this is the number -1\n  write a whole number, not negative",
        ),
        (
            "--until",
            "-5",
            "--set duration=-5: duration: -5 must be positive\n  write it like \"8 h\"",
        ),
    ] {
        refused(&good(), &["run", "s", option, number], message);
    }
}

#[test]
fn a_word_the_program_does_not_know_is_bad_usage() {
    let home = good();
    for arguments in [
        &["frobnicate"][..],
        &["run"],
        &["run", "s", "--sed", "3"],
        &[],
    ] {
        let output = milieu(home.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            text(&output.stderr).contains("Usage: milieu"),
            "{arguments:?}"
        );
    }
    assert_eq!(milieu(home.path(), &["--help"]).status.code(), Some(0));
}

#[test]
fn a_setting_below_the_short_form_of_a_rule_source_keeps_its_file() {
    let home = good();
    let output = milieu(home.path(), &["check", "s", "--set", "rules.all.clock=3"]);
    let said = text(&output.stdout);
    assert!(said.contains("  all = s/all.rules"), "{said}");
    assert!(said.contains("Hill power 2, every 3 min"), "{said}");
    refused(
        &home,
        &["run", "s", "--set", "rules.all.engin=onnx"],
        "--set rules.all.engin=onnx: rules.all.engin: unknown key `engin`\n  \
         did you mean `engine`? known keys: clock, combine, engine, file, guard, max_clamped, max_fallback, mechanistic, mode, return_after, sha256, stop_above, uncertainty",
    );
}

#[test]
fn one_column_twice_is_refused_before_anything_runs() {
    let columns = "\"cells\"]\ncell_columns = [\"oxygen\", \"Oxygen\"]";
    let home = workplace(&SCENARIO.replace("\"cells\"]", columns), CELLS, RULES);
    for command in ["run", "check"] {
        refused(
            &home,
            &[command, "s"],
            "outputs.cell_columns: `oxygen` and `Oxygen` name one column\n  leave one of them out",
        );
    }
}

#[cfg(unix)]
#[test]
fn cells_without_end_are_not_read() {
    refused(
        &good(),
        &["run", "s", "--cells", "/dev/zero"],
        "/dev/zero: this is not a regular file\n  a table of cells is a CSV file with a header",
    );
}

// What goes wrong on the way.

/// A limit on the size of files stands for a full disk: the program sees the same, an error in the
/// middle of a file.
#[cfg(unix)]
#[test]
fn a_full_disk_ends_the_run_and_spoils_nothing_that_was_saved() {
    let scenario = SCENARIO
        .replace("interval = \"30 min\"", "interval = \"0.1 min\"")
        .replace("apoptosis = { rate = \"0.01 1/min\" }", "")
        .replace("[rules]\nall = \"all.rules\"\n", "");
    let home = workplace(&scenario, CELLS, RULES);
    // 32 or 64 KiB, as the shell counts: less than the cells of 600 frames, more than the rest.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_milieu"))
        .args(["run", "s", "--out", "o", "--quiet"])
        .current_dir(home.path())
        .output()
        .unwrap();
    let message = "cannot write o/cells.parquet: File too large (os error 27); \
                   raise the limit on file sizes, or write fewer frames, and run again";
    assert_eq!(
        text(&output.stderr),
        format!("error: {message}\n  what was saved until then is in o\n")
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    let folder = home.path().join("o");
    assert_eq!(names(&folder), ["populations.csv", "run.json"]);
    let record = record(&folder);
    assert_eq!(record["status"], "failed");
    assert_eq!(record["complete"], false);
    assert_eq!(record["error"], message);
    assert_eq!(record["files"], serde_json::json!(["populations.csv"]));
    let end = record["simulated_min"].as_f64().unwrap();
    assert!(0.0 < end && end < 60.0);
    frames_until(&folder, end);
}

/// Asserts that `populations.csv` is whole and ends at `end`, min.
fn frames_until(folder: &Path, end: f64) {
    let populations = fs::read_to_string(folder.join("populations.csv")).unwrap();
    assert!(populations.ends_with('\n'));
    let mut rows = populations.lines();
    assert_eq!(rows.next(), Some("time_min,type,live,apoptotic,necrotic"));
    let times: Vec<f64> = rows
        .map(|row| {
            assert_eq!(row.split(',').count(), 5, "{row}");
            row.split(',').next().unwrap().parse().unwrap()
        })
        .collect();
    assert_eq!((times[0], times.last()), (0.0, Some(&end)));
    assert!(times.is_sorted_by(|a, b| a < b));
}

/// `milieu run … 2>&1 | head -1`
#[cfg(unix)]
#[test]
fn a_run_goes_on_when_nobody_listens_any_more() {
    let home = good();
    let mut child = Command::new(env!("CARGO_BIN_EXE_milieu"))
        .args(["run", "s", "--out", "o", "--until", "20 d"])
        .current_dir(home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(record(&home.path().join("o"))["status"], "done");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_completes_its_files() {
    let home = good();
    let mut child = Command::new(env!("CARGO_BIN_EXE_milieu"))
        .args(["run", "s", "--out", "o", "--until", "300 d"])
        .current_dir(home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.starts_with(" 10 %  "), "{line}");
    // Twice, as from a program that signals the process and then its group.
    let sent = Command::new("sh")
        .args([
            "-c",
            &format!("kill -INT {0}; kill -INT {0}; true", child.id()),
        ])
        .status()
        .unwrap();
    assert!(sent.success());
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(text(&output.stdout), "");
    let last = rest.lines().last();
    assert_eq!(last, Some("interrupted; what was saved until then is in o"));
    let folder = home.path().join("o");
    assert_eq!(
        names(&folder),
        ["cells.parquet", "populations.csv", "run.json"]
    );
    let record = record(&folder);
    assert_eq!(record["status"], "interrupted");
    assert_eq!(record["complete"], false);
    assert_eq!(record["error"], serde_json::Value::Null);
    let end = record["simulated_min"].as_f64().unwrap();
    assert!((0.1..1.0).contains(&(end / 432_000.0)));
    frames_until(&folder, end);
}

/// A folder with a copy of the project of PhysiCell in `tests/physicell/project`.
fn project() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("p/config");
    fs::create_dir_all(&config).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/physicell/project/config");
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), config.join(entry.file_name())).unwrap();
    }
    home
}

#[test]
fn a_project_of_physicell_runs_to_the_bits_of_the_scenario_it_is_imported_as() {
    let home = project();
    let done = |arguments: &[&str]| {
        let output = milieu(home.path(), arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        output
    };
    // By its folder, by its settings, and by what it is imported as, somewhere else.
    done(&["run", "--quiet", "--out", "a", "p"]);
    let settings = "p/config/PhysiCell_settings.xml";
    done(&["run", "--quiet", "--out", "b", "--threads", "1", settings]);
    fs::create_dir(home.path().join("elsewhere")).unwrap();
    done(&["import", "p", "-o", "elsewhere/scenario.toml"]);
    done(&["run", "--quiet", "--out", "c", "elsewhere"]);
    let printed = done(&["import", settings, "-o", "-"]);
    assert!(text(&printed.stdout).contains("semantics = \"physicell-1.14\""));
    for file in [
        "populations.csv",
        "cells.parquet",
        "physicell/output00000003_cells.mat",
        "physicell/output00000003_microenvironment0.mat",
    ] {
        let of = |run: &str| fs::read(home.path().join(run).join(file)).unwrap();
        assert!(of("a") == of("b"), "{file} differs by threads");
        assert!(of("a") == of("c"), "{file} differs once imported");
    }
    // Something happens in it: cells divide, and hunters kill.
    let populations = fs::read_to_string(home.path().join("a/populations.csv")).unwrap();
    let rows: Vec<&str> = populations.lines().collect();
    assert!(rows.len() > 8, "{populations}");
    // Settings of the command line hold for a project too.
    done(&[
        "run",
        "--quiet",
        "--out",
        "d",
        "--set",
        "cell_types.tumor.apoptosis.rate=0.1",
        "p",
    ]);
    let other = fs::read_to_string(home.path().join("d/populations.csv")).unwrap();
    assert_ne!(populations, other);
}

#[test]
fn an_import_replaces_no_file_unless_told_to() {
    let home = project();
    fs::write(home.path().join("scenario.toml"), "precious").unwrap();
    let output = milieu(home.path(), &["import", "p", "-o", "scenario.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("scenario.toml") && said.contains("--force"),
        "{said}"
    );
    let kept = fs::read_to_string(home.path().join("scenario.toml")).unwrap();
    assert_eq!(kept, "precious");
    let output = milieu(
        home.path(),
        &["import", "p", "--force", "-o", "scenario.toml"],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_project_with_custom_parameters_runs_only_if_they_may_be_ignored() {
    let home = project();
    let settings = home.path().join("p/config/PhysiCell_settings.xml");
    let changed = fs::read_to_string(&settings).unwrap().replace(
        "<user_parameters>",
        "<user_parameters><dose type=\"double\" units=\"nM\">4</dose>",
    );
    fs::write(&settings, changed).unwrap();
    for command in ["run", "check"] {
        let output = milieu(home.path(), &[command, "p"]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains("user_parameters/dose"), "{said}");
        assert!(said.contains("--allow-ignored"), "{said}");
    }
    let output = milieu(
        home.path(),
        &["run", "--quiet", "--out", "a", "--allow-ignored", "p"],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let record = fs::read_to_string(home.path().join("a/run.json")).unwrap();
    assert!(record.contains("user_parameters/dose"), "{record}");
}
