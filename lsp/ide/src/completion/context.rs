//! What sort of place the cursor is at.
//!
//! Owns what is told by the text and its tree alone, while it is being typed: comments, heads of declarations, imports. What stands
//! in bodies is left to the compiler.

use hlb_language::ast::{Decl, Module};
use hlb_language::lexer::{Care, lex};
use hlb_language::source::SourceId;
use hlb_language::span::Span;
use hlb_language::token::TokenKind;

use crate::word;

/// What the types of options begin with.
pub(super) const OPTION: &str = "option::";

/// A cursor in a text, with the word around it.
pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    /// Brought to the start of a character within the text.
    pub(super) offset: usize,
    /// The word around it, maybe empty; the name of a type of options is one.
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
        let mut word = word::around(text, offset);
        // The type of options is one word.
        if let Some(before) = text.get(..word.start as usize).and_then(|before| before.strip_suffix(OPTION))
            && !before.ends_with(word::is_part)
        {
            word.start = before.len() as u32;
        }
        let behind = text.get(word.start as usize..).unwrap_or_default();
        if behind.starts_with(OPTION) {
            word.end = word.end.max(word::around(text, word.start as usize + OPTION.len()).end);
        }
        Self { text, offset, word }
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

    /// How many braces and texts are open before the word.
    fn depth(&self) -> usize {
        let mut depth = 0_usize;
        for kind in self.tokens_before(self.word.start) {
            if kind == TokenKind::LBrace || kind.opens_string() {
                depth += 1;
            } else if kind == TokenKind::RBrace || kind.closes_string() {
                depth = depth.saturating_sub(1);
            }
        }
        depth
    }

    /// Whether an offset is in a text, and not in an interpolation of it.
    fn in_string(&self, offset: u32) -> bool {
        let mut open = Vec::new();
        for kind in self.tokens_before(offset) {
            if kind.opens_string() || kind == TokenKind::InterpolationOpen {
                open.push(kind);
            } else if kind.closes_string() || kind == TokenKind::InterpolationClose {
                open.pop();
            }
        }
        open.last().is_some_and(|kind| kind.opens_string())
    }

    fn tokens_before(&self, offset: u32) -> impl Iterator<Item = TokenKind> + use<> {
        let tokens = lex(SourceId(0), self.text, Care::Guessing).tokens;
        tokens.into_iter().take_while(move |token| token.span.end <= offset).map(|token| token.kind)
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
        (!head.ends_with('.')).then(|| head.rsplit(|it: char| !word::is_part(it)).next().unwrap_or_default())
    }
}

impl Context {
    pub(super) fn of(cursor: &Cursor<'_>, tree: &Module) -> Self {
        let is_number = cursor.prefix().starts_with(|it: char| it.is_ascii_digit());
        if in_comment(cursor) || is_number && !cursor.in_string(cursor.word.start) {
            return Self::Nothing;
        }
        let before = cursor.line_before();
        if before.is_empty() && cursor.depth() == 0 {
            return Self::Declaration;
        }
        let around = tree.decls.iter().rev().find(|decl| (decl.span().start as usize) < cursor.offset);
        let around = around.filter(|decl| cursor.is_within(decl.span()));
        if let Some(rest) = before.strip_prefix("import ")
            && !cursor.in_string(cursor.word.start - before.len() as u32)
        {
            return Self::import(rest, cursor);
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
        let (head, path) = rest.split_at_checked(quote).unwrap_or((rest, ""));
        let mut path = path.chars();
        let (opener, written) = (path.next(), path.as_str());
        // A call gives the files, or the path has ended.
        let is_path = head.trim_end().ends_with("from");
        if !is_path || opener.is_some_and(|quote| written.contains(quote)) {
            return Self::Code.unless(is_path);
        }
        let content = cursor.word.start as usize - written.len();
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
