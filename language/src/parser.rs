//! From text to a syntax tree, for any text at all.
//!
//! A valid text is parsed by the grammar in one run. A text that is not valid is cut into declarations and statements
//! by `tree` and `recover`, and the same grammar reads each piece:
//!
//! ```text
//!   tokens ──► grammar (Module) ──────────────────────────────────► Parsed      valid
//!        └──► tree: declarations, braces ──► recover: grammar on ──► Parsed      not valid
//!                                            each head and statement, explain: what was meant
//! ```
//!
//! Owns the façade; the generated parser is private. Knows nothing of what names mean.

mod explain;
mod groups;
mod heads;
mod pieces;
mod recover;
mod repair;
mod roles;
mod symbols;
mod tree;
mod whole;

lalrpop_util::lalrpop_mod!(
    #[expect(clippy::all, clippy::restriction, unreachable_pub, unused, reason = "generated")]
    grammar,
    "/parser/grammar.rs"
);

use crate::ast::Module;
use crate::codes;
use crate::diagnostic::{Diagnostic, Location};
use crate::lexer::{Care, Lexed, lex};
use crate::source::SourceId;
use crate::trivia::Trivia;

/// How deeply blocks, parentheses and interpolations may be nested, all counted together.
pub const MAX_DEPTH: usize = 200;

/// What parsing gives.
#[derive(Clone, PartialEq, Debug)]
pub struct Parsed {
    /// The tree; with error nodes where the text is not valid.
    pub module: Module,
    /// Comments and blank lines.
    pub trivia: Trivia,
    /// What is wrong, in the order of the text. Without an error here, the tree holds no error node.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a text.
pub fn parse(source: SourceId, text: &str) -> Parsed {
    match whole::parse(source, text) {
        Ok(parsed) => parsed,
        Err(refused) => {
            let mut parsed = parse_broken(source, text);
            if !parsed.diagnostics.iter().any(Diagnostic::is_error) {
                // The grammar decides what is valid, whatever recovery made of it.
                let at = Location { source, span: refused };
                parsed.diagnostics.push(Diagnostic::error(codes::UNEXPECTED, at, "this is not expected here"));
            }
            parsed
        }
    }
}

/// Parses a text piece by piece, valid or not. Public so that tests can hold it against the whole-file grammar.
#[doc(hidden)]
pub fn parse_broken(source: SourceId, text: &str) -> Parsed {
    let lexed = lex(source, text, Care::Guessing);
    let (module, mut diagnostics) = recover::module(source, text, &lexed);
    diagnostics.retain(|diagnostic| !follows_open_string(text, &lexed, diagnostic));
    // A word that clashes does so in each of its places.
    let mut clashes = Vec::new();
    diagnostics.retain(|diagnostic| {
        let is_known = clashes.contains(&diagnostic.message);
        if diagnostic.code == codes::WORD_CLASH && !is_known {
            clashes.push(diagnostic.message.clone());
        }
        !(diagnostic.code == codes::WORD_CLASH && is_known)
    });
    diagnostics.extend(lexed.diagnostics);
    diagnostics.sort_by_key(|diagnostic| diagnostic.primary.at.span);
    diagnostics.dedup();
    Parsed { module, trivia: lexed.trivia, diagnostics }
}

/// Whether an error follows from a string that is never closed: it stands behind that string's opener on its line, or is
/// about a `{` before it whose `}` the string took in.
fn follows_open_string(text: &str, lexed: &Lexed, diagnostic: &Diagnostic) -> bool {
    let at = diagnostic.primary.at.span.start;
    let line = lexed.trivia.line(at);
    // The lexer reports in the order of the text, so those of one line stand together.
    let first = lexed.diagnostics.partition_point(|open| lexed.trivia.line(open.primary.at.span.start) < line);
    let same_line = lexed.diagnostics.iter().skip(first);
    let mut same_line = same_line.take_while(|open| lexed.trivia.line(open.primary.at.span.start) == line);
    same_line.any(|open| {
        let opener = open.primary.at.span.start;
        let is_open = [codes::OPEN_STRING, codes::OPEN_RAW_STRING, codes::OPEN_INTERPOLATION].contains(&open.code);
        let rest = text.get(opener as usize..).unwrap_or("").lines().next().unwrap_or("");
        is_open && (at > opener || diagnostic.code == codes::OPEN_BRACE && rest.contains('}'))
    })
}
