//! A valid text, read by the grammar in one run, or a long one in parts side by side.
//!
//! Owns where a long text is cut: at line ends outside of all brackets, which is where the grammar begins anew in any case. So
//! the parts are valid if, and only if, the whole is, and their declarations are those of the whole. Knows nothing of errors
//! but their place.

use std::thread;

use lalrpop_util::ParseError;

use super::symbols::{Builder, Symbol};
use super::{MAX_DEPTH, Parsed, grammar, roles};
use crate::ast::Decl;
use crate::diagnostic::Diagnostic;
use crate::lexer::{Care, lex};
use crate::source::SourceId;
use crate::span::Span;
use crate::token::{Token, TokenKind};
use crate::trivia::Trivia;

/// How many tokens make a part worth a thread, which costs as much as some hundred of them.
const PART: usize = 10_000;

/// Parses a text with the whole-file grammar, or tells where that refuses it.
pub(super) fn parse(source: SourceId, text: &str) -> Result<Parsed, Span> {
    let lexed = lex(source, text, Care::Strict);
    if lexed.depth > MAX_DEPTH || !lexed.diagnostics.is_empty() {
        return Err(lexed.diagnostics.first().map_or(Span::default(), |diagnostic| diagnostic.primary.at.span));
    }
    let mut declared = roles::Declared::default();
    declared.scan(text, &lexed.tokens);
    let roles = roles::assign(text, &lexed.tokens, &declared);
    if let Some(span) = roles.too_deep {
        return Err(span);
    }
    let whole = Whole { source, text, trivia: &lexed.trivia };
    let wanted = thread::available_parallelism().map_or(1, usize::from).min(roles.tokens.len() / PART);
    let parts = cut(&roles.tokens, wanted);
    let (decls, diagnostics) = match parts.as_slice() {
        [] | [_] => whole.part(&roles.tokens)?,
        [first, others @ ..] => thread::scope(|scope| {
            let others: Vec<_> = others.iter().map(|part| scope.spawn(|| whole.part(part))).collect();
            let (mut decls, mut diagnostics) = whole.part(first)?;
            for other in others {
                let (more, said) = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                decls.extend(more);
                diagnostics.extend(said);
            }
            Ok((decls, diagnostics))
        })?,
    };
    Ok(Parsed { module: crate::ast::Module { decls }, trivia: lexed.trivia, diagnostics })
}

/// What the parts have in common.
struct Whole<'t> {
    source: SourceId,
    text: &'t str,
    trivia: &'t Trivia,
}

impl Whole<'_> {
    /// The declarations of some tokens, which begin and end at the ends of lines.
    fn part(&self, tokens: &[Token]) -> Result<(Vec<Decl>, Vec<Diagnostic>), Span> {
        let builder = Builder::new(self.source, self.text, self.trivia);
        let mut before = None;
        let mut tokens = tokens.iter().peekable();
        let symbols = std::iter::from_fn(|| {
            let token = *tokens.next()?;
            let symbol = Symbol::of(self.text, before, token, tokens.peek().map(|token| token.kind));
            before = Some(token.kind);
            Some((token.span.start as usize, symbol, token.span.end as usize))
        });
        let module = grammar::ModuleParser::new().parse(&builder, symbols).map_err(|refusal| match refusal {
            ParseError::UnrecognizedToken { token: (start, _, end), .. } => Span::new(start, end),
            ParseError::UnrecognizedEof { .. } | ParseError::InvalidToken { .. } | ParseError::ExtraToken { .. } => {
                Span::at(self.text.len())
            }
            ParseError::User { error } => error.at,
        })?;
        Ok((module.decls, builder.diagnostics.into_inner()))
    }
}

/// Cuts tokens into about as many parts as wanted, of about the same length.
fn cut(tokens: &[Token], wanted: usize) -> Vec<&[Token]> {
    let mut parts = Vec::with_capacity(wanted.max(1));
    let (mut rest, mut start, mut depth) = (tokens, 0, 0_usize);
    if wanted > 1 {
        let length = tokens.len() / wanted;
        for (at, token) in tokens.iter().enumerate() {
            match token.kind {
                kind if kind.opens_brace() || kind.opens_paren() || kind.opens_bracket() => depth += 1,
                TokenKind::InterpolationOpen => depth += 1,
                TokenKind::RBrace | TokenKind::RParen | TokenKind::RBracket | TokenKind::InterpolationClose => {
                    depth = depth.saturating_sub(1);
                }
                TokenKind::Newline if depth == 0 && at - start >= length => {
                    let (part, behind) = rest.split_at(at - start);
                    parts.push(part);
                    (rest, start) = (behind, at);
                }
                _ => {}
            }
        }
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::{Care, SourceId, cut, lex, parse, roles};

    /// Parses a text in one part, and cut as often as it can be.
    fn check(text: &str) {
        let lexed = lex(SourceId(0), text, Care::Strict);
        let mut declared = roles::Declared::default();
        declared.scan(text, &lexed.tokens);
        let tokens = roles::assign(text, &lexed.tokens, &declared).tokens;
        let whole = super::Whole { source: SourceId(0), text, trivia: &lexed.trivia };
        let parts = cut(&tokens, tokens.len());
        assert!(parts.len() > 1, "{text:?}");
        let read: Result<Vec<_>, _> = parts.into_iter().map(|part| whole.part(part).map(|it| it.0)).collect();
        assert_eq!(read.map(|decls| decls.concat()), whole.part(&tokens).map(|it| it.0), "{text:?}");
    }

    #[test]
    fn parts_are_the_whole() {
        check("fs a() {\n\timage \"b\"\n\trun `\n\t\tc\n\t`\n}\n\nfs b() { a }\nexport a\n");
        check("let a = [\n\t1,\n\t2,\n]\nlet b = {\n\tx = \"${\n\t\t1\n\t}\",\n}\n# c\nfs d(\n\tstring e\n) {\n}\n");
        check("\n\n\nimport a from \"b\"\n");
        check("enum e {\n\ta\n}\ntype t {\n\tint b\n}\ntest \"x\" {\n\tassert true\n}\n");
        // Where one is not valid, neither is the other.
        check("fs a() {}\nfs b( {\nfs c() {}\n");
        check("fs a()\n{\n}\n");
    }

    #[test]
    fn a_long_text_is_read_in_parts_as_in_one() {
        let mut text = String::new();
        for number in 0..4_000 {
            let _ = write!(
                text,
                "# Number {number}.\nfs f{number}(string a) {{\n\timage \"b\"\n\trun \"c ${{a}}\"\n}}\n\n"
            );
        }
        let parsed = parse(SourceId(0), &text).map(|it| it.module.decls.len());
        assert_eq!(parsed, Ok(4_000));
        text.push_str("fs broken( {}\n");
        assert!(parse(SourceId(0), &text).is_err());
    }
}
