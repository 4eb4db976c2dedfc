//! What a function does in place of a call of it.
//!
//! Owns which calls can be replaced: those of functions of the same file that are one statement, and bind and take no more than
//! parameters. The function stays.

use hlb_compiler::hir::Target;
use hlb_language::ast::{Arg, CallStmt, Decl, Expr, FuncDecl, Path, Stmt};
use hlb_language::diagnostic::Location;
use hlb_language::span::Span;

use super::super::draft::Draft;
use super::super::shape::{Instead, Shape};
use super::super::{Action, ActionKind, File};
use super::{DIFFERENT, Use, needs_parens};
use crate::walk::{Node, Role, repeats};

/// A call.
#[derive(Clone, Copy)]
struct Site<'t> {
    span: Span,
    callee: &'t Path,
    args: &'t [Arg],
    is_stmt: bool,
    /// Whether it says more than a function's name and arguments.
    is_more: bool,
}

/// A text put together from parts of the file, each with the offset at which it came to stand.
#[derive(Default)]
struct Woven {
    text: String,
    parts: Vec<(Span, usize)>,
}

impl File<'_> {
    /// The statement of the function that is called at a cursor in place of the call, or why the call stays.
    pub(in super::super) fn inline_call(&self, range: Span) -> Option<Action> {
        let nodes = self.nodes();
        let chosen = |site: &Site<'_>| {
            site.callee.span.touches(range.start as usize) && site.callee.span.touches(range.end as usize)
        };
        let site = nodes.iter().filter_map(site).find(chosen)?;
        let func = self.called(site.callee)?;
        let title = format!("inline this call of `{}`", func.name.text);
        let made = self.call_inlined(&title, site, func, &nodes);
        Some(self.or_refused(&title, ActionKind::Inline, made))
    }

    fn call_inlined(&self, title: &str, site: Site<'_>, func: &FuncDecl, nodes: &[Node<'_>]) -> Result<Action, String> {
        let name = &func.name.text;
        let stmts = func.body.as_ref().map(|body| body.stmts.as_slice());
        let Some([stmt]) = stmts else { return Err(format!("`{name}` is not one statement")) };
        let body = stmt.span();
        let bound = |node: &Node<'_>| matches!(node, Node::Name(Role::Bound, name) if body.contains(name.span));
        if func.options.is_some() || func.binds.is_some() || nodes.iter().any(bound) {
            return Err(format!("`{name}` has options or results"));
        }
        if site.is_more {
            return Err("the call has options, or names its results".to_owned());
        }
        if !fits(stmt, site) {
            return Err(format!("the statement of `{name}` says something else where the call is"));
        }
        // What does not parse may define a name that the statement uses.
        let around = nodes.iter().find(|node| matches!(node, Node::Decl(_)) && node.span().contains(site.span));
        let hidden = around.is_some_and(|decl| self.is_broken(Span { start: decl.span().start, end: site.span.end }));
        if hidden || [site.span, body].iter().any(|at| self.has_mistakes(*at) || !self.all_known(*at, nodes)) {
            return Err("a mistake hides what the text means; mend it first".to_owned());
        }
        // The same call is evaluated once, wherever it stands; what takes its place is not.
        if self.runs_commands(body) {
            return Err(format!("the command of `{name}` would be run more than once"));
        }
        let args = self.arguments(func, site.args);
        let args = args.ok_or_else(|| format!("the arguments of `{name}` cannot be told apart"))?;
        let shape = Shape::of(self.analysis.text());
        let mut uses: Vec<Use> = Vec::new();
        let mut kept: Vec<Span> = Vec::new();
        for (at, index) in self.params_in(func, body) {
            let Some(arg) = args.get(index).copied() else { continue };
            let in_loop = || nodes.iter().any(|it| body.contains(it.span()) && repeats(it, at));
            if !self.is_plain(arg) && (kept.contains(&arg.span()) || in_loop()) {
                return Err("an argument takes work, which would be done more than once".to_owned());
            }
            kept.push(arg.span());
            uses.push(self.used(at, arg, nodes, &shape).ok_or("an argument cannot be written where it is used")?);
        }
        if self.has_comments(site.span, &kept) {
            return Err("a comment would be lost".to_owned());
        }
        let woven = self.woven(stmt, site, &uses, nodes);
        let places: Vec<(Span, Instead)> = uses.into_iter().map(|it| it.instead).collect();
        let instead = match stmt {
            _ if site.is_stmt => Instead::Stmt(shape.stmt(body).with(&places)),
            Stmt::Call(call) => Instead::Expr(shape.call_as_expr(body, !is_name(call)).with(&places)),
            _ => Instead::Expr(shape.expr(body).with(&places)),
        };
        let expected = shape.with(&[(site.span, instead)]);
        let parts: Vec<_> = woven.parts.iter().map(|(part, at)| (*part, site.span.start as usize + at)).collect();
        let draft = Draft::new(title, ActionKind::Inline, vec![(site.span, woven.text)]);
        let edits = draft.edits.clone();
        let made = self.settled(draft, |after| {
            Shape::of(after.text()).says(&expected) && self.same_names(&parts, after, &edits, |_| false)
        });
        made.ok_or_else(|| DIFFERENT.to_owned())
    }

    /// What is written in place of a call.
    fn woven(&self, stmt: &Stmt, site: Site<'_>, uses: &[Use], nodes: &[Node<'_>]) -> Woven {
        let mut woven = Woven::default();
        match stmt {
            Stmt::Call(call) if !site.is_stmt => {
                woven.take(self, call.callee.span, uses);
                if !is_name(call) {
                    for (index, arg) in call.args.iter().enumerate() {
                        woven.text.push_str(if index == 0 { "(" } else { ", " });
                        woven.take(self, arg.span(), uses);
                    }
                    woven.text.push_str(if call.args.is_empty() { "()" } else { ")" });
                }
            }
            Stmt::Expr(it) if !site.is_stmt => {
                let is_site = |node: &Node<'_>| matches!(node, Node::Expr(expr) if expr.span() == site.span);
                let above = nodes.iter().take_while(|node| !is_site(node));
                let above: Vec<&Node<'_>> = above.filter(|node| node.span().contains(site.span)).collect();
                let parens = needs_parens(&it.expr, &above);
                woven.text.push_str(if parens { "(" } else { "" });
                woven.take(self, it.span, uses);
                woven.text.push_str(if parens { ")" } else { "" });
            }
            _ => woven.take(self, stmt.span(), uses),
        }
        woven
    }

    /// The function of this file that a name stands for.
    fn called(&self, callee: &Path) -> Option<&FuncDecl> {
        let Target::Func(id) = self.target(&callee.head).filter(|_| callee.member.is_none())? else { return None };
        let name = self.analysis.checked.program.funcs.get(id.0)?.name.span;
        self.analysis.text().tree().decls.iter().find_map(|decl| match decl {
            Decl::Func(func) if func.name.span == name && func.name.text == callee.head.text => Some(&**func),
            _ => None,
        })
    }

    /// Where the parameters of a function are used in a part of it, each with its number.
    fn params_in(&self, func: &FuncDecl, part: Span) -> Vec<(Span, usize)> {
        let place = |source| Location { source, span: func.name.span };
        let id = self.analysis.entry().and_then(|source| self.analysis.checked.program.func_around(place(source)));
        let own = |target: Target| match target {
            Target::Param(of, index) if id == Some(of) => Some(index),
            _ => None,
        };
        self.uses_in(part).into_iter().filter_map(|it| Some((it.at.span, own(it.target)?))).collect()
    }

    /// What a call gives each parameter of a function, by its default if it gives nothing.
    fn arguments<'t>(&'t self, func: &'t FuncDecl, args: &'t [Arg]) -> Option<Vec<&'t Expr>> {
        let mut values = Vec::new();
        for (index, param) in func.params.iter().enumerate() {
            let named = args.iter().find_map(|arg| match arg {
                Arg::Named(_, name, value) if name.text == param.name.text => Some(&**value),
                _ => None,
            });
            let placed = args.get(index).and_then(|arg| match arg {
                Arg::Value(value) => Some(value),
                _ => None,
            });
            let default = || param.default.as_deref().filter(|it| self.params_in(func, it.span()).is_empty());
            values.push(placed.or(named).or_else(default).filter(|_| param.variadic.is_none())?);
        }
        (args.len() <= values.len()).then_some(values)
    }
}

impl Woven {
    /// Adds a part of the file, with what is written in place of names in it.
    fn take(&mut self, file: &File<'_>, part: Span, uses: &[Use]) {
        let mut start = part.start;
        for it in uses.iter().filter(|it| part.contains(it.edit.0)) {
            self.keep(file, Span { start, end: it.edit.0.start });
            let (inside, value) = it.value;
            self.parts.push((value, self.text.len() + inside));
            self.text.push_str(&it.edit.1);
            start = it.edit.0.end;
        }
        self.keep(file, Span { start, end: part.end });
    }

    fn keep(&mut self, file: &File<'_>, piece: Span) {
        self.parts.push((piece, self.text.len()));
        self.text.push_str(file.slice(piece));
    }
}

/// A call, with what it is of.
fn site<'t>(node: &Node<'t>) -> Option<Site<'t>> {
    match node {
        Node::Stmt(Stmt::Call(call)) => {
            let is_more = call.with.is_some() || call.bind.is_some();
            Some(Site { span: call.span, callee: &call.callee, args: &call.args, is_stmt: true, is_more })
        }
        Node::Expr(Expr::Call(call)) => {
            let args = call.args.as_ref().map_or(&[][..], |(_, args)| args);
            Some(Site { span: call.span, callee: &call.callee, args, is_stmt: false, is_more: false })
        }
        _ => None,
    }
}

/// Whether a statement says the same in place of a call. Where that is a statement, what is no call and no value may leave the
/// block's value as it is, which a function of its own does not.
fn fits(stmt: &Stmt, site: Site<'_>) -> bool {
    match stmt {
        Stmt::Call(call) => call.bind.is_none() && (site.is_stmt || call.with.is_none()),
        Stmt::Expr(it) => !site.is_stmt || !matches!(it.expr, Expr::If(_) | Expr::Match(_)),
        _ => false,
    }
}

fn is_name(call: &CallStmt) -> bool {
    call.args.is_empty() && call.parens.is_none()
}
