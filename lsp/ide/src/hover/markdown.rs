//! Comments as Markdown.
//!
//! Owns what becomes of `@param`, `@return` and `@example`.

/// A comment as Markdown: `@param` and `@return` become a list below the prose, and `@example` code below that.
pub(crate) fn markdown(doc: &str) -> String {
    let (mut text, mut listed) = (String::new(), false);
    let mut examples = String::new();
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
            None => text.push_str(line),
        }
        text.push('\n');
    }
    let text = text.trim_end();
    if examples.is_empty() { text.to_owned() } else { format!("{text}\n\n```hlb\n{examples}```") }
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
        ] {
            assert_eq!(markdown(doc), expected);
        }
    }
}
