//! `milieu model …`: learned rules as files, one file a subcommand.

mod attach;
mod check;
mod explain;
mod inspect;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use rules::{Engine, neural::check::LARGEST};
use sha2::{Digest, Sha256};

use super::Stop;

/// Subcommands of `milieu model`.
#[derive(Subcommand)]
pub enum Command {
    /// Show what a model file says of itself.
    Inspect(inspect::Arguments),
    /// Run every test of loading on a model file.
    Check(check::Arguments),
    /// Show what rules, written or learned, answer to their signals.
    Explain(explain::Arguments),
    /// Make a model file of a plain export and a TOML file.
    Attach(attach::Arguments),
    /// Print a TOML file for `attach`, with the tensors of a plain export filled in.
    Template(attach::TemplateArguments),
    /// Print a JSON Schema of `milieu.spec`, for editors.
    Schema,
}

/// Does what a subcommand says.
pub fn model(command: &Command) -> Result<(), Stop> {
    match command {
        Command::Inspect(arguments) => inspect::inspect(arguments),
        Command::Check(arguments) => check::check(arguments),
        Command::Explain(arguments) => explain::explain(arguments),
        Command::Attach(arguments) => attach::attach(arguments),
        Command::Template(arguments) => attach::template(arguments),
        Command::Schema => super::print_json(&rules::neural::contract::schema()),
    }
}

/// Reads a file that is to be an ONNX model.
fn read(file: &Path) -> Result<Vec<u8>, Stop> {
    let wrong = |what: String| Stop::input(format!("{}: {what}", file.display()));
    let unreadable = |error| wrong(format!("cannot be read: {error}"));
    let length = fs::metadata(file).map_err(unreadable)?.len();
    // Asked before reading: a file far too large should not fill the memory first.
    if length > LARGEST {
        return Err(wrong(format!(
            "E-CONTRACT: the file has {length} bytes; at most {LARGEST} (256 MiB) are read"
        )));
    }
    fs::read(file).map_err(unreadable)
}

fn sha256(bytes: &[u8]) -> String {
    let digit = |byte: &u8| format!("{byte:02x}");
    Sha256::digest(bytes).iter().map(digit).collect()
}

/// An engine as scenarios name it.
fn engine(text: Option<&str>) -> Engine {
    match text {
        None | Some("embedded") => Engine::Embedded,
        Some("onnxruntime") => Engine::OnnxRuntime(None),
        Some(library) => Engine::OnnxRuntime(Some(PathBuf::from(library))),
    }
}
