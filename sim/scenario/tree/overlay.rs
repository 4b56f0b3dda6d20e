//! One table put on top of another: an heir on what it inherits, a setting on the file.

use rules::dictionary::normal;

use super::{Node, Origin, Value};

/// Puts what `over` states on top of `base`, which stands at `path`: tables are merged, everything
/// else is replaced.
pub(super) fn overlay(base: &mut Node, over: &Node, path: &[&str]) {
    let (Value::Table(entries), Value::Table(new)) = (&mut base.value, &over.value) else {
        let is_custom = matches!(path, ["cell_types", _, "custom", _]);
        // A bare number for `{ value = 1.0, unit = "µM" }` keeps the unit.
        match base.get_mut("value") {
            Some(value)
                if is_custom && matches!(over.value, Value::Integer(_) | Value::Float(_)) =>
            {
                *value = over.clone();
            }
            _ => *base = over.clone(),
        }
        return;
    };
    // A setting adds to a table; what the table lacks is still the file's doing.
    if let Origin::Line(_) = over.origin {
        base.origin = over.origin;
    }
    match path {
        ["cell_types", _, "volume"] => give_way(entries, over, ["total", "radius"]),
        ["cells", _] => give_way(entries, over, ["count", "packed"]),
        ["cell_types", _, "cycle"] => give_way_by_phase(entries, over, ["rates", "durations"]),
        _ => {}
    }
    for (key, node) in new {
        let old = entries
            .iter_mut()
            .find(|(name, _)| normal(name) == normal(key));
        match (old, path) {
            // Rates of one cycle mean nothing in another.
            (Some((_, old)), ["cell_types", _]) if key == "cycle" && changes_model(old, node) => {
                *old = node.clone();
            }
            (Some((_, old)), _) => overlay(old, node, &[path, &[key.as_str()]].concat()),
            (None, _) => entries.push((key.clone(), node.clone())),
        }
    }
}

/// Of two keys that exclude one another, takes out the one that `over` replaces by the other.
fn give_way(entries: &mut Vec<(String, Node)>, over: &Node, keys: [&str; 2]) {
    for (stated, other) in [(keys[0], keys[1]), (keys[1], keys[0])] {
        if over.get(stated).is_some() && over.get(other).is_none() {
            entries.retain(|(key, _)| key != other);
        }
    }
}

/// The same for each phase of two tables by phase.
fn give_way_by_phase(entries: &mut [(String, Node)], over: &Node, keys: [&str; 2]) {
    for (stated, other) in [(keys[0], keys[1]), (keys[1], keys[0])] {
        let stated: Vec<String> = over
            .get(stated)
            .map(|table| table.keys().map(normal).collect())
            .unwrap_or_default();
        for (key, node) in entries.iter_mut() {
            if let (true, Value::Table(phases)) = (key == other, &mut node.value) {
                phases.retain(|(name, _)| !stated.contains(&normal(name)));
            }
        }
    }
}

fn changes_model(old: &Node, new: &Node) -> bool {
    let model = |node: &Node| match node.get("model").map(|node| &node.value) {
        Some(Value::Text(text)) => Some(normal(text)),
        _ => None,
    };
    model(new).is_some() && model(new) != model(old)
}
