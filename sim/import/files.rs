//! Where the files of a project are, and how a scenario names them.

use std::path::{Component, Path, PathBuf};

use super::xml::Element;

/// The settings file of a path: the path itself if it is an XML file, else the settings file of
/// the project whose folder it is. `None` where there is neither.
pub fn settings(path: &Path) -> Option<PathBuf> {
    let is_xml = path
        .extension()
        .is_some_and(|text| text.eq_ignore_ascii_case("xml"));
    if is_xml && !path.is_dir() {
        return Some(path.to_owned());
    }
    let names = ["config/PhysiCell_settings.xml", "PhysiCell_settings.xml"];
    let mut files = names.iter().map(|name| path.join(name));
    files.find(|file| path.is_dir() && file.is_file())
}

/// The folder of a file; `.` for one that is named without.
pub fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The root of the project: what holds the folder `config` in which, or below which, the settings
/// lie; else the folder of the settings. PhysiCell is run there, and takes paths from there.
pub fn root(settings: &Path) -> PathBuf {
    let folder = folder(settings);
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.clone());
    let config = whole
        .ancestors()
        .find(|above| above.file_name().is_some_and(|name| name == "config"));
    config.and_then(Path::parent).map_or(folder, Path::to_owned)
}

/// Finds a file that a project names by `name`, which may hold folders; complains where there is
/// none.
pub fn find(element: Element<'_>, settings: &Path, name: &str) -> Option<PathBuf> {
    if name.is_empty() {
        element.complain("no file is named", "name it, or write enabled=\"false\"");
        return None;
    }
    let named = Path::new(name);
    let beside = folder(settings);
    let mut places = vec![root(settings).join(named), beside.join(named)];
    places.extend(named.file_name().map(|name| beside.join(name)));
    places.dedup();
    if let Some(file) = places.iter().find(|file| file.is_file()) {
        return Some(file.clone());
    }
    let places: Vec<String> = places
        .iter()
        .map(|place| place.display().to_string())
        .collect();
    element.complain(
        format!("there is no file `{name}`"),
        format!("looked for {}", places.join(", ")),
    );
    None
}

/// The path of `file` as seen from `folder`, with `/` between its parts.
pub fn relative(file: &Path, folder: &Path) -> String {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (file, folder) = (whole(file), whole(folder));
    let common = file
        .components()
        .zip(folder.components())
        .take_while(|(a, b)| a == b)
        .count();
    if common == 0 {
        return file.display().to_string();
    }
    let up = folder.components().skip(common).map(|_| "..".to_owned());
    let down = file.components().skip(common).map(|part| match part {
        Component::Normal(name) => name.to_string_lossy().into_owned(),
        other => other.as_os_str().to_string_lossy().into_owned(),
    });
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// The first line of a text file.
pub fn first_line(file: &Path) -> Option<String> {
    let mut line = Vec::new();
    let file = std::fs::File::open(file).ok()?;
    let mut start = std::io::Read::take(std::io::BufReader::new(file), 65_536);
    std::io::BufRead::read_until(&mut start, b'\n', &mut line).ok()?;
    Some(String::from_utf8_lossy(&line).into_owned())
}
