//! The XML of a frame: what the matrices beside it hold.

use std::io;

use quick_xml::events::{BytesDecl, BytesText, Event};
use quick_xml::writer::Writer;

use super::{MESH, centers, labels};
use crate::scenario::{Domain, Scenario};

/// What elements are written to.
pub type Xml = Writer<Vec<u8>>;

/// When files were created, as far as they say: they are the same whenever a run is repeated. The
/// time of day is in `run.json`.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// A document with what `body` writes.
pub fn document(body: impl FnOnce(&mut Xml) -> io::Result<()>) -> Vec<u8> {
    let mut xml = Writer::new_with_indent(Vec::new(), b'\t', 1);
    let declaration = Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None));
    let written = xml.write_event(declaration).and_then(|()| body(&mut xml));
    written.expect("memory takes what is written to it");
    xml.into_inner()
}

/// The XML of the frame at `time` min, whose files begin with `base`.
pub fn snapshot(scenario: &Scenario, base: &str, time: f64) -> Vec<u8> {
    document(|xml| {
        xml.create_element("MultiCellDS")
            .with_attributes([("version", "2"), ("type", "snapshot/simulation")])
            .write_inner_content(|xml| {
                metadata(xml, time)?;
                within(xml, "microenvironment", &[], |xml| {
                    microenvironment(xml, scenario, base)
                })?;
                within(xml, "cellular_information", &[], |xml| {
                    within(xml, "cell_populations", &[], |xml| {
                        within(xml, "cell_population", &[("type", "individual")], |xml| {
                            within(xml, "custom", &[], |xml| cells(xml, scenario, base))
                        })
                    })
                })
            })?;
        Ok(())
    })
}

/// An element with what `body` writes.
fn within(
    xml: &mut Xml,
    name: &str,
    attributes: &[(&str, &str)],
    body: impl FnOnce(&mut Xml) -> io::Result<()>,
) -> io::Result<()> {
    xml.create_element(name)
        .with_attributes(attributes.iter().copied())
        .write_inner_content(body)?;
    Ok(())
}

/// An element with a text.
fn text(xml: &mut Xml, name: &str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
    xml.create_element(name)
        .with_attributes(attributes.iter().copied())
        .write_text_content(BytesText::new(text))?;
    Ok(())
}

fn metadata(xml: &mut Xml, time: f64) -> io::Result<()> {
    within(xml, "metadata", &[], |xml| {
        within(xml, "software", &[], |xml| {
            text(xml, "name", &[], "Milieu")?;
            text(xml, "version", &[], env!("CARGO_PKG_VERSION"))
        })?;
        text(xml, "current_time", &[("units", "min")], &time.to_string())?;
        text(xml, "current_runtime", &[("units", "sec")], "0")?;
        text(xml, "created", &[], CREATED)?;
        text(xml, "last_modified", &[], CREATED)
    })
}

fn microenvironment(xml: &mut Xml, scenario: &Scenario, base: &str) -> io::Result<()> {
    within(xml, "domain", &[("name", "microenvironment")], |xml| {
        mesh(xml, &scenario.domain)?;
        within(xml, "variables", &[], |xml| {
            for (number, substrate) in scenario.substrates.iter().enumerate() {
                let attributes = [
                    ("name", substrate.name.as_str()),
                    ("units", &labels::words(&substrate.unit.to_string())),
                    ("ID", &number.to_string()),
                ];
                within(xml, "variable", &attributes, |xml| {
                    within(xml, "physical_parameter_set", &[], |xml| {
                        let diffusion = substrate.diffusion_coefficient.to_string();
                        let units = [("units", "micron^2/min")];
                        text(xml, "diffusion_coefficient", &units, &diffusion)?;
                        let decay = substrate.decay_rate.to_string();
                        text(xml, "decay_rate", &[("units", "1/min")], &decay)
                    })
                })?;
            }
            Ok(())
        })?;
        within(xml, "data", &[("type", "matlab")], |xml| {
            text(
                xml,
                "filename",
                &[],
                &format!("{base}_microenvironment0.mat"),
            )
        })
    })
}

fn mesh(xml: &mut Xml, domain: &Domain) -> io::Result<()> {
    let attributes = [
        ("type", "Cartesian"),
        ("uniform", "true"),
        ("regular", "true"),
        ("units", "micron"),
    ];
    let spaced = |numbers: &mut dyn Iterator<Item = f64>| -> String {
        let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
        numbers.join(" ")
    };
    within(xml, "mesh", &attributes, |xml| {
        let corners = spaced(&mut domain.min.into_iter().chain(domain.max));
        let attributes = [("type", "axis-aligned"), ("units", "micron")];
        text(xml, "bounding_box", &attributes, &corners)?;
        for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
            let name = format!("{name}_coordinates");
            let along = spaced(&mut centers(domain, axis));
            text(xml, &name, &[("delimiter", " ")], &along)?;
        }
        within(xml, "voxels", &[("type", "matlab")], |xml| {
            text(xml, "filename", &[], MESH)
        })
    })
}

fn cells(xml: &mut Xml, scenario: &Scenario, base: &str) -> io::Result<()> {
    // Readers look for the kind of data by PhysiCell's name.
    let source = |kind| {
        [
            ("type", kind),
            ("source", "PhysiCell"),
            ("data_version", "2"),
        ]
    };
    within(xml, "simplified_data", &source("matlab"), |xml| {
        within(xml, "cell_types", &[], |xml| {
            for (number, cell_type) in scenario.cell_types.iter().enumerate() {
                let number = number.to_string();
                let attributes = [("ID", number.as_str()), ("type", &number)];
                text(xml, "type", &attributes, &cell_type.name)?;
            }
            Ok(())
        })?;
        within(xml, "labels", &[], |xml| {
            let mut index = 0;
            for label in labels::labels(scenario) {
                let (start, size) = (index.to_string(), label.size.to_string());
                let attributes = [
                    ("index", start.as_str()),
                    ("size", &size),
                    ("units", &label.units),
                ];
                text(xml, "label", &attributes, &label.name)?;
                index += label.size;
            }
            Ok(())
        })?;
        text(xml, "filename", &[], &format!("{base}_cells.mat"))
    })?;
    for (name, ending) in [
        ("neighbor_graph", "cell_neighbor_graph"),
        ("attached_cells_graph", "attached_cells_graph"),
        ("spring_attached_cells_graph", "spring_attached_cells_graph"),
    ] {
        within(xml, name, &source("text"), |xml| {
            text(xml, "filename", &[], &format!("{base}_{ending}.txt"))
        })?;
    }
    Ok(())
}
