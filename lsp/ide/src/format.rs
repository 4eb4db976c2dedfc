//! Laying a text out.
//!
//! Owns the choice of the edit: the smallest range of lines that differ, so that an editor keeps its cursors and folds.

use hlb_language::source::SourceId;
use hlb_language::span::Span;

/// The one edit that lays a text out: a range and what replaces it. `None` if the text is laid out, or has mistakes and
/// therefore stays as it is.
pub fn format(text: &str) -> Option<(Span, String)> {
    let new = hlb_language::format(SourceId(0), text).ok()?;
    difference(text, &new)
}

/// The same for the lines of a range only.
pub fn format_range(text: &str, range: Span) -> Option<(Span, String)> {
    let _ = (text, range);
    None
}

/// The edit that lays out what ends at a byte offset, behind a character that was just typed: `}` or a newline.
pub fn format_typed(text: &str, offset: usize, typed: char) -> Option<(Span, String)> {
    let _ = (text, offset, typed);
    None
}

fn difference(old: &str, new: &str) -> Option<(Span, String)> {
    if old == new {
        return None;
    }
    let same = |(left, right): &(&str, &str)| left == right;
    let before = old.split_inclusive('\n').zip(new.split_inclusive('\n')).take_while(same);
    let start: usize = before.map(|(line, _)| line.len()).sum();
    let (old_rest, new_rest) = (old.get(start..)?, new.get(start..)?);
    let after = lines_from_behind(old_rest).zip(lines_from_behind(new_rest)).take_while(same);
    let kept: usize = after.map(|(line, _)| line.len()).sum();
    let span = Span { start: u32::try_from(start).ok()?, end: u32::try_from(old.len() - kept).ok()? };
    Some((span, new_rest.get(..new_rest.len() - kept)?.to_owned()))
}

fn lines_from_behind(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').rev()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The edit makes the new text of the old, and touches no more than it says.
    fn check(old: &str, new: &str, expected: Option<(&str, &str)>) {
        let found = difference(old, new);
        let shown = found.as_ref().map(|(span, text)| (&old[span.range()], text.as_str()));
        assert_eq!(shown, expected, "{old:?} to {new:?}");
        if let Some((span, text)) = found {
            let mut edited = old.to_owned();
            edited.replace_range(span.range(), &text);
            assert_eq!(edited, new);
        }
    }

    #[test]
    fn only_the_lines_that_differ_are_replaced() {
        check("a\nb\nc\n", "a\nb\nc\n", None);
        check("a\nb\nc\n", "a\nx\nc\n", Some(("b\n", "x\n")));
        check("a\nc\n", "a\nb\nc\n", Some(("", "b\n")));
        check("a\na\na\n", "a\na\n", Some(("a\n", "")));
        check("a", "a\n", Some(("a", "a\n")));
        check("", "a\n", Some(("", "a\n")));
        check("a\n", "", Some(("a\n", "")));
        check("ä\nb", "ö\nb", Some(("ä\n", "ö\n")));
    }
}
