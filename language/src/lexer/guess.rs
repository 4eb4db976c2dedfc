//! Guesses at where a string was meant to end, for texts that are known to be broken.
//!
//! A forgotten quote turns all strings behind it inside out. The guesses here keep such a mistake in its line. They look
//! only at the text, never at the grammar, and each looks at a stretch of text once.

use std::collections::HashMap;

use super::{Lexer, ModeKind};
use crate::span::Span;

/// How far the closer of an interpolation is looked for, in bytes.
const MAX_INTERPOLATION: usize = 400;

/// Whether a word is one of the kinds that a function can have, and so begins a declaration at the start of a line.
pub(crate) fn is_kind(word: &str) -> bool {
    let kinds = ["fs", "string", "int", "bool", "pipeline", "group", "option"];
    kinds.contains(&word.split("::").next().unwrap_or(word))
}

impl<'a> Lexer<'a> {
    /// At the end of a line in a string: whether the string goes on. It seems to if its closer is followed by something
    /// that may follow a string, and no declaration begins before.
    pub(super) fn plausible_string(&mut self, quote: u8) -> bool {
        if self.at < self.plausible_to {
            return true;
        }
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\n' if self.declaration_at(at + 1) => return false,
                b'\\' if quote == b'"' => at += 1,
                b'$' if quote == b'"' && bytes.get(at + 1) == Some(&b'{') => break,
                byte if *byte == quote => {
                    let follows = bytes.get(at + 1);
                    if !follows.is_none_or(|byte| byte.is_ascii_whitespace() || b";,)]}#".contains(byte)) {
                        return false;
                    }
                    break;
                }
                _ => {}
            }
            at += 1;
        }
        if at >= bytes.len() {
            return false;
        }
        self.plausible_to = at;
        true
    }

    /// At the end of a line directly in `${ }`, where none may be: whether the closer seems to come nevertheless, followed
    /// by more of the string.
    pub(super) fn plausible_interpolation(&self) -> bool {
        let near = self.rest().bytes().take(MAX_INTERPOLATION);
        let mut behind = near.skip_while(|byte| !b"}\"`{;#".contains(byte));
        behind.next() == Some(b'}')
            && behind.next().is_some_and(|byte| !byte.is_ascii_whitespace() && !b";)}".contains(&byte))
    }

    /// Ends the strings that were opened on this line, here at its end.
    pub(super) fn end_string_with_line(&mut self) {
        let line = self.trivia.line_start(Span::at(self.at).start);
        let mut first = self.modes.len().saturating_sub(1);
        for (at, mode) in self.modes.iter().enumerate().rev() {
            match mode.kind {
                _ if mode.open.start < line => break,
                ModeKind::Heredoc { .. } => break,
                ModeKind::Quoted | ModeKind::Raw => first = at,
                ModeKind::Block | ModeKind::Paren | ModeKind::Bracket | ModeKind::Interpolation => {}
            }
        }
        self.close_modes(first);
    }

    /// Behind the opener of a heredoc: if its closing word does not come any more, reads its text up to where the body
    /// seems to end and closes it there.
    pub(super) fn guess_heredoc(&mut self, word: &str, open: Span) {
        let text = self.text;
        let last = self.last_words.get_or_insert_with(|| last_words(text)).get(word).copied();
        if last.is_some_and(|last| last >= self.at) {
            return;
        }
        let line_start = self.trivia.line_start(open.start) as usize;
        let indent = indentation(text.get(line_start..).unwrap_or(""));
        let mut end = self.at;
        let mut deeper = None;
        for (number, line) in self.rest().split_inclusive('\n').enumerate() {
            let blank = line.trim().is_empty();
            if number > 0 && !blank {
                let inner = indentation(line);
                let deeper = *deeper.get_or_insert(inner > indent);
                if deeper && inner <= indent || line.starts_with('}') || self.declaration_at(end) {
                    break;
                }
            }
            end += line.len();
        }
        // The newline before what follows ends the statement.
        let body = text.get(self.at..end).unwrap_or("");
        let body = if end < text.len() { body.strip_suffix('\n').unwrap_or(body) } else { body };
        if !body.is_empty() {
            self.piece(body.len());
        }
        self.close_modes(self.modes.len().saturating_sub(1));
    }

    /// Whether the line that begins at `start` seems to begin a declaration.
    pub(super) fn declaration_at(&self, start: usize) -> bool {
        let line = self.text.get(start..).unwrap_or("");
        let is_word = |ch: char| ch.is_ascii_alphanumeric() || ch == '_' || ch == ':';
        let word = line.get(..line.find(|ch| !is_word(ch)).unwrap_or(line.len())).unwrap_or("");
        if matches!(word, "import" | "export") {
            return true;
        }
        let behind = line.get(word.len()..).unwrap_or("");
        is_kind(word) && behind.trim_start_matches([' ', '\t']).starts_with(is_word) && behind.starts_with([' ', '\t'])
    }
}

/// Number of characters of white space at the start of a line.
fn indentation(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b' ' || *byte == b'\t').count()
}

/// The last place of each word of a text.
fn last_words(text: &str) -> HashMap<&str, usize> {
    let mut places = HashMap::new();
    let mut start = None;
    for (at, byte) in text.bytes().chain([b' ']).enumerate() {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            start.get_or_insert(at);
        } else if let Some(start) = start.take() {
            places.insert(text.get(start..at).unwrap_or(""), start);
        }
    }
    places
}
