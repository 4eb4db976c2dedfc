//! What bodies are made of.
//!
//! Owns checked blocks, statements and expressions. A local name is known by how many scopes out it is and its number there.

use ecow::EcoString;
use hlb_language::ast::{BinaryOp, HeredocLayout};
use hlb_language::diagnostic::Location;

use super::{BindId, BuiltinId, ConstantId, EnumId, FuncId, LambdaId, LocalId, RecordId};
use crate::types::Type;

/// `{ statements }` of a known type.
#[derive(Debug)]
pub struct Block {
    /// The type of its value.
    pub ty: Type,
    /// The statements.
    pub stmts: Vec<Stmt>,
    /// Where it stands.
    pub at: Location,
    /// How many names it defines; a block that defines some is a scope of its own.
    pub names: usize,
}

/// A statement.
#[derive(Debug)]
pub enum Stmt {
    /// A call, on the value of the block.
    Call(Box<Call>),
    /// A value.
    Value(Expr),
    /// `if`, on the value of the block.
    If(Box<If>),
    /// `match`, on the value of the block.
    Match(Box<Match>),
    /// `for`, on the value of the block.
    For(Box<For>),
    /// `let`.
    Let(Let),
    /// `assert`.
    Assert(Box<Assert>),
}

impl Stmt {
    /// Where it stands: one in several parts where what it is about is written.
    pub fn at(&self) -> Option<Location> {
        Some(match self {
            Self::Call(call) => call.at,
            Self::Value(expr) => expr.at,
            Self::If(branches) => branches.branches.first()?.0.at,
            Self::Match(matched) => matched.value.at,
            Self::For(looped) => looped.items.at,
            Self::Let(stmt) => stmt.value.at,
            Self::Assert(assert) => assert.at,
        })
    }
}

/// A name for a value, in the order of the block's names.
#[derive(Debug)]
pub struct Let {
    /// Its number among the names of the block.
    pub index: usize,
    /// The name.
    pub local: LocalId,
    /// The value.
    pub value: Expr,
    /// The result of the function that it sets.
    pub result: Option<BindId>,
}

/// What a test finds out.
#[derive(Debug)]
pub struct Assert {
    /// Where it stands.
    pub at: Location,
    /// What must be true.
    pub condition: Expr,
    /// What to say where it is not.
    pub message: Option<Expr>,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// What is called.
    pub callee: Callee,
    /// The callee's name in the text.
    pub at: Location,
    /// The type of its value.
    pub ty: Type,
    /// What fills the parameters, one for each.
    pub args: Vec<Arg>,
    /// The options.
    pub with: Option<Box<Expr>>,
    /// The results that are bound, by their number, and the names they get.
    pub binds: Vec<(usize, BindId)>,
}

/// What is called.
#[derive(Debug)]
pub enum Callee {
    /// A builtin function.
    Builtin(BuiltinId),
    /// A function of the program.
    Func(FuncId),
    /// A bound name or a declared result: the function around it is evaluated for it.
    Bind(BindId),
    /// A name that an earlier statement of the same function has bound.
    OwnBind(BindId),
    /// An option that a function takes.
    Setting(FuncId, usize),
    /// A function as a value.
    Value(Box<Expr>),
}

/// What fills a parameter.
#[derive(Debug)]
pub enum Arg {
    /// A value.
    One(Expr),
    /// The values of a variadic parameter.
    Many(Vec<Item>),
    /// What the function says.
    Default,
}

/// A value, or the values of a list, among others.
#[derive(Debug)]
pub struct Item {
    /// Whether it is a list whose values are meant.
    pub spread: bool,
    /// The value or the list.
    pub expr: Expr,
}

/// An expression.
#[derive(Debug)]
pub struct Expr {
    /// Where it stands.
    pub at: Location,
    /// The type of its value.
    pub ty: Type,
    /// What it is.
    pub node: ExprNode,
}

/// The forms of expressions.
#[derive(Debug)]
pub enum ExprNode {
    /// A string literal.
    Text(Text),
    /// A number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// `none`
    None,
    /// A variant of an enum.
    Variant(EnumId, usize),
    /// `type { statements }`
    Block(Box<Block>),
    /// A call.
    Call(Box<Call>),
    /// A result of a call of a builtin, which the call binds.
    Result(Box<Call>),
    /// A parameter or another name inside of the function.
    Var(Var),
    /// A constant.
    Constant(ConstantId),
    /// A function as a value.
    Func(FuncId),
    /// A builtin function as a value.
    Builtin(BuiltinId),
    /// A function literal.
    Lambda(LambdaId),
    /// `[a, ...b]`
    List(Vec<Item>),
    /// `{a = b, ...c}`
    Map(Vec<Entry>),
    /// `[for x in xs : expr if cond]`
    For(Box<For>),
    /// A record, its fields in order.
    Record(RecordId, Vec<Arg>),
    /// A field of a record.
    Field(Box<Expr>, usize),
    /// An element of a list or of a map.
    Index(Box<Expr>, Box<Expr>),
    /// `!x`
    Not(Box<Expr>),
    /// `-x`
    Negate(Box<Expr>),
    /// Operands of one level, from the left.
    Binary(Box<Expr>, Vec<(Operator, Expr)>),
    /// `if` with `else`.
    If(Box<If>),
    /// `match`.
    Match(Box<Match>),
    /// What has been reported as an error; programs with errors are not evaluated.
    Error,
}

/// An operator between operands, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    /// What it does.
    pub op: BinaryOp,
    /// Where it stands.
    pub at: Location,
}

/// A name inside of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Var {
    /// How many scopes out.
    pub hops: usize,
    /// Its number there.
    pub index: usize,
}

/// An entry of a map.
#[derive(Debug)]
pub enum Entry {
    /// `key = value`
    Pair(Expr, Expr),
    /// `...map`
    Spread(Expr),
}

/// `if` and what follows it.
#[derive(Debug)]
pub struct If {
    /// Conditions and what is done where they are true.
    pub branches: Vec<(Expr, Block)>,
    /// What is done where none is.
    pub otherwise: Option<Block>,
}

/// `match`.
#[derive(Debug)]
pub struct Match {
    /// What is compared.
    pub value: Expr,
    /// The arms; the first that fits is done.
    pub arms: Vec<MatchArm>,
}

/// An arm of a `match`.
#[derive(Debug)]
pub struct MatchArm {
    /// What fits.
    pub patterns: Vec<Pattern>,
    /// Whether it is a scope with one name, that of the value.
    pub binds: bool,
    /// That name, where it has one.
    pub local: LocalId,
    /// What is done.
    pub body: Block,
}

/// What a value is compared with.
#[derive(Clone, PartialEq, Debug)]
pub enum Pattern {
    /// A number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(EcoString),
    /// `none`
    None,
    /// A variant of an enum.
    Variant(usize),
    /// Any value but `none`, which gets a name.
    Some,
    /// Anything.
    Any,
}

/// A loop: over a list, whose elements get a name, or an index and a name; or over a map, whose keys get a name, or keys and values.
#[derive(Debug)]
pub struct For {
    /// Where it stands.
    pub at: Location,
    /// How many names there are: one or two. They are a scope.
    pub names: usize,
    /// The first of them; the other follows it.
    pub local: LocalId,
    /// What is gone through.
    pub items: Expr,
    /// What is done for each.
    pub each: Each,
}

/// What a loop does for each element.
#[derive(Debug)]
pub enum Each {
    /// Statements.
    Block(Block),
    /// A value for a list, where the condition is true.
    Element {
        /// The value.
        value: Expr,
        /// The condition.
        condition: Option<Expr>,
    },
    /// An entry for a map, where the condition is true.
    Entry {
        /// The key.
        key: Expr,
        /// The value.
        value: Expr,
        /// The condition.
        condition: Option<Expr>,
    },
}

/// A function literal.
#[derive(Debug)]
pub struct Lambda {
    /// Where it stands.
    pub at: Location,
    /// The names of its parameters, which are a scope.
    pub params: Vec<EcoString>,
    /// The first of them; the others follow it.
    pub local: LocalId,
    /// Its statements.
    pub body: Block,
}

/// A string literal, escapes decoded.
#[derive(Debug)]
pub struct Text {
    /// What happens to the whole once it is put together; `None` for strings that are no heredocs.
    pub layout: Option<HeredocLayout>,
    /// The pieces.
    pub parts: Vec<TextPart>,
}

/// A piece of a string.
#[derive(Debug)]
pub enum TextPart {
    /// As it is.
    Text(EcoString),
    /// The value of an expression.
    Value(Expr),
}
