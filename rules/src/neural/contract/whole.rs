//! Whether the parts of a spec go together, as far as that can be told without graph and scenario.

use super::domain::{Conformal, ConformalScore};
use super::input::Input;
use super::latent;
use super::output::{Kind, On, Output, Uncertainty};
use super::spec::{ActsOn, Form, Reduce, Spec};
use super::spec_fault;
use crate::neural::{Fault, fault};

/// # Errors
/// E-CONTRACT, or E-SPACE for latent spaces, names the entry.
pub fn check(spec: &Spec) -> Result<(), Fault> {
    top(spec).map_err(spec_fault)?;
    inputs(spec).map_err(spec_fault)?;
    latents(spec)?;
    outputs(spec)?;
    limits(spec).map_err(spec_fault)
}

fn top(spec: &Spec) -> Result<(), String> {
    let form = spec.form.name();
    let is_pair = matches!(spec.acts_on, ActsOn::Pair(_));
    if is_pair != (spec.form == Form::Dyad) {
        return Err(match spec.form {
            Form::Dyad => "acts_on: form `dyad` wants {\"a\": …, \"b\": …}".into(),
            _ => format!("acts_on: form `{form}` wants a cell type or a list of them"),
        });
    }
    if spec.types().is_empty() {
        return Err("acts_on: no cell type is named".into());
    }
    let is_graph = spec.form == Form::Graph;
    for (key, is_there) in [
        ("sees", !spec.sees.is_empty()),
        ("messages", spec.messages.is_some()),
        ("hops", spec.hops.is_some()),
    ] {
        if is_there && !is_graph {
            return Err(format!("`{key}` is for form `graph`, and this is `{form}`"));
        }
    }
    match (&spec.messages, spec.hops) {
        (None, None) if is_graph => {
            return Err(
                "form `graph` wants `messages`, for an edge and a node part, or `hops`, for \
                        one graph"
                    .into(),
            );
        }
        (Some(_), Some(_)) => {
            return Err(
                "`hops` is for one graph; with `messages` a node sees its neighbors".into(),
            );
        }
        (_, Some(0)) => return Err("hops: at least 1".into()),
        (_, Some(hops)) if hops > MOST_HOPS => {
            return Err(format!("hops: {hops} is more than {MOST_HOPS}"));
        }
        _ => {}
    }
    match &spec.dt {
        None if matches!(spec.form, Form::Cell | Form::Dyad | Form::Graph) => {
            return Err(format!("`dt` is missing: form `{form}` runs on a clock"));
        }
        Some(dt) => {
            let is_ordered = 0.0 < dt.min && dt.min <= dt.trained && dt.trained <= dt.max;
            if !(is_ordered && dt.max.is_finite()) {
                return Err("dt: 0 < min ≤ trained ≤ max must hold".into());
            }
        }
        None => {}
    }
    if spec.lanes() > MOST_LANES {
        return Err(format!("noise: lanes: at most {MOST_LANES}"));
    }
    // The two of a pair may well be of one type.
    let mut types = if is_pair { Vec::new() } else { spec.types() };
    types.extend(spec.sees.iter().map(String::as_str));
    let twice = |at: &usize| types[..*at].contains(&types[*at]);
    match (0..types.len()).find(twice) {
        Some(at) if spec.sees.is_empty() => {
            Err(format!("acts_on: the type `{}` stands twice", types[at]))
        }
        Some(at) => Err(format!(
            "acts_on and sees: the type `{}` stands twice",
            types[at]
        )),
        None => Ok(()),
    }
}

/// Messages are not passed more often: the test of how far a node hears draws a chain this long.
const MOST_HOPS: usize = 64;

/// Most random numbers a row may ask for.
const MOST_LANES: usize = 4096;

fn inputs(spec: &Spec) -> Result<(), String> {
    let tensors = spec.signal_tensors();
    for (at, input) in spec.inputs.iter().enumerate() {
        let place = format!("inputs[{at}] `{}`", input.name);
        if !tensors.contains(&input.tensor.as_str()) {
            return Err(format!(
                "{place}: signals enter by {}, not by `{}`",
                quoted(tensors),
                input.tensor
            ));
        }
        range(input.lo, input.hi).map_err(|error| format!("{place}: {error}"))?;
        notes(input).map_err(|error| format!("{place}: {error}"))?;
    }
    if spec.input_tensors().is_empty() {
        return Err("inputs: a model must read at least one signal or latent state".into());
    }
    for &tensor in tensors {
        let columns = spec.inputs.iter().filter(|input| input.tensor == tensor);
        let columns: Vec<usize> = columns.map(|input| input.col).collect();
        each_once("inputs", tensor, &columns)?;
    }
    Ok(())
}

/// What a graph may do to a column first.
const TRANSFORMS: [&str; 8] = [
    "none",
    "log",
    "log2",
    "log10",
    "log1p",
    "sqrt",
    "standardize",
    "other",
];

/// Notes for readers can be wrong, too.
fn notes(input: &Input) -> Result<(), String> {
    if let Some(word) = &input.transform
        && !TRANSFORMS.contains(&word.as_str())
    {
        return Err(format!(
            "transform: `{word}` is none of {}; it is a note on what the graph itself does, and may \
             be left out",
            TRANSFORMS.join(", ")
        ));
    }
    if input.mean.is_some_and(|mean| !mean.is_finite()) {
        return Err("mean: it must be a number".into());
    }
    match input.std {
        Some(std) if !(std.is_finite() && std >= 0.0) => {
            Err(format!("std {std} must be a number ≥ 0"))
        }
        _ => Ok(()),
    }
}

fn range(lo: f64, hi: f64) -> Result<(), String> {
    if lo.is_finite() && hi.is_finite() && lo <= hi {
        return Ok(());
    }
    Err(format!("lo {lo} and hi {hi} must be numbers with lo ≤ hi"))
}

fn latents(spec: &Spec) -> Result<(), Fault> {
    let tensors = spec.latent_tensors();
    for (at, entry) in spec.latents.iter().enumerate() {
        let place = format!("latents[{at}] `{}`", entry.space);
        let wrong = |message: String| spec_fault(format!("{place}: {message}"));
        let Some(width) = latent::width(&entry.space) else {
            return Err(wrong(format!(
                "a space is called `NAME/WIDTH`, with 1 to {} numbers, such as \
                 `cd8-exhaustion-v1/8`",
                latent::WIDEST
            )));
        };
        if let Some(tensor) = &entry.tensor
            && !tensors.contains(&tensor.as_str())
        {
            return Err(wrong(format!(
                "latent states enter by {}, not by `{tensor}`",
                quoted(tensors)
            )));
        }
        match (entry.lo, entry.hi) {
            (None, None) => {}
            (Some(lo), Some(hi)) => range(lo, hi).map_err(wrong)?,
            _ => return Err(wrong("`lo` and `hi` go together".into())),
        }
        if let Some(crate::Inherit::Noise(deviation)) = entry.inherit
            && !(deviation.is_finite() && deviation >= 0.0)
        {
            return Err(wrong(format!("inherit: noise {deviation} must be ≥ 0")));
        }
        let initial = entry.initial();
        if initial.iter().any(|value| !value.is_finite()) {
            return Err(wrong("initial: a number that is not finite".into()));
        }
        let space = |message: String| fault("E-SPACE", format!("milieu.spec: {place}: {message}"));
        if initial.len() != width {
            return Err(space(format!(
                "`initial` has {} numbers, the space {width}",
                initial.len()
            )));
        }
        for other in &spec.latents[..at] {
            if other.space != entry.space {
                continue;
            }
            if other.tensor == entry.tensor {
                return Err(wrong("it stands here twice".into()));
            }
            if (&other.inherit, &other.initial) != (&entry.inherit, &entry.initial) {
                return Err(space(
                    "two entries of it say `inherit` or `initial` differently".into(),
                ));
            }
        }
    }
    Ok(())
}

fn outputs(spec: &Spec) -> Result<(), Fault> {
    if spec.outputs.is_empty() {
        return Err(spec_fault("outputs: a model must write something"));
    }
    let mut substeps = None;
    for (at, output) in spec.outputs.iter().enumerate() {
        let place =
            |error: String| spec_fault(format!("outputs[{at}] `{}`: {error}", output.label()));
        of_the_form(spec, output).map_err(place)?;
        of_the_kind(spec, output).map_err(place)?;
        pairs(output).map_err(place)?;
        if let Some(sure) = &output.uncertainty {
            uncertainty(output, sure).map_err(place)?;
        }
        if output.kind == Kind::Derivative {
            let own = output.substeps.unwrap_or(1);
            if *substeps.get_or_insert(own) != own {
                return Err(place(
                    "derivatives of one model advance together: give all the same `substeps`"
                        .into(),
                ));
            }
        }
    }
    let mut tensors: Vec<&str> = spec
        .outputs
        .iter()
        .map(|output| &output.tensor[..])
        .collect();
    tensors.dedup();
    for tensor in tensors {
        let of: Vec<&Output> = spec
            .outputs
            .iter()
            .filter(|output| output.tensor == tensor)
            .collect();
        let alone = |output: &&Output| spec.width(output) > 1 || output.kind.is_whole_tensor();
        if of.len() > 1 && of.iter().any(alone) {
            return Err(spec_fault(format!(
                "outputs: an entry that takes the whole tensor `{tensor}` shares it with another"
            )));
        }
        // With several columns, one left out would be a guess; it reads as column 0 only if alone.
        if of.len() > 1 && of.iter().any(|output| output.col.is_none()) {
            return Err(spec_fault(format!(
                "outputs: every entry of the tensor `{tensor}` needs its `col`"
            )));
        }
        let columns: Vec<usize> = of.iter().map(|output| output.col.unwrap_or(0)).collect();
        each_once("outputs", tensor, &columns).map_err(spec_fault)?;
    }
    spec.output_tensors().map_err(spec_fault)?;
    Ok(())
}

fn of_the_form(spec: &Spec, output: &Output) -> Result<(), String> {
    let (form, kind) = (spec.form, output.kind);
    match (form, output.on) {
        (Form::Dyad, Some(On::A | On::B | On::Pair)) => {}
        (Form::Dyad, _) => return Err("`on` must be \"a\", \"b\" or \"pair\"".into()),
        (Form::Division, Some(On::ChildA | On::ChildB)) => {}
        (Form::Division, _) => return Err("`on` must be \"child_a\" or \"child_b\"".into()),
        (_, None) => {}
        (_, Some(_)) => return Err("`on` is for forms `dyad` and `division`".into()),
    }
    let (allowed, instead) = match form {
        Form::Cell | Form::Graph => (!output.is_hit(), "a hit lands on `a` or on `b` of a dyad"),
        Form::Dyad => (
            kind != Kind::LatentNext && (kind != Kind::Parameter || output.on == Some(On::Pair)),
            "many pairs cannot set one cell's number; write a `delta` or `latent_delta`, or use a \
             model of form `cell`",
        ),
        Form::Decoder => (
            kind == Kind::Readout,
            "a decoder changes nothing: its outputs are of kind `readout`",
        ),
        Form::Encoder => (
            kind == Kind::LatentNext,
            "an encoder gives latent states alone: its outputs are of kind `latent_next`",
        ),
        Form::Division => (
            kind == Kind::LatentNext || kind == Kind::Parameter,
            "a division gives latent states and custom numbers: kind `latent_next` or `parameter`",
        ),
    };
    if !allowed {
        return Err(instead.into());
    }
    let is_corrected = matches!(
        kind,
        Kind::Rate | Kind::Hit | Kind::Parameter | Kind::Readout
    ) || kind.is_latent();
    if spec.residual.is_some() && !is_corrected {
        return Err(format!(
            "a model with `residual` corrects rates, hits and parameters; kind `{}` has no residual",
            kind.name()
        ));
    }
    Ok(())
}

fn of_the_kind(spec: &Spec, output: &Output) -> Result<(), String> {
    let kind = output.kind;
    // (key, whether it is there, whether the kind has it, whether it must be there)
    let is_free = kind == Kind::Logits || kind.is_latent();
    let is_logits = kind == Kind::Logits;
    let is_time = kind == Kind::TimeToEvent;
    let is_rate = matches!(kind, Kind::Rate | Kind::Hit);
    let is_residual = spec.residual.is_some() && kind == Kind::Parameter;
    let keys: [(&str, bool, bool, bool); 12] = [
        ("name", output.name.is_some(), true, !is_free),
        ("unit", output.unit.is_some(), true, !is_free),
        ("col", output.col.is_some(), !kind.is_whole_tensor(), false),
        (
            "per",
            output.per.is_some(),
            kind.has_span(),
            kind.has_span(),
        ),
        ("size", output.size.is_some(), is_rate, kind == Kind::Hit),
        ("tau", output.tau.is_some(), kind == Kind::Parameter, false),
        (
            "substeps",
            output.substeps.is_some(),
            kind == Kind::Derivative,
            false,
        ),
        ("classes", !output.classes.is_empty(), is_logits, is_logits),
        (
            "distribution",
            output.distribution.is_some(),
            is_time,
            is_time,
        ),
        ("age", output.age.is_some(), is_time, is_time),
        (
            "space",
            output.space.is_some(),
            kind.is_latent(),
            kind.is_latent(),
        ),
        ("scale", output.scale.is_some(), is_residual, is_residual),
    ];
    for (key, is_there, may, must) in keys {
        if is_there && !may {
            return Err(format!("`{key}` is not for kind `{}`", kind.name()));
        }
        if must && !is_there {
            return Err(format!(
                "`{key}` is missing: kind `{}` needs it",
                kind.name()
            ));
        }
    }
    if output.is_hit() && !matches!(output.on, Some(On::A | On::B)) {
        return Err("a hit lands on `a` or on `b` of a dyad".into());
    }
    if let Some(size) = output.size
        && !(size.is_finite() && size >= 0.0)
    {
        return Err(format!("size {size} must be a number ≥ 0"));
    }
    if let Some(tau) = output.tau
        && !(tau.is_finite() && tau > 0.0)
    {
        return Err(format!("tau {tau} must be minutes > 0"));
    }
    if let Some(scale) = output.scale
        && !(scale.is_finite() && scale > 0.0)
    {
        return Err(format!("scale {scale} must be a number > 0"));
    }
    if output.substeps.is_some_and(|n| !(1..=100).contains(&n)) {
        return Err("substeps: 1 to 100".into());
    }
    if is_logits {
        classes(&output.classes)?;
    }
    if let Some(space) = &output.space
        && !spec.latents.iter().any(|latent| latent.space == *space)
    {
        return Err(format!("`latents` lists no space `{space}`"));
    }
    Ok(())
}

fn classes(classes: &[String]) -> Result<(), String> {
    let selves = classes.iter().filter(|class| *class == "self").count();
    if selves != 1 || classes.len() < 2 {
        return Err("classes: exactly one \"self\", and what else the cell can become".into());
    }
    let twice = |at: &usize| classes[..*at].contains(&classes[*at]);
    match (0..classes.len()).find(twice) {
        Some(at) => Err(format!("classes: `{}` stands twice", classes[at])),
        None => Ok(()),
    }
}

fn pairs(output: &Output) -> Result<(), String> {
    let is_on_cell = matches!(output.on, Some(On::A | On::B));
    match output.reduce {
        None if is_on_cell && output.kind != Kind::Readout => {
            Err("`reduce` is missing: say how the pairs of one cell become one number".into())
        }
        Some(_) if !is_on_cell => {
            Err("`reduce` is for what a dyad does to one of its cells".into())
        }
        Some(Reduce::Mean | Reduce::Max) if output.kind.is_event() => {
            Err("events are drawn for each pair: only `reduce`: \"sum\"".into())
        }
        _ => Ok(()),
    }
}

fn uncertainty(output: &Output, sure: &Uncertainty) -> Result<(), String> {
    if output.kind.is_whole_tensor() {
        return Err(format!(
            "uncertainty: kind `{}` has none",
            output.kind.name()
        ));
    }
    let quantiles = [&sure.q05, &sure.q50, &sure.q95];
    let quantiles = quantiles.iter().filter(|name| name.is_some()).count();
    if quantiles != 0 && quantiles != 3 {
        return Err("uncertainty: `q05`, `q50` and `q95` go together".into());
    }
    let ways = [sure.std.is_some(), sure.ens.is_some(), quantiles == 3];
    if ways.iter().filter(|is_there| **is_there).count() != 1 {
        return Err("uncertainty: one of `std`, `ens` with `k`, or the three quantiles".into());
    }
    match (&sure.ens, sure.k) {
        (None, None) => {}
        (Some(_), Some(k)) if (2..=MOST_MEMBERS).contains(&k) => {}
        (Some(_), _) => return Err(format!("uncertainty: `k` must be 2 to {MOST_MEMBERS}")),
        (None, Some(_)) => return Err("uncertainty: `k` belongs to `ens`".into()),
    }
    if sure.beside().any(|name| name == output.tensor) {
        return Err("uncertainty: its tensors are others than the output's own".into());
    }
    match sure.spread_max {
        Some(most) if !(most.is_finite() && most >= 0.0) => Err(format!(
            "uncertainty: spread_max {most} must be a number ≥ 0"
        )),
        _ => Ok(()),
    }
}

/// Most members of an ensemble.
const MOST_MEMBERS: usize = 4096;

fn limits(spec: &Spec) -> Result<(), String> {
    if let Some(residual) = &spec.residual
        && !(residual.cap.is_finite() && residual.cap >= 1.0)
    {
        return Err(format!("residual: cap {} must be ≥ 1", residual.cap));
    }
    if let Some(ood) = &spec.ood {
        if !(ood.margin.is_finite() && ood.margin >= 0.0) {
            return Err(format!("ood: margin {} must be ≥ 0", ood.margin));
        }
        if let Some(score) = &ood.score {
            if !(0.0 < score.alpha && score.alpha < 1.0) {
                return Err("ood: score: alpha must lie between 0 and 1".into());
            }
            let fewest = (1.0 / score.alpha - 1.0 - 1e-9).ceil() as usize;
            if score.calibration.len() < fewest {
                return Err(format!(
                    "ood: score: {} calibration scores cannot show alpha {}; at least {fewest}",
                    score.calibration.len(),
                    score.alpha
                ));
            }
            if score.calibration.iter().any(|value| !value.is_finite()) {
                return Err("ood: score: a calibration score is not finite".into());
            }
        }
    }
    for (at, entry) in spec.conformal.iter().enumerate() {
        conformal(spec, at, entry)
            .map_err(|error| format!("conformal[{at}] `{}`: {error}", entry.output))?;
    }
    Ok(())
}

fn conformal(spec: &Spec, at: usize, entry: &Conformal) -> Result<(), String> {
    let named = |output: &&Output| output.label() == entry.output;
    let Some(output) = spec.outputs.iter().find(named) else {
        let known: Vec<&str> = spec.outputs.iter().map(Output::label).collect();
        return Err(format!("no such output; there are {}", known.join(", ")));
    };
    if output.kind.is_whole_tensor() {
        return Err(format!("kind `{}` has no interval", output.kind.name()));
    }
    if spec.conformal[..at]
        .iter()
        .any(|other| other.output == entry.output)
    {
        return Err("it stands twice".into());
    }
    let sure = output.uncertainty.as_ref();
    match entry.score {
        ConformalScore::Norm if sure.is_none() => {
            return Err("score `norm` needs an output with `uncertainty`".into());
        }
        ConformalScore::Cqr if sure.is_none_or(|sure| sure.q05.is_none()) => {
            return Err("score `cqr` needs the quantiles of its output".into());
        }
        _ => {}
    }
    if !(0.0 < entry.alpha && entry.alpha < 1.0) {
        return Err("alpha must lie between 0 and 1".into());
    }
    // In a dyad the acting cell's type decides.
    let types = match &spec.acts_on {
        ActsOn::Pair(pair) => vec![&pair.a[..]],
        _ => spec.types(),
    };
    for (key, numbers) in [("qhat", &entry.qhat), ("n", &entry.n)] {
        if let Some(name) = types.iter().find(|name| numbers.of(name).is_none()) {
            return Err(format!("{key}: no number for the type `{name}`"));
        }
        if numbers.values().iter().any(|value| !value.is_finite()) {
            return Err(format!("{key}: a number that is not finite"));
        }
    }
    // Only with `cqr` is q̂ added to a width that there is already.
    let is_width = entry.score != ConformalScore::Cqr;
    if is_width && entry.qhat.values().iter().any(|&qhat| qhat < 0.0) {
        return Err("qhat: a half-width must not be negative".into());
    }
    let least = (1.0 / entry.alpha - 1.0).ceil();
    if entry.n.values().iter().any(|&n| n < least) {
        return Err(format!(
            "n: at least {least} rows of calibration are needed for alpha = {}",
            entry.alpha
        ));
    }
    Ok(())
}

fn each_once(list: &str, tensor: &str, columns: &[usize]) -> Result<(), String> {
    let width = columns.len();
    let mut seen = vec![false; width];
    for &column in columns {
        match seen.get_mut(column) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => {
                return Err(format!(
                    "{list}: column {column} of `{tensor}` is named twice"
                ));
            }
            None => {
                return Err(format!(
                    "{list}: `{tensor}` has {width} named column{}, so there is none numbered \
                     {column}; every column from 0 must be named once",
                    if width == 1 { "" } else { "s" }
                ));
            }
        }
    }
    Ok(())
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" or ")
}
