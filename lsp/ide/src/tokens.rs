//! The words of a text by what they mean, for colours.
//!
//! Owns the kinds of words and what tokens are by themselves; what names are is in `names`.

mod names;

use hlb_language::span::Span;
use hlb_language::token::TokenKind;

use crate::analysis::Analysis;
use names::Names;

/// The words that are reserved where no name can stand.
const WORDS: &[&str] = &[
    "let", "if", "else", "for", "in", "match", "type", "enum", "test", "none", "fn", "assert", "from", "variadic",
    "binds",
];

/// What a word is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PaintKind {
    /// A word of the language.
    Keyword,
    /// A type.
    Type,
    /// An enum.
    Enum,
    /// A variant of an enum.
    EnumMember,
    /// A record.
    Struct,
    /// A field, an option of a function, a named argument.
    Property,
    /// A function.
    Function,
    /// A builtin option.
    Option,
    /// A parameter.
    Parameter,
    /// A name inside of a function, a constant, a name bound with `as`.
    Variable,
    /// A module or a namespace of builtins.
    Namespace,
    /// A text.
    String,
    /// A number.
    Number,
    /// A comment.
    Comment,
    /// An operator.
    Operator,
}

/// What more is to be said of a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PaintModifiers {
    /// It is defined here.
    pub declaration: bool,
    /// It never changes.
    pub readonly: bool,
    /// It comes with the language.
    pub default_library: bool,
    /// There is a newer way.
    pub deprecated: bool,
    /// It does something outside of the build.
    pub effectful: bool,
}

/// A word with its colour; never longer than a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paint {
    /// The word.
    pub span: Span,
    /// What it is.
    pub kind: PaintKind,
    /// What more is to be said.
    pub modifiers: PaintModifiers,
}

impl Analysis {
    /// The words that touch a range, or all, in the order of the text.
    pub fn tokens(&self, range: Option<Span>) -> Vec<Paint> {
        let lexed = self.lexed();
        let names = Names::of(self);
        let text = self.text().source().text();
        let mut paints = Vec::new();
        for token in &lexed.tokens {
            let known = names.at(token.span);
            let Some((kind, modifiers)) = known.or_else(|| word(token.kind, text.get(token.span.range())?)) else {
                continue;
            };
            lines(text, token.span, |span| paints.push(Paint { span, kind, modifiers }));
        }
        let plain = PaintModifiers::default();
        let comments = lexed.trivia.comments().iter();
        paints.extend(comments.map(|it| Paint { span: it.span, kind: PaintKind::Comment, modifiers: plain }));
        paints.sort_by_key(|paint| paint.span);
        if let Some(range) = range {
            paints.retain(|paint| paint.span.start <= range.end && range.start <= paint.span.end);
        }
        joined(paints)
    }
}

/// What a token is by itself.
fn word(kind: TokenKind, text: &str) -> Option<(PaintKind, PaintModifiers)> {
    let kind = match kind {
        TokenKind::Int => PaintKind::Number,
        TokenKind::Bool => PaintKind::Keyword,
        TokenKind::Ident if WORDS.contains(&text) => PaintKind::Keyword,
        // Of the names that mean nothing, `map[string]` is a type.
        TokenKind::Ident if text == "map" => PaintKind::Type,
        TokenKind::Text | TokenKind::Escape => PaintKind::String,
        kind if kind.opens_string() || kind.closes_string() => PaintKind::String,
        kind if kind.is_keyword() => PaintKind::Keyword,
        TokenKind::Not
        | TokenKind::Assign
        | TokenKind::FatArrow
        | TokenKind::Ellipsis
        | TokenKind::Question
        | TokenKind::InterpolationOpen
        | TokenKind::InterpolationClose => PaintKind::Operator,
        kind if kind.is_infix() => PaintKind::Operator,
        _ => return None,
    };
    Some((kind, PaintModifiers::default()))
}

/// The part of a span on each of its lines, without the ends of lines.
fn lines(text: &str, span: Span, mut each: impl FnMut(Span)) {
    let mut start = span.start as usize;
    for line in text.get(span.range()).unwrap_or("").split_inclusive('\n') {
        let length = line.trim_end_matches(['\n', '\r']).len();
        if length > 0 {
            each(Span::new(start, start + length));
        }
        start += line.len();
    }
}

/// Pieces of one string that follow one another become one.
fn joined(paints: Vec<Paint>) -> Vec<Paint> {
    let mut joined: Vec<Paint> = Vec::with_capacity(paints.len());
    for paint in paints {
        match joined.last_mut() {
            Some(last)
                if last.kind == PaintKind::String
                    && paint.kind == PaintKind::String
                    && last.span.end == paint.span.start =>
            {
                last.span.end = paint.span.end;
            }
            _ => joined.push(paint),
        }
    }
    joined
}
