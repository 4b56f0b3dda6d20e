//! The archive of golden rows: base64 of an npz, which is a zip of numpy's arrays.

use std::collections::BTreeMap;
use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use npyz::npz::NpzArchive;
use npyz::{DType, NpyFile, Order, TypeChar};

use super::super::{Fault, contract, fault, proto};
use super::{ROWS, broken};

/// Most numbers of one array.
const LARGEST: u64 = 1 << 24;

/// Arrays by name; each is row-major.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arrays(pub BTreeMap<String, Array>);

/// One array.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its shape; empty for a single number.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub data: Vec<f32>,
}

impl Arrays {
    /// Those of a model.
    ///
    /// # Errors
    /// E-GOLDEN if there are none, or they cannot be read.
    pub fn of(model: &proto::Model) -> Result<Arrays, Fault> {
        let text = model.metadata(contract::KEY_GOLDEN).ok_or_else(|| {
            fault(
                "E-GOLDEN",
                format!(
                    "no metadata key `{}`: at least {ROWS} golden rows are part of every model; \
                     docs/models.md shows how to add them",
                    contract::KEY_GOLDEN
                ),
            )
        })?;
        Arrays::read(text)
    }

    /// Reads base64 text.
    ///
    /// # Errors
    /// E-GOLDEN says which array cannot be read.
    pub fn read(text: &str) -> Result<Arrays, Fault> {
        let compact: String = text.split_whitespace().collect();
        let bytes = STANDARD
            .decode(compact)
            .map_err(|error| broken(format!("not base64: {error}")))?;
        let npz = |error: std::io::Error| broken(format!("not an npz archive: {error}"));
        let mut archive = NpzArchive::new(Cursor::new(&bytes)).map_err(npz)?;
        let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
        let mut arrays = BTreeMap::new();
        for name in names {
            let file = archive.by_name(&name).map_err(npz)?;
            let file = file.ok_or_else(|| broken(format!("array `{name}` is damaged")))?;
            let array = array(file).map_err(|error| broken(format!("array `{name}`: {error}")))?;
            arrays.insert(name, array);
        }
        Ok(Arrays(arrays))
    }

    /// Writes base64 text; the same arrays give the same text.
    pub fn write(&self) -> String {
        let files = self.0.iter().map(|(name, array)| {
            let file = npy(array);
            (format!("{name}.npy"), file)
        });
        STANDARD.encode(stored_zip(files))
    }

    /// Puts an array under a name.
    pub fn put(&mut self, name: &str, shape: &[usize], data: Vec<f32>) {
        let shape = shape.to_vec();
        self.0.insert(name.to_owned(), Array { shape, data });
    }

    /// How many rows, and how closely they are to be met.
    pub fn describe(&self) -> String {
        let rows = self.0.values().filter_map(|array| array.shape.first());
        let number = |name: &str| self.scalar(name).unwrap_or(f64::NAN);
        format!(
            "{} rows, atol {:.1e}, rtol {:.1e}",
            rows.max().unwrap_or(&0),
            number("atol"),
            number("rtol")
        )
    }

    pub(super) fn scalar(&self, name: &str) -> Result<f64, Fault> {
        let array = self.0.get(name).ok_or_else(|| {
            broken(format!(
                "no array `{name}`; `atol` and `rtol` say how closely the outputs must be met"
            ))
        })?;
        match array.data[..] {
            [value] if value.is_finite() && value >= 0.0 => Ok(f64::from(value)),
            _ => Err(broken(format!("`{name}` must be one number ≥ 0"))),
        }
    }
}

fn array<R: std::io::Read>(file: NpyFile<R>) -> Result<Array, String> {
    let shape: Vec<usize> = file.shape().iter().map(|&length| length as usize).collect();
    let count = file
        .shape()
        .iter()
        .try_fold(1u64, |product, &length| product.checked_mul(length));
    if count.is_none_or(|count| count > LARGEST) {
        return Err(format!("the shape {shape:?} is too large"));
    }
    let DType::Plain(dtype) = file.dtype() else {
        return Err("a structured array is not read".into());
    };
    let is_fortran = file.order() == Order::Fortran && shape.len() > 1;
    let text = |error: std::io::Error| error.to_string();
    let mut data: Vec<f32> = match (dtype.type_char(), dtype.size_field()) {
        (TypeChar::Float, 4) => file.into_vec::<f32>().map_err(text)?,
        (TypeChar::Float, 8) => {
            let wide = file.into_vec::<f64>().map_err(text)?;
            wide.into_iter().map(|value| value as f32).collect()
        }
        (TypeChar::Int, 8) => {
            let whole = file.into_vec::<i64>().map_err(text)?;
            // Numbers of nodes, of which there are far fewer than an f32 tells apart.
            whole.into_iter().map(|value| value as f32).collect()
        }
        (TypeChar::Bool, 1) => {
            let flags = file.into_vec::<bool>().map_err(text)?;
            flags.into_iter().map(f32::from).collect()
        }
        _ => {
            return Err(format!(
                "type `{dtype}`; save float32 or float64, and `src` and `dst` as int64"
            ));
        }
    };
    if is_fortran {
        let &[rows, columns] = &shape[..] else {
            return Err("more than two axes".into());
        };
        let by_row = (0..rows * columns).map(|at| data[(at % columns) * rows + at / columns]);
        data = by_row.collect();
    }
    Ok(Array { shape, data })
}

/// One array as a .npy file, version 1.0.
fn npy(array: &Array) -> Vec<u8> {
    let shape: Vec<String> = array
        .shape
        .iter()
        .map(|length| format!("{length},"))
        .collect();
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}",
        shape.join(" ")
    );
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(array.data.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// A zip archive without compression and without dates, so that the same files give the same bytes.
fn stored_zip(files: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    let (mut bytes, mut directory, mut count) = (Vec::new(), Vec::new(), 0u16);
    for (name, file) in files {
        let start = bytes.len() as u32;
        // Version 2.0, no flags, stored, 1 January 1980.
        let mut entry: Vec<u8> = [20u16, 0, 0, 0, 0x21]
            .iter()
            .flat_map(|n| n.to_le_bytes())
            .collect();
        entry.extend(crc32(&file).to_le_bytes());
        entry.extend((file.len() as u32).to_le_bytes());
        entry.extend((file.len() as u32).to_le_bytes());
        entry.extend((name.len() as u16).to_le_bytes());
        entry.extend([0; 2]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&entry);
        bytes.extend(name.as_bytes());
        bytes.extend(&file);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&entry);
        directory.extend([0; 10]);
        directory.extend(start.to_le_bytes());
        directory.extend(name.as_bytes());
        count += 1;
    }
    let start = bytes.len() as u32;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\x00\x00\x00\x00");
    bytes.extend(count.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_come_back_as_they_were_written() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926); // the check value of every CRC-32 catalog
        let array = |shape: &[usize], data: &[f32]| Array {
            shape: shape.to_vec(),
            data: data.to_vec(),
        };
        let arrays = Arrays(BTreeMap::from([
            (
                "x".to_owned(),
                array(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.5]),
            ),
            ("atol".to_owned(), array(&[], &[1e-6])),
            ("rate.std".to_owned(), array(&[2], &[0.0, -1.0])),
        ]));
        assert_eq!(Arrays::read(&arrays.write()).unwrap(), arrays);
    }
}
