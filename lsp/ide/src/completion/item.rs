//! The items that are offered.
//!
//! Owns their order, and that none is offered twice. What is written of a call is a pattern with places for what it must be given.

use std::collections::HashSet;

use hlb_compiler::hir::{Param, Signature, Target};
use hlb_compiler::{Program, Type, hir};
use hlb_language::span::Span;

use super::context::Cursor;
use super::{Completion, CompletionKind, Completions, DocOf};
use crate::call::signature_of;

/// How near something is; nearer items come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rank {
    /// What the place is made for: options, variants, values that fit.
    Best,
    /// What the call takes by name.
    Argument,
    /// Of the file, and fits.
    Own,
    /// A builtin that is used in most programs.
    Common,
    /// Any other builtin.
    Builtin,
    /// What leads to more.
    Module,
    /// A word of the language.
    Keyword,
    /// What does not fit by itself.
    Unfit,
    /// What would have to be imported.
    Foreign,
}

/// Items on their way to the client.
pub(super) struct Items<'c> {
    cursor: &'c Cursor<'c>,
    /// What has been typed, in small letters.
    typed: Vec<char>,
    items: Vec<Completion>,
    known: HashSet<String>,
    incomplete: bool,
}

impl<'c> Items<'c> {
    pub(super) fn new(cursor: &'c Cursor<'c>) -> Self {
        let typed = cursor.prefix().chars().flat_map(char::to_lowercase).collect();
        Self { cursor, typed, items: Vec::new(), known: HashSet::new(), incomplete: false }
    }

    /// Whether a name has what has been typed in it, letter by letter. Clients show no other, so it need not be made.
    pub(super) fn wants(&self, name: &str) -> bool {
        let mut typed = self.typed.iter().peekable();
        for letter in name.chars().flat_map(char::to_lowercase) {
            typed.next_if(|wanted| **wanted == letter);
        }
        typed.peek().is_none()
    }

    pub(super) fn cursor(&self) -> &'c Cursor<'c> {
        self.cursor
    }

    /// Adds an item, unless there is one with this label.
    pub(super) fn add(&mut self, rank: Rank, item: Completion) {
        if self.wants(item.filter.as_deref().unwrap_or(&item.label)) {
            self.add_text(rank, item);
        }
    }

    /// The same for what is in a string, of which the word may be a part only.
    pub(super) fn add_text(&mut self, rank: Rank, item: Completion) {
        if self.known.insert(item.label.clone()) {
            let sort = format!("{}{}", rank as u8, item.label);
            self.items.push(Completion { sort, ..item });
        }
    }

    /// An item that writes its label.
    pub(super) fn plain(&self, label: &str, kind: CompletionKind) -> Completion {
        Completion {
            label: label.to_owned(),
            kind,
            detail: None,
            doc: None,
            insert: label.to_owned(),
            plain: label.to_owned(),
            snippet: false,
            replace: self.cursor.word,
            sort: String::new(),
            filter: None,
            also: Vec::new(),
            deprecated: false,
        }
    }

    /// An item that writes a pattern.
    pub(super) fn pattern(&self, label: &str, kind: CompletionKind, insert: &str, plain: &str) -> Completion {
        Completion { insert: insert.to_owned(), plain: plain.to_owned(), snippet: true, ..self.plain(label, kind) }
    }

    /// An item that replaces another range than the word.
    pub(super) fn of_text(&self, label: &str, kind: CompletionKind, replace: Span) -> Completion {
        Completion { replace, ..self.plain(label, kind) }
    }

    /// A name of a program, as a statement begins with it or as a value.
    pub(super) fn name(&self, program: &Program, name: &str, target: Target, statement: bool) -> Completion {
        let description = program.describe(target);
        let detail = description.as_ref().and_then(|it| it.signature.lines().next()).map(str::to_owned);
        let doc = description.filter(|it| it.doc.is_some()).map(|_| doc_of(target));
        let item = Completion { detail, doc, ..self.plain(name, kind_of(program, target)) };
        let free = self.cursor.line_after().trim_start();
        let is_free = free.is_empty() || free.starts_with(['}', ')', ',', ';', ']']);
        match signature_of(program, target).filter(|_| is_free) {
            Some(signature) => match call(name, &signature, statement) {
                Some(insert) => Completion { insert, snippet: true, ..item },
                None => item,
            },
            None => item,
        }
    }

    /// Says that there are more than are offered.
    pub(super) fn cut_off(&mut self) {
        self.incomplete = true;
    }

    pub(super) fn finish(mut self, most: usize) -> Completions {
        self.items.sort_by(|one, other| one.sort.cmp(&other.sort));
        let incomplete = self.incomplete || self.items.len() > most;
        self.items.truncate(most);
        Completions { items: self.items, incomplete }
    }
}

/// A call with a place for each parameter that must be given; nothing if there is none.
fn call(name: &str, signature: &Signature, statement: bool) -> Option<String> {
    let must = |param: &&Param| !param.optional && !param.variadic;
    let mut params: Vec<&Param> = signature.params.iter().filter(must).collect();
    // Of what takes any number, one is mostly wanted.
    if params.is_empty() {
        params.extend(signature.params.first().filter(|param| param.variadic));
    }
    if params.is_empty() {
        return None;
    }
    let places: Vec<String> = params.iter().enumerate().map(|(at, param)| place(at + 1, param)).collect();
    Some(match statement {
        true => format!("{name} {}", places.join(" ")),
        false => format!("{name}({})", places.join(", ")),
    })
}

fn place(number: usize, param: &Param) -> String {
    let name = &param.name.text;
    match &param.ty {
        Type::String => format!("\"${{{number}:{name}}}\""),
        Type::Int if name == "filemode" => format!("${{{number}:0o644}}"),
        _ => format!("${{{number}:{name}}}"),
    }
}

fn kind_of(program: &Program, target: Target) -> CompletionKind {
    match target {
        Target::Func(_) | Target::Bind(_) => CompletionKind::Function,
        Target::Constant(_) => CompletionKind::Constant,
        Target::Record(_) => CompletionKind::Record,
        Target::Field(..) => CompletionKind::Field,
        Target::Enum(_) => CompletionKind::Enum,
        Target::Variant(..) => CompletionKind::Variant,
        Target::Module(_) => CompletionKind::Module,
        Target::Param(..) | Target::Local(_) => CompletionKind::Variable,
        Target::Setting(..) => CompletionKind::Option,
        Target::Builtin(id) => match program.builtins.get(id.0) {
            Some(builtin) if builtin.signature.result.is_option() => CompletionKind::Option,
            _ => CompletionKind::Builtin,
        },
    }
}

/// What tells a name's documentation from that of others.
fn doc_of(target: Target) -> DocOf {
    DocOf(match target {
        Target::Func(id) => format!("func {}", id.0),
        Target::Constant(id) => format!("constant {}", id.0),
        Target::Record(id) => format!("record {}", id.0),
        Target::Enum(id) => format!("enum {}", id.0),
        Target::Builtin(id) => format!("builtin {}", id.0),
        Target::Field(id, index) => format!("field {} {index}", id.0),
        Target::Bind(id) => format!("bind {}", id.0),
        Target::Setting(id, index) => format!("setting {} {index}", id.0),
        _ => String::new(),
    })
}

/// What a documentation is of. Numbers are those of the same state of the file; of another state they may be of something else,
/// which is no harm.
pub(super) fn target_of(of: &DocOf) -> Option<Target> {
    let mut words = of.0.split(' ');
    let (kind, mut numbers) = (words.next()?, words.map(str::parse::<usize>));
    let id = numbers.next()?.ok()?;
    let mut index = || numbers.next()?.ok();
    Some(match kind {
        "func" => Target::Func(hir::FuncId(id)),
        "constant" => Target::Constant(hir::ConstantId(id)),
        "record" => Target::Record(hir::RecordId(id)),
        "enum" => Target::Enum(hir::EnumId(id)),
        "builtin" => Target::Builtin(hir::BuiltinId(id)),
        "bind" => Target::Bind(hir::BindId(id)),
        "field" => Target::Field(hir::RecordId(id), index()?),
        "setting" => Target::Setting(hir::FuncId(id), index()?),
        _ => return None,
    })
}
