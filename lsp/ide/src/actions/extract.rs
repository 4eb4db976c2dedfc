//! New declarations of parts of a text.
//!
//! Owns what can be given a name: an expression, and statements of a block. The name is chosen afterwards.

use hlb_compiler::Type;
use hlb_compiler::hir::{FuncId, Target};
use hlb_language::ast::{Block, CallStmt, Decl, Expr, Stmt};
use hlb_language::diagnostic::Location;
use hlb_language::span::Span;

use super::draft::Draft;
use super::shape::{Instead, Shape};
use super::{Action, ActionKind, File};
use crate::inlay::is_known;
use crate::walk::{Node, Role, repeats};

/// Where the name of an expression is declared.
#[derive(Clone, Copy)]
enum Before {
    /// Above a statement.
    Stmt(Span),
    /// Above a declaration.
    Decl(Span),
}

impl Before {
    fn span(self) -> Span {
        let (Self::Stmt(span) | Self::Decl(span)) = self;
        span
    }
}

impl File<'_> {
    /// A `let` for the selected expression, above the statement or the constant in which it stands.
    pub(super) fn extract_value(&self, range: Span) -> Option<Action> {
        let span = self.trimmed(range)?;
        let nodes = self.nodes();
        let at = nodes.iter().position(|node| matches!(node, Node::Expr(expr) if expr.span() == span))?;
        let (around, expr) = (nodes.get(..at)?, nodes.get(at)?);
        let Node::Expr(expr) = expr else { return None };
        let around: Vec<Node<'_>> = around.iter().filter(|node| node.span().contains(span)).copied().collect();
        let before = place_above(&around, self)?;
        let whole = around.iter().any(|node| matches!(node, Node::Stmt(Stmt::Expr(_)) if node.span() == span));
        let value = inner(expr).span();
        let repeated = around.iter().any(|node| repeats(node, span) && before.span().contains(node.span()));
        // That something is not `none` is known only where the word stands.
        if whole && goes_on(expr)
            || matches!(inner(expr), Expr::None(_))
            // What a condition tells of a name may be needed where nobody can see it.
            || self.is_broken(before.span())
            || self.has_mistakes(span)
            || !self.all_known(span, &nodes)
            || self.has_comments(span, &[value])
            || repeated && self.runs_commands(span)
        {
            return None;
        }
        let outer = before.span();
        // What is defined on the way to it is not known above.
        let locals = &self.analysis.checked.program.locals;
        let from_within = |target: Target| match target {
            Target::Local(id) => {
                locals.get(id.0).is_some_and(|local| outer.contains(local.at.span) && !span.contains(local.at.span))
            }
            Target::Param(..) | Target::Setting(..) => matches!(before, Before::Decl(_)),
            _ => false,
        };
        if self.uses_in(span).iter().any(|it| from_within(it.target)) {
            return None;
        }
        let name = self.fresh("value");
        let above = self.above(outer.start);
        let (head, tail) = match (before, self.indent(above)) {
            (Before::Stmt(_), Some(indent)) => ("let ", format!("\n{indent}")),
            (Before::Stmt(_), None) => ("let ", "; ".to_owned()),
            (Before::Decl(_), _) => ("let ", "\n\n".to_owned()),
        };
        let inserted = format!("{head}{name} = {}{tail}", self.slice(value));
        let edits = vec![(Span::at(above as usize), inserted), (span, name.clone())];
        let title = if matches!(before, Before::Stmt(_)) { "extract into a `let`" } else { "extract into a constant" };
        let mut draft = Draft::new(title, ActionKind::Extract, edits);
        draft.new_name = Some(name.clone());
        let shape = Shape::of(self.analysis.text());
        let (new_value, moved) = (above as usize + head.len() + name.len() + " = ".len(), draft.moved(outer));
        // What is above is moved by what was put there.
        let new_outer = Span::new(moved, moved + outer.len() + name.len() - span.len());
        let named = match whole {
            true => (span, Instead::Stmt(Shape::call(&name))),
            false => (value, Instead::Expr(Shape::name(&name))),
        };
        let (old_value, expected) = (shape.expr(span), shape.stmt(outer).with(&[named]));
        let edits = draft.edits.clone();
        self.settled(draft, |after| {
            let shape = Shape::of(after.text());
            let new_value = Span::new(new_value, new_value + value.len());
            shape.expr(new_value).says(&old_value)
                && shape.stmt(new_outer).says(&expected)
                && self.same_names(&[(value, new_value.start as usize)], after, &edits, |_| false)
        })
    }

    /// A function of the selected statements, below the declaration in which they stand.
    pub(super) fn extract_function(&self, range: Span) -> Option<Action> {
        let span = self.trimmed(range)?;
        let nodes = self.nodes();
        let around: Vec<Node<'_>> = nodes.iter().filter(|node| node.span().contains(span)).copied().collect();
        let inner_block = around.iter().rposition(|node| matches!(node, Node::Block(_)))?;
        let Some(Node::Block(block)) = around.get(inner_block) else { return None };
        let ty = self.block_type(around.get(..inner_block)?)?;
        let adds =
            ["fs", "pipeline", "group"].contains(&ty.as_str()) || ty.starts_with('[') || ty.starts_with("option::");
        let decl = around.iter().find_map(|node| match node {
            Node::Decl(decl @ (Decl::Func(_) | Decl::Let(_) | Decl::Test(_))) => Some(decl.span()),
            _ => None,
        })?;
        let chosen = chosen(block, span)?;
        let (first, last) = (chosen.first()?.span(), chosen.last()?.span());
        let region = self.with_comments(first.to(last), span, block.span);
        let hidden = |node: &Node<'_>| match node {
            Node::Name(Role::Local, name) if region.contains(name.span) => !self.understood(name, &[], &nodes),
            _ => false,
        };
        // What does not parse may define a name that is used.
        let is_clear = !self.is_broken(Span { start: decl.start, end: region.start })
            && !self.has_mistakes(region.to(span))
            && self.all_known(region, &nodes)
            && !nodes.iter().any(hidden);
        if !adds || !is_clear || self.runs_commands(region) {
            return None;
        }
        let program = &self.analysis.checked.program;
        let func = program.func_around(Location { source: self.analysis.entry()?, span: region });
        if self.is_used_outside(region, func, &nodes) {
            return None;
        }
        let params = self.outer_names(region, func)?;
        let name = self.fresh("extracted");
        let mut call = name.clone();
        params.iter().for_each(|(word, _)| call.push_str(&format!(" {word}")));
        if !self.ends(region.end) {
            call.push(';');
        }
        let list: Vec<String> = params.iter().map(|(word, ty)| format!("{ty} {word}")).collect();
        let head = format!("\n\n{ty} {name}({}) {{\n{}", list.join(", "), self.indent(region.start).unwrap_or("\t"));
        let (below, gap) = self.below(decl);
        let body = self.slice(region);
        let edits = vec![(region, call), (Span::at(below), format!("{head}{body}\n}}{gap}"))];
        let mut draft = Draft::new("extract into a function", ActionKind::Extract, edits);
        draft.new_name = Some(name);
        let new_body = draft.moved(Span::at(below)) + head.len();
        let old = Shape::of(self.analysis.text());
        let edits = draft.edits.clone();
        let is_param = |target: Target| self.outer(target, region, func);
        self.settled(draft, |after| {
            let new = Shape::of(after.text());
            let same = chosen.iter().all(|stmt| {
                let start = new_body + (stmt.span().start - region.start) as usize;
                new.stmt(Span::new(start, start + stmt.span().len())).says(&old.stmt(stmt.span()))
            });
            same && self.same_names(&[(region, new_body)], after, &edits, |it| is_param(it.target))
        })
    }

    /// The type of a block, by the parts of the tree around it.
    fn block_type(&self, around: &[Node<'_>]) -> Option<String> {
        for node in around.iter().rev() {
            let ty = match node {
                // What it gives is what the block around it gives.
                Node::Clause(_) | Node::Body(_) | Node::Block(_) | Node::Stmt(Stmt::For(_) | Stmt::Expr(_)) => continue,
                Node::Expr(expr @ (Expr::If(_) | Expr::Match(_))) => {
                    let whole = |it: &Node<'_>| matches!(it, Node::Stmt(Stmt::Expr(it)) if it.span == expr.span());
                    if !around.iter().any(whole) {
                        return None;
                    }
                    continue;
                }
                Node::Expr(Expr::Func(literal)) if literal.kind.text == "option" => {
                    let with = |call: &CallStmt| call.with.as_ref().map(|with| with.expr.span()) == Some(literal.span);
                    let callee = around.iter().find_map(|node| match node {
                        Node::Stmt(Stmt::Call(call)) if with(call) => Some(&call.callee),
                        _ => None,
                    })?;
                    // Options of another file's functions have no type that could be written.
                    callee.member.is_none().then(|| format!("option::{}", callee.head.text))?
                }
                Node::Expr(Expr::Func(literal)) => literal.kind.text.to_string(),
                Node::Expr(Expr::Lambda(lambda)) => self.slice(lambda.result.span()).to_owned(),
                Node::Decl(Decl::Func(func)) => self.slice(func.result.span()).to_owned(),
                _ => return None,
            };
            return Some(ty);
        }
        None
    }

    /// Statements with the comments above them that are selected, and those behind them.
    fn with_comments(&self, stmts: Span, selected: Span, block: Span) -> Span {
        let lexed = self.analysis.lexed();
        let mut region = stmts;
        for comment in lexed.trivia.comments_in(block) {
            let between = Span { start: region.end, end: comment.span.start };
            let behind = !comment.own_line && self.slice(between).trim().is_empty() && comment.span.start >= region.end;
            if selected.touches(comment.span.start as usize) || behind && !self.slice(between).contains('\n') {
                region = region.to(comment.span);
            }
        }
        region
    }

    /// Whether something that is defined in a region is used elsewhere, or is known elsewhere: a result of the function, or what `as`
    /// binds, which is a target of its own.
    fn is_used_outside(&self, region: Span, func: Option<FuncId>, nodes: &[Node<'_>]) -> bool {
        let program = &self.analysis.checked.program;
        let results = func.and_then(|id| program.funcs.get(id.0)).map_or(&[][..], |func| &func.signature.effects);
        let is_known = nodes.iter().any(|node| match node {
            Node::Name(Role::Bound, name) => region.contains(name.span),
            Node::Name(Role::Local, name) => {
                region.contains(name.span) && results.iter().any(|result| result.name.text == name.text)
            }
            _ => false,
        });
        let entry = self.analysis.entry();
        let defined = |target: Target| match target {
            Target::Local(id) => program.locals.get(id.0).is_some_and(|it| region.contains(it.at.span)),
            _ => false,
        };
        let outside = program.references.iter().any(|it| {
            let within = Some(it.at.source) == entry && region.contains(it.at.span);
            !within && defined(it.target)
        });
        is_known || outside
    }

    /// Whether what a name in a region stands for is known only around it.
    fn outer(&self, target: Target, region: Span, func: Option<FuncId>) -> bool {
        let program = &self.analysis.checked.program;
        match target {
            Target::Local(id) => program.locals.get(id.0).is_some_and(|it| !region.contains(it.at.span)),
            Target::Param(id, _) | Target::Setting(id, _) => func == Some(id),
            Target::Bind(id) => program.binds.get(id.0).is_some_and(|it| func == Some(it.func)),
            _ => false,
        }
    }

    /// The names that statements take from around them, with their types. `None` if one has no type that could be written.
    fn outer_names(&self, region: Span, func: Option<FuncId>) -> Option<Vec<(String, Type)>> {
        let program = &self.analysis.checked.program;
        let mut found: Vec<(String, Type, Target, bool)> = Vec::new();
        for it in self.uses_in(region).into_iter().filter(|it| self.outer(it.target, region, func)) {
            let word = self.slice(it.at.span).to_owned();
            let narrowed = program.narrowed.iter().find(|(at, _)| *at == it.at).map(|(_, ty)| ty.clone());
            let whole = program.type_of(it.target).filter(is_known)?;
            match found.iter_mut().find(|(known, ..)| *known == word) {
                Some((_, _, target, _)) if *target != it.target => return None,
                // Of uses before and behind a condition, the one before tells what is taken.
                Some((_, ty, _, is_narrow)) if *is_narrow && narrowed.is_none() => (*ty, *is_narrow) = (whole, false),
                Some(_) => {}
                None => found.push((word, narrowed.clone().unwrap_or(whole), it.target, narrowed.is_some())),
            }
        }
        Some(found.into_iter().map(|(word, ty, _, _)| (word, ty)).collect())
    }

    /// Whether a statement that ends at an offset needs nothing behind it.
    fn ends(&self, offset: u32) -> bool {
        let rest = self.analysis.text().source().text().get(offset as usize..).unwrap_or_default();
        let next = rest.trim_start_matches([' ', '\t', '\r']).chars().next();
        next.is_none_or(|next| ['\n', ';', '}', '#', ','].contains(&next))
    }

    /// Where a declaration can be put below another, and what then stands behind it.
    fn below(&self, decl: Span) -> (usize, &'static str) {
        let source = self.analysis.text().source();
        let line = source.line_span(source.line_index(decl.end as usize)).unwrap_or(decl);
        let rest = source.slice(Span { start: decl.end, end: line.end });
        let same_line = rest.trim_start();
        if same_line.is_empty() || same_line.starts_with('#') {
            return (decl.end as usize + rest.trim_end_matches(['\n', '\r']).len(), "");
        }
        (decl.end as usize, "\n\n")
    }
}

/// The statement or the constant above which a name of an expression can be declared, by the parts of the tree around it.
fn place_above(around: &[Node<'_>], file: &File<'_>) -> Option<Before> {
    let mut braces = false;
    let mut found = None;
    for node in around {
        match node {
            Node::Decl(Decl::Let(decl)) => found = Some(Before::Decl(decl.span)),
            Node::Decl(Decl::Func(_) | Decl::Test(_)) => {}
            Node::Decl(_) => return None,
            // The one statement of an arm of a `match` has no place above it.
            Node::Block(block) => braces = file.slice(block.span).starts_with('{'),
            Node::Stmt(stmt) if braces => found = Some(Before::Stmt(stmt.span())),
            _ => {}
        }
    }
    found
}

/// An expression without the parentheses around it.
fn inner(expr: &Expr) -> &Expr {
    let mut expr = expr;
    while let Expr::Paren(_, inside) = expr {
        expr = inside;
    }
    expr
}

/// Whether an expression may mean something else as a statement, where it goes on from the block's value.
fn goes_on(expr: &Expr) -> bool {
    !matches!(
        inner(expr),
        Expr::Int(_)
            | Expr::Bool(_)
            | Expr::String(_)
            | Expr::Unary(_)
            | Expr::Binary(_)
            | Expr::List(_)
            | Expr::Map(_)
    )
}

/// The statements of a block that are selected: whole ones, at least one, and all that are touched.
fn chosen(block: &Block, selected: Span) -> Option<Vec<&Stmt>> {
    let touched = |stmt: &&Stmt| stmt.span().start < selected.end && selected.start < stmt.span().end;
    let chosen: Vec<&Stmt> = block.stmts.iter().filter(touched).collect();
    let whole = chosen.iter().all(|stmt| selected.contains(stmt.span()) && !matches!(stmt, Stmt::Error(_)));
    (whole && !chosen.is_empty()).then_some(chosen)
}
