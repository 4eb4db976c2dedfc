//! Statements.
//!
//! Owns blocks and what stands in them. `if` and `match` are expressions; as statements they go on with the value of the block.

use ecow::EcoString;

use super::{Arg, Expr, Ident, Path, TypeExpr};
use crate::span::Span;

/// `{ statements }`
#[derive(Clone, PartialEq, Debug)]
pub struct Block {
    /// From brace to brace; in an arm of a `match` without braces, the one statement.
    pub span: Span,
    /// The statements.
    pub stmts: Vec<Stmt>,
}

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub enum Stmt {
    /// `callee args with options as name`, or the same with parentheses round the arguments.
    Call(Box<CallStmt>),
    /// An expression that is the block's value, or that `if` and `match` choose it with.
    Expr(ExprStmt),
    /// `let name = expr`
    Let(Box<LetStmt>),
    /// `for name in expr { statements }`
    For(Box<ForStmt>),
    /// `assert expr, message`
    Assert(Box<AssertStmt>),
    /// Text that is no statement; its error has been reported. What could be told of it is kept.
    Error(Box<ErrorStmt>),
}

/// A call as a statement.
#[derive(Clone, PartialEq, Debug)]
pub struct CallStmt {
    /// From the callee to the end of the last clause, without the terminator.
    pub span: Span,
    /// The comment group that ends on the line directly above.
    pub doc: Option<EcoString>,
    /// What is called.
    pub callee: Path,
    /// From parenthesis to parenthesis; `None` where the arguments stand side by side.
    pub parens: Option<Span>,
    /// The arguments.
    pub args: Vec<Arg>,
    /// `with options`
    pub with: Option<Box<WithClause>>,
    /// `as name`
    pub bind: Option<Box<BindClause>>,
}

/// An expression as a statement. Calls of a name or of a module's name are `CallStmt`s.
#[derive(Clone, PartialEq, Debug)]
pub struct ExprStmt {
    /// The expression's span.
    pub span: Span,
    /// The expression.
    pub expr: Expr,
}

/// `let type name = expr` in a block.
#[derive(Clone, PartialEq, Debug)]
pub struct LetStmt {
    /// The whole statement.
    pub span: Span,
    /// Its type, if it is written.
    pub ty: Option<TypeExpr>,
    /// Its name.
    pub name: Ident,
    /// Its value.
    pub value: Expr,
}

/// `for name in expr { … }`, or `for key, value in expr { … }`.
#[derive(Clone, PartialEq, Debug)]
pub struct ForStmt {
    /// The whole statement.
    pub span: Span,
    /// The element; of a map, or with an index, the key first and then the value.
    pub names: Vec<Ident>,
    /// What is gone through.
    pub items: Expr,
    /// What is done for each.
    pub body: Block,
}

/// `assert expr`, or `assert expr, message`.
#[derive(Clone, PartialEq, Debug)]
pub struct AssertStmt {
    /// The whole statement.
    pub span: Span,
    /// What must be true.
    pub condition: Expr,
    /// What to say where it is not.
    pub message: Option<Expr>,
}

/// What is known of a statement that did not parse.
#[derive(Clone, PartialEq, Debug)]
pub struct ErrorStmt {
    /// The extent of the statement.
    pub span: Span,
    /// What seems to be called.
    pub callee: Option<Path>,
    /// What stands behind that, word by word: strings, names, what is in brackets.
    pub words: Vec<Span>,
    /// The blocks in it, which may have parsed well.
    pub blocks: Vec<Block>,
}

/// `with expr`
#[derive(Clone, PartialEq, Debug)]
pub struct WithClause {
    /// The whole clause.
    pub span: Span,
    /// The options.
    pub expr: Expr,
}

/// `as …`
#[derive(Clone, PartialEq, Debug)]
pub struct BindClause {
    /// The whole clause.
    pub span: Span,
    /// What is bound.
    pub target: BindTarget,
}

/// What stands behind `as`.
#[derive(Clone, PartialEq, Debug)]
pub enum BindTarget {
    /// Nothing; the checker refuses it.
    None,
    /// `as name`: the first result.
    Name(Ident),
    /// `as (result name, …)`, with the span from parenthesis to parenthesis.
    List(Span, Vec<Bind>),
}

/// `result name` in a list of binds.
#[derive(Clone, PartialEq, Debug)]
pub struct Bind {
    /// Both names.
    pub span: Span,
    /// The result of the callee.
    pub effect: Ident,
    /// The new name.
    pub name: Ident,
}

impl Stmt {
    /// The extent of the statement.
    pub fn span(&self) -> Span {
        match self {
            Stmt::Call(stmt) => stmt.span,
            Stmt::Expr(stmt) => stmt.span,
            Stmt::Let(stmt) => stmt.span,
            Stmt::For(stmt) => stmt.span,
            Stmt::Assert(stmt) => stmt.span,
            Stmt::Error(stmt) => stmt.span,
        }
    }
}
