//! `extends`: a scenario on top of another, and that one perhaps on a third.

use std::path::{Path as FilePath, PathBuf};

use rules::dictionary::normal;
use toml::de::DeTable;

use super::super::problem::{Path, Place, Problem, misspelled};
use super::overlay::overlay;
use super::{Lines, NAMED, Node, Origin, Value, is_dropped, table};

/// Reads `file` and all that it extends. Returns the files, `file` first, and what they state
/// together.
///
/// # Errors
/// The first file that cannot be read, is not TOML or extends itself; or every name that a file
/// drops though nothing below it has it.
pub(super) fn read(file: PathBuf) -> Result<(Vec<PathBuf>, Node), Vec<Problem>> {
    let text = std::fs::read_to_string(&file).map_err(|error| {
        vec![Problem {
            place: Place::File(file.clone()),
            key: Path::root(),
            message: format!("cannot be read: {error}"),
            help: "a scenario is a .toml file, or a folder that holds a scenario.toml".into(),
        }]
    })?;
    read_text(text, file)
}

/// As [`read`], of a text that stands for a file.
pub(super) fn read_text(text: String, file: PathBuf) -> Result<(Vec<PathBuf>, Node), Vec<Problem>> {
    let (files, mut upper, mut root) = stack(text, file).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    while let Some(over) = upper.pop() {
        problems.extend(vain_drops(&files, &root, &over));
        overlay(&mut root, &over, &[]);
    }
    if problems.is_empty() {
        Ok((files, root))
    } else {
        Err(problems)
    }
}

/// The files from `file` down, what each but the lowest states, and what the lowest states.
fn stack(text: String, file: PathBuf) -> Result<(Vec<PathBuf>, Vec<Node>, Node), Problem> {
    let mut lowest = document(0, &file, &text)?;
    let (mut files, mut upper) = (vec![file], Vec::new());
    while let Some(named) = lowest.remove("extends") {
        let (file, text) = base(&files, &named)?;
        upper.push(lowest);
        lowest = document(files.len(), &file, &text)?;
        files.push(file);
    }
    Ok((files, upper, lowest))
}

/// The file that the last of `files` names as the one it extends, and its text.
fn base(files: &[PathBuf], named: &Node) -> Result<(PathBuf, String), Problem> {
    let problem = |message: String, help: &str| Problem {
        place: named.origin.place(files, &[]),
        key: Path::root().key("extends"),
        message,
        help: help.to_owned(),
    };
    let help = "name a scenario file, or a folder that holds a scenario.toml, as seen from this \
                file's folder";
    let Value::Text(name) = &named.value else {
        return Err(problem("this is not the path of a scenario".into(), help));
    };
    let mut file = named.origin.folder(files).join(name);
    if file.is_dir() {
        file.push("scenario.toml");
    }
    if !file.is_file() {
        return Err(problem(
            format!("there is no file {}", file.display()),
            help,
        ));
    }
    // One file may be named by many paths.
    let same = |a: &FilePath, b: &FilePath| a.canonicalize().ok() == b.canonicalize().ok();
    if let Some(first) = files.iter().position(|other| same(other, &file)) {
        let ring = files[first..].iter().chain([&files[first]]);
        let ring: Vec<String> = ring.map(|file| file.display().to_string()).collect();
        let help = format!("{}: one of them must stand by itself", ring.join(" → "));
        return Err(problem("the scenario extends itself".into(), &help));
    }
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok((file, text)),
        Err(error) => {
            let message = format!("{} cannot be read: {error}", file.display());
            Err(problem(message, help))
        }
    }
}

/// A file's text as a tree. `number` is the file's.
fn document(number: usize, file: &FilePath, text: &str) -> Result<Node, Problem> {
    let lines = Lines::of(text);
    let document = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let line = lines.at(span.start);
        let (message, help) = match (error.message(), text.get(span)) {
            ("duplicate key", Some(key)) => (
                format!("the key `{key}` stands here again"),
                "state it once; a table is stated once, with all that it holds",
            ),
            (message, _) => (
                message.replace('\n', ", "),
                "a scenario is a TOML file, see https://toml.io",
            ),
        };
        Problem {
            place: Place::Line(file.to_owned(), line),
            key: Path::root(),
            message,
            help: help.into(),
        }
    })?;
    let origin = |line| Origin::Line { file: number, line };
    Ok(Node {
        origin: origin(1),
        value: table(document.into_inner(), &|at| origin(lines.at(at))),
    })
}

/// What `over` drops that `below` does not have.
fn vain_drops(files: &[PathBuf], below: &Node, over: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    for &(table, what) in NAMED {
        let known: Vec<&str> = below.get(table).into_iter().flat_map(Node::keys).collect();
        for (name, node) in over.get(table).into_iter().flat_map(Node::entries) {
            if is_dropped(node) && !known.iter().any(|other| normal(other) == normal(name)) {
                let (message, help) = misspelled(what, name, known.iter().copied());
                problems.push(Problem {
                    place: node.origin.place(files, &[]),
                    key: Path::root().key(table).key(name),
                    message,
                    help,
                });
            }
        }
    }
    problems
}
