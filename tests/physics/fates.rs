//! Cycle, death and transformation: when, how often, and what daughters are.

use kernels::random::child_id;
use sim::output::EventKind;

use crate::common::*;

#[test]
fn a_cycle_of_fixed_phases_divides_at_18_and_36_hours() {
    let text = plane(
        400.0,
        [1.0, 1.0, 6.0],
        r#"
        [cell_types.tumor.cycle]
        model = "flow cytometry separated"
        durations = { "G0/G1" = "7 h", S = "6 h", G2 = "3 h", M = "2 h" }
        fixed = ["G0/G1", "S", "G2", "M"]
        [cells.first]
        type = "tumor"
        at = [[0, 0]]
        "#,
    );
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    advance(&mut simulation, 18.0 * 60.0);
    assert_eq!(simulation.cells(), 2);
    advance(&mut simulation, 30.0 * 60.0);
    assert_eq!(simulation.cells(), 4);
    let times: Vec<f64> = events(&simulation, EventKind::Division)
        .iter()
        .map(|event| event.time)
        .collect();
    assert_eq!(times, [1080.0, 2160.0, 2160.0]);
}

/// The phases above are whole steps; these are not, and their remainders must not be lost.
#[test]
fn fixed_phases_do_not_drift_with_rounding_to_steps() {
    let phases: Vec<String> = (0..10)
        .map(|number| {
            let divides = number == 9;
            format!("{{ name = \"{number}\", duration = 100, fixed = true, divides = {divides} }}")
        })
        .collect();
    let cycle = format!(
        "[cell_types.tumor.cycle]\nmodel = \"custom\"\nphases = [{}]\n\
         [cells.first]\ntype = \"tumor\"\nat = [[0, 0]]\n",
        phases.join(", ")
    );
    let text = plane(400.0, [6.0, 6.0, 6.0], &cycle);
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    advance(&mut simulation, 3000.0);
    let times: Vec<f64> = events(&simulation, EventKind::Division)
        .iter()
        .map(|event| event.time)
        .collect();
    // 1000, 2000, 3000 min, each to the nearest step of 6 min.
    assert_eq!(times.len(), 7);
    for (time, exact) in times.iter().zip([1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0]) {
        near(*time, 1000.0 * exact, 3.0);
    }
}

/// Linear birth–death process from N cells: mean N e^{rt}, variance N (b+d)/r e^{rt} (e^{rt} − 1),
/// r = b − d. Source: Kendall 1948, doi:10.1214/aoms/1177730285. Steps of 1 min allow a cell one
/// event each, which lowers the mean by r (b+d)/2 · t = 0.1 %, a seventeenth of the tolerance.
#[test]
fn births_and_deaths_follow_the_linear_process() {
    let (b, d, t, n) = (0.002, 0.001, 600.0, 4000.0);
    let cell = format!(
        "cycle = {{ model = \"live\", rates = {{ Live = {b} }} }}\napoptosis = {{ rate = {d} }}"
    );
    let rest = ghost("tumor", &cell) + "[cells.all]\ntype = \"tumor\"\ncount = 4000\n";
    let text = plane(3000.0, [1.0, 1.0, 1.0], &rest);
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    advance(&mut simulation, t);
    let live = simulation.table().counts(1)[0][0] as f64;
    let growth = f64::exp((b - d) * t);
    let variance = n * (b + d) / (b - d) * growth * (growth - 1.0);
    near(live, n * growth, 4.0 * variance.sqrt());
    let [births, deaths] =
        [EventKind::Division, EventKind::Death].map(|kind| events(&simulation, kind).len());
    assert_eq!(live, n + births as f64 - deaths as f64);
    binomial(births, births + deaths, b / (b + d));
}

#[test]
fn survival_does_not_depend_on_the_phenotype_step() {
    for step in [1.0, 6.0] {
        let rest = ghost("tumor", "apoptosis = { rate = 0.05 }")
            + "[cells.all]\ntype = \"tumor\"\ncount = 4000\n";
        let text = plane(3000.0, [1.0, 1.0, step], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text)]);
        advance(&mut simulation, 30.0);
        let live = simulation.table().counts(1)[0][0];
        // Rate times step instead of 1 − exp would leave 0.7⁵ = 17 % at 6 min.
        binomial(live as usize, 4000, f64::exp(-0.05 * 30.0));
    }
}

#[test]
fn competing_risks_split_by_their_rates() {
    let a = "apoptosis = { rate = 0.03 }\nnecrosis = { rate = 0.02 }\ntransformations = { other = 0.01 }";
    let rest =
        ghost("tumor", a) + &ghost("other", "") + "[cells.all]\ntype = \"tumor\"\ncount = 4000\n";
    let text = plane(3000.0, [6.0, 6.0, 6.0], &rest);
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    advance(&mut simulation, 600.0);
    let deaths = events(&simulation, EventKind::Death);
    let of = |cause| {
        deaths
            .iter()
            .filter(|event| event.cause == Some(cause))
            .count()
    };
    let transformed = events(&simulation, EventKind::Transformation).len();
    // After ten mean times 36 · e⁻³⁶ · 4000 cells are undecided.
    assert_eq!(deaths.len() + transformed, 4000);
    binomial(of("apoptosis"), 4000, 0.03 / 0.06);
    binomial(of("necrosis"), 4000, 0.02 / 0.06);
    binomial(transformed, 4000, 0.01 / 0.06);
}

const DIVIDING: &str = r#"
    cycle = { model = "custom", phases = [{ name = "all", duration = 60, fixed = true, divides = true }] }
    custom = { mark = 1.5 }
"#;

fn dividing(seed: u64, table: &str) -> sim::simulation::Simulation {
    let rest = ghost("tumor", DIVIDING)
        + "[cells.first]\nfile = \"cells.csv\"\n\
           [outputs]\ncell_columns = [\"volume\", \"custom:mark\"]\n";
    let text = format!("seed = {seed}\n") + &plane(400.0, [6.0, 6.0, 6.0], &rest);
    simulation(&[("scenario.toml", &text), ("cells.csv", table)])
}

#[test]
fn a_division_keeps_the_center_and_halves_the_volume() {
    let mut simulation = dividing(3, "x,y,type,custom:mark\n10,-20,tumor,7\n");
    advance(&mut simulation, 54.0);
    let mother = simulation.table();
    advance(&mut simulation, 6.0);
    let daughters = simulation.table();
    let [p, q] = [daughters.position[0], daughters.position[1]];
    let gap: f64 = (0..3).map(|axis| (p[axis] - q[axis]).powi(2)).sum::<f64>();
    near(gap.sqrt(), 1.5 * mother.radius[0], 1e-12);
    for axis in 0..3 {
        near(0.5 * (p[axis] + q[axis]), mother.position[0][axis], 1e-13);
    }
    let volume = mother.extra[0].values[0];
    for half in &daughters.extra[0].values {
        near(*half, 0.5 * volume, 1e-12 * volume);
    }
    // The mother's own number, not the type's 1.5.
    assert_eq!(daughters.extra[1].values, [7.0, 7.0]);
}

#[test]
fn an_id_is_a_function_of_mother_and_ordinal() {
    let one = "x,y,type\n0,0,tumor\n";
    let founder = dividing(1, one).table().id[0];
    let family = [
        founder,
        child_id(founder, 0),
        child_id(founder, 1),
        child_id(child_id(founder, 0), 0),
    ];
    for (seed, table) in [(1, one), (2, one), (1, "x,y,type\n0,0,tumor\n90,9,tumor\n")] {
        let mut simulation = dividing(seed, table);
        advance(&mut simulation, 120.0);
        let ids = simulation.table().id;
        assert_eq!(ids.len(), 4 * table.lines().skip(1).count());
        assert!(ids.is_sorted_by(|a, b| a < b));
        for id in family {
            assert!(ids.contains(&id));
        }
    }
}

#[test]
fn a_transformed_cell_keeps_its_place_its_volume_and_shared_numbers() {
    let a = format!("transformations = {{ b = {AT_ONCE} }}\ncustom = {{ shared = 1, own = 2 }}");
    let rest = ghost("a", &a)
        + &ghost(
            "b",
            "custom = { new = 3, shared = 4 }\nvolume = { radius = 5 }",
        )
        + "[cells.first]\nfile = \"cells.csv\"\n\
           [outputs]\ncell_columns = [\"volume\", \"custom:shared\", \"custom:own\", \"custom:new\"]\n";
    let text = plane(400.0, [6.0, 6.0, 6.0], &rest);
    let table = "x,y,type,custom:shared\n10,20,a,9\n";
    let mut simulation = simulation(&[("scenario.toml", &text), ("cells.csv", table)]);
    let before = simulation.table();
    advance(&mut simulation, 6.0);
    let after = simulation.table();
    assert_eq!((before.cell_type[0], after.cell_type[0]), (0, 1));
    assert_eq!((before.id, before.position), (after.id, after.position));
    near(after.extra[0].values[0], before.extra[0].values[0], 1e-9);
    let numbers: Vec<f64> = after.extra[1..].iter().map(|it| it.values[0]).collect();
    // The new type has no number `own`.
    assert_eq!((numbers[0], numbers[2]), (9.0, 3.0));
    assert!(numbers[1].is_nan());
}

/// A fixed phase that a rule holds for ten times its length is left at once when the rule lets
/// go, and the next takes its whole length: the time of waiting is not handed on.
#[test]
fn a_held_phase_hands_on_no_time() {
    let cell = "cycle = { model = \"custom\", phases = [\
        { name = \"one\", duration = 60, fixed = true }, \
        { name = \"two\", duration = 60, fixed = true, divides = true }] }";
    let rest = ghost("tumor", cell)
        + "[cells.first]\ntype = \"tumor\"\nat = [[0, 0]]\n[rules]\nall = \"all.rules\"\n";
    let rule = "tumor: time decreases cycle entry towards 0 1/min, below 600 min\n";
    let text = plane(400.0, [6.0, 6.0, 6.0], &rest);
    let mut simulation = simulation(&[("scenario.toml", &text), ("all.rules", rule)]);
    advance(&mut simulation, 1000.0);
    let first = &events(&simulation, EventKind::Division)[0];
    // Let go at 600 min, the step in which the rule no longer holds; then 60 min of phase two.
    near(first.time, 660.0, 6.0);
}

/// What is shown must not change what happens: a type that keeps no contact time of its own
/// brings none along when it becomes one that does.
#[test]
fn a_column_of_contact_time_changes_nothing() {
    let run = |columns: &str| {
        let rest = ghost("before", "transformations = { after = 0.01 }")
            + &ghost("after", "")
            + &ghost("dead", "")
            + &ghost("other", "")
            + &lattice("before", 10, 100.0, [0.0, 0.0])
            + &lattice("other", 10, 100.0, [12.0, 0.0])
            + "[rules]\nall = \"all.rules\"\n"
            + columns;
        let rule = "after: contact time with other increases transform to dead towards 0.05 1/min, \
                    half-max 60 min, Hill power 4\n";
        let text = plane(1200.0, [0.5, 0.5, 6.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text), ("all.rules", rule)]);
        advance(&mut simulation, 300.0);
        events(&simulation, EventKind::Transformation)
    };
    let shown = run("[outputs]\ncell_columns = [\"contact time with other\"]\n");
    assert!(shown.len() > 100);
    assert_eq!(shown, run(""));
}
