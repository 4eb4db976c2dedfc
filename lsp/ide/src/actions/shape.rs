//! What a tree says, without where it stands.
//!
//! Owns the comparison of a text before and after an action: what was to stay is the same tree, parentheses aside. Knows no meaning
//! of names.

use std::cmp::Reverse;

use hlb_compiler::Text;
use hlb_language::ast::{Expr, PostfixOp, Stmt, StringLit, StringPart};
use hlb_language::source::Source;
use hlb_language::span::Span;

use crate::walk::{Node, walk};

/// The parts of a tree, outer ones first.
#[derive(Clone, Debug)]
pub(super) struct Shape(Vec<Part>);

#[derive(Clone, Debug)]
struct Part {
    span: Span,
    depth: usize,
    kind: Kind,
    says: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Stmt,
    Expr,
    Name,
    /// A piece of a string.
    Text,
    Other,
}

/// What takes the place of a part.
pub(super) enum Instead {
    /// Nothing, in place of a statement or a declaration.
    Nothing,
    /// A statement, in place of a statement.
    Stmt(Shape),
    /// An expression as a statement, in place of a statement.
    Value(Shape),
    /// An expression, in place of one.
    Expr(Shape),
    /// The pieces of a string, in place of an interpolation.
    Pieces(Shape),
    /// Another name, in place of one.
    Name(String),
}

impl Shape {
    /// The tree of a text.
    pub(super) fn of(text: &Text) -> Self {
        let source = text.source();
        let mut parts = Vec::new();
        let mut add = |span, kind, says: String| parts.push(Part { span, depth: 0, kind, says });
        walk(text.tree(), &mut |node| match node {
            // They only group, or what they group says so.
            Node::Parens(_) | Node::Expr(Expr::Paren(..)) => {}
            Node::Name(_, name) => add(name.span, Kind::Name, name.text.to_string()),
            Node::Stmt(stmt) => add(stmt.span(), Kind::Stmt, statement(stmt).to_owned()),
            Node::Expr(expr) => {
                add(expr.span(), Kind::Expr, expression(source, expr));
                if let Expr::String(literal) = expr {
                    pieces(source, literal, &mut add);
                }
            }
            Node::Text(literal) => {
                add(literal.span, Kind::Other, "text".to_owned());
                pieces(source, literal, &mut add);
            }
            Node::Decl(_) => add(node.span(), Kind::Stmt, "decl".to_owned()),
            Node::Body(span) => add(span, Kind::Other, "body".to_owned()),
            Node::Clause(span) => add(span, Kind::Other, "clause".to_owned()),
            Node::Block(block) => add(block.span, Kind::Other, "block".to_owned()),
            Node::Arg(arg) => add(arg.span(), Kind::Other, "arg".to_owned()),
            Node::Param(span) => add(span, Kind::Other, "param".to_owned()),
            Node::Type(ty) => add(ty.span(), Kind::Other, source.slice(ty.span()).to_owned()),
        });
        parts.sort_by_key(|part| (part.span.start, Reverse(part.span.end)));
        let mut open: Vec<Span> = Vec::new();
        for part in &mut parts {
            while open.last().is_some_and(|span| !span.contains(part.span)) {
                open.pop();
            }
            part.depth = open.len();
            open.push(part.span);
        }
        Self(parts)
    }

    /// A name alone, as an expression.
    pub(super) fn name(name: &str) -> Self {
        Self::single(Kind::Expr, "name", name)
    }

    /// A name alone, as a statement.
    pub(super) fn call(name: &str) -> Self {
        Self::single(Kind::Stmt, "call", name)
    }

    fn single(kind: Kind, says: &str, name: &str) -> Self {
        let part = |depth, kind, says: &str| Part { span: Span::at(0), depth, kind, says: says.to_owned() };
        Self(vec![part(0, kind, says), part(1, Kind::Name, name)])
    }

    /// The expression at a place, parentheses aside.
    pub(super) fn expr(&self, at: Span) -> Self {
        self.first(at, Kind::Expr)
    }

    /// The statement or declaration at a place.
    pub(super) fn stmt(&self, at: Span) -> Self {
        self.first(at, Kind::Stmt)
    }

    /// The call at a place, which is a statement, as an expression.
    pub(super) fn call_as_expr(&self, at: Span, has_args: bool) -> Self {
        let mut call = self.stmt(at);
        if let Some(root) = call.0.first_mut() {
            root.kind = Kind::Expr;
            root.says = if has_args { "call" } else { "name" }.to_owned();
        }
        call
    }

    /// The first part of a kind within a place, with all in it.
    fn first(&self, at: Span, kind: Kind) -> Self {
        let Some(start) = self.0.iter().position(|part| part.kind == kind && at.contains(part.span)) else {
            return Self(Vec::new());
        };
        let mut parts = self.0.iter().skip(start);
        let Some(root) = parts.next() else { return Self(Vec::new()) };
        let inner = parts.take_while(|part| part.depth > root.depth);
        let moved = |part: &Part| Part { depth: part.depth - root.depth, ..part.clone() };
        Self(std::iter::once(root).chain(inner).map(moved).collect())
    }

    /// The same with other things at some places, which do not lie in one another.
    pub(super) fn with(&self, places: &[(Span, Instead)]) -> Self {
        let mut new: Vec<Part> = Vec::new();
        // What lies deeper than this has been replaced.
        let mut gone: Option<usize> = None;
        for part in &self.0 {
            if gone.is_some_and(|depth| part.depth > depth) {
                continue;
            }
            gone = None;
            let found = places.iter().find(|(at, instead)| *at == part.span && instead.replaces(part.kind));
            let Some((_, instead)) = found else {
                new.push(part.clone());
                continue;
            };
            gone = Some(part.depth);
            let below = |shape: &Shape, depth: usize| {
                let moved = |it: &Part| Part { depth: it.depth + depth, ..it.clone() };
                shape.0.iter().map(moved).collect::<Vec<Part>>()
            };
            match instead {
                Instead::Nothing => {}
                Instead::Stmt(shape) | Instead::Expr(shape) => new.extend(below(shape, part.depth)),
                Instead::Value(shape) => {
                    new.push(Part { says: "value".to_owned(), ..part.clone() });
                    new.extend(below(shape, part.depth + 1));
                }
                // They lie in a string of their own, which is not there any more.
                Instead::Pieces(shape) => {
                    let inner = below(shape, part.depth).into_iter().skip(1);
                    new.extend(inner.map(|it| Part { depth: it.depth.saturating_sub(1), ..it }));
                }
                Instead::Name(name) => new.push(Part { says: name.clone(), ..part.clone() }),
            }
        }
        Self(new)
    }

    /// Whether two trees say the same, wherever it stands.
    pub(super) fn says(&self, other: &Self) -> bool {
        self.words() == other.words()
    }

    fn words(&self) -> Vec<(usize, Kind, String)> {
        let mut words: Vec<(usize, Kind, String)> = Vec::new();
        for part in &self.0 {
            match words.last_mut() {
                // Where one piece of a string ends and the next begins says nothing.
                Some((depth, Kind::Text, says)) if part.kind == Kind::Text && *depth == part.depth => {
                    says.push_str(&part.says);
                }
                _ => words.push((part.depth, part.kind, part.says.clone())),
            }
        }
        words
    }
}

impl Instead {
    fn replaces(&self, kind: Kind) -> bool {
        match self {
            Self::Nothing | Self::Stmt(_) | Self::Value(_) => kind == Kind::Stmt,
            Self::Expr(_) | Self::Pieces(_) => kind == Kind::Expr,
            Self::Name(_) => kind == Kind::Name,
        }
    }
}

fn pieces(source: &Source, literal: &StringLit, add: &mut dyn FnMut(Span, Kind, String)) {
    for part in &literal.parts {
        if let StringPart::Text(span) | StringPart::Escape(span) = part {
            add(*span, Kind::Text, source.slice(*span).to_owned());
        }
    }
}

fn statement(stmt: &Stmt) -> &'static str {
    match stmt {
        Stmt::Call(_) => "call",
        Stmt::Expr(_) => "value",
        Stmt::Let(_) => "let",
        Stmt::For(_) => "for",
        Stmt::Assert(_) => "assert",
        Stmt::Error(_) => "error",
    }
}

fn expression(source: &Source, expr: &Expr) -> String {
    match expr {
        Expr::Int(_) | Expr::Bool(_) | Expr::None(_) => source.slice(expr.span()).to_owned(),
        Expr::Unary(unary) => unary.ops.iter().map(|(_, span)| source.slice(*span)).collect(),
        Expr::Binary(binary) => binary.rest.iter().map(|(op, _, _)| op.text()).collect(),
        Expr::Call(call) => if call.args.is_some() { "call" } else { "name" }.to_owned(),
        Expr::Postfix(postfix) => {
            let op = |op: &PostfixOp| match op {
                PostfixOp::Field(_) => ".",
                PostfixOp::Call(..) => "()",
                PostfixOp::Index(..) => "[]",
            };
            postfix.ops.iter().map(op).collect()
        }
        Expr::Func(_) => "block of".to_owned(),
        Expr::String(literal) => format!("{:?}", literal.form),
        Expr::List(_) => "list".to_owned(),
        Expr::Map(_) => "map".to_owned(),
        Expr::For(_) => "comprehension".to_owned(),
        Expr::Lambda(_) => "fn".to_owned(),
        Expr::If(_) => "if".to_owned(),
        Expr::Match(_) => "match".to_owned(),
        Expr::Paren(..) => "parens".to_owned(),
        Expr::Error(_) => "error".to_owned(),
    }
}
