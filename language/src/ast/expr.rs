//! Expressions.
//!
//! Owns their shape. What may repeat without end (operators of one level, `else if`, dots) is flat here, so the depth of a tree is
//! that of the brackets in the text, which the parser limits.

use ecow::EcoString;

use super::{Block, Ident, Param, Path, TypeExpr};
use crate::span::Span;

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub enum Expr {
    /// `type { statements }`
    Func(Box<FuncLit>),
    /// A decimal or prefixed number.
    Int(IntLit),
    /// `true` or `false`.
    Bool(BoolLit),
    /// `none`
    None(Span),
    /// Any of the string forms.
    String(StringLit),
    /// `name`, `module.name`, or either with parenthesised arguments.
    Call(Box<CallExpr>),
    /// An expression followed by dots, arguments or indices.
    Postfix(Postfix),
    /// `!x`, `-x`
    Unary(UnaryExpr),
    /// Operands with operators of one level between them.
    Binary(BinaryExpr),
    /// `(expr)`, with the span from parenthesis to parenthesis.
    Paren(Span, Box<Expr>),
    /// `[a, b, ...c]`
    List(ListLit),
    /// `{key = value}`
    Map(MapLit),
    /// `[for x in xs : expr if cond]` and `{for x in xs : key = value if cond}`
    For(Box<Comprehension>),
    /// `fn(type name) type { statements }`
    Lambda(Box<Lambda>),
    /// `if cond { … } else { … }`
    If(Box<IfExpr>),
    /// `match expr { … }`
    Match(MatchExpr),
    /// Text that is no expression; its error has been reported.
    Error(Span),
}

/// An argument of a call.
#[derive(Clone, PartialEq, Debug)]
pub enum Arg {
    /// `expr`
    Value(Expr),
    /// `name = expr`, with the whole span.
    Named(Span, Ident, Box<Expr>),
    /// `...expr`, with the whole span.
    Spread(Span, Expr),
}

/// `type { statements }` as a value.
#[derive(Clone, PartialEq, Debug)]
pub struct FuncLit {
    /// Type and block.
    pub span: Span,
    /// The type.
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
    /// A backslash and one character; what it means depends on the form, and is decided by the checker.
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
    pub args: Option<(Span, Vec<Arg>)>,
}

/// An expression and what follows it, innermost first. The first `.name` of a path is not here but in [`CallExpr`].
#[derive(Clone, PartialEq, Debug)]
pub struct Postfix {
    /// All of it.
    pub span: Span,
    /// What stands in front.
    pub base: Box<Expr>,
    /// What follows, at least one.
    pub ops: Vec<PostfixOp>,
}

/// What may follow an expression.
#[derive(Clone, PartialEq, Debug)]
pub enum PostfixOp {
    /// `.name`
    Field(Ident),
    /// `(args)`, with the span from parenthesis to parenthesis.
    Call(Span, Vec<Arg>),
    /// `[expr]`, with the span from bracket to bracket.
    Index(Span, Box<Expr>),
}

/// Operators in front of an operand, outermost first.
#[derive(Clone, PartialEq, Debug)]
pub struct UnaryExpr {
    /// All of it.
    pub span: Span,
    /// The operators, at least one.
    pub ops: Vec<(UnaryOp, Span)>,
    /// The operand.
    pub operand: Box<Expr>,
}

/// An operator in front of its operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Minus,
}

/// `a + b - c`: operators of one level, applied from the left.
#[derive(Clone, PartialEq, Debug)]
pub struct BinaryExpr {
    /// All of it.
    pub span: Span,
    /// The first operand.
    pub first: Box<Expr>,
    /// Operators with their places, and the operands behind them; at least one.
    pub rest: Vec<(BinaryOp, Span, Expr)>,
}

/// An operator between operands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BinaryOp {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `??`
    Else,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

impl BinaryOp {
    /// How close it binds: operators of a higher level take their operands first.
    pub fn level(self) -> u8 {
        match self {
            Self::Or => 0,
            Self::And => 1,
            Self::Equal | Self::NotEqual | Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual => 2,
            Self::Else => 3,
            Self::Add | Self::Subtract => 4,
            Self::Multiply | Self::Divide | Self::Remainder => 5,
        }
    }

    /// Whether it says how two values compare; such operators do not chain.
    pub fn compares(self) -> bool {
        self.level() == Self::Equal.level()
    }
}

/// `[a, b, ...c]`
#[derive(Clone, PartialEq, Debug)]
pub struct ListLit {
    /// From bracket to bracket.
    pub span: Span,
    /// The elements.
    pub elements: Vec<Element>,
}

/// An element of a list.
#[derive(Clone, PartialEq, Debug)]
pub enum Element {
    /// `expr`
    Value(Expr),
    /// `...expr`, with the whole span.
    Spread(Span, Expr),
}

/// `{key = value, ...map}`
#[derive(Clone, PartialEq, Debug)]
pub struct MapLit {
    /// From brace to brace.
    pub span: Span,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// An entry of a map.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry {
    /// `key = value`
    Pair(Expr, Box<Expr>),
    /// `...expr`, with the whole span.
    Spread(Span, Expr),
}

/// A list or a map with an entry for each element of something.
#[derive(Clone, PartialEq, Debug)]
pub struct Comprehension {
    /// From bracket to bracket.
    pub span: Span,
    /// The element; of a map, or with an index, the key first and then the value.
    pub names: Vec<Ident>,
    /// What is gone through.
    pub items: Expr,
    /// The key of each entry, for a map.
    pub key: Option<Expr>,
    /// The element, or the value of each entry.
    pub value: Expr,
    /// Whether there is an entry.
    pub condition: Option<Expr>,
}

/// `fn(type name) type { statements }`
#[derive(Clone, PartialEq, Debug)]
pub struct Lambda {
    /// All of it.
    pub span: Span,
    /// Its parameters.
    pub params: Vec<Param>,
    /// The type of its value.
    pub result: TypeExpr,
    /// Its statements.
    pub body: Block,
}

/// `if cond { … } else if cond { … } else { … }`
#[derive(Clone, PartialEq, Debug)]
pub struct IfExpr {
    /// All of it.
    pub span: Span,
    /// The conditions with their blocks, at least one.
    pub branches: Vec<IfBranch>,
    /// What is done where none is true.
    pub otherwise: Option<Block>,
}

/// A condition and what is done where it is true.
#[derive(Clone, PartialEq, Debug)]
pub struct IfBranch {
    /// From `if` to the end of the block.
    pub span: Span,
    /// The condition.
    pub condition: Expr,
    /// What is done.
    pub body: Block,
}

/// `match expr { pattern, pattern => … }`
#[derive(Clone, PartialEq, Debug)]
pub struct MatchExpr {
    /// All of it.
    pub span: Span,
    /// What is compared.
    pub value: Box<Expr>,
    /// From brace to brace.
    pub body: Span,
    /// The arms.
    pub arms: Vec<MatchArm>,
}

/// `pattern, pattern => …`
#[derive(Clone, PartialEq, Debug)]
pub struct MatchArm {
    /// All of it.
    pub span: Span,
    /// The patterns, at least one.
    pub patterns: Vec<Pattern>,
    /// What is done; a single statement is a block without braces.
    pub body: Block,
}

/// What a value is compared with.
#[derive(Clone, PartialEq, Debug)]
pub enum Pattern {
    /// A literal: a number, a truth value, `none`, a string.
    Literal(Expr),
    /// A variant of an enum, or a name for the value of an optional.
    Name(Ident),
    /// `Enum.variant`
    Member(Path),
    /// `_`
    Any(Span),
    /// Text that is no pattern; its error has been reported.
    Error(Span),
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
            Expr::Postfix(expr) => expr.span,
            Expr::Unary(expr) => expr.span,
            Expr::Binary(expr) => expr.span,
            Expr::List(expr) => expr.span,
            Expr::Map(expr) => expr.span,
            Expr::For(expr) => expr.span,
            Expr::Lambda(expr) => expr.span,
            Expr::If(expr) => expr.span,
            Expr::Match(expr) => expr.span,
            Expr::None(span) | Expr::Paren(span, _) | Expr::Error(span) => *span,
        }
    }

    /// The name that the expression is, if it is one without arguments.
    pub fn as_name(&self) -> Option<&Path> {
        match self {
            Expr::Call(call) if call.args.is_none() => Some(&call.callee),
            _ => None,
        }
    }
}

impl Arg {
    /// The extent of the argument.
    pub fn span(&self) -> Span {
        match self {
            Arg::Value(expr) => expr.span(),
            Arg::Named(span, _, _) | Arg::Spread(span, _) => *span,
        }
    }

    /// The expression in it.
    pub fn expr(&self) -> &Expr {
        match self {
            Arg::Value(expr) | Arg::Spread(_, expr) => expr,
            Arg::Named(_, _, expr) => expr,
        }
    }
}

impl Pattern {
    /// The extent of the pattern.
    pub fn span(&self) -> Span {
        match self {
            Pattern::Literal(expr) => expr.span(),
            Pattern::Name(name) => name.span,
            Pattern::Member(path) => path.span,
            Pattern::Any(span) | Pattern::Error(span) => *span,
        }
    }
}

impl BinaryOp {
    /// The operator as it is written.
    pub fn text(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Else => "??",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}
