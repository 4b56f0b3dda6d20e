//! `milieu import PROJECT -o scenario.toml`

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use sim::{import, plan::bind};

use super::{Stop, print, remark, told};

/// Arguments of `milieu import`.
#[derive(Args)]
pub struct Arguments {
    /// A PhysiCell_settings.xml, or the folder of a PhysiCell project.
    project: PathBuf,
    /// Where to write the scenario; `-` prints it.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Go on without what cannot be imported, though results differ.
    #[arg(long)]
    allow_ignored: bool,
    /// Replace the file that --output names.
    #[arg(long)]
    force: bool,
}

/// Writes the scenario of a PhysiCell project.
pub fn import(arguments: &Arguments) -> Result<(), Stop> {
    let project = &arguments.project;
    let settings = import::settings(project).ok_or_else(|| {
        Stop::input(format!(
            "{}: this is neither an XML file nor the folder of a PhysiCell project\n  \
             name a PhysiCell_settings.xml, or a folder that holds it, by itself or in config/",
            project.display()
        ))
    })?;
    let output = &arguments.output;
    let prints = output == Path::new("-");
    if !prints && output.exists() && !arguments.force {
        return Err(Stop::input(format!(
            "{} is there already\n  --force replaces it",
            output.display()
        )));
    }
    let folder = match output.parent() {
        Some(folder) if !prints && folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(Stop::input(format!(
            "there is no folder {}\n  make it, or write to another",
            folder.display()
        )));
    }
    if !prints
        && output
            .extension()
            .is_none_or(|extension| extension != "toml")
    {
        return Err(Stop::input(format!(
            "{}: a scenario is a TOML file\n  write to a file whose name ends in .toml",
            output.display()
        )));
    }
    let imported = import::import(&settings, folder, arguments.allow_ignored)
        .map_err(|problems| told(&problems))?;
    // What is written can be run; and tables of cells and rules have their own remarks.
    let scenario = import::read(&settings, &[], None, arguments.allow_ignored)
        .map_err(|problems| told(&problems))?;
    let bound = bind(scenario).map_err(Stop::input)?;
    if prints {
        remark(&bound.plan.scenario.notes);
        return print(&imported.text);
    }
    let written =
        std::fs::File::create(output).and_then(|mut file| file.write_all(imported.text.as_bytes()));
    written
        .map_err(|error| Stop::run(format!("{} cannot be written: {error}", output.display())))?;
    remark(&bound.plan.scenario.notes);
    Ok(())
}
