//! The tables and values of a scenario file, each with the place where it was stated.
//!
//! The scenario that a file extends, settings of the command line and inherited values are merged
//! here, before anything is checked, so that they are checked like what stands in the file.

mod extends;
mod overlay;
mod setting;

use std::path::{Path as FilePath, PathBuf};

use rules::dictionary::normal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Path, Place, Problem, Step, misspelled};
use overlay::overlay;
use setting::setting;

/// Tables whose entries have names of the scenario's own, and what such an entry is.
pub const NAMED: &[(&str, &str)] = &[
    ("substrates", "substrate"),
    ("cell_types", "cell type"),
    ("cells", "group"),
    ("arrivals", "stream"),
    ("interventions", "intervention"),
    ("rules", "rule source"),
    ("latents", "space of latent vectors"),
    ("readouts", "readout"),
];

/// Where a node comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Origin {
    /// A line of a file.
    Line {
        /// The file, by number: 0 for the one that is read, then what it extends, and so on down.
        file: usize,
        /// Counted from 1.
        line: usize,
    },
    /// A setting, by number.
    Setting(usize),
}

impl Origin {
    fn place(self, files: &[PathBuf], settings: &[String]) -> Place {
        match self {
            Origin::Line { file, line } => Place::Line(files[file].clone(), line),
            Origin::Setting(number) => Place::Setting(settings[number].clone()),
        }
    }

    /// The folder from which paths are taken; for settings that of the first file.
    fn folder(self, files: &[PathBuf]) -> &FilePath {
        let file = match self {
            Origin::Line { file, .. } => file,
            Origin::Setting(_) => 0,
        };
        files[file].parent().unwrap_or(FilePath::new(""))
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its place.
    pub origin: Origin,
    /// What it is.
    pub value: Value,
}

/// A value as TOML knows it; tables keep the order of the file.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text, and dates, which no key of a scenario wants.
    Text(String),
    /// A whole number.
    Integer(i128),
    /// A number.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// `[…]`.
    Array(Vec<Node>),
    /// `{…}` or `[…]` with what follows.
    Table(Vec<(String, Node)>),
}

/// A file on top of what it extends, with the settings that were merged into it.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The whole of it.
    pub root: Node,
    files: Vec<PathBuf>,
    settings: Vec<String>,
}

impl Tree {
    /// Reads a file and those it extends, merges `settings` (`key=value`) into them, and gives
    /// each cell type what it inherits.
    ///
    /// # Errors
    /// The first file that cannot be read or is not TOML, or every setting and inheritance that
    /// cannot be.
    pub fn read(file: PathBuf, settings: &[String]) -> Result<Tree, Vec<Problem>> {
        Tree::settled(extends::read(file)?, settings)
    }

    /// Reads a text as if it stood in `file`, and goes on as [`Tree::read`] does.
    ///
    /// # Errors
    /// As for [`Tree::read`].
    pub fn read_text(
        text: String,
        file: PathBuf,
        settings: &[String],
    ) -> Result<Tree, Vec<Problem>> {
        Tree::settled(extends::read_text(text, file)?, settings)
    }

    fn settled(
        (files, root): (Vec<PathBuf>, Node),
        settings: &[String],
    ) -> Result<Tree, Vec<Problem>> {
        let mut tree = Tree {
            root,
            files,
            settings: settings.to_vec(),
        };
        let stated = tree.inherited(&tree.root);
        let known = stated.as_ref().unwrap_or(&tree.root).clone();
        let mut problems = Vec::new();
        for (number, text) in settings.iter().enumerate() {
            match setting(number, text, &known) {
                Ok(node) => overlay(&mut tree.root, &node, &[]),
                Err((message, help)) => problems.push(Problem {
                    place: Place::Setting(text.clone()),
                    key: Path::root(),
                    message,
                    help,
                }),
            }
        }
        match tree.inherited(&tree.root) {
            Ok(root) => tree.root = root,
            Err(problem) => problems.push(problem),
        }
        if problems.is_empty() {
            Ok(tree)
        } else {
            Err(problems)
        }
    }

    /// The file that was read, not one that it extends.
    pub fn file(&self) -> &FilePath {
        &self.files[0]
    }

    /// The folder from which the path that a key states is taken: that of the file it stands in.
    pub fn folder(&self, path: &Path) -> &FilePath {
        self.nearest(path).origin.folder(&self.files)
    }

    /// The node a path leads to, or the deepest on the way there.
    pub fn nearest(&self, path: &Path) -> &Node {
        let mut node = &self.root;
        for step in &path.0 {
            match node.step(step) {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// The place of the value a path leads to, or of the table that lacks it.
    pub fn place(&self, path: &Path) -> Place {
        if path.is_root() {
            return Place::File(self.file().to_owned());
        }
        self.nearest(path).origin.place(&self.files, &self.settings)
    }

    /// Takes a value out; whether there was one.
    pub fn remove(&mut self, path: &Path) -> bool {
        let Some((Step::Key(last), before)) = path.0.split_last() else {
            return false;
        };
        let mut node = &mut self.root;
        for step in before {
            let next = match (&mut node.value, step) {
                (Value::Table(entries), Step::Key(key)) => entries
                    .iter_mut()
                    .find(|(name, _)| name == key)
                    .map(|(_, node)| node),
                (Value::Array(items), Step::Index(index)) => items.get_mut(*index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return false,
            }
        }
        node.remove(last).is_some()
    }

    /// The file with each cell type completed by what it inherits.
    fn inherited(&self, root: &Node) -> Result<Node, Problem> {
        let mut root = root.clone();
        let Some(Value::Table(types)) = root.get_mut("cell_types").map(|node| &mut node.value)
        else {
            return Ok(root);
        };
        let stated = types.clone();
        for (name, node) in types.iter_mut() {
            *node = self.heir(name, &stated, &mut Vec::new())?;
        }
        Ok(root)
    }

    /// The cell type `name` on top of the one it inherits from, and so on up.
    fn heir(
        &self,
        name: &str,
        stated: &[(String, Node)],
        descent: &mut Vec<String>,
    ) -> Result<Node, Problem> {
        let (name, own) = stated
            .iter()
            .find(|(other, _)| other == name)
            .expect("the caller found the name in this list");
        let Some(Node {
            value: Value::Text(parent),
            ..
        }) = own.get("inherits")
        else {
            return Ok(own.clone());
        };
        let at = Path::root().key("cell_types").key(name).key("inherits");
        let problem = |(message, help)| Problem {
            place: self.place(&at),
            key: at.clone(),
            message,
            help,
        };
        descent.push(name.clone());
        let Some((parent, _)) = stated
            .iter()
            .find(|(other, _)| normal(other) == normal(parent))
        else {
            let known = stated.iter().map(|(name, _)| name.as_str());
            return Err(problem(misspelled("cell type", parent, known)));
        };
        if descent.contains(parent) {
            let help = format!(
                "{} → {parent}: one of them must stand by itself",
                descent.join(" → ")
            );
            return Err(problem(("the type inherits from itself".into(), help)));
        }
        let mut node = self.heir(parent, stated, descent)?;
        if let Value::Table(entries) = &mut node.value {
            // Two types of one color could not be told apart in a picture.
            entries.retain(|(key, _)| key != "color" && key != "inherits");
        }
        // What the other type becomes may be what this one is.
        if let Some(Value::Table(rates)) =
            node.get_mut("transformations").map(|node| &mut node.value)
        {
            rates.retain(|(other, _)| normal(other) != normal(name));
        }
        overlay(&mut node, own, &["cell_types", name]);
        Ok(node)
    }
}

impl Node {
    /// The entry `key` of a table.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Table(entries) => entries
                .iter_mut()
                .find(|(name, _)| name == key)
                .map(|(_, node)| node),
            _ => None,
        }
    }

    fn step(&self, step: &Step) -> Option<&Node> {
        match (&self.value, step) {
            (_, Step::Key(key)) => self.get(key),
            (Value::Array(items), Step::Index(index)) => items.get(*index),
            _ => None,
        }
    }

    /// Takes the entry `key` out of a table.
    fn remove(&mut self, key: &str) -> Option<Node> {
        let Value::Table(entries) = &mut self.value else {
            return None;
        };
        let at = entries.iter().position(|(name, _)| name == key)?;
        Some(entries.remove(at).1)
    }

    /// A table's entries.
    fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The names of a table's entries.
    fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries().iter().map(|(name, _)| name.as_str())
    }
}

/// Whether an entry of one of the [`NAMED`] tables says that what stands below it is to go.
fn is_dropped(entry: &Node) -> bool {
    matches!(entry.value, Value::Bool(false))
}

fn table(entries: DeTable<'_>, origin: &dyn Fn(usize) -> Origin) -> Value {
    let mut entries: Vec<(Spanned<_>, Spanned<DeValue<'_>>)> = entries.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entries = entries.into_iter().map(|(key, value)| {
        let at = key.span().start;
        let node = Node {
            origin: origin(at),
            value: convert(value.into_inner(), origin),
        };
        (key.into_inner().into_owned(), node)
    });
    Value::Table(entries.collect())
}

fn convert(value: DeValue<'_>, origin: &dyn Fn(usize) -> Origin) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(whole) => Value::Integer(whole),
            Err(_) => Value::Text(number.to_string()),
        },
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Bool(flag),
        DeValue::Datetime(date) => Value::Text(date.to_string()),
        DeValue::Array(items) => Value::Array(
            items
                .into_iter()
                .map(|item| Node {
                    origin: origin(item.span().start),
                    value: convert(item.into_inner(), origin),
                })
                .collect(),
        ),
        DeValue::Table(entries) => table(entries, origin),
    }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines(std::iter::once(0).chain(breaks).collect())
    }

    /// The line, counted from 1, that holds a byte.
    fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|&start| start <= byte)
    }
}
