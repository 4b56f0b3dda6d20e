//! `milieu model export-rule SCENARIO ENTRY -o MODEL.onnx`

use std::path::PathBuf;

use clap::Args;
use rules::{Rule, Subject, Target, Written, dictionary::normal, written::export::export};
use sim::plan::Plan;

use super::super::{Chosen, Stop, tell};

/// Arguments of `milieu model export-rule`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// An entry of the scenario's [rules] that is written.
    #[arg(long = "rule", value_name = "ENTRY")]
    rule: String,
    /// The behavior to export, where the entry has several. May be repeated.
    #[arg(long = "behavior", value_name = "NAME")]
    behaviors: Vec<String>,
    /// The cell type, of pairs the acting one, where the entry speaks of several.
    #[arg(long = "type", value_name = "TYPE")]
    cell_type: Option<String>,
    /// Where the model file goes.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace the file that --output names.
    #[arg(long)]
    force: bool,
}

/// Makes a model file of a written rule.
pub fn export_rule(arguments: &Arguments) -> Result<(), Stop> {
    let output = &arguments.output;
    super::check_output(output, arguments.force)?;
    let bound = arguments.chosen.bind()?;
    let plan = &bound.plan;
    let entry = normal(&arguments.rule);
    let sources = plan
        .scenario
        .rules
        .iter()
        .map(|source| source.name.as_str());
    if !sources.clone().any(|name| normal(name) == entry) {
        let unknown = rules::dictionary::unknown("entry of [rules]", &arguments.rule, sources);
        return Err(Stop::input(unknown));
    }
    let of_entry = bound
        .rules
        .iter()
        .filter(|rule| normal(&rule.signature().source) == entry);
    let written: Vec<&Written> = of_entry.filter_map(|rule| rule.written()).collect();
    if written.is_empty() {
        return Err(Stop::input(format!(
            "`{}` is a model already\n  name an entry whose file ends in .rules or .csv",
            arguments.rule
        )));
    }
    let wanted: Vec<&&Written> = written
        .iter()
        .filter(|it| is_wanted(it, plan, arguments))
        .collect();
    let [rule] = wanted[..] else {
        let lines: Vec<String> = written.iter().map(|it| line(it, plan)).collect();
        return Err(Stop::input(format!(
            "`{}` holds {} rules that these words choose; a model file is one\n  \
             choose by --type and --behavior among:\n  {}",
            arguments.rule,
            wanted.len(),
            lines.join("\n  ")
        )));
    };
    let bytes = export(rule, &arguments.behaviors, &plan.table.vocabulary);
    let bytes = bytes.map_err(Stop::input)?;
    super::save(output, &bytes)?;
    tell(&format!("{} is {}", output.display(), line(rule, plan)));
    Ok(())
}

fn is_wanted(rule: &Written, plan: &Plan, arguments: &Arguments) -> bool {
    let vocabulary = &plan.table.vocabulary;
    let is_type = |name: &String| {
        let number = vocabulary.type_number(name);
        number.is_some_and(|number| match &rule.signature().subject {
            Subject::Cell { types } => types.contains(&number),
            Subject::Dyad { a, .. } => *a == number,
        })
    };
    let has = |name: &String| {
        behaviors(rule, plan)
            .iter()
            .any(|it| normal(it) == normal(name))
    };
    arguments.cell_type.iter().all(is_type) && arguments.behaviors.iter().all(has)
}

fn behaviors(rule: &Written, plan: &Plan) -> Vec<String> {
    let vocabulary = &plan.table.vocabulary;
    let name = |target: &Target| match target {
        Target::Behavior(number) => vocabulary.behaviors.entry(*number).name.clone(),
        Target::PairBehavior(number) => vocabulary.pair_behaviors.entry(*number).name.clone(),
        Target::Readout(name) => name.clone(),
    };
    let writes = rule.signature().writes.iter();
    writes.map(|write| name(&write.target)).collect()
}

/// `tumor: cycle entry, apoptosis, every 6 min`
fn line(rule: &Written, plan: &Plan) -> String {
    let types = &plan.table.vocabulary.types;
    let subject = match &rule.signature().subject {
        Subject::Cell { types: kinds } => {
            let names: Vec<&str> = kinds.iter().map(|&kind| types[kind].as_str()).collect();
            names.join(", ")
        }
        Subject::Dyad { a, b } => format!("{} on {}", types[*a], types[*b]),
    };
    let behaviors = behaviors(rule, plan).join(", ");
    format!(
        "{subject}: {behaviors}, every {} min",
        rule.signature().clock
    )
}
