//! TOML, value by value.

/// A text that grows by lines and tables.
#[derive(Default)]
pub struct Text {
    written: String,
    /// Tables whose first line is yet to come.
    open: Option<String>,
}

impl Text {
    /// A line that is not read.
    pub fn comment(&mut self, words: &str) {
        for line in words.lines() {
            self.written += "# ";
            self.written += line;
            self.written.push('\n');
        }
    }

    /// What follows stands in this table. A table in which nothing follows is not written.
    pub fn table(&mut self, path: &str) {
        self.open = Some(path.to_owned());
    }

    /// Writes the header of the table even if nothing follows.
    pub fn header(&mut self) {
        if let Some(path) = self.open.take() {
            self.written += &format!("\n[{path}]\n");
        }
    }

    /// `key = value`; both are written as they are.
    pub fn line(&mut self, key: &str, value: String) {
        self.header();
        self.written += &format!("{key} = {value}\n");
    }

    /// `key = value` where the value is not what it is without being stated.
    pub fn unless(&mut self, key: &str, value: f64, default: f64, unit: &str) {
        if value != default {
            self.line(key, measured(value, unit));
        }
    }

    /// All of it.
    pub fn whole(self) -> String {
        self.written
    }
}

/// Text in quotes.
pub fn text(text: &str) -> String {
    let mut out = String::from('"');
    for sign in text.chars() {
        match sign {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            sign if sign.is_control() => out += &format!("\\u{:04X}", sign as u32),
            sign => out.push(sign),
        }
    }
    out.push('"');
    out
}

/// A name, in quotes where it needs them.
pub fn key(name: &str) -> String {
    let is_bare = |sign: char| sign.is_ascii_alphanumeric() || sign == '_' || sign == '-';
    match !name.is_empty() && name.chars().all(is_bare) {
        true => name.to_owned(),
        false => text(name),
    }
}

/// A number in the shortest form that is read back to the same bits.
pub fn number(number: f64) -> String {
    let plain = format!("{number}");
    let short = format!("{number:e}");
    let is_far = !(1e-3..1e5).contains(&number.abs()) || plain.len() > 8;
    match is_far && short.len() < plain.len() {
        true => short,
        false => plain,
    }
}

/// A number with its unit, which is the base unit of its key, so that the bits stay; without one
/// where it is 0.
pub fn measured(value: f64, unit: &str) -> String {
    match (value, unit) {
        (0.0, _) | (_, "1") => number(value),
        _ => text(&format!("{} {unit}", number(value))),
    }
}

/// A time in min as days or hours, where it is whole ones.
pub fn time(min: f64) -> String {
    for (name, length) in [("d", 1440.0), ("h", 60.0)] {
        let count = min / length;
        if count >= 1.0 && count.fract() == 0.0 && count * length == min {
            return measured(count, name);
        }
    }
    measured(min, "min")
}

/// `[…]`
pub fn array(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<String> = values.into_iter().collect();
    format!("[{}]", values.join(", "))
}

/// `{…}`
pub fn inline(entries: impl IntoIterator<Item = (String, String)>) -> String {
    let entries: Vec<String> = entries
        .into_iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}
