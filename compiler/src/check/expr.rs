//! Expressions: literals, strings, and which other file knows the rest.
//!
//! Owns the types of literals and the escapes of strings.

use ecow::EcoString;
use hlb_language::ast::{self, Expr, StringForm, StringPart};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::span::Span;

use super::Checker;
use super::call::Called;
use crate::codes;
use crate::deep::deep;
use crate::hir::{self, EnumId, ExprNode, Text, TextPart};
use crate::types::{Expected, Type};

impl Checker<'_> {
    /// An expression where some types are expected; what does not fit is reported and becomes an error.
    pub(super) fn expr(&mut self, expr: &Expr, expected: &Expected) -> hir::Expr {
        deep(|| self.expr_here(expr, expected))
    }

    fn expr_here(&mut self, expr: &Expr, expected: &Expected) -> hir::Expr {
        let at = self.at(expr.span());
        let (ty, node) = match expr {
            Expr::Int(literal) => (Type::Int, ExprNode::Int(literal.value)),
            Expr::Bool(literal) => (Type::Bool, ExprNode::Bool(literal.value)),
            Expr::None(_) => match self.variant_named("none", expected) {
                Some((ty, node)) => (ty, node),
                None => (Type::Never.optional(), ExprNode::None),
            },
            Expr::String(literal) => return self.string_expr(literal, expected),
            Expr::Func(literal) => return self.literal(literal, expected),
            Expr::Call(call) => {
                let args = call.args.as_ref().map(|(_, args)| args.as_slice());
                return self.called(Called::value(&call.callee, args, call.span), expected);
            }
            Expr::Paren(_, inner) => return self.expr(inner, expected),
            Expr::Postfix(postfix) => return self.postfix(postfix, expected),
            Expr::Unary(unary) => self.unary(unary),
            Expr::Binary(binary) => self.binary(binary, expected),
            Expr::List(list) => self.list(list, expected),
            Expr::Map(map) => self.map(map, expected),
            Expr::For(comprehension) => self.comprehension(comprehension, expected),
            Expr::Lambda(lambda) => self.lambda(lambda),
            Expr::If(branches) => return self.if_expr(branches, expected),
            Expr::Match(matched) => return self.match_expr(matched, expected),
            Expr::Error(_) => return error(at),
        };
        self.expect(hir::Expr { at, ty, node }, expected, None)
    }

    /// The expression if it fits; else an error, which is reported.
    pub(super) fn expect(&mut self, expr: hir::Expr, expected: &Expected, defined: Option<Location>) -> hir::Expr {
        if matches!(expr.node, ExprNode::Error) || self.fits(&expr.ty, expected, expr.at, defined) {
            return expr;
        }
        error(expr.at)
    }

    fn literal(&mut self, literal: &ast::FuncLit, expected: &Expected) -> hir::Expr {
        let at = self.at(literal.span);
        let word_at = self.at(literal.kind.span);
        if literal.kind.text == "option" {
            let wanted = expected.types().iter().find(|ty| ty.is_option());
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
        let ty = self.written(&ast::TypeExpr::Name(literal.kind.clone()));
        if ty.is_unknown() {
            return error(at);
        }
        let fits = self.fits(&ty, expected, word_at, None);
        let block = self.block(&literal.body, &Expected::just(ty.clone()));
        self.needs_value(&block, &ty, literal.kind.span, "");
        if fits { hir::Expr { at, ty, node: ExprNode::Block(Box::new(block)) } } else { error(at) }
    }

    fn string_expr(&mut self, literal: &ast::StringLit, expected: &Expected) -> hir::Expr {
        let at = self.at(literal.span);
        self.note_string(literal.span, expected);
        let wanted = expected.find(|ty| match ty {
            Type::Enum(id, _) => Some(*id),
            _ => None,
        });
        if let Some(id) = wanted.filter(|_| !expected.takes(&Type::String)) {
            return self.enum_text(id, literal, at);
        }
        let node = ExprNode::Text(self.string(literal));
        self.expect(hir::Expr { at, ty: Type::String, node }, expected, None)
    }

    /// A text where a variant is expected.
    fn enum_text(&mut self, id: EnumId, literal: &ast::StringLit, at: Location) -> hir::Expr {
        let Some(text) = self.plain_text(literal) else {
            let node = ExprNode::Text(self.string(literal));
            let known = self.declared.program.enumeration(id);
            // What the text is will be looked at when it is known.
            if known.is_some_and(|it| it.builtin) {
                return hir::Expr { at, ty: Type::String, node };
            }
            let name = known.map(|it| it.name.text.clone()).unwrap_or_default();
            let message = format!("expected `{name}`, and this text is known only when it is put together");
            self.report(
                Diagnostic::error(codes::MISMATCH, at, message)
                    .help(format!("choose with `if` or `match` between variants of `{name}`")),
            );
            return error(at);
        };
        match self.variant_index(id, &text) {
            Some(index) => {
                let name = self.declared.program.enumeration(id).map(|it| it.name.text.clone()).unwrap_or_default();
                hir::Expr { at, ty: Type::Enum(id, name), node: ExprNode::Variant(id, index) }
            }
            None => {
                let diagnostic = self.no_variant(id, &text, at, true);
                self.report(diagnostic);
                error(at)
            }
        }
    }

    /// The variant that a name is where an enum is expected.
    pub(super) fn variant_named(&mut self, name: &str, expected: &Expected) -> Option<(Type, ExprNode)> {
        expected.find(|ty| match ty {
            Type::Enum(id, _) => {
                let index = self.variant_index(*id, name)?;
                Some((ty.clone(), ExprNode::Variant(*id, index)))
            }
            _ => None,
        })
    }

    pub(super) fn variant_index(&self, id: EnumId, name: &str) -> Option<usize> {
        self.declared.program.enumeration(id)?.variants.iter().position(|variant| variant.text == name)
    }

    /// That an enum has no such variant.
    pub(super) fn no_variant(&self, id: EnumId, name: &str, at: Location, quoted: bool) -> Diagnostic {
        let Some(found) = self.declared.program.enumeration(id) else {
            return Diagnostic::error(codes::MODE, at, format!("`{name}` is no variant"));
        };
        let variants: Vec<&str> = found.variants.iter().map(|variant| variant.text.as_str()).collect();
        let rule = if found.builtin && quoted { crate::builtins::words_rule(&variants) } else { None };
        if let Some(broken) = rule.and_then(|rule| rule.check(crate::builtins::Constant::Text(name)).err()) {
            return broken.at(at);
        }
        let diagnostic = Diagnostic::error(codes::MODE, at, format!("`{name}` is no variant of `{}`", found.name.text))
            .also(found.at, "defined here");
        let all = super::list(&variants);
        match crate::suggest::nearest(name, variants.iter().copied()) {
            Some(near) => {
                let text = if quoted { format!("\"{near}\"") } else { near.to_owned() };
                diagnostic.help(format!("did you mean `{near}`? There are {all}")).fix(
                    format!("replace `{name}` by `{near}`"),
                    at,
                    text,
                )
            }
            None => diagnostic.help(format!("use one of {all}")),
        }
    }

    /// The text of a literal without interpolations.
    pub(super) fn plain_text(&self, literal: &ast::StringLit) -> Option<EcoString> {
        if matches!(literal.form, StringForm::Heredoc { .. }) {
            return None;
        }
        let mut text = EcoString::new();
        for part in &literal.parts {
            match part {
                StringPart::Text(span) => text.push_str(self.text(*span)),
                StringPart::Escape(span) => text.push_str(&decode(self.text(*span), false)?),
                StringPart::Interpolation(..) => return None,
            }
        }
        Some(text)
    }

    pub(super) fn string(&mut self, literal: &ast::StringLit) -> Text {
        let layout = match &literal.form {
            StringForm::Heredoc { layout, .. } => Some(*layout),
            StringForm::Quoted | StringForm::Raw => None,
        };
        if let [StringPart::Text(span)] = literal.parts.as_slice() {
            return Text { layout, parts: vec![TextPart::Text(self.text(*span).into())] };
        }
        let values = literal.parts.iter().filter(|part| matches!(part, StringPart::Interpolation(..))).count();
        let mut parts = Vec::with_capacity(2 * values + 1);
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
                        parts.push(TextPart::Value(self.interpolated(expr)));
                    }
                }
            }
        }
        if !text.is_empty() {
            parts.push(TextPart::Text(text.into()));
        }
        Text { layout, parts }
    }

    /// What stands in `${…}`: anything that reads as text.
    fn interpolated(&mut self, expr: &Expr) -> hir::Expr {
        let value = self.expr(expr, &Expected::any());
        let reads =
            matches!(value.ty, Type::String | Type::Int | Type::Bool | Type::Enum(..) | Type::Unknown(_) | Type::Never);
        if reads {
            return value;
        }
        let diagnostic = Diagnostic::error(
            codes::MISMATCH,
            value.at,
            format!("a value of type `{}` cannot stand in a text", value.ty),
        );
        self.report(match &value.ty {
            Type::Optional(_) => diagnostic.help("say what to write where it is `none`: `${value ?? \"…\"}`"),
            Type::List(_) => diagnostic.help("join its elements: `${list.join(values, \" \")}`"),
            Type::Fs => diagnostic.help("read a file of it: `${read(…, \"/path\")}`"),
            _ => diagnostic.help("write one of its parts, or make a text of it"),
        });
        error(value.at)
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
}

/// What has been reported.
pub(super) fn error(at: Location) -> hir::Expr {
    hir::Expr { at, ty: Type::error(), node: ExprNode::Error }
}

/// What a backslash and a character mean; nothing if they mean nothing. In a heredoc only `\$` is an escape.
pub(crate) fn decode(escape: &str, heredoc: bool) -> Option<String> {
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
