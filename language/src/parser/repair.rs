//! Known slips: what each is called, and the row as it was meant.
//!
//! A slip is told by its look at the piece that the grammar refused. Its error teaches the rule and suggests the edit; the
//! repaired row goes to the grammar again, so that the tree has what was meant.

mod anywhere;
mod clause;
mod head;

use crate::ast::Ident;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::parser::pieces::{Failure, Finished, Piece};
use crate::parser::symbols::Builder;
use crate::span::Span;
use crate::token::TokenKind;

/// What is known of a failure.
pub(crate) enum Outcome {
    /// A slip, and the row has been repaired.
    Repaired(Diagnostic),
    /// A slip that has no repair.
    Known(Diagnostic),
    /// Nothing.
    Unknown,
}

/// A row that the grammar refused, with its place.
struct Broken<'r, 'a> {
    builder: &'r Builder<'a>,
    row: &'r mut Vec<Piece>,
    at: usize,
}

/// The error of the first characters in a row that have no meaning, if there are any.
pub(crate) fn unknown(builder: &Builder<'_>, row: &[Piece]) -> Option<Diagnostic> {
    anywhere::explain_unknown(builder, row)
}

/// The error of a block whose `{` is not in the text.
pub(crate) fn unopened(builder: &Builder<'_>, piece: &Piece) -> Diagnostic {
    let start = Span::at(piece.span.start as usize);
    let close = Span::new((piece.span.end as usize).saturating_sub(1), piece.span.end as usize);
    Diagnostic::error(codes::UNOPENED_BLOCK, builder.location(close), "this `}` closes a block that is never opened")
        .also(builder.location(start), "the block seems to begin here")
        .help("open the block with `{`")
        .fix("insert `{`", builder.location(start), " {")
}

type Rule = fn(&mut Broken<'_, '_>) -> Outcome;

/// Slips in statements.
pub(crate) fn statement(builder: &Builder<'_>, row: &mut Vec<Piece>, failure: &Failure) -> Outcome {
    let rules: [Rule; 12] = [
        anywhere::unknown_character,
        anywhere::two_dots,
        anywhere::open_paren,
        anywhere::stray_paren,
        anywhere::leading_comma,
        clause::unopened_block,
        clause::block_of_options,
        clause::with_nothing,
        clause::parenthesised_call,
        clause::commas,
        clause::block_as_statement,
        clause::keyword_as_name,
    ];
    first(builder, row, failure, &rules)
}

/// Slips in declarations.
pub(crate) fn declaration(builder: &Builder<'_>, row: &mut Vec<Piece>, failure: &Failure) -> Outcome {
    let rules: [Rule; 10] = [
        anywhere::unknown_character,
        head::import_without_name,
        head::import_arguments,
        head::keyword_as_name,
        head::missing_name_or_type,
        head::parameter_list,
        anywhere::open_paren,
        anywhere::stray_paren,
        anywhere::leading_comma,
        anywhere::two_dots,
    ];
    first(builder, row, failure, &rules)
}

/// Slips in interpolations.
pub(crate) fn expression(builder: &Builder<'_>, row: &mut Vec<Piece>, failure: &Failure) -> Outcome {
    let rules: [Rule; 5] = [
        anywhere::unknown_character,
        anywhere::two_dots,
        anywhere::line_in_interpolation,
        anywhere::open_paren,
        anywhere::leading_comma,
    ];
    first(builder, row, failure, &rules)
}

fn first(builder: &Builder<'_>, row: &mut Vec<Piece>, failure: &Failure, rules: &[Rule]) -> Outcome {
    let mut broken = Broken { builder, row, at: failure.at };
    rules.iter().map(|rule| rule(&mut broken)).find(|out| !matches!(out, Outcome::Unknown)).unwrap_or(Outcome::Unknown)
}

impl Broken<'_, '_> {
    fn kind(&self, at: usize) -> Option<TokenKind> {
        self.row.get(at).map(|piece| piece.kind)
    }

    /// The kind of the piece `back` before the one that was refused.
    fn before(&self, back: usize) -> Option<TokenKind> {
        self.kind(self.at.checked_sub(back)?)
    }

    fn span(&self, at: usize) -> Span {
        self.row.get(at).map_or_else(|| Span::at(self.end() as usize), |piece| piece.span)
    }

    fn text(&self, at: usize) -> &str {
        self.row.get(at).map_or("", |piece| self.builder.slice(piece.span))
    }

    /// Where the row ends.
    fn end(&self) -> u32 {
        self.row.last().map_or(0, |piece| piece.span.end)
    }

    fn is_block(&self, at: usize) -> bool {
        self.row.get(at).is_some_and(Piece::is_block)
    }

    /// Puts a name that the text does not have before the piece at `at`.
    fn insert_name(&mut self, at: usize, name: &str) {
        let span = Span::at(self.span(at).start as usize);
        self.row.insert(at.min(self.row.len()), made_name(span, name));
    }

    /// Makes a name of the piece at `at`.
    fn make_name(&mut self, at: usize) {
        let text = self.text(at).to_owned();
        if let Some(piece) = self.row.get_mut(at) {
            *piece = made_name(piece.span, &text);
        }
    }
}

fn made_name(span: Span, text: &str) -> Piece {
    Piece { kind: TokenKind::Ident, span, node: Some(Finished::Name(Ident { text: text.into(), span })) }
}
