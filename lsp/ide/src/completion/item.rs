//! The items that are offered.
//!
//! Owns their order, and that none is offered twice. What is written of a call is a pattern with places for what it must be given.

use std::collections::HashSet;

use hlb_compiler::hir::{Param, Signature, Target};
use hlb_compiler::{Checked, Program, Type, hir};
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
    /// Their labels, with what is written elsewhere for them.
    known: HashSet<(String, String)>,
    incomplete: bool,
}

impl<'c> Items<'c> {
    pub(super) fn new(cursor: &'c Cursor<'c>) -> Self {
        let typed = cursor.prefix().chars().flat_map(char::to_lowercase).collect();
        Self { cursor, typed, items: Vec::new(), known: HashSet::new(), incomplete: false }
    }

    /// Whether a name has what has been typed in it, letter by letter. Clients show no other, so it need not be made.
    pub(super) fn wants(&self, name: &str) -> bool {
        has(name, self.typed.iter().copied())
    }

    pub(super) fn cursor(&self) -> &'c Cursor<'c> {
        self.cursor
    }

    /// Adds an item, unless there is one that writes the same.
    pub(super) fn add(&mut self, rank: Rank, item: Completion) {
        if self.wants(item.filter.as_deref().unwrap_or(&item.label)) {
            self.add_text(rank, item);
        }
    }

    /// The same for what is in a string, of which the word may be a part only.
    pub(super) fn add_text(&mut self, rank: Rank, item: Completion) {
        let also: String = item.also.iter().map(|(_, text)| text.as_str()).collect();
        if self.known.insert((item.label.clone(), also)) {
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

    /// A name of a program, as it is.
    pub(super) fn plain_name(&self, checked: &Checked, name: &str, target: Target) -> Completion {
        let description = checked.program.describe(target);
        let detail = description.as_ref().and_then(|it| it.signature.lines().next()).map(str::to_owned);
        let doc = description.filter(|it| it.doc.is_some()).and_then(|_| doc_of(checked, target));
        Completion { detail, doc, ..self.plain(name, kind_of(&checked.program, target)) }
    }

    /// A name of a program, as a statement begins with it or as a value.
    pub(super) fn name(&self, checked: &Checked, name: &str, target: Target, statement: bool) -> Completion {
        let item = self.plain_name(checked, name, target);
        let free = self.cursor.line_after().trim_start();
        let is_free = free.is_empty() || free.starts_with(['}', ')', ',', ';', ']']);
        match signature_of(&checked.program, target).filter(|_| is_free) {
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

/// Whether a name has letters in it, small ones, in their order.
fn has(name: &str, letters: impl Iterator<Item = char>) -> bool {
    let mut letters = letters.peekable();
    for letter in name.chars().flat_map(char::to_lowercase) {
        letters.next_if_eq(&letter);
    }
    letters.peek().is_none()
}

/// Whether a name has what has been typed of it in it, as [`Items::wants`] does of the word.
pub(super) fn has_typed(name: &str, typed: &str) -> bool {
    has(name, typed.chars().flat_map(char::to_lowercase))
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

/// What tells a name's documentation from that of others: its file, what it is and what it is called. Numbers would not do, since
/// the documentation is asked of another program than the one that is typed at.
fn doc_of(checked: &Checked, target: Target) -> Option<DocOf> {
    let program = &checked.program;
    let func = |id: hir::FuncId| program.funcs.get(id.0).map(|func| func.name.text.as_str());
    let (kind, of, name) = match target {
        Target::Func(id) => ("func", "", func(id)?),
        Target::Constant(id) => ("constant", "", program.constants.get(id.0)?.name.text.as_str()),
        Target::Record(id) => ("record", "", program.records.get(id.0)?.name.text.as_str()),
        Target::Enum(id) => ("enum", "", program.enums.get(id.0)?.name.text.as_str()),
        Target::Field(id, index) => {
            let record = program.records.get(id.0)?;
            ("field", record.name.text.as_str(), record.fields.get(index)?.name.text.as_str())
        }
        Target::Variant(id, index) => {
            let found = program.enums.get(id.0)?;
            ("variant", found.name.text.as_str(), found.variants.get(index)?.text.as_str())
        }
        Target::Bind(id) => {
            let bound = program.binds.get(id.0)?;
            ("bind", func(bound.func)?, bound.name.text.as_str())
        }
        Target::Setting(id, index) => {
            let option = program.funcs.get(id.0)?.signature.options.get(index)?;
            ("setting", func(id)?, option.name.text.as_str())
        }
        // All programs have the same, and many have one name.
        Target::Builtin(id) => return Some(DocOf(format!("builtin {}", id.0))),
        Target::Param(..) | Target::Local(_) | Target::Module(_) => return None,
    };
    let file = checked.sources.get(program.describe(target)?.at.source)?.name();
    Some(DocOf(format!("{kind} {of}.{name} {file}")))
}

/// What a documentation is of, if the program has it.
pub(super) fn target_of(checked: &Checked, of: &DocOf) -> Option<Target> {
    let program = &checked.program;
    let kind = of.0.split(' ').next()?;
    let targets: Vec<Target> = match kind {
        "func" => (0..program.funcs.len()).map(|id| Target::Func(hir::FuncId(id))).collect(),
        "constant" => (0..program.constants.len()).map(|id| Target::Constant(hir::ConstantId(id))).collect(),
        "record" => (0..program.records.len()).map(|id| Target::Record(hir::RecordId(id))).collect(),
        "enum" => (0..program.enums.len()).map(|id| Target::Enum(hir::EnumId(id))).collect(),
        "bind" => (0..program.binds.len()).map(|id| Target::Bind(hir::BindId(id))).collect(),
        "builtin" => (0..program.builtins.len()).map(|id| Target::Builtin(hir::BuiltinId(id))).collect(),
        "field" => {
            let fields = program.records.iter().enumerate();
            let field = |(id, it): (usize, &hir::Record)| {
                (0..it.fields.len()).map(move |index| Target::Field(hir::RecordId(id), index))
            };
            fields.flat_map(field).collect()
        }
        "variant" => {
            let variants = program.enums.iter().enumerate();
            let variant = |(id, it): (usize, &hir::Enum)| {
                (0..it.variants.len()).map(move |index| Target::Variant(hir::EnumId(id), index))
            };
            variants.flat_map(variant).collect()
        }
        "setting" => {
            let options = program.funcs.iter().enumerate();
            let option = |(id, it): (usize, &hir::Func)| {
                (0..it.signature.options.len()).map(move |index| Target::Setting(hir::FuncId(id), index))
            };
            options.flat_map(option).collect()
        }
        _ => return None,
    };
    targets.into_iter().find(|target| doc_of(checked, *target).as_ref() == Some(of))
}
