//! Every test of a model file that needs no scenario, one after the other, each with what it found.
//!
//! Loading stops at the first fault; here whatever can still be tried is tried, for people who
//! mend a file.

use std::time::Instant;

use super::compute::Compute;
use super::engine::Rows;
use super::tensors::tensors as compare;
use super::{Fault, Parsed, RowClass, bind, check, contract, golden, proto, semigroup};
use crate::Engine;

/// One test.
#[derive(Debug, Clone)]
pub struct Trial {
    /// What is tested.
    pub title: &'static str,
    /// The code with which it fails, or most often fails.
    pub code: &'static str,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a test ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Passed: what was found.
    Passed(String),
    /// Failed: its code, what was found, what was expected and the way out.
    Failed(Fault),
    /// It could not be tried; why not.
    Untried(&'static str),
}

/// The tests, in the order of the contract.
struct Trials(Vec<Trial>);

impl Trials {
    /// Notes how a test ended, and gives what it made.
    fn note<T>(
        &mut self,
        title: &'static str,
        code: &'static str,
        result: Result<(T, String), Fault>,
    ) -> Option<T> {
        let (made, outcome) = match result {
            Ok((made, found)) => (Some(made), Outcome::Passed(found)),
            Err(fault) => (None, Outcome::Failed(fault)),
        };
        self.0.push(Trial {
            title,
            code,
            outcome,
        });
        made
    }

    fn untried(&mut self, title: &'static str, code: &'static str, why: &'static str) {
        self.0.push(Trial {
            title,
            code,
            outcome: Outcome::Untried(why),
        });
    }
}

/// Tries everything that can be tried.
pub fn trials(bytes: &[u8], engine: &Engine) -> Vec<Trial> {
    let mut all = Trials(Vec::new());
    let proto = check::decode(bytes).and_then(|proto| {
        let nodes = check::graph(&proto)?.node.len();
        Ok((proto, format!("{} bytes, {nodes} nodes", bytes.len())))
    });
    let Some(proto) = all.note("file", "E-CONTRACT", proto) else {
        return all.0;
    };
    let versions = check::versions(&proto).and_then(|()| {
        let (opset, ir) = (check::opset(&proto)?, proto.ir_version());
        Ok(((), format!("opset {opset}, ir_version {ir}")))
    });
    let has_versions = all.note("versions", "E-OPSET", versions).is_some();
    let admitted = match has_versions {
        true => {
            let admitted = check::admit(&proto).map(|bytes| (bytes, operators(&proto)));
            all.note("operators", "E-OP", admitted)
        }
        false => {
            all.untried("operators", "E-OP", "what they mean depends on the version");
            None
        }
    };
    let spec = contract::read(&proto).map(|spec| {
        let (reads, writes) = (spec.inputs.len(), spec.outputs.len());
        (spec, format!("reads {reads}, writes {writes}"))
    });
    let spec = all.note("spec", "E-CONTRACT", spec);
    if let Some(spec) = &spec {
        let units = bind::units(spec).map(|count| ((), format!("{count} are known")));
        all.note("units", "E-UNIT", units);
    }
    let card = contract::card(&proto).map(|card| {
        let name = contract::card_name(card.as_ref());
        (
            card,
            name.unwrap_or_else(|| "no name; a card is recommended".into()),
        )
    });
    let card = all.note("card", "E-CONTRACT", card);
    let found = match &spec {
        Some(spec) => {
            let reads = check::graph(&proto).and_then(|graph| compare(graph, spec));
            let reads = reads.map(|found| (found, tensors(&proto)));
            all.note("tensors", "E-SHAPE", reads)
        }
        None => {
            all.untried("tensors", "E-SHAPE", "no spec says what they should be");
            None
        }
    };
    let (Some(admitted), Some(spec), Some(card), Some(found)) = (admitted, spec, card, found)
    else {
        let why = "the file has to pass the tests above first";
        for (title, code) in [
            ("engine", "E-ENGINE"),
            ("golden rows", "E-GOLDEN"),
            ("rows", "E-ROWS"),
        ] {
            all.untried(title, code, why);
        }
        return all.0;
    };
    let parsed = Parsed {
        proto,
        admitted,
        spec,
        card,
        tensors: found,
    };
    let compute = Compute::open(&parsed, engine).map(|compute| {
        let name = compute.engine();
        (compute, name)
    });
    let Some(compute) = all.note("engine", "E-ENGINE", compute) else {
        let why = "no engine runs it";
        all.untried("golden rows", "E-GOLDEN", why);
        all.untried("rows", "E-ROWS", why);
        return all.0;
    };
    let trained = bind::trained(&parsed.spec);
    let reproduced = trained.clone().and_then(|trained| {
        let arrays = golden::Arrays::of(&parsed.proto)?;
        golden::reproduce(&arrays, &compute, trained as f32)?;
        let doubts = golden::doubts(&arrays, &parsed.spec).into_iter();
        let doubts: String = doubts
            .map(|doubt| format!("; they prove little: {doubt}"))
            .collect();
        Ok(((), arrays.describe() + &doubts))
    });
    all.note("golden rows", "E-GOLDEN", reproduced);
    let trained = trained.unwrap_or(1.0) as f32;
    let class = compute.examine(&parsed.spec, trained);
    let class = class.map(|class| ((), said(class)));
    all.note("rows", "E-ROWS", class);
    let steps = semigroup::examine(&parsed.spec, &compute, f64::from(trained), |at| {
        let per = bind::span(&parsed.spec.outputs[at]);
        Some(per.unwrap_or(f64::from(trained)))
    });
    // Information, as is the speed: nothing is refused for it.
    if let Some(part) = steps.transpose() {
        let found = part.map(|part| {
            let text = "of the largest number lies between one step and two half steps";
            ((), format!("{part:.1e} {text}"))
        });
        all.note("half steps", "E-ENGINE", found);
    }
    if let Compute::Rows(rows) = &compute {
        let ranges = super::ranges(&parsed.spec, &super::row_tensors(&parsed.spec));
        let speed = speed(rows, trained, &ranges).map(|found| ((), found));
        all.note("speed", "E-ENGINE", speed);
    }
    all.0
}

fn said(class: RowClass) -> String {
    match class {
        RowClass::Bitwise => "bitwise: a row's answer is the same in any batch".into(),
        RowClass::Tolerance(part) => {
            format!("within tolerance: a row's answer moves by {part:.1e} with its batch")
        }
    }
}

fn operators(proto: &proto::Model) -> String {
    let nodes = proto.graph.iter().flat_map(|graph| &graph.node);
    let mut names: Vec<&str> = nodes.map(proto::Node::op_type).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn tensors(proto: &proto::Model) -> String {
    let graph = proto.graph.iter();
    let side = |list: &[proto::ValueInfo]| {
        let names: Vec<&str> = list.iter().map(proto::ValueInfo::name).collect();
        names.join(", ")
    };
    let both = graph.map(|graph| format!("{} → {}", side(&graph.input), side(&graph.output)));
    both.collect()
}

/// Rows within the ranges: the k-th of each column is `uniform` of its place.
fn sample(ranges: &[Vec<(f64, f64)>], count: usize) -> Vec<Vec<f32>> {
    let tensor = |(tensor, columns): (usize, &Vec<(f64, f64)>)| {
        let place = |at: usize| {
            let (row, column) = (at / columns.len(), at % columns.len());
            let (lo, hi) = columns[column];
            let drawn = super::mlp::uniform(7 + tensor as u64, (row * 64 + column) as u64);
            (lo + (hi - lo) * drawn) as f32
        };
        (0..count * columns.len()).map(place).collect()
    };
    ranges.iter().enumerate().map(tensor).collect()
}

/// Information, and no test.
fn speed(rows: &Rows, dt: f32, ranges: &[Vec<(f64, f64)>]) -> Result<String, Fault> {
    const ROWS: usize = super::engine::CHUNK;
    let tensors = sample(ranges, ROWS);
    rows.run_tensors(ROWS, dt, &tensors)?;
    let started = Instant::now();
    rows.run_tensors(ROWS, dt, &tensors)?;
    let micros = started.elapsed().as_secs_f64() * 1e6 / ROWS as f64;
    Ok(format!("{micros:.2} µs a row, {ROWS} rows at once"))
}
