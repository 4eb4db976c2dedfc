//! How declarations look.
//!
//! Owns the style of files, declarations and types. A block or a list is written on one line if it was on one line, else line
//! by line.

use crate::ast::{
    BindsClause, Decl, EnumDecl, Field, FuncDecl, LetDecl, Module, OptionsClause, Param, RecordDecl, TypeExpr,
};
use crate::format::doc::Doc;
use crate::format::layout::{Element, Layout};
use crate::span::Span;
use crate::trivia::Trivia;

/// The style, on one text.
pub(crate) struct Rules<'a> {
    text: &'a str,
    pub(super) trivia: &'a Trivia,
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
            // Functions and types are set off; what takes a line may stand in groups.
            let alike = matches!(
                (before, decl),
                (Some(Decl::Import(_)), Decl::Import(_))
                    | (Some(Decl::Export(_)), Decl::Export(_))
                    | (Some(Decl::Let(_)), Decl::Let(_))
            );
            layout.line(Element { span: decl.span(), doc: self.decl(decl) }, !alike);
            before = Some(decl);
        }
        let end = Span::at(self.text.len()).start;
        let is_empty = module.decls.is_empty() && self.trivia.comments().is_empty();
        let doc = layout.finish(end);
        if is_empty { Doc::nil() } else { doc.then(Doc::Line) }
    }

    pub(super) fn layout(&self, end: u32, opened: bool) -> Layout<'a> {
        Layout::new(self.text, self.trivia, end, opened)
    }

    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or("")
    }

    pub(super) fn verbatim(&self, span: Span) -> Doc {
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
            Decl::Let(constant) => self.constant(constant),
            Decl::Record(record) => self.record(record),
            Decl::Enum(decl) => self.variants(decl),
            Decl::Test(test) => Doc::text("test ").then(self.string(&test.name)).then(" ").then(self.block(&test.body)),
            Decl::Error(span) => self.verbatim(*span),
        }
    }

    fn prefix(export: Option<Span>) -> Doc {
        Doc::text(if export.is_some() { "export " } else { "" })
    }

    fn func(&self, func: &FuncDecl) -> Doc {
        let behind = (func.options.as_ref().map(|options| options.span))
            .or(func.binds.as_ref().map(|binds| binds.span))
            .or(func.body.as_ref().map(|body| body.span));
        let limit = behind.map_or(func.span.end, |span| span.start);
        let parens = self.parens(func.name.span.end, limit);
        let mut doc = Self::prefix(func.export).then(self.ty(&func.result)).then(" ").then(func.name.text.as_str());
        if !func.type_params.is_empty() {
            let names = func.type_params.iter().map(|name| Doc::text(name.text.as_str()));
            doc = doc.then("<").then(Doc::join(names, ", ")).then(">");
        }
        doc = doc.then(self.params(parens, &func.params));
        if let Some(OptionsClause { span, options }) = &func.options {
            let behind_word = span.start + "with".len() as u32;
            doc = doc.then(" with ").then(self.params(self.parens(behind_word, span.end), options));
        }
        if let Some(BindsClause { span, effects }) = &func.binds {
            let behind_word = span.start + "binds".len() as u32;
            doc = doc.then(" binds ").then(self.params(self.parens(behind_word, span.end), effects));
        }
        match &func.body {
            Some(body) => doc.then(" ").then(self.block(body)),
            None => doc,
        }
    }

    /// The parentheses of a list that the tree has no span for: the first behind `from`, and the last before `until`.
    /// Between them and what stands around them there is only white space.
    pub(super) fn parens(&self, from: u32, until: u32) -> Span {
        let text = self.slice(Span { start: from, end: until });
        let open = text.find('(').unwrap_or(0);
        let close = text.trim_end().len();
        Span::new(from as usize + open, from as usize + close)
    }

    pub(super) fn params(&self, parens: Span, params: &[Param]) -> Doc {
        let elements = params.iter().map(|param| {
            let variadic = if param.variadic.is_some() { "variadic " } else { "" };
            let doc = Doc::text(variadic).then(self.ty(&param.ty)).then(" ").then(param.name.text.as_str());
            Element { span: param.span, doc: self.with_default(doc, param.name.span, param.default.as_deref()) }
        });
        self.list(("(", ")"), parens, elements.collect())
    }

    fn constant(&self, constant: &LetDecl) -> Doc {
        Self::prefix(constant.export).then(self.binding(constant.ty.as_ref(), &constant.name, &constant.value))
    }

    fn record(&self, record: &RecordDecl) -> Doc {
        let field = |field: &Field| {
            let doc = self.ty(&field.ty).then(" ").then(field.name.text.as_str());
            Element { span: field.span, doc: self.with_default(doc, field.name.span, field.default.as_deref()) }
        };
        let head = Self::prefix(record.export).then("type ").then(record.name.text.as_str()).then(" ");
        head.then(self.braces(record.body, record.fields.iter().map(field).collect(), ";"))
    }

    fn variants(&self, decl: &EnumDecl) -> Doc {
        let variants = decl.variants.iter();
        let variants =
            variants.map(|variant| Element { span: variant.span, doc: Doc::text(variant.text.as_str()) }).collect();
        let head = Self::prefix(decl.export).then("enum ").then(decl.name.text.as_str()).then(" ");
        head.then(self.braces(decl.body, variants, ""))
    }

    /// A type; one with comments in it stays as it is.
    pub(super) fn ty(&self, ty: &TypeExpr) -> Doc {
        if !self.trivia.comments_in(ty.span()).is_empty() {
            return self.verbatim(ty.span());
        }
        match ty {
            TypeExpr::Name(name) => Doc::text(name.text.as_str()),
            TypeExpr::Member(path) => self.path(path),
            TypeExpr::List(_, inner) => Doc::text("[").then(self.ty(inner)).then("]"),
            TypeExpr::Map(_, inner) => Doc::text("map[").then(self.ty(inner)).then("]"),
            TypeExpr::Optional(_, inner) => self.ty(inner).then("?"),
            TypeExpr::Func(_, params, result) => {
                let params = Doc::join(params.iter().map(|param| self.ty(param)), ", ");
                Doc::text("fn(").then(params).then(") ").then(self.ty(result))
            }
        }
    }
}
