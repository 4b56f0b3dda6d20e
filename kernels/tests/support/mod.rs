//! A small tissue for tests: groups 2k and 2k + 1 are the live and the apoptotic cells of kind k.

#![allow(dead_code, reason = "each test binary uses its part")]

use kernels::channels::{Channel, Channels};
use kernels::conventions::Conventions;
use kernels::diffusion::Method;
use kernels::random::Draws;
use kernels::tissue::{Body, Group, Prey, Setup, Streams, Tissue, Walk};
use kernels::{Grid, Pool, Real};

/// min.
pub const STEP: Real = 0.1;

/// What differs between tests.
pub struct Model {
    pub grid: Grid,
    pub conventions: Conventions,
    pub kinds: usize,
    /// (kind, channel, value), for live and dead alike.
    pub numbers: Vec<(usize, Channel, Real)>,
    pub walk: Walk,
    pub springs: bool,
    pub wall: Real,
    pub seed: u64,
    pub pool: Pool,
}

impl Model {
    /// One kind without any rate, in a square of 6000 µm around the origin.
    pub fn new(conventions: Conventions) -> Model {
        let grid = Grid::new(
            [-3000.0, -3000.0, -10.0],
            [3000.0, 3000.0, 10.0],
            [100.0, 100.0, 20.0],
        );
        Model {
            grid: grid.expect("whole voxels"),
            conventions,
            kinds: 1,
            numbers: Vec::new(),
            walk: Walk::default(),
            springs: true,
            wall: 0.0,
            seed: 1,
            pool: Pool::serial(),
        }
    }

    pub fn kinds(self, kinds: usize) -> Model {
        Model { kinds, ..self }
    }

    pub fn with(mut self, kind: usize, channel: Channel, value: Real) -> Model {
        self.numbers.push((kind, channel, value));
        self
    }

    pub fn build(self) -> Tissue {
        let groups = 2 * self.kinds;
        let mut channels = Channels::new(0, self.kinds, groups);
        for kind in 0..self.kinds {
            for group in [2 * kind, 2 * kind + 1] {
                channels.set_group(Channel::RelativeReach, group, 1.25);
                channels.set_group(Channel::MostAttachments, group, 12.0);
                for other in 0..self.kinds {
                    channels.set_group(Channel::Immunogenicity(other), group, 1.0);
                }
            }
        }
        for (kind, channel, value) in self.numbers {
            channels.set_group(channel, 2 * kind, value);
            channels.set_group(channel, 2 * kind + 1, value);
        }
        let draws = |purpose| Draws {
            seed: self.seed,
            purpose,
        };
        let setup = Setup {
            grid: self.grid,
            substrates: Vec::new(),
            initial: Vec::new(),
            method: Method::Split,
            diffusion_step: STEP,
            mechanics_step: STEP,
            channels,
            walks: vec![self.walk; groups],
            springs: self.springs,
            conventions: self.conventions,
            internalized: false,
            wall_repulsion: self.wall,
            compartments: None,
            watched: vec![1; groups],
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
            groups: (0..groups)
                .map(|group| Group {
                    kind: (group / 2) as u16,
                    prey: [Prey::Live, Prey::Apoptotic][group % 2],
                })
                .collect(),
        };
        Tissue::new(setup, self.pool).expect("the setup is sound")
    }
}

/// Volume of a sphere, µm³.
pub fn ball(radius: Real) -> Real {
    4.0 / 3.0 * std::f64::consts::PI * radius.powi(3)
}

/// Adds a cell of radius 8 µm; [`Tissue::settle`] must follow.
pub fn put(tissue: &mut Tissue, id: u64, group: u16, position: [Real; 3]) {
    tissue.insert(&Body {
        id,
        group,
        position,
        volume: ball(8.0),
        like: None,
    });
}

/// `count` ≤ 2500 pairs (2n, 2n + 1) of touching cells of two groups, far from all others.
pub fn pairs(tissue: &mut Tissue, count: u64, groups: [u16; 2]) {
    for n in 0..count {
        let [x, y] = [n % 50, n / 50].map(|place| 100.0 * place as Real - 2500.0);
        put(tissue, 2 * n, groups[0], [x, y, 0.0]);
        put(tissue, 2 * n + 1, groups[1], [x + 15.0, y, 0.0]);
    }
    tissue.settle();
}

/// One mechanics step.
pub fn step(tissue: &mut Tissue, tick: u64) -> kernels::tissue::Fired {
    tissue.push(tick).expect("the tissue was built");
    let fired = tissue.interact(tick);
    tissue.advance().expect("the tissue was built");
    fired
}

/// Position of a cell.
pub fn at(tissue: &Tissue, id: u64) -> [Real; 3] {
    tissue.position(tissue.rank(id).expect("the cell is there"))
}

/// Asserts that `found` of `trials` happened with this chance: within five standard deviations of
/// the binomial, which one honest test in 1.7 million exceeds.
pub fn assert_binomial(found: usize, trials: usize, chance: Real) {
    let mean = trials as Real * chance;
    let deviation = (mean * (1.0 - chance)).sqrt();
    assert!(
        (found as Real - mean).abs() <= 5.0 * deviation,
        "{found} of {trials} happened, not {mean} ± {deviation}"
    );
}
