//! How expressions look.
//!
//! Owns the style of operators, calls, literals and comprehensions.

use crate::ast::{
    Arg, CallExpr, Comprehension, Element as ListElement, Entry, Expr, HeredocLayout, Ident, IfExpr, Lambda, MatchExpr,
    Path, Postfix, PostfixOp, StringForm, StringLit, StringPart, UnaryExpr, UnaryOp,
};
use crate::format::doc::Doc;
use crate::format::layout::Element;
use crate::format::rules::Rules;
use crate::span::Span;

impl Rules<'_> {
    pub(super) fn path(&self, path: &Path) -> Doc {
        let head = Doc::text(path.head.text.as_str());
        match &path.member {
            Some(member) => head.then(self.field(path.head.span.end, member)),
            None => head,
        }
    }

    /// `.name`; the name may stand on the next line.
    fn field(&self, before: u32, name: &Ident) -> Doc {
        let gap = Span { start: before, end: name.span.start };
        let doc = Doc::text(name.text.as_str());
        if self.has_comments(gap.start, gap.end) {
            return Doc::text(".").then(self.broken(gap).then(doc).nest());
        }
        Doc::text(".").then(doc)
    }

    pub(super) fn expr(&self, expr: &Expr) -> Doc {
        match expr {
            Expr::Func(func) if self.has_comments(func.kind.span.end, func.body.span.start) => self.verbatim(func.span),
            Expr::Func(func) => Doc::text(func.kind.text.as_str()).then(" ").then(self.block(&func.body)),
            // `0X1F` becomes `0x1f`; a decimal number has no letters.
            Expr::Int(int) => Doc::text(self.slice(int.span).to_ascii_lowercase()),
            Expr::Bool(lit) => Doc::text(if lit.value { "true" } else { "false" }),
            Expr::None(_) => Doc::text("none"),
            Expr::String(string) => self.string(string),
            Expr::Call(call) => self.call_expr(call),
            Expr::Postfix(postfix) => self.postfix(postfix),
            Expr::Unary(unary) => self.unary(unary),
            Expr::Binary(binary) => {
                let mut doc = self.expr(&binary.first);
                let mut before = binary.first.span();
                for (op, _, operand) in &binary.rest {
                    let sign = format!(" {}", op.text());
                    doc = doc.then(self.joint(&sign, before, operand.span(), || self.expr(operand)));
                    before = operand.span();
                }
                doc
            }
            Expr::Paren(span, inner) => {
                self.wrapped(("(", ")"), *span, Element { span: inner.span(), doc: self.expr(inner) })
            }
            Expr::List(list) => {
                let elements = list.elements.iter().map(|element| match element {
                    ListElement::Value(value) => Element { span: value.span(), doc: self.expr(value) },
                    ListElement::Spread(span, value) => Element { span: *span, doc: self.spread(value) },
                });
                self.list(("[", "]"), list.span, elements.collect())
            }
            Expr::Map(map) => {
                let entries = map.entries.iter().map(|entry| match entry {
                    Entry::Pair(key, value) => {
                        Element { span: key.span().to(value.span()), doc: self.pair(key, value) }
                    }
                    Entry::Spread(span, value) => Element { span: *span, doc: self.spread(value) },
                });
                self.list(("{", "}"), map.span, entries.collect())
            }
            Expr::For(each) => self.comprehension(each),
            Expr::Lambda(lambda) => self.lambda(lambda),
            Expr::If(choice) => self.condition(choice),
            Expr::Match(choice) => self.choice(choice),
            Expr::Error(span) => self.verbatim(*span),
        }
    }

    fn call_expr(&self, call: &CallExpr) -> Doc {
        let path = self.path(&call.callee);
        match &call.args {
            Some((parens, args)) => path.then(self.args(*parens, args)),
            None => path,
        }
    }

    pub(super) fn args(&self, parens: Span, args: &[Arg]) -> Doc {
        let elements = args.iter().map(|arg| Element { span: arg.span(), doc: self.arg(arg) });
        self.list(("(", ")"), parens, elements.collect())
    }

    pub(super) fn arg(&self, arg: &Arg) -> Doc {
        match arg {
            Arg::Value(value) => self.expr(value),
            Arg::Named(_, name, value) => self.with_default(Doc::text(name.text.as_str()), name.span, Some(value)),
            Arg::Spread(_, value) => self.spread(value),
        }
    }

    fn spread(&self, value: &Expr) -> Doc {
        Doc::text("...").then(self.expr(value))
    }

    fn pair(&self, key: &Expr, value: &Expr) -> Doc {
        self.with_default(self.expr(key), key.span(), Some(value))
    }

    /// `doc = value`, if there is a value.
    pub(super) fn with_default(&self, doc: Doc, before: Span, value: Option<&Expr>) -> Doc {
        match value {
            Some(value) => doc.then(self.joint(" =", before, value.span(), || self.expr(value))),
            None => doc,
        }
    }

    fn postfix(&self, postfix: &Postfix) -> Doc {
        let mut doc = self.expr(&postfix.base);
        let mut end = postfix.base.span().end;
        for op in &postfix.ops {
            (doc, end) = match op {
                PostfixOp::Field(name) => (doc.then(self.field(end, name)), name.span.end),
                PostfixOp::Call(parens, args) => (doc.then(self.args(*parens, args)), parens.end),
                PostfixOp::Index(span, index) => {
                    let element = Element { span: index.span(), doc: self.expr(index) };
                    (doc.then(self.wrapped(("[", "]"), *span, element)), span.end)
                }
            };
        }
        doc
    }

    fn unary(&self, unary: &UnaryExpr) -> Doc {
        // In parentheses a line may end behind the sign.
        if self.has_comments(unary.span.start, unary.operand.span().start) {
            return self.verbatim(unary.span);
        }
        let signs: String = unary.ops.iter().map(|(op, _)| if *op == UnaryOp::Not { '!' } else { '-' }).collect();
        Doc::text(signs).then(self.expr(&unary.operand))
    }

    /// `names in items`
    pub(super) fn each(&self, names: &[Ident], items: &Expr) -> Doc {
        let mut doc = Doc::nil();
        let mut before: Option<Span> = None;
        for name in names {
            let text = Doc::text(name.text.as_str());
            doc = match before {
                None => text,
                Some(before) => doc.then(self.joint(",", before, name.span, || text)),
            };
            before = Some(name.span);
        }
        doc.then(self.joint(" in", before.unwrap_or(items.span()), items.span(), || self.expr(items)))
    }

    /// On one line, or its head, its element and its condition on lines of their own.
    fn comprehension(&self, each: &Comprehension) -> Doc {
        let first = each.names.first().map_or(each.items.span(), |name| name.span);
        let head = Doc::text("for ").then(self.each(&each.names, &each.items)).then(" :");
        let value = match &each.key {
            Some(key) => Element { span: key.span().to(each.value.span()), doc: self.pair(key, &each.value) },
            None => Element { span: each.value.span(), doc: self.expr(&each.value) },
        };
        let mut parts = vec![Element { span: first.to(each.items.span()), doc: head }, value];
        parts.extend(
            each.condition
                .as_ref()
                .map(|condition| Element { span: condition.span(), doc: Doc::text("if ").then(self.expr(condition)) }),
        );
        let brackets = if each.key.is_some() { ("{", "}") } else { ("[", "]") };
        let mut end = each.span.start;
        let mut gaps = parts.iter().map(|part| part.span).chain([Span::at(each.span.end as usize)]);
        let on_one_line = gaps.all(|span| {
            let joined = self.trivia.line(end) == self.trivia.line(span.start);
            end = span.end;
            joined
        });
        if !on_one_line {
            return self.lines(brackets, each.span, parts);
        }
        let parts = Doc::join(parts.into_iter().map(|part| part.doc), " ");
        Doc::text(brackets.0).then(parts).then(brackets.1)
    }

    fn lambda(&self, lambda: &Lambda) -> Doc {
        let parens = self.parens(lambda.span.start, lambda.result.span().start);
        let between = self.has_comments(parens.end, lambda.result.span().start);
        if between || self.has_comments(lambda.result.span().end, lambda.body.span.start) {
            return self.verbatim(lambda.span);
        }
        let head = Doc::text("fn").then(self.params(parens, &lambda.params)).then(" ").then(self.ty(&lambda.result));
        head.then(" ").then(self.block(&lambda.body))
    }

    fn condition(&self, choice: &IfExpr) -> Doc {
        let has_inner = choice.branches.iter().any(|branch| {
            let condition = branch.condition.span();
            self.has_comments(branch.span.start, condition.start)
                || self.has_comments(condition.end, branch.body.span.start)
        });
        if has_inner {
            return self.verbatim(choice.span);
        }
        let mut doc = Doc::nil();
        let mut end = None;
        for branch in &choice.branches {
            if let Some(end) = end {
                doc = doc.then(self.before_else(end, branch.span.start)).then("else ");
            }
            doc = doc.then("if ").then(self.expr(&branch.condition)).then(" ").then(self.block(&branch.body));
            end = Some(branch.body.span.end);
        }
        match (&choice.otherwise, end) {
            (Some(otherwise), Some(end)) => {
                doc.then(self.before_else(end, otherwise.span.start)).then("else ").then(self.block(otherwise))
            }
            _ => doc,
        }
    }

    /// What stands between the end of a block and the `else` behind it.
    fn before_else(&self, end: u32, next: u32) -> Doc {
        match self.has_comments(end, next) {
            true => self.broken(Span { start: end, end: next }),
            false => Doc::text(" "),
        }
    }

    fn choice(&self, choice: &MatchExpr) -> Doc {
        let value = choice.value.span();
        if self.has_comments(choice.span.start, value.start) || self.has_comments(value.end, choice.body.start) {
            return self.verbatim(choice.span);
        }
        Doc::text("match ").then(self.expr(&choice.value)).then(" ").then(self.arms(choice))
    }

    /// A string as it stands, but for the expressions in it and the indentation of a heredoc's closing word.
    pub(super) fn string(&self, string: &StringLit) -> Doc {
        let (open, close) = match &string.form {
            StringForm::Quoted => ("\"".to_owned(), "\""),
            StringForm::Raw => ("`".to_owned(), "`"),
            StringForm::Heredoc { layout, raw, word } => {
                let sign = match layout {
                    HeredocLayout::Literal => "",
                    HeredocLayout::Dedent => "-",
                    HeredocLayout::Fold => "~",
                };
                let tick = if *raw { "`" } else { "" };
                (format!("<<{sign}{tick}{word}{tick}"), word.as_str())
            }
        };
        let is_heredoc = matches!(string.form, StringForm::Heredoc { .. });
        let mut doc = Doc::text(open);
        for (at, part) in string.parts.iter().enumerate() {
            let is_last = at + 1 == string.parts.len();
            doc = match part {
                StringPart::Text(span) if is_heredoc && is_last => self.heredoc_end(doc, *span),
                StringPart::Text(span) | StringPart::Escape(span) => doc.then(self.verbatim(*span)),
                StringPart::Interpolation(_, Some(expr)) => doc.then("${").then(self.expr(expr)).then("}"),
                StringPart::Interpolation(span, None) => doc.then(self.verbatim(*span)),
            };
        }
        doc.then(close)
    }

    /// The text before a heredoc's closing word. Newlines and tabs at its end are no part of the value, so the closing
    /// word takes the indentation of the statement; spaces are part of it, and stay.
    fn heredoc_end(&self, doc: Doc, span: Span) -> Doc {
        let text = self.slice(span);
        let body = text.trim_end_matches('\t');
        match body.strip_suffix('\n') {
            Some(body) => doc.then(Doc::text(body)).then(Doc::Line),
            None => doc.then(Doc::text(text)),
        }
    }
}
