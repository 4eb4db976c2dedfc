//! The outline of a text.
//!
//! Owns what appears in it and under what. Made from the syntax tree alone, so it is there while a text has mistakes.

use hlb_language::ast::{BindTarget, Block, Decl, Expr, Module, Stmt};
use hlb_language::span::Span;

/// One entry of the outline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Symbol {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// Its kind and parameters: `fs (string pkg)`.
    pub detail: String,
    /// All of it.
    pub span: Span,
    /// Its name.
    pub name_span: Span,
    /// What it binds.
    pub children: Vec<Symbol>,
}

/// What an entry of the outline is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SymbolKind {
    /// A function.
    Function,
    /// Another file.
    Module,
    /// A name bound with `as`.
    Bound,
}

/// Blocks nested deeper than this are not looked into.
const DEEPEST: usize = 200;

/// The outline of a module, in the order of its text.
pub(crate) fn of(module: &Module) -> Vec<Symbol> {
    module.decls.iter().filter_map(declared).collect()
}

fn declared(decl: &Decl) -> Option<Symbol> {
    match decl {
        Decl::Import(import) => Some(Symbol {
            name: import.name.text.to_string(),
            kind: SymbolKind::Module,
            detail: "import".to_owned(),
            span: import.span,
            name_span: import.name.span,
            children: Vec::new(),
        }),
        Decl::Func(func) => {
            let params: Vec<String> =
                func.params.iter().map(|param| format!("{} {}", param.kind.text, param.name.text)).collect();
            let mut children = Vec::new();
            if let Some(body) = &func.body {
                bound(body, 0, &mut children);
            }
            Some(Symbol {
                name: func.name.text.to_string(),
                kind: SymbolKind::Function,
                detail: format!("{} ({})", func.kind.text, params.join(", ")),
                span: func.span,
                name_span: func.name.span,
                children,
            })
        }
        Decl::Export(_) | Decl::Error(_) => None,
    }
}

/// The names that the statements of a block bind, those in option blocks included.
fn bound(block: &Block, depth: usize, found: &mut Vec<Symbol>) {
    if depth > DEEPEST {
        return;
    }
    for stmt in &block.stmts {
        match stmt {
            Stmt::Call(call) => {
                let exprs = call.args.iter().chain(call.with.as_ref().map(|with| &with.expr));
                exprs.for_each(|expr| inside(expr, depth, found));
                let Some(bind) = &call.bind else { continue };
                let names = match &bind.target {
                    BindTarget::None => Vec::new(),
                    BindTarget::Name(name) => vec![name],
                    BindTarget::List(_, binds) => binds.iter().map(|bind| &bind.name).collect(),
                };
                found.extend(names.into_iter().map(|name| Symbol {
                    name: name.text.to_string(),
                    kind: SymbolKind::Bound,
                    detail: format!("bound by {}", call.callee.head.text),
                    span: call.span,
                    name_span: name.span,
                    children: Vec::new(),
                }));
            }
            Stmt::Expr(stmt) => inside(&stmt.expr, depth, found),
            Stmt::Error(stmt) => stmt.blocks.iter().for_each(|block| bound(block, depth + 1, found)),
        }
    }
}

fn inside(expr: &Expr, depth: usize, found: &mut Vec<Symbol>) {
    match expr {
        Expr::Func(literal) => bound(&literal.body, depth + 1, found),
        Expr::Call(call) => {
            let args = call.args.iter().flat_map(|(_, args)| args);
            if depth <= DEEPEST {
                args.for_each(|arg| inside(arg, depth + 1, found));
            }
        }
        _ => {}
    }
}
