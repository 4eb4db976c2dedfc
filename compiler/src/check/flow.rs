//! `if` and `match`.
//!
//! Owns conditions and what they tell of names, patterns, and whether all values are taken in.

use ecow::EcoString;
use hlb_language::ast::{self, BinaryOp, Expr};
use hlb_language::diagnostic::{Diagnostic, Location};

use super::Checker;
use crate::codes;
use crate::hir::{self, ExprNode, LocalId, Pattern};
use crate::types::{Expected, Type};

impl Checker<'_> {
    /// The branches of an `if`, and the type that all have. Names that conditions tell of are narrowed.
    pub(super) fn branches(&mut self, checked: &ast::IfExpr, expected: &Expected) -> (hir::If, Type) {
        let narrowness = self.scopes.narrowness();
        let mut ty = Type::Never;
        let mut branches = Vec::with_capacity(checked.branches.len());
        for branch in &checked.branches {
            let condition = self.expr(&branch.condition, &Expected::just(Type::Bool));
            let outside = self.scopes.narrowness();
            self.narrow_by(&branch.condition, true);
            let block = self.block(&branch.body, expected);
            self.scopes.widen(outside);
            self.joined(&mut ty, &block);
            branches.push((condition, block));
            // What comes behind is looked at only where this is not true.
            self.narrow_by(&branch.condition, false);
        }
        let otherwise = checked.otherwise.as_ref().map(|otherwise| {
            let block = self.block(otherwise, expected);
            self.joined(&mut ty, &block);
            block
        });
        self.scopes.widen(narrowness);
        (hir::If { branches, otherwise }, ty)
    }

    /// Takes in the type of one of several blocks of which one is the value.
    fn joined(&mut self, ty: &mut Type, block: &hir::Block) {
        match ty.join(&block.ty) {
            Some(joined) => *ty = joined,
            None if self.has_error_in(block.at) => {}
            None => {
                let at = block.stmts.iter().rev().find_map(last_place).unwrap_or(block.at);
                let message = format!("the branches before this one give `{ty}`, and this one `{}`", block.ty);
                self.report(
                    Diagnostic::error(codes::MISMATCH, at, message).help("give values of one type in all branches"),
                );
                *ty = Type::error();
            }
        }
    }

    pub(super) fn if_expr(&mut self, checked: &ast::IfExpr, expected: &Expected) -> hir::Expr {
        let at = self.at(checked.span);
        let (branches, ty) = self.branches(checked, expected);
        if branches.otherwise.is_none() {
            let end = self.at(hlb_language::span::Span::at(checked.span.end as usize));
            return self.refused(
                at,
                Diagnostic::error(codes::NEEDS_ELSE, at, "an `if` that is a value needs an `else`")
                    .help("say what the value is where the condition is not true")
                    .fix("add an `else`", end, " else { }"),
            );
        }
        for block in branches.branches.iter().map(|(_, block)| block).chain(&branches.otherwise) {
            self.branch_value(block, &ty);
        }
        self.expect(hir::Expr { at, ty, node: ExprNode::If(Box::new(branches)) }, expected, None)
    }

    pub(super) fn match_expr(&mut self, matched: &ast::MatchExpr, expected: &Expected) -> hir::Expr {
        let at = self.at(matched.span);
        let (checked, ty) = self.arms(matched, expected);
        for arm in &checked.arms {
            self.branch_value(&arm.body, &ty);
        }
        self.expect(hir::Expr { at, ty, node: ExprNode::Match(Box::new(checked)) }, expected, None)
    }

    fn branch_value(&mut self, block: &hir::Block, ty: &Type) {
        let span = hlb_language::span::Span::new(block.at.span.start as usize, block.at.span.start as usize + 1);
        self.needs_value(block, ty, span, "");
    }

    /// The arms of a `match`, and the type that all have.
    pub(super) fn arms(&mut self, matched: &ast::MatchExpr, expected: &Expected) -> (hir::Match, Type) {
        let value = self.expr(&matched.value, &Expected::any());
        let mut ty = Type::Never;
        let mut cover = Cover::new(&value.ty);
        let mut arms = Vec::with_capacity(matched.arms.len());
        if !matches!(
            value.ty,
            Type::String | Type::Int | Type::Bool | Type::Enum(..) | Type::Optional(_) | Type::Unknown(_)
        ) {
            let message = format!("`match` cannot look at a value of type `{}`", value.ty);
            self.report(
                Diagnostic::error(codes::PATTERN, value.at, message)
                    .help("look at a text, a number, a truth value, a variant, or what may be `none`"),
            );
            cover.done = true;
        }
        for arm in &matched.arms {
            let mut patterns = Vec::with_capacity(arm.patterns.len());
            let mut name = None;
            for pattern in &arm.patterns {
                let at = self.at(pattern.span());
                let Some(found) = self.pattern(pattern, &value.ty, &mut name) else {
                    cover.done = true;
                    continue;
                };
                if !cover.takes_in(&found) {
                    self.report(
                        Diagnostic::warning(
                            codes::UNREACHABLE,
                            at,
                            "no value gets here: the patterns above take it in",
                        )
                        .help("remove it, or move it up"),
                    );
                }
                patterns.push(found);
            }
            let binds = name.is_some();
            let local = LocalId(self.declared.program.locals.len());
            if let Some(name) = &name {
                if arm.patterns.len() > 1 {
                    let at = self.at(name.span);
                    let message =
                        format!("`{}` stands for the value only if it is the one pattern of its arm", name.text);
                    self.report(Diagnostic::error(codes::PATTERN, at, message).help("give it an arm of its own"));
                }
                self.scopes.push();
                let inner = match &value.ty {
                    Type::Optional(inner) => (**inner).clone(),
                    other => other.clone(),
                };
                self.define_local(name, inner, "match");
            }
            let body = self.block(&arm.body, expected);
            if binds {
                self.leave_scope();
            }
            self.joined(&mut ty, &body);
            arms.push(hir::MatchArm { patterns, binds, local, body });
        }
        self.exhaustive(&cover, &value, matched);
        (hir::Match { value, arms }, ty)
    }

    /// What a pattern fits; nothing if it is reported.
    fn pattern(&mut self, pattern: &ast::Pattern, ty: &Type, name: &mut Option<ast::Ident>) -> Option<Pattern> {
        let (inner, optional) = match ty {
            Type::Optional(inner) => (&**inner, true),
            other => (other, false),
        };
        match pattern {
            ast::Pattern::Any(_) => Some(Pattern::Any),
            ast::Pattern::Error(_) => None,
            ast::Pattern::Name(ident) => match inner {
                Type::Enum(id, _) => match self.variant_index(*id, &ident.text) {
                    Some(index) => {
                        self.refer(ident.span, hir::Target::Variant(*id, index));
                        Some(Pattern::Variant(index))
                    }
                    None if optional && name.is_none() && !self.near_variant(*id, &ident.text) => {
                        *name = Some(ident.clone());
                        Some(Pattern::Some)
                    }
                    None => {
                        let at = self.at(ident.span);
                        let diagnostic = self.no_variant(*id, &ident.text, at, false);
                        self.report(diagnostic);
                        None
                    }
                },
                _ => {
                    *name = Some(ident.clone());
                    Some(if optional { Pattern::Some } else { Pattern::Any })
                }
            },
            ast::Pattern::Member(path) => {
                let expr = Expr::Call(Box::new(ast::CallExpr { span: path.span, callee: path.clone(), args: None }));
                match self.expr(&expr, &Expected::just(inner.clone())).node {
                    ExprNode::Variant(_, index) => Some(Pattern::Variant(index)),
                    ExprNode::Error => None,
                    _ => {
                        let at = self.at(path.span);
                        let message = "a pattern is a literal, a variant, a name or `_`";
                        self.report(Diagnostic::error(codes::PATTERN, at, message));
                        None
                    }
                }
            }
            ast::Pattern::Literal(Expr::None(_)) if optional => Some(Pattern::None),
            ast::Pattern::Literal(expr) => {
                let checked = self.expr(expr, &Expected::just(inner.clone()));
                match checked.node {
                    ExprNode::Int(number) => Some(Pattern::Int(number)),
                    ExprNode::Bool(truth) => Some(Pattern::Bool(truth)),
                    ExprNode::Variant(_, index) => Some(Pattern::Variant(index)),
                    ExprNode::Negate(inner) => match inner.node {
                        ExprNode::Int(number) => Some(Pattern::Int(-number)),
                        _ => None,
                    },
                    ExprNode::Text(_) => match super::rules::written(&checked) {
                        Some(text) => Some(Pattern::Text(text)),
                        None => {
                            let message = "a pattern is a text without interpolations";
                            self.report(Diagnostic::error(codes::PATTERN, checked.at, message));
                            None
                        }
                    },
                    _ => None,
                }
            }
        }
    }

    fn near_variant(&self, id: hir::EnumId, name: &str) -> bool {
        let variants = self.declared.program.enumeration(id).into_iter().flat_map(|it| &it.variants);
        crate::suggest::nearest(name, variants.map(|variant| variant.text.as_str())).is_some()
    }

    fn exhaustive(&mut self, cover: &Cover, value: &hir::Expr, matched: &ast::MatchExpr) {
        let variants: Vec<&str> = match &cover.of {
            Type::Enum(id, _) => self
                .declared
                .program
                .enumeration(*id)
                .map(|it| it.variants.iter().map(|variant| variant.text.as_str()).collect())
                .unwrap_or_default(),
            _ => Vec::new(),
        };
        let missing = cover.missing(&variants);
        // What is wrong with an arm may be why some value gets to none.
        if missing.is_empty() || self.has_error_in(self.at(matched.body)) {
            return;
        }
        let shown: Vec<&str> = missing.iter().map(EcoString::as_str).collect();
        let at = self.at(hlb_language::span::Span::new(
            matched.span.start as usize,
            matched.span.start as usize + "match".len(),
        ));
        let end = self.at(hlb_language::span::Span::at((matched.body.end as usize).saturating_sub(1)));
        let named = missing.iter().all(|word| word != "_");
        let message = if named {
            format!("no arm takes in {}", super::list(&shown))
        } else {
            format!("a value of type `{}` may be something else", value.ty)
        };
        let arms: String = missing.iter().map(|word| format!("\t{word} => {{ }}\n")).collect();
        self.report(
            Diagnostic::error(codes::NOT_EXHAUSTIVE, at, message)
                .help(if named {
                    "add an arm for each, or `_` for all others"
                } else {
                    "add an arm `_` for all others"
                })
                .fix("add what is missing", end, arms),
        );
    }

    /// Narrows the names that a condition tells of: those that are not `none` where it is, or is not, true.
    pub(super) fn narrow_by(&mut self, condition: &Expr, truth: bool) {
        match condition {
            Expr::Paren(_, inner) => self.narrow_by(inner, truth),
            Expr::Unary(unary) if unary.ops.iter().all(|(op, _)| *op == ast::UnaryOp::Not) => {
                self.narrow_by(&unary.operand, truth != (unary.ops.len() % 2 == 1));
            }
            Expr::Binary(binary) => match binary.rest.as_slice() {
                [(op @ (BinaryOp::Equal | BinaryOp::NotEqual), _, right)] => {
                    let name = match (&*binary.first, right) {
                        (Expr::Call(call), Expr::None(_)) | (Expr::None(_), Expr::Call(call)) => call,
                        _ => return,
                    };
                    let bare = name.args.is_none() && name.callee.member.is_none();
                    if bare && truth == (*op == BinaryOp::NotEqual) {
                        self.scopes.narrow(&name.callee.head.text);
                    }
                }
                rest if rest.iter().all(|(op, _, _)| *op == if truth { BinaryOp::And } else { BinaryOp::Or }) => {
                    self.narrow_by(&binary.first, truth);
                    for (_, _, operand) in rest {
                        self.narrow_by(operand, truth);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
}

fn last_place(stmt: &hir::Stmt) -> Option<Location> {
    match stmt {
        hir::Stmt::Call(call) => Some(call.at),
        hir::Stmt::Value(expr) => Some(expr.at),
        _ => None,
    }
}

/// Which values the arms so far take in.
struct Cover {
    of: Type,
    optional: bool,
    done: bool,
    none: bool,
    some: bool,
    seen: Vec<Pattern>,
}

impl Cover {
    fn new(ty: &Type) -> Self {
        let (of, optional) = match ty {
            Type::Optional(inner) => ((**inner).clone(), true),
            other => (other.clone(), false),
        };
        Self { of, optional, done: ty.is_unknown(), none: false, some: false, seen: Vec::new() }
    }

    /// Takes in a pattern; tells whether some value gets to it.
    fn takes_in(&mut self, pattern: &Pattern) -> bool {
        if self.seen.contains(&Pattern::Any) || self.seen.contains(pattern) {
            return false;
        }
        let reached = match pattern {
            Pattern::None => !self.none,
            Pattern::Some => !self.some,
            Pattern::Any => !(self.optional && self.none && self.some),
            _ => !self.some,
        };
        match pattern {
            Pattern::None => self.none = true,
            Pattern::Some => self.some = true,
            Pattern::Any => self.done = true,
            _ => {}
        }
        self.seen.push(pattern.clone());
        reached
    }

    /// What no arm takes in, as patterns.
    fn missing(&self, variants: &[&str]) -> Vec<EcoString> {
        if self.done {
            return Vec::new();
        }
        let mut missing: Vec<EcoString> = Vec::new();
        if !self.some {
            match &self.of {
                Type::Enum(..) => missing.extend(
                    variants
                        .iter()
                        .enumerate()
                        .filter(|(index, _)| !self.seen.contains(&Pattern::Variant(*index)))
                        .map(|(_, name)| EcoString::from(*name)),
                ),
                Type::Bool => missing.extend(
                    [true, false]
                        .into_iter()
                        .filter(|truth| !self.seen.contains(&Pattern::Bool(*truth)))
                        .map(|truth| if truth { "true".into() } else { "false".into() }),
                ),
                Type::Never => {}
                _ => missing.push("_".into()),
            }
        }
        if self.optional && !self.none && !missing.iter().any(|word| word == "_") {
            missing.push("none".into());
        }
        missing
    }
}
