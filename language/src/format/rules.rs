//! How each node looks.
//!
//! Owns the style. A block or a list is written on one line if it was on one line, else line by line.

use crate::ast::{
    BindTarget, BindsClause, Block, CallExpr, CallStmt, Decl, Expr, FuncDecl, HeredocLayout, Module, Param, Path, Stmt,
    StringForm, StringLit, StringPart,
};
use crate::format::doc::Doc;
use crate::format::layout::{Element, Layout};
use crate::span::Span;
use crate::trivia::Trivia;

/// The style, on one text.
pub(crate) struct Rules<'a> {
    text: &'a str,
    trivia: &'a Trivia,
}

impl<'a> Rules<'a> {
    pub(crate) fn new(text: &'a str, trivia: &'a Trivia) -> Self {
        Self { text, trivia }
    }

    /// A whole file; it ends in one newline unless it is empty.
    pub(crate) fn module(&self, module: &Module) -> Doc {
        let mut layout = self.layout(0, false);
        let mut before: Option<&Decl> = None;
        for decl in &module.decls {
            // Functions are set off; imports and exports may stand in groups.
            let alike = matches!(
                (before, decl),
                (Some(Decl::Import(_)), Decl::Import(_)) | (Some(Decl::Export(_)), Decl::Export(_))
            );
            layout.line(Element { span: decl.span(), doc: self.decl(decl) }, !alike);
            before = Some(decl);
        }
        let end = Span::at(self.text.len()).start;
        let is_empty = module.decls.is_empty() && self.trivia.comments().is_empty();
        let doc = layout.finish(end);
        if is_empty { Doc::nil() } else { doc.then(Doc::Line) }
    }

    fn layout(&self, end: u32, opened: bool) -> Layout<'a> {
        Layout::new(self.text, self.trivia, end, opened)
    }

    fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or("")
    }

    fn verbatim(&self, span: Span) -> Doc {
        Doc::text(self.slice(span))
    }

    fn decl(&self, decl: &Decl) -> Doc {
        match decl {
            Decl::Import(import) => {
                let from = if import.from.is_some() { " from " } else { " " };
                let head = Doc::text(format!("import {}{from}", import.name.text));
                head.then(self.expr(&import.source))
            }
            Decl::Export(export) => Doc::text(format!("export {}", export.name.text)),
            Decl::Func(func) => self.func(func),
            Decl::Let(_) | Decl::Record(_) | Decl::Enum(_) | Decl::Test(_) => self.verbatim(decl.span()),
            Decl::Error(span) => self.verbatim(*span),
        }
    }

    fn func(&self, func: &FuncDecl) -> Doc {
        let behind = func.binds.as_ref().map(|binds| binds.span).or(func.body.as_ref().map(|body| body.span));
        let limit = behind.map_or(func.span.end, |span| span.start);
        let parens = self.parens(func.name.span.end, limit);
        let mut doc = Doc::text(format!("{} {}", self.slice(func.result.span()), func.name.text))
            .then(self.params(parens, &func.params));
        if let Some(binds) = &func.binds {
            doc = doc.then(" binds ").then(self.binds(binds));
        }
        match &func.body {
            Some(body) => doc.then(" ").then(self.block(body)),
            None => doc,
        }
    }

    fn binds(&self, binds: &BindsClause) -> Doc {
        let behind_word = binds.span.start + "binds".len() as u32;
        self.params(self.parens(behind_word, binds.span.end), &binds.effects)
    }

    /// The parentheses of a list that the tree has no span for: the first behind `from`, and the last before `until`.
    /// Between them and what stands around them there is only white space.
    fn parens(&self, from: u32, until: u32) -> Span {
        let text = self.slice(Span { start: from, end: until });
        let open = text.find('(').unwrap_or(0);
        let close = text.trim_end().len();
        Span::new(from as usize + open, from as usize + close)
    }

    fn params(&self, parens: Span, params: &[Param]) -> Doc {
        let elements = params.iter().map(|param| {
            let variadic = if param.variadic.is_some() { "variadic " } else { "" };
            let doc = Doc::text(format!("{variadic}{} {}", self.slice(param.ty.span()), param.name.text));
            Element { span: param.span, doc }
        });
        self.list(parens, elements.collect())
    }

    /// `(a, b)`, or a line for each line that the elements were on.
    fn list(&self, parens: Span, elements: Vec<Element>) -> Doc {
        let mut end = parens.start;
        let mut gaps = elements.iter().map(|element| element.span).chain([Span::at(parens.end as usize)]);
        let on_one_line = gaps.all(|span| {
            let joined = self.trivia.line(end) == self.trivia.line(span.start);
            end = span.end;
            joined
        });
        if on_one_line {
            return Doc::text("(").then(Doc::join(elements.into_iter().map(|element| element.doc), ", ")).then(")");
        }
        if elements.is_empty() && self.trivia.comments_in(parens).is_empty() {
            return Doc::text("()");
        }
        let mut layout = self.layout(parens.start + 1, true);
        for Element { span, doc } in elements {
            layout.item(Element { span, doc: doc.then(",") });
        }
        Doc::text("(").then(layout.finish(parens.end).nest()).then(Doc::Line).then(")")
    }

    fn block(&self, block: &Block) -> Doc {
        let has_comment = !self.trivia.comments_in(block.span).is_empty();
        if block.stmts.is_empty() && !has_comment {
            return Doc::text("{}");
        }
        if self.trivia.line(block.span.start) == self.trivia.line(block.span.end) {
            let stmts = block.stmts.iter().map(|stmt| self.stmt(stmt).then(";"));
            return Doc::text("{ ").then(Doc::join(stmts, " ")).then(" }");
        }
        let mut layout = self.layout(block.span.start + 1, true);
        for stmt in &block.stmts {
            layout.line(Element { span: stmt.span(), doc: self.stmt(stmt) }, false);
        }
        Doc::text("{").then(layout.finish(block.span.end).nest()).then(Doc::Line).then("}")
    }

    fn stmt(&self, stmt: &Stmt) -> Doc {
        match stmt {
            Stmt::Call(call) => self.call_stmt(call),
            Stmt::Expr(stmt) => self.expr(&stmt.expr),
            Stmt::Let(_) | Stmt::For(_) | Stmt::Assert(_) => self.verbatim(stmt.span()),
            Stmt::Error(error) => self.verbatim(error.span),
        }
    }

    fn call_stmt(&self, call: &CallStmt) -> Doc {
        let mut doc = self.path(&call.callee);
        for arg in &call.args {
            doc = doc.then(" ").then(self.expr(arg.expr()));
        }
        if let Some(with) = &call.with {
            doc = doc.then(" with ").then(self.expr(&with.expr));
        }
        let Some(bind) = &call.bind else { return doc };
        match &bind.target {
            BindTarget::None => doc.then(" as"),
            BindTarget::Name(name) => doc.then(Doc::text(format!(" as {}", name.text))),
            BindTarget::List(parens, binds) => {
                let elements = binds.iter().map(|bind| {
                    let doc = Doc::text(format!("{} {}", bind.effect.text, bind.name.text));
                    Element { span: bind.span, doc }
                });
                doc.then(" as ").then(self.list(*parens, elements.collect()))
            }
        }
    }

    fn path(&self, path: &Path) -> Doc {
        match &path.member {
            Some(member) => Doc::text(format!("{}.{}", path.head.text, member.text)),
            None => Doc::text(path.head.text.as_str()),
        }
    }

    fn expr(&self, expr: &Expr) -> Doc {
        match expr {
            Expr::Func(func) => Doc::text(format!("{} ", func.kind.text)).then(self.block(&func.body)),
            // `0X1F` becomes `0x1f`; a decimal number has no letters.
            Expr::Int(int) => Doc::text(self.slice(int.span).to_ascii_lowercase()),
            Expr::Bool(lit) => Doc::text(if lit.value { "true" } else { "false" }),
            Expr::String(string) => self.string(string),
            Expr::Call(call) => self.call_expr(call),
            other => self.verbatim(other.span()),
        }
    }

    fn call_expr(&self, call: &CallExpr) -> Doc {
        let path = self.path(&call.callee);
        let Some((parens, args)) = &call.args else { return path };
        let elements = args.iter().map(|arg| Element { span: arg.span(), doc: self.expr(arg.expr()) });
        path.then(self.list(*parens, elements.collect()))
    }

    /// A string as it stands, but for the expressions in it and the indentation of a heredoc's closing word.
    fn string(&self, string: &StringLit) -> Doc {
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
