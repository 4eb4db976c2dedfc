//! The syntax tree.
//!
//! Owns the shape of a parsed module, in four files: declarations, statements, expressions, types. Every node has the span of its
//! text. Comments and blank lines are not here but in `trivia`, by position. What a name means is not known here.

mod decl;
mod expr;
mod stmt;
mod types;

use ecow::EcoString;

use crate::span::Span;

pub use decl::{
    BindsClause, Decl, EnumDecl, ExportDecl, Field, FuncDecl, ImportDecl, LetDecl, OptionsClause, Param, RecordDecl,
    TestDecl,
};
pub use expr::{
    Arg, BinaryExpr, BinaryOp, BoolLit, CallExpr, Comprehension, Element, Entry, Expr, FuncLit, HeredocLayout,
    IfBranch, IfExpr, IntLit, Lambda, ListLit, MapLit, MatchArm, MatchExpr, Pattern, Postfix, PostfixOp, StringForm,
    StringLit, StringPart, UnaryExpr, UnaryOp,
};
pub use stmt::{
    AssertStmt, Bind, BindClause, BindTarget, Block, CallStmt, ErrorStmt, ExprStmt, ForStmt, LetStmt, Stmt, WithClause,
};
pub use types::TypeExpr;

/// A whole file.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Module {
    /// Declarations in the order of the text.
    pub decls: Vec<Decl>,
}

/// A name with its place.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ident {
    /// The name, colons included: `option::run` is one name.
    pub text: EcoString,
    /// Where it stands.
    pub span: Span,
}

/// `name` or `module.name`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// Both parts and the dot.
    pub span: Span,
    /// The first name.
    pub head: Ident,
    /// The name behind the dot.
    pub member: Option<Ident>,
}
