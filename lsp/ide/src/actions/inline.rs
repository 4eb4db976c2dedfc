//! Definitions in place of their uses.
//!
//! Owns which can be: the value of a `let` or a constant, and how it is written where its name was.

mod call;

use hlb_compiler::hir::Target;
use hlb_language::ast::{Decl, Element, Entry, Expr, Ident, Stmt, StringForm, StringLit, StringPart};
use hlb_language::diagnostic::Location;
use hlb_language::span::Span;

use super::draft::Draft;
use super::shape::{Instead, Shape};
use super::{Action, ActionKind, File};
use crate::walk::{Node, repeats};

/// Why something stays that could not be moved without more.
const DIFFERENT: &str = "the program would not mean the same afterwards";

/// What defines a value.
#[derive(Clone, Copy)]
struct Defined<'t> {
    /// All of the statement or the declaration.
    whole: Span,
    name: &'t Ident,
    value: &'t Expr,
}

/// A use of a name, and what is written there instead.
struct Use {
    edit: (Span, String),
    /// Where, within the text that comes, the value begins, and the part of the value that comes.
    value: (usize, Span),
    instead: (Span, Instead),
}

impl File<'_> {
    /// The value of the `let` or the constant at a cursor in place of its uses, all of them, or why it stays.
    pub(super) fn inline_value(&self, range: Span) -> Option<Action> {
        let (_, target) = self.analysis.name_at(range.start as usize).filter(|(at, _)| range.end <= at.end)?;
        let nodes = self.nodes();
        let defined = self.defined(target, &nodes)?;
        let title = format!("inline `{}`", defined.name.text);
        let made = self.value_inlined(&title, target, defined, &nodes);
        Some(self.or_refused(&title, ActionKind::Inline, made))
    }

    fn value_inlined(
        &self,
        title: &str,
        target: Target,
        defined: Defined<'_>,
        nodes: &[Node<'_>],
    ) -> Result<Action, String> {
        let Defined { whole, name, value } = defined;
        let all = self.analysis.checked.program.uses(target).map(|at| at.span);
        let uses: Vec<Span> = all.filter(|at| *at != name.span).collect();
        self.known_here_only(target, name)?;
        if uses.is_empty() {
            return Err(format!("nothing uses `{}`", name.text));
        }
        // What does not parse may define a name that the value uses.
        let hidden = uses.iter().any(|at| self.is_broken(whole.to(*at)));
        if hidden || self.has_mistakes(whole) || !self.all_known(whole, nodes) || !self.understood(name, &uses, nodes) {
            return Err(format!("a mistake hides what `{}` means somewhere; mend it first", name.text));
        }
        if self.has_comments(whole, &[value.span()]) {
            return Err("a comment would be lost".to_owned());
        }
        let repeated = |at: &Span| nodes.iter().any(|node| repeats(node, *at) && !node.span().contains(whole));
        // A constant is evaluated once, a function as often as it is called with something else.
        let runs_once = matches!(target, Target::Constant(_)) && self.runs_commands(value.span());
        if runs_once || !self.is_plain(value) && (uses.len() > 1 || uses.iter().any(repeated)) {
            return Err(format!("the value of `{}` takes work, which would be done more than once", name.text));
        }
        let shape = Shape::of(self.analysis.text());
        let uses: Option<Vec<Use>> = uses.into_iter().map(|at| self.used(at, value, nodes, &shape)).collect();
        let uses = uses.ok_or_else(|| format!("the value of `{}` cannot be written where a use is", name.text))?;
        let mut edits: Vec<(Span, String)> = uses.iter().map(|it| it.edit.clone()).collect();
        edits.push((self.gone(whole), String::new()));
        let draft = Draft::new(title, ActionKind::Inline, edits);
        let edits = draft.edits.clone();
        let mut places: Vec<(Span, Instead)> = vec![(whole, Instead::Nothing)];
        let mut parts = Vec::new();
        for it in uses {
            parts.push((it.value.1, draft.moved(it.edit.0) + it.value.0));
            places.push(it.instead);
        }
        let expected = shape.with(&places);
        let made = self.settled(draft, |after| {
            Shape::of(after.text()).says(&expected) && self.same_names(&parts, after, &edits, |_| false)
        });
        made.ok_or_else(|| DIFFERENT.to_owned())
    }

    /// The `let` or the constant of this file that gives a value a name.
    fn defined<'t>(&'t self, target: Target, nodes: &[Node<'t>]) -> Option<Defined<'t>> {
        let (Target::Local(_) | Target::Constant(_)) = target else { return None };
        let at = self.analysis.checked.program.describe(target)?.at;
        if Some(at.source) != self.analysis.entry() {
            return None;
        }
        nodes.iter().find_map(|node| match node {
            Node::Stmt(Stmt::Let(it)) if it.name.span == at.span => {
                Some(Defined { whole: it.span, name: &it.name, value: &it.value })
            }
            Node::Decl(Decl::Let(it)) if it.name.span == at.span => {
                Some(Defined { whole: it.span, name: &it.name, value: &it.value })
            }
            _ => None,
        })
    }

    /// Whether nobody but this file, and nobody but the function around it, knows a name.
    fn known_here_only(&self, target: Target, name: &Ident) -> Result<(), String> {
        let program = &self.analysis.checked.program;
        let (Some(module), Some(source)) = (program.entry(), self.analysis.entry()) else { return Ok(()) };
        if let Some(symbol) = module.scope.values().find(|symbol| symbol.target == target) {
            if symbol.exported {
                return Err(format!("`{}` is exported, so other files may use it", name.text));
            }
            // What is said of it would be said of what stands below it.
            let doc = program.describe(target).and_then(|it| it.doc);
            return doc.map_or(Ok(()), |_| Err(format!("the comment above `{}` would be lost", name.text)));
        }
        let around = program.func_around(Location { source, span: name.span }).and_then(|id| program.funcs.get(id.0));
        match around.and_then(|func| func.signature.effects.iter().find(|it| it.name.text == name.text)) {
            Some(_) => Err(format!("`{}` is a result of the function, which its callers may read", name.text)),
            None => Ok(()),
        }
    }

    /// How a value is written where a name is used. `None` if it cannot be.
    fn used(&self, at: Span, value: &Expr, nodes: &[Node<'_>], shape: &Shape) -> Option<Use> {
        let value_at = value.span();
        let text = self.slice(value_at);
        let around: Vec<&Node<'_>> = nodes.iter().filter(|node| node.span().contains(at)).collect();
        let is_use =
            |node: &&Node<'_>| matches!(node, Node::Expr(expr) if expr.span() == at && expr.as_name().is_some());
        if let Some(place) = around.iter().position(is_use) {
            let above: Vec<&Node<'_>> = around.get(..place)?.to_vec();
            if let Some((hole, content)) = self.spliced(at, value, &above) {
                return Some(Use {
                    edit: (hole, self.slice(content).to_owned()),
                    value: (0, content),
                    instead: (at, Instead::Pieces(shape.expr(value_at))),
                });
            }
            let parens = needs_parens(value, &above);
            let text = if parens { format!("({text})") } else { text.to_owned() };
            return Some(Use {
                edit: (at, text),
                value: (usize::from(parens), value_at),
                instead: (at, Instead::Expr(shape.expr(value_at))),
            });
        }
        // In front of a dot, of arguments or as a statement, a name can stand for a name.
        if let Some(path) = value.as_name().filter(|path| path.member.is_none()) {
            return Some(Use {
                edit: (at, text.to_owned()),
                value: (0, value_at),
                instead: (at, Instead::Name(path.head.text.to_string())),
            });
        }
        let alone = around
            .iter()
            .any(|node| matches!(node, Node::Stmt(Stmt::Call(call)) if call.span == at && call.parens.is_none()));
        // A call goes on from the block's value where it is a statement, and from nothing where it is not.
        let is_value =
            matches!(value, Expr::Int(_) | Expr::Bool(_) | Expr::String(_) | Expr::Binary(_) | Expr::List(_));
        (alone && is_value).then(|| Use {
            edit: (at, text.to_owned()),
            value: (0, value_at),
            instead: (at, Instead::Value(shape.expr(value_at))),
        })
    }

    /// Where a text in quotes takes the place of an interpolation in a text in quotes, and what stands between its quotes.
    fn spliced(&self, at: Span, value: &Expr, above: &[&Node<'_>]) -> Option<(Span, Span)> {
        let Expr::String(literal @ StringLit { form: StringForm::Quoted, span, .. }) = value else { return None };
        let host = match above.last()? {
            Node::Expr(Expr::String(host)) => host,
            Node::Text(host) => *host,
            _ => return None,
        };
        if host.form != StringForm::Quoted {
            return None;
        }
        let hole = host.parts.iter().find_map(|part| match part {
            StringPart::Interpolation(hole, Some(expr)) if expr.span() == at => Some(*hole),
            _ => None,
        })?;
        let content = Span { start: span.start + 1, end: span.end.saturating_sub(1) };
        // Signs that would make an interpolation with what they come to stand beside.
        let before = self.analysis.text().source().text().get(..hole.start as usize)?;
        let plain = !self.slice(content).ends_with('$') && !before.ends_with('$');
        (plain && !literal.parts.is_empty()).then_some((hole, content))
    }

    /// Whether it does not matter how often an expression is evaluated, and it is short: literals and names.
    fn is_plain(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Int(_) | Expr::Bool(_) | Expr::None(_) => true,
            Expr::String(text) => text.parts.iter().all(|part| match part {
                StringPart::Interpolation(_, Some(expr)) => self.is_plain(expr),
                StringPart::Interpolation(_, None) => false,
                StringPart::Text(_) | StringPart::Escape(_) => true,
            }),
            Expr::Unary(unary) => self.is_plain(&unary.operand),
            Expr::Binary(binary) => {
                self.is_plain(&binary.first) && binary.rest.iter().all(|(_, _, operand)| self.is_plain(operand))
            }
            Expr::Paren(_, inner) => self.is_plain(inner),
            Expr::List(list) => list.elements.iter().all(|element| match element {
                Element::Value(it) | Element::Spread(_, it) => self.is_plain(it),
            }),
            Expr::Map(map) => map.entries.iter().all(|entry| match entry {
                Entry::Pair(key, value) => self.is_plain(key) && self.is_plain(value),
                Entry::Spread(_, it) => self.is_plain(it),
            }),
            Expr::Call(call) if call.args.is_none() => {
                let name = call.callee.member.as_ref().unwrap_or(&call.callee.head);
                let is_value = |target: Target| {
                    !matches!(target, Target::Func(_) | Target::Builtin(_) | Target::Bind(_) | Target::Module(_))
                };
                self.target(name).is_some_and(is_value)
            }
            _ => false,
        }
    }

    /// What goes with a statement or a declaration: its lines, if nothing else stands on them.
    fn gone(&self, whole: Span) -> Span {
        let source = self.analysis.text().source();
        let line = |offset: u32| source.line_span(source.line_index(offset as usize)).unwrap_or(whole);
        let lines = line(whole.start).to(line(whole.end));
        let behind = source.slice(Span { start: whole.end, end: lines.end });
        let rest = behind.trim_start_matches([' ', '\t']);
        if self.indent(whole.start).is_some() && rest.trim().is_empty() {
            return lines;
        }
        let Some(next) = rest.strip_prefix(';') else { return whole };
        let end = lines.end - Span::at(next.trim_start_matches([' ', '\t']).len()).start;
        Span { start: whole.start, end }
    }
}

/// Whether a value needs parentheses below some parts of a tree.
fn needs_parens(value: &Expr, above: &[&Node<'_>]) -> bool {
    let open = matches!(value, Expr::Unary(_) | Expr::Binary(_) | Expr::If(_) | Expr::Match(_) | Expr::Lambda(_));
    let mut above = above.iter().rev();
    match above.next() {
        Some(Node::Expr(Expr::Unary(_) | Expr::Binary(_) | Expr::Postfix(_))) => open,
        Some(Node::Arg(_)) => match above.next() {
            Some(Node::Stmt(Stmt::Call(call))) => open && call.parens.is_none(),
            _ => false,
        },
        _ => false,
    }
}
