//! The outline of a text.
//!
//! Owns what appears in it and under what. Made from the syntax tree alone, so it is there while a text has mistakes.

mod workspace;

use hlb_language::ast::{
    Arg, BindTarget, Block, Decl, Element, Entry, Expr, Field, FuncDecl, Ident, Module, Param, PostfixOp, Stmt,
    StringLit, StringPart,
};
use hlb_language::span::Span;

use crate::analysis::Analysis;

/// One entry of the outline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Symbol {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// Its type and parameters: `fs (string pkg)`.
    pub detail: String,
    /// All of it.
    pub span: Span,
    /// Its name.
    pub name_span: Span,
    /// What it binds, its fields, its variants.
    pub children: Vec<Symbol>,
}

/// What an entry of the outline is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SymbolKind {
    /// A function.
    Function,
    /// Another file.
    Module,
    /// A name bound with `as`, or a result that a function declares.
    Bound,
    /// `let` at the top of a file.
    Constant,
    /// A record.
    Record,
    /// A field of a record.
    Field,
    /// An enum.
    Enum,
    /// A variant of an enum.
    Variant,
    /// A test.
    Test,
}

/// Blocks nested deeper than this are not looked into.
const DEEPEST: usize = 200;

impl Analysis {
    /// The declarations of the text and the names that they bind.
    pub fn symbols(&self) -> Vec<Symbol> {
        of(self.text().source().text(), self.text().tree())
    }
}

/// The outline of a module, in the order of its text.
fn of(text: &str, module: &Module) -> Vec<Symbol> {
    let outline = Outline { text };
    let mut found: Vec<Symbol> = module.decls.iter().filter_map(|decl| outline.declared(decl)).collect();
    keep_named(&mut found);
    found
}

/// What has no name yet is left out: editors refuse an outline with such an entry.
fn keep_named(symbols: &mut Vec<Symbol>) {
    symbols.retain(|symbol| !symbol.name.is_empty());
    symbols.iter_mut().for_each(|symbol| keep_named(&mut symbol.children));
}

struct Outline<'t> {
    text: &'t str,
}

impl Outline<'_> {
    fn declared(&self, decl: &Decl) -> Option<Symbol> {
        let (kind, name, detail, children) = match decl {
            Decl::Import(import) => (SymbolKind::Module, &import.name, "import".to_owned(), Vec::new()),
            Decl::Func(func) => {
                let detail = format!("{} ({})", self.slice(func.result.span()), self.params(&func.params));
                (SymbolKind::Function, &func.name, detail, self.bound_in(func))
            }
            Decl::Let(constant) => {
                let detail = constant.ty.as_ref().map_or("let", |ty| self.slice(ty.span()));
                (SymbolKind::Constant, &constant.name, detail.to_owned(), Vec::new())
            }
            Decl::Record(record) => {
                let fields = record.fields.iter().map(|field| self.field(field)).collect();
                (SymbolKind::Record, &record.name, "type".to_owned(), fields)
            }
            Decl::Enum(decl) => {
                let variant = |it: &Ident| symbol(SymbolKind::Variant, it, it.span, decl.name.text.to_string());
                let variants = decl.variants.iter().map(variant).collect();
                (SymbolKind::Enum, &decl.name, "enum".to_owned(), variants)
            }
            Decl::Test(test) => {
                let mut children = Vec::new();
                self.bound(&test.body, 0, &mut children);
                return Some(Symbol {
                    name: self.title(&test.name),
                    kind: SymbolKind::Test,
                    detail: "test".to_owned(),
                    span: test.span,
                    name_span: test.name.span,
                    children,
                });
            }
            Decl::Export(_) | Decl::Error(_) => return None,
        };
        Some(Symbol { children, ..symbol(kind, name, decl.span(), detail) })
    }

    fn field(&self, field: &Field) -> Symbol {
        symbol(SymbolKind::Field, &field.name, field.span, self.slice(field.ty.span()).to_owned())
    }

    /// The results that a function declares, and the names that its statements bind.
    fn bound_in(&self, func: &FuncDecl) -> Vec<Symbol> {
        let results = func.binds.iter().flat_map(|binds| &binds.effects);
        let result = |it: &Param| symbol(SymbolKind::Bound, &it.name, it.span, self.slice(it.ty.span()).to_owned());
        let mut found: Vec<Symbol> = results.map(result).collect();
        if let Some(body) = &func.body {
            self.bound(body, 0, &mut found);
        }
        found
    }

    fn params(&self, params: &[Param]) -> String {
        let shown = params.iter().map(|param| format!("{} {}", self.slice(param.ty.span()), param.name.text));
        shown.collect::<Vec<_>>().join(", ")
    }

    /// What stands between the quotes. An editor shows no entry without a name.
    fn title(&self, name: &StringLit) -> String {
        let parts = name.parts.iter().map(|part| match part {
            StringPart::Text(span) | StringPart::Escape(span) | StringPart::Interpolation(span, _) => self.slice(*span),
        });
        Some(parts.collect::<String>()).filter(|it| !it.trim().is_empty()).unwrap_or_else(|| "test".to_owned())
    }

    fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// The names that the statements of a block bind, those in option blocks included.
    fn bound(&self, block: &Block, depth: usize, found: &mut Vec<Symbol>) {
        if depth > DEEPEST {
            return;
        }
        for stmt in &block.stmts {
            match stmt {
                Stmt::Call(call) => {
                    self.args(&call.args, depth, found);
                    call.with.iter().for_each(|with| self.inside(&with.expr, depth, found));
                    let Some(bind) = &call.bind else { continue };
                    let names = match &bind.target {
                        BindTarget::None => Vec::new(),
                        BindTarget::Name(name) => vec![name],
                        BindTarget::List(_, binds) => binds.iter().map(|bind| &bind.name).collect(),
                    };
                    let detail = format!("bound by {}", call.callee.head.text);
                    found.extend(names.into_iter().map(|it| symbol(SymbolKind::Bound, it, call.span, detail.clone())));
                }
                Stmt::Expr(stmt) => self.inside(&stmt.expr, depth, found),
                Stmt::Let(stmt) => self.inside(&stmt.value, depth, found),
                Stmt::For(stmt) => {
                    self.inside(&stmt.items, depth, found);
                    self.bound(&stmt.body, depth + 1, found);
                }
                Stmt::Assert(stmt) => {
                    self.inside(&stmt.condition, depth, found);
                    stmt.message.iter().for_each(|message| self.inside(message, depth, found));
                }
                Stmt::Error(stmt) => stmt.blocks.iter().for_each(|block| self.bound(block, depth + 1, found)),
            }
        }
    }

    fn args(&self, args: &[Arg], depth: usize, found: &mut Vec<Symbol>) {
        args.iter().for_each(|arg| self.inside(arg.expr(), depth, found));
    }

    fn inside(&self, expr: &Expr, depth: usize, found: &mut Vec<Symbol>) {
        if depth > DEEPEST {
            return;
        }
        let depth = depth + 1;
        match expr {
            Expr::Func(literal) => self.bound(&literal.body, depth, found),
            Expr::Call(call) => call.args.iter().for_each(|(_, args)| self.args(args, depth, found)),
            Expr::Postfix(postfix) => {
                self.inside(&postfix.base, depth, found);
                for op in &postfix.ops {
                    match op {
                        PostfixOp::Field(_) => {}
                        PostfixOp::Call(_, args) => self.args(args, depth, found),
                        PostfixOp::Index(_, index) => self.inside(index, depth, found),
                    }
                }
            }
            Expr::Unary(unary) => self.inside(&unary.operand, depth, found),
            Expr::Binary(binary) => {
                self.inside(&binary.first, depth, found);
                binary.rest.iter().for_each(|(_, _, operand)| self.inside(operand, depth, found));
            }
            Expr::Paren(_, inner) => self.inside(inner, depth, found),
            Expr::List(list) => list.elements.iter().for_each(|element| match element {
                Element::Value(it) | Element::Spread(_, it) => self.inside(it, depth, found),
            }),
            Expr::Map(map) => map.entries.iter().for_each(|entry| match entry {
                Entry::Pair(key, value) => [key, value].iter().for_each(|it| self.inside(it, depth, found)),
                Entry::Spread(_, it) => self.inside(it, depth, found),
            }),
            Expr::For(each) => {
                let parts = [Some(&each.items), each.key.as_ref(), Some(&each.value), each.condition.as_ref()];
                parts.into_iter().flatten().for_each(|it| self.inside(it, depth, found));
            }
            Expr::Lambda(lambda) => self.bound(&lambda.body, depth, found),
            Expr::If(it) => {
                for branch in &it.branches {
                    self.inside(&branch.condition, depth, found);
                    self.bound(&branch.body, depth, found);
                }
                it.otherwise.iter().for_each(|block| self.bound(block, depth, found));
            }
            Expr::Match(it) => {
                self.inside(&it.value, depth, found);
                it.arms.iter().for_each(|arm| self.bound(&arm.body, depth, found));
            }
            Expr::String(text) => {
                for part in &text.parts {
                    if let StringPart::Interpolation(_, Some(it)) = part {
                        self.inside(it, depth, found);
                    }
                }
            }
            Expr::Int(_) | Expr::Bool(_) | Expr::None(_) | Expr::Error(_) => {}
        }
    }
}

/// An entry without any below it.
fn symbol(kind: SymbolKind, name: &Ident, span: Span, detail: String) -> Symbol {
    Symbol { name: name.text.to_string(), kind, detail, span, name_span: name.span, children: Vec::new() }
}
