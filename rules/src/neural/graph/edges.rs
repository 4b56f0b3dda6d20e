//! Edges between nodes: checked, and walked along.

use crate::{Edges, Reduce};

use super::super::{Fault, fault};

/// Checks the edges of a graph of `nodes` nodes.
///
/// # Errors
/// E-INDEX names the edge.
pub fn check(edges: &Edges<'_>, nodes: usize) -> Result<(), Fault> {
    if edges.from.len() != edges.to.len() {
        return Err(fault(
            "E-INDEX",
            format!(
                "{} edges come from a node and {} go to one; every edge does both",
                edges.from.len(),
                edges.to.len()
            ),
        ));
    }
    let mut last = None;
    for (at, (&from, &to)) in edges.from.iter().zip(edges.to).enumerate() {
        if from as usize >= nodes || to as usize >= nodes {
            return Err(fault(
                "E-INDEX",
                format!(
                    "edge {at} leads from node {from} to node {to}; there are {nodes} nodes, counted from 0"
                ),
            ));
        }
        if last >= Some((to, from)) {
            return Err(fault(
                "E-INDEX",
                format!(
                    "edge {at} leads from node {from} to node {to}, and stands behind one that \
                     comes after it: sort edges by (to, from), each once"
                ),
            ));
        }
        last = Some((to, from));
    }
    Ok(())
}

/// Where each node's edges begin, and behind the last node where they all end: those that reach
/// node `i` are `starts[i]..starts[i + 1]`.
pub fn starts(edges: &Edges<'_>, nodes: usize) -> Vec<usize> {
    let mut starts = vec![0; nodes + 1];
    for &to in edges.to {
        starts[to as usize + 1] += 1;
    }
    for node in 0..nodes {
        starts[node + 1] += starts[node];
    }
    starts
}

/// What a node receives: its messages, one after the other in the order of edges, reduced in
/// double precision; 0 without any.
pub fn reduce<'a>(
    messages: impl ExactSizeIterator<Item = &'a [f32]>,
    how: Reduce,
    out: &mut Vec<f32>,
    width: usize,
) {
    let count = messages.len();
    let mut total = vec![0.0f64; width];
    for (at, message) in messages.enumerate() {
        for (total, &value) in total.iter_mut().zip(message) {
            let value = f64::from(value);
            *total = match how {
                Reduce::Sum | Reduce::Mean => *total + value,
                // Whatever is no number must stay one, which `f64::max` would forget.
                Reduce::Max if at == 0 || value > *total || value.is_nan() => value,
                Reduce::Max => *total,
            };
        }
    }
    let share = match how {
        Reduce::Mean if count > 0 => count as f64,
        _ => 1.0,
    };
    out.extend(total.iter().map(|total| (total / share) as f32));
}

/// Nodes within `hops` of a marked node, along edges in either direction.
pub fn spread(marked: &[bool], edges: &Edges<'_>, hops: usize) -> Vec<bool> {
    let mut reached = marked.to_vec();
    for _ in 0..hops {
        let mut next = reached.clone();
        for (&from, &to) in edges.from.iter().zip(edges.to) {
            let (from, to) = (from as usize, to as usize);
            next[to] |= reached[from];
            next[from] |= reached[to];
        }
        if next == reached {
            break;
        }
        reached = next;
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_summed_averaged_or_the_greatest_taken_by_hand() {
        let messages: [&[f32]; 3] = [&[1.0, -2.0], &[0.5, -8.0], &[3.0, -4.0]];
        let of = |messages: &[&'static [f32]], how| {
            let mut out = Vec::new();
            reduce(messages.iter().copied(), how, &mut out, 2);
            out
        };
        assert_eq!(of(&messages, Reduce::Sum), [4.5, -14.0]);
        assert_eq!(of(&messages, Reduce::Mean), [1.5, (-14.0f64 / 3.0) as f32]);
        assert_eq!(of(&messages, Reduce::Max), [3.0, -2.0]);
        for how in [Reduce::Sum, Reduce::Mean, Reduce::Max] {
            assert_eq!(of(&[], how), [0.0, 0.0]);
            assert!(of(&[&[f32::NAN, 1.0], &[1.0, 1.0]], how)[0].is_nan());
        }
        // In f32 the small ones would vanish one by one.
        let many = vec![&[1.0f32][..]; 1000];
        let mut out = Vec::new();
        let large: &[f32] = &[1e8];
        let all: Vec<&[f32]> = std::iter::once(large).chain(many).collect();
        reduce(all.into_iter(), Reduce::Sum, &mut out, 1);
        assert_eq!(out, [100_001_000.0]);
    }

    #[test]
    fn an_edge_to_no_node_or_out_of_order_is_refused() {
        let fault = |from: &[u32], to: &[u32]| {
            let edges = Edges { from, to };
            check(&edges, 3).unwrap_err().to_string()
        };
        assert_eq!(
            check(
                &Edges {
                    from: &[1, 0],
                    to: &[0, 1]
                },
                3
            ),
            Ok(())
        );
        assert!(
            fault(&[1, 3], &[0, 1])
                .starts_with("E-INDEX: edge 1 leads from node 3 to node 1; there are 3 nodes")
        );
        assert!(fault(&[0, 1], &[1, 0]).contains("sort edges by (to, from)"));
        assert!(fault(&[1, 1], &[0, 0]).contains("each once"));
        assert!(fault(&[1], &[]).contains("1 edges come from a node and 0 go to one"));
    }

    #[test]
    fn marks_spread_a_hop_at_a_time() {
        // 0 - 1 - 2 - 3
        let edges = Edges {
            from: &[1, 0, 2, 1, 3, 2],
            to: &[0, 1, 1, 2, 2, 3],
        };
        assert_eq!(starts(&edges, 4), [0, 1, 3, 5, 6]);
        let marked = [true, false, false, false];
        assert_eq!(spread(&marked, &edges, 0), marked);
        assert_eq!(spread(&marked, &edges, 2), [true, true, true, false]);
    }
}
