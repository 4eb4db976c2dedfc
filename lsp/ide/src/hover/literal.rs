//! What is shown of literals.
//!
//! Owns the meaning of file modes, time spans and numbers in other bases, what names of images are pinned to, and arguments that are
//! given by the names of a builtin's parameters.

use std::sync::Arc;
use std::time::Duration;

use hlb_compiler::hir::{Param, Target};
use hlb_language::ast::Arg;
use hlb_language::span::Span;
use hlb_language::token::TokenKind;

use super::Hover;
use crate::analysis::Analysis;
use crate::call::{Call, calls};
use crate::links::literal;
use crate::lock::Pins;

/// The greatest number that is a file mode.
const MODES: i64 = 0o7777;

impl Analysis {
    /// What a number, or a text with a meaning of its own, stands for.
    pub(super) fn hover_literal(&self, offset: usize) -> Option<Hover> {
        if let Some((call, at)) = self.argument_at(offset) {
            let argument = call.args.get(at)?;
            if let (Some((_, param)), Arg::Named(_, name, _)) = (call.filled(at, argument), argument)
                && name.span.touches(offset)
            {
                return Some(self.hover_named(name.span, call.target, param));
            }
            let duration = call.filled(at, argument).filter(|(_, param)| param.name.text == "duration");
            if let Some((span, text)) = duration.and_then(|_| plain(self, argument)) {
                let words = spell(hlb_compiler::duration(text)?);
                return Some(Hover { span, signature: format!("\"{text}\""), doc: Some(words), step: None });
            }
        }
        let lexed = self.lexed();
        let number = lexed.tokens.iter().find(|it| it.kind == TokenKind::Int && it.span.touches(offset))?;
        let text = self.text().source().slice(number.span);
        let doc = number_words(text)?;
        Some(Hover { span: number.span, signature: text.to_owned(), doc: Some(doc), step: None })
    }

    /// What the name of an image stands for; `pins` is only asked if there is one at the offset.
    pub(super) fn hover_image(&self, offset: usize, pins: impl FnOnce() -> Arc<Pins>) -> Option<Hover> {
        let (call, at) = self.argument_at(offset)?;
        let argument = call.args.get(at)?;
        let Target::Builtin(id) = call.target else { return None };
        let builtin = self.checked.program.builtins.get(id.0)?;
        if builtin.name.text != "image" || !builtin.namespace.is_empty() || call.filled(at, argument)?.0 != 0 {
            return None;
        }
        let (span, name) = plain(self, argument).filter(|(span, _)| span.touches(offset))?;
        let doc = if name.contains('@') {
            "Pinned by its digest.".to_owned()
        } else {
            match pins().digest(name) {
                Some(digest) => format!("Pinned by the lock file to `{digest}`."),
                None => "Not pinned: it may stand for another image tomorrow.".to_owned(),
            }
        };
        Some(Hover { span, signature: format!("image \"{name}\""), doc: Some(doc), step: None })
    }

    fn hover_named(&self, span: Span, target: Target, param: &Param) -> Hover {
        let name = &param.name.text;
        let docs = self.checked.program.describe(target).and_then(|it| it.doc);
        let mark = format!("@param {name} ");
        let doc = docs.as_deref().and_then(|doc| doc.lines().find_map(|line| line.strip_prefix(mark.as_str())));
        Hover { span, signature: format!("{} {name}", param.ty), doc: doc.map(str::to_owned), step: None }
    }

    /// The innermost call with an argument at an offset, and the number of that argument.
    fn argument_at(&self, offset: usize) -> Option<(Call<'_>, usize)> {
        let at = |call: &Call<'_>| call.args.iter().position(|arg| arg.span().touches(offset));
        calls(self).into_iter().rev().find_map(|call| at(&call).map(|at| (call, at)))
    }
}

/// The text of an argument that is a string without anything in it that has to be evaluated, and the string's place.
fn plain<'a>(analysis: &'a Analysis, argument: &Arg) -> Option<(Span, &'a str)> {
    let (_, text) = literal(analysis, argument.expr())?;
    Some((argument.expr().span(), text))
}

/// A number as a file mode, if it is written like one, or in other bases.
fn number_words(text: &str) -> Option<String> {
    let digits = text.replace('_', "");
    let of = |prefixes: [&str; 2], base| {
        let digits = prefixes.iter().find_map(|prefix| digits.strip_prefix(prefix))?;
        i64::from_str_radix(digits, base).ok()
    };
    if let Some(mode) = of(["0o", "0O"], 8) {
        let number = format!("{mode} in decimal.");
        return Some(if mode <= MODES { format!("`{}` as permissions. {number}", permissions(mode)) } else { number });
    }
    if let Some(number) = of(["0x", "0X"], 16).or_else(|| of(["0b", "0B"], 2)) {
        return Some(format!("{number} in decimal."));
    }
    let number: i64 = digits.parse().ok()?;
    Some(format!("`{number:#x}`, `{number:#o}`."))
}

/// Permission bits as `ls` shows them.
fn permissions(mode: i64) -> String {
    let mut shown = String::with_capacity(9);
    for (place, (special, set)) in [(0o4000, 's'), (0o2000, 's'), (0o1000, 't')].into_iter().enumerate() {
        let bits = mode >> (6 - 3 * place);
        shown.push(if bits & 4 == 0 { '-' } else { 'r' });
        shown.push(if bits & 2 == 0 { '-' } else { 'w' });
        shown.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => set,
            (true, false) => set.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    shown
}

/// A time span in words.
fn spell(span: Duration) -> String {
    let (seconds, nanos) = (span.as_secs(), span.subsec_nanos());
    let parts = [
        (seconds / 3600, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
        (u64::from(nanos / 1_000_000), "millisecond"),
        (u64::from(nanos / 1_000 % 1_000), "microsecond"),
        (u64::from(nanos % 1_000), "nanosecond"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> =
        parts.map(|(count, unit)| format!("{count} {unit}{}", if count == 1 { "" } else { "s" })).collect();
    if words.is_empty() { "No time.".to_owned() } else { format!("{}.", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_shown_as_permissions() {
        for (mode, shown) in [
            (0o755, "rwxr-xr-x"),
            (0o640, "rw-r-----"),
            (0o1777, "rwxrwxrwt"),
            (0o4755, "rwsr-xr-x"),
            (0o7000, "--S--S--T"),
            (0, "---------"),
        ] {
            assert_eq!(permissions(mode), shown, "{mode:o}");
        }
    }

    #[test]
    fn spans_are_spelled() {
        let spelled = |text| spell(hlb_compiler::duration(text).unwrap_or_default());
        assert_eq!(spelled("1m30s"), "1 minute, 30 seconds.");
        assert_eq!(spelled("1.5h"), "1 hour, 30 minutes.");
        assert_eq!(spelled("1ms2us3ns"), "1 millisecond, 2 microseconds, 3 nanoseconds.");
        assert_eq!(spelled("0"), "No time.");
    }
}
