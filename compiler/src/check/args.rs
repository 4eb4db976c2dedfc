//! Arguments: which fills which parameter.
//!
//! Owns their number, order, names and types, and what type parameters stand for in a call.

use ecow::EcoString;
use hlb_language::ast::{self, Arg, Expr};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::span::Span;
use smallvec::{SmallVec, smallvec};

use super::call::{Called, Resolved, What};
use super::{Checker, message};
use crate::codes;
use crate::hir::{self, Callee, Item, Param};
use crate::suggest;
use crate::types::{Bindings, Expected, Type, substitute};

/// What fills a parameter, while arguments are gone through.
enum Slot {
    Empty,
    One(hir::Expr),
    Many(Vec<Item>),
}

impl Checker<'_> {
    /// The arguments of a call, one for each parameter. Nothing if they do not fill the parameters, which has been reported.
    pub(super) fn args(
        &mut self,
        resolved: &Resolved,
        args: &[Arg],
        receiver: Option<hir::Expr>,
        called: &Called<'_>,
        expected: &Expected,
    ) -> Option<(Vec<hir::Arg>, Bindings)> {
        let signature = resolved.signature.clone();
        if let What::Callee(Callee::OwnBind(_)) = resolved.what {
            return self.own_args(called, resolved, args).map(|args| (args, Bindings::default()));
        }
        let is_wrong =
            self.options_without_with(called.path, resolved, args) || !self.arity(resolved, args, &receiver, called);
        if is_wrong && !self.probing() {
            self.stray(args);
            return None;
        }
        let mut bindings = Bindings::new(&signature.type_params);
        if let Some(wanted) = expected.first()
            && !bindings.is_empty()
            && args.is_empty()
        {
            bindings.learn(&signature.result, wanted);
        }
        let empty = |param: &Param| if param.variadic { Slot::Many(Vec::new()) } else { Slot::Empty };
        let mut slots: Vec<Slot> = signature.params.iter().map(empty).collect();
        let mut next = 0;
        let behind = receiver.is_some();
        if let (Some(receiver), Some(param)) = (receiver, signature.params.first()) {
            bindings.learn(&param.ty, &receiver.ty);
            self.fill(&mut slots, 0, param, receiver, false, &mut bindings);
            next = usize::from(!param.variadic);
        }
        for arg in args {
            let argument = match arg {
                Arg::Named(_, name, _) => {
                    signature.params.iter().position(|param| param.name.text == name.text).unwrap_or(next)
                }
                Arg::Value(_) | Arg::Spread(..) => next,
            };
            self.enter_argument(resolved, argument, args, behind);
            match arg {
                Arg::Value(expr) => {
                    let Some(param) = signature.params.get(next) else {
                        // Too many have been reported; what is written may still be asked about.
                        self.expr(expr, &Expected::any());
                        self.leave_argument();
                        continue;
                    };
                    let value = self.argument(expr, param, param.variadic, &bindings);
                    self.fill(&mut slots, next, param, value, false, &mut bindings);
                    next += usize::from(!param.variadic);
                }
                Arg::Spread(_, expr) => {
                    let Some(param) = signature.params.get(next) else {
                        self.leave_argument();
                        continue;
                    };
                    let list = Expected::just(open(&bindings, &param.ty).list());
                    let list = if param.ty == Type::Pipeline { Expected::any() } else { list };
                    let value = self.expr(expr, &list);
                    self.fill(&mut slots, next, param, value, true, &mut bindings);
                }
                Arg::Named(_, name, expr) => {
                    let index = signature.params.iter().position(|param| param.name.text == name.text);
                    let Some((index, param)) = index.and_then(|at| Some((at, signature.params.get(at)?))) else {
                        self.leave_argument();
                        continue;
                    };
                    self.refer_param(resolved, index, name.span);
                    if param.variadic {
                        let list = Expected::just(open(&bindings, &param.ty).list());
                        let value = self.expr(expr, &list);
                        self.fill(&mut slots, index, param, value, true, &mut bindings);
                    } else {
                        let value = self.argument(expr, param, false, &bindings);
                        self.fill(&mut slots, index, param, value, false, &mut bindings);
                    }
                }
            }
            self.leave_argument();
        }
        let filled: Vec<hir::Arg> = slots
            .into_iter()
            .map(|slot| match slot {
                Slot::Empty => hir::Arg::Default,
                Slot::One(expr) => hir::Arg::One(expr),
                Slot::Many(items) => hir::Arg::Many(items),
            })
            .collect();
        if let What::Callee(Callee::Builtin(id)) = resolved.what {
            self.rules(id, &filled);
        }
        Some((filled, bindings))
    }

    fn argument(&mut self, expr: &Expr, param: &Param, variadic: bool, bindings: &Bindings) -> hir::Expr {
        let wanted = open(bindings, &param.ty);
        // Of a value and `none`, a type parameter stands for what may be none.
        let of_any = matches!(&param.ty, Type::Var(name) if bindings.has(name)) && wanted != Type::Pipeline;
        let expected = if of_any { Expected::or_none(wanted) } else { Expected::argument(&wanted) };
        let expected = if variadic && !expected.is_any() { expected.or_list() } else { expected };
        self.expr(expr, &expected)
    }

    /// Puts a value where it belongs, and sees whether it is what type parameters stand for there.
    fn fill(
        &mut self,
        slots: &mut [Slot],
        index: usize,
        param: &Param,
        value: hir::Expr,
        spread: bool,
        bindings: &mut Bindings,
    ) {
        let mut spread = spread;
        if !bindings.is_empty() && !matches!(value.node, hir::ExprNode::Error) {
            let item = match &value.ty {
                Type::List(item) if spread => (**item).clone(),
                other => other.clone(),
            };
            bindings.learn(&param.ty, &item);
            let wanted = bindings.finish(&param.ty);
            if !self.fits(&item, &Expected::argument(&wanted), value.at, None) {
                return;
            }
        }
        if param.variadic && !spread {
            // A list in the place of one value stands for all of its values.
            let wanted = Expected::argument(&bindings.finish(&param.ty));
            spread = !wanted.takes(&value.ty) && matches!(value.ty, Type::List(_));
        }
        match slots.get_mut(index) {
            Some(Slot::Many(items)) => items.push(Item { spread, expr: value }),
            Some(slot) => *slot = Slot::One(value),
            None => {}
        }
    }

    fn refer_param(&mut self, resolved: &Resolved, index: usize, span: Span) {
        let target = match &resolved.what {
            What::Callee(Callee::Func(id)) => hir::Target::Param(*id, index),
            What::Record(id) => hir::Target::Field(*id, index),
            What::Callee(_) => return,
        };
        self.refer(span, target);
    }

    /// Whether the arguments can fill the parameters by number and name; reports it if not.
    fn arity(&mut self, resolved: &Resolved, args: &[Arg], receiver: &Option<hir::Expr>, called: &Called<'_>) -> bool {
        let params = &resolved.signature.params;
        let variadic = params.last().is_some_and(|param| param.variadic);
        let most = params.len() - usize::from(variadic);
        let mut count = usize::from(receiver.is_some());
        let mut given: SmallVec<[bool; 8]> = smallvec![false; params.len()];
        let mut good = true;
        if let Some(slot) = given.first_mut().filter(|_| receiver.is_some()) {
            *slot = true;
        }
        let mut named: Option<Span> = None;
        for arg in args {
            match arg {
                Arg::Value(_) | Arg::Spread(..) => {
                    if let Some(before) = named {
                        let at = self.at(arg.span());
                        let before = self.at(before);
                        self.report(
                            Diagnostic::error(
                                codes::NAMED_ARGUMENT,
                                at,
                                "an argument without a name stands behind one with a name",
                            )
                            .also(before, "this one has a name")
                            .help("move it to the front, or give it its name"),
                        );
                        return false;
                    }
                    if let Arg::Spread(span, _) = arg
                        && !(variadic && count >= most)
                    {
                        let at = self.at(*span);
                        let list = params.get(count).is_some_and(|param| matches!(param.ty, Type::List(_)));
                        let diagnostic = Diagnostic::error(
                            codes::SPREAD,
                            at,
                            "only a variadic parameter takes the elements of a list",
                        );
                        self.report(if list {
                            diagnostic.help("pass the list itself, without the dots")
                        } else {
                            diagnostic
                        });
                        return false;
                    }
                    if let Some(slot) = given.get_mut(count.min(params.len().saturating_sub(1))) {
                        *slot = true;
                    }
                    count += 1;
                }
                Arg::Named(span, name, _) => {
                    named = named.or(Some(*span));
                    match params.iter().position(|param| param.name.text == name.text && !name.text.is_empty()) {
                        None => {
                            self.report_no_param(resolved, name);
                            good = false;
                        }
                        Some(index) => {
                            let before = given.get_mut(index).is_some_and(|slot| std::mem::replace(slot, true));
                            if before {
                                let at = self.at(name.span);
                                let message = format!("`{}` has been given already", name.text);
                                self.report(
                                    Diagnostic::error(codes::NAMED_ARGUMENT, at, message)
                                        .help("give each argument once"),
                                );
                                good = false;
                            }
                        }
                    }
                }
            }
        }
        let found = args.len() + usize::from(receiver.is_some());
        if count > most && !variadic {
            self.report_arity(resolved, args, found, called, &[]);
            return false;
        }
        let missing: Vec<EcoString> = params
            .iter()
            .zip(&given)
            .filter(|(param, given)| !**given && !param.optional && !param.variadic)
            .map(|(param, _)| param.name.text.clone())
            .collect();
        if !missing.is_empty() && good {
            self.report_arity(resolved, args, found, called, &missing);
        }
        good && missing.is_empty()
    }

    fn report_no_param(&mut self, resolved: &Resolved, name: &ast::Ident) {
        let params: Vec<&str> = resolved.signature.params.iter().map(|param| param.name.text.as_str()).collect();
        let at = self.at(name.span);
        let what = if matches!(resolved.what, What::Record(_)) { "field" } else { "parameter" };
        let message = format!("`{}` has no {what} `{}`", resolved.name, name.text);
        let mut diagnostic = Diagnostic::error(codes::NAMED_ARGUMENT, at, message);
        if let Some(defined) = resolved.defined {
            diagnostic = diagnostic.also(defined, "defined here");
        }
        let option = resolved.signature.options.iter().any(|option| option.name.text == name.text);
        let near = suggest::nearest(&name.text, params.iter().copied());
        self.report(match near {
            _ if option => diagnostic.help(format!("`{0}` is an option: write `with option {{ {0} … }}`", name.text)),
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("replace `{}` by `{near}`", name.text),
                at,
                near,
            ),
            None if params.iter().all(|param| param.is_empty()) => diagnostic.help("write arguments without names"),
            None => diagnostic.help(format!("it has {}", super::list(&params))),
        });
    }

    /// Arguments of a name that this function has bound itself: none, or its own parameters, which are the same anyway.
    fn own_args(&mut self, called: &Called<'_>, resolved: &Resolved, args: &[Arg]) -> Option<Vec<hir::Arg>> {
        let params = &resolved.signature.params;
        let same = args.len() == params.len()
            && args.iter().zip(params).all(|(arg, param)| match arg {
                Arg::Value(Expr::Call(call)) => {
                    call.callee.member.is_none() && call.args.is_none() && call.callee.head.text == param.name.text
                }
                _ => false,
            });
        if same || args.is_empty() {
            return Some(Vec::new());
        }
        let name = &resolved.name;
        let at = self.at(called.path.span);
        let mut diagnostic = Diagnostic::error(
            codes::RECURSION,
            at,
            format!("`{name}` with other arguments would evaluate this function from within itself"),
        )
        .help(format!("write `{name}` without arguments for what this call has bound"));
        if let Some(defined) = resolved.defined {
            diagnostic = diagnostic.also(defined, "bound here");
        }
        self.report(diagnostic);
        None
    }

    /// Whether the last argument is a block of options that only lacks the word in front of it; reports it.
    fn options_without_with(&mut self, callee: &ast::Path, resolved: &Resolved, args: &[Arg]) -> bool {
        let Some(Arg::Value(Expr::Func(literal))) = args.last() else { return false };
        let word = &literal.kind.text;
        let own = *word == "option" || word.strip_prefix("option::").is_some_and(|name| *name == callee.head.text);
        let params = &resolved.signature.params;
        let param = params.get(args.len() - 1).or(params.last().filter(|param| param.variadic));
        if !own || param.is_some_and(|param| param.ty.is_option()) {
            return false;
        }
        let name = self.text(callee.span).to_owned();
        let at = self.at(literal.span);
        let insert = self.at(Span::at(literal.span.start as usize));
        self.report(
            Diagnostic::error(codes::OPTIONS_WITHOUT_WITH, at, format!("options of `{name}` stand behind `with`"))
                .help(format!("write `with {word} {{ … }}`"))
                .safe_fix("insert `with`", insert, "with "),
        );
        true
    }

    fn report_arity(
        &mut self,
        resolved: &Resolved,
        args: &[Arg],
        count: usize,
        called: &Called<'_>,
        missing: &[EcoString],
    ) {
        let name = self.text(called.path.span).to_owned();
        let params = &resolved.signature.params;
        let variadic = params.last().is_some_and(|param| param.variadic);
        let least = params.iter().filter(|param| !param.optional && !param.variadic).count();
        let most = params.len() - usize::from(variadic);
        let takes = match (variadic, least == most) {
            (true, _) => format!("at least {}", message::arguments(least)),
            (false, true) => message::arguments(least),
            (false, false) => format!("{least} to {}", message::arguments(most)),
        };
        let span = if missing.is_empty() { args.get(most).map_or(called.span, Arg::span) } else { called.path.span };
        let at: Location = self.at(span);
        let shown: Vec<&str> = missing.iter().map(EcoString::as_str).filter(|name| !name.is_empty()).collect();
        let message = match (&resolved.what, shown.as_slice()) {
            (What::Record(_), [field]) => format!("`{name}` needs a value for its field `{field}`"),
            (What::Record(_), [_, _, ..]) => format!("`{name}` needs values for its fields {}", super::list(&shown)),
            _ => format!("`{name}` takes {takes}, found {count}"),
        };
        let mut diagnostic = Diagnostic::error(codes::ARITY, at, message);
        if !shown.is_empty() {
            diagnostic = diagnostic.label(format!("missing {}", super::list(&shown)));
        }
        if let Some(defined) = resolved.defined {
            diagnostic = diagnostic.also(defined, "defined here");
        }
        let parenthesised = matches!(args.last(), Some(Arg::Value(Expr::Call(inner))) if inner.args.is_none());
        let negative = matches!(
            args.last(),
            Some(Arg::Value(Expr::Binary(binary))) if binary.rest.last().is_some_and(|(op, _, _)| *op == ast::BinaryOp::Subtract)
        );
        if parenthesised && missing.is_empty() {
            diagnostic = diagnostic.help("put the arguments of a call that is itself an argument in parentheses");
        } else if negative && !missing.is_empty() {
            diagnostic = diagnostic.help("put a negative number in parentheses: `(-1)`; else it is a subtraction");
        }
        self.report(diagnostic);
    }
}

/// A parameter's type with what is known of type parameters put in; what is not known takes anything.
fn open(bindings: &Bindings, ty: &Type) -> Type {
    if bindings.is_empty() {
        return ty.clone();
    }
    let known = bindings.apply(ty);
    if !bindings.is_open(&known) {
        return known;
    }
    substitute(&known, &|name| bindings.is_open(&Type::Var(name.clone())).then(Type::open))
}
