//! The graph of contacts, as rules see it that are called with all their cells at once.
//!
//! Nodes are the live cells of the types a rule is about and of those it sees, in the order of
//! (type, rank). An edge leads each way between two that touched in the last mechanics step, whether
//! or not one has let go of the other; what it remembers is what the pair (from, to) remembers.

use std::collections::BTreeSet;

use kernels::{pairs::Memory, tissue::Tissue};
use rules::{Edges, Signature, Subject};

use crate::{
    arrays::{Roster, group},
    dyads::pair_signal,
    output::Vitality,
};

/// No node.
const NONE: u32 = u32::MAX;

/// The types whose cells a rule reads, ascending: those it is about and those it sees.
pub fn types(signature: &Signature) -> Vec<usize> {
    let about = match &signature.subject {
        Subject::Cell { types } => types.clone(),
        Subject::Dyad { a, b } => vec![*a, *b],
    };
    let seen = signature.graph.iter().flat_map(|graph| &graph.sees);
    let all: BTreeSet<usize> = about.iter().chain(seen).copied().collect();
    all.into_iter().collect()
}

/// The ordered pairs of groups whose contacts are the edges of a rule.
pub fn remembered(signature: &Signature) -> Vec<(u16, u16)> {
    let types = types(signature);
    let live = |kind: &usize| group(*kind as u16, Vitality::Live);
    let pairs = types.iter().flat_map(|a| types.iter().map(move |b| (a, b)));
    pairs.map(|(a, b)| (live(a), live(b))).collect()
}

/// The edges of one rule.
#[derive(Debug, Default)]
pub struct Graph {
    from: Vec<u32>,
    to: Vec<u32>,
    memories: Vec<Memory>,
    /// `[node]`: its rank.
    ranks: Vec<u32>,
    /// `[rank]`: its node, or [`NONE`].
    node_of_rank: Vec<u32>,
}

impl Graph {
    /// Finds the edges between the cells at these ranks; the place of a rank is its node.
    pub fn link(&mut self, ranks: Vec<u32>, tissue: &Tissue, roster: &Roster) {
        self.node_of_rank.clear();
        self.node_of_rank.resize(roster.len(), NONE);
        for (node, &rank) in ranks.iter().enumerate() {
            self.node_of_rank[rank as usize] = node as u32;
        }
        let table = tissue.pairs();
        let mut found: Vec<(u32, u32, Memory)> = Vec::new();
        // Edges of a node are counted one place behind it, and then added up to where they begin.
        let mut starts = vec![0u32; ranks.len() + 1];
        for (from, &rank) in ranks.iter().enumerate() {
            for place in table.of(tissue.ids()[rank as usize]) {
                let (pair, memory) = (table.pairs()[place], table.memories()[place]);
                if memory.apart > 0.0 {
                    continue;
                }
                let to = tissue.rank(pair.1).map(|rank| self.node_of_rank[rank]);
                if let Some(to) = to.filter(|&to| to != NONE) {
                    found.push((to, from as u32, memory));
                    starts[to as usize + 1] += 1;
                }
            }
        }
        for node in 0..ranks.len() {
            starts[node + 1] += starts[node];
        }
        // They were found by who they come from, ascending, and keep that order within a node.
        self.from.resize(found.len(), 0);
        self.to.resize(found.len(), 0);
        self.memories.resize(found.len(), Memory::default());
        for (to, from, memory) in found {
            let edge = starts[to as usize] as usize;
            starts[to as usize] += 1;
            self.to[edge] = to;
            self.from[edge] = from;
            self.memories[edge] = memory;
        }
        self.ranks = ranks;
    }

    /// The edges, ascending by (to, from).
    pub fn edges(&self) -> Edges<'_> {
        Edges {
            from: &self.from,
            to: &self.to,
        }
    }

    /// Appends to `out` a signal of pairs, by its number, for each edge.
    pub fn sense(&self, signal: usize, tissue: &Tissue, out: &mut Vec<f64>) {
        let edges = self.from.iter().zip(&self.to).zip(&self.memories);
        out.extend(edges.map(|((&from, &to), memory)| {
            let pair = [self.ranks[from as usize], self.ranks[to as usize]];
            pair_signal(signal, tissue, &pair, memory)
        }));
    }
}
