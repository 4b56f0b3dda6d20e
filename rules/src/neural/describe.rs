//! A model in words, a line an input or output, with every number resolved.

use std::fmt::Write as _;

use super::bind::Bound;
use super::contract::{ActsOn, Kind, On, Output, Per, Spec};
use crate::{Provenance, Side, Target, Vocabulary};

/// The lines.
pub fn describe(
    spec: &Spec,
    bound: &Bound,
    provenance: &Provenance,
    vocabulary: &Vocabulary,
) -> Vec<String> {
    let acts_on = match spec.acts_on {
        ActsOn::Pair(_) => spec.types().join(" → "),
        _ => spec.types().join(", "),
    };
    let mut lines = vec![format!(
        "model {} for {acts_on}, sha256 {}, by {}",
        provenance.model.as_deref().unwrap_or("without a card"),
        provenance.sha256,
        provenance.engine
    )];
    lines.push(when(spec, bound));
    for (read, (name, unit, factor)) in bound.signature.reads.iter().zip(&bound.inputs) {
        let dictionary = match read.side {
            Side::Pair => &vocabulary.pair_signals,
            _ => &vocabulary.signals,
        };
        let entry = dictionary.entry(read.signal);
        let input = spec.inputs.iter().find(|input| input.name == *name);
        // Latent states stand in the line of their space.
        let Some(input) = input else { continue };
        let factor = match factor {
            1.0 => String::new(),
            factor => format!(", from {} times {factor}", entry.unit),
        };
        lines.push(format!(
            "reads {}[{}] {} in {unit}, trained on {} to {}{factor}",
            input.tensor, input.col, entry.name, input.lo, input.hi
        ));
    }
    for latent in spec.entering() {
        let tensor = latent.tensor.as_deref().unwrap_or_default();
        let range = match latent.range() {
            Some((lo, hi)) => format!(", trained on {lo} to {hi}"),
            None => String::new(),
        };
        lines.push(format!(
            "reads {tensor} latent states {}{range}",
            latent.space
        ));
    }
    if let Some(noise) = &bound.signature.noise {
        lines.push(format!(
            "reads noise, {} lanes, {:?}",
            noise.lanes, noise.distribution
        ));
    }
    for (output, answer) in spec.outputs.iter().zip(&bound.answers) {
        let writes = &bound.signature.writes[answer.first..][..answer.convert.writes()];
        let name = |target: &Target| match target {
            Target::Behavior(at) => vocabulary.behaviors.entry(*at).name.clone(),
            Target::PairBehavior(at) => vocabulary.pair_behaviors.entry(*at).name.clone(),
            Target::Readout(name) => name.clone(),
        };
        let names = match output.kind.is_latent() {
            true => format!("latent states {}", output.label()),
            false => {
                let names: Vec<String> = writes.iter().map(|write| name(&write.target)).collect();
                names.join(", ")
            }
        };
        lines.push(line(spec, output, &names));
    }
    if let Some(gate) = &spec.gate {
        lines.push(format!("writes {} as its gate", gate.tensor));
    }
    lines
}

fn when(spec: &Spec, bound: &Bound) -> String {
    let clock = bound.signature.clock;
    let called = match spec.form {
        super::contract::Form::Encoder => "once for each cell that enters".to_owned(),
        super::contract::Form::Division => "at each division".to_owned(),
        _ => format!("every {clock} min"),
    };
    match &spec.dt {
        Some(dt) => format!(
            "{called} (trained with {} {unit}, good for {} to {} {unit})",
            dt.trained,
            dt.min,
            dt.max,
            unit = dt.unit
        ),
        None => called,
    }
}

fn line(spec: &Spec, output: &Output, names: &str) -> String {
    let on = match (&spec.acts_on, output.on) {
        (ActsOn::Pair(pair), Some(On::A)) => format!(" of {} (a)", pair.a),
        (ActsOn::Pair(pair), Some(On::B)) => format!(" on {} (b)", pair.b),
        (ActsOn::Pair(_), _) => " of the pair".to_owned(),
        (_, Some(On::ChildA)) => " of child a".to_owned(),
        (_, Some(On::ChildB)) => " of child b".to_owned(),
        _ => String::new(),
    };
    let mut line = match output.kind.is_whole_tensor() {
        true => format!("writes {} {names}{on}", output.tensor),
        false => {
            let col = output.col.unwrap_or(0);
            format!("writes {}[{col}] {names}{on}", output.tensor)
        }
    };
    // Writing to a text cannot fail.
    let _ = write!(line, " as {}", output.kind.name().replace('_', " "));
    if let Some(unit) = &output.unit {
        let _ = write!(line, " in {unit}");
    }
    if let Some(size) = output.size {
        let _ = write!(line, ", hits of size {size}");
    }
    match &output.per {
        Some(Per::Minutes(per)) => drop(write!(line, ", per {per} min")),
        Some(Per::Text(per)) => drop(write!(line, ", per {per}")),
        None => {}
    }
    if output.kind == Kind::Derivative && output.substeps.is_some_and(|n| n > 1) {
        let _ = write!(line, ", in {} substeps", output.substeps.unwrap_or(1));
    }
    if let Some(tau) = output.tau {
        let _ = write!(line, ", reached with tau = {tau} min");
    }
    if let Some(scale) = output.scale {
        let _ = write!(line, ", a correction of at most {scale}");
    }
    line
}
