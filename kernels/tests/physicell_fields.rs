//! Fields after PhysiCell's conventions, against what PhysiCell 1.14.2 computed; and what a
//! tissue keeps of its fields after either convention.
//!
//! The scenes and numbers were recorded from PhysiCell, one thread, without custom code. A few
//! values of each are typed in below; where the recorded tables are at hand, every voxel is
//! compared.

use std::path::Path;

use kernels::channels::{Channel, Channels};
use kernels::conventions::{Conventions, Fields, Held, Sharing, Spacing};
use kernels::diffusion::{Boundary, Diffusion, Method, Substrate};
use kernels::random::Draws;
use kernels::tissue::{Body, Group, Initial, Prey, Setup, Streams, Tissue, Walk};
use kernels::{Error, Grid, Pool};

const CLOSED: [Boundary; 6] = [Boundary::NoFlux; 6];
const PHYSICELL: Fields = Fields {
    held: Held::BetweenSweeps,
    spacing: Spacing::OfX,
    exchange: Sharing::InTurn,
};
const STEP: f64 = 0.01;

fn substrate(diffusion_coefficient: f64, decay_rate: f64, boundary: [Boundary; 6]) -> Substrate {
    Substrate {
        diffusion_coefficient,
        decay_rate,
        boundary,
    }
}

/// A grid of voxels of 20 µm around the origin; flat if `half[2]` is 10.
fn grid(half: [f64; 3]) -> Grid {
    Grid::new(half.map(|edge| -edge), half, [20.0; 3]).unwrap()
}

/// PhysiCell printed 12 digits: half a unit in the last is at most 5e-12 of the number. 6000 steps
/// of three sweeps may each round by 1e-16 in either program.
#[track_caller]
fn assert_recorded(found: f64, recorded: f64, what: &str) {
    assert!(
        (found - recorded).abs() <= 2e-11 * recorded.abs(),
        "{what}: {found} is not {recorded}"
    );
}

/// A recorded table, or nothing and a word about it.
fn table(scene: &str, file: &str) -> Option<Vec<Vec<f64>>> {
    let path = Path::new("../../shared/physicell/unit")
        .join(scene)
        .join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    };
    // Words, such as the cell type's name, are no numbers.
    let number = |field: &str| field.parse().unwrap_or(f64::NAN);
    let rows = text.lines().skip(1);
    Some(
        rows.map(|row| row.split(',').map(number).collect())
            .collect(),
    )
}

/// A time in min, a position, and the density of each substrate there.
type Probe<'a> = (usize, [f64; 3], &'a [f64]);

/// Compares the fields with the probes of this time, and with the whole table if it is there.
fn compare(scene: &str, time: usize, grid: &Grid, densities: &[f64], probes: &[Probe]) {
    let assert_at = |position: [f64; 3], recorded: &[f64]| {
        for (substrate, &recorded) in recorded.iter().enumerate() {
            let found = densities[substrate * grid.len() + grid.voxel_of(position)];
            let what = format!("{scene} at {time} min, {position:?}, substrate {substrate}");
            assert_recorded(found, recorded, &what);
        }
    };
    for (_, position, recorded) in probes.iter().filter(|probe| probe.0 == time) {
        assert_at(*position, recorded);
    }
    for row in table(scene, &format!("f_field_t{time}.csv")).unwrap_or_default() {
        assert_at([row[0], row[1], row[2]], &row[3..]);
    }
}

/// Diffuses from `densities` after PhysiCell's conventions to each time in turn, and compares.
fn follow(
    scene: &str,
    grid: &Grid,
    substrates: &[Substrate],
    mut densities: Vec<f64>,
    probes: &[Probe],
) {
    let diffusion = Diffusion::after(PHYSICELL, grid, substrates, STEP).unwrap();
    let mut times: Vec<usize> = probes.iter().map(|probe| probe.0).collect();
    times.dedup();
    let mut minute = 0;
    for time in times {
        for _ in 0..(time - minute) * 100 {
            diffusion.step(&mut densities, &Pool::serial());
        }
        minute = time;
        compare(scene, time, grid, &densities, probes);
    }
}

/// 1000 of each substrate in the middle voxel.
fn pulse(grid: &Grid) -> Vec<f64> {
    let mut densities = vec![0.0; 2 * grid.len()];
    let middle = grid.voxel_of([0.0; 3]);
    densities[middle] = 1000.0;
    densities[grid.len() + middle] = 1000.0;
    densities
}

const SLOW_AND_FAST: [Substrate; 2] = [
    Substrate {
        diffusion_coefficient: 1000.0,
        decay_rate: 0.1,
        boundary: CLOSED,
    },
    Substrate {
        diffusion_coefficient: 1e5,
        decay_rate: 0.1,
        boundary: CLOSED,
    },
];

#[test]
fn pulse_in_a_plane_spreads_like_physicells() {
    let grid = grid([510.0, 510.0, 10.0]);
    let probes: [Probe; 6] = [
        (1, [0.0; 3], &[30.7648050159, 0.38250588394]),
        (1, [100.0, 40.0, 0.0], &[1.54545873249, 0.378718205256]),
        (
            1,
            [-500.0, -500.0, 0.0],
            &[9.40912204559e-31, 0.314977297783],
        ),
        (10, [100.0, 40.0, 0.0], &[0.879076791303, 0.141473045704]),
        (
            10,
            [-500.0, -500.0, 0.0],
            &[1.31388928112e-5, 0.141473045704],
        ),
        (60, [0.0; 3], &[0.00138905175284, 0.000954429778607]),
    ];
    follow(
        "diff_pulse_2D",
        &grid,
        &SLOW_AND_FAST,
        pulse(&grid),
        &probes,
    );
}

#[test]
fn pulse_in_a_cube_spreads_like_physicells() {
    let grid = grid([250.0; 3]);
    let probes: [Probe; 6] = [
        (1, [0.0; 3], &[5.67114842734, 0.0579107205419]),
        (1, [100.0, 40.0, -20.0], &[0.254066787038, 0.0579106751816]),
        (1, [-240.0; 3], &[7.86339833261e-15, 0.0579104001423]),
        (
            10,
            [100.0, 40.0, -20.0],
            &[0.0509771362313, 0.0235482077374],
        ),
        (10, [-240.0; 3], &[0.00485817828311, 0.0235482077374]),
        (60, [-240.0; 3], &[0.00015872176589, 0.000158798823511]),
    ];
    follow(
        "diff_pulse_3D",
        &grid,
        &SLOW_AND_FAST,
        pulse(&grid),
        &probes,
    );
}

#[test]
fn one_fixed_face_supplies_like_physicells() {
    let grid = grid([510.0, 510.0, 10.0]);
    let mut boundary = CLOSED;
    boundary[0] = Boundary::Fixed(1.0);
    let substrates = [
        substrate(1000.0, 0.1, boundary),
        substrate(1e5, 1.0, boundary),
    ];
    let probes: [Probe; 5] = [
        (1, [-480.0, -500.0, 0.0], &[0.625903946945, 0.795880775048]),
        (1, [500.0, 500.0, 0.0], &[9.6373121278e-44, 0.0173589117802]),
        (10, [0.0; 3], &[0.000192826901732, 0.184022813016]),
        (60, [-480.0, -500.0, 0.0], &[0.814513061134, 0.807223345992]),
        (
            60,
            [500.0, 500.0, 0.0],
            &[6.39613666665e-5, 0.0707450975572],
        ),
    ];
    let densities = vec![0.0; 2 * grid.len()];
    follow(
        "diff_dirichlet_xmin_2D",
        &grid,
        &substrates,
        densities,
        &probes,
    );
}

#[test]
fn corners_go_to_the_later_face_for_all_substrates_like_physicells() {
    let grid = grid([210.0, 210.0, 10.0]);
    let sides = [1.0, 2.0, 3.0, 4.0].map(Boundary::Fixed);
    let mut four = CLOSED;
    four[..4].copy_from_slice(&sides);
    let mut one = CLOSED;
    one[2] = Boundary::Fixed(9.0);
    let substrates = [substrate(1e5, 0.1, four), substrate(1000.0, 0.0, one)];
    let probes: [Probe; 9] = [
        (1, [-200.0, -200.0, 0.0], &[3.0, 9.0]),
        (1, [200.0, -200.0, 0.0], &[3.0, 9.0]),
        (1, [-200.0, 200.0, 0.0], &[4.0, 7.0]),
        (1, [200.0, 200.0, 0.0], &[4.0, 7.0]),
        (1, [0.0; 3], &[2.47304764719, 7.00010928445]),
        (10, [0.0; 3], &[2.47428820717, 7.31336710861]),
        (10, [-180.0, 180.0, 0.0], &[2.62521953025, 7.0189507872]),
        (60, [-200.0, 200.0, 0.0], &[4.0, 7.94339715959]),
        (60, [0.0; 3], &[2.47428820717, 8.26557087829]),
    ];
    let mut densities = vec![0.0; grid.len()];
    densities.extend(vec![7.0; grid.len()]);
    follow(
        "diff_dirichlet_mixed_2D",
        &grid,
        &substrates,
        densities,
        &probes,
    );
}

/// One group of cells, no walls, nothing remembered.
fn setup(grid: Grid, substrates: &[Substrate], initial: Vec<Initial>, fields: Fields) -> Setup {
    let draws = Draws {
        seed: 1,
        purpose: 0,
    };
    Setup {
        grid,
        substrates: substrates.to_vec(),
        initial,
        method: Method::Split,
        diffusion_step: STEP,
        mechanics_step: 10.0 * STEP,
        groups: vec![Group {
            kind: 0,
            prey: Prey::Live,
        }],
        channels: Channels::new(substrates.len(), 1, 1),
        walks: vec![Walk::default()],
        springs: false,
        wall_repulsion: 0.0,
        compartments: None,
        watched: vec![0],
        slots: 0,
        remembered: vec![],
        memory: 0.0,
        streams: Streams {
            motility: draws,
            meal: draws,
            attack_start: draws,
            attack_end: draws,
            fusion: draws,
            attachment: draws,
            detachment: draws,
        },
        conventions: Conventions {
            fields,
            ..Conventions::default()
        },
        internalized: true,
    }
}

fn body(id: u64, position: [f64; 3]) -> Body {
    Body {
        id,
        group: 0,
        position,
        volume: 2494.0,
        like: None,
    }
}

/// One cell in the middle secretes substrate 0, exports 1 and takes up 2, which all faces supply.
fn single_cell(scene: &str, half: [f64; 3], probes: &[Probe], internalized: &[(usize, [f64; 3])]) {
    let grid = grid(half);
    let substrates = [
        substrate(1000.0, 0.1, CLOSED),
        substrate(1000.0, 0.1, CLOSED),
        substrate(1e5, 0.1, [Boundary::Fixed(38.0); 6]),
    ];
    let initial = [0.0, 0.0, 38.0].map(Initial::Everywhere).into();
    let mut setup = setup(grid, &substrates, initial, PHYSICELL);
    for (channel, value) in [
        (Channel::SecretionRate(0), 10.0),
        (Channel::SecretionTarget(0), 1.0),
        (Channel::ExportRate(1), 100.0),
        (Channel::UptakeRate(2), 10.0),
    ] {
        setup.channels.set_group(channel, 0, value);
    }
    let mut tissue = Tissue::new(setup, Pool::serial()).unwrap();
    tissue.insert(&body(1, [0.0; 3]));
    tissue.settle();
    let cells = table(scene, "f_cells.csv");
    for minute in 1..=probes.last().unwrap().0 {
        for _ in 0..100 {
            tissue.diffuse(0).unwrap();
        }
        if probes.iter().any(|probe| probe.0 == minute) {
            compare(scene, minute, &grid, tissue.densities(), probes);
        }
        let what = format!("{scene}, internalized after {minute} min");
        for (_, recorded) in internalized.iter().filter(|(time, _)| *time == minute) {
            for (substrate, &recorded) in recorded.iter().enumerate() {
                assert_recorded(tissue.internalized(substrate, 0), recorded, &what);
            }
        }
        if let Some(rows) = &cells {
            // The last six columns: internalized and outside, of each substrate.
            let row = &rows[minute];
            for (substrate, pair) in row[row.len() - 6..].chunks(2).enumerate() {
                assert_recorded(tissue.internalized(substrate, 0), pair[0], &what);
                assert_recorded(tissue.density(substrate, 0), pair[1], &what);
            }
        }
    }
}

#[test]
fn a_cell_in_a_plane_exchanges_like_physicells() {
    single_cell(
        "single_cell_2D",
        [310.0, 310.0, 10.0],
        &[
            (
                1,
                [0.0; 3],
                &[0.33957349559, 0.00200777259951, 35.3733515455],
            ),
            (
                1,
                [-300.0, -300.0, 0.0],
                &[1.85350462232e-17, 8.29458388927e-20, 38.0],
            ),
            (
                10,
                [-300.0, -300.0, 0.0],
                &[0.000168641244701, 1.00805006987e-6, 38.0],
            ),
            (
                60,
                [0.0; 3],
                &[0.407413687535, 0.0027566210672, 35.3496123546],
            ),
        ],
        &[
            (1, [-17848.9996555, -100.0, 890110.414697]),
            (60, [-895892.597674, -6000.0, 52905791.5921]),
        ],
    );
}

#[test]
fn a_cell_in_a_cube_exchanges_like_physicells() {
    single_cell(
        "single_cell_3D",
        [150.0; 3],
        &[
            (
                1,
                [0.0; 3],
                &[0.230393728564, 0.00119589005993, 36.5507309957],
            ),
            (
                10,
                [0.0; 3],
                &[0.241318792382, 0.00127515464361, 36.5507309955],
            ),
            (10, [-140.0; 3], &[0.00153680724158, 8.03152604908e-6, 38.0]),
        ],
        &[
            (1, [-19781.1261904, -100.0, 911910.891864]),
            (10, [-190586.724513, -1000.0, 9116087.9711]),
        ],
    );
}

// What a tissue keeps, after either convention.

const BOTH: [Fields; 2] = [
    PHYSICELL,
    Fields {
        held: Held::Through,
        spacing: Spacing::OwnAxis,
        exchange: Sharing::Together,
    },
];

#[test]
fn what_the_fields_lose_the_cells_have() {
    for fields in BOTH {
        let grid = grid([50.0, 50.0, 30.0]);
        let substrates = [substrate(1000.0, 0.0, CLOSED), substrate(10.0, 0.0, CLOSED)];
        let initial = vec![
            Initial::Everywhere(5.0),
            Initial::Voxels((0..grid.len()).map(|voxel| voxel as f64).collect()),
        ];
        let mut setup = setup(grid, &substrates, initial, fields);
        for substrate in 0..2 {
            let channels = &mut setup.channels;
            channels.set_group(Channel::SecretionRate(substrate), 0, 1.0);
            channels.set_group(Channel::SecretionTarget(substrate), 0, 8.0);
            channels.set_group(Channel::UptakeRate(substrate), 0, 3.0);
        }
        let mut tissue = Tissue::new(setup, Pool::serial()).unwrap();
        let voxels = tissue.grid().len();
        let total = |tissue: &Tissue, substrate: usize| {
            let field = &tissue.densities()[substrate * voxels..][..voxels];
            let within = (0..tissue.len()).map(|rank| tissue.internalized(substrate, rank));
            8000.0 * field.iter().sum::<f64>() + within.sum::<f64>()
        };
        let before = [total(&tissue, 0), total(&tissue, 1)];
        for id in 0..40 {
            // Several to a voxel, and ranks in another order than rows.
            let at = |factor: u64| ((id * factor) % 5) as f64 * 20.0 - 40.0;
            tissue.insert(&body(1000 - id, [at(1), at(3), 0.0]));
        }
        tissue.settle();
        tissue.own(Channel::ExportRate(1));
        for rank in 0..tissue.len() {
            // Some export into the field, and some draw more than it has.
            let rate = [0.0, 2e4, -3e5][rank % 3];
            tissue.set_channel(Channel::ExportRate(1), rank, rate);
        }
        tissue.rates_changed();
        for round in 0..300 {
            tissue.diffuse(0).unwrap();
            if round == 100 {
                let rank = round % tissue.len();
                tissue.place(rank, [45.0, -45.0, 25.0]);
                tissue.settle();
            }
        }
        let cut = tissue.clamps.negative_density;
        let negative = tissue.densities().iter().any(|&density| density < 0.0);
        if fields.exchange == Sharing::Together {
            assert!(cut > 0 && !negative);
        } else {
            assert!(cut == 0 && negative);
        }
        for (substrate, before) in before.into_iter().enumerate() {
            // 300 steps, each rounding every voxel by 1e-16 a few times.
            let after = total(&tissue, substrate);
            assert!(
                (after / before - 1.0).abs() < 1e-12,
                "{fields:?}, substrate {substrate}: {before} became {after}"
            );
        }
    }
}

#[test]
fn amounts_follow_their_cell_and_can_be_released() {
    let grid = grid([50.0, 50.0, 10.0]);
    let substrates = [substrate(0.0, 0.0, CLOSED)];
    let initial = vec![Initial::Everywhere(1.0)];
    let mut tissue =
        Tissue::new(setup(grid, &substrates, initial, PHYSICELL), Pool::serial()).unwrap();
    for id in 0..5 {
        tissue.insert(&body(id, [40.0 - 20.0 * id as f64, 0.0, 0.0]));
        tissue.set_newest_internalized(0, 10.0 * id as f64);
    }
    tissue.settle();
    tissue.set_internalized(0, 1, 7.0);
    tissue.remove(2);
    tissue.place(4, [0.0, 40.0, 0.0]);
    tissue.settle();
    assert_eq!(tissue.ids(), [0, 1, 3, 4]);
    let amounts: Vec<f64> = (0..4).map(|rank| tissue.internalized(0, rank)).collect();
    assert_eq!(amounts, [0.0, 7.0, 30.0, 40.0]);
    tissue.release(0, 3, 4000.0);
    assert_eq!(tissue.density(0, 3), 1.5);
    assert_eq!(tissue.density(0, 2), 1.0);
    assert_eq!(tissue.internalized(0, 3), 40.0);
}

#[test]
fn without_an_account_nothing_is_kept_and_the_field_is_the_same() {
    for fields in BOTH {
        let after = |internalized| {
            let grid = grid([50.0, 50.0, 10.0]);
            let substrates = [substrate(1000.0, 0.1, CLOSED)];
            let initial = vec![Initial::Everywhere(1.0)];
            let mut setup = setup(grid, &substrates, initial, fields);
            setup.internalized = internalized;
            setup.channels.set_group(Channel::UptakeRate(0), 0, 3.0);
            setup.channels.set_group(Channel::ExportRate(0), 0, 7.0);
            let mut tissue = Tissue::new(setup, Pool::serial()).unwrap();
            for id in 0..9 {
                tissue.insert(&body(id, [1.0, 0.0, 0.0]));
            }
            tissue.settle();
            for _ in 0..10 {
                tissue.diffuse(0).unwrap();
            }
            (tissue.densities().to_vec(), tissue.internalized(0, 0))
        };
        let (with, without) = (after(true), after(false));
        assert!(with.0 == without.0);
        assert!(with.1 > 0.0);
        assert_eq!(without.1, 0.0);
    }
}

#[test]
fn boundaries_stand_from_the_start_or_from_the_first_step() {
    for fields in BOTH {
        let grid = grid([50.0, 50.0, 10.0]);
        let mut boundary = CLOSED;
        boundary[1] = Boundary::Fixed(4.0);
        let substrates = [substrate(1000.0, 0.1, boundary)];
        let initial = vec![Initial::Voxels(vec![1.0; grid.len()])];
        let setup = setup(grid, &substrates, initial, fields);
        let mut tissue = Tissue::new(setup, Pool::serial()).unwrap();
        tissue.insert(&body(1, [40.0, 0.0, 0.0]));
        tissue.settle();
        let held = fields.held == Held::Through;
        assert_eq!(tissue.density(0, 0), if held { 4.0 } else { 1.0 });
        tissue.diffuse(0).unwrap();
        assert_eq!(tissue.density(0, 0), 4.0);
        tissue.release(0, 0, 8000.0);
        assert_eq!(tissue.density(0, 0), if held { 4.0 } else { 5.0 });
        tissue.diffuse(0).unwrap();
        assert_eq!(tissue.density(0, 0), 4.0);
    }
}

#[test]
fn wrong_initial_densities_are_refused() {
    let grid = grid([50.0, 50.0, 10.0]);
    let refused = |initial| {
        let setup = setup(grid, &SLOW_AND_FAST[..1], vec![initial], PHYSICELL);
        Tissue::new(setup, Pool::serial()).unwrap_err()
    };
    let error = refused(Initial::Voxels(vec![1.0; 24]));
    assert!(matches!(
        error,
        Error::Length {
            expected: 25,
            found: 24,
            ..
        }
    ));
    let error = refused(Initial::Everywhere(-1.0));
    assert!(matches!(error, Error::Range { value: -1.0, .. }));
}
