//! What sort of place the cursor is at.
//!
//! Owns what is told by the text and its tree alone, while it is being typed: comments, heads of declarations, imports. What stands
//! in bodies is left to the compiler.

use hlb_language::ast::{Decl, Module};
use hlb_language::lexer::{Care, lex};
use hlb_language::source::SourceId;
use hlb_language::span::Span;

/// A cursor in a text, with the word around it.
pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    /// Brought to the start of a character within the text.
    pub(super) offset: usize,
    /// The word around it, maybe empty.
    pub(super) word: Span,
}

/// A sort of place.
pub(super) enum Context {
    /// Nothing can be offered: a comment, a new name, a number.
    Nothing,
    /// A declaration may begin.
    Declaration,
    /// `from` comes next.
    From,
    /// A type.
    Type,
    /// The name of what is exported.
    Export,
    /// In the path of an import; from behind the quote to the cursor.
    ImportPath(Span),
    /// A statement or an expression.
    Code,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str, offset: usize) -> Self {
        let offset = text.floor_char_boundary(offset);
        let is_word = |it: char| it.is_alphanumeric() || it == '_';
        let before = text.get(..offset).unwrap_or_default();
        let start = before.trim_end_matches(is_word).len();
        let after = text.get(offset..).unwrap_or_default();
        let end = offset + (after.len() - after.trim_start_matches(is_word).len());
        Self { text, offset, word: Span::new(start, end) }
    }

    /// What of the word has been typed.
    pub(super) fn prefix(&self) -> &'t str {
        self.text.get(self.word.start as usize..self.offset).unwrap_or_default()
    }

    /// Whether it is in something that begins before it: in front of its end, or behind that where no brace closes it.
    fn is_within(&self, span: Span) -> bool {
        let end = span.end as usize;
        self.offset < end || !self.text.get(..end).is_some_and(|text| text.ends_with('}'))
    }

    /// Whether the last line with anything on it closes a declaration. The tree may take a lone word there for a statement.
    fn is_behind_declaration(&self) -> bool {
        let before = self.text.get(..self.word.start as usize).unwrap_or_default();
        before.trim_end().rsplit('\n').next() == Some("}")
    }

    /// The line up to the word.
    pub(super) fn line_before(&self) -> &'t str {
        let before = self.text.get(..self.word.start as usize).unwrap_or_default();
        before.rsplit('\n').next().unwrap_or_default()
    }

    /// The line behind the word.
    pub(super) fn line_after(&self) -> &'t str {
        let after = self.text.get(self.word.end as usize..).unwrap_or_default();
        after.split('\n').next().unwrap_or_default()
    }

    /// The word in front of the dot before the cursor's word; empty if what stands there is no word.
    pub(super) fn dotted(&self) -> Option<&'t str> {
        let head = self.line_before().strip_suffix('.')?;
        // `...` spreads a list.
        (!head.ends_with('.'))
            .then(|| head.rsplit(|it: char| !(it.is_alphanumeric() || it == '_')).next().unwrap_or_default())
    }
}

impl Context {
    pub(super) fn of(cursor: &Cursor<'_>, tree: &Module) -> Self {
        if in_comment(cursor) || cursor.prefix().starts_with(|it: char| it.is_ascii_digit()) {
            return Self::Nothing;
        }
        let before = cursor.line_before();
        let around = tree.decls.iter().rev().find(|decl| (decl.span().start as usize) < cursor.offset);
        let around = around.filter(|decl| cursor.is_within(decl.span()));
        if let Some(rest) = before.strip_prefix("import ") {
            return Self::import(rest, cursor);
        }
        if before.is_empty() && cursor.is_behind_declaration() {
            return Self::Declaration;
        }
        match around {
            Some(Decl::Func(func)) => match &func.body {
                Some(body) if cursor.offset > body.span.start as usize && cursor.is_within(body.span) => Self::Code,
                _ => Self::head(before),
            },
            Some(Decl::Let(decl)) if cursor.offset > decl.name.span.end as usize => Self::Code,
            Some(Decl::Test(test)) if cursor.offset > test.body.span.start as usize => Self::Code,
            Some(Decl::Record(record)) if cursor.offset > record.body.start as usize => Self::field(before),
            Some(Decl::Enum(_)) | Some(Decl::Test(_)) => Self::Nothing,
            _ => Self::head(before),
        }
    }

    /// Behind `import `.
    fn import(rest: &str, cursor: &Cursor<'_>) -> Self {
        let Some(quote) = rest.find(['"', '`']) else {
            let words = rest.split_whitespace().count();
            return if words == 1 && rest.ends_with(' ') { Self::From } else { Self::Code.unless(words < 2) };
        };
        let content = cursor.word.start as usize - rest.len() + quote + 1;
        Self::ImportPath(Span::new(content, cursor.offset))
    }

    fn unless(self, nothing: bool) -> Self {
        if nothing { Self::Nothing } else { self }
    }

    /// In a line that begins a declaration.
    fn head(before: &str) -> Self {
        let said = before.trim_start();
        if said.is_empty() {
            return if before.is_empty() { Self::Declaration } else { Self::Nothing };
        }
        if said == "export " {
            return Self::Export;
        }
        if said.starts_with("let ") && said.contains('=') || said.matches('(').count() > 0 && said.ends_with("= ") {
            return Self::Code;
        }
        let last = said.trim_end();
        let opens = last.ends_with(['(', ',', '[', '<']) || last.ends_with("variadic") || last.ends_with("map[");
        if opens { Self::Type } else { Self::Nothing }
    }

    /// In the braces of a record.
    fn field(before: &str) -> Self {
        let said = before.rsplit(['{', ';']).next().unwrap_or_default().trim_start();
        if said.contains('=') {
            return Self::Code;
        }
        if said.is_empty() || said.ends_with('[') { Self::Type } else { Self::Nothing }
    }
}

fn in_comment(cursor: &Cursor<'_>) -> bool {
    let line = cursor.line_before();
    if !line.contains('#') {
        return false;
    }
    let lexed = lex(SourceId(0), cursor.text, Care::Guessing);
    let offset = cursor.offset;
    lexed.trivia.comments().iter().any(|it| (it.span.start as usize) < offset && offset <= it.span.end as usize)
}
