//! Words of a text.
//!
//! Owns what a word is while it is being typed: letters, digits and `_`, whatever the language makes of them.

use hlb_language::span::Span;

/// The word around an offset, which may be anywhere; empty if there is none.
pub(crate) fn around(text: &str, offset: usize) -> Span {
    let offset = text.floor_char_boundary(offset);
    let (before, after) = text.split_at_checked(offset).unwrap_or((text, ""));
    Span::new(before.trim_end_matches(is_part).len(), text.len() - after.trim_start_matches(is_part).len())
}

/// Whether a character may be in a word.
pub(crate) fn is_part(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_end_where_their_letters_do() {
        let text = "a1_ä b.𝄞";
        let around = |offset| {
            let span = super::around(text, offset);
            (span.start, span.end)
        };
        // Within `ä`, too.
        assert_eq!([0, 2, 4, 5].map(around), [(0, 5); 4]);
        assert_eq!([6, 7, 8, 10, 12, 99].map(around), [(6, 7), (6, 7), (8, 8), (8, 8), (12, 12), (12, 12)]);
    }
}
