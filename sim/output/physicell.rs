//! `physicell/`: what PhysiCell 1.14 would have saved, so that everything made for its output reads
//! ours: MultiCellDS 2 (XML, MATLAB level-4 matrices, text graphs), once a frame.
//!
//! Nothing in it tells the time of day, so that two runs of one scenario give the same bytes.

mod codes;
mod labels;
mod legend;
mod mat;
mod xml;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::folder::PartFolder;
use super::{CellTable, Error, Frame, Output};
use crate::detail::Detail;
use crate::scenario::{Domain, Scenario};

/// The folder.
pub const NAME: &str = "physicell";
/// Centers and volumes of voxels.
const MESH: &str = "initial_mesh0.mat";

struct PhysiCell {
    scenario: Scenario,
    folder: PathBuf,
    /// Open from the first frame on.
    part: Option<PartFolder>,
    numbers: HashMap<u64, u64>,
    /// `number,id` of every cell so far.
    ids: String,
    /// Number and time of the last frame.
    last: Option<(u64, f64)>,
}

/// Starts the folder.
///
/// # Errors
/// None; it is made with the first frame.
pub fn open(scenario: &Scenario, folder: &Path) -> Result<Box<dyn Output>, Error> {
    Ok(Box::new(PhysiCell {
        scenario: scenario.clone(),
        folder: folder.to_owned(),
        part: None,
        numbers: HashMap::new(),
        ids: "number,id\n".to_owned(),
        last: None,
    }))
}

impl Output for PhysiCell {
    fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let is_first = self.part.is_none();
        let part = match self.part.take() {
            Some(part) => part,
            None => self.start()?,
        };
        let Some(detail) = &frame.cells.detail else {
            let reason = "the frame has no details; run the scenario with this output asked for";
            return Err(Error::new(part.path(), reason));
        };
        self.count(frame.cells, detail);
        let mut order: Vec<u32> = (0..frame.cells.id.len() as u32).collect();
        order.sort_unstable_by_key(|row| self.number(frame.cells, *row));
        let bases = [name(frame.index), "initial".to_owned()];
        let bases = &bases[..if is_first { 2 } else { 1 }];
        self.save(&part, bases, frame, detail, &order)?;
        self.last = Some((frame.index, frame.time));
        self.part = Some(part);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<String>, Error> {
        let Some(part) = self.part.take() else {
            return Ok(Vec::new());
        };
        put(&part, "cell_ids.csv", self.ids.as_bytes())?;
        if let Some((index, time)) = self.last {
            let base = name(index);
            for ending in ENDINGS {
                let saved = part.temporary().join(format!("{base}{ending}"));
                let file = part.path().join(format!("{base}{ending}"));
                let bytes = fs::read(saved).map_err(|error| Error::because(&file, &error))?;
                put(&part, &format!("final{ending}"), &bytes)?;
            }
            put(
                &part,
                "final.xml",
                &xml::snapshot(&self.scenario, "final", time),
            )?;
        }
        Ok(vec![part.finish()?])
    }
}

/// The files of a frame beside its XML.
const ENDINGS: [&str; 5] = [
    "_cells.mat",
    "_microenvironment0.mat",
    "_cell_neighbor_graph.txt",
    "_attached_cells_graph.txt",
    "_spring_attached_cells_graph.txt",
];

/// What the files of a frame begin with.
fn name(frame: u64) -> String {
    format!("output{frame:08}")
}

impl PhysiCell {
    /// Makes the folder, with what does not change.
    fn start(&self) -> Result<PartFolder, Error> {
        let part = PartFolder::create(&self.folder, NAME)?;
        put(&part, MESH, &mat::matrix("mesh", 4, &mesh(&self.scenario)))?;
        put(&part, "legend.svg", &legend::draw(&self.scenario))?;
        if let Some(file) = &self.scenario.settings {
            let settings = fs::read(file).map_err(|error| Error::because(file, &error))?;
            put(&part, "PhysiCell_settings.xml", &settings)?;
        }
        Ok(part)
    }

    /// Numbers the cells that are new. PhysiCell's are small, and a double holds them exactly.
    fn count(&mut self, cells: &CellTable, detail: &Detail) {
        for row in &detail.order {
            let id = cells.id[*row as usize];
            let next = self.numbers.len() as u64;
            if *self.numbers.entry(id).or_insert(next) == next {
                let _ = writeln!(self.ids, "{next},{id}");
            }
        }
    }

    /// The small number of the cell in a row.
    fn number(&self, cells: &CellTable, row: u32) -> u64 {
        self.numbers[&cells.id[row as usize]]
    }

    /// All files of a frame, under each of these names.
    fn save(
        &self,
        part: &PartFolder,
        bases: &[String],
        frame: &Frame<'_>,
        detail: &Detail,
        order: &[u32],
    ) -> Result<(), Error> {
        let number = |row: u32| self.number(frame.cells, row);
        let cells = labels::cells(&self.scenario, frame.cells, detail, order, number);
        let height = labels::height(&self.scenario);
        let neighbors = graph(order, number, |row| &detail.cells[row].neighbors);
        let springs = graph(order, number, |row| &detail.cells[row].springs);
        let files = [
            mat::matrix("cells", height, &cells),
            self.densities(frame.fields),
            neighbors.into_bytes(),
            // PhysiCell's older kind of attachment, which only custom code makes.
            graph(order, number, |_| &[]).into_bytes(),
            springs.into_bytes(),
        ];
        for base in bases {
            for (ending, bytes) in ENDINGS.iter().zip(&files) {
                put(part, &format!("{base}{ending}"), bytes)?;
            }
            let text = xml::snapshot(&self.scenario, base, frame.time);
            put(part, &format!("{base}.xml"), &text)?;
        }
        Ok(())
    }

    /// The substrates' matrix: a column a voxel.
    fn densities(&self, fields: &[f64]) -> Vec<u8> {
        let mesh = mesh(&self.scenario);
        let voxels = mesh.len() / 4;
        let height = 4 + self.scenario.substrates.len();
        let mut values = Vec::with_capacity(height * voxels);
        for (voxel, center) in mesh.chunks_exact(4).enumerate() {
            values.extend_from_slice(center);
            values.extend(fields.iter().skip(voxel).step_by(voxels));
        }
        mat::matrix("multiscale_microenvironment", height, &values)
    }
}

/// Writes a whole file onto the disk.
fn put(part: &PartFolder, name: &str, bytes: &[u8]) -> Result<(), Error> {
    File::create(part.temporary().join(name))
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .map_err(|error| Error::because(&part.path().join(name), &error))
}

/// One line a cell: its number, then those it is tied to, ascending.
fn graph<'a>(
    order: &[u32],
    number: impl Fn(u32) -> u64,
    of: impl Fn(usize) -> &'a [u32],
) -> String {
    let mut text = String::new();
    for row in order {
        let mut others: Vec<u64> = of(*row as usize).iter().map(|row| number(*row)).collect();
        others.sort_unstable();
        let others: Vec<String> = others.iter().map(u64::to_string).collect();
        let _ = writeln!(text, "{}: {}", number(*row), others.join(","));
    }
    text
}

/// Centers of voxels along an axis, µm.
fn centers(domain: &Domain, axis: usize) -> impl Iterator<Item = f64> + Clone {
    let edge = domain.voxel[axis];
    let least = domain.min[axis];
    let count = ((domain.max[axis] - least) / edge).round() as u32;
    (0..count).map(move |voxel| least + (f64::from(voxel) + 0.5) * edge)
}

/// x, y, z (µm) and volume (µm³) of each voxel; x runs fastest.
fn mesh(scenario: &Scenario) -> Vec<f64> {
    let domain = &scenario.domain;
    let volume: f64 = domain.voxel.iter().product();
    let [xs, ys, zs] = [0, 1, 2].map(|axis| centers(domain, axis));
    let mut mesh = Vec::new();
    for z in zs {
        for y in ys.clone() {
            mesh.extend(xs.clone().flat_map(|x| [x, y, z, volume]));
        }
    }
    mesh
}
