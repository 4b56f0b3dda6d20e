//! `milieu bench`: every kernel of the list has its figures, as text and as JSON.

use std::process::{Command, Output};

use serde_json::Value;
use sim::bench::LIST;

fn bench(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_milieu");
    let output = Command::new(program).arg("bench").args(arguments).output();
    output.expect("the program starts")
}

#[test]
fn every_kernel_has_figures_and_those_with_a_limit_say_how_much_of_it_is_reached() {
    let output = bench(&["--quick", "--json", "--threads", "2"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(all["threads"], 2);
    let figures = all["figures"].as_array().unwrap();
    for (name, _) in LIST {
        assert!(
            figures.iter().any(|figure| figure["name"] == name),
            "{name}"
        );
    }
    for figure in figures {
        let value = figure["figure"].as_f64().unwrap();
        assert!(value > 0.0, "{figure}");
        let is_limited = ["diffusion", "exchange"]
            .iter()
            .any(|name| figure["name"] == *name);
        assert_eq!(figure["limit"].is_number(), is_limited, "{figure}");
        if is_limited {
            let reached = figure["limit"].as_f64().unwrap() / value;
            let difference = figure["reached"].as_f64().unwrap() - reached;
            assert!(difference.abs() < 1e-12, "{figure}");
        }
    }
}

#[test]
fn one_kernel_alone_is_a_table_of_its_sizes() {
    let output = bench(&["--quick", "--only", "exchange", "--threads", "1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(
        lines[2].starts_with("exchange   1000 cells × 1 substrate"),
        "{text}"
    );
    assert!(
        lines[2].ends_with("ns per cell, substrate and step"),
        "{text}"
    );
}

#[test]
fn a_kernel_that_is_not_in_the_list_is_bad_usage() {
    let output = bench(&["--only", "difusion"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("diffusion") && told.contains("phenotype"),
        "{told}"
    );
}
