//! Golden rows: inputs and the outputs a model gave where it was made, kept inside its file and
//! reproduced at every load.

mod archive;

use super::compute::Compute;
use super::contract::Spec;
use super::engine::{Column, Rows};
use super::graph::{Call, Whole};
use super::{Fault, contract, fault};

pub use archive::{Array, Arrays};

/// Fewest golden rows.
pub const ROWS: usize = 64;

/// Most golden rows that [`attach`](super::attach) makes: every load computes them again.
pub const MOST: usize = 10_000;

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

fn broken(message: impl std::fmt::Display) -> Fault {
    fault("E-GOLDEN", format!("{}: {message}", contract::KEY_GOLDEN))
}
