//! MATLAB level-4 files: one matrix of doubles behind a header of 20 bytes.
//!
//! Source: MathWorks, *MAT-File Format*, "Level 4 MAT-File Format". PhysiCell does not count the
//! zero that ends the name, and does not write it; the format asks for both, and every reader of
//! the one reads the other.

/// A file with one matrix of `rows` rows, its values column by column.
pub fn matrix(name: &str, rows: usize, values: &[f64]) -> Vec<u8> {
    let columns = values.len().checked_div(rows).unwrap_or(0);
    // Little-endian doubles in a full matrix; no imaginary part.
    let header = [0, rows, columns, 0, name.len() + 1];
    let mut bytes = Vec::with_capacity(20 + name.len() + 1 + 8 * values.len());
    for number in header {
        bytes.extend((number as u32).to_le_bytes());
    }
    bytes.extend(name.as_bytes());
    bytes.push(0);
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}
