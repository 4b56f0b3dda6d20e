//! Readouts against formulas, against patterns counted by hand, and against what other programs
//! make of the same run.

use std::collections::BTreeSet;
use std::f64::consts::PI;
use std::path::Path;
use std::process::Command;

use kernels::Grid;
use kernels::random::{Draws, Sequence};
use sim::output::{CellTable, Event, EventKind, Frame, Vitality};
use sim::readouts::asked::{Asked, Given, Key, Need};
use sim::readouts::clearance::Clearance;
use sim::readouts::contacts::{Balls, fraction};
use sim::readouts::enrichment::{Graph, Who};
use sim::readouts::kills::Serial;
use sim::readouts::spatial::Window;
use sim::readouts::tracks::{SAMPLE, Walk};
use sim::readouts::{LIST, Meter, Point, Total, fields, impedance, infiltration};
use sim::scenario::parse;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn random(number: u64) -> Sequence {
    Sequence::new(
        Draws {
            seed: 5,
            purpose: 0,
        },
        number,
    )
}

#[track_caller]
fn near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{found} is not {expected} ± {tolerance}"
    );
}

/// Asserts that the mean of values lies within four of its own standard errors of `expected`.
#[track_caller]
fn on_average(values: &[f64], expected: f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|it| (it - mean).powi(2)).sum();
    let error = (squares / (n - 1.0) / n).sqrt();
    assert!(error > 0.0);
    near(mean, expected, 4.0 * error);
}

const PLANE: Window = Window {
    min: [-60.0, -40.0, -5.0],
    max: [60.0, 40.0, 5.0],
    dimensions: 2,
};

const BOX: Window = Window {
    min: [0.0; 3],
    max: [100.0, 80.0, 60.0],
    dimensions: 3,
};

/// Points without structure.
fn poisson(window: &Window, count: usize, random: &mut Sequence) -> Vec<[f64; 3]> {
    let mut along = |axis: usize| {
        let share = random.uniform();
        match axis < window.dimensions {
            true => window.min[axis] + share * (window.max[axis] - window.min[axis]),
            false => 0.0,
        }
    };
    (0..count)
        .map(|_| std::array::from_fn(&mut along))
        .collect()
}

#[test]
fn a_pattern_without_structure_has_the_k_of_discs_and_balls_and_g_of_one() {
    let radii = [5.0, 15.0, 30.0];
    for window in [PLANE, BOX] {
        let (mut own, mut cross, mut g) = (vec![], vec![], vec![]);
        for number in 0..300 {
            let mut random = random(number);
            let [a, b] = [40, 25].map(|count| poisson(&window, count, &mut random));
            own.push(window.k(&a, None, &radii).unwrap());
            cross.push(window.k(&a, Some(&b), &radii).unwrap());
            g.push(window.pair_correlation(&a, Some(&b), &radii).unwrap());
        }
        for (place, radius) in radii.iter().enumerate() {
            let ball = match window.dimensions {
                2 => PI * radius * radius,
                _ => 4.0 / 3.0 * PI * radius.powi(3),
            };
            let at = |curves: &[Vec<f64>]| -> Vec<f64> {
                curves.iter().map(|curve| curve[place]).collect()
            };
            on_average(&at(&own), ball);
            on_average(&at(&cross), ball);
            on_average(&at(&g), 1.0);
        }
    }
}

#[test]
fn pairs_of_a_lattice_count_as_by_hand() {
    let window = Window {
        min: [0.0; 3],
        max: [100.0; 3],
        dimensions: 2,
    };
    let places = (0..100).map(|it| {
        [
            (it % 10) as f64 * 10.0 + 5.0,
            (it / 10) as f64 * 10.0 + 5.0,
            0.0,
        ]
    });
    let lattice: Vec<[f64; 3]> = places.collect();
    let k = window.k(&lattice, None, &[9.0, 10.0, 14.0, 15.0]).unwrap();
    // Ordered pairs: 2·10·9 along each axis, which share 90·100 µm² of the window with their
    // shifted self; 4·9·9 across, which share 90·90.
    let scale = 1e8 / (100.0 * 99.0);
    let straight = scale * 360.0 / 9000.0;
    let across = scale * 324.0 / 8100.0;
    assert_eq!(k[0], 0.0);
    for (found, expected) in k[1..].iter().zip([straight, straight, straight + across]) {
        near(*found, expected, 1e-9 * expected);
    }
    let g = window.pair_correlation(&lattice, None, &[9.0, 10.0]);
    let ring = PI * (100.0 - 81.0);
    near(g.unwrap()[1], straight / ring, 1e-12);
}

#[test]
fn two_points_have_the_k_of_their_one_distance_and_cells_outside_do_not_count() {
    let window = Window {
        min: [0.0; 3],
        max: [100.0, 50.0, 20.0],
        dimensions: 3,
    };
    let pair = [[10.0, 10.0, 10.0], [13.0, 14.0, 10.0]];
    // |W|² / (2·1) · 2 / (97·46·20)
    let expected = 1e5_f64.powi(2) / (97.0 * 46.0 * 20.0);
    let k = window.k(&pair, None, &[4.9, 5.0]).unwrap();
    assert_eq!(k[0], 0.0);
    near(k[1], expected, 1e-9 * expected);
    let with_a_stray = [pair[0], pair[1], [-1.0, 10.0, 10.0]];
    assert_eq!(window.k(&with_a_stray, None, &[4.9, 5.0]).unwrap(), k);
    assert_eq!(window.k(&pair[..1], None, &[5.0]), None);
    assert_eq!(window.k(&pair, Some(&[]), &[5.0]), None);
    // Two cells at one point are a pair.
    assert!(window.k(&[pair[0], pair[0]], None, &[5.0]).unwrap()[0] > 0.0);
}

/// Cells of radius 1 µm on a line.
fn line(places: &[f64]) -> Balls {
    Balls {
        centers: places.iter().map(|&x| [x, 0.0, 0.0]).collect(),
        radii: vec![1.0; places.len()],
    }
}

#[test]
fn contact_is_between_surfaces_and_never_with_oneself() {
    let (cells, others) = (line(&[0.0, 5.0, 9.0, 20.0]), line(&[2.0, 11.5]));
    assert_eq!(fraction(&cells, &others, false, 0.0), Some(0.25));
    assert_eq!(fraction(&cells, &others, false, 0.4), Some(0.25));
    // 9 and 11.5 are 0.5 apart, 2 and 5 are 1 apart.
    assert_eq!(fraction(&cells, &others, false, 0.5), Some(0.5));
    assert_eq!(fraction(&cells, &others, false, 1.0), Some(0.75));
    assert_eq!(fraction(&cells, &cells, true, 0.0), Some(0.0));
    assert_eq!(fraction(&cells, &cells, true, 2.0), Some(0.5));
    assert_eq!(fraction(&line(&[]), &others, false, 0.0), None);
    assert_eq!(fraction(&cells, &line(&[]), false, 0.0), Some(0.0));
    // The widest of the others need not be the nearest.
    let wide = Balls {
        centers: vec![[0.0, 1.5, 0.0], [5.0, 0.0, 0.0]],
        radii: vec![0.1, 4.0],
    };
    assert_eq!(fraction(&line(&[0.0]), &wide, false, 0.0), Some(1.0));
}

#[test]
fn neighbors_are_touching_or_near_or_nearest() {
    let cells = line(&[0.0, 2.0, 5.0, 9.0]);
    let graph = |who| Graph::new(&cells, who).0;
    assert_eq!(
        graph(Who::Touching(0.0)),
        [vec![1], vec![0], vec![], vec![]]
    );
    assert_eq!(
        graph(Who::Within(3.0)),
        [vec![1], vec![0, 2], vec![1], vec![]]
    );
    assert_eq!(graph(Who::Nearest(1)), [vec![1], vec![0], vec![1], vec![2]]);
    // Of two that are equally far the first is taken.
    let even = line(&[4.0, 0.0, 8.0]);
    assert_eq!(
        Graph::new(&even, Who::Nearest(1)).0,
        [vec![1], vec![0], vec![0]]
    );
    let few = Graph::new(&even, Who::Nearest(9)).0;
    assert_eq!(few, [vec![1, 2], vec![0, 2], vec![0, 1]]);
}

/// Mean and standard deviation of the edges from `a` to `b` over all ways to deal types out.
fn dealt(graph: &Graph, types: &[usize], [a, b]: [usize; 2]) -> [f64; 2] {
    fn deal(left: &mut Vec<usize>, dealt: &mut Vec<usize>, see: &mut dyn FnMut(&[usize])) {
        if left.is_empty() {
            return see(dealt);
        }
        for place in 0..left.len() {
            dealt.push(left.remove(place));
            deal(left, dealt, see);
            left.insert(place, dealt.pop().unwrap());
        }
    }
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    deal(&mut types.to_vec(), &mut Vec::new(), &mut |types| {
        let edges = graph.0.iter().enumerate().map(|(from, neighbors)| {
            let to = neighbors.iter().filter(|&&it| types[it as usize] == b);
            usize::from(types[from] == a) * to.count()
        });
        let edges = edges.sum::<usize>() as f64;
        sum += edges;
        squares += edges * edges;
        count += 1.0;
    });
    let mean: f64 = sum / count;
    [mean, (squares / count - mean * mean).sqrt()]
}

#[test]
fn enrichment_is_the_score_over_all_ways_to_deal_types_out() {
    // A path of five with a spur, and an edge that leads one way only.
    let graph = Graph(vec![
        vec![1],
        vec![0, 2],
        vec![1, 3, 5],
        vec![2, 4],
        vec![3],
        vec![0, 2],
    ]);
    let types = [0, 1, 0, 1, 2, 1];
    let draws = Draws {
        seed: 9,
        purpose: 26,
    };
    const N: u64 = 20_000;
    for pair in [[0, 1], [1, 0], [1, 1], [2, 1]] {
        let [mean, deviation] = dealt(&graph, &types, pair);
        let found = graph.0.iter().enumerate().map(|(from, neighbors)| {
            let to = neighbors
                .iter()
                .filter(|&&to| types[to as usize] == pair[1]);
            usize::from(types[from] == pair[0]) * to.count()
        });
        let expected = (found.sum::<usize>() as f64 - mean) / deviation;
        let score = graph.enrichment(&types, pair, N, draws, 0).unwrap();
        // Errors of a mean and of a standard deviation from N draws.
        let error = ((1.0 + expected * expected / 2.0) / N as f64).sqrt();
        near(score, expected, 4.0 * error);
        assert_eq!(graph.enrichment(&types, pair, N, draws, 0), Some(score));
        assert_ne!(graph.enrichment(&types, pair, N, draws, 1), Some(score));
    }
    assert_eq!(graph.enrichment(&types, [0, 3], 100, draws, 0), None);
    assert_eq!(graph.enrichment(&[1; 6], [1, 1], 100, draws, 0), None);
}

#[test]
fn a_type_is_cleared_when_it_does_not_come_back() {
    let story = |threshold: f64, counts: &[usize]| {
        let mut clearance = Clearance::new(0, threshold);
        for (time, &live) in counts.iter().enumerate() {
            clearance.see(time as f64, live);
        }
        let [point] = Total::finish(&clearance)[..] else {
            panic!("it is one number");
        };
        (point.value, point.censored)
    };
    assert_eq!(story(0.0, &[3, 0, 1, 0, 0]), (Some(3.0), false));
    assert_eq!(story(1.0, &[3, 0, 1, 0, 0]), (Some(1.0), false));
    assert_eq!(story(0.0, &[3, 0, 0, 1]), (None, true));
    assert_eq!(story(2.0, &[2, 2, 2]), (Some(0.0), false));
}

#[test]
fn effectors_are_counted_by_their_kills_even_if_no_frame_shows_them() {
    let cells = CellTable {
        id: vec![1, 2, 3],
        cell_type: vec![0, 0, 1],
        state: vec![Vitality::Live, Vitality::Apoptotic, Vitality::Live],
        position: vec![[0.0; 3]; 3],
        radius: vec![1.0; 3],
        ..CellTable::default()
    };
    let event = |kind, cell, partner, partner_type| Event {
        time: 1.0,
        kind,
        cell,
        cell_type: 0,
        partner: Some(partner),
        partner_type: Some(partner_type),
        cause: None,
        position: [0.0; 3],
        value: 0.0,
    };
    let events = [
        event(EventKind::Arrival, 7, 0, 0),
        event(EventKind::Division, 1, 8, 0),
        event(EventKind::Kill, 7, 3, 1),
        event(EventKind::Kill, 7, 4, 1),
        event(EventKind::Kill, 1, 5, 1),
        // Of something else.
        event(EventKind::Kill, 1, 6, 2),
    ];
    let mut kills = Serial::new(&[0], 1);
    assert_eq!((kills.mean(), kills.histogram()), (None, vec![]));
    kills.see(&Frame {
        index: 0,
        time: 1.0,
        cells: &cells,
        fields: &[],
        events: &events,
        doses: &[],
        guards: &[],
        readouts: &[],
        dyads: &[],
    });
    // 1 killed once, 7 twice, 8 never; 2 was dead before anybody looked.
    assert_eq!(kills.histogram(), [1, 1, 1]);
    assert_eq!(kills.mean(), Some(1.0));
}

#[test]
fn straight_walkers_and_random_ones_have_the_figures_of_theirs() {
    let mut straight = Walk::new(4.0 * SAMPLE);
    for sample in 1..=40 {
        let time = f64::from(sample) * SAMPLE;
        straight.sample(time, &[(1, [3.0 * time, 4.0 * time, 0.0], true)]);
    }
    let lag = 4.0 * SAMPLE;
    near(straight.speed().unwrap(), 5.0, 1e-9);
    near(straight.displacement().unwrap(), (5.0 * lag).powi(2), 1e-9);
    near(straight.spreading().unwrap(), 25.0 * lag, 1e-9);
    near(straight.turning().unwrap(), 1.0, 1e-12);

    // Steps of ±1 along x and y: MSD = 2 · steps, no memory.
    let (mut displacement, mut turning) = (vec![], vec![]);
    for number in 0..200 {
        let (mut random, mut at) = (random(number), [0.0; 3]);
        let mut walk = Walk::new(lag);
        for sample in 1..=84 {
            for x in &mut at[..2] {
                *x += if random.uniform() < 0.5 { 1.0 } else { -1.0 };
            }
            walk.sample(f64::from(sample) * SAMPLE, &[(1, at, true)]);
        }
        displacement.push(walk.displacement().unwrap());
        turning.push(walk.turning().unwrap());
    }
    on_average(&displacement, 8.0);
    on_average(&turning, 0.0);

    // Who is pressed once within a window has no track in it.
    let mut pressed = Walk::new(lag);
    for sample in 1..=12 {
        pressed.sample(
            f64::from(sample) * SAMPLE,
            &[(1, [f64::from(sample); 3], sample != 6)],
        );
    }
    // Windows end at samples 4, 8 and 12, and the first begins at 4.
    near(pressed.displacement().unwrap(), 48.0, 1e-9);
    assert_eq!(pressed.turning(), None);
}

#[test]
fn fields_are_averaged_by_distance_and_by_layer() {
    let grid = Grid::new([0.0; 3], [100.0, 40.0, 10.0], [10.0; 3]).unwrap();
    let density: Vec<f64> = (0..grid.len()).map(|voxel| grid.center(voxel)[0]).collect();
    let (centers, means) = fields::along_axis(&grid, &density, 0);
    assert_eq!(
        centers,
        [5.0, 15.0, 25.0, 35.0, 45.0, 55.0, 65.0, 75.0, 85.0, 95.0]
    );
    assert_eq!(means, centers);
    let (_, across) = fields::along_axis(&grid, &density, 1);
    assert_eq!(across, [50.0; 4]);
    // From a source at one voxel's center: itself; two beside it along x and two along y, one at
    // each end of the ring; nobody; the rest of the field is farther.
    let source = [[45.0, 15.0, 5.0]];
    let profile = fields::profile(&grid, &density, &source, &[5.0, 10.0, 12.0]);
    assert_eq!(profile, [Some(45.0), Some(45.0), None]);
    assert_eq!(fields::profile(&grid, &density, &[], &[5.0]), [None]);

    // exp(−d/λ) around a source in the middle of a wide field.
    let grid = Grid::new([-400.0, -400.0, 0.0], [400.0, 400.0, 5.0], [5.0; 3]).unwrap();
    let source = [[2.5, 2.5, 2.5]];
    let far = |voxel: usize| {
        let at = grid.center(voxel);
        (0..3)
            .map(|d| (at[d] - source[0][d]).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let density: Vec<f64> = (0..grid.len()).map(|it| (-far(it) / 20.0).exp()).collect();
    near(fields::spread(&grid, &density, &source).unwrap(), 20.0, 1.0);
}

#[test]
fn depth_is_the_median_distance_to_the_edge_of_the_mass() {
    let grid = Grid::new([0.0; 3], [110.0, 10.0, 10.0], [10.0; 3]).unwrap();
    // The mass fills voxels 3 to 7 and so reaches over 2 to 8; the nearest centers outside are 15
    // and 95.
    let mass: Vec<[f64; 3]> = (3..8)
        .map(|i| [f64::from(i) * 10.0 + 5.0, 5.0, 5.0])
        .collect();
    let cells = [
        [55.0, 5.0, 5.0],
        [35.0, 5.0, 5.0],
        [85.0, 5.0, 5.0],
        [5.0, 5.0, 5.0],
    ];
    assert_eq!(infiltration::depth(&grid, &cells, &mass), Some(20.0));
    assert_eq!(infiltration::depth(&grid, &cells[3..], &mass), None);
    assert_eq!(infiltration::depth(&grid, &cells, &[]), None);
}

#[test]
fn cover_is_the_union_of_discs_within_the_bottom() {
    let cover = |discs: &[[f64; 3]]| {
        let discs = Balls {
            centers: discs.iter().map(|it| [it[0], it[1], 3.0]).collect(),
            radii: discs.iter().map(|it| it[2]).collect(),
        };
        impedance::cover(&discs, [-50.0, 50.0], [-40.0, 40.0]) * 8000.0
    };
    let disc = PI * 144.0;
    // Lines are a twentieth of the mean radius apart: 0.1 % of a disc's area.
    let error = 1e-3 * disc;
    assert_eq!(cover(&[]), 0.0);
    near(cover(&[[0.0, 0.3, 12.0]]), disc, error);
    near(cover(&[[0.0, 0.3, 12.0], [0.0, 0.3, 12.0]]), disc, error);
    near(cover(&[[-50.0, 7.0, 12.0]]), disc / 2.0, error);
    near(cover(&[[50.0, -40.0, 12.0]]), disc / 4.0, error);
    near(
        cover(&[[0.0, 0.0, 12.0], [30.0, 0.0, 6.0]]),
        1.25 * disc,
        error,
    );
    // Two discs d apart share a lens: 2r² acos(d/2r) − d/2 √(4r² − d²).
    for (x, y) in [(9.0, 0.0), (0.0, 9.0), (5.4, 7.2)] {
        let lens = 288.0 * f64::acos(9.0 / 24.0) - 4.5 * f64::sqrt(576.0 - 81.0);
        near(
            cover(&[[0.0, 0.0, 12.0], [x, y, 12.0]]),
            2.0 * disc - lens,
            2.0 * error,
        );
    }
    near(cover(&[[3.0, 2.0, 100.0], [0.0, 0.0, 12.0]]), 8000.0, 1e-9);
    // A layer without structure leaves bare what Poisson's law says: exp(−density · disc).
    let window = Window {
        min: [-100.0, -100.0, 0.0],
        max: [100.0, 100.0, 0.0],
        dimensions: 2,
    };
    let bare = (0..200).map(|number| {
        let layer = poisson(&window, 60, &mut random(number));
        let discs: Vec<[f64; 3]> = layer.iter().map(|it| [it[0], it[1], 12.0]).collect();
        1.0 - cover(&discs) / 8000.0
    });
    // 60 discs that hit a spot or not, each by itself.
    let expected = (1.0 - disc / 40_000.0).powi(60);
    on_average(&bare.collect::<Vec<f64>>(), expected);
}

/// What is enough for a measure, of a scenario with one type and one substrate.
fn enough(keys: &[Key]) -> Asked {
    let given = keys.iter().filter_map(|&key| {
        let given = match (key.need(), key) {
            (Need::Else(given), _) => given,
            (Need::May, _) => return None,
            (_, Key::Type | Key::Target | Key::Effectors | Key::Sources) => Given::Types(vec![0]),
            (_, Key::Substrate) => Given::Substrate(0),
            (_, Key::Axis) => Given::Axis(1),
            _ => Given::Numbers(vec![2.0, 4.0]),
        };
        Some((key, given))
    });
    Asked::new(given)
}

#[test]
fn every_measure_opens_with_its_keys_goes_on_from_what_it_kept_and_is_in_the_manual() {
    let manual = std::fs::read_to_string(root().join("docs/scenario.md")).unwrap();
    let everything = root().join("tests/data/everything");
    let scenario = parse::read(&everything, &[], None).unwrap();
    let asked_for: BTreeSet<&str> = scenario.readouts.iter().map(|it| it.measure.name).collect();
    let mut names = BTreeSet::new();
    for measure in LIST {
        let name = measure.name;
        assert!(names.insert(name), "there are two `{name}`");
        assert!(asked_for.contains(name), "{everything:?} lacks `{name}`");
        let asked = enough(measure.keys);
        let unit = measure.unit(&asked, &scenario);
        let row = manual
            .lines()
            .find(|line| line.starts_with(&format!("| {name} |")));
        let row = row.unwrap_or_else(|| panic!("docs/scenario.md does not tell of `{name}`"));
        let in_row = |word: &str| assert!(row.contains(word), "{name}: no {word} in {row}");
        for key in measure.keys {
            in_row(&format!("`{}`", key.name()));
        }
        match name {
            "field profile" | "field along axis" => in_row("the substrate's"),
            _ => in_row(&unit),
        }
        let cells = CellTable {
            id: vec![1, 2, 3],
            cell_type: vec![0; 3],
            state: vec![Vitality::Live; 3],
            position: vec![[0.0; 3], [1.0, 0.0, 0.0], [50.0, 30.0, 0.0]],
            radius: vec![8.0; 3],
            ..CellTable::default()
        };
        let fields = vec![1.0; fields::grid(&scenario).len() * scenario.substrates.len()];
        let frame = Frame {
            index: 0,
            time: scenario.duration,
            cells: &cells,
            fields: &fields,
            events: &[],
            doses: &[],
            guards: &[],
            readouts: &[],
            dyads: &[],
        };
        let open = || -> Box<dyn Meter> { (measure.open)(&asked, &scenario) };
        let (mut one, mut other) = (open(), open());
        // It is told of each frame, or of the whole run.
        let is_of_frames = !one.frame(&frame, true).is_empty();
        assert_eq!(is_of_frames, one.last().is_empty(), "{name}");
        assert_eq!(row.contains("| frame"), is_of_frames, "{row}");
        let finished: Vec<Point> = one.finish();
        let along: Vec<bool> = finished.iter().map(|it| it.coordinate.is_some()).collect();
        assert!(
            along.iter().all(|&it| it == measure.along.is_some()),
            "{name}"
        );
        other.restore(&one.keep()).unwrap();
        assert_eq!(other.finish(), finished, "{name}");
    }
}

/// The same run's readouts, made of its other files by astropy, trackpy, scipy and numpy (and by
/// squidpy, where it is there).
#[test]
fn python_makes_the_same_of_the_other_files_of_a_run() {
    let python = std::env::var("MILIEU_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let modules = "import pandas, pyarrow, zarr, scipy, astropy.stats, trackpy";
    let found = Command::new(&python).args(["-c", modules]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {python} cannot `{modules}`");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_milieu"));
    run.arg("run").arg(root().join("tests/data/everything"));
    for setting in [
        "duration=40",
        "outputs.interval=0.4",
        "outputs.write=[\"cells\", \"events\", \"fields\", \"readouts\"]",
    ] {
        run.args(["--set", setting]);
    }
    run.args(["--quiet", "--out"]).arg(home.path().join("o"));
    let output = run.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let output = Command::new(&python)
        .arg(root().join("tests/readouts.py"))
        .arg(home.path().join("o"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success() && said.contains("the same of everything"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
