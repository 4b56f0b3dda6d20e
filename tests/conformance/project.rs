//! A project of `shared/physicell`, imported and running.

use std::path::{Path, PathBuf};

use sim::{
    detail::Detail, import, output::CellTable, plan::bind, scenario::Scenario,
    simulation::Simulation,
};

/// The folder of a project, or none if there are no projects; then that is said.
pub fn folder(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/physicell")
        .join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} is not there", folder.display());
    None
}

/// A running project.
pub struct Project {
    pub folder: PathBuf,
    pub simulation: Simulation,
    /// Ids of the founders, in the order of the project.
    pub founders: Vec<u64>,
}

/// A project as it is, with settings on top; without what only custom code could do, as it was
/// when its figures were taken.
pub fn scenario(folder: &Path, settings: &[String]) -> Scenario {
    let file = folder.join("PhysiCell_settings.xml");
    import::read(&file, settings, None, true).unwrap_or_else(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

impl Project {
    pub fn open(name: &str, settings: &[String]) -> Option<Project> {
        let folder = folder(name)?;
        let bound = bind(scenario(&folder, settings)).unwrap_or_else(|message| panic!("{message}"));
        let simulation = Simulation::new(bound, 1).unwrap_or_else(|message| panic!("{message}"));
        let ids = simulation.tissue().ids();
        let order = Detail::of(&simulation).order;
        let founders = order.iter().map(|&rank| ids[rank as usize]).collect();
        Some(Project {
            folder,
            simulation,
            founders,
        })
    }

    /// Steps until `time` min.
    pub fn until(&mut self, time: f64) {
        let end = self.simulation.plan().scenario.clocks.ticks(time);
        while self.simulation.tick() < end {
            self.simulation.step().unwrap();
        }
    }

    /// The cells with everything there is to know of them.
    pub fn cells(&mut self) -> (CellTable, Detail) {
        let detail = Detail::of(&self.simulation);
        (self.simulation.table(), detail)
    }

    /// The name of a cell type.
    pub fn type_name(&self, number: u16) -> &str {
        &self.simulation.plan().scenario.cell_types[usize::from(number)].name
    }
}
