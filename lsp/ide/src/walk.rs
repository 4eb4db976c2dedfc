//! A walk through a syntax tree.
//!
//! Owns the order, which is that of the text but for what stands in front of a declaration's name, and what part each name plays.
//! Knows no meaning of names.

use hlb_language::ast::{
    Arg, BindTarget, Block, Comprehension, Decl, Element, Entry, Expr, FuncDecl, Ident, IfExpr, MatchExpr, Module,
    Param, Path, Pattern, PostfixOp, Stmt, StringLit, StringPart, TypeExpr,
};
use hlb_language::span::Span;

/// Trees nested deeper than this are not looked into; the parser takes no text that is.
const DEEPEST: usize = 400;

/// A part of a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node<'t> {
    /// A declaration.
    Decl(&'t Decl),
    /// The fields of a record, the variants of an enum, the arms of a `match`: from brace to brace.
    Body(Span),
    /// `with …`, `as …`, `binds …`, a branch, an arm.
    Clause(Span),
    /// From parenthesis to parenthesis.
    Parens(Span),
    /// Statements.
    Block(&'t Block),
    /// A statement.
    Stmt(&'t Stmt),
    /// An expression.
    Expr(&'t Expr),
    /// A string that is no expression: the name of a test.
    Text(&'t StringLit),
    /// An argument.
    Arg(&'t Arg),
    /// A parameter, an option, a result, a field.
    Param(Span),
    /// A type.
    Type(&'t TypeExpr),
    /// A name.
    Name(Role, &'t Ident),
}

/// What part a name plays where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// It names an import, where that is declared.
    Import,
    /// It names what is declared at the top of a file.
    Declared,
    /// It names a test's, a function's or a record's part, where that is declared.
    Part,
    /// It is defined inside of a function: `let`, `for`, the parameter of a function literal.
    Local,
    /// It stands behind `as`.
    Bound,
    /// It says in `as (result name)` which result.
    Result,
    /// It is exported.
    Exported,
    /// It is used.
    Used,
    /// It is used in front of a dot.
    Head,
    /// It stands behind a dot.
    Member,
    /// It names an argument.
    Named,
    /// It is a type, or a part of one.
    Type,
    /// It is a type parameter, where that is declared.
    TypeParam,
    /// It is a pattern.
    Pattern,
}

impl Role {
    /// Whether the name gets its meaning here.
    pub(crate) fn defines(self) -> bool {
        matches!(self, Self::Import | Self::Declared | Self::Part | Self::Local | Self::Bound | Self::TypeParam)
    }
}

impl Node<'_> {
    /// The extent of the part.
    pub(crate) fn span(&self) -> Span {
        match self {
            Node::Decl(decl) => decl.span(),
            Node::Body(span) | Node::Clause(span) | Node::Parens(span) | Node::Param(span) => *span,
            Node::Block(block) => block.span,
            Node::Stmt(stmt) => stmt.span(),
            Node::Expr(expr) => expr.span(),
            Node::Text(text) => text.span,
            Node::Arg(arg) => arg.span(),
            Node::Type(ty) => ty.span(),
            Node::Name(_, name) => name.span,
        }
    }
}

/// Whether a part may evaluate several times what stands at a place in it.
pub(crate) fn repeats(node: &Node<'_>, at: Span) -> bool {
    match node {
        Node::Stmt(Stmt::For(stmt)) => stmt.body.span.contains(at),
        Node::Expr(Expr::For(each)) => each.span.contains(at) && !each.items.span().contains(at),
        Node::Expr(Expr::Lambda(lambda)) => lambda.body.span.contains(at),
        _ => false,
    }
}

/// Shows each part of a tree to `see`, outer ones first.
pub(crate) fn walk<'t>(module: &'t Module, see: &mut dyn FnMut(Node<'t>)) {
    let mut walker = Walker { see, depth: 0 };
    module.decls.iter().for_each(|decl| walker.decl(decl));
}

struct Walker<'w, 't> {
    see: &'w mut dyn FnMut(Node<'t>),
    depth: usize,
}

impl<'t> Walker<'_, 't> {
    fn see(&mut self, node: Node<'t>) {
        (self.see)(node);
    }

    fn name(&mut self, role: Role, name: &'t Ident) {
        self.see(Node::Name(role, name));
    }

    fn decl(&mut self, decl: &'t Decl) {
        self.see(Node::Decl(decl));
        match decl {
            Decl::Import(import) => {
                self.name(Role::Import, &import.name);
                self.expr(&import.source);
            }
            Decl::Export(export) => self.name(Role::Exported, &export.name),
            Decl::Func(func) => self.func(func),
            Decl::Let(constant) => {
                constant.ty.iter().for_each(|ty| self.ty(ty));
                self.name(Role::Declared, &constant.name);
                self.expr(&constant.value);
            }
            Decl::Record(record) => {
                self.name(Role::Declared, &record.name);
                self.see(Node::Body(record.body));
                for field in &record.fields {
                    self.see(Node::Param(field.span));
                    self.ty(&field.ty);
                    self.name(Role::Part, &field.name);
                    field.default.iter().for_each(|value| self.expr(value));
                }
            }
            Decl::Enum(decl) => {
                self.name(Role::Declared, &decl.name);
                self.see(Node::Body(decl.body));
                decl.variants.iter().for_each(|variant| self.name(Role::Part, variant));
            }
            Decl::Test(test) => {
                self.text(&test.name);
                self.block(&test.body);
            }
            Decl::Error(_) => {}
        }
    }

    fn func(&mut self, func: &'t FuncDecl) {
        self.ty(&func.result);
        self.name(Role::Declared, &func.name);
        func.type_params.iter().for_each(|name| self.name(Role::TypeParam, name));
        self.params(&func.params, Role::Part);
        if let Some(options) = &func.options {
            self.see(Node::Clause(options.span));
            self.params(&options.options, Role::Part);
        }
        if let Some(binds) = &func.binds {
            self.see(Node::Clause(binds.span));
            self.params(&binds.effects, Role::Part);
        }
        func.body.iter().for_each(|block| self.block(block));
    }

    fn params(&mut self, params: &'t [Param], role: Role) {
        for param in params {
            self.see(Node::Param(param.span));
            self.ty(&param.ty);
            self.name(role, &param.name);
            param.default.iter().for_each(|value| self.expr(value));
        }
    }

    fn ty(&mut self, ty: &'t TypeExpr) {
        self.see(Node::Type(ty));
        match ty {
            TypeExpr::Name(name) => self.name(Role::Type, name),
            TypeExpr::Member(path) => {
                self.name(Role::Head, &path.head);
                path.member.iter().for_each(|member| self.name(Role::Type, member));
            }
            TypeExpr::List(_, inner) | TypeExpr::Map(_, inner) | TypeExpr::Optional(_, inner) => self.ty(inner),
            TypeExpr::Func(_, params, result) => {
                params.iter().for_each(|param| self.ty(param));
                self.ty(result);
            }
        }
    }

    fn block(&mut self, block: &'t Block) {
        if self.depth > DEEPEST {
            return;
        }
        self.depth += 1;
        self.see(Node::Block(block));
        block.stmts.iter().for_each(|stmt| self.stmt(stmt));
        self.depth -= 1;
    }

    fn stmt(&mut self, stmt: &'t Stmt) {
        self.see(Node::Stmt(stmt));
        match stmt {
            Stmt::Call(call) => {
                self.path(&call.callee);
                call.parens.iter().for_each(|parens| self.see(Node::Parens(*parens)));
                self.args(&call.args);
                if let Some(with) = &call.with {
                    self.see(Node::Clause(with.span));
                    self.expr(&with.expr);
                }
                if let Some(bind) = &call.bind {
                    self.see(Node::Clause(bind.span));
                    match &bind.target {
                        BindTarget::None => {}
                        BindTarget::Name(name) => self.name(Role::Bound, name),
                        BindTarget::List(parens, binds) => {
                            self.see(Node::Parens(*parens));
                            for bind in binds {
                                self.see(Node::Param(bind.span));
                                self.name(Role::Result, &bind.effect);
                                self.name(Role::Bound, &bind.name);
                            }
                        }
                    }
                }
            }
            Stmt::Expr(stmt) => self.expr(&stmt.expr),
            Stmt::Let(stmt) => {
                stmt.ty.iter().for_each(|ty| self.ty(ty));
                self.name(Role::Local, &stmt.name);
                self.expr(&stmt.value);
            }
            Stmt::For(stmt) => {
                stmt.names.iter().for_each(|name| self.name(Role::Local, name));
                self.expr(&stmt.items);
                self.block(&stmt.body);
            }
            Stmt::Assert(stmt) => {
                self.expr(&stmt.condition);
                stmt.message.iter().for_each(|message| self.expr(message));
            }
            Stmt::Error(stmt) => {
                stmt.callee.iter().for_each(|callee| self.path(callee));
                stmt.blocks.iter().for_each(|block| self.block(block));
            }
        }
    }

    fn path(&mut self, path: &'t Path) {
        match &path.member {
            Some(member) => {
                self.name(Role::Head, &path.head);
                self.name(Role::Member, member);
            }
            None => self.name(Role::Used, &path.head),
        }
    }

    fn args(&mut self, args: &'t [Arg]) {
        for arg in args {
            self.see(Node::Arg(arg));
            if let Arg::Named(_, name, _) = arg {
                self.name(Role::Named, name);
            }
            self.expr(arg.expr());
        }
    }

    fn text(&mut self, text: &'t StringLit) {
        self.see(Node::Text(text));
        self.parts(text);
    }

    fn parts(&mut self, text: &'t StringLit) {
        for part in &text.parts {
            if let StringPart::Interpolation(_, Some(expr)) = part {
                self.expr(expr);
            }
        }
    }

    fn expr(&mut self, expr: &'t Expr) {
        if self.depth > DEEPEST {
            return;
        }
        self.depth += 1;
        self.see(Node::Expr(expr));
        self.inside(expr);
        self.depth -= 1;
    }

    fn inside(&mut self, expr: &'t Expr) {
        match expr {
            Expr::Func(literal) => {
                self.name(Role::Type, &literal.kind);
                self.block(&literal.body);
            }
            Expr::String(text) => self.parts(text),
            Expr::Call(call) => {
                self.path(&call.callee);
                if let Some((parens, args)) = &call.args {
                    self.see(Node::Parens(*parens));
                    self.args(args);
                }
            }
            Expr::Postfix(postfix) => {
                self.expr(&postfix.base);
                for op in &postfix.ops {
                    match op {
                        PostfixOp::Field(name) => self.name(Role::Member, name),
                        PostfixOp::Call(parens, args) => {
                            self.see(Node::Parens(*parens));
                            self.args(args);
                        }
                        PostfixOp::Index(brackets, index) => {
                            self.see(Node::Parens(*brackets));
                            self.expr(index);
                        }
                    }
                }
            }
            Expr::Unary(unary) => self.expr(&unary.operand),
            Expr::Binary(binary) => {
                self.expr(&binary.first);
                binary.rest.iter().for_each(|(_, _, operand)| self.expr(operand));
            }
            Expr::Paren(_, inner) => self.expr(inner),
            Expr::List(list) => list.elements.iter().for_each(|element| match element {
                Element::Value(it) | Element::Spread(_, it) => self.expr(it),
            }),
            Expr::Map(map) => map.entries.iter().for_each(|entry| match entry {
                Entry::Pair(key, value) => [key, &**value].into_iter().for_each(|it| self.expr(it)),
                Entry::Spread(_, it) => self.expr(it),
            }),
            Expr::For(each) => self.comprehension(each),
            Expr::Lambda(lambda) => {
                self.params(&lambda.params, Role::Local);
                self.ty(&lambda.result);
                self.block(&lambda.body);
            }
            Expr::If(it) => self.branches(it),
            Expr::Match(it) => self.arms(it),
            Expr::Int(_) | Expr::Bool(_) | Expr::None(_) | Expr::Error(_) => {}
        }
    }

    fn comprehension(&mut self, each: &'t Comprehension) {
        each.names.iter().for_each(|name| self.name(Role::Local, name));
        let parts = [Some(&each.items), each.key.as_ref(), Some(&each.value), each.condition.as_ref()];
        parts.into_iter().flatten().for_each(|part| self.expr(part));
    }

    fn branches(&mut self, it: &'t IfExpr) {
        for branch in &it.branches {
            self.see(Node::Clause(branch.span));
            self.expr(&branch.condition);
            self.block(&branch.body);
        }
        it.otherwise.iter().for_each(|block| self.block(block));
    }

    fn arms(&mut self, it: &'t MatchExpr) {
        self.expr(&it.value);
        self.see(Node::Body(it.body));
        for arm in &it.arms {
            self.see(Node::Clause(arm.span));
            for pattern in &arm.patterns {
                match pattern {
                    Pattern::Literal(expr) => self.expr(expr),
                    Pattern::Name(name) => self.name(Role::Pattern, name),
                    Pattern::Member(path) => self.path(path),
                    Pattern::Any(_) | Pattern::Error(_) => {}
                }
            }
            self.block(&arm.body);
        }
    }
}
