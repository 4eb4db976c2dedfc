//! The program with all names resolved and all kinds known.
//!
//! Owns the tables that checking fills and evaluation walks. Has no text: places are spans into the source map.

use camino::Utf8PathBuf;
use ecow::EcoString;
use hlb_language::ast::{HeredocLayout, Ident};
use hlb_language::diagnostic::Location;
use hlb_language::source::SourceId;
use indexmap::IndexMap;

use crate::remote::Origin;
use crate::types::Kind;

/// A checked program: the entry file and everything it imports.
#[derive(Debug, Default)]
pub struct Program {
    /// Files; the entry is the first. Empty only if the entry could not be read.
    pub modules: Vec<Module>,
    /// Functions of all files.
    pub funcs: Vec<Func>,
    /// Names bound with `as` in all files.
    pub binds: Vec<Bound>,
    /// The builtin functions, in the order of their declaration.
    pub builtins: Vec<Builtin>,
    /// Every use of a name that could be resolved, in no particular order.
    pub references: Vec<Reference>,
}

/// Index into [`Program::modules`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ModuleId(pub usize);

/// Index into [`Program::funcs`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FuncId(pub usize);

/// Index into [`Program::binds`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct BindId(pub usize);

/// Index into [`Program::builtins`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct BuiltinId(pub usize);

/// One file.
#[derive(Debug)]
pub struct Module {
    /// Its text.
    pub source: SourceId,
    /// Its path, as spelled, relative to the working directory.
    pub path: Utf8PathBuf,
    /// Its directory: what relative paths in it start from.
    pub dir: Utf8PathBuf,
    /// Whose it is. In a module of others, `dir` is a directory of the module.
    pub origin: Origin,
    /// The names of the file.
    pub scope: IndexMap<EcoString, Symbol>,
}

/// What a name of a file means.
#[derive(Debug)]
pub struct Symbol {
    /// Its meaning.
    pub target: Target,
    /// Where it is defined.
    pub at: Location,
    /// Whether other files may use it.
    pub exported: bool,
}

/// What a name may stand for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// A function.
    Func(FuncId),
    /// A name bound with `as`.
    Bind(BindId),
    /// Another file; `None` if it could not be loaded.
    Module(Option<ModuleId>),
    /// A parameter of a function.
    Param(FuncId, usize),
    /// A builtin function.
    Builtin(BuiltinId),
}

/// A use of a name.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// The name in the text.
    pub at: Location,
    /// What it means.
    pub target: Target,
}

/// What a function takes and gives.
#[derive(Clone, PartialEq, Debug)]
pub struct Signature {
    /// The kind of its value.
    pub kind: Kind,
    /// Its parameters.
    pub params: Vec<Param>,
    /// What its calls can bind with `as`.
    pub effects: Vec<Param>,
}

/// A parameter or an effect.
#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    /// Its name.
    pub name: Ident,
    /// Its kind.
    pub kind: Kind,
    /// Whether it takes any number of arguments.
    pub variadic: bool,
}

/// A function of the program.
#[derive(Debug)]
pub struct Func {
    /// The file.
    pub module: ModuleId,
    /// Its name.
    pub name: Ident,
    /// What it takes and gives.
    pub signature: Signature,
    /// The comment above it.
    pub doc: Option<EcoString>,
    /// Its statements; `None` for a declaration without a block, which gives back what it is called on.
    pub body: Option<Block>,
    /// Whether some statement binds a name.
    pub binds: bool,
}

/// A name bound with `as`: a function with the parameters of the function around it.
#[derive(Debug)]
pub struct Bound {
    /// Its name.
    pub name: Ident,
    /// The function around it.
    pub func: FuncId,
    /// Its kind.
    pub kind: Kind,
    /// The end of the statement that binds it, as an offset in the file.
    pub end: u32,
}

/// A builtin function.
#[derive(Debug)]
pub struct Builtin {
    /// Its name.
    pub name: Ident,
    /// Where it is declared.
    pub at: Location,
    /// What it takes and gives.
    pub signature: Signature,
    /// Its documentation.
    pub doc: Option<EcoString>,
    /// How it works.
    pub(crate) implementation: crate::builtins::Implementation,
    /// What its arguments must be, by the number of the parameter.
    pub(crate) rules: Vec<(usize, crate::builtins::Rule)>,
}

impl Builtin {
    /// What an argument must be; the last parameter may take several.
    pub(crate) fn rules_of(&self, argument: usize) -> impl Iterator<Item = &crate::builtins::Rule> {
        let param = argument.min(self.signature.params.len().saturating_sub(1));
        self.rules.iter().filter(move |(index, _)| *index == param).map(|(_, rule)| rule)
    }
}

/// `{ statements }` of a known kind.
#[derive(Debug)]
pub struct Block {
    /// The kind of its value.
    pub kind: Kind,
    /// The statements.
    pub stmts: Vec<Stmt>,
}

/// A statement.
#[derive(Debug)]
pub enum Stmt {
    /// A call.
    Call(Call),
    /// A literal.
    Value(Expr),
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// What is called.
    pub callee: Callee,
    /// The callee's name in the text.
    pub at: Location,
    /// The arguments that fill the parameters, in order.
    pub args: Vec<Expr>,
    /// The options.
    pub with: Option<Box<Expr>>,
    /// The effects that are bound, by their number, and the names they get.
    pub binds: Vec<(usize, BindId)>,
}

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Callee {
    /// A builtin function.
    Builtin(BuiltinId),
    /// A function of the program.
    Func(FuncId),
    /// A bound name: the function around it is evaluated for it.
    Bind(BindId),
    /// A name that an earlier statement of the same function has bound.
    OwnBind(BindId),
    /// A parameter of the function around the call.
    Param(usize),
}

/// An expression.
#[derive(Debug)]
pub struct Expr {
    /// Where it stands.
    pub at: Location,
    /// The kind of its value.
    pub kind: Kind,
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
    /// `kind { statements }`
    Block(Block),
    /// A call.
    Call(Call),
    /// What has been reported as an error; programs with errors are not evaluated.
    Error,
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

impl Program {
    /// The entry file.
    pub fn entry(&self) -> Option<&Module> {
        self.modules.first()
    }

    pub(crate) fn module(&self, id: ModuleId) -> Option<&Module> {
        self.modules.get(id.0)
    }

    pub(crate) fn func(&self, id: FuncId) -> Option<&Func> {
        self.funcs.get(id.0)
    }

    pub(crate) fn bind(&self, id: BindId) -> Option<&Bound> {
        self.binds.get(id.0)
    }

    pub(crate) fn builtin(&self, id: BuiltinId) -> Option<&Builtin> {
        self.builtins.get(id.0)
    }

    /// The location of a function's name.
    pub(crate) fn func_at(&self, id: FuncId) -> Option<Location> {
        let func = self.func(id)?;
        Some(Location { source: self.module(func.module)?.source, span: func.name.span })
    }
}
