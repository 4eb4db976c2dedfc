//! Words with their colours, as numbers.
//!
//! Owns the legend, and what is different from an earlier answer.

use hlb_ide::{Paint, PaintKind};
use hlb_language::source::Source;
use tower_lsp::ls_types as lsp;

use crate::view::View;

/// The kinds of words and what more is said of them. The numbers in answers are places in these lists.
pub(crate) fn legend() -> lsp::SemanticTokensLegend {
    use lsp::{SemanticTokenModifier as Modifier, SemanticTokenType as Type};
    lsp::SemanticTokensLegend {
        token_types: vec![
            Type::KEYWORD,
            Type::TYPE,
            Type::ENUM,
            Type::ENUM_MEMBER,
            Type::STRUCT,
            Type::PROPERTY,
            Type::FUNCTION,
            Type::MACRO,
            Type::PARAMETER,
            Type::VARIABLE,
            Type::NAMESPACE,
            Type::STRING,
            Type::NUMBER,
            Type::COMMENT,
            Type::OPERATOR,
        ],
        token_modifiers: vec![
            Modifier::DECLARATION,
            Modifier::READONLY,
            Modifier::DEFAULT_LIBRARY,
            Modifier::DEPRECATED,
            Modifier::new("effectful"),
        ],
    }
}

/// Words in the order of their text, each relative to the one before.
pub(crate) fn painted(view: &View, source: &Source, words: &[Paint]) -> Vec<lsp::SemanticToken> {
    let mut before = lsp::Position::new(0, 0);
    let mut found = Vec::with_capacity(words.len());
    for paint in words {
        let lsp::Range { start, end } = view.range(source, paint.span);
        if start.line != end.line || start.character >= end.character || start < before {
            continue;
        }
        let delta_line = start.line - before.line;
        let column = if delta_line == 0 { before.character } else { 0 };
        found.push(lsp::SemanticToken {
            delta_line,
            delta_start: start.character - column,
            length: end.character - start.character,
            token_type: number(paint.kind),
            token_modifiers_bitset: modifiers(paint),
        });
        before = start;
    }
    found
}

/// The one edit that makes the new answer of the old one; none if they are the same.
pub(crate) fn difference(old: &[lsp::SemanticToken], new: &[lsp::SemanticToken]) -> Vec<lsp::SemanticTokensEdit> {
    let same = |(left, right): &(&lsp::SemanticToken, &lsp::SemanticToken)| left == right;
    let start = old.iter().zip(new).take_while(same).count();
    if start == old.len() && start == new.len() {
        return Vec::new();
    }
    let (old, new) = (old.get(start..).unwrap_or_default(), new.get(start..).unwrap_or_default());
    let kept = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    let numbers = |words: usize| (words * 5) as u32;
    vec![lsp::SemanticTokensEdit {
        start: numbers(start),
        delete_count: numbers(old.len() - kept),
        data: Some(new.get(..new.len() - kept).unwrap_or_default().to_vec()),
    }]
}

fn number(kind: PaintKind) -> u32 {
    match kind {
        PaintKind::Keyword => 0,
        PaintKind::Type => 1,
        PaintKind::Enum => 2,
        PaintKind::EnumMember => 3,
        PaintKind::Struct => 4,
        PaintKind::Property => 5,
        PaintKind::Function => 6,
        PaintKind::Option => 7,
        PaintKind::Parameter => 8,
        PaintKind::Variable => 9,
        PaintKind::Namespace => 10,
        PaintKind::String => 11,
        PaintKind::Number => 12,
        PaintKind::Comment => 13,
        PaintKind::Operator => 14,
    }
}

fn modifiers(paint: &Paint) -> u32 {
    let it = paint.modifiers;
    let bits = [it.declaration, it.readonly, it.default_library, it.deprecated, it.effectful];
    bits.iter().enumerate().map(|(at, set)| u32::from(*set) << at).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(lengths: &[u32]) -> Vec<lsp::SemanticToken> {
        lengths.iter().map(|&length| lsp::SemanticToken { length, ..lsp::SemanticToken::default() }).collect()
    }

    #[test]
    fn a_difference_makes_the_new_words_of_the_old_ones() {
        for (old, new, expected) in [
            (&[1, 2, 3][..], &[1, 2, 3][..], None),
            (&[1, 2, 3], &[1, 9, 3], Some((5, 5, 1))),
            (&[1, 2], &[1, 2, 2], Some((10, 0, 1))),
            (&[2, 2, 2], &[2], Some((5, 10, 0))),
            (&[], &[1], Some((0, 0, 1))),
            (&[1], &[], Some((0, 5, 0))),
        ] {
            let found = difference(&words(old), &words(new));
            let shown = found.first().map(|it| (it.start, it.delete_count, it.data.as_ref().unwrap().len()));
            assert_eq!(shown, expected, "{old:?} to {new:?}");
            let mut edited = words(old);
            for edit in found {
                let at = edit.start as usize / 5;
                edited.splice(at..at + edit.delete_count as usize / 5, edit.data.unwrap());
            }
            assert_eq!(edited, words(new));
        }
    }
}
