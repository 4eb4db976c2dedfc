//! Laying a text out.
//!
//! Owns the choice of the edit: the smallest range of lines that differ, so that an editor keeps its cursors and folds.

use hlb_language::source::SourceId;
use hlb_language::span::Span;
use hlb_language::token::TokenKind;

/// The one edit that lays a text out: a range and what replaces it. `None` if the text is laid out, or has mistakes and
/// therefore stays as it is.
pub fn format(text: &str) -> Option<(Span, String)> {
    difference(text, &laid_out(text)?)
}

/// The same for the lines of a range only: those that it touches, from the first that is not empty to the last.
pub fn format_range(text: &str, range: Span) -> Option<(Span, String)> {
    let new = laid_out(text)?;
    let (old_lines, new_lines) = (Lines::new(text), Lines::new(&new));
    let (mut first, mut last) = old_lines.touched(text, range)?;
    // Lines may be joined or split: then the range grows until its ends are ends of lines in both texts.
    loop {
        let (before, behind) = (old_lines.signs(first), old_lines.signs(last + 1));
        match (new_lines.starting(before), new_lines.ending(behind)) {
            (None, _) => first = first.checked_sub(1)?,
            (_, None) => last = Some(last + 1).filter(|last| *last < old_lines.count())?,
            (Some(from), Some(to)) => {
                let (start, end) = (old_lines.start(first), old_lines.start(last + 1));
                let (old, new) = (text.get(start..end)?, new.get(from..to)?);
                let same = |one: &str, other: &str| signs(one).eq(signs(other));
                if !same(old, new) {
                    return None;
                }
                let (span, new) = difference(old, new)?;
                let start = u32::try_from(start).ok()?;
                return Some((Span { start: span.start + start, end: span.end + start }, new));
            }
        }
    }
}

/// The text laid out, with ends of lines like that of its first one. `None` if it has mistakes.
pub(crate) fn laid_out(text: &str) -> Option<String> {
    hlb_language::format(SourceId(0), text).ok().map(|new| ends_like(text, new))
}

/// A text with ends of lines like that of the first line of another.
pub(crate) fn ends_like(other: &str, text: String) -> String {
    let first = other.split_inclusive('\n').next().unwrap_or_default();
    if first.ends_with("\r\n") { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text }
}

/// The edit that lays out what ends at a byte offset, behind a character that was just typed: `}`, which closes a block, or a
/// newline, which ends a line.
pub fn format_typed(text: &str, offset: usize, typed: char) -> Option<(Span, String)> {
    let before = text.get(..offset)?;
    let end = u32::try_from(before.strip_suffix(typed)?.len()).ok()?;
    match typed {
        '}' => format_range(text, Span { start: opened(text, end)?, end }),
        '\n' => format_range(text, Span { start: end, end }),
        _ => None,
    }
}

/// Where the block begins that is closed at an offset.
fn opened(text: &str, close: u32) -> Option<u32> {
    let mut open = Vec::new();
    for token in hlb_language::lexer::lex(SourceId(0), text, hlb_language::lexer::Care::Strict).tokens {
        match token.kind {
            TokenKind::RBrace => {
                let start = open.pop();
                if token.span.start == close {
                    return start;
                }
            }
            kind if kind.opens_brace() => open.push(token.span.start),
            _ => {}
        }
    }
    None
}

/// The characters that a layout keeps. It may write lines instead of `;`, and commas behind the last of a list.
fn signs(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|ch| !ch.is_whitespace() && !matches!(ch, ';' | ','))
}

/// The lines of a text, each with how many signs stand before it.
struct Lines(Vec<(usize, usize)>);

impl Lines {
    fn new(text: &str) -> Self {
        let (mut at, mut count) = (0, 0);
        let mut lines = vec![(0, 0)];
        for line in text.split_inclusive('\n') {
            at += line.len();
            count += signs(line).count();
            lines.push((at, count));
        }
        Self(lines)
    }

    fn count(&self) -> usize {
        self.0.len() - 1
    }

    fn start(&self, line: usize) -> usize {
        self.0.get(line).or(self.0.last()).map_or(0, |(start, _)| *start)
    }

    /// How many signs stand before a line.
    fn signs(&self, line: usize) -> usize {
        self.0.get(line).or(self.0.last()).map_or(0, |(_, signs)| *signs)
    }

    /// The start of the line of which the first sign has so many before it.
    fn starting(&self, signs: usize) -> Option<usize> {
        let at = self.0.partition_point(|(_, before)| *before <= signs).checked_sub(1)?;
        self.0.get(at).filter(|(_, before)| *before == signs).map(|(start, _)| *start)
    }

    /// The end of the line of which the last sign is the one with this number.
    fn ending(&self, signs: usize) -> Option<usize> {
        let at = self.0.partition_point(|(_, before)| *before < signs);
        self.0.get(at).filter(|(_, before)| *before == signs).map(|(start, _)| *start)
    }

    /// The first and the last line that a range touches and that are not empty.
    fn touched(&self, text: &str, range: Span) -> Option<(usize, usize)> {
        let line = |offset: u32| self.0.partition_point(|(start, _)| *start <= offset as usize).saturating_sub(1);
        let mut last = line(range.end);
        if range.end > range.start && self.start(last) == range.end as usize {
            last = last.saturating_sub(1);
        }
        let last = last.min(self.count().checked_sub(1)?);
        let full = |line: &usize| {
            let line = text.get(self.start(*line)..self.start(*line + 1));
            line.is_some_and(|line| !line.trim().is_empty())
        };
        let first = (line(range.start)..=last).find(full)?;
        Some((first, (first..=last).rfind(full)?))
    }
}

/// The one edit that makes one text of another.
pub(crate) fn difference(old: &str, new: &str) -> Option<(Span, String)> {
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
