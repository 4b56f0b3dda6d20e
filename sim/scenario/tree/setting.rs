//! `--set key=value`: one value of a file, given on the command line.

use rules::dictionary::normal;
use toml::de::DeValue;

use super::super::problem::misspelled;
use super::overlay::is_short;
use super::{NAMED, Node, Origin, Value, convert};

/// Reads `key=value` as tables around one value. `known` is the file with everything inherited,
/// which says what names there are.
pub(super) fn setting(number: usize, text: &str, known: &Node) -> Result<Node, (String, String)> {
    let (mut keys, value) = split_setting(text).ok_or_else(|| {
        (
            "this is not `key=value`".to_owned(),
            "write it like `domain.voxel=\"10 µm\"` or `cell_types.\"T cell\".motility.speed=4`"
                .to_owned(),
        )
    })?;
    if keys[0] == "extends" {
        return Err((
            "a setting comes too late to say what a file extends".to_owned(),
            "write `extends` in the file, or a file that extends this one".to_owned(),
        ));
    }
    let origin = Origin::Setting(number);
    let mut here = Some(known);
    for (depth, key) in keys.clone().iter().enumerate() {
        if let Some(node) = here
            && !matches!(node.value, Value::Table(_))
            && !is_short(node, &keys[..depth])
        {
            return Err((
                format!("`{}` is a value, not a table", keys[..depth].join(".")),
                "set it as a whole".to_owned(),
            ));
        }
        let found = here.and_then(|node| node.keys().find(|name| normal(name) == normal(key)));
        let what = match (depth, keys[0].as_str()) {
            (1, first) => NAMED
                .iter()
                .find(|(name, _)| *name == first)
                .map(|(_, what)| *what),
            (3, "cell_types") if keys[2] == "custom" => Some("custom number"),
            _ => None,
        };
        match (found, what) {
            (None, Some(what)) => {
                let names = here.map(|node| node.keys().collect::<Vec<_>>());
                return Err(misspelled(what, key, names.unwrap_or_default().into_iter()));
            }
            (Some(name), _) => keys[depth] = name.to_owned(),
            (None, None) => {}
        }
        here = here.and_then(|node| node.get(&keys[depth]));
    }
    let value = match DeValue::parse(value) {
        Ok(value) => convert(value.into_inner(), &|_| origin),
        Err(_) => Value::Text(value.to_owned()),
    };
    let leaf = Node { origin, value };
    Ok(keys.into_iter().rev().fold(leaf, |node, key| Node {
        origin,
        value: Value::Table(vec![(key, node)]),
    }))
}

/// Splits `a."b.c".d=value` into its keys and the value's text.
fn split_setting(text: &str) -> Option<(Vec<String>, &str)> {
    let (mut keys, mut key, mut quote) = (Vec::new(), String::new(), None);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            (_, Some(mark)) if c == mark => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            ('.', None) => keys.push(std::mem::take(&mut key)),
            ('=', None) => {
                keys.push(key);
                let keys: Vec<String> = keys.iter().map(|key| key.trim().to_owned()).collect();
                let whole = keys.iter().all(|key| !key.is_empty());
                return whole.then_some((keys, text[at + 1..].trim()));
            }
            _ => key.push(c),
        }
    }
    None
}
