//! An XML file in which everything knows its place, read as PhysiCell's own reader takes it: of
//! several elements of one name the first counts, and a truth value is told by its first letter.

use std::cell::{Cell, RefCell};
use std::path::Path as FilePath;

use roxmltree::{Document, Node, ParsingOptions};

use super::ignored::{Effect, Ignored};
use crate::scenario::file::quantity::Range;
use crate::scenario::problem::{Path, Place, Problem, misspelled};

/// Bytes of a settings file. The largest known ones have less than one million.
const MOST_BYTES: u64 = 16_000_000;

/// Problems and remarks of one file that are kept: nobody reads more.
const MOST_REMARKS: usize = 200;

/// The text of a settings file.
///
/// # Errors
/// What keeps it from being read.
pub fn read(file: &FilePath) -> Result<String, Problem> {
    let problem = |message: String| Problem {
        place: Place::File(file.to_owned()),
        key: Path::root(),
        message,
        help: "name a PhysiCell_settings.xml, or the folder of a PhysiCell project".into(),
    };
    // A device such as /dev/zero has no end.
    let kind =
        std::fs::metadata(file).map_err(|error| problem(format!("cannot be read: {error}")))?;
    if !kind.is_file() {
        return Err(problem("this is not a regular file".into()));
    }
    if kind.len() > MOST_BYTES {
        return Err(problem(format!(
            "{} bytes are too many; settings have at most {MOST_BYTES}",
            kind.len()
        )));
    }
    std::fs::read_to_string(file).map_err(|error| problem(format!("cannot be read: {error}")))
}

/// The document in a text.
///
/// # Errors
/// Where the text stops being XML. A document type definition is refused, and with it every trick
/// that entities play.
pub fn parse<'a>(file: &FilePath, text: &'a str) -> Result<Document<'a>, Problem> {
    let problem = |line: usize, message: String, help: &str| Problem {
        place: Place::Line(file.to_owned(), line),
        key: Path::root(),
        message,
        help: help.to_owned(),
    };
    let options = ParsingOptions {
        nodes_limit: MOST_BYTES as u32,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| {
        let line = error.pos().row as usize;
        match error {
            roxmltree::Error::DtdDetected => problem(
                line,
                "the file has a document type definition (`<!DOCTYPE`)".into(),
                "delete it: settings need none",
            ),
            other => problem(
                line,
                format!("this is not XML: {other}"),
                "is the file whole? correct it here or above",
            ),
        }
    })
}

/// A settings file while it is read, with what was found wrong and what was left out.
pub struct Source<'a> {
    /// The file.
    pub file: &'a FilePath,
    /// Where its lines begin, in bytes.
    lines: Vec<usize>,
    /// What is wrong.
    pub problems: RefCell<Vec<Problem>>,
    /// What is left out.
    pub ignored: RefCell<Vec<Ignored>>,
    /// Remarks that were not kept.
    pub more: Cell<usize>,
}

impl<'a> Source<'a> {
    /// Of a file and its text.
    pub fn new(file: &'a FilePath, text: &str) -> Source<'a> {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Source {
            file,
            lines: std::iter::once(0).chain(breaks).collect(),
            problems: RefCell::default(),
            ignored: RefCell::default(),
            more: Cell::new(0),
        }
    }

    /// Complains about the file as a whole, or about a line of it.
    pub fn complain(&self, line: Option<usize>, message: String, help: String) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MOST_REMARKS {
            problems.push(Problem {
                place: match line {
                    Some(line) => Place::Line(self.file.to_owned(), line),
                    None => Place::File(self.file.to_owned()),
                },
                key: Path::root(),
                message,
                help,
            });
        }
    }

    /// Remarks on what is not imported as it stands.
    pub fn remark(&self, line: usize, element: String, why: String, effect: Effect) {
        let mut ignored = self.ignored.borrow_mut();
        if ignored.len() >= MOST_REMARKS && effect == Effect::Harmless {
            self.more.set(self.more.get() + 1);
            return;
        }
        ignored.push(Ignored {
            file: self.file.to_owned(),
            line,
            element,
            why,
            effect,
        });
    }
}

/// An element and the file it stands in.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    node: Node<'a, 'a>,
    source: &'a Source<'a>,
}

impl<'a> Element<'a> {
    /// The root of a document.
    pub fn root(document: &'a Document<'a>, source: &'a Source<'a>) -> Element<'a> {
        Element {
            node: document.root_element(),
            source,
        }
    }

    fn of(self, node: Node<'a, 'a>) -> Element<'a> {
        Element { node, ..self }
    }

    /// Its name.
    pub fn name(self) -> &'a str {
        self.node.tag_name().name()
    }

    /// The elements in it.
    pub fn all(self) -> impl Iterator<Item = Element<'a>> {
        let elements = self.node.children().filter(Node::is_element);
        elements.map(move |node| self.of(node))
    }

    /// Those called `name`.
    pub fn each(self, name: &'a str) -> impl Iterator<Item = Element<'a>> {
        self.all().filter(move |element| element.name() == name)
    }

    /// The first of them.
    pub fn child(self, name: &str) -> Option<Element<'a>> {
        self.all().find(|element| element.name() == name)
    }

    /// The first of the first of … along a path such as `save/full_data`.
    pub fn at(self, path: &str) -> Option<Element<'a>> {
        path.split('/')
            .try_fold(self, |element, name| element.child(name))
    }

    /// The first of them; that there is none is a problem.
    pub fn needed(self, name: &str) -> Option<Element<'a>> {
        let found = self.child(name);
        if found.is_none() {
            let message = format!("there is no <{name}>");
            self.complain(message, format!("state it within <{}>", self.name()));
        }
        found
    }

    /// Its own text, without the space around it.
    pub fn text(self) -> &'a str {
        self.raw_text().trim()
    }

    /// As it stands. Space alone is no text.
    fn raw_text(self) -> &'a str {
        let texts = self.node.children().filter(Node::is_text);
        let mut texts = texts.filter_map(|node| node.text());
        texts.find(|text| !text.trim().is_empty()).unwrap_or("")
    }

    /// The text of the element `name`; empty where there is none.
    pub fn text_of(self, name: &str) -> &'a str {
        self.child(name).map_or("", Element::text)
    }

    /// The attribute `name`, without the space around it.
    pub fn attribute(self, name: &str) -> Option<&'a str> {
        self.node.attribute(name).map(str::trim)
    }

    /// Its line, counted from 1.
    pub fn line(self) -> usize {
        let start = self.node.range().start;
        self.source.lines.partition_point(|&line| line <= start)
    }

    /// The way to it, `cell_definition[tumor]/phenotype/motility/speed`. What stands above a cell
    /// definition or a variable goes without saying.
    pub fn path(self) -> String {
        let mut steps = Vec::new();
        for node in self.node.ancestors().filter(Node::is_element) {
            let name = node.tag_name().name();
            if node.parent_element().is_none() && !steps.is_empty() {
                break;
            }
            let marks = ["name", "substrate", "ID", "index", "start_index"];
            match marks.iter().find_map(|mark| node.attribute(*mark)) {
                Some(mark) => steps.push(format!("{name}[{mark}]")),
                None => steps.push(name.to_owned()),
            }
            if name == "cell_definition" || name == "variable" {
                break;
            }
        }
        steps.reverse();
        steps.join("/")
    }

    /// Complains about it.
    pub fn complain(self, message: impl AsRef<str>, help: impl Into<String>) {
        let message = format!("{}: {}", self.path(), message.as_ref());
        self.source
            .complain(Some(self.line()), message, help.into());
    }

    /// Says that it is left out or read otherwise than one might think, and that nothing depends
    /// on it.
    pub fn note(self, why: impl Into<String>) {
        self.source
            .remark(self.line(), self.path(), why.into(), Effect::Harmless);
    }

    /// Says that it cannot be imported, and that results would differ.
    pub fn differs(self, why: impl Into<String>) {
        self.source
            .remark(self.line(), self.path(), why.into(), Effect::Differs);
    }

    /// Its text as a number; 0, with a complaint, where it is none.
    pub fn number(self, range: Range) -> f64 {
        match number(self.text()) {
            Some(number) => {
                if let Some(why) = range.refuses(number) {
                    self.complain(format!("{number} {why}"), "correct the number");
                }
                number
            }
            None => {
                let (message, help) = not_a_number(self.text());
                self.complain(message, help);
                0.0
            }
        }
    }

    /// Its text as a whole number.
    pub fn whole(self) -> i64 {
        match number(self.text()) {
            Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => number as i64,
            Some(number) => {
                self.complain(
                    format!("{number} is not a whole number"),
                    "write one such as 12",
                );
                0
            }
            None => self.number(Range::Any) as i64,
        }
    }

    /// The number in the element `name`, if there is one.
    pub fn number_of(self, name: &str, range: Range) -> Option<f64> {
        self.child(name).map(|element| element.number(range))
    }

    /// Puts the number in the element `name` where it belongs; nothing if there is none.
    pub fn set(self, name: &str, range: Range, place: &mut f64) {
        if let Some(number) = self.number_of(name, range) {
            *place = number;
        }
    }

    /// The number in the element `name`, which must be there.
    pub fn needed_number(self, name: &str, range: Range) -> f64 {
        self.needed(name)
            .map_or(0.0, |element| element.number(range))
    }

    /// The attribute `name` as a whole number; 0 where there is none, as PhysiCell has it.
    pub fn index(self, name: &str) -> i64 {
        let Some(text) = self.attribute(name) else {
            return 0;
        };
        text.parse().unwrap_or_else(|_| {
            self.complain(
                format!("`{name}` is not a whole number: `{text}`"),
                "write one such as 0",
            );
            0
        })
    }

    /// Whether its text says yes.
    pub fn is_true(self) -> bool {
        if is_true(self.text()) && !is_true(self.raw_text()) {
            self.complain(
                "PhysiCell reads this as false, for a space stands first",
                "write `true` or `false` directly behind the tag",
            );
        }
        if !is_truth(self.text()) {
            let message = format!("`{}` is neither true nor false", self.text());
            self.complain(message, "write `true` or `false`");
        }
        is_true(self.text())
    }

    /// Whether the element `name` says yes; where there is none it is no.
    pub fn says(self, name: &str) -> bool {
        self.child(name).is_some_and(Element::is_true)
    }

    /// Whether the attribute `name` says yes; where there is none it is no.
    pub fn has(self, name: &str) -> bool {
        let Some(text) = self.attribute(name) else {
            return false;
        };
        if !is_truth(text) {
            let message = format!("{name}=\"{text}\" is neither true nor false");
            self.complain(message, "write \"true\" or \"false\"");
        }
        is_true(text)
    }

    /// The place of the name in `known`.
    pub fn one_of(self, what: &'static str, name: &str, known: &[String]) -> Option<usize> {
        let found = known.iter().position(|other| other == name);
        if found.is_none() {
            let (message, help) = misspelled(what, name, known.iter().map(String::as_str));
            // Names of PhysiCell tell case apart; the help finds those that differ in it.
            self.complain(message, help);
        }
        found
    }
}

/// Text as a finite number. What PhysiCell reads of `1,5` or `5 min` is the number up to where it
/// ends; that is more likely a mistake than meant.
pub fn number(text: &str) -> Option<f64> {
    let number = text.parse::<f64>().ok();
    number.filter(|number| number.is_finite())
}

/// What is said of text that is none.
pub fn not_a_number(text: &str) -> (String, String) {
    let message = match text {
        "" => "a number is missing".to_owned(),
        _ => format!("`{text}` is not a number"),
    };
    let help = match text.replace(',', ".").parse::<f64>() {
        Ok(number) if text.contains(',') => format!("write {number}, with a point"),
        _ => "write a plain number such as 1.5 or 1e-3; units stand in the attribute".to_owned(),
    };
    (message, help)
}

/// Whether a text is a yes or a no that people write. PhysiCell takes anything else for a no,
/// which hides mistakes.
fn is_truth(text: &str) -> bool {
    let words = ["true", "false", "yes", "no", "t", "f", "y", "n", "1", "0"];
    words
        .iter()
        .any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// PhysiCell's reader looks at the first letter.
pub fn is_true(text: &str) -> bool {
    text.starts_with(['1', 't', 'T', 'y', 'Y'])
}
