//! Golden rows: inputs and the outputs a model gave where it was made, kept inside its file and
//! reproduced at every load.

use std::collections::BTreeMap;
use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use npyz::npz::NpzArchive;
use npyz::{DType, NpyFile, Order, TypeChar};

use super::compute::Compute;
use super::contract::Spec;
use super::engine::{Column, Rows};
use super::graph::{Call, Whole};
use super::{Fault, contract, fault, proto};

/// Fewest golden rows.
pub const ROWS: usize = 64;

/// Most golden rows that [`attach`](super::attach) makes: every load computes them again.
pub const MOST: usize = 10_000;

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

fn broken(message: impl std::fmt::Display) -> Fault {
    fault("E-GOLDEN", format!("{}: {message}", contract::KEY_GOLDEN))
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

    fn scalar(&self, name: &str) -> Result<f64, Fault> {
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

/// Why golden rows prove little about a model, though it may reproduce them.
pub fn doubts(arrays: &Arrays, spec: &Spec) -> Vec<String> {
    let ranges = spec.ranges();
    let (mut doubts, mut is_alike) = (Vec::new(), true);
    for (name, width) in super::sealed_tensors(spec) {
        let data = arrays.0.get(&name).map_or(&[][..], |array| &array.data);
        let mut rows = data.chunks_exact(width);
        let first = rows.clone().next();
        is_alike &= rows.all(|row| Some(row) == first);
        for (col, read) in spec.columns(&name).into_iter().enumerate() {
            let Some(range) = ranges[read] else { continue };
            let values = data
                .iter()
                .skip(col)
                .step_by(width)
                .map(|&value| f64::from(value));
            let (count, far) = far(values, range);
            if 2 * far > count {
                let input = spec.inputs.get(read);
                let what = input.map_or(format!("{name}.{col}"), |input| input.name.clone());
                let unit = input.map_or("1", |input| &input.unit);
                let (lo, hi) = range;
                doubts.push(format!(
                    "{far} of {count} rows have `{what}` far outside {lo} to {hi} {unit}: is the unit, \
                     the range or the order of columns another?"
                ));
            }
        }
    }
    if is_alike {
        doubts.push("all rows are alike".into());
    }
    doubts
}

/// How many numbers there are, and how many lie more than the width of a range outside it.
pub fn far(values: impl Iterator<Item = f64>, (lo, hi): (f64, f64)) -> (usize, usize) {
    // A range of one number is as wide as a rounding.
    let width = (hi - lo).max(1e-6 * lo.abs().max(hi.abs()));
    values.fold((0, 0), |(count, far), value| {
        let is_far = value < lo - width || value > hi + width;
        (count + 1, far + usize::from(is_far))
    })
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

/// Reproduces the golden rows.
///
/// # Errors
/// E-GOLDEN: what is missing, or the output, row and size of the largest difference.
pub fn reproduce(arrays: &Arrays, compute: &Compute, trained_dt: f32) -> Result<(), Fault> {
    let tolerances = (arrays.scalar("atol")?, arrays.scalar("rtol")?);
    let dt = match arrays.0.get("dt") {
        Some(array) if array.data.len() == 1 => array.data[0],
        Some(_) => return Err(broken("`dt` must be one number")),
        None => trained_dt,
    };
    let mut known = vec!["atol", "rtol", "dt"];
    match compute {
        Compute::Rows(rows) => part(arrays, rows, dt, tolerances, &mut known)?,
        Compute::Halves(halves) => {
            part(arrays, &halves.edge, dt, tolerances, &mut known)?;
            part(arrays, &halves.node, dt, tolerances, &mut known)?;
        }
        Compute::Whole(whole) => self::whole(arrays, whole, dt, tolerances, &mut known)?,
    }
    let is_stray = |name: &&String| !known.contains(&name.as_str()) && !name.contains('.');
    match arrays.0.keys().find(is_stray) {
        Some(name) => {
            known.retain(|name| !["atol", "rtol", "dt"].contains(name));
            Err(broken(format!(
                "array `{name}` is none of the tensors of milieu.spec ({})\n  leave it out of the \
                 archive; or, if the graph gives it and it is wanted, name it in `outputs`",
                known.join(", ")
            )))
        }
        None => Ok(()),
    }
}

/// Rows, or one of the two parts of a graph.
fn part<'a>(
    arrays: &Arrays,
    rows: &'a Rows,
    dt: f32,
    tolerances: (f64, f64),
    known: &mut Vec<&'a str>,
) -> Result<(), Fault> {
    let count = count(arrays, &rows.inputs);
    let mut inputs = Vec::new();
    for (name, width) in &rows.inputs {
        inputs.push(matrix(arrays, "input", name, count, *width)?.to_vec());
        known.push(name);
    }
    enough(count)?;
    let made = rows.run_tensors(count, dt, &inputs)?;
    outputs(arrays, &rows.outputs, count, &made, tolerances, known)
}

/// One graph.
fn whole<'a>(
    arrays: &Arrays,
    whole: &'a Whole,
    dt: f32,
    tolerances: (f64, f64),
    known: &mut Vec<&'a str>,
) -> Result<(), Fault> {
    known.extend(["src", "dst", "active", "e"]);
    let nodes = count(arrays, &whole.nodes);
    let mut tensors = Vec::new();
    for (name, width) in &whole.nodes {
        tensors.push(matrix(arrays, "input", name, nodes, *width)?.to_vec());
        known.push(name);
    }
    enough(nodes)?;
    let whole_numbers = |name: &str| -> Result<Vec<i64>, Fault> {
        let array = arrays.0.get(name);
        let array = array.ok_or_else(|| broken(format!("no array for the input `{name}`")))?;
        let is_node = |value: &f32| value.fract() == 0.0 && (0.0..nodes as f32).contains(value);
        match array.data.iter().all(is_node) {
            true => Ok(array.data.iter().map(|&value| value as i64).collect()),
            false => Err(broken(format!("`{name}` leads to no node"))),
        }
    };
    let (from, to) = (whole_numbers("src")?, whole_numbers("dst")?);
    if from.len() != to.len() {
        return Err(broken("`src` and `dst` are of different lengths"));
    }
    let e = match whole.e {
        Some(width) => matrix(arrays, "input", "e", to.len(), width)?.to_vec(),
        None => Vec::new(),
    };
    let active = match arrays.0.get("active") {
        Some(array) if array.data.len() == nodes => {
            array.data.iter().map(|&value| value != 0.0).collect()
        }
        Some(_) => return Err(broken("`active` has another length than there are nodes")),
        None => vec![true; nodes],
    };
    let made = whole.call(&Call {
        nodes,
        tensors,
        e,
        from,
        to,
        active,
        dt,
    })?;
    outputs(arrays, &whole.outputs, nodes, &made, tolerances, known)
}

fn count(arrays: &Arrays, inputs: &[Column]) -> usize {
    let first = inputs.first().and_then(|(name, _)| arrays.0.get(name));
    first.map_or(0, |array| array.shape.first().copied().unwrap_or(0))
}

fn enough(count: usize) -> Result<(), Fault> {
    match count >= ROWS {
        true => Ok(()),
        false => Err(broken(format!("{count} rows; at least {ROWS} are wanted"))),
    }
}

fn outputs<'a>(
    arrays: &Arrays,
    outputs: &'a [Column],
    count: usize,
    made: &[Vec<f32>],
    (atol, rtol): (f64, f64),
    known: &mut Vec<&'a str>,
) -> Result<(), Fault> {
    for ((name, width), made) in outputs.iter().zip(made) {
        known.push(name);
        let wanted = matrix(arrays, "output", name, count, *width)?;
        let scale = wanted
            .iter()
            .fold(0.0f64, |most, &value| most.max(f64::from(value.abs())));
        // A tolerance as wide as the numbers themselves would prove nothing.
        let widest = (0.01 * scale).max(1e-6);
        if atol > widest || rtol > 0.01 {
            return Err(broken(format!(
                "the tolerances atol {atol:e}, rtol {rtol:e} prove nothing about `{name}`: at most \
                 atol {widest:e} (1 % of its largest number) and rtol 0.01 are accepted"
            )));
        }
        compare(name, *width, wanted, made, atol, rtol)?;
    }
    Ok(())
}

fn compare(
    name: &str,
    width: usize,
    wanted: &[f32],
    made: &[f32],
    atol: f64,
    rtol: f64,
) -> Result<(), Fault> {
    let worst = wanted
        .iter()
        .zip(made)
        .enumerate()
        .map(|(at, (&wanted, &made))| {
            let difference = (f64::from(made) - f64::from(wanted)).abs();
            let excess = difference - (atol + rtol * f64::from(wanted.abs()));
            let excess = if excess.is_nan() {
                f64::INFINITY
            } else {
                excess
            };
            (at, difference, excess)
        })
        .max_by(|a, b| a.2.total_cmp(&b.2));
    match worst {
        Some((at, difference, excess)) if excess > 0.0 => Err(fault(
            "E-GOLDEN",
            format!(
                "output `{name}`, row {}, column {}: made {}, golden {}, difference {difference:e} \
                 with atol {atol:e} and rtol {rtol:e}\n  the weights, the engine or the golden rows \
                 have changed since the file was made; make the golden rows anew only if you know why",
                at / width,
                at % width,
                made[at],
                wanted[at]
            ),
        )),
        _ => Ok(()),
    }
}

fn matrix<'a>(
    arrays: &'a Arrays,
    what: &str,
    name: &str,
    rows: usize,
    width: usize,
) -> Result<&'a [f32], Fault> {
    let array = arrays
        .0
        .get(name)
        .ok_or_else(|| broken(format!("no array for the {what} `{name}`")))?;
    let is_column = width == 1 && array.shape == [rows];
    if array.shape != [rows, width] && !is_column {
        return Err(broken(format!(
            "array `{name}` has the shape {:?}, expected [{rows}, {width}]",
            array.shape
        )));
    }
    if array.data.iter().any(|value| !value.is_finite()) {
        return Err(broken(format!(
            "array `{name}` holds a number that is not finite"
        )));
    }
    Ok(&array.data)
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
