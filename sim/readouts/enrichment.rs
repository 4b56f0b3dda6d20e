//! Neighborhood enrichment: whether two types neighbor each other more often than chance has it.
//!
//! With x the number of edges from cells of type a to cells of type b in a graph of neighbors,
//! z = (x − μ) / σ, where μ and σ are the mean and the standard deviation of x when types are
//! shuffled among all live cells. Source: Palla et al. 2022, squidpy, doi:10.1038/s41592-021-01358-2
//! (`nhood_enrichment`).

use kernels::random::{Draws, Sequence, pair_id};
use rstar::{RTree, primitives::GeomWithData};

use super::{Asked, Key, Measure, Point, Unit, contacts::Balls, of_frames};
use crate::output::Vitality;
use crate::streams::Purpose;

/// The score z, frame by frame.
pub const SCORE: Measure = Measure {
    name: "neighborhood enrichment",
    meaning: "z-score of neighbors of type `target` that live cells of `type` have, against types shuffled among live cells. Neighbors touch (surfaces at most `gap` apart), or are within `radius`, or are the `neighbors` nearest.",
    keys: &[
        Key::Type,
        Key::Target,
        Key::Gap,
        Key::Radius,
        Key::Neighbors,
        Key::Permutations,
    ],
    unit: Unit::Of("1"),
    along: None,
    open: |asked, scenario| {
        let pair = [Key::Type, Key::Target].map(|key| asked.number_of(key));
        let who = Who::asked(asked);
        let permutations = asked.value(Key::Permutations) as u64;
        let draws = Purpose::Permutation.draws(scenario.seed);
        let all: Vec<usize> = (0..scenario.cell_types.len()).collect();
        of_frames(scenario, move |frame| {
            let cells = frame.cells;
            let graph = Graph::new(&Balls::live(cells, &all), who);
            let living = cells.cell_type.iter().zip(&cells.state);
            let living = living.filter(|(_, state)| **state == Vitality::Live);
            let types: Vec<usize> = living.map(|(&kind, _)| usize::from(kind)).collect();
            let score = graph.enrichment(&types, pair, permutations, draws, frame.index);
            vec![Point::number(score)]
        })
    },
};

/// Who neighbors whom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Who {
    /// Whose surfaces are at most so far apart, µm.
    Touching(f64),
    /// Whose centers are at most so far apart, µm.
    Within(f64),
    /// The so many nearest; not always mutual.
    Nearest(usize),
}

impl Who {
    fn asked(asked: &Asked) -> Who {
        let radius = asked.value_if_any(Key::Radius).map(Who::Within);
        let nearest = asked.value_if_any(Key::Neighbors);
        let nearest = nearest.map(|count| Who::Nearest(count as usize));
        let touching = || Who::Touching(asked.value(Key::Gap));
        radius.or(nearest).unwrap_or_else(touching)
    }
}

/// The neighbors of each cell, ascending, without itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph(pub Vec<Vec<u32>>);

impl Graph {
    /// The graph of these cells.
    pub fn new(cells: &Balls, who: Who) -> Graph {
        let mut neighbors = match who {
            Who::Touching(gap) => cells.touching(cells, gap),
            Who::Within(radius) => {
                let centers = Balls {
                    radii: vec![0.0; cells.centers.len()],
                    ..cells.clone()
                };
                centers.touching(&centers, radius)
            }
            Who::Nearest(count) => {
                let points = cells.centers.iter().zip(0..);
                let points = points.map(|(&center, number)| GeomWithData::new(center, number));
                let tree = RTree::bulk_load(points.collect::<Vec<GeomWithData<_, u32>>>());
                let centers = cells.centers.iter().zip(0..);
                let nearest = centers.map(|(&center, own)| {
                    // Of those equally far the first ones are taken, and not those that the tree
                    // happens to come upon.
                    let mut found: Vec<(f64, u32)> = Vec::new();
                    for (other, squared) in tree.nearest_neighbor_iter_with_distance_2(center) {
                        let is_beyond = found.len() > count && squared > found[count].0;
                        if is_beyond {
                            break;
                        }
                        found.push((squared, other.data));
                    }
                    found.retain(|&(_, other)| other != own);
                    found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                    let mut numbers: Vec<u32> =
                        found.into_iter().take(count).map(|it| it.1).collect();
                    numbers.sort_unstable();
                    numbers
                });
                nearest.collect()
            }
        };
        for (own, neighbors) in neighbors.iter_mut().enumerate() {
            neighbors.retain(|&other| other as usize != own);
        }
        Graph(neighbors)
    }

    /// Edges from cells that are `from` to cells that are `to`.
    fn edges(&self, from: impl Iterator<Item = usize>, to: impl Fn(usize) -> bool) -> u64 {
        let of = |cell: usize| {
            let neighbors = self.0[cell].iter();
            neighbors.filter(|&&other| to(other as usize)).count() as u64
        };
        from.map(of).sum()
    }

    /// The z-score of edges from type `a` to type `b`, where `types` has one for each cell. `None`
    /// where shuffling changes nothing. Permutation p shuffles by the draws of who = (p, `when`).
    pub fn enrichment(
        &self,
        types: &[usize],
        [a, b]: [usize; 2],
        permutations: u64,
        draws: Draws,
        when: u64,
    ) -> Option<f64> {
        let cells = types.len();
        let of_a = (0..cells).filter(|&cell| types[cell] == a);
        let found = self.edges(of_a, |other| types[other] == b);
        let [a_count, b_count] = [a, b].map(|kind| types.iter().filter(|&&it| it == kind).count());
        let is_one_type = a == b;
        let drawn = if is_one_type {
            a_count
        } else {
            a_count + b_count
        };
        // Which cells are a and b is all that matters: the first so many of a shuffled list are,
        // and the rest need not be shuffled.
        let mut order: Vec<usize> = (0..cells).collect();
        let mut is_b = vec![false; cells];
        // Whole numbers, whose sums no order changes.
        let (mut sum, mut squares) = (0u128, 0u128);
        for permutation in 0..permutations {
            let mut random = Sequence::new(draws, pair_id(permutation, when));
            for place in 0..drawn {
                let left = (cells - place) as f64;
                order.swap(place, place + (random.uniform() * left) as usize);
            }
            let (as_a, as_b) = match is_one_type {
                true => (&order[..drawn], &order[..drawn]),
                false => order[..drawn].split_at(a_count),
            };
            as_b.iter().for_each(|&cell| is_b[cell] = true);
            let edges = u128::from(self.edges(as_a.iter().copied(), |other| is_b[other]));
            as_b.iter().for_each(|&cell| is_b[cell] = false);
            sum += edges;
            squares += edges * edges;
        }
        let n = u128::from(permutations);
        let spread = n * squares - sum * sum;
        (spread > 0).then(|| {
            let deviation = (spread as f64).sqrt() / n as f64;
            (found as f64 - sum as f64 / n as f64) / deviation
        })
    }
}
