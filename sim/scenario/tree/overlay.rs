//! One table put on top of another: an heir on what it inherits, a file on what it extends, a
//! setting on the file.

use rules::dictionary::normal;

use super::{NAMED, Node, Origin, Value, is_dropped};

/// Keys of a table, `*` for any name, of which one list excludes the others.
const EXCLUSIVE: &[(&[&str], &[&[&str]])] = &[
    (&["domain"], &[&["size"], &["min", "max"]]),
    (&["cell_types", "*", "volume"], &[&["total"], &["radius"]]),
    (
        &["cells", "*"],
        &[&["at"], &["file"], &["count"], &["packed"]],
    ),
    (&["cells", "*"], &[&["disc"], &["sphere"], &["box"]]),
    (&["arrivals", "*"], &[&["disc"], &["sphere"], &["box"]]),
    (&["interventions", "*"], &[&["disc"], &["sphere"], &["box"]]),
    (&["interventions", "*"], &[&["repeats"], &["stop"]]),
    (&["interventions", "*"], &[&["factor"], &["value"]]),
    (&["import"], &[&["area"], &["radius"], &["volume"]]),
];

/// Puts what `over` states on top of `base`, which stands at `path`: tables are merged, everything
/// else is replaced.
pub(super) fn overlay(base: &mut Node, over: &Node, path: &[&str]) {
    if is_short(base, path)
        && let Value::Table(_) = over.value
    {
        let file = base.clone();
        base.value = Value::Table(vec![("file".into(), file)]);
    }
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
    if let Origin::Line { .. } = over.origin {
        base.origin = over.origin;
    }
    for (table, lists) in EXCLUSIVE {
        let is_here =
            table.len() == path.len() && table.iter().zip(path).all(|(a, b)| *a == "*" || a == b);
        if is_here {
            give_way(entries, over, lists);
        }
    }
    match path {
        // Cells that are listed lie in no region.
        ["cells", _] if over.get("at").is_some() || over.get("file").is_some() => {
            entries
                .retain(|(key, _)| !["disc", "sphere", "box", "spacing"].contains(&key.as_str()));
        }
        ["cell_types", _, "cycle"] => give_way_by_phase(entries, over, ["rates", "durations"]),
        _ => {}
    }
    let is_named = |table: &str| NAMED.iter().any(|(name, _)| *name == table);
    for (number, (key, node)) in new.iter().enumerate() {
        let same = |name: &str| normal(name) == normal(key);
        // One name in two spellings is a mistake, which is found where it stands.
        let is_again = new[..number].iter().any(|(name, _)| same(name));
        let old = entries.iter_mut().find(|(name, _)| same(name) && !is_again);
        match (old, path) {
            (Some((name, _)), [table]) if is_dropped(node) && is_named(table) => {
                let name = name.clone();
                entries.retain(|(other, _)| *other != name);
            }
            // Rates of one cycle mean nothing in another.
            (Some((_, old)), ["cell_types", _]) if key == "cycle" && changes_model(old, node) => {
                *old = node.clone();
            }
            (Some((_, old)), _) => overlay(old, node, &[path, &[key.as_str()]].concat()),
            (None, _) => entries.push((key.clone(), node.clone())),
        }
    }
}

/// Whether a node that stands at `path` is short for a table: `growth = "growth.rules"` for
/// `growth = { file = "growth.rules" }`.
pub(super) fn is_short(node: &Node, path: &[impl AsRef<str>]) -> bool {
    matches!(path, [table, _] if table.as_ref() == "rules") && matches!(node.value, Value::Text(_))
}

/// Takes out the keys that those in `over` exclude. Where `over` contradicts itself, all stay.
fn give_way(entries: &mut Vec<(String, Node)>, over: &Node, lists: &[&[&str]]) {
    let mut stated = lists
        .iter()
        .filter(|list| list.iter().any(|key| over.get(key).is_some()));
    if let (Some(stated), None) = (stated.next(), stated.next()) {
        let others = lists.iter().filter(|list| *list != stated);
        entries.retain(|(key, _)| !others.clone().any(|list| list.contains(&key.as_str())));
    }
}

/// Of two tables by phase, takes out of one the phases that `over` states in the other.
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
