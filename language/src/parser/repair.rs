//! Known slips: what each is called, and the row as it was meant.
//!
//! A slip is told by its look at the piece that the grammar refused. Its error teaches the rule and suggests the edit; the
//! repaired row goes to the grammar again, so that the tree has what was meant.

mod anywhere;
mod clause;
mod element;
mod head;
mod list;
mod operator;
mod signature;
mod word;

pub(crate) use head::module_name;

use crate::ast::Ident;
use crate::codes;
use crate::diagnostic::{Diagnostic, Location};
use crate::parser::pieces::{Failure, Finished, Piece, closes_list, depths, opens_list};
use crate::parser::symbols::Builder;
use crate::span::Span;
use crate::token::TokenKind;

/// What is known of a failure.
pub(crate) enum Outcome {
    /// A slip, and the row has been repaired.
    Repaired(Diagnostic),
    /// A slip that has no repair.
    Known(Diagnostic),
    /// No slip that is known; what could not be read has been cut out of the row.
    Cut,
    /// Nothing.
    Unknown,
}

/// A row that the grammar refused, with its place.
struct Broken<'r, 'a> {
    builder: &'r Builder<'a>,
    row: &'r mut Vec<Piece>,
    at: usize,
    failure: &'r Failure,
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
    let rules: &[Rule] = &[
        word::clash,
        word::clash_of_match,
        word::short_let,
        word::other_let,
        anywhere::unknown_character,
        anywhere::two_dots,
        word::else_if,
        word::else_without_if,
        word::equals_in_condition,
        word::assignment,
        operator::words,
        operator::question,
        word::reserved_name,
        word::value_of_let,
        signature::type_behind,
        signature::twice_optional,
        signature::literal_without_type,
        signature::brackets,
        list::order,
        word::missing_name,
        list::names,
        list::block_of_loop,
        list::colon,
        clause::spaced_call,
        anywhere::open_list,
        anywhere::stray_closer,
        operator::type_arguments,
        operator::chained,
        operator::missing_operand,
        anywhere::leading_comma,
        clause::unopened_block,
        clause::block_of_options,
        clause::with_nothing,
        clause::split_arguments,
        clause::commas,
        clause::keyword_as_name,
        clause::block_as_statement,
        clause::typeless_block,
        clause::terminator,
        word::missing_braces,
        list::argument,
        clause::punctuation,
    ];
    first(builder, row, failure, rules)
}

/// Slips in declarations.
pub(crate) fn declaration(builder: &Builder<'_>, row: &mut Vec<Piece>, failure: &Failure) -> Outcome {
    let rules: &[Rule] = &[
        head::typed_test,
        word::clash_in_value,
        signature::angles,
        signature::map_of_two,
        signature::no_type_parameters,
        signature::function_word,
        signature::result_behind,
        anywhere::unknown_character,
        head::import_without_name,
        head::import_arguments,
        head::value_of_function,
        head::constant,
        head::hyphens,
        operator::words,
        operator::question,
        word::reserved_name,
        word::value_of_let,
        signature::type_behind,
        signature::twice_optional,
        signature::literal_without_type,
        signature::brackets,
        head::keyword_as_name,
        word::missing_name,
        list::names,
        head::missing_name_or_type,
        head::parameter_list,
        head::type_name,
        list::order,
        list::colon,
        anywhere::open_list,
        anywhere::stray_closer,
        operator::type_arguments,
        operator::chained,
        operator::missing_operand,
        anywhere::leading_comma,
        anywhere::two_dots,
        word::else_if,
        head::parameter,
        word::missing_braces,
        list::argument,
    ];
    first(builder, row, failure, rules)
}

/// Slips in interpolations.
pub(crate) fn expression(builder: &Builder<'_>, row: &mut Vec<Piece>, failure: &Failure) -> Outcome {
    let rules: &[Rule] = &[
        anywhere::unknown_character,
        anywhere::line_in_interpolation,
        operator::words,
        operator::question,
        word::equals_in_condition,
        signature::literal_without_type,
        list::order,
        list::names,
        list::colon,
        anywhere::open_list,
        anywhere::stray_closer,
        operator::type_arguments,
        operator::chained,
        operator::missing_operand,
        anywhere::leading_comma,
        list::argument,
    ];
    first(builder, row, failure, rules)
}

/// Slips in the arms of a `match`.
pub(crate) fn arm(builder: &Builder<'_>, row: &mut Vec<Piece>, failure: &Failure) -> Outcome {
    let rules: &[Rule] = &[
        element::arrow,
        element::else_pattern,
        anywhere::unknown_character,
        word::else_if,
        operator::words,
        operator::question,
        word::equals_in_condition,
        list::order,
        word::missing_name,
        list::names,
        list::colon,
        clause::spaced_call,
        anywhere::open_list,
        anywhere::stray_closer,
        operator::type_arguments,
        operator::chained,
        operator::missing_operand,
        anywhere::leading_comma,
        element::stray_comma,
        clause::unopened_block,
        clause::block_of_options,
        clause::with_nothing,
        clause::split_arguments,
        clause::block_as_statement,
        element::statement_in_arm,
        list::argument,
    ];
    first(builder, row, failure, rules)
}

/// Slips in the entries of a map.
pub(crate) fn entry(builder: &Builder<'_>, row: &mut Vec<Piece>, failure: &Failure) -> Outcome {
    let rules: &[Rule] = &[
        element::entry_sign,
        anywhere::unknown_character,
        operator::words,
        operator::question,
        word::equals_in_condition,
        list::order_in_braces,
        list::names,
        list::colon,
        anywhere::open_list,
        anywhere::stray_closer,
        operator::type_arguments,
        operator::chained,
        operator::missing_operand,
        anywhere::leading_comma,
        element::stray_comma,
        list::argument,
    ];
    first(builder, row, failure, rules)
}

/// Slips in the fields of a record.
pub(crate) fn field(builder: &Builder<'_>, row: &mut Vec<Piece>, failure: &Failure) -> Outcome {
    let rules: &[Rule] = &[
        anywhere::unknown_character,
        signature::field_type_behind,
        signature::twice_optional,
        signature::angles,
        signature::brackets,
        head::missing_in_field,
        anywhere::open_list,
        anywhere::stray_closer,
        operator::chained,
        operator::missing_operand,
        anywhere::leading_comma,
        element::stray_comma,
        list::argument,
    ];
    first(builder, row, failure, rules)
}

/// Slips in the variants of an enum.
pub(crate) fn variant(builder: &Builder<'_>, row: &mut Vec<Piece>, failure: &Failure) -> Outcome {
    let rules: &[Rule] = &[
        element::variant_value,
        anywhere::unknown_character,
        anywhere::leading_comma,
        element::stray_comma,
        list::argument,
    ];
    first(builder, row, failure, rules)
}

fn first(builder: &Builder<'_>, row: &mut Vec<Piece>, failure: &Failure, rules: &[Rule]) -> Outcome {
    let mut broken = Broken { builder, row, at: failure.at, failure };
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

    fn location(&self, span: Span) -> Location {
        self.builder.location(span)
    }

    /// Whether the grammar could go on with a terminal of this name.
    fn expects(&self, name: &str) -> bool {
        self.failure.expected.iter().any(|terminal| terminal.trim_matches('"') == name)
    }

    /// The place directly behind a piece.
    fn behind(&self, at: usize) -> Span {
        Span::at(self.span(at).end as usize)
    }

    /// Whether the piece at `at` is a token of a kind, and no finished node.
    fn is_token(&self, at: usize, kind: TokenKind) -> bool {
        self.row.get(at).is_some_and(|piece| piece.kind == kind && piece.node.is_none())
    }

    fn depths(&self) -> Vec<usize> {
        depths(self.row.iter().map(|piece| piece.kind))
    }

    /// The innermost parenthesis or bracket that is open before the piece at `at`.
    fn opener(&self, at: usize) -> Option<usize> {
        let mut open = Vec::new();
        for (at, piece) in self.row.iter().enumerate().take(at) {
            if opens_list(piece.kind) {
                open.push(at);
            } else if closes_list(piece.kind) {
                open.pop();
            }
        }
        open.pop()
    }

    /// Where the list that opens at `open` closes; the end of the row if it does not.
    fn closer(&self, open: usize) -> usize {
        let depths = self.depths();
        let outer = depths.get(open).copied().unwrap_or(0);
        let closes = |at: usize| depths.get(at) == Some(&outer) && self.kind(at).is_some_and(closes_list);
        (open + 1..self.row.len()).find(|at| closes(*at)).unwrap_or(self.row.len())
    }

    /// A sign or a word to put for the piece at `at`, with the white space that it needs on both sides.
    fn spaced(&self, at: usize, sign: &str) -> String {
        let touches =
            |before: usize, behind: usize| behind < self.row.len() && self.span(before).end == self.span(behind).start;
        let space = |is_joined: bool| if is_joined { " " } else { "" };
        let is_behind = at.checked_sub(1).is_some_and(|before| touches(before, at));
        format!("{}{sign}{}", space(is_behind), space(touches(at, at + 1)))
    }

    /// Whether what stands before the piece that was refused can be a whole operand.
    fn follows_operand(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|before| self.row.get(before));
        before.is_some_and(|piece| {
            piece.kind.ends_operand() || piece.node.is_some() && piece.kind != TokenKind::HeaderBrace
        })
    }

    /// Whether nothing in a range would be lost or would take in what is put behind it.
    fn has_no_comment(&self, range: Span) -> bool {
        self.builder.trivia.comments_in(range).is_empty()
    }

    /// Puts a token that the text does not have before the piece at `at`.
    fn insert(&mut self, at: usize, kind: TokenKind) {
        let at = at.min(self.row.len());
        let span =
            at.checked_sub(1).map_or_else(|| Span::at(self.span(0).start as usize), |before| self.behind(before));
        self.row.insert(at, Piece { kind, span, node: None });
    }

    /// Puts an expression that the text does not have before the piece at `at`.
    fn insert_error(&mut self, at: usize) {
        let at = at.min(self.row.len());
        let span =
            at.checked_sub(1).map_or_else(|| Span::at(self.span(0).start as usize), |before| self.behind(before));
        self.row.insert(at, Piece::error(span));
    }

    /// Takes the piece at `at` for a token of another kind.
    fn become_kind(&mut self, at: usize, kind: TokenKind) {
        if let Some(piece) = self.row.get_mut(at) {
            piece.kind = kind;
        }
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
