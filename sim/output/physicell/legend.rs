//! `legend.svg`: types and their colors. PhysiCell Studio takes the names of types from its texts.

use std::io;

use quick_xml::events::BytesText;

use super::xml::{Xml, document};
use crate::scenario::Scenario;

/// Height of a line, px.
const LINE: f64 = 65.0;

/// The drawing.
pub fn draw(scenario: &Scenario) -> Vec<u8> {
    document(|xml| {
        let height = LINE * scenario.cell_types.len() as f64;
        let size = [
            ("version", "1.1"),
            ("width", "1440"),
            ("height", &height.to_string()),
        ];
        xml.create_element("svg")
            .with_attribute(("xmlns", "http://www.w3.org/2000/svg"))
            .with_attributes(size)
            .write_inner_content(|xml| {
                for (number, cell_type) in scenario.cell_types.iter().enumerate() {
                    let middle = LINE * (number as f64 + 0.5);
                    circle(xml, middle, 25.0, &cell_type.color, "black")?;
                    circle(xml, middle, 12.5, &cell_type.color, &cell_type.color)?;
                    xml.create_element("text")
                        .with_attributes([
                            ("x", "72.5"),
                            ("y", &(middle + 12.75).to_string()),
                            ("font-family", "Arial"),
                            ("font-size", "42.5"),
                            ("fill", "black"),
                        ])
                        .write_text_content(BytesText::new(&cell_type.name))?;
                }
                Ok(())
            })?;
        Ok(())
    })
}

fn circle(xml: &mut Xml, middle: f64, radius: f64, fill: &str, stroke: &str) -> io::Result<()> {
    xml.create_element("circle")
        .with_attributes([
            ("cx", "32.5"),
            ("cy", &middle.to_string()),
            ("r", &radius.to_string()),
            ("stroke-width", "1"),
            ("stroke", stroke),
            ("fill", fill),
        ])
        .write_empty()?;
    Ok(())
}
