//! Operators.
//!
//! Owns which operands they take and what they give.

use hlb_language::ast::{self, BinaryOp, Expr, UnaryOp};
use hlb_language::diagnostic::{Diagnostic, Location};

use super::Checker;
use super::expr::error;
use crate::codes;
use crate::hir::{self, ExprNode, Operator};
use crate::types::{Expected, Type};

impl Checker<'_> {
    pub(super) fn unary(&mut self, unary: &ast::UnaryExpr) -> (Type, ExprNode) {
        let ty = match unary.ops.last() {
            Some((UnaryOp::Minus, _)) => Type::Int,
            _ => Type::Bool,
        };
        let mut value = self.expr(&unary.operand, &Expected::just(ty.clone()));
        // A pair of the same operators does nothing, so at most one stays.
        let mixed = unary.ops.iter().find(|(op, _)| unary.ops.first().is_some_and(|(first, _)| op != first));
        if let Some((op, span)) = mixed {
            let at = self.at(*span);
            let (sign, wanted) = if *op == UnaryOp::Minus { ("-", "a number") } else { ("!", "a truth value") };
            self.report(Diagnostic::error(codes::OPERATOR, at, format!("`{sign}` needs {wanted} behind it")));
            return (Type::error(), ExprNode::Error);
        }
        if unary.ops.len() % 2 == 1 && !matches!(value.node, ExprNode::Error) {
            let at = self.at(unary.span);
            let node = match ty {
                Type::Int => ExprNode::Negate(Box::new(value)),
                _ => ExprNode::Not(Box::new(value)),
            };
            value = hir::Expr { at, ty: ty.clone(), node };
        }
        (if matches!(value.node, ExprNode::Error) { Type::error() } else { ty }, value.node)
    }

    pub(super) fn binary(&mut self, binary: &ast::BinaryExpr, expected: &Expected) -> (Type, ExprNode) {
        let Some((op, op_span, _)) = binary.rest.first() else { return (Type::error(), ExprNode::Error) };
        match op {
            BinaryOp::Or | BinaryOp::And => self.same(binary, Type::Bool),
            BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::Less
            | BinaryOp::LessEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterEqual => {
                if let [(op, span, right)] = binary.rest.as_slice() {
                    return self.comparison(&binary.first, *op, *span, right);
                }
                let at = self.at(binary.span);
                self.report(
                    Diagnostic::error(codes::OPERATOR, at, "comparisons cannot be put in a row")
                        .help("join them with `&&`: `a < b && b < c`"),
                );
                (Type::error(), ExprNode::Error)
            }
            BinaryOp::Else => self.otherwise(binary, expected),
            BinaryOp::Add => self.sum(binary, expected, *op_span),
            BinaryOp::Subtract => self.sum(binary, expected, *op_span),
            BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder => self.same(binary, Type::Int),
        }
    }

    fn operator(&self, op: BinaryOp, span: hlb_language::span::Span) -> Operator {
        Operator { op, at: self.at(span) }
    }

    /// Operands that are all of one type, which the value is of too.
    fn same(&mut self, binary: &ast::BinaryExpr, ty: Type) -> (Type, ExprNode) {
        let expected = Expected::just(ty.clone());
        let narrowness = self.scopes.narrowness();
        let first = self.expr(&binary.first, &expected);
        let mut rest = Vec::with_capacity(binary.rest.len());
        let mut before = &*binary.first;
        for (op, span, operand) in &binary.rest {
            // What is behind `&&` is looked at only where what is before it is true.
            match op {
                BinaryOp::And => self.narrow_by(before, true),
                BinaryOp::Or => self.narrow_by(before, false),
                _ => {}
            }
            before = operand;
            rest.push((self.operator(*op, *span), self.expr(operand, &expected)));
        }
        self.scopes.widen(narrowness);
        (ty, ExprNode::Binary(Box::new(first), rest))
    }

    /// `+` and `-`: numbers, texts and lists, by the first operand.
    fn sum(
        &mut self,
        binary: &ast::BinaryExpr,
        expected: &Expected,
        first_op: hlb_language::span::Span,
    ) -> (Type, ExprNode) {
        let hint = expected.find(|ty| matches!(ty, Type::List(_)).then(|| ty.clone()));
        let hint = hint.map_or_else(Expected::any, Expected::just);
        let first = match &*binary.first {
            Expr::List(_) | Expr::For(_) => self.expr(&binary.first, &hint),
            other => self.expr(other, &Expected::any()),
        };
        let mut ty = first.ty.clone();
        if !matches!(ty, Type::Int | Type::String | Type::List(_) | Type::Unknown(_) | Type::Never) {
            let at = self.at(first_op);
            let sign = binary.rest.first().map_or("+", |(op, _, _)| op.text());
            let diagnostic =
                Diagnostic::error(codes::OPERATOR, at, format!("`{sign}` does not take a value of type `{ty}`"))
                    .also(first.at, format!("this is of type `{ty}`"));
            self.report(match &ty {
                Type::Optional(_) => diagnostic.help("say what to take where it is `none`, with `??`"),
                Type::Fs => diagnostic.help("put filesystems one over the other with `merge`"),
                Type::Map(_) => diagnostic.help("put maps together with `{...first, ...second}`"),
                _ => diagnostic.help("`+` takes numbers, texts and lists"),
            });
            ty = Type::error();
        }
        let mut rest = Vec::with_capacity(binary.rest.len());
        for (op, span, operand) in &binary.rest {
            let operator = self.operator(*op, *span);
            let value = self.addend(&mut ty, operator, operand);
            rest.push((operator, value));
        }
        if ty.is_unknown() { (Type::error(), ExprNode::Error) } else { (ty, ExprNode::Binary(Box::new(first), rest)) }
    }

    fn addend(&mut self, ty: &mut Type, operator: Operator, operand: &Expr) -> hir::Expr {
        let value = self.expr(operand, &Expected::any());
        if value.ty.is_unknown() || ty.is_unknown() {
            return value;
        }
        if operator.op == BinaryOp::Subtract && *ty != Type::Int {
            let message = format!("`-` takes numbers, and this is of type `{ty}`");
            self.report(Diagnostic::error(codes::OPERATOR, operator.at, message));
            *ty = Type::error();
            return value;
        }
        match (&*ty, &value.ty) {
            (Type::List(_), other) if ty.join(other).is_some() && matches!(other, Type::List(_)) => {
                *ty = ty.join(other).unwrap_or_else(Type::error);
                value
            }
            (Type::Int, Type::Int) | (Type::String, Type::String) => value,
            (own, other) => {
                let diagnostic = Diagnostic::error(
                    codes::OPERATOR,
                    operator.at,
                    format!("`{}` cannot join `{own}` and `{other}`", operator.op.text()),
                )
                .also(value.at, format!("this is of type `{other}`"));
                self.report(match (own, other) {
                    (Type::String, Type::Int | Type::Bool | Type::Enum(..)) => {
                        let text = self.text(value.at.span);
                        diagnostic.help("put the value into the text: `\"…${value}\"`").fix(
                            "make a text of it",
                            value.at,
                            format!("\"${{{text}}}\""),
                        )
                    }
                    (Type::Int, Type::String) => diagnostic.help("put the number into the text: `\"${number}…\"`"),
                    (Type::List(_), _) => diagnostic.help("put a single element into brackets: `values + [value]`"),
                    (_, Type::Optional(_)) => diagnostic.help("say what to take where it is `none`, with `??`"),
                    _ => diagnostic,
                });
                *ty = Type::error();
                value
            }
        }
    }

    fn comparison(
        &mut self,
        left: &Expr,
        op: BinaryOp,
        span: hlb_language::span::Span,
        right: &Expr,
    ) -> (Type, ExprNode) {
        let operator = self.operator(op, span);
        // A bare variant says its type only by what it is compared with.
        let (first, second) = if self.needs_hint(left) {
            let second = self.expr(right, &Expected::any());
            (self.expr(left, &hint(&second.ty)), second)
        } else {
            let first = self.expr(left, &Expected::any());
            let second = self.expr(right, &hint(&first.ty));
            (first, second)
        };
        if first.ty.is_unknown() || second.ty.is_unknown() {
            return (Type::Bool, ExprNode::Error);
        }
        for (side, other) in [(&first, &second), (&second, &first)] {
            let never = !matches!(other.ty, Type::Optional(_) | Type::Var(_) | Type::Never);
            if is_none(side) && never {
                let message = format!("a value of type `{}` is never `none`", other.ty);
                self.report(
                    Diagnostic::error(codes::MISMATCH, side.at, message).also(other.at, "this always has a value"),
                );
                return (Type::Bool, ExprNode::Error);
            }
        }
        let ordered = !matches!(op, BinaryOp::Equal | BinaryOp::NotEqual);
        let joined = first.ty.join(&second.ty);
        let refused = match &joined {
            None => Some(format!("`{}` and `{}` cannot be compared", first.ty, second.ty)),
            Some(Type::Int | Type::String | Type::Never) => None,
            Some(ty) if ordered => Some(format!("values of type `{ty}` have no order")),
            // Whether there is a value at all can be asked of everything that may be `none`.
            Some(Type::Optional(_)) if is_none(&first) || is_none(&second) => None,
            Some(ty) if !self.declared.program.is_data(ty) => Some(format!("values of type `{ty}` cannot be compared")),
            Some(_) => None,
        };
        if let Some(message) = refused {
            let diagnostic = Diagnostic::error(codes::OPERATOR, operator.at, message)
                .also(first.at, format!("this is of type `{}`", first.ty))
                .also(second.at, format!("this is of type `{}`", second.ty));
            let optional = matches!(&first.ty, Type::Optional(_)) || matches!(&second.ty, Type::Optional(_));
            self.report(if ordered && optional {
                diagnostic.help("say what to take where it is `none`, with `??`")
            } else {
                diagnostic
            });
            return (Type::Bool, ExprNode::Error);
        }
        (Type::Bool, ExprNode::Binary(Box::new(first), vec![(operator, second)]))
    }

    /// Whether an expression is a name that means nothing by itself, so perhaps a variant.
    fn needs_hint(&self, expr: &Expr) -> bool {
        let Some(callee) = expr.as_name() else { return false };
        callee.member.is_none() && !self.scopes.has(&callee.head.text) && self.is_undefined(&callee.head.text)
    }

    /// `a ?? b`
    fn otherwise(&mut self, binary: &ast::BinaryExpr, expected: &Expected) -> (Type, ExprNode) {
        let first = self.expr(&binary.first, &Expected::any());
        let mut ty = first.ty.clone();
        let mut rest = Vec::with_capacity(binary.rest.len());
        for (op, span, operand) in &binary.rest {
            let operator = self.operator(*op, *span);
            let inner = match &ty {
                Type::Optional(inner) => (**inner).clone(),
                Type::Unknown(_) => Type::error(),
                never => {
                    let message = format!("this is never `none`: it is of type `{never}`");
                    let at = rest.last().map_or(first.at, |(_, before): &(Operator, hir::Expr)| before.at);
                    self.report(
                        Diagnostic::warning(codes::NEVER_NONE, at, message)
                            .also(operator.at, "so what is behind this is never taken")
                            .help("remove `??` and what is behind it"),
                    );
                    never.clone()
                }
            };
            let wanted = match &inner {
                Type::Never => expected.clone(),
                known => Expected::just(known.clone()),
            };
            let open = matches!(wanted.types(), [_]).then(|| wanted.types().first().cloned()).flatten();
            let value = self.expr(operand, &open.map_or_else(|| wanted.clone(), |ty| Expected::just(ty.optional())));
            ty = inner.join(&value.ty).unwrap_or_else(Type::error);
            rest.push((operator, value));
        }
        (ty, ExprNode::Binary(Box::new(first), rest))
    }

    /// An error in place of an expression.
    pub(super) fn refused(&mut self, at: Location, diagnostic: Diagnostic) -> hir::Expr {
        self.report(diagnostic);
        error(at)
    }
}

/// What the other side of a comparison tells: the variants of an enum, the elements of a list.
fn hint(ty: &Type) -> Expected {
    match ty {
        Type::Enum(..) => Expected::or_none(ty.clone()),
        Type::Optional(inner) if matches!(**inner, Type::Enum(..)) => Expected::or_none((**inner).clone()),
        _ => Expected::any(),
    }
}

fn is_none(expr: &hir::Expr) -> bool {
    matches!(expr.node, ExprNode::None)
}
