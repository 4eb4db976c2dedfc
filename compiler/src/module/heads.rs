//! Which names a file uses, by its text alone.
//!
//! Owns the walk over the tree of a file: the names that stand as the first name of some callee, of the whole file and of what
//! one import is made from. What they mean is not known.

use ecow::EcoString;
use hlb_language::ast::{self, Decl, Expr, StringForm, StringPart};
use hlb_language::source::Source;
use rustc_hash::{FxHashMap, FxHashSet};

/// Names that are used.
pub(super) type Heads = FxHashSet<EcoString>;

/// The names that the functions and imports of a file use.
pub(super) fn of_file(tree: &ast::Module) -> Heads {
    let mut heads = Heads::default();
    for decl in &tree.decls {
        match decl {
            Decl::Func(func) => {
                if let Some(body) = &func.body {
                    block_heads(body, &mut heads);
                }
            }
            Decl::Import(import) => expr_heads(&import.source, &mut heads),
            Decl::Export(_) | Decl::Error(_) => {}
        }
    }
    heads
}

/// The names that an expression of a file uses, those of the functions that it calls in the same file among them.
pub(super) fn of_expr(tree: &ast::Module, expr: &Expr) -> Heads {
    let mut bodies: FxHashMap<&EcoString, &ast::Block> = FxHashMap::default();
    for decl in &tree.decls {
        if let Decl::Func(func) = decl
            && let Some(body) = &func.body
        {
            bodies.insert(&func.name.text, body);
        }
    }
    let mut heads = Heads::default();
    expr_heads(expr, &mut heads);
    let mut open: Vec<EcoString> = heads.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let Some(body) = bodies.remove(&name) else { continue };
        let mut inner = Heads::default();
        block_heads(body, &mut inner);
        open.extend(inner.iter().cloned());
        heads.extend(inner);
    }
    heads
}

/// What stands behind `from`.
pub(super) enum From {
    /// A string without interpolations or escapes, as paths are.
    Text(String),
    /// Something that has to be evaluated.
    Made,
    /// Something that is neither a text nor a filesystem, which the checker reports.
    Other,
}

impl From {
    pub(super) fn of(source: &Source, expr: &Expr) -> Self {
        let string = match expr {
            Expr::String(string) => string,
            Expr::Call(_) | Expr::Func(_) => return Self::Made,
            _ => return Self::Other,
        };
        if matches!(string.form, StringForm::Heredoc { .. }) {
            return Self::Made;
        }
        let mut text = String::new();
        for part in &string.parts {
            match part {
                StringPart::Text(span) => text.push_str(source.slice(*span)),
                StringPart::Escape(_) | StringPart::Interpolation(..) => return Self::Made,
            }
        }
        Self::Text(text)
    }
}

// These two follow the nesting of the text, which the parser limits.
fn block_heads(block: &ast::Block, heads: &mut Heads) {
    for stmt in &block.stmts {
        match stmt {
            ast::Stmt::Call(call) => {
                heads.insert(call.callee.head.text.clone());
                for expr in call.args.iter().chain(call.with.as_ref().map(|with| &with.expr)) {
                    expr_heads(expr, heads);
                }
            }
            ast::Stmt::Expr(stmt) => expr_heads(&stmt.expr, heads),
            ast::Stmt::Error(stmt) => {
                heads.extend(stmt.callee.as_ref().map(|path| path.head.text.clone()));
                for block in &stmt.blocks {
                    block_heads(block, heads);
                }
            }
        }
    }
}

fn expr_heads(expr: &Expr, heads: &mut Heads) {
    match expr {
        Expr::Func(literal) => block_heads(&literal.body, heads),
        Expr::String(string) => {
            for part in &string.parts {
                if let StringPart::Interpolation(_, Some(expr)) = part {
                    expr_heads(expr, heads);
                }
            }
        }
        Expr::Call(call) => {
            heads.insert(call.callee.head.text.clone());
            for expr in call.args.iter().flat_map(|(_, args)| args) {
                expr_heads(expr, heads);
            }
        }
        Expr::Int(_) | Expr::Bool(_) | Expr::Error(_) => {}
    }
}
