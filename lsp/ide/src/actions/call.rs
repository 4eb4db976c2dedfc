//! Calls, written otherwise.
//!
//! Owns arguments that are missing, the two ways to write arguments, and digests behind names of images.

use hlb_compiler::Type;
use hlb_compiler::hir::Param;
use hlb_language::ast::{Arg, Expr, Path, Stmt};
use hlb_language::span::Span;

use super::draft::Draft;
use super::shape::Shape;
use super::{Action, ActionKind, File};
use crate::call::{calls, signature_of};
use crate::inlay::pinned;
use crate::walk::Node;

/// The code of what is said of missing arguments.
const ARITY: &str = "E0103";
/// So many calls of a selection are offered what they lack: each offer is tried on the whole file.
const MOST_CALLS: usize = 3;
/// Records in records are filled so deep.
const DEEPEST: usize = 4;

/// A call as it is written.
#[derive(Clone, Copy)]
struct Written<'t> {
    callee: &'t Path,
    parens: Option<Span>,
    args: &'t [Arg],
    is_stmt: bool,
}

impl File<'_> {
    /// Values for the parameters that a call leaves out and must not: the smallest of each type, to be filled in.
    pub(super) fn missing_arguments(&self, range: Span) -> Vec<Action> {
        let touched = |at: Span| at.start <= range.end && range.start <= at.end;
        let told = self.told.iter().filter(|told| told.code == ARITY && touched(told.span));
        told.take(MOST_CALLS).filter_map(|told| self.with_missing(told.span)).collect()
    }

    fn with_missing(&self, at: Span) -> Option<Action> {
        let nodes = self.nodes();
        let call = nodes.iter().filter_map(written).find(|call| call.callee.span == at)?;
        let name = call.callee.member.as_ref().unwrap_or(&call.callee.head);
        // In front of a dot stands the first argument, unless that is a module or a namespace.
        if call.callee.member.is_some() && self.target(&call.callee.head).is_some_and(|it| !is_module(it)) {
            return None;
        }
        let signature = signature_of(&self.analysis.checked.program, self.target(name)?)?;
        if call.args.iter().any(|arg| matches!(arg, Arg::Spread(..))) {
            return None;
        }
        let named = |param: &Param| {
            call.args.iter().any(|arg| matches!(arg, Arg::Named(_, name, _) if name.text == param.name.text))
        };
        let placed = call.args.iter().filter(|arg| matches!(arg, Arg::Value(_))).count();
        let mut by_name = placed < call.args.len();
        let mut values = Vec::new();
        for param in signature.params.iter().skip(placed).filter(|param| !param.variadic) {
            if named(param) || param.optional {
                // What comes behind it has another place than it would be given.
                by_name = true;
                continue;
            }
            let value = self.smallest(&param.ty, 0)?;
            values.push(if by_name { format!("{} = {value}", param.name.text) } else { value });
        }
        if values.is_empty() {
            return None;
        }
        let last = call.args.last().map_or(call.callee.span.end, |arg| arg.span().end) as usize;
        let edit = match (call.parens, call.args.is_empty()) {
            (Some(parens), true) => (Span::at(parens.start as usize + 1), values.join(", ")),
            (Some(_), false) => (Span::at(last), format!(", {}", values.join(", "))),
            (None, _) if call.is_stmt => (Span::at(last), format!(" {}", values.join(" "))),
            (None, _) => (Span::at(last), format!("({})", values.join(", "))),
        };
        let words = if values.len() == 1 { "argument" } else { "arguments" };
        let title = format!("add the missing {words} of `{}`", name.text);
        let mut draft = Draft::new(title, ActionKind::QuickFix, vec![edit]);
        draft.mends = Some((at, ARITY));
        self.settled(draft, |_| true)
    }

    /// The smallest value of a type, as it is written.
    fn smallest(&self, ty: &Type, depth: usize) -> Option<String> {
        let program = &self.analysis.checked.program;
        let text = match ty {
            Type::String => "\"\"".to_owned(),
            Type::Int => "0".to_owned(),
            Type::Bool => "false".to_owned(),
            Type::Fs | Type::Pipeline => "scratch".to_owned(),
            Type::List(_) => "[]".to_owned(),
            Type::Map(_) => "{}".to_owned(),
            Type::Optional(_) => "none".to_owned(),
            Type::Option(_) | Type::OwnOption(..) => format!("{ty} {{}}"),
            Type::Enum(id, _) => {
                let found = program.enums.get(id.0)?;
                let variant = &found.variants.first()?.text;
                if found.builtin { format!("\"{variant}\"") } else { variant.to_string() }
            }
            Type::Record(id, name) if depth < DEEPEST => {
                let record = program.records.get(id.0)?;
                let needed = record.fields.iter().filter(|field| !field.optional);
                let fields: Option<Vec<String>> = needed
                    .map(|field| Some(format!("{} = {}", field.name.text, self.smallest(&field.ty, depth + 1)?)))
                    .collect();
                format!("{name}({})", fields?.join(", "))
            }
            _ => return None,
        };
        Some(text)
    }

    /// The digest that the lock file has for an image, written behind its name.
    pub(super) fn pin_image(&self, range: Span) -> Option<Action> {
        let pins = self.snapshot.pins(self.path);
        let found = calls(self.analysis).into_iter().find_map(|call| {
            let (name, digest) = pinned(self.analysis, &call, &pins)?;
            (name.start <= range.end && range.start <= name.end).then(|| (name, digest.to_owned()))
        });
        let (name, digest) = found?;
        let edit = (Span::at(name.end as usize), format!("@{digest}"));
        let title = format!("pin `{}` to its digest in `hlb.lock`", self.slice(name));
        self.settled(Draft::new(title, ActionKind::Rewrite, vec![edit]), |_| true)
    }

    /// The arguments of a call that is a statement in parentheses, if they stand side by side, and the other way round.
    pub(super) fn convert_call(&self, range: Span) -> Option<Action> {
        let nodes = self.nodes();
        let touched = |call: &Written<'_>| {
            let at = call.callee.span;
            call.is_stmt && !call.args.is_empty() && at.start <= range.start && range.end <= at.end
        };
        let call = nodes.iter().filter_map(written).find(touched)?;
        let last = call.parens.or(call.args.last().map(Arg::span)).unwrap_or(call.callee.span);
        if self.is_broken(call.callee.span.to(last)) {
            return None;
        }
        let (title, edits) = match call.parens {
            None => ("write the arguments in parentheses", parenthesised(&call)?),
            Some(parens) => ("write the arguments side by side", self.side_by_side(&call, parens)?),
        };
        let before = Shape::of(self.analysis.text());
        self.settled(Draft::new(title, ActionKind::Rewrite, edits), |after| Shape::of(after.text()).says(&before))
    }

    fn side_by_side(&self, call: &Written<'_>, parens: Span) -> Option<Vec<(Span, String)>> {
        // A comment would have no place any more.
        let lexed = self.analysis.lexed();
        let in_args = |at: Span| call.args.iter().any(|arg| arg.span().contains(at));
        if lexed.trivia.comments_in(parens).iter().any(|comment| !in_args(comment.span)) {
            return None;
        }
        let mut edits = Vec::new();
        let mut end = call.callee.span.end;
        for arg in call.args {
            let span = arg.span();
            edits.push((Span { start: end, end: span.start }, " ".to_owned()));
            // What begins with a sign or a parenthesis would go on from what stands in front of it.
            if matches!(arg, Arg::Value(Expr::Unary(_) | Expr::Binary(_))) {
                edits.push((Span::at(span.start as usize), "(".to_owned()));
                edits.push((Span::at(span.end as usize), ")".to_owned()));
            }
            end = span.end;
        }
        edits.push((Span { start: end, end: parens.end }, String::new()));
        Some(joined(edits))
    }
}

fn parenthesised(call: &Written<'_>) -> Option<Vec<(Span, String)>> {
    let mut edits = Vec::new();
    let mut end = call.callee.span.end;
    for (index, arg) in call.args.iter().enumerate() {
        let gap = if index == 0 { "(" } else { ", " };
        edits.push((Span { start: end, end: arg.span().start }, gap.to_owned()));
        end = arg.span().end;
    }
    edits.push((Span::at(call.args.last()?.span().end as usize), ")".to_owned()));
    Some(edits)
}

/// Edits, in order, of which those that touch are one.
fn joined(edits: Vec<(Span, String)>) -> Vec<(Span, String)> {
    let mut joined: Vec<(Span, String)> = Vec::new();
    for (span, text) in edits {
        match joined.last_mut() {
            Some((last, known)) if last.end == span.start => {
                last.end = span.end;
                known.push_str(&text);
            }
            _ => joined.push((span, text)),
        }
    }
    joined
}

fn written<'t>(node: &Node<'t>) -> Option<Written<'t>> {
    match node {
        Node::Stmt(Stmt::Call(call)) => {
            Some(Written { callee: &call.callee, parens: call.parens, args: &call.args, is_stmt: true })
        }
        Node::Expr(Expr::Call(call)) => {
            let (parens, args) = call.args.as_ref().map_or((None, &[][..]), |(span, args)| (Some(*span), args));
            Some(Written { callee: &call.callee, parens, args, is_stmt: false })
        }
        _ => None,
    }
}

fn is_module(target: hlb_compiler::hir::Target) -> bool {
    matches!(target, hlb_compiler::hir::Target::Module(_))
}
