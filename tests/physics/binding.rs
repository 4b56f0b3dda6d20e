//! What is said of rules and tables that do not fit their scenario.

use std::path::Path;

use rules::{Binding, Combine};
use sim::plan::bind;
use sim::scenario::{RuleSource, parse};
use sim::simulation::Simulation;

use crate::common::*;

const TYPES: &str = "[cell_types.tumor]\ncustom = { PD-L1 = 1 }\n[cell_types.\"T cell\"]\n\
    [cells.first]\ntype = \"tumor\"\nat = [[0, 0]]\n[rules]\nall = \"all.rules\"\n";

/// What is said of these rules in a scenario of two types without substrates.
fn said(rules: &str) -> String {
    let text = plane(400.0, [0.1, 0.1, 6.0], TYPES);
    let result = bound(&[("scenario.toml", &text), ("all.rules", rules)]);
    result.err().expect("the rules are wrong")
}

#[test]
fn an_unknown_type_is_told_with_the_known_ones() {
    assert_eq!(
        said("tumr: time increases custom:PD-L1 towards 2, above 1 min\n"),
        "all.rules:1: unknown cell type `tumr`\n  did you mean `tumor`? known cell types: T cell, tumor"
    );
}

#[test]
fn an_unknown_signal_is_told_with_the_nearest() {
    let text = said("tumor: presure increases custom:PD-L1 towards 2, above 1\n");
    let (first, help) = text.split_once("\n  ").unwrap();
    assert_eq!(first, "all.rules:1: unknown signal `presure`");
    assert!(
        help.starts_with("did you mean `pressure`? known signals: "),
        "{help}"
    );
}

#[test]
fn an_unknown_behavior_is_told_with_the_nearest() {
    let text = said("tumor: pressure decreases cycle entri towards 0, above 1\n");
    let (first, help) = text.split_once("\n  ").unwrap();
    assert_eq!(first, "all.rules:1: unknown behavior `cycle entri`");
    assert!(
        help.starts_with("did you mean `cycle entry`? known behaviors: "),
        "{help}"
    );
}

#[test]
fn a_number_that_cells_of_a_type_lack_is_named() {
    assert_eq!(
        said("T cell: time increases custom:PD-L1 towards 2, above 1 min\n"),
        "rules `all` speak of `custom:PD-L1` of `T cell`, which has no such number\n  \
         add it to the scenario: [cell_types.\"T cell\".custom] \"PD-L1\" = 0"
    );
    assert_eq!(
        said(
            "tumor on T cell: target custom:PD-L1 increases hit from 0 towards 2 1/min, above 1, every 1 min\n"
        ),
        "rules `all` speak of `custom:PD-L1` of `T cell`, which has no such number\n  \
         add it to the scenario: [cell_types.\"T cell\".custom] \"PD-L1\" = 0"
    );
}

#[test]
fn a_clock_between_mechanics_steps_is_refused() {
    assert_eq!(
        said("tumor: time increases custom:PD-L1 towards 2, above 1 min, every 0.25 min\n"),
        "all.rules:1: every 0.25 min is no multiple of the mechanics step, 0.1 min\n  \
         the nearest are 0.2 min and 0.3 min"
    );
}

#[test]
fn a_column_of_a_table_of_cells_must_be_a_behavior() {
    let rest = "[cell_types.tumor]\n[cells.first]\nfile = \"cells.csv\"\n";
    let text = plane(400.0, [0.1, 0.1, 6.0], rest);
    let said = bound(&[
        ("scenario.toml", &text),
        ("cells.csv", "x,y,type,migration sped\n0,0,tumor,1\n"),
    ]);
    let text = said.err().expect("the column is wrong");
    let (first, help) = text.split_once("\n  ").unwrap();
    assert_eq!(first, "cells.csv:1: unknown column `migration sped`");
    assert!(help.starts_with("did you mean `migration speed`"), "{help}");
}

/// What is said of a table with one column more, whose one cell has `value` there.
fn said_of_column(header: &str, value: &str) -> String {
    let rest = "[cell_types.tumor]\ncustom = { a = 1 }\n[cell_types.stroma]\n\
        [cells.first]\nfile = \"cells.csv\"\n";
    let text = plane(400.0, [0.1, 0.1, 6.0], rest);
    let table = format!("x,y,type,{header}\n0,0,stroma,{value}\n");
    let result = bound(&[("scenario.toml", &text), ("cells.csv", &table)]);
    result.err().expect("the column is wrong")
}

#[test]
fn a_column_of_a_number_that_the_type_lacks_is_refused_however_it_is_spelled() {
    assert_eq!(
        said_of_column("custom:a", "1"),
        "cells.csv:2: unknown custom number `a`\n  \
         state its value in [cell_types.\"stroma\".custom], or leave the field empty"
    );
    assert_eq!(
        said_of_column("Custom:A", "1"),
        "cells.csv:2: the column `Custom:A` has a value for a `stroma`, which has no such number\n  \
         state it in [cell_types.\"stroma\".custom], or leave the field empty"
    );
}

#[test]
fn a_value_out_of_its_behavior_s_range_is_refused() {
    assert_eq!(
        said_of_column("migration speed", "-5"),
        "cells.csv:2: the column `migration speed` has the value -5\n  \
         it must not be negative"
    );
    assert_eq!(
        said_of_column("migration bias", "1.5"),
        "cells.csv:2: the column `migration bias` has the value 1.5\n  \
         it must lie between 0 and 1"
    );
}

#[test]
fn two_meanings_of_one_name_are_refused() {
    let text = plane(400.0, [0.1, 0.1, 6.0], "[cell_types.cell]\n");
    assert_eq!(
        bound(&[("scenario.toml", &text)]).err().unwrap(),
        "the scenario's names give two signals called `contact with live cell`\n  \
         rename the cell type, substrate, custom number, latent space or readout that is part of it"
    );
}

#[test]
fn a_domain_of_three_dimensions_is_thicker_than_a_voxel() {
    let text = plane(400.0, [0.1, 0.1, 6.0], "[cell_types.tumor]\n")
        .replace("dimensions = 2", "dimensions = 3")
        .replace("[400, 400]", "[400, 400, 400]");
    let bound = bound(&[("scenario.toml", &text)]).unwrap();
    assert_eq!(
        Simulation::new(bound, 1).err().unwrap(),
        "a domain of 3 dimensions that is one voxel thick has no third one\n  \
         make it thicker or `voxel` smaller than 400 µm along z, or write `dimensions = 2`"
    );
}

#[test]
fn an_output_column_must_be_a_signal_or_a_behavior() {
    let rest = "[cell_types.tumor]\n[outputs]\ncell_columns = [\"damge\"]\n";
    let text = plane(400.0, [0.1, 0.1, 6.0], rest);
    let said = bound(&[("scenario.toml", &text)])
        .err()
        .expect("the column is wrong");
    let (first, help) = said.split_once("\n  ").unwrap();
    assert_eq!(first, "outputs.cell_columns: unknown signal `damge`");
    assert!(help.starts_with("did you mean `damage`"), "{help}");
}

/// What is said when sentences on hits stand beside the model of the tumor scenario.
fn both(combine: Option<Combine>, clock: f64) -> Result<(), String> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/tumor_immune");
    let mut scenario = parse::read(&home, &[], None).unwrap();
    let model = &scenario.rules[1];
    assert!(model.binding.file.ends_with("killing.onnx"));
    let rules = format!(
        "CD8 T cell on tumor: contact age increases hit from 0 towards 1 1/min, above 5 min, every {clock} min\n"
    );
    let place = folder(&[("more.rules", &rules)]);
    let binding = Binding {
        name: "more".into(),
        file: place.path().join("more.rules"),
        clock: None,
        combine,
        ..model.binding.clone()
    };
    scenario.rules.push(RuleSource {
        name: "more".into(),
        binding,
    });
    bind(scenario).map(drop)
}

#[test]
fn a_model_and_sentences_on_one_behavior_need_a_word_on_how_they_combine() {
    let conflict = "E-CONFLICT: rules `killing` and `more` both write `hit` of `CD8 T cell on tumor`\n  \
        leave one out, or say how they combine: more = { file = \"…\", combine = \"sum\" } \
        (sum, product or priority; pairs only sum)";
    for combine in [None, Some(Combine::Product), Some(Combine::Priority)] {
        assert_eq!(both(combine, 0.2), Err(conflict.to_owned()), "{combine:?}");
    }
    assert_eq!(both(Some(Combine::Sum), 0.2), Ok(()));
    assert_eq!(
        both(Some(Combine::Sum), 1.0),
        Err(
            "E-CONFLICT: rules `killing` (every 0.2 min) and `more` (every 1 min) both write `hit` of `CD8 T cell on tumor`\n  \
             give them one clock"
                .to_owned()
        )
    );
}

/// What is said of a plane with this besides.
fn said_of(clocks: [f64; 3], rest: &str, rules: &str) -> String {
    let text = plane(400.0, clocks, rest);
    let result = bound(&[("scenario.toml", &text), ("all.rules", rules)]);
    result.err().expect("the scenario is wrong")
}

#[test]
fn what_could_not_act_is_refused() {
    let rest = "[cell_types.tumor]\n[rules]\nall = \"all.rules\"\n";
    let clocks = [0.1, 0.1, 6.0];
    assert_eq!(
        said_of(
            clocks,
            rest,
            "tumor: time increases cycle entry towards 1, above 1 min\n"
        ),
        "rules `all` write `cycle entry` of `tumor`, whose cycle `none` has 0 phases\n  \
         give it a cycle: [cell_types.\"tumor\".cycle] model = \"live\""
    );
    assert_eq!(
        said_of(
            clocks,
            rest,
            "tumor: time increases transform to tumor towards 1, above 1 min\n"
        ),
        "rules `all` write `transform to tumor` of `tumor`, which is that already\n  \
         name another type"
    );
    let substrate = "[substrates.drug]\ndiffusion_coefficient = 1\n".to_owned() + rest;
    assert_eq!(
        said_of(
            clocks,
            &substrate,
            "tumor: time increases drug secretion towards 1, above 1 min\n"
        ),
        "rules `all` write `drug secretion` of `tumor`, which has no secretion target\n  \
         state it: [cell_types.\"tumor\".exchange.drug] secretion_target = …; \
         or write `drug export`, which needs none"
    );
}

#[test]
fn what_would_overflow_or_overshoot_is_refused() {
    let clocks = [0.1, 0.1, 6.0];
    let flood = "[cell_types.tumor]\n[arrivals.all]\ntype = \"tumor\"\nrate = 1e9\n";
    assert_eq!(
        said_of(clocks, flood, ""),
        "arrivals.all: 1000000000 1/min are 100000000 cells in one mechanics step; \
         at most 10000 are possible\n  lower the rate"
    );
    assert_eq!(
        said_of([1.0, 1.0, 60.0], "[cell_types.tumor]\n", ""),
        "cell_types.\"tumor\": a volume changes at 0.05 1/min, too fast for a phenotype step of 60 min\n  \
         shorten clocks.phenotype to 20 min or less, or slow the change"
    );
    let units = "[cell_types.a]\ncustom = { dose = \"3 nM\" }\n[cell_types.b]\ncustom = { dose = \"2 µM\" }\n";
    assert_eq!(
        said_of(clocks, units, ""),
        "custom:dose is in nM for `a`, but in µM for `b`\n  give it one unit"
    );
}

#[test]
fn a_sentence_may_not_lead_out_of_its_behavior_s_range() {
    let rest = "[cell_types.tumor]\n[rules]\nall = \"all.rules\"\n";
    assert_eq!(
        said_of(
            [0.1, 0.1, 6.0],
            rest,
            "tumor: time increases migration bias towards 5, above 1 min\n"
        ),
        "all.rules:1: towards 5, but `migration bias` lies between 0 and 1\n  \
         write a value within that"
    );
}

/// PhysiCell lets one of two meanings win; which, is said.
#[test]
fn a_name_with_two_meanings_is_an_error_or_under_physicell_a_note() {
    let rest = "[cell_types.\"live cell\"]\n";
    let text = |semantics: &str| semantics.to_owned() + &plane(100.0, [0.1, 0.1, 6.0], rest);
    let refused = bound(&[("scenario.toml", &text(""))]).err().unwrap();
    assert!(refused.contains("`contact with live cell`"), "{refused}");
    let bound = bound(&[("scenario.toml", &text(PHYSICELL))]).unwrap_or_else(|it| panic!("{it}"));
    let said = "`contact with live cell` has two meanings";
    let notes = &bound.plan.scenario.notes;
    assert!(notes.iter().any(|note| note.starts_with(said)), "{notes:?}");
}
