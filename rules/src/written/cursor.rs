//! A place in a sentence, moved along by words and names.

/// What is wrong and the way out, with the byte at which the culprit begins.
pub type Wrong = (usize, String);

/// A place in a sentence.
pub struct Cursor<'a> {
    text: &'a str,
    /// The byte that comes next.
    pub at: usize,
}

impl<'a> Cursor<'a> {
    /// The beginning of a text.
    pub fn new(text: &'a str) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips space, and says where the next thing begins.
    pub fn start(&mut self) -> usize {
        self.at += self.rest().len() - self.rest().trim_start().len();
        self.at
    }

    /// Whether the end, or what lies beyond it, is reached.
    pub fn is_done(&self) -> bool {
        self.at > self.text.len() || self.rest().trim().is_empty() && !self.after_comma()
    }

    /// Whether a comma has just been read.
    fn after_comma(&self) -> bool {
        self.text[..self.at].ends_with(',')
    }

    /// Reads one of these words, if one comes next and more follows.
    pub fn word(&mut self, words: &[&'static str]) -> Option<&'static str> {
        self.start();
        let word = words.iter().find(|word| starts_with(self.rest(), word))?;
        self.at += word.len();
        Some(word)
    }

    /// Reads up to the word, and the word; `None` if it does not come.
    pub fn until(&mut self, word: &'static str) -> Option<&'a str> {
        let rest = self.rest();
        let (end, _, after) = stops(rest, &[word]).next()?;
        self.at += after;
        Some(rest[..end].trim())
    }

    /// Reads up to the next comma, and the comma.
    pub fn clause(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(',').unwrap_or(rest.len());
        self.at += (end + 1).min(rest.len());
        rest[..end].trim()
    }

    /// Reads a name that has a `number` and one of the `ends` behind it: the longest such name, or
    /// what stands in double quotes. The end `""` is the end of the sentence. `refusal` says what
    /// is wrong with a name that has none; it is asked once, since near names are slow to find.
    ///
    /// # Errors
    /// That there is no name, none that is known, or none of the `ends` behind it.
    pub fn name(
        &mut self,
        what: &str,
        ends: &[&'static str],
        number: impl Fn(&str) -> Option<usize>,
        refusal: impl Fn(&str) -> String,
    ) -> Result<(usize, &'static str), Wrong> {
        let at = self.start();
        let rest = self.rest();
        if let Some(inside) = rest.strip_prefix('"') {
            let Some(close) = inside.find('"') else {
                return Err((
                    at,
                    "a double quote is not closed\n  put `\"` behind the name".into(),
                ));
            };
            let name = inside[..close].trim();
            let number = number(name).ok_or_else(|| (at, refusal(name)))?;
            let behind = &rest[close + 2..];
            let next = behind.trim_start();
            let Some(end) = ends.iter().find(|end| starts_with(next, end)) else {
                return Err((at, missing(what, &inside[..close], ends)));
            };
            self.at += rest.len() - next.len() + end.len();
            return Ok((number, end));
        }
        if ends.iter().any(|end| starts_with(rest, end)) {
            return Err((at, format!("a {what} is missing\n  {}", example(what))));
        }
        let candidates: Vec<_> = stops(rest, ends).collect();
        for (name_end, end, after) in candidates.iter().rev() {
            if let Some(number) = number(rest[..*name_end].trim()) {
                self.at += after;
                return Ok((number, end));
            }
        }
        match candidates.first() {
            Some((name_end, ..)) => Err((at, refusal(rest[..*name_end].trim()))),
            None => Err((at, missing(what, rest, ends))),
        }
    }
}

/// A sentence about what should have followed a name.
fn missing(what: &str, found: &str, ends: &[&str]) -> String {
    let ends: Vec<String> = ends
        .iter()
        .filter(|end| !end.is_empty())
        .map(|end| format!("`{end}`"))
        .collect();
    let short: String = found.trim().chars().take(60).collect();
    let dots = if found.trim().chars().count() > 60 {
        "…"
    } else {
        ""
    };
    format!(
        "no {} after the {what} in `{short}{dots}`\n  {}",
        ends.join(" or "),
        example(what)
    )
}

/// What a sentence looks like around a missing part.
fn example(what: &str) -> &'static str {
    match what {
        "cell type" => {
            "a sentence begins with a cell type and a colon: `tumor: oxygen increases …`"
        }
        "signal" => "a signal and a verb follow the colon: `tumor: oxygen increases …`",
        _ => "a behavior and a value follow the verb: `… increases cycle entry towards 0.01 1/min`",
    }
}

/// Whether `text` begins with this mark or whole word; case does not matter. `""` is the end.
pub fn starts_with(text: &str, word: &str) -> bool {
    if word.is_empty() {
        return text.is_empty();
    }
    let mark = !word.starts_with(char::is_alphabetic);
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
        && (mark
            || text[word.len()..]
                .chars()
                .next()
                .is_none_or(|c| c.is_whitespace() || ",:\"".contains(c)))
}

/// Every place where one of these words or marks ends a name: where the name ends, which it is,
/// where it ends itself.
fn stops<'a>(
    text: &'a str,
    ends: &'a [&'static str],
) -> impl Iterator<Item = (usize, &'static str, usize)> + 'a {
    let mut before = 'x';
    let places = text.char_indices().chain([(text.len(), ' ')]);
    places.filter_map(move |(at, c)| {
        let begins_gap = !before.is_whitespace() && (c.is_whitespace() || ",:".contains(c));
        before = c;
        if !begins_gap {
            return None;
        }
        let next = text[at..].trim_start();
        let word = |end: &&&str| {
            let spaced = next.len() < text.len() - at || !end.starts_with(char::is_alphabetic);
            spaced && starts_with(next, end)
        };
        let end = ends.iter().find(word)?;
        Some((at, *end, text.len() - next.len() + end.len()))
    })
}
