//! Types that do not fit.
//!
//! Owns what is said of them, and the edits that would mend what was likely meant.

use hlb_language::ast::{Arg, Expr};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::span::Span;

use super::Checker;
use crate::codes;
use crate::types::{Expected, Type};

impl Checker<'_> {
    /// Whether a type fits; reports it if not.
    pub(super) fn fits(&mut self, ty: &Type, expected: &Expected, at: Location, defined: Option<Location>) -> bool {
        if expected.takes(ty) || self.text_for_builtin_enum(ty, expected) {
            return true;
        }
        let mut diagnostic = Diagnostic::error(codes::MISMATCH, at, words(ty, expected));
        if let Some(defined) = defined {
            diagnostic = diagnostic.also(defined, "defined here");
        }
        let diagnostic = self.advice(diagnostic, ty, expected, at);
        self.report(diagnostic);
        false
    }

    /// A text that is known only later fits where builtins have an enum: old programs pass on such texts.
    fn text_for_builtin_enum(&self, ty: &Type, expected: &Expected) -> bool {
        let builtin = |id| self.declared.program.enumeration(id).is_some_and(|it| it.builtin);
        *ty == Type::String && expected.types().iter().any(|wanted| matches!(wanted, Type::Enum(id, _) if builtin(*id)))
    }

    fn advice(&self, diagnostic: Diagnostic, ty: &Type, expected: &Expected, at: Location) -> Diagnostic {
        if *ty == Type::Bool && *expected == Expected::either(Type::Pipeline, Type::Fs) {
            // What a test may do; a condition alone finds out nothing.
            let insert = Location { source: at.source, span: Span::at(at.span.start as usize) };
            return diagnostic.help("claim it: `assert condition`").fix("insert `assert`", insert, "assert ");
        }
        let shown = expected.shown();
        let [wanted] = shown.as_slice() else { return diagnostic };
        match (ty, *wanted) {
            (Type::Optional(inner), wanted) if inner.fits(wanted) => diagnostic
                .help("it may be `none`: say what to take then, with `??`, or look at it first, with `if … != none`"),
            (Type::Fs, Type::Pipeline) => {
                let insert = Location { source: at.source, span: Span::at(at.span.start as usize) };
                diagnostic.help("a pipeline is made of stages").fix("insert `stage`", insert, "stage ")
            }
            (Type::Int | Type::Bool | Type::Enum(..), Type::String) => {
                let text = self.text(at.span);
                let literal = text.bytes().all(|byte| byte.is_ascii_digit()) || matches!(text, "true" | "false");
                let simple = !text.contains(['\n', '"']) && text.len() <= 60;
                let diagnostic = diagnostic.help("write it in quotes, or as `${…}` in a string for a value");
                match (literal, simple) {
                    (true, _) => diagnostic.fix("put it in quotes", at, format!("\"{text}\"")),
                    (_, true) => diagnostic.fix("put it into a string", at, format!("\"${{{text}}}\"")),
                    _ => diagnostic,
                }
            }
            (Type::String, Type::Int) => {
                let text = self.text(at.span);
                let digits = text.trim_matches('"').trim_start_matches('0').to_owned();
                if !digits.is_empty() && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
                    return diagnostic
                        .help(format!("write the number without quotes, and octal ones with `0o`: `0o{digits}`"))
                        .fix(format!("replace it by `0o{digits}`"), at, format!("0o{digits}"));
                }
                diagnostic
            }
            (item, Type::List(wanted)) if item.fits(wanted) => {
                let text = self.text(at.span);
                let simple = !text.contains('\n') && text.len() <= 60;
                let diagnostic = diagnostic.help("put it into a list, in brackets");
                if simple { diagnostic.fix("put it into a list", at, format!("[{text}]")) } else { diagnostic }
            }
            (Type::List(item), wanted) if item.fits(wanted) => {
                diagnostic.help("go through the list with `for`, or take one of its elements: `values[0]`")
            }
            (_, Type::Bool) => diagnostic.help("compare it with something: `==`, `!=`, `<`"),
            _ => diagnostic,
        }
    }

    /// Looks into the arguments of a call that means nothing, so that mistakes inside are reported too.
    pub(super) fn stray(&mut self, args: &[Arg]) {
        for arg in args {
            match arg.expr() {
                Expr::Func(literal) => {
                    let ty = Type::of(&literal.kind.text);
                    if !matches!(ty, Type::AnyOption | Type::Unknown(_)) {
                        self.block(&literal.body, &Expected::just(ty));
                    }
                }
                Expr::String(literal) => {
                    self.note_string(literal.span, &Expected::any());
                    self.string(literal);
                }
                expr => {
                    // Notes that the name is used, and says nothing of it.
                    if let Some(path) = expr.as_name() {
                        self.scopes.find(&path.head.text);
                    }
                }
            }
        }
    }
}

fn words(ty: &Type, expected: &Expected) -> String {
    match (ty, expected.types()) {
        // Behind the one type may stand lists of it.
        (Type::Option(own) | Type::OwnOption(_, own), [Type::Option(other) | Type::OwnOption(_, other), ..]) => {
            format!("these are options of `{own}`, and here options of `{other}` are expected")
        }
        _ => format!("expected {expected}, found `{ty}`"),
    }
}
