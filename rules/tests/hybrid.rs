//! A model and the written rules behind it: what is refused, what each says, what acts.

mod common;

use std::fs;

use common::{binding, vocabulary};
use rules::hybrid::{corrected, mixed, wrap};
use rules::neural::domain::Domain;
use rules::*;

/// A model that says `value` about every row, and that rows whose first signal is negative are
/// outside its domain.
struct Constant {
    signature: Signature,
    value: f64,
    learned: Learned,
}

impl Rule for Constant {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn apply(&self, batch: &Batch<'_>, out: &mut Outputs) -> Result<(), Error> {
        assert_eq!(batch.signals.len(), self.signature.reads.len());
        out.domain = vec![Tiers::default(); batch.rows];
        for row in 0..batch.rows {
            if batch.signals[0][row] < 0.0 {
                out.domain[row].add(Tiers::BOX);
            }
            for column in &mut out.columns {
                column[row] = self.value;
            }
        }
        Ok(())
    }

    fn describe(&self) -> Vec<String> {
        vec!["a model".into()]
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            name: self.signature.source.clone(),
            file: "model.onnx".into(),
            sha256: String::new(),
            engine: "none".into(),
            model: None,
        }
    }

    fn learned(&self) -> Option<&Learned> {
        Some(&self.learned)
    }
}

fn write(name: &str, kind: Kind) -> Write {
    let target = match name.strip_prefix("readout:") {
        Some(_) => Target::Readout(name.into()),
        None => Target::Behavior(vocabulary().behaviors.find(name).unwrap()),
    };
    Write {
        side: Side::Cell,
        target,
        kind,
        applies_to_dead: false,
        reduce: Reduce::Sum,
    }
}

/// A model of T cells and tumor cells that reads oxygen, every 6 min.
fn model(writes: Vec<Write>, residuals: Vec<Residual>) -> Box<Constant> {
    let signal = vocabulary().signals.find("oxygen").unwrap();
    Box::new(Constant {
        signature: Signature {
            source: "entry".into(),
            subject: Subject::Cell { types: vec![0, 1] },
            occasion: Occasion::Clock,
            graph: None,
            reads: vec![Read {
                side: Side::Cell,
                signal,
            }],
            writes,
            clock: 6.0,
            noise: None,
            combine: None,
        },
        value: 0.25,
        learned: Learned {
            mode: Mode::Replace,
            guard: Guard::Warn,
            adoption: Adoption::default(),
            has_mechanistic: false,
            residuals,
            inputs: vec![("oxygen".into(), "mmHg".into(), 1.0)],
            domain: Domain::default(),
            stops: Vec::new(),
        },
    })
}

fn speed() -> Box<Constant> {
    let parameter = Kind::Parameter { relaxation: None };
    model(
        vec![write("migration speed", parameter)],
        vec![Residual::None],
    )
}

/// Binds a model with the text of mechanistic rules, if any.
fn bound(
    model: Box<Constant>,
    mechanistic: Option<&str>,
    adoption: Adoption,
) -> Result<Box<dyn Rule>, String> {
    noted(model, mechanistic, adoption).map(|(rule, _)| rule)
}

/// The same with what is noted.
fn noted(
    mut model: Box<Constant>,
    mechanistic: Option<&str>,
    adoption: Adoption,
) -> Result<(Box<dyn Rule>, Vec<String>), String> {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("behind.rules");
    let mechanistic = mechanistic.map(|text| {
        fs::write(&file, text).unwrap();
        file.clone()
    });
    let mut binding = binding("model.onnx");
    binding.name = "entry".into();
    binding.adoption = Adoption {
        mechanistic,
        ..adoption
    };
    // As a model settles it when it is loaded.
    model.learned.mode = binding.adoption.mode.unwrap_or_default();
    model.learned.has_mechanistic = binding.adoption.mechanistic.is_some();
    let folder = home.path().to_string_lossy().into_owned() + "/";
    let mut notes = Vec::new();
    match wrap(model, &binding, &vocabulary(), Usage::Milieu, &mut notes) {
        Ok(rule) => Ok((rule, notes)),
        Err(error) => Err(error.to_string().replace(&folder, "")),
    }
}

fn mode(mode: Mode) -> Adoption {
    Adoption {
        mode: Some(mode),
        ..Adoption::default()
    }
}

const SPEED: &str = "CD8 T cell: pressure decreases migration speed from 4 towards 1 µm/min, half-max 0.5, Hill power 4\n\
                     tumor cell: oxygen decreases migration speed from 4 towards 2 µm/min, half-max 10 mmHg, Hill power 4\n";

/// Rows: a T cell inside, one outside, a tumor cell inside, one outside, a dead T cell outside.
fn ask(rule: &dyn Rule, held: &[bool]) -> Outputs {
    let oxygen = vec![10.0, -1.0, 10.0, -1.0, -1.0];
    let pressure = vec![0.5; 5];
    let columns: Vec<Vec<f64>> = [oxygen, pressure]
        .into_iter()
        .take(rule.signature().reads.len())
        .collect();
    let mut out = Outputs::default();
    out.reset(rule.signature().writes.len(), 5);
    let batch = Batch {
        rows: 5,
        signals: &rules::lent(&columns),
        dead: &[false, false, false, false, true],
        types: &[0, 0, 1, 1, 0],
        held,
        dt: 6.0,
        ..Batch::default()
    };
    rule.apply(&batch, &mut out).unwrap();
    out
}

#[test]
fn the_mechanistic_rules_are_asked_about_rows_outside_and_no_others() {
    let rule = bound(speed(), Some(SPEED), Adoption::default()).unwrap();
    assert_eq!(rule.signature().reads.len(), 2);
    let out = ask(rule.as_ref(), &[]);
    assert_eq!(out.columns[0][..4], [0.25; 4]);
    let said = &out.mechanistic[0];
    assert!(
        said[0].is_nan() && said[2].is_nan() && said[4].is_nan(),
        "{said:?}"
    );
    // Halfway from 4 to 1; all of it without oxygen.
    assert_eq!((said[1], said[3]), (2.5, 4.0));
}

#[test]
fn rows_in_fallback_are_asked_about_wherever_they_are() {
    let rule = bound(speed(), Some(SPEED), Adoption::default()).unwrap();
    let out = ask(rule.as_ref(), &[false, false, true, false, false]);
    assert_eq!(out.mechanistic[0][2], 3.0);
    assert!(out.mechanistic[0][0].is_nan());
}

#[test]
fn a_shadow_is_asked_about_every_live_row() {
    let rule = bound(speed(), Some(SPEED), mode(Mode::Shadow)).unwrap();
    let out = ask(rule.as_ref(), &[]);
    assert_eq!(out.mechanistic[0][..4], [2.5, 2.5, 3.0, 4.0]);
    assert!(out.mechanistic[0][4].is_nan());
    // It stands for two rules of one type each.
    assert_eq!(rule.numbers(), 2);
}

#[test]
fn delegation_leaves_only_what_acts_on_nothing() {
    let writes = vec![
        write("migration speed", Kind::Parameter { relaxation: None }),
        write("readout:fear", Kind::Readout),
    ];
    let model = model(writes, vec![Residual::None; 2]);
    let (rule, notes) = noted(model, None, mode(Mode::Delegate)).unwrap();
    assert_eq!(
        notes,
        [
            "rules.entry: mode `delegate` leaves out what the model says of `migration speed`; written \
          rules act"
        ]
    );
    let targets: Vec<&Target> = rule
        .signature()
        .writes
        .iter()
        .map(|it| &it.target)
        .collect();
    assert_eq!(targets, [&Target::Readout("readout:fear".into())]);
    assert_eq!(ask(rule.as_ref(), &[]).columns, [[0.25; 5]]);
}

#[track_caller]
fn assert_refused(found: Result<Box<dyn Rule>, String>, message: &str) {
    assert_eq!(found.err().as_deref(), Some(message));
}

#[test]
fn delegation_knows_no_mechanistic_rules_and_needs_something_to_leave() {
    assert_refused(
        bound(speed(), Some(SPEED), mode(Mode::Delegate)),
        "model.onnx: E-CONTRACT: mode `delegate` has no use for `mechanistic`; give the written \
         rules an entry of their own",
    );
    assert_refused(
        bound(speed(), None, mode(Mode::Delegate)),
        "model.onnx: E-CONTRACT: mode `delegate` leaves nothing of a model without latent states \
         and readouts; choose another",
    );
}

#[test]
fn what_does_not_go_together_is_refused_with_a_way_out() {
    let correction = || {
        let residuals = vec![Residual::Factor { cap: 1.0 }];
        model(vec![write("apoptosis", Kind::Rate)], residuals)
    };
    assert_refused(
        bound(speed(), None, mode(Mode::Shadow)),
        "model.onnx: E-CONTRACT: mode `shadow` needs written rules behind the model; name their \
         file in `mechanistic`",
    );
    assert_refused(
        bound(speed(), Some(SPEED), mode(Mode::Residual)),
        "model.onnx: E-CONTRACT: mode `residual` is for models that declare `residual` in \
         milieu.spec; choose `replace`, `gated` or `shadow`",
    );
    assert_refused(
        bound(correction(), Some(SPEED), mode(Mode::Gated)),
        "model.onnx: E-CONTRACT: mode `gated` would take for values what the model gives as \
         corrections of mechanistic rules; choose `residual` or `shadow`",
    );
    assert_refused(
        bound(correction(), None, mode(Mode::Residual)),
        "model.onnx: E-CONTRACT: mode `residual` needs written rules behind the model; name their \
         file in `mechanistic`",
    );
    let mut model = speed();
    model.learned.guard = Guard::Fallback;
    assert_refused(
        bound(model, None, Adoption::default()),
        "model.onnx: E-CONTRACT: guard `fallback` needs written rules to fall back to; name their \
         file in `mechanistic`, or choose `warn`, `clamp_inputs` or `error`",
    );
}

#[test]
fn mechanistic_rules_that_do_not_fit_the_model_are_refused() {
    let behind = |text: &str| bound(speed(), Some(text), Adoption::default());
    let begins = "behind.rules: E-CONTRACT: mechanistic rules of rules.entry: ";
    let half = SPEED.lines().next().unwrap();
    assert_refused(
        behind(half),
        &format!(
            "{begins}they do not write `migration speed` of `tumor cell`, which the model does; \
             add a rule for it"
        ),
    );
    let more =
        "tumor cell: oxygen increases necrosis towards 0.01 1/min, half-max 5 mmHg, Hill power 4";
    assert_refused(
        behind(&format!("{SPEED}{more}\n")),
        &format!(
            "{begins}they write `necrosis`, which the model does not write; give that rule an \
             entry of its own"
        ),
    );
    let other = "M0 macrophage: oxygen decreases migration speed towards 2 µm/min, half-max 10 mmHg, Hill power 4";
    assert_refused(
        behind(&format!("{SPEED}{other}\n")),
        &format!(
            "{begins}they speak of `M0 macrophage`, on which the model does not act; take those \
             rules out"
        ),
    );
    let often = SPEED.replace(
        "half-max 0.5, Hill power 4\n",
        "half-max 0.5, Hill power 4, every 3 min\n",
    );
    assert_refused(
        behind(&often),
        &format!(
            "{begins}they are called every 3 min and the model every 6 min; take `every` out, or \
             give the entry `clock = \"3 min\"`"
        ),
    );
}

#[test]
fn corrections_follow_the_formulas() {
    let factor = Residual::Factor { cap: 4f64.ln() };
    for (r, times) in [
        (0.5, 0.5f64.exp()),
        (-0.5, (-0.5f64).exp()),
        (9.0, 4.0),
        (-9.0, 0.25),
    ] {
        let acts = corrected(factor, 0.03, r);
        assert!((acts / (0.03 * times) - 1.0).abs() < 1e-15, "{r}: {acts}");
    }
    let shift = Residual::Shift { scale: 2.0 };
    let acts = corrected(shift, 0.03, 0.5);
    assert!((acts - (0.03 + 2.0 * 0.5f64.tanh())).abs() < 1e-15);
    assert_eq!(corrected(shift, 1.0, 1e30), 3.0);
    assert_eq!(corrected(Residual::None, 1.0, 7.0), 7.0);
}

#[test]
fn a_correction_of_zero_is_the_mechanistic_number_bit_for_bit() {
    for m in [0.0, -0.0, 1.0 / 3.0, -5e-324, 1e300, f64::MIN_POSITIVE] {
        for r in [0.0, -0.0] {
            for how in [
                Residual::Factor { cap: 1.0 },
                Residual::Shift { scale: 3.0 },
            ] {
                assert_eq!(
                    corrected(how, m, r).to_bits(),
                    m.to_bits(),
                    "{m} {r} {how:?}"
                );
            }
        }
    }
}

#[test]
fn a_gate_mixes_values_linearly_and_rates_in_their_logarithms() {
    assert!((mixed(false, 0.25, 8.0, 4.0) - 5.0).abs() < 1e-15);
    // The geometric mean.
    assert!((mixed(true, 0.5, 0.9, 0.1) - 0.3).abs() < 1e-15);
    for (f, m) in [(0.0, 0.1), (0.1, 0.0), (0.0, 0.0)] {
        assert_eq!(mixed(true, 0.5, f, m), 0.0);
    }
    for is_event in [true, false] {
        for (f, m) in [(1.0 / 3.0, 0.1), (0.0, 0.7), (0.7, 0.0)] {
            assert_eq!(mixed(is_event, 1.0, f, m), f);
            assert_eq!(mixed(is_event, 0.0, f, m), m);
        }
    }
}
