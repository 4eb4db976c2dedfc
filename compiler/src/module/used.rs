//! Which names a file uses.
//!
//! Owns the search for names that may be imports: the first name of every path. An import that nothing uses is not read.

use ecow::EcoString;
use hlb_language::ast::{
    Arg, Block, Decl, Element, Entry, Expr, FuncDecl, Module, Param, Path, Pattern, PostfixOp, Stmt, StringLit,
    StringPart, TypeExpr,
};
use rustc_hash::{FxHashMap, FxHashSet};

/// The names that stand as the first name of some path.
pub(super) fn names(tree: &Module) -> FxHashSet<EcoString> {
    let mut used = Used(FxHashSet::default());
    for decl in &tree.decls {
        used.decl(decl);
    }
    used.0
}

/// The same without what stands in the bodies of functions and tests: what somebody needs who only wants to know what a file
/// declares.
pub(super) fn heads(tree: &Module) -> FxHashSet<EcoString> {
    let mut used = Used(FxHashSet::default());
    for decl in &tree.decls {
        match decl {
            Decl::Func(func) => used.head(func),
            Decl::Test(_) => {}
            decl => used.decl(decl),
        }
    }
    used.0
}

/// The names that an expression of a file uses, those that what it uses of the same file uses among them.
pub(super) fn by(tree: &Module, expr: &Expr) -> FxHashSet<EcoString> {
    let mut decls: FxHashMap<&EcoString, &Decl> = FxHashMap::default();
    for decl in &tree.decls {
        let name = match decl {
            Decl::Func(decl) => &decl.name,
            Decl::Let(decl) => &decl.name,
            Decl::Record(decl) => &decl.name,
            Decl::Import(_) | Decl::Export(_) | Decl::Enum(_) | Decl::Test(_) | Decl::Error(_) => continue,
        };
        decls.insert(&name.text, decl);
    }
    let mut used = Used(FxHashSet::default());
    used.expr(expr);
    let mut open: Vec<EcoString> = used.0.iter().cloned().collect();
    while let Some(name) = open.pop() {
        let Some(decl) = decls.remove(&name) else { continue };
        let mut inner = Used(FxHashSet::default());
        inner.decl(decl);
        open.extend(inner.0.iter().cloned());
        used.0.extend(inner.0);
    }
    used.0
}

struct Used(FxHashSet<EcoString>);

// All of this follows the nesting of the text, which the parser limits.
impl Used {
    fn head(&mut self, func: &FuncDecl) {
        self.ty(&func.result);
        self.params(&func.params);
        self.params(func.options.as_ref().map_or(&[], |clause| &clause.options));
        self.params(func.binds.as_ref().map_or(&[], |clause| &clause.effects));
    }

    fn decl(&mut self, decl: &Decl) {
        match decl {
            Decl::Func(func) => {
                self.head(func);
                if let Some(body) = &func.body {
                    self.block(body);
                }
            }
            Decl::Import(import) => self.expr(&import.source),
            Decl::Let(decl) => {
                if let Some(ty) = &decl.ty {
                    self.ty(ty);
                }
                self.expr(&decl.value);
            }
            Decl::Record(record) => {
                for field in &record.fields {
                    self.ty(&field.ty);
                    if let Some(default) = &field.default {
                        self.expr(default);
                    }
                }
            }
            Decl::Test(test) => self.block(&test.body),
            Decl::Export(_) | Decl::Enum(_) | Decl::Error(_) => {}
        }
    }

    fn path(&mut self, path: &Path) {
        self.0.insert(path.head.text.clone());
    }

    fn params(&mut self, params: &[Param]) {
        for param in params {
            self.ty(&param.ty);
            if let Some(default) = &param.default {
                self.expr(default);
            }
        }
    }

    fn ty(&mut self, ty: &TypeExpr) {
        match ty {
            TypeExpr::Name(_) => {}
            TypeExpr::Member(path) => self.path(path),
            TypeExpr::List(_, item) | TypeExpr::Map(_, item) | TypeExpr::Optional(_, item) => self.ty(item),
            TypeExpr::Func(_, params, result) => {
                params.iter().for_each(|param| self.ty(param));
                self.ty(result);
            }
        }
    }

    fn block(&mut self, block: &Block) {
        for stmt in &block.stmts {
            match stmt {
                Stmt::Call(call) => {
                    self.path(&call.callee);
                    self.args(&call.args);
                    if let Some(with) = &call.with {
                        self.expr(&with.expr);
                    }
                }
                Stmt::Expr(stmt) => self.expr(&stmt.expr),
                Stmt::Let(stmt) => {
                    if let Some(ty) = &stmt.ty {
                        self.ty(ty);
                    }
                    self.expr(&stmt.value);
                }
                Stmt::For(stmt) => {
                    self.expr(&stmt.items);
                    self.block(&stmt.body);
                }
                Stmt::Assert(stmt) => {
                    self.expr(&stmt.condition);
                    if let Some(message) = &stmt.message {
                        self.expr(message);
                    }
                }
                Stmt::Error(stmt) => {
                    if let Some(path) = &stmt.callee {
                        self.path(path);
                    }
                    stmt.blocks.iter().for_each(|block| self.block(block));
                }
            }
        }
    }

    fn args(&mut self, args: &[Arg]) {
        for arg in args {
            self.expr(arg.expr());
        }
    }

    fn string(&mut self, string: &StringLit) {
        for part in &string.parts {
            if let StringPart::Interpolation(_, Some(expr)) = part {
                self.expr(expr);
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Func(literal) => self.block(&literal.body),
            Expr::String(string) => self.string(string),
            Expr::Call(call) => {
                self.path(&call.callee);
                if let Some((_, args)) = &call.args {
                    self.args(args);
                }
            }
            Expr::Postfix(postfix) => {
                self.expr(&postfix.base);
                for op in &postfix.ops {
                    match op {
                        PostfixOp::Field(_) => {}
                        PostfixOp::Call(_, args) => self.args(args),
                        PostfixOp::Index(_, index) => self.expr(index),
                    }
                }
            }
            Expr::Unary(unary) => self.expr(&unary.operand),
            Expr::Binary(binary) => {
                self.expr(&binary.first);
                binary.rest.iter().for_each(|(_, _, operand)| self.expr(operand));
            }
            Expr::Paren(_, inner) => self.expr(inner),
            Expr::List(list) => {
                for element in &list.elements {
                    let (Element::Value(expr) | Element::Spread(_, expr)) = element;
                    self.expr(expr);
                }
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    match entry {
                        Entry::Pair(key, value) => {
                            self.expr(key);
                            self.expr(value);
                        }
                        Entry::Spread(_, expr) => self.expr(expr),
                    }
                }
            }
            Expr::For(comprehension) => {
                self.expr(&comprehension.items);
                self.expr(&comprehension.value);
                comprehension.key.iter().chain(&comprehension.condition).for_each(|expr| self.expr(expr));
            }
            Expr::Lambda(lambda) => {
                self.params(&lambda.params);
                self.ty(&lambda.result);
                self.block(&lambda.body);
            }
            Expr::If(branches) => {
                for branch in &branches.branches {
                    self.expr(&branch.condition);
                    self.block(&branch.body);
                }
                if let Some(otherwise) = &branches.otherwise {
                    self.block(otherwise);
                }
            }
            Expr::Match(matched) => {
                self.expr(&matched.value);
                for arm in &matched.arms {
                    for pattern in &arm.patterns {
                        match pattern {
                            Pattern::Member(path) => self.path(path),
                            Pattern::Literal(expr) => self.expr(expr),
                            Pattern::Name(_) | Pattern::Any(_) | Pattern::Error(_) => {}
                        }
                    }
                    self.block(&arm.body);
                }
            }
            Expr::Int(_) | Expr::Bool(_) | Expr::None(_) | Expr::Error(_) => {}
        }
    }
}
