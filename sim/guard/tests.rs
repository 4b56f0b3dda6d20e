//! The guard against counts by hand, on rows that no model made.

use rules::{Adoption, Side, Subject, Target, Write};

use super::*;
use crate::scenario::parse;

/// Two types with a custom number `x`, which is set; necrosis is an event.
const SCENARIO: &str = r#"duration = "60 min"

[domain]
dimensions = 2
size = [200, 200]

[cell_types.a]
custom = { x = 0 }

[cell_types.b]
custom = { x = 0 }

[outputs]
write = ["guard"]
"#;

fn plan() -> Plan {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("scenario.toml"), SCENARIO).unwrap();
    let scenario = parse::read(home.path(), &[], None).unwrap();
    crate::plan::bind(scenario).unwrap().plan
}

/// The guard of a rule that writes `x` and `necrosis` of both types, and what it needs.
struct Bench {
    guards: Guards,
    signature: Signature,
    clamps: Clamps,
    time: f64,
}

struct Learner(Signature, Learned);

impl Rule for Learner {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn apply(&self, _: &Batch<'_>, _: &mut Outputs) -> Result<(), rules::Error> {
        Ok(())
    }

    fn describe(&self) -> Vec<String> {
        Vec::new()
    }

    fn provenance(&self) -> rules::Provenance {
        rules::Provenance {
            name: "entry".into(),
            file: "model.onnx".into(),
            sha256: String::new(),
            engine: String::new(),
            model: None,
        }
    }

    fn learned(&self) -> Option<&Learned> {
        Some(&self.1)
    }
}

impl Bench {
    fn new(mode: Mode, guard: Policy, has_mechanistic: bool, adoption: Adoption) -> Bench {
        let plan = plan();
        let write = |name: &str, kind: Kind| Write {
            side: Side::Cell,
            target: Target::Behavior(plan.table.vocabulary.behaviors.find(name).unwrap()),
            kind,
            applies_to_dead: false,
            reduce: rules::Reduce::Sum,
        };
        let signature = Signature {
            source: "entry".into(),
            subject: Subject::Cell { types: vec![0, 1] },
            occasion: rules::Occasion::Clock,
            graph: None,
            reads: Vec::new(),
            writes: vec![
                write("custom:x", Kind::Parameter { relaxation: None }),
                write("necrosis", Kind::Rate),
            ],
            clock: 6.0,
            noise: None,
            combine: None,
        };
        let learned = Learned {
            mode,
            guard,
            adoption,
            has_mechanistic,
            residuals: vec![Residual::None; 2],
            inputs: vec![
                ("oxygen".into(), "mmHg".into(), 2.0),
                ("age".into(), "min".into(), 1.0),
            ],
            domain: rules::neural::domain::Domain {
                boxes: vec![Some((-1.0, 11.0)), Some((0.0, 60.0))],
                ranges: vec![Some((0.0, 10.0)), Some((0.0, 60.0))],
                score: None,
            },
            stops: Vec::new(),
        };
        let mut guards = Guards::default();
        guards.watch(&Learner(signature.clone(), learned), &plan);
        Bench {
            guards,
            signature,
            clamps: Clamps::new(plan.table.behaviors.len()),
            time: 0.0,
        }
    }

    /// One call about the cells 0, 1, 2, … with these tiers: the model says 5 and 0.5, the
    /// mechanistic rules 2 and 0.25, or what `spoil` makes of it. What is written to `x`.
    fn call(&mut self, tiers: &[Tiers], spoil: impl Fn(&mut Outputs)) -> Result<Vec<f64>, String> {
        Ok(self.all(tiers, spoil)?.columns.remove(0))
    }

    fn all(&mut self, tiers: &[Tiers], spoil: impl Fn(&mut Outputs)) -> Result<Outputs, String> {
        let rows = tiers.len();
        let kinds: Vec<u16> = (0..rows as u16).map(|row| row % 2).collect();
        let who: Vec<Who> = (0..rows as u64).map(|row| (row, None)).collect();
        let mut outputs = Outputs {
            columns: vec![vec![5.0; rows], vec![0.5; rows]],
            domain: tiers.to_vec(),
            ..Outputs::default()
        };
        if self.guards.all[0].learned.has_mechanistic {
            outputs.mechanistic = vec![vec![2.0; rows], vec![0.25; rows]];
        }
        spoil(&mut outputs);
        let call = Call {
            guard: Some(0),
            signature: &self.signature,
            batch: &Batch {
                rows,
                signals: &[vec![7.0; rows].into(), vec![30.0; rows].into()],
                types: &kinds,
                dt: 6.0,
                ..Batch::default()
            },
            who: &who,
            time: self.time,
        };
        let settled = self.guards.settle(&call, &mut outputs, &mut self.clamps);
        let close = |()| {
            let source = &self.signature.source;
            self.guards
                .close(call.guard, source, self.time, |id| id < 100)
        };
        let closed = settled.and_then(close);
        self.time += 6.0;
        closed.map(|()| outputs)
    }

    fn ledger(&self) -> Ledger {
        self.guards.all[0].ledger.closed()
    }
}

const IN: Tiers = Tiers(0);

fn nothing(_: &mut Outputs) {}

fn usual() -> Adoption {
    Adoption::default()
}

#[test]
fn a_row_returns_to_the_model_in_the_third_call_in_a_row_that_finds_it_inside() {
    let mut bench = Bench::new(Mode::Replace, Policy::Fallback, true, usual());
    let mut acts = |tiers| bench.call(&[tiers, IN], nothing).unwrap();
    assert_eq!(acts(IN), [5.0, 5.0]);
    assert_eq!(acts(Tiers::BOX), [2.0, 5.0]);
    assert_eq!(acts(IN), [2.0, 5.0]);
    // Outside again: the count begins anew.
    assert_eq!(acts(Tiers::SCORE), [2.0, 5.0]);
    assert_eq!(acts(IN), [2.0, 5.0]);
    assert_eq!(acts(IN), [2.0, 5.0]);
    assert_eq!(acts(IN), [5.0, 5.0]);
    assert!(bench.guards.all[0].held.is_empty());
    let ledger = bench.ledger();
    assert_eq!((ledger.rows, ledger.fell_back()), (14, 5));
    let share = &ledger.types["a"];
    assert_eq!((share.rows, share.fired, share.fell_back), (7, 2, 5));
    assert_eq!(share.outside, BTreeMap::from([("box", 1), ("score", 1)]));
    assert_eq!(ledger.types["b"].fired, 0);
    // Two numbers of each row on which the model acted.
    assert_eq!(ledger.written, 2 * 9);
}

#[test]
fn with_return_after_1_only_rows_outside_are_in_fallback() {
    let adoption = Adoption {
        return_after: 1,
        ..usual()
    };
    let mut bench = Bench::new(Mode::Replace, Policy::Fallback, true, adoption);
    let mut acts = |tiers| bench.call(&[tiers], nothing).unwrap()[0];
    assert_eq!(
        [acts(Tiers::BOX), acts(IN), acts(Tiers::BOX), acts(IN)],
        [2.0, 5.0, 2.0, 5.0]
    );
}

#[test]
fn rows_of_cells_that_are_gone_are_forgotten() {
    let mut bench = Bench::new(Mode::Replace, Policy::Fallback, true, usual());
    bench.call(&[Tiers::BOX; 3], nothing).unwrap();
    let guard = &mut bench.guards.all[0];
    guard.held.insert((100, None), 0);
    guard.held.insert((1, Some(100)), 0);
    bench.call(&[IN; 3], nothing).unwrap();
    let held = &bench.guards.all[0].held;
    assert_eq!(
        held.keys().copied().collect::<Vec<_>>(),
        [(0, None), (1, None), (2, None)]
    );
    let mut found = Vec::new();
    let who = [(5, None), (1, None)];
    bench.guards.held(Some(0), &who, &mut found);
    assert_eq!(found, [false, true]);
}

#[test]
fn each_policy_does_what_it_says() {
    let outside = [Tiers::BOX, IN];
    for (policy, expected) in [
        (Policy::Fallback, 2.0),
        (Policy::Warn, 5.0),
        (Policy::ClampInputs, 5.0),
    ] {
        let mut bench = Bench::new(Mode::Replace, policy, true, usual());
        assert_eq!(
            bench.call(&outside, nothing).unwrap(),
            [expected, 5.0],
            "{policy:?}"
        );
        assert_eq!(bench.ledger().types["a"].fired, 1);
    }
    let mut bench = Bench::new(Mode::Replace, Policy::Error, true, usual());
    bench.call(&[IN, IN], nothing).unwrap();
    assert_eq!(
        bench.call(&[IN, Tiers(3)], nothing).unwrap_err(),
        "rule `entry` failed at t = 6 min on cell 1: \
         E-DOMAIN: box, score: oxygen = 14 mmHg, trained on 0 to 10 mmHg"
    );
    // What a score finds strange is the row as a whole.
    assert!(
        bench
            .call(&[IN, Tiers::SCORE], |_| {})
            .unwrap_err()
            .ends_with("E-DOMAIN: score; inputs: oxygen = 14 mmHg; age = 30 min")
    );
}

#[test]
fn a_row_without_a_number_falls_back_whatever_the_policy_and_else_ends_the_run() {
    let spoil = |out: &mut Outputs| out.failed.push((1, "E-RANGE: no chance".into()));
    for policy in [
        Policy::Fallback,
        Policy::Warn,
        Policy::ClampInputs,
        Policy::Error,
    ] {
        let mut bench = Bench::new(Mode::Replace, policy, true, usual());
        assert_eq!(
            bench.call(&[IN; 3], spoil).unwrap(),
            [5.0, 2.0, 5.0],
            "{policy:?}"
        );
        let share = &bench.ledger().types["b"];
        assert_eq!(share.outside, BTreeMap::from([("not finite", 1)]));
    }
    let mut bench = Bench::new(Mode::Replace, Policy::Warn, false, usual());
    assert_eq!(
        bench.call(&[IN; 3], spoil).unwrap_err(),
        "rule `entry` failed at t = 0 min on cell 1: E-RANGE: no chance"
    );
    // Nor is there anything to fall back to where the mechanistic rules fail too.
    let mut bench = Bench::new(Mode::Replace, Policy::Warn, true, usual());
    let both = |out: &mut Outputs| {
        spoil(out);
        out.mechanistic[0][1] = f64::NAN;
    };
    assert!(bench.call(&[IN; 3], both).unwrap_err().contains("E-RANGE"));
}

#[test]
fn a_memory_goes_on_while_the_mechanistic_rules_act_and_stands_where_there_is_no_number() {
    let mut bench = Bench::new(Mode::Replace, Policy::Fallback, true, usual());
    // As though `x` were a latent state.
    bench.guards.all[0].latent[0] = true;
    let fail = |outputs: &mut Outputs| {
        let reason = "E-NONFINITE: it is NaN".into();
        outputs.failed.push((1, reason));
    };
    let said = bench.all(&[Tiers::BOX, Tiers::NOT_FINITE], fail).unwrap();
    assert_eq!(said.columns[0][0], 5.0);
    assert!(said.columns[0][1].is_nan());
    assert_eq!(said.columns[1], [0.25, 0.25]);
}

#[test]
fn a_gate_is_shut_outside_the_domain() {
    let mut bench = Bench::new(Mode::Gated, Policy::Warn, true, usual());
    let half = |out: &mut Outputs| out.gate = vec![0.5; 4];
    let out = bench.all(&[IN, Tiers::SPREAD, IN, IN], half).unwrap();
    assert_eq!(out.columns[0], [3.5, 2.0, 3.5, 3.5]);
    let mean = (0.5f64 * 0.25).sqrt();
    assert!(
        (out.columns[1][0] - mean).abs() < 1e-15,
        "{:?}",
        out.columns
    );
    // Without a gate it is open inside.
    assert_eq!(bench.call(&[IN, Tiers::BOX], nothing).unwrap(), [5.0, 2.0]);
}

#[test]
fn a_shadow_acts_not_and_its_ledger_counts_what_it_would_have_changed() {
    let mut bench = Bench::new(Mode::Shadow, Policy::Fallback, true, usual());
    let last = |out: &mut Outputs| out.columns[0][2] = 0.0;
    let out = bench.all(&[IN, Tiers::BOX, IN], last).unwrap();
    assert_eq!(out.columns, [[2.0; 3], [0.25; 3]]);
    let ledger = bench.ledger();
    // The row outside would have fallen back: 5 − 2 and 0 − 2 are left.
    let x = &ledger.shadow["custom:x"];
    assert_eq!(
        (x.rows, x.mean, x.greatest, x.decisions),
        (2, 0.5, 3.0, None)
    );
    let necrosis = &ledger.shadow["necrosis"];
    let chance = |rate: f64| 1.0 - (-6.0 * rate).exp();
    let decisions = 2.0 * (chance(0.5) - chance(0.25));
    assert!(
        (necrosis.decisions.unwrap() - decisions).abs() < 1e-12,
        "{necrosis:?}"
    );
    assert_eq!((ledger.written, ledger.fell_back()), (0, 1));
}

#[test]
fn numbers_beyond_the_physical_floor_are_put_back_and_end_the_run_when_there_are_many() {
    let mut bench = Bench::new(Mode::Replace, Policy::Warn, false, usual());
    let wild = |out: &mut Outputs| {
        out.columns[0] = vec![1e30, -1e30, 1.0];
        out.columns[1] = vec![1e30, -1.0, 0.5];
    };
    let out = bench.all(&[IN; 3], wild).unwrap();
    assert_eq!(out.columns[0], [1e9, -1e9, 1.0]);
    assert_eq!(out.columns[1], [1e4, 0.0, 0.5]);
    assert_eq!((bench.ledger().written, bench.ledger().clamped), (6, 4));
    assert_eq!(bench.clamps.clamped.iter().sum::<u64>(), 4);
    // 4 of 1,006 are more than 1 in 1,000.
    let said = bench.call(&[IN; 500], nothing).unwrap_err();
    assert!(
        said.starts_with("E-CLAMP: 4 of 1006 numbers that model `entry` wrote"),
        "{said}"
    );
}

#[test]
fn changes_out_of_range_end_a_run_in_which_nothing_is_to_be_decided_about_rows() {
    let mut bench = Bench::new(Mode::Replace, Policy::Warn, false, usual());
    for number in 0..1000 {
        bench.guards.count(0, 1, u64::from(number < 4));
    }
    bench.guards.pass(Some(0), &[0], &Outputs::default());
    let closed = bench.guards.close(Some(0), "entry", 6.0, |_| true);
    assert!(closed.unwrap_err().starts_with("E-CLAMP: 4 of 1002"));
}

#[test]
fn what_mechanistic_rules_say_is_not_held_to_a_model_s_floor() {
    let mut bench = Bench::new(Mode::Replace, Policy::Fallback, true, usual());
    let large = |out: &mut Outputs| out.mechanistic[0][0] = 1e12;
    assert_eq!(bench.call(&[Tiers::BOX, IN], large).unwrap(), [1e12, 5.0]);
    assert_eq!(bench.ledger().clamped, 0);
}

#[test]
fn the_rows_on_which_it_fired_are_kept_with_what_both_said() {
    let mut bench = Bench::new(Mode::Replace, Policy::Fallback, true, usual());
    let failed = |out: &mut Outputs| out.failed.push((2, "E-NONFINITE: it is NaN".into()));
    bench.call(&[IN, Tiers(5), IN], failed).unwrap();
    bench.call(&[IN; 3], nothing).unwrap();
    let firing = &bench.guards.firings()[0];
    let row = |cell: u64, cell_type, tiers: &str, model: [f64; 2]| Row {
        time: 0.0,
        who: (cell, None),
        cell_type,
        tiers: tiers.into(),
        fallback: true,
        inputs: vec![14.0, 30.0],
        model: model.to_vec(),
        mechanistic: vec![2.0, 0.25],
    };
    assert_eq!(firing.rows[0], row(1, 1, "box, spread", [5.0, 0.5]));
    assert_eq!(firing.rows[1].tiers, "not finite");
    assert!(firing.rows[1].model.iter().all(|value| value.is_nan()));
    assert_eq!(firing.rows.len(), 2);
    let names: Vec<_> = firing
        .outputs
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["custom:x", "necrosis"]);
    bench.guards.forget();
    assert!(bench.guards.firings()[0].rows.is_empty());
}

#[test]
fn the_member_is_a_function_of_the_seed_and_the_entry() {
    let bench = |mode| {
        Bench::new(mode, Policy::Warn, true, usual())
            .guards
            .member(Some(0))
    };
    let member = bench(Mode::Replace);
    assert!(member > 0.0 && member < 1.0);
    assert_eq!(member, bench(Mode::Shadow));
    assert_eq!(Guards::default().member(None), 0.0);
}

#[test]
fn a_run_is_called_mostly_mechanistic_above_the_share_the_scenario_gives() {
    let mut bench = Bench::new(Mode::Replace, Policy::Fallback, true, usual());
    bench.call(&[Tiers::BOX, IN, IN, IN], nothing).unwrap();
    let ledger = bench.ledger();
    assert_eq!(ledger.warning(0.25), None);
    let said = ledger.warning(0.2).unwrap();
    assert!(
        said.starts_with("model entry: the run is mostly mechanistic; 25.0 % of rows"),
        "{said}"
    );
    assert!(
        ledger
            .remark()
            .unwrap()
            .starts_with("model entry: 25.00 % of 4 rows")
    );
}
