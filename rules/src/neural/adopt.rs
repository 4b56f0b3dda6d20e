//! How a scenario takes up a model: mode, guard, and what becomes of its uncertainty.

use super::bind::Bound;
use super::contract::{Output, Spec};
use super::domain::Domain;
use super::{Fault, fault};
use crate::dictionary::normal;
use crate::{Adoption, Binding, Guard, Learned, Mode, Uncertainty};

/// What the engine needs to know beyond the signature.
///
/// # Errors
/// E-CONTRACT where the scenario's entry and the model do not go together.
pub fn adopt(spec: &Spec, binding: &Binding, bound: &Bound) -> Result<Learned, Fault> {
    let adoption = &binding.adoption;
    let has_mechanistic = adoption.mechanistic.is_some();
    // Whether mode and guard go together with what stands behind the model is for `hybrid` to say.
    let mode = adoption.mode.unwrap_or(match spec.residual {
        Some(_) => Mode::Residual,
        None => Mode::Replace,
    });
    let guard = adoption.guard.unwrap_or(match has_mechanistic {
        true => Guard::Fallback,
        false => Guard::Warn,
    });
    let wrong = |message: String| fault("E-CONTRACT", message);
    let unsure = || {
        spec.outputs
            .iter()
            .filter(|output| output.uncertainty.is_some())
    };
    let has_any = unsure().next().is_some() || !spec.conformal.is_empty();
    if adoption.uncertainty != Uncertainty::Ignore && !has_any {
        return Err(wrong(
            "`uncertainty`: no output of the model says how sure it is (`uncertainty` in \
             milieu.spec)"
                .into(),
        ));
    }
    for (stop, _) in &adoption.stop_above {
        if !unsure().any(|output| normal(output.label()) == normal(stop)) {
            let known: Vec<&str> = unsure().map(|output| output.label()).collect();
            return Err(wrong(format!(
                "stop_above: no output `{stop}` with an uncertainty; there are: {}",
                match known.is_empty() {
                    true => "none".into(),
                    false => known.join(", "),
                }
            )));
        }
    }
    Ok(Learned {
        mode,
        guard,
        adoption: adoption.clone(),
        has_mechanistic,
        residuals: bound.residuals.clone(),
        inputs: bound.inputs.clone(),
        domain: Domain::new(spec),
        stops: bound.stops.clone(),
    })
}

/// Whether the spread of an output is kept with each cell: if the scenario wants it recorded, or
/// ends the run above a certain one.
pub fn is_recorded(output: &Output, adoption: &Adoption) -> bool {
    let mut stops = adoption.stop_above.iter();
    adoption.uncertainty == Uncertainty::Record
        || stops.any(|(name, _)| normal(name) == normal(output.label()))
}
