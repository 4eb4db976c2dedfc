//! What a text does not say, shown in it.
//!
//! Owns which hints help: names of parameters before literals, types of names that are defined without one, digests of images.

use hlb_compiler::Type;
use hlb_compiler::hir::{ModuleId, Target};
use hlb_compiler::probe::TextKind;
use hlb_language::ast::{Arg, Decl, Expr, Ident, Stmt};
use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::call::{Call, calls};
use crate::host::Snapshot;
use crate::links::literal;
use crate::lock::Pins;
use crate::walk::{Node, walk};

/// How much of a digest is shown.
const SHOWN_DIGEST: usize = "sha256:".len() + 8;

/// Which hints are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InlaySettings {
    /// Names of parameters before arguments.
    pub parameters: bool,
    /// Types of names whose type is not written.
    pub types: bool,
    /// Digests behind names of images, from the lock file.
    pub digests: bool,
}

impl Default for InlaySettings {
    fn default() -> Self {
        Self { parameters: true, types: true, digests: true }
    }
}

/// What a hint says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InlayKind {
    /// The name of a parameter.
    Parameter,
    /// A type.
    Type,
    /// A digest.
    Digest,
}

/// A hint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InlayHint {
    /// Where it stands.
    pub offset: usize,
    /// What it says.
    pub text: String,
    /// What that is.
    pub kind: InlayKind,
    /// More words.
    pub tooltip: Option<String>,
    /// What would write it into the text.
    pub edit: Option<(Span, String)>,
}

impl Snapshot {
    /// The hints within a range of a file, in the order of the text.
    pub fn hints(&self, analysis: &Analysis, range: Span) -> Vec<InlayHint> {
        let wanted = &self.settings().inlay;
        let mut hints = Vec::new();
        if wanted.types {
            types(analysis, &mut hints);
        }
        if wanted.parameters || wanted.digests {
            let pins = self.pins(analysis.text().source().name().into());
            for call in calls(analysis) {
                if wanted.parameters {
                    parameters(analysis, &call, &mut hints);
                }
                if wanted.digests {
                    digest(analysis, &call, &pins, &mut hints);
                }
            }
        }
        hints.retain(|hint| range.touches(hint.offset));
        hints.sort_by_key(|hint| hint.offset);
        hints
    }
}

/// Names of parameters before literals, which do not tell what they are.
fn parameters(analysis: &Analysis, call: &Call<'_>, hints: &mut Vec<InlayHint>) {
    // Of one argument the callee's name says enough.
    if call.signature.params.len() < 2 + call.taken || call.args.iter().any(|arg| matches!(arg, Arg::Spread(..))) {
        return;
    }
    for (arg, param) in call.args.iter().zip(call.signature.params.iter().skip(call.taken)) {
        let Arg::Value(value) = arg else { continue };
        if param.variadic || !is_literal(value) {
            continue;
        }
        let says_so = literal(analysis, value).is_some_and(|(_, text)| text.eq_ignore_ascii_case(&param.name.text));
        if !says_so {
            hints.push(InlayHint {
                offset: value.span().start as usize,
                text: format!("{}:", param.name.text),
                kind: InlayKind::Parameter,
                tooltip: Some(format!("{} {}", param.ty, param.name.text)),
                edit: None,
            });
        }
    }
}

fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Int(_) | Expr::Bool(_) | Expr::None(_) | Expr::String(_) => true,
        Expr::Unary(unary) => is_literal(&unary.operand),
        _ => false,
    }
}

/// Types in front of names that `let` defines without one, where the language would have them.
fn types(analysis: &Analysis, hints: &mut Vec<InlayHint>) {
    let mut hint = |name: &Ident| {
        let shown = type_of(analysis, name).filter(is_known);
        hints.extend(shown.map(|ty| InlayHint {
            offset: name.span.start as usize,
            text: format!("{ty} "),
            kind: InlayKind::Type,
            tooltip: None,
            edit: is_own(analysis, &ty).then(|| (Span::at(name.span.start as usize), format!("{ty} "))),
        }));
    };
    walk(analysis.text().tree(), &mut |node| match node {
        Node::Decl(Decl::Let(decl)) if decl.ty.is_none() => hint(&decl.name),
        Node::Stmt(Stmt::Let(stmt)) if stmt.ty.is_none() => hint(&stmt.name),
        _ => {}
    });
}

fn type_of(analysis: &Analysis, name: &Ident) -> Option<Type> {
    let program = &analysis.checked.program;
    let local = program.reference_at(analysis.entry()?, name.span.start as usize).map(|it| (it.at.span, it.target));
    let constant = || program.entry()?.scope.get(&name.text).map(|symbol| (symbol.at.span, symbol.target));
    let (_, target) = local.or_else(constant).filter(|(span, _)| *span == name.span)?;
    program.type_of(target)
}

/// Whether the file calls a type by its name alone: it is a builtin one or declared here.
fn is_own(analysis: &Analysis, ty: &Type) -> bool {
    let program = &analysis.checked.program;
    let here = |module: ModuleId| program.modules.get(module.0).map(|it| it.source) == analysis.entry();
    match ty {
        Type::List(item) | Type::Map(item) | Type::Optional(item) => is_own(analysis, item),
        Type::Record(id, _) => program.records.get(id.0).is_some_and(|it| here(it.module)),
        Type::Enum(id, _) => {
            program.enums.get(id.0).is_some_and(|it| it.builtin || Some(it.at.source) == analysis.entry())
        }
        Type::OwnOption(id, _) => program.funcs.get(id.0).is_some_and(|it| here(it.module)),
        _ => true,
    }
}

/// Whether a type can be written.
pub(crate) fn is_known(ty: &Type) -> bool {
    match ty {
        Type::Unknown(_) | Type::Never | Type::Test | Type::AnyOption => false,
        Type::List(item) | Type::Map(item) | Type::Optional(item) => is_known(item),
        _ => true,
    }
}

/// The name of an image that a call takes, and the digest that a lock file has for it.
pub(crate) fn pinned<'a>(analysis: &'a Analysis, call: &Call<'_>, pins: &'a Pins) -> Option<(Span, &'a str)> {
    let (Some(arg), Target::Builtin(_)) = (call.args.first(), call.target) else { return None };
    if analysis.checked.program.text_kind(call.target, 0) != TextKind::Image {
        return None;
    }
    let (span, text) = literal(analysis, arg.expr())?;
    Some((span, pins.digest(text)?))
}

fn digest(analysis: &Analysis, call: &Call<'_>, pins: &Pins, hints: &mut Vec<InlayHint>) {
    let Some((span, digest)) = pinned(analysis, call, pins) else { return };
    let shown = digest.get(..SHOWN_DIGEST).unwrap_or(digest);
    hints.push(InlayHint {
        offset: span.end as usize,
        text: format!("@{shown}…"),
        kind: InlayKind::Digest,
        tooltip: Some(format!("hlb.lock: {digest}")),
        edit: Some((Span::at(span.end as usize), format!("@{digest}"))),
    });
}
