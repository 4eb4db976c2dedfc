//! The program with all names resolved and all types known.
//!
//! Owns the tables that checking fills and evaluation walks: what is declared here, what bodies are made of in `body`. Has no text:
//! places are spans into the source map.

mod body;

use std::sync::Arc;

use camino::Utf8PathBuf;
use ecow::EcoString;
use hlb_language::ast::Ident;
use hlb_language::diagnostic::Location;
use hlb_language::source::SourceId;
use hlb_language::span::Span;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::effects::Effects;
use crate::remote::Origin;
use crate::types::{FuncType, Type};

pub use body::{
    Arg, Assert, Block, Call, Callee, Each, Entry, Expr, ExprNode, For, If, Item, Lambda, Let, Match, MatchArm,
    Operator, Pattern, Stmt, Text, TextPart, Var,
};

/// A map in the order in which it was filled, for names of programs.
pub type FxIndexMap<K, V> = IndexMap<K, V, FxBuildHasher>;

/// A checked program: the entry file and everything it imports.
#[derive(Debug, Default)]
pub struct Program {
    /// Files; the entry is the first. Empty only if the entry could not be read.
    pub modules: Vec<Module>,
    /// Functions of all files.
    pub funcs: Vec<Func>,
    /// Constants of all files.
    pub constants: Vec<Constant>,
    /// Records of all files.
    pub records: Vec<Record>,
    /// Enums of the builtins and of all files.
    pub enums: Vec<Enum>,
    /// Tests of all files.
    pub tests: Vec<Test>,
    /// Names bound with `as` in all files, and the results that functions declare.
    pub binds: Vec<Bound>,
    /// Function literals of all files.
    pub lambdas: Vec<Lambda>,
    /// Names that are defined inside of functions, for editors.
    pub locals: Vec<Local>,
    /// The builtin functions, in the order of their declaration.
    pub builtins: Vec<Builtin>,
    /// Every use of a name that could be resolved, in the order of the texts.
    pub references: Vec<Reference>,
    /// Uses of names whose type a condition has narrowed, with that type.
    pub narrowed: Vec<(Location, Type)>,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(pub usize);
    )*};
}

ids! {
    /// Index into [`Program::modules`].
    ModuleId;
    /// Index into [`Program::funcs`].
    FuncId;
    /// Index into [`Program::constants`].
    ConstantId;
    /// Index into [`Program::records`].
    RecordId;
    /// Index into [`Program::enums`].
    EnumId;
    /// Index into [`Program::binds`].
    BindId;
    /// Index into [`Program::lambdas`].
    LambdaId;
    /// Index into [`Program::locals`].
    LocalId;
    /// Index into [`Program::builtins`].
    BuiltinId;
}

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
    pub scope: FxIndexMap<EcoString, Symbol>,
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
    /// A constant.
    Constant(ConstantId),
    /// A record.
    Record(RecordId),
    /// A field of a record.
    Field(RecordId, usize),
    /// An enum.
    Enum(EnumId),
    /// A variant of an enum.
    Variant(EnumId, usize),
    /// A name bound with `as`, or a result that a function declares.
    Bind(BindId),
    /// Another file; `None` if it could not be loaded.
    Module(Option<ModuleId>),
    /// A parameter of a function.
    Param(FuncId, usize),
    /// An option that a function takes.
    Setting(FuncId, usize),
    /// A name inside of a function.
    Local(LocalId),
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
    /// The type of its value.
    pub result: Type,
    /// Names that stand for any type.
    pub type_params: Vec<EcoString>,
    /// Its parameters.
    pub params: Vec<Param>,
    /// The options that it takes.
    pub options: Vec<Param>,
    /// What its calls can bind with `as`.
    pub effects: Vec<Param>,
}

/// A parameter, an option, or a result.
#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    /// Its name.
    pub name: Ident,
    /// Its type; of a variadic parameter that of each argument.
    pub ty: Type,
    /// Whether it takes any number of arguments.
    pub variadic: bool,
    /// Whether a call may leave it out.
    pub optional: bool,
}

/// A function of the program.
#[derive(Debug)]
pub struct Func {
    /// The file.
    pub module: ModuleId,
    /// Its name.
    pub name: Ident,
    /// All of its declaration.
    pub span: Span,
    /// What it takes and gives.
    pub signature: Arc<Signature>,
    /// The values of parameters, and behind them of options, that a call leaves out.
    pub defaults: Vec<Option<Expr>>,
    /// The comment above it.
    pub doc: Option<EcoString>,
    /// Its statements; `None` for a declaration without a block, which gives back what it is called on.
    pub body: Option<Block>,
    /// Whether some statement binds a name.
    pub binds: bool,
    /// The results that it declares, in the order of its signature.
    pub results: Vec<BindId>,
    /// What it, and what it calls, does outside of the build.
    pub effects: Effects,
}

/// `let` at the top of a file.
#[derive(Debug)]
pub struct Constant {
    /// The file.
    pub module: ModuleId,
    /// Its name.
    pub name: Ident,
    /// All of its declaration.
    pub span: Span,
    /// The comment above it.
    pub doc: Option<EcoString>,
    /// Its type.
    pub ty: Type,
    /// Its value.
    pub value: Option<Expr>,
    /// What finding its value does outside of the build.
    pub effects: Effects,
}

/// A record.
#[derive(Debug)]
pub struct Record {
    /// The file.
    pub module: ModuleId,
    /// Its name.
    pub name: Ident,
    /// All of its declaration.
    pub span: Span,
    /// The comment above it.
    pub doc: Option<EcoString>,
    /// Its fields, as the parameters of the function that makes it.
    pub fields: Vec<Param>,
    /// The comments above its fields.
    pub field_docs: Vec<Option<EcoString>>,
    /// The values of fields that a call leaves out.
    pub defaults: Vec<Option<Expr>>,
    /// Whether its values can be compared: all of its fields are data.
    pub data: bool,
}

/// An enum.
#[derive(Debug)]
pub struct Enum {
    /// Where it is declared.
    pub at: Location,
    /// Its name.
    pub name: Ident,
    /// All of its declaration.
    pub span: Span,
    /// The comment above it.
    pub doc: Option<EcoString>,
    /// Its variants.
    pub variants: Vec<Ident>,
    /// Whether the builtins declare it; then any text fits, and is looked at when it is known.
    pub builtin: bool,
}

/// A test.
#[derive(Debug)]
pub struct Test {
    /// The file.
    pub module: ModuleId,
    /// What it says is true.
    pub name: EcoString,
    /// Where that is written.
    pub at: Location,
    /// All of its declaration.
    pub span: Span,
    /// How it finds out.
    pub body: Block,
    /// What it does outside of the build.
    pub effects: Effects,
}

/// A name bound with `as`: a function with the parameters of the function around it. Or a result that a function declares.
#[derive(Debug)]
pub struct Bound {
    /// Its name.
    pub name: Ident,
    /// The function around it.
    pub func: FuncId,
    /// Its type.
    pub ty: Type,
    /// The end of the statement that binds it, as an offset in the file.
    pub end: u32,
}

/// A name that is defined inside of a function.
#[derive(Debug)]
pub struct Local {
    /// Its name.
    pub name: EcoString,
    /// Where it is defined.
    pub at: Location,
    /// Its type.
    pub ty: Type,
    /// What defines it: `let`, `for`, …
    pub word: &'static str,
}

/// A builtin function.
#[derive(Debug)]
pub struct Builtin {
    /// Its name.
    pub name: Ident,
    /// The namespace that it is in; empty for those that stand alone.
    pub namespace: &'static str,
    /// Where it is declared.
    pub at: Location,
    /// What it takes and gives.
    pub signature: Arc<Signature>,
    /// The values of parameters that a call leaves out.
    pub defaults: Vec<Option<Expr>>,
    /// Its documentation.
    pub doc: Option<EcoString>,
    /// What it does outside of the build.
    pub effects: Effects,
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

impl Signature {
    /// The function's type, were it a value. A variadic parameter is a list.
    pub(crate) fn value_type(&self) -> Type {
        let params = self.params.iter().map(Param::value_type).collect();
        Type::Func(Arc::new(FuncType { params, result: self.result.clone() }))
    }
}

impl Param {
    /// The type of its value inside of the function.
    pub(crate) fn value_type(&self) -> Type {
        if self.variadic { self.ty.clone().list() } else { self.ty.clone() }
    }
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

    pub(crate) fn constant(&self, id: ConstantId) -> Option<&Constant> {
        self.constants.get(id.0)
    }

    pub(crate) fn record(&self, id: RecordId) -> Option<&Record> {
        self.records.get(id.0)
    }

    /// Whether values of a type can be compared.
    pub(crate) fn is_data(&self, ty: &Type) -> bool {
        ty.is_data(&|id| self.record(id).is_none_or(|record| record.data))
    }

    pub(crate) fn enumeration(&self, id: EnumId) -> Option<&Enum> {
        self.enums.get(id.0)
    }

    pub(crate) fn bind(&self, id: BindId) -> Option<&Bound> {
        self.binds.get(id.0)
    }

    pub(crate) fn lambda(&self, id: LambdaId) -> Option<&Lambda> {
        self.lambdas.get(id.0)
    }

    pub(crate) fn builtin(&self, id: BuiltinId) -> Option<&Builtin> {
        self.builtins.get(id.0)
    }

    /// The location of something in a file.
    pub(crate) fn at(&self, module: ModuleId, name: &Ident) -> Option<Location> {
        Some(Location { source: self.module(module)?.source, span: name.span })
    }

    /// The location of a function's name.
    pub(crate) fn func_at(&self, id: FuncId) -> Option<Location> {
        let func = self.func(id)?;
        self.at(func.module, &func.name)
    }

    /// The name of an enum's variant.
    pub(crate) fn variant(&self, id: EnumId, index: usize) -> &str {
        self.enumeration(id).and_then(|it| it.variants.get(index)).map_or("", |variant| variant.text.as_str())
    }
}
