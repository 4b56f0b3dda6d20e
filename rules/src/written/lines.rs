//! From a text to its sentences: comments dropped, continued lines joined, lines remembered.

/// One sentence on one line, and where its parts stood.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The sentence, without comments.
    pub text: String,
    /// (byte offset in `text`, 1-based line) of each part, ascending.
    parts: Vec<(usize, usize)>,
}

impl Joined {
    /// The line on which the byte at `offset` stood.
    pub fn line(&self, offset: usize) -> usize {
        let after = self.parts.partition_point(|(start, _)| *start <= offset);
        self.parts[after.saturating_sub(1)].1
    }
}

/// Splits a text into sentences. An indented line continues the sentence above it.
///
/// # Errors
/// The line that continues nothing, with the reason.
pub fn sentences(text: &str) -> Result<Vec<Joined>, (usize, String)> {
    let mut found: Vec<Joined> = Vec::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line_number = number + 1;
        let line = without_comment(line).trim_end();
        if line.is_empty() {
            continue;
        }
        if line.starts_with(char::is_whitespace) {
            let Some(last) = found.last_mut() else {
                return Err((
                    line_number,
                    "an indented line continues the sentence above it, but none stands there\n  \
                     begin the line without a space"
                        .into(),
                ));
            };
            last.text.push(' ');
            last.parts.push((last.text.len(), line_number));
            last.text.push_str(line.trim_start());
        } else {
            found.push(Joined {
                text: line.to_owned(),
                parts: vec![(0, line_number)],
            });
        }
    }
    Ok(found)
}

/// The part of a line before `#`; a `#` in double quotes belongs to a name.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => return &line[..at],
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indented_lines_continue_a_sentence_and_keep_their_number() {
        let text = "# title\n\na: b,\n  # between\n  c # after\n\"d # e\": f\n";
        let found = sentences(text).unwrap();
        assert_eq!(found[0].text, "a: b, c");
        assert_eq!(
            (found[0].line(0), found[0].line(4), found[0].line(6)),
            (3, 3, 5)
        );
        assert_eq!(found[1].text, "\"d # e\": f");
    }

    #[test]
    fn nothing_is_continued_at_the_top() {
        assert_eq!(sentences("\n  a: b").unwrap_err().0, 2);
    }
}
