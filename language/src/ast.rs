//! The syntax tree.
//!
//! Owns the shape of a parsed module. Every node has the span of its text. Comments and blank lines are not here but in
//! `trivia`, by position. What a name means is not known here.

use ecow::EcoString;

use crate::span::Span;

/// A whole file.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Module {
    /// Declarations in the order of the text.
    pub decls: Vec<Decl>,
}

/// A declaration.
#[derive(Clone, PartialEq, Debug)]
pub enum Decl {
    /// `import name from expr`
    Import(ImportDecl),
    /// `export name`
    Export(ExportDecl),
    /// `kind name(params) binds (effects) { body }`
    Func(FuncDecl),
    /// Text that is no declaration; its error has been reported.
    Error(Span),
}

/// A name with its place.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ident {
    /// The name, colons included: `option::run` is one name.
    pub text: EcoString,
    /// Where it stands.
    pub span: Span,
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
    /// The whole declaration.
    pub span: Span,
    /// The comment group that ends on the line directly above, without `#` and one following space.
    pub doc: Option<EcoString>,
    /// The kind of its value: `fs`, `string`, `option::run`, …
    pub kind: Ident,
    /// Its name.
    pub name: Ident,
    /// Its parameters.
    pub params: Vec<Param>,
    /// `binds (…)`
    pub binds: Option<BindsClause>,
    /// The statements; `None` for a declaration without a block, `Some` with an empty list for `{}`.
    pub body: Option<Block>,
}

/// A parameter, or an effect in a `binds` clause.
#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    /// The whole parameter.
    pub span: Span,
    /// The word `variadic`.
    pub variadic: Option<Span>,
    /// Its kind.
    pub kind: Ident,
    /// Its name.
    pub name: Ident,
}

/// `binds (kind name, …)`
#[derive(Clone, PartialEq, Debug)]
pub struct BindsClause {
    /// The whole clause.
    pub span: Span,
    /// What the function binds.
    pub effects: Vec<Param>,
}

/// `{ statements }`
#[derive(Clone, PartialEq, Debug)]
pub struct Block {
    /// From brace to brace.
    pub span: Span,
    /// The statements.
    pub stmts: Vec<Stmt>,
}

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub enum Stmt {
    /// `callee args with options as name`
    Call(CallStmt),
    /// A literal that is the block's value.
    Expr(ExprStmt),
    /// Text that is no statement; its error has been reported. What could be told of it is kept.
    Error(ErrorStmt),
}

/// A call as a statement, arguments side by side.
#[derive(Clone, PartialEq, Debug)]
pub struct CallStmt {
    /// From the callee to the end of the last clause, without the terminator.
    pub span: Span,
    /// The comment group that ends on the line directly above.
    pub doc: Option<EcoString>,
    /// What is called.
    pub callee: Path,
    /// The arguments.
    pub args: Vec<Expr>,
    /// `with options`
    pub with: Option<WithClause>,
    /// `as name`
    pub bind: Option<BindClause>,
}

/// A literal as a statement.
#[derive(Clone, PartialEq, Debug)]
pub struct ExprStmt {
    /// The literal's span.
    pub span: Span,
    /// The literal.
    pub expr: Expr,
}

/// What is known of a statement that did not parse.
#[derive(Clone, PartialEq, Debug)]
pub struct ErrorStmt {
    /// The extent of the statement.
    pub span: Span,
    /// What seems to be called.
    pub callee: Option<Path>,
    /// The blocks in it, which may have parsed well.
    pub blocks: Vec<Block>,
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
    /// `as name`: the first effect.
    Name(Ident),
    /// `as (effect name, …)`, with the span from parenthesis to parenthesis.
    List(Span, Vec<Bind>),
}

/// `effect name` in a list of binds.
#[derive(Clone, PartialEq, Debug)]
pub struct Bind {
    /// Both names.
    pub span: Span,
    /// The effect of the callee.
    pub effect: Ident,
    /// The new name.
    pub name: Ident,
}

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub enum Expr {
    /// `kind { statements }`
    Func(FuncLit),
    /// A decimal or prefixed number.
    Int(IntLit),
    /// `true` or `false`.
    Bool(BoolLit),
    /// Any of the string forms.
    String(StringLit),
    /// `name`, `module.name`, or either with parenthesised arguments.
    Call(CallExpr),
    /// Text that is no expression; its error has been reported.
    Error(Span),
}

/// `kind { statements }` as a value.
#[derive(Clone, PartialEq, Debug)]
pub struct FuncLit {
    /// Kind and block.
    pub span: Span,
    /// The kind.
    pub kind: Ident,
    /// The block.
    pub body: Block,
}

/// A number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IntLit {
    /// Where it stands.
    pub span: Span,
    /// Its value; the text (`0o755`) is in the source.
    pub value: i64,
}

/// A truth value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoolLit {
    /// Where it stands.
    pub span: Span,
    /// Its value.
    pub value: bool,
}

/// A string in one of its forms.
#[derive(Clone, PartialEq, Debug)]
pub struct StringLit {
    /// From opener to closer.
    pub span: Span,
    /// Its form.
    pub form: StringForm,
    /// Its pieces in order.
    pub parts: Vec<StringPart>,
}

/// The form of a string literal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StringForm {
    /// `"…"`
    Quoted,
    /// `` `…` ``
    Raw,
    /// `<<WORD … WORD` and its variants.
    Heredoc {
        /// What happens to the body.
        layout: HeredocLayout,
        /// Whether the word stands in backticks: no escapes, no interpolation.
        raw: bool,
        /// The word.
        word: EcoString,
    },
}

/// What happens to the body of a heredoc.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeredocLayout {
    /// `<<`: as it stands.
    Literal,
    /// `<<-`: common leading white space goes.
    Dedent,
    /// `<<~`: lines are trimmed and joined by one space.
    Fold,
}

/// A piece of a string.
#[derive(Clone, PartialEq, Debug)]
pub enum StringPart {
    /// Text as it stands.
    Text(Span),
    /// A backslash and one character; what it means depends on the form, and is decided at evaluation.
    Escape(Span),
    /// `${expr}`; `None` for `${}`, whose error has been reported.
    Interpolation(Span, Option<Box<Expr>>),
}

/// `name`, `module.name`, or either with arguments in parentheses.
#[derive(Clone, PartialEq, Debug)]
pub struct CallExpr {
    /// Callee and arguments.
    pub span: Span,
    /// What is called.
    pub callee: Path,
    /// The arguments, with the span from parenthesis to parenthesis; `None` for a bare name.
    pub args: Option<(Span, Vec<Expr>)>,
}

impl Decl {
    /// The extent of the declaration.
    pub fn span(&self) -> Span {
        match self {
            Decl::Import(decl) => decl.span,
            Decl::Export(decl) => decl.span,
            Decl::Func(decl) => decl.span,
            Decl::Error(span) => *span,
        }
    }
}

impl Stmt {
    /// The extent of the statement.
    pub fn span(&self) -> Span {
        match self {
            Stmt::Call(stmt) => stmt.span,
            Stmt::Expr(stmt) => stmt.span,
            Stmt::Error(stmt) => stmt.span,
        }
    }
}

impl Expr {
    /// The extent of the expression.
    pub fn span(&self) -> Span {
        match self {
            Expr::Func(expr) => expr.span,
            Expr::Int(expr) => expr.span,
            Expr::Bool(expr) => expr.span,
            Expr::String(expr) => expr.span,
            Expr::Call(expr) => expr.span,
            Expr::Error(span) => *span,
        }
    }
}
