//! `milieu model …`: learned rules as files, one file a subcommand.

mod attach;
mod check;
mod explain;
mod export_rule;
mod inspect;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use rules::{Engine, neural::check::LARGEST};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Stop, tell};

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
    /// Make a model file of a written rule: the same law.
    ExportRule(export_rule::Arguments),
    /// Print a TOML file for `attach`, with the tensors of a plain export filled in.
    Template(attach::TemplateArguments),
    /// Print a JSON Schema of `milieu.spec`, for editors.
    Schema,
}

/// Does what a subcommand says.
pub fn model(command: &Command) -> Result<(), Stop> {
    let (done, json) = match command {
        Command::Inspect(arguments) => (inspect::inspect(arguments), arguments.json),
        Command::Check(arguments) => (check::check(arguments), arguments.json),
        Command::Explain(arguments) => (explain::explain(arguments), arguments.json),
        Command::Attach(arguments) => (attach::attach(arguments), arguments.json),
        Command::ExportRule(arguments) => (export_rule::export_rule(arguments), false),
        Command::Template(arguments) => (attach::template(arguments), false),
        Command::Schema => {
            let schema = rules::neural::contract::schema();
            (super::print_json(&schema), true)
        }
    };
    // Who asked for JSON has it already where there is nothing left to say.
    if let Err(stop) = &done
        && json
        && !stop.message.is_empty()
    {
        super::print_json(&json!({ "error": error(&stop.message) }))?;
    }
    done
}

/// An error as programs read it: its code in the contract, if it has one; what is wrong; and the
/// way out, which stands indented below it.
fn error(text: &str) -> Value {
    let is_code = |word: &&str| word.starts_with("E-") && word.ends_with(':');
    let code = text.split_whitespace().find(is_code);
    let (message, way_out) = match text.split_once("\n  ") {
        Some((message, way_out)) => (message, Some(way_out.replace("\n  ", "\n"))),
        None => (text, None),
    };
    json!({
        "code": code.map(|code| code.trim_end_matches(':')),
        "message": message,
        "way_out": way_out,
    })
}

/// Ends with code 2 over tests that have been printed; nothing more goes to standard output.
fn tested(message: String, json: bool) -> Stop {
    if !json {
        return Stop::input(message);
    }
    tell(&format!("error: {message}"));
    Stop::input("")
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

/// Refuses a file that is no place for a model.
fn check_output(output: &Path, force: bool) -> Result<(), Stop> {
    if output
        .extension()
        .is_none_or(|extension| extension != "onnx")
    {
        return Err(Stop::input(format!(
            "{}: a model file ends in .onnx, by which scenarios know it",
            output.display()
        )));
    }
    match output.exists() && !force {
        true => Err(Stop::input(format!(
            "{} is there already\n  --force replaces it",
            output.display()
        ))),
        false => Ok(()),
    }
}

/// Writes a model file.
fn save(output: &Path, bytes: &[u8]) -> Result<(), Stop> {
    let failed = |error| Stop::run(format!("{} cannot be written: {error}", output.display()));
    fs::write(output, bytes).map_err(failed)
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
