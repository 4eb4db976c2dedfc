//! Names that fit where somebody types.
//!
//! Owns which of the names that the compiler knows are offered, and which words of the language beside them.

use hlb_compiler::hir::{Builtin, Target};
use hlb_compiler::probe::{self, Candidate};
use hlb_compiler::{Checked, Type};

use super::context::OPTION;
use super::item::{Items, Rank};
use super::{Completion, CompletionKind, Probed, words};

/// Builtins that most programs begin with.
const COMMON: [&str; 14] = [
    "image", "run", "copy", "local", "env", "dir", "mkfile", "mkdir", "scratch", "git", "http", "download", "mount",
    "secret",
];

/// What stands behind the dot.
pub(super) fn members(probed: &Probed, items: &mut Items<'_>) {
    let Some(receiver) = &probed.place.receiver else { return };
    let checked = &probed.checked;
    let statement = is_statement(items);
    for Candidate { name, target, ty } in checked.members(receiver) {
        let rank = if probed.place.takes(&ty) { Rank::Best } else { Rank::Unfit };
        let behind_value = matches!(receiver, probe::Receiver::Value(_)) && matches!(target, Target::Builtin(_));
        let item = if behind_value {
            behind(items, checked, &name, target)
        } else {
            items.name(checked, &name, target, statement)
        };
        items.add(rank, item);
    }
}

/// A function that is written behind its first argument.
fn behind(items: &Items<'_>, checked: &Checked, name: &str, target: Target) -> Completion {
    let item = items.plain_name(checked, name, target);
    let Target::Builtin(id) = target else { return item };
    // It has its arguments already.
    if items.cursor().line_after().starts_with('(') {
        return item;
    }
    let must = |builtin: &Builtin| builtin.signature.params.iter().skip(1).filter(|it| !it.optional).count();
    let rest = checked.program.builtins.get(id.0).map_or(0, must);
    let plain = format!("{name}()");
    let insert = if rest == 0 { plain.clone() } else { format!("{name}($1)") };
    Completion { insert, plain, snippet: rest > 0, ..item }
}

/// Whether what is written before the word's line part is nothing: a statement begins with the head of the dot.
fn is_statement(items: &Items<'_>) -> bool {
    let before = items.cursor().line_before();
    let head = before.trim_end_matches(|it: char| it.is_alphanumeric() || it == '_' || it == '.');
    head.trim().is_empty() || head.trim_end().ends_with(['{', ';'])
}

/// What a statement begins with, or what may stand as a value.
pub(super) fn names(probed: &Probed, items: &mut Items<'_>) {
    let (place, checked) = (&probed.place, &probed.checked);
    for it in checked.variants(place) {
        let item = items.name(checked, &it.name, it.target, false);
        items.add(Rank::Best, item);
    }
    for (name, ty) in &place.names {
        let rank = if place.takes(ty) { Rank::Best } else { Rank::Unfit };
        if place.statement && rank == Rank::Unfit {
            continue;
        }
        let item = Completion { detail: Some(format!("{ty} {name}")), ..items.plain(name, CompletionKind::Variable) };
        items.add(rank, item);
    }
    arguments(probed, items);
    for Candidate { name, target, ty } in checked.candidates(place) {
        if !items.wants(&name) {
            continue;
        }
        let fits = place.takes(&ty);
        let rank = match target {
            Target::Module(_) | Target::Enum(_) => Rank::Module,
            _ if !fits => Rank::Unfit,
            // Behind `with`, a block of options is mostly wanted.
            _ if ty.is_option() && !place.statement => Rank::Builtin,
            _ if ty.is_option() && COMMON.contains(&name.as_str()) => Rank::Best,
            _ if ty.is_option() => Rank::Own,
            Target::Builtin(_) if COMMON.contains(&name.as_str()) => Rank::Common,
            Target::Builtin(_) => Rank::Builtin,
            _ => Rank::Own,
        };
        // What makes a filesystem is no use where a text is wanted, and the other way round.
        let hidden = rank == Rank::Unfit && (place.statement || matches!(target, Target::Builtin(_)));
        if !hidden {
            let item = items.name(checked, &name, target, place.statement);
            items.add(rank, item);
        }
    }
    let in_options = place.expected.first().is_some_and(Type::is_option);
    if !(place.statement && in_options) {
        for space in probe::namespaces() {
            let item = items.plain(space, CompletionKind::Module);
            items.add(Rank::Module, item);
        }
    }
    if place.statement {
        statement_words(probed, items);
    } else {
        value_words(probed, items);
    }
}

/// What the call takes by name and has not been given.
fn arguments(probed: &Probed, items: &mut Items<'_>) {
    let Some(call) = probed.place.calls.last() else { return };
    // Behind `name =` stands a value.
    if items.cursor().line_before().trim_end().ends_with('=') {
        return;
    }
    for param in call.signature.params.iter().skip(call.argument) {
        let name = &param.name.text;
        if name.is_empty() || param.variadic || call.given.contains(name) {
            continue;
        }
        let (label, insert) = (format!("{name} ="), format!("{name} = $1"));
        let item = items.pattern(&label, CompletionKind::Argument, &insert, &format!("{name} = "));
        let item = Completion { detail: Some(format!("{} {name}", param.ty)), filter: Some(name.to_string()), ..item };
        items.add(Rank::Argument, item);
    }
}

fn statement_words(probed: &Probed, items: &mut Items<'_>) {
    for (word, insert) in [
        ("let", "let ${1:name} = $0"),
        ("if", "if ${1:condition} {\n\t$0\n}"),
        ("for", "for ${1:item} in ${2:items} {\n\t$0\n}"),
        ("match", "match ${1:value} {\n\t$0\n}"),
    ] {
        let item = items.pattern(word, CompletionKind::Keyword, insert, word);
        items.add(Rank::Keyword, item);
    }
    // The block of a test takes what it looks at, and what it says of that.
    let in_test = probed.place.expected == [Type::Pipeline, Type::Fs];
    if in_test {
        let item = items.pattern("assert", CompletionKind::Keyword, "assert $0", "assert");
        items.add(Rank::Best, item);
    }
}

fn value_words(probed: &Probed, items: &mut Items<'_>) {
    let place = &probed.place;
    if place.expected.contains(&Type::Bool) {
        for word in ["true", "false"] {
            let item = items.plain(word, CompletionKind::Keyword);
            items.add(Rank::Best, item);
        }
    }
    if place.expected.iter().any(|ty| matches!(ty, Type::Optional(_))) {
        let item = items.plain("none", CompletionKind::Keyword);
        items.add(Rank::Best, item);
    }
    // Whoever writes the whole type knows why.
    if items.cursor().prefix().starts_with(OPTION) {
        for ty in words::option_types(&probed.checked.program) {
            let fits = place.expected.is_empty() || place.expected.iter().any(|expected| expected.to_string() == ty);
            let item =
                items.pattern(&format!("{ty} {{ … }}"), CompletionKind::Snippet, &format!("{ty} {{\n\t$0\n}}"), &ty);
            items.add(if fits { Rank::Best } else { Rank::Unfit }, Completion { filter: Some(ty), ..item });
        }
    }
    for ty in &place.expected {
        match ty {
            Type::Option(_) | Type::OwnOption(..) => {
                let item = items.pattern("option", CompletionKind::Snippet, "option {\n\t$0\n}", "option");
                items.add(
                    Rank::Best,
                    Completion { label: "option { … }".to_owned(), filter: Some("option".to_owned()), ..item },
                );
            }
            Type::Fs => {
                let item = items.pattern("fs", CompletionKind::Snippet, "fs {\n\t$0\n}", "fs");
                items
                    .add(Rank::Own, Completion { label: "fs { … }".to_owned(), filter: Some("fs".to_owned()), ..item });
            }
            _ => {}
        }
    }
    clauses(probed, items);
}

/// `with` and `as`, where a statement may go on with them.
fn clauses(probed: &Probed, items: &mut Items<'_>) {
    let ([call], true) = (probed.place.calls.as_slice(), items.cursor().line_before().ends_with(' ')) else { return };
    let program = &probed.checked.program;
    let in_parens = items.cursor().line_before().trim_end().ends_with(['(', ',']);
    let takes = match call.target {
        Some(Target::Builtin(_)) => {
            let wanted = Type::Option(call.name.clone());
            program.builtins.iter().any(|builtin| builtin.signature.result == wanted)
        }
        Some(Target::Func(_)) => !call.signature.options.is_empty(),
        _ => false,
    };
    if takes && !in_parens {
        let item = items.pattern("with", CompletionKind::Keyword, "with option {\n\t$0\n}", "with option {");
        items.add(Rank::Argument, item);
    }
    if !call.signature.effects.is_empty() && !in_parens {
        let item = items.pattern("as", CompletionKind::Keyword, "as ${1:name}", "as ");
        items.add(Rank::Argument, item);
    }
}
