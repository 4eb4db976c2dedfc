//! Comments as Markdown.
//!
//! Owns what becomes of `@param`, `@return` and `@example`, and that a paragraph is one line: many editors break lines where the
//! text does, which was made for the width of a file.

/// A comment as Markdown: `@param` and `@return` become a list below the prose, and `@example` code below that.
pub(crate) fn markdown(doc: &str) -> String {
    let (mut text, mut listed) = (String::new(), false);
    let (mut examples, mut is_code) = (String::new(), false);
    for line in doc.lines() {
        if let Some(example) = line.strip_prefix("@example ") {
            let (call, value) = example.rsplit_once(" => ").unwrap_or((example, ""));
            examples.push_str(call);
            if !value.is_empty() {
                examples.push_str(" # ");
                examples.push_str(value);
            }
            examples.push('\n');
            continue;
        }
        let item = line.strip_prefix("@param ").map(|rest| match rest.split_once(' ') {
            Some((name, words)) => format!("- `{name}`: {words}"),
            None => format!("- `{rest}`"),
        });
        let item = item.or_else(|| line.strip_prefix("@return ").map(|rest| format!("- returns {rest}")));
        match item {
            Some(item) => {
                if !listed && !text.is_empty() && !text.ends_with("\n\n") {
                    text.push('\n');
                }
                listed = true;
                text.push_str(&item);
            }
            None => {
                let is_fence = line.trim_start().starts_with("```");
                if !is_code && !is_fence && goes_on(&text, line) {
                    text.pop();
                    text.push(' ');
                    text.push_str(line.trim_start());
                } else {
                    text.push_str(line);
                }
                is_code ^= is_fence;
            }
        }
        text.push('\n');
    }
    let text = text.trim_end();
    if examples.is_empty() { text.to_owned() } else { format!("{text}\n\n```hlb\n{examples}```") }
}

/// Whether a line goes on with what is said in the last line of a text.
fn goes_on(text: &str, line: &str) -> bool {
    let last = text.strip_suffix('\n').unwrap_or(text);
    let last = last.rsplit('\n').next().unwrap_or_default();
    let is_broken = last.ends_with("  ") || last.ends_with('\\');
    let stands_alone = |line: &str| {
        let said = line.trim_start();
        said.is_empty() || said.starts_with(['#', '|', '>']) || said.starts_with("```") || is_indented(line)
    };
    !is_broken && !stands_alone(last) && !stands_alone(line) && !is_item(line)
}

/// Whether a line is code because it stands far to the right.
fn is_indented(line: &str) -> bool {
    line.starts_with("    ") || line.starts_with('\t')
}

/// Whether a line begins an item of a list.
fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let number = line.trim_start_matches(|it: char| it.is_ascii_digit());
    ["- ", "* ", "+ "].iter().any(|mark| line.starts_with(mark))
        || number.len() < line.len() && (number.starts_with(". ") || number.starts_with(") "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_prose_lists_and_code() {
        for (doc, expected) in [
            ("Just prose.", "Just prose."),
            ("Prose.\n\n@param s the text.\n@return a text.", "Prose.\n\n- `s`: the text.\n- returns a text."),
            (
                "Prose.\n\n@param s the text.\n@example str.of(1) => \"1\"\n@example str.of(2) => \"2\"",
                "Prose.\n\n- `s`: the text.\n\n```hlb\nstr.of(1) # \"1\"\nstr.of(2) # \"2\"\n```",
            ),
            ("Prose.\n@example f()", "Prose.\n\n```hlb\nf()\n```"),
            ("One\ntwo.\n\nThree\nfour.", "One two.\n\nThree four."),
            ("@param a one\n  two\n@param b three", "- `a`: one two\n- `b`: three"),
            ("One:\n- two\n  three\n- four\n1. five", "One:\n- two three\n- four\n1. five"),
            ("One\n```\ntwo\nthree\n```\nfour\nfive", "One\n```\ntwo\nthree\n```\nfour five"),
            ("One\n`two` is\nthree", "One `two` is three"),
            ("One  \ntwo\\\nthree", "One  \ntwo\\\nthree"),
            ("One\n\n    two\n    three\nfour", "One\n\n    two\n    three\nfour"),
            ("# One\ntwo\n| a | b |\n> three", "# One\ntwo\n| a | b |\n> three"),
        ] {
            assert_eq!(markdown(doc), expected);
        }
    }
}
