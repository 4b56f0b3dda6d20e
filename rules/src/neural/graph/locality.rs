//! Whether a node's answer depends on what lies within `hops` of it and on nothing else: asked of
//! every model that has the whole graph, when it is loaded.

use super::super::independence::{Compare, RowClass, sample};
use super::super::{Fault, fault};
use super::edges::spread;
use super::{Call, Whole};
use crate::Edges;

/// Nodes in a ring with chords, so that messages add up.
const RING: usize = 20;

/// Nodes without contacts.
const LONELY: usize = 2;

/// Tries a chain, a ring with chords and two lonely nodes: in another order, each alone, without
/// edges, and with the chain's end changed and poisoned. Ranges are those of the tensors of nodes
/// and of the columns of `e`.
///
/// # Errors
/// E-ROWS names the output and what moved it.
pub fn examine(
    whole: &Whole,
    hops: usize,
    dt: f32,
    of_nodes: &[Vec<(f64, f64)>],
    of_edges: &[(f64, f64)],
) -> Result<RowClass, Fault> {
    let chain = hops + 4;
    let base = graph(chain, dt, of_nodes, of_edges);
    let answer = whole.call(&base)?;
    let mut compare = Compare::new(&whole.outputs, &answer);

    let nodes = base.nodes;
    let permuted: Vec<usize> = permutation(nodes);
    let ring: Vec<usize> = (chain..chain + RING).collect();
    let lonely: Vec<usize> = (chain + RING..nodes).collect();
    let orders: [(&[usize], &str); 5] = [
        (&permuted, "the nodes were permuted"),
        (&ring, "nodes far away were left out"),
        (&lonely, "the graph had no edges"),
        (&lonely[..1], "it was the only node"),
        (&lonely[1..], "it was the only node"),
    ];
    for (order, what) in orders {
        let made = whole.call(&part(&base, whole, order))?;
        compare.within_rounding(order, &made, |name, part| {
            refusal(name, part, what, "a node's answer must not depend on its place among the nodes or on how many there are")
        })?;
    }

    let (from, to) = (ends(&base.from), ends(&base.to));
    let edges = Edges {
        from: &from,
        to: &to,
    };
    let within = |start: usize, hops: usize| {
        let marked: Vec<bool> = (0..nodes).map(|node| node == start).collect();
        spread(&marked, &edges, hops)
    };
    let spoiled_node = |poison: &dyn Fn(f32) -> f32| {
        let mut call = base.clone();
        for (tensor, (_, width)) in call.tensors.iter_mut().zip(&whole.nodes) {
            for value in &mut tensor[..*width] {
                *value = poison(*value);
            }
        }
        call.active[0] = !call.active[0];
        call
    };
    // An edge is as near to a node as its nearer end, less the hop that its message takes.
    let spoiled_edge = |poison: &dyn Fn(f32) -> f32| {
        let mut call = base.clone();
        let width = whole.e.unwrap_or(0);
        for at in (0..from.len()).filter(|&at| from[at] + to[at] == 1) {
            for value in &mut call.e[at * width..(at + 1) * width] {
                *value = poison(*value);
            }
        }
        call
    };
    let poisons: [(&dyn Fn(f32) -> f32, &str); 4] = [
        (&|value| 0.5 * value + 0.1, "was changed"),
        (&|_| f32::NAN, "was NaN"),
        (&|_| 1e30, "was 1e30"),
        (&|_| -1e30, "was -1e30"),
    ];
    for (poison, what) in poisons {
        for (call, near, who) in [
            (spoiled_node(poison), within(0, hops), "a node"),
            (spoiled_edge(poison), within(0, hops), "an edge"),
        ] {
            let far: Vec<usize> = (0..nodes).filter(|&node| !near[node]).collect();
            let made = whole.call(&call)?;
            let kept = pick(&made, whole.outputs.iter().map(|(_, width)| *width), &far);
            compare.bitwise(&far, &kept, |name, part| {
                let what = format!("{who} more than {hops} hops away {what}");
                refusal(name, part, &what, "declare as many `hops` as the graph passes messages, and let no reduction, softmax or normalization run over all nodes")
            })?;
        }
    }
    Ok(compare.class())
}

fn refusal(name: &str, part: f64, what: &str, way_out: &str) -> Fault {
    fault(
        "E-ROWS",
        format!(
            "output `{name}` of a node changed by {part:.1e} of its largest number when {what}: {way_out}"
        ),
    )
}

/// A chain, whose end is node 0; a ring; the lonely.
fn graph(chain: usize, dt: f32, of_nodes: &[Vec<(f64, f64)>], of_edges: &[(f64, f64)]) -> Call {
    let mut contacts: Vec<(usize, usize)> = (1..chain).map(|node| (node - 1, node)).collect();
    for at in 0..RING {
        contacts.push((chain + at, chain + (at + 1) % RING));
        contacts.push((chain + at, chain + (at + 5) % RING));
    }
    let both = contacts.iter().flat_map(|&(a, b)| [(b, a), (a, b)]);
    let mut edges: Vec<(usize, usize)> = both.collect(); // (to, from)
    edges.sort_unstable();
    let nodes = chain + RING + LONELY;
    let tensors = of_nodes.iter().enumerate();
    Call {
        nodes,
        tensors: tensors
            .map(|(at, columns)| sample(at, nodes, columns))
            .collect(),
        e: sample(of_nodes.len(), edges.len(), of_edges),
        from: edges.iter().map(|&(_, from)| from as i64).collect(),
        to: edges.iter().map(|&(to, _)| to as i64).collect(),
        active: (0..nodes).map(|node| node % 3 != 1).collect(),
        dt,
    }
}

/// The nodes of `order` in that order, with the edges among them.
fn part(call: &Call, whole: &Whole, order: &[usize]) -> Call {
    let place = |node: i64| order.iter().position(|&other| other as i64 == node);
    let mut edges: Vec<(usize, usize, usize)> = Vec::new();
    for (at, (&from, &to)) in call.from.iter().zip(&call.to).enumerate() {
        if let (Some(from), Some(to)) = (place(from), place(to)) {
            edges.push((to, from, at));
        }
    }
    edges.sort_unstable();
    let rows: Vec<usize> = edges.iter().map(|&(_, _, at)| at).collect();
    let e = std::slice::from_ref(&call.e);
    let e = pick(e, [whole.e.unwrap_or(0)].into_iter(), &rows).remove(0);
    let widths = whole.nodes.iter().map(|(_, width)| *width);
    Call {
        nodes: order.len(),
        tensors: pick(&call.tensors, widths, order),
        e,
        from: edges.iter().map(|&(_, from, _)| from as i64).collect(),
        to: edges.iter().map(|&(to, _, _)| to as i64).collect(),
        active: order.iter().map(|&node| call.active[node]).collect(),
        dt: call.dt,
    }
}

/// Rows of row-major tensors.
fn pick(
    tensors: &[Vec<f32>],
    widths: impl Iterator<Item = usize>,
    rows: &[usize],
) -> Vec<Vec<f32>> {
    let tensors = tensors.iter().zip(widths);
    let picked = tensors.map(|(tensor, width)| {
        let row = |&at: &usize| &tensor[at * width..(at + 1) * width];
        rows.iter().flat_map(row).copied().collect()
    });
    picked.collect()
}

/// The same disorder of `count` things every time.
fn permutation(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&at| (at * 7 % 5, at * 23 % 17, at));
    order
}

fn ends(nodes: &[i64]) -> Vec<u32> {
    nodes.iter().map(|&node| node as u32).collect()
}
