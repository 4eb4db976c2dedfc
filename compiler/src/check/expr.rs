//! Expressions: literals, strings, blocks and calls as values.
//!
//! Owns the kinds of expressions and the escapes of strings.

use ecow::EcoString;
use hlb_language::ast::{self, StringForm, StringPart};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::span::Span;

use super::Checker;
use crate::codes;
use crate::hir::{self, ExprNode, Text, TextPart};
use crate::types::{Expected, Kind};

impl Checker<'_> {
    /// An expression where some kinds are expected. `spread` says that a variadic parameter may stand here.
    pub(super) fn expr(&mut self, expr: &ast::Expr, expected: &Expected, spread: bool) -> hir::Expr {
        let at = self.at(expr.span());
        let (kind, node) = match expr {
            ast::Expr::Int(literal) => (Kind::Int, ExprNode::Int(literal.value)),
            ast::Expr::Bool(literal) => (Kind::Bool, ExprNode::Bool(literal.value)),
            ast::Expr::String(literal) => (Kind::String, ExprNode::Text(self.string(literal))),
            ast::Expr::Func(literal) => return self.literal(literal, expected),
            ast::Expr::Call(call) => return self.call(call, expected, spread),
            ast::Expr::Error(_) => return error(at),
        };
        if self.fits(&kind, expected, at, None, None) { hir::Expr { at, kind, node } } else { error(at) }
    }

    fn call(&mut self, call: &ast::CallExpr, expected: &Expected, spread: bool) -> hir::Expr {
        let at = self.at(call.span);
        let args: &[ast::Expr] = call.args.as_ref().map_or(&[], |(_, args)| args);
        if call.callee.member.is_none() && call.callee.head.text == "breakpoint" {
            self.report(Diagnostic::error(codes::UNSUPPORTED, at, "`breakpoint` as a value is not supported yet"));
            return error(at);
        }
        let Some(resolved) = self.callee(&call.callee, expected) else {
            self.stray(args);
            return error(at);
        };
        let callee_at = self.at(call.callee.span);
        if !self.fits(&resolved.kind, expected, callee_at, resolved.defined, None) {
            self.stray(args);
            return error(at);
        }
        if resolved.variadic && !spread {
            self.report_variadic(at);
        }
        let Some(args) = self.args(&call.callee, &resolved, args, call.span) else { return error(at) };
        let node =
            ExprNode::Call(hir::Call { callee: resolved.callee, at: callee_at, args, with: None, binds: Vec::new() });
        hir::Expr { at, kind: resolved.kind, node }
    }

    fn literal(&mut self, literal: &ast::FuncLit, expected: &Expected) -> hir::Expr {
        let at = self.at(literal.span);
        let word_at = self.at(literal.kind.span);
        let kind = Kind::of(&literal.kind.text);
        if kind == Kind::AnyOption {
            let wanted = expected.kinds().iter().find(|kind| kind.is_option());
            let mut diagnostic =
                Diagnostic::error(codes::BARE_OPTION, word_at, "`option` alone stands only behind `with`");
            if let Some(wanted) = wanted {
                diagnostic = diagnostic.help(format!("write `{wanted} {{ … }}`")).fix(
                    format!("replace `option` by `{wanted}`"),
                    word_at,
                    wanted.to_string(),
                );
            }
            self.report(diagnostic);
            return error(at);
        }
        if let Kind::Unknown(word) = &kind {
            // Typically a call without parentheses before its block, or a slip in the kind.
            let mut diagnostic = Diagnostic::error(codes::KIND, word_at, format!("`{word}` is not a kind"))
                .help("use fs, string, int, bool, pipeline, or option::NAME before a block");
            if let Some(near) = crate::suggest::nearest(word, crate::types::KIND_WORDS.iter().copied()) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?")).fix(
                    format!("replace `{word}` by `{near}`"),
                    word_at,
                    near,
                );
            }
            self.report(diagnostic);
            return error(at);
        }
        let fits = self.fits(&kind, expected, word_at, None, None);
        let block = self.block(&literal.body, &kind);
        if fits { hir::Expr { at, kind, node: ExprNode::Block(block) } } else { error(at) }
    }

    fn string(&mut self, literal: &ast::StringLit) -> Text {
        let layout = match &literal.form {
            StringForm::Heredoc { layout, .. } => Some(*layout),
            StringForm::Quoted | StringForm::Raw => None,
        };
        let mut parts = Vec::new();
        let mut text = String::new();
        for part in &literal.parts {
            match part {
                StringPart::Text(span) => text.push_str(self.text(*span)),
                StringPart::Escape(span) => {
                    let escape = self.text(*span).to_owned();
                    match decode(&escape, layout.is_some()) {
                        Some(decoded) => text.push_str(&decoded),
                        None => self.report_escape(&escape, *span),
                    }
                }
                StringPart::Interpolation(_, expr) => {
                    if !text.is_empty() {
                        parts.push(TextPart::Text(EcoString::from(std::mem::take(&mut text))));
                    }
                    if let Some(expr) = expr {
                        parts.push(TextPart::Value(self.expr(expr, &Expected::interpolation(), false)));
                    }
                }
            }
        }
        if !text.is_empty() {
            parts.push(TextPart::Text(text.into()));
        }
        Text { layout, parts }
    }

    fn report_escape(&mut self, escape: &str, span: Span) {
        let at = self.at(span);
        let diagnostic = Diagnostic::error(codes::ESCAPE, at, format!("`{escape}` is no escape"));
        let diagnostic = match escape.strip_prefix('\\') {
            Some("x" | "u" | "U") => diagnostic.help("write the character itself; files are UTF-8"),
            Some(other) => diagnostic.help(format!("write `\\\\{other}` for a backslash and `{other}`")).fix(
                "double the backslash",
                at,
                format!("\\\\{other}"),
            ),
            None => diagnostic,
        };
        self.report(diagnostic);
    }

    /// Whether a kind fits; reports it if not.
    pub(super) fn fits(
        &mut self,
        kind: &Kind,
        expected: &Expected,
        at: Location,
        defined: Option<Location>,
        stmt: Option<&ast::Path>,
    ) -> bool {
        if expected.takes(kind) {
            return true;
        }
        let message = match (kind, expected.kinds()) {
            (Kind::Option(own), [Kind::Option(other)]) => {
                format!("these are options of `{own}`, and here options of `{other}` are expected")
            }
            _ => format!("expected {expected}, found `{kind}`"),
        };
        let mut diagnostic = Diagnostic::error(codes::MISMATCH, at, message);
        if let Some(defined) = defined {
            diagnostic = diagnostic.also(defined, "defined here");
        }
        match (kind, expected.kinds(), stmt) {
            (Kind::Fs, [Kind::Pipeline], Some(path)) => {
                let insert = self.at(Span::at(path.span.start as usize));
                diagnostic = diagnostic.help("a pipeline is made of stages").fix("insert `stage`", insert, "stage ");
            }
            (Kind::Int, [Kind::String], _) => {
                diagnostic = diagnostic.help("write the number in quotes, or `${…}` in a string for a value");
            }
            (Kind::String, [Kind::Int], _) => {
                let text = self.text(at.span);
                let digits = text.trim_matches('"').trim_start_matches('0').to_owned();
                if !digits.is_empty() && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
                    diagnostic = diagnostic
                        .help(format!("write the number without quotes, and octal ones with `0o`: `0o{digits}`"))
                        .fix(format!("replace it by `0o{digits}`"), at, format!("0o{digits}"));
                }
            }
            _ => {}
        }
        self.report(diagnostic);
        false
    }

    /// Looks into the arguments of a call that means nothing, so that mistakes inside are reported too.
    pub(super) fn stray(&mut self, args: &[ast::Expr]) {
        for arg in args {
            match arg {
                ast::Expr::Func(literal) => {
                    let kind = Kind::of(&literal.kind.text);
                    if !matches!(kind, Kind::AnyOption | Kind::Unknown(_)) {
                        self.block(&literal.body, &kind);
                    }
                }
                ast::Expr::String(literal) => {
                    self.string(literal);
                }
                _ => {}
            }
        }
    }
}

fn error(at: Location) -> hir::Expr {
    hir::Expr { at, kind: Kind::Unknown(EcoString::new()), node: ExprNode::Error }
}

/// What a backslash and a character mean; nothing if they mean nothing. In a heredoc only `\$` is an escape.
fn decode(escape: &str, heredoc: bool) -> Option<String> {
    let character = escape.strip_prefix('\\')?;
    if heredoc {
        return Some(if character == "$" { "$".to_owned() } else { escape.to_owned() });
    }
    let decoded = match character {
        "$" => "$",
        "a" => "\u{7}",
        "b" => "\u{8}",
        "f" => "\u{c}",
        "n" => "\n",
        "r" => "\r",
        "t" => "\t",
        "v" => "\u{b}",
        "\\" => "\\",
        "\"" => "\"",
        _ => return None,
    };
    Some(decoded.to_owned())
}
