//! How a scenario takes up a model: which mode and guard the model allows.

use super::bind::Bound;
use super::contract::{Form, Spec};
use super::{Fault, fault};
use crate::dictionary::normal;
use crate::{Binding, Guard, Learned, Mode, Uncertainty};

/// What the engine needs to know beyond the signature.
///
/// # Errors
/// E-CONTRACT where the scenario's entry and the model do not go together.
pub fn adopt(spec: &Spec, binding: &Binding, bound: &Bound) -> Result<Learned, Fault> {
    let adoption = &binding.adoption;
    let wrong = |message: String| fault("E-CONTRACT", message);
    let has_mechanistic = adoption.mechanistic.is_some();
    let mode = match (adoption.mode, spec.residual.is_some()) {
        (None, true) => Mode::Residual,
        (None, false) => Mode::Replace,
        (Some(Mode::Residual), false) => {
            return Err(wrong(
                "mode `residual`: the model does not give corrections (`residual` in milieu.spec)"
                    .into(),
            ));
        }
        (Some(mode), true) if !matches!(mode, Mode::Residual | Mode::Shadow) => {
            return Err(wrong(format!(
                "mode `{}`: the model gives corrections of mechanistic rules, which only `residual` \
                 and `shadow` use",
                name(mode)
            )));
        }
        (Some(mode), _) => mode,
    };
    if has_mechanistic && matches!(spec.form, Form::Decoder | Form::Encoder | Form::Division) {
        return Err(wrong(format!(
            "`mechanistic`: nothing stands behind a model of form `{}`",
            spec.form.name()
        )));
    }
    let is_mixed = matches!(mode, Mode::Residual | Mode::Gated | Mode::Shadow);
    if is_mixed && !has_mechanistic {
        return Err(wrong(format!(
            "mode `{}` needs mechanistic rules; name them in the model's entry: \
             mechanistic = \"….rules\"",
            name(mode)
        )));
    }
    let guard = match adoption.guard {
        Some(Guard::Fallback) if !has_mechanistic => {
            return Err(wrong(
                "guard `fallback` needs mechanistic rules to fall back to; name them in the model's \
                 entry: mechanistic = \"….rules\", or use `warn` or `error`"
                    .into(),
            ));
        }
        Some(guard) => guard,
        None if has_mechanistic => Guard::Fallback,
        None => Guard::Warn,
    };
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
    })
}

fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Replace => "replace",
        Mode::Residual => "residual",
        Mode::Gated => "gated",
        Mode::Shadow => "shadow",
        Mode::Delegate => "delegate",
    }
}
