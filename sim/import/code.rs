//! What a project does in C++: it cannot be imported, only noticed.
//!
//! A project without code of its own has PhysiCell's template in `custom_modules`. What tells
//! other code apart are functions that the template does not have, bodies where it has none, and
//! calls that change types or cells.

use std::path::Path;

use super::files;
use super::xml::Element;

/// What is known of a project's own code.
#[derive(Debug, Default)]
pub struct Code {
    /// Whether there is code, and it does not spread parameters over the cells.
    pub is_without_distributions: bool,
}

/// Functions of the template. What colors cells is the pictures' business.
const TEMPLATE: &[&str] = &[
    "create_cell_types",
    "setup_microenvironment",
    "setup_tissue",
    "phenotype_function",
    "custom_function",
    "contact_function",
];

/// Functions that do nothing in the template.
const EMPTY: &[&str] = &["phenotype_function", "custom_function", "contact_function"];

/// Calls that set more than the settings do.
const CHANGES: &[&str] = &[
    "->phenotype",
    "->functions",
    "->parameters",
    "find_cell_definition(",
    "get_cell_definition(",
    "set_single_behavior(",
    "convert_to_cell_definition(",
    "fill_rectangle(",
    "fill_circle(",
    "fill_annulus(",
    "draw_line(",
    "dirichlet_node",
    "density_vector(",
    "is_movable",
    "all_cells",
    "parameters.doubles",
    "parameters.bools",
    "parameters.strings",
    "attach_cells",
];

/// Larger files are not a project's own.
const MOST_BYTES: u64 = 4_000_000;

/// Remarks on everything that hints at code: parameters that only code reads, and code.
pub fn read(root: Element<'_>, settings: &Path) -> Code {
    let parameters = root.child("user_parameters");
    for parameter in parameters.into_iter().flat_map(Element::all) {
        let kind = parameter.attribute("type").unwrap_or("");
        match parameter.name() {
            "number_of_cells" | "random_seed" if kind == "int" => {
                parameter.whole();
            }
            name @ ("number_of_cells" | "random_seed") => parameter.complain(
                format!("`{name}` is of type `{kind}`"),
                "PhysiCell looks for it among those of type=\"int\"",
            ),
            _ if kind == "divider" => {}
            _ => parameter.differs("a parameter that only custom code in C++ reads"),
        }
    }
    let folder = files::root(settings).join("custom_modules");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return Code::default();
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name != "empty.txt" && !name.starts_with('.'))
        .collect();
    names.sort();
    let mut found = Code::default();
    for name in &names {
        let file = folder.join(name);
        match name.as_str() {
            "custom.h" => {}
            "custom.cpp" => {
                let size = std::fs::metadata(&file).map_or(u64::MAX, |kind| kind.len());
                let text = match size <= MOST_BYTES {
                    true => std::fs::read(&file).unwrap_or_default(),
                    false => Vec::new(),
                };
                let text = bare(&String::from_utf8_lossy(&text));
                found.is_without_distributions =
                    !text.contains("set_parameters_from_distributions()");
                let signs = signs(&text);
                if !signs.is_empty() {
                    root.differs(format!(
                        "custom code in C++ is not imported: custom_modules/{name} has {}",
                        signs.join(", ")
                    ));
                }
            }
            _ => root.differs(format!(
                "custom code in C++ is not imported: custom_modules/{name}"
            )),
        }
    }
    found
}

/// The text without comments, and without space where it means nothing.
fn bare(text: &str) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    while let Some(at) = rest.find("/") {
        let (before, comment) = rest.split_at(at);
        out.push_str(before);
        rest = if comment.starts_with("//") {
            &comment[comment.find('\n').unwrap_or(comment.len())..]
        } else if comment.starts_with("/*") {
            comment.find("*/").map_or("", |end| &comment[end + 2..])
        } else {
            out.push('/');
            &comment[1..]
        };
    }
    out.push_str(rest);
    let lines = out
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    lines
        .flat_map(str::split_whitespace)
        .collect::<Vec<_>>()
        .join(" ")
        .replace("( ", "(")
        .replace(" (", "(")
        .replace("{ ", "{")
        .replace(" }", "}")
        .replace(" = ", "=")
}

/// What in a text without comments is not the template's.
fn signs(text: &str) -> Vec<String> {
    let mut signs = Vec::new();
    for (name, body) in functions(text) {
        if name.contains("color") {
            continue;
        }
        let is_empty = ["return;", "", "return; "].contains(&body.trim());
        if !TEMPLATE.contains(&name) {
            signs.push(format!("the function {name}"));
        } else if EMPTY.contains(&name) && !is_empty {
            signs.push(format!("a body of {name}"));
        }
        for call in CHANGES {
            if body.contains(call) && TEMPLATE.contains(&name) {
                let call = call.trim_start_matches("->").trim_end_matches('(');
                signs.push(format!("`{call}` in {name}"));
            }
        }
        if name == "setup_tissue" && !body.contains("load_cells_from_pugixml()") {
            signs.push("a setup_tissue that does not load cells".into());
        }
        if name == "create_cell_types" && !body.contains("setup_cell_rules()") {
            signs.push("a create_cell_types that does not set up rules".into());
        }
    }
    if text.is_empty() {
        signs.push("nothing that can be read".into());
    }
    signs.dedup();
    signs
}

/// Functions on the top level: name and body.
fn functions(text: &str) -> Vec<(&str, &str)> {
    let (mut found, mut depth, mut head, mut body) = (Vec::new(), 0usize, 0, 0);
    for (at, sign) in text.char_indices() {
        match sign {
            '{' => {
                if depth == 0 {
                    body = at + 1;
                }
                depth += 1;
            }
            '}' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    let signature = &text[head..body - 1];
                    if let Some(open) = signature.find('(') {
                        let name = signature[..open].rsplit([' ', '*', '&']).next();
                        found.push((name.unwrap_or(""), &text[body..at]));
                    }
                    head = at + 1;
                }
            }
            ';' if depth == 0 => head = at + 1,
            _ => {}
        }
    }
    found
}
