//! Bodies against trajectories that PhysiCell 1.14.2 itself computed: pairs, springs, walls, a
//! triplet and a tetrahedron, for an hour each. The reference lies outside the repository; where it
//! is absent the tests say so and pass.

use kernels::channels::{Channel, Channels};
use kernels::conventions::Conventions;
use kernels::random::Draws;
use kernels::tissue::{Body, Group, Prey, Setup, Streams, Tissue, Walk};
use kernels::{Grid, Pool};

/// A cell type of the reference's settings.
struct Kind {
    name: &'static str,
    volume: f64,
    adhesion: f64,
    repulsion: f64,
    relative_reach: f64,
    affinities: [f64; 3],
    stiffness: f64,
    attachment_rate: f64,
    most_attachments: f64,
}

const A: Kind = Kind {
    name: "A",
    volume: 2494.0,
    adhesion: 0.4,
    repulsion: 10.0,
    relative_reach: 1.25,
    affinities: [1.0; 3],
    stiffness: 0.01,
    attachment_rate: 0.0,
    most_attachments: 12.0,
};
const B: Kind = Kind {
    name: "B",
    volume: 1000.0,
    adhesion: 1.0,
    repulsion: 5.0,
    relative_reach: 1.6,
    affinities: [0.5, 1.0, 1.0],
    ..A
};
const S: Kind = Kind {
    name: "S",
    stiffness: 0.05,
    attachment_rate: 10.0,
    most_attachments: 1.0,
    ..A
};

fn tissue(kinds: &[Kind], grid: Grid) -> Tissue {
    let mut channels = Channels::new(0, kinds.len(), kinds.len());
    for (group, kind) in kinds.iter().enumerate() {
        for (channel, value) in [
            (Channel::Adhesion, kind.adhesion),
            (Channel::Repulsion, kind.repulsion),
            (Channel::RelativeReach, kind.relative_reach),
            (Channel::BondStiffness, kind.stiffness),
            (Channel::AttachmentRate, kind.attachment_rate),
            (Channel::MostAttachments, kind.most_attachments),
        ] {
            channels.set_group(channel, group, value);
        }
        for other in 0..kinds.len() {
            channels.set_group(Channel::Affinity(other), group, kind.affinities[other]);
        }
    }
    let draws = |purpose| Draws { seed: 1, purpose };
    let groups: Vec<Group> = (0..kinds.len() as u16)
        .map(|kind| Group {
            kind,
            prey: Prey::Live,
        })
        .collect();
    let setup = Setup {
        grid,
        substrates: Vec::new(),
        initial: Vec::new(),
        diffusion_step: 0.1,
        mechanics_step: 0.1,
        channels,
        walks: vec![Walk::default(); kinds.len()],
        springs: true,
        conventions: Conventions::PHYSICELL,
        wall_repulsion: 100.0,
        watched: vec![1; kinds.len()],
        slots: 1,
        remembered: Vec::new(),
        memory: 0.0,
        streams: Streams {
            motility: draws(4),
            meal: draws(7),
            attack_start: draws(8),
            attack_end: draws(9),
            fusion: draws(13),
            attachment: draws(14),
            detachment: draws(15),
        },
        groups,
    };
    Tissue::new(setup, Pool::serial()).expect("the setup is sound")
}

/// A line of the reference's trajectories.
struct Line {
    time: f64,
    id: u64,
    kind: String,
    position: [f64; 3],
    pressure: f64,
    neighbors: f64,
}

fn lines(text: &str) -> Vec<Line> {
    let mut rows = text.lines();
    let header: Vec<&str> = rows.next().expect("a header").split(',').collect();
    let column = |name: &str| header.iter().position(|other| *other == name).expect(name);
    let number = |cells: &[&str], name: &str| -> f64 { cells[column(name)].parse().expect(name) };
    rows.map(|row| {
        let cells: Vec<&str> = row.split(',').collect();
        Line {
            time: number(&cells, "time_min"),
            id: number(&cells, "ID") as u64,
            kind: cells[column("type")].to_owned(),
            position: ["x", "y", "z"].map(|axis| number(&cells, axis)),
            pressure: number(&cells, "pressure"),
            neighbors: number(&cells, "n_neighbors"),
        }
    })
    .collect()
}

/// Follows a reference run step by step; returns how many lines agreed.
fn follow(folder: &str, kinds: &[Kind], grid: Grid) -> usize {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/physicell/unit");
    let path = format!("{root}/{folder}/traj_cells.csv");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {path} is not there");
        return 0;
    };
    let lines = lines(&text);
    let mut tissue = tissue(kinds, grid);
    for line in lines.iter().take_while(|line| line.time == 0.0) {
        let group = kinds.iter().position(|kind| kind.name == line.kind);
        let group = group.expect("the type is one of the settings");
        tissue.insert(&Body {
            id: line.id,
            group: group as u16,
            position: line.position,
            volume: kinds[group].volume,
            like: None,
        });
    }
    tissue.settle();
    let mut steps = 0;
    let mut checked = 0;
    for line in lines.iter().filter(|line| line.time > 0.0) {
        let due = (line.time / 0.1).round() as u64;
        while steps < due {
            steps += 1;
            tissue.push(steps).expect("the tissue was built");
            assert!(tissue.interact(steps).is_empty());
            tissue.advance().expect("the tissue was built");
            // The rows' order must not matter to the trajectory.
            if steps % 60 == 0 {
                tissue.settle();
            }
        }
        let rank = tissue.rank(line.id).expect("nobody leaves");
        let context = format!("{folder}, cell {} at {} min", line.id, line.time);
        // The reference prints 12 digits, and 6 of them are asked for; positions are compared on
        // the scale of a cell, and a difference in rounding decays with the approach to rest.
        for axis in 0..3 {
            let found = tissue.position(rank)[axis];
            let wanted = line.position[axis];
            assert!(
                (found - wanted).abs() <= 1e-6 * wanted.abs().max(1.0),
                "{context}: axis {axis} is {found}, not {wanted}"
            );
        }
        let (found, wanted) = (tissue.pressure(rank), line.pressure);
        assert!(
            (found - wanted).abs() <= 1e-6 * wanted.abs().max(1.0),
            "{context}: the pressure is {found}, not {wanted}"
        );
        assert_eq!(tissue.contacts(0, rank), line.neighbors, "{context}");
        checked += 1;
    }
    assert!(checked > 0);
    checked
}

#[test]
fn pairs_springs_walls_and_a_triplet_move_as_in_physicell() {
    let grid = Grid::new([-500.0, -500.0, -10.0], [500.0, 500.0, 10.0], [20.0; 3]);
    follow("two_cell", &[A, B, S], grid.expect("whole voxels"));
}

#[test]
fn a_pair_and_a_tetrahedron_in_space_move_as_in_physicell() {
    let grid = Grid::new([-100.0; 3], [100.0; 3], [20.0; 3]);
    follow("two_cell_3D", &[A], grid.expect("whole voxels"));
}
