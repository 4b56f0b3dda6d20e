//! `fields.ome.zarr`: the substrates of every frame, as an OME-Zarr 0.5 image (Zarr v3).
//!
//! Axes are t, c, y, x in 2D and t, c, z, y, x in 3D; one chunk holds one substrate at one time.
//! Values are doubles, as computed, so that two runs can be compared bit for bit.
//! Specification: <https://ngff.openmicroscopy.org/0.5/>.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use zarrs::array::codec::GzipCodec;
use zarrs::array::{Array, ArrayBuilder, ArrayMetadataOptions, ZARR_NAN_F64, data_type};
use zarrs::filesystem::FilesystemStore;
use zarrs::group::GroupBuilder;

use super::folder::PartFolder;
use super::{Error, Frame, Output};
use crate::scenario::{Domain, Scenario};

const NAME: &str = "fields.ome.zarr";

struct Fields {
    scenario: Scenario,
    part: PartFolder,
    store: Arc<FilesystemStore>,
    array: Array<FilesystemStore>,
    /// z, y, x, or y, x.
    voxels: Vec<u64>,
    times: Vec<f64>,
    /// Least and greatest value so far, by substrate.
    ranges: Vec<[f64; 2]>,
}

/// No file at all, for a scenario without substrates.
struct Nothing;

impl Output for Nothing {
    fn record(&mut self, _: &Frame<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

/// Starts `fields.ome.zarr`, if anything diffuses.
///
/// # Errors
/// When the folder cannot be made.
pub fn open(scenario: &Scenario, folder: &Path) -> Result<Box<dyn Output>, Error> {
    if scenario.substrates.is_empty() {
        return Ok(Box::new(Nothing));
    }
    let part = PartFolder::create(folder, NAME)?;
    let failed = |error: &(dyn std::error::Error + 'static)| Error::because(part.path(), error);
    let store = FilesystemStore::new(part.temporary()).map_err(|error| failed(&error))?;
    let store = Arc::new(store);
    let voxels = voxels(&scenario.domain);
    let shape = [&[0, scenario.substrates.len() as u64], &voxels[..]].concat();
    let chunk = [&[1, 1], &voxels[..]].concat();
    let array = ArrayBuilder::new(shape, chunk, data_type::float64(), ZARR_NAN_F64)
        .bytes_to_bytes_codecs(vec![Arc::new(
            GzipCodec::new(1).expect("1 is one of gzip's levels"),
        )])
        .dimension_names(Some(axes(voxels.len())))
        .build(store.clone(), "/0")
        .map_err(|error| failed(&error))?
        // The library's own note would change the bytes with its version.
        .with_metadata_options(ArrayMetadataOptions::default().with_include_zarrs_metadata(false));
    Ok(Box::new(Fields {
        scenario: scenario.clone(),
        store,
        array,
        voxels,
        times: Vec::new(),
        ranges: vec![[f64::INFINITY, f64::NEG_INFINITY]; scenario.substrates.len()],
        part,
    }))
}

impl Output for Fields {
    fn record(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        let failed =
            |error: &(dyn std::error::Error + 'static)| Error::because(self.part.path(), error);
        let time = self.times.len() as u64;
        let count: u64 = self.voxels.iter().product();
        let mut chunk = vec![0; 2 + self.voxels.len()];
        chunk[0] = time;
        for (substrate, values) in frame.fields.chunks_exact(count as usize).enumerate() {
            chunk[1] = substrate as u64;
            self.array
                .store_chunk(&chunk, values)
                .map_err(|error| failed(&error))?;
            let [least, greatest] = &mut self.ranges[substrate];
            for value in values {
                *least = least.min(*value);
                *greatest = greatest.max(*value);
            }
        }
        let mut shape = self.array.shape().to_vec();
        shape[0] = time + 1;
        self.array
            .set_shape(shape)
            .map_err(|error| failed(&error))?;
        self.times.push(frame.time);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<String>, Error> {
        let failed =
            |error: &(dyn std::error::Error + 'static)| Error::because(self.part.path(), error);
        self.array
            .store_metadata()
            .map_err(|error| failed(&error))?;
        GroupBuilder::new()
            .attributes(self.attributes())
            .build(self.store.clone(), "/")
            .map_err(|error| failed(&error))?
            .store_metadata()
            .map_err(|error| failed(&error))?;
        Ok(vec![self.part.finish()?])
    }
}

impl Fields {
    /// What readers of OME-Zarr look for, and what the standard has no place for.
    fn attributes(&self) -> Map<String, Value> {
        let domain = &self.scenario.domain;
        // Voxel edges and centers of the first voxel, in the order of the axes.
        let spatial: Vec<usize> = (0..self.voxels.len()).rev().collect();
        let edges = spatial.iter().map(|axis| domain.voxel[*axis]);
        let centers = spatial
            .iter()
            .map(|axis| domain.min[*axis] + domain.voxel[*axis] / 2.0);
        let scale: Vec<f64> = [self.scenario.outputs.interval, 1.0]
            .into_iter()
            .chain(edges)
            .collect();
        let translation: Vec<f64> = [self.times.first().copied().unwrap_or(0.0), 0.0]
            .into_iter()
            .chain(centers)
            .collect();
        let axes: Vec<Value> = axes(self.voxels.len())
            .iter()
            .map(|name| match *name {
                "t" => json!({"name": "t", "type": "time", "unit": "minute"}),
                "c" => json!({"name": "c", "type": "channel"}),
                name => json!({"name": name, "type": "space", "unit": "micrometer"}),
            })
            .collect();
        let substrates = &self.scenario.substrates;
        let channels: Vec<Value> = substrates
            .iter()
            .zip(&self.ranges)
            .enumerate()
            .map(|(number, (substrate, [least, greatest]))| {
                // Viewers divide by the range, so it is never empty.
                let end = if greatest > least {
                    *greatest
                } else {
                    least + 1.0
                };
                json!({
                    "label": substrate.name,
                    "color": COLORS[number % COLORS.len()],
                    "active": number == 0,
                    "window": {"min": least, "max": end, "start": least, "end": end},
                })
            })
            .collect();
        let named: Vec<Value> = substrates
            .iter()
            .map(|it| json!({"name": it.name, "unit": it.unit.to_string()}))
            .collect();
        let attributes = json!({
            "ome": {
                "version": "0.5",
                "multiscales": [{
                    "name": self.scenario.name,
                    "axes": axes,
                    "datasets": [{
                        "path": "0",
                        "coordinateTransformations": [
                            {"type": "scale", "scale": scale},
                            {"type": "translation", "translation": translation},
                        ],
                    }],
                }],
                "omero": {"channels": channels, "rdefs": {"model": "color"}},
            },
            "time_min": self.times,
            "substrates": named,
        });
        match attributes {
            Value::Object(attributes) => attributes,
            _ => unreachable!("it is written as an object"),
        }
    }
}

/// Colors in which viewers first show the channels: Okabe & Ito's, without black.
const COLORS: [&str; 6] = ["E69F00", "56B4E9", "009E73", "F0E442", "CC79A7", "D55E00"];

/// Names of the axes of an image with that many spatial ones.
fn axes(spatial: usize) -> Vec<&'static str> {
    [&["t", "c"], &["z", "y", "x"][3 - spatial..]].concat()
}

/// Voxels along z, y, x, or along y, x in 2D.
fn voxels(domain: &Domain) -> Vec<u64> {
    (0..usize::from(domain.dimensions))
        .rev()
        .map(|axis| ((domain.max[axis] - domain.min[axis]) / domain.voxel[axis]).round() as u64)
        .collect()
}
