//! Declarations.
//!
//! Owns what may stand outside of functions.

use ecow::EcoString;

use super::{Block, Expr, Ident, StringLit, TypeExpr};
use crate::span::Span;

/// A declaration.
#[derive(Clone, PartialEq, Debug)]
pub enum Decl {
    /// `import name from expr`
    Import(Box<ImportDecl>),
    /// `export name`
    Export(ExportDecl),
    /// `type name(params) with (options) binds (results) { body }`
    Func(Box<FuncDecl>),
    /// `let name = expr`
    Let(Box<LetDecl>),
    /// `type Name { fields }`
    Record(Box<RecordDecl>),
    /// `enum Name { variants }`
    Enum(Box<EnumDecl>),
    /// `test "name" { statements }`
    Test(Box<TestDecl>),
    /// Text that is no declaration; its error has been reported.
    Error(Span),
}

/// `import name from expr`, or the deprecated `import name "path"`.
#[derive(Clone, PartialEq, Debug)]
pub struct ImportDecl {
    /// The whole declaration.
    pub span: Span,
    /// The comment group that ends on the line directly above.
    pub doc: Option<EcoString>,
    /// The name given to the module.
    pub name: Ident,
    /// The word `from`; absent in the deprecated form.
    pub from: Option<Span>,
    /// Where the module is: a string (path or URI) or an `fs`.
    pub source: Expr,
}

/// `export name`
#[derive(Clone, PartialEq, Debug)]
pub struct ExportDecl {
    /// The whole declaration.
    pub span: Span,
    /// What is exported.
    pub name: Ident,
}

/// A function, with or without a body.
#[derive(Clone, PartialEq, Debug)]
pub struct FuncDecl {
    /// The whole declaration, with `export` if that stands in front of it.
    pub span: Span,
    /// The comment group that ends on the line directly above, without `#` and one following space.
    pub doc: Option<EcoString>,
    /// The word `export` in front of it.
    pub export: Option<Span>,
    /// The type of its value: `fs`, `string`, `option::run`, …
    pub result: TypeExpr,
    /// Its name.
    pub name: Ident,
    /// `<T, U>`: names that stand for any type.
    pub type_params: Vec<Ident>,
    /// Its parameters.
    pub params: Vec<Param>,
    /// `with (…)`
    pub options: Option<OptionsClause>,
    /// `binds (…)`
    pub binds: Option<BindsClause>,
    /// The statements; `None` for a declaration without a block, `Some` with an empty list for `{}`.
    pub body: Option<Block>,
}

/// A parameter, an option, or a result in a `binds` clause.
#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    /// The whole parameter.
    pub span: Span,
    /// The word `variadic`.
    pub variadic: Option<Span>,
    /// Its type.
    pub ty: TypeExpr,
    /// Its name.
    pub name: Ident,
    /// Its value where a call gives none.
    pub default: Option<Box<Expr>>,
}

/// `with (type name = default, …)`: the options that a function takes.
#[derive(Clone, PartialEq, Debug)]
pub struct OptionsClause {
    /// The whole clause.
    pub span: Span,
    /// The options.
    pub options: Vec<Param>,
}

/// `binds (type name, …)`: what a function gives besides its value.
#[derive(Clone, PartialEq, Debug)]
pub struct BindsClause {
    /// The whole clause.
    pub span: Span,
    /// The results.
    pub effects: Vec<Param>,
}

/// `let type name = expr` at the top of a file.
#[derive(Clone, PartialEq, Debug)]
pub struct LetDecl {
    /// The whole declaration, with `export` if that stands in front of it.
    pub span: Span,
    /// The comment group that ends on the line directly above.
    pub doc: Option<EcoString>,
    /// The word `export` in front of it.
    pub export: Option<Span>,
    /// Its type, if it is written.
    pub ty: Option<TypeExpr>,
    /// Its name.
    pub name: Ident,
    /// Its value.
    pub value: Expr,
}

/// `type Name { type field = default … }`
#[derive(Clone, PartialEq, Debug)]
pub struct RecordDecl {
    /// The whole declaration, with `export` if that stands in front of it.
    pub span: Span,
    /// The comment group that ends on the line directly above.
    pub doc: Option<EcoString>,
    /// The word `export` in front of it.
    pub export: Option<Span>,
    /// Its name.
    pub name: Ident,
    /// From brace to brace.
    pub body: Span,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// A field of a record.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// The whole field.
    pub span: Span,
    /// The comment group that ends on the line directly above.
    pub doc: Option<EcoString>,
    /// Its type.
    pub ty: TypeExpr,
    /// Its name.
    pub name: Ident,
    /// Its value where a call gives none.
    pub default: Option<Box<Expr>>,
}

/// `enum Name { variant variant }`
#[derive(Clone, PartialEq, Debug)]
pub struct EnumDecl {
    /// The whole declaration, with `export` if that stands in front of it.
    pub span: Span,
    /// The comment group that ends on the line directly above.
    pub doc: Option<EcoString>,
    /// The word `export` in front of it.
    pub export: Option<Span>,
    /// Its name.
    pub name: Ident,
    /// From brace to brace.
    pub body: Span,
    /// Its variants.
    pub variants: Vec<Ident>,
}

/// `test "name" { statements }`
#[derive(Clone, PartialEq, Debug)]
pub struct TestDecl {
    /// The whole declaration.
    pub span: Span,
    /// The comment group that ends on the line directly above.
    pub doc: Option<EcoString>,
    /// What it says is true.
    pub name: StringLit,
    /// How it finds out.
    pub body: Block,
}

impl Decl {
    /// The extent of the declaration.
    pub fn span(&self) -> Span {
        match self {
            Decl::Import(decl) => decl.span,
            Decl::Export(decl) => decl.span,
            Decl::Func(decl) => decl.span,
            Decl::Let(decl) => decl.span,
            Decl::Record(decl) => decl.span,
            Decl::Enum(decl) => decl.span,
            Decl::Test(decl) => decl.span,
            Decl::Error(span) => *span,
        }
    }
}
