//! How founders of one type differ: distributions of the numbers they begin with.

use sim::simulation::Simulation;

use crate::common::*;

const FOUNDERS: usize = 4000;

/// Founders whose custom number is so distributed; the number is the first column, the volume the second.
fn founders(distribution: &str) -> Simulation {
    founders_of(
        "",
        &format!("\"custom:number\" = {{ {distribution}, check_base = false }}"),
        1,
    )
}

fn text(semantics: &str, initial: &str) -> String {
    let a = format!("custom = {{ number = 1 }}\ninitial = {{ {initial} }}");
    let rest = ghost("a", &a)
        + &format!("[cells.all]\ntype = \"a\"\ncount = {FOUNDERS}\n")
        + "[outputs]\ncell_columns = [\"custom:number\", \"volume\", \"migration speed\"]\n";
    semantics.to_owned() + &plane(3000.0, [6.0, 6.0, 6.0], &rest)
}

fn founders_of(semantics: &str, initial: &str, threads: usize) -> Simulation {
    let bound = bound(&[("scenario.toml", &text(semantics, initial))]).unwrap();
    Simulation::new(bound, threads).unwrap()
}

/// The standard errors of mean and variance are √(σ²/n) and √((μ₄ − σ⁴)/n).
#[track_caller]
fn has_moments(values: &[f64], mean: f64, variance: f64, fourth: f64) {
    let n = FOUNDERS as f64;
    assert_eq!(values.len(), FOUNDERS);
    let [found, spread] = moments(values);
    near(found, mean, 4.0 * (variance / n).sqrt());
    near(
        spread,
        variance,
        4.0 * ((fourth - variance * variance) / n).sqrt(),
    );
}

#[track_caller]
fn is_normal(values: &[f64], mu: f64, sigma: f64) {
    has_moments(values, mu, sigma.powi(2), 3.0 * sigma.powi(4));
}

/// μ₄ of a uniform number is (b − a)⁴/80.
#[track_caller]
fn is_uniform(values: &[f64], a: f64, b: f64) {
    assert!(values.iter().all(|value| (a..=b).contains(value)));
    has_moments(
        values,
        0.5 * (a + b),
        (b - a).powi(2) / 12.0,
        (b - a).powi(4) / 80.0,
    );
}

/// σ times |a standard normal number|, above `end`: mean √(2/π), variance 1 − 2/π,
/// μ₄ = 3 − 4/π − 12/π².
#[track_caller]
fn is_half_normal(values: &[f64], end: f64, sigma: f64) {
    let pi = std::f64::consts::PI;
    assert!(values.iter().all(|value| *value > end));
    has_moments(
        values,
        end + sigma * (2.0 / pi).sqrt(),
        sigma.powi(2) * (1.0 - 2.0 / pi),
        sigma.powi(4) * (3.0 - 4.0 / pi - 12.0 / pi / pi),
    );
}

#[test]
fn numbers_have_the_moments_of_their_distribution() {
    let numbers = |distribution| column(&mut founders(distribution), 0);
    let logarithms = |distribution| -> Vec<f64> {
        numbers(distribution)
            .iter()
            .map(|value| value.ln())
            .collect()
    };
    is_uniform(
        &numbers("distribution = \"uniform\", min = 2, max = 6"),
        2.0,
        6.0,
    );
    let logs = logarithms("distribution = \"log-uniform\", min = 0.1, max = 100");
    is_uniform(&logs, 0.1f64.ln(), 100f64.ln());
    is_normal(
        &numbers("distribution = \"normal\", mu = -4, sigma = 3"),
        -4.0,
        3.0,
    );
    is_normal(
        &logarithms("distribution = \"log-normal\", mu = 0.5, sigma = 0.8"),
        0.5,
        0.8,
    );
    let ten = 10f64.ln();
    let logs = logarithms("distribution = \"log10-normal\", mu = 0.5, sigma = 0.8");
    is_normal(&logs, 0.5 * ten, 0.8 * ten);
}

#[test]
fn what_lies_beyond_an_end_is_drawn_again() {
    let numbers = column(
        &mut founders("distribution = \"normal\", mu = 5, sigma = 2, min = 5"),
        0,
    );
    is_half_normal(&numbers, 5.0, 2.0);
    let numbers = column(
        &mut founders("distribution = \"normal\", mu = 5, sigma = 2, max = 5"),
        0,
    );
    let below: Vec<f64> = numbers.iter().map(|value| -value).collect();
    is_half_normal(&below, -5.0, 2.0);
    for (kind, base) in [("log-normal", std::f64::consts::E), ("log10-normal", 10.0)] {
        let end = f64::powf(base, 0.25);
        let distribution =
            format!("distribution = \"{kind}\", mu = 0.25, sigma = 0.5, min = {end}");
        let numbers = column(&mut founders(&distribution), 0);
        let logs: Vec<f64> = numbers.iter().map(|value| value.ln()).collect();
        is_half_normal(&logs, end.ln(), 0.5 * base.ln());
    }
}

/// A cell of another size has targets of another size.
#[test]
fn a_founder_keeps_its_own_volume_and_speed() {
    for semantics in BOTH {
        let initial = "volume = { distribution = \"uniform\", min = 1500, max = 3500 }, \
                       \"migration speed\" = { distribution = \"uniform\", min = 0, max = 8 }";
        let mut simulation = founders_of(semantics, initial, 1);
        let [volumes, speeds] = [1, 2].map(|number| column(&mut simulation, number));
        is_uniform(&volumes, 1500.0, 3500.0);
        is_uniform(&speeds, 0.0, 8.0);
        assert_eq!(column(&mut simulation, 0), [1.0; FOUNDERS]);
        advance(&mut simulation, 120.0);
        for (now, then) in column(&mut simulation, 1).iter().zip(volumes) {
            near(*now, then, 1e-9);
        }
        assert_eq!(column(&mut simulation, 2), speeds);
    }
}

/// Numbers are those of the cell and the seed, not of the threads that draw them, nor of the
/// distributions that stand beside.
#[test]
fn founders_are_the_same_for_any_number_of_threads() {
    let number = "\"custom:number\" = { distribution = \"normal\", mu = 1, sigma = 1 }";
    let one = founders_of("", number, 1).table();
    for threads in [2, 3, 8] {
        let other = founders_of("", number, threads).table();
        assert_eq!(one.extra[0].values, other.extra[0].values);
        assert_eq!(one.position, other.position);
    }
    let more =
        format!("{number}, volume = {{ distribution = \"uniform\", min = 2000, max = 3000 }}");
    assert_eq!(
        one.extra[0].values,
        column(&mut founders_of("", &more, 1), 0)
    );
}

/// A table's number is replaced, and who arrives has the type's own.
#[test]
fn founders_of_tables_differ_and_arrivals_do_not() {
    let a = "custom = { number = 1 }\n\
             initial = { \"custom:number\" = { distribution = \"uniform\", min = 1, max = 2 } }";
    let rest = ghost("a", a)
        + "[cells.all]\nfile = \"cells.csv\"\n[arrivals.more]\ntype = \"a\"\nrate = 10\n\
           [outputs]\ncell_columns = [\"custom:number\"]\n";
    let text = plane(400.0, [6.0, 6.0, 6.0], &rest);
    let table = "x,y,type,custom:number\n0,0,a,7\n30,0,a,\n";
    let mut simulation = simulation(&[("scenario.toml", &text), ("cells.csv", table)]);
    let founders = column(&mut simulation, 0);
    assert!(
        founders.iter().all(|number| (1.0..2.0).contains(number)),
        "{founders:?}"
    );
    assert_ne!(founders[0], founders[1]);
    simulation.step().unwrap();
    let ones = column(&mut simulation, 0)
        .iter()
        .filter(|&&number| number == 1.0)
        .count();
    assert_eq!(ones, simulation.cells() - 2);
    assert!(ones > 10);
}

#[test]
fn a_distribution_that_fits_no_founder_is_refused() {
    let said = |initial: &str| -> String {
        match bound(&[("scenario.toml", &text("", initial))]) {
            Ok(bound) => Simulation::new(bound, 1)
                .err()
                .expect("the distribution is wrong"),
            Err(message) => message,
        }
    };
    assert_eq!(
        said("\"custom:number\" = { distribution = \"uniform\", min = 2, max = 6 }"),
        "cell_types.\"a\".initial.\"custom:number\": the type's own value, 1, lies outside 2 to 6\n  \
         move the ends, or write check_base = false"
    );
    assert_eq!(
        said("volume = { distribution = \"normal\", mu = 1, sigma = 1, max = 9 }"),
        "cell_types.\"a\".initial.\"volume\": the type's own value, 2494, lies outside -inf to 9\n  \
         move the ends, or write check_base = false"
    );
    let unknown = said("\"migration sped\" = { distribution = \"uniform\", min = 0, max = 1 }");
    let (first, help) = unknown.split_once("\n  ").unwrap();
    assert_eq!(
        first,
        "cell_types.\"a\".initial.\"migration sped\": unknown behavior `migration sped`"
    );
    assert!(help.starts_with("did you mean `migration speed`"), "{help}");
    assert_eq!(
        said(
            "\"custom:number\" = { distribution = \"normal\", mu = 1, sigma = 0.001, min = 2, max = 3, check_base = false }"
        ),
        "cell_types.\"a\".initial.\"custom:number\": of 1000000 draws none lies between the ends\n  \
         move them to where the distribution is"
    );
    assert_eq!(
        said("volume = { distribution = \"normal\", mu = -5, sigma = 0 }"),
        "cell_types.\"a\".initial.volume: a cell was to have -5 µm³\n  state a `min` above 0"
    );
}
