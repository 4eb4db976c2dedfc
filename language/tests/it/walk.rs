//! The parts of each node: one step down the tree, whatever the node is.

use hlb_language::ast::{Arg, Block, Decl, Element, Entry, Expr, Param, Pattern, PostfixOp, Stmt, StringPart};
use hlb_language::span::Span;

/// The expressions and blocks directly in a node.
#[derive(Default)]
pub(crate) struct Parts<'t> {
    pub(crate) exprs: Vec<&'t Expr>,
    pub(crate) blocks: Vec<&'t Block>,
    /// The extents of other nodes in it.
    pub(crate) spans: Vec<Span>,
}

impl<'t> Parts<'t> {
    fn params(&mut self, params: &'t [Param]) {
        for param in params {
            self.spans.extend([param.span, param.ty.span(), param.name.span]);
            self.exprs.extend(param.default.as_deref());
        }
    }

    fn args(&mut self, args: &'t [Arg]) {
        self.spans.extend(args.iter().map(Arg::span));
        self.exprs.extend(args.iter().map(Arg::expr));
    }
}

/// The parts of a declaration.
pub(crate) fn decl(node: &Decl) -> Parts<'_> {
    let mut parts = Parts::default();
    match node {
        Decl::Import(import) => parts.exprs.push(&import.source),
        Decl::Export(export) => parts.spans.push(export.name.span),
        Decl::Func(func) => {
            parts.spans.extend([func.result.span(), func.name.span]);
            parts.params(&func.params);
            parts.params(func.options.as_ref().map_or(&[], |options| &options.options));
            parts.params(func.binds.as_ref().map_or(&[], |binds| &binds.effects));
            parts.blocks.extend(&func.body);
        }
        Decl::Let(constant) => {
            parts.spans.push(constant.name.span);
            parts.exprs.push(&constant.value);
        }
        Decl::Record(record) => {
            parts.spans.extend([record.name.span, record.body]);
            parts.spans.extend(record.fields.iter().map(|field| field.span));
            parts.exprs.extend(record.fields.iter().filter_map(|field| field.default.as_deref()));
        }
        Decl::Enum(decl) => {
            parts.spans.extend([decl.name.span, decl.body]);
            parts.spans.extend(decl.variants.iter().map(|variant| variant.span));
        }
        Decl::Test(test) => {
            parts.spans.push(test.name.span);
            parts.blocks.push(&test.body);
        }
        Decl::Error(_) => {}
    }
    parts
}

/// The parts of a statement.
pub(crate) fn stmt(node: &Stmt) -> Parts<'_> {
    let mut parts = Parts::default();
    match node {
        Stmt::Call(call) => {
            parts.spans.push(call.callee.span);
            parts.spans.extend(call.parens);
            parts.args(&call.args);
            parts.exprs.extend(call.with.as_ref().map(|with| &with.expr));
            parts.spans.extend(call.bind.as_ref().map(|bind| bind.span));
        }
        Stmt::Expr(stmt) => parts.exprs.push(&stmt.expr),
        Stmt::Let(binding) => {
            parts.spans.push(binding.name.span);
            parts.exprs.push(&binding.value);
        }
        Stmt::For(each) => {
            parts.spans.extend(each.names.iter().map(|name| name.span));
            parts.exprs.push(&each.items);
            parts.blocks.push(&each.body);
        }
        Stmt::Assert(assert) => {
            parts.exprs.push(&assert.condition);
            parts.exprs.extend(&assert.message);
        }
        Stmt::Error(error) => parts.blocks.extend(&error.blocks),
    }
    parts
}

/// The parts of an expression.
pub(crate) fn expr(node: &Expr) -> Parts<'_> {
    let mut parts = Parts::default();
    match node {
        Expr::Func(func) => parts.blocks.push(&func.body),
        Expr::String(string) => {
            for part in &string.parts {
                match part {
                    StringPart::Text(span) | StringPart::Escape(span) => parts.spans.push(*span),
                    StringPart::Interpolation(span, inner) => {
                        parts.spans.push(*span);
                        parts.exprs.extend(inner.as_deref());
                    }
                }
            }
        }
        Expr::Call(call) => {
            parts.spans.push(call.callee.span);
            parts.args(call.args.as_ref().map_or(&[], |(_, args)| args));
        }
        Expr::Postfix(postfix) => {
            parts.exprs.push(&postfix.base);
            for op in &postfix.ops {
                match op {
                    PostfixOp::Field(name) => parts.spans.push(name.span),
                    PostfixOp::Call(span, args) => {
                        parts.spans.push(*span);
                        parts.args(args);
                    }
                    PostfixOp::Index(span, index) => {
                        parts.spans.push(*span);
                        parts.exprs.push(index);
                    }
                }
            }
        }
        Expr::Unary(unary) => parts.exprs.push(&unary.operand),
        Expr::Binary(binary) => {
            parts.exprs.push(&binary.first);
            for (_, span, operand) in &binary.rest {
                parts.spans.push(*span);
                parts.exprs.push(operand);
            }
        }
        Expr::Paren(_, inner) => parts.exprs.push(inner),
        Expr::List(list) => {
            for element in &list.elements {
                let (Element::Value(value) | Element::Spread(_, value)) = element;
                parts.exprs.push(value);
            }
        }
        Expr::Map(map) => {
            for entry in &map.entries {
                match entry {
                    Entry::Pair(key, value) => parts.exprs.extend([key, value]),
                    Entry::Spread(span, value) => {
                        parts.spans.push(*span);
                        parts.exprs.push(value);
                    }
                }
            }
        }
        Expr::For(each) => {
            parts.spans.extend(each.names.iter().map(|name| name.span));
            parts.exprs.push(&each.items);
            parts.exprs.extend(each.key.iter().chain([&each.value]).chain(&each.condition));
        }
        Expr::Lambda(lambda) => {
            parts.params(&lambda.params);
            parts.spans.push(lambda.result.span());
            parts.blocks.push(&lambda.body);
        }
        Expr::If(choice) => {
            for branch in &choice.branches {
                parts.spans.push(branch.span);
                parts.exprs.push(&branch.condition);
                parts.blocks.push(&branch.body);
            }
            parts.blocks.extend(&choice.otherwise);
        }
        Expr::Match(choice) => {
            parts.exprs.push(&choice.value);
            parts.spans.push(choice.body);
            for arm in &choice.arms {
                parts.spans.push(arm.span);
                parts.spans.extend(arm.patterns.iter().map(Pattern::span));
                parts.blocks.push(&arm.body);
            }
        }
        Expr::Int(_) | Expr::Bool(_) | Expr::None(_) | Expr::Error(_) => {}
    }
    parts
}
