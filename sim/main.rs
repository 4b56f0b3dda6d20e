//! The command line: parse, call, print the error, exit.
//!
//! Exit codes: 0 done, 1 the run failed, 2 bad usage or input, 130 interrupted.

mod cli;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A tissue simulator in which cells follow readable rules or neural models.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario and write what it shows.
    Run(cli::run::Arguments),
    /// Go on with a run that was stopped, from its last checkpoint.
    Resume(cli::resume::Arguments),
    /// Read a scenario and print what would run.
    Check(cli::check::Arguments),
    /// Write the scenario of a PhysiCell project.
    Import(cli::import::Arguments),
    /// Print every name that rules and models may use in a scenario, with its unit.
    Signals(cli::signals::Arguments),
    /// Look at learned rules, check them, make them, explain them.
    #[command(subcommand)]
    Model(cli::model::Command),
    /// Write what rules see, say and bring about, run by run: rows that models are trained on.
    Record(cli::record::Arguments),
    /// Compare two forms of a scenario: rule by rule, event by event, and as tissues.
    Compare(cli::compare::Arguments),
    /// Score a model of events on recorded rows, beside baselines and ceiling.
    Evaluate(cli::evaluate::Arguments),
    /// Sum up a table of dyads, and tell how far it is from another.
    Assay(cli::assay::Arguments),
    /// Measure kernels and whole steps on this machine, beside what its memory allows.
    Bench(cli::bench::Arguments),
    /// Print a JSON Schema of scenario files, for editors.
    Schema,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(arguments) => cli::run::run(&arguments),
        Command::Resume(arguments) => cli::resume::resume(&arguments),
        Command::Check(arguments) => cli::check::check(&arguments),
        Command::Import(arguments) => cli::import::import(&arguments),
        Command::Signals(arguments) => cli::signals::signals(&arguments),
        Command::Model(command) => cli::model::model(&command),
        Command::Record(arguments) => cli::record::record(&arguments),
        Command::Compare(arguments) => cli::compare::compare(&arguments),
        Command::Evaluate(arguments) => cli::evaluate::evaluate(&arguments),
        Command::Assay(arguments) => cli::assay::assay(&arguments),
        Command::Bench(arguments) => cli::bench::bench(&arguments),
        Command::Schema => cli::schema(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            if !stop.message.is_empty() {
                cli::tell(&format!("error: {}", stop.message));
            }
            ExitCode::from(stop.code)
        }
    }
}
