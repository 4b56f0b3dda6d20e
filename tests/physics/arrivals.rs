//! Cells that are there at the start, and cells that come from outside.

use sim::output::EventKind;

use crate::common::*;

#[test]
fn arrivals_are_poisson_and_appear_in_their_region() {
    let (rate, minutes) = (0.5, 2000.0);
    let rest = ghost("tumor", "")
        + &format!(
            "[arrivals.ring]\ntype = \"tumor\"\nrate = {rate}\n\
             disc = {{ center = [50, 0], radius = 300, inner_radius = 200 }}\n"
        );
    let text = plane(1000.0, [1.0, 1.0, 6.0], &rest);
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    advance(&mut simulation, minutes);
    let arrivals = events(&simulation, EventKind::Arrival);
    assert_eq!(arrivals.len(), simulation.cells());
    let mean = rate * minutes;
    near(arrivals.len() as f64, mean, 4.0 * mean.sqrt());
    // In windows of 10 min: mean 5, and the index of dispersion of 200 counts is 1 ± √(2/199).
    let mut counts = vec![0.0; 200];
    for arrival in &arrivals {
        // What arrives within a step is there at its end.
        counts[((arrival.time - 1.0) / 10.0) as usize] += 1.0;
        let [x, y, _] = arrival.position;
        assert!((200.0..=300.0).contains(&(x - 50.0).hypot(y)));
    }
    let [mean, variance] = moments(&counts);
    near(variance / mean, 1.0, 4.0 * (2.0f64 / 199.0).sqrt());
    // Uniform in area: half lie beyond r² = (200² + 300²)/2.
    let outer = arrivals.iter().filter(|it| {
        let [x, y, _] = it.position;
        (x - 50.0).hypot(y).powi(2) > 65_000.0
    });
    binomial(outer.count(), arrivals.len(), 0.5);
}

/// A window of one step holds a step's worth, a window between steps its share.
#[test]
fn a_stream_flows_from_start_to_stop_and_not_beyond() {
    for (start, stop, first, last) in [
        (0.0, 1.0, 1.0, 1.0),
        (10.0, 20.0, 11.0, 20.0),
        (10.25, 11.75, 11.0, 12.0),
    ] {
        let rest = ghost("tumor", "")
            + &format!(
                "[arrivals.all]\ntype = \"tumor\"\nrate = 1000\nstart = {start}\nstop = {stop}\n"
            );
        let text = plane(1000.0, [1.0, 1.0, 6.0], &rest);
        let mut simulation = simulation(&[("scenario.toml", &text)]);
        advance(&mut simulation, 30.0);
        let arrivals = events(&simulation, EventKind::Arrival);
        let mean = 1000.0 * (stop - start);
        near(arrivals.len() as f64, mean, 4.0 * mean.sqrt());
        assert_eq!(
            (arrivals[0].time, arrivals.last().unwrap().time),
            (first, last)
        );
    }
}

#[test]
fn a_stream_without_end_flows_to_the_end_of_the_run() {
    let rest = ghost("tumor", "") + "[arrivals.all]\ntype = \"tumor\"\nrate = 1000\n";
    let text = plane(1000.0, [1.0, 1.0, 6.0], &rest).replace("\"1000 d\"", "12");
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    advance(&mut simulation, 12.0);
    near(simulation.cells() as f64, 12_000.0, 4.0 * 12_000f64.sqrt());
}

#[test]
fn in_a_plane_every_cell_lies_in_it() {
    let corners = "box = { min = [-100, -100], max = [100, 50] }";
    let rest = ghost("tumor", "")
        + "[cells.anywhere]\ntype = \"tumor\"\ncount = 9\n\
           [cells.packed]\ntype = \"tumor\"\npacked = true\nspacing = 90\n\
           [cells.disc]\ntype = \"tumor\"\ncount = 9\ndisc = { radius = 99 }\n\
           [arrivals.anywhere]\ntype = \"tumor\"\nrate = 9\n"
        + &format!("[cells.box]\ntype = \"tumor\"\ncount = 9\n{corners}\n")
        + &format!("[cells.full]\ntype = \"tumor\"\npacked = true\n{corners}\n")
        + &format!("[arrivals.box]\ntype = \"tumor\"\nrate = 9\n{corners}\n");
    let text = plane(1000.0, [1.0, 1.0, 6.0], &rest);
    let mut simulation = simulation(&[("scenario.toml", &text)]);
    advance(&mut simulation, 3.0);
    assert!(simulation.cells() > 100);
    for position in simulation.table().position {
        assert_eq!(position[2], 0.0, "{position:?}");
    }
}
