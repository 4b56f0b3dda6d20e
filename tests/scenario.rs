//! Scenario files: what they mean, and what is said of broken ones.

use std::path::Path;

use sim::scenario::Scenario;
use sim::scenario::parse::read;
use sim::scenario::problem::Problem;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn killing(overrides: &[&str]) -> Result<Scenario, Vec<Problem>> {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    read(
        &root().join("tests/scenarios_good/killing"),
        &overrides,
        None,
    )
}

fn good(overrides: &[&str]) -> Scenario {
    killing(overrides).unwrap_or_else(|problems| panic!("{}", lines(&problems)))
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

#[test]
fn a_scenario_is_read_in_base_units() {
    let scenario = good(&[]);
    println!("{}", serde_json::to_string_pretty(&scenario).unwrap());
    println!("{}", scenario.hash().unwrap());
    println!(
        "{}",
        serde_json::to_string_pretty(&sim::scenario::schema::schema()).unwrap()
    );
}
