//! `milieu evaluate scenarios/x --rows DIR --site killing --model killing.onnx --out DIR`

use std::path::PathBuf;

use clap::Args;
use sim::{
    evaluate::{evaluate as score, page},
    output::folder::save,
};

use super::{Chosen, Stop, print};

/// Arguments of `milieu evaluate`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// A folder that `milieu record` has written.
    #[arg(long, value_name = "DIR")]
    rows: PathBuf,
    /// The site whose rows are scored, as `record.json` names it.
    #[arg(long, value_name = "SITE")]
    site: String,
    /// The model file, or written rules.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Folder for evaluate.html and evaluate.json.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the evaluation that --out holds.
    #[arg(long)]
    force: bool,
}

/// Scores a model. Exits with 0 only if the audit finds no leak.
pub fn evaluate(arguments: &Arguments) -> Result<(), Stop> {
    let bound = arguments.chosen.bind()?;
    let out = &arguments.out;
    super::prepare(out, "evaluate.json", "an evaluation", arguments.force)?;
    let (rows, model) = (&arguments.rows, &arguments.model);
    let report = score(&bound.plan, rows, &arguments.site, model).map_err(Stop::input)?;
    let json = serde_json::to_vec_pretty(&report).map_err(Stop::run)?;
    save(out, "evaluate.html", page::page(&report).as_bytes()).map_err(Stop::run)?;
    save(out, "evaluate.json", &json).map_err(Stop::run)?;
    print(&format!(
        "{}\nreport in {}\n",
        page::summary(&report),
        out.join("evaluate.html").display()
    ))?;
    match report.is_clean {
        true => Ok(()),
        // What is wrong has been told.
        false => Err(Stop {
            code: 1,
            message: String::new(),
        }),
    }
}
